"""What the gate sees around a byte: codes with letters, number plates, addresses of network cards, names of messengers. Compiled.

Each kernel reads a few bytes around a place `i` of a document [start, stop) and says whether something may be there; the gate
(`filters.privacy.gate`) asks, `filters.privacy.identifiers` judges.
"""

import numpy as np

from corpus.unicode.segmentation import Int64s, UInt8s, is_among, kernel
from filters.privacy.checksums import IBAN_COUNTRIES


def _hexadecimal() -> UInt8s:
    found = np.zeros(256, np.uint8)
    found[[ord(c) for c in "0123456789abcdefABCDEF"]] = 1
    return found


def _countries() -> UInt8s:
    found = np.zeros(1 << 16, np.uint8)
    found[[ord(country[0]) << 8 | ord(country[1]) for country in IBAN_COUNTRIES]] = 1
    return found


def _provinces() -> Int64s:
    """The last two bytes of the characters with which a number plate begins, the first before them; sorted."""
    characters = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"
    return np.unique([int.from_bytes(character.encode(), "big") for character in characters]).astype(np.int64)


_COUNTRIES = _countries()
_PROVINCES = _provinces()
HEXADECIMAL = _hexadecimal()


@kernel
def is_code(data: UInt8s, start: int, i: int, stop: int) -> bool:
    """Whether the ASCII digit at i is the first of a code: with capitals before it, a plate's province, or a letter after eight."""
    digits = i
    while digits < stop and digits - i < 24 and 48 <= data[digits] <= 57:
        digits += 1
    digits -= i
    before = i
    while before > start and i - before < 6 and _is_capital(data[before - 1]):
        before -= 1
    letters = i - before
    first = before == start or not is_word(data[before - 1])
    if first and 1 <= letters <= 2 and 6 <= digits <= 10:
        return True
    if first and letters == 2 and _COUNTRIES[np.int64(data[before]) << 8 | np.int64(data[before + 1])] and digits >= 2:
        after = data[i + 2] if i + 2 < stop else 0
        spaced = after == 32 and i + 3 < stop and is_word(data[i + 3])
        if digits >= 8 or (digits == 2 and (spaced or _is_capital(after))):
            return True
    if letters == 0 and digits >= 8 and i + digits < stop and is_letter(data[i + digits]):
        return first
    return before > start and _is_of_plate(data, start, before, letters)


@kernel
def _is_of_plate(data: UInt8s, start: int, before: int, letters: int) -> bool:
    """Whether a province and a letter stand before `before`, with `·` or a space between, or a province and `letters` after it."""
    at = before
    if letters < 1 or data[before - 1] < 0x80 or data[before - 1] == 0xB7 or data[before - 1] == 0xA2:
        if data[before - 1] == 32 or data[before - 1] == 46:
            at -= 1
        elif before - start >= 2 and data[before - 1] == 0xB7 and data[before - 2] == 0xC2:
            at -= 2
        elif before - start >= 3 and data[before - 1] == 0xA2 and data[before - 2] == 0x80 and data[before - 3] == 0xE2:
            at -= 3
        else:
            return False
        if at <= start or not _is_capital(data[at - 1]):
            return False
        at -= 1
    if at - start < 3 or data[at - 3] < 0xE4:
        return False
    point = np.int64(data[at - 3]) << 16 | np.int64(data[at - 2]) << 8 | np.int64(data[at - 1])
    return is_among(point, _PROVINCES)


@kernel
def is_told_of_qq(data: UInt8s, start: int, i: int) -> bool:
    """Whether `q`, 扣, 群 or 号 stands shortly before i, with signs between."""
    least = max(start, i - 12)
    i -= 1
    while i >= least:
        if data[i] | 32 == 113:
            return True
        if i - 2 >= least and (
            (data[i - 2] == 0xE7 and data[i - 1] == 0xBE and data[i] == 0xA4)
            or (data[i - 2] == 0xE6 and data[i - 1] == 0x89 and data[i] == 0xA3)
            or (data[i - 2] == 0xE9 and data[i - 1] == 0xB9 and data[i] == 0x85)
        ):
            return True
        if is_word(data[i]):
            return False
        i -= 1
    return False


@kernel
def _is_hardware(data: UInt8s, start: int, i: int, stop: int) -> bool:
    """Whether `:`, `-` or `.` at i is the first sign of an address of a network card."""
    sign = data[i]
    width, groups = (4, 3) if sign == 46 else (2, 6)
    first = i - width
    if first < start or first + groups * (width + 1) - 1 > stop or data[i + width + 1] != sign:
        return False
    for group in range(groups):
        begin = first + group * (width + 1)
        for place in range(begin, begin + width):
            if not HEXADECIMAL[data[place]]:
                return False
        if group < groups - 1 and data[begin + width] != sign:
            return False
    return first == start or not (is_word(data[first - 1]) or data[first - 1] == sign)


@kernel
def hardware_address(data: UInt8s, start: int, i: int, stop: int) -> int:
    """Where the first sign of a network card's address stands whose first digit is at i, -1 where there is none: before a first
    digit there are letters at most."""
    for ahead in range(1, 5):
        if i + ahead >= stop or not HEXADECIMAL[data[i + ahead]]:
            break
    place = i + ahead
    if place < stop and data[place] == 46:
        if i - start >= 5 and data[place - 5] == 46:
            place -= 5
        return place if _is_hardware(data, start, place, stop) else -1
    if place > i + 2 or place >= stop:
        return -1
    sign = data[place]
    if sign != 45 and sign != 58:
        return -1
    for _ in range(5):
        if place - 3 < start or data[place - 3] != sign:
            break
        place -= 3
    return place if _is_hardware(data, start, place, stop) else -1


@kernel
def is_wechat(data: UInt8s, start: int, last: int) -> bool:
    """Whether the character that ends at `last` makes 信 the name of WeChat: 微 薇 威 徽, V."""
    if last < start:
        return False
    if data[last] | 32 == 118:
        return True
    if last - 2 < start:
        return False
    first, second, third = data[last - 2], data[last - 1], data[last]
    if first == 0xE5:
        return (second == 0xBE and (third == 0xAE or third == 0xBD)) or (second == 0xA8 and third == 0x81)
    return (first == 0xE8 and second == 0x96 and third == 0x87) or (first == 0xEF and second == 0xBC and third == 0xB6)


@kernel
def is_letter(byte: int) -> bool:
    return 97 <= (byte | 32) <= 122


@kernel
def _is_capital(byte: int) -> bool:
    return 65 <= byte <= 90


@kernel
def is_word(byte: int) -> bool:
    return 48 <= byte <= 57 or is_letter(byte)
