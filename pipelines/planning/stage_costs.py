"""What each stage takes, and what it leaves in the run directory: sums over all sources × coefficients."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from corpus.recipe import Recipe
from pipelines.planning.coefficients import Coefficients
from pipelines.planning.exchange_costs import REQUESTS_A_BATCH, Exchange, kinds_of_copies
from pipelines.planning.sources import SourcePlan, domain_tokens
from pipelines.stages.token_blocks import BLOCK_TOKENS, HELD_BYTES

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


def shards_of(tokens: Mapping[str, float], *, target_bytes: int, token_bytes: int) -> dict[str, int]:
    """Shards of each domain."""
    return {domain: max(1, math.ceil(number * token_bytes / target_bytes)) for domain, number in tokens.items()}


def held_by_tokenize(row_bytes: float, c: Coefficients) -> float:
    """Bytes that a worker holds, beside what it is, of a work item whose token rows have so many."""
    return c.tokenize_batch_bytes.value + min(row_bytes, float(HELD_BYTES)) * c.tokenize_bytes.value


def held_by_pack(shard_bytes: float, c: Coefficients) -> float:
    """Bytes that a worker holds, beside what it is, of a shard of so many."""
    return c.pack_batch_bytes.value + shard_bytes * c.pack_bytes.value


@dataclasses.dataclass(frozen=True)
class Stages:
    """The stages of a recipe over all its sources."""

    recipe: Recipe
    sources: Sequence[SourcePlan]
    exchange: Exchange
    coefficients: Coefficients
    shards: Mapping[str, int]  # by domain
    token_bytes: int

    # ---------------------------------------------------------------------------------------- what is there

    def storage(self) -> tuple[Stored, ...]:
        """The run directory's folders; those of stages that the recipe has not are left out."""
        records = self._items * sum(stage.name != "exams" for stage in self._of_items()) + self._shards
        found = (
            Stored("documents", self._items, self._stored_text),
            Stored("signals", self._items, self._signals),
            Stored("failed", self._items, self._sum("failed_bytes")),
            Stored("contamination, exams", self._items + 1, self._contamination),
            Stored("scores", self._items, self._scores),
            Stored("lines", self._items, self._lines),
            Stored("decisions, edges", self._items + self.exchange.parts, self._decisions),
            Stored("sample, tokenizer", self._items + 1, self._stored_sample),
            Stored("tokens", self._items, self._token_bytes(self.sources)),
            Stored("shards", self._shards, self._token_bytes(self.sources)),
            Stored("stages", records, float(records * RECORD_BYTES)),
            Stored("exchange", self.exchange.files + self.exchange.units, self.exchange.most_bytes, temporary=True),
        )
        absent = {
            "contamination, exams": self.recipe.decontaminate is None,
            "scores": not self._scored,
            "lines": self.recipe.dedup.lines is None,
            "sample, tokenizer": not self._trains,
        }
        return tuple(each for each in found if not absent.get(each.kind, False))

    def stages(self) -> tuple[StagePlan, ...]:
        """In their order."""
        return (self._plan(), *self._of_items(), self._pack())

    def _of_items(self) -> list[StagePlan]:
        """Those with a record a work item, and exams beside decontaminate."""
        found = [self._extract(), self._measure()]
        if self.recipe.decontaminate is not None:
            found += [self._decontaminate(), self._exams()]
        if self._scored:
            found.append(self._score())
        if self.recipe.dedup.lines is not None:
            found.append(self._measure_lines())
        found.append(self._select())
        if self._trains:
            found.append(self._train())
        return [*found, self._tokenize()]

    # ---------------------------------------------------------------------------------------- each stage

    def _plan(self) -> StagePlan:
        return StagePlan(
            name="plan",
            units=1,
            seconds=0.0,
            read_bytes=0.0,
            written_bytes=0.0,
            opened=int(self._sum("files")),
            written=3,
            worker_bytes=self._process + self._sum("splits") * SPLIT_BYTES,
            memory="the list of splits",
        )

    def _extract(self) -> StagePlan:
        c = self.coefficients
        return StagePlan(
            name="extract",
            units=self._items,
            seconds=self._sum("extract_seconds"),
            read_bytes=self._sum("bytes"),
            written_bytes=self._stored_text + self._sum("failed_bytes"),
            opened=int(self._sum("splits")),
            written=3 * self._items,
            worker_bytes=c.worker_bytes.value + c.extractor_bytes.value,
            memory="the worker and its extractor",
        )

    def _measure(self) -> StagePlan:
        return StagePlan(
            name="measure",
            units=self._items,
            seconds=self._sum("text_bytes") * self.coefficients.measure_seconds.value,
            read_bytes=self._stored_text,
            written_bytes=self._signals,
            opened=self._items,
            written=2 * self._items,
            worker_bytes=self.coefficients.worker_bytes.value,
            memory="a batch of documents",
        )

    def _decontaminate(self) -> StagePlan:
        return StagePlan(
            name="decontaminate",
            units=self._items,
            seconds=self._sum("text_bytes") * self.coefficients.contamination_seconds.value,
            read_bytes=self._stored_text,
            written_bytes=self._contamination,
            opened=2 * self._items,
            written=2 * self._items + 2,
            worker_bytes=self._process,
            memory="and the index",
        )

    def _exams(self) -> StagePlan:
        return StagePlan(
            name="exams",
            units=1,
            seconds=0.0,
            read_bytes=self._contamination,
            written_bytes=0.0,
            opened=self._items,
            written=2,
            worker_bytes=self._process,
            memory="and the matches of a work item",
        )

    def _score(self) -> StagePlan:
        each_byte = self.coefficients.of_scorers(self.recipe)
        return StagePlan(
            name="score",
            units=self._items,
            seconds=self._sum("text_bytes") * sum(number.value for number in each_byte),
            read_bytes=self._stored_text,
            written_bytes=self._scores,
            opened=2 * self._items,
            written=2 * self._items,
            worker_bytes=self._process,
            memory="and the models",
        )

    def _measure_lines(self) -> StagePlan:
        return StagePlan(
            name="lines",
            units=self._items,
            seconds=self._sum("text_bytes") * self.coefficients.line_seconds.value,
            read_bytes=self._stored_text,
            written_bytes=self._lines,
            opened=self._items,
            written=2 * self._items,
            worker_bytes=self._process,
            memory="and a batch of documents",
        )

    def _select(self) -> StagePlan:
        sent, held = self.exchange, self._held_by_select()
        most = max(held, key=lambda what: held[what])
        each = self.coefficients.select_seconds.value
        if self.recipe.deduplicated("lines"):
            each += self.coefficients.line_select_seconds.value
        return StagePlan(
            name="select",
            units=sent.units,
            seconds=self._sum("documents") * each,
            read_bytes=self._signals + self._lines + sent.sent_bytes,
            written_bytes=self._decisions + sent.sent_bytes,
            opened=SELECT_OPENS * self._items + REQUESTS_A_BATCH * sent.reads,
            written=2 * self._items + sent.parts + sent.files + sent.units,
            worker_bytes=self._process + held[most],
            memory=most,
        )

    def _held_by_select(self) -> dict[str, float]:
        """Bytes that a unit of a step holds."""
        c, documents = self.coefficients, self._sum("documents")
        held = {"the documents of a part": documents / self.exchange.parts * c.part_bytes.value}
        if self._near:
            rows = documents * self.recipe.dedup.bands / self.exchange.ranges
            held["the rows of a range"] = rows * c.range_bytes.value
            if self.exchange.rounds:
                held["resolve: what the rounds leave"] = documents * c.left_edges.value * c.resolve_bytes.value
            else:
                held["resolve: all edges"] = documents * c.edges.value * c.resolve_bytes.value
        return held

    def _train(self) -> StagePlan:
        c = self.coefficients
        drawing = self._sum("kept_text_bytes") * c.sample_seconds.value
        return StagePlan(
            name="train-tokenizer",
            units=self._items + 1,
            seconds=drawing + self._sample_bytes * c.train_seconds.value,
            read_bytes=self._stored_text,
            written_bytes=self._stored_sample,
            opened=4 * self._items,
            written=2 * self._items + 2,
            worker_bytes=self._process + self._sample_bytes * c.train_bytes.value,
            memory="the training, in one unit",
        )

    def _tokenize(self) -> StagePlan:
        largest = max(self._token_bytes([each]) / each.items for each in self.sources)
        return StagePlan(
            name="tokenize",
            units=self._items,
            seconds=self._sum("kept_text_bytes") * self.coefficients.tokenize_seconds.value,
            read_bytes=self._stored_text,
            written_bytes=self._token_bytes(self.sources),
            opened=3 * self._items,
            written=2 * self._items,
            worker_bytes=self._process + held_by_tokenize(largest, self.coefficients),
            memory="the tokens that it holds",
        )

    def _pack(self) -> StagePlan:
        c, tokens = self.coefficients, domain_tokens(self.sources)
        rows = c.token_row_bytes.value * self._sum("kept") / self._sum("all_tokens")  # a token
        largest = max(tokens.values()) * (self.token_bytes + rows)
        # Blocks fill a shard, and the last may go beyond.
        block = BLOCK_TOKENS * (self.token_bytes + rows)
        shard = min(largest, self.recipe.shards.target_bytes * (1 + rows / self.token_bytes) + block / 2)
        return StagePlan(
            name="pack",
            units=self._shards,
            seconds=self._sum("all_tokens") * self.coefficients.pack_seconds.value,
            read_bytes=self._token_bytes(self.sources),
            written_bytes=self._token_bytes(self.sources),
            opened=sum(each.items * len(each.tokens) for each in self.sources),
            written=2 * self._shards + 2,
            worker_bytes=self._process + held_by_pack(shard, c),
            memory="a shard",
        )

    # ---------------------------------------------------------------------------------------- sums

    def _sum(self, name: str) -> float:
        return sum(getattr(each, name) for each in self.sources)

    def _token_bytes(self, sources: Sequence[SourcePlan]) -> float:
        """Of tokens/, and of shards/."""
        rows = sum(each.kept for each in sources) * self.coefficients.token_row_bytes.value
        return sum(each.all_tokens for each in sources) * self.token_bytes + rows

    @property
    def _items(self) -> int:
        return sum(each.items for each in self.sources)

    @property
    def _shards(self) -> int:
        return sum(self.shards.values())

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
    def _process(self) -> float:
        return self.coefficients.process_bytes.value

    @property
    def _stored_text(self) -> float:
        return self._sum("stored_text_bytes")

    @property
    def _signals(self) -> float:
        return self._sum("documents") * self.coefficients.signal_bytes.value

    @property
    def _contamination(self) -> float:
        return self._sum("documents") * self.coefficients.contamination_bytes.value

    @property
    def _scores(self) -> float:
        return self._sum("documents") * self.coefficients.score_bytes.value * self._scored

    @property
    def _lines(self) -> float:
        compared = self.recipe.dedup.lines is not None
        return self._sum("text_bytes") * self.coefficients.line_bytes.value * compared

    @property
    def _decisions(self) -> float:
        c = self.coefficients
        return self._sum("documents") * (c.decision_bytes.value + EDGE_BYTES * c.edges.value * self._near)

    @property
    def _sample_bytes(self) -> float:
        """Text of the tokenizer's sample."""
        return min(self.recipe.tokenizer.sample_bytes, self._sum("kept_text_bytes"))

    @property
    def _stored_sample(self) -> float:
        return self._sample_bytes * self._stored_text / self._sum("text_bytes")
