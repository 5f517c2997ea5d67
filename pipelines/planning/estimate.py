"""What a build takes, as arithmetic: inputs × coefficients → documents, tokens, core-hours, files, bytes, memory, cost.

Every formula is linear in the inputs but for counts that are rounded up and the sizes of select's parts and ranges, which
come from its own code. docs/plan.md prints them with an example. Nothing here is measured and nothing is read.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from corpus.domains import names_of
from corpus.errors import RecipeError
from corpus.feed.phases import PhasePlan, plan_phases
from corpus.recipe import Prices, Recipe
from pipelines.planning.coefficients import Coefficients
from pipelines.planning.exchange_costs import Exchange, exchange_of
from pipelines.planning.inputs import SourceInputs
from pipelines.planning.sources import SourcePlan, domain_tokens, source_plan
from pipelines.planning.stage_costs import shards_of, sizes_of, stage_costs, stored
from pipelines.stages.costs import StageCost, Stored


@dataclasses.dataclass(frozen=True)
class Cost:
    """By the recipe's prices."""

    currency: str
    compute: float
    storage: float
    requests: float

    @property
    def total(self) -> float:
        return self.compute + self.storage + self.requests


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The whole plan."""

    name: str
    machine: str  # whose core the hours are of
    item_bytes: int
    sources: tuple[SourcePlan, ...]
    exchange: Exchange
    stages: tuple[StageCost, ...]
    storage: tuple[Stored, ...]
    shards: Mapping[str, int]  # by domain
    phases: PhasePlan | None
    phases_problem: str | None  # why the phases do not fit the tokens that are expected
    cost: Cost | None

    @property
    def domains(self) -> dict[str, float]:
        """Tokens by domain."""
        return domain_tokens(self.sources)

    @property
    def core_hours(self) -> float:
        return sum(stage.core_hours for stage in self.stages)

    @property
    def stored_bytes(self) -> float:
        """What stays when the run is done."""
        return sum(each.bytes for each in self.storage if not each.temporary)

    @property
    def peak_bytes(self) -> float:
        return sum(each.bytes for each in self.storage)


def estimate(
    recipe: Recipe,
    inputs: Sequence[SourceInputs],
    coefficients: Coefficients,
    *,
    item_bytes: int,
    token_bytes: int,
) -> Estimate:
    """Reckons the plan. Raises RecipeError for a source that no measured one stands for, and for inputs without a byte."""
    sources = tuple(source_plan(recipe, each, coefficients) for each in inputs)
    if not any(each.documents for each in sources):
        raise RecipeError("all inputs are empty, so there is nothing to plan")
    exchange = exchange_of(recipe, sources, coefficients)
    shards = shards_of(domain_tokens(sources), target_bytes=recipe.shards.target_bytes, token_bytes=token_bytes)
    sizes = sizes_of(recipe, sources, exchange, coefficients, shards, token_bytes)
    stages = stage_costs(sizes, files=sum(each.files for each in sources))
    storage = stored(stages)
    phases, problem = _phases(recipe, domain_tokens(sources))
    cost = cost_of(recipe.prices, stages, storage) if recipe.prices is not None else None
    return Estimate(
        name=recipe.run.name,
        machine=coefficients.machine,
        item_bytes=item_bytes,
        sources=sources,
        exchange=exchange,
        stages=stages,
        storage=storage,
        shards=shards,
        phases=phases,
        phases_problem=problem,
        cost=cost,
    )


def cost_of(prices: Prices, stages: Sequence[StageCost], storage: Sequence[Stored]) -> Cost:
    """The stages' core-hours, what stays for as long as it is kept, and the requests to a store."""
    hours = sum(stage.core_hours for stage in stages)
    gigabytes = sum(each.bytes for each in storage if not each.temporary) / 1e9
    writes, reads = (sum(getattr(stage, name) for stage in stages) / 1e6 for name in ("written", "opened"))
    return Cost(
        currency=prices.currency,
        compute=hours * prices.core_hour,
        storage=gigabytes * prices.months * prices.gigabyte_month,
        requests=writes * prices.million_writes + reads * prices.million_reads,
    )


def _phases(recipe: Recipe, tokens: Mapping[str, float]) -> tuple[PhasePlan | None, str | None]:
    """The phases over the tokens that are expected, or why they do not fit."""
    if not recipe.phase:
        return None, None
    named = (name for phase in recipe.phase for name in (*phase.weights, *phase.max_epochs))
    if tier := next((name for name in named if len(names_of(name)) > 1), None):
        return None, f"{tier} is a tier of quality: how many documents it has, only a build says"
    whole = {domain: math.floor(number) for domain, number in tokens.items()}
    try:
        return plan_phases(recipe.phase, whole, seed=recipe.run.seed), None
    except RecipeError as error:
        return None, str(error)
