"""A parsed page → the same page in a form that every extractor keeps: what they lose is written into its text first.

protect(tree, html) changes the tree and returns what was put aside (corpus.pages.marks says how it comes back):

- *Code*, *data tables*: one element each whose text stands for what was put aside; layout tables are taken apart.
- *Formulas*: TeX (corpus.pages.formulas). *Superscripts, subscripts*: `x^2`, `H_2O`; ordinals and marks of notes stay.
- *Ruby*: the base text; the reading as a mark.
- *Lists*: numbers of `ol` (start, reversed, value, type), depth; terms and definitions. *Headings*: level, without the tags of
  links and without permalinks.
- *Lines*: where a paragraph, a heading, an item, a line break begins, since some extractors join them.
- *Line ends of the source* between Han, kana and full-width marks go (CSS Text 4, segment breaks), others stay white space.
- *Hidden*: text of size 0 or without visibility, white text inside a line.
- *Frames*: an `aside`, `nav`, `figure` … that holds most of the page's text is its content, whatever its name.

Nothing else changes: no text is dropped but what is hidden, none is moved.
Cost: 0.6 ms a page of 20,000 characters; linear in the page.
"""

import functools
import re
from collections import defaultdict
from typing import Any

from lxml.html import HtmlElement  # type: ignore[import-untyped]

from corpus.pages import blocks, code_blocks, formulas, page_tables
from corpus.pages.boilerplate import leads_text
from corpus.pages.inline_forms import write_ruby, write_scripts
from corpus.pages.list_numbers import write_lists
from corpus.pages.marks import (
    CODE,
    END,
    HEAD,
    HEADINGS,
    INLINE,
    KEPT,
    LINE,
    LINK,
    MARKS,
    ROW,
    SEPARATOR,
    Kept,
    without_marks,
)
from corpus.pages.tree_edits import become, first_text, is_within, remove, unwrap

VERSION = 1

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# No `form`: those of ASP.NET hold menus too, and extractors find their way without.
_FRAMES = frozenset(("aside", "figure", "fieldset", "menu", "footer", "header", "nav", "dialog"))
#: What holds so much of the page's text, in characters, is not its margin.
FRAME_SHARE, FRAME_CHARACTERS = 0.6, 200
_LINE_TAGS = frozenset(("p", "li", "dd", "dt", *_HEADINGS))
_INLINE_CODE = frozenset(("code", "tt", "kbd", "samp"))
_SEEN = frozenset(
    ("pre", "xmp", "listing", "plaintext", "textarea", "table", "img", "script", "ruby", "sup", "sub", "p", "li", "dt", "dd", "br", "ol", "ul", "dl", "div", "span", "font", "section", "td", "blockquote", "math", "mml:math", "mjx-container", "d-math", "figure", "tt", "code", "kbd", "samp", *_HEADINGS)
) | _FRAMES  # fmt: skip
_HIDDEN = re.compile(
    r"(?:^|[;\s])(?:font-size\s*:\s*0(?:px|pt|em|%)?\s*(?:!important)?\s*(?:;|$)|visibility\s*:\s*hidden)",
    re.IGNORECASE,
)
_WHITE = re.compile(
    r"(?:^|[;\s])color\s*:\s*(?:#fff(?:fff)?|white|rgb\(\s*255\s*,\s*255\s*,\s*255\s*\))\s*(?:;|$)", re.IGNORECASE
)
_BACKGROUND = re.compile(r"background", re.IGNORECASE)
_PERMALINK = re.compile(
    r"(?:^|[\s_-])(?:headerlink|header-anchor|anchor|permalink|mw-editsection|anchorjs-link|heading-anchor|hash-link)(?:$|[\s_-])",
    re.IGNORECASE,
)
_PERMALINK_TEXTS = frozenset(["¶", "#", "§", "🔗", "∞", "⚓", "↩", "link", "permalink"]) | {""}
MOST_WHITE = 60
_VERBATIM = frozenset(("script", "style", "textarea", "pre"))
MOST_ADDRESS = 500
#: Elements around a heading alone, as DocBook writes them.
MOST_WRAPPERS = 4
#: Text of a box around code beside it: a button, a name of a file.
MOST_IN_FRAME_OF_CODE = 60

