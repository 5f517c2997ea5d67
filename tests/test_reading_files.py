"""`corpus extract` and `corpus measure` on files of every format: one document as five encodings of itself."""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lz4.frame
import pyarrow as pa
import pyarrow.parquet
import pytest
import zstandard
from click.testing import CliRunner, Result

from corpus.pages import extractor_process
from corpus.recipe import FieldNames
from corpus.sources.read import READERS
from corpus.sources.records import Fields
from pipelines.cli import main
from pipelines.commands.extract import FIELDS
from pipelines.commands.reading import PAGES

SENTENCE = "The corpus is read from archives, page by page, and every page is counted once. "
TEXT = (SENTENCE * 5).strip()
URL = "http://a.example/p"
HTML = (
    '<html><head><title>A title</title><meta name="author" content="Ann Lee"><meta name="date" content="2024-01-01">'
    f"</head><body><nav><a href=/>Home</a></nav><article><p>{TEXT}</p></article></body></html>"
)
DATE = "2024-01-02T03:04:05Z"


def corpus(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    return result


def rows_of(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def response(html: str = HTML, number: int = 0) -> bytes:
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()
    return record("response", "application/http; msgtype=response", http, number)


def record(kind: str, content_type: str, content: bytes, number: int = 0, more: str = "") -> bytes:
    header = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {URL}\r\nWARC-Date: {DATE}\r\n{more}"
        f"WARC-Record-ID: <urn:{number}>\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return header.encode() + content + b"\r\n\r\n"


def arc() -> bytes:
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + HTML.encode()
    head = b"1 0 Crawl\nURL IP-address Archive-date Content-type Archive-length\n"
    first = b"filedesc://x.arc 0.0.0.0 20240102030405 text/plain %d\n%s\n" % (len(head), head)
    return first + b"%s 192.0.2.1 20240102030405 text/html %d\n%s\n" % (URL.encode(), len(http), http)


ROW = {"id": 7, "url": URL, "date": DATE, "language": "en", "licence": "CC0", "text": TEXT}
JSONL = json.dumps(ROW).encode() + b"\n"
WET = record("conversion", "text/plain", TEXT.encode(), more="WARC-Identified-Content-Language: eng,deu\r\n")
INFO = record("warcinfo", "application/warc-fields", b"software: x\r\n")


def parquet(row: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_pylist([row]), sink)
    return sink.getvalue()


def joined(pack: Callable[[bytes], bytes], *parts: bytes) -> bytes:
    return b"".join(map(pack, parts))


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
    ".lz4": lz4.frame.compress,
}
#: Name → (content, id). Every file holds the same document.
FILES: dict[str, tuple[bytes, str]] = {
    **{f"a.warc{suffix}": (joined(pack, INFO, response()), "<urn:0>") for suffix, pack in PACKINGS.items()},
    "one-member.warc.gz": (gzip.compress(INFO + response()), "<urn:0>"),
    **{f"a.arc{suffix}": (pack(arc()), "") for suffix, pack in PACKINGS.items()},
    **{f"a.wet{suffix}": (joined(pack, INFO, WET), "<urn:0>") for suffix, pack in PACKINGS.items()},
    **{f"a.jsonl{suffix}": (pack(JSONL), "7") for suffix, pack in PACKINGS.items()},
    "a.parquet": (parquet(ROW), "7"),
    **{f"a.html{suffix}": (pack(HTML.encode()), f"a.html{suffix}") for suffix, pack in PACKINGS.items()},
    **{f"a.txt{suffix}": (pack(TEXT.encode()), f"a.txt{suffix}") for suffix, pack in PACKINGS.items()},
}
DATELESS = ("a.html", "a.txt")


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_document(tmp_path: Path, name: str) -> None:
    content, identity = FILES[name]
    (tmp_path / name).write_bytes(content)
    result = corpus("extract", tmp_path / name)
    dateless = name.startswith(DATELESS)
    expected = {
        "id": identity or None,
        "url": None if dateless else URL,
        "date": None if dateless else DATE,
        "text": TEXT,
    }
    assert rows_of(result) == [expected]
    assert list(rows_of(result)[0]) == ["id", "url", "date", "text"]
    assert result.stderr == "read 1 file: 1 documents, 0 dropped, 0 failed, 0 lost ranges of 0 bytes\n"
    # Under a name that says nothing, all but text files are known by what is inside.
    if not name.startswith("a.txt"):
        (tmp_path / "data.bin").write_bytes(content)
        assert [row["text"] for row in rows_of(corpus("extract", tmp_path / "data.bin"))] == [TEXT]


def test_every_reader_is_among_them() -> None:
    assert set(READERS) == {"warc", "arc", "jsonl", "parquet", "html", "text"}
    assert set(PAGES) < set(READERS)
    assert set(FieldNames.model_fields) == set(Fields._fields)


def test_globs_lists_of_paths_and_many_files_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("crawl/x", "crawl/y"):
        Path(folder).mkdir(parents=True)
        Path(folder, "a.html").write_text(HTML)
        Path(folder, "a[1].warc.gz").write_bytes(gzip.compress(response()))
    ids = [row["id"] for row in rows_of(corpus("extract", "crawl/**/*.html", "crawl/x/a[1].warc.gz"))]
    assert ids == ["x/a.html", "y/a.html", "<urn:0>"]
    lines = "x/a[1].warc.gz\ny/a.html\n\n"
    Path("warc.paths").write_text(lines)
    Path("warc.paths.gz").write_bytes(gzip.compress(lines.encode()))
    for name in ("warc.paths", "warc.paths.gz", "*.paths"):
        for command in ("extract", "measure"):
            rows = rows_of(corpus(command, name, "--prefix", "crawl"))
            assert [row["id"] for row in rows] == ["<urn:0>", "y/a.html"]
    assert "crawl" not in corpus("extract", "warc.paths", code=2).stderr


def test_what_cannot_be_read_is_one_line_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pages").mkdir()
    Path("a.jsonl").write_bytes(JSONL)
    Path("bad.paths.gz").write_bytes(b"\x1f\x8bbad")
    for path, said in (
        ("pages", "pages: a folder; name the files in it, as in 'pages/**/*.html'"),
        ("none.jsonl", "none.jsonl: cannot be read: No such file"),
        ("no*.jsonl", "'no*.jsonl' matches no file"),
        ("bad.paths.gz", "bad.paths.gz: cannot be read as a list of paths"),
        ("none.paths", "'none.paths' does not exist"),
        ("no-such-protocol://x/y", "no-such-protocol://x/y: cannot be read"),
    ):
        for command in ("extract", "measure"):
            result = corpus(command, "a.jsonl", path, code=2)
            assert (result.stdout, result.stderr.count("\n")) == ("", 1)
            assert said in result.stderr


def test_fields_of_rows_are_mapped(tmp_path: Path) -> None:
    row = {"n": 1, "link": URL, "when": "2024-01-02", "lang": "zh-TW", "terms": "CC \u200b BY\n4.0", "content": TEXT}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    (tmp_path / "a.parquet").write_bytes(parquet(row))
    names = {"id": "n", "url": "link", "date": "when", "language": "lang", "licence": "terms", "text": "content"}
    mapped = [word for field, name in names.items() for word in ("--field", f"{field}={name}")]
    for file in (tmp_path / "a.jsonl", tmp_path / "a.parquet"):
        assert rows_of(corpus("extract", file)) == []
        fields = "licence,language_hint,id,url,date,text"
        (found,) = rows_of(corpus("extract", file, *mapped, "--fields", fields))
        assert found == {
            "licence": "CC BY 4.0",
            "language_hint": "zh-TW",
            "id": "1",
            "url": URL,
            "date": "2024-01-02T00:00:00Z",
            "text": TEXT,
        }
        assert list(found) == fields.split(",")
        (measured,) = rows_of(corpus("measure", file, *mapped))
        assert (measured["id"], measured["language"]) == ("1", "en")  # a hint does not overrule a sure model
    for bad in ("text", "text=", "colour=x", "=x"):
        assert (
            f"--field {bad}: write it as FIELD=NAME"
            in corpus("extract", tmp_path / "a.jsonl", "--field", bad, code=2).stderr
        )


def test_a_hint_names_the_language_of_a_text_that_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "1 2 3", "language": "deu"}))
    (found,) = rows_of(corpus("measure", tmp_path / "a.jsonl"))
    assert (found["language"], found["language_score"]) == ("de", 0.0)
    assert "language_uncertain" in found["reasons"]


