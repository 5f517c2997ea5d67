"""Personal data in a text: addresses of persons and machines, and the numbers by which states, banks and networks know them.

Reads a string array; returns for every text how many of each kind there are, and where, as edits (corpus.text.edits): each
replaces what was found by the token of its kind. Nothing is decided here: the edits lie beside the text, and the recipe's
[privacy] says of each kind whether they are applied, the document is dropped, or neither (docs/privacy.md).

A compiled gate (`filters.privacy.gate`) looks at every byte and names the few places where something could be; regular
expressions and checksums (`filters.privacy.addresses`, `disguised`, `personal_numbers`, and `identifiers` by tables) see a window of bounded size around each. In doubt
nothing is found: documentation addresses, private ranges, versions, order numbers, ISBNs and dates are no personal data.

Invariant: edits of a text lie in order, do not overlap, and depend on the text alone. Cost: 0.1 to 1 ns a byte for the
gate, some 10 µs a place; linear in the text, whatever it is.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.columns import numbers
from corpus.schema import EDITS, PERSONAL_SIGNALS
from corpus.unicode.segmentation import utf8_buffers
from filters.privacy.addresses import address_v6, addresses_v4, email_at
from filters.privacy.disguised import disguised_in
from filters.privacy.gate import AT, CODE, COLON, NUMBER, SPELLED, TWELVE, WORD, find_places
from filters.privacy.identifiers import identifiers_in
from filters.privacy.kinds import SIGNALS, TOKENS, Kind
from filters.privacy.number_context import AFTER_CHARACTERS, BEFORE_CHARACTERS, folded
from filters.privacy.personal_numbers import numbers_in

#: Part of the fingerprint of `extract`: raise it with every change that can find something else.
VERSION = 3

#: Bytes before and after a place that its window has: for a number the telling words, else what a name and a domain take.
_TELLING, _NAME = (3 * BEFORE_CHARACTERS, 3 * AFTER_CHARACTERS), (160, 260)
_AROUND = {
    AT: _NAME,
    COLON: _NAME,
    NUMBER: _TELLING,
    CODE: _TELLING,
    WORD: (24, 120),
    TWELVE: _TELLING,
    SPELLED: (250, 330),
}
_SHAPES = {CODE: "code", TWELVE: "hardware"}

_PRIORITY = {kind: number for number, kind in enumerate(Kind)}


class Found(NamedTuple):
    """Personal data in bytes [begin, end) of a text."""

    kind: Kind
    begin: int
    end: int


class PersonalData(NamedTuple):
    counts: dict[str, npt.NDArray[np.uint32]]  # column → (texts,)
    edits: pa.ListArray  # (texts,) of corpus.text.edits.EDITS


def measure(texts: pa.Array) -> PersonalData:
    """Counts and edits of every text. Raises TypeError where `texts` is no string array, ValueError for a null."""
    counts = {name: np.zeros(len(texts), np.uint32) for name in PERSONAL_SIGNALS}
    sizes = np.zeros(len(texts) + 1, np.int32)
    begins, ends, tokens = list[int](), list[int](), list[str]()
    for row, found in _found(texts):
        sizes[row + 1] = len(found)
        for kind, begin, end in found:
            counts[SIGNALS[kind]][row] += 1
            begins.append(begin)
            ends.append(end)
            tokens.append(TOKENS[kind])
    values = pa.StructArray.from_arrays(
        [pa.array(begins, pa.uint32()), pa.array(ends, pa.uint32()), pa.array(tokens, pa.string())],
        fields=list(EDITS.value_type),
    )
    return PersonalData(
        counts, pa.ListArray.from_arrays(pa.array(np.cumsum(sizes, dtype=np.int32)), values, type=EDITS)
    )


def find(text: str) -> list[Found]:
    """Personal data of one text, in order."""
    return next((found for _, found in _found(pa.array([text], pa.large_string()))), [])


def warm_up() -> None:
    """Compiles the gate, or loads it from Numba's cache: once per process, before the work is timed."""
    find("warm-up")


def _found(texts: pa.Array) -> Iterator[tuple[int, list[Found]]]:
    """(row, what is in it) of each text that has any."""
    data, offsets = utf8_buffers(texts)
    places = find_places(data, offsets)
    if not len(places.document):
        return
    view = memoryview(data.data)
    bounds = offsets.tolist()
    row, met = -1, list[Found]()
    for document, sort, begin, end in zip(*(column.tolist() for column in places), strict=True):
        if document != row:
            if met:
                yield row, _resolved(met)
            row, met = document, []
        met += _judged(view, bounds[document], bounds[document + 1], sort, begin, end)
    if met:
        yield row, _resolved(met)


def _resolved(met: list[Found]) -> list[Found]:
    """In order and without overlaps: of two that overlap the kind named first in Kind stays."""
    kept: list[Found] = []
    for each in sorted(met, key=lambda each: (each.begin, _PRIORITY[each.kind])):
        if not kept or each.begin >= kept[-1].end:
            kept.append(each)
        elif _PRIORITY[each.kind] < _PRIORITY[kept[-1].kind]:
            kept[-1] = each
    return kept


def _judged(view: memoryview, start: int, stop: int, sort: int, begin: int, end: int) -> Iterator[Found]:
    """What a place holds, in bytes of its text."""
    before, after = _AROUND[sort]
    first, last = max(start, begin - before), min(stop, end + after)
    while first < begin and view[first] & 0xC0 == 0x80:
        first += 1
    while last < stop and view[last] & 0xC0 == 0x80:
        last += 1
    raw = bytes(view[first:last])
    window = raw.decode()
    text = folded(window)
    plain = len(window) == len(raw)
    here, there = begin - first, end - first  # in characters from here on
    if not plain:
        # A sign may be seen at a byte within a character: the place is then that character's.
        here, there = (len(raw[:at].decode("utf-8", "ignore")) for at in (here, there))
    spans: list[tuple[str, int, int]] = []
    if sort == AT:
        if (span := email_at(text, here)) is not None:
            spans.append((Kind.EMAIL, *span))
    elif sort == COLON:
        if (span := address_v6(text, here - 4)) is not None:
            spans.append((Kind.IP, *span))
    elif sort == SPELLED:
        if (span := disguised_in(text, here, there)) is not None:
            spans.append((Kind.EMAIL, *span))
    elif sort == WORD:
        spans += identifiers_in(text, there, min(len(text), there + AFTER_CHARACTERS), "word")
    elif sort == NUMBER:
        if text.count(".", here, there) >= 3:
            spans += [(Kind.IP, *span) for span in addresses_v4(text, here, there)]
        spans += numbers_in(text, here, there)
        spans += identifiers_in(text, here, there, "number")
    else:
        spans += identifiers_in(text, here, there, _SHAPES[sort])
    origin = first - start
    for name, past, stop in spans:
        kind = Kind(name)
        if plain:
            yield Found(kind, origin + past, origin + stop)
        else:
            yield Found(kind, origin + len(window[:past].encode()), origin + len(window[:stop].encode()))


def found_counts(signals: pa.Table | pa.RecordBatch) -> dict[str, int]:
    """What is counted of a work item: occurrences of each kind, and the documents with any of it.

    Of kinds that another version did not look for there is no column, and no count.
    """
    counts: dict[str, int] = {}
    for kind in (kind for kind in Kind if SIGNALS[kind] in signals.schema.names):
        column = numbers(signals[SIGNALS[kind]])
        counts[f"personal_data.{kind}"] = int(column.sum())
        counts[f"personal_data_documents.{kind}"] = int((column > 0).sum())
    return counts
