"""Numbers of persons in a window of text: resident-ID numbers, payment cards, telephone numbers.

Each kind is a pattern of digits with what may stand between them, then a check (checksum, region and date; Luhn and the
issuer's ranges; country code and length, area code), then what stands around it: `filters.privacy.number_context`. A pattern that is
unlike anything else is taken wherever it stands alone; a loose one only after a word such as `Tel.` or `电话`; none of them
after a word such as `order` or `订单号`. In doubt a number is left alone.

Sources: GB 11643 (18 digits, ISO 7064 mod 11-2), its 15-digit form before 1999; ISO/IEC 7812 (Luhn) and the issuers'
published ranges; ITU E.164 country codes, national lengths of the larger plans; the North American Numbering Plan;
mobile prefixes that China's ministry has given out.

Every quantifier is bounded, and no pattern is tried where a digit stands before it, so a window costs what it is long.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

from filters.privacy.checksums import PROVINCES, luhn
from filters.privacy.number_context import Context, context_before, stands_alone


class Number(NamedTuple):
    """[begin, end) of a window in characters; `kind` is a value of filters.privacy.pii.Kind."""

    kind: str
    begin: int
    end: int


# ------------------------------------------------------------------------------------------------ resident IDs

#: Nobody with such a number is older; and the newest. Constants: a clock would make the output depend on the day.
FIRST_YEAR, LAST_YEAR = 1900, 2029

_ID_18 = re.compile(r"(?<![0-9])[1-8][0-9]{5}( ?)(?:19|20)[0-9]{6}\1[0-9]{3}[0-9Xx](?![0-9])")
_ID_15 = re.compile(r"(?<![0-9])[1-8][0-9]{14}(?![0-9])")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def is_resident_id(number: str) -> bool:
    """Whether 18 characters are a resident-ID number: region, birth date and check character (ISO 7064 mod 11-2)."""
    if number[:2] not in PROVINCES or not _is_birth_date(number[6:10], number[10:12], number[12:14]):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, _ID_WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == number[17].upper()


def is_old_resident_id(number: str) -> bool:
    """Whether 15 digits can be a resident-ID number as they were before 1999: there is no checksum."""
    return number[:2] in PROVINCES and _is_birth_date("19" + number[6:8], number[8:10], number[10:12])


def _is_birth_date(year: str, month: str, day: str) -> bool:
    try:
        return FIRST_YEAR <= date(int(year), int(month), int(day)).year <= LAST_YEAR
    except ValueError:
        return False


# ------------------------------------------------------------------------------------------------ cards

_CARD = re.compile(
    r"(?<![0-9])(?:[0-9]{14,19}"
    r"|[2-6][0-9]{3}(?P<four>[ -])[0-9]{4}(?P=four)[0-9]{4}(?P=four)[0-9]{4}(?:(?P=four)[0-9]{1,3})?"
    r"|3[0-9]{3}(?P<six>[ -])[0-9]{6}(?P=six)[0-9]{4,5}"  # American Express, Diners
    r"|62[0-9]{4}[ -][0-9]{10,13})(?![0-9])"
)
_NOT_DIGITS = re.compile(r"[^0-9]")

# Least and greatest first six digits, lengths.
_ISSUERS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (220000, 220499, (16,)),  # Mir
    (222100, 272099, (16,)),  # Mastercard
    (300000, 305999, (14,)),  # Diners
    (340000, 349999, (15,)),  # American Express
    (352800, 358999, (16,)),  # JCB
    (360000, 369999, (14,)),  # Diners
    (370000, 379999, (15,)),  # American Express
    (380000, 399999, (14,)),  # Diners
    (400000, 499999, (16,)),  # Visa
    (510000, 559999, (16,)),  # Mastercard
    (601100, 601199, (16,)),  # Discover
    (620000, 629999, (16, 17, 18, 19)),  # UnionPay
    (644000, 659999, (16,)),  # Discover
)


def is_card(number: str) -> bool:
    """Whether digits are a payment card's: a range that an issuer has, its length, and Luhn's check digit."""
    head = int(number[:6])
    if not any(least <= head <= most and len(number) in lengths for least, most, lengths in _ISSUERS):
        return False
    return luhn(number) and len(set(number)) > 2


# ------------------------------------------------------------------------------------------------ telephones

#: Country code → digits of a number with it, least and most; (8, 15) is what E.164 allows.
_LENGTHS = {"1": (11, 11), "7": (11, 11), "20": (11, 12), "27": (11, 11), "30": (12, 12), "31": (11, 11), "32": (10, 11),
    "33": (11, 11), "34": (11, 11), "36": (10, 11), "39": (9, 13), "40": (11, 11), "41": (11, 11), "43": (9, 14),
    "44": (11, 12), "45": (10, 10), "46": (9, 12), "47": (10, 10), "48": (11, 11), "49": (9, 14), "51": (10, 11),
    "52": (12, 13), "53": (9, 11), "54": (12, 13), "55": (12, 13), "56": (11, 11), "57": (11, 12), "58": (12, 12),
    "60": (10, 12), "61": (11, 11), "62": (10, 14), "63": (11, 12), "64": (10, 12), "65": (10, 10), "66": (10, 11),
    "81": (11, 12), "82": (10, 12), "84": (11, 12), "86": (11, 13), "90": (12, 12), "91": (12, 12), "92": (11, 12),
    "93": (11, 11), "94": (11, 11), "95": (9, 12), "98": (12, 12), "351": (12, 12), "352": (8, 14), "353": (10, 12),
    "358": (8, 14), "380": (12, 12), "420": (12, 12), "421": (12, 12), "852": (11, 11), "853": (11, 11), "886": (11, 12),
    "960": (10, 10), "966": (11, 12), "971": (11, 12), "972": (11, 12), "974": (11, 11)}  # fmt: skip
_OTHER_COUNTRIES = (
    "211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 241 242 243 "
    "244 245 246 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269 290 291 297 298 299 "
    "350 354 355 356 357 359 370 371 372 373 374 375 376 377 378 381 382 383 385 386 387 389 423 500 501 502 503 504 505 "
    "506 507 508 509 590 591 592 593 594 595 596 597 598 599 670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 "
    "687 688 689 690 691 692 800 850 855 856 880 961 962 963 964 965 967 968 970 973 975 976 977 992 993 994 995 996 998"
)
#: Some islands have fewer: what is so short is arithmetic more often than a telephone.
COUNTRY_LENGTHS = _LENGTHS | dict.fromkeys(_OTHER_COUNTRIES.split(), (9, 15))
#: National numbers begin with 0 there, in others it is the trunk prefix, which `+` leaves out.
_WITH_ZERO = frozenset({"39", "225", "229", "241", "242", "378"})

#: 140 to 144 and 148 are machines' and satellites'; 154, 161, 163, 164, 168, 169, 179, 194 were not given out.
_CN_MOBILE_PREFIX = re.compile(r"1(?:3[0-9]|4[5-79]|5[0-35-9]|6[2567]|7[0-8]|8[0-9]|9[0-35-9])")
_CN_AREA = r"(?:10|2[0-57-9]|[3-9][0-9]{2})"
_CN_CODE = r"(?:\((?:\+|00)?86\)|(?:\+|00)?86)[ -]{0,2}"
_EXTENSION = r"(?:(?:-|转|轉|分机|,? ?(?:ext\.?|x) ?)[0-9]{1,5})?"

_CN_MOBILE = re.compile(
    rf"(?<![0-9+])(?:{_CN_CODE})?(?P<national>1[3-9][0-9](?:[0-9]{{8}}|(?P<between>[ -])[0-9]{{4}}(?P=between)[0-9]{{4}}))"
    r"(?![0-9])"
)
_CN_LANDLINE = re.compile(
    rf"(?<![0-9+])(?:{_CN_CODE})?(?:\(0(?P<bracketed>{_CN_AREA})\)[ -]{{0,2}}|0(?P<area>{_CN_AREA})(?:-| {{1,2}}| ?- ?))"
    rf"(?P<local>[2-8][0-9]{{6,7}}|[2-8][0-9]{{2,3}}[ -][0-9]{{4}})(?![0-9]){_EXTENSION}(?![0-9])"
)
_CN_SERVICE = re.compile(r"(?<![0-9-])[48]00(?:-[0-9]{3}-[0-9]{4}|-[0-9]{4}-[0-9]{3}|-[0-9]{7})(?![0-9-])")
_NORTH_AMERICAN = re.compile(
    r"(?<![0-9+])(?:\+?1[ .-])?(?:\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[ .-]|[2-9][0-9]{2}(?P<between>[.-])[2-9][0-9]{2}(?P=between))"
    rf"[0-9]{{4}}(?![0-9]){_EXTENSION}(?![0-9])",
    re.IGNORECASE,
)
_INTERNATIONAL = re.compile(
    r"(?<![0-9+])\(?(?:\+|00)[1-9][0-9]{0,14}\)?(?:[ ./-]{0,3}\(?[0-9]{1,12}\)?){0,6}" + _EXTENSION + r"(?![0-9])",
    re.IGNORECASE,
)
_GROUP = re.compile(r"\(0\)|[0-9]+")
_EXTENSION_AT_END = re.compile(r"(?:转|轉|分机|ext|x)[^0-9]{0,2}[0-9]{1,5}$", re.IGNORECASE)
_NATIONAL = re.compile(  # forms with a trunk 0 that are unlike a date, a range or a code
    r"(?<![0-9+])(?:\(0[0-9]{1,4}\) ?[0-9]{2,4}[ -]?[0-9]{3,4}(?:[ -]?[0-9]{2,4})?"  # (0161) 496 0000
    r"|0[0-9]{1,3}-[0-9]{3,4}-[0-9]{4}"  # 03-5555-0123, 010-5555-0123
    r"|09[0-9]{2}-[0-9]{3}-[0-9]{3}"  # Taiwan
    r"|07[0-9]{3} [0-9]{6}"  # British mobile
    r"|0[1-9][0-9]{1,3}/[0-9]{4,8}(?:-[0-9]{1,4})?"  # 0711/2312-500
    r"|0(?:120|570|800)-[0-9]{2,4}-[0-9]{3,4}"  # Japan, free of charge
    r"|8 ?\([0-9]{3,4}\) ?[0-9]{2,3}-[0-9]{2}-[0-9]{2}"  # 8 (495) 555-01-23
    r"|8[ -](?:[3489][0-9]{2})[ -][0-9]{3}[ -][0-9]{2}-[0-9]{2})(?![0-9])"  # 8 800 555-01-23
)
_PAIR_BEFORE, _PAIR_AFTER = (
    re.compile(r"[0-9A-Fa-f]{2}[ .-]{1,2}$"),
    re.compile(r"[ .-]{1,2}[0-9A-Fa-f]{2}(?![0-9A-Za-z])"),
)
_FRENCH = re.compile(r"(?<![0-9+])0[1-9](?P<between>[ .-])(?:[0-9]{2}(?P=between)){3}[0-9]{2}(?![0-9])")
_LABELLED = re.compile(  # after a word that says so
    r"(?<![0-9+])(?:[0-9]{7,12}|0[0-9]{1,4}\([0-9]{1,4}\)[0-9]{4}"
    r"|\(?\+?[0-9]{1,6}\)?(?: ?[./-] ?| |--|(?<=\)) ?)\(?[0-9]{1,8}\)?(?: ?[./-] ?[0-9]{1,8}| [0-9]{2,8}){0,4})(?![0-9])"
    + _EXTENSION
    + "(?![0-9])",
    re.IGNORECASE,
)


def is_mobile(digits: str) -> bool:
    """Whether 11 digits are a mobile's in China."""
    return _CN_MOBILE_PREFIX.match(digits) is not None


