"""What the finished work items of a stage recorded, as columns: a stage of 10^5 items is one file and some arrays.

`records.arrow`, a row an item in the order of items:
    item     int64
    counts   list<struct<name: uint32, number: int64>>       name: place among the names in the schema's metadata
    outputs  list<struct<name: string, rows: int64, bytes: int64, digest: string>>
    inputs   list<struct<split: string, digest: string>>

Its bytes are a function of the records alone; a digest of them stands in the metadata, and is checked by whoever reads it. Memory: 12 bytes a count, some 80 an output.
"""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from corpus.columns import numbers
from corpus.errors import DamageError
from corpus.storage import ipc
from corpus.storage.ipc import Written
from corpus.storage.run_names import is_output

_COUNTS = pa.list_(pa.struct([("name", pa.uint32()), ("number", pa.int64())]))
_OUTPUTS = pa.list_(
    pa.struct([("name", pa.string()), ("rows", pa.int64()), ("bytes", pa.int64()), ("digest", pa.string())])
)
_INPUTS = pa.list_(pa.struct([("split", pa.string()), ("digest", pa.string())]))
RECORDS = pa.schema(
    [
        pa.field("item", pa.int64(), nullable=False),
        pa.field("counts", _COUNTS, nullable=False),
        pa.field("outputs", _OUTPUTS, nullable=False),
        pa.field("inputs", _INPUTS, nullable=False),
    ]
)
_ROWS_AT_ONCE = 4096


@dataclasses.dataclass(frozen=True)
class ItemRecord:
    """What a finished work item wrote (kind of output → file), counted (name → number) and read (split → XXH3-128, in hex)."""

    item: int
    outputs: dict[str, Written]
    counts: dict[str, int]
    inputs: dict[str, str] = dataclasses.field(default_factory=dict)  # of `extract`

    def to_json(self) -> bytes:
        table = {name: value for name, value in dataclasses.asdict(self).items() if name != "inputs" or value}
        return (json.dumps(table, sort_keys=True, indent=1) + "\n").encode()

    @staticmethod
    def from_json(data: bytes, where: str) -> "ItemRecord":
        try:
            table = json.loads(data)
            outputs = {name: Written(**written) for name, written in table["outputs"].items()}
            counts = dict(table["counts"])
            numbers_of = [(each.rows, each.bytes) for each in outputs.values()]
            if not all(map(_is_count, [table["item"], *counts.values(), *itertools.chain(*numbers_of)])):
                raise ValueError("a number that is none")
            if table["item"] < 0:
                raise ValueError("no work item")
            if not all(is_output(name) and isinstance(each.digest, str) for name, each in outputs.items()):
                raise ValueError("no output of a work item")
            inputs = {str(split): str(digest) for split, digest in table.get("inputs", {}).items()}
            return ItemRecord(item=table["item"], outputs=outputs, counts=counts, inputs=inputs)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamageError(f"{where}: not a work item's record; build again, which runs the item again") from error


def _is_count(value: object) -> bool:
    return type(value) is int and -(1 << 63) <= value < 1 << 63


