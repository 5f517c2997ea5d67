"""Has items checked: in this process, or in some, with their answers in order.

Processes and not a pipeline: an item's check reads a few files and answers with a few numbers, which any pool can do; where files lie
on a store, one machine with many processes is bounded by its network. A runner would take `check_item` as it is.
"""

import dataclasses
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from corpus.errors import BuildError
from pipelines.report.item_checks import ItemCheck, Task, check_item
from pipelines.stages.findings import Seen

#: Bytes of a run from which on processes are started: each takes some 2 s for it.
PARALLEL_BYTES = 1 << 28

#: Items sent at once: an answer costs some 0.1 ms.
_AT_ONCE = 8

_facts: list[Seen] = []


def workers_for(run_bytes: int, workers: int | None) -> int:
    """How many processes; 1: this one."""
    if workers is not None:
        return workers
    return (os.cpu_count() or 1) if run_bytes >= PARALLEL_BYTES else 1


class Checkers:
    """This process, or some that are started with the first items that they are given and end with the `with`."""

    def __init__(self, seen: Seen, workers: int) -> None:
        self._seen, self._workers = seen, workers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Checkers":
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def check(self, tasks: Sequence[Task], damaged: frozenset[str]) -> Iterator[tuple[Task, ItemCheck]]:
        """Each task with its answer, in their order. Raises BuildError where a process is killed."""
        if self._workers == 1 or len(tasks) < 2:
            seen = dataclasses.replace(self._seen, damaged=damaged)
            yield from ((task, check_item(seen, task)) for task in tasks)
            return
        pool = self._started()
        size = max(1, min(_AT_ONCE, len(tasks) // self._workers))
        waiting: deque[tuple[Sequence[Task], Future[list[ItemCheck]]]] = deque()
        try:
            for begin in range(0, len(tasks), size):
                if len(waiting) == 4 * self._workers:
                    yield from _answers(*waiting.popleft())
                some = tasks[begin : begin + size]
                waiting.append((some, pool.submit(_check, some, damaged)))
            while waiting:
                yield from _answers(*waiting.popleft())
        except BrokenProcessPool as error:
            raise BuildError(
                f"{self._seen.run.url}: a process that checks was killed, perhaps for want of memory; the same command goes "
                f"on, with fewer --workers"
            ) from error

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # A fork of a process with threads, as Arrow's and a store's, may hang.
            self._pool = ProcessPoolExecutor(self._workers, get_context("spawn"), _begin, (self._seen,))
        return self._pool


def _answers(tasks: Sequence[Task], future: Future[list[ItemCheck]]) -> Iterator[tuple[Task, ItemCheck]]:
    yield from zip(tasks, future.result(), strict=True)


def _begin(seen: Seen) -> None:
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches every process of the terminal: the first one ends the others
    _facts[:] = [seen]


def _check(tasks: Sequence[Task], damaged: frozenset[str]) -> list[ItemCheck]:
    seen = dataclasses.replace(_facts[0], damaged=damaged)
    return [check_item(seen, task) for task in tasks]
