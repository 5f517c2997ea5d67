"""The marker of a run directory, `corpus-run.json`: what lies beside it was put there by builds of one run.

A build writes it before anything else, so that it never begins in a folder with something in it, as a home or a project: there
it stops with one line. The marker is created exclusively: of two builds that begin at once, one writes it and both read it.
A run of a version that wrote no marker is known by its contents, and gets one.
"""

import json
from typing import Any

from corpus.errors import CorpusError, DamageError, RunDirectoryError, VersionError
from corpus.storage import files
from corpus.storage.paths import shown
from corpus.storage.run_names import LEASE, LOCK, MARKER, is_unfinished
from corpus.written_by import UNKNOWN, Writer, stamp, this_version, writer_of

#: Of the marker and of the folders beside it. A later layout has a higher number.
FORMAT = 1

#: What a folder may hold in which a run begins: a file system's own, and what is left of a build that was killed at once.
_NOTHING = frozenset({"lost+found", LOCK, LEASE, MARKER})

#: Of the recipe that a run keeps.
_RECIPE_KEYS = frozenset({"run", "source", "tokenizer", "shards", "dedup"})


def claim(run_url: str, name: str) -> None:
    """Makes a run directory one of the run `name`, or sees that it is. Nothing else may be written there before.

    Raises RunDirectoryError for a folder that holds anything else, and for another run's.
    """
    if _marker(run_url) is None:
        found = _what_is_in(run_url)
        if found and not is_known_without(run_url):
            raise RunDirectoryError(
                f"{run_url}: not empty ({', '.join(map(shown, found[:3]))}{', …' if len(found) > 3 else ''}) and no run "
                f"directory: it has no {MARKER} that can be read; give --run-dir a new or an empty folder"
            )
        of = _older_name(run_url) if found else name
        marker = {"format": FORMAT, "run": of, **stamp()}
        data = (json.dumps(marker, sort_keys=True, indent=1) + "\n").encode()
        # One that cannot be read is what a power cut left on a disk that says too early that it has written.
        if not files.create(f"{run_url}/{MARKER}", data) and _marker(run_url) is None:
            files.write_bytes(f"{run_url}/{MARKER}", data)
    held = _marker(run_url)
    if held is None:
        raise RunDirectoryError(f"{run_url}/{MARKER}: was written and cannot be read; call the same command again")
    if held["run"] != name:
        raise RunDirectoryError(
            f"{run_url}: holds the run {held['run']!r}, the recipe names {name!r}; give another --run-dir"
        )


def check_marked(run_url: str) -> None:
    """Raises RunDirectoryError where nothing says that a folder is a run directory, so that nothing in it may be deleted."""
    if _marker(run_url) is None and not is_known_without(run_url):
        raise RunDirectoryError(f"{run_url}: has no {MARKER}, so it is no run directory and nothing in it is deleted")


def not_readable(url: str, what: str) -> CorpusError:
    """The error for a file that is whole but has another form than is asked for; `what` says which.

    Where another version wrote it, that is no damage. A file under a fingerprint has the version of the stage with it, another
    that of the run's marker; one that lies in no run is taken for this version's.
    """
    found = _run_and_writer(url)
    if found is None or found[1] == this_version():
        return DamageError(f"{url}: {what}")
    run_url, writer = found
    return VersionError(
        f"{run_url}: written by {writer}, this is {this_version()}: {url.removeprefix(run_url + '/')} {what}; "
        "use the version that wrote it, or let `corpus build` make its stages again"
    )


def _run_and_writer(url: str) -> tuple[str, Writer] | None:
    above, parts = url, []
    for _ in range(5):  # shards/FINGERPRINT/DOMAIN/00000.arrow is the deepest
        above, slash, name = above.rpartition("/")
        if not slash:
            return None
        parts.append(name)
        if _json_of(f"{above}/recipe.json") is not None or _json_of(f"{above}/{MARKER}") is not None:
            return above, _writer_in(above, parts)
    return None


def _writer_in(run_url: str, parts: list[str]) -> Writer:
    for name in files.names(f"{run_url}/stages"):
        manifest = _json_of(f"{run_url}/stages/{name}")
        if manifest is not None and manifest.get("fingerprint") in parts:
            return writer_of(manifest)
    return writer_of_run(run_url)


def writer_of_run(run_url: str) -> Writer:
    """The version that began a run."""
    marker = _json_of(f"{run_url}/{MARKER}")
    return writer_of(marker) if marker is not None else UNKNOWN


def _what_is_in(run_url: str) -> list[str]:
    """Names in the folder, sorted; [] where there is none. A path of a file that is none of ours counts as its own."""
    if files.is_local(run_url) and files.local_path(run_url).is_file():
        raise RunDirectoryError(f"{run_url}: is a file; give --run-dir a folder")
    names = {*files.names(run_url), *files.folder_names(run_url)}
    if files.is_local(run_url) and files.local_path(run_url).is_dir():
        names |= {path.name for path in files.local_path(run_url).iterdir()}  # links and sockets too
    return sorted(name for name in names if name not in _NOTHING and not is_unfinished(name))


def _marker(run_url: str) -> dict[str, Any] | None:
    """None where there is none, or none that can be read. Raises RunDirectoryError for one of a later layout."""
    url = f"{run_url}/{MARKER}"
    marker = _json_of(url)
    if marker is None or type(marker.get("format")) is not int or not isinstance(marker.get("run"), str):
        return None
    if marker["format"] > FORMAT:
        raise RunDirectoryError(
            f"{url}: format {marker['format']}, written by {marker.get('written_by', 'a later version')!r}; "
            f"this is {this_version()}, which knows format {FORMAT}: use the later version"
        )
    return marker


def is_known_without(run_url: str) -> bool:
    """Whether this is a run of which the marker is lost, or that a version without markers wrote: its recipe, its splits and its stages, by their contents."""
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
