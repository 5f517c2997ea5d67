"""What may be deleted: what a build wrote into a marked run directory, and nothing else, on a disk and behind a URL."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from corpus.errors import RunDirectoryError
from corpus.storage import deletion, files
from corpus.storage.run_directory import ItemRecord, RunDirectory
from corpus.storage.run_marker import check_marked, claim
from corpus.storage.run_names import KINDS, LOCK, MARKER, is_file_of_a_run, is_unfinished
from pipelines.report.repair import delete_damaged
from pipelines.stages.findings import Check, Finding

OLD, NEW, STRANGE = 16 * "0", 16 * "1", 16 * "2"
RECIPE = """
[run]
name = "r"
[[source]]
name = "docs"
inputs = ["docs.jsonl"]
format = "jsonl"
profile = "none"
[tokenizer]
vocab_size = 300
"""
_numbers = itertools.count()


@pytest.fixture(params=["local", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "local":
        yield str(tmp_path / "run")
        return
    url = f"memory://deletion-{next(_numbers)}"
    yield url
    store = fsspec.filesystem("memory")
    if store.exists(url):
        store.rm(url, recursive=True)


def everything(root: str) -> set[str]:
    store, path = fsspec.core.url_to_fs(root)
    return {name.removeprefix(path).lstrip("/") for name in store.find(path)}


def put(root: str, *names: str) -> None:
    for name in names:
        files.write_bytes(f"{root}/{name}", b"x")


def tree(folder: Path) -> dict[str, bytes | str]:
    """Everything below a folder; of a link where it leads."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found[name] = os.readlink(path) if path.is_symlink() else "folder" if path.is_dir() else path.read_bytes()
    return found


def corpus(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *map(str, arguments)], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
    )  # fmt: skip


# A run directory is marked before anything is written


def project(folder: Path) -> None:
    """A folder of a user's own, with names that a run has too."""
    for name in (
        "exams",
        "scores",
        "lines",
        "phases",
        "documents/thesis",
        "shards/2024",
        f"signals/{OLD}",
        "tokenizer/a",
        "sample/b",
    ):
        (folder / name).mkdir(parents=True)
        (folder / name / "own.txt").write_text("years of work")
    (folder / "documents" / OLD).mkdir()
    (folder / "documents" / OLD / "00000.arrow").write_text("looks like ours")
    (folder / "docs.jsonl").write_text('{"text": "One small document."}\n')
    (folder / "recipe.toml").write_text(RECIPE)


@pytest.mark.parametrize("run_dir", [".", "", "sub/..", "../project", "{absolute}", "file://{absolute}"])
def test_a_folder_of_the_users_own_is_refused_and_stays_as_it_is(tmp_path: Path, run_dir: str) -> None:
    folder = tmp_path / "project"
    project(folder)
    (folder / "sub").mkdir()
    before = tree(folder)
    done = corpus("build", "recipe.toml", "--run-dir", run_dir.format(absolute=folder), folder=folder)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert MARKER in done.stderr
    assert "empty folder" in done.stderr
    assert tree(folder) == before


@pytest.mark.parametrize(
    "held", ["a.txt", ".hidden", "documents/x", "recipe.json", "stages/plan.json", ".tmp", ".notes.tmp"]
)
def test_whatever_a_folder_holds_it_is_not_claimed(root: str, held: str) -> None:
    put(root, held)
    with pytest.raises(RunDirectoryError, match="not empty"):
        claim(root, "r")
    with pytest.raises(RunDirectoryError, match="no run directory"):
        check_marked(root)
    assert everything(root) == {held}


def test_a_link_alone_is_something_too(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "documents").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RunDirectoryError, match="not empty"):
        claim(str(tmp_path / "run"), "r")


