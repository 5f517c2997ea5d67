"""Record batches between Beam's workers: as Arrow IPC, the rows of a slice alone, in one process and in two."""

import pickle
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam import coders
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.typehints.native_type_compatibility import convert_to_beam_type
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import DamageError
from pipelines.beam.coder import RecordBatchCoder

CODER = RecordBatchCoder()

COLUMNS = {
    "numbers": pa.array(range(100_000), pa.uint64()),
    "some null": pa.array([None if number % 3 else number for number in range(100_000)], pa.int32()),
    "true": pa.array([number % 5 == 0 for number in range(100_000)]),
    "texts": pa.array([f"text {number}" for number in range(100_000)]),
    "large texts": pa.array([f"text {number}" for number in range(100_000)], pa.large_string()),
    "bytes": pa.array([bytes(112)] * 100_000, pa.binary(112)),
    "lists": pa.array([[number] * 3 for number in range(100_000)], pa.list_(pa.uint32())),
    "fixed lists": pa.array([[number] * 14 for number in range(100_000)], pa.list_(pa.uint64(), 14)),
    "structs": pa.array([{"a": number, "b": "x"} for number in range(100_000)]),
    "lists of structs": pa.array([[{"a": number, "b": "x"}] for number in range(100_000)]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_slice_encodes_to_its_own_size(name: str) -> None:
    whole = pa.record_batch({name: COLUMNS[name]})
    few = whole.slice(60_007, 10)
    alone = pa.record_batch({name: pa.array(few.column(0).to_pylist(), COLUMNS[name].type)})
    encoded = CODER.encode(few)
    assert len(encoded) <= len(CODER.encode(alone)) + 64
    assert CODER.decode(encoded).equals(few)
    assert len(pickle.dumps(few)) > 10 * len(encoded)  # what Beam would do without a coder


@given(st.lists(st.integers(0, 2**64 - 1)), st.integers(0, 5), st.integers(0, 5), st.text(max_size=5))
def test_what_is_decoded_is_what_was_encoded_metadata_too(
    values: list[int], begin: int, length: int, named: str
) -> None:
    batch = pa.record_batch({"value": pa.array(values, pa.uint64())}).slice(min(begin, len(values)), length)
    batch = batch.replace_schema_metadata({"kind": named})
    found = CODER.decode(CODER.encode(batch))
    assert found.equals(batch, check_metadata=True)
    assert CODER.encode(found) == CODER.encode(batch)


def test_other_bytes_are_damage() -> None:
    encoded = CODER.encode(pa.record_batch({"value": [1, 2, 3]}))
    for data in (b"", b"abc", encoded[:-40], encoded[: len(encoded) // 2]):
        with pytest.raises(DamageError, match="arrived damaged"):
            CODER.decode(data)


def test_it_is_the_coder_of_record_batches() -> None:
    assert isinstance(coders.registry.get_coder(pa.RecordBatch), RecordBatchCoder)
    pair = coders.registry.get_coder(convert_to_beam_type(tuple[int, pa.RecordBatch]))
    encoded = pair.encode((7, pa.record_batch({"value": np.arange(100_000)}).slice(5, 2)))
    assert len(encoded) < 1_000
    assert pair.decode(encoded)[1].column(0).to_pylist() == [5, 6]


def _slices(number: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    whole = pa.record_batch({"value": np.arange(1_000_000)})
    for begin in range(number, number + 40, 10):
        yield begin % 3, whole.slice(begin, 10)


def _sums(element: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[tuple[int, int, int]]:
    """Key, sum of the values, bytes of the largest buffer that a batch holds."""
    batches = list(element[1])
    values = [value for batch in batches for value in batch.column(0).to_pylist()]
    yield element[0], sum(values), max(buffer.size for batch in batches for buffer in batch.column(0).buffers()[1:])


@pytest.mark.parametrize(
    "options", [[], ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]], ids=["one", "two"]
)
def test_batches_are_grouped_by_the_engine(options: list[str]) -> None:
    """Through a GroupByKey: no batch arrives with the million rows that it was cut from."""
    sums: dict[int, int] = {}
    for number in range(0, 4_000, 1_000):
        for key, batch in _slices(number):
            sums[key] = sums.get(key, 0) + sum(batch.column(0).to_pylist())

    def check(found: list[Any]) -> None:
        equal_to(sorted(sums.items()))([(key, total) for key, total, _ in found])
        assert max(size for _, _, size in found) < 10_000

    with beam.Pipeline(options=PipelineOptions(["--runner=DirectRunner", *options])) as pipeline:
        found = (
            pipeline
            | beam.Create(range(0, 4_000, 1_000))
            | beam.Reshuffle()
            | beam.FlatMap(_slices).with_output_types(tuple[int, pa.RecordBatch])
            | beam.GroupByKey()
            | beam.FlatMap(_sums).with_output_types(tuple[int, int, int])
        )
        assert_that(found, check)
