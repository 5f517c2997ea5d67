"""The report on deduplication: what a finished run's copies are, and how good it was at finding them, by samples.

Reads   decisions/ and identities of all documents; texts of the sampled removed documents, of their representatives and of the
        largest clusters; then, for recall, the texts of all kept documents once, as a stream
Seeds   a sample is the documents of the least hash of (seed, key): of equal inputs the same in every run
Memory  a record batch; 4 bytes a shingle of the sampled removed documents and their representatives, 20 of the sampled kept ones
Cost    1 s for 50 to 130 MB of kept text, the longer the more of it resembles the sample; one core
Formulas  filters.copies.dedup_quality
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from corpus.columns import booleans, fixed_bytes, numbers
from corpus.errors import RunDirectoryError
from corpus.feed.order import mix
from corpus.reasons import DUPLICATES, Reason
from corpus.recipe import Recipe
from corpus.seeds import derive_seed
from corpus.unicode.segmentation import UInt32s
from filters.copies.dedup_quality import Overlap, Share, ShingleIndex, overlap, recall, share, shingle_set
from filters.copies.duplicates import Documents, Int64s, UInt64s, concatenate, halves
from filters.copies.preference import spared
from pipelines.report.run_documents import RunDocuments
from pipelines.report.run_settings import settings_in_force
from pipelines.report.terminal_text import one_line
from pipelines.selection.decision_settings import NEAR
from pipelines.selection.judging import compared_as, order_columns

EXCERPT_CHARACTERS = 160
LARGEST = 10
#: The difference of exact and estimated similarity in steps of this size.
ERROR_STEP = 0.02
#: Containments in the representative at which sampled removed documents are counted.
CONTAINED = (1.0, 0.95, 0.9, 0.8, 0.7)

#: Called with (steps done, steps in all).
Progress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True)
class Level:
    """Precision and recall at a similarity; None where it says nothing: recall below the threshold, or nothing was sampled."""

    similarity: float
    precision: Share | None
    recall: Share | None
    kept_alike: Share | None  # kept documents that another kept one is so similar to


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two documents with their exact similarity."""

    doc_id: int
    url: str | None
    other: int
    other_url: str | None
    jaccard: float


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A kept document and how many it stands for, itself included."""

    doc_id: int
    url: str | None
    documents: int
    text: str  # its beginning, on one line


@dataclasses.dataclass(frozen=True)
class DedupReport:
    """What is known of a run's deduplication."""

    threshold: float
    documents: int
    kept: int
    copies: dict[str, int]  # reason → documents
    sizes: list[tuple[int, int, int]]  # (least, most documents of a cluster, how many clusters): powers of two
    largest: list[Cluster]
    removed_sampled: int
    kept_sampled: int
    levels: list[Level]
    errors: list[tuple[float, int]]  # (exact − estimated similarity, rounded to ERROR_STEP; sampled removed documents)
    contained: list[tuple[float, int]]  # (containment in the representative of at least, sampled removed documents)
    still_alike: list[Pair]  # the most similar pairs of a sampled kept document and another kept one


@dataclasses.dataclass
class _Sample:
    """The documents of the least hashes among those that were offered."""

    size: int
    columns: dict[str, NDArray[Any]]  # of what was offered, `doc_id` among them
    population: int = 0
    hashes: UInt64s = dataclasses.field(default_factory=lambda: np.empty(0, np.uint64))

    def offer(self, hashes: UInt64s, columns: Mapping[str, NDArray[Any]]) -> None:
        self.population += len(hashes)
        merged = {name: np.concatenate([self.columns[name], new]) for name, new in columns.items()}
        hashes = np.concatenate([self.hashes, hashes])
        least = np.argsort(hashes, kind="stable")[: self.size]
        self.hashes, self.columns = hashes[least], {name: values[least] for name, values in merged.items()}

    def __len__(self) -> int:
        return len(self.hashes)


