"""Blocks of a page → the posts of a thread, found by their structure: siblings, or nested nodes, that look alike.

find_posts(blocks): the largest group of nodes that share a class, an id but for its number, or a tag and a parent, and

- hold at least SHARE of the page's text outside links,
- look alike inside (ALIKE of what a post holds is in most of them),
- bear the day, the age or the author that a post has (MARKED of them),
- are not the entries of a list of other pages (their heading is one link).

Of a post the message alone is wanted: the node that each post has once, and that holds most text which is neither a link nor
repeated from post to post nor named as the author's box. A quotation of what an earlier post says goes, as do signatures,
notes of edits and numbers of floors.

Knows no software by name. Cost: 1 ms a page; linear in its blocks.
"""

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from corpus.pages.blocks import NAME_BITS, Blocks, tag_bits, weight
from corpus.pages.marks import KEPT

VERSION = 1

SHARE = 0.25
ALIKE = 0.4
MARKED = 0.6
SURE, SURE_ALIKE, SURE_POSTS = 0.75, 0.7, 3
LEAST_POSTS, MOST_POSTS = 2, 1000
_LINKED = 0.6
#: What a block in a message costs, in characters: names and labels are shorter, sentences longer.
BLOCK_COST = 12
#: Quotations that are compared with earlier posts.
MOST_QUOTES = 300
OPENING_CHARACTERS = 20
DATED_CHARACTERS = 120
TITLE_CHARACTERS = 24
_LABEL_CHARACTERS = 40

