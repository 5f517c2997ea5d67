"""Deletes what a check found damaged, with the record that says it is done, so that the next build makes it again.

A work item's other files stay: they are written again with the same bytes. What no work item wrote (`manifest.arrow`,
`phases/plan.json`, a stage's manifest, the files beside a stage's records) is deleted alone; every build writes it.
A finding's file may be a path that someone wrote into a record: it goes only if it is one that a build writes, under the
fingerprint that the stage's manifest names (corpus.storage.deletion).
"""

from collections.abc import Iterable

from corpus.errors import DamageError
from corpus.storage import files
from corpus.storage.run_directory import COMPACT, RunDirectory, Stage
from corpus.storage.run_lock import only_build
from corpus.storage.run_marker import check_marked, is_known_without
from corpus.storage.run_names import MARKER, is_file_of_a_run
from pipelines.stage_list import NAMES, STAGES
from pipelines.stages.findings import Finding

#: Folder of the run directory → the stage whose work items write into it.
STAGE_OF = {output.kind: spec.name for spec in STAGES if spec.has_records for output in spec.writes}

#: Written by every build, whatever is done already.
ALWAYS_WRITTEN = frozenset({"manifest.arrow", "phases/plan.json", "splits.arrow", "recipe.json", "recipe.toml"})


def delete_damaged(run: RunDirectory, findings: Iterable[Finding]) -> tuple[list[str], list[Finding]]:
    """(what was deleted, relative to the run directory; the findings that name no file that a build would make again).

    Raises RunDirectoryError where the folder is no run directory, or a build is running in it.
    """
    check_marked(run.url)
    with only_build(run):
        return _delete(run, findings)


def _delete(run: RunDirectory, findings: Iterable[Finding]) -> tuple[list[str], list[Finding]]:
    deleted: set[str] = set()
    left = []
    for finding in findings:
        names = _to_delete(run, finding.file)
        # What repeats a record goes with it.
        compact = {f"{name.rpartition('/')[0]}/{COMPACT}" for name in names if _is_record(name)}
        kept = run.remove((names | compact) - deleted)
        if not names or kept:
            left.append(finding)
        deleted |= names - set(kept)
    return sorted(deleted), left


def _is_record(name: str) -> bool:
    return name.startswith("stages/") and name.count("/") == 3 and name.endswith(".json")


def _to_delete(run: RunDirectory, file: str) -> set[str]:
    if not is_file_of_a_run(file):
        return set()
    folder, _, rest = file.partition("/")
    if file in ALWAYS_WRITTEN:
        return {file}
    if file == MARKER:  # a build writes it anew where the rest shows that this is a run
        return {file} if is_known_without(run.url) else set()
    if folder == "stages" and rest.count("/") == 2:  # the record of an item, or what lies beside it
        return {file}
    if folder == "stages" and rest.removesuffix(".json") in NAMES:  # a manifest: what it sums up lies in the records
        stage_name = rest.removesuffix(".json")
        return {file} if run.has_torn_manifest(stage_name) or run.has_lost_digest(stage_name) else set()
    name = STAGE_OF.get(folder)
    if name is None or not run.has_stage(name):
        return set()
    stage = run.current_stage(name)
    if rest.partition("/")[0] != stage.fingerprint:
        return set()
    record = _record_of(stage, folder, file)
    of_item = {record} if record is not None else set()
    return {file, *of_item}


def _record_of(stage: Stage, folder: str, file: str) -> str | None:
    """The record that names a file; None where there is none, as for a tokenizer's model that was given."""
    relative = f"stages/{stage.name}/{stage.fingerprint}"
    if folder in ("shards", "tokenizer"):
        wanted = file if folder == "shards" else folder
        for item in stage.finished():
            try:
                if wanted in stage.record(item).outputs:
                    return f"{relative}/{item:05d}.json"
            except DamageError:  # a finding of its own
                continue
        return None
    number = files.base_name(file).removesuffix(".arrow")
    return f"{relative}/{number}.json" if number.isdigit() else None
