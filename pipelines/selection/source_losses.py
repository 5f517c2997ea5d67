"""What copies take from each source, and to which source it goes: so that a small source does not disappear into a large one."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class SourceCopies:
    """Of the documents of a source that passed its rules, those that were dropped as copies."""

    source: str
    passed: int  # documents
    copies: int  # of them
    to: Mapping[str, int]  # source of what stands for them → documents

    @property
    def share(self) -> float:
        return self.copies / self.passed if self.passed else 0.0

    @property
    def most_to(self) -> str | None:
        """The source that most went to; None where there are no copies."""
        return min(self.to, key=lambda name: (-self.to[name], name)) if self.to else None

    def warning(self) -> str:
        """One line that says what was lost, to whom, and what can be done."""
        kept = self.most_to
        where = "copies of its own documents" if kept == self.source else f"copies of {kept}'s"
        remedy = "" if kept == self.source else f"; to keep them, put it before {kept} in dedup.order"
        return (
            f"source {self.source!r} loses {self.share:.1%} of {self.passed:,} documents as copies, "
            f"{self.to[kept] if kept else 0:,} of {self.copies:,} as {where}{remedy}"
        )


def source_copies(counts: Mapping[str, int]) -> tuple[SourceCopies, ...]:
    """Of every source with documents that passed, from the counts of `select`, by name."""
    passed = {key.partition(".")[2]: number for key, number in counts.items() if key.startswith("passed.")}
    to: dict[str, dict[str, int]] = {name: {} for name in passed}
    for key, number in sorted(counts.items()):
        head, *names = key.split(".")
        if head == "copies":
            to[names[0]][names[1]] = number
    return tuple(SourceCopies(name, passed[name], sum(to[name].values()), to[name]) for name in sorted(passed))


def loss_warnings(copies: tuple[SourceCopies, ...], max_loss: float) -> list[str]:
    """A line for each source that lost more than this share."""
    return [each.warning() for each in copies if each.share > max_loss]
