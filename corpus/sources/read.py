"""Reads a split of any format."""

from collections.abc import Callable, Iterator

from corpus.sources.jsonl import read_jsonl
from corpus.sources.records import Item, Limits, Split
from corpus.sources.warc import read_warc

READERS: dict[str, Callable[[Split, Limits], Iterator[Item]]] = {"warc": read_warc, "jsonl": read_jsonl}


def read_split(split: Split, limits: Limits) -> Iterator[Item]:
    """Records and losses of a split, in file order. Raises OSError where the file cannot be opened at all."""
    return READERS[split.format](split, limits)
