"""Near-duplicates of 50,000 documents: ours beside datatrove's four MinHash stages and text-dedup's local MinHash.

Run `python benchmarks/bench_minhash_peers.py DATA [--datatrove PYTHON] [--text-dedup PYTHON]`: DATA is a folder of JSONL.gz with a text
and its language in each row, the other two the Pythons of environments that `benchmarks/peers/install.sh` made. Without a peer only
ours is measured.

The documents are made of English paragraphs of DATA, seeded: 30,000 originals, each of as many runs of some lines of different texts as
make the length of a text of DATA; 5,000 exact copies; 15,000 near copies, half of them with words replaced here and there (0 to 10 %), half with
one passage replaced (0 to 50 %), so that their Jaccard similarity with the original lies between .3 and 1. What is copied is drawn with density
c^(-2/3): clusters by a power law.

All read the same JSONL and write what they keep, one process, 5-word shingles, 14 bands of 8 rows:

    kernels   near_duplicates.py: read, signatures, exact copies, candidates, verified at .8, resolved, write; nothing else
    build     `corpus build --until select`: that, and language, all signals, normal forms, personal data, files and records
    peers     their own programs at their defaults

Kept sets are compared document by document, by exact Jaccard similarities of all pairs (filters.copies.dedup_quality). The peers verify nothing:
who shares a band, directly or through others, is one cluster of which one stays. Claims: datatrove takes at least 20 times, text-dedup at least 10
times the processor time of `kernels`, start of Python included.
"""

import argparse
import gzip
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from bench_datatrove import adopt_orphans, timed
from near_duplicates import AT_ONCE, BANDS, ROWS, THRESHOLD
from numpy.typing import NDArray

from corpus.storage.run_directory import RunDirectory
from filters.copies.dedup_quality import ShingleIndex, shingle_set
from pipelines.report.run_documents import RunDocuments

PEER = Path(__file__).parent / "peers" / "datatrove_minhash.py"
ORIGINALS, EXACT, NEAR = 0.6, 0.1, 0.3
LEAST = 0.3  # who is less alike is not looked for
KERNELS = Path(__file__).parent / "near_duplicates.py"

# ------------------------------------------------------------------------------------------------ documents


def english(folder: Path) -> list[str]:
    texts: dict[str, None] = {}
    for file in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if row.get("lang") == "en":
                    texts.setdefault(row["text"])
    return list(texts)


