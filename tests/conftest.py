"""What tests share: the repository's place, and one small run of the demo, built once a session by the command itself."""

import importlib.util
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import stores


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


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The URL of an S3 server, one for all tests of a process."""
    for name in ("s3fs", "moto"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed (extras s3 and dev)")
    with stores.s3_server() as url:
        yield url


@pytest.fixture
def proxied(s3_url: str) -> Iterator[stores.Proxy]:
    """s3:// of this process, behind a proxy that counts and may spoil answers."""
    with stores.proxy(s3_url) as proxy, stores.s3_of_this_process(proxy.url):
        yield proxy


@pytest.fixture
def bucket(proxied: stores.Proxy) -> str:
    """s3:// and an empty bucket's name."""
    import s3fs

    name = f"b-{uuid.uuid4().hex}"
    s3fs.S3FileSystem(endpoint_url=proxied.url).mkdir(name)
    proxied.forget()
    return f"s3://{name}"