# Wide characters but Hangul, between which a line end of the source is nothing; full-width marks take none at either side.
_WIDE = r"\u2e80-\u303e\u3041-\u30ff\u3100-\u312f\u31a0-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\uffe0-\uffe6\U00020000-\U0003ffff"
_FULL_MARKS = r"\u3001-\u3003\u3008-\u3011\u3014-\u301f\uff01\uff08\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\uff5b-\uff60"
_LINE_END = re.compile(
    rf"(?<=[{_WIDE}])[ \t\r]*\n\s*(?=[{_WIDE}])|(?<=[{_FULL_MARKS}])[ \t\r]*\n\s*(?=[^\s\uac00-\ud7af])|(?<=[^\s\uac00-\ud7af])[ \t\r]*\n\s*(?=[{_FULL_MARKS}])"
)
_MAYBE_LINE_END = re.compile(rf"[{_WIDE}][ \t\r]*(?:</?[a-z][^>]{{0,200}}>[ \t\r]*)*\n")
_IS_WIDE, _IS_FULL_MARK = re.compile(f"[{_WIDE}]"), re.compile(f"[{_FULL_MARKS}]")
#: Between whose texts a line end of the source is one in a sentence.
_INLINE_TAGS = blocks.INLINE - frozenset(("img", "wbr", "rb", "rp", "rt", "ruby", "math"))

_MARK_REFERENCE = re.compile(r"&#(?:x0*1d0[01][0-9a-f]|0*118(?:78[4-9]|79\d|80[0-4]));?", re.IGNORECASE)


def without_own_marks(html: str) -> str:
    """A page without the symbols that are marks here."""
    if not html.isascii() and any(mark in html for mark in MARKS):
        html = without_marks(html)
    if "&#118" in html or "&#x1d0" in html or "&#X1D0" in html or "&#x1D0" in html:
        html = _MARK_REFERENCE.sub("", html)
    return html


def protect(tree: HtmlElement, html: str, *, links: bool = False) -> Kept:
    """Writes the page's form into its text. `html` is what the tree was parsed from, to see what need not be looked for."""
    kept = Kept()
    body = tree.find(".//body")
    if body is None:
        return kept
    seen = _seen(body)
    _free_frames(body, seen)
    _remove_hidden(seen.hidden)
    gone = formulas.write_formulas(seen.formulas, seen.images) if seen.formulas or seen.images else set()
    data = _write_tables_and_code(seen, kept, gone)
    _keep_in_line(seen.spans)
    write_ruby(seen.tags["ruby"])
    write_scripts(seen.tags["sup"], seen.tags["sub"])
    for element in seen.inline_code:
        _mark_inline_code(element, gone)
    if not html.isascii() and _MAYBE_LINE_END.search(html):
        _join_lines(body)
    in_tables = _write_data(data, kept)
    for each in seen.lists:
        if code_blocks.is_gutter(each):
            remove(each)
    write_lists(seen.lists, seen.tags["dt"], seen.tags["dd"])
    if links:
        _mark_links(body)
    _mark_lines(seen, in_tables)
    return kept


class _Seen:
    """Elements of a page that something may be done to, in document order."""

    def __init__(self) -> None:
        self.tags: dict[str, list[HtmlElement]] = defaultdict(list)
        self.code: list[HtmlElement] = []
        self.formulas: list[HtmlElement] = []
        self.images: list[HtmlElement] = []
        self.lists: list[HtmlElement] = []
        self.headings: list[HtmlElement] = []
        self.inline_code: list[HtmlElement] = []
        self.frames: list[HtmlElement] = []
        self.hidden: list[HtmlElement] = []
        self.spans: list[HtmlElement] = []


