"""Whether a page is surely in none of the wanted languages, told from the text between its tags, before any parse.

What decides about a document is the text that is extracted, some of the page's blocks: not the menus around them, and not a
sentence in another language. So of the lines of `corpus.pages.markup.text_of_markup`, a block each and none of them half links,
WINDOWS places are looked at, evenly spread over the bytes: at each up to WINDOW_BYTES of the line that it falls in, so that
no window mixes two blocks. Bytes, since a letter of Han says as much as three of Latin. A window's share in the wanted
languages is the model's probability of them, or 1 or 0 where most of its letters are of a script that gives them away.

Sure: at least `confidence` of the windows' mean share lies outside the wanted languages, and the longest line, which may be
all that is extracted, is not in one of them. Which of the unwanted languages it is need not be sure. A page with fewer than
LEAST_LETTERS letters in its windows is not screened.

Cost: 0.2 ms where scripts tell, else up to 0.5; 0.1 for most pages in a wanted language. What it loses and finds:
docs/extraction.md.
"""

import dataclasses
import html
from collections import Counter
from pathlib import Path

from filters.language.identification import LanguageModel

VERSION = 4

WINDOWS = 24
WINDOW_BYTES = 150
#: Of a text that is shorter than all windows, one for so many bytes is enough.
_LEAST_BYTES = 30
LEAST_LETTERS = 30
#: A longest line whose share in the wanted languages is so high is in one.
_LONGEST_SHARE = 0.5
#: What an English window counts where English is not wanted: code and menus are English on pages of every language.
_ENGLISH = 0.5


@dataclasses.dataclass(frozen=True)
class LanguageScreen:
    """The screen of one recipe; called with the text between a page's tags, UTF-8, it says what else it is in, or None."""

    model: Path
    wanted: frozenset[str]
    confidence: float

    def __call__(self, text: bytes) -> str | None:
        model = LanguageModel(self.model)
        longest = max(text.splitlines(), key=len, default=b"")
        (first,) = model.look_at([_window(longest, len(longest) // 2)], self.wanted)
        if first.share >= _LONGEST_SHARE:
            return None
        windows = [window for window in model.look_at(_windows(text), self.wanted) if window.letters]
        if sum(window.letters for window in windows) < LEAST_LETTERS:
            return None
        weights = [1.0 if "en" in self.wanted or window.language != "en" else _ENGLISH for window in windows]
        inside = sum(weight * window.share for weight, window in zip(weights, windows, strict=True))
        outside = 1 - inside / sum(weights)
        if outside < self.confidence:
            return None
        languages = Counter(window.language for window in windows)
        commonest = min(languages, key=lambda language: (-languages[language], language))
        return f"mostly {commonest}; outside the wanted languages {outside:.3f}"


def _windows(text: bytes) -> list[str]:
    windows = min(WINDOWS, -(-len(text) // _LEAST_BYTES))
    return [_window(text, (2 * number + 1) * len(text) // (2 * windows)) for number in range(windows)]


def _window(text: bytes, place: int) -> str:
    """At most WINDOW_BYTES of the line around a place, as near to its middle as the line's ends allow."""
    begin = text.rfind(b"\n", 0, place) + 1
    end = text.find(b"\n", place)
    end = len(text) if end < 0 else end
    begin = max(begin, min(place - WINDOW_BYTES // 2, end - WINDOW_BYTES))
    piece = text[begin : min(begin + WINDOW_BYTES, end)].decode("utf-8", "ignore")  # its ends may cut a character
    return html.unescape(piece).replace("\n", " ")  # fastText takes a line
