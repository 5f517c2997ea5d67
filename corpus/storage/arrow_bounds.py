"""Arrow IPC files whose every offset and length is checked before Arrow follows it.

A file of a run is mapped into memory, and what it says about itself is followed to bytes there: an offset that leads behind
the file's end shows other memory or ends the process (SIGSEGV, SIGBUS), a length that is none asks for a petabyte. So
before Arrow reads a part, this module reads the few hundred bytes that describe it:

- the magic at both ends, the footer's length, the footer's list of batches: each within the file, no dictionaries, which no
  file of ours has;
- of a batch its message: that it is one, of the body's length that the footer states; rows and nulls of its columns; its
  buffers within its body; of a compressed buffer what it says it unpacks to.

What Arrow then makes of a batch is validated in full (offsets ascend and end within their values, text is UTF-8, no null
where the schema allows none), once for each time a batch is read.
Cost: some 50 µs a batch, and a look at offsets and text: tokens, hashes and other plain numbers are not read, so a shard
of 1 GB is opened by its boundaries alone. The flatbuffers are those of Arrow's format 1.0 (format/File.fbs, Message.fbs).
Left open: a file that another process cuts while it is mapped.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

#: What is not as it must be comes as one of these, from here and from Arrow, whose classes include a MemoryError.
UNREADABLE = (pa.ArrowException, OSError, ValueError, struct.error)

_MAGIC = b"ARROW1"
_HEAD, _TAIL = 8, 10  # bytes: magic and padding; length of the footer and magic
_CONTINUATION = 0xFFFFFFFF
_RECORD_BATCH = 3  # of the union MessageHeader

#: A frame of zstd holds blocks of at most 128 KiB, each of 4 bytes and more: no buffer unpacks to more times its size.
_MOST_UNPACKED = 1 << 15

#: The types of times and days, and the least and greatest whose year Python's `datetime` has: 1 to 9999.
_TIMES = {
    "timestamp[s, tz=UTC]": (-62_135_596_800, 253_402_300_799),
    "timestamp[s]": (-62_135_596_800, 253_402_300_799),
    "date32[day]": (-719_162, 2_932_896),
}

_BLOCK = np.dtype([("offset", "<i8"), ("metadata", "<i4"), ("padding", "<i4"), ("body", "<i8")])
_PAIR = np.dtype([("first", "<i8"), ("second", "<i8")])  # of a node: rows, nulls; of a buffer: offset, length


class BoundedReader:
    """The batches of a file, each checked when it is read. `from_begin`: its first bytes too, which cost a store a request.

    Raises one of UNREADABLE, when made and at each batch, for what is damaged; its first line says what.
    """

    def __init__(self, source: pa.NativeFile, *, from_begin: bool = True) -> None:
        self._source = source
        self._blocks = _blocks(source, from_begin=from_begin)
        self._reader = pa.ipc.open_file(source)
        self._columns: list[str] | None = None
        self.schema: pa.Schema = self._reader.schema
        _check_schema(self.schema)
        if self._reader.num_record_batches != len(self._blocks):
            raise ValueError(f"{self._reader.num_record_batches} batches, its footer lists {len(self._blocks)}")

    def select(self, columns: Sequence[str]) -> None:
        """Reads these columns alone from here on, in this order; each is one of the schema's."""
        self._columns = list(columns)
        numbers = [self.schema.get_field_index(name) for name in columns]
        self._reader = pa.ipc.open_file(self._source, options=pa.ipc.IpcReadOptions(included_fields=numbers))

    @property
    def has_selection(self) -> bool:
        return self._columns is not None

    def range_of(self, number: int) -> tuple[int, int]:
        """Bytes [begin, end) of the file in which a batch lies, its description included."""
        block = self._blocks[number]
        begin = int(block["offset"])
        return begin, begin + int(block["metadata"]) + int(block["body"])

    @property
    def num_record_batches(self) -> int:
        return len(self._blocks)

    def get_batch(self, number: int) -> pa.RecordBatch:
        """A batch by number. Raises IndexError for one that there is not."""
        if not 0 <= number < len(self._blocks):
            raise IndexError(f"batch {number} of {len(self._blocks)}")
        _check_message(self._source, self._blocks[number])
        batch = self._reader.get_batch(number)
        batch.validate(full=True)
        for field, column in zip(batch.schema, batch.columns, strict=True):
            _check_values(field, column)
        return batch if self._columns is None else batch.select(self._columns)

    def read_all(self) -> pa.Table:
        batches = [self.get_batch(number) for number in range(len(self._blocks))]
        if batches:
            return pa.Table.from_batches(batches)
        empty = self._reader.read_all()
        return empty if self._columns is None else empty.select(self._columns)


