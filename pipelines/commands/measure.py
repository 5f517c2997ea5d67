"""`corpus measure`: the signals of every document of files, and what the rules of a profile say of them."""

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np
import pyarrow as pa
from click.core import ParameterSource

from corpus.errors import RecipeError
from corpus.recipe import Extractor, Kind, Recipe
from corpus.recipe.parsing import load_recipe, parse_recipe
from corpus.recipe.scorer_tables import Classifier, Perplexity, ScorerTable
from corpus.schema import SCORED
from corpus.sources.records import DEFAULT_FIELDS, Fields, Split
from corpus.urls.url_lists import read_url_lists
from filters.language.identification import default_model_path
from filters.measuring import MeasureSettings, signal_batch
from filters.quality.profiles import shipped_profiles
from filters.quality.rules import SIGNALS, RuleSet, all_reasons, load_profiles
from filters.scorers.score_columns import Scorer, open_scorers, score_columns
from pipelines.commands.reading import SOURCE, Options, Reading, reading_options, splits_of
from pipelines.report.terminal_text import json_line
from pipelines.stages.extraction import ExtractSettings, document_batch, in_chinese_script
from pipelines.stages.measurement import measure_settings
from pipelines.stages.prerequisites import language_model, named_scorers
from pipelines.terminal import say

#: Documents that are measured at once: enough for the kernels, few enough for `| head` to see the first ones soon.
BATCH_DOCUMENTS = 32


@click.command()
@reading_options
@click.option("--kind", type=click.Choice(get_args(Kind)), default="web", show_default=True, help="Kind of source.")
@click.option("--profile", metavar="NAME", help="Rules to judge by; default: those named like the kind, else web.")
@click.option(
    "--classifier",
    "models",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="A model of `corpus train-classifier`; its score is the signal classifier_MODEL. Repeat for more.",
)
@click.option(
    "--perplexity",
    "language_models",
    multiple=True,
    metavar="MODEL[,TOKENIZER]",
    help="A language model of KenLM, and the SentencePiece model of its tokens where it has one, in CCNet's form; the "
    "signal is perplexity_MODEL. Repeat for more.",
)
@click.option(
    "--recipe",
    "recipe_path",
    type=click.Path(path_type=Path),
    metavar="RECIPE",
    help="Measure and judge as a build of this recipe would: its languages, extraction, profile and scorers.",
)
@click.option("--source", metavar="NAME", help="Which of the recipe's sources the files are; default: the only one.")
@click.pass_context
def measure(
    context: click.Context,
    options: Options,
    kind: str,
    profile: str | None,
    models: tuple[Path, ...],
    language_models: tuple[str, ...],
    recipe_path: Path | None,
    source: str | None,
) -> None:
    """Prints the signals of every document of files, and what rules say.

    One JSON line for each: {"id", "url", "language", "language_score", "signals", "kept", "reasons"}. `reasons`
    has every rule that the document fails, in the profile's order; duplicates are not looked for. What could not
    be read goes to standard error, and the command ends with 0 all the same.

    \b
    Examples
      corpus measure crawl.warc.gz | jq -c '{url, reasons}'
      corpus measure books.jsonl --profile none | jq .signals.mean_word_length
      corpus measure crawl.warc.gz --classifier quality.bin | jq '{url, score: .signals.classifier_quality}'
      corpus measure crawl.warc.gz --perplexity en.arpa.bin,en.sp.model | jq .signals.perplexity_en
      corpus measure page.html --recipe recipe.toml --source web | jq .reasons
    """
    if recipe_path is None:
        if source is not None:
            raise click.UsageError("--source: a source of what? Give the --recipe too")
        profile = profile or (kind if kind in shipped_profiles() else "web")
        recipe, model = recipe_of_files(kind, profile, options.extractor), default_model_path()
    else:
        _refuse_beside_a_recipe(context)
        recipe = as_files(load_recipe(recipe_path), source, recipe_path)
        model = language_model(recipe, recipe_path)
        options = dataclasses.replace(options, fields=fields_of(options, recipe))
    profiles = load_profiles(recipe)
    settings = ExtractSettings.of(recipe, splits="", model=model)
    where = str(recipe_path) if recipe_path is not None else "corpus measure"
    folder = recipe_path.parent if recipe_path is not None else Path()
    measured = measure_settings(recipe, model, read_url_lists(recipe, folder, where=where))
    reading = Reading(settings.works().of(SOURCE), settings.limits)
    splits = splits_of(options, reading.work)
    scorers = scorers_of(models, language_models) if recipe_path is None else named_scorers(recipe, recipe_path)
    for split in splits:
        for signals in measured_batches(reading, split, settings, measured, scorers):
            lines = []
            for row in signals.to_pylist():
                rules = profiles.for_domain(profiles.of_source[SOURCE], row["language"])
                lines.append(json_line(measured_document(row, rules, recipe)))
            click.echo("\n".join(lines))
    say(reading.summary(len(splits)))


