"""Writing: names of unfinished files, what an exception leaves on each kind of store, exclusive creation, what is synced."""

import io
import itertools
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

import stores
from corpus.errors import StoreError
from corpus.storage import files, retries
from corpus.storage.run_names import is_unfinished

MIB = 1 << 20


class PublishesAtClose(AbstractFileSystem):
    """A store as GCS behind fsspec: whatever was written appears under its name when the file is closed, or collected."""

    protocol = "gs"
    cachable = False
    objects: ClassVar[dict[str, bytes]] = {}
    fail_after: ClassVar[int | None] = None

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode == "rb":
            return io.BytesIO(self.objects[path])
        return _Published(self, path, mode, block_size=MIB, autocommit=True)

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        if (key := self._strip_protocol(path)) not in self.objects:
            raise FileNotFoundError(path)
        return {"name": key, "size": len(self.objects[key]), "type": "file"}


class _Published(AbstractBufferedFile):  # type: ignore[misc]
    def _initiate_upload(self) -> None:
        self.parts: list[bytes] = []

    def _upload_chunk(self, final: bool = False) -> bool:
        self.parts.append(self.buffer.getvalue())
        limit = self.fs.fail_after
        if limit is not None and sum(map(len, self.parts)) > limit:
            raise ConnectionResetError("the store went away")
        if final:
            self.fs.objects[self.path] = b"".join(self.parts)
        return True


@pytest.fixture
def gs(monkeypatch: pytest.MonkeyPatch) -> type[PublishesAtClose]:
    from fsspec.registry import _registry

    monkeypatch.setitem(_registry, "gs", PublishesAtClose)
    monkeypatch.setattr(PublishesAtClose, "objects", {})
    monkeypatch.setattr(PublishesAtClose, "fail_after", None)
    return PublishesAtClose


@pytest.fixture(scope="module")
def s3(s3_url: str) -> Iterator[Any]:
    with stores.s3_of_this_process(s3_url):
        store = fsspec.filesystem("s3")
        store.mkdir("writes")
        yield store


# Names