def _seen(body: HtmlElement) -> _Seen:
    seen = _Seen()
    tags = seen.tags
    for element in body.iter(*_SEEN):
        tag = element.tag
        if tag in ("p", "br", "li", "dt", "dd"):
            tags[tag].append(element)
            if tag in ("br", "li", "dt"):
                continue
        names, style = element.get("class") or "", element.get("style") or ""
        if style and tag in ("span", "font", "p", "div", "b") and (_HIDDEN.search(style) or _WHITE.search(style)):
            seen.hidden.append(element)
        if tag == "span" and names and element.getparent().tag in _LINE_TAGS:
            seen.spans.append(element)
        kind = _kind(tag, names)
        if kind & _FORMULA:
            seen.formulas.append(element)
        if (
            kind & _CODE
            or (style and code_blocks.is_box(tag, "", style))
            or (tag == "textarea" and element.get("name") == "code")
        ):
            seen.code.append(element)
        if kind & _OTHER:
            if tag == "img":
                seen.images.append(element)
            elif tag in ("ol", "ul", "dl"):
                seen.lists.append(element)
            elif tag in _HEADINGS:
                seen.headings.append(element)
            elif tag in _INLINE_CODE:
                seen.inline_code.append(element)
            elif tag in _FRAMES:
                seen.frames.append(element)
            else:
                tags[tag].append(element)
    return seen


_FORMULA, _CODE, _OTHER = 1, 2, 4


@functools.lru_cache(maxsize=1 << 14)
def _kind(tag: str, names: str) -> int:
    """What an element of this tag and class may be."""
    kind = _FORMULA if formulas.is_candidate(tag, names) else 0
    if tag in code_blocks.PREFORMATTED or tag == "script" or code_blocks.is_box(tag, names, "") or tag == "code":
        kind |= _CODE
    if (
        tag in ("img", "ol", "ul", "dl", "table", "ruby", "sup", "sub")
        or tag in _HEADINGS
        or tag in _INLINE_CODE
        or tag in _FRAMES
    ):
        kind |= _OTHER
    return kind


def _free_frames(body: HtmlElement, seen: _Seen) -> None:
    """What an extractor takes for a margin by its tag alone is a block where it holds the page."""
    whole = 0
    for frame in seen.frames:
        size = len(frame.text_content())
        if frame.tag == "figure" and (frame.find(".//pre") is not None or frame.find(".//table") is not None):
            frame.tag = "div"
        elif size >= FRAME_CHARACTERS:
            whole = whole or len(body.text_content())
            if size >= FRAME_SHARE * whole:
                frame.tag = "div"


def _remove_hidden(hidden: list[HtmlElement]) -> None:
    for element in hidden:
        style = element.get("style") or ""
        if _HIDDEN.search(style):
            is_reset = any(
                ("font-size" in (each.get("style") or "") or "visibility" in (each.get("style") or ""))
                for each in element.iterdescendants()
            )
            if not is_reset and element.find(".//math") is None:
                remove(element)
        elif (
            element.tag in ("span", "font", "b")
            and not element.get("class")
            and len(element.text_content()) <= MOST_WHITE
            and not any(
                _BACKGROUND.search(each.get("style") or "") or each.get("bgcolor")
                for each in (element, *element.iterancestors())
            )
            and _stands_in_line(element)
        ):
            remove(element)


def _stands_in_line(element: HtmlElement) -> bool:
    """Whether there is other text beside an element."""
    parent, previous = element.getparent(), element.getprevious()
    if parent is None:
        return False
    before = previous.tail if previous is not None else parent.text
    return bool((before and before.strip()) or (element.tail and element.tail.strip()))


def _keep_in_line(spans: list[HtmlElement]) -> None:
    """Takes the class of a span between words away: extractors drop a `menuitem` out of the middle of its sentence."""
    for span in spans:
        if span.getparent() is not None and span.tail and not span.tail.isspace() and _stands_in_line(span):
            for name in ("class", "id"):
                if name in span.attrib:
                    del span.attrib[name]


def _write_tables_and_code(seen: _Seen, kept: Kept, gone: set[HtmlElement]) -> list[HtmlElement]:
    """Puts code aside and takes layout tables apart. The tables with data."""
    data = []
    for table in seen.tags["table"]:
        if is_within(table, gone) or next(table.iterancestors(*code_blocks.PREFORMATTED), None) is not None:
            continue
        if (found := code_blocks.code_of(table)) is not None:
            _put_code(table, found, kept, gone)
        elif page_tables.is_layout(table):
            page_tables.unfold(table)
        else:
            data.append(table)
    in_data = set(data)
    for element in seen.code:
        if is_within(element, gone):
            continue
        if element.tag == "script" and "syntaxhighlighter" not in (element.get("type") or ""):
            continue
        if is_within(element, in_data):
            continue
        if (
            element.tag == "code"
            and element.find(".//br") is None
            and element.find(".//div") is None
            and not _is_block_of_code(element)
        ):
            continue
        found = code_blocks.code_of(element)
        if found is not None:
            _put_code(element, found, kept, gone)
    return data


