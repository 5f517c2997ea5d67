"""The steps of `select` in their order: what each receives, sends, notes, and how many units it has.

A step's `receives` names kinds that only some recipes send; of others nothing comes.
"""

from collections.abc import Iterator

import pyarrow as pa

from corpus.recipe import SharedLines
from corpus.storage.run_directory import Stage
from pipelines.selection import copies, rounds, sent_rows, shared
from pipelines.selection.deciding import decide_part
from pipelines.selection.decision_settings import FILES, NEAR, TEXT, URL, ExchangeName, SelectSettings
from pipelines.selection.judging import judge_part
from pipelines.selection.sent_rows import keys_of, line_kinds, removals, scoped
from pipelines.selection.step_context import Kind, Step
from pipelines.selection.step_files import StepFiles


def steps_of(settings: SelectSettings) -> tuple[Step, ...]:
    """The steps of a run, by what its recipe looks for."""
    recipe, parts, ranges = settings.recipe, len(settings.parts), settings.ranges
    judged = ("documents",)
    url, text = removals(URL, settings), removals(TEXT, settings)
    found = [Step("judge", judge_part, parts, notes=(Kind("documents", sent_rows.DOCUMENTS),))]
    if recipe.deduplicated("url"):
        keys = keys_of(URL, settings)
        found += [
            Step("send-urls", copies.send_urls, parts, noted=judged, sends=(keys,)),
            Step("find-urls", copies.find_exact(URL), ranges, receives=(keys.name,), sends=(url,)),
        ]
    if recipe.deduplicated("exact"):
        keys = keys_of(TEXT, settings)
        found += [
            Step("send-texts", copies.send_texts, parts, receives=(URL,), noted=judged, sends=(keys,)),
            Step("find-texts", copies.find_exact(TEXT), ranges, receives=(keys.name,), sends=(text,)),
        ]
    if recipe.deduplicated("near"):
        found += _near_steps(settings)
    followed = tuple(removals(name, settings) for name in ("url-followed", "final-url", "final-text"))
    stays = (Kind(shared.STAYS, sent_rows.STAYS),) if settings.lines is not None else ()
    found += [
        Step("follow-urls", copies.follow_urls, parts, receives=(URL, TEXT), noted=judged, sends=followed[:1]),
        Step(
            "follow",
            copies.follow,
            parts,
            receives=(URL, TEXT, NEAR, "url-followed"),
            noted=judged,
            sends=followed[1:],
            notes=stays,
        ),
        *(_line_steps(settings, recipe.dedup.lines) if recipe.dedup.lines is not None else ()),
        Step(
            "decide",
            decide_part,
            parts,
            receives=("final-url", "final-text", NEAR, shared.LINE_CUTS),
            noted=judged,
        ),
    ]
    return tuple(found)


def _near_steps(settings: SelectSettings) -> Iterator[Step]:
    """Those that find near-duplicates: candidates by bands, edges by codes, then which documents go."""
    parts, ranges, permutations = len(settings.parts), settings.ranges, settings.recipe.dedup.permutations
    judged = ("documents",)
    bands = Kind("bands", sent_rows.BANDS, ranges)
    pairs, crowded = Kind("pairs", sent_rows.PAIRS, parts), Kind("crowded", sent_rows.BANDS, parts)
    # The units of `verify` are the parts, and after them the ranges.
    candidates = Kind("candidates", sent_rows.candidates(permutations), parts)
    crowds = Kind("crowds", sent_rows.crowds(permutations), parts + ranges)
    edges = Kind("edges", sent_rows.EDGES, parts)
    yield Step("send-bands", copies.send_bands, parts, receives=(URL, TEXT), noted=judged, sends=(bands,))
    yield Step("find-candidates", copies.find_candidates, ranges, receives=("bands",), sends=(pairs, crowded))
    yield Step(
        "send-codes",
        copies.send_codes,
        parts,
        receives=("pairs", "crowded"),
        noted=judged,
        sends=(candidates, crowds),
    )
    yield Step(
        "verify",
        copies.verify,
        parts + ranges,
        receives=("candidates", "crowds"),
        noted=judged,
        sends=(edges,),
    )
    yield Step("rank", copies.rank, parts, receives=("edges",))
    yield from _resolving_steps(settings)


