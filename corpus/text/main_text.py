"""Decoded HTML → main text, by trafilatura in the setting that the page's kind asks for (corpus.text.page_kind).

DISCUSSION  default, with comments: there the comments are the content
CHINESE     in favour of precision, without comments
OTHER       `fast`, without comments

The page is parsed once, looked at, then extracted in one setting; no setting is tried and given up. Which setting suits
which kind, what that is worth, and on what data: docs/extraction.md, `benchmarks/bench_extraction_quality.py`.
Cost: about 10 ms a page of the last kind, 14 ms of the others.
"""

import logging
from typing import Any

import trafilatura

from corpus.text.page_kind import PageKind, kind_of

VERSION = 2

#: Keywords of `trafilatura.extract` for each kind.
SETTINGS: dict[PageKind, dict[str, Any]] = {
    PageKind.DISCUSSION: {"include_comments": True},
    PageKind.CHINESE: {"favor_precision": True, "include_comments": False},
    PageKind.OTHER: {"fast": True, "include_comments": False},
}

# It logs each page that it finds nothing in; that is counted elsewhere.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


def main_text(html: str) -> str | None:
    """The page's main text, or None where there is none. Raises whatever a page does to a parser."""
    tree = trafilatura.load_html(html)
    if tree is None:
        return None
    text: str | None = trafilatura.extract(tree, **SETTINGS[kind_of(tree)])
    return text
