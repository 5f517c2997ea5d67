"""The commands of README.md and docs/one-page.md work, and print what the page says they print."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest


def console_blocks(page: Path) -> list[tuple[str, list[str]]]:
    """(command, the lines under it) of every fenced console block."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:].partition("  #")[0].strip(), []))
            else:
                found[-1][1].append(line)
    return found


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture(scope="module")
def place(repository: Path, demo_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a user has it after `make demo`: examples/, runs/demo, and a crawl and a recipe of his own."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "examples").symlink_to(repository / "examples")
    (folder / "recipes").symlink_to(repository / "recipes")
    (folder / "runs").mkdir()
    (folder / "runs" / "demo").symlink_to(demo_run)
    (folder / "crawl").mkdir()
    (folder / "crawl" / "docs-0.warc.gz").symlink_to(repository / "examples" / "demo" / "docs-0.warc.gz")
    (folder / "mine.toml").write_text(blocks(repository / "README.md", "toml")[0], encoding="utf-8")
    return folder


def run(command: str, place: Path) -> str:
    words = shlex.split(command)
    assert words[0] == "corpus", f"not a command that this test can run: {command}"
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *words[1:]],
        cwd=place, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "200"}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout + done.stderr


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("page", ["README.md", "docs/one-page.md"])
def test_commands_work_and_print_what_the_page_says(repository: Path, place: Path, page: str) -> None:
    commands = console_blocks(repository / page)
    assert len(commands) >= 8
    printed: dict[str, str] = {}
    for command, lines in commands:
        if command in ("make demo", "make test"):  # continuous integration runs these
            continue
        if command not in printed:
            printed[command] = flat(run(command, place))
        for line in lines:
            for part in filter(None, (flat(piece).strip() for piece in line.split("…"))):
                assert part in printed[command], f"`{command}` does not print {part!r}"


@pytest.mark.parametrize("page", ["README.md", "docs/one-page.md"])
def test_python_blocks_run(repository: Path, place: Path, page: str) -> None:
    if not (place / "runs" / "mine").exists():
        run("corpus build mine.toml --run-dir runs/mine", place)
    for block in blocks(repository / page, "python"):
        done = subprocess.run([sys.executable, "-c", block], cwd=place, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
