"""WARC records of a byte range, from gzip (a member per record, or one for all) or plain files, damaged or not.

A range [begin, end) owns the records whose gzip member (plain: whose header) begins in it, and the bytes after them that
no record begins with, so any division of a file gives each record and each loss exactly once. (One exception: a plain
file with a record that holds a plain WARC; a range that begins inside it takes the inner records for its own.)
Damage costs the record it lies in: after an error the reader goes on at the next gzip member, or version line, and
reports the bytes between as a Loss. A file that ends inside a record is a Loss too.
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
from corpus.sources.stored_bytes import GZIP_MAGIC, GzipMember, PlainReader, StoredBytes, next_member, skip_padding
from corpus.storage import files

MAX_HEADER_BYTES = 1 << 16
_READ_BYTES = 1 << 16
_VERSION = b"WARC/"
# Some writers end lines with \r\r\n. The numbers of blanks are bounded: a search must not be quadratic in a run of them.
_CONTENT_LENGTH = re.compile(rb"^content-length[ \t]{0,9}:[ \t]{0,99}(\d{1,18})[ \t]{0,99}\r{0,2}$", re.I | re.M)
_TYPE = re.compile(rb"^warc-type[ \t]{0,9}:[ \t]{0,99}([^\r\n]*?)[ \t]{0,99}\r{0,2}$", re.I | re.M)
_HEADER_END = re.compile(rb"\r{0,2}\n\r{0,2}\n")
_FOLDED_LINE = re.compile(rb"\r{0,2}\n[ \t]+")
_FIELD_NAME = re.compile(rb"^[A-Za-z-]{1,40}(?=[ \t]{0,9}:)", re.M)
_FIELDS = (b"WARC-Type", b"WARC-Target-URI", b"WARC-Record-ID", b"WARC-Date", b"Content-Type", b"Content-Length")
_NAMES = {name.lower(): name for name in _FIELDS}
# A record begins with a line that is a version and nothing else; "\nWARC/" alone stands in many a text about archives.
_VERSION_LINE = re.compile(rb"WARC/\d\.\d{1,3}[ \t]{0,9}\r{0,2}\n")
_NEXT_RECORD = re.compile(rb"\n(?=" + _VERSION_LINE.pattern + rb")")
_VERSION_LINE_BYTES = 24  # the longest match, and more


class _Reader(Protocol):
    def read(self, at_most: int) -> bytes: ...

    @property
    def position(self) -> int: ...


@dataclasses.dataclass(frozen=True, slots=True)
class _Frame:
    """A record cut out of its stream: header block with its blank line, and content."""

    offset: int  # in the reader's content
    length: int  # of header and content there
    header: bytes
    content: bytes


def read_warc(split: Split, limits: Limits) -> Iterator[Item]:
    """Every record that the split owns, in file order, and every loss."""
    if split.file_bytes == 0:
        yield Loss(0, 0, Reason.NOT_AN_ARCHIVE, "the file is empty")
        return
    with files.open_read(split.file) as stream:
        stored = StoredBytes(stream, size=split.file_bytes)
        if _is_gzip(stored):
            yield from _read_gzip(stored, split, limits)
        else:
            yield from _read_plain(stored, split, limits)


def _is_gzip(stored: StoredBytes) -> bool:
    """By the first bytes; where those are damaged, by whether there is a gzip member with a record."""
    if stored.piece(0, at_most=3) == GZIP_MAGIC:
        return True
    if stored.piece(0, at_most=len(_VERSION)) == _VERSION:
        return False
    return next_member(stored, 0, begins_with=_VERSION).offset < stored.size


def _read_gzip(stored: StoredBytes, split: Split, limits: Limits) -> Iterator[Item]:
    if split.begin > 0:
        member = next_member(stored, split.begin, begins_with=_VERSION)
    elif stored.piece(0, at_most=3) == GZIP_MAGIC:
        member = GzipMember(stored, 0)  # read whatever it begins with
    else:
        member = next_member(stored, 0, begins_with=_VERSION)
        yield _no_member(stored, 0, member.offset)
    while member.offset < split.end:
        offset = member.offset
        # A record is given out when its member's checksum has been read; one of many records in a member is given out
        # as it comes, or a file that is a single member would have to be held in memory.
        first: Item | None = None
        many = False
        try:
            for item in _records(member, offset, limits):
                if many:
                    yield item
                elif first is None:
                    first = item
                else:
                    yield first
                    yield item
                    many = True
            end = member.position
        except (zlib.error, EOFError) as error:
            begin = member.position if many else offset
            member = next_member(stored, offset + 1, begins_with=_VERSION)
            cut = isinstance(error, EOFError) and member.offset == stored.size
            reason = Reason.TRUNCATED_INPUT if cut else Reason.DAMAGED_MEMBER
            yield Loss(begin, max(0, member.offset - begin), reason, str(error))
            continue
        if first is not None and not many:
            # The only record of a member that is read to its end knows its stored length.
            yield dataclasses.replace(first, length=end - offset) if isinstance(first, Page | Loss) else first
        end = skip_padding(stored, end)
        member = next_member(stored, end, begins_with=_VERSION)
        if member.offset > end:
            # Also beyond the range: the next range begins at a member.
            yield _no_member(stored, end, member.offset)


def _no_member(stored: StoredBytes, begin: int, end: int) -> Loss:
    """The loss of bytes that no readable member of records begins with."""
    try:
        head = GzipMember(stored, begin).peek(len(_VERSION))
    except EOFError as error:
        if end == stored.size:
            return Loss(begin, end - begin, Reason.TRUNCATED_INPUT, str(error))
        head = b""
    except zlib.error:
        head = b""
    detail = "a gzip member that holds no WARC record" if head else "bytes that are no gzip member"
    return Loss(begin, end - begin, Reason.DAMAGED_MEMBER, detail)


def _read_plain(stored: StoredBytes, split: Split, limits: Limits) -> Iterator[Item]:
    offset = _next_version_line(stored, split.begin) if split.begin > 0 else 0
    if offset < split.end:
        yield from _records(PlainReader(stored, offset), None, limits, origin=offset, end=split.end)


def _next_version_line(stored: StoredBytes, offset: int) -> int:
    """Offset of the next line, at or after `offset`, that begins a record; the file's size if there is none."""
    while (newline := stored.find(b"\n" + _VERSION, offset - 1)) < stored.size:
        offset = newline + 1
        line = stored.piece(offset, at_most=_VERSION_LINE_BYTES)
        line += stored.piece(offset + len(line), at_most=_VERSION_LINE_BYTES - len(line))
        if _VERSION_LINE.match(line):
            return offset
        offset += 1
    return stored.size


