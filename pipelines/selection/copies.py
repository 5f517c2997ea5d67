"""The steps of `select` that find copies: by URL, by text, by signature, in this order, each among what is left.

Units are parts (ranges of documents, which know signals) or ranges of hashes (which know buckets); what one finds is sent
to the units that go on with it (pipelines.selection.decision_settings). The arithmetic is filters.copies.duplicates.

    part: keys of documents that stand ─→ range: exact copies ─→ parts of copy and representative
    part: (band hash, id)  ─→ range: candidate pairs ─→ part of the one: its codes ─→ part of the other: verified edges ┐
                                     large buckets ───→ part: codes ─→ range: verified edges ────────────────────────────┤
    one unit: all edges, 20 bytes each ←─ edges/, ranked ←─ part of the loser ←──────────────────────────────────────────┘

Invariant: rows are sent once for each document and band, pair, or edge; a text never.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import byte_rows, fixed_bytes, numbers
from corpus.storage import ipc
from corpus.storage.exchange import Rows
from filters.copies import duplicates
from filters.copies.duplicates import Block, Documents, Edges, Removals, UInt64s
from pipelines.selection.decision_settings import NEAR, TEXT, URL
from pipelines.selection.judging import Judged, judged_part, of_source
from pipelines.selection.step_context import StepContext

#: What one unit of a step does.
RunUnit = Callable[[StepContext], None]

#: Pairs whose codes are compared at once: 100 MB.
_PAIRS = 1 << 18


def removal_rows(removals: Removals) -> Rows:
    return {
        "doc_id": removals.doc_id,
        "representative": removals.representative,
        "similarity": removals.similarity,
    }


def send_removals(context: StepContext, kind: str, removals: Removals) -> None:
    """Sends removals to the parts of the removed documents and of those that stand for them."""
    own, other = (context.settings.part_of(ids) for ids in (removals.doc_id, removals.representative))
    elsewhere = np.flatnonzero(own != other)
    rows = {name: np.concatenate([values, values[elsewhere]]) for name, values in removal_rows(removals).items()}
    context.send(kind, rows, np.concatenate([own, other[elsewhere]]))


def removed(context: StepContext, kind: str, judged: Judged) -> Removals:
    """The documents of a part that are copies."""
    return _held(context.receive(kind), "doc_id", judged)


def represented(context: StepContext, kind: str, judged: Judged) -> Removals:
    """The copies for which a document of a part stands."""
    return _held(context.receive(kind), "representative", judged)


def _held(rows: Rows, by: str, judged: Judged) -> Removals:
    """The removals whose `by` is a document of the part, by ascending id; none where nothing was sent."""
    if not rows:
        return Removals(np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.float32))
    chosen = np.flatnonzero(judged.holds(rows[by]))
    chosen = chosen[np.argsort(rows["doc_id"][chosen])]
    return Removals(rows["doc_id"][chosen], rows["representative"][chosen], rows["similarity"][chosen])


# ------------------------------------------------------------------------------------------------ exact copies


def send_urls(context: StepContext) -> None:
    """The URLs of documents that pass the rules, of sources whose copies by URL are removed."""
    judged = judged_part(context, context.unit)
    takes_part = dict.fromkeys(context.settings.recipe.deduplicated("url"), 1)
    signals = [signals_of(context, item, "url_hash", "source") for item in context.items(context.unit)]
    hashes = np.concatenate([numbers(table["url_hash"]) for table in signals])
    compared = np.concatenate([of_source(table["source"], takes_part) for table in signals]) != 0
    rows = np.flatnonzero((judged.reason == 0) & (hashes != 0) & compared)
    _send_keys(context, URL, hashes[rows], np.zeros(len(rows), np.uint64), judged.candidates(URL).take(rows))


def send_texts(context: StepContext) -> None:
    """The text hashes of documents that pass the rules and are no copy by URL.

    Not of those that no equal text removes, but a near copy may: they are compared with equal texts too when near copies are.
    """
    judged = judged_part(context, context.unit)
    halves = [
        duplicates.halves(fixed_bytes(signals_of(context, item, "text_hash")["text_hash"]))
        for item in context.items(context.unit)
    ]
    rows = standing(context, judged, URL)
    rows = rows[judged.is_spared(NEAR)[rows] | ~judged.is_spared(TEXT)[rows]]
    hi, lo = (np.concatenate(each)[rows] for each in zip(*halves, strict=True))
    _send_keys(context, TEXT, hi, lo, judged.candidates(TEXT).take(rows))


def find_exact(kind: str) -> RunUnit:
    """Of the documents of a range of keys the preferred one of each key stays."""

    def find(context: StepContext) -> None:
        rows = context.receive(f"{kind}-keys")
        removals = duplicates.exact_removals(rows["hash_hi"], rows["hash_lo"], documents_of(rows))
        if kind == URL:  # says nothing about the texts
            removals = Removals(removals.doc_id, removals.representative, np.full_like(removals.similarity, np.nan))
        send_removals(context, kind, removals)

    return find


def _send_keys(context: StepContext, kind: str, hi: UInt64s, lo: UInt64s, documents: Documents) -> None:
    ranges = context.settings.ranges
    rows = {"hash_hi": hi, "hash_lo": lo, **identity_of(documents)}
    context.send(f"{kind}-keys", rows, duplicates.partition_of(hi, ranges))


# ------------------------------------------------------------------------------------------------ near copies


def send_bands(context: StepContext) -> None:
    """A row for every band of every document that stands and has shingles."""
    judged = judged_part(context, context.unit)
    stands = np.zeros(len(judged.reason), np.bool_)
    stands[standing(context, judged, URL, TEXT)] = True
    hashes, ids = [], []
    begin = 0
    for item in context.items(context.unit):
        signals = signals_of(context, item, "bands", "shingles")
        end = begin + signals.num_rows
        rows = np.flatnonzero(stands[begin:end] & (numbers(signals["shingles"]) > 0))
        bands = numbers(signals["bands"])[rows]  # (rows, bands)
        hashes.append(bands.ravel())
        ids.append(np.repeat(judged.documents.doc_id[begin + rows], bands.shape[1]))
        begin = end
    band_hash = np.concatenate(hashes)
    ranges = context.settings.ranges
    columns = {"band_hash": band_hash, "doc_id": np.concatenate(ids)}
    context.send("bands", columns, duplicates.partition_of(band_hash, ranges))


def find_candidates(context: StepContext) -> None:
    """Candidate pairs of a range of band hashes, and the rows of its large buckets."""
    rows = context.receive("bands")
    found = duplicates.buckets(rows["band_hash"], rows["doc_id"])
    new = np.flatnonzero(
        ~context.settings.is_settled(found.second)
    )  # the larger id: of a pair both are settled, or one is new
    first, second = found.first[new], found.second[new]
    context.send_to_parts("pairs", {"first": first, "second": second}, first)
    context.send_to_parts("crowded", {"band_hash": found.band_hash, "doc_id": found.doc_id}, found.doc_id)


def send_codes(context: StepContext) -> None:
    """Identity and codes: of the one document to the part of the other, and of those in large buckets to their range."""
    pairs, crowded = context.receive("pairs"), context.receive("crowded")
    judged = judged_part(context, context.unit)
    first, second = duplicates.unique_pairs(pairs["first"], pairs["second"])
    rows, crowd = judged.rows_of(first), judged.rows_of(crowded["doc_id"])
    codes = (
        _codes(context)
        if len(rows) or len(crowd)
        else np.empty((0, context.settings.recipe.dedup.permutations), np.uint8)
    )
    documents = judged.candidates(NEAR)
    one = {"second": second, **identity_of(documents.take(rows)), "codes": codes[rows]}
    context.send_to_parts("candidates", one, second)
    members = {
        "band_hash": crowded["band_hash"],
        **identity_of(documents.take(crowd)),
        "codes": codes[crowd],
    }
    of_ranges = duplicates.partition_of(crowded["band_hash"], context.settings.ranges)
    context.send("crowds", members, len(context.settings.parts) + of_ranges)


def verify(context: StepContext) -> None:
    """Verified edges: units are the parts, of candidate pairs, and after them the ranges, of large buckets."""
    parts = len(context.settings.parts)
    threshold = context.settings.recipe.dedup.threshold
    edges = _of_pairs(context, threshold) if context.unit < parts else _of_crowds(context, threshold)
    winner = {f"winner_{name}": values for name, values in identity_of(edges.winner).items()}
    rows = {"loser": edges.loser.doc_id, **winner, "similarity": edges.similarity}
    context.send_to_parts("edges", rows, edges.loser.doc_id)


def rank(context: StepContext) -> None:
    """Writes the edges of a part's losers in the order in which their winners may stand for them."""
    rows = context.receive("edges")
    winner = Documents(rows["winner_doc_id"], rows["winner_preference"], rows["winner_key_hi"], rows["winner_key_lo"])
    edges = duplicates.rank_edges(rows["loser"], winner, rows["similarity"])
    table = pa.table([edges.loser, edges.winner, edges.similarity], schema=schema.EDGES)
    ipc.write_table(context.edges(context.unit), table, schema.EDGES)


