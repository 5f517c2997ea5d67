"""decontaminate: documents → which evaluation items each contains.

Reads   documents/FP/ITEM.arrow; the index of the exams, which the driver writes: stages/decontaminate/FP/index.arrow and
        items.arrow
Writes  contamination/FP/ITEM.arrow (schema.CONTAMINATION), row for row beside documents
Invariant  nothing is judged: threshold and action are `select`'s, so another one leaves this stage alone
Cost    see filters.exams.search; memory: one batch of documents, and the index, which a machine's workers share
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from corpus import schema
from corpus.recipe import Decontaminate, Recipe
from corpus.storage import ipc
from corpus.storage.digested_file import DigestedFile
from corpus.storage.run_directory import ItemRecord, Stage
from filters.exams.grams import GramSettings
from filters.exams.index import ExamIndex, build_index, items_digest, open_index
from filters.exams.items import Item
from filters.exams.search import Match, find_items, warm_up
from pipelines.stages import prerequisites
from pipelines.stages.contamination_checks import check_contamination
from pipelines.stages.costs import Sizes, StageCost, Stored
from pipelines.stages.outputs import CONTAMINATION, DOCUMENTS
from pipelines.stages.stage import Conservation, StageSpec, Upstream

VERSION = 1


@dataclasses.dataclass(frozen=True)
class DecontaminateSettings:
    """Where documents and index lie."""

    extract: Stage
    index: DigestedFile
    items: DigestedFile

    def open_index(self) -> ExamIndex:
        return open_index(str(self.index.local()), str(self.items.local()))


def gram_settings(recipe: Decontaminate) -> GramSettings:
    return GramSettings(recipe.words, recipe.characters, recipe.whole_words, recipe.whole_characters)


def store_index(stage: Stage, recipe: Decontaminate, items: Sequence[Item], *, extract: Stage) -> DecontaminateSettings:
    """Builds the index of the exams and stores it where workers find it."""
    index, stored = build_index(items, gram_settings(recipe)).write(
        stage.file("index.arrow"), stage.file("items.arrow")
    )
    return DecontaminateSettings(extract, index, stored)


def contamination_batch(documents: pa.RecordBatch, index: ExamIndex) -> pa.RecordBatch:
    """schema.CONTAMINATION of a batch with `doc_id` and `text`."""
    found = find_items(documents.column("text"), index)
    rows = [found.get(row, []) for row in range(documents.num_rows)]
    matches = [[match._asdict() for match in row] for row in rows]
    columns = [
        documents.column("doc_id"),
        pa.array([best_coverage(row) for row in rows], pa.float32()),
        pa.array(matches, schema.CONTAMINATION.field("matches").type),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema.CONTAMINATION)


def best_coverage(matches: list[Match]) -> float:
    return max((match.coverage for match in matches), default=0.0)


def decontaminate_item(stage: Stage, item: int, settings: DecontaminateSettings) -> ItemRecord:
    """Searches the documents of one work item."""
    index = settings.open_index()
    counts = {"documents": 0, "documents_with_matches": 0, "matches": 0}

    def batches() -> Iterator[pa.RecordBatch]:
        reader = ipc.open_reader(settings.extract.output("documents", item), schema.DOCUMENTS)
        for number in range(reader.num_record_batches):
            batch = contamination_batch(reader.get_batch(number), index)
            sizes = pc.list_value_length(batch.column("matches"))
            counts["documents"] += batch.num_rows
            counts["documents_with_matches"] += int(pc.sum(pc.greater(sizes, 0)).as_py() or 0)
            counts["matches"] += int(pc.sum(sizes).as_py() or 0)
            yield batch

    written = ipc.write_batches(stage.output("contamination", item), schema.CONTAMINATION, batches())
    return ItemRecord(item=item, outputs={"contamination": written}, counts=counts)


def has_exams(recipe: Recipe) -> bool:
    return recipe.decontaminate is not None


def _opened(recipe: Recipe, recipe_path: Path) -> list[Item]:
    return prerequisites.exam_items(recipe, recipe_path) or []


def _fingerprint(up: Upstream, items: list[Item]) -> tuple[object, ...]:
    """What can change a match: the items, and how long a gram is."""
    return dataclasses.asdict(gram_settings(_of(up.recipe))), items_digest(items)


def _settings(up: Upstream, items: list[Item], stage: Stage) -> DecontaminateSettings:
    return store_index(stage, _of(up.recipe), items, extract=up.writer(DOCUMENTS))


def _of(recipe: Recipe) -> Decontaminate:
    if recipe.decontaminate is None:
        raise ValueError("the recipe names no exams")
    return recipe.decontaminate


def _costs(sizes: Sizes) -> StageCost:
    return StageCost(
        name="decontaminate",
        units=sizes.items,
        seconds=sizes.text_bytes * sizes.number("contamination_seconds"),
        read_bytes=sizes.stored_text_bytes,
        written_bytes=sizes.contamination_bytes,
        opened=2 * sizes.items,
        written=2 * sizes.items + 2,
        worker_bytes=sizes.process_bytes,
        memory="and the index",
        stored=(Stored("contamination, exams", sizes.items + 1, sizes.contamination_bytes),),
        records=sizes.items,
    )


DECONTAMINATE = StageSpec(
    name="decontaminate",
    summary="documents → which evaluation items each contains",
    reads=(DOCUMENTS,),
    writes=(CONTAMINATION,),
    code=("pipelines.stages.decontamination",),
    wanted=has_exams,
    opens=_opened,
    fingerprint=_fingerprint,
    settings=_settings,
    work=decontaminate_item,
    warm_up=lambda items: warm_up(),
    conserves=Conservation("documents", "documents"),
    check=check_contamination,
    costs=_costs,
)
