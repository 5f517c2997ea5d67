"""The command `corpus build` as a user meets it: files, exit codes, resume after kill -9, and the same bytes always."""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import corpus

REPOSITORY = Path(__file__).resolve().parents[1]
DEMO = REPOSITORY / "examples" / "demo"

#: A part of the demo: fast, and with every link of the chain.
RECIPE = """
[run]
name = "small"
seed = 3
languages = ["zh", "en", "ja", "ru"]
work_item_bytes = 300_000
[[source]]
name = "docs"
inputs = [{inputs}]
[dedup]
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
[[phase]]
name = "two"
tokens = 16_384
sequence_length = 512
batch_size = 4
weights = {{ "docs.zh" = 0.75, "docs.ja" = 0.25 }}
"""


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    for name in ("docs-0.warc.gz", "recrawl.warc.gz"):
        shutil.copyfile(DEMO / name, folder / name)
    return folder


def write_recipe(path: Path, files: list[str], more: str = "") -> Path:
    path.write_text(RECIPE.format(inputs=", ".join(f'"{file}"' for file in files)) + more, encoding="utf-8")
    return path


def digests(run: Path) -> dict[str, str]:
    """Every file that a trainer or a later stage reads."""
    folders = ("documents", "signals", "failed", "decisions", "tokenizer", "tokens", "shards", "phases")
    found = [path for folder in folders for path in sorted((run / folder).rglob("*")) if path.is_file()]
    files = [*found, run / "manifest.arrow", *sorted((run / "stages").glob("*/*/[0-9]*.json"))]
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="session")
def finished(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(recipe, run) of an undisturbed build in one process."""
    recipe = write_recipe(inputs / "recipe.toml", ["docs-0.warc.gz", "recrawl.warc.gz"])
    run = tmp_path_factory.mktemp("runs") / "one"
    corpus("build", recipe, "--run-dir", run, "--workers", "1")
    return recipe, run


def test_two_workers_and_another_order_of_inputs_give_the_same_bytes(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe, run = finished
    other = write_recipe(recipe.with_name("reversed.toml"), ["recrawl.warc.gz", "docs-*.warc.gz", "docs-0.warc.gz"])
    corpus("build", other, "--run-dir", tmp_path / "two", "--workers", "2")
    assert digests(tmp_path / "two") == digests(run)
    assert len(digests(run)) > 40


def test_inputs_in_another_folder_give_the_same_bytes(finished: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, run = finished
    moved = tmp_path / "elsewhere"
    shutil.copytree(recipe.parent, moved)
    corpus("build", moved / "recipe.toml", "--run-dir", tmp_path / "run", "--workers", "1")
    assert digests(tmp_path / "run") == digests(run)


def items_done(run: Path, stage: str) -> int:
    return len(list((run / "stages" / stage).glob("*/[0-9]*.json")))


def begun(
    recipe: Path, run: Path, moment: Callable[[Path], bool], *, workers: int, start_new_session: bool = False
) -> subprocess.Popen[str]:
    """A build as a process of its own that has come to a moment, or to its end."""
    command = [sys.executable, "-m", "pipelines.cli", "build", recipe, "--run-dir", run, "--workers", str(workers)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=start_new_session,
    )
    deadline = time.monotonic() + 120
    while not moment(run) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(
    ("stage", "moment"),
    [
        ("extract", lambda run: items_done(run, "extract") >= 2),
        ("select", lambda run: (run / "stages" / "extract.json").exists()),
        ("pack", lambda run: items_done(run, "tokenize") >= 2),
    ],
    ids=["extract", "select", "tokenize"],
)
def test_after_kill_9_a_second_call_gives_the_same_bytes(
    finished: tuple[Path, Path], tmp_path: Path, stage: str, moment: Callable[[Path], bool]
) -> None:
    recipe, whole = finished
    run = tmp_path / "run"
    victim = begun(recipe, run, moment, workers=2, start_new_session=True)
    assert victim.poll() is None, "the build ended before it could be killed"
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    assert not (run / "phases").exists()
    before = {path: path.stat().st_mtime_ns for path in (run / "stages").glob("extract/*/[0-9]*.json")}
    corpus("build", recipe, "--run-dir", run, "--workers", "2")
    assert digests(run) == digests(whole)
    # What was finished was not done again.
    assert {path: path.stat().st_mtime_ns for path in before} == before


def workers_of(driver: int) -> list[int]:
    """The worker processes that Beam started, each below a shell."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    shells = {child for child, parent in parents.items() if parent == driver}
    found = []
    for child, parent in parents.items():
        with contextlib.suppress(OSError):
            if parent in shells and b"sdk_worker_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers by /proc")