def test_a_new_and_an_empty_folder_are_claimed_once(root: str) -> None:
    claim(root, "r")
    marker = files.read_bytes(f"{root}/{MARKER}")
    assert json.loads(marker).keys() == {"format", "run", "schema", "written_by"}
    claim(root, "r")
    put(root, "notes.txt")
    claim(root, "r")
    check_marked(root)
    assert files.read_bytes(f"{root}/{MARKER}") == marker
    with pytest.raises(RunDirectoryError, match="holds the run 'r', the recipe names 's'"):
        claim(root, "s")


def test_a_mounted_disk_is_empty(tmp_path: Path) -> None:
    (tmp_path / "run" / "lost+found").mkdir(parents=True)
    claim(str(tmp_path / "run"), "r")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"format": "1", "run": "r"}', b'{"format": 1}', b"[" * 100_000])
def test_a_marker_that_cannot_be_read_is_none(root: str, data: bytes) -> None:
    files.write_bytes(f"{root}/{MARKER}", data)
    put(root, "notes.txt")
    with pytest.raises(RunDirectoryError, match=f"notes.*no {MARKER} that can be read"):
        claim(root, "r")
    with pytest.raises(RunDirectoryError, match=MARKER):
        check_marked(root)
    files.remove_file(f"{root}/notes.txt")
    claim(root, "r")
    check_marked(root)


def test_a_later_layout_is_refused(root: str) -> None:
    files.write_bytes(f"{root}/{MARKER}", b'{"format": 2, "run": "r", "written_by": "lm-corpus-pipelines 9"}')
    with pytest.raises(RunDirectoryError, match=r"pipelines 9.*later version"):
        claim(root, "r")


def test_a_run_without_a_marker_is_known_by_its_contents(demo_run: Path, tmp_path: Path) -> None:
    older = tmp_path / "run"
    shutil.copytree(demo_run, older)
    name = json.loads((older / MARKER).read_text())["run"]
    (older / MARKER).write_bytes(b"")
    check_marked(str(older))
    (older / MARKER).unlink()
    check_marked(str(older))
    with pytest.raises(RunDirectoryError, match="holds the run"):
        claim(str(older), "another")
    claim(str(older), name)
    assert json.loads((older / MARKER).read_text())["run"] == name


# Names


@pytest.mark.parametrize(
    "name",
    [
        *(f"{kind}/{OLD}/00003.arrow" for kind in sorted(KINDS) if kind not in ("tokenizer", "shards")),
        *(f"shards/{OLD}/docs.zh_Hant/00000.arrow", f"shards/{OLD}/a-b_c.en.q2.x3/123456.arrow", f"tokenizer/{OLD}/tokenizer.model"),
        *(f"stages/extract/{OLD}/language.model", f"stages/select/{OLD}/steps/00012.json", f"stages/score/{OLD}/begun.json"),
        *(f"stages/extract/{OLD}/records.arrow", f"exchange/{OLD}/files/settings.json", f"exchange/{OLD}/files/steps/round-1.arrow"),
        *(f"exchange/{OLD}/files/url-keys/0000012-ab12.rows", f"stages/select/{OLD}/files/00012.json"),
        *(f"exchange/{OLD}/url-keys/00000.arrow", "manifest.arrow", "phases/plan.json", "stages/train-tokenizer.json"),
    ],
)  # fmt: skip
def test_names_that_a_build_writes(name: str) -> None:
    assert is_file_of_a_run(name)
    folder, _, last = name.rpartition("/")
    assert is_unfinished(files.join(folder, files.temporary_name(last)))
    for other in (f"{name}~", f"{name}.bak", f"x{name}", f"/{name}", f"./{name}", name.upper(), f"{name}\n"):
        assert not is_file_of_a_run(other)


def test_every_file_of_a_run_has_such_a_name(demo_run: Path) -> None:
    found = {str(path.relative_to(demo_run)) for path in demo_run.rglob("*") if path.is_file()}
    assert {name for name in found if not is_file_of_a_run(name)} == {".lock"}


# Deletion


