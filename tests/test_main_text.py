"""Kinds of page, each by its rule; the setting that follows; pages that could break a rule."""

import re
from pathlib import Path

import pytest
import trafilatura
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml.html import HtmlElement

from corpus.pages.boilerplate import squeezed
from corpus.pages.charset import decode_page
from corpus.pages.marks import plain
from corpus.pages.page_kind import PageKind, is_chinese, is_discussion, kind_of
from corpus.pages.trafilatura_text import SETTINGS, first_text, main_text, prepared
from corpus.sources.read import read_split
from corpus.sources.records import Limits, Page, Split

DEMO = Path(__file__).resolve().parents[1] / "examples" / "demo"
WORD = re.compile(r"[^\W\d_]+")
SENTENCE = "The corpus is read from archives, page by page, and every page is counted once. "
CHINESE = "语料库从网页档案中逐页读取，每一页只计算一次，没有任何内容会悄悄丢失。"
JAPANESE = "コーパスはアーカイブから一ページずつ読み込まれ、すべてのページが一度だけ数えられます。"


def document(body: str, head: str = "") -> str:
    return f"<!DOCTYPE html>\n<html><head><title>Title</title>{head}</head><body>{body}</body></html>"


def paragraphs(text: str, count: int = 4) -> str:
    return "".join(f"<p>{number}. {text * 4}</p>" for number in range(count))


def tree_of(html: str) -> HtmlElement:
    tree = trafilatura.load_html(html)
    assert tree is not None
    return tree


def text_of(html: str) -> str:
    found = main_text(html)
    return plain(found.text) if found is not None else ""


ARTICLE = document(f'<div class="article-body">{paragraphs(SENTENCE)}</div>')


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (ARTICLE, PageKind.OTHER),
        (document(f"<article>{paragraphs(CHINESE, 9)}</article>"), PageKind.CHINESE),
        (document(f"<article>{paragraphs(CHINESE, 2)}</article>"), PageKind.OTHER),
        (document(f"<article>{paragraphs(JAPANESE, 9)}</article>"), PageKind.OTHER),
        (document("no paragraph at all"), PageKind.OTHER),
    ],
)
def test_the_kind_of_a_page(html: str, expected: PageKind) -> None:
    assert kind_of(tree_of(html)) is expected


@pytest.mark.parametrize(
    "html",
    [
        document(paragraphs(SENTENCE), '<meta name="generator" content="Discourse 3.2.0">'),
        document(paragraphs(CHINESE, 9), '<meta name="Generator" content="Discuz! X3.2">'),
        document(
            paragraphs(SENTENCE),
            '<script type="application/ld+json">{"@graph": [{"@type" : "DiscussionForumPosting"}]}</script>',
        ),
        document(paragraphs(SENTENCE), '<script type="application/ld+json">{"@type": ["WebPage", "QAPage"]}</script>'),
        document(f'<div itemscope itemtype="https://schema.org/QAPage">{paragraphs(SENTENCE)}</div>'),
        document('<div class="postbody">one</div><div class="x postbody">two</div>'),
        document('<table><tr><td id="postmessage_11">one<td id="postmessage_12">two</table>'),
        document('<article class="message message--post js-post">a</article>' * 2),
    ],
)
def test_a_discussion_is_told_by_its_markup(html: str) -> None:
    assert is_discussion(tree_of(html))
    assert kind_of(tree_of(html)) is PageKind.DISCUSSION


@pytest.mark.parametrize(
    "html",
    [
        ARTICLE,
        document(paragraphs(SENTENCE), '<meta name="generator" content="WordPress 6.4"><meta name="generator">'),
        document(f"<p>{SENTENCE} A forum on Discourse, a QAPage, a DiscussionForumPosting.</p>"),
        document('<article id="post-1" class="post">a</article><article id="post-2" class="post">b</article>'),
        document('<ol class="comment-list"><li id="comment-1">a<li id="comment-2">b</ol>'),
        document('<div class="postbody">only one</div>'),
        document('<div itemtype="https://schema.org/Comment">a</div>' * 3),
        document('<a id="answer-key">a</a><div id="answer-1b">b</div><div id="msg_">c</div>'),
    ],
)
def test_a_blog_with_comments_is_no_discussion(html: str) -> None:
    assert not is_discussion(tree_of(html))


