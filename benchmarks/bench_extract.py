"""extract against trafilatura alone: python benchmarks/bench_extract.py [WARC …]

Both sides in one process, in turns, over the same pages. The peer gets each page decoded and calls
`trafilatura.extract(html, fast=True, include_comments=False)`, nothing else. Ours is the whole stage: inflating, record
and HTTP parsing, charsets, extraction in a helper process in the setting that the page's kind asks for, normal form,
language, ~40 signals, signature, and two Arrow files on disk. The texts are first compared with `main_text`'s. Claim: ours takes at most 1.5 times as long.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import trafilatura

from corpus.recipe import parse_recipe
from corpus.sources.read import read_split
from corpus.sources.records import Limits, Page, Split
from corpus.sources.splits import list_inputs, make_splits
from corpus.storage import ipc
from corpus.storage.run_directory import RunDirectory
from corpus.text.charset import decode_page
from corpus.text.extraction import clean
from corpus.text.main_text import main_text
from corpus.text.screens import HTML_TYPES
from filters.language import default_model_path
from pipelines.build import compile_kernels
from pipelines.extraction import ExtractSettings, extract_item

DEMO = sorted((Path(__file__).parents[1] / "examples" / "demo").glob("docs-*.warc.gz"))


def decoded_pages(files: list[Path]) -> list[str]:
    limits = Limits(1 << 26, 1 << 26)
    pages: list[str] = []
    for number, file in enumerate(files):
        size = file.stat().st_size
        records = read_split(Split(number, "bench", "warc", str(file), 0, size, size), limits)
        pages += [
            decode_page(page.body, page.charset)[0]
            for page in records
            if isinstance(page, Page) and page.content_type in HTML_TYPES and page.body.strip()
        ]
    return pages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, default=DEMO, metavar="WARC")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    files = [file.resolve() for file in arguments.files]
    pages = decoded_pages(files)
    with tempfile.TemporaryDirectory() as folder:
        recipe = parse_recipe(
            {"run": {"name": "bench"}, "source": [{"name": "bench", "inputs": [str(file) for file in files]}]}, "bench"
        )
        run = RunDirectory(folder)
        splits = make_splits(list_inputs(recipe, Path.cwd(), where="bench"), 1 << 40)
        ipc.write_table(run.path("splits.arrow"), splits, splits.schema)
        settings = ExtractSettings.of(recipe, splits=run.path("splits.arrow"), model=default_model_path())
        compile_kernels()
        settings_stage = run.stage("extract", "bench")
        ratios, ours_seconds, peer_seconds = [], [], []
        for round_number in range(arguments.rounds + 1):
            started = time.perf_counter()
            for page in pages:
                trafilatura.extract(page, fast=True, include_comments=False)
            peer = time.perf_counter() - started
            started = time.perf_counter()
            record = extract_item(settings_stage, 0, settings)
            ours = time.perf_counter() - started
            if round_number == 0:  # warm-up, and the check
                stored = ipc.open_table(settings_stage.output("documents", 0), columns=["text"])["text"].to_pylist()
                if sorted(stored) != sorted(
                    text for page in pages if (found := main_text(page)) and (text := clean(found.text))
                ):
                    raise SystemExit("the stage stores other texts than main_text gives")
                continue
            ratios.append(ours / peer)
            ours_seconds.append(ours)
            peer_seconds.append(peer)
    print(f"{len(pages)} pages, {record.counts['documents']} documents, texts as main_text gives them")
    print(f"trafilatura fast alone  {len(pages) / statistics.median(peer_seconds):8.1f} pages/s")
    print(f"extract, whole stage    {len(pages) / statistics.median(ours_seconds):8.1f} pages/s")
    print(f"ratio of times          {statistics.median(ratios):8.2f}  (claim: at most 1.50)")


if __name__ == "__main__":
    main()
