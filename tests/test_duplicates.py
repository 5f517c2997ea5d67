"""Deduplication's guarantees G1–G4 on made families of copies, against slow oracles that look at all pairs."""

import dataclasses
import itertools
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.seeds import identity_key
from filters.copies import minhash
from filters.copies.duplicates import (
    ALL_PAIRS,
    Block,
    Documents,
    Edges,
    Removals,
    buckets,
    candidate_edges,
    compare_pairs,
    concatenate_edges,
    exact_removals,
    follow,
    halves,
    least_matches,
    partition_of,
    rank_edges,
    similarity_of,
    unique_pairs,
    warm_up,
)
from filters.copies.duplicates import resolve as resolve_ranked
from filters.copies.preference import SPARED, with_claim

PERMUTATIONS, BANDS, ROWS = 24, 6, 4
THRESHOLD = 0.7


def make_documents(preferences: list[int]) -> Documents:
    """Documents 1, 2, … with keys that follow no order."""
    keys = b"".join(identity_key("made", number) for number in range(len(preferences)))
    return Documents(
        np.arange(1, len(preferences) + 1, dtype=np.uint64), np.array(preferences, np.uint64), *halves(keys)
    )


def make_block(signatures: np.ndarray, documents: Documents) -> Block:
    bands = minhash.bands(signatures, bands=BANDS, rows=ROWS)
    row_of = np.tile(np.arange(len(signatures)), BANDS)
    return Block(bands.T.ravel().copy(), documents.take(row_of), minhash.codes_of(signatures)[row_of])


def shuffled(block: Block, seed: int) -> Block:
    rows = np.random.default_rng(seed).permutation(len(block.band_hash))
    return Block(block.band_hash[rows], block.documents.take(rows), block.codes[rows])


def part(block: Block, rows: np.ndarray) -> Block:
    return Block(block.band_hash[rows], block.documents.take(rows), block.codes[rows])


def plain(edges: Edges) -> dict[tuple[int, int], float]:
    pairs = zip(edges.loser.doc_id.tolist(), edges.winner.doc_id.tolist(), strict=True)
    return dict(zip(pairs, edges.similarity.tolist(), strict=True))


def removed_by(removals: Removals) -> dict[int, tuple[int, float]]:
    values = zip(removals.representative.tolist(), removals.similarity.tolist(), strict=True)
    return dict(zip(removals.doc_id.tolist(), values, strict=True))


def resolve(edges: Edges) -> Removals:
    return resolve_ranked(rank_edges(edges.loser.doc_id, edges.winner, edges.similarity))


def order_of(documents: Documents) -> dict[int, tuple[int, int, int]]:
    """doc_id → what sorts it: the smaller the more preferred."""
    columns = (documents.doc_id, documents.preference, documents.key_hi, documents.key_lo)
    return {doc: (-rank, hi, lo) for doc, rank, hi, lo in zip(*(column.tolist() for column in columns), strict=True)}


def edges_by_hand(block: Block, all_pairs: int, leaders: int) -> dict[tuple[int, int], float]:
    """What `candidate_edges` promises, in plain Python."""
    order = order_of(block.documents)
    codes = dict(zip(block.documents.doc_id.tolist(), block.codes, strict=True))
    buckets: dict[int, list[int]] = {}
    for band, doc in zip(block.band_hash.tolist(), block.documents.doc_id.tolist(), strict=True):
        buckets.setdefault(band, []).append(doc)
    edges = {}
    for bucket in buckets.values():
        bucket.sort(key=order.__getitem__)
        leading: list[int] = []
        for doc in bucket:
            estimates = [float(similarity_of(np.sum(codes[doc] == codes[other]), PERMUTATIONS)) for other in leading]
            similar = [(other, s) for other, s in zip(leading, estimates, strict=True) if s >= THRESHOLD]
            edges.update({(doc, other): float(np.float32(s)) for other, s in similar})
            if len(bucket) <= all_pairs or (not similar and len(leading) < leaders):
                leading.append(doc)
    return edges


