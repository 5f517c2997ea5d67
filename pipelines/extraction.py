"""extract: a work item's splits → documents, signals, and what was dropped or failed, in one pass.

Reads   the input files of `splits.arrow`
Writes  documents/FP/ITEM.arrow (schema.DOCUMENTS), signals/FP/ITEM.arrow row for row beside it,
        failed/FP/ITEM.arrow (schema.FAILED); one record batch each per BATCH_TEXT_BYTES of text, of
        failed/ per BATCH_LOSSES rows
Invariant  pages + rows = documents + dropped + failed records
Cost    nearly all of it trafilatura's, in a helper process; memory: one batch, one record, a cache of texts of 64 MiB,
        whatever the input's size
"""

import dataclasses
import datetime
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from corpus import schema, seeds
from corpus.columns import fixed_binary
from corpus.reasons import BYTE_LOSSES, Reason
from corpus.recipe import Dedup, Extract, LanguageIdentification, Recipe, Source, fingerprint
from corpus.report.personal_data import found_counts
from corpus.sources.read import read_split
from corpus.sources.records import Limits, Loss, Other, Page, Split, Text
from corpus.sources.splits import read_splits
from corpus.storage import ipc
from corpus.storage.pinned import PinnedFile
from corpus.storage.run_directory import ItemRecord, Stage
from corpus.text import chinese_script, url_identity
from corpus.text.answers import MainText
from corpus.text.extraction import EVERYTHING, PageWork, PayloadCache, clean, extract_page
from corpus.text.line_rules import NOTHING_EDITED, LineRule, LineRules, edit_lines
from corpus.text.normalisation import DEFAULT, Normalisation, normal_line
from corpus.text.opt_out import NOTHING_RESPECTED, OptOuts
from corpus.text.url_identity import url_hash

if TYPE_CHECKING:
    from filters.language import Identification

#: Enough text for the compiled kernels to be the only cost, little enough for any worker.
BATCH_TEXT_BYTES = 4 << 20
BATCH_DOCUMENTS = 1024
#: Rows of failed/ that are held: of a crawl in few languages nearly every record is one, half a million in an item of 4 GiB.
BATCH_LOSSES = 8192

KINDS = ("documents", "signals", "failed")

