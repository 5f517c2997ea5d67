"""Classes and simple lower case of every code point, as data shipped in the repository.

Reads `unicode_classes.npz` (run-length data, 10 kB): `class_starts` uint32 and `class_values` uint16,
`lower_starts` uint32 and `lower_deltas` int32; a run reaches to the next start. `load()` expands it to one entry per
code point (6.6 MB, a few milliseconds, once per process), so that a kernel classifies a character with one load.

Invariant: signals, shingles and so every output byte are a function of this file, never of the `unicodedata` of the
Python that runs. `python -m corpus.unicode.code_points` writes the data anew from the running Python's `unicodedata`;
the shipped file is Unicode 15.1 (`unicode_version` in the file). A change to it is a change of bytes: raise VERSION in
`filters.quality.signals` and `filters.copies.minhash`.

Sources: general categories, names and lower case from `unicodedata`; sentence ends are Sentence_Terminal=Yes of
Unicode 17 plus `…` and `⋯`, joiners are MidLetter, MidNum and MidNumLet of UAX #29 without `:` and `;`, which join
what readers take as two words. `unicodedata` knows no scripts, so scripts are recognised by the first words of
character names.
"""

import dataclasses
import functools
import unicodedata
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

DATA = Path(__file__).with_name("unicode_classes.npz")
CODE_POINTS = 0x110000

_Value = TypeVar("_Value", bound=np.generic)

LETTER = 1  # L*
MARK = 2  # M*
NUMBER = 4  # N*
DIGIT = 8  # Nd
SPACE = 16  # what str.isspace() calls white space
PUNCTUATION = 32  # P*
SYMBOL = 64  # S*, and private, unassigned and surrogate code points
UNKNOWN = PUNCTUATION | SYMBOL  # both flags at once: private, unassigned and surrogate code points
UPPERCASE = 128  # Lu
TERMINAL = 256  # ends a sentence, in any script
NO_SPACE = 512  # letter or number of a script written without spaces: each is a word of its own
CJK = 1024  # letter, mark or number of han, kana or hangul
FORMAT = 2048  # Cf without U+200B, which separates words in Thai and Khmer
MID_LETTER = 4096  # joins two letters: can't, example.org
MID_NUMBER = 8192  # joins two numbers: 3.14, 1,000
CLOSER = 16384  # closing quotes and brackets: may stand between a sentence's end mark and the space
CONNECTOR = 32768  # Pc: joins letters and numbers: snake_case

#: Sentence_Terminal=Yes as inclusive ranges of hexadecimal code points; then HORIZONTAL and MIDLINE ELLIPSIS.
_TERMINAL_RANGES = """
21 2E 3F 589 61D-61F 6D4 700-702 7F9 837 839 83D-83E 964-965 104A-104B 1362 1367-1368 166E 1735-1736 17D4-17D5 1803
1809 1944-1945 1AA8-1AAB 1B4E-1B4F 1B5A-1B5B 1B5E-1B5F 1B7D-1B7F 1C3B-1C3C 1C7E-1C7F 2024 203C-203D 2047-2049
2CF9-2CFB 2E2E 2E3C 2E53-2E54 2E60-2E61 3002 A4FF A60E-A60F A6F3 A6F7 A876-A877 A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F
AAF0-AAF1 ABEB FE12 FE15-FE16 FE52 FE56-FE57 FF01 FF0E FF1F FF61 10A56-10A57 10F55-10F59 10F86-10F89 11047-11048
110BE-110C1 11141-11143 111C5-111C6 111CD 111DE-111DF 11238-11239 1123B-1123C 112A9 113D4-113D5 1144B-1144C
115C2-115C3 115C9-115D7 11641-11642 1173C-1173E 11944 11946 11A42-11A43 11A9B-11A9C 11C41-11C42 11EF7-11EF8
11F43-11F44 16A6E-16A6F 16AF5 16B37-16B38 16B44 16D6E-16D6F 16E98 1BC9F 1DA88 2026 22EF
"""
_MID_BOTH = "'.\u2018\u2019\u2024\ufe52\uff07\uff0e"  # MidNumLet, and the apostrophe (Single_Quote)
_MID_LETTERS = _MID_BOTH + "\u00b7\u0387\u055f\u05f4\u2027"
_MID_NUMBERS = _MID_BOTH + ",\u060c\u060d\u066c\u07f8\u2044\ufe50\ufe54\uff0c"
_CLOSERS = "\"'"  # beside Pe and Pf
# Planes 2 and 3 are reserved for ideographs: one that this Unicode version does not know yet is still han.
_IDEOGRAPHIC_PLANES = range(0x20000, 0x3FFFE)

