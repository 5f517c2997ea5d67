"""Runs the stages over a sample of each source's inputs, one worker, and says what each wrote, counted and took.

Reads   of the recipe's inputs about `sample_bytes` of each source, and what a build of it reads besides
Writes  a run directory: a source is a work item, in the order of names
Measures  processor time of this process and of the extractor, never the clock. Each stage is its own function
        (stage, item, settings) → ItemRecord, called without Beam. The extractor's start, once a worker, is taken off.
"""

import dataclasses
import resource
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from corpus import schema
from corpus.columns import numbers
from corpus.errors import InputError
from corpus.pages import markup
from corpus.pages.extractor_process import ExtractorProcess
from corpus.recipe import Recipe, Source
from corpus.sources.parquet import row_groups
from corpus.sources.splits import WHOLE_FILES, InputFile, list_inputs, make_splits, write_splits
from corpus.storage import files, ipc
from corpus.storage.digested_file import DigestedFile
from corpus.storage.run_directory import ItemRecord, RunDirectory, Stage, Work
from filters.copies import duplicates
from filters.exams import search
from filters.scorers.score_columns import warm_up
from pipelines.build import peak_memory_bytes
from pipelines.planning.coefficients import PAGES
from pipelines.prepared import naming
from pipelines.selection.decision_settings import SelectSettings
from pipelines.selection.steps import run_everything
from pipelines.stages import (
    decontamination,
    extraction,
    measurement,
    packing,
    prerequisites,
    scoring,
    tokenization,
    tokenizer,
)
from pipelines.stages.kept_documents import DocumentStages
from tokenizer_training.encode import load_encoder
from tokenizer_training.sample import sampling_thresholds

Say = Callable[[str], None]

#: A source's sample is taken from so many places at least, where its files allow.
PIECES = 16

#: A language that the model knows and hardly a page is in: with it alone wanted, screens drop what they can.
NOBODYS = "vo"


@dataclasses.dataclass(frozen=True)
class Measured:
    """A stage's work on one item."""

    record: ItemRecord
    seconds: float

    def bytes_of(self, kind: str) -> int:
        return self.record.outputs[kind].bytes

    def count(self, name: str) -> int:
        return self.record.counts.get(name, 0)


@dataclasses.dataclass(frozen=True)
class MeasuredSource:
    """What the stages made of one source's sample; None of stages that the recipe has not."""

    source: Source
    extract: Measured
    screened: Measured | None  # pages read a second time, with no language wanted
    measure: Measured
    decontaminate: Measured | None
    score: Measured | None
    select: Measured
    sample: Measured
    tokenize: Measured

    @property
    def kept_by_language(self) -> dict[str, int]:
        """Bytes of kept text."""
        return self._by_language("bytes")

    @property
    def tokens_by_language(self) -> dict[str, int]:
        return self._by_language("tokens")

    def _by_language(self, name: str) -> dict[str, int]:
        prefix = f"{name}.{self.source.name}."
        counts = self.tokenize.record.counts
        return {key.removeprefix(prefix): number for key, number in counts.items() if key.startswith(prefix)}


@dataclasses.dataclass(frozen=True)
class MeasuredRun:
    """What the stages made of all sources' samples."""

    sources: tuple[MeasuredSource, ...]  # by name
    train_seconds: float | None  # None where the recipe names a model
    pack_seconds: float
    token_bytes: int
    process_bytes: int  # memory before anything was read, kernels and models loaded


