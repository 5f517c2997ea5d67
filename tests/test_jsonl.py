"""JSONL rows: every line once whatever the ranges, and no line, damaged file or lone surrogate that stops a run."""

import gzip
import json
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.reasons import Reason
from corpus.sources.jsonl import MAX_VALUES, read_jsonl
from corpus.sources.read import read_split
from corpus.sources.records import Item, Limits, Loss, Split, Text

LIMITS = Limits(max_record_bytes=1 << 20, max_page_bytes=1 << 20)
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(file: Path, begin: int = 0, end: int | None = None, limits: Limits = LIMITS) -> list[Item]:
    size = file.stat().st_size
    return list(read_jsonl(Split(0, "books", "jsonl", str(file), begin, size if end is None else end, size), limits))


def read_bytes(folder: Path, data: bytes, limits: Limits = LIMITS) -> list[Item]:
    file = folder / "rows.jsonl"
    file.write_bytes(data)
    return read(file, limits=limits)


def texts(items: list[Item]) -> list[str]:
    return [item.text for item in items if isinstance(item, Text)]


def rows(number: int, seed: int = 0) -> bytes:
    random = np.random.default_rng(seed)
    made = [{"id": n, "text": f"row {n} " + "书" * int(random.integers(0, 200))} for n in range(number)]
    return b"".join(json.dumps(row, ensure_ascii=bool(row["id"] % 2)).encode() + b"\n" for row in made)


lines = st.lists(
    st.one_of(
        st.text(max_size=20).map(lambda text: json.dumps({"text": text}).encode()),
        st.sampled_from(
            [b"", b"  ", b"\r", b"not json", b"{}", b"[1]", b'{"text": 3}', b"\xff\xfe", b'{"text": "a"}\r']
        ),
        st.integers(50, 300).map(lambda size: json.dumps({"text": "x" * size}).encode()),
    ),
    max_size=12,
)


@RELAXED
@given(
    content=lines, newline=st.booleans(), cuts=st.lists(st.integers(0, 2000), max_size=6), limit=st.integers(40, 400)
)
def test_any_division_gives_every_line_once(
    tmp_path: Path, content: list[bytes], newline: bool, cuts: list[int], limit: int
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"\n".join(content) + (b"\n" if newline else b""))
    size = file.stat().st_size
    bounds = sorted({0, size, *(cut % (size + 1) for cut in cuts)})
    limits = Limits(max_record_bytes=limit, max_page_bytes=limit)
    divided = [item for begin, end in pairwise(bounds) for item in read(file, begin, end, limits)]
    assert divided == read(file, limits=limits)


@RELAXED
@given(content=lines)
def test_every_line_is_a_row_a_loss_or_blank(tmp_path: Path, content: list[bytes]) -> None:
    data = b"".join(line + b"\n" for line in content)
    begins = np.cumsum([0, *(len(line) + 1 for line in content)])[:-1].tolist()
    expected = [(begin, len(line) + 1) for begin, line in zip(begins, content, strict=True) if line.strip()]
    for stored in (data, gzip.compress(data)):
        items = read_bytes(tmp_path, stored)
        assert [item.offset for item in items] == [offset for offset, _ in expected]
        if stored is data:
            assert [item.length for item in items if isinstance(item, Text | Loss)] == [size for _, size in expected]
        assert sum(item.length for item in items if isinstance(item, Loss)) <= len(stored)


def test_fields(tmp_path: Path) -> None:
    row = {"id": 7, "url": "http://a.example", "date": "2024-01-01", "text": "a\nb", "other": {"deep": [1]}}
    (item,) = read_bytes(tmp_path, json.dumps(row).encode())
    assert isinstance(item, Text)
    assert (item.record_id, item.url, item.date, item.text) == ("7", "http://a.example", "2024-01-01", "a\nb")
    for odd in (None, "", True, 1.5, [1], {"a": 1}):
        (item,) = read_bytes(tmp_path, json.dumps({"id": odd, "url": odd, "text": "x"}).encode())
        assert isinstance(item, Text)
        assert (item.record_id, item.url) == (None, None)


@pytest.mark.parametrize(
    "line",
    [
        *(b"{", b"nonsense", b"[]", b"3", b"null", b'"text"', b'{"text": null}', b'{"Text": "a"}', b"[" * 100_000),
        *(b"9" * 5000, b'{"text": "\xff"}', b"\0"),
    ],
    ids=lambda line: repr(line[:12]),
)
def test_a_bad_line_is_a_loss_and_the_next_is_read(tmp_path: Path, line: bytes) -> None:
    before, after, last = read_bytes(tmp_path, b'{"text": "a"}\n' + line + b'\n{"text": "b"}\n')
    assert isinstance(before, Text)
    assert isinstance(after, Loss)
    assert isinstance(last, Text)
    assert (after.reason, after.offset, after.length) == (Reason.MALFORMED_RECORD, 14, len(line) + 1)
    assert "\n" not in after.detail


