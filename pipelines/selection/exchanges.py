"""How the steps of `select` run on Beam, and how rows travel between them: through files, or by the engine's own grouping.

    FileExchange    ready ─ Begin ─→ units that have not run ─ Spread ─ Run ─→ units            rows: corpus.storage.exchange
    EngineExchange  ready ─ Begin ─→ (unit, nothing) ┐
                    blocks of the kinds received ────┴ Join ─ GroupByKey ─ Run ─→ (unit, nothing), (receiver, block) …

With files a unit that has a record never runs again, so a build that was stopped goes on where it stood, and a unit that is run
twice, or on two workers at once, writes what it wrote before. With the engine a stopped selection begins anew: what was
sent lies in the engine. Files are the default on the DirectRunner, whose grouping holds everything in one process; the
engine's grouping where the engine has one that spills (`default_exchange`).

A *block* is a record batch of at most BLOCK_BYTES whose schema's metadata say of what kind it is, who sent it, and which of
the sender's blocks for the receiver. Blocks are sorted by that before use, so no result depends on the order in which they come.
They are joined by Flatten and one GroupByKey, not by CoGroupByKey, whose tagged values would be pickled.

Notes and records lie in files in either case, since no other unit wants them. `Begin` is run once after all units of the step
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
from corpus.storage.exchange import Rows, concatenated, sorted_by_receiver
from corpus.storage.ipc import Written
from corpus.storage.pinned import PinnedFile
from corpus.storage.run_directory import Stage
from pipelines.runners import groups_in_memory
from pipelines.selection.desk import Desk, Kind, Mail, Step
from pipelines.selection.settings import ENGINE, FILES, ExchangeName, SelectSettings
from pipelines.selection.step_files import FileMail, StepFiles
from pipelines.selection.step_order import step_files

#: Of a block, at most: engines pass elements of some MB through gRPC and their own shuffle well.
BLOCK_BYTES = 1 << 20

#: A receiver or unit, and a block.
Addressed = tuple[int, pa.RecordBatch]

#: Says that a unit is to run, or has run: a block of no kind.
_NOTHING = pa.RecordBatch.from_arrays([pa.array([], pa.uint8())], schema=pa.schema([pa.field("nothing", pa.uint8())]))


@dataclass(frozen=True)
class Placed:
    """What travels in the graph of a selection: names. Settings that grow with the run lie in a file."""

    stage: Stage
    settings: PinnedFile
    exchange: ExchangeName

    @staticmethod
    def of(settings: SelectSettings, of_steps: StepFiles, exchange: ExchangeName) -> "Placed":
        """Makes ready for a pipeline, by the driver."""
        url = of_steps.begin(settings.to_json())
        return Placed(of_steps.stage, PinnedFile.of(url), exchange)

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
    declared.run(Desk(settings, of_steps.stage, declared, unit, mail))


# ------------------------------------------------------------------------------------------------ exchanges


class Exchange(Protocol):
    """Has steps run, each of whose units gets the rows of all units that sent it some, or fails."""

    def run_step(self, number: int, ready: "beam.PCollection[int]") -> "beam.PCollection[int]":
        """The units of a step that ran; `ready` is one element, there when the step before is done."""


def default_exchange(options: PipelineOptions) -> ExchangeName:
    """What suits a runner: files where it groups in memory, else its own grouping."""
    return FILES if groups_in_memory(options) else ENGINE


def named(exchange: ExchangeName, placed: Placed, steps: tuple[Step, ...]) -> Exchange:
    return EngineExchange(placed, steps) if exchange == ENGINE else FileExchange(placed, steps)


class FileExchange:
    """Rows travel through files of the run directory."""

    def __init__(self, placed: Placed, steps: tuple[Step, ...]) -> None:
        self._placed, self._steps = placed, steps

    def run_step(self, number: int, ready: "beam.PCollection[int]") -> "beam.PCollection[int]":
        step = self._steps[number]
        return (
            ready
            | f"Begin {step.name}" >> beam.ParDo(_Begin(self._placed, number)).with_output_types(int)
            | f"Spread {step.name}" >> beam.Reshuffle().with_input_types(int).with_output_types(int)
            | f"Run {step.name}" >> beam.ParDo(_RunUnit(self._placed, number)).with_output_types(int)
        )


class EngineExchange:
    """Rows travel by the engine's GroupByKey, as blocks."""

    def __init__(self, placed: Placed, steps: tuple[Step, ...]) -> None:
        self._placed, self._steps = placed, steps
        self._sent: dict[str, list[beam.PCollection[Addressed]]] = {}

    def run_step(self, number: int, ready: "beam.PCollection[int]") -> "beam.PCollection[int]":
        step = self._steps[number]
        units = (
            ready
            | f"Begin {step.name}" >> beam.ParDo(_Begin(self._placed, number)).with_output_types(int)
            | f"Address {step.name}" >> beam.FlatMap(_addressed).with_output_types(Addressed)
        )
        received = [blocks for kind in step.receives for blocks in self._sent.get(kind, [])]
        given = (
            (units, *received)
            | f"Join {step.name}" >> beam.Flatten().with_output_types(Addressed)
            | f"Group {step.name}"
            >> beam.GroupByKey().with_input_types(Addressed).with_output_types(tuple[int, Iterable[pa.RecordBatch]])
            | f"Run {step.name}" >> beam.ParDo(_RunOnBlocks(self._placed, number)).with_output_types(Addressed)
        )
        for kind in step.sends:
            blocks = given | f"{kind.name} of {step.name}" >> beam.ParDo(_OfKind(kind.name)).with_output_types(
                Addressed
            )
            self._sent.setdefault(kind.name, []).append(blocks)
        return given | f"Ran {step.name}" >> beam.FlatMap(_units_of).with_output_types(int)


