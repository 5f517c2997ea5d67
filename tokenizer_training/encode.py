"""Text → token ids, every document closed by the end-of-document id."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from corpus.columns import numpy_dtype
from corpus.errors import InputError
from corpus.schema import token_type
from corpus.text.sentence_pieces import open_pieces


@dataclasses.dataclass(frozen=True)
class Encoder:
    """A SentencePiece model. Cheap to copy through `load_encoder`: a process loads each model once."""

    processor: sentencepiece.SentencePieceProcessor
    end_of_document: int

    @property
    def vocabulary_size(self) -> int:
        return int(self.processor.vocab_size())

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        return numpy_dtype(token_type(self.vocabulary_size))

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.unsignedinteger], NDArray[np.int64]]:
        """Tokens of all texts (tokens,) and where each begins (texts + 1,)."""
        # One text at a time, and as an array: Python's own integers take 36 bytes each.
        ids = [self.processor.encode(text, return_type="numpy", add_eos=False) for text in texts]
        offsets = np.zeros(len(ids) + 1, np.int64)
        np.cumsum([len(each) + 1 for each in ids], out=offsets[1:])
        tokens = np.full(int(offsets[-1]), self.end_of_document, self.dtype)
        for begin, each in zip(offsets[:-1].tolist(), ids, strict=True):
            tokens[begin : begin + len(each)] = each
        return tokens, offsets

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens; an end-of-document id gives nothing."""
        return str(self.processor.decode([token for token in map(int, tokens) if token != self.end_of_document]))

    def piece(self, token: int) -> str:
        return str(self.processor.id_to_piece(int(token)))


@functools.cache
def load_encoder(url: str) -> Encoder:
    """The encoder of a model file. Raises InputError where it is missing, no SentencePiece model, or has no end id."""
    processor = open_pieces(url)
    end = int(processor.eos_id())
    if end < 0:
        raise InputError(f"{url}: the model has no end-of-sentence id to close documents with")
    return Encoder(processor=processor, end_of_document=end)
