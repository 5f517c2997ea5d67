"""`filters.quality.repetition` against plain Python on sequences that repeat much, little and not at all."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.unicode.segmentation import hash_prefixes, mix64
from filters.quality import repetition

SEQUENCES = st.one_of(
    st.lists(st.integers(0, 2), max_size=60),
    st.lists(st.integers(0, 30), max_size=60),
    st.builds(lambda part, times, rest: part * times + rest, st.lists(st.integers(0, 9), min_size=1, max_size=12),
              st.integers(1, 8), st.lists(st.integers(0, 9), max_size=8)),
)  # fmt: skip


def n_grams(sequence: list[int]) -> tuple[list[int], list[int], int]:
    """The kernel's answer for words of one character each."""
    words = len(sequence)
    starts = np.arange(words, dtype=np.int32)
    hashes = np.array([mix64(np.uint64(word + 1)) for word in sequence] or [0], dtype=np.uint64)
    slots = repetition.place_slots(words + 1)
    characters = np.zeros(repetition.LONGEST_N_GRAM + 1, np.int64)
    distinct = np.zeros(repetition.LONGEST_TOP_N_GRAM + 1, np.int64)
    weight = repetition.repeated_n_grams(
        starts, starts + np.int32(1), hashes, words, np.zeros(words + 1, np.uint64), np.zeros(words + 1, np.int32),
        np.zeros(words + 1, np.int32), np.zeros(slots, np.int32), np.zeros(slots, np.int32), characters, distinct,
    )  # fmt: skip
    return characters.tolist(), distinct.tolist(), weight


@settings(max_examples=500, deadline=None)
@given(SEQUENCES)
def test_n_grams_are_counted_as_python_counts_them(sequence: list[int]) -> None:
    characters, distinct, weight = n_grams(sequence)
    for n in range(1, repetition.LONGEST_N_GRAM + 1):
        grams = [tuple(sequence[i : i + n]) for i in range(len(sequence) - n + 1)]
        if n <= repetition.LONGEST_TOP_N_GRAM:
            assert distinct[n] == len(set(grams))
        if n in (2, 3, 4):
            most = max(Counter(grams).values(), default=0)
            assert characters[n] == ((2 * n - 1) * most if most > 1 else 0)
        elif n > 4:
            seen, copied, i = set(), 0, 0
            while i < len(grams):
                copied += n * (grams[i] in seen)
                step = n if grams[i] in seen else 1
                seen.add(grams[i])
                i += step
            assert characters[n] == copied
    expected = sum(count * math.log2(count) for count in Counter(sequence).values())
    assert weight / 2**repetition.LOG_BITS == pytest.approx(expected, rel=1e-7, abs=1e-6)


@settings(max_examples=500, deadline=None)
@given(st.one_of(SEQUENCES, SEQUENCES.map(lambda part: [9, *part, 8, *part, *part])))
def test_windows_are_counted_as_python_counts_them(sequence: list[int]) -> None:
    check_windows(sequence)


@pytest.mark.parametrize("repeated", [[9], [1, 2], list(range(50)), list(range(5000)), list(range(4096 + 12))])
@pytest.mark.parametrize("before", [0, 1, 4080, 4084, 4096, 8191])
def test_windows_are_counted_across_blocks(repeated: list[int], before: int) -> None:
    check_windows([*range(10_000, 10_000 + before), *repeated * (20_000 // len(repeated)), 7, *repeated])


def check_windows(sequence: list[int]) -> None:
    size = len(sequence)
    points = np.array([*sequence, 0], dtype=np.uint32)
    prefixes = np.zeros(size + 1, np.uint64)
    hash_prefixes(points, size, prefixes)
    found = repetition.repeated_windows(
        points,
        prefixes,
        size,
        np.zeros(repetition.met_slots(size + 1), np.uint8),
        np.zeros(repetition.place_slots(size + 1), np.int32),
    )
    windows = [tuple(sequence[i : i + 13]) for i in range(size - 12)]
    assert found == len(windows) - len(set(windows))


@pytest.mark.parametrize("number", [1, 2, 3, 7, 1000, 1023, 1024, 1_000_003, (1 << 31) - 1])
def test_logarithms_are_exact_and_do_not_overflow(number: int) -> None:
    assert repetition.fixed_log2(number) / 2**repetition.LOG_BITS == pytest.approx(math.log2(number), abs=2**-25)
    assert repetition.entropy_weight(number) == number * repetition.fixed_log2(number)
