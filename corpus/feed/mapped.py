"""The shards of a run as the feed reads them: mapped files, and views of them by NumPy.

Reads: `manifest.arrow` (corpus.schema.MANIFEST) by pyarrow, once; shards (corpus.storage.shards) at the offsets that
the manifest gives, and by pyarrow only for keys. Writes nothing.
Invariants: a view is handed out only of a file that has the manifest's size, within it, and of boundaries that ascend from
0 to its tokens; at most `max_open` files are mapped by this module's own hand.
Cost: tens of microseconds to map a file and a look at its boundaries (8 bytes a document), none to find it mapped.
"""

import collections
import dataclasses
import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus.errors import DamageError, RunDirectoryError
from corpus.seeds import content_digest
from corpus.storage.paths import below, shown, what_is_wrong

MANIFEST_FILE = "manifest.arrow"

KEY_BYTES = 16

#: Columns of the manifest that say where a shard's parts lie in it.
_LAYOUT = ("file_bytes", "documents", "tokens", "token_offset", "boundary_offset")


#: What reading needs; whatever else a version writes is not looked at.
_NEEDED = ("domain", "shard", "path", *_LAYOUT, "token_dtype")


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The columns that reading needs; rows are shards by (domain, number)."""

    domains: list[str]  # of each row
    paths: list[str]
    documents: list[int]
    tokens: list[int]
    file_bytes: list[int]
    token_offsets: list[int]
    boundary_offsets: list[int]
    dtype: np.dtype[Any]
    metadata: dict[str, str]
    digest: str  # of what the shards hold and how they are ordered: equal for equal tokens, wherever they lie


@dataclasses.dataclass(frozen=True)
class MappedShard:
    """A mapped file. The views keep the mapping alive; it goes when the last of them does."""

    tokens: NDArray[Any]  # (tokens,)
    boundaries: NDArray[np.int64]  # (documents + 1,)


class MappedShards:
    """The shards of a run by their row in the manifest, mapped when first read; the longest unused goes first."""

    def __init__(self, run: Path, manifest: Manifest, *, max_open: int) -> None:
        self.manifest = manifest
        self._run = run
        self._max_open = max_open
        self._open: collections.OrderedDict[int, MappedShard] = collections.OrderedDict()

    def get(self, row: int) -> MappedShard:
        shard = self._open.get(row)
        if shard is None:
            while len(self._open) >= self._max_open:
                self._open.popitem(last=False)
            shard = self._open[row] = self._map(row)
        else:
            self._open.move_to_end(row)
        return shard

    def keys(self, documents: NDArray[np.int64]) -> list[bytes]:
        from corpus.storage.run_marker import not_readable
        from corpus.storage.shards import read_shard

        keys = np.empty((len(documents), KEY_BYTES), np.uint8)
        for row in np.unique(documents[:, 0]).tolist():
            here = documents[:, 0] == row
            table = read_shard(self._path(row))
            if "key" not in table.column_names:
                raise not_readable(str(self._path(row)), f"has no column 'key', only {table.column_names}")
            column = table.column("key").chunk(0)
            every = np.frombuffer(column.buffers()[1], np.uint8, KEY_BYTES * len(column)).reshape(-1, KEY_BYTES)
            if len(every) != self.manifest.documents[row]:
                raise DamageError(f"{self._path(row)}: the shard is not the manifest's; verify the run")
            keys[here] = every[documents[here, 1]]
        return [key.tobytes() for key in keys]

    def close(self) -> None:
        self._open.clear()

    def _path(self, row: int) -> Path:
        return Path(below(str(self._run), self.manifest.paths[row]))

    def _map(self, row: int) -> MappedShard:
        """Maps a file and checks what is cheap to check: its size, and where the first and last document end."""
        manifest, path = self.manifest, self._path(row)
        try:
            with path.open("rb") as file:
                found = os.fstat(file.fileno()).st_size
                if found != manifest.file_bytes[row]:
                    raise DamageError(
                        f"{path}: the shard has {found} bytes, the manifest says {manifest.file_bytes[row]}; "
                        "verify the run"
                    )
                mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            # np.frombuffer and not np.memmap, whose slices cost microseconds each.
            tokens = np.frombuffer(mapping, manifest.dtype, manifest.tokens[row], manifest.token_offsets[row])
            boundaries = np.frombuffer(mapping, "<i8", manifest.documents[row] + 1, manifest.boundary_offsets[row])
        except OSError as error:
            raise DamageError(f"{path}: the shard cannot be read ({error.strerror}); build again") from error
        except ValueError as error:
            raise DamageError(f"{path}: the manifest's offsets are not of this shard ({error}); build again") from error
        if boundaries[0] != 0 or boundaries[-1] != len(tokens) or not (boundaries[1:] > boundaries[:-1]).all():
            raise DamageError(f"{path}: the documents do not cover the tokens; verify the run")
        return MappedShard(tokens=tokens, boundaries=boundaries)


def read_manifest(root: Path) -> Manifest:
    """Raises RunDirectoryError where there is none, DamageError where it is not one. Read, not mapped: it is small."""
    import pyarrow as pa

    from corpus.schema import MANIFEST
    from corpus.storage.arrow_bounds import UNREADABLE, BoundedReader
    from corpus.storage.run_marker import not_readable

    path = root / MANIFEST_FILE
    if not path.exists():
        raise RunDirectoryError(f"{path}: not found; run `corpus build` to the end of stage pack first")
    try:
        table = BoundedReader(pa.BufferReader(path.read_bytes())).read_all()
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        raise DamageError(f"{path}: not an Arrow file ({reason}); verify the run") from error
    for name in _NEEDED:
        if name not in table.column_names or not _same_kind(table.schema.field(name).type, MANIFEST.field(name).type):
            raise not_readable(str(path), f"has no column {name!r} of a manifest, but {table.schema.names}")
    columns = table.select(_NEEDED).to_pydict()
    rows = list(zip(columns["domain"], columns["shard"], strict=True))
    if rows != sorted(set(rows)):
        raise DamageError(f"{path}: its rows are not sorted by domain and shard; build again")
    kinds = sorted(set(columns["token_dtype"]))
    if kinds not in (["uint16"], ["uint32"]):
        raise DamageError(f"{path}: token_dtype is one of uint16 and uint32 in every row, not {kinds}; verify the run")
    for name in columns["path"]:
        if (wrong := what_is_wrong(name)) is not None:
            raise DamageError(f"{path}: the path of a shard {wrong}: {shown(name)}; build again")
    metadata = table.schema.metadata or {}
    width = np.dtype(kinds[0]).itemsize
    for row in zip(*(columns[name] for name in _LAYOUT), strict=True):
        size, documents, tokens, token_offset, boundary_offset = row
        if not (
            0 < documents <= tokens
            and max(token_offset + width * tokens, boundary_offset + 8 * (documents + 1)) <= size < 1 << 62
        ):
            raise DamageError(f"{path}: a shard of {size} bytes cannot hold what its row states; verify the run")
    return Manifest(
        domains=columns["domain"],
        paths=columns["path"],
        documents=columns["documents"],
        tokens=columns["tokens"],
        file_bytes=columns["file_bytes"],
        token_offsets=columns["token_offset"],
        boundary_offsets=columns["boundary_offset"],
        dtype=np.dtype(kinds[0]).newbyteorder("<"),
        metadata={name.decode(): value.decode() for name, value in metadata.items()},
        digest=_digest_of(table),
    )


def _digest_of(table: Any) -> str:
    """XXH3-128 of domains, counts and the digests of the shards' files; of a version without digests, of the counts."""
    names = [name for name in ("domain", "shard", "documents", "tokens", "digest") if name in table.column_names]
    return content_digest(repr(list(table.select(names).to_pydict().values())).encode()).hex()


def _same_kind(found: Any, wanted: Any) -> bool:
    """Whether a column holds whole numbers, or texts, as it must; their width is the version's."""
    import pyarrow as pa

    if pa.types.is_integer(wanted):
        return pa.types.is_integer(found)
    return pa.types.is_string(found) or pa.types.is_large_string(found)
