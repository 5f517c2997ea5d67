"""The one way by which lines of a command reach a terminal: nothing in them is obeyed, and no secret is in them.

Messages hold names of files, URLs, reasons and pieces of records, which anyone may have made.
"""

import sys

import click

from corpus.redaction import redacted
from pipelines.report.terminal_text import plain


def say(message: str, *, err: bool = True) -> None:
    """Prints a message and a line end: on standard error, or with `err` = False on standard output."""
    click.echo(plain(redacted(message)), err=err)


def give(line: str) -> None:
    """Prints a line that is data, for a program to read: as it is, but on a terminal."""
    click.echo(plain(line) if sys.stdout.isatty() else line)
