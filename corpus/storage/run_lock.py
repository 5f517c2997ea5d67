"""One build at a time in a run directory, on a local disk, on a shared file system and on a store.

Local   The operating system's lock (flock) on `RUN/.lock`. It goes with the process that holds it, however that ends: nothing is to
        be cleaned up after `kill -9`. The file also says who holds it, and since when.
Lease   `RUN/.lease`, created where there is none (on S3, GCS and Azure by a conditional write, on a disk by a link), renewed
        every RENEW_SECONDS by its owner, deleted at the end. On stores, and where a file system has no flock (some NFS, FUSE).

A flock on NFS may hold on one machine only, without an error. So its file is renewed too, and a holder on another machine that was
seen within EXPIRE_SECONDS is believed.

A holder is taken for dead, and what it held is taken over, when its process is gone from this machine; or when it was not
renewed for EXPIRE_SECONDS by this machine's clock, and again not while OBSERVE_SECONDS pass, whatever the clocks say; or when the user
breaks the lock. A build whose lock was taken learns it within RENEW_SECONDS and stops.

What a lease cannot do: a build that is suspended, or cut off from the store, for longer than it takes to expire may write until
it learns that it lost it; its workers on other machines until the runner ends them; two builds may take over the same dead lease if
they do it in the same second. They then write the same bytes under the same names if their recipes are the same; if not, one deletes
what the other needs, which it notices as a missing file. A store without conditional writes makes a lease an attempt.
"""

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from corpus.errors import RunDirectoryError
from corpus.storage import files
from corpus.storage.run_directory import RunDirectory
from corpus.storage.run_names import LEASE, LOCK


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds between renewals, until a holder that renews no more is suspected, and for which a suspect is observed."""

    renew: float = 30.0
    expire: float = 180.0
    observe: float = 75.0


TIMING = Timing()

#: What flock raises where a file system has none.
_NO_FLOCK = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})


@dataclasses.dataclass(frozen=True)
class Holder:
    """Who holds a run directory."""

    host: str
    kernel: str  # of the running system: machines and reboots are told apart by it
    processes: str  # the namespace of process numbers, one a container
    pid: int
    since: float  # seconds since 1970
    renewed: float
    owner: str  # by chance, of one build

    @staticmethod
    def of_this_process() -> "Holder":
        now = time.time()
        place = (socket.gethostname(), _kernel(), _namespace())
        return Holder(*place, pid=os.getpid(), since=now, renewed=now, owner=secrets.token_hex(16))

    def to_json(self) -> bytes:
        return (json.dumps(dataclasses.asdict(self), sort_keys=True) + "\n").encode()

    @staticmethod
    def from_json(data: bytes) -> "Holder | None":
        """None where it is none: nobody holds the lock, or a version that wrote less."""
        try:
            table = json.loads(data)
            found = Holder(**table)
        except (ValueError, TypeError, RecursionError):
            return None
        numbers = (found.since, found.renewed)
        words = (found.host, found.kernel, found.processes, found.owner)
        sound = type(found.pid) is int and all(isinstance(each, int | float) for each in numbers)
        return found if sound and all(isinstance(each, str) for each in words) else None

    @property
    def is_gone(self) -> bool:
        """Whether its process ended, as far as this machine can know."""
        if (self.kernel, self.processes) != (_kernel(), _namespace()):
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.since))
        return f"(process {self.pid}), on host {self.host!r}, since {since}"


class _Place(Protocol):
    """Where a holder is written."""

    def read(self) -> bytes | None: ...

    def write(self, data: bytes) -> None: ...


class _FlockedFile:
    """The locked file itself, by its descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self) -> bytes:
        return os.pread(self._descriptor, 1 << 16, 0)

    def write(self, data: bytes) -> None:
        os.pwrite(self._descriptor, data, 0)
        os.ftruncate(self._descriptor, len(data))


