"""A second build whose recipe reads its inputs otherwise: what is a correction, and what is another run."""

from pathlib import Path

import pytest

from command_line import corpus
from pipelines.stages.listing import Planned, what_changed

RECIPE = """
[run]
name = "again"
[[source]]
name = "rows"
kind = "books"
format = "jsonl"
inputs = ["*.jsonl"]
profile = "none"
"""


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    (tmp_path / "a.jsonl").write_text("".join(f'{{"body": "a text of number {n}", "text": ""}}\n' for n in range(40)))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def build(folder: Path, *arguments: str, expect: int = 0) -> str:
    run = str(folder / "run")
    command = ["build", str(folder / "recipe.toml"), "--run-dir", run, "--until", "extract", "--workers", "1"]
    return corpus(*command, *arguments, expect=expect).stderr


def kept(folder: Path) -> str:
    return next(line for line in corpus("stats", folder / "run").stdout.splitlines() if line.startswith("extract"))


def test_fields_are_corrected_after_a_first_attempt(rows: Path) -> None:
    build(rows)
    assert kept(rows).split()[1:3] == ["40", "0"]
    (rows / "recipe.toml").write_text(RECIPE + 'fields = { text = "body" }\n')
    assert "planned anew: they are read as something else now" in build(rows)
    assert kept(rows).split()[1:3] == ["40", "40"]


def test_other_files_are_refused_with_what_changed(rows: Path) -> None:
    build(rows)
    (rows / "b.jsonl").write_text('{"text": "more"}\n')
    assert "what it began with was 1 files of" in build(rows, expect=2)
    (rows / "b.jsonl").unlink()
    whole = (rows / "a.jsonl").read_bytes()
    (rows / "a.jsonl").write_bytes(whole.replace(b"number 7", b"number 8"))
    assert "names or content of the files of what it began with changed" in build(rows, expect=2)
    (rows / "a.jsonl").write_bytes(whole)
    assert "run.work_item_bytes" in build(rows, "--set", "run.work_item_bytes=65536", expect=2)


def test_other_files_are_planned_anew_where_nothing_was_read(rows: Path) -> None:
    command = ["build", rows / "recipe.toml", "--run-dir", rows / "run", "--until", "plan"]
    corpus(*command)
    (rows / "b.jsonl").write_text('{"text": "more"}\n')
    assert "planned anew" in corpus(*command).stderr


def test_an_addition_that_is_gone_is_another_run() -> None:
    first, second = Planned(None, "a", "x", 1, 1, 1, 1), Planned("new", "b", "y", 1, 1, 1, 2)
    before = [first.to_json(), second.to_json()]
    assert what_changed(before, [first]) == "it had 1 [[addition]], the recipe has 0"
    assert what_changed(before, [first, second]) is None
