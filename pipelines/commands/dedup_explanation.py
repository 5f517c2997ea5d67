"""Why one document stays or goes as a copy: what it was compared to, what decided, and where the two texts differ.

Reads   signals, decision and text of the document and of those that are shown beside it; edges/ of the whole run, 20 bytes an
        edge; for a document that stands for others the representatives of all decisions
Memory  one file of edges; a record batch; the texts that are compared
"""

import dataclasses
import datetime
import difflib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc

from corpus import schema
from corpus.columns import numbers
from corpus.errors import RunDirectoryError
from corpus.reasons import Reason
from corpus.recipe import Dedup, Recipe
from corpus.storage import files
from corpus.storage.older_files import read_as
from filters.copies.dedup_quality import overlap, shingle_set
from filters.copies.preference import LATER, MAX_PLACES, SPARED, criteria_of, url_criteria_of
from pipelines.commands.dedup_report import additions_of
from pipelines.commands.measure import shortest
from pipelines.report.run_documents import Head, RunDocuments
from pipelines.report.run_settings import settings_in_force
from pipelines.selection.decision_settings import NEAR, TEXT, URL
from pipelines.selection.judging import compared_as, order_columns

#: Members of a cluster and edges of a document that are listed, and changed lines that are shown.
LISTED, CHANGED_LINES = 20, 12
#: Lines of a text that are compared: difflib takes quadratic time.
COMPARED_LINES = 2000
#: Characters of a changed line, and how many of them before the change.
LINE_CHARACTERS, CONTEXT_CHARACTERS = 160, 40

_DECIDED = ("kept", "reason", "representative", "similarity", "cluster_size")
_COLUMNS = ("id", "url", "shingles", "url_hash", "text_hash", "bands", *_DECIDED)

#: Criteria that say nothing in a run whose recipe does not set them.
_WHERE_THEY_DIFFER = ("came with", "may go", "place in dedup.order", "quality")
_MAY_GO = {0: "yes", LATER: "not as a near copy", SPARED: "no"}
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Compared:
    """A document that the explained one is compared to."""

    doc_id: int
    id: str
    url: str | None
    reason: str  # "" where it is kept
    similarity: float | None  # of the two, as `select` estimated it; None where the decisions name none
    jaccard: float
    contained: float  # share of the explained document's shingles that are in this one
    contains: float  # share of this one's that are in the explained document
    shared_bands: list[int]  # numbers, from 0


@dataclasses.dataclass(frozen=True)
class Criterion:
    """What copies are ordered by; the first in which two differ decides."""

    name: str
    document: str
    representative: str
    decides: bool


