"""The file of a supervised fastText model, believed in nothing: what is read of it lies in it and fits together.

Reads a model (versions 11 and 12, plain or quantized) as fastText's own C++ source writes it (Args, Dictionary, Matrix,
QuantMatrix, ProductQuantizer); fastText itself does not look, and a file cut short or made up makes it loop for ever, read
other memory, or end the process. Compiled code follows the arrays that come from here without a look of its own, so every
number that becomes a place is compared with what it is a place in, once, here.
Invariants of a StoredModel: sizes agree with the file's length, to the last byte; words stand before labels; the rows of the
matrices are as many as words, n-grams and labels ask for; kept n-grams have rows; numbers are finite; counts give a tree.
Cost: linear in the file, 1 µs an entry of the dictionary. Memory: the matrices as float32, for which a quantized model may not
ask for more than MOST_UNPACKED times the file.
"""

import mmap
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]

HIERARCHICAL, NEGATIVE, SOFTMAX, ONE_AGAINST_ALL = 1, 2, 3, 4

#: A quantized row has a byte for a part of it, of 2 numbers as fastText is called and 16 at most: 64 bytes unpacked.
MOST_UNPACKED = 64

#: n-grams of more characters, and runs of more words, are in no model; time to score grows with both.
LONGEST_NGRAM = LONGEST_RUN = 64

#: Buckets of a pruned model, which has no row for each: a bit each is held.
MOST_BUCKETS = 1 << 27

_MAGIC, _SUPERVISED, _BYTES_OF_ENTRY = 793712314, 3, 10
_GREATEST = 1e9  # of a weight: sums of products stay finite in float32
_MOST_COUNT = 10**15  # which a tree takes for what is not made yet


class StoredModel(NamedTuple):
    """What a file holds."""

    dimensions: int
    loss: int
    runs: int  # words of the longest run
    bucket: int
    shortest: int  # characters of an n-gram
    longest: int
    words: int
    labels: int
    pruned: int  # n-grams that were kept; -1: all
    names: list[bytes]  # of words, then of labels
    counts: list[int]  # how often each was seen
    kept: npt.NDArray[np.int32]  # (max(pruned, 0), 2) n-gram and row behind the words'
    rows: Float32s  # (rows, dimensions)
    output: Float32s | None  # (labels, dimensions); None where it is quantized


