"""Characters of a text, counted: which scripts its letters are of, and which letters tell languages of one script apart.

`count_characters(windows)` gives, window by window, the letters of each class (no letter; a letter of no script named here;
then a class for each of SCRIPTS and of SHARED_SCRIPTS) and the *marks*: letters that say more than their script. Which
charsets have a Chinese character (JIS X 0208 and its level, GB 2312, Big5) says which of three ways of writing it is of; some
Arabic letters are Kazakh's, Kyrgyz's or Uyghur's alone; capitals and compatibility forms ask for a second reading.
Cost: a look-up a character: 2 µs for 1,500 characters.
"""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corpus.unicode import code_points
from corpus.unicode.segmentation import Int64s, UInt8s, UInt32s, kernel

Float64s = NDArray[np.float64]

#: Share of the text from which a script decides. Below, a page mixes scripts and the model is the better judge.
_SCRIPT_SHARE = 0.5
#: The same for Han, kana and Hangul: names and terms are borrowed from Latin into their sentences, seldom sentences.
_EAST_ASIAN_SHARE = 0.4
#: Letters of an alphabet that a letter of Han, and a syllable of kana or Hangul, stand for in translations of each other.
_HAN_WEIGHT, _SYLLABLE_WEIGHT = 3, 2
#: Korean has so much Hangul in what is written with Han (particles and endings), where nothing says that it is Chinese.
_KOREAN_HANGUL_SHARE = 0.1
#: A page counts as simplified or traditional when the other forms are at most half as many.
_FORMS_RATIO = 2

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


# Classes of characters: 0 no letter, 1 a letter of no script named here, 2 + i a letter of SCRIPTS[i], then SHARED_SCRIPTS.
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
    _script("Mymr", "my mnw shn", (0x1000, 0x103F), (0x1050, 0x108F), (0xAA60, 0xAA7F)),
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
    _script("Mong", "mn mnc", (0x1820, 0x1878), (0x1880, 0x18AA)),
    _script("Yiii", "ii", (0xA000, 0xA48C)),
    _script("Syrc", "syr aii arc", (0x0710, 0x074F)),
    _script("Nkoo", "nqo", (0x07CA, 0x07EA)),
    _script("Cher", "chr", (0x13A0, 0x13FD), (0xAB70, 0xABBF)),
    _script("Cans", "iu cr oj", (0x1401, 0x167F), (0x18B0, 0x18F5)),
    _script("Tfng", "zgh kab tzm", (0x2D30, 0x2D6F)),
    _script("Olck", "sat", (0x1C5A, 0x1C7D)),
    _script("Mtei", "mni", (0xAAE0, 0xAAEA), (0xABC0, 0xABE2)),
    _script("Java", "jv", (0xA980, 0xA9BF)),
    _script("Bali", "ban", (0x1B05, 0x1B4B)),
    _script("Sund", "su", (0x1B83, 0x1BAF)),
    _script("Bugi", "bug mak", (0x1A00, 0x1A1B)),
    _script("Tale", "tdd", (0x1950, 0x1974)),
    _script("Talu", "khb", (0x1980, 0x19C9)),
    _script("Lana", "nod kkh", (0x1A20, 0x1A7C)),
    _script("Lisu", "lis", (0xA4D0, 0xA4FD)),
    _script("Vaii", "vai", (0xA500, 0xA62B)),
    _script("Cakm", "ccp", (0x11103, 0x11134)),
    _script("Adlm", "ff", (0x1E900, 0x1E94B)),
    _script("Goth", "got", (0x10330, 0x1034A)),
)
#: Scripts of many languages: they decide nothing, but not every language is written with them.
SHARED_SCRIPTS = (
    _script(
        "Latn",
        "",
        *(
            (0x41, 0x5A),
            (0x61, 0x7A),
            (0xC0, 0x24F),
            (0x250, 0x2AF),
            (0x1E00, 0x1EFF),
            (0x2C60, 0x2C7F),
            (0xA722, 0xA7FF),
        ),
        *((0xAB30, 0xAB6F), (0xFB00, 0xFB06), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A), (0x1D400, 0x1D6A5)),
    ),
    _script("Cyrl", "", (0x400, 0x52F), (0x1C80, 0x1C8F), (0x2DE0, 0x2DFF), (0xA640, 0xA69F)),
    _script("Arab Aran", "", (0x620, 0x6FF), (0x750, 0x77F), (0x870, 0x8FF), (0xFB50, 0xFDFB), (0xFE70, 0xFEFC)),
    _script("Deva", "", (0x900, 0x963), (0x970, 0x97F), (0xA8E0, 0xA8FF)),
)
HAN, KANA, HANGUL = 2, 3, 4
CHINESE = ("zh", "yue")
CLASSES = 2 + len(SCRIPTS) + len(SHARED_SCRIPTS)
#: Classes of SHARED_SCRIPTS.
LATIN, CYRILLIC, ARABIC, DEVANAGARI = range(2 + len(SCRIPTS), CLASSES)

