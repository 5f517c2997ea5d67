"""Parquet rows by row groups; only the mapped columns are read, in a process that the file may end (corpus.sources.fence).

A range owns the row groups whose first byte lies in it; the range with the file's first byte owns what is wrong with the
file as a whole. A row without text is a Loss of its own. Where a row group ends its reader, for what a crafted page does or
for memory, it is read again in smaller batches, and then row by row; from the row on that no process lives through, the
group is one Loss, and so are the row groups behind MAX_ENDED of them. `offset` is the row's number in the file.
Memory of the process: MEMORY_BYTES and four records of the largest size; here, one record or 8 MiB of rows.
"""

import datetime
import functools
import itertools
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from corpus.reasons import Reason
from corpus.sources.fence import Fence, FenceError, TaskError
from corpus.sources.json_values import misspelt
from corpus.sources.planned import opened
from corpus.sources.records import Item, Limits, Loss, Split, Text, renamed
from corpus.storage import files

#: Rows that are read at once: first, after an accident, and after each further end of the process.
BATCH_ROWS = (256, 256, 16, 1)
#: Processes that one split may end.
MAX_ENDED = 40
MEMORY_BYTES = 512 << 20
#: For a batch of rows, or a footer: some hundred times what a good one takes.
PROCESSOR_SECONDS = 60.0
_TASK = "corpus.sources.parquet_rows:parquet_rows"


@functools.cache
def _fence(memory_bytes: int) -> Fence:
    return Fence(_TASK, processor_seconds=PROCESSOR_SECONDS, memory_bytes=memory_bytes)


def read_parquet(split: Split, limits: Limits, stream: BinaryIO | None = None) -> Iterator[Item]:
    """Every row that the split owns."""
    if split.file_bytes == 0 and split.begin == 0:
        yield Loss(0, 0, Reason.NOT_AN_ARCHIVE, "the file is empty")
    if split.begin >= split.end:
        return
    with opened(split, stream) as given:
        yield from _Reading(split, limits, given).items()


def row_groups(url: str, file_bytes: int) -> list[tuple[int, int]]:
    """The ranges that own a file's row groups, one each and together the file; [(0, file_bytes)] of a file without a footer."""
    begins: list[int] = []
    try:
        with files.open_read(url) as stream:
            for answer in _fence(MEMORY_BYTES).ask({"edges": True, "file_bytes": file_bytes}, stream):
                begins = answer.header["begins"]
    except (FenceError, TaskError, OSError):
        begins = []
    edges = [0, *sorted(begins)[1:], file_bytes]
    return list(itertools.pairwise(edges))


def _check_names(split: Split, columns: list[str]) -> None:
    """Raises InputError for a column that the recipe names and the file has not."""
    for field, name in renamed(split.fields).items():
        if name not in columns and not any(column.startswith(f"{name}.") for column in columns):
            raise misspelt(split.file, field, name, columns, "no column is called")