def test_no_two_writers_have_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines of a shared file system with equal process numbers wrote into one file."""
    monkeypatch.setattr(os, "getpid", lambda: 4711)
    monkeypatch.setattr(socket, "gethostname", lambda: "worker")
    names = {files.temporary_name("00000.arrow") for _ in range(100)}
    assert len(names) == 100
    assert all(is_unfinished(f"documents/{16 * '0'}/{name}") for name in names)


@pytest.mark.parametrize("host", ["", "a.b.example", "x" * 200, "rechner-ä", "a/../b", "a\nb"])
def test_a_name_is_one_whatever_the_machine_is_called(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    name = files.temporary_name("00000.arrow")
    assert len(name.encode()) < 200
    assert is_unfinished(f"documents/{16 * '0'}/{name}")


def test_two_writers_at_once_leave_one_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As two hosts with equal process numbers, interleaved: the first ends while the second is in its middle."""
    monkeypatch.setattr(os, "getpid", lambda: 4711)
    url, data = str(tmp_path / "00000.arrow"), os.urandom(MIB)
    with files.atomic_writer(url) as first:
        first.write(data[: MIB // 2])
        with files.atomic_writer(url) as second:
            second.write(data[: MIB // 4])
            first.write(data[MIB // 2 :])
            second.write(data[MIB // 4 :])
        assert Path(url).read_bytes() == data
    assert Path(url).read_bytes() == data
    assert os.listdir(tmp_path) == ["00000.arrow"]


def test_a_file_in_the_way_is_never_written_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "temporary_name", lambda name: f".{name}.taken.tmp")
    (tmp_path / ".x.taken.tmp").symlink_to(tmp_path / "victim")
    with pytest.raises(FileExistsError):
        files.write_bytes(str(tmp_path / "x"), b"data")
    assert not (tmp_path / "victim").exists()


# Exceptions


@pytest.mark.parametrize("size", [0, 5, 5 * MIB, 30 * MIB])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_nothing_where_closing_publishes(
    gs: type[PublishesAtClose], size: int, error: type[BaseException]
) -> None:
    with pytest.raises(error), files.atomic_writer("gs://bucket/run/x.arrow") as sink:  # noqa: PT012
        sink.write(bytes(size))
        raise error
    assert gs.objects == {}
    with files.atomic_writer("gs://bucket/run/x.arrow") as sink:
        sink.write(bytes(size))
    assert gs.objects == {"bucket/run/x.arrow": bytes(size)}


@pytest.fixture
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that went away is given up soon."""
    monkeypatch.setattr(retries, "TRIES", 3)
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.01)


@pytest.mark.usefixtures("few_tries")
@pytest.mark.parametrize("fail_after", [0, MIB, 6 * MIB])
def test_an_upload_that_breaks_off_leaves_nothing(gs: type[PublishesAtClose], fail_after: int) -> None:
    gs.objects["bucket/run/x.arrow"] = b"old"
    gs.fail_after = fail_after
    with pytest.raises(StoreError, match="went away"), files.atomic_writer("gs://bucket/run/x.arrow") as sink:
        sink.write(bytes(9 * MIB))
    gs.fail_after = None
    assert gs.objects == {"bucket/run/x.arrow": b"old"}


@pytest.mark.parametrize("size", [5, 12 * MIB, 60 * MIB])
def test_an_exception_leaves_nothing_on_s3(s3: Any, size: int) -> None:
    with pytest.raises(RuntimeError), files.atomic_writer("s3://writes/a/x.arrow") as sink:  # noqa: PT012
        sink.write(bytes(size))
        raise RuntimeError
    s3.invalidate_cache()
    assert s3.find("writes/a") == []
    assert s3.call_s3("list_multipart_uploads", Bucket="writes").get("Uploads", []) == []
    with files.atomic_writer("s3://writes/a/x.arrow") as sink:
        sink.write(bytes(size))
    assert s3.size("writes/a/x.arrow") == size == sink.written_bytes
    s3.rm("writes/a/x.arrow")


@pytest.mark.usefixtures("few_tries")
def test_an_upload_that_breaks_off_is_given_up_on_s3(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from s3fs.core import S3File

    real = S3File._upload_chunk

    def broken(self: Any, final: bool = False) -> Any:
        if self.parts:
            raise ConnectionResetError("the store went away")
        return real(self, final)

    monkeypatch.setattr(S3File, "_upload_chunk", broken)
    with pytest.raises(StoreError, match="went away"), files.atomic_writer("s3://writes/b/x.arrow") as sink:
        sink.write(bytes(120 * MIB))
    s3.invalidate_cache()
    assert s3.find("writes/b") == []
    assert s3.call_s3("list_multipart_uploads", Bucket="writes").get("Uploads", []) == []


@pytest.mark.usefixtures("few_tries")
def test_an_upload_that_breaks_off_leaves_nothing_where_files_are_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store = fsspec.filesystem("memory")
    url = "memory://breaks-off/x.arrow"
    files.write_bytes(url, b"old")

    def broken(self: Any, *arguments: Any, **options: Any) -> None:
        raise ConnectionResetError("the store went away")

    with monkeypatch.context() as patched:
        patched.setattr(MemoryFileSystem, "mv", broken)
        patched.setattr(
            MemoryFileSystem, "rm_file", lambda self, path: self.store.pop(path) if ".tmp" in path else None
        )
        with pytest.raises(StoreError, match="went away"):
            files.write_bytes(url, b"new")
    assert store.find("/breaks-off") == ["/breaks-off/x.arrow"]
    assert files.read_bytes(url) == b"old"


# Creating


_numbers = itertools.count()


@pytest.fixture(params=["local", "memory", "s3", "no hard links"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "s3":
        request.getfixturevalue("s3")
        return f"s3://writes/create-{next(_numbers)}"
    if request.param == "memory":
        return f"memory://create-{next(_numbers)}"
    if request.param == "no hard links":

        def refused(*arguments: Any) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refused)
    return str(tmp_path / "folder")


def test_of_many_that_create_a_file_one_does(place: str) -> None:
    url, made = f"{place}/marker.json", []
    start = threading.Barrier(8)

    def create(number: int) -> None:
        start.wait()
        if files.create(url, b"%d" % number):
            made.append(b"%d" % number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if "memory" not in place:  # no store for several at once
        assert len(made) == 1
    assert files.read_bytes(url) == made[-1]
    assert not files.create(url, b"late")
    assert files.read_bytes(url) == made[-1]
    assert files.names(place) == ["marker.json"]


# Syncing


def test_a_name_is_there_only_when_its_bytes_and_its_folder_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of calls on which a record rests after a power cut."""
    calls: list[tuple[str, str]] = []
    fsync, replace, mkdir = os.fsync, Path.replace, Path.mkdir

    def synced(descriptor: int) -> None:
        calls.append(("sync", os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))))
        fsync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        calls.append(("rename", target.name))
        return replace(self, target)

    def made(self: Path, *arguments: Any, **options: Any) -> None:
        mkdir(self, *arguments, **options)
        calls.append(("mkdir", self.name))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("the system has no /proc")
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    monkeypatch.setattr(Path, "mkdir", made)
    files.write_bytes(str(tmp_path / "a" / "b" / "x"), b"data")
    kinds = [(kind, "temporary" if name.endswith(".tmp") else name) for kind, name in calls]
    expected = [("mkdir", "a"), ("sync", tmp_path.name), ("mkdir", "b"), ("sync", "a")]
    assert kinds == [*expected, ("sync", "temporary"), ("rename", "x"), ("sync", "b")]
