"""Documents of a run as rows of named fields, and one document with its rules and tokens: what `corpus show` prints.

Memory: the asked columns of one work item. Text is read only where it is asked for.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import RecipeError
from corpus.recipe import Privacy
from corpus.schema import SCORED, signal_type
from corpus.storage import ipc
from corpus.text.edits import Edit
from filters.privacy.kinds import kind_of
from filters.quality.rules import SIGNALS, Limit, all_reasons, load_profiles
from pipelines.commands.measure import shortest
from pipelines.report.run_documents import Head, RunDocuments, iso_date
from pipelines.report.run_settings import settings_in_force
from pipelines.report.terminal_text import plain
from pipelines.stage_list import find_stage, stage_of
from pipelines.stages.outputs import TOKENIZER, TOKENS
from tokenizer_training.encode import load_encoder

Row = dict[str, Any]

#: Fields of a row, in the order in which JSON has them; `text` and signals only where they are asked for.
FIELDS = (
    "id",
    "doc_id",
    "key",
    "url",
    "date",
    "source",
    "file",
    "offset",
    "title",
    "author",
    "published",
    "licence",
    "language_hint",
    "language",
    "language_score",
    "script",
    "second_language",
    "second_language_share",
    "code_switching",
    "kept",
    "reason",
    "representative",
    "representative_doc_id",
    "representative_url",
    "similarity",
    "cluster_size",
    "quality",
    "tier",
    "repeats",
    "coverage",
    "exam_items",
    "line_cuts",
    "personal_data",
    "detail",
)
#: What `--fields` may name; of a run with scorers, their signals too.
KNOWN_FIELDS = (*FIELDS, "text", *SIGNALS[1:])

_STORED = frozenset(FIELDS) - {"file", "representative_doc_id", "representative_url", "exam_items", "detail"}
_FLOATS = frozenset(
    {"similarity", "quality", "coverage", *(name for name in SIGNALS if signal_type(name) == pa.float32())}
)


@dataclasses.dataclass(frozen=True)
class RuleLine:
    """A signal of a document with the limits that its profile sets it."""

    signal: str
    value: float | None  # None where the document has none: another language than a classifier's
    least: float | None
    most: float | None
    reason: str
    fails: bool
    source: str


@dataclasses.dataclass(frozen=True)
class PersonalLine:
    """Personal data of a document in bytes [begin, end) of its text, and what the recipe says is done about it."""

    kind: str
    begin: int
    end: int
    found: str
    action: str
    replacement: str


@dataclasses.dataclass(frozen=True)
class Document:
    """One document; `row` has every field, its text and its signals."""

    row: Row
    rules: list[RuleLine]
    failing: list[str]  # reasons, in the profile's order: all of them, not the first alone
    personal: list[PersonalLine]
    pieces: list[str]  # of its tokens as they are stored; [] where it was not tokenized


def find_documents(documents: RunDocuments, wanted: Sequence[str]) -> list[Head]:
    """The documents that are called so. Raises RecipeError for a name of none, and for a part of several's."""
    found: list[Head] = []
    for name in wanted:
        heads = documents.find(name)
        if not heads:
            raise RecipeError(
                f"{documents.run.url}: no document {name!r}; give a doc_id, a key or its beginning, an id, a URL or part of one"
            )
        exact = any(name in (str(head.doc_id), head.id, head.url) or name.lower() == head.key.hex() for head in heads)
        # A page that was crawled twice is two documents of one URL: both are shown.
        if not exact and len({head.url for head in heads}) > 1:
            few = ", ".join(plain(f"{head.doc_id} ({head.url})") for head in heads[:3])
            raise RecipeError(
                f"{name!r} is a part of the URLs or keys of {len(heads)} documents: {few} …; give more of it, or a doc_id"
            )
        found += heads
    return found


def document_rows(documents: RunDocuments, names: Sequence[str], only: Head | None = None) -> Iterator[Row]:
    """A row of at least these fields for each document (or one), in the order of work items."""
    stored = list(dict.fromkeys(["doc_id", "key", "id", "representative", *names]))
    stored = [name for name in stored if name in _STORED or name not in FIELDS]
    if "exam_items" in names:
        stored += ["matches", "cuts"]
    place = documents.row_of(only.doc_id) if only is not None else None
    for item in [place[0]] if place is not None else documents.items():
        table = documents.columns(item, stored)
        if place is not None:
            table = table.slice(place[1], 1)
        representatives = documents.heads(n for n in table["representative"].to_pylist() if n is not None)
        for batch in table.to_batches():
            for row in batch.to_pylist():
                yield _row(row, documents.file_of(row["doc_id"]), representatives.get(row["representative"]))


