"""Threads of many boards: every post, in order, once; nothing of boxes, floors, signatures, buttons."""

import pytest
import trafilatura

from corpus.pages.blocks import blocks_of
from corpus.pages.marks import plain
from corpus.pages.threads import find_posts
from corpus.pages.trafilatura_text import main_text
from thread_pages import PAGES, Asked, Post

WILLOW = "In the spring the willows along the river are the first trees to turn green, and children play under them until it is dark."
BOATS = "The old people say that the river used to be wide enough for boats, which came all the way up to the landing."
SHORT = "I do not agree, it was the drought."
RAIN = "Quite right, there was hardly any rain."
SNOW = (
    "When it has snowed in winter the roads are bad, so the town asks everybody to help with the clearing of the doors."
)
ASK = "Ask the town about the school."
BIKE, OIL, NO = (
    "自行车的链条老是掉，换了新的飞轮以后更严重了，请问各位有没有什么好办法？",
    "先看看后拨的限位螺丝，多半是调得太松了。",
    "上油没有用的。",
)
SPRING, THANKS = (
    "我去年也遇到过一样的问题，最后发现是弹簧断了，换一个就好，也就十几块钱的事情。",
    "谢谢楼上各位，已经修好了。",
)

THREADS = {
    "English": Asked(
        "Why is the river low?",
        (
            Post("anna77", (WILLOW, BOATS)),
            Post("old_bert", (SHORT,)),
            Post("carla", (RAIN,), ("old_bert", SHORT)),
            Post("dave_the_rave", (SNOW,)),
            Post("emil", (ASK,)),
        ),
    ),
    "Chinese": Asked(
        "链条老是掉怎么办",
        (
            Post("骑行小白", (BIKE,)),
            Post("老张修车", (OIL,)),
            Post("路过的人", (NO,), ("老张修车", OIL)),
            Post("山地豹", (SPRING,)),
            Post("骑行小白", (THANKS,)),
        ),
    ),
    "three posts": Asked(
        "A question of roads", (Post("u1", (SNOW, WILLOW)), Post("u2", (RAIN, ASK)), Post("u3", (BOATS,)))
    ),
}
JUNK = ("Joined", "Posts:", "Reply", "Like", "积分", "注册时间", "签名", "签名：", "楼主", "只看该作者", "signature", "Always signed", "My cars", "Signed,", "编辑", "Last edited", "Last Edit", "举报", "回应", "客户端", "初级粉丝", "permalink", "Member", "赞同", "Sig of", "Level", "q9", "k3")  # fmt: skip


def text_of(html: str) -> str:
    found = main_text(html)
    return plain(found.text) if found is not None else ""


@pytest.mark.parametrize("thread", THREADS)
@pytest.mark.parametrize("software", PAGES)
def test_a_thread_is_its_posts_in_order(software: str, thread: str) -> None:
    asked = THREADS[thread]
    text = text_of(PAGES[software](asked))
    said = [paragraph for post in asked.posts for paragraph in post.said]
    places = [text.find(paragraph) for paragraph in said]
    assert -1 not in places, f"lost: {[each for each, at in zip(said, places, strict=True) if at < 0]} of {text!r}"
    assert places == sorted(places)
    assert [text.count(paragraph) for paragraph in said] == [1] * len(said), text
    assert not [junk for junk in JUNK if junk in text], text
    assert len(text) < 1.25 * sum(map(len, said)) + 120, text


@pytest.mark.parametrize("software", ["Discuz!", "phpBB", "Stack Exchange", "Zhihu", "NodeBB"])
def test_posts_are_apart(software: str) -> None:
    asked = THREADS["English"]
    text = text_of(PAGES[software](asked))
    assert f"{SNOW}\n\n{ASK}" in text
    assert f"{WILLOW}\n{BOATS}" in text


@pytest.mark.parametrize("software", ["XenForo", "V2EX", "Douban"])
def test_the_title_of_a_thread_stands_before_it(software: str) -> None:
    asked = THREADS["English"]
    assert text_of(PAGES[software](asked)).startswith(asked.title)


def test_comments_under_an_article_stay_out() -> None:
    article = "".join(f"<p>{n}. {SNOW} {BOATS} {WILLOW}</p>" for n in range(6))
    comments = "".join(
        f'<li id="comment-{n}" class="comment"><div class="comment-author"><a href="/u{n}">user{n}</a></div><div class="comment-meta">March {n}, 2019 at 1:0{n} pm</div><div class="comment-content"><p>I say number {n}: {RAIN} {SHORT}</p></div></li>'
        for n in range(1, 9)
    )
    html = f'<html><head><title>The river</title></head><body><article><h1>The river</h1>{article}</article><div id="comments"><ol class="comment-list">{comments}</ol></div></body></html>'
    text = text_of(html)
    assert SNOW in text
    assert "I say number" not in text


def test_a_list_of_articles_is_no_thread() -> None:
    entries = "".join(
        f'<article class="post"><h2><a href="/{n}">What happened on day number {n} of the year</a></h2><div class="meta">by <span class="author">ann</span> May {n}, 2019</div><p>{SNOW}</p></article>'
        for n in range(1, 9)
    )
    tree = trafilatura.load_html(f"<html><body><main>{entries}</main></body></html>")
    assert tree is not None
    thread = find_posts(blocks_of(tree.find(".//body")))
    assert thread is None or not thread.sure
