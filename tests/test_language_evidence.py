"""What characters say of a language against the model: capitals, width forms, mixed texts, and scripts that the model does not know."""

from pathlib import Path

import fasttext
import pytest

from filters.language.evidence import is_written, japanese_odds, turkic, with_model
from filters.language.identification import LanguageModel, default_model_path
from filters.language.romanised import romanised
from filters.language.scripts import ARABIC, CYRILLIC, DEVANAGARI, LATIN, MARKS, count_characters, kanji_class


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel(default_model_path())


def test_a_character_of_han_has_the_charsets_that_have_it() -> None:
    classes = {character: kanji_class(character) for character in "人気駅学學議这的働"}
    assert classes == {
        "人": "1GB",
        "気": "1  ",
        "駅": "1  ",
        "学": "1G ",
        "學": "2 B",
        "議": "1 B",
        "这": " G ",
        "的": "1GB",
        "働": "1  ",
    }


WIDE = {ord("A") + at: 0xFF21 + at for at in range(26)} | {ord("a") + at: 0xFF41 + at for at in range(26)}
BOLD = {ord("A") + at: 0x1D400 + at for at in range(26)} | {ord("a") + at: 0x1D41A + at for at in range(26)}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The library opens at nine, and readers who come early wait in the small garden behind it.", "en"),
        ("Kütüphane sabah dokuzda açılır, erken gelen okurlar arkadaki küçük bahçede bekler.", "tr"),
        ("Бібліотека відчиняється о дев'ятій, а хто прийшов раніше, чекає в садку за будинком.", "uk"),
        ("Кітапхана таңғы тоғызда ашылады, ерте келген оқырмандар артындағы шағын бақта күтеді.", "kk"),
        ("Thư viện mở cửa lúc chín giờ, độc giả đến sớm ngồi đợi trong khu vườn nhỏ phía sau.", "vi"),
        ("Die Bücherei öffnet um neun, und wer früher kommt, wartet im kleinen Garten dahinter.", "de"),
    ],
)
@pytest.mark.parametrize("variation", ["capitals", "most in capitals", "as it is"])
def test_capitals(model: LanguageModel, text: str, language: str, variation: str) -> None:
    capitals = text.replace("i", "İ").upper() if language == "tr" else text.upper()
    if variation == "as it is":
        capitals = text
    elif variation == "most in capitals":
        capitals = capitals[: 4 * len(text) // 5] + text[4 * len(text) // 5 :]
    assert model.identify([capitals])[0].language == language


@pytest.mark.parametrize("forms", [WIDE, BOLD])
@pytest.mark.parametrize("change", [str, str.upper, lambda text: text.replace(" ", "\u3000")])
def test_full_width_and_mathematical_letters(model: LanguageModel, forms: dict[int, int], change: type[str]) -> None:
    text = change("The library opens at nine, and readers who come early wait in the garden").translate(forms)
    answer = model.identify([text])[0]
    assert (answer.language, answer.score > 0.65) == ("en", True)


MIXED = [
    ("她最喜欢的专辑是《アンダーグラフ》里的那张，收录了ツバサ等名曲，这些歌现在还能听到。", "zh"),
    ("片假名「テレビ」就是电视的意思，这个词来自英语。", "zh"),
    ("他說《ドラえもん》是他小時候看過的第一部動畫，現在還記得很清楚。", "zh"),
    ("新製品発売記念、全品半額。期間限定の特別価格、在庫僅少。", "ja"),
    ("本日休業。営業時間変更のお知らせ、詳細店頭掲示。", "ja"),
    ("社会学者の李先生は『红楼梦』を日本語に訳した。", "ja"),
    ("國會는 國民의 普通選擧에 依하여 選出된 議員으로 構成한다", "ko"),
    ("地方自治團體는 住民의 福利에 關한 事務를 處理한다", "ko"),
    ("新聞記者 朴氏는 漢文을 배웠다", "ko"),
    ("韩国女星金智秀（김지수）主演的电视剧昨天开播", "zh"),
    ("韓國歌手李知恩（이지은）的新歌昨天發行，她說很開心", "zh"),
    ("先 pull 一下 main branch，再跑 unit test 看看", "zh"),
    ("这周五要deploy，大家记得update文档", "zh"),
    ("The dish called 红烧肉 is braised pork belly with soy sauce.", "en"),
]


@pytest.mark.parametrize(("text", "language"), MIXED)
@pytest.mark.parametrize("change", [str, lambda text: f"{text}\n{text}", lambda text: f"【1】 {text} ( 2024-05 )"])
def test_texts_of_two_scripts(model: LanguageModel, text: str, language: str, change: type[str]) -> None:
    assert model.identify([change(text)])[0].language == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("東京駅構内営業時間変更", "ja"),
        ("毎週火曜日定休", "ja"),
        ("税込価格 送料無料", "ja"),
        ("会議室予約状況", "ja"),  # 会 as in China, 議 as in Taiwan: both only in Japan
        ("列车时刻表", "zh"),
        ("營業時間：週一至週五", "zh"),
        ("有限公司", "zh"),
        ("天地玄黃，宇宙洪荒。", "zh"),
        ("知之者不如好之者，好之者不如樂之者。", "zh"),
    ],
)
def test_han_without_kana(model: LanguageModel, text: str, language: str) -> None:
    assert model.identify([text])[0].language in ({"zh", "lzh"} if language == "zh" else {language})


