"""UTF-8 buffers to code points, classes, words, sentences and hashes: compiled kernels without Python objects.

Reads Arrow's own buffers (`utf8_buffers`); writes into scratch arrays of the caller, as long as the longest text has
bytes, so that a batch allocates once. Cost: about 3 ns a byte to decode and classify, 3 ns a character to cut words;
linear in the text.

Invariants: any bytes are accepted (an ill-formed sequence becomes U+FFFD exactly as `bytes.decode("utf-8", "replace")`
has it), nothing outside [begin, end) is read, and all results depend on the text and `unicode_classes.npz` only.

Words follow UAX #29 in spirit, with one pass and one character of look-ahead:
- a run of letters, numbers and their marks is a word; between two letters `'` or `.` (MID_LETTER), between two numbers
  `,` or `.` (MID_NUMBER), between either an underscore (CONNECTOR) joins; format characters inside it belong to it;
- a letter or number of a script without spaces (NO_SPACE) is a word, together with the marks on it;
- a run of one and the same punctuation mark or symbol (`...`, `=====`, `。`) is a *symbol word*; what kind a word is,
  its first character says;
- white space, control characters, lone format characters and U+200B are in no word.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.unicode.code_points import (
    CLOSER,
    CONNECTOR,
    FORMAT,
    LETTER,
    MARK,
    MID_LETTER,
    MID_NUMBER,
    NO_SPACE,
    NUMBER,
    PUNCTUATION,
    SPACE,
    SYMBOL,
    TERMINAL,
)

UInt8s = npt.NDArray[np.uint8]
UInt16s = npt.NDArray[np.uint16]
UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]
Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

_Function = TypeVar("_Function", bound=Callable[..., Any])

ALPHANUMERIC = LETTER | MARK | NUMBER
SYMBOLIC = PUNCTUATION | SYMBOL
EXTENDING = MARK | FORMAT

#: Kinds of word, as flags.
ALPHABETIC_WORD = 1  # has a letter
SYMBOL_WORD = 2  # punctuation or symbols

REPLACEMENT = 0xFFFD

_DOT, _ELLIPSIS = np.uint32(ord(".")), np.uint32(ord("…"))


# `cache=True` keeps the machine code beside the module or in NUMBA_CACHE_DIR. No fastmath and no threads: the same
# bits everywhere.
def kernel(function: _Function) -> _Function:
    """Compiles a function without Python objects and without the interpreter's lock, at its first call."""
    return cast(_Function, nb.njit(cache=True, nogil=True)(function))


@kernel
def is_among(value: np.integer[Any] | int, ascending: npt.NDArray[Any]) -> bool:
    """Whether a value is one of others, which ascend."""
    place = np.searchsorted(ascending, value)
    return bool(place < len(ascending) and ascending[place] == value)


def utf8_buffers(texts: pa.Array) -> tuple[UInt8s, Int64s]:
    """The text bytes of a string array, uncopied, and the (len + 1,) offsets of its rows in them; slices are honoured.

    Raises TypeError for another type, ValueError where a row is null.
    """
    if not isinstance(texts, pa.Array) or not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        raise TypeError(
            f"texts must be a pyarrow string or large_string array, not {getattr(texts, 'type', type(texts))}"
        )
    if texts.null_count:
        raise ValueError(f"texts must have no nulls, has {texts.null_count}")
    _, offset_buffer, data_buffer = texts.buffers()
    offset_type = np.dtype(np.int64 if pa.types.is_large_string(texts.type) else np.int32)
    if len(texts) == 0:
        offsets = np.zeros(1, dtype=np.int64)
    else:
        begin = texts.offset * offset_type.itemsize
        offsets = np.frombuffer(offset_buffer, offset_type, len(texts) + 1, begin).astype(np.int64)
    return np.frombuffer(b"" if data_buffer is None else data_buffer, np.uint8), offsets


def longest(offsets: Int64s) -> int:
    """Bytes of the longest row: how long the scratch arrays must be. Raises ValueError from 2 GiB on: positions are
    int32."""
    size_bytes = int(np.diff(offsets).max(initial=0))
    if size_bytes >= 1 << 31:
        raise ValueError(f"a text must have fewer than 2^31 bytes, not {size_bytes}")
    return size_bytes


@kernel
def decode(data: UInt8s, begin: int, end: int, points: UInt32s) -> int:
    """Writes the code points of data[begin:end] and returns how many; `points` holds at least end - begin."""
    count = 0
    i = begin
    while i < end:
        lead = data[i]
        i += 1
        if lead < 0x80:
            points[count] = lead
            count += 1
            continue
        # The first continuation byte has a narrower range after E0, ED, F0 and F4: no overlong forms, no surrogates.
        low, high = 0x80, 0xBF
        if 0xC2 <= lead <= 0xDF:
            missing = 1
            value = np.uint32(lead & 0x1F)
        elif 0xE0 <= lead <= 0xEF:
            missing = 2
            value = np.uint32(lead & 0x0F)
            if lead == 0xE0:
                low = 0xA0
            elif lead == 0xED:
                high = 0x9F
        elif 0xF0 <= lead <= 0xF4:
            missing = 3
            value = np.uint32(lead & 0x07)
            if lead == 0xF0:
                low = 0x90
            elif lead == 0xF4:
                high = 0x8F
        else:
            points[count] = REPLACEMENT
            count += 1
            continue
        while missing > 0 and i < end and low <= data[i] <= high:
            value = np.uint32((value << 6) | (data[i] & 0x3F))
            low, high = 0x80, 0xBF
            i += 1
            missing -= 1
        points[count] = value if missing == 0 else REPLACEMENT
        count += 1
    return count


