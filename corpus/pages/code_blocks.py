"""Code on a page → its lines, with indentation and blank lines, without what pages put beside them.

Three forms: `pre` and its like; a table whose first column is line numbers (Hexo, Rouge, Chroma, Pygments, GitHub, highlight.js,
cgit, Trac …); a box without `pre` whose lines are list items, blocks or `<br>` and whose indentation is no-break spaces (editors,
older highlighters, forums, pasted code). The last one is known by its class, or a monospaced font, and by the look of its lines.

code_of(element): (language or "", lines as one text), or None where the element holds none.
Left out: columns and spans of line numbers, buttons ("Copy", 复制代码) and tool bars. Linear in the element.
"""

import functools
import itertools
import re
from typing import NamedTuple

from lxml.html import HtmlElement  # type: ignore[import-untyped]

from corpus.pages.page_tables import cells_of

VERSION = 1

PREFORMATTED = frozenset(("pre", "xmp", "listing", "plaintext"))
#: Tags that a box of code without `pre` may have.
BOXES = frozenset(
    ("div", "span", "section", "td", "p", "code", "ol", "ul", "blockquote", "font", "dd", "textarea", "samp", "tt")
)

_GUTTER = re.compile(
    r"(?:^|[\s_-])(?:gutter|line-?nos?|line-?num(?:ber)?s?|linenodiv|linenumbers?|lineno|linenos|blob-num|lines-num|lnt?|lntd?|ln-?num"
    r"|hljs-ln-n(?:umbers)?|crayon-nums?(?:-content)?|code-line-num(?:ber)?|rouge-gutter|pre-numbering|line-index|line-numbers-rows"
    r"|codemirror-gutter\S*|codemirror-linenumber|ace_gutter\S*|margin-view-overlays|cm-gutters?\S*|source-line-no|diff-line-num|num)"
    r"(?:$|[\s_-])",
    re.IGNORECASE,
)
_TOOLS = re.compile(
    r"(?:^|[\s_-])(?:copy|copybtn|copy-?(?:btn|button|code)|clipboard|toolbar|tools|hljs-button|btn|button|code-?header|code-?head|code-?title"
    r"|syntaxhighlighter-bar|crayon-toolbar|crayon-info|crayon-plain-wrap|expandbtn|fold-?btn|signin|opr-btn)(?:$|[\s_-])",
    re.IGNORECASE,
)
_TOOL_TEXTS = frozenset(
    (
        "copy",
        "copy code",
        "复制",
        "复制代码",
        "複製",
        "複製代碼",
        "copied!",
        "select all",
        "全选",
        "view plain",
        "print",
        "?",
        "code:",
        "代码:",
        "代码：",
        "コピー",
        "展开",
        "run",
        "コードをコピー",
    )
)
#: Classes that only code has, and those that it may have.
_SURE_BOX = re.compile(
    r"(?:^|\s)(?:dp-highlighter|dp-\w{1,10}|syntaxhighlighter|codebox|blockcode|bbc_code|bbcode_code|bbCodeCode|codemain|cnblogs_code|jcite"
    r"|CodeMirror-(?:code|lines)|view-lines|ace_text-layer|cm-content|code-?block|codeblock|code-?content|source-?code|sourceCode|code-?snippet|geshi|mw-geshi"
    r"|w3-code|hljs|hljs-ln|prettyprint|phpcodeblock|CodeRay|program-?listing|crayon-pre|linenums|token-lines|enlighter\S*|code-area|codearea|bbcode-code|prism-code)(?:\s|$)",
    re.IGNORECASE,
)
_MAYBE_BOX = re.compile(r"(?:^|[\s_-])(?:code|highlight|fragment|syntax|source|snippet|listing|script|console|terminal|example|brush|language|lang)(?:$|[\s_-])", re.IGNORECASE)  # fmt: skip
_MONOSPACED = re.compile(
    r"monospace|consolas|courier|menlo|monaco|lucida console|fixedsys|en-codeblock|white-space\s*:\s*pre(?:-wrap)?\s*(?:;|$)",
    re.IGNORECASE,
)
_BLOCK_TAGS = frozenset(
    (
        "div",
        "p",
        "li",
        "tr",
        "ol",
        "ul",
        "table",
        "tbody",
        "thead",
        "section",
        "article",
        "dl",
        "dt",
        "dd",
        "blockquote",
        "figure",
        "pre",
        "h1",
        "h2",
        "h3",
        "h4",
    )
)
_SKIPPED = frozenset(
    ("script", "style", "button", "svg", "img", "input", "select", "noscript", "figcaption", "caption")
)
_LINE_NAME = re.compile(r"(?:^|[\s_-])(?:line|cl|outer|token-line)(?:$|[\s_-]|\d)")
#: How code looks: ends of statements, indentation, comments, calls, assignments, tags, prompts.
_CODE_LINE = re.compile(
    r"[{};]\s*$|^\s*(?:[{}()\[\]]|//|/\*|\*/|#!|#include|--|<\?|\$ |>>> )|^(?: {2,}|\t)\S|\w\(.*\)|\s[=!+-]?=\s|=>|->|</?\w+|^\s*(?:def|class|import|from|for|while|if|else|return|var|let|const|function|public|private|int|void|echo|print|select|insert|sudo)\b",
    re.IGNORECASE,
)
MIN_CODE_SHARE = 0.4
_HAN_SENTENCE = re.compile(r"[\u4e00-\u9fff]{8}|[。！？]")

