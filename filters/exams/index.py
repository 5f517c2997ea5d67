"""The index of evaluation items: which grams are whose, as sorted arrays that all workers of a machine share.

Reads items; writes two files: the arrays (`index.arrow`, memory-mapped) and whose texts they are (`items.arrow`,
schema.EXAM_ITEMS). Parts of items that have the same letters, and units that begin in the same places, are one *text*:
"well known" and "wellknown" have other grams, though each is found in the other's pages.

A gram that stands in more than MAX_ITEMS items is a formula ("下列说法正确的是", "which of the following statements is
true about the") and left out, of the index and of every coverage. Items that are equal in all parts count once, and so do
all items about one passage for what stands in the passage.

Of a text of more than 2 × THINNED_ABOVE grams every second is kept, of more every third, at most every THINNED_TO-th: they
still overlap, and as large a share of them is found.

Look-up of a position of a document: a gram's anchor has three bits in one word of a filter that fits into a core's
cache, so nearly always it costs one hash and one word. What passes, 15 in 1,000, is looked for among the anchors, then
under the anchor's lengths among the hashes of the grams. Memory: some 40 bytes a gram; 24,000 questions have 700,000.

False matches: the anchor and the whole run must both have the hash of a gram, and the two are not independent where
they are equally long, so count on the anchor alone: a position matches by accident with a probability of at most
grams / 2^64. Over 10^13 positions and 10^7 grams that is 5 false grams; a hit is most of a text's grams.

Invariant: depends on the set of items; their order decides the numbers of texts alone.
"""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus import schema
from corpus.columns import numbers
from corpus.seeds import content_digest
from corpus.storage import ipc
from corpus.storage.digested_file import DigestedFile
from corpus.storage.named_arrays import open_arrays, write_arrays
from corpus.unicode.segmentation import Int64s, UInt16s, UInt32s, UInt64s, kernel
from filters.exams.grams import GramSettings, Windows, windows_of
from filters.exams.items import Item, Part

#: Part of the fingerprint of `decontaminate`: raise it with every change that can change a hit.
VERSION = 2

#: A gram in more items than this is no evidence.
MAX_ITEMS = 16

#: Neighbouring grams of a long text say nearly the same.
THINNED_ABOVE, THINNED_TO = 32, 4

_FILTER_BITS_PER_ANCHOR = 12

_Owner = tuple[int, Part]  # number of an item, and which part of it


class Grams(NamedTuple):
    """What the kernels read. An array of starts has one entry more than what it divides."""

    filter: UInt64s  # words with bits of anchors: `filter_word`, `filter_bits`
    directory: UInt32s  # (2^b + 1,) starts in `anchors` of each value of their upper b bits
    directory_shift: UInt64s  # (1,) 64 - b
    anchors: UInt64s  # sorted
    anchor_lengths: UInt32s  # starts in `lengths`
    lengths: UInt16s  # in letters, ascending under one anchor
    length_runs: UInt32s  # starts in `runs`
    runs: UInt64s  # a gram each: its hash, ascending under one length
    gram_texts: UInt32s  # starts in `texts`
    texts: UInt32s  # numbers of the texts that have the gram, ascending
    text_grams: UInt32s  # (texts,) how many grams a text has; 0: it cannot be matched


@dataclasses.dataclass(frozen=True, eq=False)
class ExamIndex:
    """Grams, and whose they are."""

    grams: Grams
    items: pa.Table  # schema.EXAM_ITEMS, ordered by text

    def write(self, index_url: str, items_url: str) -> tuple[DigestedFile, DigestedFile]:
        """Stores it where workers find it."""
        index = write_arrays(index_url, self.grams._asdict())
        items = ipc.write_table(items_url, self.items, schema.EXAM_ITEMS)
        return DigestedFile(index_url, index.digest), DigestedFile(items_url, items.digest)

    def items_of(self, text: int) -> list[tuple[str, str, str]]:
        """(exam, item, part) of everything that is a text."""
        first, last = (int(place) for place in self._first_rows[text : text + 2])
        rows = self.items.slice(first, last - first)
        return list(zip(*(rows[name].to_pylist() for name in ("exam", "item", "part")), strict=True))

    @functools.cached_property
    def _first_rows(self) -> Int64s:
        return np.searchsorted(numbers(self.items["text"]), np.arange(len(self.grams.text_grams) + 1))


