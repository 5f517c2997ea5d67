"""The exams that a recipe names, read once by the driver. Paths and globs are relative to the recipe's folder."""

import posixpath
from pathlib import Path

from corpus.errors import InputError
from corpus.recipe import Exam
from corpus.storage import files
from filters.exams.exam_rows import plain_id
from filters.exams.items import Item, Part
from filters.exams.published import load_file


def read_exams(exams: list[Exam], folder: Path, *, where: str) -> list[Item]:
    """Every item of every exam, in the order of exams, files' names and rows.

    Raises InputError for a glob that matches nothing, a file that cannot be read or is not of its format, and an exam
    that names an item twice.
    """
    items: list[Item] = []
    for exam in exams:
        at = f"{where}: exam {exam.name!r}"
        wanted = {Part(part) for part in exam.parts}
        seen: set[str] = set()
        for file, name in _located(exam, folder, at):
            for own, texts in load_file(_read(file, at), exam.format, f"{at}: {file}"):
                # Files of one item are called like it: MATH's 1.json has no id but its name.
                number = f"{name}/{own}" if exam.format != "jsonl" else own
                if number in seen:
                    raise InputError(f"{at}: {file}: a second item {number!r}")
                seen.add(number)
                items.append(Item(exam.name, number, {part: texts[part] for part in texts if part in wanted}))
    return items


def _located(exam: Exam, folder: Path, where: str) -> list[tuple[str, str]]:
    """(file, its name below what all files of the exam have in common), by name."""
    found: set[str] = set()
    for pattern in exam.files:
        located = files.beside(folder, pattern)
        try:
            matches = files.glob(located)
        except (OSError, ValueError, ImportError) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"{where}: cannot list {pattern!r}: {reason}") from error
        if not matches:
            raise InputError(f"{where}: {pattern!r} matches no file (looked for {located})")
        found.update(matches)
    root = posixpath.commonpath([posixpath.dirname(file) for file in found])
    return sorted((file, plain_id(posixpath.relpath(file, root))) for file in found)


def _read(file: str, where: str) -> bytes:
    try:
        return files.read_bytes(file)
    except (OSError, ValueError, ImportError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{where}: {file}: cannot be read: {reason}") from error
