"""Precision and recall of near-duplicates against the exact similarities of all pairs of real documents.

Run `python benchmarks/bench_duplicates.py DATA`; DATA has dedup/docs.jsonl.gz with dedup/pairs.tsv.gz (all pairs of Jaccard ≥ .4,
computed by other code from other words than ours) and text/*.jsonl.gz. Of equal texts one takes part: exact copies are no
question. Then what `select` does: signatures, bands, verified edges, removal by preference (length, then a key).

Exact pairs are found by an inverted index of all shingles (filters.copies.dedup_quality) and compared with those of pairs.tsv.gz first.

    precision      of removed documents: Jaccard with the representative ≥ s
    pairs          of pairs of Jaccard ≥ s: not both kept
    recall         of documents that copy a kept, preferred one at s: removed (what `corpus dedup report` estimates)
    covered        how often the report's interval of recall at the threshold holds it, over 1,000 samples of 500 and 500
"""

import argparse
import dataclasses
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.seeds import content_digest
from filters.copies import minhash
from filters.copies.dedup_quality import ShingleIndex, recall, shingle_set
from filters.copies.duplicates import Block, Documents, candidate_edges, halves, rank_edges, resolve
from filters.copies.preference import preference

LEAST = 0.4  # exact pairs from here on
SAMPLE = 500
TRIALS = 1000
AT_ONCE = 512


@dataclasses.dataclass(frozen=True)
class Data:
    """Documents of different texts, and all pairs of Jaccard ≥ LEAST of them, the less preferred document first."""

    ids: list[str]
    texts: pa.Array
    documents: Documents
    loser: NDArray[np.int64]
    winner: NDArray[np.int64]
    jaccard: NDArray[np.float64]


def read(files: list[Path]) -> Data:
    rows = {}
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                rows.setdefault(row["text"], row["id"])
    texts, ids = list(rows), list(rows.values())
    keys = b"".join(content_digest(text.encode()) for text in texts)
    lengths = np.array([len(text) for text in texts])
    documents = Documents(
        np.arange(len(texts), dtype=np.uint64),
        preference(np.zeros(len(texts)), lengths, np.zeros(len(texts))),
        *halves(keys),
    )
    array = pa.array(texts, pa.large_string())
    index = ShingleIndex([shingle_set(text) for text in texts], LEAST)
    found = []
    for begin in range(0, len(texts), AT_ONCE):
        own, other, jaccard = index.alike(array.slice(begin, AT_ONCE))
        own = own + begin
        once = documents.take(other).beats(documents.take(own))  # each pair is met from both sides
        found.append((own[once], other[once], jaccard[once]))
    loser, winner, jaccard = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return Data(ids, array, documents, loser, winner, jaccard)


def compare_with(data: Data, pairs: Path) -> str:
    """How our exact similarities agree with those of other code."""
    row_of = {name: row for row, name in enumerate(data.ids)}
    with gzip.open(pairs, "rt", encoding="utf-8") as lines:
        next(lines)
        split = (line.split("\t") for line in lines)
        theirs = {frozenset((row_of[a], row_of[b])): float(s) for a, b, s, _ in split if a in row_of and b in row_of}
    named = zip(data.loser.tolist(), data.winner.tolist(), data.jaccard.tolist(), strict=True)
    ours = {frozenset((loser, winner)): jaccard for loser, winner, jaccard in named}
    both = ours.keys() & theirs.keys()
    differ = np.array([abs(ours[pair] - theirs[pair]) for pair in both])
    high = [{pair for pair, jaccard in side.items() if jaccard >= 0.7} for side in (ours, theirs)]
    return (
        f"{len(ours):,} pairs of ours, {len(theirs):,} of pairs.tsv.gz, {len(both):,} in both; at .7 "
        f"{len(high[0]):,}, {len(high[1]):,}, {len(high[0] & high[1]):,}; mean difference {differ.mean():.4f}"
    )


