"""Damaged inputs, models, recipes and files of a run, read in child processes: what dies, hangs, swells or raises is saved.

    python benchmarks/fuzz.py --run runs/demo --seconds 120
    python benchmarks/fuzz.py --run runs/demo --seconds 60 --only arrow models --seed 7
    python benchmarks/fuzz.py --run runs/demo --again fuzz-found/arrow-3-17.bin     # one saved input once more

inputs   a small WARC (gz), ARC, JSONL, Parquet, HTML and text file, by the readers of corpus.sources
rows     an Arrow file of a finished run, by corpus.storage.ipc: opened, every batch and value; a stage's records as such
arrow    a file of a finished run, by show, stats, diff, verify and the feed: whole commands, so few
models   fastText (as shipped, and small ones), SentencePiece (of the run)
recipes  the demo's recipe, by its reader
lists    a list of paths, plain and gz, by its reader

A mutant is a seed with bits flipped, numbers of 32 or 64 bits set to what breaks sums, a part cut, doubled, emptied or moved. A
child of this process reads mutants one after another, some SLICE seconds of them, and may take MEMORY more than it had and SECONDS of processor time for each. What counts:
a signal, a hang, a MemoryError, and any exception that is no CorpusError of a line (a recipe's: of a line for each mistake). Prints how many mutants each reader
had and what was found; ends with 1 where something was, else with 0. The same seed and number of mutants give the same mutants.
"""

import argparse
import contextlib
import gzip
import io
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from corpus.errors import CorpusError, RecipeError

REPOSITORY = Path(__file__).resolve().parents[1]
MEMORY, SECONDS, SLICE = 2 << 30, 10, 2.0
WAIT = 6 * SECONDS  # by the clock: on a busy machine a command of a second takes ten
#: Mutants of a child at most, and of a reader's first one.
MOST, FIRST = 20_000, 20
#: Whole commands have their turn once in so many rounds: else they take nearly all of the time.
COMMANDS_EVERY = 16
NUMBERS = (
    0,
    1,
    0x7F,
    0xFF,
    1 << 16,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 40,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 8,
)

Read = Callable[[Path], None]


def mutant(data: bytes, chance: random.Random) -> bytes:
    """The seed with one to four things changed."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        if not changed:
            break
        place = chance.randrange(len(changed))
        if chance.random() < 0.3:  # where formats have their sizes
            place = chance.choice((place % 512, max(0, len(changed) - 1 - place % 1024))) % len(changed)
        length = chance.choice((1, 2, 8, 64, 1000))
        kind = chance.randrange(7)
        if kind <= 1:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind <= 3:
            width, code = chance.choice(((4, "<I"), (8, "<Q"), (4, ">I")))
            place -= place % 4 if chance.random() < 0.7 else 0
            changed[place : place + width] = struct.pack(code, chance.choice(NUMBERS) & ((1 << (8 * width)) - 1))
        elif kind == 4:
            del changed[place : place + length]
        elif kind == 5:
            changed[place:place] = changed[place : place + length] * chance.choice((1, 2, 50))
        else:
            changed[place : place + length] = bytes(min(length, len(changed) - place))
    return bytes(changed) if chance.random() < 0.95 else bytes(changed[: chance.randrange(len(changed) + 1)])


# ------------------------------------------------------------------------------------------------ seeds and readers


def inputs(folder: Path) -> Iterator[tuple[str, Path, Read]]:
    """(name, seed, how it is read) of every format of inputs."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from corpus.sources.read import read_split
    from corpus.sources.records import Limits, Split

    with gzip.open(REPOSITORY / "examples" / "demo" / "docs-0.warc.gz") as file:
        plain = file.read(60_000)
    records = plain.split(b"\r\n\r\nWARC/1.0")
    parts = [records[0] + b"\r\n\r\n", *(b"WARC/1.0" + record + b"\r\n\r\n" for record in records[1:-1])]
    page = b"<html><body><p>A page that is read.</p></body></html>"
    arc = b"filedesc://a.arc 0.0.0.0 20050101000000 text/plain 76\n1 0 Test\nURL IP-address Archive-date Content-type Archive-length\n\n"
    body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page
    arc += b"".join(
        b"http://a.org/%d 1.2.3.4 20050101000000 text/html %d\n%s\n" % (n, len(body), body) for n in range(5)
    )
    rows = pa.table(
        {"text": [f"text {number}" for number in range(50)], "url": [f"http://a.org/{n}" for n in range(50)]}
    )
    pq.write_table(rows, folder / "a.parquet", row_group_size=10)
    seeds = {
        "warc": {"a.warc.gz": b"".join(map(gzip.compress, parts)), "a.warc": b"".join(parts)},
        "arc": {"a.arc": arc},
        "jsonl": {
            "a.jsonl": b"".join(b'{"text": "text %d", "url": "http://a.org/"}\n' % number for number in range(50))
        },
        "parquet": {"a.parquet": (folder / "a.parquet").read_bytes()},
        "html": {"a.html": page},
        "text": {"a.txt": b"A text that is read.\n" * 9},
    }
    for kind, files in seeds.items():
        for name, data in files.items():
            (folder / name).write_bytes(data)

            def read(path: Path, kind: str = kind) -> None:
                size = path.stat().st_size
                for _ in read_split(Split(0, "a", kind, str(path), 0, size, size), Limits(1 << 20, 1 << 20)):
                    pass

            yield f"{kind} {name}", folder / name, read


