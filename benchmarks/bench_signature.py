"""MinHash signatures per second, one core: `filters.copies.minhash` against datasketch on the same shingle hashes.

Run `python benchmarks/bench_signature.py [--input FILE.jsonl(.gz)]`; without a file the texts are made. The signatures
are compared bit by bit first. datasketch is called by `update_batch`, plainly and then as fast as it goes, with
permutations shared by all sketches. "From text" is ours with decoding, tokens and shingles, which datasketch leaves to
its caller.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from bench_signals import best_seconds, load_texts
from datasketch import MinHash

from corpus.unicode.segmentation import UInt32s
from filters.copies import minhash


def datasketch_signature(hashes: list[int], count: int, permutations: UInt32s | None) -> UInt32s:
    """By one `update_batch`; with permutations made before, or by the sketch for itself."""
    sketch = MinHash(num_perm=count, seed=1, scheme="affine32", hashfunc=lambda value: value, permutations=permutations)
    sketch.update_batch(hashes)
    return sketch.hashvalues


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path, help="JSONL or JSONL.gz with a text in each row")
    parser.add_argument("--documents", type=int, default=1_000)
    parser.add_argument("--permutations", type=int, default=minhash.PERMUTATIONS)
    arguments = parser.parse_args()
    count = arguments.permutations
    texts = load_texts(arguments.input, arguments.documents)
    begin = time.perf_counter()
    minhash.warm_up()
    print(f"warm-up                     {time.perf_counter() - begin:8.2f} s")
    array = pa.array(texts, pa.large_string())
    size_bytes = sum(len(text.encode()) for text in texts)
    hashes = [minhash.shingle_hashes(text) for text in texts]
    lists = [values.tolist() for values in hashes]
    permutations = MinHash(num_perm=count, seed=1, scheme="affine32").permutations

    expected = np.array([datasketch_signature(values, count, permutations) for values in lists])
    if not np.array_equal(expected, [minhash.sign_hashes(values, permutations=count) for values in hashes]):
        raise SystemExit("signatures of shingle hashes differ from datasketch's")
    if not np.array_equal(expected, minhash.signatures(array, permutations=count)[0]):
        raise SystemExit("signatures of texts differ from datasketch's")

    plain = best_seconds(lambda: [datasketch_signature(values, count, None) for values in lists])
    shared = best_seconds(lambda: [datasketch_signature(values, count, permutations) for values in lists])
    ours = best_seconds(lambda: [minhash.sign_hashes(values, permutations=count) for values in hashes])
    from_text = best_seconds(lambda: minhash.signatures(array, permutations=count))
    shingles = sum(map(len, hashes)) / len(hashes)
    print(
        f"{len(texts)} documents of {size_bytes / len(texts):.0f} bytes, {shingles:.0f} shingles; signatures are equal"
    )
    print(f"datasketch, own permutations{len(texts) / plain:8.0f} documents/s")
    print(f"datasketch, shared          {len(texts) / shared:8.0f} documents/s")
    print(
        f"filters.copies.minhash, from hashes{len(texts) / ours:8.0f} documents/s"
        f"  {plain / ours:6.1f} and {shared / ours:.1f} times as fast"
    )
    print(
        f"filters.copies.minhash, from text  {len(texts) / from_text:8.0f} documents/s"
        f"  {plain / from_text:6.1f} and {shared / from_text:.1f} times as fast, {size_bytes / from_text / 1e6:.0f} MB/s"
    )


if __name__ == "__main__":
    main()
