"""Text → the text without lines that are none of it, as a step of extraction of its own, after the normal form.

`edit_lines(text, rules)` is a pure function; it returns the text and how many lines each rule removed (of `citations`, marks).
A line is what stands between line feeds, without white space at its ends; blank lines are judged by nothing. A line goes for
the first rule that holds, in the order of LineRule; where anything went, there is at most one blank line in a row after that,
and none at the ends.

    javascript       contains "javascript" (C4)
    policy           contains "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"
                     (C4)
    boilerplate      is, from end to end, one of the lines that sites put around texts: previous and next article, read more,
                     share, rights, editors, log in; in Chinese, Japanese, Korean and seven European languages (ours)
    menu             has MENU_SEPARATORS (`|`, `»`, `·` …) or more, between items of at most MENU_ITEM_CHARACTERS (ours)
    repeated         is the second or a later copy of a line of at least REPEATED_CHARACTERS (ours)
    long_words       has a word of more than LONGEST_WORD_CHARACTERS (C4's code)
    few_words        has fewer than FEWEST_WORDS; two characters of a script without spaces are one (C4's paper, FineWeb)
    end_punctuation  does not end in a sentence's end mark, quotation marks and brackets behind it aside, or ends in an ellipsis
                     (C4, with the marks of other scripts)
    citations        `[12]`, `[edit]`, `[citation needed]` go out of lines, before these are judged (C4)

The first three ignore case. Invariant: idempotent, a citation inside a citation aside. Cost: 3 to 6 µs a line for a rule,
13 for all; linear, since every expression is bounded and reads lines of at most BOILERPLATE_CHARACTERS.
Sources: Raffel et al. 2020, section 2.2; `c4_utils.py` of TFDS; Penedo et al. 2024 for those that FineWeb keeps.
"""

import dataclasses
import enum
import re
from collections import Counter
from typing import NamedTuple

VERSION = 1

REPEATED_CHARACTERS = 20
MENU_SEPARATORS = 3
MENU_ITEM_CHARACTERS = 20
LONGEST_WORD_CHARACTERS = 1000
FEWEST_WORDS = 3
#: A longer line is a sentence, whatever it begins with.
BOILERPLATE_CHARACTERS = 120


class LineRule(enum.StrEnum):
    """The rules, in the order in which a line is judged."""

    JAVASCRIPT = "javascript"
    POLICY = "policy"
    BOILERPLATE = "boilerplate"
    MENU = "menu"
    REPEATED = "repeated"
    LONG_WORDS = "long_words"
    FEW_WORDS = "few_words"
    END_PUNCTUATION = "end_punctuation"
    CITATIONS = "citations"


@dataclasses.dataclass(frozen=True)
class LineRules:
    """Which rules edit."""

    javascript: bool = False
    policy: bool = False
    boilerplate: bool = False
    menu: bool = False
    repeated: bool = False
    long_words: bool = False
    few_words: bool = False
    end_punctuation: bool = False
    citations: bool = False

    @property
    def any(self) -> bool:
        return any(getattr(self, rule) for rule in LineRule)


class Edited(NamedTuple):
    text: str
    removed: Counter[LineRule]


NOTHING_EDITED = LineRules()

_POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
_CITATION = re.compile(r"\[\d{0,4}\]|\[edit\]|\[citation needed\]")
_SEPARATOR = re.compile(r"[|｜¦»›▸►•·>／]")
_CHARACTER = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_BEHIND_END = "\"'”’»«)]）］」』】》"
_END = ".!?。！？．؟۔।॥։។៕᙮"
_ELLIPSIS = ("...", "…")
_BLANK_LINES = re.compile(r"\n{3,}")

