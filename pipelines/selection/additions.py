"""Additions: inputs that came to a run later, as a new crawl, and what stays of it when they come.

A recipe lists them in their order ([[addition]]); what no addition names, the run began with (number 0). Each has splits and
work items of its own after those before it, so what was extracted stays. `select` makes a *selection* for each:
what an earlier selection decided stays, and the documents of a later one are looked at beside those that were kept. So

    decisions(n) = select(documents of addition n, decisions(n − 1)),

whether a run was built in one call or grew over years; tokenizer and tokens are those of the first selection. With
`run.decide_again` there is one selection over all.
"""

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

from corpus.recipe import Recipe
from corpus.storage.item_records import Records
from corpus.storage.run_directory import RunDirectory, Stage
from pipelines.selection.decision_settings import select_fingerprint
from pipelines.stages.listing import Planned


@dataclasses.dataclass(frozen=True)
class Selection:
    """One run of `select`: decides about the work items before `items` that the selection before did not."""

    stage: Stage
    items: int

    def is_done(self, recorded: Records) -> bool:
        """Whether it has decided, by what its stage recorded."""
        return recorded.items.tolist() == list(range(self.items))


def decided_counts(recorded: Records, planned: Sequence[Planned]) -> list[dict[str, int]]:
    """Documents of what the run began with and of each addition, and how many of them are kept."""
    ends = [each.items for each in planned]
    columns = {name: recorded.counts(name) for name in ("documents", "kept")}
    found = []
    for begin, end in pairwise([0, *ends]):
        mine = (recorded.items >= begin) & (recorded.items < end)
        found.append({name: int(column[mine].sum()) for name, column in columns.items()})
    return found


def plan_selections(
    run: RunDirectory, recipe: Recipe, planned: Sequence[Planned], *, before: Sequence[object]
) -> list[Selection]:
    """The selections of `select`, in their order; `before`: what their inputs and code are, for the fingerprints."""
    selections: list[Selection] = []
    for each in planned[-1:] if recipe.run.decide_again else planned:
        earlier = selections[-1].stage.fingerprint if selections else None
        mark = select_fingerprint(recipe, each.fingerprint, before, earlier)
        selections.append(Selection(run.stage("select", mark), each.items))
    return selections