def _of_pairs(context: StepContext, threshold: float) -> Edges:
    rows = context.receive("candidates")
    judged = judged_part(context, context.unit)
    documents, others = judged.candidates(NEAR), judged.rows_of(rows["second"])
    codes = _codes(context) if len(others) else rows["codes"]
    found = []
    for begin in range(0, max(1, len(others)), _PAIRS):
        chunk = slice(begin, begin + _PAIRS)
        one = documents_of({name: values[chunk] for name, values in rows.items()})
        other = documents.take(others[chunk])
        found.append(duplicates.compare_pairs(one, other, (rows["codes"][chunk], codes[others[chunk]]), threshold))
    return duplicates.concatenate_edges(found)


def _of_crowds(context: StepContext, threshold: float) -> Edges:
    rows = context.receive("crowds")
    return duplicates.candidate_edges(Block(rows["band_hash"], documents_of(rows), rows["codes"]), threshold)


# ------------------------------------------------------------------------------------------------ representatives


def follow_urls(context: StepContext) -> None:
    """Copies by URL whose representative is a copy by text go on to that one's representative."""
    judged = judged_part(context, context.unit)
    copies = represented(context, URL, judged)
    followed = duplicates.follow(copies, removed(context, TEXT, judged))
    rows = removal_rows(Removals(followed.doc_id, followed.representative, copies.similarity))
    context.send_to_parts("url-followed", rows, followed.representative)


