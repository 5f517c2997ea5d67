"""A build over pages that try to end it: it finishes, each is one failed row, and everything else is as without them."""

import dataclasses
import gzip
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import brotli
import pyarrow as pa
import pytest

from corpus.reasons import Reason
from corpus.storage.run_directory import RunDirectory
from pipelines.stage_list import stage_of
from pipelines.stages.outputs import DOCUMENTS, FAILED, SIGNALS

REPOSITORY = Path(__file__).resolve().parents[1]
DEMO = REPOSITORY / "examples" / "demo"
MIB, GIB = 1 << 20, 1 << 30
BOMB_BYTES = 10 * GIB
PAGES = 60

#: Work items of 3 MB: the hostile input has several, the clean one has one. Everything may fail.
RECIPE = """
[run]
name = "hostile"
work_item_bytes = 3_000_000
max_failed_fraction = 1.0
[[source]]
name = "docs"
inputs = ["pages.warc.gz"]
[extract]
page_seconds = 6.0
page_memory_bytes = 536_870_912
"""

#: What is not equal by definition: where a record lies in its file, and the number that it has in its split.
PLACES = {"doc_id", "offset"}

# A process between, so that its largest descendant is one of this build's; kilobytes, and on macOS bytes.
MEASURED = (
    "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode;"
    "unit = 1 if sys.platform == 'darwin' else 1024;"
    "print(unit * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
)


def packed(start: bytes, block: bytes, times: int, end: bytes, *, checksum: bool) -> bytes:
    """A gzip member of start, so many blocks and end, made by compressing the block once."""
    packer = zlib.compressobj(6, wbits=-15)
    parts = [packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)]
    parts += [packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)] * times
    parts += [packer.compress(end) + packer.flush()]
    total = len(start) + times * len(block) + len(end)
    check = zlib.crc32(start)
    if checksum:
        for piece in [*[block] * times, end]:
            check = zlib.crc32(piece, check)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + b"".join(parts) + struct.pack("<II", check, total & 0xFFFFFFFF)


def url(name: str) -> str:
    return f"http://hostile.example/{name}"


def head(name: str, body_bytes: int, coding: str = "identity") -> bytes:
    """All of a record that comes before the body."""
    http = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: {coding}\r\n\r\n"
    warc = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url(name)}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
        f"WARC-Record-ID: <urn:hostile:{name}>\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(http) + body_bytes}\r\n\r\n"
    )
    return (warc + http).encode()


def member(name: str, body: bytes, coding: str = "identity") -> bytes:
    return gzip.compress(head(name, len(body), coding) + body + b"\r\n\r\n", 1)


def marked(word: str) -> bytes:
    return f"<!-- hostile -->{word} <p>A page that does it every time.</p>".encode()


