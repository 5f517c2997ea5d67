"""Opt-outs of a page: robots rules of header and markup, for all crawlers or one, and the TDM Reservation Protocol."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.pages.main_text import Failure, MainText
from corpus.pages.opt_out import MAX_ASKS, OptOuts, asks_of
from corpus.pages.page_text import PageWork, PayloadCache, extract_page
from corpus.sources.read import read_split
from corpus.sources.records import Limits, Loss, Page, Split
from reference_opt_out import reference_asked

LIMITS = Limits(max_record_bytes=64 << 20, max_page_bytes=1 << 20)
ALL = frozenset({"noindex", "noai", "tdm"})


class Echo:
    """An extractor that gives back what it is given."""

    restarts = 0

    def main_text(self, html: str) -> MainText | Failure | None:
        return MainText(f"text of {html}")

    def plain_text(self, html: str) -> str | Failure | None:
        return html


def asked(html: str, *headers: tuple[str, str], respect: frozenset[str] = ALL, agents: tuple[str, ...] = ()) -> str:
    """What is asked for that counts; "" for nothing. The whole extraction has to keep it."""
    outs = OptOuts(respect, frozenset(agents))
    page = Page(5, 99, None, "http://a.example/", None, 200, "text/html", None, html.encode() or b"<p>", headers)
    found = extract_page(page, LIMITS, PageWork(Echo()))
    assert isinstance(found, MainText)  # a wish never stops extraction
    wish = outs.asked(headers, html)
    assert outs.respected(found.opt_outs) == wish == reference_asked(outs, headers, html)
    return wish or ""


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<meta name="robots" content="noindex, nofollow">', "meta element robots: noindex"),
        ("<META CONTENT='NOAI' NAME=ROBOTS>", "meta element robots: noai"),
        ("<meta name=robots content=none />", "meta element robots: noindex"),
        ("<meta name=robots content=all><meta name=robots content=noindex>", "meta element robots: noindex"),
        ("<!----><meta name=robots content=noindex>", "meta element robots: noindex"),
        ("<!--><meta name=robots content=noindex><!-- -->", "meta element robots: noindex"),
        ("<meta name=robots content=index>", ""),
        ("<meta name=robots content=noimageindex>", ""),
        ("<meta name=robots content=noimageai>", ""),
        ("<meta name=robots>", ""),
        ("<meta name=description content=noindex>", ""),
        ("<meta name=googlebot content=noindex>", ""),
        ("<!-- <meta name=robots content=noindex> -->", ""),
        ("<!-- <meta name=robots content=noindex>", ""),
    ],
)
def test_robots_meta_elements(html: str, expected: str) -> None:
    assert asked(html) == expected


@pytest.mark.parametrize(
    ("value", "agents", "expected"),
    [
        ("noindex", (), "X-Robots-Tag: noindex"),
        ("NoFollow, NOAI", (), "X-Robots-Tag: noai"),
        ("none", (), "X-Robots-Tag: noindex"),
        ("*: noindex", (), "X-Robots-Tag: *: noindex"),
        ("noimageai, noimageindex, nofollow", (), ""),
        ("googlebot: noindex", (), ""),
        ("ccbot: noindex", ("ccbot",), "X-Robots-Tag: ccbot: noindex"),
        ("CCBot : noai", ("ccbot",), "X-Robots-Tag: ccbot: noai"),
        ("googlebot: nofollow, noindex", ("ccbot",), ""),
        ("googlebot: noindex, ccbot: noai", ("ccbot",), "X-Robots-Tag: ccbot: noai"),
        ("nofollow, googlebot: noindex", (), ""),
        ("noindex, googlebot: nofollow", (), "X-Robots-Tag: noindex"),
        ("unavailable_after: 25 Jun 2010 15:00:00 PST, noindex", (), "X-Robots-Tag: noindex"),
        ("unavailable_after: Friday, 25-Jun-10 15:00:00 UTC, noai", (), "X-Robots-Tag: noai"),
        ("max-snippet: -1, max-image-preview:large, noai", (), "X-Robots-Tag: noai"),
        ("", (), ""),
        (":::,,,: noindex", (), "X-Robots-Tag: noindex"),
    ],
)
def test_the_robots_header(value: str, agents: tuple[str, ...], expected: str) -> None:
    assert asked("", ("x-robots-tag", value), agents=agents) == expected


def test_each_of_several_headers_counts() -> None:
    headers = [("x-robots-tag", "googlebot: nofollow"), ("x-robots-tag", "noai")]
    assert asked("", *headers) == asked("", *reversed(headers)) == "X-Robots-Tag: noai"


def test_a_meta_element_for_a_named_crawler() -> None:
    html = "<meta name=CCBot content='noindex'>"
    assert asked(html) == ""
    assert asked(html, agents=("ccbot",)) == "meta element ccbot: noindex"
    # What is said to one crawler takes nothing back of what is said to all.
    assert asked("<meta name=ccbot content=all><meta name=robots content=noai>", agents=("ccbot",)) != ""


@pytest.mark.parametrize(
    ("html", "header", "expected"),
    [
        ("", "1", "header tdm-reservation: 1"),
        ("", " 1 ", "header tdm-reservation: 1"),
        ("", "0", ""),
        ("", "yes", ""),
        ("", None, ""),
        ("<meta name=tdm-reservation content=1>", None, "meta element tdm-reservation: 1"),
        ("<meta name='TDM-Reservation' content='1'>", "0", "meta element tdm-reservation: 1"),
        ("<meta name=tdm-reservation content=0>", "1", ""),
        ("<meta name=tdm-reservation content=maybe>", "1", "header tdm-reservation: 1"),
        ("<meta name=tdm-policy content='https://a.example/policy.json'>", None, ""),
        ("<!-- <meta name=tdm-reservation content=0> -->", "1", "header tdm-reservation: 1"),
    ],
)
def test_tdm_reservation(html: str, header: str | None, expected: str) -> None:
    """Of the protocol's two places in a response the later supersedes the earlier: markup the header."""
    headers = () if header is None else (("tdm-reservation", header),)
    assert asked(html, *headers) == expected


