"""How much faster two worker processes extract and measure than one, and how long a finished build takes to see that it is done.

    python benchmarks/bench_workers.py                 # 20 copies of the demo's archives: 5 minutes and more in one process
    python benchmarks/bench_workers.py --copies 2

Both runs must be the same files. Two processes that only count reach about 1.65 × one on a shared machine of two cores
(`--busy` measures that beside it), so that is what a share of 1.5 stands against.
"""

import argparse
import hashlib
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

RECIPE = """
[run]
name = "workers"
languages = ["*"]
work_item_bytes = 1_000_000
[[source]]
name = "docs"
inputs = ["*.warc.gz"]
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=20, help="of the demo's archives")
    parser.add_argument("--busy", action="store_true", help="measure two busy loops against one as well")
    arguments = parser.parse_args()
    if arguments.busy:
        one, two = busy(1), busy(2)
        print(f"busy loops: two processes do {2 * one / two:.2f} × the work of one")
    with tempfile.TemporaryDirectory(prefix="workers-") as name:
        folder = Path(name)
        for copy in range(arguments.copies):
            for file in ("docs-0", "docs-1"):
                source = REPOSITORY / "examples" / "demo" / f"{file}.warc.gz"
                shutil.copyfile(source, folder / f"{file}-{copy:03d}.warc.gz")
        (folder / "recipe.toml").write_text(RECIPE)
        build(folder, "warm", 1)  # kernels are compiled and files cached
        shutil.rmtree(folder / "warm")
        seconds = {workers: build(folder, f"run-{workers}", workers) for workers in (1, 2)}
        if digests(folder / "run-1") != digests(folder / "run-2"):
            print("the two runs differ")
            return 1
        print(
            f"extract and measure: {seconds[1]:.1f} s with one worker, {seconds[2]:.1f} s with two: {seconds[1] / seconds[2]:.2f} ×"
        )
        print(f"the finished build again: {build(folder, 'run-1', 1):.1f} s")
    return 0


def build(folder: Path, run: str, workers: int) -> float:
    command = [sys.executable, "-m", "pipelines.cli", "build", str(folder / "recipe.toml"), "--until", "measure"]
    started = time.monotonic()
    subprocess.run(
        [*command, "--run-dir", str(folder / run), "--workers", str(workers)],
        cwd=REPOSITORY, check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return time.monotonic() - started


def digests(run: Path) -> dict[str, str]:
    found = [path for kind in ("documents", "signals", "failed") for path in sorted((run / kind).rglob("*.arrow"))]
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def busy(processes: int) -> float:
    """Seconds in which each of so many processes counts to the same number."""
    started = time.monotonic()
    running = [multiprocessing.Process(target=_count) for _ in range(processes)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    return time.monotonic() - started


def _count() -> None:
    for _ in range(200_000_000):
        pass


if __name__ == "__main__":
    sys.exit(main())
