"""The first step of `select`: every document's verdict by rules and evaluation items, and what decides between copies.

Reads   signals/ without codes, bands and personal data; contamination/ where the recipe has exams; scores/ where it has
        scorers
Notes   "documents": doc_id, preference, newest, key, reason, spared, for the later steps of the same part
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import booleans, fixed_bytes, numbers
from corpus.errors import DamageError
from corpus.reasons import Reason
from corpus.recipe import Recipe
from corpus.storage import ipc
from filters.copies.duplicates import Documents, UInt64s, halves
from filters.copies.preference import LATER, SPARED, content_of, newest, place_of, preference, with_claim
from filters.exams.contaminated import Verdicts, judge_contamination
from filters.quality.rules import judge
from pipelines.selection.decision_settings import NEAR, TEXT, URL, SelectSettings
from pipelines.selection.step_context import StepContext

#: Columns of signals/ that no rule reads, and most of a row's bytes.
_NOT_JUDGED = ("codes", "bands", "personal_data")

#: A document's reason as a number: 0 passes, else the reason's place.
REASONS = ("", *Reason)
CODE_OF = {reason: code for code, reason in enumerate(REASONS)}

#: Column of signals/ → the reason where it is not null; of both the last one's.
UNWANTED = {"opt_out": Reason.OPT_OUT, "blocked_url": Reason.BLOCKED_URL}

#: Kind of copy → its bit of `spared`.
SPARED_BIT = {URL: 1, TEXT: 2, NEAR: 4}
_EVERY_KIND = sum(SPARED_BIT.values())


@dataclasses.dataclass(frozen=True)
class Judged:
    """A part's documents by ascending id, row for row as in its work items."""

    documents: Documents
    newest: UInt64s  # preference of the copies of one URL
    reason: NDArray[np.uint8]
    spared: NDArray[np.uint8]  # bits of SPARED_BIT: the kinds of copies as which a document is never removed

    def is_spared(self, kind: str) -> NDArray[np.bool_]:
        """(rows,) whether a document is never removed as this kind of copy."""
        return (self.spared & SPARED_BIT[kind]) != 0

    def candidates(self, kind: str) -> Documents:
        """The documents as they are compared for one kind of copy: who stays in any case is preferred to all others.

        Of equal texts also who is no near copy afterwards, or a near copy would take a text that its source keeps.
        """
        preferences = self.newest if kind == URL else self.documents.preference
        later = self.is_spared(NEAR) & (kind == TEXT)
        claim = np.where(self.is_spared(kind), SPARED, np.where(later, LATER, 0)).astype(np.uint8)
        return dataclasses.replace(self.documents, preference=with_claim(preferences, claim))

    def rows_of(self, doc_id: UInt64s) -> NDArray[np.int64]:
        """The row of each id, all of which must be here."""
        return np.searchsorted(self.documents.doc_id, doc_id)

    def holds(self, doc_id: UInt64s) -> NDArray[np.bool_]:
        """(ids,) whether each document is here."""
        mine = self.documents.doc_id
        if len(mine) == 0:
            return np.zeros(len(doc_id), np.bool_)
        return mine[np.minimum(np.searchsorted(mine, doc_id), len(mine) - 1)] == doc_id


def judge_part(context: StepContext) -> None:
    tables = [_judged(context.settings, item) for item in context.items(context.unit)]
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    context.note("documents", columns)


def judged_part(context: StepContext, part: int) -> Judged:
    """What `judge_part` found."""
    rows = context.noted("documents", part)
    documents = Documents(rows["doc_id"], rows["preference"], rows["key_hi"], rows["key_lo"])
    return Judged(documents, rows["newest"], rows["reason"], rows["spared"])


def judge_item(signals: pa.Table, settings: SelectSettings, contamination: Verdicts | None) -> NDArray[np.uint8]:
    """(rows,) number of each document's reason: that of lists and opt-outs, else the rules', else that of evaluation items."""
    codes = _codes_of(judge(signals, settings.profiles, settings.recipe.run.wants))
    for column, reason in UNWANTED.items():
        codes[booleans(signals[column].is_valid())] = CODE_OF[reason]
    if contamination is not None:
        codes[(codes == 0) & contamination.dropped] = CODE_OF[Reason.CONTAMINATED]
    return codes


def contamination_of(settings: SelectSettings, item: int, signals: pa.Table) -> Verdicts | None:
    """What evaluation items say of a work item's documents; None where the recipe has none."""
    if settings.contamination is None or (exams := settings.recipe.decontaminate) is None:
        return None
    url = settings.contamination.output("contamination", item)
    contamination = ipc.open_table(url, schema.CONTAMINATION)
    if not contamination["doc_id"].combine_chunks().equals(signals["doc_id"].combine_chunks()):
        raise DamageError(f"{url}: not row for row beside signals/; build again")
    sizes = numbers(signals["bytes"])
    return judge_contamination(contamination, sizes, threshold=exams.coverage, action=exams.action)