def _is_block_of_code(code: HtmlElement) -> bool:
    """Whether a `code` element without `pre` is all that its parent holds, on lines of its own."""
    text = code.text_content().strip()
    if "\n" not in text or not re.search(r"\n(?: {2,}|\t)\S|[{};]\s*\n", text):
        return False
    parent = code.getparent()
    return (
        parent is not None
        and parent.tag in ("p", "div", "td", "dd", "li", "section", "body")
        and parent.text_content().strip() == text
    )


def _put_code(element: HtmlElement, found: tuple[str, str], kept: Kept, gone: set[HtmlElement]) -> None:
    language, code = found
    code = without_marks(code)
    if not code.strip():
        return
    stands = kept.put(f"{CODE}{language}{SEPARATOR}{code}{END}", " ".join(code.split()))
    gone.update(element)
    become(element, "pre", stands)
    _forget_names(element)
    gone.add(element)
    # Boxes around it are called toolbars and the like, which extractors drop with all they hold.
    size = len(stands) + MOST_IN_FRAME_OF_CODE
    for box in element.iterancestors("div", "figure", "section"):
        if len(box.text_content()) > size:
            break
        _forget_names(box)
        box.tag = "div"


def _forget_names(element: HtmlElement) -> None:
    for name in list(element.attrib):
        del element.attrib[name]


def _mark_inline_code(element: HtmlElement, gone: set[HtmlElement]) -> None:
    if is_within(element, gone) or element.getparent() is None:
        return
    text = element.text_content() if len(element) else element.text or ""
    if not text.strip() or KEPT in text:
        return
    if "\n" not in text:
        element.text = f"{INLINE}{element.text or ''}"
        if len(element):
            element[-1].tail = f"{element[-1].tail or ''}{INLINE}"
        else:
            element.text += INLINE
    unwrap(element)


def _write_data(data: list[HtmlElement], kept: Kept) -> set[HtmlElement]:
    """Puts data tables aside, row by row."""
    written: set[HtmlElement] = set()
    for table in data:
        if table.getparent() is None or not page_tables.is_data(table):
            continue
        rows, has_head = page_tables.rows_of(table)
        if not rows:
            continue
        lines = []
        for row in rows:
            cells = (_cell_text(cell) if cell is not None else "" for cell in row)
            lines.append(f"{ROW}{SEPARATOR.join(cells)}{END}")
        if has_head:
            lines[0] += HEAD
        caption = table.find("caption")
        title = f"{LINE}{' '.join(caption.text_content().split())}" if caption is not None else ""
        stands = kept.put(title + "".join(lines) + LINE, " ".join(table.text_content().split()))
        written.add(table)
        written.update(table.iterdescendants())
        become(table, "pre", stands)
    return written


def _cell_text(cell: HtmlElement) -> str:
    for each in cell.iter("br", "p", "li", "div"):
        if each.tag == "br":
            each.tail = " " + (each.tail or "")
        elif each.text:
            each.text = " " + each.text
    return cell.text_content().replace(SEPARATOR, " ").replace(END, " ")


def _join_lines(body: HtmlElement) -> None:
    """Takes line ends of the source out between wide characters, also across the tags of inline elements."""
    texts = body.xpath(".//text()")  # in the page's order, each with the element that it is the text or the tail of
    for at, text in enumerate(texts):
        if "\n" not in text or (text.getparent().tag in _VERBATIM and not text.is_tail):
            continue
        joined = _LINE_END.sub("", text)
        words = joined.strip()
        before, after = joined[: len(joined) - len(joined.lstrip())], joined[len(joined.rstrip()) :]
        previous = texts[at - 1].rstrip()[-1:] if at and "\n" in before and _on_one_line(texts[at - 1], text) else ""
        following = ""
        if at + 1 < len(texts) and "\n" in after and _on_one_line(text, texts[at + 1]):
            following = texts[at + 1].lstrip()[:1]
        if not words:
            joined = "" if previous and following and _joins(previous, following) else joined
        else:
            joined = words if previous and _joins(previous, words[0]) else before + words
            joined += "" if following and _joins(words[-1], following) else after
        if joined != text:
            element = text.getparent()
            if text.is_tail:
                element.tail = joined
            else:
                element.text = joined


