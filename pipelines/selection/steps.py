"""select: signals → decisions. Rules and evaluation items first, then copies by URL, by text, by signature among what is left, then
lines that many of the documents share that stay.

Reads   signals/FP/ITEM.arrow; contamination/FP/ITEM.arrow where the recipe has exams; scores/FP/ITEM.arrow where it has
        scorers; lines/FP/ITEM.arrow where it compares lines
Writes  decisions/FP/ITEM.arrow (schema.DECISIONS), row for row beside it; edges/FP/PART.arrow, what near copies were decided by
Steps   below, in order; the units of one are done before the next begins, and a unit that is done never runs again.
        They send each other hashes, ids and codes through files (corpus.storage.exchange), never text.
Invariant  documents = kept + dropped; G1–G4 of filters.copies.duplicates
Memory  of a worker: 300 bytes a document of a part, 40 a row of a range, and in one unit 60 an edge, of which there are as
        many as some 30 % of the documents

A small run is one part, and does every step in one work item: no pipeline a step, no worker processes.
"""

import dataclasses
from collections.abc import Callable, Iterator

import apache_beam as beam

from corpus.recipe import SharedLines
from corpus.storage import deletion, files
from corpus.storage.run_directory import ItemRecord, Stage
from pipelines.selection import copies, rounds, shared
from pipelines.selection.deciding import decide_part
from pipelines.selection.decision_settings import TEXT, URL, Desk, SelectSettings
from pipelines.selection.judging import judge_part


@dataclasses.dataclass(frozen=True)
class Step:
    """What each of some units does; `frees` are the kinds of rows that no later step receives."""

    name: str
    run: copies.RunUnit
    units: Callable[[SelectSettings], int]
    frees: tuple[str, ...] = ()


def _parts(settings: SelectSettings) -> int:
    return len(settings.parts)


def _ranges(settings: SelectSettings) -> int:
    return settings.ranges


def _stretches(settings: SelectSettings) -> int:
    return len(settings.lines.stretches) if settings.lines is not None else 0


def _line_ranges(settings: SelectSettings) -> int:
    return settings.lines.ranges if settings.lines is not None else 0


def steps_of(settings: SelectSettings) -> tuple[Step, ...]:
    """The steps of a run, by what its recipe looks for."""
    recipe = settings.recipe
    found = [Step("judge", judge_part, _parts)]
    if recipe.deduplicated("url"):
        found += [
            Step("send-urls", copies.send_urls, _parts),
            Step("find-urls", copies.find_exact(URL), _ranges, frees=("url-keys",)),
        ]
    if recipe.deduplicated("exact"):
        found += [
            Step("send-texts", copies.send_texts, _parts),
            Step("find-texts", copies.find_exact(TEXT), _ranges, frees=("text-keys",)),
        ]
    if recipe.deduplicated("near"):
        found += [
            Step("send-bands", copies.send_bands, _parts),
            Step("find-candidates", copies.find_candidates, _ranges, frees=("bands",)),
            Step("send-codes", copies.send_codes, _parts, frees=("pairs", "crowded")),
            Step(
                "verify",
                copies.verify,
                lambda settings: len(settings.parts) + settings.ranges,
                frees=("candidates", "crowds"),
            ),
            Step("rank", copies.rank, _parts, frees=("edges",)),
            *_resolving_steps(settings.rounds),
        ]
    return (
        *found,
        Step("follow-urls", copies.follow_urls, _parts),
        Step("follow", copies.follow, _parts),
        *(_line_steps(settings.recipe.dedup.lines) if settings.lines is not None else ()),
        Step("decide", decide_part, _parts),
    )


def _resolving_steps(count: int) -> Iterator[Step]:
    """Those that decide near-duplicates, with so many rounds before what is left is decided at once."""
    if count:
        yield Step("watch", rounds.watch, _parts)
    for number in range(1, count + 1):
        yield Step(f"round-{number}", rounds.play_round(number), _parts, frees=rounds.kinds_of(number - 1))
    kept_until_then = (rounds.WATCHED, *rounds.kinds_of(count), *map(rounds.gone_in, range(1, count + 1)))
    yield Step("leave", rounds.leave, _parts, frees=kept_until_then)
    yield Step("resolve", rounds.resolve, lambda settings: 1, frees=(rounds.LEFT,))


