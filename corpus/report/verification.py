"""Whether a run is what its records say: every file, every row that can be checked against another, every sum.

    files      exist, with the size and XXH3-128 of their record; Arrow, of their schema, with as many rows
    documents  documents/, signals/ and decisions/ hold the same documents row for row; a text is the one that was measured
    exams      see corpus.report.contamination_checks
    scores     see corpus.report.scores
    lines      see corpus.report.line_checks
    personal   what was found lies in the texts and is what is counted; what is replaced is what the recipe replaces of it
    decisions  kept or a reason; the counts of the records; a representative is a kept document, its cluster as large as
               those that name it; a near-duplicate's similarity reaches the threshold
    tokens     each document ends with the end-of-document id and once there; the kept documents, each once
    shards     see corpus.report.shard_checks
    sums       conservation, stage by stage (corpus.report.run_statistics)

Inputs are not read: a run outlives them.
Memory  the largest batch of documents; the small columns of one work item; 24 bytes for each duplicate of the whole run
Cost    every byte is read twice: once for its digest, once for what it means
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import booleans, numbers
from corpus.domains import domains_of
from corpus.errors import CorpusError, DamageError
from corpus.feed.order import mix
from corpus.reasons import BYTE_LOSSES, DUPLICATES, Reason
from corpus.recipe import Recipe, fingerprint
from corpus.report.contamination_checks import check_contamination, check_decided, check_exams
from corpus.report.documents import RunDocuments
from corpus.report.findings import Check, Finding, check_counts, check_file, check_rows
from corpus.report.line_checks import check_line_cuts, check_lines
from corpus.report.personal_data import check_found, check_replaced, found_counts
from corpus.report.run_statistics import by_suffix, read_statistics
from corpus.report.scores import check_scores
from corpus.report.settings import settings_in_force
from corpus.report.shard_checks import Row, check_phases, check_shard, check_shard_sums, read_manifest
from corpus.seeds import content_digest
from corpus.storage import files, ipc
from corpus.storage.run_directory import ItemRecord, RunDirectory, Stage

_OF_INPUT = ("extract", "decontaminate", "score", "lines", "select", "tokenize")
_WITH_RECORDS = ("extract", "decontaminate", "exams", "score", "lines", "select", "train-tokenizer", "tokenize", "pack")

#: Called with (steps done, steps in all).
Progress = Callable[[int, int], None]


@dataclasses.dataclass
class _Seen:
    """What is known of the run, and what is carried from one work item to the next."""

    run: RunDirectory
    recipe: Recipe
    metadata: dict[str, str]  # of the manifest; {} where there is none
    shards: dict[str, Row]  # path → row of the manifest
    #: Stages with a damaged file: what it says of others, or leaves out of a sum, is noise and not looked at.
    damaged: set[str] = dataclasses.field(default_factory=set)
    representatives: list[NDArray[np.uint64]] = dataclasses.field(default_factory=list)  # one for each duplicate
    clusters: dict[int, tuple[NDArray[np.uint64], NDArray[np.uint32]]] = dataclasses.field(default_factory=dict)
    kept: int = 0  # sum of mixed doc_ids: equal sets, equal sums
    tokenized: int = 0
    packed: int = 0


def verify(run: RunDirectory, *, progress: Progress = lambda done, of: None) -> Iterator[Finding]:
    """Every finding, file by file; nothing in a sound run. A run that stopped early is checked as far as it came.

    Raises RunDirectoryError for what is no run directory, DamageError where recipe or stage manifests cannot be read.
    """
    recipe = settings_in_force(run)
    stages = [run.current_stage(name) for name in _WITH_RECORDS if run.has_stage(name)]
    steps = sum(len(stage.finished()) for stage in stages) + 1
    done = 0
    seen = _Seen(run, recipe, *_manifest(run))
    schemas = _schemas(recipe, seen.metadata, _groups(run))
    for stage in stages:
        totals: Counter[str] = Counter()
        records = 0
        for number in stage.finished():
            try:
                record = stage.record(number)
            except DamageError as error:
                yield Finding(Check.SCHEMA, _name(run, stage.file(f"{number:05d}.json")), str(error).partition(": ")[2])
                seen.damaged.add(stage.name)
                continue
            records += 1
            totals.update(record.counts)
            found = list(_check_files(stage, record, schemas))
            yield from found
            if found:
                seen.damaged.add(stage.name)
            else:
                yield from _check_contents(stage, record, seen)
            done += 1
            progress(done, steps)
        yield from _check_manifest(run, stage, records, totals)
    for check in (_check_tokenizer, _check_representatives, _check_sums):
        try:
            yield from check(seen)
        except CorpusError as error:
            yield Finding(Check.SCHEMA, "", str(error))
    progress(steps, steps)


# ------------------------------------------------------------------------------------------------ files and records


def _groups(run: RunDirectory) -> tuple[str, ...]:
    """The optional groups of signals that the run's first readable file of signals has, so all of them must have."""
    if not run.has_stage("extract"):
        return ()
    stage = run.current_stage("extract")
    for item in stage.finished():
        try:
            return schema.groups_among(ipc.open_reader(stage.output("signals", item)).schema.names)
        except CorpusError:
            continue
    return ()


