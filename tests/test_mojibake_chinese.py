"""Chinese that was read in another charset: UTF-8 as GBK with its euro signs, GBK as latin-1; and what only looks so."""

import pytest

from corpus.text.mojibake import repair
from corpus.text.normalisation import DEFAULT, normalise

CHINESE = [
    "一个一个地说，第一次不一定好。",
    "中文网页编码测试，请忽略",
    "春天的时候，河边的柳树最先发芽，孩子们放学以后常常在树下玩耍。",
    "这是我们学校的图书馆，里面有很多书。",
]


@pytest.mark.parametrize("text", CHINESE)
def test_gbk_read_as_latin_1_is_undone(text: str) -> None:
    wrong = text.encode("gb2312").decode("latin-1")
    assert repair(wrong) == text
    assert repair(f"<p>{wrong}</p>\n<p>2024</p>") == f"<p>{text}</p>\n<p>2024</p>"
    assert repair(text) == text


@pytest.mark.parametrize("text", ["一一一", "十一月一日", "一二三一二三", "统一一致"])
def test_utf_8_read_as_gbk_is_undone_with_its_euro_signs(text: str) -> None:
    wrong = text.encode().decode("cp936", "ignore") if b"\x80" not in text.encode() else None
    read = bytearray(text.encode())
    shown = ""
    while read:
        if read[0] == 0x80 or len(read) == 1:
            shown += "€" if read[0] == 0x80 else ""
            del read[:1]
            continue
        pair = bytes(read[:2])
        try:
            shown += pair.decode("gbk")
            del read[:2]
        except UnicodeDecodeError:
            pytest.skip("not readable as GBK")
    assert wrong is None or wrong == shown
    if len(shown.replace("€", "")) * 2 + shown.count("€") == len(text.encode()):
        assert repair(shown) == text


@pytest.mark.parametrize(
    "text",
    [
        "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓ",
        "ÄÖÜÄÖÜÄÖÜ Größe Übergröße",
        "ÑÀÎÁÍÛÅ ÐÅØÅÍÈß ÄËß ÊÎÌÏÀÍÈÈ",
        "º½ÀÌ µÇ¸é °­°¡ÀÇ ¹öµå³ª¹«°¡ °¡Àå",
        "ÞÓRÐUR ÆÐI ÍSLENSKU ÁÐUR",
        "¿¿¿¿¿¿¿¿ ¡¡¡¡¡¡¡¡ £££££££££",
    ],
)
def test_what_is_no_chinese_stays(text: str) -> None:
    assert repair(text) == text


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("\x1b[31m错误\x1b[0m 退出", "错误 退出"),
        ("\x1b[1;32mok\x1b[0K", "ok"),
        ("a[31m b", "a[31m b"),
        ("\ufff9漢字\ufffaかんじ\ufffb", "漢字かんじ"),
        ("好\ufffc好", "好好"),
        ("가\u3164나", "가 나"),
        ("가\uffa0나", "가 나"),
        ("a\u2800b", "a b"),
    ],
)
def test_what_a_terminal_or_an_editor_left_is_gone(text: str, normal: str) -> None:
    assert normalise(text, DEFAULT) == normal
    assert normalise(normal, DEFAULT) == normal
