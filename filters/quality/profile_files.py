"""The shipped profiles as their TOML files say them: filters/quality/profiles/NAME.toml → variants, before any rule is laid.

about = "One sentence: what the profile is for."

[[variant]]
name = "zh"                  # how other variants of the file name it as their base
base = "characters"          # optional: the variant it is laid over, which stands above it
languages = ["zh", "yue"]    # whom it judges; "*" is every language that no variant names; [] is a base only
source = "paper or file"     # optional: of every number of the variant that names none of its own
rules = [                    # in order; a rule with neither min nor max removes the base's limits on the signal
  { signal = "characters", min = 200, reason = "too_few_characters", source = "paper or file of the number" },
]
min = { stop_words = 2 }     # other numbers for rules that are there: same place, same reason
max = { duplicate_line_ratio = 0.287 }
off = ["top_2_gram_character_ratio", "words.max"]  # rules that are there and not wanted, on both sides or on one

A recipe's [[profiles.NAME.variant]] has the same keys but name and base. Unknown keys are errors. filters.quality.rules lays the
variants over each other and knows the signals and reasons.
"""

import functools
import tomllib
from collections.abc import Mapping

import pydantic
from pydantic import BaseModel, ConfigDict

from corpus import recipe as settings
from corpus.errors import RecipeError
from corpus.recipe.setting_types import Language, Name
from filters.quality.profiles import shipped_profiles


class ShippedVariant(settings.Variant):
    """A variant of a shipped file; one without languages is only a base of others."""

    name: Name
    base: str | None = None
    languages: list[Language]


class ProfileFile(BaseModel):
    """A shipped profile's file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    about: str = ""
    variant: list[ShippedVariant]


@functools.cache
def profile_files() -> Mapping[str, ProfileFile]:
    """Profile → its file, in the order of names. Raises RecipeError for a file that is not of the form above."""
    return {name: parse_profile(text, f"profiles/{name}.toml") for name, text in shipped_profiles().items()}


def parse_profile(text: str, where: str) -> ProfileFile:
    """A profile's TOML; `where` names it in messages."""
    try:
        file = ProfileFile.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, pydantic.ValidationError) as error:
        raise RecipeError(f"{where}: {' '.join(str(error).split())}") from error
    known: set[str] = set()
    for variant in file.variant:
        if variant.base is not None and variant.base not in known:
            raise RecipeError(f"{where}: variant {variant.name!r}: base {variant.base!r} does not stand above it")
        known.add(variant.name)
    return file
