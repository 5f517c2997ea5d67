"""Whether a run is what its records say: every file, every row that can be checked against another, every sum.

    files      exist, with the size and XXH3-128 of their record; Arrow, of their schema, with as many rows
    contents   what each stage's own check says of a work item (StageSpec.check)
    sums       conservation, stage by stage (pipelines.report.run_statistics); representatives; shards and phases

Inputs are not read: a run outlives them.
Memory  the largest batch of documents; the small columns of one work item; 24 bytes for each duplicate of the whole run
Cost    every byte is read twice: once for its digest, once for what it means
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from corpus.errors import CorpusError, DamageError
from corpus.recipe import fingerprint
from corpus.storage import files
from corpus.storage.run_directory import ItemRecord, RunDirectory, Stage
from pipelines.report.run_settings import settings_in_force
from pipelines.report.run_statistics import by_suffix, read_statistics
from pipelines.selection.decision_checks import check_representatives
from pipelines.stage_list import NAMES, STAGES, find_stage, writer_of
from pipelines.stages.findings import Check, Finding, Seen, check_counts, check_file, check_rows, relative
from pipelines.stages.outputs import DECISIONS, PHASES, SHARDS, TOKENIZER, TOKENS, Output
from pipelines.stages.shard_checks import Row, check_phases, check_shard_sums, read_manifest
from pipelines.stages.stage import StageSpec

#: Called with (steps done, steps in all).
Progress = Callable[[int, int], None]

#: Every stage's: in another version a stage may have written what another does now.
_OUTPUTS = {output.kind: output for spec in STAGES for output in spec.writes}


def verify(run: RunDirectory, *, progress: Progress = lambda done, of: None) -> Iterator[Finding]:
    """Every finding, file by file; nothing in a sound run. A run that stopped early is checked as far as it came.

    Raises RunDirectoryError for what is no run directory, DamageError where recipe or stage manifests cannot be read.
    """
    recipe = settings_in_force(run)
    there = [(spec, run.current_stage(spec.name)) for spec in STAGES if run.has_stage(spec.name)]
    writers = {output.kind: stage for spec, stage in there for output in spec.writes}
    for output in (output for spec in STAGES for output in spec.writes if output.kind not in writers):
        if (stage_of_older := find_stage(run, output)) is not None:
            writers[output.kind] = stage_of_older
    steps = sum(len(stage.finished()) for _, stage in there) + 1
    done = 0
    seen = Seen(run, recipe, writers, *_manifest(run))
    yield from _check_finished(seen, [spec for spec, _ in there])
    for spec, stage in there:
        totals: Counter[str] = Counter()
        records = 0
        comparable = not _reads_unfinished(spec, seen)
        if not comparable:
            _mark_damaged(seen, spec)
        for number in stage.finished():
            try:
                record = stage.record(number)
            except DamageError as error:
                yield Finding(
                    Check.SCHEMA, relative(run, stage.file(f"{number:05d}.json")), str(error).partition(": ")[2]
                )
                _mark_damaged(seen, spec)
                continue
            records += 1
            totals.update(record.counts)
            found = list(_check_files(stage, record, seen))
            yield from found
            if found:
                _mark_damaged(seen, spec)
            elif comparable:
                yield from _check_contents(spec, stage, record, seen)
            done += 1
            progress(done, steps)
        yield from _check_manifest(spec, stage, records, totals)
    for check in (_check_tokenizer, check_representatives, _check_sums):
        try:
            yield from check(seen)
        except CorpusError as error:
            yield Finding(Check.SCHEMA, "", str(error))
    progress(steps, steps)


def _manifest(run: RunDirectory) -> tuple[dict[str, str], dict[str, Row]]:
    """Settings and rows of the manifest; ({}, {}) before `pack` and where it cannot be read, which is found later."""
    try:
        return read_manifest(run)
    except CorpusError:
        return {}, {}


def _mark_damaged(seen: Seen, spec: StageSpec[Any, Any]) -> None:
    seen.damaged |= {output.kind for output in spec.writes}


def _check_finished(seen: Seen, there: Sequence[StageSpec[Any, Any]]) -> Iterator[Finding]:
    """That each manifest can be read, and no stage before the last finished one lacks its own: as after a power cut."""
    torn = [name for name in NAMES if seen.run.has_torn_manifest(name)]
    for name in torn:
        yield Finding(Check.SCHEMA, f"stages/{name}.json", "cannot be read, so the stage counts as not finished")
    for spec in STAGES[: STAGES.index(there[-1])] if there else ():
        if _is_unfinished(spec, seen) and spec.name not in torn:
            yield Finding(Check.MISSING, f"stages/{spec.name}.json", f"not there, though {there[-1].name} is finished")


def _is_unfinished(spec: StageSpec[Any, Any], seen: Seen) -> bool:
    """Of a stage that the recipe wants; in another version another stage may have written what it does."""
    return spec.wanted(seen.recipe) and not any(output.kind in seen.writers for output in spec.writes)


def _reads_unfinished(spec: StageSpec[Any, Any], seen: Seen) -> bool:
    """Whether there is nothing to hold a stage's files against: what it reads was written by none that is finished."""
    return any(_is_unfinished(writer_of(output), seen) for output in spec.reads)


