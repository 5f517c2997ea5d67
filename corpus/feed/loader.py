"""A phase of a run as batches: (run, phase, step) → tokens and where their documents begin.

Reads: `manifest.arrow` (corpus.schema.MANIFEST), `phases/plan.json` (corpus.feed.phases) and the shards of a run
directory on a local disk. Writes nothing. Tokens and boundaries come by NumPy from mapped files; pyarrow is loaded
for the manifest and for keys.

    with corpus.feed.open("runs/demo", phase="foundation", rank=0, world_size=2) as feed:
        for batch in feed.iter_from(step):
            batch.tokens  # (sequences, length)

Invariants: `batch(step)` is a function of the run, the phase, the step, the rank and the world size alone; the ranks'
batches one after another are the global batch, whatever the number of ranks; the only state is the step.
A sequence is `length` tokens of its domain's stream: over shards and documents, and at an epoch's end from the start.
Cost: some 10 µs a sequence, and the bytes themselves. At most `max_open_shards` mapped files, each with a descriptor.
A feed is for one thread and one process: open another in each.
"""

import collections
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from corpus.errors import RunDirectoryError
from corpus.feed.mapped import MANIFEST_FILE, Manifest, MappedShards, read_manifest
from corpus.feed.order import PhaseOrder
from corpus.feed.phases import PhasePlan

PLAN_FILE = "phases/plan.json"

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
    ) -> None:
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
        while self._step < len(self):
            batch = self.batch(self._step)
            self._step += 1
            yield batch

    def iter_from(self, step: int) -> Iterator[Batch]:
        """Goes to a step (of `len(feed)` to the end) and iterates from there."""
        self._seek(step)
        return iter(self)

    def state_dict(self) -> dict[str, int | str]:
        """The step that comes next. The phase stands beside it so that a state is not loaded into another phase."""
        return {"step": self._step, "phase": self.phase.name}

    def load_state_dict(self, state: dict[str, int | str]) -> None:
        """Raises ValueError for the state of another phase and a step outside this one."""
        if state["phase"] != self.phase.name:
            raise ValueError(f"the state is of phase {state['phase']!r}, this feed reads {self.phase.name!r}")
        self._seek(int(state["step"]))

    def batch(self, step: int) -> Batch:
        """This rank's part of a step, read now; the current step stays where it is.

        Raises IndexError for a step that the phase does not have, DamageError for a shard that is not as recorded.
        """
        if not 0 <= step < len(self):
            raise IndexError(f"phase {self.phase.name!r} has the steps 0 to {len(self) - 1}, not {step}")
        share = self.phase.batch_size // self.world_size
        first = step * self.phase.batch_size + self.rank * share
        slots = np.arange(first, first + share, dtype=np.int64)
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
    they cannot be read; ValueError for an unknown phase, a rank outside the world, and a world size that does not
    divide the phase's batch.
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
    if world_size < 1 or batch_size % world_size:
        allowed = ", ".join(str(size) for size in range(1, batch_size + 1) if batch_size % size == 0)
        raise ValueError(
            f"world_size {world_size} does not divide the batch of {batch_size} sequences; one of {allowed}"
        )
    if not 0 <= rank < world_size:
        raise ValueError(f"rank is 0 to {world_size - 1}, not {rank}")
    manifest = read_manifest(root)
    _check_same_run(plan, manifest, root)
    target: DTypeLike = np.int64 if dtype == "int64" else manifest.dtype
    shards = MappedShards(root, manifest, max_open=max_open_shards)
    return Feed(shards, plan, phase, rank=rank, world_size=world_size, dtype=np.dtype(target))


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
