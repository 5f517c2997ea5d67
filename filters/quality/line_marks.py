"""What marks a line: phrases of code, policies, filler text and boilerplate, separators of menus, URLs, list marks.

Called by the kernels of signals on a line's code points; pure. One walk over the line: two neighbouring characters are
looked up in a table of the pairs that phrases begin with, and only there phrases are compared. ASCII case is ignored,
nothing else is. Cost: about 1 ns a character.

Policies and filler text are C4's (Raffel et al. 2020, section 2.2, and `c4_utils.py` of TFDS for the policies). Boilerplate
phrases, separators and list marks are ours: what pages of many sites have around their text, in the languages of most of
the web's pages.
"""

import numpy as np

from corpus.unicode.code_points import DIGIT, SPACE
from corpus.unicode.segmentation import Int64s, UInt16s, UInt32s, kernel

#: Places in the counts of `count_marks`.
JAVASCRIPT, LOREM_IPSUM, POLICY, BOILERPLATE, URL, SEPARATOR = range(6)
KINDS = 6

_PHRASES = {
    JAVASCRIPT: ("javascript",),
    LOREM_IPSUM: ("lorem ipsum",),
    POLICY: ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"),
    BOILERPLATE: (
        "all rights reserved",
        "skip to content",
        "skip to main content",
        "back to top",
        "powered by",
        "share this",
        "read more",
        "click here",
        "log in",
        "sign in",
        "sign up",
        "alle rechte vorbehalten",
        "tous droits réservés",
        "todos los derechos reservados",
        "todos os direitos reservados",
        "все права защищены",
        "版权所有",
        "版權所有",
        "返回顶部",
        "回到顶部",
        "上一篇",
        "下一篇",
        "责任编辑",
        "免责声明",
        "icp备",
        "無断転載",
        "ページの先頭",
        "무단전재",
    ),
    URL: ("http://", "https://", "ftp://", "www."),
}
_SEPARATORS = "|｜¦»›▸►•·"
_BULLETS = "-*+•‣⁃◦▪▫●○■□◆◇►▶·・※–—"
_MOST_LIST_DIGITS = 3
_BEHIND_LIST_NUMBER = ".)、．）:"

# A character's key has seven bits, its low ones after ASCII lower case: rare false pairs are settled by comparing.
_LOW = 0x7F
_MAY_SEPARATE = 0x80
_KEYS = np.array([code + 32 if 65 <= code <= 90 else code for code in range(128)], dtype=np.uint8)


def _pair(phrase: str) -> int:
    return int(_KEYS[ord(phrase[0]) & _LOW]) << 7 | int(_KEYS[ord(phrase[1]) & _LOW])


_LIST = sorted(
    ((kind, phrase) for kind, phrases in _PHRASES.items() for phrase in phrases), key=lambda item: _pair(item[1])
)
_KIND_OF = np.array([kind for kind, _ in _LIST])
_POINTS = np.array([ord(c) for _, phrase in _LIST for c in phrase], dtype=np.uint32)
_STARTS = np.cumsum([0, *(len(phrase) for _, phrase in _LIST)], dtype=np.int64)
#: Pair of keys → 1 + the first phrase that begins with it, 0 where none does; the others stand behind it.
_FIRST = np.zeros(128 * 128, dtype=np.uint8)
for _number, (_, _phrase) in reversed(list(enumerate(_LIST, start=1))):
    _FIRST[_pair(_phrase)] = _number
_PAIR_OF = np.array([_pair(phrase) for _, phrase in _LIST])
#: A key, and whether it may be a separator's.
_MARKED_KEYS = np.array(
    [key | (_MAY_SEPARATE if key in {int(_KEYS[ord(c) & _LOW]) for c in _SEPARATORS} else 0) for key in _KEYS.tolist()],
    dtype=np.uint8,
)
_SEPARATOR_POINTS = np.array([ord(c) for c in _SEPARATORS], dtype=np.uint32)
_BULLET_POINTS = np.array([ord(c) for c in _BULLETS], dtype=np.uint32)
_BEHIND_POINTS = np.array([ord(c) for c in _BEHIND_LIST_NUMBER], dtype=np.uint32)
_IN_URL = np.array([33 <= code < 127 and chr(code) not in '"<>\\^`{|}' for code in range(128)])
_ENDS_NO_URL = np.isin(np.arange(128), [ord(c) for c in ".,;:!?)'*"])


@kernel
def _is_among(point: np.uint32, points: UInt32s) -> bool:
    for other in points:  # noqa: SIM110 - Numba has no generators in any()
        if point == other:
            return True
    return False


@kernel
def _has_phrase(points: UInt32s, begin: int, end: int, phrase: int) -> bool:
    first, stop = _STARTS[phrase], _STARTS[phrase + 1]
    if end - begin < stop - first:
        return False
    for k in range(stop - first):
        point = points[begin + k]
        if (point if point >= 128 else _KEYS[point]) != _POINTS[first + k]:
            return False
    return True


@kernel
def _url_end(points: UInt32s, begin: int, end: int) -> int:
    """Behind the URL that begins at `begin`: characters that a URL may have, without the punctuation behind it."""
    stop = begin
    while stop < end and points[stop] < 128 and _IN_URL[points[stop]]:
        stop += 1
    while stop > begin and _ENDS_NO_URL[points[stop - 1]]:
        stop -= 1
    return stop


@kernel
def _is_ascii_letter_or_digit(point: np.uint32) -> bool:
    return bool(48 <= point <= 57 or 65 <= point <= 90 or 97 <= point <= 122)


@kernel
def count_marks(points: UInt32s, begin: int, end: int, counts: Int64s) -> None:
    """Sets `counts` (KINDS,) to the occurrences of each kind in points[begin:end]; of URLs, to their characters."""
    counts[:] = 0
    after_url = begin
    before = 0  # key of the character before, 0 at the front
    for i in range(begin, end):
        key = _MARKED_KEYS[points[i] & _LOW]
        if key & _MAY_SEPARATE and _is_among(points[i], _SEPARATOR_POINTS):
            counts[SEPARATOR] += 1
        pair = before << 7 | (key & _LOW)
        before = key & _LOW
        if _FIRST[pair] == 0 or i == begin:
            continue
        for phrase in range(_FIRST[pair] - 1, len(_KIND_OF)):
            if _PAIR_OF[phrase] != pair:
                break
            if not _has_phrase(points, i - 1, end, phrase):
                continue
            kind = _KIND_OF[phrase]
            if kind != URL:
                counts[kind] += 1
            elif i - 1 >= after_url and (i - 1 == begin or not _is_ascii_letter_or_digit(points[i - 2])):
                after_url = _url_end(points, i - 1, end)
                counts[URL] += after_url - (i - 1)


@kernel
def begins_list(points: UInt32s, flags: UInt16s, first: int, end: int) -> bool:
    """Whether a line, from its first character that is not white space on, begins with a bullet and a blank, or with a
    number of up to three digits and one of `.)、:` and a blank (no blank is wanted behind a wide mark)."""
    if first + 1 < end and flags[first + 1] & SPACE and _is_among(points[first], _BULLET_POINTS):
        return True
    i = first
    while i < end and flags[i] & DIGIT and i - first < _MOST_LIST_DIGITS:
        i += 1
    if i in (first, end) or not _is_among(points[i], _BEHIND_POINTS):
        return False
    return bool(points[i] >= 128 or (i + 1 < end and flags[i + 1] & SPACE != 0))
