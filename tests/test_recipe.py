"""The recipe: what is allowed loads, what is not is one line that names file, key and what is allowed."""

import json
import os
import re
import subprocess
import sys
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import RecipeError
from corpus.recipe import MIB, Recipe, fingerprint
from corpus.recipe.parsing import load_recipe, parse_recipe

REPOSITORY = Path(__file__).resolve().parents[1]
RECIPES = sorted(file for folder in ("examples", "recipes") for file in (REPOSITORY / folder).rglob("*.toml"))

LEAST = """
[run]
name = "demo"
[[source]]
name = "web"
inputs = ["*.warc.gz"]
"""
PHASE = """
[[phase]]
name = "first"
tokens = 1_000_000
sequence_length = 2048
"""


def load(folder: Path, text: str | bytes, overrides: dict[str, str] | None = None) -> Recipe:
    file = folder / "recipe.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_recipe(file, overrides)


def message(folder: Path, text: str | bytes, overrides: dict[str, str] | None = None) -> str:
    """The first line of the error, without the file and line that it begins with."""
    with pytest.raises(RecipeError) as caught:
        load(folder, text, overrides)
    lines = str(caught.value).splitlines()
    assert all(re.match(re.escape(str(folder / "recipe.toml")) + r"(:\d+)?: ", line) for line in lines)
    assert caught.value.exit_code == 2
    return re.sub(r"^(:\d+)?: ", "", lines[0].removeprefix(str(folder / "recipe.toml")))


# What loads


def test_the_least_recipe_has_a_default_for_everything_else(tmp_path: Path) -> None:
    recipe = load(tmp_path, LEAST)
    assert recipe.run.wants("zh")
    assert (recipe.source[0].kind, recipe.source[0].format, recipe.source[0].profile) == ("web", "warc", "web")
    assert (recipe.dedup.bands, recipe.dedup.rows, recipe.dedup.permutations, recipe.dedup.threshold) == (
        14,
        8,
        112,
        0.8,
    )
    assert recipe.extract.max_record_bytes == 64 * MIB
    assert recipe.phase == []


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_every_recipe_of_the_repository_loads(file: Path) -> None:
    recipe = load_recipe(file)
    assert parse_recipe(json.loads(recipe.model_dump_json()), "again") == recipe


def test_there_are_recipes_in_the_repository() -> None:
    assert RECIPES


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    recipe = load(tmp_path, LEAST)
    with pytest.raises(ValueError, match="frozen"):
        recipe.run.name = "other"


def test_weights_are_taken_as_they_are_written(tmp_path: Path) -> None:
    """0.1 is a tenth, not the nearest binary fraction: ten of them are exactly 1."""
    languages = ["zh", "en", "ja", "ru", "ko", "vi", "de", "fr", "es", "pt"]
    weights = ", ".join(f'"web.{language}" = 0.1' for language in languages)
    (phase,) = load(tmp_path, LEAST + PHASE + f"weights = {{ {weights} }}").phase
    assert phase.exact_weights() == {f"web.{language}": Fraction(1, 10) for language in languages}
    assert sum(phase.exact_weights().values()) == 1


