"""The charsets that UTF-8 is found to have been read in, as patterns over the characters that its bytes became.

A *reading* maps every byte of the upper half to the character that a charset has for it, or to the C1 control of its number,
as browsers do. In these characters UTF-8 shows its form: a *sequence* is a lead and one to three continuations.
"""

import dataclasses
import functools
import re


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """A charset that UTF-8 can have been read in."""

    name: str
    to_bytes: dict[int, int]  # code point → byte
    leads: frozenset[str]
    continuations: frozenset[str]
    upper: re.Pattern[str]  # a character of the upper half
    sequence: re.Pattern[str]
    pair: re.Pattern[str]  # a lead and a continuation; searched for from the continuations, of which texts have few
    strong: re.Pattern[str]  # a sequence that may show by itself what it is
    everywhere: int  # continuations in a text that are enough to take all of it for read in this charset
    by_itself: int | None  # continuations in one word that are enough, whatever stands around it

    def undo(self, sequence: str) -> str:
        """The character that a sequence was. Raises UnicodeDecodeError where it was none."""
        return sequence.translate(self.to_bytes).encode("latin-1").decode("utf-8")


@functools.cache
def readings() -> tuple[Reading, ...]:
    """All of them, windows-1252 first, since nearly all mojibake comes from it; some 30 ms, once a process.

    Charsets that share letters have to be here together: what two of them read otherwise is not certain. Those of other
    alphabets need more evidence, as their capitals before ё or і, and Thai consonants, look like sequences.
    """
    latin = ("cp1254", "iso8859-9", "cp1250", "iso8859-2", "cp1257", "cp1258")
    alphabets = ("cp1251", "iso8859-5", "koi8-r", "cp866", "iso8859-7", "cp1253", "cp1255", "cp1256", "mac-roman")
    frames = ("cp437", "cp850", "cp852")
    thai = ("cp874", "iso8859-11")
    return (
        *(_reading(codec, everywhere=4, by_itself=6) for codec in ("cp1252", "latin-1")),
        *(_reading(codec, everywhere=6, by_itself=12) for codec in latin),
        *(_reading(codec, everywhere=12) for codec in (*alphabets, *frames)),
        *(_reading(codec, everywhere=24) for codec in thai),
    )


def _reading(codec: str, *, everywhere: int, by_itself: int | None = None) -> Reading:
    codes = {_character(codec, code): code for code in range(0x80, 0x100)}

    def characters(first: int, last: int) -> str:
        return "".join(character for character, code in codes.items() if first <= code <= last)

    def class_of(first: int, last: int) -> str:
        return f"[{re.escape(characters(first, last))}]"

    continuation = class_of(0x80, 0xBF)
    leads = (class_of(0xC2, 0xDF), class_of(0xE0, 0xEF), class_of(0xF0, 0xF4))
    # Latin letters, and in Latin charsets longer sequences, which are accented small letters before two signs.
    strong = [r"[\x80-\x9f]", class_of(0xC2, 0xC9) + continuation]
    if by_itself is not None:
        strong.append(leads[1] + continuation * 2)
    return Reading(
        name=codec,
        to_bytes={ord(character): code for character, code in codes.items()},
        leads=frozenset(characters(0xC2, 0xF4)),
        continuations=frozenset(characters(0x80, 0xBF)),
        upper=re.compile(class_of(0x80, 0xFF)),
        sequence=re.compile("|".join(lead + continuation * number for number, lead in enumerate(leads, start=1))),
        pair=re.compile(f"{continuation}(?<={class_of(0xC2, 0xF4)}{continuation})"),
        strong=re.compile("|".join(strong)),
        everywhere=everywhere,
        by_itself=by_itself,
    )


def _character(codec: str, code: int) -> str:
    try:
        return bytes([code]).decode(codec)
    except UnicodeDecodeError:
        return chr(code)
