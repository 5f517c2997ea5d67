"""Identifiers of persons and devices in a window of text, by tables: filters/privacy/jurisdictions/*.toml.

An entry of a table is a kind that is written in one way:

kind     what it is (filters.privacy.kinds)
shape    which places of the gate may hold it: "code" (letters and digits; the default), "number" (digits alone), "word", "hardware"
pattern  what it looks like; nothing that is part of a longer word or number counts
end      "check": the pattern may reach beyond it, and the check says where it ends
check    a name of filters.privacy.checksums.CHECKS; without one the words must tell
word     "before": a telling word stands directly before it, with `glue` between; "optional": it tells by itself
words    telling words by language, expressions; case does not matter
glue     expression between word and identifier
unless_only  words that tell only with a colon behind them, or the like
near     expression that must stand somewhere around it, unless it is a number of LONG_ACCOUNT digits

So a jurisdiction is added by a table, and a check by a function. Precision first: a kind without a checksum is found after a word only.
Every expression reads a window of bounded size.
"""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from filters.privacy.checksums import CHECKS, Check
from filters.privacy.number_context import AFTER_CHARACTERS, BEFORE_CHARACTERS, LETTERS, stands_alone
from filters.privacy.personal_numbers import Number, is_mobile

FOLDER = Path(__file__).with_name("jurisdictions")
#: So many digits after 账号 are a bank's, whatever stands around.
LONG_ACCOUNT = 15

_PART_BEFORE = re.compile(rf"[{LETTERS}0-9_]$")
_PART_AFTER = re.compile(rf"[{LETTERS}0-9_@]|[-.][A-Za-z0-9]")
#: Before what tells by itself: a part, an order, an example.
_OTHER_BEFORE = re.compile(
    r"(?:型号|型號|料号|料號|编号|編號|订单|訂單|单号|單號|货号|貨號|第|例如|示例|范例|範例|样例|例|part|model|sku|fingerprint|sha-?[0-9]{0,3}|md5|serial|key|order|invoice|e\.g\.|example|sample)"
    r"[ :：.#]{0,3}$",
    re.IGNORECASE,
)
#: Names of programs and products after `WeChat`, and of what has no digit, `_` or `-` without a colon.
_NO_ACCOUNT = re.compile(
    r"(?:iphone|android|windows|ios|macos|web-?view|mini-?|js-|api|sdk|pay|official|account|work)", re.IGNORECASE
)
_NAMED = re.compile(r"[:：=]|号|號|\bid\b", re.IGNORECASE)


class Identifier(NamedTuple):
    """An entry of a table, compiled."""

    kind: str
    shape: str
    pattern: re.Pattern[str]
    check: Check
    needs_word: bool
    before: re.Pattern[str] | None  # the word and the glue, at the end of what stands before
    words: re.Pattern[str] | None  # anywhere
    telling: tuple[str, ...]  # the words as the table has them
    near: re.Pattern[str] | None
    shy: re.Pattern[str] | None  # words that tell with a colon only


@cache
def identifiers() -> dict[str, tuple[Identifier, ...]]:
    """Shape → its entries, in the order of the files' names. Raises KeyError for a check that is none."""
    entries = [
        _compiled(entry)
        for path in sorted(FOLDER.glob("*.toml"))
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["identifier"]
    ]
    return {
        shape: tuple(each for each in entries if each.shape == shape)
        for shape in ("code", "number", "word", "hardware")
    }


@cache
def _beginnings() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """How the telling words of numbers begin, those in ASCII and the others: without one in sight no other expression is tried."""
    words = {word for each in identifiers()["number"] for word in each.telling}
    in_ascii = sorted({re.escape(word[:3].lower()) for word in words if word.isascii()})
    others = sorted({word[0].lower() for word in words if not word.isascii()})
    return re.compile("|".join(in_ascii)), re.compile(f"[{''.join(others)}]")


def _may_be_told(before: str) -> bool:
    in_ascii, others = _beginnings()
    before = before.lower()
    return in_ascii.search(before) is not None or (not before.isascii() and others.search(before) is not None)


