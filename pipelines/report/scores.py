"""What a run's scorers said of its documents: counted, shown, and checked.

Reads   scores/ and the counts of `score`
Cost    of a report, nothing: the counts stand in the stage's manifest
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import numbers
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord, Stage
from filters.scorers.score_counts import TENTHS, TO, Values, score_counts
from pipelines.report.findings import Check, Finding, check_counts

#: Per cent of the documents for which a report names a perplexity.
SHARES = (10, 20, 30, 40, 50, 60, 70, 80, 90)


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


@dataclass(frozen=True)
class PerplexityReport:
    """A language model: documents in its languages, and how they lie.

    `at_most[s]` is the least step so that s % of the documents or more have a perplexity of it or less: a rule's `max`. None
    where there is no document. `steps` has the documents over the step before, by step.
    """

    signal: str
    documents: int
    at_most: dict[int, int | None]
    steps: dict[int, int]


def score_reports(counts: Mapping[str, int]) -> tuple[ScoreReport, ...]:
    """A report for each classifier."""
    return tuple(
        ScoreReport(
            name,
            documents,
            counts[f"{name}.thousandths"] / 1000 / documents if documents else 0.0,
            tuple(counts[f"{name}.tenth_{tenth}"] for tenth in range(TENTHS)),
        )
        for name, documents in _documents(counts, schema.CLASSIFIER)
    )


def word_list_reports(counts: Mapping[str, int]) -> tuple[WordListReport, ...]:
    """A report for each word list."""
    return tuple(
        WordListReport(name, documents, counts[f"{name}.any"], counts[f"{name}.found"])
        for name, documents in _documents(counts, schema.WORDS_IN)
    )


def perplexity_reports(counts: Mapping[str, int]) -> tuple[PerplexityReport, ...]:
    """A report for each language model."""
    found = []
    for name, documents in _documents(counts, schema.PERPLEXITY):
        begin = f"{name}.{TO}"
        steps = sorted((int(key.removeprefix(begin)), counts[key]) for key in counts if key.startswith(begin))
        sums = np.cumsum([number for _, number in steps])
        at_most = {
            share: steps[int(np.searchsorted(sums * 100, documents * share))][0] if steps else None for share in SHARES
        }
        found.append(PerplexityReport(name, documents, at_most, dict(steps)))
    return tuple(found)


def _documents(counts: Mapping[str, int], kind: str) -> list[tuple[str, int]]:
    ending = ".documents"
    names = (key for key in counts if key.startswith(kind) and key.endswith(ending))
    return [(key.removesuffix(ending), counts[key]) for key in sorted(names)]


def check_scores(stage: Stage, record: ItemRecord, name: str) -> Iterator[Finding]:
    """A work item's scores: beside the documents, such as the scorer's kind gives; counts."""
    table = ipc.open_table(stage.output("scores", record.item)).combine_chunks()
    signals = ipc.open_table(stage.run.current_stage("extract").output("signals", record.item), columns=["doc_id"])
    if not table["doc_id"].equals(signals["doc_id"]):
        yield Finding(Check.ALIGNMENT, name, "doc_id is not that of signals/, row for row")
        return
    for signal in table.schema.names[1:]:
        values = numbers(table[signal].drop_null()).astype(np.float64)
        wrong = ~next(allowed for beginning, allowed in _ALLOWED.items() if signal.startswith(beginning))(values)
        if wrong.any():
            yield Finding(Check.SCORES, name, f"{signal}: {values[wrong][0]} is no score")
    found = {"documents": table.num_rows, **score_counts(table)}
    yield from check_counts(name, "in the file", record.counts, found)


def _is_share(values: Values) -> NDArray[np.bool_]:
    return (values >= 0) & (values <= 1)


def _is_probability(values: Values) -> NDArray[np.bool_]:
    steps = values * 1000
    return _is_share(values) & (np.abs(steps - np.rint(steps)) <= 1e-3)


#: Beginning of a signal → which of its values, as float64, can be.
_ALLOWED: Mapping[str, Callable[[Values], NDArray[np.bool_]]] = {
    schema.CLASSIFIER: _is_probability,
    schema.WORDS_IN: lambda values: values >= 0,
    schema.SHARE_IN: _is_share,
    schema.PERPLEXITY: lambda values: (values > 0) & np.isfinite(values),
}