def _schemas(recipe: Recipe, metadata: Mapping[str, str], groups: Sequence[str]) -> dict[str, pa.Schema]:
    """Kind of output → its schema; a kind that is not here is checked for its rows alone."""
    dedup = recipe.dedup
    found = {
        "documents": schema.DOCUMENTS,
        "signals": schema.signals_schema(permutations=dedup.permutations, bands=dedup.bands, groups=groups),
        "failed": schema.FAILED,
        "contamination": schema.CONTAMINATION,
        "exams": schema.EXAMS,
        "scores": schema.scores_schema(recipe.scored_signals),
        "lines": schema.LINES,
        "decisions": schema.DECISIONS,
        "edges": schema.EDGES,
    }
    if (size := metadata.get("vocabulary_size")) is not None:
        found["tokens"] = schema.token_blocks_schema(int(size))
    return found


def _manifest(run: RunDirectory) -> tuple[dict[str, str], dict[str, Row]]:
    """Settings and rows of the manifest; ({}, {}) before `pack` and where it cannot be read, which is found later."""
    try:
        return read_manifest(run)
    except CorpusError:
        return {}, {}


def _output_url(stage: Stage, record: ItemRecord, kind: str) -> str:
    if kind.startswith("shards/"):
        return stage.run.path(kind)
    if kind == "tokenizer":
        return stage.run.path("tokenizer", stage.fingerprint, "tokenizer.model")
    return stage.output(kind, record.item)


def _check_files(stage: Stage, record: ItemRecord, schemas: dict[str, pa.Schema]) -> Iterator[Finding]:
    for kind, written in sorted(record.outputs.items()):
        url = _output_url(stage, record, kind)
        name = _name(stage.run, url)
        found = list(check_file(url, name, written))
        if not found and kind != "tokenizer":
            found = list(check_rows(url, name, written, schemas.get(kind)))
        yield from found


def _check_manifest(run: RunDirectory, stage: Stage, records: int, totals: Counter[str]) -> Iterator[Finding]:
    """A stage's manifest against its records, and its records against the plan."""
    name = f"stages/{stage.name}.json"
    manifest = run.stage_manifest(stage.name)
    expected = run.stage_manifest("plan")["items"] if stage.name in _OF_INPUT else manifest["items"]
    if records != expected or records != manifest["items"]:
        detail = f"{records} records of work items, {expected} expected, the manifest says {manifest['items']}"
        yield Finding(Check.MISSING, name, detail)
    yield from check_counts(name, "in all records", manifest.get("counts", {}), dict(totals))


def _check_tokenizer(seen: _Seen) -> Iterator[Finding]:
    """A model that the recipe named: its digest is in the stage's fingerprint. (One that was trained has a record.)"""
    run = seen.run
    if not run.has_stage("train-tokenizer") or "model" not in run.stage_manifest("train-tokenizer"):
        return
    stage = run.current_stage("train-tokenizer")
    name = f"tokenizer/{stage.fingerprint}/tokenizer.model"
    if not files.exists(run.path(name)):
        yield Finding(Check.MISSING, name, "the tokenizer's model")
    elif fingerprint("tokenizer", files.digest(run.path(name))) != stage.fingerprint:
        yield Finding(Check.DIGEST, name, "not the model that the stage was begun with")


# ------------------------------------------------------------------------------------------------ contents


def _check_contents(stage: Stage, record: ItemRecord, seen: _Seen) -> Iterator[Finding]:
    """What a work item's files mean. Another stage's file that it needs and that is damaged ends the look at it."""
    try:
        if stage.name == "extract":
            yield from _check_extracted(stage, record)
        elif stage.name == "decontaminate":
            yield from check_contamination(stage, record, _name(stage.run, stage.output("contamination", record.item)))
        elif stage.name == "exams":
            if "decontaminate" not in seen.damaged:
                yield from check_exams(stage, record, _name(stage.run, stage.output("exams", record.item)))
        elif stage.name == "score":
            yield from check_scores(stage, record, _name(stage.run, stage.output("scores", record.item)))
        elif stage.name == "lines":
            yield from check_lines(stage, record, _name(stage.run, stage.output("lines", record.item)))
        elif stage.name == "select":
            yield from _check_decided(stage, record, seen)
        elif stage.name == "tokenize":
            yield from _check_tokenized(stage, record, seen)
        elif stage.name == "pack" and seen.metadata:
            row = seen.shards.get(next(iter(record.outputs)))
            seen.packed += yield from check_shard(seen.run, record, row, seen.metadata)
    except DamageError as error:
        seen.damaged.add(stage.name)
        yield Finding(Check.SCHEMA, _name(stage.run, stage.file(f"{record.item:05d}.json")), str(error))


