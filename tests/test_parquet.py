"""Parquet rows: each once whatever the ranges, mapped columns, damage counted."""

import datetime
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.reasons import Reason
from corpus.sources.parquet import read_parquet
from corpus.sources.records import Fields, Item, Limits, Loss, Split, Text

LIMITS = Limits(max_record_bytes=1 << 20, max_page_bytes=1 << 20)
RELAXED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
MAPPED = Fields("content", "doc_id", "link", "timestamp")


def made(rows: int, group: int, compression: str = "zstd") -> bytes:
    moment = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    table = pa.table(
        {
            "unread": [b"x" * 50] * rows,
            "content": [None if n == 3 else f"text {n} " + "书" * (n % 40) for n in range(rows)],
            "doc_id": pa.array(range(rows), pa.int64()),
            "link": pa.array([f"http://a.example/{n % 5}" for n in range(rows)]).dictionary_encode(),
            "timestamp": pa.array([moment] * rows, pa.timestamp("ns", tz="UTC")),
        }
    )
    sink = io.BytesIO()
    pa.parquet.write_table(table, sink, row_group_size=group, compression=compression)
    return sink.getvalue()


def read(file: Path, begin: int = 0, end: int | None = None, fields: Fields = MAPPED) -> list[Item]:
    size = file.stat().st_size
    split = Split(0, "s", "parquet", str(file), begin, size if end is None else end, size, file.name, fields)
    return list(read_parquet(split, LIMITS))


@RELAXED
@given(cuts=st.lists(st.integers(0, 1 << 16), max_size=8), rows=st.integers(0, 90), group=st.integers(1, 40))
def test_any_division_gives_every_row_once(tmp_path: Path, cuts: list[int], rows: int, group: int) -> None:
    file = tmp_path / "rows.parquet"
    file.write_bytes(made(rows, group))
    size = file.stat().st_size
    bounds = sorted({0, size, *(cut % (size + 1) for cut in cuts)})
    whole = read(file)
    assert [item for begin, end in pairwise(bounds) for item in read(file, begin, end)] == whole
    assert [item.offset for item in whole] == list(range(rows))


def test_fields(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    file.write_bytes(made(5, 2))
    items = read(file)
    first = items[0]
    assert isinstance(first, Text)
    assert (first.text, first.record_id, first.url) == ("text 0 ", "0", "http://a.example/0")
    assert first.date == "2024-01-02T03:04:05+00:00"
    assert isinstance(items[3], Loss)
    assert items[3].reason is Reason.MALFORMED_RECORD
    (loss,) = read(file, fields=Fields())
    assert isinstance(loss, Loss)
    assert "no column 'text'" in loss.detail


def test_a_damaged_row_group_is_a_loss_and_the_others_are_read(tmp_path: Path) -> None:
    data = made(1000, 100)
    groups = pa.parquet.ParquetFile(io.BytesIO(data)).metadata
    begins = [groups.row_group(n).column(1).dictionary_page_offset for n in range(10)]
    damaged = bytearray(data)
    damaged[begins[4] : begins[4] + 200] = b"\xff" * 200
    file = tmp_path / "rows.parquet"
    file.write_bytes(damaged)
    items = read(file)
    assert {item.offset for item in items if isinstance(item, Text)} >= set(range(1000)) - set(range(400, 500)) - {3}
    assert [item.reason for item in items if isinstance(item, Loss)] == [
        Reason.MALFORMED_RECORD,
        Reason.DAMAGED_MEMBER,
    ]


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"{}\n" * 20])
def test_what_is_no_parquet_file_is_said_to_be_none(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "rows.parquet"
    file.write_bytes(data)
    assert [item.reason for item in read(file) if isinstance(item, Loss)] == [Reason.NOT_AN_ARCHIVE]


def test_cut_and_flipped_files_never_raise(tmp_path: Path) -> None:
    data = made(300, 50, "none")
    file = tmp_path / "rows.parquet"
    random = np.random.default_rng(6)
    for place in random.integers(0, len(data), 60).tolist():
        file.write_bytes(data[:place])
        assert all(isinstance(item, Loss) for item in read(file))
        file.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        read(file)
