"""The profile `parity` against datatrove's filters, verdict by verdict on the same documents, each filter for itself.

    benchmarks/peers/install.sh datatrove /tmp/datatrove
    python benchmarks/diff_datatrove.py --datatrove /tmp/datatrove/bin/python --input FILE.jsonl.gz --language en

Prints a table for each filter: agreement, what each drops, and every class of disagreement (datatrove's reason, our rule)
with a document of it; then what the profile `web` drops of the same documents, and for what. Ends with 1 where a filter
agrees on less than --least.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.recipe.parsing import parse_recipe
from filters.parity import datatrove_signals, jieba_signals
from filters.quality import signals
from filters.quality.rules import Limit, Profiles, load_profiles

PEER = Path(__file__).parent / "peers" / "datatrove_verdicts.py"
FILTERS = ("GopherRepetitionFilter", "GopherQualityFilter", "C4QualityFilter", "FineWebQualityFilter")
#: Ours → datatrove's; of the languages that the profile has rules for.
LANGUAGES = {"en": "eng_Latn", "zh": "cmn_Hani"}


def read_texts(path: Path, languages: set[str], most: int) -> list[str]:
    """The texts of the first rows of these `lang`s, of all rows where none are given."""
    open_text = gzip.open if path.suffix == ".gz" else open
    texts = []
    with open_text(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if not languages or row["lang"] in languages:
                texts.append(row["text"])
            if len(texts) == most:
                break
    return texts


def ask_datatrove(python: Path, texts: list[str], language: str, *arguments: str) -> dict[str, Any]:
    """Verdicts and seconds of datatrove's filters, from its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        rows, found = Path(folder) / "rows.jsonl", Path(folder) / "verdicts.json"
        rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        subprocess.run([python, PEER, rows, found, "--language", language, *arguments], check=True)
        answer: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    return answer


def measured(texts: list[str], language: str) -> dict[str, NDArray[Any]]:
    """Every signal that a rule of `parity` or `web` is about, the language score taken as sure."""
    array = pa.array(texts, pa.large_string())
    languages = [language] * len(texts)
    columns = signals.measure(array, languages) | datatrove_signals.measure(array)
    if language in jieba_signals.LANGUAGES:
        columns |= jieba_signals.measure(array, languages)
    return {"language_score": np.ones(len(texts), np.float32), **columns}


def profiles_of(profile: str) -> Profiles:
    """Of a run whose only source, "x", uses a profile."""
    source = {"name": "x", "inputs": ["-"], "profile": profile}
    return load_profiles(parse_recipe({"run": {"name": "diff"}, "source": [source]}, "diff"))


def limits_of(profile: str, language: str) -> tuple[Limit, ...]:
    return profiles_of(profile).for_domain(profile, language).limits


def first_failures(limits: list[Limit], columns: dict[str, NDArray[Any]]) -> list[str]:
    """The first rule that each document fails, as `signal < limit` or `signal > limit`; "" where it passes all."""
    found = np.full(len(columns["language_score"]), "", dtype=object)
    for limit in limits:
        beyond = "<" if limit.side == "min" else ">"
        found[limit.fails(columns[limit.signal]) & (found == "")] = f"{limit.signal} {beyond} {limit.value:g}"
    return list(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datatrove", type=Path, required=True, help="Python of the peer's environment")
    parser.add_argument("--input", type=Path, required=True, help="JSONL or JSONL.gz with `text` and `lang`")
    parser.add_argument("--language", choices=LANGUAGES, default="en")
    parser.add_argument("--lang", action="append", default=[], help="`lang` of rows to read; default: the language")
    parser.add_argument("--documents", type=int, default=1_000_000, help="at most")
    parser.add_argument("--least", type=float, default=0.99, help="agreement that each filter must have")
    arguments = parser.parse_args()
    language = arguments.language
    texts = read_texts(arguments.input, set(arguments.lang or [language]), arguments.documents)
    parity, default = limits_of("parity", language), list(limits_of("web", language))
    columns = measured(texts, language)
    answer = ask_datatrove(arguments.datatrove, texts, LANGUAGES[language])
    print(f"{len(texts)} documents, datatrove {answer['versions']['datatrove']}, spacy {answer['versions']['spacy']}")
    print(f"{'filter':<24}{'agree':>9}{'both drop':>11}{'only theirs':>13}{'only ours':>11}{'same reason':>13}")
    worst = 1.0
    classes: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    examples: dict[tuple[str, str], int] = {}
    reason_of: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for name in FILTERS:
        if not any(limit.source.endswith(name) for limit in parity):
            continue  # C4's, of which FineWeb-2 has none
        theirs = answer["verdicts"][name]
        ours = first_failures([limit for limit in parity if limit.source.endswith(name)], columns)
        sides = Counter((bool(a), bool(b)) for a, b in zip(theirs, ours, strict=True))
        for row, (a, b) in enumerate(zip(theirs, ours, strict=True)):
            if a and b:
                reason_of[name][a, b] += 1
            elif a or b:
                classes[name][a, b] += 1
                examples.setdefault((a, b), row)
        agreement = (sides[True, True] + sides[False, False]) / len(texts)
        worst = min(worst, agreement)
        usual: dict[str, int] = Counter()
        for (a, _), count in reason_of[name].items():
            usual[a] = max(usual[a], count)
        same = sum(usual.values()) / max(sides[True, True], 1)
        print(
            f"{name:<24}{agreement:>9.4f}{sides[True, True]:>11}{sides[True, False]:>13}{sides[False, True]:>11}{same:>13.4f}"
        )
    for name, found in classes.items():
        print(f"\n{name}: disagreements (datatrove's reason, our rule, documents, the first one's row)")
        for pair, count in found.most_common():
            print(f"  {pair[0] or '-':<32} {pair[1] or '-':<52} {count:>5}  {examples[pair]}")
    dropped = np.zeros(len(texts), bool)
    for name in FILTERS:
        dropped |= np.array([bool(reason) for reason in answer["verdicts"][name]])
    web = first_failures(default, columns)
    kept = np.array([not reason for reason in web])
    print(
        f"\nall four filters drop {dropped.mean():.3f}, `web` {1 - kept.mean():.3f}; agree on {(dropped != kept).mean():.3f}"
    )
    for reason, count in Counter(web).most_common():
        print(f"  {count:>6}  {reason or 'kept'}")
    sys.exit(worst < arguments.least)


if __name__ == "__main__":
    main()
