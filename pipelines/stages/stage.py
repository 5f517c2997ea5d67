"""A stage of a build, declared once. `pipelines.stage_list` has them all in their order.

A stage has work items. Its work on one is a pure function `(stage, item, settings) → ItemRecord`, which writes files named by
item and fingerprint and counts what it did; the driver records the item as done. Its fingerprint is a hash of

    schema version | fingerprints of the stages that write what it reads | versions of the code (pipelines.stages.versions)
    | what `fingerprint` adds: settings, digests of models

so a stage runs again exactly where one of these changed. `build`, `verify`, `stats`, repair and `plan` iterate over the list of
specifications; adding a stage is a module and a line in it.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from corpus.recipe import Recipe
from corpus.storage.item_records import ItemRecord, Records
from corpus.storage.run_directory import RunDirectory, Stage, Work
from pipelines.stages.costs import Sizes, StageCost
from pipelines.stages.findings import Checked, Seen
from pipelines.stages.listing import Planned
from pipelines.stages.outputs import Output
from pipelines.stages.versions import versions_of

#: Files of the run directory, or the engine's own grouping.
ExchangeName = Literal["files", "engine"]

Opened = TypeVar("Opened")
Settings = TypeVar("Settings")


@dataclasses.dataclass(frozen=True)
class Conservation:
    """The counts of what enters a stage and of what leaves it: entered = left + dropped + failed, each by reason.

    What leaves a stage enters the next one that has a law.
    """

    entered: str
    left: str


@dataclasses.dataclass
class Upstream:
    """What a stage finds when its turn comes: the recipe, the plan, and the stages before it."""

    recipe: Recipe
    recipe_path: Path
    run: RunDirectory
    planned: Sequence[Planned]  # what the run began with, then each addition
    writers: dict[str, Stage] = dataclasses.field(default_factory=dict)  # kind of output → the stage that wrote it
    marks: dict[str, str] = dataclasses.field(
        default_factory=dict
    )  # Output.mark → what a reader's fingerprint depends on
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)  # what a stage says to later ones, by its name

    @property
    def items(self) -> list[int]:
        """The work items of the whole run, additions included."""
        return list(range(self.planned[-1].items))

    @property
    def splits(self) -> str:
        """URL of the table of splits."""
        return self.run.path("splits.arrow")

    def writer(self, output: Output) -> Stage:
        """The stage that wrote an output. Raises KeyError where none did."""
        return self.writers[output.kind]

    def writer_if_any(self, output: Output) -> Stage | None:
        return self.writers.get(output.kind)


class Driver(Protocol):
    """What a build offers to the stages that it drives."""

    def open(self, spec: "StageSpec[Any, Any]", mark: str) -> Stage:
        """The stage under its fingerprint; what an older one left no longer counts as done, here and after it."""

    def run_items(
        self,
        stage: Stage,
        items: list[int],
        work: Work,
        settings: Callable[[], object],
        before: Callable[[], None] | None = None,
    ) -> None:
        """Runs the items that have no record; `settings` and `before` are called where there is one."""

    def run_transform(
        self, stage: Stage, transform: Any, *, pending: int, watched: Stage, units: int, recorded: int, what: str
    ) -> None:
        """Runs a Beam transform over so many pending work items, whose units `watched` records."""

    def close(self, spec: "StageSpec[Any, Any]", stage: Stage, more: Mapping[str, Any]) -> dict[str, int]:
        """Writes the manifest of a finished stage, deletes what older fingerprints left; the sums of its counts."""

    @property
    def exchange(self) -> "ExchangeName | None":
        """How `select` is asked to shuffle; None: as suits the runner."""

    def beam_options(self, pending: int) -> Any:
        """Beam's options for a pipeline of so many work items."""

    def records(self, stage: Stage) -> Records:
        """What the items of a stage recorded so far, as it was read last in this build."""

    def has_run(self, stage: Stage) -> bool:
        """Whether items of the stage ran in this build."""

    def withdraw(self, spec: "StageSpec[Any, Any]") -> str:
        """Deletes what a stage made of an earlier recipe, and says so, to follow the error that it cannot be made now."""

    def say(self, name: str, what: str) -> None: ...


