"""A build: `plan`, then every stage of `pipelines.stage_list` that the recipe wants, each skipped where its work is done.

Each stage has a fingerprint of everything that can change its bytes, the fingerprints of the stages it reads from included. Its
work items write files named by item and fingerprint, and last a record; an item with a record is never run again. So a second
call continues after Ctrl-C or a crash, and a changed threshold runs `select` and what follows, not `extract`.
"""

import dataclasses
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions
from rich.console import Console

from corpus import schema
from corpus.errors import BuildError, RunDirectoryError
from corpus.recipe import Recipe
from corpus.sources.splits import InputFile, write_splits
from corpus.storage import deletion, files
from corpus.storage.item_records import Records
from corpus.storage.run_directory import COMPACT, STORED, RunDirectory, Stage, Work
from corpus.storage.run_lock import only_build
from corpus.storage.run_marker import claim
from corpus.storage.run_names import MARKER
from corpus.written_by import stamp, this_version, writer_of
from pipelines.prepared import prepare
from pipelines.running import interrupts
from pipelines.running.progress import StageWatch
from pipelines.running.runners import pipeline_options, quiet_workers, run_pipeline
from pipelines.running.work_items import RunItems, write_pending
from pipelines.stage_list import NAMES, STAGES, kinds_of
from pipelines.stages.listing import Planned, plan_additions, what_changed
from pipelines.stages.stage import ExchangeName, StageSpec, Upstream


@dataclasses.dataclass(frozen=True)
class Options:
    """How to run, as opposed to what: nothing here reaches a byte of output."""

    workers: int | None = None
    beam_args: Sequence[str] = ()
    until: str = NAMES[-1]
    break_lock: bool = False
    exchange: ExchangeName | None = None  # None: what suits the runner


