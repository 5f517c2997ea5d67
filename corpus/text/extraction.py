"""Pages → text: screens, charset, main text. Every page comes out as text or as a Loss with its reason; nothing is raised."""

from corpus.reasons import Reason
from corpus.sources.records import Limits, Loss, Page
from corpus.text.charset import decode_page
from corpus.text.main_text import main_text
from corpus.text.screens import PLAIN_TYPES, loss_of, screen

VERSION = 2


def extract_page(page: Page, limits: Limits) -> str | Loss:
    """The page's main text, or why there is none."""
    screened = screen(page, limits)
    if screened is not None:
        return screened
    html, _ = decode_page(page.body, page.charset)
    if page.content_type in PLAIN_TYPES:
        text: str | None = html
    else:
        try:
            text = main_text(html)
        except (Exception, RecursionError) as error:  # whatever a page does to a parser is that page's loss alone
            line = str(error).partition("\n")[0][:150]
            return loss_of(page, Reason.EXTRACTION_ERROR, f"{type(error).__name__}: {line}")
    return clean(text or "") or loss_of(page, Reason.NO_TEXT, "nothing but boilerplate")


def clean(text: str) -> str:
    """Text that UTF-8 can hold, without white space at its ends."""
    if not text.isascii():
        # A lone surrogate, which an escape in HTML or JSON can make, is no UTF-8.
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text.replace("\r\n", "\n").replace("\0", "").strip()
