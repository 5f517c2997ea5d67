"""What is read of a Parquet file in a process of its own (corpus.sources.fence): row groups and rows, as Arrow IPC.

Answers, in order
    {"columns": [...]}                                  once; with it the names of the columns that are read
    {"group": n, "begin": byte, "end": byte, "row": r}  a row group of the range begins; its first row's number in the file
    {"rows": k, "long": [[i, bytes], ...]} + IPC        rows of it; the texts of `long` are over the limit and left out
    {"failed": why, "limit": bool}                      the rest of the group is not read
or, of `{"edges": true}`, {"begins": [...]}: the first byte of each row group.

Memory: a page of a column, and `batch_rows` rows of it. Each answer holds one row, or up to ANSWER_BYTES.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from corpus.sources.fence import Answer

ANSWER_BYTES = 8 << 20
_BUFFER_BYTES = 1 << 20
#: Of Thrift in a footer or a page's header; what a damaged one claims is else allocated.
_THRIFT_BYTES, _THRIFT_VALUES = 64 << 20, 1 << 20
#: What a row group may hold for its stored bytes, beyond one record: repeated texts compress well, but not so well.
MAX_EXPANSION = 1000
#: Rows of a group for each of its bytes, beyond the first 262,144: a run of nulls takes none.
ROWS_PER_BYTE, FREE_ROWS = 64, 1 << 18

pa.set_memory_pool(pa.system_memory_pool())  # others reserve address space, which is limited here
pa.set_cpu_count(1)
pa.set_io_thread_count(1)


def parquet_rows(request: dict[str, Any], stream: BinaryIO) -> Iterator[Answer]:
    """The answers to a request. Raises what pyarrow raises."""
    file = pa.parquet.ParquetFile(
        stream,
        buffer_size=_BUFFER_BYTES,
        pre_buffer=False,
        thrift_string_size_limit=_THRIFT_BYTES,
        thrift_container_size_limit=_THRIFT_VALUES,
    )
    begins = [_begin(file.metadata.row_group(n), request["file_bytes"]) for n in range(file.metadata.num_row_groups)]
    if "edges" in request:
        yield Answer({"begins": begins})
        return
    yield Answer({"columns": _columns(file.schema_arrow)})
    names = [name for name in request["fields"] if _there(file.schema_arrow, name)]
    if request["fields"][0] not in names:
        return
    # Behind the last group stand indexes and the footer, which may hold a value as large as the text.
    edges = [*sorted(begins), max([0, request["file_bytes"] - 8 - file.metadata.serialized_size, *begins])]
    row = 0
    for number, begin in enumerate(begins):
        rows = max(0, file.metadata.row_group(number).num_rows)
        if request["begin"] <= begin < request["end"] and number >= request["group"]:
            end = next((edge for edge in edges if edge > begin), begin)
            yield Answer({"group": number, "begin": begin, "end": end, "row": row})
            skipped = request["row"] if number == request["group"] else 0
            yield from _rows(file, number, names, skipped, end - begin, request)
        row = min(row + rows, 1 << 62)  # a damaged footer may claim more than an integer holds


def _columns(schema: pa.Schema) -> list[str]:
    """The names of all columns, and of the fields of those that have some."""
    return [
        name
        for field in schema
        for name in (
            [f"{field.name}.{inner.name}" for inner in field.type] if pa.types.is_struct(field.type) else [field.name]
        )
    ]


def _there(schema: pa.Schema, name: str) -> bool:
    """Whether a file has a column, or a field of one (`meta.url`)."""
    return name in schema.names or ("." in name and name in _columns(schema))


def _flat(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    """The columns that were asked for, fields of columns as columns of their own."""
    columns = []
    for name in names:
        if name in batch.schema.names:
            columns.append(batch.column(name))
        else:
            outer, _, inner = name.partition(".")
            columns.append(pa.compute.struct_field(batch.column(outer), inner))
    return pa.RecordBatch.from_arrays(columns, names)


def _begin(group: Any, file_bytes: int) -> int:
    """The group's first byte, inside the file whatever a damaged footer says."""
    offsets = []
    for number in range(group.num_columns):
        column = group.column(number)
        offsets.append(column.data_page_offset)
        if column.has_dictionary_page and column.dictionary_page_offset:
            offsets.append(column.dictionary_page_offset)
    return max(0, min(min(offsets, default=0), file_bytes - 1))


