"""What a list of paths may name, what it may cost, and what is said of a line that may not be read."""

import gzip
import tracemalloc
from pathlib import Path

import pytest

from corpus.errors import InputError
from corpus.recipe import Recipe
from corpus.sources import path_lists
from corpus.sources.path_lists import Line, read_path_list, resolve
from corpus.sources.splits import list_inputs, located

LFI = Path(__file__).resolve().parents[2] / "shared" / "data" / "cases" / "hostile" / "lfi.paths"

#: Lines that lead elsewhere whatever the prefix is.
ELSEWHERE = [
    *(
        "/etc/passwd",
        "//etc/passwd",
        "file:///etc/hostname",
        "FILE:///etc/hostname",
        "local:///etc/passwd",
        "../x.jsonl",
    ),
    *(
        "a/../../x.jsonl",
        "a/..",
        "..",
        "~/x.jsonl",
        "a::/etc/passwd",
        "simplecache::file:///etc/passwd",
        "zip://x::file:///y",
    ),
    *(
        "%2e%2e/x.jsonl",
        "a/%2E./%2e./x",
        "..\\x.jsonl",
        "a\x00b",
        "a\x1b[31m",
        "a\u2028b",
        "a\x0bb",
        "git://x",
        "data://x",
    ),
]
URLS = ["s3://bucket/x", "https://host/x.warc.gz", "gs://bucket/x", "hdfs://name/x", "s3://bucket/../x?a#b"]


def refused(line: str, prefix: str | None, folder: Path, *, outside: bool = False) -> str:
    with pytest.raises(InputError) as caught:
        resolve(Line(line, "x.paths", 17), prefix, folder, outside=outside)
    said = str(caught.value)
    assert said.startswith("x.paths: line 17: ")
    assert said.isprintable()
    return said


@pytest.mark.parametrize("line", ELSEWHERE)
@pytest.mark.parametrize("prefix", [None, "store", "/store", "s3://bucket/", "https://host", "file:///store"])
def test_a_line_that_leads_elsewhere_is_refused_with_its_place(tmp_path: Path, line: str, prefix: str | None) -> None:
    assert "outside_prefix = true" in refused(line, prefix, tmp_path)


@pytest.mark.parametrize("line", URLS)
def test_a_url_is_read_where_no_prefix_says_otherwise(tmp_path: Path, line: str) -> None:
    assert resolve(Line(line, "x", 1), None, tmp_path, outside=False) == line
    refused(line, "s3://bucket/", tmp_path)
    assert resolve(Line(line, "x", 1), "s3://bucket/", tmp_path, outside=True) == line


def test_what_the_recipe_allows_is_read(tmp_path: Path) -> None:
    for line in ("/data/x.jsonl", "file:///data/x.jsonl"):
        assert resolve(Line(line, "x", 1), "store", tmp_path, outside=True) == line
    assert resolve(Line("../x.jsonl", "x", 1), "store", tmp_path, outside=True) == f"{tmp_path}/store/../x.jsonl"
    refused("a\x1bb", "store", tmp_path, outside=True)
    refused("/a\nb", "store", tmp_path, outside=True)


def test_a_line_below_is_read(tmp_path: Path) -> None:
    for line in ("crawl-data/CC/x.warc.gz", "./a b.jsonl", "a..b/c", "a[1]*.jsonl", "书/x\u3000y.txt", "a%20b", "a:b"):
        for prefix, base in ((None, str(tmp_path)), ("s", f"{tmp_path}/s"), ("s3://b/", "s3://b"), ("/d", "/d")):
            assert resolve(Line(line, "x", 1), prefix, tmp_path, outside=False) == f"{base}/{line}"
    absolute = f"{tmp_path}/data/x.jsonl"  # as `find $PWD` writes it
    assert resolve(Line(absolute, "x", 1), None, tmp_path, outside=False) == absolute
    refused(f"{tmp_path}/../x.jsonl", None, tmp_path)
    refused(f"{tmp_path}x/x.jsonl", None, tmp_path)


