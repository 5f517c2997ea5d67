"""What the rules drop and keep on labelled texts: python benchmarks/bench_rules.py DATA [--markdown]

DATA has `junk/cases.jsonl` (texts {id, lang, kind, good, near, text}: bad ones of spam's kinds, good ones, some of which share a bad
kind's words) and `extraction*/gold.jsonl` (main texts of pages as people marked them). Judged are, as `corpus measure` judges:

  web       the profile of pages, spam classifier and all
  no spam   the same with the rule on `spam_score` off
  fineweb2  the profile with FineWeb-2's numbers
  parity    datatrove 0.10's filters at their defaults, decision by decision (docs/parity.md); wants `pip install jieba==0.42.1`

Clean gold are articles and full texts; `unseen` those of which the classifier learnt nothing (every second row, train_spam.is_learnt).
Pages for testing extractors that hold filler text (lorem ipsum) are left out.
"""

import argparse
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from train_spam import is_learnt

from pipelines.cli import main as corpus

NO_SPAM = """
[run]
name = "rules"
[[source]]
name = "files"
kind = "web"
inputs = ["unused"]
[[profiles.web.variant]]
languages = ["*"]
off = ["spam_score"]
"""
CLEAN = {"human", "human full text", "llm-checked"}
LANGUAGES = ("zh", "ja", "en", "ru", "el", "pl")
Row = dict[str, Any]


def rows_of(data: Path) -> tuple[list[Row], list[Row]]:
    """(junk, clean gold), each with `id`, `lang`, `text`."""
    junk = list(_lines(data / "junk" / "cases.jsonl"))
    gold = []
    for file in sorted(data.glob("extraction*/gold.jsonl")):
        for row in _lines(file):
            is_article = row.get("page_kind") in (None, "article")
            if row["text"] and row["gold_kind"] in CLEAN and is_article and "lorem ipsum" not in row["text"].lower():
                gold.append({**row, "lang": (row["lang"] or "en").partition("-")[0].lower()})
    return junk, gold


def judged(rows: Sequence[Row], options: Sequence[str]) -> dict[str, list[str]]:
    """Id → the reasons for which a text is dropped, as `corpus measure` prints them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.jsonl"
        recipe = Path(folder) / "no-spam.toml"
        recipe.write_text(NO_SPAM, encoding="utf-8")
        lines = (json.dumps({"id": row["id"], "text": row["text"]}, ensure_ascii=False) for row in rows)
        file.write_text("\n".join(lines), encoding="utf-8")
        command = ["measure", str(file), *(str(recipe) if each == "RECIPE" else each for each in options)]
        result = CliRunner().invoke(corpus, command)
        if result.exit_code:
            if "jieba" in result.output:  # an extra, that datatrove's decisions on Chinese want
                return {}
            raise SystemExit(result.output[-2000:])
        found = map(json.loads, result.stdout.splitlines())
        return {each["id"]: each["reasons"] for each in found}


JUDGES = {
    "web": (),
    "no spam": ("--recipe", "RECIPE"),
    "fineweb2": ("--profile", "fineweb2"),
    "parity": ("--profile", "parity"),
}


def share(right: int, of: int) -> str:
    return f"{right / of:.3f}" if of else "–"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], markdown: bool) -> None:
    body = [[str(cell) for cell in row] for row in rows]
    print(f"\n{title}\n")
    if markdown:
        print(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}")
        for row in body:
            print(f"| {' | '.join(row)} |")
        return
    widths = [max(len(row[place]) for row in [list(head), *body]) for place in range(len(head))]
    for row in [list(head), *body]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def sides(junk: Sequence[Row], verdicts: dict[str, dict[str, list[str]]], by: str) -> list[list[object]]:
    """Rows of (side, value of `by`, texts, share rightly decided by each judge)."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in junk:
        side = "good, kept" if row["good"] else "bad, dropped"
        groups[side, row[by]].append(row)
        groups[side, "all"].append(row)
        if row["near"]:
            groups["good, kept", "near a bad kind"].append(row)
    return [
        [side, value, len(group), *(share(_right(group, found), len(group)) for found in verdicts.values())]
        for (side, value), group in sorted(groups.items())
    ]


def _right(rows: Sequence[Row], found: dict[str, list[str]]) -> int:
    return sum(row["good"] == (not found[row["id"]]) for row in rows)


def clean(gold: Sequence[Row], verdicts: dict[str, dict[str, list[str]]]) -> list[list[object]]:
    rows: list[list[object]] = []
    for language in LANGUAGES:
        mine = [row for row in gold if row["lang"] == language]
        unseen = [row for row in mine if not is_learnt(row["text"], 2)]
        if not mine:
            continue
        why = Counter(reasons[0] for row in mine if (reasons := verdicts["web"][row["id"]]))
        kept = [share(sum(not found[row["id"]] for row in mine), len(mine)) for found in verdicts.values()]
        of_unseen = share(sum(not verdicts["web"][row["id"]] for row in unseen), len(unseen))
        rows.append(
            [language, len(mine), *kept, of_unseen, ", ".join(f"{r} {n}" for r, n in why.most_common(5)) or "–"]
        )
    return rows


def _lines(file: Path) -> Iterator[Row]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    junk, gold = rows_of(options.data)
    of_junk = {name: found for name, how in JUDGES.items() if (found := judged(junk, how))}
    of_gold = {name: found for name, how in JUDGES.items() if (found := judged(gold, how))}
    for by in ("lang", "kind"):
        head = ["texts", by, "number", *of_junk]
        table(f"Bad and good texts, rightly decided, by {by}", head, sides(junk, of_junk, by), options.markdown)
    head = ["language", "texts", *of_gold, "web, unseen", "dropped by web for"]
    table("Clean gold, kept", head, clean(gold, of_gold), options.markdown)


if __name__ == "__main__":
    main()