def batch_of_message(data: bytes, schema: pa.Schema) -> pa.RecordBatch:
    """The batch of one message with its body, as it lies in a file. Raises one of UNREADABLE."""
    if len(data) < _HEAD:
        raise ValueError("a batch does not begin as one")
    _, stated = struct.unpack_from("<Ii", data)
    block = np.zeros((), _BLOCK)
    block["metadata"], block["body"] = _HEAD + stated, len(data) - _HEAD - stated
    if not 0 <= stated <= len(data) - _HEAD:
        raise ValueError("a batch does not begin as one")
    _check_message(pa.BufferReader(data), block)
    batch = pa.ipc.read_record_batch(pa.ipc.read_message(data), schema)
    batch.validate(full=True)
    for field, column in zip(batch.schema, batch.columns, strict=True):
        _check_values(field, column)
    return batch


def _blocks(source: pa.NativeFile, *, from_begin: bool) -> NDArray[Any]:
    """(batches,) of _BLOCK: where the footer says that batches lie, all of them within the file."""
    size = source.size()
    if size < _HEAD + _TAIL or (from_begin and source.read_at(len(_MAGIC), 0) != _MAGIC):
        raise ValueError(f"{size} bytes that do not begin as an Arrow file")
    length, magic = struct.unpack("<i6s", source.read_at(_TAIL, size - _TAIL))
    end = size - _TAIL - length
    if magic != _MAGIC or length < 0 or end < _HEAD:
        raise ValueError("its end is not that of an Arrow file")
    footer = _Flatbuffer(source.read_at(length, end))
    root = footer.root()
    if len(footer.vector(root, 2, _BLOCK)):
        raise ValueError("it has dictionaries, which no file of a run has")
    blocks = footer.vector(root, 3, _BLOCK)
    offsets, metadata, bodies = (blocks[name].astype(np.int64) for name in ("offset", "metadata", "body"))
    # Each alone first: their sum can go around the end of 64 bits.
    inside = (offsets >= _HEAD) & (offsets <= end) & (metadata >= 8) & (bodies >= 0) & (bodies <= end)
    inside &= offsets + metadata + bodies <= end
    if not inside.all():
        raise ValueError(f"batch {int(np.argmin(inside))} lies outside the file, by its footer")
    return blocks


def _check_message(source: pa.NativeFile, block: Any) -> None:
    """Raises where the message of a batch is not one, or a buffer of it lies outside its body."""
    offset, length, body = int(block["offset"]), int(block["metadata"]), int(block["body"])
    data = source.read_at(length, offset)
    if len(data) != length:
        raise ValueError("the file ended while it was read")
    continued, stated = struct.unpack_from("<Ii", data)
    if continued != _CONTINUATION or not 0 <= stated <= length - 8:
        raise ValueError("a batch does not begin as one")
    message = _Flatbuffer(data[8 : 8 + stated])
    root = message.root()
    if message.scalar(root, 1, "<B") != _RECORD_BATCH or message.scalar(root, 3, "<q") != body:
        raise ValueError("a batch is not of the kind or length that the footer states")
    batch = message.table(root, 2)
    nodes, buffers = message.vector(batch, 1, _PAIR), message.vector(batch, 2, _PAIR)
    # No bound on rows: Arrow compares them with the buffers.
    if message.scalar(batch, 0, "<q") < 0 or (nodes["second"] < 0).any() or (nodes["second"] > nodes["first"]).any():
        raise ValueError("a batch has less than no rows, or more nulls than rows")
    first, lengths = buffers["first"], buffers["second"]
    inside = (first >= 0) & (first <= body) & (lengths >= 0) & (lengths <= body)
    if not (inside & (first + lengths <= body)).all():
        raise ValueError("a buffer lies outside the body of its batch")
    if message.has(batch, 3):
        begin = offset + length
        for place, size in zip(first.tolist(), lengths.tolist(), strict=True):
            if size:
                _check_unpacked(source.read_at(min(size, 8), begin + place), size)


