"""Words as datatrove cuts English: the rules of spaCy's blank `en` tokenizer, compiled.

Thresholds tuned on datatrove's filters are tuned on these words, so the signals of the group `datatrove`
(`filters.parity.datatrove_signals`) are counted on them. Everything else uses `corpus.unicode.segmentation`.

Reads code points, and `datatrove_words.npz` (12 kB, written by benchmarks/peers/make_word_tables.py: what the tokenizer
of the spaCy named in the file answers for each character, its special cases and units). A text is cut at white space;
of each piece, in this order (spaCy's documentation, "How spaCy's tokenizer works"):
- a special case (`don't`, `cannot`, `e.g.`, `:-)`) has its own cuts;
- else prefixes and suffixes are taken off, one each a turn, until neither is there or the rest is a special case: quotes,
  brackets, punctuation, symbols, `'s`, units and currencies behind a digit, a full stop behind a lower-case letter, a
  digit, punctuation or two capitals, a run of two or more full stops;
- the rest is whole if it is a special case or looks like a URL or an address, else it is cut at infixes: symbols,
  ellipses, hyphens and `/ : < > =` between letters, operators between digits, `a,b` and `end.Begin`;
- at last a run of words that together are a special case with affixes (`and/or`, `a.m.`) becomes that case.

Words have no white space, so datatrove's stripping of them changes nothing. Cost: some 20 ns a character, linear.
Known differences: special cases that overlap are taken from the left, where spaCy takes the longest of all first; IPv4
addresses are hosts by a simpler rule.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np

from corpus.unicode import code_points
from corpus.unicode.code_points import DIGIT, LETTER, SPACE
from corpus.unicode.segmentation import (
    ALPHABETIC_WORD,
    SYMBOL_WORD,
    Int32s,
    UInt8s,
    UInt16s,
    UInt32s,
    UInt64s,
    extended,
    hash_span,
    kernel,
    mix64,
)

#: Raise it when a text gets other words: part of `filters.parity.datatrove_signals`' values.
VERSION = 1

DATA = Path(__file__).with_name("datatrove_words.npz")

# Flags of a character, in the order of make_word_tables.flags_of.
PREFIX = 1 << 0  # is taken off the front
SUFFIX = 1 << 1  # is taken off the end
BEFORE_DOT = 1 << 2  # a full stop behind it is taken off
UPPER = 1 << 3  # two of them, too
LEFT_OF_DOT = 1 << 4  # a full stop between this and
RIGHT_OF_DOT = 1 << 5  # this is an infix
ALPHA = 1 << 6
ICON = 1 << 7  # an infix anywhere
JOINT = 1 << 8  # an infix between a letter or digit and a letter
AFTER_DIGIT = 1 << 9  # is taken off the end behind a digit: currency, unit, plus
TOP_LEVEL = 1 << 10  # may be in a host's last label
WORD = 1 << 11  # \w
IS_PUNCTUATION = 1 << 12
SYMBOLIC = 1 << 13  # of datatrove's punctuation: a word of these only is a symbol word
LINE_END = 1 << 14  # of datatrove's terminal punctuation
SENTENCE_END = 1 << 15  # of spaCy's sentencizer

_LONGEST_CASE = 12
_LONGEST_UNIT = 5
_MOST_HOST_LABEL = 64
_TABLE_SLOTS = 4096
_ENDS = 12  # above this bit: bit n is set where the affix rules alone end a word behind n + 1 characters of the case
_NONE = np.uint64(0)

_DOT, _AT, _COLON, _SLASH, _COMMA, _PLUS, _HYPHEN, _UNDERSCORE, _EM_DASH, _ELLIPSIS, _DEGREE = (
    np.uint32(ord(c)) for c in ".@:/,+-_—…°"
)
_STAR, _CARET, _DOLLAR, _U, _S, _A, _C, _LITTLE_S, _APOSTROPHE, _QUOTE = (np.uint32(ord(c)) for c in "*^$USACs'’")
_DEGREES = np.array([c in "FfCcKk" for c in map(chr, range(128))])


@dataclasses.dataclass(frozen=True)
class WordTables:
    """What the kernels below look up."""

    classes: UInt16s  # (CODE_POINTS,) the flags above
    keys: UInt64s  # (_TABLE_SLOTS,) hash of a special case or unit, 0 where empty
    values: Int32s  # (_TABLE_SLOTS,) case: lengths of its words, 4 bits each, | _ENDS; unit: 0


@functools.cache
def load() -> WordTables:
    """The shipped tables, expanded; read-only arrays shared by the process."""
    with np.load(DATA, allow_pickle=False) as data:
        stops = np.append(data["class_starts"][1:], code_points.CODE_POINTS)
        classes = np.repeat(data["class_values"], stops - data["class_starts"])
        lengths = data["case_lengths"].astype(np.int32)  # (cases, 3)
        values = lengths[:, 0] | lengths[:, 1] << 4 | lengths[:, 2] << 8 | data["case_ends"].astype(np.int32) << _ENDS
        keys, slots = np.zeros(_TABLE_SLOTS, np.uint64), np.zeros(_TABLE_SLOTS, np.int32)
        _put(data["case_points"], lengths.sum(axis=1), values.astype(np.int32), keys, slots)
        # A unit is told from a case of the same letters by a first character that no text has.
        units = data["unit_lengths"].astype(np.int32)
        points = np.concatenate(
            [np.append(np.uint32(_UNIT), unit) for unit in np.split(data["unit_points"], np.cumsum(units)[:-1])]
        ).astype(np.uint32)
        _put(points, units + 1, np.zeros(len(units), np.int32), keys, slots)
    for array in (classes, keys, slots):
        array.setflags(write=False)
    return WordTables(classes, keys, slots)


_UNIT = np.uint32(code_points.CODE_POINTS)


def _put(points: UInt32s, lengths: Int32s, values: Int32s, keys: UInt64s, slots: Int32s) -> None:
    begin = 0
    for length, value in zip(lengths.tolist(), values.tolist(), strict=True):
        key = np.uint64(hash_span(points, begin, begin + length))
        slot = int(key) % _TABLE_SLOTS
        while keys[slot] != 0:
            slot = (slot + 1) % _TABLE_SLOTS
        keys[slot], slots[slot] = key, value
        begin += length


@kernel
def _find(keys: UInt64s, key: np.uint64) -> np.int64:
    """The slot of a key, or -1."""
    slot = np.int64(key & np.uint64(_TABLE_SLOTS - 1))
    while keys[slot] != _NONE:
        if keys[slot] == key:
            return slot
        slot = (slot + 1) & (_TABLE_SLOTS - 1)
    return np.int64(-1)


@kernel
def _case(points: UInt32s, begin: int, end: int, keys: UInt64s) -> np.int64:
    """The slot of the special case that points[begin:end] is, or -1."""
    if end - begin > _LONGEST_CASE or end <= begin:
        return np.int64(-1)
    return _find(keys, hash_span(points, begin, end))


@kernel
def _is_ascii_digit(point: np.uint32) -> np.bool_:
    return 48 <= point <= 57


@kernel
def _prefix(points: UInt32s, begin: int, end: int, classes: UInt16s) -> int:
    """Characters to take off the front."""
    first = points[begin]
    if first == _PLUS:
        return 0 if begin + 1 < end and _is_ascii_digit(points[begin + 1]) else 1
    if classes[first] & PREFIX:
        return 1
    if first == _DOT:
        dots = _leading_dots(points, begin, end)
        return dots if dots > 1 else 0
    if first == _U:
        return 3 if begin + 2 < end and points[begin + 1] == _S and points[begin + 2] == _DOLLAR else 0
    if first in (_C, _A):
        return 2 if begin + 1 < end and points[begin + 1] == _DOLLAR else 0
    return 0


@kernel
def _leading_dots(points: UInt32s, begin: int, end: int) -> int:
    i = begin
    while i < end and points[i] == _DOT:
        i += 1
    return i - begin


@kernel
def _suffix(points: UInt32s, begin: int, end: int, classes: UInt16s, keys: UInt64s) -> int:
    """Characters to take off the end: of all rules that match, the one that matches most."""
    if end <= begin:
        return 0
    last = points[end - 1]
    length = end - begin
    if last == _DOT:
        dots = 1
        while dots < length and points[end - 1 - dots] == _DOT:
            dots += 1
        if dots > 1:
            return dots
        if length < 2:
            return 0
        before = points[end - 2]
        if classes[before] & BEFORE_DOT:
            return 1
        if length > 2:
            if classes[before] & UPPER and classes[points[end - 3]] & UPPER:
                return 1
            if before < 128 and _DEGREES[before] and points[end - 3] == _DEGREE:
                return 1
        return 0
    found = 0
    flags = classes[last]
    if flags & SUFFIX:
        found = 1
        if last == _ELLIPSIS and length > 1 and points[end - 2] == _ELLIPSIS:
            return 2
    if length < 2:
        return found
    before = points[end - 2]
    if (last in (_LITTLE_S, _S)) and (before in (_APOSTROPHE, _QUOTE)):
        return 2
    if last == _DOLLAR and length > 2:
        if before == _S and points[end - 3] == _U and length > 3 and _is_ascii_digit(points[end - 4]):
            return 3
        if (before in (_C, _A)) and _is_ascii_digit(points[end - 3]):
            return 2
    if flags & AFTER_DIGIT and _is_ascii_digit(before):
        return 1
    # Units: from the last digit to the end.
    size = 1
    while size <= _LONGEST_UNIT and size < length and not _is_ascii_digit(points[end - 1 - size]):
        size += 1
    if 1 < size <= _LONGEST_UNIT and size < length:
        value = extended(_NONE, _UNIT)
        for i in range(end - size, end):
            value = extended(value, points[i])
        if _find(keys, mix64(value)) >= 0:
            return size
    return found


@kernel
def _is_host_character(point: np.uint32) -> np.bool_:
    return 97 <= point <= 122 or 65 <= point <= 90 or 48 <= point <= 57 or 0xA1 <= point <= 0xFFFF


@kernel
def _is_address(points: UInt32s, begin: int, end: int) -> bool:
    """Four numbers below 256, the first neither 0 nor of a private or reserved network."""
    octets = np.zeros(4, np.int64)
    octet = 0
    digits = 0
    for i in range(begin, end):
        if points[i] == _DOT:
            if digits == 0 or octet == 3:
                return False
            octet += 1
            digits = 0
        elif _is_ascii_digit(points[i]) and digits < 3:
            octets[octet] = octets[octet] * 10 + (points[i] - 48)
            digits += 1
        else:
            return False
    if octet != 3 or digits == 0 or octets[1] > 255 or octets[2] > 255 or not 1 <= octets[3] <= 254:
        return False
    first, second = octets[0], octets[1]
    if first == 10 or first == 127 or not 1 <= first <= 223:
        return False
    if (first == 169 and second == 254) or (first == 192 and second == 168):
        return False
    return not (first == 172 and 16 <= second <= 31)


@kernel
def _is_domain(points: UInt32s, begin: int, end: int, classes: UInt16s) -> bool:
    """Labels of at most 64 letters, digits, `-` and `_`, none at either end of a label; a last one of lower-case
    letters."""
    last_dot = end - 1
    while last_dot >= begin and points[last_dot] != _DOT:
        last_dot -= 1
    if last_dot < begin or not 2 <= end - last_dot - 1 <= 63:
        return False
    for i in range(last_dot + 1, end):
        if not classes[points[i]] & TOP_LEVEL:
            return False
    label = begin
    for i in range(begin, last_dot + 1):
        if points[i] == _DOT:
            if not 1 <= i - label <= _MOST_HOST_LABEL:
                return False
            if not _is_host_character(points[label]) or not _is_host_character(points[i - 1]):
                return False
            label = i + 1
    return True


@kernel
def _is_host(points: UInt32s, begin: int, end: int, flags: UInt16s, classes: UInt16s) -> bool:
    """Whether a host begins at `begin`, with a port and a path behind it up to `end`."""
    stop = begin
    while stop < end:
        point = points[stop]
        if not _is_host_character(point) and point != _HYPHEN and point != _UNDERSCORE and point != _DOT:
            break
        stop += 1
    if not _is_domain(points, begin, stop, classes) and not _is_address(points, begin, stop):
        return False
    if stop < end and points[stop] == _COLON:
        digits = 0
        while stop + 1 + digits < end and digits < 5 and flags[stop + 1 + digits] & DIGIT:
            digits += 1
        if digits < 2:
            return False
        stop += 1 + digits
    return stop == end or points[stop] == _SLASH or points[stop] == 63 or points[stop] == 35  # / ? #


@kernel
def _is_url(points: UInt32s, begin: int, end: int, flags: UInt16s, classes: UInt16s) -> bool:
    """[scheme://][anything@]host[:port][/path]."""
    has_dot = False
    for i in range(begin + 1, end - 1):
        if points[i] == _DOT:
            has_dot = True
            break
    if not has_dot:
        return False
    if _is_host(points, begin, end, flags, classes):
        return True
    i = begin
    while i < end:
        point = points[i]
        if not (classes[point] & WORD or point in (_PLUS, _HYPHEN, _DOT)):
            break
        i += 1
    scheme = begin
    if i - begin >= 2 and i + 2 < end and points[i] == _COLON and points[i + 1] == _SLASH and points[i + 2] == _SLASH:
        scheme = i + 3
        if _is_host(points, scheme, end, flags, classes):
            return True
    for at in range(begin + 1, end - 1):  # noqa: SIM110 - Numba has no generators in any()
        if points[at] == _AT and _is_host(points, at + 1, end, flags, classes):
            return True
    return False


@kernel
def _infix(points: UInt32s, begin: int, at: int, end: int, classes: UInt16s) -> int:
    """Characters of the infix that begins at `at`, 0 if none does."""
    point = points[at]
    flags = classes[point]
    if flags & ICON or point == _ELLIPSIS:
        return 1
    if point == _DOT:
        dots = _leading_dots(points, at, end)
        if dots > 1:
            return dots
    if at == begin or at + 1 >= end:
        return 0
    left, right = points[at - 1], points[at + 1]
    operator = point in (_PLUS, _HYPHEN, _STAR, _CARET)
    if operator and _is_ascii_digit(left) and (_is_ascii_digit(right) or right == _HYPHEN):
        return 1
    if point == _DOT:
        return 1 if classes[left] & LEFT_OF_DOT and classes[right] & RIGHT_OF_DOT else 0
    if point == _COMMA:
        return 1 if classes[left] & ALPHA and classes[right] & ALPHA else 0
    if not flags & JOINT or not (classes[left] & ALPHA or _is_ascii_digit(left)):
        return 0
    if classes[right] & ALPHA:
        return 1
    most = 3 if point == _HYPHEN else 2 if point == _EM_DASH else 1
    for size in range(2, most + 1):
        if at + size < end and points[at + size - 1] == point and classes[points[at + size]] & ALPHA:
            return size
        if at + size >= end or points[at + size - 1] != point:
            break
    return 0


@kernel
def _cut_piece(
    points: UInt32s,
    flags: UInt16s,
    begin: int,
    end: int,
    classes: UInt16s,
    keys: UInt64s,
    values: Int32s,
    starts: Int32s,
    ends: Int32s,
    words: int,
) -> int:
    """Writes the words of a piece without white space behind the first `words`; returns how many there are now."""
    first = words
    low, high = begin, end
    top = len(starts)  # suffixes, the last first, from the far end of the same array: there is a character for each
    slot = _case(points, low, high, keys)
    while slot < 0 and low < high:
        front = _prefix(points, low, high, classes)
        if front:
            slot = _case(points, low + front, high, keys)
            if slot >= 0:
                starts[words], ends[words] = low, low + front
                words += 1
                low += front
                break
        back = _suffix(points, low + front, high, classes, keys)
        if back:
            slot = _case(points, low, high - back, keys)
        if front == 0 and back == 0:
            break
        if slot >= 0:  # the whole front and middle is a special case
            front = 0
        if front:
            starts[words], ends[words] = low, low + front
            words += 1
            low += front
        if back:
            top -= 1
            starts[top] = high - back
            high -= back
        if slot < 0:
            slot = _case(points, low, high, keys)
    if slot >= 0:
        words = _write_case(values[slot], low, starts, ends, words)
    elif low < high:
        if _is_url(points, low, high, flags, classes):
            starts[words], ends[words] = low, high
            words += 1
        else:
            words = _cut_infixes(points, low, high, classes, starts, ends, words)
    # Of suffix k (from the left) the end is the start of the next one, or the piece's.
    while top < len(starts):
        start = starts[top]
        top += 1
        starts[words] = start
        ends[words] = starts[top] if top < len(starts) else end
        words += 1
    return _join_cases(points, first, words, keys, values, starts, ends) if words - first > 2 else words


@kernel
def _case_words(value: int) -> int:
    return 1 + ((value >> 4 & 15) != 0) + ((value >> 8 & 15) != 0)


@kernel
def _write_case(value: int, begin: int, starts: Int32s, ends: Int32s, words: int) -> int:
    lengths = value & ((1 << _ENDS) - 1)
    while lengths:
        starts[words], ends[words] = begin, begin + (lengths & 15)
        begin += lengths & 15
        words += 1
        lengths >>= 4
    return words


@kernel
def _cut_infixes(
    points: UInt32s, begin: int, end: int, classes: UInt16s, starts: Int32s, ends: Int32s, words: int
) -> int:
    start = at = begin
    while at < end:
        size = _infix(points, begin, at, end, classes)
        if size == 0:
            at += 1
            continue
        if at != begin:  # an infix at the front stays with what follows
            if at != start:
                starts[words], ends[words] = start, at
                words += 1
            starts[words], ends[words] = at, at + size
            words += 1
            start = at + size
        at += size
    if start < end:
        starts[words], ends[words] = start, end
        words += 1
    return words


@kernel
def _affixed_case(
    points: UInt32s, word: int, words: int, keys: UInt64s, values: Int32s, starts: Int32s, ends: Int32s
) -> tuple[int, np.int64]:
    """(words, slot) of the longest special case that begins at a word and is cut as affix rules alone cut it; (0, -1) if
    there is none of two words or more."""
    best, best_slot = 0, np.int64(-1)
    cuts = 0
    value = _NONE
    for last in range(word, words):
        if ends[last] - starts[word] > _LONGEST_CASE:
            break
        for i in range(starts[last], ends[last]):
            value = extended(value, points[i])
        cuts |= 1 << (ends[last] - starts[word] - 1)
        if last > word:
            slot = _find(keys, mix64(value))
            if slot >= 0 and values[slot] >> _ENDS == cuts:
                best, best_slot = last - word + 1, slot
    return best, best_slot


@kernel
def _join_cases(
    points: UInt32s, first: int, words: int, keys: UInt64s, values: Int32s, starts: Int32s, ends: Int32s
) -> int:
    """Replaces runs of the words [first, words) by the special case that they are.

    A case that overlaps an earlier one stays as it is, and so does one that overlaps that: spaCy's way.
    """
    into = word = first
    taken = first  # no case may begin before
    while word < words:
        size, slot = _affixed_case(points, word, words, keys, values, starts, ends)
        if size == 0 or word < taken:
            taken = max(taken, word + size)
            starts[into], ends[into] = starts[word], ends[word]
            into += 1
            word += 1
            continue
        begin, after = starts[word], word + size
        for inside in range(word, after):
            taken = max(taken, inside + _affixed_case(points, inside, words, keys, values, starts, ends)[0])
        more = into + _case_words(values[slot]) - after
        if more > 0:  # the case has more words than it had without: move on what they would overwrite
            for i in range(words - 1, after - 1, -1):
                starts[i + more], ends[i + more] = starts[i], ends[i]
            after += more
            taken += more
            words += more
        into = _write_case(values[slot], begin, starts, ends, into)
        word = after
    return into


@kernel
def cut_english(
    points: UInt32s,
    flags: UInt16s,  # of corpus.unicode.code_points
    begin: int,
    end: int,
    classes: UInt16s,
    keys: UInt64s,
    values: Int32s,
    starts: Int32s,
    ends: Int32s,
    kinds: UInt8s,
) -> int:
    """Writes each word's [start, end) and kind of points[begin:end]; returns the number of words.

    `starts` and `ends` hold at least end - begin + 1.
    """
    words = 0
    i = begin
    while i < end:
        if flags[i] & SPACE:
            i += 1
            continue
        piece = i
        while i < end and not flags[i] & SPACE:
            i += 1
        words = _cut_piece(points, flags, piece, i, classes, keys, values, starts, ends, words)
    for word in range(words):
        kinds[word] = kind_of(points, flags, starts[word], ends[word], classes)
    return words


@kernel
def kind_of(points: UInt32s, flags: UInt16s, start: int, end: int, classes: UInt16s) -> int:
    """ALPHABETIC_WORD with a letter in it, SYMBOL_WORD if it is of datatrove's punctuation only."""
    letters = 0
    symbolic = 1
    for i in range(start, end):
        letters |= flags[i] & LETTER
        symbolic &= (classes[points[i]] & SYMBOLIC) != 0
    return (ALPHABETIC_WORD if letters else 0) | (SYMBOL_WORD if symbolic else 0)