def test_a_killed_worker_ends_the_build_with_one_line(finished: tuple[Path, Path], tmp_path: Path) -> None:
    """Beam alone waits for it for ever."""
    recipe, whole = finished
    run = tmp_path / "run"
    driver = begun(recipe, run, lambda run: items_done(run, "extract") >= 1, workers=2)
    os.kill(workers_of(driver.pid)[0], signal.SIGKILL)
    _, errors = driver.communicate(timeout=60)
    assert driver.returncode == 3, errors
    assert "a worker process was killed" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    corpus("build", recipe, "--run-dir", run, "--workers", "1")
    assert digests(run) == digests(whole)


def test_ctrl_c_ends_with_130_and_one_line(finished: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, whole = finished
    run = tmp_path / "run"
    victim = begun(recipe, run, lambda run: items_done(run, "extract") >= 1, workers=1)
    victim.send_signal(signal.SIGINT)
    _, errors = victim.communicate(timeout=60)
    assert victim.returncode == 130, errors
    assert errors.splitlines()[-1] == "corpus: interrupted; the same command goes on from here"
    assert not list(run.rglob("*.tmp"))
    corpus("build", recipe, "--run-dir", run, "--workers", "1")
    assert digests(run) == digests(whole)


def test_a_changed_threshold_runs_select_and_what_follows(finished: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, whole = finished
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    before = {
        path: path.stat().st_mtime_ns for kind in ("documents", "signals") for path in (run / kind).rglob("*.arrow")
    }
    done = corpus("build", recipe, "--run-dir", run, "--workers", "1", "--set", "dedup.threshold=0.95")
    assert "were done before" in next(line for line in done.stderr.splitlines() if line.startswith("extract"))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert digests(run) != digests(whole)
    # A run directory holds one consistent state: what the old threshold gave is gone …
    assert {kind: len(list((run / kind).iterdir())) for kind in ("decisions", "tokens", "shards")} == {
        "decisions": 1,
        "tokens": 1,
        "shards": 1,
    }
    # … and the old threshold gives it again.
    corpus("build", recipe, "--run-dir", run, "--workers", "1")
    assert digests(run) == digests(whole)


def test_a_finished_build_does_nothing_again(finished: tuple[Path, Path]) -> None:
    recipe, run = finished
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.arrow") if "splits" not in path.name}
    done = corpus("build", recipe, "--run-dir", run, "--workers", "1")
    changed = {path.name for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert changed <= {"manifest.arrow", "plan.arrow"}
    assert " items in " not in done.stderr


BAD = {
    "unknown key": ("[dedup]\nbandz = 3\n", ["dedup.bandz", "unknown key", "did you mean 'bands'"]),
    "wrong type": ('[extract]\nmax_page_bytes = "big"\n', ["extract.max_page_bytes", "'big'", "integer"]),
    "unreadable model": ('[language]\nmodel = "recipe.toml"\n', ["recipe.toml"]),
    "missing model": ('[language]\nmodel = "no.ftz"\n', ["no.ftz"]),
    "unknown profile": ('[[source]]\nname = "b"\ninputs = ["docs-0.warc.gz"]\nprofile = "wob"\n', ["wob", "web"]),
    "unknown signal": ('[profiles.web]\nrules = [{ signal = "wordz", min = 3, reason = "word_length" }]\n', ["wordz"]),
    "weights": (
        '[[phase]]\nname = "c"\ntokens = 9999\nsequence_length = 8\nweights = { "docs.zh" = 0.5, "docs.en" = 0.4 }\n',
        ["'c'", "weights sum to 0.9", "1"],
    ),
    "missing file": ('[[source]]\nname = "b"\ninputs = ["no.warc.gz"]\n', ["no.warc.gz", "does not exist"]),
    "empty glob": ('[[source]]\nname = "b"\ninputs = ["no-*.gz"]\n', ["no-*.gz", "matches no file"]),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_line_with_exit_2_and_nothing_written(inputs: Path, tmp_path: Path, what: str) -> None:
    more, said = BAD[what]
    if what in ("unknown key", "wrong type") or "[language]" in more or "[profiles" in more or "[[" in more:
        text = RECIPE.format(inputs='"docs-0.warc.gz"').replace(
            "[dedup]\nthreshold = 0.7\n", "" if "[dedup]" in more else "[dedup]\nthreshold = 0.7\n"
        )
        recipe = inputs / f"bad-{what.replace(' ', '-')}.toml"
        recipe.write_text(text + more, encoding="utf-8")
    done = corpus("build", recipe, "--run-dir", tmp_path / "run", expect=2)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    for part in said:
        assert part in lines[0]
    assert not (tmp_path / "run").exists()


def test_a_run_directory_of_another_run_or_other_sources_is_refused(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe, whole = finished
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    before = digests(run)
    done = corpus("build", recipe, "--run-dir", run, "--set", "run.name=other", expect=2)
    assert "'small'" in done.stderr
    assert "'other'" in done.stderr
    done = corpus("build", recipe, "--run-dir", run, "--set", 'source.0.inputs=["docs-0.warc.gz"]', expect=2)
    assert "what it began with was 2 files of" in done.stderr
    assert digests(run) == before


def test_a_phase_beyond_its_cap_names_domain_and_remedy(finished: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, whole = finished
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    before = digests(run)
    done = corpus("build", recipe, "--run-dir", run, "--workers", "1", "--set", "phase.1.tokens=9000000", expect=2)
    assert "recipe.toml: phase 'two'" in done.stderr
    assert "max_epochs" in done.stderr
    # The plan of the earlier recipe is no longer fed as that of this one; its own recipe makes the same again.
    assert "withdrawn" in done.stderr
    assert not (run / "phases").exists()
    corpus("build", recipe, "--run-dir", run, "--workers", "1")
    assert digests(run) == before


def test_damaged_input_is_a_counted_failure_and_too_much_of_it_exit_3(inputs: Path, tmp_path: Path) -> None:
    data = (inputs / "docs-0.warc.gz").read_bytes()
    (tmp_path / "cut.warc.gz").write_bytes(data[: len(data) // 8])
    (tmp_path / "no.warc.gz").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    recipe = write_recipe(tmp_path / "recipe.toml", ["cut.warc.gz", "no.warc.gz"])
    done = corpus("build", recipe, "--run-dir", tmp_path / "run", "--workers", "1", "--until", "extract",
                  "--set", "run.max_failed_fraction=0.5")  # fmt: skip
    done = corpus("build", recipe, "--run-dir", tmp_path / "run", "--workers", "1", "--set",
                  "run.max_failed_fraction=0.001", expect=3)  # fmt: skip
    assert "max_failed_fraction" in done.stderr.splitlines()[-1]
    assert "everything finished is kept" in done.stderr
    assert items_done(tmp_path / "run", "extract") >= 1


def test_a_mistyped_option_is_refused_before_anything_is_written(inputs: Path, tmp_path: Path) -> None:
    recipe = write_recipe(inputs / "option.toml", ["docs-0.warc.gz"])
    done = corpus("build", recipe, "--run-dir", tmp_path / "run", "--wokers=2", expect=2)
    assert "--wokers" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_call_that_stops_early_leaves_a_sound_run(finished: tuple[Path, Path], tmp_path: Path) -> None:
    """`--until extract` with another threshold decides nothing: verify must not judge the old decisions by it."""
    recipe, whole = finished
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    corpus("build", recipe, "--run-dir", run, "--set", "dedup.threshold=0.99", "--until", "extract")
    corpus("verify", run)


def test_a_recipe_without_phases_leaves_no_plan(finished: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, whole = finished
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    corpus("build", recipe, "--run-dir", run, "--set", "phase=[]")
    assert not (run / "phases").exists()
    corpus("verify", run)


def test_a_language_that_the_model_never_answers_with_is_refused(inputs: Path, tmp_path: Path) -> None:
    recipe = write_recipe(inputs / "language.toml", ["docs-0.warc.gz"])
    done = corpus(
        "build", recipe, "--run-dir", tmp_path / "run", "--set", 'run.languages=["zho"]', "--set", "phase=[]", expect=2
    )
    assert "'zho' is none of the" in done.stderr
    assert "zh" in done.stderr.rpartition("write")[2]
    assert not (tmp_path / "run").exists()


def test_two_builds_in_one_run_directory_are_refused(finished: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, whole = finished
    run = tmp_path / "run"
    command = [sys.executable, "-m", "pipelines.cli", "build", recipe, "--run-dir", run, "--workers", "1"]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while items_done(run, "extract") < 1 and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    second = corpus("build", recipe, "--run-dir", run, "--workers", "1", expect=2)
    assert f"another build is running here (process {first.pid})" in second.stderr
    first.kill()
    first.wait()
    # The lock goes with its process: nothing to clean up.
    corpus("build", recipe, "--run-dir", run, "--workers", "1")
    assert digests(run) == digests(whole)
