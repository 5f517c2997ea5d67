"""Joins of the co-partitioned stages: opening files side by side, batch by batch.

Memory: one batch of each file.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from corpus import schema
from corpus.columns import filled_rows
from corpus.errors import DamageError
from corpus.seeds import derive_seed
from corpus.storage import ipc
from corpus.storage.run_directory import Stage
from corpus.text.edits import Edit, apply_edits, merged
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
    """The kept documents of a work item, a table per stored batch: schema.DOCUMENTS, language, quality, tier, repeats, edits.

    Texts are edited as `select` decided; `edits` is the digest of how. Raises DamageError where the files do not hold
    the same documents row for row.
    """
    url = stages.documents.output("documents", item)
    signals = _RowsBeside(stages.signals.output("signals", item), None, ["doc_id", "language"])
    columns = ["doc_id", "kept", *_DECIDED, *EDITS_OF_TEXTS]
    decisions = _RowsBeside(stages.decisions.output("decisions", item), schema.DECISIONS, columns)
    for batch in ipc.batches_of(url, schema.DOCUMENTS):
        documents = pa.Table.from_batches([batch])
        beside, verdicts = signals.next_rows(documents.num_rows), decisions.next_rows(documents.num_rows)
        if not documents["doc_id"].equals(beside["doc_id"]) or not documents["doc_id"].equals(verdicts["doc_id"]):
            end = signals.read
            raise DamageError(f"{url}: rows {end - beside.num_rows} to {end} are not those of signals/ and decisions/")
        documents = documents.append_column(beside.schema.field("language"), beside["language"])
        for name in _DECIDED:
            documents = documents.append_column(verdicts.schema.field(name), verdicts[name])
        yield _edited(documents, edits_of(verdicts)).filter(verdicts["kept"])
    if signals.has_more() or decisions.has_more():
        raise DamageError(f"{url}: fewer documents than rows of signals/ or of decisions/")


class _RowsBeside:
    """Rows of a file, as many at a time as another file's batches have, however it is divided itself."""

    def __init__(self, url: str, of: pa.Schema | None, columns: list[str]) -> None:
        self._batches = ipc.batches_of(url, of, columns)
        self._rest = ipc.open_reader(url, of, columns).schema.empty_table().select(columns)
        self.read = 0

    def next_rows(self, number: int) -> pa.Table:
        """The next rows; fewer where the file ends."""
        while self._rest.num_rows < number and self._read_on():
            pass
        found, self._rest = self._rest.slice(0, number), self._rest.slice(number)
        self.read += found.num_rows
        return found

    def has_more(self) -> bool:
        while not self._rest.num_rows:
            if not self._read_on():
                return False
        return True

    def _read_on(self) -> bool:
        batch = next(self._batches, None)
        if batch is None:
            return False
        # What is used up does not stay: a table of no rows still holds the buffers that it was cut from.
        before = [self._rest] if self._rest.num_rows else []
        self._rest = pa.concat_tables([*before, pa.Table.from_batches([batch])])
        return True


def edits_digest(edits: Iterable[Edit]) -> int:
    """64 bits of a text's edits: equal for equal ones, in any order and where one covers another; 0 where they do nothing."""
    done = merged(edits)
    parts = [part for edit in done for part in (edit.begin, edit.end, edit.replacement)]
    return derive_seed(0, "edits", *parts) if parts else 0


def edits_of(decisions: pa.Table) -> dict[int, list[Edit]]:
    """Row → every edit of the document's text, whatever it is for; of rows that have some."""
    found: dict[int, list[Edit]] = {}
    for name in EDITS_OF_TEXTS:
        column = decisions[name]
        for row in filled_rows(column):
            found.setdefault(row, []).extend(Edit(**edit) for edit in column[row].as_py())
    return found


def _edited(documents: pa.Table, edits: dict[int, list[Edit]]) -> pa.Table:
    """Documents with their texts after the edits, and a column that says which those were."""
    digests = np.zeros(documents.num_rows, np.uint64)
    if edits:
        texts = documents["text"].to_pylist()
        for row, of_row in edits.items():
            texts[row] = apply_edits(texts[row], of_row)
            digests[row] = edits_digest(of_row)
        place = documents.schema.get_field_index("text")
        documents = documents.set_column(place, documents.schema.field(place), pa.array(texts, pa.large_string()))
    return documents.append_column(pa.field("edits", pa.uint64(), nullable=False), pa.array(digests))
