"""Memory of `tokenize` and `pack` over one large work item, against what is stated and planned: python benchmarks/bench_token_memory.py

One work item, as a single large .jsonl.gz is one, holds `--tokens` of made text in documents of `--document-tokens`, of which one in
eight is dropped and one in sixteen is edited, in three languages. Each stage runs in a process of its own, and its figure is
what the operating system saw of that process beyond what it held before: imports done, model loaded.

Claims: tokenize holds at most 2.5 times the rows that it may hold (token_blocks.HELD_BYTES), however large the item; pack at
most 2.5 times its shard's tokens; what the plan says beyond the process itself is within 20 % of either. Ends with 1 where that
is not so.
"""

import argparse
import io
import multiprocessing
import re
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pyarrow as pa
import sentencepiece

from corpus import schema
from corpus.storage import ipc
from corpus.storage.digested_file import DigestedFile
from corpus.storage.run_directory import ItemRecord, RunDirectory, Stage
from pipelines.planning.coefficients import shipped_coefficients
from pipelines.stages import packing, tokenization
from pipelines.stages.extraction import BATCH_DOCUMENTS, BATCH_TEXT_BYTES
from pipelines.stages.kept_documents import DocumentStages
from pipelines.stages.token_blocks import HELD_BYTES
from tokenizer_training.encode import load_encoder

LANGUAGES = ("en", "de", "zh")
SHARES = (0.7, 0.25, 0.05)
VOCABULARY = 8000


def words_of(random: np.random.Generator) -> list[str]:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    return ["".join(random.choice(letters, size)) for size in random.integers(2, 9, 20_000)]


def write_model(path: Path, words: list[str], random: np.random.Generator) -> None:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(" ".join(random.choice(words, 50)) for _ in range(4000)),
        model_writer=model,
        vocab_size=VOCABULARY,
        model_type="bpe",
        byte_fallback=True,
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())


def rows_as(of: pa.Schema, rows: int, given: dict[str, pa.Array]) -> pa.RecordBatch:
    """A batch of a schema: what is given, nulls where a column may have them, else zeros."""

    def column(field: pa.Field) -> pa.Array:
        if field.name in given:
            return given[field.name].cast(field.type)
        if field.nullable:
            return pa.nulls(rows, field.type)
        nothing: object = [] if pa.types.is_list(field.type) else "" if pa.types.is_string(field.type) else 0
        return pa.array([nothing] * rows, field.type)

    return pa.RecordBatch.from_arrays([column(field) for field in of], schema=of)


