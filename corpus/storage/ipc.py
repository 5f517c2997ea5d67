"""Arrow IPC files with their schema checked at both ends.

`batch_writer`, `write_batches` and `write_table` are atomic and return the number of rows, bytes and the digest of what was written;
`open_reader` and `open_table` map a local file into memory and read ranges of a remote one: the footer by one small request,
each batch by one more. IPC bytes are a function of the batches alone.

Readers raise DamageError for what is no IPC file of the schema, VersionError where another version wrote it, and StoreError where
a store does not answer: neither is damage.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pyarrow as pa

from corpus.errors import DamageError, StoreError
from corpus.storage import files
from corpus.storage.arrow_bounds import UNREADABLE, BoundedReader, batch_of_message
from corpus.storage.pool import REQUESTS_AT_ONCE, concurrently
from corpus.storage.remote_file import RemoteFile
from corpus.storage.run_marker import not_readable

T = TypeVar("T")

#: What of a remote file's end is read at first. The footer of a few columns and batches is some 100 bytes to 3 kB; of a
#: longer one the rest is a second request.
TAIL_BYTES = 4 << 10
#: A remote file of at most so many bytes is read whole where columns of it are wanted: fewer requests are worth more.
SMALL_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Written:
    """What a finished file holds; stands in the record of the work item that wrote it."""

    rows: int
    bytes: int
    digest: str


class BatchWriter:
    """Writes batches of one schema to a file; `written` is there once the file is."""

    def __init__(
        self, url: str, schema: pa.Schema, writer: pa.RecordBatchFileWriter, sink: files.DigestingWriter
    ) -> None:
        self._url, self._schema, self._writer, self._sink = url, schema, writer, sink
        self._rows = 0
        #: Stored bytes [begin, end) of each batch so far, for `read_block`; not of a schema with dictionaries.
        self.blocks: list[tuple[int, int]] = []
        self._written: Written | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Raises ValueError where the batch is not of the file's schema."""
        if not batch.schema.equals(self._schema):
            raise ValueError(f"{self._url}: a batch has schema {batch.schema}, the file {self._schema}")
        self._rows += batch.num_rows
        # Before its first batch a writer puts the file's magic, padded to 8 bytes, and the schema.
        begin = self._sink.written_bytes or 8 + self._schema.serialize().size
        self._writer.write_batch(batch)
        self.blocks.append((begin, self._sink.written_bytes))

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
            batches = BatchWriter(url, schema, writer, sink)
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


def write_table(
    url: str, table: pa.Table, schema: pa.Schema, *, compression: str | None = "zstd", most_rows: int | None = None
) -> Written:
    """Writes a table as one batch, or as batches of `most_rows` rows, of which the last may have fewer."""
    batches = table.combine_chunks().to_batches(max_chunksize=most_rows)
    return write_batches(url, schema, batches, compression=compression)


def written(url: str) -> Written:
    """What the record of a file that is there says of it. Memory: the file."""
    return Written(rows=open_table(url).num_rows, bytes=files.size(url), digest=files.digest(url))


class IpcReader:
    """The batches of an IPC file by their number, memory-mapped where local; checked as corpus.storage.arrow_bounds has it."""

    def __init__(self, url: str, reader: BoundedReader, remote: RemoteFile | None = None) -> None:
        self._url, self._reader, self._remote = url, reader, remote
        self.schema: pa.Schema = reader.schema

    @property
    def num_record_batches(self) -> int:
        return self._reader.num_record_batches

    def get_batch(self, number: int) -> pa.RecordBatch:
        """Raises IndexError for a batch that there is not."""
        if not 0 <= number < self.num_record_batches:
            raise IndexError(f"{self._url}: has {self.num_record_batches} batches, none of number {number}")
        return _reading(self._url, lambda: self._batch(number))

    def read_all(self) -> pa.Table:
        return _reading(self._url, self._reader.read_all)

    def _batch(self, number: int) -> pa.RecordBatch:
        if self._remote is not None and not self._reader.has_selection:
            # Its description and its body by one request.
            self._remote.hold(*self._reader.range_of(number))
        return self._reader.get_batch(number)


