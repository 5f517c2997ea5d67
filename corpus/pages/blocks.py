"""A parsed page → its text blocks in order, each with where it stands: what corpus.pages.block_features counts.

blocks_of(tree): a block is text between two starts or ends of block elements, or between line breaks, white space
collapsed and marks (corpus.pages.marks) left out. Scripts, styles, forms' controls and what a style hides hold none. A block's *node* is the block element that it
stands in; nodes are numbered in the order of their start tags, a node's parent before it.

Cost: 2 ms a page of 50,000 characters; linear in the page.
"""

import dataclasses
import functools
import operator
import re

from lxml import etree  # type: ignore[import-untyped]
from lxml.html import HtmlElement  # type: ignore[import-untyped]

from corpus.pages.marks import KEPT, SEPARATOR, without_marks

VERSION = 1


def _names(line: str) -> frozenset[str]:
    return frozenset(line.split())


INLINE = _names(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark q rb rp rt ruby s "
    "samp small span strike strong sub sup time tt u var wbr nobr math"
)
NO_TEXT = _names(
    "script style noscript template select option button textarea svg iframe object embed canvas audio video "
    "head input datalist map area link meta"
)
#: Tags that say where a text stands, each a bit of `tags`.
TAGS = (
    "p", "li", "td", "div", "h1", "h2", "h3", "h4", "article", "main", "section", "nav", "header", "footer", "aside", "form",
    "table", "ul", "dl", "blockquote", "pre", "figure", "dd", "th", "center", "ol",
)  # fmt: skip
_TAG_BITS = {tag: 1 << n for n, tag in enumerate(TAGS)}
_TAG_BITS |= {
    tag: _TAG_BITS[like] for tag, like in (("h5", "h4"), ("h6", "h4"), ("dt", "dd"), ("figcaption", "figure"))
}

#: Words of a class or an id that say what a block is for, each line a bit of `names`: a name counts where a part of it
#: (of `postBody_x2`: post, body, x) begins with the word.
NAMES = (
    ("nav", "menu", "breadcrumb", "crumb", "pager", "pagin", "tab", "toolbar", "topbar", "navbar", "skip", "path", "location"),
    ("header", "foot", "footer", "masthead", "banner", "copyright", "logo", "head", "top", "bottom", "legal", "cookie"),
    ("sidebar", "side", "aside", "rail", "widget", "right", "left", "col", "column", "module", "box"),
    ("related", "relat", "recommend", "more", "popular", "hot", "latest", "rank", "tag", "tags", "link", "links", "list", "teaser", "next", "prev", "see"),
    ("comment", "comments", "disqus", "discuss", "respond", "reply", "review", "pinglun", "feedback"),
    ("share", "social", "follow", "subscribe", "newsletter", "sns", "bdshare", "tool", "tools", "print", "vote", "rating"),
    ("ad", "ads", "advert", "sponsor", "promo", "adsense", "gg", "guanggao", "banner", "commercial"),
    ("meta", "author", "byline", "date", "time", "source", "info", "credit", "caption", "pub", "editor", "photo", "pic"),
    ("article", "art", "content", "contents", "body", "text", "txt", "entry", "story", "main", "detail", "zoom", "cont", "news", "paragraph", "markdown", "prose"),
    ("post", "message", "topic", "thread", "answer", "question", "forum", "msg", "floor", "qa"),
    ("user", "username", "profile", "avatar", "signature", "sig", "member", "login", "poster", "quote", "nick", "nickname", "authi", "author"),
    ("title", "headline", "heading", "subject", "lead", "lede", "intro", "summary", "abstract", "desc", "description", "excerpt"),
    ("product", "price", "cart", "shop", "feature", "service", "hero", "card", "item", "section"),
)  # fmt: skip
#: A `noscript` of paragraphs with so many characters is text.
NOSCRIPT_CHARACTERS = 100
#: The bit of each line, by its first word.
NAME_BITS = {words[0]: 1 << n for n, words in enumerate(NAMES)}
#: The address of somebody's own page.
_USER_PAGE = re.compile(
    r"/(?:u|user|users|member|members|people|person|profile|space|home)[/?=.-]|space-uid|[?&]uid=|user\?id=|[?&]u=\d|/~\w",
    re.IGNORECASE,
)
_KEPT_KEY = re.compile(rf"{KEPT}\d+{SEPARATOR}")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)


@dataclasses.dataclass(slots=True)
class Blocks:
    """Blocks of a page, all lists of the same length but those of nodes."""

    texts: list[str] = dataclasses.field(default_factory=list)
    link_characters: list[int] = dataclasses.field(default_factory=list)
    links: list[int] = dataclasses.field(default_factory=list)
    nodes: list[int] = dataclasses.field(default_factory=list)  # the node that each block stands in
    marks: list[int] = dataclasses.field(default_factory=list)  # bits of NAMES of its inline elements
    marked: dict[int, str] = dataclasses.field(default_factory=dict)  # of blocks with marks: the text with them
    # of nodes
    parents: list[int] = dataclasses.field(default_factory=list)  # node 0 is its own
    tags: list[int] = dataclasses.field(default_factory=list)  # bits of TAGS
    names: list[int] = dataclasses.field(default_factory=list)  # bits of NAMES
    every_tag: list[int] = dataclasses.field(default_factory=list)  # with those of the nodes that it stands in
    every_name: list[int] = dataclasses.field(default_factory=list)
    depths: list[int] = dataclasses.field(default_factory=list)  # nodes that it stands in
    signatures: list[str] = dataclasses.field(default_factory=list)  # tag and class
    identities: list[str] = dataclasses.field(default_factory=list)  # id, or ""
    elements: list[HtmlElement] = dataclasses.field(default_factory=list)
    begins: list[int] = dataclasses.field(default_factory=list)  # first block
    ends: list[int] = dataclasses.field(default_factory=list)  # after its last block


