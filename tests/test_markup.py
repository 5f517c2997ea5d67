"""Markup without a parser: counts against regular expressions, text and its blocks against a real parser."""

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree, html

from corpus.pages.markup import INLINE, UNCOUNTED, count_tags, text_of_markup

_START_TAG = re.compile(r"<[A-Za-z]")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]{0,40})")
PIECES = ["<p>", "</p>", "<DIV class=a>", "</div>", "<b", "</", "<", ">", "<svg:a-1>", "<colgroup>", "<colgroups>", "</tbody>",
          "<!--", "-->", "<script>", "</script >", "<style>", "文", "x", " ", "\n", '"', "'", "=", "<a title='>'>", "&lt;"]  # fmt: skip

MARKUP = ["<p>", "</p>", "<br/>", "<a name='x>y'>", "</a>", '<i title="a > b">', "</i>", "<!-- no <b> -->", "<!-->",
          "<script>no('<p>')</script>", "<STYLE x='>'>no</STYLE\n>", "<!DOCTYPE html>", "<?xml no?>"]  # fmt: skip


def counted(markup: str, max_depth: int) -> tuple[int, bool]:
    depth, too_deep = 0, False
    for end, name in _TAG.findall(markup):
        if name.lower() not in UNCOUNTED:
            depth = max(0, depth - 1) if end else depth + 1
            too_deep |= depth > max_depth
    return len(_START_TAG.findall(markup)), too_deep


@settings(deadline=None, max_examples=500)
@given(markup=st.lists(st.sampled_from(PIECES), max_size=40).map("".join), max_depth=st.integers(1, 6))
@example(markup="<" + "a" * 50 + ">", max_depth=1)
def test_counts_are_those_of_regular_expressions(markup: str, max_depth: int) -> None:
    assert count_tags(markup.encode(), max_depth) == counted(markup, max_depth)


@settings(deadline=None, max_examples=300)
@given(
    words=st.lists(st.sampled_from(["word", "文字", "é", "1 < 2", "a > b", "&amp;"]), min_size=1, max_size=8),
    around=st.lists(
        st.sampled_from(MARKUP),
        min_size=1,
        max_size=8,
    ),
)
def test_text_is_that_of_a_parser(words: list[str], around: list[str]) -> None:
    markup = "<div>" + "".join(
        f"{around[n % len(around)]} {word} " for n, word in enumerate([*words, *["end"] * len(around)])
    )
    tree = html.document_fromstring(markup.replace("<!-->", "<!-- -->"))
    etree.strip_elements(tree, "script", "style", etree.Comment, etree.ProcessingInstruction, with_tail=False)
    expected = tree.text_content().split()
    assert text_of_markup(markup.encode()).decode().replace("&amp;", "&").split() == expected


def blocks(markup: str) -> list[str]:
    """Lines as a parser has them: begun and ended by every element that is not inline, and in `pre`; none is half links."""
    lines, line, links, preformatted = [], "", 0, False

    def end() -> None:
        nonlocal line, links
        text = line.rstrip(" ")
        if 2 * links < len(text):
            lines.append(text)
        line, links = "", 0

    def add(text: str | None, *, linked: bool) -> None:
        nonlocal line, links
        for character in text or "":
            if character == "\n" and preformatted:
                end()
            elif (character := character.replace("\n", " ")) != " " or (line and line[-1] != " "):
                line += character
                links += linked

    def walk(element: html.HtmlElement, *, linked: bool) -> None:
        inside = linked or (element.tag == "a" and "href" in element.attrib)
        nonlocal preformatted
        if element.tag not in INLINE:
            end()
            preformatted = preformatted or element.tag == "pre"
        add(element.text, linked=inside)
        for child in element:
            walk(child, linked=inside)
            add(child.tail, linked=inside)
        if element.tag not in INLINE:
            end()
            preformatted = preformatted and element.tag != "pre"

    walk(html.document_fromstring(markup), linked=False)
    return lines


TEXTS = st.sampled_from(
    ["word ", "five words", " and\n1 more", "x", "<a href=/>link ", "<a HREF='y'>a longer link", "<a id=b>name"]
)
ELEMENTS = st.recursive(
    TEXTS.map(lambda text: text + "</a>" * text.startswith("<")),
    lambda inner: st.builds(
        lambda name, children: f"<{name}>{''.join(children)}</{name}>",
        st.sampled_from(["div", "span", "B", "section", "i", "pre"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(elements=st.lists(ELEMENTS, min_size=1, max_size=4).map("".join))
@example(elements="<div><a href=x>menu</a> <a href=y>menu</a></div><div>see <a href=z>here</a> for more</div>")
def test_a_block_is_a_line_unless_half_of_it_is_links(elements: str) -> None:
    markup = f"<body>{elements}</body>"
    assert text_of_markup(markup.encode()).decode().splitlines() == blocks(markup)


@given(
    data=st.binary(max_size=300)
    | st.lists(st.sampled_from(PIECES), max_size=60).map(lambda each: "".join(each).encode())
)
def test_any_bytes_are_taken(data: bytes) -> None:
    assert len(text_of_markup(data)) <= len(data) + 1
    nodes, _ = count_tags(data, 10)
    assert 0 <= nodes <= len(data)


@pytest.mark.parametrize(
    "piece", [b"<!--", b"<script>", b"</", b"<a b='", b"<aaaaaaaa", b"<!-", b"<script></scrip", b"&#"]
)
def test_hostile_markup_takes_linear_time(piece: bytes) -> None:
    def seconds(size: int) -> float:
        page = piece * (size // len(piece))
        started = time.process_time()
        count_tags(page, 1000)
        text_of_markup(page)
        return time.process_time() - started

    seconds(1 << 10)
    assert seconds(16 << 20) < 3