@functools.lru_cache(maxsize=2)
def open_index(index_url: str, items_url: str) -> ExamIndex:
    """A stored index, memory-mapped where local; once a process."""
    items = ipc.open_table(items_url, schema.EXAM_ITEMS).combine_chunks()
    return ExamIndex(Grams(**open_arrays(index_url)), items)


def items_digest(items: Iterable[Item]) -> str:
    """Of everything that an index is made from."""
    digests = [
        content_digest(f"{item.exam}\0{item.id}\0{part}\0{text}".encode("utf-8", "surrogatepass"))
        for item in items
        for part, text in _texts_of(item)
    ]
    return content_digest(b"".join(digests)).hex()


def build_index(items: Sequence[Item], settings: GramSettings) -> ExamIndex:
    """The index of all grams of all parts."""
    # A piece is read once, however many items have it: those about one passage, and those that files repeat.
    numbers_of: dict[tuple[str, bool], int] = {}
    pieces_of: dict[_Owner, list[int]] = {}
    for number, item in enumerate(items):
        for part, text in _texts_of(item):
            # Only a question says something alone; a short answer or option is in any page.
            piece = numbers_of.setdefault((text, part is Part.QUESTION), len(numbers_of))
            pieces_of.setdefault((number, part), []).append(piece)
    whole = np.array([is_question for _, is_question in numbers_of], np.bool_)
    windows, identities = windows_of([text for text, _ in numbers_of], whole, settings)
    owners, pieces = _texts_and_owners(pieces_of, identities)
    grams = _grams(_windows_of_texts(windows, pieces, len(numbers_of)), _item_counts(owners))
    for array in grams:
        array.setflags(write=False)  # as arrays of a file are, which is another type to a kernel
    return ExamIndex(grams, _items_table(items, owners, grams.text_grams))


def _texts_of(item: Item) -> Iterator[tuple[Part, str]]:
    for part, texts in item.parts.items():
        for text in texts:
            yield part, text


def _texts_and_owners(
    pieces_of: dict[_Owner, list[int]], identities: UInt64s
) -> tuple[list[list[_Owner]], list[list[int]]]:
    """(text → whose it is, text → its pieces): what has the same letters and units is one text."""
    number_of: dict[tuple[bool, bytes], int] = {}
    owners: list[list[_Owner]] = []
    pieces: list[list[int]] = []
    for owner, mine in pieces_of.items():
        # A question may match as a whole, so it is another text than an answer of the same letters.
        key = owner[1] is Part.QUESTION, identities[mine].tobytes()
        number = number_of.setdefault(key, len(owners))
        if number == len(owners):
            owners.append([])
            pieces.append(mine)
        owners[number].append(owner)
    return owners, pieces


