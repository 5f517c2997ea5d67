"""Arrow IPC files with their schema checked at both ends.

`batch_writer`, `write_batches` and `write_table` are atomic and return the number of rows, bytes and the digest of what was written;
`open_table` maps a local file into memory and reads a remote one; `read_batches` holds a batch. IPC bytes are a function of the batches alone.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa

from corpus.errors import DamageError
from corpus.storage import files

# Arrow's own classes include one that is a MemoryError: a flipped bit can ask for a petabyte.
_UNREADABLE = (pa.ArrowException, OSError, ValueError)


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


def open_reader(
    url: str, schema: pa.Schema | None = None, columns: list[str] | None = None, *, mapped: bool = True
) -> pa.ipc.RecordBatchFileReader:
    """A reader of an IPC file's batches, `mapped` into memory where local, of all columns or of some, in the file's order.

    Raises DamageError where the file is not an IPC file, not of the schema (metadata aside) or lacks a column.
    """
    reader = _open(url, None, mapped=mapped)
    if schema is not None and not reader.schema.equals(schema):
        raise DamageError(f"{url}: its columns are {reader.schema.names}, not {schema.names} of the expected types")
    if columns is None:
        return reader
    full = reader.schema
    missing = [name for name in columns if full.get_field_index(name) < 0]
    if missing:
        raise DamageError(f"{url}: has no column {missing[0]!r}, only {full.names}")
    fields = [full.get_field_index(name) for name in columns]
    return _open(url, pa.ipc.IpcReadOptions(included_fields=fields), mapped=mapped)


def _open(url: str, options: pa.ipc.IpcReadOptions | None, *, mapped: bool) -> pa.ipc.RecordBatchFileReader:
    try:
        local = (pa.memory_map if mapped else pa.OSFile) if files.is_local(url) else None
        source = local(str(files.local_path(url))) if local is not None else files.open_read(url)
        return pa.ipc.open_file(source, options=options)
    except _UNREADABLE as error:
        raise DamageError(f"{url}: cannot be read as an Arrow file ({_first_line(error)})") from error


def open_table(url: str, schema: pa.Schema | None = None, columns: list[str] | None = None) -> pa.Table:
    """The whole file as a table. Columns that are not asked for are not decompressed."""
    reader = open_reader(url, schema, columns)
    try:
        table = reader.read_all()
    except _UNREADABLE as error:
        raise DamageError(f"{url}: cannot be read as an Arrow file ({_first_line(error)})") from error
    return table if columns is None else table.select(columns)


def read_batches(
    url: str, schema: pa.Schema | None = None, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """A file's batches one after the other. Memory: one of them. Raises as `open_table`.

    A local file is read and not mapped: what was read of a mapped one counts as the process's memory until it is closed.
    """
    reader = open_reader(url, schema, columns, mapped=False)
    for number in range(reader.num_record_batches):
        try:
            batch = reader.get_batch(number)
        except _UNREADABLE as error:
            raise DamageError(f"{url}: cannot be read as an Arrow file ({_first_line(error)})") from error
        yield batch if columns is None else batch.select(columns)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
