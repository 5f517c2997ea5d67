"""What is done about documents that contain evaluation items: dropped, cut, or only counted.

Reads `contamination/` (schema.CONTAMINATION) and the sizes of the texts; returns which documents go and what is cut out of
the others. A document is *contaminated* where the coverage of any match reaches the threshold.

    drop   a contaminated document goes
    cut    the places of such matches are cut out; where that would be more than LARGEST_CUT of the text, it goes
    mark   nothing; it is counted

Invariant: a row's verdict depends on that row, its size and the settings only.
"""

import dataclasses
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.columns import numbers
from corpus.text.edits import Edit, merged

Action = Literal["drop", "cut", "mark"]

#: A text that loses more than this share of its bytes is an exam with some words around it.
LARGEST_CUT = 0.5


@dataclasses.dataclass(frozen=True)
class Verdicts:
    """Row for row beside the documents."""

    contaminated: NDArray[np.bool_]
    dropped: NDArray[np.bool_]
    cuts: dict[int, list[Edit]]  # row → what is cut, in order, nothing twice; no row that is dropped
    exams: dict[int, set[str]]  # row → exams whose items it contains, of contaminated rows


def judge_contamination(
    contamination: pa.Table, sizes: NDArray[np.uint32], *, threshold: float, action: Action
) -> Verdicts:
    """`sizes` are the bytes of the texts. Raises ValueError where they are not as many as the rows."""
    if len(sizes) != contamination.num_rows:
        raise ValueError(f"sizes must be as many as rows: {contamination.num_rows}, not {len(sizes)}")
    limit = np.float32(threshold)  # as the column is rounded: .7 is not below .7
    contaminated = numbers(contamination["coverage"]) >= limit
    dropped = contaminated & (action == "drop")
    cuts: dict[int, list[Edit]] = {}
    exams: dict[int, set[str]] = {}
    for row in np.flatnonzero(contaminated).tolist():
        matches = [match for match in contamination["matches"][row].as_py() if np.float32(match["coverage"]) >= limit]
        exams[row] = {match["exam"] for match in matches}
        if action == "cut":
            edits = merged(Edit(match["begin"], match["end"]) for match in matches)
            if sum(edit.end - edit.begin for edit in edits) > LARGEST_CUT * int(sizes[row]):
                dropped[row] = True
            else:
                cuts[row] = edits
    return Verdicts(contaminated, dropped, cuts, exams)
