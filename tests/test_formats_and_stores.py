"""Every input format from a local folder, from S3 and over HTTP: the same inputs, the same records."""

import gzip
import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import lz4.frame
import pyarrow as pa
import pyarrow.parquet
import pytest
import zstandard

import stores
from corpus.recipe import Recipe
from corpus.sources.read import read_split
from corpus.sources.records import Item, Limits, Loss, Page, Text
from corpus.sources.splits import list_inputs, make_splits, read_splits, write_splits
from corpus.storage import files

LIMITS = Limits(max_record_bytes=4 << 20, max_page_bytes=4 << 20)
RECORDS = 60


def page(number: int) -> bytes:
    return f"<html><p>{'words of a page ' * (number % 30)}{number} ü 书</p></html>".encode()


def warc_records() -> list[bytes]:
    found = []
    for number in range(RECORDS):
        content = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + page(number)
        found.append(_warc_record("response", "application/http; msgtype=response", number, content))
    return found


def wet_records() -> list[bytes]:
    return [_warc_record("conversion", "text/plain", number, page(number)[9:-11]) for number in range(RECORDS)]


def _warc_record(kind: str, content_type: str, number: int, content: bytes) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://a.example/{number}\r\n"
        f"WARC-Record-ID: <urn:uuid:{number:08d}-0000-4000-8000-000000000000>\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n\r\n"


def arc_records() -> list[bytes]:
    first = b"1 0 Test\nURL IP-address Archive-date Content-type Archive-length\n\n"
    found = [b"filedesc://a.arc 0.0.0.0 20240101000000 text/plain %d\n%s\n" % (len(first), first)]
    for number in range(RECORDS):
        content = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page(number)
        head = f"http://a.example/{number} 1.2.3.4 20240101000000 text/html {len(content)}\n"
        found.append(head.encode() + content + b"\n")
    return found


def json_lines() -> bytes:
    rows = [{"id": n, "url": f"http://a.example/{n}", "text": page(n).decode() * (1 + n % 3)} for n in range(RECORDS)]
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def parquet() -> bytes:
    sink = io.BytesIO()
    table = pa.table({"id": [str(n) for n in range(RECORDS)], "text": [page(n).decode() for n in range(RECORDS)]})
    pa.parquet.write_table(table, sink, row_group_size=17)
    return sink.getvalue()


def gzip_each(parts: list[bytes]) -> bytes:
    return b"".join(gzip.compress(part, mtime=0) for part in parts)


def zstd_each(parts: list[bytes]) -> bytes:
    return b"".join(zstandard.compress(part) for part in parts)


