"""The one way by which lines of a command reach a terminal: nothing in them is obeyed, and no secret is in them.

Messages hold names of files, URLs, reasons and pieces of records, which anyone may have made.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from corpus.redaction import redacted
from pipelines.report.terminal_text import plain


def say(message: str, *, err: bool = True) -> None:
    """Prints a message and a line end: on standard error, or with `err` = False on standard output."""
    click.echo(plain(redacted(message)), err=err)


def give(line: str) -> None:
    """Prints a line that is data, for a program to read: as it is, but on a terminal."""
    click.echo(plain(line) if sys.stdout.isatty() else line)


@contextmanager
def progress_of(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error while a command works, on a terminal alone; gives what is called with (steps done, of how many)."""
    from rich.console import Console  # here, so that `corpus --help` does without
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(name, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
