"""What stands around a number: folded forms, whether it stands alone, and which words say what it is.

Works on a window: a few dozen characters around a candidate, so that every expression here reads a bounded text.
"""

import enum
import re

#: Characters of a window before and after a candidate; longer context decides nothing.
BEFORE_CHARACTERS = 40
AFTER_CHARACTERS = 24

# One character for one, so that places in the folded window are places in the text. Not `，`, `：` and the like: a
# comma between digits means something else than a Chinese comma between two numbers.
_FOLDED = {
    **{0xFF10 + digit: 0x30 + digit for digit in range(10)},
    **{0xFF21 + letter: 0x41 + letter for letter in range(26)},
    **{0xFF41 + letter: 0x61 + letter for letter in range(26)},
    **dict(zip(map(ord, "＠．－＋（）／＿"), map(ord, "@.-+()/_"), strict=True)),
    **dict.fromkeys((0xA0, 0x3000), 0x20),
    **dict.fromkeys(range(0x2010, 0x2016), 0x2D),
}


_FOLDING = re.compile(f"[{''.join(map(chr, _FOLDED))}]")


def folded(text: str) -> str:
    """Full-width letters, digits and the signs of addresses and numbers as ASCII; dashes as `-`, wide spaces as a space."""
    if text.isascii():
        return text
    return _FOLDING.sub(lambda found: chr(_FOLDED[ord(found[0])]), text)


class Context(enum.Enum):
    """What the nearest telling word before a number says it is."""

    PHONE = "phone"
    CARD = "card"
    IDENTITY = "identity"
    #: An order, a serial, a version: no number of a person.
    OTHER = "other"


#: Letters that an alphabetic word is made of: a Chinese character beside it is none of them.
LETTERS = "A-Za-z\u00c0-\u024f\u0400-\u04ff"

_WORDS = {
    Context.PHONE: (
        "tel tél tlf tfn fon telefon telefonnummer rufnummer telefono telefone teléfono telefoon telephone téléphone phone phones ph mobil mobile mob cell "
        "cellphone cellular celular móvil fax telefax faks call calling dial ring sms text whatsapp handy hotline тел телефон "
        "факс моб линия звоните контакты"
    ),
    Context.CARD: (
        "card cards account visa mastercard master mc amex express discover jcb diners unionpay maestro cc credit debit"
    ),
    Context.IDENTITY: "identity",
    Context.OTHER: (
        "order orders invoice ticket tracking serial sn ref reference case part model item product batch lot id ids uid uuid "
        "isbn issn ean upc sku doi pmid bug bugs issue version revision commit timestamp seed hash port size bytes total "
        "population ein vat iban bic blz steuernummer ust hrb rfc cve qq ups usps gps patent docket"
    ),
}
_ENDINGS = {  # of a run of Chinese, Japanese or Korean characters
    Context.PHONE: (
        "电话 電話 手机 手機 座机 座機 传真 傳真 热线 熱線 专线 方式 联系 聯絡 联系我 致电 请电 請電 拨打 來電 来电 总机 分机 小灵通 微信 "
        "携帯 連絡先 ダイヤル 問合せ 問い合わせ 전화 휴대폰 팩스 연락처 문의 고객센터 대표번호 상담"
    ),
    Context.CARD: "卡 卡号 卡號 账号 帐号 帳號 汇款 打款 转账 账户 銀聯 银联 捐款",
    Context.IDENTITY: "身份证 身份證 身分證 证件 證件 身份",
    Context.OTHER: (
        "订单 訂單 单号 單號 编号 編號 流水 序列 货号 貨號 型号 型號 书号 書號 刊号 条码 条形码 批号 准文 文号 许可证 许可證 备案 合同 "
        "发票 發票 快递 运单 物流 学号 學號 工号 案号 期号 帖子 资本 人口 浏览 阅读 下载 票价 专利 执照 信用代码 核准号 群号 群 "
        "坐标 版本 邮编 证书 代码 量 数 额 值"
    ),
}
# Words that may stand between the telling word and the number: `call us at 617 555 0188`, `手机号码是`.
_PASSED_OVER = (
    "number numbers unter no nos nr num us me him her them at on is was to the or and with for by 或 和 及 至 到 或者"
)
PASSED_OVER = frozenset(_PASSED_OVER.split())
_SUFFIXES = ("号码", "號碼", "号", "號", "为", "是", "请", "在")

TELLING_OF_PHONES = tuple(_WORDS[Context.PHONE].split())
_CONTEXTS = {word: context for context, words in _WORDS.items() for word in words.split()}
_CONTEXTS_OF_ENDINGS = tuple((tuple(words.split()), context) for context, words in _ENDINGS.items())
# Before a word that is part of a name: `j.cell.2020`, `my_phone`. (Nothing is before the first.)
_WITHIN_NAME = (".", "_", "@", "=", "&")
_TOKEN = re.compile(rf"[{LETTERS}]+|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[#№]")


