"""The records of a stage: columns and back, one file of a complete stage, and what counts as not done."""

import json
import uuid
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stores
from corpus.errors import DamageError
from corpus.storage import files
from corpus.storage.ipc import Written
from corpus.storage.item_records import ItemRecord, Records
from corpus.storage.run_directory import COMPACT, RunDirectory, Stage
from corpus.storage.run_names import KINDS

counts = st.dictionaries(st.text(max_size=8), st.integers(-(1 << 40), 1 << 60), max_size=5)
outputs = st.dictionaries(
    st.sampled_from(sorted(KINDS - {"shards"})),
    st.builds(Written, rows=st.integers(0, 1 << 40), bytes=st.integers(0, 1 << 50), digest=st.text("0123456789abcdef")),
    max_size=4,
)
records = st.lists(
    st.builds(ItemRecord, item=st.integers(0, 1 << 31), outputs=outputs, counts=counts),
    unique_by=lambda record: record.item,
    max_size=12,
)


def made(items: int) -> list[ItemRecord]:
    """Records as stages have them: some counts in all, some in few, an output that only one has."""
    found = []
    for item in range(items):
        counted = {"documents": item * 3, "kept": item, f"tokens.docs-{item % 7}/en": item}
        written = {
            "documents": Written(item, 100 + item, f"{item:032x}"),
            f"shards/{item:016x}/docs.en/00000.arrow": Written(1, 2, "ab"),
        }
        found.append(ItemRecord(item, written, counted))
    return found


@pytest.fixture(params=["local", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "run") if request.param == "local" else f"memory://{uuid.uuid4().hex}"


@settings(deadline=None)
@given(listed=records)
def test_records_come_back_from_columns_and_their_file(
    tmp_path_factory: pytest.TempPathFactory, listed: list[ItemRecord]
) -> None:
    url = str(tmp_path_factory.mktemp("records") / "records.arrow")
    in_order = sorted(listed, key=lambda record: record.item)
    columns = Records.of(listed)
    written = columns.write(url)
    assert Records.of(reversed(listed)).write(url) == written
    for found in (columns, Records.read(url)):
        assert list(found) == in_order
        assert found.items.tolist() == [record.item for record in in_order]
        assert [found.record(record.item) for record in listed] == listed
        assert all(record.item in found for record in listed)
        assert (1 << 31) + 1 not in found
        names = {name for record in listed for name in record.counts}
        assert found.totals() == {name: sum(record.counts.get(name, 0) for record in listed) for name in names}
        for name in [*names, "never"]:
            assert found.counts(name).tolist() == [record.counts.get(name, 0) for record in in_order]
    half = in_order[len(in_order) // 2].item if in_order else 0
    below = [record for record in listed if record.item < half]
    assert columns.totals(below=half) == Records.of(below).totals()


def test_a_complete_stage_is_one_file(root: str) -> None:
    stage = RunDirectory(root).stage("extract", "f" * 16)
    for record in made(30):
        stage.finish(record)
    found = stage.read_records()
    assert not found.stored
    stage.compact(found)
    again = stage.read_records()
    assert again.stored
    assert list(again) == list(found) == list(stage.records()) == made(30)
    assert stage.finished() == list(range(30))


def test_a_record_that_was_deleted_is_not_done_whatever_the_file_says(root: str) -> None:
    stage = RunDirectory(root).stage("extract", "f" * 16)
    for record in made(10):
        stage.finish(record)
    stage.compact(stage.read_records())
    stage.run.remove(["stages/extract/ffffffffffffffff/00003.json"])
    found = stage.read_records()
    assert 3 not in found
    assert len(found) == 9
    stage.forget_compact()
    stage.forget_compact()
    again = ItemRecord(3, {}, {"documents": 12345})
    stage.finish(again)
    assert stage.read_records().record(3) == again


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 300, b"{", b"[]", b'{"item": 4}', b'{"item": 3, "counts": {"a": "x"}, "outputs": {}}']
)
def test_a_record_that_says_nothing_is_an_item_that_is_not_done(root: str, data: bytes) -> None:
    stage = RunDirectory(root).stage("extract", "f" * 16)
    for record in made(6):
        stage.finish(record)
    files.write_bytes(stage.file("00003.json"), data)
    found = stage.read_records()
    assert found.items.tolist() == [0, 1, 2, 4, 5]
    assert found.unreadable == (3,)
    with pytest.raises(DamageError, match=r"00003\.json.*build again"):
        list(stage.records())
    stage.finish(made(6)[3])
    assert list(stage.read_records()) == made(6)


def test_another_items_record_is_none_of_this_one(root: str) -> None:
    stage = RunDirectory(root).stage("extract", "f" * 16)
    files.write_bytes(stage.file("00003.json"), made(6)[4].to_json())
    assert stage.read_records().unreadable == (3,)


def test_a_damaged_file_of_records_is_passed_over(root: str) -> None:
    stage = RunDirectory(root).stage("extract", "f" * 16)
    for record in made(20):
        stage.finish(record)
    stage.compact(stage.read_records())
    whole = files.read_bytes(stage.file(COMPACT))
    random = np.random.default_rng(1)
    for cut in (0, 1, len(whole) // 2, len(whole) - 1, *random.integers(0, len(whole), 10).tolist()):
        files.write_bytes(stage.file(COMPACT), whole[:cut])
        assert list(stage.read_records()) == made(20)
    files.write_bytes(stage.file(COMPACT), json.dumps({"a": 1}).encode())
    assert list(stage.read_records()) == made(20)


def test_a_stage_without_records_has_none(root: str) -> None:
    stage = RunDirectory(root).stage("extract", "f" * 16)
    assert list(stage.read_records()) == []
    assert stage.read_records().totals() == {}
    stage.compact(stage.read_records())
    assert list(Records.read(stage.file(COMPACT))) == []


def test_the_requests_for_all_records(bucket: str, proxied: stores.Proxy) -> None:
    """A listing is a request for a thousand names; with the one file, two more."""
    stage: Stage = RunDirectory(f"{bucket}/run").stage("extract", "f" * 16)
    for record in made(150):
        stage.finish(record)
    proxied.forget()
    found = stage.read_records()
    assert proxied.count <= 150 + 2
    assert 2 <= proxied.most_at_once <= 32
    stage.compact(found)
    proxied.forget()
    assert list(stage.read_records()) == made(150)
    assert proxied.count <= 4
