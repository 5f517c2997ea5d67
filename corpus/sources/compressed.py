"""Compressed files as members: what each inflates to, where it ends, and where the next one begins.

A member is a gzip member, a zstd or lz4 frame, a bzip2 or xz stream. All begin with magic bytes, which is what recovery from
damage looks for. A zstd file may begin with its dictionary in a skippable frame (IIPC's draft "WARC Zstandard"); other
skippable frames, and padding, are passed over.

Memory: one piece of stored bytes and what it inflates to, never more than a block: zstd's decompressor takes no limit
of bytes, and a few kB of it hold gigabytes, so frames are walked and handed to it a block (128 KiB at most) at a time.
"""

import bz2
import dataclasses
import functools
import io
import lzma
import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import lz4.frame
import zstandard

from corpus.sources.stored_bytes import PIECE_BYTES, StoredBytes

#: Windows of `zstd --long` (27 bits); a frame that asks for more is refused, as by zstd itself.
ZSTD_WINDOW_BYTES = 1 << 27
ZSTD_DICTIONARY_BYTES = 1 << 24

_GZIP_MAGIC = b"\x1f\x8b\x08"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_LZ4_MAGIC = b"\x04\x22\x4d\x18"
_BZIP2_MAGIC = b"BZh"
# "BZh" alone may begin a text; a block, or the end of an empty stream, follows.
_BZIP2_HEAD = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_XZ_MAGIC = b"\xfd7zXZ\0"
#: What a dictionary of `xz -9` takes, and as much again.
XZ_MEMORY_BYTES = 128 << 20
_SKIPPABLE_MAGICS = tuple(bytes([low]) + b"\x2a\x4d\x18" for low in range(0x50, 0x60))
_ZSTD_DICTIONARY_FRAME = b"\x5d\x2a\x4d\x18"
_ZSTD_DICTIONARY_MAGIC = b"\x37\xa4\x30\xec"
_ZSTD_HEADER_BYTES = 18  # the longest
_RECORD_END_BYTES = 8  # the longest
_ZSTD_BLOCK_BYTES = 1 << 17
#: What begins with a magic and gives no byte of content in so many of its own is taken for no member. Else each place in a
#: run of magics is inflated to the end of the file.
SEARCH_BYTES = 1 << 14
#: lz4 gives the content of a block when it has all of it; the largest is 4 MiB.
LZ4_SEARCH_BYTES = (1 << 22) + SEARCH_BYTES


class DamagedMemberError(Exception):
    """Raised where a member's bytes are not what its coding allows, its checksum included."""


class Member(ABC):
    """The content of the member that begins at an offset.

    `read` and `peek` raise DamagedMemberError where the member is damaged, EOFError where the file ends in it.
    """

    search_bytes = SEARCH_BYTES

    def __init__(self, stored: StoredBytes, offset: int) -> None:
        self._stored = stored
        self._head = b""  # inflated and not read yet
        self.offset = offset
        self.search_end: int | None = None  # no stored byte from here on is used before there is content

    def peek(self, size: int) -> bytes:
        """The first `size` bytes of the content, or all there are; they stay to be read."""
        while len(self._head) < size and (data := self._inflate(PIECE_BYTES)):
            self._head += data
            self.search_end = None if self.search_end is None else self.position + self.search_bytes
        return self._head[:size]

    def read(self, at_most: int) -> bytes:
        data = self._head or self._inflate(at_most)
        self._head = data[at_most:]
        return data[:at_most]

    @abstractmethod
    def _inflate(self, at_most: int) -> bytes:
        """More of the content, about `at_most` bytes; none at the member's end."""

    def _piece(self, offset: int) -> bytes:
        """Stored bytes from `offset` on. Raises DamagedMemberError where the search for content ends."""
        if self.search_end is None:
            return self._stored.piece(offset)
        self._check_search(offset)
        return self._stored.piece(offset, at_most=min(PIECE_BYTES, self.search_end - offset))

    def _check_search(self, offset: int) -> None:
        if self.search_end is not None and offset >= self.search_end:
            raise DamagedMemberError(f"no content in {self.search_bytes} bytes")

    @property
    @abstractmethod
    def position(self) -> int:
        """The first stored byte that the member has not used."""

    def ends_with(self, size: int) -> bool:
        """Whether the file ends as a member of `size` bytes and a record's end does, though it could not be read so far.

        Then the member is damaged, and no file that was cut. Told where a coding writes its content's size last.
        """
        return False


