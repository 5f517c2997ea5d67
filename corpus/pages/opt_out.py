"""What a page's publisher asked it not to be used for, by its HTTP header and its meta elements.

A source's `respect` names the wishes that count:

noindex  `noindex` or `none` of a robots rule
noai     `noai` of a robots rule (`noimageai` is about images, and none)
tdm      `tdm-reservation: 1`, the TDM Reservation Protocol (w3.org/2022/tdmrep)

A robots rule stands in `X-Robots-Tag` headers (`noindex, noai`; after `agent:` it is for that crawler alone, to the end of
the header) and in `<meta name="robots">`, or the name of a crawler. Those for all crawlers count, and those for the
crawlers of `respect_agents`: what is said to one never takes back what is said to all. Of `tdm-reservation` the meta
element supersedes the header, as the protocol has it (its "processing priority"); its file on the server is no part of
a page.

`extract` keeps all that a page asks (`asks_of`); which of it counts is decided late (`OptOuts.respected`).
Never raises. Cost: one search over the markup, 0.1 ms; linear in a page that is hostile.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator

from corpus.sources.records import OPT_OUT_HEADERS

VERSION = 2

NOINDEX, NOAI, TDM = "noindex", "noai", "tdm"

#: Words of a robots rule → what they ask for.
_ASKS = {"noindex": NOINDEX, "none": NOINDEX, "noai": NOAI}
_ROBOTS_HEADER, _TDM_NAME = OPT_OUT_HEADERS

# Neither holds a `<`: a search must not look through the same bytes for each of many beginnings.
_META = re.compile(r"<meta\b[^<>]{0,2000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\b(name|content)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s,;]+")
# `agent: rule`; a name holds no blanks, which tells it from the date of `unavailable_after`.
_AGENT = re.compile(r"\s*([A-Za-z0-9_.*-]{1,64})\s*:(.*)", re.DOTALL)
#: The name of a crawler as a meta element or a rule has it.
_CRAWLER = re.compile(r"[A-Za-z0-9_.*-]{1,64}")
#: An ask is `WHERE: wish`, `X-Robots-Tag: CRAWLER: wish` or `meta element CRAWLER: wish`.
_HEADER, _META_ELEMENT = "X-Robots-Tag", "meta element "
_RESERVED = "1"
#: Crawlers' wishes of one page that are kept: more are no page's that means it. What is said to all is kept in any case.
MAX_ASKS = 64
#: Rules with a value, which are no names of crawlers.
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


@dataclasses.dataclass(frozen=True, slots=True)
class OptOuts:
    """The wishes that a source respects, and the crawlers that it counts as its own."""

    respect: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()  # in lower case

    def respected(self, asks: str | None) -> str | None:
        """The first of a page's asks (`asks_of`) that counts, or None."""
        if not self.respect or not asks:
            return None
        return next((ask for ask in asks.split("\n") if self._counts(ask)), None)

    def asked(self, headers: Iterable[tuple[str, str]], html: str) -> str | None:
        """What a page asks for that is respected, in words, or None; `headers` are the page's of OPT_OUT_HEADERS."""
        return self.respected(asks_of(headers, html)) if self.respect else None

    def _counts(self, ask: str) -> bool:
        head, _, said = ask.rpartition(": ")
        if said == _RESERVED:
            return TDM in self.respect
        return said in self.respect and (_is_for_all(head) or _named_crawler(head) in self.agents)


NOTHING_RESPECTED = OptOuts()


def asks_of(headers: Iterable[tuple[str, str]], html: str) -> str | None:
    """Everything that a page asks not to be used for, whoever is asked, a line each; None where there is nothing.

    `X-Robots-Tag: noai`, `X-Robots-Tag: ccbot: noindex`, `meta element robots: noai`, `header tdm-reservation: 1`.
    """
    given = list(headers)
    asks = [
        f"{_HEADER}: {agent + ': ' if agent else ''}{wish}"
        for name, value in given
        if name == _ROBOTS_HEADER
        for agent, wish in _header_wishes(value)
    ]
    metas = _metas(html)
    asks += [
        f"{_META_ELEMENT}{name}: {wish}" for name, content in metas if name != _TDM_NAME for wish in _wishes(content)
    ]
    if (reserved := _reserved(given, metas)) is not None:
        asks.append(reserved)
    return "\n".join(_bounded(dict.fromkeys(asks))) or None


def _bounded(asks: Iterable[str]) -> Iterator[str]:
    """Asks less those for crawlers beyond the first MAX_ASKS."""
    named = 0
    for ask in asks:
        head, _, said = ask.rpartition(": ")
        if said != _RESERVED and not _is_for_all(head):
            named += 1
            if named > MAX_ASKS:
                continue
        yield ask


def _is_for_all(head: str) -> bool:
    """Whether a robots rule, without its wish, is for every crawler."""
    return head in (_HEADER, f"{_HEADER}: *", f"{_META_ELEMENT}robots")


def _named_crawler(head: str) -> str:
    """The crawler that a robots rule is for."""
    return head.removeprefix(_META_ELEMENT) if head.startswith(_META_ELEMENT) else head.partition(": ")[2]


def _metas(html: str) -> list[tuple[str, str]]:
    """(name, content) of the meta elements that can ask for something."""
    metas = _asking(html)
    # A comment is no markup; the rare page that seems to ask is looked at again without them.
    return _asking(_without_comments(html)) if metas and "<!--" in html else metas


def _asking(html: str) -> list[tuple[str, str]]:
    return [
        (name, content)
        for name, content in _named(_META.findall(html))
        if name == _TDM_NAME or (_CRAWLER.fullmatch(name) and _wishes(content))
    ]


def _header_wishes(value: str) -> Iterator[tuple[str, str]]:
    """(agent in lower case or "", wish) of an X-Robots-Tag header."""
    agent = ""
    for rule in value.split(","):
        named = _AGENT.fullmatch(rule)
        if named is not None and named.group(1).lower() in _VALUED:
            continue
        if named is not None:
            agent, rule = named.group(1).lower(), named.group(2)
        for wish in _wishes(rule):
            yield agent, wish


def _wishes(rules: str) -> list[str]:
    return [_ASKS[word] for word in _SEPARATORS.split(rules.lower()) if word in _ASKS]


def _reserved(headers: Iterable[tuple[str, str]], metas: list[tuple[str, str]]) -> str | None:
    """Whether rights are reserved, by the first of meta elements and headers that says so or the contrary."""
    for where, pairs in (("meta element", metas), ("header", headers)):
        said = {value.strip() for name, value in pairs if name == _TDM_NAME} & {"0", "1"}  # else it is unset
        if said:
            return f"{where} {_TDM_NAME}: {_RESERVED}" if "1" in said else None
    return None


def _named(tags: list[str]) -> Iterator[tuple[str, str]]:
    """(name in lower case, content) of meta elements."""
    for tag in tags:
        found = {name.lower(): first or second or third for name, first, second, third in _ATTRIBUTE.findall(tag)}
        if "name" in found:
            yield found["name"].strip().lower(), found.get("content", "")


def _without_comments(html: str) -> str:
    """The markup before, between and after comments; one without an end goes on to the end of the page."""
    parts, begin = [], 0
    while (comment := html.find("<!--", begin)) >= 0:
        parts.append(html[begin:comment])
        end = html.find("-->", comment + 2)  # `<!-->` is one
        begin = end + 3 if end >= 0 else len(html)
    return "".join([*parts, html[begin:]])
