"""Screens before extraction (limits of work, languages, payloads seen before), and lists of URLs, which stop none."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import InputError
from corpus.pages.main_text import Failure, MainText
from corpus.pages.opt_out import OptOuts
from corpus.pages.page_text import PageWork, PayloadCache, extract_page
from corpus.pages.screens import too_much_markup
from corpus.reasons import Outcome, Reason
from corpus.recipe.parsing import parse_recipe
from corpus.schema import DOCUMENTS
from corpus.sources.records import Limits, Loss, Page
from corpus.storage.run_directory import RunDirectory
from corpus.urls.block_list import NOTHING_BLOCKED, BlockList
from corpus.urls.url_lists import read_url_lists
from corpus.urls.url_screen import UrlScreen, read_url_screen
from filters.language.identification import default_model_path
from filters.language.wanted import LanguageScreen
from filters.measuring import signal_batch
from fingerprints import extract_inputs
from fingerprints import mark as mark_of
from pipelines.selection.decision_settings import SelectSettings
from pipelines.selection.judging import REASONS, judge_item
from pipelines.stages.extraction import EXTRACT, ExtractSettings
from pipelines.stages.measurement import measure_settings

LIMITS = Limits(max_record_bytes=64 << 20, max_page_bytes=1 << 20)


def page(body: str, url: str = "http://a.example/", charset: str | None = None) -> Page:
    return Page(5, 99, "<urn:1>", url, "2024-01-01T00:00:00Z", 200, "text/html", charset, body.encode())


class Counting:
    """An extractor that says how often it was asked."""

    restarts = 0

    def __init__(self) -> None:
        self.main: list[str] = []
        self.plain: list[str] = []

    def main_text(self, html: str) -> MainText | Failure | None:
        self.main.append(html)
        return MainText(html)

    def plain_text(self, html: str) -> str | Failure | None:
        self.plain.append(html)
        return html


BLOCKS = BlockList.of(
    [b"# a comment\n", b"\n", b"Bad.Example\r\n", b"192.0.2.7\n", b"xn--bcher-kva.example\n"],
    [b"www.news.example/adult/\n", b"pages.example/~a\n", b"http://shop.example/?id=7\n", b"whole.example\n"],
)


@pytest.mark.parametrize(
    "url",
    [
        "http://bad.example/",
        "https://a.b.BAD.example:8080/x?y#z",
        "http://user:pass@bad.example./",
        "http://192.0.2.7/x",
        "http://bücher.example/",
        "http://news.example/adult/1.html",
        "http://www.news.example/ADULT",
        "https://news.example/adult?page=2",
        "http://pages.example/~a/index.html",
        "http://shop.example/?id=7",
        "http://whole.example/any/where",
        "http:\\\\bad.example\\x",
        "http:/bad.example/x",
        "http://b%61d.example/",
        "http://b\tad.exam\nple/",
        "http://ｂａｄ.example/",
        "http://0xc0.0.2.7/x",
        "http://pages.example/%7Ea/",
        "http://news.example/x/../adult/1.html",
        "bad.example/without/scheme",
    ],
)
def test_urls_that_are_blocked(url: str) -> None:
    entry = BLOCKS.blocks(url)
    assert entry is not None
    assert UrlScreen(BLOCKS).blocked_by(url) == entry
    assert UrlScreen(BLOCKS).opted_out_by(url) is None
    assert UrlScreen(opted_out=BLOCKS).opted_out_by(url) == entry
    assert UrlScreen(opted_out=BLOCKS).blocked_by(url) is None


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "http://notbad.example/",
        "http://bad.example.org/",
        "http://example/",
        "http://1.192.0.2.7/",
        "http://news.example/adults/",
        "http://a.news.example/adult/",
        "http://pages.example/~ab",
        "http://shop.example/?id=71",
        "http://[::1/",
    ],
)
def test_urls_that_are_not(url: str | None) -> None:
    assert BLOCKS.blocks(url) is None


@given(url=st.text(max_size=60))
def test_no_url_raises(url: str) -> None:
    BLOCKS.blocks(url)
    BLOCKS.blocks("http://" + url)
    assert NOTHING_BLOCKED.blocks(url) is None


def test_the_lists_are_read_by_workers_as_the_recipe_names_them(tmp_path: Path) -> None:
    (tmp_path / "ut1").mkdir()
    for name, lines in (
        ("domains", "b.example\na.example\n"),
        ("urls", "c.example/x\n"),
        ("expressions", "# adult\n\n(^|[-_])(bad|worse)s?([-_]|$)\n"),
        ("opt_outs", "d.example\n"),
    ):
        (tmp_path / "ut1" / name).write_text(lines)
    source = {"name": "web", "inputs": ["*"], "block_domains": ["ut1/dom*"], "block_urls": ["ut1/urls"]}
    source |= {"block_words": ["ut1/expr*"], "opt_out_domains": ["ut1/opt_outs"]}
    recipe = parse_recipe({"run": {"name": "r"}, "source": [source, {"name": "free", "inputs": ["*"]}]}, "r")
    lists = read_url_lists(recipe, tmp_path, where="r")
    assert lists.keys() == {"web"}
    lists["web"].write(str(tmp_path / "stored.arrow"))
    stored = read_url_screen(str(tmp_path / "stored.arrow"))
    assert stored.digest == lists["web"].digest
    for url, blocked, opted_out in (
        ("http://sub.b.example/", "b.example", None),
        ("http://c.example/x/y", "c.example/x", None),
        ("http://c.example/no-bads_x", "word bads", None),
        ("http://www.d.example/", None, "d.example"),
        ("http://www.d.example/bad/", "word bad", "d.example"),
        ("http://c.example/badlands", None, None),
        (None, None, None),
    ):
        assert (stored.blocked_by(url), stored.opted_out_by(url)) == (blocked, opted_out), url
    assert stored.blocked.words == lists["web"].blocked.words
    shuffled = [b"a.example", b"b.example", b"a.example"]
    assert BlockList.of(shuffled, [b"c.example/x"], stored.blocked.words).digest == stored.blocked.digest
    assert BlockList.of(shuffled, [b"c.example/x"]).digest != stored.blocked.digest


def test_each_source_has_its_own_lists_and_opt_outs(tmp_path: Path) -> None:
    """From the recipe through what workers read to the columns that `select` judges."""
    sources = [
        {"name": "web", "inputs": ["*"], "respect": ["tdm", "noai"], "respect_agents": ["CCBot"]},
        {"name": "free", "inputs": ["*"]},
    ]
    recipe = parse_recipe({"run": {"name": "r"}, "source": sources}, "r")
    lists = UrlScreen(BlockList.of([b"a.example"]), BlockList.of([b"a.example", b"b.example"]))
    settings = measure_settings(recipe, default_model_path(), {"web": lists.write(str(tmp_path / "stored.arrow"))})
    assert settings.respect == {"web": OptOuts(frozenset({"noai", "tdm"}), frozenset({"ccbot"}))}
    judged = SelectSettings.over(
        recipe,
        RunDirectory("x").stage("measure", "m"),
        [6],
        item_of_split=np.zeros(1, np.int64),
        source_of_split=["web"],
    )
    rows = [  # URL, what the page asks, then blocked_url and opt_out of a document of `web`
        ("http://a.example/", None, "a.example", "a.example"),
        ("http://b.example/", "X-Robots-Tag: ccbot: noai", None, "X-Robots-Tag: ccbot: noai"),
        ("http://b.example/", "X-Robots-Tag: other: noai", None, "b.example"),
        (
            "http://c.example/",
            "meta element robots: noindex\nheader tdm-reservation: 1",
            None,
            "header tdm-reservation: 1",
        ),
        ("http://c.example/", "meta element robots: noindex", None, None),
        (None, None, None, None),
    ]
    for source in ("web", "free"):
        given = {"doc_id": range(len(rows)), "key": [b"0" * 16] * len(rows), "source": [source] * len(rows)}
        given |= {"url": [row[0] for row in rows], "opt_outs": [row[1] for row in rows]}
        given |= {"text": [ENGLISH] * len(rows), "offset": range(len(rows))}
        columns = [pa.array(given.get(field.name, [None] * len(rows)), field.type) for field in DOCUMENTS]
        signals = signal_batch(pa.RecordBatch.from_arrays(columns, schema=DOCUMENTS), settings)
        expected = [row[2:] if source == "web" else (None, None) for row in rows]
        assert [*zip(*(signals[name].to_pylist() for name in ("blocked_url", "opt_out")), strict=True)] == expected
        reasons = [REASONS[code] for code in judge_item(pa.table(signals), judged, None)]
        assert [reason if reason in (Reason.BLOCKED_URL, Reason.OPT_OUT) else None for reason in reasons] == [
            Reason.BLOCKED_URL if blocked else Reason.OPT_OUT if opted_out else None for blocked, opted_out in expected
        ]


@pytest.mark.parametrize(
    ("key", "line", "message"),
    [
        ("block_urls", None, "block_urls: 'none/*' matches no file"),
        ("opt_out_domains", None, "opt_out_domains: 'none/*' matches no file"),
        ("block_words", "good\n(a|b\n", "line 2: nothing closes a '('; mend or remove the line"),
        ("block_words", "(ab*)+x(cd*)*yyy(e|f|g|h)*\n", "line 1: stands for more than 100,000 strings"),
    ],
)
def test_a_list_that_cannot_be_read_is_one_line(tmp_path: Path, key: str, line: str | None, message: str) -> None:
    (tmp_path / "list").write_text(line or "")
    source = {"name": "web", "inputs": ["*"], key: ["list" if line else "none/*"]}
    recipe = parse_recipe({"run": {"name": "r"}, "source": [source]}, "r")
    with pytest.raises(InputError) as caught:
        read_url_lists(recipe, tmp_path, where="r")
    assert str(caught.value).startswith(f"r: source 'web': {key}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_empty_lists_are_stored_too(tmp_path: Path) -> None:
    UrlScreen().write(str(tmp_path / "stored.arrow"))
    stored = read_url_screen(str(tmp_path / "stored.arrow"))
    assert (stored.blocked_by("http://a.example/"), stored.opted_out_by("http://a.example/")) == (None, None)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<b>" * 51, Reason.PAGE_TOO_MANY_NODES),
        ("<b></b>" * 50, None),
        ("<div>" * 21, Reason.PAGE_TOO_DEEP),
        ("<div>" * 20 + "</div>" * 20, None),
        ("<p>" * 50, None),
        ("</div>" * 50 + "<div>" * 21, Reason.PAGE_TOO_DEEP),
        ("<" * 1000, None),
    ],
)
def test_limits_of_work(html: str, expected: Reason | None) -> None:
    found = too_much_markup(html, max_nodes=50, max_depth=20)
    assert (found[0] if found else None) is expected
    counting = Counting()
    extract_page(page(html), LIMITS, PageWork(counting, max_nodes=50, max_depth=20))
    assert len(counting.main) == (expected is None)
    assert expected is None or expected.outcome is Outcome.FAILED


ENGLISH = "This page is written in English, and nobody who reads it would say that it is anything else. " * 5
RUSSIAN = "Эта страница написана по-русски, и никто из её читателей не сказал бы ничего другого. " * 5


GERMAN = "Diese Seite ist auf Deutsch geschrieben, und wer sie liest, wird nichts anderes von ihr sagen. " * 5
CHINESE = "这一页是用中文写的，读过它的人都不会认为它是用别的语言写的，也不会把它当成英文或者日文。" * 2
MENU = "".join(f"<li><a href='/{number}'>A page about something else</a></li>" for number in range(40))


@pytest.mark.parametrize(
    ("text", "wanted", "screened"),
    [
        (ENGLISH, {"ru"}, True),
        (RUSSIAN, {"ru"}, False),
        (ENGLISH, {"ru", "en"}, False),
        (ENGLISH + RUSSIAN, {"ru"}, False),
        (ENGLISH + RUSSIAN, {"en"}, False),
        ("1234 5678 ---", {"ru"}, False),
        ("", {"ru"}, False),
        # Menus, and a paragraph that is neither long nor the longest, say nothing of a text.
        (f"<ul>{MENU}</ul><p>{RUSSIAN}</p>", {"en"}, True),
        (f"<ul>{MENU}</ul><p>{RUSSIAN}</p>", {"ru"}, False),
        (f"<p>{ENGLISH[:95]}</p>" + f"<p>{RUSSIAN}</p>" * 4, {"en"}, True),
        # The longest paragraph may be all that is extracted.
        (f"<p>{ENGLISH}</p>" + f"<p>{RUSSIAN[:80]}</p>" * 20, {"en"}, False),
        # English says less against a text than another language: code is English everywhere.
        (f"<p>{RUSSIAN[:85]}</p><pre>{ENGLISH * 2}</pre>", {"ru"}, False),
        (f"<p>{RUSSIAN[:85]}</p><pre>{GERMAN * 2}</pre>", {"ru"}, True),
        # A listing is no paragraph, however long.
        (f"<p>{RUSSIAN}</p>" * 5 + f"<pre>{ENGLISH[:95]}\n{ENGLISH[:95]}\n{ENGLISH[:95]}</pre>", {"en"}, True),
        # Han are as much text as the code around them, in a third of the characters.
        (f"<p>{CHINESE}</p><pre>{ENGLISH[:190]}</pre>", {"zh"}, False),
        (f"<p>{CHINESE}</p>" * 5 + f"<pre>{ENGLISH[:190]}</pre>", {"en"}, True),
    ],
)
def test_language_screen(text: str, wanted: set[str], screened: bool) -> None:
    screen = LanguageScreen(default_model_path(), frozenset(wanted), 0.8)
    counting = Counting()
    found = extract_page(page(text or " x"), LIMITS, PageWork(counting, language_screen=screen))
    assert (isinstance(found, Loss) and found.reason is Reason.LANGUAGE_SCREENED) == screened
    assert len(counting.main) == (not screened)


def test_languages_are_part_of_the_fingerprint_where_pages_are_screened() -> None:
    def mark(languages: list[str], screen: bool) -> str:
        table = {"run": {"name": "r", "languages": languages}, "source": [{"name": "a", "inputs": ["*"]}]}
        recipe = parse_recipe({**table, "extract": {"language_screen": screen}}, "r")
        expected = frozenset(languages) if screen and "*" not in languages else None
        assert ExtractSettings.of(recipe, splits="", model=Path()).screened_for == expected
        return mark_of(EXTRACT, recipe, extract_inputs())

    assert mark(["zh"], True) != mark(["en"], True)
    assert mark(["zh"], False) == mark(["en"], False)
    assert mark(["zh", "en"], True) == mark(["en", "zh"], True)


def test_a_payload_seen_before_is_not_extracted_again() -> None:
    counting, cache = Counting(), PayloadCache()
    work = PageWork(counting, cache=cache)
    found = [extract_page(page("<p>a", url), LIMITS, work) for url in ("http://a.example/", "http://b.example/")]
    assert found[0] == found[1]
    assert (len(counting.main), cache.hits) == (1, 1)
    extract_page(page("<p>a", charset="latin-1"), LIMITS, work)
    extract_page(dataclasses.replace(page("<p>a"), content_type="text/plain"), LIMITS, work)
    assert (len(counting.main), cache.hits) == (2, 1)
    extract_page(dataclasses.replace(page("<p>a"), opt_outs=(("x-robots-tag", "noai"),)), LIMITS, work)
    assert (len(counting.main), cache.hits) == (3, 1)


def test_a_reused_failure_is_of_its_own_page() -> None:
    work = PageWork(Counting(), max_nodes=1, max_depth=10, cache=PayloadCache())
    losses = [extract_page(page("<b><b>", url), LIMITS, work) for url in ("http://a.example/", "http://b.example/")]
    assert [loss.url for loss in losses if isinstance(loss, Loss)] == ["http://a.example/", "http://b.example/"]


def test_the_cache_is_bounded() -> None:
    cache = PayloadCache(max_bytes=2000)
    for number in range(20):
        cache.put(bytes([number]), MainText("x" * 100))
    assert cache.get(bytes([19])) == MainText("x" * 100)
    assert cache.get(bytes([0])) is None
    assert sum(cache.get(bytes([number])) is not None for number in range(20)) == 2
    cache.put(b"large", MainText("x" * 10_000))
    assert cache.get(b"large") is None
