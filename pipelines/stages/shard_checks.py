"""Shards against their records, the manifest and the phase plan, counted by NumPy alone as a trainer reads them.

A shard's tokens and boundaries are taken from the file at the manifest's offsets; Arrow's own reading of the same file
must give the same. Memory: what the operating system maps, a shard's boundaries, and CHUNK_TOKENS at a time.
"""

from collections.abc import Generator, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import numbers
from corpus.domains import domains_of
from corpus.errors import CorpusError
from corpus.feed.phases import plan_phases
from corpus.recipe import Recipe
from corpus.storage import files, ipc
from corpus.storage.older_files import read_as
from corpus.storage.run_directory import ItemRecord, RunDirectory, Stage
from corpus.storage.shards import ALIGNMENT, read_shard
from pipelines.stages.findings import Carried, Check, Finding, Seen, set_sum
from pipelines.stages.phases_plan import read_plan

CHUNK_TOKENS = 1 << 22

Row = dict[str, Any]


def read_manifest(run: RunDirectory) -> tuple[dict[str, str], dict[str, Row]]:
    """The settings that the manifest carries, and its rows by path. Raises DamageError where it cannot be read."""
    table = read_as(run.path("manifest.arrow"), schema.MANIFEST)
    metadata = {name.decode(): value.decode() for name, value in (table.schema.metadata or {}).items()}
    return metadata, {row["path"]: row for row in table.to_pylist()}


def check_packed(seen: Seen, stage: Stage, record: ItemRecord) -> Generator[Finding, None, Carried]:
    """A shard against its row of the manifest."""
    if not seen.metadata:
        return Carried()
    row = seen.shards.get(next(iter(record.outputs)))
    packed = yield from _check_shard(seen.run, record, row, seen.metadata)
    return Carried(packed=packed)


def _check_shard(
    run: RunDirectory, record: ItemRecord, row: Row | None, metadata: Mapping[str, str]
) -> Generator[Finding, None, int]:
    """The sum of its mixed doc_ids is returned."""
    ((path, written),) = record.outputs.items()
    if row is None:
        yield Finding(Check.MANIFEST, "manifest.arrow", f"no row for {path}")
        return 0
    expected = {**record.counts, "file_bytes": written.bytes, "digest": bytes.fromhex(written.digest)}
    for name in sorted(row.keys() & expected.keys()):
        if row[name] != expected[name]:
            yield Finding(
                Check.MANIFEST,
                "manifest.arrow",
                f"{path}: {name} is {_text(row[name])}, its record says {_text(expected[name])}",
            )
    if row["token_offset"] % ALIGNMENT:
        yield Finding(Check.TOKENS, path, f"tokens begin at byte {row['token_offset']}, not a multiple of {ALIGNMENT}")
    if not files.is_local(run.url):
        return set_sum(numbers(ipc.open_table(run.path(path))["doc_id"]))
    tokens, boundaries = _mapped(str(files.local_path(run.path(path))), row)
    found = list(_check_tokens(tokens, boundaries, row, metadata))
    yield from (Finding(Check.TOKENS, path, detail) for detail in found)
    table = read_shard(files.local_path(run.path(path)))
    lists = table["tokens"].chunk(0)
    if table.num_rows != row["documents"] or not np.array_equal(numbers(lists.offsets), boundaries):
        yield Finding(Check.TOKENS, path, "documents by Arrow are not those at the manifest's offsets")
    elif not _equal(numbers(lists.values), tokens):
        yield Finding(Check.TOKENS, path, "tokens by Arrow are not those at the manifest's offsets")
    if (size := int(numbers(table["bytes"]).sum(dtype=np.uint64))) != row["bytes"]:
        yield Finding(Check.COUNTS, path, f"{size} bytes of text, the manifest says {row['bytes']}")
    if (domains := set(domains_of(table))) != {row["domain"]}:
        yield Finding(Check.MANIFEST, path, f"documents of {sorted(domains)} in {row['domain']}")
    return set_sum(numbers(table["doc_id"]))


