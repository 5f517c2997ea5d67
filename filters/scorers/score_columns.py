"""What a recipe's scorers say of documents: the columns of `scores/`.

    classifier_NAME   float32  probability of the classifier's label, in steps of 1/1000
    words_in_NAME     uint32   entries of the list that were found
    share_in_NAME     float32  units (words, characters of scripts without spaces) in them, over all units
    perplexity_NAME   float32  perplexity under the language model

Null where a document's language is none of the scorer's. Invariant: a row depends on its text, its language
and the settings only.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.errors import InputError, RecipeError
from corpus.recipe.scorer_tables import Classifier, Perplexity, ScorerTable, WordList
from corpus.schema import signal_type
from corpus.storage.digested_file import DigestedFile
from corpus.storage.run_directory import Stage
from corpus.unicode.segmentation import Int64s
from filters.scorers import classifier, perplexity, word_lists


class Scorer(Protocol):
    """A table of the recipe with what its files hold."""

    @property
    def table(self) -> ScorerTable: ...

    @property
    def digest(self) -> str:
        """Of the content of the files."""

    def stored(self, stage: Stage) -> "Scorer":
        """The same, reading copies of the files that lie in the run, where workers find them."""

    def score(self, texts: pa.Array) -> tuple[NDArray[Any], ...]:
        """The table's signals of texts: (len(texts),) each."""


@dataclasses.dataclass(frozen=True)
class ClassifierScorer:
    table: Classifier
    model: DigestedFile

    @property
    def digest(self) -> str:
        return self.model.digest

    def stored(self, stage: Stage) -> "ClassifierScorer":
        return dataclasses.replace(self, model=self.model.copied_to(stage.file(f"{self.table.name}.model")))

    def score(self, texts: pa.Array) -> tuple[NDArray[Any], ...]:
        model = classifier.Classifier(self.model.local(), self.table.label, self.table.text)
        return (model.scores(texts.to_pylist()),)


@dataclasses.dataclass(frozen=True)
class WordListScorer:
    table: WordList
    entries: word_lists.Entries | DigestedFile  # compiled; then stored

    @property
    def digest(self) -> str:
        return self.entries.digest

    def stored(self, stage: Stage) -> "WordListScorer":
        return WordListScorer(self.table, self._entries().write(stage.file(f"{self.table.name}.arrow")))

    def score(self, texts: pa.Array) -> tuple[NDArray[Any], ...]:
        counts, inside, units = word_lists.count_listed(texts, self._entries())
        return counts, (inside / np.maximum(units, 1)).astype(np.float32)

    def _entries(self) -> word_lists.Entries:
        stored = self.entries
        return word_lists.open_entries(str(stored.local())) if isinstance(stored, DigestedFile) else stored


@dataclasses.dataclass(frozen=True)
class PerplexityScorer:
    table: Perplexity
    model: DigestedFile
    tokenizer: DigestedFile | None

    @property
    def digest(self) -> str:
        return f"{self.model.digest} {self.tokenizer.digest if self.tokenizer else ''}"

    def stored(self, stage: Stage) -> "PerplexityScorer":
        name, pieces = self.table.name, self.tokenizer
        return dataclasses.replace(
            self,
            model=self.model.copied_to(stage.file(f"{name}.kenlm")),
            tokenizer=pieces.copied_to(stage.file(f"{name}.pieces")) if pieces else None,
        )

    def score(self, texts: pa.Array) -> tuple[NDArray[Any], ...]:
        pieces = self.tokenizer.local() if self.tokenizer else None
        return (perplexity.Perplexity(self.model.local(), pieces, self.table.text).scores(texts.to_pylist()),)


def open_scorers(tables: Iterable[ScorerTable], folder: Path, *, where: str) -> tuple[Scorer, ...]:
    """The scorers of a recipe's tables, whose paths are relative to a folder. Raises InputError or RecipeError, one line."""
    return tuple(_open(table, folder, where) for table in tables)


def _open(table: ScorerTable, folder: Path, where: str) -> Scorer:
    """Reads a table's files, so that one that cannot be used is met before anything runs."""
    if isinstance(table, WordList):
        return WordListScorer(table, word_lists.read_entries(table, folder, where=where))
    model = (folder / table.model).resolve()
    try:
        if isinstance(table, Classifier):
            classifier.Classifier(model, table.label, table.text)
            return ClassifierScorer(table, DigestedFile.of(str(model)))
        pieces = (folder / table.tokenizer).resolve() if table.tokenizer is not None else None
        perplexity.check_files(model, pieces)
        return PerplexityScorer(table, DigestedFile.of(str(model)), DigestedFile.of(str(pieces)) if pieces else None)
    except InputError as error:
        raise RecipeError(f"{where}: {table.KIND} {table.name!r}: {error}") from error


def score_columns(texts: pa.Array, languages: Sequence[str], scorers: Sequence[Scorer]) -> dict[str, pa.Array]:
    """Every signal of every text: name → (len(texts),), null where the language is none of the scorer's."""
    found: dict[str, pa.Array] = {}
    for scorer in scorers:
        rows = _rows_of(languages, scorer.table.languages)
        columns = scorer.score(texts.take(pa.array(rows)))
        for signal, values in zip(scorer.table.signals, columns, strict=True):
            found[signal] = _beside(values, rows, len(texts), signal_type(signal))
    return found


def _rows_of(languages: Sequence[str], wanted: Sequence[str]) -> Int64s:
    return np.array([row for row, each in enumerate(languages) if "*" in wanted or each in wanted], np.int64)


def _beside(values: NDArray[Any], rows: Int64s, total: int, of: pa.DataType) -> pa.Array:
    """Values of some rows, and null for the others."""
    column = np.zeros(total, values.dtype)
    missing = np.ones(total, np.bool_)
    column[rows], missing[rows] = values, False
    return pa.array(column, of, mask=missing)


def warm_up(scorers: Sequence[Scorer]) -> None:
    """Compiles the kernels, or loads them from Numba's cache: once per process, before the work is timed."""
    if any(isinstance(scorer, WordListScorer) for scorer in scorers):
        word_lists.warm_up()
