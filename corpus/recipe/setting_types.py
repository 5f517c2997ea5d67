"""What the tables of the recipe share."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

#: What a regular expression allows, in words: messages have these.
PATTERNS = {
    (_NAME := r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"): "up to 64 letters, digits, _ and -, the first a letter or digit",
    (_LANGUAGE := r"^(\*|[a-z]{2,3}(_[A-Za-z]{4})?)$"): "an ISO 639 code in small letters, as zh, en, ja, or *",
    (_AGENT := r"^[A-Za-z0-9_.-]{1,64}$"): "the name of a crawler, as CCBot",
    (_CLUSTER_SIZE := r"^[1-9][0-9]{0,9}$"): "a number of documents of a cluster",
}

Name = Annotated[str, Field(pattern=_NAME)]
Language = Annotated[str, Field(pattern=_LANGUAGE)]
Agent = Annotated[str, Field(pattern=_AGENT)]
ClusterSize = Annotated[str, Field(pattern=_CLUSTER_SIZE)]

Script = Literal["keep", "simplified", "traditional"]  # of Chinese documents: corpus.text.chinese_script
Markup = Literal["plain", "markdown"]  # of pages: corpus.pages.marks
Ruby = Literal["base", "reading"]  # what stays of it: corpus.pages.marks
HalfWidth = Literal["none", "alphanumerics", "all"]  # corpus.text.normalisation

#: Of every table: frozen, validated when made, without keys that nobody knows.
STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class MistakesError(ValueError):
    """Raised by a check across tables: all that it found, as (place in the recipe, what is wrong)."""

    def __init__(self, found: Sequence[tuple[tuple[int | str, ...], str]]) -> None:
        super().__init__("; ".join(what for _, what in found))
        self.found = tuple(found)
