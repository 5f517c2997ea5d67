"""Main text by set, language and kind of page, beside other extractors: python benchmarks/bench_choice.py DATA [DATA …]

DATA are folders with `gold.jsonl` and `pages.warc.gz`, as benchmarks/gold_pages.py reads them; they are no part of this
repository. Of `--half A` or `B` only where asked, of every N-th page only with `--every N`. Columns: ours, trafilatura's
settings, resiliparse, and readability-lxml and magic-html where they are installed; with `--report FILE` (made by
`benchmarks/train_extraction.py DATA … --report FILE`) also what ours scores on pages, and on whole sets, that had no part
in the training of its ensembles. *mostly wrong* is the share of pages with F1 under .5.
`--worst N` lists that many pages with the lowest F1 of ours, and what is wrong with each.
F1: true, wrong and missed of a page are divided by their sum and pooled, so that every page counts one.
"""

import argparse
import functools
import importlib
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import trafilatura
from gold_pages import Counts, GoldPage, f1_of, read_gold, score

from corpus.pages.marks import plain
from corpus.pages.resiliparse_text import main_content
from corpus.pages.trafilatura_text import main_text

OURS = "ours"
WRONG = 0.5
LEAST = 5  # pages of a row
SETTINGS: dict[str, dict[str, Any]] = {
    "trafilatura fast": {"fast": True, "include_comments": False},
    "trafilatura": {"include_comments": False},
    "trafilatura precision": {"include_comments": False, "favor_precision": True},
    "trafilatura comments": {},
}
_LEFT_OUT = {"pages": "pages left out", "sets": "sets left out"}
_BLOCKS = ("p", "div", "li", "br", "h1", "h2", "h3", "h4", "tr", "section", "article", "pre", "blockquote")


def ours(html: str) -> str:
    found = main_text(html)
    return plain(found.text) if found is not None else ""


def other(html: str) -> str:
    found = main_content(html)
    return plain(found.text) if found is not None else ""


def readability(html: str) -> str:
    document = importlib.import_module("readability").Document(html)
    return _text_of(document.summary())


def magic_html(html: str) -> str:
    found = importlib.import_module("magic_html").GeneralExtractor().extract(html, base_url="http://a.invalid/")
    return _text_of(found.get("html", ""))


def _text_of(html: str) -> str:
    """HTML of a main part as lines."""
    import lxml.html

    if not html.strip():
        return ""
    tree = lxml.html.fromstring(html)
    for element in tree.iter(*_BLOCKS):
        element.tail = "\n" + (element.tail or "")
    return str(tree.text_content())


def extractors() -> dict[str, Callable[[str], str | None]]:
    found: dict[str, Callable[[str], str | None]] = {OURS: ours}
    found |= {name: functools.partial(trafilatura.extract, **setting) for name, setting in SETTINGS.items()}
    found["resiliparse"] = other
    for name, module, function in (
        ("readability-lxml", "readability", readability),
        ("magic-html", "magic_html", magic_html),
    ):
        if importlib.util.find_spec(module) is not None:
            found[name] = function
    return found


def groups_of(page: GoldPage) -> Iterator[tuple[str, str, str]]:
    """(set, language, kind) rows that a page counts in, "" for all."""
    yield "all", "", ""
    yield page.source, "", ""
    if page.language:
        yield page.source, page.language, ""
    if page.kind:
        yield page.source, "", page.kind
        yield "all", "", page.kind


def fault_of(counts: Counts) -> str:
    found, wrong, missed = counts
    if found + wrong == 0:
        return "no text"
    if found < 0.1:
        return "another part of the page"
    if missed > 2 * wrong:
        return "too little"
    return "too much" if wrong > 2 * missed else "too much and too little"


def table(pages: list[GoldPage], counts: dict[str, dict[str, Counts]]) -> Iterator[str]:
    """Lines of a Markdown table; the best of a row is bold."""
    rows: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for page in pages:
        for group in dict.fromkeys(groups_of(page)):
            rows[group].append(page.name)
    names = list(counts)
    yield f"| set | language | kind | pages | {' | '.join(names)} | mostly wrong |"
    yield "| --- " * (5 + len(names)) + "|"
    for group in sorted(rows, key=lambda each: (each[0] != "all", each)):
        members = rows[group]
        if len(members) < LEAST or (any(group[1:]) and members == rows[(group[0], "", "")]):
            continue
        scores = {name: f1_of([counts[name][each] for each in members if each in counts[name]]) for name in names}
        best = max(value for name, value in scores.items() if name not in _LEFT_OUT.values())
        cells = [
            f"**{value:.3f}**" if value == best and name not in _LEFT_OUT.values() else f"{value:.3f}"
            for name, value in scores.items()
        ]
        wrong = sum(f1_of([counts[OURS][each]]) < WRONG for each in members) / len(members)
        yield f"| {' | '.join(group)} | {len(members)} | {' | '.join(cells)} | {wrong:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--half", choices=("A", "B"), default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--worst", type=int, default=0)
    parser.add_argument("--ours-only", action="store_true", help="without the other extractors")
    parser.add_argument("--markdown", action="store_true", help="tables alone, without times")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    pages = [page for folder in arguments.data for page in read_gold(folder, arguments.half)][:: arguments.every]
    functions = {OURS: ours} if arguments.ours_only else extractors()
    counts: dict[str, dict[str, Counts]] = {name: {} for name in functions}
    seconds = dict.fromkeys(functions, 0.0)
    for page in pages:  # in turns, so that what slows the machine slows all
        for name, function in functions.items():
            started = time.process_time()
            try:
                text = function(page.html) or ""
            except Exception:  # what a page does to a peer counts against the peer
                if name == OURS:
                    raise
                text = ""
            seconds[name] += time.process_time() - started
            counts[name][page.name] = score(page, text)
    if arguments.report is not None:
        for row in map(json.loads, arguments.report.read_text(encoding="utf-8").splitlines()):
            counts.setdefault(_LEFT_OUT[row["left_out"]], {})[row["id"]] = tuple(row["choice"])
    print("\n".join(table(pages, counts)))
    if not arguments.markdown:
        print(
            "\nms of processor time a page: "
            + ", ".join(f"{name} {1000 * took / len(pages):.1f}" for name, took in seconds.items())
        )
    if arguments.worst:
        print("\n| page | set | F1 | what is wrong |\n| --- | --- | --- | --- |")
        for page in sorted(pages, key=lambda each: (f1_of([counts[OURS][each.name]]), each.name))[: arguments.worst]:
            print(
                f"| {page.name} | {page.source} | {f1_of([counts[OURS][page.name]]):.3f} | {fault_of(counts[OURS][page.name])} |"
            )


if __name__ == "__main__":
    main()
