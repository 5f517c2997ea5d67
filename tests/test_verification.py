"""`corpus verify` on many items: at once, interrupted, and what no record names."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from corpus.storage.run_directory import RunDirectory
from corpus.storage.run_names import CHECKS, is_file_of_a_run
from pipelines.cli import main
from pipelines.report import checking, verification
from pipelines.report.item_checks import ItemCheck, Task, check_item
from pipelines.report.verification import verify
from pipelines.stages.findings import Check, Finding, Seen


def flip(path: Path, at: int | None = None) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 1
    path.write_bytes(data)


@pytest.fixture
def run(demo_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(demo_run, tmp_path / "run"))


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every item that is looked at in this process."""
    seen: list[tuple[str, int]] = []

    def noted(facts: Seen, task: Task) -> ItemCheck:
        seen.append((task.stage, task.item))
        return check_item(facts, task)

    monkeypatch.setattr(checking, "check_item", noted)
    return seen


def stopping_after(steps: int) -> Callable[[int, int], None]:
    def watch(done: int, of: int) -> None:
        if done == steps:
            raise KeyboardInterrupt

    return watch


def findings(run: Path, *, workers: int | None = None, again: bool = False) -> list[Finding]:
    return list(verify(RunDirectory(str(run)), workers=workers, again=again))


def test_processes_find_what_one_finds(run: Path) -> None:
    assert findings(run, workers=3) == []
    for kind in ("signals", "decisions", "shards"):
        flip(min((run / kind).rglob("*.arrow")))
    min((run / "tokens").rglob("*.arrow")).unlink()
    found = findings(run, workers=1)
    assert {finding.check for finding in found} == {Check.DIGEST, Check.MISSING}
    assert findings(run, workers=3) == found


@pytest.mark.parametrize("steps", [1, 7, 20])
def test_an_interrupted_call_is_gone_on_with(steps: int, run: Path, looked_at: list[tuple[str, int]]) -> None:
    assert findings(run) == []
    everything = sorted(looked_at)
    looked_at.clear()
    with pytest.raises(KeyboardInterrupt):
        list(verify(RunDirectory(str(run)), progress=stopping_after(steps)))
    names = [str(path.relative_to(run)) for path in (run / CHECKS).iterdir()]
    assert names
    assert all(map(is_file_of_a_run, names))
    first = set(looked_at)
    looked_at.clear()
    assert findings(run) == []
    assert not first & set(looked_at)
    assert sorted({*first, *looked_at}) == everything
    # One that came to its end leaves nothing, so the next one begins anew.
    assert not list(run.glob(f"{CHECKS}/*"))
    looked_at.clear()
    assert findings(run) == []
    assert sorted(looked_at) == everything


