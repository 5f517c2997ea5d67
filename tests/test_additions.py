"""Inputs that are added to a finished run: what was done stays, and the result is that of a run built at once."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from command_line import corpus
from corpus.domains import repeats_of
from corpus.errors import RecipeError
from corpus.recipe.parsing import parse_recipe
from test_build import DEMO, digests

RECIPE = """
[run]
name = "grows"
seed = 3
languages = ["zh", "en", "ja", "ru"]
work_item_bytes = 300_000
{run}
[[source]]
name = "docs"
inputs = ["*.warc.gz"]
{additions}
[dedup]
url = true
threshold = 0.7
[tokenizer]
vocab_size = 3000
model_type = "bpe"
[shards]
target_bytes = 100_000
[[phase]]
name = "one"
tokens = 40_000
sequence_length = 256
"""
SECOND = '[[addition]]\nname = "second"\ninputs = { docs = ["part-1.warc.gz"] }\n'
THIRD = '[[addition]]\nname = "third"\ninputs = { docs = ["part-*.warc.gz", "recrawl.warc.gz"] }\n'


def write(folder: Path, *additions: str, run: str = "") -> Path:
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(additions="".join(additions), run=run), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def crawls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files: one to begin with, a part of another, and pages of the first as they were found again."""
    folder = tmp_path_factory.mktemp("crawls")
    for name in ("docs-0.warc.gz", "recrawl.warc.gz"):
        shutil.copyfile(DEMO / name, folder / name)
    whole = (DEMO / "docs-1.warc.gz").read_bytes()
    end = whole.index(b"\x1f\x8b\x08\x00", 400_000)  # a member's beginning
    (folder / "part-1.warc.gz").write_bytes(whole[:end])
    return folder


