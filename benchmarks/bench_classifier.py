"""A quality classifier on real pages: python benchmarks/bench_classifier.py WARC

Good texts are the main texts of the pages; bad ones the other lines of the same pages: menus, teasers, footers, notices.
Prints what the classifier does on the fifth of the texts that is held out, and the time of a score. Pages of one site can
lie on both sides, so the figures are those of a crawl that a model is trained on and used for.
"""

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path

from bench_extract import decoded_pages

from corpus.pages.page_text import clean, clean_marked
from corpus.pages.plain_text import plain_text
from corpus.pages.trafilatura_text import main_text
from filters.scorers.classifier import Classifier, train

LEAST_CHARACTERS = 200


def sides(pages: list[str]) -> tuple[list[str], list[str]]:
    good, bad = [], []
    for page in pages:
        found = main_text(page)
        text = clean_marked(found.text if found else "")
        kept = " ".join(text.split())
        rest = "\n".join(
            line for line in clean(plain_text(page) or "").split("\n") if " ".join(line.split()) not in kept
        )
        good += [text] if len(text) >= LEAST_CHARACTERS else []
        bad += [rest] if len(rest) >= LEAST_CHARACTERS else []
    return good, bad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="WARC")
    good, bad = sides(decoded_pages([file.resolve() for file in parser.parse_args().files]))
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "quality.bin"
        started = time.process_time()
        found = train(good, bad, model)
        print(f"trained in {time.process_time() - started:.1f} s on {len(good)} good and {len(bad)} bad texts")
        classifier = Classifier(model)
        started = time.process_time()
        classifier.scores([*good, *bad])
        print(f"{1e6 * (time.process_time() - started) / len(good + bad):.0f} µs a score")
    for point in found.curve:
        print(
            f"{point.threshold:.2f}  precision {point.precision:.4f}  recall {point.recall:.4f}  kept {point.kept:.3f}"
        )
    print(json.dumps({key: value for key, value in dataclasses.asdict(found).items() if key != "curve"}))


if __name__ == "__main__":
    main()
