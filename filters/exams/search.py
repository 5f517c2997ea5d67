"""Which evaluation items a document contains, how much of them, and where: compiled search for the grams of an index.

Reads a string array and an index (filters.exams.index); returns matches, document by document. Nothing is judged: a match
says how large a share of a text's grams was found, and `select` has the threshold.

Cost: reading the letters, 2.5 ns a byte, and one hash and one bit for each unit; documents with a gram in them are read
again. Memory: 12 bytes a byte of the longest text; 20 bytes a byte of one that has a gram.

- **Coverage** of a text in a document: distinct grams found of the text's grams in the index. Below LEAST_COVERAGE it is
  no match at all.
- **Place**: found grams of a text that overlap, or have at most BRIDGED_LETTERS letters between them, are one range, from
  the first letter's first byte to the last letter's end with the punctuation that follows. A text that stands twice in a
  document has two.

Invariant: matches depend on the document and the index alone, in the order of (place, exam, item, part).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.unicode import code_points, letters
from corpus.unicode.code_points import SPACE
from corpus.unicode.letters import Place, hash_run, place_letters, read_letters
from corpus.unicode.segmentation import Int32s, Int64s, UInt8s, UInt32s, UInt64s, kernel, longest, utf8_buffers
from filters.exams.grams import LONGEST_RUN, GramSettings, anchor_letters
from filters.exams.index import ExamIndex, Grams, build_index, filter_bits, filter_word
from filters.exams.items import Item, Part

#: Part of the fingerprint of `decontaminate`: raise it with every change that can change a match.
VERSION = 1

#: What is stored of a text that is hardly there.
LEAST_COVERAGE = 0.1
#: Letters between found grams of a text that still belong to it: a changed word, an inserted line.
BRIDGED_LETTERS = 100


class Match(NamedTuple):
    """A part of an item that a document contains, in one place."""

    exam: str
    item: str
    part: str
    coverage: float  # of the part's grams, anywhere in the document
    begin: int  # bytes of the document's UTF-8
    end: int


def find_items(texts: pa.Array, index: ExamIndex) -> dict[int, list[Match]]:
    """Row → its matches, for rows that have any.

    Raises TypeError where `texts` is no string array, ValueError for a null.
    """
    data, offsets = utf8_buffers(texts)
    table, powers = letters.load(), letters.powers(LONGEST_RUN)
    size = longest(offsets) + 1
    prefixes, units = np.empty(size, np.uint64), np.empty(size, np.uint32)
    counts = np.zeros(len(texts), np.int64)
    _count_all(data, offsets, table.folds, table.expansions, powers, index.grams, prefixes, units, counts)
    found: dict[int, list[Match]] = {}
    for row in np.flatnonzero(counts).tolist():
        begin, end = offsets[row], offsets[row + 1]
        total, number = read_letters(data, begin, end, table.folds, table.expansions, prefixes, units)
        firsts, lengths, grams = (np.empty(counts[row], np.int64) for _ in range(3))
        _find(prefixes, units, total, number, powers, index.grams, firsts, lengths, grams)
        ranges = _text_ranges(firsts, lengths, grams, index.grams)
        if ranges:
            begins, ends = np.empty(total, np.int32), np.empty(total, np.int32)
            place_letters(data, begin, end, table.folds, table.expansions, begins, ends, _spaces())
            found[row] = _matches(ranges, begins, ends, index)
    return found


def warm_up() -> None:
    """Compiles the kernels, or loads them from Numba's cache: once per process, before the work is timed."""
    text = "The warm-up of a kernel that is compiled once, before the workers start with what they have to do."
    index = build_index([Item("warm-up", "0", {Part.QUESTION: (text,)})], GramSettings())
    find_items(pa.array([text], pa.large_string()), index)


# ------------------------------------------------------------------------------------------------ places of texts


class _Range(NamedTuple):
    """Letters [first, last) of a document that are of a text."""

    text: int
    coverage: float
    first: int
    last: int


