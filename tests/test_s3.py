"""A build on an S3-compatible server: inputs and run directory on s3://, from another process's point of view."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import stores

REPOSITORY = Path(__file__).resolve().parents[1]
RECIPE = """
[run]
name = "s3"
work_item_bytes = 2_000_000

[[source]]
name = "docs"
inputs = ["s3://corpus-in/lists/warc.paths"]
prefix = "s3://corpus-in/"
profile = "none"

[tokenizer]
vocab_size = 4000
sample_bytes = 400_000
"""


@pytest.fixture(scope="module")
def environment(s3_url: str) -> dict[str, str]:
    return stores.s3_environment(s3_url)


def run(environment: dict[str, str], *arguments: object, code: int = 0) -> str:
    """What a command printed; its errors where another exit code is expected."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=REPOSITORY,
        check=False,
    )
    assert done.returncode == code, done.stderr[-3000:]
    return done.stderr if code else done.stdout


PUT = """
import sys, s3fs
store = s3fs.S3FileSystem()
store.mkdir("corpus-in"); store.mkdir("corpus-out")
store.put(sys.argv[1], "corpus-in/crawl/a.warc.gz")
store.pipe("corpus-in/lists/warc.paths", b"crawl/a.warc.gz\\n")
"""

HOLD = """
import dataclasses, s3fs
from corpus.storage.run_lock import Holder
held = dataclasses.replace(Holder.of_this_process(), host="other.example", kernel="another", pid=4711)
s3fs.S3FileSystem().pipe("corpus-out/run/.lease", held.to_json())
"""


def test_inputs_and_run_directory_on_s3(environment: dict[str, str], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    run(environment, "-c", PUT, next(iter(sorted((REPOSITORY / "examples" / "demo").glob("docs-*.warc.gz")))))
    command = ("-m", "pipelines.cli")
    build = (*command, "build", recipe, "--run-dir", "s3://corpus-out/run", "--workers", "2")
    run(environment, "-c", HOLD)
    refused = run(environment, *build, code=2)
    assert "another build is running here (process 4711), on host 'other.example'" in refused
    assert refused.count("\n") == 1
    run(environment, *build, "--break-lock")
    shown = json.loads(run(environment, *command, "stats", "s3://corpus-out/run", "--json"))
    assert shown
    extracted = [
        run(environment, *command, "extract", *files).splitlines()
        for files in (
            ["s3://corpus-in/crawl/a.warc.gz"],
            ["s3://corpus-in/crawl/*.warc.gz"],
            ["s3://corpus-in/lists/warc.paths", "--prefix", "s3://corpus-in/"],
        )
    ]
    assert extracted[0] == extracted[1] == extracted[2]
    assert len(extracted[0]) > 200
    run(environment, *build)  # again: everything is there
    assert json.loads(run(environment, *command, "stats", "s3://corpus-out/run", "--json")) == shown
