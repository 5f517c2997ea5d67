"""score: documents → what the recipe's scorers say of each: classifiers, word lists, the perplexity of language models.

Reads   documents/FP/ITEM.arrow, the languages of signals/ beside it; models and word lists as the driver stores them:
        stages/score/FP/NAME.model, NAME.arrow, NAME.kenlm, NAME.pieces
Writes  scores/FP/ITEM.arrow (schema.scores_schema), row for row beside documents
Invariant  nothing is judged: thresholds are rules of profiles, so another one leaves this stage alone. HTML is never read
Cost    some 0.2 ms a document of 4 kB and classifier, 0.03 ms a document and list, 0.8 ms a document and language model; memory: one batch of documents, models and lists
"""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from corpus import schema
from corpus.columns import numbers
from corpus.errors import DamageError
from corpus.recipe import Recipe, fingerprint
from corpus.recipe.scorer_tables import signals_of
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord, Stage
from filters.scorers.score_columns import Scorer, score_columns
from filters.scorers.score_counts import score_counts

KINDS = ("scores",)
VERSION = 1


@dataclasses.dataclass(frozen=True)
class ScoreSettings:
    """Where documents lie, and what scores them."""

    extract: Stage
    scorers: tuple[Scorer, ...]

    @property
    def schema(self) -> pa.Schema:
        return schema.scores_schema(signals_of(each.table for each in self.scorers))


def score_fingerprint(recipe: Recipe, *, extract: str, digests: Mapping[str, str]) -> str:
    """What can change a score. `digests` are those of the scorers' files, by the first of their signals."""
    from importlib.metadata import version

    from corpus.unicode import letters
    from filters.language import fasttext_model
    from filters.scorers import classifier, perplexity, word_lists

    versions = [
        VERSION,
        classifier.VERSION,
        fasttext_model.VERSION,
        word_lists.VERSION,
        letters.VERSION,
        version("fasttext-community"),
        perplexity.versions() if recipe.perplexity else {},
    ]
    tables = [[each.KIND, each.model_dump(exclude=set(each.FILES))] for each in recipe.scorers]
    return fingerprint("score", versions, extract, tables, dict(digests))


def score_batch(documents: pa.RecordBatch, languages: list[str], settings: ScoreSettings) -> pa.RecordBatch:
    """schema.scores_schema of a batch with `doc_id` and `text`."""
    columns = {"doc_id": documents.column("doc_id")}
    columns |= score_columns(documents.column("text"), languages, settings.scorers)
    return pa.RecordBatch.from_arrays([columns[name] for name in settings.schema.names], schema=settings.schema)


def score_item(stage: Stage, item: int, settings: ScoreSettings) -> ItemRecord:
    """Scores the documents of one work item."""
    url = settings.extract.output("documents", item)
    reader = ipc.open_reader(url, schema.DOCUMENTS)
    signals = ipc.open_table(settings.extract.output("signals", item), columns=["doc_id", "language"])
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