#: What a row may say about itself, in characters.
HINT_CHARACTERS = 64
LICENCE_CHARACTERS = 200
_ONE_DAY = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class ExtractSettings:
    """What decides the bytes that `extract` writes."""

    splits: str  # URL of splits.arrow
    limits: Limits
    language: LanguageIdentification
    model: Path | PinnedFile  # of the fastText model; a file of the run where workers read it
    dedup: Dedup
    extract: Extract = dataclasses.field(default_factory=Extract)
    screened_for: frozenset[str] | None = None  # wanted languages, where pages of others are screened
    respect: Mapping[str, OptOuts] = dataclasses.field(default_factory=dict)  # source → its opt-outs
    url_lists: Mapping[str, PinnedFile] = dataclasses.field(default_factory=dict)  # source → its stored lists
    licences: Mapping[str, str] = dataclasses.field(default_factory=dict)  # source → of documents that name none
    trusted_hints: frozenset[str] = frozenset()  # sources whose language hints hold
    normalisation: Normalisation = DEFAULT
    line_rules: Mapping[str, LineRules] = dataclasses.field(default_factory=dict)  # of sources whose lines are edited
    helper: bool = True  # main text in a process of its own
    groups: tuple[str, ...] = ()  # of schema.SIGNAL_GROUPS, beside the other signals

    @staticmethod
    def of(
        recipe: Recipe,
        *,
        splits: str,
        model: Path | PinnedFile,
        url_lists: Mapping[str, PinnedFile] | None = None,
        helper: bool = True,
    ) -> "ExtractSettings":
        from corpus.text import jieba_words
        from filters.rules import load_profiles

        if recipe.normalise.chinese != "keep":
            chinese_script.converter(recipe.normalise.chinese)  # an error now, not in a worker
        groups = load_profiles(recipe).groups
        if "jieba" in groups:
            jieba_words.package_folder()  # an error now, not in a worker
        limits = Limits(recipe.extract.max_record_bytes, recipe.extract.max_page_bytes)
        return ExtractSettings(
            splits=splits,
            limits=limits,
            language=recipe.language,
            model=model,
            dedup=recipe.dedup,
            extract=recipe.extract,
            normalisation=recipe.normalise.settings(),
            line_rules=_line_rules(recipe),
            screened_for=_screened_for(recipe),
            respect={source.name: _opt_outs(source) for source in recipe.source},
            url_lists=url_lists or {},
            licences={source.name: source.licence for source in recipe.source if source.licence},
            trusted_hints=frozenset(source.name for source in recipe.source if source.trust_language_hint),
            helper=helper,
            groups=groups,
        )

    @property
    def signals(self) -> pa.Schema:
        dedup = self.dedup
        return schema.signals_schema(permutations=dedup.permutations, bands=dedup.bands, groups=self.groups)

    @property
    def local_model(self) -> Path:
        """Where the model lies on this machine, checked. Raises DamageError."""
        return self.model.local() if isinstance(self.model, PinnedFile) else self.model

    def works(self) -> "Works":
        """How the pages of each source are extracted; its cache is for one work item."""
        common = dataclasses.replace(page_work(self.extract, helper=self.helper), normalisation=self.normalisation)
        if self.screened_for is not None:
            from filters.language_screen import LanguageScreen

            screen = LanguageScreen(self.local_model, self.screened_for, self.extract.language_screen_confidence)
            common = dataclasses.replace(common, language_screen=screen)
        return Works(common, self.respect, self.url_lists, self.line_rules)


def page_work(extract: Extract, *, helper: bool = True) -> PageWork:
    """How pages are extracted under these settings, in a process of its own or in this one; without a source's screens."""
    from corpus.text import extractor_process

    main = extractor_process.EXTRACTORS[extract.extractor]
    extractor: extractor_process.Extractor = extractor_process.InProcessExtractor(main)
    if helper:
        extractor = extractor_process.helper(
            page_seconds=extract.page_seconds, page_memory_bytes=extract.page_memory_bytes, main=main
        )
    return PageWork(
        extractor=extractor,
        max_nodes=extract.max_nodes,
        max_depth=extract.max_depth,
        repair_mojibake=extract.repair_mojibake,
    )


class Works:
    """source → its PageWork. Each source has a cache: what it respects is part of the answer."""

    def __init__(
        self,
        common: PageWork,
        respect: Mapping[str, OptOuts],
        url_lists: Mapping[str, PinnedFile],
        line_rules: Mapping[str, LineRules],
    ) -> None:
        self.extractor = common.extractor
        self._common, self._respect, self._url_lists, self._line_rules = common, respect, url_lists, line_rules
        self._of: dict[str, PageWork] = {}

    def of(self, source: str) -> PageWork:
        if source not in self._of:
            from corpus.text.url_screen import NO_URL_REFUSED, read_url_screen

            lists = self._url_lists.get(source)
            self._of[source] = dataclasses.replace(
                self._common,
                urls=read_url_screen(str(lists.local())) if lists is not None else NO_URL_REFUSED,
                respect=self._respect.get(source, NOTHING_RESPECTED),
                line_rules=self._line_rules.get(source, NOTHING_EDITED),
                cache=PayloadCache(),
            )
        return self._of[source]

    @property
    def reused(self) -> int:
        """Pages whose payload had been extracted before."""
        return sum(work.cache.hits for work in self._of.values() if work.cache is not None)


def _line_rules(recipe: Recipe) -> dict[str, LineRules]:
    """Source → its line rules, of sources that have some."""
    rules = recipe.line_rules.settings()
    return {source.name: rules for source in recipe.source if rules.any and source.kind in recipe.line_rules.kinds}


