"""What a run's scorers said of its documents: counted, shown, and checked.

Reads   scores/ and the counts of `score`
Cost    of a report, nothing: the counts stand in the stage's manifest
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from corpus import schema
from filters.scorers.score_counts import TENTHS, TO

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
