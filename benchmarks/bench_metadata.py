"""What pages say about themselves, ours against trafilatura's: python benchmarks/bench_metadata.py [WARC …]

Both sides get the same parsed pages, in turns, in one process. Compared are titles and authors by their words in lower
case, and days; a value of trafilatura's that ours is a part of counts as `part`: it keeps the site's name in titles and adds
publishers to authors. There is no gold: what only one side answers may be right or wrong. trafilatura's days depend on the
day on which it runs, and it guesses them from anything, so days of January the first are counted apart.
Then what metadata adds to `main_text`, with and without it in turns; claim: at most 3 % on the demo's pages.
"""

import argparse
import re
import time
from collections import Counter
from pathlib import Path

import trafilatura
from bench_extract import DEMO, decoded_pages
from trafilatura.metadata import extract_metadata

from corpus.pages import trafilatura_text
from corpus.pages.main_text import PageMetadata
from corpus.pages.page_metadata import TreeElements, page_metadata

OUTCOMES = ("same", "part", "other", "only ours", "only theirs", "neither")


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def outcome(ours: str | None, theirs: str | None) -> str:
    if not ours or not theirs:
        return "only ours" if ours else "only theirs" if theirs else "neither"
    mine, other = words(ours), words(theirs)
    return "same" if mine == other else "part" if set(mine) <= set(other) else "other"


def agreement(pages: list[str]) -> dict[str, float]:
    """Prints the table; returns the seconds of each side."""
    seconds = {"ours": 0.0, "theirs": 0.0}
    counts: dict[str, Counter[str]] = {name: Counter() for name in PageMetadata._fields}
    guessed = 0
    for page in pages:
        tree = trafilatura.load_html(page)
        if tree is None:
            continue
        started = time.thread_time()
        ours = page_metadata(TreeElements(tree))
        seconds["ours"] += time.thread_time() - started
        started = time.thread_time()
        theirs = extract_metadata(tree)
        seconds["theirs"] += time.thread_time() - started
        pairs = ((ours.title, theirs.title), (ours.author, theirs.author), (ours.published, theirs.date))
        for name, pair in zip(PageMetadata._fields, pairs, strict=True):
            counts[name][outcome(*pair)] += 1
        guessed += bool(theirs.date and theirs.date.endswith("-01-01") and not ours.published)
    print("|  | " + " | ".join(OUTCOMES) + " |\n| --- |" + " --- |" * len(OUTCOMES))
    for name, found in counts.items():
        print(f"| {name} | " + " | ".join(str(found[each]) for each in OUTCOMES) + " |")
    print(f"\nof the days that only trafilatura gives, {guessed} are a January the first")
    return seconds


def cost(pages: list[str], rounds: int) -> tuple[float, float]:
    """Seconds of CPU time that `main_text` takes with metadata and without: of each page the least of all rounds."""
    sides = (page_metadata, lambda page: PageMetadata())
    least = [[float("inf")] * len(pages) for _ in sides]
    for turn in range(rounds):
        for number, page in enumerate(pages):
            for side in (0, 1) if (turn + number) % 2 else (1, 0):
                trafilatura_text.page_metadata = sides[side]
                started = time.thread_time()
                trafilatura_text.main_text(page)
                least[side][number] = min(least[side][number], time.thread_time() - started)
    trafilatura_text.page_metadata = page_metadata
    return sum(least[0]), sum(least[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, default=DEMO, metavar="WARC")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", type=int, default=1, help="Every so many pages.")
    arguments = parser.parse_args()
    pages = decoded_pages([file.resolve() for file in arguments.files])[:: arguments.every]
    seconds = agreement(pages)
    whole, without = cost(pages, arguments.rounds)
    print(f"{len(pages)} pages")
    print(f"ours                  {1000 * seconds['ours'] / len(pages):8.2f} ms a page")
    print(f"extract_metadata      {1000 * seconds['theirs'] / len(pages):8.2f} ms a page")
    print(f"main text without any {1000 * without / len(pages):8.2f} ms a page")
    print(f"added by ours         {100 * (whole / without - 1):8.1f} %  (claim: at most 3 on the demo)")


if __name__ == "__main__":
    main()
