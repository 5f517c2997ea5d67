"""The steps of `select` that find shared lines: after copies, among the documents that stay, so a page's copies make no line shared.

Units are *stretches* of work items (of some STRETCH_LINES lines) or ranges of keys. A scope is one of a site and the corpus; the
key of a line in a scope is its hash, mixed in the first with its site's and its document's language: what stands around a site's
texts is in their language, and code that the translations of one page share is no such thing.

    stretch: (key, documents that have it here) ─→ range: keys with enough documents in all ─→ the stretches that have one: cuts
    where the preferred document keeps a line, before that:
    stretch: (key, its preferred document here) ─→ range: the most preferred ─→ its stretch

Reads   lines/
Sends   in the end "line-cuts" to the part: doc_id, begin, end, lines, characters, little (1: hardly anything would be left of the
        document)
Invariant  a row is sent once for each line of a stretch and scope, however many of its documents have it: a line of 10^7 documents
        costs what another does. What is cut depends on the documents that stay alone
Memory  100 bytes a line of a stretch, 50 a row of a range
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import numbers
from corpus.errors import DamageError
from corpus.recipe import SharedLines
from corpus.schema import EDITS
from corpus.storage import ipc
from corpus.storage.exchange import Rows
from filters.copies import duplicates, shared_lines
from filters.copies.duplicates import Documents, UInt64s
from filters.copies.preference import SPARED, with_claim
from filters.copies.shared_lines import Lines
from pipelines.selection.copies import documents_of, identity_of, signals_of
from pipelines.selection.decision_settings import LineInputs
from pipelines.selection.judging import Judged, judged_part, of_source
from pipelines.selection.step_context import StepContext

#: Within what documents are counted.
SITE, CORPUS = "site", "corpus"

#: What is cut, for the part of the documents; which documents of a part stay before lines are compared.
LINE_CUTS, STAYS = "line-cuts", "stays"


@dataclass(frozen=True)
class _Stretch:
    """The lines of a stretch's documents; `rows` are those of documents that stay and whose source takes part."""

    lines: Lines
    rows: NDArray[np.int64]
    sites: UInt64s  # (documents,) site and language; 0 where there is no site
    documents: Documents  # (documents,)
    characters: NDArray[np.uint32]  # (documents,)
    bytes: NDArray[np.uint32]

    def scoped(self, scope: str) -> tuple[NDArray[np.int64], UInt64s]:
        """(the lines that have a key in a scope, their keys): a document without a site has none in that."""
        if scope == CORPUS:
            return self.rows, self.lines.hash[self.rows]
        sites = self.sites[self.lines.document[self.rows]]
        has_one = np.flatnonzero(sites)
        rows = self.rows[has_one]
        return rows, shared_lines.mixed_with(self.lines.hash[rows], sites[has_one])


@dataclass(frozen=True)
class LineCuts:
    """What is cut of the texts of a part's documents, (cuts,) each in order, and the documents that go."""

    row: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    lines: NDArray[np.int64]
    characters: NDArray[np.int64]  # of the lines
    gone: NDArray[np.int64]  # rows of documents

    def column(self, rows: int) -> pa.Array:
        """(rows,) EDITS."""
        ends = np.append(0, np.cumsum(np.bincount(self.row, minlength=rows))).astype(np.int32)
        places = [pa.array(self.begin.astype(np.uint32)), pa.array(self.end.astype(np.uint32))]
        of = EDITS.value_type
        edits = pa.StructArray.from_arrays([*places, pa.repeat("", len(self.row))], fields=list(of))
        return pa.ListArray.from_arrays(pa.array(ends), edits, EDITS)

    def counts(self, begin: int, end: int) -> dict[str, int]:
        """Of the rows [begin, end): documents with cuts, and bytes, lines and characters that are cut."""
        mine = slice(*np.searchsorted(self.row, [begin, end]))
        return {
            "line_cut_documents": len(np.unique(self.row[mine])),
            "line_cut_bytes": int((self.end - self.begin)[mine].sum()),
            "line_cut_lines": int(self.lines[mine].sum()),
            "line_cut_characters": int(self.characters[mine].sum()),
        }


_NO_CUTS: Rows = {
    name: np.empty(0, np.uint64 if name == "doc_id" else np.int64)
    for name in ("doc_id", "begin", "end", "lines", "characters", "little")
}


def limits(recipe: SharedLines | None) -> dict[str, int]:
    """Scope → from how many documents on a line is shared, of the scopes that the recipe wants."""
    wanted = {SITE: recipe.site, CORPUS: recipe.corpus} if recipe is not None else {}
    return {scope: limit for scope, limit in wanted.items() if limit is not None}


def send_lines(context: StepContext) -> None:
    """Of every line of a stretch, how many of its documents have it."""
    stretch, ranges = _stretch(context), _inputs(context).ranges
    for scope in limits(context.settings.recipe.dedup.lines):
        rows, keys = stretch.scoped(scope)
        keys, documents = shared_lines.count_documents(keys, stretch.lines.document[rows])
        counted: Rows = {"key": keys, "documents": documents}
        context.send(f"lines-{scope}", counted, duplicates.partition_of(keys, ranges))


def find_shared(context: StepContext) -> None:
    """The keys of a range that enough documents have, for each stretch that has one."""
    for scope, limit in limits(context.settings.recipe.dedup.lines).items():
        rows, sender = context.receive_with_sender(f"lines-{scope}")
        many = shared_lines.shared(rows["key"], rows["documents"], limit)
        context.send(f"shared-{scope}", {"key": rows["key"][many]}, sender[many])


