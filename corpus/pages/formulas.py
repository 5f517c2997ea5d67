"""Formulas on a page → TeX in its text, `$E=mc^2$` in a line and `$$…$$` on a line of its own.

The TeX stands in nearly every page that shows a formula, seldom where an extractor looks: in an annotation or `alttext` of
MathML (KaTeX, Wikipedia, LaTeXML), in `script type="math/tex"` (MathJax 2), in data attributes (Zhihu, Notion, editors), in `alt`,
`title` or address of an image (Wikipedia's fallback, services that draw formulas). Where there is none, MathML and what
MathJax 3 and KaTeX draw are read by corpus.pages.mathml. One formula is one text, in whatever number of forms the page has it.

Cost: nothing where a page has none of it; 20 µs a formula.
"""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

import lxml.html  # type: ignore[import-untyped]
from lxml.html import HtmlElement

from corpus.pages.marks import LINE
from corpus.pages.mathml import tex_of, tex_of_katex
from corpus.pages.tree_edits import is_within, remove, replace_with_text

VERSION = 1

MOST_CHARACTERS = 20_000

#: Attributes that hold TeX, in order.
_SOURCES = ("data-tex", "data-latex", "data-formula", "data-katex", "data-expr", "data-math", "data-equation", "data-value", "latex")  # fmt: skip
#: What shows one formula and nothing else.
_RENDERED = re.compile(
    r"(?:^|\s)(?:katex(?:-display)?|mwe-math-element|ztext-math|MathJax(?:_Display|_SVG|_SVG_Display|_CHTML|_Preview)?"
    r"|mjx-chtml|MJXc-display|mathquill-rendered-math|math-tex|notion-(?:text-)?equation(?:-\S+)?)(?:\s|$)"
)
#: What may hold a formula between its delimiters.
_NAMED = re.compile(
    r"(?:^|\s)(?:math|arithmatex|tex2jax_process|mathjax|math-inline|math-display|equation|tex|latex|formula)(?:\s|$)"
)
_MATHJAX_2 = re.compile(r"(?:^|\s)(?:MathJax|MJXc|mjx-chtml|MathJax_\w+)(?:\s|$)")
_IMAGE = re.compile(
    r"(?:^|[\s_-])(?:tex|latex|mathtex|mimetex|math|mathimg|equation|formula|formulaInl|formulaDsp|wirisformula|mathjax)(?:$|[\s_-])",
    re.IGNORECASE,
)
_IMAGE_ADDRESS = re.compile(
    r"[?&](?:tex|latex|chl|math|formula|eq|from)=|latex(?:\.|/|\?)|mathtex|mimetex|/equation\b|/math/render|/tex\?",
    re.IGNORECASE,
)
_DRAWN = re.compile(r"^\$.+\$$|^\\[(\[]|^\{\\displaystyle|\\(?:frac|sum|int|sqrt|mathbb|mathbf|left|begin|alpha|beta|theta|lambda|pi|leq?|geq?|times|cdot)\b")  # fmt: skip
_MATHEMATICAL = re.compile(r"[\\^_={}+<>|/]|^\W*\w{1,3}\W*$")
_DISPLAY = re.compile(
    r"(?:^|[\s_-])(?:display|block|formulaDsp)(?:$|[\s_-])|(?:^|\s)(?:katex-display|MathJax_(?:SVG_)?Display)(?:\s|$)"
)
_DELIMITED = re.compile(r"\s*(?:\$\$(.+)\$\$|\\\[(.+)\\\]|\$(.+)\$|\\\((.+)\\\))\s*", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)%[^\n]*(?:\n|$)")
_AFTER = re.compile(r"\s*[,.;:!?，。；：、！？]+")


def is_candidate(tag: str, names: str) -> bool:
    """Whether an element of this tag and class may be a formula, apart from images."""
    return (
        tag.endswith("math")
        or tag in ("mjx-container", "script", "d-math")
        or (bool(names) and (_RENDERED.search(names) is not None or _NAMED.search(names) is not None))
    )


def write_formulas(candidates: list[HtmlElement], images: list[HtmlElement]) -> set[HtmlElement]:
    """Puts TeX in the place of formulas; `candidates` are in document order. The elements that went."""
    gone: set[HtmlElement] = set()
    for element in candidates:
        if is_within(element, gone):
            continue
        if (
            element.tag != "script"
            and _MATHJAX_2.search(element.get("class") or "")
            and _script_after(element) is not None
        ):
            remove(element)  # the script after it says the same
            gone.add(element)
            continue
        _write(element, _of_element(element), gone)
    for image in images:
        if not is_within(image, gone):
            _write(image, _of_image(image), gone)
    return gone


def _write(element: HtmlElement, found: tuple[str, bool] | None, gone: set[HtmlElement]) -> None:
    if found is None:
        return
    tex, is_display = found
    gone.add(element)
    if not is_display:
        replace_with_text(element, f"${tex}$")
        return
    mark = _AFTER.match(element.tail or "")
    stop = mark[0].strip() if mark else ""
    if mark:
        element.tail = element.tail[mark.end() :]
    replace_with_text(element, f"{LINE}$${tex}$${stop}{LINE}")


def _script_after(element: HtmlElement) -> HtmlElement | None:
    """The script with the TeX of what MathJax 2 drew: after it, or after what it drew and its preview."""
    for _ in range(2):
        if (element.tail or "").strip():
            return None
        element = element.getnext()
        if element is None:
            return None
        if element.tag == "script":
            return element if (element.get("type") or "").startswith("math/") else None
    return None


