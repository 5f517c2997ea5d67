"""Inputs → splits → work items: the plan of a run, a function of the inputs alone.

Files are put in the order of (addition, source, file name, digest), so neither the order in which globs are listed nor the folder
they lie in reaches a byte of output. A work item holds about `item_bytes` of one source; its size follows from the total
input of its addition, never from the number of workers; so an addition leaves the splits and work items before it as they
are. Memory: a row a split.
"""

import bisect
import dataclasses
import io
import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, repeat
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute

from corpus import schema
from corpus.columns import numbers
from corpus.errors import InputError
from corpus.recipe import GIB, MIB, Addition, Recipe, Source
from corpus.sources import path_lists
from corpus.sources.compressed import codec_of
from corpus.sources.records import Fields, Split
from corpus.sources.stored_bytes import StoredBytes
from corpus.storage import files, ipc
from corpus.storage.ipc import Written

#: The aim: a laptop gets parallelism, a corpus of 10^15 bytes no more than some 10^5 files a stage.
ITEMS_AIM = 256
SMALLEST_ITEM_BYTES = 16 * MIB
LARGEST_ITEM_BYTES = 4 * GIB

#: Formats in which a file is one document.
WHOLE_FILES = frozenset({"html", "text"})

#: Rows of a batch of `splits.arrow`, or those of one work item where it has more.
BATCH_SPLITS = 1024
#: In the schema's metadata: a JSON list of the first work item of each batch.
FIRST_ITEMS = "first items"

#: A plan over a store waits for requests, not for the processor.
REMOTE_REQUESTS = 16


@dataclasses.dataclass(frozen=True)
class InputFile:
    """A file of a source, with the identity that fingerprints take: name, size, digest; not its folder."""

    addition: int  # 0: what the run began with
    source: str
    kind: str
    format: str
    file: str
    file_bytes: int
    digest: bytes
    divisible: bool
    path: str  # below the glob's fixed part, or as a list names it
    fields: Fields

    @property
    def name(self) -> str:
        return posixpath.basename(self.file)

    @property
    def identity(self) -> tuple[object, ...]:
        """What the plan's fingerprint takes. Paths and fields where they reach a byte, and only there."""
        own = (self.path,) if self.format in WHOLE_FILES else ()
        named = tuple(self.fields) if self.fields != Fields() else ()
        return (self.source, self.kind, self.format, self.name, self.file_bytes, self.digest.hex(), *own, *named)


