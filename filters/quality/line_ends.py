"""How a short line ends: as a sentence does, as speech and verse do, or as a title, menu entry or list item.

Called by the kernels of signals on a line's code points and flags; pure. Cost: a few characters of a short line's end, and in
Chinese one walk over it.

ours: what is a *fragment*, since lists of links and menus are what lines without an end mark mostly are in scripts without spaces.
Poems, songs and blogs have such lines too, so a line may speak instead: it has a character that titles seldom have (zh) or ends
with a particle or an ending of a verb (ja). Of 200 titles of Chinese and Japanese news and documentation one in ten does; of the
lines of modern verse half.
"""

import numpy as np

from corpus.unicode.code_points import CJK, SPACE, TERMINAL
from corpus.unicode.segmentation import SYMBOLIC, UInt16s, UInt32s, is_among, kernel


def _sorted_points(characters: str) -> UInt32s:
    return np.array(sorted(ord(character) for character in characters), dtype=np.uint32)


#: What ends a line in feeling: hearts, notes, stars, waves; emoji besides.
_FEELINGS = _sorted_points("♡♥♪♫♬☆★❤☺〜～」』")
_FIRST_EMOJI, _LAST_EMOJI = 0x1F300, 0x1FAFF
_VARIATION = 0xFE0F
#: (笑) and its like.
_LAUGHS = _sorted_points("笑汗泣涙爆照")
#: Aspect, persons, modal particles and adverbs of speech.
_CHINESE_VOICE = _sorted_points("了着過过我你您他她它们們吗嗎呢吧啊呀哟嗨嘛把就也还還没沒很")
#: Particles and endings at a line's end.
_JAPANESE_ENDINGS = _sorted_points("たるてだいよねなくもがはをにでとうすみまり")
_FIRST_KANA, _LAST_KANA = 0x3041, 0x30FF
_FEWEST_SPOKEN = 4


@kernel
def ends_sentence(points: UInt32s, flags: UInt16s, first: int, last: int) -> bool:
    """Whether a line ends with a sentence-end mark or a sign of feeling, other punctuation, symbols and white space behind it
    looked through; a closing quote of Japanese and a laugh in brackets are such signs."""
    while (
        last > first and (flags[last] & (SYMBOLIC | SPACE) or points[last] == _VARIATION) and not flags[last] & TERMINAL
    ):
        if is_among(points[last], _FEELINGS) or _FIRST_EMOJI <= points[last] <= _LAST_EMOJI:
            return True
        if flags[last] & SYMBOLIC and last - 1 > first and is_among(points[last - 1], _LAUGHS):
            return True
        last -= 1
    return bool(flags[last] & TERMINAL)


@kernel
def speaks(points: UInt32s, flags: UInt16s, first: int, last: int) -> bool:
    """Whether a short Chinese or Japanese line speaks as a sentence does, without an end mark."""
    if last - first + 1 < _FEWEST_SPOKEN:
        return False
    for i in range(first, last + 1):
        if _FIRST_KANA <= points[i] <= _LAST_KANA:
            while last > first and not flags[last] & CJK:
                last -= 1
            return is_among(points[last], _JAPANESE_ENDINGS)
    for i in range(first, last + 1):  # noqa: SIM110 - Numba has no generators in any()
        if is_among(points[i], _CHINESE_VOICE):
            return True
    return False
