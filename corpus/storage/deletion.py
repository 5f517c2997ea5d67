"""Deletion by proof: the one place where files of a run are deleted.

A file goes only if all of this holds.
  - The run directory has a marker (corpus.storage.run_marker); whoever starts a build or a repair asks for it.
  - Its path is one that a build writes (corpus.storage.run_names) and stays below the run directory (corpus.storage.paths).
  - What is under a fingerprint was begun here: `stages/STAGE/FINGERPRINT/` exists.
  - It is a plain file, and no folder on the way to it below the run directory is a symbolic link.
Everything else is left where it is, and named to the caller. Folders go when they are empty, never with anything in them.

On a local disk folders are opened one below the other without following links, and names are deleted relative to the open folder,
so that what is checked is what is deleted. Cost: a listing of each folder that is emptied; on an object store one request
for up to 1,000 files.
"""

import contextlib
import functools
import os
import posixpath
import stat
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from corpus.storage import files, paths
from corpus.storage.retries import retried
from corpus.storage.run_names import EXCHANGE, FINGERPRINT, KINDS, is_file_of_a_run, is_unfinished

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def remove(root: str, names: Iterable[str]) -> list[str]:
    """Deletes files of a run by their paths below its directory; returns those that are left, sorted.

    Left is what no build writes, and what is no plain file or lies behind a symbolic link. What is not there is no error.
    """
    left: list[str] = []
    by_folder: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        if paths.what_is_wrong(name) is None and (is_file_of_a_run(name) or is_unfinished(name)):
            by_folder.setdefault(posixpath.dirname(name), []).append(posixpath.basename(name))
        else:
            left.append(name)
    local = _local(root)
    for folder, within in by_folder.items():
        if local is None:
            _rm(root, folder, within)
        else:
            left += (posixpath.join(folder, name) for name in _unlink(local, folder, within))
    return sorted(left)


def remove_folder(root: str, folder: str) -> list[str]:
    """Deletes the files of a run at any depth in one of its folders, and each folder in which nothing else is.

    Returns what is left, sorted.
    """
    left: list[str] = []
    found = []
    for name, is_folder in _entries(root, folder):
        path = f"{folder}/{name}"
        if is_folder:
            left += remove_folder(root, path)
        else:
            found.append(path)
    left += remove(root, found)
    _remove_empty(root, folder)
    return sorted(left)


def remove_fingerprints(root: str, stage: str, kinds: Collection[str], *, keep: str | None) -> list[str]:
    """Deletes what a stage wrote under other fingerprints than `keep`, and what killed writers left under that one.

    `kinds` are the folders of its outputs. Returns what is left in these folders that is not of the stage, sorted.
    """
    begun = set(fingerprints_begun(root, stage))
    left: list[str] = []
    # What the stage wrote in another version, another may write now: the fingerprint is of the stage alone.
    for mark in sorted(begun - {keep}):
        for kind in sorted(KINDS - set(kinds)):
            left += remove_folder(root, f"{kind}/{mark}")
    # The stage's own folder goes last: it is the proof that the others are of this run.
    for top in (*kinds, f"stages/{stage}"):
        for name, is_folder in _entries(root, top):
            path = f"{top}/{name}"
            if is_folder and name == keep:
                left += _remove_unfinished(root, path)
            elif is_folder and name in begun:
                left += remove_folder(root, path)
            else:
                left.append(path)
        _remove_empty(root, top)
    return sorted(left)


def fingerprints_begun(root: str, stage: str) -> list[str]:
    """The fingerprints under which a stage was begun in a run, sorted."""
    found = _entries(root, f"stages/{stage}")
    return sorted(name for name, is_folder in found if is_folder and FINGERPRINT.fullmatch(name))


def remove_exchange(root: str, stage: str) -> list[str]:
    """Deletes what the steps of a stage sent each other, under any fingerprint begun here."""
    begun = fingerprints_begun(root, stage)
    left = [name for mark in begun for name in remove_folder(root, f"{EXCHANGE}/{mark}")]
    _remove_empty(root, EXCHANGE)
    return left


