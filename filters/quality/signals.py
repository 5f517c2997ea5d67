"""Signals of a document: every column of `corpus.schema.COUNT_SIGNALS` and `RATIO_SIGNALS`, from one compiled pass
over its text.

Reads a string array and the languages of its rows; returns columns. A kernel counts integers (the `_RAW` columns
below); a ratio is one of them over another (`_RATIOS`), divided in float64 and stored as float32, 0 where the
denominator is 0. Cost: some 30 ns a byte of text, linear whatever the text; scratch per byte of the longest text in the
array: 51 bytes at most, in one of punctuation alone, some 30 in prose (benchmarks/bench_long_text.py).

Words, symbol words and characters are those of `corpus.unicode.segmentation`. *Words* of a ratio are all words with
symbols (datatrove's `words`), those of the signal `words` only the others (datatrove's non-symbol words).

Formulas are datatrove's (`gopher_quality_filter`, `gopher_repetition_filter`, `c4_filters`, `fineweb_quality_filter`),
thresholds tuned on those carry over. Lines come in three variants, each where datatrove uses it:
- Gopher quality (bullets, ellipses): all lines, blank ones too, without an empty last one;
- Gopher repetition: what is between runs of newlines, so an empty text, or a newline at either end, gives an empty
  line;
- FineWeb, C4 and everything else: lines that are not blank.
Deviations: nothing divides by zero; line ends are looked for before trailing white space and closing quotes, and only `\\n` ends a line;
sentence ends of all scripts count as terminal punctuation; fewer than 3 words a line are counted in words, not in
blank-separated pieces, so that Chinese has lines; policy phrases ignore ASCII case only; what `filters.quality.repetition`
states.
"""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.schema import COUNT_SIGNALS, RATIO_SIGNALS
from corpus.unicode import code_points
from corpus.unicode.code_points import CJK, CLOSER, DIGIT, SPACE, TERMINAL, UNKNOWN, UPPERCASE
from corpus.unicode.segmentation import (
    ALPHABETIC_WORD,
    REPLACEMENT,
    SYMBOL_WORD,
    SYMBOLIC,
    TABLED_POWERS,
    Int8s,
    Int32s,
    Int64s,
    UInt8s,
    UInt16s,
    UInt32s,
    UInt64s,
    classify,
    count_ends,
    decode,
    fill_powers,
    hash_prefixes,
    kernel,
    longest,
    prefix_hash,
    segment_words,
    utf8_buffers,
)
from filters.quality.line_ends import ends_sentence, speaks
from filters.quality.line_marks import (
    BOILERPLATE,
    JAVASCRIPT,
    KINDS,
    LOREM_IPSUM,
    POLICY,
    SEPARATOR,
    URL,
    begins_list,
    count_marks,
)
from filters.quality.repetition import (
    LOG_BITS,
    LONGEST_N_GRAM,
    LONGEST_TOP_N_GRAM,
    NEWLINE,
    WINDOW_CHARACTERS,
    add,
    clear,
    duplicate_paragraphs,
    entropy_weight,
    find_slot,
    met_slots,
    place_slots,
    repeated_n_grams,
    repeated_windows,
    table_slots,
)
from filters.quality.stop_words import SLOTS, stop_word_table, stop_words

#: Part of the fingerprint of `extract`: raise it with every change that can change a value.
VERSION = 5

SHORT_LINE_CHARACTERS = 30
SHORT_LINE_WORDS = 3
FEWEST_MENU_SEPARATORS = 2
#: Of a text that may be verse, so much stands in short lines: 9 of 10 characters.
VERSE_SHORT, VERSE_OF = 9, 10