@kernel
def classify(points: UInt32s, characters: int, classes: UInt16s, flags: UInt16s) -> None:
    """flags[i] = classes[points[i]]."""
    for i in range(characters):
        flags[i] = classes[points[i]]


@kernel
def _joins(left: int, joiner: int, right: int) -> bool:
    if right & NO_SPACE:
        return False
    if joiner & MID_LETTER and left & LETTER and right & LETTER:
        return True
    if joiner & MID_NUMBER and left & NUMBER and right & NUMBER:
        return True
    return joiner & CONNECTOR != 0 and left & (LETTER | NUMBER) != 0 and right & (LETTER | NUMBER) != 0


@kernel
def segment_words(points: UInt32s, flags: UInt16s, characters: int, starts: Int32s, ends: Int32s, kinds: UInt8s) -> int:
    """Writes each word's [start, end) in characters and its kind; returns the number of words, at most `characters`."""
    words = 0
    i = 0
    while i < characters:
        first = flags[i]
        if not first & (ALPHANUMERIC | SYMBOLIC):
            i += 1
            continue
        start = i
        i += 1
        seen = first
        if first & ALPHANUMERIC and not first & NO_SPACE:
            base = first  # of the last letter or number, which a joiner must stand between
            while i < characters:
                flag = flags[i]
                if flag & EXTENDING:
                    i += 1
                elif flag & ALPHANUMERIC and not flag & NO_SPACE:
                    base = flag
                    seen |= flag
                    i += 1
                elif i + 1 < characters and _joins(base, flag, flags[i + 1]):
                    i += 1
                else:
                    break
        elif first & ALPHANUMERIC:
            while i < characters and flags[i] & EXTENDING:
                i += 1
        else:
            while i < characters and (points[i] == points[start] or flags[i] & EXTENDING):
                i += 1
        starts[words] = start
        ends[words] = i
        kinds[words] = (ALPHABETIC_WORD if seen & LETTER else 0) | (SYMBOL_WORD if first & SYMBOLIC else 0)
        words += 1
    return words


@kernel
def count_ends(points: UInt32s, flags: UInt16s, characters: int) -> tuple[int, int]:
    """(sentence ends, ellipses).

    A sentence end is a run of sentence-end marks; one whose last mark is ASCII counts only before white space or the
    end, closers aside. So `3.14`, `example.org` and `?x=1` end nothing, and `。` needs no space after it.
    An ellipsis is `…` or three full stops.
    """
    ends = ellipses = 0
    i = 0
    while i < characters:
        if not flags[i] & TERMINAL:
            i += 1
            continue
        dots = 0
        while i < characters and flags[i] & TERMINAL:
            ellipses += points[i] == _ELLIPSIS
            dots = dots + 1 if points[i] == _DOT else 0
            if dots == 3:
                ellipses += 1
                dots = 0
            i += 1
        if points[i - 1] >= 0x80:
            ends += 1
            continue
        j = i
        while j < characters and flags[j] & CLOSER:
            j += 1
        if j == characters or flags[j] & SPACE:
            ends += 1
        i = j
    return ends, ellipses


HASH_FACTOR = np.uint64(0xD6E8FEB86659FD93)
_ONE = np.uint64(1)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_27, _SHIFT_30, _SHIFT_31 = np.uint64(27), np.uint64(30), np.uint64(31)


@kernel
def mix64(value: np.uint64) -> np.uint64:
    """The finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection of uint64 in which every bit moves every
    bit."""
    value = (value ^ (value >> _SHIFT_30)) * _MIX_1
    value = (value ^ (value >> _SHIFT_27)) * _MIX_2
    return value ^ (value >> _SHIFT_31)


@kernel
def hash_span(points: UInt32s, start: int, end: int) -> np.uint64:
    """A uint64 hash of points[start:end]: a polynomial of the code points modulo 2^64, then mixed. Not for adversaries."""
    value = np.uint64(0)
    for i in range(start, end):
        value = extended(value, points[i])
    return mix64(value)


@kernel
def extended(value: np.uint64, point: np.uint32) -> np.uint64:
    """The polynomial of a span, not yet mixed, with one more code point: how `hash_span` goes on."""
    return value * HASH_FACTOR + np.uint64(point) + _ONE


@kernel
def hash_prefixes(points: UInt32s, characters: int, prefixes: UInt64s) -> None:
    """prefixes[i] = the polynomial of points[:i], for i up to `characters`: every span's hash without walking it."""
    value = np.uint64(0)
    prefixes[0] = value
    for i in range(characters):
        value = extended(value, points[i])
        prefixes[i + 1] = value


#: Longer spans take the power of their length by squaring: a table as long as a text is a third of what measuring it holds.
TABLED_POWERS = 1 << 12


@kernel
def fill_powers(powers: UInt64s) -> None:
    """powers[i] = HASH_FACTOR^i, for a length that `prefix_hash` then looks up."""
    value = _ONE
    for i in range(len(powers)):
        powers[i] = value
        value = value * HASH_FACTOR


@kernel
def prefix_hash(prefixes: UInt64s, powers: UInt64s, start: int, end: int) -> np.uint64:
    """What `hash_span` gives for the span, from the text's prefixes; `powers` has at least that of 0."""
    length = end - start
    power = powers[length] if length < len(powers) else _power(length)
    return mix64(prefixes[end] - prefixes[start] * power)


@kernel
def _power(exponent: int) -> np.uint64:
    """HASH_FACTOR^exponent modulo 2^64."""
    value, square = _ONE, HASH_FACTOR
    while exponent:
        if exponent & 1:
            value = value * square
        square = square * square
        exponent >>= 1
    return value
