"""The rules of the house that a tool can check."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

PACKAGES = ("corpus", "filters", "tokenizer_training", "pipelines")


def modules(repository: Path) -> list[Path]:
    return [path for package in PACKAGES for path in sorted((repository / package).rglob("*.py"))]


def test_no_module_is_over_600_lines(repository: Path) -> None:
    long = {str(path): size for path in modules(repository) if (size := len(path.read_text().splitlines())) > 600}
    assert long == {}


def test_import_arrows(repository: Path) -> None:
    command = [str(Path(sys.executable).with_name("lint-imports"))]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_package_is_in_the_distribution(repository: Path) -> None:
    listed = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {".".join(path.parent.relative_to(repository).parts) for path in modules(repository)}
    assert there == set(listed)


def test_the_four_packages_share_one_parent() -> None:
    """Distributions named `filters`, `corpus` and `pipelines` exist; one of them installed would shadow ours."""
    import importlib

    parents = {Path(str(importlib.import_module(name).__file__)).parents[1] for name in PACKAGES}
    assert len(parents) == 1


def test_no_module_is_named_like_the_standard_library(repository: Path) -> None:
    assert [str(path) for path in modules(repository) if path.stem in sys.stdlib_module_names] == []


def test_no_two_modules_have_one_name(repository: Path) -> None:
    names = Counter(path.stem for path in modules(repository) if path.name != "__init__.py")
    assert [name for name, number in names.items() if number > 1] == []


def test_every_module_opens_with_its_contract(repository: Path) -> None:
    bare = [
        str(path)
        for path in modules(repository)
        if path.name != "__init__.py" and not path.read_text().startswith('"""')
    ]
    assert bare == []


def test_locks_name_no_index(repository: Path) -> None:
    for lock in sorted([*(repository / "locks").glob("*.txt"), *(repository / "benchmarks" / "peers").glob("*.txt")]):
        text = lock.read_text()
        assert not re.search(r"https?://|--index|--find-links", text)
        assert "fasttext-predict" not in text
        pinned = re.findall(r"^[a-z0-9-]+==", text, flags=re.MULTILINE)
        assert len(pinned) > 40
        assert text.count("--hash=sha256:") >= len(pinned)


#: Files beside a stage's own module that may name it in a string, and why.
NAMING_STAGES = {
    "pipelines/build.py": "`plan`, which comes before all stages",
    "pipelines/stage_list.py": "`plan`",
    "pipelines/stages/listing.py": "`plan`: its fingerprint",
    "pipelines/report/run_statistics.py": "`plan`: what was added",
    "pipelines/report/verification.py": "`plan`: how many work items there are",
    "pipelines/selection/additions.py": "`select`: one selection for each addition, below the list of stages",
    "pipelines/selection/decision_settings.py": "`select`: its fingerprint",
    "pipelines/planning/stage_costs.py": "what each stage costs",
    "pipelines/planning/sample_build.py": "the stages on a sample, each timed",
    "corpus/pages/code_blocks.py": "`select`: an element of HTML",
    "corpus/pages/page_tables.py": "`select`: an element of HTML",
    "pipelines/cli.py": "commands of the same names",
    "pipelines/commands/measure.py": "the command, and tables of the recipe",
    "pipelines/commands/reading.py": "the command's source",
}
#: Names that are words of the recipe and of files too: looked at only where a stage is looked up.
WORDS = {"exams", "lines", "phases"}
LOOKUPS = {"has_stage", "current_stage", "stage_manifest", "stage", "write_stage_manifest", "remove_stage_manifest"}


def names_in_strings(path: Path, names: set[str]) -> set[str]:
    """Stages' names that stand as string constants in a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and node.value in names - WORDS:
            found.add(str(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOOKUPS:
            found |= {str(each.value) for each in node.args if isinstance(each, ast.Constant) and each.value in names}
    return found


def test_stages_are_looked_up_by_what_they_write(repository: Path) -> None:
    """A stage's name stands in its module; who asks for an output asks pipelines.stage_list."""
    from pipelines.stage_list import NAMES, STAGES

    own = {
        str(Path(str(sys.modules[module].__file__)).relative_to(repository)): name for name, module in declared(STAGES)
    }
    assert sorted(own.values()) == sorted(NAMES[1:])
    found = {str(path.relative_to(repository)): names_in_strings(path, {*NAMES}) for path in modules(repository)}
    others = {path: names - {own.get(path)} for path, names in found.items() if names - {own.get(path)}}
    assert others.keys() == NAMING_STAGES.keys(), others


def declared(stages: Any) -> list[tuple[str, str]]:
    """(stage, the module that declares it)."""
    return [
        (spec.name, module)
        for spec in stages
        for module, loaded in sys.modules.items()
        if module.startswith(("pipelines.stages.", "pipelines.selection."))
        and any(value is spec for value in vars(loaded).values())
    ]