def read_stored(path: Path) -> StoredModel:
    """Raises ValueError for what is no whole supervised model, OSError where it cannot be read."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            return _stored(data)
        except struct.error as error:
            raise ValueError(f"it ends early: {error}") from error


def _stored(data: mmap.mmap) -> StoredModel:
    magic, version, *settings = struct.unpack_from("<ii12i", data)
    if magic != _MAGIC or version not in (11, 12):
        raise ValueError(f"magic number {magic}, version {version}")
    if settings[7] != _SUPERVISED:
        raise ValueError("word vectors without labels")
    dimensions, runs, loss, bucket, shortest, longest = (settings[at] for at in (0, 5, 6, 8, 9, 10))
    longest = longest if version == 12 else 0
    total, words, labels, _, pruned = struct.unpack_from("<3i2q", data, 64)
    if min(words, labels - 1) < 0 or total != words + labels:
        raise ValueError(f"{total} entries for {words} words and {labels} labels")
    if loss not in (HIERARCHICAL, NEGATIVE, SOFTMAX, ONE_AGAINST_ALL):
        raise ValueError(f"loss {loss}")
    if not (1 <= dimensions <= len(data) and runs <= LONGEST_RUN and longest <= LONGEST_NGRAM):
        raise ValueError(f"{dimensions} dimensions, n-grams of {longest} characters, runs of {runs} words")
    if bucket < (1 if longest > 0 or runs > 1 else 0) or (pruned >= 0 and bucket > MOST_BUCKETS):
        raise ValueError(f"{bucket} buckets")
    names, counts, at = _entries(data, words, labels)
    kept, at = _kept(data, at, pruned, bucket)
    rows, at, quantized = _matrix(data, at, dimensions, may_be_quantized=True)
    due = words + (bucket if pruned < 0 else 1 + int(kept[:, 1].max(initial=-1)))
    if rows is None or len(rows) < due:
        raise ValueError(f"{0 if rows is None else len(rows)} rows where {due} are due")
    output, at, _ = _matrix(data, at, dimensions, may_be_quantized=quantized, rows_due=labels)
    if at != len(data):
        raise ValueError(f"{len(data)} bytes where {at} are due")
    return StoredModel(
        dimensions, loss, runs, bucket, shortest, longest, words, labels, pruned, names, counts, kept, rows, output
    )  # fmt: skip


def _entries(data: mmap.mmap, words: int, labels: int) -> tuple[list[bytes], list[int], int]:
    """Words and labels, how often each was seen, and where they end: name, 0, count, type."""
    at, total = 92, words + labels
    if total * _BYTES_OF_ENTRY > len(data) - at:
        raise ValueError(f"{total} entries in {len(data)} bytes")
    names, counts = [], []
    for number in range(total):
        end = data.find(b"\0", at)
        if end < 0:
            raise ValueError("the dictionary does not end")
        count, kind = struct.unpack_from("<qb", data, end + 1)
        if kind != (number >= words) or not 0 <= count < _MOST_COUNT:
            raise ValueError(f"entry {number} of the dictionary is of kind {kind}, seen {count} times")
        names.append(data[at:end])
        counts.append(count)
        at = end + _BYTES_OF_ENTRY
    if len(set(names[:words])) != words or len(set(names[words:])) != labels:
        raise ValueError("a word or label stands twice in the dictionary")
    return names, counts, at


def _kept(data: mmap.mmap, at: int, pruned: int, bucket: int) -> tuple[npt.NDArray[np.int32], int]:
    pairs = _numbers(data, at, 2 * max(pruned, 0), "<i4").reshape(-1, 2)
    if pruned < -1 or (pairs < 0).any() or (pairs[:, 0] >= bucket).any():
        raise ValueError(f"its {pruned} kept n-grams are none of {bucket} buckets")
    return pairs, at + pairs.nbytes


def _matrix(
    data: mmap.mmap, at: int, dimensions: int, *, may_be_quantized: bool, rows_due: int | None = None
) -> tuple[Float32s | None, int, bool]:
    """(rows, dimensions), where the matrix ends, and whether it was quantized; of a quantized output no rows."""
    quantized = bool(_numbers(data, at, 1, "u1")[0]) and may_be_quantized
    at += 1
    if not quantized:
        rows, columns = struct.unpack_from("<2q", data, at)
        _check_shape(rows, columns, dimensions, rows_due)
        found = _finite(_numbers(data, at + 16, rows * columns, "<f4"))
        return found.reshape(rows, columns), at + 16 + found.nbytes, False
    norms, rows, columns, size = struct.unpack_from("<?2qi", data, at)
    _check_shape(rows, columns, dimensions, rows_due)
    codes, at = _numbers(data, at + 21, size, "u1"), at + 21 + size
    centroids, parts, width, at = _centroids(data, at, dimensions)
    if rows * parts != size:
        raise ValueError(f"{size} codes for {rows} rows of {parts} parts")
    scales = None
    if norms:
        norm_codes, at = _numbers(data, at, rows, "u1"), at + rows
        table, _, _, at = _centroids(data, at, 1)
        scales = table[norm_codes]
    if rows_due is not None:
        return None, at, True
    if 4 * rows * dimensions > MOST_UNPACKED * len(data):
        raise ValueError(f"{len(data)} bytes that unpack to {4 * rows * dimensions}")
    return _unpacked(codes.reshape(rows, parts), centroids, width, dimensions, scales), at, True


def _unpacked(
    codes: npt.NDArray[np.uint8], centroids: Float32s, width: int, dimensions: int, scales: Float32s | None
) -> Float32s:
    """The rows of a product-quantized matrix: for each part of a row one of 256 centroids, times the row's norm."""
    found = np.empty((len(codes), dimensions), np.float32)
    for part in range(codes.shape[1]):
        first = part * width
        own = min(width, dimensions - first)
        table = centroids[256 * first : 256 * (first + own)].reshape(256, own)
        found[:, first : first + own] = table[codes[:, part]]
    if scales is not None:
        found *= scales[:, None]
    return _finite(found)


def _centroids(data: mmap.mmap, at: int, dimensions: int) -> tuple[Float32s, int, int, int]:
    """256 of each part, how many parts, the numbers of each but the last, and where they end."""
    stated, parts, width, last = struct.unpack_from("<4i", data, at)
    if stated != dimensions or parts < 1 or not 1 <= last <= width or (parts - 1) * width + last != dimensions:
        raise ValueError(f"{parts} parts of {width} and {last} numbers for {dimensions} dimensions")
    found = _finite(_numbers(data, at + 16, 256 * dimensions, "<f4"))
    return found, parts, width, at + 16 + found.nbytes


def _check_shape(rows: int, columns: int, dimensions: int, rows_due: int | None) -> None:
    if rows < 0 or columns != dimensions or rows_due not in (None, rows):
        raise ValueError(f"a matrix of {rows} rows of {columns} numbers for {dimensions} dimensions")


def _finite(values: Float32s) -> Float32s:
    # Of a NaN both are one.
    if values.size and not (values.max() <= _GREATEST and values.min() >= -_GREATEST):
        raise ValueError("a weight that is no number, or out of all measure")
    return values


def _numbers(data: mmap.mmap, at: int, count: int, kind: str) -> npt.NDArray[Any]:
    """A copy of numbers in the file. Raises ValueError where it ends before them."""
    size = count * np.dtype(kind).itemsize
    if not 0 <= size <= len(data) - at:
        raise ValueError(f"{len(data)} bytes, {size} of them due from byte {at}")
    return np.frombuffer(data, kind, count, at).copy()
