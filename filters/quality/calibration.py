"""A profile's limits for a language, derived from documents that are trusted: signals → limits, and what each drops.

Reads batches of signals into a `Sample`, and lays a method over the limits of a base profile:

TAIL      the limit that drops the same small share of the trusted documents by every rule. For a most: the smallest value that
          at most floor(p n) of n documents exceed, sorted[n - 1 - floor(p n)]; for a least sorted[floor(p n)]. FineWeb-2's
          10Tail is p = .1. `tail_of_all` gives the largest p with which all rules together drop no more than a given share.
QUANTILE  p is the share of trusted English documents that the base's English limit drops.
MEAN_STD  the limit stands as many standard deviations from the mean as the base's English limit does in English documents.
(Penedo et al. 2025, arXiv:2506.20920, section 4.4.2; FineWeb-2 took 10Tail for FineWeb's filters, Quantile for Gopher's
quality and MeanStd for Gopher's repetition, English limits of FineWeb, and Wikipedia as the documents that are trusted.)

Ratios are calibrated, the language score among them; with the methods that compare with English it is
max(.3, min(.9, median - standard deviation)), section 4.2 there. A count (words, characters) is a policy and stays as the
base has it. Limits are rounded outwards to 3 decimals, so that they drop no more than is said.

Invariant: the result depends on the set of documents only, not on their order or their division into batches: a sample
that is full holds the documents of the smallest text hashes, each text once.
Cost: 4 bytes a document and signal, and 8 a document, twice; 10^6 documents and 30 signals: 256 MB, 5 s of sorting.
"""

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.columns import numbers
from corpus.schema import signal_type
from filters.quality.explanations import SIGNAL_MEANINGS
from filters.quality.rules import Limit

DECIMALS = 3
#: Remarks: a limit that differs by this factor; a rule that drops this share of trusted documents; documents in a tail,
#: below which a limit is chance (its share is then off by a third and more); documents in all.
FACTOR, SHARE, FEWEST_IN_TAIL, FEWEST_DOCUMENTS = 3.0, 0.25, 10, 1_000

Values = NDArray[Any]  # (documents,) float32 or uint32
Columns = Mapping[str, Values]


class Method(enum.StrEnum):
    TAIL = "tail"
    QUANTILE = "quantile"
    MEAN_STD = "mean-std"


