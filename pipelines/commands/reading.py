"""What `corpus measure` and `corpus extract` share: files given on the command line, read as a source would read them."""

import dataclasses
import functools
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import click

from corpus.errors import InputError, RecipeError
from corpus.pages.extractor_process import ExtractorProcess
from corpus.pages.page_text import PageWork, PayloadCache
from corpus.reasons import BYTE_LOSSES
from corpus.recipe import Extract, Extractor
from corpus.sources import path_lists
from corpus.sources.arc import ArcGrammar
from corpus.sources.compressed import DamagedMemberError, Inflated, codec_of
from corpus.sources.read import READERS
from corpus.sources.records import DEFAULT_FIELDS, Fields, Limits, Loss, NoPage, Split
from corpus.sources.splits import located
from corpus.sources.stored_bytes import StoredBytes
from corpus.storage import files
from pipelines.report.terminal_text import one_line
from pipelines.stages.extraction import Row, documents_of, limits_of, page_work
from pipelines.terminal import say

FORMATS = ("auto", *READERS)
HEAD_BYTES = 1 << 16

#: The name of the source that the files are.
SOURCE = "measure"
#: Formats whose records may be pages of HTML.
PAGES = frozenset({"warc", "arc", "html"})

_SUFFIXES = {
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    **dict.fromkeys((".warc", ".wet"), "warc"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((".txt", ".text", ".md"), "text"),
    ".arc": "arc",
    ".parquet": "parquet",
}
_PACKED_SUFFIX = re.compile(r"\.(gz|zst|zstd|lz4|bz2|xz)$")
_ROWS = re.compile(rb"\{|\[\s{0,99}\{")
_HTML = re.compile(rb"(<\?xml[^>]{0,200}>\s*)?<(!doctype\s+html|html|head|body)\b", re.I)


@dataclasses.dataclass(frozen=True)
class Options:
    """What was asked to be read, and how."""

    paths: tuple[str, ...]
    format: str = "auto"
    fields: Fields = DEFAULT_FIELDS
    extractor: Extractor = "trafilatura"
    prefix: str | None = None
    outside_prefix: bool = False

    @functools.cached_property
    def work(self) -> PageWork:
        """As `corpus build` would extract, in the killable process."""
        work = page_work(Extract(extractor=self.extractor))
        return dataclasses.replace(work, cache=PayloadCache())


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """FILES and the options about reading them, as one argument `options`."""

    @functools.wraps(command)
    def with_options(
        paths: tuple[str, ...],
        format: str,
        field: tuple[str, ...],
        extractor: Extractor,
        prefix: str | None,
        outside_prefix: bool,
        **others: Any,
    ) -> Any:
        return command(options=Options(paths, format, _fields(field), extractor, prefix, outside_prefix), **others)

    for option in (
        click.option(
            "--outside-prefix", is_flag=True, help="Lines of a list of paths may be absolute, URLs, or have .. in them."
        ),
        click.option("--prefix", metavar="URL", help="What lines of a list of paths are below."),
        click.option(
            "--extractor",
            type=click.Choice(get_args(Extractor)),
            default=Extract().extractor,
            show_default=True,
            help="What finds the main text of pages.",
        ),
        click.option(
            "--field", multiple=True, metavar="FIELD=NAME", help="What a field of rows is called in the files."
        ),
        click.option(
            "--format", type=click.Choice(FORMATS), default="auto", show_default=True, help="auto looks inside."
        ),
        click.argument("paths", metavar="FILES...", nargs=-1, required=True),
    ):
        with_options = option(with_options)
    return with_options


def _fields(given: Sequence[str]) -> Fields:
    """`("text=content",)` as Fields. Raises RecipeError for a field that rows do not have."""
    names = {}
    for pair in given:
        field, _, name = pair.partition("=")
        if field not in Fields._fields or not name:
            known = ", ".join(Fields._fields)
            raise RecipeError(
                f"--field {pair}: write it as FIELD=NAME, as in --field text=content; FIELD is one of {known}"
            )
        names[field] = name
    return DEFAULT_FIELDS._replace(**names)


def splits_of(options: Options, work: PageWork) -> list[Split]:
    """A split for each file, whole. Raises InputError for the first that cannot be read, before anything is.

    Where there are pages among them, the extractor of `work`, which will read them, is started meanwhile.
    """
    named = [(file, name) for path in options.paths for file, name in _files_of(path, options)]
    splits = [_split(number, file, name, options) for number, (file, name) in enumerate(named)]
    if isinstance(work.extractor, ExtractorProcess) and any(split.format in PAGES for split in splits):
        work.extractor.start()
    return splits


def _files_of(path: str, options: Options) -> list[tuple[str, str]]:
    """The files that a path names, each with its own name: itself, what a glob matches, the lines of a list."""
    is_glob = any(mark in path for mark in "*?[") and not (files.is_local(path) and files.local_path(path).exists())
    if is_glob or path.endswith(path_lists.SUFFIXES):
        found = located(path, Path(), options.prefix, where="FILES", outside_prefix=options.outside_prefix)
        return [(file, named.path) for file, named in found.items()]
    return [(path, files.base_name(path))]


def _split(number: int, path: str, name: str, options: Options) -> Split:
    try:
        with files.open_read(path) as stream:
            head = stream.read(HEAD_BYTES)
        size = files.size(path)
    except (OSError, ValueError, ImportError) as error:
        if files.is_folder(path):
            example = files.join(path, "**", "*.html")
            raise InputError(f"{path}: a folder; name the files in it, as in '{example}'") from error
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise InputError(f"{path}: cannot be read: {reason}") from error
    return Split(
        split=number,
        source=SOURCE,
        format=options.format if options.format != "auto" else format_of(head, path),
        file=path,
        begin=0,
        end=size,
        file_bytes=size,
        name=name,
        fields=options.fields,
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
    if _ROWS.match(head):
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


@dataclasses.dataclass
class Reading:
    """Reads splits and says on standard error what gave no document: a line each, and a summary at the end."""

    work: PageWork
    limits: Limits = dataclasses.field(default_factory=lambda: limits_of(Extract()))
    documents: int = 0
    outcomes: Counter[str] = dataclasses.field(default_factory=Counter)
    lost_bytes: int = 0

    def rows(self, split: Split) -> Iterator[Row]:
        """Every document of a split. Raises InputError where the file cannot be read to its end."""
        try:
            for found in documents_of(split, self.limits, self.work):
                if isinstance(found, Loss):
                    self._report(split, found)
                elif not isinstance(found, NoPage):
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
        say(f"{where}{extent}: {loss.reason}" + (f": {detail}" if detail else ""))
