"""measure: documents → signals: languages, signals of the text, signatures, personal data, lists and opt-outs.

Reads   documents/FP/ITEM.arrow; the language model and the lists of URLs, as the driver stores them: stages/measure/FP/
Writes  signals/FP/ITEM.arrow (schema.signals_schema), row for row beside documents
Invariant  nothing is judged, and no HTML is read: another language model, signature, profile of parity or list runs this stage and
        `select` again, and leaves `extract` alone
Cost    see filters.measuring; memory: one batch of documents, and 60 bytes a byte of its longest text at most
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from corpus import schema
from corpus.pages.opt_out import OptOuts
from corpus.recipe import Recipe, Source, fingerprint
from corpus.storage import ipc
from corpus.storage.digested_file import DigestedFile
from corpus.storage.run_directory import ItemRecord, Stage
from corpus.urls.url_screen import UrlScreen
from filters.measuring import MeasureSettings, signal_batch
from filters.privacy.pii import found_counts
from filters.quality.rules import load_profiles
from pipelines.stages import prerequisites
from pipelines.stages.costs import Sizes, StageCost, Stored
from pipelines.stages.language_settings import language_identity, language_settings
from pipelines.stages.measurement_checks import check_measured
from pipelines.stages.outputs import DOCUMENTS, LANGUAGES, SIGNALS
from pipelines.stages.stage import Conservation, StageSpec, Upstream
from pipelines.stages.versions import versions_of


@dataclasses.dataclass(frozen=True)
class MeasureInputs:
    """What a recipe names for this stage, opened and checked."""

    model: DigestedFile
    url_lists: Mapping[str, UrlScreen]  # of sources that have some

    @staticmethod
    def of(recipe: Recipe, recipe_path: Path) -> "MeasureInputs":
        from corpus.urls.url_lists import read_url_lists

        _groups(recipe)  # an error now, not when every page has been read
        model = DigestedFile.of(str(prerequisites.language_model(recipe, recipe_path)))
        return MeasureInputs(model, read_url_lists(recipe, recipe_path.parent, where=str(recipe_path)))


@dataclasses.dataclass(frozen=True)
class MeasureItem:
    """Where the documents lie, and what is measured on them."""

    documents: Stage
    measured: MeasureSettings


def measure_settings(
    recipe: Recipe, model: Path | DigestedFile, url_lists: Mapping[str, DigestedFile | UrlScreen]
) -> MeasureSettings:
    """What a recipe wants measured. Raises InputError where what its profiles need is not installed."""
    groups = _groups(recipe)
    respect = {source.name: opt_outs(source) for source in recipe.source if source.respect}
    return MeasureSettings(language_settings(recipe, model), recipe.dedup, groups, url_lists, respect)


def _groups(recipe: Recipe) -> tuple[str, ...]:
    """The groups of signals that the profiles ask for. Raises InputError where what they need is not installed."""
    groups = load_profiles(recipe).groups
    if "jieba" in groups:
        from filters.parity import jieba_words

        jieba_words.package_folder()
    return groups


def opt_outs(source: Source) -> OptOuts:
    return OptOuts(frozenset(source.respect), frozenset(agent.lower() for agent in source.respect_agents))


def measure_item(stage: Stage, item: int, settings: MeasureItem) -> ItemRecord:
    """Measures the documents of one work item."""
    reader = ipc.open_reader(settings.documents.output("documents", item), schema.DOCUMENTS)
    counts = {"documents": 0, **found_counts(settings.measured.signals.empty_table())}

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(reader.num_record_batches):
            batch = signal_batch(reader.get_batch(number), settings.measured)
            counts["documents"] += batch.num_rows
            for name, found in found_counts(batch).items():
                counts[name] += found
            yield batch

    written = ipc.write_batches(stage.output("signals", item), settings.measured.signals, batches())
    return ItemRecord(item=item, outputs={"signals": written}, counts=counts)


def compile_kernels(model: Path) -> None:
    """Compiles once, before workers start: each would compile for itself otherwise."""
    from filters.copies import minhash
    from filters.language.identification import LanguageModel
    from filters.privacy import pii
    from filters.quality import signals
    from filters.spam import spam_score

    LanguageModel(model).identify(["The warm-up."])
    signals.warm_up()
    minhash.warm_up()
    pii.warm_up()
    spam_score.warm_up()


def _settings(up: Upstream, opened: MeasureInputs, stage: Stage) -> MeasureItem:
    urls = {name: each.write(stage.file(f"url_lists.{name}.arrow")) for name, each in opened.url_lists.items()}
    model = opened.model.copied_to(stage.file("language.model"))
    return MeasureItem(up.writer(DOCUMENTS), measure_settings(up.recipe, model, urls))


def _fingerprint(up: Upstream, opened: MeasureInputs) -> tuple[object, ...]:
    recipe = up.recipe
    respected = {source.name: opt_outs(source) for source in recipe.source if source.respect}
    return (
        language_identity(recipe, opened.model),
        recipe.dedup.model_dump(include={"bands", "rows", "shingle"}),
        list(_groups(recipe)),
        {source: [sorted(each.respect), sorted(each.agents)] for source, each in respected.items()},
        {source: found.digest for source, found in opened.url_lists.items()},
    )


def _marks(up: Upstream, opened: MeasureInputs) -> dict[str, str]:
    """Who looks at the languages alone does not run again for a new signature or list."""
    code = versions_of("filters.language.of_documents")
    identity = language_identity(up.recipe, opened.model)
    return {LANGUAGES.mark: fingerprint("languages", up.marks[DOCUMENTS.mark], code, identity)}


def _costs(sizes: Sizes) -> StageCost:
    return StageCost(
        name="measure",
        units=sizes.items,
        seconds=sizes.text_bytes * sizes.number("measure_seconds"),
        read_bytes=sizes.stored_text_bytes,
        written_bytes=sizes.signal_bytes,
        opened=sizes.items,
        written=2 * sizes.items,
        worker_bytes=sizes.number("worker_bytes"),
        memory="a batch of documents",
        stored=(Stored("signals", sizes.items, sizes.signal_bytes),),
        records=sizes.items,
    )


MEASURE = StageSpec(
    name="measure",
    summary="documents → signals: languages, signals of the text, signatures, personal data, lists and opt-outs",
    reads=(DOCUMENTS,),
    writes=(SIGNALS, LANGUAGES),
    code=("filters.measuring", "pipelines.stages.measurement"),
    opens=MeasureInputs.of,
    fingerprint=_fingerprint,
    marks=_marks,
    settings=_settings,
    work=measure_item,
    warm_up=lambda opened: compile_kernels(opened.model.local()),
    conserves=Conservation("documents", "documents"),
    check=check_measured,
    costs=_costs,
)