class GzipMember(Member):
    def __init__(self, stored: StoredBytes, offset: int) -> None:
        super().__init__(stored, offset)
        self._inflater = zlib.decompressobj(wbits=31)
        self._next = offset  # the next stored byte to hand to the inflater
        self._pending = b""

    def _inflate(self, at_most: int) -> bytes:
        while not self._inflater.eof:
            if not self._pending:
                self._pending = self._piece(self._next)
                if not self._pending:
                    raise EOFError("the file ends inside a gzip member")
                self._next += len(self._pending)
            try:
                data = self._inflater.decompress(self._pending, at_most)
            except zlib.error as error:
                raise DamagedMemberError(str(error)) from error
            self._pending = self._inflater.unconsumed_tail
            if data:
                return data
        return b""

    @property
    def position(self) -> int:
        # At the end zlib shows what is left over in both attributes.
        left = self._inflater.unused_data if self._inflater.eof else self._pending
        return self._next - len(left)

    def ends_with(self, size: int) -> bool:
        stated = int.from_bytes(self._stored.take(max(0, self._stored.size - 4), 4), "little")
        return 0 <= (stated - size) % (1 << 32) <= _RECORD_END_BYTES


class _LibraryMember(Member):
    """A stream of bz2 or lzma, whose decompressors work alike."""

    _failures: tuple[type[Exception], ...] = (OSError, ValueError)

    def __init__(self, stored: StoredBytes, offset: int) -> None:
        super().__init__(stored, offset)
        self._inflater = self._begin()
        self._next = offset

    @staticmethod
    @abstractmethod
    def _begin() -> Any:
        """A decompressor."""

    def _inflate(self, at_most: int) -> bytes:
        while not self._inflater.eof:
            piece = b""
            if self._inflater.needs_input:
                piece = self._piece(self._next)
                if not piece:
                    raise EOFError("the file ends inside a compressed stream")
                self._next += len(piece)
            try:
                data: bytes = self._inflater.decompress(piece, at_most)
            except self._failures as error:
                raise DamagedMemberError(str(error)) from error
            if data:
                return data
        return b""

    @property
    def position(self) -> int:
        return self._next - len(self._inflater.unused_data)


class Bzip2Stream(_LibraryMember):
    @staticmethod
    def _begin() -> Any:
        return bz2.BZ2Decompressor()


class XzStream(_LibraryMember):
    _failures = (lzma.LZMAError, ValueError)

    @staticmethod
    def _begin() -> Any:
        # A header of some bytes can ask for a dictionary of 4 GiB.
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES)