def _is_cn_mobile(found: re.Match[str], context: Context | None) -> bool:
    return _CN_MOBILE_PREFIX.match(found["national"].replace(" ", "").replace("-", "")) is not None


def _is_cn_landline(found: re.Match[str], context: Context | None) -> bool:
    """Beijing and the area codes 02x have eight digits, the others seven or eight."""
    digits = len(_NOT_DIGITS.sub("", found["local"]))
    return digits == 8 or (digits == 7 and len(found["bracketed"] or found["area"]) == 3)


def _is_national(found: re.Match[str], context: Context | None) -> bool:
    return 8 <= len(_NOT_DIGITS.sub("", found[0])) <= 12 and found.string[found.start() - 1 : found.start()] != "/"


def _is_french(found: re.Match[str], context: Context | None) -> bool:
    """Pairs that ascend, or that more pairs stand beside, are a series or bytes, unless a word says otherwise."""
    if context is Context.PHONE:
        return True
    pairs = re.findall(r"[0-9]{2}", found[0])
    ascending = all(earlier < later for earlier, later in itertools.pairwise(pairs))
    before, after = found.string[max(0, found.start() - 4) : found.start()], found.string[found.end() : found.end() + 4]
    return not (ascending or _PAIR_BEFORE.search(before) or _PAIR_AFTER.match(after))