def _screened_for(recipe: Recipe) -> frozenset[str] | None:
    languages = recipe.run.languages
    return frozenset(languages) if recipe.extract.language_screen and "*" not in languages else None


def _opt_outs(source: Source) -> OptOuts:
    return OptOuts(frozenset(source.respect), frozenset(agent.lower() for agent in source.respect_agents))


def extract_fingerprint(
    recipe: Recipe, *, plan: str, model_digest: str, url_lists: Mapping[str, str] | None = None
) -> str:
    """Everything that can change a byte: inputs, settings, model, and the versions of what shapes text.

    `url_lists` are the digests of the sources' lists. Wanted languages matter where pages are screened by them.
    """
    from filters import datatrove_signals, jieba_signals, minhash, pii, signals
    from filters.rules import load_profiles

    kernels = {"signals": signals.VERSION, "minhash": minhash.VERSION, "urls": url_identity.VERSION, "pii": pii.VERSION}
    of_group = {"datatrove": datatrove_signals.VERSION, "jieba": jieba_signals.VERSION}
    kernels |= {group: of_group[group] for group in load_profiles(recipe).groups}
    return fingerprint(
        "extract",
        schema.SCHEMA_VERSION,
        plan,
        recipe.extract,
        recipe.normalise,
        {source: dataclasses.asdict(rules) for source, rules in _line_rules(recipe).items()},
        sorted(_screened_for(recipe) or ()),
        {source.name: _respected(source) for source in recipe.source if source.respect},
        {source.name: source.licence for source in recipe.source if source.licence},
        sorted(source.name for source in recipe.source if source.trust_language_hint),
        dict(url_lists or {}),
        recipe.language.model_dump(exclude={"model"}),
        model_digest,
        recipe.dedup.model_dump(include={"bands", "rows", "shingle"}),
        kernels,
        library_versions() | chinese_script.versions(recipe.normalise.chinese),
    )


def _respected(source: Source) -> list[list[str]]:
    respected = _opt_outs(source)
    return [sorted(respected.respect), sorted(respected.agents)]


def library_versions() -> dict[str, str]:
    """Installed versions of the libraries whose output is in `documents/` and `signals/`."""
    from importlib.metadata import version

    from corpus.sources import read
    from corpus.text import (
        block_list,
        boilerplate,
        charset,
        extraction,
        lede,
        line_rules,
        main_content,
        main_text,
        markup,
        mojibake,
        normalisation,
        opt_out,
        page_kind,
        page_metadata,
        screens,
    )
    from filters import fasttext_model, language, language_hint, language_screen

    names = ("trafilatura", "lxml", "htmldate", "resiliparse", "fastwarc", "fasttext-community", "pyarrow")
    return {name: version(name) for name in names} | {
        "extraction": str(extraction.VERSION),
        "main_text": str(main_text.VERSION),
        "page_kind": str(page_kind.VERSION),
        "boilerplate": str(boilerplate.VERSION),
        "lede": str(lede.VERSION),
        "line_rules": str(line_rules.VERSION),
        "main_content": str(main_content.VERSION),
        "page_metadata": str(page_metadata.VERSION),
        "markup": str(markup.VERSION),
        "normalisation": str(normalisation.VERSION),
        "charset": str(charset.VERSION),
        "mojibake": str(mojibake.VERSION),
        "sources": str(read.VERSION),
        "language": str(language.VERSION),
        "fasttext_model": str(fasttext_model.VERSION),
        "language_hint": str(language_hint.VERSION),
        "screens": str(screens.VERSION),
        "opt_out": str(opt_out.VERSION),
        "block_list": str(block_list.VERSION),
        "language_screen": str(language_screen.VERSION),
    }


