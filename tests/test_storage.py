"""Files: whole or not there, the same on disk and behind a URL; damage is an error of one line that names the file."""

import dataclasses
import json
import uuid
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus import schema
from corpus.errors import DamageError, RunDirectoryError
from corpus.storage import files, ipc
from corpus.storage.ipc import Written
from corpus.storage.run_directory import ItemRecord, RunDirectory

COLUMNS = pa.schema(
    [pa.field("number", pa.int64()), pa.field("text", pa.string()), pa.field("list", pa.list_(pa.uint8()))]
)
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

table_rows = st.lists(
    st.tuples(
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.one_of(st.none(), st.text(max_size=9)),
        st.lists(st.integers(0, 255), max_size=3),
    ),
    max_size=30,
)


def table_of(rows: list[tuple[int, str | None, list[int]]]) -> pa.Table:
    columns = [pa.array([row[n] for row in rows], field.type) for n, field in enumerate(COLUMNS)]
    return pa.table(columns, schema=COLUMNS)


@pytest.fixture(params=["local", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder on disk, and one behind an fsspec URL."""
    return str(tmp_path / "run") if request.param == "local" else f"memory://{uuid.uuid4().hex}"


def everything(root: str) -> list[str]:
    filesystem, path = fsspec.core.url_to_fs(root)
    return (
        sorted(name.removeprefix(path).lstrip("/") for name in filesystem.find(path)) if filesystem.exists(path) else []
    )


# Whole files or none


def test_a_file_appears_whole_and_nothing_else_does(root: str) -> None:
    url = files.join(root, "a", "b.bin")
    with files.atomic_writer(url) as sink:
        for part in (b"one", bytearray(b"two"), memoryview(b"three")):
            sink.write(part)
            assert not files.exists(url)
    assert files.read_bytes(url) == b"onetwothree"
    assert files.size(url) == sink.written_bytes == 11
    assert sink.digest() == xxhash.xxh3_128_digest(b"onetwothree")
    assert everything(root) == ["a/b.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_no_file(root: str, error: type[BaseException]) -> None:
    url = files.join(root, "b.bin")
    with pytest.raises(error), files.atomic_writer(url) as sink:  # noqa: PT012
        sink.write(b"half")
        raise error
    assert everything(root) == []
    files.write_bytes(url, b"whole")
    assert files.read_bytes(url) == b"whole"


def test_an_exception_leaves_the_old_file(root: str) -> None:
    url = files.join(root, "b.bin")
    files.write_bytes(url, b"old")
    with pytest.raises(RuntimeError), files.atomic_writer(url) as sink:  # noqa: PT012
        sink.write(b"new and half")
        raise RuntimeError
    assert files.read_bytes(url) == b"old"
    files.write_bytes(url, b"new")
    assert files.read_bytes(url) == b"new"
    assert everything(root) == ["b.bin"]


def test_a_batch_of_the_wrong_schema_leaves_no_file(root: str) -> None:
    url = files.join(root, "t.arrow")
    good = table_of([(1, "a", [])]).to_batches()[0]
    bad = good.rename_columns(["number", "other", "list"])
    with pytest.raises(ValueError, match=r"t\.arrow"):
        ipc.write_batches(url, COLUMNS, [good, bad])
    assert everything(root) == []


def test_what_a_writer_wrote_is_known_only_afterwards(root: str) -> None:
    with (
        ipc.batch_writer(files.join(root, "t.arrow"), COLUMNS) as writer,
        pytest.raises(ValueError, match="not finished"),
    ):
        _ = writer.written
    assert writer.written.rows == 0


# Listing


def test_glob_size_exists_and_names(root: str) -> None:
    for name in ("c.txt", "a.txt", "b.bin", "sub/d.txt"):
        files.write_bytes(files.join(root, name), name.encode())
    found = files.glob(files.join(root, "*.txt"))
    assert [name.rpartition("/")[2] for name in found] == ["a.txt", "c.txt"]
    assert [files.read_bytes(name) for name in found] == [b"a.txt", b"c.txt"]
    assert len(files.glob(files.join(root, "**", "*.txt"))) == 3
    assert files.glob(files.join(root, "*.none")) == []
    assert files.glob(files.join(root, "absent.txt")) == []
    assert len(files.glob(files.join(root, "a.txt"))) == 1
    assert files.glob(files.join(root, "sub")) == []  # a folder is no input
    assert files.size(files.join(root, "sub", "d.txt")) == 9
    assert files.exists(files.join(root, "a.txt"))
    assert not files.exists(files.join(root, "z.txt"))
    assert files.names(root) == ["a.txt", "b.bin", "c.txt"]
    assert files.folder_names(root) == ["sub"]
    assert files.names(files.join(root, "none")) == files.folder_names(files.join(root, "none")) == []


def test_the_digest_of_head_and_tail_is_that_of_its_definition(root: str) -> None:
    random = np.random.default_rng(1)
    mib = 1 << 20
    for size in (0, 1, mib - 1, mib, mib + 1, 2 * mib, 2 * mib + 7, 3 * mib):
        data = random.bytes(size)
        url = files.join(root, "x")
        files.write_bytes(url, data)
        tail = data[max(mib, size - mib) :]
        expected = xxhash.xxh3_128_digest(size.to_bytes(8, "little") + data[:mib] + tail)
        assert files.head_tail_digest(url) == expected, size


# Arrow files


@RELAXED
@given(rows=table_rows, compression=st.sampled_from([None, "zstd", "lz4"]))
def test_a_table_comes_back_and_its_record_is_true(
    tmp_path: Path, rows: list[tuple[int, str | None, list[int]]], compression: str | None
) -> None:
    url, table = str(tmp_path / "t.arrow"), table_of(rows)
    written = ipc.write_table(url, table, COLUMNS, compression=compression)
    data = Path(url).read_bytes()
    assert written == Written(rows=len(rows), bytes=len(data), digest=xxhash.xxh3_128_hexdigest(data))
    assert ipc.open_table(url, COLUMNS).equals(table)
    assert ipc.write_table(url, table, COLUMNS, compression=compression) == written  # bytes are a function of the rows
    for columns in (["text"], ["list", "number"], []):
        assert ipc.open_table(url, COLUMNS, columns=columns).equals(table.select(columns))


def test_tables_behind_a_url(root: str) -> None:
    url = files.join(root, "t.arrow")
    table = table_of([(1, "a", [1]), (2, None, [])])
    ipc.write_table(url, table, COLUMNS)
    assert ipc.open_table(url, COLUMNS).equals(table)
    assert ipc.open_table(url, columns=["text", "number"]).equals(table.select(["text", "number"]))
    assert ipc.open_reader(url).num_record_batches == 1


def test_metadata_of_a_schema_is_no_difference(tmp_path: Path) -> None:
    url = str(tmp_path / "t.arrow")
    ipc.write_batches(url, COLUMNS.with_metadata({"settings": "x"}), [])
    assert ipc.open_table(url, COLUMNS).num_rows == 0


@pytest.mark.parametrize("columns", [None, ["number"]])
@pytest.mark.parametrize("other", [schema.SPLITS, COLUMNS.set(0, pa.field("number", pa.int32())), COLUMNS.remove(2)])
def test_another_schema_is_damage(root: str, columns: list[str] | None, other: pa.Schema) -> None:
    url = files.join(root, "t.arrow")
    ipc.write_batches(url, COLUMNS, [])
    with pytest.raises(DamageError, match=r"t\.arrow"):
        ipc.open_table(url, other, columns=columns)


def test_a_column_that_is_not_there_is_damage(tmp_path: Path) -> None:
    url = str(tmp_path / "t.arrow")
    ipc.write_batches(url, COLUMNS, [])
    with pytest.raises(DamageError, match="no column 'language'"):
        ipc.open_table(url, columns=["number", "language"])


@pytest.mark.parametrize("columns", [None, ["number", "text"]])
def test_garbage_and_cut_files_are_damage(root: str, columns: list[str] | None) -> None:
    url = files.join(root, "t.arrow")
    ipc.write_table(url, table_of([(n, str(n), [n % 256]) for n in range(2000)]), COLUMNS)
    whole = files.read_bytes(url)
    random = np.random.default_rng(2)
    bad = [b"", b"x", b"ARROW1\0\0", b"ARROW1\0\0" + bytes(99) + b"ARROW1", random.bytes(5000), whole[:-1], whole[8:]]
    for data in [*bad, *(whole[:cut] for cut in random.integers(0, len(whole), 40).tolist())]:
        files.write_bytes(url, data)
        with pytest.raises(DamageError, match=r"t\.arrow") as caught:
            ipc.open_table(url, COLUMNS, columns=columns)
        assert "\n" not in str(caught.value)
    with pytest.raises(DamageError):
        ipc.open_table(f"{url}.none", COLUMNS, columns=columns)


def test_a_flipped_bit_is_damage_or_a_value_and_never_another_error(tmp_path: Path) -> None:
    """A length with a flipped bit asked for four petabytes, which is a MemoryError to Python."""
    url = tmp_path / "t.arrow"
    ipc.write_table(str(url), table_of([(n, str(n), [n % 256]) for n in range(500)]), COLUMNS)
    whole = url.read_bytes()
    random = np.random.default_rng(3)
    caught = 0
    for place in random.integers(0, len(whole), 600).tolist():
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(random.integers(8))
        url.write_bytes(damaged)
        try:
            ipc.open_table(str(url), COLUMNS)
        except DamageError:
            caught += 1
    assert caught > 20  # a flip in a value is seen by the digest in the item's record alone


# Run directories

counts = st.dictionaries(st.text(max_size=8), st.integers(0, 1 << 60), max_size=5)
outputs = st.dictionaries(
    st.sampled_from(["documents", "signals", "tokenizer", f"shards/{16 * 'a'}/docs.zh_Hant.q2.x3/00017.arrow"]),
    st.builds(Written, rows=st.integers(0, 1 << 40), bytes=st.integers(0, 1 << 50), digest=st.text("0123456789abcdef")),
)


@given(record=st.builds(ItemRecord, item=st.integers(0, 1 << 31), outputs=outputs, counts=counts))
def test_a_record_comes_back(record: ItemRecord) -> None:
    assert ItemRecord.from_json(record.to_json(), "x") == record


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{}", b"[]", b"null", b"3", b"\xff", b'{"item": 1'),
        b'{"item": 1, "outputs": [], "counts": {}}',
        b'{"item": 1, "outputs": {"a": 3}, "counts": {}}',
        b'{"item": 1, "outputs": {"a": {"rows": 1}}, "counts": {}}',
        *(
            b'{"item": 1, "outputs": {"%s": {"rows": 1, "bytes": 1, "digest": "ab"}}, "counts": {}}' % name
            for name in (
                b"shards/../../victim",
                b"/etc/passwd",
                b"shards",
                b"documents/",
                b"shards/x/y/00000.arrow",
                b"",
            )
        ),
        b'{"item": -1, "outputs": {}, "counts": {}}',
        b'{"item": "../1", "outputs": {}, "counts": {}}',
        b'{"item": true, "outputs": {}, "counts": {}}',
        b'{"item": 1, "outputs": {}, "counts": {"kept": "many"}}',
        b'{"item": 1, "outputs": {"documents": {"rows": "x", "bytes": 1, "digest": "ab"}}, "counts": {}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_record_is_damage(data: bytes) -> None:
    with pytest.raises(DamageError, match=r"00001\.json"):
        ItemRecord.from_json(data, "stages/extract/0/00001.json")


def test_an_item_is_done_when_its_record_is_there(root: str) -> None:
    stage = RunDirectory(root).stage("extract", "f" * 16)
    assert stage.finished() == []
    made = [
        ItemRecord(item=item, outputs={"documents": Written(1, 2, "ab")}, counts={"kept": item})
        for item in (12, 0, 100_000)
    ]
    for record in made:
        stage.finish(record)
    files.write_bytes(stage.file("pending.arrow"), b"no record")
    files.write_bytes(stage.file("notes.json"), b"no record either")
    assert stage.finished() == [0, 12, 100_000]
    assert list(stage.records()) == sorted(made, key=lambda record: record.item)
    assert RunDirectory(root).stage("extract", "0" * 16).finished() == []


def test_manifests_name_the_current_stage(root: str) -> None:
    run = RunDirectory(root)
    assert not run.has_stage("plan")
    with pytest.raises(RunDirectoryError, match="plan"):
        run.current_stage("plan")
    run.write_stage_manifest("plan", {"fingerprint": "abc" + 13 * "0", "Ü": ["书"]})
    assert run.has_stage("plan")
    assert run.stage_manifest("plan") == {"fingerprint": "abc" + 13 * "0", "Ü": ["书"]}
    assert run.current_stage("plan") == run.stage("plan", "abc" + 13 * "0")
    run.remove_stage_manifest("plan")
    assert not run.has_stage("plan")


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, bytes(200)),
        *(b"{}", b'{"fingerprint": 3}', b'{"fingerprint": "../../victim"}', b'{"fingerprint": "/etc"}'),
    ],
)
def test_a_manifest_that_cannot_be_read_is_of_a_stage_that_is_not_finished(root: str, data: bytes) -> None:
    """As after a power cut: the next build makes it again from the records."""
    run = RunDirectory(root)
    files.write_bytes(run.path("stages", "plan.json"), data)
    assert not run.has_stage("plan")
    assert run.has_torn_manifest("plan")
    with pytest.raises(RunDirectoryError, match="plan is not finished"):
        run.current_stage("plan")
    with pytest.raises(RunDirectoryError, match=r"phases/plan\.json"):
        run.read_json("phases", "plan.json")
    run.remove_stage_manifest("plan")
    assert not run.has_torn_manifest("plan")


def test_older_fingerprints_go_and_nothing_else_does(root: str) -> None:
    run = RunDirectory(root)
    old, new, other = (16 * digit for digit in "012")
    for stage in (run.stage("extract", old), run.stage("extract", new)):
        files.write_bytes(stage.output("documents", 0), b"d")
        stage.finish(ItemRecord(0, {}, {}))
    files.write_bytes(run.stage("select", other).output("decisions", 0), b"d")
    run.write_json({"a": 1}, "recipe.json")
    assert run.remove_superseded(run.stage("extract", new), ("documents", "signals")) == []
    assert everything(root) == [
        f"decisions/{other}/00000.arrow",
        f"documents/{new}/00000.arrow",
        "recipe.json",
        f"stages/extract/{new}/00000.json",
    ]
    assert run.read_json("recipe.json") == {"a": 1}


def test_json_does_not_depend_on_the_order_of_keys(tmp_path: Path) -> None:
    write: Callable[[dict[str, int], str], None] = RunDirectory(str(tmp_path)).write_json
    write({"a": 1, "b": 2}, "x.json")
    write({"b": 2, "a": 1}, "y.json")
    assert (tmp_path / "x.json").read_bytes() == (tmp_path / "y.json").read_bytes()
    record = ItemRecord(1, {}, {"b": 1, "a": 2})
    assert record.to_json() == dataclasses.replace(record, counts={"a": 2, "b": 1}).to_json()
    assert json.loads(record.to_json())["counts"] == {"a": 2, "b": 1}