def arrow(run: Path, folder: Path) -> Iterator[tuple[str, Path, Read]]:
    """Files of a copy of a run, each read by the commands that a user has."""
    copy = folder / "run"
    shutil.copytree(run, copy)
    paths = [path for path in sorted(copy.rglob("*.arrow")) if path.stat().st_size < 4 << 20]
    others = [path for path in sorted(copy.rglob("*.json")) if path.stat().st_size < 4 << 20]
    commands = {
        "stats": [str(copy)],
        "show": [str(copy), "--dropped", "near_duplicate"],
        "verify": [str(copy)],
        "feed": ["peek", str(copy), "--phase", "foundation"],
        "diff": [str(run), str(copy)],
    }
    of = list(commands)
    for number, path in enumerate([*paths[:: max(1, len(paths) // 12)], *others[:: max(1, len(others) // 4)]]):

        def read(mutated: Path, path: Path = path) -> None:
            shutil.copyfile(mutated, path)
            # A mutant says by its bytes which command reads it, so that it is the same one again.
            name = of[zlib.crc32(mutated.read_bytes()) % len(of)]
            _command([name, *commands[name]])

        seed = folder / f"{number}.arrow"
        shutil.copyfile(path, seed)
        yield f"arrow {path.relative_to(copy)}", seed, _restoring(read, path, seed)


def rows(run: Path, folder: Path) -> Iterator[tuple[str, Path, Read]]:
    """One Arrow file of each folder of a run."""
    from corpus.storage import ipc
    from corpus.storage.item_records import Records

    def read(path: Path) -> None:
        reader = ipc.open_reader(str(path))
        for number in range(reader.num_record_batches):
            reader.get_batch(number).to_pydict()

    paths = {path.relative_to(run).parts[0]: path for path in sorted(run.rglob("*.arrow"), reverse=True)}
    paths["records"] = min(run.rglob("records.arrow"))
    for name, path in sorted(paths.items()):
        if path.stat().st_size < 1 << 18:
            shutil.copyfile(path, folder / f"{name}.arrow")
            yield f"rows {name}", folder / f"{name}.arrow", read
    shutil.copyfile(paths["records"], folder / "stored.arrow")
    yield "rows as records", folder / "stored.arrow", lambda path: [*Records.read(str(path))] and None


def lists(folder: Path) -> Iterator[tuple[str, Path, Read]]:
    from corpus.sources.path_lists import read_path_list, resolve

    def read(path: Path) -> None:
        for line in read_path_list(str(path)):
            resolve(line, "https://a.org/", folder, outside=False)

    data = b"".join(b"crawl-data/CC-MAIN-2024-10/segments/%d/warc/a-%05d.warc.gz\n" % (n * 7919, n) for n in range(200))
    for name, stored in (("paths.txt", data), ("paths.gz", gzip.compress(data, mtime=0))):
        (folder / name).write_bytes(stored)
        yield f"list {name}", folder / name, read


def _restoring(read: Read, path: Path, seed: Path) -> Read:
    def whole(mutated: Path) -> None:
        try:
            read(mutated)
        finally:
            shutil.copyfile(seed, path)

    return whole


def _one_mistake_a_line(error: CorpusError) -> None:
    """Raises RuntimeError for an error of several lines, but for a recipe's mistakes: each on a line that names the file."""
    first, *others = str(error).splitlines()
    file = first.split(":")[0]
    if others and not (isinstance(error, RecipeError) and all(line.startswith(f"{file}:") for line in others)):
        raise RuntimeError(f"an error of several lines: {error!r}") from error


def _command(arguments: list[str]) -> None:
    """A command as the shell calls it; a RuntimeError where it prints a traceback or an error of several lines."""
    from pipelines.cli import main

    said = io.StringIO()
    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said), contextlib.suppress(SystemExit)
    with quiet[0], quiet[1], quiet[2]:
        main.main(arguments, prog_name="corpus")
    if "Traceback" in said.getvalue():
        raise RuntimeError(said.getvalue()[-300:])


def models(run: Path, folder: Path) -> Iterator[tuple[str, Path, Read]]:
    from corpus.text.sentence_pieces import open_pieces, try_pieces
    from filters.language.fasttext_model import load_model
    from filters.language.identification import default_model_path

    def read_fasttext(path: Path) -> None:
        load_model(path).predict(["the committee met", "\u59d4\u5458\u4f1a"], k=3)

    shutil.copyfile(default_model_path(), folder / "lid.ftz")
    read_fasttext(folder / "lid.ftz")  # compiles, before there are children
    yield "fastText lid.176.ftz", folder / "lid.ftz", read_fasttext
    for path in list((run / "tokenizer").rglob("*.model"))[:1]:
        shutil.copyfile(path, folder / "pieces.model")
        open_pieces(str(path))
        yield "SentencePiece", folder / "pieces.model", lambda path: try_pieces(str(path))


def recipes(folder: Path) -> Iterator[tuple[str, Path, Read]]:
    from corpus.recipe.parsing import load_recipe

    for path in [REPOSITORY / "examples" / "demo" / "recipe.toml", *sorted((REPOSITORY / "recipes").glob("*.toml"))]:
        shutil.copyfile(path, folder / path.name)
        yield f"recipe {path.name}", folder / path.name, lambda path: load_recipe(path) and None


# ------------------------------------------------------------------------------------------------ children


def try_mutants(read: Read, seed: bytes, first: int, count: int, key: str, place: Path) -> tuple[int, str]:
    """(how many were read to the end, what the next one did or ""), in a child process."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(told)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
            for number in range(first, first + count):
                place.write_bytes(mutant(seed, random.Random(f"{key}/{number}")))
                signal.setitimer(signal.ITIMER_PROF, SECONDS)
                signal.alarm(WAIT)
                try:
                    read(place)
                except CorpusError as error:
                    _one_mistake_a_line(error)
                signal.setitimer(signal.ITIMER_PROF, 0)
                signal.alarm(0)
                os.write(tell, b".")
            status = 0
        except BaseException as error:
            os.write(tell, f"{type(error).__name__}: {error}"[:300].encode("utf-8", "replace"))
        finally:
            os._exit(status)
    os.close(tell)
    with os.fdopen(told, "rb") as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    done = len(said) - len(said.lstrip(b"."))
    if status == 0:
        return done, ""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        hangs = {signal.SIGPROF: f"works over {SECONDS} s", signal.SIGALRM: f"waits over {WAIT} s"}
        return done, hangs.get(signal.Signals(number), f"signal {number}")
    return done, said[done:].decode("utf-8", "replace").replace("\n", " ")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="a finished run; it is copied, never written")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=("inputs", "rows", "arrow", "models", "recipes", "lists"))
    parser.add_argument(
        "--found", type=Path, default=Path("fuzz-found"), help="where inputs that broke something are saved"
    )
    parser.add_argument("--again", type=Path, help="a saved input, read once more by the reader that its name has")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        return _fuzz(options, Path(name))


def _fuzz(options: argparse.Namespace, folder: Path) -> int:
    kinds = {"inputs": inputs, "rows": rows, "arrow": arrow, "models": models, "recipes": recipes, "lists": lists}
    readers: list[tuple[str, Path, Read]] = []
    for kind, make in kinds.items():
        if options.only is None or kind in options.only:
            mine = folder / kind
            mine.mkdir()
            readers += make(options.run, mine) if kind in ("rows", "arrow", "models") else make(mine)  # type: ignore[operator]
    if options.again is not None:
        number = int(options.again.stem.split("-")[0])
        readers[number][2](shutil.copyfile(options.again, readers[number][1]))
        print(f"{readers[number][0]}: read")
        return 0
    for name, seed, read in readers:  # what modules and kernels are loaded with, once
        with contextlib.suppress(CorpusError), contextlib.redirect_stdout(io.StringIO()):
            read(seed)
        print(f"seed   {name}", file=sys.stderr, flush=True)
    counts, found, batches, turn = [0] * len(readers), 0, [FIRST] * len(readers), -1
    end = time.monotonic() + options.seconds
    seeds = [seed.read_bytes() for _, seed, _ in readers]
    while time.monotonic() < end:
        turn += 1
        for number, (name, seed, read) in enumerate(readers):
            if time.monotonic() >= end:
                break
            if name.startswith("arrow ") and (turn + number) % COMMANDS_EVERY and options.only != ["arrow"]:
                continue
            place = seed.with_name(f"mutant{''.join(seed.suffixes)}")
            key = f"{options.seed}/{name}"
            began = time.monotonic()
            done, broke = try_mutants(read, seeds[number], counts[number], batches[number], key, place)
            fitting = int((done + 1) * SLICE / max(time.monotonic() - began, 0.001))
            batches[number] = min(MOST, max(2, fitting))
            if broke:
                found += 1
                options.found.mkdir(exist_ok=True)
                saved = options.found / f"{number}-{options.seed}-{counts[number] + done}{seed.suffix}"
                saved.write_bytes(mutant(seeds[number], random.Random(f"{key}/{counts[number] + done}")))
                print(f"BROKE  {name}: {broke} ({saved})", flush=True)
            counts[number] += done + bool(broke)
    for (name, *_), count in zip(readers, counts, strict=True):
        print(f"{count:>9,}  {name}")
    print(f"{sum(counts):,} mutants, {found} broke something")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