_USER, _SHARE, _META, _COMMENT, _NAV = (NAME_BITS[name] for name in ("user", "share", "meta", "comment", "nav"))
_HEADINGS = tag_bits("h1", "h2", "h3", "h4")
_TABLE_TAGS = ("table", "tbody", "tr", "td", "th")
_TOP = tag_bits("h1")
_QUOTED = tag_bits("blockquote")
_MONTHS = "jan|feb|fev|mar|apr|abr|avr|may|mai|jun|jui|jul|aug|ago|sep|oct|okt|nov|dec|dez|dic|янв|фев|мар|апр|мая|июн|июл|авг|сен|окт|ноя|дек"
#: A day, a time or an age. No `\b`: between a letter of Han and a digit is none.
_DATE = re.compile(
    r"(?<!\d)(?:19|20)\d\d\s?[-/.年]\s?\d{1,2}|(?<!\d)\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d(?!\d)|(?<!\d)\d{1,2}:\d\d(?!\d)|\d\s*月\s*\d+\s*日"
    rf"|(?<![a-zа-я])(?:{_MONTHS})[a-zа-я]*\.?,?\s+\d|\d\.?\s+(?:de\s+)?(?:{_MONTHS})"
    r"|(?<![\w.])\d+\s*(?:second|minute|hour|day|week|month|year|min|hr|yr)s?(?:\s+ago)?(?![a-z])|(?<![\w.])\d+\s*(?:[smhdwy]|mo)\b|(?:yester|to)day\b"
    r"|\d+\s*(?:秒|分钟|分鐘|小时|小時|天|周|个月|個月|年)前|昨天|前天|刚刚|\d+時間前|\d+日前|\d+\s*(?:час|мин|дн)",
    re.IGNORECASE,
)
_CLUTTER = re.compile(
    r"#?\d+\s*(?:楼|樓|#|层)?|楼主|樓主|沙发|板凳|地板|.{0,4}第\s*\d+\s*[楼樓]|本帖最后由.{0,60}编辑|本帖最後由.{0,60}編輯|(?:last )?edited (?:by|on|at).{0,120}|last edit:.{0,80}"
    r"|(?:re|回复|回覆|答复)\s*[:：].{0,120}|来自.{0,10}客户端|发自我的.{0,20}|sent from my .{0,40}|[_\-=*·•|\s]{3,}|code:|select all|quote|reply|report|share|like|copy|复制代码|举报|回复|收藏|分享|支持|反对|赞",
    re.IGNORECASE,
)
_QUOTE_HEAD = re.compile(
    r".{0,80}(?:wrote|said|écrit|schrieb|escribió|пишет|писал|написал|发表于|發表於|写道|說|说)\s*[^\w]{0,3}.{0,40}$|引用[:：]?.{0,60}$|quote.{0,80}$|click to expand.{0,4}$|originally posted by.{0,60}$",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d+")
_QUOTE_NAMES = re.compile(r"quot|zitat|cite|yinyong|引用", re.IGNORECASE)
_END_NAMES = re.compile(
    r"(?:^|[\s_-])(?:sig|sign|signature|signatur|pstatus|edit(?:ed)?(?:by)?|lastedit\w*|editnote|attach\w*|notice|moderatorbar|smalltext|modified)(?:$|[\s_-]|\d)",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(r"[-_=—~]{2,}\s*$|--\s*$")


@dataclasses.dataclass(frozen=True, slots=True)
class Thread:
    """Posts as the blocks of their messages, and what they take of the page."""

    posts: tuple[tuple[int, ...], ...]
    opening: tuple[int, ...]  # blocks before the first post that ask or tell what the posts answer
    first: int  # the first block of all posts, whole
    share: float  # of the page's text outside links
    whole: float  # the same with what opens it
    comments: bool  # they, or what they stand in, are called comments
    sure: bool  # so alike, so dated and signed that nothing else looks like this


class _Dated:
    """Which blocks are short and hold a day, a time or an age; each is looked at once, where it is asked for."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts
        self._known: dict[int, bool] = {}

    def __getitem__(self, at: int) -> bool:
        if at not in self._known:
            text = self._texts[at]
            self._known[at] = len(text) < DATED_CHARACTERS and _DATE.search(text) is not None
        return self._known[at]


def find_posts(blocks: Blocks) -> Thread | None:
    """The thread that a page holds, whatever it is to the page."""
    plain = [len(text) - linked for text, linked in zip(blocks.texts, blocks.link_characters, strict=True)]
    total = sum(plain)
    if not total:
        return None
    dated = _Dated(blocks.texts)
    best: tuple[float, float, list[int]] | None = None
    sums = [0]
    for each in plain:
        sums.append(sums[-1] + each)
    for nodes in _groups(blocks):
        covered, last = 0, -1
        for node in nodes:
            begin, end = max(blocks.begins[node], last), blocks.ends[node]
            if end > begin:
                covered += sums[end] - sums[begin]
                last = end
        share = covered / total
        if share < SHARE or (best is not None and share <= best[0]):
            continue
        marked = sum(_is_marked(blocks, node, dated) for node in nodes) / len(nodes)
        if marked < MARKED:
            continue
        alike = _alike(blocks, nodes)
        if alike < ALIKE or _are_entries(blocks, nodes, dated):
            continue
        # Two that are alike may be a page's halves.
        score = share * marked * min(alike, 1.0) ** 0.5 * (1 - 0.5 / len(nodes))
        if best is None or score > best[0] * 1.02:
            best = (score, share, nodes)
    if best is None:
        return None
    nodes = best[2]
    posts = tuple(_messages(blocks, nodes, dated))
    if sum(map(bool, posts)) < LEAST_POSTS:
        return None
    first = min(blocks.begins[node] for node in nodes)
    opening = tuple(_opening(blocks, first, dated))
    return Thread(
        posts,
        opening,
        first,
        best[1],
        min(best[1] + sum(plain[at] for at in opening) / total, 1.0),
        _are_comments(blocks, nodes),
        _are_sure(blocks, nodes, dated, [bool(post) for post in posts]),
    )


def free_of_tables(blocks: Blocks, thread: Thread) -> None:
    """Makes blocks of the tables that posts are laid out by, so that none is taken for a table of data. Changes the tree."""
    for post in thread.posts:
        for at in post:
            node = blocks.nodes[at]
            while node and blocks.elements[node].tag in ("p", "div", *_TABLE_TAGS):
                if blocks.elements[node].tag in _TABLE_TAGS:
                    blocks.elements[node].tag = "div"
                node = blocks.parents[node]


def _are_comments(blocks: Blocks, nodes: list[int]) -> bool:
    at = nodes[0]
    while at:
        if blocks.names[at] & _COMMENT:
            return True
        at = blocks.parents[at]
    return False


def _are_sure(blocks: Blocks, nodes: list[int], dated: _Dated, said: list[bool]) -> bool:
    """Whether nearly all nodes bear a day and an author, look alike, and say something."""
    if len(nodes) < SURE_POSTS or sum(said) < SURE * len(nodes) or _alike(blocks, nodes) < SURE_ALIKE:
        return False
    inside = [range(blocks.begins[node], blocks.ends[node]) for node in nodes]
    labels = Counter(
        label
        for members in inside
        for label in {_DIGITS.sub("0", blocks.texts[at]) for at in members if len(blocks.texts[at]) < _LABEL_CHARACTERS}
        if "0" in label
    )
    counted = max(labels.values(), default=0) >= SURE * len(nodes)  # "Posts: 12", "#3"
    signed = sum(
        any(dated[at] for at in members) and (counted or any(_is_users(blocks, at) for at in members))
        for members in inside
    )
    return signed >= SURE * len(nodes)


def _is_users(blocks: Blocks, at: int) -> bool:
    node = blocks.nodes[at]
    return bool((blocks.marks[at] | blocks.names[node] | blocks.names[blocks.parents[node]]) & _USER)


def _groups(blocks: Blocks) -> Iterator[list[int]]:
    """Nodes that may be posts, in the order of the page."""
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    begins, ends, parents = blocks.begins, blocks.ends, blocks.parents
    for node, signature in enumerate(blocks.signatures):
        if not node or begins[node] == ends[node]:
            continue
        tag, _, names = signature.partition(" ")
        if tag in ("p", "br", "h1", "h2", "h3", "h4", "tbody"):
            continue
        for name in set(names.split()):
            groups[(tag, _DIGITS.sub("0", name))].append(node)
        identity = blocks.identities[node]
        if identity and (numberless := _DIGITS.sub("0", identity)) != identity:
            groups[(tag, "id", numberless)].append(node)
        if tag in ("div", "li", "article", "section", "tr", "table", "dl"):
            groups[(tag, parents[node])].append(node)
    seen: set[tuple[int, ...]] = set()
    for nodes in groups.values():
        if LEAST_POSTS <= len(nodes) <= MOST_POSTS and (key := tuple(nodes)) not in seen:
            seen.add(key)
            yield nodes


def _own(blocks: Blocks, nodes: list[int]) -> list[list[int]]:
    """The blocks of each node that are in none of the group below it."""
    owner = [-1] * len(blocks.texts)
    for k, node in enumerate(nodes):
        for at in range(blocks.begins[node], blocks.ends[node]):
            owner[at] = k
    own: list[list[int]] = [[] for _ in nodes]
    for at, k in enumerate(owner):
        if k >= 0:
            own[k].append(at)
    return own


def _is_marked(blocks: Blocks, node: int, dated: _Dated) -> bool:
    """Whether a node bears a day or an author, and something else beside."""
    begin, end = blocks.begins[node], blocks.ends[node]
    return end - begin > 1 and any(
        dated[at] or (blocks.marks[at] | blocks.names[blocks.nodes[at]]) & (_USER | _META)
        for at in range(begin, min(end, begin + 40))
    )


def _are_entries(blocks: Blocks, nodes: list[int], dated: _Dated) -> bool:
    """Whether most nodes hold a line that is one long link, each another: titles of what a list leads to."""
    titles = []
    for node in nodes:
        for at in range(blocks.begins[node], min(blocks.ends[node], blocks.begins[node] + 12)):
            text = blocks.texts[at]
            if (
                not dated[at]
                and blocks.links[at] == 1
                and blocks.link_characters[at] > 0.8 * len(text)
                and weight(text) >= TITLE_CHARACTERS
            ):
                titles.append(text)
                break
    return len(set(titles)) > 0.5 * len(nodes)


def _alike(blocks: Blocks, nodes: list[int]) -> float:
    """How much of what nodes hold inside, by tag and first class, most of them hold."""
    count: Counter[str] = Counter()
    sizes = 0
    inside = [_inside(blocks, node) for node in nodes[:30]]
    for keys in inside:
        count.update(keys)
        sizes += len(keys)
    if not sizes:
        return 0.0
    common = sum(1 for number in count.values() if number >= 0.6 * len(inside))
    return common / (sizes / len(inside))


def _inside(blocks: Blocks, node: int) -> set[str]:
    """Tags and first classes of the nodes below one."""
    keys = set()
    end, parents = blocks.ends[node], blocks.parents
    for inner in range(node + 1, min(len(parents), node + 200)):
        if blocks.begins[inner] >= end or parents[inner] < node:
            break
        keys.add(_key(blocks.signatures[inner]))
    return keys


def _key(signature: str) -> str:
    parts = signature.split(maxsplit=2)
    return f"{parts[0]} {_DIGITS.sub('0', parts[1])}" if len(parts) > 1 else parts[0]


def _messages(blocks: Blocks, nodes: list[int], dated: _Dated) -> Iterator[tuple[int, ...]]:
    """The blocks of each post's message."""
    own = _own(blocks, nodes)
    seen: Counter[str] = Counter()
    for members in own:
        seen.update({_DIGITS.sub("0", blocks.texts[at]).lower() for at in members})
    often = max(3.0, 0.4 * len(nodes)) if len(nodes) > 2 else 2

    def is_boxed(at: int) -> bool:
        text, node = blocks.texts[at], blocks.nodes[at]
        around = (node, blocks.parents[node])
        if any(
            blocks.names[each] & (_USER | _SHARE) and not _QUOTE_NAMES.search(_named(blocks, each)) for each in around
        ):
            return True
        if _CLUTTER.fullmatch(text) or any(_END_NAMES.search(_named(blocks, each)) for each in around):
            return True
        if len(text) >= 60 or KEPT in blocks.marked.get(at, ""):
            return False
        if blocks.link_characters[at] == len(text) and len(text) < 20 and seen[text.lower()] >= 2:
            return True
        return seen[_DIGITS.sub("0", text).lower()] >= often or (len(text) < _LABEL_CHARACTERS and dated[at])

    boxed = {at: is_boxed(at) for members in own for at in members}
    paths = [_paths(blocks, node, members) for node, members in zip(nodes, own, strict=True)]
    gains: dict[str, float] = defaultdict(float)
    holders: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for inner in paths:
        here: set[str] = set()
        for path, number in Counter(path for _, path in inner).items():
            times[path] += number
            here.add(path)
        for node, path in inner:
            begin, end = blocks.begins[node], blocks.ends[node]
            for at in range(begin, end):
                if at in boxed:
                    linked = blocks.link_characters[at]
                    gains[path] -= BLOCK_COST
                    gains[path] += 0 if boxed[at] else weight(blocks.texts[at]) - (1 + _LINKED) * linked
        holders.update(here)
    eligible = [path for path in gains if holders[path] >= 0.6 * len(nodes) and times[path] <= 1.5 * holders[path]]
    chosen = max(eligible, key=lambda path: (round(gains[path]), -path.count(">")), default=None)
    earlier = _Earlier()
    for members, inner in zip(own, paths, strict=True):
        allowed = set(members)
        within = [
            at
            for node, path in inner
            if path == chosen
            for at in range(blocks.begins[node], blocks.ends[node])
            if at in allowed
        ] or _like(blocks, inner, chosen, allowed)
        message = tuple(at for at in _said(blocks, within, earlier) if not boxed[at])
        earlier.texts += [blocks.texts[at] for at in message]
        yield message


def _like(blocks: Blocks, inner: list[tuple[int, str]], chosen: str | None, allowed: set[int]) -> list[int]:
    """The blocks of the largest node that ends like the chosen path, where a post is framed otherwise; else all."""
    last = (chosen or "").rpartition(">")[2]
    ranges = [
        range(blocks.begins[node], blocks.ends[node]) for node, path in inner if last and path.endswith(f">{last}")
    ]
    return [at for at in max(ranges, key=len, default=sorted(allowed)) if at in allowed]


class _Earlier:
    """What posts before one say."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._asked = 0

    def hold(self, text: str) -> bool:
        """Whether they say what a quotation holds, all of it or most; of at most MOST_QUOTES quotations."""
        self._asked += 1
        if self._asked > MOST_QUOTES:
            return False
        bare = text.strip(" .…")
        return bare in " ".join(self.texts) or any(each in text for each in self.texts if len(each) >= 0.3 * len(text))


def _opening(blocks: Blocks, first: int, dated: _Dated) -> Iterator[int]:
    """What opens a thread before its first post: from the last heading on, sentences outside boxes and menus."""
    heads = [at for at in range(first) if blocks.tags[blocks.nodes[at]] & _HEADINGS]
    tops = [at for at in heads if blocks.tags[blocks.nodes[at]] & _TOP]
    begin = (tops or heads or [-1])[-1]
    least = OPENING_CHARACTERS if begin >= 0 else 2 * OPENING_CHARACTERS
    if begin >= 0:
        yield begin
    for at in range(begin + 1, first):
        text, node = blocks.texts[at], blocks.nodes[at]
        named = blocks.names[node] | blocks.names[blocks.parents[node]]
        if named & (_USER | _SHARE | _NAV) or 2 * blocks.link_characters[at] > len(text):
            continue
        if (
            weight(text) >= least
            and not (dated[at] and len(text) < 2 * _LABEL_CHARACTERS)
            and not _CLUTTER.fullmatch(text)
        ):
            yield at


def _paths(blocks: Blocks, node: int, members: list[int]) -> list[tuple[int, str]]:
    """The nodes of a post, itself first, each with how one comes to it."""
    found = [(node, "")]
    names = {node: ""}
    children: Counter[tuple[int, str]] = Counter()
    end = blocks.ends[node]
    allowed = set(members)
    for inner in range(node + 1, len(blocks.parents)):
        parent = blocks.parents[inner]
        if blocks.begins[inner] >= end or parent < node:
            break
        if parent not in names or blocks.begins[inner] not in allowed:
            continue
        key = _key(blocks.signatures[inner])
        if " " not in key:  # without a class, its place counts
            children[(parent, key)] += 1
            key += str(children[(parent, key)])
        names[inner] = f"{names[parent]}>{key}"
        found.append((inner, names[inner]))
    return found


def _said(blocks: Blocks, within: list[int], earlier: _Earlier) -> Iterator[int]:
    """What a post says itself, up to a signature."""
    for at in within:
        text, node = blocks.texts[at], blocks.nodes[at]
        around = (node, blocks.parents[node], blocks.parents[blocks.parents[node]])
        if _SIGNATURE.fullmatch(text):
            break
        if _CLUTTER.fullmatch(text) or any(_END_NAMES.search(_named(blocks, each)) for each in around[:2]):
            continue
        quoted = any(blocks.tags[each] & _QUOTED or _QUOTE_NAMES.search(_named(blocks, each)) for each in around)
        if not quoted or not (_QUOTE_HEAD.fullmatch(text) or earlier.hold(text)):
            yield at


def _named(blocks: Blocks, node: int) -> str:
    return f"{blocks.signatures[node].partition(' ')[2]} {blocks.identities[node]}"
