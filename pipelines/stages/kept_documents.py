"""Joins of the co-partitioned stages: opening files side by side, batch by batch.

Memory: one batch of documents; the small columns of a work item.
"""

import dataclasses
from collections.abc import Iterator

import pyarrow as pa

from corpus import schema
from corpus.columns import filled_rows
from corpus.errors import DamageError
from corpus.storage import ipc
from corpus.storage.run_directory import Stage
from corpus.text.edits import Edit, apply_edits
from pipelines.stages.outputs import DECISIONS, DOCUMENTS, LANGUAGES
from pipelines.stages.stage import Upstream

#: Columns of decisions/ that say what of a kept document's text is used otherwise.
EDITS_OF_TEXTS = ("cuts", "line_cuts", "replacements")
_DECIDED = ("quality", "tier", "repeats")


@dataclasses.dataclass(frozen=True)
class DocumentStages:
    """Where a run's documents, signals and decisions lie."""

    documents: Stage
    signals: Stage
    decisions: Stage

    @staticmethod
    def of(up: Upstream) -> "DocumentStages":
        return DocumentStages(up.writer(DOCUMENTS), up.writer(LANGUAGES), up.writer(DECISIONS))


def kept_documents(stages: DocumentStages, item: int) -> Iterator[pa.Table]:
    """The kept documents of a work item, a table per stored batch: schema.DOCUMENTS, language, quality, tier, repeats.

    Texts are edited as `select` decided. Raises DamageError where the files do not hold the same documents row for row.
    """
    url = stages.documents.output("documents", item)
    reader = ipc.open_reader(url, schema.DOCUMENTS)
    signals = ipc.open_table(stages.signals.output("signals", item), columns=["doc_id", "language"])
    columns = ["doc_id", "kept", *_DECIDED, *EDITS_OF_TEXTS]
    decisions = ipc.open_table(stages.decisions.output("decisions", item), schema.DECISIONS, columns=columns)
    begin = 0
    for number in range(reader.num_record_batches):
        documents = pa.Table.from_batches([reader.get_batch(number)])
        end = begin + documents.num_rows
        beside = signals.slice(begin, documents.num_rows)
        verdicts = decisions.slice(begin, documents.num_rows)
        if not documents["doc_id"].equals(beside["doc_id"]) or not documents["doc_id"].equals(verdicts["doc_id"]):
            raise DamageError(f"{url}: rows {begin} to {end} are not those of signals/ and decisions/")
        documents = documents.append_column(signals.schema.field("language"), beside["language"])
        for name in _DECIDED:
            documents = documents.append_column(decisions.schema.field(name), verdicts[name])
        begin = end
        yield _edited(documents, edits_of(verdicts)).filter(verdicts["kept"])
    if begin != signals.num_rows or begin != decisions.num_rows:
        raise DamageError(f"{url}: {begin} documents, {signals.num_rows} signals, {decisions.num_rows} decisions")


def edits_of(decisions: pa.Table) -> dict[int, list[Edit]]:
    """Row → every edit of the document's text, whatever it is for; of rows that have some."""
    found: dict[int, list[Edit]] = {}
    for name in EDITS_OF_TEXTS:
        column = decisions[name]
        for row in filled_rows(column):
            found.setdefault(row, []).extend(Edit(**edit) for edit in column[row].as_py())
    return found


def _edited(documents: pa.Table, edits: dict[int, list[Edit]]) -> pa.Table:
    """Documents with their texts after the edits."""
    if not edits:
        return documents
    texts = documents["text"].to_pylist()
    for row, of_row in edits.items():
        texts[row] = apply_edits(texts[row], of_row)
    place = documents.schema.get_field_index("text")
    return documents.set_column(place, documents.schema.field(place), pa.array(texts, pa.large_string()))
