"""HTTP bodies out of their transfer and content codings, whatever the headers claim, within a limit of bytes.

Archives are full of wrong declarations: bodies that a crawler already decoded under a header that still says gzip,
chunked bodies without chunks. A coding is undone where the bytes bear it out; a body that begins in the declared coding
and then breaks is a BodyError, never half a page taken for a whole one.
"""

import re
import zlib

import brotli
import zstandard

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_STEP_BYTES = 1 << 16
#: More are an attack: a gzip body can be made that inflates to itself.
MAX_CODINGS = 5
# No text in a charset of the web holds these, except UTF-16 and UTF-32.
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_CHUNK = re.compile(rb"\s*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")


class BodyError(Exception):
    """Raised when a body is damaged inside its coding, or expands beyond the limit."""


def decode_body(raw: bytes, *, transfer_encoding: str, content_encoding: str, max_bytes: int) -> bytes:
    """The body's own bytes. Raises BodyError."""
    body = raw
    if "chunked" in transfer_encoding.lower():
        body = _dechunk(body)
    codings = [name.strip().lower() for name in content_encoding.split(",") if name.strip()]
    if len(codings) > MAX_CODINGS:
        raise BodyError(f"{len(codings)} content codings")
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
        position = begin + length
        if body[position : position + 2].lstrip(b"\r\n"):
            break  # no line end where a chunk must end
        parts.append(body[begin:position])
        if position >= len(body):
            return b"".join(parts)
    if not parts:
        return body  # the first "size" was text, or there is none
    if not body[position:].strip():
        return b"".join(parts)
    raise BodyError("chunked body: no chunk where one must begin")


def _decode(body: bytes, coding: str, max_bytes: int) -> bytes:
    try:
        if coding in ("gzip", "x-gzip"):
            return _ungzip(body, max_bytes) if body.startswith(_GZIP_MAGIC) else body
        if coding == "deflate":
            return _undeflate(body, max_bytes)
        if coding == "br":
            return _unbrotli(body, max_bytes)
        if coding == "zstd":
            return _unzstd(body, max_bytes) if body.startswith(_ZSTD_MAGIC) else body
    except (zlib.error, zstandard.ZstdError) as error:
        raise BodyError(f"{coding} body: {error}") from error
    return body  # identity, or a name that is no coding ("utf-8", "none"): as it stands


def _inflate(body: bytes, wbits: int, max_bytes: int) -> tuple[bytes, bytes]:
    """What one stream inflates to, and the bytes after it. Raises zlib.error where it is damaged or cut."""
    inflater = zlib.decompressobj(wbits=wbits)
    data = _limited(inflater.decompress(body, max_bytes + 1), max_bytes)
    if not inflater.eof:
        raise zlib.error("the body ends inside its coding")
    return data, inflater.unused_data


def _ungzip(body: bytes, max_bytes: int) -> bytes:
    """All members; what follows the last one is no part of the page."""
    parts: list[bytes] = []
    left = max_bytes
    while body.startswith(_GZIP_MAGIC):
        part, body = _inflate(body, 31, left)
        left -= len(part)
        parts.append(part)
    return b"".join(parts)


def _undeflate(body: bytes, max_bytes: int) -> bytes:
    # RFC 9110 means zlib's format; servers send raw deflate; archives hold neither.
    for wbits in (15, -15):
        try:
            return _inflate(body, wbits, max_bytes)[0]
        except zlib.error:
            continue
    if body and not _is_text(body):
        raise BodyError("deflate body: neither zlib's format, nor raw, nor text")
    return body


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    """All frames. Bounded first: a decompression object, which alone knows where a frame ends, takes no limit."""
    zstd = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    with zstd.stream_reader(body, read_across_frames=True) as reader:
        data = _limited(reader.read(max_bytes + 1), max_bytes)
    while body.startswith(_ZSTD_MAGIC):
        frame = zstd.decompressobj()
        frame.decompress(body)
        if not frame.eof:
            raise BodyError("zstd body: ends inside its coding")
        body = frame.unused_data
    return data


def _unbrotli(body: bytes, max_bytes: int) -> bytes:
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
        return body
    if not decoder.is_finished() and body:
        if not _is_text(body):
            raise BodyError("br body: ends inside its coding")
        return body
    return b"".join(parts)


def _limited(data: bytes, max_bytes: int) -> bytes:
    if len(data) > max_bytes:
        raise BodyError("body expands beyond the limit")
    return data


def _is_text(body: bytes) -> bool:
    """Brotli and raw deflate have no magic: a body that is plainly text was decoded before it was archived."""
    head = body[:512]
    return bool(head) and _CONTROLS.search(head) is None and (b"<" in head or head.isascii())
