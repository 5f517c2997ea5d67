"""A child process that may crash, hang or fill its memory without harm to its parent, and that is watched from outside.

The two send each other frames (1 byte kind, 8 bytes length, little-endian, the data); nothing is pickled. The child is
spawned, not forked: a Beam worker has threads. What is limited is the child's processor time for an answer, which is the
same on a busy machine as on a quiet one; the clock ends only a child that sleeps, far later. Its memory is limited by the
kernel (RLIMIT_AS). It dies with its parent: end of file where it waits; elsewhere the kernel's PR_SET_PDEATHSIG, and where
there is none, alarm timers that need no cooperation of the interpreter.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

#: A child that the kernel did not end with its parent ends so long after its time.
ALARM_GRACE_SECONDS = 5.0
#: A child that uses no processor time for so many times what it may use of it is stuck.
CLOCK_FACTOR = 30.0
_HEADER_BYTES = 9
_PR_SET_PDEATHSIG = 1
_PIPE_BYTES = 1 << 20
#: So often is a child's processor time looked at; it may use so much more than its limit, times its threads.
_LOOK_SECONDS = 0.5

# The child imports what its parent can import, in the same order; with -P its working directory is no part of that.
_BOOTSTRAP = (
    "import importlib, json, sys; sys.path[:] = json.loads(sys.argv[1]); module, _, name = sys.argv[2].partition(':'); "
    "getattr(importlib.import_module(module), name)(json.loads(sys.argv[3]))"
)


class WatchedChild:
    """The parent's side of one child: its process and its two pipes."""

    def __init__(self, serve: str, settings: dict[str, object]) -> None:
        """Starts the child, in which `serve` (module:function) is called with the settings and the parent's number."""
        self._owner = os.getpid()
        # Its death signal comes when the *thread* that started it ends, so a thread that never does starts it.
        self._process = _starting_thread().submit(_spawn, serve, {**settings, "parent": os.getpid()}).result()
        self.pid = self._process.pid

    @property
    def is_own(self) -> bool:
        """Whether this process started it: a fork of the owner must not share its pipes."""
        return self._owner == os.getpid()

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def send(self, kind: bytes, data: bytes, budget: "Budget") -> None:
        """Raises TimeoutError, OSError."""
        assert self._process.stdin is not None
        descriptor = self._process.stdin.fileno()
        view = memoryview(kind + len(data).to_bytes(8, "little") + data)
        while view:
            try:
                view = view[os.write(descriptor, view) :]
            except BlockingIOError:
                _wait(descriptor, select.POLLOUT, budget)

    def receive(self, budget: "Budget") -> tuple[bytes, bytes]:
        """Kind and data of the next frame. Raises TimeoutError, OSError, EOFError where the child is gone."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        header = _read(descriptor, _HEADER_BYTES, budget)
        return header[:1], _read(descriptor, int.from_bytes(header[1:], "little"), budget)

    def end(self) -> int | None:
        """Kills the child and returns how it had ended, if it had."""
        if not self.is_own:
            return None
        child = self._process
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.05)  # a dead child's status may be a moment behind the end of its pipe
        ended = child.poll()
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        return ended


class Budget:
    """What a child may use from now on: processor time, and of the clock far more."""

    def __init__(self, child: WatchedChild, processor_seconds: float, clock_seconds: float | None = None) -> None:
        self._pid, self._processor_seconds = child.pid, processor_seconds
        self._begun = processor_seconds_of(child.pid)
        self._deadline = time.monotonic() + (clock_seconds or CLOCK_FACTOR * processor_seconds)

    def left(self) -> float:
        """Seconds after which to look again. Raises TimeoutError where nothing is left."""
        clock = self._deadline - time.monotonic()
        used = processor_seconds_of(self._pid)
        left = clock if used is None or self._begun is None else self._processor_seconds - (used - self._begun)
        if min(clock, left) <= 0:
            raise TimeoutError
        return min(clock, max(left, 0.01), _LOOK_SECONDS)


def processor_seconds_of(pid: int) -> float | None:
    """Processor time that a process has used; None where nobody says."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()  # a program's name may hold anything
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        pass
    if sys.platform != "darwin":
        return None
    try:
        shown = subprocess.run(["ps", "-o", "time=", "-p", str(pid)], capture_output=True, check=True, text=True).stdout
        seconds = 0.0
        for part in shown.strip().replace("-", ":").split(":"):
            seconds = seconds * 60 + float(part)
        return seconds
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None


def end_of(code: int | None) -> str:
    """How a child ended, in words."""
    if code is None:
        return "it closed its pipe"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


_threads: dict[int, ThreadPoolExecutor] = {}


def _starting_thread() -> ThreadPoolExecutor:
    """The thread of this process (a fork has none of its parent's) that starts children."""
    return _threads.setdefault(os.getpid(), ThreadPoolExecutor(1, thread_name_prefix="child-start"))


def _spawn(serve: str, settings: dict[str, object]) -> "subprocess.Popen[bytes]":
    path = [entry or os.getcwd() for entry in sys.path]
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", _BOOTSTRAP, json.dumps(path), serve, json.dumps(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    )
    for pipe in (child.stdin, child.stdout):
        assert pipe is not None
        os.set_blocking(pipe.fileno(), False)
        _enlarge(pipe.fileno())
    return child


def _enlarge(descriptor: int) -> None:
    """A pipe that holds a whole page saves switching between the two processes."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _read(descriptor: int, size: int, budget: Budget) -> bytes:
    pieces: list[bytes] = []
    while size:
        try:
            piece = os.read(descriptor, min(size, _PIPE_BYTES))
        except BlockingIOError:
            _wait(descriptor, select.POLLIN, budget)
            continue
        if not piece:
            raise EOFError
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _wait(descriptor: int, event: int, budget: Budget) -> None:
    """Raises TimeoutError where nothing comes before the budget is used."""
    poll = select.poll()
    poll.register(descriptor, event)
    while not poll.poll(budget.left() * 1000):
        pass


# ---------------------------------------------------------------------------------------------------- the child


class Parent:
    """The child's side: frames from and to the parent. What a library prints is no frame."""

    def __init__(self, settings: dict[str, object]) -> None:
        self._incoming: BinaryIO = os.fdopen(os.dup(0), "rb")
        self._outgoing: BinaryIO = os.fdopen(os.dup(1), "wb")
        for descriptor in (0, 1):
            os.dup2(2, descriptor)
        _die_with_parent(int(str(settings["parent"])))
        # Ctrl-C goes to the whole group of processes; the parent ends this one.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for alarm in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(alarm, signal.SIG_DFL)

    def receive(self) -> tuple[bytes, bytes] | None:
        """The next frame, or None where the parent is gone."""
        header = self._incoming.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES:
            return None
        return header[:1], self._incoming.read(int.from_bytes(header[1:], "little"))

    def send(self, kind: bytes, data: bytes = b"") -> None:
        self._outgoing.write(kind + len(data).to_bytes(8, "little"))
        self._outgoing.write(data)
        self._outgoing.flush()


def set_alarms(processor_seconds: float) -> None:
    """Ends this process after its budget, for the case that nobody is left who does; 0 for no end."""
    grace = ALARM_GRACE_SECONDS if processor_seconds else 0
    signal.setitimer(signal.ITIMER_PROF, processor_seconds + grace)
    signal.setitimer(signal.ITIMER_REAL, CLOCK_FACTOR * processor_seconds + grace)


def limit_memory(limit_bytes: int) -> None:
    """Address space of this process from now on, where the system has the limit."""
    with contextlib.suppress(OSError, ValueError):
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _die_with_parent(parent: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)
