"""`corpus.unicode`: the shipped code point classes against `unicodedata`, decoding against Python's, words by example."""

import itertools
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.unicode import code_points as u
from corpus.unicode import segmentation


def decode(raw: bytes, begin: int = 0, end: int | None = None) -> str:
    points = np.zeros(len(raw) + 1, np.uint32)
    count = segmentation.decode(np.frombuffer(raw, np.uint8), begin, len(raw) if end is None else end, points)
    assert not points[count:].any()
    return "".join(map(chr, points[:count]))


def points_and_flags(text: str) -> tuple[segmentation.UInt32s, segmentation.UInt16s]:
    points = np.array([ord(c) for c in text] or [0], dtype=np.uint32)
    flags = np.zeros(len(points), dtype=np.uint16)
    segmentation.classify(points, len(text), u.load().classes, flags)
    return points, flags


def words(text: str) -> list[str]:
    points, flags = points_and_flags(text)
    starts, ends, kinds = (
        np.zeros(len(points), np.int32),
        np.zeros(len(points), np.int32),
        np.zeros(len(points), np.uint8),
    )
    count = segmentation.segment_words(points, flags, len(text), starts, ends, kinds)
    return [text[start:end] for start, end in zip(starts[:count], ends[:count], strict=True)]


def sentence_ends(text: str) -> int:
    return segmentation.count_ends(*points_and_flags(text), len(text))[0]


def test_shipped_classes_agree_with_this_pythons_unicodedata() -> None:
    classes = u.load().classes
    assert len(classes) == u.CODE_POINTS
    assigned = [c for c in map(chr, range(u.CODE_POINTS)) if unicodedata.category(c) not in ("Cn", "Co", "Cs")]
    different = [c for c in assigned if classes[ord(c)] != u.classify(c)]
    # Unicode versions change the category of a handful of characters.
    assert len(different) < 20, different[:50]


def test_shipped_lower_case_agrees_with_this_pythons() -> None:
    lower = u.load().lower
    letters = [c for c in map(chr, range(u.CODE_POINTS)) if len(c.lower()) == 1 and unicodedata.category(c) != "Cn"]
    assert sum(lower[ord(c)] != ord(c.lower()) for c in letters) < 20
    assert chr(lower[ord("İ")]) == "İ"  # its lower case is two code points


@pytest.mark.parametrize(
    ("characters", "flag"),
    [
        ("漢々〇ぁカｶーก๕ກកက", u.NO_SPACE),
        ("漢々〇ぁカｶー한ㄱᄀ", u.CJK),
        ("。．.!？…؟।።", u.TERMINAL),
        ("\n\t \u3000\u2028\x1c\x85\u00a0", u.SPACE),
        ("\U0003fffd", u.CJK),
    ],
)
def test_classes_by_example(characters: str, flag: int) -> None:
    assert all(u.load().classes[ord(c)] & flag for c in characters)


@pytest.mark.parametrize("characters", ["한", "a", "0", "。", "・", "\u0e31"])
def test_not_a_word_of_its_own(characters: str) -> None:
    assert not any(u.load().classes[ord(c)] & u.NO_SPACE for c in characters)


EVIL = st.lists(
    st.sampled_from([b"\xe0", b"\xed", b"\xf0", b"\xf4", b"\x80", b"\x8f", b"\x90", b"\x9f", b"\xa0", b"\xbf", b"A"])
    | st.sampled_from([b"\xc0", b"\xc1", b"\xc2", b"\xf5", b"\xff", b"\x00", "中".encode(), "🔬".encode()])
).map(b"".join)


@settings(max_examples=2000, deadline=None)
@given(EVIL | st.binary(max_size=40) | st.text().map(lambda text: text.encode()))
def test_any_bytes_decode_as_python_replaces_them(raw: bytes) -> None:
    assert decode(raw) == raw.decode("utf-8", "replace")


def test_nothing_outside_the_range_is_read() -> None:
    raw = "a中🔬b".encode()
    for begin in range(len(raw)):
        for end in range(begin, len(raw) + 1):
            assert decode(raw, begin, end) == raw[begin:end].decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, world!", ["Hello", ",", "world", "!"]),
        ("can't rock’n’roll 'quoted'", ["can't", "rock’n’roll", "'", "quoted", "'"]),
        ("well-known e.g. example.org", ["well", "-", "known", "e.g", ".", "example.org"]),
        ("3.14 1,000 1. 2a.b 1.a", ["3.14", "1,000", "1", ".", "2a.b", "1", ".", "a"]),
        ("snake_case __init__", ["snake_case", "__", "init", "__"]),
        ("wait... ===== ?!", ["wait", "...", "=====", "?", "!"]),
        ("中文，abc测试", ["中", "文", "，", "abc", "测", "试"]),
        ("ひらカタ", ["ひ", "ら", "カ", "タ"]),
        ("วันนี้", ["วั", "น", "นี้"]),
        ("안녕하세요 세계", ["안녕하세요", "세계"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("cafe\u0301 co\u00adop", ["cafe\u0301", "co\u00adop"]),
        ("a\u200bb \u200d ", ["a", "b"]),
        ("❤\ufe0f ok", ["❤\ufe0f", "ok"]),
        ("\x00a\x00", ["a"]),
        ("", []),
    ],
)
def test_words_by_example(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_words_lie_in_order_and_cover_all_but_separators(text: str) -> None:
    classes = u.load().classes
    joined = "".join(words(text))
    wanted = segmentation.ALPHANUMERIC | segmentation.SYMBOLIC
    assert [c for c in joined if classes[ord(c)] & wanted] == [c for c in text if classes[ord(c)] & wanted]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two? Three!", 3),
        ("Pi is 3.14, see example.org", 0),
        ('He said: "Go." Then…', 2),
        ("好。走吧！吗？", 3),
        ("Wait... what?!", 2),
        ("", 0),
    ],
)
def test_sentence_ends_by_example(text: str, expected: int) -> None:
    assert sentence_ends(text) == expected


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("a.… !\n。")))
def test_ellipses_are_those_that_python_counts(text: str) -> None:
    assert segmentation.count_ends(*points_and_flags(text), len(text))[1] == text.count("...") + text.count("…")


@settings(max_examples=300, deadline=None)
@given(st.text(), st.integers(0, 50), st.integers(0, 50))
def test_a_spans_hash_comes_from_its_texts_prefixes_too(text: str, start: int, length: int) -> None:
    points, _ = points_and_flags(text)
    prefixes, powers = np.zeros(len(points) + 1, np.uint64), np.zeros(len(points) + 1, np.uint64)
    segmentation.fill_powers(powers)
    segmentation.hash_prefixes(points, len(text), prefixes)
    start = min(start, len(text))
    end = min(start + length, len(text))
    for tabled in (powers, powers[:1], powers[: len(powers) // 2 + 1]):  # longer spans take theirs by squaring
        assert segmentation.prefix_hash(prefixes, tabled, start, end) == segmentation.hash_span(points, start, end)


def test_buffers_honour_slices_and_share_memory() -> None:
    array = pa.array(["ab", "", "中文", "x"])
    data, offsets = segmentation.utf8_buffers(array.slice(1, 2))
    assert [bytes(data[b:e]).decode() for b, e in itertools.pairwise(offsets)] == ["", "中文"]
    assert data.ctypes.data == array.buffers()[2].address
    assert segmentation.longest(offsets) == 6
    assert segmentation.longest(np.zeros(1, np.int64)) == 0
    with pytest.raises(ValueError, match="2\\^31"):
        segmentation.longest(np.array([0, 1 << 31], np.int64))
