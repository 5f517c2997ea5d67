"""Which documents are copies of others, and of which: the arithmetic of deduplication on arrays of hashes and ids.

*Exact*: of documents with one text hash the preferred one stays (`exact_removals`).
*Near*, in four steps that a pipeline divides among work items by ranges of band hashes or of documents:

1. `buckets` takes all rows (band hash, document) of some buckets (documents that share a band hash; `partition_of` divides
   them by range) and gives *candidate pairs* of the small ones, and the rows of those over `PAIRED` documents.
2. `compare_pairs` compares the two documents of a pair, `candidate_edges` the documents of large buckets, by their codes,
   the low 8 bits of each value of the MinHash signature. Pairs of an estimated Jaccard similarity ≥ threshold are
   *verified edges*, from the loser to the preferred winner.
3. `rank_edges` puts every loser's edges in the order in which their winners may stand for it.
4. `resolve` takes every edge: a document is removed if it loses to one that is kept. That is the lexicographically first
   maximal independent set, the same that distributed rounds reach ("keep whom no undecided document beats, remove those
   whom a kept one beats"), in one pass.

Which way a pair is compared is a matter of bytes alone: only documents that share a bucket travel on, most of them as ids
in pairs, each pair once however many bands it shares, and codes only in the buckets where pairs would be more.

Guarantees (ARCHITECTURE.md, section 7; tests/test_duplicates.py):
G1  every removed document names a kept one, preferred to it, that it shares a verified edge with;
G2  no two kept documents share a verified edge; two *spared* ones (filters.copies.preference), which stay in any case, never share one;
G3  the result depends on the set of documents only: not on order, partitions, or how often an edge was found;
G4  the kept copy follows `preference`, then the smaller `key`.
Chains do not remove: if A is near B and B near C but C is not near A, then A and C stay.

Cost: linear, hot buckets too: up to ALL_PAIRS documents a bucket compares all pairs; above, each is compared to leaders
only (preferred documents that no earlier leader resembles, at most LEADERS). Memory: 16 bytes a band row in step 1, 2 × (40 +
permutations) a pair and 40 + permutations a row of a large bucket in step 2, 84 an edge in step 3, 40 in step 4; as much
again while sorting.
Source: Broder 1997 (MinHash); Li & König 2010, arXiv:0910.3349 (b-bit codes: two unequal values agree in 8 bits with
probability 2^-8, which `similarity_of` takes out).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from corpus.unicode.segmentation import mix64
from filters.copies.minhash import EMPTY_BAND
from filters.copies.preference import spared

UInt8s = NDArray[np.uint8]
UInt64s = NDArray[np.uint64]
Int64s = NDArray[np.int64]

ALL_PAIRS = 32  # documents: up to here a bucket compares every pair, at most 496
PAIRED = 16  # documents: up to here its pairs take fewer bytes than codes in every band that they share
LEADERS = 64

#: Two unequal signature values agree in their low 8 bits by chance.
_CHANCE = 2.0**-8


@dataclass(frozen=True)
class Documents:
    """Documents and what decides between copies of them; column by column, (rows,) each."""

    doc_id: UInt64s
    preference: UInt64s  # of filters.copies.preference: higher is preferred
    key_hi: UInt64s  # of equal preference the smaller key is preferred: the key's first 8 bytes, big-endian
    key_lo: UInt64s

    def take(self, rows: NDArray[Any]) -> "Documents":
        return Documents(self.doc_id[rows], self.preference[rows], self.key_hi[rows], self.key_lo[rows])

    def order(self, *groups: NDArray[Any]) -> Int64s:
        """Rows sorted by the groups, the first of them foremost, then from the most to the least preferred document."""
        # `doc_id` decides only between two records with one identity, and only so that something does.
        return np.lexsort((self.doc_id, self.key_lo, self.key_hi, ~self.preference, *reversed(groups)))

    def beats(self, other: "Documents") -> NDArray[np.bool_]:
        """(rows,) whether each document is preferred to the one beside it."""
        better = np.zeros(len(self.doc_id), np.bool_)
        equal = np.ones(len(self.doc_id), np.bool_)
        for mine, theirs in (
            (other.preference, self.preference),  # the higher one is preferred: the other way round
            (self.key_hi, other.key_hi),
            (self.key_lo, other.key_lo),
            (self.doc_id, other.doc_id),
        ):
            better |= equal & (mine < theirs)
            equal &= mine == theirs
        return better


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
class RankedEdges:
    """Verified pairs by ascending loser; of one loser the most similar winner first, then the preferred. (edges,) each."""

    loser: UInt64s
    winner: UInt64s
    similarity: NDArray[np.float32]


@dataclass(frozen=True)
class Buckets:
    """What the buckets of some band rows have to say."""

    first: UInt64s  # (pairs,) the smaller id of a candidate pair
    second: UInt64s
    band_hash: UInt64s  # (rows,) of buckets over PAIRED documents
    doc_id: UInt64s


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


def halves(values: bytes | memoryview) -> tuple[UInt64s, UInt64s]:
    """(first, last) 8 bytes of consecutive 16-byte values, big-endian: they sort as the bytes do."""
    pairs = np.frombuffer(values, dtype=">u8").astype(np.uint64).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def partition_of(band_hash: UInt64s, partitions: int) -> NDArray[np.uint32]:
    """The reducer of each band hash: equal ranges of hash space, in order, so that a bucket is never divided."""
    if not 1 <= partitions <= 1 << 31:
        raise ValueError(f"partitions must be 1 to 2^31, not {partitions}")
    return ((band_hash >> np.uint64(32)) * np.uint64(partitions) >> np.uint64(32)).astype(np.uint32)


def exact_removals(hash_hi: UInt64s, hash_lo: UInt64s, documents: Documents) -> Removals:
    """Of documents with one 128-bit hash (of text, or URL) the preferred one stays and stands for those that are not spared."""
    order = documents.order(hash_hi, hash_lo)
    begins = run_starts(hash_hi[order], hash_lo[order])
    first = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    goes = ~begins & ~spared(documents.preference[order])
    lost = order[goes]
    return _removals(documents.doc_id[lost], documents.doc_id[first[goes]], np.ones(len(lost), np.float32))


def candidate_edges(block: Block, threshold: float, *, all_pairs: int = ALL_PAIRS, leaders: int = LEADERS) -> Edges:
    """The verified edges of whole buckets, which the rows of a block may stand in in any order."""
    least = least_matches(threshold, block.codes.shape[1])
    rows = _shared(block.band_hash)  # most documents share no bucket: what follows sorts the few that do
    rows = rows[block.documents.take(rows).order(block.band_hash[rows])]
    bands, documents = block.band_hash[rows], block.documents.take(rows)
    buckets = np.append(np.flatnonzero(run_starts(bands)), len(bands))  # (buckets + 1,) first rows
    loser, winner, matches = _compare(
        buckets, documents.doc_id, np.ascontiguousarray(block.codes[rows]), least, all_pairs, leaders
    )
    similarity = similarity_of(matches, block.codes.shape[1]).astype(np.float32)
    return _unique(_of_removable(Edges(documents.take(loser), documents.take(winner), similarity)))


def similarity_of(matches: NDArray[Any] | float, permutations: int) -> Any:
    """Estimated Jaccard similarity from how many of the 8-bit codes agree: a float, or an array of them."""
    return (matches / permutations - _CHANCE) / (1 - _CHANCE)


def least_matches(threshold: float, permutations: int) -> int:
    """How many codes must agree for an estimate ≥ threshold."""
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be over 0 and at most 1, not {threshold}")
    enough = similarity_of(np.arange(permutations + 1), permutations) >= threshold
    return int(np.argmax(enough))


def buckets(band_hash: UInt64s, doc_id: UInt64s, *, paired: int = PAIRED) -> Buckets:
    """Candidate pairs of buckets of up to `paired` documents, each pair once, and the rows of larger buckets.

    The rows may stand in any order.
    """
    rows = _shared(band_hash)
    hashes, ids = band_hash[rows], doc_id[rows]
    begins = np.append(np.flatnonzero(run_starts(hashes)), len(hashes))
    sizes = np.diff(begins)
    small = sizes <= paired
    first, second = _pairs(begins[:-1][small], sizes[small], ids)
    crowded = np.repeat(~small, sizes)
    return Buckets(*unique_pairs(first, second), hashes[crowded], ids[crowded])


def unique_pairs(first: UInt64s, second: UInt64s) -> tuple[UInt64s, UInt64s]:
    """Each pair once, in an order of its own. (Two pairs whose 64-bit hashes are equal may leave a pair twice: it does no harm.)"""
    mixed = _mixed(first, second)
    order = np.argsort(mixed)
    first, second = first[order], second[order]
    starts = run_starts(first, second)
    return first[starts], second[starts]


def compare_pairs(one: Documents, other: Documents, codes: tuple[UInt8s, UInt8s], threshold: float) -> Edges:
    """The verified edges among candidate pairs, row by row; `codes` are those of `one` and `other`."""
    permutations = codes[0].shape[1]
    matches = (codes[0] == codes[1]).sum(axis=1)
    rows = np.flatnonzero(matches >= least_matches(threshold, permutations))
    one, other, matches = one.take(rows), other.take(rows), matches[rows]
    wins = one.beats(other)
    similarity = similarity_of(matches, permutations).astype(np.float32)
    return _of_removable(Edges(_choose(wins, other, one), _choose(wins, one, other), similarity))


def concatenate(parts: Sequence[Documents]) -> Documents:
    """The rows of at least one part, one part after another."""
    return Documents(
        np.concatenate([part.doc_id for part in parts]),
        np.concatenate([part.preference for part in parts]),
        np.concatenate([part.key_hi for part in parts]),
        np.concatenate([part.key_lo for part in parts]),
    )


def concatenate_edges(parts: Sequence[Edges]) -> Edges:
    return Edges(
        concatenate([part.loser for part in parts]),
        concatenate([part.winner for part in parts]),
        np.concatenate([part.similarity for part in parts]),
    )


def rank_edges(loser: UInt64s, winner: Documents, similarity: NDArray[np.float32]) -> RankedEdges:
    """All edges of some losers in the order in which they count; pairs that were found several times stand once."""
    order = winner.order(loser, -similarity)
    order = order[run_starts(loser[order], winner.doc_id[order])]
    return RankedEdges(loser[order], winner.doc_id[order], similarity[order])


def resolve(edges: RankedEdges) -> Removals:
    """Removes every document that loses to a kept one; of several the most similar stands for it, then the preferred.

    `edges` are all there are. Raises ValueError where they run in a circle, which preference does not allow.
    """
    begins = np.append(np.flatnonzero(run_starts(edges.loser)), len(edges.loser))
    losers = edges.loser[begins[:-1]]
    # Where a winner is a loser itself, and of whom: most are none.
    at = np.minimum(np.searchsorted(losers, edges.winner), max(len(losers) - 1, 0))
    beaten = np.where(losers[at] == edges.winner, at, -1) if len(losers) else at
    best = _remove(begins, beaten)
    if (best == _CIRCLE).any():
        raise ValueError("verified edges run in a circle")
    lost = best >= 0
    edge = best[lost]
    return Removals(losers[lost], edges.winner[edge], edges.similarity[edge])


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
    edges = candidate_edges(block, 1.0)
    resolve(rank_edges(edges.loser.doc_id, edges.winner, edges.similarity))
    buckets(np.ones(2, np.uint64), two)


def _removals(doc_id: UInt64s, representative: UInt64s, similarity: NDArray[np.float32]) -> Removals:
    order = np.argsort(doc_id)
    return Removals(doc_id[order], representative[order], similarity[order])


def run_starts(*columns: UInt64s) -> NDArray[np.bool_]:
    """(rows,) True where a sorted row differs from the one before it."""
    starts = np.zeros(len(columns[0]), np.bool_)
    starts[:1] = True
    for column in columns:
        starts[1:] |= column[1:] != column[:-1]
    return starts


def _shared(band_hash: UInt64s) -> Int64s:
    """Rows whose band hash another row has too, by band hash, without those of documents that have no shingles."""
    order = np.argsort(band_hash)
    order = order[np.searchsorted(band_hash, EMPTY_BAND, "right", sorter=order) :]
    starts = np.append(run_starts(band_hash[order]), True)
    shared: Int64s = order[~(starts[1:] & starts[:-1])]
    return shared


def _of_removable(edges: Edges) -> Edges:
    """Without pairs of spared documents: as they are preferred to all others, of the other pairs none has a spared loser."""
    rows = np.flatnonzero(~spared(edges.loser.preference))
    return Edges(edges.loser.take(rows), edges.winner.take(rows), edges.similarity[rows])


def _unique(edges: Edges) -> Edges:
    order = np.lexsort((edges.winner.doc_id, edges.loser.doc_id))
    order = order[run_starts(edges.loser.doc_id[order], edges.winner.doc_id[order])]
    return Edges(edges.loser.take(order), edges.winner.take(order), edges.similarity[order])


def _choose(where: NDArray[np.bool_], yes: Documents, no: Documents) -> Documents:
    """Row by row the one document or the other."""
    return Documents(
        np.where(where, yes.doc_id, no.doc_id),
        np.where(where, yes.preference, no.preference),
        np.where(where, yes.key_hi, no.key_hi),
        np.where(where, yes.key_lo, no.key_lo),
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


_CIRCLE = -2


@numba.njit(cache=True, nogil=True)
def _remove(begins: Int64s, beaten: Int64s) -> Int64s:
    """(losers,) the edge that removes each loser, −1 where it is kept. `begins` (losers + 1,) of each loser's edges, the best
    first; `beaten` (edges,) says as which loser a winner stands here itself, −1: none, so it is kept.

    A loser is decided after those of its winners that can lose: depth first, without recursion.
    """
    losers = len(begins) - 1
    best = np.full(losers, -1, np.int64)
    state = np.zeros(losers, np.uint8)  # 1: on the stack, 2: decided
    place = begins[:-1].copy()
    stack = np.empty(losers, np.int64)
    for start in range(losers):
        if state[start] == 2:
            continue
        stack[0], depth = start, 1
        state[start] = 1
        while depth > 0:
            loser = stack[depth - 1]
            if place[loser] < begins[loser + 1]:
                winner = beaten[place[loser]]
                if winner >= 0 and state[winner] == 1:
                    best[loser] = _CIRCLE
                    return best
                if winner >= 0 and state[winner] == 0:
                    stack[depth] = winner
                    state[winner] = 1
                    depth += 1
                    continue
                if winner < 0 or best[winner] < 0:
                    best[loser] = place[loser]
                    place[loser] = begins[loser + 1]
                else:
                    place[loser] += 1
                continue
            state[loser] = 2
            depth -= 1
    return best


@numba.njit(cache=True, nogil=True)
def _pairs(begins: Int64s, sizes: Int64s, ids: UInt64s) -> tuple[UInt64s, UInt64s]:
    """Every pair of different documents of each bucket, the smaller id first."""
    total = 0
    for size in sizes:
        total += size * (size - 1) // 2
    first, second = np.empty(total, np.uint64), np.empty(total, np.uint64)
    found = 0
    for bucket in range(len(begins)):
        for one in range(begins[bucket], begins[bucket] + sizes[bucket]):
            for other in range(one + 1, begins[bucket] + sizes[bucket]):
                if ids[one] == ids[other]:  # two bands of one document that fell together
                    continue
                first[found], second[found] = min(ids[one], ids[other]), max(ids[one], ids[other])
                found += 1
    return first[:found], second[:found]


@numba.njit(cache=True, nogil=True)
def _mixed(first: UInt64s, second: UInt64s) -> UInt64s:
    """A hash of each pair."""
    mixed = np.empty(len(first), np.uint64)
    for row in range(len(first)):
        mixed[row] = mix64(mix64(first[row]) ^ second[row])
    return mixed