def check_shard_sums(packed: Stage, tokens: Mapping[str, int]) -> Iterator[Finding]:
    """The manifest's own order and digest, and its tokens by domain against what was tokenized."""
    run = packed.run
    try:
        metadata, by_path = read_manifest(run)
    except CorpusError as error:
        yield Finding(Check.SCHEMA, "manifest.arrow", str(error).partition(": ")[2])
        return
    rows = list(by_path.values())
    places = [(row["domain"], row["shard"]) for row in rows]
    if places != sorted(set(places)):
        yield Finding(Check.MANIFEST, "manifest.arrow", "rows are not sorted by domain and shard, each once")
    stated, recorded = metadata.get("manifest", "missing"), run.stage_manifest(packed.name)["manifest"]
    if stated != recorded:
        yield Finding(
            Check.MANIFEST, "manifest.arrow", f"its digest is {stated}, stages/{packed.name}.json says {recorded}"
        )
    records = {path for record in packed.records() for path in record.outputs}
    for row in rows:
        if row["path"] not in records:
            yield Finding(Check.MANIFEST, "manifest.arrow", f"{row['path']}: a shard without a record")
    sums: dict[str, int] = {}
    for row in rows:
        sums[row["domain"]] = sums.get(row["domain"], 0) + row["tokens"]
    for domain in sorted({*sums, *tokens}):
        if sums.get(domain, 0) != tokens.get(domain, 0):
            detail = f"{domain}: {sums.get(domain, 0)} tokens in shards, {tokens.get(domain, 0)} tokenized"
            yield Finding(Check.CONSERVATION, "manifest.arrow", detail)


def check_phases(run: RunDirectory, recipe: Recipe) -> Iterator[Finding]:
    """The plan is the one that recipe and manifest give, to the last sequence."""
    name = "phases/plan.json"
    try:
        sums: dict[str, int] = {}
        for row in read_manifest(run)[1].values():
            sums[row["domain"]] = sums.get(row["domain"], 0) + row["tokens"]
        found, expected = read_plan(run), plan_phases(recipe.phase, sums, seed=recipe.run.seed)
    except CorpusError as error:
        yield Finding(Check.PHASES, name, str(error))
        return
    for what in ("seed", "domains", "phases"):
        if getattr(found, what) != getattr(expected, what):
            yield Finding(Check.PHASES, name, f"its {what} are not what recipe and manifest give")


def _mapped(path: str, row: Row) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Tokens (tokens,) and boundaries (documents + 1,) of a shard, or as many of them as the file has."""
    data = np.memmap(path, np.uint8, "r")
    dtype = np.dtype(row["token_dtype"]).newbyteorder("<")
    tokens = data[row["token_offset"] :][: row["tokens"] * dtype.itemsize]
    boundaries = data[row["boundary_offset"] :][: (row["documents"] + 1) * 8]
    return tokens[: len(tokens) // dtype.itemsize * dtype.itemsize].view(dtype), boundaries[
        : len(boundaries) // 8 * 8
    ].view("<i8")


def _check_tokens(
    tokens: NDArray[Any], boundaries: NDArray[np.int64], row: Row, metadata: Mapping[str, str]
) -> Iterator[str]:
    """What is wrong with a shard's tokens and boundaries, by themselves."""
    if len(tokens) != row["tokens"] or len(boundaries) != row["documents"] + 1:
        yield f"{len(tokens)} tokens and {len(boundaries)} boundaries at the manifest's offsets: the file ends there"
        return
    if boundaries[0] != 0 or boundaries[-1] != len(tokens) or (np.diff(boundaries) < 1).any():
        yield f"boundaries go from {boundaries[0]} to {boundaries[-1]} for {len(tokens)} tokens, or do not ascend"
        return
    vocabulary, end = int(metadata["vocabulary_size"]), int(metadata["end_of_document"])
    highest = max((int(chunk.max()) for chunk in _chunks(tokens)), default=0)
    if highest >= vocabulary:
        yield f"token {highest}, the vocabulary has {vocabulary}"
    ends = sum(int((chunk == end).sum()) for chunk in _chunks(tokens))
    if (tokens[boundaries[1:] - 1] != end).any() or ends != row["documents"]:
        yield f"the end-of-document id {end} does not stand at the end of each document, and there alone"


def _equal(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return len(a) == len(b) and all(np.array_equal(*pair) for pair in zip(_chunks(a), _chunks(b), strict=True))


def _chunks(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for begin in range(0, len(values), CHUNK_TOKENS):
        yield values[begin : begin + CHUNK_TOKENS]


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