def interrupted(run: Path, steps: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(verify(RunDirectory(str(run)), progress=stopping_after(steps)))


def test_what_has_changed_since_is_looked_at_again(run: Path, looked_at: list[tuple[str, int]]) -> None:
    interrupted(run, 20)
    looked_at.clear()
    path = min((run / "documents").rglob("*.arrow"))
    path.write_bytes(path.read_bytes())
    assert findings(run) == []
    # The signals were compared with these documents.
    assert {("extract", 0), ("measure", 0)} <= set(looked_at)
    assert not {("extract", 1), ("measure", 1)} & set(looked_at)


def test_damage_since_an_interrupted_call_is_found(run: Path, looked_at: list[tuple[str, int]]) -> None:
    interrupted(run, 20)
    looked_at.clear()
    path = min((run / "documents").rglob("*.arrow"))
    flip(path)
    found = findings(run)
    assert [(finding.check, finding.file) for finding in found][:1] == [(Check.DIGEST, str(path.relative_to(run)))]
    assert ("extract", 1) not in looked_at


def test_a_time_that_was_set_back_hides_nothing(run: Path) -> None:
    interrupted(run, 20)
    path = min((run / "documents").rglob("*.arrow"))
    before = path.stat()
    with path.open("r+b") as file:  # the same inode, size and time of change
        file.seek(before.st_size // 2)
        byte = file.read(1)[0]
        file.seek(before.st_size // 2)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert str(path.relative_to(run)) in {finding.file for finding in findings(run)}


KILLED = """
import os, signal, sys
from corpus.storage.run_directory import RunDirectory
from pipelines.report import checks_made
from pipelines.report.verification import verify

checks_made.SECONDS = 0.0

def die(done, of):
    if done == 20:
        os.kill(os.getpid(), signal.SIGKILL)

list(verify(RunDirectory(sys.argv[1]), progress=die, workers=1))
"""


def test_a_killed_process_is_gone_on_with(run: Path, looked_at: list[tuple[str, int]]) -> None:
    died = subprocess.run([sys.executable, "-c", KILLED, str(run)], check=False)
    assert died.returncode == -signal.SIGKILL
    done = CliRunner().invoke(main, ["verify", str(run)])
    assert done.exit_code == 0, done.output
    assert "not read again: 20 work items" in done.output
    assert ("extract", 0) not in looked_at
    assert looked_at


def test_again_begins_anew(run: Path, looked_at: list[tuple[str, int]]) -> None:
    interrupted(run, 20)
    looked_at.clear()
    assert CliRunner().invoke(main, ["verify", str(run), "--again"]).exit_code == 0
    assert ("extract", 0) in looked_at


def test_a_damaged_note_of_what_was_seen_is_passed_over(run: Path, looked_at: list[tuple[str, int]]) -> None:
    interrupted(run, 20)
    for path in (run / CHECKS).iterdir():
        flip(path)
    looked_at.clear()
    assert findings(run) == []
    assert ("extract", 0) in looked_at


def test_a_damaged_item_is_never_taken_for_seen(run: Path) -> None:
    flip(min((run / "documents").rglob("*.arrow")))
    interrupted(run, 20)
    assert Check.DIGEST in {finding.check for finding in findings(run)}


def test_sums_of_what_was_seen_before_count(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept documents are those in tokens and shards: half of the sums from before, half from now."""
    wholes: list[verification._Whole] = []
    check_sums = verification._check_sums
    monkeypatch.setattr(
        verification, "_check_sums", lambda seen, whole: (wholes.append(whole), check_sums(seen, whole))[1]
    )
    assert findings(run) == []
    interrupted(run, 22)
    assert findings(run) == []
    first, second = wholes
    assert first.kept == second.kept != 0
    assert first.clusters.keys() == second.clusters.keys()


# What no record of an item names

_BY_ITEM = ("documents", "signals", "failed", "edges", "decisions", "sample", "tokens", "shards")


def test_an_older_run_says_what_could_not_be_checked(repository: Path) -> None:
    done = CliRunner().invoke(main, ["verify", str(repository / "tests" / "runs" / "0.1.0-schema3")])
    assert done.exit_code == 0, done.output
    assert "not checked: manifests of plan, extract, measure" in done.output


def test_a_torn_manifest_makes_no_noise(run: Path) -> None:
    (run / "stages" / "select.json").write_text("{")
    assert [finding.file for finding in findings(run)] == ["stages/select.json"]


def test_one_bit_of_any_file_is_found(run: Path) -> None:
    """Of files that items wrote too."""
    paths = sorted(path for path in run.rglob("*") if path.is_file() and path.name not in (".lock", "pending.arrow"))
    for path in {(path.relative_to(run).parts[0], path.suffix): path for path in paths}.values():
        flip(path)
        assert str(path.relative_to(run)) in {finding.file for finding in findings(run)}, path
        flip(path)


def beside_the_items(run: Path) -> list[Path]:
    """Every file of a run that no item wrote, and the record of one."""
    found = [path for path in run.rglob("*") if path.is_file() and path.relative_to(run).parts[0] not in _BY_ITEM]
    transient = {".lock", "pending.arrow"}
    names = {path for path in found if path.name not in transient and not path.stem.isdigit()}
    return sorted({*names, min(run.glob("stages/measure/*/0*.json"))})


def test_a_byte_of_every_file_matters(run: Path) -> None:
    paths = beside_the_items(run)
    names = {path.name for path in paths}
    assert {"splits.arrow", "recipe.json", "recipe.toml", "corpus-run.json", "manifest.arrow", "records.arrow"} <= names
    assert {"plan.arrow", "plan.json", "language.model", "tokenizer.model", "begun.json", "measure.json"} <= names
    for number, path in enumerate(paths):
        at = (0, path.stat().st_size // 3, path.stat().st_size - 2)[number % 3]
        flip(path, at)
        assert str(path.relative_to(run)) in {finding.file for finding in findings(run)}, (path, at)
        flip(path, at)
    assert findings(run) == []


def test_a_manifest_without_its_digest_is_named(run: Path) -> None:
    path = run / "stages" / "measure.json"
    manifest = json.loads(path.read_text())
    del manifest["digest"]
    path.write_text(json.dumps(manifest))
    assert [(finding.check, finding.file) for finding in findings(run)] == [(Check.DIGEST, "stages/measure.json")]


def test_what_items_recorded_is_read_once_a_stage_and_compared(run: Path) -> None:
    record = min(run.glob("stages/measure/*/00001.json"))
    record.write_text(record.read_text().replace('"documents": ', '"documents": 1', 1))
    found = {(finding.check, finding.file) for finding in findings(run)}
    assert (Check.RECORD, str(record.relative_to(run))) in found
    assert Check.COUNTS in {check for check, _ in found}


def digests(run: Path) -> dict[str, str]:
    found = [path for path in run.rglob("*") if path.is_file() and path.name not in (".lock", "pending.arrow")]
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_all_of_it_is_made_again(repository: Path, run: Path, build_run: Callable[..., None]) -> None:
    before = digests(run)
    for path in beside_the_items(run):
        # The model is an item's (tests/test_repair.py); of the marker nothing is known without the manifest of `plan`.
        # What an item recorded is compared with records.arrow, so not both at once.
        if path.name not in ("tokenizer.model", "corpus-run.json") and not path.stem.isdigit():
            flip(path)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "verify", str(run), "--delete-damaged"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    # With a damaged manifest a stage is not known, nor what lies under it: the next build finds its items done.
    build_run(repository / "examples" / "demo" / "recipe.toml", run)
    if findings(run):
        subprocess.run([sys.executable, "-m", "pipelines.cli", "verify", str(run), "--delete-damaged"], check=False)
        build_run(repository / "examples" / "demo" / "recipe.toml", run)
    assert findings(run) == []
    assert digests(run) == before


@pytest.mark.parametrize(
    "pattern", ["stages/*/*/*.arrow", "stages/*/*/language.model", "stages/measure.json", "*.arrow"]
)
def test_one_kind_of_it_is_made_again_by_one_build(
    pattern: str, repository: Path, run: Path, build_run: Callable[..., None]
) -> None:
    before = digests(run)
    paths = [path for path in run.glob(pattern) if path.name != "pending.arrow"]
    assert paths
    for path in paths:
        flip(path)
    assert CliRunner().invoke(main, ["verify", str(run), "--delete-damaged"]).exit_code == 1
    assert not any(path.exists() for path in paths)
    build_run(repository / "examples" / "demo" / "recipe.toml", run)
    assert findings(run) == []
    assert digests(run) == before
