"""What pages say about themselves: each place by its rank, both parsers alike, and nothing that a page can break or bloat."""

import datetime
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trafilatura
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree
from trafilatura.metadata import extract_metadata

from corpus.pages.charset import decode_page
from corpus.pages.main_text import PageMetadata
from corpus.pages.page_metadata import (
    AUTHOR_CHARACTERS,
    EARLIEST,
    JSON_CHARACTERS,
    MARKED,
    TITLE_CHARACTERS,
    Element,
    TreeElements,
    day_of,
    page_metadata,
)
from corpus.pages.resiliparse_text import ResiliparseElements
from corpus.sources.read import read_split
from corpus.sources.records import Limits, Page, Split

REPOSITORY = Path(__file__).resolve().parents[1]
DEMO = REPOSITORY / "examples" / "demo"
EXTRACTION = REPOSITORY.parent / "shared" / "data" / "extraction"


def declared(html: str) -> PageMetadata:
    """What both parsers find, which must be the same."""
    tree = trafilatura.load_html(html)
    assert tree is not None
    found = page_metadata(TreeElements(tree))
    assert page_metadata(ResiliparseElements(HTMLTree.parse(html))) == found
    return found


def page(head: str = "", body: str = "<p>Some words.</p>") -> str:
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"


def meta(**named: str) -> str:
    return "".join(f'<meta name="{name}" content="{content}">' for name, content in named.items())


def prop(name: str, content: str) -> str:
    return f'<meta property="{name}" content="{content}">'


def linked(*nodes: Any, graph: bool = False) -> str:
    data = {"@context": "https://schema.org", "@graph": list(nodes)} if graph else list(nodes)
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'


