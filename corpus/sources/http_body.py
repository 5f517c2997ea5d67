"""HTTP bodies out of their transfer and content codings, whatever the headers claim, within a limit of bytes.

Archives are full of wrong declarations: bodies that a crawler already decoded under a header that still says gzip,
chunked bodies without chunks. A coding is undone where the bytes bear it out; a body that begins in the declared coding
and then breaks is a BodyError, never half a page taken for a whole one.
"""

import re
import zlib

import brotli
import zstandard

_CHUNK = re.compile(rb"\s*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")


class BodyError(Exception):
    """Raised when a body is damaged inside its coding, or expands beyond the limit."""


def decode_body(raw: bytes, *, transfer_encoding: str, content_encoding: str, max_bytes: int) -> bytes:
    """The body's own bytes. Raises BodyError."""
    body = raw
    if "chunked" in transfer_encoding.lower():
        body = _dechunk(body)
    codings = [name.strip().lower() for name in content_encoding.split(",") if name.strip()]
    for coding in reversed(codings):
        body = _decode(body, coding, max_bytes)
    return body


def _dechunk(body: bytes) -> bytes:
    """Chunks joined; a body that is not chunked comes back as it is; one that ends early keeps what arrived."""
    parts: list[bytes] = []
    position = 0
    while (size := _CHUNK.match(body, position)) is not None:
        length = int(size.group(1), 16)
        if length == 0:
            return b"".join(parts)
        begin = size.end()
        parts.append(body[begin : begin + length])
        position = begin + length
        if position >= len(body):
            return b"".join(parts)
        if body[position : position + 2].lstrip(b"\r\n"):
            break  # no line end where a chunk must end: the first "size" was text
    return body if not parts or position < len(body) else b"".join(parts)


def _decode(body: bytes, coding: str, max_bytes: int) -> bytes:
    try:
        if coding in ("gzip", "x-gzip"):
            return _inflate(body, 31, max_bytes) if body.startswith(b"\x1f\x8b") else body
        if coding == "deflate":
            return _undeflate(body, max_bytes)
        if coding == "br":
            return _unbrotli(body, max_bytes)
        if coding == "zstd":
            if not body.startswith(b"\x28\xb5\x2f\xfd"):
                return body
            with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(body) as reader:
                return _limited(reader.read(max_bytes + 1), max_bytes)
    except (zlib.error, zstandard.ZstdError) as error:
        raise BodyError(f"{coding} body: {error}") from error
    return body  # identity, or a name that is no coding ("utf-8", "none"): as it stands


def _inflate(body: bytes, wbits: int, max_bytes: int) -> bytes:
    inflater = zlib.decompressobj(wbits=wbits)
    return _limited(inflater.decompress(body, max_bytes + 1), max_bytes)


def _undeflate(body: bytes, max_bytes: int) -> bytes:
    # RFC 9110 means zlib's format; servers send raw deflate; archives hold neither.
    for wbits in (15, -15):
        try:
            return _inflate(body, wbits, max_bytes)
        except zlib.error:
            continue
    return body


def _unbrotli(body: bytes, max_bytes: int) -> bytes:
    decoder = brotli.Decompressor()
    parts = []
    size = 0
    try:
        for begin in range(0, len(body), 1 << 14):
            part = decoder.process(body[begin : begin + (1 << 14)])
            size += len(part)
            _limited(b"", max_bytes - size)
            parts.append(part)
    except brotli.error as error:
        if size or not _is_text(body):
            raise BodyError(f"br body: {error}") from error
        return body
    if not decoder.is_finished():
        return body if _is_text(body) else b"".join(parts)
    return b"".join(parts)


def _limited(data: bytes, max_bytes: int) -> bytes:
    if len(data) > max_bytes:
        raise BodyError("body expands beyond the limit")
    return data


def _is_text(body: bytes) -> bool:
    """Brotli has no magic: a body that is plainly text was decoded before it was archived."""
    head = body[:512]
    return bool(head) and b"\0" not in head and (b"<" in head or head.isascii())
