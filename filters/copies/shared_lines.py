"""Lines that many documents share: what stands around the texts of a site on each of its pages.

`measure_lines` reads a string array and gives, per text, its lines with enough letters: a 64-bit hash of each and its place.
What follows is arithmetic on arrays of such lines: `count_documents` says how many documents have each, `shared` which of
them have too many, `cut_ranges` what is cut of a text so that they go.

- **A line** is what stands between line feeds; a text in normal form has one for each paragraph, list item and heading.
- **Its form** is its letters and digits alone, as corpus.unicode.letters folds them (without case, width, accents and variants),
  every ASCII digit 0: `Page 3 of 17 »` is `page 14 of 20`. Lines of one form are one line.
- **Its weight** is the number of its letters without digits; one of a script without spaces, or a syllable of hangul, counts
  twice, since it says about as much. Lines below the least weight are never compared: headings, `|---|---|`, numbers.
- A cut takes the line with the line feeds before or after it, the fewer of them, so the longer separation stays: no blank
  line is left over, and no two paragraphs become one.

Cost: 10 ns a byte to measure, and a sort of 8 bytes a line where they are counted. Memory: 32 bytes a line.
Source: whole lines or paragraphs by hash as CCNet (Wenzek et al. 2020, arXiv:1911.00359: lower case, digits as 0, punctuation out),
which cuts what it has seen before anywhere; counting documents, by site and from a number of them on, is ours.
"""

import dataclasses

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import numbers
from corpus.unicode import letters
from corpus.unicode.letters import SEPARATOR, SEVERAL, SINGLE, VANISHES, next_point
from corpus.unicode.segmentation import Int32s, Int64s, UInt8s, UInt32s, UInt64s, kernel, mix64, utf8_buffers
from filters.copies.duplicates import Documents

#: Part of the fingerprint of `lines`: raise it with every change that can change a hash or a place.
VERSION = 1

#: Lines of a document that are compared; those behind them never are, and stay.
MOST_LINES = 10_000

_POINT = np.uint32((1 << 21) - 1)
_FACTOR = np.uint64(0xD1342543DE82EF95)
_LINE_FEED, _SPACE = np.uint8(0x0A), np.uint8(0x20)
_DIGIT_0, _DIGIT_9 = np.uint32(0x30), np.uint32(0x39)
_HANGUL_FIRST, _HANGUL_LAST = np.uint32(0xAC00), np.uint32(0xD7A3)


@dataclasses.dataclass(frozen=True)
class Lines:
    """Lines of some documents, in their order; (lines,) each. Places are bytes of the document's UTF-8."""

    document: Int32s  # row of the document, ascending
    hash: UInt64s
    begin: UInt32s
    end: UInt32s  # without the line feed
    before: UInt32s  # bytes between the line before that is not blank, or the text's begin, and this one
    after: UInt32s  # bytes up to the next line that is not blank, or the text's end
    characters: UInt32s

    def take(self, rows: NDArray[np.int64]) -> "Lines":
        return Lines(*(getattr(self, field.name)[rows] for field in dataclasses.fields(self)))


@dataclasses.dataclass(frozen=True)
class Cuts:
    """Ranges of bytes that are cut, in order; (cuts,) each."""

    document: Int64s  # row of the document
    begin: Int64s
    end: Int64s
    lines: Int64s  # how many of them it takes
    characters: Int64s  # of these lines


def measure_lines(texts: pa.Array, weight: int) -> pa.Array:
    """(texts,) of schema.LINES' `lines`: the lines of at least this weight, at most MOST_LINES of a text.

    Raises TypeError where `texts` is no string array, ValueError for a null.
    """
    data, offsets = utf8_buffers(texts)
    most = int(np.count_nonzero(data[offsets[0] : offsets[-1]] == _LINE_FEED)) + len(texts)
    hashes = np.empty(most, np.uint64)
    places = np.empty((5, most), np.uint32)
    ends = np.zeros(len(texts) + 1, np.int32)
    table = letters.load()
    found = _measure(data, offsets, table.folds, table.expansions, weight, hashes, places, ends)
    of = schema.LINES.field("lines").type
    columns = [pa.array(hashes[:found]), *(pa.array(column[:found]) for column in places)]
    return pa.ListArray.from_arrays(pa.array(ends), pa.StructArray.from_arrays(columns, fields=list(of.value_type)), of)


