"""What the tables of the recipe share."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="letters, digits, _ and -")]
Language = Annotated[str, Field(pattern=r"^(\*|[a-z]{2,3}(_[A-Za-z]{4})?)$", description="ISO 639 code, or *")]

Script = Literal["keep", "simplified", "traditional"]  # of Chinese documents: corpus.text.chinese_script
HalfWidth = Literal["none", "alphanumerics", "all"]  # corpus.text.normalisation

#: Of every table: frozen, validated when made, without keys that nobody knows.
STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