def identities(signals: pa.Table, recipe: Recipe) -> tuple[Documents, UInt64s]:
    """(ids and what makes a copy preferred: source, quality, content, date, then key; what makes a copy of one URL).

    Where the recipe names no classifier, and where its score is null, quality is 0. (A language score is no quality: with
    it, .998 would beat .997 before a copy that says more beats one that says less.)
    """
    quality = recipe.quality.signal
    scores = numbers(signals[quality].fill_null(0)) if quality is not None else np.zeros(signals.num_rows)
    dates = numbers(signals["date"].fill_null(0)) if signals["date"].null_count else numbers(signals["date"])
    content = content_of(numbers(signals["characters"]), numbers(signals["repeated_13_character_ratio"]))
    key_hi, key_lo = halves(fixed_bytes(signals["key"]))
    place = of_source(signals["source"], place_of(recipe.dedup.order))
    preferences = preference(scores, content, dates, place)
    return Documents(numbers(signals["doc_id"]), preferences, key_hi, key_lo), newest(dates, content, place)


def order_columns(recipe: Recipe) -> list[str]:
    """The columns by which copies are ordered."""
    quality = recipe.quality.signal
    signals = ["characters", "repeated_13_character_ratio", *([quality] if quality is not None else [])]
    return ["doc_id", "key", "source", "date", *signals]


def compared_as(signals: pa.Table, recipe: Recipe, kind: str) -> Documents:
    """Documents that passed the rules, as they are ordered for one kind of copy; `signals` has `order_columns`."""
    documents, by_date = identities(signals, recipe)
    passed = np.zeros(signals.num_rows, np.uint8)
    return Judged(documents, by_date, passed, spared(signals["source"], recipe)).candidates(kind)


def spared(sources: pa.ChunkedArray, recipe: Recipe) -> NDArray[np.uint8]:
    """(rows,) bits of the kinds of copies that the recipe does not remove from a document's source.

    By URL such a source takes no part (copies.send_urls), since documents of one URL may be different texts.
    """
    bits = {
        source.name: sum(
            SPARED_BIT[kind]
            for kind, removed in ((TEXT, recipe.deduplicated("exact")), (NEAR, recipe.deduplicated("near")))
            if source.name not in removed
        )
        for source in recipe.source
    }
    return of_source(sources, bits).astype(np.uint8)


def of_source(sources: pa.ChunkedArray, values: Mapping[str, int]) -> NDArray[np.int64]:
    """(rows,) the value of each row's source; 0 of a source that has none."""
    encoded = sources.combine_chunks().dictionary_encode()
    return np.array([values.get(name, 0) for name in encoded.dictionary.to_pylist()], np.int64)[
        numbers(encoded.indices)
    ]


def _judged(settings: SelectSettings, item: int) -> dict[str, NDArray[np.generic]]:
    of = settings.signals_schema
    columns = [name for name in of.names if name not in _NOT_JUDGED]
    signals = ipc.open_table(settings.signals.output("signals", item), of, columns=columns).combine_chunks()
    if settings.scores is not None:
        signals = _with_scores(signals, settings.scores.output("scores", item), settings.recipe)
    documents, by_date = identities(signals, settings.recipe)
    if (before := settings.settled_decisions(item)) is not None:
        reason, stays = settled_reasons(before), np.full(signals.num_rows, _EVERY_KIND, np.uint8)
    else:
        reason = judge_item(signals, settings, contamination_of(settings, item, signals))
        stays = spared(signals["source"], settings.recipe)
    return {
        "doc_id": documents.doc_id,
        "preference": documents.preference,
        "newest": by_date,
        "key_hi": documents.key_hi,
        "key_lo": documents.key_lo,
        "reason": reason,
        "spared": stays,
    }


def settled_reasons(url: str) -> NDArray[np.uint8]:
    """(rows,) number of each document's reason as an earlier selection decided, copies too."""
    return _codes_of(ipc.open_table(url, schema.DECISIONS, columns=["reason"])["reason"].combine_chunks())


def _codes_of(reasons: pa.StringArray) -> NDArray[np.uint8]:
    found = reasons.dictionary_encode()
    codes = np.array([CODE_OF[reason] for reason in found.dictionary.to_pylist()], np.uint8)
    return codes[numbers(found.indices)] if len(codes) else np.zeros(0, np.uint8)


def _with_scores(signals: pa.Table, url: str, recipe: Recipe) -> pa.Table:
    """Signals with what scorers say beside them."""
    scores = ipc.open_table(url, schema.scores_schema(recipe.scored_signals)).combine_chunks()
    if not scores["doc_id"].equals(signals["doc_id"]):
        raise DamageError(f"{url}: not row for row beside signals/; build again")
    for name in recipe.scored_signals:
        signals = signals.append_column(scores.schema.field(name), scores[name])
    return signals
