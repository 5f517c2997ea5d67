"""extract: a work item's splits → documents, and what was dropped or failed, in one pass.

Reads   the input files of `splits.arrow`
Writes  documents/FP/ITEM.arrow (schema.DOCUMENTS), one record batch per BATCH_TEXT_BYTES of text; failed/FP/ITEM.arrow
        (schema.FAILED), one per BATCH_LOSSES rows
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

import pyarrow as pa

from corpus import schema, seeds
from corpus.errors import BuildError
from corpus.pages.main_text import MainText
from corpus.pages.marks import Form
from corpus.pages.page_text import EVERYTHING, PageWork, PayloadCache, clean, extract_page
from corpus.reasons import BYTE_LOSSES, Reason
from corpus.recipe import Extract, Recipe
from corpus.sources.read import read_split
from corpus.sources.records import Limits, Loss, NoPage, Page, Split, Text
from corpus.sources.splits import read_splits
from corpus.storage import ipc
from corpus.storage.digested_file import DigestedFile
from corpus.storage.run_directory import ItemRecord, Stage
from corpus.text import chinese_script
from corpus.text.line_rules import NOTHING_EDITED, LineRule, LineRules, edit_lines
from corpus.text.normalisation import DEFAULT, Normalisation, normal_line
from filters.language.of_documents import LanguageSettings, identified
from pipelines.stages import prerequisites
from pipelines.stages.costs import Sizes, StageCost, Stored
from pipelines.stages.extraction_checks import check_extracted
from pipelines.stages.language_settings import language_identity, language_settings
from pipelines.stages.outputs import DOCUMENTS, FAILED
from pipelines.stages.stage import Conservation, Driver, StageSpec, Upstream

#: Enough text for the compiled kernels to be the only cost, little enough for any worker.
BATCH_TEXT_BYTES = 4 << 20
BATCH_DOCUMENTS = 1024
#: Rows of failed/ that are held: of a crawl in few languages nearly every record is one, half a million in an item of 4 GiB.
BATCH_LOSSES = 8192

#: What a row may say about itself, in characters.
HINT_CHARACTERS = 64
LICENCE_CHARACTERS = 200
_ONE_DAY = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class ExtractSettings:
    """What decides the bytes that `extract` writes."""

    splits: str  # URL of splits.arrow
    limits: Limits
    language: LanguageSettings  # of the screen, and of what is done to Chinese
    extract: Extract = dataclasses.field(default_factory=Extract)
    screened_for: frozenset[str] | None = None  # wanted languages, where pages of others are screened
    licences: Mapping[str, str] = dataclasses.field(default_factory=dict)  # source → of documents that name none
    normalisation: Normalisation = DEFAULT
    line_rules: Mapping[str, LineRules] = dataclasses.field(default_factory=dict)  # of sources whose lines are edited
    helper: bool = True  # main text in a process of its own

    @staticmethod
    def of(recipe: Recipe, *, splits: str, model: Path | DigestedFile, helper: bool = True) -> "ExtractSettings":
        if recipe.normalise.chinese != "keep":
            chinese_script.converter(recipe.normalise.chinese)  # an error now, not in a worker
        return ExtractSettings(
            splits=splits,
            limits=limits_of(recipe.extract),
            language=language_settings(recipe, model),
            extract=recipe.extract,
            normalisation=Normalisation(**recipe.normalise.model_dump()),
            line_rules=_line_rules(recipe),
            screened_for=_screened_for(recipe),
            licences={source.name: source.licence for source in recipe.source if source.licence},
            helper=helper,
        )

    def works(self) -> "WorkBySource":
        """How the pages of each source are extracted; its cache is for one work item."""
        common = dataclasses.replace(page_work(self.extract, helper=self.helper), normalisation=self.normalisation)
        if self.screened_for is not None:
            from filters.language.wanted import LanguageScreen

            screen = LanguageScreen(
                self.language.local_model, self.screened_for, self.extract.language_screen_confidence
            )
            common = dataclasses.replace(common, language_screen=screen)
        return WorkBySource(common, self.line_rules)


def limits_of(extract: Extract) -> Limits:
    return Limits(extract.max_record_bytes, extract.max_page_bytes, extract.max_text_bytes)


def page_work(extract: Extract, *, helper: bool = True) -> PageWork:
    """How pages are extracted under these settings, in a process of its own or in this one; without a source's screens."""
    from corpus.pages import extractor_process

    main = (extractor_process.WITH_LINKS if extract.links else extractor_process.EXTRACTORS)[extract.extractor]
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
        form=Form(extract.markup, ruby=extract.ruby == "reading", links=extract.links),
    )


