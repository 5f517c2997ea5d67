"""What a recipe's classifiers and word lists say of documents: the columns of `scores/`.

    classifier_NAME   float32  probability of the classifier's label, in steps of 1/1000
    words_in_NAME     uint32   entries of the list that were found
    share_in_NAME     float32  units (words, characters of scripts without spaces) in them, over all units

Null where a document's language is none of the classifier's or list's. Invariant: a row depends on its text, its language
and the settings only.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus import schema
from corpus.recipe import TextForm
from corpus.storage.pinned import PinnedFile
from corpus.text.segmentation import Int64s
from filters import word_lists
from filters.classifier import Classifier


@dataclasses.dataclass(frozen=True)
class ClassifierSettings:
    """A classifier of a recipe."""

    name: str
    model: PinnedFile
    label: str
    text: TextForm
    languages: frozenset[str]


@dataclasses.dataclass(frozen=True)
class WordListSettings:
    """A word list of a recipe, compiled and stored."""

    name: str
    entries: PinnedFile
    languages: frozenset[str]


@dataclasses.dataclass(frozen=True)
class Scorers:
    """Everything that scores documents, in the recipe's order."""

    classifiers: tuple[ClassifierSettings, ...] = ()
    word_lists: tuple[WordListSettings, ...] = ()

    @property
    def signals(self) -> tuple[str, ...]:
        return schema.scored_signals([each.name for each in self.classifiers], [each.name for each in self.word_lists])


NOTHING_SCORED = Scorers()


def score_columns(texts: pa.Array, languages: Sequence[str], scorers: Scorers) -> dict[str, pa.Array]:
    """Every signal of every text: name → (len(texts),), null where the language is none of the scorer's."""
    found: dict[str, pa.Array] = {}
    for classifier in scorers.classifiers:
        rows = _rows_of(languages, classifier.languages)
        model = Classifier(classifier.model.local(), classifier.label, classifier.text)
        scores = model.scores(texts.take(pa.array(rows)).to_pylist())
        found[f"{schema.CLASSIFIER}{classifier.name}"] = _beside(scores, rows, len(texts), pa.float32())
    for words in scorers.word_lists:
        rows = _rows_of(languages, words.languages)
        entries = word_lists.open_entries(str(words.entries.local()))
        counts, inside, units = word_lists.count_listed(texts.take(pa.array(rows)), entries)
        shares = (inside / np.maximum(units, 1)).astype(np.float32)
        found[f"{schema.WORDS_IN}{words.name}"] = _beside(counts, rows, len(texts), pa.uint32())
        found[f"{schema.SHARE_IN}{words.name}"] = _beside(shares, rows, len(texts), pa.float32())
    return found


def _rows_of(languages: Sequence[str], wanted: frozenset[str]) -> Int64s:
    return np.array([row for row, each in enumerate(languages) if "*" in wanted or each in wanted], np.int64)


def _beside(values: NDArray[Any], rows: Int64s, total: int, of: pa.DataType) -> pa.Array:
    """Values of some rows, and null for the others."""
    column = np.zeros(total, values.dtype)
    missing = np.ones(total, np.bool_)
    column[rows], missing[rows] = values, False
    return pa.array(column, of, mask=missing)
