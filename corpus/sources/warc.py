"""WARC records: responses, resources and conversions as pages, conversions to plain text (WET) as texts; gzip, zstd, lz4, plain.

A response whose block is the page itself, without an HTTP header, is a page too. What a page's type is worth is judged where it is
read (corpus.pages.screens), so a resource that is an image is dropped there, with its reason; records that hold no page by their
kind (warcinfo, request, metadata, revisit, continuation) are counted.

Ranges, framing and recovery from damage are ours (corpus.sources.archive); fastwarc reads the headers of each framed
record. Its iterator, like warcio's, ends or falls silent at the first damaged byte.

Memory: one record of at most `Limits.max_record_bytes`.
"""

import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from fastwarc.warc import ArchiveIterator, WarcRecordType

from corpus.reasons import Reason
from corpus.sources.archive import read_archive
from corpus.sources.framing import MAX_HEADER_BYTES, Frame
from corpus.sources.http_body import BodyError, decode_body
from corpus.sources.records import OPT_OUT_HEADERS, Item, Limits, Loss, NoPage, Page, Split, Text

_VERSION = b"WARC/"
# Some writers end lines with \r\r\n. The numbers of blanks are bounded: a search must not be quadratic in a run of them.
_CONTENT_LENGTH = re.compile(rb"^content-length[ \t]{0,9}:[ \t]{0,99}(\d{1,18})[ \t]{0,99}\r{0,2}$", re.I | re.M)
_ANY_LENGTH = re.compile(rb"^content-length[ \t]{0,9}:[^\r\n]*", re.I | re.M)
_TYPE = re.compile(rb"^warc-type[ \t]{0,9}:([^\r\n]*)", re.I | re.M)
_HEADER_END = re.compile(rb"\r{0,2}\n\r{0,2}\n")
_FOLDED_LINE = re.compile(rb"\r{0,2}\n[ \t]+")
_FIELD_NAME = re.compile(rb"^[A-Za-z-]{1,40}(?=[ \t]{0,9}:)", re.M)
_FIELDS = (b"WARC-Type", b"WARC-Target-URI", b"WARC-Record-ID", b"WARC-Date", b"Content-Type", b"Content-Length")
_NAMES = {name.lower(): name for name in _FIELDS}
# A record begins with a line that is a version and nothing else; "\nWARC/" alone stands in many a text about archives.
_VERSION_LINE = re.compile(rb"WARC/\d\.\d{1,3}[ \t]{0,9}\r{0,2}\n")
_NEXT_RECORD = re.compile(rb"\n(?=" + _VERSION_LINE.pattern + rb")")
_VERSION_LINE_BYTES = 24  # the longest match, and more


def read_warc(split: Split, limits: Limits, stream: BinaryIO | None = None) -> Iterator[Item]:
    """Every record that the split owns, in file order, and every loss."""
    return read_archive(split, WarcGrammar(), limits, stream)


class WarcGrammar:
    """A version line, header lines, a blank line, the content, two line ends."""

    name = "WARC"
    mark = _VERSION
    start_bytes = _VERSION_LINE_BYTES
    record_end = b"\r\n\r\n"

    def starts(self, data: bytes | bytearray) -> bool:
        return _VERSION_LINE.match(data) is not None

    def find(self, data: bytes | bytearray, begin: int = 0) -> int:
        found = _NEXT_RECORD.search(data, begin)
        return -1 if found is None else found.start()

    def header_end(self, data: bytes | bytearray, begin: int = 0) -> int | None:
        end = _HEADER_END.search(data, begin, max(begin, MAX_HEADER_BYTES))
        return None if end is None else end.end()

    def content_length(self, header: bytes) -> int | None:
        length = _CONTENT_LENGTH.search(_canonical(header))
        return None if length is None else int(length.group(1))

    def parse(self, frame: Frame, offset: int, length: int, limits: Limits) -> Item:
        """A framed record as a page or a text, or as what else it is."""
        header = _canonical(frame.header)
        if frame.flaw is not None:
            header = _with_length(header, len(frame.content))
        kind = _TYPE.search(header)
        name = kind.group(1).strip(b" \t").decode("latin-1").lower() if kind else ""
        if name == "response":
            return parse_response(header, frame.content, offset, length, limits)
        if name in ("conversion", "resource"):
            return _parse_bare(header, frame.content, offset, length, name)
        return NoPage(offset, name or "unknown")


def _canonical(header: bytes) -> bytes:
    """A header block without folded lines, with the names of fields as fastwarc knows them."""
    header = _FOLDED_LINE.sub(b" ", header)
    if b"\nWARC-Type:" in header:
        return header
    return _FIELD_NAME.sub(lambda match: _NAMES.get(match.group().lower(), match.group()), header)


