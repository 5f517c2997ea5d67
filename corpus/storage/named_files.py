"""What the files say that a recipe names: read one after another, with errors that say where they were named."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from corpus.errors import InputError
from corpus.storage import files

Part = TypeVar("Part")


def read_named(
    patterns: Iterable[str], folder: Path, where: str, read: Callable[[BinaryIO], Iterable[Part]]
) -> Iterator[tuple[str, Part]]:
    """(file, part of it) for every part that `read` makes of every file, by pattern, then by name.

    Patterns are paths, globs or URLs, relative to `folder`. Raises InputError for one that matches nothing, and for a file
    that cannot be opened or that `read` gives up on with a ValueError.
    """
    for pattern in patterns:
        located = files.beside(folder, pattern)
        try:
            matches = files.glob(located)
            if not matches:
                raise InputError(f"{where}: {pattern!r} matches no file (looked for {located})")
            for file in matches:
                with files.open_read(file) as stream:
                    for part in read(stream):
                        yield file, part
        except (OSError, ValueError, ImportError) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"{where}: {pattern!r} cannot be read: {reason}") from error