def recipe_of_files(kind: str, profile: str, extractor: Extractor = "trafilatura") -> Recipe:
    """The recipe of a run in which the files are the only source, and every language is wanted."""
    source = {"name": SOURCE, "kind": kind, "inputs": ["FILES"], "profile": profile}
    table = {"run": {"name": "measure"}, "source": [source], "extract": {"extractor": extractor}}
    return parse_recipe(table, "corpus measure")


def as_files(recipe: Recipe, name: str | None, path: Path) -> Recipe:
    """The recipe with one of its sources alone, as what the files are. Raises RecipeError where it has no such source."""
    names = [each.name for each in recipe.source]
    if name not in names and (name is not None or len(names) > 1):
        asked = f"no source is called {name!r}" if name is not None else "it has several sources"
        raise RecipeError(f"{path}: {asked}; give --source, one of {', '.join(names)}")
    of = recipe.source_named(name if name is not None else names[0])
    return recipe.model_copy(update={"source": [of.model_copy(update={"name": SOURCE})]})


def fields_of(options: Options, recipe: Recipe) -> Fields:
    """What the fields of rows are called: as the command line says, else as the recipe's source does."""
    return options.fields if options.fields != DEFAULT_FIELDS else Fields(**recipe.source[0].fields.model_dump())


def _refuse_beside_a_recipe(context: click.Context) -> None:
    for option in ("kind", "profile", "models", "language_models", "extractor"):
        if context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            (named,) = (each.opts[0] for each in context.command.params if each.name == option)
            raise click.UsageError(f"{named}: the recipe says that; leave it out, or --recipe")


def scorers_of(models: Sequence[Path], language_models: Sequence[str]) -> tuple[Scorer, ...]:
    """Scorers called like their models' files. Raises InputError for a file that is none, UsageError for two of a name."""
    names = [_name_of(model.stem) for model in models]
    pairs = [each.partition(",") for each in language_models]
    under = [_name_of(Path(model).name.partition(".")[0]) for model, _, _ in pairs]
    for option, known in (("--classifier", names), ("--perplexity", under)):
        for name in known:
            if known.count(name) > 1:
                raise click.UsageError(f"{option}: two models are called {name!r}; rename one")
    tables: list[ScorerTable] = [
        Classifier(name=name, model=str(model)) for name, model in zip(names, models, strict=True)
    ]
    tables += [
        Perplexity(name=name, model=model, tokenizer=tokenizer or None)
        for name, (model, _, tokenizer) in zip(under, pairs, strict=True)
    ]
    return open_scorers(tables, Path(), where="corpus measure")


def _name_of(file: str) -> str:
    """The name of a scorer for that of a file."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", file).lstrip("_-")[:64] or "model"


def measured_batches(
    reading: Reading, split: Split, settings: ExtractSettings, measured: MeasureSettings, scorers: Sequence[Scorer] = ()
) -> Iterator[pa.Table]:
    """Signals of a split's documents with their ids and URLs, batch by batch."""
    found, first = reading.rows(split), 0
    while rows := list(itertools.islice(found, BATCH_DOCUMENTS)):
        documents = in_chinese_script(document_batch(rows, split=split, first_row=first), settings)
        first += len(rows)
        signals = pa.Table.from_batches([signal_batch(documents, measured)]).drop_columns(
            ["codes", "bands", "personal_data"]
        )
        languages = signals["language"].to_pylist()
        for name, column in score_columns(documents.column("text"), languages, scorers).items():
            signals = signals.append_column(name, column)
        for name in ("id", "url"):
            signals = signals.append_column(documents.schema.field(name), documents.column(name))
        yield signals


def measured_document(row: dict[str, Any], rules: RuleSet, recipe: Recipe) -> dict[str, Any]:
    """A row of `signals/` with id and URL as `corpus measure` prints it."""
    reasons = list(dict.fromkeys(failure.reason for failure in all_reasons(row, rules, recipe.run.wants)))
    return {
        "id": row["id"],
        "url": row["url"],
        "language": row["language"],
        "language_score": shortest(row["language_score"]),
        "signals": {
            name: _shown(row[name])
            for name in (*SIGNALS[1:], *(each for each in row if each.startswith(SCORED)))
            if name in row
        },
        "kept": not reasons,
        "reasons": reasons,
    }


def _shown(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else shortest(value)


def shortest(value: float) -> float:
    """A float32 with the fewest digits that name it: 0.3 where Python would print 0.30000001192092896."""
    return float(str(np.float32(value)))
