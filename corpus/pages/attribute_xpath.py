"""XPath expressions that select elements by tags and attributes alone, as one pass over the tree with remembered answers.

lxml evaluates `re:test` by a call into Python for every element it looks at: in trafilatura's cascade, half of the time.
Pages repeat their classes, and a site its pages, so what the value of an attribute says is worth remembering.

`AttributeXPath(expression)` gives the elements that the `lxml.etree.XPath` it is made of gives, in the same order. It
raises ValueError for an expression that it does not understand, which is then to be used as it is. Understood: a union of
steps `.//tag[predicate]…`, `[1]` after one, or `(…)[1]`; predicates of `or`, `and`, `not`, `self::tag`, `@name`,
`@name = 'text'`, `contains`, `starts-with`, `translate` and EXSLT's `re:test`. The value of `@a|@b` is that of whichever
attribute comes first in the page, as XPath has it. A predicate with a path (`[not(.//h1)]`) is lxml's to judge, where an
element fulfils all others.

Oracle: lxml (tests/test_attribute_xpath.py). Memory: MEMO_ENTRIES answers for each set of attributes. Cost: some 1 µs an
element, a fifth of lxml's.
"""

import dataclasses
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

#: So many answers are remembered, then forgotten together.
MEMO_ENTRIES = 1 << 16
#: Longer values are looked at anew: a page could fill the memory with them.
MEMO_VALUE_CHARACTERS = 500

Values = dict[str, str | None]

_TOKEN = re.compile(r"\s*('[^']*'|\"[^\"]*\"|@[\w-]+|self::\w+|\.//|[A-Za-z][\w-]*(?::[\w-]+)?|\d+|[()\[\],=|*])")
_TAG = "self::"  # the name under which conditions find the tag


@dataclasses.dataclass(frozen=True, slots=True)
class _Term:
    """A condition on one value: an attribute's, or that of the first of two (`a|b`)."""

    name: str
    of: Callable[[str | None], bool]

    def holds(self, values: Values) -> bool:
        return self.of(values[self.name])

    def names(self) -> Iterator[str]:
        yield self.name


@dataclasses.dataclass(frozen=True, slots=True)
class _Tag:
    """self::tag."""

    tag: str

    def holds(self, values: Values) -> bool:
        return values[_TAG] == self.tag

    def names(self) -> Iterator[str]:
        yield _TAG


@dataclasses.dataclass(frozen=True, slots=True)
class _Path:
    """A condition on what is below an element."""

    def holds(self, values: Values) -> bool:
        raise AssertionError("lxml judges it")

    def names(self) -> Iterator[str]:
        yield ".//"


@dataclasses.dataclass(frozen=True, slots=True)
class _Combined:
    """`any` (or), `all` (and), or not all (not) of its parts."""

    connective: str
    parts: "tuple[_Condition, ...]"

    def holds(self, values: Values) -> bool:
        if self.connective == "or":
            return any(part.holds(values) for part in self.parts)
        return all(part.holds(values) for part in self.parts) is (self.connective == "and")

    def names(self) -> Iterator[str]:
        for part in self.parts:
            yield from part.names()


_Condition = _Term | _Tag | _Path | _Combined


class AttributeXPath:
    """Called like an `lxml.etree.XPath`: a tree → the elements below it."""

    def __init__(self, expression: Any) -> None:
        self.path: str = expression.path
        self._expression = expression
        self._first, steps = _Parser(self.path).expression()
        tags = {tag for step in steps for tag in step.tags}
        self._steps_of = {tag: [step for step in steps if step.tags & {tag, "*"}] for tag in tags}
        self._tags = () if "*" in tags else tuple(sorted(tags))

    def __repr__(self) -> str:
        return f"AttributeXPath({self.path!r})"

    def __call__(self, tree: Any) -> Any:
        found = []
        of_any_tag = self._steps_of.get("*", [])
        of_tag = self._steps_of.get
        parents = set()
        # One loop without calls: it runs for every element of a page some ten times.
        for element in tree.iterdescendants(*self._tags):
            tag = element.tag
            if tag.__class__ is not str:  # a comment
                continue
            for step in of_tag(tag, of_any_tag):
                for alternatives in step.groups:
                    for name, memo, condition in alternatives:
                        key = element.get(name) if name is not None else condition.key(element)
                        if key is None:
                            continue
                        answer = memo.get(key)
                        if answer is None:
                            answer = condition.judge(key)
                        if answer:
                            break
                    else:
                        break  # no alternative holds
                else:
                    if step.beyond:
                        return self._expression(tree)
                    if step.first_of_parent:
                        parent = element.getparent()
                        if parent in parents:
                            continue
                        parents.add(parent)
                    found.append(element)
                    break
            if self._first and found:
                break
        return found


