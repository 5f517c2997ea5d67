"""Marks: characters in a page's text that carry its structure through any extractor, and what becomes of them.

Extractors keep a text's words and lose its form: lines of code, numbers of lists, TeX of formulas, rows of tables. So
corpus.pages.protection writes the form into the text itself before one runs, with the characters below; they are printable
symbols of Byzantine music (U+1D000 …), which no filter of an extractor removes and no page outside a musicology needs. A
page's own are put aside first.

*Marked text* is what an extractor makes of such a page. `Kept.restored` puts back what was put aside (code, tables, with
the page's own symbols); `render` makes the form that a recipe asks for.

    LINE                        a line begins here
    HEADINGS[n] …               a heading of level n + 1
    BULLETS[n] …                an item of a list without numbers, n lists deep
    ITEM depth SEPARATOR bullet END …      an item of another list
    CODE language SEPARATOR code END       on lines of its own, untouched
    ROW cell SEPARATOR cell … END          of a table; HEAD after the row that names its columns
    INLINE … INLINE             code in a sentence
    RUBY reading END            after its base text
    LINK … SEPARATOR key END    a link's text and its address, where links are kept
    KEPT key SEPARATOR words END           something put aside; the words keep its length, for those who weigh it

Invariants: `render` of a text without marks is that text; a mark that lost its partner vanishes. Linear in the text.
"""

import dataclasses
import re
from collections.abc import Callable

from corpus.recipe import Markup

VERSION = 1

_FIRST = 0x1D000
(
    LINE, ITEM, SEPARATOR, END, CODE, ROW, HEAD, INLINE, RUBY, LINK, KEPT, *_LEVELS
) = map(chr, range(_FIRST, _FIRST + 21))  # fmt: skip
HEADINGS, BULLETS = _LEVELS[:6], _LEVELS[6:]
MARKS = frozenset(map(chr, range(_FIRST, _FIRST + 21)))
_ANY = re.compile(f"[{chr(_FIRST)}-{chr(_FIRST + 20)}]")
_NO_MARK = f"[^{chr(_FIRST)}-{chr(_FIRST + 20)}]"

# White space around a mark: bounded, or a run of it without a mark would be searched from each of its characters.
_GAP, _SPACE = rf"[\s{LINE}]{{0,12}}", r"[ \t]{0,12}"
_KEPT = re.compile(rf"{KEPT}(\d{{1,8}}){SEPARATOR}({_NO_MARK}*){END}")
_CODE = re.compile(rf"{_SPACE}\n?{_SPACE}{CODE}({_NO_MARK}*){SEPARATOR}({_NO_MARK}*){END}{_SPACE}\n?")
_ITEM = re.compile(
    rf"(?:(?:\A|\n){_GAP}(?:[-•*]|\d{{1,9}}\.)?)?{_GAP}"
    rf"(?:{ITEM}(\d?){SEPARATOR}({_NO_MARK}{{0,20}}){END}|([{BULLETS[0]}-{BULLETS[-1]}])){_GAP}"
)
_HEADING = re.compile(rf"{_GAP}([{HEADINGS[0]}-{HEADINGS[-1]}]){_GAP}")
_LINE = re.compile(rf"{_SPACE}\n?{_SPACE}{LINE}{_GAP}")
_ROW = re.compile(rf"{_SPACE}\n?{_SPACE}{ROW}([^{ROW}{END}]*){END}({HEAD}?){_SPACE}")
_RUBY = re.compile(rf"{RUBY}({_NO_MARK}*){END}")
_LINK = re.compile(rf"{LINK}([^{LINK}{END}]*){SEPARATOR}({_NO_MARK}*){END}")

#: Spaces of an item for each list that it stands in below the first.
INDENT = "  "


@dataclasses.dataclass(frozen=True)
class Form:
    """How marked text is written. `ruby`: readings follow their characters in brackets. `links`: of markdown."""

    markup: Markup = "plain"
    ruby: bool = False
    links: bool = False


