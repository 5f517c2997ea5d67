"""Lists of paths (`warc.paths.gz`): the inputs that a file names, a line each.

Who wrote the list may not choose what is read. A line stays below its source's `prefix` (left out: the recipe's folder); a source
that is to read more says so (`outside_prefix`).

    line                                  prefix given      left out          outside_prefix
    a relative path without ..            below it          recipe's folder   as without
    an absolute path                      refused           below the folder  taken
    URL of a store or server              refused           taken             taken
    file://, chained URLs, a .. in it     refused           refused           taken

Lines are no globs. Blank lines are skipped and cost no memory. A list is read in pieces of PIECE_BYTES, packed or not, and
refused where it is longer than MAX_LIST_BYTES unpacked, has more than MAX_PATHS paths, or a line longer than MAX_LINE_BYTES.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from corpus.errors import InputError
from corpus.storage import files
from corpus.storage.paths import below, has_control

#: Inputs that are lists of inputs, one a line.
SUFFIXES = (".paths", ".paths.gz")

#: Common Crawl's lists have 90,000 lines of 140 bytes; S3's keys have at most 1,024 bytes, paths of Linux 4,096.
MAX_LINE_BYTES = 8 << 10
MAX_PATHS = 5_000_000
MAX_LIST_BYTES = 1 << 30
PIECE_BYTES = 1 << 20

#: Protocols whose URLs a list without a prefix may name: none of them reads this machine's files.
REMOTE = files.OBJECT_STORES | {"http", "https", "hdfs", "webhdfs", "sftp", "ssh", "ftp", "hf", "memory"}

_NOT_BLANK = re.compile(rb"\S[^\n]*")
_ALLOW = "if it may be read all the same, set outside_prefix = true for its source"


class Line(NamedTuple):
    """A path of a list, and where it stands."""

    name: str
    list: str
    number: int  # from 1

    @property
    def where(self) -> str:
        return f"{self.list}: line {self.number}"


def read_path_list(file: str) -> Iterator[Line]:
    """The paths of a list, in its order. Raises InputError for a file that is none. Memory: PIECE_BYTES and a line."""
    try:
        with files.open_read(file) as stored:
            packed = stored.read(2) == b"\x1f\x8b"
            stored.seek(0)
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=stored)) if packed else stored
            for count, (number, line) in enumerate(_lines(stream, file), 1):
                if count > MAX_PATHS:
                    raise InputError(f"{file}: more than {MAX_PATHS:,} paths; divide the list")
                yield Line(_text(line, file, number), file, number)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file}: cannot be read as a list of paths: {_first_line(error)}") from error


def _lines(stream: BinaryIO, file: str) -> Iterator[tuple[int, bytes]]:
    """(number from 1, bytes) of each line that is not blank, without white space around it."""
    number, size, rest = 1, 0, b""
    while piece := stream.read(PIECE_BYTES):
        size += len(piece)
        if size > MAX_LIST_BYTES:
            raise InputError(f"{file}: more than {MAX_LIST_BYTES:,} bytes, which no list of paths has; divide it")
        text, newline, after = (rest + piece).rpartition(b"\n")
        yield from _numbered(text, number, file)
        number += text.count(b"\n") + len(newline)
        rest = after.lstrip()  # of a line without an end nothing is kept that is blank
        _check_length(rest, number, file)
    yield from _numbered(rest, number, file)


def _numbered(text: bytes, number: int, file: str) -> Iterator[tuple[int, bytes]]:
    begin = 0
    for found in _NOT_BLANK.finditer(text):
        number += text.count(b"\n", begin, found.start())
        begin = found.start()
        line = found[0].rstrip()
        _check_length(line, number, file)
        yield number, line


def _check_length(line: bytes, number: int, file: str) -> None:
    if len(line) > MAX_LINE_BYTES:
        raise InputError(
            f"{file}: line {number} has more than {MAX_LINE_BYTES:,} bytes: no path has; is this a list of paths?"
        )


def _text(line: bytes, file: str, number: int) -> str:
    try:
        return line.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: line {number}: cannot be read as a list of paths: {_first_line(error)}") from error


def resolve(line: Line, prefix: str | None, folder: Path, *, outside: bool) -> str:
    """The path or URL that a line names. Raises InputError, with list and line, for one that may not be read."""
    base = ("" if folder == Path() else str(folder)) if prefix is None else files.beside(folder, prefix)
    name = line.name
    is_url = "://" in name or "::" in name
    if has_control(name):
        pass  # refused below, whatever it names
    elif outside and (is_url or name.startswith("/")):
        return name
    elif outside and ".." in name.split("/"):
        return files.join(base, name)
    elif prefix is None and is_url and "::" not in name and name.partition("://")[0] in REMOTE:
        return name
    elif prefix is None and name.startswith(root := f"{str(folder.absolute()).rstrip('/')}/"):
        base, name = root, name.removeprefix(root)
    try:
        return below(base, name)
    except ValueError as error:
        where = f"prefix {prefix!r}" if prefix is not None else "the recipe's folder"
        raise InputError(f"{line.where}: {error}, and a list names files below {where}; {_ALLOW}") from error


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
