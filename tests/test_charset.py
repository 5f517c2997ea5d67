"""Bytes → text: real pages in thirty charsets, declared rightly, wrongly and not at all; and no bytes at all raise."""

import codecs
import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corpus.pages.charset import decode_page
from corpus.sources.records import Limits, Page, Split
from corpus.sources.warc import read_warc

REPOSITORY = Path(__file__).resolve().parents[1]
CHARSETS = REPOSITORY.parent / "shared" / "data" / "charsets"

CHINESE = "<p>" + "语言模型的训练语料来自网页、书籍与论文。" * 8
TRADITIONAL = "<p>" + "語言模型的訓練語料來自網頁、書籍與論文。" * 8
JAPANESE = "<p>" + "言語モデルの学習データはウェブから集められます。" * 8
KOREAN = "<p>" + "언어 모델의 학습 자료는 웹 문서에서 모은 것입니다. " * 8
RUSSIAN = "<p>" + "Обучающие данные языковой модели собраны из страниц сети. " * 8
UKRAINIAN = "<p>" + "Навчальні дані мовної моделі зібрані з її сторінок у мережі. " * 8
VIETNAMESE = "<p>" + "d\u01b0\u0303 liê\u0323u huâ\u0301n luyê\u0323n cu\u0309a mô hi\u0300nh ngôn ngư\u0303 " * 8


@pytest.fixture(scope="module")
def pages() -> dict[int, Page]:
    file = CHARSETS / "charsets.warc.gz"
    size = file.stat().st_size
    items = read_warc(Split(0, "web", "warc", str(file), 0, size, size), Limits(64 << 20, 16 << 20))
    return {item.offset: item for item in items if isinstance(item, Page)}


@pytest.mark.skipif(not CHARSETS.is_dir(), reason=f"no {CHARSETS.relative_to(REPOSITORY.parent)} beside the repository")
def test_real_pages_read_as_their_authors_wrote_them(pages: dict[int, Page]) -> None:
    """One page of 170 differs: its bytes 81 60 are U+301C to Python's shift_jis, U+FF5E to the Encoding Standard and to us."""
    right: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    for line in (CHARSETS / "truth.jsonl").read_text(encoding="utf-8").splitlines():
        truth = json.loads(line)
        page = pages[truth["offset"]]
        text, _ = decode_page(page.body, page.charset)
        if truth["text_sha1"] is None:
            continue  # broken originals that no charset decodes: there is no truth
        if truth["kind"] == "original" and truth["charset"] is None:
            continue
        group = (truth["kind"], "wrong" if truth["declared"] == "wrong" else "right or missing")
        total[group] += 1
        right[group] += hashlib.sha1(text.encode("utf-8", "replace")).hexdigest() == truth["text_sha1"]
    transcoded = ("transcoded", "right or missing")
    assert total[transcoded] >= 170
    assert right[transcoded] >= 0.99 * total[transcoded]
    assert total["transcoded", "wrong"] >= 33
    assert right["transcoded", "wrong"] >= 0.95 * total["transcoded", "wrong"]
    assert right["coding", "right or missing"] == total["coding", "right or missing"] >= 25
    assert right["original", "right or missing"] == total["original", "right or missing"]


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (CHINESE, "gb18030"),
        (TRADITIONAL, "big5"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (KOREAN, "cp949"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (UKRAINIAN, "koi8_u"),
        (UKRAINIAN, "cp1251"),
        (VIETNAMESE, "cp1258"),
        (CHINESE, "utf-16-le"),
        (KOREAN, "utf-8"),
    ],
)
@pytest.mark.parametrize("declared", [None, "utf-8", "x-unknown"])
def test_without_a_true_declaration_the_bytes_decide(text: str, codec: str, declared: str | None) -> None:
    """Detection answers utf-8 for Korean, koi8-r for Ukrainian and windows-1252 for Vietnamese when left alone."""
    markup = "<html><head><title>a</title></head><body>" if codec.startswith("utf-16") else ""
    assert decode_page((markup + text).encode(codec), declared)[0] == markup + text


