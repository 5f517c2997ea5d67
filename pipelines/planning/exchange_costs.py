"""How select divides documents and hashes, by its own code, and how many files and batches its steps send each other."""

import dataclasses
from collections.abc import Sequence, Set

import numpy as np

from corpus.recipe import Recipe
from corpus.storage.run_directory import RunDirectory
from pipelines.planning.coefficients import Coefficients
from pipelines.planning.sources import SourcePlan
from pipelines.selection.decision_settings import SelectSettings
from pipelines.selection.step_order import steps_of
from pipelines.stage_list import writer_of
from pipelines.stages.outputs import SIGNALS


@dataclasses.dataclass(frozen=True)
class Exchange:
    """How select divides documents and hashes, and what its steps send each other."""

    parts: int
    ranges: int
    rounds: int  # of resolving, before what is left is decided at once
    units: int  # of all steps
    files: int
    reads: int  # batches that are read
    sent_bytes: float
    most_bytes: float  # on disk at once
    band_batch_bytes: float  # what one part sends one range: the commonest read


def exchange_of(recipe: Recipe, sources: Sequence[SourcePlan], coefficients: Coefficients) -> Exchange:
    """select's parts and ranges, by its own code, over work items that hold equally many documents of their source."""
    in_items = np.repeat([each.documents / each.items for each in sources], [each.items for each in sources])
    documents = sum(each.documents for each in sources)
    settings = SelectSettings.over(
        recipe,
        RunDirectory("").stage(writer_of(SIGNALS).name, ""),
        in_items.tolist(),
        item_of_split=np.arange(len(in_items)),
        source_of_split=[each.name for each in sources],
    )
    parts = settings.parts
    sent = sent_files(kinds_of_copies(recipe), parts=len(parts), ranges=settings.ranges, rounds=settings.rounds)
    rows = documents * recipe.dedup.bands if "near" in kinds_of_copies(recipe) else 0.0
    of_lines = coefficients.line_sent_bytes.value if recipe.deduplicated("lines") else 0.0
    return Exchange(
        parts=len(parts),
        ranges=settings.ranges,
        rounds=settings.rounds,
        units=sum(step.units for step in steps_of(settings)),
        files=sum(files for files, _ in sent.values()),
        reads=sum(reads for _, reads in sent.values()),
        sent_bytes=documents * (coefficients.sent_bytes.value + of_lines),
        most_bytes=documents * coefficients.exchange_bytes.value,
        band_batch_bytes=16 * rows / len(parts) / settings.ranges,
    )


def kinds_of_copies(recipe: Recipe) -> Set[str]:
    """Which are looked for, of one source at least."""
    return {kind for kind in ("url", "exact", "near") if recipe.deduplicated(kind)}


def sent_files(kinds: Set[str], *, parts: int, ranges: int, rounds: int) -> dict[str, tuple[int, int]]:
    """Kind of rows that select's steps send → (files, batches that are read of them); `kinds`: url, exact, near.

    A receiver reads one batch of every file, once in each step that wants the kind: docs/dedup.md has the steps.
    """
    url, exact, near = (kind in kinds for kind in ("url", "exact", "near"))
    there, back, across = (parts, parts * ranges), (ranges, ranges * parts), (parts, parts * parts)
    sent = {"documents": (parts, parts * (3 + url + exact + 3 * near))}
    if url:
        sent |= {"url-keys": there, "url": (ranges, (1 + exact + near) * ranges * parts)}
    if exact:
        sent |= {"text-keys": there, "text": (ranges, (2 + near) * ranges * parts)}
    if near:
        sent |= {"bands": there, "pairs": back, "crowded": back, "candidates": across, "crowds": there}
        sent |= {"edges": (parts + ranges, (parts + ranges) * parts)}
        sent |= {"left": (parts, parts), "near": (parts + 1, 2 * (parts + 1) * parts)}
    if near and rounds:
        sent |= {"watched": (parts, rounds * parts * parts), "open": (rounds * parts, rounds * parts)}
        sent |= {"news": (rounds * parts, rounds * parts * parts), "gone": (rounds * parts, rounds * parts)}
    return sent | {"url-followed": across, "final-url": across, "final-text": across}