#: Function words and everyday verbs that only Cantonese is written with (after Matthews and Yip, Cantonese: A Comprehensive
#: Grammar), and what Mandarin writes for them. 呀 and 呢 are of both.
_CANTONESE = "嘅咗喺嚟冇佢哋嗰啲咁噉唔咩嘢啱嘥瞓攞搵揾畀俾冚嗌孭掟撳揸諗谂惗睇㗎喎攰餸嬲嚿嗱唞踎劏嘜乜"
_MANDARIN = "的了们們这這那吗嗎没沒很她它给給吧"
#: Of Han: below, a name or a quotation. What only Cantonese writes counts twice: written Cantonese borrows from Mandarin, not the reverse.
CANTONESE_SHARE, CANTONESE_WEIGHT = 0.01, 2
#: Words of Chinese of all times that Japanese writes in kana, or not at all.
_CHINESE_WORDS = "是也很你您她它把呢啊就那哪吧嗎吗让讓给給說说這这們们么麼什怎没沒還还啦吃喝跟谁誰咱該该矣乎曰哉焉"

_UYGHUR = "ئخغچھۈې"
_KAZAKH = "ءحعفٵٶٷٸ"
_KYRGYZ = "ۅۉ"
#: Letters of the Turkic languages of Arabic script, and of none of Arabic, Persian and Urdu; and letters that those have instead.
_TURKIC = "ەۇڭۋۈېۅۉٵٶٷٸ"
_NOT_TURKIC = "هةیکصضطظثذێڕڵڤٹڈںے"

#: Letters of Arabic script and width forms that a model has never seen are read as what they stand for (NFKC).
_COMPATIBILITY = (
    (0xFB00, 0xFB06),
    (0xFB50, 0xFDFB),
    (0xFE70, 0xFEFC),
    (0xFF21, 0xFF3A),
    (0xFF41, 0xFF5A),
    (0x1D400, 0x1D7FF),
)


class Marks(NamedTuple):
    """Columns of marks: letters that say more than their script."""

    simplified: int = 0  # in GB 2312, not in Big5
    traditional: int = 1  # the reverse
    cantonese: int = 2
    mandarin: int = 3
    chinese: int = 4  # _CHINESE_WORDS
    upper: int = 5
    lower: int = 6  # of a letter that has a capital
    compatibility: int = 7
    turkic: int = 8
    not_turkic: int = 9
    uyghur: int = 10
    kazakh: int = 11
    kyrgyz: int = 12
    kanji: int = 13  # the first of KANJI_CLASSES


MARKS = Marks()
#: Of Han: in JIS X 0208's level 1 ("1"), its level 2 ("2") or not (" "), in GB 2312 or not, in Big5 or not.
KANJI_CLASSES = ("1GB", "1G ", "1 B", "1  ", "2GB", "2G ", "2 B", "2  ", " GB", " G ", "  B", "   ")
COLUMNS = MARKS.kanji + len(KANJI_CLASSES)


