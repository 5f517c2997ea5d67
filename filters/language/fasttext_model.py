"""A supervised fastText model read and applied by compiled code: labels and probabilities of lines of text.

Reads a model file (plain or quantized) and lines; returns, per line, its `k` likeliest labels and their
probabilities, as `fasttext`'s own `predict` of the same line does: equal labels, equal probabilities to 1e-5 (floats are
added in the same order). What is left to `fasttext`: the loss "ova" (one against all), and quantized outputs.

The parts, as the C++ source of fastText 0.9 has them (Joulin et al. 2016, arXiv:1607.01759; 1612.03651 for the quantizer):
- a line is words between white space, and "</s>"; a word that begins with __label__ is none;
- rows of a word: its own where it is in the dictionary, then those of its n-grams of `minn` to `maxn` characters between
  "<" and ">", by FNV-1a of their bytes modulo `bucket`; of a pruned model those that it kept; then runs of words;
- the text is the mean of the rows; labels are the leaves of a Huffman tree (hierarchical softmax), or softmax.

Cost: 30 ns a byte of text for lid.176.ftz. Memory: the rows as float32 (lid.176.ftz: 3 MB), shared by the process.
Invariant: a line's answer depends on the line and the model alone.
"""

import mmap
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import fasttext
import numpy as np
import numpy.typing as npt

from corpus.unicode.segmentation import Int32s, Int64s, UInt8s, UInt32s, UInt64s, kernel

#: Part of the fingerprint of what it scores: raise it with every change that can change a probability.
VERSION = 1

Float32s = npt.NDArray[np.float32]

_HIERARCHICAL, _SOFTMAX = 1, 3
_SUPERVISED = 3
_FNV_START, _FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
_PREFIX = b"__label__"
_END = b"</s>"
_FREE = 2**32 - 1
_RUN_FACTOR = np.uint64(116049371)
_LEAST = np.float32(np.log(1e-5))  # log of a probability of 0, as fastText takes it


class Tables(NamedTuple):
    """What the kernels read."""

    words: Int32s  # hash table: number of an entry, or -1
    entries: UInt8s  # the bytes of all entries
    entry_starts: Int64s  # (entries + 1,)
    filter: UInt64s  # a bit for each n-gram that a pruned model kept: most were not, and this fits into a core's cache
    reciprocal: UInt64s  # (1,) 2^64 / bucket, rounded up
    kept: UInt32s  # hash table of a pruned model: n-gram, or 2^32 - 1
    kept_rows: UInt32s  # the row of each
    rows: Float32s  # (rows, dimensions)
    output: Float32s  # (labels, dimensions); of a tree the row of its inner node i is i - labels
    left: Int32s  # (2 × labels - 1,) of a tree: the node below, or -1; empty with softmax
    right: Int32s
    word_rows: int  # entries that are words, the first rows
    labels: int
    bucket: int
    shortest: int  # characters of an n-gram
    longest: int
    runs: int  # words of the longest run
    end: int  # number of the entry "</s>", or -1
    pruned: int  # n-grams that were kept; -1: all


class FastTextModel(NamedTuple):
    """A model and the names of its labels, prefix included."""

    tables: Tables
    labels: tuple[str, ...]

    def predict(self, lines: Sequence[str], *, k: int) -> tuple[Int32s, Float32s]:
        """(lines, k) numbers of the likeliest labels, -1 where there are no more, and their probabilities, the highest first.

        A line feed ends a line; lone surrogates become "?".
        """
        encoded = [line.encode("utf-8", "replace") for line in lines]
        data = np.frombuffer(b"".join(encoded), np.uint8)
        offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        k = min(k, len(self.labels))
        numbers = np.full((len(lines), k), -1, np.int32)
        probabilities = np.zeros((len(lines), k), np.float32)
        longest = max(map(len, encoded), default=0) + len(_END) + 2
        _predict_all(
            data, offsets, self.tables, np.empty(longest, np.uint8), np.empty(longest, np.int32), numbers, probabilities
        )
        return numbers, probabilities