def test_odds_add_up_over_characters_and_the_model_has_bounds() -> None:
    one, two, neutral = japanese_odds(count_characters(["駅", "駅駅", "人山"])).tolist()
    assert two == pytest.approx(2 * one)
    assert one > 3
    assert abs(neutral) < 0.2
    assert with_model(0.0, 3, 1.0, 0.0) == 1.0  # of three characters a model knows little
    assert with_model(0.0, 90, 1.0, 0.0) == 3.0
    assert with_model(0.0, 90, 0.0, 1.0) == -3.0
    assert japanese_odds(count_characters(["ab"])).tolist() == [0.0]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("ᠮᠣᠩᠭᠣᠯ ᠬᠡᠯᠡ", "mn"),
        ("ꆈꌠꁱꂷ ꌋꆀ", "ii"),
        ("བོད་ཡིག་སློབ་པ", "bo"),
        ("ᎣᏏᏲ ᏂᎦᏓ", "chr"),
        ("ⵜⴰⵎⴰⵣⵉⵖⵜ ⵏ ⵡⴰⵟⵍⴰⵙ", "zgh"),
        ("كەشە اۋىلدا توي بولدى، ءبارىمىز باردىق.", "kk"),
        ("بىزدىڭ مەكتەپ قالاداعى ەڭ ۇلكەن مەكتەپ", "kk"),
        ("مۇعالىم ساباقتى ءتۇسىندىردى", "kk"),
        ("بىز ئەتە مەكتەپكە بارىمىز، ئۇ يەردە كۆپ بالىلار بار.", "ug"),
        ("ھاۋا بۈگۈن بەك ئىسسىق", "ug"),
        ("بىز مەكتەپتە قىرعىز تىلىن ۅيرۅنۉپ جاتابىز، كۉن جىلۇۇ", "ky"),
        ("ئەمڕۆ کەش و هەوا زۆر خۆشە لە شاری هەولێر", "ckb"),
        ("تعلمنا اليوم درسا جديدا في المدرسة", "ar"),
        ("امروز هوا خیلی خوب است و ما به پارک می‌رویم", "fa"),
        ("佢琴日冇返學，因為唔舒服", "yue"),
        ("呢啲嘢我睇過喇", "yue"),
        ("搭的士去嗰度快啲", "yue"),
        ("你在做什麼呢？我在等你呀。", "zh"),  # particles of both
    ],
)
def test_scripts_and_letters_of_few_languages(model: LanguageModel, text: str, language: str) -> None:
    assert model.identify([text])[0].language == language


def test_turkic_letters_decide_in_arabic_script_alone() -> None:
    def found(text: str) -> str | None:
        classes, marks = count_characters([text])
        answer = turkic(classes[0].tolist(), marks[0].tolist())
        return answer and answer[0]

    assert found("ساباق") is None  # nothing that Arabic has not
    assert found("بۇ كىتاب") is not None
    assert found("هەڤاڵان لە کوێن") is None  # Kurdish has as many letters of its own