#: What the kernel counts, in the order of its columns.
_RAW = (
    *COUNT_SIGNALS,
    "all_words",
    "word_characters",
    "alphabetic_words",
    "hash_marks",
    "ellipses",
    "line_characters",
    "terminal_lines",
    "short_lines",
    "short_word_lines",
    "fragment_characters",
    "fineweb_duplicate_line_characters",
    "newlines",
    "characters_without_newlines",
    "list_lines",
    "menu_lines",
    "url_characters",
    "odd_characters",
    "all_lines",
    "bullet_lines",
    "ellipsis_lines",
    "gopher_lines",
    "duplicate_lines",
    "duplicate_line_characters",
    "gopher_paragraphs",
    "duplicate_paragraphs",
    "duplicate_paragraph_characters",
    *(f"repeated_{n}_gram_characters" for n in range(LONGEST_N_GRAM + 1)),  # 0 and 1 stay 0: the index is n
    *(f"distinct_{n}_grams" for n in range(LONGEST_TOP_N_GRAM + 1)),  # the index is n, again
    "three_grams",
    "entropy",  # log2 of all words, less the logarithms of their counts, in units of 2^-LOG_BITS
    "entropy_units",
    "windows",
    "repeated_windows",
    "visible_characters",
    "cjk_characters",
    "digits",
    "punctuation",
    "uppercase",
)

#: Ratio signal → (numerator, denominator).
_RATIOS: Mapping[str, tuple[str, str]] = {
    "mean_word_length": ("word_characters", "words"),
    "mean_line_length": ("line_characters", "lines"),
    "hash_mark_ratio": ("hash_marks", "all_words"),
    "ellipsis_ratio": ("ellipses", "all_words"),
    "bullet_line_ratio": ("bullet_lines", "all_lines"),
    "ellipsis_line_ratio": ("ellipsis_lines", "all_lines"),
    "alphabetic_word_ratio": ("alphabetic_words", "all_words"),
    "lettered_word_ratio": ("alphabetic_words", "words"),
    "duplicate_line_ratio": ("duplicate_lines", "gopher_lines"),
    "duplicate_line_character_ratio": ("duplicate_line_characters", "characters"),
    "duplicate_paragraph_ratio": ("duplicate_paragraphs", "gopher_paragraphs"),
    "duplicate_paragraph_character_ratio": ("duplicate_paragraph_characters", "characters"),
    **{f"top_{n}_gram_character_ratio": (f"repeated_{n}_gram_characters", "characters") for n in (2, 3, 4)},
    **{f"duplicate_{n}_gram_character_ratio": (f"repeated_{n}_gram_characters", "characters") for n in range(5, 11)},
    "repeated_13_character_ratio": ("repeated_windows", "windows"),
    "distinct_word_ratio": ("distinct_1_grams", "all_words"),
    "distinct_3_gram_ratio": ("distinct_3_grams", "three_grams"),
    "word_entropy": ("entropy", "entropy_units"),
    "line_end_punctuation_ratio": ("terminal_lines", "lines"),
    "short_line_ratio": ("short_lines", "lines"),
    "short_word_line_ratio": ("short_word_lines", "lines"),
    "fragment_character_ratio": ("fragment_characters", "line_characters"),
    "fineweb_duplicate_line_character_ratio": ("fineweb_duplicate_line_characters", "characters_without_newlines"),
    "newline_word_ratio": ("newlines", "all_words"),
    "list_line_ratio": ("list_lines", "lines"),
    "menu_line_ratio": ("menu_lines", "lines"),
    "url_ratio": ("url_characters", "visible_characters"),
    "odd_character_ratio": ("odd_characters", "visible_characters"),
    "cjk_ratio": ("cjk_characters", "visible_characters"),
    "digit_ratio": ("digits", "visible_characters"),
    "punctuation_ratio": ("punctuation", "visible_characters"),
    "uppercase_ratio": ("uppercase", "visible_characters"),
}

