"""What `corpus measure` and `corpus extract` share: files given on the command line, read as a source would read them."""

import dataclasses
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import click

from corpus.errors import InputError
from corpus.reasons import BYTE_LOSSES
from corpus.recipe import Extract
from corpus.report.plain import one_line
from corpus.sources.arc import ArcGrammar
from corpus.sources.compressed import DamagedMemberError, Inflated, codec_of
from corpus.sources.read import READERS
from corpus.sources.records import Limits, Loss, Other, Split
from corpus.sources.stored_bytes import StoredBytes
from corpus.storage import files
from pipelines.extraction import Row, documents_of

FORMATS = ("auto", *READERS)
HEAD_BYTES = 1 << 16

_SUFFIXES = {
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    **dict.fromkeys((".warc", ".wet"), "warc"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((".txt", ".text", ".md"), "text"),
    ".arc": "arc",
    ".parquet": "parquet",
}
_PACKED_SUFFIX = re.compile(r"\.(gz|zst|zstd|lz4)$")
_HTML = re.compile(rb"(<\?xml[^>]{0,200}>\s*)?<(!doctype\s+html|html|head|body)\b", re.I)


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
    return Split(
        split=number,
        source=source,
        format=named,
        file=path,
        begin=0,
        end=size,
        file_bytes=size,
        name=files.base_name(path),
    )


def format_of(head: bytes, name: str) -> str:
    """A format by what a file begins with; by its name where that says nothing; else warc.

    The reader of archives reports what is none as a lost range of bytes, and looks for records behind it.
    """
    stored = StoredBytes(io.BytesIO(head), size=len(head))
    codec = codec_of(stored)
    if codec is not None:
        head = _first_content(Inflated(stored, codec))
    if head.startswith(b"PAR1"):
        return "parquet"
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"WARC/"):
        return "warc"
    if ArcGrammar().starts(head):
        return "arc"
    if head.startswith(b"{"):
        return "jsonl"
    stem = _PACKED_SUFFIX.sub("", name.lower())
    named = next((format for suffix, format in _SUFFIXES.items() if stem.endswith(suffix)), None)
    if named is None and _HTML.match(head):
        return "html"
    return named or "warc"


def _first_content(inflated: Inflated) -> bytes:
    """The content's first bytes, as far as the head of a file gives them."""
    content = bytearray()
    buffer = bytearray(1 << 12)
    try:
        while len(content) < HEAD_BYTES and (size := inflated.readinto(buffer)):
            content += buffer[:size]
    except (DamagedMemberError, EOFError):
        pass
    return bytes(content)


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
