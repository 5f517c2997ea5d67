"""What the tables of the recipe share."""

from typing import Annotated

from pydantic import ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="letters, digits, _ and -")]
Language = Annotated[str, Field(pattern=r"^(\*|[a-z]{2,3}(_[A-Za-z]{4})?)$", description="ISO 639 code, or *")]

#: Of every table: frozen, validated when made, without keys that nobody knows.
STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