@dataclasses.dataclass(frozen=True)
class Edge:
    """A verified pair of near-duplicates that the document stands in."""

    doc_id: int
    url: str | None
    similarity: float
    preferred: bool  # the other is preferred to the document, which goes if the other stays
    reason: str  # of the other; "" where it is kept


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What there is to say; `representative`, `preference` and `changes` of a removed copy, `members` of one that stands for others."""

    doc_id: int
    id: str
    url: str | None
    kept: bool
    reason: str
    shingles: int
    bands: int
    threshold: float
    cluster_size: int
    representative: Compared | None
    preference: list[Criterion]
    edges: list[Edge]  # LISTED of them
    edges_in_all: int
    members: list[Compared]  # LISTED of them
    changes: list[str]  # "- " of the document, "+ " of the representative, CHANGED_LINES of them
    changes_in_all: int


def explain_document(documents: RunDocuments, head: Head) -> Explanation:
    """Explains one document. Raises RunDirectoryError for a run that has not come to `select`."""
    if documents.select is None:
        raise RunDirectoryError(f"{documents.run.url}: stage select is not finished here; run `corpus build` on it")
    recipe = settings_in_force(documents.run)
    dedup = recipe.dedup
    row = _rows(documents, [head.doc_id], recipe)[head.doc_id]
    stands = row["representative"]
    members = _members(documents, head.doc_id) if row["cluster_size"] > 1 else []
    others = _rows(documents, [stands] if stands is not None else members[:LISTED], recipe)
    texts = documents.texts([head.doc_id, *others])
    compared = [_compared(row, other, texts, dedup) for other in others.values()]
    edges = list(_edges_of(documents, head.doc_id))
    changes = list(changed_lines(texts[head.doc_id], texts[stands])) if stands is not None else []
    return Explanation(
        doc_id=head.doc_id,
        id=head.name,
        url=head.url,
        kept=row["kept"],
        reason=row["reason"],
        shingles=row["shingles"],
        bands=dedup.bands,
        threshold=dedup.threshold,
        cluster_size=row["cluster_size"],
        representative=compared[0] if stands is not None else None,
        preference=_preference(row, others[stands], recipe) if stands is not None else [],
        edges=_described(documents, edges[:LISTED], recipe),
        edges_in_all=len(edges),
        members=[] if stands is not None else compared,
        changes=changes[:CHANGED_LINES],
        changes_in_all=len(changes),
    )


def changed_lines(before: str, after: str) -> Iterator[str]:
    """The lines in which two texts differ, "- " of the one and "+ " of the other, cut to where they begin to differ.

    Of each text COMPARED_LINES lines are looked at, from the first that differs.
    """
    ours, theirs = before.split("\n"), after.split("\n")
    same = _agreeing(ours, theirs)
    ours, theirs = ours[same : same + COMPARED_LINES], theirs[same : same + COMPARED_LINES]
    for tag, begin, end, begin_after, end_after in difflib.SequenceMatcher(None, ours, theirs).get_opcodes():
        if tag == "equal":
            continue
        for one, other in itertools.zip_longest(ours[begin:end], theirs[begin_after:end_after]):
            equal = _agreeing(one or "", other or "")
            yield from (f"{mark} {_cut(line, equal)}" for mark, line in (("-", one), ("+", other)) if line is not None)


def _agreeing(first: Sequence[str], second: Sequence[str]) -> int:
    """How many lines, or characters, two texts begin with alike."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _cut(line: str, same: int) -> str:
    begin = max(0, min(same - CONTEXT_CHARACTERS, len(line) - LINE_CHARACTERS))
    end = begin + LINE_CHARACTERS
    return ("…" if begin else "") + line[begin:end] + ("…" if end < len(line) else "")


def _rows(documents: RunDocuments, doc_ids: Iterable[int], recipe: Recipe) -> dict[int, Row]:
    """What is compared of these documents, in their order, which the run must have.

    `order` holds the preference of each as every kind of copy.
    """
    wanted = list(doc_ids)
    ids = np.array(wanted, np.uint64)
    items = documents.items_of(ids)
    found: dict[int, Row] = {}
    for item in np.unique(items).tolist():
        table = documents.columns(item, [*order_columns(recipe), *_COLUMNS]).combine_chunks()
        table = table.take(np.searchsorted(numbers(table["doc_id"]), ids[items == item]))
        order = {kind: compared_as(table, recipe, kind).preference.tolist() for kind in (URL, TEXT, NEAR)}
        addition = additions_of(documents, numbers(table["doc_id"]), recipe).tolist()
        for at, row in enumerate(table.to_pylist()):
            packed = {kind: values[at] for kind, values in order.items()}
            found[row["doc_id"]] = {**row, "addition": addition[at], "order": packed}
    return {doc_id: found[doc_id] for doc_id in wanted}


def _compared(row: Row, other: Row, texts: Mapping[int, str], dedup: Dedup) -> Compared:
    sets = [shingle_set(texts[each["doc_id"]], dedup.shingle) for each in (row, other)]
    of = overlap(*sets)
    shared = [number for number, pair in enumerate(zip(row["bands"], other["bands"], strict=True)) if len({*pair}) == 1]
    return Compared(
        doc_id=other["doc_id"],
        id=_name(other),
        url=other["url"],
        reason=other["reason"],
        similarity=shortest(row["similarity"] if row["representative"] is not None else other["similarity"]),
        jaccard=of.jaccard,
        contained=of.of_first,
        contains=of.of_second,
        shared_bands=shared
        if row["shingles"]
        else [],  # texts without shingles have equal hashes and are never compared
    )


