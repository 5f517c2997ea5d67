"""The way from WARC files to judged documents against datatrove's own: python benchmarks/bench_datatrove.py --datatrove PYTHON

    benchmarks/peers/install.sh datatrove /tmp/datatrove
    python benchmarks/bench_datatrove.py --datatrove /tmp/datatrove/bin/python [WARC …]

The peer is WarcReader → Trafilatura → LanguageFilter → Gopher repetition → Gopher quality → C4 → FineWeb in its own
environment, with the trafilatura that it asks for (benchmarks/peers/datatrove_chain.py), and the language model that ours
uses. Ours is `corpus build --until select`: screens, main text, language, every signal, personal data, signatures, and a
verdict a document, by datatrove's rules at their defaults (the profile `parity`, as for English, which datatrove's filters
take every text for unless they are told). Both are one command with one worker that begins from nothing; both write the
dropped documents too. Without files: the demo's pages.

Compared first: pages read; of the documents that both have, how alike their texts are; which are kept; and whether our
rules, asked about the peer's texts, decide as the peer did: so what is left of a difference is the extraction's. A record id
that two files have counts once there. Claim: the peer takes at least 2.5 times the processor time, start included, once with
every language wanted and once with English alone, as FineWeb's chain has it. The two differ: with English alone the peer's
filters see few documents, and ours screens pages before they are parsed. docs/parity.md says which of them holds.

Times are user and system of all processes that a command starts, orphans included (Linux alone lets them be counted), and
elapsed. Shown beside it is the time over a file of three pages: what starting costs.
"""

import argparse
import ctypes
import dataclasses
import gzip
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import diff_datatrove
import numpy as np
from bench_extract import DEMO
from bench_memory import members

import filters
from corpus.storage.run_directory import RunDirectory
from filters.language.identification import LanguageModel, default_model_path
from pipelines.report.run_documents import RunDocuments

PEER = Path(__file__).parent / "peers" / "datatrove_chain.py"
PARITY = Path(filters.__file__).parent / "profiles" / "parity.toml"
SHINGLE_WORDS = 5
_PR_SET_CHILD_SUBREAPER = 36


@dataclasses.dataclass(frozen=True)
class Row:
    """A page that has a text."""

    text: str  # as it was extracted
    reason: str  # "" where it is kept


@dataclasses.dataclass(frozen=True)
class Result:
    rows: dict[str, Row]  # by record id
    processor_seconds: float
    elapsed_seconds: float


def adopt_orphans() -> None:
    """What a command leaves behind becomes a child of this process, so that `timed` counts it."""
    if sys.platform != "linux" or ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise SystemExit("times of orphaned processes are counted on Linux alone")


def timed(command: list[str]) -> tuple[float, float]:
    """Processor and elapsed seconds of a command and of all that it started."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    elapsed = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr.decode(errors='replace')[-2000:]}")
    while True:  # orphans are ours, and their times are only counted when they are waited for
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, elapsed


def recipe_of(inputs: Path, language: str | None) -> str:
    """Every text judged by the rules of `parity` on English; no document is looked for in others."""
    variants = tomllib.loads(PARITY.read_text(encoding="utf-8"))["variant"]
    rules = next(variant["rules"] for variant in variants if variant["name"] == "english")
    tables = ["{" + ", ".join(f"{key} = {json.dumps(value)}" for key, value in rule.items()) + "}" for rule in rules]
    return f"""
[run]
name = "datatrove"
languages = ["{language or "*"}"]
max_failed_fraction = 1.0
[[source]]
name = "pages"
inputs = ["{inputs}/*.warc.gz"]
profile = "english"
[dedup]
exact = false
near = false
[privacy]
email = "keep"
ip = "keep"
resident_id = "keep"
card = "keep"
phone = "keep"
[profiles.english]
rules = [
{", ".join(tables)}
]
"""


def run_ours(inputs: Path, output: Path, language: str | None) -> Result:
    output.mkdir()
    recipe = output / "recipe.toml"
    recipe.write_text(recipe_of(inputs, language), encoding="utf-8")
    command = [sys.executable, "-m", "pipelines.cli", "build", str(recipe), "--run-dir", str(output / "run")]
    seconds = timed([*command, "--until", "select", "--workers", "1"])
    documents, rows = RunDocuments(RunDirectory(str(output / "run"))), {}
    for item in documents.items():
        table = documents.columns(item, ["id", "text", "kept", "reason"])
        for name, text, kept, reason in zip(*(column.to_pylist() for column in table.columns), strict=True):
            rows[name] = Row(text, "" if kept else reason)
    return Result(rows, *seconds)


def run_theirs(python: Path, inputs: Path, output: Path, language: str | None) -> Result:
    command = [str(python), str(PEER), str(inputs), str(output), "--model", str(default_model_path())]
    seconds = timed([*command, *(["--language", language] if language else [])])
    rows = {}
    for file in output.glob("**/*.jsonl.gz"):
        for line in gzip.decompress(file.read_bytes()).decode().splitlines():
            row = json.loads(line)
            meta = row["metadata"]
            reason = (
                "" if file.parent.name == "kept" else f"{file.parent.name}: {meta.get('filter_reason', 'language')}"
            )
            rows[row["id"]] = Row(meta.get("extracted", row["text"]), reason)
    return Result(rows, *seconds)


def our_verdicts(texts: list[str], language: str | None) -> list[str]:
    """What `parity` says of the peer's texts."""
    found = LanguageModel(default_model_path()).identify(texts)
    columns: dict[str, Any] = diff_datatrove.measured(texts, "en")
    columns["language_score"] = np.array([each.score for each in found], np.float32)
    reasons = diff_datatrove.first_failures(list(diff_datatrove.limits_of("parity", "en")), columns)
    return [
        "language" if language is not None and each.language != language else reason
        for each, reason in zip(found, reasons, strict=True)
    ]


