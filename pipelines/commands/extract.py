"""`corpus extract`: the text of every document of files."""

from collections.abc import Callable
from typing import Any

import click

from corpus.errors import RecipeError
from pipelines.commands.reading import Options, Reading, reading_options, splits_of
from pipelines.report.terminal_text import json_line
from pipelines.stages.extraction import Row
from pipelines.terminal import say

#: What may be printed of a document, and how it is got; the first four are printed unless others are asked for.
FIELDS: dict[str, Callable[[Row], Any]] = {
    "id": lambda row: row.record.record_id,
    "url": lambda row: row.record.url,
    "date": lambda row: row.date.strftime("%Y-%m-%dT%H:%M:%SZ") if row.date is not None else None,
    "text": lambda row: row.text,
    "title": lambda row: row.found.title,
    "author": lambda row: row.found.author,
    "published": lambda row: row.published.isoformat() if row.published is not None else None,
    "language_hint": lambda row: row.language_hint,
    "licence": lambda row: row.licence(),
}
DEFAULT_FIELDS = ("id", "url", "date", "text")


@click.command()
@reading_options
@click.option("--fields", metavar="NAME,...", help=f"What to print: {', '.join(FIELDS)}.")
def extract(options: Options, fields: str | None) -> None:
    """Prints the text of every document of files.

    One JSON line for each that could be read, {"id", "url", "date", "text"}. What could not goes to standard
    error, a line each with file, offset and reason, and a summary last. Ends with 0 where every file was read to
    its end, damaged or not. FILES are paths, globs or lists of paths (.paths, .paths.gz), local or fsspec URLs, of
    anything that a source can be.

    \b
    Examples
      corpus extract crawl.warc.gz > crawl.jsonl
      corpus extract part-*.jsonl.gz 2> losses.txt | head -3
      corpus extract rows.parquet --field text=content --field id=doc_id
      corpus extract 'pages/**/*.html' --fields id,title,author,published
    """
    names = _names(fields)
    reading = Reading(options.work)
    splits = splits_of(options, reading.work)
    for split in splits:
        for row in reading.rows(split):
            click.echo(json_line({name: FIELDS[name](row) for name in names}))
    say(reading.summary(len(splits)))


def _names(fields: str | None) -> tuple[str, ...]:
    if fields is None:
        return DEFAULT_FIELDS
    names = tuple(name.strip() for name in fields.split(",") if name.strip())
    for name in names:
        if name not in FIELDS:
            raise RecipeError(f"--fields {name}: no such field; fields are {', '.join(FIELDS)}")
    return names or DEFAULT_FIELDS
