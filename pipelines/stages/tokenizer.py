"""train-tokenizer: a sample of the kept documents → `tokenizer.model`; or the model that the recipe names.

Reads   documents/FP/ITEM.arrow, signals/, decisions/
Writes  sample/FP/ITEM.arrow (key, text), then RUN/tokenizer/FP/tokenizer.model
Cost    SentencePiece's training; memory as `tokenizer.sample_bytes` bounds it
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from corpus import schema
from corpus.domains import language_of
from corpus.errors import BuildError
from corpus.recipe import Recipe, Tokenizer, fingerprint
from corpus.seeds import derive_seed
from corpus.storage import files, ipc
from corpus.storage.digested_file import DigestedFile
from corpus.storage.ipc import Written
from corpus.storage.run_directory import ItemRecord, Stage
from pipelines.stages import prerequisites
from pipelines.stages.costs import Sizes, StageCost, Stored
from pipelines.stages.kept_documents import DocumentStages, kept_documents
from pipelines.stages.outputs import DECISIONS, DOCUMENTS, LANGUAGES, SAMPLE, TOKENIZER
from pipelines.stages.stage import Driver, StageSpec, Upstream

SAMPLE_SCHEMA = pa.schema(
    [pa.field("key", schema.KEY, nullable=False), pa.field("text", pa.large_string(), nullable=False)]
)


@dataclasses.dataclass(frozen=True)
class SampleSettings:
    """What is drawn of each document."""

    stages: DocumentStages
    seed: int
    thresholds: dict[str, int]  # language → stretches whose keyed hash lies below it are drawn


def sample_settings(recipe: Recipe, stages: DocumentStages, thresholds: dict[str, int]) -> SampleSettings:
    return SampleSettings(stages=stages, seed=derive_seed(recipe.run.seed, "tokenizer sample"), thresholds=thresholds)


def sample_item(stage: Stage, item: int, settings: SampleSettings) -> ItemRecord:
    """Writes what is drawn of the documents of a work item."""
    from tokenizer_training.sample import drawn_text

    counts = {"documents": 0, "bytes": 0}

    def batches() -> Iterator[pa.RecordBatch]:
        for documents in kept_documents(settings.stages, item):
            keys: list[bytes] = []
            texts: list[str] = []
            for key, language, text in zip(*(documents[name] for name in ("key", "language", "text")), strict=True):
                of_language = language.as_py()
                threshold = settings.thresholds.get(of_language, 0)
                drawn = (
                    drawn_text(key.as_py(), text.as_py(), seed=settings.seed, threshold=threshold) if threshold else ""
                )
                if drawn:
                    keys.append(key.as_py())
                    texts.append(drawn)
                    size, name = len(drawn.encode()), f"sampled_bytes.{of_language}"
                    counts["bytes"] += size
                    counts[name] = counts.get(name, 0) + size
            counts["documents"] += len(keys)
            if keys:
                yield pa.RecordBatch.from_arrays(
                    [pa.array(keys, schema.KEY), pa.array(texts, pa.large_string())], schema=SAMPLE_SCHEMA
                )

    written = ipc.write_batches(stage.output("sample", item), SAMPLE_SCHEMA, batches())
    return ItemRecord(item=item, outputs={"sample": written}, counts=counts)


def train_item(stage: Stage, item: int, settings: Tokenizer) -> ItemRecord:
    """Trains on the samples of all items before it, in the order of keys."""
    from tokenizer_training.train import train_model

    parts = [ipc.open_table(stage.output("sample", part), SAMPLE_SCHEMA) for part in range(item)]
    sample = pa.concat_tables(parts).sort_by("key")
    model = train_model((text.as_py() for text in sample["text"]), settings)
    with files.atomic_writer(model_url(stage)) as sink:
        sink.write(model)
    written = Written(rows=0, bytes=sink.written_bytes, digest=sink.digest().hex())
    return ItemRecord(item=item, outputs={"tokenizer": written}, counts={"sampled_documents": sample.num_rows})


def model_url(stage: Stage) -> str:
    return stage.run.path("tokenizer", stage.fingerprint, "tokenizer.model")


def by_language(of_domains: Mapping[str, int]) -> dict[str, int]:
    """Sums by language of what is known of domains."""
    sums: dict[str, int] = {}
    for domain, number in of_domains.items():
        language = language_of(domain)
        sums[language] = sums.get(language, 0) + number
    return sums


def domain_totals(records: Iterable[ItemRecord], name: str) -> dict[str, int]:
    """Sum of a per-domain count over work items."""
    totals: dict[str, int] = {}
    for record in records:
        for domain, number in counts_by_domain(record.counts, name).items():
            totals[domain] = totals.get(domain, 0) + number
    return totals


def counts_by_domain(counts: Mapping[str, int], name: str) -> dict[str, int]:
    prefix = f"{name}."
    return {key[len(prefix) :]: number for key, number in counts.items() if key.startswith(prefix)}


def _opened(recipe: Recipe, recipe_path: Path) -> DigestedFile | None:
    """The model that the recipe names."""
    given = prerequisites.given_tokenizer(recipe, recipe_path)
    return DigestedFile.of(given) if given is not None else None


def _drive(
    driver: Driver, up: Upstream, spec: "StageSpec[DigestedFile | None, SampleSettings]", given: DigestedFile | None
) -> Stage:
    """Has the tokenizer's model. A trained one saw the documents of the first selection."""
    recipe = up.recipe
    if given is not None:
        stage = driver.open(spec, fingerprint("tokenizer", given.digest))
        given.copied_to(model_url(stage))
        driver.close(spec, stage, {"model": recipe.tokenizer.model})
        return stage
    from tokenizer_training.sample import aims, sampling_thresholds, starved

    stage = driver.open(spec, spec.mark(up, given))
    selected = up.writer(DECISIONS)
    items = list(range(up.planned[-1 if recipe.run.decide_again else 0].items))
    recorded = driver.records(selected).totals(below=len(items))
    kept = by_language(counts_by_domain(recorded, "kept_bytes"))
    if not kept:
        raise BuildError(f"{up.run.url}: no document was kept, so there is nothing to train a tokenizer on; "
                         f"`corpus stats {up.run.url}` says why")  # fmt: skip
    thresholds = sampling_thresholds(kept, budget_bytes=recipe.tokenizer.sample_bytes, weights=recipe.tokenizer.weights)
    sampling = sample_settings(recipe, DocumentStages.of(up), thresholds)
    training = len(items)
    if driver.records(stage).items.tolist() == [*items, training]:
        driver.say(spec.name, "was done before")
    else:
        driver.run_items(stage, items, sample_item, lambda: sampling)
        drawn = counts_by_domain(driver.records(stage).totals(below=len(items)), "sampled_bytes")
        aimed = aims(kept, budget_bytes=recipe.tokenizer.sample_bytes, weights=recipe.tokenizer.weights)
        if lacking := starved(aimed, drawn):
            raise BuildError(f"tokenizer: the sample has {drawn.get(lacking[0], 0):,} bytes of {lacking[0]}, less than half of "
                             f"the {aimed[lacking[0]]:,} that its share asks for; raise tokenizer.sample_bytes, or give "
                             f"{lacking[0]} a greater weight in tokenizer.weights")  # fmt: skip
        driver.run_items(stage, [training], train_item, lambda: recipe.tokenizer)
    driver.close(spec, stage, {})
    return stage


