"""The scripts that build on other runners: what they say when something is missing. `make spark` itself is a step of CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.running import beam_worker


@pytest.mark.parametrize(
    ("runner", "program"), [("spark", "java"), ("flink", "java"), ("prism", "go")], ids=["spark", "flink", "prism"]
)
def test_what_is_missing_is_one_line_with_its_remedy(
    repository: Path, demo_run: Path, tmp_path: Path, runner: str, program: str
) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "direct-1").symlink_to(demo_run)
    command = [sys.executable, str(repository / "examples" / "runners" / "compare.py"), runner]
    done = subprocess.run(
        [*command, "--runs", str(runs), "--tools", str(tmp_path / "tools")],
        env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"compare.py: {program} is not on the PATH: install")


def test_a_worker_is_told_what_the_provision_service_answers() -> None:
    from apache_beam.portability.api import beam_provision_api_pb2, endpoints_pb2

    info = beam_provision_api_pb2.ProvisionInfo(
        control_endpoint=endpoints_pb2.ApiServiceDescriptor(url="host:1"), runner_capabilities=["a", "b"]
    )
    arguments = beam_worker.argparse.Namespace(id="7", control_endpoint="other:1", logging_endpoint="host:2")
    found = beam_worker.worker_environment(info, arguments, options_file="/o.json")
    assert found["WORKER_ID"] == "7"
    assert "host:1" in found["CONTROL_API_SERVICE_DESCRIPTOR"]
    assert "host:2" in found["LOGGING_API_SERVICE_DESCRIPTOR"]
    assert found["RUNNER_CAPABILITIES"] == "a b"
