"""Records that are pages without saying so as responses do, and types that are not what was sent."""

import gzip
from pathlib import Path

import pytest

from corpus.pages.page_text import extract_page
from corpus.reasons import Reason
from corpus.sources.records import Item, Limits, Loss, NoPage, Page, Split, Text
from corpus.sources.warc import read_warc

LIMITS = Limits(16 << 20, 4 << 20)
WORDS = [
    "Der Fluss war früher breiter, sagen die alten Leute im Dorf. " * 3,
    "Im Winter liegt der Schnee auf den Dächern. " * 4,
]
HTML = f"<html><head><title>Fluss</title></head><body><h1>Der Fluss</h1><p>{WORDS[0]}</p><p>{WORDS[1]}</p></body></html>".encode()
PLAIN = "\n".join(WORDS).encode()


def items_of(
    folder: Path, kind: str, block: bytes, content_type: str | None, url: str = "http://a.example/p"
) -> list[Item]:
    typed = f"Content-Type: {content_type}\r\n" if content_type is not None else ""
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Record-ID: <urn:1>\r\n"
        f"WARC-Date: 2024-01-01T00:00:00Z\r\n{typed}Content-Length: {len(block)}\r\n\r\n"
    )
    file = folder / "t.warc"
    file.write_bytes(head.encode() + block + b"\r\n\r\n")
    size = file.stat().st_size
    return list(read_warc(Split(0, "web", "warc", str(file), 0, size, size), LIMITS))


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("resource", "text/html"),
        ("resource", "text/html; charset=utf-8"),
        ("resource", None),
        ("response", "text/html"),
        ("response", None),
        ("response", "application/http; msgtype=response"),
        ("conversion", "text/html"),
    ],
)
@pytest.mark.parametrize("lead", [b"", b"\n\n", b"<!-- a -->\n", b"\xef\xbb\xbf"])
def test_a_block_that_is_the_page_is_a_page(tmp_path: Path, kind: str, content_type: str | None, lead: bytes) -> None:
    (page,) = items_of(tmp_path, kind, lead + HTML, content_type)
    assert isinstance(page, Page)
    assert (page.url, page.status, page.record_id) == ("http://a.example/p", None, "<urn:1>")
    found = extract_page(page, LIMITS)
    assert not isinstance(found, Loss)
    assert "Schnee auf den Dächern" in found.text


def test_text_of_resources_and_conversions(tmp_path: Path) -> None:
    (page,) = items_of(tmp_path, "resource", PLAIN, "text/plain; charset=utf-8", "urn:text:https://a.example/q")
    assert isinstance(page, Page)
    assert (page.url, page.charset) == ("https://a.example/q", "utf-8")
    (text,) = items_of(tmp_path, "conversion", PLAIN, "text/plain")
    assert isinstance(text, Text)
    (latin,) = items_of(tmp_path, "resource", HTML.decode().encode("cp1252"), "text/html; charset=windows-1252")
    assert isinstance(latin, Page)
    found = extract_page(latin, LIMITS)
    assert not isinstance(found, Loss)
    assert "früher" in found.text


@pytest.mark.parametrize("kind", ["resource", "conversion", "response"])
@pytest.mark.parametrize("content_type", ["image/png", "application/pdf", "application/json"])
def test_what_holds_no_text_is_dropped_with_its_reason(tmp_path: Path, kind: str, content_type: str) -> None:
    (page,) = items_of(tmp_path, kind, b"\x89PNG or else", content_type)
    assert isinstance(page, Page)
    found = extract_page(page, LIMITS)
    assert isinstance(found, Loss)
    assert (found.reason, found.detail) == (Reason.MIME_TYPE, content_type)


def test_names_that_were_looked_up_are_no_pages(tmp_path: Path) -> None:
    (other,) = items_of(tmp_path, "response", b"20240101\na.example 1.2.3.4", "text/dns", "dns:a.example")
    assert isinstance(other, NoPage)
    (other,) = items_of(tmp_path, "metadata", b"fetchTimeMs: 12", "application/warc-fields")
    assert isinstance(other, NoPage)


def page_of(body: bytes, content_type: str) -> Page:
    return Page(0, len(body), None, "http://a.example/", None, 200, content_type, None, body)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/html, text/html",
        "text/xml",
        "application/octet-stream",
        "application/xml",
        "",
        "text/html,text/plain",
    ],
)
@pytest.mark.parametrize("lead", [b"", b"\n  ", b'<?xml version="1.0"?>\n', b"<!DOCTYPE html>", b"<!-- x -->"])
def test_html_is_parsed_whatever_type_it_was_sent_under(content_type: str, lead: bytes) -> None:
    found = extract_page(page_of(lead + HTML, content_type), LIMITS)
    assert not isinstance(found, Loss)
    assert "<p>" not in found.text
    assert "Schnee auf den Dächern" in found.text


@pytest.mark.parametrize(
    "text",
    [PLAIN, b"a < b and c > d. " * 20, b"Mail to <me@a.example> today. " * 8, "河边的柳树最先发芽。".encode() * 9],
)
def test_text_that_was_sent_as_html_is_kept(text: bytes) -> None:
    found = extract_page(page_of(text, "text/html"), LIMITS)
    assert not isinstance(found, Loss)
    assert len(found.text) > 0.5 * len(text.decode())


@pytest.mark.parametrize("text", [b"How to write <html> by hand: begin.", b"{}", b"x = 1\n<p>no page</p>"])
def test_text_about_html_stays_text(text: bytes) -> None:
    found = extract_page(page_of(text, "text/plain"), LIMITS)
    assert not isinstance(found, Loss)
    assert found.text == text.decode()


@pytest.mark.parametrize("content_type", ["text/xml", "application/octet-stream", "image/png"])
def test_other_data_is_no_page(content_type: str) -> None:
    for body in (b"<rss><channel/></rss>", b"\x00\x01\x02", b"GIF89a <html>"):
        found = extract_page(page_of(body, content_type), LIMITS)
        assert isinstance(found, Loss)
        assert found.reason is Reason.MIME_TYPE


def test_a_cut_body_says_so(tmp_path: Path) -> None:
    packed = gzip.compress(HTML * 20 + bytes(range(256)) * 20)
    block = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n" + packed[: len(packed) - 200]
    )
    (page,) = items_of(tmp_path, "response", block, "application/http; msgtype=response")
    assert isinstance(page, Page)
    assert page.cut
    assert page.body.startswith(HTML)
