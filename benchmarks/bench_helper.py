"""Extraction in the helper process against in-process: python benchmarks/bench_helper.py [--rounds N] [WARC …]

Same decoded pages, page by page in turns, in one process and over a pipe; texts compared first. Claim: the helper takes at
most 1.05 times as long.
"""

import argparse
import statistics
import time
from pathlib import Path

from bench_extract import DEMO, decoded_pages

from corpus.pages.extractor_process import IN_PROCESS, ExtractorProcess


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, default=DEMO, metavar="WARC")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", type=int, default=1, help="Every so many pages.")
    arguments = parser.parse_args()
    pages = decoded_pages([file.resolve() for file in arguments.files])[:: arguments.every]
    process = ExtractorProcess(page_seconds=600, page_memory_bytes=4 << 30)
    for page in pages[:20]:
        if IN_PROCESS.main_text(page) != process.main_text(page):
            raise SystemExit("the two sides extract different texts")
    ratios, alone = [], []
    for _ in range(arguments.rounds):
        seconds = {"own": 0.0, "helper": 0.0}
        for number, page in enumerate(pages):
            sides = [("own", IN_PROCESS), ("helper", process)]
            texts = []
            for name, side in sides if number % 2 else sides[::-1]:
                started = time.perf_counter()
                texts.append(side.main_text(page))
                seconds[name] += time.perf_counter() - started
            if texts[0] != texts[1]:
                raise SystemExit("the two sides extract different texts")
        ratios.append(seconds["helper"] / seconds["own"])
        alone.append(seconds["own"])
    print(f"{len(pages)} pages, texts equal")
    print(f"in process      {len(pages) / statistics.median(alone):8.1f} pages/s")
    print(f"ratio of times  {statistics.median(ratios):8.3f}  (claim: at most 1.05)")
    process.close()


if __name__ == "__main__":
    main()