def test_lines_have_their_numbers_and_blank_ones_do_not_count(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbfa\r\n\n  \n b c \n\t\r\n\r\nd".replace(b"d", "é".encode())
    for name, stored in (("x.paths", data), ("x.paths.gz", gzip.compress(data[:9]) + gzip.compress(data[9:]))):
        (tmp_path / name).write_bytes(stored)
        found = [(line.number, line.name) for line in read_path_list(str(tmp_path / name))]
        assert found == [(1, "a"), (4, "b c"), (7, "é")]


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64])
def test_pieces_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    data = b"\n\n".join(b"x" * (number % 5) + b" y%d" % number for number in range(50)) + b"   "
    (tmp_path / "x.paths").write_bytes(data)
    whole = list(read_path_list(str(tmp_path / "x.paths")))
    assert [line.number for line in whole] == list(range(1, 100, 2))
    monkeypatch.setattr(path_lists, "PIECE_BYTES", piece)
    assert list(read_path_list(str(tmp_path / "x.paths"))) == whole


@pytest.mark.parametrize("blank", [b"\n", b" ", b" \n", b"\r\n", b"\t"])
def test_blank_lines_cost_no_memory(tmp_path: Path, blank: bytes) -> None:
    """3 MB of newlines, packed, took 7.4 GB."""
    file = tmp_path / "x.paths.gz"
    file.write_bytes(gzip.compress(b"a\n" + blank * ((48 << 20) // len(blank)) + b"\nb", compresslevel=1))
    tracemalloc.start()
    names = [line.name for line in read_path_list(str(file))]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert names == ["a", "b"]
    assert peak < 8 << 20


def test_what_is_no_list_of_paths_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_lists, "MAX_LIST_BYTES", 1 << 20)
    monkeypatch.setattr(path_lists, "MAX_PATHS", 1000)
    file = tmp_path / "x.paths"
    for data, said in (
        (b"a\n" + b"x" * 9000, "line 2 has more than 8,192 bytes"),
        (b"a\n\n" + b"x" * 9000 + b"\nb", "line 3 has more than 8,192 bytes"),
        (b"a\n" * 1001, "more than 1,000 paths"),
        (b"\n" * (3 << 20), "more than 1,048,576 bytes"),
        (gzip.compress(b"\n" * (3 << 20)), "more than 1,048,576 bytes"),
        (gzip.compress(b"a\n" * 99)[:-9], "cannot be read as a list of paths"),
        (b"\x1f\x8bbad", "cannot be read as a list of paths"),
        (b"a\n\xff\xfe\n", "line 2: cannot be read as a list of paths"),
    ):
        file.write_bytes(data)
        with pytest.raises(InputError) as caught:
            list(read_path_list(str(file)))
        assert said in str(caught.value)
        assert str(file) in str(caught.value)
        assert str(caught.value).isprintable()


def recipe_of(**source: object) -> Recipe:
    named = {"name": "s", "format": "jsonl", "profile": "none", **source}
    tables = {"run": {"name": "r"}, "source": [named], "tokenizer": {"vocab_size": 300}}
    return Recipe.model_validate(tables)


def test_nothing_outside_the_prefix_enters_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    for name in ("store/good.txt", "secret.txt"):
        (tmp_path / name).write_text("text\n")
    for line in (str(tmp_path / "secret.txt"), "../secret.txt", f"file://{tmp_path}/secret.txt"):
        (tmp_path / "x.paths").write_text(f"good.txt\n\n{line}\n")
        source = {"format": "text", "inputs": ["x.paths"], "prefix": "store"}
        with pytest.raises(InputError, match=r"x\.paths: line 3: "):
            list_inputs(recipe_of(**source), tmp_path, where="recipe.toml")
        found = list_inputs(recipe_of(**source, outside_prefix=True), tmp_path, where="recipe.toml")
        assert [file.name for file in found] == ["good.txt", "secret.txt"]


def test_a_listed_file_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.paths").write_text("\n\nnowhere.jsonl\n")
    with pytest.raises(InputError, match=r"x\.paths: line 3: .*nowhere\.jsonl: cannot be read"):
        list_inputs(recipe_of(inputs=["x.paths"]), tmp_path, where="recipe.toml")


@pytest.mark.skipif(not LFI.exists(), reason="the hostile cases are not beside the repository")
@pytest.mark.parametrize("prefix", [None, ".", "s3://bucket/"])
def test_the_hostile_list(tmp_path: Path, prefix: str | None) -> None:
    with pytest.raises(InputError, match=r"lfi\.paths: line 2: '/etc/passwd' is absolute"):
        located(str(LFI), tmp_path, prefix, where="x")
