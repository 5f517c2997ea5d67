"""A plan as tables: what is counted in full, what is estimated to four digits at most."""

import math
from collections.abc import Iterator, Sequence

from pipelines.planning.estimate import Estimate
from pipelines.planning.sources import SourcePlan
from pipelines.report.table_layout import ReportTable
from pipelines.report.tables import table_of

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def shown_bytes(size: float) -> str:
    """`4.29 GB`: powers of 1,000, three digits."""
    unit = min(len(_UNITS) - 1, max(0, math.floor(math.log10(size) / 3))) if size >= 1 else 0
    return f"{size / 1000**unit:.3g} {_UNITS[unit]}"


def shown_number(number: float) -> str:
    """An estimate: `7,310`, from 10,000 on `1.205e12` with exponents of three."""
    if number < 10_000:
        return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
    power = math.floor(math.log10(number) / 3) * 3
    return f"{number / 10.0**power:.4g}e{power}"


def tables_of(plan: Estimate) -> Iterator[ReportTable | str]:
    """Everything, in the order of the stages; strings are lines of their own."""
    yield f"plan of {plan.name}: work items of {shown_bytes(plan.item_bytes)}; core-hours of {plan.machine}"
    yield "\ninputs: counted where listed, else as the recipe states them"
    yield _inputs(plan)
    yield "\nwhat they are expected to give (estimates)"
    yield _content(plan)
    for each in plan.sources:
        if each.assumed:
            yield f"{each.name}: not stated, nor measured on it: {', '.join(each.assumed)} (--calibrate measures)"
    yield "\ntokens (estimates)"
    yield _domains(plan)
    yield "\nstages (estimates)"
    yield _stages(plan)
    yield "\nstorage (estimates)"
    yield _storage(plan)
    yield "\nselect's exchange of rows through files (estimates)"
    yield _exchange(plan)
    yield from _phases(plan)
    yield from _cost(plan)


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, left: Sequence[int] = (0,)) -> ReportTable:
    """All columns but those of `left` hold numbers, however they are written."""
    return table_of(columns, rows, numeric=[index for index in range(len(columns)) if index not in left])


def _inputs(plan: Estimate) -> ReportTable:
    rows = [
        (each.name, "listed" if each.listed else "stated", each.files, shown_bytes(each.bytes), each.splits, each.items)
        for each in plan.sources
    ]
    files, size, splits, items = (
        sum(getattr(each, name) for each in plan.sources) for name in ("files", "bytes", "splits", "items")
    )
    rows.append(("all", "", files, shown_bytes(size), splits, items))
    return _table(("source", "inputs are", "files", "bytes", "splits", "work items"), rows, left=(0, 1))


def _content(plan: Estimate) -> ReportTable:
    names = ("records", "documents", "text_bytes", "kept", "kept_text_bytes", "all_tokens")

    def row(label: str, measured: str, sources: Sequence[SourcePlan]) -> tuple[str, ...]:
        sums = [(name, sum(getattr(each, name) for each in sources)) for name in names]
        return label, measured, *(shown_bytes(n) if name.endswith("bytes") else shown_number(n) for name, n in sums)

    rows = [row(each.name, each.coefficients, [each]) for each in plan.sources]
    columns = ("source", "as measured on", "records", "documents", "text", "kept", "kept text", "tokens")
    return _table(columns, [*rows, row("all", "", plan.sources)], left=(0, 1))


def _domains(plan: Estimate) -> ReportTable:
    rows = [(name, shown_number(tokens), plan.shards[name]) for name, tokens in sorted(plan.domains.items())]
    rows.append(("all", shown_number(sum(plan.domains.values())), sum(plan.shards.values())))
    return _table(("domain", "tokens", "shards"), rows)


def _stages(plan: Estimate) -> ReportTable:
    rows: list[tuple[object, ...]] = [
        (
            stage.name,
            stage.units,
            shown_number(stage.core_hours),
            shown_bytes(stage.read_bytes),
            shown_bytes(stage.written_bytes),
            stage.opened,
            stage.written,
            shown_bytes(stage.worker_bytes),
            stage.memory,
        )
        for stage in plan.stages
    ]
    opened, written = (sum(getattr(stage, name) for stage in plan.stages) for name in ("opened", "written"))
    rows.append(("all", None, shown_number(plan.core_hours), "", "", opened, written, "", ""))
    columns = (
        "stage",
        "units",
        "core-hours",
        "reads",
        "writes",
        "files or batches read",
        "files written",
        "a worker holds",
    )
    return _table((*columns, "most of it"), rows, left=(0, len(columns)))


def _storage(plan: Estimate) -> ReportTable:
    rows = [
        (each.kind, each.files, shown_bytes(each.bytes), "until select is done" if each.temporary else "stays")
        for each in plan.storage
    ]
    files = sum(each.files for each in plan.storage if not each.temporary)
    rows.append(("all that stays", files, shown_bytes(plan.stored_bytes), ""))
    return _table(("folder", "files", "bytes", "how long"), rows, left=(0, 3))


def _exchange(plan: Estimate) -> ReportTable:
    each = plan.exchange
    rows = [
        ("parts of the documents", f"{each.parts:,}"),
        ("ranges of hash space", f"{each.ranges:,}"),
        ("files that are sent", f"{each.files:,}"),
        ("batches that are read of them", f"{each.reads:,}"),
        ("a batch of band hashes, the commonest", shown_bytes(each.band_batch_bytes)),
        ("sent in all: the shuffle", shown_bytes(each.sent_bytes)),
        ("most of it on disk at once", shown_bytes(each.most_bytes)),
    ]
    return _table(("what", "how much"), rows)


def _phases(plan: Estimate) -> Iterator[ReportTable | str]:
    if plan.phases_problem is not None:
        yield f"\nthe phases cannot be planned: {plan.phases_problem}"
    if plan.phases is None:
        return
    yield "\nphases, in tokens (exact, over the tokens that are expected)"
    report = plan.phases.report()
    phases = [phase.name for phase in plan.phases.phases]
    rows: list[tuple[object, ...]] = []
    for domain in plan.phases.domains:
        lines = {line.phase: line for line in report if line.domain == domain.name}
        tokens = [lines[name].tokens if name in lines else 0 for name in phases]
        epochs = max((float(line.epochs) for line in lines.values()), default=0.0)
        rows.append((domain.name, *tokens, sum(tokens), f"{epochs:.3f}"))
    totals = [phase.tokens for phase in plan.phases.phases]
    rows.append(("all", *totals, sum(totals), ""))
    rows.append(("steps", *(phase.steps for phase in plan.phases.phases), None, ""))
    yield _table(("domain", *phases, "all", "epochs"), rows)


def _cost(plan: Estimate) -> Iterator[ReportTable | str]:
    cost = plan.cost
    if cost is None:
        yield "\nno cost: the recipe has no [prices]"
        return
    yield "\ncost by the recipe's prices (estimate)"
    parts = {"core-hours": cost.compute, "storage": cost.storage, "requests to a store": cost.requests}
    rows = [(name, f"{amount:,.0f}") for name, amount in {**parts, "all": cost.total}.items()]
    yield _table(("for", cost.currency), rows)
