"""Text that was UTF-8, read in another charset and written again, back to what it was: only where that is certain.

`â€™` is ’ read in windows-1252, `Ã©` is é, `РџСЂРё` is При read in windows-1251. Each character became a *sequence* of a *reading*
(corpus.text.mojibake_readings). A word (all between blanks or tags) is *consistent* in a reading when all its characters of the
charset's upper half stand in sequences, and these are valid UTF-8 of assigned characters. Text in the charset's own
languages is hardly ever that: é is followed by a letter, not by two signs. Repaired are

everywhere   all consistent words of a text, when (nearly) none are inconsistent, at least half of what is not ASCII stands
             in sequences, and there are enough of these or a clear word. Words that came out odd (a Latin letter beside
             another alphabet's, rare letters) are repaired with the others and prove nothing.
by itself    a consistent word that is *clear*, or in Latin charsets has many sequences. Clear is one with a long
             sequence that holds a C1 control, with `â€` and a third sign, or with a sequence that becomes a Latin letter or a
             sign where what stands there has no business: beside a small letter, as in `JÃ¤ger`, `cafГ©`
GBK          runs of Han that encode, as GBK, to UTF-8 of characters of three bytes that a common charset has
as latin-1   Chinese whose GBK was read as latin-1 (`ÖÐÎÄÍøÒ³`): runs of LEAST_LATIN letters and more that are text of GB2312, Han
             in its everyday half, and among them the marks and words that Chinese is full of
C1 controls  become what windows-1252 has in their place, as HTML's references do (`l&#146;eau`), when all in the text are
             punctuation there and stand where such punctuation does

The reading with most sequences is undone; where another gives a word another meaning as well, the word stays. Up to MAX_TIMES
in a row: some text went wrong twice. What lost bytes on its way (GBK's odd ones became `?`) stays as it is.

Never raises. Cost: nothing for ASCII, 0.2 ms for other pages of 20,000 characters, some milliseconds where much looks like
sequences. Measured precision and recall: docs/extraction.md.
"""

import codecs
import collections
import dataclasses
import functools
import re
import unicodedata

from corpus.text.mojibake_readings import Reading, readings

VERSION = 2

MAX_TIMES = 3
#: Of a text's different runs that are not ASCII. No page has so many; looking at more takes longer than extraction.
MAX_FOREIGN_CHARACTERS = 1 << 18
#: Of words with characters of the upper half, so many in a hundred may be inconsistent: a name, a cut word.
INCONSISTENT_PERCENT = 2

_RUN = re.compile(r"[^\x00-\x7f]+")
_WORD = re.compile(r"[^\x00-\x20<>]+")
# Of UTF-8's bytes: blanks for all of ASCII, and for what stands between words.
_TO_RUNS = bytes([0x20] * 0x80 + list(range(0x80, 0x100)))
_TO_WORDS = bytes(0x20 if code <= 0x20 or code in b"<>" else code for code in range(0x100))
#: A text's first runs, which show whether it is in a charset's own language.
_SAMPLE_CHARACTERS = 4000

# Letters of two alphabets in one word. Han, kana and hangul do stand beside Latin letters.
_ALPHABETS = r"\u0370-\u1cff\u1f00-\u1fff"
_MIXED = re.compile(rf"[A-Za-z][{_ALPHABETS}]|[{_ALPHABETS}][A-Za-z]")
# Latin letters beyond U+017F but for those of Vietnamese, Romanian and Azerbaijani, and the ƒ of windows-1252 (what went wrong
# twice); combining marks; private characters.
_RARE = re.compile(r"(?![ƒƠơƯưȘșȚțƏə])[\u0180-\u024f\u0300-\u036f\ue000-\uf8ff]")


def repair(text: str) -> str:
    """The text with what is certainly mojibake as it was meant. Never raises."""
    for _ in range(MAX_TIMES):
        if text.isascii():
            return text
        # Surrogates have no business here, and are passed through.
        runs = b" ".join(set(text.encode("utf-8", "surrogatepass").translate(_TO_RUNS).split()))
        foreign = runs.decode("utf-8", "surrogatepass")
        if len(foreign) > MAX_FOREIGN_CHARACTERS:
            return text
        better = _repaired_once(text, foreign)
        if better is None:
            return text if _C1.isdisjoint(foreign) else _with_punctuation(text)
        text = better
    return text


