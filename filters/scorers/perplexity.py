"""The perplexity of texts under an n-gram language model of KenLM, as CCNet has it.

    perplexity = 10^(−Σ log10 p(line) / Σ (tokens of the line + 1))

over the lines of a text, where p(line) is the probability of its tokens and of the end of the sentence after its beginning:
the + 1 is that end. Lines without a token count for nothing; a text of nothing else is the end of a sentence alone. Low is
what is like the model's text; a text of words that the model does not know is somewhere over 10^5, and none is over 10^38.
Source: Wenzek et al. 2020 (arXiv:1911.00359), section 3.3, and its program facebookresearch/cc_net, cc_net/perplexity.py.

Lines are made of a text in three ways (`text` of a recipe's [[perplexity]]):

    ccnet        the whole text is one line in CCNet's form (corpus.text.ccnet_form): what cc_net/mine.py does
    ccnet-lines  its lines in that form, each by itself: what cc_net/perplexity.py does when it is called alone
    plain        its lines as they are

Tokens are the pieces of a SentencePiece model; without one, words, punctuation marks, and single characters where a script
has no spaces (filters.scorers.classifier.units_of). A text cannot steer its score: <s>, </s> and what has a NUL in it, which KenLM would take
for marks of its own, are words that it does not know.

Memory: a binary model (KenLM's build_binary) is mapped, so the processes of a machine share its pages; an ARPA file is made
into tables of each process. Of a text a stretch of STRETCH characters is tokenized at a time, and the next is scored after
the last words of the one before: no text is too long, and KenLM's sums in float32 stay exact to 10^-4.
Invariant: a function of text, model and tokenizer. Wants the extra `perplexity` (ufal.kenlm), for scoring alone.
"""

import functools
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from corpus.errors import InputError
from corpus.processes.trial import try_call
from corpus.recipe.scorer_tables import PerplexityText
from corpus.text import ccnet_form
from corpus.text.sentence_pieces import check_pieces, open_pieces
from filters.scorers.classifier import units_of

if TYPE_CHECKING:
    import kenlm

#: Raise it when a text gets another perplexity.
VERSION = 1

#: Characters that are tokenized at once: cut at a space where there is one.
STRETCH = 1 << 14

#: log10 of the greatest perplexity, which a float32 can hold.
GREATEST = 38.0

#: Of a model's last bytes, where a binary one has its words, and how many words are a line, when it is tried.
_TRIED_BYTES, _TRIED_WORDS = 1 << 20, 1000

_UNKNOWN = b"<unk>"
_MARKS = (b"<s>", b"</s>")
_PACKAGE = "ufal.kenlm"


