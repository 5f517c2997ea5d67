"""Markup as UTF-8 bytes, looked at without parsing it: how many tags, how deep, and the text between them. Compiled.

`count_tags`       start tags, and whether more elements are open at once than allowed: on the bytes as they are, comments
                   and scripts included, since no parser is sure to see them as another does
`text_of_markup`   what stands outside tags, comments, scripts and styles, white space collapsed; character references
                   stay as they are. Enough to tell a language, not to read

Invariants: any bytes are accepted; time and memory are linear in the page, whatever it holds.
Cost: 0.03 ms and 0.06 ms for a page of 30,000 bytes.
"""

import numpy as np

from corpus.text.segmentation import UInt8s, UInt64s, kernel

VERSION = 1

#: Elements that have no end tag, or whose end tag may be left out: these close each other, and are not deep.
UNCOUNTED = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
    | {"html", "head", "body", "p", "li", "dt", "dd", "option", "optgroup", "rb", "rt", "rtc", "rp"}
    | {"tr", "td", "th", "thead", "tbody", "tfoot", "caption", "colgroup"}
)

_LESS, _GREATER, _SLASH, _BANG, _QUESTION, _EQUALS, _DASH = (ord(mark) for mark in "<>/!?=-")
_QUOTE, _APOSTROPHE, _SPACE = ord('"'), ord("'"), ord(" ")
_NAME_BYTES = 8


def _packed(name: str) -> int:
    """A name of at most _NAME_BYTES as an integer, as the kernels build it."""
    return int.from_bytes(name.encode(), "big")


_UNCOUNTED = np.array(sorted(map(_packed, UNCOUNTED)), np.uint64)
_SCRIPT, _STYLE = np.uint64(_packed("script")), np.uint64(_packed("style"))


def count_tags(markup: bytes, max_depth: int) -> tuple[int, bool]:
    """(start tags, whether more than `max_depth` elements are open at once). `UNCOUNTED` are never open."""
    nodes, too_deep = _count(np.frombuffer(markup, np.uint8), max_depth, _UNCOUNTED)
    return int(nodes), bool(too_deep)


def text_of_markup(markup: bytes) -> str:
    """The text outside tags, with a space for each; of what is no UTF-8, U+FFFD."""
    data = np.frombuffer(markup, np.uint8)
    text = np.empty(len(data), np.uint8)
    return text[: _text(data, text)].tobytes().decode("utf-8", "replace")


def warm_up() -> None:
    """Compiles the kernels."""
    count_tags(b"<p>", 1)
    text_of_markup(b"<p>a")


@kernel
def _is_letter(byte: int | np.uint8) -> bool:
    return bool(0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A)


@kernel
def _is_counted(name: np.uint64, uncounted: UInt64s) -> bool:
    at = np.searchsorted(uncounted, name)
    return bool(at == len(uncounted) or uncounted[at] != name)


@kernel
def _name(data: UInt8s, at: int) -> tuple[np.uint64, int]:
    """(the name that begins at `at` in lower case, packed; 0 where it is too long for that), and where it ends."""
    packed = np.uint64(0)
    begin = at
    while at < len(data):
        byte = data[at]
        # Letters, digits, colon, hyphen.
        if not (_is_letter(byte) or 0x30 <= byte <= 0x3A or byte == _DASH):
            break
        if at - begin < _NAME_BYTES:
            packed = np.uint64(packed << np.uint64(8)) | np.uint64(byte | 0x20 if _is_letter(byte) else byte)
        at += 1
    return (packed if at - begin <= _NAME_BYTES else np.uint64(0)), at


@kernel
def _count(data: UInt8s, max_depth: int, uncounted: UInt64s) -> tuple[int, bool]:
    nodes = depth = 0
    too_deep = False
    for i in range(len(data) - 1):
        if data[i] != _LESS:
            continue
        following = data[i + 1]
        if _is_letter(following):
            nodes += 1
            name, _ = _name(data, i + 1)
            if _is_counted(name, uncounted):
                depth += 1
                too_deep |= depth > max_depth
        elif following == _SLASH and i + 2 < len(data) and _is_letter(data[i + 2]):
            name, _ = _name(data, i + 2)
            if depth and _is_counted(name, uncounted):
                depth -= 1
    return nodes, too_deep


@kernel
def _text(data: UInt8s, text: UInt8s) -> int:
    size = 0
    spaced = True  # the last byte written is a space, or there is none
    i = 0
    while i < len(data):
        byte = data[i]
        following = data[i + 1] if i + 1 < len(data) else np.uint8(0)
        if byte == _LESS and (_is_letter(following) or following in (_SLASH, _BANG, _QUESTION)):
            i = _after_tag(data, i)
            byte = np.uint8(_SPACE)
        else:
            i += 1
        if byte <= _SPACE:
            if spaced:
                continue
            byte = np.uint8(_SPACE)
        spaced = byte == _SPACE
        text[size] = byte
        size += 1
    return size


@kernel
def _after_tag(data: UInt8s, at: int) -> int:
    """The first byte after the tag, the comment, or the whole script or style that begins at `at`."""
    if data[at + 1] == _BANG and at + 3 < len(data) and data[at + 2] == _DASH and data[at + 3] == _DASH:
        at += 2  # `<!-->` is a whole comment
        while at + 2 < len(data):
            if data[at] == _DASH and data[at + 1] == _DASH and data[at + 2] == _GREATER:
                return at + 3
            at += 1
        return len(data)
    name, at = _name(data, at + 1)
    at = _after_attributes(data, at)
    if name != _SCRIPT and name != _STYLE:
        return at
    while at + 1 < len(data):
        if data[at] == _LESS and data[at + 1] == _SLASH and _name(data, at + 2)[0] == name:
            return _after_attributes(data, at + 2)
        at += 1
    return len(data)


@kernel
def _after_attributes(data: UInt8s, at: int) -> int:
    """The first byte after the `>` that ends a tag: one in a quoted value, which follows a `=`, does not."""
    after_equals = False
    while at < len(data):
        byte = data[at]
        at += 1
        if byte == _GREATER:
            return at
        if after_equals and byte in (_QUOTE, _APOSTROPHE):
            while at < len(data) and data[at] != byte:
                at += 1
            at += 1
        after_equals = byte == _EQUALS or (after_equals and byte <= _SPACE)
    return len(data)
