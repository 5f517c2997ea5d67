"""Words in URLs: whole tokens, stems and phrases; UT1's expressions read as the strings they match, whatever they hold."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.urls.url_expressions import MAX_REPEATS, expand
from corpus.urls.url_words import UrlWords, entries_of, url_tokens

# The form of UT1's adult/expressions, with other words.
BOUNDED = r"(^|[-\?+=/_])(big|cyber|hard|soft)?(boat|canoe|topp?les|xxx)s?([-\.\?+=/_]|$)"
STEMS = "(boatsight|canoeing|sailorsonly)"


def words(*lines: str) -> UrlWords:
    return UrlWords(frozenset(entry for line in lines for entry in entries_of(line)))


@pytest.mark.parametrize(
    ("line", "url", "found"),
    [
        # Scunthorpe and its neighbours
        ("sex", "http://www.essex.gov.example/middlesex/sextant.html", None),
        ("sex", "http://a.example/sex", "sex"),
        ("sex", "http://sex.example/", "sex"),
        ("sex", "http://a.example/free_SEX-video?x", "sex"),
        ("sex", "http://a.example/?q=free+sex", "sex"),
        ("sex", "http://a.example/x%2Fse%78%2F", "sex"),
        ("sex", "http://user:sex@a.example/", None),
        ("sex", "http://a.example/#sex", None),
        ("sex", "sex://a.example/", None),
        ("sex", "http://a.example/sex4you", None),
        ("8080", "http://a.example:8080/", None),
        # words in a row
        ("hot girls", "http://a.example/hot-girls.html", "hot girls"),
        ("hot girls", "http://hot.girls.example/", "hot girls"),
        ("hot-girls", "http://a.example/hot/girls", "hot girls"),
        ("hot girls", "http://a.example/hot/and/girls", None),
        ("hot girls", "http://a.example/hotgirls", None),
        # scripts without spaces, and others
        ("色情", "http://a.example/免费色情小说/", "色 情"),
        ("色情", "http://a.example/%E8%89%B2%E6%83%85.html", "色 情"),
        ("色情", "http://a.example/色/情况", "色 情"),
        ("порно", "http://xn--m1abbbg.example/", "порно"),
        ("казино", "http://a.example/%D0%9A%D0%B0%D0%B7%D0%B8%D0%BD%D0%BE", "казино"),
        ("сайт", "http://xn--80aswg.example/", "сайт"),
        # expressions
        (BOUNDED, "http://a.example/boats/", "boats"),
        (BOUNDED, "http://a.example/my-hardcanoe.html", "hardcanoe"),
        (BOUNDED, "http://a.example/toples", "toples"),
        (BOUNDED, "http://boat.example/", "boat"),
        (BOUNDED, "http://a.example/steamboat/canoeist", None),
        (STEMS, "http://freecanoeingpics.example/", "canoeing"),
        (STEMS, "http://a.example/canoe", None),
        # Without separators, but too short to stand anywhere
        ("(sex|xxx+)", "http://essex.example/", None),
        ("(sex|xxx+)", "http://a.example/sex", "sex"),
        ("(sex|xxx+)", "http://a.example/xxxxx", "xxxxx"),
        ("adultery$", "http://a.example/myadultery", "adultery"),
        ("adultery$", "http://a.example/adulteryx", None),
        ("^adultery", "http://a.example/adulteryx", "adultery"),
        ("^adultery", "http://a.example/xadultery", None),
        ("hard[-_]?core", "http://a.example/hard_corestuff", "hard core"),
        (r"\.(boat|xxx)(/|$)", "http://a.xxx/", "xxx"),
    ],
)
def test_words_in_urls(line: str, url: str, found: str | None) -> None:
    assert words(line).found_in(url) == found


@pytest.mark.parametrize("url", ["", "http://[::1/", "://", "http://", "%", "\ud800", "a" * 10_000])
def test_odd_urls_hold_no_word(url: str) -> None:
    assert words("sex", STEMS).found_in(url) is None


@given(url=st.text(max_size=60))
def test_no_url_raises(url: str) -> None:
    lists = words("sex", STEMS, "a b")
    lists.found_in(url)
    lists.found_in("http://" + url)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("(a|b", "nothing closes a '('"),
        ("a)b", "nothing opens what ')b' closes"),
        ("[abc", "nothing closes a '['"),
        ("(?=a)", "'(?=' is not read"),
        (r"\bsex\b", r"'\b' is not read"),
        (r"a\1", r"'\1' is not read"),
        ("a{2,3}", "'{' is not read here"),
        ("a++", "'++' is not read"),
        ("+a", "'+' is not read here"),
        ("[[:alpha:]]", "'[:' is not read"),
        ("[é-ü]", "the range é-ü is not read"),
        ("(a|b)?", "matches every URL"),
        ("(^|[-/])s?", "matches every URL"),
        (".*", "stands for more than 100,000 strings"),
        ("(a+)+(b+)+(c+)+", "stands for more than 100,000 strings"),
        ("[a-z][a-z][a-z][a-z]", "stands for more than 100,000 strings"),
        ("(" * 30 + "a" + ")" * 30, "more than 20 parentheses"),
        ("a|" * 6000, "an expression of 12000 characters"),
        ("[^a-z0-9 ]", "no character is left of"),
    ],
)
def test_what_is_not_read_is_said(expression: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        expand(expression)
    assert message in str(caught.value)


@pytest.mark.parametrize("line", ["--", "_"])
def test_a_line_without_words_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="without a letter or digit"):
        entries_of(line)


def test_many_words_in_a_row_are_an_error() -> None:
    with pytest.raises(ValueError, match="words in a row"):
        entries_of("a " * 40)


# Python's own engine is the oracle: over an alphabet of two letters, a digit and a separator every string is tried.
ATOMS = st.sampled_from(["a", "b", "1", "-", r"\.", "[ab]", "[-_]", "[a-b1]", "[^a1]", "[^-a-z0-9]"])
PIECES = st.recursive(
    ATOMS | st.builds(str.__add__, ATOMS, st.sampled_from(["?", "?", ""])),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({'|'.join(parts)})")
        | inner.map(lambda part: f"(?:{part})?")
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=300)
@given(expression=PIECES)
def test_an_expression_stands_for_what_it_matches(expression: str) -> None:
    try:
        found = expand(expression)
    except ValueError:
        return  # matches every URL, or no character is left of a class
    for string in found:
        # With a separator in it, it is not known which character that was.
        assert re.fullmatch(expression, string) or not string.isalnum()
    alphabet = "ab1"
    tried = [""]
    for _ in range(3):
        tried += [head + tail for head in tried for tail in (*alphabet, "-", ".", "_")]
    for text in set(tried):
        if re.fullmatch(expression, text):
            squeezed = re.sub(r"[-._]+", " ", text)
            assert squeezed in found, (expression, text)


def test_repetitions_are_bounded() -> None:
    assert max(map(len, expand("xxx+"))) == 2 + MAX_REPEATS
    assert min(map(len, expand("ab*"))) == 1


def test_ut1_expands_to_few_words() -> None:
    entries = entries_of(BOUNDED)
    assert " bigcanoes " in entries
    assert " topless " in entries
    assert len(entries) == 5 * 5 * 2
    assert entries_of(STEMS) == {"boatsight", "canoeing", "sailorsonly"}


@pytest.mark.parametrize("url", ["http://a.example/" + "x" * 4000, "http://a.example/" + "色" * 4000, "a/" * 3000])
def test_long_lists_and_urls_cost_little(url: str) -> None:
    lists = UrlWords(
        frozenset(f" word{n} " for n in range(50_000))
        | {f" a{n} b c d " for n in range(100)}
        | {f"xxxxxx{n}" for n in range(2000)}
    )
    lists.found_in("http://a.example/")
    started = time.perf_counter()
    assert lists.found_in(url) is None
    assert time.perf_counter() - started < 10


def test_tokens_of_a_url() -> None:
    url = "https://u:p@WWW.Example.com:443/A_b/C%20d.html?q=%C3%A9t%C3%A9+1#frag"
    assert url_tokens(url) == " www example com a b c d html q été 1 "
