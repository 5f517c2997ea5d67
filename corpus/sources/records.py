"""What reading an input yields: records, and the byte ranges that no record could be made of."""

import dataclasses
from typing import NamedTuple

from corpus.reasons import Reason


class Fields(NamedTuple):
    """What a row's fields are called in the files of a source."""

    text: str = "text"
    id: str = "id"
    url: str = "url"
    date: str = "date"
    language: str = "language"
    licence: str = "licence"


DEFAULT_FIELDS = Fields()


def renamed(fields: Fields) -> dict[str, str]:
    """Field → the name that a recipe gives it, of fields that it names otherwise than they are called."""
    of_all = zip(fields._fields, fields, DEFAULT_FIELDS, strict=True)
    return {field: name for field, name, usual in of_all if name != usual}


@dataclasses.dataclass(frozen=True, slots=True)
class Split:
    """A piece of an input that one worker reads from beginning to end: a row of `splits.arrow`."""

    split: int
    source: str
    format: str
    file: str
    begin: int  # bytes of the stored file; a record belongs to the range in which it begins
    end: int
    file_bytes: int
    name: str = ""  # below what the glob or list names: identity where a file is one document
    fields: Fields = DEFAULT_FIELDS
    digest: bytes = b""  # of the file's first and last MiB, as planned; b"" is not checked


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What a single record may cost."""

    max_record_bytes: int
    max_page_bytes: int
    max_text_bytes: int = 8 << 20  # UTF-8 of a row, or of what a page comes to


#: Headers of a response that can ask for a page not to be used (corpus.pages.opt_out), in lower case.
OPT_OUT_HEADERS = ("x-robots-tag", "tdm-reservation")


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """An HTTP response as it was archived: `body` is decoded from its transfer and content codings."""

    offset: int  # bytes: where its record (or the gzip member that holds it) begins in the stored file
    length: int  # bytes of the stored file
    record_id: str | None
    url: str | None
    date: str | None  # ISO 8601, as in the record
    status: int | None
    content_type: str  # lower case, without parameters; "" where the response names none
    charset: str | None  # as the HTTP header declares it
    body: bytes
    opt_outs: tuple[tuple[str, str], ...] = ()  # name and value of each header of OPT_OUT_HEADERS
    cut: bool = False  # its coding ends early: `body` is what inflates of it


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """A row of a JSONL or Parquet file, or a WET record: text that needs no extraction."""

    offset: int  # bytes of the stored file; where that is compressed, of its content; in Parquet the row's number
    length: int
    record_id: str | None
    url: str | None
    date: str | None
    text: str
    language_hint: str | None = None  # as the input gives it
    licence: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Loss:
    """A record that could not be used, or (reasons of BYTE_LOSSES) a byte range that gave no record."""

    offset: int
    length: int  # bytes of the stored file; 0 where not known
    reason: Reason
    detail: str
    url: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class NoPage:
    """A record that holds no page (warcinfo, request, metadata, revisit …): counted, and passed over."""

    offset: int
    kind: str


Item = Page | Text | Loss | NoPage

#: What browsers and servers accept of a URL, with room. What reads it takes more than linear time (`unicodedata.normalize`
#: sorts marks), and a batch of documents holds the fields of each.
MAX_FIELD_BYTES = 8 << 10


def with_usual_fields(item: Item, *, length: int) -> Item:
    """The item, or a Loss of `length` stored bytes where a field beside its text is no URL, id or date by its size alone."""
    if not isinstance(item, Page | Text):
        return item
    fields = [("URL", item.url), ("id", item.record_id), ("date", item.date)]
    if isinstance(item, Text):
        fields += [("language", item.language_hint), ("licence", item.licence)]
    for name, value in fields:
        # A character has at most four bytes; of most fields the number of characters says it.
        if value is None or len(value) * 4 <= MAX_FIELD_BYTES:
            continue
        if len(value) > MAX_FIELD_BYTES or len(value.encode("utf-8", "replace")) > MAX_FIELD_BYTES:
            detail = f"a {name} of over {MAX_FIELD_BYTES} bytes"
            return Loss(item.offset, length, Reason.MALFORMED_RECORD, detail)
    return item
