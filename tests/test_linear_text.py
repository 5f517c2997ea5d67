"""A search for texts that an algorithm takes more than linear time for: families of hostile texts at n and 4n bytes.

Processor time of this process is compared, not clocks: at 4n it may be eight times that at n, and below FLOOR it is not
looked at, where what does not grow with the text hides what does. What is quadratic takes sixteen times.
"""

import functools
import html
import itertools
import time
from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest
from lxml.html import document_fromstring

from corpus.pages import (
    blocks,
    candidates,
    charset,
    lede,
    markup,
    next_article,
    opt_out,
    page_kind,
    page_metadata,
    threads,
    trafilatura_text,
)
from corpus.pages.boilerplate import remove_boilerplate
from corpus.pages.screens import too_much_markup
from corpus.text import line_rules, mojibake, normalisation
from corpus.text.ccnet_form import ccnet_form
from corpus.text.chinese_script import in_script
from corpus.urls import block_list, url_identity, url_words
from filters.copies import minhash, shared_lines
from filters.exams import search
from filters.exams.index import GramSettings, Item, Part, build_index
from filters.language.fasttext_model import FastTextModel, OwnPredict, load_model
from filters.language.identification import LanguageModel, default_model_path
from filters.parity import datatrove_signals, jieba_signals
from filters.privacy import pii
from filters.quality import signals
from filters.scorers import word_lists
from filters.scorers.classifier import words_of
from filters.scorers.perplexity import lines_of, stretches_of

#: Bytes of the smaller text, and how many times that the larger has; ratio of times that is let pass; seconds.
SIZE, TIMES, MOST_RATIO, FLOOR = 1 << 14, 4, 8.0, 0.12

#: What hostile texts repeat: letters, marks, separators, and what rules and patterns look for.
PIECES = (
    "a", "1", " ", "\n", "\t", "-", ".", ",", ":", "/", "@", "#", "_", "%", "&", "<", ">", "(", "[", "{", '"', "'", "=", "?", "\\",
    "\u0301", "e\u0301", "a\u0323\u0301", "\u0300\u0316", "\u0f71\u0f72", "\u0f73", "\u302e\U00016ff0", "\u0344", "\u1100\u1161", "\u00e9", "\u4e2d", "\uff21", "\uff0e", "\u3000", "\u00a0",
    "\u200b", "\u200d", "\u200c", "\u202f", "\u00ad", "\U0001f469\u200d", "\u0e01\u0e49", "\ud55c", "\u0e40", "\u3042", "\u30a2", "\u3002",
    "\u2019", "\u2026", "\u2022", "\ufffd", "\u0000", "\u00c3\u00a9", "\u00c3", "\u00e2\u20ac\u2122", "\u00c3\u0192\u00c2", "\u00e4\u00b8", "\u0102", "\u00d0",
    "a ", "1 ", "a\n", "1\n", " \n", "\n\n", "a.", "a-", "a@", "a@b.", "@a", "1.", "1-", "1.1.", "1:", "::", "f:", "+1", "+1 (", "(1) ",
    "x@y.org ", "1.2.3.4 ", "0:0:", "http://", "http://a/", "www.", "/a", "?a=", "&a=", "%41", "%", "xn--", "a_b-", "Tel: 1", "\u7535\u8bdd\uff1a1",
    "&amp;", "&#", "&#x41;", "<a", "<a ", "<a>", "<p>", "</p>", "<!--", "-->", "<meta ", "<meta name=robots content=", "<a href=x>", "<td>", "<!", "<?",
    "<div>a", "<script>", "<script", "<span class='a'>", "the ", "and the ", "of a word. ", "\u7684", "javascript ", "lorem ipsum ", "[1]", "[edit] ",
    "4111 1111 1111 1111 ", "110101199003078888", "a'", "can't ", "U.S.", "e.g. ", "Mr. ", "3.14", "$1", "...", "!?", "--", "1/2/2000 ",
)  # fmt: skip


