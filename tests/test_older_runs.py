"""Runs outlive versions: the small runs beside this file, each of another schema, stay readable; none is ever made again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

import corpus.feed
from corpus.errors import RecipeError, VersionError
from corpus.recipe.parsing import parse_recipe, parse_stored_recipe
from corpus.storage import files, ipc
from corpus.storage.older_files import read_as
from pipelines.cli import main

RUNS = sorted((Path(__file__).parent / "runs").iterdir())
COMMANDS = (["stats"], ["show"], ["feed", "plan"], ["feed", "peek"], ["verify"], ["dedup", "report"])


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def read_by_all(run: Path, *, differs: bool = False) -> None:
    for command in COMMANDS:
        result = call(*command, str(run))
        assert result.exit_code == 0, (command, result.output, result.exception)
    result = call("diff", str(run), str(RUNS[-1]))
    assert result.exit_code == int(differs), result.output
    result = call("show", str(run), "n3", "--json")
    assert json.loads(result.stdout)["id"] == "n3"


@pytest.fixture(params=RUNS, ids=lambda path: path.name)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a stored run."""
    copy = tmp_path / "run"
    shutil.copytree(request.param, copy)
    return copy


def patch(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))


def written_by_another(run: Path, name: str = "lm-corpus-pipelines 0.0.1", schema: int = 2) -> None:
    for path in (run / "corpus-run.json", *run.glob("stages/*.json")):
        patch(path, lambda table: table.update(written_by=name, schema=schema))


