"""Which runner, with how many workers: Beam's own options, and one default of ours.

Everything after our own options is passed to Beam as it is (`--runner=SparkRunner …`). Without `--runner` the
DirectRunner runs with worker processes, one for each core or pending work item. Nothing else in the code asks which
runner it is on.
"""

import argparse
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from corpus import errors
from corpus.errors import BuildError, CorpusError, RecipeError
from pipelines.running import interrupts


def pipeline_options(beam_args: Sequence[str], *, workers: int | None, pending: int) -> PipelineOptions:
    """Options of one pipeline of `pending` work items."""
    names = {argument.partition("=")[0] for argument in beam_args}
    if "--runner" in names:
        return PipelineOptions(list(beam_args))
    _check_known(beam_args)
    if "--direct_num_workers" in names:
        return PipelineOptions(["--runner=DirectRunner", *beam_args])
    count = max(1, min(workers or os.cpu_count() or 1, pending))
    local = ["--runner=DirectRunner", f"--direct_num_workers={count}", "--default_sdk_harness_log_level=ERROR"]
    if count > 1:
        # Threads would share one interpreter lock; processes cost 3–6 s to start.
        local.append("--direct_running_mode=multi_processing")
    return PipelineOptions([*local, *beam_args])


def groups_in_memory(options: PipelineOptions) -> bool:
    """Whether the runner's GroupByKey holds all rows in one process, in four to five times their memory: the DirectRunner."""
    runner = options.view_as(StandardOptions).runner or "DirectRunner"
    return runner.rpartition(".")[2].lower().endswith("directrunner")


def _check_known(beam_args: Sequence[str]) -> None:
    """Beam passes over what it does not know; a mistyped option of ours must not end there.

    With another runner nothing is checked: its job server may know options that this side does not.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False, exit_on_error=False)
    for kind in PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)  # type: ignore[arg-type]  # a plain parser does
    try:
        _, unknown = parser.parse_known_args(list(beam_args))
    except argparse.ArgumentError as error:
        raise RecipeError(f"{error}; `corpus build --help` lists our options, the rest are Beam's") from error
    if unknown:
        raise RecipeError(f"{unknown[0]}: neither an option of `corpus build` (see --help) nor one of Beam's")


def run_pipeline(
    transform: "beam.PTransform[beam.pvalue.PBegin, beam.PCollection[int]]", options: PipelineOptions, *, name: str
) -> None:
    """Runs one pipeline to its end. Raises BuildError with one line where it fails."""
    try:
        pipeline = beam.Pipeline(options=options)
        pipeline | name >> transform
        with _watched_workers(name):
            state = pipeline.run().wait_until_finish()
        interrupts.check()
    except Exception as error:
        # In one process the interrupt reaches us as the text of a worker's failure.
        if "KeyboardInterrupt" in str(error):
            raise KeyboardInterrupt from error
        interrupts.check()
        raise translate(error, name) from error
    if state not in (None, "DONE"):
        raise BuildError(f"stage {name} ended as {state}; see the runner's own log")


#: What Beam calls the thread that starts a worker process of the DirectRunner and waits for its end.
_WORKER_THREAD = "run_worker"


@contextmanager
def _watched_workers(stage: str) -> Iterator[None]:
    """A worker process that is killed fails the pipeline. Beam's thread says so by an exception that nobody awaits.

    The others are killed too: Beam waits for their end, which they may await from it.
    """
    before = threading.excepthook

    def ended(raised: threading.ExceptHookArgs) -> None:
        if raised.thread is not None and raised.thread.name == _WORKER_THREAD:
            for worker in _worker_processes():
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            interrupts.fail(
                BuildError(
                    f"stage {stage} failed: a worker process was killed ({raised.exc_value}), perhaps for want of memory; "
                    f"everything finished is kept, the same command goes on"
                )
            )
        else:
            before(raised)

    threading.excepthook = ended
    try:
        yield
    finally:
        threading.excepthook = before
        interrupts.heard()


def _worker_processes() -> Iterator[int]:
    """The processes that Beam started as workers: children of this one. None where there is no /proc."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
            if parent == os.getpid() and b"sdk_worker_main" in (entry / "cmdline").read_bytes():
                yield int(entry.name)


_RAISED = re.compile(r"^(?:corpus\.errors\.)?(\w+(?:Error|Exception)): ([^\n]*)", re.MULTILINE)


def translate(error: Exception, stage: str) -> CorpusError:
    """A worker's failure, which arrives as itself or as the text of a traceback, as the error a user can act on."""
    raised = [(type(error).__name__, str(error))] if isinstance(error, CorpusError) else []
    raised += _RAISED.findall(str(error).replace("\\n", "\n"))[::-1]
    name, message = raised[0] if raised else (type(error).__name__, str(error).strip().rpartition("\n")[2])
    message = message.split("[while running", 1)[0].strip().strip("\"'")[:500]
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, CorpusError):
        return kind(message)
    if name == "FileNotFoundError":
        gone = message.partition("directory: ")[2].strip("'") or message
        return BuildError(
            f"stage {stage} failed: {gone} is gone; put it back and give the same command; everything finished is kept"
        )
    return BuildError(f"stage {stage} failed: {name}: {message}; everything finished is kept")


@contextmanager
def quiet_workers() -> Iterator[TextIO]:
    """Sends what Beam and its worker processes write on standard error to a file; yields the real standard error.

    Workers write pages of INFO before any option of theirs is read, which would tear our display to pieces. What they
    wrote is shown after a failure that is no CorpusError.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as log, os.fdopen(os.dup(2), "w") as terminal:
        os.dup2(log.fileno(), 2)
        try:
            yield terminal
        except (CorpusError, KeyboardInterrupt):
            raise
        except BaseException:
            log.seek(max(0, log.tell() - 20_000))
            terminal.write(log.read().decode(errors="replace"))
            raise
        finally:
            terminal.flush()
            os.dup2(terminal.fileno(), 2)
