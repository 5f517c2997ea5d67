"""Work items: numbers read from a file inside the pipeline, processed, recorded as done.

A graph that held its inputs would break at 10 MB on Dataflow; this one holds the name of one file, however many items
there are. An item whose record exists never enters the pipeline: that is resume, on every runner. A runner that gives a
bundle out again, since its worker was preempted or is slow, has only the items of it run that have no record yet.
"""

import dataclasses
from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa

from corpus.errors import DamageError
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord, Stage, Work
from corpus.storage.run_names import PENDING as PENDING_NAME
from pipelines.running.metrics import count

PENDING = pa.schema([pa.field("item", pa.uint32(), nullable=False)])


def write_pending(stage: Stage, items: list[int]) -> str:
    """Writes the list that ReadWorkItems reads; returns its URL."""
    url = stage.file(PENDING_NAME)
    ipc.write_table(url, pa.table({"item": items}, schema=PENDING), PENDING)
    return url


def read_pending(url: str) -> Iterator[int]:
    """The items of a list."""
    for batch in ipc.open_table(url, PENDING).to_batches():
        yield from batch.column(0).to_pylist()


@dataclasses.dataclass(eq=False)
class ReadWorkItems(beam.PTransform[beam.pvalue.PBegin, beam.PCollection[int]]):
    """Numbers of the work items that a list names, spread over the workers."""

    pending: str

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[int]:
        return (
            pbegin
            | "NameList" >> beam.Create([self.pending])
            | "ReadList" >> beam.FlatMap(read_pending).with_output_types(int)
            | "Spread" >> beam.Reshuffle().with_input_types(int).with_output_types(int)
        )


def recorded(stage: Stage, item: int) -> ItemRecord | None:
    """The record of an item that is done; None of one that is not: one that cannot be read is none."""
    try:
        return stage.record(item)
    except (FileNotFoundError, DamageError):
        return None


class _RunItem(beam.DoFn):
    def __init__(self, stage: Stage, work: Work, settings: object) -> None:
        self._stage, self._work, self._settings = stage, work, settings

    def process(self, element: int) -> Iterator[int]:
        record = recorded(self._stage, element)
        if record is None:
            record = self._work(self._stage, element, self._settings)
            self._stage.finish(record)
        count(self._stage.name, record)
        yield element


@dataclasses.dataclass(eq=False)
class RunItems(beam.PTransform[beam.pvalue.PBegin, beam.PCollection[int]]):
    """Runs a stage's function on every pending work item and records each as done; yields their numbers."""

    stage: Stage
    pending: str
    work: Work
    settings: object

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[int]:
        return (
            pbegin
            | "ReadWorkItems" >> ReadWorkItems(self.pending)
            | "RunItem" >> beam.ParDo(_RunItem(self.stage, self.work, self.settings)).with_output_types(int)
        )
