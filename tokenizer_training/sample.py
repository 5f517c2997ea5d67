"""Which documents a tokenizer is trained on: a sample by identity, weighted by language.

A document is in the sample when the keyed hash of its `key` lies below its language's threshold, so the sample does not
depend on order, work items or workers, and a larger budget's sample contains a smaller one's.
"""

from collections.abc import Mapping
from fractions import Fraction

from corpus.seeds import keyed_hash

HASHES = 1 << 64


def sampling_thresholds(
    bytes_by_language: Mapping[str, int], *, budget_bytes: int, weights: Mapping[str, float]
) -> dict[str, int]:
    """Threshold of each language, 0 to 2^64: the share of its documents that is drawn, times 2^64.

    Shares of the budget follow `weights` (renormalised over the languages that have text; without weights, the text
    itself). A language with less text than its share gives all it has; its rest is not handed to others.
    """
    present = {language: size for language, size in sorted(bytes_by_language.items()) if size > 0}
    if weights:
        given = {language: Fraction(repr(weights.get(language, weights.get("*", 0.0)))) for language in present}
    else:
        given = {language: Fraction(size) for language, size in present.items()}
    total = sum(given.values(), start=Fraction(0))
    if not total:
        return dict.fromkeys(present, 0)
    return {
        language: min(HASHES, int(budget_bytes * given[language] / total / size * HASHES))
        for language, size in present.items()
    }


def in_sample(key: bytes, *, seed: int, threshold: int) -> bool:
    """Whether the document with this key is drawn."""
    return keyed_hash(seed, key) < threshold
