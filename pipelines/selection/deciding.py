"""The last step of `select`: decisions row for row beside the signals, and what is counted of them.

Reads   what the steps before found; of signals/ what is counted; contamination/ and personal data for the edits of texts
Writes  decisions/FP/ITEM.arrow (schema.DECISIONS), a batch per BATCH_DECISIONS rows, for every work item of a part, and the
        items' records, of which the first names the part's edges/ too
Invariant  documents = kept + dropped
Cost    1 µs a document, and Python for those whose texts are edited
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import booleans, numbers
from corpus.domains import COLUMNS, domains_of
from corpus.errors import DamageError
from corpus.reasons import DUPLICATES, Reason
from corpus.schema import EDITS
from corpus.storage import ipc
from corpus.storage.ipc import Written
from corpus.storage.run_directory import ItemRecord
from corpus.text.edits import Edit, edited_bytes
from filters.copies.duplicates import Removals
from filters.exams.contaminated import Verdicts
from filters.privacy.kinds import Kind, kind_of, kinds_that_are, replacements
from pipelines.running.metrics import count
from pipelines.selection.copies import removed, represented
from pipelines.selection.decision_settings import NEAR, SelectSettings, SourceRanges
from pipelines.selection.judging import CODE_OF, REASONS, Judged, contamination_of, judged_part, of_source
from pipelines.selection.shared import LineCuts, line_cuts
from pipelines.selection.step_context import StepContext
from pipelines.stages.kept_documents import EDITS_OF_TEXTS

_REASON_OF = {
    "final-url": Reason.URL_DUPLICATE,
    "final-text": Reason.EXACT_DUPLICATE,
    NEAR: Reason.NEAR_DUPLICATE,
}


#: Rows of a batch of decisions/: who reads them beside documents holds one batch, however many rows the work item has.
BATCH_DECISIONS = 1 << 16

_NOBODY = np.empty(0, np.int64)


def decide_part(context: StepContext) -> None:
    part = context.unit
    judged = judged_part(context, part)
    copies = {reason: removed(context, kind, judged) for kind, reason in _REASON_OF.items()}
    stands_for = np.zeros(len(judged.reason), np.int64)
    for kind in _REASON_OF:
        rows = judged.rows_of(represented(context, kind, judged).representative)
        stands_for += np.bincount(rows, minlength=len(stands_for))
    cuts = line_cuts(context, judged, stands_for)
    decided = decide(judged, copies, stands_for, context.settings.recipe.dedup.rehydration, cuts.gone)
    decided = decided.append_column(schema.DECISIONS.field("line_cuts"), cuts.column(decided.num_rows))
    qualities = _qualities(context.settings, context.items(part), decided.num_rows)
    tiers = tiers_of(qualities, context.settings.recipe.quality.tiers, booleans(decided["kept"]))
    for name, column in (("quality", qualities), ("tier", tiers)):
        decided = decided.append_column(schema.DECISIONS.field(name), column)
    begin = 0
    near = bool(context.settings.recipe.deduplicated("near"))
    for item in context.items(part):
        beside = {"edges": ipc.written(context.edges(part))} if near and item == context.items(part).start else {}
        begin = _write_item(context, item, decided, begin, beside, cuts)


def decide(
    judged: Judged,
    copies: Mapping[Reason, Removals],
    stands_for: NDArray[np.int64],
    rehydration: Sequence[tuple[int, int]] = (),
    gone: NDArray[np.int64] = _NOBODY,
) -> pa.Table:
    """schema.DECISIONS without edits and qualities: the rules' verdicts and the copies among a part's documents.

    `stands_for` (rows,): how many removed documents each one represents; `rehydration`: see `repeats_of_clusters`;
    `gone`: rows of documents of which hardly anything is left without shared lines.
    """
    reason = judged.reason.copy()
    reason[gone] = CODE_OF[Reason.SHARED_LINES]
    representative = np.zeros(len(reason), np.uint64)
    similarity = np.full(len(reason), np.nan, np.float32)
    for why, removals in copies.items():
        rows = judged.rows_of(removals.doc_id)
        reason[rows] = CODE_OF[why]
        representative[rows] = removals.representative
        similarity[rows] = removals.similarity
    kept = reason == 0
    is_copy = np.isin(reason, [CODE_OF[why] for why in copies])
    sizes = np.where(kept, 1 + stands_for, 0).astype(np.uint32)
    columns = [
        pa.array(judged.documents.doc_id),
        pa.array(kept),
        pa.array(REASONS, pa.string()).take(pa.array(reason)),
        pa.array(representative, mask=~is_copy),
        pa.array(similarity, mask=np.isnan(similarity)),
        pa.array(sizes),
        pa.array(repeats_of_clusters(sizes, rehydration)),
    ]
    of = [field for field in schema.DECISIONS if field.name not in (*EDITS_OF_TEXTS, "quality", "tier")]
    return pa.table(columns, schema=pa.schema(of))


def repeats_of_clusters(sizes: NDArray[np.uint32], rehydration: Sequence[tuple[int, int]]) -> NDArray[np.uint8]:
    """(rows,) how often a document is seen while others are seen once; 0 of cluster size 0.

    `rehydration`: (cluster size, repeats) by ascending size; each holds from its size on, and below the first it is 1.
    """
    curve = [(0, 0), (1, 1), *rehydration]
    begins, repeats = (np.array(each) for each in zip(*curve, strict=True))
    return repeats[np.searchsorted(begins, sizes, side="right") - 1].astype(np.uint8)


def tiers_of(qualities: pa.Array, least: Sequence[float], kept: NDArray[np.bool_]) -> pa.Array:
    """(rows,) uint8: 1 + how many of the least scores, which ascend, a kept document's quality (rows,) reaches.

    0 of one that is not kept, of one without a quality, and where there are no tiers.
    """
    edges = np.array(least, np.float32)
    found = 1 + np.searchsorted(edges, numbers(qualities.fill_null(0)), side="right")
    return pa.array((found * (kept & booleans(qualities.is_valid()) & bool(least))).astype(np.uint8))


def edits_column(edits: Mapping[int, Sequence[Edit]], kept: NDArray[np.bool_]) -> pa.Array:
    """(rows,) EDITS: the edits of kept documents, by row."""
    rows = sorted(row for row in edits if kept[row])
    lengths = np.zeros(len(kept) + 1, np.int32)
    lengths[[row + 1 for row in rows]] = [len(edits[row]) for row in rows]
    values = pa.array([edit._asdict() for row in rows for edit in edits[row]], EDITS.value_type)
    return pa.ListArray.from_arrays(pa.array(np.cumsum(lengths, dtype=np.int32)), values, type=EDITS)


def carried(before: pa.Table, decided: pa.Table) -> pa.Table:
    """What an earlier selection decided about a work item, clusters enlarged by the copies that came since. (Not how often a
    document is repeated: it is tokenized already.)

    `decided` is what `decide` says of the same documents: it keeps those that were kept.
    """
    if not before["doc_id"].equals(decided["doc_id"]) or not before["kept"].equals(decided["kept"]):
        raise DamageError("an earlier selection's decisions are not row for row beside signals/; build again")
    kept = booleans(before["kept"])
    sizes = numbers(before["cluster_size"]) + numbers(decided["cluster_size"]) - kept
    place = before.schema.get_field_index("cluster_size")
    return before.set_column(place, before.schema.field(place), pa.array(sizes.astype(np.uint32)))


def decision_counts(signals: pa.Table, decisions: pa.Table, verdicts: Verdicts | None = None) -> dict[str, int]:
    """documents, kept, dropped; dropped per reason; kept documents and bytes (of the edited texts) per domain; personal
    data that is replaced per kind, and documents with any.

    With exams also: contaminated documents, for each exam too, whatever else was decided about them; documents that
    were cut, and bytes. `signals` has source, language and bytes.
    """
    kept = int(booleans(decisions["kept"]).sum())
    counts = {"documents": decisions.num_rows, "kept": kept, "dropped": decisions.num_rows - kept}
    if verdicts is not None:
        counts |= {"contaminated": int(verdicts.contaminated.sum()), "cut_documents": 0, "cut_bytes": 0}
        for exam in (name for names in verdicts.exams.values() for name in names):
            counts[f"contaminated.{exam}"] = counts.get(f"contaminated.{exam}", 0) + 1
    counts |= {"replaced_documents": 0} | {f"replaced.{kind}": 0 for kind in Kind}
    sizes = _without_lines(numbers(signals["bytes"]), decisions)
    for row, cuts, replaced, lines in _edited(decisions):
        sizes[row] = edited_bytes(signals["bytes"][row].as_py(), [*cuts, *lines, *replaced])
        if cuts:
            counts["cut_documents"] += 1
            counts["cut_bytes"] += sum(cut.end - cut.begin for cut in cuts)
        counts["replaced_documents"] += bool(replaced)
        for edit in replaced:
            counts[f"replaced.{kind_of(edit)}"] += 1
    for reason in decisions["reason"].value_counts().to_pylist():
        if reason["values"]:
            counts[f"dropped.{reason['values']}"] = reason["counts"]
    beside = {name: (signals if name in signals.column_names else decisions)[name] for name in COLUMNS}
    kept_rows = pa.table({**beside, "bytes": sizes}).filter(decisions["kept"])
    grouped = (
        kept_rows.group_by(list(COLUMNS))
        .aggregate([("bytes", "count"), ("bytes", "sum")])
        .sort_by([(name, "ascending") for name in COLUMNS])
    )
    for domain, row in zip(domains_of(grouped), grouped.to_pylist(), strict=True):
        counts[f"kept_documents.{domain}"] = row["bytes_count"]
        counts[f"kept_bytes.{domain}"] = row["bytes_sum"]
    return counts


def copy_counts(decisions: pa.Table, sources: pa.ChunkedArray, ranges: SourceRanges) -> dict[str, int]:
    """Per source the documents that passed its rules, and those of them that are copies, by the representative's source."""
    is_copy = pc.is_in(decisions["reason"], pa.array(DUPLICATES, pa.string()))
    passes = pc.is_in(decisions["reason"], pa.array(["", *DUPLICATES, Reason.SHARED_LINES], pa.string()))
    passed = sources.filter(passes).value_counts().to_pylist()
    counts = {f"passed.{each['values']}": each["counts"] for each in passed}
    mine = of_source(sources.filter(is_copy), {name: number for number, name in enumerate(ranges.names)})
    theirs = ranges.numbers_of(numbers(decisions["representative"].filter(is_copy)))
    pairs, found = np.unique(mine * len(ranges.names) + theirs, return_counts=True)
    for pair, number in zip(pairs.tolist(), found.tolist(), strict=True):
        removed_from, stands = divmod(pair, len(ranges.names))
        counts[f"copies.{ranges.names[removed_from]}.{ranges.names[stands]}"] = number
    return dict(sorted(counts.items()))


