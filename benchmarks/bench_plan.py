"""How far a plan is right, and the coefficients that the package comes with: python benchmarks/bench_plan.py [DATA [--write FILE]]

Calibrates on the demo, plans the demo by it, builds it with one worker, and shows both. Claim: documents and tokens within
2 %, bytes of documents/ and tokens/ within 5 %, processor time within a factor of 2: the build starts Python, Beam and an
extractor, of which a calibration takes no account. signals/ and decisions/ of the demo's work items of 60 documents are
mostly their schemas.

DATA is a folder of test data that is no part of this repository, with 699 pages of the web (`extraction/pages.warc.gz`: three
benchmarks of extractors) and texts of documentation in 15 languages (`text/*.jsonl.gz`). On them the coefficients of pages,
of rows and of a BPE tokenizer of 65,536 pieces are measured; on 3,713 pages of documentation (`pages/*.warc.gz`) what a sample
of an eighth says of all; `--write` writes them with those that are measured elsewhere
and stand in FILE already. What an exam, a classifier and a word list add to the run directory is measured on the demo.
"""

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from corpus.recipe.parsing import load_recipe
from corpus.storage.run_directory import RunDirectory
from pipelines.stage_list import stage_of
from pipelines.stages.outputs import CONTAMINATION, DECISIONS, DOCUMENTS, SCORES, SIGNALS, TOKENS, Output

DEMO = Path(__file__).parents[1] / "examples" / "demo" / "recipe.toml"
HOW = "benchmarks/bench_plan.py"

DATA_RECIPE = """
[run]
name = "calibration"
[[source]]
name = "pages"
inputs = ["{data}/extraction/pages.warc.gz"]
[[source]]
name = "rows"
format = "jsonl"
profile = "none"
inputs = ["{data}/text/*.jsonl.gz"]
[tokenizer]
vocab_size = 65_536
model_type = "bpe"
sample_bytes = 16_000_000
"""

PAGES_RECIPE = """
[run]
name = "extrapolation"
[[source]]
name = "pages"
inputs = ["{data}/pages/*.warc.gz"]
[tokenizer]
model_type = "bpe"
vocab_size = 16_000
"""

NAMES = {"pages": "pages of the web", "rows": "rows of text"}

#: Laid over the demo's recipe: an exam and a word list, for the bytes that they add.
MORE = {
    "decontaminate.exams": '[{{ name = "one", format = "gsm8k", files = ["{folder}/exam.jsonl"] }}]',
    "word_list": '[{{ name = "list", files = ["{folder}/words.txt"] }}]',
}


def calibrated(recipe: Path, how: str, sample_bytes: int = 1 << 30):
    from pipelines.planning.coefficients import shipped_coefficients
    from pipelines.planning.measured_coefficients import calibrate

    settings = load_recipe(recipe)
    return calibrate(
        settings,
        recipe,
        shipped_coefficients(),
        sample_bytes=sample_bytes,
        how=how,
        say=lambda what: print(f"  {what}", file=sys.stderr),
    )