def _compiled(entry: dict[str, Any]) -> Identifier:
    shape, number = entry.get("shape", "code"), entry.get("shape") == "number"
    words = sorted((word for each in entry.get("words", {}).values() for word in each), key=len, reverse=True)
    alternatives = "|".join(
        rf"(?<![{LETTERS}]){word}" if word[0].isascii() and word[0].isalpha() else word for word in words
    )
    edge = "0-9" if number else "0-9A-Za-z"
    return Identifier(
        kind=entry["kind"],
        shape=shape,
        pattern=re.compile(
            entry["pattern"] if entry.get("end") == "check" else rf"(?<![{edge}])(?:{entry['pattern']})(?![{edge}])"
        ),
        check=CHECKS[entry.get("check", "")],
        needs_word=entry["word"] == "before",
        before=re.compile(rf"(?P<word>{alternatives})(?P<glue>{entry['glue']})$", re.IGNORECASE)
        if "glue" in entry
        else None,
        words=re.compile(alternatives, re.IGNORECASE) if words else None,
        telling=tuple(words),
        near=re.compile(entry["near"], re.IGNORECASE) if "near" in entry else None,
        shy=re.compile(entry["unless_only"], re.IGNORECASE) if "unless_only" in entry else None,
    )


def identifiers_in(text: str, begin: int, end: int, shape: str) -> list[Number]:
    """Identifiers of a shape that reach into [begin, end) of a folded window, as `filters.privacy.pii` resolves them."""
    first = max(0, begin - BEFORE_CHARACTERS)
    if shape == "number" and not _may_be_told(text[first:begin]):
        return []
    found = []
    for entry in identifiers()[shape]:
        for match in entry.pattern.finditer(text, max(0, begin - _BACK[shape]), min(len(text), end + _MOST_CHARACTERS)):
            if match.start() >= end:
                break
            if match.end() > begin and (last := _end(text, match, entry)):
                found.append(Number(entry.kind, match.start(), last))
    return found


#: The longest identifier: an IBAN of 34 characters, in groups of four.
_MOST_CHARACTERS = 44
#: Characters that an identifier may have before the digits or the word by which the gate found it.
_BACK = {"code": 12, "number": 0, "word": 0, "hardware": 6}


def _end(text: str, match: re.Match[str], entry: Identifier) -> int:
    """Where the identifier of a match ends; 0 where there is none."""
    begin = match.start()
    before = text[max(0, begin - BEFORE_CHARACTERS) : begin]
    told = _told(before, entry)
    if entry.needs_word and not told:
        return 0
    end = begin + entry.check(match[0], told)
    if end == begin:
        return 0
    if entry.shape == "number":
        if not stands_alone(text, begin, end, labelled=True):
            return 0
    elif (_PART_BEFORE.search(before) and not (told and entry.needs_word)) or _PART_AFTER.match(text, end):
        return 0
    if not told and _OTHER_BEFORE.search(before):
        return 0
    if entry.near is not None and not _is_of_bank(text, begin, end, entry.near):
        return 0
    if entry.kind == "wechat" and not _is_account_name(match[0], before, entry):
        return 0
    return end


def _told(before: str, entry: Identifier) -> bool:
    """Whether a word that stands before says what it is."""
    if entry.before is None:
        return entry.words is not None and entry.words.search(before) is not None
    match = entry.before.search(before)
    if match is None:
        return False
    return entry.shy is None or not entry.shy.fullmatch(match["word"]) or _NAMED.search(match["glue"]) is not None


def _is_of_bank(text: str, begin: int, end: int, near: re.Pattern[str]) -> bool:
    """A number after 账号: no mobile number, and of a bank by its length or by what stands around."""
    digits = re.sub("[^0-9]", "", text[begin:end])
    if len(digits) == 11 and is_mobile(digits):
        return False
    around = text[max(0, begin - BEFORE_CHARACTERS) : begin], text[end : end + AFTER_CHARACTERS]
    return len(digits) >= LONG_ACCOUNT or any(near.search(part) for part in around)


def _is_account_name(name: str, before: str, entry: Identifier) -> bool:
    if _NO_ACCOUNT.match(name):
        return False
    match = entry.before.search(before) if entry.before is not None else None
    if re.search("[0-9_]", name) or ("-" in name and name.islower()):
        return True
    return match is not None and _NAMED.search(match["glue"]) is not None and name.islower()
