"""train-tokenizer: a sample of the kept documents → `tokenizer.model`; or the model that the recipe names.

Reads   documents/FP/ITEM.arrow, signals/, decisions/
Writes  sample/FP/ITEM.arrow (key, text), then RUN/tokenizer/FP/tokenizer.model
Cost    SentencePiece's training; memory as `tokenizer.sample_bytes` bounds it
"""

import dataclasses
from collections.abc import Iterator

import pyarrow as pa

from corpus import schema
from corpus.recipe import Recipe, Tokenizer, fingerprint
from corpus.seeds import derive_seed
from corpus.storage import files, ipc
from corpus.storage.ipc import Written
from corpus.storage.run_directory import ItemRecord, Stage
from pipelines.stages.kept_documents import DocumentStages, kept_documents

KINDS = ("sample", "tokenizer")

SAMPLE = pa.schema([pa.field("key", schema.KEY, nullable=False), pa.field("text", pa.large_string(), nullable=False)])


@dataclasses.dataclass(frozen=True)
class SampleSettings:
    """Which documents are drawn."""

    stages: DocumentStages
    seed: int
    thresholds: dict[str, int]  # language → keyed hashes below it are drawn


def tokenizer_fingerprint(recipe: Recipe, *, select: str, model_digest: str | None) -> str:
    """A model by path is its digest; a trained one is its sample and settings."""
    if model_digest is not None:
        return fingerprint("tokenizer", model_digest)
    from importlib.metadata import version

    settings = recipe.tokenizer.model_dump(exclude={"model"})
    return fingerprint("tokenizer", select, settings, recipe.run.seed, version("sentencepiece"))


def sample_settings(recipe: Recipe, stages: DocumentStages, thresholds: dict[str, int]) -> SampleSettings:
    return SampleSettings(stages=stages, seed=derive_seed(recipe.run.seed, "tokenizer sample"), thresholds=thresholds)


def sample_item(stage: Stage, item: int, settings: SampleSettings) -> ItemRecord:
    """Writes the documents of a work item that are drawn."""
    from tokenizer_training.sample import in_sample

    counts = {"documents": 0, "bytes": 0}

    def batches() -> Iterator[pa.RecordBatch]:
        for documents in kept_documents(settings.stages, item):
            drawn = [
                row
                for row, (key, language) in enumerate(
                    zip(documents["key"].to_pylist(), documents["language"].to_pylist(), strict=True)
                )
                if in_sample(key, seed=settings.seed, threshold=settings.thresholds.get(language, 0))
            ]
            chosen = documents.select(["key", "text"]).take(pa.array(drawn, pa.int64()))
            counts["documents"] += len(drawn)
            counts["bytes"] += sum(len(text.encode()) for text in chosen["text"].to_pylist())
            for batch in chosen.combine_chunks().to_batches():
                yield pa.RecordBatch.from_arrays(batch.columns, schema=SAMPLE)

    written = ipc.write_batches(stage.output("sample", item), SAMPLE, batches())
    return ItemRecord(item=item, outputs={"sample": written}, counts=counts)


def train_item(stage: Stage, item: int, settings: Tokenizer) -> ItemRecord:
    """Trains on the samples of all items before it, in the order of keys."""
    from tokenizer_training.train import train_model

    parts = [ipc.open_table(stage.output("sample", part), SAMPLE) for part in range(item)]
    sample = pa.concat_tables(parts).sort_by("key")
    model = train_model((text.as_py() for text in sample["text"]), settings)
    with files.atomic_writer(model_url(stage)) as sink:
        sink.write(model)
    written = Written(rows=0, bytes=sink.written_bytes, digest=sink.digest().hex())
    return ItemRecord(item=item, outputs={"tokenizer": written}, counts={"sampled_documents": sample.num_rows})


def model_url(stage: Stage) -> str:
    return stage.run.path("tokenizer", stage.fingerprint, "tokenizer.model")
