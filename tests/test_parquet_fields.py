"""Columns of Parquet files by name: fields of columns, and names that no column has."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from corpus.errors import InputError
from corpus.sources.parquet import read_parquet
from corpus.sources.records import DEFAULT_FIELDS, Fields, Item, Limits, Split, Text


def read(folder: Path, rows: list[dict[str, object]], fields: Fields) -> list[Item]:
    file = folder / "rows.parquet"
    pa.parquet.write_table(pa.Table.from_pylist(rows), file)
    size = file.stat().st_size
    return list(
        read_parquet(Split(0, "s", "parquet", str(file), 0, size, size, fields=fields), Limits(1 << 20, 1 << 20))
    )


ROWS: list[dict[str, object]] = [
    {"content": "a", "meta": {"url": "http://a.example/1", "n": 3}},
    {"content": "b", "meta": None},
    {"content": "c", "meta": {"url": None, "n": 4}},
]


def test_fields_of_columns_are_read(tmp_path: Path) -> None:
    items = read(tmp_path, ROWS, DEFAULT_FIELDS._replace(text="content", url="meta.url", id="meta.n"))
    assert [(item.text, item.url, item.record_id) for item in items if isinstance(item, Text)] == [
        ("a", "http://a.example/1", "3"),
        ("b", None, None),
        ("c", None, "4"),
    ]
    nested = read(tmp_path, [{"page": {"text": "x"}}], DEFAULT_FIELDS._replace(text="page.text"))
    assert [item.text for item in nested if isinstance(item, Text)] == ["x"]


@pytest.mark.parametrize("name", ["ulr", "meta.ulr", "url.meta", "content.url"])
def test_a_name_that_no_column_has_stops_with_those_there_are(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf'rows.parquet: no column is called "{name}".*content, meta.url, meta.n'):
        read(tmp_path, ROWS, DEFAULT_FIELDS._replace(text="content", url=name))