class WorkBySource:
    """source → its PageWork. Each source has a cache of its own, and its line rules."""

    def __init__(self, common: PageWork, line_rules: Mapping[str, LineRules]) -> None:
        self.extractor = common.extractor
        self._common, self._line_rules = common, line_rules
        self._of: dict[str, PageWork] = {}

    def of(self, source: str) -> PageWork:
        if source not in self._of:
            self._of[source] = dataclasses.replace(
                self._common, line_rules=self._line_rules.get(source, NOTHING_EDITED), cache=PayloadCache()
            )
        return self._of[source]

    @property
    def reused(self) -> int:
        """Pages whose payload had been extracted before."""
        return sum(work.cache.hits for work in self._of.values() if work.cache is not None)


def _line_rules(recipe: Recipe) -> dict[str, LineRules]:
    """Source → its line rules, of sources that have some."""
    rules = LineRules(**recipe.line_rules.model_dump(exclude={"kinds"}))
    return {source.name: rules for source in recipe.source if rules.any and source.kind in recipe.line_rules.kinds}


def _screened_for(recipe: Recipe) -> frozenset[str] | None:
    languages = recipe.run.languages
    return frozenset(languages) if recipe.extract.language_screen and "*" not in languages else None


def _language_model(recipe: Recipe, recipe_path: Path) -> DigestedFile:
    return DigestedFile.of(str(prerequisites.language_model(recipe, recipe_path)))


def _settings(up: Upstream, model: DigestedFile, stage: Stage) -> ExtractSettings:
    return ExtractSettings.of(up.recipe, splits=up.splits, model=model.copied_to(stage.file("language.model")))


def _fingerprint(up: Upstream, model: DigestedFile) -> tuple[object, ...]:
    """Inputs and settings; wanted languages and their model where pages are screened by them, or texts changed."""
    recipe = up.recipe
    needs_languages = _screened_for(recipe) is not None or recipe.normalise.chinese != "keep"
    return (
        up.planned[0].fingerprint,
        recipe.extract,
        recipe.normalise,
        {source: dataclasses.asdict(rules) for source, rules in _line_rules(recipe).items()},
        sorted(_screened_for(recipe) or ()),
        {source.name: source.licence for source in recipe.source if source.licence},
        language_identity(recipe, model) if needs_languages else [],
        chinese_script.versions(recipe.normalise.chinese),
    )


def _compile(model: DigestedFile) -> None:
    from corpus.pages import markup
    from filters.language.identification import LanguageModel

    LanguageModel(model.local()).identify(["The warm-up."])
    markup.warm_up()


