"""Measures the coefficients of a plan: the stages themselves, one worker, over the beginning of each source's inputs.

Reads   the recipe's inputs, of each source about `sample_bytes`
Writes  a run directory in a temporary folder, and deletes it: a source is a work item
Measures  processor time of this process and of the extractor, never the clock. Each stage is its own function
        (stage, item, settings) → ItemRecord, called without Beam. The extractor's start, once a worker, is taken off. What
        the screens cost and what extraction costs is told apart by reading pages twice, the second time with no language
        wanted: two sums, two unknowns. Where the screens do not divide a sample, all of it counts as extraction.
Not measured  what a sample is too small for or the recipe does not have: select's time and what it sends, exams, classifiers,
        word lists, memory. They are taken over, with their sources, from the coefficients that are given.
"""

import dataclasses
import platform
import resource
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa

from corpus import schema
from corpus.errors import InputError
from corpus.recipe import Recipe, Source
from corpus.seeds import content_digest
from corpus.sources.splits import InputFile, list_inputs, make_splits
from corpus.storage import files, ipc
from corpus.storage.pinned import PinnedFile
from corpus.storage.run_directory import ItemRecord, RunDirectory, Stage
from corpus.text.extractor_process import ExtractorProcess
from filters import duplicates
from filters.rules import load_profiles
from pipelines import extraction, packing, tokenization, tokenizer
from pipelines.build import compile_kernels, peak_memory_bytes
from pipelines.planning.coefficients import PAGES, Coefficients, InputCoefficients, Number
from pipelines.selection.settings import Desk, SelectSettings, SourceRanges, divide
from pipelines.selection.steps import run_everything
from pipelines.transforms.partitions import DocumentStages
from pipelines.transforms.work_items import Work
from tokenizer_training.encode import load_encoder
from tokenizer_training.sample import sampling_thresholds

Say = Callable[[str], None]

#: A language that the model knows and hardly a page is in: with it alone wanted, screens drop what they can.
NOBODYS = "vo"
#: Kept text of a language for a number of its own; what has less is counted together, as `*`.
LEAST_TEXT_BYTES = 1 << 16
#: Share of the pages that the second reading must have screened for the two costs to be told apart.
LEAST_DIVIDED = 0.2


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
    """What the stages made of one source's sample."""

    source: Source
    extract: Measured
    screened: Measured | None  # pages read a second time, with no language wanted
    select: Measured
    sample: Measured
    tokenize: Measured

    @property
    def kept_by_language(self) -> dict[str, int]:
        """Bytes of kept text."""
        prefix = f"bytes.{self.source.name}."
        counts = self.tokenize.record.counts
        return {name.removeprefix(prefix): size for name, size in counts.items() if name.startswith(prefix)}


@dataclasses.dataclass(frozen=True)
class MeasuredRun:
    """What the stages made of all sources' samples."""

    sources: tuple[MeasuredSource, ...]
    train_seconds: float | None  # None where the recipe names a model
    pack_seconds: float
    token_bytes: int
    tokens_by_language: dict[str, tuple[int, int]]  # (tokens, bytes of text)


def calibrate(
    recipe: Recipe, recipe_path: Path, base: Coefficients, *, sample_bytes: int, model: Path, how: str, say: Say
) -> Coefficients:
    """`base` with everything replaced that can be measured on the recipe's inputs; `how` stands as their source.

    Raises InputError for inputs that cannot be read or of which nothing is kept.
    """
    compile_kernels(model)
    duplicates.warm_up()
    process = peak_memory_bytes()
    with tempfile.TemporaryDirectory(prefix="corpus-calibrate-") as folder:
        run = RunDirectory(folder)
        measured = measure(recipe, recipe_path, run, sample_bytes=sample_bytes, model=model, say=say)
    return coefficients_of(measured, base, how).model_copy(
        update={"process_bytes": Number(value=float(process), source=f"{how}, kernels and models loaded")}
    )


def coefficients_of(run: MeasuredRun, base: Coefficients, how: str) -> Coefficients:
    """What was measured, as ratios, over what was known."""

    def number(value: float) -> Number:
        return Number(value=_rounded(value), source=how)

    def total(stage: str, name: str) -> int:
        return sum(getattr(each, stage).count(name) for each in run.sources)

    def seconds(stage: str) -> float:
        return sum(getattr(each, stage).seconds for each in run.sources)

    def stored(stage: str, kind: str) -> int:
        return sum(getattr(each, stage).bytes_of(kind) for each in run.sources)

    documents, kept = total("extract", "documents"), total("tokenize", "documents")
    size, tokens = total("tokenize", "bytes"), total("tokenize", "tokens")
    ratios = {
        "signal_bytes": stored("extract", "signals") / documents,
        "decision_bytes": stored("select", "decisions") / documents,
        "sample_seconds": seconds("sample") / size,
        "tokenize_seconds": seconds("tokenize") / size,
        "pack_seconds": run.pack_seconds / tokens,
        "token_row_bytes": (stored("tokenize", "tokens") - tokens * run.token_bytes) / kept,
    }
    if run.train_seconds is not None:
        ratios["train_seconds"] = run.train_seconds / total("sample", "bytes")
    return base.model_copy(
        update={
            "machine": machine(),
            "versions": extraction.library_versions() | {"sentencepiece": version("sentencepiece")},
            "inputs": [input_coefficients(each, how) for each in run.sources],
            "tokens_per_byte": {
                language: number(tokens / of) for language, (tokens, of) in pooled(run.tokens_by_language).items()
            },
            **{name: number(value) for name, value in ratios.items()},
        }
    )


