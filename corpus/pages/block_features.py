"""Blocks of a page → what a model judges them by: features_of(blocks, title) → (blocks, FEATURES) float32.

Of each block itself: how long it is, how much of it is links, where its sentences end; of where it stands: tags and names
of its nodes, how much text and how many links these hold, how often nodes look alike, how far it is from the heading and
from where the page's text is densest; the same of its neighbours; and of the page as a whole.
Characters without spaces between words (Han, kana, Hangul) count twice. No feature names a site, a language or a word of
the text but the words of the title.

Cost: 1 ms a page of 300 blocks; linear in the page.
"""

import functools

import numpy as np
import numpy.typing as npt

from corpus.pages.blocks import NAMES, TAGS, Blocks, tag_bits

VERSION = 1

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_CLASSES = ("wide", "digit", "stop", "comma", "space", "upper", "odd")
_STOPS = ".!?…。！？;；"
_COMMAS = ",，、"
#: What code and templates are full of.
_ODD = "{}<>=\\|_$#&"
_LEVELS = 4
_WINDOWS = (1, 3, 8)
_HEADINGS = tag_bits("h1", "h2", "h3", "h4")
_SHORT_TITLE = 200


@functools.cache
def _class_tables() -> npt.NDArray[np.bool_]:
    """(classes, 65536): whether a character of the basic plane is of a class."""
    tables = np.zeros((len(_CLASSES), 1 << 16), np.bool_)
    tables[0, 0x2E80:0xE000] = tables[0, 0xF900:0xFB00] = tables[0, 0xFF00:0xFFF0] = True
    tables[1, 0x30:0x3A] = tables[1, 0xFF10:0xFF1A] = True
    for row, marks in ((2, _STOPS), (3, _COMMAS), (4, " "), (6, _ODD)):
        tables[row, [ord(mark) for mark in marks]] = True
    tables[5, 0x41:0x5B] = tables[5, 0x391:0x3AA] = tables[5, 0x410:0x430] = True
    return tables


def features_of(blocks: Blocks, title: str, discussion: bool) -> npt.NDArray[np.float32]:
    """(blocks, features); at least one block."""
    return np.stack(list(_columns(blocks, title, discussion).values()), axis=1).astype(np.float32)


def feature_names() -> tuple[str, ...]:
    """The names of the columns, in their order."""
    sample = Blocks(["a"], [0], [0], [0], [0], {}, [0], [0], [0], [0], [0], [0], ["body"], [""], [None], [0], [1])
    return tuple(_columns(sample, "", False))


def _columns(blocks: Blocks, title: str, discussion: bool) -> dict[str, Floats]:
    size = len(blocks.texts)
    counts = _counts(blocks.texts)
    lengths = np.array([len(text) for text in blocks.texts], np.float64)
    weight = lengths + counts[0]
    linked = np.array(blocks.link_characters) / lengths
    plain = weight * (1 - linked)  # characters outside links
    ends = np.array([text[-1] in _STOPS or text[-2:-1] in _STOPS for text in blocks.texts], np.float64)
    node = np.array(blocks.nodes)
    tags, names, parents = (np.array(each) for each in (blocks.tags, blocks.names, blocks.parents))
    begins, stops = np.array(blocks.begins), np.array(blocks.ends)
    columns: dict[str, Floats] = {
        "size": np.log1p(weight),
        "linked": linked,
        "links": np.minimum(np.array(blocks.links), 20.0),
        "sentences": np.minimum(counts[2], 20.0),
        "commas": np.minimum(counts[3], 20.0),
        "words": np.minimum(counts[4] + 1 + counts[0] / 2, 200.0),
        "digits": counts[1] / lengths,
        "upper": counts[5] / lengths,
        "odd": counts[6] / lengths,
        "ends": ends,
    }
    columns |= _places(blocks, node, tags, names, parents)
    columns |= _nodes(blocks, node, parents, begins, stops, weight, plain, counts)
    columns |= _neighbours(columns, node, plain, weight, ends)
    columns |= _positions(blocks, node, tags, title, weight)
    total = max(float(weight.sum()), 1.0)
    page = {
        "discussion": float(discussion),
        "page size": np.log1p(total),
        "page blocks": np.log1p(size),
        "page linked": 1 - plain.sum() / total,
        "page sentences": np.log1p(counts[2][plain > 80].sum()),
        "page long": np.log1p((plain > 120).sum()),
        "page wide": counts[0].sum() / total,
        "page paragraphs": plain[(tags[node] & tag_bits("p")) > 0].sum() / total,
    }
    return columns | {name: np.full(size, value) for name, value in page.items()}


