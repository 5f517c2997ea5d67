"""Stored bytes at any offset: the layer under every reader that looks for where records begin.

Memory: one window of WINDOW_BYTES, whatever the file's size.
"""

from typing import BinaryIO

WINDOW_BYTES = 1 << 20
# zlib copies what it did not use of each piece; with pieces the size of the window that copy, made once a member, costs
# more than inflating a member of a few kB.
PIECE_BYTES = 1 << 15


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

    def take(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer at the end of the file."""
        data = self.piece(offset, at_most=size)
        while len(data) < size and (more := self.piece(offset + len(data), at_most=size - len(data))):
            data += more
        return data

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