def gzip_bomb() -> bytes:
    """10 GiB of zeros in 10 MB. Nobody reads on to the checksum, which is wrong."""
    return packed(b"", bytes(16 * MIB), BOMB_BYTES // (16 * MIB), b"", checksum=False)


def zstd_bomb() -> bytes:
    """10 GiB of zeros in 300 kB: one frame of blocks that repeat a byte 131,072 times (RFC 8878, 3.1.1)."""
    block, last = (struct.pack("<I", is_last | 1 << 1 | 1 << 17 << 3)[:3] + b"\0" for is_last in (0, 1))
    return b"\x28\xb5\x2f\xfd\x00\x38" + block * ((BOMB_BYTES >> 17) - 1) + last


def brotli_bomb() -> bytes:
    """10 GiB of zeros in 130 kB: after a flush the next meta-block of zeros is always the same."""
    packer = brotli.Compressor(quality=5)
    first, second, third = (packer.process(bytes(MIB)) + packer.flush() for _ in range(3))
    assert second == third
    return bytes(first + second * (BOMB_BYTES // MIB - 1) + packer.finish())


def large_page(name: str, paragraphs: int) -> bytes:
    """Paragraphs of 1 MB that are no bomb."""
    text = b"".join(b"<p>Sentence %d of the page, %x in hexadecimal.</p>\n" % (n, n * n) for n in range(19_000))
    text = text[:MIB]
    return packed(head(name, paragraphs * MIB), text, paragraphs, b"\r\n\r\n", checksum=True)


def bomb_member(name: str) -> bytes:
    """A member that is itself a bomb: its record says 10 GiB, and they are there."""
    return packed(head(name, BOMB_BYTES), bytes(16 * MIB), BOMB_BYTES // (16 * MIB), b"\r\n\r\n", checksum=False)


def deep(name: str) -> bytes:
    return member(name, b"<div>" * 100_000 + b"text" + b"</div>" * 100_000)


#: Page → what its row must say, and its member. A record that is not read to its end has no URL.
HOSTILE: dict[str, tuple[Reason, str, Callable[[str], bytes]]] = {
    "deep": (Reason.PAGE_TOO_DEEP, "over 1000 open elements", deep),
    "nodes": (Reason.PAGE_TOO_MANY_NODES, "400000 start tags", lambda name: member(name, b"<b>x</b>" * 400_000)),
    "loop": (
        Reason.EXTRACTION_TIMEOUT,
        "over 6 s of processor time; killed",
        lambda name: member(name, marked("HANG")),
    ),
    "exit": (Reason.EXTRACTION_CRASH, "exit code 7", lambda name: member(name, marked("EXIT"))),
    "crash": (Reason.EXTRACTION_CRASH, "SIGSEGV", lambda name: member(name, marked("SEGFAULT"))),
    "memory": (Reason.EXTRACTION_MEMORY, "over 536870912 bytes", lambda name: member(name, marked("EAT"))),
    "raise": (Reason.EXTRACTION_ERROR, "ValueError: of the page", lambda name: member(name, marked("RAISE"))),
    "gzip": (Reason.BODY_DECODING, "beyond the limit", lambda name: member(name, gzip_bomb(), "gzip")),
    "brotli": (Reason.BODY_DECODING, "beyond the limit", lambda name: member(name, brotli_bomb(), "br")),
    "zstd": (Reason.BODY_DECODING, "beyond the limit", lambda name: member(name, zstd_bomb(), "zstd")),
    "member": (Reason.EXPANSION_LIMIT, "bytes expand to over", bomb_member),
    "300 MB": (Reason.EXPANSION_LIMIT, "record of 314572", lambda name: large_page(name, 300)),
    "30 MB": (Reason.PAGE_TOO_LARGE, "31457280 bytes", lambda name: large_page(name, 30)),
}
NAMELESS = {"member", "300 MB"}


def demo_members(number: int) -> list[bytes]:
    """The first of the demo's records, each a gzip member."""
    found, rest = [], (DEMO / "docs-0.warc.gz").read_bytes()
    while rest and len(found) < number:
        inflater = zlib.decompressobj(wbits=31)
        inflater.decompress(rest)
        found.append(rest[: len(rest) - len(inflater.unused_data)])
        rest = inflater.unused_data
    return found


@dataclasses.dataclass(frozen=True)
class Built:
    """What a build wrote, as rows without their places, in an order of their own."""

    documents: list[dict[str, object]]
    signals: list[dict[str, object]]
    failed: list[dict[str, object]]
    counts: dict[str, int]
    peak_bytes: int


def build(folder: Path, members: list[bytes]) -> Built:
    folder.mkdir()
    (folder / "pages.warc.gz").write_bytes(b"".join(members))
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    command = [
        str(REPOSITORY / "tests" / "hostile_build.py"),
        str(folder / "recipe.toml"),
        "--run-dir",
        f"{folder}/run",
    ]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, sys.executable, *command, "--until", "measure", "--workers", "1"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    run = RunDirectory(str(folder / "run"))
    rows = {}
    for output in (DOCUMENTS, SIGNALS, FAILED):
        stage = stage_of(run, output)
        tables = [pa.ipc.open_file(output.url(stage, item)).read_all() for item in stage.finished()]
        rows[output.kind] = pa.concat_tables(tables).to_pylist()
    keys = [row["key"] for row in rows["documents"]]
    assert keys == [row["key"] for row in rows["signals"]]
    for kind in ("documents", "signals"):
        rows[kind] = [{name: value for name, value in row.items() if name not in PLACES} for row in rows[kind]]
        rows[kind].sort(key=lambda row: row["key"])
    counts = run.stage_manifest(stage_of(run, DOCUMENTS).name)["counts"]
    return Built(rows["documents"], rows["signals"], rows["failed"], counts, int(done.stdout))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("clean") / "one", demo_members(PAGES))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Built:
    members = demo_members(PAGES)
    for number, (name, (_, _, make)) in enumerate(HOSTILE.items()):
        members.insert(2 + 5 * number, make(name))
    return build(tmp_path_factory.mktemp("hostile") / "one", members)


def test_each_hostile_page_is_one_failed_row_with_its_reason(clean: Built, hostile: Built) -> None:
    known = [(row["url"], row["reason"], row["detail"]) for row in clean.failed]
    found = [row for row in hostile.failed if (row["url"], row["reason"], row["detail"]) not in known]
    assert len(found) == len(HOSTILE)
    for row, (name, (reason, detail, _)) in zip(found, HOSTILE.items(), strict=True):  # in file order
        assert (row["url"], row["outcome"], row["reason"]) == (
            None if name in NAMELESS else url(name),
            "failed",
            reason.value,
        )
        assert detail in str(row["detail"])
        assert "\n" not in str(row["detail"])
    assert len(hostile.failed) == len(HOSTILE) + len(clean.failed)


def test_everything_else_is_as_without_them(clean: Built, hostile: Built) -> None:
    assert len(clean.documents) > 0.9 * PAGES
    assert hostile.documents == clean.documents
    assert hostile.signals == clean.signals


def test_what_was_counted(clean: Built, hostile: Built) -> None:
    assert hostile.counts["documents"] == clean.counts["documents"]
    assert hostile.counts["other_records"] == clean.counts["other_records"]
    assert hostile.counts["lost_ranges"] == len(NAMELESS)
    assert hostile.counts["failed"] == len(HOSTILE) - len(NAMELESS)
    # Crashes and memory are tried twice, time once.
    assert hostile.counts["helper_restarts"] == 7
    assert clean.counts["helper_restarts"] == 0


def test_no_process_grows_with_them(clean: Built, hostile: Built) -> None:
    assert hostile.peak_bytes < GIB
    # A body at its limit of 64 MiB is there two or three times: stored, decoded, and as what is looked at.
    assert hostile.peak_bytes < clean.peak_bytes + 5 * 64 * MIB
