"""What is taken out of a page's tree before its main text is looked for, beyond what trafilatura takes out.

remove_boilerplate(tree) removes, and counts:

- *Blocks whose class or id says so*: a word of NAMES (breadcrumbs, copyright lines, sharing and newsletter boxes,
  advertisements …), if they hold at most MOST of the page's characters and no `h1`: a page's frame may carry any name. A
  sentence that is about neither rights nor links stays in what is named for them.
- *Cross-references*: paragraphs and headings of 12 to 250 characters that are a link and nothing else, or a phrase of PHRASES
  ("Read more", "Mehr zum Thema", "相关阅读" …) with links right after it which are two fifths of it. Links to a place on the
  same page count for nothing: a heading is often one to itself. Stay: headings with a text of their own below (a title with
  its permalink, versions of a change log, questions); addresses, and what the paragraph before announces with a colon.
  Items of lists and tables stay: a list of links may be the content.

Text after a removed element stays. Made on half A of the pages of docs/extraction.md; what it is worth on half B stands
there. Cost: 0.4 ms a page of 145,000 characters, less than it saves.
"""

import functools
import re

from lxml.html import HtmlElement  # type: ignore[import-untyped]

from corpus.pages.marks import HEADINGS

VERSION = 2

MOST = 0.15
CROSS_REFERENCE_CHARACTERS = range(12, 251)
ALL_LINKS = 0.9
#: Characters between a phrase and its link: "Read more: ", "Related".
MOST_BETWEEN = 6
#: A heading leads a paragraph or list of so many characters, or a block of so many, of which so much at most is links.
OWN_TEXT, OWN_BLOCK, MOSTLY_TEXT = 12, 200, 0.3
MOST_WRAPPERS = 2
MOSTLY_LINKS = 0.4

_BLOCKS = ("div", "section", "p", "ul", "ol", "nav", "span", "aside", "blockquote")
_LINES = ("p", "h2", "h3", "h4", "h5", "h6")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_TEXT_BLOCKS = frozenset({"p", "ul", "ol", "dl", "pre", "table", "blockquote"})
_ADDRESS = re.compile(r"(?:https?|ftp)://|www\.|mailto:", re.IGNORECASE)
_ITEMS = frozenset({"li", "dd", "dt", "td", "th"})

NAMES = (
    "adblock", "ad-block", "advertisement", "advertisment", "affiliate", "anzeige", "article-reviewed", "breadcrumb",
    "breadcrumbs", "cookie-banner", "cookiebanner", "cookie-notice", "copyright", "footer-links", "footer-menu",
    "jetpack-likes-widget", "likes-widget", "linklist", "newsletter", "promo", "relatedposts", "sharedaddy", "tag-links",
    "tags", "trustbadge", "trust-badge", "werbung", "wp-embedded-content",
)  # fmt: skip
_NAME = re.compile(rf"(?:^|[\s_-])(?:{'|'.join(NAMES)})(?:$|[\s_-])", re.IGNORECASE)

#: Names that a sentence without links may bear all the same.
_SHARED = {"copyright", "breadcrumb", "breadcrumbs", "footer-links", "footer-menu", "linklist", "tag-links", "tags"}
_NAMED_FOR_MORE = re.compile(rf"(?:^|[\s_-])(?:{'|'.join(set(NAMES) - _SHARED)})(?:$|[\s_-])", re.IGNORECASE)
_RIGHTS = re.compile(
    r"©|\(c\)|&copy|copyright|rights reserved|reprint|licen[cs]ed|版权(?:所有|声明|归|歸|信息)|版權(?:所有|聲明|歸)|转载|轉載|著作权归|著作権|無断"
    r"|все права|urheberrecht|alle rechte|droits|derechos|wszelkie prawa|저작권",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’»)）」』]{0,2}$")
#: Characters of the shortest sentence.
PROSE = 15

PHRASES = (
    # English, German, French, Spanish, Portuguese, Italian
    "related", "read more", "read also", "read next", "see also", "also read", "more on", "recommended",
    "lesen sie auch", "lesen sie mehr", "lies auch", "mehr zum thema", "mehr dazu", "auch interessant", "weiterlesen", "schon gelesen",
    "lire aussi", "à lire", "a lire", "voir aussi",
    "le puede interesar", "te puede interesar", "lea también", "leer también", "lea además",
    "leia também", "leia mais", "veja também", "leggi anche",
    # Polish, Dutch, Swedish, Danish, Norwegian, Finnish, Russian
    "czytaj też", "czytaj także", "czytaj więcej", "zobacz", "przeczytaj", "lees ook", "läs också", "läs mer", "læs også", "les også", "lue myös",
    "читайте также", "смотрите также", "читать также",
    # Chinese, Japanese, Korean
    "相关阅读", "相關閱讀", "延伸阅读", "延伸閱讀", "推荐阅读", "推薦閱讀", "関連記事", "あわせて読みたい", "관련기사", "관련 기사",
)  # fmt: skip
_PHRASE = re.compile(rf"\W{{0,4}}(?:{'|'.join(PHRASES)})", re.IGNORECASE)


