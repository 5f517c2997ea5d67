"""Ctrl-C and SIGTERM, as a cluster sends it before it takes the machine away: both end a build, and neither is lost.

A signal raises KeyboardInterrupt wherever the main thread happens to be. Where that is inside code that catches everything,
or a destructor, the exception vanishes and the build would go on to its end; so what came is remembered, and asked for
after every pipeline.

A worker process that dies is a third: Beam's DirectRunner would wait for its answer for ever.
"""

import os
import signal
import threading
from types import FrameType

from corpus.errors import CorpusError

_received: list[int] = []
_failures: list[CorpusError] = []
_heard = threading.Event()

#: Long enough to end what was begun, where the first signal was heard.
AGAIN_SECONDS = 10.0


def listen() -> None:
    """From here on both signals raise KeyboardInterrupt, and `fail` what it is given. Only in the main thread."""
    _received.clear()
    _failures.clear()
    _heard.set()
    signal.signal(signal.SIGUSR1, _fail)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _raise)


def check() -> None:
    """Raises KeyboardInterrupt where a signal came, or what `fail` was given."""
    if _received:
        raise KeyboardInterrupt
    if _failures:
        raise _failures[0]


def fail(error: CorpusError) -> None:
    """Raises an error in the main thread, wherever it waits; from another thread. Not after a signal, whose end it may be.

    Again and again until `heard` is called: what it waits in may catch everything and wait on.
    """
    if not _received and not _failures:  # the first one tells; others may follow from what it ends
        _failures.append(error)
        _heard.clear()
        threading.Thread(target=_insist, daemon=True).start()


def heard() -> None:
    """The main thread is out of what it waited in."""
    _heard.set()


def _insist() -> None:
    while not _heard.is_set():
        os.kill(os.getpid(), signal.SIGUSR1)
        _heard.wait(AGAIN_SECONDS)


def exit_code() -> int:
    """What a process ends with that the first signal ended: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def _fail(number: int, frame: FrameType | None) -> None:
    if not _received and not _heard.is_set():
        raise _failures[0]


def _raise(number: int, frame: FrameType | None) -> None:
    again = number in _received
    _received.append(number)
    # A second SIGTERM must not break off what the first one cleans up; a second Ctrl-C is meant.
    if not again or number == signal.SIGINT:
        raise KeyboardInterrupt
