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
What a file says is checked in filters.language.identification.fasttext_file, so kernels follow its numbers as they are.
Invariant: a line's answer depends on the line and the model alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import fasttext
import numpy as np
import numpy.typing as npt

from corpus.errors import InputError
from corpus.unicode.segmentation import Int32s, Int64s, UInt8s, UInt32s, UInt64s, kernel
from filters.language.fasttext_file import HIERARCHICAL, SOFTMAX, read_stored

#: Part of the fingerprint of what it scores: raise it with every change that can change a probability.
VERSION = 1

Float32s = npt.NDArray[np.float32]

#: Slots of a hash table that is at most half full, from where an entry should be to where it is. Of 10^7 words that are hashed
#: well none needs 200; a dictionary made to need them all makes each look at it, and reading it, as slow as it is long.
MOST_PROBES = 1000

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
    """The model of a file; None where it is one that is left to `fasttext`. Raises ValueError for no whole model, OSError."""
    stored = read_stored(path)
    if stored.loss not in (HIERARCHICAL, SOFTMAX) or stored.output is None:
        return None
    names, words = stored.names, stored.words
    none = np.empty(0, np.int32)
    left, right = _tree(stored.counts[words:]) if stored.loss == HIERARCHICAL else (none, none)
    entries = np.frombuffer(b"".join(names) or b"\0", np.uint8)
    entry_starts = np.cumsum([0, *map(len, names)]).astype(np.int64)
    grams = stored.kept[:, 0]
    slots = _slots_of_words(entries, entry_starts)
    kept, kept_rows = _slots_of_grams(stored.kept)
    tables = Tables(
        words=slots,
        entries=entries,
        entry_starts=entry_starts,
        filter=_filter(grams, stored.bucket),
        reciprocal=np.array([(2**64 - 1) // max(2, stored.bucket) + 1], np.uint64),
        kept=kept,
        kept_rows=kept_rows,
        rows=stored.rows,
        output=stored.output,
        left=left,
        right=right,
        word_rows=words,
        labels=stored.labels,
        bucket=stored.bucket,
        shortest=stored.shortest,
        longest=stored.longest,
        runs=stored.runs,
        end=names.index(_END) if _END in names[:words] else -1,
        pruned=stored.pruned,
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
    """A model of a file. Raises InputError where it is missing, cut short, damaged or none."""
    try:
        return read_model(path) or OwnPredict(path)
    except OSError as error:
        raise InputError(f"{path}: the model cannot be read: {error.strerror}; check its path in the recipe") from error
    except ValueError as error:  # an empty file, which cannot be mapped, too
        said = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: not a fastText classifier, or cut short ({said}); download it again") from error


# ------------------------------------------------------------------------------------------------ tables


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


def _slots_of_words(entries: UInt8s, starts: Int64s) -> Int32s:
    slots = np.full(1 << max(4, (2 * (len(starts) - 1)).bit_length()), -1, np.int32)
    if not _fill_words(entries, starts, slots):
        raise ValueError("its words are made to fall on the same places of a hash table")
    return slots


def _filter(grams: npt.NDArray[np.int32], bucket: int) -> UInt64s:
    words = np.zeros(bucket // 64 + 1 if len(grams) else 1, np.uint64)
    np.bitwise_or.at(words, grams >> 6, np.uint64(1) << (grams & 63).astype(np.uint64))
    return words


def _slots_of_grams(pairs: npt.NDArray[np.int32]) -> tuple[UInt32s, UInt32s]:
    """n-grams that a pruned model kept, in slots by their lower bits, and their rows."""
    size = 1 << max(4, (4 * len(pairs)).bit_length())
    slots, rows = np.full(size, _FREE, np.uint32), np.zeros(size, np.uint32)
    if not _fill_grams(pairs, slots, rows):
        raise ValueError("its n-grams are made to fall on the same places of a hash table")
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
def _fill_words(entries: UInt8s, starts: Int64s, slots: Int32s) -> bool:
    """Puts the numbers of all entries into their slots; False where one takes more than MOST_PROBES to find."""
    mask = len(slots) - 1
    for number in range(len(starts) - 1):
        slot = np.int64(_fnv(entries, starts[number], starts[number + 1])) & mask
        probes = 0
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
            probes += 1
            if probes > MOST_PROBES:
                return False
        slots[slot] = number
    return True


@kernel
def _fill_grams(pairs: Int32s, slots: UInt32s, rows: UInt32s) -> bool:
    mask = len(slots) - 1
    for number in range(len(pairs)):
        slot = np.int64(pairs[number, 0]) & mask
        probes = 0
        while slots[slot] != _FREE:
            slot = (slot + 1) & mask
            probes += 1
            if probes > MOST_PROBES:
                return False
        slots[slot], rows[slot] = np.uint32(pairs[number, 0]), np.uint32(pairs[number, 1])
    return True


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
