"""JSON rows, plain or compressed: objects with the fields of `Fields`, of which only `text` must be there.

An object a line, or several; a file that begins with `[`, or with an object of several lines, is read object by object
(corpus.sources.json_values), as one split. A field may be nested (`meta.url`). Texts that are lists of strings are joined by
line ends. A mapped field that none of a file's first SEEN_ROWS rows has stops with the names that they do have. A line that is
not UTF-8 is GBK if all of it is, and else a Loss.

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
from corpus.sources.json_values import NamedFields, begins_values, decoded, field_of, values
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
        head = _head(content)
        in_values = begins_values(head)
        if in_values and split.begin > 0:
            return  # all of it belongs to the range with the first byte
        if not packed:
            stored.seek(0)
        named = NamedFields(split.fields, split.file) if split.begin == 0 else None
        pieces = values(content, limits) if in_values else _lines(content, split, packed, limits)
        try:
            for position, line in pieces:
                items = [line] if isinstance(line, Loss) else _rows(line, position, split.fields, named)
                del line
                for item in items:
                    found = item
                    if inflated is not None:
                        if isinstance(item, Loss):
                            found = dataclasses.replace(item, length=inflated.position - counted)
                        counted = inflated.position
                    yield found
            if named is not None:
                named.check()
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


def _head(content: BinaryIO) -> bytes:
    """The first bytes of the content; what is inflated stays to be read, and so does what is damaged."""
    try:
        return content.peek(_HEAD_BYTES) if isinstance(content, io.BufferedReader) else content.read(_HEAD_BYTES)
    except (DamagedMemberError, EOFError):
        return b""


_HEAD_BYTES = 1 << 12


def _rows(line: bytes, offset: int, fields: Fields, named: NamedFields | None) -> list[Item]:
    """The objects of a line, mostly one."""
    if not line.strip():
        return []
    if _holds_too_much(line):
        return [Loss(offset, len(line), Reason.EXPANSION_LIMIT, f"a line of over {MAX_VALUES} values")]
    try:
        written = decoded(line)
    except UnicodeDecodeError as error:
        why = f"not UTF-8: byte 0x{line[error.start]:02x} at {error.start} of the row"
        return [Loss(offset, len(line), Reason.MALFORMED_RECORD, why)]
    found: list[Item] = []
    place = len(written) - len(written.lstrip())
    while place < len(written):
        try:
            row, place = _DECODER.raw_decode(written, place)
        except (ValueError, RecursionError) as error:
            # What stands before it on the line was read.
            done = min(len(written[:place].encode()), len(line)) if found else 0
            why = f"not JSON: {str(error)[:150]}"
            return [*found, Loss(offset + done, len(line) - done, Reason.MALFORMED_RECORD, why)]
        found.append(_row(row, line, offset, fields, named))
        place = _BLANKS.match(written, place).end()  # type: ignore[union-attr]
    return found


# Control characters inside strings, as raw tabs, are read.
_DECODER = json.JSONDecoder(strict=False)
_BLANKS = re.compile(r"\s*")


def _row(row: Any, line: bytes, offset: int, fields: Fields, named: NamedFields | None) -> Item:
    if named is not None and isinstance(row, dict):
        named.see(row)
    text = field_of(row, fields.text)
    if isinstance(text, list) and text and all(isinstance(part, str) for part in text):
        text = "\n".join(text)
    if not isinstance(text, str):
        return Loss(offset, len(line), Reason.MALFORMED_RECORD, f'no string under "{fields.text}"')
    text = _valid(text)
    return Text(
        offset=offset,
        length=len(line),
        record_id=_string(field_of(row, fields.id)),
        url=_string(field_of(row, fields.url)),
        date=_string(field_of(row, fields.date)),
        text=text,
        language_hint=_string(field_of(row, fields.language)),
        licence=_string(field_of(row, fields.licence)),
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
