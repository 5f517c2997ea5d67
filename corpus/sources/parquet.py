"""Parquet rows by row groups; only the mapped columns are read.

A range owns the row groups whose first byte lies in it; the range with the file's first byte owns what is wrong with the
file as a whole. A row group that cannot be read is a Loss of its bytes, a row without text one of its own. `offset` is
the row's number in the file.
Memory: a column's buffer and BATCH_ROWS rows; a page of the column, whatever `Limits` say.
"""

import datetime
import itertools
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from corpus.reasons import Reason
from corpus.sources.records import Item, Limits, Loss, Split, Text
from corpus.storage import files

BATCH_ROWS = 256
_BUFFER_BYTES = 1 << 20


def read_parquet(split: Split, limits: Limits) -> Iterator[Item]:
    """Every row that the split owns."""
    if split.file_bytes == 0 and split.begin == 0:
        yield Loss(0, 0, Reason.NOT_AN_ARCHIVE, "the file is empty")
    if split.begin >= split.end:
        return
    with files.open_read(split.file) as stream:
        try:
            file = pa.parquet.ParquetFile(stream, buffer_size=_BUFFER_BYTES, pre_buffer=False)
            names = [name for name in split.fields if name in file.schema_arrow.names]
            begins = [
                _begin(file.metadata.row_group(number), split.file_bytes)
                for number in range(file.metadata.num_row_groups)
            ]
        except (pa.ArrowException, OSError, ValueError) as error:
            if split.begin == 0:
                yield Loss(0, split.file_bytes, Reason.NOT_AN_ARCHIVE, f"no Parquet footer: {_line(error)}")
            return
        if split.fields.text not in names:
            if split.begin == 0:
                known = ", ".join(file.schema_arrow.names[:20])
                detail = f"no column {split.fields.text!r}; columns are {known}"
                yield Loss(0, split.file_bytes, Reason.MALFORMED_RECORD, detail[:200])
            return
        row = 0
        for number, begin in enumerate(begins):
            rows = max(0, file.metadata.row_group(number).num_rows)
            if split.begin <= begin < split.end:
                yield from _row_group(file, number, begin, row, names, split, limits)
            row += rows


def row_groups(url: str, file_bytes: int) -> list[tuple[int, int]]:
    """The ranges that own a file's row groups, one each and together the file; [(0, file_bytes)] of a file without a footer."""
    try:
        with files.open_read(url) as stream:
            metadata = pa.parquet.ParquetFile(stream).metadata
            begins = [_begin(metadata.row_group(number), file_bytes) for number in range(metadata.num_row_groups)]
    except (pa.ArrowException, OSError, ValueError):
        begins = []
    edges = [0, *sorted(begins)[1:], file_bytes]
    return list(itertools.pairwise(edges))


def _begin(group: Any, file_bytes: int) -> int:
    """The group's first byte, inside the file whatever a damaged footer says."""
    offsets = []
    for number in range(group.num_columns):
        column = group.column(number)
        offsets.append(column.data_page_offset)
        if column.has_dictionary_page and column.dictionary_page_offset:
            offsets.append(column.dictionary_page_offset)
    return max(0, min(min(offsets, default=0), file_bytes - 1))


def _row_group(
    file: Any, number: int, begin: int, row: int, names: list[str], split: Split, limits: Limits
) -> Iterator[Item]:
    try:
        for batch in file.iter_batches(batch_size=BATCH_ROWS, row_groups=[number], columns=names):
            columns = {name: _values(batch.column(name)) for name in names}
            empty = [None] * batch.num_rows
            rest = [columns.get(name, empty) for name in split.fields[1:]]
            for text, *values in zip(columns[split.fields.text], *rest, strict=True):
                yield _row(row, text, values, limits)
                row += 1
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        stored = max(0, min(file.metadata.row_group(number).total_byte_size, split.file_bytes - begin))
        yield Loss(begin, stored, Reason.DAMAGED_MEMBER, f"row group {number}, row {row}: {_line(error)}")


def _values(column: pa.Array) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        # Nanoseconds would need pandas.
        column = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    return column.to_pylist()


def _row(row: int, text: Any, values: list[Any], limits: Limits) -> Item:
    """A row of its text and the other fields, in the order of `Fields`."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if not isinstance(text, str):
        return Loss(row, 0, Reason.MALFORMED_RECORD, f"row {row}: no text")
    if len(text) > limits.max_record_bytes:
        return Loss(row, 0, Reason.EXPANSION_LIMIT, f"row {row}: a text of {len(text)} characters")
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


def _line(error: BaseException) -> str:
    return (str(error).partition("\n")[0] or type(error).__name__)[:150]
