"""What decides a decision, and the files through which the steps of `select` send rows to each other.

Documents are divided into *parts* (consecutive work items of some PART_DOCUMENTS documents), hashes into *ranges* of some
RANGE_ROWS band rows: both from the number of documents alone, the same for any number of workers.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus import schema
from corpus.recipe import Recipe, fingerprint
from corpus.storage import files
from corpus.storage.exchange import Rows, read_rows, read_sent, write_rows
from corpus.storage.run_directory import Stage
from filters.copies.duplicates import UInt64s
from filters.privacy.kinds import kinds_that_are
from filters.quality.rules import Profiles, load_profiles

VERSION = 8

#: What a document is found to be a copy by, in the order in which it is looked for; each is a kind of rows that are sent.
URL, TEXT, NEAR = "url", "text", "near"

#: Documents of a part: what one worker holds ids, codes and removals of, some 300 bytes each.
PART_DOCUMENTS = 1 << 19
#: Rows (band hash, document) of a range of hashes: 16 bytes each, and as much again while they are sorted.
RANGE_ROWS = 1 << 23
#: Parts, and ranges, at most, as each sends to each: beyond 2 × 10^9 documents they grow instead, and a worker's memory with them.
MOST = 1 << 12

#: Up to so many documents their edges, some 30 % of them at 60 bytes, are resolved in one unit; of more, rounds decide most before.
RESOLVED_AT_ONCE = 1 << 29
ROUNDS = 8

#: Lines of a stretch of work items: 100 bytes each in the one worker that holds them.
STRETCH_LINES = 1 << 22


@dataclasses.dataclass(frozen=True)
class SourceRanges:
    """Which documents are of which source: ids ascend with splits, and splits stand in runs of one source."""

    names: tuple[str, ...]  # sorted
    first_ids: UInt64s  # (runs,) what the ids of each run of splits begin with
    source: NDArray[np.int64]  # (runs,) number of its source among the names

    @classmethod
    def of_splits(cls, sources: Sequence[str]) -> "SourceRanges":
        """Of the source of each split."""
        names = sorted(set(sources))
        begins = [split for split, name in enumerate(sources) if split == 0 or name != sources[split - 1]]
        first_ids = np.array(begins, np.uint64) << np.uint64(schema.ROW_BITS)
        return cls(tuple(names), first_ids, np.array([names.index(sources[split]) for split in begins], np.int64))

    def numbers_of(self, doc_id: UInt64s) -> NDArray[np.int64]:
        """(rows,) the number of each document's source among the names."""
        return self.source[np.searchsorted(self.first_ids, doc_id, side="right") - 1]


@dataclasses.dataclass(frozen=True)
class Settled:
    """The work items that an earlier selection decided about: their decisions stay."""

    decisions: Stage
    items: int
    below: int  # every id of their documents, and no other, is below it

    @staticmethod
    def of(decisions: Stage, items: int, item_of_split: NDArray[Any]) -> "Settled":
        return Settled(decisions, items, int(_least_ids(item_of_split, [items])[0]))


@dataclasses.dataclass(frozen=True)
class LineInputs:
    """Where the lines of documents lie, and how the work items are divided to compare them."""

    stage: Stage
    stretches: tuple[range, ...]  # work items, all of one part
    lines: int  # in all

    @classmethod
    def divide(cls, stage: Stage, lines: Sequence[int], parts: Sequence[range]) -> "LineInputs":
        """Stretches of at most STRETCH_LINES lines, or of one work item; `lines` are those of each."""
        stretches: list[range] = []
        for part in parts:
            begin = part.start
            held = 0
            for item in part:
                if item > begin and held + lines[item] > STRETCH_LINES:
                    stretches.append(range(begin, item))
                    begin, held = item, 0
                held += lines[item]
            stretches.append(range(begin, part.stop))
        return cls(stage, tuple(stretches), sum(lines))

    @property
    def ranges(self) -> int:
        """How many ranges keys are divided into."""
        return min(MOST, max(1, math.ceil(self.lines / RANGE_ROWS)))

    def stretches_of(self, items: range) -> list[int]:
        """The stretches of a part's work items."""
        return [number for number, stretch in enumerate(self.stretches) if stretch.start in items]


@dataclasses.dataclass(frozen=True)
class SelectSettings:
    """The recipe and where the signals lie, and how documents are divided."""

    recipe: Recipe
    profiles: Profiles
    signals: Stage
    documents: int
    parts: tuple[range, ...]  # the work items of each part
    first_ids: UInt64s  # (parts,) what the ids of each part's documents begin with
    sources: SourceRanges
    contamination: Stage | None = None  # where the recipe has exams
    scores: Stage | None = None  # where the recipe has scorers
    settled: Settled | None = None  # where inputs were added
    lines: LineInputs | None = None  # where the recipe compares lines

    @classmethod
    def over(
        cls,
        recipe: Recipe,
        signals: Stage,
        documents: Sequence[float],
        *,
        item_of_split: NDArray[Any],
        source_of_split: Sequence[str],
        **more: Any,
    ) -> "SelectSettings":
        """Of work items of so many documents, divided; `more` are the fields that have defaults."""
        parts, first_ids = divide(documents, item_of_split)
        sources = SourceRanges.of_splits(source_of_split)
        total = math.ceil(sum(documents))
        return cls(recipe, load_profiles(recipe), signals, total, parts, first_ids, sources, **more)

    @property
    def signals_schema(self) -> Any:
        dedup = self.recipe.dedup
        groups = self.profiles.groups
        return schema.signals_schema(permutations=dedup.permutations, bands=dedup.bands, groups=groups)

    @property
    def ranges(self) -> int:
        """How many ranges hashes are divided into."""
        return min(MOST, max(1, math.ceil(self.documents * self.recipe.dedup.bands / RANGE_ROWS)))

    @property
    def rounds(self) -> int:
        """How many rounds decide near-duplicates before what is open still is resolved at once."""
        return ROUNDS if self.documents > RESOLVED_AT_ONCE else 0

    def is_settled(self, doc_id: UInt64s) -> NDArray[np.bool_]:
        """(rows,) whether an earlier selection decided about each document."""
        return doc_id < np.uint64(self.settled.below if self.settled is not None else 0)

    def settled_decisions(self, item: int) -> str | None:
        """URL of what an earlier selection decided about a work item; None where none did."""
        if self.settled is None or item >= self.settled.items:
            return None
        return self.settled.decisions.output("decisions", item)

    def part_of(self, doc_id: UInt64s) -> NDArray[np.int64]:
        """(rows,) the part that holds each document."""
        return np.searchsorted(self.first_ids, doc_id, side="right") - 1

    def part_of_item(self, item: int) -> int:
        """The part that holds a work item."""
        return next(number for number, items in enumerate(self.parts) if item in items)