def calibrated_on(data: Path):
    """On pages of the web and on rows, under names that no source of a recipe can have."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.toml"
        path.write_text(DATA_RECIPE.format(data=data.resolve()), encoding="utf-8")
        found = calibrated(path, f"{HOW} DATA")
    inputs = [each.model_copy(update={"name": NAMES[each.name]}) for each in found.inputs[: len(NAMES)]]
    return found.model_copy(update={"inputs": inputs})


def show_extrapolation(data: Path) -> None:
    """What a sample of an eighth of the 3,713 pages of documentation says, and what all of them do."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.toml"
        path.write_text(PAGES_RECIPE.format(data=data.resolve()), encoding="utf-8")
        size = sum(file.stat().st_size for file in (data / "pages").glob("*.warc.gz"))
        eighth, whole = (calibrated(path, HOW, sample_bytes).inputs[0] for sample_bytes in (size // 8, size))
    print(f"{'pages of documentation':22}{'an eighth':>14}{'all':>14}")
    for name in (
        "record_bytes",
        "documents",
        "text_bytes",
        "kept",
        "kept_text_bytes",
        "record_seconds",
        "document_seconds",
    ):
        a, b = getattr(eighth, name), getattr(whole, name)
        print(f"{name:22}{a:14.4g}{b:14.4g}{a / b:8.3f}")


def built(folder: Path) -> tuple[RunDirectory, float]:
    """The demo's run with an exam and a word list, and the processor time it took."""
    question = "How many of the documents that a corpus keeps are copies of another document of the corpus, and why?"
    (folder / "exam.jsonl").write_text(json.dumps({"question": question, "answer": "None"}) + "\n")
    (folder / "words.txt").write_text("package\nrelease\n")
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "build",
        str(DEMO),
        "--run-dir",
        str(folder / "run"),
        "--workers",
        "1",
    ]
    for key, value in MORE.items():
        command += ["--set", f"{key}={value.format(folder=folder)}"]
    before = spent()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return RunDirectory(str(folder / "run")), spent() - before


def spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured_of(run: RunDirectory) -> Iterator[tuple[str, float]]:
    """What the plan of the demo says, as the build's records have it."""
    from pipelines.stages.tokenizer import domain_totals

    extract, tokens = stage_of(run, DOCUMENTS), stage_of(run, TOKENS)
    yield "documents", sum(record.counts["documents"] for record in extract.records())
    yield "kept", sum(record.counts["documents"] for record in tokens.records())
    yield "tokens", sum(domain_totals(tokens.records(), "tokens").values())
    for output in (DOCUMENTS, SIGNALS, DECISIONS, TOKENS):
        yield f"bytes of {output.kind}/", bytes_of(run, output)


def bytes_of(run: RunDirectory, output: Output) -> int:
    records = stage_of(run, output).records()
    return sum(record.outputs[output.kind].bytes for record in records if output.kind in record.outputs)


def planned_of(estimate) -> dict[str, float]:
    stored = {each.kind: each.bytes for each in estimate.storage}
    return {
        "documents": sum(each.documents for each in estimate.sources),
        "kept": sum(each.kept for each in estimate.sources),
        "tokens": sum(estimate.domains.values()),
        "bytes of documents/": stored["documents"],
        "bytes of signals/": stored["signals"],
        "bytes of decisions/": stored["decisions, edges"],
        "bytes of tokens/": stored["tokens"],
    }


def main() -> None:
    logging.getLogger().addHandler(logging.NullHandler())  # Beam warns at its import
    from pipelines.planning.estimate import estimate
    from pipelines.planning.inputs import inputs_of

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--write", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    of_data = calibrated_on(arguments.data) if arguments.data is not None else None
    recipe = load_recipe(DEMO)
    known = calibrated(DEMO, f"{HOW}, the demo")
    item_bytes, inputs = inputs_of(recipe, DEMO.parent, where=str(DEMO))
    plan = estimate(recipe, inputs, known, item_bytes=item_bytes, token_bytes=2)
    with tempfile.TemporaryDirectory() as folder:
        run, seconds = built(Path(folder))
        actual = dict(measured_of(run))
        documents = actual["documents"]
        added = {
            "contamination_bytes": bytes_of(run, CONTAMINATION) / documents,
            "score_bytes": bytes_of(run, SCORES) / documents / 2,
        }
    pages = known.inputs[0]
    print(
        f"the demo: {pages.record_seconds * 1e3:.2f} ms a page and {pages.document_seconds * 1e3:.2f} ms a document in extract"
    )
    print(f"{'':22}{'plan':>14}{'build':>14}  plan / build")
    for name, number in planned_of(plan).items():
        print(f"{name:22}{number:14,.0f}{actual[name]:14,.0f}{number / actual[name]:8.3f}")
    planned = plan.core_hours * 3600
    print(f"{'processor seconds':22}{planned:14,.1f}{seconds:14,.1f}{planned / seconds:8.3f}")
    if of_data is None:
        return
    for each in of_data.inputs:
        print(f"{each.name}: {each.record_seconds * 1e3:.2f} ms a record, {each.document_seconds * 1e3:.2f} ms a document, "
              f"{each.text_seconds * 1e9:.0f} ns a byte of text")  # fmt: skip
    show_extrapolation(arguments.data)
    if arguments.write is not None:
        update = {name: {"value": float(f"{value:.4g}"), "source": f"{HOW}, the demo"} for name, value in added.items()}
        table = of_data.model_dump() | update
        arguments.write.write_text(json.dumps(table, indent=1, ensure_ascii=False) + os.linesep, encoding="utf-8")


if __name__ == "__main__":
    main()
