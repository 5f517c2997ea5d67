"""How well bytes read as a charset: the cost, in nats, of the text that they would be, under counts of letters by language.

All charsets explain the same bytes, so costs compare: the least one is the likeliest. A single-byte charset is read in the
languages that are written in it, pair of bytes by pair of bytes; a multi-byte one is decoded, and each character costs by how
common it is after a character of the kind before it. Undefined bytes and control characters cost most of all.
The counts are charset_letters.npz, made by benchmarks/train_charsets.py.
"""

import dataclasses
import functools
import re
from pathlib import Path

import numpy as np

#: Costs are stored in eighths of a nat.
SCALE = 8
#: Of an ASCII character after one: alike in every charset, so that only how many bytes a reading takes for letters counts.
ASCII_COST = 3 * SCALE
#: Nats of what no text has: a control character, an undefined byte, a broken sequence.
CONTROL_COST, BROKEN_COST = 12 * SCALE, 12 * SCALE
#: Bytes that are scored at most.
SAMPLE_BYTES = 2_500

IDEOGRAPHIC = ("zh-Hans", "zh-Hant", "ja", "ko")
ALPHABETIC = (
    "de", "fr", "es", "pt", "it", "nl", "sv", "da", "nb", "fi", "is", "ca", "ga", "en",
    "pl", "cs", "sk", "hu", "ro", "hr", "sl", "sq", "tr", "az", "lt", "lv", "et", "vi",
    "ru", "uk", "be", "bg", "mk", "sr", "el", "he", "ar", "fa", "ur", "th",
)  # fmt: skip
LANGUAGES = (*ALPHABETIC, *IDEOGRAPHIC)
#: Labels of training texts → the language they are counted as.
TRAINED_ON = {"zh-CN": "zh-Hans", "zh": "zh-Hans", "zh-TW": "zh-Hant", "bs": "hr", "nn": "nb"}

_WESTERN = ALPHABETIC[:14]
_CENTRAL = ("pl", "cs", "sk", "hu", "ro", "hr", "sl", "sq", "de")
_CYRILLIC = ("ru", "uk", "be", "bg", "mk", "sr")
#: Python codec → the languages that pages in it are read as.
SINGLE_BYTE = {
    "cp1252": _WESTERN,
    "iso8859-15": ("fr", "fi", "et"),
    "cp1250": _CENTRAL,
    "iso8859-2": _CENTRAL,
    "cp1254": ("tr", "az"),
    "cp1257": ("lt", "lv", "et"),
    "iso8859-13": ("lt", "lv", "et"),
    "iso8859-4": ("lt", "lv", "et"),
    "cp1258": ("vi",),
    "cp1251": _CYRILLIC,
    "koi8-r": ("ru", "bg"),
    "koi8-u": ("uk", "be"),
    "iso8859-5": _CYRILLIC,
    "cp866": ("ru", "uk", "be", "bg"),
    "mac-cyrillic": ("ru", "uk", "bg"),
    "cp1253": ("el",),
    "iso8859-7": ("el",),
    "cp1255": ("he",),
    "iso8859-8": ("he",),
    "cp1256": ("ar", "fa", "ur"),
    "iso8859-6": ("ar",),
    "cp874": ("th",),
    "mac-roman": ("fr", "de", "es"),
}
MULTI_BYTE = {
    "gb18030": ("zh-Hans", "zh-Hant"),
    "big5hkscs": ("zh-Hant", "zh-Hans"),
    "cp932": ("ja",),
    "euc_jp": ("ja",),
    "cp949": ("ko",),
}
#: Of the text beside a letter beyond ASCII.
CONTEXT_BYTES = 40
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
# Brackets of tags are never part of a longer character.
_BRACKET = re.compile(rb"[<>]")
_AFTER_BRACKET = re.compile(rb"[^<>]*\Z")


def sample_of(body: bytes, at_most: int = SAMPLE_BYTES) -> bytes:
    """The text around bytes beyond ASCII, up to CONTEXT_BYTES on either side and never over a tag's bracket; in order, as much as
    there is room for. What stands beside a letter tells its language."""
    pieces, size, end = [], 0, 0
    for match in _BEYOND_ASCII.finditer(body):
        first, last = match.span()
        if first > end:  # else it is the rest of what the piece before took
            before = _AFTER_BRACKET.search(body, max(end, first - CONTEXT_BYTES), first)
            begin = before.start() if before is not None else first
            if begin > end:
                pieces.append(b" ")
            pieces.append(body[begin:first])
        bracket = _BRACKET.search(body, last, last + CONTEXT_BYTES)
        end = bracket.start() if bracket is not None else min(last + CONTEXT_BYTES, len(body))
        following = _BEYOND_ASCII.search(body, last, end)
        end = following.start() if following is not None else end
        pieces.append(body[first : min(end, first + at_most)])
        size += end - first
        if size >= at_most:
            break
    return b"".join(pieces) + b" "


