"""Where in a text personal data could be: one compiled look over its UTF-8, so that regexes see only what may hold some.

Reads the buffers of a string array; returns places. A place is

AT      an `@` with a character of a name before it and one of a domain after it
NUMBER  digits, with what may stand between them, seven or more, or with three dots; a date like 2024-02-29 is none, nor a
        decimal; and digits too few to be anything by themselves only after a word that may say so (`Tel.`, `call`), or
        one that is not of ASCII letters
COLON   a colon after the four hexadecimal digits with which a public IPv6 address begins (2000::/3)
CODE    digits with capitals beside them, as in `E12345678`, `DE89 3704`, `91330106830W`, 浙B·7K21M
WORD    微信, `vx`, `wechat` and the like
SPELLED a sign of an e-mail address that is written out: `at)`, `dot `, 艾特, `name#host.`
TWELVE  the first sign of six pairs or three fours of hexadecimal digits: the address of a network card

Full-width digits, `@`, dots, hyphens and brackets are what their ASCII forms are. A gate only: whatever it lets through is
judged by `filters.privacy.personal_numbers` and `filters.privacy.addresses`, and what it keeps back they would not have taken.

Cost: a load and a branch for a byte that begins nothing, alone or with the next, .5 ns; some 10 ns for a run of digits. Linear: a byte is looked at a bounded number of times.
"""

import re
from typing import NamedTuple

import numpy as np

from corpus.unicode.segmentation import Int8s, Int32s, Int64s, UInt8s, UInt64s, is_among, kernel
from filters.privacy.gate_codes import (
    HEXADECIMAL,
    hardware_address,
    is_code,
    is_letter,
    is_told_of_qq,
    is_wechat,
    is_word,
)
from filters.privacy.number_context import PASSED_OVER, TELLING_OF_PHONES

AT, NUMBER, COLON, CODE, WORD, SPELLED, TWELVE = 1, 2, 3, 4, 5, 6, 7

#: Fewer digits are no number of a person in any of the kinds.
LEAST_DIGITS = 7
#: Fewer, all together or divided, are none unless they begin with 0 or + or a word before them says so.
LEAST_ALONE, LEAST_ALONE_DIVIDED = 11, 10
#: The shortest QQ number; so short a one only directly after `qq`, 扣 or 群.
LEAST_QQ = 5
#: So far before a number the word may end.
WORD_BYTES = 40
#: So far before `dot` its `at` may stand.
MOST_BEFORE_DOT = 70
#: ` - `, `） - (`: more characters between two digits separate two numbers.
MOST_BETWEEN = 4

#: A guess at the room that places take; where they are more the text is looked at twice.
USUAL_BYTES_OF_A_PLACE = 256

#: A longer run of numbers is divided into places of about so many bytes, whatever stands at the cut: it is data, and a
#: place must be small for the cost to be linear.
MOST_BYTES = 512

_OTHER, _DIGIT, _BETWEEN = 0, 1, 2


def _ascii_classes() -> UInt8s:
    classes = np.zeros(256, np.uint8)
    classes[[ord(c) for c in "0123456789"]] = _DIGIT
    classes[[ord(c) for c in " -.()/+"]] = _BETWEEN
    return classes


def _tail(word: str) -> int:
    """The last eight letters of a word as a number."""
    return int.from_bytes(word.encode("ascii")[-8:].lower(), "little")


_TELLING_OF_OTHERS = ("qq", "q", "account", "konto", "kontonummer", "acct", "bir")


def _telling_tails() -> UInt64s:
    """Of the words that may stand before a telephone number, sorted; of those with other letters the ASCII tail."""
    tails = (re.split(r"[^A-Za-z]", word)[-1] for word in (*TELLING_OF_PHONES, *PASSED_OVER, *_TELLING_OF_OTHERS))
    return np.unique(np.array([_tail(tail) for tail in tails if tail], np.uint64))


