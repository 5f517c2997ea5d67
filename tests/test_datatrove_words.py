"""`filters.parity.datatrove_words` against the words that datatrove gave the texts of datatrove_cases.jsonl, and on any text."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.unicode import code_points
from corpus.unicode.segmentation import ALPHABETIC_WORD, SYMBOL_WORD, classify
from filters.parity import datatrove_words

_LINES = Path(__file__).with_name("datatrove_cases.jsonl").read_text("utf-8").split("\n")
CASES = [json.loads(line) for line in _LINES if line]
WORD_CASES = [case for case in CASES if "words" in case]


def cut(text: str) -> list[tuple[str, int]]:
    """Words and kinds."""
    tables = datatrove_words.load()
    points = np.array([*map(ord, text), 0], dtype=np.uint32)
    flags = np.zeros(len(points), np.uint16)
    classify(points, len(text), code_points.load().classes, flags)
    starts, ends = np.zeros(len(points), np.int32), np.zeros(len(points), np.int32)
    kinds = np.zeros(len(points), np.uint8)
    count = datatrove_words.cut_english(
        points, flags, 0, len(text), tables.classes, tables.keys, tables.values, starts, ends, kinds
    )
    return [
        (text[start:end], int(kind))
        for start, end, kind in zip(starts[:count], ends[:count], kinds[:count], strict=True)
    ]


def words(text: str) -> list[str]:
    return [word for word, _ in cut(text)]


def test_words_are_those_that_datatrove_gave() -> None:
    assert len(WORD_CASES) > 450
    wrong = {case["text"]: (words(case["text"]), case["words"]) for case in WORD_CASES}
    wrong = {text: pair for text, pair in wrong.items() if pair[0] != pair[1]}
    assert not wrong


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I cannot, and/or won't.", ["I", "can", "not", ",", "and/or", "wo", "n't", "."]),
        (
            "See 3.14 of the U.S. (e.g. at 10am).",
            ["See", "3.14", "of", "the", "U.S.", "(", "e.g.", "at", "10", "am", ")", "."],
        ),
        ("https://example.com/a?b=c, user@example.com;", ["https://example.com/a?b=c", ",", "user@example.com", ";"]),
        ("10km/h and $5, 7US$", ["10", "km/h", "and", "$", "5", ",", "7", "US$"]),
        ("end.Begin a-b 1-2 x/y", ["end", ".", "Begin", "a", "-", "b", "1", "-", "2", "x", "/", "y"]),
        ("wait...what…", ["wait", "...", "what", "…"]),
        ("°F.x", ["°", "F.x"]),
    ],
)
def test_words_by_example(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_kinds() -> None:
    assert cut("a1 — 12 １ .") == [
        ("a1", ALPHABETIC_WORD),
        ("—", SYMBOL_WORD),
        ("12", 0),
        ("１", SYMBOL_WORD),
        (".", SYMBOL_WORD),
    ]


PIECES = [case["text"] for case in WORD_CASES[:130]]
TEXTS = st.one_of(
    st.lists(st.sampled_from([*PIECES, " ", " ", "\n"]), max_size=30).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.lists(st.sampled_from([":", ")", "(", "-", ".", "'", "°", "F", "m", "a"]), max_size=40).map("".join),
)


@settings(max_examples=600, deadline=None)
@given(TEXTS)
def test_words_are_the_text_without_its_white_space(text: str) -> None:
    found = words(text)
    assert all(found)
    assert "".join(found) == "".join(text.split())


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_a_blank_divides(left: str, right: str) -> None:
    """Words of one piece depend on no other piece: what makes one pass over a text enough."""
    assert words(f"{left} {right}") == words(left) + words(right)


def test_long_pieces_take_linear_time() -> None:
    for piece in ("a.", ":)", "'", "-", "a@", "x://", "1/", "(", "…", "°F."):
        assert "".join(words(piece * 100_000)) == piece * 100_000
