"""How the steps of select send each other rows: by files and by the engine the same decisions, whatever runs twice, and never fewer rows."""

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from hypothesis import given
from hypothesis import strategies as st

from corpus import schema
from corpus.columns import numpy_dtype
from corpus.errors import DamageError
from corpus.recipe.parsing import parse_recipe
from corpus.storage import ipc
from corpus.storage.ipc import Written
from corpus.storage.run_directory import RunDirectory, Stage
from pipelines.running.runners import pipeline_options
from pipelines.selection import decision_settings as selection
from pipelines.selection import exchanges
from pipelines.selection.decision_settings import ExchangeName, LineInputs, SelectSettings
from pipelines.selection.exchanges import Placed, blocks_of, default_exchange, rows_of, run_unit
from pipelines.selection.sent_rows import PAIRS
from pipelines.selection.step_context import Kind, Step, StepContext
from pipelines.selection.step_files import FileMail, StepFiles
from pipelines.selection.step_order import step_files, steps_of
from pipelines.selection.steps import Select, forget_steps, run_everything
from pipelines.stages.lines import line_counts, lines_batch
from test_selection import signals_of, text_of

#: Of what is made here, of the form that a fingerprint has.
MARK = "5" * 16

#: Every step there is: copies by URL, text and signature, rounds of resolving, lines whose preferred document keeps them.
RECIPE = parse_recipe(
    {
        "run": {"name": "x"},
        "source": [{"name": "web", "inputs": ["a"], "profile": "none"}],
        "dedup": {"threshold": 0.6, "url": True, "lines": {"weight": 4, "site": 2, "corpus": 3, "keep": "preferred"}},
    },
    "test",
)

DOCUMENTS, ITEMS = 60, 4


@dataclass(frozen=True)
class Made:
    """A run whose signals and lines are there."""

    stage: Stage
    settings: SelectSettings

    def again(self, folder: Path) -> "Made":
        """The same in a folder of its own."""
        shutil.copytree(self.stage.run.url, folder)
        run = RunDirectory(str(folder))
        lines = self.settings.lines
        assert lines is not None
        moved = replace(
            self.settings,
            signals=run.stage("extract", "e"),
            lines=replace(lines, stage=run.stage("lines", "l")),
        )
        return Made(run.stage("select", MARK), moved)

    def decisions(self) -> dict[str, str]:
        """Digests of what select wrote, byte by byte."""
        folder = Path(self.stage.run.url)
        paths = [path for kind in ("decisions", "edges") for path in sorted((folder / kind).rglob("*.arrow"))]
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Small parts, ranges and stretches, with copies of each kind among them."""
    folder = tmp_path_factory.mktemp("made")
    run = RunDirectory(str(folder))
    rng = np.random.default_rng(7)
    texts = [
        text_of(int(rng.integers(0, 12)) * 3, int(rng.integers(0, 7))) + "\nMenu of this site" * (number % 2)
        for number in range(DOCUMENTS)
    ]
    lengths = []
    for item in range(ITEMS):
        named = [(number, texts[number]) for number in range(item, DOCUMENTS, ITEMS)]
        table = signals_of(named, split=item, urls={number: number % 25 + 1 for number in range(DOCUMENTS)})
        ipc.write_table(run.stage("extract", "e").output("signals", item), table, table.schema)
        urls = pa.array([f"https://{'ab'[number % 2]}.org/{number}" for number, _ in named])
        columns = [table["doc_id"].combine_chunks(), urls, pa.array([text for _, text in named], pa.large_string())]
        lines = pa.Table.from_batches(
            [lines_batch(pa.RecordBatch.from_arrays(columns, names=["doc_id", "url", "text"]), 4)]
        )
        lengths.append(line_counts(lines)["lines"])
        ipc.write_table(run.stage("lines", "l").output("lines", item), lines, schema.LINES)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"PART_DOCUMENTS": 16, "RANGE_ROWS": 250, "STRETCH_LINES": 15}.items():
            patch.setattr(selection, name, value)
        patch.setattr(selection, "RESOLVED_AT_ONCE", 0)
        patch.setattr(selection, "ROUNDS", 2)
        settings = SelectSettings.over(
            RECIPE,
            run.stage("extract", "e"),
            [DOCUMENTS // ITEMS] * ITEMS,
            item_of_split=np.arange(ITEMS, dtype=np.uint32),
            source_of_split=["web"] * ITEMS,
        )
        lines_of = LineInputs.divide(run.stage("lines", "l"), lengths, settings.parts)
        found = Made(run.stage("select", MARK), replace(settings, lines=lines_of))
        assert (len(settings.parts), settings.ranges, settings.rounds) == (4, 4, 2)
        assert (len(lines_of.stretches), lines_of.ranges > 0) == (4, True)
        yield found


@pytest.fixture(scope="module")
def expected(made: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of one unit after another in this process."""
    whole = made.again(tmp_path_factory.mktemp("whole") / "run")
    run_everything(whole.stage, whole.settings)
    reasons = {
        reason
        for item in range(ITEMS)
        for reason in ipc.open_table(whole.stage.output("decisions", item))["reason"].to_pylist()
    }
    assert reasons >= {"", "url_duplicate", "exact_duplicate", "near_duplicate"}
    cuts = [ipc.open_table(whole.stage.output("decisions", item))["line_cuts"].to_pylist() for item in range(ITEMS)]
    assert any(row for rows in cuts for row in rows)
    found = whole.decisions()
    assert len(found) == 2 * ITEMS
    return found