class Build:
    """One call of `corpus build`: a recipe, a run directory, a way of running. It drives the stages."""

    def __init__(
        self, recipe: Recipe, recipe_path: Path, run: RunDirectory, options: Options, console: Console
    ) -> None:
        self.recipe, self.recipe_path, self.run = recipe, recipe_path, run
        self.options, self.console = options, console
        self._ran: set[Stage] = set()
        self._read: dict[Stage, Records] = {}  # what stages recorded, each read once a call

    def build(self) -> None:
        """Runs every stage up to `options.until`. Raises a CorpusError; what is finished stays."""
        pipeline_options(self.options.beam_args, workers=self.options.workers, pending=1)
        prepared = prepare(self.recipe, self.recipe_path)
        claim(self.run.url, self.recipe.run.name)
        with only_build(self.run, break_lock=self.options.break_lock, on_loss=interrupts.fail):
            up = Upstream(self.recipe, self.recipe_path, self.run, self._plan(prepared.inputs))
            if self.options.until == "plan":
                return
            for spec in STAGES:
                if spec.wanted(self.recipe):
                    spec.run(self, up, prepared.opened[spec.name])
                else:
                    self._forget(spec)
                if spec.name == self.options.until:
                    return

    # ---------------------------------------------------------------------------------------------- plan

    def _plan(self, inputs: list[InputFile]) -> list[Planned]:
        """Writes recipe and splits of a new run, or of one to which something is added; checks those of an old one."""
        planned, splits = plan_additions(self.recipe, inputs)
        self._check_same_run(planned, inputs)
        self.run.write_json(self.recipe.model_dump(mode="json"), "recipe.json")
        files.write_bytes(self.run.path("recipe.toml"), self.recipe_path.read_bytes())
        written = write_splits(self.run.path("splits.arrow"), splits)
        items, total = planned[-1].items, sum(each.input_bytes for each in planned)
        manifest = {"fingerprint": planned[-1].fingerprint, "items": items, "splits": splits.num_rows, **stamp()}
        manifest |= {"files": len(inputs), "input_bytes": total, "additions": [each.to_json() for each in planned]}
        stored = {name: loose_file(self.run, name) for name in (MARKER, "recipe.json", "recipe.toml")}
        manifest[STORED] = stored | {"splits.arrow": {"bytes": written.bytes, "digest": written.digest}}
        self.run.write_stage_manifest("plan", manifest)
        self.say("plan", f"{len(inputs)} files, {total:,} bytes, {splits.num_rows} splits, {items} work items")
        return planned

    def _plans_of_older_versions(self, inputs: list[InputFile]) -> Iterator[list[Planned]]:
        for number in range(schema.SCHEMA_VERSION - 1, 0, -1):
            yield plan_additions(self.recipe, inputs, schema_version=number)[0]

    def _check_same_run(self, planned: list[Planned], inputs: list[InputFile]) -> None:
        """`planned` has what the run began with, and each addition."""
        if not self.run.has_stage("plan"):
            return
        manifest = self.run.stage_manifest("plan")
        additions = manifest.get("additions", [manifest])
        before, marks = [each["fingerprint"] for each in additions], [each.fingerprint for each in planned]
        older = ([each.fingerprint for each in plan] for plan in self._plans_of_older_versions(inputs))
        if marks[: len(before)] == before:
            if len(marks) > len(before):
                self._unfinish(STAGES[0].name)
        elif not any(
            plan[: len(before)] == before for plan in older
        ):  # else every stage sees by its own that it runs again
            changed = what_changed(additions, planned)
            if changed is not None and self._has_records(STAGES[0].name):
                raise RunDirectoryError(
                    f"{self.run.url}: was built from other inputs than {self.recipe_path} lists: {changed}; "
                    "name new files in an [[addition]] at the end, or give another --run-dir"
                )
            self.say("plan", "the inputs are planned anew: " + (changed or "they are read as something else now"))
            self._unfinish(STAGES[0].name)

    def _has_records(self, stage: str) -> bool:
        """Whether any work item of a stage was finished, under whatever fingerprint."""
        return bool(files.glob(self.run.path("stages", stage, "*", "*")))

    # ---------------------------------------------------------------------------- what stages are driven by

    def open(self, spec: StageSpec[Any, Any], mark: str) -> Stage:
        """The stage under its fingerprint. What an older one left no longer counts as done, here and after it."""
        if self.run.has_torn_manifest(spec.name) or (
            self.run.has_stage(spec.name) and self.run.current_stage(spec.name).fingerprint != mark
        ):
            self._say_older(spec)
            self._unfinish(spec.name)
        stage = self.run.stage(spec.name, mark)
        stage.begin()
        return stage

    def run_items(
        self,
        stage: Stage,
        items: list[int],
        work: Work,
        settings: Callable[[], object],
        before: Callable[[], None] | None = None,
    ) -> None:
        """Runs the items that have no record; `settings` and `before` are called where there is one."""
        finished = set(self.records(stage).items.tolist())
        pending = [item for item in items if item not in finished]
        if not pending:
            if self._lacks_files(stage):  # which a repair deleted; the work of the items is done
                settings()
            self.say(stage.name, f"{len(items)} items were done before")
            return
        stage.forget_compact()
        self._ran.add(stage)
        if before is not None:
            before()
        transform = RunItems(stage, write_pending(stage, pending), work, settings())
        started, skipped = time.monotonic(), len(items) - len(pending)
        self._run(stage, transform, pending=len(pending), watched=stage, items=items, done=skipped)
        self._check_recorded(stage, pending)
        note = f" ({skipped} were done before)" if skipped else ""
        self.say(stage.name, f"{len(pending)} items in {time.monotonic() - started:.1f} s{note}")

    def run_transform(
        self, stage: Stage, transform: Any, *, pending: int, watched: Stage, units: int, recorded: int, what: str
    ) -> None:
        """Runs a Beam transform over so many pending work items, whose units `watched` records."""
        started, before = time.monotonic(), len(watched.finished())
        self._run(stage, transform, pending=pending, watched=watched, items=range(units), done=before)
        self._check_recorded(stage, list(range(recorded)))
        again = f" ({before} of {units} units were done before)" if before else ""
        self.say(stage.name, f"{what} in {time.monotonic() - started:.1f} s{again}")

    def close(self, spec: StageSpec[Any, Any], stage: Stage, more: Mapping[str, Any]) -> dict[str, int]:
        """Writes the manifest of a finished stage and deletes what older fingerprints left; the sums of its counts."""
        records = self.records(stage)
        totals = records.totals()
        # Where no manifest has its digest, what lies there proves nothing.
        is_new = len(records) > 0 and not (records.stored and self.run.has_stage(stage.name))
        if is_new:
            stage.compact(records)
        manifest = {"fingerprint": stage.fingerprint, "items": len(records), "counts": totals, **more}
        before = self._manifest_before(stage)
        manifest[STORED] = self._files_of(spec, stage, before or {}, new=is_new)
        # The settings under which the stage is complete: pipelines.report.run_settings.
        manifest["recipe"] = self.recipe.model_dump(mode="json")
        # The version that finished the stage: of one that was finished before, the one that did it then.
        manifest |= stamp() if before is None else {key: before[key] for key in stamp() if key in before}
        self.run.write_stage_manifest(stage.name, manifest)
        self._name_left(stage.name, self.run.remove_superseded(stage, tuple(_kinds(spec))))
        return totals

    def _manifest_before(self, stage: Stage) -> dict[str, Any] | None:
        """The manifest of a stage that was finished before, under this fingerprint."""
        before = self.run.manifest_of(stage.name)
        return before if before is not None and before["fingerprint"] == stage.fingerprint else None

    @property
    def exchange(self) -> ExchangeName | None:
        """How `select` is asked to shuffle; None: as suits the runner."""
        return self.options.exchange

    def beam_options(self, pending: int) -> PipelineOptions:
        """Beam's options for a pipeline of so many work items."""
        return pipeline_options(self.options.beam_args, workers=self.options.workers, pending=pending)

    def records(self, stage: Stage) -> Records:
        """What the items of a stage recorded so far, as it was read last in this build."""
        if stage not in self._read:
            self._read[stage] = stage.read_records()
        return self._read[stage]

    def has_run(self, stage: Stage) -> bool:
        """Whether items of the stage ran in this build."""
        return stage in self._ran

    def say(self, name: str, what: str) -> None:
        self.console.print(f"[bold]{name:<16}[/]{what}", highlight=False)

    # ---------------------------------------------------------------------------------------- mechanism

    def _run(
        self, stage: Stage, transform: Any, *, pending: int, watched: Stage, items: Sequence[int], done: int
    ) -> None:
        options = self.beam_options(pending)
        with StageWatch(self.console, watched, items=items, done=done):
            run_pipeline(transform, options, name=stage.name)

    def _files_of(
        self, spec: StageSpec[Any, Any], stage: Stage, before: Mapping[str, Any], *, new: bool
    ) -> dict[str, Any]:
        """What the manifest of a stage says of files that no record names; what it said before is not read again."""
        there = stage.loose()
        stated = before.get(STORED, {}).items()
        known = {name: each for name, each in stated if name in there and there[name].bytes == each["bytes"]}
        if new:
            known.pop(stage.name_of(COMPACT), None)
        found = {name: known[name] if name in known else loose_file(self.run, name) for name in there}
        return found | {name: loose_file(self.run, name) for name in spec.beside}

    def _lacks_files(self, stage: Stage) -> bool:
        """Whether files may be gone, or damaged, that a finished stage had beside its records: no manifest, no proof."""
        if not self.run.has_stage(stage.name):
            return True
        stated = (self._manifest_before(stage) or {}).get(STORED, {})
        before = {name for name in stated if name.startswith("stages/")}
        return bool(before) and not before <= stage.loose().keys() | {stage.name_of(COMPACT)}

    def _check_recorded(self, stage: Stage, items: list[int]) -> None:
        self._read.pop(stage, None)
        missing = sorted(set(items) - set(self.records(stage).items.tolist()))
        if missing:
            raise BuildError(f"stage {stage.name}: the runner ended well, but items {missing[:5]} have no record")

    def _say_older(self, spec: StageSpec[Any, Any]) -> None:
        """One line where what runs again is another version's: by which, and what runs again with it."""
        if not self.run.has_stage(spec.name):
            return
        writer, changed = writer_of(self.run.stage_manifest(spec.name)), {spec.name}
        if writer == this_version():
            return
        kinds = {output.kind for output in spec.writes} | kinds_of(self.run.current_stage(spec.name))
        for later in STAGES[STAGES.index(spec) + 1 :]:
            if self.run.has_stage(later.name) and kinds & {output.kind for output in later.reads}:
                changed.add(later.name)
                kinds |= {output.kind for output in later.writes}
        names = ", ".join(name for name in NAMES if name in changed)
        self.say(
            spec.name, f"written by {writer}, this is {this_version()}: runs again, with all that reads it ({names})"
        )

    def _unfinish(self, name: str) -> None:
        """A stage and those after it no longer count as done."""
        for later in NAMES[NAMES.index(name) :]:
            # The manifest is what names the fingerprint of a run that an older version wrote.
            if later != "plan" and self.run.has_stage(later):
                self.run.current_stage(later).begin()
            self.run.remove_stage_manifest(later)

    def _forget(self, spec: StageSpec[Any, Any]) -> None:
        """Deletes what a stage left that the recipe no longer has; what went by it no longer counts as done."""
        if self.run.has_stage(spec.name):
            self._unfinish(spec.name)
        self._name_left(spec.name, self.run.remove_stage(spec.name, tuple(_kinds(spec))))
        for output in spec.writes:
            if not output.by_fingerprint:
                deletion.remove_folder(self.run.url, output.kind)

    def withdraw(self, spec: StageSpec[Any, Any]) -> str:
        """Deletes what a stage without work items made of an earlier recipe; what an error that led to this says of it."""
        if not self.run.has_stage(spec.name):
            return ""
        self._forget(spec)
        return f"; the {spec.name} of the earlier recipe are withdrawn, and made again by its own"

    def _name_left(self, stage: str, left: list[str]) -> None:
        """Says what lies in a stage's folders that no build put there."""
        if left:
            more = f" and {len(left) - 3} more" if len(left) > 3 else ""
            self.say(stage, f"left as not of this run: {', '.join(map(repr, left[:3]))}{more}")


def loose_file(run: RunDirectory, name: str) -> dict[str, Any]:
    """Size and XXH3-128 of a file of a run, as a manifest has them."""
    url = run.path(name)
    return {"bytes": files.size(url), "digest": files.digest(url)}


def _kinds(spec: StageSpec[Any, Any]) -> list[str]:
    """The folders of a stage's outputs in which each fingerprint has one of its own."""
    return sorted({output.kind for output in spec.writes if output.by_fingerprint})


def run_build(recipe: Recipe, recipe_path: Path, run: RunDirectory, options: Options) -> None:
    """Builds with a display on standard error, and says at the end what it took."""
    started = time.monotonic()
    with quiet_workers() as terminal:
        console = Console(file=terminal, soft_wrap=True)
        Build(recipe, recipe_path, run, options, console).build()
        seconds, peak = time.monotonic() - started, peak_memory_bytes() / 2**20
        console.print(
            f"[bold]{'done':<16}[/]{seconds:.1f} s, peak memory of one process {peak:,.0f} MiB", highlight=False
        )


def peak_memory_bytes() -> int:
    """Peak resident memory of the largest process of this build: itself, or a worker that has ended."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
