"""Mojibake: what is repaired, what looks like it and stays, and both on real text in hundreds of languages."""

import codecs
import gzip
import json
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.pages.charset import decode_page
from corpus.pages.main_text import Failure, MainText
from corpus.pages.page_text import PageWork, clean, extract_page
from corpus.sources.records import Limits, Page, Split
from corpus.sources.warc import read_warc
from corpus.text.mojibake import repair
from corpus.text.mojibake_readings import readings

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = REPOSITORY.parent / "shared" / "data"
CHARSETS = tuple(reading.name for reading in readings())


def read_as(text: str, *charsets: str) -> str:
    """The text as it is after its UTF-8 was read in each charset in turn, bytes without a character as C1 controls."""
    for charset in charsets:
        table = "".join(bytes([code]).decode(charset, "ignore") or chr(code) for code in range(0x100))
        text = codecs.charmap_decode(text.encode(), "strict", table)[0]
    return text


def rows(file: Path) -> list[dict[str, str]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


FRENCH = "L’été dernier, à l’école, « les élèves » ont mangé des œufs à 2 € ; ça coûte cher, n’est-ce pas…"
RUSSIAN = "Её назвали Ёлкой — «объект №5» в Рёбрах, и ей было всё равно."
CHINESE = "语言模型的训练语料来自网页、书籍与论文，“引号”里的话也一样。"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("itâ€™s a cafÃ©", "it’s a café"),
        ("VerÃ¶ffentlichung zu prÃ¼fen", "Veröffentlichung zu prüfen"),
        ("Ãœber uns", "Über uns"),
        ("Â© 2010, 20Â°C, Â£5", "© 2010, 20°C, £5"),
        ("Â« PrÃ©cÃ©dent", "« Précédent"),
        ("til Ã¥ laga", "til å laga"),
        ("voilÃ\xa0 tout", "voilà tout"),
        ("itÃ¢â‚¬â„¢s", "it’s"),
        ("РџСЂРёРІРµС‚ РІСЃРµРјСѓ РјРёСЂСѓ", "Привет всему миру"),
        ("п÷я─п╦п╡п╣я┌ п╡я│п╣п╪я┐ п╪п╦я─я┐", "Привет всему миру"),
        ("PĹ™Ă\xadmĂ˝ vstup", "Přímý vstup"),
        ("â€œsoâ€\x9d", "“so”"),
        ("caf√©s and d‚Äôart", "cafés and d’art"),
        ("caf├⌐s", "cafés"),
        ("à¤ªà¥ˆà¤°à¤¾à¤®à¥€à¤Ÿà¤°", "पैरामीटर"),
        ("浣犲ソ锛屼笘", "你好，世"),
        ("don鈥檛", "don’t"),
        ("l\x92eau \x96 \x93quoted\x94 \x85", "l’eau – “quoted” …"),
        ("500 \x80", "500 €"),
        ('<p title="LÃ¶schen">Übergröße</p>', '<p title="Löschen">Übergröße</p>'),
        ("中文â€”中文", "中文—中文"),
    ],
)
def test_what_is_repaired(written: str, meant: str) -> None:
    assert repair(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        FRENCH,
        RUSSIAN,
        CHINESE,
        "NÃO À AMANHû, MAÇÃ »",
        "“blasé”… «café»… é”…",
        "l’école …école «école» d’été",
        "„Größe“ – „Äpfel“",
        "20°C · 5½ × 3² – ±1 % §5",
        "Ні! Її? «Єва», Сіль, Віктор і Рівне",
        "ลด 50% " * 40,
        "ลดลง ลบ ราคา",
        "ราคาสินค้าลดลงร้อยละห้าสิบในเดือนนี้",
        "横浜市の浜辺、氧化鈥，鈥是元素",
        "Ωμέγα και Άλφα, ΓΆ",
        "Žluťoučký kůň úpěl ďábelské ódy",
        "ÄÖÜ, ÅÄÖ, ÆØÅ; Ð, Þ; ŠĐČĆŽ",
        "Đây là tiếng Việt: ướt, đường, Ấn Độ",
        "├── école\n│   └── été.txt",
        "ẹ̀kọ́ ǹjẹ́ ọ̀rọ̀",
        "t\x82t\x82 and \x8alet",  # another charset's letters
        "Mandel\x80, a\x94b",
        "帶有\x89密碼",
        "本\x92입니다",
        "Ã", "Â", "â€",
        "\ud800",
    ],
)  # fmt: skip
def test_what_looks_like_it_and_is_none(text: str) -> None:
    assert repair(text) == text


@pytest.mark.parametrize("charset", CHARSETS)
def test_every_reading_is_undone(charset: str) -> None:
    """Of texts long enough to be certain; what two charsets read otherwise stays as it is, so words may be left."""
    for text in (FRENCH, RUSSIAN * 2, CHINESE):
        found = repair(read_as(text * 2, charset))
        wrong = Counter(found.split()) - Counter((text * 2).split()) - Counter(read_as(text * 2, charset).split())
        assert not wrong, charset
    assert repair(read_as(CHINESE, charset)) == CHINESE


