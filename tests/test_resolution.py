"""Rounds over divided edges decide what one pass over all of them decides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.copies import duplicates
from filters.copies.duplicates import RankedEdges, Removals
from filters.copies.resolution import News, OpenEdges, concatenate_removals, never_losing, settle, without_gone

#: Pairs of documents; the smaller number is preferred, so edges never run in a circle.
PAIRS = st.sets(st.tuples(st.integers(0, 30), st.integers(0, 30)).filter(lambda pair: pair[0] != pair[1]), max_size=60)


def ranked(pairs: set[tuple[int, int]]) -> RankedEdges:
    """Edges by loser, the most similar winner first; similarities without ties, from the pair."""
    rows = sorted(
        {(max(pair), min(pair)) for pair in pairs}, key=lambda row: (row[0], (row[0] * 7 + row[1] * 13) % 31, row[1])
    )
    columns = np.array(rows, np.uint64).reshape(-1, 2)
    similarity = np.array([1 - ((row[0] * 7 + row[1] * 13) % 31) / 100 for row in rows], np.float32)
    return RankedEdges(columns[:, 0].copy(), columns[:, 1].copy(), similarity)


def by_rounds(edges: RankedEdges, parts: int, rounds: int) -> Removals:
    """Documents divided by number; every part hears of winners in all others after each round."""
    part_of_loser = edges.loser % np.uint64(parts)
    mine = [np.flatnonzero(part_of_loser == part) for part in range(parts)]
    of_part = [RankedEdges(edges.loser[rows], edges.winner[rows], edges.similarity[rows]) for rows in mine]
    winners = np.unique(edges.winner)
    news = [never_losing(winners[winners % np.uint64(parts) == part], of_part[part]) for part in range(parts)]
    open_edges, gone = [OpenEdges.of(each) for each in of_part], []
    for _ in range(rounds):
        said = []
        for part in range(parts):
            open_edges[part], removals, told = settle(open_edges[part], news[part])
            gone.append(removals)
            said.append(told)
        first = news if not gone[parts:] else []  # what never loses is news to the others too
        everything = News.of(*((each.doc_id, each.stays) for each in [*said, *first]))
        of = everything.doc_id % np.uint64(parts)
        news = [News(everything.doc_id[of != part], everything.stays[of != part]) for part in range(parts)]
    left = [
        without_gone(each, heard if rounds else News.of((np.empty(0, np.uint64), np.empty(0, np.bool_))))
        for each, heard in zip(open_edges, news, strict=True)
    ]
    columns = [np.concatenate([getattr(each, name) for each in left]) for name in ("loser", "winner", "similarity")]
    order = np.argsort(columns[0], kind="stable")
    return concatenate_removals([*gone, duplicates.resolve(RankedEdges(*(column[order] for column in columns)))])


@settings(max_examples=300, deadline=None)
@given(PAIRS, st.integers(1, 5), st.integers(0, 6))
def test_rounds_decide_as_one_pass_does(pairs: set[tuple[int, int]], parts: int, rounds: int) -> None:
    expected, found = duplicates.resolve(ranked(pairs)), by_rounds(ranked(pairs), parts, rounds)
    np.testing.assert_array_equal(found.doc_id, expected.doc_id)
    np.testing.assert_array_equal(found.representative, expected.representative)
    np.testing.assert_array_equal(found.similarity, expected.similarity)


@pytest.mark.parametrize("shape", ["chain", "star", "clique"])
def test_a_shape_that_is_wholly_decided_leaves_nothing(shape: str) -> None:
    pairs = {
        "chain": {(number, number + 1) for number in range(40)},
        "star": {(0, number) for number in range(1, 40)},
        "clique": {(a, b) for a in range(9) for b in range(a)},
    }[shape]
    edges = ranked(pairs)
    left, gone, _ = settle(OpenEdges.of(edges), never_losing(np.unique(edges.winner), edges))
    assert len(left.loser) == 0
    np.testing.assert_array_equal(gone.doc_id, duplicates.resolve(edges).doc_id)
