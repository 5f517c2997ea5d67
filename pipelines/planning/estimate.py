"""What a build takes, as arithmetic: inputs × coefficients → documents, tokens, core-hours, files, bytes, memory, cost.

Every formula is linear in the inputs but for counts that are rounded up and the sizes of select's parts and ranges, which
come from its own code. docs/plan.md prints them with an example. Nothing here is measured and nothing is read.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence, Set

import numpy as np

from corpus.errors import RecipeError
from corpus.feed.phases import PhasePlan, plan_phases
from corpus.recipe import Prices, Recipe
from corpus.storage.run_directory import RunDirectory
from filters.rules import Profiles
from pipelines.planning.coefficients import PAGES, Coefficients
from pipelines.planning.inputs import SourceInputs
from pipelines.selection.settings import RANGE_ROWS, SelectSettings, SourceRanges, divide
from pipelines.selection.steps import steps_of

#: A work item's record, as the demo's are.
RECORD_BYTES = 1_300
#: schema.EDGES.
EDGE_BYTES = 20
#: Memory of a split while inputs are listed: 1,560 bytes of 400,000 files with the paths of Common Crawl's.
SPLIT_BYTES = 1_600
#: Files of documents/, signals/, decisions/ that select's steps open of a work item, besides what they send each other.
SELECT_OPENS = 6

SECONDS_AN_HOUR = 3600


@dataclasses.dataclass(frozen=True)
class SourcePlan:
    """A source: what is counted or stated of its inputs, and what is expected of them."""

    name: str
    listed: bool
    files: int
    bytes: int
    splits: int
    items: int
    coefficients: str  # the measured source that stands for it
    assumed: tuple[str, ...]  # what of its content is that source's, and not known of this one
    records: float
    documents: float
    text_bytes: float
    kept: float
    kept_text_bytes: float
    stored_text_bytes: float
    failed_bytes: float
    tokens: dict[str, float]  # by language
    extract_seconds: float

    @property
    def all_tokens(self) -> float:
        return sum(self.tokens.values())


@dataclasses.dataclass(frozen=True)
class Exchange:
    """How select divides documents and hashes, and what its steps send each other."""

    parts: int
    ranges: int
    units: int  # of all steps
    files: int
    reads: int  # batches that are read
    sent_bytes: float
    most_bytes: float  # on disk at once
    band_batch_bytes: float  # what one part sends one range: the commonest read


@dataclasses.dataclass(frozen=True)
class StagePlan:
    """A stage: its units of work, and what they take in all."""

    name: str
    units: int
    seconds: float  # of a core
    read_bytes: float
    written_bytes: float
    opened: int  # files, or batches of them, that are read
    written: int  # files
    worker_bytes: float  # peak memory of one worker
    memory: str  # what decides it

    @property
    def core_hours(self) -> float:
        return self.seconds / SECONDS_AN_HOUR


@dataclasses.dataclass(frozen=True)
class Stored:
    """A folder of the run directory."""

    kind: str
    files: int
    bytes: float
    temporary: bool = False


@dataclasses.dataclass(frozen=True)
class Cost:
    """By the recipe's prices."""

    currency: str
    compute: float
    storage: float
    requests: float

    @property
    def total(self) -> float:
        return self.compute + self.storage + self.requests


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The whole plan."""

    name: str
    machine: str  # whose core the hours are of
    item_bytes: int
    sources: tuple[SourcePlan, ...]
    exchange: Exchange
    stages: tuple[StagePlan, ...]
    storage: tuple[Stored, ...]
    shards: Mapping[str, int]  # by domain
    phases: PhasePlan | None
    phases_problem: str | None  # why the phases do not fit the tokens that are expected
    cost: Cost | None

    @property
    def domains(self) -> dict[str, float]:
        """Tokens by domain."""
        return domain_tokens(self.sources)

    @property
    def core_hours(self) -> float:
        return sum(stage.core_hours for stage in self.stages)

    @property
    def stored_bytes(self) -> float:
        """What stays when the run is done."""
        return sum(each.bytes for each in self.storage if not each.temporary)

    @property
    def peak_bytes(self) -> float:
        return sum(each.bytes for each in self.storage)


def estimate(
    recipe: Recipe,
    profiles: Profiles,
    inputs: Sequence[SourceInputs],
    coefficients: Coefficients,
    *,
    item_bytes: int,
    token_bytes: int,
) -> Estimate:
    """Reckons the plan. Raises RecipeError for a source that no measured one stands for."""
    sources = tuple(source_plan(recipe, each, coefficients) for each in inputs)
    exchange = exchange_of(recipe, profiles, sources, coefficients)
    shards = shards_of(domain_tokens(sources), target_bytes=recipe.shards.target_bytes, token_bytes=token_bytes)
    whole = _Whole(recipe, sources, exchange, coefficients, shards, token_bytes)
    stages, storage = whole.stages(), whole.storage()
    phases, problem = _phases(recipe, domain_tokens(sources))
    cost = cost_of(recipe.prices, stages, storage) if recipe.prices is not None else None
    return Estimate(
        name=recipe.run.name,
        machine=coefficients.machine,
        item_bytes=item_bytes,
        sources=sources,
        exchange=exchange,
        stages=stages,
        storage=storage,
        shards=shards,
        phases=phases,
        phases_problem=problem,
        cost=cost,
    )


def source_plan(recipe: Recipe, inputs: SourceInputs, coefficients: Coefficients) -> SourcePlan:
    """What is expected of one source. Raises RecipeError."""
    source = inputs.source
    of = coefficients.of(source)
    if of is None:
        what = "pages" if source.format in PAGES else "rows of text"
        raise RecipeError(
            f"source {source.name!r}: the coefficients have no source of {what}; `corpus plan --calibrate` measures this one"
        )
    content = of.content(source.expected)
    records = inputs.bytes / content.record_bytes
    documents = records * content.documents
    text = documents * content.text_bytes
    kept = documents * content.kept
    kept_text = kept * content.kept_text_bytes
    shares = {language: share for language, share in content.languages.items() if recipe.run.wants(language)}
    shares = shares or dict(content.languages)
    whole = sum(shares.values())
    tokens = {
        language: kept_text * share / whole * coefficients.tokens(language)
        for language, share in sorted(shares.items())
    }
    return SourcePlan(
        name=source.name,
        listed=inputs.listed,
        files=inputs.files,
        bytes=inputs.bytes,
        splits=inputs.splits,
        items=inputs.items,
        coefficients=of.name,
        assumed=of.assumed(source),
        records=records,
        documents=documents,
        text_bytes=text,
        kept=kept,
        kept_text_bytes=kept_text,
        stored_text_bytes=text * of.stored_text,
        failed_bytes=(records - documents) * of.failed_bytes,
        tokens=tokens,
        extract_seconds=records * of.record_seconds + documents * of.document_seconds + text * of.text_seconds,
    )


def domain_tokens(sources: Sequence[SourcePlan]) -> dict[str, float]:
    """SOURCE.LANGUAGE → tokens."""
    return {f"{each.name}.{language}": tokens for each in sources for language, tokens in each.tokens.items()}


def shards_of(tokens: Mapping[str, float], *, target_bytes: int, token_bytes: int) -> dict[str, int]:
    """Shards of each domain."""
    return {domain: max(1, math.ceil(number * token_bytes / target_bytes)) for domain, number in tokens.items()}


def exchange_of(
    recipe: Recipe, profiles: Profiles, sources: Sequence[SourcePlan], coefficients: Coefficients
) -> Exchange:
    """select's parts and ranges, by its own code, over work items that hold equally many documents of their source."""
    in_items = np.repeat([each.documents / each.items for each in sources], [each.items for each in sources])
    parts, first_ids = divide(in_items.tolist(), np.arange(len(in_items)))
    documents = sum(each.documents for each in sources)
    signals = RunDirectory("").stage("extract", "")
    ranges = SourceRanges.of_splits([each.name for each in sources])
    settings = SelectSettings(recipe, profiles, signals, math.ceil(documents), parts, first_ids, ranges)
    sent = sent_files(kinds_of_copies(recipe), parts=len(parts), ranges=settings.ranges)
    rows = documents * recipe.dedup.bands if "near" in kinds_of_copies(recipe) else 0.0
    return Exchange(
        parts=len(parts),
        ranges=settings.ranges,
        units=sum(step.units(settings) for step in steps_of(settings)),
        files=sum(files for files, _ in sent.values()),
        reads=sum(reads for _, reads in sent.values()),
        sent_bytes=documents * coefficients.sent_bytes.value,
        most_bytes=documents * coefficients.exchange_bytes.value,
        band_batch_bytes=16 * rows / len(parts) / settings.ranges,
    )