# What does not


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["run", "missing"]),
        ('[run]\nname = "a"', ["source", "missing"]),
        (LEAST.replace('name = "demo"', ""), ["run.name", "missing"]),
        (LEAST.replace('inputs = ["*.warc.gz"]', ""), ["source.0.inputs", "missing"]),
        # Unknown keys, at each level, with what is meant and what is known.
        (LEAST + "[dedupe]\n", ["dedupe", "did you mean 'dedup'", "tokenizer"]),
        (LEAST + "[dedup]\nthreshhold = 1\n", ["dedup.threshhold", "did you mean 'threshold'", "bands"]),
        (LEAST + "formt = 'warc'\n", ["source.0.formt", "did you mean 'format'", "profile"]),
        (LEAST.replace("[[source]]", "seeed = 1\n[[source]]"), ["run.seeed", "did you mean 'seed'", "languages"]),
        (LEAST + PHASE + "token = 1\n", ["phase.0.token", "did you mean 'tokens'", "sequence_length"]),
        (LEAST + "[profiles.web]\nbas = 'x'\n", ["profiles.web.bas", "did you mean 'base'", "rules"]),
        (LEAST + "[profiles.rules]\nbas = 'x'\n", ["profiles.rules.bas", "did you mean 'base'", "languages"]),
        (
            LEAST + "[[profiles.web.rules]]\nsignal = 'x'\nreason = 'y'\nmx = 1\n",
            ["profiles.web.rules.0.mx", "did you mean 'max'", "source"],
        ),
        (LEAST + "zzz = 1\n", ["source.0.zzz: unknown key; known are"]),
        # Types and values.
        (LEAST.replace('"demo"', "3"), ["run.name = 3", "string"]),
        (LEAST.replace('"demo"', '"a b"'), ["run.name = 'a b'"]),
        (LEAST.replace('"demo"', '"../up"'), ["run.name = '../up'"]),
        (LEAST.replace("[[source]]", "seed = -1\n[[source]]"), ["run.seed = -1", "greater than or equal to 0"]),
        (LEAST.replace("[[source]]", "seed = true\n[[source]]"), ["run.seed = True", "integer"]),
        (LEAST.replace("[[source]]", 'seed = "7"\n[[source]]'), ["run.seed = '7'", "integer"]),
        (LEAST.replace("[[source]]", "seed = 1.0\n[[source]]"), ["run.seed = 1.0", "integer"]),
        (LEAST.replace("[[source]]", "languages = []\n[[source]]"), ["run.languages", "at least 1"]),
        (LEAST.replace("[[source]]", 'languages = ["english"]\n[[source]]'), ["run.languages.0 = 'english'"]),
        (LEAST.replace("[[source]]", 'languages = ["EN"]\n[[source]]'), ["run.languages.0 = 'EN'"]),
        (LEAST.replace("[[source]]", 'languages = "en"\n[[source]]'), ["run.languages = 'en'", "list"]),
        (LEAST + 'format = "parkett"\n', ["source.0.format = 'parkett'", "'warc'", "'jsonl'"]),
        (LEAST + 'kind = "wed"\n', ["source.0.kind = 'wed'", "'encyclopedia'"]),
        (LEAST.replace('["*.warc.gz"]', "[]"), ["source.0.inputs", "at least 1"]),
        (LEAST + "[dedup]\nthreshold = 1.5\n", ["dedup.threshold = 1.5", "less than or equal to 1"]),
        (LEAST + "[dedup]\nthreshold = nan\n", ["dedup.threshold = nan"]),
        (LEAST + "[dedup]\nnear = 1\n", ["dedup.near = 1", "boolean"]),
        (LEAST + "dedup = { nera = false }\n", ["source.0.dedup.nera", "did you mean 'near'"]),
        (LEAST + '[dedup]\norder = ["wiki"]\n', ["dedup.order: 'wiki' is no source; there are ['web']"]),
        (LEAST + '[dedup]\norder = ["web", "web"]\n', ["dedup.order: 'web' stands twice"]),
        (LEAST + "[dedup]\nmax_loss = 2\n", ["dedup.max_loss = 2"]),
        (LEAST + "[tokenizer]\nvocab_size = 10\n", ["tokenizer.vocab_size = 10", "300"]),
        (LEAST + '[tokenizer]\nmodel_type = "word"\n', ["tokenizer.model_type = 'word'", "'bpe'"]),
        (LEAST + "[tokenizer]\nweights = { zh = 0.0 }\n", ["tokenizer.weights.zh = 0.0"]),
        (LEAST + PHASE + 'max_epochs = { "web.zh" = inf }\n', ["phase.0.max_epochs.web.zh = inf", "finite"]),
        (LEAST + "[extract]\nmax_page_bytes = 2024-01-01\n", ["extract.max_page_bytes"]),
        (LEAST + f"[run.x]\ny = '{'z' * 500}'\n", ["run.x: unknown key"]),
        ("run = 3\n", ["run = 3"]),
        # Across tables.
        (LEAST + '[[source]]\nname = "web"\ninputs = ["a"]\n', ["source name 'web' stands twice"]),
        (LEAST + PHASE + PHASE, ["phase name 'first' stands twice"]),
        (LEAST + PHASE + 'weights = { "web.zh" = 0.5, "web.en" = 0.4 }\n', ["'first'", "sum to 0.9", "must sum to 1"]),
        (LEAST + PHASE + 'weights = { "books.zh" = 1.0 }\n', ["'books.zh'", "SOURCE.LANGUAGE", "web"]),
        (LEAST + PHASE + 'weights = { "web" = 1.0 }\n', ["'web'", "SOURCE.LANGUAGE"]),
        (LEAST + PHASE + 'weights = { "web.*" = 1.0 }\n', ["'web.*'", "SOURCE.LANGUAGE"]),
        (LEAST + PHASE + 'max_epochs = { "book.zh" = 1.0 }\n', ["max_epochs", "'book.zh'"]),
        (LEAST + PHASE + 'weights = { "web.zh" = -1.0 }\n', ["phase.0.weights.web.zh = -1.0"]),
        (LEAST + PHASE.replace("1_000_000", "100"), ["'first'", "tokens = 100", "16384"]),
    ],
)
def test_what_is_not_allowed_is_said_in_one_line(tmp_path: Path, text: str, parts: list[str]) -> None:
    line = message(tmp_path, text)
    assert len(line) < 400
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"[run\n", "not valid TOML"),
        (b"a = 1\na = 2\n", "not valid TOML"),
        (b"a = " + b"[" * 100_000, "not valid TOML"),
        ("[run]\nname = 'ü'".encode("latin-1"), "UTF-8"),
        ("[run]".encode("utf-16"), "UTF-8"),
    ],
)
def test_a_file_that_is_no_toml(tmp_path: Path, data: bytes, part: str) -> None:
    assert part in message(tmp_path, data)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such recipe"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path)