def work_item_bytes(total_bytes: int) -> int:
    """clamp(total / 256, 16 MiB, 4 GiB) of stored input."""
    return max(SMALLEST_ITEM_BYTES, min(LARGEST_ITEM_BYTES, total_bytes // ITEMS_AIM))


def item_bytes_of(inputs: Iterable[InputFile], stated: int | None) -> dict[int, int]:
    """Addition → bytes of its work items: as the recipe states them, else by its total."""
    totals: dict[int, int] = {}
    for file in inputs:
        totals[file.addition] = totals.get(file.addition, 0) + file.file_bytes
    return {addition: stated or work_item_bytes(total) for addition, total in totals.items()}


def list_inputs(recipe: Recipe, folder: Path, *, where: str) -> list[InputFile]:
    """Every file of every source, in plan order; globs are relative to `folder`, lists of paths are read.

    A file belongs to the first addition that names it; what none names, the run began with. Raises InputError for a glob that
    matches nothing, a file that cannot be read, or a run that would begin with nothing.
    """
    found: list[InputFile] = []
    errors: list[str] = []
    for source in recipe.source:
        try:
            located = _located(source, recipe.addition, folder, where=where)
        except InputError as error:  # of the other sources too, so that all are said at once
            errors.append(str(error))
            continue
        names, named, additions = list(located), *zip(*located.values(), strict=True)
        if all(map(files.is_local, names)):
            found += map(_input_file, repeat(source), names, named, additions)
        else:
            with ThreadPoolExecutor(REMOTE_REQUESTS) as pool:
                found += pool.map(_input_file, repeat(source), names, named, additions)
    if errors:
        raise InputError("\n".join(errors))
    _check_additions(recipe, found, where)
    return sorted(found, key=lambda file: (file.addition, file.source, file.name, file.digest, file.path, file.file))


def _check_additions(recipe: Recipe, inputs: Sequence[InputFile], where: str) -> None:
    """Raises InputError where the run would begin with no file, or an addition adds none."""
    numbers = {file.addition for file in inputs}
    if 0 not in numbers:
        raise InputError(f"{where}: additions name every file of the sources, so the run would begin with none")
    for number, addition in enumerate(recipe.addition, 1):
        if number not in numbers:
            raise InputError(f"{where}: addition {addition.name!r}: earlier additions name every file of it")


class Named(NamedTuple):
    """How a file was asked for: its path below what was asked for, and the line of a list that names it."""

    path: str
    line: path_lists.Line | None = None


def _located(
    source: Source, additions: Sequence[Addition], folder: Path, *, where: str
) -> dict[str, tuple[Named, int]]:
    """Files of a source, each with how it was named, and its addition."""
    asked = [(f"addition {each.name!r}", each.inputs.get(source.name, []), at) for at, each in enumerate(additions, 1)]
    found: dict[str, tuple[Named, int]] = {}
    for who, patterns, addition in [*asked, (f"source {source.name!r}", source.inputs, 0)]:
        for pattern in patterns:
            files_named = located(
                pattern, folder, source.prefix, where=f"{where}: {who}", outside_prefix=source.outside_prefix
            )
            for file, named in files_named.items():
                found.setdefault(file, (named, addition))
    return found


def located(
    pattern: str, folder: Path, prefix: str | None, *, where: str, outside_prefix: bool = False
) -> dict[str, Named]:
    """Files that a glob, or a list of paths, names.

    Raises InputError where there is none, and for a line of a list that leads where it may not (corpus.sources.path_lists).
    """
    url = files.beside(folder, pattern)
    try:
        matches = files.glob(url)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{where}: cannot list {pattern!r}: {_line(error)}") from error
    if not matches:
        raise InputError(f"{where}: {pattern!r} {_why_none(pattern, url)}")
    # A store's own spelling of what stands before the first wildcard may differ from the pattern's.
    root = re.split(r"[*?\[]", url, maxsplit=1)[0].rpartition("/")[0].rpartition("://")[2]
    found: dict[str, Named] = {}
    for file in matches:
        if file.endswith(path_lists.SUFFIXES):
            for line in path_lists.read_path_list(file):
                name = path_lists.resolve(line, prefix, folder, outside=outside_prefix)
                found.setdefault(name, Named(line.name, line))
        else:
            _, below, path = file.partition(root + "/")
            found.setdefault(file, Named(path if below else posixpath.basename(file)))
    return found


def _why_none(pattern: str, url: str) -> str:
    """Why a pattern gives no file, and what would."""
    if any(mark in pattern for mark in "*?["):
        return f"matches no file (looked for {url})"
    if files.is_folder(url):
        endings = Counter("".join(PurePosixPath(name).suffixes[-2:]) for name in files.names(url))
        ending = min(endings, key=lambda each: (-endings[each], each), default="")
        return f"is a folder; name its files, as {files.join(pattern.rstrip('/'), '*' + ending)!r}"
    return f"does not exist (looked for {url})"


def _input_file(source: Source, file: str, named: Named, addition: int) -> InputFile:
    try:
        size, head, digest = files.sized_digest(file)
    except (OSError, ValueError, ImportError) as error:
        where = f"{named.line.where}: " if named.line is not None else ""
        raise InputError(f"{where}{file}: cannot be read: {_line(error)}") from error
    packed = codec_of(StoredBytes(io.BytesIO(head), size=len(head))) is not None
    return InputFile(
        addition=addition,
        source=source.name,
        kind=source.kind,
        format=source.format,
        file=file,
        file_bytes=size,
        digest=digest,
        divisible=source.format not in WHOLE_FILES and (source.format != "jsonl" or not packed),
        path=named.path,
        fields=Fields(**source.fields.model_dump()),
    )


def make_splits(inputs: list[InputFile], item_bytes: Mapping[int, int]) -> pa.Table:
    """`splits.arrow`: files divided into even ranges of at most `item_bytes` of their addition, grouped into work items."""
    rows: list[tuple[int, int, InputFile, int, int]] = []
    item, filled, previous = -1, 0, (0, "")
    for file in inputs:
        most, group = item_bytes[file.addition], (file.addition, file.source)
        for begin, end in _ranges(file, most):
            if group != previous or filled + (end - begin) > most:
                item, filled, previous = item + 1, 0, group
            filled += end - begin
            rows.append((len(rows), item, file, begin, end))
    columns = {
        "split": [number for number, *_ in rows],
        "item": [item for _, item, *_ in rows],
        "addition": [file.addition for _, _, file, *_ in rows],
        "source": [file.source for _, _, file, *_ in rows],
        "kind": [file.kind for _, _, file, *_ in rows],
        "format": [file.format for _, _, file, *_ in rows],
        "file": [file.file for _, _, file, *_ in rows],
        "begin": [begin for *_, begin, _ in rows],
        "end": [end for *_, end in rows],
        "file_bytes": [file.file_bytes for _, _, file, *_ in rows],
        "digest": [file.digest for _, _, file, *_ in rows],
        "name": [file.path for _, _, file, *_ in rows],
        "fields": [list(file.fields) for _, _, file, *_ in rows],
    }
    return pa.table(columns, schema=schema.SPLITS)


def _ranges(file: InputFile, item_bytes: int) -> Iterator[tuple[int, int]]:
    pieces = max(1, -(-file.file_bytes // item_bytes)) if file.divisible else 1
    for piece in range(pieces):
        yield file.file_bytes * piece // pieces, file.file_bytes * (piece + 1) // pieces


def write_splits(url: str, splits: pa.Table) -> Written:
    """`splits.arrow`: batches of whole work items, and in its schema's metadata the first item of each batch."""
    items = numbers(splits["item"])  # (splits,), ascending
    begins = [0]
    for at in (np.flatnonzero(np.diff(items)) + 1).tolist():  # where an item begins
        if at - begins[-1] >= BATCH_SPLITS:
            begins.append(at)
    firsts = {FIRST_ITEMS: json.dumps([int(items[at]) for at in begins if at < len(items)])}
    whole = splits.combine_chunks()
    batches = (
        batch
        for begin, end in pairwise([*begins, len(items)])
        for batch in whole.slice(begin, end - begin).combine_chunks().to_batches()
    )
    return ipc.write_batches(url, schema.SPLITS.with_metadata(firsts), batches)


def read_splits(url: str, item: int) -> list[Split]:
    """The splits of one work item. Memory: a batch, some BATCH_SPLITS rows, however many items there are."""
    reader = ipc.open_reader(url, schema.SPLITS)
    stored = (reader.schema.metadata or {}).get(FIRST_ITEMS.encode())
    batches = range(reader.num_record_batches)  # of a run of before there was such a list: all
    if stored is not None:
        at = bisect.bisect_right(json.loads(stored), item) - 1
        batches = range(max(0, at), max(0, at + 1))
    wanted = [field.name for field in dataclasses.fields(Split)]
    found: list[Split] = []
    for number in batches:
        batch = reader.get_batch(number)
        chosen = batch.filter(pa.compute.equal(batch.column("item"), item)).select(wanted)
        found += [Split(**{**row, "fields": Fields(*row["fields"])}) for row in chosen.to_pylist()]
    return found


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
