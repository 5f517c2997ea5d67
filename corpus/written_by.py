"""Which version wrote a file of a run: of the package, and of the schemas.

A stage's manifest and a run's marker hold both (`stamp`). Versions that wrote neither are earlier ones.
"""

import dataclasses
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from corpus.schema import SCHEMA_VERSION

DISTRIBUTION = "lm-corpus-pipelines"


@dataclasses.dataclass(frozen=True)
class Writer:
    """A version; `schema` is None where it did not say."""

    name: str
    schema: int | None

    def __str__(self) -> str:
        return f"{self.name} (schema {self.schema})" if self.schema is not None else self.name


UNKNOWN = Writer("an earlier version", None)


def this_version() -> Writer:
    """The version that runs."""
    try:
        return Writer(f"{DISTRIBUTION} {version(DISTRIBUTION)}", SCHEMA_VERSION)
    except PackageNotFoundError:
        return Writer(f"{DISTRIBUTION} of unknown version", SCHEMA_VERSION)


def stamp() -> dict[str, Any]:
    """What says in a JSON object that this version wrote it."""
    this = this_version()
    return {"written_by": this.name, "schema": this.schema}


def writer_of(table: Mapping[str, Any]) -> Writer:
    """Who wrote a JSON object with a stamp."""
    name, number = table.get("written_by"), table.get("schema")
    return Writer(name if isinstance(name, str) else UNKNOWN.name, number if type(number) is int else None)
