"""Checks of `documents/`, `signals/` and `failed/`, against each other and the records.

Memory: one batch of documents, the small columns of one work item.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from corpus import schema
from corpus.columns import numbers
from corpus.reasons import BYTE_LOSSES
from corpus.seeds import content_digest
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord, Stage
from filters.privacy.pii import found_counts
from pipelines.stages.findings import Check, Finding, Seen, check_counts
from pipelines.stages.outputs import DOCUMENTS, FAILED, SIGNALS
from pipelines.stages.personal_checks import check_found


def check_extracted(seen: Seen, stage: Stage, record: ItemRecord) -> Iterator[Finding]:
    """Rows of documents and signals are the same documents, and the texts those that were measured; counts."""
    url, name = seen.url(DOCUMENTS, record.item), seen.name(DOCUMENTS, record.item)
    reader = ipc.open_reader(url, schema.DOCUMENTS)
    columns = ["doc_id", "key", "text_hash", "personal_data", *schema.PERSONAL_SIGNALS]
    signals = ipc.open_table(seen.url(SIGNALS, record.item), columns=columns)
    begin, last = 0, -1
    for number in range(reader.num_record_batches):
        documents = reader.get_batch(number)
        beside = signals.slice(begin, documents.num_rows).combine_chunks()
        for column in ("doc_id", "key"):
            if not beside[column].combine_chunks().equals(documents.column(column)):
                yield Finding(Check.ALIGNMENT, name, f"{column} of rows {begin}… is not that of signals/")
                return
        ids = numbers(documents.column("doc_id")).astype(np.int64)
        if len(ids) and (ids[0] <= last or (np.diff(ids) <= 0).any()):
            yield Finding(Check.ALIGNMENT, name, f"doc_id does not ascend in rows {begin}…")
        last = int(ids[-1]) if len(ids) else last
        for row, (text, digest) in enumerate(zip(documents.column("text"), beside["text_hash"], strict=True)):
            if content_digest(text.as_buffer()) != digest.as_py():
                yield Finding(Check.TEXT_HASH, name, f"row {begin + row}: another text than signals/ measured")
        yield from check_found(documents, beside, name)
        begin += documents.num_rows
    counted = found_counts(signals)
    yield from check_counts(name, "found", {key: record.counts.get(key, 0) for key in counted}, counted)
    yield from _check_lost(seen, record)


def _check_lost(seen: Seen, record: ItemRecord) -> Iterator[Finding]:
    """The counts of what was dropped, failed and lost while reading."""
    url = seen.url(FAILED, record.item)
    found: Counter[str] = Counter()
    for row in ipc.open_table(url, schema.FAILED).to_pylist():
        kind = "lost_ranges" if row["reason"] in BYTE_LOSSES else row["outcome"]
        found.update([kind, f"{kind}.{row['reason']}"])
        found["lost_bytes"] += row["length"] if row["reason"] in BYTE_LOSSES else 0
    found["documents"] = record.outputs["documents"].rows
    found["records_in"] = found["documents"] + found["dropped"] + found["failed"]
    heads = ("dropped", "failed", "lost_ranges", "lost_bytes", "documents", "records_in")
    recorded = {key: number for key, number in record.counts.items() if key.partition(".")[0] in heads}
    yield from check_counts(seen.name(FAILED, record.item), "found", recorded, dict(found))
