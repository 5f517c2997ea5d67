"""The faults harness on a few cases; `make faults` runs all of them."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("fault", ["kill", "sigterm", "full-disk"])
def test_a_build_under_a_fault_is_continued_to_the_same_files(repository: Path, fault: str) -> None:
    command = [sys.executable, str(repository / "benchmarks" / "faults.py"), "--only", fault, "--kills", "6"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same" in done.stdout