#: Letters of a run beyond ASCII: no word in a Latin alphabet has so many without one of ASCII among them.
LEAST_LATIN = 8
_LATIN_RUN = re.compile(rf"[\xa1-\xf7][\xa1-\xfe]{{{LEAST_LATIN - 1},}}")


_COMMON = frozenset("的一是不了在人有我他这中大来上国个到说们为和，。、：")
_SURE = frozenset("的，。、")


def _of_latin(run: str) -> str | None:
    """What a run of letters of latin-1 was, where it was GBK."""
    data = run.encode("latin-1")
    try:
        meant = data.decode("gb2312")
    except UnicodeDecodeError:
        return None
    han = sum(0xB0 <= lead <= 0xF7 for lead in data[::2])
    everyday = sum(0xB0 <= lead <= 0xD7 for lead in data[::2])
    return meant if everyday >= 0.9 * han and 3 * han >= len(meant) else None


def _repaired_once(text: str, foreign: str) -> str | None:
    """The text with one reading undone, or None; `foreign` are its distinct runs of characters that are not ASCII."""
    present = frozenset(foreign)
    leads, continuations = present & _leads(), present & _continuations()
    hinted = [reading for reading in readings() if _is_hinted(foreign, leads, continuations, reading)]
    if hinted:
        words = _Words(text)
        meant = _agreed([_look(words, reading) for reading in hinted])
        if meant:
            return _WORD.sub(lambda word: meant.get(word[0], word[0]), text)
    if not present.isdisjoint(_LATIN_LETTERS):
        out_of_latin = {run: _of_latin(run) for run in _LATIN_RUN.findall(foreign)}
        meant_by_latin = "".join(filter(None, out_of_latin.values()))
        # Capitals of cp1251 and syllables of EUC-KR give Han as well, but not those that Chinese is full of.
        common = sum(character in _COMMON for character in meant_by_latin)
        if not _SURE.isdisjoint(meant_by_latin) and 10 * common >= len(meant_by_latin):
            return _LATIN_RUN.sub(lambda run: out_of_latin.get(run[0]) or run[0], text)
    if present.isdisjoint(_GBK_LEADS):
        return None
    out_of_gbk = {run: read for run in foreign.split(" ") if (read := _of_gbk(run)) is not None}
    return _RUN.sub(lambda run: out_of_gbk.get(run[0], run[0]), text) if out_of_gbk else None


@functools.cache
def _leads() -> frozenset[str]:
    """Of any reading; those of a text are a small set to look into for each."""
    return frozenset[str]().union(*(reading.leads for reading in readings()))


@functools.cache
def _continuations() -> frozenset[str]:
    return frozenset[str]().union(*(reading.continuations for reading in readings()))


def _is_hinted(foreign: str, leads: frozenset[str], continuations: frozenset[str], reading: Reading) -> bool:
    """Whether a reading may find something to repair: cheap, and right about nearly all texts that have nothing."""
    if continuations.isdisjoint(reading.continuations) or leads.isdisjoint(reading.leads):
        return False
    if reading.pair.search(foreign) is None:
        return False
    if reading.strong.search(foreign) is not None:
        return True
    sample = foreign[:_SAMPLE_CHARACTERS]
    return 2 * sum(map(len, reading.sequence.findall(sample))) >= len(sample) - sample.count(" ")


class _Words:
    """The words of a text that are not ASCII."""

    def __init__(self, text: str) -> None:
        words = text.encode("utf-8", "surrogatepass").translate(_TO_WORDS).split()
        found = collections.Counter(word for word in words if not word.isascii())
        self.counts = {word.decode("utf-8", "surrogatepass"): number for word, number in found.items()}
        self.foreign_characters = sum(
            number * (len(word) - len(word.encode("ascii", "ignore"))) for word, number in self.counts.items()
        )
        self._lines = "\n".join(["", *self.counts, ""])

    def with_pairs(self, reading: Reading) -> list[str]:
        """Those in which a reading finds a lead and a continuation."""
        words, end = [], 0
        for pair in reading.pair.finditer(self._lines):
            if pair.start() >= end:
                end = self._lines.index("\n", pair.start())
                words.append(self._lines[self._lines.rindex("\n", 0, pair.start()) + 1 : end])
        return words