def read_model(path: Path) -> FastTextModel | None:
    """The model of a file that is whole; None where it is one that is left to `fasttext`. Raises ValueError for no model."""
    data = memoryview(np.memmap(path, np.uint8, "r"))  # type: ignore[arg-type]
    magic, version, *settings = struct.unpack_from("<ii12i", data)
    if magic != 793712314 or version not in (11, 12) or settings[7] != _SUPERVISED:
        raise ValueError("no supervised fastText model")
    dimensions, loss = settings[0], settings[6]
    if loss not in (_HIERARCHICAL, _SOFTMAX):
        return None
    total, words, labels, _, pruned = struct.unpack_from("<3i2q", data, 64)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        names, counts, at = _entries(mapped, total)
    pairs = np.frombuffer(data[at : at + 8 * max(pruned, 0)], "<i4").reshape(-1, 2)
    at += 8 * max(pruned, 0)
    quantized = bool(data[at])
    rows, at = (_quantized if quantized else _plain)(data, at + 1)
    if data[at] and quantized:
        return None
    output, _ = _plain(data, at + 1)
    left, right = _tree(counts[words:]) if loss == _HIERARCHICAL else (np.empty(0, np.int32), np.empty(0, np.int32))
    kept, kept_rows = _kept(pairs)
    tables = Tables(
        words=_word_table(names),
        entries=np.frombuffer(b"".join(names) or b"\0", np.uint8),
        entry_starts=np.cumsum([0, *map(len, names)]).astype(np.int64),
        filter=_filter(pairs[:, 0], settings[8]),
        reciprocal=np.array([(2**64 - 1) // max(2, settings[8]) + 1], np.uint64),
        kept=kept,
        kept_rows=kept_rows,
        rows=rows.reshape(-1, dimensions),
        output=output.reshape(-1, dimensions),
        left=left,
        right=right,
        word_rows=words,
        labels=labels,
        bucket=settings[8],
        shortest=settings[9],
        longest=settings[10] if version == 12 else 0,
        runs=settings[5],
        end=names.index(_END) if _END in names[:words] else -1,
        pruned=pruned,
    )
    return FastTextModel(tables, tuple(name.decode("utf-8", "replace") for name in names[words:]))


class OwnPredict:
    """A model that only fastText itself can apply, asked as a FastTextModel is."""

    def __init__(self, path: Path) -> None:
        fasttext.FastText.eprint = lambda *_: None  # it warns on standard error, at every load, of a change of 2019
        self._model = fasttext.load_model(str(path))
        self.labels: tuple[str, ...] = tuple(self._model.labels)
        self._numbers = {label: number for number, label in enumerate(self.labels)}

    def predict(self, lines: Sequence[str], *, k: int) -> tuple[Int32s, Float32s]:
        numbers, probabilities = np.full((len(lines), k), -1, np.int32), np.zeros((len(lines), k), np.float32)
        for row, (names, found) in enumerate(zip(*self._model.predict(list(lines), k=k), strict=True)):
            numbers[row, : len(names)] = [self._numbers[name] for name in names]
            probabilities[row, : len(names)] = found
        return numbers, probabilities


def load_model(path: Path) -> FastTextModel | OwnPredict:
    """A model of a file that is whole. Raises ValueError for none."""
    return read_model(path) or OwnPredict(path)


# ------------------------------------------------------------------------------------------------ the file


def _entries(data: mmap.mmap, total: int) -> tuple[list[bytes], list[int], int]:
    """Words and labels, how often each was seen, and where they end: name, 0, count, type."""
    at = 92
    names, counts = [], []
    for _ in range(total):
        end = data.find(b"\0", at)
        names.append(data[at:end])
        counts.append(struct.unpack_from("<q", data, end + 1)[0])
        at = end + 10
    return names, counts, at


def _plain(data: memoryview, at: int) -> tuple[Float32s, int]:
    rows, columns = struct.unpack_from("<2q", data, at)
    end = at + 16 + 4 * rows * columns
    return np.frombuffer(data[at + 16 : end], "<f4").copy(), end


def _quantized(data: memoryview, at: int) -> tuple[Float32s, int]:
    """The rows of a product-quantized matrix: for each part of a row one of 256 centroids, times the row's norm."""
    norms, rows, _, size = struct.unpack_from("<?2qi", data, at)
    at += 21
    codes = np.frombuffer(data[at : at + size], np.uint8).reshape(rows, -1)
    centroids, (dimensions, parts, width, last), at = _centroids(data, at + size)
    found = np.empty((rows, dimensions), np.float32)
    for part in range(parts):
        own = last if part == parts - 1 else width
        first = 256 * part * width
        table = centroids[first : first + 256 * own].reshape(256, own)
        found[:, part * width : part * width + own] = table[codes[:, part]]
    if norms:
        norm_codes = np.frombuffer(data[at : at + rows], np.uint8)
        scales, _, at = _centroids(data, at + rows)
        found *= scales[norm_codes][:, None]
    return found.ravel(), at


def _centroids(data: memoryview, at: int) -> tuple[Float32s, tuple[int, int, int, int], int]:
    sizes = struct.unpack_from("<4i", data, at)
    end = at + 16 + 4 * 256 * sizes[0]
    return np.frombuffer(data[at + 16 : end], "<f4"), sizes, end


def _tree(counts: list[int]) -> tuple[Int32s, Int32s]:
    """(left, right) of the Huffman tree over labels, which stand in falling order of counts."""
    leaves = len(counts)
    nodes = 2 * leaves - 1
    weights = [*counts, *[10**15] * (leaves - 1)]
    left, right = np.full(nodes, -1, np.int32), np.full(nodes, -1, np.int32)
    leaf, node = leaves - 1, leaves
    for inner in range(leaves, nodes):
        below = []
        for _ in range(2):
            if leaf >= 0 and weights[leaf] < weights[node]:
                below.append(leaf)
                leaf -= 1
            else:
                below.append(node)
                node += 1
        left[inner], right[inner] = below
        weights[inner] = weights[below[0]] + weights[below[1]]
    return left, right


def _word_table(names: list[bytes]) -> Int32s:
    slots = np.full(1 << max(4, (2 * len(names)).bit_length()), -1, np.int32)
    for number, name in enumerate(names):
        slot = int(_fnv(np.frombuffer(name, np.uint8), 0, len(name))) & (len(slots) - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = number
    return slots


def _filter(grams: npt.NDArray[np.int32], bucket: int) -> UInt64s:
    words = np.zeros(bucket // 64 + 1 if len(grams) else 1, np.uint64)
    np.bitwise_or.at(words, grams >> 6, np.uint64(1) << (grams & 63).astype(np.uint64))
    return words


def _kept(pairs: npt.NDArray[np.int32]) -> tuple[UInt32s, UInt32s]:
    """n-grams that a pruned model kept, in slots by their lower bits, and their rows."""
    size = 1 << max(4, (4 * len(pairs)).bit_length())
    slots, rows = np.full(size, _FREE, np.uint32), np.zeros(size, np.uint32)
    for gram, row in pairs.tolist():
        slot = gram & (size - 1)
        while slots[slot] != _FREE:
            slot = (slot + 1) & (size - 1)
        slots[slot], rows[slot] = gram, row
    return slots, rows


# ------------------------------------------------------------------------------------------------ kernels


@kernel
def _fnv(data: UInt8s, begin: int, end: int) -> np.uint32:
    """FNV-1a as fastText computes it: over signed bytes."""
    value = _FNV_START
    for place in range(begin, end):
        value = np.uint32(np.uint32(value ^ np.uint32(np.int32(np.int8(data[place])))) * _FNV_PRIME)
    return value


@kernel
def _entry(word: UInt8s, begin: int, end: int, value: np.uint32, model: Tables) -> np.int32:
    """The number of a word of the dictionary, or -1."""
    mask = np.uint32(len(model.words) - 1)
    slot = value & mask
    while model.words[slot] >= 0:
        number = model.words[slot]
        first = model.entry_starts[number]
        if model.entry_starts[number + 1] - first == end - begin:
            same = True
            for place in range(end - begin):
                if model.entries[first + place] != word[begin + place]:
                    same = False
                    break
            if same:
                return number
        slot = np.uint32(slot + np.uint32(1)) & mask
    return np.int32(-1)


@kernel
def _modulo(value: np.uint32, model: Tables) -> np.uint64:
    """value modulo the bucket, by two multiplications in place of a division (Lemire et al. 2019, arXiv:1902.01961)."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    fraction = model.reciprocal[0] * np.uint64(value)
    bucket = np.uint64(model.bucket)
    return ((fraction >> half) * bucket + (((fraction & low) * bucket) >> half)) >> half


@kernel
def _add_gram(gram: np.uint64, model: Tables, hidden: Float32s) -> int:
    """Adds the row of an n-gram or run of words, where the model has it: 1, else 0."""
    if model.pruned == 0:
        return 0
    if model.pruned > 0:
        if not model.filter[gram >> np.uint64(6)] >> (gram & np.uint64(63)) & np.uint64(1):
            return 0
        mask = np.uint64(len(model.kept) - 1)
        slot = gram & mask
        while model.kept[slot] != gram:
            slot = (slot + np.uint64(1)) & mask
        gram = np.uint64(model.kept_rows[slot])
    row = np.uint64(model.word_rows) + gram
    for place in range(len(hidden)):
        hidden[place] += model.rows[row, place]
    return 1


@kernel
def _add_word(word: UInt8s, end: int, model: Tables, hidden: Float32s) -> int:
    """Adds the rows of the n-grams of word[:end], "<" and ">" included; returns how many."""
    count = 0
    for first in range(end):
        if word[first] & 0xC0 == 0x80:
            continue
        value = _FNV_START
        place = first
        for length in range(1, model.longest + 1):
            if place >= end:
                break
            while True:
                value = np.uint32(np.uint32(value ^ np.uint32(np.int32(np.int8(word[place])))) * _FNV_PRIME)
                place += 1
                if place >= end or word[place] & 0xC0 != 0x80:
                    break
            if length >= model.shortest and not (length == 1 and (first == 0 or place == end)):
                count += _add_gram(_modulo(value, model), model, hidden)
    return count


@kernel
def _is_space(byte: np.uint8) -> bool:
    return bool(byte == 32 or 9 <= byte <= 13 or byte == 0)


@kernel
def _is_label(word: UInt8s, begin: int, end: int) -> bool:
    if end - begin < len(_PREFIX):
        return False
    different = 0
    for place in range(len(_PREFIX)):
        different |= word[begin + place] ^ _PREFIX[place]
    return bool(different == 0)


@kernel
def _read_line(
    data: UInt8s, begin: int, end: int, model: Tables, word: UInt8s, hashes: Int32s, hidden: Float32s
) -> int:
    """Adds all rows of a line to `hidden`, in fastText's order; returns how many."""
    count = words = 0
    place = begin
    while place < end and data[place] != 10:
        if _is_space(data[place]):
            place += 1
            continue
        first = place
        while place < end and not _is_space(data[place]):
            place += 1
        length = place - first
        word[0] = 60
        for byte in range(length):
            word[1 + byte] = data[first + byte]
        word[1 + length] = 62
        value = _fnv(word, 1, 1 + length)
        number = _entry(word, 1, 1 + length, value, model)
        if number >= model.word_rows or (number < 0 and _is_label(word, 1, 1 + length)):
            continue
        if number >= 0:
            for column in range(len(hidden)):
                hidden[column] += model.rows[number, column]
            count += 1
        if number != model.end or number < 0:
            count += _add_word(word, length + 2, model, hidden)
        hashes[words] = np.int32(value)
        words += 1
        if number == model.end and number >= 0:
            break
    else:
        if model.end >= 0:
            for column in range(len(hidden)):
                hidden[column] += model.rows[model.end, column]
            count += 1
        for byte in range(len(_END)):
            word[byte] = _END[byte]
        hashes[words] = np.int32(_fnv(word, 0, len(_END)))
        words += 1
    for first in range(words):
        run = np.uint64(np.int64(hashes[first]))
        for last in range(first + 1, min(words, first + model.runs)):
            run = run * _RUN_FACTOR + np.uint64(np.int64(hashes[last]))
            count += _add_gram(run % np.uint64(model.bucket), model, hidden)
    return count


@kernel
def _log(value: float) -> np.float32:
    return np.float32(np.log(value + 1e-5))


@kernel
def _dot(hidden: Float32s, row: Float32s) -> np.float32:
    total = np.float32(0)
    for place in range(len(hidden)):
        total += hidden[place] * row[place]
    return total


@kernel
def _keep(score: np.float32, label: int, count: int, numbers: Int32s, scores: Float32s) -> int:
    """Puts a label among the best so far, the highest first; returns how many there are."""
    place = count
    if count == len(numbers):
        if score <= scores[count - 1]:
            return count
        place = count - 1
    while place > 0 and scores[place - 1] < score:
        scores[place], numbers[place] = scores[place - 1], numbers[place - 1]
        place -= 1
    scores[place], numbers[place] = score, label
    return min(count + 1, len(numbers))


@kernel
def _walk(model: Tables, hidden: Float32s, nodes: Int32s, sums: Float32s, numbers: Int32s, scores: Float32s) -> int:
    """The best leaves of the tree."""
    count = 0
    nodes[0], sums[0] = len(model.left) - 1, 0
    depth = 1
    while depth:
        depth -= 1
        node, score = nodes[depth], sums[depth]
        if score < _LEAST or (count == len(numbers) and score < scores[count - 1]):
            continue
        if model.left[node] < 0:
            count = _keep(score, node, count, numbers, scores)
            continue
        value = _dot(hidden, model.output[node - model.labels])
        share = np.float32(1.0 / (np.float64(1) + np.float64(np.exp(-value))))
        right = score + _log(np.float64(share))
        left = score + _log(1.0 - np.float64(share))
        # The likelier one comes off first: what is less likely than the best k is then never walked through.
        first, second = (depth, depth + 1) if left > right else (depth + 1, depth)
        nodes[first], sums[first] = model.right[node], right
        nodes[second], sums[second] = model.left[node], left
        depth += 2
    return count


@kernel
def _softmax(model: Tables, hidden: Float32s, shares: Float32s, numbers: Int32s, scores: Float32s) -> int:
    """The best of a distribution over all labels."""
    for label in range(model.labels):
        shares[label] = _dot(hidden, model.output[label])
    most = shares[: model.labels].max()
    total = np.float32(0)
    for label in range(model.labels):
        shares[label] = np.exp(shares[label] - most)
        total += shares[label]
    count = 0
    for label in range(model.labels):
        count = _keep(_log(np.float64(shares[label] / total)), label, count, numbers, scores)
    return count


@kernel
def _predict_all(
    data: UInt8s,
    offsets: Int64s,  # (lines + 1,)
    model: Tables,
    word: UInt8s,  # scratch
    hashes: Int32s,  # scratch
    numbers: Int32s,  # out, (lines, k)
    probabilities: Float32s,  # out, (lines, k)
) -> None:
    hidden = np.empty(model.rows.shape[1], np.float32)
    nodes, sums = np.empty(2 * model.labels + 2, np.int32), np.empty(2 * model.labels + 2, np.float32)
    for line in range(len(offsets) - 1):
        hidden[:] = 0
        count = _read_line(data, offsets[line], offsets[line + 1], model, word, hashes, hidden)
        if count == 0:
            continue
        hidden *= np.float32(1.0 / count)
        if len(model.left):
            found = _walk(model, hidden, nodes, sums, numbers[line], probabilities[line])
        else:
            found = _softmax(model, hidden, sums, numbers[line], probabilities[line])
        for place in range(found):
            probabilities[line, place] = np.exp(probabilities[line, place])
