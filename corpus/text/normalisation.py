"""Text → normal form, as a step of its own: what looks the same and means the same is stored the same.

`normalise(text, settings)` is a pure function of the text, the settings and the running Python's Unicode tables; in this
order, each step an option (docs/extraction.md has the table):

control_characters  line ends (CR LF, CR, VT, FF, NEL, U+2028, U+2029) become \\n; other control characters are removed,
                    \\n and \\t stay
invisible           soft hyphens, zero-width and bidirectional format characters are removed. A joiner (ZWNJ, ZWJ) stays
                    after a character of a script that spells with it (Arabic, the Indic scripts, Mongolian …), a ZWJ
                    between two emoji, a zero-width space after Thai, Lao, Tibetan, Burmese and Khmer, where it ends a word
half_width          full-width forms of ASCII become ASCII: none, letters and digits, or all. Full-width punctuation is
                    right in Chinese and Japanese, so `all` is for text that has none
white_space         every other space is U+0020 (the narrow one of Mongolian suffixes excepted), no line ends in spaces or
                    tabs, at most one empty line in a row, none at the ends of the text
collapse_spaces     runs of spaces inside a line become one; indentation and tabs stay
nfc                 canonical composition, before the steps on lines. In a text that is not composed yet, a run of marks
                    ends after MAX_MARKS: Python sorts a run in quadratic time

Invariant: idempotent. Cost: linear, about 0.1 ms for 3,000 characters.

Sameness: NFC of assigned characters never changes between Unicode versions, by Unicode's stability policy; a text with
characters that the older of two Pythons does not know (it holds them to be without class and composition) may come out
otherwise there. The fingerprint of `extract` leaves that out, so that a run made by one Python goes on with another.

`chinese` is a last step that needs to know the text's language, so `normalise` leaves it alone: corpus.text.chinese_script.
"""

import dataclasses
import functools
import re
import unicodedata
from typing import get_args

from corpus.recipe import HalfWidth, Script

VERSION = 3

#: No script puts so many marks on a letter.
MAX_MARKS = 128


@dataclasses.dataclass(frozen=True)
class Normalisation:
    """What is done to a text. Raises ValueError for a `half_width` that is not known."""

    nfc: bool = True
    control_characters: bool = True
    white_space: bool = True
    collapse_spaces: bool = False
    invisible: bool = True
    half_width: HalfWidth = "none"
    chinese: Script = "keep"

    def __post_init__(self) -> None:
        if self.half_width not in get_args(HalfWidth):
            raise ValueError(f"half_width must be one of {', '.join(get_args(HalfWidth))}, is {self.half_width!r}")
        if self.chinese not in get_args(Script):
            raise ValueError(f"chinese must be one of {', '.join(get_args(Script))}, is {self.chinese!r}")
        if self.collapse_spaces and not self.white_space:
            raise ValueError("collapse_spaces needs white_space")


DEFAULT = Normalisation()
_LINE = Normalisation(collapse_spaces=True)


Table = dict[int, str]

_LINE_ENDS = dict.fromkeys((0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029), "\n")
_CONTROLS: Table = {
    **dict.fromkeys([*range(0x09), *range(0x0E, 0x20), *range(0x7F, 0xA0)], ""),
    **_LINE_ENDS,
}
# U+202F is handled by its context. The blank of Braille and the fillers of Hangul are seen as spaces.
_SPACES: Table = dict.fromkeys((0xA0, 0x1680, *range(0x2000, 0x200B), 0x205F, 0x2800, 0x3000, 0x3164, 0xFFA0), " ")
# Soft hyphen; bidirectional marks, embeddings, isolates; word joiner and invisible operators; byte-order mark; annotation marks and
# what stands for an object.
_INVISIBLE: Table = dict.fromkeys(
    (
        0xAD,
        0x61C,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2065),
        *range(0x2066, 0x206A),
        0xFEFF,
        *range(0xFFF9, 0xFFFD),
    ),
    "",
)
_ALPHANUMERICS: Table = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if chr(code - 0xFEE0).isalnum()}
_FULL_WIDTH: Table = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}

