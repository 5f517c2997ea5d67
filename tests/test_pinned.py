"""Files that workers read only if they are what the driver saw."""

import fsspec
import pytest

from corpus.errors import DamageError
from corpus.seeds import content_digest
from corpus.storage import files
from corpus.storage.digested_file import DigestedFile


def pinned(url: str, data: bytes) -> DigestedFile:
    return DigestedFile(url, content_digest(data).hex())


def test_a_local_file_is_read_where_it_lies(tmp_path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"weights")
    assert pinned(str(path), b"weights").local() == path


def test_a_remote_file_is_copied_with_its_content(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    files.write_bytes("memory://models/a.ftz", b"remote weights")
    local = pinned("memory://models/a.ftz", b"remote weights").local()
    assert local.read_bytes() == b"remote weights"
    assert local.name.endswith("-a.ftz")
    fsspec.filesystem("memory").rm("/models/a.ftz")


def test_another_content_and_a_missing_file_are_one_line_each(tmp_path) -> None:
    path = tmp_path / "model"
    with pytest.raises(DamageError, match=r"a worker cannot read it .*reachable from every worker"):
        pinned(str(path), b"weights").local()
    path.write_bytes(b"Weights")
    with pytest.raises(DamageError, match="delete it and build again"):
        pinned(str(path), b"weights").local()


@pytest.mark.parametrize("torn", [b"", b"wei", b"weights and more", bytes(7)])
@pytest.mark.parametrize("place", ["local", "memory"])
def test_a_copy_that_is_none_is_made_again(tmp_path, torn: bytes, place: str) -> None:
    """As a power cut leaves one: workers would refuse it for ever, and nothing would write it again."""
    (tmp_path / "model").write_bytes(b"weights")
    url = str(tmp_path / "run" / "language.model") if place == "local" else "memory://pinned-copies/language.model"
    files.write_bytes(url, torn)
    copy = DigestedFile.of(str(tmp_path / "model")).copied_to(url)
    if place == "memory" and len(torn) == len(b"weights"):
        return  # elsewhere only its size is asked for: a finished upload is whole
    assert files.read_bytes(url) == b"weights"
    copy.check()
