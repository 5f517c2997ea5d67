"""Reads a split of any format."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from corpus.sources.arc import read_arc
from corpus.sources.jsonl import read_jsonl
from corpus.sources.parquet import read_parquet
from corpus.sources.planned import open_planned
from corpus.sources.records import Item, Limits, Split, with_usual_fields
from corpus.sources.warc import read_warc
from corpus.sources.whole_files import read_html, read_text

#: Of everything in corpus.sources that decides what a record holds.
VERSION = 5

READERS: dict[str, Callable[[Split, Limits, BinaryIO | None], Iterator[Item]]] = {
    "warc": read_warc,
    "arc": read_arc,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "html": read_html,
    "text": read_text,
}


def read_split(split: Split, limits: Limits, *, digested: Callable[[str], None] | None = None) -> Iterator[Item]:
    """Records and losses of a split, in file order; `digested` is called last, with the digest of the split's bytes.

    Raises OSError where the file cannot be opened at all, InputError where it is another than was planned.
    """
    with open_planned(split) as planned:
        there = planned.split
        if there.begin < there.end or split.begin >= split.end:
            for item in READERS[split.format](there, limits, planned.stream):
                # A row of a JSONL file tells the length of its line, which is not what is stored of it if compressed.
                yield with_usual_fields(item, length=0 if split.format == "jsonl" else getattr(item, "length", 0))
        if planned.missing is not None:
            yield planned.missing
        if digested is not None:
            digested(planned.digest())
