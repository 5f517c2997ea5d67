"""Two runs compared by identity: which documents, decisions, signals, shards, tokenizer and phases differ.

Documents meet by `key`, wherever they lie in either run; where a run holds several of one key they meet in the order of
their doc_id. A representative is compared by its key too. Shards meet by domain and number, and are compared by digest.
The recipes' settings are shown beside it and are no difference by themselves.

Reads   documents/ (keys, ids, URLs), signals/, decisions/, manifest.arrow, phases/plan.json, the tokenizers of both
Memory  rows of both runs for 1/P of all keys, some 2 × PARTITION_DOCUMENTS × 0.5 kB; P grows with the larger run
Cost    the small columns are read once for each of the P parts; text never
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import fixed_bytes, numbers
from corpus.storage import files
from corpus.storage.older_files import read_as
from corpus.storage.run_directory import RunDirectory
from pipelines.report.run_documents import RunDocuments
from pipelines.report.run_settings import stored_settings
from pipelines.report.run_statistics import Statistics, phases_of, read_statistics
from pipelines.stage_list import find_stage, stage_of
from pipelines.stages.outputs import DOCUMENTS, PHASES, SHARDS, TOKENIZER
from pipelines.stages.phases_plan import read_plan

PARTITION_DOCUMENTS = 1 << 19
MAX_EXAMPLES = 1000

_COMPARED_SIGNALS = (
    "language",
    "language_score",
    "script",
    "second_language",
    "second_language_share",
    "code_switching",
    "text_hash",
    *schema.COUNT_SIGNALS,
    *schema.RATIO_SIGNALS,
    *schema.SPAM_SIGNALS,
    *schema.PERSONAL_SIGNALS,
    *(name for group in schema.SIGNAL_GROUPS.values() for name in group),
    "coverage",
)
_DECISION = ("kept", "reason", "representative_key", "similarity")

Progress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True)
class Example:
    """A document that differs; `before` and `after` are its decisions, where both runs have it."""

    key: str
    name: str
    before: str = ""
    after: str = ""


@dataclasses.dataclass
class Difference:
    """What differs between run A and run B; filled part by part."""

    documents_a: int = 0
    documents_b: int = 0
    only_a: int = 0
    only_b: int = 0
    decisions: Counter[str] = dataclasses.field(default_factory=Counter)  # column → documents
    decided_otherwise: int = 0  # documents that differ in any of these columns
    transitions: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)
    signals: Counter[str] = dataclasses.field(default_factory=Counter)  # signal → documents
    counts: list[tuple[str, int, int]] = dataclasses.field(default_factory=list)  # of records: what, A, B
    shards_a: int = 0
    shards_b: int = 0
    shards: list[str] = dataclasses.field(
        default_factory=list
    )  # domain/number, where only one has it or digests differ
    tokenizer: tuple[str | None, str | None] = (None, None)  # digests of the models
    phases: list[tuple[str, str, str, Any, Any]] = dataclasses.field(default_factory=list)  # phase, domain, what, A, B
    settings: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)
    examples_a: list[Example] = dataclasses.field(default_factory=list)
    examples_b: list[Example] = dataclasses.field(default_factory=list)
    examples_changed: list[Example] = dataclasses.field(default_factory=list)

    def summary(self) -> list[tuple[str, int | str | None, int | str | None, int]]:
        """(what, in A, in B, how many differ): everything that `differs` looks at."""
        first, second = self.tokenizer
        return [
            ("documents", self.documents_a, self.documents_b, self.only_a + self.only_b),
            ("decisions", None, None, self.decided_otherwise),
            *((f"  {name}", None, None, number) for name, number in sorted(self.decisions.items())),
            ("signals", None, None, sum(self.signals.values())),
            *((name, a, b, abs(a - b)) for name, a, b in self.counts),
            ("shards", self.shards_a, self.shards_b, len(self.shards)),
            ("tokenizer", first, second, int(first != second)),
            ("phase plan", None, None, len(self.phases)),
        ]

    @property
    def differs(self) -> bool:
        return any(row[3] for row in self.summary())

    def to_json(self) -> dict[str, Any]:
        """JSON types; transitions and examples as tables."""
        # Not `asdict`, which makes a Counter anew from its pairs, and so counts them.
        table: dict[str, Any] = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        table["transitions"] = [{"a": a, "b": b, "documents": n} for (a, b), n in sorted(self.transitions.items())]
        for name in ("examples_a", "examples_b", "examples_changed"):
            table[name] = [dataclasses.asdict(example) for example in table[name]]
        return {"differs": self.differs, **table}


def compare_runs(a: RunDirectory, b: RunDirectory, *, progress: Progress = lambda done, of: None) -> Difference:
    """Everything that differs between two runs, as far as both were built.

    Raises RunDirectoryError for a run without documents, DamageError for a file that cannot be read.
    """
    found = Difference()
    found.settings = list(_different_settings(*(_settings(run) for run in (a, b))))
    _compare_counts(found, read_statistics(a), read_statistics(b))
    _compare_shards(found, a, b)
    found.tokenizer = (model_digest(a), model_digest(b))
    found.phases = list(_different_phases(a, b))
    runs = RunDocuments(a), RunDocuments(b)
    sizes = [run.run.stage_manifest(stage_of(run.run, DOCUMENTS).name)["counts"]["documents"] for run in runs]
    found.documents_a, found.documents_b = sizes
    signals = list(dict.fromkeys([*_COMPARED_SIGNALS, *(name for run in runs for name in run.scored)]))
    partitions = max(1, math.ceil(max(sizes) / PARTITION_DOCUMENTS))
    for partition in range(partitions):
        tables = [_rows_of(run, signals, partition, partitions) for run in runs]
        _compare_documents(found, signals, *tables)
        progress(partition + 1, partitions)
    return found


# ------------------------------------------------------------------------------------------------ documents


def _rows_of(run: RunDocuments, signals: Sequence[str], partition: int, partitions: int) -> pa.Table:
    """Identity, these signals and decision of the documents whose key falls into a partition."""
    names = ["doc_id", "key", "id", "url", *signals, "kept", "reason", "representative", "similarity"]
    tables = []
    for item in run.items():
        table = run.columns(item, names)
        # The last eight bytes of a key: an identity's hash, so any of its bytes divide evenly.
        words = np.frombuffer(fixed_bytes(table["key"]), "<u8").reshape(-1, 2)[:, 1]
        mine = np.flatnonzero(words % np.uint64(partitions) == partition)
        table = table.take(pa.array(mine))
        heads = run.heads(number for number in table["representative"].to_pylist() if number is not None)
        keys = [heads[n].key if n in heads else None for n in table["representative"].to_pylist()]
        tables.append(table.append_column("representative_key", pa.array(keys, schema.KEY)))
    return pa.concat_tables(tables).sort_by([("key", "ascending"), ("doc_id", "ascending")]).combine_chunks()


def _compare_documents(found: Difference, signals: Sequence[str], a: pa.Table, b: pa.Table) -> None:
    """Adds what differs between the rows of one partition, both sorted by key and doc_id."""
    places_a, places_b = _places(a), _places(b)
    gone = [row for place, row in places_a.items() if place not in places_b]
    new = [row for place, row in places_b.items() if place not in places_a]
    found.only_a += len(gone)
    found.only_b += len(new)
    found.examples_a += _examples(a, gone, room=MAX_EXAMPLES - len(found.examples_a))
    found.examples_b += _examples(b, new, room=MAX_EXAMPLES - len(found.examples_b))
    pairs = [(row, places_b[place]) for place, row in places_a.items() if place in places_b]
    a, b = (table.take(pa.array([pair[side] for pair in pairs], pa.int64())) for side, table in ((0, a), (1, b)))
    for name in signals:
        if different := int(_differs(a[name], b[name]).sum()):
            found.signals[name] += different
    changed = np.zeros(len(pairs), np.bool_)
    for name in _DECISION:
        differs = _differs(a[name], b[name])
        changed |= differs
        if differs.any():
            found.decisions[name] += int(differs.sum())
    rows = np.flatnonzero(changed).tolist()
    found.decided_otherwise += len(rows)
    reasons_a, reasons_b = (table["reason"].take(pa.array(rows, pa.int64())).to_pylist() for table in (a, b))
    verdicts = zip(map(_verdict, reasons_a), map(_verdict, reasons_b), strict=True)
    found.transitions.update((before, after) for before, after in verdicts if before != after)
    for row in rows[: MAX_EXAMPLES - len(found.examples_changed)]:
        (example,) = _examples(a, [row], room=1)
        before, after = (_decision_line(table.slice(row, 1).to_pylist()[0]) for table in (a, b))
        found.examples_changed.append(dataclasses.replace(example, before=before, after=after))


def _places(table: pa.Table) -> dict[tuple[bytes, int], int]:
    """(key, how many of this key stand before) → row, of a table sorted by key."""
    seen: Counter[bytes] = Counter()
    places: dict[tuple[bytes, int], int] = {}
    for row, key in enumerate(table["key"].to_pylist()):
        places[key, seen[key]] = row
        seen[key] += 1
    return places


def _differs(a: pa.ChunkedArray, b: pa.ChunkedArray) -> NDArray[np.bool_]:
    """(rows,) whether two columns differ; nulls are equal to each other and to nothing else."""
    unequal = pc.fill_null(pc.not_equal(a, b), False)
    either = pc.or_(unequal, pc.xor(pc.is_null(a), pc.is_null(b)))
    return numbers(either.cast(pa.uint8())).astype(np.bool_)


def _examples(table: pa.Table, rows: list[int], *, room: int) -> list[Example]:
    chosen = table.select(["key", "id", "url"]).take(pa.array(rows[: max(0, room)], pa.int64()))
    return [Example(row["key"].hex(), row["url"] or row["id"] or "") for row in chosen.to_pylist()]


def _verdict(reason: str | None) -> str:
    return "undecided" if reason is None else reason or "kept"


def _decision_line(row: dict[str, Any]) -> str:
    verdict = _verdict(row["reason"])
    if row["representative_key"] is None:
        return verdict
    return f"{verdict} of {row['representative_key'].hex()} at {row['similarity']:.3f}"


# ------------------------------------------------------------------------------------------------ everything else


def model_digest(run: RunDirectory) -> str | None:
    """XXH3-128 of a run's tokenizer model, None where it has none yet."""
    stage = find_stage(run, TOKENIZER)
    if stage is None:
        return None
    url = TOKENIZER.url(stage, 0)
    return files.digest(url) if files.exists(url) else None


