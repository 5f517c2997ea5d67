"""How many words and phrases of a list a text has, matched by its own words and characters: compiled.

Reads a string array and a list; returns counts. A text is read as the units of corpus.unicode.letters: words, and single
characters where a script has no spaces, without case, width, accents, punctuation and the script of Chinese. An entry is
a run of units, and matches where the same units follow each other: "ass" is not in "class", and 口交 is in 进出口交易.
For that there are *allowed* entries: at every place the longest entry of either kind counts, from left to right, so
that an allowed 出口交易 hides what is listed inside it. An entry that is listed and allowed is allowed.

Files: UTF-8, an entry a line; what begins with # is a comment. Cost: reading the letters, 2.5 ns a byte, and one hash and
one look-up a unit; 12 bytes of scratch a byte of the longest text.

Invariant: counts depend on the text and the sets of entries alone. An entry is known by 64-bit hashes of its units.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa

from corpus.errors import InputError
from corpus.recipe.scorer_tables import WordList
from corpus.seeds import content_digest
from corpus.storage.digested_file import DigestedFile
from corpus.storage.named_arrays import open_arrays, write_arrays
from corpus.storage.named_files import read_named
from corpus.unicode import letters
from corpus.unicode.letters import Place, hash_run, read_letters
from corpus.unicode.segmentation import Int64s, UInt8s, UInt32s, UInt64s, kernel, longest, mix64, utf8_buffers

#: Part of the fingerprint of `score`: raise it with every change that can change a count.
VERSION = 1

#: No entry has a longer word, and none more units.
LONGEST_WORD, LONGEST_ENTRY = 64, 32

_LISTED, _ALLOWED = 1, 2
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Entries(NamedTuple):
    """Two hash tables; a key of 0 is a free slot."""

    firsts: UInt64s  # hashes of the units that entries begin with
    most: UInt8s  # units of the longest entry that begins so
    runs: UInt64s  # hashes of whole entries
    kinds: UInt8s  # _LISTED or _ALLOWED

    def write(self, url: str) -> DigestedFile:
        """Stores it where workers find it."""
        return DigestedFile(url, write_arrays(url, self._asdict()).digest)

    @property
    def digest(self) -> str:
        return content_digest(b"".join(array.tobytes() for array in self)).hex()


def open_entries(url: str) -> Entries:
    """A stored list, memory-mapped where local."""
    return Entries(**open_arrays(url))


def read_entries(words: WordList, folder: Path, *, where: str) -> Entries:
    """The list that a recipe names. Raises InputError for a file that is missing or unreadable, or a line that is no entry."""
    at = f"{where}: word_list {words.name!r}"
    return entries_of(_lines(words.files, folder, at), _lines(words.allow, folder, at))


def entries_of(listed: Iterable[tuple[str, str]], allowed: Iterable[tuple[str, str]] = ()) -> Entries:
    """The tables of (entry, where it stands). Raises InputError for one without letters, or too long."""
    kinds: dict[int, int] = {}
    most: dict[int, int] = {}
    for kind, entries in ((_LISTED, listed), (_ALLOWED, allowed)):
        for text, place in entries:
            units = _units_of(text)
            if not units or len(units) > LONGEST_ENTRY or 0 in units:
                raise InputError(
                    f"{place}: {text[:60]!r} is no entry: 1 to {LONGEST_ENTRY} words of at most {LONGEST_WORD} letters; "
                    "mend or remove the line"
                )
            run = 0
            for unit in units:
                run = int(_longer(np.uint64(run), np.uint64(unit)))
            kinds[run] = kind  # the allowed come last
            most[units[0]] = max(most.get(units[0], 0), len(units))
    return Entries(*_table(most), *_table(kinds))


def count_listed(texts: pa.Array, entries: Entries) -> tuple[UInt32s, UInt32s, UInt32s]:
    """(len(texts),) entries found, units that are in them, units in all.

    Raises TypeError where `texts` is no string array, ValueError for a null.
    """
    data, offsets = utf8_buffers(texts)
    table, powers = letters.load(), letters.powers(LONGEST_WORD)
    size = longest(offsets) + 1
    found, inside, units = (np.zeros(len(texts), np.uint32) for _ in range(3))
    scratch = np.empty(size, np.uint64), np.empty(size, np.uint32)
    _count(data, offsets, table.folds, table.expansions, powers, entries, *scratch, found, inside, units)
    return found, inside, units


def warm_up() -> None:
    """Compiles the kernels, or loads them from Numba's cache: once per process, before the work is timed."""
    count_listed(pa.array(["The warm-up."]), entries_of([("warm-up", "")]))


