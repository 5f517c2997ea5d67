"""JSON that is not a row a line: arrays, objects over several lines; rows in GBK; nested fields and misspelt ones.

`values` walks a stream by quotes and braces alone, and gives the bytes of each outermost object; what stands between them but
blanks, commas and brackets is a Loss. Memory: one object of at most `Limits.max_record_bytes`, and a piece.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from corpus.errors import InputError
from corpus.reasons import Reason
from corpus.sources.records import Fields, Limits, Loss, renamed

#: A mapped field that none of so many rows has is misspelt.
SEEN_ROWS = 1000
_PIECE_BYTES = 1 << 16
_BEGIN = re.compile(rb"(?:\xef\xbb\xbf)?\s*+(?:\[\s*+(?:\{|\]|\Z)|\{[ \t]*+\r?\n)")
_MARK = re.compile(rb'["{}]')
_STRING_END = re.compile(rb'["\\]')
_BETWEEN = re.compile(rb"[\s,\[\]]*+(?:\xef\xbb\xbf)?[\s,\[\]]*+")


def begins_values(head: bytes) -> bool:
    """Whether a file is an array of objects, or objects over several lines."""
    return _BEGIN.match(head) is not None


def values(stream: BinaryIO, limits: Limits) -> Iterator[tuple[int, bytes | Loss]]:
    """Where each outermost object begins, and its bytes."""
    held = bytearray()
    origin = 0  # of what is held
    depth = at = begin = start = 0
    in_string = dropped = False
    while piece := stream.read(_PIECE_BYTES):
        held += piece
        while (found := (_STRING_END if in_string else _MARK).search(held, at)) is not None:
            mark, at = held[found.start()], found.end()
            if in_string:
                if mark == 0x5C:
                    if at == len(held):
                        at -= 1
                        break
                    at += 1
                else:
                    in_string = False
            elif mark == 0x22:
                in_string = depth > 0
            elif mark == 0x7B:
                if depth == 0:
                    yield from _between(held[begin : found.start()], origin + begin)
                    begin = found.start()
                depth += 1
            elif depth > 0:
                depth -= 1
                if depth == 0:
                    if dropped or at - begin > limits.max_record_bytes:
                        size = origin + at - (start if dropped else origin + begin)
                        yield (
                            origin + at - size,
                            Loss(origin + at - size, size, Reason.EXPANSION_LIMIT, f"an object of {size} bytes"),
                        )
                        dropped = False
                    else:
                        yield origin + begin, bytes(held[begin:at])
                    begin = at
        else:
            at = len(held)
        if depth > 0 and at - begin > limits.max_record_bytes:
            # Too long to be held: its end is looked for alone.
            if not dropped:
                start, dropped = origin + begin, True
            begin = at
        origin += begin
        at -= begin
        del held[:begin]
        begin = 0
    if depth > 0:
        yield origin, Loss(origin, len(held), Reason.MALFORMED_RECORD, "not JSON: the file ends inside an object")
    else:
        yield from _between(held, origin)


def _between(data: bytes | bytearray, offset: int) -> Iterator[tuple[int, Loss]]:
    if data and not _BETWEEN.fullmatch(data):
        yield offset, Loss(offset, len(data), Reason.MALFORMED_RECORD, "not JSON: no object")


def field_of(row: Any, name: str, missing: Any = None) -> Any:
    """A row's field; `meta.url` is what its `meta` has under `url`, unless the row has a key of that name."""
    keys = [name] if isinstance(row, dict) and name in row else name.split(".")
    for key in keys:
        if not isinstance(row, dict) or key not in row:
            return missing
        row = row[key]
    return row


_ABSENT = object()


class NamedFields:
    """Which fields a recipe names, and whether a file's rows have them."""

    def __init__(self, fields: Fields, file: str) -> None:
        self._file = file
        self._missing = renamed(fields)
        self._keys: dict[str, None] = {}
        self._rows = 0

    def see(self, row: Mapping[str, Any]) -> None:
        """Raises InputError at the last of SEEN_ROWS rows."""
        if self._rows >= SEEN_ROWS or not self._missing:
            return
        self._rows += 1
        self._keys.update(dict.fromkeys(keys_of(row)))
        self._missing = {
            field: name for field, name in self._missing.items() if field_of(row, name, _ABSENT) is _ABSENT
        }
        if self._rows == SEEN_ROWS:
            self.check()

    def check(self) -> None:
        """Raises InputError where rows were seen and none has a field that is named."""
        if self._rows and self._missing:
            field, name = next(iter(self._missing.items()))
            raise misspelt(self._file, field, name, list(self._keys), f"none of the first {self._rows} rows has")


def misspelt(file: str, field: str, name: str, there: list[str], what: str) -> InputError:
    """What to tell of a field that a recipe names and a file has not."""
    shown = ", ".join(there[:20]) + (", …" if len(there) > 20 else "")
    return InputError(
        f'{file}: {what} "{name}", which {field} is read from; there are {shown}: correct the name of the field'
    )


def keys_of(row: Mapping[str, Any]) -> list[str]:
    """The names of a row's fields, nested ones with a dot."""
    keys: list[str] = []
    for key, value in row.items():
        keys += [f"{key}.{inner}" for inner in value] if isinstance(value, dict) and value else [key]
    return keys


_UTF_8_HAN = re.compile(rb"[\xe3-\xe9][\x80-\xbf]{2}")
_EVERYDAY = re.compile("[\u3000-\u303f\u4e00-\u9fa5\uff01-\uff5e\u2018-\u201d—…·]")


def decoded(line: bytes) -> str:
    """A row's characters. Raises UnicodeDecodeError for what is neither UTF-8 nor all GBK (which a broken byte of UTF-8 is not)."""
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        foreign = len(line) - len(line.decode("ascii", "ignore"))
        if 3 * len(_UTF_8_HAN.findall(line)) * 2 > foreign:
            raise
        try:
            text = line.decode("gbk")
        except UnicodeDecodeError:
            text = ""
        beyond = len(text) - len(text.encode("ascii", "ignore"))
        # Two bytes each in GB2312's everyday half, nearly all.
        everyday = sum(1 for character in _EVERYDAY.findall(text) if _is_everyday(character))
        if beyond and everyday >= 0.8 * beyond:
            return text
        raise


def _is_everyday(character: str) -> bool:
    try:
        lead = character.encode("gb2312")[0]
    except UnicodeEncodeError:
        return False
    return lead < 0xD8
