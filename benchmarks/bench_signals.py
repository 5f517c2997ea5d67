"""Documents and MB of text per second for every signal of `filters.signals`, one core.

Run `python benchmarks/bench_signals.py [--input FILE.jsonl(.gz)]`; without a file the texts are made. A sample is
compared with the plain Python reference of the tests first: a fast wrong answer prints nothing.
"""

import argparse
import gzip
import importlib.util
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa

from corpus.seeds import derive_seed
from filters import signals

REFERENCE = Path(__file__).parents[1] / "tests" / "reference_signals.py"
ROUNDS = 5


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
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path, help="JSONL or JSONL.gz with a text in each row")
    parser.add_argument("--documents", type=int, default=3_000)
    arguments = parser.parse_args()
    texts = load_texts(arguments.input, arguments.documents)
    begin = time.perf_counter()
    signals.warm_up()
    print(f"warm-up            {time.perf_counter() - begin:8.2f} s")
    sample = [text[:5_000] for text in texts[:: max(len(texts) // 30, 1)]]
    check(sample)
    array, languages = pa.array(texts, pa.large_string()), ["en"] * len(texts)
    size_bytes = sum(len(text.encode()) for text in texts)
    seconds = best_seconds(lambda: signals.measure(array, languages))
    reference = _load_reference()
    reference_seconds = best_seconds(lambda: [reference.measure(text, "en") for text in sample])
    print(f"{len(texts)} documents of {size_bytes / len(texts):.0f} bytes, a sample equal to the reference")
    print(f"filters.signals    {len(texts) / seconds:8.0f} documents/s  {size_bytes / seconds / 1e6:8.1f} MB/s")
    print(f"plain Python       {len(sample) / reference_seconds:8.0f} documents/s, on the sample")


if __name__ == "__main__":
    main()
