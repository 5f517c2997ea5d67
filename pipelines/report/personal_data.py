"""Personal data in a run: how much of each kind was found and replaced, and whether files and records agree about it.

Reads   the counts of `extract` and `select`; signals/, documents/ and decisions/ for the checks
Memory  the small columns of one work item, and the texts of one batch
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping

import pyarrow as pa

from corpus import schema
from corpus.columns import filled_rows
from corpus.recipe import Privacy
from corpus.storage import ipc
from corpus.storage.run_directory import RunDirectory
from corpus.text.edits import Edit, apply_edits
from filters.privacy.kinds import SIGNALS, TOKENS, Kind, kinds_that_are, replacements
from pipelines.report.findings import Check, Finding, check_counts


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


def check_found(documents: pa.RecordBatch, signals: pa.Table, name: str) -> Iterator[Finding]:
    """Personal data of a batch: as many edits of a kind as its column counts, in order, on characters of the text."""
    edits = signals["personal_data"]
    for row in filled_rows(edits):
        found = [Edit(**edit) for edit in edits[row].as_py()]
        counted = {kind: signals[SIGNALS[kind]][row].as_py() for kind in Kind}
        tokens = Counter(edit.replacement for edit in found)
        wrong = [kind for kind in Kind if tokens[TOKENS[kind]] != counted[kind]]
        if wrong or sum(counted.values()) != len(found):
            yield Finding(Check.PERSONAL_DATA, name, f"row {row}: {dict(tokens)} in personal_data, counted {counted}")
        ends = [0, *(edit.end for edit in found)]
        if any(not end <= edit.begin < edit.end for end, edit in zip(ends, found, strict=False)):
            yield Finding(Check.PERSONAL_DATA, name, f"row {row}: personal_data that overlaps or is out of order")
        try:
            apply_edits(documents["text"][row].as_py(), found)
        except ValueError as error:
            yield Finding(Check.PERSONAL_DATA, name, f"row {row}: {error}")


def check_replaced(
    run: RunDirectory, item: int, decisions: pa.Table, privacy: Privacy, counts: Mapping[str, int], name: str
) -> Iterator[Finding]:
    """What is replaced is all that was found of the kinds that the recipe replaces, in kept documents alone."""
    url = run.current_stage("extract").output("signals", item)
    signals = ipc.open_table(url, columns=["personal_data", *schema.PERSONAL_SIGNALS])
    expected = replacements(signals["personal_data"], kinds_that_are("replace", privacy))
    stored = replacements(decisions["replacements"], tuple(Kind))
    kept = decisions["kept"].to_pylist()
    expected = {row: edits for row, edits in expected.items() if kept[row]}
    for row in sorted({*expected, *stored}):
        if expected.get(row, []) != stored.get(row, []):
            detail = f"{len(stored.get(row, []))} replacements, {len(expected.get(row, []))} of what was found"
            yield Finding(Check.PERSONAL_DATA, name, f"document {decisions['doc_id'][row].as_py()}: {detail}")
    tokens = Counter(edit.replacement for edits in stored.values() for edit in edits)
    found = {f"replaced.{kind}": tokens[TOKENS[kind]] for kind in Kind} | {"replaced_documents": len(stored)}
    yield from check_counts(name, "in the file", {key: counts.get(key, 0) for key in found}, found)
