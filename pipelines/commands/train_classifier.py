"""`corpus train-classifier`: a quality classifier from files of good and bad texts, with what it does on held-out ones."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from corpus.sources.records import Split
from filters.scorers.classifier import Report, Settings, train
from pipelines.commands.reading import FORMATS, Options, Reading, splits_of
from pipelines.report.tables import open_console, table_of
from pipelines.report.terminal_text import json_line
from pipelines.terminal import say


@click.command(name="train-classifier")
@click.option("--positive", multiple=True, required=True, metavar="FILE", help="Good texts; repeat for more files.")
@click.option("--negative", multiple=True, required=True, metavar="FILE", help="Bad texts; repeat for more files.")
@click.option("--output", type=click.Path(path_type=Path), required=True, metavar="MODEL", help="Where the model goes.")
@click.option("--format", type=click.Choice(FORMATS), default="auto", show_default=True, help="auto looks inside.")
@click.option("--held-out", type=float, default=Settings.held_out, show_default=True, help="Share to judge by.")
@click.option("--epochs", type=int, default=Settings.epochs, show_default=True, help="Passes over the texts.")
@click.option("--word-ngrams", type=int, default=Settings.word_ngrams, show_default=True, help="Longest run of words.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which texts are held out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def train_classifier(
    positive: tuple[str, ...],
    negative: tuple[str, ...],
    output: Path,
    format: str,
    held_out: float,
    epochs: int,
    word_ngrams: int,
    seed: int,
    as_json: bool,
) -> None:
    """Trains a quality classifier on good and bad texts.

    FILEs are anything that a source can be: JSONL and Parquet with `text`, archives, folders' files. A share of the
    texts is held out, never the copy of one that is learnt from; the table says which share of the kept texts would be
    good (precision), and which share of the good ones kept (recall), if those with a score of at least the threshold
    were. The same texts give the same model.

    \b
    Examples
      corpus train-classifier --positive books.jsonl --negative crawl.jsonl --output quality.bin
      corpus train-classifier --positive a.parquet --positive b.parquet --negative c.jsonl.gz --output q.bin --json
    """
    try:
        settings = Settings(held_out=held_out, epochs=epochs, word_ngrams=word_ngrams, seed=seed)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    reading = Reading(Options(positive, format).work)
    good, bad = (splits_of(Options(files, format), reading.work) for files in (positive, negative))
    found = train(_texts(reading, good), _texts(reading, bad), output, settings)
    say(reading.summary(len(good) + len(bad)))
    if as_json:
        click.echo(json_line(dataclasses.asdict(found)))
    else:
        _print(found, output)


def _texts(reading: Reading, splits: Sequence[Split]) -> Iterator[str]:
    for split in splits:
        for row in reading.rows(split):
            yield row.text


def _print(found: Report, output: Path) -> None:
    console = open_console()
    rows = [(point.threshold, point.precision, point.recall, point.kept, _bar(point.recall)) for point in found.curve]
    console.print(table_of(("threshold", "precision", "recall", "kept", "recall, drawn"), rows))
    console.print(
        f"\nlearnt from {found.trained[0]:,} good and {found.trained[1]:,} bad texts; held out {found.held_out[0]:,} and "
        f"{found.held_out[1]:,}; {found.duplicates:,} copies and {found.contradictions:,} texts of both kinds left out"
    )
    console.print(f"average precision {found.average_precision:.4f}; the model is {output}")


def _bar(share: float) -> str:
    return "█" * round(20 * share)
