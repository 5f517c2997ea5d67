"""The command `corpus`. A sub-command imports what it needs when it runs, so `corpus --help` answers at once."""

import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import click

from corpus.errors import CorpusError

EXIT_CODES = """\b
Exit codes
  0  good
  1  the check found a difference or damage
  2  wrong recipe, arguments or input
  3  the run failed; what is finished stays, and a second call goes on
"""


class _Command(click.Group):
    """Turns a CorpusError into one line and its exit code; a traceback comes only with --debug."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        debug = "--debug" in sys.argv
        try:
            return super().main(*args, **kwargs)
        except CorpusError as error:
            if debug:
                raise
            _fail(str(error), error.exit_code)
        except KeyboardInterrupt:
            _fail("interrupted; the same command goes on from here", 130)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"corpus: {message}", err=True)
    sys.exit(code)


@click.group(cls=_Command, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lm-corpus-pipelines")
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
def main(debug: bool) -> None:
    """Turns web archives, books, papers and code into the phased, tokenized training corpus of a language model."""


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--run-dir", required=True, metavar="RUN", help="Folder or fsspec URL; made where it does not exist.")
@click.option("--until", metavar="STAGE", help="Stop after this stage.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes; default: one a core.")
@click.argument("beam_args", nargs=-1, type=click.UNPROCESSED)
def build(
    recipe: Path,
    run_dir: str,
    until: str | None,
    overrides: tuple[str, ...],
    workers: int | None,
    beam_args: tuple[str, ...],
) -> None:
    """Builds a corpus: plan, extract, select, train-tokenizer, tokenize, pack, phases.

    What is done is skipped, so the same command goes on after Ctrl-C or a crash. Options that are not listed
    here go to Beam as they are.

    \b
    Examples
      corpus build examples/demo/recipe.toml --run-dir runs/demo
      corpus build recipe.toml --run-dir runs/a --set dedup.threshold=0.7 --until select
      corpus build recipe.toml --run-dir gs://bucket/a --runner=DataflowRunner --project=...
    """
    from rich.console import Console

    from corpus.errors import RecipeError
    from corpus.recipe import load_recipe
    from corpus.storage.run_directory import STAGES, RunDirectory

    if until is not None and until not in STAGES:
        raise RecipeError(f"--until {until}: no such stage; the stages are {', '.join(STAGES)}")
    if beam_args and not beam_args[0].startswith("--"):
        raise RecipeError(f"{beam_args[0]!r}: one recipe a build; Beam's options begin with --")
    settings = load_recipe(recipe, _overrides(overrides))

    from pipelines.build import Build, Options, peak_memory_bytes

    started = time.monotonic()
    console = Console(stderr=True)
    options = Options(workers=workers, beam_args=beam_args, until=until or STAGES[-1])
    Build(settings, recipe, RunDirectory(run_dir.rstrip("/")), options, console).build()
    console.print(
        f"[bold]done[/]            {time.monotonic() - started:.1f} s, peak memory of one process "
        f"{peak_memory_bytes() / 2**20:,.0f} MiB; next: corpus stats {run_dir}",
        highlight=False,
    )


def _overrides(pairs: tuple[str, ...]) -> dict[str, str]:
    from corpus.errors import RecipeError

    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise RecipeError(f"--set {pair}: write it as KEY=VALUE, as in --set dedup.threshold=0.7")
        found[key.strip()] = value.strip()
    return found


if __name__ == "__main__":
    main()
