"""Memory and time of everything that reads one text, over one long text: python benchmarks/bench_long_text.py [--megabytes N]

Each reader, over each family of texts, is a process of its own with its kernels compiled and its tables loaded; the figure is
the most that process had in memory while it read (VmHWM) less what it had before, in bytes a byte of UTF-8. `measure` is
filters.measuring.signal_batch: all that stands between documents/ and signals/, over a batch that holds nothing else.

Claim: `measure` takes at most MEASURE_BYTES_A_BYTE, so that a worker over a text of `extract.max_text_bytes` stays below what
docs/recipe.md says of it; and a reader's time a byte is what it is for a text of 1 MB, within a factor of 4. Ends with 1 where
that is not so.
"""

import argparse
import gc
import multiprocessing
import random
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pyarrow as pa

#: What the limit's arithmetic rests on (docs/recipe.md).
MEASURE_BYTES_A_BYTE = 60

SMALL = 1_000_000


def _words(letters: str, seed: int, most: int = 20_000) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(most)]


def _filled(pieces: list[str], between: str, size: int, seed: int) -> str:
    """A text of so many bytes of UTF-8, of pieces drawn by chance."""
    chance = random.Random(seed)
    sample = between.join(chance.choices(pieces, k=1000)).encode()
    joined = between.join(chance.choices(pieces, k=1000 * size // len(sample) + 1000))
    return joined.encode()[:size].decode("utf-8", "ignore")


def _prose(size: int) -> str:
    words = _words("etaoinshrdlucmfw", 1)
    chance = random.Random(2)
    sentences = [" ".join(chance.choices(words, k=12)).capitalize() + "." for _ in range(20_000)]
    return _filled(sentences, "\n", size, 3)


FAMILIES: dict[str, Callable[[int], str]] = {
    "prose": _prose,
    "chinese": lambda size: _filled([chr(code) for code in range(0x4E00, 0x5E00)], "", size, 4),
    "digits": lambda size: ("1 " * (size // 2 + 1))[:size],
    "letters": lambda size: _filled(list("abcdefghij"), " ", size, 5),
    "one line": lambda size: _filled(_words("abcdefghij", 6), " ", size, 7),
    "one word": lambda size: _filled(list("abcdefghijklmnopqrstuvwxyz"), "", size, 8),
    "short lines": lambda size: _filled(_words("abc", 9), "\n", size, 10),
    "marks": lambda size: (",." * (size // 2 + 1))[:size],
    "newlines": lambda size: "a" + "\n" * (size - 2) + "b",
}


def _signals(texts: pa.Array) -> None:
    from filters.quality import signals

    signals.measure(texts, ["en"] * len(texts))


def _datatrove(texts: pa.Array) -> None:
    from filters.parity import datatrove_signals

    datatrove_signals.measure(texts)


def _minhash(texts: pa.Array) -> None:
    from filters.copies import minhash

    minhash.signatures(texts)


def _privacy(texts: pa.Array) -> None:
    from filters.privacy import pii

    pii.measure(texts)


def _language(texts: pa.Array) -> None:
    from filters.language.identification import LanguageModel, default_model_path

    LanguageModel(default_model_path()).identify(texts.to_pylist())


def _exams(texts: pa.Array) -> None:
    from filters.exams.grams import GramSettings
    from filters.exams.index import build_index
    from filters.exams.items import Item, Part
    from filters.exams.search import find_items

    question = "A question of an exam that asks for the seventh prime number above one hundred and thirteen."
    find_items(texts, build_index([Item("exam", "0", {Part.QUESTION: (question,)})], GramSettings()))


def _word_lists(texts: pa.Array) -> None:
    from filters.scorers.word_lists import count_listed, entries_of

    count_listed(texts, entries_of([("an entry", "")]))


def _lines(texts: pa.Array) -> None:
    from filters.copies.shared_lines import measure_lines

    measure_lines(texts, 10)


def _clean(texts: pa.Array) -> None:
    from corpus.pages.page_text import clean

    for text in texts.to_pylist():
        clean(text)


def _line_rules(texts: pa.Array) -> None:
    from corpus.text.line_rules import LineRules, edit_lines

    for text in texts.to_pylist():
        edit_lines(text, LineRules(javascript=True))


def _measure(texts: pa.Array) -> None:
    from corpus import schema
    from corpus.recipe import Dedup, LanguageIdentification
    from filters.language.identification import default_model_path
    from filters.measuring import LanguageSettings, MeasureSettings, signal_batch

    columns = [
        texts
        if field.name == "text"
        else pa.array(["source"] * len(texts), field.type)
        if field.name == "source"
        else pa.array([bytes(field.type.byte_width)] * len(texts), field.type)
        if pa.types.is_fixed_size_binary(field.type)
        else pa.nulls(len(texts), field.type)
        if field.nullable
        else pa.array([0] * len(texts), pa.int64()).cast(field.type)
        if pa.types.is_integer(field.type)
        else pa.array([[]] * len(texts), field.type)
        if pa.types.is_list(field.type)
        else pa.array([""] * len(texts), field.type)
        for field in schema.DOCUMENTS
    ]
    documents = pa.RecordBatch.from_arrays(columns, schema=schema.DOCUMENTS)
    language = LanguageSettings(LanguageIdentification(), default_model_path())
    signal_batch(documents, MeasureSettings(language, Dedup(), groups=("datatrove",)))


READERS: dict[str, Callable[[pa.Array], None]] = {
    "signals": _signals,
    "datatrove": _datatrove,
    "minhash": _minhash,
    "privacy": _privacy,
    "language": _language,
    "exams": _exams,
    "word lists": _word_lists,
    "shared lines": _lines,
    "clean": _clean,
    "line rules": _line_rules,
    "measure": _measure,
}


def _status(name: str) -> int:
    """Bytes of a line of /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _observe(reader: str, family: str, size: int, answer: Connection) -> None:
    """Sends (bytes that reading took, seconds, seconds of a text of SMALL bytes)."""
    read, text = READERS[reader], FAMILIES[family]
    small = pa.array([text(SMALL)], pa.large_string())
    read(small)
    begun = time.process_time()
    read(small)
    usual = time.process_time() - begun
    large = pa.array([text(size)], pa.large_string())
    del small
    gc.collect()
    pa.default_memory_pool().release_unused()
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    before = _status("VmRSS")
    begun = time.process_time()
    read(large)
    answer.send((_status("VmHWM") - before, time.process_time() - begun, usual))


def observed(reader: str, family: str, size: int) -> tuple[int, float, float]:
    """As `_observe` sends it, of a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_observe, args=(reader, family, size, theirs))
    child.start()
    theirs.close()
    try:
        found: tuple[int, float, float] = ours.recv()
    except EOFError:
        raise SystemExit(f"{reader} over {family} died") from None
    child.join()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=16, help="of the text, 10^6 bytes")
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS))
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    arguments = parser.parse_args()
    size = arguments.megabytes * 1_000_000
    wrong = []
    for reader in arguments.readers:
        for family in arguments.families:
            taken, seconds, usual = observed(reader, family, size)
            slower = seconds / size / max(usual / SMALL, 1e-9)
            print(
                f"{reader:13}{family:12} {taken / 1e6:8,.0f} MB {taken / size:6.1f} bytes a byte  {seconds:6.2f} s  "
                f"{1e9 * seconds / size:7.1f} ns a byte, {slower:.1f} times that of 1 MB",
                flush=True,
            )
            if reader == "measure" and taken > MEASURE_BYTES_A_BYTE * size:
                wrong.append(f"{reader} over {family}: {taken / size:.1f} bytes a byte")
            if slower > 4:
                wrong.append(f"{reader} over {family}: {slower:.1f} times the time a byte")
    if wrong:
        raise SystemExit("claims that do not hold:\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
