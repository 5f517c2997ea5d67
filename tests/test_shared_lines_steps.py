"""Shared lines as select finds them: equal to plain Python over all documents at once, however they are divided."""

import itertools
import json
import re
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from command_line import corpus
from corpus import schema
from corpus.recipe import Recipe
from corpus.recipe.parsing import parse_recipe
from corpus.storage import ipc
from corpus.storage.run_directory import RunDirectory
from corpus.text.edits import Edit, apply_edits
from pipelines.report.verification import verify
from pipelines.selection import decision_settings as selection
from pipelines.selection.decision_settings import ExchangeName, LineInputs, SelectSettings
from pipelines.selection.steps import Select
from pipelines.stages.lines import line_counts, lines_batch
from test_selection import signals_of
from test_shared_lines import without

SOURCES = ("web", "books")
WEIGHT = 6


class Made(NamedTuple):
    """A document; its number decides its key and its date."""

    number: int
    source: str
    host: str  # "" where it has no URL
    language: str
    text: str


LINE = st.sampled_from(
    [
        "Menu of the site",
        "MENU OF THE SITE",
        "Read more here",
        "Page 1 of 2",
        "Page 2 of 2",
        "About us all",
        "short",
        "",
        "own text",
    ]
)
DOCUMENT = st.tuples(
    st.sampled_from(SOURCES),
    st.sampled_from(["a.org", "b.org", ""]),
    st.sampled_from(["en", "de"]),
    st.lists(LINE, min_size=1, max_size=6),
)


def made_of(rows: list[tuple[str, str, str, list[str]]]) -> list[Made]:
    documents = []
    for number, (source, host, language, lines) in enumerate(rows):
        # Every third has a line of its own; others may be copies of each other.
        own = [f"{'x' * number} own {number}"] if number % 3 == 0 else []
        text = re.sub("\n{3,}", "\n\n", "\n".join([*lines, *own])).strip("\n") or "nothing"
        documents.append(Made(number, source, host, language, text))
    return documents


def recipe_of(lines: dict[str, object], *, books: bool) -> Recipe:
    table = {
        "run": {"name": "x"},
        "source": [
            {"name": name, "inputs": ["a"], "profile": "none", "dedup": {"lines": name == "web" or books}}
            for name in SOURCES
        ],
        "dedup": {"near": False, "lines": {"weight": WEIGHT, **lines}},
    }
    return parse_recipe(table, "test")


def form(line: str) -> str:
    return re.sub("[0-9]", "0", "".join(character for character in line.lower() if character.isalnum()))


def by_hand(documents: list[Made], recipe: Recipe) -> dict[int, tuple[str, str]]:
    """Number → (reason, text that is used; "" where it is dropped)."""
    lines = recipe.dedup.lines
    assert lines is not None
    rank = {each.number: (len(each.text), each.number) for each in documents}
    best: dict[str, Made] = {}
    for each in documents:
        best[each.text] = max(best.get(each.text, each), each, key=lambda made: rank[made.number])
    copies = Counter(each.text for each in documents)
    found = {each.number: ("exact_duplicate", "") for each in documents}
    has: defaultdict[tuple[object, ...], set[int]] = defaultdict(set)  # scope, form → documents
    keys: defaultdict[int, dict[str, list[tuple[object, ...]]]] = defaultdict(dict)
    for each in best.values():
        for line in each.text.split("\n"):
            heavy = sum(character.isalpha() for character in line) >= WEIGHT
            if not heavy or each.source not in recipe.deduplicated("lines"):
                continue
            scopes: list[tuple[object, ...]] = [("corpus", form(line))]
            scopes += [(each.host, each.language, form(line))] if each.host else []
            keys[each.number][line] = scopes
            for scope in scopes:
                has[scope].add(each.number)
    for each in best.values():
        gone = set()
        for line, scopes in keys[each.number].items():
            for scope in scopes:
                limit = lines.corpus if scope[0] == "corpus" else lines.site
                kept = max(has[scope], key=rank.__getitem__) if lines.keep == "preferred" else None
                if limit is not None and len(has[scope]) >= limit and kept != each.number:
                    gone.add(line)
        lost = sum(len(line) for line in each.text.split("\n") if line in gone)
        little = bool(gone) and len(each.text) - lost < lines.min_characters
        if little and copies[each.text] == 1:
            found[each.number] = ("shared_lines", "")
        else:
            found[each.number] = ("", each.text if little else without(each.text, gone))
    return found