#: A line that holds one of these, in lower case, says whose the page is.
_RIGHTS = (
    *("版权所有", "版權所有", "翻版必究", "icp备", "icp備", "icp证", "公网安备", "無断転載", "무단전재", "무단 전재"),
    *("all rights reserved", "alle rechte vorbehalten", "tous droits réservés", "todos los derechos reservados"),
    *("todos os direitos reservados", "tutti i diritti riservati", "все права защищены"),
)
_LINES = (  # in lower case, from end to end; none begins with anything, so that most lines fail at their first letters
    # Chinese
    r"(?:上|下|前)一?(?:篇|页|章|节|条|則|则)(?:文章|新闻)?(?:[:：>»<«\s].{0,60})?",
    r"[（(【\[]?(?:责任编辑|責任編輯|责编|编辑|編輯|审核|校对)[:：].{0,30}[）)】\]]?",
    r"[>»\[（(【]{0,2}(?:点击|點擊)?(?:查看|阅读|閱讀|展开|加载|显示|浏览|了解)?(?:更多|全文|原文|详情|全部)"
    r"(?:内容|详情|评论|文章|精彩)?[>».…\])）】]{0,4}",
    r"(?:返回|回到)(?:顶部|頂部|首页|首頁|目录|列表|上页|上一页|上一级)",
    r"分享(?:[到至给].{0,40})?|收藏|点赞|打印本页|【?(?:关闭窗口|关闭|打印|收藏)】?",
    r"(?:微信)?(?:扫一扫|扫码|长按|识别二维码).{0,30}|(?:欢迎)?关注.{0,12}(?:公众号|微信|微博).{0,20}",
    r"(?:相关|推荐|延伸|热门|精彩|最新|猜你)(?:喜欢|阅读|文章|新闻|推荐|资讯|内容|链接|報導|新聞)[:：]?",
    r"(?:特别|免责|版权|郑重)(?:声明|提示)[:：].{0,110}|未经(?:授权|许可).{0,20}(?:转载|使用).{0,20}",
    r"登录|注册|登录[/|\s]注册|请?登录后.{0,20}|发表评论|我要评论|查看评论|网友评论|最新评论|评论[（(]?\d{0,6}[)）]?",
    r"(?:打开|下载|安装|进入).{0,10}(?:app|客户端).{0,20}|(?:阅读|浏览|点击|播放)(?:量|次数|数)?[:：]?\s?\d{1,9}\s?次?",
    # Japanese, Korean
    r"[前次]の(?:記事|ページ).{0,40}|(?:この)?ページの(?:先頭|トップ)(?:へ|に戻る)?|続きを読む|関連記事|シェアする?",
    r"(?:이전|다음)\s?글.{0,40}|관련\s?기사|공유하기",
    # English
    r"skip to (?:main )?(?:content|navigation)|(?:back|return|go) to (?:the )?top",
    r"(?:copyright|©|\(c\)) ?(?:©|\(c\))? ?(?:19|20)\d\d.{0,90}",
    r"(?:share|print|e-?mail|tweet|pin|save)(?: (?:this|on|via|to)(?: \w{1,12}){0,3})?",
    r"(?:read|show|load|view|see|learn|find out)(?: (?:more|all|less|full)){1,2}(?: \w{1,14}){0,3}[ .…>»]{0,4}",
    r"click here(?: \w{1,14}){0,6}[.!]?",
    r"[«<←]? ?(?:previous|next|older|newer) (?:post|article|page|story|entries|posts)(?:[:»>→ ].{0,60})?",
    r"(?:related|recommended|popular|recent|latest|trending|more) "
    r"(?:articles?|posts?|stories|content|topics|news|links|reading)[:.]?",
    r"(?:sign|log) ?(?:in|up|out)(?: (?:to|or|with|for) .{0,40})?|(?:register|subscribe|join)(?: (?:now|here|today))?[.!]?",
    r"follow us(?: .{0,40})?|leave a (?:comment|reply)|(?:no|\d{1,5}) comments?|comments? (?:are )?closed\.?|post a comment|reply",
    r"advertisement|sponsored(?: content)?|promoted|powered by .{0,40}|newsletter|sitemap|contact us|about us|home",
    # German, French, Spanish and Portuguese, Italian, Russian
    r"(?:weiter|mehr) ?lesen|(?:zum|nach) (?:seitenanfang|oben)|anzeige|teilen|drucken",
    r"lire la suite|partager|imprimer|publicité|haut de page",
    r"leer más|leia mais|ler mais|compartir|compartilhar|publicidade?",
    r"leggi (?:tutto|di più|anche)|condividi|pubblicità|читать (?:далее|полностью|также)|поделиться|наверх|реклама",
)
_BOILERPLATE = re.compile("|".join(_LINES))