@pytest.mark.parametrize("charsets", [("cp1252", "cp1252"), ("latin-1", "cp1252"), ("cp1251", "cp1251")])
@pytest.mark.parametrize("text", [RUSSIAN, CHINESE])
def test_twice(text: str, charsets: tuple[str, str]) -> None:
    assert repair(read_as(text, *charsets)) == text


@settings(deadline=None, max_examples=300)
@given(
    text=st.text(st.characters(codec=None), max_size=60)
    | st.text(st.sampled_from("aÃ©â€™Â\x80\x92РСё鈥檚锛\u0301 <\n└├ลดî"), max_size=40)
)
def test_nothing_raises_and_ascii_stays(text: str) -> None:
    repair(text)
    ascii_only = text.encode("ascii", "ignore").decode()
    assert repair(ascii_only) == ascii_only


@settings(deadline=None, max_examples=200)
@given(text=st.text(max_size=60))
def test_markup_is_never_touched(text: str) -> None:
    """Sequences hold no ASCII."""
    kept = [character for character in text if character.isascii()]
    assert [character for character in repair(text) if character.isascii()] == kept


@pytest.mark.parametrize("unit", ["Ã©", "Рё", "ลด", "鈥檚", "中文", "é", "├©", "\x92", "Ã© ", "â€™<"])
def test_hostile_text_costs_linear_time(unit: str) -> None:
    started = time.perf_counter()
    for size in (100_000, 4 << 20):
        repair(unit * (size // len(unit)))
    assert time.perf_counter() - started < 60


class Echo:
    restarts = 0

    def main_text(self, html: str) -> MainText | Failure | None:
        return MainText(html)

    def plain_text(self, html: str) -> str | Failure | None:
        return html


def test_pages_are_repaired_before_the_parser_and_rows_too() -> None:
    limits = Limits(1 << 20, 1 << 20)
    seen: list[bytes] = []

    def screen(plain: bytes) -> str | None:
        seen.append(plain)
        return None

    page = Page(0, 9, None, None, None, 200, "text/html", None, read_as(RUSSIAN, "cp1252").encode())
    found = extract_page(page, limits, PageWork(Echo(), language_screen=screen))
    assert isinstance(found, MainText)
    assert found.text == RUSSIAN
    assert [text.decode().strip() for text in seen] == [RUSSIAN]
    off = extract_page(page, limits, PageWork(Echo(), repair_mojibake=False))
    assert isinstance(off, MainText)
    assert off.text != RUSSIAN
    assert clean("cafÃ©") == "café"
    assert clean("cafÃ©", PageWork(repair_mojibake=False)) == "cafÃ©"


# Real text


@pytest.mark.skipif(not (DATA / "lid").is_dir(), reason="no shared/data/lid beside the repository")
def test_of_texts_in_hundreds_of_languages_only_mojibake_changes() -> None:
    """Each of the changed was looked at: all are mojibake, or windows-1252's punctuation as C1 controls."""
    texts = rows(DATA / "lid" / "lid.jsonl.gz")
    assert len(texts) > 80_000
    changed = Counter(row["kind"] for row in texts if repair(row["text"]) != row["text"])
    assert changed == {"sentence": 138, "paragraph": 19}


@pytest.mark.skipif(not (DATA / "text").is_dir(), reason="no shared/data/text beside the repository")
@pytest.mark.parametrize(
    ("charsets", "least"),
    [
        (("cp1252",), 0.98),
        (("latin-1",), 0.98),
        (("cp1252", "cp1252"), 0.96),
        (("cp1251",), 0.9),
        (("koi8-r",), 0.9),
        (("cp1250",), 0.98),
        (("iso8859-11",), 0.96),
    ],
)
def test_real_documents_come_back(charsets: tuple[str, ...], least: float) -> None:
    documents = [row["text"] for row in rows(DATA / "text" / "open-00.jsonl.gz")[::60] if not row["text"].isascii()]
    sound = [text for text in documents if repair(text) == text]
    assert len(sound) > 120
    assert len(sound) >= 0.9 * len(documents)
    back = sum(repair(read_as(text, *charsets)) == text for text in sound)
    assert back >= least * len(sound)


@pytest.mark.skipif(not (DATA / "pages").is_dir(), reason="no shared/data/pages beside the repository")
@pytest.mark.parametrize("name", ["pages/sample-open", "charsets/charsets"])
def test_no_sound_page_changes(name: str) -> None:
    file = DATA / f"{name}.warc.gz"
    size = file.stat().st_size
    items = read_warc(Split(0, "web", "warc", str(file), 0, size, size), Limits(64 << 20, 16 << 20))
    pages = [decode_page(item.body, item.charset)[0] for item in items if isinstance(item, Page)]
    assert len(pages) > 200
    assert [html[:80] for html in pages if repair(html) != html] == []