#: Of _PAIRS: the byte begins a place by itself.
_BEGINS = 1 << 15
_ALPHANUMERIC = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#: Two bytes, each one of some, with which a place may begin: 信's, `vx`, `we`, `+v` and 加v, `t)` and the like, `do`, 艾's, `#s`, `(с`.
_SIGNS: tuple[tuple[bytes, bytes], ...] = (
    (b"\xbf", b"\xa1"),
    (b"vV", b"xX"),
    (b"wW", b"eE"),
    (b"+\x8b\xa0", b"vV"),
    (b"tT", b")]}_\xe3\xef"),
    (b"dD", b"oO"),
    (b"\x89", b"\xbe"),
    (b"#", _ALPHANUMERIC.encode()),
    (b"(", b"\xd1"),
)


def _beginnings() -> Int64s:
    """Per byte: bit n, that it may be the first of _SIGNS[n]; bit 16 + n, the second; _BEGINS. 0xEF leads the full-width forms."""
    found = np.zeros(256, np.int64)
    found[[0xEF, *(ord(c) for c in "@:0123456789")]] = _BEGINS
    for number, signs in enumerate(_SIGNS):
        for shift, of_sign in enumerate(signs):
            found[list(of_sign)] |= 1 << (number + 16 * shift)
    return found


_PAIRS = _beginnings()
_CLASSES = _ascii_classes()
_TELLING = _telling_tails()


class Places(NamedTuple):
    """Candidates in the order of their bytes; `begin` and `end` are positions in the array's buffer."""

    document: Int32s
    kind: Int8s
    begin: Int64s
    end: Int64s


def find_places(data: UInt8s, offsets: Int64s) -> Places:
    """Every place of every text; data and offsets as `corpus.unicode.segmentation.utf8_buffers` gives them."""
    room = (int(offsets[-1]) - int(offsets[0])) // USUAL_BYTES_OF_A_PLACE + 16
    while True:
        places = Places(
            np.empty(room, np.int32), np.empty(room, np.int8), np.empty(room, np.int64), np.empty(room, np.int64)
        )
        found = _fill_places(data, offsets, *places)
        if found <= room:
            document, kind, begin, end = places
            return Places(document[:found], kind[:found], begin[:found], end[:found])
        room = found


# An array that grew in here would be counted and released with every byte: ten times the cost.
@kernel
def _fill_places(data: UInt8s, offsets: Int64s, documents: Int32s, kinds: Int8s, begins: Int64s, ends: Int64s) -> int:
    """Writes the places that there is room for and returns how many there are."""
    found = 0
    for document in range(len(offsets) - 1):
        start, stop = offsets[document], offsets[document + 1]
        i = start
        free = start  # where the last number ended
        while True:
            i = _next_beginning(data, i, stop)
            if i == stop:
                break
            byte = data[i]
            kind, begin, end = 0, i, i + 1
            if not _PAIRS[byte] & _BEGINS:
                kind = _sign(data, start, i, stop)
            elif byte == 58:
                if _begins_address(data, start, i, stop):
                    kind = COLON
            elif _is_at(data, i, stop):
                end = i + (1 if byte == 64 else 3)
                if _ends_name(data, start, i) and _begins_name(data, end, stop):
                    kind = AT
            elif i + 2 < stop and byte == 0xEF and data[i + 1] == 0xBC and (data[i + 2] == 0xB6 or data[i + 2] == 0x83):
                kind = WORD if data[i + 2] == 0xB6 else SPELLED if _begins_host(data, i + 3, stop) else 0
            elif _class(data, i, stop)[0] == _DIGIT:
                hardware = hardware_address(data, start, i, stop) if byte < 0x80 else -1
                if hardware >= 0:
                    _put(documents, kinds, begins, ends, found, document, TWELVE, hardware, hardware + 1)
                    found += 1
                    i = free = max(i + 1, hardware + (10 if data[hardware] == 46 else 15))
                    continue
                end, digits, dots, together = _number(data, i, stop)
                if byte < 0x80 and is_code(data, start, i, stop):
                    _put(documents, kinds, begins, ends, found, document, CODE, i, i + 1)
                    found += 1
                if digits >= LEAST_DIGITS or dots >= 3:
                    begin = _reach_back(data, free, i)
                    alone = digits >= LEAST_ALONE if together else digits >= LEAST_ALONE_DIVIDED
                    if (
                        alone
                        or dots >= 3
                        or data[i] == 48
                        or _has_plus(data, begin, i)
                        or _is_told_of(data, start, begin)
                    ):
                        kind = NUMBER
                elif LEAST_QQ <= digits < LEAST_DIGITS and is_told_of_qq(data, start, i):
                    kind = NUMBER
                free = end
            i = end
            if kind != 0:
                _put(documents, kinds, begins, ends, found, document, kind, begin, end)
                found += 1
    return found


