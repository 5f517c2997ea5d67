"""`corpus dedup`: how good deduplication was, and why one document stays or goes as a copy."""

import dataclasses
from collections.abc import Iterator, Sequence

import click
from rich.text import Text

from corpus.reasons import Reason
from corpus.storage.run_directory import RunDirectory
from filters.copies.dedup_quality import Share
from pipelines.commands.dedup_explanation import Compared, Explanation, explain_document
from pipelines.commands.dedup_report import DedupReport, dedup_report
from pipelines.commands.document_rows import find_documents
from pipelines.report.run_documents import RunDocuments
from pipelines.report.table_layout import ReportTable
from pipelines.report.tables import open_console, table_of
from pipelines.report.terminal_text import json_line, plain
from pipelines.terminal import progress_of

SAMPLED = 1000

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON: one object, or one line for each document.")


@click.group()
def dedup() -> None:
    """Measures deduplication by exact similarities, and explains it."""


@dedup.command()
@click.argument("run")
@click.option(
    "--removed",
    type=click.IntRange(0),
    default=SAMPLED,
    help="Removed near-duplicates that are compared to what stands for them.  [default: 1000]",
)
@click.option(
    "--kept",
    type=click.IntRange(0),
    default=SAMPLED,
    help="Kept documents that are compared to all kept ones; 0 reads no further text and gives no recall.  [default: 1000]",
)
@click.option("--seed", type=int, default=0, help="Another one samples others.  [default: 0]")
@_JSON
def report(run: str, removed: int, kept: int, seed: int, as_json: bool) -> None:
    """Measures precision and recall of near-duplicates, and shows the clusters.

    Precision from a sample of removed documents, by the exact Jaccard similarity with what stands for them. Recall from a
    sample of kept documents, each compared exactly to every kept one. With intervals of 95 %; a sample of all is exact.

    \b
    Examples
      corpus dedup report runs/demo
      corpus dedup report runs/demo --kept 5000 --json | jq '.levels'
    """
    documents = RunDocuments(RunDirectory(run.rstrip("/")))
    with progress_of("dedup report") as watch:
        found = dedup_report(documents, removed=removed, kept=kept, seed=seed, progress=watch)
    if as_json:
        click.echo(json_line(dataclasses.asdict(found)))
        return
    console = open_console()
    console.print(_summary(found))
    for table in _report_tables(found):
        console.print(table)


@dedup.command()
@click.argument("run")
@click.argument("wanted", metavar="DOC...", nargs=-1, required=True)
@_JSON
def explain(run: str, wanted: tuple[str, ...], as_json: bool) -> None:
    """Explains why a document stays or goes as a copy.

    What stands for it, how alike the two are, by estimate and exactly, which bands they share, what made the one preferred,
    all verified pairs it stands in, and the lines that differ; of a kept document those it stands for. DOC as in `corpus show`.

    \b
    Examples
      corpus dedup explain runs/demo https://example.org/page
      corpus dedup explain runs/demo 4294967301 --json | jq '.representative.jaccard'
    """
    documents = RunDocuments(RunDirectory(run.rstrip("/")))
    for head in find_documents(documents, wanted):
        found = explain_document(documents, head)
        if as_json:
            click.echo(json_line(dataclasses.asdict(found)))
        else:
            _print_explanation(found)


# ------------------------------------------------------------------------------------------------ the report


def _summary(found: DedupReport) -> str:
    copies = ", ".join(f"{number:,} {reason}" for reason, number in found.copies.items())
    return f"{found.documents:,} documents, {found.kept:,} kept; copies: {copies}; threshold {found.threshold:g}"


def _report_tables(found: DedupReport) -> Iterator[ReportTable]:
    columns = ("exact Jaccard ≥", "precision", "95 %", "recall", "95 %", "kept ones with such a kept one", "95 %")
    rows = [
        (f"{level.similarity:g}", *_cells(level.precision), *_cells(level.recall), *_cells(level.kept_alike))
        for level in found.levels
    ]
    title = f"near-duplicates, from {found.removed_sampled:,} removed and {found.kept_sampled:,} kept documents"
    yield table_of(columns, rows, title=title)
    if found.removed_sampled:
        contained = [(f"{least:g}", number, number / found.removed_sampled) for least, number in found.contained]
        yield table_of(
            ("of a removed one's shingles ≥", "documents", "share"),
            contained,
            title="containment in the representative",
        )
        errors = [(f"{error:+.2f}", number) for error, number in found.errors]
        yield table_of(("similarity", "documents"), errors, title="exact − estimated")
    sizes = [(f"{least:,}" if least == most else f"{least:,}–{most:,}", number) for least, most, number in found.sizes]
    yield table_of(("documents of a cluster", "clusters"), sizes, title="cluster sizes")
    if found.largest:
        largest = [(each.documents, str(each.doc_id), each.url, each.text) for each in found.largest]
        yield table_of(("documents", "doc_id", "url", "text"), largest, title="largest clusters")
    if found.still_alike:
        alike = [
            (each.jaccard, str(each.doc_id), each.url, str(each.other), each.other_url) for each in found.still_alike
        ]
        title = "the most similar pairs that both stay, of the sampled ones"
        yield table_of(("exact Jaccard", "doc_id", "url", "doc_id", "url"), alike, title=title)