def _is_labelled(found: re.Match[str], context: Context | None) -> bool:
    digits = _NOT_DIGITS.sub("", found[0])
    return context is Context.PHONE and 7 <= len(digits) <= 15 and len(set(digits)) > 1


def _always(found: re.Match[str], context: Context | None) -> bool:
    return True


def international_end(number: str) -> int:
    """Length of the telephone number at the beginning of `+…` or `00…`, 0 where it is none: the longest of its leading groups whose
    digits are as many as its country has. A trunk 0 in brackets, `+44 (0)20`, is none of them."""
    best = 0
    digits = ""
    for group in _GROUP.finditer(number):
        digits += "" if group[0] == "(0)" else group[0].removeprefix("00") if group.start() <= 1 else group[0]
        if len(digits) > 15:
            break
        if _is_international(digits):
            best = group.end()
    return best


def _is_international(digits: str) -> bool:
    code = next((digits[:length] for length in (3, 2, 1) if digits[:length] in COUNTRY_LENGTHS), None)
    if code is None or not COUNTRY_LENGTHS[code][0] <= len(digits) <= COUNTRY_LENGTHS[code][1]:
        return False
    if code == "1":
        return digits[1] in "23456789" and digits[4] in "23456789"
    if code == "86":
        national = digits[2:]
        return bool(
            (len(national) == 11 and _CN_MOBILE_PREFIX.match(national))
            or re.fullmatch(r"0?(?:10|2[0-57-9])[2-8][0-9]{7}|0?[3-9][0-9]{2}[2-8][0-9]{6,7}", national)
        )
    return digits[len(code)] != "0" or code in _WITH_ZERO


