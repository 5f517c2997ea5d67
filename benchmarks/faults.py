"""Builds of a small run under faults, each continued and compared, file by file, with a build that nothing disturbed.

    python benchmarks/faults.py                        # 100 kills and every named fault
    python benchmarks/faults.py --kills 10 --only kill sigterm
    python benchmarks/faults.py --kills 1 --seed 17    # one failing case again

kill       `kill -9` at a random moment of the driver, of a worker process, or of both; several times in one run directory
sigterm    as a cluster preempts: exit code 143 and one line
full-disk  a file system that fills up (a small tmpfs), then gets room; where mounting is not allowed, a limit on file sizes
read-only  a file system that becomes read-only, then writable
inputs     an input that vanishes after the plan, then comes back
damage     bytes of a random finished file flipped: `corpus verify` names it, `--delete-damaged` and a build mend it
clock      a year forward at first, a year back when continued (libfaketime)
two        a second build in the same run directory
power-cut  the disk as it is at a random moment (ext4 on a loop device, its backing file copied), from which a build goes on
torn       records and manifests of 0 bytes, cut, or full of zeros, as a power cut leaves them without a sync

Ends with 0 where every run came out the same, else with 1; the seed of a failing case is printed. A fault that this
machine does not allow is printed as not tried.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")

RECIPE = """
[run]
name = "faults"
seed = 5
languages = ["*"]
work_item_bytes = 65_536
[[source]]
name = "docs"
inputs = ["recrawl.warc.gz"]
[tokenizer]
vocab_size = 2000
model_type = "bpe"
[shards]
target_bytes = 20_000
[[phase]]
name = "one"
tokens = 4_096
sequence_length = 128
"""
#: What every later reader reads.
FOLDERS = ("documents", "signals", "failed", "decisions", "tokenizer", "tokens", "shards", "phases")
LIMIT_SECONDS = 180


class FaultError(Exception):
    """Raised when a build did not do what it must under a fault."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the first case; each case has the next one")
    parser.add_argument("--only", nargs="+", choices=sorted(FAULTS), default=list(FAULTS))
    arguments = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        whole = Case(Path(folder), "whole", seed=0)
        whole.build()
        started = time.monotonic()
        whole = Case(Path(folder), "again", seed=0)
        whole.build()
        seconds, expected = time.monotonic() - started, whole.digests()
        print(f"an undisturbed build: {seconds:.1f} s, {len(expected)} files", flush=True)
        for name in arguments.only:
            seed, kills = arguments.seed, 0
            while seed == arguments.seed or (name == "kill" and kills < arguments.kills):
                case = Case(Path(folder), f"{name}-{seed}", seed=seed, seconds=seconds)
                try:
                    said = FAULTS[name](case)
                    if said is None:
                        print(f"{name}: not tried: this machine does not allow it", flush=True)
                        break
                    case.build()
                    different = {
                        file for file in expected | case.digests() if expected.get(file) != case.digests().get(file)
                    }
                    if different:
                        raise FaultError(f"{len(different)} files differ, as {min(different)}")
                    print(f"{name}, seed {seed}: {said}; continued, the same {len(expected)} files", flush=True)
                except FaultError as error:
                    bad += 1
                    print(f"{name}, seed {seed}: FAILED: {error}", flush=True)
                finally:
                    case.end()
                kills += case.kills
                seed += 1
            if name == "kill":
                print(f"kill: {kills} in {seed - arguments.seed} runs", flush=True)
    return int(bad > 0)