def _remove_unfinished(root: str, folder: str) -> list[str]:
    # A store where a name appears when its upload ends has nothing unfinished to show.
    if files.is_object_store(root):
        return []
    return remove(root, (path for path in _walk(root, folder) if is_unfinished(path)))


# ------------------------------------------------------------------------------------------------ listing


def _local(root: str) -> Path | None:
    """The root as a path of this machine; None where it is elsewhere."""
    if files.is_local(root):
        return files.local_path(root)
    filesystem, path = url_to_fs(root)
    return Path(path) if isinstance(filesystem, LocalFileSystem) else None


def _walk(root: str, folder: str) -> Iterator[str]:
    """What lies in a folder of the run at any depth, folders aside; links are named and not followed."""
    for name, is_folder in _entries(root, folder):
        path = f"{folder}/{name}"
        if is_folder:
            yield from _walk(root, path)
        else:
            yield path


def _entries(root: str, folder: str) -> list[tuple[str, bool]]:
    """(name, whether it is a folder and no link) of what lies in a folder of the run; [] where there is none."""
    local = _local(root)
    if local is None:
        return _remote_entries(root, folder)
    with _opened(local, folder) as descriptor:
        if descriptor is None:
            return []
        with os.scandir(descriptor) as found:
            return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in found)


def _remote_entries(root: str, folder: str) -> list[tuple[str, bool]]:
    url = paths.below(root, folder)
    filesystem, path = files.store_of(url)
    try:
        entries = retried(url, lambda: filesystem.ls(path, detail=True))
    except FileNotFoundError:
        return []
    named = [(posixpath.basename(entry["name"].rstrip("/")), entry["type"] == "directory") for entry in entries]
    # A store may list a folder's own placeholder.
    return sorted(entry for entry in named if entry[0] != posixpath.basename(path.rstrip("/")))


@contextlib.contextmanager
def _opened(root: Path, folder: str) -> Iterator[int | None]:
    """A descriptor of a folder below the root; None where it is missing, no folder, or behind a symbolic link."""
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)  # the user named the root: it may be a link
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        for part in filter(None, folder.split("/")):
            below = os.open(part, _OPEN_FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
    except OSError as error:
        os.close(descriptor)
        if not isinstance(error, FileNotFoundError | NotADirectoryError) and not _is_link(root, folder):
            raise
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_link(root: Path, folder: str) -> bool:
    """Whether a link stands on the way to a folder: the error for it has another number on each system."""
    parts = folder.split("/")
    return any(root.joinpath(*parts[: number + 1]).is_symlink() for number in range(len(parts)))


# ------------------------------------------------------------------------------------------------ deleting


def _unlink(root: Path, folder: str, names: Iterable[str]) -> list[str]:
    """Deletes plain files in a folder of a local root; returns the names of what is there and none."""
    left: list[str] = []
    with _opened(root, folder) as descriptor:
        if descriptor is None:
            return list(names) if root.joinpath(folder).exists() else []
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISREG(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
                    os.unlink(name, dir_fd=descriptor)
                else:
                    left.append(name)
    return left


def _rm(root: str, folder: str, names: list[str]) -> None:
    """Deletes files in a folder of a store; a missing one is no error."""
    url = paths.below(root, folder) if folder else root
    filesystem, path = files.store_of(url)
    targets = [posixpath.join(path, name) for name in names]
    try:
        # A store's bulk deletion does not mind what is missing; one by one, the first ends it.
        retried(url, lambda: filesystem.rm(targets))
    except FileNotFoundError:
        for target in targets:
            with contextlib.suppress(FileNotFoundError):
                retried(url, functools.partial(filesystem.rm_file, target))


def _remove_empty(root: str, folder: str) -> None:
    """Deletes a folder of the run if it is empty and no link."""
    local = _local(root)
    above, _, name = folder.rpartition("/")
    with contextlib.suppress(OSError):  # not empty, not there, or a link
        if local is not None:
            with _opened(local, above) as descriptor:
                if descriptor is not None:
                    os.rmdir(name, dir_fd=descriptor)
        elif not files.is_object_store(root):
            filesystem, path = url_to_fs(paths.below(root, folder))
            filesystem.rmdir(path)