class Characters(NamedTuple):
    """Counts of windows, or sums of them."""

    classes: Int64s  # (windows, CLASSES)
    marks: Int64s  # (windows, COLUMNS)

    def summed(self, first: Int64s) -> "Characters":
        """Of texts, each of the windows from its `first` on."""
        return Characters(*(np.add.reduceat(counts, first) for counts in self))


def certain_scripts(found: Characters) -> tuple[Int64s, Float64s]:
    """The script that most of each text is written with, if few languages share it, and its share of the text.

    The answers (texts,) are numbers in SCRIPTS, -1 where the script says nothing. Of Han and kana it is Han; which of the two
    languages that is, filters.language.evidence says.
    """
    classes, marks = found
    weighted = classes[:, 1:].copy()
    weighted[:, HAN - 1] *= _HAN_WEIGHT
    weighted[:, [KANA - 1, HANGUL - 1]] *= _SYLLABLE_WEIGHT
    letters = np.maximum(weighted.sum(axis=1), 1)
    han, kana, hangul = classes[:, HAN], classes[:, KANA], classes[:, HANGUL]
    of_east_asian = weighted[:, HAN - 1] + weighted[:, KANA - 1] + weighted[:, HANGUL - 1]
    east_asian = (of_east_asian >= _EAST_ASIAN_SHARE * letters) & (of_east_asian > 0)
    said_chinese = marks[:, [MARKS.mandarin, MARKS.cantonese, MARKS.chinese]].sum(axis=1)
    mixed_korean = (hangul >= _KOREAN_HANGUL_SHARE * (han + hangul)) & (said_chinese == 0) & _no_simplified(marks)
    korean = east_asian & (hangul > kana) & ((hangul >= han) | mixed_korean)
    of_script = weighted[:, 1 : 1 + len(SCRIPTS)]
    commonest, most = of_script.argmax(axis=1), of_script.max(axis=1)
    alone = np.where(most >= _SCRIPT_SHARE * letters, commonest, -1)
    scripts = np.where(korean, HANGUL - 2, np.where(east_asian, HAN - 2, alone))
    return scripts.astype(np.int64), np.where(east_asian, of_east_asian, np.where(scripts >= 0, most, 0)) / letters


def _no_simplified(marks: Int64s) -> NDArray[np.bool_]:
    """Whether no character is of GB 2312 alone."""
    return np.asarray(marks[:, MARKS.kanji + KANJI_CLASSES.index(" G ")] == 0)


def chinese_form(simplified: int, traditional: int) -> str:
    if simplified > _FORMS_RATIO * traditional:
        return "hans"
    return "hant" if traditional > _FORMS_RATIO * simplified else ""


def switches(classes: Int64s) -> NDArray[np.bool_]:
    """(windows,): whether two scripts share the window's letters. Han and kana are one, and so are alphabets of many languages."""
    of_script = classes[:, 1 : 2 + len(SCRIPTS)].copy()
    of_script[:, 0] += classes[:, 2 + len(SCRIPTS) :].sum(axis=1)
    of_script[:, HAN - 1] += of_script[:, KANA - 1]
    of_script[:, KANA - 1] = 0
    letters = of_script.sum(axis=1)
    second = np.partition(of_script, -2, axis=1)[:, -2]
    return np.asarray((letters >= LEAST_LETTERS) & (second >= _SWITCHING_SHARE * letters))


