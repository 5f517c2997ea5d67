"""What rows and pages say of themselves, from the recipe to the columns of documents/ and signals/."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from corpus.recipe import Recipe
from corpus.recipe.parsing import parse_recipe
from corpus.sources.splits import list_inputs, make_splits
from corpus.storage import ipc
from corpus.storage.run_directory import RunDirectory
from filters.language.identification import default_model_path
from fingerprints import extract_inputs, measure_inputs
from fingerprints import mark as mark_of
from pipelines.stages.extraction import EXTRACT, ExtractSettings, extract_item
from pipelines.stages.measurement import MEASURE, MeasureItem, measure_item, measure_settings

SENTENCE = "The corpus is read from archives, page by page, and every page is counted once. "
PAGE = (
    '<html><head><title>A title</title><meta name="author" content="Ann Lee"><meta name="date" content="{day}"></head>'
    f"<body><article><p>{SENTENCE * 5}</p></article></body></html>"
)


def record(number: int, day: str) -> bytes:
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE.replace("{day}", day).encode()
    header = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/\r\nWARC-Date: 2024-01-02T03:04:05Z\r\n"
        f"WARC-Record-ID: <urn:{number}>\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(http)}\r\n\r\n"
    )
    return header.encode() + http + b"\r\n\r\n"


ROWS: list[dict[str, Any]] = [
    {"id": "sure", "text": SENTENCE, "lang": "zh", "licence": "CC0"},
    {"id": "none", "text": "1 2 3", "lang": "zh-TW"},
    {"id": "bare", "text": SENTENCE},
]


def extracted(folder: Path, source: dict[str, Any]) -> list[dict[str, Any]]:
    """Documents and signals of one source, row for row."""
    recipe = parse_recipe({"run": {"name": "r"}, "source": [{"name": "s", **source}]}, "r")
    run = RunDirectory(str(folder / "run"))
    table = make_splits(list_inputs(recipe, folder, where="r"), {0: 1 << 20})
    ipc.write_table(run.path("splits.arrow"), table, table.schema)
    settings = ExtractSettings.of(recipe, splits=run.path("splits.arrow"), model=default_model_path(), helper=False)
    stage = run.stage("extract", "x")
    extract_item(stage, 0, settings)
    measured = run.stage("measure", "x")
    measure_item(measured, 0, MeasureItem(stage, measure_settings(recipe, default_model_path(), {})))
    documents, signals = ipc.open_table(stage.output("documents", 0)), ipc.open_table(measured.output("signals", 0))
    return [{**a, **b} for a, b in zip(documents.to_pylist(), signals.to_pylist(), strict=True)]


@pytest.mark.parametrize("trusted", [False, True])
def test_hints_and_licences_of_rows(tmp_path: Path, trusted: bool) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    source = {"format": "jsonl", "inputs": ["a.jsonl"], "fields": {"language": "lang"}, "licence": "of the source"}
    sure, none, bare = extracted(tmp_path, {**source, "trust_language_hint": trusted})
    assert [row["language_hint"] for row in (sure, none, bare)] == ["zh", "zh-TW", None]
    assert [row["licence"] for row in (sure, none, bare)] == ["CC0", "of the source", "of the source"]
    assert (sure["language"], sure["language_score"] == 1.0) == (("zh", True) if trusted else ("en", False))
    assert (none["language"], none["script"], none["language_score"]) == ("zh", "hant", 1.0 if trusted else 0.0)
    assert bare["language"] == "en"
    assert {row["title"] for row in (sure, none, bare)} == {None}


def test_what_a_page_declares_and_no_day_after_it_was_fetched(tmp_path: Path) -> None:
    days = ["2019-05-06", "2024-01-03", "2024-01-04", "1989-01-01"]
    (tmp_path / "a.warc").write_bytes(b"".join(record(number, day) for number, day in enumerate(days)))
    rows = extracted(tmp_path, {"inputs": ["a.warc"]})
    assert {(row["title"], row["author"], row["licence"], row["language_hint"]) for row in rows} == {
        ("A title", "Ann Lee", None, None)
    }
    expected = [datetime.date(2019, 5, 6), datetime.date(2024, 1, 3), None, None]
    assert [row["published"] for row in rows] == expected


def test_what_reaches_a_byte_is_in_the_fingerprint() -> None:
    def recipe(**source: Any) -> Recipe:
        return parse_recipe({"run": {"name": "r"}, "source": [{"name": "s", "inputs": ["*"], **source}]}, "r")

    marks = [
        mark_of(EXTRACT, recipe(**source), extract_inputs()) for source in ({}, {"licence": "MIT"}, {"licence": "CC0"})
    ]
    assert len(set(marks)) == 3
    # A hint is stored in any case; whether it holds is measured.
    trusted = recipe(trust_language_hint=True)
    assert mark_of(EXTRACT, trusted, extract_inputs()) == marks[0]
    assert mark_of(MEASURE, trusted, measure_inputs()) != mark_of(MEASURE, recipe(), measure_inputs())
