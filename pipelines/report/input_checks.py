"""Whether a run's inputs are still those that it read: the bytes of each split against the digest in its item's record.

Reads   splits.arrow, the records of `extract`, every byte of the inputs
Memory  files.CHUNK_BYTES, and the splits of one work item
"""

from collections.abc import Iterator

from corpus.sources.planned import split_digest
from corpus.sources.splits import read_splits
from corpus.storage.run_directory import RunDirectory
from pipelines.stage_list import stage_of
from pipelines.stages.findings import Check, Finding
from pipelines.stages.outputs import DOCUMENTS


def check_inputs(run: RunDirectory) -> Iterator[Finding]:
    """A finding a split that is another now, or cannot be read. Runs of before digests were taken have nothing to compare.

    Raises RunDirectoryError where nothing was extracted yet, DamageError where a record or splits.arrow cannot be read.
    """
    stage = stage_of(run, DOCUMENTS)
    for item in stage.finished():
        digests = stage.record(item).inputs
        if not digests:
            continue
        for split in read_splits(run.path("splits.arrow"), item):
            place = f"bytes {split.begin} to {split.end}"
            follows = f"item {item} of this run holds what was there when it was read"
            try:
                found = split_digest(split)
            except OSError as error:
                yield Finding(Check.INPUT, split.file, f"{place} cannot be read ({error.strerror or error}); {follows}")
                continue
            if found != digests.get(str(split.split)):
                yield Finding(Check.INPUT, split.file, f"{place} are not those that were read; {follows}")
