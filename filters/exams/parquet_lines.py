"""Rows of a Parquet file as JSON lines, made in a process of its own: a damaged footer ends that process and no other.

Every format of JSON lines can so be given as Parquet, as Hugging Face's hub has it. Memory: the file's rows, in the child.
"""

import json
import tempfile
from pathlib import Path

from corpus.errors import InputError
from corpus.processes.trial import try_call

#: Both ends of a Parquet file.
MAGIC = b"PAR1"

#: Rows at a time.
_BATCH_ROWS = 1024


def json_lines_of(data: bytes, where: str) -> bytes:
    """The rows of a Parquet file, a JSON object a line. Raises InputError, naming `where`, where it cannot be read."""
    with tempfile.TemporaryDirectory() as folder:
        source, lines = Path(folder, "rows.parquet"), Path(folder, "rows.jsonl")
        source.write_bytes(data)
        try:
            try_call(f"{__name__}:write_lines", str(source), str(lines))
        except InputError as error:
            raise InputError(f"{where}: cannot be read as Parquet, it is damaged; get it again") from error
        return lines.read_bytes()


def write_lines(source: str, lines: str) -> None:
    """What the child does. Raises InputError, which the parent puts into other words."""
    # Only here: who reads no Parquet does not load it.
    import pyarrow as pa
    import pyarrow.parquet

    try:
        with open(lines, "w", encoding="utf-8") as written:
            for batch in pa.parquet.ParquetFile(source).iter_batches(_BATCH_ROWS):
                for row in batch.to_pylist():
                    # A day or bytes have no form in JSON; no text of an item is one.
                    written.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise InputError(f"{source}: {error}") from error
