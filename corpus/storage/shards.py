"""The final shard: one Arrow IPC file that a trainer reads with NumPy alone.

Reads: one record batch of `corpus.schema.tokens_schema` (a slice is as good as a whole batch).
Writes, uncompressed:

    "ARROW1\\0\\0" | schema | one record batch: header, body | end of stream | footer
                                                      body = boundaries (documents + 1,) int64, from 0
                                                             tokens     (tokens,) uint16 | uint32
                                                             the other columns

Invariants: the tokens begin at a multiple of 64 bytes in the file; no document is empty; equal rows and metadata give
equal bytes, whatever larger batch or builder the rows came from. Arrow aligns a body to 8 bytes only, so the schema's
metadata carries a `pad` that moves it.
Cost: one pass over the buffers. They go from Arrow to the file uncopied, in pieces of at most 8 MiB.
"""

import dataclasses
import io
import os
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from corpus.errors import DamageError
from corpus.schema import tokens_schema
from corpus.storage.arrow_bounds import UNREADABLE, BoundedReader
from corpus.storage.run_marker import not_readable

#: Bytes; a cache line, and the widest vector load.
ALIGNMENT = 64

#: Bytes handed to the file at once: an object store's file buffers what it is given.
WRITE_BYTES = 8 << 20

PAD_KEY = "pad"

_TOKENS = tuple(tokens_schema(size).field("tokens").type for size in (1 << 16, (1 << 16) + 1))
_SCHEMAS = (tokens_schema(1 << 16), tokens_schema((1 << 16) + 1))


class BinarySink(Protocol):
    """A file open for writing bytes: a local one, fsspec's, or `corpus.storage.files.DigestingWriter`."""

    def write(self, data: memoryview, /) -> int: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardLayout:
    """What the manifest must know of a shard to read it without Arrow; offsets are bytes from the file's beginning."""

    token_offset: int
    boundary_offset: int
    token_dtype: str  # "uint16" | "uint32", little-endian
    documents: int
    tokens: int
    file_bytes: int
    digest: bytes  # XXH3-128 of the file


def write_shard(
    target: str | os.PathLike[str] | BinarySink, batch: pa.RecordBatch, metadata: Mapping[str, str]
) -> ShardLayout:
    """Writes one shard and says where its parts lie.

    `target` is a local path, or a binary file open for writing (which stays open: fsspec's upload ends with its
    `close`). Nothing is renamed here; corpus.storage.files.atomic_writer does that.

    Raises ValueError for a batch of another schema, with a null, without documents or with an empty one, and for the
    metadata key `pad`.
    """
    if not isinstance(target, str | os.PathLike):
        return _write(target, batch, metadata)
    with open(target, "wb") as file:
        return _write(file, batch, metadata)


def read_shard(path: str | os.PathLike[str]) -> pa.Table:
    """The shard as a memory-mapped table, for inspection: nothing is copied, nothing but offsets and names is read.

    Columns beside the tokens are as the version that wrote it has them. Raises DamageError when the file is missing or no Arrow
    file, and VersionError where another version wrote it as no tokens in one record batch.
    """
    try:
        with pa.memory_map(os.fspath(path)) as source:
            reader = BoundedReader(source)
            batches = reader.num_record_batches
            if "tokens" not in reader.schema.names or reader.schema.field("tokens").type not in _TOKENS:
                raise not_readable(os.fspath(path), f"has no tokens of a shard, but {reader.schema.names}")
            table = reader.read_all()
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        raise DamageError(f"{path}: not a readable shard: {reason}; verify the run") from error
    if batches != 1:
        raise not_readable(os.fspath(path), f"holds {batches} record batches, a shard holds 1")
    return table