_Check = Callable[[re.Match[str], Context | None], bool]
#: Pattern, the least digits that it takes, check.
_PHONES: tuple[tuple[re.Pattern[str], int, _Check], ...] = (
    (_CN_MOBILE, 11, _is_cn_mobile),
    (_CN_LANDLINE, 11, _is_cn_landline),
    (_CN_SERVICE, 10, _always),
    (_NORTH_AMERICAN, 10, _always),
    (_NATIONAL, 8, _is_national),
    (_FRENCH, 10, _is_french),
    (_LABELLED, 7, _is_labelled),
)
#: Digits without anything between them and without a telling word: the shortest that are a telephone are a mobile's in China.
_LEAST_UNLABELLED_RUN = 11

# ------------------------------------------------------------------------------------------------ all of them

#: An extension may reach so far beyond the digits of a place: `, ext. 12345`.
_EXTENSION_CHARACTERS = 16
#: No number has fewer.
_LEAST_DIGITS = 7


def numbers_in(text: str, begin: int, end: int) -> list[Number]:
    """Numbers of persons in [begin, end) of a folded window; they do not overlap, and come in the order of certainty."""
    found: list[Number] = []
    left = sum(map(str.isdigit, text[begin:end]))
    for number in _candidates(text, begin, end, left):
        if all(number.end <= other.begin or number.begin >= other.end for other in found):
            found.append(number)
            left -= sum(map(str.isdigit, text[number.begin : number.end]))
            if left < _LEAST_DIGITS:
                break
    return found


