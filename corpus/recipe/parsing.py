"""Recipes read from TOML files, with `--set` on top, and all that is wrong with one, a line each.

A line has the file, the line in it, the key, what is wrong and what is allowed. Unknown keys anywhere are an error. Of a recipe
that a run keeps, unknown keys are kept aside: another version may have written it.
"""

import copy
import dataclasses
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_origin

import pydantic
from pydantic import BaseModel

from corpus.errors import RecipeError, VersionError
from corpus.recipe import OF_A_RUN, Recipe
from corpus.recipe.places import Location, line_of
from corpus.recipe.setting_types import PATTERNS, MistakesError
from corpus.recipe.suggestions import language_code
from corpus.recipe.suggestions import unknown as unknown_name
from corpus.written_by import this_version


def load_recipe(path: Path, overrides: Mapping[str, str] | None = None) -> Recipe:
    """Reads a recipe file; `overrides` are dotted keys to TOML values (`--set dedup.threshold=0.7`).

    Raises RecipeError with one line for a missing file, bad TOML, an unknown key, a wrong type or value.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError:
        raise RecipeError(
            f"{path}: no such recipe; give the path of a TOML file (examples/demo/recipe.toml is one)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from error
    for key, value in (overrides or {}).items():
        _override(table, key, value, path)
    return parse_recipe(table, str(path), text=text, overridden=tuple(overrides or ()))


def overrides_of(pairs: Iterable[str]) -> dict[str, str]:
    """`("dedup.threshold=0.7",)` by key. Raises RecipeError for what is no KEY=VALUE."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise RecipeError(f"--set {pair}: write it as KEY=VALUE, as in --set dedup.threshold=0.7")
        found[key.strip()] = value.strip()
    return found


def parse_recipe(table: Mapping[str, Any], where: str, *, text: str = "", overridden: Sequence[str] = ()) -> Recipe:
    """The recipe of a parsed TOML table; `where` names it in messages, `text` is what it was parsed from.

    Raises RecipeError with a line for each mistake; keys of `overridden` are not looked for in the text.
    """
    try:
        return Recipe.model_validate(table)
    except pydantic.ValidationError as error:
        raise RecipeError(
            "\n".join(f"{_place(where, text, place, overridden)}: {what}" for place, what in _mistakes(error))
        ) from None


def _place(where: str, text: str, location: Location, overridden: Sequence[str]) -> str:
    """`recipe.toml:12`, or the file alone where the key stands nowhere in it or came from the command line."""
    dotted = ".".join(map(str, location))
    if any(dotted == key or dotted.startswith(f"{key}.") for key in overridden):
        return where
    line = line_of(text, location)
    return where if line is None else f"{where}:{line}"


@dataclasses.dataclass(frozen=True)
class StoredRecipe:
    """A recipe as a run keeps it; `unknown` are the settings that this version does not know, by dotted key."""

    recipe: Recipe
    unknown: Mapping[str, Any]


def parse_stored_recipe(table: Mapping[str, Any], where: str) -> StoredRecipe:
    """A recipe that a run keeps, which another version may have written: what is not known here is kept aside.

    Raises VersionError where what is left is no recipe: it lacks a key that has no default.
    """
    rest, unknown = copy.deepcopy(dict(table)), dict[str, Any]()
    while True:
        try:
            return StoredRecipe(Recipe.model_validate(rest, context=OF_A_RUN), unknown)
        except pydantic.ValidationError as error:
            taken = [each for each in error.errors() if each["type"] != "missing" and _take(rest, each["loc"], unknown)]
            if not taken:
                raise VersionError(
                    f"{where}: a recipe of another version; this is {this_version()}: {next(_mistakes(error))[1]}; "
                    "use the version that wrote it"
                ) from None


def _take(table: dict[str, Any], location: tuple[int | str, ...], unknown: dict[str, Any]) -> bool:
    """Moves the setting at a place, the innermost that has a name, to the unknown ones; whether there was one."""
    node: Any = table
    found: tuple[dict[str, Any], str, str] | None = None
    path: list[str] = []
    for part in location:
        if isinstance(node, dict) and part in node:
            path.append(str(part))
            found = node, str(part), ".".join(path)
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            path.append(str(part))
        else:
            break
        node = node[part]
    if found is None:
        return False
    holder, key, name = found
    unknown[name] = holder.pop(key)
    return True


def _override(table: dict[str, Any], key: str, value: str, path: Path) -> None:
    """Sets one dotted key; `phase.0.tokens` counts entries of an array of tables from 0."""
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        parsed = value  # a bare word is a string: --set tokenizer.model_type=bpe
    *parents, last = key.split(".")
    node: Any = table
    try:
        for part in parents:
            node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
        if isinstance(node, list):
            node[int(last)] = parsed
        else:
            node[last] = parsed
    except (IndexError, ValueError, TypeError, AttributeError):
        raise RecipeError(f"{path}: --set {_shown(key)}: there is no such place in the recipe") from None


def _mistakes(error: pydantic.ValidationError) -> Iterator[tuple[Location, str]]:
    """(place, key and what is wrong and allowed) of everything that pydantic, or a check across tables, found."""
    for each in error.errors():
        cause = each.get("ctx", {}).get("error")
        if isinstance(cause, MistakesError):
            yield from cause.found
        else:
            yield each["loc"], _explanation(each)


def _explanation(each: Any) -> str:
    location: Location = each["loc"]
    key = ".".join(_shown(str(part)) for part in location) or "recipe"
    message = each["msg"].removeprefix("Value error, ")
    if each["type"] == "extra_forbidden":
        return f"{key}: unknown key{unknown_name(str(location[-1]), _known_keys(location[:-1]))}"
    if each["type"] == "missing":
        return f"{key}: missing; it has no default"
    if each["type"] == "value_error":
        return str(message)
    value = repr(each["input"])
    shown = f"{key} = {value if len(value) <= 60 else value[:57] + '...'}"
    if _is_language(location) and isinstance(each["input"], str):
        code = language_code(each["input"])
        meant = f"write {code!r}" if code else "as zh, en, ja or *"
        return f"{shown}: languages are ISO 639 codes in small letters; {meant}"
    if each["type"] == "string_pattern_mismatch":
        return f"{shown}: allowed is {PATTERNS.get(each['ctx']['pattern'], each['ctx']['pattern'])}"
    return f"{shown}: {message[0].lower()}{message[1:]}"


def _is_language(location: Location) -> bool:
    """Whether the place is an entry of a list of languages, or a key of a table by language."""
    return "languages" in location[:-1] or location[:2] == ("tokenizer", "weights")


def _shown(key: str) -> str:
    """A key as it is written, on one line."""
    return key if key.isprintable() else repr(key)


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys allowed in the table at a place of the recipe."""
    model: type[BaseModel] = Recipe
    named = False  # whether the next part is a name that the user gave, as in profiles.NAME
    for part in location:
        if isinstance(part, int) or named:
            named = False
            continue
        annotation = model.model_fields[part].annotation
        named = get_origin(annotation) is dict
        model = (_models_in(annotation) or [model])[0]
    return list(model.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in _models_in(argument)]
