"""Paths that come out of files: records, manifests, lists of paths. Whoever wrote the file may not choose what is opened.

A path is joined to a root here and nowhere else. It stays below the root on a local disk, behind any fsspec URL, and on a
server that decodes `%2e%2e`; it says nothing about symbolic links, which a reader may follow and a deletion never does
(corpus.storage.deletion). No other module of the project is imported: a trainer's feed uses this one too.
"""

import posixpath
import re
from urllib.parse import unquote

#: Control characters, ends of lines, marks that turn the direction of writing, halves of characters.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def below(root: str, path: str) -> str:
    """The path of a file below `root`, local or URL. Raises ValueError, in a few words, for a path that may leave it."""
    if (wrong := what_is_wrong(path)) is not None:
        raise ValueError(f"{shown(path)} {wrong}")
    return posixpath.join(root, path)


def what_is_wrong(path: str) -> str | None:
    """Why a path may not be joined to a root; None where it may. The end of a sentence that begins with the path."""
    if not isinstance(path, str) or not path:
        return "is no path"
    if has_control(path):
        return "has a control character"
    forms = (path, unquote(path), unquote(unquote(path)))  # a server may decode it, or what it decoded
    if any(form.startswith(("/", "\\", "~")) for form in forms):
        return "is absolute"
    # fsspec reads `a::b` as a chain of protocols.
    if "://" in path or "::" in path or path[1:3] == ":\\":
        return "is a URL"
    for form in forms:
        if ".." in form.replace("\\", "/").split("/"):
            return "has a .. in it"
    return None


def has_control(path: str) -> bool:
    """Whether a path has a character that no name has a use for, and a terminal may obey."""
    return _CONTROL.search(path) is not None


def shown(path: object) -> str:
    """A path as an error names it: quoted, without control characters, at most 200 characters."""
    text = repr(path)
    return text if len(text) <= 200 else f"{text[:200]}…"
