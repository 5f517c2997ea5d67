"""The signals of the group `datatrove` in plain Python, given a function that cuts words: an oracle for the kernel's counts.

Written from the formulas in docs/parity.md, on strings; nothing is shared with the kernel but the classes of characters,
which lie in its tables.
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable

from corpus.unicode import code_points
from filters.parity import datatrove_words

Words = Callable[[str], list[str]]

_CLASSES = datatrove_words.load().classes
_LETTERS = code_points.load().classes & code_points.LETTER
STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


def has_flag(character: str, flag: int) -> bool:
    return bool(_CLASSES[ord(character)] & flag)


def share(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0


def sentences(line: str, words: Words) -> int:
    """Of the tokens of a line, white space other than one blank behind a word included."""
    tokens: list[str] = []
    for blank, run in itertools.groupby(line, str.isspace):
        piece = "".join(run)
        if not blank:
            tokens += words(piece)
        elif tokens and piece.startswith(" "):
            tokens += [piece[1:]] if piece[1:] else []
        else:
            tokens.append(piece)
    count, ended = 1, False
    for token in tokens:
        marks = len(token) == 1 and has_flag(token, datatrove_words.SENTENCE_END)
        if marks:
            ended = True
        elif ended and not all(has_flag(c, datatrove_words.IS_PUNCTUATION) for c in token):
            count += 1
            ended = False
    return count


def c4(text: str, words: Words) -> tuple[int, int, int]:
    """(sentences of kept lines, lines with filler text, lines with a brace)."""
    total = filler = braces = 0
    for whole in text.splitlines():
        pieces = whole.split()
        line = re.sub(r"\[\d*]|\[edit]|\[citation needed]", "", whole.strip())
        lower = line.lower()
        if any(len(piece) > 1000 for piece in pieces) or len(pieces) < 3:
            continue
        if not line.endswith((".", "?", "!", '"', "'")) or line.endswith("..."):
            continue
        if "lorem ipsum" in lower:
            filler += 1
        elif "javascript" in lower:
            pass
        elif "{" in line:
            braces += 1
        elif not any(phrase in lower for phrase in POLICY):
            total += sentences(line, words)
    return total, filler, braces


def top_n_gram(found: list[str], n: int) -> int:
    counter = Counter(" ".join(found[i : i + n]) for i in range(len(found) - n + 1))
    return max((len(gram) * count for gram, count in counter.most_common(1)), default=0)


def duplicate_n_grams(found: list[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    characters = i = 0
    while i < len(found) - n + 1:
        gram = tuple(found[i : i + n])
        if gram in seen:
            characters += sum(map(len, gram))
            i += n
        else:
            seen.add(gram)
            i += 1
    return characters


def measure(text: str, words: Words) -> dict[str, float]:
    found = words(text)
    plain = [word for word in found if not all(has_flag(c, datatrove_words.SYMBOLIC) for c in word)]
    split_lines = text.splitlines()
    lines = [line for line in text.split("\n") if line.strip()]
    total, filler, braces = c4(text, words)
    result: dict[str, float] = {
        "words": len(plain),
        "stop_words": len(STOP_WORDS & set(found)),
        "c4_sentences": total,
        "c4_lorem_ipsum": filler,
        "c4_curly_brackets": braces,
        "mean_word_length": share(sum(map(len, plain)), len(plain)),
        "hash_mark_ratio": share(text.count("#"), len(found)),
        "ellipsis_ratio": share(text.count("...") + text.count("…"), len(found)),
        "bullet_line_ratio": share(sum(line.lstrip().startswith(("•", "-")) for line in split_lines), len(split_lines)),
        "ellipsis_line_ratio": share(
            sum(line.rstrip().endswith(("...", "…")) for line in split_lines), len(split_lines)
        ),
        "alphabetic_word_ratio": share(sum(any(_LETTERS[ord(c)] for c in word) for word in found), len(found)),
        "line_end_punctuation_ratio": share(
            sum(has_flag(line[-1], datatrove_words.LINE_END) for line in lines), len(lines)
        ),
        "newline_word_ratio": share(text.count("\n"), len(found)),
        **{f"top_{n}_gram_character_ratio": share(top_n_gram(found, n), len(text)) for n in (2, 3, 4)},
        **{f"duplicate_{n}_gram_character_ratio": share(duplicate_n_grams(found, n), len(text)) for n in range(5, 11)},
    }
    return {f"datatrove_{name}": value for name, value in result.items()}
