"""What the process of its own costs that reads a Parquet file: seconds beside the same reading in this process.

.venv/bin/python benchmarks/bench_fence.py [--rows 40000]
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from corpus.sources.parquet import read_parquet
from corpus.sources.records import Limits, Split

LIMITS = Limits(max_record_bytes=64 << 20, max_page_bytes=16 << 20)


def made(file: Path, rows: int) -> int:
    """Rows of about 5 kB of words, as sets of web texts have them."""
    random = np.random.default_rng(1)
    words = np.array(["".join(map(chr, random.integers(97, 123, n))) for n in random.integers(1, 12, 50_000)])
    texts = [" ".join(random.choice(words, random.integers(100, 1500))) for _ in range(rows)]
    table = pa.table({"text": texts, "id": range(rows), "url": [f"http://a.example/{n}" for n in range(rows)]})
    pa.parquet.write_table(table, file, row_group_size=1000, compression="zstd")
    return file.stat().st_size


def read_here(file: Path) -> Iterator[tuple[object, ...]]:
    reader = pa.parquet.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
    for batch in reader.iter_batches(batch_size=256, columns=["text", "id", "url"]):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=40_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.parquet"
        size = made(file, rows)
        split = Split(0, "s", "parquet", str(file), 0, size, size)
        for name, read in (("here", lambda: read_here(file)), ("fenced", lambda: read_parquet(split, LIMITS))) * 3:
            begun = time.perf_counter()
            number = sum(1 for _ in read())
            seconds = time.perf_counter() - begun
            print(
                f"{name:7} {number} rows, {size / 1e6:.1f} MB stored: {seconds:.2f} s, {size / seconds / 1e6:.0f} MB/s"
            )


if __name__ == "__main__":
    main()
