"""Repetition inside one document: duplicate spans, top and duplicate n-grams of words, repeated character windows.

Called by `filters.signals` on arrays of hashes and code points; reads and writes scratch arrays of the caller only.
Every function is linear in its input: sets and counters are open-addressing tables of uint64 hashes with at most half
their slots in use, so what stands here as "equal" is "of equal 64-bit hash" (a false match in a document of 10^6
n-grams: one in 10^7).

Formulas: Gopher (Rae et al. 2021, table A1) as datatrove's `gopher_repetition_filter` computes them, but a top n-gram
counts only if it occurs at least twice, and n-grams are equal when their words are, where datatrove compares the words
run together; 13-character windows: ChineseWebText (Chen et al. 2023).
"""

import numpy as np

from corpus.text.segmentation import Int32s, Int64s, UInt32s, UInt64s, hash_span, kernel, mix64

SHORTEST_TOP_N_GRAM, LONGEST_TOP_N_GRAM = 2, 4
LONGEST_N_GRAM = 10
WINDOW_CHARACTERS = 13
NEWLINE = 10

_FACTOR = np.uint64(0x9FB21C651E98DF25)
_EMPTY = np.uint64(0)
_ONE = np.uint64(1)


def table_slots(most_items: int) -> int:
    """Slots of a hash table for at most `most_items` items: a power of two, at least twice as many."""
    return 1 << (2 * max(most_items, 4) - 1).bit_length()


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
    while table[slot] != _EMPTY and table[slot] != key:
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
def duplicate_paragraphs(points: UInt32s, begin: int, end: int, table: UInt64s) -> tuple[int, int, int]:
    """(paragraphs, second and later copies, their characters) of points[begin:end] split at two or more newlines.

    [begin, end) is the stripped text; an empty text is one empty paragraph, as `re.split` has it.
    """
    paragraphs = copies = copied_characters = 0
    mask = clear(table, (end - begin) // 3 + 1)
    start = begin
    while True:
        stop = start
        while stop < end and not (points[stop] == NEWLINE and stop + 1 < end and points[stop + 1] == NEWLINE):
            stop += 1
        paragraphs += 1
        if add(table, mask, hash_span(points, start, stop)):
            copies += 1
            copied_characters += stop - start
        if stop == end:
            break
        start = stop
        while start < end and points[start] == NEWLINE:
            start += 1
    return paragraphs, copies, copied_characters


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
    counts: Int32s,  # scratch, as long as the table
    table: UInt64s,
    characters: Int64s,  # out, (LONGEST_N_GRAM + 1,): index n
) -> None:
    """Characters of the top n-gram's copies (n = 2 to 4, joined by spaces) and of duplicate n-grams (n = 5 to 10, run
    together).

    Top: the commonest, of equals the one seen first. Duplicates: words are walked left to right; an n-gram seen before
    counts and is stepped over, else it is remembered and the walk goes on by one word.

    An n-gram occurs twice only if the (n-1)-gram it begins with does: each n looks at the survivors of the one before,
    which in ordinary text are few from n = 4 on. What is left out can match nothing, so the result is the same.
    """
    characters[:] = 0
    survivors = words
    for word in range(words):
        grams[word] = hashes[word]
        alive[word] = word
    for n in range(2, LONGEST_N_GRAM + 1):
        candidates = 0
        for i in range(survivors):
            word = alive[i]
            if word + n <= words:
                # A polynomial of mixed hashes; n is far too small for the collisions of such polynomials modulo 2^64.
                grams[word] = grams[word] * _FACTOR + hashes[word + n - 1]
                alive[candidates] = word
                candidates += 1
        mask = clear(table, candidates)
        for i in range(candidates):
            key = max(mix64(grams[alive[i]]), _ONE)
            slot = find_slot(table, mask, key)
            if table[slot] == _EMPTY:
                table[slot] = key
                counts[slot] = 0
            counts[slot] += 1
            slots[i] = slot
        most = 1
        survivors = 0
        resume = 0  # first word that is not inside the last counted duplicate
        for i in range(candidates):
            word, slot = alive[i], slots[i]
            count = counts[slot]
            if count == 1:
                continue
            alive[survivors] = word
            survivors += 1
            if n <= LONGEST_TOP_N_GRAM:
                if count > most:
                    most = count
                    characters[n] = (_n_gram_characters(starts, ends, word, n) + n - 1) * count
            elif word >= resume:
                if table[slot] == _EMPTY:  # emptied below when the walk met this n-gram first
                    characters[n] += _n_gram_characters(starts, ends, word, n)
                    resume = word + n
                else:
                    table[slot] = _EMPTY
        if survivors == 0:
            return


@kernel
def repeated_windows(points: UInt32s, characters: int, table: UInt64s) -> int:
    """How many of the `characters` - 12 windows of 13 characters occurred earlier in the text."""
    if characters < WINDOW_CHARACTERS:
        return 0
    mask = clear(table, characters)
    leaving = _ONE
    for _ in range(WINDOW_CHARACTERS):
        leaving = leaving * _FACTOR
    repeated = 0
    value = _EMPTY
    for i in range(characters):
        value = value * _FACTOR + np.uint64(points[i])
        if i >= WINDOW_CHARACTERS:
            value -= leaving * np.uint64(points[i - WINDOW_CHARACTERS])
        if i >= WINDOW_CHARACTERS - 1 and add(table, mask, mix64(value)):
            repeated += 1
    return repeated
