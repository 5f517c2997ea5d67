"""Repetition inside one document: duplicate spans, top and duplicate n-grams of words, word diversity, repeated character
windows.

Called by the kernels of signals on arrays of hashes; reads and writes scratch arrays of the caller only. Every function is
linear in its input. Sets and counters are open-addressing tables of uint64 hashes with at most half their slots in use, so
what stands here as "equal" is "of equal 64-bit hash" (a false match in a document of 10^6 n-grams: one in 10^7).

Most windows occur once, and a table that remembers each of them does not fit a core's nearest cache: a first walk counts
them in small slots that several may share, and only those of a slot that was met again go into a table. What is left out
can match nothing, so the result is the same.

Formulas: Gopher (Rae et al. 2021, table A1) as datatrove's `gopher_repetition_filter` computes them, but a top n-gram
counts only if it occurs at least twice, and n-grams are equal when their words are, where datatrove compares the words
run together; 13-character windows: ChineseWebText (Chen et al. 2023).
"""

import numpy as np

from corpus.unicode.segmentation import (
    HASH_FACTOR,
    Int32s,
    Int64s,
    UInt8s,
    UInt32s,
    UInt64s,
    kernel,
    mix64,
    prefix_hash,
)

SHORTEST_TOP_N_GRAM, LONGEST_TOP_N_GRAM = 2, 4
LONGEST_N_GRAM = 10
WINDOW_CHARACTERS = 13
NEWLINE = 10

#: Binary digits of `fixed_log2` behind the point.
LOG_BITS = 26  # so that the sum over 2^31 words stays below 2^63

_FACTOR = np.uint64(0x9FB21C651E98DF25)
_SCATTER = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.uint64(0)
_ONE = np.uint64(1)
_SHIFT_32 = np.uint64(32)
#: An empty slot of a table of positions. Such a table has half the bytes of one of hashes: what stands at the position says it.
_NOWHERE = np.int32(-1)
#: Windows that are looked at together.
_BLOCK = 1 << 12
_FEWEST_MET = 8  # as a power of two
_WINDOW_POWER = np.uint64(pow(int(HASH_FACTOR), WINDOW_CHARACTERS, 1 << 64))


def table_slots(most_items: int) -> int:
    """Slots of a hash table for at most `most_items` items: a power of two, at least twice as many."""
    return 1 << (2 * max(most_items, 4) - 1).bit_length()


def met_slots(most_windows: int) -> int:
    """Slots of the counts of `repeated_windows` for at most `most_windows` windows."""
    return 1 << max(_FEWEST_MET, (4 * most_windows - 1).bit_length())


@kernel
def place_slots(items: int) -> int:
    """Slots of a table that holds at most `items` positions: twice as many, so that no walk through it is long."""
    return 2 * max(items, 4)


@kernel
def _first_slot(key: np.uint64, slots: int) -> np.int64:
    """Where to look first for a hash among so many slots: its upper half, scaled."""
    return np.int64(((mix64(key) >> _SHIFT_32) * np.uint64(slots)) >> _SHIFT_32)


@kernel
def _following(slot: np.int64, slots: int) -> np.int64:
    return np.int64(slot + 1 if slot + 1 < slots else 0)


@kernel
def clear(table: UInt64s, items: int) -> int:
    """Empties as many slots as `items` items want and returns their mask: a short document pays for a short table."""
    slots = 8
    while slots < 2 * items:
        slots *= 2
    table[:slots] = _EMPTY
    return slots - 1


@kernel
def find_slot(table: UInt64s, mask: int, key: np.uint64) -> np.int64:
    """The slot where `key` is, or where it would go. Linear probing; `key` is mixed and not 0."""
    slot = np.int64(key & np.uint64(mask))
    while (table[slot] != _EMPTY) & (table[slot] != key):
        slot = (slot + 1) & mask
    return slot


@kernel
def add(table: UInt64s, mask: int, value: np.uint64) -> bool:
    """Puts a mixed hash into a set; True when it was there before."""
    key = max(value, _ONE)  # 0 marks an empty slot
    slot = find_slot(table, mask, key)
    if table[slot] == key:
        return True
    table[slot] = key
    return False


