"""A file that workers need, named together with the digest of its content, and read only if it still has it.

Models travel to workers as files of the run directory, never inside the graph. A worker on another machine reads
through the same URL; where a C library wants a local path, the bytes are copied once into a temporary folder of the
machine. Cost: one read of the file a process.
"""

import dataclasses
import functools
import os
import tempfile
from pathlib import Path

from corpus.errors import DamageError
from corpus.seeds import content_digest
from corpus.storage import files


@dataclasses.dataclass(frozen=True)
class PinnedFile:
    """A URL and the XXH3-128, in hex, of what must lie there."""

    url: str
    digest: str

    @staticmethod
    def of(url: str) -> "PinnedFile":
        """What lies there now. Raises OSError."""
        return PinnedFile(url, content_digest(files.read_bytes(url)).hex())

    def copied_to(self, url: str) -> "PinnedFile":
        """The same content elsewhere, written where nothing lies yet."""
        if not files.exists(url):
            files.write_bytes(url, self.check())
        return PinnedFile(url, self.digest)

    def check(self) -> bytes:
        """The content. Raises DamageError where the file is missing or another."""
        try:
            data = files.read_bytes(self.url)
        except OSError as error:
            reason = error.strerror or error
            raise DamageError(
                f"{self.url}: a worker cannot read it ({reason}); the run directory must be reachable from every worker"
            ) from error
        if (found := content_digest(data).hex()) != self.digest:
            raise DamageError(f"{self.url}: XXH3-128 is {found}, not {self.digest}; delete it and build again")
        return data

    def local(self) -> Path:
        """A local path of the checked content."""
        return _local(self)


@functools.cache
def _local(pinned: PinnedFile) -> Path:
    data = pinned.check()
    if files.is_local(pinned.url):
        return files.local_path(pinned.url)
    folder = Path(tempfile.gettempdir()) / f"lm-corpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise DamageError(f"{folder}: belongs to someone else; set TMPDIR to a folder of your own")
    path = folder / f"{pinned.digest}-{files.base_name(pinned.url)}"
    files.write_bytes(str(path), data)
    return path
