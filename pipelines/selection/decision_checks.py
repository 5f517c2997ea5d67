"""Checks of `decisions/`: verdicts that do not contradict themselves, representatives that were kept, what edits texts.

Memory: the small columns of one work item; some 40 bytes for each duplicate of the whole run.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import booleans, numbers
from corpus.document_ids import items_of
from corpus.reasons import DUPLICATES, Reason
from corpus.storage import ipc
from corpus.storage.older_files import read_as
from corpus.storage.run_directory import ItemRecord, Stage
from pipelines.stages.contamination_checks import check_contaminated
from pipelines.stages.findings import Carried, Check, Clusters, Finding, Seen, check_counts, set_sum
from pipelines.stages.line_checks import check_line_cuts
from pipelines.stages.outputs import CONTAMINATION, DECISIONS, LINES, SIGNALS
from pipelines.stages.personal_checks import check_replaced


def check_decisions(seen: Seen, stage: Stage, record: ItemRecord) -> Generator[Finding, None, Carried]:
    """Decisions row for row beside the signals; verdicts that do not contradict themselves; counts."""
    url, name = seen.url(DECISIONS, record.item), seen.name(DECISIONS, record.item)
    decisions = read_as(url, schema.DECISIONS).combine_chunks()
    signals = ipc.open_table(seen.url(SIGNALS, record.item), columns=["doc_id"])
    if not decisions["doc_id"].equals(signals["doc_id"]):
        yield Finding(Check.ALIGNMENT, name, "doc_id is not that of signals/, row for row")
        return Carried()
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
    large = np.flatnonzero(sizes > 1)
    clusters = Clusters(np.array(numbers(duplicates["representative"])), ids[large], sizes[large], kept[large])
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
    return Carried(kept=set_sum(ids[kept]), clusters=clusters)


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


def check_representatives(seen: Seen, clusters: Mapping[int, Clusters]) -> Iterator[Finding]:
    """A representative is a kept document of this run, and stands for as many as its cluster says.

    `clusters` has every work item whose decisions could be compared. Only where something is wrong decisions/ is read again.
    """
    if not seen.is_sound(DECISIONS):
        return
    splits = read_as(seen.run.path("splits.arrow"), schema.SPLITS, ["item"])
    all_named = np.concatenate([np.empty(0, np.uint64), *(each.named for each in clusters.values())])
    named, times = np.unique(all_named, return_counts=True)
    items = items_of(named, numbers(splits["item"]))
    order = np.argsort(items, kind="stable")
    named, times, items = named[order], times[order], items[order]
    for item, each in sorted(clusters.items()):
        mine = slice(*np.searchsorted(items, [item, item + 1]).tolist())
        yield from _check_clusters(seen, item, each, named[mine], times[mine])
    strangers = named[~np.isin(items, np.fromiter(clusters, np.int64, len(clusters)))]
    for doc_id in np.sort(strangers).tolist():
        yield Finding(Check.REPRESENTATIVE, "decisions", f"representative {doc_id} is no document of this run")


def _check_clusters(
    seen: Seen, item: int, clusters: Clusters, named: NDArray[np.uint64], times: NDArray[np.int64]
) -> Iterator[Finding]:
    """The clusters of a work item against the documents of it that others name (ascending), and how often."""
    order = np.argsort(clusters.leaders)
    leaders, claimed = clusters.leaders[order], clusters.sizes[order].astype(np.int64) - 1
    if clusters.kept.all() and np.array_equal(leaders, named) and np.array_equal(claimed, times):
        return
    name = seen.name(DECISIONS, item)
    table = read_as(seen.url(DECISIONS, item), schema.DECISIONS, ["doc_id", "kept"])
    kept = numbers(table["doc_id"])[booleans(table["kept"])]
    for doc_id in named[~np.isin(named, kept)].tolist():
        yield Finding(Check.REPRESENTATIVE, name, f"document {doc_id} stands for others and was not kept")
    stands_for = dict(zip(named.tolist(), times.tolist(), strict=True))
    claims_of = dict(zip(leaders.tolist(), claimed.tolist(), strict=True))
    for doc_id in sorted({*stands_for, *claims_of}):
        if (stands := stands_for.get(doc_id, 0)) != (claims := claims_of.get(doc_id, 0)):
            detail = f"document {doc_id} stands for {stands} others, its cluster_size says {claims}"
            yield Finding(Check.REPRESENTATIVE, name, detail)
