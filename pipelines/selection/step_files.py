"""The files of a selection's steps: notes, records, what a step sent; and which of them are done with.

    RUN/exchange/FP/EXCHANGE/settings.json            what the steps were begun with; other settings begin anew
    RUN/exchange/FP/EXCHANGE/KIND/0000012-DIGEST.rows rows that a unit noted or, where files are the exchange, sent
    RUN/exchange/FP/EXCHANGE/steps/STEP.arrow         the units of a finished step and what each sent and noted (SENT)
    RUN/stages/select/FP/EXCHANGE/00012.json          a unit is done: its record names the digests of its files

Units are numbered through, step after step. A step is finished when its table lies there: written once, outside of the units,
after all of them; from then on it alone says which files count, whatever a late unit writes. A unit whose record is there never
runs again where files are the exchange. Deleting the folder `exchange` begins a selection anew.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from corpus.columns import numbers
from corpus.errors import DamageError
from corpus.storage import deletion, files, ipc
from corpus.storage.exchange import Rows, SentFile, read_rows, sent_file, write_rows
from corpus.storage.ipc import Written
from corpus.storage.run_directory import ItemRecord, Stage
from corpus.storage.run_names import EXCHANGE
from pipelines.running.work_items import recorded
from pipelines.selection.step_context import Kind, Step

#: What the units of a finished step sent and noted: a row for each unit and kind.
SENT = pa.schema(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("unit", pa.uint32(), nullable=False),
        pa.field("rows", pa.uint64(), nullable=False),
        pa.field("bytes", pa.uint64(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
    ]
)

#: How often a build looks for what it can delete.
SWEEP_SECONDS = 2.0

_REMEDY = "delete the folder exchange of the run directory and give the same command"


class StepFiles:
    """The files of the steps of one selection under one exchange. `remembers`: whether what units sent outlives the pipeline."""

    def __init__(self, stage: Stage, steps: Sequence[Step], *, exchange: str, remembers: bool) -> None:
        self.stage, self.steps, self.remembers = stage, tuple(steps), remembers
        self.records = stage.run.stage(stage.name, files.join(stage.fingerprint, exchange))
        self._below = f"{EXCHANGE}/{stage.fingerprint}/{exchange}"
        self._folder = stage.run.path(self._below)

    # -------------------------------------------------------------------------------------------- steps and units

    def begin(self, settings: bytes) -> str:
        """Makes ready for a pipeline with these settings: what others left goes; returns the URL of the settings."""
        url = files.join(self._folder, "settings.json")
        if not (self.remembers and files.exists(url) and files.read_bytes(url) == settings):
            run = self.stage.run
            deletion.remove_folder(run.url, self._below)
            deletion.remove_folder(run.url, f"stages/{self.records.name}/{self.records.fingerprint}")
            files.write_bytes(url, settings)
        self.sweep()
        return url

    def number(self, step: int, unit: int) -> int:
        """A unit's number among those of all steps."""
        return self._first[step] + unit

    def sender(self, kind: str, step: int, unit: int) -> int:
        """A unit's number among the senders of a kind."""
        before = (each.units for each in self.steps[:step] if any(sent.name == kind for sent in each.sends))
        return sum(before) + unit

    def pending(self, step: int) -> list[int]:
        """The units of a step that have to run."""
        units = range(self.steps[step].units)
        if not self.remembers:
            return list(units)
        if self._is_closed(step):
            return []
        finished = set(self.records.finished())
        return [unit for unit in units if self.number(step, unit) not in finished or not self.is_done(step, unit)]

    def is_done(self, step: int, unit: int) -> bool:
        """Whether a unit has run, so that it need not again: a record that a power cut left empty is none."""
        return self.remembers and recorded(self.records, self.number(step, unit)) is not None

    def finish(self, step: int, unit: int, outputs: dict[str, Written]) -> None:
        """Marks a unit as done: the last thing that it writes."""
        self.records.finish(ItemRecord(self.number(step, unit), outputs, {}))

    def close(self, step: int) -> None:
        """Writes the table of a step whose units have all run, unless it lies there. Raises DamageError where a record is missing."""
        if self._is_closed(step):
            return
        names = [kind.name for kind in self._kept(self.steps[step])]
        rows: list[tuple[str, int, int, int, str]] = []
        for unit in range(self.steps[step].units if names else 0):
            number = self.number(step, unit)
            try:
                outputs = self.records.record(number).outputs
                rows += [(name, unit, *_fields(outputs[name])) for name in names]
            except (FileNotFoundError, KeyError) as error:
                where = self.records.file(f"{number:05d}.json")
                raise DamageError(
                    f"{where}: does not say what the unit of {self.steps[step].name} sent; {_REMEDY}"
                ) from error
        columns = zip(*rows, strict=True) if rows else [[] for _ in SENT]
        table = pa.table([pa.array(each, field.type) for each, field in zip(columns, SENT, strict=True)], schema=SENT)
        ipc.write_table(self._table(step), table, SENT)

    # -------------------------------------------------------------------------------------------- rows

    def kind(self, name: str) -> Kind | None:
        """A kind that some step sends or notes; None where none does."""
        return self._kinds.get(name)

    def write(self, kind: Kind, step: int, unit: int, rows: Rows, receiver: NDArray[Any]) -> Written:
        """Writes what a unit sends."""
        folder, number = self._of_kind(kind.name), self.number(step, unit)
        return write_rows(folder, number, rows, receiver, receivers=kind.receivers, schema=kind.schema)

    def note(self, kind: Kind, step: int, unit: int, rows: Rows) -> Written:
        """Writes what a unit notes."""
        return self.write(kind, step, unit, rows, np.zeros(len(next(iter(rows.values()))), np.uint8))

    def read(self, name: str, receiver: int) -> tuple[Rows, NDArray[np.int64]]:
        """(what all units of the steps that send a kind sent to one receiver, (rows,) number of the sender)."""
        if name not in self._kinds:
            return {}, np.empty(0, np.int64)
        kind = self._kinds[name]
        return read_rows(self._sent(name), receiver, receivers=kind.receivers, schema=kind.schema)

    def noted(self, name: str, unit: int) -> Rows:
        """What a unit noted."""
        kind = self._kinds[name]
        return read_rows([self._sent(name)[unit]], 0, receivers=1, schema=kind.schema)[0]

    def _sent(self, name: str) -> list[SentFile]:
        """The files of all senders of a kind, in their order."""
        found: list[SentFile] = []
        for step, each in enumerate(self.steps):
            if any(kind.name == name for kind in (*each.sends, *each.notes)):
                found += self._sent_by(step, name)
        return found

    def _sent_by(self, step: int, name: str) -> list[SentFile]:
        url = self._table(step)
        try:
            table = ipc.open_table(url, SENT)
        except (FileNotFoundError, DamageError) as error:
            raise DamageError(f"{url}: is gone or damaged; {_REMEDY}") from error
        mine = table.filter(pc.equal(table["kind"], name)).combine_chunks()
        if not np.array_equal(numbers(mine["unit"]), np.arange(self.steps[step].units)):
            raise DamageError(f"{url}: does not name what each unit of {self.steps[step].name} sent; {_REMEDY}")
        folder = self._of_kind(name)
        return [
            sent_file(folder, self.number(step, row["unit"]), Written(row["rows"], row["bytes"], row["digest"]))
            for row in mine.to_pylist()
        ]

    # -------------------------------------------------------------------------------------------- deletion

    def sweep(self) -> None:
        """Deletes the rows of kinds that no step reads any more: those that do are finished. By the driver alone."""
        tables = set(files.names(files.join(self._folder, "steps")))
        for name, last in self._last_readers.items():
            if f"{self.steps[last].name}.arrow" in tables and name not in self._swept:
                deletion.remove_folder(self.stage.run.url, f"{self._below}/{name}")
                self._swept.add(name)

    @contextmanager
    def swept(self) -> Iterator[None]:
        """Sweeps now and then, in a thread."""
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(SWEEP_SECONDS):
                try:
                    self.sweep()
                except OSError:  # a store that does not answer: what is left now goes later
                    continue

        thread = threading.Thread(target=run, name="sweep-exchange", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    # -------------------------------------------------------------------------------------------- places

    @cached_property
    def _first(self) -> list[int]:
        return np.cumsum([0, *(step.units for step in self.steps)]).tolist()

    @cached_property
    def _kinds(self) -> dict[str, Kind]:
        return {kind.name: kind for step in self.steps for kind in (*step.sends, *step.notes)}

    @cached_property
    def _last_readers(self) -> dict[str, int]:
        """The last step that reads each kind."""
        steps = enumerate(self.steps)
        return {name: number for number, step in steps for name in (*step.receives, *step.noted) if name in self._kinds}

    @cached_property
    def _swept(self) -> set[str]:
        return set()

    def _kept(self, step: Step) -> tuple[Kind, ...]:
        """What lies in files of what a step gives."""
        return (*step.notes, *(step.sends if self.remembers else ()))

    def _is_closed(self, step: int) -> bool:
        return files.exists(self._table(step))

    def _table(self, step: int) -> str:
        return files.join(self._folder, "steps", f"{self.steps[step].name}.arrow")

    def _of_kind(self, name: str) -> str:
        return files.join(self._folder, name)


class FileMail:
    """Mail of one unit through files; what it received is kept for its next question."""

    def __init__(self, of_steps: StepFiles, step: int, unit: int) -> None:
        self._files, self._step, self._unit = of_steps, step, unit
        self._received: dict[str, tuple[Rows, NDArray[np.int64]]] = {}
        self.outputs: dict[str, Written] = {}

    def received(self, kind: str) -> tuple[Rows, NDArray[np.int64]]:
        if kind not in self._received:
            self._received[kind] = self._files.read(kind, self._unit)
        return self._received[kind]

    def send(self, kind: Kind, rows: Rows, receiver: NDArray[Any]) -> None:
        self.outputs[kind.name] = self._files.write(kind, self._step, self._unit, rows, receiver)

    def note(self, kind: Kind, rows: Rows) -> None:
        self.outputs[kind.name] = self._files.note(kind, self._step, self._unit, rows)

    def noted(self, kind: str, unit: int) -> Rows:
        return self._files.noted(kind, unit)


def _fields(written: Written) -> tuple[int, int, str]:
    return written.rows, written.bytes, written.digest
