"""JSONL rows, plain or gzip: one JSON object a line with `text`, and where given `id`, `url`, `date`.

A line that is no such object is a Loss; the next line is read. A plain file can be divided: a range owns the lines that
begin in it. A gzip file is one split; a damaged one gives the lines before the damage and a Loss for the rest.
Memory: one line of at most `Limits.max_record_bytes`.
"""

import io
import json
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from corpus.reasons import Reason
from corpus.sources.records import Item, Limits, Loss, Split, Text
from corpus.sources.stored_bytes import GZIP_MAGIC, GzipMember, StoredBytes, skip_padding
from corpus.storage import files


def read_jsonl(split: Split, limits: Limits) -> Iterator[Item]:
    """Every row that the split owns; offsets of a gzip file count its inflated bytes."""
    with files.open_read(split.file) as stored:
        packed = stored.read(3) == GZIP_MAGIC
        stored.seek(0)
        inflated = _Inflated(StoredBytes(stored, size=split.file_bytes))
        stream = cast(BinaryIO, io.BufferedReader(inflated)) if packed else stored
        position = 0
        try:
            for position, line in _lines(stream, split, packed, limits):
                if isinstance(line, Loss):
                    yield line
                elif line.strip():
                    yield _row(line, position)
        except (zlib.error, EOFError) as error:
            begin = inflated.position
            reason = Reason.TRUNCATED_INPUT if isinstance(error, EOFError) else Reason.DAMAGED_MEMBER
            yield Loss(begin, split.file_bytes - begin, reason, f"{error}, after {position} inflated bytes")


class _Inflated(io.RawIOBase):
    """The content of all gzip members of a file. Raises zlib.error or EOFError where it is damaged or cut."""

    def __init__(self, stored: StoredBytes) -> None:
        self._stored = stored
        self._member = GzipMember(stored, 0)
        self.position = 0  # stored bytes before this one were inflated without an error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not (data := self._member.read(len(buffer))):
            self.position = skip_padding(self._stored, self._member.position)
            if self.position >= self._stored.size:
                return 0
            self._member = GzipMember(self._stored, self.position)
        self.position = self._member.position
        buffer[: len(data)] = data
        return len(data)


def _lines(stream: BinaryIO, split: Split, packed: bool, limits: Limits) -> Iterator[tuple[int, bytes | Loss]]:
    position = 0 if packed else split.begin
    end = None if packed else split.end
    if not packed and split.begin > 0:
        # The line that began in the range before belongs to it.
        stream.seek(split.begin - 1)
        position = split.begin - 1 + _rest_of_line(stream)
    while end is None or position < end:
        line = stream.readline(limits.max_record_bytes + 1)
        if not line:
            return
        size = len(line)
        if size > limits.max_record_bytes:
            if not line.endswith(b"\n"):
                size += _rest_of_line(stream)
            yield position, Loss(position, size, Reason.EXPANSION_LIMIT, f"a line of {size} bytes")
        else:
            yield position, line
        position += size


def _rest_of_line(stream: BinaryIO) -> int:
    """Reads to the line's end without holding it; returns the number of bytes."""
    size = 0
    while line := stream.readline(1 << 20):
        size += len(line)
        if line.endswith(b"\n"):
            break
    return size


def _row(line: bytes, offset: int) -> Item:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Loss(offset, len(line), Reason.MALFORMED_RECORD, f"not JSON: {str(error)[:150]}")
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        return Loss(offset, len(line), Reason.MALFORMED_RECORD, 'no string under "text"')
    # A lone surrogate is valid JSON and no valid text.
    text = row["text"].encode("utf-8", "replace").decode("utf-8") if not row["text"].isascii() else row["text"]
    return Text(
        offset=offset,
        length=len(line),
        record_id=_string(row.get("id")),
        url=_string(row.get("url")),
        date=_string(row.get("date")),
        text=text,
    )


def _string(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) and value else None