def _costs(sizes: Sizes) -> StageCost | None:
    """None where the recipe names a model."""
    if sizes.recipe.tokenizer.model is not None:
        return None
    sample = min(sizes.recipe.tokenizer.sample_bytes, sizes.kept_text_bytes)  # bytes of text
    stored = sample * sizes.stored_text_bytes / sizes.text_bytes
    return StageCost(
        name="train-tokenizer",
        units=sizes.items + 1,
        seconds=sizes.kept_text_bytes * sizes.number("sample_seconds") + sample * sizes.number("train_seconds"),
        read_bytes=sizes.stored_text_bytes,
        written_bytes=stored,
        opened=4 * sizes.items,
        written=2 * sizes.items + 2,
        worker_bytes=sizes.process_bytes + sample * sizes.number("train_bytes"),
        memory="the training, in one unit",
        stored=(Stored("sample, tokenizer", sizes.items + 1, stored),),
        records=sizes.items,
    )


TRAIN_TOKENIZER = StageSpec(
    name="train-tokenizer",
    summary="a sample of the kept documents → a SentencePiece model; or the model that the recipe names",
    reads=(DOCUMENTS, LANGUAGES, DECISIONS),
    writes=(SAMPLE, TOKENIZER),
    code=("pipelines.stages.tokenizer",),
    opens=_opened,
    fingerprint=lambda up, given: (up.recipe.tokenizer.model_dump(exclude={"model"}), up.recipe.run.seed),
    drive=_drive,
    costs=_costs,
    of_input=False,
)
