"""Which of several copies is preferred, as one number a document: the higher, the more preferred. Equal ones fall to the key.

A number is fields from its highest bits on, so an earlier one goes before all later ones:

    copies by text and signature   claim 2, place 8, quality 14, length 24, date 16 bits
    copies of one URL              claim 2, place 8, date 33, length 21 bits

`claim` is who stays whatever is found: SPARED, who may not be removed as this kind of copy; LATER, who may be now and not as a
near copy afterwards; else 0. `place` is that of the source in the recipe's order: 255 the first, 254 …, 0 the last, which all
sources share that are not named. Quality is in units of 1/1000 (0–16.383), length in characters, date in whole days since 1970 or, of
a URL's copies, in seconds. Each is clamped to its bits, so an unknown date (0, or a null's minimum) is the oldest.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

UInt64s = NDArray[np.uint64]

#: Values of `claim`.
LATER, SPARED = 1, 2

#: Of sources that are named in an order.
MAX_PLACES = 255

_CLAIM_BITS, _PLACE_BITS = 2, 8
_QUALITY_BITS, _LENGTH_BITS, _DAY_BITS = 14, 24, 16
_SECOND_BITS, _URL_LENGTH_BITS = 33, 21
_CLAIM_SHIFT = np.uint64(64 - _CLAIM_BITS)
_SECONDS_PER_DAY = 86_400

Numbers = NDArray[Any] | int


def preference(quality: Numbers, characters: NDArray[Any], seconds: Numbers, place: Numbers = 0) -> UInt64s:
    """(rows,) of copies by text or signature: place of the source, then quality, length, date, without a claim."""
    days = np.asarray(seconds, np.int64) // _SECONDS_PER_DAY
    quality = np.rint(np.asarray(quality, np.float64) * 1000)
    fields = ((place, _PLACE_BITS), (quality, _QUALITY_BITS), (characters, _LENGTH_BITS), (days, _DAY_BITS))
    return _packed(*fields, rows=len(characters))


def newest(seconds: NDArray[Any], characters: NDArray[Any], place: Numbers = 0) -> UInt64s:
    """(rows,) of copies of one URL: place of the source, then date and length, without a claim."""
    fields = ((place, _PLACE_BITS), (seconds, _SECOND_BITS), (characters, _URL_LENGTH_BITS))
    return _packed(*fields, rows=len(characters))


def criteria_of(preferred: int) -> tuple[int, int, float, int, int]:
    """(claim, place, quality, characters, days since 1970) of a preference of copies by text or signature."""
    claim, place, quality, characters, days = _unpacked(
        preferred, _CLAIM_BITS, _PLACE_BITS, _QUALITY_BITS, _LENGTH_BITS, _DAY_BITS
    )
    return claim, place, quality / 1000, characters, days


def url_criteria_of(preferred: int) -> tuple[int, int, int, int]:
    """(claim, place, seconds since 1970, characters) of a preference of copies of one URL."""
    claim, place, seconds, characters = _unpacked(preferred, _CLAIM_BITS, _PLACE_BITS, _SECOND_BITS, _URL_LENGTH_BITS)
    return claim, place, seconds, characters


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
