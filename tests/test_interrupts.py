"""A signal ends a build, also one that came where its exception was caught by something else."""

import contextlib
import signal
import threading
from collections.abc import Iterator

import pytest

from corpus.errors import BuildError
from pipelines.running import interrupts


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
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


def test_another_thread_fails_the_main_one_once() -> None:
    def wait() -> None:
        other = threading.Thread(target=interrupts.fail, args=[BuildError("a worker was killed")])
        other.start()
        other.join(60)

    with pytest.raises(BuildError, match="a worker was killed"):
        wait()
    interrupts.fail(BuildError("what followed from it"))
    with pytest.raises(BuildError, match="a worker was killed"):
        interrupts.check()


def test_a_failure_that_is_swallowed_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "AGAIN_SECONDS", 1.0)
    with contextlib.suppress(BuildError):
        interrupts.fail(BuildError("a worker was killed"))
        signal.pause()
    with pytest.raises(BuildError, match="a worker was killed"):
        signal.pause()
    interrupts.heard()


def test_what_fails_after_a_signal_is_its_end() -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    interrupts.fail(BuildError("a worker was killed"))
    with pytest.raises(KeyboardInterrupt):
        interrupts.check()
