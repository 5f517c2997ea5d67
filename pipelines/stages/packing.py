"""pack: token blocks → final shards and `manifest.arrow`.

The plan is computed from counts alone: a domain's blocks, in an order seeded by identity, fill its shards one after the
other, so each shard holds a random set of blocks. Inside a shard documents stand in the order of a keyed hash of `key`.
A work item is one shard.

Reads   tokens/FP/ITEM.arrow
Writes  shards/FP/DOMAIN/00000.arrow (storage.shards), manifest.arrow (schema.MANIFEST)
Cost    one read and one write of the tokens; memory: two copies of a shard's tokens
"""

import dataclasses
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute

from corpus import schema
from corpus.errors import BuildError
from corpus.seeds import content_digest, derive_seed, keyed_hash
from corpus.storage import files, ipc
from corpus.storage.ipc import Written
from corpus.storage.run_directory import ItemRecord, RunDirectory, Stage
from corpus.storage.shards import write_shard
from pipelines.stages.outputs import SHARDS, TOKENIZER, TOKENS
from pipelines.stages.shard_checks import check_packed
from pipelines.stages.stage import Conservation, Driver, StageSpec, Upstream
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
    for record in records:
        of_domain = counts_by_domain(record.counts, "tokens")
        for block, domain in enumerate(sorted(of_domain)):
            order = derive_seed(seed, "pack", domain, record.item)
            blocks.setdefault(domain, []).append((order, record.item, block, of_domain[domain]))
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


def shard_batch(blocks: Sequence[pa.RecordBatch], *, seed: int) -> pa.RecordBatch:
    """The documents of all blocks in the order of a keyed hash of `key`, then `key`, then `doc_id`."""
    table = pa.Table.from_batches(blocks)
    keys = table["key"].to_pylist()
    ids = table["doc_id"].to_pylist()
    order = sorted(range(len(keys)), key=lambda row: (keyed_hash(seed, keys[row]), keys[row], ids[row]))
    return table.take(pa.array(order, pa.int64())).combine_chunks().to_batches()[0]


def shard_path(stage: Stage, domain: str, shard: int) -> str:
    """Relative to the run directory."""
    return files.join("shards", stage.fingerprint, domain, f"{shard:05d}.arrow")


def pack_item(stage: Stage, item: int, settings: PackSettings) -> ItemRecord:
    """Assembles and writes one shard."""
    plan = ipc.open_table(settings.plan, PACK_PLAN)
    rows = plan.filter(pa.compute.equal(plan["shard_item"], item)).to_pylist()
    domain, shard = rows[0]["domain"], rows[0]["shard"]
    blocks = []
    for row in rows:
        reader = ipc.open_reader(settings.tokens.output("tokens", row["item"]))
        blocks.append(reader.get_batch(row["block"]))
    batch = shard_batch(blocks, seed=derive_seed(settings.seed, "shard order", domain))
    del blocks
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


PACK = StageSpec(
    name="pack",
    summary="token blocks → shards and manifest.arrow",
    reads=(TOKENS,),
    writes=(SHARDS,),
    code=("pipelines.stages.packing",),
    fingerprint=lambda up, opened: (up.planned[-1].fingerprint, up.recipe.shards, up.recipe.run.seed),
    drive=_drive,
    of_input=False,
    conserves=Conservation("documents", "documents"),
    check=check_packed,
)
