"""Decoded HTML → main text: of several candidates the one that promises most, by the page's blocks.

1. The page is parsed once. Articles that endless scrolling put after it go (corpus.pages.next_article), and boilerplate
   (corpus.pages.boilerplate). What extractors lose of code, formulas, lists and tables is written into the text
   (corpus.pages.protection).
2. Its blocks are looked at, each with the chance that it is main text (corpus.pages.candidates); the likely ones are the
   first candidate. Where they are surely right, they are the text.
3. Otherwise trafilatura is asked, in the setting that the page's kind asks for and in the time that
   corpus.pages.quick_trafilatura leaves it, and an article's lede that it missed is put in front (corpus.pages.lede);
   where the page holds a thread, its posts are another candidate (corpus.pages.threads).
4. A page that says it is a discussion, or looks like nothing else, is its thread. Of other pages corpus.pages.judge
   chooses.
5. Lines of scripts and styles that a page shows as text go, unless they stand in its code.

What each step is worth, on which data: docs/extraction.md, `benchmarks/bench_choice.py`.
Cost: 5 ms a page of 50,000 characters where step 2 is sure, twice that otherwise.
"""

import itertools
import logging
import re
from typing import Any

import trafilatura
from lxml.html import HtmlElement  # type: ignore[import-untyped]

from corpus.pages.blocks import blocks_of
from corpus.pages.boilerplate import remove_boilerplate, squeezed
from corpus.pages.candidates import (
    Candidate,
    Look,
    as_found,
    expected_f1,
    has_few_links,
    likely,
    look_at,
    of_thread,
)
from corpus.pages.judge import SURE, choose, regret
from corpus.pages.lede import find_lede
from corpus.pages.main_text import MainText
from corpus.pages.marks import without_marks
from corpus.pages.next_article import cut_next_articles
from corpus.pages.page_kind import PageKind, kind_of, says_article
from corpus.pages.page_metadata import TreeElements, page_metadata
from corpus.pages.protection import protect, without_own_marks
from corpus.pages.quick_trafilatura import quickened
from corpus.pages.threads import Thread, find_posts, free_of_tables

VERSION = 5

#: Keywords of `trafilatura.extract` for each kind.
SETTINGS: dict[PageKind, dict[str, Any]] = {
    PageKind.DISCUSSION: {"include_comments": True},
    PageKind.CHINESE: {"favor_precision": True, "include_comments": False},
    PageKind.OTHER: {"fast": True, "include_comments": False},
}
#: Of a text that `fast` found and that is shorter, in characters, another is looked for.
SHORT = 500
#: What is found then counts where it is so many times as long.
LONGER = 1.5
AGAIN: dict[str, Any] = {"include_comments": False}

#: On a page of few links, as documentation is, trafilatura's answer is taken unless so much less F1 is to be expected.
FEW_LINKS_MARGIN = 0.2
#: Rows of tables that may be posts.
LEAST_ROWS = 2
#: Markup without `html` is a page where it has so many tags.
LEAST_TAGS = 20
#: A discussion is its thread where this and what opens it have so much of the page's text outside links; another page,
#: where they have so much and all that a thread has (Thread.sure), and are not called comments.
DISCUSSION_SHARE, SURE_SHARE = 0.5, 0.7

_SCRIPT = re.compile(
    r"\bfunction\s*\w*\s*\([^)]{0,80}\)\s*\{|\bdocument\.(?:write|getElement|createElement|cookie)|\bwindow\.\w+\s*(?:=[^=]|\.push|\|\|)|\bvar\s+\w+\s*=\s*[\w'\"\[{(]"
    r"|\$\(\s*['\"#.(d]|(?:\}\s*\)\s*;?\s*$)|<!\[CDATA\[|//\s*\]\]>|@(?:media|import|font-face)\b[^{]{0,80}[{;]"
    r"|^\s*[.#]?[\w.#:>,\s-]{1,120}\{\s*[\w-]+\s*:[^{}]{1,400};?\s*\}|\badsbygoogle\b|_gaq\.push|googletag\.cmd",
)
_NO_MARKS = str.maketrans("", "", "{}()[];=<>$&|/\"'")
#: The share of marks that makes a line look like code.
_MARKED = 0.06

# It logs each page that it finds nothing in; that is counted elsewhere.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


def main_text(html: str, *, links: bool = False) -> MainText | None:
    """The page's main text, marked, or None where there is none. Raises whatever a page does to a parser."""
    with quickened():
        html = without_own_marks(html)
        tree = parsed(html)
        if tree is None:
            return None
        declared = page_metadata(TreeElements(tree))  # before the tree is changed
        text = _text_of(tree, html, links=links)
        return MainText(text, *declared) if text else None


