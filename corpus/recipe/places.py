"""Where in a TOML file a key stands: Python's parser keeps no lines, and a message without one sends its reader searching.

A scan of the lines, beside the parser: it knows headers, keys, and what it must skip (comments, strings and arrays over several
lines). It only serves messages, and answers None rather than guess.
"""

import tomllib
from collections.abc import Iterator

Location = tuple[int | str, ...]


def line_of(text: str, location: Location) -> int | None:
    """The line, from 1 on, of a key or of the innermost table around it that the text has; None where it has none.

    Example:
        >>> line_of('[run]\\nname = "a"\\n[[source]]\\nname = "web"', ("source", 0, "name"))
        4
    """
    lines: dict[Location, int] = {}
    for number, place in places(text):
        lines.setdefault(place, number)
    prefixes = (location[:length] for length in range(len(location), 0, -1))
    return next((lines[prefix] for prefix in prefixes if prefix in lines), None)


def places(text: str) -> Iterator[tuple[int, Location]]:
    """(line, place) of each header and key, in the file's order; entries of an array of tables are numbered from 0."""
    table: Location = ()
    counts: dict[Location, int] = {}  # entries so far of each array of tables
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line, first = lines[number].strip(), number + 1
        number += 1
        if line.startswith("["):
            is_entry = line.startswith("[[")
            path = _key_path(line.split("]")[0].lstrip("["))
            if path is None:
                continue
            table = _numbered(path, counts)
            if is_entry:
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield first, table
        elif "=" in line and not line.startswith("#"):
            key, value = _divided(line)
            path = _key_path(key)
            if path is None:
                continue
            yield from ((first, (*table, *path[:length])) for length in range(1, len(path) + 1))
            while number < len(lines) and not _is_whole(value):
                value += "\n" + lines[number]
                number += 1


def _numbered(path: tuple[str, ...], counts: dict[Location, int]) -> Location:
    """The place of a header: its parents that are arrays of tables mean their last entry."""
    place: Location = ()
    for part in path[:-1]:
        place = (*place, part)
        if place in counts:
            place = (*place, counts[place])
    return (*place, path[-1])


def _divided(line: str) -> tuple[str, str]:
    """Key and value at the first equals sign outside quotes."""
    quote = ""
    for index, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "=":
            return line[:index], line[index + 1 :]
    return line, ""


def _key_path(key: str) -> tuple[str, ...] | None:
    """The parts of a key as it is written: `a."b.c"` has two. None for what is no key."""
    try:
        node = tomllib.loads(f"{key} = 0")
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    path: list[str] = []
    while isinstance(node, dict) and len(node) == 1:
        ((part, node),) = node.items()
        path.append(part)
    return tuple(path) or None


#: Lines of one value that are looked at: longer ones are no longer parsed again at each line.
_MOST_LINES = 200


def _is_whole(value: str) -> bool:
    """Whether a value ends here; of a value that is not valid at all, that it does."""
    if value.count("\n") > _MOST_LINES or not any(mark in value for mark in ('"""', "'''", "[", "{")):
        return True
    try:
        tomllib.loads(f"value = {value}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return False
    return True