@dataclass(frozen=True)
class Perplexity:
    """A language model by path, and a SentencePiece model or none; both are loaded once a process.

    Scoring raises InputError where KenLM is not installed or a file is none.
    """

    model: Path
    tokenizer: Path | None = None
    text: PerplexityText = "ccnet"

    def scores(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts,) perplexities."""
        return np.array([self.perplexity(text) for text in texts], np.float32)

    def perplexity(self, text: str) -> float:
        """The perplexity of one text, over 0 and at most 10^38."""
        model, tokens_of = _load(self.model), _tokens_of(self.tokenizer)
        total, number = 0.0, 0
        for line in lines_of(text, self.text):
            score, tokens = _line_score(line, model, tokens_of)
            if tokens:
                total, number = total + score, number + tokens + 1
        if not number:
            total, number = model.score(b""), 1
        return float(10 ** min(-total / number, GREATEST))


def check_files(model: Path, tokenizer: Path | None) -> None:
    """Raises InputError where KenLM is not installed, or a file is none that it can use. Holds neither.

    Both are tried in a child first: KenLM follows what a binary model says of itself, to its end by a signal.
    """
    _installed()
    if tokenizer is not None:
        check_pieces(str(tokenizer))
    try_call("filters.scorers.perplexity:try_model", str(model))


def try_model(path: str) -> None:
    """Opens a model and asks it for the words that stand in it, each after another: what a child does first."""
    model = _open_model(Path(path))
    words = [b"the", "\u7684".encode(), b"<unk>"]
    with Path(path).open("rb") as file:
        file.seek(-min(_TRIED_BYTES, file.seek(0, os.SEEK_END)), os.SEEK_END)
        words += file.read().replace(b"\0", b" ").split()
    for first in range(0, len(words), _TRIED_WORDS):
        model.score(b" ".join(words[first : first + _TRIED_WORDS]))
        model.score(b" ".join(reversed(words[first : first + _TRIED_WORDS])))


def token_lines(text: str, tokenizer: Path | None, form: PerplexityText) -> Iterator[bytes]:
    """The lines that a model is asked about, and that one is trained on: tokens between single spaces. Raises InputError."""
    tokens_of = _tokens_of(tokenizer)
    for line in lines_of(text, form):
        tokens = [token for stretch in stretches_of(line) for token in tokens_of(stretch)]
        if tokens:
            yield b" ".join(tokens)


def lines_of(text: str, form: PerplexityText) -> Iterator[str]:
    """The lines of a text that are not blank, as the model sees them."""
    whole = text.encode("utf-8", "replace").decode()  # without lone surrogates
    for line in [whole] if form == "ccnet" else whole.split("\n"):
        shown = line if form == "plain" else ccnet_form.ccnet_form(line)
        if shown and not shown.isspace():
            yield shown


def stretches_of(line: str) -> Iterator[str]:
    """A line in parts of at most STRETCH characters, cut at a space where there is one."""
    begin = 0
    while len(line) - begin > STRETCH:
        space = line.rfind(" ", begin + 1, begin + STRETCH)
        end = space if space > 0 else begin + STRETCH
        yield line[begin:end]
        begin = end + (space > 0)
    yield line[begin:]


def versions() -> dict[str, str]:
    """What can change a score beside the files: part of the fingerprint of `score`. Raises InputError without KenLM."""
    return {
        "perplexity": str(VERSION),
        "ccnet_form": str(ccnet_form.VERSION),
        "unicode": unicodedata.unidata_version,
        "kenlm": _installed(),
        "sentencepiece": version("sentencepiece"),
    }


def _line_score(line: str, model: "kenlm.Model", tokens_of: Callable[[str], list[bytes]]) -> tuple[float, int]:
    """log10 p of a line's tokens and of the sentence's end after its beginning, and how many tokens it has.

    A stretch is scored after as many tokens of those before it as the model looks back to.
    """
    stretches = list(stretches_of(line))
    total, number, before = 0.0, 0, list[bytes]()
    for at, stretch in enumerate(stretches):
        tokens = tokens_of(stretch)
        begins, ends = number < model.order - 1, at == len(stretches) - 1
        total += model.score(b" ".join(before + tokens), bos=begins, eos=ends)
        if before:
            total -= model.score(b" ".join(before), bos=begins, eos=False)
        number += len(tokens)
        before = (before + tokens)[-(model.order - 1) :]
    return total, number


@functools.cache
def _tokens_of(tokenizer: Path | None) -> Callable[[str], list[bytes]]:
    """A stretch of a line → its tokens in UTF-8, as KenLM cuts them: at white space of ASCII."""
    pieces = open_pieces(str(tokenizer)) if tokenizer is not None else None

    def tokens_of(stretch: str) -> list[bytes]:
        found = units_of(stretch) if pieces is None else pieces.encode(stretch, out_type=str)
        joined = " ".join(found).encode()
        tokens = joined.split()
        if b"\0" in joined or any(mark in joined for mark in _MARKS):
            return [_UNKNOWN if b"\0" in token or token in _MARKS else token for token in tokens]
        return tokens

    return tokens_of


@functools.cache
def _load(path: Path) -> "kenlm.Model":
    return _open_model(path)


def _open_model(path: Path) -> "kenlm.Model":
    """Raises InputError where KenLM is not installed, or the file is missing, cut short or no model of it."""
    _installed()
    import kenlm

    config = kenlm.Config()
    config.load_method = kenlm.LoadMethod.LAZY  # mapped, and shared by processes
    config.show_progress, config.arpa_complain = False, kenlm.ARPALoadComplain.NONE
    try:
        path.open("rb").close()
        return kenlm.Model(os.fsencode(path), config)
    except (OSError, RuntimeError, MemoryError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {_in_short(error)}; give an ARPA file, or what build_binary made of one") from error


def _in_short(error: Exception) -> str:
    """What is wrong with a model, on one line: of what KenLM says not the place in its source."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = str(error).rpartition(" threw ")[2].rpartition("' (")[2]
    said = "its text is not UTF-8" if isinstance(error, UnicodeDecodeError) else " ".join(said.split())[:120]
    return f"no language model of KenLM, or cut short ({said})"


def _installed() -> str:
    """The version of KenLM. Raises InputError where it is not installed."""
    try:
        return version(_PACKAGE)
    except PackageNotFoundError:
        raise InputError(
            f"perplexity needs the package {_PACKAGE}, which is not installed; install it with `pip install {_PACKAGE}` "
            "(the extra `perplexity`), or leave [[perplexity]] out"
        ) from None
