"""score: documents → what the recipe's scorers say of each: classifiers, word lists, the perplexity of language models.

Reads   documents/FP/ITEM.arrow, the languages of signals/ beside it; models and word lists as the driver stores them:
        stages/score/FP/NAME.model, NAME.arrow, NAME.kenlm, NAME.pieces
Writes  scores/FP/ITEM.arrow (schema.scores_schema), row for row beside documents
Invariant  nothing is judged: thresholds are rules of profiles, so another one leaves this stage alone. HTML is never read
Cost    some 0.2 ms a document of 4 kB and classifier, 0.03 ms a document and list, 0.8 ms a document and language model; memory: one batch of documents, models and lists
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from corpus import schema
from corpus.columns import numbers
from corpus.errors import DamageError
from corpus.recipe import Recipe
from corpus.recipe.scorer_tables import signals_of
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord, Stage
from filters.scorers.score_columns import Scorer, score_columns, warm_up
from filters.scorers.score_counts import score_counts
from pipelines.stages import prerequisites
from pipelines.stages.costs import Sizes, StageCost, Stored
from pipelines.stages.outputs import DOCUMENTS, LANGUAGES, SCORES
from pipelines.stages.score_checks import check_scores
from pipelines.stages.stage import Conservation, StageSpec, Upstream

VERSION = 1


@dataclasses.dataclass(frozen=True)
class ScoreSettings:
    """Where documents lie, and what scores them."""

    documents: Stage
    languages: Stage
    scorers: tuple[Scorer, ...]

    @property
    def schema(self) -> pa.Schema:
        return schema.scores_schema(signals_of(each.table for each in self.scorers))


def score_batch(documents: pa.RecordBatch, languages: list[str], settings: ScoreSettings) -> pa.RecordBatch:
    """schema.scores_schema of a batch with `doc_id` and `text`."""
    columns = {"doc_id": documents.column("doc_id")}
    columns |= score_columns(documents.column("text"), languages, settings.scorers)
    return pa.RecordBatch.from_arrays([columns[name] for name in settings.schema.names], schema=settings.schema)


def score_item(stage: Stage, item: int, settings: ScoreSettings) -> ItemRecord:
    """Scores the documents of one work item."""
    url = settings.documents.output("documents", item)
    reader = ipc.open_reader(url, schema.DOCUMENTS)
    signals = ipc.open_table(settings.languages.output("signals", item), columns=["doc_id", "language"])
    counts: dict[str, int] = {"documents": 0, **score_counts(settings.schema.empty_table())}

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(reader.num_record_batches):
            documents = reader.get_batch(number)
            beside = signals.slice(counts["documents"], documents.num_rows)
            if not np.array_equal(numbers(beside["doc_id"]), numbers(documents.column("doc_id"))):
                raise DamageError(f"{url}: not row for row beside signals/; build again")
            counts["documents"] += documents.num_rows
            batch = score_batch(documents, beside["language"].to_pylist(), settings)
            for name, value in score_counts(batch).items():
                counts[name] = counts.get(name, 0) + value
            yield batch

    written = ipc.write_batches(stage.output("scores", item), settings.schema, batches())
    return ItemRecord(item=item, outputs={"scores": written}, counts=counts)


def _digests(scorers: tuple[Scorer, ...]) -> dict[str, str]:
    """Of the scorers' files, by the first of their signals."""
    return {each.table.signals[0]: each.digest for each in scorers}


def _fingerprint(up: Upstream, scorers: tuple[Scorer, ...]) -> tuple[object, ...]:
    from filters.scorers import perplexity

    tables = [[each.KIND, each.model_dump(exclude=set(each.FILES))] for each in up.recipe.scorers]
    return tables, _digests(scorers), perplexity.versions() if up.recipe.perplexity else {}


def _settings(up: Upstream, scorers: tuple[Scorer, ...], stage: Stage) -> ScoreSettings:
    return ScoreSettings(up.writer(DOCUMENTS), up.writer(LANGUAGES), tuple(each.stored(stage) for each in scorers))


def has_scorers(recipe: Recipe) -> bool:
    return bool(recipe.scorers)


def _costs(sizes: Sizes) -> StageCost:
    stored = sizes.documents * sizes.number("score_bytes") * len(sizes.recipe.scored_signals)
    return StageCost(
        name="score",
        units=sizes.items,
        seconds=sizes.text_bytes * sizes.number("scorer_seconds"),
        read_bytes=sizes.stored_text_bytes,
        written_bytes=stored,
        opened=2 * sizes.items,
        written=2 * sizes.items,
        worker_bytes=sizes.process_bytes,
        memory="and the models",
        stored=(Stored("scores", sizes.items, stored),),
        records=sizes.items,
    )


SCORE = StageSpec(
    name="score",
    summary="documents → what classifiers, word lists and language models say of each",
    reads=(DOCUMENTS, LANGUAGES),
    writes=(SCORES,),
    code=("pipelines.stages.scoring",),
    wanted=has_scorers,
    opens=prerequisites.named_scorers,
    fingerprint=_fingerprint,
    settings=_settings,
    work=score_item,
    warm_up=warm_up,
    manifest=lambda up, scorers: {"digests": _digests(scorers)},
    conserves=Conservation("documents", "documents"),
    check=check_scores,
    costs=_costs,
)
