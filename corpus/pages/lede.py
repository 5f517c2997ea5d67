"""The paragraph that opens an article above its body, which extractors take for a teaser of something else.

find_lede(tree, text): the page's lede where `text`, the main text that was found, lacks it; else None. The lede is the first
element that

- stands after the last `h1` before the body, and before the element that `text` begins with;
- is called so by a word of NAMES in its class or id (lead, intro, teaser, chapo, Vorspann …), or begins with what a `meta`
  element gives as the page's description;
- holds 60 to 1,500 characters (Han, kana and Hangul count twice), ends like a sentence, and is links for less than a third.

Made on half A of the pages of docs/extraction.md; what it is worth on half B stands there.
Cost: 0.3 ms a page; linear in what precedes the body.
"""

import functools
import re

from lxml.html import HtmlElement  # type: ignore[import-untyped]

from corpus.pages.blocks import weight
from corpus.pages.boilerplate import SENTENCE_END, squeezed
from corpus.pages.marks import HEADINGS, without_marks

VERSION = 1

LEAST_CHARACTERS, MOST_CHARACTERS = 60, 1500
LINKS = 0.3
#: So much of the text's first long line says where the body begins; a heading may be shorter.
BODY_LINE_CHARACTERS = 60
BODY_BEGINNING = 40
DESCRIPTION_BEGINNING = 50

NAMES = (
    "abstract", "anriss", "bajada", "chapeau", "chapo", "deck", "dek", "entradilla", "excerpt", "ingress", "intro",
    "introduction", "lead", "lede", "standfirst", "subhead", "subheadline", "sub-headline", "subtitle", "sumario", "summary",
    "teaser", "vorspann",
)  # fmt: skip
_NAME = re.compile(rf"(?:^|[\s_-])(?:{'|'.join(NAMES)})(?:$|[\s_-]|text)", re.IGNORECASE)
_DESCRIPTIONS = frozenset({"description", "og:description", "twitter:description"})
_HEADINGS_AND_BLOCKS = ("h1", "h2", "h3", "p", "div", "section", "header", "span", "strong", "ul", "li")
_NO_TEXT = ("script", "style", "noscript")


def find_lede(tree: HtmlElement, text: str) -> str | None:
    """The lede that is missing in `text`, squeezed to one line. Marks (corpus.pages.marks) in either are looked past."""
    body = tree.find(".//body")
    text = without_marks(text)
    beginning = next((line for line in map(squeezed, text.split("\n")) if len(line) >= BODY_LINE_CHARACTERS), None)
    if body is None or beginning is None:
        return None
    known = squeezed(text)
    for element in _above(body, beginning[:BODY_BEGINNING], _descriptions(tree)):
        marked = visible_text(element)
        candidate = without_marks(marked)
        if (
            _is_lede(element, candidate)
            and candidate[:BODY_BEGINNING] not in known
            and known[:BODY_BEGINNING] not in candidate
        ):
            return marked
    return None


def _above(body: HtmlElement, beginning: str, descriptions: tuple[str, ...]) -> list[HtmlElement]:
    """Elements that may be the lede; none where the body or a heading before it is not found."""
    found: list[HtmlElement] = []
    headed = False
    for element in body.iter(*_HEADINGS_AND_BLOCKS):
        tag = element.tag
        own = element.text
        if tag == "h1" or (tag == "p" and own and own.startswith(HEADINGS[0])):
            headed, found = True, []
            continue
        own = without_marks(own).lstrip() if own else ""
        if not own and tag == "p":  # it may begin with an inline element
            own = without_marks(element.text_content()).lstrip()
        start = squeezed(own[:200]) if own else ""
        if headed and (_is_called_lede(element) or (start and _begins_alike(start, descriptions))):
            found.append(element)
        if start and _begins_alike(start, (beginning,)):
            return found if headed else []
    return []


def _begins_alike(start: str, beginnings: tuple[str, ...]) -> bool:
    """Whether an element's own text, which an inline element may cut short, begins like one of the beginnings."""
    size = min(len(start), BODY_BEGINNING)
    return size >= BODY_BEGINNING // 2 and any(each[:size] == start[:size] for each in beginnings)


def _descriptions(tree: HtmlElement) -> tuple[str, ...]:
    found = (
        squeezed(meta.get("content") or "")[:DESCRIPTION_BEGINNING]
        for meta in tree.iter("meta")
        if (meta.get("name") or meta.get("property") or "").lower() in _DESCRIPTIONS
    )
    return tuple(each for each in found if len(each) >= BODY_BEGINNING)


def _is_called_lede(element: HtmlElement) -> bool:
    return any((value := element.get(name)) is not None and _is_name(value) for name in ("class", "id"))


def _is_lede(element: HtmlElement, text: str) -> bool:
    if len(text) > MOST_CHARACTERS or weight(text) < LEAST_CHARACTERS or SENTENCE_END.search(text) is None:
        return False
    return sum(len(squeezed(link.text_content())) for link in element.iter("a")) <= LINKS * len(text)


def visible_text(element: HtmlElement) -> str:
    """The element's text without scripts and styles, squeezed."""
    if all(element.find(f".//{tag}") is None for tag in _NO_TEXT):
        return squeezed(element.text_content())
    hidden = " or ".join(f"ancestor::{tag}" for tag in _NO_TEXT)
    return squeezed("".join(element.xpath(f".//text()[not({hidden})]")))


@functools.lru_cache(maxsize=1 << 14)
def _is_name(value: str) -> bool:
    return _NAME.search(value) is not None