def rewritten(run: Path, kind: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Changes the files of a kind as another version would have written them, with their records."""
    for path in sorted(run.glob(f"{kind}/*/*.arrow")):
        table = change(ipc.open_table(str(path)))
        written = ipc.write_table(str(path), table, table.schema)
        for record in run.glob(f"stages/*/*/{path.stem}.json"):
            of = json.loads(record.read_text())
            if kind in of["outputs"] and record.parent.name == path.parent.name:
                of["outputs"][kind] = {"rows": written.rows, "bytes": written.bytes, "digest": written.digest}
                record.write_text(json.dumps(of))
    for compact in run.glob("stages/*/*/records.arrow"):
        compact.unlink()


def without(*names: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.drop_columns([name for name in names if name in table.column_names])


def with_more(table: pa.Table) -> pa.Table:
    return table.append_column("of_another_version", pa.array(["?"] * table.num_rows))


def test_a_stored_run_is_read_by_every_command(run: Path) -> None:
    read_by_all(run)


def test_it_says_who_wrote_it(run: Path) -> None:
    for path in (run / "corpus-run.json", *run.glob("stages/*.json")):
        table = json.loads(path.read_text())
        assert table["written_by"].startswith("lm-corpus-pipelines ")
        assert table["schema"] == int(RUNS[-1].name.rpartition("schema")[2])


@pytest.mark.parametrize("schema", [2, 99])
def test_another_version_is_named_and_read(run: Path, schema: int) -> None:
    written_by_another(run, "lm-corpus-pipelines 7.7.7", schema)
    read_by_all(run)
    assert f"written by lm-corpus-pipelines 7.7.7 (schema {schema})" in call("stats", str(run)).output


def test_a_run_without_marker_and_stamps_is_read(run: Path) -> None:
    (run / "corpus-run.json").unlink()
    for path in run.glob("stages/*.json"):
        patch(path, lambda table: [table.pop(name, None) for name in ("written_by", "schema")])
    read_by_all(run)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("documents", ("opt_outs", "title", "author", "published")),
        ("signals", ("blocked_url", "opt_out")),
        ("signals", ("code_switching", "second_language", "pii_phones")),
        ("tokens", ("edits",)),
    ],
)
def test_columns_that_a_version_did_not_write_are_null(run: Path, kind: str, names: tuple[str, ...]) -> None:
    written_by_another(run)
    rewritten(run, kind, without(*names))
    for command in (["stats"], ["show"], ["feed", "peek"], ["dedup", "report"]):
        assert call(*command, str(run)).exit_code == 0
    assert json.loads(call("show", str(run), "n3", "--json").stdout)["id"] == "n3"


@pytest.mark.parametrize("kind", ["documents", "signals", "failed", "decisions", "tokens", "contamination", "lines"])
def test_columns_of_another_version_do_not_matter(run: Path, kind: str) -> None:
    written_by_another(run, schema=99)
    rewritten(run, kind, with_more)
    read_by_all(run)


def test_signals_that_extract_wrote_are_found(run: Path) -> None:
    written_by_another(run)
    mark = json.loads((run / "stages/extract.json").read_text())["fingerprint"]
    (old,) = (run / "signals").iterdir()
    old.rename(run / "signals" / mark)
    for item in sorted((run / "stages/measure" / old.name).glob("[0-9]*.json")):
        outputs = json.loads(item.read_text())["outputs"]
        patch(run / "stages/extract" / mark / item.name, lambda table, more=outputs: table["outputs"].update(more))
    shutil.rmtree(run / "stages/measure")
    (run / "stages/measure.json").unlink()
    for compact in run.glob("stages/*/*/records.arrow"):
        compact.unlink()
    read_by_all(run)


def add_settings(table: dict[str, Any]) -> None:
    recipe = table if "run" in table else table.get("recipe")
    if recipe is not None:
        recipe["dedup"]["of_tomorrow"] = 3
        recipe["tomorrow"] = {"a": [1]}


def test_unknown_settings_are_kept_and_shown(run: Path) -> None:
    for path in (run / "recipe.json", *run.glob("stages/*.json")):
        patch(path, add_settings)
    read_by_all(run)
    shown = call("stats", str(run)).output
    assert "dedup.of_tomorrow = 3" in shown
    assert "tomorrow" in json.loads(call("stats", str(run), "--json").stdout)["unknown_settings"]
    assert "of_tomorrow" in call("diff", str(run), str(RUNS[-1])).output


def test_a_stored_recipe_is_lenient_and_a_users_is_strict() -> None:
    table = json.loads((RUNS[-1] / "recipe.json").read_text())
    table["source"][0]["kind"] = "films"
    table["source"][0]["respect"] = ["noindex", "nothing"]
    table["dedup"]["more"] = True
    stored = parse_stored_recipe(table, "recipe.json")
    assert dict(stored.unknown) == {
        "source.0.kind": "films",
        "source.0.respect": ["noindex", "nothing"],
        "dedup.more": True,
    }
    with pytest.raises(RecipeError):
        parse_recipe(table, "recipe.toml")
    del table["run"]["name"]
    with pytest.raises(VersionError, match="use the version that wrote it"):
        parse_stored_recipe(table, "recipe.json")


def test_what_cannot_be_read_is_said_and_nothing_is_to_be_deleted(run: Path) -> None:
    written_by_another(run)
    rewritten(run, "documents", without("text"))
    result = call("verify", str(run))
    assert result.exit_code == 2, result.output
    assert "written by lm-corpus-pipelines 0.0.1 (schema 2), this is" in result.output
    assert "delete" not in result.output


def test_the_feed_needs_tokens_and_boundaries_alone(run: Path) -> None:
    before = corpus.feed.open(run, phase="only").batch(1).tokens.copy()
    manifest = run / "manifest.arrow"
    table = with_more(ipc.open_table(str(manifest))).drop_columns(["digest", "bytes"])
    ipc.write_table(str(manifest), table, table.schema, compression=None)
    assert (corpus.feed.open(run, phase="only").batch(1).tokens == before).all()


def test_columns_are_converted_where_no_value_is_lost(tmp_path: Path) -> None:
    url = str(tmp_path / "x.arrow")
    stored = pa.table({"n": pa.array([1, 2], pa.int64())})
    ipc.write_table(url, stored, stored.schema)
    wanted = pa.schema([pa.field("n", pa.uint32(), nullable=False), pa.field("more", pa.string())])
    assert read_as(url, wanted).to_pylist() == [{"n": 1, "more": None}, {"n": 2, "more": None}]


def test_a_stored_run_is_small() -> None:
    for run in RUNS:
        assert sum(files.size(str(path)) for path in run.rglob("*") if path.is_file()) < 300_000
