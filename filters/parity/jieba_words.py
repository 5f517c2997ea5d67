"""Chinese words as jieba cuts them, compiled: for thresholds that were calibrated on its words (FineWeb-2's cmn_Hani).

Reads the dictionary and the tables of the hidden Markov model inside the installed package `jieba` 0.42.1 (MIT; the extra
`jieba`), which is found and never imported: `dict.txt` and three Python literals. The tables take 17 MB and a second and a
half, once per process.

The algorithm is jieba's in its accurate mode (Sun Junyi's README): in a run of han characters, ASCII letters, digits and
`+#&._%-`, all dictionary words form a graph; the path of the greatest product of frequencies is found from the right, of
equal ones that with the longer word; neighbouring single characters on it that are no dictionary word together go through a
model of four states (begins, middle, ends, single) by Viterbi. All else is cut into single characters. Sums are in the
order in which jieba has them, so the words are the same, not merely alike. White space is in no word.

Cost: some 60 ns a character, most of it waiting for the dictionary's memory; linear. The words of a text that is no Chinese
are letters and numbers between all else.
"""

import ast
import dataclasses
import functools
import hashlib
import importlib.util
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from corpus.errors import InputError
from corpus.unicode.code_points import SPACE
from corpus.unicode.segmentation import Int32s, UInt8s, UInt16s, UInt32s, UInt64s, extended, kernel, mix64

Float64s = npt.NDArray[np.float64]

#: Raise it when a text gets other words: part of `filters.parity.jieba_signals`' values.
VERSION = 1

_DICTIONARY_SHA256 = "7197c3211ddd98962b036cdf40324d1ea2bfaa12bd028e68faa70111a88e12a8"
_FIRST_HAN, _LAST_HAN = 0x4E00, 0x9FD5
_PREFIX_ONLY = 1.0  # a log-probability that no word has
_IMPOSSIBLE = -3.14e100
_NONE, _ONE = np.uint64(0), np.uint64(1)

#: States, in the order of their letters, which decides between equal paths.
STATES = "BEMS"
_B, _E, _M, _S = range(4)
#: State → the two it may follow.
_BEFORE = np.array([[_E, _S], [_B, _M], [_B, _M], [_E, _S]], dtype=np.int64)

_DOT, _PERCENT = np.uint32(ord(".")), np.uint32(ord("%"))
_IN_BLOCK = np.array([chr(code).isalnum() or chr(code) in "+#&._%-" for code in range(128)])
_IS_ALPHANUMERIC = np.array([chr(code).isalnum() for code in range(128)])


@dataclasses.dataclass(frozen=True)
class JiebaTables:
    """What the kernels look up."""

    keys: UInt64s  # (slots,) hash of a word or of a word's beginning, 0 where empty; slots is a power of two
    scores: Float64s  # (slots,) log of a word's share of all, _PREFIX_ONLY for a beginning that is no word
    unknown: float  # the score of a character that is no word
    start: Float64s  # (4,) of states
    transitions: Float64s  # (4, 4): from, to
    emissions: Float64s  # (4, characters from _FIRST_HAN to _LAST_HAN)


def load() -> JiebaTables:
    """The tables of the installed package, shared by the process.

    Raises InputError where it is not installed, or its dictionary is not that of 0.42.1.
    """
    return _load(package_folder())


def package_folder() -> Path:
    """Where the installed `jieba` lies. Raises InputError where it is not installed."""
    specification = importlib.util.find_spec("jieba")
    folders = specification.submodule_search_locations if specification else None
    if not folders:
        raise InputError(
            "jieba: a rule is about a signal on its words, and the package is not installed; install it with "
            "`pip install jieba==0.42.1`, or keep Chinese out of run.languages"
        )
    return Path(next(iter(folders)))


@functools.cache
def _load(folder: Path) -> JiebaTables:
    raw = (folder / "dict.txt").read_bytes()
    if hashlib.sha256(raw).hexdigest() != _DICTIONARY_SHA256:
        raise InputError(f"{folder}: not the dictionary of jieba 0.42.1; reinstall it with `pip install jieba==0.42.1`")
    lines = (line.split(" ") for line in raw.decode("utf-8").splitlines())
    words = [(line[0], int(line[1])) for line in lines]

    def literal(name: str) -> dict[str, dict[str, float]]:
        source = (folder / "finalseg" / f"{name}.py").read_text(encoding="utf-8")
        value: dict[str, dict[str, float]] = ast.literal_eval(source.partition("P=")[2])
        return value

    start: dict[str, float] = literal("prob_start")  # type: ignore[assignment] # one level less than the others
    return make_tables(words, start, literal("prob_trans"), literal("prob_emit"))


