"""What a check of a run can find, and the checks of a file against its record."""

import dataclasses
import enum
from collections.abc import Iterator

import pyarrow as pa

from corpus.errors import DamageError
from corpus.storage import files, ipc
from corpus.storage.ipc import Written


class Check(enum.StrEnum):
    """What was looked at."""

    MISSING = "missing"  # a file or record that must be there
    SIZE = "size"
    DIGEST = "digest"
    SCHEMA = "schema"
    ROWS = "rows"
    ALIGNMENT = "alignment"  # documents, signals and decisions row for row
    TEXT_HASH = "text_hash"
    COUNTS = "counts"  # what a record counted against what its files hold
    CONSERVATION = "conservation"
    REPRESENTATIVE = "representative"
    CONTAMINATION = "contamination"
    SCORES = "scores"
    LINES = "lines"
    PERSONAL_DATA = "personal_data"
    TOKENS = "tokens"
    MANIFEST = "manifest"
    PHASES = "phases"
    INPUT = "input"  # of the run, and no file of its own: nothing of it is ever deleted


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be; `file` is relative to the run directory where it lies in it."""

    check: Check
    file: str
    detail: str


def check_file(url: str, name: str, written: Written) -> Iterator[Finding]:
    """Existence, then size, then XXH3-128. Memory: files.CHUNK_BYTES."""
    if not files.exists(url):
        yield Finding(Check.MISSING, name, "its record says that it was written")
        return
    if (size := files.size(url)) != written.bytes:
        yield Finding(Check.SIZE, name, f"{size} bytes, its record says {written.bytes}")
        return
    if (digest := files.digest(url)) != written.digest:
        yield Finding(Check.DIGEST, name, f"XXH3-128 is {digest}, its record says {written.digest}")


def check_rows(url: str, name: str, written: Written, schema: pa.Schema | None) -> Iterator[Finding]:
    """An Arrow file of the schema (None: any) with as many rows as its record says."""
    try:
        reader = ipc.open_reader(url, schema)
        rows = sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))
    except DamageError as error:
        yield Finding(Check.SCHEMA, name, str(error).partition(": ")[2])
        return
    except (pa.ArrowInvalid, OSError) as error:
        yield Finding(Check.SCHEMA, name, f"cannot be read ({str(error).partition(chr(10))[0]})")
        return
    if rows != written.rows:
        yield Finding(Check.ROWS, name, f"{rows} rows, its record says {written.rows}")


def check_counts(name: str, what: str, recorded: dict[str, int], found: dict[str, int]) -> Iterator[Finding]:
    """Where a record's counts are not what its files hold."""
    for key in sorted({*recorded, *found}):
        if recorded.get(key, 0) != found.get(key, 0):
            detail = f"{key}: {found.get(key, 0)} {what}, the record says {recorded.get(key, 0)}"
            yield Finding(Check.COUNTS, name, detail)
