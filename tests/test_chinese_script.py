"""Traditional ↔ simplified: in Chinese documents and nowhere else; a clear error without OpenCC; a part of fingerprints."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import InputError
from corpus.recipe.parsing import parse_recipe
from corpus.storage.run_directory import RunDirectory
from corpus.text import chinese_script
from corpus.text.chinese_script import in_script
from pipelines.report.run_documents import RunDocuments

TRADITIONAL = (
    "這個國家的經濟發展很快，人民的生活水準也提高了。學校裏的學生們正在認真地學習歷史與數學，老師講解得非常清楚。"
)
SIMPLIFIED = (
    "这个国家的经济发展很快，人民的生活水准也提高了。学校里的学生们正在认真地学习历史与数学，老师讲解得非常清楚。"
)
# Old characters, as a Japanese text on the past has them: `t2s` would change nearly all.
JAPANESE = "國家の經濟と發展についての歷史。學校で學ぶ學生たちは、東亞の戰爭と條約、鐵道と電氣通信の歷史を學んだ。"
KOREAN = "대한민국의 역사(歷史)와 경제(經濟)를 공부하는 학생(學生)들이 학교(學校)에서 책을 읽고 있습니다."
ENGLISH = "The word 國 means country, and the students of this school learn about the history of the economy."


def test_both_directions() -> None:
    assert in_script(TRADITIONAL, "simplified") == SIMPLIFIED
    assert in_script(SIMPLIFIED, "traditional") == TRADITIONAL
    assert in_script(SIMPLIFIED, "simplified") == SIMPLIFIED
    assert in_script(TRADITIONAL, "keep") == TRADITIONAL


def test_phrases_decide_where_characters_cannot() -> None:
    assert in_script("头发发展", "traditional") == "頭髮發展"
    assert in_script("乾燥的乾隆", "simplified") == "干燥的乾隆"


def test_a_japanese_line_of_a_chinese_text_stays() -> None:
    text = f"{TRADITIONAL}\n{JAPANESE}\n鮮の味，這是開店的人寫的"
    assert in_script(text, "simplified") == f"{SIMPLIFIED}\n{JAPANESE}\n鲜の味，这是开店的人写的"


@given(st.text(st.sampled_from("國国學学 a，。\n"), max_size=40))
def test_lines_stay_lines(text: str) -> None:
    assert in_script(text, "simplified").count("\n") == text.count("\n")
    assert in_script(text, "simplified") == text.replace("國", "国").replace("學", "学")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    texts = {"hant": TRADITIONAL, "hans": SIMPLIFIED, "ja": JAPANESE, "ko": KOREAN, "en": ENGLISH}
    lines = (json.dumps({"id": name, "text": text}) + "\n" for name, text in texts.items())
    (tmp_path / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("chinese", "of_hant", "of_hans", "scripts"),
    [
        ("keep", TRADITIONAL, SIMPLIFIED, ("hant", "hans")),
        ("simplified", SIMPLIFIED, SIMPLIFIED, ("hans", "hans")),
        ("traditional", TRADITIONAL, TRADITIONAL, ("hant", "hant")),
    ],
    ids=["keep", "simplified", "traditional"],
)
def test_a_build_converts_chinese_documents_alone(
    rows: Path, build_run: Callable[..., None], chinese: str, of_hant: str, of_hans: str, scripts: tuple[str, str]
) -> None:
    (rows / "recipe.toml").write_text(
        '[run]\nname = "scripts"\n[[source]]\nname = "rows"\nformat = "jsonl"\ninputs = ["rows.jsonl"]\nprofile = "none"\n'
        f'[normalise]\nchinese = "{chinese}"\n',
        encoding="utf-8",
    )
    build_run(rows / "recipe.toml", rows / "run", "--until", "measure")
    documents = RunDocuments(RunDirectory(str(rows / "run")))
    found = documents.columns(0, ["id", "text", "language", "script"]).to_pylist()
    texts = {row["id"]: row["text"] for row in found}
    assert texts == {"hant": of_hant, "hans": of_hans, "ja": JAPANESE, "ko": KOREAN, "en": ENGLISH}
    assert [row["language"] for row in found] == ["zh", "zh", "ja", "ko", "en"]
    assert tuple(row["script"] for row in found[:2]) == scripts


def test_without_opencc_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "opencc" else real(name))
    chinese_script.converter.cache_clear()
    with pytest.raises(InputError, match=r"pip install opencc==1\.4\.2"):
        in_script(TRADITIONAL, "simplified")


def test_the_fingerprint_has_the_version_where_the_step_is_on() -> None:
    assert chinese_script.versions("keep") == {}
    assert set(chinese_script.versions("simplified")) == {"chinese_script", "opencc"}


def test_an_unknown_script_is_an_error() -> None:
    source = {"name": "web", "inputs": ["*.warc.gz"]}
    with pytest.raises(Exception, match="chinese"):
        parse_recipe({"run": {"name": "x"}, "source": [source], "normalise": {"chinese": "hans"}}, "here")
