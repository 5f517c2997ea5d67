"""Files that are one document each: HTML, or plain text of any charset; plain, gzip, zstd or lz4.

A file belongs to the range with its first byte, whole. Its record id is the split's `name`, the path below the glob.
Memory: one file of at most `Limits.max_record_bytes`.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

from corpus.reasons import Reason
from corpus.sources.compressed import DamagedMemberError, Inflated, codec_of
from corpus.sources.planned import opened
from corpus.sources.records import Item, Limits, Loss, Page, Split
from corpus.sources.stored_bytes import StoredBytes
from corpus.storage import files


def read_html(split: Split, limits: Limits, stream: BinaryIO | None = None) -> Iterator[Item]:
    """The file as a page, or a loss."""
    return _read(split, limits, "text/html", stream)


def read_text(split: Split, limits: Limits, stream: BinaryIO | None = None) -> Iterator[Item]:
    """The file as a page of plain text, whose charset is detected; or a loss."""
    return _read(split, limits, "text/plain", stream)


def _read(split: Split, limits: Limits, content_type: str, stream: BinaryIO | None) -> Iterator[Item]:
    if split.begin > 0:
        return
    with opened(split, stream) as given:
        stored = StoredBytes(given, size=split.file_bytes)
        codec = codec_of(stored)
        given.seek(0)
        content = given if codec is None else cast(BinaryIO, io.BufferedReader(Inflated(stored, codec)))
        try:
            body = content.read(limits.max_record_bytes + 1)
        except (DamagedMemberError, EOFError) as error:
            reason = Reason.TRUNCATED_INPUT if isinstance(error, EOFError) else Reason.DAMAGED_MEMBER
            yield Loss(0, split.file_bytes, reason, str(error))
            return
    if len(body) > limits.max_record_bytes:
        detail = f"a file of more than max_record_bytes = {limits.max_record_bytes}"
        yield Loss(0, split.file_bytes, Reason.EXPANSION_LIMIT, detail)
        return
    yield Page(
        offset=0,
        length=split.file_bytes,
        record_id=split.name or files.base_name(split.file),
        url=None,
        date=None,
        status=None,
        content_type=content_type,
        charset=None,
        body=body,
    )
