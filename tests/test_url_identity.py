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
    ],
)
def test_two_pages(one: str, other: str) -> None:
    assert url_hash(one) != url_hash(other)


@pytest.mark.parametrize("url", [None, "", "http://[::1"])
def test_what_is_no_url_is_like_no_other(url: str | None) -> None:
    assert url_hash(url) == 0


@given(st.text())
def test_anything_has_a_hash(url: str) -> None:
    assert 0 <= url_hash(url) < 1 << 64
