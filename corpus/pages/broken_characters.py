"""Text in a multi-byte charset with bytes that belong to no character: what is whole is read, each other byte is U+FFFD.

A library's "replace" goes on at the next byte, so that one byte too many turns the rest of a line of EUC, where every
byte may begin a character, into other characters. Here a line is divided into characters and broken bytes so that it costs
least (corpus.pages.charset_scores), by a shortest path over its bytes.
"""

import functools
import re
import sys

import numpy as np

from corpus.pages import charset_scores as scores

#: Nats of a byte that belongs to no character, and of an ASCII character.
_BROKEN, _ASCII = 14.0, 2.0
#: Bytes of broken lines for which a path is looked for; what is damaged beyond that is no text, and is replaced as it comes.
MOST_BYTES = 1 << 16
_LINE = re.compile(rb"[\x30-\xff]*[\x80-\xff][\x30-\xff]*")
#: What a lone byte means to those who write the charset: windows-936's euro sign.
_LONE = {("gb18030", 0x80): "€"}


def decode_broken(body: bytes, charset: str) -> str:
    """The text of bytes that do not decode strictly. `charset` is one of corpus.pages.charset_scores.MULTI_BYTE.

    Example:
        >>> decode_broken("中文".encode("gbk") + b"\\xa0" + "网页".encode("gbk"), "gb18030")
        '中文\ufffd网页'
    """
    left = MOST_BYTES
    parts, end = [], 0
    for match in _LINE.finditer(body):
        parts.append(body[end : match.start()].decode("ascii"))
        line, end = match.group(), match.end()
        try:
            parts.append(line.decode(charset))
        except UnicodeDecodeError:
            left -= len(line)
            parts.append(_divided(line, charset) if left >= 0 else line.decode(charset, "replace"))
    parts.append(body[end:].decode("ascii"))
    return "".join(parts)


def _divided(line: bytes, charset: str) -> str:
    """A line as characters of one to three bytes and broken bytes, the cheapest way."""
    costs = _pair_costs(charset)
    least = [0.0] + [sys.float_info.max] * len(line)
    length = [0] * (len(line) + 1)  # of the character that ends here; 0: a broken byte
    singles = _single_costs(charset)
    for at, byte in enumerate(line):
        here = least[at]
        options = [(1, singles[byte]), (0, _BROKEN)]
        if at + 1 < len(line) and byte >= 0x80:
            options.append((2, float(costs[byte << 8 | line[at + 1]])))
        if charset == "euc_jp" and byte == 0x8F and at + 2 < len(line):
            options.append((3, 12.0 if line[at + 1] >= 0xA1 and line[at + 2] >= 0xA1 else sys.float_info.max))
        for taken, cost in options:
            end = at + max(taken, 1)
            if here + cost < least[end]:
                least[end], length[end] = here + cost, taken
    characters, end = [], len(line)
    while end:
        taken = length[end]
        begin = end - max(taken, 1)
        characters.append(_character(line[begin:end], charset) if taken else "\ufffd")
        end = begin
    return "".join(reversed(characters))


def _character(data: bytes, charset: str) -> str:
    lone = _LONE.get((charset, data[0])) if len(data) == 1 else None
    return lone or data.decode(charset, "replace")


@functools.cache
def _single_costs(charset: str) -> list[float]:
    """(256,) nats of a byte as a character of its own."""
    found = []
    for byte in range(256):
        try:
            whole = len(bytes([byte]).decode(charset)) == 1
        except UnicodeDecodeError:
            whole = False
        # The bytes of cp932 that Python takes for private or control characters are nobody's letters.
        letter = whole and (byte < 0x80 or 0xA1 <= byte <= 0xDF)
        found.append(_ASCII if byte < 0x80 and whole else 10.0 if letter or (charset, byte) in _LONE else 1e9)
    return found


@functools.cache
def _pair_costs(charset: str) -> np.ndarray:
    """(65,536) float32: nats of two bytes as one character; 1e9 where they are none."""
    pairs = [bytes((lead, trail)) for lead in range(0x81, 0xFF) for trail in range(0x30, 0xFF)]
    found = [(pair[0] << 8 | pair[1], text) for pair in pairs if len(text := pair.decode(charset, "ignore")) == 1]
    table = np.full(1 << 16, 1e9, np.float32)
    costs = np.min(
        [scores.character_costs("".join(c for _, c in found), each) for each in scores.MULTI_BYTE[charset]], 0
    )
    table[[place for place, _ in found]] = costs
    return table
