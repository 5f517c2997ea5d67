"""Stop words by language, and the hash set in which a kernel looks for them.

Reads stop_words.toml: ISO 639 code → source and words, as published; a language without an entry has no list.
"""

import functools
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from corpus.unicode.segmentation import UInt64s, hash_span
from filters.quality.repetition import add

#: Slots of a table: a power of two, over twice the words of the longest list, so that a search is short.
SLOTS = 256


@functools.cache
def stop_words() -> Mapping[str, tuple[str, ...]]:
    """Language → its stop words, case-sensitive, in the order of the file."""
    lists = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {language: tuple(entry["words"].split()) for language, entry in lists.items()}


def stop_word_table(words: Iterable[str]) -> UInt64s:
    """(SLOTS,): hash set of words by `segmentation.hash_span`, for `repetition.find_slot`; all 0 without words."""
    table = np.zeros(SLOTS, dtype=np.uint64)
    for word in words:
        points = np.array([ord(c) for c in word], dtype=np.uint32)
        add(table, SLOTS - 1, np.uint64(hash_span(points, 0, len(points))))
    return table
