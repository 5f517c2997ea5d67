"""Archive records cut out of a stream of bytes, wrong lengths and garbage between them included.

What a record begins with is a Grammar's business (WARC, ARC). After damage the next place that a record can begin at is
looked for; the bytes between are a Loss. A record whose length is wrong, or that the stream ends in, is cut out all the
same, with its Flaw: its content is what stands before the next record, or the end. Memory: one record of at most
`Limits.max_record_bytes`.
"""

import dataclasses
from collections.abc import Iterator
from typing import Protocol

from corpus.reasons import Reason
from corpus.sources.records import Item, Limits, Loss
from corpus.sources.stored_bytes import WINDOW_BYTES, StoredBytes

MAX_HEADER_BYTES = 1 << 16
_READ_BYTES = 1 << 16
_END_BYTES = 8  # what ends a header block is shorter


class Reader(Protocol):
    def read(self, at_most: int) -> bytes: ...

    @property
    def position(self) -> int: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with where a record ends."""

    reason: Reason
    detail: str
    claimed: int  # bytes of content by the record's length


@dataclasses.dataclass(frozen=True, slots=True)
class Frame:
    """A record cut out of its stream: header block and content."""

    offset: int  # in the reader's content
    length: int  # of header and content there
    header: bytes
    content: bytes
    flaw: Flaw | None = None


class Grammar(Protocol):
    """What the records of a kind of archive begin with, and what they hold."""

    name: str
    mark: bytes  # of every file's first record
    start_bytes: int  # how many bytes say for sure whether a record begins; less than _READ_BYTES
    record_end: bytes  # between two records

    def starts(self, data: bytes | bytearray) -> bool:
        """Whether a record begins with the data."""
        ...

    def find(self, data: bytes | bytearray, begin: int = 0) -> int:
        """Where the first line end lies, from `begin` on, that a record follows; -1 if there is none."""
        ...

    def header_end(self, data: bytes | bytearray, begin: int = 0) -> int | None:
        """Where the header block ends that the data begin with; what ends it lies behind `begin`."""
        ...

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
    """Cuts a stream of bytes into records; offsets count from where the reader began.

    `stop` is where the range ends in a plain file, None in a member. An EOFError of the reader is raised last, behind what
    stands before it.
    """
    content = _Content(reader, grammar)
    while True:
        content.skip_blank_lines()
        start = content.position
        if not content.need(1) or (stop is not None and start >= stop and content.at_record()):
            break
        header = content.take_header()
        if header is None:
            if content.cut is not None:
                break
            yield _no_record(content, start, plain=stop is not None)
            continue
        length = grammar.content_length(header)
        # Without a length a record is what its header says, if nothing but a record's end follows.
        size = length or 0
        if size > limits.max_record_bytes:
            # What a length over the limit claims is never held, so nobody can look behind it whether it is right.
            wrong = content.skip_up_to_record(size)
            if content.cut is not None and not content.need(1):
                break
            detail = f"record of {size} bytes; max_record_bytes is {limits.max_record_bytes}"
            detail += "; another record begins in it" if wrong else ""
            yield Loss(start, content.position - start, Reason.EXPANSION_LIMIT, detail)
            continue
        found, flaw = _content_size(content, length, limits, plain=stop is not None)
        if found is None:
            # So far from any record that nobody can say what is the record's.
            content.skip_to_next_record(size)
            yield Loss(start, content.position - start, Reason.MALFORMED_RECORD, flaw.detail if flaw else "")
            continue
        body = content.peek(found)
        content.skip(found)
        if flaw is not None and flaw.reason is Reason.MALFORMED_RECORD:
            body = body.removesuffix(grammar.record_end)
        yield Frame(start, content.position - start, header, body, flaw)
    if content.cut is not None:
        raise content.cut


def _no_record(content: "_Content", start: int, *, plain: bool) -> Loss:
    """The loss of bytes from `start` to the next record."""
    begun = content.may_be_record()
    content.skip_to_next_record()
    reason = Reason.MALFORMED_RECORD
    if not content.need(1) and begun and plain:
        reason = Reason.TRUNCATED_INPUT
    elif not content.need(1) and start == 0:
        reason = Reason.NOT_AN_ARCHIVE
    detail = f"no {content.grammar.name} header" if not begun else "no end of the header"
    return Loss(start, content.position - start, reason, detail)


def _content_size(
    content: "_Content", length: int | None, limits: Limits, *, plain: bool
) -> tuple[int | None, Flaw | None]:
    """How many of the bytes that come are the record's content, and what is wrong with that; None where nobody knows."""
    size = length or 0
    if not content.need(size):
        there = content.available
        following = content.size_to_record(there)
        if following is not None and following < there:
            # The length is wrong and the next records are inside what it claims.
            detail = f"record of {size} bytes, {following} are there"
            return following, Flaw(Reason.MALFORMED_RECORD, detail, size)
        if plain or content.cut is not None:
            return there, Flaw(Reason.TRUNCATED_INPUT, f"record of {size} bytes, {there} are there", size)
        # The end of a member is a surer mark than a length, so the record is what is there.
        return there, None
    if content.record_may_end(size):
        return size, None
    flaw = Flaw(Reason.MALFORMED_RECORD, "wrong length" if length is not None else "no length", size)
    return content.size_to_record(limits.max_record_bytes), flaw