def pooled(tokens: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Language → (tokens, bytes), those with little text together under `*`."""
    found: dict[str, tuple[int, int]] = {}
    for language, (number, size) in sorted(tokens.items()):
        name = language if size >= LEAST_TEXT_BYTES else "*"
        before = found.get(name, (0, 0))
        found[name] = (before[0] + number, before[1] + size)
    return found


def input_coefficients(measured: MeasuredSource, how: str) -> InputCoefficients:
    """Of one source."""
    extract, tokenize = measured.extract, measured.tokenize
    records, documents, text = (extract.count(name) for name in ("records_in", "documents", "text_bytes"))
    kept, kept_bytes = max(1, tokenize.count("documents")), max(1, tokenize.count("bytes"))
    record, document, of_text = extract_seconds(measured)
    ratios = {
        "record_bytes": extract.count("input_bytes") / records,
        "documents": documents / records,
        "text_bytes": text / documents,
        "kept": kept / documents,
        "kept_text_bytes": kept_bytes / kept,
        "record_seconds": record,
        "document_seconds": document,
        "text_seconds": of_text,
        "stored_text": extract.bytes_of("documents") / text,
        "failed_bytes": failed_bytes(measured),
    }
    languages = {language: _rounded(size / kept_bytes) for language, size in measured.kept_by_language.items()}
    return InputCoefficients(
        name=measured.source.name,
        format=measured.source.format,
        source=f"{how}: {records:,} records, {extract.count('input_bytes'):,} bytes",
        languages=languages,
        **{name: _rounded(value) for name, value in ratios.items()},
    )


def extract_seconds(measured: MeasuredSource) -> tuple[float, float, float]:
    """Seconds of `extract` (a record, a document, a byte of text)."""
    extract, screened = measured.extract, measured.screened
    records, documents = extract.count("records_in"), extract.count("documents")
    if screened is None:
        return 0.0, 0.0, extract.seconds / extract.count("text_bytes")
    more = documents - screened.count("documents")
    if more < LEAST_DIVIDED * records:
        return 0.0, extract.seconds / documents, 0.0
    document = min(extract.seconds / documents, max(0.0, extract.seconds - screened.seconds) / more)
    return (extract.seconds - document * documents) / records, document, 0.0


def failed_bytes(measured: MeasuredSource) -> float:
    """Of a record without document, by the reading that had more of them; a file of few is mostly its schema."""

    def lost(reading: Measured) -> int:
        return reading.count("records_in") - reading.count("documents")

    most = max((each for each in (measured.extract, measured.screened) if each is not None), key=lost)
    return most.bytes_of("failed") / max(1, lost(most))


def _rounded(value: float) -> float:
    """To four digits: more was not measured."""
    return float(f"{value:.4g}")


def machine() -> str:
    """What processor times are of."""
    cpu, name = Path("/proc/cpuinfo"), ""
    if cpu.exists():
        lines = cpu.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{name or platform.processor() or platform.machine()}, Python {platform.python_version()}"


# ------------------------------------------------------------------------------------------------ the stages


def measure(
    recipe: Recipe, recipe_path: Path, run: RunDirectory, *, sample_bytes: int, model: Path, say: Say
) -> MeasuredRun:
    """Runs every stage that a sample can measure. Raises InputError."""
    inputs = list_inputs(recipe, recipe_path.parent, where=str(recipe_path))
    splits = run.path("splits.arrow")
    ipc.write_table(splits, sample_of(recipe, inputs, sample_bytes), schema.SPLITS)
    settings = extraction.ExtractSettings.of(recipe, splits=splits, model=model)
    # Lists of domains and words are read by a build alone; they cost nothing that is seen beside a page's parsing.
    names = sorted(source.name for source in recipe.source)
    items = range(len(names))
    extracted, selected = run.stage("extract", "measured"), run.stage("select", "measured")
    clock = _Clock(settings)

    def work(stage: Stage, item: int, function: Work, of: object) -> Measured:
        say(f"{stage.name} {names[item]}")
        record, spent = clock.spent_on(lambda: function(stage, item, of))
        stage.finish(record)
        return Measured(record, spent)

    extract = [work(extracted, item, extraction.extract_item, settings) for item in items]
    for name, each in zip(names, extract, strict=True):
        if not each.count("documents"):
            raise InputError(f"{recipe_path}: source {name!r}: the sample of its inputs holds no document")
    nothing_wanted = dataclasses.replace(settings, screened_for=frozenset({NOBODYS}))
    again = run.stage("extract", "screened")
    screened = [
        work(again, item, extraction.extract_item, nothing_wanted)
        if recipe.source_named(names[item]).format in PAGES
        else None
        for item in items
    ]
    say("select")
    _select(recipe, extracted, selected, [each.count("documents") for each in extract])
    select = [Measured(record, 0.0) for record in selected.records()]
    stages = DocumentStages(extracted, selected)
    sampling = run.stage("train-tokenizer", "measured")
    kept = _kept_by_language(selected)
    if not kept:
        raise InputError(f"{recipe_path}: no document of the sample is kept, so there is nothing to measure")
    thresholds = sampling_thresholds(kept, budget_bytes=recipe.tokenizer.sample_bytes, weights=recipe.tokenizer.weights)
    drawn = tokenizer.sample_settings(recipe, stages, thresholds)
    sample = [work(sampling, item, tokenizer.sample_item, drawn) for item in items]
    url, train_seconds = given_model(recipe, recipe_path), None
    if url is None:
        say("train-tokenizer")
        _, train_seconds = clock.spent_on(lambda: tokenizer.train_item(sampling, len(names), recipe.tokenizer))
        url = tokenizer.model_url(sampling)
    tokenized = run.stage("tokenize", "measured")
    encoder = load_encoder(url)
    pinned = PinnedFile(url, content_digest(files.read_bytes(url)).hex())
    encoding = tokenization.TokenizeSettings(stages, pinned)
    tokenize = [work(tokenized, item, tokenization.tokenize_item, encoding) for item in items]
    say("pack")
    pack_seconds = _pack(recipe, run, tokenized, url, clock)
    together = zip(names, extract, screened, select, sample, tokenize, strict=True)
    return MeasuredRun(
        tuple(MeasuredSource(recipe.source_named(name), *each) for name, *each in together),
        train_seconds,
        pack_seconds,
        encoder.dtype.itemsize,
        _tokens_by_language(tokenized),
    )


def sample_of(recipe: Recipe, inputs: Sequence[InputFile], sample_bytes: int) -> pa.Table:
    """schema.SPLITS: of each source, in the order of names, one work item of the beginning of its inputs."""
    rows: list[dict[str, object]] = []
    for item, name in enumerate(sorted(source.name for source in recipe.source)):
        taken = 0
        of_source = [file for file in inputs if file.source == name]
        for row in make_splits(of_source, {file.addition: sample_bytes for file in of_source}).to_pylist():
            if taken < sample_bytes:
                rows.append({**row, "split": len(rows), "item": item})
                taken += row["end"] - row["begin"]
    return pa.Table.from_pylist(rows, schema=schema.SPLITS)


def given_model(recipe: Recipe, recipe_path: Path) -> str | None:
    """URL of the tokenizer's model that the recipe names."""
    named = recipe.tokenizer.model
    return None if named is None else files.beside(recipe_path.parent, named)


def _select(recipe: Recipe, extracted: Stage, stage: Stage, documents: Sequence[int]) -> None:
    splits = ipc.open_table(extracted.run.path("splits.arrow"), schema.SPLITS, columns=["item", "source"])
    parts, first_ids = divide(documents, np.asarray(splits["item"].to_pylist()))
    sources = SourceRanges.of_splits(splits["source"].to_pylist())
    plain = recipe.model_copy(update={"decontaminate": None})
    profiles = load_profiles(recipe)
    settings = SelectSettings(plain, profiles, extracted, sum(documents), parts, first_ids, sources)
    run_everything(Desk(settings, stage))


def _kept_by_language(selected: Stage) -> dict[str, int]:
    found: dict[str, int] = {}
    for domain, size in packing.domain_totals(selected.records(), "kept_bytes").items():
        language = domain.partition(".")[2]
        found[language] = found.get(language, 0) + size
    return found


def _tokens_by_language(tokenized: Stage) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    sizes = packing.domain_totals(tokenized.records(), "bytes")
    for domain, tokens in packing.domain_totals(tokenized.records(), "tokens").items():
        language = domain.partition(".")[2]
        before = found.get(language, (0, 0))
        found[language] = (before[0] + tokens, before[1] + sizes[domain])
    return found


def _pack(recipe: Recipe, run: RunDirectory, tokenized: Stage, model: str, clock: "_Clock") -> float:
    encoder = load_encoder(model)
    stage = run.stage("pack", "measured")
    rows = packing.plan_shards(
        tokenized.records(),
        target_bytes=recipe.shards.target_bytes,
        token_bytes=encoder.dtype.itemsize,
        seed=recipe.run.seed,
    )
    plan = stage.file("plan.arrow")
    columns = dict(zip(packing.PACK_PLAN.names, zip(*rows, strict=True), strict=True))
    ipc.write_table(plan, pa.table(columns, schema=packing.PACK_PLAN), packing.PACK_PLAN)
    settings = packing.PackSettings(
        tokenized, plan, recipe.run.seed, encoder.vocabulary_size, encoder.end_of_document, "measured"
    )
    seconds = 0.0
    for shard in sorted({row[0] for row in rows}):
        _, spent = clock.spent_on(lambda: packing.pack_item(stage, shard, settings))  # noqa: B023
        seconds += spent
    return seconds


# ------------------------------------------------------------------------------------------------ time


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