@dataclass
class Sample:
    """Signals of at most `capacity` documents, those of the smallest text hashes; the same text counts once."""

    signals: tuple[str, ...]
    capacity: int
    seen: int = 0
    _parts: list[tuple[NDArray[np.uint64], dict[str, Values]]] = field(default_factory=list)
    _held: int = 0

    def add(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Takes a batch with `text_hash` (16 bytes) and the signals."""
        hashes = np.array([int.from_bytes(each.as_py()[:8]) for each in batch.column("text_hash")], dtype=np.uint64)
        self._parts.append((hashes, {name: numbers(batch.column(name)).copy() for name in self.signals}))
        self.seen += len(hashes)
        self._held += len(hashes)
        if self._held >= 2 * self.capacity:
            self._shrink()

    def columns(self) -> dict[str, Values]:
        """Name → values, in the order of the text hashes."""
        self._shrink()
        return self._parts[0][1] if self._parts else {name: np.zeros(0, np.float32) for name in self.signals}

    def digest(self) -> str:
        """Eight hex digits that name the sampled texts."""
        from corpus.recipe import fingerprint

        self._shrink()
        return fingerprint(self._parts[0][0].tobytes() if self._parts else b"")[:8]

    def _shrink(self) -> None:
        if not self._parts:
            return
        hashes, first = np.unique(np.concatenate([part[0] for part in self._parts]), return_index=True)
        kept = first[: self.capacity]
        columns = {name: np.concatenate([part[1][name] for part in self._parts])[kept] for name in self.signals}
        self._parts, self._held = [(hashes[: self.capacity], columns)], len(kept)


@dataclass(frozen=True)
class Calibrated:
    """A limit of the base with its calibrated value; None where it can drop nothing and is better left out."""

    base: Limit
    value: float | None
    drops: float  # share of the trusted documents
    base_drops: float
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Calibration:
    limits: tuple[Calibrated, ...]
    documents: int
    drops: float  # share of the trusted documents that one of the calibrated limits drops
    counts_drop: float  # that one of the base's counts drops
    base_drops: float  # that the base drops
    tail: float | None  # share that a rule drops at most, where that is one number
    remarks: tuple[str, ...]


def calibrate(
    base: Sequence[Limit],
    columns: Columns,
    *,
    method: Method = Method.TAIL,
    percentile: float | None = None,
    together: float = 10.0,
    english: Columns | None = None,
    english_base: Sequence[Limit] = (),
) -> Calibration:
    """The limits of a base, calibrated on the columns of its signals. Shares are in percent.

    TAIL drops `percentile` by each rule or, where that is None, as many as makes `together` of all of them. The other
    methods want the columns of English documents and the base's English limits; a limit on a side of a signal that English
    does not have stays as it is. Raises ValueError where there are no documents.
    """
    documents = len(next(iter(columns.values()), ()))
    if not documents:
        raise ValueError("no documents to calibrate on")
    ratios = [limit for limit in base if _is_calibrated(limit)]
    tail = None
    if method is Method.TAIL:
        dropped = int(percentile / 100 * documents) if percentile is not None else 0
        if percentile is None:
            dropped = tail_of_all(ratios, columns, together / 100)
        tail = dropped / documents
        tails = {_side(limit): dropped for limit in ratios}
    english_limits = {_side(limit): limit for limit in english_base}
    found = []
    for limit in base:
        values = columns[limit.signal]
        base_drops = float(limit.fails(values).mean())
        remarks: list[str] = []
        value: float | None
        if limit.signal == "language_score" and method is not Method.TAIL:
            value = _language_score(values)
        elif not _is_calibrated(limit):
            value = limit.value
        elif method is Method.TAIL:
            value = tail_limit(limit, values, tails[_side(limit)])
        elif (in_english := english_limits.get(_side(limit))) is None or english is None:
            value = limit.value
            remarks.append("English has no such limit: kept as it is")
        elif method is Method.QUANTILE:
            share = float(in_english.fails(english[limit.signal]).mean())
            value = tail_limit(limit, values, int(share * documents))
        else:
            value = _mean_std(in_english.value, english[limit.signal], values)
        value, more = _outwards(limit, value)
        found.append(_checked(limit, value, values, base_drops, [*remarks, *more]))
    fails, of_counts, of_base = (np.zeros(documents, np.bool_) for _ in range(3))
    for each in found:
        values = columns[each.base.signal]
        of_base |= each.base.fails(values)
        if not _is_calibrated(each.base):
            of_counts |= each.base.fails(values)
        elif each.value is not None:
            fails |= dataclasses.replace(each.base, value=each.value).fails(values)
    result = Calibration(
        tuple(found), documents, float(fails.mean()), float(of_counts.mean()), float(of_base.mean()), tail, ()
    )
    return dataclasses.replace(result, remarks=tuple(_remarks_of_all(result)))


def tail_limit(limit: Limit, values: Values, dropped: int) -> float:
    """The tightest limit on the rule's side beyond which at most `dropped` of the values lie."""
    place = min(max(dropped, 0), len(values) - 1)
    if limit.side == "min":
        return float(np.partition(values, place)[place])
    return float(np.partition(values, len(values) - 1 - place)[len(values) - 1 - place])


def tail_of_all(limits: Sequence[Limit], columns: Columns, share: float) -> int:
    """The most documents that every rule alone may drop so that all together drop at most a share of the documents.

    With `dropped` documents in each tail a document fails a rule if and only if at most `dropped` documents lie as far out
    as it or farther. So it fails one of them from the least such number over its rules on, and the answer is one less than
    the place of that number in order that the share ends at. At most half of the documents are a tail.
    """
    documents = len(next(iter(columns.values())))
    least = np.full(documents, documents, dtype=np.int64)
    for limit in limits:
        values = columns[limit.signal]
        inwards = np.sort(values)
        out = (
            np.searchsorted(inwards, values, side="right")
            if limit.side == "min"
            else documents - np.searchsorted(inwards, values, side="left")
        )
        np.minimum(least, out, out=least)
    allowed = int(share * documents)
    if allowed >= documents:
        return documents // 2
    return min(int(np.partition(least, allowed)[allowed]) - 1, documents // 2)


def _is_calibrated(limit: Limit) -> bool:
    return signal_type(limit.signal) == pa.float32()


def _side(limit: Limit) -> tuple[str, str]:
    return limit.signal, limit.side


def _language_score(scores: Values) -> float:
    spread = scores.astype(np.float64)
    return max(0.3, min(0.9, float(np.median(spread) - spread.std())))


def _mean_std(limit: float, english: Values, values: Values) -> float:
    """As many standard deviations from the mean as `limit` is in English; the mean itself where English does not vary."""
    there, here = english.astype(np.float64), values.astype(np.float64)
    deviation = float(there.std())
    return float(here.mean() + ((limit - there.mean()) / deviation if deviation else 0.0) * here.std())


def _outwards(limit: Limit, value: float) -> tuple[float | None, list[str]]:
    """Rounded so that it drops no more; None where nothing can lie beyond; the base's where it would be 0."""
    scale = 10**DECIMALS
    rounded = np.floor(value * scale + 1e-6) if limit.side == "min" else np.ceil(value * scale - 1e-6)
    value = float(rounded / scale)
    share = SIGNAL_MEANINGS[limit.signal].startswith("share")
    if not _is_calibrated(limit):
        return limit.value, []
    if limit.side == "min" and value <= 0:
        return None, ["a least of 0 drops nothing: left out"]
    if limit.side == "max" and share and value >= 1:
        return None, ["a share of 1 drops nothing: left out"]
    if limit.side == "max" and value <= 0:
        return limit.value, [
            f"these documents have none, and a most of 0 would drop the first one: kept {limit.value:g}"
        ]
    return value, []


def _checked(limit: Limit, value: float | None, values: Values, base_drops: float, remarks: list[str]) -> Calibrated:
    drops = 0.0 if value is None else float(dataclasses.replace(limit, value=value).fails(values).mean())
    if base_drops > SHARE:
        remarks.append(f"{limit.value:g} of the base drops {base_drops:.0%} of these documents")
    if drops > SHARE:
        remarks.append(f"drops {drops:.0%} of these documents")
    if value is not None and limit.value > 0 and not 1 / FACTOR <= value / limit.value <= FACTOR:
        remarks.append(f"{value / limit.value:.2g} times the {limit.value:g} of the base")
    return Calibrated(limit, value, drops, base_drops, tuple(remarks))


def _remarks_of_all(result: Calibration) -> list[str]:
    remarks = []
    if result.documents < FEWEST_DOCUMENTS:
        remarks.append(f"only {result.documents:,} documents: limits want {FEWEST_DOCUMENTS:,} and more")
    if result.tail is not None and (in_tail := round(result.tail * result.documents)) < FEWEST_IN_TAIL:
        remarks.append(
            f"each limit rests on the {in_tail} outermost documents of its side: below {FEWEST_IN_TAIL} it is chance"
        )
    if result.drops > SHARE:
        remarks.append(f"the calibrated rules together drop {result.drops:.0%} of documents that are trusted")
    if result.counts_drop > SHARE:
        remarks.append(f"the counts of the base drop {result.counts_drop:.0%} of documents that are trusted")
    least = {each.base.signal: each.value for each in result.limits if each.base.side == "min"}
    for each in result.limits:
        floor = least.get(each.base.signal)
        if each.base.side == "max" and each.value is not None and floor is not None and floor > each.value:
            remarks.append(
                f"{each.base.signal}: the least, {floor:g}, is over the most, {each.value:g}: nothing passes"
            )
    return remarks