def _compare_counts(found: Difference, a: Statistics, b: Statistics) -> None:
    """Records and bytes that never became documents, which have no key to meet by."""
    tables = []
    for each in (a, b):
        counted: Counter[str] = Counter()
        for funnel in each.funnels[:1]:
            counted.update(
                {f"records {reason}": number for reason, number in {**funnel.dropped, **funnel.failed}.items()}
            )
        if each.losses is not None:
            counted.update({f"ranges {reason}": number for reason, number in each.losses.ranges.items()})
            counted["lost bytes"] = each.losses.lost_bytes
        tables.append(counted)
    names = sorted({*tables[0], *tables[1]})
    found.counts = [(name, tables[0][name], tables[1][name]) for name in names]


def _compare_shards(found: Difference, a: RunDirectory, b: RunDirectory) -> None:
    digests_a, digests_b = _digests(a), _digests(b)
    found.shards_a, found.shards_b = len(digests_a), len(digests_b)
    names = sorted({*digests_a, *digests_b})
    found.shards = [name for name in names if digests_a.get(name) != digests_b.get(name)]


def _digests(run: RunDirectory) -> dict[str, bytes]:
    if find_stage(run, SHARDS) is None:
        return {}
    table = read_as(run.path("manifest.arrow"), schema.MANIFEST, ["domain", "shard", "digest"])
    return {f"{row['domain']}/{row['shard']:05d}": row["digest"] for row in table.to_pylist()}


