"""The stages of a build, in their order, each declared in a module of its own.

    plan → extract → measure → [decontaminate → exams] → [score] → [lines] → select → train-tokenizer → tokenize → pack → [phases]

`plan` comes before all: it makes the work items (pipelines.build). A new stage is a module with a StageSpec, and a line here.
"""

from typing import Any

from corpus.errors import DamageError, RunDirectoryError
from corpus.storage.run_directory import RunDirectory, Stage
from pipelines.selection.selecting import SELECT
from pipelines.stages.decontamination import DECONTAMINATE
from pipelines.stages.exam_totals import EXAM_TOTALS
from pipelines.stages.extraction import EXTRACT
from pipelines.stages.lines import MEASURE_LINES
from pipelines.stages.measurement import MEASURE
from pipelines.stages.outputs import Output
from pipelines.stages.packing import PACK
from pipelines.stages.phases_plan import PLAN_PHASES
from pipelines.stages.scoring import SCORE
from pipelines.stages.stage import StageSpec
from pipelines.stages.tokenization import TOKENIZE
from pipelines.stages.tokenizer import TRAIN_TOKENIZER

STAGES: tuple[StageSpec[Any, Any], ...] = (
    EXTRACT,
    MEASURE,
    DECONTAMINATE,
    EXAM_TOTALS,
    SCORE,
    MEASURE_LINES,
    SELECT,
    TRAIN_TOKENIZER,
    TOKENIZE,
    PACK,
    PLAN_PHASES,
)

#: Every name, as `--until` takes them.
NAMES = ("plan", *(spec.name for spec in STAGES))


def writer_of(output: Output) -> StageSpec[Any, Any]:
    """The stage that writes an output."""
    return next(spec for spec in STAGES if output in spec.writes)


def find_stage(run: RunDirectory, output: Output) -> Stage | None:
    """The finished stage of a run that wrote an output; None where it is not finished, or the recipe has it not."""
    for name in (writer_of(output).name, *NAMES[1:]):  # in another version another stage may have written it
        if run.has_stage(name):
            stage = run.current_stage(name)
            if name == writer_of(output).name or output.kind in kinds_of(stage):
                return stage
    return None


def kinds_of(stage: Stage) -> set[str]:
    """The kinds of output that a finished stage's records name."""
    items = stage.finished()
    try:
        return {name.partition("/")[0] for name in stage.record(items[0]).outputs} if items else set()
    except (DamageError, FileNotFoundError):
        return set()


def stage_of(run: RunDirectory, output: Output) -> Stage:
    """The same. Raises RunDirectoryError where the run has not come that far."""
    found = find_stage(run, output)
    if found is None:
        raise RunDirectoryError(
            f"{run.url}: stage {writer_of(output).name} is not finished here; run `corpus build` on it first"
        )
    return found
