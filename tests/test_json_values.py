"""Rows that are not an object a line: arrays, several lines, GBK, nested and misspelt fields, bzip2 and xz."""

import bz2
import io
import itertools
import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import InputError
from corpus.reasons import Reason
from corpus.sources.json_values import SEEN_ROWS, values
from corpus.sources.jsonl import read_jsonl
from corpus.sources.records import DEFAULT_FIELDS, Fields, Item, Limits, Loss, Split, Text

LIMITS = Limits(1 << 20, 1 << 20)
ROWS = [
    {
        "id": str(n),
        "text": f'Zeile {n}: "{{[}}]", 春天的时候，河边的柳树最先发芽 \\',
        "meta": {"url": f"http://a.example/{n}"},
    }
    for n in range(5)
]


def read(file: Path, data: bytes, *, fields: Fields = DEFAULT_FIELDS, cuts: tuple[int, ...] = ()) -> list[Item]:
    file.write_bytes(data)
    edges = [0, *cuts, len(data)]
    found: list[Item] = []
    for begin, end in itertools.pairwise(edges):
        found += read_jsonl(Split(0, "s", "jsonl", str(file), begin, end, len(data), fields=fields), LIMITS)
    return found


def texts(items: list[Item]) -> list[str]:
    return [item.text for item in items if isinstance(item, Text)]


