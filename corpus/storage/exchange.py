"""Rows that many work items send to many others, through files: how `select` shuffles hashes and ids.

A producer writes one file with a record batch for each receiver, in their order; a receiver opens the files of all
producers and reads its own batch of each, mapped into memory where local. So what is exchanged lies on disk and never in
one process's memory, an item that has run never runs again, and every runner does the same.

Rows are NumPy columns by name, (rows,) numbers or (rows, width) uint8 for bytes. Receivers must be few enough for a batch to
be worth a read: select takes ranges of hashes and of documents of some 10^6 rows each, never single work items.
Cost: a sort of the receivers' numbers and one copy; 16 bytes a row go at 0.5–1 GB/s, against 30–60 MB/s and four to five times
the memory in the in-process grouping of Beam's DirectRunner (1 GiB in 16 batches an item, one and two workers).
Memory: the rows of one producer twice, or those of one receiver.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.columns import byte_rows, fixed_binary, numbers
from corpus.storage import ipc
from corpus.storage.ipc import Written

Rows = dict[str, NDArray[Any]]


def write_rows(url: str, rows: Mapping[str, NDArray[Any]], receiver: NDArray[Any], *, receivers: int) -> Written:
    """Writes each row for its receiver, 0 to `receivers` − 1; rows of one receiver keep their order.

    Raises ValueError for a receiver that there is not, or columns of other lengths.
    """
    if any(len(values) != len(receiver) for values in rows.values()):
        raise ValueError(f"{url}: {len(receiver)} receivers for { {name: len(each) for name, each in rows.items()} }")
    if len(receiver) and not 0 <= int(receiver.min()) <= int(receiver.max()) < receivers:
        raise ValueError(f"{url}: receivers are {receiver.min()} to {receiver.max()}, not 0 to {receivers - 1}")
    schema = pa.schema([pa.field(name, _type_of(values), nullable=False) for name, values in rows.items()])
    order, ends = _by_receiver(receiver, receivers)
    sorted_rows = {name: values if order is None else values[order] for name, values in rows.items()}
    with ipc.batch_writer(url, schema, compression=None) as writer:
        begin = 0
        for end in ends.tolist():
            columns = [_column(values[begin:end]) for values in sorted_rows.values()]
            writer.write(pa.RecordBatch.from_arrays(columns, schema=schema))
            begin = end
    return writer.written


def read_rows(urls: Iterable[str], receiver: int) -> Rows:
    """What all producers sent to one receiver, in the order of the URLs. {} where there is no producer."""
    return read_sent(urls, receiver)[0]


def read_sent(urls: Iterable[str], receiver: int) -> tuple[Rows, NDArray[np.int64]]:
    """(what all producers sent to one receiver, (rows,) which of the URLs each row is from), for an answer to the sender."""
    parts: list[Rows] = []
    lengths: list[int] = []
    for url in urls:
        batch = ipc.open_reader(url).get_batch(receiver)
        parts.append({name: _values(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)})
        lengths.append(batch.num_rows)
    sender = np.repeat(np.arange(len(lengths)), lengths)
    return ({name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}), sender


def _by_receiver(receiver: NDArray[Any], receivers: int) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
    """(order that sorts the rows by receiver or None where they are, (receivers,) ends)."""
    ends = np.cumsum(np.bincount(receiver, minlength=receivers))
    if len(receiver) == 0 or bool((receiver[1:] >= receiver[:-1]).all()):
        return None, ends
    # NumPy sorts 16-bit numbers stably by their bytes, in linear time.
    small = receiver.astype(np.uint16) if receivers <= 1 << 16 else receiver
    return np.argsort(small, kind="stable"), ends


def _type_of(values: NDArray[Any]) -> pa.DataType:
    if values.ndim == 2 and values.dtype == np.uint8:
        return pa.binary(values.shape[1])
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise ValueError(f"a column is of shape {values.shape} and type {values.dtype}")
    return pa.from_numpy_dtype(values.dtype)


def _column(values: NDArray[Any]) -> pa.Array:
    return pa.array(values) if values.ndim == 1 else fixed_binary(values)


def _values(column: pa.Array) -> NDArray[Any]:
    return byte_rows(column) if pa.types.is_fixed_size_binary(column.type) else numbers(column)
