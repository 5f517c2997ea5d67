"""Check digits and shapes of identifiers, by the names that filters/privacy/jurisdictions/*.toml call them.

Each takes what a pattern matched, folded to ASCII, and whether a telling word stands before it, and says how many of its
characters are one: all, none or, of an IBAN, as many as its country has.
Numbers that documentation gives as examples are none.

Sources: GB 32100 (credit codes), ISO 13616 and the SWIFT registry (IBAN), the Luhn algorithm (ISO/IEC 7812), Hong Kong's Registration of
Persons, Taiwan's Household Registration; IEEE 802 (locally administered and group addresses), RFC 7042 (documentation).
"""

import re
from collections.abc import Callable, Mapping
from datetime import date

_CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)

#: The first two digits of a resident-ID number: provinces, regions and cities of GB/T 2260; 71, 81, 82 Taiwan, Hong Kong,
#: Macau; 83 residents.
PROVINCES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83".split()  # noqa: SIM905
)
#: Where an organisation is registered: 10 is the state's own office.
_REGISTERED_IN = PROVINCES - {"83"} | {"10"}

#: Characters of an IBAN by country.
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28, "CH": 21,
    "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26,
    "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27,
    "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
    "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28,
    "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
IBAN_COUNTRIES = tuple(_IBAN_LENGTHS)
_IBAN_EXAMPLES = frozenset({"DE89370400440532013000", "GB29NWBK60161331926819", "GB82WEST12345698765432"})

_TAIWAN = "ABCDEFGHJKLMNPQRSTUVXYWZIO"  # in the order of their codes, 10 to 35
_EXAMPLES = re.compile(r"123456|0000000|1111111|([0-9])\1{6}")


def luhn(number: str) -> bool:
    """Whether the last digit is Luhn's check digit of the others."""
    doubled = "0246813579"
    return sum(int(doubled[int(n)] if at % 2 else n) for at, n in enumerate(reversed(number))) % 10 == 0


def is_credit_code(code: str, told: bool) -> bool:
    """GB 32100; one of digits alone only where a word says so: one number in 31 would pass."""
    code = code.upper()
    if len(code) != 18 or code[2:4] not in _REGISTERED_IN or (code.isdigit() and not told):
        return False
    total = sum(_CREDIT.index(c) * weight for c, weight in zip(code, _CREDIT_WEIGHTS, strict=False))
    return _CREDIT[-total % 31] == code[17]


def iban_length(text: str) -> int:
    """Characters of the IBAN, spaces included, that a text begins with; 0 where it is none."""
    due = _IBAN_LENGTHS.get(text[:2], 0)
    digits = ""
    for at, character in enumerate(text):
        if character != " ":
            digits += str(int(character, 36))
            due -= 1
        if due == 0:
            code = text[: at + 1].replace(" ", "")
            moved = code[4:] + code[:4]
            if code in _IBAN_EXAMPLES or len(set(code[4:])) < 3:
                return 0
            return at + 1 if int("".join(str(int(c, 36)) for c in moved)) % 97 == 1 else 0
    return 0


def is_imei(number: str, told: bool) -> bool:
    digits = re.sub("[ -]", "", number)
    return luhn(digits) and not _EXAMPLES.search(digits) and digits != "490154203237518"


def is_hong_kong_id(number: str, told: bool) -> bool:
    """Letters and digits, weighted 9 to 1, are divisible by 11; an absent first letter counts as a space, 36."""
    plain = re.sub("[ ()]", "", number)
    if _EXAMPLES.search(plain):
        return False
    letters = re.match("[A-Z]+", plain)
    values = ([36] if letters is not None and len(letters[0]) == 1 else []) + [int(c, 36) for c in plain[:-1]]
    last = 10 if plain[-1] == "A" else int(plain[-1])
    return (sum(value * weight for value, weight in zip(values, range(9, 1, -1), strict=True)) + last) % 11 == 0


def is_taiwan_id(number: str, told: bool) -> bool:
    """The letter's code and the digits, weighted 1, 9, 8 … 1, 1, are divisible by 10."""
    if number[1:] in ("123456789", "234567890"):
        return False
    code = 10 + _TAIWAN.index(number[0])
    second = number[1] if number[1].isdigit() else str((10 + _TAIWAN.index(number[1])) % 10)
    digits = [code // 10, code % 10, int(second), *map(int, number[2:])]
    return sum(n * weight for n, weight in zip(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True)) % 10 == 0


def is_mac(address: str, told: bool) -> bool:
    """A single card's address: no group's, no series of documentation; of digits alone only where a word says so."""
    digits = re.sub("[^0-9A-Fa-f]", "", address).upper()
    if int(digits[1], 16) % 2 or digits.startswith(("00005E00", "00000000", "DEADBEEF")) or len(set(digits)) < 4:
        return False
    pairs = [digits[at : at + 2] for at in range(0, 12, 2)]
    if pairs in (["00", "11", "22", "33", "44", "55"], ["AA", "BB", "CC", "DD", "EE", "FF"]):
        return False
    if digits in ("0123456789AB", "123456789ABC"):
        return False
    return told or not (digits.isdigit() or "." in address)


def is_account(number: str, told: bool) -> bool:
    digits = re.sub("[^0-9]", "", number)
    return 7 <= len(digits) <= 21 and len(set(digits)) > 2


def is_no_date(number: str, told: bool) -> bool:
    """Not a day such as 20150701, nor a row of one digit."""
    try:
        date(int(number[:4]), int(number[4:6]), int(number[6:8]))
    except ValueError:
        return len(set(number)) > 2
    return not number.startswith(("19", "20"))


def is_plate(plate: str, told: bool) -> bool:
    """With a space between, `京A 12345`, only where a word says so."""
    return told or " " not in plate


Check = Callable[[str, bool], int]


def _of_all(is_one: Callable[[str, bool], bool]) -> Check:
    return lambda matched, told: len(matched) if is_one(matched, told) else 0


CHECKS: Mapping[str, Check] = {
    "": lambda matched, _told: len(matched),
    "credit_code": _of_all(is_credit_code),
    "iban": lambda matched, _told: iban_length(matched),
    "imei": _of_all(is_imei),
    "hong_kong": _of_all(is_hong_kong_id),
    "taiwan": _of_all(is_taiwan_id),
    "mac": _of_all(is_mac),
    "account": _of_all(is_account),
    "no_date": _of_all(is_no_date),
    "spaced_plate": _of_all(is_plate),
}