_LANGUAGE = re.compile(
    r"(?:^|[\s;])(?:language|lang|highlight(?:-source)?|brush|code)\s*[-_:]\s*([A-Za-z][\w+#.-]{0,19})"
)
LANGUAGES = frozenset(
    [
        "actionscript",
        "asm",
        "awk",
        "bash",
        "bat",
        "c",
        "c++",
        "clojure",
        "cmake",
        "cpp",
        "cs",
        "csharp",
        "css",
        "dart",
        "diff",
        "dockerfile",
        "elixir",
        "erlang",
        "fortran",
        "go",
        "golang",
        "groovy",
        "haskell",
        "html",
        "html5",
        "http",
        "ini",
        "java",
        "javascript",
        "js",
        "json",
        "jsx",
        "julia",
        "kotlin",
        "latex",
        "less",
        "lisp",
        "lua",
        "makefile",
        "markdown",
        "matlab",
        "nginx",
        "objc",
        "objectivec",
        "ocaml",
        "pascal",
        "perl",
        "php",
        "plain",
        "plaintext",
        "powershell",
        "protobuf",
        "ps1",
        "py",
        "python",
        "python2",
        "python3",
        "r",
        "ruby",
        "rust",
        "sass",
        "scala",
        "scheme",
        "scss",
        "sh",
        "shell",
        "shellscript",
        "sql",
        "swift",
        "tcl",
        "tex",
        "text",
        "toml",
        "ts",
        "tsx",
        "typescript",
        "vb",
        "vbnet",
        "verilog",
        "vhdl",
        "vim",
        "vue",
        "xml",
        "yaml",
        "yml",
        "zig",
    ]
)
_NO_LANGUAGE = frozenset(
    (
        "default",
        "none",
        "plain",
        "plaintext",
        "text",
        "txt",
        "notranslate",
        "block",
        "box",
        "wrapper",
        "source",
        "numbers",
        "line",
    )
)
_SAID_LANGUAGES = LANGUAGES - _NO_LANGUAGE


def is_box(tag: str, names: str, style: str) -> bool:
    """Whether an element without `pre` may be a box of code, by its tag, class and style."""
    return tag in BOXES and (
        (bool(names) and _may_be_box(names)) or (bool(style) and _MONOSPACED.search(style) is not None)
    )


@functools.lru_cache(maxsize=1 << 14)
def _may_be_box(names: str) -> bool:
    return _SURE_BOX.search(names) is not None or _MAYBE_BOX.search(names) is not None


def code_of(element: HtmlElement) -> tuple[str, str] | None:
    """(language, code) of a `pre` or its like, of a table with a gutter, or of a box without `pre`."""
    tag = element.tag
    if tag == "table":
        return _made(element, is_preformatted=True) if is_code_table(element) else None
    if tag in PREFORMATTED:
        return _made(element, is_preformatted=True)
    if tag == "script":
        return _made_of_text(element, re.sub(r"<!\[CDATA\[|\]\]>", "", element.text or ""))
    if tag == "textarea":
        is_code = element.get("name") == "code" or is_box("div", element.get("class") or "", "")
        return _made_of_text(element, element.text or "") if is_code else None
    return _of_box(element)


def is_code_table(table: HtmlElement) -> bool:
    """Whether a table is code with its line numbers beside it."""
    rows = list(table.iter("tr"))
    if not rows or table.find(".//table") is not None:
        return False
    numbered = 0
    for row in rows:
        cells = cells_of(row)
        if not 2 <= len(cells) <= 4:
            continue
        gutter = cells[0]
        is_named = gutter.get("data-line-number") is not None or _GUTTER.search(gutter.get("class") or "") is not None
        text = gutter.text_content()
        if is_named and _is_number_text(text):
            numbered += 1
        elif (
            len(rows) == 1
            and _counts(text)
            and (
                cells[-1].find(".//pre") is not None
                or any(_LINE_NAME.search(each.get("class") or "") for each in cells[-1].iter("div"))
            )
        ):
            return True
    return numbered > 0 and 2 * numbered >= len(rows)