class _Step:
    """`.//tag[…][…]`. `beyond`: lxml judges an element that fulfils everything else."""

    def __init__(self, tag: str, conditions: list[_Condition], first_of_parent: bool) -> None:
        self.first_of_parent = first_of_parent
        self.tags = frozenset({tag})
        self.beyond = False
        self.groups = []
        for condition in conditions:
            tags = _tags_of(condition)
            if tags and self.tags == {"*"}:
                self.tags = tags  # the tree gives no others to look at
            elif ".//" in condition.names():
                self.beyond = True
            else:
                self.groups.append(_remembered(condition))


def _tags_of(condition: _Condition) -> frozenset[str]:
    """The tags of `self::a or self::b …`; none where a condition is anything else."""
    parts = condition.parts if isinstance(condition, _Combined) and condition.connective == "or" else (condition,)
    tags = frozenset(part.tag for part in parts if isinstance(part, _Tag))
    return tags if all(isinstance(part, _Tag) for part in parts) else frozenset()


_Alternative = tuple[str | None, dict[Any, bool], "_Remembered"]


def _remembered(condition: _Condition) -> list[_Alternative]:
    """A condition as alternatives that each look at other values, the cheapest first."""
    parts = condition.parts if isinstance(condition, _Combined) and condition.connective == "or" else (condition,)
    by_names: dict[tuple[str, ...], list[_Condition]] = {}
    for part in parts:
        by_names.setdefault(tuple(sorted(set(part.names()))), []).append(part)
    found = [_Remembered(names, _Combined("or", tuple(same))) for names, same in by_names.items()]
    return [
        (each.attribute, each.memo, each)
        for each in sorted(found, key=lambda each: (each.attribute is None, len(each.names), each.names))
    ]


class _Remembered:
    """A condition on the same values, with its answers for those seen before; False of an element that has none."""

    def __init__(self, names: tuple[str, ...], condition: _Combined) -> None:
        self.names, self.memo = names, dict[Any, bool]()
        self._condition = condition
        #: What the answer depends on; None where an element has nothing of it.
        self.key = _getter(names)
        #: Where one attribute's value is all that counts.
        self.attribute = names[0] if len(names) == 1 and "|" not in names[0] and names[0] != _TAG else None
        #: Where moreover all parts are terms: these, without a detour.
        self._terms = [part.of for part in condition.parts if isinstance(part, _Term)] if len(names) == 1 else []
        if len(self._terms) < len(condition.parts):
            self._terms = []
        if _TAG not in names and condition.holds(dict.fromkeys(names)):
            raise ValueError(f"it selects elements that lack {', '.join(names)}")

    def judge(self, key: tuple[str | None, ...] | str) -> bool:
        """The answer for a key that is not in the memo."""
        if isinstance(key, str):
            answer, size = False, len(key)
            for of in self._terms:
                if of(key):
                    answer = True
                    break
            else:
                answer = not self._terms and self._condition.holds({self.names[0]: key})
        else:
            answer = self._condition.holds(dict(zip(self.names, key, strict=True)))
            size = max(len(value or "") for value in key)
        if size <= MEMO_VALUE_CHARACTERS:
            if len(self.memo) >= MEMO_ENTRIES:
                self.memo.clear()
            self.memo[key] = answer
        return answer


def _getter(names: tuple[str, ...]) -> Callable[[Any], Any]:
    """Element → its value of a name, or its values of several."""
    if len(names) > 1:
        getters = [_getter((name,)) for name in names]
        return lambda element: tuple([get(element) for get in getters])
    first, union, second = names[0].partition("|")
    if first == _TAG:
        return operator.attrgetter("tag")
    if not union:
        return operator.methodcaller("get", first)

    def first_of_two(element: Any) -> Any:
        one, other = element.get(first), element.get(second)
        if one is None or other is None:
            return other if one is None else one
        return one if next(key for key in element.keys() if key in (first, second)) == first else other  # noqa: SIM118

    return first_of_two


