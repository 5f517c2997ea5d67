"""How large a recipe's inputs are, and into how many work items they fall: listed where they are there, else as it states.

Cost: what a build's own listing costs, a request and the first and last MiB of every file; nothing where the stated
numbers are taken.
"""

import dataclasses
import math
from collections.abc import Sequence, Set
from pathlib import Path

from corpus.errors import InputError
from corpus.recipe import Recipe, Source
from corpus.sources.splits import InputFile, item_bytes_of, list_inputs, located, make_splits, work_item_bytes

#: Endings of compressed files; a compressed jsonl file is not divided.
_PACKED = (".gz", ".zst", ".zstd", ".lz4")


@dataclasses.dataclass(frozen=True)
class SourceInputs:
    """A source's files and how they are divided; `listed`: counted, else as the recipe states them."""

    source: Source
    listed: bool
    files: int
    bytes: int  # stored
    splits: int
    items: int


def inputs_of(recipe: Recipe, folder: Path, *, where: str, stated: bool = False) -> tuple[int, list[SourceInputs]]:
    """Bytes of a work item (of what the run begins with), and every source's inputs in the recipe's order.

    `stated`: nothing is listed where the recipe states files and bytes. Raises InputError for inputs that are neither there
    nor stated.
    """
    there = [source for source in recipe.source if not _is_stated(source, folder, where=where, stated=stated)]
    listed = _listed(recipe, there, folder, where=where)
    item_bytes = {0: recipe.run.work_item_bytes or 0} | item_bytes_of(listed, recipe.run.work_item_bytes)
    if len(there) < len(recipe.source):
        total = sum(file.file_bytes for file in listed if file.addition == 0)
        total += sum(source.expected.bytes or 0 for source in recipe.source if source not in there)
        item_bytes[0] = recipe.run.work_item_bytes or work_item_bytes(total)
    rows = make_splits(listed, item_bytes).select(["source", "item"]).to_pylist()
    found = []
    for source in recipe.source:
        if source in there:
            sizes = [file.file_bytes for file in listed if file.source == source.name]
            items = [row["item"] for row in rows if row["source"] == source.name]
            found.append(SourceInputs(source, True, len(sizes), sum(sizes), len(items), len(set(items))))
        else:
            files, size = source.expected.files or 0, source.expected.bytes or 0
            layout = even_layout(files, size, item_bytes[0], divisible=_divisible(source))
            found.append(SourceInputs(source, False, files, size, *layout))
    return item_bytes[0], found


def even_layout(files: int, size: int, item_bytes: int, *, divisible: bool) -> tuple[int, int]:
    """(splits, work items) of files of equal size: what corpus.sources.splits makes of them."""
    pieces = max(1, math.ceil(size / files / item_bytes)) if divisible else 1
    splits = files * pieces
    in_item = max(1, item_bytes // math.ceil(size / splits))
    return splits, math.ceil(splits / in_item)


def _is_stated(source: Source, folder: Path, *, where: str, stated: bool) -> bool:
    """Whether the recipe's numbers are to be taken: it has some, and the inputs are not there or not to be looked for."""
    if source.expected.files is None or stated:
        return source.expected.files is not None
    try:
        for pattern in source.inputs:
            located(pattern, folder, source.prefix, where=where, outside_prefix=source.outside_prefix)
    except InputError:
        return True
    return False


def _listed(recipe: Recipe, sources: Sequence[Source], folder: Path, *, where: str) -> list[InputFile]:
    """The files of sources, and what additions bring to them."""
    if not sources:
        return []
    try:
        return list_inputs(only(recipe, {source.name for source in sources}), folder, where=where)
    except InputError as error:
        raise InputError(
            f"{error}; for a plan without them give the source a table `expected` with files and bytes"
        ) from error


def only(recipe: Recipe, names: Set[str]) -> Recipe:
    """The recipe without all other sources, what additions bring to them, and phases, which name them."""
    additions = [
        each.model_copy(update={"inputs": {name: globs for name, globs in each.inputs.items() if name in names}})
        for each in recipe.addition
    ]
    return recipe.model_copy(
        update={
            "source": [source for source in recipe.source if source.name in names],
            "addition": [each for each in additions if each.inputs],
            "phase": [],
        }
    )


def _divisible(source: Source) -> bool:
    if source.format in ("html", "text"):
        return False
    return source.format != "jsonl" or not any(name.endswith(_PACKED) for name in source.inputs)