@dataclasses.dataclass(frozen=True, slots=True)
class _Word:
    """A consistent word."""

    repaired: str
    weight: int  # continuations
    clear: bool
    sure: bool  # nothing odd about it


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    """What a reading makes of a text's words."""

    reading: Reading
    everywhere: bool
    weight: tuple[int, int]  # of the certain words, and of those that are sure among them
    certain: dict[str, str]
    sure: dict[str, str]


def _look(words: _Words, reading: Reading) -> _Look:
    counts = {word: words.counts[word] for word in words.with_pairs(reading)}
    covered = sum(number * sum(map(len, reading.sequence.findall(word))) for word, number in counts.items())
    everywhere = 2 * covered >= words.foreign_characters
    if everywhere:
        counts = {word: number for word, number in words.counts.items() if reading.upper.search(word) is not None}
    consistent = {word: found for word in counts if (found := _consistent(word, reading)) is not None}
    sure = {word: found for word, found in consistent.items() if found.sure}
    if everywhere:
        good = sum(counts[word] for word in sure)
        bad = sum(number for word, number in counts.items() if word not in consistent)
        weight = _weight(sure)
        enough = weight >= reading.everywhere or any(found.clear for found in sure.values())
        if enough and bad * 100 <= INCONSISTENT_PERCENT * good:
            return _Look(reading, True, (_weight(consistent), weight), _meanings(consistent), _meanings(sure))
    least = reading.by_itself
    certain = {
        word: found for word, found in sure.items() if found.clear or (least is not None and found.weight >= least)
    }
    weight = _weight(certain)
    return _Look(reading, False, (weight, weight), _meanings(certain), _meanings(sure))


def _weight(words: dict[str, _Word]) -> int:
    """Each word once: a menu of one word, said a hundred times, proves no more than that word."""
    return sum(found.weight for found in words.values())


def _meanings(words: dict[str, _Word]) -> dict[str, str]:
    return {word: found.repaired for word, found in words.items()}


def _agreed(looks: list[_Look]) -> dict[str, str]:
    """The certain words of the reading with most weight, without those that another makes something else of.

    Where a reading holds everywhere, only another that does with as much weight is asked, and none where it is windows-1252.
    """
    best = max(looks, key=lambda look: look.weight)
    others = [look for look in looks if look is not best]
    if best.everywhere:
        others = [look for look in others if look.everywhere and look.weight == best.weight]
        if best.reading is readings()[0]:
            return best.certain
    return {
        word: meant
        for word, meant in best.certain.items()
        if all(other.sure.get(word, meant) == meant for other in others)
    }


def _consistent(word: str, reading: Reading) -> _Word | None:
    """What a word was, where all its characters of the upper half stand in sequences of UTF-8."""
    if reading.upper.search(reading.sequence.sub("", word)) is not None:
        return None
    parts, clear, weight, end = [], False, 0, 0
    for sequence in reading.sequence.finditer(word):
        written = sequence[0]
        try:
            meant = reading.undo(written)
        except UnicodeDecodeError:
            return None
        if unicodedata.category(meant) == "Cn":
            return None
        before = word[max(0, sequence.start() - 1) : sequence.start()]
        parts += [word[end : sequence.start()], meant]
        end = sequence.end()
        weight += len(written) - 1
        clear = clear or _is_clear(written, meant, before, word[end : end + 1])
    repaired = "".join([*parts, word[end:]])
    odd = _RARE.search(repaired) is not None or (_MIXED.search(repaired) is not None and _MIXED.search(word) is None)
    return _Word(repaired, weight, clear, sure=not odd)


_C1 = frozenset(map(chr, range(0x80, 0xA0)))
#: Signs that stand neither behind Ã nor, as quotes and dashes do, behind any word.
_SIGNS = frozenset("¡¢£¤¥¦§¨©¬®¯°±²³´µ¶¸¹¼½¾¿")
_ENDS = frozenset(".,;:!?)")