class _Parser:
    """Recursive descent over the part of XPath that the module's docstring names."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._tokens: list[str] = []
        end = 0
        while path[end:].strip():
            token = _TOKEN.match(path, end)
            if token is None:
                raise ValueError(f"not understood: {path[end : end + 60]}")
            self._tokens.append(token[1])
            end = token.end()
        self._at = 0

    def expression(self) -> tuple[bool, list[_Step]]:
        """Whether only the first element is asked for, and the union's steps."""
        first = self._take("(")
        steps = [self._step()]
        while self._take("|"):
            steps.append(self._step())
        if first:
            for token in (")", "[", "1", "]"):
                self._expect(token)
        if self._at < len(self._tokens):
            raise ValueError(f"not understood: {self._tokens[self._at]!r} in {self._path}")
        return first, steps

    def _step(self) -> _Step:
        self._expect(".//")
        tag = self._next()
        conditions: list[_Condition] = []
        while self._take("["):
            if self._take("1"):
                self._expect("]")
                return _Step(tag, conditions, first_of_parent=True)
            conditions.append(self._or())
            self._expect("]")
        return _Step(tag, conditions, first_of_parent=False)

    def _or(self) -> _Condition:
        return self._joined("or", self._and)

    def _and(self) -> _Condition:
        return self._joined("and", self._one)

    def _joined(self, operator: str, part: Callable[[], _Condition]) -> _Condition:
        parts = [part()]
        while self._take(operator):
            parts.append(part())
        return parts[0] if len(parts) == 1 else _Combined(operator, tuple(parts))

    def _one(self) -> _Condition:
        token = self._peek()
        if token.startswith("self::"):
            return _Tag(self._next().removeprefix("self::"))
        if self._take(".//"):
            self._next()
            return _Path()
        if self._take("("):
            inside = self._or()
            self._expect(")")
            return inside
        if self._take("not"):
            self._expect("(")
            inside = self._or()
            self._expect(")")
            return _Combined("not", (inside,))
        if token in ("contains", "starts-with", "re:test"):
            return self._function()
        name = self._attribute()
        if self._take("="):
            if "|" in name:
                raise ValueError(f"a comparison with two attributes: {self._path}")
            text = self._literal()
            return _Term(name, lambda value: value == text)
        if "|" in name:
            raise ValueError(f"either of two attributes: {self._path}")
        return _Term(name, lambda value: value is not None)

    def _function(self) -> _Condition:
        function = self._next()
        self._expect("(")
        name, change = self._string()
        self._expect(",")
        text = self._literal()
        flags = self._literal() if self._take(",") else ""
        self._expect(")")
        if flags not in ("", "i"):
            raise ValueError(f"flags {flags!r} in {self._path}")
        test: Callable[[str], object]
        if function == "contains":
            test = lambda value: text in value  # noqa: E731
        elif function == "starts-with":
            test = lambda value: value.startswith(text)  # noqa: E731
        else:
            test = re.compile(text, re.IGNORECASE if flags else 0).search
        if change is None:
            return _Term(name, lambda value: bool(test(value or "")))
        return _Term(name, lambda value: bool(test(change(value or ""))))

    def _string(self) -> tuple[str, Callable[[str], str] | None]:
        """The name of a value, and how it is changed."""
        if not self._take("translate"):
            return self._attribute(), None
        self._expect("(")
        name = self._attribute()
        self._expect(",")
        before = self._literal()
        self._expect(",")
        after = self._literal()
        self._expect(")")
        if len(before) != len(after):
            raise ValueError(f"a translation that removes characters: {self._path}")
        table = str.maketrans(before, after)
        return name, lambda value: value.translate(table)

    def _attribute(self) -> str:
        names = [self._next()]
        while self._take("|"):
            names.append(self._next())
        if len(names) > 2 or not all(name.startswith("@") for name in names):
            raise ValueError(f"not understood: {' | '.join(names)} in {self._path}")
        return "|".join(name.removeprefix("@") for name in names)

    def _literal(self) -> str:
        token = self._next()
        if token[0] not in "'\"":
            raise ValueError(f"no literal: {token} in {self._path}")
        return token[1:-1]

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise ValueError(f"it ends too early: {self._path}")
        self._at += 1
        return token

    def _take(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._at += 1
        return True

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise ValueError(f"{token!r} expected, {self._peek()!r} found in {self._path}")
