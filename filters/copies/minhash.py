"""MinHash of a document: text → tokens → shingle hashes → signature → band hashes, compiled.

Reads a string array; returns arrays of fixed width, for `signals/`. Cost: 3–5 ns a byte of text and 0.05 ns per
shingle and permutation.

- **Token**: a run of letters, numbers, their marks and underscores, in simple lower case; or one character of han,
  kana, hangul, Thai, Lao, Khmer, Myanmar and the like (`NO_SPACE`, `CJK`), each mark on it one more. Punctuation,
  symbols and white space separate and vanish; format characters (soft hyphen, byte order mark, joiners) vanish without
  separating.
- **Shingle**: `shingle` consecutive tokens (default 5, FineWeb's); a text of fewer tokens is one shingle of all of
  them; a text without tokens has none. Its 32-bit hash is the upper half of a mixed 64-bit polynomial of token hashes.
- **Signature**: entry p is the minimum over all shingles of fmix32(hash) * a[p] + b[p] mod 2^32: the scheme "affine32"
  of datasketch 2.0 (Zhu, ekzhu/datasketch issue 212), bit for bit what `MinHash(num_perm=P, seed=1)` holds after the
  same hashes, of which the share of equal entries estimates the Jaccard similarity of two shingle sets (Broder 1997).
- **Band hash**: a uint64 hash of the band's number and its rows, so that equal rows of different bands do not meet.

Invariant: a text without shingles has a signature of EMPTY_ENTRY only, is similar to nothing, and all its band hashes
are EMPTY_BAND, which no other document has: it must never be a candidate, though its band hashes are equal to others'.
"""

import functools

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.unicode import code_points
from corpus.unicode.code_points import CJK, CONNECTOR, FORMAT, MARK, NO_SPACE
from corpus.unicode.segmentation import (
    ALPHANUMERIC,
    Int64s,
    UInt8s,
    UInt16s,
    UInt32s,
    UInt64s,
    decode,
    kernel,
    longest,
    mix64,
    utf8_buffers,
)

#: Part of the fingerprint of `extract`: raise it with every change that can change a value.
VERSION = 1

SHINGLE = 5
PERMUTATIONS = 112
EMPTY_ENTRY = np.uint32(0xFFFFFFFF)
EMPTY_BAND = np.uint64(0)

_SINGLE = CJK | NO_SPACE
_ZERO, _ONE = np.uint64(0), np.uint64(1)
_TOKEN_SEED = np.uint64(0x2545F4914F6CDD1D)
_TOKEN_FACTOR = np.uint64(0xA24BAED4963EE407)
_SHINGLE_FACTOR = np.uint64(0x9FB21C651E98DF25)
_BAND_FACTOR = np.uint64(0xC2B2AE3D27D4EB4F)
_SHIFT_32 = np.uint64(32)
# MurmurHash3's 32-bit finalizer.
_FMIX_1, _FMIX_2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_SHIFT_13, _SHIFT_16 = np.uint32(13), np.uint32(16)


