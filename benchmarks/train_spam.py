"""python benchmarks/train_spam.py GOOD.jsonl[.gz] … [--every 2]: makes the shipped spam classifier's weights, filters/spam/model.npz.

Bad texts are put together of the sentences in benchmarks/spam_texts, which were written for it: of one kind each, 2 to 9
sentences. Good ones come from the same place (what shares words with bad ones: news of crime, advice, reviews) and from the
JSONL files named on the command line: rows with `text`, or a `passage` and `question`, and `lang`. A text gives up to eight stretches of
150 to 800 characters; shorter ones are put together. `--every 2` learns from every second row by its hash only, so that the others can judge.

A logistic regression on the mean of hashed features (filters.spam.spam_score), bad and good weighed alike in each language, by full-batch
Adam; float64 sums in one order and seeded choices: the same texts give the same weights. Cost: a minute.
"""

import argparse
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus import seeds
from filters.spam import spam_score
from filters.spam.spam_score import BUCKETS, features

TEXTS = Path(__file__).parent / "spam_texts"
LANGUAGES = ("zh", "en", "ja", "ru")
#: Texts that are put together of each language's sentences.
BAD_TEXTS = {"zh": 6000, "en": 2500, "ja": 2200, "ru": 2000}
NEAR_TEXTS = {"zh": 3000, "en": 1000, "ja": 1000, "ru": 800}
#: Of the files' texts, of each language at most.
MOST_GOOD = 5000
STRETCH = (150, 800)
_STEPS, _RATE, _DECAY, _GAIN = 150, 0.1, 1e-6, 30.0
#: Added to the bias, so that a score of .5 is what one in a hundred good texts not learnt from reaches; a threshold is chosen on these.
_SHIFT = 2.6
#: Kinds whose sentences stand on lines of their own.
_ON_LINES = frozenset({"poem", "lists", "dialogue", "menu", "farm", "stuffing"})
_CHOICE = re.compile(r"\{([^{}]*)\}")
_VARIABLE = re.compile(r"^\$(\w+) = (.*)$")


class Chance:
    """Choices that follow from a name: the same in every run."""

    def __init__(self, *parts: str) -> None:
        self._seed = seeds.seeds_of(0, "spam", *parts)
        self._drawn = 0

    def below(self, limit: int) -> int:
        self._drawn += 1
        return self._seed(self._drawn) * limit >> 64

    def choice(self, values: Sequence[str]) -> str:
        return values[self.below(len(values))]

    def between(self, least: int, most: int) -> int:
        return least + self.below(most - least + 1)

    def shuffled(self, values: Sequence[str]) -> list[str]:
        drawn = [self.below(1 << 63) for _ in values]
        return [values[place] for place in np.argsort(drawn, kind="stable")]


@dataclass(frozen=True)
class Kind:
    """Sentences of one kind; `variables` stand for one of their values in a whole text."""

    name: str
    sentences: list[str]
    variables: dict[str, list[str]]


def kinds_of(text: str) -> list[Kind]:
    """The kinds of a file of texts. Raises ValueError for a sentence above the first heading."""
    kinds: list[Kind] = []
    for line in text.splitlines():
        if not line or line.startswith("# "):
            continue
        if line.startswith("[") and line.endswith("]") and "{" not in line:
            kinds.append(Kind(line[1:-1], [], {}))
        elif not kinds:
            raise ValueError(f"no heading above: {line[:60]}")
        elif found := _VARIABLE.match(line):
            kinds[-1].variables[found[1]] = found[2].split("|")
        else:
            kinds[-1].sentences.append(line)
    return kinds


def written(sentence: str, variables: dict[str, str], chance: Chance) -> str:
    """A sentence with its choices made."""
    for name, value in variables.items():
        sentence = sentence.replace(f"${name}", value)
    while (found := _CHOICE.search(sentence)) is not None:
        sentence = sentence[: found.start()] + chance.choice(found[1].split("|")) + sentence[found.end() :]
    return sentence


def composed(kind: Kind, language: str, chance: Chance) -> str:
    """A text of one kind: some of its sentences, in a random order."""
    variables = {name: chance.choice(values) for name, values in kind.variables.items()}
    wanted = chance.between(2, 9)
    lines = [written(chance.choice(kind.sentences), variables, chance) for _ in range(wanted)]
    between = " " if language in ("en", "ru") else ""
    if kind.name in _ON_LINES:
        between = chance.choice(["\n", " "])
    return between.join(lines)