SHAPES = {
    "array": json.dumps(ROWS),
    "array, raw characters": json.dumps(ROWS, ensure_ascii=False),
    "array, a row a line": "[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n",
    "pretty array": json.dumps(ROWS, indent=2, ensure_ascii=False),
    "pretty objects": "\n".join(json.dumps(row, indent=1) for row in ROWS),
    "two a line": "".join(map(json.dumps, ROWS)) + "\n",
    "blank between": " ".join(map(json.dumps, ROWS)),
    "lines": "\n".join(map(json.dumps, ROWS)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("packed", ["plain", "bz2", "xz", "mark"])
def test_every_shape_gives_all_rows(tmp_path: Path, shape: str, packed: str) -> None:
    data = SHAPES[shape].encode()
    data = {"plain": data, "bz2": bz2.compress(data), "xz": lzma.compress(data), "mark": b"\xef\xbb\xbf" + data}[packed]
    items = read(tmp_path / "rows.json", data, cuts=(len(data) // 3, len(data) // 2))
    assert sorted(texts(items)) == sorted(row["text"] for row in ROWS)
    assert not [item for item in items if isinstance(item, Loss)]


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.dictionaries(st.text(max_size=4), st.text(max_size=90)), max_size=6),
    indent=st.sampled_from([None, 1]),
)
def test_outermost_objects_are_found(rows: list[dict[str, str]], indent: int | None) -> None:
    data = json.dumps(rows, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert [json.loads(piece) for _, piece in values(io.BytesIO(data), LIMITS) if not isinstance(piece, Loss)] == rows


def test_an_object_over_the_limit_is_one_loss(tmp_path: Path) -> None:
    rows = [{"text": "a"}, {"text": "b" * (3 << 20)}, {"text": "c"}]
    items = read(tmp_path / "rows.json", json.dumps(rows).encode())
    assert texts(items) == ["a", "c"]
    (loss,) = [item for item in items if isinstance(item, Loss)]
    assert loss.reason is Reason.EXPANSION_LIMIT
    assert loss.length > 3 << 20


def test_what_is_broken_costs_itself(tmp_path: Path) -> None:
    data = json.dumps(ROWS[:3], indent=1).encode()
    broken = data.replace(b'"id": "1"', b'"id": ?')
    items = read(tmp_path / "rows.json", broken)
    assert texts(items) == [ROWS[0]["text"], ROWS[2]["text"]]
    assert [item.reason for item in items if isinstance(item, Loss)] == [Reason.MALFORMED_RECORD]
    cut = read(tmp_path / "rows.json", data[: len(data) - 40])
    assert texts(cut) == [ROWS[0]["text"], ROWS[1]["text"]]
    assert isinstance(cut[-1], Loss)


@pytest.mark.parametrize("bad", [b"\xff", b"\xe6\x98", b"\x80"])
def test_a_bad_byte_costs_its_row_and_is_named(tmp_path: Path, bad: bytes) -> None:
    lines = [json.dumps(row, ensure_ascii=False).encode() for row in ROWS]
    lines[2] = lines[2].replace("春天".encode(), "春天".encode() + bad)
    items = read(tmp_path / "rows.jsonl", b"\n".join(lines))
    assert len(texts(items)) == 4
    (loss,) = [item for item in items if isinstance(item, Loss)]
    assert loss.detail.startswith(f"not UTF-8: byte 0x{bad[0]:02x} at")


@pytest.mark.parametrize("shape", ["lines", "array, raw characters", "pretty array"])
def test_rows_in_gbk_are_read(tmp_path: Path, shape: str) -> None:
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) if shape == "lines" else SHAPES[shape]
    assert texts(read(tmp_path / "rows.jsonl", text.encode("gbk"))) == [row["text"] for row in ROWS]


@pytest.mark.parametrize("text", ["Über süße Grüße", "Наши люди", "日本語の文章です"])
def test_rows_in_another_charset_are_lost_with_the_reason(tmp_path: Path, text: str) -> None:
    codec = {"Ü": "cp1252", "Н": "cp1251", "日": "cp932"}[text[0]]
    (loss,) = read(tmp_path / "rows.jsonl", json.dumps({"text": text}, ensure_ascii=False).encode(codec))
    assert isinstance(loss, Loss)
    assert loss.detail.startswith("not UTF-8")


def test_what_trails_an_object_is_a_loss_of_its_own(tmp_path: Path) -> None:
    row, loss = read(tmp_path / "rows", b'{"text": "a"} trailing\n')
    assert isinstance(row, Text)
    assert isinstance(loss, Loss)
    assert (loss.offset, loss.length) == (14, 9)


def test_texts_in_lists_and_raw_tabs(tmp_path: Path) -> None:
    assert texts(read(tmp_path / "a", b'{"text": ["a", "b"]}\n{"text": "a\tb"}')) == ["a\nb", "a\tb"]
    (loss,) = read(tmp_path / "a", b'{"text": ["a", 1]}')
    assert isinstance(loss, Loss)


def test_nested_fields(tmp_path: Path) -> None:
    data = SHAPES["lines"].encode()
    items = read(tmp_path / "rows.jsonl", data, fields=DEFAULT_FIELDS._replace(url="meta.url"))
    assert [item.url for item in items if isinstance(item, Text)] == [row["meta"]["url"] for row in ROWS]
    dotted = read(
        tmp_path / "d.jsonl", b'{"text": "a", "meta.url": "b"}', fields=DEFAULT_FIELDS._replace(url="meta.url")
    )
    assert [item.url for item in dotted if isinstance(item, Text)] == ["b"]
    deep = read(
        tmp_path / "d.jsonl",
        b'{"content": {"body": {"text": "a"}}}',
        fields=DEFAULT_FIELDS._replace(text="content.body.text"),
    )
    assert texts(deep) == ["a"]


@pytest.mark.parametrize("name", ["ulr", "meta.ulr", "url.meta"])
@pytest.mark.parametrize("rows", [1, SEEN_ROWS, SEEN_ROWS + 7])
def test_a_field_that_no_row_has_stops_with_those_that_they_have(tmp_path: Path, name: str, rows: int) -> None:
    data = b'{"id": 1, "text": "a", "meta": {"url": "b"}}\n' * rows
    with pytest.raises(InputError, match=rf'{min(rows, SEEN_ROWS)} rows has "{name}".*id, text, meta.url'):
        read(tmp_path / "rows.jsonl", data, fields=DEFAULT_FIELDS._replace(url=name))


def test_a_field_that_one_row_has_is_no_mistake(tmp_path: Path) -> None:
    data = b'{"text": "a"}\n' * (SEEN_ROWS - 1) + b'{"text": "a", "link": null}\n' + b'{"text": "b"}\n' * 9
    assert len(read(tmp_path / "rows.jsonl", data, fields=DEFAULT_FIELDS._replace(url="link"))) == SEEN_ROWS + 9


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_packed_rows_that_are_damaged_or_cut(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    packed = pack(SHAPES["lines"].encode() * 300)
    cut = read(tmp_path / "rows", packed[: len(packed) - 40])
    assert isinstance(cut[-1], Loss)
    assert cut[-1].reason is Reason.TRUNCATED_INPUT
    damaged = read(tmp_path / "rows", packed[:-30] + bytes(30))
    assert isinstance(damaged[-1], Loss)