@kernel
def duplicate_paragraphs(
    points: UInt32s, prefixes: UInt64s, powers: UInt64s, begin: int, end: int, table: UInt64s
) -> tuple[int, int, int]:
    """(paragraphs, second and later copies, their characters) of points[begin:end] split at two or more newlines.

    [begin, end) is the stripped text; an empty text is one empty paragraph, as `re.split` has it.
    """
    paragraphs = copies = copied_characters = 0
    breaks = 0
    for i in range(begin, end):
        breaks += points[i] == NEWLINE
    mask = clear(table, breaks // 2 + 1)
    start = begin
    while True:
        stop = start
        while stop < end and not (points[stop] == NEWLINE and stop + 1 < end and points[stop + 1] == NEWLINE):
            stop += 1
        paragraphs += 1
        if add(table, mask, prefix_hash(prefixes, powers, start, stop)):
            copies += 1
            copied_characters += stop - start
        if stop == end:
            break
        start = stop
        while start < end and points[start] == NEWLINE:
            start += 1
    return paragraphs, copies, copied_characters


@kernel
def fixed_log2(number: int) -> int:
    """log2 of a positive number times 2^LOG_BITS, cut off, by squaring 32-bit integers: the same on every machine; exact to
    2^-25."""
    whole = 0
    while number >> (whole + 1):
        whole += 1
    mantissa = (
        np.uint64(number << (31 - whole)) if whole <= 31 else np.uint64(number >> (whole - 31))
    )  # in [2^31, 2^32)
    logarithm = whole
    for _ in range(LOG_BITS):
        mantissa = (mantissa * mantissa) >> np.uint64(31)
        logarithm <<= 1
        if mantissa >> np.uint64(32):
            mantissa >>= _ONE
            logarithm |= 1
    return logarithm


_LOGARITHMS = np.array([0, *(fixed_log2(number) for number in range(1, 1024))], dtype=np.int64)


@kernel
def _log2(number: int) -> int:
    return _LOGARITHMS[number] if number < len(_LOGARITHMS) else fixed_log2(number)


@kernel
def entropy_weight(count: int) -> int:
    """count · log2(count) · 2^LOG_BITS."""
    return count * _log2(count)


@kernel
def _n_gram_characters(starts: Int32s, ends: Int32s, first: int, n: int) -> int:
    characters = 0
    for word in range(first, first + n):
        characters += ends[word] - starts[word]
    return characters


@kernel
def repeated_n_grams(
    starts: Int32s,
    ends: Int32s,
    hashes: UInt64s,  # of the words
    words: int,
    grams: UInt64s,  # scratch, (words,): hash of the n-gram that begins at each word
    alive: Int32s,  # scratch, (words,): words at which an n-gram that occurs twice begins
    slots: Int32s,  # scratch, (words,)
    counts: Int32s,  # scratch, as long as `places`
    places: Int32s,  # scratch, (place_slots(words),)
    characters: Int64s,  # out, (LONGEST_N_GRAM + 1,): index n
    distinct: Int64s,  # out, (LONGEST_TOP_N_GRAM + 1,): index n; how many different n-grams there are
) -> int:
    """Characters of the top n-gram's copies (n = 2 to 4, joined by spaces) and of duplicate n-grams (n = 5 to 10, run
    together), and how many n-grams are different. Returns the entropy weight of the words that occur twice.

    Top: the commonest, of equals the one seen first. Duplicates: words are walked left to right; an n-gram seen before
    counts and is stepped over, else it is remembered and the walk goes on by one word.

    An n-gram occurs twice only if the (n-1)-grams that it begins and ends with do: each n looks at the survivors of the
    one before, which in ordinary text are few from n = 3 on.
    """
    characters[:] = 0
    weight = 0
    for n in range(LONGEST_TOP_N_GRAM + 1):
        distinct[n] = max(words - n + 1, 0)
    survivors = words
    for word in range(words):
        grams[word] = hashes[word]
        alive[word] = word
    for n in range(1, LONGEST_N_GRAM + 1):
        candidates = survivors
        if n > 1:
            candidates = 0
            for i in range(survivors - 1):
                word = alive[i]
                if alive[i + 1] == word + 1 and word + n <= words:
                    # A polynomial of mixed hashes; n is far too small for the collisions of such polynomials modulo 2^64.
                    grams[word] = grams[word] * _FACTOR + hashes[word + n - 1]
                    alive[candidates] = word
                    candidates += 1
        # Few branches in what follows: they would be as hard to foresee as the words.
        used = place_slots(candidates)
        places[:used] = _NOWHERE
        counts[:used] = 0
        different = 0
        for i in range(candidates):
            word = alive[i]
            gram = grams[word]
            slot = _first_slot(gram, used)
            while places[slot] != _NOWHERE and grams[places[slot]] != gram:
                slot = _following(slot, used)
            different += places[slot] == _NOWHERE
            places[slot] = word
            counts[slot] += 1
            slots[i] = slot
        survivors = 0
        for i in range(candidates):
            slot = slots[i]
            alive[survivors] = alive[i]
            slots[survivors] = slot
            survivors += counts[slot] > 1
        if n <= LONGEST_TOP_N_GRAM:
            distinct[n] += different - candidates
        if n == 1:
            for i in range(survivors):
                weight += _log2(counts[slots[i]])
        elif n <= LONGEST_TOP_N_GRAM:
            most = 1
            for i in range(survivors):
                if counts[slots[i]] > most:
                    most = counts[slots[i]]
                    characters[n] = (_n_gram_characters(starts, ends, alive[i], n) + n - 1) * most
        else:
            resume = 0  # first word that is not inside the last counted duplicate
            for i in range(survivors):
                word, slot = alive[i], slots[i]
                if word < resume:
                    continue
                if counts[slot] == 0:  # cleared below when the walk met this n-gram first
                    characters[n] += _n_gram_characters(starts, ends, word, n)
                    resume = word + n
                else:
                    counts[slot] = 0
        if survivors == 0:
            break
    return weight


@kernel
def _window_hash(prefixes: UInt64s, window: int) -> np.uint64:
    return prefixes[window + WINDOW_CHARACTERS] - prefixes[window] * _WINDOW_POWER


@kernel
def repeated_windows(
    points: UInt32s,
    prefixes: UInt64s,
    characters: int,
    met: UInt8s,  # scratch, (met_slots(characters),)
    first: Int32s,  # scratch, (place_slots(characters),)
) -> int:
    """How many of the `characters` - 12 windows of 13 characters occurred earlier in the text."""
    windows = characters - WINDOW_CHARACTERS + 1
    if windows <= 0:
        return 0
    log = _FEWEST_MET
    while (1 << log) < 4 * windows:
        log += 1
    met[: 1 << log] = 0
    shift = np.uint64(64 - log)
    count = 0  # of windows whose slot is met twice: the only ones that can be equal to another
    for i in range(windows):
        slot = (_window_hash(prefixes, i) * _SCATTER) >> shift
        before = met[slot]
        count += (before > 0) + (before == 1)
        met[slot] = before + (before < 2)
    used = place_slots(count)
    first[:used] = _NOWHERE
    suspects = np.empty(_BLOCK, np.int32)
    repeated = 0
    resume = 0  # first window that is not counted with a run before it
    for begin in range(0, windows, _BLOCK):
        found = 0
        for i in range(begin, min(begin + _BLOCK, windows)):
            suspects[found] = i
            found += met[(_window_hash(prefixes, i) * _SCATTER) >> shift] >> 1
        for k in range(found):
            i = suspects[k]
            if i < resume:
                continue
            key = _window_hash(prefixes, i)
            place = _first_slot(key, used)
            while first[place] != _NOWHERE and _window_hash(prefixes, first[place]) != key:
                place = _following(place, used)
            if first[place] == _NOWHERE:
                first[place] = i
                continue
            repeated += 1
            # Repeated windows come in runs: compare the character that each brings with what came after its first.
            j = first[place] + WINDOW_CHARACTERS
            end = i + WINDOW_CHARACTERS
            while end < characters and points[end] == points[j]:
                repeated += 1
                end += 1
                j += 1
            resume = end - WINDOW_CHARACTERS + 1
    return repeated