def _name(row: Row) -> str:
    return Head(row["doc_id"], row["key"], row["id"], row["url"]).name


def _preference(row: Row, other: Row, recipe: Recipe) -> list[Criterion]:
    """What made the representative preferred; nothing where it took over copies from another, and was not compared to them."""
    if row["reason"] == Reason.NEAR_DUPLICATE:
        kind = NEAR
    elif row["reason"] == Reason.EXACT_DUPLICATE and row["text_hash"] == other["text_hash"]:
        kind = TEXT
    elif row["reason"] == Reason.URL_DUPLICATE and row["url_hash"] == other["url_hash"]:
        kind = URL
    else:
        return []
    ours, theirs = _criteria(row, kind, recipe), _criteria(other, kind, recipe)
    first = next((name for name in ours if ours[name] != theirs[name]), None)
    shown = [name for name in ours if name not in _WHERE_THEY_DIFFER or ours[name] != theirs[name]]
    return [Criterion(name, ours[name], theirs[name], name == first) for name in shown]


def _criteria(row: Row, kind: str, recipe: Recipe) -> dict[str, str]:
    """Criterion → value, in the order in which they count."""
    if kind == URL:
        claim, place, seconds, content = url_criteria_of(row["order"][kind])
        time = _EPOCH + datetime.timedelta(seconds=seconds)
        own = {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else "unknown", "content": str(content)}
    else:
        claim, place, quality, content, days = criteria_of(row["order"][kind])
        day = _EPOCH + datetime.timedelta(days)
        own = {
            "quality": f"{quality:g}",
            "content": str(content),
            "day": day.date().isoformat() if days else "unknown",
        }
    named = str(MAX_PLACES - place + 1) if place else "not named"
    came = recipe.addition[row["addition"] - 1].name if row["addition"] else "what the run began with"
    return {
        "came with": came,
        "may go": _MAY_GO[claim],
        "place in dedup.order": named,
        **own,
        "key, the smaller": row["key"].hex(),
    }


def _members(documents: RunDocuments, doc_id: int) -> list[int]:
    """The documents that this one stands for."""
    found: list[int] = []
    for item in documents.items():
        table = documents.columns(item, ["doc_id", "representative"])
        found += table.filter(pc.equal(table["representative"], doc_id).fill_null(False))["doc_id"].to_pylist()
    return found


def _edges_of(documents: RunDocuments, doc_id: int) -> Iterator[tuple[int, float, bool]]:
    """(other, similarity, whether the other is preferred) of the document's edges, those with preferred ones first."""
    assert documents.select is not None
    folder = documents.run.path("edges", documents.select.fingerprint)
    lost: list[tuple[int, float, bool]] = []
    won: list[tuple[int, float, bool]] = []
    for name in files.names(folder):
        table = read_as(files.join(folder, name), schema.EDGES).combine_chunks()
        for mine, theirs, into in (("loser", "winner", lost), ("winner", "loser", won)):
            rows = np.flatnonzero(numbers(table[mine]) == np.uint64(doc_id))
            others, similarity = numbers(table[theirs])[rows].tolist(), numbers(table["similarity"])[rows].tolist()
            into += [(other, near, into is lost) for other, near in zip(others, similarity, strict=True)]
    yield from lost
    yield from sorted(won, key=lambda edge: (-edge[1], edge[0]))


def _described(documents: RunDocuments, edges: list[tuple[int, float, bool]], recipe: Recipe) -> list[Edge]:
    rows = _rows(documents, [other for other, _, _ in edges], recipe)
    return [
        Edge(other, rows[other]["url"], shortest(similarity), preferred, rows[other]["reason"])
        for other, similarity, preferred in edges
    ]
