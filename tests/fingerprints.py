"""Fingerprints of stages without a run: what a recipe gives, the stages before being what is said of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from corpus.recipe import Recipe
from corpus.storage.digested_file import DigestedFile
from corpus.storage.run_directory import RunDirectory
from pipelines.stages.listing import Planned
from pipelines.stages.measurement import MeasureInputs
from pipelines.stages.stage import StageSpec, Upstream

PLAN = (Planned(None, "plan", "files", 1, 1, 1, 1),)


def upstream(recipe: Recipe, planned: Sequence[Planned] = PLAN, marks: Mapping[str, str] = {}) -> Upstream:
    return Upstream(recipe, Path("recipe.toml"), RunDirectory("run"), planned, marks=dict(marks))


def mark(spec: StageSpec[Any, Any], recipe: Recipe, opened: object = None, **marks: str) -> str:
    """The stage's fingerprint; `marks` are those of the outputs that it reads."""
    return spec.mark(upstream(recipe, marks=marks), opened)


def extract_inputs(model: str = "model") -> DigestedFile:
    """What `extract` opens, as digests say it."""
    return DigestedFile("model", model)


def measure_inputs(model: str = "model", lists: Mapping[str, str] = {}) -> MeasureInputs:
    """What `measure` opens, as digests say it."""
    screens: Any = {source: SimpleNamespace(digest=digest) for source, digest in lists.items()}
    return MeasureInputs(DigestedFile("model", model), screens)
