"""The n-grams of an evaluation item's texts: runs of letters that a document is searched for.

Reads texts; writes windows: a hash of a run of letters (corpus.unicode.letters), how long it is, and the hash of its first
letters, by which it is looked up. Cost: 5 ns a byte.

- A *gram* begins where a unit begins, and ends where the units in it are worth one gram: a word is worth 1 / `words`
  of it, a letter of a script without spaces 1 / `characters`, so that mixed text lies between the two.
- A text shorter than one gram is one run as a whole where that is asked for, from `whole_words` words or
  `whole_characters` characters on, mixtures again in proportion.
- A run is at least as long as its anchor: ANCHOR_WORD letters where it begins with a word, else ANCHOR_SINGLE. A gram
  of shorter words is longer; of a whole text, what is before a unit that has so many letters behind it is left out.

Since a hash sees letters alone, a run is found in a document wherever a unit begins there, however its words are divided.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.unicode import letters
from corpus.unicode.letters import Place, hash_run, read_letters
from corpus.unicode.segmentation import Int64s, UInt8s, UInt16s, UInt32s, UInt64s, kernel, utf8_buffers

#: Letters by which a run is looked up, where it begins with a word, and with a letter of a script without spaces.
ANCHOR_WORD, ANCHOR_SINGLE = 20, 8
#: No run is longer, whatever its words are.
LONGEST_RUN = 500

_CHUNK_BYTES = 4 << 20

_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclasses.dataclass(frozen=True)
class GramSettings:
    """How long a gram, and a whole text in place of one, must be. Raises ValueError for a number out of its range."""

    words: int = 13
    characters: int = 20
    whole_words: int = 8
    whole_characters: int = 12

    def __post_init__(self) -> None:
        for name, number in dataclasses.asdict(self).items():
            if not 1 <= number <= 100:
                raise ValueError(f"{name} must be 1 to 100, not {number}")


class Windows(NamedTuple):
    """Runs of letters, an entry each."""

    anchors: UInt64s  # hash of the first letters
    lengths: UInt16s  # letters
    runs: UInt64s  # hash of all letters
    texts: UInt32s  # which of the texts it is in

    def rows(self, chosen: slice | Int64s) -> "Windows":
        """Some of them, copied."""
        return Windows(
            self.anchors[chosen].copy(),
            self.lengths[chosen].copy(),
            self.runs[chosen].copy(),
            self.texts[chosen].copy(),
        )


def windows_of(
    texts: Sequence[str], whole: npt.NDArray[np.bool_], settings: GramSettings
) -> tuple[Windows, npt.NDArray[np.uint64]]:
    """The windows of all texts in their order, and (len(texts), 3): a hash of each text's letters, how many, and a hash of
    where its units begin, on which its windows depend as well.

    `whole` says which texts are one run where they are shorter than a gram.
    """
    table, powers = letters.load(), letters.powers(LONGEST_RUN)
    gram = np.array([settings.words, settings.characters], np.int64)
    shortest = np.array([settings.whole_words, settings.whole_characters], np.int64)
    encoded = [text.encode("utf-8", "replace") for text in texts]
    identities = np.zeros((len(texts), 3), np.uint64)
    found = [_empty(0)]
    first = 0
    while first < len(encoded):
        last, size = first + 1, len(encoded[first])
        while last < len(encoded) and size + len(encoded[last]) <= _CHUNK_BYTES:
            size += len(encoded[last])
            last += 1
        data, offsets = utf8_buffers(pa.array(encoded[first:last], pa.large_binary()).cast(pa.large_string()))
        longest = int(np.diff(offsets).max()) + 1
        chunk = _empty(size)
        count = _windows_of_all(
            data, offsets, table.folds, table.expansions, powers, gram, shortest, whole[first:last],
            np.empty(longest, np.uint64), np.empty(longest, np.uint32), chunk, identities[first:last],
        )  # fmt: skip
        chunk.texts[:count] += np.uint32(first)
        found.append(chunk.rows(slice(count)))
        first = last
    together = Windows(
        np.concatenate([each.anchors for each in found]),
        np.concatenate([each.lengths for each in found]),
        np.concatenate([each.runs for each in found]),
        np.concatenate([each.texts for each in found]),
    )
    return together, identities


def _empty(size: int) -> Windows:
    return Windows(
        np.empty(size, np.uint64), np.empty(size, np.uint16), np.empty(size, np.uint64), np.empty(size, np.uint32)
    )


@kernel
def anchor_letters(unit: np.uint32) -> int:
    """Letters of the anchor of a run that begins with this unit, of `read_letters`."""
    return ANCHOR_SINGLE if unit & 1 else ANCHOR_WORD


@kernel
def _windows_of_all(
    data: UInt8s,
    offsets: Int64s,  # (texts + 1,)
    folds: UInt32s,
    expansions: UInt32s,
    powers: UInt64s,
    gram: Int64s,  # words, characters
    shortest: Int64s,  # of a whole text: words, characters
    whole: npt.NDArray[np.bool_],  # (texts,)
    prefixes: UInt64s,  # scratch
    units: UInt32s,  # scratch
    out: Windows,
    identities: UInt64s,  # out, (texts, 3), zeros
) -> int:
    """Returns how many windows there are."""
    count = 0
    for text in range(len(whole)):
        total, number = read_letters(data, offsets[text], offsets[text + 1], folds, expansions, prefixes, units)
        identities[text, 0] = prefixes[total]
        identities[text, 1] = np.uint64(total)
        for unit in range(number):
            identities[text, 2] = identities[text, 2] * _FACTOR + np.uint64(units[unit]) + np.uint64(1)
        before = count
        # One word is worth gram[1], one single gram[0], a gram gram[0] * gram[1].
        worth = 0
        behind = 0  # the first unit that is not counted in `worth`
        for unit in range(number):
            while behind < number and worth < gram[0] * gram[1]:
                worth += gram[0] if units[behind] & 1 else gram[1]
                behind += 1
            if worth < gram[0] * gram[1]:
                break
            first = np.int64(units[unit] >> 1)
            stop = behind
            end = np.int64(units[stop] >> 1) if stop < number else total
            while stop < number and end - first < anchor_letters(units[unit]):
                stop += 1
                end = np.int64(units[stop] >> 1) if stop < number else total
            worth -= gram[0] if units[unit] & 1 else gram[1]
            if end - first >= anchor_letters(units[unit]):
                _put(prefixes, first, end - first, anchor_letters(units[unit]), powers, text, out, count)
                count += 1
        if count == before and whole[text]:
            worth = 0
            for unit in range(number - 1, -1, -1):
                worth += shortest[0] if units[unit] & 1 else shortest[1]
            for unit in range(number):
                first = np.int64(units[unit] >> 1)
                if worth < shortest[0] * shortest[1]:
                    break
                if total - first >= anchor_letters(units[unit]):
                    _put(prefixes, first, total - first, anchor_letters(units[unit]), powers, text, out, count)
                    count += 1
                    break
                worth -= shortest[0] if units[unit] & 1 else shortest[1]
    return count


@kernel
def _put(
    prefixes: UInt64s, first: Place, length: Place, anchor: int, powers: UInt64s, text: int, out: Windows, place: int
) -> None:
    length = min(length, LONGEST_RUN)
    out.anchors[place] = hash_run(prefixes, first, anchor, powers)
    out.lengths[place] = np.uint16(length)
    out.runs[place] = hash_run(prefixes, first, length, powers)
    out.texts[place] = np.uint32(text)
