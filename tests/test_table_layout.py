"""pipelines/report/table_layout.py: at any width every value of a table is there, whole."""

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from corpus.recipe.parsing import load_recipe
from corpus.storage.run_directory import RunDirectory
from pipelines.planning.coefficients import shipped_coefficients
from pipelines.planning.estimate import estimate
from pipelines.planning.inputs import inputs_of
from pipelines.planning.plan_tables import tables_of
from pipelines.report.run_statistics import read_statistics
from pipelines.report.table_layout import LONGEST_WORD, ReportTable, column_widths
from pipelines.report.tables import statistics_tables, table_of

REPOSITORY = Path(__file__).parents[1]
WIDTHS = (40, 80, 140)

words = st.text(st.sampled_from("abc,.–0123456789汉字é"), min_size=1, max_size=LONGEST_WORD // 2)
cells = st.lists(words, max_size=6).map(" ".join)


@st.composite
def tables(draw: st.DrawFn) -> ReportTable:
    columns = draw(st.integers(1, 7))
    row = st.tuples(*[cells] * columns)
    names = draw(st.tuples(*[words] * columns))
    return ReportTable(names, tuple(draw(st.lists(row, max_size=4))), draw(st.tuples(*[st.booleans()] * columns)), "t")


def printed(table: ReportTable, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), markup=False, highlight=False, emoji=False)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def assert_whole(table: ReportTable, width: int) -> None:
    lines = printed(table, width).splitlines()
    letters = "".join("".join(lines).split())
    for row in table.rows:
        for value, numeric in zip(row, table.numeric, strict=True):
            for part in [value] if numeric else value.split():
                if cell_len(part) <= min(width, LONGEST_WORD):
                    assert any(part in line for line in lines), (part, width)
                elif column_widths(table.columns, table.rows, table.numeric, width) is None:
                    assert "".join(part.split()) in letters, (part, width)
    assert all(cell_len(line.rstrip()) <= width for line in lines)


@given(table=tables(), width=st.integers(2, 200))
def test_no_word_and_no_number_is_broken_or_cropped(table: ReportTable, width: int) -> None:
    assert_whole(table, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_plan_of_the_largest_recipe_is_whole(width: int) -> None:
    recipe = REPOSITORY / "recipes" / "internlm-1.6t.toml"
    settings = load_recipe(recipe, {})
    item_bytes, inputs = inputs_of(settings, recipe.parent, where=str(recipe), stated=True)
    found = estimate(settings, inputs, shipped_coefficients(), item_bytes=item_bytes, token_bytes=4)
    shown = [each for each in tables_of(found) if isinstance(each, ReportTable)]
    assert len(shown) >= 6
    for table in shown:
        assert_whole(table, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_statistics_of_a_run_are_whole(demo_run: Path, width: int) -> None:
    for table in statistics_tables(read_statistics(RunDirectory(str(demo_run)))):
        assert_whole(table, width)


def test_numbers_stand_under_each_other_and_text_wraps_between_words() -> None:
    table = table_of(("what", "how many"), [("a rather long name of a thing", 1_234_567), ("b", 1)])
    assert [line.rstrip() for line in printed(table, 25).splitlines()] == [
        "what             how many",
        "─────────────────────────",
        "a rather long   1,234,567",
        "name of a",
        "thing",
        "b                       1",
    ]


def test_a_reason_stays_indented_under_its_stage() -> None:
    assert table_of(("stage",), [("  too_short",)]).rows == (("  too_short",),)


@pytest.mark.parametrize(
    "command", ["stats", "dedup report", "feed plan", "feed peek", "show --all", "show --all --json"]
)
def test_a_reader_that_has_seen_enough_is_no_error(demo_run: Path, command: str) -> None:
    name, *options = command.split(" ")
    arguments = [name, options[0], str(demo_run)] if name in ("dedup", "feed") else [name, str(demo_run), *options]
    reading, writing = os.pipe()
    os.close(reading)  # whatever is written meets a closed pipe, however little it is
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", *arguments], stdout=writing, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_of_forty_columns_shows_all_of_a_row(demo_run: Path) -> None:
    main, sub = pty.openpty()
    environment = {**os.environ, "COLUMNS": "40", "LINES": "24", "TERM": "xterm"}
    command = [sys.executable, "-m", "pipelines.cli", "stats", str(demo_run)]
    with subprocess.Popen(command, stdout=sub, stderr=sub, env=environment) as process:
        os.close(sub)
        shown = b""
        try:
            while piece := os.read(main, 1 << 16):
                shown += piece
        except OSError:  # Linux ends a pseudo-terminal so
            pass
        assert process.wait() == 0
    os.close(main)
    assert b"conservation holds" in shown
    assert "…".encode() not in shown
