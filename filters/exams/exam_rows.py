"""What files of benchmarks share: rows of CSV and JSON whose values are checked when they are asked for.

Raises InputError of one line that names the file, the row and what is not as it must be.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from corpus.errors import InputError
from filters.exams.items import Part

#: Of one item: its id in the file, and its texts.
Loaded = tuple[str, dict[Part, tuple[str, ...]]]

_CALCULATION = re.compile(r"<<[^<>]{0,200}>>")
_FINAL_ANSWER = re.compile(r"\n#### .*\Z", re.DOTALL)
_LABEL = re.compile(r"^\s*[(（]?[A-Z][)）.．、:：]\s*")


class Row:
    """A JSON object of a file, whose values are checked when they are asked for."""

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, dict):
            raise InputError(f"{where}: a {type(values).__name__} where an object must be")
        self.values: dict[str, Any] = values
        self.where = where

    def text(self, *names: str) -> str:
        """The string under the first of these names that is there."""
        for name in names:
            if name in self.values:
                value = self.values[name]
                if not isinstance(value, str):
                    raise InputError(f"{self.where}: {name!r} is {type(value).__name__}, not a string")
                return value
        raise InputError(f"{self.where}: no {' or '.join(map(repr, names))}, only {', '.join(sorted(self.values))}")

    def texts(self, *names: str) -> tuple[str, ...]:
        """The string or strings under the first of these names that is there and not null; () where none is."""
        for name in names:
            value = self.values.get(name)
            if value is None:
                continue
            listed = value if isinstance(value, list) else [value]
            if not all(isinstance(each, str) for each in listed):
                raise InputError(f"{self.where}: {name!r} is neither a string nor a list of strings")
            return tuple(listed)
        return ()

    def id(self, name: str, default: int) -> str:
        """The row's own id where it has one, else its number."""
        value = self.values.get(name)
        return plain_id(str(value)) if isinstance(value, str | int) else str(default)

    def rows(self, name: str) -> Iterator["Row"]:
        """The objects of a list."""
        value = self.values.get(name)
        if not isinstance(value, list):
            raise InputError(f"{self.where}: {name!r} is no list")
        return (Row(each, f"{self.where}: {name} {number}") for number, each in enumerate(value))


def plain_id(value: str) -> str:
    """An id that can be stored and printed: no surrogate, one line."""
    return " ".join(value.encode("utf-8", "replace").decode().split())


def json_value(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not valid JSON: {error}") from error


def json_lines(text: str, where: str) -> Iterator[Row]:
    """The objects of JSON lines; blank lines are passed over."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            at = f"{where}: line {number}"
            yield Row(json_value(line, at), at)


def json_rows(text: str, where: str) -> Iterator[Row]:
    """The objects of JSON lines, of a list, or the one object that a file is, over however many lines."""
    head = text.lstrip()[:1]
    first = text.strip().partition("\n")[0]
    if head == "[":
        values = json_value(text, where)
        yield from (Row(value, f"{where}: entry {number}") for number, value in enumerate(values))
    elif head == "{" and _is_json(first):
        yield from json_lines(text, where)
    else:
        yield Row(json_value(text, where), where)


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def options(texts: Sequence[str]) -> tuple[str, ...]:
    """Choices without their letters, which a page writes in a way of its own."""
    return tuple(_LABEL.sub("", text) for text in texts)


def without_calculations(answer: str) -> str:
    """A solution of GSM8K without its calculator's marks and last line, which are the benchmark's own."""
    return _FINAL_ANSWER.sub("", _CALCULATION.sub("", answer))


def text_rows(text: str, where: str) -> Iterator[Row]:
    """The rows of a CSV by its header's names. Raises InputError where there are none."""
    names: list[str] = []
    rows = 0
    for number, cells in csv_rows(text, where):
        if not names:
            names = [cell.strip() for cell in cells]
        elif len(cells) != len(names):
            raise InputError(f"{where}: row {number}: {len(cells)} columns, its header has {len(names)}")
        else:
            rows += 1
            yield Row(dict(zip(names, cells, strict=True)), f"{where}: row {number}")
    if not rows:
        raise InputError(f"{where}: no rows of a table, of JSON lines or of Parquet")


def csv_rows(text: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """(number from 1, cells) of every row that has any."""
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), start=1):
            if cells:
                yield number, cells
    except csv.Error as error:
        raise InputError(f"{where}: not valid CSV: {error}") from error


def named_rows(text: str, where: str, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(number from 0, cells by name in lower case) of a CSV with a header."""
    names: list[str] = []
    for number, cells in csv_rows(text, where):
        if not names:
            names = [cell.strip().lower() for cell in cells]
            if missing := [name for name in needed if name not in names]:
                raise InputError(f"{where}: its header {cells} has no {missing[0]!r}")
        elif len(cells) != len(names):
            raise InputError(f"{where}: row {number}: {len(cells)} columns, its header has {len(names)}")
        else:
            yield number - 2, dict(zip(names, cells, strict=True))
