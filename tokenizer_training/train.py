"""Trains a SentencePiece model that gives back every text exactly as it was.

Identity normalisation, white space kept, no dummy prefix, bytes for what has no piece, a newline as a piece of its own:
decode(encode(text)) == text for every text without NUL and U+2581, which SentencePiece uses for the space.
Unigram training adds floats per thread, so the number of threads is a setting and never the machine's.
"""

import io
import re
from collections.abc import Iterable, Iterator

import sentencepiece

from corpus.errors import RecipeError
from corpus.recipe import Tokenizer

#: SentencePiece passes over longer "sentences" without a word, so lines are cut before they are.
MAX_SENTENCE_BYTES = 4096

UNKNOWN, BEGIN, END = 0, 1, 2

#: Share of the text's characters that get a piece of their own; the rarest are written in bytes.
CHARACTER_COVERAGE = 0.9995

LEAST_VOCABULARY = 300  # of a recipe

#: What SentencePiece 0.2 says, each with the nearest size that it would take.
_TOO_SMALL = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")
_TOO_LARGE = re.compile(r"too high .*<= ?(\d+)")
_NO_TEXT = "!sentences_.empty()"


def training_sentences(texts: Iterable[str]) -> Iterator[str]:
    """Lines of at most MAX_SENTENCE_BYTES, without empty ones."""
    for text in texts:
        for line in text.split("\n"):
            yield from _cut(line)


def _cut(line: str) -> Iterator[str]:
    if len(line.encode()) <= MAX_SENTENCE_BYTES:
        if line.strip():
            yield line
        return
    middle = line.rfind(" ", 1, len(line) // 2)
    middle = middle if middle > 0 else len(line) // 2
    yield from _cut(line[:middle])
    yield from _cut(line[middle:])


def train_model(texts: Iterable[str], settings: Tokenizer) -> bytes:
    """The serialized model. Raises RecipeError where `vocab_size` is too small or too large for the text, or there is none.

    Memory: SentencePiece holds the whole sample, some 10 times its bytes for unigram: bounded by `sample_bytes`.
    """
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=training_sentences(texts),
            model_writer=model,
            vocab_size=settings.vocab_size,
            model_type=settings.model_type,
            character_coverage=CHARACTER_COVERAGE,
            byte_fallback=True,
            split_digits=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=False,
            allow_whitespace_only_pieces=True,
            user_defined_symbols=["\n"],
            max_sentence_length=4 * MAX_SENTENCE_BYTES,
            shuffle_input_sentence=False,
            num_threads=settings.num_threads,
            unk_id=UNKNOWN,
            bos_id=BEGIN,
            eos_id=END,
            pad_id=-1,
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        raise RecipeError(_remedy(str(error), settings.vocab_size)) from error
    return model.getvalue()


def _remedy(said: str, vocab_size: int) -> str:
    """What a failure of SentencePiece means for the recipe, in one line, with the nearest size that works."""
    setting = f"tokenizer.vocab_size = {vocab_size}"
    if least := _TOO_SMALL.search(said):
        return (
            f"{setting}: too small for this text: its characters alone (all but the rarest {1 - CHARACTER_COVERAGE:.2%}), "
            f"256 bytes and the marks are {least[1]} pieces; give it vocab_size = {least[1]} or more"
        )
    if most := _TOO_LARGE.search(said):
        smaller = f"give it vocab_size = {most[1]} or less, or " if int(most[1]) >= LEAST_VOCABULARY else "give it "
        return f"{setting}: too large for this text, which has {most[1]} pieces at most; {smaller}a larger sample"
    if _NO_TEXT in said:
        return "tokenizer: the sample has no text to train on; raise tokenizer.sample_bytes, or name a model"
    return f"tokenizer: SentencePiece cannot train on this text with {setting}: {said.partition(chr(10))[0]}"
