"""Arrow IPC files with their schema checked at both ends.

`batch_writer`, `write_batches` and `write_table` are atomic and return the number of rows, bytes and the digest of what was written;
`open_table` maps a local file into memory and reads a remote one. IPC bytes are a function of the batches alone.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa

from corpus.errors import DamageError
from corpus.storage import files
from corpus.storage.arrow_bounds import UNREADABLE, BoundedReader


@dataclasses.dataclass(frozen=True)
class Written:
    """What a finished file holds; stands in the record of the work item that wrote it."""

    rows: int
    bytes: int
    digest: str


class BatchWriter:
    """Writes batches of one schema to a file; `written` is there once the file is."""

    def __init__(self, url: str, schema: pa.Schema, writer: pa.RecordBatchFileWriter) -> None:
        self._url, self._schema, self._writer = url, schema, writer
        self._rows = 0
        self._written: Written | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Raises ValueError where the batch is not of the file's schema."""
        if not batch.schema.equals(self._schema):
            raise ValueError(f"{self._url}: a batch has schema {batch.schema}, the file {self._schema}")
        self._rows += batch.num_rows
        self._writer.write_batch(batch)

    @property
    def written(self) -> Written:
        if self._written is None:
            raise ValueError(f"{self._url}: not finished yet")
        return self._written


@contextmanager
def batch_writer(url: str, schema: pa.Schema, *, compression: str | None = "zstd") -> Iterator[BatchWriter]:
    """A writer whose file appears whole, or, after an exception, not at all. Memory: one batch."""
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with files.atomic_writer(url) as sink:
        with pa.ipc.new_file(pa.PythonFile(sink, mode="w"), schema, options=options) as writer:
            batches = BatchWriter(url, schema, writer)
            yield batches
        written = Written(rows=batches._rows, bytes=sink.written_bytes, digest=sink.digest().hex())
    batches._written = written


def write_batches(
    url: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, compression: str | None = "zstd"
) -> Written:
    """Writes batches as one IPC file."""
    with batch_writer(url, schema, compression=compression) as writer:
        for batch in batches:
            writer.write(batch)
    return writer.written


def write_table(url: str, table: pa.Table, schema: pa.Schema, *, compression: str | None = "zstd") -> Written:
    return write_batches(url, schema, table.combine_chunks().to_batches(), compression=compression)


def written(url: str) -> Written:
    """What the record of a file that is there says of it. Memory: the file."""
    return Written(rows=open_table(url).num_rows, bytes=files.size(url), digest=files.digest(url))


class BatchReader:
    """The batches of an IPC file, checked as corpus.storage.arrow_bounds has it; DamageError names the file."""

    def __init__(self, url: str, reader: BoundedReader) -> None:
        self._url, self._reader = url, reader
        self.schema, self.num_record_batches = reader.schema, reader.num_record_batches

    def get_batch(self, number: int) -> pa.RecordBatch:
        with _damage_of(self._url):
            return self._reader.get_batch(number)

    def read_all(self) -> pa.Table:
        with _damage_of(self._url):
            return self._reader.read_all()


def open_reader(url: str, schema: pa.Schema | None = None, columns: list[str] | None = None) -> BatchReader:
    """A reader of an IPC file's batches, memory-mapped where local; columns that are not asked for are not decompressed.

    Raises DamageError where the file is not an IPC file, not of the schema (metadata aside), or has no such column.
    """
    with _damage_of(url):
        local = files.is_local(url)
        reader = BoundedReader(
            pa.memory_map(str(files.local_path(url))) if local else pa.PythonFile(files.open_read(url), "r")
        )
    if schema is not None and not reader.schema.equals(schema):
        raise DamageError(f"{url}: its columns are {reader.schema.names}, not {schema.names} of the expected types")
    for name in columns or ():
        if reader.schema.get_field_index(name) < 0:
            raise DamageError(f"{url}: has no column {name!r}, only {reader.schema.names}")
    if columns is not None:
        with _damage_of(url):
            reader.select(columns)
    return BatchReader(url, reader)


def open_table(url: str, schema: pa.Schema | None = None, columns: list[str] | None = None) -> pa.Table:
    """The whole file as a table. Columns that are not asked for are not decompressed."""
    return open_reader(url, schema, columns).read_all()


@contextmanager
def _damage_of(url: str) -> Iterator[None]:
    """What a file cannot be read by, as a DamageError that names it."""
    try:
        yield
    except UNREADABLE as error:
        raise DamageError(f"{url}: cannot be read as an Arrow file ({_first_line(error)})") from error


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
