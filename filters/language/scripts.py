"""Scripts of a text, counted: which letters it has, which Chinese characters, and what these say of its language.

`count_characters(windows)` gives, window by window, the letters of each class (no letter; a letter of a script that many
languages share, as Latin; then a class for each of SCRIPTS), how many characters are simplified-only and traditional-only,
and how many are written in Cantonese and in Mandarin alone. Cost: a look-up a character, three of Han: 5 µs for 1,500.
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corpus.unicode import code_points
from corpus.unicode.segmentation import Int64s, UInt8s, UInt32s, kernel

#: Share of letters from which a script decides. Below, a page mixes scripts and the model is the better judge.
_SCRIPT_SHARE = 0.5
#: Kana among Han and kana: Japanese prose has .4 and more, Chinese with a decorative の or a product's name a little.
_JAPANESE_KANA_SHARE = 0.2
_CHINESE_KANA_SHARE = 0.02
#: A page counts as simplified or traditional when the other forms are at most half as many.
_FORMS_RATIO = 2


#: No character before it is of one form or dialect alone.
_FIRST_HAN = 0x3400

#: Two scripts with so much of a window's letters each share it, where it has LEAST_LETTERS.
_SWITCHING_SHARE = 0.2
LEAST_LETTERS = 20


@dataclass(frozen=True)
class Script:
    """A script few languages share: its ISO 15924 codes, its languages (the first is meant by default), its letters."""

    codes: frozenset[str]
    languages: tuple[str, ...]
    ranges: tuple[tuple[int, int], ...]  # inclusive


def _script(codes: str, languages: str, *ranges: tuple[int, int]) -> Script:
    return Script(frozenset(codes.split()), tuple(languages.split()), ranges)


# Classes of characters: 0 no letter, 1 a letter of a script that many languages share, 2 + i a letter of SCRIPTS[i].
# Vowel signs count as letters: Thai and Khmer words are half made of them.
SCRIPTS = (
    _script(
        "Hani Hans Hant",
        "zh yue wuu gan hak nan lzh",
        *((0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF)),
    ),
    _script(
        "Jpan Hira Kana", "ja", (0x3041, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9D)
    ),
    _script(
        "Hang Kore", "ko", (0x1100, 0x11FF), (0x3131, 0x318E), (0xA960, 0xA97C), (0xAC00, 0xD7FB), (0xFFA0, 0xFFDC)
    ),
    _script("Thai", "th", (0x0E01, 0x0E3A), (0x0E40, 0x0E4E)),
    _script("Laoo", "lo", (0x0E81, 0x0ECD), (0x0EDC, 0x0EDF)),
    _script("Khmr", "km", (0x1780, 0x17D3)),
    _script("Mymr", "my", (0x1000, 0x103F), (0x1050, 0x108F), (0xAA60, 0xAA7F)),
    _script("Tibt", "bo dz", (0x0F40, 0x0FBC)),
    _script("Geor", "ka xmf", (0x10A0, 0x10FF), (0x1C90, 0x1CBF)),
    _script("Armn", "hy hyw", (0x0531, 0x0587)),
    _script("Hebr", "he yi lad", (0x05D0, 0x05F2)),
    _script("Grek", "el pnt grc", (0x0370, 0x03FF), (0x1F00, 0x1FFF)),
    _script("Beng", "bn as bpy mni", (0x0980, 0x09E3), (0x09F0, 0x09F1)),
    _script("Guru", "pa", (0x0A01, 0x0A5E), (0x0A70, 0x0A75)),
    _script("Gujr", "gu kfr", (0x0A81, 0x0AE3)),
    _script("Orya", "or", (0x0B01, 0x0B63)),
    _script("Taml", "ta", (0x0B82, 0x0BD7)),
    _script("Telu", "te", (0x0C00, 0x0C63)),
    _script("Knda", "kn tcy gom", (0x0C80, 0x0CE3)),
    _script("Mlym", "ml", (0x0D00, 0x0D63)),
    _script("Sinh", "si", (0x0D80, 0x0DDF)),
    _script("Ethi", "am ti", (0x1200, 0x135F), (0x1380, 0x138F)),
    _script("Thaa", "dv", (0x0780, 0x07B1)),
)
HAN, KANA = 2, 3
CHINESE = ("zh", "yue")
#: Function words and everyday verbs that only Cantonese is written with (after Matthews and Yip, Cantonese: A Comprehensive
#: Grammar), and what Mandarin writes for them.
_CANTONESE = "嘅咗喺嚟冇佢哋嗰啲咁噉唔咩嘢啱嘥瞓攞搵揾畀俾嘞冚嗌孭掟撳揸諗谂惗呢"
_MANDARIN = "的了们們这這那吗嗎没沒很她它给給吧呀"
CANTONESE_SHARE = 0.01  # of Han: below, a name or a quotation
CLASSES = 2 + len(SCRIPTS)


def certain_scripts(classes: Int64s) -> tuple[Int64s, NDArray[np.float64]]:
    """The script that most letters of each text belong to, if few languages share it, and its share of the letters.

    `classes` (texts, CLASSES) counts letters; the answers (texts,) are numbers in SCRIPTS, -1 where the script says nothing.
    """
    letters = np.maximum(classes[:, 1:].sum(axis=1), 1)
    han, kana = classes[:, HAN], classes[:, KANA]
    both = han + kana
    of_script = classes[:, 2:]
    commonest = of_script.argmax(axis=1)
    most = of_script.max(axis=1)
    kana_share = kana / np.maximum(both, 1)
    japanese, chinese = kana_share >= _JAPANESE_KANA_SHARE, kana_share <= _CHINESE_KANA_SHARE
    east_asian = (both >= _SCRIPT_SHARE * letters) & (both > 0)
    of_east_asian = np.where(japanese, KANA - 2, np.where(chinese, HAN - 2, -1))
    scripts = np.where(east_asian, of_east_asian, np.where(most >= _SCRIPT_SHARE * letters, commonest, -1))
    counted = np.where(east_asian, np.where(japanese, both, han), most)
    return scripts.astype(np.int64), np.where(scripts >= 0, counted / letters, 0.0)


def chinese_form(simplified: int, traditional: int) -> str:
    if simplified > _FORMS_RATIO * traditional:
        return "hans"
    return "hant" if traditional > _FORMS_RATIO * simplified else ""


def switches(classes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(windows,): whether two scripts share the window's letters."""
    of_script = classes[:, 1:].copy()
    of_script[:, HAN - 1] += of_script[:, KANA - 1]
    of_script[:, KANA - 1] = 0
    letters = of_script.sum(axis=1)
    second = np.sort(of_script, axis=1)[:, -2]
    return (letters >= LEAST_LETTERS) & (second >= _SWITCHING_SHARE * letters)


