"""Forms inside a line → characters: superscripts, subscripts, ruby.

`x<sup>2</sup>` is `x^2`, `H<sub>2</sub>O` is `H_2O`; more than one character that is no number stands in braces: `x^{n+1}`. What is
raised for its looks stays as it is: ordinals (1st, 2e, Mme, nº), trade marks, marks of notes ([1], *, †, links).
Ruby keeps its base text; the reading is a mark after it.
"""

import re

from lxml.html import HtmlElement  # type: ignore[import-untyped]

from corpus.pages.marks import END, RUBY
from corpus.pages.tree_edits import remove, replace_with_text, unwrap

VERSION = 1

MOST_CHARACTERS = 40

_NUMBER = re.compile(r"[+\-−–]?\d+(?:[.,]\d+)?[+\-−]?|[^\W_]|[+\-−*′°]")
_NOTE = re.compile(r"[\[(（【〔].*[\])）】〕]?|[*†‡§¶#]+|\W*|\d+\)")
_ORDINAL = re.compile(
    r"(?:st|nd|rd|th|er|re|ère|e|ème|eme|es|de|me|mes|lle|lles|mme|r|rs|os?|as?|os|ª|º|t[eé]|a|o|ta|to)\.?|tm|sm|®|™|©|\(r\)|\(tm\)|n[do]s?",
    re.IGNORECASE,
)
_LETTERS_BEFORE = re.compile(r"[^\W\d_]{2,}\Z")


def write_scripts(superscripts: list[HtmlElement], subscripts: list[HtmlElement]) -> None:
    """Writes raised and lowered text with a sign, and takes the tags away."""
    for sign, elements in (("^", superscripts), ("_", subscripts)):
        for element in elements:
            if element.getparent() is None:
                continue
            text = "".join(element.text_content().split())
            before = _text_before(element)
            if text and _is_script(text, before, sign, element):
                replace_with_text(element, sign + (text if _NUMBER.fullmatch(text) else f"{{{text}}}"))
            else:
                unwrap(element)


def _is_script(text: str, before: str, sign: str, element: HtmlElement) -> bool:
    if len(text) > MOST_CHARACTERS or not before or before[-1].isspace():
        return False
    if sign == "_":
        return True
    if element.find(".//a") is not None or _is_in_link(element) or _NOTE.fullmatch(text):
        return False
    if _ORDINAL.fullmatch(text):
        # Of a single letter (x, e, 2) a letter may be a power; "e" and "o" after a number are ordinals.
        return (
            len(text) == 1
            and not before[-1].isdecimal()
            and not _LETTERS_BEFORE.search(before)
            and before[-1] not in "nNMD"
        )
    # A word raised after a word is a note of its author's.
    return not (text.isalpha() and len(text) > 3 and _LETTERS_BEFORE.search(before) is not None)


def _is_in_link(element: HtmlElement) -> bool:
    """Whether a link is nothing but this element: a mark of a note."""
    parent = element.getparent()
    return parent is not None and parent.tag == "a" and parent.text_content().strip() == element.text_content().strip()


def _text_before(element: HtmlElement) -> str:
    previous = element.getprevious()
    if previous is not None:
        if previous.tail:
            return str(previous.tail)
        return str(previous.text_content()) if isinstance(previous.tag, str) else ""
    parent = element.getparent()
    if parent.text:
        return str(parent.text)
    # At the beginning of an inline element: what stands before that.
    return (
        _text_before(parent)
        if parent.tag in ("i", "em", "b", "strong", "var", "span", "font") and parent.getparent() is not None
        else ""
    )


def write_ruby(rubies: list[HtmlElement]) -> None:
    """Leaves the base text of ruby and the reading as a mark."""
    for ruby in rubies:
        readings = []
        for part in list(ruby.iter("rt", "rp", "rtc")):
            if part.tag == "rt" and (reading := "".join(part.text_content().split())):
                readings.append(reading)
            if part.getparent() is not None:
                remove(part)
        text = ruby.text_content()
        base = text.strip() if text.isascii() else "".join(text.split())
        replace_with_text(ruby, base + (f"{RUBY}{''.join(readings)}{END}" if readings else ""))
