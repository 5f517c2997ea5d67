"""What each line rule does to extraction's score: python benchmarks/bench_line_rules.py DATA

DATA and scores are those of bench_extraction_quality.py. Each rule alone edits two texts of every page of half B: the main text
that is extracted, and the plain text of the whole page, which is what WET files and poor JSONL hold. `±` is the standard deviation
of the difference in `all` over pages drawn anew; *better* and *worse* are pages. The cost is that of all rules together.
"""

import argparse
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from bench_extraction_quality import Counts, difference_deviation, f1, normalised, read_pages, score
from resiliparse.extract.html2text import extract_plain_text

from corpus.pages.page_text import clean, clean_marked
from corpus.pages.trafilatura_text import main_text
from corpus.text.line_rules import LineRule, LineRules, edit_lines


def f_of(counts: Counts) -> float:
    found, wrong, missed = counts
    return 2 * found / (2 * found + wrong + missed) if found else 0.0


def print_table(title: str, rows: list[dict[str, Any]], texts: list[str]) -> None:
    without = [normalised(score(row, text)) for row, text in zip(rows, texts, strict=True)]
    print(f"\n| {title} | lines | full text | segments | all | ± | better | worse |")
    print("| --- |" + " --- |" * 7)
    for rule in (None, *LineRule):
        rules = LineRules(**{rule.value: True}) if rule is not None else LineRules()
        edited = [edit_lines(text, rules) for text in texts]
        counts = [score(row, each.text) for row, each in zip(rows, edited, strict=True)]
        shares = [normalised(each) for each in counts]
        groups = [
            [each for each, row in zip(counts, rows, strict=True) if (row["text"] is not None) == full]
            for full in (True, False)
        ]
        gains = [f_of(after) - f_of(before) for after, before in zip(shares, without, strict=True)]
        lines = sum((each.removed for each in edited), Counter[LineRule]()).total()
        cells = [f"{lines:,}", *(f"{f1(group):.4f}" for group in groups), f"{f1(shares):.4f}"]
        cells += [f"{difference_deviation(shares, without):.4f}" if rule is not None else ""]
        cells += [str(sum(gain > 1e-9 for gain in gains)), str(sum(gain < -1e-9 for gain in gains))]
        print(f"| {f'`{rule}`' if rule is not None else 'none'} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder of gold.jsonl and pages.warc.gz")
    data: Path = parser.parse_args().data
    if not (data / "gold.jsonl").exists():
        raise SystemExit(f"{data}: no gold.jsonl; this benchmark needs pages that are not part of the repository")
    warnings.simplefilter("ignore")
    pages = read_pages(data, "B")
    rows = [row for row, _ in pages]
    found = [main_text(html) for _, html in pages]
    mains = [clean_marked(each.text) if each is not None else "" for each in found]
    plains = [clean(extract_plain_text(html)) for _, html in pages]
    print_table("main text", rows, mains)
    print_table("plain text", rows, plains)
    every = LineRules(**{rule.value: True for rule in LineRule})
    begin = time.process_time()
    for text in mains:
        edit_lines(text, every)
    seconds = time.process_time() - begin
    number = sum(text.count("\n") + 1 for text in mains)
    print(f"\nall rules: {seconds / len(mains) * 1e6:.0f} µs a page, {seconds / number * 1e6:.1f} µs a line")


if __name__ == "__main__":
    main()