def _windows_of_texts(windows: Windows, pieces: list[list[int]], total: int) -> Windows:
    """The windows of each text in the order of its pieces, from those of `total` pieces in their order."""
    starts = np.searchsorted(windows.texts, np.arange(total + 1))
    chosen = np.array([piece for mine in pieces for piece in mine], np.int64)
    sizes = starts[chosen + 1] - starts[chosen]
    rows = np.repeat(starts[chosen] - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
    texts = np.repeat(np.arange(len(pieces), dtype=np.uint32), [len(mine) for mine in pieces])
    return windows.rows(rows)._replace(texts=np.repeat(texts, sizes))


def _item_counts(owners: list[list[_Owner]]) -> Int64s:
    """(texts,) for how many items a text counts: those that differ in any part, and one for a passage."""
    texts_of: dict[int, list[int]] = {}
    for text, its in enumerate(owners):
        for item, _ in its:
            texts_of.setdefault(item, []).append(text)
    contents = {item: tuple(sorted(texts)) for item, texts in texts_of.items()}
    return np.array(
        [len({contents[item] if part is not Part.PASSAGE else () for item, part in its}) for its in owners], np.int64
    )


def _grams(windows: Windows, item_counts: Int64s) -> Grams:
    """Windows, distinct and sorted, without those of too many items and those that thinning leaves out."""
    order = np.lexsort((windows.texts, windows.runs, windows.lengths, windows.anchors))
    anchors, lengths, runs, texts = windows.rows(order)
    new_gram = _changes(anchors) | _changes(lengths) | _changes(runs)
    new_text = new_gram | _changes(texts)  # else a text repeats the gram; the order is stable, so its first stays
    gram = np.cumsum(new_gram) - 1
    few = np.bincount(gram, np.where(new_text, item_counts[texts], 0), minlength=1) <= MAX_ITEMS
    rows = order[new_text & few[gram]]
    rows = rows[_not_thinned(windows.texts[rows], rows)]
    anchors, lengths, runs, texts = windows.rows(rows)

    first_texts = np.flatnonzero(_changes(anchors) | _changes(lengths) | _changes(runs))  # of each gram
    anchors, lengths, runs = anchors[first_texts], lengths[first_texts], runs[first_texts]
    first_runs = np.flatnonzero(_changes(anchors) | _changes(lengths))  # of each anchor and length
    first_lengths = np.flatnonzero(_changes(anchors[first_runs]))  # of each anchor
    distinct = anchors[first_runs][first_lengths]
    bits = np.uint64(max(1, len(distinct)).bit_length())
    shift = np.uint64(64) - bits
    return Grams(
        filter=_filter(distinct),
        directory=np.searchsorted(distinct >> shift, np.arange(2 ** int(bits) + 1)).astype(np.uint32),
        directory_shift=np.array([shift], np.uint64),
        anchors=distinct,
        anchor_lengths=_starts(first_lengths, len(first_runs)),
        lengths=lengths[first_runs],
        length_runs=_starts(first_runs, len(runs)),
        runs=runs,
        gram_texts=_starts(first_texts, len(texts)),
        texts=texts,
        text_grams=np.bincount(texts, minlength=len(item_counts)).astype(np.uint32),
    )


def _not_thinned(texts: UInt32s, places: Int64s) -> npt.NDArray[np.bool_]:
    """(len(texts),) whether a gram stays: of a text of many, every so many-th in the order of their places."""
    order = np.lexsort((places, texts))
    starts = np.flatnonzero(_changes(texts[order]))
    sizes = np.diff(np.append(starts, len(order)))
    rank = np.arange(len(order)) - np.repeat(starts, sizes)
    strides = np.clip(sizes // THINNED_ABOVE, 1, THINNED_TO)
    stays = np.empty(len(order), np.bool_)
    stays[order] = rank % np.repeat(strides, sizes) == 0
    return stays


def _changes(values: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.bool_]:
    """(len,) whether a value is another than the one before it."""
    return np.concatenate((np.ones(min(1, len(values)), np.bool_), values[1:] != values[:-1]))


def _starts(firsts: Int64s, total: int) -> UInt32s:
    return np.append(firsts, total).astype(np.uint32)


@kernel
def filter_word(anchor: np.uint64, words: int) -> np.uint64:
    """Which word of a filter of so many words has an anchor's bits: by its upper half."""
    return ((anchor >> np.uint64(32)) * np.uint64(words)) >> np.uint64(32)


@kernel
def filter_bits(anchor: np.uint64) -> np.uint64:
    """Which bits of the word an anchor sets: three places of six bits from its lower half."""
    one, low = np.uint64(1), np.uint64(63)
    first, second = anchor & low, (anchor >> np.uint64(6)) & low
    return (one << first) | (one << second) | (one << ((anchor >> np.uint64(12)) & low))


@kernel
def _set_bits(anchors: UInt64s, words: UInt64s) -> None:
    for anchor in anchors:
        words[filter_word(anchor, len(words))] |= filter_bits(anchor)


def _filter(anchors: UInt64s) -> UInt64s:
    words = np.zeros(len(anchors) * _FILTER_BITS_PER_ANCHOR // 64 + 1, np.uint64)
    _set_bits(anchors, words)
    return words


def _items_table(items: Sequence[Item], owners: list[list[_Owner]], text_grams: UInt32s) -> pa.Table:
    rows = [(text, items[number], part) for text, its in enumerate(owners) for number, part in its]
    columns = [
        [text for text, _, _ in rows],
        [item.exam for _, item, _ in rows],
        [item.id for _, item, _ in rows],
        [part.value for _, _, part in rows],
        [int(text_grams[text]) for text, _, _ in rows],
    ]
    return pa.table(dict(zip(schema.EXAM_ITEMS.names, columns, strict=True)), schema=schema.EXAM_ITEMS)