def context_before(text: str, begin: int) -> Context | None:
    """What the nearest word before `begin` says; None where there is none, or where it says nothing of numbers.

    Signs and digits may stand between: `Tel. 9-5: 617 555 0188 / 617 555 0189`; a new line only after a colon.
    """
    before = text[max(0, begin - BEFORE_CHARACTERS) : begin].replace("电 话", "电话")
    for token in reversed(list(_TOKEN.finditer(before))):
        word = token[0].lower()
        context = Context.OTHER if word in "#№" else _CONTEXTS.get(word)
        if context is None and word >= "\u3040":
            context = _context_of_ending(word)
        if context is Context.PHONE and before[token.start() - 1 : token.start()] in _WITHIN_NAME:
            return None
        if (
            context is Context.PHONE
            and "\n" in (between := before[token.end() :])
            and between.lstrip(" .)")[0] not in ":："
        ):
            return None
        if context is not None or word not in PASSED_OVER:
            return context
    return None


def _context_of_ending(word: str) -> Context | None:
    while True:
        for endings, context in _CONTEXTS_OF_ENDINGS:
            if word.endswith(endings):
                return context
        shorter = next((word.removesuffix(suffix) for suffix in _SUFFIXES if word.endswith(suffix)), word)
        if shorter == word:
            return None
        word = shorter


_UNIT = re.compile(
    r"\s?(?:[%°‰]|(?:bytes?|[kmgt]i?b|ms|px|kg|usd|eur|dollars?|people|times)\b|[元圆万亿人次个条名位吨米秒岁株只件篇]|美元|字节|字)",
    re.IGNORECASE,
)
_CALCULATED_AFTER = re.compile(r"\s?(?:[*×÷=^<>]|\+\s[0-9])")
_CALCULATED_BEFORE = re.compile(r"(?:[*×÷^<>≈]\s?|[0-9a-z] ?[=+] ?|\b[=] )$")


def stands_alone(text: str, begin: int, end: int, *, labelled: bool, sure: bool = False) -> bool:
    """Whether what is at [begin, end) is a number of its own: no part of a name, a path, a decimal or a calculation.

    `labelled`: a telling word says what it is, so a letter, `=` or `.` directly before it may belong to that word.
    `sure`: nothing else looks like it, so a capital directly after it begins what stood in the next cell: `+41 … 76E-Mail`.
    """
    return not (
        _goes_on_before(text, begin, labelled)
        or _goes_on_after(text, end, sure)
        or _UNIT.match(text, end)
        or (not (labelled or sure) and _calculated(text, begin, end))
    )


def _goes_on_before(text: str, begin: int, labelled: bool) -> bool:
    before = text[begin - 1] if begin else " "
    beyond = text[begin - 2] if begin > 1 else " "
    if before in "_#$€£¥￥@%&~\\" or _is_word(before):
        return not (labelled and before.isalpha())
    if before in ".'":
        return _is_word(beyond) and not (labelled and beyond.isalpha())
    if before == ",":
        return beyond.isdigit() and not _NUMBER_BEFORE.search(text[max(0, begin - 6) : begin])
    if before == "-":
        return _is_word(beyond) or beyond in "-._"
    if before == "/":
        return _is_letter(beyond) or beyond == "/"
    return before == "=" and not labelled


def _goes_on_after(text: str, end: int, sure: bool) -> bool:
    after, beyond = text[end : end + 1], text[end + 1 : end + 2]
    if not after:
        return False
    if _is_word(after):
        return not (sure and after.isupper())
    if after == ",":
        return _GROUP_OF_THREE.match(text, end) is not None
    if after in ".-/:'":
        return _is_word(beyond) and not _NEXT.match(text, end)
    return after in "_@=\\"


def _calculated(text: str, begin: int, end: int) -> bool:
    return bool(_CALCULATED_AFTER.match(text, end) or _CALCULATED_BEFORE.search(text[max(0, begin - 4) : begin]))


# `13812345678/13912345678`, `4556-9147/48`: two numbers; `1,234` is one.
_NEXT = re.compile(r"/(?:\+|\(?[0-9]{2})")
_NUMBER_BEFORE = re.compile(r"[0-9]{4},$")
_GROUP_OF_THREE = re.compile(r",[0-9]{1,3}(?![0-9])")


def _is_word(character: str) -> bool:
    """An ASCII letter or digit: a Chinese character beside a number is no part of it."""
    return character.isascii() and character.isalnum()


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()
