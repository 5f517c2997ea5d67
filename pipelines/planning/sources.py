"""What is expected of each source: its inputs × what they hold → records, documents, text, kept text, tokens."""

import dataclasses
from collections.abc import Sequence

from corpus.errors import RecipeError
from corpus.recipe import Recipe
from pipelines.planning.coefficients import PAGES, Coefficients
from pipelines.planning.inputs import SourceInputs


@dataclasses.dataclass(frozen=True)
class SourcePlan:
    """A source: what is counted or stated of its inputs, and what is expected of them."""

    name: str
    listed: bool
    files: int
    bytes: int
    splits: int
    items: int
    coefficients: str  # the measured source that stands for it
    assumed: tuple[str, ...]  # what of its content is that source's, and not known of this one
    records: float
    documents: float
    text_bytes: float
    kept: float
    kept_text_bytes: float
    stored_text_bytes: float
    failed_bytes: float
    tokens: dict[str, float]  # by language
    extract_seconds: float

    @property
    def all_tokens(self) -> float:
        return sum(self.tokens.values())


def source_plan(recipe: Recipe, inputs: SourceInputs, coefficients: Coefficients) -> SourcePlan:
    """What is expected of one source. Raises RecipeError."""
    source = inputs.source
    of = coefficients.of(source)
    if of is None:
        what = "pages" if source.format in PAGES else "rows of text"
        raise RecipeError(
            f"source {source.name!r}: the coefficients have no source of {what}; `corpus plan --calibrate` measures this one"
        )
    content = of.content(source.expected)
    records = inputs.bytes / content.record_bytes
    documents = records * content.documents
    text = documents * content.text_bytes
    kept = documents * content.kept
    kept_text = kept * content.kept_text_bytes
    shares = {language: share for language, share in content.languages.items() if recipe.run.wants(language)}
    # Where nothing is known of the wanted ones: equally much of each.
    shares = shares or dict.fromkeys(recipe.run.languages, 1.0)
    whole = sum(shares.values())
    tokens = {
        language: kept_text * share / whole * coefficients.tokens(language)
        for language, share in sorted(shares.items())
    }
    return SourcePlan(
        name=source.name,
        listed=inputs.listed,
        files=inputs.files,
        bytes=inputs.bytes,
        splits=inputs.splits,
        items=inputs.items,
        coefficients=of.name,
        assumed=of.assumed(source),
        records=records,
        documents=documents,
        text_bytes=text,
        kept=kept,
        kept_text_bytes=kept_text,
        stored_text_bytes=text * of.stored_text,
        failed_bytes=(records - documents) * of.failed_bytes,
        tokens=tokens,
        extract_seconds=records * of.record_seconds + documents * of.document_seconds + text * of.text_seconds,
    )


def domain_tokens(sources: Sequence[SourcePlan]) -> dict[str, float]:
    """SOURCE.LANGUAGE → tokens."""
    return {f"{each.name}.{language}": tokens for each in sources for language, tokens in each.tokens.items()}