def _of_element(element: HtmlElement) -> tuple[str, bool] | None:
    """(TeX, whether on a line of its own) of a formula."""
    if element.tag == "script":
        kind = element.get("type") or ""
        if not kind.startswith(("math/tex", "math/asciimath")):
            return None
        return _made(
            re.sub(r"%\s*<!\[CDATA\[|%?\s*\]\]>", "", element.text or ""), "mode=display" in kind.replace(" ", "")
        )
    is_display = _is_display(element)
    for tex in _sources(element):
        made = _made(tex, is_display)
        if made is not None:
            return made
    return None


def _sources(element: HtmlElement) -> Iterator[str]:
    names = element.get("class") or ""
    tag = element.tag.lower()
    if tag == "d-math":
        yield element.text_content()
        return
    for source in _SOURCES:
        if element.get(source):
            yield element.get(source)
    maths = [element] if tag.endswith("math") and tag != "mjx-math" else []
    if not maths and tag != "mjx-container" and not _RENDERED.search(names):
        text = "".join(_texts(element)) if len(element) <= 2 else ""
        if _DELIMITED.fullmatch(text):
            yield text
        return
    for inner in element.iterdescendants():
        if not isinstance(inner.tag, str):
            continue
        if inner.tag.endswith("annotation") and re.search("tex", inner.get("encoding") or "", re.IGNORECASE):
            yield inner.text_content()
        elif inner.tag == "script" and (inner.get("type") or "").startswith("math/tex"):
            yield inner.text or ""
        elif inner.tag.endswith("tex-math"):
            yield inner.text_content()
        elif inner.tag == "math" or inner.tag.endswith(":math"):
            maths.append(inner)
    for math in maths:
        yield math.get("alttext") or ""
    for math in maths:
        yield tex_of(math)
    if element.get("data-mathml"):
        yield tex_of(lxml.html.fragment_fromstring(element.get("data-mathml"), create_parent="div"))
    for image in element.iter("img"):
        found = _of_image(image)
        if found is not None:
            yield found[0]
    if "katex" in names:
        yield tex_of_katex(element)
    if tag == "mjx-container":
        yield tex_of(element)
    text = element.text_content()
    if _DELIMITED.fullmatch(text):
        yield text


def _texts(element: HtmlElement) -> Iterator[str]:
    """The text of an element without the number of its equation."""
    yield element.text or ""
    for child in element:
        if "eqno" not in (child.get("class") or ""):
            yield child.text_content()
        yield child.tail or ""


def _is_display(element: HtmlElement) -> bool:
    parent = element.getparent()
    if _DISPLAY.search(element.get("class") or "") or (
        parent is not None and _DISPLAY.search(parent.get("class") or "")
    ):
        return True
    if element.tag == "d-math":
        return element.get("block") is not None
    return any(
        each.get("display") in ("block", "true")
        or each.get("mode") == "display"
        or "mode=display" in (each.get("type") or "")
        or "-display" in (each.get("class") or "")
        for each in element.iter()
        if isinstance(each.tag, str)
    )


def _of_image(image: HtmlElement) -> tuple[str, bool] | None:
    get = image.get
    names, alt, address = get("class") or "", (get("alt") or "").strip(), get("src") or get("data-src") or ""
    is_sure = get("eeimg") is not None or _IMAGE_ADDRESS.search(address) is not None
    if re.match(r"[A-Za-z]:\\", alt):  # a path
        return None
    if not is_sure and not (names and _IMAGE.search(names)) and not _DRAWN.search(alt):
        return None
    if get("data-mathml"):
        mathml = get("data-mathml").translate({0xAB: "<", 0xBB: ">", 0xA8: '"', 0xA7: "&"})
        return _made(tex_of(lxml.html.fragment_fromstring(mathml, create_parent="div")), False)
    given = [get(source) or "" for source in _SOURCES] + [
        alt,
        get("title") or "",
        _in_address(address) if is_sure else "",
    ]
    for tex in given:
        if tex and _MATHEMATICAL.search(tex) and not tex.startswith(("http:", "https:", "data:", "/")):
            return _made(
                tex, _DISPLAY.search(names) is not None or tex.rstrip().endswith("\\\\") or tex.startswith("\\[")
            )
    return None


def _in_address(address: str) -> str:
    parts = urlsplit(address) if len(address) < MOST_CHARACTERS else urlsplit("")
    for key, values in parse_qs(parts.query, keep_blank_values=False).items():
        if key.lower() in ("tex", "latex", "chl", "math", "formula", "eq", "from"):
            return values[0]
    return unquote(parts.query).replace("+", " ") if "=" not in parts.query[:6] else unquote(parts.query)


def _made(tex: str, is_display: bool) -> tuple[str, bool] | None:
    if len(tex) > MOST_CHARACTERS:
        return None
    tex = " ".join(_COMMENT.sub(" ", tex).split())
    delimited = _DELIMITED.fullmatch(tex)
    if delimited:
        is_display = is_display or bool(delimited[1] or delimited[2])
        tex = next(filter(None, delimited.groups()))
    tex = re.sub(r"(?:\\\\)+$", "", tex.strip()).strip()
    styled = re.fullmatch(r"\{\\(?:display|text)style\s*(.*)\}", tex)
    if styled and _is_balanced(styled[1]):
        tex = styled[1].strip()
    tex = re.sub(r"^\\(?:display|text)style(?![a-zA-Z])\s*", "", tex)
    return (tex, is_display) if tex else None


def _is_balanced(tex: str) -> bool:
    depth = 0
    for mark in re.findall(r"(?<!\\)[{}]", tex):
        depth += 1 if mark == "{" else -1
        if depth < 0:
            return False
    return depth == 0