def measure(recipe: Recipe, recipe_path: Path, run: RunDirectory, *, sample_bytes: int, say: Say) -> MeasuredRun:
    """Runs every stage that a sample can measure.

    Raises the errors of a build, and InputError for a source of whose sample nothing is kept.
    """
    model = prerequisites.language_model(recipe, recipe_path)
    given = prerequisites.given_tokenizer(recipe, recipe_path)
    inputs = list_inputs(recipe, recipe_path.parent, where=str(recipe_path))
    splits = run.path("splits.arrow")
    write_splits(splits, sample_of(recipe, inputs, sample_bytes, files.local_path(run.url)))
    # Without lists of domains and words, which cost nothing that is seen beside the parsing of a page.
    settings = extraction.ExtractSettings.of(recipe, splits=splits, model=model)
    measurement.compile_kernels(model)
    markup.warm_up()
    duplicates.warm_up()
    bench = _Bench(recipe, recipe_path, run, _Clock(settings), say)
    process = peak_memory_bytes()
    extracted, screened = bench.extract(settings)
    measured = bench.measure(model)
    contaminated = bench.decontaminate()
    scored = bench.score()
    selected = bench.select(
        [each.count("documents") for each in extracted], contaminated is not None, scored is not None
    )
    sampled, train_seconds, url = bench.train(given)
    tokenized = bench.tokenize(url)
    nothing: list[Measured | None] = [None] * len(extracted)
    together = zip(
        bench.names,
        extracted,
        screened,
        measured,
        contaminated or nothing,
        scored or nothing,
        selected,
        sampled,
        tokenized,
        strict=True,
    )
    return MeasuredRun(
        sources=tuple(MeasuredSource(recipe.source_named(name), *each) for name, *each in together),
        train_seconds=train_seconds,
        pack_seconds=bench.pack(url),
        token_bytes=load_encoder(url).dtype.itemsize,
        process_bytes=process,
    )


