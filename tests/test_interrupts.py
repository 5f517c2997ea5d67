"""A signal ends a build, also one that came where its exception was caught by something else."""

import contextlib
import signal
from collections.abc import Iterator

import pytest

from pipelines import interrupts


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    interrupts.listen()
    yield
    interrupts.listen()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_swallowed_signal_is_remembered(number: int, code: int) -> None:
    interrupts.check()
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(number)
    with pytest.raises(KeyboardInterrupt):
        interrupts.check()
    assert interrupts.exit_code() == code


def test_a_second_sigterm_does_not_break_off_what_the_first_cleans_up() -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert interrupts.exit_code() == 143