def _different_phases(a: RunDirectory, b: RunDirectory) -> Iterator[tuple[str, str, str, Any, Any]]:
    tables = [_phase_numbers(a), _phase_numbers(b)]
    for place in sorted({*tables[0], *tables[1]}):
        before, after = (table.get(place) for table in tables)
        if before != after:
            yield (*place, before, after)


def _phase_numbers(run: RunDirectory) -> dict[tuple[str, str, str], Any]:
    """(phase, domain or "", what) → number: everything in a plan that decides what a trainer sees."""
    if find_stage(run, PHASES) is None:
        return {}
    plan = read_plan(run)
    found: dict[tuple[str, str, str], Any] = {("", "", "seed"): plan.seed}
    found.update({("", domain.name, "tokens in one epoch"): domain.tokens for domain in plan.domains})
    for phase in phases_of(plan):
        for what in ("steps", "batch_size", "sequence_length"):
            found[phase.name, "", what] = getattr(phase, what)
        for share in phase.domains:
            found[phase.name, share.domain, "sequences"] = share.sequences
    return found


def _different_settings(a: Any, b: Any) -> Iterator[tuple[str, str, str]]:
    flat_a, flat_b = dict(_flat(a)), dict(_flat(b))
    for key in sorted({*flat_a, *flat_b}):
        if (before := flat_a.get(key, "")) != (after := flat_b.get(key, "")):
            yield key, before, after


def _settings(run: RunDirectory) -> dict[str, Any]:
    """A run's settings, with those that this version does not know."""
    stored = stored_settings(run)
    return {**stored.recipe.model_dump(mode="json"), **stored.unknown}


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted key → text of every value in nested tables and lists."""
    if isinstance(value, dict | list) and value:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, str(value)
