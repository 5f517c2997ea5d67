"""Archive records of a byte range, from compressed (a member per record, or one for all) or plain files, damaged or not.

A range [begin, end) owns the records whose member (plain: whose header) begins in it, and the bytes after them that
no record begins with, so any division of a file gives each record and each loss exactly once. (One exception: a plain
file with a record that holds a plain archive; a range that begins inside it takes the inner records for its own.)
Damage costs the record it lies in: after an error the reader goes on at the next member, or line, that begins a record,
and reports the bytes between as a Loss. A file that ends inside a record is a Loss too.

Memory: one record of at most `Limits.max_record_bytes`.
"""

import dataclasses
from collections.abc import Iterator
from functools import partial

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
from corpus.sources.framing import Grammar, Reader, frames, next_record
from corpus.sources.records import Item, Limits, Loss, Page, Split, Text
from corpus.sources.stored_bytes import PlainReader, StoredBytes
from corpus.storage import files


def read_archive(split: Split, grammar: Grammar, limits: Limits) -> Iterator[Item]:
    """Every record that the split owns, in file order, and every loss."""
    if split.file_bytes == 0:
        yield Loss(0, 0, Reason.NOT_AN_ARCHIVE, "the file is empty")
        return
    with files.open_read(split.file) as stream:
        stored = StoredBytes(stream, size=split.file_bytes)
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
    while member.offset < split.end:
        offset = member.offset
        # A record is given out when its member's checksum has been read; one of many records in a member is given out
        # as it comes, or a file that is a single member would have to be held in memory.
        first: Item | None = None
        many = False
        try:
            for item in _records(member, grammar, offset, limits):
                if many:
                    yield item
                elif first is None:
                    first = item
                else:
                    yield first
                    yield item
                    many = True
            end = member.position
        except (DamagedMemberError, EOFError) as error:
            begin = member.position if many else offset
            member = next_member(stored, codec, offset + 1, begins=partial(_begins, grammar=grammar))
            cut = isinstance(error, EOFError) and member.offset == stored.size
            reason = Reason.TRUNCATED_INPUT if cut else Reason.DAMAGED_MEMBER
            yield Loss(begin, max(0, member.offset - begin), reason, str(error))
            continue
        if first is not None and not many:
            # The only record of a member that is read to its end knows its stored length.
            yield dataclasses.replace(first, length=end - offset) if isinstance(first, Page | Text | Loss) else first
        end = skip_between(stored, codec, end)
        member = next_member(stored, codec, end, begins=partial(_begins, grammar=grammar))
        if member.offset > end:
            # Also beyond the range: the next range begins at a member.
            yield _no_member(stored, codec, grammar, end, member.offset)


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
        yield from _records(PlainReader(stored, offset), grammar, None, limits, origin=offset, end=split.end)


def _records(
    reader: Reader,
    grammar: Grammar,
    member_offset: int | None,
    limits: Limits,
    *,
    origin: int = 0,
    end: int | None = None,
) -> Iterator[Item]:
    """Items of a reader's content; offsets are those of the member, or, in a plain file, of the record itself."""
    for frame in frames(reader, grammar, limits, stop=None if end is None else end - origin):
        offset = origin + frame.offset if member_offset is None else member_offset
        if isinstance(frame, Loss):
            yield dataclasses.replace(frame, offset=offset, length=frame.length if member_offset is None else 0)
            continue
        yield grammar.parse(frame, offset, frame.length if member_offset is None else 0, limits)
