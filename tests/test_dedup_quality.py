"""Exact similarities and estimates from samples, against sets of token tuples, all pairs, and published or simulated numbers."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.copies.dedup_quality import Z_97_5, ShingleIndex, overlap, recall, share, shingle_set
from filters.copies.minhash import flat_shingle_hashes, shingle_hashes

WORDS = st.lists(st.sampled_from(["one", "two", "three", "four", "five", "six"]), max_size=12)
TEXTS = st.lists(WORDS.map(" ".join), max_size=8)


def by_hand(text: str, shingle: int) -> set[tuple[str, ...]]:
    words = text.split()
    width = min(shingle, len(words))
    return {tuple(words[at : at + width]) for at in range(len(words) - width + 1)} if width else set()


def jaccard(first: str, second: str, shingle: int) -> float:
    a, b = by_hand(first, shingle), by_hand(second, shingle)
    return len(a & b) / len(a | b) if a | b else 0.0


@settings(deadline=None)
@given(WORDS.map(" ".join), WORDS.map(" ".join), st.integers(1, 4))
def test_overlap_is_that_of_sets_of_words(first: str, second: str, shingle: int) -> None:
    found = overlap(shingle_set(first, shingle), shingle_set(second, shingle))
    a, b = by_hand(first, shingle), by_hand(second, shingle)
    assert (found.shared, found.first, found.second) == (len(a & b), len(a), len(b))
    assert found.jaccard == jaccard(first, second, shingle)
    assert found.of_first == (len(a & b) / len(a) if a else 0)
    assert found.of_second == (len(a & b) / len(b) if b else 0)


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=6), st.integers(1, 4))
def test_hashes_of_many_texts_are_those_of_each(texts: list[str], shingle: int) -> None:
    padded = pa.array(["before", *texts, "after"], pa.large_string()).slice(1, len(texts))
    hashes, begins = flat_shingle_hashes(padded, shingle)
    assert len(begins) == len(texts) + 1
    for number, text in enumerate(texts):
        assert hashes[begins[number] : begins[number + 1]].tolist() == shingle_hashes(text, shingle).tolist()


@settings(deadline=None)
@given(TEXTS, TEXTS, st.sampled_from([0.1, 0.3, 0.5, 0.7, 1.0]), st.integers(1, 3))
def test_the_index_finds_what_all_pairs_find(sample: list[str], texts: list[str], least: float, shingle: int) -> None:
    index = ShingleIndex([shingle_set(text, shingle) for text in sample], least)
    rows, numbers, similarities = index.alike(pa.array(texts, pa.string()), shingle)
    found = {(row, number): value for row, number, value in zip(rows, numbers, similarities, strict=True)}
    assert len(found) == len(rows)
    expected = {
        (row, number): similarity
        for row, text in enumerate(texts)
        for number, sampled in enumerate(sample)
        if (similarity := jaccard(text, sampled, shingle)) >= least
    }
    assert found == expected


def test_the_index_refuses_a_similarity_of_nothing() -> None:
    with pytest.raises(ValueError, match="least must be"):
        ShingleIndex([], 0.0)


@pytest.mark.parametrize(
    ("hits", "low", "high"),  # Brown, Cai, DasGupta 2001 and any table of Wilson's interval, n = 10
    [(0, 0.0, 0.2775), (1, 0.0179, 0.4042), (5, 0.2366, 0.7634), (10, 0.7225, 1.0)],
)
def test_the_interval_is_wilsons(hits: int, low: float, high: float) -> None:
    found = share(hits, 10, 10**12)
    assert found is not None
    assert (found.value, found.of) == (hits / 10, 10)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("population", [120, 1_000, 100_000])
@pytest.mark.parametrize("truth", [0.02, 0.2, 0.9])
def test_the_interval_covers_what_it_says(population: int, truth: float) -> None:
    generator = np.random.default_rng(7)
    good = round(population * truth)
    drawn = generator.hypergeometric(good, population - good, 100, size=4_000)
    intervals = {hits: share(hits, 100, population) for hits in set(drawn.tolist())}
    covered = np.mean([intervals[hits].low <= good / population <= intervals[hits].high for hits in drawn.tolist()])  # type: ignore[union-attr]
    assert covered >= 0.93


def test_a_sample_of_all_is_exact_and_of_none_says_nothing() -> None:
    found = share(3, 7, 7)
    assert found is not None
    assert (found.value, found.low, found.high) == (3 / 7, 3 / 7, 3 / 7)
    assert share(0, 0, 7) is None
    with pytest.raises(ValueError, match="must ascend"):
        share(3, 2, 7)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 500), st.integers(0, 500))
def test_recall_lies_in_its_interval(right: int, missed: int, more_removed: int, more_kept: int) -> None:
    removed, kept = (right, 50, 50 + more_removed), (missed, 50, 50 + more_kept)
    found = recall(removed, kept)
    if not right and not missed:
        assert found is None
        return
    assert found is not None
    copies = removed[2] * right / 50 + kept[2] * missed / 50
    assert math.isclose(found.value, removed[2] * right / 50 / copies)
    assert 0 <= found.low <= found.value <= found.high <= 1
    if not more_removed and not more_kept:
        assert found.low == found.value == found.high


def test_recall_takes_both_shares_at_their_worst() -> None:
    found = recall((90, 100, 10_000), (2, 100, 50_000))
    p, m = share(90, 100, 10_000, Z_97_5), share(2, 100, 50_000, Z_97_5)
    assert found is not None
    assert p is not None
    assert m is not None
    assert found.low == 10_000 * p.low / (10_000 * p.low + 50_000 * m.high)
    assert found.high == 10_000 * p.high / (10_000 * p.high + 50_000 * m.low)


def test_recall_of_a_side_that_was_not_looked_at_is_unknown() -> None:
    assert recall((0, 0, 10), (1, 10, 10)) is None
    assert recall((5, 10, 10), (0, 0, 10)) is None
    nothing_removed = recall((0, 0, 0), (1, 10, 10))
    assert nothing_removed is not None
    assert nothing_removed.value == 0
