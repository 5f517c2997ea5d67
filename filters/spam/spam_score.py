"""How much a text is like spam: the shipped classifier of advertising for gambling, pornography, loans, forged papers and miracle
cures, of stuffed keywords, menus, word salad and pages of errors; Chinese and English, Japanese and Russian as far as it goes.

scores(texts) → (texts,) float32, the probability that a text is spam, 0 to 1 in steps of 1/1000; 0 for a text without a token.
A logistic regression over hashed features, whose weights (int8) are a file of the package; benchmarks/train_spam.py makes it.

A *token* is a word in lower case, a character of a script without spaces, or a punctuation mark; every digit is 0. Features are
runs of 1 to 4 tokens, and of words their first 5 letters alone and in pairs, which stand for endings. A score is that of the mean weight of
all features: what one sentence says of a long text weighs little. Only the first CHARACTERS are looked at.

Invariant: integers are summed, so a text has one score on every machine (exp of a float64 is rounded to 1/1000).
Cost: about 15 ns a character of the first CHARACTERS. Memory: the weights, 256 kB.
"""

import functools
from importlib import resources

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.unicode import code_points
from corpus.unicode.code_points import NO_SPACE, SPACE
from corpus.unicode.segmentation import (
    ALPHANUMERIC,
    Int64s,
    UInt8s,
    UInt16s,
    UInt32s,
    UInt64s,
    decode,
    kernel,
    mix64,
    utf8_buffers,
)

#: Part of the fingerprint of `measure`: raise it with every change of a feature or a weight.
VERSION = 1

#: Of a text, that are looked at.
CHARACTERS = 3000
#: Weights: a power of two.
BUCKETS = 1 << 18

#: Features that a text of CHARACTERS tokens has at most: runs of 1 to 4, and the two of shortened words.
MOST_FEATURES = 6 * CHARACTERS
_LONGEST_RUN = 4
_PREFIX_CHARACTERS = 5
_MODEL = "model.npz"

_FACTOR = np.uint64(0x9FB21C651E98DF25)
_OFFSET = np.uint64(0xCBF29CE484222325)
_SHORT = np.uint64(0x51ED270B)
_PAIR = np.uint64(0x2545F491)
_MASK = np.uint64(BUCKETS - 1)

Int8Weights = npt.NDArray[np.int8]
Buckets = npt.NDArray[np.int32]