def run_with_two_fingerprints(root: str) -> RunDirectory:
    run = RunDirectory(root)
    claim(root, "r")
    for mark in (OLD, NEW):
        stage = run.stage("extract", mark)
        stage.begin()
        put(root, f"documents/{mark}/00000.arrow")
        stage.finish(ItemRecord(0, {}, {}))
    return run


def test_what_a_build_did_not_write_stays_and_is_named(root: str) -> None:
    run = run_with_two_fingerprints(root)
    own = [
        *(
            "documents/thesis/a.txt",
            "documents/notes.txt",
            f"documents/{OLD}/notes.txt",
            f"documents/{OLD}/00001.arrow.bak",
        ),
        *(
            f"documents/{STRANGE}/00000.arrow",
            f"stages/extract/{OLD}/mine.txt",
            "documents/.mine.tmp",
            f"documents/{NEW}/.mine.tmp",
        ),
        *(f"documents/{OLD}/deeper/00000.arrow", f"documents/{NEW}/own.txt"),
    ]
    put(root, *own, f"documents/{OLD}/{files.temporary_name('00002.arrow')}")
    kept = [
        *own,
        MARKER,
        f"documents/{NEW}/00000.arrow",
        f"stages/extract/{NEW}/00000.json",
        f"stages/extract/{NEW}/begun.json",
    ]
    left = run.remove_superseded(run.stage("extract", NEW), ("documents", "signals"))
    assert everything(root) == set(kept)
    assert "documents/thesis" in left
    assert f"documents/{STRANGE}" in left
    assert f"documents/{OLD}/notes.txt" in left
    run.remove_stage("extract", ("documents", "signals"))
    assert everything(root) == {*own, MARKER}


def test_a_stage_that_is_given_up_goes_whole(root: str) -> None:
    run = run_with_two_fingerprints(root)
    run.write_stage_manifest("extract", {"fingerprint": NEW})
    assert run.remove_stage("extract", ("documents", "signals")) == []
    assert everything(root) == {MARKER}
    assert files.folder_names(root) in ([], ["stages"])


def test_what_killed_writers_left_goes(root: str) -> None:
    run = run_with_two_fingerprints(root)
    put(root, f"documents/{NEW}/{files.temporary_name('00007.arrow')}")
    assert run.remove_superseded(run.stage("extract", NEW), ("documents",)) == []
    assert not any(name.endswith(".tmp") for name in everything(root))


def test_what_steps_sent_goes(root: str) -> None:
    run = RunDirectory(root)
    run.stage("select", OLD).begin()
    put(
        root,
        f"exchange/{OLD}/bands/00000.arrow",
        f"exchange/{OLD}/edges/00000.arrow",
        f"exchange/{STRANGE}/bands/00000.arrow",
    )
    run.remove_exchange("select", OLD, "bands")
    assert everything(root) >= {f"exchange/{OLD}/edges/00000.arrow"}
    put(root, "exchange/students/list.txt")
    run.remove_exchange("select")
    assert everything(root) == {
        f"stages/select/{OLD}/begun.json",
        f"exchange/{STRANGE}/bands/00000.arrow",
        "exchange/students/list.txt",
    }


@pytest.mark.parametrize(
    "link", ["documents", f"documents/{OLD}", f"documents/{OLD}/00000.arrow", "stages", "stages/extract"]
)
def test_nothing_is_deleted_through_a_link(tmp_path: Path, link: str) -> None:
    run = run_with_two_fingerprints(str(tmp_path / "run"))
    big = tmp_path / "big"
    (tmp_path / "run" / link).rename(big)
    (tmp_path / "run" / link).symlink_to(big)
    before = tree(big) if big.is_dir() else big.read_bytes()
    run.remove_superseded(run.stage("extract", NEW), ("documents",))
    deletion.remove(run.url, [f"documents/{OLD}/00000.arrow"])
    run.remove_stage("extract", ("documents",))
    assert (tree(big) if big.is_dir() else big.read_bytes()) == before
    assert (tmp_path / "run" / link).is_symlink()


