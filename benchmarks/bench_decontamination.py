"""Recall, false positives and cost of decontamination: python benchmarks/bench_decontamination.py DATA [--pages FILE ...]

DATA is a folder with `exams/*.jsonl.gz` (the format `jsonl` of a recipe, with `lang`) and `text/*.jsonl.gz` (rows with `text` and
`lang`); it is no part of this repository. --pages names more JSONL files with pages that have no exam in them. Chinese in the
other characters wants the package `opencc`, which is no dependency of the project; without it that way is left out.

Recall: every question of at least 13 words, or 20 characters of Chinese, is planted in a page, written in each way; it is
found where its coverage reaches the default threshold. A formula that more than MAX_ITEMS items share is none that can be
found, and counts as missed. False positives: pages in which anything is found that reaches the threshold; each is printed.
Cost: against signals, language and signature of the same documents in the same run, in CPU time of one thread, the least of
several rounds; where DATA has fewer than 24,000 questions, the same ones with their words in reverse order make up for them.
"""

import argparse
import gzip
import itertools
import json
import re
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from corpus.recipe import Decontaminate
from corpus.seeds import derive_seed
from filters.copies import minhash
from filters.exams import search
from filters.exams.grams import GramSettings
from filters.exams.index import ExamIndex, build_index
from filters.exams.items import Item, Part
from filters.exams.published import load_file
from filters.exams.search import find_items
from filters.language.identification import LanguageModel, default_model_path
from filters.quality import signals

THRESHOLD = float(Decontaminate.model_fields["coverage"].default)
QUESTIONS = 24_000
PAGE_CHARACTERS = 3_000
DOCUMENT_BYTES = 4_000
ROUNDS = 9

WORD = re.compile(r"[A-Za-z0-9]+(?:['’][A-Za-z]+)*")
HAN = re.compile(r"[\u3400-\u9fff]")
FULL = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
WIDTHS = FULL | {full: half for half, full in FULL.items()}
MARKS = str.maketrans(
    {
        ",": ";",
        ".": "!",
        "?": ".",
        "!": "?",
        ";": ",",
        ":": " -",
        "'": "’",
        '"': "'",
        "(": "[",
        ")": "]",
        "-": "–",
        "，": "、",
        "。": "．",
        "？": "！",
        "；": "，",
        "：": "——",
        "（": "【",
        "）": "】",
        "“": "「",
        "”": "」",
        "、": "，",
    }
)
PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~、。，．？！；：（）【】「」『』“”‘’《》〈〉—…·～－]+")

Rows = list[dict[str, Any]]