@dataclasses.dataclass
class Row:
    """A document on its way into a batch."""

    record: Page | Text
    found: MainText
    removed: Mapping[LineRule, int] = dataclasses.field(default_factory=dict)  # lines, by the rules on them

    @property
    def text(self) -> str:
        return self.found.text

    @functools.cached_property
    def date(self) -> datetime.datetime | None:
        return parse_date(self.record.date)

    @property
    def published(self) -> datetime.date | None:
        """When the page says that it was published, unless it was read before that day."""
        if self.found.published is None:
            return None
        day = datetime.date.fromisoformat(self.found.published)
        # Some clocks are a day ahead of the crawler's.
        return None if self.date is not None and day - self.date.date() > _ONE_DAY else day

    @property
    def language_hint(self) -> str | None:
        hint = self.record.language_hint if isinstance(self.record, Text) else None
        return normal_line(hint or "", at_most=HINT_CHARACTERS) or None

    def licence(self, of_source: str | None = None) -> str | None:
        """The row's own, else its source's."""
        own = self.record.licence if isinstance(self.record, Text) else None
        return normal_line(own or "", at_most=LICENCE_CHARACTERS) or of_source


def documents_of(
    split: Split, limits: Limits, work: PageWork = EVERYTHING, *, digested: Callable[[str], None] | None = None
) -> Iterator[Row | Loss | Other]:
    """Every record of a split as a document, a loss, or something that holds no page; `digested` as for `read_split`."""
    for record in read_split(split, limits, digested=digested):
        if isinstance(record, Loss | Other):
            yield record
            continue
        found: MainText | Loss
        if isinstance(record, Page):
            found = extract_page(record, limits, work)
        elif (refused := work.urls.refuses(record.url)) is not None:
            found = Loss(record.offset, record.length, *refused, record.url)
        else:
            found = MainText(clean(record.text, work))
        if isinstance(found, Loss):
            yield found
            continue
        edited = edit_lines(found.text, work.line_rules)
        if edited.text:
            # A batch waits for its documents, and need not hold what they were made of.
            spent = (
                dataclasses.replace(record, body=b"")
                if isinstance(record, Page)
                else dataclasses.replace(record, text="")
            )
            yield Row(spent, found._replace(text=edited.text), edited.removed)
        else:
            why = "the line rules leave no line" if found.text else "empty text"
            yield Loss(record.offset, record.length, Reason.NO_TEXT, why, record.url)


def document_batch(rows: list[Row], *, split: Split, first_row: int, licence: str | None = None) -> pa.RecordBatch:
    """A batch of schema.DOCUMENTS; `licence` is that of rows which name none."""
    base = (split.split << schema.ROW_BITS) + first_row
    name = split.file.rpartition("/")[2]
    columns = [
        [base + row for row in range(len(rows))],
        [_key(split.source, name, row.record) for row in rows],
        [row.record.record_id for row in rows],
        [row.record.url for row in rows],
        [row.date for row in rows],
        [split.source] * len(rows),
        [row.record.offset for row in rows],
        [row.language_hint for row in rows],
        [row.licence(licence) for row in rows],
        [row.found.title for row in rows],
        [row.found.author for row in rows],
        [row.published for row in rows],
        [row.text for row in rows],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema.DOCUMENTS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema.DOCUMENTS)


def _key(source: str, name: str, record: Page | Text) -> bytes:
    """URL + date + record id for a page, its own id for a row that has one, else file and place."""
    if isinstance(record, Page):
        return seeds.identity_key(source, record.url or "", record.date or "", record.record_id or "")
    if record.record_id is not None:
        return seeds.identity_key(source, record.record_id)
    return seeds.identity_key(source, name, record.offset)


def parse_date(date: str | None) -> datetime.datetime | None:
    """ISO 8601, or the fourteen digits of an archive, as UTC; None where it is neither, or no such day."""
    if not date:
        return None
    try:
        if date.isdigit() and len(date) == 14:
            return datetime.datetime.strptime(date, "%Y%m%d%H%M%S").replace(tzinfo=datetime.UTC)
        parsed = datetime.datetime.fromisoformat(date)
        utc = parsed.replace(tzinfo=datetime.UTC) if parsed.tzinfo is None else parsed.astimezone(datetime.UTC)
    except (ValueError, OverflowError):  # an offset can lead out of the years 1 to 9999
        return None
    return utc.replace(microsecond=0)


