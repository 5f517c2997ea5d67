"""The coefficients of a plan: what was measured of inputs and of stages, each with where it comes from.

Reads   a JSON file; without one, coefficients.json beside this module. docs/plan.md says how each number in it was measured
Units   seconds are of processor time of one core, sizes bytes; what a number is *of* stands in UNITS
"""

from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from corpus.errors import InputError
from corpus.recipe import Expected, Format, Recipe, Source
from corpus.recipe.scorer_tables import ScorerTable
from corpus.recipe.setting_types import Language

SHIPPED = Path(__file__).parent / "coefficients.json"

#: Formats whose records may be pages of HTML; the others' are rows of text.
PAGES = frozenset({"warc", "arc", "html"})

Amount = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Number(_Frozen):
    """A value and the command, or the page of the documentation, that it comes from."""

    value: Amount
    source: Annotated[str, Field(min_length=1)]


class Content(NamedTuple):
    """What a source's inputs hold."""

    record_bytes: float
    documents: float
    text_bytes: float
    kept: float
    kept_text_bytes: float
    languages: dict[str, float]


class InputCoefficients(_Frozen):
    """One source, as it was measured: what its inputs hold and what `extract` takes for them.

    seconds of extract = records × record_seconds + documents × document_seconds + text bytes × text_seconds
    """

    name: Annotated[str, Field(min_length=1)]  # of the source
    format: Format
    source: Annotated[str, Field(min_length=1)]
    record_bytes: Positive
    documents: Share
    text_bytes: Positive
    kept: Share
    kept_text_bytes: Positive
    languages: dict[Language, Share]
    record_seconds: Amount
    document_seconds: Amount
    text_seconds: Amount
    stored_text: Positive
    failed_bytes: Amount

    def content(self, expected: Expected) -> Content:
        """What was measured, where the recipe does not say otherwise."""
        said = expected.model_dump(include=set(Content._fields), exclude_none=True)
        if "text_bytes" in said:
            # A kept document of other inputs is as much longer than the mean as it was in these.
            said.setdefault("kept_text_bytes", said["text_bytes"] * self.kept_text_bytes / self.text_bytes)
        return Content(**{name: said.get(name, getattr(self, name)) for name in Content._fields})

    def assumed(self, source: Source) -> tuple[str, ...]:
        """What `content` takes from these inputs for another source, which does not state it."""
        if (self.name, self.format) == (source.name, source.format):
            return ()
        said = source.expected.model_dump(exclude_none=True)
        return tuple(name for name in Content._fields if name not in said and name != "kept_text_bytes")


class Coefficients(_Frozen):
    """Everything that a plan is reckoned from."""

    machine: Annotated[str, Field(min_length=1)]
    versions: dict[str, str]
    inputs: Annotated[list[InputCoefficients], Field(min_length=1)]
    tokens_per_byte: Annotated[dict[Language, Number], Field(min_length=1)]  # of kept text; `*`: of languages not named
    measure_seconds: Number
    signal_bytes: Number
    contamination_seconds: Number
    contamination_bytes: Number
    classifier_seconds: Number
    word_list_seconds: Number
    perplexity_seconds: Number
    score_bytes: Number
    line_seconds: Number
    line_bytes: Number
    select_seconds: Number
    sent_bytes: Number
    line_select_seconds: Number
    line_sent_bytes: Number
    exchange_bytes: Number
    decision_bytes: Number
    edges: Number
    sample_seconds: Number
    train_seconds: Number
    tokenize_seconds: Number
    token_row_bytes: Number
    pack_seconds: Number
    tokenize_batch_bytes: Number
    tokenize_bytes: Number
    pack_batch_bytes: Number
    pack_bytes: Number
    process_bytes: Number
    worker_bytes: Number
    extractor_bytes: Number
    part_bytes: Number
    range_bytes: Number
    resolve_bytes: Number
    left_edges: Number
    train_bytes: Number

    def of(self, source: Source) -> InputCoefficients | None:
        """Those measured on this source, else on one of its format, else on one that holds pages, or rows, as it does."""

        def unlike(each: InputCoefficients) -> tuple[bool, bool]:
            return (each.name, each.format) != (source.name, source.format), each.format != source.format

        pages = source.format in PAGES
        return min((each for each in self.inputs if (each.format in PAGES) == pages), key=unlike, default=None)

    def numbers(self) -> dict[str, float]:
        """Those that are of no single source, by name."""
        fields = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: number.value for name, number in fields if isinstance(number, Number)}

    def of_scorers(self, recipe: Recipe) -> tuple[Number, ...]:
        """Seconds a byte of text, of each of a recipe's scorers in turn."""
        return tuple(getattr(self, scorer_seconds(table)) for table in recipe.scorers)

    def tokens(self, language: str) -> float:
        """Tokens a byte of kept text in a language; of one that was not measured the mean of those that were."""
        measured = self.tokens_per_byte
        found = measured.get(language) or measured.get("*")
        if found is not None:
            return found.value
        return sum(each.value for each in measured.values()) / len(measured)


