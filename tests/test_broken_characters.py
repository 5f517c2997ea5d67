"""Pages with broken bytes and wrong declarations: the charset stays, one character is lost, and the loss is U+FFFD."""

from encodings.aliases import aliases

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.pages.broken_characters import decode_broken
from corpus.pages.charset import decode_page
from corpus.pages.charset_scores import MULTI_BYTE, SINGLE_BYTE, costs_of, sample_of

# Written for these tests.
TEXTS = {
    "gb18030": "<p>镇上的图书馆去年翻修过，二楼新添了一间阅览室，周末总坐满了做作业的学生。管理员说，借书的人比前几年多了三成。</p>",
    "big5hkscs": "<p>鎮上的圖書館去年翻修過，二樓新添了一間閱覽室，週末總坐滿了做作業的學生。管理員說，借書的人比前幾年多了三成。</p>",
    "cp932": "<p>町の図書館は去年改修され、二階に新しい閲覧室ができました。週末は宿題をする学生でいっぱいになります。</p>",
    "euc_jp": "<p>町の図書館は去年改修され、二階に新しい閲覧室ができました。週末は宿題をする学生でいっぱいになります。</p>",
    "cp949": "<p>마을 도서관은 작년에 새로 고쳐졌고 이 층에 열람실이 생겼다. 주말이면 숙제하는 학생들로 가득 찬다.</p>",
    "cp1251": "<p>Городскую библиотеку отремонтировали в прошлом году, на втором этаже появился новый читальный зал.</p>",
    "koi8-r": "<p>Городскую библиотеку отремонтировали в прошлом году, на втором этаже появился новый читальный зал.</p>",
    "iso8859-5": "<p>Городскую библиотеку отремонтировали в прошлом году, на втором этаже появился новый читальный зал.</p>",
    "cp866": "<p>Городскую библиотеку отремонтировали в прошлом году, на втором этаже появился новый читальный зал.</p>",
    "koi8-u": "<p>Міську бібліотеку відремонтували торік, на другому поверсі з’явилася нова читальна зала, її полюбили.</p>".replace("’", "'"),
    "cp1253": "<p>Η βιβλιοθήκη της πόλης ανακαινίστηκε πέρυσι και στον δεύτερο όροφο άνοιξε ένα νέο αναγνωστήριο.</p>",
    "cp1255": "<p>הספרייה העירונית שופצה בשנה שעברה ובקומה השנייה נפתח אולם קריאה חדש לתלמידים.</p>",
    "cp1256": "<p>تم تجديد مكتبة المدينة في العام الماضي وافتتحت قاعة جديدة للقراءة في الطابق الثاني.</p>",
    "cp874": "<p>ห้องสมุดของเมืองได้รับการปรับปรุงเมื่อปีที่แล้ว และมีห้องอ่านหนังสือใหม่ที่ชั้นสอง</p>",
    "cp1254": "<p>Şehir kütüphanesi geçen yıl yenilendi, ikinci katta öğrenciler için yeni bir okuma salonu açıldı.</p>",
    "cp1250": "<p>Městská knihovna byla loni opravena a ve druhém patře přibyla nová čítárna, kde se žáci učí.</p>",
    "iso8859-2": "<p>Biblioteka miejska została w zeszłym roku odnowiona, a na piętrze otwarto nową czytelnię dla młodzieży.</p>",
    "cp1257": "<p>Miesto biblioteka pernai buvo atnaujinta, o antrajame aukšte įrengta nauja skaitykla moksleiviams.</p>",
    "cp1252": "<p>Die Stadtbücherei wurde voriges Jahr renoviert; im zweiten Stock gibt es jetzt einen größeren Lesesaal für Schüler.</p>",
}  # fmt: skip
WRONG = ["iso-8859-1", "windows-1252", "utf-8", "gbk", "big5", "shift_jis", "euc-kr", "windows-1251", "koi8-r"]


@pytest.mark.parametrize("charset", TEXTS)
@pytest.mark.parametrize("declared", [None, *WRONG])
def test_the_bytes_decide_whatever_is_declared(charset: str, declared: str | None) -> None:
    text = TEXTS[charset]
    assert decode_page(text.encode(charset), declared)[0] == text
    if declared is not None:
        page = f'<meta charset="{declared}">{text}'
        assert decode_page(page.encode(charset))[0] == page
        assert decode_page(page.encode(charset), charset.replace("_", "-"))[0] == page