def _check_failures(driver: Driver, up: Upstream, stage: Stage, totals: Mapping[str, int]) -> None:
    records = totals["records_in"] + totals["lost_ranges"]
    shares = {
        "records": (totals["failed"] + totals["lost_ranges"], records),
        "input bytes": (totals["lost_bytes"], totals["input_bytes"]),
    }
    url, allowed = up.run.url, up.recipe.run.max_failed_fraction
    for what, (failed, of) in shares.items():
        if of and failed / of > allowed:
            raise BuildError(
                f"{url}: {failed:,} of {of:,} {what} failed ({failed / of:.1%}), run.max_failed_fraction "
                f"allows {allowed:.1%}; `corpus show {url} --failed` lists them; everything finished is kept"
            )


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
) -> Iterator[Row | Loss | NoPage]:
    """Every record of a split as a document, a loss, or something that holds no page; `digested` as for `read_split`."""
    for record in read_split(split, limits, digested=digested):
        if isinstance(record, Loss | NoPage):
            yield record
            continue
        # A row's text before anything reads it; and any text as it would be stored, since composition can lengthen it.
        found: MainText | Loss | None = too_large(record, record.text, limits) if isinstance(record, Text) else None
        if found is None:
            found = (
                extract_page(record, limits, work) if isinstance(record, Page) else MainText(clean(record.text, work))
            )
        if not isinstance(found, Loss):
            found = too_large(record, found.text, limits) or found
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


def too_large(record: Page | Text, text: str, limits: Limits) -> Loss | None:
    """A loss where a text has more bytes of UTF-8 than are measured: what reads it holds many times its size."""
    # Lone surrogates are three bytes here, as they are in a text that is not clean yet.
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size <= limits.max_text_bytes:
        return None
    detail = f"{size} bytes of text; max_text_bytes is {limits.max_text_bytes}"
    return Loss(record.offset, record.length, Reason.TEXT_TOO_LARGE, detail, record.url)


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
        [row.found.opt_outs for row in rows],
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


def in_chinese_script(documents: pa.RecordBatch, settings: ExtractSettings) -> pa.RecordBatch:
    """The documents with the texts of Chinese ones in the script that is asked for; what is measured is what this gives."""
    from filters.language.scripts import CHINESE

    script = settings.normalisation.chinese
    if script == "keep":
        return documents
    texts = [
        chinese_script.in_script(text, script) if each.language in CHINESE else text
        for text, each in zip(
            documents.column("text").to_pylist(), identified(documents, settings.language), strict=True
        )
    ]
    at = documents.schema.get_field_index("text")
    return documents.set_column(at, schema.DOCUMENTS.field("text"), pa.array(texts, pa.large_string()))


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
                if isinstance(found, NoPage):
                    counts["other_records"] += 1
                    continue
                if isinstance(found, Loss):
                    losses.append((split.split, found))
                    if len(losses) == BATCH_LOSSES:
                        write_losses()
                    continue
                rows.append(found)
                if isinstance(found.record, Page) and found.record.cut:
                    counts["cut_bodies"] = counts.get("cut_bodies", 0) + 1
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
                ("failed", schema.FAILED),
            )
        }
        for batch in map(functools.partial(in_chinese_script, settings=settings), batches()):
            writers["documents"].write(batch)
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


def _costs(sizes: Sizes) -> StageCost:
    return StageCost(
        name="extract",
        units=sizes.items,
        seconds=sizes.extract_seconds,
        read_bytes=sizes.input_bytes,
        written_bytes=sizes.stored_text_bytes + sizes.failed_bytes,
        opened=sizes.splits,
        written=3 * sizes.items,
        worker_bytes=sizes.number("worker_bytes") + sizes.number("extractor_bytes"),
        memory="the worker and its extractor",
        stored=(
            Stored("documents", sizes.items, sizes.stored_text_bytes),
            Stored("failed", sizes.items, sizes.failed_bytes),
        ),
        records=sizes.items,
    )


EXTRACT = StageSpec(
    name="extract",
    summary="input files → documents, and what was dropped or failed",
    reads=(),
    writes=(DOCUMENTS, FAILED),
    code=("pipelines.stages.extraction",),
    opens=_language_model,
    fingerprint=_fingerprint,
    settings=_settings,
    work=extract_item,
    warm_up=_compile,
    closed=_check_failures,
    conserves=Conservation("records_in", "documents"),
    check=check_extracted,
    costs=_costs,
)
