"""Near-duplicates of one file of JSONL by the arithmetic of filters/ alone: what bench_minhash_peers.py sets beside other programs.

`python near_duplicates.py FILE OUTPUT`: reads texts, signs them, removes exact copies, compares candidates by their codes at .8, resolves, and
writes OUTPUT/kept.jsonl, and what stands for each row as OUTPUT/stands.npy (−1: kept). One process; all signatures in memory.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from corpus.seeds import content_digest
from filters.copies import minhash
from filters.copies.duplicates import Block, Documents, candidate_edges, exact_removals, halves, rank_edges, resolve
from filters.copies.preference import preference

BANDS, ROWS, THRESHOLD = 14, 8, 0.8
AT_ONCE = 1000


def read_texts(file: Path) -> list[str]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def near_duplicates(file: Path, output: Path) -> None:
    """Reads documents, decides, writes those that are kept, and (row, representative) of the others beside them."""
    texts = read_texts(file)
    signed, codes = [], []
    for begin in range(0, len(texts), AT_ONCE):
        array = pa.array(texts[begin : begin + AT_ONCE], pa.large_string())
        signatures, _ = minhash.signatures(array, permutations=BANDS * ROWS)
        signed.append(minhash.bands(signatures, bands=BANDS, rows=ROWS))
        codes.append(minhash.codes_of(signatures))
    keys = halves(b"".join(content_digest(text.encode()) for text in texts))
    ids = np.arange(len(texts), dtype=np.uint64)
    lengths = np.array([len(text) for text in texts])
    documents = Documents(ids, preference(0, lengths, 0), ids, ids)
    exact = exact_removals(*keys, documents)
    stands = np.full(len(texts), -1, np.int64)
    stands[exact.doc_id.astype(np.int64)] = exact.representative.astype(np.int64)
    left = np.flatnonzero(stands < 0)
    row_of = np.tile(left, BANDS)
    block = Block(np.concatenate(signed)[left].T.ravel().copy(), documents.take(row_of), np.concatenate(codes)[row_of])
    edges = candidate_edges(block, THRESHOLD)
    removals = resolve(rank_edges(edges.loser.doc_id, edges.winner, edges.similarity))
    stands[removals.doc_id.astype(np.int64)] = removals.representative.astype(np.int64)
    moved = stands[stands]  # an exact copy whose representative fell
    stands = np.where((stands >= 0) & (moved >= 0), moved, stands)
    output.mkdir()
    np.save(output / "stands.npy", stands)
    with (output / "kept.jsonl").open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"id": str(row), "text": texts[row]}) + "\n" for row in np.flatnonzero(stands < 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    near_duplicates(arguments.file, arguments.output)


if __name__ == "__main__":
    main()
