"""Archive records of a byte range, from compressed (a member per record, or one for all) or plain files, damaged or not.

A range [begin, end) owns the records whose member (plain: whose header) begins in it, and the bytes after them that
no record begins with, so any division of a file gives each record and each loss exactly once. (One exception: a plain
file with a record that holds a plain archive; a range that begins inside it takes the inner records for its own.)
Damage costs the record it lies in: after an error the reader goes on at the next member, or line, that begins a record,
and reports the bytes between as a Loss.

A record whose length is wrong is given as what stands before the next record, and a record that the file ends in as what
is there of it, if that is a page or a text with something in it; either is followed by a Loss of 0 bytes, so that a cut
file is never taken for a whole one. What a damaged member inflates to is never given: the bytes before an error are no
surer than those behind it. That a last member is cut and not damaged is told by its missing trailer.

A member whose first record goes over `Limits.max_record_bytes` and has by then expanded more than MAX_EXPANSION-fold is a
bomb (10 MB of gzip hold 10 GB): it is left where it is, and reading goes on at the next member. A file's only member may
hold all other records too, and is read to its end.

Memory: one record of at most `Limits.max_record_bytes`.
"""

import dataclasses
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from corpus.reasons import Reason
from corpus.sources.compressed import (
    Codec,
    DamagedMemberError,
    Member,
    codec_of,
    codecs,
    next_member,
    skip_between,
    skip_frames,
)
from corpus.sources.framing import Flaw, Grammar, Reader, frames, next_record
from corpus.sources.planned import opened
from corpus.sources.records import Item, Limits, Loss, NoPage, Page, Split, Text
from corpus.sources.stored_bytes import PlainReader, StoredBytes

#: What the stored bytes of a member may expand to once its first record is over the limit. Markup expands 3- to 20-fold,
#: gzip at most 1,032-fold.
MAX_EXPANSION = 50
#: A reader looks so far beyond a record.
_LOOK_AHEAD_BYTES = 1 << 21


class BombError(Exception):
    """Raised by a watched member that expands beyond what its first record may."""


def read_archive(split: Split, grammar: Grammar, limits: Limits, stream: BinaryIO | None = None) -> Iterator[Item]:
    """Every record that the split owns, in file order, and every loss."""
    if split.file_bytes == 0:
        yield Loss(0, 0, Reason.NOT_AN_ARCHIVE, "the file is empty")
        return
    with opened(split, stream) as given:
        stored = StoredBytes(given, size=split.file_bytes)
        codec = _codec(stored, grammar)
        if codec is not None:
            yield from _read_members(stored, codec, grammar, split, limits)
        else:
            yield from _read_plain(stored, grammar, split, limits)


def _codec(stored: StoredBytes, grammar: Grammar) -> Codec | None:
    """By the first bytes; where those are damaged, by whether there is a member with a record."""
    named = codec_of(stored)
    if named is not None or stored.take(0, len(grammar.mark)) == grammar.mark:
        return named
    if grammar.starts(stored.take(0, grammar.start_bytes)):
        return None

    found = (
        codec
        for codec in codecs(stored)
        if next_member(stored, codec, 0, begins=partial(_begins, grammar=grammar)).offset < stored.size
    )
    return next(found, None)


def _read_members(stored: StoredBytes, codec: Codec, grammar: Grammar, split: Split, limits: Limits) -> Iterator[Item]:
    first_offset = skip_frames(stored, 0) if codec.skippable else 0
    if split.begin > first_offset:
        member = next_member(stored, codec, split.begin, begins=partial(_begins, grammar=grammar))
    elif stored.take(first_offset, len(codec.magic)) == codec.magic:
        member = codec.open(stored, first_offset)  # read whatever it begins with
    else:
        member = next_member(stored, codec, first_offset, begins=partial(_begins, grammar=grammar))
        if split.begin == 0:
            yield _no_member(stored, codec, grammar, first_offset, member.offset)
    bomb: int | None = None  # offset of the last member that was one
    while member.offset < split.end:
        offset = member.offset
        watched = _Watched(member, limits, active=offset != bomb)
        # A record is given out when its member's checksum has been read; one of many records in a member is given out
        # as it comes, or a file that is a single member would have to be held in memory. One that the stream ends in
        # waits for how the stream ends.
        held: list[_Found] = []
        many = False
        try:
            for found in _records(watched, grammar, offset, limits):
                watched.active = False
                if len(held) == 1 and not many:
                    many = True
                    yield from held.pop().items()
                if many and not found.cut:
                    yield from found.items()
                else:
                    held.append(found)
            end = member.position
        except (DamagedMemberError, EOFError) as error:
            begin = member.position if many else offset
            following = next_member(stored, codec, offset + 1, begins=partial(_begins, grammar=grammar))
            cut = isinstance(error, EOFError) and following.offset == stored.size
            if cut and held and held[0].usable and not member.ends_with(held[0].ends):
                last = held[0] if many else held[0].stored_in(stored.size - offset)
                yield from last.cut_short(str(error)).items()
            else:
                reason = Reason.TRUNCATED_INPUT if cut else Reason.DAMAGED_MEMBER
                yield Loss(begin, max(0, following.offset - begin), reason, str(error))
            member = following
            continue
        except BombError as error:
            bomb = offset
            member = next_member(stored, codec, offset + 1, begins=partial(_begins, grammar=grammar))
            if offset == first_offset and member.offset == stored.size:
                member = codec.open(stored, offset)
            else:
                yield Loss(offset, member.offset - offset, Reason.EXPANSION_LIMIT, str(error))
            continue
        for found in held:
            # The only record of a member that is read to its end knows its stored length.
            yield from (found if many else found.stored_in(end - offset)).items()
        end = skip_between(stored, codec, end)
        member = next_member(stored, codec, end, begins=partial(_begins, grammar=grammar))
        if member.offset > end:
            # Also beyond the range: the next range begins at a member.
            yield _no_member(stored, codec, grammar, end, member.offset)


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    """An item of a stream of records, and what is wrong with where its record ends."""

    item: Item
    extent: int  # stored bytes of the record, where they are known
    flaw: Flaw | None = None
    ends: int = 0  # in the stream: behind the record's content, as its length claims

    @property
    def cut(self) -> bool:
        return self.flaw is not None and self.flaw.reason is Reason.TRUNCATED_INPUT

    @property
    def usable(self) -> bool:
        """Whether there is something in it beside headers."""
        return isinstance(self.item, NoPage) or bool(_content(self.item))

    def items(self) -> list[Item]:
        """The item, with a Loss behind it where something is wrong; the Loss alone where nothing can be made of it."""
        if self.flaw is None:
            return [self.item]
        offset, url = self.item.offset, getattr(self.item, "url", None)
        if isinstance(self.item, Loss) or not self.usable:
            return [Loss(offset, self.extent, self.flaw.reason, self.flaw.detail, url)]
        given = isinstance(self.item, Page | Text)
        detail = f"{self.flaw.detail}; read as what is there" if given else self.flaw.detail
        return [self.item, Loss(offset, 0 if given else self.extent, self.flaw.reason, detail, url)]

    def stored_in(self, length: int) -> "_Found":
        """The item as the only one of a member of so many stored bytes."""
        item = self.item
        if isinstance(item, Page | Text | Loss):
            item = dataclasses.replace(item, length=length)
        return dataclasses.replace(self, item=item, extent=length)

    def cut_short(self, detail: str) -> "_Found":
        """The item as the last of a file that ends in its member."""
        flaw = Flaw(Reason.TRUNCATED_INPUT, detail, 0)
        if self.flaw is not None:
            flaw = dataclasses.replace(flaw, detail=f"{detail}: {self.flaw.detail}")
        return dataclasses.replace(self, flaw=flaw)