@pytest.fixture(scope="module")
def at_once(crawls: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run with both additions, built by one call."""
    run = tmp_path_factory.mktemp("at-once") / "run"
    corpus("build", write(crawls, SECOND, THIRD), "--run-dir", run, "--workers", "1")
    return run


def decided(run: Path) -> list[dict[str, Any]]:
    """The documents in their order, as `show` lists them."""
    fields = "key,source,kept,reason,representative,similarity,cluster_size,repeats,file"
    shown = corpus("show", run, "--all", "--json", "--fields", fields).stdout
    return [json.loads(line) for line in shown.splitlines()]


def files_of(run: Path, *kinds: str) -> dict[str, tuple[int, int]]:
    """Path → (inode, time of the last write): what changes when a file is written again."""
    found = (path for kind in kinds for path in (run / kind).rglob("*") if path.is_file())
    return {str(path.relative_to(run)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def test_a_run_that_grew_is_the_run_built_at_once(crawls: Path, at_once: Path, tmp_path: Path) -> None:
    """Also where a build of an addition ends early; and what was done before is not done again."""
    run = tmp_path / "run"
    begun = RECIPE.format(additions="", run="").replace("*.warc.gz", "docs-0.warc.gz")
    (crawls / "begin.toml").write_text(begun, encoding="utf-8")
    corpus("build", crawls / "begin.toml", "--run-dir", run, "--workers", "1")
    stays = files_of(run, "documents", "signals", "failed", "tokens", "tokenizer", "sample")
    before = decided(run)

    recipe = write(crawls, SECOND)
    shutil.move(crawls / "recrawl.warc.gz", tmp_path / "recrawl.warc.gz")  # its time has not come
    try:
        corpus("build", recipe, "--run-dir", run, "--workers", "1", "--until", "extract")
        assert not (run / "stages" / "select.json").exists()  # of other documents than are there now
        corpus("build", recipe, "--run-dir", run, "--workers", "2")
    finally:
        shutil.move(tmp_path / "recrawl.warc.gz", crawls / "recrawl.warc.gz")
    corpus("verify", run)
    between = decided(run)
    said = corpus("build", write(crawls, SECOND, THIRD), "--run-dir", run, "--workers", "1").stderr

    assert "items in" in next(line for line in said.splitlines() if line.startswith("extract"))
    assert stays.items() <= files_of(run, "documents", "signals", "failed", "tokens", "tokenizer", "sample").items()
    corpus("verify", run)
    assert digests(run) == digests(at_once)
    verdict = ("key", "kept", "reason", "representative", "similarity")
    for old, new in ((before, between), (between, decided(run))):
        assert len(new) > len(old)
        for one, other in zip(old, new, strict=False):
            assert [one[name] for name in verdict] == [other[name] for name in verdict]
            assert one["cluster_size"] <= other["cluster_size"]
    reasons = {row["reason"] for row in decided(run) if row["file"].endswith("recrawl.warc.gz")}
    assert {"url_duplicate", "near_duplicate"} & reasons
    assert any(old["cluster_size"] < new["cluster_size"] for old, new in zip(before, decided(run), strict=False))


def test_a_finished_run_with_additions_does_nothing(crawls: Path, at_once: Path) -> None:
    before = files_of(at_once, "documents", "decisions", "tokens", "shards")
    said = corpus("build", write(crawls, SECOND, THIRD), "--run-dir", at_once, "--workers", "1").stderr
    assert files_of(at_once, "documents", "decisions", "tokens", "shards") == before
    assert "were done before" in next(line for line in said.splitlines() if line.startswith("select"))


def test_statistics_name_additions(at_once: Path) -> None:
    found = json.loads(corpus("stats", at_once, "--json").stdout)["additions"]
    assert [each["name"] for each in found] == [None, "second", "third"]
    assert [each["files"] for each in found] == [1, 1, 1]
    counted = decided(at_once)
    assert sum(each["documents"] for each in found) == len(counted)
    last = [row["kept"] for row in counted if row["file"].endswith("recrawl.warc.gz")]
    assert (found[2]["documents"], found[2]["kept"]) == (len(last), sum(last))
    assert "second" in corpus("stats", at_once).stdout


def test_decided_again_the_kept_documents_are_those_of_a_run_without_additions(crawls: Path, tmp_path: Path) -> None:
    together, again = tmp_path / "together", tmp_path / "again"
    corpus("build", write(crawls), "--run-dir", together, "--until", "select", "--workers", "1")
    recipe = write(crawls, SECOND, THIRD, run="decide_again = true")
    corpus("build", recipe, "--run-dir", again, "--until", "select", "--workers", "1")
    facts = ("key", "kept", "reason", "representative", "similarity", "cluster_size")
    one, other = (sorted(str([row[fact] for fact in facts]) for row in decided(run)) for run in (together, again))
    assert one == other


@pytest.mark.parametrize(
    ("additions", "says"),
    [
        ((), "name new files in an [[addition]] at the end"),
        ((THIRD,), "was built from other inputs"),
        ((THIRD, SECOND), "earlier additions name every file of it"),
        (('[[addition]]\nname = "a"\ninputs = { docs = ["*.warc.gz"] }\n',), "the run would begin with none"),
        (('[[addition]]\nname = "a"\ninputs = { books = ["*"] }\n',), "addition 'a': inputs names 'books'"),
        ((SECOND, SECOND), "addition name 'second' stands twice"),
        (('[[addition]]\nname = "a"\ninputs = { docs = ["gone-*"] }\n',), "addition 'a': 'gone-*' matches no file"),
    ],
    ids=["taken away", "first taken away", "claimed", "nothing to begin with", "no source", "twice", "no file"],
)
def test_what_no_addition_can_be_is_one_line(
    crawls: Path, at_once: Path, additions: tuple[str, ...], says: str
) -> None:
    failed = corpus("build", write(crawls, *additions), "--run-dir", at_once, expect=2)
    assert says in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_an_addition_has_files() -> None:
    table = {
        "run": {"name": "r"},
        "source": [{"name": "s", "inputs": ["a"]}],
        "addition": [{"name": "a", "inputs": {}}],
    }
    with pytest.raises(RecipeError, match="addition"):
        parse_recipe(table, "recipe.toml")


def test_splits_of_additions_follow_those_before(at_once: Path) -> None:
    with pa.memory_map(str(at_once / "splits.arrow")) as source:
        splits = pa.ipc.open_file(source).read_all()
    assert splits["addition"].to_pylist() == sorted(splits["addition"].to_pylist())
    assert splits["item"].to_pylist() == sorted(splits["item"].to_pylist())
    names = [Path(file).name for file in splits.filter(pc.equal(splits["addition"], 2))["file"].to_pylist()]
    assert set(names) == {"recrawl.warc.gz"}


def test_rehydrated_documents_are_read_as_often_as_their_clusters_say(crawls: Path, tmp_path: Path) -> None:
    """Of a corpus read once, those that stand for others three times; what they are is a matter of `select` alone."""
    recipe = write(crawls)
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(
        text.replace("[dedup]", "[dedup]\nrehydrate = { 2 = 3, 1000 = 1 }").replace("40_000", "9_000_000")
    )
    run = tmp_path / "run"
    said = corpus("build", recipe, "--run-dir", run, "--workers", "1", expect=2).stderr
    fits = int(said.rpartition("tokens = ")[2].partition(" ")[0])
    corpus("build", recipe, "--run-dir", run, "--workers", "1", "--set", f"phase.0.tokens={fits}")
    corpus("verify", run)
    decisions = decided(run)
    assert {(row["cluster_size"] >= 2, row["repeats"]) for row in decisions if row["kept"]} == {(False, 1), (True, 3)}
    statistics = json.loads(corpus("stats", run, "--json").stdout)
    repeated = sum(each["documents"] for each in statistics["domains"] if each["name"].endswith(".x3"))
    assert repeated == sum(row["repeats"] == 3 for row in decisions) > 0
    for share in statistics["phases"][0]["domains"]:
        assert share["epochs"] == pytest.approx(repeats_of(share["domain"]), rel=0.1)