def open_reader(
    url: str, schema: pa.Schema | None = None, columns: list[str] | None = None, *, mapped: bool = True
) -> IpcReader:
    """A reader of an IPC file's batches, `mapped` into memory where local; columns that are not asked for are not decompressed.

    Raises DamageError where the file is not an IPC file or not of the schema (metadata aside).
    """
    if not files.is_local(url):
        return _open(url, _tail_first(url), schema, columns)
    source = _mapped(url) if mapped else _reading(url, lambda: pa.OSFile(str(files.local_path(url))))
    return _open(url, source, schema, columns)


def batches_of(url: str, schema: pa.Schema | None = None, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """A file's batches one after the other. Memory: one of them. Raises as `open_table`.

    A local file is read and not mapped: what was read of a mapped one counts as the process's memory until it is closed.
    """
    reader = open_reader(url, schema, columns, mapped=False)
    for number in range(reader.num_record_batches):
        yield reader.get_batch(number)


def read_batch(url: str, number: int, schema: pa.Schema | None = None) -> pa.RecordBatch:
    """One batch of one file."""
    return open_reader(url, schema).get_batch(number)


def read_batches(
    urls: Iterable[str], number: int, schema: pa.Schema | None = None, *, at_once: int = REQUESTS_AT_ONCE
) -> Iterator[pa.RecordBatch]:
    """Batch `number` of each file, in the order of the URLs; of remote files, `at_once` are read at a time."""
    named = list(urls)
    if all(map(files.is_local, named)):
        yield from (read_batch(url, number, schema) for url in named)
    else:
        yield from concurrently(lambda url: read_batch(url, number, schema), named, at_once=at_once)


def read_block(url: str, schema: pa.Schema, begin: int, end: int) -> pa.RecordBatch:
    """The batch that lies in the stored bytes [begin, end), as `BatchWriter.blocks` has them; the footer is not read."""
    data = files.read_range(url, begin, end)
    return _reading(url, lambda: batch_of_message(data, schema))


def open_table(url: str, schema: pa.Schema | None = None, columns: list[str] | None = None) -> pa.Table:
    """The whole file as a table. Columns that are not asked for are not decompressed, and of a large remote file not read."""
    if columns is None:
        source = _mapped(url) if files.is_local(url) else _reading(url, lambda: pa.BufferReader(files.read_bytes(url)))
        return _open(url, source, schema).read_all()
    return _open(
        url, _mapped(url) if files.is_local(url) else _tail_first(url, whole_below=SMALL_BYTES), schema, columns
    ).read_all()


def _mapped(url: str) -> pa.MemoryMappedFile:
    return _reading(url, lambda: pa.memory_map(str(files.local_path(url))))


def _tail_first(url: str, *, whole_below: int = 0) -> RemoteFile:
    """A remote file whose end is held, or all of it where it is small: what opening an IPC file reads, by one request."""

    def opened() -> RemoteFile:
        file = files.open_remote(url)
        file.hold(0 if file.size <= max(whole_below, TAIL_BYTES) else file.size - TAIL_BYTES, file.size)
        return file

    return _reading(url, opened)


def _open(
    url: str, source: "pa.NativeFile | RemoteFile", schema: pa.Schema | None, columns: list[str] | None = None
) -> IpcReader:
    remote = source if isinstance(source, RemoteFile) else None
    native = pa.PythonFile(source, "r") if remote is not None else source
    reader = _reading(url, lambda: BoundedReader(native, from_begin=remote is None))
    if schema is not None and not reader.schema.equals(schema):
        what = f"has the columns {reader.schema.names}, not {schema.names} of the expected types"
        raise not_readable(url, what)
    for name in columns or ():
        if reader.schema.get_field_index(name) < 0:
            raise not_readable(url, f"has no column {name!r}, only {reader.schema.names}")
    if columns is not None:
        _reading(url, lambda: reader.select(columns))
    return IpcReader(url, reader, remote)


def _reading(url: str, action: Callable[[], T]) -> T:
    """What `action` reads. Raises DamageError where the file is not what it must be."""
    try:
        return action()
    except StoreError:  # an OSError that says nothing about the file
        raise
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        raise DamageError(f"{url}: cannot be read as an Arrow file ({reason})") from error
