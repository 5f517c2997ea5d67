"""select: signals → decisions. Rules first, then evaluation items, then exact duplicates, then near ones among what is left.

Reads   signals/FP/ITEM.arrow; contamination/FP/ITEM.arrow where the recipe has exams; scores/FP/ITEM.arrow where it has
        classifiers or word lists
Writes  decisions/FP/ITEM.arrow (schema.DECISIONS), row for row beside it
Shuffles  blocks (record batches of hashes, ids and 8-bit signature codes), never text:
    items → hash blocks ─GroupByKey→ exact removals ┐
    items ──────────────────────────────────────────┴GroupByKey→ band blocks ─GroupByKey→ verified edges
          ─GroupByKey→ near removals ─GroupByKey with exact removals→ representatives ─GroupByKey→ decisions
Invariant  documents = kept + dropped; G1–G4 of filters.duplicates
Cost    a few µs a document and band; memory: a partition of PARTITION_ROWS band rows, and in one reducer all edges at
        68 bytes each, which are some 10 % of the documents
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import fixed_bytes, numbers
from corpus.errors import DamageError
from corpus.reasons import Reason
from corpus.recipe import Recipe, fingerprint
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord, Stage
from corpus.text.edits import EDITS, Edit, edited_bytes
from corpus.text.personal_data import Kind, kind_of, kinds_that_are, replacements
from filters import duplicates
from filters.contaminated import Verdicts, judge_contamination
from filters.duplicates import Block, Documents, Edges, Removals
from filters.rules import Profiles, judge, load_profiles
from pipelines.transforms import coder  # noqa: F401 (registers the coder of pa.RecordBatch)
from pipelines.transforms.metrics import count
from pipelines.transforms.work_items import ReadWorkItems

KINDS = ("decisions",)
VERSION = 3

#: Columns of signals/ that few steps need, and most of a row's bytes.
_SIGNATURES, _EDITS = ("signature", "bands"), ("personal_data",)

#: Band rows that one reducer holds: 4 million of 150 bytes.
PARTITION_ROWS = 4 << 20

Keyed = tuple[int, pa.RecordBatch]
Grouped = tuple[int, Iterable[pa.RecordBatch]]

_IDENTITY = [
    pa.field("doc_id", pa.uint64(), nullable=False),
    pa.field("preference", pa.uint64(), nullable=False),
    pa.field("key", schema.KEY, nullable=False),
]
HASH_BLOCK = pa.schema([*_IDENTITY, pa.field("text_hash", pa.binary(16), nullable=False)])
REMOVALS = pa.schema(
    [
        pa.field("doc_id", pa.uint64(), nullable=False),
        pa.field("representative", pa.uint64(), nullable=False),
        pa.field("similarity", pa.float32(), nullable=False),
        pa.field("exact", pa.uint8(), nullable=False),
    ]
)
EDGES = pa.schema(
    [pa.field(f"loser_{field.name}", field.type, nullable=False) for field in _IDENTITY]
    + [pa.field(f"winner_{field.name}", field.type, nullable=False) for field in _IDENTITY]
    + [pa.field("similarity", pa.float32(), nullable=False)]
)


def band_block_schema(permutations: int) -> pa.Schema:
    """A row a document and band: what one reducer compares."""
    return pa.schema(
        [
            pa.field("band_hash", pa.uint64(), nullable=False),
            *_IDENTITY,
            pa.field("codes", pa.binary(permutations), nullable=False),
        ]
    )


@dataclasses.dataclass(frozen=True)
class SelectSettings:
    """What decides a decision. `item_of_split[split]` is the work item that holds a document's row."""

    recipe: Recipe
    profiles: Profiles
    signals: Stage
    item_of_split: NDArray[np.uint32]
    documents: int
    contamination: Stage | None = None  # where the recipe has exams
    scores: Stage | None = None  # where the recipe has classifiers or word lists

    @property
    def signals_schema(self) -> pa.Schema:
        dedup = self.recipe.dedup
        groups = self.profiles.groups
        return schema.signals_schema(permutations=dedup.permutations, bands=dedup.bands, groups=groups)

    @property
    def quality(self) -> str | None:
        """The signal by which a copy is preferred."""
        name = self.recipe.dedup.quality
        return f"{schema.CLASSIFIER}{name}" if name is not None else None

    def partitions(self, rows_per_document: int) -> int:
        """From the number of documents alone: the same for any number of workers."""
        return max(1, math.ceil(self.documents * rows_per_document / PARTITION_ROWS))

    def items_of(self, doc_id: NDArray[np.uint64]) -> NDArray[np.uint32]:
        return self.item_of_split[(doc_id >> np.uint64(schema.ROW_BITS)).astype(np.int64)]


