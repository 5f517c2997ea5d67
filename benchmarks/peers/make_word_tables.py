"""Writes filters/parity/datatrove_words.npz: what spaCy's blank English tokenizer does with every character, its special
cases, and datatrove's sets of punctuation, all by asking them.

Run in the peers' environment: `python benchmarks/peers/make_word_tables.py`. Nothing of either is copied as code: a
character's flags say how the tokenizer answers on short strings with that character. spaCy and datatrove are MIT and
Apache-2.0. Flags and arrays: filters/parity/datatrove_words.py.
"""

import itertools
import re
from pathlib import Path

import numpy as np
import spacy
from datatrove.utils.text import PUNCTUATION_SET, TERMINAL_PUNCTUATION
from spacy.lang.char_classes import LIST_UNITS
from spacy.lang.lex_attrs import is_punct
from spacy.lang.tokenizer_exceptions import URL_MATCH
from spacy.pipeline import Sentencizer
from spacy.tokenizer import Tokenizer

OUT = Path(__file__).parents[2] / "corpus" / "text" / "datatrove_words.npz"
CODE_POINTS = 0x110000

NLP = spacy.blank("en")
TOKENIZER = NLP.tokenizer
SENTENCE_ENDS = frozenset(Sentencizer.default_punct_chars)


def infix_at(text: str, place: int) -> bool:
    return any(match.span() == (place, place + 1) for match in TOKENIZER.infix_finditer(text))


def flags_of(c: str) -> int:
    """The flags of one character, in the order of their bits."""
    icon = infix_at(f"!{c}!", 1)
    answers = (
        TOKENIZER.find_prefix(c) == 1,  # PREFIX
        TOKENIZER.find_suffix(c) == 1,  # SUFFIX
        c != "." and TOKENIZER.find_suffix(f"{c}.") == 1,  # BEFORE_DOT
        TOKENIZER.find_suffix(f"{c}A.") == 1,  # UPPER
        infix_at(f"{c}.A", 1),  # LEFT_OF_DOT
        infix_at(f"a.{c}", 1),  # RIGHT_OF_DOT
        infix_at(f"a,{c}", 1),  # ALPHA
        icon,  # ICON
        not icon and infix_at(f"1{c}a", 1),  # JOINT
        TOKENIZER.find_suffix(f"1{c}") == 1,  # AFTER_DIGIT
        URL_MATCH(f"a.{c}{c}") is not None,  # TOP_LEVEL
        re.fullmatch(r"\w", c) is not None,  # WORD
        is_punct(c),  # IS_PUNCT
        c in PUNCTUATION_SET,  # SYMBOLIC
        c in TERMINAL_PUNCTUATION,  # LINE_END
        c in SENTENCE_ENDS,  # SENTENCE_END
    )
    return sum(1 << bit for bit, answer in enumerate(answers) if answer)


def ends_of(words: list[str]) -> int:
    """Bit n is set where a word ends behind n + 1 characters."""
    return sum(1 << (end - 1) for end in itertools.accumulate(map(len, words)))


def main() -> None:
    surrogates = range(0xD800, 0xE000)
    classes = np.array(
        [0 if code in surrogates or chr(code).isspace() else flags_of(chr(code)) for code in range(CODE_POINTS)],
        dtype=np.uint16,
    )
    starts = np.flatnonzero(np.concatenate(([True], classes[1:] != classes[:-1])))
    cases = {
        text: [len(piece[65]) for piece in pieces]  # 65 is ORTH
        for text, pieces in sorted(TOKENIZER.rules.items())
        if not any(c.isspace() for c in text)
    }
    assert all(sum(lengths) == len(text) and len(lengths) <= 3 for text, lengths in cases.items())
    plain = Tokenizer(
        NLP.vocab,
        prefix_search=TOKENIZER.prefix_search,
        suffix_search=TOKENIZER.suffix_search,
        infix_finditer=TOKENIZER.infix_finditer,
        url_match=TOKENIZER.url_match,
    )
    np.savez_compressed(
        OUT,
        spacy_version=np.array(spacy.__version__),
        class_starts=starts.astype(np.uint32),
        class_values=classes[starts],
        case_points=np.array([ord(c) for text in cases for c in text], dtype=np.uint32),
        case_lengths=np.array([[*lengths, 0, 0][:3] for lengths in cases.values()], dtype=np.uint8),
        case_ends=np.array([ends_of([token.text for token in plain(text)]) for text in cases], dtype=np.uint16),
        unit_points=np.array([ord(c) for unit in sorted(set(LIST_UNITS)) for c in unit], dtype=np.uint32),
        unit_lengths=np.array([len(unit) for unit in sorted(set(LIST_UNITS))], dtype=np.uint8),
    )
    print(OUT, len(starts), "runs,", len(cases), "special cases,", OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