@pytest.mark.parametrize("escaped", ['"\\ud800"', '"a\\udfffb"', '"\\ud83d\\ude00"', '"\\u0000"'])
def test_lone_surrogates_and_pairs(tmp_path: Path, escaped: str) -> None:
    """Valid JSON that is no valid text: it must not break the first Arrow column it meets."""
    line = f'{{"id": {escaped}, "url": {escaped}, "text": {escaped}}}'
    (item,) = read_bytes(tmp_path, line.encode())
    assert isinstance(item, Text)
    for value in (item.text, item.record_id, item.url):
        assert value is not None
        assert value.encode().decode() == value
    if "ude00" in escaped:
        assert item.text == "😀"


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    assert texts(read_bytes(tmp_path, b'\xef\xbb\xbf{"text": "a"}\r\n{"text": "b"}\r\n')) == ["a", "b"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_huge_line_costs_its_own_row_and_no_memory(tmp_path: Path, packed: bool) -> None:
    """Also for the range that begins inside it, which once read it whole to find its end."""
    data = b'{"text": "a"}\n{"text": "' + b"x" * (40 << 20) + b'"}\n{"text": "b"}\n'
    file = tmp_path / "rows.jsonl"
    file.write_bytes(gzip.compress(data, 1) if packed else data)
    tracemalloc.start()
    try:
        items = read(file)
        inside = [] if packed else read(file, 1000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert texts(items) == ["a", "b"]
    (loss,) = [item for item in items if isinstance(item, Loss)]
    assert (loss.reason, loss.offset, loss.length) == (
        *(Reason.EXPANSION_LIMIT, 14),
        loss.length if packed else len(data) - 28,
    )
    assert 0 < loss.length <= file.stat().st_size
    assert packed or texts(inside) == ["b"]
    assert peak < 8 << 20


def test_gzip_of_one_member_and_of_many(tmp_path: Path) -> None:
    data = rows(300)
    cuts = [0, 5, 1000, len(data) // 2, len(data)]
    many = b"".join(gzip.compress(data[begin:end]) for begin, end in pairwise(cuts))
    expected = texts(read_bytes(tmp_path, data))
    assert len(expected) == 300
    assert texts(read_bytes(tmp_path, gzip.compress(data))) == expected
    assert texts(read_bytes(tmp_path, many)) == expected
    assert texts(read_bytes(tmp_path, many + bytes(700))) == expected
    assert len(read_bytes(tmp_path, many + bytes(700))) == 300


def test_a_damaged_or_cut_gzip_file_gives_what_came_before_and_says_so(tmp_path: Path) -> None:
    data = rows(4000)
    packed = gzip.compress(data)
    expected = texts(read_bytes(tmp_path, data))
    random = np.random.default_rng(4)
    for place in random.integers(20, len(packed), 40).tolist():
        for damaged in (packed[:place], packed[:place] + bytes([packed[place] ^ 0x40]) + packed[place + 1 :]):
            items = read_bytes(tmp_path, damaged)
            found = texts(items)
            loss = items[-1]
            assert isinstance(loss, Loss)
            cut = len(damaged) < len(packed)
            assert loss.reason is (Reason.TRUNCATED_INPUT if cut else Reason.DAMAGED_MEMBER)
            assert loss.offset + loss.length == len(damaged)
            if cut:
                assert found == expected[: len(found)]
                # All but what lies in the last piece that was inflated.
                assert len(found) >= len(expected) * (place - 20_000) / len(packed)


@RELAXED
@given(data=st.binary(max_size=300), packed=st.booleans())
def test_no_bytes_make_it_raise(tmp_path: Path, data: bytes, packed: bool) -> None:
    read_bytes(tmp_path, b"\x1f\x8b\x08" + data if packed else data)


VALUES = {
    "lists": b"[" + b"[]," * MAX_VALUES + b"0]",
    "integers": b"[" + b"0," * MAX_VALUES + b"0]",
    "keys": b"{" + b",".join(b'"%x":0' % n for n in range(MAX_VALUES + 1)) + b"}",
    "opened": b"[" * (MAX_VALUES + 1),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_line_of_too_many_values_is_refused_before_it_is_parsed(tmp_path: Path, name: str) -> None:
    line = b'{"text": "a", "x": ' + VALUES[name] + b"}"
    limits = Limits(max_record_bytes=64 << 20, max_page_bytes=1 << 20)
    file = tmp_path / "rows.jsonl"
    file.write_bytes(line + b'\n{"text": "b"}\n')
    loss, after = read(file, limits=limits)
    assert isinstance(loss, Loss)
    assert loss.reason is Reason.EXPANSION_LIMIT
    assert texts([after]) == ["b"]


@pytest.mark.parametrize("text", [", " * MAX_VALUES, '\\"[' * MAX_VALUES, "\\\\" * MAX_VALUES + "," * MAX_VALUES])
def test_marks_in_a_text_are_no_values(tmp_path: Path, text: str) -> None:
    limits = Limits(max_record_bytes=64 << 20, max_page_bytes=1 << 20)
    (item,) = read_bytes(tmp_path, b'{"x": [1], "text": "' + text.encode() + b'"}\n', limits)
    assert texts([item]) == [json.loads(f'"{text}"')]


def test_the_last_of_equal_keys_counts(tmp_path: Path) -> None:
    assert texts(read_bytes(tmp_path, b'{"text": 1, "text": "a", "text": "b"}\n')) == ["b"]


@pytest.mark.parametrize("field", ["url", "id", "date", "language", "licence"])
@pytest.mark.parametrize("value", ["a" * 8193, "\u0301" * 4097, "http://a/" + "\u0323\u0301" * 40_000])
def test_a_field_that_is_too_long_is_one_failed_row(tmp_path: Path, field: str, value: str) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [{"text": "a", field: "http://a/"}, {"text": "b", field: value}, {"text": "c", field: "a" * 8192}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    size = file.stat().st_size
    before, loss, after = read_split(Split(0, "s", "jsonl", str(file), 0, size, size), LIMITS)
    assert texts([before, after]) == ["a", "c"]
    assert isinstance(loss, Loss)
    assert (loss.reason, loss.offset) == (Reason.MALFORMED_RECORD, len(json.dumps(rows[0])) + 1)
    assert "over 8192 bytes" in loss.detail
