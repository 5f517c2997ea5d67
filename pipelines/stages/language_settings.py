"""What a recipe says of languages, for the two stages that tell them: `measure` of documents, `extract` of pages that it screens."""

from pathlib import Path

from corpus.recipe import Recipe
from corpus.storage.digested_file import DigestedFile
from filters.language.of_documents import LanguageSettings


def language_settings(recipe: Recipe, model: Path | DigestedFile) -> LanguageSettings:
    return LanguageSettings(
        recipe.language, model, frozenset(source.name for source in recipe.source if source.trust_language_hint)
    )


def language_identity(recipe: Recipe, model: DigestedFile) -> list[object]:
    """What decides a document's language, beside the code."""
    trusted = sorted(source.name for source in recipe.source if source.trust_language_hint)
    return [recipe.language.model_dump(exclude={"model"}), model.digest, trusted]
