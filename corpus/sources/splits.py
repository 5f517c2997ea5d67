"""Inputs → splits → work items: the plan of a run, a function of the inputs alone.

Files are put in the order of (source, file name, digest), so neither the order in which globs are listed nor the folder
they lie in reaches a byte of output. A work item holds about `item_bytes` of one source; its size follows from the total
input, never from the number of workers. Memory: a row a split.
"""

import dataclasses
import posixpath
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute

from corpus import schema
from corpus.errors import InputError
from corpus.recipe import GIB, MIB, Recipe, Source
from corpus.sources.records import Split
from corpus.sources.stored_bytes import GZIP_MAGIC
from corpus.storage import files, ipc

#: The aim: a laptop gets parallelism, a corpus of 10^15 bytes no more than some 10^5 files a stage.
ITEMS_AIM = 256
SMALLEST_ITEM_BYTES = 16 * MIB
LARGEST_ITEM_BYTES = 4 * GIB


@dataclasses.dataclass(frozen=True)
class InputFile:
    """A file of a source, with the identity that fingerprints take: name, size, digest; not its folder."""

    source: str
    kind: str
    format: str
    file: str
    file_bytes: int
    digest: bytes
    divisible: bool

    @property
    def name(self) -> str:
        return posixpath.basename(self.file)


def work_item_bytes(total_bytes: int) -> int:
    """clamp(total / 256, 16 MiB, 4 GiB) of stored input."""
    return max(SMALLEST_ITEM_BYTES, min(LARGEST_ITEM_BYTES, total_bytes // ITEMS_AIM))


def list_inputs(recipe: Recipe, folder: Path, *, where: str) -> list[InputFile]:
    """Every file of every source, in plan order; globs are relative to `folder`.

    Raises InputError for a glob that matches nothing or a file that cannot be read.
    """
    found: list[InputFile] = []
    for source in recipe.source:
        seen: set[str] = set()
        for pattern in source.inputs:
            located = pattern if not files.is_local(pattern) else str(folder / files.local_path(pattern))
            try:
                matches = files.glob(located)
            except (OSError, ValueError, ImportError) as error:
                raise InputError(f"{where}: source {source.name!r}: cannot list {pattern!r}: {_line(error)}") from error
            if not matches:
                what = "matches no file" if any(mark in pattern for mark in "*?[") else "does not exist"
                raise InputError(f"{where}: source {source.name!r}: {pattern!r} {what} (looked for {located})")
            for file in matches:
                if file not in seen:
                    seen.add(file)
                    found.append(_input_file(source, file))
    return sorted(found, key=lambda file: (file.source, file.name, file.digest, file.file))


def _input_file(source: Source, file: str) -> InputFile:
    try:
        with files.open_read(file) as stream:
            packed = stream.read(3) == GZIP_MAGIC
        return InputFile(
            source=source.name,
            kind=source.kind,
            format=source.format,
            file=file,
            file_bytes=files.size(file),
            digest=files.head_tail_digest(file),
            divisible=source.format == "warc" or not packed,
        )
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {_line(error)}") from error


def make_splits(inputs: list[InputFile], item_bytes: int) -> pa.Table:
    """`splits.arrow`: files divided into even ranges of at most `item_bytes`, grouped into work items."""
    rows: list[tuple[int, int, InputFile, int, int]] = []
    item, filled, previous = -1, 0, ""
    for file in inputs:
        for begin, end in _ranges(file, item_bytes):
            if file.source != previous or filled + (end - begin) > item_bytes:
                item, filled, previous = item + 1, 0, file.source
            filled += end - begin
            rows.append((len(rows), item, file, begin, end))
    columns = {
        "split": [number for number, *_ in rows],
        "item": [item for _, item, *_ in rows],
        "source": [file.source for _, _, file, *_ in rows],
        "kind": [file.kind for _, _, file, *_ in rows],
        "format": [file.format for _, _, file, *_ in rows],
        "file": [file.file for _, _, file, *_ in rows],
        "begin": [begin for *_, begin, _ in rows],
        "end": [end for *_, end in rows],
        "file_bytes": [file.file_bytes for _, _, file, *_ in rows],
        "digest": [file.digest for _, _, file, *_ in rows],
    }
    return pa.table(columns, schema=schema.SPLITS)


def _ranges(file: InputFile, item_bytes: int) -> Iterator[tuple[int, int]]:
    pieces = max(1, -(-file.file_bytes // item_bytes)) if file.divisible else 1
    for piece in range(pieces):
        yield file.file_bytes * piece // pieces, file.file_bytes * (piece + 1) // pieces


def read_splits(url: str, item: int) -> list[Split]:
    """The splits of one work item."""
    table = ipc.open_table(url, schema.SPLITS)
    chosen = table.filter(pa.compute.equal(table["item"], item))
    wanted = [field.name for field in dataclasses.fields(Split)]
    return [Split(**row) for row in chosen.select(wanted).to_pylist()]


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
