"""Rows that many work items send to many others, through files: how `select` shuffles hashes and ids where no engine does it.

A sender writes one file for all receivers; a receiver reads its own range of the file of every sender:

    block of receiver 0 │ block of receiver 1 │ … │ index: for each receiver begin, end, rows, digest (uint64, little-endian)

A block is an Arrow IPC message of a record batch, of no bytes where there are no rows. Rows are NumPy columns by name, (rows,)
numbers or (rows, width) uint8 for bytes; their schema is known to both sides.

Invariants  A file's name has a digest of its rows, so nothing ever stands under a name but what the name says, however often
            and however late a sender runs. A receiver is told the files of all senders, with their lengths: one that is missing,
            short, or whose block has another digest is a DamageError that names it, never fewer rows.
            Rows come by sender, and of one sender in the order in which it had them.
Requests    of a receiver to a store: for each sender 32 bytes of its index, and its block where that has rows; REQUESTS_AT_ONCE at
            a time, each of exactly those bytes.
Cost        a sort of the receivers' numbers and one copy; 16 bytes a row go at 0.5–1 GB/s, against 30–60 MB/s and four to five
            times the memory in the in-process grouping of Beam's DirectRunner (1 GiB in 16 batches an item, one and two workers).
Memory      the rows of one sender twice, or those of one receiver and REQUESTS_AT_ONCE blocks (local files are mapped).
"""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from corpus.columns import byte_rows, fixed_binary, numbers, numpy_dtype
from corpus.errors import DamageError, StoreError
from corpus.storage import files
from corpus.storage.ipc import Written
from corpus.storage.pool import concurrently

Rows = dict[str, NDArray[Any]]

#: Begin and end of a receiver's block in the file, its rows, XXH3-64 of its bytes.
_ENTRY = struct.Struct("<4Q")


@dataclass(frozen=True)
class SentFile:
    """What a sender wrote: where, and how long it is."""

    url: str
    bytes: int


def sent_file(folder: str, sender: int, written: Written) -> SentFile:
    """The file that `write_rows` wrote."""
    return SentFile(files.join(folder, f"{sender:07d}-{written.digest}.rows"), written.bytes)


def write_rows(
    folder: str,
    sender: int,
    rows: Mapping[str, NDArray[Any]],
    receiver: NDArray[Any],
    *,
    receivers: int,
    schema: pa.Schema,
) -> Written:
    """Writes each row for its receiver, 0 to `receivers` − 1; rows of one receiver keep their order.

    The digest is that of the rows, and part of the file's name (`sent_file`). Raises ValueError for a receiver that there is
    not, or columns of other lengths or types than the schema's.
    """
    batch, ends = sorted_by_receiver(rows, receiver, receivers=receivers, schema=schema, where=folder)
    digest = _content_digest(batch, ends)
    url = sent_file(folder, sender, Written(0, 0, digest)).url
    index = bytearray()
    with files.atomic_writer(url) as sink:
        begin = 0
        for end in ends.tolist():
            at = sink.written_bytes
            block = batch.slice(begin, end - begin).serialize() if end > begin else b""
            if end > begin:
                sink.write(block)
            index += _ENTRY.pack(at, sink.written_bytes, end - begin, xxhash.xxh3_64_intdigest(block))
            begin = end
        sink.write(index)
        written = sink.written_bytes
    return Written(rows=batch.num_rows, bytes=written, digest=digest)


def read_rows(
    sent: Sequence[SentFile], receiver: int, *, receivers: int, schema: pa.Schema
) -> tuple[Rows, NDArray[np.int64]]:
    """(what all senders sent to one receiver, (rows,) which of the files each row is from).

    Raises DamageError where a file is not there whole.
    """
    each_of = _serially if all(files.is_local(each.url) for each in sent) else concurrently
    entries = list(each_of(lambda each: _entry(each, receiver, receivers), sent))
    lengths = [rows for _, _, rows, _ in entries]
    ends = np.cumsum(lengths, dtype=np.int64)
    found = {field.name: _empty(field.type, int(ends[-1]) if sent else 0) for field in schema}

    def fill(number: int) -> None:
        begin, end, rows, digest = entries[number]
        block = _checked(sent[number], begin, end, digest)
        batch = _decoded(sent[number], block, schema, rows)
        place = slice(int(ends[number]) - rows, int(ends[number]))
        for name, column in zip(schema.names, batch.columns, strict=True):
            found[name][place] = values_of(column)

    for _ in each_of(fill, [number for number, rows in enumerate(lengths) if rows]):
        pass
    return found, np.repeat(np.arange(len(sent)), lengths)


# ------------------------------------------------------------------------------------------------ rows and batches


def sorted_by_receiver(
    rows: Mapping[str, NDArray[Any]], receiver: NDArray[Any], *, receivers: int, schema: pa.Schema, where: str
) -> tuple[pa.RecordBatch, NDArray[np.int64]]:
    """(the rows, those of each receiver together in their order; (receivers,) where each one's end). Raises ValueError."""
    if any(len(values) != len(receiver) for values in rows.values()):
        raise ValueError(f"{where}: {len(receiver)} receivers for { {name: len(each) for name, each in rows.items()} }")
    if len(receiver) and not 0 <= int(receiver.min()) <= int(receiver.max()) < receivers:
        raise ValueError(f"{where}: receivers are {receiver.min()} to {receiver.max()}, not 0 to {receivers - 1}")
    if sorted(rows) != sorted(schema.names):
        raise ValueError(f"{where}: columns are {list(rows)}, not {schema.names}")
    order, ends = _by_receiver(receiver, receivers)
    columns = [_column(rows[name] if order is None else rows[name][order]) for name in schema.names]
    for field, column in zip(schema, columns, strict=True):
        if column.type != field.type:
            raise ValueError(f"{where}: column {field.name} is of type {column.type}, not {field.type}")
    return pa.RecordBatch.from_arrays(columns, schema=schema), ends


