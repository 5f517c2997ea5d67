"""Checks of personal data: what was found lies in the texts and is what is counted; what is replaced is what the recipe says.

Memory: the small columns of one work item, and the texts of one batch.
"""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from corpus.columns import filled_rows
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord
from corpus.text.edits import Edit, apply_edits
from filters.privacy.kinds import SIGNALS, TOKENS, Kind, kinds_that_are, replacements
from pipelines.stages.findings import Check, Finding, Seen, check_counts
from pipelines.stages.outputs import SIGNALS as SIGNAL_FILES


def check_found(documents: pa.RecordBatch, signals: pa.Table, name: str) -> Iterator[Finding]:
    """Personal data of a batch: as many edits of a kind as its column counts, in order, on characters of the text."""
    edits, there = signals["personal_data"], set(signals.column_names)
    for row in filled_rows(edits):
        found = [Edit(**edit) for edit in edits[row].as_py()]
        counted = {kind: signals[SIGNALS[kind]][row].as_py() if SIGNALS[kind] in there else 0 for kind in Kind}
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


def check_replaced(seen: Seen, record: ItemRecord, decisions: pa.Table, name: str) -> Iterator[Finding]:
    """What is replaced is all that was found of the kinds that the recipe replaces, in kept documents alone."""
    privacy, counts, url = seen.recipe.privacy, record.counts, seen.url(SIGNAL_FILES, record.item)
    signals = ipc.open_table(url, columns=["personal_data"])
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
