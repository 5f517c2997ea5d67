"""All that a recipe names, opened and checked before the first record is read: inputs, profiles, models, lists, exams.

A mistake at a recipe's end costs no day, and all mistakes come at once.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from corpus.errors import CorpusError, RecipeError
from corpus.recipe import Recipe
from corpus.sources.splits import InputFile, list_inputs
from filters.quality.rules import load_profiles
from pipelines.stage_list import STAGES


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What was opened: the inputs in plan order, and by stage what its `opens` gave."""

    inputs: list[InputFile]
    opened: Mapping[str, Any]


def prepare(recipe: Recipe, recipe_path: Path) -> Prepared:
    """Opens everything. Raises the CorpusError of the first thing that is wrong, with the lines of all that is."""
    errors: list[CorpusError] = []

    def tried(what: Callable[[], Any]) -> Any:
        try:
            return what()
        except CorpusError as error:
            errors.append(error)

    inputs = tried(lambda: list_inputs(recipe, recipe_path.parent, where=str(recipe_path)))
    tried(functools.partial(load_profiles, recipe))
    opened = {
        spec.name: tried(functools.partial(spec.opens, recipe, recipe_path)) for spec in STAGES if spec.wanted(recipe)
    }
    if errors:
        lines = dict.fromkeys(_named(line, error, recipe_path) for error in errors for line in str(error).splitlines())
        raise type(errors[0])("\n".join(lines)) from errors[0]
    return Prepared(inputs, opened)


def _named(line: str, error: CorpusError, recipe_path: Path) -> str:
    """A line of an error with the recipe's path before it, where it is about the recipe and has none."""
    return line if not isinstance(error, RecipeError) or line.startswith(str(recipe_path)) else f"{recipe_path}: {line}"


@contextmanager
def naming(recipe_path: Path) -> Iterator[None]:
    """Puts the recipe's path before errors about what it says."""
    try:
        yield
    except RecipeError as error:
        raise RecipeError(f"{recipe_path}: {error}") from error