def values_of(column: pa.Array) -> NDArray[Any]:
    """The NumPy column of an Arrow one."""
    return byte_rows(column) if pa.types.is_fixed_size_binary(column.type) else numbers(column)


def concatenated(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> Rows:
    """The rows of batches, one after another. Memory: the rows once more."""
    parts: dict[str, list[NDArray[Any]]] = {field.name: [_empty(field.type, 0)] for field in schema}
    for batch in batches:
        for name, column in zip(schema.names, batch.columns, strict=True):
            parts[name].append(values_of(column))
    return {name: np.concatenate(each) for name, each in parts.items()}


def _by_receiver(receiver: NDArray[Any], receivers: int) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
    """(order that sorts the rows by receiver or None where they are, (receivers,) ends)."""
    ends = np.cumsum(np.bincount(receiver, minlength=receivers))
    if len(receiver) == 0 or bool((receiver[1:] >= receiver[:-1]).all()):
        return None, ends
    # NumPy sorts 16-bit numbers stably by their bytes, in linear time.
    small = receiver.astype(np.uint16) if receivers <= 1 << 16 else receiver
    return np.argsort(small, kind="stable"), ends


def _column(values: NDArray[Any]) -> pa.Array:
    if values.ndim == 2 and values.dtype == np.uint8:
        return fixed_binary(values)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise ValueError(f"a column is of shape {values.shape} and type {values.dtype}")
    return pa.array(values)


def _empty(of: pa.DataType, rows: int) -> NDArray[Any]:
    if pa.types.is_fixed_size_binary(of):
        return np.empty((rows, of.byte_width), np.uint8)
    return np.empty(rows, numpy_dtype(of))


def _content_digest(batch: pa.RecordBatch, ends: NDArray[np.int64]) -> str:
    """XXH3-128 of columns, their names and types, and who gets which rows."""
    digest = xxhash.xxh3_128(repr([(field.name, str(field.type)) for field in batch.schema]).encode())
    digest.update(ends.data)
    for column in batch.columns:
        digest.update(np.ascontiguousarray(values_of(column)).data)
    return digest.hexdigest()


# ------------------------------------------------------------------------------------------------ ranges of files


def _entry(sent: SentFile, receiver: int, receivers: int) -> tuple[int, int, int, int]:
    """Begin, end, rows and digest of a receiver's block."""
    at = sent.bytes - (receivers - receiver) * _ENTRY.size
    if at < 0:
        raise DamageError(f"{sent.url}: {sent.bytes} bytes hold no index of {receivers} receivers; {_REMEDY}")
    begin, end, rows, digest = _ENTRY.unpack(_range(sent, at, at + _ENTRY.size))
    if not begin <= end <= at or (rows > 0) != (end > begin) or rows > end - begin:
        raise DamageError(f"{sent.url}: its index is damaged; {_REMEDY}")
    if rows == 0 and digest != _OF_NOTHING:
        raise DamageError(f"{sent.url}: its index is damaged; {_REMEDY}")
    return begin, end, rows, digest


def _checked(sent: SentFile, begin: int, end: int, digest: int) -> pa.Buffer:
    block = _range(sent, begin, end)
    if xxhash.xxh3_64_intdigest(block) != digest:
        raise DamageError(f"{sent.url}: bytes {begin} to {end} are not what was written; {_REMEDY}")
    return block


def _decoded(sent: SentFile, block: pa.Buffer, schema: pa.Schema, rows: int) -> pa.RecordBatch:
    try:
        batch = pa.ipc.read_record_batch(block, schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamageError(f"{sent.url}: holds no rows of {schema.names} ({error}); {_REMEDY}") from error
    if batch.num_rows != rows:
        raise DamageError(f"{sent.url}: {batch.num_rows} rows where its index says {rows}; {_REMEDY}")
    return batch


_REMEDY = "delete the folder exchange of the run directory and give the same command"
_OF_NOTHING = xxhash.xxh3_64_intdigest(b"")


def _range(sent: SentFile, begin: int, end: int) -> pa.Buffer:
    """Stored bytes [begin, end): mapped where local, else by one request."""
    try:
        if files.is_local(sent.url):
            with pa.memory_map(str(files.local_path(sent.url))) as source:
                source.seek(begin)
                found = source.read_buffer(end - begin)
                size = source.size()
        else:
            found, size = pa.py_buffer(files.read_range(sent.url, begin, end)), sent.bytes
    except FileNotFoundError as error:
        raise DamageError(f"{sent.url}: is gone, and rows that were sent with it; {_REMEDY}") from error
    except StoreError:  # an OSError that says nothing about the file
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamageError(f"{sent.url}: cannot be read ({error}); {_REMEDY}") from error
    if found.size != end - begin or size != sent.bytes:
        raise DamageError(f"{sent.url}: has {size} bytes, not {sent.bytes}; {_REMEDY}")
    return found


def _serially(function: Callable[[Any], Any], values: Iterable[Any]) -> Iterable[Any]:
    return map(function, values)