@pytest.mark.parametrize(
    "mark", [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]
)
@pytest.mark.parametrize("declared", [None, "gbk", "windows-1252"])
def test_a_byte_order_mark_overrules_everything_and_is_no_text(mark: tuple[bytes, str], declared: str | None) -> None:
    sign, codec = mark
    page = '<meta charset="big5">' + CHINESE
    assert decode_page(sign + page.encode(codec), declared) == (page, codec)


def test_the_header_goes_before_the_meta_element_and_both_before_detection() -> None:
    german = "<p>Übergröße, süß"
    assert decode_page(german.encode("cp1252"), "ISO-8859-1")[0] == german
    czech = '<meta http-equiv="Content-Type" content="text/html; charset=windows-1250"><p>Žluťoučký kůň'
    assert decode_page(czech.encode("cp1250"))[0] == czech
    greek = "<meta charset=windows-1252><p>Καλημέρα κόσμε"
    assert decode_page(greek.encode("iso8859-7"), "iso-8859-7")[0] == greek
    # A header that the bytes refute gives way to the meta element.
    chinese = '<meta charset="gb2312">' + CHINESE
    assert decode_page(chinese.encode("gbk"), "utf-8")[0] == chinese


def test_labels_mean_what_browsers_take_them_for() -> None:
    for label in ("gb2312", "GBK", "gb_2312-80", "cp936"):
        assert decode_page("<p>镕、喆、€、㐀".encode("gb18030"), label)[0] == "<p>镕、喆、€、㐀", label
    assert decode_page("<p>①〜髙".encode("cp932", "replace"), "shift_jis")[0].startswith("<p>①")
    assert decode_page("<p>“quoted”".encode("cp1252"), "iso-8859-1")[0] == "<p>“quoted”"
    assert decode_page("<p>똠방각하".encode("cp949"), "euc-kr")[0] == "<p>똠방각하"


@pytest.mark.parametrize(
    "label", ["", "none", "utf8mb4", "x-user-defined", "replacement", "rot13", "zip", "\0", "é", "idna"]
)
def test_an_unknown_label_falls_through(label: str) -> None:
    assert decode_page(CHINESE.encode("gb18030"), label)[0] == CHINESE
    assert decode_page(CHINESE.encode(), label) == (CHINESE, "utf-8")


def test_a_label_of_utf_16_on_bytes_that_are_not() -> None:
    for declared in ("utf-16", "utf-16le", "unicode"):
        assert decode_page(b"<p>plain ascii..</p>", declared)[0] == "<p>plain ascii..</p>"
        assert decode_page("<p>süß, süß, größer".encode("cp1252"), declared)[0] == "<p>süß, süß, größer"


def test_damaged_utf_8_stays_utf_8() -> None:
    """A page cut inside a character, or with one foreign byte, declared as the server's default charset."""
    whole = CHINESE.encode()
    text, charset = decode_page(whole[:-1], "iso-8859-1")
    assert charset == "utf-8"
    assert text.rstrip("�") == CHINESE[:-1]
    assert decode_page(whole[:60] + b"\xfc" + whole[60:])[0].replace("�", "") == CHINESE


@settings(deadline=None, max_examples=300)
@given(
    body=st.binary(max_size=400),
    declared=st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["gbk", "utf-16", "hz"])),
)
@example(body=b"\x1b$B\xff", declared=None)
@example(body=b"\x1b$B!", declared="utf-8")
@example(body=b"<meta charset=zip>\xff", declared="base64")
def test_no_bytes_make_it_raise(body: bytes, declared: str | None) -> None:
    text, charset = decode_page(body, declared)
    assert isinstance(text, str)
    codecs.lookup(charset)


@settings(deadline=None)
@given(text=st.text(max_size=300))
def test_utf_8_comes_back_whatever_is_declared(text: str) -> None:
    body = text.encode()
    if (
        not any(body.startswith(mark) for mark in (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        and "\0" not in text
    ):
        assert decode_page(body, "gbk" if not body.isascii() else None)[0] == text or "\x1b$" in text
