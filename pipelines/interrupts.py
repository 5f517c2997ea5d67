"""Ctrl-C and SIGTERM, as a cluster sends it before it takes the machine away: both end a build, and neither is lost.

A signal raises KeyboardInterrupt wherever the main thread happens to be. Where that is inside code that catches everything,
or a destructor, the exception vanishes and the build would go on to its end; so what came is remembered, and asked for
after every pipeline.
"""

import signal
from types import FrameType

_received: list[int] = []


def listen() -> None:
    """From here on both signals raise KeyboardInterrupt. Only in the main thread."""
    _received.clear()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _raise)


def check() -> None:
    """Raises KeyboardInterrupt where a signal came."""
    if _received:
        raise KeyboardInterrupt


def exit_code() -> int:
    """What a process ends with that the first signal ended: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def _raise(number: int, frame: FrameType | None) -> None:
    again = number in _received
    _received.append(number)
    # A second SIGTERM must not break off what the first one cleans up; a second Ctrl-C is meant.
    if not again or number == signal.SIGINT:
        raise KeyboardInterrupt