class ZstdFrame(Member):
    """A frame, walked block by block (RFC 8878, 3.1.1)."""

    def __init__(
        self, stored: StoredBytes, offset: int, dictionary: zstandard.ZstdCompressionDict | None = None
    ) -> None:
        super().__init__(stored, offset)
        # One each: objects of one decompressor share its state.
        self._inflater = zstandard.ZstdDecompressor(
            dict_data=dictionary, max_window_size=ZSTD_WINDOW_BYTES
        ).decompressobj()
        self._next = offset
        self._begun = self._ended = self._checksum = False

    def _inflate(self, at_most: int) -> bytes:
        try:
            while not self._ended:
                self._check_search(self._next)
                data = self._block() if self._begun else self._header()
                if data:
                    return data
        except zstandard.ZstdError as error:
            raise DamagedMemberError(str(error)) from error
        return b""

    def _header(self) -> bytes:
        head = self._stored.take(self._next, _ZSTD_HEADER_BYTES)
        try:
            size = zstandard.frame_header_size(head)
            self._checksum = zstandard.get_frame_parameters(head).has_checksum
        except zstandard.ZstdError as error:
            if len(head) < _ZSTD_HEADER_BYTES and head.startswith(_ZSTD_MAGIC[: len(head)]):
                raise EOFError("the file ends inside a zstd frame") from error
            raise
        self._begun = True
        return self._give(head[:size], size)

    def _block(self) -> bytes:
        head = self._stored.take(self._next, 3)
        bits = int.from_bytes(head, "little")
        last, kind, size = bits & 1, bits >> 1 & 3, bits >> 3
        if len(head) == 3 and (kind == 3 or size > _ZSTD_BLOCK_BYTES):
            raise DamagedMemberError("a zstd block of no known kind or size")
        size = 3 + (1 if kind == 1 else size) + (4 if last and self._checksum else 0)
        data = self._give(self._stored.take(self._next, size), size)
        self._ended = bool(last)
        return data

    def _give(self, data: bytes, size: int) -> bytes:
        if len(data) < size or size < 3:
            raise EOFError("the file ends inside a zstd frame")
        self._next += size
        return self._inflater.decompress(data)

    @property
    def position(self) -> int:
        return self._next


class Lz4Frame(Member):
    search_bytes = LZ4_SEARCH_BYTES

    def __init__(self, stored: StoredBytes, offset: int) -> None:
        super().__init__(stored, offset)
        self._context: Any = lz4.frame.create_decompression_context()
        self._next = offset  # of the next stored byte to hand over
        self._ended = False

    def _inflate(self, at_most: int) -> bytes:
        while not self._ended:
            piece = self._piece(self._next)
            try:
                # Also without a further piece: what was handed over may hold more than was asked for.
                data, used, self._ended = lz4.frame.decompress_chunk(self._context, piece, max_length=at_most)
            except (RuntimeError, ValueError, MemoryError) as error:
                raise DamagedMemberError(f"lz4: {error}") from error
            self._next += used
            if data:
                return bytes(data)
            if not self._ended and not used:
                if piece:
                    raise DamagedMemberError("lz4: a frame that does not go on")
                raise EOFError("the file ends inside an lz4 frame")
        return b""

    @property
    def position(self) -> int:
        return self._next


@dataclasses.dataclass(frozen=True)
class Codec:
    """A way in which files are compressed."""

    name: str
    magic: bytes
    member: str  # what a member of it is called
    open: Callable[[StoredBytes, int], Member]
    skippable: bool  # whether it knows skippable frames


_GZIP = Codec("gzip", _GZIP_MAGIC, "gzip member", GzipMember, skippable=False)
_ZSTD = Codec("zstd", _ZSTD_MAGIC, "zstd frame", ZstdFrame, skippable=True)
_BZIP2 = Codec("bzip2", _BZIP2_MAGIC, "bzip2 stream", Bzip2Stream, skippable=False)
_XZ = Codec("xz", _XZ_MAGIC, "xz stream", XzStream, skippable=False)
_LZ4 = Codec("lz4", _LZ4_MAGIC, "lz4 frame", Lz4Frame, skippable=True)


def codec_of(stored: StoredBytes) -> Codec | None:
    """The coding that a file's first bytes name, with the file's dictionary where it has one."""
    head = stored.take(0, 10)
    if _BZIP2_HEAD.match(head):
        return _BZIP2
    if head.startswith(_ZSTD_DICTIONARY_FRAME):
        # The dictionary of the draft, or any writer's frame before lz4 or zstd.
        return with_dictionary(stored, _ZSTD) if _after_skippable(stored, _LZ4_MAGIC) is None else _LZ4
    if head.startswith(_SKIPPABLE_MAGICS):
        return _LZ4 if _after_skippable(stored, _LZ4_MAGIC) is not None else _ZSTD
    return next((codec for codec in (_GZIP, _ZSTD, _XZ, _LZ4) if head.startswith(codec.magic)), None)


