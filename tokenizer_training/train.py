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
    """The serialized model. Raises RecipeError where the text has too few distinct pieces for `vocab_size`.

    Memory: SentencePiece holds the whole sample, some 10 times its bytes for unigram: bounded by `sample_bytes`.
    """
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=training_sentences(texts),
            model_writer=model,
            vocab_size=settings.vocab_size,
            model_type=settings.model_type,
            character_coverage=0.9995,
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
        most = re.search(r"<= ?(\d+)", str(error))
        allowed = f"at most {most.group(1)} is possible" if most else str(error).partition("\n")[0]
        raise RecipeError(
            f"tokenizer.vocab_size = {settings.vocab_size}: too many for this text ({allowed}); "
            f"give it a smaller vocab_size or a larger sample"
        ) from error
    return model.getvalue()