def lines_of(column: pa.ChunkedArray) -> Lines:
    """The lines of a column `lines`, uncopied where it is one chunk."""
    lists = column.combine_chunks()
    flat = lists.flatten()
    document = np.repeat(np.arange(len(lists), dtype=np.int32), numbers(lists.value_lengths()))
    places = (numbers(flat.field(name)) for name in ("begin", "end", "before", "after", "characters"))
    return Lines(document, numbers(flat.field("hash")), *places)


def count_documents(keys: UInt64s, document: Int32s) -> tuple[UInt64s, UInt32s]:
    """(each key once, ascending; how many documents have it): one that has it twice counts once.

    `document` ascends: the rows of one stand together.
    """
    distinct = np.sort(_distinct(keys, np.append(np.flatnonzero(_differs(document)), len(document))))
    starts = np.flatnonzero(_differs(distinct))
    return distinct[starts], np.diff(np.append(starts, len(distinct))).astype(np.uint32)


def shared(keys: UInt64s, documents: UInt32s, limit: int) -> NDArray[np.bool_]:
    """(rows,) whether the documents of all rows with the same key are at least `limit`."""
    order = np.argsort(keys)
    starts = np.flatnonzero(_differs(keys[order]))
    many = np.zeros(len(keys), np.bool_)
    if len(starts):
        sums = np.add.reduceat(documents[order], starts, dtype=np.uint64)
        many[order] = np.repeat(sums >= limit, np.diff(np.append(starts, len(keys))))
    return many


def preferred(keys: UInt64s, documents: Documents) -> Int64s:
    """Rows of the preferred document of each key, by ascending key; `documents` stand row for row beside the keys."""
    order = documents.order(keys)
    return order[_differs(keys[order])]


def is_among(keys: UInt64s, known: UInt64s) -> NDArray[np.bool_]:
    """(keys,) whether each is one of the known ones."""
    return _is_among(keys, known, np.zeros(1 << max(4, (2 * len(known)).bit_length()), np.int64))


def cut_ranges(lines: Lines, sizes: NDArray[np.integer]) -> Cuts:
    """What is cut so that these lines go; `sizes` are the bytes of every document, by row. Lines that follow each other are one cut."""
    document, begin, end, before, after, characters = (
        getattr(lines, name).astype(np.int64) for name in ("document", "begin", "end", "before", "after", "characters")
    )
    follows = (np.diff(document, prepend=-1) == 0) & (np.roll(end + after, 1) == begin)
    starts = np.flatnonzero(~follows)
    lasts = np.append(starts, len(follows))[1:] - 1
    document, begin, end, before, after = document[starts], begin[starts], end[lasts], before[starts], after[lasts]
    at_begin = before == begin  # a line that is not blank would have a byte
    at_end = end + after == sizes[document]
    takes_after = at_begin | (~at_end & (after < before))
    takes_before = at_begin | at_end | ~takes_after
    return Cuts(
        document,
        np.where(takes_before, begin - before, begin),
        np.where(takes_after | at_end, end + after, end),
        lasts - starts + 1,
        np.add.reduceat(characters, starts) if len(starts) else characters,
    )


def mixed_with(hashes: UInt64s, sites: UInt64s) -> UInt64s:
    """A key of each line on its site."""
    return _mix(hashes, sites)


def warm_up() -> None:
    """Compiles the kernels, or loads them from Numba's cache: once per process, before the work is timed."""
    measure_lines(pa.array(["The warm-up."], pa.large_string()), 1)
    one = np.zeros(1, np.uint64)
    is_among(mixed_with(one, one), count_documents(one, np.zeros(1, np.int32))[0])


