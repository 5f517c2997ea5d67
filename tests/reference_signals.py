"""Every signal in plain Python, as an oracle: strings, `re`, `unicodedata` and dictionaries; nothing shared with the kernels.

Word rules are written as one regular expression over a string of class letters, the rest as the formulas read. The only thing
taken from the code under test are the names of the code point classes, checked against `unicodedata` in test_segmentation.py.
"""

import math
import re
import tomllib
from collections import Counter
from pathlib import Path

from corpus.unicode import code_points as u

_CLASSES = u.load().classes


def flags(character: str) -> int:
    return int(_CLASSES[ord(character)])


def is_space(character: str) -> bool:
    return bool(flags(character) & u.SPACE)


def strip(text: str) -> str:
    return lstrip(rstrip(text))


def lstrip(text: str) -> str:
    while text and is_space(text[0]):
        text = text[1:]
    return text


def rstrip(text: str) -> str:
    end = len(text)
    while end and is_space(text[end - 1]):
        end -= 1
    return text[:end]


def _letter(character: str) -> str:
    """One letter for the role of a character in words."""
    flag = flags(character)
    if flag & (u.LETTER | u.NUMBER) and flag & u.NO_SPACE:
        return "H"
    if flag & u.LETTER:
        return "L"
    if flag & u.NUMBER:
        return "N"
    if flag & u.MARK:
        return "M"
    if flag & u.FORMAT:
        return "F"
    if flag & u.CONNECTOR:
        return "_"
    if flag & u.MID_LETTER and flag & u.MID_NUMBER:
        return "B"
    if flag & u.MID_LETTER:
        return "l"
    if flag & u.MID_NUMBER:
        return "n"
    return "P" if flag & (u.PUNCTUATION | u.SYMBOL) else " "


# A character with what extends it; white space and lone format characters have nothing to be extended.
_CLUSTER = re.compile(r"[^ F][MF]*|[ F]")
# Over one letter a cluster. A joiner stands alone between its neighbours: with a mark on it, it is a symbol.
_RUN = re.compile(r"H|[LNM](?:[LNM]|(?<=L)[Bl_](?=[LN])(?<!L[Bl](?=N))|(?<=N)[Bn_](?=[LN])(?<!N[Bn](?=L)))*")


def words(text: str) -> list[str]:
    """All words, symbol words among them."""
    clusters = [match.span() for match in _CLUSTER.finditer("".join(map(_letter, text)))]
    roles = "".join(
        "P" if role in "Bln_" and end - begin > 1 else role
        for begin, end in clusters
        for role in [_letter(text[begin])]
    )
    found = []
    i = 0
    while i < len(clusters):
        begin = clusters[i][0]
        run = _RUN.match(roles, i)
        if run:
            i = run.end()
        elif roles[i] in " F":
            i += 1
            continue
        else:
            while i < len(clusters) and text[clusters[i][0]] == text[begin]:
                i += 1
        found.append(text[begin : clusters[i - 1][1]])
    return found


def is_symbol_word(word: str) -> bool:
    return bool(flags(word[0]) & (u.PUNCTUATION | u.SYMBOL))


def has_letter(word: str) -> bool:
    return any(flags(character) & u.LETTER for character in word)


def find_duplicates(items: list[str]) -> tuple[int, int]:
    seen: set[str] = set()
    copies = characters = 0
    for item in items:
        if item in seen:
            copies += 1
            characters += len(item)
        seen.add(item)
    return copies, characters


def top_n_gram_characters(all_words: list[str], n: int) -> int:
    counter = Counter(tuple(all_words[i : i + n]) for i in range(len(all_words) - n + 1))
    if not counter:
        return 0
    gram, count = counter.most_common(1)[0]  # of equals the first met
    return len(" ".join(gram)) * count if count > 1 else 0


