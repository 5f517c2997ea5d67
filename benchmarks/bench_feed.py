"""Tokens a second of the feed, with document boundaries, beside the bare copying of as many bytes from mapped files.

    python benchmarks/bench_feed.py                          a synthetic run of 200M tokens in a temporary directory
    python benchmarks/bench_feed.py --run RUN --phase NAME   a phase of a run that was built

Some steps are first compared with a naive reading; a feed that reads something else is not timed. Both figures are of
one process over files that the system has in memory (a first pass brings them there).
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import corpus.feed
from corpus.feed import Batch, Feed
from corpus.feed.phases import plan_phases
from corpus.recipe import Phase
from corpus.schema import MANIFEST, tokens_schema
from corpus.storage.shards import read_shard, write_shard

SEQUENCE_LENGTH = 4096
BATCH_SIZE = 64
VOCABULARY_SIZE = 1 << 16
MEDIAN_DOCUMENT_TOKENS = 600  # log-normal, sigma 1: some 1,000 in the mean
SHARD_TOKENS = 16 << 20
SHARES = {"web.en": 0.5, "web.zh": 0.35, "code.en": 0.15}
CHECKED_STEPS = 8


def make_run(root: Path, tokens: int) -> None:
    """Writes shards of random tokens, the manifest, and a plan of one phase over nearly all of them."""
    generator = np.random.default_rng(0)
    rows = []
    for domain in sorted(SHARES):
        left = int(tokens * SHARES[domain])
        for shard in range(-(-left // SHARD_TOKENS)):
            rows.append(make_shard(root, domain, shard, min(left, SHARD_TOKENS), generator))
            left -= SHARD_TOKENS
    table = pa.Table.from_pylist(rows, schema=MANIFEST)
    with pa.ipc.new_file(str(root / "manifest.arrow"), table.schema) as writer:
        writer.write_table(table)
    totals = {domain: sum(row["tokens"] for row in rows if row["domain"] == domain) for domain in SHARES}
    phase = Phase(
        name="bench", tokens=int(tokens * 0.95), sequence_length=SEQUENCE_LENGTH, batch_size=BATCH_SIZE, weights=SHARES
    )
    (root / "phases").mkdir()
    (root / "phases" / "plan.json").write_text(plan_phases([phase], totals, seed=1).to_json())


def make_shard(root: Path, domain: str, shard: int, tokens: int, generator: np.random.Generator) -> dict[str, Any]:
    """Writes one shard; its row of the manifest."""
    lengths = generator.lognormal(np.log(MEDIAN_DOCUMENT_TOKENS), 1, tokens // 100).astype(np.int64) + 1
    ends = np.cumsum(lengths)
    offsets = np.concatenate([[0], ends[ends < tokens], [tokens]])
    values = generator.integers(1, VOCABULARY_SIZE, tokens, np.uint16)
    values[offsets[1:] - 1] = 0
    count = len(offsets) - 1
    schema = tokens_schema(VOCABULARY_SIZE)
    columns = [
        pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values), type=schema.field("tokens").type),
        pa.array([row.to_bytes(16, "little") for row in range(count)], pa.binary(16)),
        *(
            pa.array([value] * count, field.type)
            for value, field in zip((1, "s", "en", 1, 1.0, 0, 1), list(schema)[2:], strict=True)
        ),
    ]
    path = Path("shards", domain, f"{shard:05d}.arrow")
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    layout = write_shard(root / path, pa.RecordBatch.from_arrays(columns, schema=schema), {})
    return {
        "domain": domain,
        "shard": shard,
        "path": str(path),
        "documents": layout.documents,
        "tokens": layout.tokens,
        "bytes": layout.tokens,
        "file_bytes": layout.file_bytes,
        "digest": layout.digest,
        "token_dtype": layout.token_dtype,
        "token_offset": layout.token_offset,
        "boundary_offset": layout.boundary_offset,
    }


class NaiveReader:
    """A run by Arrow and plain loops over documents, as the definition of the stream says it."""

    def __init__(self, run: Path, feed: Feed) -> None:
        with pa.ipc.open_file(str(run / "manifest.arrow")) as reader:
            manifest = reader.read_all().to_pylist()
        self.feed = feed
        self.shards = {
            domain: [
                (row, read_shard(run / entry["path"]))
                for row, entry in enumerate(manifest)
                if domain == entry["domain"]
            ]
            for domain in feed.domains
        }

    def check(self, batch: Batch) -> None:
        """Raises AssertionError where the feed's batch is not what stands in the shards."""
        for index, slot in enumerate(batch.sequences.tolist()):
            begins, tokens, documents = self.sequence(slot)
            pieces = slice(*batch.boundary_offsets[index : index + 2].tolist())
            assert np.array_equal(batch.tokens[index], tokens), f"tokens of slot {slot}"
            assert batch.boundaries[pieces].tolist() == begins, f"boundaries of slot {slot}"
            assert batch.documents[pieces].tolist() == documents, f"documents of slot {slot}"

    def sequence(self, slot: int) -> tuple[list[int], np.ndarray, list[list[int]]]:
        domains, numbers = self.feed.order.locate([slot])
        domain, length = int(domains[0]), self.feed.phase.sequence_length
        begin = self.feed.phase.shares[domain].begin + int(numbers[0]) * length
        place = begin % self.feed.plan.domains[domain].tokens
        begins: list[int] = []
        parts: list[np.ndarray] = []
        documents: list[list[int]] = []
        filled = 0
        while filled < length:
            row, document, tokens = self.document_from(self.feed.domains[domain], place)
            begins.append(filled)
            documents.append([row, document])
            parts.append(tokens[: length - filled])
            filled += len(parts[-1])
            place = (place + len(parts[-1])) % self.feed.plan.domains[domain].tokens
        return begins, np.concatenate(parts), documents

    def document_from(self, domain: str, place: int) -> tuple[int, int, np.ndarray]:
        """Manifest row, document row and remaining tokens of the document that has a place of the epoch."""
        for row, table in self.shards[domain]:
            column = table.column("tokens").chunk(0)
            bounds = np.frombuffer(column.buffers()[1], np.int64)
            if place < bounds[-1]:
                document = int(np.flatnonzero(bounds <= place)[-1])
                scalar = column[document].values
                return row, document, np.array(scalar)[place - int(bounds[document]) :]
            place -= int(bounds[-1])
        raise AssertionError("a place beyond the epoch")


