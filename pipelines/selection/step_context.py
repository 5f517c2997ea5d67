"""What a step of `select` is, and what a unit of it sees: the settings, what was sent to it, what earlier units noted.

A unit is a pure function: what it received and what was noted decide what it sends, notes and writes. It does not see how rows
travel (`Mail`), so every exchange gives the same decisions. Whatever a step receives, sends and notes it declares: asking for
anything else is a ValueError.

Rows of a kind come to a unit sorted by sender, and of one sender in the order in which it had them. The senders of a kind are
the units of the steps that send it, step after step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.storage.exchange import Rows
from corpus.storage.run_directory import Stage
from filters.copies.duplicates import UInt64s
from pipelines.selection.decision_settings import SelectSettings


@dataclass(frozen=True)
class Kind:
    """Rows that are sent or noted: their columns, and the number of units that can receive them (1: a note)."""

    name: str
    schema: pa.Schema
    receivers: int = 1


@dataclass(frozen=True)
class Step:
    """What each of some units does.

    `receives` and `noted` are names of kinds that earlier steps send and note; of one that no step of this run sends, nothing
    comes.
    """

    name: str
    run: "Callable[[StepContext], None]"
    units: int
    receives: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    sends: tuple[Kind, ...] = ()
    notes: tuple[Kind, ...] = ()


class Mail(Protocol):
    """How rows come to a unit and go from it."""

    def received(self, kind: str) -> tuple[Rows, NDArray[np.int64]]:
        """(rows, (rows,) number of the sender); ({}, nothing) of a kind that no step of this run sends."""

    def send(self, kind: Kind, rows: Rows, receiver: NDArray[Any]) -> None:
        """Sends each row to a unit of the steps that receive the kind. At most once a kind."""

    def note(self, kind: Kind, rows: Rows) -> None:
        """Keeps rows for later steps."""

    def noted(self, kind: str, unit: int) -> Rows:
        """What a unit of an earlier step noted."""


@dataclass(frozen=True)
class StepContext:
    """Where a unit of a step works."""

    settings: SelectSettings
    stage: Stage
    step: Step
    unit: int
    mail: Mail

    def receive(self, kind: str) -> Rows:
        """What was sent; {} where no step sends the kind, as when a kind of duplicate is switched off."""
        return self.receive_with_sender(kind)[0]

    def receive_with_sender(self, kind: str) -> tuple[Rows, NDArray[np.int64]]:
        """(what was sent, (rows,) the unit that sent each row), of a kind that one step sends."""
        if kind not in self.step.receives:
            raise ValueError(f"step {self.step.name} does not declare that it receives {kind}")
        return self.mail.received(kind)

    def send(self, kind: str, rows: Rows, receiver: NDArray[Any]) -> None:
        """Sends each row to a unit."""
        declared = self._declared(kind, self.step.sends)
        self.mail.send(declared, rows, receiver)

    def send_to_parts(self, kind: str, rows: Rows, doc_id: UInt64s) -> None:
        """Sends each row to the part that holds a document."""
        self.send(kind, rows, self.settings.part_of(doc_id))

    def note(self, kind: str, rows: Rows) -> None:
        """Keeps rows for later steps."""
        declared = self._declared(kind, self.step.notes)
        self.mail.note(declared, rows)

    def noted(self, kind: str, unit: int) -> Rows:
        """What a unit of an earlier step noted."""
        if kind not in self.step.noted:
            raise ValueError(f"step {self.step.name} does not declare that it reads the notes {kind}")
        return self.mail.noted(kind, unit)

    def edges(self, part: int) -> str:
        """The file of a part's verified edges, named by its first work item, whose record names it."""
        return edges_url(self.settings, self.stage, part)

    def items(self, part: int) -> range:
        """The work items of a part."""
        return self.settings.parts[part]

    def _declared(self, kind: str, kinds: tuple[Kind, ...]) -> Kind:
        for each in kinds:
            if each.name == kind:
                return each
        raise ValueError(f"step {self.step.name} does not declare that it sends or notes {kind}")


def edges_url(settings: SelectSettings, stage: Stage, part: int) -> str:
    """The file of a part's verified edges."""
    return stage.output("edges", settings.parts[part].start)
