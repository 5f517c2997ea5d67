"""A build: the stages in their order, each skipped where its work is done. What a reader opens first.

    plan → extract → [decontaminate → exams] → [score] → [lines] → select → train-tokenizer → tokenize → pack → phases

Each stage has a fingerprint of everything that can change its bytes, the fingerprint of the stage before included. Its
work items write files named by item and fingerprint, and last a record; an item with a record is never run again. So a
second call continues after Ctrl-C or a crash, and a changed threshold runs `select` and what follows, not `extract`.
"""

import dataclasses
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from rich.console import Console

from corpus import schema
from corpus.columns import numbers
from corpus.domains import language_of
from corpus.errors import BuildError, RecipeError, RunDirectoryError
from corpus.feed.phases import plan_phases
from corpus.recipe import Recipe, fingerprint
from corpus.recipe_files import parse_recipe
from corpus.report.copies import loss_warnings, source_copies
from corpus.sources.splits import InputFile, list_inputs
from corpus.storage import files, ipc
from corpus.storage.pinned import PinnedFile
from corpus.storage.run_directory import STAGES, RunDirectory, Stage
from corpus.storage.run_lock import only_build
from corpus.text.url_lists import read_url_lists
from filters import duplicates
from filters.exams.items import Item
from filters.rules import load_profiles
from filters.scoring import Scorer, warm_up
from pipelines import (
    decontamination,
    exams_met,
    extraction,
    lines,
    packing,
    prerequisites,
    scoring,
    tokenization,
    tokenizer,
)
from pipelines.additions import Planned, Selection, decided_counts, plan_additions, plan_selections
from pipelines.progress import StageWatch
from pipelines.runners import pipeline_options, quiet_workers, run_pipeline
from pipelines.selection.exchanges import default_exchange
from pipelines.selection.settings import KINDS as SELECT_KINDS
from pipelines.selection.settings import ExchangeName, LineInputs, SelectSettings, Settled
from pipelines.selection.step_order import step_files, units_of
from pipelines.selection.steps import Select, forget_steps
from pipelines.transforms.partitions import DocumentStages
from pipelines.transforms.work_items import RunItems, Work, write_pending


@dataclasses.dataclass(frozen=True)
class Options:
    """How to run, as opposed to what: nothing here reaches a byte of output."""

    workers: int | None = None
    beam_args: Sequence[str] = ()
    until: str = STAGES[-1]
    exchange: ExchangeName | None = None  # None: what suits the runner


Made = TypeVar("Made")


class _Stop(Exception):  # noqa: N818  # no error: the build was asked to go no further
    pass