def duplicate_n_gram_characters(all_words: list[str], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    characters = i = 0
    while i < len(all_words) - n + 1:
        gram = tuple(all_words[i : i + n])
        if gram in seen:
            characters += len("".join(gram))
            i += n
        else:
            seen.add(gram)
            i += 1
    return characters


def repeated_windows(text: str, width: int) -> int:
    windows = [text[i : i + width] for i in range(len(text) - width + 1)]
    return len(windows) - len(set(windows))


def sentence_ends(text: str) -> int:
    roles = "".join(
        ("t" if ord(c) < 0x80 else "T") if flags(c) & u.TERMINAL else
        "c" if flags(c) & u.CLOSER else
        "s" if flags(c) & u.SPACE else
        "-"
        for c in text
    )  # fmt: skip
    return len(re.findall(r"[tT]*T(?![tT])|[tT]*t(?![tT])(?=c*(?:s|\Z))", roles))


_STOP_WORDS = Path(__file__).parents[1] / "filters" / "quality" / "stop_words.toml"
STOP_WORDS = {
    language: set(entry["words"].split()) for language, entry in tomllib.loads(_STOP_WORDS.read_text("utf-8")).items()
}
POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
BOILERPLATE = [
    "all rights reserved",
    "skip to content",
    "skip to main content",
    "back to top",
    "powered by",
    "share this",
    "read more",
    "click here",
    "log in",
    "sign in",
    "sign up",
    "alle rechte vorbehalten",
    "tous droits réservés",
    "todos los derechos reservados",
    "todos os direitos reservados",
    "все права защищены",
    "版权所有",
    "版權所有",
    "返回顶部",
    "回到顶部",
    "上一篇",
    "下一篇",
    "责任编辑",
    "免责声明",
    "icp备",
    "無断転載",
    "ページの先頭",
    "무단전재",
]
_URL_BEGINS = re.compile(r"(?<![A-Za-z0-9])(?:https?://|ftp://|www\.)", re.IGNORECASE | re.ASCII)
_URL = re.compile(r"[!#-;=?-\[\]_a-z~]+")
_TO_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def share(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0


def paragraph_count(lines: list[str]) -> int:
    blank = [not strip(line) for line in lines]
    return sum(not now and before for before, now in zip([True, *blank], blank, strict=False))


def url_characters(line: str) -> int:
    """In URLs, each without the punctuation behind it; one inside another is no URL."""
    total = at = 0
    while begin := _URL_BEGINS.search(line, at):
        found = _URL.match(line, begin.start())
        assert found is not None
        total += len(found[0].rstrip(".,;:!?)'*"))
        at = max(begin.start() + len(found[0].rstrip(".,;:!?)'*")), begin.start() + 1)
    return total


def begins_list(line: str) -> bool:
    """A bullet and a blank, or up to three digits, a mark, and a blank unless the mark is wide."""
    line = lstrip(line)
    if len(line) > 1 and line[0] in "-*+•‣⁃◦▪▫●○■□◆◇►▶·・※–—" and is_space(line[1]):
        return True
    digits = 0
    while digits < min(3, len(line)) and flags(line[digits]) & u.DIGIT:
        digits += 1
    rest = line[digits:]
    if not digits or not rest or rest[0] not in ".)、．）:":
        return False
    return rest[0] in "、．）" or (len(rest) > 1 and is_space(rest[1]))


def is_odd(character: str) -> bool:
    flag, code = flags(character), ord(character)
    control = (code < 32 or 127 <= code < 160) and not is_space(character)
    return flag & u.UNKNOWN == u.UNKNOWN or character == "\ufffd" or control


def distinct_n_grams(all_words: list[str], n: int) -> float:
    grams = [tuple(all_words[i : i + n]) for i in range(len(all_words) - n + 1)]
    return share(len(set(grams)), len(grams))


def entropy(all_words: list[str]) -> float:
    return -sum(count / len(all_words) * math.log2(count / len(all_words)) for count in Counter(all_words).values())


def ends_sentence(line: str) -> bool:
    line = strip(line)
    while (
        len(line) > 1
        and not flags(line[-1]) & u.TERMINAL
        and (is_space(line[-1]) or is_symbol_word(line[-1]) or line[-1] == "\ufe0f")
    ):
        if line[-1] in "♡♥♪♫♬☆★❤☺〜～」』" or "\U0001f300" <= line[-1] <= "\U0001faff":
            return True
        if is_symbol_word(line[-1]) and len(line) > 2 and line[-2] in "笑汗泣涙爆照":
            return True
        line = line[:-1]
    return bool(flags(line[-1]) & u.TERMINAL)


def ends_with_mark(line: str) -> bool:
    line = strip(line)
    while len(line) > 1 and not flags(line[-1]) & u.TERMINAL and flags(line[-1]) & (u.CLOSER | u.SPACE):
        line = line[:-1]
    return bool(flags(line[-1]) & u.TERMINAL)


def speaks(line: str) -> bool:
    """Without an end mark, but as a sentence does."""
    line = strip(line)
    if len(line) < 4:
        return False
    if any("\u3041" <= c <= "\u30ff" for c in line):
        while len(line) > 1 and not flags(line[-1]) & u.CJK:
            line = line[:-1]
        return line[-1] in "たるてだいよねなくもがはをにでとうすみまり"
    return any(c in "了着過过我你您他她它们們吗嗎呢吧啊呀哟嗨嘛把就也还還没沒很" for c in line)


def fragment_characters(full_lines: list[str]) -> int:
    short = [line for line in full_lines if len(line) <= 30 and not ends_sentence(line)]
    if 10 * sum(len(line) for line in full_lines if len(line) <= 30) < 9 * sum(map(len, full_lines)):
        return sum(map(len, short))
    spoken = sum(len(line) for line in short if speaks(line))
    return max(0, sum(map(len, short)) - 2 * spoken)


def measure(text: str, language: str) -> dict[str, float]:
    all_words = words(text)
    plain = [word for word in all_words if not is_symbol_word(word)]
    lines = text.split("\n")
    full_lines = [line for line in lines if strip(line)]
    gopher_all_lines = lines[:-1] if lines[-1] == "" else lines
    gopher_lines = re.split(r"\n+", text)
    gopher_paragraphs = re.split(r"\n{2,}", strip(text))
    lower = text.translate(_TO_ASCII_LOWER)
    lower_lines = lower.split("\n")
    visible = [flags(c) for c in text if not is_space(c)]
    line_copies, line_copy_characters = find_duplicates(gopher_lines)
    paragraph_copies, paragraph_copy_characters = find_duplicates(gopher_paragraphs)

    def share_of_visible(mask: int) -> float:
        return share(sum(bool(flag & mask) for flag in map(flags, text)), len(visible))

    result: dict[str, float] = {
        "characters": len(text),
        "bytes": len(text.encode()),
        "words": len(plain),
        "lines": len(full_lines),
        "paragraphs": paragraph_count(lines),
        "sentences": max(sentence_ends(text), 1) if plain else 0,
        "stop_words": len(STOP_WORDS.get(language, set()) & set(all_words)),
        "curly_brackets": text.count("{"),
        "javascript_lines": sum("javascript" in line for line in lower_lines),
        "policy_lines": sum(any(phrase in line for phrase in POLICY) for line in lower_lines),
        "lorem_ipsum": lower.count("lorem ipsum"),
        "boilerplate_lines": sum(any(phrase in line for phrase in BOILERPLATE) for line in lower_lines),
        "mean_word_length": share(sum(map(len, plain)), len(plain)),
        "mean_line_length": share(sum(map(len, full_lines)), len(full_lines)),
        "hash_mark_ratio": share(text.count("#"), len(all_words)),
        "ellipsis_ratio": share(text.count("...") + text.count("…"), len(all_words)),
        "bullet_line_ratio": share(
            sum(lstrip(line).startswith(("•", "-")) for line in gopher_all_lines), len(gopher_all_lines)
        ),
        "ellipsis_line_ratio": share(
            sum(rstrip(line).endswith(("...", "…")) for line in gopher_all_lines), len(gopher_all_lines)
        ),
        "alphabetic_word_ratio": share(sum(map(has_letter, all_words)), len(all_words)),
        "lettered_word_ratio": share(sum(map(has_letter, all_words)), len(plain)),
        "distinct_word_ratio": distinct_n_grams(all_words, 1),
        "distinct_3_gram_ratio": distinct_n_grams(all_words, 3),
        "word_entropy": entropy(all_words),
        "list_line_ratio": share(sum(map(begins_list, full_lines)), len(full_lines)),
        "menu_line_ratio": share(
            sum(sum(c in "|｜¦»›▸►•·" for c in line) >= 2 for line in full_lines), len(full_lines)
        ),
        "url_ratio": share(sum(map(url_characters, lines)), len(visible)),
        "odd_character_ratio": share(sum(map(is_odd, text)), len(visible)),
        "duplicate_line_ratio": share(line_copies, len(gopher_lines)),
        "duplicate_line_character_ratio": share(line_copy_characters, len(text)),
        "duplicate_paragraph_ratio": share(paragraph_copies, len(gopher_paragraphs)),
        "duplicate_paragraph_character_ratio": share(paragraph_copy_characters, len(text)),
        "repeated_13_character_ratio": share(repeated_windows(text, 13), max(len(text) - 12, 0)),
        "line_end_punctuation_ratio": share(sum(map(ends_with_mark, full_lines)), len(full_lines)),
        "short_line_ratio": share(sum(len(line) <= 30 for line in full_lines), len(full_lines)),
        "short_word_line_ratio": share(
            sum(sum(not is_symbol_word(w) for w in words(line)) < 3 for line in full_lines), len(full_lines)
        ),
        "fragment_character_ratio": share(fragment_characters(full_lines), sum(map(len, full_lines))),
        "fineweb_duplicate_line_character_ratio": share(find_duplicates(full_lines)[1], len(text.replace("\n", ""))),
        "newline_word_ratio": share(text.count("\n"), len(all_words)),
        "cjk_ratio": share_of_visible(u.CJK),
        "digit_ratio": share_of_visible(u.DIGIT),
        "punctuation_ratio": share_of_visible(u.PUNCTUATION | u.SYMBOL),
        "uppercase_ratio": share_of_visible(u.UPPERCASE),
    }
    for n in (2, 3, 4):
        result[f"top_{n}_gram_character_ratio"] = share(top_n_gram_characters(all_words, n), len(text))
    for n in range(5, 11):
        result[f"duplicate_{n}_gram_character_ratio"] = share(duplicate_n_gram_characters(all_words, n), len(text))
    return result