#: name → format of the source, what it asks for, the files.
CASES: dict[str, tuple[str, str, Callable[[], dict[str, bytes]]]] = {
    "warc plain": ("warc", "a.warc", lambda: {"a.warc": b"".join(warc_records())}),
    "warc gzip": ("warc", "a.warc.gz", lambda: {"a.warc.gz": gzip_each(warc_records())}),
    "warc zstd": ("warc", "a.warc.zst", lambda: {"a.warc.zst": zstd_each(warc_records())}),
    "warc lz4": ("warc", "a.warc.lz4", lambda: {"a.warc.lz4": b"".join(map(lz4.frame.compress, warc_records()))}),
    "warc cut": ("warc", "a.warc.gz", lambda: {"a.warc.gz": gzip_each(warc_records())[:-20]}),
    "arc plain": ("arc", "a.arc", lambda: {"a.arc": b"".join(arc_records())}),
    "arc gzip": ("arc", "a.arc.gz", lambda: {"a.arc.gz": gzip_each(arc_records())}),
    "wet": ("warc", "a.wet.gz", lambda: {"a.wet.gz": gzip_each(wet_records())}),
    "jsonl plain": ("jsonl", "a.jsonl", lambda: {"a.jsonl": json_lines()}),
    "jsonl without its last line end": ("jsonl", "a.jsonl", lambda: {"a.jsonl": json_lines()[:-1]}),
    "jsonl gzip": ("jsonl", "a.jsonl.gz", lambda: {"a.jsonl.gz": gzip.compress(json_lines(), mtime=0)}),
    "jsonl zstd": ("jsonl", "a.jsonl.zst", lambda: {"a.jsonl.zst": zstandard.compress(json_lines())}),
    "jsonl empty": ("jsonl", "a.jsonl", lambda: {"a.jsonl": b""}),
    "parquet": ("parquet", "a.parquet", lambda: {"a.parquet": parquet()}),
    "html": ("html", "h/**/*.html", lambda: {f"h/{n % 3}/{n}.html": page(n) for n in range(9)}),
    "html gzip": ("html", "h/*.html.gz", lambda: {f"h/{n}.html.gz": gzip.compress(page(n)) for n in range(4)}),
    "text": ("text", "t/*.txt", lambda: {f"t/{n}.txt": page(n) * 50 for n in range(5)}),
    "path list": (
        "warc",
        "lists/warc.paths",
        lambda: {"lists/warc.paths": b"c/a.warc.gz\nc/b.warc\n", "c/a.warc.gz": gzip_each(warc_records()[:7]),
                 "c/b.warc": b"".join(warc_records()[7:])},
    ),
    "path list gzip": (
        "jsonl",
        "lists/x.paths.gz",
        lambda: {"lists/x.paths.gz": gzip.compress(b"c/a.jsonl\n"), "c/a.jsonl": json_lines()},
    ),
}  # fmt: skip


@pytest.fixture(params=["s3", "http", "http without ranges", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Callable[[str, bytes], None]]]:
    """(URL of a folder, what puts a file into it)."""
    kind = request.param
    with ExitStack() as stack:
        if kind.startswith("http"):
            (tmp_path / "served").mkdir()
            folder = stores.http_folder(tmp_path / "served", ranges=kind == "http")
            root, into = stack.enter_context(folder), str(tmp_path / "served")
        elif kind == "s3":
            root = into = request.getfixturevalue("bucket")
        else:
            root = into = f"memory:///{tmp_path.name}"
        yield root, lambda name, data: files.write_bytes(f"{into}/{name}", data)


def items_of(root: str, format_: str, asked: str, folder: Path) -> list[list[Item]]:
    """The records of each work item, by way of the plan, in items of 3 kB so that files are divided."""
    source = {"name": "docs", "format": format_, "inputs": [f"{root}/{asked}"], "prefix": f"{root}/", "profile": "none"}
    recipe = Recipe.model_validate({"run": {"name": "a"}, "source": [source]})
    folder.mkdir()
    table = make_splits(list_inputs(recipe, folder, where="recipe.toml"), {0: 3000})
    write_splits(str(folder / "splits.arrow"), table)
    items = sorted(set(table["item"].to_pylist()))
    of_items = [read_splits(str(folder / "splits.arrow"), item) for item in items]
    return [[record for split in splits for record in read_split(split, LIMITS)] for splits in of_items]


@pytest.mark.parametrize("case", CASES)
def test_every_format_gives_the_same_documents_from_every_store(
    case: str, store: tuple[str, Callable[[str, bytes], None]], tmp_path: Path
) -> None:
    format_, asked, make = CASES[case]
    root, put = store
    local = tmp_path / "local"
    for name, data in make().items():
        files.write_bytes(str(local / name), data)
        put(name, data)
    expected = items_of(str(local), format_, asked, tmp_path / "first")
    found = items_of(root, format_, asked, tmp_path / "second")
    assert found == expected
    kinds = [type(record) for records in found for record in records]
    if case == "warc cut":
        assert kinds.count(Loss) == 1
    elif case != "jsonl empty":
        documents = len(make()) if format_ in ("html", "text") else RECORDS
        assert kinds.count(Page) + kinds.count(Text) == documents
        assert Loss not in kinds
    shutil.rmtree(local)