def _differs(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """(rows,) whether a row is the first or another than the one before it."""
    differs = np.ones(len(values), np.bool_)
    differs[1:] = values[1:] != values[:-1]
    return differs


@kernel
def _distinct(keys: UInt64s, bounds: Int64s) -> UInt64s:
    """The keys of each document once; `bounds` (documents + 1,) says where the rows of each begin."""
    distinct = np.empty(len(keys), np.uint64)
    count = 0
    for document in range(len(bounds) - 1):
        mine = np.sort(keys[bounds[document] : bounds[document + 1]])
        for row in range(len(mine)):
            if row == 0 or mine[row] != mine[row - 1]:
                distinct[count] = mine[row]
                count += 1
    return distinct[:count]


@kernel
def _is_among(keys: UInt64s, known: UInt64s, table: Int64s) -> NDArray[np.bool_]:
    """`table` (a power of two, over twice the known) is 0: it becomes 1 + the place of the known key that is there."""
    mask = np.uint64(len(table) - 1)
    for place in range(len(known)):
        slot = mix64(known[place]) & mask
        while table[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = place + 1
    found = np.zeros(len(keys), np.bool_)
    for row in range(len(keys)):
        slot = mix64(keys[row]) & mask
        while table[slot] != 0:
            if known[table[slot] - 1] == keys[row]:
                found[row] = True
                break
            slot = (slot + np.uint64(1)) & mask
    return found


@kernel
def _mix(hashes: UInt64s, sites: UInt64s) -> UInt64s:
    mixed = np.empty(len(hashes), np.uint64)
    for row in range(len(hashes)):
        mixed[row] = mix64(hashes[row] ^ mix64(sites[row]))
    return mixed


@kernel
def _measure(
    data: UInt8s,
    offsets: Int64s,  # (texts + 1,)
    folds: UInt32s,
    expansions: UInt32s,
    least: int,  # weight
    hashes: UInt64s,  # out, (lines,)
    places: UInt32s,  # out, (5, lines): begin, end, before, after, characters
    ends: Int32s,  # out, (texts + 1,): lines of the texts up to each
) -> int:
    """Returns how many lines there are."""
    count = 0
    for text in range(len(offsets) - 1):
        first, stop = offsets[text], offsets[text + 1]
        before = first  # end of the last line that is not blank
        waiting = -1  # line whose `after` is not known yet
        begin = first
        while begin < stop:
            end = begin
            while end < stop and data[end] != _LINE_FEED:
                end += 1
            if _is_blank(data, begin, end):
                begin = end + 1
                continue
            if waiting >= 0:
                places[3, waiting] = begin - before
                waiting = -1
            value, weight, characters = _form_of(data, begin, end, folds, expansions)
            if weight >= least and count - ends[text] < MOST_LINES:
                hashes[count] = value
                places[0, count], places[1, count] = begin - first, end - first
                places[2, count], places[4, count] = begin - before, characters
                waiting = count
                count += 1
            before = end
            begin = end + 1
        if waiting >= 0:
            places[3, waiting] = stop - before
        ends[text + 1] = count
    return count


@kernel
def _is_blank(data: UInt8s, begin: int, end: int) -> bool:
    for i in range(begin, end):  # noqa: SIM110 - Numba has no generators in all()
        if data[i] > _SPACE:
            return False
    return True


@kernel
def _form_of(data: UInt8s, begin: int, end: int, folds: UInt32s, expansions: UInt32s) -> tuple[np.uint64, int, int]:
    """(hash of the form, weight, characters) of a line."""
    value = np.uint64(0)
    weight = 0
    characters = 0
    i = begin
    while i < end:
        point, i = next_point(data, i, end)
        characters += 1
        fold = folds[point]
        if fold <= VANISHES:
            continue
        place = fold & _POINT
        while True:
            letter = expansions[place] if fold & SEVERAL else fold
            if letter == SEPARATOR:
                break
            if _DIGIT_0 <= letter <= _DIGIT_9:
                letter = _DIGIT_0
            else:
                weight += 2 if letter & SINGLE or _HANGUL_FIRST <= letter <= _HANGUL_LAST else 1
            value = value * _FACTOR + np.uint64(letter & _POINT)
            place += np.uint32(1)
            if not fold & SEVERAL:
                break
    return mix64(value), weight, characters