def _content(item: Item) -> bytes | str:
    if isinstance(item, Page):
        return item.body
    return item.text if isinstance(item, Text) else b""


class _Watched:
    """A member's content, as long as it is no bomb or is not watched (any more)."""

    def __init__(self, member: Member, limits: Limits, *, active: bool) -> None:
        self.active = active
        self._member, self._limits = member, limits
        self._read_bytes = 0

    def read(self, at_most: int) -> bytes:
        data = self._member.read(at_most)
        self._read_bytes += len(data)
        if self.active and self._read_bytes > self._limits.max_record_bytes + _LOOK_AHEAD_BYTES:
            used = self.position - self._member.offset
            if self._read_bytes > MAX_EXPANSION * used:
                raise BombError(
                    f"{used} bytes expand to over {self._read_bytes}; max_record_bytes is {self._limits.max_record_bytes}"
                )
        return data

    @property
    def position(self) -> int:
        return self._member.position


def _begins(member: Member, grammar: Grammar) -> bool:
    """Whether the member's content begins with a record; damage behind the record's first line says nothing of it."""
    size = min(24, grammar.start_bytes)
    while not (found := grammar.starts(member.peek(size))) and size < grammar.start_bytes:
        size = min(size * 8, grammar.start_bytes)
    return found


def _no_member(stored: StoredBytes, codec: Codec, grammar: Grammar, begin: int, end: int) -> Loss:
    """The loss of bytes that no readable member of records begins with."""
    head = b""
    try:
        if stored.take(begin, len(codec.magic)) == codec.magic[: stored.size - begin]:
            head = codec.open(stored, begin).peek(min(grammar.start_bytes, 24))
    except EOFError as error:
        if end == stored.size:
            return Loss(begin, end - begin, Reason.TRUNCATED_INPUT, str(error))
    except DamagedMemberError:
        pass
    article = "an" if codec.member.startswith("lz4") else "a"
    what = (
        f"{article} {codec.member} that holds no {grammar.name} record" if head else f"bytes that are no {codec.member}"
    )
    return Loss(begin, end - begin, Reason.DAMAGED_MEMBER, what)


def _read_plain(stored: StoredBytes, grammar: Grammar, split: Split, limits: Limits) -> Iterator[Item]:
    offset = next_record(stored, grammar, split.begin) if split.begin > 0 else 0
    if offset < split.end:
        reader = PlainReader(stored, offset)
        for found in _records(reader, grammar, None, limits, origin=offset, end=split.end):
            yield from found.items()


def _records(
    reader: Reader,
    grammar: Grammar,
    member_offset: int | None,
    limits: Limits,
    *,
    origin: int = 0,
    end: int | None = None,
) -> Iterator[_Found]:
    """What a reader's content holds; offsets are those of the member, or, in a plain file, of the record itself."""
    for frame in frames(reader, grammar, limits, stop=None if end is None else end - origin):
        offset = origin + frame.offset if member_offset is None else member_offset
        length = frame.length if member_offset is None else 0
        if isinstance(frame, Loss):
            yield _Found(dataclasses.replace(frame, offset=offset, length=length), length)
            continue
        claimed = len(frame.content) if frame.flaw is None else frame.flaw.claimed
        ends = frame.offset + len(frame.header) + claimed
        yield _Found(grammar.parse(frame, offset, length, limits), length, frame.flaw, ends)