# --set


@pytest.mark.parametrize(
    ("key", "value", "place", "expected"),
    [
        ("dedup.threshold", "0.7", ("dedup", "threshold"), 0.7),
        ("dedup.near", "false", ("dedup", "near"), False),
        ("run.seed", "8", ("run", "seed"), 8),
        ("run.name", "other", ("run", "name"), "other"),
        ("run.name", '"other"', ("run", "name"), "other"),
        ("run.languages", '["zh", "en"]', ("run", "languages"), ["zh", "en"]),
        ("tokenizer.model_type", "bpe", ("tokenizer", "model_type"), "bpe"),
        ("tokenizer.model", "models/a b.model", ("tokenizer", "model"), "models/a b.model"),
        ("tokenizer.weights.zh", "2.5", ("tokenizer", "weights"), {"zh": 2.5}),
        ("source.0.inputs.0", "other.warc", ("source", 0, "inputs"), ["other.warc"]),
        ("phase.0.tokens", "2_000_000", ("phase", 0, "tokens"), 2_000_000),
        ("profiles.web.base", "none", ("profiles", "web", "base"), "none"),
    ],
)
def test_set_changes_one_key(
    tmp_path: Path, key: str, value: str, place: tuple[str | int, ...], expected: object
) -> None:
    changed: Any = load(tmp_path, LEAST + PHASE, {key: value}).model_dump()
    for part in place:
        changed = changed[part]
    assert changed == expected


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("phase.1.tokens", "3", "phase.1.tokens: there is no such place"),
        ("phase.x.tokens", "3", "phase.x.tokens: there is no such place"),
        ("run.name.first", "3", "run.name.first: there is no such place"),
        ("run.name.first.second", "3", "there is no such place"),
        ("dedup.treshold", "0.7", "did you mean 'threshold'"),
        ("dedup.threshold", "high", "dedup.threshold = 'high'"),
        ("dedup.threshold", "", "dedup.threshold = ''"),
        ("", "1", "unknown key"),
        ("dedup", "1", "dedup = 1"),
        ("run.seed", "[" * 50_000, "run.seed"),
    ],
)
def test_a_bad_set_is_an_error_of_one_line(tmp_path: Path, key: str, value: str, part: str) -> None:
    line = message(tmp_path, LEAST + PHASE, {key: value})
    assert part in line
    assert len(line) < 400