# Numba takes module constants, not dictionaries: one name for each column that a kernel below writes.
(
    _CHARACTERS,
    _BYTES,
    _WORDS,
    _LINES,
    _PARAGRAPHS,
    _SENTENCES,
    _STOP_WORDS,
    _CURLY,
    _JAVASCRIPT,
    _POLICY,
    _LOREM,
    _BOILERPLATE,
) = (_RAW.index(name) for name in COUNT_SIGNALS)
_ALL_WORDS = _RAW.index("all_words")
_WORD_CHARACTERS = _RAW.index("word_characters")
_ALPHABETIC_WORDS = _RAW.index("alphabetic_words")
_HASH_MARKS = _RAW.index("hash_marks")
_ELLIPSES = _RAW.index("ellipses")
_LINE_CHARACTERS = _RAW.index("line_characters")
_TERMINAL_LINES = _RAW.index("terminal_lines")
_SHORT_LINES = _RAW.index("short_lines")
_SHORT_WORD_LINES = _RAW.index("short_word_lines")
_FRAGMENT_CHARACTERS = _RAW.index("fragment_characters")
_FINEWEB_DUPLICATE_LINE_CHARACTERS = _RAW.index("fineweb_duplicate_line_characters")
_NEWLINES = _RAW.index("newlines")
_CHARACTERS_WITHOUT_NEWLINES = _RAW.index("characters_without_newlines")
_ALL_LINES = _RAW.index("all_lines")
_BULLET_LINES = _RAW.index("bullet_lines")
_ELLIPSIS_LINES = _RAW.index("ellipsis_lines")
_GOPHER_LINES = _RAW.index("gopher_lines")
_DUPLICATE_LINES = _RAW.index("duplicate_lines")
_DUPLICATE_LINE_CHARACTERS = _RAW.index("duplicate_line_characters")
_GOPHER_PARAGRAPHS = _RAW.index("gopher_paragraphs")
_REPEATED_N_GRAMS = _RAW.index("repeated_0_gram_characters")
_WINDOWS = _RAW.index("windows")
_VISIBLE = _RAW.index("visible_characters")
_CJK = _RAW.index("cjk_characters")
_DIGITS = _RAW.index("digits")
_PUNCTUATION = _RAW.index("punctuation")
_UPPERCASE = _RAW.index("uppercase")
_LIST_LINES = _RAW.index("list_lines")
_MENU_LINES = _RAW.index("menu_lines")
_URL_CHARACTERS = _RAW.index("url_characters")
_ODD = _RAW.index("odd_characters")
_DISTINCT = _RAW.index("distinct_0_grams")
_THREE_GRAMS = _RAW.index("three_grams")
_ENTROPY = _RAW.index("entropy")

_ELLIPSIS, _BULLET, _HYPHEN, _HASH, _DOT, _BRACE = (np.uint32(ord(c)) for c in "…•-#.{")
_NONE = np.uint64(0)


def measure(texts: pa.Array, languages: pa.Array | Sequence[str]) -> dict[str, npt.NDArray[np.generic]]:
    """Every signal of every text: name → (len(texts),) uint32 for counts, float32 for ratios, in the schema's order.

    `languages` are ISO 639 codes as filters.language.identification gives them, a script after an underscore is ignored; a language
    without a list of stop words counts none. Raises TypeError where `texts` is no string array, ValueError for a null or where the lengths differ.
    """
    data, offsets = utf8_buffers(texts)
    if len(languages) != len(texts):
        raise ValueError(f"languages must be as many as texts: {len(texts)}, not {len(languages)}")
    names = languages.to_pylist() if isinstance(languages, pa.Array) else languages
    raw = _measure(data, offsets, _language_numbers(names))
    counts = {name: raw[name].astype(np.uint32) for name in COUNT_SIGNALS}
    return counts | {name: _ratio(raw[_RATIOS[name][0]], raw[_RATIOS[name][1]]) for name in RATIO_SIGNALS}


def warm_up() -> None:
    """Compiles the kernels, or loads them from Numba's cache: once per process, before the work is timed."""
    measure(pa.array(["The warm-up."]), ["en"])


def _ratio(numerator: Int64s, denominator: Int64s) -> npt.NDArray[np.float32]:
    quotient = np.zeros(len(numerator), dtype=np.float64)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient.astype(np.float32)


def _language_numbers(languages: Sequence[str]) -> Int8s:
    rows = {language: row for row, language in enumerate(stop_words(), start=1)}
    return np.array([rows.get(language.partition("_")[0], 0) for language in languages], dtype=np.int8)


@functools.cache
def _stop_word_tables() -> UInt64s:
    """(1 + languages, SLOTS): a hash set for each language; row 0 is of languages without a list."""
    return np.stack([stop_word_table(words) for words in ((), *stop_words().values())])


@kernel
def _lines_with_characters(characters: int) -> int:
    """The most that a text can have."""
    return characters // 2 + 1