def read_rows(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def read_exams(folder: Path) -> tuple[list[Item], dict[tuple[str, str], str]]:
    """(items, (exam, id) → language)."""
    items: list[Item] = []
    languages: dict[tuple[str, str], str] = {}
    for path in sorted(folder.glob("*.jsonl.gz")):
        exam = path.name.partition(".")[0]
        items += [Item(exam, number, parts) for number, parts in load_file(path.read_bytes(), "jsonl", str(path))]
        languages.update(((exam, row["id"]), row["lang"]) for row in read_rows([path]))
    return items, languages


def is_long(text: str, language: str) -> bool:
    return len(WORD.findall(text)) >= 13 if language == "en" else len(HAN.findall(text)) >= 20


def best_seconds(work: Callable[[], object]) -> float:
    """The least CPU time of some rounds: what the machine can do, not what its neighbours left of it."""
    seconds = []
    for _ in range(ROUNDS):
        begin = time.thread_time()
        work()
        seconds.append(time.thread_time() - begin)
    return min(seconds)


# ------------------------------------------------------------------------------------------------ recall


def wrapped(text: str) -> str:
    if not HAN.search(text):
        return "\n".join(textwrap.wrap(text, 40))
    return "\n".join(text[at : at + 20] for at in range(0, len(text), 20))  # 40 columns: a han character takes two


def ways() -> dict[str, Callable[[str], str]]:
    """How a question is written. Those after `the other script` are more than was asked for."""
    found: dict[str, Callable[[str], str]] = {
        "verbatim": lambda text: text,
        "wrapped at 40 columns": wrapped,
        "inside a paragraph": lambda text: " ".join(text.split()),
        "other punctuation": lambda text: text.translate(MARKS),
        "full width ↔ half width": lambda text: text.translate(WIDTHS),
    }
    try:
        import opencc
    except ImportError:
        print("the package opencc is not installed: the other script is left out")
    else:
        to_hant, to_hans, to_taiwan = (opencc.OpenCC(name).convert for name in ("s2t", "t2s", "s2twp"))
        found["simplified → traditional"] = to_hant
        found["traditional → simplified"] = lambda text: to_hans(to_hant(text))
        found["words of Taiwan"] = to_taiwan
    return found | {"upper case": str.upper, "no punctuation at all": lambda text: PUNCTUATION.sub("", text)}


def planted(question: str, page: str, number: int, *, inside: bool) -> str:
    """A page with a question in it: in the middle of a line, or between two paragraphs."""
    page = page[:PAGE_CHARACTERS]
    at = derive_seed(0, "plant", number) % (len(page) + 1)
    edge = " " if inside else "\n\n"
    return f"{page[:at]}{edge}{question}{edge}{page[at:]}"


def recall(items: list[Item], languages: dict[tuple[str, str], str], index: ExamIndex, pages: list[str]) -> None:
    asked = [
        (item.exam, item.id, languages[item.exam, item.id], text)
        for item in items
        for text in item.parts.get(Part.QUESTION, ())
        if is_long(text, languages[item.exam, item.id])
    ]
    grams = {(row["exam"], row["item"]): row["grams"] for row in index.items.to_pylist() if row["part"] == "question"}
    numbers = {language: [row for row in asked if row[2] == language] for language in ("en", "zh")}
    formulas = {language: sum(not grams[row[:2]] for row in rows) for language, rows in numbers.items()}
    said = ", ".join(f"{len(rows):,} {language} ({formulas[language]} formulas)" for language, rows in numbers.items())
    print(f"\nrecall of questions of at least 13 words or 20 characters: {said}\n")
    print("| written | English | Chinese |\n| --- | --- | --- |")
    for way, write in ways().items():
        cells = []
        for language, rows in numbers.items():
            if language == "en" and ("traditional" in way or "Taiwan" in way):
                cells.append("")
                continue
            texts = [
                planted(write(row[3]), pages[number * 7919 % len(pages)], number, inside=way == "inside a paragraph")
                for number, row in enumerate(rows)
            ]
            found = find_items(pa.array(texts, pa.large_string()), index)
            hits = sum(
                any(match[:2] == row[:2] and match.coverage >= THRESHOLD for match in found.get(number, []))
                for number, row in enumerate(rows)
            )
            cells.append(f"{hits / len(rows):.4f}")
        print(f"| {way} | {cells[0]} | {cells[1]} |", flush=True)


# ------------------------------------------------------------------------------------------------ false positives


def false_positives(index: ExamIndex, sets: dict[str, list[str]]) -> None:
    print("\n| pages | documents | with any gram | over the threshold |\n| --- | --- | --- | --- |")
    for name, texts in sets.items():
        found = find_items(pa.array(texts, pa.large_string()), index)
        over = {row: [each for each in found[row] if each.coverage >= THRESHOLD] for row in found}
        over = {row: matches for row, matches in over.items() if matches}
        print(f"| {name} | {len(texts):,} | {len(found)} | {len(over)} |")
        for row, matches in over.items():
            for match in matches:
                passage = texts[row].encode()[match.begin : match.end].decode()
                print(f"  {match.exam} {match.item} {match.part} {match.coverage:.2f}: {passage[:200]!r}")


# ------------------------------------------------------------------------------------------------ cost


def more_items(items: list[Item]) -> list[Item]:
    """The items, and as many of them with their words, or characters, in reverse order as QUESTIONS wants."""

    def reversed_text(text: str) -> str:
        return " ".join(reversed(text.split())) if not HAN.search(text) else text[::-1]

    made = (
        Item(
            "made", f"{item.exam}/{item.id}", {part: tuple(map(reversed_text, item.parts[part])) for part in item.parts}
        )
        for item in items
    )
    return items + list(itertools.islice(made, max(0, QUESTIONS - len(items))))


def cost(index: ExamIndex, rows: Rows) -> None:
    model = LanguageModel(default_model_path())
    print(
        "\n| documents of 4 kB | signals + language + signature | decontamination | share |\n| --- | --- | --- | --- |"
    )
    for language in ("en", "zh"):
        texts = [
            row["text"].encode()[:DOCUMENT_BYTES].decode("utf-8", "ignore")
            for row in rows
            if row["lang"].startswith(language) and len(row["text"].encode()) >= DOCUMENT_BYTES
        ][:600]
        array = pa.array(texts, pa.large_string())

        def measure(texts: list[str] = texts, array: pa.Array = array) -> None:
            found = model.identify(texts, windows=5, window_characters=300)
            signals.measure(array, [each.language for each in found])
            minhash.bands(minhash.signatures(array)[0], bands=14, rows=8)

        def search(array: pa.Array = array) -> None:
            find_items(array, index)

        measure(), search()
        before, added = (best_seconds(work) / len(texts) * 1e6 for work in (measure, search))
        print(f"| {len(texts)} {language} | {before:.0f} µs | {added:.1f} µs | {added / before:.1%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with exams/ and text/")
    parser.add_argument("--pages", type=Path, nargs="*", default=[], help="more JSONL files of pages")
    arguments = parser.parse_args()
    items, languages = read_exams(arguments.data / "exams")
    rows = list(read_rows(sorted((arguments.data / "text").glob("*.jsonl.gz"))))
    search.warm_up()
    begin = time.thread_time()
    index = build_index(items, GramSettings())
    size = sum(array.nbytes for array in index.grams)
    print(
        f"{len(items):,} items, {len(index.grams.runs):,} grams, {size / 1e6:.1f} MB, {time.thread_time() - begin:.1f} s to make"
    )
    recall(items, languages, index, [row["text"] for row in rows])
    sets = {"text": [row["text"] for row in rows]}
    false_positives(index, sets | {path.stem: [row["text"] for row in read_rows([path])] for path in arguments.pages})
    large = build_index(more_items(items), GramSettings())
    owners = len(set(zip(large.items["exam"].to_pylist(), large.items["item"].to_pylist(), strict=True)))
    print(f"\n{owners:,} items, {len(large.grams.runs):,} grams, filter {large.grams.filter.nbytes / 1e3:.0f} kB")
    cost(large, rows)


if __name__ == "__main__":
    main()
