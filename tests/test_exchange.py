"""Rows that work items send each other through files: each arrives once, at its receiver, in its order, or the read fails."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.errors import DamageError
from corpus.storage.exchange import SentFile, read_rows, sent_file, write_rows
from corpus.storage.files import local_path

SENT = st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2**64 - 1)), max_size=20), min_size=1, max_size=4)

SCHEMA = pa.schema({"value": pa.uint64(), "score": pa.float32(), "bytes": pa.binary(8)})
VALUES = pa.schema({"value": pa.int64()})


def write(folder: Path, sent: list[list[tuple[int, int]]]) -> list[SentFile]:
    """The files of senders of (receiver, value)."""
    found = []
    for number, rows in enumerate(sent):
        values = np.array([value for _, value in rows], np.uint64)
        columns = {"value": values, "score": values.astype(np.float32), "bytes": values.view(np.uint8).reshape(-1, 8)}
        receiver = np.array([receiver for receiver, _ in rows], np.int64)
        written = write_rows(str(folder), number, columns, receiver, receivers=5, schema=SCHEMA)
        assert written.rows == len(rows)
        found.append(sent_file(str(folder), number, written))
        assert written.bytes == Path(found[-1].url).stat().st_size
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SENT)
def test_every_row_arrives_once_in_order(tmp_path: Path, sent: list[list[tuple[int, int]]]) -> None:
    written = write(tmp_path, sent)
    for receiver in range(5):
        expected = [(number, value) for number, rows in enumerate(sent) for to, value in rows if to == receiver]
        found, sender = read_rows(written, receiver, receivers=5, schema=SCHEMA)
        assert list(zip(sender.tolist(), found["value"].tolist(), strict=True)) == expected
        assert found["bytes"].tobytes() == np.array([value for _, value in expected], np.uint64).tobytes()
        assert found["score"].dtype == np.float32


def test_more_receivers_than_sixteen_bits(tmp_path: Path) -> None:
    of = {"receivers": 70_001, "schema": VALUES}
    written = write_rows(str(tmp_path), 0, {"value": np.arange(3)}, np.array([70_000, 3, 70_000]), **of)
    sent = [sent_file(str(tmp_path), 0, written)]
    assert read_rows(sent, 70_000, **of)[0]["value"].tolist() == [0, 2]
    assert read_rows(sent, 3, **of)[0]["value"].tolist() == [1]


def test_wrong_receivers_and_columns_are_an_error_and_nothing_is_nothing(tmp_path: Path) -> None:
    def send(rows: dict[str, np.ndarray], receiver: list[int]) -> None:
        write_rows(str(tmp_path / "x"), 0, rows, np.array(receiver), receivers=5, schema=VALUES)

    with pytest.raises(ValueError, match="receivers are 0 to 5, not 0 to 4"):
        send({"value": np.arange(2)}, [0, 5])
    with pytest.raises(ValueError, match="2 receivers"):
        send({"value": np.arange(3)}, [0, 1])
    with pytest.raises(ValueError, match="of shape"):
        send({"value": np.zeros((2, 2))}, [0, 1])
    with pytest.raises(ValueError, match="of type double, not int64"):
        send({"value": np.zeros(2)}, [0, 1])
    with pytest.raises(ValueError, match=r"columns are \['other'\]"):
        send({"other": np.arange(2)}, [0, 1])
    found, sender = read_rows([], 0, receivers=5, schema=VALUES)
    assert (found["value"].dtype, len(found["value"]), len(sender)) == (np.int64, 0, 0)
    assert not (tmp_path / "x").exists()


def test_equal_rows_have_one_name_and_other_rows_another(tmp_path: Path) -> None:
    """So a second writer replaces a finished file by the same bytes or by none."""
    first = write(tmp_path, [[(0, 1), (1, 2)]])
    before = Path(first[0].url).read_bytes()
    assert write(tmp_path, [[(0, 1), (1, 2)]]) == first
    assert Path(first[0].url).read_bytes() == before
    others = [write(tmp_path, [rows])[0].url for rows in ([(0, 1)], [(1, 2), (0, 1), (0, 1)], [(0, 1), (2, 2)], [])]
    assert len({first[0].url, *others}) == 5
    assert Path(first[0].url).read_bytes() == before


DAMAGES = {
    "gone": lambda data: None,
    "empty": lambda data: b"",
    "short": lambda data: data[:-1],
    "long": lambda data: data + b"x",
    "zeros": lambda data: bytes(len(data)),
    "no file of ours": lambda data: b"<html>" + data[6:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_not_whole_is_an_error_that_names_it(tmp_path: Path, damage: str) -> None:
    sent = write(tmp_path, [[(0, 1)], [(0, 2), (1, 3)], [(0, 4)]])
    path = local_path(sent[1].url)
    data = DAMAGES[damage](path.read_bytes())
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)
    with pytest.raises(DamageError, match=path.name):
        read_rows(sent, 0, receivers=5, schema=SCHEMA)


def test_a_flipped_bit_is_an_error_or_touches_what_nobody_reads(tmp_path: Path) -> None:
    """Every bit of a file: a receiver gets what was sent, or a DamageError; some receiver meets each bit, but for padding."""
    rows = [(0, 1), (0, 2), (1, 3), (4, 5)]
    (sent,) = write(tmp_path / "whole", [rows])
    data = Path(sent.url).read_bytes()
    copy = SentFile(str(tmp_path / "copy.rows"), sent.bytes)
    expected = [[value for to, value in rows if to == receiver] for receiver in range(5)]
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        Path(copy.url).write_bytes(changed)
        met = 0
        for receiver in range(5):
            try:
                found, _ = read_rows([copy], receiver, receivers=5, schema=SCHEMA)
            except DamageError:
                met += 1
            else:
                assert found["value"].tolist() == expected[receiver]
        assert met == 1


def test_a_store_is_asked_for_the_bytes_that_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each sender 32 bytes of its index, and its block where that has rows."""
    from fsspec.implementations.memory import MemoryFileSystem

    asked: list[int] = []
    cat_file = MemoryFileSystem.cat_file

    def counting(self: MemoryFileSystem, path: str, start: int, end: int, **more: object) -> bytes:
        asked.append(end - start)
        return cat_file(self, path, start, end, **more)

    monkeypatch.setattr(MemoryFileSystem, "cat_file", counting)
    folder, each = "memory://sent", 8_000
    of = {"receivers": 4, "schema": VALUES}
    sent = []
    for number in range(5):
        receiver = np.repeat([0, 1, 3], each) if number else np.repeat([1, 1, 3], each)
        written = write_rows(folder, number, {"value": np.arange(3 * each)}, receiver, **of)
        sent.append(sent_file(folder, number, written))
    found, sender = read_rows(sent, 0, **of)
    assert np.bincount(sender, minlength=5).tolist() == [0, each, each, each, each]
    assert found["value"].tolist() == list(range(each)) * 4
    assert len(asked) == 5 + 4
    assert sum(asked) <= 1.02 * 4 * each * 8
    MemoryFileSystem().rm("/sent", recursive=True)
    with pytest.raises(DamageError, match=r"memory://sent/0000000-\w+.rows: is gone"):
        read_rows(sent, 0, **of)
    shutil.rmtree(tmp_path)
