"""Signals of the group `datatrove`: what datatrove 0.10's filters compute, on its words, its quirks included.

Reads a string array; returns the columns of `corpus.schema.DATATROVE_COUNTS` and `DATATROVE_RATIOS`. Measured only where
a profile of the run has a rule on one of them (`parity`). What datatrove counts as `filters.quality.signals` does (duplicate
lines and paragraphs, short lines, FineWeb's duplicate characters) has no second column here.

Formulas: `gopher_quality_filter`, `gopher_repetition_filter`, `c4_filters`, `fineweb_quality_filter` at their defaults,
for English. On purpose as there, and otherwise nowhere here:
- the top n-gram counts even if it occurs once: "one two three" is nothing but repetition;
- C4 takes citations out of a line before it looks at the line's end, and leaves the space before them there; sentence
  ends are asked for line by line, and only lines that end in one of `.?!"'` but not in `...` count;
- a line ends at every character that Python's `splitlines` takes for one, except in FineWeb's rules;
- a line's end is looked for behind trailing white space.
Not as there: nothing is divided by zero. Duplicate n-grams are equal when their words are, there when the words are run
together (no verdict of the 5,104 documents of docs/parity.md differs for it).

Cost: about 65 ns a byte of text, linear; scratch as `filters.quality.signals`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.schema import DATATROVE_COUNTS, DATATROVE_RATIOS
from corpus.unicode import code_points
from corpus.unicode.code_points import DIGIT, SPACE
from corpus.unicode.segmentation import (
    ALPHABETIC_WORD,
    SYMBOL_WORD,
    Int32s,
    Int64s,
    UInt8s,
    UInt16s,
    UInt32s,
    UInt64s,
    classify,
    decode,
    hash_span,
    kernel,
    longest,
    utf8_buffers,
)
from filters.parity import datatrove_words
from filters.parity.datatrove_words import IS_PUNCTUATION, LINE_END, SENTENCE_END, cut_english
from filters.quality.line_marks import JAVASCRIPT, KINDS, LOREM_IPSUM, POLICY, count_marks
from filters.quality.repetition import (
    LONGEST_N_GRAM,
    LONGEST_TOP_N_GRAM,
    NEWLINE,
    find_slot,
    place_slots,
    repeated_n_grams,
)
from filters.quality.stop_words import SLOTS, stop_word_table, stop_words

#: Part of the fingerprint of `extract` where the group is measured.
VERSION = 1

_LONGEST_WORD_OF_A_LINE = 1000
_FEWEST_WORDS_OF_A_LINE = 3
_TOP_N_GRAMS = (2, 3, 4)

RAW = (
    *DATATROVE_COUNTS,
    "all_words",
    "word_characters",
    "alphabetic_words",
    "hash_marks",
    "ellipses",
    "all_lines",
    "bullet_lines",
    "ellipsis_lines",
    "lines",
    "terminal_lines",
    "newlines",
    "characters",
    *(f"repeated_{n}_gram_characters" for n in range(LONGEST_N_GRAM + 1)),
)

#: Ratio signal, without its prefix → (numerator, denominator).
_RATIOS: Mapping[str, tuple[str, str]] = {
    "mean_word_length": ("word_characters", "datatrove_words"),
    "hash_mark_ratio": ("hash_marks", "all_words"),
    "ellipsis_ratio": ("ellipses", "all_words"),
    "bullet_line_ratio": ("bullet_lines", "all_lines"),
    "ellipsis_line_ratio": ("ellipsis_lines", "all_lines"),
    "alphabetic_word_ratio": ("alphabetic_words", "all_words"),
    **{f"top_{n}_gram_character_ratio": (f"repeated_{n}_gram_characters", "characters") for n in _TOP_N_GRAMS},
    **{f"duplicate_{n}_gram_character_ratio": (f"repeated_{n}_gram_characters", "characters") for n in range(5, 11)},
    "line_end_punctuation_ratio": ("terminal_lines", "lines"),
    "newline_word_ratio": ("newlines", "all_words"),
}

_WORDS, _MET_STOP_WORDS, _SENTENCES, _LOREM, _CURLY = (RAW.index(name) for name in DATATROVE_COUNTS)
_ALL_WORDS = RAW.index("all_words")
_WORD_CHARACTERS = RAW.index("word_characters")
_ALPHABETIC_WORDS = RAW.index("alphabetic_words")
_HASH_MARKS = RAW.index("hash_marks")
_ELLIPSES = RAW.index("ellipses")
_ALL_LINES = RAW.index("all_lines")
_BULLET_LINES = RAW.index("bullet_lines")
_ELLIPSIS_LINES = RAW.index("ellipsis_lines")
_LINES = RAW.index("lines")
_TERMINAL_LINES = RAW.index("terminal_lines")
_NEWLINES = RAW.index("newlines")
_CHARACTERS = RAW.index("characters")
_REPEATED_N_GRAMS = RAW.index("repeated_0_gram_characters")

_ELLIPSIS, _BULLET, _HYPHEN, _HASH, _DOT, _BRACE, _OPEN, _CLOSE, _BLANK, _RETURN = (
    np.uint32(ord(c)) for c in "…•-#.{[] \r"
)
_LINE_BREAKS = np.isin(np.arange(0x202A), [*b"\n\v\f\r\x1c\x1d\x1e", 0x85, 0x2028, 0x2029])
_LINE_END_MARKS = np.isin(np.arange(128), [*b".?!\"'"])
_CITATIONS = np.array([ord(c) for c in "edit]citation needed]"], dtype=np.uint32)
_CITATION_STARTS = np.array([0, 5, 21])
_NONE = np.uint64(0)


def measure(texts: pa.Array) -> dict[str, npt.NDArray[np.generic]]:
    """Every signal of the group of every text: name → (len(texts),) uint32 for counts, float32 for ratios.

    Raises TypeError where `texts` is no string array, ValueError for a null.
    """
    data, offsets = utf8_buffers(texts)
    return columns_of(_measure(data, offsets), "datatrove", DATATROVE_COUNTS + DATATROVE_RATIOS)


def columns_of(raw: Int64s, group: str, names: Sequence[str]) -> dict[str, npt.NDArray[np.generic]]:
    """The columns `names` of a group, from what was counted: raw (RAW, documents)."""
    counted = dict(zip(RAW, raw, strict=True))
    found: dict[str, npt.NDArray[np.generic]] = {}
    for name in names:
        plain = name.removeprefix(f"{group}_")
        if plain in _RATIOS:
            above, below = _RATIOS[plain]
            found[name] = _ratio(counted[above], counted[below])
        else:
            found[name] = counted[f"datatrove_{plain}"].astype(np.uint32)
    return found


def _ratio(numerator: Int64s, denominator: Int64s) -> npt.NDArray[np.float32]:
    quotient = np.zeros(len(numerator), dtype=np.float64)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient.astype(np.float32)


def _measure(data: UInt8s, offsets: Int64s) -> Int64s:
    raw = np.zeros((len(RAW), len(offsets) - 1), dtype=np.int64)
    tables = datatrove_words.load()
    size = longest(offsets) + 1  # scratch for the worst case: a character, a word, a line a byte
    _measure_all(
        data,
        offsets,
        code_points.load().classes,
        tables.classes,
        tables.keys,
        tables.values,
        stop_word_table(stop_words()["en"]),
        np.empty((2, size), np.uint32),
        np.empty((2, size), np.uint16),
        np.empty((2, size), np.int32),
        np.empty((2, size), np.int32),
        np.empty((2, size), np.uint8),
        np.empty(size, np.uint64),
        np.empty(size, np.uint64),
        np.empty(size, np.int32),
        np.empty(size, np.int32),
        np.empty(place_slots(size), np.int32),
        np.empty(place_slots(size), np.int32),
        raw,
    )
    return raw


@kernel
def _measure_all(
    data: UInt8s,
    offsets: Int64s,  # (documents + 1,)
    unicode_classes: UInt16s,
    classes: UInt16s,  # of filters.parity.datatrove_words
    keys: UInt64s,
    values: Int32s,
    stop_word_slots: UInt64s,
    points: UInt32s,  # scratch from here on; of two rows the second is for a line without its citations
    flags: UInt16s,
    starts: Int32s,
    ends: Int32s,
    kinds: UInt8s,
    hashes: UInt64s,
    grams: UInt64s,
    alive: Int32s,
    slots: Int32s,
    counts: Int32s,
    places: Int32s,
    raw: Int64s,  # out, (RAW, documents)
) -> None:
    row = np.zeros(raw.shape[0], np.int64)
    for document in range(len(offsets) - 1):
        row[:] = 0
        characters = decode(data, offsets[document], offsets[document + 1], points[0])
        classify(points[0], characters, unicode_classes, flags[0])
        words = cut_english(points[0], flags[0], 0, characters, classes, keys, values, starts[0], ends[0], kinds[0])
        count_word_signals(
            points[0], characters, starts[0], ends[0], kinds[0], words, stop_word_slots,
            hashes, grams, alive, slots, counts, places, row,
        )  # fmt: skip
        _count_split_lines(points[0], flags[0], characters, row)
        _count_fineweb_lines(points[0], flags[0], characters, classes, row)
        _count_c4_lines(points, flags, characters, classes, keys, values, starts, ends, kinds, words, row)
        raw[:, document] = row


@kernel
def count_word_signals(
    points: UInt32s,
    characters: int,
    starts: Int32s,
    ends: Int32s,
    kinds: UInt8s,
    words: int,
    stop_word_slots: UInt64s,  # of stop_word_table
    hashes: UInt64s,  # scratch from here on, as in repeated_n_grams
    grams: UInt64s,
    alive: Int32s,
    slots: Int32s,
    counts: Int32s,
    places: Int32s,
    row: Int64s,  # out, (RAW,)
) -> None:
    """Everything that depends on words and marks, but not on lines."""
    row[_CHARACTERS] = characters
    _count_words(points, starts, ends, kinds, words, stop_word_slots, hashes, row)
    _count_marks(points, characters, row)
    out = row[_REPEATED_N_GRAMS : _REPEATED_N_GRAMS + LONGEST_N_GRAM + 1]
    distinct = np.zeros(LONGEST_TOP_N_GRAM + 1, np.int64)
    repeated_n_grams(starts, ends, hashes, words, grams, alive, slots, counts, places, out, distinct)
    for n in _TOP_N_GRAMS:
        if out[n] == 0 and words >= n:  # none occurs twice: the first of those that occur once
            for word in range(n):
                out[n] += ends[word] - starts[word]
            out[n] += n - 1


@kernel
def _count_words(
    points: UInt32s,
    starts: Int32s,
    ends: Int32s,
    kinds: UInt8s,
    words: int,
    stop_word_slots: UInt64s,
    hashes: UInt64s,  # out, (words,)
    row: Int64s,
) -> None:
    met = np.zeros(SLOTS, np.bool_)
    for word in range(words):
        hashes[word] = hash_span(points, starts[word], ends[word])
        row[_ALPHABETIC_WORDS] += (kinds[word] & ALPHABETIC_WORD) != 0
        if kinds[word] & SYMBOL_WORD == 0:
            row[_WORDS] += 1
            row[_WORD_CHARACTERS] += ends[word] - starts[word]
        slot = find_slot(stop_word_slots, SLOTS - 1, hashes[word])
        met[slot] = stop_word_slots[slot] != _NONE
    row[_ALL_WORDS] = words
    row[_MET_STOP_WORDS] = met.sum()


@kernel
def _count_marks(points: UInt32s, characters: int, row: Int64s) -> None:
    dots = 0
    for i in range(characters):
        point = points[i]
        row[_HASH_MARKS] += point == _HASH
        row[_NEWLINES] += point == NEWLINE
        row[_ELLIPSES] += point == _ELLIPSIS
        dots = dots + 1 if point == _DOT else 0
        if dots == 3:
            row[_ELLIPSES] += 1
            dots = 0


@kernel
def _line_end(points: UInt32s, begin: int, characters: int) -> int:
    """Where the line that begins at `begin` ends, by `str.splitlines`."""
    end = begin
    while end < characters and not (points[end] < len(_LINE_BREAKS) and _LINE_BREAKS[points[end]]):
        end += 1
    return end


@kernel
def _next_line(points: UInt32s, end: int, characters: int) -> int:
    if end + 1 < characters and points[end] == _RETURN and points[end + 1] == NEWLINE:
        return end + 2
    return end + 1


@kernel
def _ends_with_dots(points: UInt32s, begin: int, end: int) -> bool:
    return end - begin >= 3 and points[end - 1] == _DOT and points[end - 2] == _DOT and points[end - 3] == _DOT


@kernel
def _count_split_lines(points: UInt32s, flags: UInt16s, characters: int, row: Int64s) -> None:
    """Gopher quality: bullets and ellipses."""
    begin = 0
    while begin < characters:
        end = _line_end(points, begin, characters)
        first, last = begin, end
        while first < end and flags[first] & SPACE:
            first += 1
        while last > first and flags[last - 1] & SPACE:
            last -= 1
        row[_ALL_LINES] += 1
        if first < last:
            row[_BULLET_LINES] += points[first] == _BULLET or points[first] == _HYPHEN
            row[_ELLIPSIS_LINES] += points[last - 1] == _ELLIPSIS or _ends_with_dots(points, first, last)
        begin = _next_line(points, end, characters)


@kernel
def _count_fineweb_lines(points: UInt32s, flags: UInt16s, characters: int, classes: UInt16s, row: Int64s) -> None:
    """Lines between newlines that are not blank, and those whose last character, white space or not, ends a sentence."""
    begin = 0
    while begin < characters:
        end = begin
        blank = True
        while end < characters and points[end] != NEWLINE:
            blank &= (flags[end] & SPACE) != 0
            end += 1
        if not blank:
            row[_LINES] += 1
            row[_TERMINAL_LINES] += (classes[points[end - 1]] & LINE_END) != 0
        begin = end + 1


@kernel
def _count_c4_lines(
    points: UInt32s,  # (2, size), and so the others
    flags: UInt16s,
    characters: int,
    classes: UInt16s,
    keys: UInt64s,
    values: Int32s,
    starts: Int32s,
    ends: Int32s,
    kinds: UInt8s,
    words: int,
    row: Int64s,
) -> None:
    marks = np.zeros(KINDS, np.int64)
    word = 0
    begin = 0
    while begin < characters:
        line_end = _line_end(points[0], begin, characters)
        next_line = _next_line(points[0], line_end, characters)
        first, end = begin, line_end
        begin = next_line
        while first < end and flags[0, first] & SPACE:
            first += 1
        while end > first and flags[0, end - 1] & SPACE:
            end -= 1
        while word < words and starts[0, word] < first:
            word += 1
        first_word = word
        while word < words and starts[0, word] < end:
            word += 1
        pieces, longest_piece = _pieces(flags[0], first, end)
        if longest_piece > _LONGEST_WORD_OF_A_LINE or pieces < _FEWEST_WORDS_OF_A_LINE:
            continue
        which = 0
        last_word = word
        if _has_citation(points[0], flags[0], first, end):
            which = 1
            end = _without_citations(points, flags, first, end)
            first = 0
        if first == end or points[which, end - 1] >= 128 or not _LINE_END_MARKS[points[which, end - 1]]:
            continue
        if _ends_with_dots(points[which], first, end):
            continue
        count_marks(points[which], first, end, marks)
        if marks[LOREM_IPSUM]:
            row[_LOREM] += 1
            continue
        if marks[JAVASCRIPT]:
            continue
        braces = 0
        for i in range(first, end):
            braces += points[which, i] == _BRACE
        if braces:
            row[_CURLY] += 1
            continue
        if marks[POLICY]:
            continue
        if which:
            first_word = 0
            last_word = cut_english(points[1], flags[1], 0, end, classes, keys, values, starts[1], ends[1], kinds[1])
        row[_SENTENCES] += _sentences(
            points[which], classes, starts[which], ends[which], first_word, last_word, first, end
        )


@kernel
def _pieces(flags: UInt16s, begin: int, end: int) -> tuple[int, int]:
    """(pieces between white space, characters of the longest)."""
    pieces = most = 0
    i = begin
    while i < end:
        start = i
        while i < end and not flags[i] & SPACE:
            i += 1
        pieces += i > start
        most = max(most, i - start)
        i += 1
    return pieces, most


@kernel
def _citation(points: UInt32s, flags: UInt16s, begin: int, end: int) -> int:
    """Characters of the citation that begins at `begin`: [, digits or `edit` or `citation needed`, ]; 0 if none does."""
    if points[begin] != _OPEN:
        return 0
    i = begin + 1
    while i < end and flags[i] & DIGIT:
        i += 1
    if i < end and points[i] == _CLOSE:
        return i + 1 - begin
    for phrase in range(2):
        first, stop = _CITATION_STARTS[phrase], _CITATION_STARTS[phrase + 1]
        k = 0
        while k < stop - first and begin + 1 + k < end and points[begin + 1 + k] == _CITATIONS[first + k]:
            k += 1
        if k == stop - first:
            return k + 1
    return 0


@kernel
def _has_citation(points: UInt32s, flags: UInt16s, begin: int, end: int) -> bool:
    for i in range(begin, end):  # noqa: SIM110 - Numba has no generators in any()
        if points[i] == _OPEN and _citation(points, flags, i, end):
            return True
    return False


@kernel
def _without_citations(points: UInt32s, flags: UInt16s, begin: int, end: int) -> int:
    """Copies a line without its citations into the second rows; returns its length."""
    into = 0
    i = begin
    while i < end:
        size = _citation(points[0], flags[0], i, end)
        if size:
            i += size
            continue
        points[1, into], flags[1, into] = points[0, i], flags[0, i]
        into += 1
        i += 1
    return into


@kernel
def _sentences(
    points: UInt32s,
    classes: UInt16s,
    starts: Int32s,
    ends: Int32s,
    first_word: int,
    last_word: int,
    begin: int,
    end: int,
) -> int:
    """spaCy's sentencizer: a sentence begins at a token behind an end mark that is neither punctuation nor an end mark.

    White space is a token unless it is one blank behind a word.
    """
    sentences = 0
    ended = False
    at = begin
    for word in range(first_word, last_word + 1):
        start = starts[word] if word < last_word else end
        if start - at > 1 or (start - at == 1 and (points[at] != _BLANK or word == first_word)):
            sentences += sentences == 0 or ended
            ended = False
        if word == last_word:
            break
        marks = (classes[points[start]] & SENTENCE_END) != 0 and ends[word] - start == 1
        if sentences == 0:
            sentences = 1
            ended = marks
        elif marks:
            ended = True
        elif ended and not _is_punctuation(points, classes, start, ends[word]):
            sentences += 1
            ended = False
        at = ends[word]
    return sentences


@kernel
def _is_punctuation(points: UInt32s, classes: UInt16s, start: int, end: int) -> bool:
    for i in range(start, end):  # noqa: SIM110 - Numba has no generators in all()
        if not classes[points[i]] & IS_PUNCTUATION:
            return False
    return True
