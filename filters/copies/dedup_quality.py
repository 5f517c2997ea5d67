"""How good deduplication was: exact similarities of texts, and what samples of them say of all documents.

The shingles are those that signatures are made of (filters.copies.minhash), each counted once, as sets of 32-bit hashes: of two texts of
1,000 shingles one in 4,000 pairs has two that fall together.

    Jaccard = shared / either        containment of a text in another = shared / its own

**Precision** at a similarity s: the share of removed near-duplicates whose Jaccard similarity with their representative is ≥ s.
**Recall** at s: of the documents that are copies at s of a kept document that is preferred to them, the share that is not kept
itself. Both are taken from samples of documents, each drawn without replacement:

    p   share of sampled removed documents of Jaccard ≥ s with their representative             (R removed in all)
    m   share of sampled kept documents with a preferred kept one of Jaccard ≥ s: *missed*      (K kept in all)
    precision = p        recall = R p / (R p + K m)

`ShingleIndex` looks for the partners of the sampled kept documents among all kept ones exactly: an inverted index holds
such a part of the sample's shingles that every pair at s shares some of it (prefix filtering, Chaudhuri et al. 2006, with any part in
place of the rarest); who shares enough is compared shingle by shingle. No band, no signature, no pair that could be overlooked.

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

from corpus.unicode.segmentation import Int64s, UInt8s, UInt32s, kernel
from filters.copies.minhash import SHINGLE, flat_shingle_hashes, shingle_hashes

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
    """Which texts of a sample are like others. Memory: some 16 bytes a shingle of the sample."""

    def __init__(self, sets: Sequence[UInt32s], least: float) -> None:
        """`sets`: results of `shingle_set`; `least`: the Jaccard similarity from which pairs are looked for.

        Raises ValueError unless 0 < least ≤ 1.
        """
        if not 0 < least <= 1:
            raise ValueError(f"least must be over 0 and at most 1, not {least}")
        self._least = least
        sizes = np.array([len(each) for each in sets], np.int64)  # (texts,)
        self._hashes = np.concatenate([*sets, np.empty(0, np.uint32)])
        self._set_begins = np.append(0, np.cumsum(sizes))
        # A pair of Jaccard ≥ s shares s of either set. So of any part of the one, more than what it may do without, some are shared:
        # a part half as large again is looked up, evenly over the hashes, and who shares a third of it is compared. The
        # 1e-9 is for products like 0.7 * 10 = 7.000000000000001.
        spare = sizes - np.ceil(sizes * least - 1e-9).astype(np.int64)
        indexed = np.minimum(sizes, spare + np.maximum(1, spare // 2))
        self._enough = (indexed - spare).astype(np.int32)
        parts = [each[np.arange(count) * len(each) // max(1, count)] for each, count in zip(sets, indexed, strict=True)]
        hashes = np.concatenate([*parts, np.empty(0, np.uint32)])
        order = np.argsort(hashes, kind="stable")
        self._holders = np.repeat(np.arange(len(sets), dtype=np.int32), indexed)[order]
        self._keys, begins = np.unique(hashes[order], return_index=True)
        self._begins = np.append(begins, len(hashes)).astype(np.int64)
        # Hashes are even over their range: of those with one beginning, about half of one is there.
        bits = max(1, (2 * len(self._keys)).bit_length())
        self._shift = 32 - bits
        firsts = np.arange((1 << bits) + 1, dtype=np.uint64) << np.uint64(self._shift)
        self._directory = np.searchsorted(self._keys.astype(np.uint64), firsts).astype(np.uint32)
        # A bit for each longer beginning says whether any is there: it fits into a core's cache, the directory does not.
        self._filter_shift = max(0, self._shift - 3)
        self._filter = np.zeros((1 << 32 - self._filter_shift) // 8 + 1, np.uint8)
        places = self._keys >> np.uint32(self._filter_shift)
        np.bitwise_or.at(self._filter, places >> np.uint32(3), np.uint8(1) << (places & np.uint32(7)).astype(np.uint8))

    def alike(self, texts: pa.Array, shingle: int = SHINGLE) -> tuple[Int64s, Int64s, NDArray[np.float64]]:
        """(rows of `texts`, numbers of the sample's sets, Jaccard similarities) of all pairs that are alike enough.

        A text of the sample meets itself.
        """
        hashes, begins = flat_shingle_hashes(texts, shingle)
        rows, numbers, shared, either = _find_alike(
            hashes, begins, self._filter, self._filter_shift, self._keys, self._directory, self._shift, self._begins,
            self._holders, self._enough, self._hashes, self._set_begins,
        )  # fmt: skip
        jaccard = shared / np.maximum(1, either)
        found = np.flatnonzero(jaccard >= self._least)
        return rows[found], numbers[found], jaccard[found]


@kernel
def _find_alike(
    hashes: UInt32s,
    begins: Int64s,  # (texts + 1,)
    present: UInt8s,  # bits
    present_shift: int,
    keys: UInt32s,  # ascending
    directory: UInt32s,  # where in `keys` those with a beginning begin
    shift: int,
    holder_begins: Int64s,  # (keys + 1,)
    holders: Int32s,
    enough: Int32s,  # (sample,) shared keys from which a pair is compared
    sets: UInt32s,
    set_begins: Int64s,  # (sample + 1,)
) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    """(texts, numbers of the sample, shingles that both have, shingles that either has) of pairs that share enough keys."""
    rows, numbers = np.empty(256, np.int64), np.empty(256, np.int64)
    shared, either = np.empty(256, np.int64), np.empty(256, np.int64)
    found = 0
    counts = np.zeros(len(enough), np.int32)
    touched = np.empty(len(enough), np.int64)
    last = np.full(len(keys), -1, np.int32)  # the text that held a key last: a repeated shingle counts once
    for row in range(len(begins) - 1):
        met = 0
        for at in range(begins[row], begins[row + 1]):
            value = hashes[at]
            bit = np.int64(value) >> present_shift
            if not present[bit >> 3] >> (bit & 7) & 1:
                continue
            beginning = np.int64(value) >> shift
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
        own = hashes[:0]
        for at in range(met):
            number = touched[at]
            if counts[number] >= enough[number]:
                if len(own) == 0:
                    own = np.unique(hashes[begins[row] : begins[row + 1]])
                if found == len(rows):
                    rows, numbers, shared, either = (
                        _doubled(rows),
                        _doubled(numbers),
                        _doubled(shared),
                        _doubled(either),
                    )
                other = sets[set_begins[number] : set_begins[number + 1]]
                both = _count_shared(own, other)
                rows[found], numbers[found] = row, number
                shared[found], either[found] = both, len(own) + len(other) - both
                found += 1
            counts[number] = 0
    return rows[:found], numbers[:found], shared[:found], either[:found]


@kernel
def _count_shared(first: UInt32s, second: UInt32s) -> int:
    """How many values two ascending arrays without repetition share."""
    count = at = other = 0
    while at < len(first) and other < len(second):
        if first[at] == second[other]:
            count += 1
            at += 1
            other += 1
        elif first[at] < second[other]:
            at += 1
        else:
            other += 1
    return count


@kernel
def _doubled(values: Int64s) -> Int64s:
    longer = np.empty(2 * len(values), np.int64)
    longer[: len(values)] = values
    return longer
