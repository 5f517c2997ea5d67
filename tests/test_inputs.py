"""Files that are one document, path lists, mapped fields, and plans of many small files."""

import gzip
import json
from pathlib import Path

import lz4.frame
import pytest
import zstandard

from corpus.errors import InputError
from corpus.recipe import Recipe
from corpus.recipe.parsing import parse_recipe
from corpus.sources.jsonl import read_jsonl
from corpus.sources.read import read_split
from corpus.sources.records import Fields, Limits, Loss, Page, Split, Text
from corpus.sources.splits import InputFile, list_inputs, make_splits
from corpus.storage import files
from pipelines.commands.reading import format_of

LIMITS = Limits(max_record_bytes=1 << 16, max_page_bytes=1 << 16)


def recipe(**source: object) -> Recipe:
    return parse_recipe({"run": {"name": "r"}, "source": [{"name": "s", **source}]}, "recipe.toml")


def listed(folder: Path, **source: object) -> list[InputFile]:
    return list_inputs(recipe(**source), folder, where="recipe.toml")


def tree(folder: Path, number: int) -> None:
    for n in range(number):
        file = folder / f"site{n % 7}" / f"part{n // 700}" / f"{n}.html"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"<html><body><p>page {n}</p></body></html>")


def test_a_recursive_glob_gives_each_file_as_a_page_named_by_its_path(tmp_path: Path) -> None:
    tree(tmp_path / "a" / "b", 30)
    for pattern in ("a/**/*.html", "a/b/**/*.html"):
        found = listed(tmp_path, format="html", inputs=[pattern])
        assert len(found) == 30
        assert len({file.path for file in found}) == 30
        assert not any(file.divisible for file in found)
        for file in found:
            assert file.file.endswith("/" + file.path)
    table = make_splits(found, {0: 1 << 16})
    assert set(table["item"].to_pylist()) == {0}  # many files an item
    (page,) = read_split(Split(0, "s", "html", found[0].file, 0, 9, found[0].file_bytes, found[0].path), LIMITS)
    assert isinstance(page, Page)
    assert (page.record_id, page.content_type, page.status) == (found[0].path, "text/html", None)


def test_a_moved_folder_of_pages_is_the_same_input(tmp_path: Path) -> None:
    for name in ("one", "two"):
        tree(tmp_path / name / "pages", 20)
    one, two = (listed(tmp_path / name, format="html", inputs=["pages/**/*.html"]) for name in ("one", "two"))
    assert [file.identity for file in one] == [file.identity for file in two]


def test_text_files_and_ranges_of_them(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    for data in (b"text", gzip.compress(b"text"), zstandard.compress(b"text"), lz4.frame.compress(b"text")):
        file.write_bytes(data)
        whole = list(read_split(Split(0, "s", "text", str(file), 0, len(data), len(data), "a.txt"), LIMITS))
        (page,) = whole
        assert isinstance(page, Page)
        assert (page.body, page.content_type) == (b"text", "text/plain")
        for cut in range(1, len(data)):
            halves = [(0, cut), (cut, len(data))]
            parts = [Split(0, "s", "text", str(file), *half, len(data), "a.txt") for half in halves]
            assert [item for part in parts for item in read_split(part, LIMITS)] == whole
    cut_off = gzip.compress(b"text" * 99)[:-9]
    file.write_bytes(cut_off)
    (loss,) = read_split(Split(0, "s", "text", str(file), 0, 9, len(cut_off), "a.txt"), LIMITS)
    assert isinstance(loss, Loss)
    file.write_bytes(b"x" * (1 << 17))
    (loss,) = read_split(Split(0, "s", "text", str(file), 0, 9, 1 << 17, "a.txt"), LIMITS)
    assert isinstance(loss, Loss)


@pytest.mark.parametrize("name", ["warc.paths", "warc.paths.gz"])
@pytest.mark.parametrize("prefix", ["store", "store/", None, "file"])
def test_a_list_of_paths(tmp_path: Path, name: str, prefix: str | None) -> None:
    names = ["crawl/a[1].jsonl", "crawl/b.jsonl"]
    base = tmp_path if prefix is None else tmp_path / "store"
    for each in names:
        (base / each).parent.mkdir(parents=True, exist_ok=True)
        (base / each).write_text('{"text": "a"}\n')
    absolute = tmp_path / "c.jsonl"
    absolute.write_text('{"text": "c"}\n')
    lines = "\n".join([*names, "", str(absolute)]).encode()
    (tmp_path / name).write_bytes(gzip.compress(lines) if name.endswith("gz") else lines)
    given = {"prefix": f"file://{base}/" if prefix == "file" else prefix} if prefix else {}
    given |= {"outside_prefix": prefix is not None}
    found = listed(tmp_path, format="jsonl", inputs=[name], **given)
    assert [file.name for file in found] == ["a[1].jsonl", "b.jsonl", "c.jsonl"]
    (tmp_path / name).write_bytes(b"nowhere.jsonl\n")
    with pytest.raises(InputError, match=r"nowhere\.jsonl"):
        listed(tmp_path, format="jsonl", inputs=[name], **given)


def test_mapped_fields_reach_the_reader_and_the_plan(tmp_path: Path) -> None:
    row = {"content": "a", "doc_id": 7, "link": "http://a.example", "timestamp": "2024-01-01", "text": "no"}
    file = tmp_path / "rows.jsonl.zst"
    file.write_bytes(zstandard.compress(json.dumps(row).encode() + b"\n"))
    names = {"text": "content", "id": "doc_id", "url": "link", "date": "timestamp"}
    (plain,) = listed(tmp_path, format="jsonl", inputs=["rows.jsonl.zst"])
    (mapped,) = listed(tmp_path, format="jsonl", inputs=["rows.jsonl.zst"], fields=names)
    assert plain.identity != mapped.identity
    assert not mapped.divisible
    size = mapped.file_bytes
    (item,) = read_jsonl(Split(0, "s", "jsonl", str(file), 0, size, size, "", mapped.fields), LIMITS)
    assert isinstance(item, Text)
    assert (item.text, item.record_id, item.url, item.date) == ("a", "7", "http://a.example", "2024-01-01")
    assert mapped.fields == Fields(**names)


def test_a_plan_opens_each_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, 50)
    opened: list[str] = []
    real = files.open_ranges

    def counted(url: str):  # type: ignore[no-untyped-def]
        opened.append(url)
        return real(url)

    monkeypatch.setattr(files, "open_ranges", counted)
    assert len(listed(tmp_path, format="html", inputs=["**/*.html"])) == 50
    assert len(opened) == len(set(opened)) == 50


def test_formats_are_told_by_content() -> None:
    assert format_of(zstandard.compress(b"WARC/1.0\r\n"), "x") == "warc"
    assert format_of(lz4.frame.compress(b'{"text": 1}'), "x") == "jsonl"
    assert format_of(b"filedesc://x 0.0.0.0 20080430204825 text/plain 9\n", "x") == "arc"
    assert format_of(b"PAR1", "x.jsonl") == "parquet"
    assert format_of(b"<!DOCTYPE html><p>", "x") == "html"
    assert format_of(b"Words", "x.txt.gz") == "text"
