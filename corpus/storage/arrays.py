"""Named NumPy arrays in one Arrow file, mapped into memory where local: what workers of a machine share.

A row an array: its name, its NumPy type, its length, and its bytes, padded so that every array begins at a multiple of
64 bytes from the first. One-dimensional arrays of numbers only. Uncompressed; equal arrays give equal bytes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.errors import DamageError
from corpus.storage import ipc
from corpus.storage.ipc import Written

ALIGNMENT = 64

ARRAYS = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("dtype", pa.string(), nullable=False),  # as NumPy names it, little-endian
        pa.field("length", pa.uint64(), nullable=False),
        pa.field("values", pa.large_binary(), nullable=False),
    ]
)


def write_arrays(url: str, arrays: Mapping[str, NDArray[Any]]) -> Written:
    """Writes arrays under their names, in their order. Raises ValueError for what is no row of numbers."""
    rows = []
    for name, array in arrays.items():
        if array.ndim != 1 or array.dtype.kind not in "iuf":
            raise ValueError(f"{name}: must be one row of numbers, is of shape {array.shape} and type {array.dtype}")
        little = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        padded = little + bytes(-len(little) % ALIGNMENT)
        rows.append({"name": name, "dtype": array.dtype.name, "length": len(array), "values": padded})
    return ipc.write_table(url, pa.Table.from_pylist(rows, schema=ARRAYS), ARRAYS, compression=None)


def open_arrays(url: str) -> dict[str, NDArray[Any]]:
    """The arrays of a file by name, read-only. Raises DamageError where it is none of `write_arrays`."""
    table = ipc.open_table(url, ARRAYS)
    found: dict[str, NDArray[Any]] = {}
    for row in range(table.num_rows):
        name, dtype, length = (table[column][row].as_py() for column in ("name", "dtype", "length"))
        values = np.frombuffer(table["values"][row].as_buffer(), np.uint8)
        size = length * np.dtype(dtype).itemsize
        if size > len(values):
            raise DamageError(f"{url}: the array {name!r} has {len(values)} bytes of {size}; build again")
        found[name] = values[:size].view(np.dtype(dtype).newbyteorder("<"))
    return found