@pytest.mark.parametrize("wish", sorted(ALL))
def test_what_is_not_respected_is_not_looked_at(wish: str) -> None:
    html = "".join(f"<meta name=robots content={word}>" for word in ("noai", "noindex"))
    html += "<meta name=tdm-reservation content=1>"
    headers = [("x-robots-tag", "noai, noindex"), ("tdm-reservation", "1")]
    only = asked(html, *headers, respect=frozenset({wish}))
    assert ("tdm" if "tdm" in only else only.rpartition(" ")[2]) == wish
    assert asked(html, *headers, respect=frozenset()) == ""


def test_the_header_counts_for_plain_text_and_markup_in_it_does_not() -> None:
    body = b"How to ask: <meta name=robots content=noindex>"  # text, which does not begin as a page does

    def plain(*headers: tuple[str, str]) -> MainText | Loss:
        page = Page(0, 9, None, None, None, 200, "text/plain", None, body, headers)
        return extract_page(page, LIMITS, PageWork(Echo()))

    assert plain() == MainText(body.decode())
    for header, ask in (
        (("x-robots-tag", "noindex"), "X-Robots-Tag: noindex"),
        (("tdm-reservation", "1"), "header tdm-reservation: 1"),
    ):
        assert plain(header) == MainText(body.decode(), opt_outs=ask)


def test_the_same_body_under_another_header_is_another_payload() -> None:
    work = PageWork(Echo(), cache=PayloadCache())
    pages = [
        Page(0, 9, None, None, None, 200, "text/html", None, b"<p>x", headers)
        for headers in ((), (("x-robots-tag", "noai"),), (), (("x-robots-tag", "noai"),))
    ]
    found = [extract_page(page, LIMITS, work) for page in pages]
    asks = [each.opt_outs for each in found if isinstance(each, MainText)]
    assert asks == [None, "X-Robots-Tag: noai", None, "X-Robots-Tag: noai"]


def test_wishes_for_any_crawler_are_kept_whoever_is_respected() -> None:
    headers = [("x-robots-tag", "googlebot: noindex, ccbot: noai"), ("tdm-reservation", "1")]
    html = "<meta name=GPTBot content='noai, nofollow'><meta name=robots content=noindex><meta name=viewport content=x>"
    assert asks_of(headers, html) == "\n".join(
        (
            "X-Robots-Tag: googlebot: noindex",
            "X-Robots-Tag: ccbot: noai",
            "meta element gptbot: noai",
            "meta element robots: noindex",
            "header tdm-reservation: 1",
        )
    )
    assert asks_of([("x-robots-tag", "nofollow")], "<meta name=robots content=all>") is None
    # The same wish twice is one.
    assert asks_of([("x-robots-tag", "noai, noai")], "") == "X-Robots-Tag: noai"