def removals_by_rounds(
    edges: dict[tuple[int, int], float], order: dict[int, tuple[int, int, int]]
) -> dict[int, tuple[int, float]]:
    """The distributed rounds of ARCHITECTURE.md, section 7."""
    winners: dict[int, set[int]] = {}
    for loser, winner in edges:
        winners.setdefault(loser, set()).add(winner)
        winners.setdefault(winner, set())
    kept: set[int] = set()
    removed: set[int] = set()
    while undecided := winners.keys() - kept - removed:
        now_kept = {doc for doc in undecided if winners[doc] <= removed}
        now_removed = {doc for doc in undecided if winners[doc] & kept}
        assert now_kept or now_removed
        kept |= now_kept
        removed |= now_removed
    best = {}
    for doc in removed:
        representative = min(winners[doc] & kept, key=lambda winner: (-edges[doc, winner], order[winner]))
        best[doc] = (representative, edges[doc, representative])
    return best


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    """Families: each document is new, or a copy of an earlier one with some entries changed (cliques, chains, stars)."""
    count = draw(st.integers(1, 30))
    signatures = np.empty((count, PERMUTATIONS), np.uint32)
    source = np.random.default_rng(draw(st.integers(0, 2**32)))
    for number in range(count):
        parent = draw(st.integers(-2, number - 1)) if number else -1
        signatures[number] = source.integers(0, 2**32, PERMUTATIONS) if parent < 0 else signatures[parent]
        changed = draw(st.integers(0, PERMUTATIONS // 3)) if parent >= 0 else 0
        places = source.choice(PERMUTATIONS, changed, replace=False)
        signatures[number, places] = source.integers(0, 2**32, changed)
    preferences = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    return make_block(signatures, make_documents(preferences))


@settings(deadline=None, max_examples=150)
@given(blocks())
def test_edges_are_all_similar_pairs_that_share_a_bucket(block: Block) -> None:
    assert plain(candidate_edges(block, THRESHOLD)) == edges_by_hand(block, ALL_PAIRS, 64)


@settings(deadline=None, max_examples=150)
@given(blocks(), st.integers(1, 6), st.integers(1, 4))
def test_edges_of_large_buckets_go_to_leaders(block: Block, all_pairs: int, leaders: int) -> None:
    edges = candidate_edges(block, THRESHOLD, all_pairs=all_pairs, leaders=leaders)
    assert plain(edges) == edges_by_hand(block, all_pairs, leaders)


def edges_by_pairs(block: Block, paired: int, seed: int) -> Edges:
    """As a pipeline finds them: small buckets by pairs of ids, whose documents are looked up, large ones by their rows."""
    order = np.random.default_rng(seed).permutation(len(block.band_hash))
    found = buckets(block.band_hash[order], block.documents.doc_id[order], paired=paired)
    first_row = {doc: row for row, doc in reversed(list(enumerate(block.documents.doc_id.tolist())))}
    rows = [np.array([first_row[doc] for doc in ids.tolist()], np.int64) for ids in (found.first, found.second)]
    one, other = (block.documents.take(each) for each in rows)
    pairs = compare_pairs(one, other, (block.codes[rows[0]], block.codes[rows[1]]), THRESHOLD)
    crowd = np.array([first_row[doc] for doc in found.doc_id.tolist()], np.int64)
    large = Block(found.band_hash, block.documents.take(crowd), block.codes[crowd])
    return concatenate_edges([pairs, candidate_edges(large, THRESHOLD)])


@settings(deadline=None, max_examples=150)
@given(blocks(), st.integers(1, 31), st.integers(0, 99))
def test_pairs_of_small_buckets_give_the_edges_of_all(block: Block, paired: int, seed: int) -> None:
    """Which buckets travel as pairs is a matter of bytes alone."""
    assert plain(edges_by_pairs(block, paired, seed)) == plain(candidate_edges(block, THRESHOLD))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=40))