def select_fingerprint(
    recipe: Recipe, *, extract: str, decontaminate: str | None = None, score: str | None = None
) -> str:
    """Everything that can change a decision, the rules as they are after merging."""
    profiles = load_profiles(recipe)
    rules = {
        f"{source.name} {language}": [dataclasses.astuple(limit) for limit in rule_set.limits]
        for source in recipe.source
        for language, rule_set in profiles.rule_sets[source.profile].items()
    }
    exams = recipe.decontaminate
    contaminated = [decontaminate, exams.coverage, exams.action] if exams is not None else []
    replaced = sorted(kinds_that_are("replace", recipe.privacy))
    return fingerprint(
        "select", VERSION, extract, sorted(recipe.run.languages), rules, recipe.dedup, contaminated, score, replaced
    )


# ------------------------------------------------------------------------------------------------ pure functions


def with_contaminated(reasons: pa.Array, verdicts: Verdicts) -> pa.Array:
    """The rules' reasons, and that of evaluation items where no rule has one."""
    found = reasons.to_pylist()
    for row in np.flatnonzero(verdicts.dropped).tolist():
        found[row] = found[row] or Reason.CONTAMINATED
    return pa.array(found, pa.string())


def identities(signals: pa.Table, quality: str | None = None) -> Documents:
    """Ids and what makes a copy preferred: quality, length, date, then key.

    `quality` is the column of a classifier's scores; without one, and where it is null, quality is 0. (A language score is
    no quality: with it, .998 would beat .997 before a longer copy beats a shorter one.)
    """
    scores = numbers(signals[quality].fill_null(0)) if quality is not None else np.zeros(signals.num_rows)
    dates = numbers(signals["date"].fill_null(0)) if signals["date"].null_count else numbers(signals["date"])
    key_hi, key_lo = duplicates.halves(fixed_bytes(signals["key"]))
    preference = duplicates.preference(scores, numbers(signals["characters"]), dates)
    return Documents(numbers(signals["doc_id"]), preference, key_hi, key_lo)


def hash_blocks(
    signals: pa.Table, passed: NDArray[np.bool_], *, partitions: int, quality: str | None = None
) -> Iterator[Keyed]:
    """The text hashes of documents that pass the rules, divided by range of hash."""
    rows = np.flatnonzero(passed)
    hashes, _ = duplicates.halves(fixed_bytes(signals["text_hash"]))
    columns = [*_identity_columns(signals, rows, quality), signals["text_hash"].take(pa.array(rows)).combine_chunks()]
    block = pa.RecordBatch.from_arrays(columns, schema=HASH_BLOCK)
    yield from _divide(block, duplicates.partition_of(hashes[rows], partitions))


def find_exact(batches: Iterable[pa.RecordBatch]) -> Removals:
    """The documents of whole hash ranges that have a preferred copy."""
    table = pa.Table.from_batches(batches, HASH_BLOCK)
    return duplicates.exact_removals(*duplicates.halves(fixed_bytes(table["text_hash"])), _documents(table))


def band_blocks(
    signals: pa.Table,
    passed: NDArray[np.bool_],
    *,
    partitions: int,
    permutations: int,
    quality: str | None = None,
) -> Iterator[Keyed]:
    """A row for every band of every document that passed and has shingles."""
    rows = np.flatnonzero(passed & (numbers(signals["shingles"]) > 0))
    bands = numbers(signals["bands"])[rows]  # (rows, bands)
    codes = duplicates.codes_of(numbers(signals["signature"])[rows])  # (rows, permutations)
    each = np.repeat(rows, bands.shape[1])
    repeated = np.repeat(np.arange(len(rows)), bands.shape[1])
    arrays = [
        pa.array(bands.ravel()),
        *_identity_columns(signals, each, quality),
        pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(permutations), len(each), [None, pa.py_buffer(np.ascontiguousarray(codes[repeated]))]
        ),
    ]
    block = pa.RecordBatch.from_arrays(arrays, schema=band_block_schema(permutations))
    yield from _divide(block, duplicates.partition_of(bands.ravel(), partitions))


