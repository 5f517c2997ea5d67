"""Text of the web on a terminal: what it holds is shown, and nothing that it holds is obeyed.

Control characters (C0, C1, DEL), which move the cursor, clear the screen or set the clipboard, and the marks that turn
the direction of writing, which make a line read as what it is not, come out as `\\x1b` or `\\u202e`. Letters of every
script stay, and so do the joiners (U+200C, U+200D) that Persian, Hindi and emoji are written with.
"""

import json
import re
from typing import Any

_LINE_ENDS = "\u2028\u2029"
_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE = "\u00ad\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_HOSTILE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{_LINE_ENDS}{_DIRECTION}{_INVISIBLE}]")


def plain(text: str) -> str:
    """The text with everything neutralised but its letters, spaces, tabs and line ends."""
    return _HOSTILE.sub(_visible, text)


def one_line(text: str, *, at_most: int | None = None) -> str:
    """The same on one line: white space is one space; what is longer than `at_most` characters ends with an ellipsis."""
    line = plain(" ".join(text.split()))
    return line if at_most is None or len(line) <= at_most else line[: at_most - 1] + "…"


def json_line(value: Any) -> str:
    """JSON on one line, in UTF-8 as it is read, with the characters that a terminal would obey as escapes."""
    # JSON escapes C0 alone. The others can stand only inside strings, where an escape means the same character.
    return _HOSTILE.sub(_escape, json.dumps(value, ensure_ascii=False, allow_nan=False))


def _visible(match: re.Match[str]) -> str:
    point = ord(match.group())
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1] if ord(match.group()) != 0x7F else "\\u007f"
