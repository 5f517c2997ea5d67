"""Whether a run is what its records say: every file, every row that can be checked against another, every sum.

    items      each by itself (pipelines.report.item_checks), some at once; stage by stage, since a damaged stage tells nothing of others
    manifests  of stages, and the files that they name: what no record names
    sums       conservation, stage by stage (pipelines.report.run_statistics); representatives; shards and phases

Inputs are not read: a run outlives them. What was interrupted goes on where it stopped (pipelines.report.checks_made); only one that
came to its end, every item looked at, says that a run is sound.
Memory  of each process as for an item; of this one some 300 bytes an item and file of a stage, and 40 for each duplicate of the run
Cost    every byte is read twice; by listings and records.arrow few requests besides those that read each file
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from corpus.errors import CorpusError
from corpus.recipe import fingerprint
from corpus.storage import files
from corpus.storage.files import Stat
from corpus.storage.ipc import Written
from corpus.storage.item_records import Records
from corpus.storage.run_directory import COMPACT, STORED, ItemRecord, RunDirectory, Stage
from pipelines.report.checking import Checkers, workers_for
from pipelines.report.checks_made import ChecksMade, key_of
from pipelines.report.item_checks import ItemCheck, Task, output_of, url_of
from pipelines.report.run_settings import settings_in_force
from pipelines.report.run_statistics import by_suffix, read_statistics
from pipelines.selection.decision_checks import check_representatives
from pipelines.stage_list import NAMES, STAGES, find_stage, writer_of
from pipelines.stages.findings import Carried, Check, Clusters, Finding, Seen, check_counts, check_file, relative
from pipelines.stages.outputs import DECISIONS, PHASES, SHARDS, TOKENIZER, TOKENS, Output
from pipelines.stages.shard_checks import Row, check_phases, check_shard_sums, read_manifest
from pipelines.stages.stage import StageSpec

#: Of the checks: what another version saw is not taken for seen.
_FORM_OF_CHECKS = 1

#: Called with (steps done, steps in all).
Progress = Callable[[int, int], None]


@dataclasses.dataclass
class _Whole:
    """What is known of all items that were looked at."""

    kept: int = 0
    tokenized: int = 0
    packed: int = 0
    clusters: dict[int, Clusters] = dataclasses.field(default_factory=dict)

    def add(self, item: int, carried: Carried) -> None:
        self.kept += carried.kept
        self.tokenized += carried.tokenized
        self.packed += carried.packed
        if carried.clusters is not None:
            self.clusters[item] = carried.clusters


def verify(
    run: RunDirectory,
    *,
    progress: Progress = lambda done, of: None,
    workers: int | None = None,
    again: bool = False,
    note: Callable[[str], None] = lambda line: None,
) -> Iterator[Finding]:
    """Every finding, file by file; nothing in a sound run. A run that stopped early is checked as far as it came.

    `workers` None: as many as there are cores, where the run is large. With `again` what an interrupted call saw does not count.
    `note` is called with a line for what was not looked at: items that an interrupted call saw, manifests without a digest.
    Raises RunDirectoryError for what is no run directory, DamageError where recipe or stage manifests cannot be read.
    """
    recipe = settings_in_force(run)
    there = [(spec, run.current_stage(spec.name)) for spec in STAGES if run.has_stage(spec.name)]
    writers = {output.kind: stage for spec, stage in there for output in spec.writes}
    for output in (output for spec in STAGES for output in spec.writes if output.kind not in writers):
        if (stage_of_older := find_stage(run, output)) is not None:
            writers[output.kind] = stage_of_older
    seen, whole = Seen(run, recipe, writers, *_manifest(run)), _Whole()
    unfinished = list(_check_finished(seen, [spec for spec, _ in there]))
    yield from unfinished
    made = ChecksMade.read(run)
    if again:
        made.forget()
    loose = [finding for name in NAMES if run.has_stage(name) for finding in _check_loose(run, name)]
    yield from loose
    if older := [name for name in NAMES if run.has_stage(name) and STORED not in run.stage_manifest(name)]:
        note(
            f"not checked: manifests of {', '.join(older)}, and what lies beside their records; their version wrote no digests of it"
        )
    wrong = {finding.file for finding in loose}
    recorded = {
        spec.name: stage.read_records(compact=stage.name_of(COMPACT) not in wrong)
        for spec, stage in there
        if spec.has_records
    }
    steps = sum(len(records) + len(records.unreadable) for records in recorded.values()) + 1
    processes = workers_for(sum(records.output_bytes() for records in recorded.values()), workers)
    done = before = 0
    try:
        with Checkers(seen, processes) as checkers:
            for spec, stage in there:
                if not spec.has_records:
                    continue
                records = recorded[spec.name]
                if _reads_unfinished(spec, seen):
                    seen = dataclasses.replace(seen, damaged=seen.damaged | {output.kind for output in spec.writes})
                totals, count, damaged = Counter(records.totals()), len(records), False
                for task, check in _checks(seen, spec, stage, records, made, checkers):
                    yield from check.findings
                    damaged |= check.damaged
                    whole.add(task.item, check.carried)
                    count += (check.record is not None) - (task.item in records)
                    _correct(totals, task.known, check.record)
                    before += check.seen_before
                    done += 1
                    progress(done, steps)
                if damaged:
                    seen = dataclasses.replace(seen, damaged=seen.damaged | {output.kind for output in spec.writes})
                yield from _check_manifest(spec, stage, count, +totals)
    except BaseException:
        made.write()
        raise
    for check_all in (
        _check_tokenizer,
        lambda seen: check_representatives(seen, whole.clusters),
        # A sum over all stages says nothing where one of them is not known.
        *((lambda seen: _check_sums(seen, whole),) if not unfinished else ()),
    ):
        try:
            yield from check_all(seen)
        except CorpusError as error:
            yield Finding(Check.SCHEMA, "", str(error))
    made.forget()
    if before:
        note(
            f"not read again: {before:,} work items that an interrupted call found sound, with the same sizes and times since; "
            f"--again reads them too"
        )
    progress(steps, steps)


def _manifest(run: RunDirectory) -> tuple[dict[str, str], dict[str, Row]]:
    """Settings and rows of the manifest; ({}, {}) before `pack` and where it cannot be read, which is found later."""
    try:
        return read_manifest(run)
    except CorpusError:
        return {}, {}


def _check_loose(run: RunDirectory, name: str) -> Iterator[Finding]:
    """A finished stage's manifest, and the files that it names."""
    if run.has_lost_digest(name):
        yield Finding(Check.DIGEST, f"stages/{name}.json", "has no digest of itself any more: it was changed")
    for path, stated in sorted(run.stage_manifest(name).get(STORED, {}).items()):
        try:
            written = Written(rows=0, bytes=stated["bytes"], digest=stated["digest"])
        except (TypeError, KeyError):
            yield Finding(Check.SCHEMA, f"stages/{name}.json", f"says nothing of {path}")
            continue
        yield from check_file(run.path(path), path, written, by=f"stages/{name}.json")