def find_edges(batches: Iterable[pa.RecordBatch], *, threshold: float, permutations: int) -> pa.RecordBatch:
    """The verified edges of whole ranges of band hashes."""
    table = pa.Table.from_batches(batches, band_block_schema(permutations))
    codes = np.frombuffer(fixed_bytes(table["codes"]), np.uint8).reshape(-1, permutations)
    block = Block(numbers(table["band_hash"]), _documents(table), codes)
    edges = duplicates.candidate_edges(block, threshold)
    return pa.RecordBatch.from_arrays(
        [*_arrays_of(edges.loser), *_arrays_of(edges.winner), pa.array(edges.similarity)], schema=EDGES
    )


def resolve_edges(batches: Iterable[pa.RecordBatch]) -> Removals:
    """The near-duplicates that go, from every edge there is."""
    table = pa.Table.from_batches(batches, EDGES)
    edges = Edges(_documents(table, "loser_"), _documents(table, "winner_"), numbers(table["similarity"]))
    return duplicates.resolve(duplicates.merge_edges([edges]))


def removals_batch(removals: Removals, *, exact: bool) -> pa.RecordBatch:
    """Removals as a shuffle element."""
    flags = np.full(len(removals.doc_id), exact, np.uint8)
    arrays = [pa.array(values) for values in (removals.doc_id, removals.representative, removals.similarity, flags)]
    return pa.RecordBatch.from_arrays(arrays, schema=REMOVALS)


