"""How the steps of `select` run on Beam, and how rows travel between them: through files, or by the engine's own grouping.

    seed, units that ran ─ Await ─ Begin ─→ (unit, nothing) ┐
    with the engine: blocks of the kinds that are received ─┴ Join ─ Group ─ Run ─→ (unit, nothing); with the engine: blocks

With files (corpus.storage.exchange) a unit that has a record never runs again, so a build that was stopped goes on where it
stood, and a unit that is run twice, or on two workers at once, writes what it wrote before. With the engine a stopped selection
begins anew: what was sent lies in the engine. Files are the default on the DirectRunner, whose grouping holds everything in one
process; the engine's grouping where the engine has one that spills (`default_exchange`).

A *block* is a record batch of at most BLOCK_BYTES whose schema's metadata say of what kind it is, who sent it, and which of
the sender's blocks for the receiver. Blocks are sorted by that before use, so no result depends on the order in which they come.
They are joined by Flatten and one GroupByKey, not by CoGroupByKey, whose tagged values would be pickled. Await is a GroupByKey
too: CombineGlobally makes five times the graph, and a side input, which Spark collects.

Notes and records lie in files in either case, since no other unit wants them. Begin runs once after all units of the step
before: it writes that step's table, which alone says which files count. Nothing is deleted here: the driver does that.
"""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions
from numpy.typing import NDArray

import pipelines.beam.coder  # noqa: F401  # registers the coder of record batches
from corpus.errors import DamageError
from corpus.storage.digested_file import DigestedFile
from corpus.storage.exchange import Rows, concatenated, sorted_by_receiver
from corpus.storage.ipc import Written
from corpus.storage.run_directory import Stage
from pipelines.running.runners import groups_in_memory
from pipelines.selection.decision_settings import ENGINE, FILES, ExchangeName, SelectSettings
from pipelines.selection.step_context import Kind, Mail, Step, StepContext
from pipelines.selection.step_files import FileMail, StepFiles
from pipelines.selection.step_order import step_files

#: Of a block, at most: engines pass elements of some MB through gRPC and their own shuffle well.
BLOCK_BYTES = 1 << 20

#: A receiver or unit, and a block.
Addressed = tuple[int, pa.RecordBatch]

#: A unit, and what came to it.
Grouped = tuple[int, Iterable[pa.RecordBatch]]

#: 0, and units that have run.
Awaited = tuple[int, Iterable[int]]

#: Says that a unit is to run, or has run: a block of no kind.
_NOTHING = pa.RecordBatch.from_arrays([pa.array([], pa.uint8())], schema=pa.schema([pa.field("nothing", pa.uint8())]))


@dataclass(frozen=True)
class Placed:
    """What travels in the graph of a selection: names. Settings that grow with the run lie in a file."""

    stage: Stage
    settings: DigestedFile
    exchange: ExchangeName

    @staticmethod
    def of(settings: SelectSettings, of_steps: StepFiles, exchange: ExchangeName) -> "Placed":
        """Makes ready for a pipeline, by the driver."""
        url = of_steps.begin(settings.to_json())
        return Placed(of_steps.stage, DigestedFile.of(url), exchange)

    def open(self) -> tuple[SelectSettings, StepFiles]:
        """What the names stand for. Raises DamageError where the settings are not those of the driver."""
        return _opened(self)


@functools.lru_cache(maxsize=4)
def _opened(placed: Placed) -> tuple[SelectSettings, StepFiles]:
    settings = SelectSettings.from_json(placed.settings.local().read_bytes())
    return settings, step_files(placed.stage, settings, placed.exchange)


# ------------------------------------------------------------------------------------------------ units


def run_everything(settings: SelectSettings, of_steps: StepFiles) -> None:
    """Every unit of every step that has not run, one after another."""
    for step in range(len(of_steps.steps)):
        for unit in of_steps.pending(step):
            run_unit(settings, of_steps, step, unit)
        of_steps.close(step)


def run_unit(settings: SelectSettings, of_steps: StepFiles, step: int, unit: int) -> None:
    """Runs a unit through files, unless its record says that it has run."""
    if of_steps.is_done(step, unit):
        return
    mail = FileMail(of_steps, step, unit)
    run_at_desk(settings, of_steps, step, unit, mail)
    of_steps.finish(step, unit, mail.outputs)


def run_at_desk(settings: SelectSettings, of_steps: StepFiles, step: int, unit: int, mail: Mail) -> None:
    """What a unit does, however its mail travels."""
    declared = of_steps.steps[step]
    declared.run(StepContext(settings, of_steps.stage, declared, unit, mail))


# ------------------------------------------------------------------------------------------------ exchanges


class Exchange(Protocol):
    """How the units of a step get the rows of all units that sent them some."""

    def received(self, step: Step) -> "list[beam.PCollection[Addressed]]":
        """What comes to the units of a step by the engine."""

    def running(self, number: int) -> beam.DoFn:
        """(unit, blocks that came to it) → blocks that it sends by the engine, and (unit, nothing) when it has run."""

    def sent(self, step: Step, given: "beam.PCollection[Addressed]") -> None:
        """What the units of a step gave."""


