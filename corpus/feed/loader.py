"""A phase of a run as batches: (run, phase, step) → tokens and where their documents begin.

Reads: `manifest.arrow` (corpus.schema.MANIFEST), `phases/plan.json` (corpus.feed.phases) and the shards of a run
directory on a local disk. Writes nothing. Tokens and boundaries come by NumPy from mapped files; pyarrow is loaded
for the manifest and for keys.

    with corpus.feed.open("runs/demo", phase="foundation", rank=0, world_size=2) as feed:
        for batch in feed.iter_from(step):
            batch.tokens  # (sequences, length)

Invariants: `batch(step)` is a function of the run, the phase, the step, the rank and the world size alone; the ranks'
batches one after another are the global batch, whatever the number of ranks; the state is the step, and beside it what the
steps are of: another run, plan or phase refuses it.
A sequence is `length` tokens of its domain's stream: over shards and documents, and at an epoch's end from the start.
Cost: some 10 µs a sequence, and the bytes themselves. At most `max_open_shards` mapped files, each with a descriptor.
A feed is for one thread and one process. Pickled, as for a spawned worker, it opens its files anew. The workers of a torch
DataLoader each give every n-th batch, so that the loader gives each batch once, in order.
"""

import collections
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from corpus.errors import RunDirectoryError
from corpus.feed.mapped import MANIFEST_FILE, Manifest, MappedShards, read_manifest
from corpus.feed.order import PhaseOrder
from corpus.feed.phases import FORMAT, PhasePlan
from corpus.seeds import content_digest

PLAN_FILE = "phases/plan.json"

#: What the parts of a state's identity are, for who reads a refusal.
_MEANINGS = {
    "phase": "phase",
    "batch_size": "batch size",
    "sequence_length": "sequence length",
    "steps": "steps of the phase",
    "seed": "seed",
    "shards": "shards",
    "order": "order of the sequences, by domains, weights and the phases before",
}

#: Half of the usual limit of 1,024 open files a process: a mapping holds one.
MAX_OPEN_SHARDS = 512


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """One rank's part of a step; every array is the caller's own.

    A *piece* is a document, or the part of one, within a sequence. Piece p of sequence i, for p in
    [boundary_offsets[i], boundary_offsets[i + 1]), begins at boundaries[p]; the first begins at 0, in mid-document or
    not.
    """

    step: int
    tokens: NDArray[Any]  # (sequences, length) as stored, uint16 | uint32, or int64
    sequences: NDArray[np.int64]  # (sequences,) slots of the phase
    domains: NDArray[np.int64]  # (sequences,) index in Feed.domains
    boundary_offsets: NDArray[np.int64]  # (sequences + 1,)
    boundaries: NDArray[np.int32]  # (pieces,) token of the sequence
    documents: NDArray[np.int64]  # (pieces, 2): row of the manifest, row of the shard


