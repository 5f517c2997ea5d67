"""Which stages run again: what is measured or decided in another way reads no page, and gives the bytes of a build from nothing."""

import hashlib
import importlib.util
import io
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from corpus.errors import InputError
from corpus.recipe.parsing import load_recipe
from corpus.storage.run_directory import RunDirectory
from pipelines.build import Build, Options
from pipelines.stage_list import stage_of
from pipelines.stages.outputs import DECISIONS, DOCUMENTS, SIGNALS

RECIPE = """
[run]
name = "stages"
languages = ["en"]
[extract]
language_screen = false
[[source]]
name = "web"
inputs = ["pages.warc"]
profile = "none"
block_domains = ["blocked.txt"]
opt_out_domains = ["out.txt"]
[[word_list]]
name = "named"
files = ["words.txt"]
"""
LISTS = {
    "blocked.txt": "bad.example\n",
    "out.txt": "out.example\n",
    "more.txt": "plain.example\n",
    "words.txt": "walk\n",
}

WALK = (
    "They walk along the river every morning before the town is awake, and the older of the two tells the "
    "younger what the houses were when he was a child. The mill has been a school since then. "
)
SHOP = (
    "The baker opens the shop at six, when the first trains leave, and by nine the bread that was made at night "
    "is sold. What is left goes to the kitchen of the hospital, which has asked for it. "
)
#: URL, head, text.
PAGES = (
    ("http://plain.example/1", "", "".join(f"{WALK}This was the walk of day {day}. " for day in range(20))),
    (
        "http://other.example/2",
        "<meta name=robots content=noai>",
        "".join(f"{SHOP}Day {day} was long. " for day in range(20)),
    ),
    ("http://third.example/3", "", "".join(f"{SHOP}{WALK}That is all of week {week}. " for week in range(12))),
    ("http://bad.example/4", "", "".join(f"{WALK}{SHOP}So it was in year {year}. " for year in range(12))),
)
#: The screen before extraction leaves only this one without a document.
GONE = ("http://gone.example/5", 404)


def record(number: int, url: str, status: int, html: str) -> bytes:
    http = f"HTTP/1.1 {status} x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}".encode()
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-01-0{number}T00:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:{number}>\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(http)}\r\n\r\n"
    )
    return head.encode() + http + b"\r\n\r\n"


def build(folder: Path, run: Path, overrides: dict[str, str]) -> dict[str, str]:
    """Builds up to `select` in this process; stage → what it said."""
    said = io.StringIO()
    recipe, console = folder / "recipe.toml", Console(file=said, width=200)
    options = Options(workers=1, until="select")
    Build(load_recipe(recipe, overrides), recipe, RunDirectory(str(run)), options, console).build()
    return dict(line.split(maxsplit=1) for line in said.getvalue().splitlines() if not line[:1].isspace() and line)


