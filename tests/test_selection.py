"""select as a pipeline: equal to the arithmetic on all documents at once, however they are divided."""

import contextlib
import itertools
from collections import Counter
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from corpus import schema
from corpus.recipe import Recipe
from corpus.recipe.parsing import parse_recipe
from corpus.seeds import content_digest
from corpus.storage import ipc
from corpus.storage.run_directory import RunDirectory
from filters.copies import duplicates, minhash
from filters.quality.rules import load_profiles
from pipelines.selection import decision_settings as selection
from pipelines.selection import exchanges
from pipelines.selection.decision_settings import EarlierDecisions, ExchangeName, SelectSettings, SourceRanges, divide
from pipelines.selection.source_losses import source_copies
from pipelines.selection.step_context import Mail
from pipelines.selection.step_files import StepFiles
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


def signals_of(part: Numbered, *, split: int, source: str = "web", urls: dict[int, int] | None = None) -> pa.Table:
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
        "source": [source] * len(texts),
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
            nothing: object = None if field.nullable else {"string": "", "bool": False}.get(str(field.type), 0)
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
    recipe: Recipe | None = None,
    sources: list[str] | None = None,
    settled: int = 0,
    exchange: ExchangeName = "files",
) -> list[dict[str, object]]:
    """Decisions of a real pipeline, with representatives named by text; `sources` are those of the parts.

    What run_select decided before in the same folder about the first `settled` parts stays.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "PART_DOCUMENTS", documents_a_part)
        patch.setattr(selection, "RANGE_ROWS", rows_a_range)
        chosen = recipe or (BY_URL if urls else RECIPE)
        return _run_select(folder, parts, urls, chosen, sources or ["web"] * len(parts), settled, exchange)


def _run_select(
    folder: Path,
    parts: list[Numbered],
    urls: dict[int, int] | None,
    recipe: Recipe,
    sources: list[str],
    settled: int,
    exchange: ExchangeName,
) -> list[dict[str, object]]:
    run = RunDirectory(str(folder))
    extracted, stage = run.stage("extract", "e"), run.stage("select", f"s{settled}")
    tables = [
        signals_of(part, split=number, source=source, urls=urls)
        for number, (part, source) in enumerate(zip(parts, sources, strict=True))
    ]
    for number, table in enumerate(tables):
        ipc.write_table(extracted.output("signals", number), table, table.schema)
    context = SelectSettings.over(
        recipe,
        extracted,
        [len(part) for part in parts],
        item_of_split=np.arange(len(parts), dtype=np.uint32),
        source_of_split=sources,
        settled=EarlierDecisions.of(run.stage("select", "s0"), settled, np.arange(len(parts))) if settled else None,
    )
    with beam.Pipeline(runner="DirectRunner") as pipeline:
        pipeline | Select(stage, context, exchange)
    texts = {
        (number << schema.ROW_BITS) + row: named for number, part in enumerate(parts) for row, named in enumerate(part)
    }
    rows = []
    for number in range(len(parts)):
        decisions = ipc.open_table(stage.output("decisions", number), schema.DECISIONS).to_pylist()
        rows += [
            row | {"text": texts[row["doc_id"]], "stands": texts.get(row["representative"]), "source": sources[number]}
            for row in decisions
        ]
    edges = [record.item for record in stage.records() if "edges" in record.outputs]
    assert edges == [part.start for part in context.parts]
    for item in edges:
        assert stage.record(item).outputs["edges"] == ipc.written(stage.output("edges", item))
    record_counts = [record.counts for record in stage.records()]
    source_of = {row["text"]: row["source"] for row in rows}
    copied = Counter((row["source"], source_of[row["stands"]]) for row in rows if row["stands"] is not None)
    totals = sum((Counter(counts) for counts in record_counts), Counter())
    assert {each.source: each.to for each in source_copies(totals)} == {
        source: {to: number for (mine, to), number in copied.items() if mine == source} for source in source_of.values()
    }
    assert sum(each.passed for each in source_copies(totals)) == len(texts)
    assert sum(counts["documents"] for counts in record_counts) == len(texts)
    assert sum(counts["kept"] + counts["dropped"] for counts in record_counts) == len(texts)
    return rows


@settings(
    max_examples=5, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), min_size=1, max_size=30),
    st.integers(1, 4),
    st.sampled_from(["files", "engine"]),
)
def test_decisions_meet_the_guarantees_and_do_not_depend_on_the_division(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[int, int]], pieces: int, exchange: ExchangeName
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
    again = run_select(
        tmp_path_factory.mktemp("parts"), divided, documents_a_part=5, rows_a_range=100, exchange=exchange
    )
    # G3: ids differ, and with them the rows; every document has the same reason and representative all the same.
    facts = ("text", "kept", "reason", "stands", "similarity", "cluster_size")
    assert sorted(str([row[fact] for fact in facts]) for row in again) == sorted(
        str([row[fact] for fact in facts]) for row in rows
    )


@settings(
    max_examples=5, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6), st.integers(0, 9)), min_size=2, max_size=40),
    st.sampled_from(["files", "engine"]),
    st.data(),
)
def test_what_was_decided_before_an_addition_stays(
    tmp_path_factory: pytest.TempPathFactory,
    made: list[tuple[int, int, int]],
    exchange: ExchangeName,
    data: st.DataObject,
) -> None:
    texts = [(number, text_of(start * 3, changed)) for number, (start, changed, _) in enumerate(made)]
    urls = {number: url for number, (_, _, url) in enumerate(made)}
    begun = data.draw(st.integers(1, len(texts) - 1))
    folder = tmp_path_factory.mktemp("grows")
    before = run_select(folder, [texts[:begun]], urls=urls)
    rows = run_select(folder, [texts[:begun], texts[begun:]], urls=urls, settled=1)
    verdict = ("doc_id", "kept", "reason", "representative", "similarity")
    assert [[row[name] for name in verdict] for row in before] == [
        [row[name] for name in verdict] for row in rows[:begun]
    ]
    kept = {row["doc_id"]: row for row in rows if row["kept"]}
    stands = Counter(row["representative"] for row in rows if not row["kept"])
    for row in rows:
        assert row["kept"] or row["representative"] in kept  # G1
        assert row["cluster_size"] == (1 + stands[row["doc_id"]] if row["kept"] else 0)
    hashes = [urls[row["text"][0]] for row in kept.values()]
    assert len({each for each in hashes if each}) == len([each for each in hashes if each])
    assert len({row["text"][1] for row in kept.values()}) == len(kept)
    signature, _ = minhash.signatures(pa.array([row["text"][1] for row in kept.values()]), permutations=112, shingle=5)
    bands = minhash.bands(signature, bands=14, rows=8)
    for a in range(len(bands)):  # G2
        for b in range(a):
            if (bands[a] == bands[b]).any():
                matches = (minhash.codes_of(signature[a]) == minhash.codes_of(signature[b])).sum()
                assert matches < duplicates.least_matches(0.6, 112)
    halves = [texts[begun::2], texts[begun + 1 :: 2]]  # the new ones divided: same facts (G3)
    again = tmp_path_factory.mktemp("divided")
    run_select(again, [texts[:begun]], urls=urls)
    divided = run_select(
        again,
        [texts[:begun], *halves],
        urls=urls,
        settled=1,
        documents_a_part=5,
        rows_a_range=100,
        exchange=exchange,
    )
    facts = ("text", "kept", "reason", "stands", "similarity", "cluster_size")
    assert sorted(str([row[fact] for fact in facts]) for row in divided) == sorted(
        str([row[fact] for fact in facts]) for row in rows
    )


def test_near_duplicates_decided_in_rounds_are_those_decided_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chains that wind through all parts, the longer text preferred; also where too few rounds leave most of it open."""
    texts = [(number, text_of(number * 2 % 90, 0) + " more" * (number % 11)) for number in range(90)]
    parts = [texts[piece::6] for piece in range(6)]
    expected = run_select(tmp_path / "once", parts, documents_a_part=15, rows_a_range=300)
    assert sum(row["reason"] == "near_duplicate" for row in expected) > 20
    monkeypatch.setattr(selection, "RESOLVED_AT_ONCE", 0)
    for count, exchange in ((1, "files"), (4, "files"), (4, "engine")):
        monkeypatch.setattr(selection, "ROUNDS", count)
        folder = tmp_path / f"{count}-{exchange}"
        assert run_select(folder, parts, documents_a_part=15, rows_a_range=300, exchange=exchange) == expected


