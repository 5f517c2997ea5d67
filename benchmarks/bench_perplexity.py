"""Perplexity of real pages: python benchmarks/bench_perplexity.py WARC [--model MODEL [--tokenizer TOKENIZER]]

Without a model, a 5-gram model of the pages' own main texts is made first, of words and of 8,000 SentencePiece pieces; it fits
into a few MB, so what a model of gigabytes costs beside it in waiting for memory is not measured. Prints processor time a
document of 4 kB, of each part of a score, after each score was compared with a direct call of KenLM.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import kenlm
import sentencepiece
from bench_classifier import sides
from bench_extract import decoded_pages
from ngram_model import write_arpa

from corpus.text.ccnet_form import ccnet_form
from filters.scorers.classifier import units_of
from filters.scorers.perplexity import Perplexity, lines_of, token_lines

DOCUMENT_BYTES = 4000


def documents_of(texts: list[str]) -> list[str]:
    """Texts of 4 kB each: whole ones one after the other, cut where 4 kB are full."""
    data = "\n".join(texts).encode()
    pieces = (data[at : at + DOCUMENT_BYTES] for at in range(0, len(data) - DOCUMENT_BYTES, DOCUMENT_BYTES))
    return [piece.decode("utf-8", "ignore") for piece in pieces]


def micros(work: Callable[[str], object], texts: list[str]) -> float:
    """Processor time a document, the least of five passes."""
    found = []
    for _ in range(5):
        started = time.process_time()
        for text in texts:
            work(text)
        found.append(time.process_time() - started)
    return 1e6 * min(found) / len(texts)


def compare(path: Path, tokenizer: Path | None, texts: list[str]) -> None:
    """Fails where a score is another than KenLM's; prints the time of one."""
    scorer, model = Perplexity(path, tokenizer), kenlm.Model(str(path))
    lines = {text: b" ".join(token_lines(text, tokenizer, "ccnet")) for text in texts}
    for text, line in lines.items():
        assert math.isclose(scorer.perplexity(text), 10 ** (-model.score(line) / (len(line.split()) + 1)), rel_tol=1e-4)
    forms = [ccnet_form(text) for text in texts]
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer)) if tokenizer else None
    parts = {
        "form": micros(ccnet_form, texts),
        "tokens": micros(pieces.encode_as_pieces if pieces else units_of, forms),
        "KenLM": micros(lambda text: model.score(lines[text]), texts),
    }
    print(
        f"{'pieces' if pieces else 'words'}: {len(texts)} documents of 4 kB as KenLM scores them, "
        f"{micros(scorer.perplexity, texts):.0f} µs a document: "
        + ", ".join(f"{name} {time_of:.0f}" for name, time_of in parts.items())
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="WARC")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--tokenizer", type=Path)
    given = parser.parse_args()
    good, _ = sides(decoded_pages([file.resolve() for file in given.files]))
    texts = documents_of(good)
    if given.model:
        compare(given.model, given.tokenizer, texts)
        return
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines.txt"
        lines.write_text("\n".join(line for text in good for line in lines_of(text, "ccnet-lines")), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(lines), model_prefix=f"{folder}/pieces", vocab_size=8000, hard_vocab_limit=False, minloglevel=2
        )
        for tokenizer in (None, Path(folder) / "pieces.model"):
            sentences = [line for text in good for line in token_lines(text, tokenizer, "ccnet")]
            path = Path(folder) / f"{'words' if tokenizer is None else 'pieces'}.arpa"
            write_arpa(path, [line.decode().split(" ") for line in sentences], order=5)
            compare(path, tokenizer, texts)


if __name__ == "__main__":
    main()
