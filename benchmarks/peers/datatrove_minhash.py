"""datatrove's four MinHash stages, one worker. Runs in datatrove's environment.

`python datatrove_minhash.py FOLDER OUTPUT`: over the *.jsonl of a folder signatures, buckets, clusters, filter, as datatrove's own
example has them: 5-grams, 14 buckets of 8 hashes of 64 bits. OUTPUT/kept holds JSONL, not
compressed; OUTPUT/versions.json the versions.
"""

import argparse
import importlib.metadata
import json
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    config = MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5)

    def at(name: str) -> str:
        return str(arguments.output / name)

    stages: list[tuple[str, int, list[PipelineStep]]] = [
        (
            "signatures",
            1,
            [JsonlReader(str(arguments.folder)), MinhashDedupSignature(output_folder=at("signatures"), config=config)],
        ),
        (
            "buckets",
            config.num_buckets,
            [MinhashDedupBuckets(input_folder=at("signatures"), output_folder=at("buckets"), config=config)],
        ),
        (
            "clusters",
            1,
            [MinhashDedupCluster(input_folder=at("buckets"), output_folder=at("removed"), config=config)],
        ),
        (
            "filter",
            1,
            [
                JsonlReader(str(arguments.folder)),
                MinhashDedupFilter(input_folder=at("removed")),
                JsonlWriter(at("kept"), compression=None),
            ],
        ),
    ]
    for name, tasks, steps in stages:
        LocalPipelineExecutor(steps, tasks=tasks, workers=1, logging_dir=at(f"log/{name}")).run()
    versions = {name: importlib.metadata.version(name) for name in ("datatrove", "spacy")}
    (arguments.output / "versions.json").write_text(json.dumps(versions), encoding="utf-8")


if __name__ == "__main__":
    main()
