"""What a run holds, in numbers: the funnel of every stage, domains, tokenizer, phases. Pure: reads, returns a value.

Reads   stages/*.json, recipe.json, exams/, manifest.arrow, phases/plan.json; a stage that is not finished is left out
Checks  conservation: at each stage in = kept + dropped + failed; what leaves a stage enters the next, in all and by domain
Cost    a few small files, whatever the run's size (pipelines.report.verification adds up the records behind them)
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from corpus import schema
from corpus.feed.phases import PhasePlan
from corpus.recipe.parsing import parse_stored_recipe
from corpus.storage import ipc
from corpus.storage.older_files import read_as
from corpus.storage.run_directory import RunDirectory
from pipelines.report.contamination import ExamReport, exam_reports
from pipelines.report.personal_data import PersonalReport, personal_reports
from pipelines.report.run_settings import settings_in_force, stored_settings, version_notes
from pipelines.report.scores import (
    PerplexityReport,
    ScoreReport,
    WordListReport,
    perplexity_reports,
    score_reports,
    word_list_reports,
)
from pipelines.selection.source_losses import SourceCopies, loss_warnings, source_copies
from pipelines.stage_list import NAMES, STAGES, find_stage, stage_of, writer_of
from pipelines.stages.outputs import (
    DECISIONS,
    DOCUMENTS,
    EXAMS,
    PHASES,
    SCORES,
    SHARDS,
    SIGNALS,
    TOKENIZER,
    TOKENS,
    Output,
)
from pipelines.stages.phases_plan import read_plan

#: Stage → its law of conservation, of those that have one. What leaves one enters the next.
_LAWS = {spec.name: spec.conserves for spec in STAGES if spec.conserves is not None}

Counts = Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Funnel:
    """What became of what entered a stage; `dropped` and `failed` by reason."""

    stage: str
    entered: int
    kept: int
    dropped: Counts
    failed: Counts


@dataclasses.dataclass(frozen=True)
class Losses:
    """Input bytes that no record could be made of."""

    input_bytes: int
    lost_bytes: int
    ranges: Counts  # by reason


@dataclasses.dataclass(frozen=True)
class Addition:
    """What a run began with (`name` is None), or inputs that were added to it. Documents are 0 before `select`."""

    name: str | None
    files: int
    input_bytes: int
    documents: int
    kept: int


@dataclasses.dataclass(frozen=True)
class Domain:
    """A source in a language; numbers of stages that are not finished are 0."""

    name: str
    documents: int
    bytes: int  # of UTF-8 text
    tokens: int
    shards: int

    @property
    def bytes_per_token(self) -> float | None:
        return self.bytes / self.tokens if self.tokens else None


@dataclasses.dataclass(frozen=True)
class Tokenizer:
    vocabulary_size: int
    origin: str  # "trained on N documents", or the path of the model that was given
    fingerprint: str


@dataclasses.dataclass(frozen=True)
class PhaseShare:
    """One domain in one phase."""

    domain: str
    sequences: int
    tokens: int
    weight: float  # of the phase's tokens
    epochs: float  # passes over the domain up to the end of the phase


@dataclasses.dataclass(frozen=True)
class Phase:
    name: str
    steps: int
    batch_size: int  # sequences
    sequence_length: int  # tokens
    tokens: int
    domains: tuple[PhaseShare, ...]


@dataclasses.dataclass(frozen=True)
class Statistics:
    """A run at a glance. `broken` says where conservation does not hold: one line each, and none in a sound run."""

    name: str
    finished: tuple[str, ...]
    unfinished: tuple[str, ...]  # of the stages that the recipe has
    funnels: tuple[Funnel, ...]
    losses: Losses | None
    additions: tuple[Addition, ...]  # the first is what the run began with
    domains: tuple[Domain, ...]
    tokenizer: Tokenizer | None
    phases: tuple[Phase, ...]
    exams: tuple[ExamReport, ...]
    scores: tuple[ScoreReport, ...]
    word_lists: tuple[WordListReport, ...]
    perplexity: tuple[PerplexityReport, ...]
    personal_data: tuple[PersonalReport, ...]
    removed_lines: Counts  # by line rule
    shared_lines: Counts  # what lines that many documents share took: documents, bytes, lines, characters; {} where none are compared
    copies: tuple[SourceCopies, ...]  # by source
    unknown_settings: Mapping[str, Any]  # that another version's recipe has and this one does not know, by dotted key
    versions: tuple[str, ...]  # a line each, where other versions wrote some of the run
    warnings: tuple[str, ...]  # a line each; nothing is wrong, but it may not be what is wanted
    broken: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as a table of JSON types, with what follows from it: bytes per token, and shares."""
        table = dataclasses.asdict(self)
        for row, exam in zip(table["exams"], self.exams, strict=True):
            row["share_found"] = exam.share_found
        for row, domain in zip(table["domains"], self.domains, strict=True):
            row["bytes_per_token"] = domain.bytes_per_token
        for row, copies in zip(table["copies"], self.copies, strict=True):
            row["share"] = copies.share
        return table


