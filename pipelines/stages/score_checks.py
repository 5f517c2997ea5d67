"""Checks of `scores/`: beside the documents, such values as the scorer's kind gives, the counts of the records."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import numbers
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord, Stage
from filters.scorers.score_counts import Values, score_counts
from pipelines.stages.findings import Check, Finding, Seen, check_counts
from pipelines.stages.outputs import SCORES, SIGNALS


def check_scores(seen: Seen, stage: Stage, record: ItemRecord) -> Iterator[Finding]:
    """A work item's scores: beside the documents, such as the scorer's kind gives; counts."""
    name = seen.name(SCORES, record.item)
    table = ipc.open_table(seen.url(SCORES, record.item)).combine_chunks()
    signals = ipc.open_table(seen.url(SIGNALS, record.item), columns=["doc_id"])
    if not table["doc_id"].equals(signals["doc_id"]):
        yield Finding(Check.ALIGNMENT, name, "doc_id is not that of signals/, row for row")
        return
    for signal in table.schema.names[1:]:
        values = numbers(table[signal].drop_null()).astype(np.float64)
        wrong = ~next(allowed for beginning, allowed in _ALLOWED.items() if signal.startswith(beginning))(values)
        if wrong.any():
            yield Finding(Check.SCORES, name, f"{signal}: {values[wrong][0]} is no score")
    found = {"documents": table.num_rows, **score_counts(table)}
    yield from check_counts(name, "in the file", record.counts, found)


def _is_share(values: Values) -> NDArray[np.bool_]:
    return (values >= 0) & (values <= 1)


def _is_probability(values: Values) -> NDArray[np.bool_]:
    steps = values * 1000
    return _is_share(values) & (np.abs(steps - np.rint(steps)) <= 1e-3)


#: Beginning of a signal → which of its values, as float64, can be.
_ALLOWED: Mapping[str, Callable[[Values], NDArray[np.bool_]]] = {
    schema.CLASSIFIER: _is_probability,
    schema.WORDS_IN: lambda values: values >= 0,
    schema.SHARE_IN: _is_share,
    schema.PERPLEXITY: lambda values: (values > 0) & np.isfinite(values),
}
