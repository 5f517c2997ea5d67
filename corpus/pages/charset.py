"""Bytes of a page → text. A declaration is a prior, never a proof: the bytes decide.

In this order: a byte-order mark; the zeros of UTF-16; the escapes of 7-bit charsets; valid UTF-8 with at least one longer character,
which text in another charset passes for by chance about never, so that some broken bytes among them do not change it. Every other page is
read in each charset that pages are written in, and the likeliest reading wins (corpus.pages.charset_scores): what the header and
the meta element declare counts like a letter or two of evidence each. So single-byte labels, which decode anything, and
labels of a sibling (big5 on GBK, koi8-r on windows-1251) give way to the bytes, and a few letters beyond ASCII to the label.

A broken byte never changes the charset. It is U+FFFD, and the characters after it are read from where they begin again. Labels are
the WHATWG Encoding Standard's (gb2312 means gb18030); unknown ones count nothing. Never raises. Memory: two copies of the page.
"""

import codecs
import re
from collections.abc import Iterator

from resiliparse.parse.encoding import map_encoding_to_html5

from corpus.pages import charset_scores as scores
from corpus.pages.broken_characters import decode_broken

VERSION = 3

META_SCAN_BYTES = 4096
_META = re.compile(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.\-]{2,40})""", re.IGNORECASE)
# UTF-32's before UTF-16's, which begin alike.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# 7-bit charsets are written in ASCII bytes alone, with escape sequences: there, ASCII is no evidence of UTF-8.
_ESCAPES = {b"\x1b$B": "iso2022_jp", b"\x1b$@": "iso2022_jp", b"\x1b$)C": "iso2022_kr"}
_HZ = re.compile(rb"~\{((?:[\x21-\x77][\x21-\x7e])+)~\}")
#: So many longer characters for each broken sequence make a page UTF-8 with damage. Pages in other charsets have .8 at most.
CHARACTERS_PER_ERROR = 2

#: Nats that a declaration is worth, of the header and of the meta element each: more of a multi-byte charset, whose bytes must be
#: valid besides, less of windows-1252, which servers send by default.
DECLARED, DECLARED_MULTI_BYTE, DECLARED_WESTERN = 4.0, 10.0, 2.0
#: What charsets are worth that nobody declared: most undeclared pages with few letters beyond ASCII are windows-1252;
#: those of old Macintoshes and of rare standards are rarely met.
UNDECLARED = {
    "cp1252": 12.0,
    "mac-cyrillic": -8.0,
    "cp866": -6.0,
    "mac-roman": -20.0,
    "iso8859-15": -8.0,
    "iso8859-13": -8.0,
}
UNDECLARED |= {"iso8859-4": -8.0, "iso8859-8": -8.0, "iso8859-5": -2.0, "iso8859-6": -2.0, "iso8859-7": -2.0}


def decode_page(body: bytes, declared: str | None = None) -> tuple[str, str]:
    """The page's text and the charset that gave it; `declared` is the HTTP header's.

    Example:
        >>> decode_page("<p>语言模型的训练语料".encode("gbk") + b"\\xff", "iso-8859-1")
        ('<p>语言模型的训练语料\ufffd', 'gb18030')
    """
    for mark, charset in _MARKS:
        # A mark of UTF-8 that an editor put before a page in another charset proves nothing.
        if body.startswith(mark) and (charset != "utf-8" or _is_utf_8(body, body.decode("utf-8", "replace"))):
            return body[len(mark) :].decode(charset, "replace"), charset
    zeros = _utf_16(body)
    if zeros is not None:
        return body.decode(zeros, "replace"), zeros
    seven_bit = _seven_bit(body)
    if seven_bit is not None:
        return seven_bit
    if body.isascii():
        return body.decode("ascii"), "utf-8"
    text = body.decode("utf-8", "replace")
    if _is_utf_8(body, text):
        return text, "utf-8"
    charset = _likeliest(body, declared)
    return _decoded(body, charset), charset


# ------------------------------------------------------------------------------------------------ the likeliest reading


def _likeliest(body: bytes, declared: str | None) -> str:
    """The charset under which the bytes beyond ASCII are the likeliest text."""
    sample = scores.sample_of(body)
    costs = scores.costs_of(sample)
    worth = {charset: UNDECLARED.get(charset, 0.0) for charset in costs}
    labels = list(_labels(body, declared))
    if any(label != "cp1252" for label in labels):
        worth["cp1252"] = 0.0
    for label in labels:
        if label not in costs and not label.startswith(("utf", "iso2022", "hz")):
            costs[label] = scores.cost_in(label, sample)
        worth[label] = max(worth.get(label, 0.0), 0.0) + _worth_of(label)
    return min(costs, key=lambda charset: (costs[charset] - worth.get(charset, 0.0), charset))


def _worth_of(label: str) -> float:
    if label in scores.MULTI_BYTE:
        return DECLARED_MULTI_BYTE
    return DECLARED_WESTERN if label == "cp1252" else DECLARED


def _labels(body: bytes, declared: str | None) -> Iterator[str]:
    """The Python codecs that the header and the meta element declare."""
    meta = _META.search(body, 0, META_SCAN_BYTES)
    for label in (declared, meta.group(1).decode("ascii", "replace") if meta else None):
        charset = _codec(label)
        if charset is not None:
            yield charset


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset)
    except UnicodeDecodeError:
        return decode_broken(body, charset) if charset in scores.MULTI_BYTE else body.decode(charset, "replace")


# Labels as resiliparse maps them → the Python codec that decodes what the standard means by them.
_CODECS = {
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-11": "cp874",
    "iso8859-9": "cp1254",
}
# What programs write and the standard's table of labels lacks.
_ALIASES = {
    "cp932": "cp932",
    "cp936": "gb18030",
    "gb-2312": "gb18030",
    "cp949": "cp949",
    "uhc": "cp949",
    "cp950": "big5hkscs",
    "big5hkscs": "big5hkscs",
    "utf-8-sig": "utf-8",
    "x-mac-cyrillic": "mac-cyrillic",
}


def _codec(label: str | None) -> str | None:
    """The Python codec of a declared label, or None for a label that is not known."""
    if not label:
        return None
    plain = label.strip().lower()
    if plain in _ALIASES:
        return _ALIASES[plain]
    # Unknown labels map to windows-1252 there; only a label that means it may.
    name = map_encoding_to_html5(plain, fallback_utf8=False)
    if not name or name == "replacement":
        return None
    charset = _CODECS.get(str(name), str(name))
    try:
        return charset if b"a".decode(charset) == "a" else None
    except (LookupError, UnicodeDecodeError):
        return None


# ------------------------------------------------------------------------------------------------ certain by their form


def _utf_16(body: bytes) -> str | None:
    """UTF-16 without a mark: every second byte of markup is zero."""
    head = body[:256]
    if b"\0" not in head:
        return None
    first, second = head[::2].count(0), head[1::2].count(0)
    enough = max(4, len(head) // 8)
    if second >= enough and first * 8 < second:
        return "utf-16-le"
    return "utf-16-be" if first >= enough and second * 8 < first else None


def _is_utf_8(body: bytes, text: str) -> bool:
    """Whether what was decoded with replacement is UTF-8, if with some damage."""
    errors = text.count("�") - body.count(b"\xef\xbf\xbd")
    if errors <= 0:
        return True
    longer = len(text) - len(text.encode("ascii", "ignore")) - errors
    return longer >= CHARACTERS_PER_ERROR * errors


def _seven_bit(body: bytes) -> tuple[str, str] | None:
    """ISO-2022 and HZ, of which a few bytes may be broken."""
    for escape, charset in _ESCAPES.items():
        if escape in body:
            beyond = len(body) - len(body.decode("ascii", "ignore"))
            if beyond > body.count(b"\x1b$"):
                return None
            for strict in (charset, f"{charset}_ext") if charset == "iso2022_jp" else (charset,):
                try:
                    return body.decode(strict), strict
                except UnicodeDecodeError:
                    continue
            return body.decode(charset, "replace"), charset
    if b"~{" in body and body.isascii():
        stretches = _HZ.findall(body)
        chinese = "".join(_of_hz(each) for each in stretches)
        if chinese and scores.multi_byte_cost(chinese, ("zh-Hans",)) < MOST_OF_HZ * len(chinese):
            text = _HZ.sub(lambda match: _of_hz(match[1]).encode(), body)
            return text.replace(b"~\n", b"").replace(b"~~", b"~").decode("utf-8"), "hz"
    return None


#: Nats that a Chinese character costs in text; of two ASCII letters read as one, twice as many.
MOST_OF_HZ = 9.0


def _of_hz(stretch: bytes) -> str:
    return bytes(byte | 0x80 for byte in stretch).decode("gb2312", "replace")