def _candidates(text: str, begin: int, end: int, digits: int) -> Iterator[Number]:
    """What passes its checks, the surest kind first. No letter stands in [begin, end), so one word tells of all in it."""
    core = text[begin:end].strip(" -./")
    context = context_before(text, begin)
    if digits >= 15:
        yield from _resident_ids(text, begin, end, context)
    if digits >= 14 and context in (None, Context.CARD):
        yield from _cards(text, begin, end, context)
    if context is Context.CARD:  # an account by a mobile number: 支付宝账号：138…
        for match in _matches(_CN_MOBILE, text, begin, end):
            if _is_cn_mobile(match, context) and stands_alone(text, *match.span(), labelled=True):
                yield Number("phone", *match.span())
    if context not in (None, Context.PHONE):
        return
    if "+" in core or core.startswith("0086") or (core.startswith("00") and context is not None):
        yield from _internationals(text, begin, end, context)
    if context is None and digits == len(core) < _LEAST_UNLABELLED_RUN:
        return
    for pattern, least, check in _PHONES:
        if digits < least or (pattern is _LABELLED and context is None):
            continue
        for match in _matches(pattern, text, begin, end):
            first, last = _trimmed(match)
            if check(match, context) and stands_alone(text, first, last, labelled=context is not None):
                yield Number("phone", first, last)


def _matches(pattern: re.Pattern[str], text: str, begin: int, end: int) -> Iterator[re.Match[str]]:
    """Matches that begin in [begin, end); an extension may lie beyond it."""
    for match in pattern.finditer(text, begin, end + _EXTENSION_CHARACTERS):
        if match.start() >= end:
            return
        yield match


def _trimmed(match: re.Match[str]) -> tuple[int, int]:
    """Without a bracket that the number does not close, or open."""
    begin, end = match.span()
    if match[0].startswith("(") and ")" not in match[0]:
        begin += 1
    if match[0].endswith(")") and "(" not in match[0]:
        end -= 1
    return begin, end


def _resident_ids(text: str, begin: int, end: int, context: Context | None) -> Iterator[Number]:
    for match in _matches(_ID_18, text, begin, end):
        if is_resident_id(match[0].replace(" ", "")) and stands_alone(text, *match.span(), labelled=True):
            yield Number("resident_id", *match.span())
    if context is Context.IDENTITY:
        for match in _matches(_ID_15, text, begin, end):
            if is_old_resident_id(match[0]) and stands_alone(text, *match.span(), labelled=True):
                yield Number("resident_id", *match.span())


def _cards(text: str, begin: int, end: int, context: Context | None) -> Iterator[Number]:
    for match in _matches(_CARD, text, begin, end):
        if is_card(_NOT_DIGITS.sub("", match[0])) and stands_alone(text, *match.span(), labelled=context is not None):
            yield Number("card", *match.span())


def _internationals(text: str, begin: int, end: int, context: Context | None) -> Iterator[Number]:
    for match in _matches(_INTERNATIONAL, text, begin, end):
        extension = _EXTENSION_AT_END.search(match[0])
        number = match[0][: extension.start()] if extension else match[0]
        length = international_end(number)
        if length == 0:
            continue
        whole = extension is not None and length == len(number.rstrip(" ,"))
        first, last = match.start(), match.start() + (len(match[0]) if whole else length)
        if text[first] == "(" and ")" not in text[first:last]:
            first += 1
        if stands_alone(text, first, last, labelled=context is not None, sure=True):
            yield Number("phone", first, last)
