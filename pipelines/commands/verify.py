"""`corpus verify`: is a run what its records say."""

import sys

import click

from corpus.storage.run_directory import RunDirectory
from pipelines.report.input_checks import check_inputs
from pipelines.report.repair import delete_damaged as remove_damaged
from pipelines.report.run_settings import say_versions
from pipelines.report.tables import findings_table, open_console
from pipelines.report.terminal_text import json_line
from pipelines.report.verification import findings_json
from pipelines.report.verification import verify as findings_of
from pipelines.stages.findings import Check, Finding
from pipelines.terminal import progress_of, say


@click.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.option("--delete-damaged", is_flag=True, help="Delete damaged files, so that `corpus build` makes them again.")
@click.option("--inputs", is_flag=True, help="Read the run's inputs again, and compare them with what was read.")
@click.option(
    "--workers", type=click.IntRange(1, 1024), help="Processes that check; default: one a core of a large run."
)
@click.option("--again", is_flag=True, help="Begin anew, also where an earlier call was interrupted.")
def verify(run: str, as_json: bool, delete_damaged: bool, inputs: bool, workers: int | None, again: bool) -> None:
    """Checks every file, row and sum of a run.

    Files against the size and digest of their records; documents, signals and decisions row for row; texts
    against their hashes; representatives; tokens counted again; manifest, shards and phase plan against each
    other. Ends with 0 where all is sound, and with 1 where anything is not.

    After Ctrl-C or a crash the same command goes on. Items that were found sound are not read again while their
    files keep size and times (on a store: ETag), and it says how many. That is no proof against a disk that decays: --again
    reads everything. A call that comes to its end leaves no notes, so the next one reads everything too.

    With --inputs every split is read again: what changed since it was read is named. The run stays what it is.

    With --delete-damaged the files that are named go, with the records that say that they are done: the next
    `corpus build` with the same recipe makes them again, from the same inputs with the same bytes.

    \b
    Examples
      corpus verify runs/demo
      corpus verify runs/demo --json | jq -r '.findings[].file'
      corpus verify runs/demo --delete-damaged
    """
    found: list[Finding] = []
    notes: list[str] = []
    say_versions(RunDirectory(run.rstrip("/")))
    with progress_of("verify") as watch:
        of_run = findings_of(
            RunDirectory(run.rstrip("/")), progress=watch, workers=workers, again=again, note=notes.append
        )
        found.extend(of_run)
        if inputs:
            found.extend(check_inputs(RunDirectory(run.rstrip("/"))))
    for line in notes:
        say(line)
    if as_json:
        click.echo(json_line(findings_json(found)))
    elif found:
        open_console().print(findings_table(found))
        if not delete_damaged and any(finding.check is not Check.INPUT for finding in found):
            click.echo("to mend: `corpus verify --delete-damaged`, then `corpus build` again")
    else:
        say(f"{run}: sound", err=False)
    if found and delete_damaged:
        own = [finding for finding in found if finding.check is not Check.INPUT]
        deleted, left = remove_damaged(RunDirectory(run.rstrip("/")), own)
        say(f"deleted {', '.join(deleted) or 'nothing'}; run `corpus build` again", err=as_json)
        for finding in left:
            say(f"cannot be mended file by file: {finding.file} {finding.detail}")
    if found:
        sys.exit(1)
