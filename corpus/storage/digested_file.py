"""A file that workers need, named together with the digest of its content, and read only if it still has it.

Models travel to workers as files of the run directory, never inside the graph. A worker on another machine reads
through the same URL; where a C library wants a local path, the bytes are copied once into a temporary folder of the
machine. Cost: one read of the file a process, a buffer at a time: models may be larger than memory.
"""

import dataclasses
import functools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import xxhash

from corpus.errors import DamageError
from corpus.storage import files


@dataclasses.dataclass(frozen=True)
class DigestedFile:
    """A URL and the XXH3-128, in hex, of what must lie there."""

    url: str
    digest: str

    @staticmethod
    def of(url: str) -> "DigestedFile":
        """What lies there now. Raises OSError."""
        return DigestedFile(url, files.digest(url))

    def copied_to(self, url: str) -> "DigestedFile":
        """The same content elsewhere, written where it does not lie yet. Raises DamageError as `check`.

        What lies there is read on a local disk, and asked for its size elsewhere: a copy that a power cut left empty is no copy.
        """
        copy = DigestedFile(url, self.digest)
        if not copy._is_whole(files.size(self.url)):
            self._copy(url)
        return copy

    def _is_whole(self, size: int) -> bool:
        try:
            return files.size(self.url) == size and (
                not files.is_local(self.url) or files.digest(self.url) == self.digest
            )
        except FileNotFoundError:
            return False

    def check(self) -> None:
        """Raises DamageError where the file is missing or another."""
        for _ in self._chunks():
            pass

    def local(self) -> Path:
        """A local path of the checked content."""
        return _local(self)

    def _copy(self, url: str) -> None:
        with files.atomic_writer(url) as sink:
            for chunk in self._chunks():
                sink.write(chunk)

    def _chunks(self) -> Iterator[bytes]:
        """The content. Raises DamageError where it cannot be read, and behind the last chunk where it is another."""
        digest = xxhash.xxh3_128()
        try:
            for chunk in files.chunks(self.url):
                digest.update(chunk)
                yield chunk
        except OSError as error:
            reason = error.strerror or error
            raise DamageError(
                f"{self.url}: a worker cannot read it ({reason}); the run directory must be reachable from every worker"
            ) from error
        if (found := digest.hexdigest()) != self.digest:
            raise DamageError(f"{self.url}: XXH3-128 is {found}, not {self.digest}; delete it and build again")


@functools.cache
def _local(pinned: DigestedFile) -> Path:
    if files.is_local(pinned.url):
        pinned.check()
        return files.local_path(pinned.url)
    folder = Path(tempfile.gettempdir()) / f"lm-corpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise DamageError(f"{folder}: belongs to someone else; set TMPDIR to a folder of your own")
    path = folder / f"{pinned.digest}-{files.base_name(pinned.url)}"
    pinned._copy(str(path))
    return path