@kernel
def _most_lines(data: UInt8s, offsets: Int64s) -> int:
    """Lines of the text that has most, no more than can have a character."""
    most = 0
    for document in range(len(offsets) - 1):
        lines = 1
        for i in range(offsets[document], offsets[document + 1]):
            lines += data[i] == NEWLINE
        most = max(most, min(lines, _lines_with_characters(offsets[document + 1] - offsets[document])))
    return most


def _measure(data: UInt8s, offsets: Int64s, languages: Int8s) -> dict[str, Int64s]:
    raw = np.zeros((len(_RAW), len(languages)), dtype=np.int64)
    # Untouched pages of np.empty cost nothing, so scratch for the worst case is cheap: one character, one word per
    # byte. What a step no longer needs is the next one's: n-grams are counted last, over what the characters left.
    size = longest(offsets) + 1
    points, prefixes = np.empty(size, np.uint32), np.empty(size, np.uint64)
    places, counts = (
        np.empty(place_slots(size), np.int32),
        np.empty(max(place_slots(size), met_slots(size) // 4), np.int32),
    )
    _measure_all(
        data,
        offsets,
        languages,
        code_points.load().classes,
        _stop_word_tables(),
        points,
        np.empty(size, np.uint16),
        prefixes,
        np.empty(min(size, TABLED_POWERS), np.uint64),
        np.empty(size, np.int32),
        np.empty(size, np.int32),
        np.empty(size, np.uint8),
        np.empty(size, np.uint64),
        np.empty(table_slots(_most_lines(data, offsets)), np.uint64),
        np.empty(size, np.int32),
        points.view(np.int32),
        counts,
        places,
        counts.view(np.uint8),
        raw,
    )
    return dict(zip(_RAW, raw, strict=True))


@kernel
def _measure_all(
    data: UInt8s,
    offsets: Int64s,  # (documents + 1,)
    languages: Int8s,  # (documents,) row of `stop_word_tables`
    classes: UInt16s,
    stop_word_tables: UInt64s,  # (1 + languages, SLOTS)
    points: UInt32s,  # scratch from here on
    flags: UInt16s,
    prefixes: UInt64s,
    powers: UInt64s,
    starts: Int32s,
    ends: Int32s,
    kinds: UInt8s,
    hashes: UInt64s,
    table: UInt64s,
    alive: Int32s,
    slots: Int32s,  # the memory of `points`
    counts: Int32s,
    places: Int32s,
    met: UInt8s,  # the memory of `counts`
    raw: Int64s,  # out, (_RAW, documents)
) -> None:
    row = np.zeros(raw.shape[0], np.int64)
    fill_powers(powers)
    for document in range(len(languages)):
        row[:] = 0
        begin, end = offsets[document], offsets[document + 1]
        characters = decode(data, begin, end, points)
        classify(points, characters, classes, flags)
        hash_prefixes(points, characters, prefixes)
        row[_BYTES] = end - begin
        _count_characters(points, flags, classes, characters, row)
        words = segment_words(points, flags, characters, starts, ends, kinds)
        _count_words(prefixes, powers, starts, ends, kinds, words, stop_word_tables[languages[document]], hashes, row)
        sentence_ends, row[_ELLIPSES] = count_ends(points, flags, characters)
        row[_SENTENCES] = max(sentence_ends, 1) if row[_WORDS] else 0
        _count_lines(points, flags, prefixes, powers, characters, starts, kinds, words, table, row)
        _count_paragraph_copies(points, flags, prefixes, powers, characters, table, row)
        row[_WINDOWS] = max(characters - WINDOW_CHARACTERS + 1, 0)
        row[_WINDOWS + 1] = repeated_windows(points, prefixes, characters, met, places)
        # From here on `points` and `prefixes` are scratch.
        grams_out = row[_REPEATED_N_GRAMS : _REPEATED_N_GRAMS + LONGEST_N_GRAM + 1]
        distinct = row[_DISTINCT : _DISTINCT + LONGEST_TOP_N_GRAM + 1]
        weight = repeated_n_grams(
            starts, ends, hashes, words, prefixes, alive, slots, counts, places, grams_out, distinct
        )
        row[_THREE_GRAMS] = max(words - 2, 0)
        row[_ENTROPY] = entropy_weight(words) - weight
        row[_ENTROPY + 1] = words << LOG_BITS
        raw[:, document] = row


@kernel
def _count_characters(points: UInt32s, flags: UInt16s, classes: UInt16s, characters: int, row: Int64s) -> None:
    # ASCII by a count of each character, in four rows so that equal neighbours do not wait for each other.
    ascii_counts = np.zeros((4, 128), np.int32)
    spaces = cjk = digits = punctuation = uppercase = odd = 0
    for i in range(characters):
        point = points[i]
        if point < 128:
            ascii_counts[i & 3, point] += 1
            continue
        flag = flags[i]
        spaces += (flag & SPACE) != 0
        cjk += (flag & CJK) != 0
        digits += (flag & DIGIT) != 0
        punctuation += (flag & SYMBOLIC) != 0
        uppercase += (flag & UPPERCASE) != 0
        odd += (flag & UNKNOWN) == UNKNOWN or point == REPLACEMENT or (point < 160 and flag & SPACE == 0)
    for point in range(128):
        count = ascii_counts[0, point] + ascii_counts[1, point] + ascii_counts[2, point] + ascii_counts[3, point]
        ascii_counts[0, point] = count
        flag = classes[point]
        spaces += count if flag & SPACE else 0
        digits += count if flag & DIGIT else 0
        punctuation += count if flag & SYMBOLIC else 0
        uppercase += count if flag & UPPERCASE else 0
        odd += count if (point < 32 or point == 127) and flag & SPACE == 0 else 0
    row[_CHARACTERS] = characters
    row[_VISIBLE] = characters - spaces
    row[_CJK] = cjk
    row[_DIGITS] = digits
    row[_PUNCTUATION] = punctuation
    row[_UPPERCASE] = uppercase
    row[_ODD] = odd
    row[_NEWLINES] = ascii_counts[0, NEWLINE]
    row[_CHARACTERS_WITHOUT_NEWLINES] = characters - row[_NEWLINES]
    row[_HASH_MARKS] = ascii_counts[0, _HASH]
    row[_CURLY] = ascii_counts[0, _BRACE]


@kernel
def _count_words(
    prefixes: UInt64s,
    powers: UInt64s,
    starts: Int32s,
    ends: Int32s,
    kinds: UInt8s,
    words: int,
    stop_word_slots: UInt64s,  # (SLOTS,) of the document's language
    hashes: UInt64s,  # out, (words,)
    row: Int64s,
) -> None:
    met = np.zeros(SLOTS, np.bool_)
    symbols = symbol_characters = characters = alphabetic = 0
    for word in range(words):
        length = ends[word] - starts[word]
        hashes[word] = prefix_hash(prefixes, powers, starts[word], ends[word])
        is_symbol = (kinds[word] & SYMBOL_WORD) != 0
        alphabetic += kinds[word] & ALPHABETIC_WORD
        symbols += is_symbol
        characters += length
        symbol_characters += length if is_symbol else 0
        slot = find_slot(stop_word_slots, SLOTS - 1, hashes[word])
        met[slot] |= stop_word_slots[slot] != _NONE
    row[_ALL_WORDS] = words
    row[_WORDS] = words - symbols
    row[_WORD_CHARACTERS] = characters - symbol_characters
    row[_ALPHABETIC_WORDS] = alphabetic
    row[_STOP_WORDS] = met.sum()


@kernel
def _count_lines(
    points: UInt32s,
    flags: UInt16s,
    prefixes: UInt64s,
    powers: UInt64s,
    characters: int,
    starts: Int32s,
    kinds: UInt8s,
    words: int,
    table: UInt64s,
    row: Int64s,
) -> None:
    mask = clear(table, min(row[_NEWLINES] + 1, _lines_with_characters(characters)))
    marks = np.zeros(KINDS, np.int64)
    word = short = spoken = 0
    after_blank = True
    begin = 0
    while begin <= characters:
        end = begin
        while end < characters and points[end] != NEWLINE:
            end += 1
        line_words = 0
        while word < words and starts[word] < end:
            line_words += kinds[word] & SYMBOL_WORD == 0
            word += 1
        first, last = begin, end - 1
        while first < end and flags[first] & SPACE:
            first += 1
        blank = first == end
        copied = end > begin and add(table, mask, prefix_hash(prefixes, powers, begin, end))
        row[_ALL_LINES] += end < characters or end > begin
        row[_GOPHER_LINES] += end > begin
        row[_DUPLICATE_LINES] += copied
        row[_DUPLICATE_LINE_CHARACTERS] += end - begin if copied else 0
        if not blank:
            while flags[last] & SPACE:
                last -= 1
            row[_LINES] += 1
            row[_LINE_CHARACTERS] += end - begin
            row[_PARAGRAPHS] += after_blank
            if end - begin <= SHORT_LINE_CHARACTERS:
                row[_SHORT_LINES] += 1
                short += end - begin
                if not ends_sentence(points, flags, first, last):
                    row[_FRAGMENT_CHARACTERS] += end - begin
                    spoken += end - begin if speaks(points, flags, first, last) else 0
            row[_SHORT_WORD_LINES] += line_words < SHORT_LINE_WORDS
            row[_TERMINAL_LINES] += _ends_with_mark(flags, first, last)
            row[_BULLET_LINES] += points[first] == _BULLET or points[first] == _HYPHEN
            row[_ELLIPSIS_LINES] += _ends_with_ellipsis(points, first, last)
            row[_FINEWEB_DUPLICATE_LINE_CHARACTERS] += end - begin if copied else 0
            row[_LIST_LINES] += begins_list(points, flags, first, end)
            count_marks(points, first, last + 1, marks)
            row[_JAVASCRIPT] += marks[JAVASCRIPT] > 0
            row[_POLICY] += marks[POLICY] > 0
            row[_BOILERPLATE] += marks[BOILERPLATE] > 0
            row[_MENU_LINES] += marks[SEPARATOR] >= FEWEST_MENU_SEPARATORS
            row[_LOREM] += marks[LOREM_IPSUM]
            row[_URL_CHARACTERS] += marks[URL]
        after_blank = blank
        begin = end + 1
    if (
        short * VERSE_OF >= row[_LINE_CHARACTERS] * VERSE_SHORT
    ):  # verse: a line that speaks vouches for one that does not
        row[_FRAGMENT_CHARACTERS] = max(0, row[_FRAGMENT_CHARACTERS] - 2 * spoken)
    # Splitting at runs of newlines gives an empty piece for a run at either end, and one piece for an empty text.
    empty_pieces = 1 if characters == 0 else 0
    if characters > 0:
        empty_pieces += points[0] == NEWLINE
        empty_pieces += points[characters - 1] == NEWLINE
    row[_GOPHER_LINES] += empty_pieces
    row[_DUPLICATE_LINES] += max(empty_pieces - 1, 0)


@kernel
def _ends_with_mark(flags: UInt16s, first: int, last: int) -> bool:
    """Whether a line ends with a sentence-end mark, closing quotes and brackets behind it looked through."""
    while last > first and flags[last] & (CLOSER | SPACE) and not flags[last] & TERMINAL:
        last -= 1
    return bool(flags[last] & TERMINAL)


@kernel
def _ends_with_ellipsis(points: UInt32s, first: int, last: int) -> bool:
    if points[last] == _ELLIPSIS:
        return True
    return last - first >= 2 and points[last] == _DOT and points[last - 1] == _DOT and points[last - 2] == _DOT


@kernel
def _count_paragraph_copies(
    points: UInt32s,
    flags: UInt16s,
    prefixes: UInt64s,
    powers: UInt64s,
    characters: int,
    table: UInt64s,
    row: Int64s,
) -> None:
    begin, end = 0, characters
    while begin < end and flags[begin] & SPACE:
        begin += 1
    while begin < end and flags[end - 1] & SPACE:
        end -= 1
    paragraphs, copies, copied_characters = duplicate_paragraphs(points, prefixes, powers, begin, end, table)
    row[_GOPHER_PARAGRAPHS] = paragraphs
    row[_GOPHER_PARAGRAPHS + 1] = copies
    row[_GOPHER_PARAGRAPHS + 2] = copied_characters