def _check_files(stage: Stage, record: ItemRecord, seen: Seen) -> Iterator[Finding]:
    """The files that a record names, against it."""
    for kind, written in sorted(record.outputs.items()):
        output = _OUTPUTS.get(kind.partition("/")[0])
        url = _url(output, stage, record, kind)
        name = relative(stage.run, url)
        found = list(check_file(url, name, written))
        if not found and output is not None and output.has_rows:
            of = output.schema_of(seen.recipe, seen.metadata) if output.schema_of is not None else None
            found = list(check_rows(url, name, written, of))
        yield from found


def _url(output: Output | None, stage: Stage, record: ItemRecord, kind: str) -> str:
    if output is SHARDS:  # a shard's kind is its path
        return stage.run.path(kind)
    if output is None:  # of another version
        return stage.output(kind, record.item)
    return output.url(stage, record.item)


def _check_manifest(spec: StageSpec[Any, Any], stage: Stage, records: int, totals: Counter[str]) -> Iterator[Finding]:
    """A stage's manifest against its records, and its records against the plan."""
    run = stage.run
    name = f"stages/{stage.name}.json"
    manifest = run.stage_manifest(stage.name)
    if not spec.has_records:
        return
    expected = run.stage_manifest("plan")["items"] if spec.of_input else manifest["items"]
    if records != expected or records != manifest["items"]:
        detail = f"{records} records of work items, {expected} expected, the manifest says {manifest['items']}"
        yield Finding(Check.MISSING, name, detail)
    yield from check_counts(name, "in all records", manifest.get("counts", {}), dict(totals))


def _check_contents(spec: StageSpec[Any, Any], stage: Stage, record: ItemRecord, seen: Seen) -> Iterator[Finding]:
    """What a work item's files mean. Another stage's file that it needs and that is damaged ends the look at it."""
    if spec.check is None:
        return
    try:
        yield from spec.check(seen, stage, record)
    except DamageError as error:
        _mark_damaged(seen, spec)
        yield Finding(Check.SCHEMA, relative(stage.run, stage.file(f"{record.item:05d}.json")), str(error))


def _check_tokenizer(seen: Seen) -> Iterator[Finding]:
    """A model that the recipe named: its digest is in the stage's fingerprint. (One that was trained has a record.)"""
    stage = seen.writers.get(TOKENIZER.kind)
    if stage is None or "model" not in seen.run.stage_manifest(stage.name):
        return
    url = TOKENIZER.url(stage, 0)
    name = relative(seen.run, url)
    if not files.exists(url):
        yield Finding(Check.MISSING, name, "the tokenizer's model")
    elif fingerprint("tokenizer", files.digest(url)) != stage.fingerprint:
        yield Finding(Check.DIGEST, name, "not the model that the stage was begun with")


def _check_sums(seen: Seen) -> Iterator[Finding]:
    """Conservation, and that the kept documents are those in tokens/ and shards/, each once."""
    run = seen.run
    for line in read_statistics(run).broken:
        yield Finding(Check.CONSERVATION, "stages", line)
    for output, total in ((TOKENS, seen.tokenized), (SHARDS, seen.packed)):
        if seen.is_sound(DECISIONS, output) and total % (1 << 64) != seen.kept % (1 << 64):
            name = f"stages/{seen.writers[output.kind].name}.json"
            yield Finding(Check.CONSERVATION, name, "its documents are not the kept ones, each once")
    packed, tokenized = seen.writers.get(SHARDS.kind), seen.writers.get(TOKENS.kind)
    if packed is not None and tokenized is not None:
        tokens = by_suffix(run.stage_manifest(tokenized.name)["counts"], "tokens")
        yield from check_shard_sums(packed, tokens)
    if PHASES.kind in seen.writers:
        yield from check_phases(run, seen.recipe)


def findings_json(findings: list[Finding]) -> dict[str, Any]:
    """What `verify --json` prints."""
    return {"sound": not findings, "findings": [dataclasses.asdict(finding) for finding in findings]}