def divide(documents: Sequence[float], item_of_split: NDArray[Any]) -> tuple[tuple[range, ...], UInt64s]:
    """(parts, the least id of each) of work items of so many documents; `item_of_split` ascends."""
    parts: list[range] = []
    begin, held = 0, 0.0
    most = max(PART_DOCUMENTS, math.ceil(sum(documents) / MOST))
    for item, number in enumerate(documents):
        if item > begin and held + number > most:
            parts.append(range(begin, item))
            begin, held = item, 0.0
        held += number
    parts.append(range(begin, len(documents)))
    return tuple(parts), _least_ids(item_of_split, [part.start for part in parts])


def _least_ids(item_of_split: NDArray[Any], items: Sequence[int]) -> UInt64s:
    """(items,) what the ids of each work item's documents begin with."""
    return np.searchsorted(item_of_split, items).astype(np.uint64) << np.uint64(schema.ROW_BITS)


def select_fingerprint(recipe: Recipe, plan: str, before: Sequence[object], earlier: str | None) -> str:
    """Everything that can change a decision, the rules as they are after merging; `earlier`: the selection before."""
    profiles = load_profiles(recipe)
    rules = {
        f"{source.name} {language}": [dataclasses.astuple(limit) for limit in rule_set.limits]
        for source in recipe.source
        for language, rule_set in profiles.rule_sets[source.profile].items()
    }
    exams = recipe.decontaminate
    return fingerprint(
        "select",
        plan,
        list(before),
        sorted(recipe.run.languages),
        rules,
        recipe.dedup.model_dump(exclude={"max_loss"}),
        recipe.quality.model_dump(),
        [sorted(recipe.deduplicated(kind)) for kind in ("url", "exact", "near", "lines")],
        [exams.coverage, exams.action] if exams is not None else [],
        sorted(kinds_that_are("replace", recipe.privacy)),
        earlier,
    )


@dataclasses.dataclass(frozen=True)
class Desk:
    """Where a step stands: the settings, the stage, and what other steps sent."""

    settings: SelectSettings
    stage: Stage

    def send(self, kind: str, unit: int, rows: Rows, receiver: NDArray[Any], receivers: int) -> None:
        """Sends rows as the unit `unit` of the only step that sends this kind."""
        write_rows(self._file(kind, unit), rows, receiver, receivers=receivers)

    def send_to_parts(self, kind: str, unit: int, rows: Rows, doc_id: UInt64s) -> None:
        """Sends each row to the part that holds a document."""
        self.send(kind, unit, rows, self.settings.part_of(doc_id), len(self.settings.parts))

    def receive(self, kind: str, receiver: int) -> Rows:
        """What was sent; {} where no unit sends the kind, as when a kind of duplicate is switched off."""
        return read_rows(self._sent(kind), receiver)

    def receive_with_sender(self, kind: str, receiver: int) -> tuple[Rows, NDArray[np.int64]]:
        """(what was sent, (rows,) the unit that sent each row), of a kind that every unit of a step sends."""
        return read_sent(self._sent(kind), receiver)

    def note(self, kind: str, part: int, rows: Rows) -> None:
        """Keeps rows for the later steps of the same part."""
        write_rows(self._file(kind, part), rows, np.zeros(len(next(iter(rows.values()))), np.uint8), receivers=1)

    def noted(self, kind: str, part: int) -> Rows:
        return read_rows([self._file(kind, part)], 0)

    def forget(self, kind: str) -> None:
        """Deletes what was sent of a kind."""
        self.stage.run.remove_exchange(self.stage.name, self.stage.fingerprint, kind)

    def edges(self, part: int) -> str:
        """The file of a part's verified edges, named by its first work item, whose record names it."""
        return self.stage.output("edges", self.items(part).start)

    def items(self, part: int) -> range:
        """The work items of a part."""
        return self.settings.parts[part]

    def _sent(self, kind: str) -> list[str]:
        folder = self._folder(kind)
        return [files.join(folder, name) for name in files.names(folder) if name.endswith(".arrow")]

    def _file(self, kind: str, unit: int) -> str:
        return files.join(self._folder(kind), f"{unit:05d}.arrow")

    def _folder(self, kind: str) -> str:
        return self.stage.run.path("exchange", self.stage.fingerprint, kind)
