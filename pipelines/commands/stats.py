"""`corpus stats`: a run at a glance."""

import sys

import click

from corpus.storage.run_directory import RunDirectory
from pipelines.report.run_statistics import read_statistics
from pipelines.report.tables import open_console, statistics_tables
from pipelines.report.terminal_text import json_line


@click.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def stats(run: str, as_json: bool) -> None:
    """Shows the funnel, evaluation items, scores, copies, domains, tokenizer and phases of a run.

    Every stage with what entered it, what it kept, and what it dropped or failed for which reason. The sums
    are checked: where documents are missing between two stages, the command says so and ends with 1. A
    source that loses more to copies than the recipe's dedup.max_loss is a warning, and no error.

    \b
    Examples
      corpus stats runs/demo
      corpus stats runs/demo --json | jq '.domains[] | {name, tokens}'
    """
    statistics = read_statistics(RunDirectory(run.rstrip("/")))
    if as_json:
        click.echo(json_line(statistics.to_json()))
    else:
        console = open_console()
        unfinished = statistics.unfinished
        console.print(f"run {statistics.name}" + (f"; not finished: {', '.join(unfinished)}" if unfinished else ""))
        for table in statistics_tables(statistics):
            console.print(table)
        if (tokenizer := statistics.tokenizer) is not None:
            console.print(f"tokenizer: {tokenizer.vocabulary_size:,} pieces, {tokenizer.origin}")
        for line in statistics.versions:
            console.print(line)
        for line in statistics.warnings:
            console.print(f"WARNING  {line}")
        for line in statistics.broken:
            console.print(f"NOT CONSERVED  {line}")
        if not statistics.broken:
            console.print("conservation holds: in = kept + dropped + failed at every stage")
    if statistics.broken:
        sys.exit(1)
