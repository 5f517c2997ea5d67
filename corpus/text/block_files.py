"""The block lists that a recipe's sources name, read once by the driver. Paths and globs are relative to the recipe."""

from collections.abc import Iterator
from pathlib import Path

from corpus.errors import InputError
from corpus.recipe import Recipe
from corpus.storage import files
from corpus.text.block_list import BlockList


def read_block_files(recipe: Recipe, folder: Path, *, where: str) -> dict[str, BlockList]:
    """Source → its list, for sources that name one. Raises InputError for a file that is missing or unreadable."""
    return {
        source.name: BlockList.of(
            _lines(source.block_domains, folder, f"{where}: source {source.name!r}: block_domains"),
            _lines(source.block_urls, folder, f"{where}: source {source.name!r}: block_urls"),
        )
        for source in recipe.source
        if source.block_domains or source.block_urls
    }


def _lines(patterns: list[str], folder: Path, where: str) -> Iterator[bytes]:
    for pattern in patterns:
        located = pattern if not files.is_local(pattern) else str(folder / files.local_path(pattern))
        try:
            matches = files.glob(located)
            if not matches:
                raise InputError(f"{where}: {pattern!r} matches no file (looked for {located})")
            for file in matches:
                with files.open_read(file) as stream:
                    yield from stream
        except (OSError, ValueError, ImportError) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"{where}: {pattern!r} cannot be read: {reason}") from error
