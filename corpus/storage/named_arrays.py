"""Named NumPy arrays in one Arrow file, mapped into memory where local: what workers of a machine share.

A row an array: its name, its NumPy type, its length, and its bytes, padded so that every array begins at a multiple of
64 bytes from the first. One-dimensional arrays of numbers only. Uncompressed; equal arrays give equal bytes.
What is read lies within the file; whether its numbers are what a kernel may follow, the file's digest says, which workers
check before (corpus.storage.digested_file).
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

#: As NumPy names them.
_NUMBERS = frozenset(np.dtype(code).name for code in "bBhHiIlLefd")

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
    found: dict[str, NDArray[Any]] = {}
    for batch in ipc.open_table(url, ARRAYS).to_batches():
        names, dtypes, lengths, values = batch.columns
        # Not as scalars, each of which is a copy.
        _, offset_buffer, data = values.buffers()
        offsets = np.frombuffer(offset_buffer, np.int64, batch.num_rows + 1, values.offset * 8)
        stored = np.frombuffer(b"" if data is None else data, np.uint8)
        stored.setflags(write=False)
        for row, name in enumerate(names.to_pylist()):
            if (kind := dtypes[row].as_py()) not in _NUMBERS:
                raise DamageError(f"{url}: the array {name!r} is of {kind[:20]!r}, no numbers; build again")
            dtype, length = np.dtype(kind), lengths[row].as_py()
            mine = stored[offsets[row] : offsets[row + 1]]
            if (size := length * dtype.itemsize) > len(mine):
                raise DamageError(f"{url}: the array {name!r} has {len(mine)} bytes of {size}; build again")
            found[name] = mine[:size].view(dtype.newbyteorder("<"))
    return found
