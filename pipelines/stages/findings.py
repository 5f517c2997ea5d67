"""What a check of a run can find, and the checks of a file against its record."""

import dataclasses
import enum
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus.errors import DamageError, StoreError, VersionError
from corpus.feed.order import mix
from corpus.recipe import Recipe
from corpus.storage import files, ipc
from corpus.storage.ipc import Written
from corpus.storage.older_files import OlderReader, reader_as
from corpus.storage.run_directory import RunDirectory, Stage
from pipelines.stages.outputs import Output


class Check(enum.StrEnum):
    """What was looked at."""

    MISSING = "missing"  # a file or record that must be there
    SIZE = "size"
    DIGEST = "digest"
    SCHEMA = "schema"
    ROWS = "rows"
    ALIGNMENT = "alignment"  # documents, signals and decisions row for row
    TEXT_HASH = "text_hash"
    COUNTS = "counts"  # what a record counted against what its files hold
    CONSERVATION = "conservation"
    REPRESENTATIVE = "representative"
    CONTAMINATION = "contamination"
    SCORES = "scores"
    LINES = "lines"
    PERSONAL_DATA = "personal_data"
    TOKENS = "tokens"
    MANIFEST = "manifest"
    PHASES = "phases"
    RECORD = "record"  # a work item's record against what its stage has of it in records.arrow
    INPUT = "input"  # of the run, and no file of its own: nothing of it is ever deleted


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be; `file` is relative to the run directory where it lies in it."""

    check: Check
    file: str
    detail: str


@dataclasses.dataclass(frozen=True)
class Clusters:
    """What the decisions of a work item say of duplicates."""

    named: NDArray[np.uint64]  # (duplicates,) the document that stands for each
    leaders: NDArray[np.uint64]  # (clusters,) documents that claim to stand for others
    sizes: NDArray[np.uint32]  # (clusters,) as decisions/ has it
    kept: NDArray[np.bool_]  # (clusters,)


@dataclasses.dataclass(frozen=True)
class Carried:
    """What checks of the whole run need of a work item; sums are over mixed doc_ids, modulo 2^64: equal sets, equal sums."""

    kept: int = 0
    tokenized: int = 0
    packed: int = 0
    clusters: Clusters | None = None


#: What a check of a work item's files finds; what the generator returns goes to the checks of the whole run.
Checked = Iterator["Finding"] | Generator["Finding", None, Carried]


@dataclasses.dataclass(frozen=True)
class Seen:
    """What is known of the run that is checked; the same for every work item of a stage."""

    run: RunDirectory
    recipe: Recipe
    writers: Mapping[str, Stage]  # kind of output → the finished stage that wrote it
    metadata: Mapping[str, str]  # of the manifest; {} where there is none
    shards: Mapping[str, dict[str, Any]]  # path → row of the manifest
    #: Kinds of output with a damaged file: what it says of others, or leaves out of a sum, is noise and not looked at.
    damaged: frozenset[str] = frozenset()

    def is_sound(self, *outputs: Output) -> bool:
        """Whether outputs are there and none of their files has been found damaged."""
        return all(output.kind in self.writers and output.kind not in self.damaged for output in outputs)

    def url(self, output: Output, item: int) -> str:
        """Where a work item's file of an output lies. Raises KeyError where no stage wrote it."""
        return output.url(self.writers[output.kind], item)

    def name(self, output: Output, item: int) -> str:
        """The same, relative to the run directory."""
        return relative(self.run, self.url(output, item))


def relative(run: RunDirectory, url: str) -> str:
    """A file of a run as findings name it."""
    return url.removeprefix(f"{run.url}/")


def set_sum(doc_ids: NDArray[Any]) -> int:
    """A sum over a set of ids that another set, or one with an id twice, gives with a chance of 2^-64."""
    return int(mix(doc_ids.astype(np.uint64)).sum(dtype=np.uint64))


def check_file(
    url: str, name: str, written: Written, size: int | None = None, *, by: str = "its record"
) -> Iterator[Finding]:
    """Existence, then size (asked for where no listing told it), then XXH3-128. Memory: files.CHUNK_BYTES."""
    if size is None:
        try:
            size = files.size(url)
        except FileNotFoundError:
            yield Finding(Check.MISSING, name, f"{by} says that it was written")
            return
    if size != written.bytes:
        yield Finding(Check.SIZE, name, f"{size} bytes, {by} says {written.bytes}")
        return
    if (digest := files.digest(url)) != written.digest:
        yield Finding(Check.DIGEST, name, f"XXH3-128 is {digest}, {by} says {written.digest}")


def check_rows(url: str, name: str, written: Written, schema: pa.Schema | None) -> Iterator[Finding]:
    """An Arrow file of the schema (None: any) with as many rows as its record says."""
    try:
        reader = _reader(url, schema)
        rows = sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))
    except DamageError as error:
        yield Finding(Check.SCHEMA, name, str(error).partition(": ")[2])
        return
    except StoreError:  # says nothing about the file
        raise
    except (pa.ArrowInvalid, OSError) as error:
        yield Finding(Check.SCHEMA, name, f"cannot be read ({str(error).partition(chr(10))[0]})")
        return
    if rows != written.rows:
        yield Finding(Check.ROWS, name, f"{rows} rows, its record says {written.rows}")


def _reader(url: str, schema: pa.Schema | None) -> "ipc.IpcReader | OlderReader":
    """Of another version's file what it has of the schema, as the schema has it."""
    try:
        return ipc.open_reader(url, schema)
    except VersionError:
        if schema is None:
            raise
        return reader_as(url, schema, needs=())


def check_counts(name: str, what: str, recorded: dict[str, int], found: dict[str, int]) -> Iterator[Finding]:
    """Where a record's counts are not what its files hold. What a version counted nothing of, under any name, is not compared."""
    counted = {key.partition(".")[0] for key in recorded}
    for key in sorted(key for key in {*recorded, *found} if key.partition(".")[0] in counted):
        if recorded.get(key, 0) != found.get(key, 0):
            detail = f"{key}: {found.get(key, 0)} {what}, the record says {recorded.get(key, 0)}"
            yield Finding(Check.COUNTS, name, detail)
