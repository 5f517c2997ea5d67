"""Damaged Arrow files: a value or a DamageError of one line, whatever byte or number of the file is another."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import mutants
from corpus.columns import byte_rows, numbers
from corpus.errors import DamageError
from corpus.storage import ipc
from corpus.storage.named_arrays import open_arrays, write_arrays
from corpus.storage.shards import read_shard, write_shard
from test_shards import batch_of

COLUMNS = pa.schema(
    [
        pa.field("number", pa.uint64(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("key", pa.binary(16), nullable=False),
        pa.field("tokens", pa.large_list(pa.uint16())),
        pa.field(
            "found", pa.list_(pa.struct([pa.field("at", pa.int32(), nullable=False), pa.field("of", pa.string())]))
        ),
    ]
)
ROWS = [
    {
        "number": row,
        "text": f"text {row}\u6587",
        "key": bytes(16),
        "tokens": [row] * row,
        "found": [{"at": 1, "of": "x"}],
    }
    for row in range(4)
]


def many(data: bytes) -> Iterator[bytes]:
    """Of each kind of change every third: what lies beside it is changed all the same."""
    return itertools.islice(itertools.chain(mutants.flips(data), mutants.fields(data), mutants.cuts(data)), 0, None, 3)


def read_whole(url: str) -> None:
    """As commands read a file: by value, and by its buffers."""
    with suppress(DamageError):
        table = ipc.open_table(url, COLUMNS)
        table.to_pylist()
        numbers(table["number"]).sum()
        byte_rows(table["key"]).sum()
    with suppress(DamageError):
        ipc.open_table(url, columns=["found", "text"]).to_pylist()


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_no_change_of_a_file_ends_the_process_or_is_another_error(tmp_path: Path, compression: str | None) -> None:
    url = str(tmp_path / "a.arrow")
    table = pa.Table.from_pylist(ROWS, COLUMNS)
    ipc.write_batches(url, COLUMNS, [*table.to_batches(), *table.to_batches()], compression=compression)

    def read(data: bytes) -> None:
        Path(url).write_bytes(data)
        read_whole(url)

    data = Path(url).read_bytes()
    assert mutants.survive(read, many(data)) > len(data)


def test_arrays_of_a_changed_file_are_arrays_or_damage(tmp_path: Path) -> None:
    url = str(tmp_path / "a.arrow")
    write_arrays(url, {"hashes": np.arange(9, dtype=np.uint64), "places": np.arange(3, dtype=np.uint16)})

    def read(data: bytes) -> None:
        Path(url).write_bytes(data)
        with suppress(DamageError):
            for array in open_arrays(url).values():
                array.sum()

    mutants.survive(read, many(Path(url).read_bytes()))


def test_a_changed_shard_is_a_shard_or_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    write_shard(path, batch_of([[1, 2], [3]]), {"of": "a test"})

    def read(data: bytes) -> None:
        path.write_bytes(data)
        with suppress(DamageError):
            table = read_shard(path)
            table.to_pylist()
            numbers(table["tokens"].chunk(0).values).sum()

    mutants.survive(read, many(path.read_bytes()))


def test_a_table_that_says_it_may_have_no_nulls_has_none(tmp_path: Path) -> None:
    url = str(tmp_path / "a.arrow")
    columns = [pa.array([row[name] for row in ROWS], COLUMNS.field(name).type) for name in COLUMNS.names]
    columns[1] = pa.array(["a", None, "b", "c"])
    ipc.write_batches(url, COLUMNS, [pa.RecordBatch.from_arrays(columns, schema=COLUMNS)])
    with pytest.raises(DamageError, match="column 'text' has nulls"):
        ipc.open_table(url, COLUMNS)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts mapped pages by Linux's /proc")
def test_opening_a_shard_touches_its_boundaries_and_not_its_tokens(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.arrow", batch_of([[1] * (16 << 20), [2] * (16 << 20)]), {})
    assert (tmp_path / "a.arrow").stat().st_size > 64 << 20
    count = (
        "import re, sys; from corpus.storage.shards import read_shard\n"
        "def mapped(): return int(re.search(r'RssFile:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
        "before = mapped(); table = read_shard(sys.argv[1]); print(mapped() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", count, tmp_path / "a.arrow"], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 8 << 10  # KiB, the code that reading loads included


TIMES = pa.struct([pa.field("a", pa.timestamp("s", tz="UTC")), pa.field("b", pa.int64())])


@pytest.mark.parametrize(
    "column",
    [pa.timestamp("s", tz="UTC"), TIMES, pa.list_(TIMES)],
    ids=["a time", "a time of a record", "a time of a list of records"],
)
@pytest.mark.parametrize("zone", [b"\0\0\0", b"\xdc\0\0", b"ABC"], ids=["none", "no text", "another"])
def test_a_time_zone_that_there_is_not_is_damage(tmp_path: Path, column: pa.DataType, zone: bytes) -> None:
    path = tmp_path / "a.arrow"
    table = pa.table({"date": pa.array([None], column)})
    ipc.write_table(str(path), table, table.schema)
    path.write_bytes(path.read_bytes().replace(b"UTC", zone))
    with pytest.raises(DamageError, match=r"UTC|utf-8"):
        ipc.open_reader(str(path))


@pytest.mark.parametrize(
    "column",
    [
        pa.struct([("aaa", pa.int64()), ("bbb", pa.int64())]),
        pa.list_(pa.struct([("aaa", pa.int64()), ("bbb", pa.int8())])),
    ],
    ids=["a record", "a list of records"],
)
def test_two_columns_of_one_name_are_damage(tmp_path: Path, column: pa.DataType) -> None:
    path = tmp_path / "a.arrow"
    table = pa.table({"c": pa.array([None], column)})
    ipc.write_table(str(path), table, table.schema)
    path.write_bytes(path.read_bytes().replace(b"bbb", b"aaa"))
    with pytest.raises(DamageError, match="two columns have the name 'aaa'"):
        ipc.open_reader(str(path))
    flat = pa.table({"aaa": pa.array([1]), "bbb": pa.array([1])})
    ipc.write_table(str(path), flat, flat.schema)
    path.write_bytes(path.read_bytes().replace(b"bbb", b"aaa"))
    with pytest.raises(DamageError, match="two columns have the name 'aaa'"):
        ipc.open_reader(str(path))


OUTSIDE = [
    (pa.timestamp("s", tz="UTC"), pa.int64(), 253_402_300_800),
    (pa.timestamp("s", tz="UTC"), pa.int64(), -(2**63)),
    (pa.date32(), pa.int32(), 2_932_897),
    (pa.date32(), pa.int32(), -(2**31)),
]


@pytest.mark.parametrize(("kind", "of", "value"), OUTSIDE)
@pytest.mark.parametrize("nested", [False, True])
def test_a_time_outside_the_calendar_is_damage(
    tmp_path: Path, kind: pa.DataType, of: pa.DataType, value: int, nested: bool
) -> None:
    plain = pa.array([None, value], of).view(kind)
    column = pa.ListArray.from_arrays([0, 2], pa.StructArray.from_arrays([plain], ["at"])) if nested else plain
    path = tmp_path / "a.arrow"
    table = pa.table({"of": column})
    ipc.write_table(str(path), table, table.schema)
    with pytest.raises(DamageError, match="outside the years 1 to 9999"):
        ipc.open_table(str(path))


@pytest.mark.parametrize("kind", [pa.duration("s"), pa.time32("s"), pa.date64(), pa.timestamp("ns", tz="UTC")], ids=str)
def test_times_of_another_type_are_damage(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "a.arrow"
    table = pa.table({"of": pa.array([None], kind)})
    ipc.write_table(str(path), table, table.schema)
    with pytest.raises(DamageError, match="times of a run are in seconds"):
        ipc.open_reader(str(path))
