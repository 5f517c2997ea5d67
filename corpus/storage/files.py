"""Files by path or fsspec URL: the one place where bytes enter and leave.

A local write goes to a temporary name in the same folder, is synced and renamed; to a store a file is sent when it is whole, and
a finished upload is the rename. Either way a name that exists holds a whole file, now and after a power cut: that is what resume
relies on. Memory: one buffer.

Reading: `open_read` for a file that is read on and on, `open_ranges` and `read_range` for pieces of one, `read_bytes` for a
small one. What is asked of a store is tried again where it fails (corpus.storage.retries) and never answered from a cache.
They raise FileNotFoundError, StoreError where the store does not answer or refuses, OSError.
"""

import dataclasses
import errno
import io
import os
import posixpath
import re
import secrets
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
import xxhash
from fsspec.core import url_to_fs
from fsspec.spec import AbstractBufferedFile

from corpus.storage.remote_file import HTTP, RemoteFile, stored_form
from corpus.storage.retries import retried

HEAD_TAIL_BYTES = 1 << 20
CHUNK_BYTES = 8 << 20
#: What a stream asks a store for at a time: at 100 MB/s the 30 ms until an answer begins are a quarter of its time.
BLOCK_BYTES = 8 << 20

#: Of a file on its way to a store, what is held in memory.
SPOOL_BYTES = 8 << 20

#: Stores where a name appears when its upload is finished; a rename there is a second copy.
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "r2", "b2"})


def is_local(url: str) -> bool:
    return "://" not in url or url.startswith("file://")


def is_object_store(url: str) -> bool:
    """Whether a name appears at the URL only when its upload is finished."""
    return url.partition("://")[0] in OBJECT_STORES


def local_path(url: str) -> Path:
    return Path(url.removeprefix("file://"))


def join(base: str, *parts: str) -> str:
    """The path of a file below `base`, local or URL."""
    return posixpath.join(base, *parts)


def beside(folder: Path, name: str) -> str:
    """A path or URL as a file in `folder` names it: relative to that folder where it is a relative local one."""
    return str(folder / local_path(name)) if is_local(name) else name


def base_name(url: str) -> str:
    return url.rpartition("/")[2]


