"""Which runner, with how many workers: Beam's own options, and one default of ours.

Everything after our own options is passed to Beam as it is (`--runner=SparkRunner …`). Without `--runner` the
DirectRunner runs with worker processes, one for each core or pending work item. Nothing else in the code asks which
runner it is on.
"""

import logging
import os
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from corpus.errors import BuildError, CorpusError


def pipeline_options(beam_args: Sequence[str], *, workers: int | None, pending: int) -> PipelineOptions:
    """Options of one pipeline of `pending` work items."""
    names = {argument.partition("=")[0] for argument in beam_args}
    if "--runner" in names or "--direct_num_workers" in names:
        return PipelineOptions(list(beam_args))
    count = max(1, min(workers or os.cpu_count() or 1, pending))
    local = ["--runner=DirectRunner", f"--direct_num_workers={count}", "--default_sdk_harness_log_level=ERROR"]
    if count > 1:
        # Threads would share one interpreter lock; processes cost 3–6 s to start.
        local.append("--direct_running_mode=multi_processing")
    return PipelineOptions([*local, *beam_args])


def run_pipeline(
    transform: "beam.PTransform[beam.pvalue.PBegin, beam.PCollection[int]]", options: PipelineOptions, *, name: str
) -> None:
    """Runs one pipeline to its end. Raises BuildError with one line where it fails."""
    quiet()
    try:
        pipeline = beam.Pipeline(options=options)
        pipeline | name >> transform
        state = pipeline.run().wait_until_finish()
    except CorpusError:
        raise
    except Exception as error:
        raise BuildError(f"stage {name} failed: {explain(error)}") from error
    if state not in (None, "DONE"):
        raise BuildError(f"stage {name} ended as {state}; see the runner's own log")


def explain(error: BaseException) -> str:
    """The line of a worker's traceback that says what happened: its last that names an exception."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if "Error" in line.split(":", 1)[0] and ": " in line]
    line = (named or lines or [type(error).__name__])[-1]
    head, _, message = line.partition(": ")
    line = message if head.startswith("corpus.errors.") else line
    return line.removesuffix("[while running").split(" [while running", 1)[0].rstrip("\\n\"'")[:500]


def quiet() -> None:
    """Beam logs pages of INFO and some warnings that mean nothing to a user; our own display shows progress."""
    for name in ("apache_beam", "root", ""):
        logging.getLogger(name).setLevel(logging.ERROR)
