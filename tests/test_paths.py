"""Paths that come out of files stay below the root that they are joined to."""

import posixpath
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import DamageError
from corpus.storage.paths import below, what_is_wrong
from corpus.storage.run_directory import RunDirectory

HOSTILE = [
    *(
        "",
        "/etc/passwd",
        "//host/x",
        "\\\\host\\x",
        "~/x",
        "~root/x",
        "C:\\x",
        "..",
        "../x",
        "a/..",
        "a/../../x",
        "a\\..\\..\\x",
    ),
    *(
        "file:///etc/passwd",
        "a/file:///etc/passwd",
        "s3://bucket/x",
        "simplecache::file:///etc/passwd",
        "a::/etc/passwd",
    ),
    *("%2F", "%2fetc/passwd", "%252Fetc/passwd", "%5c%5chost/x"),
    *("%2e%2e/x", "a/%2E%2e/%2e./x", "..%2fx", "%252e%252e/x", "a%5c..%5cx"),
    *("a\0b", "a\nb", "a\x1b[31mb", "a\x7fb", "a\u202eb", "a\u2028b"),
]


@pytest.mark.parametrize("path", HOSTILE)
@pytest.mark.parametrize("root", ["/runs/a", "runs/a", "s3://bucket/run"])
def test_a_path_that_leads_elsewhere_is_refused(root: str, path: str) -> None:
    with pytest.raises(ValueError, match=r"is|has") as caught:
        below(root, path)
    assert str(caught.value).isprintable()
    with pytest.raises(DamageError):
        RunDirectory(root).path(path)


@pytest.mark.parametrize(
    "path", ["a", "a/b.arrow", "a..b/..c", "...", "书/a b.txt", "a%20b", "x:y", "./a", "a//b", "a~b"]
)
def test_other_names_are_joined(path: str) -> None:
    assert below("s3://bucket/run", path) == f"s3://bucket/run/{path}"


@given(path=st.text(st.sampled_from("./\\~%2eEfF5c:ab\0"), max_size=12))
def test_what_is_joined_is_below(path: str) -> None:
    if what_is_wrong(path) is None:
        for form in (path, unquote(path), unquote(unquote(path)), path.replace("\\", "/")):
            joined = posixpath.normpath(posixpath.join("/root/run", form))
            assert joined == "/root/run" or joined.startswith("/root/run/")
