"""A parsed page → its title, its authors and the day it was published, as the page itself declares them.

Reads two kinds of elements, which a parser finds (`PageElements`), the second only where the first do not say; in this
order of trust:

title      `headline` of an article in JSON-LD; og:title and its like among the meta elements; an <h1> that <title> repeats;
           <title>; the first <h1>. The site's name beside a separator goes, where the page says what it is.
author     `author` of an article in JSON-LD; meta elements; an element marked rel or itemprop "author"; organisations last.
           As written, without "by". URLs, addresses, templates, the site itself and accounts ("admin") are none.
published  `datePublished` in JSON-LD; meta elements; the day in the path of the page's canonical URL; an element marked
           itemprop "datePublished" or <time pubdate>; the one day that all <time> elements name.

A date counts where year, month and day cannot be mistaken for each other (03/04/2015 can), from EARLIEST on. Its zone is
not looked at: the day is the publisher's.

The page is untrusted: JSON-LD, the elements looked at and the length of every value are bounded, and what comes out is one
line in normal form (corpus.text.normalisation). trafilatura's own `extract_metadata` costs as much as the extraction, and
its dates depend on the day on which it runs; how far the two agree: docs/extraction.md, `benchmarks/bench_metadata.py`.
"""

import datetime
import functools
import html
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from lxml.etree import XPath  # type: ignore[import-untyped]
from lxml.html import HtmlElement  # type: ignore[import-untyped]

from corpus.pages.main_text import PageMetadata
from corpus.text.normalisation import normal_line

VERSION = 1

TITLE_CHARACTERS = 500
AUTHOR_CHARACTERS = 200
EARLIEST = datetime.date(1990, 1, 1)

#: The names of the elements that declare something.
DECLARING = ("meta", "title", "h1", "script")

#: Of JSON-LD, all scripts of a page together.
JSON_CHARACTERS = 1 << 18
JSON_NODES = 500
#: Of meta elements, and of any other kind of value.
METAS = 500
MARKED = 10
VALUE_CHARACTERS = 4096

# fmt: off
_TITLE_METAS = (
    "og:title", "citation_title", "dc.title", "dcterms.title", "parsely-title", "sailthru.title", "headline",
    "twitter:title",
)
_AUTHOR_METAS = (
    "citation_author", "author", "article:author", "og:article:author", "dc.creator", "dcterms.creator",
    "parsely-author", "sailthru.author", "byl",
)
_DATE_METAS = (
    "article:published_time", "og:article:published_time", "datepublished", "citation_publication_date",
    "citation_date", "citation_online_date", "dc.date.issued", "dcterms.issued", "dcterms.created", "dc.date.created",
    "dc.date", "dcterms.date", "sailthru.date", "parsely-pub-date", "pubdate", "publishdate", "publish-date",
    "publish_date", "publication_date", "article.published", "article_date_original", "originalpublicationdate",
    "cxenseparse:recs:publishtime", "rnews:datepublished", "og:pubdate", "date",
)
# fmt: on
_SITE_METAS = ("og:site_name", "application-name")
_KNOWN = frozenset((*_TITLE_METAS, *_AUTHOR_METAS, *_DATE_METAS, *_SITE_METAS, "og:url"))

_ORGANISATION = re.compile(r"Organi[sz]ation$")
_ARTICLE = re.compile(r"(?:Article|Posting|Report|Recipe|Review|Chapter|Book|Thesis)$")
_MENTIONS = re.compile(r'"(?:headline|author|datePublished)"')
_WRAPPERS = ("//", "/*", "*/", "<![CDATA[", "]]>", "<!--", "-->", ";")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>")
_BY = re.compile(r"(?:(?:(?:written |posted )?by|von|par|por)\b:?|author:|作者[:：]?)\s*", re.IGNORECASE)
_NO_NAME = re.compile(r"://|www\.|@|[{}<>|]|\d{4}", re.IGNORECASE)
_ACCOUNTS = frozenset(
    ["admin", "administrator", "webmaster", "root", "editor", "author", "guest", "unknown", "staff", "user"]
)
_EDGES = " -–—|,;:·•/"
_ANCHORS = " ¶\uf0c1"  # of links to a heading itself, as documentation has them
_SEPARATORS = frozenset("-|–—·•:»«/_~")

