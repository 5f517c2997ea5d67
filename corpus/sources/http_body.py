"""HTTP bodies out of their transfer and content codings, whatever the headers claim, within a limit of bytes.

Archives are full of wrong declarations: bodies that a crawler already decoded under a header that still says gzip,
chunked bodies without chunks. A coding is undone where the bytes bear it out; a body that begins in the declared coding
and then is damaged is a BodyError. One that is cut gives what inflates of it, and says so: crawlers stop at a size, and the
first half of a page is text like any other.

Time is linear in the bytes before and after: what costs time without giving bytes (members, frames, chunks) is counted.
"""

import io
import re
import zlib
from collections.abc import Callable
from typing import NamedTuple

import brotli

from corpus.sources.compressed import DamagedMemberError, GzipMember, Member, ZstdFrame
from corpus.sources.stored_bytes import StoredBytes

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_STEP_BYTES = 1 << 16
#: More are an attack: a gzip body can be made that inflates to itself.
MAX_CODINGS = 5
#: Servers send one member; the writers of many (bgzip, pigz) put 64 KiB and more into each. A few bytes are an empty one.
MAX_MEMBERS = 1 << 13
#: Servers send chunks of some kB; a byte a chunk has been seen, in pages that are small.
MAX_CHUNKS = 1 << 20
# No text in a charset of the web holds these, except UTF-16 and UTF-32.
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_CHUNK = re.compile(rb"\s*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")


class BodyError(Exception):
    """Raised when a body is damaged inside its coding, or expands beyond the limit."""


class Body(NamedTuple):
    """A body's own bytes; `cut` where its coding ends early."""

    data: bytes
    cut: bool = False


def decode_body(raw: bytes, *, transfer_encoding: str, content_encoding: str, max_bytes: int) -> Body:
    """The body's own bytes, or of one that is cut those that are there. Raises BodyError."""
    body, cut = raw, False
    if "chunked" in transfer_encoding.lower():
        body = _dechunk(body)
    codings = [name.strip().lower() for name in content_encoding.split(",") if name.strip()]
    if len(codings) > MAX_CODINGS:
        raise BodyError(f"{len(codings)} content codings")
    for coding in reversed(codings):
        decoded = _decode(body, coding, max_bytes)
        if cut and decoded.data is body and coding != "identity":
            raise BodyError(f"{coding} body: too little of it is there")
        body, cut = decoded.data, cut or decoded.cut
    return Body(body, cut)


def _dechunk(body: bytes) -> bytes:
    """Chunks joined; a body that is not chunked comes back as it is; one that ends early keeps what arrived."""
    parts = bytearray()
    position = chunks = 0
    while (size := _CHUNK.match(body, position)) is not None:
        length = int(size.group(1), 16)
        if length == 0:
            return bytes(parts)
        if chunks == MAX_CHUNKS:
            raise BodyError(f"chunked body: over {MAX_CHUNKS} chunks")
        begin = size.end()
        position = begin + length
        if body[position : position + 2].lstrip(b"\r\n"):
            break  # no line end where a chunk must end
        parts += body[begin:position]
        chunks += 1
        if position >= len(body):
            return bytes(parts)
    if not chunks:
        return body  # the first "size" was text, or there is none
    if not body[position:].strip():
        return bytes(parts)
    raise BodyError("chunked body: no chunk where one must begin")


def _decode(body: bytes, coding: str, max_bytes: int) -> Body:
    try:
        if coding in ("gzip", "x-gzip"):
            return _members(body, _GZIP_MAGIC, GzipMember, max_bytes)
        if coding == "deflate":
            return _undeflate(body, max_bytes)
        if coding == "br":
            return _unbrotli(body, max_bytes)
        if coding == "zstd":
            return _members(body, _ZSTD_MAGIC, ZstdFrame, max_bytes)
    except DamagedMemberError as error:
        raise BodyError(f"{coding} body: {error}") from error
    return Body(body)  # identity, or a name that is no coding ("utf-8", "none"): as it stands


def _members(body: bytes, magic: bytes, opened: Callable[[StoredBytes, int], Member], max_bytes: int) -> Body:
    """All members, or frames; what follows the last one is no part of the page."""
    if not body.startswith(magic):
        return Body(body)
    stored = StoredBytes(io.BytesIO(body), size=len(body))
    parts: list[bytes] = []
    left = max_bytes
    offset = members = 0
    while stored.take(offset, len(magic)) == magic:
        if members == MAX_MEMBERS:
            raise BodyError(f"over {MAX_MEMBERS} members")
        member = opened(stored, offset)
        try:
            while part := member.read(_STEP_BYTES):
                left -= len(_limited(part, left))
                parts.append(part)
        except EOFError as error:
            return _cut(b"".join(parts), str(error))
        offset = member.position
        members += 1
    return Body(b"".join(parts))


def _cut(data: bytes, why: str) -> Body:
    """What there is of a body. Raises BodyError where that is nothing."""
    if not data:
        raise BodyError(why)
    return Body(data, cut=True)


def _inflate(body: bytes, wbits: int, max_bytes: int) -> Body:
    """What one stream inflates to. Raises zlib.error where it is damaged, or gives nothing."""
    inflater = zlib.decompressobj(wbits=wbits)
    data = _limited(inflater.decompress(body, max_bytes + 1), max_bytes)
    if not inflater.eof and not data:
        raise zlib.error("the body ends inside its coding")
    return Body(data, cut=not inflater.eof)


def _undeflate(body: bytes, max_bytes: int) -> Body:
    # RFC 9110 means zlib's format; servers send raw deflate; archives hold neither.
    for wbits in (15, -15):
        try:
            found = _inflate(body, wbits, max_bytes)
        except zlib.error:
            continue
        # Raw deflate has no magic and no checksum: a text may pass for the beginning of one.
        if not (found.cut and wbits < 0 and _is_text(body)):
            return found
    if body and not _is_text(body):
        raise BodyError("deflate body: neither zlib's format, nor raw, nor text")
    return Body(body)


def _unbrotli(body: bytes, max_bytes: int) -> Body:
    decoder = brotli.Decompressor()
    parts = []
    size = 0
    try:
        rest = body
        while not decoder.is_finished():
            # Without the limit a few kB expand to gigabytes in one call.
            part = decoder.process(rest, output_buffer_limit=_STEP_BYTES)
            rest = b""
            size += len(part)
            parts.append(part)
            if size > max_bytes:
                raise BodyError("body expands beyond the limit")
            if not part and decoder.can_accept_more_data():
                break
    except brotli.error as error:
        if not _is_text(body):
            raise BodyError(f"br body: {error}") from error
        return Body(body)
    if not decoder.is_finished() and body:
        if not _is_text(body):
            return _cut(b"".join(parts), "br body: ends inside its coding")
        return Body(body)
    return Body(b"".join(parts))


def _limited(data: bytes, max_bytes: int) -> bytes:
    if len(data) > max_bytes:
        raise BodyError("body expands beyond the limit")
    return data


def _is_text(body: bytes) -> bool:
    """Brotli and raw deflate have no magic: a body that is plainly text was decoded before it was archived."""
    head = body[:512]
    return bool(head) and _CONTROLS.search(head) is None and (b"<" in head or head.isascii())