def piped(made: Made, exchange: ExchangeName, *options: str) -> None:
    with beam.Pipeline(options=PipelineOptions(["--runner=DirectRunner", *options])) as pipeline:
        pipeline | Select(made.stage, made.settings, exchange)


TWO_PROCESSES = ("--direct_num_workers=2", "--direct_running_mode=multi_processing")


@pytest.mark.parametrize("options", [(), TWO_PROCESSES], ids=["one", "two"])
@pytest.mark.parametrize("exchange", ["files", "engine"])
def test_decisions_are_the_same_byte_by_byte(
    made: Made, expected: dict[str, str], tmp_path: Path, exchange: ExchangeName, options: tuple[str, ...]
) -> None:
    again = made.again(tmp_path / "run")
    piped(again, exchange, *options)
    assert again.decisions() == expected
    sent = {path.parent.name for path in (tmp_path / "run" / "exchange").rglob("*.rows")}
    notes = {kind.name for step in steps_of(made.settings) for kind in step.notes}
    assert (sent == notes) == (exchange == "engine")
    forget_steps(again.stage)
    assert not (tmp_path / "run" / "exchange").exists()
    assert sorted(path.name for path in (tmp_path / "run" / "stages" / "select" / MARK).iterdir()) == [
        f"{item:05d}.json" for item in range(ITEMS)
    ]


