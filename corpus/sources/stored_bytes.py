"""Stored bytes at any offset, and what they inflate to: the two layers under the archive readers.

Memory: one window of WINDOW_BYTES and one piece of PIECE_BYTES, whatever the file's size.
"""

import zlib
from typing import BinaryIO

WINDOW_BYTES = 1 << 20
# zlib copies what it did not use of each piece; with pieces the size of the window that copy, made once a member, costs
# more than inflating a member of a few kB.
PIECE_BYTES = 1 << 15

GZIP_MAGIC = b"\x1f\x8b\x08"


class StoredBytes:
    """A window over a seekable stream."""

    def __init__(self, stream: BinaryIO, *, size: int) -> None:
        self._stream = stream
        self.size = size
        self._start = 0
        self._window = b""

    def piece(self, offset: int, *, at_most: int = PIECE_BYTES) -> bytes:
        """Bytes from `offset` on: at least one, unless it is at the end of the file."""
        if not self._start <= offset < self._start + len(self._window):
            self._stream.seek(offset)
            self._start, self._window = offset, self._stream.read(WINDOW_BYTES)
        begin = offset - self._start
        return self._window[begin : begin + at_most]

    def find(self, needle: bytes, offset: int) -> int:
        """Offset of the next occurrence at or after `offset`, or the file's size."""
        while offset < self.size:
            piece = self.piece(offset, at_most=WINDOW_BYTES)
            if not piece:
                break
            found = piece.find(needle)
            if found >= 0:
                return offset + found
            if offset + len(piece) >= self.size:
                break
            # A needle may lie across two windows.
            offset += max(1, len(piece) - len(needle) + 1)
        return self.size


class PlainReader:
    """Stored bytes as they are, from an offset on."""

    def __init__(self, stored: StoredBytes, offset: int) -> None:
        self._stored = stored
        self.position = offset

    def read(self, at_most: int) -> bytes:
        piece = self._stored.piece(self.position, at_most=at_most)
        self.position += len(piece)
        return piece


class GzipMember:
    """The content of the gzip member that begins at an offset.

    `read` and `peek` raise zlib.error where the member is damaged (its checksum included), EOFError where the file ends
    in it.
    """

    def __init__(self, stored: StoredBytes, offset: int) -> None:
        self._stored = stored
        self._inflater = zlib.decompressobj(wbits=31)
        self._next = offset  # the next stored byte to hand to the inflater
        self._pending = b""
        self._head = b""  # inflated and not read yet
        self.offset = offset

    def peek(self, size: int) -> bytes:
        """The first `size` bytes of the content, or all there are; they stay to be read."""
        while len(self._head) < size and (data := self._inflate(PIECE_BYTES)):
            self._head += data
        return self._head[:size]

    def read(self, at_most: int) -> bytes:
        if self._head:
            data, self._head = self._head[:at_most], self._head[at_most:]
            return data
        return self._inflate(at_most)

    def _inflate(self, at_most: int) -> bytes:
        while not self._inflater.eof:
            if not self._pending:
                self._pending = self._stored.piece(self._next)
                if not self._pending:
                    raise EOFError("the file ends inside a gzip member")
                self._next += len(self._pending)
            data = self._inflater.decompress(self._pending, at_most)
            self._pending = self._inflater.unconsumed_tail
            if data:
                return data
        return b""

    @property
    def position(self) -> int:
        """The first stored byte that the member has not used."""
        # At the end zlib shows what is left over in both attributes.
        left = self._inflater.unused_data if self._inflater.eof else self._pending
        return self._next - len(left)


def next_member(stored: StoredBytes, offset: int, *, begins_with: bytes) -> GzipMember:
    """The next gzip member, at or after `offset`, whose content begins so; an empty one at the file's end if there is none.

    The three magic bytes occur by chance once in 16 MB of compressed data; only what inflates to a record's first bytes
    is taken for a member.
    """
    while (offset := stored.find(GZIP_MAGIC, offset)) < stored.size:
        member = GzipMember(stored, offset)
        try:
            if member.peek(len(begins_with)) == begins_with:
                return member
        except (zlib.error, EOFError):
            pass
        offset += 1
    return GzipMember(stored, stored.size)


def skip_padding(stored: StoredBytes, offset: int) -> int:
    """Some writers pad with zeros, which gzip allows; they are no loss."""
    while piece := stored.piece(offset):
        rest = piece.lstrip(b"\0\r\n")
        offset += len(piece) - len(rest)
        if rest:
            break
    return offset
