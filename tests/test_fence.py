"""A reader in a process of its own: what it gives arrives, and what a file does to it is said."""

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from corpus.sources.fence import Answer, Fence, FenceError, TaskError


def task(request: dict[str, Any], stream: BinaryIO) -> Iterator[Answer]:
    what = request["what"]
    if what == "read":
        for offset, size in request["places"]:
            stream.seek(offset)
            yield Answer({"at": offset}, stream.read(size))
    yield Answer({"begun": True})
    if what == "abort":
        os.abort()
    if what == "hang":
        while True:
            pass
    if what == "eat":
        eaten = []
        while True:
            eaten.append(bytearray(1 << 24))
    if what == "raise":
        raise ValueError("of the file\nsecond line")
    if what == "print":
        print("no frame", flush=True)
    if what == "sleep":
        time.sleep(request["seconds"])


@pytest.fixture
def fence(monkeypatch: pytest.MonkeyPatch) -> Fence:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return Fence("test_fence:task", processor_seconds=0.5, memory_bytes=256 << 20)


@pytest.mark.parametrize(
    ("what", "expected", "detail"),
    [
        ("abort", FenceError, "SIGABRT"),
        ("hang", FenceError, "over 0.5 s of processor time"),
        ("eat", FenceError, "bytes of memory"),
        ("raise", TaskError, "^of the file$"),
    ],
)
def test_what_a_file_does_to_its_reader_is_said(
    fence: Fence, what: str, expected: type[Exception], detail: str
) -> None:
    answers = fence.ask({"what": what}, io.BytesIO(b"abc"))
    assert next(answers).header == {"begun": True}
    with pytest.raises(expected, match=detail):
        next(answers)
    assert fence.ended == (expected is FenceError)
    assert [answer.header for answer in fence.ask({"what": "print"}, io.BytesIO())] == [{"begun": True}]


def test_a_reader_reads_what_its_parent_sends(fence: Fence) -> None:
    data = os.urandom(20 << 20)
    places = [[0, 10], [len(data) - 5, 100], [1, len(data)], [len(data) + 5, 3]]
    answers = list(fence.ask({"what": "read", "places": places}, io.BytesIO(data)))
    assert [answer.data for answer in answers[:-1]] == [data[at : at + size] for at, size in places]


def test_one_child_for_one_file_after_the_other_and_two_for_two_at_once(fence: Fence) -> None:
    first, second = (fence.ask({"what": "none"}, io.BytesIO()) for _ in range(2))
    assert [next(first).header, next(second).header] == [{"begun": True}] * 2
    assert [*first, *second] == []
    assert fence.ended == 0
    begun = fence.ask({"what": "none"}, io.BytesIO())
    next(begun)
    begun.close()  # what is not read to its end ends its child
    assert len(list(fence.ask({"what": "none"}, io.BytesIO()))) == 1


def test_a_reader_that_waits_uses_no_time(fence: Fence) -> None:
    assert len(list(fence.ask({"what": "sleep", "seconds": 1.5}, io.BytesIO()))) == 1
