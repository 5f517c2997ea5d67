"""The lede of an article: where it is found, and what is none."""

import lxml.html
import pytest

from corpus.pages.lede import find_lede

LEDE = "Every page of the crawl is read once, and all that is lost on the way is counted and listed."
CHINESE_LEDE = "语料库从网页档案中逐页读取，每一页只计算一次，没有任何内容会悄悄丢失，也没有重复。"
BODY = "The corpus is read from archives, page by page, and every page is counted once, by the reader."
TEXT = f"{BODY}\nA second paragraph."


def found(above: str, head: str = "", *, body: str = f"<p>{BODY}</p>", text: str = TEXT) -> str | None:
    html = f"<html><head>{head}</head><body><nav class='intro'>{LEDE}</nav><h1>Title</h1>{above}{body}</body></html>"
    return find_lede(lxml.html.document_fromstring(html), text)


@pytest.mark.parametrize(
    "element",
    [
        f'<p class="article-lead">{LEDE}</p>',
        f'<div class="teaser-text news__teaser"><p>{LEDE}</p></div>',
        f'<h2 id="intro">{LEDE}</h2>',
        f'<div class="chapo"><script>var a = "x";</script>{LEDE}<style>p {{}}</style></div>',
        f'<div class="Vorspann">{LEDE[:38]}\n   <b>{LEDE[38:].strip()}</b></div>',
    ],
)
def test_a_named_lede_is_found(element: str) -> None:
    assert found(element) == LEDE


def test_a_lede_is_found_by_the_page_s_description() -> None:
    head = f'<meta property="og:description" content="{LEDE}">'
    assert found(f"<p>{LEDE}</p>", head) == LEDE
    assert found(f"<p>{LEDE}</p>") is None


def test_chinese_counts_twice_and_ends_in_its_own_stop() -> None:
    assert found(f'<p class="summary">{CHINESE_LEDE}</p>') == CHINESE_LEDE
    assert found(f'<p class="summary">{CHINESE_LEDE[:-1]}</p>') is None


@pytest.mark.parametrize(
    "element",
    [
        "",
        f'<p class="article-lead">{LEDE[:50]}.</p>',  # too short
        f'<p class="article-lead">{LEDE * 20}</p>',  # too long
        f'<p class="article-lead">{LEDE[:-1]}</p>',  # no sentence
        f'<p class="leading teasers">{LEDE}</p>',  # another word
        f'<p class="teaser"><a href="/x">{LEDE}</a></p>',
        f'<p class="teaser">{BODY}</p>',  # it is there already
    ],
)
def test_what_is_no_lede(element: str) -> None:
    assert found(element) is None


def test_nothing_before_the_heading_nor_after_the_beginning_of_the_body() -> None:
    lede = f'<p class="lead">{LEDE}</p>'
    html = f"<html><body>{lede}<h1>Title</h1><p>{BODY}</p>{lede}</body></html>"
    assert find_lede(lxml.html.document_fromstring(html), TEXT) is None
    assert find_lede(lxml.html.document_fromstring(html.replace("h1", "h2")), TEXT) is None


def test_a_text_that_is_nowhere_in_the_page_has_no_lede() -> None:
    assert (
        found(f'<p class="lead">{LEDE}</p>', text="Another text altogether, long enough to be looked for in the page.")
        is None
    )
    assert found(f'<p class="lead">{LEDE}</p>', text="short") is None
    assert find_lede(lxml.html.fragment_fromstring("<p>x</p>"), TEXT) is None


def test_the_body_may_begin_with_an_inline_element() -> None:
    assert found(f'<p class="lead">{LEDE}</p>', body=f"<p><b>{BODY[:20]}</b>{BODY[20:]}</p>") == LEDE