def _nothing(*arguments: Any) -> None:
    return None


def _no_more(*arguments: Any) -> dict[str, Any]:
    return {}


def _all_items(up: Upstream) -> list[int]:
    return up.items


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageSpec(Generic[Opened, Settings]):
    """Everything that the rest of the program knows about a stage."""

    name: str
    summary: str  # a line for `--help` and the documentation
    reads: tuple[Output, ...]
    writes: tuple[Output, ...]
    #: Modules whose code, with all that it imports, decides the bytes that are written.
    code: tuple[str, ...]
    wanted: Callable[[Recipe], bool] = lambda recipe: True
    #: Opens and checks what the recipe names for this stage, before anything runs.
    opens: Callable[[Recipe, Path], Opened] = _nothing  # type: ignore[assignment]
    #: What else decides its bytes.
    fingerprint: Callable[[Upstream, Opened], tuple[object, ...]] = lambda up, opened: ()
    #: What else readers' fingerprints may depend on: Output.mark → a fingerprint of less than the whole stage.
    marks: Callable[[Upstream, Opened], dict[str, str]] = _no_more
    #: What its work is given; stores what workers need beside the stage's records.
    settings: Callable[[Upstream, Opened, Stage], Settings] = _nothing  # type: ignore[assignment]
    work: Callable[[Stage, int, Settings], ItemRecord] | None = None
    items: Callable[[Upstream], list[int]] = _all_items
    #: Compiles kernels once, before workers start: each would compile for itself otherwise.
    warm_up: Callable[[Opened], None] = _nothing
    #: What else the stage's manifest says.
    manifest: Callable[[Upstream, Opened], dict[str, Any]] = _no_more
    #: Looks at the sums of a finished stage. Raises BuildError where they must end the build.
    closed: Callable[[Driver, Upstream, Stage, dict[str, int]], None] = _nothing
    #: Another way of running than a function over items.
    drive: "Callable[[Driver, Upstream, StageSpec[Opened, Settings], Opened], Stage] | None" = None
    #: A record for each work item of the plan; else items of its own, or none at all.
    of_input: bool = True
    has_records: bool = True
    #: Files that each build writes anew, in no folder of the stage's; without a record.
    beside: tuple[str, ...] = ()
    conserves: Conservation | None = None
    #: What `plan` says that it takes; None where it takes nothing.
    costs: Callable[[Sizes], StageCost | None] = _nothing
    #: What `verify` looks at in a work item's files, which are the bytes that its record names.
    check: Callable[[Seen, Stage, ItemRecord], Checked] | None = None

    def run(self, driver: Driver, up: Upstream, opened: Opened) -> None:
        """Has the stage done, and tells later ones where its files lie."""
        stage = self.drive(driver, up, self, opened) if self.drive is not None else self._over_items(driver, up, opened)
        up.marks.update(self.marks(up, opened))
        for output in self.writes:
            up.writers[output.kind] = stage
            up.marks.setdefault(output.mark, stage.fingerprint)

    def mark(self, up: Upstream, opened: Opened) -> str:
        """The stage's fingerprint."""
        from corpus import schema
        from corpus.recipe import fingerprint

        before = {each.mark: up.marks[each.mark] for each in self.reads if each.mark in up.marks}
        return fingerprint(
            self.name, schema.SCHEMA_VERSION, before, versions_of(*self.code), *self.fingerprint(up, opened)
        )

    def _over_items(self, driver: Driver, up: Upstream, opened: Opened) -> Stage:
        if self.work is None:
            raise TypeError(f"stage {self.name}: neither `work` nor `drive`")
        stage = driver.open(self, self.mark(up, opened))
        driver.run_items(
            stage,
            self.items(up),
            self.work,
            lambda: self.settings(up, opened, stage),
            before=lambda: self.warm_up(opened),
        )
        self.closed(driver, up, stage, driver.close(self, stage, self.manifest(up, opened)))
        return stage
