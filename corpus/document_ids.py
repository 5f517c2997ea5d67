"""Ids of documents inside a run: `doc_id` = number of the split << ROW_BITS | row in the split."""

import numpy as np
from numpy.typing import NDArray

from corpus.schema import ROW_BITS


def items_of(doc_ids: NDArray[np.uint64], item_of_split: NDArray[np.uint32]) -> NDArray[np.int64]:
    """(documents,) work item of each id, −1 where the run has no such split; `item_of_split` is a column of splits.arrow.

    >>> items_of(np.array([0, 1 << ROW_BITS, 9 << ROW_BITS], np.uint64), np.array([0, 4], np.uint32)).tolist()
    [0, 4, -1]
    """
    splits = (doc_ids >> np.uint64(ROW_BITS)).astype(np.int64)
    known = splits < len(item_of_split)
    found = np.full(len(doc_ids), -1, np.int64)
    found[known] = item_of_split[splits[known]]
    return found
