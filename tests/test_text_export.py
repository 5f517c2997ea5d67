"""`corpus export`: the texts that are trained on, whole files or none, and readable by others."""

import gzip
import json
from pathlib import Path

import pyarrow.parquet
import pytest

from command_line import corpus
from corpus.storage.run_directory import RunDirectory
from pipelines.commands.document_rows import document_rows
from pipelines.report import text_export
from pipelines.report.run_documents import RunDocuments
from pipelines.report.text_export import COLUMNS, export_texts


def rows_of(folder: Path) -> list[dict[str, object]]:
    lines = [
        line for file in sorted(folder.glob("*.jsonl.gz")) for line in gzip.decompress(file.read_bytes()).splitlines()
    ]
    return [json.loads(line) for line in lines]


def test_every_kept_document_stands_there_once_with_its_edits(demo_run: Path, tmp_path: Path) -> None:
    corpus("export", demo_run, tmp_path / "texts")
    rows = rows_of(tmp_path / "texts")
    fields = ("key", "kept", "text", "personal_data", "url", "language")
    kept = {row["key"]: row for row in document_rows(RunDocuments(RunDirectory(str(demo_run))), fields) if row["kept"]}
    assert {row["key"] for row in rows} == set(kept)
    assert len(rows) == len(kept)
    changed = [row for row in rows if row["text"] != kept[row["key"]]["text"]]
    assert changed == [row for row in rows if row["edited"]]
    found = [(row, edit, kept[row["key"]]["text"]) for row in rows for edit in kept[row["key"]]["personal_data"] or []]
    assert found
    for row, edit, text in found:
        assert row["edited"]
        assert edit["replacement"] in str(row["text"])
        assert text.encode()[edit["begin"] : edit["end"]].decode() not in str(row["text"])


def test_both_forms_hold_the_same_rows(demo_run: Path, tmp_path: Path) -> None:
    for form in ("jsonl", "parquet"):
        export_texts(RunDirectory(str(demo_run)), str(tmp_path / form), form)
    table = pyarrow.parquet.read_table(tmp_path / "parquet").cast(COLUMNS)
    rows = rows_of(tmp_path / "jsonl")
    for name in ("key", "text", "edited", "url", "source", "language", "licence", "title", "tier", "repeats"):
        assert table[name].to_pylist() == [row[name] for row in rows]


def test_an_interrupted_export_goes_on(demo_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, whole, out = RunDirectory(str(demo_run)), tmp_path / "whole", tmp_path / "out"
    written, documents = export_texts(run, str(whole), "jsonl")

    def stop(done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_texts(run, str(out), "jsonl", progress=stop)
    assert len(list(out.iterdir())) == 2
    assert export_texts(run, str(out), "jsonl") == (
        written - 2,
        documents - sum(map(_lines, sorted(whole.iterdir())[:2])),
    )
    assert [file.read_bytes() for file in sorted(out.iterdir())] == [
        file.read_bytes() for file in sorted(whole.iterdir())
    ]
    monkeypatch.setattr(text_export, "json_line", lambda row: 1 / 0)
    (out / "00001.jsonl.gz").unlink()
    with pytest.raises(ZeroDivisionError):
        export_texts(run, str(out), "jsonl")
    assert not (out / "00001.jsonl.gz").exists()


def _lines(file: Path) -> int:
    return len(gzip.decompress(file.read_bytes()).splitlines())


def test_a_run_without_decisions_is_one_line(demo_run: Path, tmp_path: Path) -> None:
    said = corpus("export", tmp_path, tmp_path / "out", expect=2).stderr
    assert len(said.splitlines()) == 1
