"""The steps of `select` that decide near-duplicates, round by round where there are more edges than one unit can hold.

    part: watched: (winner, part of the loser) ─→ part of the winner
    round: part: what it decides ─→ parts that watch its documents     (SelectSettings.rounds times)
    part: removals ─→ parts of copy and representative; edges that are open still ─→ one unit: the rest

A run of usual size has no rounds, and resolves all edges in that unit. The arithmetic is filters.copies.resolution; the result is
the same (G3).
"""

import numpy as np

from corpus import schema
from corpus.columns import numbers
from corpus.storage import ipc
from corpus.storage.exchange import Rows
from filters.copies import duplicates
from filters.copies.duplicates import RankedEdges, Removals
from filters.copies.resolution import News, OpenEdges, concatenate_removals, never_losing, settle, without_gone
from pipelines.selection.copies import RunUnit, removal_rows, send_removals
from pipelines.selection.decision_settings import NEAR
from pipelines.selection.step_context import StepContext

#: Kinds of rows, of a round where they end in a dash.
WATCHED, LEFT = "watched", "left"
_NEWS, _OPEN, _GONE = "news-", "open-", "gone-"


def news_of(number: int) -> str:
    """What round `number` sends for the next one."""
    return f"{_NEWS}{number}"


def open_after(number: int) -> str:
    """What round `number` notes for the next one."""
    return f"{_OPEN}{number}"


def gone_in(number: int) -> str:
    """What is known to go since round `number`, kept until the last."""
    return f"{_GONE}{number}"


def watch(context: StepContext) -> None:
    """Says to the parts of winners that this part wants to know what becomes of them."""
    winners = np.unique(_ranked(context).winner)
    rows: Rows = {"doc_id": winners, "part": np.full(len(winners), context.unit, np.uint32)}
    context.send_to_parts(WATCHED, rows, winners)


def play_round(number: int) -> RunUnit:
    """Round `number`, from 1: what a part decides by what it heard."""

    def play(context: StepContext) -> None:
        watched = context.receive(WATCHED)
        heard = never_losing(watched["doc_id"], _ranked(context)) if number == 1 else _heard(context, number)
        edges, gone, told = settle(_open_edges(context, number), heard)
        if number == 1:  # that these stay is news to others
            told = News.of((heard.doc_id, heard.stays), (told.doc_id, told.stays))
        columns = ("loser", "winner", "similarity", "stays", "told")
        context.note(open_after(number), {name: _plain(getattr(edges, name)) for name in columns})
        context.note(gone_in(number), removal_rows(gone))
        _tell(context, number, told, watched["doc_id"], watched["part"])

    return play


def leave(context: StepContext) -> None:
    """Sends what the rounds decided, and the rest to one unit."""
    rounds = context.settings.rounds
    edges = without_gone(_open_edges(context, rounds + 1), _heard(context, rounds + 1)).ranked
    gone = [Removals(*context.noted(gone_in(number), context.unit).values()) for number in range(1, rounds + 1)]
    send_removals(context, NEAR, concatenate_removals(gone))
    rows: Rows = {"loser": edges.loser, "winner": edges.winner, "similarity": edges.similarity}
    context.send(LEFT, rows, np.zeros(len(edges.loser), np.uint8))


def resolve(context: StepContext) -> None:
    """Decides the rest: 20 bytes an edge, and 40 while it decides."""
    rows = context.receive(LEFT)  # of one part after the other, so by ascending loser
    ranked = RankedEdges(rows["loser"], rows["winner"], rows["similarity"])
    send_removals(context, NEAR, duplicates.resolve(ranked))


def _ranked(context: StepContext) -> RankedEdges:
    edges = ipc.open_table(context.edges(context.unit), schema.EDGES).combine_chunks()
    return RankedEdges(*(numbers(edges[name]) for name in schema.EDGES.names))


def _open_edges(context: StepContext, number: int) -> OpenEdges:
    """What is open when round `number` begins."""
    if number == 1:
        return OpenEdges.of(_ranked(context))
    rows = context.noted(open_after(number - 1), context.unit)
    stays, told = (rows[name].astype(np.bool_) for name in ("stays", "told"))
    return OpenEdges(rows["loser"], rows["winner"], rows["similarity"], stays, told)


def _heard(context: StepContext, number: int) -> News:
    """What a part hears when round `number` begins."""
    rows = context.receive(news_of(number - 1)) or {
        "doc_id": np.empty(0, np.uint64),
        "stays": np.empty(0, np.uint8),
    }
    return News.of((rows["doc_id"], rows["stays"].astype(np.bool_)))


def _tell(context: StepContext, number: int, news: News, watched: np.ndarray, watchers: np.ndarray) -> None:
    """Sends news of this part's documents to the parts that watch them; not to itself, which knows."""
    known, stays = news.about(watched)
    rows = np.flatnonzero(known & (watchers != context.unit))
    told: Rows = {"doc_id": watched[rows], "stays": _plain(stays[rows])}
    context.send(news_of(number), told, watchers[rows])


def _plain(values: np.ndarray) -> np.ndarray:
    """Truth values as numbers, which is what is sent."""
    return values.astype(np.uint8) if values.dtype == np.bool_ else values
