"""What a recipe names besides its inputs: models, exams, lists; read and checked before anything runs.

Each function raises a RecipeError, or the InputError of the file, that names the recipe and the key.
"""

import difflib
from pathlib import Path

from corpus.errors import RecipeError
from corpus.recipe import Recipe
from corpus.storage import files
from filters.exams.items import Item
from filters.scorers.score_columns import Scorer, open_scorers


def language_model(recipe: Recipe, recipe_path: Path) -> Path:
    """The fastText model, which knows every language that the recipe wants."""
    from filters.language.identification import LanguageModel, default_model_path

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