@pytest.mark.parametrize(
    ("text", "expected"),
    [(CHINESE, True), (JAPANESE, False), (SENTENCE, False), ("", False), ("…—«»", False), (SENTENCE + "中文", False)],
)
def test_what_is_chinese(text: str, expected: bool) -> None:
    assert is_chinese([text]) is expected


def test_every_kind_has_a_setting() -> None:
    assert set(SETTINGS) == set(PageKind)


def test_a_discussion_keeps_its_posts_and_an_article_loses_its_comments() -> None:
    remarks = "".join(
        f'<div class="comment"><b class="user">reader{n}</b> <span class="date">2019-05-0{n}</span><p>The remark of reader {n}, which is long enough to be seen. {SENTENCE}</p></div>'
        for n in range(1, 5)
    )
    body = f'<h1>Title</h1><div class="article-body">{paragraphs(SENTENCE)}</div><div class="comments-list">{remarks}</div>'
    article = text_of(document(body))
    discussion = text_of(document(body, '<meta name="generator" content="phpBB">'))
    assert "remark of reader" not in article
    assert [n for n in range(1, 5) if f"remark of reader {n}" not in discussion] == []


def test_an_article_without_boilerplate_is_what_trafilatura_finds() -> None:
    assert text_of(ARTICLE) == trafilatura.extract(ARTICLE, fast=True, include_comments=False)


def test_documentation_loses_little_of_what_trafilatura_finds() -> None:
    """Pages whose menus are few: what is chosen has nearly every line that another algorithm finds, and headings beside."""
    lost = total = 0
    for page in demo_pages()[::20]:
        found = squeezed(text_of(page).replace("|", " "))
        lines = [squeezed(line.replace("|", " ")) for line in (trafilatura.extract(page, fast=True) or "").split("\n")]
        total += sum(map(len, lines))
        lost += sum(len(line) for line in lines if line not in found)
    assert lost <= 0.1 * total


@pytest.mark.parametrize(
    ("fast", "again", "expected"),
    [
        ("short", "longer " * 20, "longer " * 20),
        ("short", "short too", "short too"),
        ("short", "seven77", "short"),  # not LONGER
        ("short", "", "short"),
        ("", "x", "x"),
        ("long enough " * 60, "longer " * 200, "long enough " * 60),
    ],
)
def test_a_suspiciously_short_text_is_looked_for_again(
    fast: str, again: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trafilatura, "extract", lambda tree, **setting: fast if setting.get("fast") else again)
    page = tree_of(document(paragraphs(SENTENCE)))
    assert first_text(page, prepared(page)) == expected
    page = tree_of(document(f"<div>{SENTENCE * 9}</div>"))
    assert first_text(page, prepared(page)) == fast  # no paragraph holds more


def test_a_missed_lede_is_put_in_front() -> None:
    lede = "Every page of the crawl is read once, and what is lost on the way is counted and listed."
    html = document(
        f'<h1>Title</h1><div class="teaser">{lede}</div><div class="article-body">{paragraphs(SENTENCE)}</div>'
    )
    found = text_of(html)
    assert found.startswith(lede + "\n")
    assert lede not in (trafilatura.extract(html, fast=True, include_comments=False) or "")


def demo_pages() -> list[str]:
    pages = []
    for file in sorted(DEMO.glob("docs-*.warc.gz")):
        size = file.stat().st_size
        records = read_split(Split(0, "docs", "warc", str(file), 0, size, size), Limits(1 << 26, 1 << 26))
        pages += [decode_page(page.body, page.charset)[0] for page in records if isinstance(page, Page)]
    return pages


@pytest.mark.parametrize("html", ["", " ", "{}", "\0", "<!--", "<html></html>", "<p></p>", "just words"])
def test_what_is_no_page_has_no_text(html: str) -> None:
    assert not main_text(html)


@settings(deadline=None, max_examples=60)
@given(
    pieces=st.lists(
        st.sampled_from(
            [
                "<div class='postbody'>",
                "<p>",
                "<article>",
                "</article>",
                "</div>",
                "<!--",
                "-->",
                "<?pi?>",
                "文",
                "<svg>",
                "<meta name=generator>",
                "<script type='application/ld+json'>",
                "<title>",
                "<td id='pid1'>",
                "Some words.",
            ]
        ),
        max_size=30,
    )
)
def test_no_page_is_without_a_kind(pieces: list[str]) -> None:
    tree = trafilatura.load_html("<html><body>" + "".join(pieces))
    if tree is not None:
        assert kind_of(tree) in PageKind
