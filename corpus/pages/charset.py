"""Bytes of a page → text. The order of trust: byte-order mark, evidence, HTTP header, meta element, detection.

Evidence: bytes that are valid UTF-8 with at least one multi-byte character are UTF-8 whatever a header says (a few broken
bytes among many such characters do not change that); text in another charset passes that test by chance about never. So
are the escape sequences of iso-2022-jp and the zeros of UTF-16. A declared charset whose strict decoding fails gives way
to the next candidate; what nothing decodes strictly is decoded with replacement by the detected charset. Labels are the
WHATWG Encoding Standard's (gb2312 means gb18030); unknown labels fall through. Never raises. Memory: two copies of the page.
"""

import codecs
import re

from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

VERSION = 1

META_SCAN_BYTES = 4096
DETECTION_BYTES = 1 << 17
_META = re.compile(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.\-]{2,40})""", re.IGNORECASE)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# iso-2022-jp is written in ASCII bytes alone, with escape sequences: there, ASCII is no evidence of UTF-8.
_JAPANESE_ESCAPES = (b"\x1b$B", b"\x1b$@")
#: So many multi-byte characters for each broken sequence make a page UTF-8 with damage, not another charset.
CHARACTERS_PER_ERROR = 20


def decode_page(body: bytes, declared: str | None = None) -> tuple[str, str]:
    """The page's text and the charset that gave it; `declared` is the HTTP header's."""
    for mark, charset in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(charset, "replace"), charset
    zeros = _utf_16(body)
    if zeros is not None:
        return body.decode(zeros, "replace"), zeros
    if body.isascii():
        if any(escape in body for escape in _JAPANESE_ESCAPES):
            return _japanese(body)
        return body.decode("ascii"), "utf-8"
    text = body.decode("utf-8", "replace")
    if _is_utf_8(body, text):
        return text, "utf-8"
    meta = _META.search(body, 0, META_SCAN_BYTES)
    for label in (declared, meta.group(1).decode("ascii", "replace") if meta else None):
        candidate = _label(label)
        # UTF-16 had its chance: markup in it shows zeros.
        if candidate is None or candidate.startswith("utf-16"):
            continue
        try:
            return body.decode(candidate), candidate
        except (UnicodeDecodeError, LookupError):
            continue
    charset = _detect(body)
    return bytes_to_str(body, charset, "replace"), charset


# Labels as resiliparse maps them → the Python codec that decodes what the standard means by them.
_CODECS = {
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-11": "cp874",
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


def _label(label: str | None) -> str | None:
    """The Python codec of a declared label, or None for a label that is not known."""
    if not label:
        return None
    plain = label.strip().lower()
    if plain in _ALIASES:
        return _ALIASES[plain]
    # Unknown labels map to windows-1252 there; only a label that means it may.
    name = map_encoding_to_html5(plain, fallback_utf8=False)
    return _CODECS.get(str(name), str(name)) if name and name != "replacement" else None


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
    multi_byte = len(text) - len(text.encode("ascii", "ignore")) - errors
    return multi_byte >= CHARACTERS_PER_ERROR * errors


def _japanese(body: bytes) -> tuple[str, str]:
    for charset in ("iso2022_jp", "iso2022_jp_ext"):
        try:
            return body.decode(charset), charset
        except UnicodeDecodeError:
            continue
    return body.decode("iso2022_jp", "replace"), "iso2022_jp"


_KOI8_UKRAINIAN = re.compile(rb"[\xc0-\xff][\xa4\xa6\xa7\xad]|[\xa4\xa6\xa7\xad][\xc0-\xff]")
# windows-1258 writes a vowel and then its tone; in windows-1252 these pairs are two vowels, which no language makes often.
# Editors wrote a reference for a letter with both, U+1EA0 to U+1EF9.
_VIETNAMESE_TONES = re.compile(
    rb"[AEIOUYaeiouy\xc2\xc3\xca\xd4\xd5\xdd\xe2\xe3\xea\xf4\xf5\xfd][\xcc\xd2\xde\xec\xf2]|&#7(?:8[4-9]|9[0-2])\d;"
)


def _detect(body: bytes) -> str:
    """A charset for bytes that are not UTF-8; resiliparse's detection, corrected where it is known to fail."""
    # The whole body: it samples the end too, and is right about fewer pages when that is cut off.
    found = detect_encoding(body, max_len=DETECTION_BYTES) or "utf-8"
    head = body[:DETECTION_BYTES]
    if found == "utf-8":
        # It says so of Korean, and of a few bytes of anything.
        found = "cp949" if _is_korean(head) else "cp1252"
    if found == "koi8-r" and _KOI8_UKRAINIAN.search(head):
        found = "koi8-u"
    if found == "cp1252" and _is_vietnamese(head):
        found = "cp1258"
    return _CODECS.get(found, found)


def _is_vietnamese(head: bytes) -> bool:
    """Whether tones are common, and đ or ư are bytes of windows-1258."""
    tones = len(_VIETNAMESE_TONES.findall(head))
    foreign = sum(byte >= 0x80 for byte in head)
    return tones >= 5 and tones * 6 > foreign and (b"\xf0" in head or b"\xfd" in head) and b"&#273;" not in head


def _is_korean(head: bytes) -> bool:
    """Whether nearly all that is not ASCII are Hangul syllables. Chinese and Japanese read as cp949 are full of Han."""
    # The end may cut a character.
    letters = [character for character in head.decode("cp949", "replace") if character > "\x7f"]
    hangul = sum("가" <= character <= "힣" for character in letters)
    return bool(letters) and hangul >= 0.8 * len(letters)