def folded(text: str) -> np.ndarray:
    """(characters,) uint32: ASCII digits as 0, other ASCII but letters as a space; the rest as it is."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return np.where(points < 128, _ASCII[np.minimum(points, 127)], points)


def _folded_ascii() -> np.ndarray:
    table = np.full(128, ord(" "), np.uint32)
    for point in range(128):
        if chr(point).isalpha():
            table[point] = point
        elif chr(point).isdigit():
            table[point] = ord("0")
    return table


_ASCII = _folded_ascii()

#: Kinds of characters: space and the like, ASCII letter or digit, kana, Han, Hangul, full-width and CJK marks, all else.
KINDS = 7


def kinds_of(points: np.ndarray) -> np.ndarray:
    """(characters,) int64: the kind of each folded code point."""
    return np.select(
        [
            points == 32,
            points < 128,
            (points >= 0x3041) & (points <= 0x30FF),
            ((points >= 0x4E00) & (points <= 0x9FFF)) | ((points >= 0x3400) & (points <= 0x4DBF)),
            (points >= 0xAC00) & (points <= 0xD7A3),
            ((points >= 0x3000) & (points <= 0x303F)) | ((points >= 0xFF00) & (points <= 0xFFEF)),
        ],
        range(6),
        6,
    )


def stored(nats: np.ndarray) -> np.ndarray:
    """Costs as bytes."""
    return np.clip(np.rint(nats * SCALE), 0, 255).astype(np.uint8)


@dataclasses.dataclass(frozen=True)
class Letters:
    """The costs of one language's letters: `costs[context, place]`, the last place for any letter that is not in `alphabet`."""

    alphabet: np.ndarray  # (letters,) uint32, ascending
    costs: np.ndarray  # (contexts, letters + 1) uint8

    def places(self, points: np.ndarray) -> np.ndarray:
        place = np.searchsorted(self.alphabet, points)
        known = self.alphabet[np.minimum(place, len(self.alphabet) - 1)] == points
        return np.where(known, place, len(self.alphabet))


@functools.cache
def letters_of(language: str) -> Letters:
    arrays = _counts()
    return Letters(arrays[f"{language}.alphabet"], arrays[f"{language}.costs"])


@functools.cache
def _counts() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).with_name("charset_letters.npz"), allow_pickle=False) as arrays:
        return dict(arrays)


#: Nats of a byte beyond ASCII up to which a page is in a single-byte charset for certain: of 2,000 pages that were, none
#: had more than 4.9, of 1,000 in multi-byte charsets, read so, none less than 6.8.
CERTAIN = 4.2
#: A reading of which more is broken is none; a page is not so damaged.
MOST_BROKEN = 0.2


def costs_of(sample: bytes) -> dict[str, float]:
    """Nats of a sample under each charset, by Python codec; those that cannot be are left out."""
    costs = single_byte_costs(sample)
    beyond = sum(byte >= 0x80 for byte in sample)
    if min(costs.values()) - (len(sample) - beyond) * ASCII_COST / SCALE <= CERTAIN * beyond:
        return costs
    for codec, languages in MULTI_BYTE.items():
        text = sample.decode(codec, "replace")
        if text.count("\ufffd") * 2 <= MOST_BROKEN * beyond + 4:
            costs[codec] = multi_byte_cost(text, languages)
    return costs


# ------------------------------------------------------------------------------------------------ single bytes


@functools.cache
def _pair_costs() -> tuple[list[str], np.ndarray]:
    """(codec of each row, (rows, 65,536) uint8): the cost of a byte after a byte, for each codec and language."""
    codecs = [codec for codec, languages in SINGLE_BYTE.items() for _ in languages]
    rows = [_byte_costs(codec, language) for codec, languages in SINGLE_BYTE.items() for language in languages]
    return codecs, np.stack(rows)


@functools.cache
def _pair_costs_in(codec: str) -> np.ndarray:
    """The same of a codec that hardly any page is in, for every language with an alphabet."""
    return np.stack([_byte_costs(codec, language) for language in ALPHABETIC])


def _byte_costs(codec: str, language: str) -> np.ndarray:
    letters = letters_of(language)
    characters = bytes(range(256)).decode(codec, "replace")
    points = folded(characters)
    places = letters.places(points)
    costs = letters.costs[np.ix_(places, places)].astype(np.int64)
    other = places == len(letters.alphabet)
    costs[:, other] += [_oddity(character) for character, is_other in zip(characters, other, strict=True) if is_other]
    costs[:128, :128] = ASCII_COST + _ascii_evidence(language)
    costs[:, points == 0xFFFD] = BROKEN_COST
    costs[:, (points >= 0x80) & (points < 0xA0)] = CONTROL_COST
    return np.minimum(costs, 255).astype(np.uint8).reshape(-1)


