"""Decoded HTML → main text: trafilatura in the setting that the page's kind asks for, between steps of our own.

1. The page is parsed once. Its kind decides the setting (corpus.pages.page_kind):
   DISCUSSION  default, with comments: there the comments are the content
   CHINESE     in favour of precision, without comments
   OTHER       `fast`, without comments
2. Boilerplate that trafilatura leaves is taken out of the tree (corpus.pages.boilerplate).
3. trafilatura extracts, in the time that corpus.pages.quick_trafilatura leaves it.
   Before it, what it would lose of code, formulas, lists and tables is written into the text (corpus.pages.protection).
4. What `fast` found SHORT of text on a page with more text in its paragraphs than that is looked for once more by default,
   whose other algorithms find what lies outside an article's usual frame; it counts if it is LONGER.
5. An article's lede that was missed is put in front (corpus.pages.lede).

What each step is worth, on which data: docs/extraction.md, `benchmarks/bench_extraction_quality.py`.
Cost: about 0.7 of trafilatura's own `fast`, which takes 10 ms a page of 50,000 characters.
"""

import logging
from typing import Any

import trafilatura
from lxml.html import HtmlElement  # type: ignore[import-untyped]

from corpus.pages.boilerplate import remove_boilerplate, squeezed
from corpus.pages.lede import find_lede
from corpus.pages.main_text import MainText
from corpus.pages.page_kind import PageKind, kind_of
from corpus.pages.page_metadata import TreeElements, page_metadata
from corpus.pages.protection import protect, without_own_marks
from corpus.pages.quick_trafilatura import quickened

VERSION = 4

#: Keywords of `trafilatura.extract` for each kind.
SETTINGS: dict[PageKind, dict[str, Any]] = {
    PageKind.DISCUSSION: {"include_comments": True},
    PageKind.CHINESE: {"favor_precision": True, "include_comments": False},
    PageKind.OTHER: {"fast": True, "include_comments": False},
}
#: Of a text that `fast` found and that is shorter, in characters, another is looked for.
SHORT = 500
#: What is found then counts where it is so many times as long.
LONGER = 1.5
AGAIN: dict[str, Any] = {"include_comments": False}

# It logs each page that it finds nothing in; that is counted elsewhere.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


def main_text(html: str, *, links: bool = False) -> MainText | None:
    """The page's main text, marked, or None where there is none. Raises whatever a page does to a parser."""
    with quickened():
        html = without_own_marks(html)
        tree = trafilatura.load_html(html)
        if tree is None:
            return None
        declared = page_metadata(TreeElements(tree))  # before the tree is changed
        text = _text_of(tree, html, links=links)
        return MainText(text, *declared) if text else None


def main_text_with_links(html: str) -> MainText | None:
    """The same with a mark for the address of each link."""
    return main_text(html, links=True)


def _text_of(tree: HtmlElement, html: str, *, links: bool) -> str | None:
    """The main text of a parsed page, marked (corpus.pages.marks); the tree is changed."""
    kind = kind_of(tree)
    remove_boilerplate(tree)
    kept = protect(tree, html, links=links)
    text: str = trafilatura.extract(tree, **SETTINGS[kind]) or ""
    if kind is PageKind.OTHER and len(text) < SHORT and _paragraph_characters(tree) > len(text):
        again: str = trafilatura.extract(tree, **AGAIN) or ""
        text = again if len(again) > LONGER * len(text) else text
    lede = find_lede(tree, text) if kind is not PageKind.DISCUSSION else None
    return kept.restored("\n".join(filter(None, (lede, text)))) or None


def _paragraph_characters(tree: HtmlElement) -> int:
    return sum(len(squeezed(paragraph.text_content())) for paragraph in tree.iter("p"))
