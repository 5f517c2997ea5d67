"""Decoded HTML → main text, by resiliparse: several times as fast as corpus.pages.trafilatura_text, and less exact.

The other extractor of a recipe (`extract.extractor = "resiliparse"`). Its rules are resiliparse's own: navigation, side
bars, footers and forms go by their tags and classes; comments go too. The page's kind is not looked at. How much slower
or better the other one is: docs/extraction.md, `benchmarks/bench_extraction_quality.py`.
Hostile nesting makes its parser quadratic, so it belongs into the helper process.
"""

import functools
from collections.abc import Iterator

import trafilatura
from lxml import etree  # type: ignore[import-untyped]
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import ElementNode, HTMLTree

from corpus.pages.main_text import MainText
from corpus.pages.page_metadata import DECLARING, Element, page_metadata
from corpus.pages.protection import protect, without_own_marks

VERSION = 2


def main_content(html: str, *, links: bool = False) -> MainText | None:
    """The page's main text, marked, or None where there is none. Raises whatever a page does to a parser."""
    html = without_own_marks(html)
    tree = HTMLTree.parse(html)
    declared = page_metadata(ResiliparseElements(tree))
    # The form is written by lxml's tree, as for the other extractor: one set of rules for both.
    parsed = trafilatura.load_html(html)
    if parsed is not None:
        kept = protect(parsed, html, links=links)
        tree = HTMLTree.parse(etree.tostring(parsed, encoding="unicode", method="html"))
    text: str = extract_plain_text(
        tree, main_content=True, alt_texts=False, links=False, form_fields=False, comments=False
    )
    if parsed is not None:
        text = kept.restored(text)
    return MainText(text, *declared) if text else None


def main_content_with_links(html: str) -> MainText | None:
    """The same with a mark for the address of each link."""
    return main_content(html, links=True)


class ResiliparseElements:
    """corpus.pages.page_metadata.PageElements of a tree of resiliparse."""

    _DECLARING = ", ".join(DECLARING)
    _MARKED = "time, a[rel=author], link[rel=canonical], [itemprop]"

    def __init__(self, tree: HTMLTree) -> None:
        self._tree = tree

    def declaring(self) -> Iterator[Element]:
        return self._selected(self._DECLARING)

    def marked(self) -> Iterator[Element]:
        return self._selected(self._MARKED)

    def _selected(self, selector: str) -> Iterator[Element]:
        # Iterating over the collection itself looks for its members anew for each: 50 times as long.
        document = self._tree.document
        for node in document.query_selector_all(selector).values() if document is not None else ():
            yield Element(node.tag or "", node.getattr, functools.partial(_text, node))


def _text(node: ElementNode) -> str:
    return node.text or ""
