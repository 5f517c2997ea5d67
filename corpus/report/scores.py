"""What classifiers and word lists said of a run's documents: counted, shown, and checked.

Reads   scores/ and the counts of `score`
Cost    of a report, nothing: the counts stand in the stage's manifest
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from corpus import schema
from corpus.columns import numbers
from corpus.report.findings import Check, Finding, check_counts
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord, Stage

_TENTHS = 10


@dataclass(frozen=True)
class ScoreReport:
    """A classifier: its documents, the mean score, and documents by tenths of it; the last tenth has those of 1."""

    signal: str
    documents: int
    mean: float
    tenths: tuple[int, ...]


@dataclass(frozen=True)
class WordListReport:
    """A word list: documents in its languages, those with an entry of it, and entries in all."""

    signal: str
    documents: int
    documents_with_any: int
    found: int


def score_counts(scores: pa.RecordBatch | pa.Table) -> dict[str, int]:
    """SIGNAL.documents of every classifier and list, and .thousandths, .tenth_0 … or .any, .found."""
    counts: dict[str, int] = {}
    for name in scores.schema.names:
        if not name.startswith((schema.CLASSIFIER, schema.WORDS_IN)):
            continue
        values = numbers(scores[name].drop_null())
        counts[f"{name}.documents"] = len(values)
        if name.startswith(schema.WORDS_IN):
            counts |= {f"{name}.any": int((values > 0).sum()), f"{name}.found": int(values.sum(dtype=np.int64))}
            continue
        thousandths = np.rint(values.astype(np.float64) * 1000).astype(np.int64)
        counts[f"{name}.thousandths"] = int(thousandths.sum())
        tenths = np.bincount(np.minimum(thousandths * _TENTHS // 1000, _TENTHS - 1), minlength=_TENTHS)
        counts |= {f"{name}.tenth_{tenth}": number for tenth, number in enumerate(tenths.tolist())}
    return counts


def score_reports(counts: Mapping[str, int]) -> tuple[ScoreReport, ...]:
    """A report for each classifier."""
    return tuple(
        ScoreReport(
            name,
            documents,
            counts[f"{name}.thousandths"] / 1000 / documents if documents else 0.0,
            tuple(counts[f"{name}.tenth_{tenth}"] for tenth in range(_TENTHS)),
        )
        for name, documents in _documents(counts, schema.CLASSIFIER)
    )


def word_list_reports(counts: Mapping[str, int]) -> tuple[WordListReport, ...]:
    """A report for each word list."""
    return tuple(
        WordListReport(name, documents, counts[f"{name}.any"], counts[f"{name}.found"])
        for name, documents in _documents(counts, schema.WORDS_IN)
    )


def _documents(counts: Mapping[str, int], kind: str) -> list[tuple[str, int]]:
    ending = ".documents"
    names = (key for key in counts if key.startswith(kind) and key.endswith(ending))
    return [(key.removesuffix(ending), counts[key]) for key in sorted(names)]


def check_scores(stage: Stage, record: ItemRecord, name: str) -> Iterator[Finding]:
    """A work item's scores: beside the documents, between 0 and 1 in steps of 1/1000; counts."""
    table = ipc.open_table(stage.output("scores", record.item)).combine_chunks()
    signals = ipc.open_table(stage.run.current_stage("extract").output("signals", record.item), columns=["doc_id"])
    if not table["doc_id"].equals(signals["doc_id"]):
        yield Finding(Check.ALIGNMENT, name, "doc_id is not that of signals/, row for row")
        return
    for signal in table.schema.names[1:]:
        values = numbers(table[signal].drop_null()).astype(np.float64)
        if signal.startswith(schema.WORDS_IN):
            continue
        steps = values * 1000
        wrong = (values < 0) | (values > 1)
        if signal.startswith(schema.CLASSIFIER):
            wrong |= np.abs(steps - np.rint(steps)) > 1e-3
        if wrong.any():
            yield Finding(Check.SCORES, name, f"{signal}: {values[wrong][0]} is no score")
    found = {"documents": table.num_rows, **score_counts(table)}
    yield from check_counts(name, "in the file", record.counts, found)
