"""The recipe's tables of what scores documents: classifiers, word lists, the perplexity of language models.

Each has a name of its own kind, languages whose documents it scores, files that it reads, and signals that it gives.
`filters.scorers.score_columns` opens them. Another kind is a table here, a scorer there, and counts and checks in `pipelines.report.scores`.
"""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field

from corpus import schema
from corpus.recipe.setting_types import STRICT, Language, Name

TextForm = Literal["words", "plain"]
PerplexityText = Literal["ccnet", "ccnet-lines", "plain"]


class _Settings(BaseModel):
    model_config = STRICT


class Classifier(_Settings):
    """A fastText model: the probability that it gives a label is a signal of every document in some languages."""

    KIND: ClassVar = "classifier"
    FILES: ClassVar = frozenset({"model"})  # keys that name files, whose content counts and not their names

    name: Name
    model: Annotated[str, Field(min_length=1)]  # path
    label: Annotated[str, Field(min_length=1)] = "good"  # without __label__
    text: TextForm = "words"  # what the model sees; "plain": the text on one line
    languages: Annotated[list[Language], Field(min_length=1)] = ["*"]

    @property
    def signals(self) -> tuple[str, ...]:
        return (f"{schema.CLASSIFIER}{self.name}",)


class WordList(_Settings):
    """Words and phrases: how many of them a document in some languages has is a signal, and their share."""

    KIND: ClassVar = "word_list"
    FILES: ClassVar = frozenset({"files", "allow"})

    name: Name
    files: Annotated[list[str], Field(min_length=1)]  # paths or globs
    allow: list[str] = []  # of longer words in which a listed one counts for nothing
    languages: Annotated[list[Language], Field(min_length=1)] = ["*"]

    @property
    def signals(self) -> tuple[str, ...]:
        return f"{schema.WORDS_IN}{self.name}", f"{schema.SHARE_IN}{self.name}"


class Perplexity(_Settings):
    """A language model of KenLM: the perplexity under it is a signal of every document in some languages."""

    KIND: ClassVar = "perplexity"
    FILES: ClassVar = frozenset({"model", "tokenizer"})

    name: Name
    model: Annotated[str, Field(min_length=1)]  # path
    tokenizer: Annotated[str, Field(min_length=1)] | None = None  # path; left out: words as they stand
    text: PerplexityText = "ccnet"  # what the model sees
    languages: Annotated[list[Language], Field(min_length=1)] = ["*"]

    @property
    def signals(self) -> tuple[str, ...]:
        return (f"{schema.PERPLEXITY}{self.name}",)


ScorerTable = Classifier | WordList | Perplexity

#: The recipe's keys of these tables, in the order of their signals.
KINDS = (Classifier.KIND, WordList.KIND, Perplexity.KIND)


def signals_of(tables: Iterable[ScorerTable]) -> tuple[str, ...]:
    """The signals that scorers give, in their order."""
    return tuple(signal for table in tables for signal in table.signals)