def select(data: Data, threshold: float, bands: int, rows: int) -> NDArray[np.int64]:
    """(documents,) what stands for each, −1 for a kept one."""
    signatures, _ = minhash.signatures(data.texts, permutations=bands * rows)
    hashes = minhash.bands(signatures, bands=bands, rows=rows)
    row_of = np.tile(np.arange(len(hashes)), bands)
    block = Block(hashes.T.ravel().copy(), data.documents.take(row_of), minhash.codes_of(signatures)[row_of])
    edges = candidate_edges(block, threshold)
    removals = resolve(rank_edges(edges.loser.doc_id, edges.winner, edges.similarity))
    stands = np.full(len(hashes), -1, np.int64)
    stands[removals.doc_id.astype(np.int64)] = removals.representative.astype(np.int64)
    return stands


def covered(right: NDArray[np.bool_], missed: NDArray[np.bool_], truth: float) -> float:
    """How often the interval of recall from samples holds it; `right` of removed documents, `missed` of kept ones."""
    generator = np.random.default_rng(1)
    inside = 0
    for _ in range(TRIALS):
        sampled = [flags[generator.permutation(len(flags))[:SAMPLE]] for flags in (right, missed)]
        first, second = (
            (int(sample.sum()), len(sample), len(flags)) for sample, flags in zip(sampled, (right, missed), strict=True)
        )
        found = recall(first, second)
        inside += found is not None and found.low <= truth <= found.high
    return inside / TRIALS


def row_of(data: Data, threshold: float, bands: int, rows: int) -> str:
    stands = select(data, threshold, bands, rows)
    kept = stands < 0
    removed = np.flatnonzero(~kept)
    exact = dict(zip(zip(data.loser.tolist(), data.winner.tolist(), strict=True), data.jaccard.tolist(), strict=True))
    own = np.array(
        [exact.get((row, stood), 0.0) for row, stood in zip(removed.tolist(), stands[removed].tolist(), strict=True)]
    )
    left = kept[data.loser] & kept[data.winner]
    cells = [f"{threshold:g}, {bands} × {rows}", f"{len(removed):,}"]
    cells += [f"{np.mean(own >= least):.4f}" for least in (threshold - 0.1 - 1e-9, threshold)]
    for least in (threshold, threshold + 0.1):
        pairs = data.jaccard >= min(least, 1.0)
        cells.append(f"{1 - left[pairs].mean():.4f} of {pairs.sum():,}" if pairs.any() else "")
    for least in (threshold, threshold + 0.1):
        missed = np.zeros(len(kept), np.bool_)
        missed[data.loser[left & (data.jaccard >= least)]] = True
        truth = recall(
            (int((own >= least).sum()), len(own), len(own)), (int(missed.sum()), int(kept.sum()), int(kept.sum()))
        )
        cells.append("" if truth is None else f"{truth.value:.4f}")
        if least == threshold and truth is not None:
            coverage = covered(own >= least, missed[kept], truth.value)
    return f"| {' | '.join([*cells, f'{coverage:.3f}'])} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    folder = parser.parse_args().data
    for name, files in (
        ("dedup", [folder / "dedup" / "docs.jsonl.gz"]),
        ("text", sorted((folder / "text").glob("*.jsonl.gz"))),
    ):
        data = read(files)
        print(f"\n{name}: {len(data.ids):,} different texts, {len(data.jaccard):,} pairs of Jaccard ≥ {LEAST}")
        if (pairs := folder / name / "pairs.tsv.gz").exists():
            print(compare_with(data, pairs))
        heads = (
            "threshold t, bands × rows",
            "removed",
            "precision at t − .1",
            "at t",
            "pairs at t",
            "at t + .1",
            "recall at t",
            "at t + .1",
            "covered",
        )
        print(f"\n| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
        for threshold, bands, rows in ((0.7, 14, 8), (0.7, 22, 5), (0.8, 14, 8), (0.9, 14, 8)):
            print(row_of(data, threshold, bands, rows), flush=True)


if __name__ == "__main__":
    main()