@kernel
def _put(
    documents: Int32s,
    kinds: Int8s,
    begins: Int64s,
    ends: Int64s,
    at: int,
    document: int,
    kind: int,
    begin: int,
    end: int,
) -> None:
    """Writes a place where there is room for it."""
    if at < len(kinds):
        documents[at], kinds[at] = document, kind
        begins[at], ends[at] = begin, end


@kernel
def _sign(data: UInt8s, start: int, i: int, stop: int) -> int:
    """WORD, SPELLED or TWELVE where a sign of _SIGNS is one, else 0."""
    a, b = data[i], data[i + 1]
    c = data[i + 2] if i + 2 < stop else 0
    before = data[i - 1] if i > start else 0
    small, after = a | 32, b | 32
    if a == 0xBF:
        return WORD if before == 0xE4 and is_wechat(data, start, i - 2) else 0
    if after == 118:  # after a plus or 加
        if (
            is_letter(c)
            or (a == 43 and is_word(before))
            or (a == 0xA0 and before != 0x8A)
            or (a == 0x8B and before != 0xBC)
        ):
            return 0
        return WORD
    if small == 118:
        return WORD if not (is_letter(c) or is_letter(before)) else 0
    if small == 119:
        d = data[i + 3] | 32 if i + 3 < stop else 0
        return WORD if (c | 32 == 99 and d == 104) or (c | 32 == 105 and d == 120) else 0
    if small == 116:
        if (before | 32 != 97 and before != 0xA4) or (b != 95 and i - 2 >= start and is_letter(data[i - 2])):
            return 0
        if b == 95:
            return SPELLED if i - 1 > start and data[i - 2] == 95 else 0
        if b < 0x80:
            return SPELLED
        d = data[i + 3] if i + 3 < stop else 0
        return SPELLED if (b == 0xE3 and c == 0x80 and d == 0x91) or (b == 0xEF and c == 0xBC and d == 0x89) else 0
    if small == 100:
        d = data[i + 3] if i + 3 < stop else 0
        if c | 32 != 116 or (d != 32 and d != 95) or (before != 32 and before != 95):
            return 0
        for place in range(max(start, i - MOST_BEFORE_DOT), i - 2):
            if data[place] | 32 == 97 and data[place + 1] | 32 == 116 and not is_letter(data[place + 2]):
                return SPELLED
        return 0
    if a == 0x89:
        return SPELLED if before == 0xE8 else 0
    if a == 35:
        return SPELLED if is_word(before) and _begins_host(data, i + 1, stop) else 0
    return SPELLED if a == 40 and c == 0x81 else 0


@kernel
def _begins_host(data: UInt8s, i: int, stop: int) -> bool:
    """Whether letters, digits and hyphens and then a dot and a letter stand at i."""
    begin = i
    while i < stop and i - begin < 64 and (is_word(data[i]) or data[i] == 45):
        i += 1
    return i > begin and i + 1 < stop and data[i] == 46 and is_letter(data[i + 1])


