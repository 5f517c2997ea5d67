"""What an interrupted `verify` has seen of a run, so that the next one goes on where it stopped: RUN/checks/.

Only items that were found sound are kept, each under a key: a digest of all that its check depended on (its record, size and
time of change of the files that it read, the run's settings and manifest, the version of the checks). What has changed since is
another key, so it is looked at again. A file is named by the XXH3-128 of its bytes; one that is not what its name says is passed over.
A verification that comes to its end deletes them: the next one begins anew.

Memory: some 200 bytes an item, 20 a duplicate.
"""

import dataclasses
import time
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import xxhash

from corpus.columns import booleans, numbers
from corpus.errors import DamageError
from corpus.storage import files, ipc
from corpus.storage.run_directory import RunDirectory
from corpus.storage.run_names import CHECKS
from pipelines.stages.findings import Carried, Clusters

#: After so long what is known is written: what a kill without warning costs.
SECONDS = 30.0

_SCHEMA = pa.schema(
    [
        pa.field("key", pa.binary(16), nullable=False),
        *(pa.field(name, pa.uint64(), nullable=False) for name in ("kept", "tokenized", "packed")),
        pa.field("decided", pa.bool_(), nullable=False),
        pa.field("named", pa.list_(pa.uint64()), nullable=False),
        pa.field("leaders", pa.list_(pa.uint64()), nullable=False),
        pa.field("sizes", pa.list_(pa.uint32()), nullable=False),
        pa.field("leaders_kept", pa.list_(pa.bool_()), nullable=False),
    ]
)


def key_of(*parts: object) -> bytes:
    """(16 bytes) of what a check depended on."""
    return xxhash.xxh3_128_digest(repr(parts).encode())


@dataclasses.dataclass
class ChecksMade:
    """What is known, and what was found since it was last written."""

    run: RunDirectory
    known: dict[bytes, Carried] = dataclasses.field(default_factory=dict)
    _new: dict[bytes, Carried] = dataclasses.field(default_factory=dict)
    _written: float = dataclasses.field(default_factory=time.monotonic)

    @staticmethod
    def read(run: RunDirectory) -> "ChecksMade":
        """What is there."""
        made = ChecksMade(run)
        for name in files.names(run.path(CHECKS)):
            url = run.path(CHECKS, name)
            try:
                if name.endswith(".arrow") and files.digest(url) == name.removesuffix(".arrow"):
                    made.known.update(_read(url))
            except DamageError:  # not of this version
                continue
        return made

    def add(self, key: bytes, carried: Carried) -> None:
        """An item that is sound; written at the latest by the call after SECONDS."""
        self._new[key] = carried
        if time.monotonic() - self._written > SECONDS:
            self.write()

    def write(self) -> None:
        """Has all of it in the run directory. A run that cannot be written to is checked without."""
        if self._new:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_file(sink, _SCHEMA) as writer:
                writer.write_batch(_batch(self._new))
            data = sink.getvalue().to_pybytes()
            try:
                files.write_bytes(self.run.path(CHECKS, f"{xxhash.xxh3_128_hexdigest(data)}.arrow"), data)
            except OSError:
                return
            self.known |= self._new
            self._new = {}
        self._written = time.monotonic()

    def forget(self) -> None:
        """Deletes what earlier calls wrote, and this one."""
        if names := files.names(self.run.path(CHECKS)):
            self.run.remove(f"{CHECKS}/{name}" for name in names)
        self.known, self._new = {}, {}


def _batch(found: dict[bytes, Carried]) -> pa.RecordBatch:
    clusters = [each.clusters for each in found.values()]
    lists = [
        [None if of is None else getattr(of, name) for of in clusters] for name in ("named", "leaders", "sizes", "kept")
    ]
    columns: list[Iterable[object]] = [
        list(found),
        *([getattr(each, name) for each in found.values()] for name in ("kept", "tokenized", "packed")),
        [of is not None for of in clusters],
        *([[] if each is None else each.tolist() for each in column] for column in lists),
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)


def _read(url: str) -> dict[bytes, Carried]:
    table = ipc.open_table(url, _SCHEMA).combine_chunks()
    lists = [table[name] for name in ("named", "leaders", "sizes", "leaders_kept")]
    sums = zip(*(table[name].to_pylist() for name in ("key", "kept", "tokenized", "packed", "decided")), strict=True)
    found = {}
    for row, (key, kept, tokenized, packed, decided) in enumerate(sums):
        named, leaders, sizes, of = (column[row].values for column in lists)
        clusters = Clusters(
            np.array(numbers(named)), np.array(numbers(leaders)), np.array(numbers(sizes)), booleans(of)
        )
        found[key] = Carried(kept, tokenized, packed, clusters if decided else None)
    return found
