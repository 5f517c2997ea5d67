"""What tests share: the repository's place, and one small run of the demo, built once a session by the command itself."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds corpus/, filters/, pipelines/ and examples/."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def build_run(repository: Path) -> Callable[..., None]:
    """`build_run(recipe, run_dir, *arguments)`: `corpus build` with one worker; a failure shows what it printed."""

    def build(recipe: Path, run_dir: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "pipelines.cli", "build", str(recipe), "--run-dir", str(run_dir)]
        done = subprocess.run(
            [*command, "--workers", "1", *arguments], cwd=repository, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    return build


@pytest.fixture(scope="session")
def demo_run(repository: Path, build_run: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of examples/demo, finished. Tests only read it; one that damages it takes a copy."""
    run = tmp_path_factory.mktemp("runs") / "demo"
    build_run(repository / "examples" / "demo" / "recipe.toml", run)
    return run
