"""The helper process: equal texts, and one failed page whatever a page does to it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.errors import BuildError
from corpus.pages.extractor_process import EXTRACTORS, IN_PROCESS, ExtractorProcess, InProcessExtractor
from corpus.pages.main_text import Failure, MainText, pack, unpack
from corpus.processes.watched_child import processor_seconds_of
from corpus.reasons import Outcome, Reason

HERE = Path(__file__).resolve().parent
MIB = 1 << 20


@pytest.fixture(scope="module")
def hostile() -> Iterator[ExtractorProcess]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        process = ExtractorProcess(
            page_seconds=3.0,
            page_memory_bytes=512 * MIB,
            main="hostile_extractors:main_text",
            plain="hostile_extractors:plain_text",
        )
        yield process
        process.close()


def text_of(found: MainText | Failure | None) -> str:
    assert isinstance(found, MainText), found
    return found.text


@pytest.mark.parametrize(
    ("page", "expected", "detail", "ended"),
    [
        ("EXIT", Reason.EXTRACTION_CRASH, "exit code 7", 2),
        ("SEGFAULT", Reason.EXTRACTION_CRASH, "SIGSEGV", 2),
        ("HANG", Reason.EXTRACTION_TIMEOUT, "over 3 s", 1),
        ("EAT", Reason.EXTRACTION_MEMORY, "536870912 bytes", 2),
        ("RAISE", Reason.EXTRACTION_ERROR, "ValueError: of the page", 0),
    ],
)
def test_what_a_page_does_is_its_own_failure(
    hostile: ExtractorProcess, page: str, expected: Reason, detail: str, ended: int
) -> None:
    before = hostile.restarts
    assert hostile.main_text("before") == MainText("erofeb", "before", "", None)
    failure = hostile.main_text(page)
    assert isinstance(failure, Failure)
    assert failure.reason is expected
    assert expected.outcome is Outcome.FAILED
    assert detail in failure.detail
    assert "\n" not in failure.detail
    assert hostile.restarts - before == ended
    assert text_of(hostile.main_text("after")) == "retfa"
    assert hostile.plain_text("after") == "retfa"


@pytest.fixture
def hurried(hostile: ExtractorProcess) -> Iterator[ExtractorProcess]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        process = ExtractorProcess(
            page_seconds=0.2,
            page_memory_bytes=512 * MIB,
            main="hostile_extractors:main_text",
            plain="hostile_extractors:plain_text",
        )
        yield process
        process.close()


def test_a_page_is_the_same_document_on_a_busy_machine(hurried: ExtractorProcess) -> None:
    """A machine that gives the helper no time for ten times its page's time."""
    assert text_of(hurried.main_text("a")) == "a"
    assert hurried.pid is not None
    os.kill(hurried.pid, signal.SIGSTOP)
    waking = threading.Timer(2.0, os.kill, (hurried.pid, signal.SIGCONT))
    waking.start()
    assert text_of(hurried.main_text("ab")) == "ba"
    waking.join()
    assert hurried.restarts == 0
    failure = hurried.main_text("HANG")
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.EXTRACTION_TIMEOUT


def test_a_page_that_sleeps_for_ever_is_ended(hurried: ExtractorProcess) -> None:
    failure = hurried.main_text("SLEEP")
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.EXTRACTION_TIMEOUT


def test_processor_time_is_that_of_the_process() -> None:
    begun, used = time.process_time(), processor_seconds_of(os.getpid())
    assert used is not None
    while time.process_time() - begun < 0.2:
        pass
    later = processor_seconds_of(os.getpid())
    assert later is not None
    assert later - used >= 0.1
    assert processor_seconds_of(2**22 + 1) is None  # above the kernel's largest number


def test_one_child_serves_all_pages(hostile: ExtractorProcess) -> None:
    hostile.main_text("a")
    pid = hostile.pid
    assert pid is not None
    assert [text_of(hostile.main_text(f"{number}")) for number in range(10, 60)] == [
        f"{n}"[::-1] for n in range(10, 60)
    ]
    assert hostile.pid == pid


