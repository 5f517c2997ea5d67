"""No input that a reader, a decoder or the URLs' form take more than linear time for: a family a kind of attack, at n, 2n, 4n."""

import contextlib
import gzip
from collections.abc import Callable

import brotli
import pytest
import zstandard

from corpus.sources.http_body import BodyError, decode_body
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