def _counts(text: str) -> bool:
    """Whether a text is nothing but consecutive numbers, two or more."""
    numbers = text.split()
    return (
        len(numbers) >= 2
        and all(number.isdecimal() and len(number) < 7 for number in numbers)
        and all(int(after) == int(before) + 1 for before, after in itertools.pairwise(numbers))
    )


def _is_number_text(text: str) -> bool:
    return all(character.isdecimal() or character.isspace() or character in "+-–.:\xb6#" for character in text)


def _of_box(element: HtmlElement) -> tuple[str, str] | None:
    """Code of a box without `pre`: nothing where a `pre` inside is found by itself, or the lines do not look like code."""
    names = element.get("class") or ""
    is_editor = "CodeMirror" in names
    if not is_editor and any(element.find(f".//{tag}") is not None for tag in ("pre", "table")):
        return None
    has_lines = any(element.find(f".//{tag}") is not None for tag in ("br", "div", "li", "p")) or is_editor
    is_sure = _SURE_BOX.search(names) is not None
    if not has_lines and not (element.tag == "code" and "\n" in (element.text_content().strip())):
        return None
    made = _made(element, is_preformatted=element.tag == "code" and element.find(".//br") is None)
    if made is None:
        return None
    lines = [line for line in made[1].split("\n") if line.strip()]
    if len(lines) < 2 and not is_sure:
        return None
    if is_sure and len(lines) < 2 and element.find(".//li") is None and element.tag not in ("ol", "div"):
        return None
    if any(len(inner) and inner.text_content().strip() for inner in element.iter("h1", "h2", "h3")):
        return None
    share = sum(_CODE_LINE.search(line) is not None for line in lines) / len(lines)
    prose = sum(_HAN_SENTENCE.search(line) is not None or len(line) > 200 for line in lines) / len(lines)
    least = 0.1 if is_sure else MIN_CODE_SHARE
    if share < least or (prose > 0.5 and share < 0.8):
        return None
    return made


