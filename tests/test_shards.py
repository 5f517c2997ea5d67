"""The shard format: what any reader of Arrow, and a reader with NumPy alone, finds in the file."""

import io

import fsspec
import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import DamageError
from corpus.schema import tokens_schema
from corpus.storage.files import DigestingWriter
from corpus.storage.shards import ALIGNMENT, ShardLayout, read_shard, write_shard

Documents = list[list[int]]

SMALL, LARGE = 1 << 16, (1 << 16) + 1

documents_strategy = st.lists(st.lists(st.integers(0, SMALL - 1), min_size=1, max_size=40), min_size=1, max_size=30)


def batch_of(documents: Documents, *, vocabulary_size: int = SMALL) -> pa.RecordBatch:
    rows = range(len(documents))
    columns = [
        documents,
        [bytes([row % 256] * 16) for row in rows],
        list(rows),
        ["source-" + "x" * (row % 5) for row in rows],
        ["zh" if row % 2 else "en" for row in rows],
        [row * 3 for row in rows],
        [row / 7 for row in rows],
        [row % 4 for row in rows],
        [1 + row % 3 for row in rows],
    ]
    schema = tokens_schema(vocabulary_size)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def written(batch: pa.RecordBatch, metadata: dict[str, str] | None = None) -> tuple[bytes, ShardLayout]:
    file = io.BytesIO()
    layout = write_shard(file, batch, metadata or {})
    return file.getvalue(), layout


def numpy_read(data: bytes, layout: ShardLayout) -> Documents:
    tokens = np.frombuffer(data, layout.token_dtype, layout.tokens, layout.token_offset)
    bounds = np.frombuffer(data, "<i8", layout.documents + 1, layout.boundary_offset)
    return [part.tolist() for part in np.split(tokens, bounds[1:-1])]


@given(documents=documents_strategy, metadata=st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=9)))
def test_arrow_and_numpy_read_what_was_written(documents: Documents, metadata: dict[str, str]) -> None:
    metadata.pop("pad", None)
    batch = batch_of(documents)
    data, layout = written(batch, metadata)
    table = pa.ipc.open_file(pa.BufferReader(data)).read_all()
    assert table.replace_schema_metadata(None).equals(pa.Table.from_batches([batch]))
    kept = {name.decode(): value.decode() for name, value in table.schema.metadata.items()}
    assert kept.pop("pad").strip() == ""
    assert kept == metadata
    assert numpy_read(data, layout) == documents
    assert layout.token_offset % ALIGNMENT == 0
    assert (layout.documents, layout.tokens) == (len(documents), sum(map(len, documents)))
    assert (layout.file_bytes, layout.digest) == (len(data), xxhash.xxh3_128_digest(data))


@given(documents=documents_strategy, data=st.data())
def test_bytes_do_not_depend_on_the_batch_the_rows_came_from(documents: Documents, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(documents) - 1))
    end = data.draw(st.integers(begin + 1, len(documents)))
    whole = batch_of(documents)
    alone = pa.RecordBatch.from_arrays(
        [pa.array(column.to_pylist(), column.type) for column in whole.slice(begin, end - begin).columns],
        schema=whole.schema,
    )
    assert written(whole.slice(begin, end - begin)) == written(alone)


def test_a_list_over_sliced_values_is_read_from_its_own_beginning() -> None:
    schema = tokens_schema(SMALL)
    values = pa.array(range(100), pa.uint16())[10:]
    tokens = pa.LargeListArray.from_arrays(pa.array([5, 7, 12], pa.int64()), values, type=schema.field("tokens").type)
    batch = pa.RecordBatch.from_arrays([tokens, *batch_of([[1], [2]]).columns[1:]], schema=schema)
    assert numpy_read(*written(batch)) == [[15, 16], [17, 18, 19, 20, 21]]


def test_the_order_of_metadata_does_not_reach_the_file() -> None:
    batch = batch_of([[1, 2], [3]])
    assert written(batch, {"a": "1", "b": "2"}) == written(batch, {"b": "2", "a": "1"})