def main_text_with_links(html: str) -> MainText | None:
    """The same with a mark for the address of each link."""
    return main_text(html, links=True)


def parsed(html: str) -> HtmlElement | None:
    """The page's tree; also of markup that begins with another element than `html`, which trafilatura takes for none."""
    tree = trafilatura.load_html(html)
    if tree is None and html.lstrip()[:1] == "<" and html.count("<") >= LEAST_TAGS:
        tree = trafilatura.load_html(f"<html><body>{html}</body></html>")
    return tree


def prepared(tree: HtmlElement) -> PageKind:
    """The kind of a parsed page, out of which next articles and boilerplate are taken."""
    kind = kind_of(tree)
    if kind is not PageKind.DISCUSSION:
        cut_next_articles(tree)
    remove_boilerplate(tree)
    return kind


def first_text(tree: HtmlElement, kind: PageKind) -> str:
    """What trafilatura finds in a prepared page, with the lede that it missed."""
    text: str = trafilatura.extract(tree, **SETTINGS[kind]) or ""
    if kind is PageKind.OTHER and len(text) < SHORT and _paragraph_characters(tree) > len(text):
        again: str = trafilatura.extract(tree, **AGAIN) or ""
        text = again if len(again) > LONGER * len(text) else text
    lede = find_lede(tree, text) if kind is not PageKind.DISCUSSION else None
    return "\n".join(filter(None, (lede, text)))


def is_thread(thread: Thread, kind: PageKind, article: bool) -> bool:
    """Whether a page is its thread, whatever else was found; `article`: it says that it is an article."""
    if kind is PageKind.DISCUSSION:
        return thread.whole >= DISCUSSION_SHARE
    return thread.sure and not thread.comments and not article and thread.whole >= SURE_SHARE


def free_posts(tree: HtmlElement, kind: PageKind, article: bool) -> None:
    """Takes posts out of the tables that they are laid out by."""
    if sum(1 for _ in itertools.islice(tree.iter("tr"), LEAST_ROWS)) < LEAST_ROWS:
        return
    blocks = blocks_of(tree)
    thread = find_posts(blocks)
    if thread is not None and is_thread(thread, kind, article):
        free_of_tables(blocks, thread)


def _text_of(tree: HtmlElement, html: str, *, links: bool) -> str | None:
    """The main text of a parsed page, marked (corpus.pages.marks); the tree is changed."""
    article = says_article(tree)
    kind = prepared(tree)
    free_posts(tree, kind, article)
    kept = protect(tree, html, links=links)
    code = _code_of(tree)
    look = look_at(tree, kind is PageKind.DISCUSSION)
    text = first_text(tree, kind) if look is None else _chosen(tree, kind, article, look).text
    return kept.restored(without_scripts(text, code)) or None


def _chosen(tree: HtmlElement, kind: PageKind, article: bool, look: Look) -> Candidate:
    found = likely(look)
    thread = find_posts(look.blocks)
    if thread is not None and is_thread(thread, kind, article):
        return of_thread(look, thread, found.kept)
    few_links = kind is not PageKind.DISCUSSION and has_few_links(look)
    if not few_links and kind is not PageKind.DISCUSSION and regret(look, found) < SURE:
        return found
    first = as_found(look, first_text(tree, kind))
    if few_links and expected_f1(look, first.kept) >= expected_f1(look, found.kept) - FEW_LINKS_MARGIN:
        return first
    candidates = [found, first]
    if thread is not None:
        candidates.append(of_thread(look, thread, found.kept))
    return choose(look, candidates, thread)


def without_scripts(text: str, code: str) -> str:
    """Text without lines that look like scripts or styles, but for those in `code`."""
    if not any(mark in text for mark in "{}();"):
        return text
    return "\n".join(line for line in text.split("\n") if not looks_like_script(line) or squeezed(line) in code).strip(
        "\n"
    )


def looks_like_script(line: str) -> bool:
    """Whether a line is JavaScript or CSS by its look."""
    line = without_marks(line)
    return (
        len(line) >= 20
        and len(line.translate(_NO_MARKS)) <= (1 - _MARKED) * len(line)
        and _SCRIPT.search(line) is not None
    )


def _code_of(tree: HtmlElement) -> str:
    """What stands as code in a page, squeezed."""
    return squeezed(" ".join(each.text_content() for each in tree.iter("pre", "code", "samp", "kbd", "tt", "textarea")))


def _paragraph_characters(tree: HtmlElement) -> int:
    return sum(len(squeezed(paragraph.text_content())) for paragraph in tree.iter("p"))
