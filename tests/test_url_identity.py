"""Which URLs name one page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.urls.url_identity import url_hash


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://www.Example.com:80/a", "https://www.example.com/a/"),
        ("https://example.com/a?b=2&a=1", "https://example.com/a?a=1&b=2"),
        ("https://example.com/a?a=1&utm_source=x", "https://example.com/a?a=1"),
        ("https://example.com/a#top", "https://example.com/a"),
        ("https://example.com/\u4e2d", "https://example.com/%E4%B8%AD"),
        ("https://example.com/%7Euser/", "https://example.com/~user"),
        ("https://example.com/%e4%b8%ad", "https://example.com/%E4%B8%AD"),
        ("https://example.com/a/../b", "https://example.com/b"),
        ("https://example.com/a/%2E%2e/b", "https://example.com/b"),
        ("https://example.com/../../b", "https://example.com/b"),
        ("https://example.com/./a/./b/.", "https://example.com/a/b/"),
        ("https://example.com\\a\\b", "https://example.com/a/b"),
        ("https:\\\\example.com/a", "https://example.com/a"),
        ("https:/example.com/a", "https://example.com/a"),
        (" https://example.com/a\n", "https://example.com/a"),
        ("https://exa\tmple.com/a\r\nb", "https://example.com/ab"),
        ("HTTP://Example.COM:80/a", "https://example.com:443/a"),
        ("https://me:secret@example.com/a", "https://example.com/a"),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example"),
        ("https://B\u00dcCHER.example/", "https://xn--bcher-kva.example"),
        ("https://\u4f8b\u3048\u3002jp/", "https://xn--r8jz45g.jp/"),
        ("https://ex%61mple.com/", "https://example.com/"),
        ("https://example.com./a", "https://example.com/a"),
        ("http://0x7f.1/a", "http://127.0.0.1/a"),
        ("http://2130706433/a", "http://127.0.0.1/a"),
        ("http://0177.0.0.1/a", "http://127.0.0.1/a"),
        ("http://[0:0::1]/a", "http://[::1]:80/a"),
        ("https://example.com/a?q=x+y", "https://example.com/a?q=x%20y"),
        ("https://example.com/a//b", "https://example.com/a/b"),
        ("https://example.com/(a)", "https://example.com/%28a%29"),
    ],
)
def test_one_page(one: str, other: str) -> None:
    assert url_hash(one) == url_hash(other) != 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/a", "https://example.com/b"),
        ("https://example.com/a", "https://example.com/A"),
        ("https://example.com/?id=1", "https://example.com/?id=2"),
        ("https://example.com/#!/a", "https://example.com/#!/b"),
        ("https://a.example.com/", "https://b.example.com/"),
        ("https://example.com:8080/", "https://example.com/"),
        ("https://example.com/?12345", "https://example.com/?67890"),
        ("https://example.com/?a=", "https://example.com/?b="),
        ("https://example.com/a%2Fb", "https://example.com/a/b"),
        ("https://example.com/a%3Fb", "https://example.com/a?b"),
        ("https://stra\u00dfe.example/", "https://strasse.example/"),
    ],
)
def test_two_pages(one: str, other: str) -> None:
    assert url_hash(one) != url_hash(other)


@pytest.mark.parametrize(
    "url",
    [None, "", "http://[::1", "http://a b/", "http://x:99999/", "http://1.2.3.4.5/", "http://", "http://256.1.1.1/"],
)
def test_what_is_no_url_is_like_no_other(url: str | None) -> None:
    assert url_hash(url) == 0


@given(st.text())
def test_anything_has_a_hash(url: str) -> None:
    assert 0 <= url_hash(url) < 1 << 64