@kernel
def _next_beginning(data: UInt8s, i: int, stop: int) -> int:
    """Where the next byte stands with which a place may begin, alone or with the next; eight are looked at for each branch."""
    while i + 9 <= stop:
        a, b, c, d = _PAIRS[data[i]], _PAIRS[data[i + 1]], _PAIRS[data[i + 2]], _PAIRS[data[i + 3]]
        e, f, g, h = _PAIRS[data[i + 4]], _PAIRS[data[i + 5]], _PAIRS[data[i + 6]], _PAIRS[data[i + 7]]
        alone = (a | b | c | d | e | f | g | h) & _BEGINS
        early = (a & (b >> 16)) | (b & (c >> 16)) | (c & (d >> 16)) | (d & (e >> 16))
        late = (e & (f >> 16)) | (f & (g >> 16)) | (g & (h >> 16)) | (h & (_PAIRS[data[i + 8]] >> 16))
        if alone | early | late:
            break
        i += 8
    while i < stop:
        pairs = _PAIRS[data[i]]
        if pairs & _BEGINS or (i + 1 < stop and pairs & (_PAIRS[data[i + 1]] >> 16)):
            break
        i += 1
    return i


@kernel
def _is_at(data: UInt8s, i: int, stop: int) -> bool:
    return data[i] == 64 or (data[i] == 0xEF and i + 2 < stop and data[i + 1] == 0xBC and data[i + 2] == 0xA0)


@kernel
def _ends_name(data: UInt8s, start: int, i: int) -> bool:
    """Whether an ASCII letter, digit or one of `._+-`, or the full-width form of one, stands before i."""
    if i > start and data[i - 1] < 0x80:
        return _is_of_name(data[i - 1])
    return i - start > 2 and _is_wide(data, i - 3)


@kernel
def _begins_name(data: UInt8s, i: int, stop: int) -> bool:
    if i < stop and data[i] < 0x80:
        return _is_of_name(data[i])
    return i + 2 < stop and _is_wide(data, i)


@kernel
def _is_of_name(byte: int) -> bool:
    return is_word(byte) or byte == 95 or byte == 43 or byte == 45 or byte == 46


@kernel
def _is_wide(data: UInt8s, i: int) -> bool:
    """A full-width form of ASCII other than `＠`."""
    return data[i] == 0xEF and (data[i + 1] == 0xBC or data[i + 1] == 0xBD) and data[i + 2] != 0xA0


@kernel
def _begins_address(data: UInt8s, start: int, colon: int, stop: int) -> bool:
    """Whether 2abc or 3abc stands before a colon, with no letter, digit or colon before it, and a group after it."""
    first = colon - 4
    if first < start or colon + 1 >= stop or (data[first] != 50 and data[first] != 51):
        return False
    if not (HEXADECIMAL[data[first + 1]] and HEXADECIMAL[data[first + 2]] and HEXADECIMAL[data[first + 3]]):
        return False
    if not (HEXADECIMAL[data[colon + 1]] or data[colon + 1] == 58):
        return False
    if first == start:
        return True
    before = data[first - 1]
    return not (is_word(before) or before == 58)


@kernel
def _class(data: UInt8s, i: int, stop: int) -> tuple[int, int]:
    """(class, bytes) of the character at i: a digit, what may stand between digits, or anything else."""
    byte = data[i]
    if byte < 0x80:
        return _CLASSES[byte], 1
    if byte == 0xC2 and i + 1 < stop and data[i + 1] == 0xA0:  # no-break space
        return _BETWEEN, 2
    if i + 2 < stop:
        second, third = data[i + 1], data[i + 2]
        if byte == 0xEF and second == 0xBC:
            if 0x90 <= third <= 0x99:
                return _DIGIT, 3
            if 0x88 <= third <= 0x8F and third != 0x8A and third != 0x8C:  # （ ） ＋ － ． ／
                return _BETWEEN, 3
        elif second == 0x80 and ((byte == 0xE2 and 0x90 <= third <= 0x95) or (byte == 0xE3 and third == 0x80)):
            return _BETWEEN, 3  # hyphens and dashes; the ideographic space
    return _OTHER, 1