class _Content:
    """Look-ahead over a reader's bytes. Memory: what was asked to be there."""

    def __init__(self, reader: Reader, grammar: Grammar) -> None:
        self._reader, self.grammar = reader, grammar
        self._buffer = bytearray()
        self.position = 0  # of the buffer's first byte, from where the reader began
        self._no_end_before = 0  # no header block ends there, whichever of the lines before it begins one
        self.cut: EOFError | None = None  # what the reader raised where the file ends in a member

    def need(self, size: int) -> bool:
        """Whether `size` bytes are there."""
        while len(self._buffer) < size:
            data = self._read(max(_READ_BYTES, min(size - len(self._buffer), 1 << 20)))
            if not data:
                return False
            self._buffer += data
        return True

    def _read(self, size: int) -> bytes:
        if self.cut is not None:
            return b""
        try:
            return self._reader.read(size)
        except EOFError as error:
            self.cut = error
            return b""

    @property
    def available(self) -> int:
        """How many bytes have been read and not dropped."""
        return len(self._buffer)

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
            head = bytes(self._buffer[:256])  # the buffer may be as large as a record claims to be
            blank = len(head) - len(head.lstrip(b"\r\n"))
            if blank == 0:
                return
            self.skip(blank)

    def at_record(self) -> bool:
        """Whether a record begins here."""
        self.need(self.grammar.start_bytes)
        return self.grammar.starts(self._buffer)

    def may_be_record(self) -> bool:
        """Whether a record begins here, or the content ends before that can be said."""
        if self.need(self.grammar.start_bytes) or b"\n" in self._buffer:
            return self.at_record()
        mark = self.grammar.mark
        return bool(self._buffer) and self._buffer[: len(mark)] == mark[: len(self._buffer)]

    def take_header(self) -> bytes | None:
        """The header block, or None where none begins here or ends within MAX_HEADER_BYTES."""
        if not self.at_record():
            return None
        size = 1 << 11
        while True:
            enough = self.need(size)
            # Bytes in which no header ends are searched once, not once for each line of theirs that may begin one.
            end = self.grammar.header_end(self._buffer, max(0, self._no_end_before - self.position))
            if end is not None:
                header = bytes(memoryview(self._buffer)[:end])
                self.skip(len(header))
                return header
            searched = min(len(self._buffer), MAX_HEADER_BYTES)
            self._no_end_before = max(self._no_end_before, self.position + searched - _END_BYTES)
            if not enough or size >= MAX_HEADER_BYTES:
                return None
            size *= 4

    def record_may_end(self, size: int) -> bool:
        """Whether what follows `size` bytes is a record's end: nothing, its line ends, or another record."""
        self.need(size + self.grammar.start_bytes)
        after = bytes(memoryview(self._buffer)[size : size + self.grammar.start_bytes])
        rest = after.lstrip(b"\r\n")
        return not rest or self.grammar.starts(rest) or after.startswith(self.grammar.record_end)

    def size_to_record(self, at_most: int) -> int | None:
        """How many bytes stand before the next line that begins a record, or before the end; None for over `at_most`."""
        begin = 0
        while begin <= at_most:
            more = self.need(begin + _READ_BYTES)
            found = self.grammar.find(self._buffer, begin)
            if found >= 0 or not more:
                size = found + 1 if found >= 0 else len(self._buffer)
                return size if size <= at_most else None
            begin = len(self._buffer) - self.grammar.start_bytes
        return None

    def skip_up_to_record(self, size: int) -> bool:
        """Drops `size` bytes, or those of them before the first line that begins a record; whether there is one."""
        if self.at_record():
            return True
        while size > 0 and self.need(1):
            more = self.need(min(size, _READ_BYTES) + self.grammar.start_bytes)
            found = self.grammar.find(self._buffer)
            if 0 <= found < size:
                self.skip(found + 1)
                return True
            step = min(size, len(self._buffer) - (self.grammar.start_bytes if more else 0))
            self.skip(step)
            size -= step
        return False

    def skip_to_next_record(self, size: int = 0) -> None:
        """Goes on to the next line behind `size` bytes that begins a record, or to the end."""
        self.skip(max(1, size))
        while self.need(1):
            more = self.need(_READ_BYTES)
            found = self.grammar.find(self._buffer)
            if found >= 0:
                self.skip(found + 1)
                return
            self.skip(len(self._buffer) - self.grammar.start_bytes if more else len(self._buffer))
