"""The check of one work item: a pure function of what is known of the run and of the item, so that it can be done anywhere.

    files     exist, with the size and XXH3-128 of the item's record; Arrow, of their schema, with as many rows
    record    says what its stage has of the item in records.arrow
    contents  what the stage's own check says (StageSpec.check); not where a file is damaged

Reads   the item's record and files, and the files that its stage's check compares them with; nothing is written
Memory  the largest batch of documents; the small columns of the item
Cost    every byte is read twice: once for its digest, once for what it means
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from corpus.errors import DamageError
from corpus.storage.run_directory import ItemRecord, Stage
from pipelines.stage_list import STAGES
from pipelines.stages.findings import Carried, Check, Finding, Seen, check_file, check_rows, relative
from pipelines.stages.outputs import SHARDS, Output
from pipelines.stages.stage import StageSpec

SPECS: Mapping[str, StageSpec[Any, Any]] = {spec.name: spec for spec in STAGES}

#: Every stage's: in another version a stage may have written what another does now.
_OUTPUTS = {output.kind: output for spec in STAGES for output in spec.writes}


@dataclasses.dataclass(frozen=True)
class Task:
    """A work item to be looked at."""

    stage: str
    item: int
    known: ItemRecord | None  # as records.arrow has it; None: its own record alone says what it did
    sizes: Mapping[str, int]  # kind of output → bytes of its file, of those that a listing showed


@dataclasses.dataclass(frozen=True)
class ItemCheck:
    """What was found of a work item."""

    findings: tuple[Finding, ...]
    record: ItemRecord | None  # None where it cannot be read
    damaged: bool  # a file of it, or one that it depends on, is not what was written: the stage's outputs tell nothing of others
    carried: Carried = dataclasses.field(default_factory=Carried)
    seen_before: bool = False  # by a call that was interrupted


def check_item(seen: Seen, task: Task) -> ItemCheck:
    """Looks at one item. Raises StoreError where a store does not answer, which says nothing of the item."""
    spec, stage = SPECS[task.stage], _stage(seen, task.stage)
    name = relative(stage.run, stage.file(f"{task.item:05d}.json"))
    try:
        record = stage.record(task.item)
        if record.item != task.item:
            raise DamageError(f"{name}: the record of item {record.item}")
    except FileNotFoundError:
        return ItemCheck((Finding(Check.MISSING, name, "the record of a work item"),), None, True)
    except DamageError as error:
        return ItemCheck((Finding(Check.SCHEMA, name, str(error).partition(": ")[2]),), None, True)
    findings = []
    if task.known is not None and record != task.known:
        findings.append(Finding(Check.RECORD, name, "says something else than records.arrow"))
    damage = list(_check_files(stage, record, seen, task.sizes))
    comparable = not any(
        output.kind in seen.damaged for output in spec.writes
    )  # else what it reads is of no finished stage
    if damage or spec.check is None or not comparable:
        return ItemCheck((*findings, *damage), record, bool(damage))
    contents = spec.check(seen, stage, record)
    carried = Carried()
    try:
        while True:
            findings.append(next(contents))
    except StopIteration as end:
        carried = end.value or carried
    except DamageError as error:  # another stage's file that it needs
        return ItemCheck((*findings, Finding(Check.SCHEMA, name, str(error))), record, True)
    return ItemCheck(tuple(findings), record, False, carried)


def url_of(output: Output | None, stage: Stage, item: int, kind: str) -> str:
    """Where a file lies that a record names."""
    if output is SHARDS:  # a shard's kind is its path
        return stage.run.path(kind)
    if output is None:  # of another version
        return stage.output(kind, item)
    return output.url(stage, item)


def output_of(kind: str) -> Output | None:
    """Which output a record means by a name, whichever stage writes it now; None where it is of another version."""
    return _OUTPUTS.get(kind.partition("/")[0])


def _stage(seen: Seen, name: str) -> Stage:
    return next(stage for stage in seen.writers.values() if stage.name == name)


def _check_files(stage: Stage, record: ItemRecord, seen: Seen, sizes: Mapping[str, int]) -> Iterator[Finding]:
    """The files that a record names, against it."""
    for kind, written in sorted(record.outputs.items()):
        output = output_of(kind)
        url = url_of(output, stage, record.item, kind)
        name = relative(stage.run, url)
        found = list(check_file(url, name, written, sizes.get(kind)))
        if not found and output is not None and output.has_rows:
            of = output.schema_of(seen.recipe, seen.metadata) if output.schema_of is not None else None
            found = list(check_rows(url, name, written, of))
        yield from found
