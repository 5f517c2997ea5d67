"""What `corpus measure` and `corpus extract` share: files given on the command line, read as a source would read them."""

import dataclasses
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

import click

from corpus.errors import InputError
from corpus.reasons import BYTE_LOSSES
from corpus.recipe import Extract
from corpus.report.plain import one_line
from corpus.sources.read import READERS
from corpus.sources.records import Limits, Loss, Other, Split
from corpus.sources.stored_bytes import GZIP_MAGIC
from corpus.storage import files
from pipelines.extraction import Row, documents_of

FORMATS = ("auto", *READERS)
HEAD_BYTES = 1 << 16

_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".warc": "warc", ".arc": "warc"}


def splits_of(paths: Sequence[str], *, format: str, source: str) -> list[Split]:
    """A split for each file, whole. Raises InputError for the first that cannot be read, before anything is."""
    return [_split(number, path, format, source) for number, path in enumerate(paths)]


def _split(number: int, path: str, format: str, source: str) -> Split:
    try:
        with files.open_read(path) as stream:
            head = stream.read(HEAD_BYTES)
        size = files.size(path)
    except (OSError, ValueError, ImportError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise InputError(f"{path}: cannot be read: {reason}") from error
    named = format if format != "auto" else format_of(head, path)
    return Split(split=number, source=source, format=named, file=path, begin=0, end=size, file_bytes=size)


def format_of(head: bytes, name: str) -> str:
    """warc or jsonl, by what a file begins with; by its name where that says nothing; else warc.

    The reader of archives reports what is none as a lost range of bytes, and looks for records behind it.
    """
    if head.startswith(GZIP_MAGIC):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
        except zlib.error:
            head = b""
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"WARC/"):
        return "warc"
    if head.startswith(b"{"):
        return "jsonl"
    stem = name.lower().removesuffix(".gz")
    return next((format for suffix, format in _SUFFIXES.items() if stem.endswith(suffix)), "warc")


def default_limits() -> Limits:
    """Those of a recipe that says nothing about them."""
    extract = Extract()
    return Limits(extract.max_record_bytes, extract.max_page_bytes)


@dataclasses.dataclass
class Reading:
    """Reads splits and says on standard error what gave no document: a line each, and a summary at the end."""

    limits: Limits = dataclasses.field(default_factory=default_limits)
    documents: int = 0
    outcomes: Counter[str] = dataclasses.field(default_factory=Counter)
    lost_bytes: int = 0

    def rows(self, split: Split) -> Iterator[Row]:
        """Every document of a split. Raises InputError where the file cannot be read to its end."""
        try:
            for found in documents_of(split, self.limits):
                if isinstance(found, Loss):
                    self._report(split, found)
                elif not isinstance(found, Other):
                    self.documents += 1
                    yield found
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise InputError(f"{split.file}: cannot be read: {error.strerror or error}") from error

    def summary(self, number_of_files: int) -> str:
        """`read 3 files: 542 documents, 2 dropped, 1 failed, 0 lost ranges of 0 bytes`."""
        return (
            f"read {number_of_files:,} file{'s' * (number_of_files != 1)}: {self.documents:,} documents, {self.outcomes['dropped']:,} dropped, "
            f"{self.outcomes['failed']:,} failed, {self.outcomes['lost']:,} lost ranges of {self.lost_bytes:,} bytes"
        )

    def _report(self, split: Split, loss: Loss) -> None:
        lost = loss.reason in BYTE_LOSSES
        self.outcomes["lost" if lost else loss.reason.outcome] += 1
        self.lost_bytes += loss.length if lost else 0
        where = f"{split.file}: offset {loss.offset}"
        extent = f", {loss.length} bytes" if lost else ""
        detail = one_line(" ".join(part for part in (loss.detail, loss.url) if part), at_most=300)
        click.echo(f"{where}{extent}: {loss.reason}" + (f": {detail}" if detail else ""), err=True)
