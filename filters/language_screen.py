"""Whether a page is surely in a language that nobody wants, told from its plain text before its main text is looked for.

Sure: the page's language, seen through WINDOWS times as many windows as identify a document, is none that is wanted, its
score is at least `confidence`, and no single window is in a wanted language with a score of LEAST or more: what an extractor
finds in a page can be the one paragraph that is in another language than the rest. A page without letters is not screened.
Cost: twice that of `filters.language`, 0.4 ms.
"""

import dataclasses
from pathlib import Path

from filters.language import UNDETERMINED, LanguageModel, sample_windows

VERSION = 2

WINDOWS = 2
LEAST = 0.3


@dataclasses.dataclass(frozen=True)
class LanguageScreen:
    """The screen of one recipe; called with a page's plain text, it says what it is in where that is not wanted."""

    model: Path
    wanted: frozenset[str]
    confidence: float
    windows: int
    window_characters: int

    def __call__(self, plain: str) -> str | None:
        text = plain.strip()
        if not text:
            return None
        windows = sample_windows(text, WINDOWS * self.windows, self.window_characters)
        found, *each = LanguageModel(self.model).identify(
            [" ".join(windows), *windows], windows=len(windows), window_characters=self.window_characters + 1
        )
        if found.language in self.wanted or found.language == UNDETERMINED or found.score < self.confidence:
            return None
        if any(window.language in self.wanted and window.score >= LEAST for window in each):
            return None
        return f"{found.language} {found.score:.3f}"
