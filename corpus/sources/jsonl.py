"""JSONL rows, plain, gzip, zstd or lz4: an object a line with the fields of `Fields`, of which only `text` must be there.

A line that is no such object is a Loss; the next line is read. A plain file can be divided: a range owns the lines that
begin in it. A compressed file is one split; a damaged one gives the lines before the damage and a Loss for the rest.
Of keys that stand twice the last one counts. A line of more than MAX_VALUES values is not parsed: each of `[],[],…` takes
70 bytes for 3. The stored bytes of a lost line of a compressed file are those that were read for it, in pieces.
Memory: one line of at most `Limits.max_record_bytes`, some six times where its text has characters beyond U+FFFF.
"""

import dataclasses
import io
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from corpus.reasons import Reason
from corpus.sources.compressed import DamagedMemberError, Inflated, codec_of
from corpus.sources.planned import opened
from corpus.sources.records import Fields, Item, Limits, Loss, Split, Text
from corpus.sources.stored_bytes import StoredBytes

#: Rows of text have some tens of them, and metadata of a document some thousands.
MAX_VALUES = 1 << 20
_TOKEN = re.compile(rb'"(?>[^"\\]++|\\.)*+(?:"|\\?\Z)|[,\[{]', re.S)
_QUOTE = ord('"')


def read_jsonl(split: Split, limits: Limits, stream: BinaryIO | None = None) -> Iterator[Item]:
    """Every row that the split owns; offsets of a gzip file count its inflated bytes."""
    with opened(split, stream) as stored:
        window = StoredBytes(stored, size=split.file_bytes)
        codec = codec_of(window)
        inflated = Inflated(window, codec) if codec is not None else None
        if inflated is None:
            stored.seek(0)
        elif split.begin > 0:
            return  # all of it belongs to the range with the first byte
        content = cast(BinaryIO, io.BufferedReader(inflated)) if inflated is not None else stored
        packed = inflated is not None
        position = counted = 0
        try:
            for position, line in _lines(content, split, packed, limits):
                item = line if isinstance(line, Loss) else _row(line, position, split.fields) if line.strip() else None
                del line
                if inflated is not None:
                    if isinstance(item, Loss):
                        item = dataclasses.replace(item, length=inflated.position - counted)
                    counted = inflated.position
                if item is not None:
                    yield item
        except (DamagedMemberError, EOFError) as error:
            begin = inflated.position if inflated is not None else position
            reason = Reason.TRUNCATED_INPUT if isinstance(error, EOFError) else Reason.DAMAGED_MEMBER
            yield Loss(begin, split.file_bytes - begin, reason, f"{error}, after {position} inflated bytes")


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


def _row(line: bytes, offset: int, fields: Fields) -> Item:
    if _holds_too_much(line):
        return Loss(offset, len(line), Reason.EXPANSION_LIMIT, f"a line of over {MAX_VALUES} values")
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Loss(offset, len(line), Reason.MALFORMED_RECORD, f"not JSON: {str(error)[:150]}")
    text = row.get(fields.text) if isinstance(row, dict) else None
    if not isinstance(text, str):
        return Loss(offset, len(line), Reason.MALFORMED_RECORD, f'no string under "{fields.text}"')
    text = _valid(text)
    return Text(
        offset=offset,
        length=len(line),
        record_id=_string(row.get(fields.id)),
        url=_string(row.get(fields.url)),
        date=_string(row.get(fields.date)),
        text=text,
        language_hint=_string(row.get(fields.language)),
        licence=_string(row.get(fields.licence)),
    )


def _holds_too_much(line: bytes) -> bool:
    """Whether a line has more than MAX_VALUES marks between values, outside of strings. Stops there."""
    if sum(map(line.count, (b",", b"[", b"{"))) <= MAX_VALUES:
        return False
    marks = strings = 0
    for token in _TOKEN.finditer(line):
        if line[token.start()] == _QUOTE:
            strings += 1
        else:
            marks += 1
        if marks > MAX_VALUES or strings > 2 * MAX_VALUES + 1:
            return True
    return False


def _valid(text: str) -> str:
    """A lone surrogate is valid JSON and no valid text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


def _string(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _valid(value) if isinstance(value, str) and value else None
