"""`corpus perplexity-text`: texts as a language model of [[perplexity]] sees them, to make one of."""

from pathlib import Path
from typing import get_args

import click

from corpus.recipe.scorer_tables import Perplexity, PerplexityText
from filters.scorers.perplexity import token_lines
from pipelines.commands.reading import Options, Reading, reading_options, splits_of
from pipelines.report.terminal_text import json_line
from pipelines.terminal import give, say


@click.command(name="perplexity-text")
@reading_options
@click.option("--tokenizer", type=click.Path(path_type=Path), metavar="MODEL", help="SentencePiece; default: words.")
@click.option(
    "--text",
    type=click.Choice(get_args(PerplexityText)),
    default=Perplexity.model_fields["text"].default,
    show_default=True,
    help="What the lines are, as in [[perplexity]].",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a document.")
def perplexity_text(options: Options, tokenizer: Path | None, text: PerplexityText, as_json: bool) -> None:
    """Prints texts as a model of [[perplexity]] sees them.

    Lines of tokens between single spaces: what KenLM's lmplz makes a model of. With --json one object for each document,
    {"id", "lines"}. What could not be read goes to standard error. KenLM need not be installed.

    \b
    Examples
      corpus perplexity-text good.jsonl --tokenizer en.sp.model | lmplz -o 5 --skip_symbols > en.arpa
      corpus perplexity-text crawl.warc.gz --text ccnet-lines --json | jq -c .lines
    """
    reading = Reading(options.work)
    splits = splits_of(options, reading.work)
    for split in splits:
        for row in reading.rows(split):
            lines = [line.decode() for line in token_lines(row.text, tokenizer, text)]
            for shown in [json_line({"id": row.record.record_id, "lines": lines})] if as_json else lines:
                give(shown)
    say(reading.summary(len(splits)))
