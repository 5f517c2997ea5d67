"""How good deduplication was: exact similarities of texts, and what samples of them say of all documents.

The shingles are those that signatures are made of (filters.minhash), each counted once, as sets of 32-bit hashes: of two texts of
1,000 shingles one in 4,000 pairs has two that fall together.

    Jaccard = shared / either        containment of a text in another = shared / its own

**Precision** at a similarity s: the share of removed near-duplicates whose Jaccard similarity with their representative is ≥ s.
**Recall** at s: of the documents that are copies at s of a kept document that is preferred to them, the share that is not kept
itself. Both are taken from samples of documents, each drawn without replacement:

    p   share of sampled removed documents of Jaccard ≥ s with their representative             (R removed in all)
    m   share of sampled kept documents with a preferred kept one of Jaccard ≥ s: *missed*      (K kept in all)
    precision = p        recall = R p / (R p + K m)

`ShingleIndex` looks for the partners of the sampled kept documents among all kept ones exactly, by an inverted index of the
sample's shingles: no band, no signature, no pair that could be overlooked.

Intervals are Wilson's (1927), of 95 %, the sample counted as n (N − 1) / (N − n) of N where it is a large part of them (Cochran,
Sampling Techniques, 2.6), so that a sample of all is exact. That of recall takes both of its shares at the ends of their 97.5 %
intervals (Bonferroni), so it covers at least 95 %.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.text.segmentation import Int64s, UInt32s, kernel
from filters.minhash import SHINGLE, flat_shingle_hashes, shingle_hashes

Int32s = NDArray[np.int32]

#: Two-sided quantiles of the normal distribution.
Z_95, Z_97_5 = 1.959964, 2.241403


@dataclass(frozen=True)
class Overlap:
    """Shingles of two texts, each counted once."""

    shared: int
    first: int
    second: int

    @property
    def jaccard(self) -> float:
        """0 for two texts without shingles: they are never compared."""
        return self.shared / max(1, self.first + self.second - self.shared)

    @property
    def of_first(self) -> float:
        """Containment of the first text in the second."""
        return self.shared / max(1, self.first)

    @property
    def of_second(self) -> float:
        return self.shared / max(1, self.second)


def shingle_set(text: str, shingle: int = SHINGLE) -> UInt32s:
    """The hashes of a text's shingles, ascending, each once."""
    return np.unique(shingle_hashes(text, shingle))


def overlap(first: UInt32s, second: UInt32s) -> Overlap:
    """Of two results of `shingle_set`."""
    shared = np.intersect1d(first, second, assume_unique=True)
    return Overlap(len(shared), len(first), len(second))


@dataclass(frozen=True)
class Share:
    """A share of `of` sampled documents, and the interval in which that of all documents lies."""

    value: float
    low: float
    high: float
    of: int