def follow(context: StepContext) -> None:
    """Exact copies whose representative is a near copy go on to that one's; sends all, as they are in the end."""
    judged = judged_part(context, context.unit)
    near = removed(context, NEAR, judged)
    by_url = represented(context, "url-followed", judged)
    followed = duplicates.follow(by_url, near)
    send_removals(context, "final-url", Removals(followed.doc_id, followed.representative, by_url.similarity))
    send_removals(context, "final-text", duplicates.follow(represented(context, TEXT, judged), near))
    if context.settings.lines is not None:
        stays = np.zeros(len(judged.reason), np.uint8)
        stays[standing(context, judged, URL, TEXT, NEAR)] = 1
        context.note("stays", {"stays": stays})


# ------------------------------------------------------------------------------------------------ rows and columns


def signals_of(context: StepContext, item: int, *columns: str) -> pa.Table:
    """Columns of a work item's signals."""
    settings = context.settings
    url = settings.signals.output("signals", item)
    return ipc.open_table(url, settings.signals_schema, columns=list(columns)).combine_chunks()


def _codes(context: StepContext) -> NDArray[np.uint8]:
    """(documents of the part, permutations)."""
    return np.concatenate(
        [byte_rows(signals_of(context, item, "codes")["codes"]) for item in context.items(context.unit)]
    )


def standing(context: StepContext, judged: Judged, *kinds: str) -> NDArray[np.int64]:
    """Rows of documents that pass the rules and are no copies of these kinds."""
    stands = judged.reason == 0
    for kind in kinds:
        stands[judged.rows_of(removed(context, kind, judged).doc_id)] = False
    return np.flatnonzero(stands)


def identity_of(documents: Documents) -> Rows:
    """What is sent of documents that are compared."""
    return {
        "doc_id": documents.doc_id,
        "preference": documents.preference,
        "key_hi": documents.key_hi,
        "key_lo": documents.key_lo,
    }


def documents_of(rows: Rows) -> Documents:
    """The documents whose identities were sent."""
    return Documents(rows["doc_id"], rows["preference"], rows["key_hi"], rows["key_lo"])