@functools.cache
def _ascii_means() -> np.ndarray:
    return np.mean([_ascii_costs(language) for language in ALPHABETIC], axis=0)


def _ascii_costs(language: str) -> np.ndarray:
    """(128, 128): of an ASCII character after one, in a language."""
    letters = letters_of(language)
    places = letters.places(folded("".join(map(chr, range(128)))))
    return letters.costs[np.ix_(places, places)].astype(np.int64)


def _ascii_evidence(language: str) -> np.ndarray:
    """(128, 128) stored nats: how much dearer pairs of ASCII letters are in a language than in all, a nat at most."""
    letter = np.array([chr(point).isalpha() for point in range(128)])
    dearer = np.clip(np.rint(_ascii_costs(language) - _ascii_means()), -SCALE, SCALE).astype(np.int64)
    return np.where(letter[:, None] & letter[None, :], dearer, 0)


def _oddity(character: str) -> int:
    """What a character costs more that a language does not use: letters of other scripts and drawings most."""
    if character.isalpha():
        return 1 * SCALE
    return 2 * SCALE if character < "\u2500" or character > "\u25ff" else 3 * SCALE


def single_byte_costs(sample: bytes) -> dict[str, float]:
    """Nats of a sample in each single-byte codec, in the language that suits it best."""
    codecs, costs = _pair_costs()
    best: dict[str, float] = {}
    for codec, total in zip(codecs, _totals(costs, sample).tolist(), strict=True):
        best[codec] = min(total, best.get(codec, total))
    return best


def _totals(costs: np.ndarray, sample: bytes) -> np.ndarray:
    """(rows,) nats of a sample by each row of costs of pairs."""
    values = np.frombuffer(b" " + sample, np.uint8).astype(np.int32)
    pairs, counts = np.unique(values[:-1] * 256 + values[1:], return_counts=True)
    return costs[:, pairs].astype(np.float64) @ counts / SCALE


# ------------------------------------------------------------------------------------------------ longer characters


def multi_byte_cost(text: str, languages: tuple[str, ...]) -> float:
    """Nats of a decoded sample, in the language that suits it best; U+FFFD stands for what is broken."""
    points = folded(" " + text)
    kinds = kinds_of(points)
    rare = _rarity(points[1:], kinds[1:])
    return min(float(_costs_after(kinds[:-1], points, rare, letters_of(each)).sum()) for each in languages) / SCALE


def character_costs(characters: str, language: str) -> np.ndarray:
    """(characters,) nats of each character after whichever kind of letter it follows most."""
    points = folded(" " + characters)
    kinds = kinds_of(points)
    rare, letters = _rarity(points[1:], kinds[1:]), letters_of(language)
    after = [_costs_after(np.full(len(characters), kind), points, rare, letters) for kind in range(2, KINDS)]
    return np.min(after, axis=0) / SCALE


def cost_in(codec: str, sample: bytes) -> float:
    """Nats of a sample in a codec that is none of SINGLE_BYTE and MULTI_BYTE, in whatever language."""
    if len(bytes(range(256)).decode(codec, "replace")) != 256:
        return multi_byte_cost(sample.decode(codec, "replace"), IDEOGRAPHIC)
    return float(_totals(_pair_costs_in(codec), sample).min())


def _costs_after(before: np.ndarray, points: np.ndarray, rare: np.ndarray, letters: Letters) -> np.ndarray:
    """(characters,) int64, stored nats of all points but the first, each after a character of a kind."""
    after = points[1:]
    places = letters.places(after)
    costs = letters.costs[before, places].astype(np.int64)
    costs = np.where(places == len(letters.alphabet), 10 * SCALE + rare, costs)
    wrong = (after == 0xFFFD) | ((after >= 0xE000) & (after <= 0xF8FF))
    return np.where((before < 2) & (after < 128), ASCII_COST, np.where(wrong, BROKEN_COST, costs))


@functools.cache
def _common_han() -> np.ndarray:
    """(20,992,) bool: Han characters from U+4E00 on that are in the first levels of GB 2312, Big5 or JIS X 0208."""
    table = np.zeros(0xA000 - 0x4E00, bool)
    for codec, first, last in (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6), ("shift_jis", 0x88, 0x97)):
        for lead in range(first, last + 1):
            for trail in range(0x40, 0xFF):
                character = bytes((lead, trail)).decode(codec, "ignore")
                if len(character) == 1 and 0x4E00 <= ord(character) < 0xA000:
                    table[ord(character) - 0x4E00] = True
    return table


def _rarity(points: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """(characters,) stored nats of a character that a language was not seen to use, besides."""
    inside = (points >= 0x4E00) & (points < 0xA000)
    common = _common_han()[np.where(inside, points - 0x4E00, 0)] & inside
    return np.where(common, SCALE, np.where(kinds == 3, 4 * SCALE, 2 * SCALE))
