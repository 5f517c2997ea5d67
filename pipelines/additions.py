"""Additions: inputs that came to a run later, as a new crawl, and what stays of it when they come.

A recipe lists them in their order ([[addition]]); what no addition names, the run began with (number 0). Each has splits and
work items of its own after those before it, so what was extracted stays. `select` makes a *selection* for each:
what an earlier selection decided stays, and the documents of a later one are looked at beside those that were kept. So

    decisions(n) = select(documents of addition n, decisions(n − 1)),

whether a run was built in one call or grew over years; tokenizer and tokens are those of the first selection. With
`run.decide_again` there is one selection over all.
"""

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa

from corpus import schema
from corpus.columns import numbers
from corpus.recipe import Recipe, fingerprint
from corpus.sources.splits import InputFile, item_bytes_of, make_splits
from corpus.storage.records import Records
from corpus.storage.run_directory import RunDirectory, Stage
from pipelines.selection.settings import select_fingerprint


@dataclasses.dataclass(frozen=True)
class Planned:
    """What a run began with, or an addition to it."""

    name: str | None  # None: what the run began with
    fingerprint: str  # of its inputs and of all that came before it
    files: int
    input_bytes: int
    item_bytes: int
    items: int  # work items, those that came before it included

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Selection:
    """One run of `select`: decides about the work items before `items` that the selection before did not."""

    stage: Stage
    items: int

    def is_done(self, recorded: Records) -> bool:
        """Whether it has decided, by what its stage recorded."""
        return recorded.items.tolist() == list(range(self.items))


def plan_additions(recipe: Recipe, inputs: list[InputFile]) -> tuple[list[Planned], pa.Table]:
    """(what the run began with and each addition, in their order; schema.SPLITS of all)."""
    sizes = item_bytes_of(inputs, recipe.run.work_item_bytes)
    splits = make_splits(inputs, sizes)
    of_split, item_of_split = numbers(splits["addition"]), numbers(splits["item"])
    planned: list[Planned] = []
    for number, name in enumerate((None, *(addition.name for addition in recipe.addition))):
        mine = [file for file in inputs if file.addition == number]
        before = [planned[-1].fingerprint] if planned else []
        identity = [file.identity for file in mine]
        mark = fingerprint("plan", schema.SCHEMA_VERSION, identity, sizes[number], *before)
        items = int(item_of_split[of_split == number].max()) + 1
        planned.append(Planned(name, mark, len(mine), sum(file.file_bytes for file in mine), sizes[number], items))
    return planned, splits


def decided_counts(recorded: Records, planned: Sequence[Planned]) -> list[dict[str, int]]:
    """Documents of what the run began with and of each addition, and how many of them are kept."""
    ends = [each.items for each in planned]
    columns = {name: recorded.counts(name) for name in ("documents", "kept")}
    found = []
    for begin, end in pairwise([0, *ends]):
        mine = (recorded.items >= begin) & (recorded.items < end)
        found.append({name: int(column[mine].sum()) for name, column in columns.items()})
    return found


def plan_selections(
    run: RunDirectory,
    recipe: Recipe,
    planned: Sequence[Planned],
    *,
    extract: str,
    decontaminate: str | None,
    score: str | None,
    lines: str | None = None,
) -> list[Selection]:
    """The selections of `select`, in their order, from the fingerprints of the stages before it."""
    selections: list[Selection] = []
    for each in planned[-1:] if recipe.run.decide_again else planned:
        before = selections[-1].stage.fingerprint if selections else None
        mark = select_fingerprint(
            recipe,
            plan=each.fingerprint,
            extract=extract,
            decontaminate=decontaminate,
            score=score,
            lines=lines,
            before=before,
        )
        selections.append(Selection(run.stage("select", mark), each.items))
    return selections
