"""What a recipe names besides its inputs: models, exams, lists; read and checked before anything runs.

Each function raises a RecipeError, or the InputError of the file, that names the recipe and the key.
"""

import difflib
from collections.abc import Collection
from pathlib import Path

from corpus.errors import RecipeError
from corpus.recipe import Recipe
from corpus.recipe.suggestions import language_code
from corpus.storage import files
from filters.exams.items import Item
from filters.scorers.score_columns import Scorer, open_scorers


def language_model(recipe: Recipe, recipe_path: Path) -> Path:
    """The fastText model, which knows every language that the recipe wants."""
    from filters.language.identification import LanguageModel, default_model_path

    named = recipe.language.model
    path = recipe_path.parent / named if named else default_model_path()
    known = LanguageModel(path).languages()
    wrong = [each for each in recipe.run.languages if each != "*" and each not in known]
    if wrong:
        raise RecipeError("\n".join(f"{recipe_path}: run.languages: {_unknown(each, known, path)}" for each in wrong))
    return path


def _unknown(language: str, known: Collection[str], model: Path) -> str:
    meant = language_code(language)
    hint = f" (write {meant!r})" if meant in known else ""
    near = sorted({*difflib.get_close_matches(language, known), language[:2]}.intersection(known))
    return f"{language!r} is none of the {len(known)} codes that {model.name} answers with" + (
        hint or (f"; near it are {', '.join(near)}" if near else "")
    )


def given_tokenizer(recipe: Recipe, recipe_path: Path) -> str | None:
    """URL of the model that the recipe names; None where one is to be trained."""
    from corpus.text.sentence_pieces import check_pieces
    from tokenizer_training.encode import load_encoder

    named = recipe.tokenizer.model
    if named is None:
        return None
    url = named if not files.is_local(named) else str((recipe_path.parent / named).resolve())
    check_pieces(url)
    load_encoder(url)
    return url


def exam_items(recipe: Recipe, recipe_path: Path) -> list[Item] | None:
    """The evaluation items that the recipe names; None where it names none."""
    if recipe.decontaminate is None:
        return None
    from filters.exams.exam_files import read_exams

    items = read_exams(recipe.decontaminate.exams, recipe_path.parent, where=str(recipe_path))
    if not items:
        raise RecipeError(f"{recipe_path}: decontaminate.exams: their files have no item")
    return items


def named_scorers(recipe: Recipe, recipe_path: Path) -> tuple[Scorer, ...]:
    """The scorers that the recipe names."""
    return open_scorers(recipe.scorers, recipe_path.parent, where=str(recipe_path))
