"""The marker of a run directory, `corpus-run.json`: what lies beside it was put there by builds of one run.

A build writes it before anything else, so that it never begins in a folder with something in it, as a home or a project: there
it stops with one line. The marker is created exclusively: of two builds that begin at once, one writes it and both read it.
A run of a version that wrote no marker is known by its contents, and gets one.
"""

import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from corpus.errors import RunDirectoryError
from corpus.storage import files
from corpus.storage.run_names import LEASE, LOCK, MARKER, is_unfinished

DISTRIBUTION = "lm-corpus-pipelines"

#: Of the marker and of the folders beside it. A later layout has a higher number.
FORMAT = 1

#: What a folder may hold in which a run begins: a file system's own, and what is left of a build that was killed at once.
_NOTHING = frozenset({"lost+found", LOCK, LEASE})

#: Of the recipe that a run keeps.
_RECIPE_KEYS = frozenset({"run", "source", "tokenizer", "shards", "dedup"})


def claim(run_url: str, name: str) -> None:
    """Makes a run directory one of the run `name`, or sees that it is. Nothing else may be written there before.

    Raises RunDirectoryError for a folder that holds anything else, and for another run's.
    """
    if not _is_marked(run_url):
        found = _what_is_in(run_url)
        if found and not _is_older_run(run_url):
            raise RunDirectoryError(
                f"{run_url}: not empty ({', '.join(found[:3])}{', …' if len(found) > 3 else ''}) and no run directory: "
                f"it has no {MARKER}; give --run-dir a new or an empty folder"
            )
        of = _older_name(run_url) if found else name
        marker = {"format": FORMAT, "run": of, "written_by": f"{DISTRIBUTION} {_version()}"}
        files.create(f"{run_url}/{MARKER}", (json.dumps(marker, sort_keys=True, indent=1) + "\n").encode())
    if (held := _read_marker(run_url)["run"]) != name:
        raise RunDirectoryError(f"{run_url}: holds the run {held!r}, the recipe names {name!r}; give another --run-dir")


def check_marked(run_url: str) -> None:
    """Raises RunDirectoryError where nothing says that a folder is a run directory, so that nothing in it may be deleted."""
    if _is_marked(run_url):
        _read_marker(run_url)
    elif not _is_older_run(run_url):
        raise RunDirectoryError(f"{run_url}: has no {MARKER}, so it is no run directory and nothing in it is deleted")


def _is_marked(run_url: str) -> bool:
    return files.exists(f"{run_url}/{MARKER}")


def _what_is_in(run_url: str) -> list[str]:
    """Names in the folder, sorted; [] where there is none. A path of a file that is none of ours counts as its own."""
    if files.is_local(run_url) and files.local_path(run_url).is_file():
        raise RunDirectoryError(f"{run_url}: is a file; give --run-dir a folder")
    names = {*files.names(run_url), *files.folder_names(run_url)}
    if files.is_local(run_url) and files.local_path(run_url).is_dir():
        names |= {path.name for path in files.local_path(run_url).iterdir()}  # links and sockets too
    return sorted(name for name in names if name not in _NOTHING and not is_unfinished(name))


def _read_marker(run_url: str) -> dict[str, Any]:
    url = f"{run_url}/{MARKER}"
    marker = _json_of(url)
    if marker is None or not isinstance(marker.get("format"), int) or not isinstance(marker.get("run"), str):
        raise RunDirectoryError(f"{url}: not the marker of a run; delete it if the folder holds nothing else of value")
    if marker["format"] > FORMAT:
        raise RunDirectoryError(
            f"{url}: format {marker['format']}, written by {marker.get('written_by', 'a later version')!r}; "
            f"this is {DISTRIBUTION} {_version()}, which knows {FORMAT}: use the later version"
        )
    return marker


def _is_older_run(run_url: str) -> bool:
    """Whether a build of a version without markers wrote this: its recipe, its splits and its stages, by their contents."""
    return (
        _older_name(run_url) is not None
        and _begins_as_arrow(f"{run_url}/splits.arrow")
        and "stages" in files.folder_names(run_url)
    )


def _older_name(run_url: str) -> str | None:
    recipe = _json_of(f"{run_url}/recipe.json")
    if recipe is None or not recipe.keys() >= _RECIPE_KEYS or not isinstance(recipe["run"], dict):
        return None
    name = recipe["run"].get("name")
    return name if isinstance(name, str) else None


def _begins_as_arrow(url: str) -> bool:
    try:
        with files.open_read(url) as stream:
            return stream.read(6) == b"ARROW1"
    except OSError:
        return False


def _json_of(url: str) -> dict[str, Any] | None:
    """A JSON object; None where there is none."""
    try:
        value = json.loads(files.read_bytes(url))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "of unknown version"
