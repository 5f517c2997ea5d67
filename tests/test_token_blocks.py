"""Blocks are the same however little is held; shards are what `take` made of them; memory is bounded by settings."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.schema import token_blocks_schema, tokens_schema
from corpus.seeds import derive_seed, keyed_hash
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord
from pipelines.stages import token_blocks
from pipelines.stages.packing import plan_shards, shard_batch, shares
from pipelines.stages.token_blocks import TokenBlocks, tokens_of

SMALL = 1 << 16

#: (domain, length of each document): batches as they come, more than one document in some.
batches_strategy = st.lists(
    st.tuples(st.sampled_from(["web.de", "web.en", "web.zh.q1"]), st.lists(st.integers(1, 30), min_size=1, max_size=5)),
    max_size=25,
)


def batch_of(lengths: list[int], first: int, of: pa.Schema) -> pa.RecordBatch:
    """Documents with these numbers of tokens; every value tells which document and column it is of."""
    ids = list(range(first, first + len(lengths)))
    columns = {
        "tokens": [
            [(each * 7 + place) % SMALL for place in range(length)] for each, length in zip(ids, lengths, strict=True)
        ],
        "key": [(each * 2654435761 % (1 << 64)).to_bytes(16, "little") for each in ids],
        "doc_id": ids,
        "source": ["web"] * len(ids),
        "language": ["en" if each % 2 else "de" for each in ids],
        "bytes": [each * 3 for each in ids],
        "quality": [each / 7 for each in ids],
        "tier": [each % 4 for each in ids],
        "repeats": [1 + each % 3 for each in ids],
        "edits": [each * each for each in ids],
    }
    return pa.RecordBatch.from_arrays([pa.array(columns[field.name], field.type) for field in of], schema=of)


def blocks_of(batches: list[tuple[str, list[int]]], *, held_bytes: int) -> list[tuple[str, dict[str, list[object]]]]:
    of, first = token_blocks_schema(SMALL), 0
    with TokenBlocks(of, held_bytes=held_bytes) as blocks:
        for domain, lengths in batches:
            blocks.add(domain, batch_of(lengths, first, of))
            first += len(lengths)
        return [(domain, block.to_pydict()) for domain, block in blocks.in_order()]


@given(batches=batches_strategy, held=st.integers(1, 3000))
def test_blocks_do_not_depend_on_how_much_is_held(batches: list[tuple[str, list[int]]], held: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_blocks, "BLOCK_TOKENS", 40)
        blocks = blocks_of(batches, held_bytes=held)
        assert blocks == blocks_of(batches, held_bytes=1 << 40)
    assert [domain for domain, _ in blocks] == sorted(domain for domain, _ in blocks)
    found: dict[str, list[int]] = {}
    for domain, block in blocks:
        found.setdefault(domain, []).extend(block["doc_id"])
    expected: dict[str, list[int]] = {}
    first = 0
    for domain, lengths in batches:
        expected.setdefault(domain, []).extend(range(first, first + len(lengths)))
        first += len(lengths)
    assert found == expected
    for domain in expected:
        sizes = [sum(map(len, block["tokens"])) for name, block in blocks if name == domain]
        assert all(40 <= size < 40 + 5 * 30 for size in sizes[:-1])
        assert sizes[-1] > 0


def test_a_temporary_file_goes_with_its_blocks_even_after_an_error(tmp_path: Path) -> None:
    of = token_blocks_schema(SMALL)
    with TokenBlocks(of, tmp_path, held_bytes=1) as blocks:
        blocks.add("web.en", batch_of([3], 0, of))
        with pytest.raises(AttributeError):
            blocks.add("web.en", None)
    assert not list(tmp_path.iterdir())


def taken(blocks: list[pa.RecordBatch], seed: int) -> pa.RecordBatch:
    """A shard by `take` on the list, as shards were first made: plain, and four times its tokens in memory."""
    table = pa.Table.from_batches(blocks)
    keys, ids = table["key"].to_pylist(), table["doc_id"].to_pylist()
    order = sorted(range(len(keys)), key=lambda row: (keyed_hash(seed, keys[row]), keys[row], ids[row]))
    return table.take(pa.array(order, pa.int64())).combine_chunks().to_batches()[0]


@pytest.mark.parametrize("vocabulary", [SMALL, SMALL + 1])
@given(
    sizes=st.lists(st.lists(st.integers(1, 20), min_size=1, max_size=9), min_size=1, max_size=6), seed=st.integers(0, 9)
)
def test_a_shard_is_what_take_makes_of_its_blocks(vocabulary: int, sizes: list[list[int]], seed: int) -> None:
    of, first, blocks = tokens_schema(vocabulary), 0, []
    for lengths in sizes:
        whole = batch_of([1, *lengths, 2], first, of)
        blocks.append(whole.slice(1, len(lengths)))  # lists that begin inside a larger buffer
        first += len(lengths) - 1  # the same documents twice: ties in `key` and `doc_id`
    expected = taken(blocks, seed)
    found = shard_batch(blocks, seed=seed)
    assert found.equals(expected)
    assert blocks == []


def test_documents_of_one_key_keep_the_order_of_doc_id() -> None:
    of = tokens_schema(SMALL)
    batch = batch_of([1, 2, 3, 4], 10, of)
    keys = pa.array([b"\xff" * 16, b"\x01" * 16, b"\xff" * 16, b"\xff" * 15 + b"\x00"], of.field("key").type)
    same = pa.RecordBatch.from_arrays([batch.column(0), keys, *batch.columns[2:]], schema=of).slice(0)
    for seed in range(8):
        assert shard_batch([same], seed=seed).equals(taken([same], seed))


def record(item: int, **domains: tuple[int, int]) -> ItemRecord:
    counts = {}
    for domain, (tokens, blocks) in domains.items():
        counts |= {f"tokens.web.{domain}": tokens, f"blocks.web.{domain}": blocks}
    return ItemRecord(item, {}, counts)


def test_a_large_work_item_fills_many_shards() -> None:
    """However large one input is: its blocks are dealt out, each once, to shards that are at most a block too large."""
    records = [record(0, en=(100_000, 25), de=(3_000, 1)), record(1, en=(500, 1))]
    rows = plan_shards(records, target_bytes=2 * 20_000, token_bytes=2, seed=1)
    assert sorted((item, block) for *_, item, block in rows) == [*((0, block) for block in range(26)), (1, 0)]
    sizes = {(0, 0): 3_000, **{(0, block): 4_000 for block in range(1, 26)}, (1, 0): 500}
    shards: dict[tuple[str, int], int] = {}
    for _, domain, shard, item, block in rows:
        shards[domain, shard] = shards.get((domain, shard), 0) + sizes[item, block]
    assert len(shards) == 7
    assert max(shards.values()) <= 20_000 + 4_000
    assert {domain for _, domain, _, item, block in rows if (item, block) == (0, 0)} == {"web.de"}


def test_an_item_s_first_block_keeps_its_place() -> None:
    """The order of blocks of items that have one of a domain is that of shards made before blocks were divided."""
    rows = plan_shards([record(item, en=(10, 1)) for item in range(20)], target_bytes=1 << 30, token_bytes=2, seed=4)
    assert [row[3] for row in rows] == sorted(range(20), key=lambda item: derive_seed(4, "pack", "web.en", item))


@given(total=st.integers(1, 1 << 50), parts=st.integers(1, 50))
def test_shares_add_up(total: int, parts: int) -> None:
    found = shares(total, parts)
    assert sum(found) == total
    assert max(found) - min(found) <= 1


PEAK = """
import re, sys
from pathlib import Path
import numpy as np, pyarrow as pa
from corpus.schema import tokens_schema
from pipelines.stages.packing import shard_batch

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) << 10