def _resolving_steps(settings: SelectSettings) -> Iterator[Step]:
    """Those that decide near-duplicates, with so many rounds before what is left is decided at once."""
    parts, count = len(settings.parts), settings.rounds
    near, left = removals(NEAR, settings), Kind(rounds.LEFT, sent_rows.LEFT)
    if count:
        watched = Kind(rounds.WATCHED, sent_rows.WATCHED, parts)
        yield Step("watch", rounds.watch, parts, sends=(watched,))
    for number in range(1, count + 1):
        yield Step(
            f"round-{number}",
            rounds.play_round(number),
            parts,
            receives=(rounds.WATCHED, rounds.news_of(number - 1)),
            noted=(rounds.open_after(number - 1),),
            sends=(Kind(rounds.news_of(number), sent_rows.NEWS, parts),),
            notes=(
                Kind(rounds.open_after(number), sent_rows.OPEN),
                Kind(rounds.gone_in(number), sent_rows.REMOVALS),
            ),
        )
    yield Step(
        "leave",
        rounds.leave,
        parts,
        receives=(rounds.news_of(count),),
        noted=(rounds.open_after(count), *(rounds.gone_in(number) for number in range(1, count + 1))),
        sends=(near, left),
    )
    yield Step("resolve", rounds.resolve, 1, receives=(rounds.LEFT,), sends=(near,))


def _line_steps(settings: SelectSettings, recipe: SharedLines) -> Iterator[Step]:
    """Those that find shared lines among what is left, and their documents that keep them."""
    if settings.lines is None:
        return
    stretches, ranges = len(settings.lines.stretches), settings.lines.ranges
    scopes, noted = tuple(shared.limits(recipe)), ("documents", shared.STAYS)

    def kind(schema: pa.Schema, name: str, receivers: int) -> tuple[Kind, ...]:
        return line_kinds(schema, name, scopes, receivers)

    def names(name: str) -> tuple[str, ...]:
        return tuple(scoped(name, scope) for scope in scopes)

    lines, found = kind(sent_rows.LINES, "lines", ranges), kind(sent_rows.SHARED, "shared", stretches)
    yield Step("send-lines", shared.send_lines, stretches, noted=noted, sends=lines)
    yield Step("find-shared", shared.find_shared, ranges, receives=names("lines"), sends=found)
    if recipe.keep == "preferred":
        keepers, kept = kind(sent_rows.KEEPERS, "keepers", ranges), kind(sent_rows.KEPT, "kept", stretches)
        yield Step("send-keepers", shared.send_keepers, stretches, receives=names("shared"), noted=noted, sends=keepers)
        yield Step("find-keepers", shared.find_keepers, ranges, receives=names("keepers"), sends=kept)
    cuts = Kind(shared.LINE_CUTS, sent_rows.LINE_CUTS, len(settings.parts))
    yield Step(
        "cut-lines",
        shared.cut_lines,
        stretches,
        receives=(*names("shared"), *names("kept")),
        noted=noted,
        sends=(cuts,),
    )


def units_of(settings: SelectSettings) -> int:
    """How many units there are in all."""
    return sum(step.units for step in steps_of(settings))


def step_files(stage: Stage, settings: SelectSettings, exchange: ExchangeName = FILES) -> StepFiles:
    """The files of the steps under an exchange. A run of one part sends through files in any case."""
    name = FILES if len(settings.parts) == 1 else exchange
    return StepFiles(stage, steps_of(settings), exchange=name, remembers=name == FILES)
