"""SentencePiece models by path or URL."""

import sentencepiece

from corpus.errors import InputError
from corpus.storage import files


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
