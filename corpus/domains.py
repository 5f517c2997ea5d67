"""Names of domains: SOURCE.LANGUAGE[.qTIER][.xREPEATS].

`.qT` are the documents of tier T of quality (`quality.tiers`, from 1 on; 0: of none), `.xN` those that are repeated N times (`dedup.rehydrate`).
A recipe names SOURCE.LANGUAGE and means all of them, or SOURCE.LANGUAGE.qT and means those of one tier, however often
they are repeated. Neither sources nor languages have a full stop in them.
"""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a trainer's node reads the names, not the tables
    import pyarrow as pa

#: The columns that a document's domain is made of.
COLUMNS = ("source", "language", "tier", "repeats")


def domains_of(documents: "pa.Table | pa.RecordBatch") -> Iterator[str]:
    """The domain of every row of a table with COLUMNS."""
    return map(domain_of, *(documents.column(name).to_pylist() for name in COLUMNS))


def domain_of(source: str, language: str, tier: int = 0, repeats: int = 1) -> str:
    """The domain of a document; `repeats` is how often it is seen while others are seen once."""
    quality = f".q{tier}" if tier else ""
    return f"{source}.{language}{quality}" + ("" if repeats == 1 else f".x{repeats}")


def names_of(domain: str) -> tuple[str, ...]:
    """The names by which a recipe means a domain, the most particular first."""
    source, language, *marks = domain.split(".")
    whole = f"{source}.{language}"
    return (f"{whole}.{marks[0]}", whole) if marks and marks[0].startswith("q") else (whole,)


def name_among(domain: str, names: Collection[str]) -> str | None:
    """The most particular of some names that means a domain; None where none does."""
    return next((name for name in names_of(domain) if name in names), None)


def language_of(domain: str) -> str:
    return domain.split(".")[1]


def repeats_of(domain: str) -> int:
    """How often a domain's documents are seen while others of the same names are seen once."""
    last = domain.split(".")[2:][-1:]
    return int(last[0][1:]) if last and last[0].startswith("x") else 1
