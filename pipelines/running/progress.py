"""A live display of a build that works on any runner, because it watches the run directory.

A thread lists the finished work items of the current stage and adds up their records: items, documents, tokens, rates,
time left. On a terminal a bar, elsewhere a line now and then. Cost: one listing and the new records every POLL_SECONDS, and
less often where a look takes long: a listing of 10^5 names on a store is a hundred requests.
"""

import threading
import time
from collections.abc import Collection
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from corpus.storage.run_directory import Stage

POLL_SECONDS = 0.5
LINE_SECONDS = 30.0
#: Of the time, so much at most is spent on looking.
LOOKING_SHARE = 0.05


class StageWatch:
    """Watches some work items of one stage while their pipeline runs; the stage may have others."""

    def __init__(self, console: Console, stage: Stage, *, items: Collection[int], done: int) -> None:
        self._console, self._stage, self._items = console, stage, frozenset(items)
        self._begun_with = done
        self._seen: set[int] = set()
        self._totals: dict[str, int] = {}
        self._pause = POLL_SECONDS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"watch-{stage.name}", daemon=True)
        self._started = time.monotonic()

    def __enter__(self) -> "StageWatch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        if self._console.is_terminal:
            self._bar()
        else:
            self._lines()

    def _bar(self) -> None:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task: TaskID = progress.add_task(f"{self._stage.name:<15}", total=len(self._items), counts="")
            stopping = False
            while not stopping:
                stopping = self._stop.wait(self._pause)
                self._look()
                progress.update(task, completed=len(self._seen), counts=self._counts())

    def _lines(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(self._pause):
            if time.monotonic() - last >= LINE_SECONDS:
                last = time.monotonic()
                self._look()
                self._console.print(
                    f"  {self._stage.name}: {len(self._seen)} of {len(self._items)} items, {self._counts()}"
                )

    def _look(self) -> None:
        began = time.monotonic()
        try:
            new = sorted(self._items.intersection(self._stage.finished()) - self._seen)
            for item, record in zip(new, self._stage.readable(new), strict=True):
                if record is None:
                    continue
                self._seen.add(item)
                for name, number in record.counts.items():
                    self._totals[name] = self._totals.get(name, 0) + number
        except Exception:  # a display never stops a build: the next look may succeed
            return
        finally:
            self._pause = max(POLL_SECONDS, (time.monotonic() - began) / LOOKING_SHARE)

    def _counts(self) -> str:
        seconds = max(time.monotonic() - self._started, 1e-3)
        parts = []
        for name in ("documents", "tokens"):
            number = self._totals.get(name, 0)
            if number:
                rate = number / seconds if not self._begun_with else 0
                parts.append(f"{number:,} {name}" + (f" ({rate:,.0f}/s)" if rate else ""))
        return ", ".join(parts)
