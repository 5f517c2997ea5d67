"""What extraction of a page answers, and how an answer travels between two processes: text fields, no pickle.

An answer in bytes is its fields one after the other, each 8 bytes of length (little-endian; all ones: no value) and its
UTF-8, in which a lone surrogate is let through.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from corpus.reasons import Reason

_LENGTH_BYTES = 8
_NOTHING = b"\xff" * _LENGTH_BYTES


class PageMetadata(NamedTuple):
    """What a page says about itself; one line each, bounded, in normal form."""

    title: str | None = None
    author: str | None = None  # several: one after the other, with "; " between
    published: str | None = None  # ISO 8601 day


class MainText(NamedTuple):
    """The main text of a page, the fields of its PageMetadata, and its opt-outs."""

    text: str
    title: str | None = None
    author: str | None = None
    published: str | None = None
    opt_outs: str | None = None  # what the page asks not to be used for, a line each


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Why an operation on a page gave nothing."""

    reason: Reason
    detail: str


def pack(fields: Sequence[str | None]) -> bytes:
    """Fields as bytes."""
    parts: list[bytes] = []
    for field in fields:
        data = field.encode("utf-8", "surrogatepass") if field is not None else None
        parts += [_NOTHING] if data is None else [len(data).to_bytes(_LENGTH_BYTES, "little"), data]
    return b"".join(parts)


def unpack(data: bytes) -> list[str | None]:
    """The fields of `pack`. Raises ValueError for bytes that are none."""
    fields: list[str | None] = []
    at = 0
    while at < len(data):
        length = data[at : at + _LENGTH_BYTES]
        at += _LENGTH_BYTES
        if length == _NOTHING:
            fields.append(None)
            continue
        end = at + int.from_bytes(length, "little")
        if at > len(data) or end > len(data):
            raise ValueError(f"a field that ends at byte {end} of {len(data)}")
        fields.append(data[at:end].decode("utf-8", "surrogatepass"))
        at = end
    return fields
