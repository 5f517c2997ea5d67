"""Reads a split of any format."""

from collections.abc import Callable, Iterator

from corpus.sources.arc import read_arc
from corpus.sources.documents import read_html, read_text
from corpus.sources.jsonl import read_jsonl
from corpus.sources.parquet import read_parquet
from corpus.sources.records import Item, Limits, Split, with_usual_fields
from corpus.sources.warc import read_warc

#: Of everything in corpus.sources that decides what a record holds.
VERSION = 4

READERS: dict[str, Callable[[Split, Limits], Iterator[Item]]] = {
    "warc": read_warc,
    "arc": read_arc,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "html": read_html,
    "text": read_text,
}


def read_split(split: Split, limits: Limits) -> Iterator[Item]:
    """Records and losses of a split, in file order. Raises OSError where the file cannot be opened at all."""
    for item in READERS[split.format](split, limits):
        # A row of a JSONL file tells the length of its line, which is not what is stored of it where that is compressed.
        yield with_usual_fields(item, length=0 if split.format == "jsonl" else getattr(item, "length", 0))