def raw_copies(run: Path, feed: Feed, sequences: int) -> Callable[[], int]:
    """Copying random spans of tokens out of mapped files: what any reader of these bytes has to do at least."""
    with pa.ipc.open_file(str(run / "manifest.arrow")) as reader:
        manifest = reader.read_all().to_pylist()
    length = feed.phase.sequence_length
    views = []
    for row in manifest:
        mapped = np.memmap(run / row["path"], mode="r")
        views.append(np.frombuffer(mapped, row["token_dtype"], row["tokens"], row["token_offset"]))
    views = [view for view in views if len(view) > length]
    generator = np.random.default_rng(1)
    sizes = np.array([len(view) for view in views])
    chosen = generator.choice(len(views), sequences, p=sizes / sizes.sum())
    starts = (generator.random(sequences) * (sizes[chosen] - length)).astype(np.int64)
    spans = list(zip(chosen.tolist(), starts.tolist(), strict=True))

    def copy() -> int:
        batch_size = feed.phase.batch_size
        for first in range(0, sequences, batch_size):
            target = np.empty((batch_size, length), views[0].dtype)
            for row, (view, start) in enumerate(spans[first : first + batch_size]):
                target[row] = views[view][start : start + length]
        return sequences * length

    return copy


def read_steps(feed: Feed, steps: int) -> Callable[[], int]:
    def read() -> int:
        return sum(feed.batch(step).tokens.size for step in range(steps))

    return read


def rate(work: Callable[[], int], repeats: int) -> float:
    """Tokens a second: the best of some repeats, after one that warms up."""
    best = 0.0
    for repeat in range(repeats + 1):
        begin = time.perf_counter()
        tokens = work()
        if repeat:
            best = max(best, tokens / (time.perf_counter() - begin))
    return best


def measure(run: Path, phase: str, *, max_steps: int, repeats: int) -> dict[str, Any]:
    with corpus.feed.open(run, phase=phase) as feed:
        steps = min(len(feed), max_steps)
        naive = NaiveReader(run, feed)
        for step in np.linspace(0, len(feed) - 1, min(CHECKED_STEPS, len(feed))).astype(int).tolist():
            naive.check(feed.batch(step))
        fed = rate(read_steps(feed, steps), repeats)
        raw = rate(raw_copies(run, feed, steps * feed.phase.batch_size), repeats)
        begin = time.perf_counter()
        with corpus.feed.open(run, phase=phase) as fresh:
            fresh.batch(len(fresh) - 1)
            opening = time.perf_counter() - begin
        batch = feed.batch(0)
        return {
            "phase": phase,
            "steps": steps,
            "sequence_length": feed.phase.sequence_length,
            "batch_size": feed.phase.batch_size,
            "pieces_per_sequence": round(len(batch.boundaries) / len(batch.sequences), 2),
            "feed_tokens_per_second": round(fed),
            "raw_tokens_per_second": round(raw),
            "feed_to_raw": round(fed / raw, 3),
            "open_and_jump_to_last_step_seconds": round(opening, 4),
        }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", type=Path, help="a run directory; left out: a synthetic run")
    parser.add_argument("--phase", help="name of its phase")
    parser.add_argument("--tokens", type=int, default=200_000_000, help="of the synthetic run")
    parser.add_argument("--max-steps", type=int, default=1_000, help="of the phase, that are read")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args(arguments)
    if (options.run is None) != (options.phase is None):
        parser.error("--run and --phase are given together, or neither")
    settings = {"max_steps": options.max_steps, "repeats": options.repeats}
    if options.run is not None:
        print(json.dumps(measure(options.run, options.phase, **settings)))
        return
    with tempfile.TemporaryDirectory() as folder:
        make_run(Path(folder), options.tokens)
        print(json.dumps(measure(Path(folder), "bench", **settings)))


if __name__ == "__main__":
    main()