def test_of_very_many_documents_parts_and_ranges_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sends to each: their product grows as the documents do, not as their square."""
    monkeypatch.setattr(selection, "DIVIDED_EVENLY", 160)
    monkeypatch.setattr(selection, "PART_DOCUMENTS", 10)
    monkeypatch.setattr(selection, "RANGE_ROWS", 10 * RECIPE.dedup.bands)
    found = []
    for items in (4, 160, 640, 2560):
        parts, first_ids = divide([1] * items, np.arange(items))
        assert len(first_ids) == len(parts)
        assert [item for part in parts for item in part] == list(range(items))
        settings_of = SelectSettings(
            RECIPE, load_profiles(RECIPE), RunDirectory("x").stage("extract", "e"), items, parts, first_ids,
            SourceRanges.of_splits(["web"] * items),
        )  # fmt: skip
        found.append((len(parts), settings_of.ranges))
    assert found == [(1, 1), (16, 16), (32, 32), (64, 64)]


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
    run_at_desk = exchanges.run_at_desk
    dies_at = -1

    def dying(settings: SelectSettings, of_steps: StepFiles, step: int, unit: int, mail: Mail) -> None:
        if len(ran) == dies_at:
            raise RuntimeError("killed")
        run_at_desk(settings, of_steps, step, unit, mail)
        ran.append((step, unit))

    monkeypatch.setattr(exchanges, "run_at_desk", dying)
    for limit in itertools.count(14, 14):
        dies_at = limit
        with contextlib.suppress(RuntimeError):
            again = run_select(tmp_path / "again", parts, documents_a_part=4, rows_a_range=60)
            break
    assert again == expected
    assert len(ran) == len(set(ran))


SOURCES = ("web", "wiki", "books")


def recipe_of(order: list[str], **settings_of: dict[str, bool]) -> Recipe:
    """Three sources with settings of their own."""
    table = {
        "run": {"name": "x"},
        "source": [
            {"name": name, "inputs": ["a"], "profile": "none", "dedup": settings_of.get(name, {})} for name in SOURCES
        ],
        "dedup": {"threshold": 0.6, "order": order},
    }
    return parse_recipe(table, "test")


SOURCE_SETTINGS = st.fixed_dictionaries({}, optional={"exact": st.booleans(), "near": st.booleans()})


@settings(
    max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.sampled_from(SOURCES), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=30),
    st.fixed_dictionaries(dict.fromkeys(SOURCES, SOURCE_SETTINGS)),
    st.permutations(SOURCES),
    st.integers(2, 3),
)
def test_what_sources_do_not_want_is_not_removed(
    tmp_path_factory: pytest.TempPathFactory,
    made: list[tuple[str, int, int]],
    settings_of: dict[str, dict[str, bool]],
    order: list[str],
    pieces: int,
) -> None:
    recipe = recipe_of(order[:2], **settings_of)
    documents = [
        (source, (number, text_of(start * 3, changed))) for number, (source, start, changed) in enumerate(made)
    ]
    whole = [[named for source, named in documents if source == each] for each in SOURCES]
    rows = run_select(tmp_path_factory.mktemp("whole"), whole, recipe=recipe, sources=list(SOURCES))
    exact, near = recipe.deduplicated("exact"), recipe.deduplicated("near")
    text_of_id = {row["doc_id"]: row["text"] for row in rows}
    kept = {row["doc_id"]: row for row in rows if row["kept"]}
    for row in rows:
        if row["kept"]:
            continue
        assert row["source"] in {"exact_duplicate": exact, "near_duplicate": near}[str(row["reason"])]
        assert row["representative"] in kept  # G1
        if row["source"] not in near:  # its text is still there, to the letter
            assert text_of_id[row["representative"]][1] == row["text"][1]
    signature, _ = minhash.signatures(pa.array([row["text"][1] for row in kept.values()]), permutations=112, shingle=5)
    hashes, codes = minhash.bands(signature, bands=14, rows=8), minhash.codes_of(signature)
    removable = [row["source"] in near for row in kept.values()]
    for a, b in itertools.combinations(range(len(hashes)), 2):  # G2
        if (hashes[a] == hashes[b]).any() and (removable[a] or removable[b]):
            assert (codes[a] == codes[b]).sum() < duplicates.least_matches(0.6, 112)
    divided = [
        (source, part[piece::pieces]) for source, part in zip(SOURCES, whole, strict=True) for piece in range(pieces)
    ]
    again = run_select(
        tmp_path_factory.mktemp("parts"),
        [part for _, part in divided],
        documents_a_part=5,
        rows_a_range=100,
        recipe=recipe,
        sources=[source for source, _ in divided],
    )
    facts = ("text", "kept", "reason", "stands", "similarity", "cluster_size")
    assert sorted(str([row[fact] for fact in facts]) for row in again) == sorted(
        str([row[fact] for fact in facts]) for row in rows
    )


@pytest.mark.parametrize("order", [[], ["wiki"], ["books", "wiki"]])
def test_of_copies_the_earlier_source_stays(tmp_path: Path, order: list[str]) -> None:
    """The web's is longer, that of books newer: without an order length decides, then date."""
    text = text_of(0, 0)
    parts: list[Numbered] = [[(1, text + " and some more")], [(2, text)], [(3, text)]]
    rows = run_select(tmp_path, parts, recipe=recipe_of(order), sources=["web", "wiki", "books"])
    assert [row["source"] for row in rows if row["kept"]] == [order[0] if order else "web"]


def test_a_source_without_dedup_by_url_takes_no_part(tmp_path: Path) -> None:
    """Of one URL: an old and a new page of the web, and two rows of books, which are newer still."""
    parts: list[Numbered] = [[(1, text_of(0, 0)), (2, text_of(50, 0))], [(3, text_of(100, 0)), (4, text_of(150, 0))]]
    recipe = recipe_of([], web={"url": True})
    rows = run_select(tmp_path, parts, urls=dict.fromkeys(range(1, 5), 77), recipe=recipe, sources=["web", "books"])
    assert [row["reason"] for row in rows] == ["url_duplicate", "", "", ""]


def test_dedup_can_be_switched_off() -> None:
    recipe = RECIPE.model_copy(update={"dedup": RECIPE.dedup.model_copy(update={"exact": False, "near": False})})
    assert selection.select_fingerprint(recipe, "p", [], None) != selection.select_fingerprint(RECIPE, "p", [], None)
