"""Lines of UT1's `expressions` files → the finite set of strings that they stand for.

Such a line is a regular expression over URLs (squidGuard's `expressionlist`), in practice alternatives of words with
separators or nothing around them: `(^|[-?+=/_])(big|hard)?(word|wor?d)s?([-.?+=/_]|$)`. Nothing here is ever matched as
a regular expression: the line is parsed and written out as the strings that it matches, so that matching is a look-up,
whatever a file holds. What a line may hold:

    characters; `\\` before one that is no letter or digit; `.`; `[...]` and `[^...]` with ranges;
    `(...)`, `(?:...)`, `|`; `?`; `+` and `*` for up to MAX_REPEATS repetitions; `^` and `$`

The alphabet of `.` and of `[^...]` is a to z, 0 to 9 and SEPARATOR, which every character stands for that is no letter
or digit (and `^` and `$`: a word may end where the URL does). Case counts for nothing.

A line that stands for more than MAX_STRINGS strings, or for an empty one (which every URL holds), is a ValueError, as is
any other syntax.
"""

import string

SEPARATOR = " "
MAX_STRINGS = 100_000
MAX_CHARACTERS = 10_000
MAX_REPEATS = 8
_MAX_DEPTH = 20
_ALPHABET = frozenset(string.ascii_lowercase + string.digits + SEPARATOR)
_SYNTAX = frozenset("()[]|^$?*+\\")

Strings = frozenset[str]


def is_expression(line: str) -> bool:
    """Whether a line is more than a word."""
    return not _SYNTAX.isdisjoint(line)


def expand(expression: str) -> Strings:
    """Every string that an expression stands for, in lower case, its separators as SEPARATOR, one at a time.

    Raises ValueError, with what is wrong in one line.
    """
    if len(expression) > MAX_CHARACTERS:
        raise ValueError(f"an expression of {len(expression)} characters; at most {MAX_CHARACTERS} are read")
    parser = _Parser(expression.lower())
    strings = frozenset(_squeezed(each) for each in parser.alternatives(0))
    if parser.rest:
        raise ValueError(f"nothing opens what {parser.rest[:20]!r} closes")
    if any(not each.strip(SEPARATOR) for each in strings):
        raise ValueError("matches every URL")
    return strings


class _Parser:
    """Recursive descent; each method returns the strings that its part stands for."""

    def __init__(self, expression: str) -> None:
        self.rest = expression

    def alternatives(self, depth: int) -> Strings:
        if depth > _MAX_DEPTH:
            raise ValueError(f"more than {_MAX_DEPTH} parentheses in each other")
        found = self._sequence(depth)
        while self.rest.startswith("|"):
            self.rest = self.rest[1:]
            found = _bounded(found | self._sequence(depth))
        return found

    def _sequence(self, depth: int) -> Strings:
        strings: Strings = frozenset({""})
        while self.rest and self.rest[0] not in "|)":
            strings = _product(strings, self._repeated(self._atom(depth)))
        return strings

    def _repeated(self, atom: Strings) -> Strings:
        mark = self.rest[:1]
        if not mark or mark not in "?+*":
            return atom
        self.rest = self.rest[1:]
        if self.rest[:1] and self.rest[0] in "?+*":
            raise ValueError(f"{mark + self.rest[0]!r} is not read; one of ? + * after a part")
        if mark == "?":
            return atom | {""}
        repeated = found = atom
        for _ in range(MAX_REPEATS - 1):
            repeated = _product(repeated, atom)
            found = _bounded(found | repeated)
        return found if mark == "+" else found | {""}

    def _atom(self, depth: int) -> Strings:
        first, self.rest = self.rest[0], self.rest[1:]
        if first == "(":
            self.rest = self.rest.removeprefix("?:")
            if self.rest.startswith("?"):
                raise ValueError(f"'({self.rest[:2]}' is not read; plain parentheses and (?: are")
            found = self.alternatives(depth + 1)
            if not self.rest:
                raise ValueError("nothing closes a '('")
            self.rest = self.rest[1:]
            return found
        if first == "[":
            return self._class()
        if first == ".":
            return _ALPHABET
        if first in "?+*{}":
            raise ValueError(f"{first!r} is not read here; put \\ before a character of its own")
        return frozenset({self._escaped() if first == "\\" else _letter(first)})

    def _escaped(self) -> str:
        if not self.rest or self.rest[0].isalnum():
            raise ValueError(f"'\\{self.rest[:1]}' is not read; \\ stands before what is no letter or digit")
        character, self.rest = self.rest[0], self.rest[1:]
        return _letter(character)

    def _class(self) -> Strings:
        negated = self.rest.startswith("^")
        self.rest = self.rest.removeprefix("^")
        members: set[str] = set()
        first = True
        while first or not self.rest.startswith("]"):
            if not self.rest:
                raise ValueError("nothing closes a '['")
            if self.rest.startswith("[:"):
                raise ValueError("'[:' is not read; write the characters out")
            begin, self.rest = self.rest[0], self.rest[1:]
            if begin == "\\" and self.rest and not self.rest[0].isalnum():
                begin, self.rest = self.rest[0], self.rest[1:]
            elif self.rest.startswith("-") and self.rest[1:2] not in ("", "]") and begin.isalnum():
                last, self.rest = self.rest[1], self.rest[2:]
                if not (begin.isascii() and last.isascii() and last.isalnum() and begin <= last):
                    raise ValueError(f"the range {begin}-{last} is not read; ranges of ASCII letters and digits are")
                members.update(_letter(chr(code)) for code in range(ord(begin), ord(last) + 1))
                first = False
                continue
            members.add(_letter(begin))
            first = False
        self.rest = self.rest[1:]
        found = _ALPHABET - members if negated else frozenset(members)
        if not found:
            raise ValueError("a [^...] that no character is left of")
        return found


def _letter(character: str) -> str:
    return character if character.isalnum() else SEPARATOR


def _product(heads: Strings, tails: Strings) -> Strings:
    if len(heads) * len(tails) > MAX_STRINGS:
        raise ValueError(f"stands for more than {MAX_STRINGS:,} strings")
    return frozenset(head + tail for head in heads for tail in tails)


def _bounded(strings: Strings) -> Strings:
    if len(strings) > MAX_STRINGS:
        raise ValueError(f"stands for more than {MAX_STRINGS:,} strings")
    return strings


def _squeezed(entry: str) -> str:
    """Runs of separators as one."""
    while SEPARATOR * 2 in entry:
        entry = entry.replace(SEPARATOR * 2, SEPARATOR)
    return entry
