"""main_text against every setting of trafilatura: python benchmarks/bench_extraction_quality.py DATA

DATA is a folder with `gold.jsonl` and `pages.warc.gz`: pages with human text, or with segments that must and must not be
in it. It is no part of this repository. Half A of the pages (by SHA-1 of their ids) served to make the rules of
corpus.pages.page_kind, boilerplate and lede; the table is of half B (`--half A`: of the other). Score of pages with full text: shingles of 4 tokens (single characters in
scripts without spaces), true and false ones normalised to one a page and pooled, as scrapinghub's benchmark does. Score
of pages with segments: those found, after white space is normalised, pooled, as trafilatura's evaluation does. `all`
pools both, a page counting one. `±` is the standard deviation of its difference from ours over pages drawn anew.
Articles are what is neither a discussion nor Chinese. trafilatura is as it comes in all rows but ours.
"""

import argparse
import functools
import io
import json
import re
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import trafilatura
from fastwarc.warc import ArchiveIterator
from gold_pages import in_half_b, shingles, squeezed

from corpus.pages.charset import decode_page
from corpus.pages.main_text import MainText
from corpus.pages.marks import plain
from corpus.pages.page_kind import is_chinese, is_discussion, kind_of
from corpus.pages.resiliparse_text import main_content
from corpus.pages.trafilatura_text import main_text

OURS = "**ours**"
OTHER = "resiliparse"
GROUPS = ("full text", "segments", "articles", "discussions", "Chinese", "all")
#: Groups that hold pages of both kinds of gold, a page counting one.
POOLED = ("articles", "discussions", "Chinese", "all")
Counts = tuple[float, float, float]  # found, wrong, missed

SETTINGS: dict[str, dict[str, Any]] = {
    "`fast`": {"fast": True, "include_comments": False},
    "`fast`, comments": {"fast": True},
    "`fast`, precision": {"fast": True, "include_comments": False, "favor_precision": True},
    "`fast`, recall": {"fast": True, "include_comments": False, "favor_recall": True},
    "default": {"include_comments": False},
    "default, comments": {},
    "precision": {"include_comments": False, "favor_precision": True},
    "recall": {"include_comments": False, "favor_recall": True},
}


def read_pages(data: Path, half: str) -> list[tuple[dict[str, Any], str]]:
    """The rows of a half that have gold, each with its decoded page."""
    pages = []
    with (data / "gold.jsonl").open(encoding="utf-8") as rows, (data / "pages.warc.gz").open("rb") as archive:
        for row in map(json.loads, rows):
            if in_half_b(row["id"]) != (half == "B") or not (row["text"] is not None or row["with"] or row["without"]):
                continue
            archive.seek(row["offset"])
            record = next(iter(ArchiveIterator(io.BytesIO(archive.read(row["length"])), parse_http=True)))
            pages.append((row, decode_page(record.reader.read())[0]))
    return pages


def score(row: dict[str, Any], text: str) -> Counts:
    if row["text"] is not None:
        wanted = re.sub(r"[#*|`>\-]+", " ", row["text"]) if row["source"] == "webmainbench" else row["text"]
        gold, found = shingles(wanted), shingles(text)
        true = sum((gold & found).values())
        counts = (true, sum(found.values()) - true, sum(gold.values()) - true)
        return normalised(counts)
    plain = squeezed(text)
    true = sum(squeezed(segment) in plain for segment in row["with"])
    return (true, sum(squeezed(segment) in plain for segment in row["without"]), len(row["with"]) - true)


def normalised(counts: Counts) -> Counts:
    total = sum(counts) or 1
    return (counts[0] / total, counts[1] / total, counts[2] / total)


def f1(counts: list[Counts]) -> float:
    found, wrong, missed = np.array(counts).sum(axis=0) if counts else (0, 0, 0)
    return float(2 * found / (2 * found + wrong + missed)) if found else 0.0


def groups_of(row: dict[str, Any], html: str) -> set[str]:
    """Discussions by their markup; Chinese by the gold itself."""
    groups = {"all", "full text" if row["text"] is not None else "segments"}
    tree = trafilatura.load_html(html)
    if tree is not None and is_discussion(tree):
        groups.add("discussions")
    if is_chinese([row["text"] or "".join(row["with"])]):
        groups.add("Chinese")
    if not groups & {"discussions", "Chinese"}:
        groups.add("articles")
    return groups


def difference_deviation(theirs: list[Counts], ours: list[Counts], rounds: int = 400) -> float:
    generator = np.random.default_rng(0)
    draws = generator.integers(0, len(ours), (rounds, len(ours)))
    a, b = (np.array(each)[draws].sum(axis=1) for each in (theirs, ours))
    scores = [2 * each[:, 0] / (2 * each[:, 0] + each[:, 1] + each[:, 2]) for each in (a, b)]
    return float(np.std(scores[0] - scores[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder of gold.jsonl and pages.warc.gz")
    parser.add_argument("--half", choices=("A", "B"), default="B")
    arguments = parser.parse_args()
    data: Path = arguments.data
    if not (data / "gold.jsonl").exists():
        raise SystemExit(f"{data}: no gold.jsonl; this benchmark needs pages that are not part of the repository")
    warnings.simplefilter("ignore")
    pages = read_pages(data, arguments.half)
    members = [groups_of(row, html) for row, html in pages]
    peers: dict[str, Callable[[str], str | None]] = {
        name: functools.partial(trafilatura.extract, **chosen) for name, chosen in SETTINGS.items()
    }
    extractors: dict[str, Callable[[str], str | MainText | None]] = {OURS: main_text, **peers, OTHER: main_content}
    seconds = dict.fromkeys(extractors, 0.0)
    counts: dict[str, list[Counts]] = {name: [] for name in extractors}
    for extract in extractors.values():  # warm-up
        extract(pages[0][1])
    for row, html in pages:  # in turns, so that what slows the machine slows all
        for name, extract in extractors.items():
            started = time.perf_counter()
            found = extract(html)
            seconds[name] += time.perf_counter() - started
            counts[name].append(score(row, (plain(found.text) if isinstance(found, MainText) else found) or ""))
    every = {name: [normalised(each) for each in found] for name, found in counts.items()}
    sizes = {group: sum(group in member for member in members) for group in GROUPS}
    print("| setting | " + " | ".join(f"{group} ({sizes[group]})" for group in GROUPS) + " | ± | pages/s | of `fast` |")
    print("| --- |" + " --- |" * (len(GROUPS) + 3))
    for name in extractors:
        cells = [
            f"{f1([each for each, member in zip((every if group in POOLED else counts)[name], members, strict=True) if group in member]):.4f}"
            for group in GROUPS
        ]
        cells.append("" if name == OURS else f"{difference_deviation(every[name], every[OURS]):.4f}")
        cells += [f"{len(pages) / seconds[name]:.0f}", f"{seconds['`fast`'] / seconds[name]:.2f}"]
        print(f"| {name} | " + " | ".join(cells) + " |")
    kinds = Counter(kind_of(tree) for _, html in pages if (tree := trafilatura.load_html(html)) is not None)
    print("\n" + ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())))


if __name__ == "__main__":
    main()
