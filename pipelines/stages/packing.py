"""pack: token blocks → final shards and `manifest.arrow`.

The plan is computed from counts alone: a domain's blocks, in an order seeded by identity, fill its shards one after the
other, so each shard holds a random set of blocks and is at most a block larger than `shards.target_bytes`. Inside a shard documents stand in the order of a keyed hash of `key`.
A work item is one shard.

Reads   tokens/FP/ITEM.arrow
Writes  shards/FP/DOMAIN/00000.arrow (storage.shards), manifest.arrow (schema.MANIFEST)
Cost    one read and one write of the tokens; memory: a shard's tokens once, a block of them, and the other columns three times
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import byte_rows, numbers, numpy_dtype
from corpus.errors import BuildError
from corpus.seeds import content_digest, derive_seed, keyed_hash, seeds_of
from corpus.storage import files, ipc
from corpus.storage.ipc import Written
from corpus.storage.run_directory import ItemRecord, RunDirectory, Stage
from corpus.storage.shards import write_shard
from pipelines.stages.costs import Sizes, StageCost, Stored
from pipelines.stages.outputs import SHARDS, TOKENIZER, TOKENS
from pipelines.stages.shard_checks import check_packed
from pipelines.stages.stage import Conservation, Driver, StageSpec, Upstream
from pipelines.stages.token_blocks import BLOCK_TOKENS
from pipelines.stages.tokenizer import counts_by_domain, model_url

VERSION = 1

PACK_PLAN = pa.schema(
    [
        pa.field("shard_item", pa.uint32(), nullable=False),
        pa.field("domain", pa.string(), nullable=False),
        pa.field("shard", pa.uint32(), nullable=False),
        pa.field("item", pa.uint32(), nullable=False),  # whose tokens/ file …
        pa.field("block", pa.uint32(), nullable=False),  # … and which batch of it
    ]
)


@dataclasses.dataclass(frozen=True)
class PackSettings:
    tokens: Stage
    plan: str  # URL of the plan
    seed: int
    vocabulary_size: int
    end_of_document: int
    tokenizer: str  # fingerprint


def plan_shards(
    records: Iterable[ItemRecord], *, target_bytes: int, token_bytes: int, seed: int
) -> list[tuple[int, str, int, int, int]]:
    """Rows of PACK_PLAN, from the counts of the tokenize records."""
    blocks: dict[str, list[tuple[int, int, int, int]]] = {}
    seeds: dict[str, Callable[..., int]] = {}
    for record in records:
        of_domain, number_of = counts_by_domain(record.counts, "tokens"), counts_by_domain(record.counts, "blocks")
        block = 0
        for domain in sorted(of_domain):
            if domain not in blocks:
                blocks[domain], seeds[domain] = [], seeds_of(seed, "pack", domain)
            order_of, mine = seeds[domain], blocks[domain]
            for which, tokens in enumerate(shares(of_domain[domain], number_of[domain])):
                order = order_of(record.item, which) if which else order_of(record.item)
                mine.append((order, record.item, block, tokens))
                block += 1
    rows: list[tuple[int, str, int, int, int]] = []
    shard_item = -1
    for domain in sorted(blocks):
        total = sum(tokens for *_, tokens in blocks[domain])
        shards = max(1, -(-total * token_bytes // target_bytes))
        before, used, number = 0, -1, -1
        for _, item, block, tokens in sorted(blocks[domain]):
            shard = min(shards - 1, (before + tokens // 2) * shards // max(1, total))
            if shard != used:
                # Numbers without gaps, however uneven the blocks are.
                shard_item, used, number = shard_item + 1, shard, number + 1
            rows.append((shard_item, domain, number, item, block))
            before += tokens
    return rows


def shares(total: int, parts: int) -> list[int]:
    """What blocks of a domain are taken to hold: all but the last are about as large (pipelines.stages.token_blocks)."""
    return [total * (part + 1) // parts - total * part // parts for part in range(parts)]


def shard_batch(blocks: list[pa.RecordBatch], *, seed: int) -> pa.RecordBatch:
    """The documents of all blocks in the order of a keyed hash of `key`, then `key`, then `doc_id`.

    `blocks` is emptied: each is let go when its tokens are copied. Never `take` on lists, which holds them four times over.
    """
    table = pa.Table.from_batches(blocks)
    order = shard_order(table, seed=seed)
    lengths = np.concatenate([np.diff(numbers(block.column("tokens").offsets)) for block in blocks])
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[order])])
    places = np.empty(len(order), np.int64)  # by row of the blocks: where its tokens go
    places[order] = offsets[:-1]
    others = table.drop_columns(["tokens"]).take(pa.array(order)).combine_chunks().to_batches()[0]
    schema_of = table.schema
    of = schema_of.field("tokens").type
    del table  # which holds every block
    tokens = np.empty(int(offsets[-1]), numpy_dtype(of.value_type))
    blocks.reverse()
    row = 0
    while blocks:
        block = blocks.pop()
        copy_lists(block.column("tokens"), places[row : row + block.num_rows], tokens)
        row += block.num_rows
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(tokens), type=of)
    return pa.RecordBatch.from_arrays([lists, *others.columns], schema=schema_of)


def shard_order(documents: pa.Table, *, seed: int) -> NDArray[np.int64]:
    """(documents,) rows by the keyed hash of `key`, then `key`, then `doc_id`."""
    keys = byte_rows(documents["key"])
    hashes = np.fromiter((keyed_hash(seed, key.tobytes()) for key in keys), np.uint64, len(keys))
    high, low = np.ascontiguousarray(keys).view(">u8").T  # as bytes are compared
    return np.lexsort((numbers(documents["doc_id"]), low, high, hashes))


def copy_lists(lists: pa.LargeListArray, places: NDArray[np.int64], to: NDArray[np.unsignedinteger]) -> None:
    """Copies each list to its place."""
    offsets, values = numbers(lists.offsets).tolist(), numbers(lists.values)
    for begin, end, place in zip(offsets[:-1], offsets[1:], places.tolist(), strict=True):
        to[place : place + end - begin] = values[begin:end]


def shard_path(stage: Stage, domain: str, shard: int) -> str:
    """Relative to the run directory."""
    return files.join("shards", stage.fingerprint, domain, f"{shard:05d}.arrow")


def pack_item(stage: Stage, item: int, settings: PackSettings) -> ItemRecord:
    """Assembles and writes one shard."""
    plan = ipc.open_table(settings.plan, PACK_PLAN)
    rows = plan.filter(pa.compute.equal(plan["shard_item"], item)).to_pylist()
    domain, shard = rows[0]["domain"], rows[0]["shard"]
    columns = schema.tokens_schema(settings.vocabulary_size).names
    blocks = []
    for row in rows:
        # A reader each: of a mapped file the pages of a block are let go with it.
        reader = ipc.open_reader(settings.tokens.output("tokens", row["item"]))
        blocks.append(reader.get_batch(row["block"]).select(columns))
    batch = shard_batch(blocks, seed=derive_seed(settings.seed, "shard order", domain))
    path = shard_path(stage, domain, shard)
    metadata = {
        "domain": domain,
        "shard": str(shard),
        "tokenizer": settings.tokenizer,
        "vocabulary_size": str(settings.vocabulary_size),
        "end_of_document": str(settings.end_of_document),
    }
    with files.atomic_writer(stage.run.path(path)) as sink:
        layout = write_shard(sink, batch, metadata)
    counts = {
        "documents": layout.documents,
        "tokens": layout.tokens,
        "bytes": int(pa.compute.sum(batch.column("bytes")).as_py()),
        "token_offset": layout.token_offset,
        "boundary_offset": layout.boundary_offset,
    }
    written = Written(rows=layout.documents, bytes=layout.file_bytes, digest=layout.digest.hex())
    return ItemRecord(item=item, outputs={path: written}, counts=counts)


def write_manifest(
    run: RunDirectory, records: Iterable[ItemRecord], settings: PackSettings, *, settings_fingerprint: str
) -> str:
    """Writes `manifest.arrow` from the records of all shards; returns its digest."""
    plan = ipc.open_table(settings.plan, PACK_PLAN)
    named = {row["shard_item"]: (row["domain"], row["shard"]) for row in plan.to_pylist()}
    dtype = str(schema.token_type(settings.vocabulary_size))
    rows = []
    for record in records:
        domain, shard = named[record.item]
        ((path, written),) = record.outputs.items()
        counts = record.counts
        rows.append(
            {
                "domain": domain,
                "shard": shard,
                "path": path,
                "documents": counts["documents"],
                "tokens": counts["tokens"],
                "bytes": counts["bytes"],
                "file_bytes": written.bytes,
                "digest": bytes.fromhex(written.digest),
                "token_dtype": dtype,
                "token_offset": counts["token_offset"],
                "boundary_offset": counts["boundary_offset"],
            }
        )
    table = pa.Table.from_pylist(sorted(rows, key=lambda row: (row["domain"], row["shard"])), schema=schema.MANIFEST)
    digest = content_digest(
        b"".join(f"{row['domain']}/{row['shard']} ".encode() + row["digest"] for row in table.to_pylist())
    )
    metadata = {
        "manifest": digest.hex(),
        "tokenizer": settings.tokenizer,
        "settings": settings_fingerprint,
        "vocabulary_size": str(settings.vocabulary_size),
        "end_of_document": str(settings.end_of_document),
    }
    table = table.replace_schema_metadata(metadata)
    ipc.write_table(run.path("manifest.arrow"), table, table.schema, compression=None)
    return digest.hex()


def store_plan(url: str, rows: Sequence[tuple[int, str, int, int, int]]) -> None:
    """Writes rows of `plan_shards` where workers find them."""
    columns = dict(zip(PACK_PLAN.names, zip(*rows, strict=True), strict=True))
    ipc.write_table(url, pa.table(columns, schema=PACK_PLAN), PACK_PLAN)


def _drive(driver: Driver, up: Upstream, spec: "StageSpec[None, PackSettings]", opened: None) -> Stage:
    from tokenizer_training.encode import load_encoder

    tokenized, trained, seed = up.writer(TOKENS), up.writer(TOKENIZER), up.recipe.run.seed
    encoder = load_encoder(model_url(trained))
    stage = driver.open(spec, spec.mark(up, opened))
    target, width = up.recipe.shards.target_bytes, encoder.dtype.itemsize
    rows = plan_shards(driver.records(tokenized), target_bytes=target, token_bytes=width, seed=seed)
    if not rows:
        raise BuildError(f"{up.run.url}: no document was kept; `corpus stats {up.run.url}` says why")
    plan = stage.file("plan.arrow")
    store_plan(plan, rows)
    settings = PackSettings(
        tokens=tokenized,
        plan=plan,
        seed=seed,
        vocabulary_size=encoder.vocabulary_size,
        end_of_document=encoder.end_of_document,
        tokenizer=trained.fingerprint,
    )
    driver.run_items(stage, sorted({row[0] for row in rows}), pack_item, lambda: settings)
    digest = write_manifest(up.run, driver.records(stage), settings, settings_fingerprint=stage.fingerprint)
    driver.close(spec, stage, {"manifest": digest})
    return stage


def held_by_pack(shard_bytes: float, number: Callable[[str], float]) -> float:
    """Bytes that a worker holds, beside what it is, of a shard of so many."""
    return number("pack_batch_bytes") + shard_bytes * number("pack_bytes")


def _costs(sizes: Sizes) -> StageCost:
    row = sizes.number("token_row_bytes") * sizes.kept / sizes.tokens  # bytes a token
    largest = sizes.largest_domain_tokens * (sizes.token_bytes + row)
    # Blocks fill a shard, and the last may go beyond.
    block = BLOCK_TOKENS * (sizes.token_bytes + row)
    shard = min(largest, sizes.recipe.shards.target_bytes * (1 + row / sizes.token_bytes) + block / 2)
    return StageCost(
        name="pack",
        units=sizes.shards,
        seconds=sizes.tokens * sizes.number("pack_seconds"),
        read_bytes=sizes.token_row_bytes,
        written_bytes=sizes.token_row_bytes,
        opened=sizes.token_blocks,
        written=2 * sizes.shards + 2,
        worker_bytes=sizes.process_bytes + held_by_pack(shard, sizes.number),
        memory="a shard",
        stored=(Stored("shards", sizes.shards, sizes.token_row_bytes),),
        records=sizes.shards,
    )


PACK = StageSpec(
    name="pack",
    summary="token blocks → shards and manifest.arrow",
    reads=(TOKENS,),
    writes=(SHARDS,),
    code=("pipelines.stages.packing",),
    fingerprint=lambda up, opened: (up.planned[-1].fingerprint, up.recipe.shards, up.recipe.run.seed),
    drive=_drive,
    of_input=False,
    beside=("manifest.arrow",),
    conserves=Conservation("documents", "documents"),
    check=check_packed,
    costs=_costs,
)
