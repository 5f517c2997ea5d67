"""WARC records of a byte range, from gzip (a member per record, or one for all) or plain files, damaged or not.

A range [begin, end) owns the records whose gzip member (plain: whose header) begins in it, so any division of a file
gives each record exactly once. Damage costs the record it lies in: after an error the reader goes on at the next gzip
member, or version line, and reports the bytes between as a Loss. A file that ends inside a record is a Loss too.
fastwarc reads the headers of each record; framing, ranges and recovery are ours because its iterator, like warcio's,
ends or falls silent at the first damaged byte.

Memory: one record of at most `Limits.max_record_bytes`.
"""

import dataclasses
import io
import re
import zlib
from collections.abc import Iterator
from typing import Protocol

from fastwarc.warc import ArchiveIterator, WarcRecordType

from corpus.reasons import Reason
from corpus.sources.http_body import BodyError, decode_body
from corpus.sources.records import Item, Limits, Loss, Other, Page, Split
from corpus.sources.stored_bytes import GZIP_MAGIC, GzipMember, PlainReader, StoredBytes, next_member
from corpus.storage import files

MAX_HEADER_BYTES = 1 << 16
_READ_BYTES = 1 << 16
_VERSION = b"WARC/"
_CONTENT_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*(\d{1,18})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_TYPE = re.compile(rb"^warc-type[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_NEXT_RECORD = re.compile(rb"\nWARC/\d")


class _Reader(Protocol):
    def read(self, at_most: int) -> bytes: ...

    @property
    def position(self) -> int: ...


@dataclasses.dataclass(frozen=True, slots=True)
class _Frame:
    """A record cut out of its stream: header block with its blank line, and content."""

    offset: int  # in the reader's content
    header: bytes
    content: bytes


def read_warc(split: Split, limits: Limits) -> Iterator[Item]:
    """Every record that the split owns, in file order, and every loss."""
    if split.file_bytes == 0:
        yield Loss(0, 0, Reason.NOT_AN_ARCHIVE, "the file is empty")
        return
    with files.open_read(split.file) as stream:
        stored = StoredBytes(stream, size=split.file_bytes)
        if stored.piece(0, at_most=3) == GZIP_MAGIC:
            yield from _read_gzip(stored, split, limits)
        else:
            yield from _read_plain(stored, split, limits)


def _read_gzip(stored: StoredBytes, split: Split, limits: Limits) -> Iterator[Item]:
    # A member at the very beginning is read whatever it holds; inside a file only what is certainly one.
    offset = split.begin if split.begin == 0 else next_member(stored, split.begin, begins_with=_VERSION)
    while offset < split.end:
        member = GzipMember(stored, offset)
        pending: list[Item] = []
        try:
            # A member is given out when its checksum has been read; one of many records is given out as it comes,
            # or a file that is a single member would have to be held in memory.
            for item in _records(member, offset, limits):
                pending.append(item)
                if len(pending) > 1:
                    yield from pending
                    pending.clear()
            end = member.position
            yield from _sized(pending, offset, end)
            offset = end
            if stored.piece(offset, at_most=3) != GZIP_MAGIC:
                offset = _skip_padding(stored, offset)
                found = next_member(stored, offset, begins_with=_VERSION)
                if found > offset:
                    yield Loss(offset, found - offset, Reason.DAMAGED_MEMBER, "bytes that are no gzip member")
                offset = found
        except (zlib.error, EOFError) as error:
            found = next_member(stored, offset + 1, begins_with=_VERSION)
            cut = isinstance(error, EOFError) and found == stored.size
            reason = Reason.TRUNCATED_INPUT if cut else Reason.DAMAGED_MEMBER
            yield Loss(offset, found - offset, reason, str(error))
            offset = found


def _sized(items: list[Item], offset: int, end: int) -> Iterator[Item]:
    """Records of a member that is read to its end know their stored length."""
    for item in items:
        if isinstance(item, Page | Loss):
            yield dataclasses.replace(item, length=end - offset)
        else:
            yield item


def _skip_padding(stored: StoredBytes, offset: int) -> int:
    """Some writers pad with zeros, which gzip allows; they are no loss."""
    while piece := stored.piece(offset):
        rest = piece.lstrip(b"\0\r\n")
        offset += len(piece) - len(rest)
        if rest:
            break
    return offset


def _read_plain(stored: StoredBytes, split: Split, limits: Limits) -> Iterator[Item]:
    offset = split.begin
    if offset > 0:
        found = stored.find(b"\nWARC/", offset - 1)
        offset = found + 1 if found < stored.size else stored.size
    if offset >= split.end:
        return
    yield from _records(PlainReader(stored, offset), None, limits, origin=offset, end=split.end)


def _records(
    reader: _Reader, member_offset: int | None, limits: Limits, *, origin: int = 0, end: int | None = None
) -> Iterator[Item]:
    """Items of a reader's content; offsets are those of the member, or, in a plain file, of the record itself."""
    for frame in _frames(reader, limits, stop=None if end is None else end - origin):
        offset = origin + frame.offset if member_offset is None else member_offset
        if isinstance(frame, Loss):
            yield dataclasses.replace(frame, offset=offset, length=frame.length if member_offset is None else 0)
            continue
        length = len(frame.header) + len(frame.content) if member_offset is None else 0
        yield _parse(frame, offset, length)


def _frames(reader: _Reader, limits: Limits, *, stop: int | None) -> Iterator[_Frame | Loss]:
    """Cuts a stream of bytes into records; offsets count from where the reader began."""
    content = _Content(reader)
    while True:
        content.skip_blank_lines()
        start = content.position
        if not content.need(1) or (stop is not None and start >= stop):
            return
        header = content.take_header()
        length = _CONTENT_LENGTH.search(header) if header is not None else None
        if header is None or length is None or not header.startswith(_VERSION):
            content.skip_to_next_record()
            nothing = start == 0 and not content.need(1)
            reason = Reason.NOT_AN_ARCHIVE if nothing else Reason.MALFORMED_RECORD
            yield Loss(start, content.position - start, reason, "no WARC header with a Content-Length")
            continue
        size = int(length.group(1))
        if size > limits.max_record_bytes:
            content.skip(size)
            detail = f"record of {size} bytes; max_record_bytes is {limits.max_record_bytes}"
            yield Loss(start, content.position - start, Reason.EXPANSION_LIMIT, detail)
            continue
        body = content.peek(size)
        if len(body) < size and stop is not None:
            # A plain file ends here, or the length is wrong and the next records are inside what it claims.
            following = _NEXT_RECORD.search(body)
            content.skip(following.start() + 1 if following else len(body))
            reason = Reason.MALFORMED_RECORD if following else Reason.TRUNCATED_INPUT
            yield Loss(start, content.position - start, reason, f"record of {size} bytes, {len(body)} are there")
            continue
        if len(body) == size and not content.record_may_end(size):
            following = _NEXT_RECORD.search(body)
            if following is None:
                content.skip(size)
                content.skip_to_next_record()
            else:
                content.skip(following.start() + 1)
            yield Loss(start, content.position - start, Reason.MALFORMED_RECORD, "wrong Content-Length")
            continue
        content.skip(len(body))
        yield _Frame(start, header, body)


class _Content:
    """Look-ahead over a reader's bytes. Memory: what was asked to be there."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
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

    def take_header(self) -> bytes | None:
        """The header block with its blank line, or None where none ends within MAX_HEADER_BYTES."""
        size = 1 << 11
        while True:
            enough = self.need(size)
            end = _HEADER_END.search(self._buffer, 0, MAX_HEADER_BYTES)
            if end is not None:
                header = bytes(memoryview(self._buffer)[: end.end()])
                if header.startswith(_VERSION):
                    self.skip(len(header))
                    return header
                return None
            if not enough or size >= MAX_HEADER_BYTES:
                return None
            size *= 4

    def record_may_end(self, size: int) -> bool:
        """Whether what follows `size` bytes is a record's end: nothing, or blank lines before a version line."""
        self.need(size + 16)
        after = bytes(memoryview(self._buffer)[size : size + 16])
        rest = after.lstrip(b"\r\n")
        return not rest or rest[: len(_VERSION)] == _VERSION[: len(rest)]

    def skip_to_next_record(self) -> None:
        """Goes on to the next line that begins like a record, or to the end."""
        self.skip(1)
        while self.need(8):
            found = _NEXT_RECORD.search(self._buffer)
            if found is not None:
                self.skip(found.start() + 1)
                return
            self.skip(len(self._buffer) - 7)
        self.skip(len(self._buffer))


def _parse(frame: _Frame, offset: int, length: int) -> Item:
    """A framed record as a page, or as what else it is."""
    kind = _TYPE.search(frame.header)
    name = kind.group(1).decode("latin-1").lower() if kind else ""
    if name != "response":
        return Other(offset, name or "unknown")
    try:
        # quirks_mode: lenient about header lines; everything that reaches this point is framed, so it cannot run away.
        records = ArchiveIterator(
            io.BytesIO(frame.header + frame.content),
            record_types=WarcRecordType.response,
            parse_http=True,
            stream_detect=False,
            quirks_mode=True,
        )
        record = next(iter(records))
        url = record.headers.get("WARC-Target-URI")
        url = url.strip().strip("<>") if url else None
        http = record.http_headers
        raw = record.reader.read()
    except (OSError, ValueError, StopIteration, UnicodeError) as error:
        return Loss(offset, length, Reason.MALFORMED_RECORD, _line(error))
    if http is None:
        content_type = (record.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        if content_type == "application/http":
            return Loss(offset, length, Reason.MALFORMED_HTTP, "no HTTP header in a response record", url)
        return Other(offset, f"response of {content_type or 'no type'}")
    try:
        body = decode_body(
            raw,
            transfer_encoding=http.get("Transfer-Encoding") or "",
            content_encoding=http.get("Content-Encoding") or "",
            max_bytes=16 * len(raw) + (64 << 20),
        )
    except BodyError as error:
        return Loss(offset, length, Reason.BODY_DECODING, _line(error), url)
    declared = http.get("Content-Type") or ""
    return Page(
        offset=offset,
        length=length,
        record_id=record.headers.get("WARC-Record-ID"),
        url=url,
        date=record.headers.get("WARC-Date"),
        status=http.status_code,
        content_type=declared.partition(";")[0].strip().lower(),
        charset=record.http_charset,
        body=body,
    )


def _line(error: BaseException) -> str:
    return (str(error).partition("\n")[0] or type(error).__name__)[:200]
