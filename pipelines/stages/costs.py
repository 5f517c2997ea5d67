"""What a stage takes and leaves, as arithmetic over sizes that are expected: the vocabulary of `StageSpec.costs`.

Sizes are sums over all sources; `number("tokenize_seconds")` is a measured coefficient (pipelines.planning.coefficients says in which
unit and of what). Nothing here is measured and nothing is read.
"""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

from corpus.recipe import Recipe

SECONDS_AN_HOUR = 3600


@dataclasses.dataclass(frozen=True)
class Stored:
    """A folder of the run directory."""

    kind: str
    files: int
    bytes: float
    temporary: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageCost:
    """A stage: its units of work, what they take in all, and the folders that they leave."""

    name: str
    units: int
    seconds: float  # of a core
    read_bytes: float
    written_bytes: float
    opened: int  # files, or batches of them, that are read
    written: int  # files
    worker_bytes: float  # peak memory of one worker
    memory: str  # what decides it
    stored: tuple[Stored, ...] = ()
    records: int = 0  # of work items, each a file

    @property
    def core_hours(self) -> float:
        return self.seconds / SECONDS_AN_HOUR


class ExchangeSizes(Protocol):
    """How `select` divides documents and hashes, and what its steps send each other."""

    @property
    def parts(self) -> int: ...
    @property
    def ranges(self) -> int: ...
    @property
    def rounds(self) -> int: ...
    @property
    def units(self) -> int: ...
    @property
    def files(self) -> int: ...
    @property
    def reads(self) -> int: ...
    @property
    def sent_bytes(self) -> float: ...
    @property
    def most_bytes(self) -> float: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
    """What is expected of a run."""

    recipe: Recipe
    coefficients: Mapping[str, float]  # by name, scorers' seconds a byte of text added up as `scorer_seconds`
    exchange: ExchangeSizes
    items: int  # work items
    splits: int
    input_bytes: float
    extract_seconds: float
    documents: float
    text_bytes: float
    stored_text_bytes: float  # of documents/
    failed_bytes: float
    kept: float
    kept_text_bytes: float
    tokens: float
    largest_item_token_bytes: float  # of tokens/, of one work item
    largest_domain_tokens: float
    token_bytes: int  # a token
    token_blocks: int  # of all work items
    shards: int

    def number(self, name: str) -> float:
        """A coefficient."""
        return self.coefficients[name]

    @property
    def process_bytes(self) -> float:
        """Memory of a worker that does nothing."""
        return self.number("process_bytes")

    @property
    def signal_bytes(self) -> float:
        """Of signals/."""
        return self.documents * self.number("signal_bytes")

    @property
    def contamination_bytes(self) -> float:
        """Of contamination/."""
        return self.documents * self.number("contamination_bytes")

    @property
    def line_bytes(self) -> float:
        """Of lines/; 0 where the recipe compares none."""
        return self.text_bytes * self.number("line_bytes") * (self.recipe.dedup.lines is not None)

    @property
    def token_row_bytes(self) -> float:
        """Of tokens/, and of shards/."""
        return self.tokens * self.token_bytes + self.kept * self.number("token_row_bytes")
