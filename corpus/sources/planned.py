"""Whether what is read is what was planned, and the digest of what was read.

A plan knows each file's size and the digest of its first and last MiB. When a split is opened the file must have both. A
file that is shorter is read as far as it goes, and what is missing of a split is a loss; any other change is refused, since
rows of another file would stand under this plan. A change between those MiB shows in the digest of the split: XXH3-128 of
its stored bytes [begin, end), taken while they pass by, so a function of them alone, whatever a reader leaves out, reads
twice or reads ahead. What no reader asked for (columns of Parquet, what lies behind damage) is read for it at the end.
"""

import contextlib
import dataclasses
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import xxhash

from corpus.errors import InputError
from corpus.reasons import Reason
from corpus.sources.records import Loss, Split
from corpus.storage import files

#: A reader that goes over so many bytes leaves them to be read now, in order; over more, at the end.
_GAP_BYTES = 16 << 20
_BUFFER_BYTES = 1 << 18
_CHUNK_BYTES = 8 << 20


@contextlib.contextmanager
def opened(split: Split, stream: BinaryIO | None = None) -> Iterator[BinaryIO]:
    """The stream, or the split's file where there is none."""
    if stream is not None:
        yield stream
        return
    with files.open_read(split.file) as own:
        yield own


class PlannedFile:
    """An opened split: `split` as far as its file goes, and what is missing."""

    def __init__(self, split: Split, stored: BinaryIO) -> None:
        """Raises InputError where the file is another than was planned."""
        size, stored = _checked(split, stored)
        end = min(split.end, size)
        self.split = dataclasses.replace(split, file_bytes=min(split.file_bytes, size), end=end)
        self.missing: Loss | None = None
        if end < split.end:
            begin = max(split.begin, size)
            detail = f"the file has {size} bytes, {split.file_bytes} when it was planned"
            self.missing = Loss(begin, split.end - begin, Reason.TRUNCATED_INPUT, detail)
        self._tap = _Tap(stored, split.begin, max(split.begin, end))
        self.stream = cast(BinaryIO, io.BufferedReader(self._tap, _BUFFER_BYTES))

    def digest(self) -> str:
        """XXH3-128 of the split's bytes, in hex; reads those that were not read."""
        return self._tap.digest()


@contextlib.contextmanager
def open_planned(split: Split) -> Iterator[PlannedFile]:
    """Raises InputError, and OSError where the file cannot be opened."""
    with files.open_read(split.file) as stored:
        yield PlannedFile(split, stored)


def _checked(split: Split, stored: BinaryIO) -> tuple[int, BinaryIO]:
    """Size and stream of a file that is the planned one, or shorter. Raises InputError."""
    head = stored.read(files.HEAD_TAIL_BYTES)
    size = stored.seek(0, io.SEEK_END) if len(head) == files.HEAD_TAIL_BYTES else len(head)
    if size > split.file_bytes:
        raise _changed(split, f"{split.file_bytes} bytes then, {size} now")
    if size < split.file_bytes or not split.digest:
        stored.seek(0)
        return size, stored
    digest = xxhash.xxh3_128(size.to_bytes(8, "little"))
    digest.update(head)
    tail = b""
    if size > len(head):
        stored.seek(max(len(head), size - files.HEAD_TAIL_BYTES))
        tail = stored.read(files.HEAD_TAIL_BYTES)
        digest.update(tail)
    if digest.digest() != split.digest:
        raise _changed(split, "of the same size, with other bytes in its first or last MiB")
    if len(head) + len(tail) == size:
        return size, io.BytesIO(head + tail)  # a small file on a store is asked for once
    stored.seek(0)
    return size, stored


def _changed(split: Split, how: str) -> InputError:
    return InputError(
        f"{split.file}: changed since this run was planned: {how}; bring back the planned file, or build in a new run directory"
    )


class _Tap(io.RawIOBase):
    """A stream whose bytes of [begin, end) are digested in order as they are read."""

    def __init__(self, stored: BinaryIO, begin: int, end: int) -> None:
        self._stored, self._next, self._end = stored, begin, end
        self._position = stored.tell()
        self._digest = xxhash.xxh3_128()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = self._stored.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._next < self._position < self._end and self._position - self._next <= _GAP_BYTES:
            self._read_up_to(self._position)
        data = self._stored.read(len(buffer))
        begin, self._position = self._position, self._position + len(data)
        if begin <= self._next < min(self._position, self._end):
            stop = min(self._position, self._end)
            self._digest.update(memoryview(data)[self._next - begin : stop - begin])
            self._next = stop
        buffer[: len(data)] = data
        return len(data)

    def _read_up_to(self, end: int) -> None:
        """Digests what was not read before `end`; the stream's position is as it was."""
        self._stored.seek(self._next)
        while self._next < end and (data := self._stored.read(min(_CHUNK_BYTES, end - self._next))):
            self._digest.update(data)
            self._next += len(data)
        self._stored.seek(self._position)

    def digest(self) -> str:
        self._read_up_to(self._end)
        return self._digest.hexdigest()


def split_digest(split: Split) -> str:
    """XXH3-128 of the split's bytes as they are now, in hex, as far as its file goes. Raises OSError."""
    found = xxhash.xxh3_128()
    with files.open_read(split.file) as stored:
        position = stored.seek(split.begin)
        while position < split.end and (data := stored.read(min(_CHUNK_BYTES, split.end - position))):
            found.update(data)
            position += len(data)
    return found.hexdigest()
