"""A reader in a child process that a file may crash, hang or fill with memory without harm to the worker.

A library that aborts (C++) or takes what a file claims for its own cannot be caught in its own process. A task of the
child is `(request, file) → answers`: the request and the answers' headers are JSON, what they carry is bytes. The child
opens nothing: it asks its parent for bytes of the file, so any store that the parent reads it reads too.

Watched from outside (corpus.processes.watched_child): processor time from one answer to the next, and address space beyond what the
child has when it is ready. Children are kept for the next file, one for each process and task.
Cost: 0.4 s to start; 111 MB of text take 0.34 s for 0.16 s in one's own process (benchmarks/bench_fence.py), which is 3 %
of what measuring their signals, languages and signatures takes.
"""

import contextlib
import importlib
import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple, cast

from corpus.errors import BuildError
from corpus.processes.watched_child import Budget, Parent, WatchedChild, end_of, limit_memory, set_alarms

START_SECONDS = 180.0
_READ_BYTES = 8 << 20
_READY, _ASK, _BYTES, _READ, _ANSWER, _DONE, _ERROR, _MEMORY = b"y", b"a", b"b", b"r", b"w", b"d", b"e", b"m"
_SERVE = "corpus.sources.fence:serve"


class Answer(NamedTuple):
    """What a task gives, one of many."""

    header: dict[str, Any]
    data: bytes = b""


Task = Callable[[dict[str, Any], BinaryIO], Iterator[Answer]]


class FenceError(Exception):
    """Raised when a child was ended, or ended, before it had given all answers; says how."""


class TaskError(Exception):
    """Raised where the task itself raised, in words; its child lives."""


class Fence:
    """The parent's side: children for one task, each with one request in flight. Safe for several threads."""

    def __init__(self, task: str, *, processor_seconds: float, memory_bytes: int) -> None:
        """`task` is `module:function`."""
        self._settings: dict[str, object] = {
            "task": task,
            "processor_seconds": processor_seconds,
            "memory_bytes": memory_bytes,
        }
        self._processor_seconds, self._memory_bytes = processor_seconds, memory_bytes
        self._lock = threading.Lock()
        self._idle: list[WatchedChild] = []
        self.ended = 0  # children that a file ended

    def ask(self, request: dict[str, Any], stream: BinaryIO) -> Iterator[Answer]:
        """The task's answers as they come. Raises FenceError, TaskError; OSError where the stream does."""
        child = self._child()
        whole = False
        try:
            size = stream.seek(0, io.SEEK_END)
            self._send(child, _ASK, json.dumps({"size": size, "request": request}).encode())
            for kind, data in self._frames(child, stream):
                if kind == _ANSWER:
                    size = int.from_bytes(data[:4], "little")
                    yield Answer(json.loads(data[4 : 4 + size]), data[4 + size :])
                elif kind == _DONE:
                    whole = True
                    return
                elif kind == _ERROR:
                    whole = True
                    raise TaskError(data.decode("utf-8", "replace"))
                else:
                    raise FenceError(f"over {self._memory_bytes} bytes of memory")
        finally:
            if whole:
                self._keep(child)
            else:
                self.ended += 1
                child.end()

    def _frames(self, child: WatchedChild, stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
        budget = Budget(child, self._processor_seconds)
        while True:
            try:
                kind, data = child.receive(budget)
            except TimeoutError as error:
                raise FenceError(f"over {self._processor_seconds:g} s of processor time") from error
            except (EOFError, OSError) as error:
                raise FenceError(f"the reader {end_of(child.end())}") from error
            if kind != _READ:
                yield kind, data
                budget = Budget(child, self._processor_seconds)
                continue
            offset, size = int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little")
            stream.seek(offset)
            self._send(child, _BYTES, stream.read(min(size, _READ_BYTES)))

    def _send(self, child: WatchedChild, kind: bytes, data: bytes) -> None:
        try:
            child.send(kind, data, Budget(child, self._processor_seconds))
        except TimeoutError as error:
            raise FenceError("the reader does not read") from error
        except OSError as error:
            raise FenceError(f"the reader {end_of(child.end())}") from error

    def _child(self) -> WatchedChild:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.is_own and child.lives:
                    return child
        child = WatchedChild(_SERVE, self._settings)
        try:
            kind, _ = child.receive(Budget(child, START_SECONDS, 4 * START_SECONDS))
        except (TimeoutError, EOFError, OSError) as error:
            raise BuildError(f"the reader's process does not start: {end_of(child.end())}") from error
        assert kind == _READY
        return child

    def _keep(self, child: WatchedChild) -> None:
        with self._lock:
            if not self._idle:
                self._idle.append(child)
                return
        child.end()


# ---------------------------------------------------------------------------------------------------- the child


class _ParentsFile(io.RawIOBase):
    """The file, of which the parent sends what is asked for."""

    def __init__(self, parent: Parent, size: int) -> None:
        self._parent, self._size, self._position = parent, size, 0
        self._lock = threading.Lock()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), max(0, self._size - self._position), _READ_BYTES)
        if size == 0:
            return 0
        with self._lock:
            self._parent.send(_READ, self._position.to_bytes(8, "little") + size.to_bytes(8, "little"))
            frame = self._parent.receive()
        if frame is None:  # the parent is gone
            os._exit(1)
        data = frame[1]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """`size` bytes, fewer at the file's end alone: libraries take less for a damaged file."""
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        data = bytearray(wanted)
        view, filled = memoryview(data), 0
        while filled < wanted and (got := self.readinto(view[filled:])):
            filled += got
        return bytes(view[:filled])


def serve(settings: dict[str, object]) -> None:
    """The child's life: runs the task for one request after the other."""
    parent = Parent(settings)
    module, _, name = str(settings["task"]).partition(":")
    task: Task = getattr(importlib.import_module(module), name)
    limit_memory(_address_space_bytes() + int(str(settings["memory_bytes"])))
    seconds = float(str(settings["processor_seconds"]))
    parent.send(_READY)
    while (asked := parent.receive()) is not None:
        table = json.loads(asked[1])
        file = cast(BinaryIO, _ParentsFile(parent, table["size"]))
        try:
            set_alarms(seconds)
            for header, data in task(table["request"], file):
                head = json.dumps(header).encode()
                parent.send(_ANSWER, len(head).to_bytes(4, "little") + head + data)
                set_alarms(seconds)
        except MemoryError:  # ArrowMemoryError too
            parent.send(_MEMORY)
            return
        except Exception as error:
            parent.send(_ERROR, f"{str(error).partition(chr(10))[0] or type(error).__name__}"[:300].encode())
        else:
            parent.send(_DONE)
        set_alarms(0)


def _address_space_bytes() -> int:
    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm", "rb") as sizes:
        return int(sizes.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return 1 << 30
