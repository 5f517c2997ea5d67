"""Bytes of a page → text. The order of trust: byte-order mark, evidence, HTTP header, meta element, detection.

Evidence: bytes that are valid UTF-8 with at least one multi-byte character are UTF-8 whatever a header says; text in
another charset passes that test by chance about never. A declared charset whose strict decoding fails gives way to the
next candidate; what nothing decodes strictly is decoded with replacement by the detected charset. Labels are the WHATWG
Encoding Standard's (gb2312 means gb18030); unknown labels fall through. Never raises. Memory: two copies of the page.
"""

import codecs
import re

from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

META_SCAN_BYTES = 4096
_META = re.compile(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.\-]{2,40})""", re.IGNORECASE)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# iso-2022-jp is written in ASCII bytes alone, with escape sequences: there, ASCII is no evidence.
_ESCAPES = (b"\x1b$", b"\x1b(")


def decode_page(body: bytes, declared: str | None = None) -> tuple[str, str]:
    """The page's text and the charset that gave it; `declared` is the HTTP header's."""
    for mark, charset in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(charset, "replace"), charset
    if not any(escape in body[:META_SCAN_BYTES] for escape in _ESCAPES):
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            if not body.isascii() or _label(declared) in (None, "utf-8", "windows-1252"):
                return text, "utf-8"
    meta = _META.search(body, 0, META_SCAN_BYTES)
    for label in (declared, meta.group(1).decode("ascii", "replace") if meta else None):
        candidate = _label(label)
        if candidate is None:
            continue
        try:
            return body.decode(_PYTHON_NAMES.get(candidate, candidate)), candidate
        except (UnicodeDecodeError, LookupError):
            continue
    charset = detect_encoding(body, max_len=1 << 17) or "utf-8"
    return bytes_to_str(body, charset, "replace"), charset


# Python's codecs under the names of the standard, where the two differ.
_PYTHON_NAMES = {"x-mac-cyrillic": "mac-cyrillic", "iso-8859-8-i": "iso-8859-8", "windows-874": "cp874"}


def _label(label: str | None) -> str | None:
    """The standard's name of a declared label, or None where it knows none."""
    if not label:
        return None
    # Unknown labels map to windows-1252 there; only a label that means it may.
    name = str(map_encoding_to_html5(label.strip().lower(), fallback_utf8=False))
    return name if name and name != "replacement" else None