def test_more_can_be_printed_of_a_page(tmp_path: Path) -> None:
    later = HTML.replace("2024-01-01", "2024-01-04")  # after it was fetched
    (tmp_path / "a.warc").write_bytes(response() + response(later, 1))
    first, second = rows_of(corpus("extract", tmp_path / "a.warc", "--fields", ",".join(FIELDS)))
    assert list(first) == list(FIELDS)
    expected = {
        "title": "A title",
        "author": "Ann Lee",
        "published": "2024-01-01",
        "language_hint": None,
        "licence": None,
    }
    assert {name: first[name] for name in expected} == expected
    assert (second["title"], second["published"]) == ("A title", None)
    (wet,) = rows_of(corpus("extract", write(tmp_path / "a.wet", WET), "--fields", "language_hint"))
    assert wet == {"language_hint": "eng"}
    assert (
        "--fields colour: no such field"
        in corpus("extract", tmp_path / "a.warc", "--fields", "id,colour", code=2).stderr
    )


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_the_other_extractor(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(response())
    (found,) = rows_of(corpus("extract", tmp_path / "a.warc", "--extractor", "resiliparse", "--fields", "title,text"))
    assert found["title"] == "A title"
    assert SENTENCE.strip() in found["text"]
    (measured,) = rows_of(corpus("measure", tmp_path / "a.warc", "--extractor", "resiliparse"))
    assert measured["signals"]["characters"] == len(found["text"])


@pytest.mark.parametrize("command", ["extract", "measure"])
def test_a_page_that_ends_the_extractor_ends_no_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent))
    monkeypatch.setitem(extractor_process.EXTRACTORS, "trafilatura", "hostile_extractors:main_text")
    pages = [response("<p>one"), response("<p>EXIT", 1), response("<p>two", 2)]
    (tmp_path / "a.warc").write_bytes(b"".join(pages))
    result = corpus(command, tmp_path / "a.warc")
    assert [row["id"] for row in rows_of(result)] == ["<urn:0>", "<urn:2>"]
    loss, summary = result.stderr.splitlines()
    assert "extraction_crash: ended with exit code 7" in loss
    assert "2 documents, 0 dropped, 1 failed" in summary


def test_limits_of_work_are_those_of_a_build(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(response("<div>" * 2000 + TEXT) + response(number=1))
    result = corpus("extract", tmp_path / "a.warc")
    assert [row["id"] for row in rows_of(result)] == ["<urn:1>"]
    assert "page_too_deep" in result.stderr
