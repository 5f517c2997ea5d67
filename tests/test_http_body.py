"""Bodies out of their codings: what was coded comes back, and half a page is never taken for a whole one."""

import contextlib
import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corpus.sources.http_body import MAX_CHUNKS, MAX_MEMBERS, BodyError, decode_body

LIMIT = 1 << 20
PAGE = b"<html><p>" + b"".join(b"%d, " % (n * n) for n in range(3000)) + b"</p></html>"


def deflate_raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def zstd_streamed(data: bytes) -> bytes:
    """As servers send it: without the size of the content."""
    packer = zstandard.ZstdCompressor().compressobj()
    return packer.compress(data) + packer.flush()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "gzip of two members": ("gzip", lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:])),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", deflate_raw),
    "brotli": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.compress),
    "zstd, streamed": ("zstd", zstd_streamed),
    "zstd of two frames": ("zstd", lambda data: zstandard.compress(data[:50]) + zstd_streamed(data[50:])),
    "gzip in brotli": ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
    "identity": ("identity", bytes),
    "a charset for a coding": ("utf-8", bytes),
}


def decode(raw: bytes, coding: str = "", *, transfer: str = "", limit: int = LIMIT) -> bytes:
    return decode_body(raw, transfer_encoding=transfer, content_encoding=coding, max_bytes=limit).data


def chunked(data: bytes, size: int, *, head: bytes = b"%x\r\n", end: bytes = b"0\r\n\r\n") -> bytes:
    parts = [data[begin : begin + size] for begin in range(0, len(data), size)]
    return b"".join(head % len(part) + part + b"\r\n" for part in parts) + end


@pytest.mark.parametrize("name", CODINGS)
@settings(deadline=None)
@given(data=st.one_of(st.binary(max_size=2000), st.text(max_size=500).map(str.encode)), size=st.integers(1, 99))
def test_what_was_coded_comes_back(name: str, data: bytes, size: int) -> None:
    coding, encode = CODINGS[name]
    assert decode(encode(data), coding) == data
    assert decode(chunked(encode(data), size), coding, transfer="chunked") == data


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, br", "nonsense"])
@pytest.mark.parametrize("page", [PAGE, "<p>解码</p>".encode(), "<p>解码</p>".encode("gb18030"), b"plain words", b""])
def test_a_coding_that_was_undone_before_archiving(coding: str, page: bytes) -> None:
    """Crawlers store decoded bodies under the server's header: the page is the page."""
    assert decode(page, coding) == page
    assert decode(page, coding, transfer="chunked") == page


@pytest.mark.parametrize("name", [name for name, (coding, _) in CODINGS.items() if coding not in ("identity", "utf-8")])
def test_a_body_that_breaks_off_keeps_what_inflates_and_a_damaged_one_is_an_error(name: str) -> None:
    coding, encode = CODINGS[name]
    whole = encode(PAGE)
    kept = 0
    # Of two members or frames the first is the page, when the cut lies between them: nothing shows it.
    for cut in range(4, len(whole), max(1, len(whole) // 60)):
        if "two" in name and cut < 100:
            continue
        try:
            found = decode_body(whole[:cut], transfer_encoding="", content_encoding=coding, max_bytes=LIMIT)
        except BodyError:
            continue
        assert found.cut
        assert found.data
        assert PAGE.startswith(found.data)
        kept = max(kept, len(found.data))
    # zstd gives a block when it has all of it: of a small page that is the end.
    assert kept > len(PAGE) // 2 or "zstd" in coding or "," in coding
    undetected = 0
    for place in range(12, len(whole), max(1, len(whole) // 60)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        try:
            found = decode_body(bytes(damaged), transfer_encoding="", content_encoding=coding, max_bytes=LIMIT)
            undetected += found.data != PAGE and not found.cut
        except BodyError:
            continue
    # brotli, raw deflate and a zstd frame without a checksum cannot know of every flip.
    assert undetected == 0 or coding in ("br", "zstd", "deflate")


@pytest.mark.parametrize("name", [name for name, (coding, _) in CODINGS.items() if coding not in ("identity", "utf-8")])
def test_the_limit_is_exact_and_a_bomb_is_an_error(name: str) -> None:
    coding, encode = CODINGS[name]
    inner = 1 << 20 if coding == "gzip, br" else 0
    assert decode(encode(PAGE), coding, limit=len(PAGE) + inner) == PAGE
    if not inner:
        with pytest.raises(BodyError, match="limit"):
            decode(encode(PAGE), coding, limit=len(PAGE) - 1)
    with pytest.raises(BodyError, match="limit"):
        decode(encode(bytes(64 << 20)), coding, limit=1 << 16)


def test_more_codings_than_anyone_uses_are_an_attack() -> None:
    body = PAGE
    for number in range(1, 8):
        body = gzip.compress(body)
        if number <= 5:
            assert decode(body, ", ".join(["gzip"] * number)) == PAGE
        else:
            with pytest.raises(BodyError, match=f"{number} content codings"):
                decode(body, ", ".join(["gzip"] * number))


@pytest.mark.parametrize(
    "variant",
    [
        {"head": b"%X\r\n"},
        {"head": b"%x;name=value\r\n"},
        {"head": b"%x  \r\n"},
        {"head": b"000%x\r\n"},
        {"head": b"%x\n"},
        {"end": b"0\r\nTrailer: x\r\n\r\n"},
        {"end": b""},
        {"end": b"0\r\n"},
        {"end": b"\r\n"},
    ],
    ids=str,
)
def test_chunks_as_servers_write_them(variant: dict[str, bytes]) -> None:
    assert decode(chunked(PAGE, 700, **variant), transfer="Chunked") == PAGE


def test_chunks_that_end_early_or_break() -> None:
    whole = chunked(PAGE, 700)
    assert PAGE.startswith(kept := decode(whole[:5000], transfer="chunked"))
    assert len(kept) > 4000
    with pytest.raises(BodyError):
        decode(whole[:1410] + b"<b>not a size</b>" + whole[1410:], transfer="chunked")


@settings(deadline=None, max_examples=300)
@given(
    body=st.binary(max_size=300),
    magic=st.sampled_from([b"", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\x78\x9c", b"5\r\n", b"ffffffff\r\n"]),
    coding=st.sampled_from(["gzip", "deflate", "br", "zstd", "br, gzip", "zstd,deflate", ",,", "\xff"]),
    transfer=st.sampled_from(["", "chunked", "gzip, chunked"]),
)
@example(body=b"\n" * 300, magic=b"", coding="br", transfer="chunked")
def test_no_bytes_raise_anything_but_a_body_error(body: bytes, magic: bytes, coding: str, transfer: str) -> None:
    with contextlib.suppress(BodyError):
        assert len(decode(magic + body, coding, transfer=transfer, limit=1 << 16)) <= 1 << 16


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_members_are_joined_up_to_so_many(coding: str) -> None:
    member = gzip.compress(b"ab", mtime=0) if coding == "gzip" else zstandard.compress(b"ab")
    assert decode(member * 500, coding) == b"ab" * 500
    assert decode(member * MAX_MEMBERS, coding) == b"ab" * MAX_MEMBERS
    with pytest.raises(BodyError, match="members"):
        decode(member * (MAX_MEMBERS + 1), coding)


def test_chunks_are_joined_up_to_so_many() -> None:
    assert decode(b"1\r\na\r\n" * MAX_CHUNKS, transfer="chunked") == b"a" * MAX_CHUNKS
    with pytest.raises(BodyError, match="chunks"):
        decode(b"1\r\na\r\n" * (MAX_CHUNKS + 1), transfer="chunked")
