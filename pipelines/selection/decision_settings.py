"""What decides a decision, and how documents and hashes are divided among the units of `select`.

Documents are divided into *parts* (consecutive work items of some PART_DOCUMENTS documents), hashes into *ranges* of some
RANGE_ROWS band rows: both from the number of documents alone, the same for any number of workers. Each part sends to each range
and back, so beyond DIVIDED_EVENLY documents both sizes grow as the root of the number: what is sent in single batches then grows
as the documents do, and a worker's memory as their root.

    documents      parts   ranges   pairs of them   documents of a part   rows of a range
    10^8             191      167          31,897               524,288         8,388,608
    2 × 10^9       1,398    1,223       1,709,754             1,431,055        22,896,883
    2 × 10^10      4,420    3,868      17,096,560             4,525,392        72,406,286
"""

import dataclasses
import json
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from corpus import schema
from corpus.recipe import Recipe, fingerprint
from corpus.storage.run_directory import RunDirectory, Stage
from filters.copies.duplicates import UInt64s
from filters.privacy.kinds import kinds_that_are
from filters.quality.rules import Profiles, load_profiles

VERSION = 11

#: What a document is found to be a copy by, in the order in which it is looked for; each is a kind of rows that are sent.
URL, TEXT, NEAR = "url", "text", "near"

#: How rows travel between the steps: through files of the run directory, or by the engine's own grouping.
ExchangeName = Literal["files", "engine"]
FILES: ExchangeName = "files"
ENGINE: ExchangeName = "engine"

#: Documents of a part: what one worker holds ids, codes and removals of, some 300 bytes each.
PART_DOCUMENTS = 1 << 19
#: Rows (band hash, document) of a range of hashes: 16 bytes each, and as much again while they are sorted.
RANGE_ROWS = 1 << 23
#: Documents up to which parts and ranges have these sizes: 512 parts, 448 ranges.
DIVIDED_EVENLY = 1 << 28

#: Up to so many documents their edges, some 30 % of them at 60 bytes, are resolved in one unit; of more, rounds decide most before.
RESOLVED_AT_ONCE = 1 << 29
ROUNDS = 8

#: Lines of a stretch of work items: 100 bytes each in the one worker that holds them.
STRETCH_LINES = 1 << 22
#: Lines up to which stretches and their ranges have these sizes, beyond it as above: 2,048 stretches, 1,024 ranges.
LINES_DIVIDED_EVENLY = 1 << 33


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
class EarlierDecisions:
    """The work items that an earlier selection decided about: their decisions stay."""

    decisions: Stage
    items: int
    below: int  # every id of their documents, and no other, is below it

    @staticmethod
    def of(decisions: Stage, items: int, item_of_split: NDArray[Any]) -> "EarlierDecisions":
        return EarlierDecisions(decisions, items, int(_least_ids(item_of_split, [items])[0]))


