"""Rows that work items send each other: each arrives once, at its receiver, in its order."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.storage.exchange import read_rows, write_rows

SENT = st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2**64 - 1)), max_size=20), min_size=1, max_size=4)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SENT)
def test_every_row_arrives_once_in_order(tmp_path: Path, sent: list[list[tuple[int, int]]]) -> None:
    urls = []
    for number, rows in enumerate(sent):
        values = np.array([value for _, value in rows], np.uint64)
        columns = {"value": values, "score": values.astype(np.float32), "bytes": values.view(np.uint8).reshape(-1, 8)}
        urls.append(str(tmp_path / f"{number}.arrow"))
        write_rows(urls[-1], columns, np.array([receiver for receiver, _ in rows], np.int64), receivers=5)
    for receiver in range(5):
        expected = [value for rows in sent for to, value in rows if to == receiver]
        found = read_rows(urls, receiver)
        assert found["value"].tolist() == expected
        assert found["bytes"].tobytes() == np.array(expected, np.uint64).tobytes()
        assert found["score"].dtype == np.float32


def test_more_receivers_than_sixteen_bits(tmp_path: Path) -> None:
    url = str(tmp_path / "many.arrow")
    write_rows(url, {"value": np.arange(3)}, np.array([70_000, 3, 70_000]), receivers=70_001)
    assert read_rows([url], 70_000)["value"].tolist() == [0, 2]
    assert read_rows([url], 3)["value"].tolist() == [1]


def test_wrong_receivers_are_an_error_and_nothing_is_nothing(tmp_path: Path) -> None:
    url = str(tmp_path / "x.arrow")
    with pytest.raises(ValueError, match="receivers are 0 to 5, not 0 to 4"):
        write_rows(url, {"value": np.arange(2)}, np.array([0, 5]), receivers=5)
    with pytest.raises(ValueError, match="2 receivers"):
        write_rows(url, {"value": np.arange(3)}, np.array([0, 1]), receivers=5)
    with pytest.raises(ValueError, match="of shape"):
        write_rows(url, {"value": np.zeros((2, 2))}, np.array([0, 1]), receivers=5)
    assert read_rows([], 0) == {}
    assert not Path(url).exists()