def kinds_of_copies(recipe: Recipe) -> Set[str]:
    """Which are looked for, of one source at least."""
    return {kind for kind in ("url", "exact", "near") if recipe.deduplicated(kind)}


def sent_files(kinds: Set[str], *, parts: int, ranges: int) -> dict[str, tuple[int, int]]:
    """Kind of rows that select's steps send → (files, batches that are read of them); `kinds`: url, exact, near.

    A receiver reads one batch of every file, in as many steps as want the kind: docs/dedup.md has the steps.
    """
    url, exact, near = (kind in kinds for kind in ("url", "exact", "near"))
    there, back, across = (parts, parts * ranges), (ranges, ranges * parts), (parts, parts * parts)
    copies = (ranges, (2 + near) * ranges * parts)
    sent = {"documents": (parts, parts * (3 + url + exact + 3 * near))}
    if url:
        sent |= {"url-keys": there, "url": copies}
    if exact:
        sent |= {"text-keys": there, "text": copies}
    if near:
        sent |= {"bands": there, "pairs": back, "crowded": back, "candidates": across, "crowds": there}
        sent |= {"edges": (parts + ranges, (parts + ranges) * parts), "near": (1, 3 * parts)}
    twice = (parts, 2 * parts * parts)
    return sent | {"url-followed": across, "final-url": twice, "final-text": twice}