@functools.cache
def permutation_parameters(permutations: int) -> tuple[UInt32s, UInt32s]:
    """(a, b), each (permutations,) uint32, a odd: drawn as datasketch draws them for seed=1 and "affine32".

    NumPy guarantees that RandomState's stream never changes; the seed is fixed because another would make signatures of
    different runs incomparable for no gain.
    """
    generator = np.random.RandomState(1)
    a = generator.randint(0, 1 << 31, permutations, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    b = generator.randint(0, 1 << 32, permutations, dtype=np.uint32)
    return a, b


def signatures(texts: pa.Array, *, permutations: int = PERMUTATIONS, shingle: int = SHINGLE) -> tuple[UInt32s, UInt32s]:
    """(signature (len(texts), permutations) uint32, shingles (len(texts),) uint32: how many, repeated ones counted
    again).

    Raises TypeError where `texts` is no string array, ValueError for a null, or a number below 1.
    """
    _at_least_one(permutations=permutations, shingle=shingle)
    data, offsets = utf8_buffers(texts)
    table = code_points.load()
    a, b = permutation_parameters(permutations)
    signature = np.full((len(texts), permutations), EMPTY_ENTRY, dtype=np.uint32)
    shingles = np.zeros(len(texts), dtype=np.uint32)
    size = longest(offsets) + 1
    points, tokens, hashes = np.empty(size, np.uint32), np.empty(size, np.uint64), np.empty(size, np.uint32)
    _sign_all(data, offsets, table.classes, table.lower, shingle, a, b, points, tokens, hashes, signature, shingles)
    return signature, shingles


def shingle_hashes(text: str, shingle: int = SHINGLE) -> UInt32s:
    """The 32-bit hash of each shingle of one text, in order: what `signatures` takes the minima of."""
    _at_least_one(shingle=shingle)
    data, offsets = utf8_buffers(pa.array([text], pa.string()))
    table = code_points.load()
    size = longest(offsets) + 1
    points, tokens, hashes = np.empty(size, np.uint32), np.empty(size, np.uint64), np.empty(size, np.uint32)
    count = _hash_document(data, offsets[0], offsets[1], table.classes, table.lower, shingle, points, tokens, hashes)
    return hashes[:count].copy()


def flat_shingle_hashes(texts: pa.Array, shingle: int = SHINGLE) -> tuple[UInt32s, Int64s]:
    """(hashes of the shingles of all texts, one text after another; (len(texts) + 1,) where each text's begin).

    Memory: 16 bytes a byte of text, four while they are kept. Raises as `signatures`.
    """
    _at_least_one(shingle=shingle)
    data, offsets = utf8_buffers(texts)
    table = code_points.load()
    size = longest(offsets) + 1
    points, tokens = np.empty(size, np.uint32), np.empty(size, np.uint64)
    hashes = np.empty(int(offsets[-1] - offsets[0]) + 1, np.uint32)
    begins = np.zeros(len(texts) + 1, np.int64)
    _hash_all(data, offsets, table.classes, table.lower, shingle, points, tokens, hashes, begins)
    return hashes[: begins[-1]], begins


def sign_hashes(hashes: UInt32s, *, permutations: int = PERMUTATIONS) -> UInt32s:
    """The (permutations,) signature of a set of 32-bit hashes, however they were made."""
    _at_least_one(permutations=permutations)
    a, b = permutation_parameters(permutations)
    signature = np.full(permutations, EMPTY_ENTRY, dtype=np.uint32)
    scratch = np.array(hashes, dtype=np.uint32)
    _sign(scratch, len(scratch), a, b, signature)
    return signature


def codes_of(signatures: UInt32s) -> UInt8s:
    """The low 8 bits of signatures, (rows, permutations): what is stored and compared, a quarter of the bytes."""
    return signatures.astype(np.uint8)


def bands(signatures: UInt32s, *, bands: int, rows: int) -> UInt64s:
    """(documents, bands) uint64: a hash of each band's number and rows; EMPTY_BAND for a document without shingles.

    Band k is entries [k * rows, (k + 1) * rows); entries past bands * rows are not used.
    Raises ValueError where bands * rows is more than the signatures hold, or either is below 1.
    """
    _at_least_one(bands=bands, rows=rows)
    if signatures.ndim != 2 or bands * rows > signatures.shape[1]:
        raise ValueError(f"bands * rows must be at most the signature's entries: {bands} * {rows}, {signatures.shape}")
    hashes = np.empty((len(signatures), bands), dtype=np.uint64)
    _hash_bands(np.ascontiguousarray(signatures, dtype=np.uint32), rows, hashes)
    return hashes


def similarity(a: UInt32s, b: UInt32s) -> npt.NDArray[np.float64]:
    """Estimated Jaccard similarity: the share of equal entries over the last axis, broadcast; 0 with an empty
    signature."""
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(f"signatures must have as many entries: {a.shape[-1]}, {b.shape[-1]}")
    share = np.mean(a == b, axis=-1, dtype=np.float64)
    # Only two empty signatures can be wrongly alike: an empty one meets others nowhere but at a minimum of 2^32 - 1.
    empty = np.all(a == EMPTY_ENTRY, axis=-1) | np.all(b == EMPTY_ENTRY, axis=-1)
    return np.where(empty, 0.0, share)


def warm_up() -> None:
    """Compiles the kernels, or loads them from Numba's cache: once per process, before the work is timed."""
    signature, _ = signatures(pa.array(["The warm-up."]), permutations=2)
    bands(signature, bands=1, rows=2)


def _at_least_one(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} must be at least 1, not {number}")


@kernel
def _sign_all(
    data: UInt8s,
    offsets: Int64s,  # (documents + 1,)
    classes: UInt16s,
    lower: UInt32s,
    shingle: int,
    a: UInt32s,
    b: UInt32s,
    points: UInt32s,  # scratch
    tokens: UInt64s,  # scratch
    hashes: UInt32s,  # scratch
    signature: UInt32s,  # out, (documents, permutations), EMPTY_ENTRY before
    shingles: UInt32s,  # out, (documents,)
) -> None:
    for document in range(len(shingles)):
        count = _hash_document(
            data, offsets[document], offsets[document + 1], classes, lower, shingle, points, tokens, hashes
        )
        _sign(hashes, count, a, b, signature[document])
        shingles[document] = count


@kernel
def _hash_all(
    data: UInt8s,
    offsets: Int64s,  # (documents + 1,)
    classes: UInt16s,
    lower: UInt32s,
    shingle: int,
    points: UInt32s,  # scratch
    tokens: UInt64s,  # scratch
    hashes: UInt32s,  # out
    begins: Int64s,  # out, (documents + 1,), 0 before
) -> None:
    for document in range(len(begins) - 1):
        into = hashes[begins[document] :]
        count = _hash_document(
            data, offsets[document], offsets[document + 1], classes, lower, shingle, points, tokens, into
        )
        begins[document + 1] = begins[document] + count


@kernel
def _hash_document(
    data: UInt8s,
    begin: int,
    end: int,
    classes: UInt16s,
    lower: UInt32s,
    shingle: int,
    points: UInt32s,
    tokens: UInt64s,
    hashes: UInt32s,
) -> int:
    characters = decode(data, begin, end, points)
    count = _hash_tokens(points, characters, classes, lower, tokens)
    return _hash_shingles(tokens, count, shingle, hashes)


@kernel
def _hash_tokens(points: UInt32s, characters: int, classes: UInt16s, lower: UInt32s, tokens: UInt64s) -> int:
    """Writes the hash of each token; returns how many, at most `characters`."""
    count = 0
    value = _TOKEN_SEED
    in_run = 0
    after_single = False  # a mark here belongs to a token of one character
    for i in range(characters):
        point = points[i]
        flag = classes[point]
        if flag & FORMAT:
            continue
        # A run that ends here is kept by counting it. Else the next one is written over it: a branch at every word's end
        # would be mispredicted half of the time.
        tokens[count] = value
        if flag & _SINGLE or (flag & MARK and after_single):
            count += in_run
            tokens[count] = (_TOKEN_SEED ^ np.uint64(lower[point])) * _TOKEN_FACTOR
            count += 1
            value = _TOKEN_SEED
            in_run = 0
            after_single = True
        else:
            inside = 1 if flag & (ALPHANUMERIC | CONNECTOR) else 0
            count += in_run & ~inside
            longer = (value ^ np.uint64(lower[point])) * _TOKEN_FACTOR
            value = longer if inside else _TOKEN_SEED
            in_run = inside
            after_single = False
    if in_run:
        tokens[count] = value
        count += 1
    for i in range(count):
        tokens[i] = mix64(tokens[i])
    return count


@kernel
def _hash_shingles(tokens: UInt64s, count: int, shingle: int, hashes: UInt32s) -> int:
    """Writes the hash of each run of `shingle` tokens by a rolling polynomial; returns how many."""
    width = min(shingle, count)
    if width == 0:
        return 0
    leaving = _ONE
    for _ in range(width):
        leaving = leaving * _SHINGLE_FACTOR
    value = _ZERO
    for i in range(count):
        value = value * _SHINGLE_FACTOR + tokens[i]
        if i >= width:
            value -= leaving * tokens[i - width]
        if i >= width - 1:
            hashes[i - width + 1] = np.uint32(mix64(value) >> _SHIFT_32)
    return count - width + 1


@kernel
def _sign(hashes: UInt32s, count: int, a: UInt32s, b: UInt32s, signature: UInt32s) -> None:
    """Lowers `signature` to the minima over hashes[:count], which it mixes in place."""
    # uint32 * uint32 is uint64 to Numba: without a cast after each operation the wrap-around is wrong and SIMD half as
    # wide.
    for i in range(count):
        value = hashes[i]
        value = np.uint32(np.uint32(value ^ np.uint32(value >> _SHIFT_16)) * _FMIX_1)
        value = np.uint32(np.uint32(value ^ np.uint32(value >> _SHIFT_13)) * _FMIX_2)
        hashes[i] = np.uint32(value ^ np.uint32(value >> _SHIFT_16))
    for permutation in range(len(signature)):
        factor, offset = a[permutation], b[permutation]
        least = signature[permutation]
        # The innermost loop runs over the hashes: a minimum in registers, which the compiler makes SIMD.
        for i in range(count):
            least = min(least, np.uint32(np.uint32(hashes[i] * factor) + offset))
        signature[permutation] = least


@kernel
def _hash_bands(signatures: UInt32s, rows: int, hashes: UInt64s) -> None:
    for document in range(signatures.shape[0]):
        empty = True
        for entry in range(signatures.shape[1]):
            empty = empty and signatures[document, entry] == EMPTY_ENTRY
        for band in range(hashes.shape[1]):
            value = mix64(np.uint64(band) + _ONE)
            for row in range(rows):
                value = (value ^ np.uint64(signatures[document, band * rows + row])) * _BAND_FACTOR
                value ^= value >> _SHIFT_32
            hashes[document, band] = EMPTY_BAND if empty else max(mix64(value), _ONE)
