"""The index of evaluation items: its grams are those of a plain reading, its arrays what the kernels rely on."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_letters as reference
from corpus.columns import numbers
from filters.exams.grams import LONGEST_RUN, GramSettings, windows_of
from filters.exams.index import (
    MAX_ITEMS,
    ExamIndex,
    build_index,
    filter_bits,
    filter_word,
    items_digest,
    open_index,
)
from filters.exams.items import Item, Part

RELAXED = settings(deadline=None, max_examples=150)
SMALL = GramSettings(words=3, characters=10, whole_words=2, whole_characters=8)
WORDS = [
    "consider",
    "the",
    "following",
    "statement",
    "a",
    "x",
    "2",
    "electromagnetic",
    "electro",
    "magnetic",
    "下列说法",
    "正确的是",
    "光的",
    "折射率，",
    "?\n",
]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)


def sizes(index: ExamIndex) -> dict[tuple[str, str, str], int]:
    rows = index.items.to_pylist()
    return {(row["exam"], row["item"], row["part"]): row["grams"] for row in rows}


@RELAXED
@given(st.lists(TEXTS, max_size=4), st.booleans())
def test_windows_are_the_runs_of_the_plain_reading(texts: list[str], whole: bool) -> None:
    windows, identities = windows_of(texts, np.full(len(texts), whole), SMALL)
    for number, text in enumerate(texts):
        expected = reference.runs_of(text, SMALL, whole=whole)
        mine = windows.texts == number
        assert windows.lengths[mine].tolist() == [len(run) for run in expected]
        assert len(np.unique(windows.runs[mine])) == len(set(expected))
        assert int(identities[number, 1]) == len(reference.read(text)[0])
    for one, identity in zip(texts, identities.tolist(), strict=True):
        for other, of_other in zip(texts, identities.tolist(), strict=True):
            assert (identity == of_other) == (reference.read(one) == reference.read(other))


@st.composite
def exams(draw: st.DrawFn) -> list[Item]:
    texts = draw(st.lists(TEXTS, min_size=1, max_size=6))
    parts = st.dictionaries(st.sampled_from(Part), st.lists(st.sampled_from(texts), min_size=1, max_size=2).map(tuple))
    return [Item("e", str(number), each) for number, each in enumerate(draw(st.lists(parts, max_size=14)))]


@RELAXED
@given(exams())
def test_every_part_has_as_many_grams_as_the_plain_reading_gives_it(items: list[Item]) -> None:
    found = sizes(build_index(items, SMALL))
    expected = {(text.exam, text.item, text.part): len(text.runs) for text in reference.texts_of(items, SMALL)}
    assert found == expected


@RELAXED
@given(exams())
def test_arrays_are_sorted_and_lead_from_one_to_the_next(items: list[Item]) -> None:
    grams = build_index(items, SMALL).grams
    assert (grams.anchors[1:] > grams.anchors[:-1]).all()
    for starts, of in (
        (grams.directory, grams.anchors),
        (grams.anchor_lengths, grams.lengths),
        (grams.length_runs, grams.runs),
        (grams.gram_texts, grams.texts),
    ):
        assert starts[0] == 0
        assert starts[-1] == len(of)
        assert (np.diff(starts.astype(np.int64)) >= (0 if of is grams.anchors else 1)).all()
    for row, anchor in enumerate(grams.anchors):
        value = int(anchor >> grams.directory_shift[0])
        assert grams.directory[value] <= row < grams.directory[value + 1]
        bits = filter_bits(anchor)
        assert grams.filter[filter_word(anchor, len(grams.filter))] & bits == bits
        lengths = grams.lengths[grams.anchor_lengths[row] : grams.anchor_lengths[row + 1]]
        assert (np.diff(lengths.astype(int)) > 0).all()
    assert grams.text_grams.sum() == len(grams.texts)


@RELAXED
@given(exams(), st.randoms())
def test_the_order_of_items_decides_numbers_of_texts_alone(items: list[Item], random: object) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = build_index(items, SMALL), build_index(shuffled, SMALL)
    assert sizes(one) == sizes(other)
    for name in ("filter", "directory", "anchors", "lengths", "runs", "gram_texts"):
        assert np.array_equal(getattr(one.grams, name), getattr(other.grams, name)), name


@pytest.mark.parametrize("order", [1, -1])
def test_texts_of_the_same_letters_and_other_words_are_two(order: int) -> None:
    one = "consider the well known result that a sum of two even numbers is always an even number again"
    other = one.replace("well known", "wellknown")
    items = [Item("e", "0", {Part.QUESTION: (one,)}), Item("e", "1", {Part.QUESTION: (other,)})][::order]
    index = build_index(items, SMALL)
    expected = {(text.exam, text.item, text.part): len(text.runs) for text in reference.texts_of(items, SMALL)}
    assert len(set(expected.values())) == 2
    assert sizes(index) == expected
    assert index.items_of(0) == [("e", items[0].id, "question")]


LONG = "The owner of a bookstore counts the volumes on forty shelves twice before the inventory is closed at midnight"


def test_a_formula_is_left_out_and_a_shared_passage_is_not() -> None:
    formula = "Which one of the following most accurately expresses the main point that the author of the passage makes"
    items = [
        Item("e", str(number), {Part.QUESTION: (formula,), Part.PASSAGE: (LONG,), Part.ANSWER: (f"No {number}.",)})
        for number in range(MAX_ITEMS + 1)
    ]
    found = sizes(build_index(items, GramSettings()))
    assert {found["e", item.id, "question"] for item in items} == {0}
    assert {found["e", item.id, "passage"] for item in items} == {
        len(reference.runs_of(LONG, GramSettings(), whole=False))
    }
    # The same question in as many files of one benchmark is one question.
    same = [Item(f"e{number}", "0", {Part.QUESTION: (formula,)}) for number in range(MAX_ITEMS + 1)]
    assert set(sizes(build_index(same, GramSettings())).values()) == {
        len(reference.runs_of(formula, GramSettings(), whole=True))
    }


def test_only_a_question_is_matched_as_a_whole() -> None:
    short = "what is the name of the longest river"
    items = [Item("e", "0", dict.fromkeys(Part, (short,)))]
    found = sizes(build_index(items, GramSettings()))
    assert {part: found["e", "0", part] for part in Part} == {
        Part.QUESTION: 1, Part.PASSAGE: 0, Part.OPTIONS: 0, Part.ANSWER: 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "grams"),
    [
        ("", 0),
        ("who is it", 0),
        ("what is the name of the longest river", 1),  # 8 words
        ("what is the name of that longest", 0),  # 7
        ("我国最长的河流叫什么名字", 1),  # 12 characters
        ("我国最长的河流叫什么名", 0),
        ("a b c d e f g h", 0),  # 8 words of too few letters
        ("如果 x 大于 12，那么 f(x) 是多少", 1),  # a mixture in proportion
        ("one two three four five six seven eight nine ten eleven twelve thirteen", 1),
        ("one two three four five six seven eight nine ten eleven twelve thirteen fourteen", 2),
        ("word " * 12 + "x" * 600, 1),
    ],
)
def test_how_much_of_a_question_is_matched(text: str, grams: int) -> None:
    index = build_index([Item("e", "0", {Part.QUESTION: (text,)})], GramSettings())
    assert sizes(index) == {("e", "0", "question"): grams}
    assert all(length <= LONGEST_RUN for length in index.grams.lengths)


def test_a_stored_index_is_the_one_that_was_built(tmp_path: Path) -> None:
    items = [Item("e", str(number), {Part.QUESTION: (f"{LONG} {number}",)}) for number in range(3)]
    built = build_index(items, GramSettings())
    built.write(str(tmp_path / "index.arrow"), str(tmp_path / "items.arrow"))
    stored = open_index(str(tmp_path / "index.arrow"), str(tmp_path / "items.arrow"))
    for name, array in built.grams._asdict().items():
        assert np.array_equal(getattr(stored.grams, name), array), name
    assert stored.items.equals(built.items.combine_chunks())
    assert stored.items_of(1) == [("e", "1", "question")]
    assert numbers(stored.items["text"]).tolist() == [0, 1, 2]


def test_the_digest_changes_with_everything_that_an_index_is_made_from() -> None:
    base = Item("e", "0", {Part.QUESTION: (LONG,)})
    others = [
        Item("f", "0", {Part.QUESTION: (LONG,)}),
        Item("e", "1", {Part.QUESTION: (LONG,)}),
        Item("e", "0", {Part.ANSWER: (LONG,)}),
        Item("e", "0", {Part.QUESTION: (LONG + "!",)}),
        Item("e", "0", {Part.QUESTION: (LONG, LONG)}),
        Item("e", "0", {Part.QUESTION: ("\ud800",)}),
    ]
    assert len({items_digest([item]) for item in [base, *others]}) == 7
    assert items_digest([base]) == items_digest([Item("e", "0", {Part.QUESTION: (LONG,)})])


@pytest.mark.parametrize("name", ["words", "characters", "whole_words", "whole_characters"])
def test_settings_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be 1 to 100, not 0"):
        GramSettings(**{name: 0})