def test_no_language_is_answered_that_is_not_written_so(model: LanguageModel) -> None:
    assert is_written("kk", "", LATIN)
    assert is_written("kk", "", CYRILLIC)
    assert is_written("kk", "", ARABIC)
    assert not is_written("ja", "", LATIN)
    assert not is_written("en", "", CYRILLIC)
    assert not is_written("en", "", DEVANAGARI)
    assert is_written("xyz", "", LATIN)
    assert not is_written("kk", "Cyrl", LATIN)  # a label that names its script
    for text in ("Kore wa nan desu ka", "mwo haneun geoya", "zdravstvuyte"):
        assert model.identify([text])[0].language not in {"ja", "ko", "ru", "zh"}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Zuotian women qu xuexiao de shihou xia yu le", "zh"),
        ("Wǒmen míngtiān qù shūdiàn mǎi shū", "zh"),
        ("Kinou wa tomodachi no ie ni ikimashita", "ja"),
        ("Kyō wa totemo atsui desu ne", "ja"),
        ("Mujhe aaj ghar jaldi jaana hai", "hi"),
        ("Baada ya kurudi aliposwa na Muhammad huko.", ""),
        ("La casa de mi hermano es muy bonita", ""),
        ("We like to make some more tea today", ""),
        ("Ke aloha nō i ka ʻāina o Hawaiʻi", ""),
        ("wo", ""),
    ],
)
def test_romanised(text: str, language: str) -> None:
    assert romanised(text) == language
    assert romanised(text.upper()) == language
    assert romanised(f"“{text}!”") == language


@pytest.mark.parametrize("text", ["0 0 2px rgba(10,10,10,.5)", "9e107d9d372bb6826bd81d3542a419d6", "A7F-22B 9Q1"])
def test_letters_among_digits_are_no_sure_language(model: LanguageModel, text: str) -> None:
    assert model.identify([text])[0].score < 0.5


def test_a_model_with_labels_of_glotlid(tmp_path: Path) -> None:
    """Languages with their scripts: a label that names another script than the text's is not the answer."""
    samples = {
        "kaz_Cyrl": "Қазақ тілін үйрену қиын емес, бірақ уақыт керек",
        "uig_Arab": "ئۇيغۇر تىلىنى ئۆگىنىش تەس ئەمەس",
        "eng_Latn": "It is not hard to learn a language, but it takes time",
        "cmn_Hani": "学习一门语言并不难，但是需要时间",
        "jpn_Jpan": "言語を学ぶのは難しくないが、時間がかかる",
    }
    lines = [f"__label__{label} {text}" for label, text in samples.items()] * 20
    (tmp_path / "train.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    trained = fasttext.train_supervised(
        str(tmp_path / "train.txt"), dim=8, epoch=20, lr=1.0, minn=1, maxn=3, bucket=1000, thread=1, verbose=0
    )
    trained.save_model(str(tmp_path / "glot.bin"))
    answers = LanguageModel(tmp_path / "glot.bin").identify(list(samples.values()))
    assert [answer.language for answer in answers] == ["kk", "ug", "en", "zh", "ja"]


def test_marks_count_what_they_say() -> None:
    _, marks = count_characters(["ABc Ж ж", "嘅的是", "ＡＢ"])
    assert marks[0, [MARKS.upper, MARKS.lower]].tolist() == [3, 2]
    assert marks[1, [MARKS.cantonese, MARKS.mandarin, MARKS.chinese]].tolist() == [1, 1, 1]
    assert marks[2, [MARKS.compatibility, MARKS.upper]].tolist() == [2, 2]


@pytest.mark.parametrize(
    "text",
    [
        "國民學校の兒童は每朝體操をし、それから敎室で讀書と圖畫を學びました。",
        "當時の鐵道會社は、驛ごとに倉庫を設け、國內の貨物を廣く輸送してゐた。",
        "彼は獨逸に留學し、醫學を硏究した後、東京の大學で敎鞭を執つたといふ。",
        "櫻の花が咲く頃、溪流に沿つて步くと、鳥の聲が聞えて來る。",
    ],
)
def test_japanese_in_the_old_forms_of_kanji_is_japanese(model: LanguageModel, text: str) -> None:
    """Each is full of characters that Big5 has and Japanese of today does not write."""
    assert model.identify([text])[0].language == "ja"


def test_a_little_kana_among_traditional_characters_is_chinese(model: LanguageModel) -> None:
    for text in (
        "優の良品是香港的零食店，門市遍佈港九新界。",
        "這齣動畫的原名是「となりのトトロ」，在臺灣由電視臺播出後廣受歡迎，至今仍有許多觀眾喜愛。",
    ):
        assert model.identify([text])[0].language in ("zh", "yue")
