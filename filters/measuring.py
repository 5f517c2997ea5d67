"""Everything that is measured on documents: a batch of `documents/` → a batch of `signals/`, row for row.

Languages, signals, signatures, personal data, and what lists and the page itself say against its use: columns that rules and
`select` judge. Nothing is judged here, and HTML is never read, so another threshold measures nothing again.
Cost: some 4,000 documents of 4 kB a second and core. Memory: a batch, and up to 56 bytes a byte of
its longest text (of prose 30), which `extract.max_text_bytes` bounds.
"""

import dataclasses
from collections.abc import Mapping

import pyarrow as pa

from corpus import schema, seeds
from corpus.columns import fixed_binary
from corpus.pages.opt_out import NOTHING_RESPECTED, OptOuts
from corpus.recipe import Dedup
from corpus.storage.digested_file import DigestedFile
from corpus.urls.url_identity import url_hash
from corpus.urls.url_screen import NO_URL_REFUSED, UrlScreen, read_url_screen
from filters.language.of_documents import LanguageSettings, identified


@dataclasses.dataclass(frozen=True)
class MeasureSettings:
    """What decides the bytes of `signals/`."""

    language: LanguageSettings
    dedup: Dedup
    groups: tuple[str, ...] = ()  # of schema.SIGNAL_GROUPS, beside the other signals
    url_lists: Mapping[str, DigestedFile | UrlScreen] = dataclasses.field(default_factory=dict)  # source → its lists
    respect: Mapping[str, OptOuts] = dataclasses.field(default_factory=dict)  # source → its opt-outs

    @property
    def signals(self) -> pa.Schema:
        dedup = self.dedup
        return schema.signals_schema(permutations=dedup.permutations, bands=dedup.bands, groups=self.groups)

    def urls_of(self, source: str) -> UrlScreen:
        """The lists of a source."""
        found = self.url_lists.get(source, NO_URL_REFUSED)
        return found if isinstance(found, UrlScreen) else read_url_screen(str(found.local()))


def signal_batch(documents: pa.RecordBatch, settings: MeasureSettings) -> pa.RecordBatch:
    """Everything that is measured on a batch of schema.DOCUMENTS, row for row: schema.signals_schema."""
    from filters.copies import minhash
    from filters.privacy import pii
    from filters.quality import signals
    from filters.spam import spam_score

    texts = documents.column("text")
    strings, urls = texts.to_pylist(), documents.column("url").to_pylist()
    found = identified(documents, settings.language)
    languages = [each.language for each in found]
    measured = signals.measure(texts, languages)
    if "datatrove" in settings.groups:
        from filters.parity import datatrove_signals

        measured |= datatrove_signals.measure(texts)
    if "jieba" in settings.groups:
        from filters.parity import jieba_signals

        measured |= jieba_signals.measure(texts, languages)
    measured["spam_score"] = spam_score.scores(texts)
    personal = pii.measure(texts)
    dedup = settings.dedup
    signature, shingles = minhash.signatures(texts, permutations=dedup.permutations, shingle=dedup.shingle)
    bands = minhash.bands(signature, bands=dedup.bands, rows=dedup.rows)
    blocked, opted_out = _unwanted(documents, urls, settings)
    columns: dict[str, pa.Array] = {
        "doc_id": documents.column("doc_id"),
        "key": documents.column("key"),
        "source": documents.column("source"),
        "date": documents.column("date"),
        "blocked_url": pa.array(blocked, pa.string()),
        "opt_out": pa.array(opted_out, pa.string()),
        "language": pa.array(languages, pa.string()),
        "language_score": pa.array([each.score for each in found], pa.float32()),
        "script": pa.array([each.script for each in found], pa.string()),
        "second_language": pa.array([each.second for each in found], pa.string()),
        "second_language_share": pa.array([each.second_share for each in found], pa.float32()),
        "code_switching": pa.array([each.code_switching for each in found], pa.bool_()),
        "text_hash": pa.array([seeds.content_digest(text.encode()) for text in strings], pa.binary(16)),
        "url_hash": pa.array([url_hash(url) for url in urls], pa.uint64()),
        **{name: pa.array(values) for name, values in (measured | personal.counts).items()},
        "personal_data": personal.edits,
        "shingles": pa.array(shingles),
        "codes": fixed_binary(minhash.codes_of(signature)),
    }
    columns["bands"] = pa.FixedSizeListArray.from_arrays(
        pa.array(bands.ravel()), type=settings.signals.field("bands").type
    )
    return pa.RecordBatch.from_arrays([columns[name] for name in settings.signals.names], schema=settings.signals)


def _unwanted(
    documents: pa.RecordBatch, urls: list[str | None], settings: MeasureSettings
) -> tuple[list[str | None], list[str | None]]:
    """(entry of a block list, what asks for the page not to be used) of each document; None where there is nothing."""
    sources = documents.column("source").to_pylist()
    asks = documents.column("opt_outs").to_pylist()
    blocked: list[str | None] = [None] * len(sources)
    opted_out: list[str | None] = [None] * len(sources)
    for row, source in enumerate(sources):
        lists = settings.urls_of(source)
        blocked[row] = lists.blocked_by(urls[row])
        wish = settings.respect.get(source, NOTHING_RESPECTED).respected(asks[row])
        opted_out[row] = wish if wish is not None else lists.opted_out_by(urls[row])
    return blocked, opted_out