def _finished(run: RunDirectory) -> list[str]:
    """The finished stages; none from the first on whose manifest is damaged: what follows would be compared with nothing."""
    torn = (at for at, name in enumerate(NAMES) if run.has_torn_manifest(name))
    return [name for name in NAMES[: next(torn, len(NAMES))] if run.has_stage(name)]


def read_statistics(run: RunDirectory) -> Statistics:
    """The statistics of a run as far as it was built.

    Raises RunDirectoryError for what is no run directory, DamageError for a file that cannot be read.
    """
    given = parse_stored_recipe(run.read_json("recipe.json"), run.path("recipe.json")).recipe
    wanted = ("plan", *(spec.name for spec in STAGES if spec.wanted(given)))
    manifests = {stage: run.stage_manifest(stage) for stage in _finished(run)}
    counts: dict[str, Counts] = {stage: manifest.get("counts", {}) for stage, manifest in manifests.items()}
    shards = _shards(run) if find_stage(run, SHARDS) is not None else []
    funnels = tuple(funnel_of(stage, counts[stage]) for stage in _LAWS if stage in counts)
    extracted, scored, selected = (_of(counts, each) for each in (DOCUMENTS, SCORES, DECISIONS))
    measured = _measured(counts)
    copies = source_copies(selected)
    return Statistics(
        name=given.run.name,
        finished=tuple(manifests),
        unfinished=tuple(stage for stage in wanted if stage not in manifests),
        funnels=funnels,
        losses=_losses(extracted) if extracted else None,
        additions=_additions(manifests),
        domains=_domains(counts, shards),
        tokenizer=_tokenizer(run) if None not in (find_stage(run, SHARDS), find_stage(run, TOKENIZER)) else None,
        phases=phases_of(read_plan(run)) if find_stage(run, PHASES) is not None else (),
        exams=exam_reports(run, _threshold(run), selected) if find_stage(run, EXAMS) is not None else (),
        scores=score_reports(scored),
        word_lists=word_list_reports(scored),
        perplexity=perplexity_reports(scored),
        personal_data=personal_reports(settings_in_force(run).privacy, measured, selected) if measured else (),
        shared_lines={
            name.removeprefix("line_cut_"): number
            for name, number in sorted(selected.items())
            if name.startswith("line_cut_")
        },
        removed_lines=by_suffix(extracted, "removed_lines"),
        copies=copies,
        unknown_settings=stored_settings(run).unknown,
        versions=tuple(version_notes(run)),
        warnings=tuple(loss_warnings(copies, settings_in_force(run).dedup.max_loss)) if copies else (),
        broken=(*broken_chain(funnels), *_broken_totals(counts), *_broken_domains(counts, shards)),
    )


def _measured(counts: Mapping[str, Counts]) -> Counts:
    """The counts of the stage that measured: `measure`, or `extract` of an earlier version. {} where neither did."""
    of = (_of(counts, SIGNALS), _of(counts, DOCUMENTS))
    return next((table for table in of if any(name.startswith("personal_data.") for name in table)), of[0])


def _of(counts: Mapping[str, Counts], output: Output) -> Counts:
    """The counts of the stage that writes an output; {} where it has not run."""
    return counts.get(writer_of(output).name, {})


def _threshold(run: RunDirectory) -> float:
    """The coverage that `select` went by; the latest recipe's where it has not run with exams yet."""
    in_force = settings_in_force(run).decontaminate
    if in_force is None:
        in_force = parse_stored_recipe(
            run.stage_manifest(stage_of(run, EXAMS).name)["recipe"], run.url
        ).recipe.decontaminate
    return in_force.coverage if in_force is not None else 1.0


def funnel_of(stage: str, counts: Counts) -> Funnel:
    """The funnel that a stage's counts (of one work item, or summed) describe."""
    law = _LAWS[stage]
    return Funnel(
        stage, counts[law.entered], counts[law.left], by_suffix(counts, "dropped"), by_suffix(counts, "failed")
    )


def by_suffix(counts: Counts, name: str) -> dict[str, int]:
    """`{"dropped.http_status": 3}` → `{"http_status": 3}`, in the order of names."""
    return {key[len(name) + 1 :]: counts[key] for key in sorted(counts) if key.startswith(f"{name}.")}


def broken_chain(funnels: tuple[Funnel, ...]) -> Iterator[str]:
    """Where in = kept + dropped + failed does not hold, or a stage does not get what the one before gave."""
    before: Funnel | None = None
    for funnel in funnels:
        dropped, failed = sum(funnel.dropped.values()), sum(funnel.failed.values())
        if funnel.entered != funnel.kept + dropped + failed:
            yield (
                f"{funnel.stage}: {funnel.entered} in, but {funnel.kept} kept + {dropped} dropped + {failed} failed = "
                f"{funnel.kept + dropped + failed}"
            )
        if before is not None and before.kept != funnel.entered:
            yield f"{before.stage} gave {before.kept} documents, {funnel.stage} got {funnel.entered}"
        before = funnel


