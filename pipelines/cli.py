"""The command `corpus`. A sub-command's module is imported when it is called, so `corpus --help` answers at once.

`corpus build` stands here; the others are listed in COMMANDS and live in pipelines.commands.
"""

import importlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any, Literal, NoReturn

import click

from corpus.errors import CorpusError
from pipelines.running import interrupts
from pipelines.terminal import say

EXIT_CODES = """\b
Exit codes
  0  good
  1  the check found a difference or damage
  2  wrong recipe, arguments or input
  3  the run failed; what is finished stays, and a second call goes on
"""


#: Name → (module that defines a click command under this name, what `corpus --help` says of it).
COMMANDS = {
    "check": ("pipelines.commands.check", "Checks a recipe and all that it names, every mistake at once."),
    "plan": (
        "pipelines.commands.plan",
        "Says before a build what it will take: files, tokens, core-hours, storage, cost.",
    ),
    "stats": (
        "pipelines.commands.stats",
        "Shows the funnel, evaluation items, scores, copies, domains, tokenizer and phases of a run.",
    ),
    "show": ("pipelines.commands.show", "Shows documents of a run: who, why kept or dropped, text and tokens."),
    "export": (
        "pipelines.commands.export",
        "Writes the kept documents of a run as text files, as they are trained on.",
    ),
    "dedup": (
        "pipelines.commands.dedup",
        "Measures deduplication by exact similarities, and explains it: report, explain.",
    ),
    "verify": ("pipelines.commands.verify", "Checks every file, row and sum of a run."),
    "diff": ("pipelines.commands.diff", "Compares two runs by the identity of their documents."),
    "measure": ("pipelines.commands.measure", "Prints the signals of every document of files, and what rules say."),
    "extract": ("pipelines.commands.extract", "Prints the text of every document of files."),
    "calibrate": (
        "pipelines.commands.calibrate",
        "Derives a profile's thresholds for a language from documents that are trusted.",
    ),
    "profiles": ("pipelines.commands.profiles", "Shows the rules of profiles and explains them: show, explain."),
    "train-classifier": ("pipelines.commands.train_classifier", "Trains a quality classifier on good and bad texts."),
    "perplexity-text": ("pipelines.commands.perplexity_text", "Prints texts as a model of [[perplexity]] sees them."),
    "feed": ("pipelines.commands.feed", "Looks into what a trainer is fed: plan, peek."),
}


class _Command(click.Group):
    """Imports a sub-command when it is called, and turns a CorpusError into one line and its exit code.

    A traceback comes only with --debug. A reader that has seen enough (`| head`) ends the command quietly.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands, *COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list from what is known without importing anything."""
        width = formatter.width - 6 - max(map(len, self.list_commands(ctx)))
        rows = [(name, command.get_short_help_str(width)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl([*rows, *((name, summary) for name, (_, summary) in COMMANDS.items())])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # here, before click makes an "Aborted!" of it
            code = interrupts.exit_code()
            ended = "terminated" if code == 128 + signal.SIGTERM else "interrupted"
            _fail(f"{ended}; the same command goes on from here", code)
        except BrokenPipeError:
            # What Python still holds for standard output would raise again when it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        debug = "--debug" in sys.argv
        try:
            return super().main(*args, **kwargs)
        except CorpusError as error:
            if debug:
                raise
            _fail(str(error), error.exit_code)
        except OSError as error:
            if debug:
                raise
            _fail(f"{error.filename or 'a file'}: {error.strerror or error}", CorpusError.exit_code)


def _fail(message: str, code: int) -> NoReturn:
    say(f"corpus: {message}")
    sys.exit(code)


@click.group(cls=_Command, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lm-corpus-pipelines")
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
def main(debug: bool) -> None:
    """Turns web archives, books, papers and code into the phased, tokenized training corpus of a language model."""


@main.command(short_help="Builds a corpus, stage by stage.", context_settings={"ignore_unknown_options": True})
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--run-dir", required=True, metavar="RUN", help="Folder or fsspec URL; made where it does not exist.")
@click.option("--until", metavar="STAGE", help="Stop after this stage.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key of the recipe.")
@click.option("--break-lock", is_flag=True, help="Take the run directory from a build that has ended, or is to.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes; default: one a core.")
@click.option(
    "--exchange",
    type=click.Choice(["files", "engine"]),
    help="How select shuffles: files of the run directory, or the runner's own grouping. Default: what suits the runner.",
)
@click.argument("beam_args", nargs=-1, type=click.UNPROCESSED)
def build(
    recipe: Path,
    run_dir: str,
    until: str | None,
    overrides: tuple[str, ...],
    workers: int | None,
    break_lock: bool,
    exchange: Literal["files", "engine"] | None,
    beam_args: tuple[str, ...],
) -> None:
    """Builds a corpus: plan, extract, measure, decontaminate and exams (where the recipe has exams), score (where it has
    classifiers, word lists or perplexity), lines (where it compares lines), select, train-tokenizer, tokenize, pack, phases.

    What is done is skipped, so the same command goes on after Ctrl-C or a crash. Options that are not listed
    here go to Beam as they are.

    \b
    Examples
      corpus build examples/demo/recipe.toml --run-dir runs/demo
      corpus build recipe.toml --run-dir runs/a --set dedup.threshold=0.7 --until select
      corpus build recipe.toml --run-dir gs://bucket/a --runner=DataflowRunner --project=...
    """
    from corpus.errors import RecipeError
    from corpus.recipe.parsing import load_recipe, overrides_of
    from corpus.storage import files
    from corpus.storage.run_directory import RunDirectory
    from pipelines.stage_list import NAMES

    interrupts.listen()
    if until is not None and until not in NAMES:
        raise RecipeError(f"--until {until}: no such stage; the stages are {', '.join(NAMES)}")
    if beam_args and not beam_args[0].startswith("--"):
        raise RecipeError(f"{beam_args[0]!r}: one recipe a build; Beam's options begin with --")
    settings = load_recipe(recipe, overrides_of(overrides))

    # Beam warns at its import of what nobody here needs; with a handler there, nothing is printed.
    logging.getLogger().addHandler(logging.NullHandler())
    from pipelines.build import Options, run_build

    options = Options(
        workers=workers, beam_args=beam_args, until=until or NAMES[-1], break_lock=break_lock, exchange=exchange
    )
    # A worker of another runner has a working directory of its own.
    place = os.path.abspath(files.local_path(run_dir)) if files.is_local(run_dir) else run_dir.rstrip("/")
    run_build(settings, recipe, RunDirectory(place), options)


if __name__ == "__main__":
    main()