def _with_length(header: bytes, size: int) -> bytes:
    """A header block with the length that its content has, for fastwarc to read all of it."""
    line = b"Content-Length: %d" % size
    corrected, number = _ANY_LENGTH.subn(line, header)
    return corrected if number else header.rstrip(b"\r\n") + b"\r\n" + line + b"\r\n\r\n"


def parse_response(header: bytes, content: bytes, offset: int, length: int, limits: Limits) -> Item:
    """An HTTP response as a page; the header is that of a WARC record."""
    try:
        # quirks_mode: lenient about header lines; everything that reaches this point is framed, so it cannot run away.
        records = ArchiveIterator(
            io.BytesIO(header + content),
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
    is_page = _MARKUP.match(content, 0, _MARKUP_BYTES) is not None
    if http is None or is_page:
        content_type = _type_of(record.headers.get("Content-Type"))
        if content_type == "application/http" and not is_page:
            return Loss(offset, length, Reason.MALFORMED_HTTP, "no HTTP header in a response record", url)
        if url is not None and not url.lower().startswith(("http:", "https:")):
            return NoPage(offset, f"response of {content_type or 'no type'}")
        return _bare_page(record.headers, content, offset, length, url)
    try:
        body = decode_body(
            raw,
            transfer_encoding=http.get("Transfer-Encoding") or "",
            content_encoding=http.get("Content-Encoding") or "",
            max_bytes=limits.max_record_bytes,
        )
    except BodyError as error:
        return Loss(offset, length, Reason.BODY_DECODING, _line(error), url)
    return Page(
        offset=offset,
        length=length,
        record_id=record.headers.get("WARC-Record-ID"),
        url=url,
        date=record.headers.get("WARC-Date"),
        status=http.status_code,
        content_type=_type_of(http.get("Content-Type")),
        charset=record.http_charset,
        body=body.data,
        cut=body.cut,
        opt_outs=tuple((name, value) for name in OPT_OUT_HEADERS for value in http.get_multiple(name)),
    )


# What a page without a header begins with.
_MARKUP = re.compile(
    rb"(?:\xef\xbb\xbf)?\s{0,99}<(?:!doctype|!--|\?xml|html|head|body|title|meta)\b|\s{0,99}<!--", re.I
)
_MARKUP_BYTES = 400
#: Browsertrix stores what it made of a page under its URL with such a prefix.
_PREFIX = re.compile(r"urn:(?:text|textFinal|text-final|textfromresponse):(?=https?:)", re.I)


def _parse_bare(header: bytes, content: bytes, offset: int, length: int, kind: str) -> Item:
    """A block that is the page itself, or plain text that was made of one, as Common Crawl's WET files hold it."""
    try:
        records = ArchiveIterator(io.BytesIO(header + content), parse_http=False, stream_detect=False, quirks_mode=True)
        headers = next(iter(records)).headers
        content_type = _type_of(headers.get("Content-Type"))
        url = headers.get("WARC-Target-URI")
        url = _PREFIX.sub("", url.strip().strip("<>")) if url else None
        if kind == "resource" or content_type != "text/plain":
            return _bare_page(headers, content, offset, length, url)
        languages = headers.get("WARC-Identified-Content-Language") or ""
        record_id, date = headers.get("WARC-Record-ID"), headers.get("WARC-Date")
    except (OSError, ValueError, StopIteration, UnicodeError) as error:
        return Loss(offset, length, Reason.MALFORMED_RECORD, _line(error))
    return Text(
        offset=offset,
        length=length,
        record_id=record_id,
        url=url,
        date=date,
        text=content.decode("utf-8", "replace"),
        language_hint=languages.partition(",")[0].strip() or None,
    )


def _bare_page(headers: Any, content: bytes, offset: int, length: int, url: str | None) -> Page:
    """A page whose record has no HTTP header: its type and charset are the record's."""
    declared = headers.get("Content-Type") or ""
    content_type = _type_of(declared)
    charset = _CHARSET.search(declared)
    return Page(
        offset=offset,
        length=length,
        record_id=headers.get("WARC-Record-ID"),
        url=url,
        date=headers.get("WARC-Date"),
        status=None,
        content_type="" if content_type == "application/http" else content_type,
        charset=charset.group(1) if charset else None,
        body=content,
    )


_CHARSET = re.compile(r"""charset\s{0,9}=\s{0,9}["']?([\w.:-]{2,40})""", re.I)


def _type_of(declared: str | None) -> str:
    return (declared or "").partition(";")[0].strip().lower()


def _line(error: BaseException) -> str:
    return (str(error).partition("\n")[0] or type(error).__name__)[:200]