def sample_of(recipe: Recipe, inputs: Sequence[InputFile], sample_bytes: int, folder: Path) -> pa.Table:
    """schema.SPLITS: of each source, in the order of names, one work item of pieces from all over its inputs.

    Of a compressed file of rows the beginning is copied to `folder`, since it cannot be divided: readers give what is whole in
    it. A Parquet file gives whole row groups, a file that is a document itself.
    """
    rows: list[dict[str, object]] = []
    for item, name in enumerate(sorted(source.name for source in recipe.source)):
        chosen = spread([file for file in inputs if file.source == name], sample_bytes)
        taken = 0
        for file in chosen:
            part, ranges = _part_of(file, sample_bytes // len(chosen), max(1, PIECES // len(chosen)), folder)
            (row,) = make_splits([part], {part.addition: max(1, part.file_bytes)}).to_pylist()
            for begin, end in ranges:
                if taken < sample_bytes:
                    rows.append({**row, "split": len(rows), "item": item, "begin": begin, "end": end})
                    taken += end - begin
    return pa.Table.from_pylist(rows, schema=schema.SPLITS)


def _part_of(file: InputFile, wanted: int, pieces: int, folder: Path) -> tuple[InputFile, list[tuple[int, int]]]:
    """The file, or a copy of its beginning, and ranges of it with about so many bytes."""
    if file.format in WHOLE_FILES:
        return file, [(0, file.file_bytes)]
    if file.format == "parquet":  # its ranges own whole row groups
        groups = row_groups(file.file, file.file_bytes)
        number = max(1, min(len(groups), wanted * len(groups) // max(1, file.file_bytes)))
        return file, [groups[index * len(groups) // number] for index in range(number)]
    if file.divisible or file.file_bytes <= wanted:
        return file, pieces_of(file.file_bytes, wanted, pieces)
    path = folder / f"{file.source}-{file.digest.hex()}"
    with files.open_read(file.file) as stream:
        path.write_bytes(stream.read(wanted))
    copied = dataclasses.replace(file, file=str(path), file_bytes=wanted, digest=files.head_tail_digest(str(path)))
    return copied, [(0, wanted)]


def spread(inputs: Sequence[InputFile], sample_bytes: int) -> list[InputFile]:
    """Files at even distances in the order of a plan: PIECES of them, more where they are small."""
    small = sample_bytes * len(inputs) // max(1, sum(file.file_bytes for file in inputs))
    number = min(len(inputs), max(PIECES, small))
    return [inputs[index * len(inputs) // number] for index in range(number)]


def pieces_of(file_bytes: int, wanted_bytes: int, pieces: int) -> list[tuple[int, int]]:
    """Ranges of a file, at even distances, of so many bytes together; the whole of a smaller one."""
    if file_bytes <= wanted_bytes:
        return [(0, file_bytes)]
    size = max(1, wanted_bytes // pieces)
    begins = (file_bytes * piece // pieces for piece in range(pieces))
    return [(begin, begin + size) for begin in begins]


class _Bench:
    """The stages of a run of one work item a source, each timed."""

    def __init__(self, recipe: Recipe, recipe_path: Path, run: RunDirectory, clock: "_Clock", say: Say) -> None:
        self.names = sorted(source.name for source in recipe.source)
        self._recipe, self._recipe_path, self._run, self._clock, self._say = recipe, recipe_path, run, clock, say
        extract = self._stage("extract")
        self._stages = DocumentStages(extract, self._stage("measure"), self._stage("select"))

    def extract(self, settings: extraction.ExtractSettings) -> tuple[list[Measured], list[Measured | None]]:
        """As the recipe has it, and pages once more with no language wanted."""
        first = self._work(self._stages.documents, extraction.extract_item, settings)
        for name, each in zip(self.names, first, strict=True):
            if not each.count("documents"):
                raise InputError(f"{self._recipe_path}: source {name!r}: the sample of its inputs holds no document")
        nothing_wanted = dataclasses.replace(settings, screened_for=frozenset({NOBODYS}))
        again = self._run.stage("extract", "screened")
        pages = [self._recipe.source_named(name).format in PAGES for name in self.names]
        screened = [
            self._item(again, item, extraction.extract_item, nothing_wanted) if is_page else None
            for item, is_page in enumerate(pages)
        ]
        return first, screened

    def measure(self, model: Path) -> list[Measured]:
        """As the recipe has it, but for lists of URLs."""
        settings = measurement.MeasureItem(
            self._stages.documents, measurement.measure_settings(self._recipe, model, {})
        )
        return self._work(self._stages.signals, measurement.measure_item, settings)

    def decontaminate(self) -> list[Measured] | None:
        recipe, items = self._recipe.decontaminate, prerequisites.exam_items(self._recipe, self._recipe_path)
        if recipe is None or items is None:
            return None
        stage = self._stage("decontaminate")
        settings = decontamination.store_index(stage, recipe, items, extract=self._stages.documents)
        search.warm_up()
        return self._work(stage, decontamination.decontaminate_item, settings)

    def score(self) -> list[Measured] | None:
        named = prerequisites.named_scorers(self._recipe, self._recipe_path)
        if not named:
            return None
        stage = self._stage("score")
        warm_up(named)
        settings = scoring.ScoreSettings(
            self._stages.documents, self._stages.signals, tuple(each.stored(stage) for each in named)
        )
        return self._work(stage, scoring.score_item, settings)

    def select(self, documents: Sequence[int], contaminated: bool, scored: bool) -> list[Measured]:
        """Its time is not taken: what a sample of this size takes says nothing about a run."""
        self._say("select")
        splits = ipc.open_table(self._run.path("splits.arrow"), schema.SPLITS, columns=["item", "source"])
        settings = SelectSettings.over(
            self._recipe,
            self._stages.signals,
            documents,
            item_of_split=numbers(splits["item"]),
            source_of_split=splits["source"].to_pylist(),
            contamination=self._stage("decontaminate") if contaminated else None,
            scores=self._stage("score") if scored else None,
        )
        run_everything(self._stages.decisions, settings)
        found = [Measured(record, 0.0) for record in self._stages.decisions.records()]
        for name, each in zip(self.names, found, strict=True):
            if not each.count("kept"):
                raise InputError(
                    f"{self._recipe_path}: source {name!r}: of the sample's {each.count('documents'):,} documents none is kept"
                )
        return found

    def train(self, given: str | None) -> tuple[list[Measured], float | None, str]:
        """What was drawn for the sample, the seconds of the training on it, URL of the model."""
        stage = self._stage("train-tokenizer")
        kept = tokenizer.by_language(tokenizer.domain_totals(self._stages.decisions.records(), "kept_bytes"))
        of = self._recipe.tokenizer
        thresholds = sampling_thresholds(kept, budget_bytes=of.sample_bytes, weights=of.weights)
        settings = tokenizer.sample_settings(self._recipe, self._stages, thresholds)
        drawn = self._work(stage, tokenizer.sample_item, settings)
        if given is not None:
            return drawn, None, given
        self._say("train-tokenizer")
        with naming(self._recipe_path):
            _, seconds = self._clock.spent_on(lambda: tokenizer.train_item(stage, len(self.names), of))
        return drawn, seconds, tokenizer.model_url(stage)

    def tokenize(self, model: str) -> list[Measured]:
        load_encoder(model)
        pinned = DigestedFile.of(model)
        settings = tokenization.TokenizeSettings(self._stages, pinned)
        return self._work(self._stage("tokenize"), tokenization.tokenize_item, settings)

    def pack(self, model: str) -> float:
        """Seconds for all shards."""
        self._say("pack")
        encoder, stage, tokenized = load_encoder(model), self._stage("pack"), self._stage("tokenize")
        seed = self._recipe.run.seed
        rows = packing.plan_shards(
            tokenized.records(),
            target_bytes=self._recipe.shards.target_bytes,
            token_bytes=encoder.dtype.itemsize,
            seed=seed,
        )
        plan = stage.file("plan.arrow")
        packing.store_plan(plan, rows)
        settings = packing.PackSettings(
            tokenized, plan, seed, encoder.vocabulary_size, encoder.end_of_document, "measured"
        )
        seconds = 0.0
        for shard in sorted({row[0] for row in rows}):
            _, spent = self._clock.spent_on(lambda: packing.pack_item(stage, shard, settings))  # noqa: B023
            seconds += spent
        return seconds

    def _stage(self, name: str) -> Stage:
        return self._run.stage(name, "measured")

    def _work(self, stage: Stage, function: Work, settings: object) -> list[Measured]:
        """A stage's function on every work item."""
        return [self._item(stage, item, function, settings) for item in range(len(self.names))]

    def _item(self, stage: Stage, item: int, function: Work, settings: object) -> Measured:
        self._say(f"{stage.name} {self.names[item]}")
        record, spent = self._clock.spent_on(lambda: function(stage, item, settings))
        stage.finish(record)
        return Measured(record, spent)


class _Clock:
    """Processor time of this process and of the extractor."""

    def __init__(self, settings: extraction.ExtractSettings) -> None:
        extractor = settings.works().extractor
        self._extractor = extractor if isinstance(extractor, ExtractorProcess) else None
        self._start = 0.0
        if self._extractor is not None:
            self._extractor.close()
            self._extractor.plain_text("<p>The first page waits until the extractor is there.")
            before = _children()
            self._extractor.close()
            self._start = _children() - before

    def spent_on(self, work: "Callable[[], ItemRecord]") -> tuple[ItemRecord, float]:
        """What the work gives, and the seconds it took."""
        before = _own() + _children()
        record = work()
        started = self._extractor is not None and self._extractor.pid is not None
        if self._extractor is not None:
            # A child's time is known when it has ended.
            self._extractor.close()
        return record, max(0.0, _own() + _children() - before - (self._start if started else 0.0))


def _own() -> float:
    return _sum(resource.RUSAGE_SELF)


def _children() -> float:
    return _sum(resource.RUSAGE_CHILDREN)


def _sum(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime
