"""Pages → text: each screen with its reason, and no page that raises."""

import datetime
import json
import warnings
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corpus.pages.main_text import MainText
from corpus.pages.page_text import clean, extract_page
from corpus.reasons import Outcome, Reason
from corpus.sources.records import Limits, Loss, Page, Split
from corpus.sources.warc import read_warc
from pipelines.stages.extraction import Row, documents_of, parse_date

DEMO = Path(__file__).resolve().parents[1] / "examples" / "demo"
LIMITS = Limits(max_record_bytes=64 << 20, max_page_bytes=1 << 20)
SENTENCE = "The corpus is read from archives, page by page, and every page is counted once. "
ARTICLE = (
    f"<html><head><title>Title</title></head><body><article><h1>Title</h1><p>{SENTENCE * 6}</p></article></body></html>"
)


def page(
    body: bytes | str = ARTICLE,
    *,
    status: int | None = 200,
    content_type: str = "text/html",
    charset: str | None = None,
) -> Page:
    raw = body if isinstance(body, bytes) else body.encode()
    return Page(5, 99, "<urn:1>", "http://a.example/", "2024-01-01T00:00:00Z", status, content_type, charset, raw)


def reason(found: MainText | Loss) -> Reason | None:
    return found.reason if isinstance(found, Loss) else None


def test_an_article_gives_its_text() -> None:
    found = extract_page(page(), LIMITS)
    assert isinstance(found, MainText)
    assert SENTENCE.strip() in found.text
    assert found == MainText(found.text, title="Title")


@pytest.mark.parametrize(
    ("given_page", "expected"),
    [
        (page(status=404), Reason.HTTP_STATUS),
        (page(status=301), Reason.HTTP_STATUS),
        (page(status=199), Reason.HTTP_STATUS),
        (page(content_type="application/pdf"), Reason.MIME_TYPE),
        (page(content_type="image/png"), Reason.MIME_TYPE),
        (page(content_type="x" * 5000), Reason.MIME_TYPE),
        (page(b""), Reason.EMPTY_BODY),
        (page(b" \r\n\t "), Reason.EMPTY_BODY),
        (page(b"x" * ((1 << 20) + 1)), Reason.PAGE_TOO_LARGE),
        (page("<html><body></body></html>"), Reason.NO_TEXT),
        (page("\0\0\0", content_type="text/plain"), Reason.NO_TEXT),
        # The first screen that applies names the reason.
        (page(b"", status=404, content_type="image/png"), Reason.HTTP_STATUS),
        (page(b"", content_type="image/png"), Reason.MIME_TYPE),
    ],
)
def test_each_screen_has_its_reason(given_page: Page, expected: Reason) -> None:
    loss = extract_page(given_page, LIMITS)
    assert isinstance(loss, Loss)
    assert loss.reason is expected
    assert (loss.offset, loss.length, loss.url) == (5, 99, "http://a.example/")
    assert len(loss.detail) < 200
    assert (loss.reason.outcome is Outcome.FAILED) == (expected is Reason.PAGE_TOO_LARGE)


@pytest.mark.parametrize(
    "kind", [{"status": None}, {"status": 206}, {"content_type": ""}, {"content_type": "application/xhtml+xml"}]
)
def test_what_passes_the_screens(kind: dict[str, object]) -> None:
    assert reason(extract_page(page(**kind), LIMITS)) is None  # type: ignore[arg-type]


def test_plain_text_is_taken_as_it_is() -> None:
    text = "  <b>not markup</b>\r\nsecond line\0\n"
    assert extract_page(page(text, content_type="text/plain"), LIMITS) == MainText("<b>not markup</b>\nsecond line")


def test_a_page_at_the_limit_is_read() -> None:
    body = b"x" * (1 << 20)
    assert extract_page(page(body, content_type="text/plain"), LIMITS) == MainText(body.decode())


@pytest.mark.parametrize(
    "body",
    [
        "<div>" * 100_000 + SENTENCE,
        "<div>" * 100_000 + SENTENCE + "</div>" * 100_000,
        "<b><i>" * 50_000 + SENTENCE * 9,
        "<table><tr><td>" * 3_000 + SENTENCE,
        "<p>" + "&#xD800;" + SENTENCE * 9,
        "<p>" + "&#0;&#x110000;&#99999999999;" + SENTENCE * 9,
        ARTICLE.replace("page", "pa\0ge"),
        "<!--" * 9999,
        "<" * 9999,
        "<?xml version='1.0' encoding='utf-16'?>" + ARTICLE,
        "<!DOCTYPE a [<!ENTITY b 'c'><!ENTITY d '&b;&b;'>]>" + ARTICLE,
        "\ufeff" + ARTICLE,
        ARTICLE.encode("utf-16"),
        b"\xff" * 5000,
        bytes(range(256)) * 50,
        "{}",
    ],
    ids=lambda body: repr(body[:18]),
)
def test_a_hostile_page_gives_text_or_a_loss(body: str | bytes) -> None:
    found = extract_page(page(body), Limits(max_record_bytes=64 << 20, max_page_bytes=4 << 20))
    if isinstance(found, MainText):
        for value in filter(None, found):
            assert value.encode().decode() == value
            assert "\0" not in value
    else:
        assert found.reason in (Reason.NO_TEXT, Reason.EXTRACTION_ERROR)
        assert "\n" not in found.detail


def test_demo_pages_give_text_or_a_loss() -> None:
    """Every twelfth of 542 pages; nearly all of documentation is text."""
    found = []
    for file in sorted(DEMO.glob("docs-*.warc.gz")):
        size = file.stat().st_size
        items = read_warc(Split(0, "docs", "warc", str(file), 0, size, size), LIMITS)
        found += [extract_page(item, LIMITS) for item in [item for item in items if isinstance(item, Page)][::12]]
    assert len(found) >= 45
    assert sum(isinstance(each, MainText) and len(each.text) > 40 for each in found) >= 0.9 * len(found)


@settings(deadline=None, max_examples=60)
@given(
    body=st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200),
        st.lists(
            st.sampled_from(["<p>", "</p>", "<a href='", "'>", "<!--", "&amp", "\0", "文", "<table>", "<svg>", "]]>"])
        ).map("".join),
    )
)
@example(body="<p>\ud7ff</p>")
def test_no_page_raises(body: bytes | str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = extract_page(page(body), LIMITS)
    assert isinstance(found, MainText | Loss)


@given(text=st.text(st.characters(codec=None)))
def test_clean_text_fits_an_arrow_string_and_is_clean_already(text: str) -> None:
    once = clean(text)
    assert once.encode().decode() == once == clean(once)
    assert "\0" not in once
    assert "\r\n" not in once


def utc(*fields: int) -> datetime.datetime:
    return datetime.datetime(*fields, tzinfo=datetime.UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2024-02-29T12:34:56Z", utc(2024, 2, 29, 12, 34, 56)),
        ("2024-02-29T12:34:56.789Z", utc(2024, 2, 29, 12, 34, 56)),
        ("2024-02-29T12:34:56", utc(2024, 2, 29, 12, 34, 56)),
        ("2024-02-29T12:34:56+08:00", utc(2024, 2, 29, 4, 34, 56)),
        ("2024-02-29", utc(2024, 2, 29)),
        ("20240229123456", utc(2024, 2, 29, 12, 34, 56)),
        ("20230229123456", None),
        ("2023-02-29T00:00:00Z", None),
        ("", None),
        (None, None),
        ("yesterday", None),
        ("99999999999999", None),
        ("²" * 14, None),
        ("2024-02-29T25:00:00Z", None),
    ],
)
def test_dates_of_archives(date: str | None, expected: datetime.datetime | None) -> None:
    assert parse_date(date) == expected


@given(date=st.one_of(st.text(max_size=25), st.datetimes().map(datetime.datetime.isoformat), st.from_regex(r"\d{14}")))
def test_no_date_raises(date: str) -> None:
    found = parse_date(date)
    assert found is None or (found.tzinfo is datetime.UTC and found.microsecond == 0)


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_date_that_leaves_the_calendar_in_utc_is_none(date: str) -> None:
    """One such WARC-Date would end the whole run."""
    assert parse_date(date) is None


@pytest.mark.parametrize("form", ["jsonl", "text", "html"])
@pytest.mark.parametrize("letter", ["a", "é", "文", "𝄞"])
def test_a_text_over_the_limit_is_one_failed_record(tmp_path: Path, form: str, letter: str) -> None:
    limits = Limits(max_record_bytes=1 << 20, max_page_bytes=1 << 20, max_text_bytes=1200)
    words = " ".join([letter * 5] * 400).encode()[:1190].decode("utf-8", "ignore").rstrip()
    for size in (1200, 1201):
        text = words + "a" * (size - len(words.encode()))
        made = {
            "jsonl": json.dumps({"text": text}),
            "text": text,
            "html": f'<html><head><meta charset="utf-8"></head><body><p>{text}</p></body></html>',
        }
        file = tmp_path / f"{size}"
        file.write_text(made[form], encoding="utf-8")
        stored = file.stat().st_size
        (found,) = documents_of(Split(0, "s", form, str(file), 0, stored, stored, "a"), limits)
        if size == 1200:
            assert isinstance(found, Row)
            assert len(found.text.encode()) == size
        else:
            assert isinstance(found, Loss)
            assert found.reason is Reason.TEXT_TOO_LARGE
            assert found.detail == "1201 bytes of text; max_text_bytes is 1200"