def _records(
    reader: _Reader, member_offset: int | None, limits: Limits, *, origin: int = 0, end: int | None = None
) -> Iterator[Item]:
    """Items of a reader's content; offsets are those of the member, or, in a plain file, of the record itself."""
    for frame in _frames(reader, limits, stop=None if end is None else end - origin):
        offset = origin + frame.offset if member_offset is None else member_offset
        if isinstance(frame, Loss):
            yield dataclasses.replace(frame, offset=offset, length=frame.length if member_offset is None else 0)
            continue
        yield _parse(frame, offset, frame.length if member_offset is None else 0, limits)


def _frames(reader: _Reader, limits: Limits, *, stop: int | None) -> Iterator[_Frame | Loss]:
    """Cuts a stream of bytes into records; offsets count from where the reader began."""
    content = _Content(reader)
    while True:
        content.skip_blank_lines()
        start = content.position
        if not content.need(1) or (stop is not None and start >= stop and content.at_version_line()):
            return
        header = content.take_header()
        if header is None:
            begun = content.may_be_version_line()
            content.skip_to_next_record()
            reason = Reason.MALFORMED_RECORD
            if not content.need(1) and begun and stop is not None:
                reason = Reason.TRUNCATED_INPUT
            elif not content.need(1) and start == 0:
                reason = Reason.NOT_AN_ARCHIVE
            yield Loss(
                start, content.position - start, reason, "no WARC header" if not begun else "no end of the header"
            )
            continue
        length = _CONTENT_LENGTH.search(header)
        # Without a length a record is what its header says, if nothing but a record's end follows.
        size = int(length.group(1)) if length is not None else 0
        if size > limits.max_record_bytes:
            content.skip(size)
            detail = f"record of {size} bytes; max_record_bytes is {limits.max_record_bytes}"
            yield Loss(start, content.position - start, Reason.EXPANSION_LIMIT, detail)
            continue
        body = content.peek(size)
        if len(body) < size:
            following = _NEXT_RECORD.search(body)
            if following is not None or stop is not None:
                # The length is wrong and the next records are inside what it claims, or a plain file ends here.
                content.skip(following.start() + 1 if following is not None else len(body))
                reason = Reason.MALFORMED_RECORD if following is not None else Reason.TRUNCATED_INPUT
                yield Loss(start, content.position - start, reason, f"record of {size} bytes, {len(body)} are there")
                continue
            # The end of a member is a surer mark than a length, so the record is what is there.
        elif not content.record_may_end(size):
            # A little further than the body: the length may end inside the next version line.
            following = _NEXT_RECORD.search(content.peek(size + _VERSION_LINE_BYTES))
            if following is None:
                content.skip(size)
                content.skip_to_next_record()
            else:
                content.skip(following.start() + 1)
            detail = "wrong Content-Length" if length is not None else "no Content-Length"
            yield Loss(start, content.position - start, Reason.MALFORMED_RECORD, detail)
            continue
        content.skip(len(body))
        yield _Frame(start, content.position - start, header, body)


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

    def at_version_line(self) -> bool:
        """Whether a record begins here."""
        self.need(_VERSION_LINE_BYTES)
        return _VERSION_LINE.match(self._buffer) is not None

    def may_be_version_line(self) -> bool:
        """Whether a record begins here, or the content ends before that can be said."""
        if self.need(_VERSION_LINE_BYTES) or b"\n" in self._buffer:
            return self.at_version_line()
        return bool(self._buffer) and self._buffer[: len(_VERSION)] == _VERSION[: len(self._buffer)]

    def take_header(self) -> bytes | None:
        """The header block with its blank line, unfolded, or None where none begins here or ends within MAX_HEADER_BYTES."""
        if not self.at_version_line():
            return None
        size = 1 << 11
        while True:
            enough = self.need(size)
            end = _HEADER_END.search(self._buffer, 0, MAX_HEADER_BYTES)
            if end is not None:
                header = bytes(memoryview(self._buffer)[: end.end()])
                self.skip(len(header))
                return _canonical(header)
            if not enough or size >= MAX_HEADER_BYTES:
                return None
            size *= 4

    def record_may_end(self, size: int) -> bool:
        """Whether what follows `size` bytes is a record's end: nothing, its two line ends, or a version line."""
        self.need(size + 16)
        after = bytes(memoryview(self._buffer)[size : size + 16])
        rest = after.lstrip(b"\r\n")
        return not rest or rest.startswith(_VERSION) or after.startswith(b"\r\n\r\n")

    def skip_to_next_record(self) -> None:
        """Goes on to the next line that begins a record, or to the end."""
        self.skip(1)
        while self.need(1):
            more = self.need(_READ_BYTES)
            found = _NEXT_RECORD.search(self._buffer)
            if found is not None:
                self.skip(found.start() + 1)
                return
            self.skip(len(self._buffer) - _VERSION_LINE_BYTES if more else len(self._buffer))


def _canonical(header: bytes) -> bytes:
    """A header block without folded lines, with the names of fields as fastwarc knows them."""
    header = _FOLDED_LINE.sub(b" ", header)
    if b"\nWARC-Type:" in header:
        return header
    return _FIELD_NAME.sub(lambda match: _NAMES.get(match.group().lower(), match.group()), header)


def _parse(frame: _Frame, offset: int, length: int, limits: Limits) -> Item:
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
            max_bytes=limits.max_record_bytes,
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