def count_characters(windows: list[str]) -> Characters:
    """Of each window."""
    tables = _tables()
    points = np.frombuffer("".join(windows).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    offsets = np.cumsum([0, *map(len, windows)], dtype=np.int64)
    classes, marks = np.zeros((len(windows), CLASSES), np.int64), np.zeros((len(windows), COLUMNS), np.int64)
    _count(points, offsets, *tables, np.zeros(len(tables.class_of), np.int64), classes, marks)
    return Characters(classes, marks)


@kernel
def _count(
    points: UInt32s,
    offsets: Int64s,  # (windows + 1,)
    sort_of: UInt8s,  # (code points,)
    class_of: Int64s,  # (sorts,)
    first_mark: Int64s,  # (sorts + 1,)
    marks_of: Int64s,
    sorts: Int64s,  # (sorts,), scratch: zeros
    classes: Int64s,  # out, (windows, CLASSES)
    marks: Int64s,  # out, (windows, COLUMNS)
) -> None:
    for window in range(len(offsets) - 1):
        for place in range(offsets[window], offsets[window + 1]):
            sorts[sort_of[points[place]]] += 1
        for sort in range(len(sorts)):
            count = sorts[sort]
            if count:
                sorts[sort] = 0
                classes[window, class_of[sort]] += count
                for place in range(first_mark[sort], first_mark[sort + 1]):
                    marks[window, marks_of[place]] += count


class _Tables(NamedTuple):
    """Per code point its sort, and per sort its class and its marks: those from its first_mark on."""

    sort_of: UInt8s  # (code points,)
    class_of: Int64s  # (sorts,)
    first_mark: Int64s  # (sorts + 1,)
    marks_of: Int64s


@functools.cache
def _tables() -> _Tables:
    shipped = code_points.load()
    class_of = (shipped.classes & code_points.LETTER != 0).astype(np.uint64)
    for number, script in enumerate((*SCRIPTS, *SHARED_SCRIPTS), 2):
        for begin, last in script.ranges:
            part = class_of[begin : last + 1]
            part[(part > 0) | (number < LATIN)] = number
    sets = np.zeros_like(class_of)  # bit i: column i of the marks

    def mark(column: int, points: list[int] | slice | int | NDArray[np.integer]) -> None:
        sets[points] |= np.uint64(1 << column)

    for column, characters in (
        (MARKS.cantonese, _CANTONESE),
        (MARKS.mandarin, _MANDARIN),
        (MARKS.chinese, _CHINESE_WORDS),
        (MARKS.turkic, _TURKIC),
        (MARKS.not_turkic, _NOT_TURKIC),
        (MARKS.uyghur, _UYGHUR),
        (MARKS.kazakh, _KAZAKH),
        (MARKS.kyrgyz, _KYRGYZ),
    ):
        mark(column, [ord(character) for character in characters])
    for first, last in _COMPATIBILITY:
        mark(MARKS.compatibility, slice(first, last + 1))
    capitals = np.flatnonzero(shipped.classes & code_points.UPPERCASE)
    mark(MARKS.upper, capitals)
    mark(MARKS.lower, shipped.lower[capitals][shipped.lower[capitals] != capitals])
    for point in (0x3005, *range(0x4E00, 0xA000)):
        kanji = kanji_class(chr(point))
        mark(MARKS.kanji + KANJI_CLASSES.index(kanji), point)
        if point >= 0x4E00 and kanji[1:] in ("G ", " B"):
            mark(MARKS.simplified if kanji[1] == "G" else MARKS.traditional, point)
    sorts, sort_of = np.unique(class_of | sets << np.uint64(8), return_inverse=True)
    if len(sorts) > 256:
        raise ValueError(f"{len(sorts)} sorts of characters where a byte has 256")
    marks = [[column for column in range(COLUMNS) if key >> 8 + column & 1] for key in sorts.tolist()]
    return _Tables(
        sort_of.astype(np.uint8),
        (sorts & np.uint64(0xFF)).astype(np.int64),
        np.cumsum([0, *map(len, marks)], dtype=np.int64),
        np.array([column for columns in marks for column in columns], np.int64),
    )


def kanji_class(character: str) -> str:
    """The one of KANJI_CLASSES that a character of Han is of, by Python's codecs."""
    japanese = _encoded(character, "shift_jis")
    level = " " if len(japanese) != 2 else "1" if japanese <= b"\x98\x72" else "2"  # 0x9873 to 0x989E are not given out
    return level + ("G" if _encoded(character, "gb2312") else " ") + ("B" if _encoded(character, "big5") else " ")


def _encoded(character: str, charset: str) -> bytes:
    try:
        return character.encode(charset)
    except UnicodeEncodeError:
        return b""
