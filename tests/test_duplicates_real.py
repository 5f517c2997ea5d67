"""Near-duplicates of real documents, against the exact Jaccard similarity of all their pairs.

4,143 pages of documentation in 15 languages, many in several releases; the truth was computed from shingle sets by
other code, with other words than ours. Precision: what is removed resembles what stands for it. Recall: of two documents
that resemble each other at most one stays.
"""

import gzip
import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from filters.copies import minhash
from filters.copies.duplicates import Block, Documents, candidate_edges, halves, rank_edges, resolve, warm_up
from filters.copies.preference import preference

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "dedup"
BANDS, ROWS = 14, 8

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not here: real documents with all exact pairs")


@pytest.fixture(scope="module")
def block() -> tuple[Block, list[str]]:
    with gzip.open(DATA / "docs.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    texts = pa.array([row["text"] for row in rows], pa.large_string())
    ids = [row["id"] for row in rows]
    signatures, _ = minhash.signatures(texts, permutations=BANDS * ROWS, shingle=5)
    bands = minhash.bands(signatures, bands=BANDS, rows=ROWS)
    count = len(rows)
    lengths = np.array([len(row["text"]) for row in rows])
    documents = Documents(
        np.arange(count, dtype=np.uint64),
        preference(np.zeros(count), lengths, np.zeros(count)),
        *halves(b"".join(bytes.fromhex(id) + bytes(8) for id in ids)),
    )
    row_of = np.tile(np.arange(count), BANDS)
    return Block(bands.T.ravel().copy(), documents.take(row_of), minhash.codes_of(signatures)[row_of]), ids


@pytest.fixture(scope="module")
def exact() -> dict[frozenset[str], float]:
    with gzip.open(DATA / "pairs.tsv.gz", "rt", encoding="utf-8") as file:
        next(file)
        return {frozenset(line.split("\t")[:2]): float(line.split("\t")[2]) for line in file}


@pytest.mark.parametrize(("threshold", "least_recall"), [(0.7, (1.0, 0.99)), (0.8, (0.99, 0.95)), (0.9, (0.9, 0.7))])
def test_against_exact_jaccard(
    block: tuple[Block, list[str]],
    exact: dict[frozenset[str], float],
    threshold: float,
    least_recall: tuple[float, float],
) -> None:
    rows, ids = block
    warm_up()
    begin = time.process_time()
    edges = candidate_edges(rows, threshold)
    removals = resolve(rank_edges(edges.loser.doc_id, edges.winner, edges.similarity))
    seconds = time.process_time() - begin
    removed = set(removals.doc_id.tolist())
    similarities = np.array(
        [
            exact.get(frozenset((ids[loser], ids[winner])), 0.0)
            for loser, winner in zip(removals.doc_id.tolist(), removals.representative.tolist(), strict=True)
        ]
    )
    precision = float(np.mean(similarities >= threshold - 0.1))
    number = {id: row for row, id in enumerate(ids)}
    recall = []
    for bound in (0.9, 0.8):
        pairs = [pair for pair, jaccard in exact.items() if jaccard >= bound]
        recall.append(np.mean([any(number[id] in removed for id in pair) for pair in pairs]))
    print(
        f"threshold {threshold}: {len(removed)} of {len(ids)} removed, {len(edges.similarity)} edges; precision at "
        f"{threshold - 0.1:.1f} {precision:.4f}; resolved of pairs >= .9 {recall[0]:.4f}, >= .8 {recall[1]:.4f}; "
        f"error of the estimate {np.abs(removals.similarity - similarities).mean():.3f}; "
        f"{seconds / len(ids) * 1e6:.2f} us a document"
    )
    assert precision >= 0.995
    assert recall[0] >= least_recall[0]
    assert recall[1] >= least_recall[1]
