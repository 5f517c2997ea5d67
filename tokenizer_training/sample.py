"""Which text a tokenizer is trained on: a sample by identity, weighted by language.

Text is drawn by stretches of some two thousand characters, not by documents: a language whose text lies in three large documents
gets its share too. A stretch is in the sample when the keyed hash of its document's `key` and its number lies below the language's
threshold, so the sample does not depend on order, work items or workers, and a larger budget's sample contains a smaller one's.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from corpus.seeds import keyed_hash

#: Part of the fingerprint of train-tokenizer: raise it when the same settings draw other text.
VERSION = 1

HASHES = 1 << 64

#: Characters of a stretch at most: a share of a megabyte is hundreds of them.
STRETCH_CHARACTERS = 2048

#: A language that should get fewer bytes is left alone: so few stretches are as many as chance has it.
LEAST_AIM_BYTES = 256 << 10


def aims(bytes_by_language: Mapping[str, int], *, budget_bytes: int, weights: Mapping[str, float]) -> dict[str, int]:
    """Bytes of the sample that each language should get, at most what it has.

    Shares of the budget follow `weights` (renormalised over the languages that have text; without weights, the text
    itself). A language with less text than its share gives all it has; its rest is not handed to others.
    """
    return {
        language: min(size, int(share))
        for language, (size, share) in _shares(bytes_by_language, budget_bytes, weights).items()
    }


def sampling_thresholds(
    bytes_by_language: Mapping[str, int], *, budget_bytes: int, weights: Mapping[str, float]
) -> dict[str, int]:
    """Threshold of each language, 0 to 2^64: the share of its text that is drawn (see `aims`), times 2^64."""
    found = _shares(bytes_by_language, budget_bytes, weights)
    return {language: min(HASHES, int(share / size * HASHES)) for language, (size, share) in found.items()}


def _shares(
    bytes_by_language: Mapping[str, int], budget_bytes: int, weights: Mapping[str, float]
) -> dict[str, tuple[int, Fraction]]:
    """(bytes of text, its share of the budget in bytes) of each language that has text."""
    present = {language: size for language, size in sorted(bytes_by_language.items()) if size > 0}
    if weights:
        given = {language: Fraction(repr(weights.get(language, weights.get("*", 0.0)))) for language in present}
    else:
        given = {language: Fraction(size) for language, size in present.items()}
    total = sum(given.values(), start=Fraction(0)) or Fraction(1)
    return {language: (size, budget_bytes * given[language] / total) for language, size in present.items()}


def starved(aimed: Mapping[str, int], drawn: Mapping[str, int]) -> list[str]:
    """Languages of which less than half of the aim was drawn, sorted."""
    return sorted(
        language for language, aim in aimed.items() if aim >= LEAST_AIM_BYTES and 2 * drawn.get(language, 0) < aim
    )


def drawn_text(key: bytes, text: str, *, seed: int, threshold: int) -> str:
    """The stretches of a document that are drawn, in order, each run of them ending a line; "" where none is.

    Example:
        >>> drawn_text(b"k", "all of it", seed=1, threshold=HASHES)
        'all of it'
    """
    if threshold >= HASHES or not text:
        return text
    runs: list[list[str]] = [[]]
    for number, stretch in enumerate(stretches(text) if threshold > 0 else ()):
        if keyed_hash(seed, key + number.to_bytes(4, "little") if number else key) < threshold:
            runs[-1].append(stretch)
        elif runs[-1]:
            runs.append([])
    return "\n".join("".join(run) for run in runs if run)


def stretches(text: str) -> Iterator[str]:
    """The text in parts of at most STRETCH_CHARACTERS, which end where a line or a word does if one ends in their second half."""
    begin = 0
    while begin < len(text):
        end = begin + STRETCH_CHARACTERS
        if end < len(text):
            middle = begin + STRETCH_CHARACTERS // 2
            end = max(text.rfind("\n", middle, end), text.rfind(" ", middle, end)) + 1 or end
        yield text[begin:end]
        begin = end
