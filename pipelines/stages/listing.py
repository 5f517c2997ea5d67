"""plan: input files → splits and work items, those of additions after those that were there.

What no [[addition]] names, the run began with (number 0). Work items are a function of the inputs alone.
"""

import dataclasses
from collections.abc import Mapping, Sequence
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
    files_fingerprint: str  # of its files alone: names, sizes, digests, not what they are read as
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
        files_mark = fingerprint(
            "files", sorted((file.source, file.name, file.file_bytes, file.digest.hex()) for file in mine)
        )
        items = int(item_of_split[of_split == number].max()) + 1
        planned.append(
            Planned(name, mark, files_mark, len(mine), sum(file.file_bytes for file in mine), sizes[number], items)
        )
    return planned, splits


def what_changed(before: Sequence[Mapping[str, Any]], now: Sequence[Planned]) -> str | None:
    """Why work on the inputs of an earlier plan cannot go on under this one, in words; None where it begins anew by right.

    `before` has `Planned.to_json` of each. What the same files are read as (format, fields, kind) is a setting like others.
    """
    if len(now) < len(before):
        return f"it had {len(before) - 1} [[addition]], the recipe has {len(now) - 1}"
    for old, new in zip(before, now, strict=False):
        whose = f"addition {new.name!r}" if new.name else "what it began with"
        if (old.get("files"), old.get("input_bytes")) != (new.files, new.input_bytes):
            return f"{whose} was {old.get('files')} files of {old.get('input_bytes')} bytes and is {new.files:,} of {new.input_bytes:,}"
        if old.get("item_bytes") != new.item_bytes:
            return f"work items of {whose} were of {old.get('item_bytes')} bytes and are of {new.item_bytes:,}: run.work_item_bytes"
        if old.get("files_fingerprint") != new.files_fingerprint:
            return f"names or content of the files of {whose} changed"
    return None