def texts_of(side: str, language: str, count: int) -> list[str]:
    """`count` texts of the kinds of one side ("bad" or "good"), as many of each."""
    kinds = kinds_of((TEXTS / f"{language}_{side}.txt").read_text(encoding="utf-8"))
    chance = Chance(side, language)
    return [composed(kinds[number % len(kinds)], language, chance) for number in range(count)]


def stretches(texts: Iterable[str], chance: Chance) -> Iterator[str]:
    """Stretches of the texts; short ones are put together until they are long enough."""
    waiting = ""
    for text in texts:
        if len(text) < STRETCH[0]:
            waiting = f"{waiting} {text}" if waiting else text
            if len(waiting) < 2 * STRETCH[0]:
                continue
            text, waiting = waiting, ""
        for _ in range(1 + min(7, len(text) // 400)):
            length = chance.between(*STRETCH)
            begin = chance.between(0, max(0, len(text) - length))
            yield text[begin : begin + length]


def good_texts(files: Sequence[Path], every: int) -> dict[str, list[str]]:
    """Language → texts of the files' rows, in the order of their hashes; `every` n-th of them."""
    found: dict[str, dict[bytes, str]] = {language: {} for language in LANGUAGES}
    for file in files:
        with (gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                text = row.get("text") or "\n".join(filter(None, (row.get("passage"), row.get("question"))))
                language = (row.get("lang") or "en").lower().partition("-")[0]
                if language in found and len(text) >= 10 and is_learnt(text, every):
                    found[language][seeds.content_digest(text.encode("utf-8", "replace"))] = text
    return {language: [texts[digest] for digest in sorted(texts)] for language, texts in found.items()}


def is_learnt(text: str, every: int) -> bool:
    """Whether a text is among the every n-th that are learnt from."""
    return seeds.derive_seed(0, "spam", "learnt", text) % every == 0


def fitted(
    texts: Sequence[str], bad: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """(weights (BUCKETS,), bias) of the regression on the mean of a text's features, times _GAIN."""
    columns, starts = features(pa.array(texts, pa.large_string()))
    sizes = np.diff(starts)
    rows = np.repeat(np.arange(len(texts)), sizes)
    values = np.repeat(_GAIN / np.maximum(sizes, 1), sizes)
    w, bias = np.zeros(BUCKETS), 0.0
    first, second = np.zeros(BUCKETS + 1), np.zeros(BUCKETS + 1)
    for step in range(1, _STEPS + 1):
        z = np.bincount(rows, values * w[columns], len(texts)) + bias
        error = (1 / (1 + np.exp(-z)) - bad) * weight
        gradient = np.append(np.bincount(columns, values * error[rows], BUCKETS) + _DECAY * w, error.sum())
        first = 0.9 * first + 0.1 * gradient
        second = 0.99 * second + 0.01 * gradient**2
        move = _RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
        w -= move[:-1]
        bias -= float(move[-1])
    return w, bias


def stored(w: NDArray[np.float64], bias: float) -> dict[str, NDArray[np.generic]]:
    """The weights as int8, and what their mean is multiplied by."""
    unit = float(np.quantile(np.abs(w[w != 0]), 0.999)) / 127
    return {
        "weights": np.clip(np.rint(w / unit), -127, 127).astype(np.int8),
        "scale": np.array(unit * _GAIN),
        "bias": np.array(bias + _SHIFT),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("good", nargs="+", type=Path, help="JSONL of good texts")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(spam_score.__file__).with_name("model.npz"))
    options = parser.parse_args()
    texts: list[str] = []
    bad: list[bool] = []
    weights: list[float] = []
    for language, whole in good_texts(options.good, options.every).items():
        chance = Chance("stretches", language)
        whole = chance.shuffled(whole)
        sides = (
            (True, texts_of("bad", language, BAD_TEXTS[language]), 0.5),
            (False, list(stretches(whole, chance))[:MOST_GOOD], 0.35),
            (False, texts_of("good", language, NEAR_TEXTS[language]), 0.15),
        )
        for is_bad, side, share in sides:
            texts += side
            bad += [is_bad] * len(side)
            weights += [share / max(1, len(side)) / len(LANGUAGES)] * len(side)
        print(language, *(len(side) for _, side, _ in sides))
    w, bias = fitted(texts, np.array(bad), np.array(weights))
    np.savez_compressed(options.output, **stored(w, bias))  # type: ignore[arg-type]
    print(f"{options.output}: {options.output.stat().st_size:,} bytes, {np.count_nonzero(w):,} features")


if __name__ == "__main__":
    main()