def test_unique_pairs(pairs: list[tuple[int, int]]) -> None:
    columns = np.array(pairs, np.uint64).reshape(-1, 2)
    first, second = unique_pairs(columns[:, 0].copy(), columns[:, 1].copy())
    assert sorted(zip(first.tolist(), second.tolist(), strict=True)) == sorted(set(pairs))


def test_edges_in_a_circle_are_an_error() -> None:
    with pytest.raises(ValueError, match="circle"):
        resolve(edges_of((2, 1), (3, 2), (1, 3)))


@settings(deadline=None, max_examples=150)
@given(blocks())
def test_one_pass_removes_what_rounds_remove(block: Block) -> None:
    edges = candidate_edges(block, THRESHOLD)
    assert removed_by(resolve(edges)) == removals_by_rounds(plain(edges), order_of(block.documents))


@settings(deadline=None, max_examples=150)
@given(blocks())
def test_g1_every_removed_document_names_a_kept_similar_and_preferred_one(block: Block) -> None:
    removed = removed_by(resolve(candidate_edges(block, THRESHOLD)))
    order = order_of(block.documents)
    for doc, (representative, similarity) in removed.items():
        assert representative not in removed
        assert similarity >= THRESHOLD
        assert order[representative] < order[doc]


@settings(deadline=None, max_examples=150)
@given(blocks())
def test_g2_no_two_kept_documents_share_an_edge(block: Block) -> None:
    edges = candidate_edges(block, THRESHOLD)
    removed = removed_by(resolve(edges))
    assert all(loser in removed or winner in removed for loser, winner in plain(edges))


@settings(deadline=None, max_examples=150)
@given(blocks(), st.data())
def test_spared_documents_stay_and_no_other_shares_an_edge_with_them(block: Block, data: st.DataObject) -> None:
    """As many of the documents as are drawn may not be removed: G1 and G2 of the others."""
    ids = np.unique(block.documents.doc_id)
    stays = set(data.draw(st.lists(st.sampled_from(ids.tolist()), unique=True)))
    claim = np.where(np.isin(block.documents.doc_id, list(stays)), SPARED, 0).astype(np.uint8)
    documents = dataclasses.replace(block.documents, preference=with_claim(block.documents.preference, claim))
    claimed = dataclasses.replace(block, documents=documents)
    edges = candidate_edges(claimed, THRESHOLD)
    assert plain(edges_by_pairs(claimed, 16, 1)) == plain(edges)
    assert plain(edges) == {
        (loser, winner): similarity
        for (loser, winner), similarity in edges_by_hand(claimed, ALL_PAIRS, 64).items()
        if loser not in stays
    }
    removed = removed_by(resolve(edges))
    assert not stays & removed.keys()
    pairs = {frozenset(pair) for pair in edges_by_hand(block, ALL_PAIRS, 64)}
    assert all(pair & removed.keys() or pair <= stays for pair in pairs)


@settings(deadline=None, max_examples=100)
@given(blocks(), st.integers(1, 9), st.integers(0, 99), st.integers(1, 6))
def test_g3_order_partitions_and_repeated_edges_change_nothing(
    block: Block, partitions: int, seed: int, all_pairs: int
) -> None:
    def edges_of(rows: Block) -> Edges:
        return candidate_edges(rows, THRESHOLD, all_pairs=all_pairs, leaders=2)

    once = edges_of(block)
    mixed = shuffled(block, seed)
    number = partition_of(mixed.band_hash, partitions)
    parts = [edges_of(part(mixed, np.flatnonzero(number == index))) for index in range(partitions)]
    many = concatenate_edges([*reversed(parts), parts[0]])
    assert plain(many) == plain(once)
    assert removed_by(resolve(many)) == removed_by(resolve(once))


