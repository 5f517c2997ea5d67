"""select as a pipeline: equal to the arithmetic on all documents at once, however they are divided."""

import contextlib
import itertools
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from corpus import schema
from corpus.recipe import parse_recipe
from corpus.seeds import content_digest
from corpus.storage import ipc
from corpus.storage.run_directory import RunDirectory
from filters import duplicates, minhash
from filters.rules import load_profiles
from pipelines.selection import settings as selection
from pipelines.selection import steps
from pipelines.selection.settings import Desk, SelectSettings, divide
from pipelines.selection.steps import Select

RECIPE = parse_recipe(
    {
        "run": {"name": "x"},
        "source": [{"name": "web", "inputs": ["a"], "profile": "none"}],
        "dedup": {"threshold": 0.6},
    },
    "test",
)

BY_URL = RECIPE.model_copy(update={"dedup": RECIPE.dedup.model_copy(update={"url": True})})

WORDS = [f"word{number}" for number in range(400)]


def text_of(start: int, changed: int) -> str:
    """40 words; texts whose starts are near share most of their shingles."""
    words = WORDS[start : start + 40]
    return " ".join(words[: 40 - changed] + [word.upper() + "x" for word in words[40 - changed :]])


Numbered = list[tuple[int, str]]  # a document's number decides its key and date, wherever it lies


def signals_of(part: Numbered, *, split: int, urls: dict[int, int] | None = None) -> pa.Table:
    texts = [text for _, text in part]
    dedup = RECIPE.dedup
    signature, shingles = minhash.signatures(
        pa.array(texts, pa.string()), permutations=dedup.permutations, shingle=dedup.shingle
    )
    bands = minhash.bands(signature, bands=dedup.bands, rows=dedup.rows)
    of = schema.signals_schema(permutations=dedup.permutations, bands=dedup.bands)
    columns = {
        "doc_id": np.arange(len(texts), dtype=np.uint64) + np.uint64(split << schema.ROW_BITS),
        "key": [f"{number:016d}".encode() for number, _ in part],
        "source": ["web"] * len(texts),
        "date": [number * 86_400 for number, _ in part],
        "language": ["en"] * len(texts),
        "language_score": [1.0] * len(texts),
        "script": [""] * len(texts),
        "text_hash": [content_digest(text.encode()) for text in texts],
        "characters": [len(text) for text in texts],
        "bytes": [len(text) for text in texts],
        "shingles": shingles,
        "url_hash": [(urls or {}).get(number, 0) for number, _ in part],
    }
    arrays = []
    for field in of:
        if field.name == "bands":
            arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(bands.ravel()), type=field.type))
        elif field.name == "codes":
            arrays.append(pa.array([row.tobytes() for row in minhash.codes_of(signature)], field.type))
        else:
            nothing: object = {"string": "", "bool": False}.get(str(field.type), 0)
            nothing = [] if pa.types.is_list(field.type) else nothing
            arrays.append(pa.array(columns.get(field.name, [nothing] * len(texts)), field.type))
    return pa.table(arrays, schema=of)