def make_documents(texts: list[str], count: int) -> Iterator[str]:
    """`count` documents: originals first, then copies of them."""
    generator = np.random.default_rng(1)
    # As the normal form has them, or a build would compare other texts than the others: no indentation, no mojibake to be undone.
    lines = [[" ".join(line.split()) for line in text.split("\n") if line.strip() and line.isascii()] for text in texts]
    lines = [each for each in lines if each]
    lengths = [min(20_000, max(200, len(text))) for text in texts]
    words = [word for each in lines[:: max(1, len(lines) // 500)] for line in each for word in line.split(" ")]
    originals = []
    for _ in range(round(count * ORIGINALS)):
        wanted, parts = lengths[generator.integers(len(lengths))], []
        while sum(map(len, parts)) < wanted:
            source = lines[generator.integers(len(lines))]
            begin = generator.integers(len(source))
            parts += source[begin : begin + generator.integers(3, 9)]
        originals.append("\n".join(parts)[:wanted].strip())
        yield originals[-1]
    for number in range(count - len(originals)):
        original = originals[int(generator.random() ** 3 * len(originals))]
        yield original if number < round(count * EXACT) else changed(original, words, generator)


def changed(text: str, words: list[str], generator: np.random.Generator) -> str:
    own = text.split(" ")
    if generator.random() < 0.5:
        places = np.flatnonzero(generator.random(len(own)) < generator.random() * 0.1)
    else:
        many = int(len(own) * generator.random() * 0.5)
        places = np.arange(many) + generator.integers(len(own) - many + 1)
    for place in places.tolist():
        own[place] = words[generator.integers(len(words))]
    return " ".join(own)


# ------------------------------------------------------------------------------------------------ ours


def run_build(file: Path, folder: Path) -> tuple[NDArray[np.int64], tuple[float, float]]:
    recipe = folder.with_suffix(".toml")
    recipe.write_text(
        '[run]\nname = "peers"\nlanguages = ["*"]\n'
        f'[[source]]\nname = "made"\nformat = "jsonl"\nprofile = "none"\ninputs = ["{file}"]\n'
        f"[dedup]\nbands = {BANDS}\nrows = {ROWS}\nthreshold = {THRESHOLD}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pipelines.cli", "build", str(recipe), "--run-dir", str(folder)]
    seconds = timed([*command, "--until", "select", "--workers", "1"])
    documents, kept = RunDocuments(RunDirectory(str(folder))), []
    for item in documents.items():
        table = documents.columns(item, ["id", "kept"])
        kept += [
            int(name) for name, stays in zip(*(column.to_pylist() for column in table.columns), strict=True) if stays
        ]
    return np.array(sorted(kept)), seconds


# ------------------------------------------------------------------------------------------------ peers


def run_datatrove(python: Path, file: Path, folder: Path) -> tuple[NDArray[np.int64], tuple[float, float]]:
    seconds = timed([str(python), str(PEER), str(file.parent), str(folder)])
    kept = []
    for written in (folder / "kept").glob("*.jsonl"):
        with written.open(encoding="utf-8") as lines:
            kept += [int(json.loads(line)["id"]) for line in lines]
    print(f"datatrove: {(folder / 'versions.json').read_text(encoding='utf-8')}")
    return np.array(sorted(kept)), seconds


def run_text_dedup(python: Path, file: Path, folder: Path) -> tuple[NDArray[np.int64], tuple[float, float]]:
    command = [str(python), "-m", "text_dedup.minhash", "--path", "json", "--data_files", str(file), "--split", "train"]
    command += ["--cache_dir", str(folder.with_suffix(".cache")), "--output", str(folder), "--column", "text"]
    command += ["--batch_size", "10000", "--num_proc", "1", "--ngram", "5", "--min_length", "0"]
    command += ["--num_perm", str(BANDS * ROWS), "--b", str(BANDS), "--r", str(ROWS)]
    seconds = timed(command)
    kept = []
    for written in folder.glob("*.arrow"):
        with pa.memory_map(str(written)) as source:
            kept += [int(name) for name in pa.ipc.open_stream(source).read_all()["id"].to_pylist()]
    return np.array(sorted(kept)), seconds


# ------------------------------------------------------------------------------------------------ comparison


def compare(texts: list[str], stands: NDArray[np.int64], kept: NDArray[np.int64]) -> Iterator[str]:
    """The documents that only one side keeps, by why; exact similarities decide."""
    mine, theirs = stands < 0, np.zeros(len(texts), np.bool_)
    theirs[kept] = True
    differ = np.flatnonzero(mine != theirs)
    index = ShingleIndex([shingle_set(texts[row]) for row in differ.tolist()], LEAST)
    best, mine_left, theirs_left = np.zeros(len(differ)), np.zeros(len(differ)), np.zeros(len(differ))
    for begin in range(0, len(texts), AT_ONCE):
        rows, numbers, jaccard = index.alike(pa.array(texts[begin : begin + AT_ONCE], pa.large_string()))
        rows = rows + begin
        for values, where in ((best, rows >= 0), (mine_left, mine[rows]), (theirs_left, theirs[rows])):
            others = np.flatnonzero(where & (rows != differ[numbers]))
            np.maximum.at(values, numbers[others], jaccard[others])
    why: Counter[tuple[str, str]] = Counter()
    for number, row in enumerate(differ.tolist()):
        if mine[row]:
            if mine_left[number] >= THRESHOLD:
                reason = f"ours missed it: another that ours keeps is ≥ {THRESHOLD}"
            elif best[number] >= THRESHOLD:
                reason = "another copy of it was chosen to stay"
            else:
                reason = f"not verified: the most similar document of all is {band(best[number])}"
            why["only ours keeps", reason] += 1
        else:
            own = float(overlap_of(texts[row], texts[stands[row]]))
            if own < THRESHOLD:
                reason = f"ours removed it for one that is {band(own)}: error of the estimate"
            elif theirs_left[number] >= THRESHOLD:
                reason = f"the peer missed it: another that it keeps is ≥ {THRESHOLD}"
            else:
                reason = "another copy of it was chosen to stay"
            why["only the peer keeps", reason] += 1
    yield f"  kept             ours {mine.sum():,}, the peer {theirs.sum():,}, both {(mine & theirs).sum():,}"
    for (side, reason), number in sorted(why.items(), key=lambda pair: (pair[0][0], -pair[1])):
        yield f"      {side:20} {number:6,}  {reason}"


def overlap_of(first: str, second: str) -> float:
    return len(np.intersect1d(a := shingle_set(first), b := shingle_set(second))) / len(np.union1d(a, b))


def band(similarity: float) -> str:
    if similarity < LEAST:
        return f"less than {LEAST} alike"
    return f"from {int(similarity * 10) / 10:.1f} to {int(similarity * 10) / 10 + 0.1:.1f} alike"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--datatrove", type=Path, metavar="PYTHON")
    parser.add_argument("--text-dedup", type=Path, metavar="PYTHON")
    arguments = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "inputs").mkdir()
        file = folder / "inputs" / "documents.jsonl"
        texts = list(make_documents(english(arguments.data), arguments.documents))
        with file.open("w", encoding="utf-8") as lines:
            lines.writelines(json.dumps({"id": str(row), "text": text}) + "\n" for row, text in enumerate(texts))
        print(f"{len(texts):,} documents, {file.stat().st_size / len(texts):,.0f} bytes each as JSON", flush=True)
        warm = folder / "few.jsonl"  # what is compiled once, is compiled before
        warm.write_text(json.dumps({"id": "0", "text": texts[0]}) + "\n", encoding="utf-8")
        own = [sys.executable, str(KERNELS)]
        timed([*own, str(warm), str(folder / "few")])
        start = timed([*own, str(warm), str(folder / "again")])
        run_build(warm, folder / "few-build")
        kernels = timed([*own, str(file), str(folder / "kernels")])
        show("kernels", kernels, len(texts))
        print(f"  of it start      {start[0]:.1f} s")
        stands = np.load(folder / "kernels" / "stands.npy")
        kept, build = run_build(file, folder / "build")
        show("build", build, len(texts))
        one, other = ({texts[row] for row in rows.tolist()} for rows in (np.flatnonzero(stands < 0), kept))
        print(f"  kept texts       kernels {len(one):,}, build {len(other):,}, both {len(one & other):,}", flush=True)
        for peer, python, run, claim in (
            ("datatrove", arguments.datatrove, run_datatrove, 20),
            ("text-dedup", arguments.text_dedup, run_text_dedup, 10),
        ):
            if python is None:
                continue
            kept, seconds = run(python, file, folder / peer)
            show(peer, seconds, len(texts))
            print(
                f"  times as fast    {seconds[0] / kernels[0]:.1f} (claim: at least {claim}; the whole build {seconds[0] / build[0]:.2f})"
            )
            for line in compare(texts, stands, kept):
                print(line, flush=True)


def show(name: str, seconds: tuple[float, float], documents: int) -> None:
    print(
        f"{name:12} {seconds[0]:8.1f} s of processor time, {seconds[1]:.1f} elapsed; {documents / seconds[0]:,.0f} documents/s",
        flush=True,
    )


if __name__ == "__main__":
    main()
