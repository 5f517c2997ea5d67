"""What is counted of the columns of `scores/`: sums that add up over batches and work items, so a report reads no scores."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import numbers

TENTHS = 10

#: Perplexities are counted by whole numbers up to this one, each with two digits that are not 0: float32 holds them exactly.
GREATEST_STEP = 10**8
_POWERS = 10 ** np.arange(9)
TO = "to_"

Values = NDArray[Any]


def score_counts(scores: pa.RecordBatch | pa.Table) -> dict[str, int]:
    """Of every scorer SIGNAL.documents and what its kind counts: see _COUNTS. They add up over batches and work items."""
    counts: dict[str, int] = {}
    for name in scores.schema.names:
        for beginning, count in _COUNTS.items():
            if name.startswith(beginning):
                values = numbers(scores[name].drop_null())
                counts[f"{name}.documents"] = len(values)
                counts |= {f"{name}.{what}": number for what, number in count(values).items()}
    return counts


def _count_probabilities(values: Values) -> dict[str, int]:
    thousandths = np.rint(values.astype(np.float64) * 1000).astype(np.int64)
    tenths = np.bincount(np.minimum(thousandths * TENTHS // 1000, TENTHS - 1), minlength=TENTHS)
    found = {f"tenth_{tenth}": number for tenth, number in enumerate(tenths.tolist())}
    return {"thousandths": int(thousandths.sum()), **found}


def _count_listed(values: Values) -> dict[str, int]:
    return {"any": int((values > 0).sum()), "found": int(values.sum(dtype=np.int64))}


def _count_perplexities(values: Values) -> dict[str, int]:
    """Documents by perplexity rounded up to two digits: a logarithmic scale whose steps can be written in a rule."""
    steps, numbers_of = np.unique(rounded_up(values), return_counts=True)
    return {f"{TO}{step}": number for step, number in zip(steps.tolist(), numbers_of.tolist(), strict=True)}


def rounded_up(perplexities: Values) -> NDArray[np.int64]:
    """(n,) the least whole numbers of at most two digits and noughts that are no less; GREATEST_STEP for what is over it or no number."""
    whole = np.ceil(np.fmin(perplexities.astype(np.float64), GREATEST_STEP)).astype(np.int64)
    digits = np.searchsorted(_POWERS, whole, side="right")  # of the whole number; 0 has none
    unit = _POWERS[np.maximum(digits - 2, 0)]
    return -(-whole // unit) * unit


#: Beginning of a signal → what is counted of its values beside SIGNAL.documents; a share goes with its number of words.
_COUNTS = {
    schema.CLASSIFIER: _count_probabilities,
    schema.WORDS_IN: _count_listed,
    schema.PERPLEXITY: _count_perplexities,
}