def _write(file: BinarySink, batch: pa.RecordBatch, metadata: Mapping[str, str]) -> ShardLayout:
    if batch.schema.remove_metadata() not in _SCHEMAS:
        raise ValueError(f"a shard takes the columns of corpus.schema.tokens_schema, not {batch.schema.names}")
    if PAD_KEY in metadata:
        raise ValueError(f"metadata key {PAD_KEY!r} is taken: it aligns the tokens")
    if batch.num_rows == 0:
        raise ValueError("a shard holds at least one document")
    if any(column.null_count for column in batch.columns):
        raise ValueError("a shard has no nulls")
    columns = [_exact(column) for column in batch.columns]
    boundaries, values = columns[0].buffers()[1], columns[0].buffers()[3]
    if int(np.diff(np.frombuffer(boundaries, np.int64)).min()) < 1:
        raise ValueError("a document without tokens: each ends with the end-of-document id at least")

    # Once into nothing, to see where the tokens would lie. The pad is empty there, and a multiple of 8 afterwards, as
    # every part of an IPC stream is, so the second writing moves them by exactly its length.
    measured = _write_columns(None, columns, _padded_schema(batch.schema, metadata, pad=0))
    pad = -measured.positions[values.address] % ALIGNMENT
    written = _write_columns(file, columns, _padded_schema(batch.schema, metadata, pad=pad))
    token_offset = written.positions[values.address]
    if token_offset % ALIGNMENT:
        raise RuntimeError(f"pyarrow {pa.__version__} laid the tokens at {token_offset}, not a multiple of {ALIGNMENT}")
    return ShardLayout(
        token_offset=token_offset,
        boundary_offset=written.positions[boundaries.address],
        token_dtype=str(batch.schema.field("tokens").type.value_type),
        documents=batch.num_rows,
        tokens=len(columns[0].values),
        file_bytes=written.position,
        digest=written.hash.digest(),
    )


def _padded_schema(schema: pa.Schema, metadata: Mapping[str, str], *, pad: int) -> pa.Schema:
    return schema.with_metadata({**dict(sorted(metadata.items())), PAD_KEY: " " * pad})


def _write_columns(file: BinarySink | None, columns: list[pa.Array], schema: pa.Schema) -> "_Sink":
    sink = _Sink(file)
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    return sink


class _Sink(io.RawIOBase):
    """Passes what Arrow writes on to a file (or to nothing), hashes it, and notes where each of its buffers landed.

    Arrow hands buffers over as they are; `positions` maps a buffer's address in memory to its place in the file. A
    pyarrow that copied them would end in a KeyError, not in a wrong offset.
    """

    def __init__(self, file: BinarySink | None) -> None:
        self.file = file
        self.hash = xxhash.xxh3_128()
        self.position = 0
        self.positions: dict[int, int] = {}

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if isinstance(data, pa.Buffer):
            self.positions[data.address] = self.position
        view = memoryview(data).cast("B")
        for begin in range(0, len(view) if self.file is not None else 0, WRITE_BYTES):
            self._pass_on(view[begin : begin + WRITE_BYTES])
        self.position += len(view)
        return len(view)

    def _pass_on(self, piece: memoryview) -> None:
        assert self.file is not None
        self.hash.update(piece)
        while piece:  # an unbuffered file may take less than it is given
            piece = piece[self.file.write(piece) :]


def _exact(column: pa.Array) -> pa.Array:
    """The same values in buffers of exactly their length, with offsets from 0.

    Arrow writes a fixed-width buffer up to 64 bytes beyond its last value where memory goes on: what a neighbouring row
    or an allocator left there would reach the file and its digest.
    """
    begin, rows = column.offset, len(column)
    buffers = column.buffers()
    if pa.types.is_large_list(column.type):
        first, last, offsets = _rebased(buffers[1], np.dtype(np.int64), begin, rows)
        values = _fixed_width(column.type.value_type, buffers[3], begin=column.values.offset + first, rows=last - first)
        return pa.Array.from_buffers(column.type, rows, [None, offsets], children=[values])
    if pa.types.is_string(column.type):
        first, last, offsets = _rebased(buffers[1], np.dtype(np.int32), begin, rows)
        text = buffers[2].slice(first, last - first) if last > first else pa.py_buffer(b"")
        return pa.Array.from_buffers(column.type, rows, [None, offsets, text])
    return _fixed_width(column.type, buffers[1], begin=begin, rows=rows)


def _rebased(buffer: pa.Buffer, dtype: np.dtype[Any], begin: int, rows: int) -> tuple[int, int, pa.Buffer]:
    """The first and the last of rows + 1 offsets, and all of them less the first."""
    offsets: NDArray[Any] = np.frombuffer(buffer, dtype, rows + 1, begin * dtype.itemsize)
    return int(offsets[0]), int(offsets[-1]), pa.py_buffer(offsets - offsets[0])


def _fixed_width(kind: pa.DataType, buffer: pa.Buffer, *, begin: int, rows: int) -> pa.Array:
    width = kind.bit_width // 8
    return pa.Array.from_buffers(kind, rows, [None, buffer.slice(begin * width, rows * width)])
