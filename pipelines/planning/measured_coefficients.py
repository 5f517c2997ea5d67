"""Measures the coefficients of a plan on a recipe's own inputs: ratios of what pipelines.planning.sample_build found.

What the screens cost and what extraction costs is told apart by reading pages twice, the second time with no language
wanted: two sums, two unknowns. Where the screens do not divide a sample, all of it counts as extraction.

Not measured  what a sample is too small for: the time of select, what it sends and holds, and the memory of a worker of
        extract; and of exams and scorers what the recipe does not have. They are taken over, with their
        sources, from the coefficients that are given.
"""

import platform
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from corpus.recipe import Recipe
from corpus.storage.run_directory import RunDirectory
from pipelines.planning.coefficients import Coefficients, InputCoefficients, Number, scorer_seconds
from pipelines.planning.sample_build import Measured, MeasuredRun, MeasuredSource, Say, measure
from pipelines.stage_list import STAGES
from pipelines.stages.versions import versions_of

#: Kept text of a language for a number of its own; what has less is counted together, as `*`.
LEAST_TEXT_BYTES = 1 << 16
#: Share of the pages that the second reading must have screened for the two costs to be told apart.
LEAST_DIVIDED = 0.2


def calibrate(
    recipe: Recipe, recipe_path: Path, base: Coefficients, *, sample_bytes: int, how: str, say: Say
) -> Coefficients:
    """`base` with everything replaced that can be measured on the recipe's inputs; `how` stands as their source.

    Raises the errors of a build, and InputError where a sample holds no document that is kept.
    """
    with tempfile.TemporaryDirectory(prefix="corpus-calibrate-") as folder:
        run = measure(recipe, recipe_path, RunDirectory(folder), sample_bytes=sample_bytes, say=say)
    found = ratios(run) | score_ratios(recipe, run, base)
    measured = {name: Number(value=_rounded(value), source=how) for name, value in found.items()}
    per_byte = {language: tokens / of for language, (tokens, of) in pooled(run.sources).items()}
    return base.model_copy(
        update={
            **measured,
            "machine": machine(),
            "versions": versions_of(*(module for spec in STAGES for module in spec.code)),
            "inputs": [*(input_coefficients(each, how) for each in run.sources), *base.inputs],
            "tokens_per_byte": {
                language: Number(value=_rounded(value), source=how) for language, value in per_byte.items()
            },
        }
    )


def ratios(run: MeasuredRun) -> dict[str, float]:
    """The coefficients that are of all sources together, by name."""
    sources = run.sources

    def total(of: Callable[[MeasuredSource], float]) -> float:
        return sum(map(of, sources))

    text = total(lambda each: each.extract.count("text_bytes"))
    documents = total(lambda each: each.extract.count("documents"))
    kept = total(lambda each: each.tokenize.count("documents"))
    kept_text = total(lambda each: each.tokenize.count("bytes"))
    tokens = total(lambda each: each.tokenize.count("tokens"))
    stored_tokens = total(lambda each: each.tokenize.bytes_of("tokens"))
    found = {
        "measure_seconds": total(lambda each: each.measure.seconds) / text,
        "signal_bytes": total(lambda each: each.measure.bytes_of("signals")) / documents,
        "decision_bytes": total(lambda each: each.select.bytes_of("decisions")) / documents,
        "sample_seconds": total(lambda each: each.sample.seconds) / kept_text,
        "tokenize_seconds": total(lambda each: each.tokenize.seconds) / kept_text,
        "token_row_bytes": (stored_tokens - tokens * run.token_bytes) / kept,
        "pack_seconds": run.pack_seconds / tokens,
        "process_bytes": float(run.process_bytes),
    }
    searched = [each.decontaminate for each in sources if each.decontaminate is not None]
    if searched:
        found["contamination_seconds"] = sum(each.seconds for each in searched) / text
        found["contamination_bytes"] = sum(each.bytes_of("contamination") for each in searched) / documents
    if run.train_seconds is not None:
        found["train_seconds"] = run.train_seconds / total(lambda each: each.sample.count("bytes"))
    return found


def score_ratios(recipe: Recipe, run: MeasuredRun, base: Coefficients) -> dict[str, float]:
    """Those of scorers, which one pass asks: what it took is divided between them as `base` would."""
    scored = [each.score for each in run.sources if each.score is not None]
    if not scored:
        return {}
    text = sum(each.extract.count("text_bytes") for each in run.sources)
    documents = sum(each.extract.count("documents") for each in run.sources)
    before = base.of_scorers(recipe)
    times = sum(each.seconds for each in scored) / (text * sum(number.value for number in before))
    found = {"score_bytes": sum(each.bytes_of("scores") for each in scored) / documents / len(recipe.scored_signals)}
    return found | {
        scorer_seconds(table): number.value * times for table, number in zip(recipe.scorers, before, strict=True)
    }


def input_coefficients(measured: MeasuredSource, how: str) -> InputCoefficients:
    """Of one source."""
    extract, tokenize = measured.extract, measured.tokenize
    records, documents, text = (extract.count(name) for name in ("records_in", "documents", "text_bytes"))
    kept, kept_bytes = tokenize.count("documents"), tokenize.count("bytes")
    record, document, of_text = extract_seconds(measured)
    of_source = {
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
    return InputCoefficients(
        name=measured.source.name,
        format=measured.source.format,
        source=f"{how}: {records:,} records, {extract.count('input_bytes'):,} bytes",
        languages={language: _rounded(size / kept_bytes) for language, size in measured.kept_by_language.items()},
        **{name: _rounded(value) for name, value in of_source.items()},
    )


def pooled(sources: Sequence[MeasuredSource]) -> dict[str, tuple[int, int]]:
    """Language → (tokens, bytes of text), those with little text together under `*`."""
    all_bytes: dict[str, int] = {}
    for each in sources:
        for language, size in each.kept_by_language.items():
            all_bytes[language] = all_bytes.get(language, 0) + size
    found: dict[str, tuple[int, int]] = {}
    for each in sources:
        for language, tokens in sorted(each.tokens_by_language.items()):
            name = language if all_bytes[language] >= LEAST_TEXT_BYTES else "*"
            before = found.get(name, (0, 0))
            found[name] = (before[0] + tokens, before[1] + each.kept_by_language[language])
    return dict(sorted(found.items()))


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
