"""What is done about documents with evaluation items: threshold, action, and the passages that go."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import schema
from corpus.text.edits import Edit, apply_edits
from filters.exams.contaminated import LARGEST_CUT, Action, judge_contamination

ACTIONS = st.sampled_from(["drop", "cut", "mark"])


def table(rows: list[list[tuple[str, float, int, int]]]) -> pa.Table:
    """Rows of (exam, coverage, begin, end)."""
    matches = [
        [
            {"exam": exam, "item": "i", "part": "question", "coverage": coverage, "begin": begin, "end": end}
            for exam, coverage, begin, end in row
        ]
        for row in rows
    ]
    best = [max((coverage for _, coverage, _, _ in row), default=0.0) for row in rows]
    columns: dict[str, Any] = {"doc_id": list(range(len(rows))), "coverage": best, "matches": matches}
    return pa.table(columns, schema=schema.CONTAMINATION)


ROWS = [
    [],
    [("a", 0.5, 0, 10)],
    [("a", 0.7, 10, 20), ("b", 1.0, 15, 25), ("c", 0.2, 40, 50)],
    [("a", 0.8, 0, 60)],
]
SIZES = np.full(4, 100, np.uint32)


@pytest.mark.parametrize(
    ("action", "dropped", "cuts"),
    [
        ("drop", [2, 3], {}),
        ("cut", [3], {2: [Edit(10, 25)]}),
        ("mark", [], {}),
    ],
)
def test_each_action(action: Action, dropped: list[int], cuts: dict[int, list[Edit]]) -> None:
    found = judge_contamination(table(ROWS), SIZES, threshold=0.7, action=action)
    assert np.flatnonzero(found.contaminated).tolist() == [2, 3]
    assert np.flatnonzero(found.dropped).tolist() == dropped
    assert found.cuts == cuts
    assert found.exams == {2: {"a", "b"}, 3: {"a"}}


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from("ab"), st.sampled_from([0.1, 0.3, 0.7, 1.0]), st.integers(0, 40), st.integers(1, 30)
            ),
            max_size=4,
        ),
        max_size=6,
    ),
    st.sampled_from([0.1, 0.3, 0.7, 1.0]),
    ACTIONS,
)
def test_a_row_is_judged_alone_and_a_cut_leaves_text(
    rows: list[list[tuple[str, float, int, int]]], threshold: float, action: Action
) -> None:
    rows = [[(exam, coverage, begin, begin + length) for exam, coverage, begin, length in row] for row in rows]
    sizes = np.full(len(rows), 70, np.uint32)
    found = judge_contamination(table(rows), sizes, threshold=threshold, action=action)
    for row, matches in enumerate(rows):
        # float32, as the column is: a coverage at the threshold reaches it.
        reaches = [match for match in matches if np.float32(match[1]) >= np.float32(threshold)]
        assert found.contaminated[row] == bool(reaches)
        alone = judge_contamination(table([matches]), sizes[:1], threshold=threshold, action=action)
        assert alone.dropped[0] == found.dropped[row]
        assert alone.cuts.get(0) == found.cuts.get(row)
        assert (row in found.cuts) == (action == "cut" and bool(reaches) and not found.dropped[row])
        if row in found.cuts:
            left = apply_edits("x" * 70, found.cuts[row])
            assert 70 * (1 - LARGEST_CUT) <= len(left) < 70


def test_sizes_of_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="sizes must be as many as rows: 4, not 3"):
        judge_contamination(table(ROWS), SIZES[:3], threshold=0.5, action="mark")
