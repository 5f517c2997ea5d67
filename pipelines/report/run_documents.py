"""The documents of a run by identity: their columns joined, found by id, key or URL, with the names of representatives.

Reads   splits.arrow, documents/, signals/, contamination/ where the recipe has exams, scores/ where it has scorers,
        decisions/ (optional: a run may have stopped before `select`)
Memory  one work item's columns, those that are asked for; ids, keys and URLs of CACHED_ITEMS work items
Cost    finding by doc_id opens one work item; by anything else it scans keys, ids and URLs of all
"""

import dataclasses
import datetime
import functools
import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import numbers
from corpus.document_ids import items_of
from corpus.errors import DamageError
from corpus.storage import ipc
from corpus.storage.older_files import read_as, reader_as
from corpus.storage.run_directory import RunDirectory
from pipelines.stage_list import find_stage, stage_of
from pipelines.stages.outputs import CONTAMINATION, DECISIONS, DOCUMENTS, SCORES, SIGNALS

CACHED_ITEMS = 16

_HEAD = ["doc_id", "key", "id", "url"]

#: Columns that every file of signals has.
_SIGNALS = tuple(schema.signals_schema(permutations=1, bands=1).names)

_SCHEMAS = {"documents": schema.DOCUMENTS, "contamination": schema.CONTAMINATION, "decisions": schema.DECISIONS}


def iso_date(date: datetime.datetime | None) -> str | None:
    """A time of a document as rows of JSON have it."""
    return date.strftime("%Y-%m-%dT%H:%M:%SZ") if date is not None else None


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """Who a document is."""

    doc_id: int
    key: bytes
    id: str | None
    url: str | None

    @property
    def name(self) -> str:
        """The input's own id where it has one, else the key in hex."""
        return self.id if self.id is not None else self.key.hex()


@dataclasses.dataclass(frozen=True, slots=True)
class LostRecord:
    """A row of `failed/`: a record that became no document, or a byte range that was lost."""

    file: str
    offset: int
    length: int
    url: str | None
    outcome: str
    reason: str
    detail: str


