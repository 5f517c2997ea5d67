"""Lines that many documents share: how they are measured, counted and cut, against plain Python."""

import itertools
import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.text.edits import Edit, apply_edits
from corpus.urls.url_identity import site_hash
from filters.copies.shared_lines import (
    MOST_LINES,
    Lines,
    count_documents,
    cut_ranges,
    is_among,
    lines_of,
    measure_lines,
    shared,
)


def measured(*texts: str, weight: int = 1) -> Lines:
    return lines_of(pa.chunked_array([measure_lines(pa.array(texts, pa.large_string()), weight)]))


LINE = st.sampled_from(["", "menu", "read more", "Über uns", "下一页", "12", "text of its own", "  indented", "|---|"])
TEXT = st.lists(LINE, max_size=12).map(lambda lines: re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n"))


@settings(deadline=None)
@given(st.lists(TEXT, max_size=5), st.integers(1, 8))
def test_lines_are_where_they_stand(texts: list[str], weight: int) -> None:
    found = measured(*texts, weight=weight)
    expected = []
    for row, text in enumerate(texts):
        data, place = text.encode(), 0
        full = []
        for line in text.split("\n"):
            full.append((place, place + len(line.encode()), line))
            place += len(line.encode()) + 1
        full = [each for each in full if each[2].strip()]
        for number, (begin, end, line) in enumerate(full):
            heavy = sum(2 if character >= "\u4e00" else 1 for character in line if character.isalpha())
            if heavy >= weight:
                before = begin - (full[number - 1][1] if number else 0)
                after = (full[number + 1][0] if number + 1 < len(full) else len(data)) - end
                expected.append((row, begin, end, before, after, len(line)))
    columns = (found.document, found.begin, found.end, found.before, found.after, found.characters)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Page 3 of 17 »", "PAGE 14 OF 20", False),  # as many digits
        ("Page 3 of 17 »", "PAGE 4 OF 20", True),
        ("Copyright © 2019", "copyright 2024.", True),
        ("ＡＢＣ　下一頁", "abc 下一页", True),
        ("Über uns", "uber uns", True),
        ("read more", "read less", False),
        ("下一页", "上一页", False),
    ],
)
def test_the_form_of_a_line(one: str, other: str, same: bool) -> None:
    hashes = measured(one, other).hash
    assert (hashes[0] == hashes[1]) is np.bool_(same)


def test_weight_is_letters_and_a_character_of_chinese_counts_twice() -> None:
    def weighs(line: str) -> int:
        return max((weight for weight in range(1, 40) if len(measured(line, weight=weight).hash)), default=0)

    assert [weighs(line) for line in ("Help 7.4", "下一页", "확인", "|---|", "12 - 34", "ﬁne", "e\u0301")] == [
        4,
        6,
        4,
        0,
        0,
        4,
        1,
    ]


def test_no_more_than_so_many_lines_of_a_document() -> None:
    text = "\n".join(f"line {number}" for number in range(MOST_LINES + 50))
    found = measured(text, "one more")
    assert np.bincount(found.document).tolist() == [MOST_LINES, 1]
    assert found.after[MOST_LINES - 1] == 1


KEYS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5)), max_size=40)


@settings(deadline=None)
@given(KEYS)
def test_documents_are_counted_once_for_each_line(rows: list[tuple[int, int]]) -> None:
    rows.sort(key=lambda row: row[1])
    keys = np.array([key for key, _ in rows], np.uint64)
    documents = np.array([document for _, document in rows], np.int32)
    found, counts = count_documents(keys, documents)
    expected = Counter(key for key, _ in set(rows))
    assert dict(zip(found.tolist(), counts.tolist(), strict=True)) == expected
    assert found.tolist() == sorted(expected)


@settings(deadline=None)
@given(KEYS, st.integers(1, 12))
def test_shared_keys_are_those_of_enough_documents_in_all(rows: list[tuple[int, int]], limit: int) -> None:
    keys = np.array([key for key, _ in rows], np.uint64)
    documents = np.array([number for _, number in rows], np.uint32)
    sums: Counter[int] = Counter()
    for key, number in rows:
        sums[key] += number
    assert shared(keys, documents, limit).tolist() == [sums[key] >= limit for key, _ in rows]
    known = np.array([key for key in sums if sums[key] >= limit], np.uint64)
    assert is_among(keys, known).tolist() == [sums[key] >= limit for key, _ in rows]


def without(text: str, gone: set[str]) -> str:
    """The text without lines, in plain Python: two paragraphs stay two if what goes stood apart from either."""
    out, first, blank = "", None, False
    for line in text.split("\n"):
        if not line.strip():
            blank = True
        elif line in gone:
            first, blank = blank if first is None else first, False
        else:
            out += ("\n\n" if blank or first else "\n") * bool(out) + line
            first, blank = None, False
    return out


@settings(max_examples=300, deadline=None)
@given(
    st.lists(TEXT, min_size=1, max_size=4), st.sets(LINE.filter(lambda line: line.strip() not in ("", "12", "|---|")))
)
def test_what_is_left_reads_as_if_the_lines_had_never_been(texts: list[str], gone: set[str]) -> None:
    lines = measured(*texts)
    data = [text.encode() for text in texts]
    named = [
        data[row][begin:end].decode() for row, begin, end in zip(lines.document, lines.begin, lines.end, strict=True)
    ]
    taken = np.flatnonzero([name in gone for name in named])
    cuts = cut_ranges(lines.take(taken), np.array([len(each) for each in data], np.uint32))
    edits: list[list[Edit]] = [[] for _ in texts]
    for row, begin, end in zip(cuts.document.tolist(), cuts.begin.tolist(), cuts.end.tolist(), strict=True):
        edits[row].append(Edit(begin, end))
    for text, of_text in zip(texts, edits, strict=True):
        assert apply_edits(text, of_text) == (without(text, gone) if of_text else text)
        assert all(one.end <= other.begin for one, other in itertools.pairwise(of_text))
    assert cuts.lines.sum() == len(taken)
    assert cuts.characters.sum() == sum(len(named[row]) for row in taken.tolist())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://www.Example.org/a", "http://example.org:8080/b?c", True),
        ("https://user@example.org./", "http://example.org", True),
        ("https://de.example.org/", "https://example.org/", False),
    ],
)
def test_a_site_is_a_host(one: str, other: str, same: bool) -> None:
    assert (site_hash(one) == site_hash(other)) is same
    assert site_hash(one) != 0


@pytest.mark.parametrize("url", [None, "", "no url", "http://[::1", "mailto:someone@example.org"])
def test_what_has_no_host_has_no_site(url: str | None) -> None:
    assert site_hash(url) == 0
