"""Lists of a page: what stands before each item is written into it, since extractors write "- " before all alike.

`ol`: the number that a browser shows (`start`, `reversed`, `value`, `type` a, A, i, I). `ul`: "-". Nested lists are indented.
`dl`: a term stands alone on its line, each definition after ": ". Items without text of their own are left alone.
"""

from lxml.html import HtmlElement  # type: ignore[import-untyped]

from corpus.pages.marks import BULLETS, END, ITEM, SEPARATOR
from corpus.pages.tree_edits import first_text

VERSION = 1

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
MOST = 3999
#: More links than this, of a list's characters, and its items stay as they are.
MOST_LINKS = 0.5


def write_lists(lists: list[HtmlElement], terms: list[HtmlElement], definitions: list[HtmlElement]) -> None:
    """Writes bullets and numbers into the items of lists, in document order."""
    depths: dict[HtmlElement, int] = {}
    for each in lists:
        depths[each] = _depth(each, depths) + 1
        if each.tag == "dl" or _is_menu(each):
            continue
        items = [child for child in each if child.tag == "li"]
        for item, number in zip(items, _numbers(each, items), strict=True):
            _mark(item, depths[each], f"{number}." if number else "-")
    for term in terms:
        _mark(term, max(_depth(term, depths), 0), "")
    for definition in definitions:
        _mark(definition, max(_depth(definition, depths), 0), ":")


def _is_menu(each: HtmlElement) -> bool:
    """Whether links are most of a list: extractors weigh them, and a mark is weight."""
    links = sum(len(link.text_content().strip()) for link in each.iter("a"))
    return links > 0 and links > MOST_LINKS * len(each.text_content().strip())


def _depth(element: HtmlElement, depths: dict[HtmlElement, int]) -> int:
    """How deep the list is that an element stands in; -1 where it stands in none."""
    return next((depths[ancestor] for ancestor in element.iterancestors("ol", "ul", "dl") if ancestor in depths), -1)


def _mark(item: HtmlElement, depth: int, bullet: str) -> None:
    mark = f"{ITEM}{min(depth, 9)}{SEPARATOR}{bullet}{END}" if bullet != "-" else BULLETS[min(depth, len(BULLETS) - 1)]
    first = first_text(item)
    if first.text and not first.text.isspace():
        first.text = mark + first.text.lstrip()
        return
    # It begins with an element that has no text of its own, as a line break: its tail is the first text.
    for child in first:
        if child.tag not in ("br", "img", "input", "a", "span"):
            return
        if child.tail and not child.tail.isspace():
            child.tail = mark + child.tail.lstrip()
            return


def _numbers(each: HtmlElement, items: list[HtmlElement]) -> list[str]:
    if each.tag != "ol" or "list-style:none" in (each.get("style") or "").replace(" ", "").replace(
        "list-style-type", "list-style"
    ):
        return [""] * len(items)
    is_reversed = each.get("reversed") is not None
    number = _integer(each.get("start"), len(items) if is_reversed else 1)
    written = []
    for item in items:
        number = _integer(item.get("value"), number)
        written.append(_written(number, item.get("type") or each.get("type") or "1"))
        number += -1 if is_reversed else 1
    return written


def _integer(text: str | None, default: int) -> int:
    text = (text or "").strip()
    return (
        int(text) if text and text.lstrip("-").isascii() and text.lstrip("-").isdigit() and len(text) < 10 else default
    )


def _written(number: int, kind: str) -> str:
    if kind in ("a", "A") and 0 < number <= MOST:
        letters = ""
        while number:
            number, letter = divmod(number - 1, 26)
            letters = chr(ord(kind) + letter) + letters
        return letters
    if kind in ("i", "I") and 0 < number <= MOST:
        roman = ""
        for value, digits in _ROMAN:
            roman += digits * (number // value)
            number %= value
        return roman if kind == "i" else roman.upper()
    return str(number)
