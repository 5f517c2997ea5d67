"""One build at a time: by the system's lock, by a lease where there is none, and what ends either."""

import dataclasses
import errno
import fcntl
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from corpus.errors import RunDirectoryError
from corpus.storage import files
from corpus.storage.run_directory import RunDirectory
from corpus.storage.run_lock import Holder, Timing, only_build
from corpus.storage.run_marker import claim
from pipelines.report.repair import delete_damaged
from pipelines.stages.findings import Check, Finding

QUICK = Timing(renew=0.02, expire=60.0, observe=0.2)
_numbers = itertools.count()


def no_flock(number: int) -> Callable[..., None]:
    def refused(*arguments: Any) -> None:
        raise OSError(number, os.strerror(number))

    return refused


@pytest.fixture(params=["flock", "ENOLCK", "EOPNOTSUPP", "ENOSYS", "memory"])
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    if request.param == "memory":
        return RunDirectory(f"memory://lock-{next(_numbers)}")
    if request.param != "flock":
        monkeypatch.setattr(fcntl, "flock", no_flock(getattr(errno, request.param)))
    return RunDirectory(str(tmp_path / "run"))


@pytest.fixture(params=["ENOLCK", "memory"])
def leased(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    """A run directory that is held by a lease."""
    if request.param == "memory":
        return RunDirectory(f"memory://lease-{next(_numbers)}")
    monkeypatch.setattr(fcntl, "flock", no_flock(errno.ENOLCK))
    return RunDirectory(str(tmp_path / "run"))


def elsewhere(**changes: Any) -> Holder:
    other = {"host": "other.example", "kernel": "another", "pid": 4711, "since": 1_700_000_000.0, **changes}
    return dataclasses.replace(Holder.of_this_process(), **other)


def test_a_second_build_is_refused_and_told_who_is_there(run: RunDirectory) -> None:
    with only_build(run):
        with pytest.raises(RunDirectoryError) as caught, only_build(run):
            pytest.fail("two builds at once")
        said = str(caught.value)
        assert f"another build is running here (process {os.getpid()}), on host " in said
        assert ", since 20" in said
        assert "\n" not in said
    with only_build(run), pytest.raises(RunDirectoryError), only_build(run):
        pytest.fail("two builds at once")
    assert files.names(run.url) in ([], [".lock"])


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_lock_goes_with_what_holds_it(run: RunDirectory, error: type[BaseException]) -> None:
    with pytest.raises(error), only_build(run):
        raise error
    with only_build(run):
        pass


def test_of_many_at_once_one_builds(leased: RunDirectory) -> None:
    if "memory" in leased.url:
        pytest.skip("no store for several at once")
    inside, most, start = [], [], threading.Barrier(6)

    def build() -> None:
        start.wait()
        try:
            with only_build(leased):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.05)
                inside.pop()
        except RunDirectoryError:
            pass

    threads = [threading.Thread(target=build) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}


def test_a_holder_elsewhere_is_believed_and_named(run: RunDirectory) -> None:
    """On NFS a lock of the system may hold on one machine only: the file itself says who is there."""
    name = ".lock" if not run.url.startswith("memory") and fcntl.flock.__module__ != __name__ else ".lease"
    files.write_bytes(run.path(name), elsewhere().to_json())
    with pytest.raises(RunDirectoryError) as caught, only_build(run):
        pytest.fail("two builds at once")
    said = str(caught.value)
    assert "(process 4711), on host 'other.example', since 2023-11-14 22:13:20 UTC" in said
    assert "--break-lock, or delete " + run.path(name) in said
    with only_build(run, break_lock=True):
        assert json.loads(files.read_bytes(run.path(name)))["pid"] == os.getpid()


def test_a_build_that_died_on_this_machine_is_followed_at_once(leased: RunDirectory) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    died = dataclasses.replace(Holder.of_this_process(), pid=ended.pid)
    files.write_bytes(leased.path(".lease"), died.to_json())
    with only_build(leased):
        pass
    container = dataclasses.replace(died, processes="pid:[1]")  # its numbers say nothing here
    files.write_bytes(leased.path(".lease"), container.to_json())
    with pytest.raises(RunDirectoryError), only_build(leased):
        pytest.fail("two builds at once")