class Case:
    """A run directory with inputs of its own, and the builds in it."""

    def __init__(self, folder: Path, name: str, *, seed: int, seconds: float = 0.0) -> None:
        self.folder, self.seconds = folder / name, seconds
        self.random = random.Random(f"{name} {seed}")
        self.kills = 0
        self.folder.mkdir()
        shutil.copyfile(REPOSITORY / "examples" / "demo" / "recrawl.warc.gz", self.folder / "recrawl.warc.gz")
        (self.folder / "recipe.toml").write_text(RECIPE)
        self.run = self.folder / "run"
        self.mounted = False
        self.disk = self.folder / "disk.img"

    def start(
        self, *, workers: int = 1, environment: dict[str, str] | None = None, limit: int = 0
    ) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pipelines.cli", "build", "recipe.toml", "--run-dir", str(self.run)]
        if limit:
            command = ["prlimit", f"--fsize={limit}", *command]
        paths = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
        return subprocess.Popen(
            [*command, "--workers", str(workers)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": paths, **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def build(self, *, expect: int = 0, **how: object) -> str:
        """A build to its end; what it said last. Raises FaultError for another exit code."""
        return self.ended(self.start(**how), expect=expect)  # type: ignore[arg-type]

    def ended(self, process: subprocess.Popen[str], *, expect: int | None) -> str:
        try:
            _, errors = process.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            kill_session(process)
            raise FaultError(f"a build did not end in {LIMIT_SECONDS} s") from None
        lines = errors.strip().splitlines()
        if expect is not None and process.returncode != expect:
            raise FaultError(f"exit code {process.returncode}, not {expect}: {' | '.join(lines[-3:])}")
        if expect and (not lines or not lines[-1].startswith("corpus: ") or "Traceback" in errors):
            raise FaultError(f"not one line of error: {' | '.join(lines[-3:])}")
        return lines[-1].removeprefix("corpus: ") if lines else ""

    def digests(self) -> dict[str, str]:
        found = [path for name in FOLDERS for path in (self.run / name).rglob("*") if path.is_file()]
        found += [self.run / "manifest.arrow", *(self.run / "stages").glob("*/*/[0-9]*.json")]
        return {str(path.relative_to(self.run)): hashlib.sha256(_content(path)).hexdigest() for path in found}

    def wait_for(self, pattern: str, process: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not any(self.run.glob(pattern)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise FaultError(f"the build ended before {pattern} was there")
            time.sleep(0.01)

    def mount(self, size: str) -> bool:
        """A small file system in place of the run directory."""
        self.run.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "faults", str(self.run)], capture_output=True, check=False
        )
        self.mounted = done.returncode == 0
        return self.mounted

    def mount_disk(self, image: Path) -> bool:
        """A file system in a file in place of the run directory; what lies in the image is replayed from its journal.

        Names are committed every second, bytes when the kernel likes to: without a sync a name is there before its bytes.
        """
        self.run.mkdir(exist_ok=True)
        done = subprocess.run(
            ["mount", "-o", "loop,commit=1", str(image), str(self.run)], capture_output=True, check=False
        )
        self.mounted = done.returncode == 0
        return self.mounted

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.run)], check=True)
        self.mounted = False

    def remount(self, option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", str(self.run)], check=True)

    def end(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.run)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def _content(path: Path) -> bytes:
    """A file's bytes; of a record all but `helper_restarts`, which counts what was killed, and nothing that was made."""
    if path.suffix != ".json" or "stages" not in path.parts:
        return path.read_bytes()
    record = json.loads(path.read_bytes())
    record["counts"].pop("helper_restarts", None)
    return json.dumps(record, sort_keys=True).encode()


def session(leader: int) -> list[int]:
    """The processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == leader and fields[0] != "Z":
                    found.append(int(entry.name))
    return sorted(found)


def kill_session(process: subprocess.Popen[str]) -> None:
    for number in session(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    process.kill()
    process.communicate()


def kill(case: Case) -> str:
    said = []
    for _ in range(case.random.randint(3, 7)):
        workers = case.random.choice((1, 1, 2))
        process = case.start(workers=workers)
        victim = case.random.choice(("all", "driver", "worker"))
        moment = case.random.uniform(0.1, 0.7) * case.seconds
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        if process.poll() == 0:  # continued to its end before its moment came
            break
        alive = session(process.pid)
        children = [number for number in alive if number != process.pid]
        targets = {"all": alive, "driver": [process.pid], "worker": children[:1] and [case.random.choice(children)]}[
            victim
        ]
        if process.poll() is None and targets:
            case.kills += 1
            said.append(f"{victim} of {workers} at {moment:.1f}")
            for number in targets:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
        if (
            victim == "worker"
        ):  # an extraction helper is started again, a worker of Beam's fails the build: it ends itself
            ending = case.ended(process, expect=None)
            if process.returncode not in (0, 3):
                raise FaultError(f"exit code {process.returncode} after a worker was killed: {ending}")
        elif victim == "driver":
            # The next build begins while what was orphaned still runs.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            continue
        kill_session(process)
    return "killed " + ", ".join(said)


def sigterm(case: Case) -> str:
    said = ""
    for workers in (1, 2):
        process = case.start(workers=workers)
        case.wait_for(f"stages/extract/*/0000{workers - 1}.json", process)
        process.send_signal(signal.SIGTERM)
        said = case.ended(process, expect=143)
        if list(case.run.rglob("*.tmp")) and workers == 1:
            raise FaultError("unfinished files are left")
    return said


def full_disk(case: Case) -> str | None:
    if not case.mount("150k"):
        case.run.rmdir()
        return "file sizes limited: " + case.build(expect=3, limit=20_000)
    said = case.build(expect=3)
    case.remount("size=100m")
    return said


def read_only(case: Case) -> str | None:
    if not case.mount("100m"):
        return None
    case.build(expect=0)
    shutil.rmtree(next((case.run / "stages" / "tokenize").glob("*/")))
    case.remount("ro")
    said = case.build(expect=3)
    case.remount("rw")
    return said


def inputs(case: Case) -> str:
    process = case.start()
    case.wait_for("stages/plan.json", process)
    (case.folder / "recrawl.warc.gz").rename(case.folder / "away")
    said = case.ended(process, expect=None)
    if process.returncode not in (2, 3):
        raise FaultError(f"exit code {process.returncode}: {said}")
    again = case.build(expect=2)
    (case.folder / "away").rename(case.folder / "recrawl.warc.gz")
    return f"{said}; then {again}"


def damage(case: Case) -> str:
    case.build()
    kinds = ("documents", "signals", "failed", "decisions", "tokens", "shards", "tokenizer", "sample")
    for kind in kinds:
        path = case.random.choice(sorted(path for path in (case.run / kind).rglob("*") if path.is_file()))
        data = bytearray(path.read_bytes())
        data[case.random.randrange(len(data))] ^= 1 << case.random.randrange(8)
        path.write_bytes(data)
        for flags, code in (([], 1), (["--delete-damaged"], 1)):
            command = [sys.executable, "-m", "pipelines.cli", "verify", str(case.run), *flags]
            done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
            if done.returncode != code or "Traceback" in done.stderr:
                raise FaultError(
                    f"verify {flags} of a damaged {kind} ends with {done.returncode}: {done.stderr[-300:]}"
                )
        if path.exists():
            raise FaultError(f"{path.name} of {kind} is still there")
        case.build()
    return f"a bit flipped in {', '.join(kinds)}, found and deleted each time"


def clock(case: Case) -> str | None:
    if not FAKETIME.exists():
        return None
    process = case.start(environment={"LD_PRELOAD": str(FAKETIME), "FAKETIME": "+365d"})
    case.wait_for("stages/extract/*/00001.json", process)
    kill_session(process)
    case.build(environment={"LD_PRELOAD": str(FAKETIME), "FAKETIME": "-365d"})
    return "a year forward, then two back"


def power_cut(case: Case) -> str | None:
    """Several cuts in one run directory. Of what the kernel has not written yet the copy of the disk knows nothing."""
    with case.disk.open("wb") as disk:
        disk.truncate(64 << 20)
    made = subprocess.run(["mkfs.ext4", "-q", "-F", str(case.disk)], capture_output=True, check=False)
    if made.returncode or not case.mount_disk(case.disk):
        return None
    said = []
    for _ in range(case.random.randint(2, 4)):
        process = case.start(workers=case.random.choice((1, 2)))
        moment = case.random.uniform(0.5, 1.0) * case.seconds
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        # Nobody writes while the disk is copied: a copy of a moving disk is none of any moment.
        for number in session(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGSTOP)
        copy = case.disk.with_suffix(".copy")
        shutil.copyfile(case.disk, copy)
        kill_session(process)
        case.unmount()
        copy.replace(case.disk)
        if not case.mount_disk(case.disk):
            raise FaultError("the disk cannot be mounted again")
        records = list(case.run.glob("stages/*/*/[0-9]*.json"))
        torn = [path for path in records if not _is_json(path)]
        if torn:
            raise FaultError(f"{len(torn)} of {len(records)} records are torn, as {torn[0].relative_to(case.run)}")
        said.append(f"{len(records)} records at {moment:.1f}")
    case.build()
    if check(case) != 0:
        raise FaultError("verify finds something")
    return f"cut with {', '.join(said)}, none torn"


def torn(case: Case) -> str:
    case.build()
    records = sorted(case.run.glob("stages/*/*/[0-9]*.json"))
    manifests = sorted(case.run.glob("stages/*.json"))
    chosen = case.random.sample(records, len(records) // 2) + case.random.sample(manifests, len(manifests) // 2)
    for path in chosen:
        data = path.read_bytes()
        path.write_bytes(case.random.choice((b"", data[: len(data) // 2], bytes(len(data)))))
    case.build()
    if check(case) != 0:
        raise FaultError("verify finds something")
    return f"{len(chosen)} of {len(records)} records and {len(manifests)} manifests torn"


def check(case: Case) -> int:
    command = [sys.executable, "-m", "pipelines.cli", "verify", str(case.run)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False).returncode


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def two(case: Case) -> str:
    process = case.start()
    case.wait_for("stages/plan.json", process)
    said = case.build(expect=2)
    kill_session(process)
    return said


FAULTS: dict[str, Callable[[Case], str | None]] = {
    "kill": kill,
    "sigterm": sigterm,
    "full-disk": full_disk,
    "read-only": read_only,
    "inputs": inputs,
    "damage": damage,
    "clock": clock,
    "two": two,
    "power-cut": power_cut,
    "torn": torn,
}

if __name__ == "__main__":
    sys.exit(main())
