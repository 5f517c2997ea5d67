"""`corpus diff`: what differs between two runs."""

import sys

import click

from corpus.storage.run_directory import RunDirectory
from pipelines.report.difference import compare_runs
from pipelines.report.run_settings import say_versions
from pipelines.report.tables import difference_tables, open_console
from pipelines.report.terminal_text import json_line
from pipelines.terminal import progress_of


@click.command()
@click.argument("run_a")
@click.argument("run_b")
@click.option("--examples", type=click.IntRange(0, 1000), default=10, show_default=True, help="Documents to name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def diff(run_a: str, run_b: str, examples: int, as_json: bool) -> None:
    """Compares two runs by the identity of their documents.

    Documents meet by their key, in whatever file they lie: which only one run has, which were decided otherwise,
    whose signals differ. Shards, tokenizer and phase plan are compared too. Ends with 0 where nothing differs,
    and with 1 where anything does; settings of the recipes are shown and do not count.

    \b
    Examples
      corpus diff runs/a runs/b
      corpus diff runs/a runs/b --json | jq .transitions
    """
    a, b = (RunDirectory(run.rstrip("/")) for run in (run_a, run_b))
    say_versions(a)
    say_versions(b)
    with progress_of("diff") as watch:
        difference = compare_runs(a, b, progress=watch)
    if as_json:
        for found in (difference.examples_a, difference.examples_b, difference.examples_changed):
            del found[examples:]
        click.echo(json_line(difference.to_json()))
    else:
        console = open_console()
        console.print(f"A = {run_a}, B = {run_b}")
        for table in difference_tables(difference, examples=examples):
            console.print(table)
        console.print("the runs differ" if difference.differs else "nothing differs")
    if difference.differs:
        sys.exit(1)
