"""Checks of `signals/`, against the documents that were measured.

Memory: one batch of documents, the small columns of one work item.
"""

from collections.abc import Iterator

from corpus import schema
from corpus.seeds import content_digest
from corpus.storage import ipc
from corpus.storage.older_files import columns_there, reader_as
from corpus.storage.run_directory import ItemRecord, Stage
from filters.privacy.pii import found_counts
from pipelines.stages.findings import Check, Finding, Seen, check_counts
from pipelines.stages.outputs import DOCUMENTS, SIGNALS
from pipelines.stages.personal_checks import check_found


def check_measured(seen: Seen, stage: Stage, record: ItemRecord) -> Iterator[Finding]:
    """Rows of documents and signals are the same documents, and the texts those that were measured; counts."""
    url, name = seen.url(DOCUMENTS, record.item), seen.name(DOCUMENTS, record.item)
    reader = reader_as(url, schema.DOCUMENTS)
    columns = ["doc_id", "key", "text_hash", "personal_data", *schema.PERSONAL_SIGNALS]
    beside_it = seen.url(SIGNALS, record.item)
    signals = ipc.open_table(beside_it, columns=columns_there(beside_it, columns))
    begin = 0
    for number in range(reader.num_record_batches):
        documents = reader.get_batch(number)
        beside = signals.slice(begin, documents.num_rows).combine_chunks()
        for column in ("doc_id", "key"):
            if not beside[column].combine_chunks().equals(documents.column(column)):
                yield Finding(Check.ALIGNMENT, name, f"{column} of rows {begin}… is not that of signals/")
                return
        for row, (text, digest) in enumerate(zip(documents.column("text"), beside["text_hash"], strict=True)):
            if content_digest(text.as_buffer()) != digest.as_py():
                yield Finding(Check.TEXT_HASH, name, f"row {begin + row}: another text than signals/ measured")
        yield from check_found(documents, beside, name)
        begin += documents.num_rows
    counted = {"documents": signals.num_rows, **found_counts(signals)}
    yield from check_counts(name, "found", {key: record.counts.get(key, 0) for key in counted}, counted)
