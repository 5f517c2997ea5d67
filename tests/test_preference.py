"""Preference as one number: its fields one before the other, each clamped to its bits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from filters.copies.preference import (
    LATER,
    MAX_PLACES,
    SPARED,
    criteria_of,
    newest,
    place_of,
    preference,
    spared,
    url_criteria_of,
    with_claim,
)

DAY = 86_400


def test_preference_is_quality_then_length_then_date() -> None:
    quality = np.array([0.5, 0.9, 0.9, 0.9, 99.0, 0.5], np.float32)
    characters = np.array([2**40, 10, 11, 10, 0, 2**24], np.uint64)
    seconds = np.array([0, 5 * DAY, 0, 6 * DAY, np.iinfo(np.int64).min, -1], np.int64)
    ranks = preference(quality, characters, seconds)
    assert np.argsort(ranks, kind="stable").tolist() == [0, 5, 1, 3, 2, 4]
    assert ranks[0] == ranks[5]  # both lengths and dates are clamped
    assert int(ranks[1]) == 900 << 40 | 10 << 16 | 5


FIELDS = st.tuples(
    st.sampled_from([0, LATER, SPARED]),
    st.integers(0, MAX_PLACES),
    st.integers(0, 16_383),
    st.integers(0, (1 << 24) - 1),
    st.integers(0, (1 << 16) - 1),
)


@given(st.lists(FIELDS, min_size=2, max_size=20))
def test_an_earlier_field_goes_before_all_later_ones(rows: list[tuple[int, ...]]) -> None:
    claim, place, quality, characters, days = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    ranks = with_claim(preference(quality / 1000, characters, days * DAY, place), claim.astype(np.uint8))
    assert sorted(rows) == [rows[row] for row in np.argsort(ranks, kind="stable").tolist()]
    assert spared(ranks).tolist() == (claim == SPARED).tolist()
    assert [criteria_of(rank) for rank in ranks.tolist()] == [(c, p, q / 1000, n, d) for c, p, q, n, d in rows]


URL_FIELDS = st.tuples(
    st.sampled_from([0, SPARED]),
    st.integers(0, MAX_PLACES),
    st.integers(0, (1 << 33) - 1),
    st.integers(0, (1 << 21) - 1),
)


@given(st.lists(URL_FIELDS, min_size=2, max_size=20))
def test_of_one_url_the_source_then_the_newest_then_the_longest_is_preferred(rows: list[tuple[int, ...]]) -> None:
    claim, place, seconds, characters = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    ranks = with_claim(newest(seconds, characters, place), claim.astype(np.uint8))
    assert sorted(rows) == [rows[row] for row in np.argsort(ranks, kind="stable").tolist()]
    assert [url_criteria_of(rank) for rank in ranks.tolist()] == rows


def test_sources_stand_in_their_order_and_the_others_last() -> None:
    places = place_of(["encyclopedia", "books"])
    assert places["encyclopedia"] > places["books"] > 0
    assert len(place_of([str(number) for number in range(MAX_PLACES)])) == MAX_PLACES
    assert min(place_of([str(number) for number in range(MAX_PLACES)]).values()) == 1
