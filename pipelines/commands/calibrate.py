"""`corpus calibrate`: a profile's thresholds for a language, from documents that are trusted."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import click
import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import InputError, RecipeError
from corpus.recipe import Kind
from filters.language.identification import default_model_path
from filters.quality.calibration import Calibrated, Calibration, Method, Sample
from filters.quality.calibration import calibrate as calibrated
from filters.quality.rules import ANY_LANGUAGE, Limit, RuleSet, shipped_rules
from pipelines.commands.measure import measured_batches, recipe_of_files
from pipelines.commands.reading import Options, Reading, reading_options, splits_of
from pipelines.report.terminal_text import json_line
from pipelines.stages.extraction import ExtractSettings
from pipelines.stages.measurement import measure_settings
from pipelines.terminal import say

_PERCENT = click.FloatRange(0, 50, min_open=True)


@click.command()
@reading_options
@click.option("--language", metavar="L", required=True, help="Documents that are identified as another are left out.")
@click.option("--profile", metavar="BASE", default="web", show_default=True, help="Whose rules get other numbers.")
@click.option("--name", metavar="NAME", help="What the new profile is called; default: BASE-calibrated.")
@click.option("--percentile", type=_PERCENT, help="Per cent that each rule may drop.")
@click.option("--together", type=_PERCENT, help="Per cent that all of them may drop; default: 10.")
@click.option(
    "--method",
    type=click.Choice([each.value for each in Method]),
    default=Method.TAIL.value,
    show_default=True,
    help="See below.",
)
@click.option("--english", metavar="FILE", multiple=True, help="Trusted English documents, for quantile and mean-std.")
@click.option("--documents", type=click.IntRange(1), default=1_000_000, show_default=True, help="Sample at most these.")
@click.option("--kind", type=click.Choice(get_args(Kind)), default="web", show_default=True, help="Kind of source.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of TOML.")
def calibrate(
    options: Options,
    language: str,
    profile: str,
    name: str | None,
    percentile: float | None,
    together: float | None,
    method: str,
    english: tuple[str, ...],
    documents: int,
    kind: str,
    as_json: bool,
) -> None:
    """Derives a profile's thresholds for a language from documents that are trusted.

    Prints a table for a recipe: the rules of BASE with the numbers that these documents call for, and beside each
    what it drops of them. Absurd numbers are left out, or remarked on standard error.

    \b
    Methods (FineWeb-2, arXiv:2506.20920, 4.4.2)
      tail      each rule drops the outermost documents: --percentile of them (10: FineWeb-2's 10Tail), or as many
                as make --together of all rules
      quantile  each drops as large a share as the English limit of BASE drops of English documents
      mean-std  each stands as many standard deviations from the mean as the English limit of BASE does in English

    \b
    Examples
      corpus calibrate wiki-zh.jsonl.gz --language zh --together 5 > zh.toml
      corpus calibrate wiki-th.jsonl.gz --language th --profile fineweb2 --percentile 10
      corpus calibrate wiki-ja.jsonl.gz --language ja --method mean-std --english wiki-en.jsonl.gz
    """
    name = name or f"{profile}-calibrated"
    base = _rules(profile, language)
    if percentile is not None and together is not None:
        raise click.UsageError("give --percentile or --together, one of them")
    if (method != Method.TAIL) != bool(english):
        raise click.UsageError("--english goes with --method quantile or mean-std, and they with it")
    if method != Method.TAIL and (percentile or together):
        raise click.UsageError("--percentile and --together are of --method tail")
    reader = _Reader(options, kind, profile)
    sample, found = reader.sample(options.paths, language, base.limits, documents)
    if not found[language]:
        others = ", ".join(f"{other} {number:,}" for other, number in found.most_common(5))
        raise InputError(f"no document is identified as {language!r}" + (f"; there are {others}" if others else ""))
    english_base = _rules(profile, "en").limits
    english_columns = None
    if english:
        english_columns = reader.sample(english, "en", english_base, documents, also=base.limits)[0].columns()
    try:
        result = calibrated(
            base.limits,
            sample.columns(),
            method=Method(method),
            percentile=percentile,
            together=10.0 if together is None else together,
            english=english_columns,
            english_base=english_base,
        )
    except ValueError as error:
        raise InputError(f"--english: {error}") from error
    remarks = [*_of_languages(found, language), *result.remarks]
    source = (
        f"calibrated: {method}, {result.documents:,} {language} documents {sample.digest()}, of which its numbers drop "
        f"{result.drops:.2%}"
    )
    if as_json:
        click.echo(json_line(_as_json(result, name, profile, language, source, remarks)))
    else:
        click.echo(_as_toml(result, name, profile, language, source))
        for each in result.limits:
            remarks += [f"{each.base.signal} ({each.base.side}): {remark}" for remark in each.remarks]
        for remark in remarks:
            say(f"remark: {remark}")


def _rules(profile: str, language: str) -> RuleSet:
    if profile not in shipped_rules():
        raise RecipeError(f"--profile {profile}: no such profile; profiles are {', '.join(shipped_rules())}")
    of_language = shipped_rules()[profile]
    return of_language.get(language, of_language[ANY_LANGUAGE])


@dataclasses.dataclass(frozen=True)
class _Reader:
    """Reads files as `corpus measure` does."""

    options: Options
    kind: str
    profile: str

    def sample(
        self, paths: tuple[str, ...], language: str, limits: Sequence[Limit], documents: int, also: Sequence[Limit] = ()
    ) -> tuple[Sample, Counter[str]]:
        """The signals of limits, of documents in a language; and how many documents are in which language."""
        names = tuple(dict.fromkeys(limit.signal for limit in (*limits, *also)))
        sample, found = Sample(names, documents), Counter[str]()
        for signals in self._batches(paths):
            found.update(signals.column("language").to_pylist())
            sample.add(signals.filter(pc.equal(signals.column("language"), language)).select([*names, "text_hash"]))
        return sample, found

    def _batches(self, paths: tuple[str, ...]) -> Iterator[pa.Table]:
        recipe = recipe_of_files(self.kind, self.profile)
        model = default_model_path()
        settings, measured = ExtractSettings.of(recipe, splits="", model=model), measure_settings(recipe, model, {})
        reading = Reading(self.options.work)
        splits = splits_of(dataclasses.replace(self.options, paths=paths), reading.work)
        for split in splits:
            yield from measured_batches(reading, split, settings, measured)
        say(reading.summary(len(splits)))


def _of_languages(found: Counter[str], language: str) -> list[str]:
    others = found.total() - found[language]
    if not others:
        return []
    share = others / found.total()
    most = ", ".join(f"{other} {number:,}" for other, number in found.most_common(4) if other != language)
    return [
        f"{others:,} of {found.total():,} documents ({share:.1%}) are identified as another language and left out: {most}"
    ]


def _as_toml(result: Calibration, name: str, base: str, language: str, source: str) -> str:
    """A [profiles.NAME] table; another language's [[profiles.NAME.variant]] can be put below it."""
    lines = [
        f"[profiles.{name}]",
        f"base = {json.dumps(base)}",
        "",
        f"[[profiles.{name}.variant]]",
        f"languages = [{json.dumps(language)}]",
        f"source = {json.dumps(source)}",
    ]
    off = [each for each in result.limits if each.value is None]
    if off:
        lines.append(f"off = [{', '.join(json.dumps(f'{each.base.signal}.{each.base.side}') for each in off)}]")
    for side in ("min", "max"):
        of_side = [each for each in result.limits if each.base.side == side and each.value is not None]
        if of_side:
            lines += ["", f"[profiles.{name}.variant.{side}]", *map(_line, of_side)]
    return "\n".join(lines)


def _line(each: Calibrated) -> str:
    number = f"{each.base.signal} = {each.value:.10g}"
    return f"{number:<48} # drops {each.drops:.2%}; {each.base.value:.10g} drops {each.base_drops:.2%}"


def _as_json(
    result: Calibration, name: str, base: str, language: str, source: str, remarks: list[str]
) -> dict[str, Any]:
    return {
        "profile": name,
        "base": base,
        "language": language,
        "source": source,
        "documents": result.documents,
        "drops": result.drops,
        "counts_drop": result.counts_drop,
        "base_drops": result.base_drops,
        "each_drops_at_most": result.tail,
        "limits": [
            {
                "signal": each.base.signal,
                "side": each.base.side,
                "limit": each.value,
                "drops": each.drops,
                "base_limit": each.base.value,
                "base_drops": each.base_drops,
                "remarks": list(each.remarks),
            }
            for each in result.limits
        ],
        "remarks": remarks,
    }
