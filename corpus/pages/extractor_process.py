"""Extraction in a helper process that a page may crash, hang or fill with memory without harm to the worker.

One child for each process that extracts, started at its first page and used for all later ones. The parent sends a frame
(1 byte operation, 8 bytes length, little-endian; UTF-8 with lone surrogates passed through) and reads one back (the
fields of corpus.pages.main_text); no data is pickled. One page is in flight. Either operation is a function of the page alone.

- *Crash* (any death of the child) and *memory* (RLIMIT_AS in the child): the page is tried once more in a fresh child, so
  that neither what pages before it left behind nor an accident decides; then it is that page's failure.
- *Time*: the child is killed at `page_seconds`, once; wall-clock, so the default is generous, and limits of work
  (`max_page_bytes`, `max_nodes`, `max_depth`) come first.
- The child dies with its parent: end of file where it waits for a page; elsewhere the kernel's PR_SET_PDEATHSIG, and
  where there is none, an alarm timer that needs no cooperation of the interpreter.

Cost: two copies of the page through pipes, some 0.1 ms; 0.7 s to start (benchmarks/bench_helper.py).
"""

import contextlib
import ctypes
import functools
import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from corpus.errors import BuildError
from corpus.pages.main_text import Failure, MainText, pack, unpack
from corpus.reasons import Reason

START_SECONDS = 180.0
#: A child whose parent is gone and which the kernel did not kill ends so long after its page's time.
ALARM_GRACE_SECONDS = 5.0

#: Name in a recipe → the function that finds the main text.
EXTRACTORS = {
    "trafilatura": "corpus.pages.trafilatura_text:main_text",
    "resiliparse": "corpus.pages.resiliparse_text:main_content",
}
MAIN_TEXT = EXTRACTORS["trafilatura"]
PLAIN_TEXT = "corpus.pages.plain_text:plain_text"

_HEADER_BYTES = 9
_MAIN, _PLAIN = b"m", b"p"
_READY, _FIELDS, _NOTHING, _ERROR, _MEMORY = b"r", b"f", b"n", b"e", b"o"
_PR_SET_PDEATHSIG = 1
_PIPE_BYTES = 1 << 20

# The child imports what its parent can import, in the same order; with -P its working directory is no part of that.
_BOOTSTRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from corpus.pages.extractor_process import serve; serve(json.loads(sys.argv[2]))"
)


class Extractor(Protocol):
    """What extracts decoded pages. Nothing that a page does is raised."""

    restarts: int

    def main_text(self, html: str) -> MainText | Failure | None: ...

    def plain_text(self, html: str) -> str | Failure | None: ...


class InProcessExtractor:
    """Extracts in the caller's own process, which a page can hang or end: for tests, benchmarks and single files."""

    restarts = 0

    def __init__(self, main: str = MAIN_TEXT) -> None:
        self._main = main

    def main_text(self, html: str) -> MainText | Failure | None:
        found: MainText | Failure | None = _within(self._main, html)
        return found

    def plain_text(self, html: str) -> str | Failure | None:
        found: str | Failure | None = _within(PLAIN_TEXT, html)
        return found


IN_PROCESS = InProcessExtractor()