def contents(run: Path) -> dict[str, str]:
    """Every file of work items, with its digest; names hold fingerprints."""
    kinds = ("documents", "failed", "signals", "scores", "decisions", "edges")
    found = [path for kind in kinds for path in sorted((run / kind).rglob("*")) if path.is_file()]
    found += sorted((run / "stages").glob("*/*/[0-9]*.json"))
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(folder of the inputs, run)."""
    folder = tmp_path_factory.mktemp("stages")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    for name, lines in LISTS.items():
        (folder / name).write_text(lines, encoding="utf-8")
    pages = [
        (url, 200, f"<html><head>{head}</head><body><article><p>{text}</p></article></body></html>")
        for url, head, text in PAGES
    ]
    pages.append((*GONE, "<p>gone"))
    (folder / "pages.warc").write_bytes(b"".join(record(number, *page) for number, page in enumerate(pages, start=1)))
    said = build(folder, folder / "run", {})
    assert "were done before" not in "".join(said.values())
    return folder, folder / "run"


def reasons(run: Path) -> dict[str, str]:
    """URL → the reason that `select` gives."""
    directory = RunDirectory(str(run))
    url, reason = (
        pa.ipc.open_file(stage_of(directory, output).output(output.kind, 0)).read_all()[column].to_pylist()
        for output, column in ((DOCUMENTS, "url"), (DECISIONS, "reason"))
    )
    return dict(zip(url, reason, strict=True))


def test_lists_and_wishes_stop_no_extraction_and_are_judged(finished: tuple[Path, Path]) -> None:
    _, run = finished
    assert reasons(run).keys() == {url for url, _, _ in PAGES}
    assert reasons(run)["http://bad.example/4"] == "blocked_url"
    assert set(reasons(run).values()) == {"", "blocked_url"}
    documents = pa.ipc.open_file(stage_of(RunDirectory(str(run)), DOCUMENTS).output("documents", 0)).read_all()
    assert documents["opt_outs"].to_pylist() == [None, "meta element robots: noai", None, None]


@pytest.mark.parametrize(
    ("overrides", "changed", "score_again"),
    [
        ({"dedup.bands": "16"}, {}, False),
        ({"dedup.shingle": "3"}, {}, False),
        ({"language.windows": "3"}, {}, True),
        ({"source.0.trust_language_hint": "true"}, {}, True),
        ({"source.0.profile": '"parity"'}, None, False),
        ({"source.0.block_domains": '["blocked.txt", "more.txt"]'}, {"http://plain.example/1": "blocked_url"}, False),
        ({"source.0.opt_out_domains": '["out.txt", "more.txt"]'}, {"http://plain.example/1": "opt_out"}, False),
        ({"source.0.respect": '["noai"]'}, {"http://other.example/2": "opt_out"}, False),
        ({"source.0.respect": '["noindex"]'}, {}, False),
    ],
    ids=str,
)
def test_what_is_measured_in_another_way_reads_no_page(
    finished: tuple[Path, Path],
    tmp_path: Path,
    overrides: dict[str, str],
    changed: dict[str, str] | None,
    score_again: bool,
) -> None:
    folder, before = finished
    run = tmp_path / "run"
    shutil.copytree(before, run)
    said = build(folder, run, overrides)
    assert "were done before" in said["extract"]
    assert "were done before" not in said["measure"]
    assert "were done before" not in said["select"]
    assert ("were done before" not in said["score"]) == score_again
    build(folder, tmp_path / "fresh", overrides)
    assert contents(run) == contents(tmp_path / "fresh")
    assert reasons(run).keys() == reasons(before).keys()
    if changed is not None:
        assert reasons(run) == reasons(before) | changed


def test_a_threshold_runs_select_alone_and_an_extractor_everything(finished: tuple[Path, Path], tmp_path: Path) -> None:
    folder, before = finished
    run = tmp_path / "run"
    shutil.copytree(before, run)
    said = build(folder, run, {"dedup.threshold": "0.7"})
    assert {name for name, line in said.items() if "were done before" in line} == {"extract", "measure", "score"}
    said = build(folder, run, {"dedup.threshold": "0.7", "extract.extractor": '"resiliparse"'})
    assert not any("were done before" in line for line in said.values())


def test_the_record_of_measure_says_how_many_documents_it_read(finished: tuple[Path, Path]) -> None:
    _, run = finished
    stage = stage_of(RunDirectory(str(run)), SIGNALS)
    counts = json.loads(Path(stage.file("00000.json")).read_text(encoding="utf-8"))["counts"]
    assert counts["documents"] == len(PAGES)


@pytest.mark.skipif(importlib.util.find_spec("jieba") is not None, reason="jieba is installed")
def test_what_measure_needs_is_asked_for_before_any_page_is_read(finished: tuple[Path, Path], tmp_path: Path) -> None:
    folder, _ = finished
    with pytest.raises(InputError, match="jieba"):
        build(folder, tmp_path / "run", {"source.0.profile": '"parity"', "run.languages": '["zh"]'})
    assert not (tmp_path / "run" / "documents").exists()
