"""Phrases that mark a line: javascript, a policy, filler text. Found in one pass over the line's code points.

Called by the kernels of signals; pure. ASCII case is ignored, nothing else is. The phrases are C4's (Raffel et al. 2020,
section 2.2, and `c4_utils.py` of TFDS for the policies). Cost: one comparison a character, more where a phrase's first
letter stands.
"""

import numpy as np

from corpus.text.segmentation import Int64s, UInt32s, kernel

_PHRASES = (
    "javascript",
    "lorem ipsum",
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)  # lower case; the third and later are C4's policy phrases
#: Places of `count_phrases` in its answer.
JAVASCRIPT, LOREM_IPSUM, POLICY = 0, 1, 2
_POINTS = np.array([ord(c) for phrase in _PHRASES for c in phrase], dtype=np.uint32)
_STARTS = np.cumsum([0, *map(len, _PHRASES)], dtype=np.int64)
_BEGINS = np.isin(np.arange(128), [ord(phrase[0]) for phrase in _PHRASES])


@kernel
def _ascii_lower(point: np.uint32) -> np.uint32:
    return np.uint32(point + np.uint32(32)) if 65 <= point <= 90 else point


@kernel
def _has_phrase(points: UInt32s, begin: int, end: int, phrase: int) -> bool:
    first, stop = _STARTS[phrase], _STARTS[phrase + 1]
    if end - begin < stop - first:
        return False
    for k in range(stop - first):  # noqa: SIM110 - Numba has no generators in all()
        if _ascii_lower(points[begin + k]) != _POINTS[first + k]:
            return False
    return True


@kernel
def count_phrases(points: UInt32s, begin: int, end: int, counts: Int64s) -> None:
    """Sets `counts` (3,) to the occurrences of each kind of phrase in points[begin:end]."""
    counts[:] = 0
    for i in range(begin, end):
        point = _ascii_lower(points[i])
        if point >= 128 or not _BEGINS[point]:
            continue
        for phrase in range(len(_STARTS) - 1):
            if _has_phrase(points, i, end, phrase):
                counts[min(phrase, POLICY)] += 1