def texts(length: int) -> Iterator[tuple[str, str]]:
    """(name, text) of so many characters: each piece again and again, behind others, before others, and words that are all new."""
    for piece in PIECES:
        run = (piece * (length // len(piece) + 1))[:length]
        yield f"{piece!r}", run
        yield f"a and {piece!r}", "a" + run + "@"
    halves = ("a", "1", ".", " ", "\n", "@", "\u0301", "<")
    for first, second in itertools.permutations(halves, 2):
        yield f"{first!r} then {second!r}", first * (length // 2) + second * (length // 2)
    numbered = "".join(f"w{number:x} " for number in range(length // 4))[:length]
    yield "other words", numbered
    yield "other lines", numbered.replace(" ", "\n")
    yield "other numbers", "".join(f"{number} " for number in range(length // 3))[:length]
    yield "other characters", "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(length))
    yield "all marks", "".join(chr(0x300 + number * 37 % 0x70) for number in range(length))
    yield "lines that grow", "\n".join("a b " * number for number in range(1, 400))[:length]
    yield "opened", "".join(f"<t{number % 99} a{number}='" for number in range(length // 8))[:length]
    yield "attributes", "<a " + "".join(f"b{number}=c " for number in range(length // 6))[:length]


NORMALISATION = normalisation.Normalisation(collapse_spaces=True, half_width="all")
WORDS = url_words.UrlWords(
    frozenset().union(
        *(url_words.entries_of(line) for line in ("sex", "hot girls", "pornstar", "(abc|abd)efgh", "\u8272\u60c5"))
    )
)
BLOCKED = block_list.BlockList.of([b"a.org"], [b"b.org/x"])
RULES = line_rules.LineRules(**dict.fromkeys(line_rules.LineRules.__dataclass_fields__, True))
OPT_OUTS = opt_out.OptOuts(frozenset({"noai", "noindex", opt_out.TDM}), frozenset({"bot"}))
ENTRIES = word_lists.entries_of([("a b c", ""), ("the", ""), ("\u4e2d\u4e2d", ""), ("a", ""), ("1 1 1", "")])
ALWAYS = (
    "a a a a a a a a a a a a a a a a",
    "1 " * 20,
    "\u4e2d" * 40,
    "the and the of a word the and the of a word the and the",
)
INDEX = build_index(
    [Item("exam", str(number), {Part.QUESTION: (text,)}) for number, text in enumerate(ALWAYS)], GramSettings()
)


def column(text: str) -> pa.Array:
    return pa.array([text.encode("utf-8", "replace").decode()], pa.large_string())


def as_page(text: str) -> str:
    return f"<html><head><title>{text[:99]}</title></head><body><p>{text}</p></body></html>"


def parsed(use: Callable[..., object]) -> Callable[[str], object]:
    return lambda text: use(
        document_fromstring("<html><body><p>" + html.escape(text.replace("\0", "")) + "</p></body></html>")
    )


def board(text: str) -> str:
    """A thread with a post for each word, quoted in the next."""
    plain = html.escape(text.replace("\0", ""))
    words = [plain[at : at + 512] for at in range(0, len(plain), 512)]
    return "<html><body>" + "".join(
        f"<div class=post><b class=user>u</b> 10:00<blockquote>{before}</blockquote><p>{word}</p></div>"
        for before, word in itertools.pairwise(words)
    )


ALGORITHMS: dict[str, Callable[[str], object]] = {
    "normalise": lambda text: normalisation.normalise(text, NORMALISATION),
    "normal_line": lambda text: normalisation.normal_line(text, at_most=200),
    "mojibake": mojibake.repair,
    "line rules": lambda text: line_rules.edit_lines(text, RULES),
    "ccnet form": lambda text: ccnet_form(text[: 1 << 20]),
    "stretches": lambda text: [each for line in lines_of(text, "ccnet-lines") for each in stretches_of(line)],
    "chinese": lambda text: in_script(text, "simplified"),
    "charset": lambda text: charset.decode_page(text.encode("utf-16-le" if text[:1] == "\0" else "utf-8", "replace")),
    "charset, no UTF-8": lambda text: charset.decode_page(b"\xff\x81" + text.encode("latin-1", "replace")),
    "charset, Japanese": lambda text: charset.decode_page(b"\x1b$B" + text.encode("ascii", "replace")),
    "count tags": lambda text: too_much_markup(text, max_nodes=1 << 30, max_depth=1 << 20),
    "text of markup": lambda text: markup.text_of_markup(text.encode("utf-8", "replace")),
    "opt-outs": lambda text: OPT_OUTS.asked([("x-robots-tag", text), ("tdm-reservation", text)], text),
    "URL words": WORDS.found_in,
    "URL words, a path": lambda text: WORDS.found_in("http://a.org/" + text),
    "URL identity": lambda text: url_identity.url_hash("http://a.org/" + text),
    "URL identity, a query": lambda text: url_identity.url_hash("http://a.org/?" + text),
    "URL identity, a host": lambda text: url_identity.url_hash("http://" + text),
    "block list": lambda text: BLOCKED.blocks("http://" + text),
    "site": lambda text: url_identity.site_hash("http://" + text),
    "one line": page_metadata.one_line,
    "day": page_metadata.day_of,
    "words of a classifier": words_of,
    "signals": lambda text: signals.measure(column(text), ["en"]),
    "datatrove": lambda text: datatrove_signals.measure(column(text)),
    "jieba": lambda text: jieba_signals.measure(column(text), ["zh"]),
    "signature": lambda text: minhash.signatures(column(text)),
    "personal data": lambda text: pii.measure(column(text)),
    "word list": lambda text: word_lists.count_listed(column(text), ENTRIES),
    "evaluation items": lambda text: search.find_items(column(text), INDEX),
    "lines": lambda text: shared_lines.measure_lines(column(text), 1),
    "language": lambda text: LanguageModel(default_model_path()).identify([text]),
    "a line of fastText": lambda text: load_model_once().predict([text.replace("\n", " ")], k=1),
    "boilerplate": parsed(remove_boilerplate),
    "kind of page": parsed(page_kind.kind_of),
    "blocks": parsed(lambda tree: candidates.look_at(tree, discussion=False)),
    "posts": lambda text: threads.find_posts(blocks.blocks_of(document_fromstring(board(text)))),
    "next articles": parsed(next_article.cut_next_articles),
    "lines of scripts": lambda text: trafilatura_text.without_scripts(text, ""),
    "visible text": parsed(lede.visible_text),
    "lede": lambda text: lede.find_lede(
        document_fromstring("<p>" + html.escape(text.replace("\0", "")) + "</p>"), text
    ),
    "metadata": parsed(lambda tree: page_metadata.page_metadata(page_metadata.TreeElements(tree))),
}


@functools.cache
def load_model_once() -> FastTextModel | OwnPredict:
    return load_model(default_model_path())


def seconds(call: Callable[[str], object], text: str) -> float:
    begin = time.process_time()
    call(text)
    return time.process_time() - begin


@pytest.mark.parametrize("name", ALGORITHMS)
def test_time_grows_with_the_text_and_no_faster(name: str) -> None:
    if name == "jieba":
        pytest.importorskip("jieba", reason="jieba is not installed: its words are an extra")
    call = ALGORITHMS[name]
    call("The warm-up: a@b.org, 1.2.3.4. \u4e2d\u6587 <p>")
    worst = []
    for (family, small), (_, large) in zip(texts(SIZE), texts(TIMES * SIZE), strict=True):
        long = seconds(call, large)
        if long > FLOOR:
            # The least of several: another process on the core makes a run longer, never shorter.
            short = min(seconds(call, small) for _ in range(3))
            long = min(long, seconds(call, large))
            if long > FLOOR and long > MOST_RATIO * short:
                worst.append(f"{family}: {short:.3f} s at {SIZE}, {long:.3f} s at {TIMES * SIZE} characters")
    assert not worst, f"{name}: " + "; ".join(worst)