_DATES = (
    re.compile(r"(?P<y>(?:19|20)\d\d)(?P<s>[-/.])(?P<m>\d\d?)(?P=s)(?P<d>\d\d?)(?!\d)"),
    re.compile(r"(?P<y>(?:19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)(?=\D|\d{6}(?!\d)|$)"),
    re.compile(r"(?P<y>(?:19|20)\d\d)\s?[年년]\s?(?P<m>\d\d?)\s?[月월]\s?(?P<d>\d\d?)\s?[日일]"),
    re.compile(
        r"(?:[A-Za-z]{3,9},?\s+)?(?P<d>\d\d?)(?:st|nd|rd|th)?\s+(?P<m>[A-Za-z]{3,9})\.?,?\s+(?P<y>(?:19|20)\d\d)\b"
    ),
    re.compile(
        r"(?:[A-Za-z]{3,9},?\s+)?(?P<m>[A-Za-z]{3,9})\.?\s+(?P<d>\d\d?)(?:st|nd|rd|th)?,?\s+(?P<y>(?:19|20)\d\d)\b"
    ),
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_IN_URL = re.compile(r"/(?P<y>(?:19|20)\d\d)[/-](?P<m>\d\d?)[/-](?P<d>\d\d?)(?:/|-|$)")


class Element(NamedTuple):
    """An element of whichever parser."""

    name: str
    get: Callable[[str], str | None]
    text: Callable[[], str]


class PageElements(Protocol):
    """What a parser finds in a page, in the page's order."""

    def declaring(self) -> Iterable[Element]:
        """Elements called DECLARING."""

    def marked(self) -> Iterable[Element]:
        """Elements called `time`, `a` of `rel` author, `link` of `rel` canonical, and any with an `itemprop`."""


class TreeElements:
    """Those of a tree of lxml."""

    _MARKED = XPath(
        "descendant::time | descendant::a[@rel='author'] | descendant::link[@rel='canonical'] | descendant::*[@itemprop]"
    )

    def __init__(self, tree: HtmlElement) -> None:
        self._tree = tree

    def declaring(self) -> Iterator[Element]:
        return map(self._element, self._tree.iter(*DECLARING))

    def marked(self) -> Iterator[Element]:
        return map(self._element, self._MARKED(self._tree))

    @staticmethod
    def _element(element: HtmlElement) -> Element:
        return Element(element.tag, element.get, element.text_content)


def page_metadata(page: PageElements) -> PageMetadata:
    """What a page says about itself."""
    found = _Declarations(page)
    return PageMetadata(
        title=next(found.titles(), None), author=next(found.authors(), None), published=next(found.days(), None)
    )


class _Declarations:
    """What the elements of a page declare, by where it stands."""

    def __init__(self, page: PageElements) -> None:
        self._page = page
        self.metas: defaultdict[str, list[str]] = defaultdict(list)
        self.texts: dict[str, list[Callable[[], str]]] = {"title": [], "h1": []}
        scripts: list[str] = []
        metas, room = METAS, JSON_CHARACTERS
        for name, get, text in page.declaring():
            if name == "meta":
                metas -= 1
                if metas >= 0 and (key := get("property") or get("name") or get("itemprop")):
                    key = key.strip().lower().replace("dc:", "dc.")
                    if key in _KNOWN and (value := get("content")):
                        self.metas[key].append(value[:VALUE_CHARACTERS])
            elif name == "script":
                if room > 0 and get("type") == "application/ld+json" and len(content := text()) <= room:
                    room -= len(content)
                    scripts.append(content)
            elif len(self.texts[name]) < MARKED:
                self.texts[name].append(text)
        self.nodes = list(_nodes(scripts))
        self.sites = {
            line.casefold() for name in _SITE_METAS for value in self.metas[name] if (line := one_line(value))
        }

    @functools.cached_property
    def marked(self) -> dict[str, list[str]]:
        """Values of marked elements."""
        found: dict[str, list[str]] = {"author": [], "datePublished": [], "time": [], "canonical": []}
        for name, get, text in self._page.marked():
            prop = get("itemprop")
            holds = {
                "author": prop == "author" or get("rel") == "author",
                "datePublished": prop == "datePublished" or get("pubdate") is not None,
                "time": name == "time",
                "canonical": name == "link" and get("rel") == "canonical",
            }
            for kind, values in found.items():
                if holds[kind] and len(values) < MARKED:
                    value = get("href") if name == "link" else get("datetime") or get("content") or text()
                    values.append((value or "")[:VALUE_CHARACTERS])
        return found

    # ------------------------------------------------------------------------------------------------ title

    def titles(self) -> Iterator[str]:
        for declared in (*self._articles("headline"), *self._metas(_TITLE_METAS)):
            if title := _without(one_line(declared), self.sites):
                yield title[:TITLE_CHARACTERS].rstrip()
        title = next((one_line(text()) for text in self.texts["title"]), "")
        headings = [one_line(text()).rstrip(_ANCHORS) for text in self.texts["h1"]]
        repeated = [
            heading for heading in headings if _is_part(heading, title) and heading.casefold() not in self.sites
        ]
        for line in (*sorted(repeated, key=len)[-1:], _without(title, self.sites), *headings):
            if line:
                yield line[:TITLE_CHARACTERS].rstrip()

    # ------------------------------------------------------------------------------------------------ author

    def authors(self) -> Iterator[str]:
        named = {node["@id"]: node for node in self.nodes if isinstance(node.get("@id"), str)}
        authors = [each for node in self.nodes if _is(node, _ARTICLE) for each in _objects(node.get("author"), named)]
        persons = [author["name"] for author in authors if not _is(author, _ORGANISATION)]
        yield from self._joined(persons)
        for meta in _AUTHOR_METAS:
            yield from self._joined(self.metas[meta])
        yield from self._joined(self.marked["author"][:1])  # a second is as often the same again, or "more of them"
        yield from self._joined(author["name"] for author in authors)

    def _joined(self, values: Iterable[str]) -> Iterator[str]:
        """The names among values, one after the other, where there are any and they fit."""
        names = {name.casefold(): name for value in values if (name := _name(value))}
        joined = "; ".join(name for folded, name in names.items() if folded not in self.sites)
        if 0 < len(joined) <= AUTHOR_CHARACTERS:
            yield joined

    # ------------------------------------------------------------------------------------------------ published

    def days(self) -> Iterator[str]:
        articles = sorted(self.nodes, key=lambda node: not _is(node, _ARTICLE))
        declared = [node["datePublished"] for node in articles if isinstance(node.get("datePublished"), str)]
        yield from filter(None, map(day_of, (*declared, *self._metas(_DATE_METAS))))
        yield from filter(None, map(_day_in, (*self.metas["og:url"], *self.marked["canonical"])))
        yield from filter(None, map(day_of, self.marked["datePublished"]))
        times = set(map(day_of, self.marked["time"]))
        if len(times) == 1:
            yield from filter(None, times)

    def _metas(self, names: tuple[str, ...]) -> Iterator[str]:
        for name in names:
            yield from self.metas[name]

    def _articles(self, key: str) -> Iterator[str]:
        for node in self.nodes:
            if _is(node, _ARTICLE) and isinstance(node.get(key), str):
                yield node[key]


def one_line(value: str) -> str:
    """A value on one line, in normal form, without tags and with its entities read (they come escaped twice)."""
    value = value[:VALUE_CHARACTERS]
    if "&" in value:
        value = html.unescape(value)
    if "<" in value:
        value = _TAG.sub("", value)
    return normal_line(value, at_most=VALUE_CHARACTERS)


def _without(title: str, sites: set[str]) -> str:
    """A title without the name of its site at either end."""
    folded = title.casefold()
    for site in sites:
        if len(folded) != len(title) or folded == site:
            continue
        if folded.endswith(site) and (head := title[: -len(site)].rstrip())[-1:] in _SEPARATORS:
            title = head[:-1].rstrip()
        elif folded.startswith(site) and (tail := title[len(site) :].lstrip())[:1] in _SEPARATORS:
            title = tail[1:].lstrip()
        folded = title.casefold()
    return title


def _is_part(heading: str, title: str) -> bool:
    """Whether a heading is all of a title, or a part of it that separators bound."""
    at = title.casefold().find(heading.casefold()) if heading else -1
    if at < 0:
        return False
    before, after = title[:at].rstrip(), title[at + len(heading) :].lstrip()
    return (not before or before[-1] in _SEPARATORS) and (not after or after[0] in _SEPARATORS)


def _name(value: str) -> str:
    line = one_line(value)
    if (by := _BY.match(line)) is not None:
        line = line[by.end() :]
    if len(line) > AUTHOR_CHARACTERS or _NO_NAME.search(line) or line.lower() in _ACCOUNTS:
        return ""
    return line.strip(_EDGES) if any(map(str.isalpha, line)) else ""


def _objects(value: Any, named: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The authors that a value of JSON-LD gives, each with a name: a name, an object, a reference to one, a list of these."""
    for entry in value[:MARKED] if isinstance(value, list) else [value]:
        author = {"name": entry} if isinstance(entry, str) else entry
        if isinstance(author, dict):
            author = author if "name" in author else named.get(str(author.get("@id")), {})
            if isinstance(author.get("name"), str):
                yield author


def _is(node: dict[str, Any], wanted: re.Pattern[str]) -> bool:
    """Whether a type of an object is one that is wanted."""
    kinds = node.get("@type")
    return any(
        isinstance(kind, str) and wanted.search(kind) for kind in (kinds if isinstance(kinds, list) else [kinds])
    )


def _nodes(scripts: list[str]) -> Iterator[dict[str, Any]]:
    """The objects of JSON-LD, without those inside others."""
    left = JSON_NODES
    for script in scripts:
        if not _MENTIONS.search(script):
            continue
        text = script.strip()
        for wrapper in _WRAPPERS:
            text = text.removeprefix(wrapper).removesuffix(wrapper).strip()
        try:
            stack: list[Any] = [json.loads(text, strict=False)]
        except (ValueError, RecursionError):
            continue
        while stack and left > 0:
            node = stack.pop()
            left -= 1
            if isinstance(node, list):
                stack += reversed(node[:JSON_NODES])
            elif isinstance(node, dict):
                yield node
                stack += [node[key] for key in ("@graph", "mainEntity", "mainEntityOfPage") if key in node]


def day_of(value: str) -> str | None:
    """The ISO day that a value begins with, None where it is none or could be another."""
    value = value[:VALUE_CHARACTERS].strip()
    for pattern in _DATES:
        match = pattern.match(value)
        if match is not None:
            return _day(match)
    return None


def _day_in(url: str) -> str | None:
    """The day in the path of a URL."""
    match = _IN_URL.search(url[:VALUE_CHARACTERS])
    return _day(match) if match is not None else None


def _day(match: re.Match[str]) -> str | None:
    month = match["m"]
    try:
        day = datetime.date(int(match["y"]), _MONTHS.get(month[:3].lower()) or int(month), int(match["d"]))
    except ValueError:
        return None
    return day.isoformat() if day >= EARLIEST else None
