"""trafilatura's own answers in about two thirds of its time.

Inside `with quickened():` trafilatura's XPath expressions are evaluated by `AttributeXPath` where that understands them,
and its parser makes elements of one class, which lxml then need not ask Python for. Neither changes an answer
(tests/test_quick_trafilatura.py compares texts); an expression or name that another version of trafilatura has instead
is left as it is, and costs what it did.

Not for two threads at once, of which the one that ends first would leave the other its answers, but not its time.
"""

import contextlib
import functools
import importlib
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

import lxml.html  # type: ignore[import-untyped]
from lxml import etree

from corpus.pages.attribute_xpath import AttributeXPath

#: Modules whose expressions are evaluated for every page. `from trafilatura import baseline` would be a function.
_MODULES = ("core", "main_extractor", "baseline", "htmlprocessing")


class _Swap(NamedTuple):
    module: types.ModuleType
    name: str
    theirs: Any
    ours: Any


@contextlib.contextmanager
def quickened() -> Iterator[None]:
    """trafilatura is quick inside."""
    for module, name, _, ours in _swaps():
        setattr(module, name, ours)
    try:
        yield
    finally:
        for module, name, theirs, _ in _swaps():
            setattr(module, name, theirs)


@functools.cache
def _swaps() -> tuple[_Swap, ...]:
    made: dict[int, Any] = {}  # several modules share an expression, and then share its memo

    def quick(expression: Any) -> Any:
        if id(expression) not in made:
            try:
                made[id(expression)] = AttributeXPath(expression)
            except ValueError:
                made[id(expression)] = expression
        return made[id(expression)]

    swaps = []
    for module in (importlib.import_module(f"trafilatura.{name}") for name in _MODULES):
        for name, value in vars(module).items():
            if isinstance(value, etree.XPath):
                swaps.append(_Swap(module, name, value, quick(value)))
            elif isinstance(value, list) and value and isinstance(value[0], etree.XPath):
                swaps.append(_Swap(module, name, value, [quick(each) for each in value]))
    utils = importlib.import_module("trafilatura.utils")
    if isinstance(getattr(utils, "HTML_PARSER", None), lxml.html.HTMLParser):
        swaps.append(_Swap(utils, "HTML_PARSER", utils.HTML_PARSER, _parser()))
    return tuple(swaps)


def _parser() -> Any:
    """trafilatura's parser, with elements of one class: its look-up is lxml's own, in C, not a method in Python."""
    parser = lxml.html.HTMLParser(
        collect_ids=False, default_doctype=False, encoding="utf-8", remove_comments=True, remove_pis=True
    )
    parser.set_element_class_lookup(
        etree.ElementDefaultClassLookup(
            element=lxml.html.HtmlElement,
            comment=lxml.html.HtmlComment,
            pi=lxml.html.HtmlProcessingInstruction,
            entity=lxml.html.HtmlEntity,
        )
    )
    return parser
