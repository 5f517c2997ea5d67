"""A file that is not what was planned is never read in silence, and the digest of a split is that of its bytes alone."""

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import xxhash

from corpus.errors import InputError
from corpus.reasons import BYTE_LOSSES, Reason
from corpus.sources.planned import split_digest
from corpus.sources.read import read_split
from corpus.sources.records import Item, Limits, Loss, Page, Split, Text
from corpus.storage import files

LIMITS = Limits(max_record_bytes=8 << 20, max_page_bytes=8 << 20)


def warc(rows: int) -> bytes:
    content = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>page %d</p>" + b"x" * 200
    made = [content % n for n in range(rows)]
    head = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\nContent-Length: %d\r\n\r\n"
    return b"".join(head % len(each) + each + b"\r\n\r\n" for each in made)


def jsonl(rows: int) -> bytes:
    return b"".join(json.dumps({"text": f"row {n} " + "x" * 100}).encode() + b"\n" for n in range(rows))


def parquet(rows: int) -> bytes:
    sink = io.BytesIO()
    words = np.random.default_rng(1).integers(0, 1 << 60, rows).tolist()
    table = pa.table({"unread": [f"{word}" * 9 for word in words], "text": [f"row {n}" for n in words]})
    pa.parquet.write_table(table, sink, row_group_size=max(1, rows // 7))
    return sink.getvalue()


def members(rows: int) -> bytes:
    data = jsonl(rows).splitlines(keepends=True)
    return b"".join(gzip.compress(b"".join(data[n : n + 10])) for n in range(0, rows, 10))


FORMS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "warc": ("warc", warc),
    "warc.gz": ("warc", lambda rows: b"".join(gzip.compress(warc(1)) for _ in range(rows))),
    "jsonl": ("jsonl", jsonl),
    "jsonl.gz": ("jsonl", members),
    "parquet": ("parquet", parquet),
    "text": ("text", jsonl),
    "html": ("html", jsonl),
    "html.gz": ("html", lambda rows: gzip.compress(jsonl(rows))),
}


def split_of(file: Path, form: str, begin: int = 0, end: int | None = None) -> Split:
    """The split of a file as it is now."""
    size, _, digest = files.sized_digest(str(file))
    return Split(0, "s", form, str(file), begin, size if end is None else end, size, file.name, digest=digest)


def read(split: Split) -> tuple[list[Item], str]:
    digests: list[str] = []
    items = list(read_split(split, LIMITS, digested=digests.append))
    return items, digests[0]


@pytest.mark.parametrize("name", FORMS)
def test_the_digest_is_that_of_the_bytes_of_the_split(tmp_path: Path, name: str) -> None:
    form, make = FORMS[name]
    file = tmp_path / "input"
    data = make(20_000)
    file.write_bytes(data)
    cuts = [0, 1, len(data) // 3, len(data) // 2 + 17, len(data)] if form not in ("html", "text") else [0, len(data)]
    for begin, end in pairwise(cuts):
        split = split_of(file, form, begin, end)
        _, digest = read(split)
        assert digest == split_digest(split) == xxhash.xxh3_128(data[begin:end]).hexdigest()


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("kept", [0.0, 0.49, 0.5, 0.999])
def test_a_file_that_ends_before_its_split_is_a_listed_loss(tmp_path: Path, name: str, kept: float) -> None:
    form, make = FORMS[name]
    file = tmp_path / "input"
    data = make(300)
    file.write_bytes(data)
    splits = [split_of(file, form)]
    if form not in ("html", "text"):
        splits = [split_of(file, form, begin, end) for begin, end in pairwise([0, len(data) // 2, len(data)])]
    # At a record's end, where nothing but the size tells; and anywhere.
    for size in {int(len(data) * kept), data.rfind(b"\n", 0, int(len(data) * kept)) + 1}:
        file.write_bytes(data[:size])
        losses = [item for split in splits for item in read(split)[0] if isinstance(item, Loss)]
        cut = [
            loss for loss in losses if loss.reason is Reason.TRUNCATED_INPUT and "when it was planned" in loss.detail
        ]
        assert sum(loss.length for loss in cut) == len(data) - size
        assert sum(loss.length for loss in losses if loss.reason in BYTE_LOSSES) <= len(data)


def test_a_shorter_file_gives_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "input"
    data = jsonl(9000)
    file.write_bytes(data)
    split = split_of(file, "jsonl")
    file.write_bytes(data[: data.find(b"row 4401") - 10])
    items, _ = read(split)
    assert sum(isinstance(item, Text) for item in items) == 4401
    assert isinstance(items[-1], Loss)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("rows", [5, 20_000])
def test_a_file_that_changed_is_named_and_not_read(tmp_path: Path, name: str, rows: int) -> None:
    form, make = FORMS[name]
    file = tmp_path / "input"
    data = make(rows)
    file.write_bytes(data)
    split = split_of(file, form)
    for changed in (data + b"\n", data[:-20] + b"a" + data[-19:], b"a" + data[1:]):
        if changed == data:
            continue
        file.write_bytes(changed)
        with pytest.raises(InputError, match=r"input: changed since this run was planned: .*; bring back"):
            read(split)
    file.write_bytes(data)
    assert any(isinstance(item, Text | Page) for item in read(split)[0])


def test_a_changed_middle_changes_the_digest(tmp_path: Path) -> None:
    file = tmp_path / "input"
    data = jsonl(60_000)
    assert len(data) > 3 << 20
    file.write_bytes(data)
    split = split_of(file, "jsonl")
    _, before = read(split)
    file.write_bytes(data.replace(b"row 30000 ", b"ROW 30000 "))
    assert split_digest(split) != before
    assert read(split)[1] == split_digest(split)


RECIPE = """
[run]
name = "inputs"
languages = ["en"]

[[source]]
name = "rows"
kind = "books"
format = "jsonl"
inputs = ["rows.jsonl"]
"""


def test_verify_names_inputs_that_changed_and_deletes_none(
    tmp_path: Path, build_run: Callable[..., None], repository: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    data = b"".join(json.dumps({"id": n, "text": f"row {n} " + "word " * 40}).encode() + b"\n" for n in range(20_000))
    assert len(data) > 3 << 20
    file.write_bytes(data)
    run = tmp_path / "run"
    (tmp_path / "recipe.toml").write_text(RECIPE)
    build_run(tmp_path / "recipe.toml", run, "--until", "extract")

    def verify(*options: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "pipelines.cli", "verify", str(run), "--inputs", "--json", *options]
        return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)

    assert verify().returncode == 0
    file.write_bytes(data.replace(b'"row 10000 word', b'"row 10000 WORD'))
    before = sorted(path for path in run.rglob("*") if path.is_file())
    for options in ((), ("--delete-damaged",)):
        done = verify(*options)
        assert done.returncode == 1
        (finding,) = json.loads(done.stdout.splitlines()[0])["findings"]
        assert (finding["check"], finding["file"]) == ("input", str(file))
        assert "are not those that were read" in finding["detail"]
    assert sorted(path for path in run.rglob("*") if path.is_file()) == before
    assert file.is_file()
    file.unlink()
    (finding,) = json.loads(verify().stdout.splitlines()[0])["findings"]
    assert "cannot be read" in finding["detail"]