def share(hits: int, sampled: int, population: int, z: float = Z_95) -> Share | None:
    """The share of a population of which `hits` of `sampled` were found; None where nothing was sampled.

    Raises ValueError unless 0 ≤ hits ≤ sampled ≤ population.
    """
    if not 0 <= hits <= sampled <= population:
        raise ValueError(f"hits, sampled and population must ascend from 0: {hits}, {sampled}, {population}")
    if sampled == 0:
        return None
    value = hits / sampled
    if sampled == population:
        return Share(value, value, value, sampled)
    trials = sampled * (population - 1) / (population - sampled)
    scale = 1 + z * z / trials
    middle = (value + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(value * (1 - value) / trials + z * z / (4 * trials * trials))
    return Share(value, max(0.0, min(value, middle - half)), min(1.0, max(value, middle + half)), sampled)


def recall(removed: tuple[int, int, int], missed: tuple[int, int, int]) -> Share | None:
    """Recall from (hits, sampled, population) of the removed documents that are copies, and of the kept ones that are.

    None where there is no copy among either sample, or one of them is empty though its population is not.
    """
    (_, looked_at, all_removed), (_, looked_at_kept, all_kept) = removed, missed
    right, left = share(*removed, z=Z_97_5), share(*missed, z=Z_97_5)
    if (right is None and all_removed) or (left is None and all_kept):
        return None
    right, left = right or Share(0, 0, 0, 0), left or Share(0, 0, 0, 0)

    def of(found: float, missing: float) -> float:
        return all_removed * found / copies if (copies := all_removed * found + all_kept * missing) else 1.0

    if not right.value and not left.value:
        return None
    return Share(
        of(right.value, left.value), of(right.low, left.high), of(right.high, left.low), looked_at + looked_at_kept
    )


class ShingleIndex:
    """Which texts of a sample hold a shingle. Memory: some 24 bytes a shingle of the sample."""

    def __init__(self, sets: Sequence[UInt32s]) -> None:
        """`sets`: results of `shingle_set`."""
        self.sizes = np.array([len(each) for each in sets], np.int64)  # (texts,)
        hashes = np.concatenate([*sets, np.empty(0, np.uint32)])
        order = np.argsort(hashes, kind="stable")
        self._holders = np.repeat(np.arange(len(sets), dtype=np.int32), self.sizes)[order]
        self._keys, begins = np.unique(hashes[order], return_index=True)
        self._begins = np.append(begins, len(hashes)).astype(np.int64)
        # Hashes are even over their range: of those with one beginning, about half of one is there.
        bits = max(1, (2 * len(self._keys)).bit_length())
        self._shift = np.uint32(32 - bits)
        firsts = np.arange((1 << bits) + 1, dtype=np.uint64) << np.uint64(self._shift)
        self._directory = np.searchsorted(self._keys.astype(np.uint64), firsts).astype(np.int64)

    def alike(
        self, texts: pa.Array, least: float, shingle: int = SHINGLE
    ) -> tuple[Int64s, Int64s, NDArray[np.float64]]:
        """(rows of `texts`, numbers of the sample's sets, Jaccard similarities) of all pairs that are at least `least` alike.

        A text of the sample meets itself. Raises ValueError unless 0 < least ≤ 1.
        """
        if not 0 < least <= 1:
            raise ValueError(f"least must be over 0 and at most 1, not {least}")
        hashes, begins = flat_shingle_hashes(texts, shingle)
        # Jaccard ≥ s takes s of the sample's own shingles; the rest is looked at where that is there. The 1e-9 is for
        # products like 0.7 * 10 = 7.000000000000001.
        enough = np.maximum(1, np.ceil(self.sizes * least - 1e-9)).astype(np.int32)
        rows, numbers, shared = _count_shared(
            hashes, begins, self._keys, self._directory, self._shift, self._begins, self._holders, enough
        )
        own = {row: len(np.unique(hashes[begins[row] : begins[row + 1]])) for row in np.unique(rows).tolist()}
        sizes = np.array([own[row] for row in rows.tolist()], np.int64)
        jaccard = shared / np.maximum(1, self.sizes[numbers] + sizes - shared)
        found = np.flatnonzero(jaccard >= least)
        return rows[found], numbers[found], jaccard[found]


@kernel
def _count_shared(
    hashes: UInt32s,
    begins: Int64s,  # (texts + 1,)
    keys: UInt32s,  # ascending
    directory: Int64s,  # where in `keys` hashes with a beginning begin
    shift: np.uint32,
    holder_begins: Int64s,  # (keys + 1,)
    holders: Int32s,
    enough: Int32s,  # (sample,) shared shingles from which a pair is told
) -> tuple[Int64s, Int64s, Int64s]:
    """(texts, numbers of the sample, shared shingles) of pairs that share enough."""
    rows, numbers, shared = np.empty(256, np.int64), np.empty(256, np.int64), np.empty(256, np.int64)
    found = 0
    counts = np.zeros(len(enough), np.int32)
    touched = np.empty(len(enough), np.int64)
    last = np.full(len(keys), -1, np.int64)  # the text that held a key last: a repeated shingle counts once
    for row in range(len(begins) - 1):
        met = 0
        for at in range(begins[row], begins[row + 1]):
            value = hashes[at]
            beginning = np.int64(value >> shift)
            for place in range(directory[beginning], directory[beginning + 1]):
                if keys[place] != value:
                    continue
                if last[place] != row:
                    last[place] = row
                    for holder in range(holder_begins[place], holder_begins[place + 1]):
                        number = holders[holder]
                        if counts[number] == 0:
                            touched[met] = number
                            met += 1
                        counts[number] += 1
                break
        for at in range(met):
            number = touched[at]
            if counts[number] >= enough[number]:
                if found == len(rows):
                    rows, numbers, shared = _doubled(rows), _doubled(numbers), _doubled(shared)
                rows[found], numbers[found], shared[found] = row, number, counts[number]
                found += 1
            counts[number] = 0
    return rows[:found], numbers[:found], shared[:found]


@kernel
def _doubled(values: Int64s) -> Int64s:
    longer = np.empty(2 * len(values), np.int64)
    longer[: len(values)] = values
    return longer
