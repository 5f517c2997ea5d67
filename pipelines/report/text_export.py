"""The kept documents of a run as text files, as they are trained on: without what was cut, and with personal data replaced.

Reads   documents/, signals/, decisions/, batch by batch
Writes  OUT/00003.jsonl.gz or OUT/00003.parquet, one file a work item, whole or not at all; a file that is there is not written again
Rows    COLUMNS: `key` (hex) is a document's identity across runs, `licence` and `url` say where it is from
Memory  one stored batch of documents
"""

import gzip
from collections.abc import Callable, Iterator
from typing import Literal

import pyarrow as pa
import pyarrow.parquet

from corpus.columns import numbers
from corpus.storage import files
from corpus.storage.run_directory import RunDirectory
from pipelines.report.run_documents import iso_date
from pipelines.report.terminal_text import json_line
from pipelines.stage_list import stage_of
from pipelines.stages.kept_documents import DocumentStages, kept_documents
from pipelines.stages.outputs import DECISIONS, DOCUMENTS, LANGUAGES

Form = Literal["jsonl", "parquet"]

#: What a row has; `text` is after edits, `edited` says whether any was made.
COLUMNS = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("id", pa.string()),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("edited", pa.bool_(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("date", pa.timestamp("s", tz="UTC")),
        pa.field("source", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("licence", pa.string()),
        pa.field("title", pa.string()),
        pa.field("author", pa.string()),
        pa.field("published", pa.date32()),
        pa.field("quality", pa.float32()),
        pa.field("tier", pa.int64()),
        pa.field("repeats", pa.int64()),
    ]
)


def export_texts(
    run: RunDirectory, out: str, form: Form, *, progress: Callable[[int, int], None] = lambda done, of: None
) -> tuple[int, int]:
    """(files written, documents in them). Raises RunDirectoryError before `select` is finished, DamageError, OSError."""
    stages = DocumentStages(stage_of(run, DOCUMENTS), stage_of(run, LANGUAGES), stage_of(run, DECISIONS))
    items = stages.decisions.finished()
    there = set(files.names(out))
    written = documents = 0
    for done, item in enumerate(items):
        name = f"{item:05d}.{'jsonl.gz' if form == 'jsonl' else 'parquet'}"
        if name not in there:
            tables = map(_row_table, kept_documents(stages, item))
            documents += (_write_lines if form == "jsonl" else _write_parquet)(files.join(out, name), tables)
            written += 1
        progress(done + 1, len(items))
    return written, documents


def _row_table(documents: pa.Table) -> pa.Table:
    """COLUMNS of kept documents."""
    columns = []
    for field in COLUMNS:
        if field.name == "key":
            columns.append(pa.array([key.hex() for key in documents["key"].to_pylist()], pa.string()))
        elif field.name == "edited":
            columns.append(pa.array(numbers(documents["edits"]) != 0))
        else:
            columns.append(documents[field.name].cast(field.type))
    return pa.table(columns, schema=COLUMNS)


def _write_lines(url: str, tables: Iterator[pa.Table]) -> int:
    rows = 0
    with files.atomic_writer(url) as stream, gzip.GzipFile("", "wb", 6, stream, mtime=0) as packed:
        for table in tables:
            for row in table.to_pylist():
                row["date"] = iso_date(row["date"])
                row["published"] = row["published"].isoformat() if row["published"] is not None else None
                packed.write(json_line(row).encode() + b"\n")
            rows += table.num_rows
    return rows


def _write_parquet(url: str, tables: Iterator[pa.Table]) -> int:
    rows = 0
    with (
        files.atomic_writer(url) as stream,
        pa.parquet.ParquetWriter(stream, COLUMNS, compression="zstd") as writer,
    ):
        for table in tables:
            writer.write_table(table)
            rows += table.num_rows
    return rows