def send_keepers(context: StepContext) -> None:
    """Of every shared line of a stretch, the preferred of its documents here."""
    stretch, ranges = _stretch(context), _inputs(context).ranges
    for scope in limits(context.settings.recipe.dedup.lines):
        rows, keys = stretch.scoped(scope)
        many = np.flatnonzero(shared_lines.is_among(keys, context.receive(f"shared-{scope}")["key"]))
        keys, documents = keys[many], stretch.documents.take(stretch.lines.document[rows[many]])
        best = shared_lines.preferred(keys, documents)
        keys = keys[best]
        sent: Rows = {"key": keys, **identity_of(documents.take(best))}
        context.send(f"keepers-{scope}", sent, duplicates.partition_of(keys, ranges))


def find_keepers(context: StepContext) -> None:
    """Of every shared line of a range the most preferred document, for its stretch."""
    for scope in limits(context.settings.recipe.dedup.lines):
        rows, sender = context.receive_with_sender(f"keepers-{scope}")
        best = shared_lines.preferred(rows["key"], documents_of(rows))
        kept = {"key": rows["key"][best], "doc_id": rows["doc_id"][best]}
        context.send(f"kept-{scope}", kept, sender[best])


def cut_lines(context: StepContext) -> None:
    """What is cut of each document of a stretch about which no earlier selection decided."""
    recipe = context.settings.recipe.dedup.lines
    stretch = _stretch(context)
    settled = context.settings.is_settled(stretch.documents.doc_id)
    goes = np.zeros(len(stretch.lines.document), np.bool_)
    for scope in limits(recipe):
        rows, keys = stretch.scoped(scope)
        found = shared_lines.is_among(keys, context.receive(f"shared-{scope}")["key"])
        if kept := context.receive(f"kept-{scope}"):
            mine = shared_lines.mixed_with(keys, stretch.documents.doc_id[stretch.lines.document[rows]])
            found &= ~shared_lines.is_among(mine, shared_lines.mixed_with(kept["key"], kept["doc_id"]))
        goes[rows] |= found & ~settled[stretch.lines.document[rows]]
    cuts = shared_lines.cut_ranges(stretch.lines.take(np.flatnonzero(goes)), stretch.bytes)
    lost = np.bincount(cuts.document, weights=cuts.characters, minlength=len(stretch.characters))
    little = (stretch.characters - lost < (recipe.min_characters if recipe is not None else 0)).astype(np.uint8)
    columns: Rows = {
        "doc_id": stretch.documents.doc_id[cuts.document],
        "begin": cuts.begin,
        "end": cuts.end,
        "lines": cuts.lines,
        "characters": cuts.characters,
        "little": little[cuts.document],
    }
    context.send_to_parts(LINE_CUTS, columns, columns["doc_id"])


def line_cuts(context: StepContext, judged: Judged, stands_for: NDArray[np.int64]) -> LineCuts:
    """What is cut of a part's documents, and which go because hardly anything would be left of them.

    One that stands for copies does not go, or nothing would be left of them either: it stays as it is.
    """
    rows = context.receive(LINE_CUTS) or _NO_CUTS  # of one stretch after the other, so by ascending id
    row, little = judged.rows_of(rows["doc_id"]), rows["little"] != 0
    gone = np.unique(row[little])
    stays = np.flatnonzero(~little)
    begin, end, lines, characters = (rows[name][stays] for name in ("begin", "end", "lines", "characters"))
    return LineCuts(row[stays], begin, end, lines, characters, gone[stands_for[gone] == 0])


def _inputs(context: StepContext) -> LineInputs:
    if context.settings.lines is None:
        raise ValueError("the recipe compares no lines")
    return context.settings.lines


def _stretch(context: StepContext) -> _Stretch:
    """Reads a stretch: some work items of one part."""
    inputs, settings = _inputs(context), context.settings
    items = inputs.stretches[context.unit]
    takes_part = dict.fromkeys(settings.recipe.deduplicated("lines"), 1)
    part = settings.part_of_item(items.start)
    judged = judged_part(context, part)
    stays = context.noted(STAYS, part)["stays"] != 0
    columns = ("doc_id", "source", "language", "bytes", "characters")
    signals = pa.concat_tables([signals_of(context, item, *columns) for item in items])
    table = pa.concat_tables(ipc.open_table(inputs.stage.output("lines", item), schema.LINES) for item in items)
    if not table["doc_id"].equals(signals["doc_id"]):
        raise DamageError(f"{inputs.stage.run.path('lines')}: not row for row beside signals/; build again")
    rows = judged.rows_of(numbers(signals["doc_id"]))
    compared = stays[rows] & (of_source(signals["source"], takes_part) != 0)
    documents = judged.documents.take(rows)
    # What an earlier selection decided stays, so of the documents that have a line theirs keep it first.
    first = settings.is_settled(documents.doc_id).astype(np.uint8) * SPARED
    documents = replace(documents, preference=with_claim(documents.preference, first))
    lines = shared_lines.lines_of(table["lines"])
    return _Stretch(
        lines,
        np.flatnonzero(compared[lines.document]),
        _in_language(numbers(table["site"]), signals["language"]),
        documents,
        numbers(signals["characters"]),
        numbers(signals["bytes"]),
    )


def _in_language(sites: UInt64s, languages: pa.ChunkedArray) -> UInt64s:
    """(rows,) a number of each site and language; 0 where there is no site."""
    codes = languages.combine_chunks().dictionary_encode()
    known = [int.from_bytes(code.encode()[:8], "big") for code in codes.dictionary.to_pylist()]
    mixed = shared_lines.mixed_with(sites, np.array(known, np.uint64)[numbers(codes.indices)])
    return np.where(sites == 0, np.uint64(0), mixed)
