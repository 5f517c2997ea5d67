"""Whether work grows no faster than its input: what the searches for super-linear inputs share.

Processor time of this process is measured, not the clock, so another process on the machine costs nothing. It is compared with
itself at another size, not with a limit: of 4n against n a linear kernel takes 4 times as long, a quadratic one 16 times.
"""

import time
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")

#: Between 4 (linear) and 16 (quadratic); n log n is below 5.
MOST_GROWTH = 8.0
#: Less is noise: what takes less at 4n passes. A quadratic kernel of any consequence is far above it.
FLOOR_SECONDS = 0.1
_TRIES = 3


def processor_seconds(run: Callable[[Made], object], given: Made) -> float:
    begun = time.process_time()
    run(given)
    return time.process_time() - begun


def growth(make: Callable[[int], Made], run: Callable[[Made], object], size: int) -> tuple[float, float]:
    """Processor seconds at 4 × `size`, and how many times as long as at `size` that is."""
    run(make(max(1, size // 16)))  # compiles, imports, fills caches
    smallest, given = float("inf"), make(size)
    for _ in range(_TRIES):
        smallest = min(smallest, processor_seconds(run, given))
    given = make(2 * size)
    if processor_seconds(run, given) > 40 * max(smallest, FLOOR_SECONDS):  # hopeless, and 4n would take minutes
        return float("inf"), float("inf")
    given = make(4 * size)
    largest = processor_seconds(run, given)
    return largest, largest / max(smallest, FLOOR_SECONDS / 4)


def assert_linear(make: Callable[[int], Made], run: Callable[[Made], object], *, size: int) -> None:
    """Fails where 4 × `size` costs over MOST_GROWTH times what `size` does, in each of three measurements."""
    found: list[tuple[float, float]] = []
    for _ in range(_TRIES):
        found.append(growth(make, run, size))
        if found[-1][0] < FLOOR_SECONDS or found[-1][1] <= MOST_GROWTH:
            return
    raise AssertionError(f"super-linear: seconds at 4 × {size}, and growth: {found}")
