"""Pages → text: screens, charset, mojibake, main text, normal form. Every page comes out as text or as a Loss with its reason; nothing is raised.

What an answer depends on after the screens of status and size is the payload (charset, content type, opt-outs of the header,
body) alone, so a payload that a `PayloadCache` has seen is not extracted again.
"""

import dataclasses
import hashlib
from collections import OrderedDict
from collections.abc import Callable

from corpus.pages.charset import decode_page
from corpus.pages.embedded_article import embedded_article
from corpus.pages.extractor_process import IN_PROCESS, Extractor
from corpus.pages.main_text import Failure, MainText
from corpus.pages.marks import PLAIN, Form, render
from corpus.pages.markup import text_of_markup
from corpus.pages.opt_out import asks_of
from corpus.pages.screens import is_markup, kind_of, loss_of, screen, too_much_markup
from corpus.reasons import Reason
from corpus.sources.records import Limits, Loss, Page
from corpus.text.line_rules import NOTHING_EDITED, LineRules
from corpus.text.mojibake import repair
from corpus.text.normalisation import DEFAULT, Normalisation, normalise

VERSION = 8

CACHE_BYTES = 64 << 20
#: What an entry costs beside its text.
_ENTRY_BYTES = 300


class PayloadCache:
    """Answers for payloads seen before, the least recently used forgotten first; bounded in bytes of text."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self.hits = 0
        self._max_bytes, self._bytes = max_bytes, 0
        self._answers: OrderedDict[bytes, MainText | Failure] = OrderedDict()

    @staticmethod
    def key(page: Page) -> bytes:
        header = repr((page.charset, page.content_type, page.opt_outs))
        digest = hashlib.blake2b(header.encode("utf-8", "surrogatepass"), digest_size=16)
        digest.update(page.body)
        return digest.digest()

    def get(self, key: bytes) -> MainText | Failure | None:
        found = self._answers.get(key)
        if found is not None:
            self.hits += 1
            self._answers.move_to_end(key)
        return found

    def put(self, key: bytes, answer: MainText | Failure) -> None:
        self._answers[key] = answer
        self._bytes += _cost(answer)
        while self._bytes > self._max_bytes:
            _, forgotten = self._answers.popitem(last=False)
            self._bytes -= _cost(forgotten)


def _cost(answer: MainText | Failure) -> int:
    return _ENTRY_BYTES + (4 * sum(map(len, filter(None, answer))) if isinstance(answer, MainText) else 0)


@dataclasses.dataclass(frozen=True)
class PageWork:
    """How pages of one source are extracted, and what keeps them from it. None is off."""

    extractor: Extractor = IN_PROCESS
    max_nodes: int | None = None
    max_depth: int | None = None
    #: The text between a page's tags, UTF-8 → why its language is not wanted, or None.
    language_screen: Callable[[bytes], str | None] | None = None
    cache: PayloadCache | None = None
    repair_mojibake: bool = True
    #: How the marked text of an extractor is written.
    form: Form = PLAIN
    normalisation: Normalisation = DEFAULT
    #: Applied to texts in normal form, by who reads them: what they remove is counted there.
    line_rules: LineRules = NOTHING_EDITED


EVERYTHING = PageWork()


def extract_page(page: Page, limits: Limits, work: PageWork = EVERYTHING) -> MainText | Loss:
    """The page's main text and what it says about itself, or why there is none."""
    screened = screen(page, limits)
    if screened is not None:
        return screened
    key = work.cache.key(page) if work.cache is not None else b""
    found = work.cache.get(key) if work.cache is not None else None
    if found is None:
        found = _extract(page, work)
        if work.cache is not None:
            work.cache.put(key, found)
    return loss_of(page, found.reason, found.detail) if isinstance(found, Failure) else found


def _extract(page: Page, work: PageWork) -> MainText | Failure:
    """A function of the payload alone."""
    html, _ = decode_page(page.body, page.charset)
    if work.repair_mojibake:
        # Before the parser, which drops some of the characters that it is told by, and the screen of languages.
        html = repair(html)
    plain = kind_of(page) == "text"
    found: MainText | Failure | None
    found = MainText(html) if plain else _screened(html, work) or work.extractor.main_text(html)
    if isinstance(found, Failure):
        return found
    if found is None and not is_markup(html):
        # Plain text that was sent as HTML, which extractors refuse.
        found, plain = MainText(html), True
    text = ""
    if found is not None:
        text = clean(found.text, work) if plain else clean_marked(found.text, work)
    article = None if plain else embedded_article(html, text)
    if article is not None:
        inner = work.extractor.main_text(article)
        if isinstance(inner, MainText) and len(inner.text) > len(text):
            found = inner if found is None else found._replace(text=inner.text)
            text = clean_marked(inner.text, work)
    if found is None or not text:
        return Failure(Reason.NO_TEXT, "nothing but boilerplate")
    return found._replace(text=text, opt_outs=asks_of(page.opt_outs, "" if plain else html))


def _screened(html: str, work: PageWork) -> Failure | None:
    if work.max_nodes is not None and work.max_depth is not None:
        much = too_much_markup(html, max_nodes=work.max_nodes, max_depth=work.max_depth)
        if much is not None:
            return Failure(*much)
    if work.language_screen is not None:
        why = work.language_screen(text_of_markup(html.encode("utf-8", "replace")))
        if why is not None:
            return Failure(Reason.LANGUAGE_SCREENED, why)
    return None


def clean_marked(text: str, work: PageWork = EVERYTHING) -> str:
    """Marked text (corpus.pages.marks) in its form: prose in normal form, code as it stands but for what UTF-8 cannot hold."""
    gap = "\n\n" if work.form.markup == "markdown" else "\n"
    pieces = render(text, work.form)
    cleaned = (storable(piece.text) if piece.is_code else clean(piece.text, work) for piece in pieces)
    return gap.join(filter(None, cleaned))


def storable(text: str) -> str:
    """Text that UTF-8 can hold, with line feeds alone and without NUL."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def clean(text: str, work: PageWork = EVERYTHING) -> str:
    """Text that UTF-8 can hold, in normal form; without NUL whatever that form is, since no tokenizer holds it."""
    if not text.isascii():
        # A lone surrogate, which an escape in HTML or JSON can make, is no UTF-8.
        text = text.encode("utf-8", "replace").decode("utf-8")
        if work.repair_mojibake:
            # Of a page, what its character references spelled.
            text = repair(text)
    return normalise(text.replace("\0", ""), work.normalisation)