def _broken_totals(counts: Mapping[str, Counts]) -> Iterator[str]:
    """Where a total is not the sum of its reasons."""
    for stage in _LAWS:
        for name in ("dropped", "failed", "lost_ranges"):
            table = counts.get(stage, {})
            if name in table and table[name] != (total := sum(by_suffix(table, name).values())):
                yield f"{stage}: {name} is {table[name]}, its reasons sum to {total}"


def _broken_domains(counts: Mapping[str, Counts], shards: list[dict[str, Any]]) -> Iterator[str]:
    """Where documents, bytes or tokens of a domain change between select, tokenize and the manifest."""
    tokenized, decided = _of(counts, TOKENS), _of(counts, DECISIONS)
    for name, selected in (("documents", "kept_documents"), ("bytes", "kept_bytes"), ("tokens", None)):
        if not tokenized:
            return
        middle = by_suffix(tokenized, name)
        before = by_suffix(decided, selected) if selected else middle
        after = _sums(shards, name) if shards else middle
        for domain in sorted({*before, *middle, *after}):
            found = [table.get(domain, 0) for table in (before, middle, after)]
            if len(set(found)) > 1:
                yield (
                    f"{domain}: {found[0]} {name} after {writer_of(DECISIONS).name}, "
                    f"{found[1]} after {writer_of(TOKENS).name}, {found[2]} in the manifest"
                )


def _losses(counts: Counts) -> Losses:
    return Losses(counts["input_bytes"], counts["lost_bytes"], by_suffix(counts, "lost_ranges"))


def additions_of(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a run began with, and each addition: of a version without additions, the whole plan."""
    return plan.get("additions", [{"name": None, **plan}])


def _additions(manifests: Mapping[str, dict[str, Any]]) -> tuple[Addition, ...]:
    planned = additions_of(manifests["plan"]) if "plan" in manifests else []
    selected = manifests.get(writer_of(DECISIONS).name, {})
    decided = selected.get("additions", [selected.get("counts", {})] if len(planned) == 1 else [{}] * len(planned))
    return tuple(
        Addition(each["name"], each["files"], each["input_bytes"], found.get("documents", 0), found.get("kept", 0))
        for each, found in zip(planned, decided, strict=True)
    )


def _domains(counts: Mapping[str, Counts], shards: list[dict[str, Any]]) -> tuple[Domain, ...]:
    documents = by_suffix(_of(counts, DECISIONS), "kept_documents")
    sizes = by_suffix(_of(counts, DECISIONS), "kept_bytes")
    tokens = _sums(shards, "tokens") or by_suffix(_of(counts, TOKENS), "tokens")
    number: dict[str, int] = {}
    for shard in shards:
        number[shard["domain"]] = number.get(shard["domain"], 0) + 1
    return tuple(
        Domain(name, documents.get(name, 0), sizes.get(name, 0), tokens.get(name, 0), number.get(name, 0))
        for name in sorted({*documents, *tokens})
    )


def _shards(run: RunDirectory) -> list[dict[str, Any]]:
    names = ["domain", "documents", "bytes", "tokens"]
    rows: list[dict[str, Any]] = read_as(run.path("manifest.arrow"), schema.MANIFEST, names).to_pylist()
    return rows


def _sums(shards: list[dict[str, Any]], name: str) -> dict[str, int]:
    """Sum of a column of the manifest by domain."""
    sums: dict[str, int] = {}
    for shard in shards:
        sums[shard["domain"]] = sums.get(shard["domain"], 0) + shard[name]
    return sums


def _tokenizer(run: RunDirectory) -> Tokenizer:
    stored = ipc.open_reader(run.path("manifest.arrow")).schema.metadata or {}
    trained = run.stage_manifest(stage_of(run, TOKENIZER).name)
    given = trained.get("model")
    documents = trained.get("counts", {}).get("sampled_documents", 0)
    return Tokenizer(
        vocabulary_size=int(stored.get(b"vocabulary_size", b"0")),
        origin=str(given) if given else f"trained on {documents:,} documents{_by_language(trained.get('counts', {}))}",
        fingerprint=trained["fingerprint"],
    )


def _by_language(counts: Mapping[str, int]) -> str:
    """What each language has of a tokenizer's sample, the greatest first; "" in a run that did not count it."""
    sizes = {
        name.removeprefix("sampled_bytes."): size for name, size in counts.items() if name.startswith("sampled_bytes.")
    }
    ordered = sorted(sizes.items(), key=lambda of: (-of[1], of[0]))
    return ": " * bool(ordered) + ", ".join(f"{language} {size:,} bytes" for language, size in ordered)


def phases_of(plan: PhasePlan) -> tuple[Phase, ...]:
    """The phases of a plan with the domains that each reads."""
    shares: dict[str, list[PhaseShare]] = {phase.name: [] for phase in plan.phases}
    for row in plan.report():
        share = PhaseShare(row.domain, row.sequences, row.tokens, float(row.weight), float(row.epochs))
        shares[row.phase].append(share)
    return tuple(
        Phase(phase.name, phase.steps, phase.batch_size, phase.sequence_length, phase.tokens, tuple(shares[phase.name]))
        for phase in plan.phases
    )