def follow_representatives(batches: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """Exact removals whose representative was itself removed as a near-duplicate point on to the one that stayed."""
    table = pa.Table.from_batches(batches, REMOVALS)
    exact = numbers(table["exact"]) == 1
    everything = Removals(*(numbers(table[name]) for name in REMOVALS.names[:3]))
    near = _removals_of(everything, ~exact)
    followed = duplicates.follow(_removals_of(everything, exact), near)
    return pa.concat_batches([removals_batch(followed, exact=True), removals_batch(near, exact=False)])


def decide(
    signals: pa.Table,
    reasons: pa.Array,
    removals: Iterable[pa.RecordBatch],
    cuts: Mapping[int, list[Edit]],
    replacements: Mapping[int, list[Edit]],
) -> pa.Table:
    """schema.DECISIONS of one work item: the rules' verdicts, and the removals that name one of its documents.

    `cuts` are the passages that go out of a row's text if it is kept, `replacements` the personal data.
    """
    table = pa.Table.from_batches(removals, REMOVALS)
    doc_id = numbers(signals["doc_id"])  # ascending
    removed, representative = numbers(table["doc_id"]), numbers(table["representative"])
    mine = _positions(doc_id, removed)
    of_mine = _positions(doc_id, representative)
    reason = reasons.to_pylist()
    names: list[int | None] = [None] * len(doc_id)
    similarity: list[float | None] = [None] * len(doc_id)
    for row in np.flatnonzero(mine >= 0).tolist():
        at = int(mine[row])
        reason[at] = Reason.EXACT_DUPLICATE if table["exact"][row].as_py() else Reason.NEAR_DUPLICATE
        names[at], similarity[at] = int(representative[row]), table["similarity"][row].as_py()
    kept = np.array([not each for each in reason], np.bool_)
    represented = np.bincount(of_mine[of_mine >= 0], minlength=len(doc_id))
    sizes = np.where(kept, 1 + represented, 0).astype(np.uint32)
    columns = [
        *(signals["doc_id"], pa.array(kept), pa.array(reason, pa.string()), names, similarity, pa.array(sizes)),
        *(_edits_of_kept(edits, kept) for edits in (cuts, replacements)),
    ]
    return pa.table(dict(zip(schema.DECISIONS.names, columns, strict=True)), schema=schema.DECISIONS)


def _edits_of_kept(edits: Mapping[int, list[Edit]], kept: NDArray[np.bool_]) -> pa.Array:
    listed = [
        [edit._asdict() for edit in edits.get(row, [])] if is_kept else [] for row, is_kept in enumerate(kept.tolist())
    ]
    return pa.array(listed, EDITS)


def decision_counts(signals: pa.Table, decisions: pa.Table, verdicts: Verdicts | None = None) -> dict[str, int]:
    """documents, kept, dropped; dropped per reason; kept documents and bytes (of the edited texts) per domain; personal
    data that is replaced per kind, and documents with any.

    With exams also: contaminated documents, for each exam too, whatever else was decided about them; documents that
    were cut, and bytes.
    """
    counts: dict[str, int] = {"documents": decisions.num_rows, "kept": 0, "dropped": 0}
    if verdicts is not None:
        counts |= {"contaminated": int(verdicts.contaminated.sum()), "cut_documents": 0, "cut_bytes": 0}
        for exam in (name for names in verdicts.exams.values() for name in names):
            counts[f"contaminated.{exam}"] = counts.get(f"contaminated.{exam}", 0) + 1
    counts |= {"replaced_documents": 0} | {f"replaced.{kind}": 0 for kind in Kind}
    rows = zip(
        signals["source"].to_pylist(),
        signals["language"].to_pylist(),
        signals["bytes"].to_pylist(),
        decisions["reason"].to_pylist(),
        decisions["cuts"].to_pylist(),
        decisions["replacements"].to_pylist(),
        strict=True,
    )
    for source, language, whole, reason, cuts, replaced in rows:
        edits = [Edit(**edit) for edit in (*cuts, *replaced)]
        size = edited_bytes(whole, edits) if edits else whole
        if cuts:
            counts["cut_documents"] += 1
            counts["cut_bytes"] += sum(cut["end"] - cut["begin"] for cut in cuts)
        counts["replaced_documents"] += bool(replaced)
        for edit in edits[len(cuts) :]:
            counts[f"replaced.{kind_of(edit)}"] += 1
        counts["dropped" if reason else "kept"] += 1
        names = [f"dropped.{reason}"] if reason else [f"kept_documents.{source}.{language}"]
        for name in names:
            counts[name] = counts.get(name, 0) + 1
        if not reason:
            name = f"kept_bytes.{source}.{language}"
            counts[name] = counts.get(name, 0) + size
    return counts


def _identity_columns(signals: pa.Table, rows: NDArray[np.int64], quality: str | None) -> list[pa.Array]:
    documents = identities(signals, quality)
    key = signals["key"].take(pa.array(rows)).combine_chunks()
    return [pa.array(documents.doc_id[rows]), pa.array(documents.preference[rows]), key]


def _documents(table: pa.Table, prefix: str = "") -> Documents:
    key_hi, key_lo = duplicates.halves(fixed_bytes(table[f"{prefix}key"]))
    return Documents(numbers(table[f"{prefix}doc_id"]), numbers(table[f"{prefix}preference"]), key_hi, key_lo)


def _arrays_of(documents: Documents) -> list[pa.Array]:
    key = np.stack([documents.key_hi, documents.key_lo], axis=1).astype(">u8")  # (rows, 2)
    keys = pa.FixedSizeBinaryArray.from_buffers(schema.KEY, len(key), [None, pa.py_buffer(key.tobytes())])
    return [pa.array(documents.doc_id), pa.array(documents.preference), keys]


def _removals_of(removals: Removals, rows: NDArray[np.bool_]) -> Removals:
    order = np.flatnonzero(rows)
    order = order[np.argsort(removals.doc_id[order])]
    return Removals(removals.doc_id[order], removals.representative[order], removals.similarity[order])


def _positions(sorted_ids: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Row of each wanted id, −1 where it is not there."""
    if len(sorted_ids) == 0:
        return np.full(len(wanted), -1, np.int64)
    at = np.minimum(np.searchsorted(sorted_ids, wanted), len(sorted_ids) - 1)
    return np.where(sorted_ids[at] == wanted, at, -1)


def _divide(block: pa.RecordBatch, group: NDArray[Any]) -> Iterator[Keyed]:
    """The rows of each group as a batch of their own."""
    order = np.argsort(group, kind="stable")
    changes = np.flatnonzero(group[order][1:] != group[order][:-1]) + 1
    for rows in np.split(order, changes):
        if len(rows):
            yield int(group[rows[0]]), block.take(pa.array(rows))


# ------------------------------------------------------------------------------------------------ Beam


class _OnSignals(beam.DoFn):
    """What the DoFns that read `signals/` share: a work item's table and the verdicts of its rules."""

    def __init__(self, settings: SelectSettings) -> None:
        self._settings = settings

    def judged(self, item: int, *, signatures: bool = False) -> tuple[pa.Table, pa.Array, Verdicts | None]:
        """(signals, reasons, what evaluation items say). Signatures, most of a row's bytes, are left in the file unless
        asked for.
        """
        settings = self._settings
        of = settings.signals_schema
        columns = [name for name in of.names if name not in (_EDITS if signatures else (*_SIGNATURES, *_EDITS))]
        signals = ipc.open_table(settings.signals.output("signals", item), of, columns=columns).combine_chunks()
        if settings.scores is not None:
            signals = _with_scores(signals, settings.scores.output("scores", item), settings.recipe)
        reasons = judge(signals, settings.profiles, settings.recipe.run.wants)
        if settings.contamination is None or (exams := settings.recipe.decontaminate) is None:
            return signals, reasons, None
        url = settings.contamination.output("contamination", item)
        contamination = ipc.open_table(url, schema.CONTAMINATION)
        if not contamination["doc_id"].combine_chunks().equals(signals["doc_id"].combine_chunks()):
            raise DamageError(f"{url}: not row for row beside signals/; build again")
        verdicts = judge_contamination(
            contamination, numbers(signals["bytes"]), threshold=exams.coverage, action=exams.action
        )
        return signals, with_contaminated(reasons, verdicts), verdicts

    def replacements(self, item: int) -> Mapping[int, list[Edit]]:
        """Row → the personal data that the recipe replaces."""
        kinds = kinds_that_are("replace", self._settings.recipe.privacy)
        url = self._settings.signals.output("signals", item)
        return replacements(ipc.open_table(url, columns=["personal_data"])["personal_data"], kinds)


class _HashBlocks(_OnSignals):
    def process(self, element: int) -> Iterator[Keyed]:
        if self._settings.recipe.dedup.exact:
            signals, reasons, _ = self.judged(element)
            yield from hash_blocks(
                signals, _passed(reasons), partitions=self._settings.partitions(1), quality=self._settings.quality
            )


class _FindExact(beam.DoFn):
    def __init__(self, settings: SelectSettings) -> None:
        self._settings = settings

    def process(self, element: Grouped) -> Iterator[Keyed]:
        removals = removals_batch(find_exact(element[1]), exact=True)
        yield from _divide(removals, self._settings.items_of(numbers(removals.column("doc_id"))))


class _BandBlocks(_OnSignals):
    def process(self, element: Grouped) -> Iterator[Keyed]:
        item, removed = element
        dedup = self._settings.recipe.dedup
        if dedup.near:
            signals, reasons, _ = self.judged(item, signatures=True)
            passed = _passed(reasons)
            ids = numbers(signals["doc_id"])
            for batch in removed:
                passed[np.searchsorted(ids, numbers(batch.column("doc_id")))] = False
            partitions = self._settings.partitions(dedup.bands)
            yield from band_blocks(
                signals,
                passed,
                partitions=partitions,
                permutations=dedup.permutations,
                quality=self._settings.quality,
            )


class _FindEdges(beam.DoFn):
    def __init__(self, settings: SelectSettings) -> None:
        self._settings = settings

    def process(self, element: Grouped) -> Iterator[Keyed]:
        dedup = self._settings.recipe.dedup
        yield 0, find_edges(element[1], threshold=dedup.threshold, permutations=dedup.permutations)


class _ResolveEdges(beam.DoFn):
    def __init__(self, settings: SelectSettings) -> None:
        self._settings = settings

    def process(self, element: Grouped) -> Iterator[Keyed]:
        removals = removals_batch(resolve_edges(element[1]), exact=False)
        yield from _divide(removals, self._settings.items_of(numbers(removals.column("doc_id"))))


class _SendToRepresentatives(beam.DoFn):
    """Sends exact removals to the item of the copy that stands for them."""

    def __init__(self, settings: SelectSettings) -> None:
        self._settings = settings

    def process(self, element: Keyed) -> Iterator[Keyed]:
        batch = element[1]
        yield from _divide(batch, self._settings.items_of(numbers(batch.column("representative"))))


class _FollowRepresentatives(beam.DoFn):
    """Final removals, to the items of the removed and of those that stand for them."""

    def __init__(self, settings: SelectSettings) -> None:
        self._settings = settings

    def process(self, element: Grouped) -> Iterator[Keyed]:
        removals = follow_representatives(element[1])
        items = self._settings.items_of(numbers(removals.column("doc_id")))
        others = self._settings.items_of(numbers(removals.column("representative")))
        yield from _divide(removals, items)
        elsewhere = np.flatnonzero(items != others)
        yield from _divide(removals.take(pa.array(elsewhere)), others[elsewhere])


class _WriteDecisions(_OnSignals):
    def __init__(self, settings: SelectSettings, stage: Stage) -> None:
        super().__init__(settings)
        self._stage = stage

    def process(self, element: Grouped) -> Iterator[int]:
        item, removals = element
        signals, reasons, verdicts = self.judged(item)
        decisions = decide(
            signals, reasons, removals, verdicts.cuts if verdicts is not None else {}, self.replacements(item)
        )
        written = ipc.write_table(self._stage.output("decisions", item), decisions, schema.DECISIONS)
        record = ItemRecord(item, {"decisions": written}, decision_counts(signals, decisions, verdicts))
        self._stage.finish(record)
        count(self._stage.name, record)
        yield item


def _with_scores(signals: pa.Table, url: str, recipe: Recipe) -> pa.Table:
    """Signals with what classifiers and word lists say beside them."""
    scores = ipc.open_table(url, schema.scores_schema(recipe.scored_signals)).combine_chunks()
    if not scores["doc_id"].equals(signals["doc_id"]):
        raise DamageError(f"{url}: not row for row beside signals/; build again")
    for name in recipe.scored_signals:
        signals = signals.append_column(scores.schema.field(name), scores[name])
    return signals


def _passed(reasons: pa.Array) -> NDArray[np.bool_]:
    return np.array([not reason for reason in reasons.to_pylist()], np.bool_)


def _no_removals(item: int) -> Keyed:
    """Brings every item into a grouping, with removals or without."""
    return item, pa.RecordBatch.from_pylist([], REMOVALS)


@dataclasses.dataclass(eq=False)
class Select(beam.PTransform[beam.pvalue.PBegin, beam.PCollection[int]]):
    """Decides about every document of every work item; yields the numbers of the finished items."""

    stage: Stage
    items: str
    settings: SelectSettings

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[int]:
        items = pbegin | "ReadWorkItems" >> ReadWorkItems(self.items)
        every_item = items | "NameItems" >> beam.Map(_no_removals).with_output_types(Keyed)
        exact = (
            items
            | "HashBlocks" >> beam.ParDo(_HashBlocks(self.settings)).with_output_types(Keyed)
            | "GroupHashes" >> beam.GroupByKey()
            | "FindExact" >> beam.ParDo(_FindExact(self.settings)).with_output_types(Keyed)
        )
        near = (
            (every_item, exact)
            | "JoinExact" >> beam.Flatten()
            | "GroupExact" >> beam.GroupByKey()
            | "BandBlocks" >> beam.ParDo(_BandBlocks(self.settings)).with_output_types(Keyed)
            | "GroupBands" >> beam.GroupByKey()
            | "FindEdges" >> beam.ParDo(_FindEdges(self.settings)).with_output_types(Keyed)
            | "GroupEdges" >> beam.GroupByKey()
            | "ResolveEdges" >> beam.ParDo(_ResolveEdges(self.settings)).with_output_types(Keyed)
        )
        stood_for = exact | "SendToRepresentatives" >> beam.ParDo(
            _SendToRepresentatives(self.settings)
        ).with_output_types(Keyed)
        removals = (
            (near, stood_for)
            | "JoinRemovals" >> beam.Flatten()
            | "GroupRemovals" >> beam.GroupByKey()
            | "FollowRepresentatives" >> beam.ParDo(_FollowRepresentatives(self.settings)).with_output_types(Keyed)
        )
        return (
            (every_item, removals)
            | "JoinDecisions" >> beam.Flatten()
            | "GroupDecisions" >> beam.GroupByKey()
            | "WriteDecisions" >> beam.ParDo(_WriteDecisions(self.settings, self.stage)).with_output_types(int)
        )