class Feed:
    """The batches of one phase for one rank; made by `corpus.feed.open`."""

    def __init__(
        self,
        shards: MappedShards,
        plan: PhasePlan,
        phase: str,
        *,
        rank: int,
        world_size: int,
        dtype: np.dtype[Any],
        opened_with: Mapping[str, Any],
    ) -> None:
        self._opened_with = opened_with
        self.plan = plan
        self.phase = plan.phase(phase)
        self.order = PhaseOrder(plan, phase)
        self.domains = [domain.name for domain in plan.domains]
        self.metadata = shards.manifest.metadata  # "vocabulary_size", "end_of_document", …
        self.rank, self.world_size = rank, world_size
        self._shards = shards
        self._dtype = dtype
        self._step = 0
        # All shards as one line of tokens, a domain after another: shard r is [edges[r], edges[r + 1]).
        self._edges = np.concatenate([[0], np.cumsum(np.array(shards.manifest.tokens, np.int64))])
        self._epoch_tokens = np.array([domain.tokens for domain in plan.domains], np.int64)
        self._domain_begins = np.cumsum(self._epoch_tokens) - self._epoch_tokens
        self._phase_begins = np.array([share.begin for share in self.phase.shares], np.int64)

    def __len__(self) -> int:
        return self.phase.steps

    def __iter__(self) -> Iterator[Batch]:
        """From the current step to the phase's end. The step is counted when its batch is handed out."""
        worker, workers = _loader_worker()
        self._step += worker
        while self._step < len(self):
            batch = self.batch(self._step)
            self._step += workers
            yield batch

    def iter_from(self, step: int) -> Iterator[Batch]:
        """Goes to a step (of `len(feed)` to the end) and iterates from there."""
        self._seek(step)
        return iter(self)

    def state_dict(self) -> dict[str, int | str]:
        """The step that comes next, and what it is a step of: the shards, the plan, and the phase with its settings.

        At another rank or world size the same state goes on with the same sequences.
        """
        return {
            "step": self._step,
            "sequences": self._step * self.phase.batch_size,
            "tokens": self._step * self.phase.batch_size * self.phase.sequence_length,
            **self._identity(),
        }

    def load_state_dict(self, state: Mapping[str, int | str]) -> None:
        """Raises ValueError for a state of other shards, another plan or phase, naming what differs; and for a step outside this one."""
        if state.get("phase") != self.phase.name:
            raise ValueError(f"the state is of phase {state.get('phase')!r}, this feed reads {self.phase.name!r}")
        if "order" not in state:
            raise ValueError(
                "the state does not say which data it is of: an earlier version wrote it; if run and recipe are the same, go "
                f"on by feed.iter_from({state.get('step')})"
            )
        here = self._identity()
        differing = [name for name in here if state.get(name) != here[name]]
        if differing:
            told = ", ".join(f"{_MEANINGS[name]} ({state.get(name)} then, {here[name]} now)" for name in differing)
            raise ValueError(
                f"the state is of other data: {told}; its step {state.get('step')} means other sequences here, some of which were seen"
            )
        self._seek(int(state["step"]))

    def _identity(self) -> dict[str, int | str]:
        """All that decides which sequences a step of this phase has."""
        domains = [(domain.name, domain.tokens) for domain in self.plan.domains]
        shares = [(share.sequences, share.begin, share.end) for share in self.phase.shares]
        return {
            "phase": self.phase.name,
            "batch_size": self.phase.batch_size,
            "sequence_length": self.phase.sequence_length,
            "steps": self.phase.steps,
            "seed": self.plan.seed,
            "shards": self._shards.manifest.digest,
            "order": _digest([FORMAT, self.plan.seed, domains, shares]),
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (dict(self._opened_with), self._step)

    def batch(self, step: int) -> Batch:
        """This rank's part of a step, read now; the current step stays where it is.

        Raises IndexError for a step that the phase does not have, DamageError for a shard that is not as recorded.
        """
        if not 0 <= step < len(self):
            raise IndexError(f"phase {self.phase.name!r} has the steps 0 to {len(self) - 1}, not {step}")
        # Of a batch that the ranks do not divide, parts differ by one sequence: [B r / W], rounded down.
        begin, end = (self.phase.batch_size * rank // self.world_size for rank in (self.rank, self.rank + 1))
        slots = step * self.phase.batch_size + np.arange(begin, end, dtype=np.int64)
        domains, numbers = self.order.locate(slots)
        starts = (self._phase_begins[domains] + numbers * self.phase.sequence_length) % self._epoch_tokens[domains]
        return self._read(step, slots, domains, starts)

    def keys(self, batch: Batch) -> list[bytes]:
        """The 16-byte key of the document of each piece, in the order of `batch.documents`."""
        return self._shards.keys(batch.documents)

    def close(self) -> None:
        """Lets go of every mapped file; the batches that were handed out stay good."""
        self._shards.close()

    def __enter__(self) -> "Feed":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _seek(self, step: int) -> None:
        if not 0 <= step <= len(self):
            raise ValueError(f"phase {self.phase.name!r} has {len(self)} steps; a step of 0 to that, not {step}")
        self._step = step

    def _read(
        self, step: int, slots: NDArray[np.int64], domains: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> Batch:
        """Copies sequences, given where in its domain's epoch each begins, and their boundaries."""
        length = self.phase.sequence_length
        tokens = np.empty((len(slots), length), self._dtype)
        boundary_offsets = np.zeros(len(slots) + 1, np.int64)
        spans: list[_Span] = []
        pieces = 0
        begins = self._domain_begins[domains]
        places = zip((begins + starts).tolist(), begins.tolist(), self._epoch_tokens[domains].tolist(), strict=True)
        for row, (place, domain_begin, domain_tokens) in enumerate(places):
            filled = 0
            while filled < length:
                span = self._span(place, tokens[row, filled:], filled)
                spans.append(span)
                pieces += len(span.begins)
                filled += span.tokens
                place += span.tokens
                if place == domain_begin + domain_tokens:  # the next epoch
                    place = domain_begin
            boundary_offsets[row + 1] = pieces
        return Batch(
            step=step,
            tokens=tokens,
            sequences=slots,
            domains=domains,
            boundary_offsets=boundary_offsets,
            boundaries=_boundaries(spans),
            documents=_documents(spans),
        )

    def _span(self, place: int, target: NDArray[Any], filled: int) -> "_Span":
        """Copies from one shard what `target` can still take of it, from a place on the line of all tokens."""
        row = int(self._edges.searchsorted(place, "right")) - 1
        shard = self._shards.get(row)
        begin = place - int(self._edges[row])
        count = min(len(target), len(shard.tokens) - begin)
        target[:count] = shard.tokens[begin : begin + count]
        # The document of the first token is the last that begins at or before it.
        first, stop = shard.boundaries.searchsorted(np.array((begin, begin + count - 1)), "right").tolist()
        return _Span(
            shard=row,
            document=first - 1,
            tokens=count,
            begins=shard.boundaries[first - 1 : stop],
            shift=filled - begin,
            least=filled,
        )


@dataclasses.dataclass(slots=True)
class _Span:
    """What one shard gives to one sequence."""

    shard: int
    document: int  # row of the first piece's
    tokens: int
    begins: NDArray[np.int64]  # (pieces,) token of the shard; a view of it
    shift: int  # from there to the token of the sequence
    least: int  # where the span begins in the sequence; its first document may have begun before


def _boundaries(spans: list[_Span]) -> NDArray[np.int32]:
    counts = [len(span.begins) for span in spans]
    places = np.concatenate([span.begins for span in spans]) + np.repeat([span.shift for span in spans], counts)
    boundaries: NDArray[np.int64] = np.maximum(places, np.repeat([span.least for span in spans], counts))
    return boundaries.astype(np.int32)


def _documents(spans: list[_Span]) -> NDArray[np.int64]:
    counts = np.array([len(span.begins) for span in spans], np.int64)
    documents = np.empty((int(counts.sum()), 2), np.int64)
    documents[:, 0] = np.repeat([span.shard for span in spans], counts)
    firsts = np.array([span.document for span in spans], np.int64) - (np.cumsum(counts) - counts)
    documents[:, 1] = np.arange(len(documents)) + np.repeat(firsts, counts)
    return documents


def open_feed(
    run: str | os.PathLike[str],
    *,
    phase: str,
    rank: int = 0,
    world_size: int = 1,
    dtype: Literal["stored", "int64"] = "stored",
    max_open_shards: int = MAX_OPEN_SHARDS,
) -> Feed:
    """Opens a phase of a run directory; `dtype` is that of the tokens in a batch. No shard is opened yet.

    Raises RunDirectoryError where the run has no manifest or plan, or a plan of another manifest; DamageError where
    they cannot be read; ValueError for an unknown phase, a rank outside the world, and a world of more ranks than a batch has
    sequences.
    """
    if dtype not in ("stored", "int64"):
        raise ValueError(f"dtype is 'stored' or 'int64', not {dtype!r}")
    if max_open_shards < 1:
        raise ValueError(f"max_open_shards is at least 1, not {max_open_shards}")
    if "://" in os.fspath(run):
        raise RunDirectoryError(f"{run}: the feed maps local files; copy the run's shards, manifest and phases here")
    root = Path(run)
    plan = _read_plan(root)
    batch_size = plan.phase(phase).batch_size
    if not 1 <= world_size <= batch_size:
        raise ValueError(f"world_size is 1 to {batch_size}, the sequences of a batch, not {world_size}")
    if not 0 <= rank < world_size:
        raise ValueError(f"rank is 0 to {world_size - 1}, not {rank}")
    manifest = read_manifest(root)
    _check_same_run(plan, manifest, root)
    target: DTypeLike = np.int64 if dtype == "int64" else manifest.dtype
    shards = MappedShards(root, manifest, max_open=max_open_shards)
    opened_with = {"run": str(root.resolve()), "phase": phase, "rank": rank, "world_size": world_size}
    opened_with |= {"dtype": dtype, "max_open_shards": max_open_shards}
    return Feed(shards, plan, phase, rank=rank, world_size=world_size, dtype=np.dtype(target), opened_with=opened_with)


def _reopened(opened_with: dict[str, Any], step: int) -> Feed:
    """A feed of another process, at the step of this one."""
    feed = open_feed(**opened_with)
    feed.iter_from(step)
    return feed


def _loader_worker() -> tuple[int, int]:
    """(number, of how many) of this process among the workers of a torch DataLoader; (0, 1) where it is none."""
    torch_data = sys.modules.get("torch.utils.data")  # never imported here
    info = torch_data.get_worker_info() if torch_data is not None else None
    return (info.id, info.num_workers) if info is not None else (0, 1)


def _digest(parts: object) -> str:
    return content_digest(json.dumps(parts, separators=(",", ":")).encode()).hex()


def _read_plan(root: Path) -> PhasePlan:
    from corpus.storage.run_marker import not_readable

    path = root / PLAN_FILE
    try:
        return PhasePlan.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunDirectoryError(f"{path}: not found; run `corpus build` to the end of stage phases first") from None
    except ValueError as error:
        raise not_readable(str(path), str(error)) from error


def _check_same_run(plan: PhasePlan, manifest: Manifest, root: Path) -> None:
    counted: dict[str, int] = collections.defaultdict(int)
    for domain, tokens in zip(manifest.domains, manifest.tokens, strict=True):
        counted[domain] += tokens
    if {domain.name: domain.tokens for domain in plan.domains} != dict(counted):
        raise RunDirectoryError(
            f"{root / PLAN_FILE}: planned for other shards than {MANIFEST_FILE} lists; run `corpus build` again"
        )
