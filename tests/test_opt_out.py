"""Opt-outs of a page: robots rules of header and markup, for all crawlers or one, and the TDM Reservation Protocol."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.pages.main_text import Failure, MainText
from corpus.pages.opt_out import OptOuts
from corpus.pages.page_text import PageWork, PayloadCache, extract_page
from corpus.reasons import Reason
from corpus.sources.read import read_split
from corpus.sources.records import Limits, Loss, Page, Split

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
    """What is asked for; "" for nothing. The whole extraction has to say the same."""
    outs = OptOuts(respect, frozenset(agents))
    page = Page(5, 99, None, "http://a.example/", None, 200, "text/html", None, html.encode() or b"<p>", headers)
    found = extract_page(page, LIMITS, PageWork(Echo(), respect=outs))
    wish = outs.asked(headers, html)
    assert isinstance(found, Loss) == (wish is not None)
    if isinstance(found, Loss):
        assert (found.reason, found.detail) == (Reason.OPT_OUT, wish)
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
    work = PageWork(Echo(), respect=OptOuts(ALL))
    body = b"<meta name=robots content=noindex>"

    def plain(*headers: tuple[str, str]) -> MainText | Loss:
        return extract_page(Page(0, 9, None, None, None, 200, "text/plain", None, body, headers), LIMITS, work)

    assert plain() == MainText(body.decode())
    for header in (("x-robots-tag", "noindex"), ("tdm-reservation", "1")):
        found = plain(header)
        assert isinstance(found, Loss)
        assert found.reason is Reason.OPT_OUT


def test_the_same_body_under_another_header_is_another_payload() -> None:
    work = PageWork(Echo(), respect=OptOuts(ALL), cache=PayloadCache())
    pages = [
        Page(0, 9, None, None, None, 200, "text/html", None, b"<p>x", headers)
        for headers in ((), (("x-robots-tag", "noai"),), (), (("x-robots-tag", "noai"),))
    ]
    found = [extract_page(page, LIMITS, work) for page in pages]
    assert [isinstance(each, Loss) for each in found] == [False, True, False, True]


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


@given(
    html=st.text(max_size=60)
    | st.lists(st.sampled_from(["<meta ", "name=robots", "<!--", "-->", ">", "'"])).map("".join),
    value=st.text(max_size=40) | st.lists(st.sampled_from(["noai", ":", ",", " ", "a", "noindex"])).map("".join),
)
def test_nothing_raises(html: str, value: str) -> None:
    OptOuts(ALL, frozenset({"a"})).asked([("x-robots-tag", value), ("tdm-reservation", value)], html)
