"""Writes the parts of docs/ that are made from the code: `python tests/make_docs.py`; tests/test_docs.py compares.

docs/cli.md      after each `<!-- corpus … --help -->` a block with what the command prints
docs/plan.md     between `<!-- generated: coefficients -->` and `<!-- end -->` the shipped coefficients, between
                 `<!-- generated: corpus plan RECIPE -->` and `<!-- end -->` what the command prints
docs/privacy.md  between `<!-- generated: cases of personal data -->` and `<!-- end -->` precision and recall on tests/pii_cases.toml
docs/*.md        between `<!-- generated: rules of PROFILE -->` and `<!-- end -->` the limits of a shipped profile, by variant;
                 of `numbers of PROFILE` by language
"""

import re
from collections.abc import Callable
from pathlib import Path

import click
from click.testing import CliRunner

import pii_cases
from filters.quality.profile_files import profile_files
from filters.quality.rules import Limit, RuleSet, shipped_rules
from pipelines.cli import main
from pipelines.planning.coefficients import UNITS, InputCoefficients, shipped_coefficients

DOCS = Path(__file__).resolve().parent.parent / "docs"
WIDTH = 80

_HELP = re.compile(r"<!-- corpus (?P<command>[a-z -]*?)\s*--help -->\n```text\n.*?```\n", re.DOTALL)
_CASES = re.compile(r"(<!-- generated: cases of personal data -->\n).*?(<!-- end -->)", re.DOTALL)
_COEFFICIENTS = re.compile(r"(<!-- generated: coefficients -->\n).*?(<!-- end -->)", re.DOTALL)
_PLAN = re.compile(r"(<!-- generated: corpus plan (?P<recipe>[\w/.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_GENERATED = re.compile(
    r"(<!-- generated: (?P<what>rules|numbers) of (?P<profile>\w+) -->\n).*?(<!-- end -->)", re.DOTALL
)