class Records:
    """The records of some items of a stage, in the order of items. `unreadable` are items whose record says nothing."""

    def __init__(
        self, table: pa.RecordBatch, names: Sequence[str], unreadable: Sequence[int] = (), *, stored: bool = False
    ) -> None:
        self._table, self._names = table, tuple(names)
        self.stored = stored  # read from `records.arrow`, which says the same
        self.unreadable = tuple(unreadable)
        self.items: NDArray[np.int64] = numbers(table.column(0))  # (items,), ascending
        counts = table.column(1)
        self._ends = numbers(counts.offsets).astype(np.int64) if len(table) else np.zeros(1, np.int64)  # (items + 1,)
        self._name: NDArray[np.uint32] = numbers(counts.values.field("name"))
        self._number: NDArray[np.int64] = numbers(counts.values.field("number"))

    @staticmethod
    def of(records: Iterable[ItemRecord], unreadable: Sequence[int] = ()) -> "Records":
        """Records in any order, one an item."""
        place: dict[str, int] = {}
        listed = sorted(records, key=lambda record: record.item)
        counts = [sorted(record.counts.items()) for record in listed]
        for name in sorted({name for of_item in counts for name, _ in of_item}):
            place[name] = len(place)
        outputs = [sorted(record.outputs.items()) for record in listed]
        columns = [
            pa.array([record.item for record in listed], pa.int64()),
            _lists(
                _COUNTS,
                [len(of_item) for of_item in counts],
                [place[name] for of_item in counts for name, _ in of_item],
                [number for of_item in counts for _, number in of_item],
            ),
            _lists(
                _OUTPUTS,
                [len(of_item) for of_item in outputs],
                [name for of_item in outputs for name, _ in of_item],
                *([getattr(one, what) for each in outputs for _, one in each] for what in ("rows", "bytes", "digest")),
            ),
            _lists(
                _INPUTS,
                [len(record.inputs) for record in listed],
                *([pair[field] for record in listed for pair in sorted(record.inputs.items())] for field in (0, 1)),
            ),
        ]
        return Records(pa.RecordBatch.from_arrays(columns, schema=RECORDS), list(place), unreadable)

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, item: int) -> bool:
        at = int(np.searchsorted(self.items, item))
        return at < len(self.items) and int(self.items[at]) == item

    def __iter__(self) -> Iterator[ItemRecord]:
        for begin in range(0, len(self), _ROWS_AT_ONCE):
            yield from self._rows(begin, min(begin + _ROWS_AT_ONCE, len(self)))

    def record(self, item: int) -> ItemRecord:
        """Raises KeyError for an item that has none."""
        if item not in self:
            raise KeyError(item)
        at = int(np.searchsorted(self.items, item))
        return next(self._rows(at, at + 1))

    def totals(self, *, below: int | None = None) -> dict[str, int]:
        """Sum of each count over the items, or over those that are less than `below`."""
        end = int(self._ends[len(self) if below is None else np.searchsorted(self.items, below)])
        sums = np.zeros(len(self._names), np.int64)
        np.add.at(sums, self._name[:end], self._number[:end])
        met = np.bincount(self._name[:end], minlength=len(self._names)) > 0
        return {name: int(number) for name, number, there in zip(self._names, sums, met, strict=True) if there}

    def output_bytes(self) -> int:
        """Bytes of all files that the items wrote."""
        return int(numbers(self._table.column(2).flatten().field("bytes")).sum())

    def counts(self, name: str) -> NDArray[np.int64]:
        """(items,) a count of each item, 0 where it has none of that name."""
        found = np.zeros(len(self), np.int64)
        if name in self._names:
            at = np.flatnonzero(self._name == self._names.index(name))
            found[np.searchsorted(self._ends, at, side="right") - 1] = self._number[at]
        return found

    def write(self, url: str) -> Written:
        """`records.arrow`."""
        names = json.dumps(self._names, ensure_ascii=False)
        stored = pa.ipc.read_record_batch(self._table.serialize(), RECORDS)  # as `read` will have it
        metadata = {"names": names, "digest": _digest(names.encode(), stored)}
        return ipc.write_batches(url, RECORDS.with_metadata(metadata), [self._table])

    @staticmethod
    def read(url: str) -> "Records":
        """Raises DamageError for what is no such file."""
        table = ipc.open_table(url, RECORDS).combine_chunks()
        try:
            metadata = table.schema.metadata or {}
            names = json.loads(metadata[b"names"])
            (batch,) = table.to_batches() or [pa.RecordBatch.from_pylist([], schema=RECORDS)]
            batch.validate(full=True)
            batch = batch.replace_schema_metadata(None)
            stated = metadata.get(b"digest")  # None: of an earlier version
            if stated is not None and stated.decode() != _digest(metadata[b"names"], batch):
                raise ValueError("not what was written")
            found = Records(batch, names, stored=True)
            if len(found._name) and int(found._name.max()) >= len(found._names):
                raise ValueError("a count without a name")
            if bool((np.diff(found.items) <= 0).any()):
                raise ValueError("items are not in their order")
            if not all(map(is_output, batch.column(2).flatten().field("name").unique().to_pylist())):
                raise ValueError("no output of a work item")
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise DamageError(f"{url}: no records of work items ({error})") from error
        return found

    def _rows(self, begin: int, end: int) -> Iterator[ItemRecord]:
        first, last = int(self._ends[begin]), int(self._ends[end])
        names = [self._names[place] for place in self._name[first:last].tolist()]
        numbers = self._number[first:last].tolist()
        outputs = self._table.column(2).slice(begin, end - begin).to_pylist()
        inputs = self._table.column(3).slice(begin, end - begin).to_pylist()
        ends = (self._ends[begin : end + 1] - first).tolist()
        for row, item in enumerate(self.items[begin:end].tolist()):
            mine = slice(ends[row], ends[row + 1])
            made = {each.pop("name"): Written(**each) for each in outputs[row]}
            read = {each["split"]: each["digest"] for each in inputs[row]}
            yield ItemRecord(item, made, dict(zip(names[mine], numbers[mine], strict=True)), read)


def _digest(names: bytes, table: pa.RecordBatch) -> str:
    """XXH3-128, in hex, of what the file holds: it is read before any manifest is known that names a digest of it."""
    digest = xxhash.xxh3_128(names)
    digest.update(table.serialize())
    return digest.hexdigest()


def _lists(kind: pa.DataType, lengths: Sequence[int], *columns: Sequence[Any]) -> pa.Array:
    """A column of lists of structs, from how many each list holds and the fields of all."""
    fields = list(kind.value_type)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, fields, strict=True)]
    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), pa.StructArray.from_arrays(arrays, fields=fields), type=kind)