# Scripts that spell with joiners: Arabic to Mandaic, the Indic scripts, Burmese, Khmer, Mongolian, Balinese and its
# neighbours, Arabic presentation forms, the Brahmic scripts and Adlam of the supplementary planes.
_JOINING = (
    r"\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u18af\u1900-\u1c4f\ua800-\uaaff\uabc0-\uabff\ufb50-\ufdff\ufe70-\ufefc"
    r"\U00010a00-\U00010fff\U00011000-\U00011fff\U0001e900-\U0001e95f"
)
_EMOJI = r"\u00a9\u00ae\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
# A joiner goes unless it follows a joining script, or is a ZWJ between emoji (the first perhaps with its selector).
_STRAY_JOINER = re.compile(rf"(?<![{_JOINING}])(?!(?<=[{_EMOJI}\ufe0f])\u200d[{_EMOJI}])[\u200c\u200d]")
_WORD_BREAKING = r"\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
_STRAY_ZERO_WIDTH_SPACE = re.compile(rf"(?<![{_WORD_BREAKING}])\u200b")
_STRAY_NARROW_SPACE = re.compile(r"(?<![\u1800-\u18af])\u202f")
# Colours and movements of a terminal (ECMA-48).
_TERMINAL = re.compile(r"\x1b\[[0-?]{0,32}[ -/]{0,8}[@-~]")
_EMPTY_LINES = re.compile(r"\n{3,}")
_RUN_OF_SPACES = re.compile(r"(?<=\S) {2,}")


def normalise(text: str, settings: Normalisation) -> str:
    """The text in normal form. Never raises."""
    if settings.control_characters and "\x1b[" in text:
        text = _TERMINAL.sub("", text)
    if settings.control_characters and "\r" in text:
        text = text.replace("\r\n", "\n")
    # Printable ASCII has nothing to replace. Elsewhere a search and a look-up a hit are ten times as fast as translate().
    if not text.isascii() or (settings.control_characters and not text.replace("\n", "").isprintable()):
        pattern, replacements = _replacements(settings)
        if pattern is not None:
            text = pattern.sub(lambda found: replacements[found[0]], text)
    if not text.isascii():
        text = _foreign(text, settings)
    if settings.white_space:
        if " \n" in text or "\t\n" in text:
            text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
        if "\n\n\n" in text:
            text = _EMPTY_LINES.sub("\n\n", text)
        if settings.collapse_spaces and "  " in text:
            text = _RUN_OF_SPACES.sub(" ", text)
        text = text.strip(" \t\n")
    return text


def normal_line(text: str, *, at_most: int) -> str:
    """A text in normal form on one line, cut after so many characters; lone surrogates become "?"."""
    text = text[: 8 * at_most]
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(normalise(text, _LINE).split())[:at_most].rstrip()


def _foreign(text: str, settings: Normalisation) -> str:
    """What depends on a character's neighbours, and composition, which comes after all removals."""
    if settings.invisible:
        if "\u200c" in text or "\u200d" in text:
            text = _STRAY_JOINER.sub("", text)
        if "\u200b" in text:
            text = _STRAY_ZERO_WIDTH_SPACE.sub("", text)
    if settings.white_space and "\u202f" in text:
        text = _STRAY_NARROW_SPACE.sub(" ", text)
    if settings.nfc and not unicodedata.is_normalized("NFC", text):
        marks = _excess_marks()
        # After it too: there are characters that become two marks.
        text = marks.sub("", unicodedata.normalize("NFC", marks.sub("", text)))
    return text


@functools.cache
def _excess_marks() -> re.Pattern[str]:
    """Reordered marks (of a combining class) after the first MAX_MARKS of a run."""
    # With those of no class of their own that are made of two that have one, as U+0F73.
    marks = "".join(
        mark for mark in map(chr, range(0x300, 0x1F000)) if unicodedata.combining(unicodedata.normalize("NFD", mark)[0])
    )
    return re.compile(rf"(?<=[{marks}]{{{MAX_MARKS}}})[{marks}]+")


@functools.cache
def _replacements(settings: Normalisation) -> tuple[re.Pattern[str] | None, dict[str, str]]:
    table: Table = {
        **(_CONTROLS if settings.control_characters else {}),
        **(_SPACES if settings.white_space else {}),
        **(_INVISIBLE if settings.invisible else {}),
        **{"none": {}, "alphanumerics": _ALPHANUMERICS, "all": _FULL_WIDTH}[settings.half_width],
    }
    characters = "".join(map(chr, table))
    return re.compile(f"[{characters}]") if table else None, {chr(code): to for code, to in table.items()}
