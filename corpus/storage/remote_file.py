"""A remote file as a stream of exact ranges: every read is one request for its own bytes, tried again where it fails.

The driver's own files read ahead: 5 to 50 MiB for the 10 bytes at an Arrow file's end. Here `io.BufferedReader` in front
reads on and on, and nothing in front reads ranges. A web server that knows no ranges sends the file once, into a temporary
one. Memory: what a read asks for.
"""

import io
import tempfile
from typing import Any, BinaryIO

import fsspec

from corpus.storage.retries import CutShortError, retried

HTTP = frozenset({"http", "https"})


class RemoteFile(io.RawIOBase):
    """Stored bytes of a URL. Not for two threads at once. Raises StoreError, FileNotFoundError."""

    def __init__(self, url: str, filesystem: fsspec.AbstractFileSystem, path: str, size: int | None) -> None:
        self._url, self._filesystem, self._path = url, filesystem, path
        self._is_http = url.partition("://")[0] in HTTP
        self._position = 0
        self._held_from, self._held = 0, b""
        self._spooled: BinaryIO | None = None
        self.size = self._spool() if size is None else size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"{self._url}: seek to {base + offset}")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        end = self.size if size is None or size < 0 else min(self.size, self._position + size)
        data = self.range(self._position, end)
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def range(self, begin: int, end: int) -> bytes:
        """Stored bytes [begin, end), fewer at the file's end. The position stays."""
        end = min(end, self.size)
        if begin >= end:
            return b""
        if self._held_from <= begin and end <= self._held_from + len(self._held):
            return self._held[begin - self._held_from : end - self._held_from]
        if self._spooled is None:
            try:
                return retried(self._url, lambda: self._fetch(begin, end))
            except ValueError:  # fsspec: the server knows no ranges
                if not self._is_http:
                    raise
                self.size = self._spool()
        assert self._spooled is not None
        self._spooled.seek(begin)
        return self._spooled.read(end - begin)

    def hold(self, begin: int, end: int) -> None:
        """Reads these bytes now, and what lies in them from here on without a request."""
        self._held_from, self._held = begin, self.range(begin, end)

    def _fetch(self, begin: int, end: int) -> bytes:
        if not self._is_http:
            data = self._filesystem.cat_file(self._path, start=begin, end=end)
        else:
            # cat_file takes the whole file for the range where a server answers 200.
            options = {"cache_type": "none", "size": self.size, "headers": stored_form(self._filesystem)}
            with self._filesystem.open(self._path, "rb", **options) as handle:
                handle.seek(begin)
                data = handle.read(end - begin)
        if len(data) != end - begin:
            raise CutShortError(f"{len(data)} bytes instead of {end - begin} from {begin} on")
        return bytes(data)

    def _spool(self) -> int:
        """Takes the whole file; returns its size."""

        def take() -> BinaryIO:
            file = tempfile.TemporaryFile()  # noqa: SIM115  # closed with this one
            try:
                self._filesystem.get_file(self._path, file, headers=stored_form(self._filesystem))
            except BaseException:
                file.close()
                raise
            return file

        self._spooled = retried(self._url, take)
        return self._spooled.seek(0, io.SEEK_END)

    def close(self) -> None:
        if self._spooled is not None:
            self._spooled.close()
        super().close()


def stored_form(filesystem: fsspec.AbstractFileSystem) -> dict[str, str]:
    """Headers that ask a web server for the stored bytes, not for a form that is compressed on the way."""
    return {**filesystem.kwargs.get("headers", {}), "Accept-Encoding": "identity"}