def run_select(
    folder: Path,
    parts: list[Numbered],
    *,
    documents_a_part: int = 1 << 19,
    rows_a_range: int = 1 << 23,
    urls: dict[int, int] | None = None,
) -> list[dict[str, object]]:
    """Decisions of a real pipeline, with representatives named by text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "PART_DOCUMENTS", documents_a_part)
        patch.setattr(selection, "RANGE_ROWS", rows_a_range)
        return _run_select(folder, parts, urls)


def _run_select(folder: Path, parts: list[Numbered], urls: dict[int, int] | None) -> list[dict[str, object]]:
    run = RunDirectory(str(folder))
    extracted, stage = run.stage("extract", "e"), run.stage("select", "s")
    tables = [signals_of(part, split=number, urls=urls) for number, part in enumerate(parts)]
    for number, table in enumerate(tables):
        ipc.write_table(extracted.output("signals", number), table, table.schema)
    divided, first_ids = divide([len(part) for part in parts], np.arange(len(parts), dtype=np.uint32))
    context = SelectSettings(
        recipe=BY_URL if urls else RECIPE,
        profiles=load_profiles(RECIPE),
        signals=extracted,
        documents=sum(map(len, parts)),
        parts=divided,
        first_ids=first_ids,
    )
    with beam.Pipeline(runner="DirectRunner") as pipeline:
        pipeline | Select(stage, context)
    texts = {
        (number << schema.ROW_BITS) + row: named for number, part in enumerate(parts) for row, named in enumerate(part)
    }
    rows = []
    for number in range(len(parts)):
        decisions = ipc.open_table(stage.output("decisions", number), schema.DECISIONS).to_pylist()
        rows += [row | {"text": texts[row["doc_id"]], "stands": texts.get(row["representative"])} for row in decisions]
    edges = [record.item for record in stage.records() if "edges" in record.outputs]
    assert edges == [part.start for part in divided]
    for item in edges:
        assert stage.record(item).outputs["edges"] == ipc.written(stage.output("edges", item))
    record_counts = [record.counts for record in stage.records()]
    assert sum(counts["documents"] for counts in record_counts) == len(texts)
    assert sum(counts["kept"] + counts["dropped"] for counts in record_counts) == len(texts)
    return rows


@settings(
    max_examples=5, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), min_size=1, max_size=30),
    st.integers(1, 4),
)
def test_decisions_meet_the_guarantees_and_do_not_depend_on_the_division(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[int, int]], pieces: int
) -> None:
    texts = [(number, text_of(start * 3, changed)) for number, (start, changed) in enumerate(made)]
    rows = run_select(tmp_path_factory.mktemp("whole"), [texts])
    kept = {row["doc_id"]: row for row in rows if row["kept"]}
    for row in rows:
        if not row["kept"]:  # G1
            assert row["representative"] in kept
            assert row["similarity"] >= np.float32(0.6)
    signature, _ = minhash.signatures(pa.array([row["text"][1] for row in kept.values()]), permutations=112, shingle=5)
    hashes = minhash.bands(signature, bands=14, rows=8)
    for a in range(len(hashes)):  # G2
        for b in range(a):
            if (hashes[a] == hashes[b]).any():
                matches = (minhash.codes_of(signature[a]) == minhash.codes_of(signature[b])).sum()
                assert matches < duplicates.least_matches(0.6, 112)
    sizes = sum(row["cluster_size"] for row in rows)
    assert sizes == len(rows)
    divided = [texts[piece::pieces] for piece in range(pieces)]
    again = run_select(tmp_path_factory.mktemp("parts"), divided, documents_a_part=5, rows_a_range=100)
    # G3: ids differ, and with them the rows; every document has the same reason and representative all the same.
    facts = ("text", "kept", "reason", "stands", "similarity", "cluster_size")
    assert sorted(str([row[fact] for fact in facts]) for row in again) == sorted(
        str([row[fact] for fact in facts]) for row in rows
    )


def test_an_exact_copy_follows_its_representative(tmp_path: Path) -> None:
    """A's copy is removed for A; A then loses to the longer B: both must name B, which is kept."""
    longer, shorter = text_of(0, 0) + " and then some more", text_of(0, 0)
    rows = run_select(tmp_path, [[(0, shorter)], [(1, shorter), (2, longer)]])
    assert [row["reason"] for row in rows if row["kept"]] == [""]
    assert sorted(row["reason"] for row in rows if not row["kept"]) == ["exact_duplicate", "near_duplicate"]
    assert {row["stands"] for row in rows if not row["kept"]} == {(2, longer)}
    assert [row["cluster_size"] for row in rows if row["kept"]] == [3]


@pytest.mark.parametrize("documents_a_part", [1, 1 << 19])
def test_of_a_url_the_newest_stays_and_what_stands_for_it_stands_for_all(tmp_path: Path, documents_a_part: int) -> None:
    """1 and 2 are older copies of 3, whose text is that of 4; 4 loses to the longer 5: all name 5. 6 has no URL."""
    texts = [
        text_of(100, 0),
        text_of(150, 0),
        text_of(0, 0),
        text_of(0, 0),
        text_of(0, 0) + " and more",
        text_of(200, 0),
    ]
    parts = [[(number, text)] for number, text in enumerate(texts, start=1)]
    urls = {1: 77, 2: 77, 3: 77, 4: 78}
    rows = run_select(tmp_path, parts, urls=urls, documents_a_part=documents_a_part)
    found = {row["text"][0]: (row["reason"], (row["stands"] or [None])[0], row["cluster_size"]) for row in rows}
    assert found == {
        1: ("url_duplicate", 5, 0),
        2: ("url_duplicate", 5, 0),
        3: ("exact_duplicate", 5, 0),
        4: ("near_duplicate", 5, 0),
        5: ("", None, 5),
        6: ("", None, 1),
    }
    assert [row["similarity"] is None for row in rows] == [True, True, False, False, True, True]


def test_a_unit_that_is_done_never_runs_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at any step and called again: the same decisions, and the units before are not run again."""
    texts = [(number, text_of(3 * (number % 5), number % 3)) for number in range(12)]
    parts = [texts[piece::3] for piece in range(3)]
    expected = run_select(tmp_path / "whole", parts, documents_a_part=4, rows_a_range=60)
    ran: list[tuple[int, int]] = []
    run_unit = steps.run_unit
    dies_at = -1

    def dying(desk: Desk, step: int, unit: int) -> None:
        if len(ran) == dies_at:
            raise RuntimeError("killed")
        run_unit(desk, step, unit)
        ran.append((step, unit))

    monkeypatch.setattr(steps, "run_unit", dying)
    for limit in itertools.count(14, 14):
        dies_at = limit
        with contextlib.suppress(RuntimeError):
            again = run_select(tmp_path / "again", parts, documents_a_part=4, rows_a_range=60)
            break
    assert again == expected
    assert len(ran) == len(set(ran))


def test_dedup_can_be_switched_off() -> None:
    recipe = RECIPE.model_copy(update={"dedup": RECIPE.dedup.model_copy(update={"exact": False, "near": False})})
    assert selection.select_fingerprint(recipe, extract="e") != selection.select_fingerprint(RECIPE, extract="e")
