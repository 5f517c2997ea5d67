"""A bounded number of requests at once, their results in order.

A store answers one request after some 30 ms, and a thousand at once no later; threads wait for it. Memory: `at_once` results.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Value = TypeVar("Value")
Result = TypeVar("Result")

REQUESTS_AT_ONCE = 32


def concurrently(
    function: Callable[[Value], Result], values: Iterable[Value], *, at_once: int = REQUESTS_AT_ONCE
) -> Iterator[Result]:
    """function(value) for each value, in their order; at most `at_once` run or wait to be taken.

    The first error is raised in its place; what has not begun then never does.
    """
    with ThreadPoolExecutor(at_once, thread_name_prefix="requests") as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for value in values:
                if len(waiting) == at_once:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(function, value))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()
