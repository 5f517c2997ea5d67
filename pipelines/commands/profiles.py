"""`corpus profiles`: what rules there are, for which language, and what each of them means."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from corpus.errors import RecipeError
from corpus.recipe.parsing import load_recipe
from filters.quality.explanations import REASON_MEANINGS, SIGNAL_MEANINGS
from filters.quality.profile_files import profile_files
from filters.quality.rules import ANY_LANGUAGE, RULE_REASONS, Limit, RuleSet, load_profiles, shipped_rules
from pipelines.report.tables import open_console, table_of
from pipelines.report.terminal_text import json_line
from pipelines.terminal import say

_RECIPE = click.option(
    "--recipe", type=click.Path(path_type=Path), metavar="RECIPE", help="Show the profiles as this recipe changes them."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, or one line for each rule.")


@click.group()
def profiles() -> None:
    """Shows the rules of profiles and explains them."""


@profiles.command()
@click.argument("name", required=False)
@click.option("--language", metavar="L", help="The rules for documents of this language.")
@_RECIPE
@_JSON
def show(name: str | None, language: str | None, recipe: Path | None, as_json: bool) -> None:
    """Shows the profiles; of one its languages; of a language its rules in their order.

    A value at its limit passes. Languages that share their rules stand on one line.

    \b
    Examples
      corpus profiles show
      corpus profiles show web
      corpus profiles show fineweb2 --language vi --json
    """
    known = _rule_sets(recipe)
    if name is None:
        if language is not None:
            raise click.UsageError("--language wants the NAME of a profile before it")
        rows = [(each, _about(each), len(known[each]), _rules(known[each].values())) for each in known]
        _print(("profile", "about", "languages", "rules"), rows, as_json)
    elif language is None:
        found = _profile(known, name)
        variant_of = _variants(name)
        rows_of = [
            (" ".join(languages), " ".join(dict.fromkeys(filter(None, map(variant_of.get, languages)))), len(limits))
            for limits, languages in _shared(found).items()
        ]
        _print(("languages", "variant", "rules"), rows_of, as_json)
    else:
        limits = _rules_for(known, name, language).limits
        columns = ("signal", "passes", "reason", "source")
        if as_json:
            for limit in limits:
                click.echo(json_line(_row(limit)))
        else:
            open_console().print(
                table_of(columns, [(limit.signal, _passes(limit), limit.reason, limit.source) for limit in limits])
            )


@profiles.command()
@click.argument("name")
@click.option("--language", metavar="L", required=True, help="The rules for documents of this language.")
@click.option("--reason", metavar="R", help="Only the rules that give this reason.")
@_RECIPE
@_JSON
def explain(name: str, language: str, reason: str | None, recipe: Path | None, as_json: bool) -> None:
    """Explains each rule: signal, limit, reason, source of the number, and what they mean.

    \b
    Examples
      corpus profiles explain web --language zh
      corpus profiles explain web --language zh --reason repeated_characters
      corpus profiles explain mine --language zh --recipe recipe.toml --json
    """
    if reason is not None and reason not in RULE_REASONS:
        raise RecipeError(f"--reason {reason}: no such reason of a rule; reasons are {', '.join(RULE_REASONS)}")
    limits = [
        limit for limit in _rules_for(_rule_sets(recipe), name, language).limits if reason in (None, limit.reason)
    ]
    if as_json:
        for limit in limits:
            means = {"signal_means": SIGNAL_MEANINGS[limit.signal], "reason_means": REASON_MEANINGS[limit.reason]}
            click.echo(json_line(_row(limit) | means))
        return
    for limit in limits:
        say(f"{limit.signal} {_passes(limit)}", err=False)
        say(f"    signal  {SIGNAL_MEANINGS[limit.signal]}", err=False)
        say(f"    reason  {limit.reason}: {REASON_MEANINGS[limit.reason]}", err=False)
        say(f"    source  {limit.source}", err=False)
    if not limits:
        why = f" that gives the reason {reason}" if reason else ""
        say(f"profile {name!r} has no rule for {language}{why}")


def _rule_sets(recipe: Path | None) -> Mapping[str, Mapping[str, RuleSet]]:
    return shipped_rules() if recipe is None else load_profiles(load_recipe(recipe)).rule_sets


def _profile(known: Mapping[str, Mapping[str, RuleSet]], name: str) -> Mapping[str, RuleSet]:
    if name not in known:
        raise RecipeError(f"{name}: no such profile; profiles are {', '.join(known)}")
    return known[name]


def _rules_for(known: Mapping[str, Mapping[str, RuleSet]], name: str, language: str) -> RuleSet:
    of_language = _profile(known, name)
    return of_language.get(language, of_language[ANY_LANGUAGE])


def _about(name: str) -> str:
    files = profile_files()
    return files[name].about if name in files else "of the recipe"


def _variants(name: str) -> Mapping[str, str]:
    """Language → the variant of a shipped profile that is for it."""
    file = profile_files().get(name)
    return {} if file is None else {language: each.name for each in file.variant for language in each.languages}


def _rules(rule_sets: Iterable[RuleSet]) -> str:
    """How many rules a language has: `16` or `14–28`."""
    numbers = sorted(len(rules.limits) for rules in rule_sets)
    return str(numbers[0]) if numbers[0] == numbers[-1] else f"{numbers[0]}–{numbers[-1]}"


def _shared(found: Mapping[str, RuleSet]) -> dict[tuple[Limit, ...], list[str]]:
    """Rules → the languages that have them, "*" and its rules first."""
    shared: dict[tuple[Limit, ...], list[str]] = {}
    for language in sorted(found, key=lambda language: (language != ANY_LANGUAGE, language)):
        shared.setdefault(found[language].limits, []).append(language)
    return shared


def _passes(limit: Limit) -> str:
    return f"{'≥' if limit.side == 'min' else '≤'} {limit.value:.10g}"


def _row(limit: Limit) -> dict[str, Any]:
    return {
        "signal": limit.signal,
        "side": limit.side,
        "limit": limit.value,
        "reason": limit.reason,
        "source": limit.source,
    }


def _print(columns: tuple[str, ...], rows: list[tuple[Any, ...]], as_json: bool) -> None:
    if as_json:
        for row in rows:
            click.echo(json_line(dict(zip(columns, row, strict=True))))
    else:
        open_console().print(table_of(columns, rows))