def test_the_order_in_which_blocks_come_does_not_matter(
    made: Made, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of two rows at most, shuffled before every unit."""
    monkeypatch.setattr(exchanges, "BLOCK_BYTES", 32)
    rng = random.Random(5)
    mail_of = exchanges.BlockMail

    def shuffled(of_steps: StepFiles, step: int, unit: int, came: Any) -> Any:
        blocks = list(came)
        rng.shuffle(blocks)
        return mail_of(of_steps, step, unit, blocks)

    monkeypatch.setattr(exchanges, "BlockMail", shuffled)
    again = made.again(tmp_path / "run")
    piped(again, "engine")
    assert again.decisions() == expected


# ------------------------------------------------------------------------------------------------ twice, and late


def begun(made: Made) -> StepFiles:
    of_steps = step_files(made.stage, made.settings)
    of_steps.begin(made.settings.to_json())
    return of_steps


def test_every_unit_run_twice_changes_nothing(made: Made, expected: dict[str, str], tmp_path: Path) -> None:
    """As a runner does that speculates: the second time without a record, after others have read what the first wrote."""
    again = made.again(tmp_path / "run")
    of_steps = begun(again)
    for step, declared in enumerate(of_steps.steps):
        said: list[dict[str, Written]] = []
        for _ in range(2):
            for unit in range(declared.units):
                mail = FileMail(of_steps, step, unit)
                declared.run(StepContext(again.settings, again.stage, declared, unit, mail))
                of_steps.finish(step, unit, mail.outputs)
                said.append(mail.outputs)
        assert said[: declared.units] == said[declared.units :]
        of_steps.close(step)
    assert again.decisions() == expected
    names = [path.name.split("-")[0] for path in (tmp_path / "run" / "exchange").rglob("near/*.rows")]
    assert len(names) == len(set(names))


def _work(made: Made, together: Any, *, backwards: bool) -> None:
    """Runs every unit of each step, whatever another worker does; all workers begin a step together."""
    of_steps = step_files(made.stage, made.settings)
    for step, declared in enumerate(of_steps.steps):
        together.wait(60)
        for unit in sorted(range(declared.units), reverse=backwards):
            mail = FileMail(of_steps, step, unit)
            declared.run(StepContext(made.settings, made.stage, declared, unit, mail))
            of_steps.finish(step, unit, mail.outputs)
        together.wait(60)
        of_steps.close(step)


def test_two_workers_at_once_change_nothing(made: Made, expected: dict[str, str], tmp_path: Path) -> None:
    """Both run all units of each step, one from the first on, the other from the last, and both finish it."""
    again = made.again(tmp_path / "run")
    settings = SelectSettings.from_json(again.settings.to_json())  # with the division that was made here
    shared = Made(again.stage, settings)
    step_files(shared.stage, settings).begin(settings.to_json())
    context = get_context("spawn")
    together = context.Barrier(2)
    workers = [
        context.Process(target=_work, args=(shared, together), kwargs={"backwards": backwards})
        for backwards in (False, True)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert again.decisions() == expected


def test_a_late_writer_of_other_rows_replaces_nothing(made: Made, expected: dict[str, str], tmp_path: Path) -> None:
    """A unit writes other rows after its step is finished, as a worker might that read half of its input."""
    again = made.again(tmp_path / "run")
    of_steps = begun(again)
    for step, declared in enumerate(of_steps.steps):
        for unit in range(declared.units):
            run_unit(again.settings, of_steps, step, unit)
        of_steps.close(step)
        for kind in (*declared.sends, *declared.notes):
            nothing = {
                field.name: np.zeros((1, field.type.byte_width), np.uint8)
                if pa.types.is_fixed_size_binary(field.type)
                else np.zeros(1, numpy_dtype(field.type))
                for field in kind.schema
            }
            written = of_steps.write(kind, step, 0, nothing, np.zeros(1, np.int64))
            of_steps.finish(step, 0, {kind.name: written})
        of_steps.close(step)
    assert again.decisions() == expected


def test_a_unit_that_is_done_needs_what_it_received_no_more(made: Made, tmp_path: Path) -> None:
    """A runner gives a unit out again after its input was deleted: nothing is read, nothing written."""
    again = made.again(tmp_path / "run")
    run_everything(again.stage, again.settings)
    of_steps = step_files(again.stage, again.settings)
    before = again.decisions()
    shutil.rmtree(tmp_path / "run" / "exchange" / MARK / "files" / "bands")
    for step, declared in enumerate(of_steps.steps):
        for unit in range(declared.units):
            run_unit(again.settings, of_steps, step, unit)
    assert again.decisions() == before


# ------------------------------------------------------------------------------------------------ damage

KINDS = [
    *(
        "documents",
        "url-keys",
        "url",
        "text-keys",
        "text",
        "bands",
        "pairs",
        "crowded",
        "candidates",
        "crowds",
        "edges",
    ),
    *("watched", "news-1", "open-1", "gone-2", "left", "near", "url-followed", "final-url", "final-text", "stays"),
    *("lines-site", "lines-corpus", "shared-site", "keepers-corpus", "kept-site", "line-cuts"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_gone_are_an_error_never_other_decisions(made: Made, tmp_path: Path, kind: str) -> None:
    """The file of each sender of a kind in turn, just after it was sent; the error names it."""
    again = made.again(tmp_path / "run")
    of_steps = begun(again)
    names = [kind.name for step in of_steps.steps for kind in (*step.sends, *step.notes)]
    assert kind in names
    last = max(
        number
        for number, step in enumerate(of_steps.steps)
        if kind in {each.name for each in (*step.sends, *step.notes)}
    )
    for step in range(last + 1):
        for unit in range(of_steps.steps[step].units):
            run_unit(again.settings, of_steps, step, unit)
        of_steps.close(step)
    for number, path in enumerate(sorted((tmp_path / "run" / "exchange" / MARK / "files" / kind).iterdir())):
        folder = tmp_path / f"again-{number}"
        copy = made_at(again, folder)
        gone = folder / path.relative_to(tmp_path / "run")
        gone.unlink()
        with pytest.raises(DamageError, match=gone.name):
            run_everything(copy.stage, copy.settings)
        shutil.rmtree(folder)


def made_at(made: Made, folder: Path) -> Made:
    """A copy of a run that has begun; its settings name the folder that they were begun with."""
    shutil.copytree(made.stage.run.url, folder)
    run = RunDirectory(str(folder))
    lines = made.settings.lines
    assert lines is not None
    settings = replace(
        made.settings, signals=run.stage("extract", "e"), lines=replace(lines, stage=run.stage("lines", "l"))
    )
    (folder / "exchange" / MARK / "files" / "settings.json").write_bytes(settings.to_json())
    return Made(run.stage("select", MARK), settings)


@pytest.mark.parametrize("what", ["table", "record", "unit"])
def test_a_step_that_does_not_name_all_its_units_is_an_error(made: Made, tmp_path: Path, what: str) -> None:
    again = made.again(tmp_path / "run")
    of_steps = begun(again)
    for unit in range(of_steps.steps[0].units):
        run_unit(again.settings, of_steps, 0, unit)
    if what == "record":
        Path(of_steps.records.file("00002.json")).unlink()
        with pytest.raises(DamageError, match=r"00002.json: does not say what the unit of judge sent"):
            of_steps.close(0)
        return
    of_steps.close(0)
    table = tmp_path / "run" / "exchange" / MARK / "files" / "steps" / "judge.arrow"
    if what == "table":
        table.unlink()
    else:
        rows = ipc.open_table(str(table)).filter(pa.array([True, False, True, True]))
        ipc.write_table(str(table), rows, rows.schema)
    with pytest.raises(DamageError, match=r"judge.arrow: (is gone|does not name)"):
        run_unit(again.settings, of_steps, 1, 0)


def test_a_record_that_a_power_cut_left_empty_is_none(made: Made, expected: dict[str, str], tmp_path: Path) -> None:
    again = made.again(tmp_path / "run")
    of_steps = begun(again)
    for unit in range(of_steps.steps[0].units):
        run_unit(again.settings, of_steps, 0, unit)
    Path(of_steps.records.file("00001.json")).write_bytes(b"")
    run_everything(again.stage, again.settings)
    assert again.decisions() == expected


def test_a_selection_of_other_settings_begins_anew(made: Made, expected: dict[str, str], tmp_path: Path) -> None:
    """Say of another version, which divides the documents otherwise: units of before are not those of now."""
    again = made.again(tmp_path / "run")
    other = replace(again.settings, documents=again.settings.documents * 10)
    assert other.ranges != again.settings.ranges
    of_steps = step_files(again.stage, other)
    of_steps.begin(other.to_json())
    for step in range(3):
        for unit in range(of_steps.steps[step].units):
            run_unit(other, of_steps, step, unit)
        of_steps.close(step)
    run_everything(again.stage, again.settings)
    assert again.decisions() == expected


# ------------------------------------------------------------------------------------------------ deletion


def test_rows_go_when_the_steps_that_read_them_are_finished(
    made: Made, expected: dict[str, str], tmp_path: Path
) -> None:
    again = made.again(tmp_path / "run")
    of_steps = begun(again)
    folder = tmp_path / "run" / "exchange" / MARK / "files"
    most = 0
    for step, declared in enumerate(of_steps.steps):
        for unit in range(declared.units):
            run_unit(again.settings, of_steps, step, unit)
        of_steps.sweep()
        there = {path.name for path in folder.iterdir()} - {"steps", "settings.json"}
        later = {kind for each in of_steps.steps[step:] for kind in (*each.receives, *each.noted)}
        sent = {kind.name for each in of_steps.steps[: step + 1] for kind in (*each.sends, *each.notes)}
        assert there >= sent & later
        of_steps.close(step)
        of_steps.sweep()
        there = {path.name for path in folder.iterdir()} - {"steps", "settings.json"}
        assert there - {kind.name for kind in (*declared.sends, *declared.notes)} <= later
        most = max(most, len(there))
    assert 3 < most < len(KINDS)
    assert again.decisions() == expected


# ------------------------------------------------------------------------------------------------ declarations and blocks


def test_a_step_gets_and_gives_what_it_declares_alone(made: Made) -> None:
    step = Step("one", lambda context: None, 1, receives=("a",), noted=("b",))
    context = StepContext(made.settings, made.stage, step, 0, mail=None)  # type: ignore[arg-type]
    calls: list[Callable[[], object]] = [
        lambda: context.receive("b"),
        lambda: context.noted("a", 0),
        lambda: context.send("a", {}, np.empty(0, np.int64)),
        lambda: context.note("b", {}),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="step one does not declare"):
            call()


def test_kinds_are_sent_before_they_are_received(made: Made) -> None:
    known: set[str] = set()
    for step in steps_of(made.settings):
        optional = {"news-0", "open-0"}
        assert {*step.receives, *step.noted} <= known | optional
        known |= {kind.name for kind in (*step.sends, *step.notes)}
    assert known == {*KINDS, *("news-2", "open-2", "gone-1", "shared-corpus", "keepers-site", "kept-corpus")}


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 99)), max_size=30), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_blocks_arrive_sorted_and_a_lost_or_doubled_one_is_an_error(
    sent: list[list[tuple[int, int]]], rng: random.Random
) -> None:
    kind = Kind("pairs", PAIRS, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchanges, "BLOCK_BYTES", 48)
        blocks: list[tuple[int, pa.RecordBatch]] = []
        for sender, rows in enumerate(sent):
            values = np.array([value for _, value in rows], np.uint64)
            receiver = np.array([to for to, _ in rows], np.int64)
            blocks += blocks_of(kind, sender, {"first": values, "second": values + 1}, receiver)
    rng.shuffle(blocks)
    for receiver in range(4):
        mine = [block for to, block in blocks if to == receiver]
        found, sender = rows_of(kind, mine)
        expected = [(number, value) for number, rows in enumerate(sent) for to, value in rows if to == receiver]
        assert list(zip(sender.tolist(), found["first"].tolist(), strict=True)) == expected
        assert found["second"].tolist() == [value + 1 for _, value in expected]
        assert all(block.num_rows <= 3 for block in mine)
        for place, block in enumerate(mine):
            others = [*mine, block] if place % 2 else [each for each in mine if each is not block]
            of_sender = [each for each in others if _sender(each) == _sender(block)]
            if of_sender:  # of a sender of which nothing comes there is nothing to see: that is the engine's word
                with pytest.raises(DamageError, match="lost or doubled rows of kind pairs"):
                    rows_of(kind, others)


def _sender(block: pa.RecordBatch) -> int:
    return exchanges.Stamp.read(block).sender


def test_settings_travel_whole(made: Made, tmp_path: Path) -> None:
    again = made.again(tmp_path / "run")
    of_steps = begun(again)
    loaded, steps = Placed.of(again.settings, of_steps, "files").open()
    assert loaded.to_json() == again.settings.to_json()
    assert loaded.profiles == again.settings.profiles
    assert loaded.lines is not None
    assert loaded.lines.stretches == again.settings.lines.stretches
    assert [step.name for step in steps.steps] == [step.name for step in of_steps.steps]
    url = Path(again.stage.run.url) / "exchange" / MARK / "files" / "settings.json"
    placed = Placed.of(again.settings, of_steps, "files")
    url.write_bytes(url.read_bytes().replace(b'"documents": 60', b'"documents": 61'))
    exchanges._opened.cache_clear()
    from corpus.storage import digested_file

    digested_file._local.cache_clear()
    with pytest.raises(DamageError, match=r"settings.json: XXH3-128 is"):
        placed.open()


@pytest.mark.parametrize(
    ("options", "exchange"),
    [
        ([], "files"),
        (["--runner=DirectRunner"], "files"),
        (["--runner=PrismRunner"], "engine"),
        (["--runner=PortableRunner", "--job_endpoint=localhost:1"], "engine"),
        (["--runner=SparkRunner"], "engine"),
        (["--runner=FlinkRunner"], "engine"),
    ],
)
def test_the_exchange_that_suits_a_runner(options: list[str], exchange: str) -> None:
    assert default_exchange(pipeline_options(options, workers=1, pending=1)) == exchange
