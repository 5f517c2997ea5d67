"""Parquet rows: each once whatever the ranges, mapped columns, damage counted."""

import contextlib
import datetime
import io
import os
import resource
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.errors import InputError
from corpus.reasons import Reason
from corpus.sources.fence import Answer, Fence
from corpus.sources.parquet import read_parquet, row_groups
from corpus.sources.parquet_rows import parquet_rows
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


HOSTILE = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "cases" / "hostile"


def children_peak() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10


@pytest.mark.parametrize("name", ["parquet_sigabrt.parquet", "dict_200x40MB.parquet"])
def test_files_that_end_their_reader_or_want_gigabytes(name: str) -> None:
    if not (HOSTILE / name).is_file():
        pytest.skip("needs the hostile cases")
    items = read(HOSTILE / name, fields=Fields())
    assert any(isinstance(item, Loss) for item in items)
    assert row_groups(str(HOSTILE / name), (HOSTILE / name).stat().st_size)[-1][1] == (HOSTILE / name).stat().st_size


def test_any_byte_of_a_footer(tmp_path: Path) -> None:
    """A changed byte of it can end the process that parses it (SIGABRT); a file is then one loss, and the next is read."""
    data = made(40, 20)
    size = int.from_bytes(data[-8:-4], "little")
    good = tmp_path / "good.parquet"
    good.write_bytes(data)
    file = tmp_path / "rows.parquet"
    random = np.random.default_rng(8)
    for place in (len(data) - 8 - random.integers(1, size, 80)).tolist():
        file.write_bytes(data[:place] + bytes([data[place] ^ int(random.integers(1, 256))]) + data[place + 1 :])
        # A changed name of a column that the source names stops, as a misspelt one does.
        with contextlib.suppress(InputError):
            items = read(file)
            assert sum(item.length for item in items if isinstance(item, Loss)) <= len(data)
        row_groups(str(file), len(data))
    assert sum(isinstance(item, Text) for item in read(good)) == 39


@pytest.mark.parametrize("repeats", [64, 4000])
def test_a_dictionary_of_one_large_value_expands_no_further_than_a_record_and_its_bytes(
    tmp_path: Path, repeats: int
) -> None:
    file = tmp_path / "rows.parquet"
    text = pa.DictionaryArray.from_arrays(pa.array([0] * repeats, pa.int32()), ["x" * 900_000])
    pa.parquet.write_table(pa.table({"content": text}), file, compression="zstd", write_statistics=False)
    items = read(file, fields=Fields("content"))
    loss = items[-1]
    assert isinstance(loss, Loss)
    assert loss.reason is Reason.EXPANSION_LIMIT
    assert len(items) <= 1 + (1 << 20 | 1000 * file.stat().st_size) // 900_000
    assert loss.length <= file.stat().st_size


def test_a_run_of_nulls_does_not_hold_a_worker(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    rows = 3 << 18
    pa.parquet.write_table(pa.table({"content": pa.nulls(rows, pa.string())}), file, row_group_size=rows)
    items = read(file, fields=Fields("content"))
    assert len(items) < (1 << 18) + 64 * file.stat().st_size
    assert isinstance(items[-1], Loss)
    assert items[-1].reason is Reason.EXPANSION_LIMIT


def test_a_text_over_the_limit_is_a_failed_row_and_the_others_are_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    texts = ["a", "書" * 400_000, "b", "c" * (1 << 20), "d" * ((1 << 20) + 1), "e"]
    pa.parquet.write_table(pa.table({"content": texts}), file)
    items = read(file, fields=Fields("content"))
    assert [item.text[:1] for item in items if isinstance(item, Text)] == ["a", "b", "c", "e"]
    assert [(item.offset, item.reason) for item in items if isinstance(item, Loss)] == [
        (1, Reason.EXPANSION_LIMIT),
        (4, Reason.EXPANSION_LIMIT),
    ]


def test_text_that_is_no_utf_8_costs_its_characters_alone(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    table = pa.table({"content": pa.array([b"a", b"\xff\xfeb", b"c"]).view(pa.string())})
    pa.parquet.write_table(table, file)
    assert [item.text for item in read(file, fields=Fields("content")) if isinstance(item, Text)] == [
        "a",
        "\ufffd\ufffdb",
        "c",
    ]


def ends_in_group(request: dict[str, Any], stream: BinaryIO) -> Iterator[Answer]:
    """The rows of a file, with a process that does not live through row 130."""
    seen = request["row"] + 100 * request["group"]
    for answer in parquet_rows(request, stream):
        if "group" in answer.header:
            seen = answer.header["row"] + (request["row"] if answer.header["group"] == request["group"] else 0)
        if "rows" in answer.header:
            if seen <= 130 < seen + answer.header["rows"]:
                os.abort()
            seen += answer.header["rows"]
        yield answer


def test_a_row_that_ends_its_process_costs_the_rest_of_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    fence = Fence("test_parquet:ends_in_group", processor_seconds=60, memory_bytes=1 << 29)
    monkeypatch.setattr("corpus.sources.parquet._fence", lambda memory_bytes: fence)
    file = tmp_path / "rows.parquet"
    file.write_bytes(made(400, 100))
    items = read(file)
    assert [item.offset for item in items if isinstance(item, Text)] == [
        *sorted(set(range(130)) - {3}),
        *range(200, 400),
    ]
    null, loss = [item for item in items if isinstance(item, Loss)]
    assert null.offset == 3
    assert loss.reason is Reason.DAMAGED_MEMBER
    assert "row group 1, row 130: the reader ended by SIGABRT, 4 times" in loss.detail
    assert fence.ended == 4
