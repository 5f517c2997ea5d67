"""`corpus show`: documents of a run, one by one or as a list; text of the web is shown and never obeyed."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
from rich.text import Text

from corpus.errors import RecipeError
from corpus.reasons import Reason
from corpus.storage.run_directory import RunDirectory
from pipelines.commands.document_rows import (
    FIELDS,
    KNOWN_FIELDS,
    Document,
    Row,
    describe,
    document_rows,
    find_documents,
    lost_rows,
    with_signals,
)
from pipelines.report.run_documents import RunDocuments
from pipelines.report.run_settings import say_versions
from pipelines.report.tables import open_console, table_of
from pipelines.report.terminal_text import json_line, one_line, plain

LIMIT = 20
LIST_FIELDS = ("doc_id", "url", "language", "reason", "representative")
RECORD_FIELDS = ("file", "offset", "url", "reason", "detail")
LINES_AT_ONCE = 256
EXCERPT_CHARACTERS = 1500
EXCERPT_TOKENS = 200
EXAM_ITEMS = 10
PERSONAL_DATA = 10


@click.command()
@click.argument("run")
@click.argument("wanted", metavar="[DOC]...", nargs=-1)
@click.option("--kept", is_flag=True, help="List kept documents.")
@click.option(
    "--dropped", metavar="[REASON]", is_flag=False, flag_value="*", help="List dropped ones, for a reason or any."
)
@click.option("--failed", is_flag=True, help="List records that failed and byte ranges that were lost.")
@click.option("--limit", type=click.IntRange(1), help=f"How many to list; default: {LIMIT}.")
@click.option("--all", "everything", is_flag=True, help="List without a limit; alone: every document.")
@click.option("--fields", metavar="NAME,...", help="What to print of each; signals are fields too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line for each instead of a table.")
def show(
    run: str,
    wanted: tuple[str, ...],
    kept: bool,
    dropped: str | None,
    failed: bool,
    limit: int | None,
    everything: bool,
    fields: str | None,
    as_json: bool,
) -> None:
    """Shows documents of a run: who, why kept or dropped, text and tokens.

    DOC is a doc_id, a key in hex or its first digits (six at least), the input's own id, a URL, or a part of one
    that only one document has.
    Texts are as they were extracted; `corpus export` writes them as they are trained on, edits made.
    Without DOC documents are listed. As fields, `id` is the input's own id where it has one and else the key, and
    `representative` is the `id` of the kept document that stands for a duplicate.

    \b
    Examples
      corpus show runs/demo https://example.org/page
      corpus show runs/demo --dropped near_duplicate --limit 5
      corpus show runs/demo --all --json --fields id,kept,reason,representative
      corpus show runs/demo --kept --all --json --fields url,words,stop_words
    """
    if sum((bool(wanted), kept, dropped is not None, failed)) > 1:
        raise click.UsageError("give DOC, --kept, --dropped or --failed, one of them")
    if dropped is not None and dropped != "*" and dropped not in set(Reason):
        raise RecipeError(f"--dropped {dropped}: no such reason; reasons are {', '.join(Reason)}")
    documents = RunDocuments(RunDirectory(run.rstrip("/")))
    say_versions(documents.run)
    asked = _fields(fields, documents)
    if wanted and not fields:
        _show_documents(documents, wanted, as_json)
        return
    names = asked or (RECORD_FIELDS if failed and not as_json else FIELDS if as_json else LIST_FIELDS)
    rows: Iterable[Row]
    if wanted:
        rows = [
            _only(row, names)
            for head in find_documents(documents, wanted)
            for row in document_rows(documents, names, head)
        ]
    else:
        rows = _listed(documents, names, kept=kept, dropped=dropped, failed=failed)
    limit = limit or (None if everything or wanted else LIMIT)
    _print_rows(rows, names, limit, as_json)


def _fields(fields: str | None, documents: RunDocuments) -> tuple[str, ...] | None:
    if fields is None:
        return None
    names = tuple(name.strip() for name in fields.split(",") if name.strip())
    known = (*KNOWN_FIELDS, *documents.scored)
    for name in names:
        if name not in known:
            raise RecipeError(f"--fields {name}: no such field; fields are {', '.join(known)}")
    return names


def _listed(
    documents: RunDocuments, names: Sequence[str], *, kept: bool, dropped: str | None, failed: bool
) -> Iterator[Row]:
    """Rows of a list: documents in the order of work items, then, where they are asked for, records that became none."""
    if not failed:
        for row in document_rows(documents, [*names, "kept", "reason"]):
            if kept and not row["kept"]:
                continue
            if dropped is not None and (row["kept"] is not False or dropped not in ("*", row["reason"])):
                continue
            yield _only(row, names)
    if failed or dropped is not None:
        for row in lost_rows(documents, failed=failed):
            if dropped in (None, "*", row["reason"]):
                yield _only(row, names)


def _only(row: Row, names: Sequence[str]) -> Row:
    return {name: row.get(name) for name in names}


def _print_rows(rows: Iterable[Row], names: Sequence[str], limit: int | None, as_json: bool) -> None:
    """At most `limit` rows; JSON as it comes, a table when all are there."""
    rows = iter(rows)
    limited = itertools.islice(rows, limit)
    if as_json:
        while chunk := list(itertools.islice(limited, LINES_AT_ONCE)):
            click.echo("\n".join(map(json_line, chunk)))
        return
    shown = list(limited)
    console = open_console()
    console.print(table_of(names, [[_cell(name, row[name]) for name in names] for row in shown]))
    if next(rows, None) is not None:
        console.print(f"the first {len(shown)}; --limit N shows more, --all every one")


def _cell(name: str, value: Any) -> Any:
    """Identifiers are no quantities: with separators a doc_id could not be copied into the next command."""
    if name == "reason" and value == "":
        return "kept"
    return str(value) if name in ("doc_id", "representative_doc_id", "offset") and value is not None else value


# ------------------------------------------------------------------------------------------------ one document


def _show_documents(documents: RunDocuments, wanted: Sequence[str], as_json: bool) -> None:
    for head in find_documents(documents, wanted):
        document = describe(documents, head)
        if as_json:
            click.echo(json_line(with_signals(document)))
        else:
            _print_document(document)


def _print_document(document: Document) -> None:
    console = open_console()
    for name, value in _lines(document):
        console.print(Text.assemble((f"{name:<15}", "bold"), plain(str(value))), soft_wrap=True)
    if document.rules:
        columns = ("signal", "value", "least", "most", "reason", "verdict", "number from")
        rows = [
            (rule.signal, rule.value, rule.least, rule.most, rule.reason, "fails" if rule.fails else "", rule.source)
            for rule in document.rules
        ]
        console.print(table_of(columns, rows))
    if document.pieces:
        shown, more = document.pieces[:EXCERPT_TOKENS], len(document.pieces) - EXCERPT_TOKENS
        console.print(Text(f"tokens ({len(document.pieces):,})", "bold"))
        console.print(
            Text(plain("│".join(shown).replace("\n", "⏎")) + (f" … {more:,} more" if more > 0 else "")), soft_wrap=True
        )
    text = document.row["text"]
    console.print(Text(f"text ({len(text):,} characters)", "bold"))
    rest = len(text) - EXCERPT_CHARACTERS
    console.print(Text(plain(text[:EXCERPT_CHARACTERS]) + (f"\n… {rest:,} more" if rest > 0 else "")), soft_wrap=True)


def _lines(document: Document) -> Iterator[tuple[str, Any]]:
    """What stands above the tables."""
    row = document.row
    for name in ("title", "author", "published", "url", "id", "doc_id", "key", "date", "licence", "language_hint"):
        if row[name] is not None:
            yield name, row[name]
    yield "source", f"{row['source']}, {row['file']} at byte {row['offset']}"
    script = f", {row['script']}" if row["script"] else ""
    yield "language", f"{row['language']} (score {row['language_score']:.3f}{script})"
    if row["kept"] is None:
        yield "decision", "none yet: the run stopped before select"
    elif row["kept"]:
        others = row["cluster_size"] - 1
        yield "decision", "kept" + (f"; stands for {others:,} duplicates" if others else "")
    else:
        yield "decision", f"dropped: {row['reason']}"
    for name in (row["exam_items"] or [])[:EXAM_ITEMS]:
        yield "contains", name
    if len(row["exam_items"] or []) > EXAM_ITEMS:
        yield "", f"… {len(row['exam_items']) - EXAM_ITEMS:,} more"
    if row["cuts"]:
        places = ", ".join(f"{cut['begin']} to {cut['end']}" for cut in row["cuts"][:EXAM_ITEMS])
        yield "cut out", f"bytes {places}" + (" …" if len(row["cuts"]) > EXAM_ITEMS else "")
    data = row["text"].encode()
    for cut in (row["line_cuts"] or [])[:EXAM_ITEMS]:
        yield "lines cut", one_line(data[cut["begin"] : cut["end"]].decode())
    if (more := len(row["line_cuts"] or []) - EXAM_ITEMS) > 0:
        yield "", f"… {more:,} more"
    for each in document.personal[:PERSONAL_DATA]:
        done = {"replace": f"becomes {each.replacement}", "drop": "drops the document", "keep": "stays"}[each.action]
        yield "personal data", f"{each.kind} {one_line(each.found)} at byte {each.begin}: {done}"
    if (more := len(document.personal) - PERSONAL_DATA) > 0:
        yield "", f"… {more:,} more"
    if row["representative"] is not None:
        alike = f"similarity {row['similarity']:.3f}" if row["similarity"] is not None else "the same URL"
        yield "copy of", f"{row['representative_url'] or row['representative']} ({alike})"
        yield "", f"doc_id {row['representative_doc_id']}, id {row['representative']}"