class _Begin(beam.DoFn):
    """Finishes the step before and yields the units of a step that have to run; its input is one element."""

    def __init__(self, placed: Placed, step: int) -> None:
        self._placed, self._step = placed, step

    def process(self, element: int) -> Iterator[int]:
        _, of_steps = self._placed.open()
        if self._step:
            of_steps.close(self._step - 1)
        yield from of_steps.pending(self._step)


class _RunUnit(beam.DoFn):
    def __init__(self, placed: Placed, step: int) -> None:
        self._placed, self._step = placed, step

    def process(self, element: int) -> Iterator[int]:
        run_unit(*self._placed.open(), self._step, element)
        yield element


class _RunEverything(beam.DoFn):
    def __init__(self, placed: Placed) -> None:
        self._placed = placed

    def process(self, element: int) -> Iterator[int]:
        run_everything(*self._placed.open())
        yield element


class RunEverything(beam.PTransform["beam.PCollection[int]", "beam.PCollection[int]"]):
    """All steps of a small selection, in one process."""

    def __init__(self, placed: Placed) -> None:
        super().__init__()
        self._placed = placed

    def expand(self, ready: "beam.PCollection[int]") -> "beam.PCollection[int]":
        return ready | "Run" >> beam.ParDo(_RunEverything(self._placed)).with_output_types(int)


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


def _addressed(unit: int) -> Iterator[Addressed]:
    """A unit as a block of nothing, so that one that receives no rows runs too."""
    yield unit, _NOTHING


def _units_of(given: Addressed) -> Iterator[int]:
    """The unit that has run, where what it gave says so."""
    if not Stamp.read(given[1]).kind:
        yield given[0]


class _RunOnBlocks(beam.DoFn):
    """Runs a unit on the blocks that came to it; yields what it sends, and that it has run."""

    def __init__(self, placed: Placed, step: int) -> None:
        self._placed, self._step = placed, step

    def process(self, element: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[Addressed]:
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