def _counts(texts: list[str]) -> Floats:
    """(classes, blocks) characters of each class."""
    # A line feed after each, so that no slice is empty.
    points = np.frombuffer("".join(f"{text}\n" for text in texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    starts = np.zeros(len(texts), np.int64)
    np.cumsum([len(text) + 1 for text in texts[:-1]], out=starts[1:])
    flags = _class_tables()[:, np.minimum(points, 0xFFFF)]
    return np.add.reduceat(flags, starts, axis=1, dtype=np.float64)


def _places(blocks: Blocks, node: Ints, tags: Ints, names: Ints, parents: Ints) -> dict[str, Floats]:
    """Tags and names of a block's nodes: of the innermost, of the three innermost, of all."""
    columns: dict[str, Floats] = {}
    up = parents[parents]
    near_name, near_tag = names | names[parents] | names[up], tags | tags[parents] | tags[up]
    marks, every_name, every_tag = (np.array(each) for each in (blocks.marks, blocks.every_name, blocks.every_tag))
    for number, words in enumerate(NAMES):
        columns[f"marked {words[0]}"] = _bit(marks, number)
        columns[f"named {words[0]}"] = _bit(names[node], number)
        columns[f"near {words[0]}"] = _bit(near_name[node], number)
        columns[f"in {words[0]}"] = _bit(every_name[node], number)
    for number, tag in enumerate(TAGS):
        columns[f"tag {tag}"] = _bit(tags[node], number)
        columns[f"near tag {tag}"] = _bit(near_tag[node], number)
        if tag not in ("p", "div", "h1", "h2", "h3", "h4", "th", "td", "li"):
            columns[f"in tag {tag}"] = _bit(every_tag[node], number)
    columns["depth"] = np.array(blocks.depths)[node].astype(np.float64)
    return columns


def _bit(values: Ints, number: int) -> Floats:
    return ((values >> number) & 1).astype(np.float64)


def _nodes(
    blocks: Blocks, node: Ints, parents: Ints, begins: Ints, stops: Ints, weight: Floats, plain: Floats, counts: Floats
) -> dict[str, Floats]:
    """What a block's nodes hold, and where the page's text is densest."""
    columns: dict[str, Floats] = {}
    total = max(float(weight.sum()), 1.0)
    sums = _sums(weight)
    plains = _sums(plain)
    sentences = _sums(counts[2])
    node_weight, node_plain = sums[stops] - sums[begins], plains[stops] - plains[begins]
    node_sentences = sentences[stops] - sentences[begins]
    node_linked = 1 - node_plain / np.maximum(node_weight, 1.0)
    node_blocks = stops - begins
    at = node
    for level in range(_LEVELS):
        if level:
            at = parents[at]
        columns[f"node {level} size"] = np.log1p(node_weight[at])
        columns[f"node {level} share"] = node_weight[at] / total
        columns[f"node {level} linked"] = node_linked[at]
        columns[f"node {level} blocks"] = np.log1p(node_blocks[at])
        columns[f"node {level} sentences"] = node_sentences[at] / np.maximum(node_blocks[at], 1)
    # Arc90's score: paragraphs give theirs to their parent, and half of it to its parent.
    points = np.where(plain >= 40, 1 + counts[3] + np.minimum(plain / 100, 3), 0.0)
    up = parents[node]
    given = np.bincount(up, points, len(parents)) + np.bincount(parents[up], points / 2, len(parents))
    scores = (np.bincount(node, points, len(parents)) + given) * (1 - node_linked)
    best = int(np.argmax(scores))
    for name, inner in (("best", best), ("around best", int(parents[best]))):
        begin, end = int(begins[inner]), int(stops[inner])
        columns |= _apart(name, len(plain), begin, end)
        columns[f"{name} share"] = np.full(len(plain), node_weight[inner] / total)
    columns["density"] = scores[node] / max(float(scores[best]), 1.0)
    columns["density up"] = scores[up] / max(float(scores[best]), 1.0)
    begin, end = _densest(plain - 30 - 0.6 * (weight - plain))
    columns |= _apart("dense", len(plain), begin, end)
    columns |= _alike(blocks, node, parents, weight, plain)
    return columns


def _sums(values: Floats) -> Floats:
    """(values + 1,) sums of what stands before each, and of all."""
    return np.concatenate([[0.0], np.cumsum(values)])


def _apart(name: str, size: int, begin: int, end: int) -> dict[str, Floats]:
    """Whether each block is in a slice, and how far before or after it."""
    order = np.arange(size)
    off = np.where(order < begin, order - begin, np.maximum(order - end + 1, 0))
    return {
        f"{name} in": ((order >= begin) & (order < end)).astype(np.float64),
        f"{name} off": np.clip(off, -30, 30) + 0.0,
    }


def _densest(values: Floats) -> tuple[int, int]:
    """The slice with the largest sum."""
    sums = _sums(values)
    lows = np.minimum.accumulate(sums)
    end = int(np.argmax(sums - lows))
    return int(np.argmin(sums[: end + 1])), end


def _alike(blocks: Blocks, node: Ints, parents: Ints, weight: Floats, plain: Floats) -> dict[str, Floats]:
    """Of nodes with the same tag and class under such ones: how many, how long, how linked; and of equal blocks."""
    numbers: dict[tuple[str, str], int] = {}
    signatures = blocks.signatures
    kinds = np.array(
        [
            numbers.setdefault((signature, signatures[parent]), len(numbers))
            for signature, parent in zip(signatures, blocks.parents, strict=True)
        ]
    )
    columns: dict[str, Floats] = {}
    many = np.bincount(kinds)
    for name, at in (("alike", node), ("parents alike", parents[node])):
        kind = kinds[at]
        used = np.maximum(np.bincount(kind, minlength=len(many)), 1)
        columns[name] = np.log1p(many[kind])
        columns[f"{name} size"] = np.log1p((np.bincount(kind, weight, len(many)) / used)[kind])
        columns[f"{name} linked"] = (
            1 - (np.bincount(kind, plain, len(many)) / np.maximum(np.bincount(kind, weight, len(many)), 1))[kind]
        )
    copies: dict[str, int] = {}
    for text in blocks.texts:
        copies[text] = copies.get(text, 0) + 1
    columns["copies"] = np.array([min(copies[text], 10) for text in blocks.texts], np.float64)
    return columns


def _neighbours(own: dict[str, Floats], node: Ints, plain: Floats, weight: Floats, ends: Floats) -> dict[str, Floats]:
    size = len(plain)
    columns: dict[str, Floats] = {}
    order = np.arange(size)
    for offset in (-3, -2, -1, 1, 2, 3):
        at = order + offset
        there = (at >= 0) & (at < size)
        at = np.clip(at, 0, size - 1)
        for name in ("size", "linked", "ends"):
            columns[f"{name} {offset:+d}"] = np.where(there, own[name][at], -1.0)
        columns[f"heading {offset:+d}"] = np.where(
            there, own["tag h2"][at] + own["tag h3"][at] + own["tag h1"][at], -1.0
        )
        columns[f"same node {offset:+d}"] = np.where(there, node[at] == node, False) + 0.0
    whole, plains = _sums(weight), _sums(plain)
    averaged = {"plain": _sums(np.log1p(plain)), "ends": _sums(ends), "plain sum": plains}
    for window in _WINDOWS:
        begin, end = np.maximum(order - window, 0), np.minimum(order + window + 1, size)
        for name, sums in averaged.items():
            columns[f"window {window} {name}"] = (sums[end] - sums[begin]) / (end - begin)
        columns[f"window {window} linked"] = 1 - (plains[end] - plains[begin]) / (whole[end] - whole[begin])
    return columns


def _positions(blocks: Blocks, node: Ints, tags: Ints, title: str, weight: Floats) -> dict[str, Floats]:
    size = len(weight)
    order = np.arange(size)
    before = np.cumsum(weight) - weight
    total = max(float(weight.sum()), 1.0)
    columns: dict[str, Floats] = {
        "position": order / size,
        "characters before": before / total,
        "block": np.minimum(order, 100.0),
    }
    words = set(title.lower().split()) if " " in title else set(title)
    titled = np.zeros(size)
    if words:
        for at, text in enumerate(blocks.texts):
            if 6 <= len(text) <= _SHORT_TITLE:
                parts = set(text.lower().split()) if " " in title else set(text)
                titled[at] = len(words & parts) / len(words | parts)
    columns["titled"] = titled
    heads = np.flatnonzero((tags[node] & tag_bits("h1")) > 0)
    for name, where in (
        ("title", int(np.argmax(titled)) if titled.max() > 0.4 else -1),
        ("h1", int(heads[-1]) if len(heads) else -1),
    ):
        after = order - where if where >= 0 else np.full(size, -100)
        columns[f"after {name}"] = np.clip(after, -50, 50) + 0.0
        columns[f"characters after {name}"] = (before - before[where]) / total if where >= 0 else np.full(size, -2.0)
    heading = (tags[node] & _HEADINGS) > 0
    last = np.maximum.accumulate(np.where(heading, order, -1))
    columns["since heading"] = np.where(last >= 0, np.minimum(order - last, 50), 60) + 0.0
    return columns