def _text_ranges(firsts: Int64s, lengths: Int64s, grams: Int64s, index: Grams) -> list[_Range]:
    """The texts that reach LEAST_COVERAGE, with their ranges; found gram i is `lengths[i]` letters from `firsts[i]`."""
    starts = index.gram_texts[grams].astype(np.int64)
    owners = index.gram_texts[grams + 1].astype(np.int64) - starts
    each = np.repeat(np.arange(len(grams)), owners)
    texts = index.texts[np.repeat(starts - np.cumsum(owners) + owners, owners) + np.arange(len(each))]
    distinct = np.unique(np.stack((texts.astype(np.int64), grams[each])), axis=1)
    candidates, found = np.unique(distinct[0], return_counts=True)
    coverages = found / index.text_grams[candidates]
    ranges: list[_Range] = []
    order = np.lexsort((firsts[each], texts))
    places = each[order]
    texts = texts[order]
    for text, coverage in zip(candidates.tolist(), coverages.tolist(), strict=True):
        if coverage < LEAST_COVERAGE:
            continue
        mine = places[np.searchsorted(texts, text) : np.searchsorted(texts, text, side="right")]
        begins, ends = firsts[mine], np.maximum.accumulate(firsts[mine] + lengths[mine])
        apart = np.flatnonzero(begins[1:] > ends[:-1] + BRIDGED_LETTERS) + 1
        edges = [0, *apart.tolist(), len(mine)]
        ranges += [_Range(text, coverage, int(begins[first]), int(ends[last - 1])) for first, last in pairwise(edges)]
    return ranges


def _matches(ranges: Sequence[_Range], begins: Int32s, ends: Int32s, index: ExamIndex) -> list[Match]:
    """A match for each part that has the text, in the order of places."""
    return sorted(
        (
            Match(exam, item, part, each.coverage, int(begins[each.first]), int(ends[each.last - 1]))
            for each in ranges
            for exam, item, part in index.items_of(each.text)
        ),
        key=lambda match: (match.begin, match.end, match.exam, match.item, match.part),
    )


def _spaces() -> npt.NDArray[np.bool_]:
    return (code_points.load().classes & SPACE) != 0


# ------------------------------------------------------------------------------------------------ kernels


@kernel
def _count_all(
    data: UInt8s,
    offsets: Int64s,  # (documents + 1,)
    folds: UInt32s,
    expansions: UInt32s,
    powers: UInt64s,
    index: Grams,
    prefixes: UInt64s,  # scratch
    units: UInt32s,  # scratch
    counts: Int64s,  # out, (documents,): grams found, repeated ones counted again
) -> None:
    nothing = np.empty(0, np.int64)
    for document in range(len(counts)):
        total, number = read_letters(data, offsets[document], offsets[document + 1], folds, expansions, prefixes, units)
        counts[document] = _find(prefixes, units, total, number, powers, index, nothing, nothing, nothing)


@kernel
def _find(
    prefixes: UInt64s,
    units: UInt32s,
    total: int,  # letters
    number: int,  # of units
    powers: UInt64s,
    index: Grams,
    firsts: Int64s,  # out, as many as there is room for: where a gram begins, in letters
    lengths: Int64s,  # out
    grams: Int64s,  # out: which one
) -> int:
    """Returns how many grams were found."""
    count = 0
    for unit in range(number):
        first = np.int64(units[unit] >> 1)
        reach = anchor_letters(units[unit])
        if first + reach > total:
            continue
        anchor = hash_run(prefixes, first, reach, powers)
        bits = filter_bits(anchor)
        if index.filter[filter_word(anchor, len(index.filter))] & bits == bits:
            count = _find_at(prefixes, first, anchor, total, powers, index, firsts, lengths, grams, count)
    return count


@kernel
def _find_at(
    prefixes: UInt64s,
    first: Place,
    anchor: np.uint64,
    total: int,
    powers: UInt64s,
    index: Grams,
    firsts: Int64s,
    lengths: Int64s,
    grams: Int64s,
    count: int,  # found before
) -> int:
    """The grams with this anchor that the letters from `first` on are."""
    value = anchor >> index.directory_shift[0]
    row = np.int64(index.directory[value])
    last_row = np.int64(index.directory[value + np.uint64(1)])
    while row < last_row and index.anchors[row] < anchor:
        row += 1
    if row == last_row or index.anchors[row] != anchor:
        return count
    for place in range(index.anchor_lengths[row], index.anchor_lengths[row + 1]):
        length = np.int64(index.lengths[place])
        if first + length > total:
            break
        run = hash_run(prefixes, first, length, powers)
        low, high = np.int64(index.length_runs[place]), np.int64(index.length_runs[place + 1])
        end = high
        while low < high:
            middle = (low + high) >> 1
            if index.runs[middle] < run:
                low = middle + 1
            else:
                high = middle
        if low < end and index.runs[low] == run:
            if count < len(grams):
                firsts[count] = first
                lengths[count] = length
                grams[count] = low
            count += 1
    return count