PLAIN = Form()


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: code, which no normal form may touch, or prose."""

    text: str
    is_code: bool = False


class Kept:
    """What was put aside from a page, each under its number."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def put(self, marked: str, words: str = "") -> str:
        """Puts marked text aside; what stands for it. `words` are what an extractor may weigh."""
        self._parts.append(marked)
        return f"{KEPT}{len(self._parts) - 1}{SEPARATOR}{without_marks(words)}{END}"

    def restored(self, text: str) -> str:
        """The text with what was put aside, also what stands inside that, in its place."""
        if KEPT not in text:
            return text
        return _KEPT.sub(self._of, text)

    def _of(self, found: re.Match[str]) -> str:
        number = int(found[1])
        # A part is put aside before what it stands in: no number names a later one, so this ends.
        part = self._parts[number] if number < len(self._parts) else found[2]
        return (
            _KEPT.sub(lambda inner: self._of(inner) if int(inner[1]) < number else "", part) if KEPT in part else part
        )


def without_marks(text: str) -> str:
    """The text without any mark: for comparisons, not for readers."""
    return text if text.isascii() else _ANY.sub("", text)


def plain(text: str) -> str:
    """Marked text as plain text."""
    return "\n".join(piece.text for piece in render(text, PLAIN))


def render(text: str, form: Form = PLAIN) -> list[Piece]:
    """Marked text in a form: pieces, each on lines of its own."""
    if text.isascii() or _ANY.search(text) is None:
        return [Piece(text)]
    pieces: list[Piece] = []
    at = 0
    for found in _CODE.finditer(text):
        _append_prose(pieces, text[at : found.start()], form)
        code = without_marks(found[2])
        if form.markup == "markdown":
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
            code = f"{fence}{found[1]}\n{code}\n{fence}"
        pieces.append(Piece(code, is_code=True))
        at = found.end()
    _append_prose(pieces, text[at:], form)
    return pieces


def _append_prose(pieces: list[Piece], text: str, form: Form) -> None:
    prose = _prose(text, form).strip("\n")
    if prose.strip():
        pieces.append(Piece(prose))


def _prose(text: str, form: Form) -> str:
    is_markdown = form.markup == "markdown"
    for pattern, replacement in _replacements(form):
        text = pattern.sub(replacement, text)
    text = _ANY.sub("", text.replace(INLINE, "`" if is_markdown else ""))
    return _spaced(text) if is_markdown else text


#: Lines of markdown that stand under one another without an empty line: items of a list, rows of a table.
_ITEM_LINE, _ROW_LINE = re.compile(r"[ ]*(?:[-:]|[\dA-Za-z]{1,6}\.) "), re.compile(r"\|.*\|$")


def _spaced(text: str) -> str:
    """Lines with an empty one between, but for those of one list or table."""
    parts: list[str] = []
    before = 0
    for line in filter(str.strip, text.split("\n")):
        kind = 1 if _ITEM_LINE.match(line) else 2 if _ROW_LINE.match(line) else 0
        is_definition = line.lstrip().startswith(": ")
        if parts:
            parts.append("\n" if (kind and kind == before) or is_definition else "\n\n")
        parts.append(line)
        before = kind
    return "".join(parts)


def _replacements(form: Form) -> list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]:
    is_markdown = form.markup == "markdown"

    def heading(found: re.Match[str]) -> str:
        return "\n\n" + "#" * (HEADINGS.index(found[1]) + 1) + " " if is_markdown else "\n"

    def item(found: re.Match[str]) -> str:
        if found[3]:
            return "\n" + INDENT * BULLETS.index(found[3]) + "- "
        bullet = f"{found[2]} " if found[2] else ""
        return "\n" + INDENT * int(found[1] or 0) + bullet

    def row(found: re.Match[str]) -> str:
        cells = [" ".join(without_row_marks(cell).split()) for cell in found[1].split(SEPARATOR)]
        line = "| " + " | ".join(cell.replace("|", "\\|") if is_markdown else cell for cell in cells) + " |"
        rule = "\n|" + " --- |" * len(cells) if is_markdown and found[2] else ""
        return f"\n{line}{rule}"

    def without_row_marks(cell: str) -> str:
        return _ANY.sub(lambda mark: mark[0] if mark[0] == INLINE else " ", cell)

    return [
        (_RUBY, (lambda found: f"({found[1]})") if form.ruby else (lambda found: "")),
        (_LINK, lambda found: f"[{found[1]}]({found[2]})" if is_markdown and form.links and found[2] else found[1]),
        (_ROW, row),
        (_ITEM, item),
        (_HEADING, heading),
        (_LINE, lambda found: "\n"),
    ]
