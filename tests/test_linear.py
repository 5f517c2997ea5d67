"""No input that a reader, a decoder or the URLs' form take more than linear time for: a family a kind of attack, at n, 2n, 4n."""

import contextlib
import gzip
import itertools
from collections.abc import Callable
from pathlib import Path

import brotli
import lz4.frame
import pytest
import zstandard

from corpus.sources.http_body import BodyError, decode_body
from corpus.sources.read import read_split
from corpus.sources.records import Limits, Split
from corpus.urls.url_identity import site_hash, url_hash
from linearity import assert_linear

MAX_BYTES = 64 << 20


def gzip_members(size: int, content: bytes = b"") -> bytes:
    member = gzip.compress(content, mtime=0)
    return member * (size // len(member))


def zstd_frames(size: int, content: bytes = b"") -> bytes:
    frame = zstandard.compress(content)
    return frame * (size // len(frame))


def names_without_end(size: int) -> bytes:
    """Headers of gzip members whose names no NUL ends: each runs to the end of the file."""
    return b"\x1f\x8b\x08\x08aaaaaa" * (size // 10)


# ------------------------------------------------------------------------------------------------ HTTP bodies

BODIES: dict[str, tuple[str, str, Callable[[int], bytes]]] = {
    "empty gzip members": ("", "gzip", gzip_members),
    "gzip members of a byte": ("", "gzip", lambda n: gzip_members(n, b"a")),
    "gzip members in garbage": ("", "gzip", lambda n: gzip.compress(b"") + b"\x1f\x8b" * (n // 2)),
    "gzip names": ("", "gzip", names_without_end),
    "gzip in gzip of members": ("", "gzip, gzip", lambda n: gzip.compress(gzip_members(n))),
    "empty zstd frames": ("", "zstd", zstd_frames),
    "zstd frames of a byte": ("", "zstd", lambda n: zstd_frames(n, b"a")),
    "stored blocks of nothing": ("", "deflate", lambda n: b"\0\0\0\xff\xff" * (n // 5)),
    "brotli of zeros": ("", "br", lambda n: brotli.compress(bytes(n), quality=1)),
    "chunks of a byte": ("chunked", "", lambda n: b"1\r\na\r\n" * (n // 6)),
    "chunks of nothing but sizes": ("chunked", "", lambda n: b"1\n" * (n // 2)),
    "blanks before a chunk": ("chunked", "", lambda n: b"1\r\na\r\n" + b" " * n),
    "an extension without end": ("chunked", "", lambda n: b"1;" + b"a" * n),
    "codings": ("", "gzip", lambda n: b"a" * n),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies(name: str) -> None:
    transfer, coding, make = BODIES[name]

    def run(body: bytes) -> None:
        with contextlib.suppress(BodyError):
            decode_body(body, transfer_encoding=transfer, content_encoding=coding, max_bytes=MAX_BYTES)

    assert_linear(make, run, size=200_000)


# ------------------------------------------------------------------------------------------------ files

LIMITS = Limits(max_record_bytes=MAX_BYTES, max_page_bytes=16 << 20)


def read(file: Path, form: str, begin: int = 0) -> None:
    size = file.stat().st_size
    for _ in read_split(Split(0, "s", form, str(file), begin, size, size), LIMITS):
        pass


def warc(header: bytes = b"", content: bytes = b"", length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return (
        b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/\r\n"
        b"Content-Type: application/http\r\n%sContent-Length: %d\r\n\r\n%s\r\n\r\n" % (header, size, content)
    )


def times(piece: bytes, size: int) -> bytes:
    return piece * (size // len(piece))


_HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
_GOOD = warc(content=_HTTP + b"\r\n<p>good</p>")
_DAMAGED = gzip.compress(_GOOD)[:-6] + b"aaaaaa"
_ARC_HEAD = b"filedesc://a 0.0.0.0 20000101000000 text/plain 10\n0123456789\n"
_ARC_FIELDS = b" 1.1.1.1 20000101000000"

WARCS: dict[str, Callable[[int], bytes]] = {
    "version lines": lambda n: _GOOD + times(b"WARC/1.0\n", n),
    "version lines before a blank one": lambda n: _GOOD + times(b"WARC/1.0\n", n) + b"\n",
    "headers without end": lambda n: times(b"WARC/1.0\r\n" + b"A: b\r\n" * 12, n),
    "a header line without end": lambda n: b"WARC/1.0\r\nWARC-Type: " + b" a" * (n // 2),
    "blanks in a header line": lambda n: warc(b"X:" + b" " * min(n, 60_000) + b"\r\n") * (1 + n // 60_000),
    "folded lines": lambda n: warc(b"X: a" + b"\r\n b" * 15_000 + b"\r\n") * (1 + n // 60_000),
    "records that claim much": lambda n: times(warc(content=b"a", length=60 << 20), n),
    "records that claim too much": lambda n: times(warc(content=b"a", length=600 << 20), n),
    "records without a length": lambda n: times(b"WARC/1.0\r\nWARC-Type: response\r\n\r\na\r\n", n),
    "blank lines": lambda n: _GOOD + b"\r\n" * (n // 2) + _GOOD,
    "carriage returns": lambda n: _GOOD + b"\r" * n + _GOOD,
    "half version lines": lambda n: _GOOD + times(b"\nWARC/1.", n),
    "HTTP header lines": lambda n: warc(content=_HTTP + times(b"X-Robots-Tag: a\r\n", n) + b"\r\n"),
    "folded HTTP lines": lambda n: warc(content=_HTTP + b"A: b" + times(b"\r\n b", n) + b"\r\n\r\n"),
    "an HTTP line without end": lambda n: warc(content=b"HTTP/1.1 200 " + b"a" * n),
    "HTTP lines without a colon": lambda n: warc(content=_HTTP + times(b"a\r\n", n)),
    "blanks in an HTTP line": lambda n: warc(content=_HTTP + b"A:" + b" " * n + b"b\r\n\r\n"),
    "empty members": lambda n: gzip.compress(_GOOD) + gzip_members(n) + gzip.compress(_GOOD),
    "members of a byte": lambda n: gzip.compress(_GOOD) + gzip_members(n, b"a") + gzip.compress(_GOOD),
    "damaged members": lambda n: times(_DAMAGED, n),
    "magics": lambda n: gzip.compress(_GOOD) + times(b"\x1f\x8b\x08", n),
    "names without end": lambda n: gzip.compress(_GOOD) + names_without_end(n),
    "members of records without end": lambda n: gzip.compress(_GOOD) + times(gzip.compress(_GOOD)[:60], n),
    "empty frames": lambda n: zstandard.compress(_GOOD) + zstd_frames(n) + zstandard.compress(_GOOD),
    "frame magics": lambda n: zstandard.compress(_GOOD) + times(b"\x28\xb5\x2f\xfd", n),
    "frames with a window": lambda n: zstandard.compress(_GOOD) + times(b"\x28\xb5\x2f\xfd\x00\x88\x01\0\0", n),
    "empty skippable frames": lambda n: times(b"\x50\x2a\x4d\x18\0\0\0\0", n) + zstandard.compress(_GOOD),
    "lz4 magics": lambda n: lz4.frame.compress(_GOOD) + times(b"\x04\x22\x4d\x18\x60\x40\x82", n),
    "padding": lambda n: gzip.compress(_GOOD) + b"\0" * n + gzip.compress(_GOOD),
}

ARCS: dict[str, Callable[[int], bytes]] = {
    "dates in a line": lambda n: _ARC_HEAD + b"http:" + times(_ARC_FIELDS, n),
    "dates in lines": lambda n: _ARC_HEAD + times(b"http:" + _ARC_FIELDS * 340 + b" text/html x!\n", n),
    "short lines of dates": lambda n: _ARC_HEAD + times(b"http:" + _ARC_FIELDS * 3 + b" text/html x!\n", n),
    "dates alone": lambda n: _ARC_HEAD + times(b" 20000101000000", n),
    "digits": lambda n: _ARC_HEAD + b"http: " + b"1" * n,
    "addresses": lambda n: _ARC_HEAD + b"http:" + times(b" 1.1.1.1", n),
    "lengths": lambda n: _ARC_HEAD + times(b"http:a 1.1.1.1 20000101000000 " + b"a" * 590 + b"1" * 18 + b"!\n", n),
    "records that claim much": lambda n: _ARC_HEAD + times(b"http:a 1.1.1.1 20000101000000 text/html 60000000\na\n", n),
    "records that are short": lambda n: _ARC_HEAD + times(b"http:a 1.1.1.1 20000101000000 text/html 1\na\n", n),
}


@pytest.mark.parametrize(("form", "name"), [*zip(itertools.repeat("warc"), WARCS), *zip(itertools.repeat("arc"), ARCS)])
def test_archives(tmp_path: Path, form: str, name: str) -> None:
    make = {"warc": WARCS, "arc": ARCS}[form][name]

    def made(size: int) -> Path:
        file = tmp_path / f"{size}"
        file.write_bytes(make(size))
        return file

    assert_linear(made, lambda file: read(file, form), size=100_000)


@pytest.mark.parametrize("name", ARCS)
def test_archives_from_the_middle(tmp_path: Path, name: str) -> None:
    def made(size: int) -> Path:
        file = tmp_path / f"{size}"
        file.write_bytes(ARCS[name](size))
        return file

    assert_linear(made, lambda file: read(file, "arc", begin=50), size=100_000)


JSON_LINES: dict[str, Callable[[int], bytes]] = {
    "lists": lambda n: b'{"text": "a", "x": [' + times(b"[],", n) + b"0]}",
    "opened": lambda n: b"[" * n,
    "quotes": lambda n: b'"' * n,
    "escaped quotes": lambda n: b'{"text": "' + times(b'\\"', n),
    "backslashes": lambda n: b'{"text": "' + b"\\" * n,
    "digits": lambda n: b'{"text": 1' + b"1" * n + b"}",
    "integers": lambda n: b'{"text": [' + times(b"1" * 4299 + b",", n) + b"0]}",
    "exponents": lambda n: b'{"text": 1e' + b"1" * n + b"}",
    "surrogates": lambda n: b'{"text": "' + times(b"\\ud800", n) + b'"}',
    "keys": lambda n: b"{" + times(b'"text": "a", ', n) + b'"text": "b"}',
    "lines": lambda n: b"\n" * n,
    "blanks": lambda n: b" " * n + b'{"text": "a"}',
    "members": lambda n: gzip_members(n),
    "rows in members": lambda n: gzip_members(n, b'{"text": "a"}\n'),
}


@pytest.mark.parametrize("name", JSON_LINES)
def test_json_lines(tmp_path: Path, name: str) -> None:
    def made(size: int) -> Path:
        file = tmp_path / f"{size}"
        file.write_bytes(JSON_LINES[name](size))
        return file

    # From 1 MiB on a line's brackets are counted, up to a million of them: both sizes lie above that step.
    assert_linear(made, lambda file: read(file, "jsonl"), size=2_000_000 if name in ("lists", "opened") else 500_000)


# ------------------------------------------------------------------------------------------------ URLs

URLS: dict[str, Callable[[int], str]] = {
    "marks": lambda n: "http://" + "\u0323\u0301" * (n // 2) + ".example/",
    "marks in the path": lambda n: "http://a.example/" + "\u0323\u0301" * (n // 2),
    "parameters": lambda n: "http://a.example/?" + "a=1&" * (n // 4),
    "different parameters": lambda n: "http://a.example/?" + "".join(f"{k}=1&" for k in range(n // 8)),
    "slashes": lambda n: "http://a.example" + "/" * n,
    "dots": lambda n: "http://a.example" + "/.." * (n // 3),
    "labels": lambda n: "http://" + "xn--a." * (n // 6),
    "one long label": lambda n: "http://xn--" + "a" * n,
    "escapes": lambda n: "http://a.example/" + "%41" * (n // 3),
    "fragment": lambda n: "http://a.example/#!" + "a=b&" * (n // 4),
    "ports": lambda n: "http://a.example" + ":80" * (n // 3),
    "brackets": lambda n: "http://[" + "[" * n,
    "users": lambda n: "http://" + "a@" * (n // 2),
}


@pytest.mark.parametrize("name", URLS)
def test_urls(name: str) -> None:
    def run(url: str) -> None:
        for _ in range(20):
            url_hash(url)
            site_hash(url)

    assert_linear(URLS[name], run, size=100_000)
