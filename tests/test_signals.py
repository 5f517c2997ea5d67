"""`filters.quality.signals` against a plain Python reference on made and real text; slices, types, edges, order of columns."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_signals as reference
from corpus.schema import COUNT_SIGNALS, RATIO_SIGNALS
from filters.quality import signals

REAL_TEXT = Path(__file__).parents[2] / "shared" / "data" / "text" / "open-00.jsonl.gz"


def measure_one(text: str, language: str = "en") -> dict[str, float]:
    return {
        name: column[0].item() for name, column in signals.measure(pa.array([text], pa.string()), [language]).items()
    }


def assert_as_reference(text: str, language: str) -> None:
    measured, expected = measure_one(text, language), reference.measure(text, language)
    assert set(measured) == set(expected)
    wrong = {
        name: (measured[name], value)
        for name, value in expected.items()
        if abs(measured[name] - value) > 1e-6 * max(1.0, abs(value))
    }
    assert not wrong, (text[:200], wrong)


# Made of pieces that the formulas look for, so that short texts repeat, end, quote and join.
_PIECES = (
    "the |of|don't| e.g.|3.14|a_b|the cat sat. |\n|\n\n|\n \n|- |• |...|…|#|{|。|，|中|文|的|年|·|カタ|ก็|ไทย|한국어|नमस्ते|é"
    "|e\u0301|\u200b|\u00ad|\ufeff|JavaScript|Lorem ipsum |use of Cookies|uses cookies|privacy policy|?!”|.\"|''|__|\r"
    "|http://a.b/c|www.x.y).|ftp://|https://WWW.z|版权所有|Log In|icp备|\ufffd|1. |2) |12、|* |»|›|1234. |a|\uffff"
    "|\x00|❤\ufe0f|👩\u200d🔬|\ue000|\u0378|\t|\u3000|\u2028|A|ǅ|١٬٠٠٠|a,b|1,2|1.a"
)
TEXTS = st.one_of(
    st.lists(st.sampled_from(_PIECES.split("|")), max_size=60).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    st.lists(st.sampled_from(["ab", "a ", "b.", "\n", "中"]), max_size=200).map("".join),
)


@settings(max_examples=800, deadline=None)
@given(TEXTS, st.sampled_from(["en", "zh", "fr", "ja", "und"]))
def test_made_text_is_measured_as_the_reference_does(text: str, language: str) -> None:
    assert_as_reference(text, language)


@pytest.mark.skipif(not REAL_TEXT.exists(), reason="needs shared/data/text, which is not part of the repository")
def test_real_text_is_measured_as_the_reference_does() -> None:
    with gzip.open(REAL_TEXT, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for number, line in enumerate(lines) if number % 60 == 0]
    assert len({row["lang"] for row in rows}) >= 8
    for row in rows:
        assert_as_reference(row["text"][:6000], {"zh-CN": "zh", "zh-TW": "zh"}.get(row["lang"], row["lang"]))


def test_columns_are_the_schemas_in_order_and_type() -> None:
    columns = signals.measure(pa.array(["a"]), ["en"])
    assert tuple(columns) == COUNT_SIGNALS + RATIO_SIGNALS
    assert all(columns[name].dtype == np.uint32 for name in COUNT_SIGNALS)
    assert all(columns[name].dtype == np.float32 for name in RATIO_SIGNALS)


@pytest.mark.parametrize("text", ["", " ", "\n", "\n\n", "\x00", "...", "\u200b", "\n \n"])
def test_texts_without_words_give_zeros_and_no_warnings(text: str) -> None:
    assert_as_reference(text, "en")
    measured = measure_one(text)
    assert all(np.isfinite(list(measured.values())))
    assert measured["words"] == measured["sentences"] == measured["mean_word_length"] == 0


def test_slices_offsets_and_types_do_not_matter() -> None:
    texts = ["first", "", "the second one, and the third.", "中文。", "last\nline\n"]
    languages = ["en", "en", "en", "zh", "en"]
    whole = signals.measure(pa.array(texts), languages)
    for array in (pa.array(texts), pa.array(texts, pa.large_string())):
        part = signals.measure(array.slice(1, 3), pa.array(languages).slice(1, 3))
        for name, column in part.items():
            np.testing.assert_array_equal(column, whole[name][1:4])
    assert all(len(column) == 0 for column in signals.measure(pa.array([], pa.string()), []).values())
    assert all(len(column) == 0 for column in signals.measure(pa.array(texts).slice(2, 0), []).values())


def test_a_documents_signals_do_not_depend_on_its_neighbours() -> None:
    texts = ["spam " * 500, "short", "中文" * 300, "x", "one two three\n" * 40]
    together = signals.measure(pa.array(texts), ["en"] * 5)
    backwards = signals.measure(pa.array(texts[::-1]), ["en"] * 5)
    for name in together:
        np.testing.assert_array_equal(together[name], backwards[name][::-1])
        assert together[name][1].item() == measure_one("short")[name]


def test_values_are_those_of_this_version() -> None:
    """Fails when a value changes: then raise `signals.VERSION`, or old runs would be taken for new ones."""
    texts = [
        "The cat sat on the mat... the cat sat on the mat!\n\n- of 3.14 #1\nUse cookies.",
        "我们的年。今天是2024年，\n很好！",
        "Bu bir örnek ve ilk cümle.",
    ]
    columns = signals.measure(pa.array(texts), ["en", "zh", "tr"])
    digest = hashlib.sha256(b"".join(column.tobytes() for column in columns.values())).hexdigest()[:16]
    assert (signals.VERSION, digest) == (5, "8ee5af7562e4e8ca")


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(TypeError, match="string"):
        signals.measure(pa.array([1]), ["en"])
    with pytest.raises(ValueError, match="null"):
        signals.measure(pa.array(["a", None]), ["en", "en"])
    with pytest.raises(ValueError, match="languages"):
        signals.measure(pa.array(["a"]), [])


def test_invalid_utf8_is_measured_as_its_replacement() -> None:
    raw = b"ok \xff\xfe \xed\xa0\x80 \xe4\xb8 end\xf0\x9f"
    array = pa.StringArray.from_buffers(1, pa.array([0, len(raw)], pa.int32()).buffers()[1], pa.py_buffer(raw))
    measured = signals.measure(array, ["en"])
    expected = measure_one(raw.decode("utf-8", "replace"))
    assert {n: c[0].item() for n, c in measured.items() if n != "bytes"} == {
        n: v for n, v in expected.items() if n != "bytes"
    }
    assert measured["bytes"][0] == len(raw)


@pytest.mark.parametrize("piece", ["a", "a ", "!", "中", "\n", "ab!\n", ". "])
def test_one_huge_line_takes_linear_time(piece: str) -> None:
    size = 2_000_000
    text = piece * (size // len(piece.encode()))
    measured = measure_one(text)
    assert measured["characters"] == len(text)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("one two three", "top_2_gram_character_ratio", 0.0),  # datatrove would drop it: an n-gram that occurs once
        ("a b. a b.", "top_2_gram_character_ratio", 6 / 9),
        ("x y x y", "top_2_gram_character_ratio", 6 / 7),
        ("line\nline\nother", "duplicate_line_ratio", 1 / 3),
        ("line\n\nline\n\nother", "duplicate_paragraph_ratio", 1 / 3),
        ("他说：好。走吧！", "sentences", 2),
        ("Pi is 3.14 at example.org. Yes", "sentences", 1),
        ("的的年 the", "stop_words", 2),
        ("中文，很好", "mean_word_length", 1.0),
        ("- a\n\n- b\n", "bullet_line_ratio", 2 / 3),
        ("我们在学习\n今天天气好", "short_word_line_ratio", 0.0),
        ("首页\n登录\n他说：“好的。” |", "fragment_character_ratio", 4 / 14),
        ("(go to the top)", "fragment_character_ratio", 1.0),
        ("a" * 31, "fragment_character_ratio", 0.0),
        ("กข กข", "cjk_ratio", 0.0),
        ("漢字かな한글ab", "cjk_ratio", 6 / 8),
    ],
)
def test_examples(text: str, name: str, value: float) -> None:
    assert measure_one(text, "zh")[name] == pytest.approx(value, abs=1e-6)
