"""Checks of `contamination/`, `exams/` and what `select` made of them, against each other.

Memory: the matches of one work item.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from corpus import schema
from corpus.columns import booleans, numbers
from corpus.reasons import Reason
from corpus.recipe import Decontaminate
from corpus.storage import ipc
from corpus.storage.older_files import read_as
from corpus.storage.run_directory import ItemRecord, Stage
from pipelines.stages.findings import Check, Finding, Seen, check_counts
from pipelines.stages.outputs import CONTAMINATION, EXAMS, SIGNALS

_SIGNALS = ["doc_id", "bytes"]


def check_contamination(seen: Seen, stage: Stage, record: ItemRecord) -> Iterator[Finding]:
    """A work item's matches: beside the documents, inside their texts, the best of them named; counts."""
    url, name = seen.url(CONTAMINATION, record.item), seen.name(CONTAMINATION, record.item)
    table = read_as(url, schema.CONTAMINATION).combine_chunks()
    signals = _signals(seen, record.item)
    if not table["doc_id"].equals(signals["doc_id"]):
        yield Finding(Check.ALIGNMENT, name, "doc_id is not that of signals/, row for row")
        return
    found = Counter({"documents": table.num_rows, "documents_with_matches": 0, "matches": 0})
    sizes, coverages = numbers(signals["bytes"]).tolist(), numbers(table["coverage"]).tolist()
    for row, matches in enumerate(table["matches"].to_pylist()):
        found["documents_with_matches"] += bool(matches)
        found["matches"] += len(matches)
        best = max((match["coverage"] for match in matches), default=0.0)
        beyond = [match for match in matches if not match["begin"] < match["end"] <= sizes[row]]
        if best != coverages[row] or best > 1 or beyond:
            detail = f"row {row}: coverage {coverages[row]}, of its matches {best}; {len(beyond)} outside its text"
            yield Finding(Check.CONTAMINATION, name, detail)
    yield from check_counts(name, "in the file", record.counts, dict(found))


def check_exams(seen: Seen, stage: Stage, record: ItemRecord) -> Iterator[Finding]:
    """What was found of every item, against the matches of all work items."""
    if not seen.is_sound(CONTAMINATION):
        return
    best: dict[tuple[str, str], float] = {}
    documents: Counter[tuple[str, str]] = Counter()
    searched = seen.writers[CONTAMINATION.kind]
    for item in searched.finished():
        table = read_as(searched.output("contamination", item), schema.CONTAMINATION, ["matches"])
        for matches in table["matches"].to_pylist():
            for match in matches:
                key = match["exam"], match["item"]
                best[key] = max(best.get(key, 0.0), match["coverage"])
            documents.update({(match["exam"], match["item"]) for match in matches})
    rows = read_as(seen.url(EXAMS, record.item), schema.EXAMS).to_pylist()
    stored = {(row["exam"], row["item"]): (row["coverage"], row["documents"]) for row in rows}
    expected = {key: (best.get(key, 0.0), documents[key]) for key in {*stored, *best}}
    if stored != expected:
        wrong = min(key for key in expected if stored.get(key) != expected[key])
        detail = (
            f"item {'/'.join(wrong)}: {stored.get(wrong)}, in the documents {expected[wrong]} (coverage, documents)"
        )
        yield Finding(Check.CONTAMINATION, seen.name(EXAMS, record.item), detail)


def check_contaminated(
    seen: Seen, record: ItemRecord, decisions: pa.Table, recipe: Decontaminate, name: str
) -> Iterator[Finding]:
    """What was decided about documents with evaluation items is what threshold and action say."""
    url = seen.url(CONTAMINATION, record.item)
    coverage = read_as(url, schema.CONTAMINATION, ["coverage"])
    contaminated = numbers(coverage["coverage"]) >= np.float32(recipe.coverage)
    kept = booleans(decisions["kept"])
    reasons, cuts = decisions["reason"].to_pylist(), decisions["cuts"].to_pylist()
    sizes = numbers(_signals(seen, record.item)["bytes"]).tolist()
    for row in range(decisions.num_rows):
        wrong = _contradiction(bool(contaminated[row]), bool(kept[row]), reasons[row], cuts[row], sizes[row], recipe)
        if wrong:
            yield Finding(Check.CONTAMINATION, name, f"document {decisions['doc_id'][row].as_py()}: {wrong}")
    found = {
        "contaminated": int(contaminated.sum()),
        "cut_documents": sum(map(bool, cuts)),
        "cut_bytes": sum(cut["end"] - cut["begin"] for row in cuts for cut in row),
    }
    yield from check_counts(name, "in the file", {key: record.counts.get(key, 0) for key in found}, found)


def _contradiction(
    contaminated: bool, kept: bool, reason: str, cuts: list[dict[str, Any]], size: int, recipe: Decontaminate
) -> str:
    """What is wrong about one decision; "" where nothing is."""
    if reason == Reason.CONTAMINATED and (not contaminated or recipe.action == "mark"):
        return (
            f"dropped as contaminated, action {recipe.action!r}, coverage below {recipe.coverage}: {not contaminated}"
        )
    if kept and contaminated and recipe.action == "drop":
        return f"kept, though its coverage reaches {recipe.coverage}"
    if bool(cuts) != (kept and contaminated and recipe.action == "cut"):
        return f"{len(cuts)} cuts, kept {kept}, contaminated {contaminated}, action {recipe.action!r}"
    ends = [0, *(cut["end"] for cut in cuts)]
    if any(not end <= cut["begin"] < cut["end"] for end, cut in zip(ends, cuts, strict=False)) or ends[-1] > size:
        return f"cuts that overlap or leave its {size} bytes"
    return ""


def _signals(seen: Seen, item: int) -> pa.Table:
    return ipc.open_table(seen.url(SIGNALS, item), columns=_SIGNALS).combine_chunks()
