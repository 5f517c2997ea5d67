"""Counts letters of languages for corpus/pages/charset_scores.py, and writes its charset_letters.npz.

    python benchmarks/train_charsets.py ../shared/data/lid/lid.jsonl.gz ../shared/data/text/*.jsonl.gz --output letters.npz

Each line of an input is {"text": …, "lang": …}; the package's own file was made from sentences of lingua-py's test data (Apache-2.0;
Leipzig corpora, CC BY), paragraphs of the Universal Declaration of Human Rights, and documentation of Debian packages. What is
stored are costs of pairs of letters, no text. --part 0 or 1 takes every second text only, for measuring on the others.
"""

import argparse
import collections
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from corpus.pages import charset_scores as scores

#: Characters of a language that are counted at most: beyond it nothing changes.
MOST_CHARACTERS = 1_500_000
#: Pairs are smoothed by so many of what the second letter does on its own.
SMOOTHING = 4.0
#: Of marks that text without markup has lost, a share of all letters.
MARKS = {"\xa0": 2e-3, "©": 2e-4, "®": 5e-5, "™": 5e-5, "»": 1e-3, "«": 1e-3, "–": 1e-3, "—": 1e-3, "’": 2e-3, "“": 1e-3,
         "”": 1e-3, "‘": 2e-4, "…": 5e-4, "·": 5e-4, "•": 5e-4, "„": 5e-4, "€": 2e-4, "°": 2e-4, "№": 2e-4, "§": 1e-4, "×": 1e-4,
         "£": 1e-4, "¿": 1e-4, "¡": 1e-4, "´": 5e-5, "½": 2e-5, "±": 2e-5, "²": 5e-5, "†": 1e-5, "‹": 2e-5, "›": 5e-5, "¶": 5e-4,
         "¤": 1e-6, "¦": 1e-6, "¬": 1e-6, "\xad": 1e-5, "¯": 1e-6}  # fmt: skip

#: Of marks of pages in Chinese, Japanese and Korean.
IDEOGRAPHIC_MARKS = dict.fromkeys("■□◆◇○●◎△▲▽▼☆★※→←↑↓♪♡", 1e-4) | dict.fromkeys("①②③④⑤⑥⑦⑧⑨⑩ⅠⅡⅢⅣ℃㎡㈱〒〜～・", 5e-5)


def texts_by_language(paths: list[Path], part: int | None) -> dict[str, str]:
    """Of each language in scores.LANGUAGES up to MOST_CHARACTERS."""
    found: dict[str, list[str]] = collections.defaultdict(list)
    sizes: collections.Counter[str] = collections.Counter()
    for text, language in _rows(paths):
        name = scores.TRAINED_ON.get(language, language)
        if name not in scores.LANGUAGES or sizes[name] > MOST_CHARACTERS:
            continue
        if part is None or zlib.crc32(text.encode()) % 2 == part:
            found[name].append(text)
            sizes[name] += len(text)
    return {name: "\n".join(found[name]) for name in scores.LANGUAGES}


def _rows(paths: list[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield row["text"], row["lang"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--part", type=int, choices=(0, 1))
    arguments = parser.parse_args()
    texts = texts_by_language(arguments.texts, arguments.part)
    missing = [name for name, text in texts.items() if len(text) < 5_000]
    if missing:
        parser.error(f"hardly any text of {', '.join(missing)}")
    shared: collections.Counter[str] = collections.Counter()
    for text in texts.values():
        shared.update(dict(collections.Counter(each for each in text[:60_000] if each > "\x7f")))
    arrays = {}
    for name, text in texts.items():
        alphabet, costs = costs_of(text, shared, by_kind=name in scores.IDEOGRAPHIC)
        arrays[f"{name}.alphabet"], arrays[f"{name}.costs"] = alphabet, costs
    np.savez_compressed(arguments.output, **arrays)
    print(f"{arguments.output}: {arguments.output.stat().st_size:,} bytes, {len(texts)} languages")


def costs_of(text: str, shared: collections.Counter[str], *, by_kind: bool) -> tuple[np.ndarray, np.ndarray]:
    """(code points, uint8 of (contexts, code points + 1)): costs of a letter after a context, its last column of any other one.

    Contexts are the letters themselves, or with `by_kind` the kinds of letters.
    """
    folded = scores.folded(text)
    letters, counts = np.unique(folded, return_counts=True)
    letters = letters[(counts >= 2) | (letters < 128)]
    shares = MARKS | (IDEOGRAPHIC_MARKS if by_kind else {})
    alphabet = np.unique(np.concatenate([letters, scores.folded("".join(shares)), np.arange(128, dtype=np.uint32)]))
    alphabet = alphabet[np.isin(alphabet, scores.folded("".join(map(chr, range(128))))) | (alphabet >= 128)]
    place = np.searchsorted(alphabet, folded)
    known = (place < len(alphabet)) & (alphabet[np.minimum(place, len(alphabet) - 1)] == folded)
    place = np.where(known, place, len(alphabet))
    contexts = scores.kinds_of(folded) if by_kind else place
    number = scores.KINDS if by_kind else len(alphabet) + 1
    pairs = np.zeros((number, len(alphabet) + 1))
    np.add.at(pairs, (contexts[:-1], place[1:]), 1)
    alone = pairs.sum(axis=0) + 0.01
    total_shared = sum(shared.values())
    own = alone / alone.sum()
    common = np.array([shared[chr(point)] / total_shared for point in alphabet] + [0.0])
    marks = np.array([shares.get(chr(point), 0.0) for point in alphabet] + [0.0])
    single = 0.98 * own + 0.005 * common + marks
    single /= single.sum()
    chance = (pairs + SMOOTHING * single) / (pairs.sum(axis=1, keepdims=True) + SMOOTHING)
    chance = np.maximum(chance, marks)  # a mark stands after anything, in every language
    chance[:, -1] = 1e-6  # any other letter: its kind costs besides
    return alphabet, scores.stored(-np.log(np.maximum(chance, 1e-12)))


if __name__ == "__main__":
    main()