@kernel
def _reach_back(data: UInt8s, free: int, i: int) -> int:
    """Where the signs directly before a number begin: its `+`, its bracket."""
    begin = i
    for _ in range(MOST_BETWEEN):
        before = begin - 1
        while before > free and data[before] & 0xC0 == 0x80 and begin - before < 3:
            before -= 1
        if before < free:
            break
        group, width = _class(data, before, begin)
        if before + width != begin or group != _BETWEEN:
            break
        begin = before
    return begin


@kernel
def _has_plus(data: UInt8s, begin: int, end: int) -> bool:
    """Whether `+` or `＋` is in [begin, end), which holds nothing but signs that may stand between digits."""
    for i in range(begin, end):  # noqa: SIM110 - Numba has no generators in any()
        if data[i] == 43 or data[i] == 0x8B:
            return True
    return False


@kernel
def _is_told_of(data: UInt8s, start: int, begin: int) -> bool:
    """Whether the word before a number may say that it is a telephone's: one of the table, or not of ASCII letters."""
    i = begin - 1
    least = max(start, begin - WORD_BYTES)
    while i >= least and data[i] < 0x80 and not is_letter(data[i]):
        i -= 1
    if i < least:
        return False
    if data[i] >= 0x80:
        return True
    tail = np.uint64(0)
    for _ in range(8):
        if i < start or not is_letter(data[i]):
            break
        tail = (tail << np.uint64(8)) | np.uint64(data[i] | 32)
        i -= 1
    return is_among(tail, _TELLING)


@kernel
def _number(data: UInt8s, begin: int, stop: int) -> tuple[int, int, int, bool]:
    """(end, digits, dots between two digits, whether nothing else is between any) of the number that begins here.

    Of a date or a decimal (end, 0, …).
    """
    digits = dots = separators = between = 0
    dot = False
    i = end = begin
    while i < stop and i - begin < MOST_BYTES:
        group, width = _class(data, i, stop)
        if group == _DIGIT:
            digits += 1
            separators += between > 0
            dots += dot
            between, dot = 0, False
            end = i + width
        elif group == _BETWEEN:
            between += 1
            dot = between == 1 and (data[i] == 46 or (width == 3 and data[i] == 0xEF and data[i + 2] == 0x8E))
            if between > MOST_BETWEEN:
                break
        else:
            break
        i += width
    if digits >= LEAST_DIGITS:
        date = _date_end(data, begin, stop)
        if date > begin:
            return date, 0, 0, False
    if separators == 1 and dots == 1:  # a decimal
        digits = 0
    return end, digits, dots, separators == 0


@kernel
def _date_end(data: UInt8s, begin: int, stop: int) -> int:
    """Where 1999-12-31, 2024/2/9, 29.02.2024 or 9/2/2024 ends; `begin` where there is none."""
    i = begin
    first = begin  # of the sign between
    year_first = False
    for part in range(3):
        start = i
        while i < stop and i - start <= 4 and 48 <= data[i] <= 57:
            i += 1
        digits = i - start
        if digits == 4 and (part == 0 or (part == 2 and not year_first)):
            if not ((data[start] == 49 and data[start + 1] == 57) or (data[start] == 50 and data[start + 1] == 48)):
                return begin
            year_first = part == 0
        elif not 1 <= digits <= 2 or (part == 2 and not year_first):
            return begin
        if part < 2:
            if (
                i >= stop
                or (data[i] != 45 and data[i] != 46 and data[i] != 47)
                or (part == 1 and data[i] != data[first])
            ):
                return begin
            first = i
            i += 1
    return begin if i + 1 < stop and data[i] == 46 and 48 <= data[i + 1] <= 57 else i