of, length, documents, blocks = tokens_schema(1 << 16), 1000, 2048, 16
random = np.random.default_rng(0)
for block in range(blocks):
    with pa.ipc.new_file(f"{sys.argv[1]}/{block}.arrow", of) as writer:
        values = random.integers(0, 60_000, length * documents, np.uint16)
        offsets = np.arange(documents + 1, dtype=np.int64) * length
        lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values), type=of.field("tokens").type)
        columns = {
            "key": pa.array([random.bytes(16) for _ in range(documents)], of.field("key").type),
            "source": pa.array(["web"] * documents), "language": pa.array(["en"] * documents),
        }
        zeros = pa.array(np.zeros(documents, np.uint8))
        others = [columns[field.name] if field.name in columns else zeros.cast(field.type) for field in list(of)[1:]]
        writer.write_batch(pa.RecordBatch.from_arrays([lists, *others], schema=of))
tokens = 2 * length * documents * blocks

def read(block):
    return pa.ipc.open_file(pa.memory_map(f"{sys.argv[1]}/{block}.arrow")).get_batch(0)

shard_batch([read(0)], seed=0)  # what is loaded at first use
before = peak()
shard_batch([read(block) for block in range(blocks)], seed=0)
print((peak() - before) / tokens)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads a process's peak of memory from /proc")
def test_a_shard_takes_hardly_more_than_its_tokens(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PEAK, tmp_path], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.6


def test_tokens_of_a_slice() -> None:
    batch = batch_of([3, 4, 5], 0, tokens_schema(SMALL))
    assert tokens_of(batch) == 12
    assert [tokens_of(batch.slice(1, 2)), tokens_of(batch.slice(2))] == [9, 5]
    assert np.array(batch.slice(1, 1).column("tokens").to_pylist()).shape == (1, 4)


@pytest.mark.parametrize("rows", [0, 1, 4, 5, 8, 9])
def test_a_table_is_written_in_batches_of_bounded_rows(tmp_path: Path, rows: int) -> None:
    table = pa.table({"number": pa.array(range(rows), pa.int64()), "words": pa.array([["a"] * n for n in range(rows)])})
    url = str(tmp_path / "rows.arrow")
    assert ipc.write_table(url, table, table.schema, most_rows=4).rows == rows
    batches = list(ipc.batches_of(url))
    assert [batch.num_rows for batch in batches] == [4] * (rows // 4) + [rows % 4] * (rows % 4 > 0)
    assert ipc.open_table(url).equals(table)