def _lines(patterns: list[str], folder: Path, where: str) -> Iterator[tuple[str, str]]:
    """(entry, file and line) of every file."""

    def read(stream: BinaryIO) -> Iterator[tuple[int, str]]:
        return enumerate(stream.read().decode("utf-8-sig").splitlines(), start=1)

    for file, (number, line) in read_named(patterns, folder, where, read):
        entry = line.strip()
        if entry and not entry.startswith("#"):
            yield entry, f"{where}: {file}, line {number}"


def _units_of(text: str) -> list[int]:
    """The hashes of an entry's units, 0 of a word that is too long."""
    data = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
    table = letters.load()
    prefixes, units = np.empty(len(data) + 1, np.uint64), np.empty(len(data) + 1, np.uint32)
    total, number = read_letters(data, 0, len(data), table.folds, table.expansions, prefixes, units)
    powers = letters.powers(LONGEST_WORD)
    return [int(_unit(prefixes, units, unit, total, number, powers)) for unit in range(number)]


def _table(values: dict[int, int]) -> tuple[UInt64s, UInt8s]:
    """Keys and values in slots, half of them free; the same for the same values in any order."""
    slots = 1 << max(3, (2 * len(values)).bit_length())
    keys, found = np.zeros(slots, np.uint64), np.zeros(slots, np.uint8)
    for key, value in sorted(values.items()):
        slot = int(_slot(keys, np.uint64(key)))
        keys[slot], found[slot] = key, value
    return keys, found


# ------------------------------------------------------------------------------------------------ kernels


@kernel
def _unit(prefixes: UInt64s, units: UInt32s, unit: int, total: int, number: int, powers: UInt64s) -> np.uint64:
    """The hash of a unit, never 0; 0 of a word of more than LONGEST_WORD letters."""
    first = np.int64(units[unit] >> 1)
    end = np.int64(units[unit + 1] >> 1) if unit + 1 < number else np.int64(total)
    if end - first > LONGEST_WORD:
        return np.uint64(0)
    return mix64(hash_run(prefixes, first, end - first, powers)) | np.uint64(1)


@kernel
def _longer(run: np.uint64, unit: np.uint64) -> np.uint64:
    """The hash of an entry with one unit more, never 0."""
    return mix64(run * _FACTOR + unit) | np.uint64(1)


@kernel
def _slot(keys: UInt64s, key: np.uint64) -> Place:
    """Where a key is, or the free slot where it would be."""
    mask = np.uint64(len(keys) - 1)
    slot = (key >> np.uint64(1)) & mask
    while keys[slot] != 0 and keys[slot] != key:
        slot = (slot + np.uint64(1)) & mask
    return np.int64(slot)


@kernel
def _count(
    data: UInt8s,
    offsets: Int64s,  # (documents + 1,)
    folds: UInt32s,
    expansions: UInt32s,
    powers: UInt64s,
    entries: Entries,
    prefixes: UInt64s,  # scratch
    units: UInt32s,  # scratch
    found: UInt32s,  # out, (documents,)
    inside: UInt32s,  # out
    all_units: UInt32s,  # out
) -> None:
    for document in range(len(found)):
        total, number = read_letters(data, offsets[document], offsets[document + 1], folds, expansions, prefixes, units)
        all_units[document] = number
        unit = 0
        while unit < number:
            first = _unit(prefixes, units, unit, total, number, powers)
            slot = _slot(entries.firsts, first)
            if first == 0 or entries.firsts[slot] != first:
                unit += 1
                continue
            length = 1
            listed = False
            run = np.uint64(0)
            for more in range(entries.most[slot]):
                if unit + more == number:
                    break
                next_unit = _unit(prefixes, units, unit + more, total, number, powers)
                if next_unit == 0:
                    break
                run = _longer(run, next_unit)
                place = _slot(entries.runs, run)
                if entries.runs[place] == run:
                    length = more + 1
                    listed = entries.kinds[place] == _LISTED
            if listed:
                found[document] += np.uint32(1)
                inside[document] += np.uint32(length)
            unit += length
