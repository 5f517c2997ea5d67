"""Words in URLs: whole tokens of host, path and query, and the stems of UT1's `expressions` files.

A URL's tokens are its runs of letters and digits, after percent-decoding, in lower case; characters of scripts that put no
spaces between words (Han, kana, Thai and its neighbours) are a token each. Scheme, user, port and fragment are left out.

A line of a list is a word, or an expression (corpus.urls.url_expressions):

    sex                         a token            not middlesex.example, not /essex/
    hot girls                   tokens in a row    /hot-girls/, /hot_girls.html
    色情                        the same           /免费色情/
    (^|[-_/])(sex|xxx)s?([-_/]|$)
                                tokens, since the expression has separators on both sides
    (pornstar|cumshot)          a stem: it has none, and stands anywhere, as its publisher means it

A stem of fewer than MIN_STEM letters is taken for a token: anywhere, `sex` is in Essex. In scripts without spaces
that stands for every word.

Invariant: depends on the set of words only. Memory: some 100 bytes a word. Cost: some 40 µs a URL, whatever the list's length.
"""

import contextlib
import dataclasses
import functools
import re
from urllib.parse import unquote, urlsplit

from corpus.urls.url_expressions import SEPARATOR, expand, is_expression

MIN_STEM = 6
MAX_URL_CHARACTERS = 4096
MAX_HOST_CHARACTERS = 253  # of DNS
MAX_TOKENS = 16

# Thai to Tibetan, Burmese, Khmer, kana, Han.
_UNSPACED = r"\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def entries_of(line: str) -> frozenset[str]:
    """What a line of a list stands for, each as tokens between separators; without one at its end where it goes on.

    Raises ValueError for a line that stands for nothing, or is none of the syntax.
    """
    line = line.strip()
    if not is_expression(line):
        if not (words := _tokens(line)):
            raise ValueError("a line without a letter or digit")
        return frozenset({_checked(f" {words} ")})
    return frozenset(_checked(_stem_or_word(each)) for each in expand(line))


def _tokens(text: str) -> str:
    return SEPARATOR.join(_TOKEN.findall(text.lower()))


def _stem_or_word(matched: str) -> str:
    """A string that an expression stands for, as an entry."""
    words = _tokens(matched)
    begin, end = matched.startswith(SEPARATOR), matched.endswith(SEPARATOR)
    if len(words.replace(SEPARATOR, "")) < MIN_STEM:
        begin = end = True
    return f"{SEPARATOR * begin}{words}{SEPARATOR * end}"


def _checked(entry: str) -> str:
    if entry.count(SEPARATOR) > MAX_TOKENS:
        raise ValueError(f"more than {MAX_TOKENS} words in a row")
    return entry


@dataclasses.dataclass(frozen=True)
class UrlWords:
    """Entries of any number of lists."""

    entries: frozenset[str] = frozenset()

    def found_in(self, url: str) -> str | None:
        """The first word that the URL holds, else the first stem; None where it holds none."""
        if not self.entries:
            return None
        text = url_tokens(url)
        tokens = text.split(SEPARATOR)[1:-1]
        for length, words in self._words.items():
            for place, token in enumerate(tokens):
                row = token if length == 1 else SEPARATOR.join(tokens[place : place + length])
                if row in words:
                    return row
        if self._stems and not self._stems.keys().isdisjoint(_windows(text)):
            for place, window in enumerate(_windows(text)):
                for stem in self._stems.get(window, ()):
                    if text.startswith(stem, place):
                        return stem.strip(SEPARATOR)
        return None

    @functools.cached_property
    def _words(self) -> dict[int, frozenset[str]]:
        """The tokens in a row, by how many there are."""
        whole = [entry for entry in self.entries if entry[0] == entry[-1] == SEPARATOR]
        lengths = sorted({entry.count(SEPARATOR) - 1 for entry in whole})
        return {
            length: frozenset(entry.strip(SEPARATOR) for entry in whole if entry.count(SEPARATOR) - 1 == length)
            for length in lengths
        }

    @functools.cached_property
    def _stems(self) -> dict[str, list[str]]:
        """The stems by their first characters."""
        stems: dict[str, list[str]] = {}
        for entry in sorted(self.entries):
            if not entry[0] == entry[-1] == SEPARATOR:
                stems.setdefault(entry[:MIN_STEM], []).append(entry)
        return stems


def _windows(text: str) -> list[str]:
    return [text[place : place + MIN_STEM] for place in range(len(text) - MIN_STEM + 1)]


NO_WORDS = UrlWords()


def url_tokens(url: str) -> str:
    """Host, path and query as tokens with a separator between and around them."""
    url = url[:MAX_URL_CHARACTERS]
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        host = parts.hostname or ""
    except ValueError:
        return SEPARATOR  # no URL at all
    if "xn--" in host and len(host) <= MAX_HOST_CHARACTERS:
        with contextlib.suppress(UnicodeError):
            host = host.encode("ascii").decode("idna")
    return f" {_tokens(f'{host}/{unquote(parts.path)}?{unquote(parts.query)}')} "