def identified(documents: pa.RecordBatch, settings: ExtractSettings) -> "list[Identification]":
    """The language of each document, hints considered."""
    from filters.language import LanguageModel
    from filters.language_hint import with_hint

    model = LanguageModel(settings.local_model)
    found = model.identify(
        documents.column("text").to_pylist(),
        windows=settings.language.windows,
        window_characters=settings.language.window_characters,
    )
    hints = zip(
        found, documents.column("language_hint").to_pylist(), documents.column("source").to_pylist(), strict=True
    )
    return [with_hint(each, hint, trusted=source in settings.trusted_hints) for each, hint, source in hints]


def in_chinese_script(documents: pa.RecordBatch, settings: ExtractSettings) -> pa.RecordBatch:
    """The documents with the texts of Chinese ones in the script that is asked for; what is measured is what this gives."""
    from filters.scripts import CHINESE

    script = settings.normalisation.chinese
    if script == "keep":
        return documents
    texts = [
        chinese_script.in_script(text, script) if each.language in CHINESE else text
        for text, each in zip(documents.column("text").to_pylist(), identified(documents, settings), strict=True)
    ]
    at = documents.schema.get_field_index("text")
    return documents.set_column(at, schema.DOCUMENTS.field("text"), pa.array(texts, pa.large_string()))


def signal_batch(documents: pa.RecordBatch, settings: ExtractSettings) -> pa.RecordBatch:
    """Everything that is measured on a batch of documents, row for row: schema.signals_schema."""
    from filters import datatrove_signals, jieba_signals, minhash, pii, signals

    texts = documents.column("text")
    strings = texts.to_pylist()
    found = identified(documents, settings)
    languages = [each.language for each in found]
    measured = signals.measure(texts, languages)
    if "datatrove" in settings.groups:
        measured |= datatrove_signals.measure(texts)
    if "jieba" in settings.groups:
        measured |= jieba_signals.measure(texts, languages)
    personal = pii.measure(texts)
    dedup = settings.dedup
    signature, shingles = minhash.signatures(texts, permutations=dedup.permutations, shingle=dedup.shingle)
    bands = minhash.bands(signature, bands=dedup.bands, rows=dedup.rows)
    columns: dict[str, pa.Array] = {
        "doc_id": documents.column("doc_id"),
        "key": documents.column("key"),
        "source": documents.column("source"),
        "date": documents.column("date"),
        "language": pa.array(languages, pa.string()),
        "language_score": pa.array([each.score for each in found], pa.float32()),
        "script": pa.array([each.script for each in found], pa.string()),
        "second_language": pa.array([each.second for each in found], pa.string()),
        "second_language_share": pa.array([each.second_share for each in found], pa.float32()),
        "code_switching": pa.array([each.code_switching for each in found], pa.bool_()),
        "text_hash": pa.array([seeds.content_digest(text.encode()) for text in strings], pa.binary(16)),
        "url_hash": pa.array([url_hash(url) for url in documents.column("url").to_pylist()], pa.uint64()),
        **{name: pa.array(values) for name, values in (measured | personal.counts).items()},
        "personal_data": personal.edits,
        "shingles": pa.array(shingles),
        "codes": fixed_binary(minhash.codes_of(signature)),
    }
    columns["bands"] = pa.FixedSizeListArray.from_arrays(
        pa.array(bands.ravel()), type=settings.signals.field("bands").type
    )
    return pa.RecordBatch.from_arrays([columns[name] for name in settings.signals.names], schema=settings.signals)


