"""What corpus.unicode.letters, filters.exams and filters.exams.search compute, in plain Python over strings: no hashes."""

from collections.abc import Sequence
from typing import NamedTuple

from corpus.unicode import letters
from filters.exams.grams import ANCHOR_SINGLE, ANCHOR_WORD, LONGEST_RUN, GramSettings
from filters.exams.index import MAX_ITEMS, THINNED_ABOVE, THINNED_TO
from filters.exams.items import Item, Part

_POINT = (1 << 21) - 1


def fold_of(character: str) -> list[tuple[str, bool]] | None:
    """(letter, whether it is single) of a character; None where it vanishes, [] where it separates."""
    table = letters.load()
    fold = int(table.folds[ord(character)])
    if fold == letters.VANISHES:
        return None
    if fold == letters.SEPARATOR:
        return []
    if not fold & int(letters.SEVERAL):
        return [(chr(fold & _POINT), bool(fold & int(letters.SINGLE)))]
    found = []
    place = fold & _POINT
    while table.expansions[place] != letters.SEPARATOR:
        letter = int(table.expansions[place])
        found.append((chr(letter & _POINT), bool(letter & int(letters.SINGLE))))
        place += 1
    return found


def read(text: str) -> tuple[str, list[tuple[int, bool]]]:
    """(letters, [(first letter, whether it is single)] of the units)."""
    found: list[str] = []
    units: list[tuple[int, bool]] = []
    inside = False
    for character in text:
        fold = fold_of(character)
        if fold is None:
            continue
        if not fold:
            inside = False
        for letter, single in fold:
            if single or not inside:
                units.append((len(found), single))
            inside = not single
            found.append(letter)
    return "".join(found), units


def runs_of(text: str, settings: GramSettings, *, whole: bool) -> list[str]:
    """The letters of every gram of a text in its order; of the text as a whole where that is asked for and it has none."""
    found, units = read(text)
    ends = [first for first, _ in units[1:]] + [len(found)]
    runs = []
    for number, (first, single) in enumerate(units):
        worth = [settings.words if each else settings.characters for _, each in units[number:]]
        anchor = ANCHOR_SINGLE if single else ANCHOR_WORD
        for last in range(len(worth)):
            end = ends[number + last]
            if sum(worth[: last + 1]) >= settings.words * settings.characters and end - first >= anchor:
                runs.append(found[first:end][:LONGEST_RUN])
                break
    if not runs and whole:
        for number, (first, single) in enumerate(units):
            worth = [settings.whole_words if each else settings.whole_characters for _, each in units[number:]]
            enough = sum(worth) >= settings.whole_words * settings.whole_characters
            if enough and len(found) - first >= (ANCHOR_SINGLE if single else ANCHOR_WORD):
                return [found[first:][:LONGEST_RUN]]
    return runs


class Text(NamedTuple):
    """A part of an item with the runs that are looked for."""

    exam: str
    item: str
    part: str
    runs: frozenset[str]


def texts_of(items: Sequence[Item], settings: GramSettings) -> list[Text]:
    """Every part of every item, formulas left out and long ones thinned."""
    runs: dict[tuple[int, Part], list[str]] = {}
    contents: dict[tuple[int, Part], tuple[object, ...]] = {}
    for number, item in enumerate(items):
        for part, pieces in item.parts.items():
            whole = part is Part.QUESTION
            runs[number, part] = [run for piece in pieces for run in runs_of(piece, settings, whole=whole)]
            contents[number, part] = tuple(str(read(piece)) for piece in pieces)
    holders: dict[str, set[object]] = {}
    for (number, part), its in runs.items():
        as_whole = tuple(sorted((str(each is Part.QUESTION), contents[number, each]) for each in items[number].parts))
        for run in its:
            question, content = part is Part.QUESTION, contents[number, part]
            # Items about one passage count once for it, and items that are equal in every part.
            holders.setdefault(run, set()).add(content if part is Part.PASSAGE else (question, content, as_whole))
    found = []
    for (number, part), its in runs.items():
        kept = [run for run in dict.fromkeys(its) if len(holders[run]) <= MAX_ITEMS]
        stride = min(THINNED_TO, max(1, len(kept) // THINNED_ABOVE))
        found.append(Text(items[number].exam, items[number].id, part.value, frozenset(kept[::stride])))
    return found


def coverages(document: str, texts: Sequence[Text]) -> dict[tuple[str, str, str], float]:
    """(exam, item, part) → share of its runs that a document has, where it has any."""
    found, units = read(document)
    starts = [first for first, _ in units]
    there: dict[tuple[str, str, str], float] = {}
    for text in texts:
        hits = sum(any(found.startswith(run, start) for start in starts) for run in text.runs)
        if hits:
            there[text.exam, text.item, text.part] = hits / len(text.runs)
    return there
