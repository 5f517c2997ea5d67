"""ARC records (version 1, and 2 as far as they are alike) as pages; gzip, zstd, lz4 or plain.

A record is a line `URL IP-address date content-type length`, `length` bytes, a line end; the file's first is
`filedesc:`. Ranges and recovery from damage: corpus.sources.archive. Dates keep their fourteen digits.

Memory: one record of at most `Limits.max_record_bytes`.
"""

import dataclasses
import re
from collections.abc import Iterator

from corpus.sources.archive import read_archive
from corpus.sources.framing import Frame
from corpus.sources.records import Item, Limits, Loss, Other, Page, Split
from corpus.sources.warc import parse_response

_LINE_BYTES = 1 << 13
# URLs hold blanks in old crawls; the fields after them do not. The first record's fields may be anything.
_LINE = re.compile(
    rb"(?P<url>filedesc:[^\r\n]{0,2000}|[A-Za-z][A-Za-z0-9+.-]{0,19}:[^\r\n]{1,6000}?)"
    rb" (?:[0-9A-Fa-f.:]{2,45}|-) (?P<date>\d{12,18}) [^\r\n]{0,600}?(?P<length>-?\w{1,18})[ \t]{0,9}\r?\n"
)
_FILE_LINE = re.compile(rb"filedesc:[^\r\n]{0,2000}\r?\n")
# What every such line holds and few others do: the place to look at, in time that grows with the bytes alone.
_DATE = re.compile(rb" \d{12,18} ")
_HEADER = (
    b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http; msgtype=response\r\nContent-Length: %d\r\n\r\n"
)


def read_arc(split: Split, limits: Limits) -> Iterator[Item]:
    """Every record that the split owns, in file order, and every loss."""
    return read_archive(split, ArcGrammar(), limits)


class ArcGrammar:
    """A line, the content, a line end."""

    name = "ARC"
    mark = b"filedesc:"
    start_bytes = _LINE_BYTES
    record_end = b"\n"

    def starts(self, data: bytes | bytearray) -> bool:
        return _LINE.match(data) is not None or _FILE_LINE.match(data) is not None

    def find(self, data: bytes | bytearray, begin: int = 0) -> int:
        for date in _DATE.finditer(data, begin):
            line_end = data.rfind(b"\n", max(begin, date.start() - _LINE_BYTES), date.start())
            if line_end >= 0 and _LINE.match(data, line_end + 1) is not None:
                return line_end
        return -1

    def header_end(self, data: bytes | bytearray) -> int | None:
        end = data.find(b"\n", 0, _LINE_BYTES)
        return None if end < 0 else end + 1

    def content_length(self, header: bytes) -> int | None:
        length = header.split()[-1]
        return int(length) if re.fullmatch(rb"\d{1,18}", length) else None

    def parse(self, frame: Frame, offset: int, length: int, limits: Limits) -> Item:
        """A framed record as a page, or as what else it is."""
        line = _LINE.match(frame.header)
        if line is None or line.group("url").startswith(self.mark):
            return Other(offset, "warcinfo")
        url = line.group("url").decode("utf-8", "replace")
        scheme = url.partition(":")[0].lower()
        if scheme not in ("http", "https"):
            return Other(offset, f"response of {scheme}")
        content = frame.content
        item = parse_response(_HEADER % len(content), content, offset, length, limits)
        if isinstance(item, Page):
            return dataclasses.replace(item, url=url, date=line.group("date")[:14].decode())
        return dataclasses.replace(item, url=url) if isinstance(item, Loss) else item