def _made_of_text(element: HtmlElement, text: str) -> tuple[str, str] | None:
    code = _trimmed(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    return (language_of(element), code) if code else None


def _made(element: HtmlElement, *, is_preformatted: bool) -> tuple[str, str] | None:
    lines = _Lines(is_preformatted)
    lines.read(element)
    code = _trimmed(_without_numbers(lines.finished()))
    return (language_of(element), code) if code else None


def _trimmed(lines: list[str]) -> str:
    """Lines as one text, without blank ones at its ends; no-break spaces are spaces."""
    text = "\n".join(lines).replace("\xa0", " ")
    return re.sub(r"\A(?:[ \t]*\n)+", "", text).rstrip()


class _Line(NamedTuple):
    text: str
    #: Characters of a number that stands in an element of its own at the line's beginning; 0: none.
    number: int


def _without_numbers(lines: list[_Line]) -> list[str]:
    """Lines without the numbers that a highlighter wrote before them."""
    numbers = [int(line.text[: line.number]) if line.number else None for line in lines if line.text.strip()]
    if len(numbers) >= 3 and None not in numbers and all(b == a + 1 for a, b in itertools.pairwise(numbers)):  # type: ignore[operator]
        cut = [line.text[line.number :] if line.text.strip() else "" for line in lines]
        # The space between number and code is the highlighter's too.
        return [line[1:] for line in cut] if all(not line or line[0] in " \xa0\t" for line in cut) else cut
    return [line.text for line in lines]


class _Lines:
    """Collects the lines of an element."""

    def __init__(self, is_preformatted: bool) -> None:
        self._is_preformatted = is_preformatted
        self._lines: list[_Line] = []
        self._line: list[str] = []
        self._number = 0
        self._skips_newline = False  # a line was ended by a tag: a newline of the source after it is none

    def finished(self) -> list[_Line]:
        if self._line:
            self._end_line()
        return self._lines

    def read(self, element: HtmlElement) -> None:
        """Without recursion: pages nest spans by the thousand."""
        self._is_joined = _br_is_idle(element) if self._is_preformatted else False
        # (element, whether its tags end lines, how many lines there were before it, whether its end is next)
        stack: list[tuple[HtmlElement, bool, int, bool]] = [(element, True, 0, False)]
        while stack:
            each, is_line, before, is_open = stack.pop()
            if is_open:
                if is_line:
                    self._end_block(before)
                if each is not element:
                    self._add(each.tail, is_between=is_line)
                continue
            if each is not element and (not isinstance(each.tag, str) or self._is_skipped(each)):
                self._add(each.tail, is_between=each.tag in _BLOCK_TAGS)
                continue
            if each.tag == "br":
                if not self._is_joined:
                    self._end_line()
                    self._skips_newline = not self._is_preformatted
                self._add(each.tail)
                continue
            if is_line and self._line and any(part.strip() for part in self._line):
                self._end_line()
            elif is_line:
                self._line.clear()
            stack.append((each, is_line, len(self._lines), True))
            lines_of_children = _children_are_lines(each)
            has_blocks = lines_of_children or any(child.tag in _BLOCK_TAGS for child in each)
            self._add(each.text, is_between=has_blocks, is_own=each is not element and not has_blocks)
            for child in reversed(each):
                is_block = child.tag in _BLOCK_TAGS or (lines_of_children and isinstance(child.tag, str))
                stack.append((child, is_block, 0, False))

    def _is_skipped(self, element: HtmlElement) -> bool:
        if element.tag in _SKIPPED:
            return True
        names = element.get("class") or ""
        if (
            names
            and _GUTTER.search(names)
            and _is_number_text(text := element.text_content())
            and (text.strip() or _numbers_lines(element))
        ):
            return True
        if names and _TOOLS.search(names) and len(element.text_content()) < 60:
            return True
        if element.tag in ("td", "th") and element.getnext() is not None and _counts(element.text_content()):
            return True
        is_active = element.get("onclick") is not None or element.tag in ("a", "em", "dt", "p")
        return is_active and element.text_content().strip().lower() in _TOOL_TEXTS

    def _add(self, text: str | None, *, is_between: bool = False, is_own: bool = False) -> None:
        if not text:
            return
        if is_between and not text.strip(" \t\r\n\f"):
            return
        if self._skips_newline:
            text = re.sub(r"\A[ \t]*\r?\n[ \t]*", "", text)
            self._skips_newline = False
        if not self._is_preformatted:
            text = re.sub(r"[ \t\r]*\n[ \t\r\n]*", " " if self._line else "", text)
        if is_own and not self._line and text.strip().isdecimal() and len(text) < 9:
            self._number = len(text.rstrip())
        *whole, last = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in whole:
            self._line.append(line)
            self._end_line()
        if last:
            self._line.append(last)

    def _end_line(self) -> None:
        self._lines.append(_Line("".join(self._line), self._number))
        self._line.clear()
        self._number = 0

    def _end_block(self, before: int) -> None:
        """A block ends a line; one that ended lines inside ends no other."""
        if (self._line and (any(part.strip() for part in self._line) or len(self._lines) == before)) or len(
            self._lines
        ) == before:
            self._end_line()
        else:
            self._line.clear()
        self._skips_newline = not self._is_preformatted


def _numbers_lines(element: HtmlElement) -> bool:
    """Whether an element without text is a line's number, which a style sheet draws."""
    return (
        element.get("data-line-number") is not None
        or element.find(".//*[@data-line-number]") is not None
        or len(element) == 0
    )


def is_gutter(element: HtmlElement) -> bool:
    """Whether an element is nothing but line numbers."""
    names = element.get("class") or ""
    return bool(names) and _GUTTER.search(names) is not None and _is_number_text(element.text_content())


def _br_is_idle(element: HtmlElement) -> bool:
    """Whether each `<br>` of a `pre` stands before a newline: an editor wrote both for one."""
    breaks = list(element.iter("br"))
    return len(breaks) > 1 and all((each.tail or "").startswith(("\n", "\r")) for each in breaks[:-1])


def _children_are_lines(element: HtmlElement) -> bool:
    """Whether the children are a line each, with nothing but their tags to say so."""
    if len(element) < 2 or element.tag in ("tr", "table", "tbody"):
        return False
    tag = element[0].tag
    if tag not in ("span", "code") or any(child.tag != tag for child in element):
        return False
    if any(child.tail and ("\n" in child.tail or child.tail.strip()) for child in element):
        return False
    if tag == "code":
        return element.tag in PREFORMATTED
    if not all(_LINE_NAME.search(child.get("class") or "") or child.get("data-line") is not None for child in element):
        return False
    return (
        element.find(".//br") is None
        and not any("\n" in child.text_content().rstrip("\n") for child in element)
        and not all(child.text_content().endswith("\n") for child in element[:-1])
    )


def language_of(element: HtmlElement) -> str:
    """The language that classes of the element, what holds it or what it holds name; "" for none."""
    around = itertools.chain([element], element.iter("code"), itertools.islice(element.iterancestors(), 3))
    for each in itertools.islice(around, 8):
        for name in ("data-lang", "data-language", "data-programming-language", "lang"):
            value = (each.get(name) or "").lower()
            if value in _SAID_LANGUAGES and each.tag in ("pre", "code", "div", "figure", "span"):
                return value
        names = each.get("class") or ""
        if not names:
            continue
        found = _LANGUAGE.search(names)
        if found and found[1].lower() not in _NO_LANGUAGE:
            return found[1].lower().removeprefix("source-")
        for word in names.split():
            if word.lower() in _SAID_LANGUAGES and len(word) > 1:
                return word.lower()
    return ""