def _sample(size: int, **columns: type[np.generic]) -> _Sample:
    return _Sample(size, {name: np.empty(0, dtype) for name, dtype in columns.items()})


@dataclasses.dataclass
class _Overview:
    """What decisions/ alone say."""

    removed: _Sample  # doc_id, representative, similarity
    kept: _Sample  # doc_id
    copies: Counter[str] = dataclasses.field(default_factory=Counter)
    documents: int = 0
    sizes: Counter[int] = dataclasses.field(default_factory=Counter)  # log2 of a cluster's size, rounded up → clusters
    largest: list[tuple[int, int]] = dataclasses.field(default_factory=list)  # (−documents, doc_id)


@dataclasses.dataclass
class _Partners:
    """Of each sampled kept document how similar the most similar other kept one is, and the most similar one for which it could go:
    one that came with an earlier addition, or is preferred to it, unless its source keeps near copies.
    """

    sample: Documents
    addition: Int64s  # in which selection of `select` it was decided about
    best: NDArray[np.float64]
    best_id: UInt64s
    preferred: NDArray[np.float64]

    @staticmethod
    def of(sample: Documents, addition: Int64s) -> "_Partners":
        count = len(sample.doc_id)
        return _Partners(sample, addition, np.zeros(count), np.zeros(count, np.uint64), np.zeros(count))

    def meet(self, own: Int64s, others: Documents, addition: Int64s, jaccard: NDArray[np.float64]) -> None:
        """Kept documents that were found to be so similar to the sampled ones of these numbers; themselves among them."""
        foreign = np.flatnonzero(self.sample.doc_id[own] != others.doc_id)
        own, others, addition, jaccard = own[foreign], others.take(foreign), addition[foreign], jaccard[foreign]
        before = self.best[own]
        np.maximum.at(self.best, own, jaccard)
        better = np.flatnonzero((jaccard == self.best[own]) & (jaccard > before))[::-1]  # of several the first stays
        self.best_id[own[better]] = others.doc_id[better]
        mine, came = self.sample.take(own), self.addition[own]
        goes = (addition < came) | ((addition == came) & others.beats(mine))
        beaten = np.flatnonzero(goes & ~spared(mine.preference))
        np.maximum.at(self.preferred, own[beaten], jaccard[beaten])

    def most_alike(self) -> list[tuple[int, int, float]]:
        """(sampled document, other, similarity), the most similar first; a pair of two sampled ones once."""
        found: dict[frozenset[int], tuple[int, int, float]] = {}
        for row in np.argsort(-self.best, kind="stable").tolist():
            if self.best[row] == 0 or len(found) == LARGEST:
                break
            pair = int(self.sample.doc_id[row]), int(self.best_id[row])
            found.setdefault(frozenset(pair), (*pair, float(self.best[row])))
        return list(found.values())