def _write_item(
    context: StepContext, item: int, decided: pa.Table, begin: int, beside: Mapping[str, Written], lines: LineCuts
) -> int:
    """Writes one work item's decisions, which begin at a row of its part's; returns where they end.

    `beside` are files of the part that the item's record names too.
    """
    settings = context.settings
    url = settings.signals.output("signals", item)
    signals = ipc.open_table(url, columns=["doc_id", "source", "language", "bytes"]).combine_chunks()
    decisions = decided.slice(begin, signals.num_rows)
    verdicts = contamination_of(settings, item, signals)
    if (before := settings.settled_decisions(item)) is not None:
        decisions = carried(ipc.open_table(before, schema.DECISIONS), decisions)
    else:
        decisions = _with_edits(decisions, settings, url, verdicts)
    written = ipc.write_table(
        context.stage.output("decisions", item), decisions, schema.DECISIONS, most_rows=BATCH_DECISIONS
    )
    counts = decision_counts(signals, decisions, verdicts)
    counts |= copy_counts(decisions, signals["source"], settings.sources)
    if settings.lines is not None:
        mine = lines.counts(begin, begin + signals.num_rows)
        carried_counts = settings.settled.decisions.record(item).counts if settings.settled and before else mine
        counts |= {name: carried_counts[name] for name in mine}
    record = ItemRecord(item, {"decisions": written, **beside}, counts)
    context.stage.finish(record)
    count(context.stage.name, record)
    return begin + signals.num_rows