def _check_extracted(stage: Stage, record: ItemRecord) -> Iterator[Finding]:
    """Rows of documents and signals are the same documents, and the texts those that were measured; counts."""
    url = stage.output("documents", record.item)
    name = _name(stage.run, url)
    reader = ipc.open_reader(url, schema.DOCUMENTS)
    columns = ["doc_id", "key", "text_hash", "personal_data", *schema.PERSONAL_SIGNALS]
    signals = ipc.open_table(stage.output("signals", record.item), columns=columns)
    begin, last = 0, -1
    for number in range(reader.num_record_batches):
        documents = reader.get_batch(number)
        beside = signals.slice(begin, documents.num_rows).combine_chunks()
        for column in ("doc_id", "key"):
            if not beside[column].combine_chunks().equals(documents.column(column)):
                yield Finding(Check.ALIGNMENT, name, f"{column} of rows {begin}… is not that of signals/")
                return
        ids = numbers(documents.column("doc_id")).astype(np.int64)
        if len(ids) and (ids[0] <= last or (np.diff(ids) <= 0).any()):
            yield Finding(Check.ALIGNMENT, name, f"doc_id does not ascend in rows {begin}…")
        last = int(ids[-1]) if len(ids) else last
        for row, (text, digest) in enumerate(zip(documents.column("text"), beside["text_hash"], strict=True)):
            if content_digest(text.as_buffer()) != digest.as_py():
                yield Finding(Check.TEXT_HASH, name, f"row {begin + row}: another text than signals/ measured")
        yield from check_found(documents, beside, name)
        begin += documents.num_rows
    counted = found_counts(signals)
    yield from check_counts(name, "found", {key: record.counts.get(key, 0) for key in counted}, counted)
    yield from _check_lost(stage, record)


def _check_lost(stage: Stage, record: ItemRecord) -> Iterator[Finding]:
    """The counts of what was dropped, failed and lost while reading."""
    url = stage.output("failed", record.item)
    found: Counter[str] = Counter()
    for row in ipc.open_table(url, schema.FAILED).to_pylist():
        kind = "lost_ranges" if row["reason"] in BYTE_LOSSES else row["outcome"]
        found.update([kind, f"{kind}.{row['reason']}"])
        found["lost_bytes"] += row["length"] if row["reason"] in BYTE_LOSSES else 0
    found["documents"] = record.outputs["documents"].rows
    found["records_in"] = found["documents"] + found["dropped"] + found["failed"]
    heads = ("dropped", "failed", "lost_ranges", "lost_bytes", "documents", "records_in")
    recorded = {key: number for key, number in record.counts.items() if key.partition(".")[0] in heads}
    yield from check_counts(_name(stage.run, url), "found", recorded, dict(found))


def _check_decided(stage: Stage, record: ItemRecord, seen: _Seen) -> Iterator[Finding]:
    """Decisions row for row beside the signals; verdicts that do not contradict themselves; counts."""
    url = stage.output("decisions", record.item)
    name = _name(stage.run, url)
    decisions = ipc.open_table(url, schema.DECISIONS).combine_chunks()
    signals = ipc.open_table(stage.run.current_stage("extract").output("signals", record.item), columns=["doc_id"])
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
    seen.kept += _set_sum(ids[kept])
    found = Counter({"documents": len(ids), "kept": int(kept.sum()), "dropped": int((~kept).sum())})
    found.update(f"dropped.{reason}" for reason in reasons if reason)
    recorded = {key: n for key, n in record.counts.items() if key in found or key.startswith("dropped.")}
    yield from check_counts(name, "in the file", recorded, dict(found))
    if "extract" not in seen.damaged:
        yield from check_replaced(stage.run, record.item, decisions, seen.recipe.privacy, record.counts, name)
    if not seen.damaged & {"extract", "lines"}:
        yield from check_line_cuts(stage.run, record.item, decisions, record.counts, name)
    if (exams := seen.recipe.decontaminate) is not None and not seen.damaged & {"extract", "decontaminate"}:
        yield from check_decided(stage.run, record.item, decisions, exams, record.counts, name)


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