def run_select(
    folder: Path, parts: list[list[Made]], recipe: Recipe, exchange: ExchangeName = "files"
) -> tuple[dict[int, tuple[str, str]], Counter[str]]:
    """What a real pipeline says of the documents of parts, each of one source, and its counts."""
    run = RunDirectory(str(folder))
    extracted, measured, stage = run.stage("extract", "e"), run.stage("lines", "l"), run.stage("select", "s")
    lengths = []
    for split, part in enumerate(parts):
        source = part[0].source if part else "web"
        signals = signals_of([(each.number, each.text) for each in part], split=split, source=source)
        place = signals.schema.get_field_index("language")
        signals = signals.set_column(
            place, signals.schema.field(place), pa.array([each.language for each in part], pa.string())
        )
        ipc.write_table(extracted.output("signals", split), signals, signals.schema)
        urls = [f"https://www.{each.host}/{each.number}" if each.host else None for each in part]
        columns = [signals["doc_id"].combine_chunks(), pa.array(urls, pa.string())]
        columns.append(pa.array([each.text for each in part], pa.large_string()))
        table = pa.Table.from_batches(
            [lines_batch(pa.RecordBatch.from_arrays(columns, names=["doc_id", "url", "text"]), WEIGHT)]
        )
        lengths.append(line_counts(table)["lines"])
        ipc.write_table(measured.output("lines", split), table, schema.LINES)
    context = SelectSettings.over(
        recipe,
        extracted,
        [len(part) for part in parts],
        item_of_split=np.arange(len(parts), dtype=np.uint32),
        source_of_split=[part[0].source if part else "web" for part in parts],
    )
    context = replace(context, lines=LineInputs.divide(measured, lengths, context.parts))
    with beam.Pipeline(runner="DirectRunner") as pipeline:
        pipeline | Select(stage, context, exchange)
    found = {}
    for split, part in enumerate(parts):
        rows = ipc.open_table(stage.output("decisions", split), schema.DECISIONS).to_pylist()
        for each, row in zip(part, rows, strict=True):
            edits = [Edit(**edit) for edit in row["line_cuts"]]
            assert row["kept"] or not edits
            found[each.number] = row["reason"], apply_edits(each.text, edits) if row["kept"] else ""
    return found, sum((Counter(record.counts) for record in stage.records()), Counter())


@settings(
    max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(DOCUMENT, min_size=1, max_size=24),
    st.sampled_from([2, 3, None]),
    st.sampled_from([3, 6, None]),
    st.sampled_from(["none", "preferred"]),
    st.sampled_from([0, 1, 20]),
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from(["files", "engine"]),
)
def test_what_is_cut_is_what_plain_python_cuts_and_does_not_depend_on_the_division(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str, list[str]]],
    site: int | None,
    corpus_wide: int | None,
    keep: str,
    least: int,
    books: bool,
    pieces: int,
    exchange: ExchangeName,
) -> None:
    wanted: dict[str, object] = {"keep": keep, "min_characters": least}
    recipe = recipe_of(
        wanted | ({"corpus": corpus_wide} if corpus_wide else {}) | ({"site": site} if site else {}), books=books
    )
    if site is None and recipe.dedup.lines is not None:
        lines = recipe.dedup.lines.model_copy(update={"site": None})
        recipe = recipe.model_copy(update={"dedup": recipe.dedup.model_copy(update={"lines": lines})})
    documents = made_of(rows)
    expected = by_hand(documents, recipe)
    whole = [[each for each in documents if each.source == source] for source in SOURCES]
    found, counts = run_select(tmp_path_factory.mktemp("whole"), whole, recipe)
    assert found == expected
    texts = {each.number: each.text for each in documents}
    used = {number: text for number, (reason, text) in expected.items() if not reason}
    assert counts["line_cut_documents"] == sum(text != texts[number] for number, text in used.items())
    assert counts["line_cut_bytes"] == sum(len(texts[number]) - len(text) for number, text in used.items())
    assert counts["dropped.shared_lines"] == sum(reason == "shared_lines" for reason, _ in expected.values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "PART_DOCUMENTS", 4)
        patch.setattr(selection, "RANGE_ROWS", 9)
        patch.setattr(selection, "STRETCH_LINES", 5)
        divided = [part[piece::pieces] for part, piece in itertools.product(reversed(whole), range(pieces))]
        folder = tmp_path_factory.mktemp("parts")
        again, recounted = run_select(folder, [part for part in divided if part], recipe, exchange)
    assert again == expected
    assert recounted == counts