def dedup_report(
    documents: RunDocuments, *, removed: int, kept: int, seed: int, progress: Progress = lambda done, of: None
) -> DedupReport:
    """The report, from `removed` sampled near-duplicates and `kept` sampled kept documents (0: no recall, no stream of texts).

    Raises RunDirectoryError for a run that has not come to `select`.
    """
    if documents.select is None:
        raise RunDirectoryError(f"{documents.run.url}: stage select is not finished here; run `corpus build` on it")
    recipe = settings_in_force(documents.run)
    dedup = recipe.dedup
    items = documents.items()
    passes = 3 if kept else 2
    done = iter(range(1, passes * len(items) + 1))

    def each_item() -> Iterator[int]:
        for item in items:
            yield item
            progress(next(done), passes * len(items))

    overview = _Overview(
        removed=_sample(removed, doc_id=np.uint64, representative=np.uint64, similarity=np.float32),
        kept=_sample(kept, doc_id=np.uint64),
    )
    for item in each_item():
        _look_over(documents, item, derive_seed(seed, "dedup report"), overview)
    copies = overview.removed.columns
    largest = {doc_id: -size for size, doc_id in overview.largest}
    compared = np.unique(np.concatenate([copies["doc_id"], copies["representative"], overview.kept.columns["doc_id"]]))
    sets, excerpts = _read_texts(documents, each_item(), compared, set(largest), dedup.shingle)
    partners = _find_partners(documents, each_item(), overview.kept.columns["doc_id"], sets, recipe) if kept else None
    overlaps = [
        overlap(sets[one], sets[other])
        for one, other in zip(copies["doc_id"].tolist(), copies["representative"].tolist(), strict=True)
    ]
    still_alike = partners.most_alike() if partners is not None else []
    heads = documents.heads([*largest, *(doc_id for *pair, _ in still_alike for doc_id in pair)])
    errors = np.array([each.jaccard for each in overlaps]) - copies["similarity"]
    return DedupReport(
        threshold=dedup.threshold,
        documents=overview.documents,
        kept=overview.kept.population,
        copies={str(reason): overview.copies[reason] for reason in DUPLICATES},
        sizes=[((1 << n >> 1) + 1, 1 << n, overview.sizes[n]) for n in sorted(overview.sizes)],
        largest=[Cluster(doc_id, heads[doc_id].url, size, excerpts[doc_id]) for doc_id, size in largest.items()],
        removed_sampled=len(overview.removed),
        kept_sampled=len(overview.kept),
        levels=[_level(each, overview, overlaps, partners, dedup.threshold) for each in _levels(dedup.threshold)],
        errors=_histogram(errors, ERROR_STEP),
        contained=[(least, sum(each.of_first >= least for each in overlaps)) for least in CONTAINED],
        still_alike=[
            Pair(one, heads[one].url, other, heads[other].url, jaccard) for one, other, jaccard in still_alike
        ],
    )


def _levels(threshold: float) -> list[float]:
    """A tenth below, at, and a tenth above the threshold."""
    return [level for step in (-0.1, 0.0, 0.1) if 0 < (level := round(threshold + step, 4)) <= 1]


def _level(
    similarity: float, overview: _Overview, overlaps: Sequence[Overlap], partners: _Partners | None, threshold: float
) -> Level:
    right = sum(each.jaccard >= similarity for each in overlaps)
    removed = right, len(overlaps), overview.removed.population
    if partners is None or similarity < threshold:
        return Level(similarity, share(*removed), None, None)
    sampled, population = len(partners.best), overview.kept.population
    missed = int((partners.preferred >= similarity).sum()), sampled, population
    alike = int((partners.best >= similarity).sum()), sampled, population
    return Level(similarity, share(*removed), recall(removed, missed), share(*alike))


def _histogram(values: NDArray[np.float64], step: float) -> list[tuple[float, int]]:
    """(value rounded to a step, how many), ascending."""
    steps, times = np.unique(np.rint(values / step).astype(np.int64), return_counts=True)
    return [(round(at * step, 6), many) for at, many in zip(steps.tolist(), times.tolist(), strict=True)]


def _look_over(documents: RunDocuments, item: int, seed: int, overview: _Overview) -> None:
    """Adds a work item's decisions to what is known."""
    names = ["doc_id", "key", "kept", "reason", "representative", "similarity", "cluster_size"]
    table = documents.columns(item, names).combine_chunks()
    overview.documents += table.num_rows
    for row in table["reason"].value_counts().to_pylist():
        overview.copies[row["values"]] += row["counts"]
    ids, kept = numbers(table["doc_id"]), booleans(table["kept"])
    hashes = mix(halves(fixed_bytes(table["key"]))[0] ^ np.uint64(seed))
    near = booleans(pc.equal(table["reason"], str(Reason.NEAR_DUPLICATE)))
    columns = {name: numbers(table[name])[near] for name in ("representative", "similarity")}
    overview.removed.offer(hashes[near], {"doc_id": ids[near], **columns})
    overview.kept.offer(hashes[kept], {"doc_id": ids[kept]})
    sizes = numbers(table["cluster_size"])[kept].astype(np.int64)
    exponents, times = np.unique(np.ceil(np.log2(sizes)).astype(np.int64), return_counts=True)
    overview.sizes.update(dict(zip(exponents.tolist(), times.tolist(), strict=True)))
    rows = np.flatnonzero(sizes > 1)
    rows = rows[np.argsort(-sizes[rows], kind="stable")[:LARGEST]]
    found = zip((-sizes[rows]).tolist(), ids[kept][rows].tolist(), strict=True)
    overview.largest = sorted([*overview.largest, *found])[:LARGEST]


