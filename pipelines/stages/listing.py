"""plan: input files → splits and work items, those of additions after those that were there.

What no [[addition]] names, the run began with (number 0). Work items are a function of the inputs alone.
"""

import dataclasses
from typing import Any

import pyarrow as pa

from corpus import schema
from corpus.columns import numbers
from corpus.recipe import Recipe, fingerprint
from corpus.sources.splits import InputFile, item_bytes_of, make_splits


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


def plan_additions(
    recipe: Recipe, inputs: list[InputFile], *, schema_version: int = schema.SCHEMA_VERSION
) -> tuple[list[Planned], pa.Table]:
    """(what the run began with and each addition, in their order; schema.SPLITS of all)."""
    sizes = item_bytes_of(inputs, recipe.run.work_item_bytes)
    splits = make_splits(inputs, sizes)
    of_split, item_of_split = numbers(splits["addition"]), numbers(splits["item"])
    planned: list[Planned] = []
    for number, name in enumerate((None, *(addition.name for addition in recipe.addition))):
        mine = [file for file in inputs if file.addition == number]
        before = [planned[-1].fingerprint] if planned else []
        identity = [file.identity for file in mine]
        mark = fingerprint("plan", schema_version, identity, sizes[number], *before)
        items = int(item_of_split[of_split == number].max()) + 1
        planned.append(Planned(name, mark, len(mine), sum(file.file_bytes for file in mine), sizes[number], items))
    return planned, splits
