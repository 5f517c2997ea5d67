"""`corpus verify`: is a run what its records say."""

import sys

import click
from rich.console import Console
from rich.progress import Progress

from corpus.report.findings import Finding
from corpus.report.plain import json_line
from corpus.report.tables import findings_table, open_console
from corpus.report.verification import findings_json
from corpus.report.verification import verify as findings_of
from corpus.storage.run_directory import RunDirectory


@click.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def verify(run: str, as_json: bool) -> None:
    """Checks every file, row and sum of a run.

    Files against the size and digest of their records; documents, signals and decisions row for row; texts
    against their hashes; representatives; tokens counted again; manifest, shards and phase plan against each
    other. Ends with 0 where all is sound, and with 1 where anything is not.

    \b
    Examples
      corpus verify runs/demo
      corpus verify runs/demo --json | jq -r '.findings[].file'
    """
    found: list[Finding] = []
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("verify", total=None)

        def watch(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        found.extend(findings_of(RunDirectory(run.rstrip("/")), progress=watch))
    if as_json:
        click.echo(json_line(findings_json(found)))
    elif found:
        open_console().print(findings_table(found))
        click.echo("to mend: delete each damaged file and its item's record in stages/, then run `corpus build` again")
    else:
        click.echo(f"{run}: sound")
    if found:
        sys.exit(1)