def write_item(run: RunDirectory, model: str, *, tokens: int, document_tokens: int, seed: int) -> DocumentStages:
    """documents/, signals/ and decisions/ of work item 0, the first two in batches as extraction writes them."""
    random = np.random.default_rng(seed)
    words = np.array(words_of(np.random.default_rng(0)))
    encoder = load_encoder(model)
    sample = " ".join(random.choice(words, 5000))
    per_word = len(encoder.encode([sample])[0]) / 5000
    length = max(1, round(document_tokens / per_word))
    number = max(1, round(tokens / document_tokens * 8 / 7))  # one in eight is dropped
    at_once = max(1, min(BATCH_DOCUMENTS, BATCH_TEXT_BYTES // (len(sample) * length // 5000)))
    stages = DocumentStages(*(run.stage(name, "made") for name in ("extract", "measure", "select")))
    signals = pa.schema([schema.DOCUMENTS.field("doc_id"), pa.field("language", pa.string(), nullable=False)])
    decided: list[pa.RecordBatch] = []
    with (
        ipc.batch_writer(stages.documents.output("documents", 0), schema.DOCUMENTS) as documents_to,
        ipc.batch_writer(stages.signals.output("signals", 0), signals) as signals_to,
    ):
        for begin in range(0, number, at_once):
            rows = min(at_once, number - begin)
            ids = np.arange(begin, begin + rows, dtype=np.uint64)
            doc_id = pa.array(ids)
            language = pa.array(random.choice(np.array(LANGUAGES), rows, p=SHARES).tolist(), pa.string())
            texts = [" ".join(random.choice(words, length)) for _ in range(rows)]
            keys = pa.array([random.bytes(16) for _ in range(rows)], schema.KEY)
            given = {"doc_id": doc_id, "key": keys, "text": pa.array(texts), "source": pa.array(["web"] * rows)}
            documents_to.write(rows_as(schema.DOCUMENTS, rows, given))
            signals_to.write(rows_as(signals, rows, {"doc_id": doc_id, "language": language}))
            cuts = [[{"begin": 0, "end": 2, "replacement": ""}] if each % 16 == 0 else [] for each in ids.tolist()]
            verdicts = {
                "doc_id": doc_id,
                "kept": pa.array((ids % 8 != 7).tolist()),
                "repeats": pa.array([1] * rows),
                "cuts": pa.array(cuts, schema.DECISIONS.field("cuts").type),
            }
            decided.append(rows_as(schema.DECISIONS, rows, verdicts))
    ipc.write_table(stages.decisions.output("decisions", 0), pa.Table.from_batches(decided), schema.DECISIONS)
    return stages


def measured(work: Callable[..., ItemRecord], *arguments: object) -> tuple[ItemRecord, int, int]:
    """What the work gives in a process of its own; bytes that the process held before it, and beyond that at most."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_report, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    found: tuple[ItemRecord, int, int] = ours.recv()
    process.join()
    return found


def peak_bytes() -> int:
    """Most that this process held. Not `ru_maxrss`: Linux lets a process begin with what its parent held."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) << 10


def _report(to: Connection, work: Callable[..., ItemRecord], arguments: tuple[object, ...]) -> None:
    settings = arguments[-1]
    if isinstance(settings, tokenization.TokenizeSettings):
        load_encoder(str(settings.model.local()))
    before = peak_bytes()
    record = work(*arguments)
    to.send((record, before, peak_bytes() - before))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=60_000_000)
    parser.add_argument("--document-tokens", type=int, default=800)
    parser.add_argument("--target-bytes", type=int, default=1 << 30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "tokenizer.model"
        write_model(model, words_of(np.random.default_rng(0)), np.random.default_rng(1))
        run = RunDirectory(str(Path(folder) / "run"))
        stages = write_item(run, str(model), tokens=arguments.tokens, document_tokens=arguments.document_tokens, seed=2)
        show(run, stages, str(model), arguments.target_bytes)


def show(run: RunDirectory, stages: DocumentStages, model: str, target_bytes: int) -> None:
    encoder = load_encoder(model)
    width = encoder.dtype.itemsize
    tokenized, packed = run.stage("tokenize", "made"), run.stage("pack", "made")
    record, before, held = measured(
        tokenization.tokenize_item, tokenized, 0, tokenization.TokenizeSettings(stages, DigestedFile.of(model))
    )
    tokenized.finish(record)
    rows = record.outputs["tokens"].bytes
    number = shipped_coefficients().numbers().__getitem__
    right = [
        shown("tokenize", record, before, held, min(rows, HELD_BYTES), tokenization.held_by_tokenize(rows, number))
    ]
    settings = plan_pack(tokenized, packed, encoder.vocabulary_size, encoder.end_of_document, target_bytes)
    largest = max(
        ipc.open_table(settings.plan)["shard_item"].to_pylist(), key=lambda shard: tokens_planned(settings, shard)
    )
    shard, before, held = measured(packing.pack_item, packed, largest, settings)
    (written,) = shard.outputs.values()
    right.append(
        shown("pack", shard, before, held, shard.counts["tokens"] * width, packing.held_by_pack(written.bytes, number))
    )
    if not all(right):
        raise SystemExit(1)


def tokens_planned(settings: packing.PackSettings, shard: int) -> int:
    """Blocks of a shard: nearly all are as large."""
    return ipc.open_table(settings.plan)["shard_item"].to_pylist().count(shard)


def shown(name: str, record: ItemRecord, before: int, held: int, unit: int, planned: float) -> bool:
    """Whether the claims hold."""
    tokens = record.counts["tokens"]
    print(f"{name}: {record.counts['documents']:,} documents, {tokens:,} tokens; {before / 1e6:.0f} MB before, {held / 1e6:.0f} MB "
          f"more = {held / unit:.2f} times its unit of {unit / 1e6:.0f} MB; plan {planned / 1e6:.0f} MB = {planned / held:.2f}")  # fmt: skip
    return held <= 2.5 * unit and abs(planned / held - 1) <= 0.2


def plan_pack(
    tokenized: Stage, packed: Stage, vocabulary_size: int, end_of_document: int, target_bytes: int
) -> packing.PackSettings:
    width = schema.token_type(vocabulary_size).bit_width // 8
    rows = packing.plan_shards(tokenized.records(), target_bytes=target_bytes, token_bytes=width, seed=0)
    columns = dict(zip(packing.PACK_PLAN.names, zip(*rows, strict=True), strict=True))
    plan = packed.file("plan.arrow")
    ipc.write_table(plan, pa.table(columns, schema=packing.PACK_PLAN), packing.PACK_PLAN)
    return packing.PackSettings(tokenized, plan, 0, vocabulary_size, end_of_document, "made")


if __name__ == "__main__":
    main()
