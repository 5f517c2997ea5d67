"""Which of several copies is preferred, as one number a document: the higher, the more preferred. Equal ones fall to the key.

A number is fields from its highest bits on, so an earlier one goes before all later ones:

    copies by text and signature   claim 2, place 8, quality 14, content 24, date 16 bits
    copies of one URL              claim 2, place 8, date 33, content 21 bits

`claim` is who stays whatever is found: SPARED, who may not be removed as this kind of copy; LATER, who may be now and not as a
near copy afterwards; else 0. `place` is that of the source in the recipe's order: 255 the first, 254 …, 0 the last, which all
sources share that are not named. Quality is in units of 1/1000 (0–16.383), date in whole days since 1970 or, of
a URL's copies, in seconds. Content is the text's characters less twice those that it repeats (`content_of`): what a copy has more
speaks for it, and what it says again against it, so a text that was pasted twice loses against the single one. Each is clamped to its bits, so an unknown date (0, or a null's minimum) is the oldest.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filters.quality.repetition import WINDOW_CHARACTERS

UInt64s = NDArray[np.uint64]

#: Values of `claim`.
LATER, SPARED = 1, 2

#: Of sources that are named in an order.
MAX_PLACES = 255

_CLAIM_BITS, _PLACE_BITS = 2, 8
_QUALITY_BITS, _CONTENT_BITS, _DAY_BITS = 14, 24, 16
_SECOND_BITS, _URL_CONTENT_BITS = 33, 21
_CLAIM_SHIFT = np.uint64(64 - _CLAIM_BITS)
_SECONDS_PER_DAY = 86_400

Numbers = NDArray[Any] | int


def content_of(characters: NDArray[Any], repeated: NDArray[Any]) -> NDArray[np.int64]:
    """(rows,) characters less twice those repeated, 0 at the least.

    `repeated` is the share of windows of WINDOW_CHARACTERS that occurred before in the text. A text of n characters that stands twice
    repeats n - 12 windows, so it has a content of 24, and the single one of n.
    """
    windows = np.maximum(characters.astype(np.int64) - WINDOW_CHARACTERS + 1, 0)
    again = np.rint(repeated.astype(np.float64) * windows).astype(np.int64)
    return np.maximum(characters.astype(np.int64) - 2 * again, 0)


def preference(quality: Numbers, content: NDArray[Any], seconds: Numbers, place: Numbers = 0) -> UInt64s:
    """(rows,) of copies by text or signature: place of the source, then quality, content, date, without a claim."""
    days = np.asarray(seconds, np.int64) // _SECONDS_PER_DAY
    quality = np.rint(np.asarray(quality, np.float64) * 1000)
    fields = ((place, _PLACE_BITS), (quality, _QUALITY_BITS), (content, _CONTENT_BITS), (days, _DAY_BITS))
    return _packed(*fields, rows=len(content))


def newest(seconds: NDArray[Any], content: NDArray[Any], place: Numbers = 0) -> UInt64s:
    """(rows,) of copies of one URL: place of the source, then date and content, without a claim."""
    fields = ((place, _PLACE_BITS), (seconds, _SECOND_BITS), (content, _URL_CONTENT_BITS))
    return _packed(*fields, rows=len(content))


def criteria_of(preferred: int) -> tuple[int, int, float, int, int]:
    """(claim, place, quality, content, days since 1970) of a preference of copies by text or signature."""
    claim, place, quality, content, days = _unpacked(
        preferred, _CLAIM_BITS, _PLACE_BITS, _QUALITY_BITS, _CONTENT_BITS, _DAY_BITS
    )
    return claim, place, quality / 1000, content, days


def url_criteria_of(preferred: int) -> tuple[int, int, int, int]:
    """(claim, place, seconds since 1970, content) of a preference of copies of one URL."""
    claim, place, seconds, content = _unpacked(preferred, _CLAIM_BITS, _PLACE_BITS, _SECOND_BITS, _URL_CONTENT_BITS)
    return claim, place, seconds, content


def with_claim(preferences: UInt64s, claim: NDArray[np.uint8]) -> UInt64s:
    """The preferences with a claim each, which goes before everything else."""
    return preferences | claim.astype(np.uint64) << _CLAIM_SHIFT


def spared(preferences: UInt64s) -> NDArray[np.bool_]:
    """(rows,) whether a document may not be removed, whomever it resembles."""
    return preferences >> _CLAIM_SHIFT == SPARED


def place_of(order: Sequence[str]) -> dict[str, int]:
    """Place of each source that is named, the first to be preferred first; others have 0."""
    return {name: MAX_PLACES - number for number, name in enumerate(order)}


def _unpacked(packed: int, *bits: int) -> list[int]:
    """The fields of these bits each, the last of which are the lowest."""
    found = []
    for width in reversed(bits):
        found.append(packed & ((1 << width) - 1))
        packed >>= width
    return found[::-1]


def _packed(*fields: tuple[Numbers, int], rows: int) -> UInt64s:
    """(rows,) the fields (values, bits), each clamped to its bits, from the highest bits on."""
    packed = np.zeros(rows, np.uint64)
    for values, bits in fields:
        packed = packed << np.uint64(bits) | np.clip(values, 0, (1 << bits) - 1).astype(np.uint64)
    return packed