@dataclasses.dataclass(frozen=True)
class _Whole:
    """Sums over all sources."""

    recipe: Recipe
    sources: Sequence[SourcePlan]
    exchange: Exchange
    coefficients: Coefficients
    shards: Mapping[str, int]
    token_bytes: int

    def _sum(self, name: str) -> float:
        return sum(getattr(each, name) for each in self.sources)

    @property
    def _items(self) -> int:
        return sum(each.items for each in self.sources)

    @property
    def _near(self) -> bool:
        return "near" in kinds_of_copies(self.recipe)

    @property
    def _scored(self) -> int:
        return len(self.recipe.scored_signals)

    @property
    def _trains(self) -> bool:
        return self.recipe.tokenizer.model is None

    @property
    def _sample_bytes(self) -> float:
        return min(self.recipe.tokenizer.sample_bytes, self._sum("kept_text_bytes"))

    def _token_file_bytes(self, sources: Sequence[SourcePlan]) -> float:
        rows = sum(each.kept for each in sources) * self.coefficients.token_row_bytes.value
        return sum(each.all_tokens for each in sources) * self.token_bytes + rows

    def storage(self) -> tuple[Stored, ...]:
        """The run directory's folders."""
        c, items, documents = self.coefficients, self._items, self._sum("documents")
        tokens, shards = self._token_file_bytes(self.sources), sum(self.shards.values())
        found = [
            Stored("documents", items, self._sum("stored_text_bytes")),
            Stored("signals", items, documents * c.signal_bytes.value),
            Stored("failed", items, self._sum("failed_bytes")),
        ]
        if self.recipe.decontaminate is not None:
            found.append(Stored("contamination, exams", items + 1, documents * c.contamination_bytes.value))
        if self._scored:
            found.append(Stored("scores", items, documents * c.score_bytes.value * self._scored))
        decided = documents * (c.decision_bytes.value + EDGE_BYTES * c.edges.value * self._near)
        found.append(Stored("decisions, edges", items + self.exchange.parts, decided))
        if self._trains:
            stored = self._sum("stored_text_bytes") / self._sum("text_bytes")
            found.append(Stored("sample, tokenizer", items + 1, self._sample_bytes * stored))
        records = self._records()
        return (
            *found,
            Stored("tokens", items, tokens),
            Stored("shards", shards, tokens),
            Stored("stages", records, records * RECORD_BYTES),
            Stored("exchange", self.exchange.files + self.exchange.units, self.exchange.most_bytes, temporary=True),
        )

    def _records(self) -> int:
        """Records of work items that stay."""
        of_all = 3 + (self.recipe.decontaminate is not None) + (self._scored > 0) + self._trains
        return self._items * of_all + sum(self.shards.values()) + 8

    def stages(self) -> tuple[StagePlan, ...]:
        """Every stage that the recipe has, in order."""
        c, items = self.coefficients, self._items
        documents, text, kept_text = (self._sum(name) for name in ("documents", "text_bytes", "kept_text_bytes"))
        stored = {each.kind: each.bytes for each in self.storage()}
        texts, process, exchange = stored["documents"], c.process_bytes.value, self.exchange
        extracted = texts + stored["signals"] + stored["failed"]
        found = [
            StagePlan(
                "plan",
                1,
                0.0,
                0.0,
                0.0,
                int(self._sum("files")),
                3,
                process + self._sum("splits") * SPLIT_BYTES,
                "the list of splits",
            ),
            StagePlan(
                "extract",
                items,
                self._sum("extract_seconds"),
                self._sum("bytes"),
                extracted,
                int(self._sum("splits")),
                4 * items,
                c.worker_bytes.value + c.extractor_bytes.value,
                "the worker and its extractor",
            ),
        ]
        if self.recipe.decontaminate is not None:
            written = stored["contamination, exams"]
            seconds = text * c.contamination_seconds.value
            found.append(
                StagePlan(
                    "decontaminate", items, seconds, texts, written, 2 * items, 2 * items + 2, process, "and the index"
                )
            )
            found.append(StagePlan("exams", 1, 0.0, written, 0.0, items, 2, process, "and the matches"))
        if self._scored:
            seconds = text * (
                len(self.recipe.classifier) * c.classifier_seconds.value
                + len(self.recipe.word_list) * c.word_list_seconds.value
            )
            found.append(
                StagePlan(
                    "score", items, seconds, texts, stored["scores"], 2 * items, 2 * items, process, "and the models"
                )
            )
        memory, decides = self._select_memory()
        found.append(
            StagePlan(
                "select",
                exchange.units,
                documents * c.select_seconds.value,
                stored["signals"] + exchange.sent_bytes,
                stored["decisions, edges"] + exchange.sent_bytes,
                SELECT_OPENS * items + exchange.reads,
                2 * items + exchange.parts + exchange.files + exchange.units,
                process + memory,
                decides,
            )
        )
        if self._trains:
            found.append(
                StagePlan(
                    "train-tokenizer",
                    items + 1,
                    kept_text * c.sample_seconds.value + self._sample_bytes * c.train_seconds.value,
                    texts,
                    stored["sample, tokenizer"],
                    4 * items,
                    2 * items + 2,
                    process + self._sample_bytes * c.train_bytes.value,
                    "the training, in one unit",
                )
            )
        of_item = max(self._token_file_bytes([each]) / each.items for each in self.sources)
        blocks = sum(each.items * len(each.tokens) for each in self.sources)
        shards = sum(self.shards.values())
        of_domain = max(domain_tokens(self.sources).values()) * self.token_bytes
        of_shard = min(float(self.recipe.shards.target_bytes), of_domain)
        return (
            *found,
            StagePlan(
                "tokenize",
                items,
                kept_text * c.tokenize_seconds.value,
                texts,
                stored["tokens"],
                3 * items,
                2 * items,
                process + 2 * of_item,
                "the tokens of a work item, twice",
            ),
            StagePlan(
                "pack",
                shards,
                sum(each.all_tokens for each in self.sources) * c.pack_seconds.value,
                stored["tokens"],
                stored["shards"],
                blocks,
                2 * shards + 2,
                process + 2 * of_shard,
                "a shard's tokens, twice",
            ),
        )

    def _select_memory(self) -> tuple[float, str]:
        """Bytes of the step that holds most, and which it is."""
        c, documents = self.coefficients, self._sum("documents")
        dedup = self.recipe.dedup
        held = {"the documents of a part": documents / self.exchange.parts * c.part_bytes.value}
        if self._near:
            rows = min(float(RANGE_ROWS), documents * dedup.bands / self.exchange.ranges)
            held["the rows of a range"] = rows * c.range_bytes.value
            held["resolve: all edges, in one unit"] = documents * c.edges.value * c.resolve_bytes.value
        most = max(held, key=lambda what: held[what])
        return held[most], most


def cost_of(prices: Prices, stages: Sequence[StagePlan], storage: Sequence[Stored]) -> Cost:
    """The stages' core-hours, what stays for as long as it is kept, and the requests to a store."""
    hours = sum(stage.core_hours for stage in stages)
    gigabytes = sum(each.bytes for each in storage if not each.temporary) / 1e9
    writes, reads = (sum(getattr(stage, name) for stage in stages) / 1e6 for name in ("written", "opened"))
    return Cost(
        currency=prices.currency,
        compute=hours * prices.core_hour,
        storage=gigabytes * prices.months * prices.gigabyte_month,
        requests=writes * prices.million_writes + reads * prices.million_reads,
    )


def _phases(recipe: Recipe, tokens: Mapping[str, float]) -> tuple[PhasePlan | None, str | None]:
    """The phases over the tokens that are expected, or why they do not fit."""
    if not recipe.phase:
        return None, None
    whole = {domain: math.floor(number) for domain, number in tokens.items()}
    try:
        return plan_phases(recipe.phase, whole, seed=recipe.run.seed), None
    except RecipeError as error:
        return None, str(error)
