"""Personal data in a run: how much of each kind was found and replaced, and whether files and records agree about it.

Reads   the counts of `extract` and `select`; signals/, documents/ and decisions/ for the checks
Memory  the small columns of one work item, and the texts of one batch
"""

import dataclasses
from collections.abc import Mapping

from corpus.recipe import Privacy
from filters.privacy.kinds import Kind


@dataclasses.dataclass(frozen=True)
class PersonalReport:
    """One kind of personal data."""

    kind: str
    found: int  # in all documents
    documents: int  # with any
    action: str
    replaced: int  # in kept documents; 0 before `select`


def personal_reports(
    privacy: Privacy, extracted: Mapping[str, int], selected: Mapping[str, int]
) -> tuple[PersonalReport, ...]:
    """A report for each kind, in the order of Kind."""
    return tuple(
        PersonalReport(
            kind=kind,
            found=extracted.get(f"personal_data.{kind}", 0),
            documents=extracted.get(f"personal_data_documents.{kind}", 0),
            action=getattr(privacy, kind),
            replaced=selected.get(f"replaced.{kind}", 0),
        )
        for kind in Kind
    )
