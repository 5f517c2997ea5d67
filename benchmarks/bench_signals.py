"""Documents and MB of text per second of what is measured on a text, one core: signals, rules, language, signature; and
datatrove's four filters on the same documents.

    python benchmarks/bench_signals.py [--input FILE.jsonl.gz --lang en --language en] [--datatrove PYTHON]

Without a file the texts are made. A sample is compared with the plain Python reference of the tests first, and with datatrove
every verdict under the profile `parity`: a fast wrong answer prints nothing. Times are the processor's, of one thread: the
best of some rounds of ours, the only one of datatrove's. datatrove is timed as it runs: one document through all filters, so
that the words that it splits for one serve the next.
"""

import argparse
import gzip
import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import diff_datatrove
import numpy as np
import pyarrow as pa

from corpus.errors import InputError
from corpus.seeds import derive_seed
from filters.copies import minhash
from filters.language.identification import LanguageModel, default_model_path
from filters.parity import datatrove_signals
from filters.quality import signals
from filters.quality.rules import Profiles, judge

REFERENCE = Path(__file__).parents[1] / "tests" / "reference_signals.py"
ROUNDS = 5
CHUNK_BYTES = 4 << 20
DOCUMENT_BYTES = 4096


def load_texts(path: Path | None, documents: int) -> list[str]:
    """The `text` of the first rows of a JSONL file, or made texts where there is no file."""
    if path is None:
        return made_texts(documents)
    open_text = gzip.open if path.suffix == ".gz" else open
    with open_text(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for _, line in zip(range(documents), lines, strict=False)]


def made_texts(documents: int) -> list[str]:
    """Texts of about 4 kB: words drawn by Zipf's law, in sentences and paragraphs; every third is in han characters."""
    generator = np.random.default_rng(derive_seed(0, "benchmark-texts"))
    letters = np.array(list("etaoinshrdlu"))
    latin = ["".join(generator.choice(letters, generator.integers(2, 10))) for _ in range(20_000)]
    han = [chr(0x4E00 + code) for code in generator.permutation(3_000)]
    texts = []
    for document in range(documents):
        vocabulary, joiner, stop = (han, "", "。") if document % 3 == 2 else (latin, " ", ". ")
        ranks = np.minimum(generator.zipf(1.3, 1_300 if joiner == "" else 650), len(vocabulary)) - 1
        sentences = np.array_split(ranks, 50)
        texts.append("\n".join(joiner.join(vocabulary[rank] for rank in part) + stop for part in sentences))
    return texts


def best_seconds(work: Callable[[], object]) -> float:
    """The least of some rounds: what the machine can do, not what its neighbours left of it."""
    seconds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def _load_reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_signals", REFERENCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(texts: list[str]) -> None:
    """Raises SystemExit where a signal of a text is not the reference's."""
    reference = _load_reference()
    measured = signals.measure(pa.array(texts, pa.large_string()), ["en"] * len(texts))
    for row, text in enumerate(texts):
        for name, value in reference.measure(text, "en").items():
            found = measured[name][row].item()
            if abs(found - value) > 1e-6 * max(1.0, abs(value)):
                raise SystemExit(f"{name} of text {row} is {found}, the reference has {value}")


def in_chunks(texts: list[str]) -> Iterator[pa.Array]:
    """Arrays of about the bytes that `measure` takes at once."""
    chunk: list[str] = []
    size_bytes = 0
    for text in texts:
        chunk.append(text)
        size_bytes += len(text.encode())
        if size_bytes >= CHUNK_BYTES:
            yield pa.array(chunk, pa.large_string())
            chunk, size_bytes = [], 0
    if chunk:
        yield pa.array(chunk, pa.large_string())


def signals_and_rules(chunks: list[pa.Array], language: str, profiles: Profiles) -> list[str]:
    """What a run does about quality: every signal, and the verdict of its profile."""
    reasons: list[str] = []
    for chunk in chunks:
        columns = signals.measure(chunk, [language] * len(chunk))
        batch = {name: pa.array(values) for name, values in columns.items()}
        fixed = {
            "source": pa.array(["x"] * len(chunk)),
            "language": pa.array([language] * len(chunk)),
            "language_score": pa.array(np.ones(len(chunk), np.float32)),
        }
        reasons += judge(pa.record_batch(fixed | batch), profiles, lambda _: True).to_pylist()
    return reasons


