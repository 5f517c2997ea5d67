"""splits.arrow: an item reads the batch that holds it, and files without a list of batches are read as before."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import stores
from corpus import schema
from corpus.sources import splits
from corpus.sources.records import Fields, Split
from corpus.sources.splits import InputFile, make_splits, read_splits, write_splits
from corpus.storage import ipc


def made(sizes: list[int]) -> pa.Table:
    """As many files of these sizes, in work items of 1000 bytes."""
    files = [
        InputFile(0, "docs", "web", "text", f"s3://b/{n:06d}.txt", size, bytes(16), False, f"{n:06d}.txt", Fields())
        for n, size in enumerate(sizes)
    ]
    return make_splits(files, {0: 1000})


def expected(table: pa.Table) -> dict[int, list[Split]]:
    wanted = [field.name for field in dataclasses.fields(Split)]
    found: dict[int, list[Split]] = {}
    for item, row in zip(table["item"].to_pylist(), table.select(wanted).to_pylist(), strict=True):
        found.setdefault(item, []).append(Split(**{**row, "fields": Fields(*row["fields"])}))
    return found


@pytest.mark.parametrize("batch", [1, 2, 5, 64, 10_000])
@pytest.mark.parametrize("sizes", [[], [1], [1000] * 9, [1] * 300, "mixed"])
def test_every_item_has_its_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: list[int] | str, batch: int
) -> None:
    monkeypatch.setattr(splits, "BATCH_SPLITS", batch)
    listed = np.random.default_rng(1).integers(1, 700, 200).tolist() if isinstance(sizes, str) else sizes
    table = made(listed)
    new, old = str(tmp_path / "new.arrow"), str(tmp_path / "old.arrow")
    write_splits(new, table)
    ipc.write_table(old, table, schema.SPLITS)  # as it was before it had a list of batches
    of_item = expected(table)
    for url in (new, old):
        assert ipc.open_table(url, schema.SPLITS).equals(table)
        for item in range(len(of_item) + 2):
            assert read_splits(url, item) == of_item.get(item, [])


def test_an_item_reads_its_own_batch(bucket: str, proxied: stores.Proxy) -> None:
    url = f"{bucket}/splits.arrow"
    table = made([100] * 30_000)
    written = write_splits(url, table)
    of_item = expected(table)
    for item in (0, 1500, 2999):
        proxied.forget()
        assert read_splits(url, item) == of_item[item]
        assert proxied.count <= 4
        assert proxied.sent_bytes < written.bytes / 10