def count_characters(windows: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Letters of each class (windows, CLASSES); simplified-only and traditional-only, Cantonese and Mandarin (windows, 2)."""
    class_of, form_of, dialect_of = _character_tables()
    points = np.frombuffer("".join(windows).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    offsets = np.cumsum([0, *map(len, windows)], dtype=np.int64)
    classes = np.zeros((len(windows), CLASSES), np.int64)
    forms, dialects = np.zeros((len(windows), 3), np.int64), np.zeros((len(windows), 3), np.int64)
    _count(points, offsets, class_of, form_of, dialect_of, classes, forms, dialects)
    return classes, forms[:, 1:], dialects[:, 1:]


@kernel
def _count(
    points: UInt32s,
    offsets: Int64s,  # (windows + 1,)
    class_of: UInt8s,  # (code points,)
    form_of: UInt8s,
    dialect_of: UInt8s,
    classes: Int64s,  # out, (windows, CLASSES)
    forms: Int64s,  # out, (windows, 3)
    dialects: Int64s,  # out, (windows, 3)
) -> None:
    for window in range(len(offsets) - 1):
        for place in range(offsets[window], offsets[window + 1]):
            point = points[place]
            classes[window, class_of[point]] += 1
            if point >= _FIRST_HAN:
                forms[window, form_of[point]] += 1
                dialects[window, dialect_of[point]] += 1


@functools.cache
def _character_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Per code point: its class; 1 for a simplified-only, 2 for a traditional-only character; 1 Cantonese, 2 Mandarin."""
    class_of = (code_points.load().classes & code_points.LETTER != 0).astype(np.uint8)
    for number, script in enumerate(SCRIPTS):
        for begin, last in script.ranges:
            class_of[begin : last + 1] = number + 2
    form_of = np.zeros_like(class_of)
    for point in range(0x4E00, 0xA000):
        simplified, traditional = _encodable(point, "gb2312"), _encodable(point, "big5")
        if simplified != traditional:
            form_of[point] = 1 if simplified else 2
    dialect_of = np.zeros_like(class_of)
    for number, characters in enumerate((_CANTONESE, _MANDARIN), 1):
        dialect_of[[ord(character) for character in characters]] = number
    return class_of, form_of, dialect_of


def _encodable(point: int, charset: str) -> bool:
    try:
        chr(point).encode(charset)
    except UnicodeEncodeError:
        return False
    return True