def default_exchange(options: PipelineOptions) -> ExchangeName:
    """What suits a runner: files where it groups in memory, else its own grouping."""
    return FILES if groups_in_memory(options) else ENGINE


def exchange_of(placed: Placed) -> Exchange:
    return EngineExchange(placed) if placed.exchange == ENGINE else FileExchange(placed)


class FileExchange:
    """Rows travel through files of the run directory; nothing comes by the engine."""

    def __init__(self, placed: Placed) -> None:
        self._placed = placed

    def received(self, step: Step) -> "list[beam.PCollection[Addressed]]":
        return []

    def running(self, number: int) -> beam.DoFn:
        return _RunUnit(self._placed, number)

    def sent(self, step: Step, given: "beam.PCollection[Addressed]") -> None:
        pass


class EngineExchange:
    """Rows travel by the engine's GroupByKey, as blocks."""

    def __init__(self, placed: Placed) -> None:
        self._placed = placed
        self._sent: dict[str, list[beam.PCollection[Addressed]]] = {}

    def received(self, step: Step) -> "list[beam.PCollection[Addressed]]":
        return [blocks for kind in step.receives for blocks in self._sent.get(kind, [])]

    def running(self, number: int) -> beam.DoFn:
        return _RunOnBlocks(self._placed, number)

    def sent(self, step: Step, given: "beam.PCollection[Addressed]") -> None:
        for kind in step.sends:
            blocks = given | f"{kind.name} of {step.name}" >> beam.ParDo(_OfKind(kind.name)).with_output_types(
                Addressed
            )
            self._sent.setdefault(kind.name, []).append(blocks)


@dataclass(eq=False)
class RunSteps(beam.PTransform[beam.pvalue.PBegin, beam.PCollection[int]]):
    """Runs the steps, one after another; yields the units of the last."""

    placed: Placed
    steps: tuple[Step, ...]

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[int]:
        exchange = exchange_of(self.placed)
        ran = seed = pbegin | "Seed" >> beam.Create([(0, 0)]).with_output_types(tuple[int, int])
        for number, step in enumerate(self.steps):
            inputs = (seed, ran) if number else (seed,)
            units = (
                inputs
                | f"Await {step.name}" >> _Await()
                | f"Begin {step.name}" >> beam.ParDo(_Begin(self.placed, number)).with_output_types(Addressed)
            )
            given = (
                (units, *exchange.received(step))
                | f"Join {step.name}" >> beam.Flatten()
                | f"Group {step.name}" >> beam.GroupByKey()
                | f"Run {step.name}" >> beam.ParDo(exchange.running(number)).with_output_types(Addressed)
            )
            exchange.sent(step, given)
            ran = given | f"Ran {step.name}" >> beam.ParDo(_Ran(0)).with_output_types(tuple[int, int])
        return ran | "Units" >> beam.Values()


class _Await(beam.PTransform["tuple[beam.PCollection[tuple[int, int]], ...]", "beam.PCollection[Awaited]"]):
    """One element, there when all of the collections are."""

    def expand(self, inputs: "tuple[beam.PCollection[tuple[int, int]], ...]") -> "beam.PCollection[Awaited]":
        return inputs | "All" >> beam.Flatten() | "Of" >> beam.GroupByKey()


class _Begin(beam.DoFn):
    """Finishes the step before and yields the units of a step that have to run; its input is one element."""

    def __init__(self, placed: Placed, step: int) -> None:
        self._placed, self._step = placed, step

    def process(self, element: Awaited) -> Iterator[Addressed]:
        _, of_steps = self._placed.open()
        if self._step:
            of_steps.close(self._step - 1)
        for unit in of_steps.pending(self._step):
            yield unit, _NOTHING


class _RunUnit(beam.DoFn):
    def __init__(self, placed: Placed, step: int) -> None:
        self._placed, self._step = placed, step

    def process(self, element: Grouped) -> Iterator[Addressed]:
        run_unit(*self._placed.open(), self._step, element[0])
        yield element[0], _NOTHING


class _Ran(beam.DoFn):
    """(key, unit) of each unit that says that it has run."""

    def __init__(self, key: int) -> None:
        self._key = key

    def process(self, element: Addressed) -> Iterator[tuple[int, int]]:
        if not Stamp.read(element[1]).kind:
            yield self._key, element[0]


class _RunEverything(beam.DoFn):
    def __init__(self, placed: Placed) -> None:
        self._placed = placed

    def process(self, element: int) -> Iterator[int]:
        run_everything(*self._placed.open())
        yield element


@dataclass(eq=False)
class RunEverything(beam.PTransform[beam.pvalue.PBegin, beam.PCollection[int]]):
    """All steps of a small selection, in one process."""

    placed: Placed

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[int]:
        return (
            pbegin
            | "Seed" >> beam.Create([0])
            | "Run" >> beam.ParDo(_RunEverything(self.placed)).with_output_types(int)
        )


# ------------------------------------------------------------------------------------------------ blocks


