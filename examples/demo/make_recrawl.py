"""Makes `recrawl.warc.gz` from `docs-0.warc.gz`: what a second crawl, half a year later, finds unchanged.

Every twelfth page of the kept languages again, with a later WARC-Date and a record id of its own; and, as a crawler that
was killed leaves its file, the last record cut off in the middle. So the demo has exact duplicates and a loss to show.
Run it from anywhere; it gives the same bytes each time.
"""

import re
import uuid
import zlib
from pathlib import Path

FOLDER = Path(__file__).parent
EVERY = 12


def members(path: Path) -> list[bytes]:
    """The content of each gzip member."""
    found, rest = [], path.read_bytes()
    while rest:
        inflater = zlib.decompressobj(wbits=31)
        found.append(inflater.decompress(rest))
        rest = inflater.unused_data
    return found


def recrawled(record: bytes) -> bytes:
    """The record as a later crawl would have written it."""
    record = re.sub(rb"WARC-Date: \d{4}-\d\d", b"WARC-Date: 2024-11", record, count=1)
    old = re.search(rb"<urn:uuid:([0-9a-f-]+)>", record)
    assert old is not None
    new = uuid.uuid5(uuid.UUID(old.group(1).decode()), "recrawl")
    return record.replace(old.group(1), str(new).encode(), 1)


def packed(record: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return packer.compress(record) + packer.flush()


def main() -> None:
    pages = [record for record in members(FOLDER / "docs-0.warc.gz") if b"WARC-Type: response" in record[:200]]
    chosen = [packed(recrawled(record)) for record in pages[::EVERY]]
    (FOLDER / "recrawl.warc.gz").write_bytes(b"".join(chosen[:-1]) + chosen[-1][: len(chosen[-1]) // 2])


if __name__ == "__main__":
    main()
