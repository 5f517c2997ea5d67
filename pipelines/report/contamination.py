"""What a run found of the benchmarks that its recipe names: items and documents, exam by exam.

Reads   exams/FP/00000.arrow, the counts of `select`
Cost    one small file, whatever the run's size
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from corpus import schema
from corpus.columns import booleans, numbers
from corpus.storage.older_files import read_as
from corpus.storage.run_directory import RunDirectory
from pipelines.stage_list import stage_of
from pipelines.stages.outputs import EXAMS


@dataclasses.dataclass(frozen=True)
class ExamReport:
    """One benchmark. An item is found where the coverage of any part reaches the recipe's threshold in any document."""

    exam: str
    items: int
    matchable: int  # items with a part that is long enough, and no formula
    found: int
    documents: int  # with an item that is found in them, whatever else was decided about them; 0 before `select`

    @property
    def share_found(self) -> float:
        return self.found / self.items if self.items else 0.0


def exam_reports(run: RunDirectory, threshold: float, select_counts: Mapping[str, int]) -> tuple[ExamReport, ...]:
    """A report for each exam, by name. Raises DamageError where the file cannot be read."""
    table = read_as(stage_of(run, EXAMS).output("exams", 0), schema.EXAMS).combine_chunks()
    exams = np.array(table["exam"].to_pylist(), dtype=str)
    found = numbers(table["coverage"]) >= np.float32(threshold)
    matchable = booleans(table["matchable"])
    return tuple(
        ExamReport(
            exam=exam,
            items=int((exams == exam).sum()),
            matchable=int(matchable[exams == exam].sum()),
            found=int(found[exams == exam].sum()),
            documents=select_counts.get(f"contaminated.{exam}", 0),
        )
        for exam in sorted(set(exams.tolist()))
    )
