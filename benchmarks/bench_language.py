"""Language identification against the bare model: python benchmarks/bench_language.py DATA

DATA is a folder with `lid.jsonl.gz` ({"text", "lang", "kind": word | pair | sentence | paragraph}); it is no part of this
repository. Prints, per language and length of text, the accuracy of lid.176.ftz alone and ours, and the time of each.
Paragraphs are those of the Universal Declaration of Human Rights, whose two forms of Chinese and Cantonese are told apart
in a second table. Claims: ours is nowhere below the bare model by sentences of the 20 languages, at least .99 for those
marked *, and Hans and Hant are right in at least .99 of the paragraphs that have one.

--markdown: DATA is the folder above that one. Prints two tables and no times: the one above, and that of
`lid2/cases.jsonl` ({"category", "accept", "text"}: Japanese without kana, Arabic-script Kazakh, romanised texts …), where an
answer in `accept` is right, and where `accept` has "und" a score below .5 too.
"""

import argparse
import gzip
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from filters.language.identification import LanguageModel, default_model_path, language_of_label

HIGH = ("en", "zh", "ja", "ko", "ru", "de", "fr", "es")
LANGUAGES = (*HIGH, "pt", "it", "vi", "th", "ar", "hi", "id", "tr", "pl", "nl", "fa", "uk")
KINDS = ("word", "pair", "sentence", "paragraph")
#: The declaration's codes → what both are asked for.
SAME = {"pt-BR": "pt", "pt-PT": "pt", "zh-Hant": "zh", "de-1901": "de", "de-1996": "de", "fa-AF": "fa"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder of lid.jsonl.gz; with --markdown that of lid/ and lid2/")
    parser.add_argument("--markdown", action="store_true", help="the tables of the quality page")
    arguments = parser.parse_args()
    data: Path = arguments.data
    model = LanguageModel(default_model_path())
    if arguments.markdown:
        print("By language and length of text.\n")
        print_languages(model, data / "lid" / "lid.jsonl.gz", times=False)
        print("\nBy what makes a text hard.\n")
        print_hard(model, data / "lid2" / "cases.jsonl")
    else:
        print_languages(model, data / "lid.jsonl.gz", times=True)


def existing(file: Path) -> Path:
    if not file.exists():
        raise SystemExit(f"{file}: not there; this benchmark needs texts that are not part of the repository")
    return file


def print_hard(model: LanguageModel, file: Path) -> None:
    """Accuracy by category, ours and the bare model's."""
    cases = [json.loads(line) for line in existing(file).read_text(encoding="utf-8").splitlines()]
    texts = [case["text"] for case in cases]
    ours = [(answer.language, answer.score) for answer in model.identify(texts)]
    bare = bare_model()
    counts: dict[str, Counter[str]] = {}
    for case, *answers in zip(cases, ours, map(bare, texts), strict=True):
        for category in (case["category"], "all"):
            counted = counts.setdefault(category, Counter())
            counted["texts"] += 1
            for name, (language, score) in zip(("ours", "alone"), answers, strict=True):
                counted[name] += language in case["accept"] or ("und" in case["accept"] and score < 0.5)
    print("| category | texts | ours | lid.176.ftz alone |\n| --- | --- | --- | --- |")
    for category in sorted(counts, key=lambda category: (category == "all", category)):
        counted = counts[category]
        shares = (f"{counted[name] / counted['texts']:.3f}" for name in ("ours", "alone"))
        print(f"| {category} | {counted['texts']} | {' | '.join(shares)} |")


def print_languages(model: LanguageModel, file: Path, *, times: bool) -> None:
    with gzip.open(existing(file), "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if SAME.get(row["lang"], row["lang"]) in (*LANGUAGES, "yue")]
    bare = bare_model()
    texts = [row["text"] for row in rows]
    model.identify(texts[:100])
    started = time.perf_counter()
    ours = model.identify(texts)
    middle = time.perf_counter()
    alone = [bare(text)[0] for text in texts]
    ended = time.perf_counter()
    counts: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in ("texts", "alone", "ours")}
    for row, answer, theirs in zip(rows, ours, alone, strict=True):
        language = SAME.get(row["lang"], row["lang"])
        place = (language, row["kind"])
        counts["texts"][place] += 1
        counts["alone"][place] += theirs == language
        counts["ours"][place] += answer.language == language
    print("| language | " + " | ".join(f"{kind} | alone" for kind in KINDS) + " |")
    print("| --- |" + " --- |" * (2 * len(KINDS)))
    for language in LANGUAGES:
        cells = []
        for kind in KINDS:
            size = counts["texts"][language, kind]
            cells += [f"{counts[who][language, kind] / size:.3f}" if size else "" for who in ("ours", "alone")]
        print(f"| {language}{'*' if language in HIGH else ''} | " + " | ".join(cells) + " |")
    print("\n| paragraphs | texts | right | neither form | wrong |\n| --- | --- | --- | --- | --- |")
    for code, expected in (("zh", "hans"), ("zh-Hant", "hant"), ("yue", "yue")):
        answers = [
            (answer.language if code == "yue" else answer.script)
            for row, answer in zip(rows, ours, strict=True)
            if row["lang"] == code and row["kind"] == "paragraph"
        ]
        right, neither = answers.count(expected), answers.count("")
        print(f"| {code} → {expected} | {len(answers)} | {right} | {neither} | {len(answers) - right - neither} |")
    if not times:
        return
    size = len(texts)
    print(f"\nours {1e6 * (middle - started) / size:.0f} µs a text, alone {1e6 * (ended - middle) / size:.0f} µs")


def bare_model() -> Any:
    """Text → the code that lid.176.ftz's first label means, and its probability."""
    import fasttext

    model = fasttext.load_model(str(default_model_path()))

    def language(text: str) -> tuple[str, float]:
        labels, probabilities = model.predict(text.replace("\n", " "))
        return (language_of_label(labels[0])[0], float(probabilities[0])) if labels else ("und", 0.0)

    return language


if __name__ == "__main__":
    main()
