"""The display of a build: what it counts of a stage's records."""

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from corpus.storage.run_directory import ItemRecord, RunDirectory, Stage
from pipelines.running import progress
from pipelines.running.progress import StageWatch


def test_items_of_the_same_stage_that_others_made_are_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`train-tokenizer` draws the sample in its first items and trains in the last: it was "3 of 1 items"."""
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.01)
    monkeypatch.setattr(progress, "POLL_SECONDS", 0.02)
    stage = Stage(RunDirectory(str(tmp_path)), "train-tokenizer", "0" * 16)
    for item in range(3):
        stage.finish(ItemRecord(item, {}, {"documents": 10}))
    said = io.StringIO()

    def wait_for(words: str) -> None:
        deadline = time.monotonic() + 30
        while words not in said.getvalue():
            assert time.monotonic() < deadline, said.getvalue()
            time.sleep(0.01)

    with StageWatch(Console(file=said, width=100), stage, items=[3], done=0):
        wait_for("0 of 1 items")
        stage.finish(ItemRecord(3, {}, {"documents": 7}))
        wait_for("1 of 1 items, 7 documents")
    assert "3 of" not in said.getvalue()