def test_a_lease_that_is_not_renewed_is_taken_over_and_one_that_is_is_not(leased: RunDirectory) -> None:
    url = leased.path(".lease")
    files.write_bytes(url, elsewhere(renewed=1_700_000_000.0).to_json())
    with only_build(leased, timing=QUICK):
        pass
    # Its machine's clock is years behind, and it lives.
    files.write_bytes(url, elsewhere(renewed=1_700_000_000.0).to_json())
    ended = threading.Event()

    def renew() -> None:
        for number in itertools.count():
            files.write_bytes(url, elsewhere(renewed=1_700_000_000.0 + number).to_json())
            if ended.wait(0.01):
                return

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        with pytest.raises(RunDirectoryError, match=r"other\.example"), only_build(leased, timing=QUICK):
            pytest.fail("two builds at once")
    finally:
        ended.set()
        thread.join()


def test_a_lease_is_renewed(run: RunDirectory) -> None:
    with only_build(run, timing=QUICK):
        (name,) = (name for name in files.names(run.url) if json_of(run, name))
        first = json_of(run, name)["renewed"]
        deadline = time.monotonic() + 60
        while json_of(run, name).get("renewed", first) == first:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def json_of(run: RunDirectory, name: str) -> dict[str, Any]:
    try:
        return dict(json.loads(files.read_bytes(run.path(name)) or b"{}"))
    except (ValueError, FileNotFoundError):
        return {}


@pytest.mark.parametrize("taken", [True, False])
def test_a_build_whose_lock_is_taken_learns_it_and_leaves_the_other_its_own(leased: RunDirectory, taken: bool) -> None:
    told: list[RunDirectoryError] = []
    heard = threading.Event()

    def hear(error: RunDirectoryError) -> None:
        told.append(error)
        heard.set()

    other = elsewhere().to_json()
    with (  # noqa: PT012
        pytest.raises(RunDirectoryError, match="the lock of this build was taken"),
        only_build(leased, on_loss=hear, timing=QUICK),
    ):
        # A renewal may be on its way while the lock is taken.
        for _ in range(1000):
            if taken:
                files.write_bytes(leased.path(".lease"), other)
            elif files.exists(leased.path(".lease")):
                files.remove_file(leased.path(".lease"))
            if heard.wait(0.05):
                break
        raise ValueError("what else goes wrong meanwhile")
    assert len(told) == 1
    assert files.exists(leased.path(".lease")) == taken
    if taken:
        assert files.read_bytes(leased.path(".lease")) == other


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"123\n", b'{"pid": "1"}', b"\xff", b"[" * 100_000])
def test_what_is_no_holder(leased: RunDirectory, data: bytes) -> None:
    """A lease that cannot be read may be someone's: one line says what to do. The system's lock knows better."""
    assert Holder.from_json(data) is None
    files.write_bytes(leased.path(".lease"), data)
    with pytest.raises(RunDirectoryError, match="--break-lock"), only_build(leased):
        pytest.fail("two builds at once")
    with only_build(leased, break_lock=True):
        pass


def test_a_lock_file_of_an_older_version_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("4711\n")
    with only_build(RunDirectory(str(tmp_path))):
        pass


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "victim").write_text("years of work")
    (tmp_path / "run" / ".lock").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="link"), only_build(RunDirectory(str(tmp_path / "run"))):
        pytest.fail("a lock through a link")
    assert (tmp_path / "victim").read_text() == "years of work"


def test_nothing_is_mended_under_a_build(run: RunDirectory) -> None:
    claim(run.url, "r")
    run.write_json({}, "phases", "plan.json")
    finding = [Finding(Check.PHASES, "phases/plan.json", "another")]
    with only_build(run):
        with pytest.raises(RunDirectoryError, match="another build"):
            delete_damaged(run, finding)
        assert files.exists(run.path("phases", "plan.json"))
    assert delete_damaged(run, finding) == (["phases/plan.json"], [])
