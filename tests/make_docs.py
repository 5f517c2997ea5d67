"""Writes the parts of docs/ that are made from the code: `python tests/make_docs.py`; tests/test_docs.py compares.

docs/cli.md      after each `<!-- corpus … --help -->` a block with what the command prints
docs/signals.md  between `<!-- generated: rules of web -->` and `<!-- end -->` the limits of the shipped profile
"""

import re
import tomllib
from pathlib import Path

import click
from click.testing import CliRunner

from filters.profiles import shipped_profiles
from filters.rules import load_profiles
from pipelines.cli import main

DOCS = Path(__file__).resolve().parent.parent / "docs"
WIDTH = 80

_HELP = re.compile(r"<!-- corpus (?P<command>[a-z -]*?)\s*--help -->\n```text\n.*?```\n", re.DOTALL)
_RULES = re.compile(r"(<!-- generated: rules of web -->\n).*?(<!-- end -->)", re.DOTALL)


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


def rules_table() -> str:
    """A row for each side of a signal that the profile `web` limits, a column for each of its variants."""
    from corpus.recipe import parse_recipe

    variants = tomllib.loads(shipped_profiles()["web"])["variant"]
    recipe = parse_recipe({"run": {"name": "docs"}, "source": [{"name": "web", "inputs": ["-"]}]}, "docs")
    of_language = load_profiles(recipe).rule_sets["web"]
    limits = {
        variant["name"]: {(limit.signal, limit.side): limit for limit in of_language[variant["languages"][0]].limits}
        for variant in variants
    }
    sides = list(dict.fromkeys(side for of_variant in limits.values() for side in of_variant))
    heads = [
        f"`{variant['name']}`<br>" + " ".join(variant["languages"]).replace("*", "all others") for variant in variants
    ]
    lines = ["| signal | reason | " + " | ".join(heads) + " |", "| --- " * (2 + len(heads)) + "|"]
    for signal, side in sides:
        mark = "≥" if side == "min" else "≤"
        found = [of_variant.get((signal, side)) for of_variant in limits.values()]
        reasons = " ".join(dict.fromkeys(f"`{limit.reason}`" for limit in found if limit))
        cells = [f"{mark} {limit.value:g}" if limit else "" for limit in found]
        lines.append(f"| `{signal}` | {reasons} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def with_rules(page: str) -> str:
    """A page with its table of rules as the profile has them now."""
    return _RULES.sub(lambda match: match[1] + "\n" + rules_table() + "\n" + match[2], page)


#: Page → what makes it current.
GENERATED = {"cli.md": with_help, "signals.md": with_rules}


if __name__ == "__main__":
    for name, current in GENERATED.items():
        path = DOCS / name
        path.write_text(current(path.read_text(encoding="utf-8")), encoding="utf-8")
        print(path.relative_to(DOCS.parent))