def test_wishes_for_many_crawlers_are_bounded_and_push_out_none_for_all() -> None:
    html = "".join(f"<meta name=bot{number} content=noai>" for number in range(10 * MAX_ASKS))
    html += "<meta name=robots content=noindex><meta name=tdm-reservation content=1>"
    asks = (asks_of([], html) or "").split("\n")
    assert len(asks) == MAX_ASKS + 2
    assert asks[MAX_ASKS:] == ["meta element robots: noindex", "meta element tdm-reservation: 1"]
    assert OptOuts(frozenset({"tdm"})).respected("\n".join(asks)) == asks[-1]


@pytest.mark.parametrize("value", ["tdm-reservation: noindex", "robots: noindex", "*: noai, robots: noindex"])
def test_a_crawler_named_like_a_place_is_a_crawler(value: str) -> None:
    for respect in ({"tdm"}, {"noindex"}):
        assert asked("", ("x-robots-tag", value), respect=frozenset(respect)) == ""


def test_headers_of_an_archived_response(tmp_path: Path) -> None:
    content = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Robots-Tag: googlebot: nofollow\r\nTDM-Reservation: 1\r\n"
        b"x-robots-tag: noindex,\r\n  noai\r\nServer: x\r\n\r\n<p>text"
    )
    head = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\nContent-Length: %d\r\n\r\n"
    block = b"1 0 Test\nURL IP-address Archive-date Content-type Archive-length\n"
    first = b"filedesc://t.arc 0.0.0.0 20080430204825 text/plain %d\n" % len(block) + block + b"\n"
    line = b"http://a.example/ 1.2.3.4 20080430204826 text/html %d\n"
    stored = {"warc": head % len(content) + content + b"\r\n\r\n", "arc": first + line % len(content) + content}
    for kind, data in stored.items():
        file = tmp_path / kind
        file.write_bytes(data)
        found = read_split(Split(0, "s", kind, str(file), 0, len(data), len(data)), LIMITS)
        (page,) = [item for item in found if isinstance(item, Page)]
        assert page.opt_outs == (
            ("x-robots-tag", "googlebot: nofollow"),
            ("x-robots-tag", "noindex, noai"),
            ("tdm-reservation", "1"),
        )


@pytest.mark.parametrize("unit", ["<meta ", "<!--", "<!-- <meta name=robots content=noindex>", "<meta name=", "name "])
def test_hostile_markup_costs_linear_time(unit: str) -> None:
    """Looked through again from each comment or tag that does not end, a page of 16 MiB would take hours."""
    html = "<meta name=robots content=index>" + unit * ((4 << 20) // len(unit))
    started = time.perf_counter()
    OptOuts(ALL).asked((), html)
    assert time.perf_counter() - started < 30


WORDS = [
    "noindex",
    "noai",
    "none",
    "nofollow",
    "all",
    ":",
    ",",
    " ",
    "*",
    "robots",
    "ccbot",
    "tdm-reservation",
    "1",
    "0",
]
MARKUP = [*WORDS, "<meta ", "name=", "content=", "<!--", "-->", ">", "'", "<p>"]
METAS = [f"<meta name={name} content='{content}'>" for name in WORDS[8:12] for content in ("noai", "none", "1", "0")]


@given(
    html=st.text(max_size=60)
    | st.lists(st.sampled_from(MARKUP)).map("".join)
    | st.lists(st.sampled_from(METAS)).map("".join),
    values=st.lists(st.text(max_size=40) | st.lists(st.sampled_from(WORDS)).map("".join), max_size=2),
    reserved=st.sampled_from(["", "1", "0", " 1"]),
    respect=st.sets(st.sampled_from(sorted(ALL))),
    agents=st.sets(st.sampled_from(["ccbot", "gptbot"])),
)
def test_what_counts_is_what_the_plain_reading_says(
    html: str, values: list[str], reserved: str, respect: set[str], agents: set[str]
) -> None:
    """Nothing raises, and asks that are kept and judged later say what a look at the page itself says."""
    headers = [*(("x-robots-tag", value) for value in values), ("tdm-reservation", reserved)]
    outs = OptOuts(frozenset(respect), frozenset(agents))
    assert outs.asked(headers, html) == reference_asked(outs, headers, html)