def remove_boilerplate(tree: HtmlElement) -> int:
    """Removes boilerplate from a tree; how many elements that were."""
    body = tree.find(".//body")
    return 0 if body is None else _remove_named(body) + _remove_cross_references(body)


def _remove_named(body: HtmlElement) -> int:
    named = [
        element
        for element in body.iter(*_BLOCKS)
        if ((value := element.get("class")) and _is_named(value)) or ((value := element.get("id")) and _is_named(value))
    ]
    if not named:
        return 0
    most = MOST * len(body.text_content())
    removed = 0
    for element in named:
        # One inside another goes with it. Sizes are of what is there before any went.
        text = element.text_content()
        if (
            len(text) <= most
            and element.find(".//h1") is None
            and element.getparent() is not None
            and not _is_prose(element, text)
        ):
            element.drop_tree()
            removed += 1
    return removed


def _is_prose(element: HtmlElement, text: str) -> bool:
    """Whether an element named for notices of rights or for links is a sentence of the text: without either."""
    text = squeezed(text)
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    if (
        len(text) < PROSE
        or not SENTENCE_END.search(text)
        or _NAMED_FOR_MORE.search(names)
        or element.find(".//a") is not None
    ):
        return False
    return _RIGHTS.search(text) is None


def _remove_cross_references(body: HtmlElement) -> int:
    found = [
        element
        for element in body.iter(*_LINES)
        if element.find(".//a") is not None and element.getparent().tag not in _ITEMS and _is_cross_reference(element)
    ]
    for element in found:
        element.drop_tree()
    return len(found)


def _is_cross_reference(line: HtmlElement) -> bool:
    text = squeezed(line.text_content())
    if len(text) not in CROSS_REFERENCE_CHARACTERS:
        return False
    links = [
        len(squeezed(link.text_content())) for link in line.iter("a") if not (link.get("href") or "#").startswith("#")
    ]
    if len(links) == 1 and links[0] >= ALL_LINKS * len(text):
        return not (_is_introduced(line, text) if line.tag == "p" else _leads(line))
    return sum(links) >= MOSTLY_LINKS * len(text) and _is_phrase_with_links(line, text)


def _is_phrase_with_links(line: HtmlElement, text: str) -> bool:
    """Whether a line is a phrase and what it refers to, no sentence with links in it."""
    phrase = _PHRASE.match(text)
    if phrase is None:
        return False
    link = squeezed(next(line.iter("a")).text_content())
    begin = text.find(link)
    between = text[phrase.end() : begin] if begin >= phrase.end() else ""
    return len(between.strip()) <= MOST_BETWEEN or ":" in between or "：" in between


def _is_introduced(paragraph: HtmlElement, text: str) -> bool:
    """Whether a paragraph that is one link is content: an address, or what the paragraph before announces."""
    if _ADDRESS.match(text):
        return True
    before = paragraph.getprevious()
    if before is None or before.tag != "p" or before.find(".//a") is not None:
        return False
    announced = squeezed(before.text_content())
    return announced.endswith((":", "：")) and _PHRASE.match(announced) is None


def _interrupts(heading: HtmlElement) -> bool:
    """Whether a heading is the only one of its level with a link among paragraphs that go on around it."""
    before = heading.getprevious()
    while before is not None and before.tag not in _HEADINGS and before.tag != "p":
        before = before.getprevious()
    if before is None or before.tag != "p":
        return False
    alike = [each for each in heading.getparent().iterchildren(heading.tag) if each.find(".//a") is not None]
    return len(alike) == 1


def _leads(heading: HtmlElement) -> bool:
    """Whether a heading has a text of its own below it, not only a date, a name or another link."""
    return not _interrupts(heading) and leads_text(heading)


def leads_text(heading: HtmlElement, wrappers: int = MOST_WRAPPERS) -> bool:
    """Whether what follows a heading, or so many elements that hold nothing else before it, is text, mostly without links."""
    if heading.tail and len(heading.tail.strip()) >= OWN_TEXT:
        return True
    following, level = heading.getnext(), heading
    for _ in range(wrappers):
        while following is not None and (not isinstance(following.tag, str) or not following.text_content().strip()):
            following = following.getnext()
        if following is not None:
            break
        level = level.getparent()
        if level is None or level.tag in ("body", *_ITEMS):
            return False
        if wrappers > MOST_WRAPPERS and len(level.text_content().strip()) > len(heading.text_content().strip()):
            return False
        following = level.getnext()
    if following is None or following.tag in _HEADINGS:
        return False
    text = squeezed(following.text_content())
    if text.startswith(tuple(HEADINGS)):  # a heading of the level below, already found to lead a text
        return True
    links = sum(len(squeezed(link.text_content())) for link in following.iter("a"))
    least = OWN_TEXT if following.tag in _TEXT_BLOCKS else OWN_BLOCK
    return len(text) >= least and links <= MOSTLY_TEXT * len(text)


def squeezed(text: str) -> str:
    """Text with a space for every run of white space, and none at its ends."""
    return " ".join(text.split())


# Pages repeat their classes, and a site its pages: a look-up is a twentieth of a search.
@functools.lru_cache(maxsize=1 << 14)
def _is_named(value: str) -> bool:
    return _NAME.search(value) is not None
