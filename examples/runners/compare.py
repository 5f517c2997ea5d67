"""Builds a recipe on a runner and compares the run with one of the DirectRunner, document by document and shard by shard.

    python examples/runners/compare.py spark                    # a standalone master and worker on this machine
    python examples/runners/compare.py spark-local flink prism direct-2
    python examples/runners/compare.py spark --recipe my.toml --runs /data/runs
    python examples/runners/compare.py prism spark-local --part-documents 150 --exchange engine files

The reference is RUNS/direct-1, built in one process where it is not there. With --part-documents `select` divides even a small run, so that its
steps send each other rows; --exchange builds once with each exchange that it names, which the runner's default is otherwise. Ends with 0 where `corpus diff` finds nothing,
with 1 where it finds a difference, with 2 where something that is needed is missing, with 3 where a build failed.
"""

import argparse
import contextlib
import importlib.metadata
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from clusters import HERE, MissingError, fetch_jars, fetch_prism, java, job_server, spark_standalone

REPOSITORY = HERE.parents[1]
CORES = 2

#: The options of a build, and what must be running meanwhile.
Place = contextlib.AbstractContextManager[list[str]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runners", nargs="+", choices=sorted(PLACES), metavar="RUNNER", help=", ".join(sorted(PLACES)))
    parser.add_argument("--recipe", type=Path, default=REPOSITORY / "examples" / "demo" / "recipe.toml")
    parser.add_argument("--runs", type=Path, default=REPOSITORY / "runs" / "compare", help="where the runs go")
    parser.add_argument("--tools", type=Path, default=REPOSITORY / ".runners", help="where jars and programs are kept")
    parser.add_argument("--part-documents", type=int, help="of a part of select; default: a small run is one part")
    parser.add_argument("--exchange", nargs="+", choices=["files", "engine"], help="default: what suits the runner")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that `with` blocks end
    runs, tools, logs = (path.resolve() for path in (arguments.runs, arguments.tools, arguments.runs / "logs"))
    logs.mkdir(parents=True, exist_ok=True)
    found = 0
    try:
        _build(arguments.recipe, runs / "direct-1", ["--workers", "1"])
        for runner, exchange in itertools.product(arguments.runners, arguments.exchange or [None]):
            name = runner if exchange is None else f"{runner}-{exchange}"
            shutil.rmtree(runs / name, ignore_errors=True)
            started = time.monotonic()
            with PLACES[runner](tools, logs) as options:
                ready = time.monotonic()
                chosen = [] if exchange is None else ["--exchange", exchange]
                _build(arguments.recipe, runs / name, [*chosen, *options], part_documents=arguments.part_documents)
            took = f"{time.monotonic() - ready:.0f} s, and {ready - started:.0f} s to start"
            same = _differences(runs / "direct-1", runs / name)
            print(f"{name}: {took}; {'the same as direct-1' if same else 'DIFFERS from direct-1'}", flush=True)
            found |= not same
    except MissingError as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2
    except (RuntimeError, subprocess.CalledProcessError) as error:
        print(f"compare.py: {error}; logs are in {logs}", file=sys.stderr)
        return 3
    return found


#: The command with parts and ranges of other sizes. The driver alone divides: workers read what it decided.
_DIVIDED = """
import sys
from pipelines.selection import decision_settings as settings
settings.PART_DOCUMENTS = int(sys.argv.pop(1))
settings.RANGE_ROWS = 16 * settings.PART_DOCUMENTS
from pipelines.cli import main
main()
"""


def _build(recipe: Path, run: Path, options: list[str], part_documents: int | None = None) -> None:
    program = ["-m", "pipelines.cli"] if part_documents is None else ["-c", _DIVIDED, str(part_documents)]
    command = [sys.executable, *program, "build", str(recipe), "--run-dir", str(run), *options]
    print(f"building {run.name}", flush=True)
    subprocess.run(command, check=True, cwd=REPOSITORY)


def _differences(one: Path, other: Path) -> bool:
    command = [sys.executable, "-m", "pipelines.cli", "diff", str(one), str(other)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, end="", flush=True)
    return done.returncode == 0


# ------------------------------------------------------------------------------------------------ where to build


@contextlib.contextmanager
def _direct(tools: Path, logs: Path) -> Iterator[list[str]]:
    yield ["--workers", str(CORES)]


@contextlib.contextmanager
def _prism(tools: Path, logs: Path) -> Iterator[list[str]]:
    program = fetch_prism(tools, importlib.metadata.version("apache-beam"))
    yield ["--runner=PrismRunner", f"--prism_location={program}"]


def _through(
    system: str, master: Callable[[Path, Path], contextlib.AbstractContextManager[str]]
) -> Callable[..., Place]:
    """Builds through a job server of `system` at a master that runs meanwhile."""

    @contextlib.contextmanager
    def place(tools: Path, logs: Path) -> Iterator[list[str]]:
        java()
        jars = fetch_jars(system, tools)
        with master(jars, logs) as url, job_server(system, jars, url, logs=logs) as endpoint:
            yield _portable(endpoint, logs)

    return place


@contextlib.contextmanager
def _in_the_server(jars: Path, logs: Path, *, master: str) -> Iterator[str]:
    yield master


def _portable(endpoint: str, logs: Path) -> list[str]:
    """Workers are processes that the executors start, so nothing of the driver's process reaches them.

    They are kept for the next stage: started anew for each, a build takes several times as long.
    """
    program = logs / "worker"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pipelines.running.beam_worker "$@"\n')
    program.chmod(0o755)
    environment = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
    config = json.dumps({"command": str(program), "env": environment})
    return [
        "--runner=PortableRunner",
        f"--job_endpoint={endpoint}",
        "--environment_type=PROCESS",
        f"--environment_config={config}",
        "--environment_cache_millis=30000",
        f"--sdk_worker_parallelism={CORES}",
    ]


PLACES: dict[str, Callable[[Path, Path], Place]] = {
    "direct-2": _direct,
    "prism": _prism,
    "flink": _through("flink", lambda jars, logs: _in_the_server(jars, logs, master="[local]")),
    "spark-local": _through("spark", lambda jars, logs: _in_the_server(jars, logs, master=f"local[{CORES}]")),
    "spark": _through("spark", lambda jars, logs: spark_standalone(jars, logs=logs, cores=CORES)),
}

if __name__ == "__main__":
    sys.exit(main())