def test_a_child_that_dies_between_pages_costs_no_page(hostile: ExtractorProcess) -> None:
    hostile.main_text("a")
    assert hostile.pid is not None
    os.kill(hostile.pid, signal.SIGKILL)
    assert text_of(hostile.main_text("ab")) == "ba"


def test_an_accident_costs_no_page(hostile: ExtractorProcess, tmp_path: Path) -> None:
    page = f"ONCE {tmp_path / 'mark'}"
    assert text_of(hostile.main_text(page)) == page[::-1]


def test_what_is_printed_is_no_answer(hostile: ExtractorProcess) -> None:
    assert text_of(hostile.main_text("PRINT")) == "TNIRP"
    assert hostile.main_text("NONE") is None


@pytest.mark.parametrize("size", [0, 1, 4 * MIB, 30 * MIB])
def test_pages_of_any_size(hostile: ExtractorProcess, size: int) -> None:
    assert text_of(hostile.main_text("x" * size)) == "x" * size


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(html=st.text(st.characters(codec=None)).filter(lambda text: not text.isupper()))
def test_any_text_comes_through(hostile: ExtractorProcess, html: str) -> None:
    assert hostile.main_text(html) == MainText(html[::-1], html[:9], "", None)
    assert hostile.plain_text(html) == html[::-1]


@given(fields=st.lists(st.none() | st.text(st.characters(codec=None))))
def test_what_is_packed_comes_out(fields: list[str | None]) -> None:
    assert unpack(pack(fields)) == fields


@given(data=st.binary(max_size=60))
def test_bytes_that_are_no_answer_are_a_value_error_at_most(data: bytes) -> None:
    try:
        fields = unpack(data)
    except ValueError:
        return
    assert pack(fields) == data


@pytest.mark.parametrize("name", EXTRACTORS)
def test_texts_are_those_of_the_process_itself(name: str) -> None:
    pages = [
        "<html><body><article><h1>T</h1><p>" + "A sentence of the page, long enough. " * 8 + "</p></article></html>",
        "<p>文" * 400,
        "<p>\ud800" + "words and words " * 30,
        "",
        "<html></html>",
    ]
    real = ExtractorProcess(page_seconds=60, page_memory_bytes=4 << 30, main=EXTRACTORS[name])
    in_process = InProcessExtractor(EXTRACTORS[name])
    assert [real.main_text(page) for page in pages] == [in_process.main_text(page) for page in pages]
    assert [real.plain_text(page) for page in pages] == [IN_PROCESS.plain_text(page) for page in pages]
    assert real.restarts == 0
    real.close()


def test_a_helper_that_cannot_start_says_so() -> None:
    process = ExtractorProcess(page_seconds=1, page_memory_bytes=512 * MIB, main="no_such_module:f")
    with pytest.raises(BuildError, match="no_such_module"):
        process.main_text("a")
    process.close()


@pytest.mark.parametrize("page", ["idle", "HANG"])
def test_the_child_dies_with_its_parent(page: str) -> None:
    script = (
        "import sys, threading, time; sys.path.insert(0, sys.argv[1])\n"
        "from corpus.pages.extractor_process import ExtractorProcess\n"
        "p = ExtractorProcess(page_seconds=300, page_memory_bytes=1 << 30, main='hostile_extractors:main_text')\n"
        "p.main_text('a'); print(p.pid, flush=True)\n"
        "p.main_text(sys.argv[2]); time.sleep(300)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(HERE), page], stdout=subprocess.PIPE, cwd=HERE.parent)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(0.3)
    assert alive(child)
    parent.kill()
    parent.wait()
    until = time.monotonic() + 10
    while alive(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(child)


def alive(pid: int) -> bool:
    """Running, and not merely waiting to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in ("Z", "X")