def _on_one_line(text: Any, following: Any) -> bool:
    """Whether only tags of inline elements stand between two texts that follow each other."""
    element = following.getparent()
    if following.is_tail and element.tag not in _INLINE_TAGS:
        return False
    if not following.is_tail and (previous := element.getprevious()) is not None and not previous.tail:
        return previous.tag in _INLINE_TAGS and _block_of(text) is _block_of(following)
    return _block_of(text) is _block_of(following)


def _block_of(text: Any) -> HtmlElement:
    element = text.getparent()
    if text.is_tail:
        element = element.getparent()
    while element is not None and element.tag in _INLINE_TAGS:
        element = element.getparent()
    return element


def _joins(before: str, after: str) -> bool:
    if _IS_WIDE.match(before) and _IS_WIDE.match(after):
        return True
    return (_IS_FULL_MARK.match(before) is not None and not "\uac00" <= after <= "\ud7af") or (
        _IS_FULL_MARK.match(after) is not None and not "\uac00" <= before <= "\ud7af"
    )


def _mark_links(body: HtmlElement) -> None:
    """Writes the addresses of links that lead to another page after their texts."""
    for link in body.iter("a"):
        address = (link.get("href") or "").strip()
        if not address or address.startswith(("#", "javascript:", "data:")) or len(address) > MOST_ADDRESS:
            continue
        text = link.text_content()
        if not text.strip() or KEPT in text or LINK in text:
            continue
        address = without_marks(address.replace(" ", "%20").replace("(", "%28").replace(")", "%29"))
        link.text = LINK + (link.text or "")
        end = f"{SEPARATOR}{address}{END}"
        if len(link):
            link[-1].tail = (link[-1].tail or "") + end
        else:
            link.text += end


def _mark_lines(seen: _Seen, in_tables: set[HtmlElement]) -> None:
    for heading in reversed(seen.headings):  # what follows a heading is looked at before it changes
        if heading not in in_tables:
            _mark_heading(heading)
    for paragraph in seen.tags["p"]:
        text = paragraph.text
        if text and not text.isspace() and paragraph not in in_tables:
            paragraph.text = LINE + text
        elif len(paragraph) and paragraph not in in_tables:
            first = first_text(paragraph)
            if first.text and not first.text.isspace() and first.tag in _INLINE_TAGS:
                first.text = LINE + first.text
    for each in seen.tags["br"]:
        tail = each.tail
        if tail and not tail.isspace() and each not in in_tables:
            each.tail = LINE + tail.lstrip()


def _mark_heading(heading: HtmlElement) -> None:
    for link in list(heading.iter("a", "span")):
        text = link.text_content().strip()
        names = link.get("class") or ""
        if text in _PERMALINK_TEXTS and (link.tag == "a" or (names and _PERMALINK.search(names))):
            if link.find(".//img") is None:
                remove(link)
        elif names and "mw-editsection" in names:
            remove(link)
    has_link = any(not (link.get("href") or "#").startswith("#") for link in heading.iter("a"))
    leads = not has_link and leads_text(heading, MOST_WRAPPERS if heading.tag != "h1" else 2)
    for link in list(heading.iter("a")):
        if (link.get("href") or "#").startswith("#"):
            unwrap(link)
    for each in heading.iter("br"):
        each.tail = " " + (each.tail or "")
    first = first_text(heading)
    if first.text and not first.text.isspace():
        first.text = HEADINGS[int(heading.tag[1]) - 1] + first.text
    for each in list(heading.iter("br")):
        remove(each)
    # Where trafilatura finds no frame of an article, it takes paragraphs from everywhere and leaves headings out.
    if leads:
        heading.tag = "p"