def make_tables(
    words: Iterable[tuple[str, int]],
    start: dict[str, float],
    transitions: dict[str, dict[str, float]],
    emissions: dict[str, dict[str, float]],
) -> JiebaTables:
    """Tables of a dictionary (word, frequency; the last of equal words counts) and of a model by its states' letters."""
    given = list(words)
    frequencies = dict(given)
    total = math.log(sum(frequency for _, frequency in given))
    points = np.array([ord(c) for word in frequencies for c in word], dtype=np.uint32)
    lengths = np.array([len(word) for word in frequencies], dtype=np.int32)
    scores = np.array(
        [math.log(frequency) - total if frequency else _PREFIX_ONLY for frequency in frequencies.values()]
    )
    slots = 1 << (2 * len(points) - 1).bit_length()
    keys = np.zeros(slots, np.uint64)
    values = np.full(slots, _PREFIX_ONLY)
    entries = _fill(points, lengths, scores, keys, values)
    if 2 * entries < slots // 2:  # most beginnings of words are shared
        slots = 1 << (2 * entries - 1).bit_length()
        keys, values = np.zeros(slots, np.uint64), np.full(slots, _PREFIX_ONLY)
        _fill(points, lengths, scores, keys, values)
    model = np.full((4, _LAST_HAN - _FIRST_HAN + 1), _IMPOSSIBLE)
    steps = np.full((4, 4), _IMPOSSIBLE)
    for row, state in enumerate(STATES):
        for character, value in emissions[state].items():
            if _FIRST_HAN <= ord(character) <= _LAST_HAN:
                model[row, ord(character) - _FIRST_HAN] = value
        for after, value in transitions[state].items():
            steps[row, STATES.index(after)] = value
    return JiebaTables(keys, values, -total, np.array([start[state] for state in STATES]), steps, model)


@kernel
def _slot(keys: UInt64s, key: np.uint64) -> np.int64:
    mask = np.uint64(len(keys) - 1)
    slot = key & mask
    while keys[slot] != _NONE and keys[slot] != key:
        slot = (slot + _ONE) & mask
    return np.int64(slot)


@kernel
def _fill(points: UInt32s, lengths: Int32s, scores: Float64s, keys: UInt64s, values: Float64s) -> int:
    """Puts words and their beginnings into a table; returns how many entries it has."""
    entries = 0
    begin = 0
    for word in range(len(lengths)):
        value = _NONE
        slot = np.int64(0)
        for i in range(begin, begin + lengths[word]):
            value = extended(value, points[i])
            key = max(mix64(value), _ONE)
            slot = _slot(keys, key)
            entries += keys[slot] == _NONE
            keys[slot] = key
        values[slot] = scores[word]
        begin += lengths[word]
    return entries


@kernel
def _score(points: UInt32s, begin: int, end: int, keys: UInt64s, scores: Float64s) -> float:
    """The score of points[begin:end] as a word, _PREFIX_ONLY where it is none."""
    value = _NONE
    for i in range(begin, end):
        value = extended(value, points[i])
    key = max(mix64(value), _ONE)
    slot = _slot(keys, key)
    return scores[slot] if keys[slot] == key else _PREFIX_ONLY


@kernel
def _is_han(point: np.uint32) -> np.bool_:
    return _FIRST_HAN <= point <= _LAST_HAN


@kernel
def _in_block(point: np.uint32) -> np.bool_:
    return _IN_BLOCK[point] if point < 128 else _is_han(point)


@kernel
def _find_path(
    points: UInt32s,
    begin: int,
    end: int,
    keys: UInt64s,
    scores: Float64s,
    unknown: float,
    best: Float64s,  # scratch, (end - begin + 1,)
    after: Int32s,  # out, (end - begin,): where the word that begins at each place ends, from `begin`
) -> None:
    best[end - begin] = 0.0
    for i in range(end - 1, begin - 1, -1):
        found = False
        top, stop = 0.0, i + 1
        value = _NONE
        for j in range(i, end):
            value = extended(value, points[j])
            key = max(mix64(value), _ONE)
            slot = _slot(keys, key)
            if keys[slot] != key:
                break
            score = scores[slot]
            if score == _PREFIX_ONLY:
                continue
            score = score + best[j + 1 - begin]
            if not found or score >= top:
                found = True
                top, stop = score, j + 1
        if not found:
            top = unknown + best[i + 1 - begin]
        best[i - begin] = top
        after[i - begin] = stop - begin


