"""Which documents are copies of others, and of which: the arithmetic of deduplication on arrays of hashes and ids.

*Exact*: of documents with one text hash the preferred one stays (`exact_removals`).
*Near*, in two steps that a pipeline may divide as it likes:

1. `candidate_edges` takes all rows of some buckets (documents that share a band hash; `partition_of` divides them among
   reducers by range) and compares them by their codes, the low 8 bits of each value of the MinHash signature. Pairs
   of an estimated Jaccard similarity ≥ threshold are *verified edges*, from the loser to the preferred winner.
2. `resolve` takes every edge and goes through the documents in order of preference: a document is removed if it loses
   to one that is kept. That is the lexicographically first maximal independent set, the same that distributed rounds
   reach ("keep whom no undecided document beats, remove those whom a kept one beats"), in one pass.

Guarantees (ARCHITECTURE.md, section 7; tests/test_duplicates.py):
G1  every removed document names a kept one, preferred to it, that it shares a verified edge with;
G2  no two kept documents share a verified edge;
G3  the result depends on the set of documents only: not on order, partitions, or how often an edge was found;
G4  the kept copy follows `preference`, then the smaller `key`.
Chains do not remove: if A is near B and B near C but C is not near A, then A and C stay.

Cost: linear, hot buckets too: up to ALL_PAIRS documents a bucket compares all pairs; above, each is compared to leaders
only (preferred documents that no earlier leader resembles, at most LEADERS). 0.3 µs a row and 0.3 µs an edge (1.4 million
rows of 100,000 documents, one core). Memory: 40 + permutations bytes a row, 68 an edge, and as much again while sorting.
Source: Broder 1997 (MinHash); Li & König 2010, arXiv:0910.3349 (b-bit codes: two unequal values agree in 8 bits with
probability 2^-8, which `similarity_of` takes out).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from filters.minhash import EMPTY_BAND

UInt8s = NDArray[np.uint8]
UInt64s = NDArray[np.uint64]
Int64s = NDArray[np.int64]

ALL_PAIRS = 32  # documents: up to here a bucket compares every pair, at most 496
LEADERS = 64

#: Two unequal signature values agree in their low 8 bits by chance.
_CHANCE = 2.0**-8

_QUALITY_BITS, _LENGTH_BITS, _DATE_BITS = 16, 24, 24
_SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Documents:
    """Documents and what decides between copies of them; column by column, (rows,) each."""

    doc_id: UInt64s
    preference: UInt64s  # higher is preferred
    key_hi: UInt64s  # of equal preference the smaller key is preferred: the key's first 8 bytes, big-endian
    key_lo: UInt64s

    def take(self, rows: NDArray[Any]) -> "Documents":
        return Documents(self.doc_id[rows], self.preference[rows], self.key_hi[rows], self.key_lo[rows])

    def order(self, *groups: NDArray[Any]) -> Int64s:
        """Rows sorted by the groups, the first of them foremost, then from the most to the least preferred document."""
        # `doc_id` decides only between two records with one identity, and only so that something does.
        return np.lexsort((self.doc_id, self.key_lo, self.key_hi, ~self.preference, *reversed(groups)))


@dataclass(frozen=True)
class Block:
    """Rows (band hash, document, codes) of whole buckets: what one reducer compares."""

    band_hash: UInt64s  # (rows,)
    documents: Documents  # (rows,)
    codes: UInt8s  # (rows, permutations)


@dataclass(frozen=True)
class Edges:
    """Verified pairs: `loser[i]` is a copy of `winner[i]`, which is preferred. Each pair stands once, sorted by ids."""

    loser: Documents
    winner: Documents
    similarity: NDArray[np.float32]


@dataclass(frozen=True)
class Removals:
    """Removed documents by ascending id, the kept document that stands for each, and their similarity."""

    doc_id: UInt64s
    representative: UInt64s
    similarity: NDArray[np.float32]

    def cluster_sizes(self) -> tuple[UInt64s, Int64s]:
        """(representatives by ascending id, documents each stands for, itself included)."""
        representatives, copies = np.unique(self.representative, return_counts=True)
        return representatives, copies + 1


def preference(quality: NDArray[Any], characters: NDArray[Any], seconds: NDArray[Any]) -> UInt64s:
    """Packs what makes a copy preferred into one number: quality, then length, then date, each the more the better.

    Quality in units of 1/1000 (0–65.535), characters (up to 2^24 − 1), seconds since 1970 as whole days; each is
    clamped to its range, so an unknown date (0, or a null's minimum) is the oldest. Ties fall to the key.
    """
    days = np.asarray(seconds, np.int64) // _SECONDS_PER_DAY
    packed = np.zeros(len(days), np.uint64)
    for values, bits in (
        (np.rint(np.asarray(quality, np.float64) * 1000), _QUALITY_BITS),
        (characters, _LENGTH_BITS),
        (days, _DATE_BITS),
    ):
        packed = packed << np.uint64(bits) | np.clip(values, 0, (1 << bits) - 1).astype(np.uint64)
    return packed


def halves(values: bytes | memoryview) -> tuple[UInt64s, UInt64s]:
    """(first, last) 8 bytes of consecutive 16-byte values, big-endian: they sort as the bytes do."""
    pairs = np.frombuffer(values, dtype=">u8").astype(np.uint64).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def codes_of(signatures: NDArray[np.uint32]) -> UInt8s:
    """The low 8 bits of signatures, (rows, permutations): what is compared, a quarter of the bytes."""
    return signatures.astype(np.uint8)


def partition_of(band_hash: UInt64s, partitions: int) -> NDArray[np.uint32]:
    """The reducer of each band hash: equal ranges of hash space, in order, so that a bucket is never divided."""
    if not 1 <= partitions <= 1 << 31:
        raise ValueError(f"partitions must be 1 to 2^31, not {partitions}")
    return ((band_hash >> np.uint64(32)) * np.uint64(partitions) >> np.uint64(32)).astype(np.uint32)


def exact_removals(hash_hi: UInt64s, hash_lo: UInt64s, documents: Documents) -> Removals:
    """Of documents with one 128-bit hash (of text, or URL) the preferred one stays and stands for the others."""
    order = documents.order(hash_hi, hash_lo)
    begins = _run_starts(hash_hi[order], hash_lo[order])
    first = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    lost = order[~begins]
    return _removals(documents.doc_id[lost], documents.doc_id[first[~begins]], np.ones(len(lost), np.float32))


def candidate_edges(block: Block, threshold: float, *, all_pairs: int = ALL_PAIRS, leaders: int = LEADERS) -> Edges:
    """The verified edges of whole buckets, which the rows of a block may stand in in any order."""
    least = least_matches(threshold, block.codes.shape[1])
    rows = _shared(block.band_hash)  # most documents share no bucket: what follows sorts the few that do
    rows = rows[block.documents.take(rows).order(block.band_hash[rows])]
    bands, documents = block.band_hash[rows], block.documents.take(rows)
    buckets = np.append(np.flatnonzero(_run_starts(bands)), len(bands))  # (buckets + 1,) first rows
    loser, winner, matches = _compare(
        buckets, documents.doc_id, np.ascontiguousarray(block.codes[rows]), least, all_pairs, leaders
    )
    similarity = similarity_of(matches, block.codes.shape[1]).astype(np.float32)
    return _unique(Edges(documents.take(loser), documents.take(winner), similarity))


def similarity_of(matches: NDArray[Any] | float, permutations: int) -> Any:
    """Estimated Jaccard similarity from how many of the 8-bit codes agree: a float, or an array of them."""
    return (matches / permutations - _CHANCE) / (1 - _CHANCE)


def least_matches(threshold: float, permutations: int) -> int:
    """How many codes must agree for an estimate ≥ threshold."""
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be over 0 and at most 1, not {threshold}")
    enough = similarity_of(np.arange(permutations + 1), permutations) >= threshold
    return int(np.argmax(enough))


def merge_edges(parts: Sequence[Edges]) -> Edges:
    """The edges of all partitions as one; pairs that several of them found stand once."""
    return _unique(
        Edges(
            _concatenate([part.loser for part in parts]),
            _concatenate([part.winner for part in parts]),
            np.concatenate([part.similarity for part in parts]),
        )
    )


def resolve(edges: Edges) -> Removals:
    """Removes every document that loses to a kept one; of several the most similar stands for it, then the preferred."""
    nodes = _concatenate([edges.loser, edges.winner])
    nodes = nodes.take(np.unique(nodes.doc_id, return_index=True)[1])  # by ascending id
    by_rank = nodes.order()
    rank = np.empty(len(by_rank), np.int64)  # of each node, 0 the most preferred
    rank[by_rank] = np.arange(len(by_rank))
    loser = rank[np.searchsorted(nodes.doc_id, edges.loser.doc_id)]
    winner = rank[np.searchsorted(nodes.doc_id, edges.winner.doc_id)]
    order = np.lexsort((winner, loser))
    best = _remove(loser[order], winner[order], edges.similarity[order], len(by_rank))
    lost = np.flatnonzero(best >= 0)  # ranks
    edge = order[best[lost]]
    return _removals(edges.loser.doc_id[edge], edges.winner.doc_id[edge], edges.similarity[edge])


def follow(exact: Removals, near: Removals) -> Removals:
    """Exact removals whose representative lost to a near-duplicate afterwards are represented by that one's winner.

    Their similarity is then that of the two texts. `near` must have been made without the documents `exact` removes.
    """
    if not len(near.doc_id):
        return exact
    at = np.minimum(np.searchsorted(near.doc_id, exact.representative), len(near.doc_id) - 1)
    moved = near.doc_id[at] == exact.representative
    return Removals(
        exact.doc_id,
        np.where(moved, near.representative[at], exact.representative),
        np.where(moved, near.similarity[at], exact.similarity),
    )


def warm_up() -> None:
    """Compiles the kernels, or loads them from Numba's cache: once per process, before the work is timed."""
    two = np.arange(1, 3, dtype=np.uint64)
    block = Block(np.ones(2, np.uint64), Documents(two, two, two, two), np.zeros((2, 8), np.uint8))
    resolve(candidate_edges(block, 1.0))


def _removals(doc_id: UInt64s, representative: UInt64s, similarity: NDArray[np.float32]) -> Removals:
    order = np.argsort(doc_id)
    return Removals(doc_id[order], representative[order], similarity[order])


def _run_starts(*columns: UInt64s) -> NDArray[np.bool_]:
    """(rows,) True where a sorted row differs from the one before it."""
    starts = np.zeros(len(columns[0]), np.bool_)
    starts[:1] = True
    for column in columns:
        starts[1:] |= column[1:] != column[:-1]
    return starts


def _shared(band_hash: UInt64s) -> Int64s:
    """Rows whose band hash another row has too, without those of documents that have no shingles."""
    order = np.argsort(band_hash)
    order = order[np.searchsorted(band_hash, EMPTY_BAND, "right", sorter=order) :]
    starts = np.append(_run_starts(band_hash[order]), True)
    shared: Int64s = order[~(starts[1:] & starts[:-1])]
    return shared


def _unique(edges: Edges) -> Edges:
    order = np.lexsort((edges.winner.doc_id, edges.loser.doc_id))
    order = order[_run_starts(edges.loser.doc_id[order], edges.winner.doc_id[order])]
    return Edges(edges.loser.take(order), edges.winner.take(order), edges.similarity[order])


def _concatenate(parts: Sequence[Documents]) -> Documents:
    return Documents(
        np.concatenate([part.doc_id for part in parts]),
        np.concatenate([part.preference for part in parts]),
        np.concatenate([part.key_hi for part in parts]),
        np.concatenate([part.key_lo for part in parts]),
    )


@numba.njit(cache=True, nogil=True)
def _compare(
    buckets: Int64s, doc_id: UInt64s, codes: UInt8s, least: int, all_pairs: int, leaders: int
) -> tuple[Int64s, Int64s, Int64s]:
    """(losing rows, winning rows, codes that agree) of verified pairs; rows of a bucket stand in preference order."""
    loser, winner, matches = np.empty(1024, np.int64), np.empty(1024, np.int64), np.empty(1024, np.int64)
    found = 0
    leader = np.empty(max(all_pairs, leaders), np.int64)
    for bucket in range(len(buckets) - 1):
        begin, end = buckets[bucket], buckets[bucket + 1]
        everyone_leads = end - begin <= all_pairs
        leading = 0
        for row in range(begin, end):
            resembles = False
            for number in range(leading):
                other = leader[number]
                if doc_id[other] == doc_id[row]:  # two bands of one document that fell together
                    resembles = True
                    continue
                agreeing = _agreeing(codes, row, other)
                if agreeing < least:
                    continue
                resembles = True
                if found == len(loser):
                    loser, winner, matches = _doubled(loser), _doubled(winner), _doubled(matches)
                loser[found], winner[found], matches[found] = row, other, agreeing
                found += 1
            if everyone_leads or (not resembles and leading < leaders):
                leader[leading] = row
                leading += 1
    return loser[:found], winner[:found], matches[:found]


@numba.njit(cache=True, nogil=True)
def _agreeing(codes: UInt8s, row: int, other: int) -> int:
    count = 0
    for column in range(codes.shape[1]):
        count += codes[row, column] == codes[other, column]
    return count


@numba.njit(cache=True, nogil=True)
def _doubled(values: Int64s) -> Int64s:
    longer = np.empty(2 * len(values), np.int64)
    longer[: len(values)] = values
    return longer


@numba.njit(cache=True, nogil=True)
def _remove(loser: Int64s, winner: Int64s, similarity: NDArray[np.float32], nodes: int) -> Int64s:
    """(nodes,) by rank: the edge that removes a node, or -1 where it is kept. Edges are sorted by (loser, winner).

    A winner has a lower rank than its losers, so it is decided before any of them is looked at.
    """
    best = np.full(nodes, -1, np.int64)
    for edge in range(len(loser)):
        if best[winner[edge]] >= 0:
            continue
        held = best[loser[edge]]
        if held < 0 or similarity[edge] > similarity[held]:
            best[loser[edge]] = edge
    return best