def _line_steps(recipe: SharedLines | None) -> Iterator[Step]:
    """Those that find shared lines among what is left, and their documents that keep them."""
    yield Step("send-lines", shared.send_lines, _stretches)
    yield Step("find-shared", shared.find_shared, _line_ranges, frees=_scoped("lines"))
    if recipe is not None and recipe.keep == "preferred":
        yield Step("send-keepers", shared.send_keepers, _stretches)
        yield Step("find-keepers", shared.find_keepers, _line_ranges, frees=_scoped("keepers"))
    yield Step("cut-lines", shared.cut_lines, _stretches, frees=(*_scoped("shared"), *_scoped("kept")))


def _scoped(kind: str) -> tuple[str, ...]:
    return tuple(f"{kind}-{scope}" for scope in (shared.SITE, shared.CORPUS))


def steps_stage(stage: Stage) -> Stage:
    """Where finished units are recorded: numbered through, step after step."""
    return stage.run.stage(stage.name, files.join(stage.fingerprint, "steps"))


def units_of(settings: SelectSettings) -> int:
    """How many units there are in all."""
    return sum(step.units(settings) for step in steps_of(settings))


def forget_steps(stage: Stage) -> None:
    """Deletes what steps of a finished stage sent each other, and their records."""
    stage.run.remove_exchange(stage.name)
    deletion.remove_folder(stage.run.url, f"stages/{stage.name}/{steps_stage(stage).fingerprint}")


def run_everything(desk: Desk) -> None:
    """Every unit of every step that is not done yet, one after another."""
    for number in range(len(steps_of(desk.settings))):
        for unit in pending_units(desk, number):
            run_unit(desk, number, unit)


def pending_units(desk: Desk, step: int) -> list[int]:
    """The units of a step that have no record. All steps before it must be done: what they needed is deleted."""
    steps = steps_of(desk.settings)
    first = sum(before.units(desk.settings) for before in steps[:step])
    finished = set(steps_stage(desk.stage).finished())
    pending = [unit for unit in range(steps[step].units(desk.settings)) if first + unit not in finished]
    for kind in steps[step - 1].frees if step else ():
        desk.forget(kind)
    return pending


def run_unit(desk: Desk, step: int, unit: int) -> None:
    steps = steps_of(desk.settings)
    steps[step].run(desk, unit)
    number = sum(before.units(desk.settings) for before in steps[:step]) + unit
    steps_stage(desk.stage).finish(ItemRecord(number, {}, {}))


class _Pending(beam.DoFn):
    """The pending units of a step; its input is one element, there when the step before is done."""

    def __init__(self, desk: Desk, step: int) -> None:
        self._desk, self._step = desk, step

    def process(self, element: int) -> Iterator[int]:
        yield from pending_units(self._desk, self._step)


class _RunUnit(beam.DoFn):
    def __init__(self, desk: Desk, step: int) -> None:
        self._desk, self._step = desk, step

    def process(self, element: int) -> Iterator[int]:
        run_unit(self._desk, self._step, element)
        yield element


class _RunEverything(beam.DoFn):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def process(self, element: int) -> Iterator[int]:
        run_everything(self._desk)
        yield element


@dataclasses.dataclass(eq=False)
class Select(beam.PTransform[beam.pvalue.PBegin, beam.PCollection[int]]):
    """Decides about every document of every work item; yields the numbers of the last step's units."""

    stage: Stage
    settings: SelectSettings

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[int]:
        desk = Desk(self.settings, self.stage)
        done = pbegin | "NameList" >> beam.Create([0])
        if len(self.settings.parts) == 1:
            return done | "RunEverything" >> beam.ParDo(_RunEverything(desk)).with_output_types(int)
        for number, step in enumerate(steps_of(self.settings)):
            units = (
                done
                | f"Pending {step.name}" >> beam.ParDo(_Pending(desk, number)).with_output_types(int)
                | f"Spread {step.name}" >> beam.Reshuffle().with_input_types(int).with_output_types(int)
                | f"Run {step.name}" >> beam.ParDo(_RunUnit(desk, number)).with_output_types(int)
            )
            # A sum of nothing is one element too.
            done = units | f"Await {step.name}" >> beam.CombineGlobally(
                beam.combiners.CountCombineFn()
            ).with_output_types(int)
        return units