def shingles(text: str) -> set[tuple[str, ...]]:
    """Runs of five words; of five characters where a text has hardly any spaces."""
    words: list[str] = text.split()
    if len(words) < len(text) / 20:
        words = list("".join(words))
    return {tuple(words[at : at + SHINGLE_WORDS]) for at in range(max(1, len(words) - SHINGLE_WORDS + 1))}


def jaccard(a: str, b: str) -> float:
    first, second = shingles(a), shingles(b)
    return len(first & second) / len(first | second)


def compare(ours: Result, theirs: Result, language: str | None) -> None:
    def size(rows: Iterable[Row]) -> str:
        lengths = [len(row.text) for row in rows]
        return f"{len(lengths):,} documents, {sum(lengths):,} characters"

    both = ours.rows.keys() & theirs.rows.keys()
    print(
        f"  with a text      ours {size(ours.rows.values())}; theirs {size(theirs.rows.values())}; both {len(both):,}"
    )
    alike = [jaccard(ours.rows[name].text, theirs.rows[name].text) for name in sorted(both)]
    print(
        f"  texts alike      Jaccard of runs of five words: median {statistics.median(alike):.3f}, mean {statistics.mean(alike):.3f}"
    )
    kept = {name for name, row in ours.rows.items() if not row.reason}
    peer = {name for name, row in theirs.rows.items() if not row.reason}
    share = len(kept & peer) / max(1, len(kept | peer))
    print(
        f"  kept             ours {len(kept):,}, theirs {len(peer):,}, both {len(kept & peer):,}: {share:.3f} of either"
    )
    names = sorted(theirs.rows)
    verdicts = our_verdicts([theirs.rows[name].text for name in names], language)
    same = [bool(theirs.rows[name].reason) == bool(mine) for name, mine in zip(names, verdicts, strict=True)]
    print(
        f"  our rules on their texts decide as they do for {sum(same):,} of {len(same):,} ({sum(same) / len(same):.4f})"
    )
    why = Counter(
        f"theirs {theirs.rows[name].reason or 'kept'}, ours {mine or 'kept'}"
        for name, mine, agrees in zip(names, verdicts, same, strict=True)
        if not agrees
    )
    for reason, number in why.most_common(6):
        print(f"      {number:5}  {reason}")
    for title, only, of in (("only ours", kept - peer, theirs), ("only theirs", peer - kept, ours)):
        reasons = Counter(of.rows[name].reason if name in of.rows else "no text" for name in only)
        told = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common(5))
        print(f"  {title:16} {len(only)}; the other side says: {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, default=DEMO, metavar="WARC")
    parser.add_argument("--datatrove", type=Path, required=True, help="Python of the peer's environment")
    parser.add_argument("--languages", nargs="+", default=["*", "en"], help="Wanted, one run each; * is every one.")
    arguments = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "inputs").mkdir()
        (folder / "few").mkdir()
        pages = 0
        for file in arguments.files:
            (folder / "inputs" / file.name).symlink_to(file.resolve())
            pages += sum(b"WARC-Type: response" in record[:400] for record in members(file))
        few = members(arguments.files[0])[:4]
        (folder / "few" / "few.warc.gz").write_bytes(b"".join(map(gzip.compress, few)))
        for at, wanted in enumerate(arguments.languages):
            language = None if wanted == "*" else wanted
            # First the start of each, which also fills the caches of compiled code.
            for again in (0, 1):
                start_ours = run_ours(folder / "few", folder / f"few-ours-{at}-{again}", language)
                start_theirs = run_theirs(
                    arguments.datatrove, folder / "few", folder / f"few-theirs-{at}-{again}", language
                )
            ours = run_ours(folder / "inputs", folder / f"ours-{at}", language)
            theirs = run_theirs(arguments.datatrove, folder / "inputs", folder / f"theirs-{at}", language)
            versions = json.loads((folder / f"theirs-{at}" / "versions.json").read_text(encoding="utf-8"))
            print(f"{language or 'every language'} wanted, {pages:,} pages, {versions}")
            compare(ours, theirs, language)
            for who, result, start in (("ours", ours, start_ours), ("theirs", theirs, start_theirs)):
                print(
                    f"  {who:16} {result.processor_seconds:8.1f} s of processor time, {result.elapsed_seconds:.1f} elapsed "
                    f"(start {start.processor_seconds:.1f}, {start.elapsed_seconds:.1f}); {pages / result.processor_seconds:.1f} pages/s"
                )
            ratio = theirs.processor_seconds / ours.processor_seconds
            without = (theirs.processor_seconds - start_theirs.processor_seconds) / (
                ours.processor_seconds - start_ours.processor_seconds
            )
            elapsed = theirs.elapsed_seconds / ours.elapsed_seconds
            print(
                f"  times as fast    {ratio:.2f} (without start {without:.2f}, elapsed {elapsed:.2f}; claim: at least 2.5)",
                flush=True,
            )


if __name__ == "__main__":
    main()
