"""`corpus extract`: the text of every document of files."""

import click

from corpus.report.plain import json_line
from pipelines.commands.reading import FORMATS, Reading, splits_of
from pipelines.extraction import parse_date


@click.command()
@click.argument("paths", metavar="FILES...", nargs=-1, required=True)
@click.option("--format", type=click.Choice(FORMATS), default="auto", show_default=True, help="auto looks inside.")
def extract(paths: tuple[str, ...], format: str) -> None:
    """Prints the text of every document of files.

    One JSON line for each that could be read, {"id", "url", "date", "text"}. What could not goes to standard
    error, a line each with file, offset and reason, and a summary last. Ends with 0 where every file was read to
    its end, damaged or not. FILES are local paths or fsspec URLs of anything that a source can be.

    \b
    Examples
      corpus extract crawl.warc.gz > crawl.jsonl
      corpus extract part-*.jsonl.gz 2> losses.txt | head -3
    """
    splits = splits_of(paths, format=format, source="extract")
    reading = Reading()
    for split in splits:
        for row in reading.rows(split):
            date = parse_date(row.record.date)
            document = {
                "id": row.record.record_id,
                "url": row.record.url,
                "date": date.strftime("%Y-%m-%dT%H:%M:%SZ") if date is not None else None,
                "text": row.text,
            }
            click.echo(json_line(document))
    click.echo(reading.summary(len(splits)), err=True)
