"""Edits of a text that is stored unedited: byte ranges with what stands in their place, applied when it is used.

Personal data, contaminated passages and lines that many documents share are found once and written as edits beside the
document (`signals/`, `contamination/`, `decisions/`); whether they are applied is a setting of the stages that read it.

Invariant: the result depends on the set of edits, not on their order. Ranges that overlap are one
range, with the replacement of the one that begins first (of several, the longest; then the least replacement).
Cost: one copy of the text.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Edit(NamedTuple):
    """Bytes [begin, end) of a text's UTF-8 become the replacement."""

    begin: int
    end: int
    replacement: str = ""


def merged(edits: Iterable[Edit]) -> list[Edit]:
    """Edits that do not overlap, in order, with the same effect."""
    found: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.begin, -edit.end, edit.replacement)):
        if found and edit.begin < found[-1].end:
            found[-1] = found[-1]._replace(end=max(found[-1].end, edit.end))
        elif edit.end > edit.begin:
            found.append(edit)
    return found


def edited_bytes(text_bytes: int, edits: Iterable[Edit]) -> int:
    """How many bytes of UTF-8 a text of so many has when it is edited."""
    return text_bytes + sum(len(edit.replacement.encode()) - (edit.end - edit.begin) for edit in merged(edits))


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The edited text. Raises ValueError for a range that is not inside the text or cuts a character."""
    pieces: list[bytes] = []
    data = text.encode()
    position = 0
    for begin, end, replacement in merged(edits):
        if begin < 0 or end > len(data):
            raise ValueError(f"an edit of bytes {begin} to {end} in a text of {len(data)}")
        pieces += [data[position:begin], replacement.encode()]
        position = end
    if not pieces:
        return text
    try:
        return b"".join([*pieces, data[position:]]).decode()
    except UnicodeDecodeError as error:
        raise ValueError("an edit cuts a character in two") from error
