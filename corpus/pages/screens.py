"""The cheap screens before extraction: a page that fails one is a Loss with its reason, and never reaches a parser.

In this order: status, MIME type, empty or too large body; after decoding, for HTML: too many start tags, too deep. Block lists and
opt-outs are none of them: they change more often than a crawl is read, and `select` judges them. Costs: nothing for pages
without any; two passes over the markup, 0.1 ms.
"""

from corpus.pages.markup import count_tags
from corpus.reasons import Reason
from corpus.sources.records import Limits, Loss, Page

VERSION = 3

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", ""})
PLAIN_TYPES = frozenset({"text/plain"})


def screen(page: Page, limits: Limits) -> Loss | None:
    """Why the page is not worth a parse, or None."""
    if page.status is not None and not 200 <= page.status < 300:
        return loss_of(page, Reason.HTTP_STATUS, str(page.status))
    if page.content_type not in HTML_TYPES and page.content_type not in PLAIN_TYPES:
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
