"""Which near-duplicates go, decided part by part: as `duplicates.resolve` decides, without all edges in one place.

Documents are divided into parts; a part has the edges whose losers are its own, and hears what became of winners elsewhere. A
document that loses to none stays. One whose winners are all gone stays; one of whose winners stays goes, and who stands
for it is known when all better ranked winners are decided. What is decided is told to the parts that have edges with it as
a winner, round by round, until little enough is open to be resolved at once.

Invariant: whatever is told in whatever order, what is decided is what `duplicates.resolve` decides of all edges (G3).
Cost: a few passes over the open edges of a part for each link of its longest chain, within a round.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filters.copies.duplicates import RankedEdges, Removals, UInt64s, run_starts

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class OpenEdges:
    """Edges of documents that are not decided, or whose representative is not; ranked as RankedEdges. (edges,) each."""

    loser: UInt64s
    winner: UInt64s
    similarity: NDArray[np.float32]
    stays: Bools  # whether the winner is known to stay
    told: Bools  # whether it was told that the loser goes

    @staticmethod
    def of(edges: RankedEdges) -> "OpenEdges":
        nothing = np.zeros(len(edges.loser), np.bool_)
        return OpenEdges(edges.loser, edges.winner, edges.similarity, nothing, nothing)

    @property
    def ranked(self) -> RankedEdges:
        return RankedEdges(self.loser, self.winner, self.similarity)

    def take(self, rows: NDArray[Any]) -> "OpenEdges":
        return OpenEdges(self.loser[rows], self.winner[rows], self.similarity[rows], self.stays[rows], self.told[rows])


@dataclass(frozen=True)
class News:
    """What was decided about documents: ascending ids, each once, and whether they stay. (documents,) each."""

    doc_id: UInt64s
    stays: Bools

    @staticmethod
    def of(*parts: tuple[UInt64s, Bools]) -> "News":
        """Of documents in any order."""
        doc_id, stays = (np.concatenate(each) for each in zip(*parts, strict=True))
        order = np.argsort(doc_id)
        return News(doc_id[order], stays[order])

    def about(self, documents: UInt64s) -> tuple[Bools, Bools]:
        """(documents,) whether there is news of each, and whether it is that it stays."""
        if not len(self.doc_id):
            nothing = np.zeros(len(documents), np.bool_)
            return nothing, nothing
        at = np.minimum(np.searchsorted(self.doc_id, documents), len(self.doc_id) - 1)
        known = self.doc_id[at] == documents
        return known, known & self.stays[at]


def never_losing(winners: UInt64s, edges: RankedEdges) -> News:
    """Of the winners that are documents of a part those that stay, since they lose to none. `edges` are all of the part."""
    found = np.setdiff1d(winners, edges.loser)
    return News(found, np.ones(len(found), np.bool_))


def settle(edges: OpenEdges, news: News) -> tuple[OpenEdges, Removals, News]:
    """(what is open still; who goes, with the document that stands for it; what is news of it) after some news.

    Goes on with what it finds until nothing more follows. The news that come out do not hold those that went in.
    """
    removals: list[Removals] = []
    found: list[News] = []
    while len(news.doc_id) and len(edges.loser):
        edges, gone, news = _follow(edges, news)
        removals.append(gone)
        found.append(news)
    told = News.of((np.empty(0, np.uint64), np.empty(0, np.bool_)), *((each.doc_id, each.stays) for each in found))
    return edges, concatenate_removals(removals), told


def without_gone(edges: OpenEdges, news: News) -> OpenEdges:
    """The edges whose winners may stay. What is left can be resolved at once: a winner without edges of its own stays."""
    known, stays = news.about(edges.winner)
    return edges.take(np.flatnonzero(~known | stays))


def concatenate_removals(parts: Sequence[Removals]) -> Removals:
    """Removals of different documents, by ascending id."""
    if not parts:
        return Removals(np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.float32))
    doc_id = np.concatenate([part.doc_id for part in parts])
    order = np.argsort(doc_id)
    representative = np.concatenate([part.representative for part in parts])
    similarity = np.concatenate([part.similarity for part in parts])
    return Removals(doc_id[order], representative[order], similarity[order])


def _follow(edges: OpenEdges, news: News) -> tuple[OpenEdges, Removals, News]:
    """`settle`, one link of a chain."""
    known, stays = news.about(edges.winner)
    losers = np.unique(edges.loser)
    left = replace(edges, stays=edges.stays | stays).take(np.flatnonzero(~known | stays))
    begins = np.flatnonzero(run_starts(left.loser))
    still = left.loser[begins]
    kept = np.setdiff1d(losers, still, assume_unique=True)
    goes = np.logical_or.reduceat(left.stays, begins) if len(begins) else np.empty(0, np.bool_)
    beaten = still[goes & ~left.told[begins]]
    closed = left.stays[begins]  # the best ranked winner that is left stays
    best = begins[closed]
    removals = Removals(left.loser[best], left.winner[best], left.similarity[best])
    edges_of = np.diff(begins, append=len(left.loser))
    left = replace(left, told=np.repeat(goes, edges_of)).take(np.repeat(~closed, edges_of))
    return left, removals, News.of((kept, np.ones(len(kept), np.bool_)), (beaten, np.zeros(len(beaten), np.bool_)))
