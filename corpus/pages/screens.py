"""The cheap screens before extraction: a page that fails one is a Loss with its reason, and never reaches a parser.

In this order: status, MIME type, empty or too large body; after decoding, for HTML: too many start tags, too deep. Block lists and
opt-outs are none of them: they change more often than a crawl is read, and `select` judges them. Costs: nothing for pages
without any; two passes over the markup, 0.1 ms.
"""

import re
from typing import Literal

from corpus.pages.markup import count_tags
from corpus.reasons import Reason
from corpus.sources.records import Limits, Loss, Page

VERSION = 4

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", ""})
PLAIN_TYPES = frozenset({"text/plain"})
#: What servers call anything, a page among it: only what begins as HTML does is one.
VAGUE_TYPES = frozenset(
    {
        "text/xml",
        "application/xml",
        "application/octet-stream",
        "unknown/unknown",
        "application/unknown",
        "*/*",
        "content/unknown",
    }
)
_SNIFFED_BYTES = 1 << 10
# As browsers tell HTML, and XHTML behind its declarations.
_BEGINS_AS_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]*+>\s*+|<!--(?>[^-]++|-(?!->))*+-->\s*+)*+<(?:!doctype\s++html|html|head|body|title|meta)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"<(?:!doctype|!--|/?(?:html|head|body|title|meta|link|script|style|p|div|span|a|br|hr|table|tr|td|li|ul|ol|dl|h[1-6]|img|font"
    r"|center|b|i|em|strong|pre|section|article|main|form|frameset|iframe|blockquote)\b)",
    re.IGNORECASE,
)


def kind_of(page: Page) -> Literal["html", "text"] | None:
    """How a page is to be read, by its declared type and its first bytes; None where it is of a type that holds no text."""
    # Two headers are joined with a comma.
    declared = page.content_type.partition(",")[0].strip()
    as_html = _BEGINS_AS_HTML.match(page.body, 0, _SNIFFED_BYTES) is not None
    if declared in PLAIN_TYPES:
        return "html" if as_html else "text"
    if declared in HTML_TYPES:
        return "html"
    return "html" if declared in VAGUE_TYPES and as_html else None


def is_markup(html: str) -> bool:
    """Whether what is declared as HTML has any element: a text without one is plain text."""
    return _MARKUP.search(html) is not None


def screen(page: Page, limits: Limits) -> Loss | None:
    """Why the page is not worth a parse, or None."""
    if page.status is not None and not 200 <= page.status < 300:
        return loss_of(page, Reason.HTTP_STATUS, str(page.status))
    if kind_of(page) is None:
        return loss_of(page, Reason.MIME_TYPE, page.content_type[:100])
    if not page.body.strip():
        return loss_of(page, Reason.EMPTY_BODY, "")
    if len(page.body) > limits.max_page_bytes:
        return loss_of(
            page, Reason.PAGE_TOO_LARGE, f"{len(page.body)} bytes; max_page_bytes is {limits.max_page_bytes}"
        )
    return None


def too_much_markup(html: str, *, max_nodes: int, max_depth: int) -> tuple[Reason, str] | None:
    """Whether a page has more start tags, or more open elements at once, than is worth a parse.

    Counted on the text, comments and scripts included; elements whose end tag may be left out are not deep.
    """
    if html.count("<") <= min(max_nodes, max_depth):
        return None
    nodes, too_deep = count_tags(html.encode("utf-8", "replace"), max_depth)
    if nodes > max_nodes:
        return Reason.PAGE_TOO_MANY_NODES, f"{nodes} start tags; max_nodes is {max_nodes}"
    return (Reason.PAGE_TOO_DEEP, f"over {max_depth} open elements") if too_deep else None


def loss_of(page: Page, reason: Reason, detail: str) -> Loss:
    """The page as a loss."""
    return Loss(page.offset, page.length, reason, detail, page.url)
