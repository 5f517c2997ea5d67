"""select: signals → decisions. Rules and evaluation items first, then copies by URL, by text, by signature among what is left, then
lines that many of the documents share that stay.

Reads   signals/FP/ITEM.arrow; contamination/FP/ITEM.arrow where the recipe has exams; scores/FP/ITEM.arrow where it has
        scorers; lines/FP/ITEM.arrow where it compares lines
Writes  decisions/FP/ITEM.arrow (schema.DECISIONS), row for row beside it; edges/FP/PART.arrow, what near copies were decided by
Steps   below, in order; the units of one are done before the next begins. They send each other hashes, ids and codes, never text,
        through files or the engine (pipelines.selection.exchanges): the decisions are the same, byte by byte
Invariant  documents = kept + dropped; G1–G4 of filters.copies.duplicates
Memory  of a worker: 300 bytes a document of a part, 40 a row of a range, and in one unit 60 an edge, of which there are as
        many as some 30 % of the documents

A small run is one part, and does every step in one work item, through files: no pipeline a step, no worker processes.
"""

import dataclasses

import apache_beam as beam

from corpus.storage import deletion
from corpus.storage.run_directory import Stage
from pipelines.selection import exchanges
from pipelines.selection.decision_settings import ENGINE, FILES, ExchangeName, SelectSettings
from pipelines.selection.exchanges import Placed
from pipelines.selection.step_order import step_files


def forget_steps(stage: Stage) -> None:
    """Deletes what steps of a finished stage sent each other, and their records."""
    stage.run.remove_exchange(stage.name)
    for name in (FILES, ENGINE):
        deletion.remove_folder(stage.run.url, f"stages/{stage.name}/{stage.fingerprint}/{name}")


def run_everything(stage: Stage, settings: SelectSettings) -> None:
    """Every unit of every step, one after another in this process, that is not done yet."""
    of_steps = step_files(stage, settings)
    of_steps.begin(settings.to_json())
    exchanges.run_everything(settings, of_steps)


@dataclasses.dataclass(eq=False)
class Select(beam.PTransform[beam.pvalue.PBegin, beam.PCollection[int]]):
    """Decides about every document of every work item; yields the numbers of the last step's units."""

    stage: Stage
    settings: SelectSettings
    exchange: ExchangeName = FILES

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[int]:
        of_steps = step_files(self.stage, self.settings, self.exchange)
        placed = Placed.of(self.settings, of_steps, self.exchange)
        if len(self.settings.parts) == 1:
            return pbegin | exchanges.RunEverything(placed)
        return pbegin | exchanges.RunSteps(placed, of_steps.steps)
