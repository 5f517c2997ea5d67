"""Arrow IPC files of any version, read as this version's schema: by reports and checks, never by the stages of a build.

`read_as`, `reader_as`   a column that the file lacks is null, one that the schema lacks is left out, one of another type is
                         converted where no value is lost
Raises                   VersionError (DamageError for a file of this very version) where a needed column is missing or is of
                         another type: those that are never null, or those that are named
"""

from collections.abc import Callable, Collection

import pyarrow as pa

from corpus.storage import ipc
from corpus.storage.run_marker import not_readable


class OlderReader:
    """The batches of a file as the schema has them."""

    def __init__(self, reader: ipc.IpcReader, schema: pa.Schema, convert: Callable[[pa.Table], pa.Table]) -> None:
        self._reader, self._convert = reader, convert
        self.schema = schema

    @property
    def num_record_batches(self) -> int:
        return self._reader.num_record_batches

    def get_batch(self, number: int) -> pa.RecordBatch:
        table = self._convert(pa.Table.from_batches([self._reader.get_batch(number)])).combine_chunks()
        (batch,) = table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]
        return batch


def read_as(
    url: str, schema: pa.Schema, columns: Collection[str] | None = None, needs: Collection[str] | None = None
) -> pa.Table:
    """A whole file, or some columns of it, as the schema has them."""
    there = ipc.open_reader(url).schema
    wanted, convert = _conversion(url, there, schema, columns, needs)
    return convert(ipc.open_table(url, columns=wanted))


def reader_as(
    url: str, schema: pa.Schema, columns: Collection[str] | None = None, needs: Collection[str] | None = None
) -> OlderReader:
    """The same, a batch at a time. Memory: one of them."""
    there = ipc.open_reader(url).schema
    wanted, convert = _conversion(url, there, schema, columns, needs)
    reader = ipc.open_reader(url, columns=wanted)
    return OlderReader(reader, schema.with_metadata(there.metadata), convert)


def columns_there(url: str, columns: Collection[str]) -> list[str]:
    """Those of the columns that a file has: a version before this one did not count everything."""
    there = set(ipc.open_reader(url).schema.names)
    return [name for name in columns if name in there]


def _conversion(
    url: str, there: pa.Schema, schema: pa.Schema, columns: Collection[str] | None, needs: Collection[str] | None
) -> tuple[list[str], Callable[[pa.Table], pa.Table]]:
    """(the columns to read, what makes them those of the schema)."""
    fields = [schema.field(name) for name in (schema.names if columns is None else columns)]
    needed = {field.name for field in fields if not field.nullable} if needs is None else set(needs)
    for field in fields:
        if field.name in needed and field.name not in there.names:
            raise not_readable(url, f"has no column {field.name!r}, only {there.names}")
    wanted = [field.name for field in fields if field.name in there.names]

    def convert(table: pa.Table) -> pa.Table:
        found = []
        for field in fields:
            if field.name not in table.column_names:
                found.append(pa.chunked_array([pa.nulls(table.num_rows, field.type)]))
                continue
            column = table[field.name]
            if column.type != field.type:
                try:
                    column = column.cast(field.type)
                except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
                    what = f"has {field.name!r} as {column.type}, not {field.type}"
                    raise not_readable(url, what) from error
            found.append(column)
        names = [field.name for field in fields]
        return pa.table(found, names=names).replace_schema_metadata(there.metadata)

    # Rows are counted by a column: one is read even where all that are wanted are missing.
    return wanted or there.names[:1], convert