def _qualities(settings: SelectSettings, items: range, rows: int) -> pa.Array:
    """(rows,) float32: the quality of the documents of work items; null where they have none."""
    signal = settings.recipe.quality.signal
    if settings.scores is None or signal is None:
        return pa.nulls(rows, pa.float32())
    scores = (ipc.open_table(settings.scores.output("scores", item), columns=[signal]) for item in items)
    return pa.concat_tables(scores)[signal].combine_chunks()


def _with_edits(decisions: pa.Table, settings: SelectSettings, signals_url: str, verdicts: Verdicts | None) -> pa.Table:
    """schema.DECISIONS: with what of the kept documents' texts is used otherwise."""
    kept = booleans(decisions["kept"])
    kinds = kinds_that_are("replace", settings.recipe.privacy)
    personal = replacements(ipc.open_table(signals_url, columns=["personal_data"])["personal_data"], kinds)
    for name, edits in (("cuts", verdicts.cuts if verdicts is not None else {}), ("replacements", personal)):
        decisions = decisions.append_column(schema.DECISIONS.field(name), edits_column(edits, kept))
    return decisions.select(schema.DECISIONS.names)


def _edited(decisions: pa.Table) -> Iterator[tuple[int, list[Edit], list[Edit], list[Edit]]]:
    """(row, cuts, replacements, cuts of lines) of documents whose texts are edited otherwise than by cuts of lines alone."""
    columns = [decisions[name].combine_chunks() for name in ("cuts", "replacements", "line_cuts")]
    lengths = [numbers(column.value_lengths()) for column in columns[:2]]
    some = np.add(*lengths) if decisions.num_rows else np.empty(0, np.int32)
    for row in np.flatnonzero(some).tolist():
        cuts, replaced, lines = ([Edit(**edit) for edit in column[row].as_py()] for column in columns)
        yield row, cuts, replaced, lines


def _without_lines(sizes: NDArray[np.uint32], decisions: pa.Table) -> NDArray[np.int64]:
    """(rows,) bytes of the texts without shared lines."""
    column = decisions["line_cuts"].combine_chunks()
    flat = column.flatten()
    lost = numbers(flat.field("end")).astype(np.int64) - numbers(flat.field("begin"))
    row = np.repeat(np.arange(len(column)), numbers(column.value_lengths()))
    return sizes.astype(np.int64) - np.bincount(row, weights=lost, minlength=len(column)).astype(np.int64)