def _correct(totals: Counter[str], known: ItemRecord | None, found: ItemRecord | None) -> None:
    """Puts what an item's own record counts in the place of what is known of it."""
    if known is not None and found != known:
        totals.subtract(known.counts)
        totals.update(found.counts if found is not None else {})


def _check_finished(seen: Seen, there: Sequence[StageSpec[Any, Any]]) -> Iterator[Finding]:
    """That each manifest can be read, and no stage before the last finished one lacks its own: as after a power cut."""
    torn = [name for name in NAMES if seen.run.has_torn_manifest(name)]
    for name in torn:
        yield Finding(
            Check.SCHEMA,
            f"stages/{name}.json",
            "cannot be read, or is not what was written, so the stage counts as not finished",
        )
    for spec in STAGES[: STAGES.index(there[-1])] if there else ():
        if _is_unfinished(spec, seen) and spec.name not in torn:
            yield Finding(Check.MISSING, f"stages/{spec.name}.json", f"not there, though {there[-1].name} is finished")


def _is_unfinished(spec: StageSpec[Any, Any], seen: Seen) -> bool:
    """Of a stage that the recipe wants; in another version another stage may have written what it does."""
    return spec.wanted(seen.recipe) and not any(output.kind in seen.writers for output in spec.writes)


def _reads_unfinished(spec: StageSpec[Any, Any], seen: Seen) -> bool:
    """Whether there is nothing to hold a stage's files against: what it reads was written by none that is finished."""
    return any(_is_unfinished(writer_of(output), seen) for output in spec.reads)


