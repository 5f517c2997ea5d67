"""The rules of the house that a tool can check."""

import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

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
