"""Peak memory of a build, over twice the input, and of a worker over one large file: python benchmarks/bench_memory.py [--copies N]

The input is the demo's pages again and again, each copy with URLs, record ids and a sentence of its own, so that nothing is
a duplicate of anything and every stage carries everything. Work items keep their size, as in any run beyond a few GB. Each
build is a process of its own with one worker; the figure is what the operating system saw of it. Claim: within 15 %.

`--large BYTES` (2,000,000,000 is what the claim is about) writes two WARC.gz files, each read as *one* work item by `corpus build
--until measure` with one worker, and shows the worker's memory and its extractor's while they read:

- mixed: BYTES, half of them the demo's pages as above, of which one language is wanted, so that most are screened before
  they are parsed, half of them records of image/jpeg with random bytes, which no compressor makes smaller;
- whole: a fiftieth of BYTES of the same pages, every language wanted, so that every one is extracted.

What is repeated is the pages' markup; texts, payloads, URLs and ids are each copy's own, so no answer is used again. Claim:
worker and extractor at most 1 GiB each, and no more in the last quarter of the time than in the second, within 15 %.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from corpus.storage.run_directory import RunDirectory

DEMO = sorted((Path(__file__).parents[1] / "examples" / "demo").glob("docs-*.warc.gz"))

RECIPE = """
[run]
name = "memory"
work_item_bytes = 1_000_000
[[source]]
name = "docs"
profile = "none"
inputs = ["copy-*.warc.gz"]
[dedup]
threshold = 0.99
[tokenizer]
vocab_size = 4000
model_type = "bpe"
sample_bytes = 2_000_000
[shards]
target_bytes = 1_000_000
[[phase]]
name = "one"
tokens = 100_000
sequence_length = 512
"""


LARGE_RECIPE = """
[run]
name = "large"
languages = ["{language}"]
work_item_bytes = 68_719_476_736
[[source]]
name = "docs"
inputs = ["large.warc.gz"]
"""
#: Of the demo's pages 7 % are in it.
WANTED = "ru"


def members(path: Path) -> list[bytes]:
    """The content of each gzip member."""
    found, rest = [], path.read_bytes()
    while rest:
        inflater = zlib.decompressobj(wbits=31)
        found.append(inflater.decompress(rest))
        rest = inflater.unused_data
    return found


def copied(page: bytes, number: int) -> bytes:
    """The page's record under another URL and id, every paragraph with words of the copy's own."""
    mark = f" copy{number}".encode()
    header, _, body = page.partition(b"\r\n\r\n")
    http, _, html = body.partition(b"\r\n\r\n")
    html = html.replace(b"</p>", mark * 3 + b"</p>").replace(b". ", mark + b". ")
    http = b"\r\n".join(line for line in http.split(b"\r\n") if not line.startswith(b"Content-Length"))
    content = http + b"\r\n\r\n" + html.rstrip(b"\r\n")
    lines = []
    for line in header.split(b"\r\n"):
        name = line.partition(b":")[0]
        if name == b"WARC-Target-URI":
            line += b"?copy=%d" % number
        elif name == b"WARC-Record-ID":
            seed = uuid.uuid5(uuid.NAMESPACE_URL, f"{number} {line.decode()}")
            line = f"WARC-Record-ID: <urn:uuid:{seed}>".encode()
        elif name == b"Content-Length":
            line = b"Content-Length: %d" % len(content)
        elif name in (b"WARC-Payload-Digest", b"WARC-Block-Digest"):
            continue
        lines.append(line)
    return b"\r\n".join(lines) + b"\r\n\r\n" + content + b"\r\n\r\n"


def packed(record: bytes, level: int = 6) -> bytes:
    packer = zlib.compressobj(level, wbits=31)
    return packer.compress(record) + packer.flush()


def write_copy(path: Path, pages: list[bytes], number: int) -> None:
    with path.open("wb") as sink:
        for page in pages:
            sink.write(packed(copied(page, number)))


def image(number: int, size: int) -> bytes:
    """A record of random bytes that say they are a JPEG."""
    content = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + random.Random(number).randbytes(size)
    header = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Date: 2024-01-01T00:00:00Z\r\nWARC-Record-ID: <urn:uuid:{uuid.UUID(int=number)}>\r\n"
        f"WARC-Target-URI: https://images.example/{number}.jpg\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return header.encode() + content + b"\r\n\r\n"


def write_large(path: Path, pages: list[bytes], size: int, *, images: bool) -> None:
    """Copies of the pages until the file has `size` bytes, an image after each page of as many bytes as it took."""
    with path.open("wb") as sink:
        number = 0
        while sink.tell() < size:
            for at, page in enumerate(pages):
                stored = packed(copied(page, number), level=1)
                sink.write(stored)
                if images:
                    sink.write(packed(image(number * len(pages) + at, len(stored)), level=0))
            number += 1


class Memory(NamedTuple):
    """MiB of a process over time."""

    peak: float
    by_quarter: list[float]  # the most that each quarter of the time held


def memory_of_extract(folder: Path, language: str) -> tuple[dict[str, Memory], float]:
    """The worker's memory and its extractor's while it extracts and measures the folder's file, and the seconds that took."""
    recipe = LARGE_RECIPE.format(language=language)
    (folder / "recipe.toml").write_text(recipe, encoding="utf-8")
    command = [sys.executable, "-m", "pipelines.cli", "build", str(folder / "recipe.toml")]
    command += ["--run-dir", str(folder / "run"), "--until", "measure", "--workers", "1"]
    seen: dict[str, list[float]] = {"worker": [], "extractor": []}
    peaks = dict.fromkeys(seen, 0.0)
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        for name, pid in (("worker", process.pid), *(("extractor", child) for child in children(process.pid))):
            now, most = resident(pid)
            peaks[name] = max(peaks[name], most)
            seen[name].append(now)
        time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"the build over {folder} failed")
    found = {}
    for name, values in seen.items():
        step = max(1, len(values) // 4)
        found[name] = Memory(peaks[name], [max(values[at * step : (at + 1) * step], default=0.0) for at in range(4)])
    return found, time.perf_counter() - begun


def children(pid: int) -> Iterator[int]:
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        yield from map(int, tasks.read_text().split())


def resident(pid: int) -> tuple[float, float]:
    """MiB that a process has in memory, and the most it had; nothing where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    values = {
        name: int(rest.split()[0]) / 1024
        for name, _, rest in (line.partition(":") for line in lines)
        if name in ("VmRSS", "VmHWM")
    }
    return values.get("VmRSS", 0.0), values.get("VmHWM", 0.0)


def show_large(folder: Path, pages: list[bytes], size: int) -> None:
    if not Path("/proc/self/status").exists():
        raise SystemExit("the memory of running processes is read from /proc, which this system has not")
    for name, bytes_, images, language in (("mixed", size, True, WANTED), ("whole", size // 50, False, "*")):
        place = folder / name
        place.mkdir()
        write_large(place / "large.warc.gz", pages, bytes_, images=images)
        found, seconds = memory_of_extract(place, language)
        run = RunDirectory(str(place / "run"))
        counts = run.stage_manifest("extract")["counts"]
        dropped = {key.partition(".")[2]: number for key, number in counts.items() if key.startswith("dropped.")}
        print(f"{name}: {(place / 'large.warc.gz').stat().st_size:,} bytes in {run.stage_manifest('plan')['items']} work item, "
              f"{counts['records_in']:,} records, {counts['documents']:,} documents, dropped {dropped}, "
              f"{counts['payloads_reused']} payloads used again, {seconds:.0f} s")  # fmt: skip
        for who, memory in found.items():
            quarters = " ".join(f"{value:,.0f}" for value in memory.by_quarter)
            growth = memory.by_quarter[3] / statistics.fmean(memory.by_quarter[1:2])
            print(
                f"  {who:10} peak {memory.peak:6,.0f} MiB (claim: at most 1,024); by quarter {quarters}; last by second {growth:.2f}"
            )
        (place / "large.warc.gz").unlink()


def peak_of_build(folder: Path, copies: int, pages: list[bytes]) -> float:
    """MiB of the largest process of a build over so many copies."""
    folder.mkdir()
    for number in range(copies):
        write_copy(folder / f"copy-{number:03d}.warc.gz", pages, number)
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    # A process between, so that the largest child is this build's and no earlier one's.
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    build = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "build",
        str(folder / "recipe.toml"),
        "--run-dir",
        str(folder / "run"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", code, *build, "--workers", "1"], capture_output=True, text=True, check=True
    )
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return int(done.stdout) / unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--copies", type=int, default=4, help="of the demo's pages in the smaller input")
    parser.add_argument("--large", type=int, metavar="BYTES", help="instead: a worker over one file of so many bytes")
    arguments = parser.parse_args()
    copies = arguments.copies
    pages = [page for file in DEMO for page in members(file) if b"WARC-Type: response" in page[:100]]
    with tempfile.TemporaryDirectory() as folder:
        if arguments.large:
            show_large(Path(folder), pages, arguments.large)
            return
        once = peak_of_build(Path(folder, "once"), copies, pages)
        twice = peak_of_build(Path(folder, "twice"), 2 * copies, pages)
    print(f"{copies * len(pages):,} pages: {once:,.0f} MiB    {2 * copies * len(pages):,} pages: {twice:,.0f} MiB")
    print(f"ratio {twice / once:.3f}  (claim: at most 1.15)")


if __name__ == "__main__":
    main()
