"""Statistics and the like as tables to read: numbers right-aligned, nothing cut.

On a terminal a table that does not fit is wrapped or stacked (pipelines.report.table_layout); in a pipe a row is one line,
however long. Strings are never read as markup, and what comes from the web goes through pipelines.report.terminal_text first.
"""

import dataclasses
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from rich.console import Console

from corpus.redaction import redacted
from pipelines.report.contamination import ExamReport
from pipelines.report.difference import Difference
from pipelines.report.personal_data import PersonalReport
from pipelines.report.run_statistics import Domain, Funnel, Phase, Statistics
from pipelines.report.scores import SHARES, PerplexityReport, ScoreReport
from pipelines.report.table_layout import ReportTable
from pipelines.report.terminal_text import one_line
from pipelines.selection.source_losses import SourceCopies
from pipelines.stages.findings import Finding

#: Columns of characters: wider than any row, for where there is no terminal.
PIPE_WIDTH = 4096


class _Output(Console):
    def on_broken_pipe(self) -> None:
        """A reader that has seen enough is no error: the command ends as the others do, where rich would exit with 1."""
        raise BrokenPipeError


def open_console() -> Console:
    """Standard output, without markup, highlighting or emoji codes."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return _Output(width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)


def table_of(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str | None = None,
    numeric: Collection[int] | None = None,
) -> ReportTable:
    """A table; the columns of `numeric`, by default those whose cells are all numbers (or None), are right-aligned.

    Floats come as `:g`, counts as `1,234`.
    """
    body = [list(row) for row in rows]
    if numeric is None:
        indices = range(len(columns))
        numeric = [i for i in indices if body and all(isinstance(row[i], int | float | None) for row in body)]
    return ReportTable(
        tuple(map(one_line, columns)),
        tuple(tuple(map(cell, row)) for row in body),
        tuple(index in numeric for index in range(len(columns))),
        None if title is None else one_line(title),
    )


def cell(value: Any) -> str:
    """A value as it stands in a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    text = redacted(str(value))
    indent = len(text) - len(text.lstrip(" "))
    return " " * indent + one_line(text)


def statistics_tables(statistics: Statistics) -> list[ReportTable]:
    """The funnel, lost bytes, additions, evaluation items, scores, word lists, perplexity, line rules, shared lines, copies,
    personal data, domains, phases; what is not there yet is left out.
    """
    tables = [funnel_table(statistics.funnels)]
    losses = statistics.losses
    if losses is not None and losses.ranges:
        share = losses.lost_bytes / losses.input_bytes if losses.input_bytes else 0.0
        title = f"lost input: {losses.lost_bytes:,} of {losses.input_bytes:,} bytes ({share:.2%})"
        tables.append(table_of(("reason", "ranges"), losses.ranges.items(), title=title))
    if len(statistics.additions) > 1:
        rows = [(each.name or "begun with", *dataclasses.astuple(each)[1:]) for each in statistics.additions]
        tables.append(table_of(("addition", "files", "bytes", "documents", "kept"), rows, title="additions"))
    if statistics.exams:
        tables.append(exams_table(statistics.exams))
    if statistics.scores:
        tables.append(scores_table(statistics.scores))
    if statistics.word_lists:
        rows = [(each.signal, each.documents, each.documents_with_any, each.found) for each in statistics.word_lists]
        columns = ("signal", "documents", "documents with any", "words found")
        tables.append(table_of(columns, rows, title="word lists"))
    if statistics.perplexity:
        tables.append(perplexity_table(statistics.perplexity))
    if statistics.removed_lines:
        tables.append(table_of(("line rule", "lines removed"), statistics.removed_lines.items(), title="line rules"))
    if statistics.shared_lines:
        tables.append(
            table_of(("of documents that stay", "cut"), statistics.shared_lines.items(), title="shared lines")
        )
    if any(each.copies for each in statistics.copies):
        tables.append(copies_table(statistics.copies))
    if any(each.found for each in statistics.personal_data):
        tables.append(personal_table(statistics.personal_data))
    if statistics.domains:
        tables.append(domain_table(statistics.domains))
    if statistics.phases:
        tables.append(phase_table(statistics.phases))
    return tables


def funnel_table(funnels: Iterable[Funnel]) -> ReportTable:
    """A line a stage, and under it one a reason."""
    rows: list[tuple[Any, ...]] = []
    for funnel in funnels:
        dropped, failed = sum(funnel.dropped.values()), sum(funnel.failed.values())
        rows.append((funnel.stage, funnel.entered, funnel.kept, dropped, failed))
        for reason, number in sorted(funnel.dropped.items(), key=lambda pair: (-pair[1], pair[0])):
            rows.append((f"  {reason}", None, None, number, None))
        for reason, number in sorted(funnel.failed.items(), key=lambda pair: (-pair[1], pair[0])):
            rows.append((f"  {reason}", None, None, None, number))
    return table_of(("stage", "in", "kept", "dropped", "failed"), rows, title="documents", numeric=range(1, 5))


