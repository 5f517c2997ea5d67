"""Word lists: the units that stand in a text, the longest entry at each place, against a plain reading over strings."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_letters as reference
from corpus.errors import InputError
from corpus.recipe import WordList
from filters.scorers.word_lists import (
    LONGEST_ENTRY,
    LONGEST_WORD,
    Entries,
    count_listed,
    entries_of,
    open_entries,
    read_entries,
)


def compiled(listed: list[str], allowed: list[str] | None = None) -> Entries:
    return entries_of([(entry, "a") for entry in listed], [(entry, "b") for entry in allowed or []])


def counted(text: str, entries: Entries) -> tuple[int, int, int]:
    found, inside, units = count_listed(pa.array([text], pa.large_string()), entries)
    return int(found[0]), int(inside[0]), int(units[0])


def units_of(text: str) -> list[str]:
    found, units = reference.read(text)
    firsts = [first for first, _ in units]
    return [found[begin:end] for begin, end in zip(firsts, [*firsts, len(found)][1:], strict=True)]


def expected(text: str, listed: list[str], allowed: list[str]) -> tuple[int, int, int]:
    """The longest entry from left to right, over lists of strings."""
    kinds = {tuple(units_of(entry)): True for entry in listed} | {tuple(units_of(entry)): False for entry in allowed}
    units = units_of(text)
    found = inside = at = 0
    while at < len(units):
        matching = [entry for entry in kinds if tuple(units[at : at + len(entry)]) == entry]
        longest = max(matching, key=len, default=None)
        if longest is not None and kinds[longest]:
            found, inside = found + 1, inside + len(longest)
        at += len(longest) if longest is not None else 1
    return found, inside, len(units)


PIECES = st.sampled_from(
    ["bad", "worse", "BAD", "ba", "d", "good", "口", "交", "出", "易", "進", "进", "é", "-", " ", "，"]
)
ENTRIES = st.lists(st.lists(PIECES, min_size=1, max_size=4).map("".join).filter(units_of), max_size=5)


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=30).map("".join), ENTRIES, ENTRIES)
def test_counts_are_those_of_the_plain_reading(text: str, listed: list[str], allowed: list[str]) -> None:
    assert counted(text, compiled(listed, allowed)) == expected(text, listed, allowed)


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_text_is_counted_and_each_by_itself(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    entries = compiled(["a", "b c", "中"])
    together = count_listed(pa.array(texts, pa.large_string()), entries)
    assert [tuple(int(column[row]) for column in together) for row in range(len(texts))] == [
        counted(text, entries) for text in texts
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("A class of grasses.", 0),  # no part of a word
        ("An ass, an ASS, an áss and an ａｓｓ.", 4),
        ("bad word", 1),
        ("a bad-word, a bad\nword", 2),
        ("badword", 0),
        ("bad words", 0),
        ("进出口交易", 0),
        ("進出口交易，再口交。", 1),  # the other script
        ("口 交", 1),
    ],
)
def test_words_phrases_and_what_is_allowed(text: str, number: int) -> None:
    assert counted(text, compiled(["ass", "bad word", "口交"], ["出口交易"]))[0] == number


def test_an_entry_that_is_listed_and_allowed_is_allowed() -> None:
    assert counted("fine fine", compiled(["fine"], ["Fine"]))[0] == 0


def test_the_order_of_entries_does_not_matter_and_a_stored_list_is_the_same(tmp_path: Path) -> None:
    listed = [f"word{number} 字{number}" for number in range(300)]
    one, other = compiled(listed, ["word1"]), compiled(listed[::-1] + listed, ["word1"])
    one.write(str(tmp_path / "list.arrow"))
    for array, of_other, stored in zip(one, other, open_entries(str(tmp_path / "list.arrow")), strict=True):
        assert np.array_equal(array, of_other)
        assert np.array_equal(array, stored)
    assert one.digest == other.digest != compiled(listed).digest
    assert sum(counted(entry, one)[0] for entry in listed) == 300


def test_a_huge_text_of_first_words_is_linear_and_long_words_are_no_entries() -> None:
    entries = compiled(["a " * (LONGEST_ENTRY - 1) + "b"])
    assert counted("a " * 300_000, entries) == (0, 0, 300_000)
    assert counted("x" * 1_000_000 + " y", compiled(["y"])) == (1, 1, 2)
    assert counted("x" * LONGEST_WORD, compiled(["x" * LONGEST_WORD]))[0] == 1


@pytest.mark.parametrize("entry", ["!!!", "a " * (LONGEST_ENTRY + 1), "x" * (LONGEST_WORD + 1)])
def test_what_is_no_entry_is_refused_with_its_place(entry: str) -> None:
    with pytest.raises(InputError, match=r"there: .* is no entry"):
        entries_of([(entry, "there")])


def test_files(tmp_path: Path) -> None:
    (tmp_path / "en.txt").write_text("\ufeff# ours\nbad word\n\n  worse  \r\n", encoding="utf-8")
    (tmp_path / "zh.txt").write_text("口交\n", encoding="utf-8")
    (tmp_path / "fine.txt").write_text("出口交易\n", encoding="utf-8")
    words = WordList(name="w", files=["*h.txt", "en.txt"], allow=["fine.txt"])
    found = read_entries(words, tmp_path, where="recipe.toml")
    assert found.digest == compiled(["bad word", "worse", "口交"], ["出口交易"]).digest
    with pytest.raises(InputError, match=r"recipe.toml: word_list 'w': 'no.txt' matches no file"):
        read_entries(words.model_copy(update={"files": ["no.txt"]}), tmp_path, where="recipe.toml")
    (tmp_path / "bad.txt").write_text("fine\n?!\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"bad.txt, line 2: '\?!' is no entry"):
        read_entries(words.model_copy(update={"files": ["bad.txt"]}), tmp_path, where="recipe.toml")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"'bytes.txt' cannot be read"):
        read_entries(words.model_copy(update={"files": ["bytes.txt"]}), tmp_path, where="recipe.toml")