def codecs(stored: StoredBytes) -> list[Codec]:
    """Every coding, for a file whose first bytes name none."""
    return [_GZIP, with_dictionary(stored, _ZSTD), _LZ4]


def with_dictionary(stored: StoredBytes, codec: Codec) -> Codec:
    """zstd with the dictionary that the file begins with; as it is where there is none that can be read."""
    head = stored.take(0, 8)
    size = int.from_bytes(head[4:], "little")
    if head[:4] != _ZSTD_DICTIONARY_FRAME or not 8 <= size <= ZSTD_DICTIONARY_BYTES:
        return codec
    data = stored.take(8, size)
    try:
        if data.startswith(_ZSTD_MAGIC):
            reader = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES).stream_reader(io.BytesIO(data))
            data = reader.read(ZSTD_DICTIONARY_BYTES)
        if not data.startswith(_ZSTD_DICTIONARY_MAGIC):
            return codec
        dictionary = zstandard.ZstdCompressionDict(data, dict_type=zstandard.DICT_TYPE_FULLDICT)
        zstandard.ZstdDecompressor(dict_data=dictionary)  # raises where it is damaged
    except zstandard.ZstdError:
        return codec
    return dataclasses.replace(codec, open=functools.partial(ZstdFrame, dictionary=dictionary))


def _after_skippable(stored: StoredBytes, magic: bytes) -> int | None:
    offset = skip_frames(stored, 0)
    return offset if stored.take(offset, 4) == magic else None


def skip_frames(stored: StoredBytes, offset: int) -> int:
    """The first byte at or after `offset` that is in no whole skippable frame."""
    while len(head := stored.take(offset, 8)) == 8 and head[:4] in _SKIPPABLE_MAGICS:
        end = offset + 8 + int.from_bytes(head[4:], "little")
        if end > stored.size:
            break
        offset = end
    return offset


def skip_between(stored: StoredBytes, codec: Codec, offset: int) -> int:
    """The first byte at or after `offset` that is neither padding nor in a skippable frame: those are no loss."""
    while True:
        begin = offset
        while piece := stored.piece(offset):
            # Some writers pad with zeros, which gzip allows.
            rest = piece.lstrip(b"\0\r\n")
            offset += len(piece) - len(rest)
            if rest:
                break
        if codec.skippable:
            offset = skip_frames(stored, offset)
        if offset == begin:
            return offset


def next_member(stored: StoredBytes, codec: Codec, offset: int, *, begins: Callable[[Member], bool]) -> Member:
    """The next member, at or after `offset`, whose content begins so; an empty one at the file's end if there is none.

    Three magic bytes occur by chance once in 16 MB of compressed data; only what inflates to a record's first bytes is
    taken for a member.
    """
    while (offset := stored.find(codec.magic, offset)) < stored.size:
        member = codec.open(stored, offset)
        member.search_end = offset + member.search_bytes
        try:
            if begins(member):
                member.search_end = None
                return member
        except (DamagedMemberError, EOFError):
            pass
        offset += 1
    return codec.open(stored, stored.size)


class Inflated(io.RawIOBase):
    """The content of all members of a file. Raises DamagedMemberError or EOFError where it is damaged or cut."""

    def __init__(self, stored: StoredBytes, codec: Codec) -> None:
        self._stored, self._codec = stored, codec
        begin = skip_frames(stored, 0) if codec.skippable else 0
        self._member = codec.open(stored, begin)
        self.position = 0  # stored bytes before this one were inflated without an error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not (data := self._member.read(len(buffer))):
            self.position = skip_between(self._stored, self._codec, self._member.position)
            if self.position >= self._stored.size:
                return 0
            self._member = self._codec.open(self._stored, self.position)
        self.position = self._member.position
        buffer[: len(data)] = data
        return len(data)
