"""`corpus check`: is a recipe right, before anything is built."""

import logging
from pathlib import Path

import click

from corpus.recipe.parsing import load_recipe, overrides_of
from pipelines.terminal import say


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe.")
def check(recipe: Path, overrides: tuple[str, ...]) -> None:
    """Checks a recipe and all that it names, every mistake at once.

    It builds nothing; `corpus build` begins with the same check. Every mistake is a line with the file, the line in it, the
    key and what is allowed. Inputs are listed and their first and last bytes read; profiles, models, word lists and exams are
    opened.

    \b
    Examples
      corpus check recipe.toml
      corpus check recipe.toml --set dedup.threshold=0.7
    """
    logging.getLogger().addHandler(logging.NullHandler())  # Beam warns at its import of what nobody here needs
    from pipelines.prepared import prepare

    settings = load_recipe(recipe, overrides_of(overrides))
    inputs = prepare(settings, recipe).inputs
    size = sum(file.file_bytes for file in inputs)
    sources = f"{len(settings.source)} source{'s' * (len(settings.source) != 1)}"
    say(f"{recipe}: sound; {sources}, {len(inputs):,} file{'s' * (len(inputs) != 1)} of {size:,} bytes", err=False)