ARTICLE = {"@type": "NewsArticle", "headline": "Linked", "author": {"@type": "Person", "name": "Ann Lee"}}


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (page("<title>Only this</title>"), "Only this"),
        (page("", "<h1>One</h1><h1>Two</h1>"), "One"),
        (page("<title>Words of it | The Site</title>", "<h1>The Site</h1><h1>Words of it</h1>"), "Words of it"),
        (page("<title>Words of it</title>", "<h1>Logo</h1>"), "Words of it"),
        (page("<title>Home improvement</title>", "<h1>Home</h1>"), "Home improvement"),
        (page("<title>sax — Handlers — Manual</title>", "<h1>sax — Handlers<a href='#x'>¶</a></h1>"), "sax — Handlers"),
        (page(prop("og:title", "Graph") + "<title>Tab</title>", "<h1>Heading</h1>"), "Graph"),
        (page(prop("og:title", "Graph - Site") + prop("og:site_name", "SITE")), "Graph"),
        (page(prop("og:title", "Site: Graph") + prop("og:site_name", "Site")), "Graph"),
        (page(prop("og:title", "Site") + prop("og:site_name", "Site")), "Site"),
        (page(meta(citation_title="Cited") + "<title>Tab</title>"), "Cited"),
        (page(linked(ARTICLE) + prop("og:title", "Graph")), "Linked"),
        (page(linked({"@type": "WebPage", "headline": "No article"}) + "<title>Tab</title>"), "Tab"),
        (page('<meta name="DC.Title" content="Dublin">'), "Dublin"),
        (page('<meta name="DC:title" content="Dublin">'), "Dublin"),
        (page("<title> a \n\t b&amp;amp;c <b>d</b></title>"), "a b&c d"),
        (page("<title>ｅ\u0301 \u200b\u202e\x07x\u00ad</title>"), "ｅ\u0301 x"),
        (page("<title> \n </title>"), None),
        (page(), None),
        ("", None),
    ],
)
def test_titles(html: str, expected: str | None) -> None:
    if not html:
        assert trafilatura.load_html(html) is None
        return
    assert declared(html).title == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (page(linked(ARTICLE) + meta(author="Bo Mo")), "Ann Lee"),
        (page(linked({**ARTICLE, "author": ["By Ann Lee", {"name": "Bo Mo"}, {"name": "Ann Lee"}]})), "Ann Lee; Bo Mo"),
        (
            page(
                linked(
                    {"@type": ["Article", "BlogPosting"], "author": {"@id": "#p"}},
                    {"@type": "Person", "@id": "#p", "name": "Referred To"},
                    graph=True,
                )
            ),
            "Referred To",
        ),
        (page(linked({"@type": "WebPage", "author": "Nobody"})), None),
        (page(linked({**ARTICLE, "author": {"@type": "Organization", "name": "Org"}}) + meta(author="Bo Mo")), "Bo Mo"),
        (page(linked({**ARTICLE, "author": {"@type": "Organization", "name": "Org"}})), "Org"),
        (page(prop("og:site_name", "Org") + linked({**ARTICLE, "author": {"name": "ORG"}})), None),
        (page(meta(citation_author="Lee, Ann") + meta(citation_author="Mo, Bo")), "Lee, Ann; Mo, Bo"),
        (page(prop("article:author", "https://social.example/ann") + meta(byl="By Ann Lee")), "Ann Lee"),
        (page(meta(author="admin")), None),
        (page(meta(author="ann@a.example")), None),
        (page(meta(author="{{ author }}")), None),
        (page(meta(author="—")), None),
        (page(meta(author="李四 —")), "李四"),
        (page("", "<p>作者：李四</p><a rel=author href=/a>作者：李四</a><a rel=author>more of him</a>"), "李四"),
        (page("", '<div itemprop="author"><span itemprop="name">von Eva Maier</span></div>'), "Eva Maier"),
        (page(meta(author="x" * (AUTHOR_CHARACTERS + 1))), None),
        (page('<meta itemprop="author" content="Micro Data">'), "Micro Data"),
    ],
)
def test_authors(html: str, expected: str | None) -> None:
    assert declared(html).author == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (page(linked({**ARTICLE, "datePublished": "2019-05-06T23:30:00-05:00"})), "2019-05-06"),
        (
            page(
                linked({"@type": "WebPage", "datePublished": "2018-01-01"}, {**ARTICLE, "datePublished": "2019-05-06"})
            ),
            "2019-05-06",
        ),
        (page(linked({"@type": "WebPage", "datePublished": "2018-01-02"})), "2018-01-02"),
        (page(prop("article:published_time", "2020-02-29T00:00:00Z") + meta(date="2021-01-01")), "2020-02-29"),
        (page(prop("article:published_time", "soon") + meta(date="2021-01-01")), "2021-01-01"),
        (page(prop("article:modified_time", "2020-02-29")), None),
        (page(meta(citation_date="2015/3/4")), "2015-03-04"),
        (page('<link rel=canonical href="https://a.example/2014/01/31/x.html">'), "2014-01-31"),
        (page('<link rel=canonical href="https://a.example/2014/01/x.html">'), None),
        (page("", "<time pubdate datetime=2011-02-03>x</time><time datetime=2012-02-03>y</time>"), "2011-02-03"),
        (page("", '<span itemprop="datePublished" content="2011-02-03">yesterday</span>'), "2011-02-03"),
        (page("", "<time>Jan 5, 2010</time><time datetime='2010-01-05T10:00'>x</time>"), "2010-01-05"),
        (page("", "<time>Jan 5, 2010</time><time>Jan 6, 2010</time>"), None),
        (page("", "<p>Published on January 5, 2010.</p>"), None),
    ],
)
def test_days(html: str, expected: str | None) -> None:
    assert declared(html).published == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2020-02-29", "2020-02-29"),
        (" 2020.2.9 ", "2020-02-09"),
        ("20200229T101112", "2020-02-29"),
        ("20200229101112", "2020-02-29"),
        ("2020022910", None),
        ("2019-02-29", None),
        ("2020-13-01", None),
        ("1989-12-31", None),
        ("1990-01-01", "1990-01-01"),
        ("2020年2月9日 10:00", "2020-02-09"),
        ("2020년 2월 9일", "2020-02-09"),
        ("Sat, 29 Feb 2020 10:11:12 GMT", "2020-02-29"),
        ("29th Feb. 2020", "2020-02-29"),
        ("Saturday, February 29th, 2020", "2020-02-29"),
        ("Feb 29 2020", "2020-02-29"),
        ("29 Foo 2020", None),
        ("03/04/2015", None),
        ("1583000000", None),
        ("", None),
    ],
)
def test_a_day_is_one_that_cannot_be_another(value: str, expected: str | None) -> None:
    assert day_of(value) == expected


def sound(found: PageMetadata) -> bool:
    lines = [value for value in found[:2] if value is not None]
    assert len(found.title or "") <= TITLE_CHARACTERS
    assert len(found.author or "") <= AUTHOR_CHARACTERS
    for line in lines:
        assert line == " ".join(line.split()) != ""
        assert line.encode().decode() == line
        assert unicodedata.is_normalized("NFC", line)
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200e\u202a-\u202e]", line)
    assert found.published is None or datetime.date.fromisoformat(found.published) >= EARLIEST
    return True


