"""`corpus profiles`: lists, rules and explanations, of what is shipped and of a recipe; what does not exist is named."""

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from corpus.reasons import Reason
from filters.quality.explanations import REASON_MEANINGS, SIGNAL_MEANINGS
from filters.quality.rules import RULE_REASONS, SIGNALS, shipped_rules
from pipelines.cli import main


def run(*arguments: str, code: int = 0) -> click.testing.Result:
    result = CliRunner().invoke(main, ["profiles", *arguments])
    assert result.exit_code == code, result.output
    return result


def json_lines(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*arguments, "--json").stdout.splitlines()]


def test_every_signal_and_reason_has_a_meaning() -> None:
    assert set(SIGNAL_MEANINGS) == set(SIGNALS)
    assert all(SIGNAL_MEANINGS.values())
    assert set(REASON_MEANINGS) == set(RULE_REASONS)


def test_meanings_of_reasons_are_those_of_the_docs(repository: Path) -> None:
    page = (repository / "docs" / "reasons.md").read_text(encoding="utf-8")
    for reason, meaning in REASON_MEANINGS.items():
        assert re.search(rf"^\| `{reason}` \| dropped \| select \| {re.escape(meaning)} \|", page, re.MULTILINE), reason


def test_profiles_are_listed() -> None:
    rows = json_lines("show")
    assert [row["profile"] for row in rows] == list(shipped_rules())
    assert all(row["about"] for row in rows)
    table = run("show").stdout
    assert all(row["profile"] in table for row in rows)


def test_languages_of_a_profile_are_listed_once() -> None:
    rows = json_lines("show", "web")
    languages = [language for row in rows for language in row["languages"].split()]
    assert sorted(languages) == sorted(shipped_rules()["web"])
    assert {row["variant"] for row in rows if "zh" in row["languages"].split()} == {"han"}


@pytest.mark.parametrize("language", ["zh", "xx"])
def test_rules_of_a_language_are_shown_in_order(language: str) -> None:
    of_language = shipped_rules()["web"]
    limits = of_language.get(language, of_language["*"]).limits
    rows = json_lines("show", "web", "--language", language)
    assert [(row["signal"], row["side"], row["limit"]) for row in rows] == [
        (limit.signal, limit.side, limit.value) for limit in limits
    ]
    assert len(run("show", "web", "--language", language).stdout.splitlines()) == len(limits) + 2


def test_a_rule_is_explained() -> None:
    output = run("explain", "web", "--language", "zh", "--reason", "repeated_characters").stdout
    assert output.splitlines() == [
        "repeated_13_character_ratio ≤ 0.5",
        f"    signal  {SIGNAL_MEANINGS['repeated_13_character_ratio']}",
        f"    reason  repeated_characters: {REASON_MEANINGS[Reason.REPEATED_CHARACTERS]}",
        "    source  ChineseWebText",
    ]
    (row,) = json_lines("explain", "web", "--language", "zh", "--reason", "repeated_characters")
    assert row["reason_means"] == REASON_MEANINGS[Reason.REPEATED_CHARACTERS]
    assert len(json_lines("explain", "web", "--language", "zh")) == len(shipped_rules()["web"]["zh"].limits)


def test_profiles_of_a_recipe_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        '[run]\nname = "x"\n[[source]]\nname = "web"\ninputs = ["*"]\nprofile = "mine"\n[profiles.mine]\nbase = "web"\n'
        '[[profiles.mine.variant]]\nlanguages = ["zh"]\nmin = { characters = 20 }\n'
    )
    (row,) = json_lines("explain", "mine", "--language", "zh", "--reason", "too_few_characters", "--recipe", str(path))
    assert (row["limit"], row["source"]) == (20, "profiles.mine")
    assert "mine" in {row["profile"] for row in json_lines("show", "--recipe", str(path))}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "wob"), "wob: no such profile; profiles are books, code,"),
        (("explain", "wob", "--language", "zh"), "wob: no such profile"),
        (
            ("explain", "web", "--language", "zh", "--reason", "short"),
            "--reason short: no such reason of a rule; reasons",
        ),
        (("show", "--language", "zh"), "--language wants the NAME of a profile"),
    ],
)
def test_what_does_not_exist_is_named(arguments: tuple[str, ...], message: str) -> None:
    assert message in run(*arguments, code=2).stderr
