"""How an Arrow record batch travels between Beam's workers: as Arrow IPC, never pickled.

Pickling a slice carries the buffers of the whole batch: 100 MB for ten rows of a large one, against 10 kB as IPC, which
writes the rows of the slice alone (dictionaries, and the data of string_view and binary_view columns, stand whole). The
bytes are a function of the batch, its schema's metadata included. Importing this module registers the coder for
`pa.RecordBatch`; the graph names its class, so workers import it with the coder.
"""

from typing import Any

import pyarrow as pa
from apache_beam import coders

from corpus.errors import DamageError


class RecordBatchCoder(coders.Coder):
    """One batch as a stream of Arrow IPC: its schema, the batch."""

    def encode(self, value: pa.RecordBatch) -> bytes:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write_batch(value)
        return sink.getvalue().to_pybytes()

    def decode(self, encoded: bytes) -> pa.RecordBatch:
        """Raises DamageError for other bytes."""
        try:
            with pa.ipc.open_stream(encoded) as reader:
                return reader.read_next_batch()
        except (pa.ArrowException, OSError, ValueError, StopIteration) as error:
            raise DamageError(f"a record batch arrived damaged ({len(encoded)} bytes: {error})") from error

    def is_deterministic(self) -> bool:
        return True

    def to_type_hint(self) -> type[pa.RecordBatch]:
        return pa.RecordBatch

    def __eq__(self, other: Any) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


coders.registry.register_coder(pa.RecordBatch, RecordBatchCoder)