@given(key=st.text(max_size=20), value=st.text(max_size=20))
def test_no_set_raises_anything_else(key: str, value: str) -> None:
    table = tomllib.loads(LEAST)
    file = REPOSITORY / "examples" / "demo" / "recipe.toml"
    assert table
    try:
        load_recipe(file, {key: value})
    except RecipeError as error:
        assert all(line.startswith(str(file)) for line in str(error).split("\n"))  # noqa: PT017


# Fingerprints

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=12,
)


def reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(each) for each in value] if isinstance(value, list) else value


@given(value=json_values)
def test_a_fingerprint_does_not_depend_on_the_order_of_keys(value: Any) -> None:
    assert fingerprint(value) == fingerprint(reversed_keys(value))


@given(first=json_values, second=json_values)
def test_different_settings_have_different_fingerprints(first: Any, second: Any) -> None:
    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (fingerprint(first) == fingerprint(second)) == same


def test_values_that_python_or_concatenation_takes_for_equal() -> None:
    alike: list[tuple[Any, ...]] = [
        (1,),
        (1.0,),
        ("1",),
        (True,),
        ("1", ""),
        (None,),
        ("None",),
        ([1],),
        ({"1": 1},),
        (0.1,),
        (0.1 + 1e-17, 0),
        (),
    ]
    assert len({fingerprint(*each) for each in alike}) == len(alike)
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint(b"\x01") == fingerprint("01")  # bytes are their hexadecimal digits
    for value in (float("inf"), float("nan")):
        with pytest.raises(ValueError, match="finite"):
            fingerprint(value)


def test_one_and_one_point_zero_in_a_recipe_are_the_same_setting(tmp_path: Path) -> None:
    """A threshold of 1 is read as 1.0: writing it the other way builds nothing again."""
    first, second = (load(tmp_path, LEAST + f"[dedup]\nthreshold = {value}\n") for value in ("1", "1.0"))
    assert fingerprint(first) == fingerprint(second)
    assert fingerprint(first) != fingerprint(load(tmp_path, LEAST))


def test_every_setting_is_in_the_fingerprint(tmp_path: Path) -> None:
    base = load(tmp_path, LEAST + PHASE)
    changes = {
        "dedup.rows": "7",
        "run.seed": "1",
        "source.0.licence": "MIT",
        "phase.0.batch_size": "9",
        "tokenizer.weights.zh": "1.0",
    }
    found = {
        fingerprint(base),
        *(fingerprint(load(tmp_path, LEAST + PHASE, {key: value})) for key, value in changes.items()),
    }
    assert len(found) == 1 + len(changes)


def test_another_process_gives_the_same_fingerprint(tmp_path: Path) -> None:
    """Not hash(), not the order of a set: two workers must agree on where a stage's files are."""
    recipe = load(tmp_path, LEAST + PHASE)
    program = (
        "import sys; from pathlib import Path; from corpus.recipe import fingerprint; from corpus.recipe.parsing import load_recipe; "
        "print(fingerprint(load_recipe(Path(sys.argv[1])), {'b': 1, 'a': [0.1, None]}))"
    )
    for seed in ("0", "12345"):
        found = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "recipe.toml")],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
            text=True,
        )
        assert found.stdout.strip() == fingerprint(recipe, {"a": [0.1, None], "b": 1})
