"""What `filters.privacy.pii` finds in labelled cases, and what it costs beside the signals: python benchmarks/bench_pii.py

    --input FILE.jsonl(.gz)   texts to measure the cost on; without it none is measured there
    --markdown --data DATA    print nothing but the table of DATA/pii2/cases.jsonl: precision and recall by kind
    --list                    print what is found in them, each once, with what stands around it, to be judged by eye

Costs are CPU time of one process, the least of some rounds. A *place* is what the compiled gate lets through to the regular
expressions. Hostile texts repeat one unit up to 1 MB, and three times that to see whether the cost grows in proportion.
"""

import argparse
import gzip
import importlib.util
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pyarrow as pa

from corpus.unicode.segmentation import utf8_buffers
from filters.privacy import gate, pii
from filters.quality import signals

CASES = Path(__file__).parents[1] / "tests" / "pii_cases.py"
ROUNDS = 5
CHUNK_CHARACTERS = 4000
HOSTILE_BYTES = 1_000_000
HOSTILE = {
    "digits": "1",
    "e-mail addresses": "a@a.com ",
    "`@` between letters": "a@",
    "full-width e-mail": "ａ＠ａ．ｃｎ，",
    "IP addresses": "61.2.3.44 ",
    "dots and digits": "1.2.",
    "IPv6 groups": "2001:",
    "mobiles": "13812345678，",
    "plus signs": "+49 ",
    "brackets": "(1",
    "card-like groups": "4111 1111 1111 1111 ",
}


def best_seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    seconds = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def print_cases() -> None:
    module = load_cases()
    cases = module.read_cases()
    positive = sum(bool(case.gold) for case in cases)
    print(f"{positive} texts with personal data, {len(cases) - positive} without")
    print("| kind | marked | found | precision | recall |\n| --- | --- | --- | --- | --- |")
    for kind, (right, wrong, missed) in module.scores(cases).items():
        print(
            f"| {kind} | {right + missed} | {right + wrong} | {right / (right + wrong):.4f} | {right / (right + missed):.4f} |"
        )


def print_markdown(file: Path) -> None:
    """Precision and recall by kind on {"text", "spans": [{"kind", "begin", "end"}]}, offsets in code points."""
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for case in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        text = case["text"]
        data = text.encode()
        found = {
            (str(kind), len(data[:begin].decode()), len(data[:end].decode())) for kind, begin, end in pii.find(text)
        }
        marked = {(span["kind"], span["begin"], span["end"]) for span in case["spans"]}
        for counter, each in ((right, found & marked), (wrong, found - marked), (missed, marked - found)):
            counter.update(kind for kind, _, _ in each)
            counter["all"] += len(each)
    print("| kind | marked | found | precision | recall |\n| --- | --- | --- | --- | --- |")
    for kind in sorted({*right, *wrong, *missed}, key=lambda kind: (kind == "all", kind)):
        marked_of, found_of = right[kind] + missed[kind], right[kind] + wrong[kind]
        shares = (f"{right[kind] / size:.3f}" if size else "" for size in (found_of, marked_of))
        print(f"| `{kind}` | {marked_of} | {found_of} | {' | '.join(shares)} |")


def load_cases() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pii_cases", CASES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def read_texts(path: Path) -> list[str]:
    open_text = gzip.open if path.suffix == ".gz" else open
    with open_text(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def chunks(texts: list[str]) -> Iterator[str]:
    """Texts of CHUNK_CHARACTERS, so that a document is what the claims are about."""
    for text in texts:
        for begin in range(0, len(text), CHUNK_CHARACTERS):
            if len(chunk := text[begin : begin + CHUNK_CHARACTERS]) >= CHUNK_CHARACTERS // 4:
                yield chunk


def print_costs(texts: list[str]) -> None:
    pieces = list(chunks(texts))
    array = pa.array(pieces, pa.large_string())
    data, offsets = utf8_buffers(array)
    size, number = len(data), len(pieces)
    gating = best_seconds(lambda: gate.find_places(data, offsets))
    whole = best_seconds(lambda: pii.measure(array))
    measured = best_seconds(lambda: signals.measure(array, ["en"] * number), 2)
    places = gate.find_places(data, offsets)
    without = 1 - len(set(places.document.tolist())) / number
    counts = {name: int(column.sum()) for name, column in pii.measure(array).counts.items()}
    print(f"\n{number} documents of {size / number:.0f} bytes: {counts}")
    print(f"signals        {measured / number * 1e6:8.2f} µs a document")
    print(
        f"gate           {gating / number * 1e6:8.2f} µs a document, {gating / measured:.1%} of the signals; {gating / size * 1e9:.2f} ns a byte"
    )
    print(f"all            {whole / number * 1e6:8.2f} µs a document, {whole / measured:.1%} of the signals")
    per_place = (whole - gating) / max(len(places.kind), 1)
    print(f"places         {len(places.kind) / number:8.2f} a document, {per_place * 1e6:.1f} µs each")
    print(f"without any    {without:8.1%} of the documents: those cost the gate alone")


def print_hostile() -> None:
    print("\n| hostile text | µs a byte | of three times as much, to one |\n| --- | --- | --- |")
    for name, unit in HOSTILE.items():
        text = unit * (HOSTILE_BYTES // len(unit.encode()))
        one, three = (pa.array([text * times], pa.large_string()) for times in (1, 3))
        seconds = best_seconds(lambda one=one: pii.measure(one), 1)
        thrice = best_seconds(lambda three=three: pii.measure(three), 1)
        print(f"| {name} | {seconds / HOSTILE_BYTES * 1e6:.2f} | {thrice / seconds:.1f} |")


def print_found(texts: list[str]) -> None:
    seen: set[tuple[str, bytes]] = set()
    for text in texts:
        data = text.encode()
        for kind, begin, end in pii.find(text):
            if (key := (kind, data[begin:end])) not in seen:
                seen.add(key)
                around = (data[max(0, begin - 50) : begin], data[begin:end], data[end : end + 30])
                before, found, after = (part.decode("utf-8", "ignore").replace("\n", "⏎") for part in around)
                print(f"{kind} | {before}⟦{found}⟧{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--input", type=Path, help="JSONL or JSONL.gz with a text in each row")
    parser.add_argument("--list", action="store_true", help="print what is found in it instead")
    parser.add_argument("--markdown", action="store_true", help="the table of the quality page")
    parser.add_argument("--data", type=Path, help="folder of pii2/, with --markdown")
    arguments = parser.parse_args()
    if arguments.markdown:
        print_markdown(arguments.data / "pii2" / "cases.jsonl")
        return
    texts = read_texts(arguments.input) if arguments.input else []
    if arguments.list:
        print_found(texts)
        return
    pii.warm_up()
    signals.warm_up()
    print_cases()
    if texts:
        print_costs(texts)
    print_hostile()


if __name__ == "__main__":
    main()