@dataclasses.dataclass(frozen=True)
class LineInputs:
    """Where the lines of documents lie, and how the work items are divided to compare them."""

    stage: Stage
    stretches: tuple[range, ...]  # work items, all of one part
    lines: int  # in all
    divided: int | None = None  # ranges, as the driver divided; None: as this module does

    @classmethod
    def divide(cls, stage: Stage, lines: Sequence[int], parts: Sequence[range]) -> "LineInputs":
        """Stretches of at most STRETCH_LINES lines (of very many more), or of one work item; `lines` are those of each."""
        stretches: list[range] = []
        most = grown(STRETCH_LINES, sum(lines), LINES_DIVIDED_EVENLY)
        for part in parts:
            begin = part.start
            held = 0
            for item in part:
                if item > begin and held + lines[item] > most:
                    stretches.append(range(begin, item))
                    begin, held = item, 0
                held += lines[item]
            stretches.append(range(begin, part.stop))
        return cls(stage, tuple(stretches), sum(lines))

    @property
    def ranges(self) -> int:
        """How many ranges keys are divided into."""
        if self.divided is not None:
            return self.divided
        return max(1, math.ceil(self.lines / grown(RANGE_ROWS, self.lines, LINES_DIVIDED_EVENLY)))


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
    settled: EarlierDecisions | None = None  # where inputs were added
    lines: LineInputs | None = None  # where the recipe compares lines
    divided: tuple[int, int] | None = None  # ranges and rounds, as the driver divided; None: as this module does

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
        if self.divided is not None:
            return self.divided[0]
        rows = grown(RANGE_ROWS, self.documents, DIVIDED_EVENLY)
        return max(1, math.ceil(self.documents * self.recipe.dedup.bands / rows))

    @property
    def rounds(self) -> int:
        """How many rounds decide near-duplicates before what is open still is resolved at once."""
        if self.divided is not None:
            return self.divided[1]
        return ROUNDS if self.documents > RESOLVED_AT_ONCE else 0

    def to_json(self) -> bytes:
        """For workers: what grows with the run does not travel in the graph."""
        table = {
            "recipe": self.recipe.model_dump(mode="json"),
            "stages": {name: _stage_table(getattr(self, name)) for name in ("signals", "contamination", "scores")},
            "documents": self.documents,
            "divided": [self.ranges, self.rounds],
            "parts": [part.stop for part in self.parts],
            "first_ids": self.first_ids.tolist(),
            "sources": [self.sources.names, self.sources.first_ids.tolist(), self.sources.source.tolist()],
            "settled": self.settled and {"stage": _stage_table(self.settled.decisions), "items": self.settled.items, "below": self.settled.below},
            "lines": self.lines and {
                "stage": _stage_table(self.lines.stage),
                "stretches": [[each.start, each.stop] for each in self.lines.stretches],
                "lines": self.lines.lines,
                "divided": self.lines.ranges,
            },
        }  # fmt: skip
        return json.dumps(table, sort_keys=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "SelectSettings":
        """The settings whose JSON it is; profiles follow from the recipe."""
        table = json.loads(data)
        recipe = Recipe.model_validate(table["recipe"])
        names, first_ids, source = table["sources"]
        settled, lines = table["settled"], table["lines"]
        return cls(
            recipe,
            load_profiles(recipe),
            _stage_of(table["stages"]["signals"]),
            table["documents"],
            tuple(map(range, [0, *table["parts"]], table["parts"])),
            np.array(table["first_ids"], np.uint64),
            SourceRanges(tuple(names), np.array(first_ids, np.uint64), np.array(source, np.int64)),
            contamination=table["stages"]["contamination"] and _stage_of(table["stages"]["contamination"]),
            scores=table["stages"]["scores"] and _stage_of(table["stages"]["scores"]),
            settled=settled and EarlierDecisions(_stage_of(settled["stage"]), settled["items"], settled["below"]),
            lines=lines
            and LineInputs(
                _stage_of(lines["stage"]),
                tuple(range(*each) for each in lines["stretches"]),
                lines["lines"],
                lines["divided"],
            ),
            divided=tuple(table["divided"]),
        )

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


def _stage_table(stage: Stage | None) -> dict[str, str] | None:
    return None if stage is None else {"run": stage.run.url, "name": stage.name, "fingerprint": stage.fingerprint}


def _stage_of(table: dict[str, str]) -> Stage:
    return RunDirectory(table["run"]).stage(table["name"], table["fingerprint"])


def grown(size: int, total: float, evenly: int) -> int:
    """The size of a unit of `total` rows: `size` of up to `evenly` rows, of more in proportion to their root."""
    return math.ceil(size * math.sqrt(max(1.0, total / evenly)))


def divide(documents: Sequence[float], item_of_split: NDArray[Any]) -> tuple[tuple[range, ...], UInt64s]:
    """(parts, the least id of each) of work items of so many documents; `item_of_split` ascends."""
    parts: list[range] = []
    begin, held = 0, 0.0
    most = grown(PART_DOCUMENTS, sum(documents), DIVIDED_EVENLY)
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