@settings(deadline=None, max_examples=100)
@given(blocks(), st.integers(1, 1000))
def test_g3_ids_change_nothing(block: Block, factor: int) -> None:
    """Numbering the documents otherwise (another division of the input) removes the same ones."""

    def renumber(ids: Any) -> Any:
        return ids * np.uint64(2 * factor + 1) % np.uint64(8191)  # a prime, so that ids stay distinct

    renumbered = dataclasses.replace(block.documents, doc_id=renumber(block.documents.doc_id))
    before = resolve(candidate_edges(block, THRESHOLD))
    after = resolve(candidate_edges(dataclasses.replace(block, documents=renumbered), THRESHOLD))
    pairs = {
        (int(renumber(np.uint64(doc))), (int(renumber(np.uint64(kept))), similarity))
        for doc, (kept, similarity) in removed_by(before).items()
    }
    assert pairs == set(removed_by(after).items())


@pytest.mark.parametrize("preferences", [[5, 5, 5, 5], [1, 9, 3, 9], [0, 1, 2, 3]])
def test_g4_of_a_clique_the_preferred_then_the_smallest_key_stays(preferences: list[int]) -> None:
    documents = make_documents(preferences)
    block = make_block(np.tile(np.arange(PERMUTATIONS, dtype=np.uint32), (4, 1)), documents)
    removed = removed_by(resolve(candidate_edges(block, THRESHOLD)))
    best = min(order_of(documents).items(), key=lambda item: item[1])[0]
    assert {representative for representative, _ in removed.values()} == {best}
    assert removed.keys() == {1, 2, 3, 4} - {best}


def edges_of(*pairs: tuple[int, int], similarity: float = 0.9) -> Edges:
    """Edges (loser, winner) among documents of which the smaller number is preferred."""
    documents = make_documents(list(range(20, 0, -1)))
    loser, winner = np.array(pairs).T
    return Edges(documents.take(loser - 1), documents.take(winner - 1), np.full(len(pairs), similarity, np.float32))


def test_a_chain_removes_every_second_and_a_star_all_but_its_centre() -> None:
    assert set(removed_by(resolve(edges_of((2, 1), (3, 2), (4, 3), (5, 4))))) == {2, 4}
    assert set(removed_by(resolve(edges_of((2, 1), (3, 1), (4, 1))))) == {2, 3, 4}
    assert set(removed_by(resolve(edges_of((4, 1), (4, 2), (4, 3))))) == {4}


def test_the_most_similar_kept_winner_represents_and_of_equals_the_preferred() -> None:
    edges = edges_of((4, 1), (4, 2), (4, 3))
    assert removed_by(resolve(edges))[4][0] == 1
    nearer = dataclasses.replace(edges, similarity=np.array([0.8, 0.95, 0.8], np.float32))
    representative, similarity = removed_by(resolve(nearer))[4]
    assert representative == 2
    assert similarity == pytest.approx(0.95)


def test_cluster_sizes_count_the_kept_copy() -> None:
    representatives, sizes = resolve(edges_of((2, 1), (3, 1), (5, 4))).cluster_sizes()
    assert representatives.tolist() == [1, 4]
    assert sizes.tolist() == [3, 2]


def test_nothing_in_nothing_out() -> None:
    none = make_block(np.empty((0, PERMUTATIONS), np.uint32), make_documents([]))
    edges = candidate_edges(none, THRESHOLD)
    assert not plain(edges)
    assert not removed_by(resolve(edges))
    assert not removed_by(exact_removals(np.empty(0, np.uint64), np.empty(0, np.uint64), none.documents))


def test_documents_without_shingles_never_meet() -> None:
    empty = np.full((5, PERMUTATIONS), minhash.EMPTY_ENTRY, np.uint32)
    assert not plain(candidate_edges(make_block(empty, make_documents([0] * 5)), THRESHOLD))


def test_a_threshold_is_met_exactly() -> None:
    for permutations, threshold in itertools.product((16, 112, 256), (0.05, 0.5, 0.8, 0.999, 1.0)):
        least = least_matches(threshold, permutations)
        assert similarity_of(least, permutations) >= threshold
        assert similarity_of(least - 1, permutations) < threshold
    assert similarity_of(112, 112) == 1.0
    assert similarity_of(112 / 256, 112) == pytest.approx(0)  # what chance alone makes agree
    for wrong in (0, -1, 1.01):
        with pytest.raises(ValueError, match="threshold"):
            least_matches(wrong, 112)


