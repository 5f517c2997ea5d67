"""lines: documents → their lines that may be shared with others, where the recipe has a table [dedup.lines].

Reads   documents/FP/ITEM.arrow
Writes  lines/FP/ITEM.arrow (schema.LINES), row for row beside documents
Invariant  nothing is judged: from how many documents on a line is cut is `select`'s. HTML is never read
Cost    see filters.copies.shared_lines; memory: one batch of documents. A pass of its own, and no columns of signals/: hashes of lines are as many
        bytes as all signals of a document, and most runs do not want them
"""

import dataclasses
from collections.abc import Iterator

import pyarrow as pa

from corpus import schema
from corpus.columns import numbers
from corpus.recipe import Recipe
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord, Stage
from corpus.urls import url_identity
from filters.copies import shared_lines
from pipelines.stages.costs import Sizes, StageCost, Stored
from pipelines.stages.line_checks import check_lines
from pipelines.stages.outputs import DOCUMENTS, LINES
from pipelines.stages.stage import Conservation, StageSpec

VERSION = 1


@dataclasses.dataclass(frozen=True)
class LineSettings:
    """Where documents lie, and which lines are measured."""

    extract: Stage
    weight: int


def lines_batch(documents: pa.RecordBatch, weight: int) -> pa.RecordBatch:
    """schema.LINES of a batch with `doc_id`, `url` and `text`."""
    sites = pa.array(map(url_identity.site_hash, documents.column("url").to_pylist()), pa.uint64())
    lines = shared_lines.measure_lines(documents.column("text"), weight)
    return pa.RecordBatch.from_arrays([documents.column("doc_id"), sites, lines], schema=schema.LINES)


def line_counts(batch: pa.RecordBatch | pa.Table) -> dict[str, int]:
    """documents, and the lines that are compared."""
    lengths = batch["lines"].value_lengths() if isinstance(batch, pa.RecordBatch) else None
    found = numbers(lengths) if lengths is not None else numbers(batch["lines"].combine_chunks().value_lengths())
    return {"documents": batch.num_rows, "lines": int(found.sum())}


def lines_item(stage: Stage, item: int, settings: LineSettings) -> ItemRecord:
    """Measures the lines of one work item."""
    reader = ipc.open_reader(settings.extract.output("documents", item), schema.DOCUMENTS)
    counts = {"documents": 0, "lines": 0}

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(reader.num_record_batches):
            batch = lines_batch(reader.get_batch(number), settings.weight)
            for name, value in line_counts(batch).items():
                counts[name] += value
            yield batch

    written = ipc.write_batches(stage.output("lines", item), schema.LINES, batches())
    return ItemRecord(item=item, outputs={"lines": written}, counts=counts)


def compares_lines(recipe: Recipe) -> bool:
    return recipe.dedup.lines is not None


def _weight(recipe: Recipe) -> int:
    if recipe.dedup.lines is None:
        raise ValueError("the recipe compares no lines")
    return recipe.dedup.lines.weight


def _costs(sizes: Sizes) -> StageCost:
    return StageCost(
        name="lines",
        units=sizes.items,
        seconds=sizes.text_bytes * sizes.number("line_seconds"),
        read_bytes=sizes.stored_text_bytes,
        written_bytes=sizes.line_bytes,
        opened=sizes.items,
        written=2 * sizes.items,
        worker_bytes=sizes.process_bytes,
        memory="and a batch of documents",
        stored=(Stored("lines", sizes.items, sizes.line_bytes),),
        records=sizes.items,
    )


MEASURE_LINES: StageSpec[None, LineSettings] = StageSpec(
    name="lines",
    summary="documents → their lines, which others may share",
    reads=(DOCUMENTS,),
    writes=(LINES,),
    code=("pipelines.stages.lines",),
    wanted=compares_lines,
    fingerprint=lambda up, opened: (_weight(up.recipe),),
    settings=lambda up, opened, stage: LineSettings(up.writer(DOCUMENTS), _weight(up.recipe)),
    work=lines_item,
    warm_up=lambda opened: shared_lines.warm_up(),
    conserves=Conservation("documents", "documents"),
    check=check_lines,
    costs=_costs,
)
