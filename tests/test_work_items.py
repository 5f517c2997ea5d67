"""Work items on Beam: one whose record is there does not run again, however often a runner gives it out."""

from pathlib import Path

import apache_beam as beam
import pytest

from corpus.storage.run_directory import ItemRecord, RunDirectory, Stage
from pipelines.running.work_items import RunItems, recorded, write_pending

RAN: list[int] = []


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    RAN.clear()
    return RunDirectory(str(tmp_path)).stage("extract", "f")


def work(stage: Stage, item: int, settings: object) -> ItemRecord:
    RAN.append(item)
    if item == settings:
        raise RuntimeError("preempted")
    return ItemRecord(item, {}, {"documents": item})


def run(stage: Stage, items: list[int], settings: object = None) -> dict[str, int]:
    """Beam's counters of a pipeline over items."""
    pipeline = beam.Pipeline(runner="DirectRunner")
    pipeline | RunItems(stage, write_pending(stage, items), work, settings)
    result = pipeline.run()
    result.wait_until_finish()
    return {each.key.metric.name: each.committed for each in result.metrics().query()["counters"]}


def test_of_a_bundle_that_is_given_out_again_only_what_has_no_record_runs(stage: Stage) -> None:
    with pytest.raises(RuntimeError, match="preempted"):
        run(stage, [0, 1, 2, 3], settings=2)
    done = [item for item in range(4) if recorded(stage, item) is not None]
    RAN.clear()
    counted = run(stage, [0, 1, 2, 3])
    assert sorted(RAN) == sorted({0, 1, 2, 3} - set(done))
    assert stage.finished() == [0, 1, 2, 3]
    assert counted["documents"] == 6  # what an item that was done before counted, counts once


def test_an_item_that_another_worker_finished_meanwhile_does_not_run(stage: Stage) -> None:
    """The list of pending items was written before."""
    record = ItemRecord(1, {}, {"documents": 100})
    stage.finish(record)
    counted = run(stage, [0, 1, 1, 2, 2])
    assert sorted(RAN) == [0, 2]
    assert stage.record(1) == record
    assert counted["documents"] == 100 + 100 + 2 + 2


def test_a_record_that_cannot_be_read_is_none(stage: Stage) -> None:
    stage.finish(ItemRecord(0, {}, {}))
    Path(stage.file("00000.json")).write_bytes(b"")
    assert recorded(stage, 0) is None
    run(stage, [0])
    assert RAN == [0]
    assert stage.record(0).counts == {"documents": 0}
