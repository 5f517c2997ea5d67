"""E-mail addresses that are written so that a program does not find them: `name [at] host [dot] com`, `name#host.com（#换成@）`.

Read around a word that the gate saw: `at` before a closing bracket, `dot`, 艾特, `#` between a name and a host. The sign must be
written out or replaced, the domain must end in a top-level domain that exists, and in doubt nothing is found: `look at example dot
com` is a sentence, so a bare ` at ` counts in capitals, with a name that has a dot, or after a word such as `mail` only.
"""

import re

from filters.privacy.addresses import MOST_LOCAL_CHARACTERS, is_reserved, is_top_level

#: Characters of a window before and after what the gate saw: from a last `dot` back to the name, from a sign on to the end.
BEFORE, AFTER = 110, 110

_OPEN, _CLOSE = r"[\[({【（<]", r"[\])}】）>]"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_BRACKETED_DOT = rf" ?{_OPEN} ?(?:dot|punkt|punto|point|点|點|точка|\.) ?{_CLOSE} ?"

_SIGN = re.compile(
    rf"(?P<bracketed> ?{_OPEN} ?(?:at|ät|æt|arroba|собака|艾特|圈a?|@) ?{_CLOSE} ?)|(?P<bare> at )|(?P<underlined>_at_)"
    r"|(?P<called> ?(?:艾特|圈a) ?)|(?P<replaced>[#＃*＊])",
    re.IGNORECASE,
)
_DOMAIN = re.compile(
    rf"{_LABEL}(?:(?:\.|{_BRACKETED_DOT}| dot |_dot_|[点點]){_LABEL}){{1,4}}(?![A-Za-z0-9-])", re.IGNORECASE
)
_SPELLED_DOMAIN = re.compile(rf"{_LABEL}(?: dot {_LABEL}){{1,4}}(?![A-Za-z0-9-])", re.IGNORECASE)
_LOCAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-")
#: What says that another sign stands for `@`.
_INSTRUCTION = re.compile(
    r"[#＃*＊星井]号?[^\n]{0,6}(?:换|改|替|代|換|for|with|to|=)[^\n]{0,8}(?:@|＠|圈|艾特|\bat\b)|(?:replace|change) ?[\"'“]?[#*]",
    re.IGNORECASE,
)
_TELLING = re.compile(r"(?:mail|write to|reach|contact|reply|邮箱|郵箱|邮件|信箱|电邮|電郵)[^\n]{0,24}$", re.IGNORECASE)
_DOT = re.compile(rf"{_BRACKETED_DOT}| dot |_dot_|[点點]", re.IGNORECASE)
_INSTRUCTION_CHARACTERS = 30


def disguised_in(text: str, begin: int, end: int) -> tuple[int, int] | None:
    """[first, last) of the disguised address that reaches into [begin, end) of a folded window, None where there is none."""
    for sign in _SIGN.finditer(text, max(0, begin - BEFORE), min(len(text), end + AFTER)):
        if sign.start() > end + 2:
            break
        domain = (_SPELLED_DOMAIN if sign.lastgroup == "bare" else _DOMAIN).match(text, sign.end())
        if domain is None or domain.end() < begin:
            continue
        first = _local_begin(text, sign.start(), spaced=sign.lastgroup in ("bare", "bracketed"))
        if first < sign.start() and _is_address(text, first, sign, domain):
            return first, domain.end()
    return None


def _local_begin(text: str, end: int, *, spaced: bool) -> int:
    """Where the name that ends at a place begins; ` dot ` may stand in it."""
    begin = end
    while begin > 0 and end - begin < MOST_LOCAL_CHARACTERS:
        if text[begin - 1] in _LOCAL:
            begin -= 1
        elif spaced and text[begin - 5 : begin].lower() == " dot " and begin < end:
            begin -= 5
        else:
            break
    while begin < end and text[begin] in "._%+-":
        begin += 1
    return begin


def _is_address(text: str, first: int, sign: re.Match[str], domain: re.Match[str]) -> bool:
    plain = _DOT.sub(".", domain[0]).replace(" ", "").lower()
    if not is_top_level(plain.rpartition(".")[2]) or is_reserved(plain):
        return False
    if sign.lastgroup == "replaced":
        around = (
            text[domain.end() : domain.end() + _INSTRUCTION_CHARACTERS],
            text[max(0, first - _INSTRUCTION_CHARACTERS) : first],
        )
        return text[first - 1 : first] not in ("/", "#") and any(_INSTRUCTION.search(part) for part in around)
    local = text[first : sign.start()].lower()
    if sign[0] == " at ":
        return " dot " in local or "." in local or _TELLING.search(text, 0, first) is not None
    return text[sign.start() - 1].isalnum()
