"""Compiled XPath against lxml's own evaluation: the same elements in the same order, for all that trafilatura has."""

import importlib
import re
from typing import Any

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from corpus.pages import attribute_xpath
from corpus.pages.attribute_xpath import AttributeXPath

NAMESPACES = {"re": "http://exslt.org/regular-expressions"}
MODULES = ("core", "main_extractor", "baseline", "htmlprocessing")


def expressions() -> list[Any]:
    found: dict[str, Any] = {}
    for name in MODULES:
        for value in vars(importlib.import_module(f"trafilatura.{name}")).values():
            each = value if isinstance(value, list) else [value]
            found |= {one.path: one for one in each if isinstance(one, etree.XPath)}
    return list(found.values())


def compiled() -> list[tuple[Any, AttributeXPath]]:
    pairs = []
    for expression in expressions():
        try:
            pairs.append((expression, AttributeXPath(expression)))
        except ValueError:
            continue
    return pairs


PAIRS = compiled()
TAGS = (
    "div",
    "p",
    "section",
    "span",
    "list",
    "item",
    "main",
    "article",
    "ul",
    "aside",
    "footer",
    "header",
    "h1",
    "script",
)
ATTRIBUTES = ("class", "id", "role", "style", "itemprop", "aria-hidden", "data-component", "href")
# What the expressions look for, and what is nearly that.
WORDS = sorted({word for expression, _ in PAIRS for word in re.findall(r"[A-Za-z][A-Za-z-]{2,}", expression.path)})
VALUES = st.lists(
    st.sampled_from([*WORDS, " ", "-", "_", "x", "post", "Entry-Content", "é", "COOKIE"]), max_size=3
).map("".join)


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> Any:
    element = etree.Element(draw(st.sampled_from(TAGS)))
    for name in draw(st.lists(st.sampled_from(ATTRIBUTES), max_size=3, unique=True)):
        element.set(name, draw(VALUES))
    if depth:
        element.extend(draw(st.lists(elements(depth=depth - 1), max_size=3)))
    return element


def test_nearly_every_expression_of_trafilatura_is_understood() -> None:
    assert len(PAIRS) >= len(expressions()) - 6
    assert len(PAIRS) >= 12


@settings(deadline=None, max_examples=300)
@given(tree=elements(depth=4))
def test_the_same_elements_as_lxml_finds(tree: Any) -> None:
    tree.append(etree.Comment("aside"))
    for expression, quick in PAIRS:
        assert quick(tree) == expression(tree), expression.path


@pytest.mark.parametrize(
    "path",
    [
        ".//div",
        ".//*[self::div or self::p][@id]",
        ".//*[self::div or self::p][@class='a' or @id='b']",
        ".//*[self::div or self::p][@class='a'][1]",
        "(.//*[self::div or self::p][@class='a'])[1]",
        ".//div[not(self::p) and @class='a']",
        ".//*[self::div or self::p][re:test(@class|@id, 'A', 'i')]",
        ".//div[contains(@class|@id, 'a')]|.//p|.//*[starts-with(@id, 'b')]",
        ".//*[contains(translate(@class, 'A', 'a'), 'a') and not(re:test(@id, 'b'))]",
        ".//div[@class='a'][not(.//p)]",
        ".//div[(@class='a' or @id='b') and not(@id='a')]",
    ],
)
def test_each_form_of_expression(path: str) -> None:
    expression = etree.XPath(path, namespaces=NAMESPACES)
    quick = AttributeXPath(expression)
    tree = lxml.html.fromstring(
        "<body><div class='a'><p id=b>x</p><div id=a class=b></div></div><div class='A' id=a><p class=a><p class=a></div>"
        "<div class=b id=a><span id=b class=a></span></div><div class='a'>y</div><!-- c --><p id='A'></p><div></div></body>"
    )
    assert quick(tree) == expression(tree)
    assert quick(tree) == expression(tree)  # from the memo


@pytest.mark.parametrize(
    "path",
    [
        "//div",
        ".//div/p",
        ".//div[2]",
        ".//div[rel='me']",
        ".//div[not(@class)]",
        ".//div[@class|@id]",
        ".//div[@class|@id='a']",
        ".//div[re:test(@class, 'a', 's')]",
        ".//div[translate(@class, 'ab', 'a')='a']",
        ".//div[contains(@class, @id)]",
        ".//div[@class='a'",
        ".//div[]",
        ".//div extra",
    ],
)
def test_what_is_not_understood_is_refused(path: str) -> None:
    class Expression:
        def __init__(self) -> None:
            self.path = path

    with pytest.raises(ValueError, match=r".+"):
        AttributeXPath(Expression())


def test_the_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribute_xpath, "MEMO_ENTRIES", 10)
    expression = etree.XPath(".//div[re:test(@id, '7')]", namespaces=NAMESPACES)
    quick = AttributeXPath(expression)
    tree = lxml.html.fromstring("<body>" + "".join(f"<div id='{number}'></div>" for number in range(100)) + "</body>")
    long = etree.SubElement(tree, "div", id="7" * 10_000)
    assert quick(tree) == expression(tree)
    assert long in quick(tree)
    memos = [
        memo for steps in quick._steps_of.values() for step in steps for group in step.groups for _, memo, _ in group
    ]
    assert all(len(memo) <= 10 and all(len(key) < 1000 for key in memo) for memo in memos)
