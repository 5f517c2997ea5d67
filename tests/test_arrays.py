"""Named arrays in one file: they come back as they were, aligned, and damage is said."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from corpus.errors import DamageError
from corpus.storage import ipc
from corpus.storage.named_arrays import ALIGNMENT, ARRAYS, open_arrays, write_arrays

TYPES = st.sampled_from(["uint8", "uint16", "uint32", "uint64", "int64", "float32", "float64"])
NAMES = st.text("abc", min_size=1, max_size=3)


@given(st.dictionaries(NAMES, TYPES.flatmap(lambda dtype: arrays.arrays(dtype, st.integers(0, 70))), max_size=5))
def test_arrays_come_back_in_order_aligned_and_read_only(tmp_path_factory: object, of: dict[str, np.ndarray]) -> None:
    url = str(tmp_path_factory.mktemp("arrays") / "a.arrow")  # type: ignore[attr-defined]
    write_arrays(url, of)
    found = open_arrays(url)
    assert list(found) == list(of)
    for name, array in of.items():
        assert found[name].dtype == array.dtype
        assert found[name].tobytes() == array.tobytes()
        assert not found[name].flags.writeable
        assert found[name].flags.aligned


def test_equal_arrays_give_equal_bytes_and_arrays_begin_at_multiples_of_64_bytes_from_the_first(tmp_path: Path) -> None:
    of = {"a": np.arange(3, dtype=np.uint8), "b": np.arange(9, dtype=np.uint64), "c": np.arange(2, dtype=np.uint16)}
    first, second = (write_arrays(str(tmp_path / name), of) for name in ("1", "2"))
    assert first.digest == second.digest
    found = open_arrays(str(tmp_path / "1"))
    distances = [found[name].ctypes.data - found["a"].ctypes.data for name in ("b", "c")]
    assert all(distance % ALIGNMENT == 0 for distance in distances)


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 2)), np.array(["a"]), np.array([True])], ids=["shape", "strings", "bools"]
)
def test_what_is_no_row_of_numbers_is_refused(tmp_path: Path, bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be one row of numbers"):
        write_arrays(str(tmp_path / "a"), {"bad": bad})


def test_an_array_that_is_cut_is_damage(tmp_path: Path) -> None:
    url = str(tmp_path / "a.arrow")
    rows = [{"name": "a", "dtype": "uint64", "length": 9, "values": bytes(64)}]
    ipc.write_table(url, pa.Table.from_pylist(rows, schema=ARRAYS), ARRAYS, compression=None)
    with pytest.raises(DamageError, match="64 bytes of 72"):
        open_arrays(url)