class ExtractorProcess:
    """The parent's side: a child that is started when needed and killed when it must be. Safe for several threads."""

    def __init__(
        self, *, page_seconds: float, page_memory_bytes: int, main: str = MAIN_TEXT, plain: str = PLAIN_TEXT
    ) -> None:
        self.page_seconds, self.page_memory_bytes = page_seconds, page_memory_bytes
        self.restarts = 0  # children that a page ended
        self._functions = {_MAIN.decode(): main, _PLAIN.decode(): plain}
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        self._owner = 0

    def main_text(self, html: str) -> MainText | Failure | None:
        """The page's main text, None where there is none, or what it did to the child."""
        found = self._twice(_MAIN, html)
        if not isinstance(found, list):
            return found
        text, *declared = found
        return MainText(text or "", *declared)

    def plain_text(self, html: str) -> str | Failure | None:
        """All text of the page, cheaply, or what it did to the child."""
        found = self._twice(_PLAIN, html)
        return found[0] if isinstance(found, list) else found

    def start(self) -> None:
        """Starts the child where there is none yet; the first page waits until it is ready, not the caller."""
        with self._lock:
            self._started_child()

    def close(self) -> None:
        """Ends the child; the next page starts another."""
        with self._lock:
            self._end()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    def _twice(self, operation: bytes, html: str) -> list[str | None] | Failure | None:
        data = html.encode("utf-8", "surrogatepass")
        with self._lock:
            found = self._once(operation, data)
            if isinstance(found, Failure) and found.reason in (Reason.EXTRACTION_CRASH, Reason.EXTRACTION_MEMORY):
                found = self._once(operation, data)
            return found

    def _once(self, operation: bytes, data: bytes) -> list[str | None] | Failure | None:
        child = self._ready_child()
        deadline = time.monotonic() + self.page_seconds
        try:
            _send(child, operation, data, deadline)
            kind, answer = _receive(child, deadline)
            fields = unpack(answer) if kind == _FIELDS else None
        except TimeoutError:
            self._restart()
            return Failure(Reason.EXTRACTION_TIMEOUT, f"over {self.page_seconds:g} s; killed")
        except (EOFError, OSError):
            return Failure(Reason.EXTRACTION_CRASH, _end_of(self._restart()))
        except ValueError as error:
            self._restart()
            return Failure(Reason.EXTRACTION_CRASH, f"no answer but {str(error)[:150]}")
        if kind == _MEMORY:
            self._restart()
            return Failure(Reason.EXTRACTION_MEMORY, f"over {self.page_memory_bytes} bytes of address space")
        if kind == _ERROR:
            return Failure(Reason.EXTRACTION_ERROR, answer.decode("utf-8", "replace"))
        return fields

    def _started_child(self) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():  # a fork of the owner must not share its pipes
            self._child = None
        if self._child is None:
            # Its death signal comes when the *thread* that started it ends, so a thread that never does starts it.
            self._child, self._is_ready = _starting_thread().submit(self._spawn).result(), False
            self._owner = os.getpid()
        return self._child

    def _ready_child(self) -> subprocess.Popen[bytes]:
        child = self._started_child()
        if not self._is_ready:
            try:
                kind, answer = _receive(child, time.monotonic() + START_SECONDS)
            except (TimeoutError, EOFError, OSError) as error:
                raise BuildError(f"the extraction helper does not start: {_end_of(self._end())}") from error
            if kind != _READY:
                self._end()
                raise BuildError(f"the extraction helper does not start: {answer.decode('utf-8', 'replace')}")
            self._is_ready = True
        return child

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = {
            "functions": self._functions,
            "page_seconds": self.page_seconds,
            "page_memory_bytes": self.page_memory_bytes,
            "parent": os.getpid(),
        }
        path = [entry or os.getcwd() for entry in sys.path]
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOTSTRAP, json.dumps(path), json.dumps(settings)],
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

    def _restart(self) -> int | None:
        self.restarts += 1
        return self._end()

    def _end(self) -> int | None:
        """Kills the child and returns how it had ended, if it had."""
        child, self._child = self._child, None
        if child is None or self._owner != os.getpid():
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.05)  # a dead child's status may be a moment behind the end of its pipe
        ended = child.poll()
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        return ended


@functools.cache
def helper(*, page_seconds: float, page_memory_bytes: int, main: str = MAIN_TEXT) -> ExtractorProcess:
    """This process's child with this extractor and these limits; one for all work items."""
    return ExtractorProcess(page_seconds=page_seconds, page_memory_bytes=page_memory_bytes, main=main)


_threads: dict[int, ThreadPoolExecutor] = {}


def _starting_thread() -> ThreadPoolExecutor:
    """The thread of this process (a fork has none of its parent's) that starts children."""
    return _threads.setdefault(os.getpid(), ThreadPoolExecutor(1, thread_name_prefix="extractor-start"))


