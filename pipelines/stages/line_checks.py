"""Checks of `lines/` and of the lines that `select` cut, against the texts that they are of.

Memory: the lines of one work item, and the texts of one batch.
"""

from collections.abc import Iterator

import pyarrow as pa

from corpus import schema
from corpus.columns import booleans, filled_rows, numbers
from corpus.storage import ipc
from corpus.storage.older_files import read_as, reader_as
from corpus.storage.run_directory import ItemRecord, Stage
from pipelines.stages.findings import Check, Finding, Seen, check_counts
from pipelines.stages.outputs import DOCUMENTS, LINES


def check_lines(seen: Seen, stage: Stage, record: ItemRecord) -> Iterator[Finding]:
    """A work item's lines: beside the documents, each a whole line of its text, in order; counts."""
    name = seen.name(LINES, record.item)
    table = read_as(seen.url(LINES, record.item), schema.LINES).combine_chunks()
    documents = reader_as(seen.url(DOCUMENTS, record.item), schema.DOCUMENTS)
    begin = 0
    for number in range(documents.num_record_batches):
        batch = documents.get_batch(number)
        beside = table.slice(begin, batch.num_rows)
        if not beside["doc_id"].combine_chunks().equals(batch.column("doc_id")):
            yield Finding(Check.ALIGNMENT, name, f"doc_id of rows {begin}… is not that of documents/")
            return
        for row, (text, lines) in enumerate(zip(batch.column("text"), beside["lines"].to_pylist(), strict=True)):
            data = text.as_buffer().to_pybytes()
            ends = [0, *(line["end"] for line in lines)]
            whole = all(_is_line(data, line["begin"], line["end"]) for line in lines)
            if not whole or any(end > line["begin"] for end, line in zip(ends, lines, strict=False)):
                yield Finding(Check.LINES, name, f"row {begin + row}: lines that are none of its text, or out of order")
        begin += batch.num_rows
    found = {"documents": table.num_rows, "lines": int(numbers(table["lines"].combine_chunks().value_lengths()).sum())}
    yield from check_counts(name, "in the file", record.counts, found)


def check_line_cuts(seen: Seen, record: ItemRecord, decisions: pa.Table, name: str) -> Iterator[Finding]:
    """What is cut begins and ends where a line of `lines/` or the space around it does, in kept documents alone; counts."""
    column = decisions["line_cuts"].combine_chunks()
    kept = booleans(decisions["kept"])
    rows = filled_rows(column)
    places = ipc.open_table(seen.url(LINES, record.item))["lines"] if rows else None
    cut_bytes = 0
    for row in rows:
        lines = places[row].as_py() if places is not None else []
        begins = {line["begin"] for line in lines} | {line["begin"] - line["before"] for line in lines}
        ends = {line["end"] for line in lines} | {line["end"] + line["after"] for line in lines}
        last = 0
        for cut in column[row].as_py():
            cut_bytes += cut["end"] - cut["begin"]
            if not kept[row] or cut["begin"] not in begins or cut["end"] not in ends or cut["begin"] < last:
                detail = f"bytes {cut['begin']} to {cut['end']} are cut, which are no lines, or of a dropped document"
                yield Finding(Check.LINES, name, f"document {decisions['doc_id'][row].as_py()}: {detail}")
            last = cut["end"]
    found = {"line_cut_documents": len(rows), "line_cut_bytes": cut_bytes}
    yield from check_counts(name, "in the file", {key: record.counts.get(key, 0) for key in found}, found)


def _is_line(data: bytes, begin: int, end: int) -> bool:
    inside = 0 <= begin < end <= len(data)
    return inside and data[max(begin - 1, 0) : begin] in (b"", b"\n") and data[end : end + 1] in (b"", b"\n")
