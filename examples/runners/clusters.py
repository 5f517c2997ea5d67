"""Spark and Flink on this machine: jars by Maven, a job server, and for Spark a standalone master and worker.

Every process is started in a session of its own, with what it prints in a file, and stopped with all its children when
its `with` block ends, however that happens.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent

#: What Spark and Arrow reach into of Java 17's own classes.
OPENED = ("java.lang", "java.lang.invoke", "java.nio", "java.util", "sun.nio.ch", "sun.security.action")

JOB_SERVERS = {
    "spark": "org.apache.beam.runners.spark.SparkJobServerDriver",
    "flink": "org.apache.beam.runners.flink.FlinkJobServerDriver",
}
MASTERS = {"spark": "--spark-master-url", "flink": "--flink-master"}

START_SECONDS = 120

#: Of a shuffle in Spark.
BUNDLES = 16


class MissingError(Exception):
    """Raised when a program or a download that is needed is not there; the message says how to get it."""


def need(program: str, remedy: str) -> str:
    """The path of a program. Raises MissingError with the remedy."""
    found = shutil.which(program)
    if found is None:
        raise MissingError(f"{program} is not on the PATH: {remedy}")
    return found


def java() -> str:
    return need("java", "install a Java 11 or 17 runtime (Debian: apt-get install openjdk-17-jre-headless)")


def fetch_jars(system: str, folder: Path) -> Path:
    """The folder of the jars of `spark` or `flink`, fetched by Maven where they are not there yet.

    A folder is complete when it has the stamp, whose content is the pom that filled it.
    """
    pom = HERE / f"{system}-pom.xml"
    jars, stamp = folder / system / "jars", folder / system / "pom.xml"
    if stamp.exists() and stamp.read_bytes() == pom.read_bytes():
        return jars
    maven = need("mvn", "install Maven (Debian: apt-get install maven)")
    shutil.rmtree(folder / system, ignore_errors=True)
    jars.mkdir(parents=True)
    print(f"fetching the jars of {pom.name} into {jars} (300 MB, once)", flush=True)
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={jars}", "-DincludeScope=runtime"]
    done = subprocess.run([maven, "-B", "-q", "-f", str(pom), *goal], capture_output=True, text=True, check=False)
    if done.returncode:
        said = next((line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line), "no reason given")
        raise MissingError(f"Maven could not fetch the jars of {pom.name}: {said.strip()[:400]}")
    shutil.copyfile(pom, stamp)
    return jars


def fetch_prism(folder: Path, version: str) -> Path:
    """Beam's Prism runner, built by Go where it is not there yet."""
    program = folder / "prism" / version / "prism"
    if not program.exists():
        go = need("go", "install Go 1.23 or newer (https://go.dev/dl)")
        print(f"building Prism {version} (a minute, once)", flush=True)
        program.parent.mkdir(parents=True, exist_ok=True)
        module = f"github.com/apache/beam/sdks/v2/go/cmd/prism@v{version}"
        environment = {**os.environ, "GOBIN": str(program.parent)}
        done = subprocess.run([go, "install", module], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MissingError(f"Go could not build Prism: {done.stderr.strip().splitlines()[-1:]}")
    return program


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[str], *, log: Path, port: int | None, said: str | None = None) -> Iterator[None]:
    """A process that is ready: its port answers, or its log says `said`. Raises RuntimeError where it is not in time."""
    spark = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "127.0.0.1", "SPARK_SCALA_VERSION": "2.12"}
    environment = {**os.environ, **spark}
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (_answers(port) if port is not None else said is not None and said in log.read_text("utf-8")):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[-1]} did not start: {_last_line(log)} (all of it: {log})")
            time.sleep(0.2)
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
                if number == signal.SIGTERM:
                    time.sleep(0.5)  # its children end themselves, as a rule


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"


@contextlib.contextmanager
def job_server(system: str, jars: Path, master: str, *, logs: Path) -> Iterator[str]:
    """Beam's job server for Spark or Flink; yields its endpoint."""
    port = free_port()
    opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    settings = ["-Dspark.ui.enabled=false", "-Dspark.driver.host=127.0.0.1", "-Dspark.driver.bindAddress=127.0.0.1"]
    # Spark makes so many bundles; one a core, its default, loses a core's whole work with a worker.
    settings.append(f"-Dspark.default.parallelism={BUNDLES}")
    ports = ["--job-host", "localhost", "--job-port", str(port), "--artifact-port", "0", "--expansion-port", "0"]
    command = [java(), *opens, "-Xmx1g", *settings, "-cp", f"{jars}/*", JOB_SERVERS[system], MASTERS[system], master]
    with running([*command, *ports], log=logs / f"{system}-job-server.log", port=port):
        yield f"localhost:{port}"


@contextlib.contextmanager
def spark_standalone(jars: Path, *, logs: Path, cores: int) -> Iterator[str]:
    """A standalone master and one worker, each a process, as on a cluster of one machine; yields the master's URL."""
    port = free_port()
    os.environ["SPARK_HOME"] = str(jars.parent)  # the worker starts executors with the jars below it
    start = [java(), "-Xmx512m", "-cp", f"{jars}/*"]
    master = [*start, "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(port)]
    worker = [*start, "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--cores", str(cores)]
    url = f"spark://127.0.0.1:{port}"
    with running([*master, "--webui-port", "0"], log=logs / "spark-master.log", port=port):
        arguments = ["--memory", "2g", "--webui-port", "0", "--work-dir", str(logs / "spark-work"), url]
        joined = "Successfully registered with master"
        with running([*worker, *arguments], log=logs / "spark-worker.log", port=None, said=joined):
            yield url