def scores(texts: pa.Array) -> npt.NDArray[np.float32]:
    """(texts,) how much each is like spam. Raises TypeError where `texts` is no string array, ValueError for a null."""
    data, offsets = utf8_buffers(texts)
    weights, scale, bias = _model()
    sums, counts = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int64)
    _sum_weights(data, offsets, code_points.load().classes, weights, sums, counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(counts > 0, sums / np.maximum(counts, 1), 0.0)
    found = np.round(1 / (1 + np.exp(-np.clip(mean * scale + bias, -30, 30))), 3)
    return np.where(counts > 0, found, 0).astype(np.float32)


def features(texts: pa.Array) -> tuple[Buckets, Int64s]:
    """(buckets of the features of all texts, one after the other; (texts + 1,) where each text's begin)."""
    data, offsets = utf8_buffers(texts)
    classes = code_points.load().classes
    out, ends = [], [0]
    points, tokens, shortened, found = _scratch()
    for row in range(len(texts)):
        count = _features(data, offsets[row], offsets[row + 1], classes, points, tokens, shortened, found)
        out.append(found[:count].copy())
        ends.append(ends[-1] + count)
    return np.concatenate(out) if out else np.empty(0, np.int32), np.array(ends, np.int64)


def warm_up() -> None:
    """Compiles the kernel, or loads it from Numba's cache: once per process, before the work is timed."""
    scores(pa.array(["The warm-up."]))


@functools.cache
def _model() -> tuple[Int8Weights, float, float]:
    """(weights (BUCKETS,), what their mean is multiplied by, what is added)."""
    with resources.files("filters.spam").joinpath(_MODEL).open("rb") as file:
        stored = np.load(file)
        return stored["weights"], float(stored["scale"]), float(stored["bias"])


@kernel
def _scratch() -> tuple[UInt32s, UInt64s, UInt64s, Buckets]:
    """(points, tokens, shortened, found) of one text after another, as `_features` takes them."""
    return (
        np.empty(4 * CHARACTERS, np.uint32),
        np.empty(CHARACTERS, np.uint64),
        np.empty(CHARACTERS, np.uint64),
        np.empty(MOST_FEATURES, np.int32),
    )


@kernel
def _sum_weights(
    data: UInt8s, offsets: Int64s, classes: UInt16s, weights: Int8Weights, sums: Int64s, counts: Int64s
) -> None:
    points, tokens, shortened, found = _scratch()
    for row in range(len(offsets) - 1):
        count = _features(data, offsets[row], offsets[row + 1], classes, points, tokens, shortened, found)
        total = 0
        for i in range(count):
            total += weights[found[i]]
        sums[row] = total
        counts[row] = count


@kernel
def _features(
    data: UInt8s,
    begin: int,
    end: int,
    classes: UInt16s,
    points: UInt32s,  # scratch, (4 * CHARACTERS,)
    tokens: UInt64s,  # scratch, (CHARACTERS,)
    shortened: UInt64s,  # scratch, (CHARACTERS,)
    found: Buckets,  # out, (MOST_FEATURES,): buckets
) -> int:
    """Writes the buckets of a text's features and returns how many."""
    stop = min(end, begin + 4 * CHARACTERS)
    while begin < stop < end and data[stop] & 0xC0 == 0x80:  # not inside a character
        stop -= 1
    characters = min(decode(data, begin, stop, points), CHARACTERS)
    count = _tokens(points, characters, classes, tokens, shortened)
    features = 0
    for i in range(count):
        run = _OFFSET
        for n in range(min(_LONGEST_RUN, count - i)):
            run = (run ^ tokens[i + n]) * _FACTOR
            found[features] = np.int32(mix64(run + np.uint64(n)) & _MASK)
            features += 1
        if shortened[i] != 0:
            found[features] = np.int32(mix64(shortened[i] ^ _SHORT) & _MASK)
            features += 1
            if i + 1 < count and shortened[i + 1] != 0:
                pair = (shortened[i] * _FACTOR) ^ shortened[i + 1]
                found[features] = np.int32(mix64(pair ^ _PAIR) & _MASK)
                features += 1
    return features


@kernel
def _tokens(points: UInt32s, characters: int, classes: UInt16s, tokens: UInt64s, shortened: UInt64s) -> int:
    """Hashes of the tokens, and of the beginnings of those that are words of several letters (0 of others)."""
    count = 0
    i = 0
    while i < characters:
        flag = classes[points[i]]
        if flag & SPACE or points[i] < 32:
            i += 1
            continue
        if not _is_of_word(flag):
            tokens[count] = mix64(np.uint64(_folded(points[i])) + _OFFSET)
            shortened[count] = 0
            count += 1
            i += 1
            continue
        word = _OFFSET
        first = i
        beginning = np.uint64(0)
        while i < characters and _is_of_word(classes[points[i]]):
            word = (word ^ np.uint64(_folded(points[i]))) * _FACTOR
            i += 1
            if i - first <= _PREFIX_CHARACTERS:
                beginning = word
        tokens[count] = mix64(word)
        shortened[count] = max(mix64(beginning), np.uint64(1))
        count += 1
    return count


@kernel
def _is_of_word(flag: np.uint16) -> bool:
    """Whether a character goes on a word; one of a script without spaces is a token of its own."""
    return bool(flag & ALPHANUMERIC != 0 and flag & NO_SPACE == 0)


@kernel
def _folded(point: np.uint32) -> np.uint32:
    """Lower case of Latin, Greek and Cyrillic letters, full-width forms as ASCII, every digit 0."""
    if 0xFF01 <= point <= 0xFF5E:
        point = np.uint32(point - 0xFEE0)
    if 48 <= point <= 57:
        return np.uint32(48)
    if 65 <= point <= 90 or 0xC0 <= point <= 0xDE or 0x391 <= point <= 0x3A9 or 0x410 <= point <= 0x42F:
        return np.uint32(point + 32)
    if 0x400 <= point <= 0x40F:
        return np.uint32(point + 80)
    return np.uint32(point)
