"""Tokens that an earlier run of `tokenize` made of the same texts: rows of a work item's older tokens/ file.

A changed threshold gives `tokenize` another fingerprint, while most documents keep verdict and edits. What the older fingerprint
left lies in the run directory until the stage that replaces it is complete, so every row is looked for there first: by
`doc_id` and by the digest of the edits, in a file whose `made_of` (tokenizer and extraction) is the same. What is not found is
encoded. So nothing is kept beside tokens/ itself, an interrupted build finds what any before it left, and a row that is
reused is the row that encoding would give: the files are the same bytes.

Reads   tokens/OLDER/ITEM.arrow, whose digest is checked first: damage must not be copied on under a new digest
Memory  the older blocks that hold documents of the batch at hand; mapped where local
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.columns import numbers
from corpus.errors import DamageError
from corpus.storage import files, ipc
from corpus.storage.run_directory import Stage

#: Key of the schema's metadata: what the tokens were made of.
MADE_OF = b"made_of"

Tokens = NDArray[np.unsignedinteger]


def older_stages(stage: Stage) -> tuple[Stage, ...]:
    """The stage under the other fingerprints that left something in the run directory."""
    names = files.folder_names(stage.run.path("stages", stage.name))
    return tuple(stage.run.stage(stage.name, name) for name in names if name != stage.fingerprint)


class EarlierTokens:
    """Older tokens of one work item."""

    def __init__(self, url: str) -> None:
        self._url = url
        ids = ipc.open_table(url, columns=["doc_id"])["doc_id"].chunks
        # Documents keep their order in a block, and `doc_id` grows with it.
        self._ranges = [(int(each[0].as_py()), int(each[-1].as_py()), number) for number, each in enumerate(ids)]
        self._open: dict[int, pa.RecordBatch] = {}

    @staticmethod
    def of(stages: Sequence[Stage], item: int, *, of: pa.Schema) -> "EarlierTokens | None":
        """The first stage's in which the item is whole and was made of the same, with the schema `of`; None where there is none."""
        for stage in stages:
            url = stage.output("tokens", item)
            try:
                schema = ipc.open_reader(url).schema
                same = schema.equals(of) and (schema.metadata or {}).get(MADE_OF) == of.metadata[MADE_OF]
                if same and files.digest(url) == stage.record(item).outputs["tokens"].digest:
                    return EarlierTokens(url)
            except (DamageError, OSError, KeyError):  # not there, not finished, or damaged: its texts are encoded again
                continue
        return None

    def find(self, doc_ids: NDArray[np.uint64], edits: NDArray[np.uint64]) -> list[Tokens | None]:
        """Of each document (both (documents,), `doc_ids` ascending, and above those of the call before) its tokens, if they are there."""
        found: list[Tokens | None] = [None] * len(doc_ids)
        if not len(doc_ids):
            return found
        first, last = int(doc_ids[0]), int(doc_ids[-1])
        near = [number for begin, end, number in self._ranges if begin <= last and end >= first]
        self._open = {number: self._open[number] for number in near if number in self._open}
        for number in near:
            block = self._block(number)
            ids, lists = numbers(block.column("doc_id")), block.column("tokens")
            row = np.minimum(np.searchsorted(ids, doc_ids), len(ids) - 1)
            same = (ids[row] == doc_ids) & (numbers(block.column("edits"))[row] == edits)
            offsets, values = numbers(lists.offsets), numbers(lists.values)
            for wanted in np.flatnonzero(same).tolist():
                found[wanted] = values[offsets[row[wanted]] : offsets[row[wanted] + 1]]
        return found

    def _block(self, number: int) -> pa.RecordBatch:
        if number not in self._open:
            # A reader each: of a mapped file the pages of a block are let go with it.
            self._open[number] = ipc.open_reader(self._url).get_batch(number)
        return self._open[number]