def scorer_seconds(table: ScorerTable) -> str:
    """The coefficient of a scorer: one for all of its kind."""
    return f"{table.KIND}_seconds"


#: Coefficient → (unit, what it is of).
UNITS = {
    "record_bytes": ("bytes", "stored, a record"),
    "documents": ("", "documents a record"),
    "text_bytes": ("bytes", "text, a document"),
    "kept": ("", "documents that `select` keeps, a document"),
    "kept_text_bytes": ("bytes", "text, a kept document"),
    "record_seconds": ("s", "a record: reading it, decoding it, the screens"),
    "document_seconds": ("s", "a document: extracting it"),
    "text_seconds": ("s", "a byte of text: reading it"),
    "stored_text": ("bytes", "`documents/`, a byte of text"),
    "failed_bytes": ("bytes", "`failed/`, a record without document"),
    "tokens_per_byte": ("tokens", "a byte of kept text, by language"),
    "measure_seconds": ("s", "a byte of text: measuring it"),
    "signal_bytes": ("bytes", "`signals/`, a document"),
    "contamination_seconds": ("s", "a byte of text"),
    "contamination_bytes": ("bytes", "`contamination/`, a document"),
    "classifier_seconds": ("s", "a byte of text and classifier"),
    "word_list_seconds": ("s", "a byte of text and word list"),
    "perplexity_seconds": ("s", "a byte of text and language model"),
    "score_bytes": ("bytes", "`scores/`, a document and signal"),
    "line_seconds": ("s", "a byte of text: the lines of a document"),
    "line_bytes": ("bytes", "`lines/`, a byte of text"),
    "select_seconds": ("s", "a document"),
    "line_select_seconds": ("s", "a document, where lines are compared: beside `select_seconds`"),
    "line_sent_bytes": ("bytes", "sent through files, a document, where lines are compared: beside `sent_bytes`"),
    "sent_bytes": ("bytes", "sent through files, a document"),
    "exchange_bytes": ("bytes", "of what is sent, most on disk at once, a document"),
    "decision_bytes": ("bytes", "`decisions/` and `edges/`, a document"),
    "edges": ("", "verified edges, a document"),
    "sample_seconds": ("s", "a byte of kept text: drawing the tokenizer's sample"),
    "train_seconds": ("s", "a byte of the sample"),
    "tokenize_seconds": ("s", "a byte of kept text"),
    "token_row_bytes": ("bytes", "`tokens/`, `shards/` beside the tokens, a kept document"),
    "pack_seconds": ("s", "a token"),
    "tokenize_batch_bytes": ("bytes", "memory of `tokenize`: a batch of documents on its way"),
    "tokenize_bytes": ("bytes", "memory of `tokenize`, a byte of the rows that it holds"),
    "pack_batch_bytes": ("bytes", "memory of `pack`: a block on its way"),
    "pack_bytes": ("bytes", "memory of `pack`, a byte of a shard"),
    "process_bytes": ("bytes", "memory of a worker that does nothing"),
    "worker_bytes": ("bytes", "memory of a worker of `extract`"),
    "extractor_bytes": ("bytes", "memory of its extractor"),
    "part_bytes": ("bytes", "memory of `select`, a document of a part"),
    "range_bytes": ("bytes", "memory of `select`, a row of a range"),
    "resolve_bytes": ("bytes", "memory of `select`'s step `resolve`, an edge"),
    "left_edges": ("", "edges that the rounds of `select` leave to `resolve`, a document"),
    "train_bytes": ("bytes", "memory of the training, a byte of the sample"),
}


def read_coefficients(path: Path) -> Coefficients:
    """Raises InputError, one line, for what is no such file."""
    try:
        return Coefficients.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}; `corpus plan --calibrate {path}` makes it"
        ) from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(
            f"{path}: no file of coefficients: {place}: {first['msg']}; `corpus plan --calibrate {path}` makes one"
        ) from None


@cache
def shipped_coefficients() -> Coefficients:
    """What was measured for the documentation."""
    return read_coefficients(SHIPPED)
