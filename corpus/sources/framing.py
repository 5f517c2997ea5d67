"""Archive records cut out of a stream of bytes, wrong lengths and garbage between them included.

What a record begins with is a Grammar's business (WARC, ARC). After damage the next place that a record can begin at is
looked for; the bytes between are a Loss. Memory: one record of at most `Limits.max_record_bytes`.
"""

import dataclasses
from collections.abc import Iterator
from typing import Protocol

from corpus.reasons import Reason
from corpus.sources.records import Item, Limits, Loss
from corpus.sources.stored_bytes import WINDOW_BYTES, StoredBytes

MAX_HEADER_BYTES = 1 << 16
_READ_BYTES = 1 << 16


class Reader(Protocol):
    def read(self, at_most: int) -> bytes: ...

    @property
    def position(self) -> int: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Frame:
    """A record cut out of its stream: header block and content."""

    offset: int  # in the reader's content
    length: int  # of header and content there
    header: bytes
    content: bytes


class Grammar(Protocol):
    """What the records of a kind of archive begin with, and what they hold."""

    name: str
    mark: bytes  # of every file's first record
    start_bytes: int  # how many bytes say for sure whether a record begins; less than _READ_BYTES
    record_end: bytes  # between two records

    def starts(self, data: bytes | bytearray) -> bool:
        """Whether a record begins with the data."""
        ...

    def find(self, data: bytes | bytearray) -> int:
        """Where the first line end lies that a record follows; -1 if there is none."""
        ...

    def header_end(self, data: bytes | bytearray) -> int | None: ...

    def content_length(self, header: bytes) -> int | None: ...

    def parse(self, frame: Frame, offset: int, length: int, limits: Limits) -> Item: ...


def next_record(stored: StoredBytes, grammar: Grammar, offset: int) -> int:
    """Offset of the next line, at or after `offset` > 0, that begins a record; the file's size if there is none."""
    position, carried = offset - 1, b""
    while piece := stored.piece(position, at_most=WINDOW_BYTES):
        position += len(piece)
        data = carried + piece
        found = grammar.find(data)
        if found >= 0:
            return position - len(data) + found + 1
        carried = data[-grammar.start_bytes :]
    return stored.size


def frames(reader: Reader, grammar: Grammar, limits: Limits, *, stop: int | None) -> Iterator[Frame | Loss]:
    """Cuts a stream of bytes into records; offsets count from where the reader began."""
    content = _Content(reader, grammar)
    while True:
        content.skip_blank_lines()
        start = content.position
        if not content.need(1) or (stop is not None and start >= stop and content.at_record()):
            return
        header = content.take_header()
        if header is None:
            begun = content.may_be_record()
            content.skip_to_next_record()
            reason = Reason.MALFORMED_RECORD
            if not content.need(1) and begun and stop is not None:
                reason = Reason.TRUNCATED_INPUT
            elif not content.need(1) and start == 0:
                reason = Reason.NOT_AN_ARCHIVE
            yield Loss(
                start,
                content.position - start,
                reason,
                f"no {grammar.name} header" if not begun else "no end of the header",
            )
            continue
        length = grammar.content_length(header)
        # Without a length a record is what its header says, if nothing but a record's end follows.
        size = length or 0
        if size > limits.max_record_bytes:
            content.skip(size)
            detail = f"record of {size} bytes; max_record_bytes is {limits.max_record_bytes}"
            yield Loss(start, content.position - start, Reason.EXPANSION_LIMIT, detail)
            continue
        body = content.peek(size)
        if len(body) < size:
            following = grammar.find(body)
            if following >= 0 or stop is not None:
                # The length is wrong and the next records are inside what it claims, or a plain file ends here.
                content.skip(following + 1 if following >= 0 else len(body))
                reason = Reason.MALFORMED_RECORD if following >= 0 else Reason.TRUNCATED_INPUT
                yield Loss(start, content.position - start, reason, f"record of {size} bytes, {len(body)} are there")
                continue
            # The end of a member is a surer mark than a length, so the record is what is there.
        elif not content.record_may_end(size):
            # A little further than the body: the length may end inside what the next record begins with.
            following = grammar.find(content.peek(size + grammar.start_bytes))
            if following < 0:
                content.skip(size)
                content.skip_to_next_record()
            else:
                content.skip(following + 1)
            detail = "wrong length" if length is not None else "no length"
            yield Loss(start, content.position - start, Reason.MALFORMED_RECORD, detail)
            continue
        content.skip(len(body))
        yield Frame(start, content.position - start, header, body)


class _Content:
    """Look-ahead over a reader's bytes. Memory: what was asked to be there."""

    def __init__(self, reader: Reader, grammar: Grammar) -> None:
        self._reader, self._grammar = reader, grammar
        self._buffer = bytearray()
        self.position = 0  # of the buffer's first byte, from where the reader began

    def need(self, size: int) -> bool:
        """Whether `size` bytes are there."""
        while len(self._buffer) < size:
            data = self._reader.read(max(_READ_BYTES, min(size - len(self._buffer), 1 << 20)))
            if not data:
                return False
            self._buffer += data
        return True

    def peek(self, size: int) -> bytes:
        self.need(size)
        return bytes(memoryview(self._buffer)[:size])

    def skip(self, size: int) -> None:
        """Drops up to `size` bytes without holding them."""
        while size > 0 and self.need(1):
            step = min(size, len(self._buffer))
            del self._buffer[:step]
            self.position += step
            size -= step

    def skip_blank_lines(self) -> None:
        while self.need(1):
            blank = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
            if blank == 0:
                return
            self.skip(blank)

    def at_record(self) -> bool:
        """Whether a record begins here."""
        self.need(self._grammar.start_bytes)
        return self._grammar.starts(self._buffer)

    def may_be_record(self) -> bool:
        """Whether a record begins here, or the content ends before that can be said."""
        if self.need(self._grammar.start_bytes) or b"\n" in self._buffer:
            return self.at_record()
        mark = self._grammar.mark
        return bool(self._buffer) and self._buffer[: len(mark)] == mark[: len(self._buffer)]

    def take_header(self) -> bytes | None:
        """The header block, or None where none begins here or ends within MAX_HEADER_BYTES."""
        if not self.at_record():
            return None
        size = 1 << 11
        while True:
            enough = self.need(size)
            end = self._grammar.header_end(self._buffer)
            if end is not None:
                header = bytes(memoryview(self._buffer)[:end])
                self.skip(len(header))
                return header
            if not enough or size >= MAX_HEADER_BYTES:
                return None
            size *= 4

    def record_may_end(self, size: int) -> bool:
        """Whether what follows `size` bytes is a record's end: nothing, its line ends, or another record."""
        self.need(size + self._grammar.start_bytes)
        after = bytes(memoryview(self._buffer)[size : size + self._grammar.start_bytes])
        rest = after.lstrip(b"\r\n")
        return not rest or self._grammar.starts(rest) or after.startswith(self._grammar.record_end)

    def skip_to_next_record(self) -> None:
        """Goes on to the next line that begins a record, or to the end."""
        self.skip(1)
        while self.need(1):
            more = self.need(_READ_BYTES)
            found = self._grammar.find(self._buffer)
            if found >= 0:
                self.skip(found + 1)
                return
            self.skip(len(self._buffer) - self._grammar.start_bytes if more else len(self._buffer))
