"""Edits: what they do does not depend on their order, and touches nothing outside their ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.text.edits import Edit, apply_edits, edited_bytes, merged


@st.composite
def texts_with_edits(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    text = draw(st.text(max_size=40))
    bounds = [len(text[:place].encode()) for place in range(len(text) + 1)]
    ranges = st.tuples(st.sampled_from(bounds), st.sampled_from(bounds)).map(sorted)
    edits = st.builds(lambda r, replacement: Edit(r[0], r[1], replacement), ranges, st.sampled_from(["", "<X>", "电"]))
    return text, draw(st.lists(edits, max_size=6))


@given(texts_with_edits(), st.randoms())
def test_edits_depend_on_their_set_alone(case: tuple[str, list[Edit]], random: object) -> None:
    text, edits = case
    shuffled = list(edits)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert apply_edits(text, edits) == apply_edits(text, shuffled + edits)


@given(texts_with_edits())
def test_what_no_edit_covers_stays(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    data = text.encode()
    covered = [any(edit.begin <= place < edit.end for edit in edits) for place in range(len(data))]
    kept = bytes(byte for byte, is_covered in zip(data, covered, strict=True) if not is_covered).decode()
    assert apply_edits(text, [edit._replace(replacement="") for edit in edits]) == kept


def test_the_first_of_overlapping_edits_says_what_stands_there() -> None:
    assert apply_edits("0123456789", [Edit(4, 8, "b"), Edit(2, 6, "a")]) == "01a89"
    assert merged([Edit(2, 4, "a"), Edit(4, 6, "b"), Edit(1, 1, "never")]) == [Edit(2, 4, "a"), Edit(4, 6, "b")]


@pytest.mark.parametrize("edit", [Edit(0, 9), Edit(1, 3)])
def test_an_edit_of_another_text_is_an_error(edit: Edit) -> None:
    with pytest.raises(ValueError, match="an edit"):
        apply_edits("电话", [edit])


@given(texts_with_edits())
def test_the_size_of_an_edited_text_is_known_without_it(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    assert edited_bytes(len(text.encode()), edits) == len(apply_edits(text, edits).encode())