def extract_item(stage: Stage, item: int, settings: ExtractSettings) -> ItemRecord:
    """Runs one work item and writes its files; the record is for the caller to finish."""
    counts = dict.fromkeys(
        ("records_in", "other_records", "documents", "dropped", "failed", "lost_ranges", "lost_bytes"), 0
    )
    splits = read_splits(settings.splits, item)
    counts["input_bytes"] = sum(split.end - split.begin for split in splits)
    counts["text_bytes"] = 0
    losses: list[tuple[int, Loss]] = []  # not yet written
    digests: dict[str, str] = {}
    works = settings.works()
    restarts = works.extractor.restarts

    def write_losses() -> None:
        for batch in failed_table(losses).to_batches():
            writers["failed"].write(batch)
        for _, loss in losses:
            _count_loss(counts, loss)
        losses.clear()

    def batches() -> Iterator[pa.RecordBatch]:
        # A batch takes the documents of as many splits as it has room for: a split may be a file of one document.
        parts: list[pa.RecordBatch] = []
        size = documents = 0
        for split in splits:
            rows: list[Row] = []
            first = 0
            licence = settings.licences.get(split.source)
            digested = functools.partial(digests.__setitem__, str(split.split))
            for found in documents_of(split, settings.limits, works.of(split.source), digested=digested):
                if isinstance(found, Other):
                    counts["other_records"] += 1
                    continue
                if isinstance(found, Loss):
                    losses.append((split.split, found))
                    if len(losses) == BATCH_LOSSES:
                        write_losses()
                    continue
                rows.append(found)
                for rule, number in found.removed.items():
                    counts[f"removed_lines.{rule}"] = counts.get(f"removed_lines.{rule}", 0) + number
                size += len(found.text.encode())
                documents += 1
                if size >= BATCH_TEXT_BYTES or documents == BATCH_DOCUMENTS:
                    parts.append(document_batch(rows, split=split, first_row=first, licence=licence))
                    yield pa.concat_batches(parts)
                    counts["text_bytes"] += size
                    first, rows = first + len(rows), []
                    size, documents, parts = 0, 0, []
            if rows:
                parts.append(document_batch(rows, split=split, first_row=first, licence=licence))
        if parts:
            yield pa.concat_batches(parts)
            counts["text_bytes"] += size

    with ExitStack() as stack:
        writers = {
            kind: stack.enter_context(ipc.batch_writer(stage.output(kind, item), of))
            for kind, of in (
                ("documents", schema.DOCUMENTS),
                ("signals", settings.signals),
                ("failed", schema.FAILED),
            )
        }
        for batch in map(functools.partial(in_chinese_script, settings=settings), batches()):
            measured = signal_batch(batch, settings)
            writers["documents"].write(batch)
            writers["signals"].write(measured)
            for name, number in found_counts(measured).items():
                counts[name] = counts.get(name, 0) + number
        write_losses()
    written = {kind: writer.written for kind, writer in writers.items()}
    counts["documents"] = written["documents"].rows
    counts["helper_restarts"] = works.extractor.restarts - restarts
    counts["payloads_reused"] = works.reused
    counts["records_in"] = counts["documents"] + counts["dropped"] + counts["failed"]
    return ItemRecord(item=item, outputs=written, counts=counts, inputs=digests)


def _count_loss(counts: dict[str, int], loss: Loss) -> None:
    if loss.reason in BYTE_LOSSES:
        counts["lost_ranges"] += 1
        counts["lost_bytes"] += loss.length
        name = f"lost_ranges.{loss.reason}"
    else:
        counts[loss.reason.outcome] += 1
        name = f"{loss.reason.outcome}.{loss.reason}"
    counts[name] = counts.get(name, 0) + 1


def failed_table(losses: list[tuple[int, Loss]]) -> pa.Table:
    """schema.FAILED, a row a loss, in file order."""
    columns = [
        [split for split, _ in losses],
        [loss.offset for _, loss in losses],
        [loss.length for _, loss in losses],
        [loss.url for _, loss in losses],
        [loss.reason.outcome.value for _, loss in losses],
        [loss.reason.value for _, loss in losses],
        [loss.detail for _, loss in losses],
    ]
    return pa.table(dict(zip(schema.FAILED.names, columns, strict=True)), schema=schema.FAILED)