class Build:
    """One call of `corpus build`: a recipe, a run directory, a way of running."""

    def __init__(
        self, recipe: Recipe, recipe_path: Path, run: RunDirectory, options: Options, console: Console
    ) -> None:
        self.recipe, self.recipe_path, self.run = recipe, recipe_path, run
        self.options, self.console = options, console

    def build(self) -> None:
        """Runs every stage up to `options.until`. Raises a CorpusError; what is finished stays."""
        inputs = list_inputs(self.recipe, self.recipe_path.parent, where=str(self.recipe_path))
        pipeline_options(self.options.beam_args, workers=self.options.workers, pending=1)
        model = prerequisites.language_model(self.recipe, self.recipe_path)
        given = prerequisites.given_tokenizer(self.recipe, self.recipe_path)
        exams = prerequisites.exam_items(self.recipe, self.recipe_path)
        scorers = prerequisites.named_scorers(self.recipe, self.recipe_path)
        with naming(self.recipe_path):
            load_profiles(self.recipe)
        with only_build(self.run), suppress(_Stop):
            self._build(inputs, model, given, exams, scorers)

    def _build(
        self,
        inputs: list[InputFile],
        model: Path,
        given: str | None,
        exams: list[Item] | None,
        scorers: tuple[Scorer, ...],
    ) -> None:
        planned = self._reached("plan", self._plan(inputs))
        extracted = self._reached("extract", self._extract(planned[0], model))
        contaminated = self._reached("decontaminate", self._decontaminate(extracted, exams))
        self._reached("exams", self._exams_met(planned[-1], contaminated))
        scored = self._reached("score", self._score(extracted, scorers))
        measured = self._reached("lines", self._lines(extracted))
        selections = self._reached("select", self._select(planned, extracted, contaminated, scored, measured))
        stages = DocumentStages(extract=extracted, select=selections[-1].stage)
        trained = self._reached("train-tokenizer", self._tokenizer(stages, selections[0], given))
        tokenized = self._reached("tokenize", self._tokenize(stages, selections[0], trained))
        packed = self._reached("pack", self._pack(planned[-1], tokenized, trained))
        self._phases(packed)

    def _reached(self, stage: str, made: Made) -> Made:
        """What a stage made. Raises _Stop after the last stage that is asked for."""
        if self.options.until == stage:
            raise _Stop
        return made

    # -------------------------------------------------------------------------------------------- stages

    def _plan(self, inputs: list[InputFile]) -> list[Planned]:
        """Writes recipe and splits of a new run, or of one to which something is added; checks those of an old one."""
        planned, splits = plan_additions(self.recipe, inputs)
        self._check_same_run([each.fingerprint for each in planned])
        self.run.write_json(self.recipe.model_dump(mode="json"), "recipe.json")
        files.write_bytes(self.run.path("recipe.toml"), self.recipe_path.read_bytes())
        ipc.write_table(self._splits_url, splits, schema.SPLITS)
        items, total = planned[-1].items, sum(each.input_bytes for each in planned)
        manifest = {"fingerprint": planned[-1].fingerprint, "items": items, "splits": splits.num_rows}
        manifest |= {"files": len(inputs), "input_bytes": total, "additions": [each.to_json() for each in planned]}
        self.run.write_stage_manifest("plan", manifest)
        self._say("plan", f"{len(inputs)} files, {total:,} bytes, {splits.num_rows} splits, {items} work items")
        return planned

    def _check_same_run(self, plan: list[str]) -> None:
        """`plan` has the fingerprint of what the run began with, and of each addition."""
        if not files.exists(self.run.path("recipe.json")):
            return
        old = parse_recipe(self.run.read_json("recipe.json"), self.run.path("recipe.json"))
        if old.run.name != self.recipe.run.name:
            raise RunDirectoryError(
                f"{self.run.url}: holds the run {old.run.name!r}, the recipe {self.recipe_path} names "
                f"{self.recipe.run.name!r}; give another --run-dir"
            )
        if not self.run.has_stage("plan"):
            return
        before = [each["fingerprint"] for each in self.run.stage_manifest("plan")["additions"]]
        if plan[: len(before)] != before:
            raise RunDirectoryError(
                f"{self.run.url}: was built from other sources than {self.recipe_path} lists (files, their content, or "
                f"run.work_item_bytes changed); name new files in an [[addition]] at the end, or give another --run-dir"
            )
        if len(plan) > len(before):
            self._unfinish("extract")

    def _extract(self, begun: Planned, model: Path) -> Stage:
        given = PinnedFile.of(str(model))
        lists = read_url_lists(self.recipe, self.recipe_path.parent, where=str(self.recipe_path))
        digests = {source: found.digest for source, found in lists.items()}
        mark = extraction.extract_fingerprint(
            self.recipe, plan=begun.fingerprint, model_digest=given.digest, url_lists=digests
        )
        stage = self._open("extract", mark)
        urls = {source: found.write(stage.file(f"url_lists.{source}.arrow")) for source, found in lists.items()}
        pinned = given.copied_to(stage.file("language.model"))
        settings = extraction.ExtractSettings.of(self.recipe, splits=self._splits_url, model=pinned, url_lists=urls)
        self._run_items(stage, self._items(), extraction.extract_item, settings, before=lambda: compile_kernels(model))
        totals = self._close(stage, extraction.KINDS, {"libraries": extraction.library_versions()})
        self._check_failures(totals)
        return stage

    def _check_failures(self, totals: dict[str, int]) -> None:
        records = totals["records_in"] + totals["lost_ranges"]
        shares = {
            "records": (totals["failed"] + totals["lost_ranges"], records),
            "input bytes": (totals["lost_bytes"], totals["input_bytes"]),
        }
        allowed = self.recipe.run.max_failed_fraction
        for what, (failed, of) in shares.items():
            if of and failed / of > allowed:
                raise BuildError(
                    f"{self.run.url}: {failed:,} of {of:,} {what} failed ({failed / of:.1%}), run.max_failed_fraction "
                    f"allows {allowed:.1%}; `corpus show {self.run.url} --failed` lists them; everything finished is kept"
                )

    def _decontaminate(self, extracted: Stage, exams: list[Item] | None) -> Stage | None:
        """Looks for evaluation items in the documents; None where the recipe names none."""
        recipe = self.recipe.decontaminate
        if recipe is None or exams is None:
            self._forget("decontaminate", decontamination.KINDS)
            return None
        from filters import decontamination as search
        from filters.exams.index import items_digest

        mark = decontamination.decontaminate_fingerprint(
            recipe, extract=extracted.fingerprint, items_digest=items_digest(exams)
        )
        stage = self._open("decontaminate", mark)
        items = self._items()
        settings = None
        if stage.finished() != items:
            settings = decontamination.store_index(stage, recipe, exams, extract=extracted)
        self._run_items(stage, items, decontamination.decontaminate_item, settings, before=search.warm_up)
        self._close(stage, decontamination.KINDS, {})
        return stage

    def _exams_met(self, last: Planned, contaminated: Stage | None) -> Stage | None:
        """Adds up what was found of each evaluation item, over all additions."""
        if contaminated is None:
            self._forget("exams", exams_met.KINDS)
            return None
        mark = exams_met.exams_fingerprint(decontaminate=contaminated.fingerprint, plan=last.fingerprint)
        stage = self._open("exams", mark)
        settings = exams_met.ExamsSettings(contaminated, contaminated.file("items.arrow"), len(self._items()))
        self._run_items(stage, [0], exams_met.exams_item, settings)
        self._close(stage, exams_met.KINDS, {})
        return stage

    def _score(self, extracted: Stage, scorers: tuple[Scorer, ...]) -> Stage | None:
        """Asks the scorers about the documents; None where the recipe names none."""
        if not scorers:
            self._forget("score", scoring.KINDS)
            return None
        digests = {each.table.signals[0]: each.digest for each in scorers}
        stage = self._open(
            "score", scoring.score_fingerprint(self.recipe, extract=extracted.fingerprint, digests=digests)
        )
        settings = scoring.ScoreSettings(extracted, tuple(each.stored(stage) for each in scorers))
        self._run_items(stage, self._items(), scoring.score_item, settings, before=lambda: warm_up(scorers))
        self._close(stage, scoring.KINDS, {"digests": digests})
        return stage

    def _lines(self, extracted: Stage) -> Stage | None:
        """Measures the lines of the documents; None where the recipe compares none."""
        recipe = self.recipe.dedup.lines
        if recipe is None:
            self._forget("lines", lines.KINDS)
            return None
        from filters import shared_lines

        stage = self._open("lines", lines.lines_fingerprint(recipe, extract=extracted.fingerprint))
        settings = lines.LineSettings(extracted, recipe.weight)
        self._run_items(stage, self._items(), lines.lines_item, settings, before=shared_lines.warm_up)
        self._close(stage, lines.KINDS, {})
        return stage

    def _select(
        self,
        planned: list[Planned],
        extracted: Stage,
        contaminated: Stage | None,
        scored: Stage | None,
        measured: Stage | None,
    ) -> list[Selection]:
        """Decides one selection after the other; the last one's decisions are those of the run."""
        selections = plan_selections(
            self.run,
            self.recipe,
            planned,
            extract=extracted.fingerprint,
            decontaminate=contaminated.fingerprint if contaminated is not None else None,
            score=scored.fingerprint if scored is not None else None,
            lines=measured.fingerprint if measured is not None else None,
        )
        stage = self._open("select", selections[-1].stage.fingerprint)
        done = max((number for number, each in enumerate(selections) if each.is_done), default=-1)
        if done == len(selections) - 1:
            self._say(stage.name, f"{selections[-1].items} items were done before")
        else:
            self._run_selections(selections, done + 1, extracted, contaminated, scored, measured)
        more = {"additions": decided_counts(stage, planned)} if len(planned) > 1 else {}
        totals = self._close(stage, SELECT_KINDS, more)
        forget_steps(stage)
        for line in loss_warnings(source_copies(totals), self.recipe.dedup.max_loss):
            self._say(stage.name, f"warning: {line}")
        return selections

    def _run_selections(
        self,
        selections: list[Selection],
        first: int,
        extracted: Stage,
        contaminated: Stage | None,
        scored: Stage | None,
        measured: Stage | None,
    ) -> None:
        """Those from `first` on, each beside what the one before decided."""
        from filters import shared_lines

        duplicates.warm_up()
        if measured is not None:
            shared_lines.warm_up()
        splits = ipc.open_table(self._splits_url, schema.SPLITS, columns=["item", "source"])
        item_of_split, source_of_split = numbers(splits["item"]), splits["source"].to_pylist()
        documents = [record.counts["documents"] for record in extracted.records()]
        compared = [record.counts["lines"] for record in measured.records()] if measured is not None else []
        for number in range(first, len(selections)):
            before = selections[number - 1] if number else None
            settings = SelectSettings.over(
                self.recipe,
                extracted,
                documents[: selections[number].items],
                item_of_split=item_of_split,
                source_of_split=source_of_split,
                contamination=contaminated,
                scores=scored,
                settled=Settled.of(before.stage, before.items, item_of_split) if before is not None else None,
            )
            if measured is not None:
                settings = dataclasses.replace(settings, lines=LineInputs.divide(measured, compared, settings.parts))
            self._run_select(selections[number], settings)

    def _run_select(self, decided: Selection, settings: SelectSettings) -> None:
        stage = decided.stage
        options = pipeline_options(self.options.beam_args, workers=self.options.workers, pending=len(settings.parts))
        exchange = self.options.exchange or default_exchange(options)
        units, of_steps = units_of(settings), step_files(stage, settings, exchange)
        of_steps.begin(settings.to_json())
        started, before = time.monotonic(), len(of_steps.records.finished())
        with StageWatch(self.console, of_steps.records, items=range(units), done=before), of_steps.swept():
            run_pipeline(Select(stage, settings, exchange), options, name=stage.name)
        self._check_recorded(stage, list(range(decided.items)))
        again = f" ({before} of {units} units were done before)" if before else ""
        self._say(stage.name, f"{settings.documents:,} documents in {time.monotonic() - started:.1f} s{again}")

    def _tokenizer(self, stages: DocumentStages, first: Selection, given: str | None) -> Stage:
        """Has the tokenizer's model. A trained one saw the documents of the first selection."""
        named = PinnedFile.of(given) if given is not None else None
        digest = named.digest if named is not None else None
        mark = tokenizer.tokenizer_fingerprint(self.recipe, select=first.stage.fingerprint, model_digest=digest)
        stage = self._open("train-tokenizer", mark)
        if named is not None:
            named.copied_to(tokenizer.model_url(stage))
            self._close(stage, tokenizer.KINDS, {"model": self.recipe.tokenizer.model})
            return stage
        items = list(range(first.items))
        kept = packing.domain_totals(map(stages.select.record, items), "kept_bytes")
        by_language: dict[str, int] = {}
        for domain, size in kept.items():
            language = language_of(domain)
            by_language[language] = by_language.get(language, 0) + size
        if not by_language:
            raise BuildError(f"{self.run.url}: no document was kept, so there is nothing to train a tokenizer on; "
                             f"`corpus stats {self.run.url}` says why")  # fmt: skip
        from tokenizer_training.sample import sampling_thresholds

        thresholds = sampling_thresholds(
            by_language, budget_bytes=self.recipe.tokenizer.sample_bytes, weights=self.recipe.tokenizer.weights
        )
        sampling = tokenizer.sample_settings(self.recipe, stages, thresholds)
        training = len(items)
        if stage.finished() == [*items, training]:
            self._say(stage.name, "was done before")
        else:
            self._run_items(stage, items, tokenizer.sample_item, sampling)
            self._run_items(stage, [training], tokenizer.train_item, self.recipe.tokenizer)
        self._close(stage, tokenizer.KINDS, {})
        return stage

    def _tokenize(self, stages: DocumentStages, first: Selection, trained: Stage) -> Stage:
        """A later selection changes no document of an earlier one, so that the first says under which settings all are."""
        model = PinnedFile.of(tokenizer.model_url(trained))
        mark = tokenization.tokenize_fingerprint(select=first.stage.fingerprint, model_digest=model.digest)
        stage = self._open("tokenize", mark)
        self._run_items(
            stage,
            self._items(),
            tokenization.tokenize_item,
            tokenization.TokenizeSettings(stages, model),
        )
        self._close(stage, tokenization.KINDS, {})
        return stage

    def _pack(self, last: Planned, tokenized: Stage, trained: Stage) -> Stage:
        from tokenizer_training.encode import load_encoder

        encoder = load_encoder(tokenizer.model_url(trained))
        mark = packing.pack_fingerprint(self.recipe, tokenize=tokenized.fingerprint, plan=last.fingerprint)
        stage = self._open("pack", mark)
        rows = packing.plan_shards(
            tokenized.records(),
            target_bytes=self.recipe.shards.target_bytes,
            token_bytes=encoder.dtype.itemsize,
            seed=self.recipe.run.seed,
        )
        if not rows:
            raise BuildError(f"{self.run.url}: no document was kept; `corpus stats {self.run.url}` says why")
        plan = stage.file("plan.arrow")
        columns = dict(zip(packing.PACK_PLAN.names, zip(*rows, strict=True), strict=True))
        ipc.write_table(plan, pa.table(columns, schema=packing.PACK_PLAN), packing.PACK_PLAN)
        settings = packing.PackSettings(
            tokens=tokenized,
            plan=plan,
            seed=self.recipe.run.seed,
            vocabulary_size=encoder.vocabulary_size,
            end_of_document=encoder.end_of_document,
            tokenizer=trained.fingerprint,
        )
        shards = sorted({row[0] for row in rows})
        self._run_items(stage, shards, packing.pack_item, settings)
        digest = packing.write_manifest(self.run, stage, settings, settings_fingerprint=stage.fingerprint)
        self._close(stage, packing.KINDS, {"manifest": digest})
        return stage

    def _phases(self, packed: Stage) -> None:
        if not self.recipe.phase:
            self.run.remove_stage_manifest("phases")
            files.remove_tree(self.run.path("phases"))
            self._say("phases", "the recipe has none")
            return
        manifest = ipc.open_table(self.run.path("manifest.arrow"))
        tokens: dict[str, int] = {}
        for domain, number in zip(manifest["domain"].to_pylist(), manifest["tokens"].to_pylist(), strict=True):
            tokens[domain] = tokens.get(domain, 0) + number
        with naming(self.recipe_path):
            plan = plan_phases(self.recipe.phase, tokens, seed=self.recipe.run.seed)
        text = plan.to_json().encode()
        files.write_bytes(self.run.path("phases", "plan.json"), text)
        mark = fingerprint("phases", packed.fingerprint, json.loads(text))
        self.run.write_stage_manifest(
            "phases", {"fingerprint": mark, "items": len(self.recipe.phase), **self._in_force()}
        )
        steps = ", ".join(f"{phase.name} {phase.steps:,} steps" for phase in plan.phases)
        self._say("phases", steps)

    # -------------------------------------------------------------------------------------------- mechanism

    @property
    def _splits_url(self) -> str:
        return self.run.path("splits.arrow")

    def _in_force(self) -> dict[str, Any]:
        """What a stage's manifest says of the settings under which it is complete (corpus.report.settings)."""
        return {"recipe": self.recipe.model_dump(mode="json")}

    def _open(self, name: str, mark: str) -> Stage:
        """The stage under its fingerprint. What an older one left no longer counts as done, here and after it."""
        if self.run.has_stage(name) and self.run.stage_manifest(name)["fingerprint"] != mark:
            self._unfinish(name)
        return self.run.stage(name, mark)

    def _unfinish(self, name: str) -> None:
        """A stage and those after it no longer count as done."""
        for later in STAGES[STAGES.index(name) :]:
            self.run.remove_stage_manifest(later)

    def _forget(self, name: str, kinds: tuple[str, ...]) -> None:
        """Deletes what a stage left that the recipe no longer has; what went by it no longer counts as done."""
        if self.run.has_stage(name):
            self._unfinish(name)
        for folder in (self.run.path("stages", name), *(self.run.path(kind) for kind in kinds)):
            files.remove_tree(folder)

    def _items(self) -> list[int]:
        return list(range(self.run.stage_manifest("plan")["items"]))

    def _run_items(
        self, stage: Stage, items: list[int], work: Work, settings: object, before: Callable[[], None] | None = None
    ) -> None:
        """Runs the work items that have no record yet; `before` where there is one, as a kernel's compilation."""
        finished = set(stage.finished())
        pending = [item for item in items if item not in finished]
        if pending:
            if before is not None:
                before()
            self._run(stage, pending, items, lambda url: RunItems(stage, url, work, settings))
        else:
            self._say(stage.name, f"{len(items)} items were done before")

    def _run(self, stage: Stage, pending: list[int], items: list[int], transform: Callable[[str], Any]) -> None:
        url = write_pending(stage, pending)
        options = pipeline_options(self.options.beam_args, workers=self.options.workers, pending=len(pending))
        started = time.monotonic()
        with StageWatch(self.console, stage, items=items, done=len(items) - len(pending)):
            run_pipeline(transform(url), options, name=stage.name)
        self._check_recorded(stage, pending)
        skipped = len(items) - len(pending)
        note = f" ({skipped} were done before)" if skipped else ""
        self._say(stage.name, f"{len(pending)} items in {time.monotonic() - started:.1f} s{note}")

    def _check_recorded(self, stage: Stage, items: list[int]) -> None:
        missing = sorted(set(items) - set(stage.finished()))
        if missing:
            raise BuildError(f"stage {stage.name}: the runner ended well, but items {missing[:5]} have no record")

    def _close(self, stage: Stage, kinds: tuple[str, ...], more: dict[str, Any]) -> dict[str, int]:
        """Writes the manifest of a finished stage and deletes what older fingerprints left."""
        totals: dict[str, int] = {}
        records = 0
        for record in stage.records():
            records += 1
            for name, number in record.counts.items():
                totals[name] = totals.get(name, 0) + number
        manifest = {"fingerprint": stage.fingerprint, "items": records, "counts": totals, **more, **self._in_force()}
        self.run.write_stage_manifest(stage.name, manifest)
        self.run.remove_superseded(stage, kinds)
        return totals

    def _say(self, stage: str, what: str) -> None:
        self.console.print(f"[bold]{stage:<16}[/]{what}", highlight=False)


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


@contextmanager
def naming(recipe_path: Path) -> Iterator[None]:
    """Puts the recipe's path before errors about what it says."""
    try:
        yield
    except RecipeError as error:
        raise RecipeError(f"{recipe_path}: {error}") from error


def compile_kernels(model: Path) -> None:
    """Compiles once, before workers start: each would compile for itself otherwise."""
    from corpus.text import markup
    from filters import minhash, pii, signals
    from filters.language import LanguageModel

    LanguageModel(model).identify(["The warm-up."])
    markup.warm_up()
    signals.warm_up()
    minhash.warm_up()
    pii.warm_up()


def peak_memory_bytes() -> int:
    """Peak resident memory of the largest process of this build: itself, or a worker that has ended."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
