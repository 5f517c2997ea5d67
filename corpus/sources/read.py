"""Reads a split of any format."""

from collections.abc import Callable, Iterator

from corpus.sources.arc import read_arc
from corpus.sources.documents import read_html, read_text
from corpus.sources.jsonl import read_jsonl
from corpus.sources.parquet import read_parquet
from corpus.sources.records import Item, Limits, Split
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
    return READERS[split.format](split, limits)
