"""Whether a page is surely in none of the wanted languages, told from the text between its tags, before any parse.

Seen through WINDOWS windows of WINDOW_CHARACTERS, spread evenly: small ones, because what an extractor finds in a page can
be the one paragraph that is in another language than the rest. Sure: at least `confidence` of the model's probability, by
letters, is outside the wanted languages; no window is in a wanted language with a score of LEAST or more; and none is mostly
in a script that gives a wanted language away. Which of the unwanted languages it is need not be sure. A page with fewer
than LEAST_LETTERS letters in its windows is not screened.

Cost: 0.2 ms, and 0.1 ms where the first windows show a wanted language. What it loses and finds: docs/extraction.md.
"""

import dataclasses
import html
from pathlib import Path

from filters.language import LanguageModel, Window, sample_windows

VERSION = 3

WINDOWS = 12
WINDOW_CHARACTERS = 100
LEAST = 0.3
LEAST_LETTERS = 30
#: Every so many windows are looked at first: most pages in a wanted language show it there.
_STRIDE = 4


@dataclasses.dataclass(frozen=True)
class LanguageScreen:
    """The screen of one recipe; called with the text between a page's tags, it says what else it is in, or None."""

    model: Path
    wanted: frozenset[str]
    confidence: float

    def __call__(self, text: str) -> str | None:
        windows = sample_windows(text.strip(), WINDOWS, WINDOW_CHARACTERS)
        windows = [html.unescape(window).replace("\n", " ") for window in windows]  # fastText takes a line
        model = LanguageModel(self.model)
        seen: list[Window] = []
        for part in (windows[::_STRIDE], [window for at, window in enumerate(windows) if at % _STRIDE]):
            found = model.look_at(part)
            if any(self._wants(window) for window in found):
                return None
            seen += found
        letters = sum(window.letters for window in seen)
        wanted = sum(
            window.letters * share
            for window in seen
            for language, share in window.probabilities.items()
            if language in self.wanted
        )
        if letters < LEAST_LETTERS or 1 - wanted / letters < self.confidence:
            return None
        by_language: dict[str, int] = {}
        for window in seen:
            by_language[window.language] = by_language.get(window.language, 0) + window.letters
        commonest = min(by_language, key=lambda language: (-by_language[language], language))
        return f"mostly {commonest}; outside the wanted languages {1 - wanted / letters:.3f}"

    def _wants(self, window: Window) -> bool:
        return (window.language in self.wanted and window.score >= LEAST) or not self.wanted.isdisjoint(
            window.of_script
        )