@pytest.mark.parametrize(
    "html",
    [
        page(linked({**ARTICLE, "headline": "x" * JSON_CHARACTERS}) + "<title>Tab</title>"),
        page(f'<script type="application/ld+json">{{"headline":{"[" * 100_000}</script><title>Tab</title>'),
        page(f'<script type="application/ld+json">{{"author":{"9" * 9999}}}</script><title>Tab</title>'),
        page('<script type="application/ld+json">"author"</script><title>Tab</title>'),
        page(
            '<script type="application/ld+json">{"@graph": {"@graph": 1, "@type": {"headline": 1}}}</script><title>Tab'
        ),
        page(linked(*({"@id": f"#{n}", "@type": "Article", "author": {"@id": f"#{n}"}} for n in range(5000)))),
        page(linked({**ARTICLE, "headline": 7, "author": {"name": ["a"]}, "datePublished": {"@value": 1}})),
        page("<title>" + "x " * 500_000),
        page("", "<h1>" * 3000 + "Title"),
        page("", "<time>" * 3000 + "2010-01-05"),
        page("", "<span itemprop=author>" * 3000 + "Name"),
        page("".join(f'<meta name="author" content="N{n}">' for n in range(20_000))),
        page('<meta name="author" content="' + "- " * 100_000 + '">'),
        page("<title>\ud800</title>" + meta(author="\udfff x")),
        page("<title>&#xD800;\0\x1b[31m\u202egnp</title>"),
        page(meta(date="9" * 100_000)),
        page('<meta property="og:title"><meta content=x><meta name=author>'),
        page("<title>" + "a" + "\u0315\u0327" * 2000),
    ],
    ids=range(18),
)
def test_a_hostile_page_says_little(html: str) -> None:
    tree = trafilatura.load_html(html)
    assert tree is not None
    assert sound(page_metadata(TreeElements(tree)))


class ManyElements:
    """A page of very many elements that counts how often it is asked for the text of one."""

    texts = 0

    def _element(self, name: str, **attributes: str) -> Element:
        return Element(name, attributes.get, self._text)

    def _text(self) -> str:
        self.texts += 1
        return ""

    def declaring(self) -> list[Element]:
        scripts = [self._element("script", type="application/ld+json")] * 3
        return [*scripts, *(self._element(name) for name in ("title", "h1", "meta") for _ in range(5000))]

    def marked(self) -> list[Element]:
        props = ("author", "datePublished", "name")
        return [self._element("time", itemprop=prop) for prop in props for _ in range(5000)]


def test_few_elements_are_read() -> None:
    page = ManyElements()
    assert page_metadata(page) == PageMetadata()
    assert page.texts <= 3 + 5 * MARKED


PIECES = [
    *(
        "<title>",
        "</title>",
        "<h1>",
        "</h1>",
        "<time>",
        "<time datetime='2010-01-05'>",
        "</time>",
        "<a rel=author>",
        "</a>",
    ),
    *(
        "<meta name=author content='",
        "<meta property='og:title' content='",
        "<meta name=date content='",
        "'>",
        "\0",
        "\ud800",
    ),
    *(
        '<script type="application/ld+json">',
        "</script>",
        '{"@type":"Article","headline":"',
        '"author":[',
        '"}',
        "]",
        ",",
    ),
    *(
        "2020-01-05",
        "By ",
        "Ann",
        "文",
        "&amp;lt;",
        "<b>",
        "e\u0301",
        " \n ",
        "-",
        "<link rel=canonical href='/2010/1/5/'>",
    ),
]


@settings(deadline=None, max_examples=150)
@given(pieces=st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=30))
def test_no_page_raises(pieces: list[str]) -> None:
    tree = trafilatura.load_html("<html><body>" + "".join(pieces))
    if tree is not None:
        assert sound(page_metadata(TreeElements(tree)))


def pages_of(folder: Path, pattern: str, every: int) -> Iterator[str]:
    for file in sorted(folder.glob(pattern)):
        size = file.stat().st_size
        records = read_split(Split(0, "x", "warc", str(file), 0, size, size), Limits(1 << 26, 1 << 26))
        pages = [page for page in records if isinstance(page, Page)]
        yield from (decode_page(page.body, page.charset)[0] for page in pages[::every])


def test_demo_pages_have_titles_and_both_parsers_see_the_same() -> None:
    found = [declared(html) for html in pages_of(DEMO, "docs-*.warc.gz", 20)]
    assert len(found) >= 25
    assert all(map(sound, found))
    assert sum(each.title is not None for each in found) >= 0.95 * len(found)


@pytest.mark.skipif(not EXTRACTION.is_dir(), reason="no shared/data/extraction beside the repository")
def test_web_pages_agree_with_trafilatura_where_both_answer() -> None:
    """benchmarks/bench_metadata.py has the whole table; titles differ most by the name of the site."""
    same, both = {"author": 0, "date": 0}, {"author": 0, "date": 0}
    titles = contained = 0
    for html in pages_of(EXTRACTION, "pages.warc.gz", 8):
        tree = trafilatura.load_html(html)
        if tree is None:
            continue
        ours, theirs = page_metadata(TreeElements(tree)), extract_metadata(tree)
        for name, mine, other in (("author", ours.author, theirs.author), ("date", ours.published, theirs.date)):
            if mine and other:
                both[name] += 1
                same[name] += words(mine) <= words(other) if name == "author" else mine == other
        if ours.title and theirs.title:
            titles += 1
            contained += words(ours.title) <= words(theirs.title)
    assert titles >= 70
    assert contained >= 0.75 * titles
    assert same["author"] >= 0.8 * both["author"] > 20
    assert same["date"] >= 0.85 * both["date"] > 30


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))
