"""The cheap screens before extraction: a page that fails one is a Loss with its reason, and never reaches a parser.

In this order: blocked URL, status, MIME type, empty or too large body; after decoding, for HTML: what its publisher asked
not to be used, too many start tags, too deep. Costs: nothing for pages without any; two passes over the markup, 0.1 ms.
"""

import re
from collections.abc import Collection

from corpus.reasons import Reason
from corpus.sources.records import Limits, Loss, Page
from corpus.text.block_list import NOTHING_BLOCKED, BlockList

VERSION = 1

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", ""})
PLAIN_TYPES = frozenset({"text/plain"})

#: What a robots meta element says → what it asks for.
_ASKS = {"noindex": "noindex", "none": "noindex", "noai": "noai"}
_START_TAG = re.compile(r"<[A-Za-z]")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]{0,40})")
_META = re.compile(r"<meta\b[^>]{0,2000}>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ATTRIBUTE = re.compile(r"""\b(name|content)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
#: Elements that have no end tag, or whose end tag may be left out: these close each other, and are not deep.
_UNCOUNTED = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
    | {"html", "head", "body", "p", "li", "dt", "dd", "option", "optgroup", "rb", "rt", "rtc", "rp"}
    | {"tr", "td", "th", "thead", "tbody", "tfoot", "caption", "colgroup"}
)


def screen(page: Page, limits: Limits, blocked: BlockList = NOTHING_BLOCKED) -> Loss | None:
    """Why the page is not worth a parse, or None."""
    entry = blocked.blocks(page.url)
    if entry is not None:
        return loss_of(page, Reason.BLOCKED_URL, entry[:150])
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


def opted_out(html: str, respect: Collection[str]) -> str | None:
    """Which of `respect` ("noindex", "noai") a robots meta element of the page asks for, or None."""
    if not respect or not any(_asked(tag) & set(respect) for tag in _META.findall(html)):
        return None
    # A comment is no markup; the rare page that seems to ask is looked at again without them.
    asked = {wish for tag in _META.findall(_COMMENT.sub("", html)) for wish in _asked(tag)}
    return next((wish for wish in sorted(respect) if wish in asked), None)


def _asked(tag: str) -> set[str]:
    attributes = {name.lower(): first or second or third for name, first, second, third in _ATTRIBUTE.findall(tag)}
    if attributes.get("name", "").strip().lower() != "robots":
        return set()
    words = re.split(r"[\s,;]+", attributes.get("content", "").lower())
    return {_ASKS[word] for word in words if word in _ASKS}


def too_much_markup(html: str, *, max_nodes: int, max_depth: int) -> tuple[Reason, str] | None:
    """Whether a page has more start tags, or more open elements at once, than is worth a parse.

    Counted on the text, comments and scripts included; elements whose end tag may be left out are not deep.
    """
    least = min(max_nodes, max_depth)
    if html.count("<") <= least:
        return None
    nodes = len(_START_TAG.findall(html))
    if nodes > max_nodes:
        return Reason.PAGE_TOO_MANY_NODES, f"{nodes} start tags; max_nodes is {max_nodes}"
    if nodes <= max_depth:
        return None
    depth = 0
    for end, name in _TAG.findall(html):
        if name.lower() in _UNCOUNTED:
            continue
        depth = max(0, depth - 1) if end else depth + 1
        if depth > max_depth:
            return Reason.PAGE_TOO_DEEP, f"over {max_depth} open elements"
    return None


def loss_of(page: Page, reason: Reason, detail: str) -> Loss:
    """The page as a loss."""
    return Loss(page.offset, page.length, reason, detail, page.url)
