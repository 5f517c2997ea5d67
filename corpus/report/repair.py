"""Deletes what a check found damaged, with the record that says it is done, so that the next build makes it again.

A work item's other files stay: they are written again with the same bytes. What no work item wrote (`manifest.arrow`,
`phases/plan.json`, the files beside a stage's records) is deleted alone; every build writes it.
"""

from collections.abc import Iterable

from corpus.report.findings import Finding
from corpus.storage import files
from corpus.storage.run_directory import COMPACT, RunDirectory, Stage

#: Folder of the run directory → the stage whose work items write into it.
STAGE_OF = {
    "documents": "extract",
    "signals": "extract",
    "failed": "extract",
    "contamination": "decontaminate",
    "exams": "exams",
    "scores": "score",
    "lines": "lines",
    "decisions": "select",
    "edges": "select",
    "sample": "train-tokenizer",
    "tokenizer": "train-tokenizer",
    "tokens": "tokenize",
    "shards": "pack",
}

#: Written by every build, whatever is done already.
ALWAYS_WRITTEN = frozenset({"manifest.arrow", "phases/plan.json", "splits.arrow"})


def delete_damaged(run: RunDirectory, findings: Iterable[Finding]) -> tuple[list[str], list[Finding]]:
    """(what was deleted, relative to the run directory; the findings that name no file that a build would make again)."""
    deleted: set[str] = set()
    left = []
    for finding in findings:
        paths = _to_delete(run, finding.file)
        if not paths:
            left.append(finding)
        for path in paths - deleted:
            files.remove_tree(run.path(path))
            folder, _, name = path.rpartition("/")
            if folder.startswith("stages/") and name.endswith(".json"):
                # It repeats the record.
                files.remove_tree(run.path(folder, COMPACT))
        deleted |= paths
    return sorted(deleted), left


def _to_delete(run: RunDirectory, file: str) -> set[str]:
    folder, _, rest = file.partition("/")
    if file in ALWAYS_WRITTEN:
        return {file}
    if folder == "stages" and rest.count("/") == 2:  # the record of an item
        return {file}
    name = STAGE_OF.get(folder)
    if name is None or not run.has_stage(name):
        return set()
    stage = run.current_stage(name)
    record = _record_of(stage, folder, file)
    of_item = {record} if record is not None else set()
    return {file, *of_item}


def _record_of(stage: Stage, folder: str, file: str) -> str | None:
    """The record that names a file; None where there is none, as for a tokenizer's model that was given."""
    relative = f"stages/{stage.name}/{stage.fingerprint}"
    if folder in ("shards", "tokenizer"):
        wanted = file if folder == "shards" else folder
        for item in stage.finished():
            if wanted in stage.record(item).outputs:
                return f"{relative}/{item:05d}.json"
        return None
    number = files.base_name(file).removesuffix(".arrow")
    return f"{relative}/{number}.json" if number.isdigit() else None
