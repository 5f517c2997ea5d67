"""Boilerplate that goes before extraction, and what looks like it and stays."""

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.pages.boilerplate import PHRASES, remove_boilerplate

PARAGRAPH = "<p>The corpus is read from archives, page by page, and every page is counted once.</p>"


def text_after(body: str) -> tuple[int, str]:
    tree = lxml.html.document_fromstring(f"<html><body>{body}</body></html>")
    return remove_boilerplate(tree), " ".join(tree.text_content().split())


@pytest.mark.parametrize(
    "block",
    [
        '<div class="sharedaddy sd-sharing">Share this</div>',
        '<p class="article-copyright">All rights reserved.</p>',
        '<div id="breadcrumbs">Home / News</div>',
        '<section class="newsletter-box"><p>Never miss the news.</p></section>',
        '<div class="Werbung">Kauf mich.</div>',
        '<div class="tags"><div class="tags">twice</div></div>',
        '<p><a href="/other">Another article of the same site</a></p>',
        '<h3><b><a href="https://a.example/x">Another article</a></b></h3>',
        '<p class="copyright">© 2012 The Harbour Post.</p>',
        '<p class="copyright-note">本文版权所有，未经许可不得转载。</p>',
        '<p>See also: the old page on <a href="/a">ferries of the north</a></p>',
        '<p>Mehr zum Thema: <a href="/other">Ein anderer Artikel</a></p>',
        '<p><b>相关阅读：</b><a href="/other">另一篇文章的标题在这里</a></p>',
    ],
)
def test_boilerplate_goes_and_its_tail_stays(block: str) -> None:
    removed, text = text_after(PARAGRAPH * 6 + block + " tail" + PARAGRAPH)
    assert removed >= 1
    assert text == text_after(PARAGRAPH * 6 + " tail" + PARAGRAPH)[1]


@pytest.mark.parametrize(
    "block",
    [
        '<div class="copyrighted-not promotional">One.</div>',
        '<div class="heritage">tags in other words: Montagsheritage</div>',
        '<h2><a href="#section">A heading that links to itself</a></h2>',
        "<h2><a>A heading with an anchor inside</a></h2>",
        '<p><a href="/x">short</a></p>',
        f'<p><a href="/x">{"A long passage that is a link, as in old pages. " * 8}</a></p>',
        '<p>A sentence of an article with <a href="/x">a link</a> in its middle.</p>',
        '<p>Related work is discussed in the paper by <a href="/x">Doe</a>, section four.</p>',
        '<h2><a href="/releases/1.0">Version 1.0 of the planner</a></h2><p>It plans the crossings of a day.</p><h2><a href="/releases/2.0">Version 2.0 of the planner</a></h2><p>It plans those of a week.</p>',
        '<div><h2><a href="/2012/05/river" rel="bookmark">Why the river is low</a></h2><div>'
        + PARAGRAPH * 3
        + "</div></div>",
        '<div><header><h3><a href="/faq/1">When will the bridge be open?</a></h3></header><p>In the autumn of next year.</p></div>',
        '<div><h4><a href="/fn/beep">The Beep statement</a></h4><ul><li>Plays a sound.</li></ul></div>',
        '<p>A good reference document would be:</p><p><a href="https://a.example/x">The standard of 1996</a></p>',
        '<p><a href="https://elixir.example/linux/">https://elixir.example/linux/</a></p>',
        '<p>See also the work of <a href="/a">Miller and Novak</a> and the <a href="/b">survey of old ferries</a>.</p>',
        '<p>Related to this is the <a href="/a">question of ownership of the banks</a>.</p>',
        '<p class="copyright-note">This page is about how authors came by their rights.</p>',
        '<div class="tags">Nobody had written on the stones, and so nothing could be read.</div>',
        '<li><a href="/other">An item of a list of links</a></li>',
        '<ul><li><p><a href="/other">A paragraph in such an item</a></p></li></ul>',
        '<table><tr><td><p><a href="/other">A paragraph in a cell</a></p></td></tr></table>',
    ],
)
def test_what_looks_like_boilerplate_stays(block: str) -> None:
    removed, text = text_after(PARAGRAPH * 6 + block)
    assert removed == 0
    assert text == " ".join(
        lxml.html.document_fromstring(f"<body>{PARAGRAPH * 6}{block}</body>").text_content().split()
    )


def test_a_frame_with_the_name_of_boilerplate_stays() -> None:
    assert text_after(f'<div class="promo">{PARAGRAPH * 3}</div>{PARAGRAPH}')[0] == 0
    assert text_after(f'<div class="promo"><h1>Title</h1></div>{PARAGRAPH * 9}')[0] == 0


def test_a_page_without_a_body_is_left_alone() -> None:
    assert remove_boilerplate(lxml.html.fragment_fromstring("<div class='promo'>x</div>")) == 0


def test_phrases_are_lower_case_and_distinct() -> None:
    assert len(set(PHRASES)) == len(PHRASES)
    assert all(phrase == phrase.lower() for phrase in PHRASES)


@settings(deadline=None)
@given(
    pieces=st.lists(
        st.sampled_from(
            [
                "<div class=promo>",
                "</div>",
                "<p>",
                "<a href=/x>",
                "</a>",
                "<h2>",
                "words of a line, ",
                "<ul id=tags>",
                "<h1>",
                "<!--",
                "-->",
            ]
        ),
        max_size=30,
    )
)
def test_nothing_but_whole_elements_go(pieces: list[str]) -> None:
    tree = lxml.html.document_fromstring("<html><body>" + "".join(pieces) + "</body></html>")
    before = len(list(tree.iter()))
    removed = remove_boilerplate(tree)
    assert len(list(tree.iter())) <= before - removed