class RunDocuments:
    """A run that is read; raises RunDirectoryError where it was not extracted yet."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.extract = stage_of(run, DOCUMENTS)
        self.signals = stage_of(run, SIGNALS)
        self.select = find_stage(run, DECISIONS)
        self.contamination = find_stage(run, CONTAMINATION)
        self.scores = find_stage(run, SCORES)
        splits = read_as(run.path("splits.arrow"), schema.SPLITS, ["item", "file", "addition"], needs=["item", "file"])
        self._item_of_split: NDArray[np.uint32] = numbers(splits["item"])
        self._addition_of_split: NDArray[np.uint32] = numbers(pc.fill_null(splits["addition"], 0))
        self._files: list[str] = splits["file"].to_pylist()
        self._heads = functools.lru_cache(maxsize=CACHED_ITEMS)(self._read_heads)

    def items(self) -> list[int]:
        """Numbers of the work items that were extracted."""
        return self.extract.finished()

    @functools.cached_property
    def scored(self) -> tuple[str, ...]:
        """The signals of scorers that the run has."""
        if self.scores is None:
            return ()
        items = self.scores.finished()
        return tuple(ipc.open_reader(self.scores.output("scores", items[0])).schema.names[1:]) if items else ()

    def file_of(self, doc_id: int) -> str:
        """The input file that a document came from."""
        return self._files[doc_id >> schema.ROW_BITS]

    def items_of(self, doc_ids: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(documents,) work item of each id, −1 where the run has no such split."""
        return items_of(doc_ids, self._item_of_split)

    def additions_of(self, doc_ids: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(documents,) with which addition each came, 0: the run began with it. The run must have them."""
        return self._addition_of_split[(doc_ids >> np.uint64(schema.ROW_BITS)).astype(np.int64)].astype(np.int64)

    def columns(self, item: int, names: Sequence[str]) -> pa.Table:
        """Columns of a work item's documents, row for row, from whichever of the files has them.

        A column of decisions/ or contamination/ is null in a run that has none, one of an optional group of signals or of a
        scorer in a run that measured none, and one that the version of the run did not write. Raises DamageError where the files
        differ in rows, and KeyError for a name that no file has.
        """
        in_signals = ipc.open_reader(self.signals.output("signals", item)).schema.names
        homes = {
            **dict.fromkeys((*_SIGNALS, *(name for group in schema.SIGNAL_GROUPS.values() for name in group)), ""),
            **dict.fromkeys((name for name in names if name.startswith(schema.SCORED)), ""),
            **dict.fromkeys(self.scored, "scores"),
            **dict.fromkeys(schema.CONTAMINATION.names, "contamination"),
            **dict.fromkeys(schema.DECISIONS.names, "decisions"),
            **dict.fromkeys(in_signals, "signals"),
            **dict.fromkeys(schema.DOCUMENTS.names, "documents"),
        }
        ids = self._read(self.extract.output("documents", item), "documents", ["doc_id"])["doc_id"]
        found: dict[str, pa.ChunkedArray | pa.Array] = {"doc_id": ids}
        for kind, stage in (
            ("documents", self.extract),
            ("signals", self.signals),
            ("contamination", self.contamination),
            ("scores", self.scores),
            ("decisions", self.select),
        ):
            wanted = [name for name in names if homes[name] == kind and name != "doc_id"]
            if wanted and stage is not None:
                table = self._read(stage.output(kind, item), kind, ["doc_id", *wanted])
                if not table["doc_id"].equals(ids):
                    raise DamageError(f"{stage.output(kind, item)}: not row for row beside documents/; verify the run")
                found.update((name, table[name]) for name in wanted)
            elif wanted:
                of = schema.DECISIONS if kind == "decisions" else schema.CONTAMINATION
                found.update((name, pa.nulls(len(ids), of.field(name).type)) for name in wanted)
        found.update((name, pa.nulls(len(ids), _type_of(name))) for name in names if not homes[name])
        return pa.table({name: found[name] for name in names})

    @staticmethod
    def _read(url: str, kind: str, names: list[str]) -> pa.Table:
        """Columns of a file; those that an earlier version did not write are null."""
        if kind in _SCHEMAS:
            return read_as(url, _SCHEMAS[kind], names, needs=["doc_id"])
        return ipc.open_table(url, columns=names)

    def row_of(self, doc_id: int) -> tuple[int, int] | None:
        """(work item, row) of a document, None where the run has none of this id."""
        item = int(self.items_of(np.array([doc_id], np.uint64))[0])
        if item < 0:
            return None
        ids, _ = self._heads(item)
        row = int(np.searchsorted(ids, np.uint64(doc_id)))
        return (item, row) if row < len(ids) and int(ids[row]) == doc_id else None

    def heads(self, doc_ids: Iterable[int]) -> dict[int, Head]:
        """Who these documents are; an id that the run does not have is left out."""
        found: dict[int, Head] = {}
        wanted = np.unique(np.array(list(doc_ids), np.uint64))
        items = self.items_of(wanted)
        for item in np.unique(items[items >= 0]).tolist():
            ids, table = self._heads(item)
            mine = wanted[items == item]
            rows = np.minimum(np.searchsorted(ids, mine), max(0, len(ids) - 1))
            there = rows[ids[rows] == mine] if len(ids) else rows[:0]
            for row in table.take(pa.array(there)).to_pylist():
                found[row["doc_id"]] = Head(**row)
        return found

    def find(self, wanted: str) -> list[Head]:
        """Documents that are called so: by doc_id, key, id or URL; else those with it in their URL, or at their key's beginning."""
        exact: dict[int, Head] = self.heads([int(wanted)]) if wanted.isdecimal() and int(wanted) < 1 << 64 else {}
        digits = wanted.lower() if re.fullmatch(r"[0-9a-fA-F]{6,32}", wanted) else ""
        parts: dict[int, Head] = {}
        for item in self.items():
            _, table = self._read_heads(item)
            same = pc.or_kleene(pc.equal(table["id"], wanted), pc.equal(table["url"], wanted))
            if len(digits) == 32:
                same = pc.or_kleene(same, pc.equal(table["key"], pa.scalar(bytes.fromhex(digits), schema.KEY)))
            exact.update(_heads_of(table.filter(same)))
            if not exact:
                parts.update(_heads_of(table.filter(pc.match_substring(table["url"], wanted))))
            if not exact and digits:
                begins = pc.starts_with(table["key"].cast(pa.binary()), bytes.fromhex(digits[: len(digits) // 2 * 2]))
                found = _heads_of(table.filter(begins))
                parts.update({of: head for of, head in found.items() if head.key.hex().startswith(digits)})
        return list(exact.values() or parts.values())

    def text_batches(self, item: int) -> Iterator[tuple[NDArray[np.uint64], pa.Array]]:
        """(ids, texts) of a work item, a record batch at a time."""
        reader = reader_as(self.extract.output("documents", item), schema.DOCUMENTS, ["doc_id", "text"])
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            yield numbers(batch.column("doc_id")), batch.column("text")

    def texts(self, doc_ids: Iterable[int]) -> dict[int, str]:
        """The texts of these documents; an id that the run does not have is left out. Memory: they, and a record batch."""
        found: dict[int, str] = {}
        wanted = np.unique(np.array(list(doc_ids), np.uint64))
        items = self.items_of(wanted)
        for item in np.unique(items[items >= 0]).tolist():
            for ids, texts in self.text_batches(item):
                rows = np.flatnonzero(np.isin(ids, wanted)).tolist()
                found.update((int(ids[row]), texts[row].as_py()) for row in rows)
        return found

    def lost(self) -> Iterator[LostRecord]:
        """Every row of `failed/`, in the order of work items."""
        names = [field.name for field in dataclasses.fields(LostRecord) if field.name != "file"]
        for item in self.items():
            for row in read_as(self.extract.output("failed", item), schema.FAILED).to_pylist():
                yield LostRecord(file=self._files[row["split"]], **{name: row[name] for name in names})

    def _read_heads(self, item: int) -> tuple[NDArray[np.uint64], pa.Table]:
        table = read_as(self.extract.output("documents", item), schema.DOCUMENTS, _HEAD)
        table = table.combine_chunks()
        return numbers(table["doc_id"]), table


def _type_of(name: str) -> pa.DataType:
    """The type of a column of signals/."""
    of = schema.signals_schema(permutations=1, bands=1)
    return of.field(name).type if name in of.names else schema.signal_type(name)


def _heads_of(table: pa.Table) -> dict[int, Head]:
    return {row["doc_id"]: Head(**row) for row in table.to_pylist()}
