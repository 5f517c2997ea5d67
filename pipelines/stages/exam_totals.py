"""exams: what was found of each evaluation item, over the documents of all work items, those of additions included.

Reads   contamination/FP/ITEM.arrow; the items of the index: stages/decontaminate/FP/items.arrow
Writes  exams/FP/00000.arrow (schema.EXAMS), as one work item
Cost    it reads the matches of all work items: little, but one file after the other; memory: those of one
"""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus import schema
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord, Stage
from pipelines.stages.contamination_checks import check_exams
from pipelines.stages.costs import Sizes, StageCost
from pipelines.stages.decontamination import has_exams
from pipelines.stages.outputs import CONTAMINATION, EXAMS
from pipelines.stages.stage import StageSpec, Upstream

VERSION = 1


@dataclasses.dataclass(frozen=True)
class ExamsSettings:
    """Where the matches of how many work items lie, and the items."""

    contamination: Stage
    exam_items: str  # URL
    work_items: int


def exams_item(stage: Stage, item: int, settings: ExamsSettings) -> ItemRecord:
    """Adds up the matches of all work items."""
    rows = ipc.open_table(settings.exam_items, schema.EXAM_ITEMS, columns=["exam", "item", "grams"])
    found: dict[tuple[str, str], tuple[float, int]] = {}  # exam and item → highest coverage, documents
    for part in range(settings.work_items):
        url = settings.contamination.output("contamination", part)
        table = ipc.open_table(url, schema.CONTAMINATION, columns=["coverage", "matches"])
        for matches in table.filter(pc.greater(table["coverage"], 0))["matches"].to_pylist():
            best: dict[tuple[str, str], float] = {}
            for match in matches:
                name = match["exam"], match["item"]
                best[name] = max(best.get(name, 0.0), match["coverage"])
            for name, coverage in best.items():
                before, documents = found.get(name, (0.0, 0))
                found[name] = max(before, coverage), documents + 1
    matchable: dict[tuple[str, str], bool] = {}
    for exam, name, grams in zip(*(rows[column].to_pylist() for column in ("exam", "item", "grams")), strict=True):
        matchable[exam, name] = matchable.get((exam, name), False) or grams > 0
    names = sorted(matchable)
    columns = [
        [exam for exam, _ in names],
        [name for _, name in names],
        [matchable[name] for name in names],
        np.array([found.get(name, (0.0, 0))[0] for name in names], np.float32),
        np.array([found.get(name, (0.0, 0))[1] for name in names], np.uint32),
    ]
    table = pa.table(dict(zip(schema.EXAMS.names, columns, strict=True)), schema=schema.EXAMS)
    written = ipc.write_table(stage.output("exams", item), table, schema.EXAMS)
    return ItemRecord(item=item, outputs={"exams": written}, counts={"items": len(names), "items_met": len(found)})


def _settings(up: Upstream, opened: None, stage: Stage) -> ExamsSettings:
    searched = up.writer(CONTAMINATION)
    return ExamsSettings(searched, searched.file("items.arrow"), len(up.items))


def _costs(sizes: Sizes) -> StageCost:
    return StageCost(
        name="exams",
        units=1,
        seconds=0.0,
        read_bytes=sizes.contamination_bytes,
        written_bytes=0.0,
        opened=sizes.items,
        written=2,
        worker_bytes=sizes.process_bytes,
        memory="and the matches of a work item",
    )


EXAM_TOTALS = StageSpec(
    name="exams",
    summary="what was found of each evaluation item, over all documents",
    reads=(CONTAMINATION,),
    writes=(EXAMS,),
    code=("pipelines.stages.exam_totals",),
    wanted=has_exams,
    fingerprint=lambda up, opened: (up.planned[-1].fingerprint,),
    settings=_settings,
    work=exams_item,
    items=lambda up: [0],
    of_input=False,
    check=check_exams,
    costs=_costs,
)