def test_stretches_are_work_items_of_one_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "STRETCH_LINES", 10)
    inputs = LineInputs.divide(RunDirectory("x").stage("lines", "l"), [4, 6, 1, 30, 2, 2], [range(3), range(3, 6)])
    assert inputs.stretches == (range(2), range(2, 3), range(3, 4), range(4, 6))


# ------------------------------------------------------------------------------------------------ in a build

MENU, FOOTER = "Home | Products | About this company", "© 2024 Example company, all rights reserved"


def word_of(number: int) -> str:
    """A word of letters, another for each number."""
    return "".join(chr(ord("a") + number * factor // 7 % 26) for factor in (7, 11, 31, 83, 257))


def write_site(folder: Path) -> Path:
    """Twelve pages of one site with a menu and a footer, one that has hardly anything else, and a page of another site."""
    words = [" ".join(map(word_of, range(page * 40, page * 40 + 40))) for page in range(12)]
    rows = [
        {
            "url": f"https://www.example.org/{page}",
            "text": f"{MENU}\n\n{text}\n{FOOTER.replace('2024', str(2000 + page))}",
        }
        for page, text in enumerate(words)
    ]
    rows.append({"url": "https://example.org/empty", "text": f"{MENU}\nThere is nothing here\n{FOOTER}"})
    rows.append({"url": "https://other.org/", "text": f"{MENU}\n{' '.join(map(word_of, range(900, 940)))}"})
    lines = (json.dumps(row | {"language": "en"}) for row in rows)
    (folder / "pages.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "recipe.toml").write_text(
        '[run]\nname = "site"\n[[source]]\nname = "web"\nformat = "jsonl"\nprofile = "none"\ninputs = ["pages.jsonl"]\n'
        "trust_language_hint = true\n"
        "[dedup.lines]\n[tokenizer]\nvocab_size = 300\n",
        encoding="utf-8",
    )
    return folder / "recipe.toml"


def test_a_build_trains_and_tokenizes_without_the_lines(tmp_path: Path) -> None:
    recipe, run = write_site(tmp_path), tmp_path / "run"
    corpus("build", recipe, "--run-dir", run, "--workers", "1")
    table = json.loads(corpus("stats", run, "--json").stdout)
    assert table["shared_lines"]["documents"] == 12
    assert table["shared_lines"]["lines"] == 24
    assert table["shared_lines"]["characters"] == 12 * (len(MENU) + len(FOOTER))
    assert table["broken"] == []
    assert "shared lines" in corpus("stats", run).stdout
    rows = [
        json.loads(line)
        for line in corpus("show", run, "--all", "--json", "--fields", "url,kept,reason").stdout.splitlines()
    ]
    assert [row["reason"] for row in rows] == [""] * 12 + ["shared_lines", ""]
    shown = corpus("show", run, "example.org/3").stdout
    assert f"lines cut      {MENU}" in shown
    assert "2003 Example company" in shown
    texts = []
    for name in ("https://www.example.org/3", "https://other.org/"):
        one: dict[str, Any] = json.loads(corpus("show", run, "--json", name).stdout)
        texts.append("".join(one["tokens"]).replace("\u2581", " "))
    assert MENU not in texts[0]
    assert "company" not in texts[0]
    assert word_of(120) in texts[0]
    assert "About this company" in texts[1]
    assert list(verify(RunDirectory(str(run)))) == []
    build = ("build", recipe, "--run-dir", run, "--workers", "1", "--until", "select")
    said = corpus(*build, "--set", "dedup.lines.site=14").stderr
    assert re.search(r"^lines +1 items were done before", said, re.MULTILINE)
    assert json.loads(corpus("stats", run, "--json").stdout)["shared_lines"]["lines"] == 0
    (tmp_path / "recipe.toml").write_text(recipe.read_text().replace("[dedup.lines]\n", ""))
    corpus(*build)
    assert not (run / "lines").exists()
    assert json.loads(corpus("stats", run, "--json").stdout)["shared_lines"] == {}


def test_what_was_decided_before_an_addition_stays_and_its_lines_count(tmp_path: Path) -> None:
    """Eight pages have too few others with their menu; the five that are added meet thirteen."""
    recipe, run = write_site(tmp_path), tmp_path / "run"
    rows = (tmp_path / "pages.jsonl").read_text().splitlines()
    for name, part in (("first", rows[:8]), ("second", rows[8:])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(part), encoding="utf-8")
    text = recipe.read_text().replace('"pages.jsonl"', '"first.jsonl", "second.jsonl"')
    addition = '[[addition]]\nname = "more"\ninputs = { web = ["second.jsonl"] }\n'
    recipe.write_text(text.replace('"first.jsonl", "second.jsonl"', '"first.jsonl"'), encoding="utf-8")
    build = ("build", recipe, "--run-dir", run, "--workers", "1", "--until", "select")
    corpus(*build)
    assert json.loads(corpus("stats", run, "--json").stdout)["shared_lines"]["lines"] == 0
    recipe.write_text(text + addition, encoding="utf-8")
    corpus(*build)
    fields = "url,reason,line_cuts"
    shown = corpus("show", run, "--all", "--json", "--fields", fields).stdout
    found = [json.loads(line) for line in shown.splitlines()]
    assert [(row["reason"], len(row["line_cuts"])) for row in found] == [("", 0)] * 8 + [("", 2)] * 4 + [
        ("shared_lines", 0),
        ("", 0),
    ]
    assert json.loads(corpus("stats", run, "--json").stdout)["shared_lines"]["lines"] == 8
    assert list(verify(RunDirectory(str(run)))) == []


@pytest.mark.parametrize("what", ["lines", "cuts"])
def test_verify_finds_lines_that_are_none(tmp_path: Path, what: str) -> None:
    recipe, run = write_site(tmp_path), tmp_path / "run"
    corpus("build", recipe, "--run-dir", run, "--workers", "1", "--until", "select")
    kind, stage = ("lines", "lines") if what == "lines" else ("decisions", "select")
    (path,) = run.glob(f"{kind}/*/*.arrow")
    table = pa.ipc.open_file(path).read_all()
    rows = table.to_pylist()
    if what == "lines":
        rows[0]["lines"][0]["begin"] += 1
    else:
        rows[0]["line_cuts"][0]["end"] -= 3
    written = ipc.write_table(str(path), pa.Table.from_pylist(rows, schema=table.schema), table.schema)
    (record,) = run.glob(f"stages/{stage}/{path.parent.name}/{path.stem}.json")
    content = json.loads(record.read_text())
    content["outputs"][kind] = {"rows": written.rows, "bytes": written.bytes, "digest": written.digest}
    record.write_text(json.dumps(content))
    assert "lines" in {finding.check for finding in verify(RunDirectory(str(run)))}
