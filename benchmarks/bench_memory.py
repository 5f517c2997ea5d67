"""Peak memory of a build, and of one over twice the input: python benchmarks/bench_memory.py [--copies N]

The input is the demo's pages again and again, each copy with URLs, record ids and a sentence of its own, so that nothing is
a duplicate of anything and every stage carries everything. Work items keep their size, as in any run beyond a few GB. Each
build is a process of its own with one worker; the figure is what the operating system saw of it. Claim: within 15 %.
"""

import argparse
import subprocess
import sys
import tempfile
import uuid
import zlib
from pathlib import Path

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


def members(path: Path) -> list[bytes]:
    """The content of each gzip member."""
    found, rest = [], path.read_bytes()
    while rest:
        inflater = zlib.decompressobj(wbits=31)
        found.append(inflater.decompress(rest))
        rest = inflater.unused_data
    return found


def write_copy(path: Path, pages: list[bytes], number: int) -> None:
    """The pages under other URLs and ids, every paragraph of each with words of the copy's own."""
    mark = f" copy{number}".encode()
    with path.open("wb") as sink:
        for page in pages:
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
            packer = zlib.compressobj(6, wbits=31)
            sink.write(packer.compress(b"\r\n".join(lines) + b"\r\n\r\n" + content + b"\r\n\r\n") + packer.flush())


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
    copies = parser.parse_args().copies
    pages = [page for file in DEMO for page in members(file) if b"WARC-Type: response" in page[:100]]
    with tempfile.TemporaryDirectory() as folder:
        once = peak_of_build(Path(folder, "once"), copies, pages)
        twice = peak_of_build(Path(folder, "twice"), 2 * copies, pages)
    print(f"{copies * len(pages):,} pages: {once:,.0f} MiB    {2 * copies * len(pages):,} pages: {twice:,.0f} MiB")
    print(f"ratio {twice / once:.3f}  (claim: at most 1.15)")


if __name__ == "__main__":
    main()
