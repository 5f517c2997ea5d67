"""The form of a text that CCNet's language models see: a function of its characters alone.

Without white space at both ends, in lower case, decomposed (NFD) without nonspacing marks (Mn), every decimal digit a 0,
punctuation of East Asia and of typography as ASCII has it, and without control characters. A line end is one: in a text of
several lines the last word of a line and the first of the next become one word, as there.

Source: Wenzek et al. 2020 (arXiv:1911.00359) and its program, facebookresearch/cc_net (MIT), cc_net/text_normalizer.py,
`normalize` at its defaults. Cost: some 20 ns a character; less where all is ASCII.
"""

import functools
import re
import unicodedata

#: Raise it when a text gets another form.
VERSION = 2

MOST_MARKS = 128

#: What stands in ASCII for each character.
_PUNCTUATION = {
    ",": "，、", ".": "。", '"': "„”“«»」「《》", "'": "´’", ":": "∶：", "?": "？", "!": "！", "(": "（", ")": "）", ";": "；",
    "-": "–━►", " - ": "—", ". ": "．", "~": "～", "...": "…", "<": "〈", ">": "〉", "[": "【", "]": "】", "%": "％",
}  # fmt: skip


def ccnet_form(text: str) -> str:
    """The text as CCNet's models see it, on one line."""
    text = text.strip().lower()
    if not text.isascii():
        # Python sorts a run of marks in quadratic time. Nonspacing ones go in the end, so they go before; of the few others, no
        # text has so many in a row.
        text = _marks().sub("", text)
    return unicodedata.normalize("NFD", text).translate(_table())


@functools.cache
def _marks() -> re.Pattern[str]:
    """Nonspacing marks that move when a run is sorted, and others that do, after the first MOST_MARKS in a row."""
    moving = [mark for mark in map(chr, range(0x300, 0x110000)) if unicodedata.combining(_decomposed(mark)[0])]
    spacing = "".join(mark for mark in moving if unicodedata.category(mark) != "Mn")
    nonspacing = "".join(mark for mark in moving if unicodedata.category(mark) == "Mn")
    return re.compile(f"[{nonspacing}]+|(?<=[{spacing}]{{{MOST_MARKS}}})[{spacing}]+")


def _decomposed(character: str) -> str:
    return unicodedata.normalize("NFD", character)


class _Table(dict[int, int | str | None]):
    """Code point → what stands for it; None: nothing. It learns of those that stay: str.translate is slow where it finds none."""

    def __missing__(self, code: int) -> int:
        if code < 0x10000:
            self[code] = code
        return code


@functools.cache
def _table() -> _Table:
    table = _Table({ord(each): ascii for ascii, several in _PUNCTUATION.items() for each in several})
    table.update(dict.fromkeys((*range(32), *range(127, 160))))
    for code in range(0x110000):
        category = unicodedata.category(chr(code))
        if category in ("Mn", "Nd"):
            table[code] = "0" if category == "Nd" else None
    return table
