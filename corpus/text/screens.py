"""The cheap screens before extraction: a page that fails one is a Loss with its reason, and never reaches a parser."""

from corpus.reasons import Reason
from corpus.sources.records import Limits, Loss, Page

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


def loss_of(page: Page, reason: Reason, detail: str) -> Loss:
    """The page as a loss."""
    return Loss(page.offset, page.length, reason, detail, page.url)
