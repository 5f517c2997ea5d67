"""`corpus verify`: is a run what its records say."""

import sys

import click
from rich.console import Console
from rich.progress import Progress

from corpus.report.findings import Finding
from corpus.report.plain import json_line
from corpus.report.repair import delete_damaged as remove_damaged
from corpus.report.tables import findings_table, open_console
from corpus.report.verification import findings_json
from corpus.report.verification import verify as findings_of
from corpus.storage.run_directory import RunDirectory
from pipelines.terminal import say


@click.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.option("--delete-damaged", is_flag=True, help="Delete damaged files, so that `corpus build` makes them again.")
def verify(run: str, as_json: bool, delete_damaged: bool) -> None:
    """Checks every file, row and sum of a run.

    Files against the size and digest of their records; documents, signals and decisions row for row; texts
    against their hashes; representatives; tokens counted again; manifest, shards and phase plan against each
    other. Ends with 0 where all is sound, and with 1 where anything is not.

    With --delete-damaged the files that are named go, with the records that say that they are done: the next
    `corpus build` with the same recipe makes them again, from the same inputs with the same bytes.

    \b
    Examples
      corpus verify runs/demo
      corpus verify runs/demo --json | jq -r '.findings[].file'
      corpus verify runs/demo --delete-damaged
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
        if not delete_damaged:
            click.echo("to mend: `corpus verify --delete-damaged`, then `corpus build` again")
    else:
        say(f"{run}: sound", err=False)
    if found and delete_damaged:
        deleted, left = remove_damaged(RunDirectory(run.rstrip("/")), found)
        say(f"deleted {', '.join(deleted) or 'nothing'}; run `corpus build` again", err=as_json)
        for finding in left:
            say(f"cannot be mended file by file: {finding.file} {finding.detail}")
    if found:
        sys.exit(1)