def _is_clear(written: str, meant: str, before: str, after: str) -> bool:
    """Whether a sequence alone shows what it is, between the characters before and after it."""
    if len(written) > 2:
        quoted = written.startswith("â€") and "\u2000" <= meant <= "\u203f"
        return quoted or not _C1.isdisjoint(written)
    lead, sign = written[0], written[1]
    if lead == "Â" and sign == meant:
        # A sign behind a capital that has no business there, unless it ends a word in capitals.
        return before.islower() or (before in _ENDS if sign == "\xa0" else not before.isalpha())
    if lead == "Ã" and sign in _SIGNS and not before.isupper():
        return True
    # A small letter can end a word before a sign, and punctuation stand before a letter: `…école` in mac-roman.
    if not "À" <= meant <= "\u024f" or _RARE.match(meant) is not None:
        return False
    if (lead.islower() and lead < "\u0250") or unicodedata.category(lead)[0] == "P":
        return False
    small = [character.isascii() and character.islower() for character in (before, after)]
    return any(small) if meant.islower() else small[1]


_LATIN_LETTERS = frozenset(map(chr, range(0xB0, 0xD8)))


def _gbk_leads() -> str:
    """What GBK reads the first two bytes of dashes and quotes, kana, Han and full-width forms as."""
    pairs = [(0xE2, 0x80), *((0xE3, low) for low in range(0x80, 0xC0)), (0xEF, 0xBC), (0xEF, 0xBD)]
    pairs += [(high, low) for high in range(0xE4, 0xEA) for low in range(0x80, 0xC0)]
    return "".join(bytes(pair).decode("gbk", "ignore") for pair in pairs)


_GBK_LEADS = frozenset(_gbk_leads())


def _byte_of_euro(error: UnicodeError) -> tuple[bytes, int]:
    if isinstance(error, UnicodeEncodeError) and error.object[error.start] == "€":
        return b"\x80", error.start + 1
    raise error


codecs.register_error("charset-0x80", _byte_of_euro)
_COMMON_CHARSETS = ("gb2312", "big5", "euc-jp", "euc-kr")


def _of_gbk(run: str) -> str | None:
    """What a run of characters was, where it was UTF-8 read as GBK."""
    if run[0] not in _GBK_LEADS:
        return None
    try:
        # cp936 reads byte 0x80 as the euro sign: it is in every 一 (E4 B8 80).
        meant = run.encode("gbk", "charset-0x80").decode("utf-8")
    except UnicodeError:
        return None
    # The last character may have taken an ASCII one in with it: `鈥檚` is ’s.
    foreign = [character for character in meant if not character.isascii()]
    if any(character < "\u0800" for character in foreign) or (len(foreign) < 2 and run[0] != "鈥"):
        return None
    return meant if any(_encodes(meant, charset) for charset in _COMMON_CHARSETS) else None


def _encodes(text: str, charset: str) -> bool:
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


_PUNCTUATION = {code: bytes([code]).decode("cp1252") for code in (0x80, 0x85, *range(0x91, 0x98), 0x99)}
_WINDOWS = re.escape(bytes(range(0x100)).decode("cp1252", "ignore"))
# Another charset's: controls that are letters in windows-1252, a € without a number, anything but an apostrophe between two
# letters, and what stands beside a character that windows-1252 has not.
_NO_PUNCTUATION = re.compile(
    r"[\x81-\x84\x86-\x90\x98\x9a-\x9f]|(?<![\d \xa0])\x80(?! ?\d)"
    r"|(?<=[^\W\d_])[\x85\x91\x93-\x97\x99](?=[^\W\d_])"
    rf"|[^{_WINDOWS}\x80-\x9f][\x80-\x9f]|[\x80-\x9f][^{_WINDOWS}\x80-\x9f]"
)


def _with_punctuation(text: str) -> str:
    """The text with C1 controls as windows-1252's punctuation, where they are that."""
    return text if _NO_PUNCTUATION.search(text) is not None else text.translate(_PUNCTUATION)
