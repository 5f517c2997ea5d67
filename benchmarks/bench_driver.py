"""What the driver of a finished build does with its records: python benchmarks/bench_driver.py [--items N]

Makes N records for each of six stages in a temporary folder, with the counts and outputs that `corpus build` gives them, then
reads them as a build does: those of one stage from single files, then, as every later call, all from `records.arrow`; with
the plan of the shards. Claim: the later call takes at most 15 s at 10^5 items.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from corpus.storage.ipc import Written
from corpus.storage.item_records import ItemRecord, Records
from corpus.storage.run_directory import RunDirectory, Stage
from pipelines.stages.packing import plan_shards

T = TypeVar("T")

STAGES = ("extract", "decontaminate", "score", "select", "train-tokenizer", "tokenize")
DOMAINS = 4


def record_of(stage: str, item: int) -> ItemRecord:
    """A record of the size of the demo's."""
    of_domains = {
        f"{what}.docs-{item % 50}-{n}/en": item * n
        for what in ("tokens", "documents", "kept_bytes")
        for n in range(DOMAINS)
    } | {f"blocks.docs-{item % 50}-{n}/en": 1 for n in range(DOMAINS)}
    counts = {f"{stage} count {n}": item % (n + 7) for n in range(20)} | of_domains
    outputs = {kind: Written(item, 1000 + item, f"{item:032x}") for kind in ("documents", "signals", "failed")}
    return ItemRecord(item, outputs, counts)


def timed(what: str, action: Callable[[], T]) -> T:
    started = time.perf_counter()
    made = action()
    print(f"{what:<52}{time.perf_counter() - started:8.2f} s")
    return made


def write_all(stages: list[Stage], items: int) -> None:
    """Records of the first stage; of the others their names, which a listing finds, and `records.arrow`."""
    first, *others = (Path(stage.file("")) for stage in stages)
    # Not by `Stage.finish`: what a worker spends on one file is not measured here.
    first.mkdir(parents=True)
    for item in range(items):
        (first / f"{item:05d}.json").write_bytes(record_of(stages[0].name, item).to_json())
    for folder, stage in zip(others, stages[1:], strict=True):
        folder.mkdir(parents=True)
        for item in range(items):
            os.link(first / f"{item:05d}.json", folder / f"{item:05d}.json")
        stage.compact(Records.of(record_of(stage.name, item) for item in range(items)))


def read_all(stages: list[Stage]) -> Iterator[Records]:
    for stage in stages:
        records = stage.read_records()
        records.totals()
        yield records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory(folder)
        stages = [run.stage(name, "f" * 16) for name in STAGES]
        timed(f"write {arguments.items:,} records of {len(stages)} stages", lambda: write_all(stages, arguments.items))
        (found,) = timed(f"read those of {stages[0].name} from single files", lambda: list(read_all(stages[:1])))
        timed("compact them", lambda: stages[0].compact(found))
        size = sum(Path(stage.file("records.arrow")).stat().st_size for stage in stages)
        print(f"{'records.arrow':<52}{size / 1e6:8.1f} MB")
        started = time.perf_counter()
        again = timed("a later call: list and read them", lambda: list(read_all(stages)))
        rows = timed(
            "a later call: plan the shards",
            lambda: plan_shards(again[-1], target_bytes=1 << 28, token_bytes=4, seed=1),
        )
        seconds = time.perf_counter() - started
        print(f"{'a later call':<52}{seconds:8.2f} s  (claim: at most 15 s; {len(rows):,} blocks)")


if __name__ == "__main__":
    main()
