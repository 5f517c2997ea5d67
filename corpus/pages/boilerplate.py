"""What is taken out of a page's tree before its main text is looked for, beyond what trafilatura takes out.

remove_boilerplate(tree) removes, and counts:

- *Blocks whose class or id says so*: a word of NAMES (breadcrumbs, copyright lines, sharing and newsletter boxes,
  advertisements …), if they hold at most MOST of the page's characters and no `h1`: a page's frame may carry any name.
- *Cross-references*: paragraphs and headings of 12 to 250 characters that are a link and nothing else, or that begin with a
  phrase of PHRASES ("Read more", "Mehr zum Thema", "相关阅读" …) and are links for two fifths. Links to a place on the same
  page count for nothing: a heading is often one to itself. Items of lists and tables stay: a list of links may be the
  content.

Text after a removed element stays. Made on half A of the pages of docs/extraction.md; what it is worth on half B stands
there. Cost: 0.4 ms a page of 145,000 characters, less than it saves.
"""

import functools
import re

from lxml.html import HtmlElement  # type: ignore[import-untyped]

VERSION = 1

MOST = 0.15
CROSS_REFERENCE_CHARACTERS = range(12, 251)
ALL_LINKS = 0.9
MOSTLY_LINKS = 0.4

_BLOCKS = ("div", "section", "p", "ul", "ol", "nav", "span", "aside", "blockquote")
_LINES = ("p", "h2", "h3", "h4", "h5", "h6")
_ITEMS = frozenset({"li", "dd", "dt", "td", "th"})

NAMES = (
    "adblock", "ad-block", "advertisement", "advertisment", "affiliate", "anzeige", "article-reviewed", "breadcrumb",
    "breadcrumbs", "cookie-banner", "cookiebanner", "cookie-notice", "copyright", "footer-links", "footer-menu",
    "jetpack-likes-widget", "likes-widget", "linklist", "newsletter", "promo", "relatedposts", "sharedaddy", "tag-links",
    "tags", "trustbadge", "trust-badge", "werbung", "wp-embedded-content",
)  # fmt: skip
_NAME = re.compile(rf"(?:^|[\s_-])(?:{'|'.join(NAMES)})(?:$|[\s_-])", re.IGNORECASE)

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
        if len(element.text_content()) <= most and element.find(".//h1") is None and element.getparent() is not None:
            element.drop_tree()
            removed += 1
    return removed


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
        return True
    return sum(links) >= MOSTLY_LINKS * len(text) and _PHRASE.match(text) is not None


def squeezed(text: str) -> str:
    """Text with a space for every run of white space, and none at its ends."""
    return " ".join(text.split())


# Pages repeat their classes, and a site its pages: a look-up is a twentieth of a search.
@functools.lru_cache(maxsize=1 << 14)
def _is_named(value: str) -> bool:
    return _NAME.search(value) is not None