def against_datatrove(python: Path, texts: list[str], chunks: list[pa.Array], language: str) -> None:
    """Time of datatrove's four filters in a chain over time of all signals and rules; ends the script where the results,
    by the profile `parity`, are not the same first."""
    answer = diff_datatrove.ask_datatrove(python, texts, diff_datatrove.LANGUAGES[language], "--chain")
    columns = diff_datatrove.measured(texts, language)
    limits = diff_datatrove.limits_of("parity", language)
    for name, theirs in answer["verdicts"].items():
        rules = [limit for limit in limits if limit.source.endswith(name)]
        # C4QualityFilter writes what it left into its own copy of the document, so each filter sees the whole.
        if rules:
            ours = diff_datatrove.first_failures(rules, columns)
            equal = np.mean([bool(a) == bool(b) for a, b in zip(theirs, ours, strict=True)])
            print(f"  {name}: {equal:.4f} of the verdicts equal")
            if equal < 0.99:
                raise SystemExit(f"{name} agrees on {equal:.4f} of the documents: no time is worth measuring")
    profiles = diff_datatrove.profiles_of("web")
    seconds = best_seconds(lambda: signals_and_rules(chunks, language, profiles))
    theirs_seconds = sum(answer["seconds"].values())
    print(f"  datatrove, {len(answer['seconds'])} filters   {len(texts) / theirs_seconds:10.1f} documents/s")
    print(f"  all signals and rules  {len(texts) / seconds:10.1f} documents/s   {theirs_seconds / seconds:.0f} times")


def report(texts: list[str], language: str, python: Path | None) -> None:
    chunks = list(in_chunks(texts))
    size_bytes = sum(len(text.encode()) for text in texts)
    print(f"{language}: {len(texts)} documents of {size_bytes / len(texts):.0f} bytes")
    profiles = diff_datatrove.profiles_of("web")
    model = LanguageModel(default_model_path())
    model.identify(texts[:1])
    strings = [chunk.to_pylist() for chunk in chunks]
    buffers = [np.frombuffer(chunk.buffers()[2], np.uint8) for chunk in chunks]
    work: dict[str, Callable[[], object]] = {
        "signals": lambda: [signals.measure(chunk, [language] * len(chunk)) for chunk in chunks],
        "signals and rules": lambda: signals_and_rules(chunks, language, profiles),
        "language": lambda: [model.identify(chunk) for chunk in strings],
        "signature": lambda: [minhash.signatures(chunk, permutations=112, shingle=5) for chunk in chunks],
        "one pass over the bytes": lambda: [int(buffer.sum(dtype=np.uint64)) for buffer in buffers],
    }
    if language == "en":
        work["group datatrove"] = lambda: [datatrove_signals.measure(chunk) for chunk in chunks]
    seconds = {name: best_seconds(run) for name, run in work.items()}
    seconds["signals, language, signature"] = seconds["signals"] + seconds["language"] + seconds["signature"]
    for name, taken in seconds.items():
        print(
            f"  {name:<29} {len(texts) / taken:>9.0f} documents/s {size_bytes / taken / DOCUMENT_BYTES:>9.0f} of 4 kB/s "
            f"{size_bytes / taken / 1e6:>8.1f} MB/s {taken / seconds['one pass over the bytes']:>7.0f} passes"
        )
    if python is not None:
        against_datatrove(python, texts, chunks, language)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path, help="JSONL or JSONL.gz with a text in each row")
    parser.add_argument("--language", choices=diff_datatrove.LANGUAGES, default="en", help="of the file's texts")
    parser.add_argument("--lang", action="append", default=[], help="read only rows of this `lang`")
    parser.add_argument("--documents", type=int, default=3_000)
    parser.add_argument("--datatrove", type=Path, help="Python of the peer's environment (benchmarks/peers/install.sh)")
    arguments = parser.parse_args()
    if arguments.input is None:
        texts = made_texts(arguments.documents)
    else:
        texts = diff_datatrove.read_texts(arguments.input, set(arguments.lang), arguments.documents)
    begin = time.process_time()
    signals.warm_up()
    print(f"warm-up {time.process_time() - begin:.2f} s")
    check([text[:5_000] for text in texts[:: max(len(texts) // 30, 1)]])
    print("a sample is equal to the plain Python reference")
    try:
        report(texts, arguments.language, arguments.datatrove)
    except InputError as error:  # Chinese against datatrove wants jieba
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