def command_paths() -> list[tuple[str, ...]]:
    """Every command with its sub-commands, the command itself first."""

    def below(command: click.Command, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        if not isinstance(command, click.Group):
            return [path]
        context = click.Context(command)
        found = [path]
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found += below(inner, (*path, name))
        return found

    return below(main, ())


def help_text(path: tuple[str, ...]) -> str:
    """What `corpus PATH --help` prints on a terminal of WIDTH columns."""
    result = CliRunner().invoke(main, [*path, "--help"], prog_name="corpus", terminal_width=WIDTH)
    assert result.exit_code == 0, result.output
    return result.output


def with_help(page: str) -> str:
    """A page with its help blocks as the commands print them now."""

    def block(match: re.Match[str]) -> str:
        path = tuple(match["command"].split())
        return f"<!-- {' '.join(('corpus', *path))} --help -->\n```text\n{help_text(path)}```\n"

    return _HELP.sub(block, page)


Sides = dict[tuple[str, str], Limit]


def _sides(rules: RuleSet) -> Sides:
    return {(limit.signal, limit.side): limit for limit in rules.limits}


def _cell(limit: Limit | None) -> str:
    return "" if limit is None else f"{'≥' if limit.side == 'min' else '≤'} {limit.value:.10g}"


def rules_table(profile: str) -> str:
    """A row for each side of a signal that a profile limits, a column for each of its variants that judge a language."""
    variants = [variant for variant in profile_files()[profile].variant if variant.languages]
    of_language = shipped_rules()[profile]
    limits = [_sides(of_language[variant.languages[0]]) for variant in variants]
    sides = list(dict.fromkeys(side for of_variant in limits for side in of_variant))
    heads = [f"`{variant.name}`<br>" + " ".join(variant.languages).replace("*", "all others") for variant in variants]
    lines = ["| signal | reason | " + " | ".join(heads) + " |", "| --- " * (2 + len(heads)) + "|"]
    for signal, side in sides:
        found = [of_variant.get((signal, side)) for of_variant in limits]
        reasons = " ".join(dict.fromkeys(f"`{limit.reason}`" for limit in found if limit))
        lines.append(f"| `{signal}` | {reasons} | " + " | ".join(map(_cell, found)) + " |")
    return "\n".join(lines) + "\n"


def numbers_table(profile: str) -> str:
    """A row for each variant of a profile with many, a column for each side of a signal that at least three of them limit
    differently; what is the same for all of them stands in its file."""
    variants = [variant for variant in profile_files()[profile].variant if variant.languages]
    limits = [_sides(shipped_rules()[profile][variant.languages[0]]) for variant in variants]
    sides = [
        side
        for side in dict.fromkeys(side for of_variant in limits for side in of_variant)
        if len({of_variant[side].value for of_variant in limits if side in of_variant}) > 2
    ]
    heads = [f"`{signal}`".replace("_character_ratio", "…").replace("_ratio", "…") for signal, _ in sides]
    lines = ["| languages | variant | " + " | ".join(heads) + " |", "| --- " * (2 + len(heads)) + "|"]
    for variant, of_variant in zip(variants, limits, strict=True):
        languages = " ".join(variant.languages).replace("*", "all others")
        cells = [_cell(of_variant.get(side)) for side in sides]
        lines.append(f"| {languages} | `{variant.name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


_TABLES: dict[str, Callable[[str], str]] = {"rules": rules_table, "numbers": numbers_table}


def with_rules(page: str) -> str:
    """A page with its tables of rules as the profiles have them now."""
    return _GENERATED.sub(
        lambda match: match[1] + "\n" + _TABLES[match["what"]](match["profile"]) + "\n" + match[4], page
    )


def with_cases(page: str) -> str:
    """A page with the scores on the labelled cases of personal data."""
    cases = pii_cases.read_cases()
    positive = sum(bool(case.gold) for case in cases)
    lines = [f"{positive} texts with personal data, {len(cases) - positive} without.", ""]
    lines += ["| kind | marked | found | precision | recall |", "| --- | --- | --- | --- | --- |"]
    for kind, (right, wrong, missed) in pii_cases.scores(cases).items():
        shares = f"{right / (right + wrong):.3f} | {right / (right + missed):.3f}"
        lines.append(f"| `{kind}` | {right + missed} | {right + wrong} | {shares} |")
    return _CASES.sub(lambda match: match[1] + "\n" + "\n".join(lines) + "\n\n" + match[2], page)


def coefficients_table() -> str:
    """Every shipped coefficient with its unit and where it comes from; a cost that is counted in another is left out."""
    known = shipped_coefficients()
    lines = [f"Measured on {known.machine}.", ""]
    lines += ["| coefficient | value | unit | of | measured by |", "| --- | --- | --- | --- | --- |"]
    for name, (unit, of) in UNITS.items():
        if name in InputCoefficients.model_fields:
            found = [(f"{of} ({each.name})", getattr(each, name), each.source) for each in known.inputs]
        elif name == "tokens_per_byte":
            found = [(f"{of}: {language}", each.value, each.source) for language, each in known.tokens_per_byte.items()]
        else:
            found = [(of, getattr(known, name).value, getattr(known, name).source)]
        lines += [f"| `{name}` | {value:.4g} | {unit} | {of} | {source} |" for of, value, source in found if value]
    return "\n".join(lines) + "\n"


def plan_text(recipe: str) -> str:
    """What `corpus plan` prints."""
    result = CliRunner().invoke(main, ["plan", str(DOCS.parent / recipe)])
    assert result.exit_code == 0, result.output
    return "\n".join(line.rstrip() for line in result.output.splitlines()) + "\n"


def with_plan(page: str) -> str:
    """A page with the shipped coefficients and what a plan prints."""
    page = _COEFFICIENTS.sub(lambda match: f"{match[1]}\n{coefficients_table()}\n{match[2]}", page)
    return _PLAN.sub(lambda match: f"{match[1]}\n```text\n{plan_text(match['recipe'])}```\n\n{match[3]}", page)


#: Page → what makes it current.
GENERATED = {
    "cli.md": with_help,
    "plan.md": with_plan,
    "privacy.md": with_cases,
    "profiles.md": with_rules,
    "signals.md": with_rules,
}


if __name__ == "__main__":
    for name, current in GENERATED.items():
        path = DOCS / name
        path.write_text(current(path.read_text(encoding="utf-8")), encoding="utf-8")
        print(path.relative_to(DOCS.parent))
