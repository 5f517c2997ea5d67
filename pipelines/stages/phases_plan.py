"""phases: manifest.arrow + recipe → phases/plan.json, integers that say what each phase reads and where it begins.

Reads   manifest.arrow, for the tokens of each domain
Writes  phases/plan.json
Cost    none: a function of the counts, made anew by every build
"""

import json
from typing import Any

from corpus.errors import RecipeError, RunDirectoryError
from corpus.feed.phases import PhasePlan, plan_phases
from corpus.recipe import fingerprint
from corpus.storage import files, ipc
from corpus.storage.run_directory import RunDirectory, Stage
from corpus.storage.run_marker import not_readable
from pipelines.stages.outputs import PHASES, SHARDS
from pipelines.stages.stage import Driver, StageSpec, Upstream


def read_plan(run: RunDirectory) -> PhasePlan:
    """`phases/plan.json`. Raises RunDirectoryError where there is none, DamageError where it is not one."""
    url = run.path("phases", "plan.json")
    if not files.exists(url):
        raise RunDirectoryError(
            f"{run.url}: no phases/plan.json here; the recipe has no phases, or the build stopped before"
        )
    try:
        return PhasePlan.from_json(files.read_bytes(url).decode())
    except ValueError as error:
        raise not_readable(url, str(error)) from error


def _drive(driver: Driver, up: Upstream, spec: "StageSpec[None, None]", opened: None) -> Stage:
    manifest = ipc.open_table(up.run.path("manifest.arrow"), columns=["domain", "tokens"])
    tokens: dict[str, int] = {}
    for domain, number in zip(manifest["domain"].to_pylist(), manifest["tokens"].to_pylist(), strict=True):
        tokens[domain] = tokens.get(domain, 0) + number
    try:
        plan = plan_phases(up.recipe.phase, tokens, seed=up.recipe.run.seed)
    except RecipeError as error:
        # The plan of an earlier recipe must not be fed as that of this one; the earlier recipe makes the same plan again.
        left = driver.withdraw(spec)
        raise RecipeError(f"{up.recipe_path}: {error}{left}") from error
    text = plan.to_json().encode()
    stage = driver.open(spec, fingerprint("phases", up.marks[SHARDS.mark], json.loads(text)))
    files.write_bytes(up.run.path("phases", "plan.json"), text)
    more: dict[str, Any] = {"items": len(up.recipe.phase)}
    driver.close(spec, stage, more)
    driver.say(spec.name, ", ".join(f"{phase.name} {phase.steps:,} steps" for phase in plan.phases))
    return stage


PLAN_PHASES = StageSpec(
    name="phases",
    summary="manifest → the plan of the phases",
    reads=(SHARDS,),
    writes=(PHASES,),
    code=("pipelines.stages.phases_plan",),
    wanted=lambda recipe: bool(recipe.phase),
    drive=_drive,
    has_records=False,
    beside=("phases/plan.json",),
)
