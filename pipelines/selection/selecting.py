"""select, as a build drives it: one selection after another, each beside what the one before decided.

Reads   signals/, contamination/, scores/, lines/
Writes  decisions/, edges/ (pipelines.selection.steps)
"""

import dataclasses

from corpus import schema
from corpus.columns import numbers
from corpus.storage import ipc
from corpus.storage.run_directory import Stage
from filters.copies import duplicates
from pipelines.selection.additions import Selection, decided_counts, plan_selections
from pipelines.selection.decision_checks import check_decisions
from pipelines.selection.decision_settings import EarlierDecisions, LineInputs, SelectSettings
from pipelines.selection.source_losses import loss_warnings, source_copies
from pipelines.stages.costs import Sizes, StageCost, Stored
from pipelines.stages.outputs import CONTAMINATION, DECISIONS, EDGES, LINES, SCORES, SIGNALS, Output
from pipelines.stages.stage import Conservation, Driver, StageSpec, Upstream

Spec = StageSpec[None, SelectSettings]

#: A row of schema.EDGES.
EDGE_BYTES = 20
#: Files of documents/, signals/, decisions/ that the steps open of a work item, besides what they send each other.
OPENED_OF_AN_ITEM = 6
#: Of a batch that is received: its place in the index, and itself.
REQUESTS_A_BATCH = 2


def _drive(driver: Driver, up: Upstream, spec: Spec, opened: None) -> Stage:
    """The last selection's decisions are those of the run; what was tokenized depends on the first one's alone."""
    from pipelines.selection.steps import forget_steps

    selections = plan_selections(up.run, up.recipe, up.planned, before=_before(up, spec))
    up.marks[DECISIONS.mark] = selections[0].stage.fingerprint
    stage = driver.open(spec, selections[-1].stage.fingerprint)
    done = max(
        (number for number, each in enumerate(selections) if each.is_done(driver.records(each.stage))), default=-1
    )
    if done == len(selections) - 1:
        driver.say(spec.name, f"{selections[-1].items} items were done before")
    else:
        _run_selections(driver, up, selections, done + 1)
    more = {"additions": decided_counts(driver.records(stage), up.planned)} if len(up.planned) > 1 else {}
    forget_steps(stage)
    totals = driver.close(spec, stage, more)
    for line in loss_warnings(source_copies(totals), up.recipe.dedup.max_loss):
        driver.say(spec.name, f"warning: {line}")
    return stage


def _before(up: Upstream, spec: Spec) -> list[object]:
    """What decisions depend on besides the recipe: what is read, and the code."""
    from pipelines.stages.versions import versions_of

    marks = {each.mark: up.marks[each.mark] for each in spec.reads if each.mark in up.marks}
    return [schema.SCHEMA_VERSION, marks, versions_of(*spec.code)]


def _run_selections(driver: Driver, up: Upstream, selections: list[Selection], first: int) -> None:
    """Those from `first` on."""
    from filters.copies import shared_lines

    signals, measured = up.writer(SIGNALS), up.writer_if_any(LINES)
    duplicates.warm_up()
    if measured is not None:
        shared_lines.warm_up()
    splits = ipc.open_table(up.splits, schema.SPLITS, columns=["item", "source"])
    item_of_split, source_of_split = numbers(splits["item"]), splits["source"].to_pylist()
    documents = driver.records(signals).counts("documents").tolist()
    compared = driver.records(measured).counts("lines").tolist() if measured is not None else []
    for number in range(first, len(selections)):
        before = selections[number - 1] if number else None
        settings = SelectSettings.over(
            up.recipe,
            signals,
            documents[: selections[number].items],
            item_of_split=item_of_split,
            source_of_split=source_of_split,
            contamination=up.writer_if_any(CONTAMINATION),
            scores=up.writer_if_any(SCORES),
            settled=EarlierDecisions.of(before.stage, before.items, item_of_split) if before is not None else None,
        )
        if measured is not None:
            settings = dataclasses.replace(settings, lines=LineInputs.divide(measured, compared, settings.parts))
        _run_selection(driver, selections[number], settings)


def _run_selection(driver: Driver, decided: Selection, settings: SelectSettings) -> None:
    from pipelines.selection.exchanges import default_exchange
    from pipelines.selection.step_order import step_files, units_of
    from pipelines.selection.steps import Select

    stage = decided.stage
    stage.begin()
    stage.forget_compact()
    exchange = driver.exchange or default_exchange(driver.beam_options(len(settings.parts)))
    of_steps = step_files(stage, settings, exchange)
    of_steps.begin(settings.to_json())
    with of_steps.swept():
        driver.run_transform(
            stage,
            Select(stage, settings, exchange),
            pending=len(settings.parts),
            watched=of_steps.records,
            units=units_of(settings),
            recorded=decided.items,
            what=f"{settings.documents:,} documents",
        )


#: What the steps of a selection send each other; deleted when it is finished.
EXCHANGE = Output("exchange", None)


def _costs(sizes: Sizes) -> StageCost:
    sent, recipe, number = sizes.exchange, sizes.recipe, sizes.number
    near = recipe.deduplicated("near")
    each = number("select_seconds") + (number("line_select_seconds") if recipe.deduplicated("lines") else 0.0)
    decided = sizes.documents * (number("decision_bytes") + EDGE_BYTES * number("edges") * bool(near))
    held = _held(sizes)
    most = max(held, key=lambda what: held[what])
    return StageCost(
        name="select",
        units=sent.units,
        seconds=sizes.documents * each,
        read_bytes=sizes.signal_bytes + sizes.line_bytes + sent.sent_bytes,
        written_bytes=decided + sent.sent_bytes,
        opened=OPENED_OF_AN_ITEM * sizes.items + REQUESTS_A_BATCH * sent.reads,
        written=2 * sizes.items + sent.parts + sent.files + sent.units,
        worker_bytes=sizes.process_bytes + held[most],
        memory=most,
        stored=(
            Stored("decisions, edges", sizes.items + sent.parts, decided),
            Stored("exchange", sent.files + sent.units, sent.most_bytes, temporary=True),
        ),
        records=sizes.items,
    )


def _held(sizes: Sizes) -> dict[str, float]:
    """Bytes that a unit of a step holds."""
    sent, number = sizes.exchange, sizes.number
    held = {"the documents of a part": sizes.documents / sent.parts * number("part_bytes")}
    if sizes.recipe.deduplicated("near"):
        held["the rows of a range"] = sizes.documents * sizes.recipe.dedup.bands / sent.ranges * number("range_bytes")
        edges, what = ("left_edges", "what the rounds leave") if sent.rounds else ("edges", "all edges")
        held[f"resolve: {what}"] = sizes.documents * number(edges) * number("resolve_bytes")
    return held


SELECT: Spec = StageSpec(
    name="select",
    summary="signals → decisions: kept or dropped, with the reason, and what stands for a copy",
    reads=(SIGNALS, CONTAMINATION, SCORES, LINES),
    writes=(DECISIONS, EDGES, EXCHANGE),
    code=("pipelines.selection.steps",),
    drive=_drive,
    conserves=Conservation("documents", "kept"),
    check=check_decisions,
    costs=_costs,
)
