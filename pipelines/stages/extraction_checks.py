"""Checks of `documents/` and `failed/`, against the records. Memory: one batch of documents."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from corpus import schema
from corpus.columns import numbers
from corpus.reasons import BYTE_LOSSES
from corpus.storage.older_files import read_as, reader_as
from corpus.storage.run_directory import ItemRecord, Stage
from pipelines.stages.findings import Check, Finding, Seen, check_counts
from pipelines.stages.outputs import DOCUMENTS, FAILED


def check_extracted(seen: Seen, stage: Stage, record: ItemRecord) -> Iterator[Finding]:
    """Documents in the order of their ids; the counts of what was dropped, failed and lost while reading."""
    reader = reader_as(seen.url(DOCUMENTS, record.item), schema.DOCUMENTS)
    begin, last = 0, -1
    for number in range(reader.num_record_batches):
        ids = numbers(reader.get_batch(number).column("doc_id")).astype(np.int64)
        if len(ids) and (ids[0] <= last or (np.diff(ids) <= 0).any()):
            yield Finding(
                Check.ALIGNMENT, seen.name(DOCUMENTS, record.item), f"doc_id does not ascend in rows {begin}…"
            )
        last = int(ids[-1]) if len(ids) else last
        begin += len(ids)
    yield from _check_lost(seen, record)


def _check_lost(seen: Seen, record: ItemRecord) -> Iterator[Finding]:
    """The counts of what was dropped, failed and lost while reading."""
    url = seen.url(FAILED, record.item)
    found: Counter[str] = Counter()
    for row in read_as(url, schema.FAILED).to_pylist():
        kind = "lost_ranges" if row["reason"] in BYTE_LOSSES else row["outcome"]
        found.update([kind, f"{kind}.{row['reason']}"])
        found["lost_bytes"] += row["length"] if row["reason"] in BYTE_LOSSES else 0
    found["documents"] = record.outputs["documents"].rows
    found["records_in"] = found["documents"] + found["dropped"] + found["failed"]
    heads = ("dropped", "failed", "lost_ranges", "lost_bytes", "documents", "records_in")
    recorded = {key: number for key, number in record.counts.items() if key.partition(".")[0] in heads}
    yield from check_counts(seen.name(FAILED, record.item), "found", recorded, dict(found))
