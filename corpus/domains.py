"""Names of domains: SOURCE.LANGUAGE, and SOURCE.LANGUAGE.xN for its documents that are repeated N times (`dedup.rehydrate`).

A recipe names SOURCE.LANGUAGE and means all of them: its *family*. Neither sources nor languages have a full stop in them.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a trainer's node reads the names, not the tables
    import pyarrow as pa


def domains_of(documents: "pa.Table | pa.RecordBatch") -> Iterator[str]:
    """The domain of every row of a table with `source`, `language` and `repeats`."""
    return map(domain_of, *(documents.column(name).to_pylist() for name in ("source", "language", "repeats")))


def domain_of(source: str, language: str, repeats: int = 1) -> str:
    """The domain of a document; `repeats` is how often it is seen while others are seen once."""
    return f"{source}.{language}" if repeats == 1 else f"{source}.{language}.x{repeats}"


def family_of(domain: str) -> str:
    """SOURCE.LANGUAGE of a domain."""
    return ".".join(domain.split(".")[:2])


def language_of(domain: str) -> str:
    return domain.split(".")[1]


def repeats_of(domain: str) -> int:
    """How often a domain's documents are seen while its family's others are seen once."""
    _, _, marks = domain.removeprefix(family_of(domain)).partition(".x")
    return int(marks) if marks else 1