@kernel
def _cut_by_model(
    points: UInt32s,
    begin: int,
    end: int,
    start: Float64s,
    transitions: Float64s,
    emissions: Float64s,
    back: UInt8s,  # scratch, (4 × (end - begin),)
    starts: Int32s,
    ends: Int32s,
    words: int,
) -> int:
    """Words of a run of han characters by the most likely states."""
    now, then = np.empty(4, np.float64), np.empty(4, np.float64)
    for state in range(4):
        now[state] = start[state] + emissions[state, points[begin] - _FIRST_HAN]
    for i in range(begin + 1, end):
        for state in range(4):
            emission = emissions[state, points[i] - _FIRST_HAN]
            first, second = _BEFORE[state, 0], _BEFORE[state, 1]
            a = now[first] + transitions[first, state] + emission
            b = now[second] + transitions[second, state] + emission
            then[state] = b if b >= a else a  # `second` has the later letter
            back[4 * (i - begin) + state] = second if b >= a else first
        now[:] = then
    state = _S if now[_S] >= now[_E] else _E
    # From the right: a word ends where the state is E or S, and begins at B or S.
    for i in range(end - 1, begin, -1):
        here = state
        state = back[4 * (i - begin) + state]
        back[4 * (i - begin)] = here
    back[0] = state
    word_begin = next_begin = begin
    for i in range(begin, end):
        state = back[4 * (i - begin)]
        if state == _B:
            word_begin = i
        elif state in (_E, _S):
            starts[words], ends[words] = word_begin if state == _E else i, i + 1
            words += 1
            next_begin = i + 1
    if next_begin < end:
        starts[words], ends[words] = next_begin, end
        words += 1
    return words


@kernel
def _cut_letters(points: UInt32s, begin: int, end: int, starts: Int32s, ends: Int32s, words: int) -> int:
    """What is no han: letters and digits, with a decimal part and a per cent sign; and what lies between."""
    i = between = begin
    while i < end:
        if not _IS_ALPHANUMERIC[points[i]]:
            i += 1
            continue
        if between < i:
            starts[words], ends[words] = between, i
            words += 1
        first = i
        while i < end and _IS_ALPHANUMERIC[points[i]]:
            i += 1
        if i + 1 < end and points[i] == _DOT and 48 <= points[i + 1] <= 57:
            i += 1
            while i < end and 48 <= points[i] <= 57:
                i += 1
        if i < end and points[i] == _PERCENT:
            i += 1
        starts[words], ends[words] = first, i
        words += 1
        between = i
    if between < end:
        starts[words], ends[words] = between, end
        words += 1
    return words


@kernel
def cut_chinese(
    points: UInt32s,
    flags: UInt16s,  # of corpus.unicode.code_points
    begin: int,
    end: int,
    keys: UInt64s,
    scores: Float64s,
    unknown: float,
    start: Float64s,
    transitions: Float64s,
    emissions: Float64s,
    best: Float64s,  # scratch, (end - begin + 1,)
    after: Int32s,  # scratch, (end - begin,)
    back: UInt8s,  # scratch, (4 × (end - begin),)
    starts: Int32s,
    ends: Int32s,
) -> int:
    """Writes each word's [start, end) of points[begin:end]; returns the number of words."""
    words = 0
    i = begin
    while i < end:
        if not _in_block(points[i]):
            if not flags[i] & SPACE:
                starts[words], ends[words] = i, i + 1
                words += 1
            i += 1
            continue
        block = i
        while i < end and _in_block(points[i]):
            i += 1
        _find_path(points, block, i, keys, scores, unknown, best, after)
        at = block
        single = block  # where the single characters before `at` begin
        while at <= i:
            stop = block + after[at - block] if at < i else i + 1
            if at < i and stop - at == 1:
                at = stop
                continue
            if at - single == 1:
                starts[words], ends[words] = single, at
                words += 1
            elif at > single and _score(points, single, at, keys, scores) != _PREFIX_ONLY:
                for character in range(single, at):
                    starts[words], ends[words] = character, character + 1
                    words += 1
            else:
                while single < at:
                    piece = single
                    han = _is_han(points[single])
                    while single < at and _is_han(points[single]) == han:
                        single += 1
                    if han:
                        words = _cut_by_model(
                            points, piece, single, start, transitions, emissions, back, starts, ends, words
                        )
                    else:
                        words = _cut_letters(points, piece, single, starts, ends, words)
            if at < i:
                starts[words], ends[words] = at, stop
                words += 1
            at = single = stop
    return words