@pytest.mark.parametrize("charset", [*TEXTS, "utf-8"])
@pytest.mark.parametrize("byte", [0x80, 0x81, 0xA0, 0xFF])
@pytest.mark.parametrize("declared", [True, False])
def test_a_byte_too_many_costs_a_character_or_two(charset: str, byte: int, declared: bool) -> None:
    text = TEXTS.get(charset, TEXTS["gb18030"])
    body = text.encode(charset)
    label = {"gb18030": "gbk", "big5hkscs": "big5", "cp932": "shift_jis"}.get(charset, charset) if declared else None
    for place in range(len(body) // 2, len(body) // 2 + 8):
        if charset in MULTI_BYTE and not _between_characters(text, charset, place):
            continue
        found = decode_page(body[:place] + bytes([byte]) + body[place:], label)[0]
        assert _kept(text, found) >= len(text) - 3, found


@pytest.mark.parametrize("charset", [*TEXTS, "utf-8"])
def test_a_page_that_is_cut_loses_its_last_character_at_most(charset: str) -> None:
    text = TEXTS.get(charset, TEXTS["big5hkscs"])
    whole = text[:-4].encode(charset)
    found = decode_page(whole[:-1], None)[0]
    assert found.removesuffix("\ufffd") == whole[:-1].decode(charset, "ignore")


def test_0x80_is_the_euro_sign_of_windows_936() -> None:
    body = TEXTS["gb18030"].encode("gbk") + b"<p>\x80 20</p>"
    assert decode_page(body, "gb2312")[0] == TEXTS["gb18030"] + "<p>€ 20</p>"
    assert decode_page(body)[0].endswith("<p>€ 20</p>")


def test_a_long_text_survives_its_one_bad_byte() -> None:
    text = TEXTS["gb18030"].replace("</p>", "\n") * 300
    body = text.encode("gbk")
    for place in (1001, len(body) // 2, len(body) - 1):
        assert _kept(text, decode_page(body[:place] + b"\xff" + body[place:])[0]) >= len(text) - 2
    assert decode_page(body[:-2])[0] == text[:-2] + "\ufffd"


def test_utf_8_with_some_broken_bytes_stays_utf_8() -> None:
    for text in (TEXTS["gb18030"], TEXTS["cp949"], TEXTS["cp1251"]):
        body = bytearray(text.encode())
        places = [place for place, byte in enumerate(body) if byte >= 0xC0][1:9:4]
        for place in reversed(places):
            body[place : place + 1] = b"\xff\xfe"
        found, charset = decode_page(bytes(body), "iso-8859-1")
        assert charset == "utf-8"
        assert "\ufffd" in found


def test_seven_bit_charsets_survive_a_bad_byte() -> None:
    japanese = TEXTS["cp932"].encode("iso2022_jp")
    found, charset = decode_page(japanese[:40] + b"\xff" + japanese[40:], "utf-8")
    assert charset == "iso2022_jp"
    assert _kept(TEXTS["cp932"], found) >= len(TEXTS["cp932"]) // 2
    assert decode_page(TEXTS["cp949"].encode("iso2022_kr"))[0] == TEXTS["cp949"]
    assert decode_page(TEXTS["gb18030"].encode("hz"), "hz-gb-2312")[0] == TEXTS["gb18030"]
    script = "<p>~{a b}</p><script>x={y:~{z:1}~}</script>"
    assert decode_page(script.encode())[0] == script


def test_few_letters_are_what_was_declared() -> None:
    for label, text in (("windows-1250", "Dvořák"), ("windows-1251", "Привет"), ("gbk", "你好"), ("windows-1252", "é")):
        page = f"<html><p>A page in English, with one word: {text}.</p>"
        codec = {"gbk": "gbk"}.get(label, label)
        assert decode_page(page.encode(codec), label)[0] == page


@pytest.mark.parametrize("label", sorted({*aliases, *aliases.values(), "iso-8859-8-i", "macintosh", "iso-8859-16"}))
def test_any_label_of_a_charset_leaves_the_bytes_their_say(label: str) -> None:
    """Labels of charsets that hardly any page is in ended in an IndexError, and with it the page."""
    for charset in ("cp1251", "gb18030", "cp1252"):
        assert decode_page(TEXTS[charset].encode(charset), label)[0] == TEXTS[charset]


@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=200), charset=st.sampled_from(sorted(MULTI_BYTE)))
def test_any_bytes_are_divided(data: bytes, charset: str) -> None:
    text = decode_broken(data, charset)
    assert "\ufffd" in text or text.encode(charset, "replace").isascii() == data.isascii()
    if data.isascii():
        assert text == data.decode()


@settings(deadline=None, max_examples=60)
@given(data=st.binary(min_size=1, max_size=200))
def test_costs_are_finite_and_of_known_charsets(data: bytes) -> None:
    costs = costs_of(sample_of(data))
    assert set(costs) <= {*SINGLE_BYTE, *MULTI_BYTE}
    assert all(0 <= cost < 1e6 for cost in costs.values())


def _between_characters(text: str, charset: str, place: int) -> bool:
    sizes = [len(character.encode(charset)) for character in text]
    return place in {sum(sizes[:count]) for count in range(len(sizes))}


def _kept(text: str, found: str) -> int:
    """Characters of a text that are there before and after the first and last difference."""
    ahead = next((n for n, (a, b) in enumerate(zip(text, found, strict=False)) if a != b), min(len(text), len(found)))
    behind = next((n for n, (a, b) in enumerate(zip(text[::-1], found[::-1], strict=False)) if a != b), len(text))
    return min(len(text), ahead + behind)
