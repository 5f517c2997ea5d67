"""A small language model from real sentences, written as an ARPA file, and what such a file says, read in plain Python.

Absolute discounting, each order interpolated with the one below: enough to be a model with back-off. The reader follows
the format's own rule: p(w | h) stands there, or it is backoff(h) · p(w | h without its first word).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

Gram = tuple[str, ...]
DISCOUNT = 0.5


def write_arpa(path: Path, sentences: Iterable[Sequence[str]], order: int = 3) -> None:
    """A model of sentences of tokens."""
    counts: list[Counter[Gram]] = [Counter() for _ in range(order)]
    for sentence in sentences:
        words = ("<s>", *sentence, "</s>")
        for n in range(1, order + 1):
            counts[n - 1].update(tuple(words[at : at + n]) for at in range(len(words) - n + 1))
    words = {gram: number for gram, number in counts[0].items() if gram != ("<s>",)}
    total, vocabulary = sum(words.values()), {*words, ("<unk>",)}
    rest = DISCOUNT * len(words) / total / len(vocabulary)
    probabilities = {gram: max(words.get(gram, 0) - DISCOUNT, 0) / total + rest for gram in vocabulary}
    backoffs: dict[Gram, float] = {}
    for n in range(2, order + 1):
        after: defaultdict[Gram, dict[Gram, int]] = defaultdict(dict)
        for gram, number in counts[n - 1].items():
            after[gram[:-1]][gram] = number
        for history, grams in after.items():
            seen = sum(grams.values())
            backoffs[history] = DISCOUNT * len(grams) / seen
            for gram, number in grams.items():
                probabilities[gram] = (number - DISCOUNT) / seen + backoffs[history] * probabilities[gram[1:]]
    log = {gram: math.log10(value) for gram, value in probabilities.items()} | {("<s>",): -99.0}
    lines = ["\\data\\", *(f"ngram {n}={sum(len(g) == n for g in log)}" for n in range(1, order + 1))]
    for n in range(1, order + 1):
        lines += ["", f"\\{n}-grams:"]
        for gram in sorted(gram for gram in log if len(gram) == n):
            backoff = f"\t{math.log10(backoffs.get(gram, 1)):.7f}" if n < order else ""
            lines.append(f"{log[gram]:.7f}\t{' '.join(gram)}{backoff}")
    path.write_text("\n".join([*lines, "", "\\end\\", ""]), encoding="utf-8")


class ArpaModel:
    """What an ARPA file says."""

    def __init__(self, path: Path) -> None:
        self._log: dict[Gram, float] = {}
        self._backoff: dict[Gram, float] = {}
        for line in path.read_text(encoding="utf-8").split("\n"):
            if "\t" in line:
                value, words, *backoff = line.split("\t")
                gram = tuple(words.split(" "))
                self._log[gram] = float(value)
                self._backoff[gram] = float(backoff[0]) if backoff else 0.0
        self.order = max(map(len, self._log))
        self.words = sorted(gram[0] for gram in self._log if len(gram) == 1)

    def log10(self, tokens: Sequence[str]) -> float:
        """log10 p(tokens, end of sentence | beginning of sentence)."""
        known = [token if (token,) in self._log else "<unk>" for token in tokens]
        words = ("<s>", *known, "</s>")
        return sum(self._of(words[max(0, at + 1 - self.order) : at + 1]) for at in range(1, len(words)))

    def _of(self, gram: Gram) -> float:
        if gram in self._log:
            return self._log[gram]
        return self._backoff.get(gram[:-1], 0.0) + self._of(gram[1:])

    def perplexity(self, lines: Iterable[Sequence[str]]) -> float:
        """Of the lines of a text that have tokens, as CCNet has it."""
        full = [line for line in lines if line] or [[]]
        return 10 ** (-sum(map(self.log10, full)) / sum(len(line) + 1 for line in full))