def _end_of(code: int | None) -> str:
    if code is None:
        return "it closed its pipe"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _enlarge(descriptor: int) -> None:
    """A pipe that holds a whole page saves switching between the two processes."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


# ---------------------------------------------------------------------------------------------------- frames, parent


def _send(child: subprocess.Popen[bytes], operation: bytes, data: bytes, deadline: float) -> None:
    assert child.stdin is not None
    descriptor = child.stdin.fileno()
    view = memoryview(operation + len(data).to_bytes(8, "little") + data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            _wait(descriptor, select.POLLOUT, deadline)


def _receive(child: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    assert child.stdout is not None
    descriptor = child.stdout.fileno()
    header = _read(descriptor, _HEADER_BYTES, deadline)
    return header[:1], _read(descriptor, int.from_bytes(header[1:], "little"), deadline)


def _read(descriptor: int, size: int, deadline: float) -> bytes:
    pieces: list[bytes] = []
    while size:
        try:
            piece = os.read(descriptor, min(size, _PIPE_BYTES))
        except BlockingIOError:
            _wait(descriptor, select.POLLIN, deadline)
            continue
        if not piece:
            raise EOFError
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _wait(descriptor: int, event: int, deadline: float) -> None:
    """Raises TimeoutError where nothing comes before the deadline."""
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError


# ---------------------------------------------------------------------------------------------------- the child


def serve(settings: dict[str, object]) -> None:
    """The child's life: answers frames until there are no more."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    for descriptor in (0, 1):  # what a library prints is no frame
        os.dup2(2, descriptor)
    _die_with_parent(int(str(settings["parent"])))
    # Ctrl-C goes to the whole group of processes; the parent ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    functions = settings["functions"]
    assert isinstance(functions, dict)
    try:
        for name in functions.values():
            _function(name)
    except Exception as error:
        _answer(outgoing, _ERROR, _line(error).encode())
        return
    _limit_memory(int(str(settings["page_memory_bytes"])))
    _answer(outgoing, _READY, b"")
    alarm = float(str(settings["page_seconds"])) + ALARM_GRACE_SECONDS
    while header := incoming.read(_HEADER_BYTES):
        signal.setitimer(signal.ITIMER_REAL, alarm)
        try:
            html = incoming.read(int.from_bytes(header[1:], "little")).decode("utf-8", "surrogatepass")
            found = _guarded(functions[header[:1].decode()], html)
            data = pack((found,) if isinstance(found, str) else found) if isinstance(found, str | MainText) else b""
        except MemoryError:
            _answer(outgoing, _MEMORY, b"")
            return
        if isinstance(found, Failure):
            _answer(outgoing, _ERROR, found.detail.encode("utf-8", "replace"))
        else:
            _answer(outgoing, _NOTHING if found is None else _FIELDS, data)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(stream: object, kind: bytes, data: bytes) -> None:
    stream.write(kind + len(data).to_bytes(8, "little") + data)  # type: ignore[attr-defined]
    stream.flush()  # type: ignore[attr-defined]


def _die_with_parent(parent: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def _limit_memory(limit_bytes: int) -> None:
    with contextlib.suppress(OSError, ValueError):  # not every system has the limit
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


@functools.cache
def _function(name: str) -> Callable[[str], Any]:
    """The function of `module:name`."""
    module, _, attribute = name.partition(":")
    found: Callable[[str], Any] = getattr(importlib.import_module(module), attribute)
    return found


def _guarded(name: str, html: str) -> Any:
    """The function's answer; what a page does to a parser is that page's failure. Raises MemoryError alone."""
    try:
        return _function(name)(html)
    except MemoryError:
        raise
    except (Exception, RecursionError) as error:
        return Failure(Reason.EXTRACTION_ERROR, _line(error))


def _within(name: str, html: str) -> Any:
    try:
        return _guarded(name, html)
    except MemoryError:
        return Failure(Reason.EXTRACTION_MEMORY, "in the process itself")


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: " + str(error).partition("\n")[0][:150]
