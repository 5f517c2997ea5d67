"""SentencePiece models by path or URL."""

import sentencepiece

from corpus.errors import InputError
from corpus.processes.trial import try_call
from corpus.storage import files

#: What a model is tried with: several scripts, signs that a normaliser changes, bytes that no piece may stand for.
_TRIED = (
    "The committee met.\n \u59d4\u5458\u4f1a \uff21\u2460\ufdfa e\u0301 \u0416 \U0001f469\u200d\U0001f52c \x01\t\u2581"
)


def open_pieces(url: str) -> sentencepiece.SentencePieceProcessor:
    """The model of a file. Raises InputError where it is missing or no SentencePiece model."""
    try:
        data = files.read_bytes(url)
    except OSError as error:
        raise InputError(f"{url}: tokenizer model cannot be read: {error.strerror or error}") from error
    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=data)
        processor.vocab_size()
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{url}: not a SentencePiece model") from error
    return processor


def check_pieces(url: str) -> None:
    """Raises InputError where a model is missing, none, or fails or ends a process that uses it: tried in a child first."""
    try_call("corpus.text.sentence_pieces:try_pieces", str(url))


def try_pieces(url: str) -> None:
    """Opens a model, cuts a text with it and puts it together again."""
    processor = open_pieces(url)
    try:
        processor.decode(processor.encode(_TRIED, out_type=int))
        processor.encode(_TRIED * 50, out_type=str)
    except (RuntimeError, ValueError, IndexError) as error:
        said = " ".join(str(error).split())[:120]
        raise InputError(f"{url}: a SentencePiece model that cuts no text ({said}); give another") from error
