"""Preference as one number: its fields one before the other, each clamped to its bits."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.copies.preference import (
    LATER,
    MAX_PLACES,
    SPARED,
    content_of,
    criteria_of,
    newest,
    place_of,
    preference,
    spared,
    url_criteria_of,
    with_claim,
)
from filters.quality.signals import measure

DAY = 86_400


def test_preference_is_quality_then_content_then_date() -> None:
    quality = np.array([0.5, 0.9, 0.9, 0.9, 99.0, 0.5], np.float32)
    characters = np.array([2**40, 10, 11, 10, 0, 2**24], np.uint64)
    seconds = np.array([0, 5 * DAY, 0, 6 * DAY, np.iinfo(np.int64).min, -1], np.int64)
    ranks = preference(quality, characters, seconds)
    assert np.argsort(ranks, kind="stable").tolist() == [0, 5, 1, 3, 2, 4]
    assert ranks[0] == ranks[5]  # both contents and dates are clamped
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
def test_of_one_url_the_source_then_the_newest_then_the_fullest_is_preferred(rows: list[tuple[int, ...]]) -> None:
    claim, place, seconds, characters = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    ranks = with_claim(newest(seconds, characters, place), claim.astype(np.uint8))
    assert sorted(rows) == [rows[row] for row in np.argsort(ranks, kind="stable").tolist()]
    assert [url_criteria_of(rank) for rank in ranks.tolist()] == rows


def test_sources_stand_in_their_order_and_the_others_last() -> None:
    places = place_of(["encyclopedia", "books"])
    assert places["encyclopedia"] > places["books"] > 0
    assert len(place_of([str(number) for number in range(MAX_PLACES)])) == MAX_PLACES
    assert min(place_of([str(number) for number in range(MAX_PLACES)]).values()) == 1


PROSE = "In the spring the willows along the river turn green, and children play under them until it is dark. "
CHINESE = "春天的时候，河边的柳树最先发芽，孩子们放学以后常常在树下玩耍，直到天黑才肯回家吃饭。老人说从前河很宽。"


@pytest.mark.parametrize(
    ("single", "repeating"),
    [
        (PROSE, PROSE * 2),
        (PROSE, f"{PROSE}\n\n{PROSE}"),
        (CHINESE, CHINESE * 2),
        (CHINESE, f"{CHINESE}\n{CHINESE}"),
        ("def f(x):\n    return x + 1  # one more\n", "def f(x):\n    return x + 1  # one more\n" * 10),
    ],
    ids=["run together", "paragraphs", "Chinese", "Chinese lines", "a block ten times"],
)
def test_a_text_that_repeats_itself_loses_against_the_single_one(single: str, repeating: str) -> None:
    one, more = preferences_of([single, repeating])
    assert one > more


@pytest.mark.parametrize("addition", ["The school was built thirty years ago.", "学校是三十年前建的，砖墙已经旧了。"])
def test_of_two_versions_the_one_that_says_more_is_preferred(addition: str) -> None:
    for text in (PROSE, CHINESE):
        less, more = preferences_of([text, text + addition])
        assert less < more


def test_content_has_no_sign_and_no_overflow() -> None:
    assert content_of(np.array([0, 12, 13, 2**32 - 1], np.uint32), np.array([0, 0, 1, 1], np.float32)).tolist() == [
        0,
        12,
        11,
        0,
    ]


def preferences_of(texts: list[str]) -> list[int]:
    measured = measure(pa.array(texts), ["en"] * len(texts))
    content = content_of(measured["characters"], measured["repeated_13_character_ratio"])
    return preference(0, content, np.zeros(len(texts), np.int64)).tolist()
