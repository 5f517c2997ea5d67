"""`corpus verify --delete-damaged`, then `corpus build`: the bytes that were there."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from corpus.storage.run_directory import RunDirectory
from corpus.storage.run_marker import claim
from pipelines.report.repair import delete_damaged
from pipelines.report.run_statistics import read_statistics
from pipelines.report.verification import verify as findings_of
from pipelines.stages.findings import Check, Finding

KINDS = ("documents", "signals", "failed", "edges", "decisions", "sample", "tokenizer", "tokens", "shards")


def digests(run: Path) -> dict[str, str]:
    files = [path for kind in KINDS for path in (run / kind).rglob("*") if path.is_file()]
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def verify(run: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.cli", "verify", str(run), *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_file_of_every_kind_is_made_again(
    repository: Path, demo_run: Path, build_run: Callable[..., None], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(demo_run, run)
    before = digests(run)
    for kind in KINDS:
        path = min(path for path in (run / kind).rglob("*") if path.is_file())
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    done = verify(run, "--delete-damaged")
    assert done.returncode == 1, done.stderr
    assert "run `corpus build` again" in done.stdout
    assert all(not min(run.glob(f"{kind}/*")).joinpath("00000.arrow").exists() for kind in ("documents", "tokens"))
    build_run(repository / "examples" / "demo" / "recipe.toml", run)
    assert digests(run) == before
    assert verify(run).returncode == 0


IN_THE_MIDDLE = ("extract", "measure", "select", "train-tokenizer", "tokenize")
TORN_OR_GONE = [(stage, damage) for stage in IN_THE_MIDDLE for damage in ("torn", "gone")]


@pytest.mark.parametrize(("stage", "damage"), [*TORN_OR_GONE, ("pack", "torn"), ("phases", "torn")])
def test_a_manifest_that_is_torn_or_gone_is_named(demo_run: Path, tmp_path: Path, stage: str, damage: str) -> None:
    """Of a stage in the middle too, whose outputs the stages after it are held against."""
    run = tmp_path / "run"
    shutil.copytree(demo_run, run)
    manifest = run / "stages" / f"{stage}.json"
    if damage == "gone":
        manifest.unlink()
    else:
        manifest.write_bytes(manifest.read_bytes()[:20])
    found = list(findings_of(RunDirectory(str(run))))
    assert [finding.check for finding in found if finding.file == f"stages/{stage}.json"]
    assert {finding.check for finding in found} <= {Check.MISSING, Check.SCHEMA, Check.CONSERVATION}
    assert read_statistics(RunDirectory(str(run))).name == "demo"


def test_what_names_no_file_is_left(tmp_path: Path) -> None:
    claim(str(tmp_path), "r")
    finding = Finding(Check.CONSERVATION, "stages", "documents in are not those out")
    assert delete_damaged(RunDirectory(str(tmp_path)), [finding]) == ([], [finding])
