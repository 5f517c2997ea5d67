"""A build on an S3-compatible server: inputs and run directory on s3://, from another process's point of view."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("s3fs", reason="s3fs is not installed (extra s3)")
pytest.importorskip("moto.server", reason="moto's server is not installed (extra dev)")

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
def environment() -> Iterator[dict[str, str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": url,
            "FSSPEC_S3_ENDPOINT_URL": url,
        }
    finally:
        server.kill()
        server.wait()


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
