"""Extraction in a helper process that a page may crash, hang or fill with memory without harm to the worker.

One child for each process that extracts, started at its first page and used for all later ones. The parent sends a frame
(1 byte operation, 8 bytes length, little-endian; UTF-8 with lone surrogates passed through) and reads one back (the
fields of corpus.pages.main_text); no data is pickled. One page is in flight. Either operation is a function of the page alone.

- *Crash* (any death of the child) and *memory* (RLIMIT_AS in the child): the page is tried once more in a fresh child, so
  that neither what pages before it left behind nor an accident decides; then it is that page's failure.
- *Time*: the child is killed at `page_seconds` of its processor time, once, so a page is the same document on a busy
  machine; limits of work (`max_page_bytes`, `max_nodes`, `max_depth`) come first.
- How it is watched, and that it dies with its parent: corpus.processes.watched_child.

Cost: two copies of the page through pipes, some 0.1 ms; 0.7 s to start (benchmarks/bench_helper.py).
"""

import functools
import importlib
import threading
from collections.abc import Callable
from typing import Any, Protocol

from corpus.errors import BuildError
from corpus.pages.main_text import Failure, MainText, pack, unpack
from corpus.processes.watched_child import Budget, Parent, WatchedChild, end_of, limit_memory, set_alarms
from corpus.reasons import Reason

START_SECONDS = 180.0

#: Name in a recipe → the function that finds the main text.
EXTRACTORS = {
    "trafilatura": "corpus.pages.trafilatura_text:main_text",
    "resiliparse": "corpus.pages.resiliparse_text:main_content",
}
#: The same with marks for the addresses of links.
WITH_LINKS = {
    "trafilatura": "corpus.pages.trafilatura_text:main_text_with_links",
    "resiliparse": "corpus.pages.resiliparse_text:main_content_with_links",
}
MAIN_TEXT = EXTRACTORS["trafilatura"]
PLAIN_TEXT = "corpus.pages.plain_text:plain_text"

_MAIN, _PLAIN = b"m", b"p"
_READY, _FIELDS, _NOTHING, _ERROR, _MEMORY = b"r", b"f", b"n", b"e", b"o"


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
        self._child: WatchedChild | None = None
        self._is_ready = False

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
        budget = Budget(child, self.page_seconds)
        try:
            child.send(operation, data, budget)
            kind, answer = child.receive(budget)
            fields = unpack(answer) if kind == _FIELDS else None
        except TimeoutError:
            self._restart()
            return Failure(Reason.EXTRACTION_TIMEOUT, f"over {self.page_seconds:g} s of processor time; killed")
        except (EOFError, OSError):
            return Failure(Reason.EXTRACTION_CRASH, end_of(self._restart()))
        except ValueError as error:
            self._restart()
            return Failure(Reason.EXTRACTION_CRASH, f"no answer but {str(error)[:150]}")
        if kind == _MEMORY:
            self._restart()
            return Failure(Reason.EXTRACTION_MEMORY, f"over {self.page_memory_bytes} bytes of address space")
        if kind == _ERROR:
            return Failure(Reason.EXTRACTION_ERROR, answer.decode("utf-8", "replace"))
        return fields

    def _started_child(self) -> WatchedChild:
        if self._child is None or not self._child.is_own:
            settings = {"functions": self._functions, "page_seconds": self.page_seconds}
            settings["page_memory_bytes"] = self.page_memory_bytes
            self._child = WatchedChild("corpus.pages.extractor_process:serve", settings)
            self._is_ready = False
        return self._child

    def _ready_child(self) -> WatchedChild:
        child = self._started_child()
        if not self._is_ready:
            try:
                kind, answer = child.receive(Budget(child, START_SECONDS, 4 * START_SECONDS))
            except (TimeoutError, EOFError, OSError) as error:
                raise BuildError(f"the extraction helper does not start: {end_of(self._end())}") from error
            if kind != _READY:
                self._end()
                raise BuildError(f"the extraction helper does not start: {answer.decode('utf-8', 'replace')}")
            self._is_ready = True
        return child

    def _restart(self) -> int | None:
        self.restarts += 1
        return self._end()

    def _end(self) -> int | None:
        """Kills the child and returns how it had ended, if it had."""
        child, self._child = self._child, None
        return child.end() if child is not None else None


@functools.cache
def helper(*, page_seconds: float, page_memory_bytes: int, main: str = MAIN_TEXT) -> ExtractorProcess:
    """This process's child with this extractor and these limits; one for all work items."""
    return ExtractorProcess(page_seconds=page_seconds, page_memory_bytes=page_memory_bytes, main=main)


# ---------------------------------------------------------------------------------------------------- the child


def serve(settings: dict[str, object]) -> None:
    """The child's life: answers frames until there are no more."""
    parent = Parent(settings)
    functions = settings["functions"]
    assert isinstance(functions, dict)
    try:
        for name in functions.values():
            _function(name)
    except Exception as error:
        parent.send(_ERROR, _line(error).encode())
        return
    limit_memory(int(str(settings["page_memory_bytes"])))
    parent.send(_READY)
    while (asked := parent.receive()) is not None:
        set_alarms(float(str(settings["page_seconds"])))
        try:
            operation, data = asked
            found = _guarded(functions[operation.decode()], data.decode("utf-8", "surrogatepass"))
            data = pack((found,) if isinstance(found, str) else found) if isinstance(found, str | MainText) else b""
        except MemoryError:
            parent.send(_MEMORY)
            return
        if isinstance(found, Failure):
            parent.send(_ERROR, found.detail.encode("utf-8", "replace"))
        else:
            parent.send(_NOTHING if found is None else _FIELDS, data)
        set_alarms(0)


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