def _check_unpacked(head: bytes, size: int) -> None:
    """Raises where a compressed buffer of `size` bytes cannot be as long as its first 8 bytes say (-1: is not compressed)."""
    if len(head) < 8 or not -1 <= struct.unpack("<q", head)[0] <= _MOST_UNPACKED * size:
        raise ValueError(f"a compressed buffer of {size} bytes states a length that it cannot have")


def _check_schema(schema: pa.Schema) -> None:
    """Raises ValueError where a name, a time zone or the metadata of a schema is none: pyarrow looks when a value is taken."""
    levels: list[list[pa.Field]] = [list(schema)]
    while levels:
        fields = levels.pop()
        names = [field.name for field in fields]  # a UnicodeDecodeError, a ValueError, where one is not UTF-8
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two columns have the name {min(twice)!r}")
        for field in fields:
            if pa.types.is_timestamp(field.type) and field.type.tz not in (None, "UTC"):
                raise ValueError(f"{field.name!r} is in the time zone {field.type.tz!r}; every time of a run is in UTC")
            if pa.types.is_temporal(field.type) and str(field.type) not in _TIMES:
                raise ValueError(
                    f"{field.name!r} is of type {field.type}; times of a run are in seconds, days are days"
                )
            levels.append([field.type.field(number) for number in range(field.type.num_fields)])
    for pair in (schema.metadata or {}).items():
        for value in pair:
            value.decode()


def _check_values(field: pa.Field, column: pa.Array) -> None:
    """Raises where a column has a null that its field does not allow, a time outside the calendar, or a field within it."""
    if not field.nullable and column.null_count:
        raise ValueError(f"column {field.name!r} has nulls, and may have none")
    if pa.types.is_temporal(field.type):
        _check_calendar(field, column)
    elif pa.types.is_struct(field.type):
        for number in range(field.type.num_fields):
            _check_values(field.type.field(number), column.field(number))
    elif pa.types.is_list(field.type) or pa.types.is_large_list(field.type):
        _check_values(field.type.value_field, column.values)


def _check_calendar(field: pa.Field, column: pa.Array) -> None:
    """Raises where a time or day is one that Python has not: taking the value would raise an OverflowError."""
    least, greatest = pc.min_max(column).values()
    first, last = _TIMES[str(field.type)]
    if least.is_valid and not first <= least.value <= greatest.value <= last:
        raise ValueError(f"column {field.name!r} has a time outside the years 1 to 9999")


class _Flatbuffer:
    """Tables of a flatbuffer by place; what leads outside of it raises struct.error or ValueError."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def root(self) -> int:
        return self._read("<I", 0)

    def has(self, table: int, field: int) -> bool:
        return self._place(table, field) > 0

    def scalar(self, table: int, field: int, kind: str) -> int:
        """A number; 0 where it is left out, as flatbuffers have it for each that is read here."""
        place = self._place(table, field)
        return self._read(kind, place) if place else 0

    def table(self, table: int, field: int) -> int:
        place = self._place(table, field)
        if not place:
            raise ValueError("a table of its metadata is missing")
        return place + self._read("<I", place)

    def vector(self, table: int, field: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """The structs of a vector; none where it is left out."""
        place = self._place(table, field)
        if not place:
            return np.empty(0, dtype)
        place += self._read("<I", place)
        # np.frombuffer compares count and offset with the buffer.
        return np.frombuffer(self._data, dtype, self._read("<I", place), place + 4)

    def _place(self, table: int, field: int) -> int:
        """Where a field lies, by the table's list of offsets; 0 where it is left out."""
        listed = table - self._read("<i", table)
        entry = 4 + 2 * field
        if entry + 2 > self._read("<H", listed):
            return 0
        offset = self._read("<H", listed + entry)
        return table + offset if offset else 0

    def _read(self, kind: str, place: int) -> int:
        if place < 0:  # which struct counts from the end
            raise ValueError("an offset of its metadata leads outside of it")
        return int(struct.unpack_from(kind, self._data, place)[0])