def _row(stored: Row, file: str, representative: Head | None) -> Row:
    """A stored row with identities as they are printed."""
    key: bytes = stored["key"]
    head = Head(stored["doc_id"], key, stored["id"], None)
    names = _FLOATS & stored.keys() | {
        name for name in stored if name.startswith(SCORED) and signal_type(name) == pa.float32()
    }
    floats = {name: shortest(stored[name]) for name in names if stored[name] is not None}
    return {
        **stored,
        **floats,
        "id": head.name,
        "key": key.hex(),
        "file": file,
        "date": iso_date(stored.get("date")),
        "published": day.isoformat() if (day := stored.get("published")) is not None else None,
        "representative_doc_id": stored["representative"],
        "representative": representative.name if representative is not None else None,
        "representative_url": representative.url if representative is not None else None,
        "exam_items": exam_items(stored.get("matches")),
    }


def exam_items(matches: list[Row] | None) -> list[str] | None:
    """`EXAM ITEM PART: coverage, bytes` of every match; None in a run without exams."""
    if matches is None:
        return None
    return [
        f"{match['exam']} {match['item']} {match['part']}: {shortest(match['coverage']):.3g}, "
        f"bytes {match['begin']} to {match['end']}"
        for match in matches
    ]


def lost_rows(documents: RunDocuments, *, failed: bool) -> Iterator[Row]:
    """Records that became no document: failed ones and lost ranges, or those dropped while reading."""
    for record in documents.lost():
        if (record.outcome == "failed") == failed:
            yield {**dataclasses.asdict(record), "kept": False}


def describe(documents: RunDocuments, head: Head) -> Document:
    """Everything that is known of a document."""
    (row,) = document_rows(documents, [*KNOWN_FIELDS, *documents.scored], head)
    recipe = settings_in_force(documents.run)
    profiles = load_profiles(recipe)
    rules = profiles.for_domain(profiles.of_source[row["source"]], row["language"])
    failures = all_reasons(row, rules, recipe.run.wants)
    beyond = {(failure.signal, failure.side) for failure in failures}
    lines = [_rule_line(limit, row.get(limit.signal), (limit.signal, limit.side) in beyond) for limit in rules.limits]
    failing = list(dict.fromkeys(str(failure.reason) for failure in failures))
    return Document(row, lines, failing, _personal(row, recipe.privacy), _pieces(documents, head))


def _personal(row: Row, privacy: Privacy) -> list[PersonalLine]:
    data = row["text"].encode()
    return [
        PersonalLine(kind, edit.begin, edit.end, data[edit.begin : edit.end].decode(), getattr(privacy, kind), token)
        for edit in (Edit(**each) for each in row["personal_data"])
        if (kind := kind_of(edit)) is not None and (token := edit.replacement)
    ]


def _rule_line(limit: Limit, value: float | None, fails: bool) -> RuleLine:
    least, most = (limit.value, None) if limit.side == "min" else (None, limit.value)
    return RuleLine(limit.signal, value, least, most, limit.reason, fails, limit.source)


def _pieces(documents: RunDocuments, head: Head) -> list[str]:
    """The document's tokens as `tokenize` stored them, as pieces of the vocabulary."""
    run = documents.run
    place = documents.row_of(head.doc_id)
    tokenized = find_stage(run, TOKENS)
    if place is None or tokenized is None:
        return []
    encoder = load_encoder(TOKENIZER.url(stage_of(run, TOKENIZER), 0))
    reader = ipc.open_reader(TOKENS.url(tokenized, place[0]))
    for number in range(reader.num_record_batches):
        block = reader.get_batch(number)
        found = pc.index(block.column("doc_id"), pa.scalar(head.doc_id, pa.uint64())).as_py()
        if found >= 0:
            return [encoder.piece(token) for token in block.column("tokens")[found].as_py()]
    return []


def with_signals(document: Document) -> Row:
    """A document as JSON: its fields, then text, signals, rules and tokens."""
    names = [*SIGNALS[1:], *(name for name in document.row if name.startswith(SCORED))]
    signals = {name: value for name in names if (value := document.row[name]) is not None}
    head = {name: document.row.get(name) for name in FIELDS if name not in ("detail", "personal_data")}
    rules = [dataclasses.asdict(rule) for rule in document.rules]
    return {
        **head,
        "failing": document.failing,
        "signals": signals,
        "rules": rules,
        "personal_data": [dataclasses.asdict(each) for each in document.personal],
        "tokens": document.pieces,
        "text": document.row["text"],
    }
