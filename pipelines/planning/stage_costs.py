"""What each stage takes, and what it leaves in the run directory: the stages' own arithmetic over sums of all sources."""

import math
from collections.abc import Mapping, Sequence

from corpus.recipe import Recipe
from pipelines.planning.coefficients import Coefficients
from pipelines.planning.exchange_costs import Exchange
from pipelines.planning.sources import SourcePlan, domain_tokens
from pipelines.stage_list import STAGES
from pipelines.stages.costs import Sizes, StageCost, Stored

#: A work item's record, as the demo's are.
RECORD_BYTES = 1_300
#: Memory of a split while inputs are listed: 1,560 bytes of 400,000 files with the paths of Common Crawl's.
SPLIT_BYTES = 1_600


def shards_of(tokens: Mapping[str, float], *, target_bytes: int, token_bytes: int) -> dict[str, int]:
    """Shards of each domain."""
    return {domain: max(1, math.ceil(number * token_bytes / target_bytes)) for domain, number in tokens.items()}


def sizes_of(
    recipe: Recipe,
    sources: Sequence[SourcePlan],
    exchange: Exchange,
    coefficients: Coefficients,
    shards: Mapping[str, int],
    token_bytes: int,
) -> Sizes:
    """Sums over all sources; `shards` are those of each domain."""

    def total(name: str) -> float:
        return sum(getattr(each, name) for each in sources)

    numbers = coefficients.numbers()
    numbers["scorer_seconds"] = sum(number.value for number in coefficients.of_scorers(recipe))
    return Sizes(
        recipe=recipe,
        coefficients=numbers,
        exchange=exchange,
        items=sum(each.items for each in sources),
        splits=int(total("splits")),
        input_bytes=total("bytes"),
        extract_seconds=total("extract_seconds"),
        documents=total("documents"),
        text_bytes=total("text_bytes"),
        stored_text_bytes=total("stored_text_bytes"),
        failed_bytes=total("failed_bytes"),
        kept=total("kept"),
        kept_text_bytes=total("kept_text_bytes"),
        tokens=total("all_tokens"),
        largest_item_token_bytes=max(
            (each.all_tokens * token_bytes + each.kept * numbers["token_row_bytes"]) / each.items for each in sources
        ),
        largest_domain_tokens=max(domain_tokens(sources).values()),
        token_bytes=token_bytes,
        token_blocks=sum(each.items * len(each.tokens) for each in sources),
        shards=sum(shards.values()),
    )


def stage_costs(sizes: Sizes, *, files: int) -> tuple[StageCost, ...]:
    """What `plan` takes to list so many files, and every stage that the recipe wants, in their order."""
    listing = StageCost(
        name="plan",
        units=1,
        seconds=0.0,
        read_bytes=0.0,
        written_bytes=0.0,
        opened=files,
        written=3,
        worker_bytes=sizes.process_bytes + sizes.splits * SPLIT_BYTES,
        memory="the list of splits",
    )
    found = (spec.costs(sizes) for spec in STAGES if spec.wanted(sizes.recipe))
    return (listing, *(cost for cost in found if cost is not None))


def stored(costs: Sequence[StageCost]) -> tuple[Stored, ...]:
    """The run directory's folders: those that stay, records among them, then those that go."""
    folders = [folder for cost in costs for folder in cost.stored]
    records = sum(cost.records for cost in costs)
    return (
        *(folder for folder in folders if not folder.temporary),
        Stored("stages", records, float(records * RECORD_BYTES)),
        *(folder for folder in folders if folder.temporary),
    )
