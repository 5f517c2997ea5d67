"""Checks of `decisions/`: verdicts that do not contradict themselves, representatives that were kept, what edits texts.

Memory: the small columns of one work item; 24 bytes for each duplicate of the whole run.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from corpus import schema
from corpus.columns import booleans, numbers
from corpus.document_ids import items_of
from corpus.reasons import DUPLICATES, Reason
from corpus.storage import ipc
from corpus.storage.older_files import read_as
from corpus.storage.run_directory import ItemRecord, Stage
from pipelines.stages.contamination_checks import check_contaminated
from pipelines.stages.findings import Check, Finding, Seen, check_counts, set_sum
from pipelines.stages.line_checks import check_line_cuts
from pipelines.stages.outputs import CONTAMINATION, DECISIONS, LINES, SIGNALS
from pipelines.stages.personal_checks import check_replaced


def check_decisions(seen: Seen, stage: Stage, record: ItemRecord) -> Iterator[Finding]:
    """Decisions row for row beside the signals; verdicts that do not contradict themselves; counts."""
    url, name = seen.url(DECISIONS, record.item), seen.name(DECISIONS, record.item)
    decisions = read_as(url, schema.DECISIONS).combine_chunks()
    signals = ipc.open_table(seen.url(SIGNALS, record.item), columns=["doc_id"])
    if not decisions["doc_id"].equals(signals["doc_id"]):
        yield Finding(Check.ALIGNMENT, name, "doc_id is not that of signals/, row for row")
        return
    ids, kept, sizes = numbers(decisions["doc_id"]), booleans(decisions["kept"]), numbers(decisions["cluster_size"])
    reasons = decisions["reason"].to_pylist()
    unclear = np.flatnonzero(kept != np.array([not reason for reason in reasons], np.bool_)).tolist()
    for row in unclear:
        yield Finding(
            Check.CONSERVATION, name, f"document {ids[row]}: kept is {kept[row]}, its reason {reasons[row]!r}"
        )
    for row in sorted({*reasons} - {"", *Reason}):
        yield Finding(Check.CONSERVATION, name, f"a reason that there is not: {row!r}")
    if (bad := np.flatnonzero((sizes > 0) != kept)).size:
        yield Finding(
            Check.REPRESENTATIVE, name, f"document {ids[bad[0]]}: kept is {kept[bad[0]]}, its cluster {sizes[bad[0]]}"
        )
    repeats = numbers(decisions["repeats"])
    known = [0, 1, *(number for _, number in seen.recipe.dedup.rehydration)]
    if (bad := np.flatnonzero(((repeats > 0) != kept) | ~np.isin(repeats, known))).size:
        detail = f"document {ids[bad[0]]}: kept is {kept[bad[0]]}, it is repeated {repeats[bad[0]]} times"
        yield Finding(Check.CONSERVATION, name, detail)
    yield from _check_tiers(name, decisions, seen.recipe.quality.tiers)
    duplicates = decisions.filter(decisions["representative"].is_valid())
    yield from _check_similarity(name, decisions, seen.recipe.dedup.threshold)
    seen.representatives.append(np.array(numbers(duplicates["representative"])))
    large = np.flatnonzero(sizes > 1)
    seen.clusters[record.item] = (ids[large].copy(), sizes[large].copy())
    seen.kept += set_sum(ids[kept])
    found = Counter({"documents": len(ids), "kept": int(kept.sum()), "dropped": int((~kept).sum())})
    found.update(f"dropped.{reason}" for reason in reasons if reason)
    recorded = {key: n for key, n in record.counts.items() if key in found or key.startswith("dropped.")}
    yield from check_counts(name, "in the file", recorded, dict(found))
    if seen.is_sound(SIGNALS):
        yield from check_replaced(seen, record, decisions, name)
    if seen.is_sound(LINES) or LINES.kind not in seen.writers:
        yield from check_line_cuts(seen, record, decisions, name)
    if (exams := seen.recipe.decontaminate) is not None and seen.is_sound(SIGNALS, CONTAMINATION):
        yield from check_contaminated(seen, record, decisions, exams, name)


def _check_tiers(name: str, decisions: pa.Table, least: Sequence[float]) -> Iterator[Finding]:
    """A kept document's tier is 1 + how many of the least scores its quality reaches; else 0."""
    quality, tiers = numbers(decisions["quality"].fill_null(0)), numbers(decisions["tier"])
    in_a_tier = booleans(decisions["kept"]) & booleans(decisions["quality"].is_valid()) & bool(least)
    expected = in_a_tier * (1 + sum(quality >= np.float32(each) for each in least))
    for row in np.flatnonzero(tiers != expected).tolist():
        document, of = decisions["doc_id"][row].as_py(), decisions["quality"][row].as_py()
        detail = f"document {document}: quality {of}, tier {tiers[row]} in place of {expected[row]}"
        yield Finding(Check.CONSERVATION, name, detail)


def _check_similarity(name: str, decisions: pa.Table, threshold: float) -> Iterator[Finding]:
    """A duplicate names whom it copies; a near one is at least as similar as the recipe asks (G1)."""
    for row in decisions.select(["doc_id", "reason", "representative", "similarity"]).to_pylist():
        duplicate = row["reason"] in DUPLICATES
        compared = duplicate and row["reason"] != Reason.URL_DUPLICATE
        if duplicate != (row["representative"] is not None) or compared != (row["similarity"] is not None):
            detail = f"reason {row['reason']!r}, representative {row['representative']}, similarity {row['similarity']}"
            yield Finding(Check.REPRESENTATIVE, name, f"document {row['doc_id']}: {detail}")
        elif row["reason"] == Reason.NEAR_DUPLICATE and np.float32(row["similarity"]) < np.float32(threshold):
            detail = f"near-duplicate of similarity {row['similarity']:.4f}, the threshold is {threshold}"
            yield Finding(Check.REPRESENTATIVE, name, f"document {row['doc_id']}: {detail}")


def check_representatives(seen: Seen) -> Iterator[Finding]:
    """A representative is a kept document of this run, and stands for as many as its cluster says."""
    if not seen.is_sound(DECISIONS):
        return
    splits = read_as(seen.run.path("splits.arrow"), schema.SPLITS, ["item"])
    item_of_split = numbers(splits["item"])
    named, times = np.unique(np.concatenate([np.empty(0, np.uint64), *seen.representatives]), return_counts=True)
    items = items_of(named, item_of_split)
    for item, (leaders, sizes) in sorted(seen.clusters.items()):
        mine, counted = named[items == item], times[items == item]
        url, name = seen.url(DECISIONS, item), seen.name(DECISIONS, item)
        table = read_as(url, schema.DECISIONS, ["doc_id", "kept"])
        kept = numbers(table["doc_id"])[booleans(table["kept"])]
        for doc_id in mine[~np.isin(mine, kept)].tolist():
            yield Finding(Check.REPRESENTATIVE, name, f"document {doc_id} stands for others and was not kept")
        standing = dict(zip(mine.tolist(), counted.tolist(), strict=True))
        claimed = dict(zip(leaders.tolist(), (sizes - 1).tolist(), strict=True))
        for doc_id in sorted({*standing, *claimed}):
            if (stands := standing.get(doc_id, 0)) != (claims := claimed.get(doc_id, 0)):
                detail = f"document {doc_id} stands for {stands} others, its cluster_size says {claims}"
                yield Finding(Check.REPRESENTATIVE, name, detail)
    for doc_id in named[~np.isin(items, list(seen.clusters))].tolist():
        yield Finding(Check.REPRESENTATIVE, "decisions", f"representative {doc_id} is no document of this run")
