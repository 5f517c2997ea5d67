"""Blocks of tokens: what one domain has in a work item, put together from small batches while little of it is in memory.

A block is closed with the batch that takes it to BLOCK_TOKENS, so that a shard of `shards.target_bytes` is filled by many, however
large the input that a work item reads. Blocks come out by domain, but documents do not come in by it, so beyond HELD_BYTES
everything held goes to a temporary file, and is read from there block by block.

Invariant: the blocks depend on the batches alone, not on how much of them was ever held.
Cost: HELD_BYTES of rows, and a block twice; of larger items one more write and read of the tokens on a local disk.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import pyarrow as pa

BLOCK_TOKENS = 1 << 22
HELD_BYTES = 64 << 20

#: A batch in memory, or its number in the temporary file.
_Piece: TypeAlias = pa.RecordBatch | int


class TokenBlocks:
    """Batches of `of`, whose first column is `tokens`, by domain. A context manager: at its end the temporary file goes."""

    def __init__(self, of: pa.Schema, folder: Path | None = None, *, held_bytes: int = HELD_BYTES) -> None:
        """`folder`: where the temporary file lies; None: where the system keeps such files."""
        self._of, self._folder, self._most = of, folder, held_bytes
        self._blocks: dict[str, list[list[_Piece]]] = {}
        self._open_tokens: dict[str, int] = {}
        self._held_bytes = 0
        self._spill: _Spill | None = None
        self._closing = ExitStack()

    def __enter__(self) -> "TokenBlocks":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def add(self, domain: str, batch: pa.RecordBatch) -> None:
        """More documents of a domain, after those that it has."""
        tokens = tokens_of(batch)
        blocks = self._blocks.setdefault(domain, [])
        if not self._open_tokens.get(domain):
            blocks.append([])
        blocks[-1].append(batch)
        self._open_tokens[domain] = self._open_tokens.get(domain, 0) + tokens
        if self._open_tokens[domain] >= BLOCK_TOKENS:
            self._open_tokens[domain] = 0
        self._held_bytes += batch.nbytes
        if self._held_bytes >= self._most:
            self._spill_all()

    def in_order(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """(domain, block), domains by name, documents in the order in which they came. Gives everything away: once only."""
        for domain in sorted(self._blocks):
            blocks = self._blocks.pop(domain)
            blocks.reverse()
            while blocks:
                yield domain, self._joined(blocks.pop())

    def _joined(self, pieces: list[_Piece]) -> pa.RecordBatch:
        batches = [self._read(each) for each in pieces]
        return batches[0] if len(batches) == 1 else pa.concat_batches(batches)

    def _read(self, piece: _Piece) -> pa.RecordBatch:
        if not isinstance(piece, int):
            return piece
        assert self._spill is not None
        return self._spill.read(piece)

    def _spill_all(self) -> None:
        if self._spill is None:
            self._spill = self._closing.enter_context(_Spill(self._of, self._folder))
        for blocks in self._blocks.values():
            for pieces in blocks:
                held = [each for each in pieces if not isinstance(each, int)]
                if held:
                    # What was spilled of a block comes before what is held of it.
                    pieces[len(pieces) - len(held) :] = [self._spill.write(pa.concat_batches(held))]
        self._held_bytes = 0


class _Spill:
    """A temporary Arrow file: first written, then read."""

    def __init__(self, of: pa.Schema, folder: Path | None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix=".", suffix=".tmp")  # noqa: SIM115  # closed by __exit__
        self._writer: pa.RecordBatchFileWriter | None = pa.ipc.new_file(pa.PythonFile(self._file, mode="w"), of)
        self._reader: pa.RecordBatchFileReader | None = None
        self._written = 0

    def __enter__(self) -> "_Spill":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
        self._file.close()

    def write(self, batch: pa.RecordBatch) -> int:
        """The batch's number. Only until something was read."""
        assert self._writer is not None
        self._writer.write_batch(batch)
        self._written += 1
        return self._written - 1

    def read(self, number: int) -> pa.RecordBatch:
        if self._reader is None:
            assert self._writer is not None
            self._writer.close()
            self._writer = None
            # Read and not mapped: pages of a mapped file would count as this process's until all of it is let go.
            self._reader = pa.ipc.open_file(pa.PythonFile(self._file, mode="r"))
        return self._reader.get_batch(number)


def tokens_of(batch: pa.RecordBatch) -> int:
    """How many tokens a batch has."""
    offsets = batch.column("tokens").offsets
    return int(offsets[len(offsets) - 1].as_py()) - int(offsets[0].as_py())