def _check_tokenized(stage: Stage, record: ItemRecord, seen: _Seen) -> Iterator[Finding]:
    """Blocks of one domain each, in the order of names; documents end with the end-of-document id; counts."""
    url = stage.output("tokens", record.item)
    name = _name(stage.run, url)
    end = seen.metadata.get("end_of_document")
    reader = ipc.open_reader(url)
    found: Counter[str] = Counter(dict.fromkeys(("documents", "tokens", "bytes"), 0))
    domains: list[str] = []
    for number in range(reader.num_record_batches):
        block = reader.get_batch(number)
        named = set(domains_of(block))
        domain = min(named)
        domains.append(domain)
        if len(named) != 1:
            yield Finding(Check.TOKENS, name, f"block {number} holds {len(named)} domains")
        lists = block.column("tokens")
        bounds, tokens = numbers(lists.offsets), numbers(lists.values)
        if (np.diff(bounds) < 1).any() or (end is not None and (tokens[bounds[1:] - 1] != int(end)).any()):
            yield Finding(Check.TOKENS, name, f"block {number}: a document does not end with the end-of-document id")
        size = int(numbers(block.column("bytes")).sum())
        for key, count in (("documents", block.num_rows), ("tokens", int(bounds[-1] - bounds[0])), ("bytes", size)):
            found.update({key: count, f"{key}.{domain}": count})
        found[f"blocks.{domain}"] += 1
        seen.tokenized += _set_sum(numbers(block.column("doc_id")))
    if domains != sorted(domains):
        yield Finding(Check.TOKENS, name, f"blocks of the domains {domains}, not sorted")
    yield from check_counts(name, "in the file", record.counts, dict(found))


# ------------------------------------------------------------------------------------------------ across work items


def _check_representatives(seen: _Seen) -> Iterator[Finding]:
    """A representative is a kept document of this run, and stands for as many as its cluster says."""
    run = seen.run
    if not run.has_stage("select") or "select" in seen.damaged:
        return
    documents, stage = RunDocuments(run), run.current_stage("select")
    named, times = np.unique(np.concatenate([np.empty(0, np.uint64), *seen.representatives]), return_counts=True)
    items = documents.items_of(named)
    for item, (leaders, sizes) in sorted(seen.clusters.items()):
        mine, counted = named[items == item], times[items == item]
        url = stage.output("decisions", item)
        table = ipc.open_table(url, schema.DECISIONS, columns=["doc_id", "kept"])
        kept = numbers(table["doc_id"])[booleans(table["kept"])]
        for doc_id in mine[~np.isin(mine, kept)].tolist():
            yield Finding(
                Check.REPRESENTATIVE, _name(run, url), f"document {doc_id} stands for others and was not kept"
            )
        standing = dict(zip(mine.tolist(), counted.tolist(), strict=True))
        claimed = dict(zip(leaders.tolist(), (sizes - 1).tolist(), strict=True))
        for doc_id in sorted({*standing, *claimed}):
            if (stands := standing.get(doc_id, 0)) != (claims := claimed.get(doc_id, 0)):
                detail = f"document {doc_id} stands for {stands} others, its cluster_size says {claims}"
                yield Finding(Check.REPRESENTATIVE, _name(run, url), detail)
    for doc_id in named[~np.isin(items, list(seen.clusters))].tolist():
        yield Finding(Check.REPRESENTATIVE, "decisions", f"representative {doc_id} is no document of this run")


def _check_sums(seen: _Seen) -> Iterator[Finding]:
    """Conservation, and that the kept documents are those in tokens/ and shards/, each once."""
    run = seen.run
    for line in read_statistics(run).broken:
        yield Finding(Check.CONSERVATION, "stages", line)
    for stage, total in (("tokenize", seen.tokenized), ("pack", seen.packed)):
        if not run.has_stage(stage) or seen.damaged & {"select", stage}:
            continue
        if total % (1 << 64) != seen.kept % (1 << 64):
            yield Finding(Check.CONSERVATION, f"stages/{stage}.json", "its documents are not the kept ones, each once")
    if run.has_stage("pack"):
        tokens = by_suffix(run.stage_manifest("tokenize")["counts"], "tokens")
        yield from check_shard_sums(run, tokens)
    if run.has_stage("phases"):
        yield from check_phases(run, seen.recipe)


def _set_sum(doc_ids: NDArray[np.uint64]) -> int:
    """A sum over a set of ids that another set, or one with an id twice, gives with a chance of 2^-64."""
    return int(mix(doc_ids.astype(np.uint64)).sum(dtype=np.uint64))


def _name(run: RunDirectory, url: str) -> str:
    return url.removeprefix(f"{run.url}/")


def findings_json(findings: list[Finding]) -> dict[str, Any]:
    """What `verify --json` prints."""
    return {"sound": not findings, "findings": [dataclasses.asdict(finding) for finding in findings]}