class _Reading:
    """A split that is being read: where it is, and what it has cost."""

    def __init__(self, split: Split, limits: Limits, stream: BinaryIO) -> None:
        self._split, self._limits, self._stream = split, limits, stream
        self._fence = _fence(MEMORY_BYTES + 4 * limits.max_record_bytes)
        self._group: dict[str, Any] = {"group": 0, "begin": split.begin, "end": split.end, "row": 0}
        self._begun = False  # a row group
        self._done = 0  # rows of it
        self._tries = self._ended = 0
        self._lost_to = 0  # bytes before this one are in a Loss, if in any

    def items(self) -> Iterator[Item]:
        while self._ended <= MAX_ENDED:
            try:
                yield from self._asked()
                return
            except TaskError as error:
                if self._begun:
                    self._group = {**self._group, "end": self._split.end}
                    yield self._rest(Reason.DAMAGED_MEMBER, str(error))
                else:
                    yield from self._no_footer(str(error))
                return
            except FenceError as error:
                self._ended += 1
                self._tries += 1
                if self._tries < (len(BATCH_ROWS) if self._begun else 2):
                    continue
                if not self._begun:
                    yield from self._no_footer(str(error))
                    return
                yield self._rest(Reason.DAMAGED_MEMBER, f"{error}, {self._tries} times")
                self._go_to({**self._group, "group": self._group["group"] + 1})
        begin = max(self._group["end"], self._lost_to)
        if begin < self._split.end:
            detail = f"not read: {self._ended} readers ended in the row groups before"
            yield Loss(begin, self._split.end - begin, Reason.DAMAGED_MEMBER, detail)

    def _go_to(self, group: dict[str, Any]) -> None:
        self._group, self._done, self._tries = group, 0, 0

    def _asked(self) -> Iterator[Item]:
        """What a process gives, from where the last one ended."""
        split = self._split
        request = {
            "fields": list(split.fields),
            "begin": split.begin,
            "end": split.end,
            "file_bytes": split.file_bytes,
            "limit": self._limits.max_record_bytes,
            "group": self._group["group"],
            "row": self._done,
            "batch_rows": BATCH_ROWS[min(self._tries, len(BATCH_ROWS) - 1)],
        }
        for header, data in self._fence.ask(request, self._stream):
            if "columns" in header:
                if split.fields.text not in header["columns"] and split.begin == 0:
                    known = ", ".join(header["columns"][:20])
                    detail = f"no column {split.fields.text!r}; columns are {known}"
                    yield Loss(0, split.file_bytes, Reason.MALFORMED_RECORD, detail[:200])
                else:
                    _check_names(split, header["columns"])
            elif "group" in header:
                if not self._begun or header["group"] != self._group["group"]:
                    self._go_to(header)
                self._group, self._begun = header, True
            elif "rows" in header:
                yield from self._rows(data, dict(header["long"]))
            else:
                reason = Reason.EXPANSION_LIMIT if header["limit"] else Reason.DAMAGED_MEMBER
                yield self._rest(reason, header["failed"])

    def _rest(self, reason: Reason, why: str) -> Loss:
        """The loss of the rest of the row group."""
        # A damaged footer may put two groups in one place; its bytes are lost once.
        begin = max(self._group["begin"], self._lost_to)
        end = self._lost_to = max(self._group["end"], begin)
        detail = f"row group {self._group['group']}, row {self._group['row'] + self._done}: {why}"
        return Loss(begin, end - begin, reason, detail[:200])

    def _no_footer(self, why: str) -> Iterator[Loss]:
        if self._split.begin == 0:
            yield Loss(0, self._split.file_bytes, Reason.NOT_AN_ARCHIVE, f"no Parquet footer: {why}"[:200])

    def _rows(self, data: bytes, long: dict[int, int]) -> Iterator[Item]:
        batch = pa.ipc.open_stream(data).read_next_batch()
        columns = {name: column.to_pylist() for name, column in zip(batch.schema.names, batch.columns, strict=True)}
        empty = [None] * batch.num_rows
        given = [columns.get(name, empty) for name in self._split.fields]
        for place, (text, *values) in enumerate(zip(*given, strict=True)):
            row = self._group["row"] + self._done
            self._done += 1
            if (size := long.get(place)) is not None:
                yield Loss(row, 0, Reason.EXPANSION_LIMIT, f"row {row}: a text of {size} bytes")
            else:
                yield _row(row, text, values)


def _row(row: int, text: Any, values: list[Any]) -> Item:
    """A row of its text and the other fields, in the order of `Fields`."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if not isinstance(text, str):
        return Loss(row, 0, Reason.MALFORMED_RECORD, f"row {row}: no text")
    record_id, url, date, language, licence = map(_string, values)
    return Text(
        offset=row,
        length=0,
        record_id=record_id,
        url=url,
        date=date,
        text=text,
        language_hint=language,
        licence=licence,
    )


def _string(value: Any) -> str | None:
    if isinstance(value, datetime.date):  # datetime too
        return value.isoformat()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value if isinstance(value, str) and value else None
