"""`corpus plan`: what a build will take."""

import dataclasses
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from corpus.errors import InputError
from corpus.recipe import GIB, MIB, Recipe
from corpus.recipe.parsing import load_recipe, overrides_of
from corpus.storage import files
from pipelines.planning.coefficients import Coefficients, read_coefficients, shipped_coefficients
from pipelines.report.tables import open_console
from pipelines.report.terminal_text import json_line
from pipelines.terminal import say

if TYPE_CHECKING:
    from pipelines.planning.estimate import Estimate

#: How large a sample of each source is: some 500 pages of the web, ten seconds.
SAMPLE_BYTES = 16 * MIB


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe.")
@click.option("--stated", is_flag=True, help="List nothing where the recipe states files and bytes.")
@click.option(
    "--calibrate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Measure the coefficients on this recipe's inputs first, and write them there.",
)
@click.option(
    "--coefficients",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Coefficients of --calibrate; default: those of the documentation.",
)
@click.option(
    "--sample-bytes",
    type=click.IntRange(1 << 16, 64 * GIB),
    default=SAMPLE_BYTES,
    show_default=True,
    help="Of each source, for --calibrate.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def plan(
    recipe: Path,
    overrides: tuple[str, ...],
    stated: bool,
    calibrate: Path | None,
    coefficients: Path | None,
    sample_bytes: int,
    as_json: bool,
) -> None:
    """Says before a build what it will take: files, tokens, core-hours, storage, cost.

    Inputs are listed where they are there, else taken as the recipe states them (source.expected). Everything else is an
    estimate: inputs × coefficients, by the formulas of docs/plan.md. The cost is by the recipe's [prices].

    The coefficients that come with the package were measured for its documentation, on few pages and another machine.
    --calibrate runs the stages over a sample of the inputs that are there, with one worker, and measures them here.

    \b
    Examples
      corpus plan recipes/internlm-1.6t.toml
      corpus plan recipe.toml --calibrate here.json
      corpus plan recipe.toml --coefficients here.json --set run.work_item_bytes=268435456 --json
    """
    logging.getLogger().addHandler(logging.NullHandler())  # Beam warns at its import of what nobody here needs
    from filters.quality.rules import load_profiles
    from pipelines.planning.estimate import estimate
    from pipelines.planning.inputs import inputs_of, only
    from pipelines.planning.plan_tables import tables_of
    from pipelines.prepared import naming

    settings = load_recipe(recipe, overrides_of(overrides))
    with naming(recipe):
        load_profiles(settings)  # a rule that does not exist is said before anything is measured
    known = read_coefficients(coefficients) if coefficients is not None else shipped_coefficients()
    item_bytes, inputs = inputs_of(settings, recipe.parent, where=str(recipe), stated=stated)
    token_bytes = _token_bytes(settings, recipe)
    if calibrate is not None:
        there = {each.source.name for each in inputs if each.listed}
        if not there:
            raise InputError(f"{recipe}: --calibrate measures inputs, and none of this recipe's are there")
        known = _calibrated(only(settings, there), recipe, known, sample_bytes)
        files.write_bytes(str(calibrate), (known.model_dump_json(indent=1) + "\n").encode())
    with naming(recipe):
        found = estimate(settings, inputs, known, item_bytes=item_bytes, token_bytes=token_bytes)
    if as_json:
        click.echo(json_line(_as_json(found)))
        return
    console = open_console()
    for each in tables_of(found):
        console.print(each)


def _token_bytes(settings: Recipe, recipe: Path) -> int:
    """Of a token as it is stored: what the named model's vocabulary asks for, else that of the one to train."""
    from corpus.columns import numpy_dtype
    from corpus.schema import token_type
    from tokenizer_training.encode import load_encoder

    named = settings.tokenizer.model
    if named is not None:
        return load_encoder(files.beside(recipe.parent, named)).dtype.itemsize
    return numpy_dtype(token_type(settings.tokenizer.vocab_size)).itemsize


def _calibrated(settings: Recipe, recipe: Path, base: Coefficients, sample_bytes: int) -> Coefficients:
    from pipelines.planning.measured_coefficients import calibrate

    return calibrate(
        settings,
        recipe,
        base,
        sample_bytes=sample_bytes,
        how=f"corpus plan {recipe.name} --calibrate",
        say=lambda what: say(f"calibrate: {what}"),
    )


#: What is counted of a source, or stated: no estimate.
_COUNTED = ("listed", "files", "bytes", "splits", "items")


def _as_json(found: "Estimate") -> dict[str, Any]:
    """What is counted or stated, and apart from it what is estimated."""
    sources = [dataclasses.asdict(source) for source in found.sources]
    return {
        "name": found.name,
        "machine": found.machine,
        "item_bytes": found.item_bytes,
        "inputs": [{name: source[name] for name in ("name", *_COUNTED)} for source in sources],
        "estimates": {
            "sources": [{name: value for name, value in each.items() if name not in _COUNTED} for each in sources],
            "domains": [
                {"name": name, "tokens": tokens, "shards": found.shards[name]} for name, tokens in found.domains.items()
            ],
            "stages": [{**dataclasses.asdict(stage), "core_hours": stage.core_hours} for stage in found.stages],
            "core_hours": found.core_hours,
            "storage": [dataclasses.asdict(each) for each in found.storage],
            "stored_bytes": found.stored_bytes,
            "peak_bytes": found.peak_bytes,
            "exchange": dataclasses.asdict(found.exchange),
            "phases": json.loads(found.phases.to_json()) if found.phases is not None else None,
            "phases_problem": found.phases_problem,
            "cost": {**dataclasses.asdict(found.cost), "total": found.cost.total} if found.cost is not None else None,
        },
    }