_HAN_KANA_NAMES = (
    "CJK UNIFIED IDEOGRAPH",
    "CJK COMPATIBILITY IDEOGRAPH",
    "IDEOGRAPHIC ITERATION MARK",
    "IDEOGRAPHIC CLOSING MARK",
    "IDEOGRAPHIC NUMBER ZERO",
    "VERTICAL IDEOGRAPHIC ITERATION MARK",
    "VERTICAL KANA",
    "HANGZHOU NUMERAL",
    "MASU MARK",
    "HIRAGANA",
    "HENTAIGANA",
    "KATAKANA",
    "COMBINING KATAKANA-HIRAGANA",
    "HALFWIDTH KATAKANA",
)
_HANGUL_NAMES = ("HANGUL", "HALFWIDTH HANGUL")
# Hangul is written with spaces and so is no NO_SPACE script.
_OTHER_NO_SPACE_NAMES = (
    "BOPOMOFO",
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
    "TAI LE",
    "NEW TAI LUE",
    "TAI THAM",
    "TAI VIET",
    "TANGUT",
    "NUSHU",
    "KHITAN SMALL SCRIPT",
)


@dataclasses.dataclass(frozen=True)
class UnicodeTable:
    """One entry per code point."""

    classes: npt.NDArray[np.uint16]  # (CODE_POINTS,) the flags above
    lower: npt.NDArray[np.uint32]  # (CODE_POINTS,) the lower-case form where it is one code point, else itself


@functools.cache
def load() -> UnicodeTable:
    """The shipped table, expanded; read-only arrays shared by the process."""
    with np.load(DATA, allow_pickle=False) as data:
        classes = _expand(data["class_starts"], data["class_values"])
        deltas = _expand(data["lower_starts"], data["lower_deltas"])
    lower = (np.arange(CODE_POINTS, dtype=np.int32) + deltas).astype(np.uint32)
    classes.setflags(write=False)
    lower.setflags(write=False)
    return UnicodeTable(classes=classes, lower=lower)


def _expand(starts: npt.NDArray[np.uint32], values: npt.NDArray[_Value]) -> npt.NDArray[_Value]:
    stops = np.append(starts[1:], CODE_POINTS)
    return np.repeat(values, stops - starts)


def _compress(values: npt.NDArray[_Value]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[_Value]]:
    starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    return starts.astype(np.uint32), values[starts]


def _terminals() -> frozenset[int]:
    found: set[int] = set()
    for item in _TERMINAL_RANGES.split():
        first, _, last = item.partition("-")
        found.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(found)


_BY_MAJOR_CATEGORY = {"L": LETTER, "M": MARK, "N": NUMBER, "P": PUNCTUATION, "S": SYMBOL}
_BY_CATEGORY = {
    "Nd": DIGIT,
    "Lu": UPPERCASE,
    "Cf": FORMAT,
    "Pe": CLOSER,
    "Pf": CLOSER,
    "Pc": CONNECTOR,
    "Co": UNKNOWN,
    "Cn": UNKNOWN,
    "Cs": UNKNOWN,
}
_TERMINALS = _terminals()


def classify(character: str) -> int:
    """The flags of one character by the running Python's `unicodedata`: what the shipped table was made with."""
    category = unicodedata.category(character)
    if category == "Cn" and ord(character) in _IDEOGRAPHIC_PLANES:
        return LETTER | NO_SPACE | CJK
    flags = _BY_MAJOR_CATEGORY.get(category[0], 0) | _BY_CATEGORY.get(category, 0)
    if character.isspace():
        flags |= SPACE
    if ord(character) in _TERMINALS:
        flags |= TERMINAL
    if character == "\u200b":
        flags &= ~FORMAT
    if character in _MID_LETTERS:
        flags |= MID_LETTER
    if character in _MID_NUMBERS:
        flags |= MID_NUMBER
    if character in _CLOSERS:
        flags |= CLOSER
    if flags & (LETTER | MARK | NUMBER):
        flags |= _script_flags(unicodedata.name(character, ""), is_mark=bool(flags & MARK))
    return flags


def _script_flags(name: str, *, is_mark: bool) -> int:
    # A mark belongs to the character before it and is never a word, so it is not NO_SPACE.
    no_space = 0 if is_mark else NO_SPACE
    if name.startswith(_HAN_KANA_NAMES):
        return CJK | no_space
    if name.startswith(_HANGUL_NAMES):
        return CJK
    return no_space if name.startswith(_OTHER_NO_SPACE_NAMES) else 0


def _lower_delta(character: str) -> int:
    lower = character.lower()
    return ord(lower) - ord(character) if len(lower) == 1 else 0


def generate(path: Path = DATA) -> None:
    """Writes the table of the running Python's Unicode version."""
    characters = [chr(code) for code in range(CODE_POINTS)]
    class_starts, class_values = _compress(np.array([classify(c) for c in characters], dtype=np.uint16))
    lower_starts, lower_deltas = _compress(np.array([_lower_delta(c) for c in characters], dtype=np.int32))
    np.savez_compressed(
        path,
        unicode_version=np.array(unicodedata.unidata_version),
        class_starts=class_starts,
        class_values=class_values,
        lower_starts=lower_starts,
        lower_deltas=lower_deltas,
    )


if __name__ == "__main__":
    generate()
