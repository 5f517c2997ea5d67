"""Takes out of a parsed page the articles that endless scrolling put after the one that the page is about.

cut_next_articles(tree): where a heading repeats the page's title, and what it stands in is followed by siblings that look
like it, with a heading, a day or author and text of their own, these and all after them go. A page of several articles
has none that its title repeats, and stays.

Cost: 0.1 ms a page.
"""

import re

from lxml.html import HtmlElement  # type: ignore[import-untyped]

from corpus.pages.blocks import name_bits
from corpus.pages.boilerplate import squeezed

VERSION = 1

#: Characters that make an article.
ARTICLE_CHARACTERS = 300
_MOST_HEADINGS = 12
_BYLINE = name_bits("byline author date meta")
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
_LIKENESS = 0.5


def cut_next_articles(tree: HtmlElement) -> int:
    """Removes articles after the first; how many elements that were."""
    title = set(_WORD.findall((tree.findtext(".//title") or "").lower()))
    headings = [heading for tag in ("h1", "h2") for heading in tree.iter(tag)][:_MOST_HEADINGS]
    if not title or len(headings) < 2:
        return 0
    for heading in headings:
        words = set(_WORD.findall(heading.text_content().lower()))
        if len(words) >= 2 and len(words & title) >= _LIKENESS * len(words | title):
            return _cut_after(heading, title)
    return 0


def _cut_after(heading: HtmlElement, title: set[str]) -> int:
    article = heading
    while (parent := article.getparent()) is not None and parent.tag not in ("body", "html"):
        article = parent
        if _is_article(article, heading.tag):
            break
    following = [
        each
        for each in article.itersiblings()
        if each.tag == article.tag and _looks_like(each, article) and _is_article(each, heading.tag)
    ]
    following = [each for each in following if set(_WORD.findall(_heading_of(each, heading.tag).lower())) - title]
    if not following:
        return 0
    rest = [following[0], *following[0].itersiblings()]
    for each in rest:
        each.drop_tree()
    return len(rest)


def _heading_of(element: HtmlElement, tag: str) -> str:
    found = next(element.iter(tag), None)
    return found.text_content() if found is not None else ""


def _is_article(element: HtmlElement, heading: str) -> bool:
    """Whether it has such a heading, a day or author, and text."""
    if next(element.iter(heading), None) is None or len(squeezed(element.text_content())) < ARTICLE_CHARACTERS:
        return False
    return any(
        each.tag == "time"
        or each.get("itemprop") in ("datePublished", "author")
        or each.get("rel") == "author"
        or name_bits(each.get("class") or "") & _BYLINE
        for each in element.iter("time", "span", "div", "p", "a", "address", "li", "header")
        if each is not element
    )


def _looks_like(one: HtmlElement, other: HtmlElement) -> bool:
    if one.tag == "article":
        return True
    names, others = (set((each.get("class") or "").split()) for each in (one, other))
    return names == others or len(names & others) >= _LIKENESS * len(names | others)