def exams_table(exams: Iterable[ExamReport]) -> ReportTable:
    """A line a benchmark: how much of it the documents contain."""
    rows = [(each.exam, each.items, each.matchable, each.found, each.share_found, each.documents) for each in exams]
    columns = ("exam", "items", "can be matched", "found", "share found", "documents with one")
    return table_of(columns, rows, title="evaluation items")


def scores_table(scores: Iterable[ScoreReport]) -> ReportTable:
    """A line a classifier: how its scores lie."""
    columns = ("signal", "documents", "mean", *(f"from .{tenth}" for tenth in range(10)))
    rows = [(each.signal, each.documents, each.mean, *each.tenths) for each in scores]
    return table_of(columns, rows, title="classifiers")


def perplexity_table(reports: Iterable[PerplexityReport]) -> ReportTable:
    """A line a language model: the `max` of a rule that would keep each share of the documents, or a little more."""
    columns = ("signal", "documents", *(f"{share} % to" for share in SHARES))
    rows = [(each.signal, each.documents, *each.at_most.values()) for each in reports]
    return table_of(columns, rows, title="perplexity")


def copies_table(copies: Sequence[SourceCopies]) -> ReportTable:
    """A line a source: what copies take of it, and to which sources it goes."""
    receivers = sorted({name for each in copies for name in each.to})
    columns = ("source", "passed the rules", "copies", "share", *(f"of {name}" for name in receivers))
    rows = [
        (each.source, each.passed, each.copies, each.share, *(each.to.get(name, 0) for name in receivers))
        for each in copies
    ]
    return table_of(columns, rows, title="copies")


def personal_table(kinds: Iterable[PersonalReport]) -> ReportTable:
    """A line a kind of personal data that was found."""
    rows = [(each.kind, each.found, each.documents, each.action, each.replaced) for each in kinds if each.found]
    columns = ("kind", "found", "documents with it", "privacy", "replaced in kept documents")
    return table_of(columns, rows, title="personal data")


def domain_table(domains: Sequence[Domain]) -> ReportTable:
    """Documents, bytes and tokens of every domain, and their sum."""
    columns = ("domain", "documents", "bytes", "tokens", "bytes per token", "shards")
    rows: list[tuple[Any, ...]] = [
        (each.name, each.documents, each.bytes, each.tokens, each.bytes_per_token, each.shards) for each in domains
    ]
    sums = [sum(getattr(each, name) for each in domains) for name in ("documents", "bytes", "tokens", "shards")]
    mean = sums[1] / sums[2] if sums[2] else None
    return table_of(columns, [*rows, ("all", *sums[:3], mean, sums[3])], title="domains")


def phase_table(phases: Iterable[Phase]) -> ReportTable:
    """A line a phase and domain; epochs count from the first phase on."""
    rows = [
        (phase.name, share.domain, share.sequences, share.tokens, share.weight, share.epochs)
        for phase in phases
        for share in phase.domains
    ]
    return table_of(("phase", "domain", "sequences", "tokens", "weight", "epochs so far"), rows, title="phases")


def findings_table(findings: Sequence[Finding]) -> ReportTable:
    """A line a finding."""
    return table_of(("check", "file", "what"), [(each.check, each.file, each.detail) for each in findings])


def difference_tables(difference: Difference, *, examples: int) -> list[ReportTable]:
    """What differs in numbers, and up to `examples` documents for each kind of difference."""
    tables = [table_of(("what", "A", "B", "differ"), difference.summary())]
    if difference.settings:
        tables.append(table_of(("setting", "A", "B"), difference.settings, title="recipes"))
    if difference.phases:
        tables.append(table_of(("phase", "domain", "what", "A", "B"), difference.phases, title="phase plans"))
    if difference.signals:
        tables.append(table_of(("signal", "documents"), sorted(difference.signals.items()), title="signals"))
    if difference.transitions:
        ranked = sorted(difference.transitions.items(), key=lambda pair: (-pair[1], pair[0]))
        rows = [(before, after, number) for (before, after), number in ranked]
        tables.append(table_of(("decision in A", "decision in B", "documents"), rows, title="decisions"))
    for title, found in (("only in A", difference.examples_a), ("only in B", difference.examples_b)):
        if found[:examples]:
            tables.append(table_of(("key", "URL or id"), [(e.key, e.name) for e in found[:examples]], title=title))
    changed = difference.examples_changed[:examples]
    if changed:
        rows_changed = [(each.key, each.name, each.before, each.after) for each in changed]
        tables.append(table_of(("key", "URL or id", "A", "B"), rows_changed, title="decided otherwise"))
    return tables