def test_a_run_directory_may_itself_be_a_link(tmp_path: Path) -> None:
    run_with_two_fingerprints(str(tmp_path / "run"))
    (tmp_path / "link").symlink_to(tmp_path / "run")
    run = RunDirectory(str(tmp_path / "link"))
    run.remove_superseded(run.stage("extract", NEW), ("documents",))
    assert not (tmp_path / "run" / "documents" / OLD).exists()


# verify --delete-damaged

ELSEWHERE = [
    *(
        "shards/../../victim",
        "../victim",
        "/victim",
        "shards/../../victim/00000.arrow",
        "documents/../../victim",
        "",
        ".",
        "..",
    ),
    *(
        "shards/\0",
        "documents\\..\\..\\victim",
        "shards/%2e%2e/%2e%2e/victim",
        "file:///victim",
        "recipe.toml~",
        "notes.txt",
    ),
    *(
        f"documents/{STRANGE}/00000.arrow",
        f"documents/{NEW}/../../notes.txt",
        f"documents/{NEW}",
        "documents",
        "stages",
    ),
]


@pytest.mark.parametrize("file", ELSEWHERE)
def test_a_finding_deletes_nothing_that_a_build_would_not_make_again(root: str, file: str) -> None:
    run = run_with_two_fingerprints(root)
    run.write_stage_manifest("extract", {"fingerprint": NEW})
    put(root, "notes.txt", f"documents/{STRANGE}/00000.arrow")
    before = everything(root)
    finding = Finding(Check.MISSING, file, "a record says so")
    assert delete_damaged(run, [finding]) == ([], [finding])
    assert everything(root) - {LOCK} == before


def test_a_finding_behind_a_link_is_left(tmp_path: Path) -> None:
    run = run_with_two_fingerprints(str(tmp_path / "run"))
    run.write_stage_manifest("extract", {"fingerprint": NEW})
    (tmp_path / "run" / "documents").rename(tmp_path / "big")
    (tmp_path / "run" / "documents").symlink_to(tmp_path / "big")
    finding = Finding(Check.DIGEST, f"documents/{NEW}/00000.arrow", "another")
    deleted, left = delete_damaged(run, [finding])
    assert left == [finding]
    assert f"documents/{NEW}/00000.arrow" not in deleted
    assert (tmp_path / "big" / NEW / "00000.arrow").exists()


def test_a_folder_without_a_marker_is_not_mended(root: str) -> None:
    put(root, "manifest.arrow")
    with pytest.raises(RunDirectoryError, match=MARKER):
        delete_damaged(RunDirectory(root), [Finding(Check.DIGEST, "manifest.arrow", "another")])
    assert everything(root) == {"manifest.arrow"}


@pytest.mark.parametrize("path", ["shards/../../victim", "{victim}", "shards/\\u0000", "shards/..%2f..%2fvictim"])
def test_a_record_that_names_another_place_is_damage_and_is_made_again(
    repository: Path, demo_run: Path, build_run: Callable[..., None], tmp_path: Path, path: str
) -> None:
    """The record goes, not what it names; the next build writes the record again."""
    run, victim = tmp_path / "run", tmp_path / "victim"
    shutil.copytree(demo_run, run)
    victim.mkdir()
    (victim / "00000.arrow").write_text("years of work")
    (record,) = (run / "stages" / "pack").glob("*/00000.json")
    whole = record.read_bytes()
    table = json.loads(whole)
    ((_, written),) = table["outputs"].items()
    name = json.loads(f'"{path}"').format(victim=victim)
    record.write_text(json.dumps({**table, "outputs": {name: written}}))
    done = corpus("verify", run, "--delete-damaged", folder=repository)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert (victim / "00000.arrow").read_text() == "years of work"
    assert not record.exists()
    build_run(repository / "examples" / "demo" / "recipe.toml", run)
    assert record.read_bytes() == whole
    assert corpus("verify", run, folder=repository).returncode == 0
