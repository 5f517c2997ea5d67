"""What a recipe names besides its inputs: models, exams, lists; read and checked before anything runs.

Each function raises a RecipeError, or the InputError of the file, that names the recipe and the key.
"""

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path

from corpus import schema
from corpus.errors import InputError, RecipeError
from corpus.recipe import Recipe
from corpus.storage import files
from corpus.storage.pinned import PinnedFile
from filters.exams.items import Item
from filters.scoring import ClassifierSettings
from filters.word_lists import Entries


@dataclasses.dataclass(frozen=True)
class NamedScorers:
    """The classifiers and word lists of a recipe; `digests` by the first of their signals."""

    classifiers: tuple[ClassifierSettings, ...]
    entries: Mapping[str, Entries]
    digests: Mapping[str, str]


def language_model(recipe: Recipe, recipe_path: Path) -> Path:
    """The fastText model, which knows every language that the recipe wants."""
    from filters.language import LanguageModel, default_model_path

    named = recipe.language.model
    path = recipe_path.parent / named if named else default_model_path()
    known = LanguageModel(path).languages()
    for language in recipe.run.languages:
        if language != "*" and language not in known:
            close = ", ".join(sorted(known & {language[:2], *difflib.get_close_matches(language, known)}))
            raise RecipeError(
                f"{recipe_path}: run.languages: {language!r} is none of the {len(known)} codes that {path.name} "
                f"answers with" + (f"; near it are {close}" if close else "")
            )
    return path


def given_tokenizer(recipe: Recipe, recipe_path: Path) -> str | None:
    """URL of the model that the recipe names; None where one is to be trained."""
    from tokenizer_training.encode import load_encoder

    named = recipe.tokenizer.model
    if named is None:
        return None
    url = named if not files.is_local(named) else str((recipe_path.parent / named).resolve())
    load_encoder(url)
    return url


def exam_items(recipe: Recipe, recipe_path: Path) -> list[Item] | None:
    """The evaluation items that the recipe names; None where it names none."""
    if recipe.decontaminate is None:
        return None
    from filters.exams.files import read_exams

    items = read_exams(recipe.decontaminate.exams, recipe_path.parent, where=str(recipe_path))
    if not items:
        raise RecipeError(f"{recipe_path}: decontaminate.exams: their files have no item")
    return items


def named_scorers(recipe: Recipe, recipe_path: Path) -> NamedScorers | None:
    """The classifiers and word lists that the recipe names; None where it names none."""
    if not recipe.scored_signals:
        return None
    from filters.classifier import Classifier
    from filters.language import model_digest
    from filters.word_lists import read_entries

    folder, where = recipe_path.parent, str(recipe_path)
    classifiers, digests = [], {}
    for each in recipe.classifier:
        path = folder / each.model
        try:
            Classifier(path, each.label, each.text)
        except InputError as error:
            raise RecipeError(f"{where}: classifier {each.name!r}: {error}") from error
        digests[f"{schema.CLASSIFIER}{each.name}"] = model_digest(path)
        model = PinnedFile.of(str(path.resolve()))
        classifiers.append(ClassifierSettings(each.name, model, each.label, each.text, frozenset(each.languages)))
    entries = {each.name: read_entries(each, folder, where=where) for each in recipe.word_list}
    digests |= {f"{schema.WORDS_IN}{name}": found.digest for name, found in entries.items()}
    return NamedScorers(tuple(classifiers), entries, digests)
