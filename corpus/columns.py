"""Arrow columns as NumPy views, without a copy and without pandas (which `Array.to_numpy` imports, at over a second)."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_NUMPY_NAMES = {"halffloat": "float16", "float": "float32", "double": "float64"}


def numpy_dtype(of: pa.DataType) -> np.dtype[Any]:
    """The NumPy type of a primitive Arrow type; a timestamp's is int64."""
    # Not `to_pandas_dtype`: even for a number it imports pandas.
    return np.dtype(np.int64) if pa.types.is_timestamp(of) else np.dtype(_NUMPY_NAMES.get(str(of), str(of)))


def numbers(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """(rows,) view of a primitive column; a fixed-size list of numbers gives (rows, size). Nulls show what lies beneath."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_fixed_size_list(array.type):
        size = array.type.list_size
        flat = numbers(array.values)[array.offset * size : (array.offset + len(array)) * size]
        return flat.reshape(len(array), size)
    dtype = numpy_dtype(array.type)
    if len(array) == 0:
        return np.empty(0, dtype)
    # Counted, not sliced: a buffer may be longer than its rows, by less than one of them too.
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def fixed_bytes(column: pa.Array | pa.ChunkedArray) -> memoryview:
    """The bytes of a fixed-size binary column, row after row."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    width = array.type.byte_width
    if len(array) == 0:
        return memoryview(b"")
    return memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]


def byte_rows(column: pa.Array | pa.ChunkedArray) -> NDArray[np.uint8]:
    """(rows, width) view of a fixed-size binary column."""
    return np.frombuffer(fixed_bytes(column), np.uint8).reshape(len(column), column.type.byte_width)


def fixed_binary(rows: NDArray[np.uint8]) -> pa.Array:
    """A fixed-size binary array of the bytes of (rows, width)."""
    data = pa.py_buffer(np.ascontiguousarray(rows))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(rows.shape[1]), len(rows), [None, data])


def booleans(column: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """(rows,) copy of a boolean column without nulls: Arrow packs them in bits."""
    return numbers(column.cast(pa.uint8())).astype(np.bool_)


def filled_rows(lists: pa.Array | pa.ChunkedArray) -> list[int]:
    """The rows of a column of lists that hold something."""
    if isinstance(lists, pa.ChunkedArray):
        # Without a chunk, as in a work item without documents, indices_nonzero of pyarrow 25 crashes.
        lists = lists.combine_chunks()
    found: list[int] = pc.indices_nonzero(pc.list_value_length(lists)).to_pylist()
    return found
