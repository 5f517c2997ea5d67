"""ARC records (version 1, and 2 as far as they are alike) as pages; gzip, zstd, lz4 or plain.

A record is a line `URL IP-address date content-type length`, `length` bytes, a line end; the file's first is
`filedesc:`. Ranges and recovery from damage: corpus.sources.archive. Dates keep their fourteen digits.

Memory: one record of at most `Limits.max_record_bytes`.
"""

import dataclasses
import re
from collections.abc import Iterator
from typing import BinaryIO

from corpus.sources.archive import read_archive
from corpus.sources.framing import Frame
from corpus.sources.records import Item, Limits, Loss, NoPage, Page, Split
from corpus.sources.warc import parse_response

_LINE_BYTES = 1 << 13
_SCHEME = re.compile(rb"(?P<file>filedesc:)|[A-Za-z][A-Za-z0-9+.-]{0,19}:")
# URLs hold blanks in old crawls; the fields after them do not. The first record's fields may be anything.
_FIELDS = re.compile(rb"(?= (?:[0-9A-Fa-f.:]{2,45}|-) (?P<date>\d{12,18}) )")
_URL_BYTES, _FILE_NAME_BYTES = 6000, 2000
_FIELDS_BYTES = 66  # the longest match
_LENGTH = re.compile(rb"-?\w{1,18}\Z")
_LENGTH_BYTES, _TYPE_BYTES, _BLANKS = 19, 600, 9
_FILE_LINE = re.compile(rb"filedesc:[^\r\n]{0,2000}\r?\n")
# What every such line holds and few others do: the place to look at, in time that grows with the bytes alone.
_DATE = re.compile(rb" \d{12,18} ")
_HEADER = (
    b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http; msgtype=response\r\nContent-Length: %d\r\n\r\n"
)


def read_arc(split: Split, limits: Limits, stream: BinaryIO | None = None) -> Iterator[Item]:
    """Every record that the split owns, in file order, and every loss."""
    return read_archive(split, ArcGrammar(), limits, stream)


def _line(data: bytes | bytearray, begin: int = 0) -> tuple[bytes, bytes] | None:
    """URL and date of the line that begins a record here, or None. Of several places where the fields could begin, the first.

    Read from both ends, because a pattern for the whole of it tries each place with each length of what follows.
    """
    end = data.find(b"\n", begin, begin + _LINE_BYTES)
    scheme = _SCHEME.match(data, begin)
    if end < 0 or scheme is None:
        return None
    line = bytes(data[begin:end]).removesuffix(b"\r")
    fields = line.rstrip(b" \t")
    length = _LENGTH.search(fields, max(0, len(fields) - _LENGTH_BYTES))
    if b"\r" in line or len(line) - len(fields) > _BLANKS or length is None:
        return None
    least, most = (0, _FILE_NAME_BYTES) if scheme.group("file") else (1, _URL_BYTES)
    url = scheme.end() - begin
    for found in _FIELDS.finditer(line, url + least, url + most + 1 + _FIELDS_BYTES):
        if found.start() > url + most:
            return None
        rest = found.end("date") + 1
        if rest < len(fields) and length.start() - rest <= _TYPE_BYTES:
            return line[: found.start()], found.group("date")
    return None


class ArcGrammar:
    """A line, the content, a line end."""

    name = "ARC"
    mark = b"filedesc:"
    start_bytes = _LINE_BYTES
    record_end = b"\n"

    def starts(self, data: bytes | bytearray) -> bool:
        return _line(data) is not None or _FILE_LINE.match(data) is not None

    def find(self, data: bytes | bytearray, begin: int = 0) -> int:
        seen = -1  # a line may hold many dates, and is looked at once
        for date in _DATE.finditer(data, begin):
            line_end = data.rfind(b"\n", max(begin, seen, date.start() - _LINE_BYTES), date.start())
            if line_end >= 0 and line_end != seen:
                seen = line_end
                if _line(data, line_end + 1) is not None:
                    return line_end
        return -1

    def header_end(self, data: bytes | bytearray, begin: int = 0) -> int | None:
        end = data.find(b"\n", 0, _LINE_BYTES)
        return None if end < 0 else end + 1

    def content_length(self, header: bytes) -> int | None:
        length = header.split()[-1]
        return int(length) if re.fullmatch(rb"\d{1,18}", length) else None

    def parse(self, frame: Frame, offset: int, length: int, limits: Limits) -> Item:
        """A framed record as a page, or as what else it is."""
        line = _line(frame.header)
        if line is None or line[0].startswith(self.mark):
            return NoPage(offset, "warcinfo")
        url = line[0].decode("utf-8", "replace")
        scheme = url.partition(":")[0].lower()
        if scheme not in ("http", "https"):
            return NoPage(offset, f"response of {scheme}")
        content = frame.content
        item = parse_response(_HEADER % len(content), content, offset, length, limits)
        if isinstance(item, Page):
            return dataclasses.replace(item, url=url, date=line[1][:14].decode())
        return dataclasses.replace(item, url=url) if isinstance(item, Loss) else item