def blocks_of(tree: HtmlElement) -> Blocks:
    """The blocks of a page's body; of an element without one, all its blocks."""
    body = tree.find(".//body")
    body = tree if body is None else body
    found = Blocks()
    walker = etree.iterwalk(body, events=("start", "end"))
    pieces: list[str] = []
    open_nodes: list[int] = []
    link_depth = link_characters = links = marks = 0
    texts, nodes = found.texts, found.nodes

    def flush() -> None:
        nonlocal link_characters, links, marks
        if pieces:
            joined = "".join(pieces)
            text = squeezed = " ".join(joined.split())
            if not text.isascii():
                text = unmarked(squeezed)
            if text:
                if text != squeezed:
                    found.marked[len(texts)] = squeezed
                texts.append(text)
                nodes.append(open_nodes[-1])
                found.link_characters.append(min(link_characters, len(text)))
                found.links.append(links)
                found.marks.append(marks)
            pieces.clear()
        link_characters = links = marks = 0

    for event, element in walker:
        tag = element.tag
        if tag in INLINE:
            link = tag == "a" and element.get("href") is not None
            if event == "start":
                if link:
                    link_depth += 1
                    links += 1
                    if _USER_PAGE.search(element.get("href")):
                        marks |= NAME_BITS["user"]
                if names := element.get("class"):
                    marks |= name_bits(names)
                if _is_hidden(element):
                    walker.skip_subtree()
                    continue
                text = element.text
            else:
                link_depth -= link
                text = element.tail
        elif tag.__class__ is not str or (tag in NO_TEXT and not (tag == "noscript" and _is_page(element))):
            if event == "start":
                walker.skip_subtree()
                continue
            text = element.tail
        elif tag == "br" or (_is_hidden(element) and element is not body):
            if event == "start":
                flush()
                walker.skip_subtree()
                continue
            text = element.tail
        else:
            flush()
            if event == "start":
                open_nodes.append(_open(found, element, tag, open_nodes[-1] if open_nodes else 0))
                text = element.text
            else:
                found.ends[open_nodes.pop()] = len(texts)
                text = element.tail
        if text and open_nodes:
            pieces.append(text)
            if link_depth:
                link_characters += len(text)
    return found


def tag_bits(*tags: str) -> int:
    """Bits of TAGS."""
    return functools.reduce(operator.or_, map(_TAG_BITS.__getitem__, tags))


def _open(found: Blocks, element: HtmlElement, tag: str, parent: int) -> int:
    """Adds a node; its number."""
    names, identity = element.get("class"), element.get("id")
    found.parents.append(parent)
    tags = _TAG_BITS.get(tag, 0)
    bits = (name_bits(names) if names else 0) | (name_bits(identity) if identity else 0)
    first = len(found.parents) == 1
    found.tags.append(tags)
    found.names.append(bits)
    found.every_tag.append(tags if first else tags | found.every_tag[parent])
    found.every_name.append(bits if first else bits | found.every_name[parent])
    found.depths.append(0 if first else found.depths[parent] + 1)
    found.signatures.append(f"{tag} {names}" if names else tag)
    found.identities.append(identity or "")
    found.elements.append(element)
    found.begins.append(len(found.texts))
    found.ends.append(0)
    return len(found.parents) - 1


def _is_page(noscript: HtmlElement) -> bool:
    """Whether it holds what scripts would make: some forums have their posts there alone."""
    return next(noscript.iter("p", "article"), None) is not None and len(noscript.text_content()) >= NOSCRIPT_CHARACTERS


def _is_hidden(element: HtmlElement) -> bool:
    """Whether a style hides it, or it is the noise that forums put between words."""
    style = element.get("style")
    return (style is not None and _HIDDEN.search(style) is not None) or element.get("class") == "jammer"


def unmarked(text: str) -> str:
    """The text without marks (corpus.pages.marks), and of what was put aside the words alone."""
    return without_marks(_KEPT_KEY.sub("", text) if KEPT in text else text).strip()


def weight(text: str) -> int:
    """Characters, those of scripts without spaces twice."""
    return len(text) + (0 if text.isascii() else len(_WIDE.findall(text)))


@functools.lru_cache(maxsize=1 << 14)
def name_bits(value: str) -> int:
    """Bits of NAMES that a class or id has."""
    bits = 0
    for part in map(str.lower, _PART.findall(value)):
        bits |= _part_bits(part)
    return bits


@functools.lru_cache(maxsize=1 << 14)
def _part_bits(part: str) -> int:
    return sum(1 << n for n, words in enumerate(NAMES) if part in words or (len(part) > 3 and part.startswith(words)))
