"""What a page's main text may be, as blocks that are kept: by chance, by structure, by another's text.

`look_at` reads a page's blocks and gives each the chance that it is main text, by an ensemble of trees over
corpus.pages.block_features (`extraction_model.npz`, made by `benchmarks/train_extraction.py`). From these come

- `likely`   the blocks that give the highest F1 to be expected if the chances are right
- `thread`   the posts of a thread (corpus.pages.threads), behind the likely blocks before the first
- `as_found` the blocks that another extractor's text holds, so that it can be judged like the others

Headings, and code, tables and formulas that were put aside, are kept between kept blocks.
"""

import dataclasses
import functools
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
from lxml.html import HtmlElement  # type: ignore[import-untyped]

from corpus.pages.block_features import features_of
from corpus.pages.blocks import Blocks, blocks_of, tag_bits, unmarked
from corpus.pages.boilerplate import squeezed
from corpus.pages.marks import KEPT
from corpus.pages.threads import Thread
from corpus.pages.tree_ensemble import TreeEnsemble, load_ensemble

VERSION = 1  # raised too where extraction_model.npz is made again

Floats = npt.NDArray[np.float64]
Kept = npt.NDArray[np.bool_]

MODEL = Path(__file__).with_name("extraction_model.npz")
#: Tokens of documentation that stand in paragraphs, at least.
PARAGRAPH_SHARE = 0.3
#: A page whose tokens are links for less, with so many likely blocks, which hold so much of what is no link, is filled with
#: the blocks between that have so much of a chance.
FEW_LINKS, LONG_BLOCKS, FILLED_SHARE, FILLED_CHANCE = 0.2, 40, 0.5, 0.15
_LIST, _PARAGRAPH, _HEADING = tag_bits("ul", "ol"), tag_bits("p"), tag_bits("h2", "h3", "h4")
_NO_SPACES = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\u0e00-\u0e7f"
_TOKEN = re.compile(rf"[{_NO_SPACES}]|[^\W{_NO_SPACES}]+")


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """A page's blocks, (blocks, features) what is known of them, the tokens of each, the share of its characters that are
    links, and its chance to be main text."""

    blocks: Blocks
    features: npt.NDArray[np.float32]
    tokens: Floats
    linked: Floats
    chances: Floats


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    name: str  # likely, thread, first
    text: str
    kept: Kept


@functools.cache
def block_model() -> TreeEnsemble:
    return load_ensemble(MODEL, "block")


def look_at(tree: HtmlElement, discussion: bool, model: TreeEnsemble | None = None) -> Look | None:
    """The look at a parsed page; None where it has no text."""
    blocks = blocks_of(tree)
    if not blocks.texts:
        return None
    features = features_of(blocks, squeezed(tree.findtext(".//title") or ""), discussion)
    tokens = np.array([len(_TOKEN.findall(text)) for text in blocks.texts], np.float64)
    linked = np.array(blocks.link_characters) / np.array([len(text) for text in blocks.texts])
    return Look(blocks, features, tokens, linked, (model or block_model()).chance(features))


def expected_f1(look: Look, kept: Kept) -> float:
    """The F1 of kept blocks, if the chances are right."""
    found = look.chances * look.tokens
    return float(2 * found[kept].sum() / max(look.tokens[kept].sum() + found.sum(), 1e-9))


def likely(look: Look) -> Candidate:
    order = np.argsort(-look.chances, kind="stable")
    found = look.chances * look.tokens
    scores = 2 * np.cumsum(found[order]) / np.maximum(np.cumsum(look.tokens[order]) + found.sum(), 1e-9)
    kept = np.zeros(len(order), np.bool_)
    kept[order[: int(np.argmax(scores)) + 1]] = True
    _fill(look, kept)
    _keep_with(look.blocks, kept)
    return Candidate("likely", text_of(look.blocks, kept), kept)


def of_thread(look: Look, thread: Thread, before: Kept) -> Candidate:
    """A thread's posts, a blank line before each; of the blocks before its first, those in `before`."""
    kept = np.zeros(len(before), np.bool_)
    for post in thread.posts:
        kept[list(post)] = True
    kept[: thread.first] = before[: thread.first]
    kept[list(thread.opening)] = True
    return Candidate("thread", text_of(look.blocks, kept, frozenset(post[0] for post in thread.posts if post)), kept)


def as_found(look: Look, text: str) -> Candidate:
    """Another extractor's text."""
    line = unmarked(squeezed(text))
    return Candidate("first", text, np.array([block in line for block in look.blocks.texts], np.bool_))


def text_of(blocks: Blocks, kept: Kept, posts: frozenset[int] = frozenset()) -> str:
    """Kept blocks as lines, marked as they are; a blank line before `posts`."""
    lines: list[str] = []
    for at in map(int, np.flatnonzero(kept)):
        if at in posts and lines:
            lines.append("")
        lines.append(blocks.marked.get(at, blocks.texts[at]))
    return "\n".join(lines)


def has_few_links(look: Look) -> bool:
    """Whether nearly all of a page's tokens are no links, and much of it stands in paragraphs, as documentation does."""
    total = look.tokens.sum()
    in_paragraphs = (np.array(look.blocks.tags)[look.blocks.nodes] & _PARAGRAPH) > 0
    few = look.tokens @ look.linked <= FEW_LINKS * total
    return bool(few and look.tokens @ in_paragraphs >= PARAGRAPH_SHARE * total)


def _fill(look: Look, kept: Kept) -> None:
    """Keeps what stands between kept blocks of a long page of few links, as documentation is, unless it is surely none."""
    if kept.sum() < LONG_BLOCKS or not has_few_links(look):
        return
    plain = look.tokens * (1 - look.linked)
    if plain[kept].sum() < FILLED_SHARE * plain.sum():
        return
    there = np.flatnonzero(kept)
    inside = slice(int(there[0]), int(there[-1]) + 1)
    kept[inside] |= (look.chances[inside] >= FILLED_CHANCE) & (look.linked[inside] < 0.5)


def _keep_with(blocks: Blocks, kept: Kept) -> None:
    """Keeps what goes with kept blocks: headings right between two; code, tables, formulas that were put aside between any;
    items of a list after a kept one."""
    there = np.flatnonzero(kept)
    last = int(there[-1])
    for at in range(int(there[0]) + 1, len(kept)):
        if kept[at]:
            continue
        if KEPT in blocks.marked.get(at, "") and at < last:
            kept[at] = True
        elif 2 * blocks.link_characters[at] >= len(blocks.texts[at]):
            continue
        elif blocks.tags[blocks.nodes[at]] & _HEADING and at < last:
            kept[at] = kept[at - 1] and kept[at + 1]
        elif kept[at - 1] and (items := _list_of(blocks, at)):
            kept[at] = items == _list_of(blocks, at - 1)


def _list_of(blocks: Blocks, at: int) -> int:
    """The outermost list that a block stands in; 0 for none."""
    found, node = 0, blocks.nodes[at]
    while node:
        if blocks.tags[node] & _LIST:
            found = node
        node = blocks.parents[node]
    return found