def _cells(share: Share | None) -> tuple[str, str]:
    return ("", "") if share is None else (f"{share.value:.4f}", f"{share.low:.4f}–{share.high:.4f}")


# ------------------------------------------------------------------------------------------------ one document


def _print_explanation(found: Explanation) -> None:
    console = open_console()
    for name, value in _lines(found):
        console.print(Text.assemble((f"{name:<15}", "bold"), plain(value)), soft_wrap=True)
    for table in _explanation_tables(found):
        console.print(table)
    if found.changes:
        console.print(
            Text(f"changed lines ({_first(found.changes, found.changes_in_all)}): − document, + representative", "bold")
        )
        for line in found.changes:
            console.print(Text(plain(line)), soft_wrap=True)


def _explanation_tables(found: Explanation) -> Iterator[ReportTable]:
    if found.preference:
        criteria = [(c.name, c.document, c.representative, "decides" if c.decides else "") for c in found.preference]
        yield table_of(("criterion", "document", "representative", ""), criteria, title="order of preference")
    if found.edges:
        edges = [
            (str(e.doc_id), e.url, e.similarity, "preferred to it" if e.preferred else "after it", e.reason or "kept")
            for e in found.edges
        ]
        title = f"verified pairs ({_first(edges, found.edges_in_all)})"
        yield table_of(("doc_id", "url", "estimate", "the other is", "and its decision"), edges, title=title)
    if found.members:
        members = [
            (str(m.doc_id), m.url, m.reason, m.similarity, m.jaccard, m.contains, _bands(m, found))
            for m in found.members
        ]
        columns = ("doc_id", "url", "reason", "estimate", "exact Jaccard", "share of it in this one", "bands shared")
        yield table_of(columns, members, title=f"stands for ({_first(members, found.cluster_size - 1)})")


def _lines(found: Explanation) -> Iterator[tuple[str, str]]:
    yield "document", found.url or found.id
    yield "", f"doc_id {found.doc_id}, id {found.id}"
    yield "shingles", f"{found.shingles:,}" + ("" if found.shingles else ": compared with nothing")
    if found.kept:
        others = found.cluster_size - 1
        yield "decision", "kept" + (f"; stands for {others:,} copies" if others else "; no copy names it")
    elif found.representative is None:
        yield "decision", f"dropped: {found.reason}. Rules come before copies: it was compared with nothing"
    else:
        yield "decision", f"dropped: {found.reason}"
        yield from _representative_lines(found, found.representative)


def _representative_lines(found: Explanation, other: Compared) -> Iterator[tuple[str, str]]:
    yield "copy of", other.url or other.id
    yield "", f"doc_id {other.doc_id}, id {other.id}"
    estimate = "none: copies by URL are not compared" if other.similarity is None else f"{other.similarity:.4f}"
    if found.reason == Reason.EXACT_DUPLICATE and found.changes_in_all:
        yield "", "it has the text of a document that was removed for this one, which stands for both"
    if found.reason == Reason.NEAR_DUPLICATE and not found.edges_in_all:
        yield "", "decided before inputs were added; the pairs of that time are no longer there"
    yield "similarity", f"exact Jaccard {other.jaccard:.4f}; estimate {estimate}; threshold {found.threshold:g}"
    yield (
        "containment",
        f"{other.contained:.4f} of its shingles are there, {other.contains:.4f} of those there are in it",
    )
    yield "shared bands", _bands(other, found)


def _bands(other: Compared, found: Explanation) -> str:
    numbers = f": {' '.join(map(str, other.shared_bands))}" if other.shared_bands else ""
    return f"{len(other.shared_bands)} of {found.bands}{numbers}"


def _first(shown: Sequence[object], in_all: int) -> str:
    return f"{in_all:,}" if len(shown) == in_all else f"the first {len(shown):,} of {in_all:,}"