def test_a_vocabulary_over_16_bits_is_stored_in_32(tmp_path) -> None:
    data, layout = written(batch_of([[70_000, 1], [2]], vocabulary_size=LARGE))
    assert layout.token_dtype == "uint32"
    assert numpy_read(data, layout) == [[70_000, 1], [2]]


def test_paths_fsspec_files_and_small_writes_give_the_same_bytes(tmp_path) -> None:
    batch = batch_of([list(range(1000)), [1]])
    data, layout = written(batch, {"a": "b"})
    assert write_shard(tmp_path / "path.arrow", batch, {"a": "b"}) == layout
    assert (tmp_path / "path.arrow").read_bytes() == data
    with fsspec.open("memory://shards/one.arrow", "wb") as remote:
        assert write_shard(remote, batch, {"a": "b"}) == layout
    assert fsspec.filesystem("memory").cat("/shards/one.arrow") == data
    digesting = DigestingWriter(io.BytesIO())
    assert write_shard(digesting, batch, {"a": "b"}) == layout
    assert digesting.digest() == layout.digest

    class Reluctant(io.BytesIO):
        def write(self, piece, /) -> int:
            return super().write(memoryview(piece)[:7])

    reluctant = Reluctant()
    write_shard(reluctant, batch, {"a": "b"})
    assert reluctant.getvalue() == data


def test_tokens_reach_the_file_without_a_second_copy_in_memory(tmp_path) -> None:
    values = np.zeros(8 << 20, np.uint16)
    schema = tokens_schema(SMALL)
    tokens = pa.LargeListArray.from_arrays(
        pa.array([0, len(values)], pa.int64()), pa.array(values), type=schema.field("tokens").type
    )
    batch = pa.RecordBatch.from_arrays([tokens, *batch_of([[1]]).columns[1:]], schema=schema)
    before = pa.default_memory_pool().max_memory()
    write_shard(tmp_path / "big.arrow", batch, {})
    assert pa.default_memory_pool().max_memory() - before < 1 << 20


def test_what_is_no_shard_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="at least one document"):
        written(batch_of([[1]]).slice(0, 0))
    with pytest.raises(ValueError, match="without tokens"):
        written(batch_of([[1], [], [2]]))
    with pytest.raises(ValueError, match="'pad' is taken"):
        written(batch_of([[1]]), {"pad": ""})
    with pytest.raises(ValueError, match="columns of"):
        written(batch_of([[1]]).drop_columns(["key"]))
    nothing = pa.array([None], pa.uint64())
    with pytest.raises(ValueError, match="no nulls"):
        written(
            pa.RecordBatch.from_arrays(
                [*batch_of([[1]]).columns[:2], nothing, *batch_of([[1]]).columns[3:]], schema=tokens_schema(SMALL)
            )
        )


def test_reading_maps_the_file_and_names_it_when_it_is_damaged(tmp_path) -> None:
    path = tmp_path / "shard.arrow"
    write_shard(path, batch_of([[1, 2], [3]]), {})
    allocated = pa.total_allocated_bytes()
    assert read_shard(path).column("tokens").to_pylist() == [[1, 2], [3]]
    assert pa.total_allocated_bytes() - allocated < 1 << 10

    whole = path.read_bytes()
    other = pa.table({"a": [1]})
    two = tmp_path / "two.arrow"
    for name, data in {"cut": whole[:-20], "empty": b"", "text": b"no arrow file at all"}.items():
        (tmp_path / name).write_bytes(data)
    with pa.ipc.new_file(str(tmp_path / "other"), other.schema) as writer:
        writer.write_table(other)
    with pa.ipc.new_file(str(two), tokens_schema(SMALL)) as writer:
        for _ in range(2):
            writer.write_batch(batch_of([[1]]))
    for name in ("cut", "empty", "text", "other", "two.arrow", "missing"):
        with pytest.raises(DamageError) as caught:
            read_shard(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)