@dataclass(frozen=True)
class Stamp:
    """What a block's metadata say of it."""

    kind: str
    sender: int  # among those of the kind
    number: int  # of the sender's blocks for this receiver
    of: int  # how many these are

    def on(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The rows as a block."""
        fields = {"kind": self.kind, "sender": str(self.sender), "number": str(self.number), "of": str(self.of)}
        return rows.replace_schema_metadata(fields)

    @staticmethod
    def read(block: pa.RecordBatch) -> "Stamp":
        fields = {name.decode(): value.decode() for name, value in (block.schema.metadata or {}).items()}
        if not fields:
            return Stamp("", 0, 0, 1)
        return Stamp(fields["kind"], int(fields["sender"]), int(fields["number"]), int(fields["of"]))


def blocks_of(kind: Kind, sender: int, rows: Rows, receiver: NDArray[Any]) -> Iterator[Addressed]:
    """(receiver, block) of each receiver that gets rows; rows of one receiver keep their order."""
    batch, ends = sorted_by_receiver(rows, receiver, receivers=kind.receivers, schema=kind.schema, where=kind.name)
    most = max(1, BLOCK_BYTES // max(1, _row_bytes(kind.schema)))
    begins = np.concatenate([[0], ends[:-1]])
    for to in np.flatnonzero(ends > begins).tolist():
        begin, end = int(begins[to]), int(ends[to])
        starts = range(begin, end, most)
        for number, start in enumerate(starts):
            rows_of_block = batch.slice(start, min(most, end - start))
            yield to, Stamp(kind.name, sender, number, len(starts)).on(rows_of_block)


def rows_of(kind: Kind, blocks: Iterable[pa.RecordBatch]) -> tuple[Rows, NDArray[np.int64]]:
    """(rows of one receiver's blocks in any order, (rows,) number of the sender). Raises DamageError where one is missing."""
    stamped = sorted(
        ((Stamp.read(block), block) for block in blocks), key=lambda each: (each[0].sender, each[0].number)
    )
    expected = 0
    for place, (stamp, _) in enumerate(stamped):
        follows = place and stamped[place - 1][0].sender == stamp.sender
        expected = expected + 1 if follows else 0
        is_last = place + 1 == len(stamped) or stamped[place + 1][0].sender != stamp.sender
        if stamp.number != expected or (is_last and expected + 1 != stamp.of):
            raise DamageError(f"the runner lost or doubled rows of kind {kind.name} that unit {stamp.sender} sent")
    senders = np.repeat([stamp.sender for stamp, _ in stamped], [block.num_rows for _, block in stamped])
    return concatenated([block for _, block in stamped], kind.schema), senders.astype(np.int64)


def _row_bytes(schema: pa.Schema) -> int:
    return sum(field.type.bit_width // 8 for field in schema)


class BlockMail:
    """Mail of one unit as blocks: those that came to it, and those it gives to the engine."""

    def __init__(self, of_steps: StepFiles, step: int, unit: int, came: Iterable[pa.RecordBatch]) -> None:
        self._files, self._step, self._unit = of_steps, step, unit
        self._came: dict[str, list[pa.RecordBatch]] = {}
        for block in came:
            self._came.setdefault(Stamp.read(block).kind, []).append(block)
        self._received: dict[str, tuple[Rows, NDArray[np.int64]]] = {}
        self.sent: list[Iterator[Addressed]] = []
        self.outputs: dict[str, Written] = {}

    def received(self, kind: str) -> tuple[Rows, NDArray[np.int64]]:
        if kind not in self._received:
            declared = self._files.kind(kind)
            found = rows_of(declared, self._came.pop(kind, [])) if declared is not None else ({}, np.empty(0, np.int64))
            self._received[kind] = found
        return self._received[kind]

    def send(self, kind: Kind, rows: Rows, receiver: NDArray[Any]) -> None:
        self.sent.append(blocks_of(kind, self._files.sender(kind.name, self._step, self._unit), rows, receiver))

    def note(self, kind: Kind, rows: Rows) -> None:
        self.outputs[kind.name] = self._files.note(kind, self._step, self._unit, rows)

    def noted(self, kind: str, unit: int) -> Rows:
        return self._files.noted(kind, unit)


class _RunOnBlocks(beam.DoFn):
    """Runs a unit on the blocks that came to it; yields what it sends, and that it has run."""

    def __init__(self, placed: Placed, step: int) -> None:
        self._placed, self._step = placed, step

    def process(self, element: Grouped) -> Iterator[Addressed]:
        settings, of_steps = self._placed.open()
        unit, came = element
        mail = BlockMail(of_steps, self._step, unit, came)
        run_at_desk(settings, of_steps, self._step, unit, mail)
        for blocks in mail.sent:
            yield from blocks
        of_steps.finish(self._step, unit, mail.outputs)
        yield unit, _NOTHING


class _OfKind(beam.DoFn):
    def __init__(self, kind: str) -> None:
        self._kind = kind

    def process(self, element: Addressed) -> Iterator[Addressed]:
        if Stamp.read(element[1]).kind == self._kind:
            yield element