def _rows(
    file: Any, number: int, names: list[str], skipped: int, stored_bytes: int, request: dict[str, Any]
) -> Iterator[Answer]:
    most_bytes = request["limit"] + MAX_EXPANSION * stored_bytes
    most_rows = FREE_ROWS + ROWS_PER_BYTE * stored_bytes
    size = row = 0
    try:
        batches = file.iter_batches(
            batch_size=request["batch_rows"], row_groups=[number], columns=names, use_threads=False
        )
        for batch in batches:
            plain = _plain(_flat(batch, names))  # what a dictionary stands for counts, not what it takes
            size += plain.nbytes
            row += plain.num_rows
            if size > most_bytes or row > most_rows:
                what = f"over {size} bytes and {row} rows of {stored_bytes} stored bytes"
                yield Answer({"failed": what, "limit": True})
                return
            fresh = plain.slice(max(0, plain.num_rows - (row - skipped)))
            if fresh.num_rows:
                yield from _answers(fresh, request["fields"][0], request["limit"])
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        yield Answer({"failed": str(error).partition("\n")[0][:150] or type(error).__name__, "limit": False})


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Columns as what their values are read from; what can be no field is left out. Raises ArrowException."""
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if isinstance(column, pa.ExtensionArray):
            column = column.storage
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        kind = column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            column = column.cast(pa.large_binary())  # not valid UTF-8 yet
        elif pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind):
            column = column.cast(pa.large_binary())
        elif pa.types.is_timestamp(kind):
            # Nanoseconds would need pandas.
            column = column.cast(pa.timestamp("us", tz=kind.tz), safe=False)
        elif not (pa.types.is_large_binary(kind) or pa.types.is_integer(kind) or pa.types.is_date(kind)):
            continue
        columns[name] = column
    made = pa.RecordBatch.from_arrays(list(columns.values()), list(columns)) if columns else None
    if made is None:
        return pa.RecordBatch.from_arrays([pa.nulls(batch.num_rows)], [""])
    made.validate(full=True)
    return made


def _answers(batch: pa.RecordBatch, text: str, limit: int) -> Iterator[Answer]:
    """A batch in pieces of ANSWER_BYTES at most, or of one row; of a text over the limit only its length."""
    long: list[list[int]] = []
    sizes = [0] * batch.num_rows
    place = batch.schema.get_field_index(text)
    if place >= 0 and pa.types.is_large_binary(batch.column(place).type):
        lengths = pa.compute.binary_length(batch.column(place)).fill_null(0)
        sizes = lengths.to_pylist()
        if max(sizes, default=0) > limit:
            long = [[row, size] for row, size in enumerate(sizes) if size > limit]
            kept = pa.compute.less_equal(lengths, limit)
            column = pa.compute.if_else(kept, batch.column(place), pa.scalar(None, pa.large_binary()))
            batch = batch.set_column(place, text, column)
            sizes = [0 if size > limit else size for size in sizes]
    begin = 0
    while begin < batch.num_rows:
        end, held = begin + 1, sizes[begin]
        while end < batch.num_rows and held + sizes[end] <= ANSWER_BYTES:
            held += sizes[end]
            end += 1
        piece = batch.slice(begin, end - begin)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, piece.schema) as writer:
            writer.write_batch(piece)
        over = [[row - begin, size] for row, size in long if begin <= row < end]
        yield Answer({"rows": end - begin, "long": over}, sink.getvalue().to_pybytes())
        begin = end