def store_of(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """(the store of a URL, the path in it). Raises ValueError, ImportError for a protocol without a driver."""
    # A cached listing would hide what another process has written since, or say its old size.
    fresh = {"use_listings_cache": False} if url.partition("://")[0] in OBJECT_STORES else {}
    filesystem, path = url_to_fs(url, **fresh)
    return filesystem, str(path)


def glob(pattern: str) -> list[str]:
    """Files that match a glob (or the one file it names), sorted; URLs keep their protocol."""
    filesystem, path = store_of(pattern)
    if any(mark in path for mark in "*?["):
        # With details a listing says what is a file; asking for each costs a request each.
        found = retried(pattern, lambda: filesystem.glob(path, detail=True))
        files = sorted(str(name) for name, entry in found.items() if _is_file(filesystem, entry))
    else:
        files = [] if file_info(pattern) is None else [path]
    return files if is_local(pattern) else [filesystem.unstrip_protocol(name) for name in files]


def _is_file(filesystem: fsspec.AbstractFileSystem, entry: dict[str, Any]) -> bool:
    return entry["type"] == "file" or (entry["type"] not in ("directory", "file") and filesystem.isfile(entry["name"]))


def file_info(url: str) -> Mapping[str, Any] | None:
    """What a store says of a file (`size`, and where it has them `ETag`, `LastModified`, `mtime`); None where there is no file."""
    filesystem, path = store_of(url)
    try:
        found = retried(url, lambda: filesystem.info(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found if _is_file(filesystem, found) else None


def chunks(url: str) -> Iterator[bytes]:
    """A file's bytes, at most CHUNK_BYTES at a time. Raises OSError."""
    with open_read(url) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def digest(url: str) -> str:
    """XXH3-128 of a file, in hex. Raises OSError. Memory: CHUNK_BYTES."""
    found = xxhash.xxh3_128()
    for chunk in chunks(url):
        found.update(chunk)
    return found.hexdigest()


def sized_digest(url: str) -> tuple[int, bytes, bytes]:
    """Size, first MiB and `head_tail_digest` of a file, by opening it once and reading no more than those two MiB."""
    with open_ranges(url) as stream:
        length = stream.seek(0, io.SEEK_END)
        head = _read_at(stream, 0, HEAD_TAIL_BYTES)
        digest = xxhash.xxh3_128(length.to_bytes(8, "little"))
        digest.update(head)
        if length > HEAD_TAIL_BYTES:
            digest.update(_read_at(stream, max(HEAD_TAIL_BYTES, length - HEAD_TAIL_BYTES), HEAD_TAIL_BYTES))
    return length, head, digest.digest()


def size(url: str) -> int:
    """Bytes of a file. Raises FileNotFoundError."""
    found = file_info(url)
    if found is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), url)
    return int(found["size"])


def exists(url: str) -> bool:
    filesystem, path = store_of(url)
    try:
        retried(url, lambda: filesystem.info(path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def is_folder(url: str) -> bool:
    """Whether a path or URL names a folder; False too where that cannot be found out."""
    try:
        filesystem, path = store_of(url)
        return bool(filesystem.isdir(path))
    except (OSError, ValueError, ImportError):
        return False


@dataclasses.dataclass(frozen=True)
class Stat:
    """What a listing says of a file: its size, and what changes when it is written again ("" where the store says nothing)."""

    bytes: int
    mark: str


def listing(folder: str) -> dict[str, Stat]:
    """Base name → what is known of each file in a folder, sorted; {} where there is none. One listing."""
    if is_local(folder):
        try:
            found = [(entry.name, entry.stat()) for entry in os.scandir(local_path(folder)) if entry.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return {name: Stat(of.st_size, f"{of.st_mtime_ns} {of.st_ctime_ns} {of.st_ino}") for name, of in sorted(found)}
    entries = sorted(_entries(folder, "file").items())
    return {name: Stat(int(each["size"] or 0), _mark(each)) for name, each in entries}


def _mark(entry: Mapping[str, Any]) -> str:
    """What of a listing's entry changes with the content: an entity tag, or else a time."""
    return next((str(entry[key]) for key in _MARKS if entry.get(key)), "")


#: The names that stores give it.
_MARKS = ("ETag", "etag", "LastModified", "last_modified", "updated", "mtime", "modified", "created")


def names(folder: str) -> list[str]:
    """Base names of the files in a folder, sorted; [] where there is none. One listing."""
    if is_local(folder):
        try:
            return sorted(entry.name for entry in os.scandir(local_path(folder)) if entry.is_file())
        except FileNotFoundError:
            return []
    return sorted(_entries(folder, "file"))


def folder_names(folder: str) -> list[str]:
    """Base names of the folders in a folder, sorted; [] where there is none."""
    return sorted(_entries(folder, "directory"))


def _entries(folder: str, kind: str) -> dict[str, Mapping[str, Any]]:
    """Base name → what the store says of it, of a folder's entries of a kind; {} where there is none. One listing."""
    filesystem, path = store_of(folder)
    try:
        entries = retried(folder, lambda: filesystem.ls(path, detail=True))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    own = path.rstrip("/")
    named = ((entry["name"].rstrip("/"), entry) for entry in entries if entry["type"] == kind)
    # A file lists itself; so does, on an object store, a folder that was made by hand.
    return {posixpath.basename(name): entry for name, entry in named if name != own}


def open_read(url: str) -> io.BufferedReader:
    """A seekable stream of the stored bytes, to be read on and on; the caller closes it. Memory: BLOCK_BYTES where remote."""
    if is_local(url):
        return local_path(url).open("rb")
    return io.BufferedReader(open_remote(url), BLOCK_BYTES)


def open_ranges(url: str) -> io.RawIOBase:
    """A seekable stream of the stored bytes that reads what is asked for and nothing ahead; the caller closes it."""
    return local_path(url).open("rb", buffering=0) if is_local(url) else open_remote(url)


def open_remote(url: str) -> RemoteFile:
    """A file behind a URL that is not local, for ranges."""
    filesystem, path = store_of(url)
    found = retried(url, lambda: filesystem.info(path))
    if found["type"] == "directory":
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), url)
    # A web server may know no size, or no ranges.
    known = found["size"] if found.get("partial", True) else None
    return RemoteFile(url, filesystem, path, known)


def read_range(url: str, begin: int, end: int) -> bytes:
    """Stored bytes [begin, end), fewer at the file's end."""
    with open_ranges(url) as stream:
        return _read_at(stream, begin, end - begin)


def _read_at(stream: io.RawIOBase, begin: int, size: int) -> bytes:
    """`size` bytes from `begin` on, fewer at the file's end: one read of a local file may give fewer."""
    stream.seek(begin)
    parts: list[bytes] = []
    while size > 0 and (data := stream.read(size)):
        parts.append(data)
        size -= len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_bytes(url: str) -> bytes:
    """A whole file. Memory: the file."""
    if is_local(url):
        return local_path(url).read_bytes()
    filesystem, path = store_of(url)
    options = _whole(url, filesystem)
    return bytes(retried(url, lambda: filesystem.cat_file(path, **options)))


def _whole(url: str, filesystem: fsspec.AbstractFileSystem) -> dict[str, Any]:
    """Options of a request for a whole file."""
    protocol = url.partition("://")[0]
    if protocol in HTTP:
        return {"headers": stored_form(filesystem)}
    # s3fs asks for the size first, where it may have several connections: twice the requests.
    return {"max_concurrency": 1} if protocol in ("s3", "s3a") else {}


def head_tail_digest(url: str) -> bytes:
    """XXH3-128 of a file's size and its first and last MiB: identity at a cost that does not grow with the file."""
    return sized_digest(url)[2]


class DigestingWriter(io.RawIOBase):
    """Passes bytes on to a stream and knows their number and XXH3-128 so far."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._digest = xxhash.xxh3_128()
        self.written_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        self._digest.update(view)
        self._sink.write(view)
        self.written_bytes += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self.written_bytes

    def digest(self) -> bytes:
        return self._digest.digest()


@contextmanager
def atomic_writer(url: str) -> Iterator[DigestingWriter]:
    """A stream whose file appears whole and lasts, or, after an exception, not at all.

    On a local disk file and folder are synced before this returns: a record that is written after it is never true too early,
    whatever the power does.
    """
    if not is_local(url):
        with _remote_writer(url) as handle:
            yield DigestingWriter(handle)
        return
    path = local_path(url)
    make_folder(path.parent)
    temporary = path.with_name(temporary_name(path.name))
    try:
        with temporary.open("xb") as sink:
            yield DigestingWriter(sink)
            _sync(sink)
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a full disk does not say where it was met
        with suppress(OSError):  # a file system that has become read-only: the first error is the one to be told
            temporary.unlink(missing_ok=True)
        raise


def temporary_name(name: str) -> str:
    """Of a file that is being written: no other writer's on any machine, in any process, at any time.

    Two workers that were given the same item by a retrying runner write each its own; both have the same bytes, so it does
    not matter whose rename is last. A process number alone is not enough: on a shared file system two machines may have it.
    """
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:32] or "host"
    return f".{name}.{host}-{os.getpid()}-{secrets.token_hex(8)}.tmp"


def create(url: str, data: bytes) -> bool:
    """Writes a file where there is none, whole or not at all; False where there is one.

    Of several that do it at once one succeeds, on a local disk and on stores with conditional writes (S3, GCS); elsewhere
    it is an attempt (fsspec's `mode="create"`).
    """
    if not is_local(url):
        return _create_remote(url, data)
    path = local_path(url)
    make_folder(path.parent)
    temporary = path.with_name(temporary_name(path.name))
    try:
        with temporary.open("xb") as sink:
            sink.write(data)
            _sync(sink)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            try:
                with path.open("xb") as sink:
                    sink.write(data)
                    _sync(sink)
            except FileExistsError:
                return False
        _sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return True


def _create_remote(url: str, data: bytes) -> bool:
    filesystem, path = store_of(url)
    if not is_object_store(url):
        filesystem.makedirs(posixpath.dirname(path), exist_ok=True)
    if exists(url):
        return False

    def make() -> bool:
        with suppress(FileExistsError):
            filesystem.pipe_file(path, data, mode="create")
        # What is there is ours where a first try succeeded and its answer was lost, and another's where the store does not
        # know the condition and let the last one win.
        return bool(filesystem.cat_file(path) == data)

    return retried(url, make)


def remove_file(url: str) -> None:
    """Deletes one file that this process made. Files of a run are deleted by corpus.storage.deletion. Raises FileNotFoundError."""
    if is_local(url):
        local_path(url).unlink()
    else:
        filesystem, path = store_of(url)
        retried(url, lambda: filesystem.rm_file(path))


def make_folder(path: Path) -> None:
    """Makes a local folder and those above it; a new one's name lasts."""
    try:
        path.mkdir()
    except FileExistsError:
        if not path.is_dir():
            raise
    except FileNotFoundError:
        make_folder(path.parent)
        make_folder(path)
    else:
        _sync_folder(path.parent)


def _sync(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _sync_folder(path: Path) -> None:
    """Has a folder's names on the disk. Some file systems over a network cannot do it, and need not."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS, errno.EACCES):
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _remote_writer(url: str) -> Iterator[BinaryIO]:
    """A stream that is sent when it is whole: after an exception of the writer a store has seen nothing of it.

    A file that is written to a store directly appears under its name when it is closed, whole or not, on stores that publish then
    (GCS). What is more than SPOOL_BYTES waits in a file of this machine's temporary folder.
    """
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
        yield cast(BinaryIO, spool)
        retried(url, lambda: _upload(url, cast(BinaryIO, spool)))


def _upload(url: str, spool: BinaryIO) -> None:
    """Sends a whole file; may be called again after an error. Raises OSError, and what the store's driver raises."""
    filesystem, path = store_of(url)
    spool.seek(0)
    if is_object_store(url):
        _send(filesystem, path, spool)
        return
    # Elsewhere (HDFS, SFTP, memory) a file is visible while it is written.
    folder, name = posixpath.split(path)
    target = posixpath.join(folder, temporary_name(name))
    filesystem.makedirs(folder, exist_ok=True)
    try:
        _send(filesystem, target, spool)
        if filesystem.exists(path):
            with suppress(FileNotFoundError):  # another writer of the same bytes was quicker
                filesystem.rm_file(path)
        filesystem.mv(target, path)
    except BaseException:
        with suppress(Exception):
            filesystem.rm_file(target)
        raise


def _send(filesystem: fsspec.AbstractFileSystem, path: str, source: BinaryIO) -> None:
    handle = filesystem.open(path, "wb")
    try:
        while data := source.read(CHUNK_BYTES):
            handle.write(data)
        handle.close()
    except BaseException:
        # An upload in parts is given up; and what is not closed is not published, by the garbage collector neither.
        with suppress(Exception):
            handle.discard()
        if isinstance(handle, AbstractBufferedFile):
            handle.closed = True
        raise


def write_bytes(url: str, data: bytes) -> None:
    with atomic_writer(url) as sink:
        sink.write(data)