@pytest.mark.parametrize("distinct", [False, True])
def test_a_hot_bucket_is_linear_work(distinct: bool) -> None:
    """200,000 pages of one template; all alike, or all unlike but for one band, as a template's pages are."""
    count = 200_000
    source = np.random.default_rng(1)
    codes = source.integers(0, 256, (count, 112), np.uint8) if distinct else np.zeros((count, 112), np.uint8)
    keys = source.integers(0, 2**64, (2, count), np.uint64)
    documents = Documents(np.arange(count, dtype=np.uint64), np.zeros(count, np.uint64), keys[0], keys[1])
    warm_up()
    begin = time.process_time()
    removals = resolve(candidate_edges(Block(np.ones(count, np.uint64), documents, codes), 0.8))
    assert time.process_time() - begin < 20  # all pairs would be 2 × 10^10
    assert len(removals.doc_id) == (0 if distinct else count - 1)


def test_exact_copies_leave_the_preferred_one() -> None:
    documents = make_documents([1, 3, 2, 3, 9, 0])
    hashes = np.array([7, 7, 7, 8, 8, 9], np.uint64)
    removed = removed_by(exact_removals(hashes, np.zeros(6, np.uint64), documents))
    assert removed == {1: (2, 1.0), 3: (2, 1.0), 4: (5, 1.0)}
    spared = dataclasses.replace(
        documents, preference=with_claim(documents.preference, np.array([SPARED, 0, SPARED, 0, 0, 0], np.uint8))
    )
    assert removed_by(exact_removals(hashes, np.zeros(6, np.uint64), spared)) == {2: (3, 1.0), 4: (5, 1.0)}
    halves_differ = exact_removals(hashes, np.arange(6, dtype=np.uint64), documents)
    assert not removed_by(halves_differ)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=30), st.integers(0, 99))
def test_exact_copies_in_any_order(rows: list[tuple[int, int]], seed: int) -> None:
    hashes = np.array([group for group, _ in rows], np.uint64)
    documents = make_documents([rank for _, rank in rows])
    mixed = np.random.default_rng(seed).permutation(len(rows))
    removed = removed_by(exact_removals(hashes, hashes, documents))
    assert removed == removed_by(exact_removals(hashes[mixed], hashes[mixed], documents.take(mixed)))
    order = order_of(documents)
    for group in {group for group, _ in rows}:
        members = [number for number, (other, _) in enumerate(rows, start=1) if other == group]
        best = min(members, key=order.__getitem__)
        assert [removed.get(doc, (None,))[0] for doc in members] == [None if d == best else best for d in members]


def test_an_exact_copy_of_a_removed_document_is_represented_by_a_kept_one() -> None:
    exact = Removals(np.array([8, 9], np.uint64), np.array([3, 1], np.uint64), np.ones(2, np.float32))
    near = resolve(edges_of((3, 1), (4, 2), similarity=0.85))
    assert removed_by(follow(exact, near)) == {8: (1, float(np.float32(0.85))), 9: (1, 1.0)}
    nothing = Removals(np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.float32))
    assert removed_by(follow(exact, nothing)) == removed_by(exact)


def test_halves_sort_as_bytes_do() -> None:
    keys = [identity_key("made", number) for number in range(50)]
    hi, lo = halves(b"".join(keys))
    assert [keys[row] for row in np.lexsort((lo, hi))] == sorted(keys)


def test_partitions_are_ranges_of_hash_space() -> None:
    hashes = np.sort(np.random.default_rng(3).integers(0, 2**64, 10_000, np.uint64))
    number = partition_of(hashes, 7)
    assert (np.diff(number.astype(int)) >= 0).all()
    assert (np.bincount(number, minlength=7) > 1000).all()
    extremes = np.array([0, 2**64 - 1], np.uint64)
    assert partition_of(extremes, 7).tolist() == [0, 6]
    assert partition_of(extremes, 1).tolist() == [0, 0]
    with pytest.raises(ValueError, match="partitions"):
        partition_of(extremes, 0)
