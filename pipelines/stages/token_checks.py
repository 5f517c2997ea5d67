"""Checks of `tokens/`: blocks of one domain each, documents that end where they must."""

from collections import Counter
from collections.abc import Generator

import numpy as np

from corpus.columns import numbers
from corpus.domains import domains_of
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord, Stage
from pipelines.stages.findings import Carried, Check, Finding, Seen, check_counts, set_sum
from pipelines.stages.outputs import TOKENS


def check_tokenized(seen: Seen, stage: Stage, record: ItemRecord) -> Generator[Finding, None, Carried]:
    """Blocks of one domain each, in the order of names; documents end with the end-of-document id; counts."""
    url, name = seen.url(TOKENS, record.item), seen.name(TOKENS, record.item)
    end = seen.metadata.get("end_of_document")
    reader = ipc.open_reader(url)
    found: Counter[str] = Counter(dict.fromkeys(("documents", "tokens", "bytes"), 0))
    domains: list[str] = []
    tokenized = 0
    for number in range(reader.num_record_batches):
        block = reader.get_batch(number)
        named = set(domains_of(block))
        domain = min(named)
        domains.append(domain)
        if len(named) != 1:
            yield Finding(Check.TOKENS, name, f"block {number} holds {len(named)} domains")
        lists = block.column("tokens")
        bounds, tokens = numbers(lists.offsets), numbers(lists.values)
        if (np.diff(bounds) < 1).any() or (end is not None and (tokens[bounds[1:] - 1] != int(end)).any()):
            yield Finding(Check.TOKENS, name, f"block {number}: a document does not end with the end-of-document id")
        size = int(numbers(block.column("bytes")).sum())
        for key, count in (("documents", block.num_rows), ("tokens", int(bounds[-1] - bounds[0])), ("bytes", size)):
            found.update({key: count, f"{key}.{domain}": count})
        found[f"blocks.{domain}"] += 1
        tokenized += set_sum(numbers(block.column("doc_id")))
    if domains != sorted(domains):
        yield Finding(Check.TOKENS, name, f"blocks of the domains {domains}, not sorted")
    yield from check_counts(name, "in the file", record.counts, dict(found))
    return Carried(tokenized=tokenized % (1 << 64))