def edit_lines(text: str, rules: LineRules) -> Edited:
    """The text without the lines that the rules remove."""
    removed: Counter[LineRule] = Counter()
    if not rules.any:
        return Edited(text, removed)
    kept: list[str] = []
    seen: set[str] = set()
    for line in text.split("\n"):
        whole, marks = line, 0
        if rules.citations and "[" in line:
            whole, marks = _CITATION.subn("", line)
            whole = whole.rstrip() if marks else line
        stripped = whole.strip()
        rule = _rule_of(stripped, rules, seen) if stripped else None
        if rule is None:
            removed[LineRule.CITATIONS] += marks
            kept.append(whole)
        else:
            removed[rule] += 1
    removed = +removed
    if not removed:
        return Edited(text, removed)
    return Edited(_BLANK_LINES.sub("\n\n", "\n".join(kept)).strip(" \t\n"), removed)


def _rule_of(line: str, rules: LineRules, seen: set[str]) -> LineRule | None:
    """The first rule that removes a line; lines are remembered in `seen` where copies go."""
    if rules.javascript or rules.policy or rules.boilerplate:
        lower = line.lower()
        if rules.javascript and "javascript" in lower:
            return LineRule.JAVASCRIPT
        if rules.policy and any(phrase in lower for phrase in _POLICY):
            return LineRule.POLICY
        if rules.boilerplate and len(line) <= BOILERPLATE_CHARACTERS and _is_boilerplate(lower):
            return LineRule.BOILERPLATE
    if rules.menu and _is_menu(line):
        return LineRule.MENU
    if rules.repeated and len(line) >= REPEATED_CHARACTERS:
        if line in seen:
            return LineRule.REPEATED
        seen.add(line)
    if rules.long_words and len(line) > LONGEST_WORD_CHARACTERS and _has_long_word(line):
        return LineRule.LONG_WORDS
    if rules.few_words and _has_few_words(line):
        return LineRule.FEW_WORDS
    if rules.end_punctuation and not _ends_a_sentence(line):
        return LineRule.END_PUNCTUATION
    return None


def _is_boilerplate(lower: str) -> bool:
    return _BOILERPLATE.fullmatch(lower) is not None or any(phrase in lower for phrase in _RIGHTS)


def _is_menu(line: str) -> bool:
    items = _SEPARATOR.split(line)
    if len(items) <= MENU_SEPARATORS or line[-1] in _END:
        return False
    return all(len(item.strip()) <= MENU_ITEM_CHARACTERS for item in items)


def _has_long_word(line: str) -> bool:
    return any(len(word) > LONGEST_WORD_CHARACTERS and not _CHARACTER.search(word) for word in line.split())


def _has_few_words(line: str) -> bool:
    """Blank-separated pieces are words; one in a script without spaces is a word for every two of its characters."""
    pieces = line.split(None, FEWEST_WORDS)
    if len(pieces) >= FEWEST_WORDS or line.isascii():
        return len(pieces) < FEWEST_WORDS
    return sum(max(1.0, len(_CHARACTER.findall(piece[:100])) / 2) for piece in pieces) < FEWEST_WORDS


def _ends_a_sentence(line: str) -> bool:
    end = line.rstrip(_BEHIND_END)
    return end[-1:] in tuple(_END) and not end.endswith(_ELLIPSIS)