class _Lease:
    """A file or object that is there while it is held."""

    def __init__(self, url: str) -> None:
        self.url = url

    def read(self) -> bytes | None:
        try:
            return files.read_bytes(self.url)
        except FileNotFoundError:
            return None

    def write(self, data: bytes) -> None:
        files.write_bytes(self.url, data)

    def delete(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            files.remove_file(self.url)


@contextlib.contextmanager
def only_build(
    run: RunDirectory,
    *,
    break_lock: bool = False,
    on_loss: Callable[[RunDirectoryError], None] = lambda error: None,
    timing: Timing = TIMING,
) -> Iterator[None]:
    """Holds the run directory. Raises RunDirectoryError, with who holds it, where another build does.

    `on_loss` is called in a thread where somebody took the lock meanwhile; the same error is raised at the end.
    """
    if not files.is_local(run.url):
        with _leased(run, break_lock, on_loss, timing):
            yield
        return
    path = files.local_path(run.path(LOCK))
    files.make_folder(path.parent)
    # Not through a link, which would lock and overwrite another file.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        if not _flock(descriptor, run):
            with _leased(run, break_lock, on_loss, timing):
                yield
            return
        place, mine = _FlockedFile(descriptor), Holder.of_this_process()
        held = Holder.from_json(place.read())
        # On this machine the lock itself says that nobody is there.
        if held is not None and held.kernel != mine.kernel and not break_lock and not _is_dead(held, place, timing):
            raise _refusal(run, held, timing, advice=f"--break-lock, or delete {path}")
        place.write(mine.to_json())
        try:
            with _renewed(run, place, mine, on_loss, timing):
                yield
        finally:
            if (now := Holder.from_json(place.read())) is not None and now.owner == mine.owner:
                place.write(b"")
    finally:
        os.close(descriptor)


def _flock(descriptor: int, run: RunDirectory) -> bool:
    """Takes the system's lock; False where the file system has none. Raises RunDirectoryError where another has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held = Holder.from_json(_FlockedFile(descriptor).read())
        who = str(held) if held is not None else "(process unknown)"
        raise RunDirectoryError(f"{run.url}: another build is running here {who}; wait for it or stop it") from None
    except OSError as error:
        if error.errno in _NO_FLOCK:
            return False
        raise
    return True


@contextlib.contextmanager
def _leased(
    run: RunDirectory, break_lock: bool, on_loss: Callable[[RunDirectoryError], None], timing: Timing
) -> Iterator[None]:
    lease, mine = _Lease(run.path(LEASE)), Holder.of_this_process()
    while not files.create(lease.url, mine.to_json()):
        stored = lease.read()
        held = Holder.from_json(stored or b"")
        advice = f"--break-lock, or delete {lease.url}"
        if stored is not None and not break_lock:
            if held is None:
                raise RunDirectoryError(f"{lease.url}: cannot be read; if no build is running here: {advice}")
            if not _is_dead(held, lease, timing):
                raise _refusal(run, held, timing, advice=advice)
        # Only what was read is deleted: another build may have taken over meanwhile.
        if lease.read() == stored:
            lease.delete()
        break_lock = False
    try:
        with _renewed(run, lease, mine, on_loss, timing):
            yield
    finally:
        with contextlib.suppress(OSError):  # it expires
            if (now := Holder.from_json(lease.read() or b"")) is not None and now.owner == mine.owner:
                lease.delete()


def _is_dead(held: Holder, place: _Place, timing: Timing) -> bool:
    """Whether a holder renews no more; observes one whose time is over, since clocks differ."""
    if held.is_gone:
        return True
    if time.time() - held.renewed < timing.expire:
        return False
    before = place.read()
    time.sleep(timing.observe)
    return place.read() == before


def _refusal(run: RunDirectory, held: Holder, timing: Timing, *, advice: str) -> RunDirectoryError:
    seen = max(0, round(time.time() - held.renewed))
    return RunDirectoryError(
        f"{run.url}: another build is running here {held}, seen {seen} s ago; wait for it or stop it; a lock that is not renewed "
        f"for {timing.expire:.0f} s is taken over; if its build has ended: {advice}"
    )


@contextlib.contextmanager
def _renewed(
    run: RunDirectory, place: _Place, mine: Holder, on_loss: Callable[[RunDirectoryError], None], timing: Timing
) -> Iterator[None]:
    """Renews in a thread; raises RunDirectoryError where the lock was lost, whatever else ended the build."""
    ended = threading.Event()
    lost: list[RunDirectoryError] = []

    def renew() -> None:
        while not ended.wait(timing.renew):
            try:
                stored = place.read()
                now = Holder.from_json(stored or b"")
                if now is None or now.owner != mine.owner:
                    by = f"by a build {now}" if now is not None else "by nobody known: its file is gone"
                    lost.append(RunDirectoryError(f"{run.url}: the lock of this build was taken {by}; it stops here"))
                    on_loss(lost[0])
                    return
                place.write(dataclasses.replace(mine, renewed=time.time()).to_json())
            except Exception:  # a store that does not answer now: the next renewal asks again
                continue

    thread = threading.Thread(target=renew, name="lock", daemon=True)
    thread.start()
    try:
        yield
    except BaseException as error:
        if lost:
            raise lost[0] from error
        raise
    finally:
        ended.set()
        thread.join()
    if lost:
        raise lost[0]


def _kernel() -> str:
    """What tells this running system from any other: a lock of the operating system is one inside it."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return socket.gethostname()


def _namespace() -> str:
    with contextlib.suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""