def _read_texts(
    documents: RunDocuments, items: Iterator[int], compared: UInt64s, shown: set[int], shingle: int
) -> tuple[dict[int, UInt32s], dict[int, str]]:
    """(shingles of the compared documents, beginnings of the texts of the shown ones), by doc_id."""
    sets, excerpts = {}, {}
    wanted = np.union1d(compared, np.array(sorted(shown), np.uint64))
    concerned = set(documents.items_of(wanted).tolist())
    for item in items:
        for ids, texts in documents.text_batches(item) if item in concerned else ():
            for row in np.flatnonzero(np.isin(ids, wanted)).tolist():
                doc_id, text = int(ids[row]), texts[row].as_py()
                sets[doc_id] = shingle_set(text, shingle)
                if doc_id in shown:
                    excerpts[doc_id] = one_line(text[: 4 * EXCERPT_CHARACTERS], at_most=EXCERPT_CHARACTERS)
    return sets, excerpts


def _find_partners(
    documents: RunDocuments, items: Iterator[int], sampled: UInt64s, sets: Mapping[int, UInt32s], recipe: Recipe
) -> _Partners:
    """The kept documents that are like sampled ones, at the threshold at least."""
    dedup = recipe.dedup
    sample = _identities_of(documents, sampled, recipe)
    partners = _Partners.of(sample, additions_of(documents, sample.doc_id, recipe))
    index = ShingleIndex([sets[doc_id] for doc_id in partners.sample.doc_id.tolist()], dedup.threshold)
    for item in items:
        kept = booleans(documents.columns(item, ["kept"])["kept"])
        identity = _identities(documents, item, recipe)
        begin = 0
        for ids, texts in documents.text_batches(item):
            mine = np.flatnonzero(kept[begin : begin + len(ids)])
            rows, own, jaccard = index.alike(texts.take(pa.array(mine)), dedup.shingle)
            others = identity.take(begin + mine[rows])
            partners.meet(own, others, additions_of(documents, others.doc_id, recipe), jaccard)
            begin += len(ids)
    return partners


def additions_of(documents: RunDocuments, doc_ids: UInt64s, recipe: Recipe) -> Int64s:
    """(documents,) the addition in whose selection each was decided about: what was kept before stays, whatever comes later."""
    found = documents.additions_of(doc_ids)
    return np.zeros_like(found) if recipe.run.decide_again else found


def _identities(documents: RunDocuments, item: int, recipe: Recipe) -> Documents:
    return compared_as(documents.columns(item, order_columns(recipe)).combine_chunks(), recipe, NEAR)


def _identities_of(documents: RunDocuments, doc_ids: UInt64s, recipe: Recipe) -> Documents:
    """Of documents by id, in the order of ids."""
    doc_ids = np.sort(doc_ids)
    items = documents.items_of(doc_ids)
    found = [Documents(*(np.empty(0, np.uint64) for _ in dataclasses.fields(Documents)))]
    for item in np.unique(items).tolist():
        identity = _identities(documents, item, recipe)
        found.append(identity.take(np.searchsorted(identity.doc_id, doc_ids[items == item])))
    return concatenate(found)
