"""What a user is told of a wrong recipe: every mistake at once, with its line, and what to write instead."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import corpus
from corpus.errors import CorpusError
from corpus.recipe.parsing import load_recipe
from corpus.recipe.places import line_of, places
from corpus.recipe.suggestions import LISTED, language_code, unknown
from pipelines.prepared import prepare

BASE = """[run]
name = "a"
languages = ["zh", "en"]

[[source]]
name = "web"
format = "jsonl"
inputs = ["rows.jsonl"]
"""
PHASE = """
[[phase]]
name = "first"
tokens = 100_000
sequence_length = 128
"""

#: (recipe, what the answer has: each in some line of it).
WRONG = [
    (BASE.replace("name = ", "nam = ", 1), ["recipe.toml:2: run.nam: unknown key (did you mean 'name'?)", "run.name: mis"]),
    (BASE.replace('"a"', '"my corpus"'), ["recipe.toml:2: run.name = 'my corpus': allowed is up to 64 letters"]),
    (BASE.replace('"zh"', '"zh-CN"'), ["recipe.toml:3: run.languages.0 = 'zh-CN'", "write 'zh'"]),
    (BASE.replace('"zh"', '"zh-Hans"'), ["write 'zh'"]),
    (BASE.replace('"zh"', '"ZH"'), ["write 'zh'"]),
    (BASE.replace('"zh"', '"cn"'), ["'cn' is none of", "(write 'zh')"]),
    (BASE.replace('"zh"', '"jp"'), ["'jp' is none of", "(write 'ja')"]),
    (BASE.replace('"zh"', '"zho"'), ["(write 'zh')"]),
    (BASE.replace('"zh"', '"eng"'), ["(write 'en')"]),
    (BASE.replace('"zh"', '"english"'), ["write 'en'"]),
    (BASE.replace('"zh"', '"pt-BR"'), ["write 'pt'"]),
    (BASE.replace('"zh"', '"qq"'), ["'qq' is none of the"]),
    (BASE.replace('"zh", "en"', '"cn", "kr"'), ["(write 'zh')", "(write 'ko')"]),
    (BASE.replace('["zh", "en"]', '"zh"'), ["recipe.toml:3: run.languages = 'zh'", "list"]),
    (BASE.replace("[run]", "[runn]"), ["recipe.toml:1: runn: unknown key (did you mean 'run'?)", "run: missing"]),
    (BASE.replace("[[source]]", "[source]"), ["recipe.toml:5: source", "list"]),
    (BASE.replace("[[source]]", "[[sources]]"), ["did you mean 'source'", "source: missing"]),
    (BASE.replace("format", "formt"), ["recipe.toml:7: source.0.formt", "did you mean 'format'"]),
    (BASE.replace('"jsonl"', '"json"'), ["recipe.toml:7: source.0.format = 'json'", "'jsonl'"]),
    (BASE.replace('"jsonl"', '"WARC"'), ["source.0.format = 'WARC'", "'warc'"]),
    (BASE.replace('["rows.jsonl"]', '"rows.jsonl"'), ["recipe.toml:8: source.0.inputs = 'rows.jsonl'", "list"]),
    (BASE.replace("rows.jsonl", "row.jsonl"), ["source 'web': 'row.jsonl' does not exist"]),
    (BASE.replace("rows.jsonl", "*.warc.gz"), ["source 'web': '*.warc.gz' matches no file"]),
    (BASE.replace("rows.jsonl", "folder"), ["'folder' is a folder; name its files, as 'folder/*.jsonl.gz'"]),
    (BASE.replace("rows.jsonl", "folder/"), ["name its files, as 'folder/*.jsonl.gz'"]),
    (BASE + 'profile = "wbe"\n', ["profile 'wbe' is unknown (did you mean 'web'?)"]),
    (BASE + 'kind = "wiki"\n', ["recipe.toml:9: source.0.kind = 'wiki'", "'encyclopedia'"]),
    (BASE + 'fields = { txt = "body" }\n', ["recipe.toml:9: source.0.fields.txt", "did you mean 'text'"]),
    (BASE + BASE.partition("\n\n")[2], ["recipe.toml:10: source name 'web' stands twice"]),
    (BASE + "[dedup]\nthreshold = 80\n", ["recipe.toml:10: dedup.threshold = 80", "less than or equal to 1"]),
    (BASE + '[dedup]\nthreshold = "0.8"\n', ["dedup.threshold = '0.8'", "valid number"]),
    (BASE + "[dedup]\norder = ['wiki']\n", ["recipe.toml:10: dedup.order: 'wiki' is no source"]),
    (BASE + "[dedup]\nminhash = true\n", ["recipe.toml:10: dedup.minhash: unknown key; known are bands"]),
    (BASE + "[tokenizer]\nweights = { zh = 1.0, ja = 1.0 }\n", ["recipe.toml:10: tokenizer.weights names 'ja'", "not want"]),
    (BASE + "[tokenizer]\nweights = { cn = 1.0 }\n", ["tokenizer.weights names 'cn'"]),
    (BASE + '[tokenizer]\nmodel = "none.model"\n', ["none.model"]),
    (BASE + "[tokenizer]\nvocab = 4000\n", ["tokenizer.vocab: unknown key (did you mean 'vocab_size'?)"]),
    (BASE + PHASE + 'weights = { "web.ja" = 1.0 }\n', ["recipe.toml:14: phase 'first': weights names 'web.ja'", "not want"]),
    (BASE + PHASE + 'weights = { "web.zh-CN" = 1.0 }\n', ["write web.zh"]),
    (BASE + PHASE + 'weights = { "web.zh" = 70, "web.en" = 30 }\n', ["weights sum to 100; they must sum to 1"]),
    (BASE + PHASE + '[phase.weights]\n"web.zh" = 0.4\n', ["recipe.toml:14: phase 'first': weights sum to 0.4"]),
    (BASE + PHASE.replace("128", "1"), ["recipe.toml:13: phase.0.sequence_length = 1"]),
    (BASE + PHASE.replace("100_000", "1e5"), ["recipe.toml:12: phase.0.tokens = 100000.0", "integer"]),
    (
        BASE + '[[profiles.web.rules]]\nsignal = "words"\nreason = "too_few_words"\nmin = 9\nmax = 3\n',
        ["recipe.toml:9: profile 'web': words has min = 9 above max = 3"],
    ),
    (BASE + '[[profiles.web.rules]]\nsignal = "word"\nreason = "too_few_words"\n', ["(did you mean 'words'?)"]),
    (BASE + '[[classifier]]\nname = "c"\nmodel = "c.bin"\n', ["c.bin"]),
    (BASE.replace('"a"', '"a b"') + "[dedup]\nbands = 0\n[shards]\nsize = 1\n", ["run.name", ":10: dedup.bands", ":12: sh"]),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "folder").mkdir()
    for name in ("a.jsonl.gz", "b.jsonl.gz", "README"):
        (tmp_path / "folder" / name).touch()
    return tmp_path


def answer(folder: Path, text: str) -> list[str]:
    file = folder / "recipe.toml"
    file.write_text(text)
    with pytest.raises(CorpusError) as caught:
        prepare(load_recipe(file), file)
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


@pytest.mark.parametrize(("text", "parts"), WRONG)
def test_every_answer_says_where_and_what_to_write(folder: Path, text: str, parts: list[str]) -> None:
    lines = answer(folder, text)
    for part in parts:
        assert any(part in line for line in lines), (part, lines)
    assert all(str(folder) in line and len(line.replace(str(folder), "")) < 400 for line in lines)
    assert len(set(lines)) == len(lines)


def test_what_is_right_is_sound(folder: Path) -> None:
    (folder / "recipe.toml").write_text(BASE + PHASE)
    said = corpus("check", folder / "recipe.toml").stdout
    assert said == f"{folder / 'recipe.toml'}: sound; 1 source, 1 file of 14 bytes\n"


def test_check_says_all_mistakes_with_exit_code_two(folder: Path) -> None:
    (folder / "recipe.toml").write_text(BASE.replace('"zh"', '"cn"').replace("rows", "none") + 'profile = "wbe"\n')
    said = corpus("check", folder / "recipe.toml", expect=2).stderr
    assert len(said.splitlines()) == 3


def test_a_key_of_the_command_line_has_no_line_of_the_file(folder: Path) -> None:
    (folder / "recipe.toml").write_text(BASE + "[dedup]\nthreshold = 0.8\n")
    said = corpus("check", folder / "recipe.toml", "--set", "dedup.threshold=8", expect=2).stderr
    assert said.startswith(f"corpus: {folder / 'recipe.toml'}: dedup.threshold = 8")


# ------------------------------------------------------------------------------------------------ places and names


@pytest.mark.parametrize(
    ("text", "location", "line"),
    [
        ('a = """\nb = 1\n"""\nb = 2', ("b",), 4),
        ("a = [\n 1,\n 2\n]\nb = 2", ("b",), 5),
        ("# b = 1\nb = 2", ("b",), 2),
        ("[a]\n[a.b]\nc = 1", ("a", "b", "c"), 3),
        ("[[a]]\n[[a]]\nc = 1", ("a", 1, "c"), 3),
        ("[[a]]\n[[a.b]]\n[[a]]\n[[a.b]]\nc = 1", ("a", 1, "b", 0, "c"), 5),
        ("[[a]]\n[a.b]\nc = 1\n[[a]]\n[a.b]\nc = 1", ("a", 1, "b", "c"), 6),
        ('[a]\n"b.c" = 1', ("a", "b.c"), 2),
        ("a.b.c = 1", ("a", "b", "c"), 1),
        ("[a]\nb = { c = 1 }", ("a", "b", "c"), 2),
        ("x = 1\r\n[a]\r\nb = 1", ("a", "b"), 3),
        ("a = 1", ("b",), None),
        ("", ("b",), None),
    ],
)
def test_the_line_of_a_key(text: str, location: tuple[int | str, ...], line: int | None) -> None:
    assert line_of(text, location) == line


@given(text=st.text(st.sampled_from("[]{}='\"\n.#ab1 \\"), max_size=60))
def test_any_text_has_places_without_an_error(text: str) -> None:
    assert all(1 <= number <= len(text.splitlines()) for number, _ in places(text))


@pytest.mark.parametrize(
    ("written", "code"),
    [("zh-Hans-CN", "zh"), ("ZH", "zh"), ("zh_TW", "zh"), ("jp", "ja"), ("German", "de"), ("pt-BR", "pt"), ("1", None)],
)
def test_the_code_that_was_meant(written: str, code: str | None) -> None:
    assert language_code(written) == code


def test_a_long_list_of_names_is_not_poured_out() -> None:
    names = [f"signal_{number}" for number in range(200)]
    assert len(unknown("signal_1x", names)) < 200
    assert re.fullmatch(r"; known are signal_0, .*, of 200 in all", unknown("zzz", names))
    assert "in all" not in unknown("zzz", names[:LISTED])
