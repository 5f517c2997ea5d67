"""The demo as a golden run: what is decided about every page, and what the trainer is fed, step by step."""

import hashlib
import json
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import corpus.feed
from corpus.storage.run_directory import RunDirectory
from pipelines.stage_list import stage_of
from pipelines.stages.outputs import DECISIONS, SIGNALS

#: Raised on purpose only: a change here is a change of what the demo keeps.
DOCUMENTS, KEPT, EXACT, NEAR = 500, 326, 15, 1
DECISIONS_SHA256 = "5b012d88b7d494c64a8024450556448cd9f7e0f0efa1f6fac35ddd1b3b4c7507"


def decisions(run: RunDirectory) -> list[tuple[str, bool, str]]:
    """(key, kept, reason) of every document, sorted by key: nothing of order, splits or files."""
    rows = []
    measured, select = stage_of(run, SIGNALS), stage_of(run, DECISIONS)
    for item in select.finished():
        signals = pa.ipc.open_file(measured.output("signals", item)).read_all()
        decided = pa.ipc.open_file(select.output("decisions", item)).read_all()
        keys = (key.hex() for key in signals["key"].to_pylist())
        rows += list(zip(keys, decided["kept"].to_pylist(), decided["reason"].to_pylist(), strict=True))
    return sorted(rows)


def test_decisions_are_the_golden_ones(demo_run: Path) -> None:
    found = decisions(RunDirectory(str(demo_run)))
    reasons = [reason for _, _, reason in found]
    assert len(found) == DOCUMENTS
    assert sum(kept for _, kept, _ in found) == KEPT
    assert (reasons.count("exact_duplicate"), reasons.count("near_duplicate")) == (EXACT, NEAR)
    assert hashlib.sha256(json.dumps(found).encode()).hexdigest() == DECISIONS_SHA256


@pytest.mark.parametrize("phase", ["foundation", "anneal"])
def test_ranks_are_parts_of_the_same_batches(demo_run: Path, phase: str) -> None:
    with corpus.feed.open(demo_run, phase=phase) as whole:
        batches = list(whole)
    for world_size in (2, 4):
        feeds = [
            corpus.feed.open(demo_run, phase=phase, rank=rank, world_size=world_size) for rank in range(world_size)
        ]
        for step, batch in enumerate(batches):
            parts = [feed.batch(step) for feed in feeds]
            assert np.array_equal(np.concatenate([part.tokens for part in parts]), batch.tokens)
            assert np.array_equal(np.concatenate([part.sequences for part in parts]), batch.sequences)
        for feed in feeds:
            feed.close()


@pytest.mark.parametrize("phase", ["foundation", "anneal"])
def test_resuming_at_every_step_gives_the_same_tail(demo_run: Path, phase: str) -> None:
    def digests(feed: corpus.feed.Feed) -> list[bytes]:
        return [hashlib.sha256(batch.tokens.tobytes() + batch.boundaries.tobytes()).digest() for batch in feed]

    with corpus.feed.open(demo_run, phase=phase) as feed:
        whole = digests(feed)
        assert len(whole) == len(feed)
    for step in range(len(whole)):
        with corpus.feed.open(demo_run, phase=phase) as feed:
            feed.load_state_dict({**feed.state_dict(), "step": step})
            assert digests(feed) == whole[step:]


def test_every_sequence_is_text_of_its_domain(demo_run: Path) -> None:
    """Keys that the feed gives for its pieces are kept documents of the sequence's domain."""
    run = RunDirectory(str(demo_run))
    kept = {key for key, is_kept, _ in decisions(run) if is_kept}
    with corpus.feed.open(demo_run, phase="foundation") as feed:
        for batch in feed.iter_from(len(feed) - 3):
            assert {bytes(key).hex() for key in feed.keys(batch)} <= kept


def test_the_second_crawl_is_made_by_the_script_beside_it(repository: Path, tmp_path: Path) -> None:
    demo = repository / "examples" / "demo"
    for name in ("docs-0.warc.gz", "make_recrawl.py"):
        shutil.copyfile(demo / name, tmp_path / name)
    subprocess.run([sys.executable, "make_recrawl.py"], cwd=tmp_path, check=True)
    made = gzip_content(tmp_path / "recrawl.warc.gz")
    assert made == gzip_content(demo / "recrawl.warc.gz")


def gzip_content(path: Path) -> bytes:
    """What a cut gzip file holds; its compressed bytes are another zlib's affair."""
    parts, rest = [], path.read_bytes()
    while rest:
        inflater = zlib.decompressobj(wbits=31)
        parts.append(inflater.decompress(rest))
        rest = inflater.unused_data
    return b"".join(parts[:-1])  # the last is cut where its compressed half ends


def test_every_benchmark_and_script_starts(repository: Path) -> None:
    for script in sorted((repository / "benchmarks").glob("*.py")):
        done = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{script.name}: {done.stderr}"