def _checks(
    seen: Seen, spec: StageSpec[Any, Any], stage: Stage, records: Records, made: ChecksMade, checkers: Checkers
) -> Iterator[tuple[Task, ItemCheck]]:
    """Every item of a stage, in their order: what is known of it, or what is found now."""
    listed = {output.kind: _listing(seen, output) for output in (*spec.reads, *spec.writes)}
    listed["records"] = files.listing(stage.file("").rstrip("/"))
    facts = key_of(_FORM_OF_CHECKS, spec.name, stage.fingerprint, seen.recipe.model_dump_json(), sorted(seen.damaged))
    facts = key_of(facts, seen.metadata, *(() if spec.of_input else (sorted(each.items()) for each in listed.values())))
    tasks = list(_tasks(spec, stage, records, listed))
    keys = {task.item: _key(facts, spec, stage, task, listed, seen) for task in tasks}
    known = {item: made.known[key] for item, key in keys.items() if key is not None and key in made.known}
    found = checkers.check([task for task in tasks if task.item not in known], seen.damaged)
    for task in tasks:
        if task.item in known:
            yield task, ItemCheck((), task.known, False, known[task.item], seen_before=True)
            continue
        same, check = next(found)
        key = keys[task.item]
        if key is not None and not check.findings:
            made.add(key, check.carried)
        yield same, check


def _tasks(
    spec: StageSpec[Any, Any], stage: Stage, records: Records, listed: dict[str, dict[str, Stat]]
) -> Iterator[Task]:
    known = dict.fromkeys(records.unreadable) | {record.item: record for record in records}
    for item, record in sorted(known.items()):
        sizes = {}
        for kind in record.outputs if record is not None else ():
            output = output_of(kind)
            name = relative(stage.run, url_of(output, stage, item, kind))
            if output is not None and (stat := listed.get(output.kind, {}).get(name)) is not None:
                sizes[kind] = stat.bytes
        yield Task(spec.name, item, record, sizes)


def _key(
    facts: bytes, spec: StageSpec[Any, Any], stage: Stage, task: Task, listed: dict[str, dict[str, Stat]], seen: Seen
) -> bytes | None:
    """Of all that an item's check depends on; None where a file is not listed, or its store says nothing of when it changed."""
    own = listed["records"].get(f"{task.item:05d}.json")
    if task.known is None or own is None or not own.mark:
        return None
    names = [
        (kind, relative(stage.run, url_of(output_of(kind), stage, task.item, kind))) for kind in task.known.outputs
    ]
    stats = [listed[kind.partition("/")[0]].get(name) for kind, name in names if kind.partition("/")[0] in listed]
    if len(stats) != len(names) or not all(stat is not None and stat.mark for stat in stats):
        return None
    read = [output for output in spec.reads if output.kind in seen.writers] if spec.of_input else []
    beside = [listed.get(output.kind, {}).get(seen.name(output, task.item)) for output in read]
    rows = [seen.shards.get(name) for _, name in names]
    return key_of(facts, task.item, own, task.known, names, stats, beside, rows)


def _listing(seen: Seen, output: Output) -> dict[str, Stat]:
    """The files of an output, by their names in the run directory."""
    stage = seen.writers.get(output.kind)
    if stage is None or not output.by_fingerprint:
        return {}
    folder = seen.run.path(output.kind, stage.fingerprint)
    folders = [folder]
    if output is SHARDS:
        folders = [files.join(folder, name) for name in files.folder_names(folder)]
    return {
        f"{relative(seen.run, each)}/{name}": stat for each in folders for name, stat in files.listing(each).items()
    }


def _check_manifest(spec: StageSpec[Any, Any], stage: Stage, records: int, totals: Counter[str]) -> Iterator[Finding]:
    """A stage's manifest against its records, and its records against the plan."""
    run = stage.run
    name = f"stages/{stage.name}.json"
    manifest = run.stage_manifest(stage.name)
    planned = run.stage_manifest("plan")["items"] if spec.of_input and run.has_stage("plan") else manifest["items"]
    if records != planned or records != manifest["items"]:
        detail = f"{records} records of work items, {planned} expected, the manifest says {manifest['items']}"
        yield Finding(Check.MISSING, name, detail)
    yield from check_counts(name, "in all records", manifest.get("counts", {}), dict(totals))


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


def _check_sums(seen: Seen, whole: _Whole) -> Iterator[Finding]:
    """Conservation, and that the kept documents are those in tokens/ and shards/, each once."""
    run = seen.run
    for line in read_statistics(run).broken:
        yield Finding(Check.CONSERVATION, "stages", line)
    for output, total in ((TOKENS, whole.tokenized), (SHARDS, whole.packed)):
        if seen.is_sound(DECISIONS, output) and total % (1 << 64) != whole.kept % (1 << 64):
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
