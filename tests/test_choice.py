"""What chooses a page's main text: its blocks, the trees that judge them, articles that follow, scripts in texts."""

import numpy as np
import pytest
import trafilatura
from hypothesis import given
from hypothesis import strategies as st
from lxml.html import HtmlElement, document_fromstring

from corpus.pages.block_features import feature_names, features_of
from corpus.pages.blocks import blocks_of, name_bits
from corpus.pages.candidates import as_found, block_model, likely, look_at, text_of
from corpus.pages.judge import choice_features, regret_features
from corpus.pages.marks import HEADINGS, plain
from corpus.pages.marks import LINE as LINE_MARK
from corpus.pages.next_article import cut_next_articles
from corpus.pages.trafilatura_text import looks_like_script, main_text, without_scripts
from corpus.pages.tree_ensemble import TreeEnsemble, load_ensemble

LINE = "The corpus is read from archives, page by page, and every page is counted once, whatever became of it."
HAN = "语料库从网页档案中逐页读取，每一页只计算一次，没有任何内容会悄悄丢失，这一点必须保证。"


def body_of(html: str) -> HtmlElement:
    return document_fromstring(html).find(".//body")


def text(html: str) -> str:
    found = main_text(html)
    return plain(found.text) if found is not None else ""


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>a <b>b</b> c<div>d</div>e", ["a b c", "d", "e"]),
        ("<div>a<br>b<br/><br>c</div>", ["a", "b", "c"]),
        ("<td>a<td>b", ["a", "b"]),
        ("<table><tr><td>a<td>b</table>", ["a", "b"]),
        ("a<script>b</script>c<style>d</style><p>e", ["ac", "e"]),
        ('a<span style="display: none">b</span>c<div style="DISPLAY:none">d</div>e', ["ac", "e"]),
        ('a<font class="jammer">b</font>c', ["ac"]),
        ("a<noscript>turn on scripts</noscript>b", ["ab"]),
        (f"a<noscript><p>{LINE}</p></noscript>", ["a", LINE]),
        ("<form>a<select><option>b</select><textarea>c</textarea></form>", ["a"]),
        ("", []),
    ],
)
def test_blocks_are_text_between_block_elements(html: str, expected: list[str]) -> None:
    assert blocks_of(body_of(f"<html><body>{html}</body></html>")).texts == expected


def test_a_block_knows_its_links_and_its_node() -> None:
    blocks = blocks_of(body_of('<body><div class="nav menu"><a href="/x">abc</a> de</div><p>f<a name="y">g</a>'))
    assert (blocks.texts, blocks.link_characters, blocks.links) == (["abc de", "fg"], [3, 0], [1, 0])
    assert [blocks.signatures[node] for node in blocks.nodes] == ["div nav menu", "p"]
    assert blocks.names[blocks.nodes[0]] == name_bits("menu")


def test_code_keeps_its_lines_and_tables_their_rows() -> None:
    code = "<pre>if x:\n\n    <b>y</b>\n</pre>"
    rows = "<table><tr><th>name<th>size<tr><td>one<td>1<tr><td>two<td>2</table>"
    items = "<ol><li>first thing<li>second thing</ol>"
    found = text(
        f"<html><body><article><h1>On code</h1>{f'<p>{LINE}</p>' * 4}{code}<p>{LINE}</p>{rows}<p>{LINE}</p>{items}<p>{LINE}</p></article></body></html>"
    )
    assert "\nif x:\n\n    y\n" in found
    assert "| name | size |\n| one | 1 |\n| two | 2 |" in found
    assert "1. first thing\n2. second thing" in found


def test_marks_are_no_part_of_what_is_judged() -> None:
    blocks = blocks_of(body_of(f"<body><p>{LINE_MARK}a b<p>{HEADINGS[1]}c</p></body>"))
    assert blocks.texts == ["a b", "c"]
    assert text_of(blocks, np.ones(2, bool)) == f"{LINE_MARK}a b\n{HEADINGS[1]}c"


@given(st.text(alphabet="<>/ab dpiv=\"'\n\u3042\ud7ff&;#x-", max_size=200))
def test_any_markup_has_features_that_are_numbers(markup: str) -> None:
    blocks = blocks_of(body_of(f"<html><body><p>a</p>{markup}</body></html>"))
    features = features_of(blocks, markup, discussion=False)
    assert features.shape == (len(blocks.texts), len(feature_names()))
    assert np.isfinite(features).all()
    node = np.array(blocks.nodes)
    assert (np.array(blocks.begins)[node] <= np.arange(len(node))).all()
    assert (np.array(blocks.ends)[node] > np.arange(len(node))).all()


@given(st.integers(0, 2**32 - 1))
def test_trees_answer_as_one_by_one(seed: int) -> None:
    generator = np.random.default_rng(seed)
    trees = TreeEnsemble(
        generator.integers(0, 5, (3, 4)).astype(np.int16),
        generator.random((3, 4)).astype(np.float32),
        generator.random((3, 16)).astype(np.float32),
        0.25,
    )
    table = generator.random((7, 5)).astype(np.float32)
    expected = []
    for row in table:
        total = 0.25
        for features, thresholds, leaves in zip(trees.features, trees.thresholds, trees.leaves, strict=True):
            total += leaves[sum(1 << n for n in range(4) if row[features[n]] > thresholds[n])]
        expected.append(total)
    assert np.allclose(trees.score(table), expected)


def test_the_model_fits_the_features() -> None:
    from corpus.pages.candidates import MODEL

    look = look_at(
        document_fromstring(f"<html><body><h1>A</h1><p>{LINE}</p><p>{LINE}</p></body></html>"), discussion=False
    )
    assert look is not None
    found = likely(look)
    widths = {
        "block": len(feature_names()),
        "choice": choice_features(look, [found, as_found(look, LINE)], None).shape[1],
        "regret": regret_features(look, found).shape[0],
    }
    for name, width in widths.items():
        assert load_ensemble(MODEL, name).features.max() < width
    assert block_model().features.shape[0] >= 50


def article(title: str, sentence: str, tag: str = "div") -> str:
    return f'<{tag} class="story"><h1>{title}</h1><div class="byline">by Ann, <time>May 3, 2019</time></div>{f"<p>{sentence} {sentence}</p>" * 4}</{tag}>'


@pytest.mark.parametrize("tag", ["div", "article", "section"])
@pytest.mark.parametrize(("first", "second"), [(LINE, LINE[::-1]), (HAN * 3, HAN[::-1] * 3)])
def test_articles_that_follow_are_cut(tag: str, first: str, second: str) -> None:
    html = f"<html><head><title>How archives are read - Daily</title></head><body><main>{article('How archives are read', first, tag)}{article('Something else altogether', second, tag)}{article('And a third one', second, tag)}</main></body></html>"
    tree = document_fromstring(html)
    assert cut_next_articles(tree) == 2
    assert first in tree.text_content()
    assert second not in tree.text_content()


@pytest.mark.parametrize(
    "html",
    [
        f"<title>News of the day</title><main>{article('One thing', LINE)}{article('Another thing', LINE)}</main>",  # a list
        f"<title>One long thing</title><main>{article('One long thing', LINE)}<div class='story'><h1>Sources</h1>{LINE}</div></main>",
        f"<title>One long thing</title><main>{article('One long thing', LINE)}</main>",
        f"<title>Part of it</title><h1>Part of it</h1><h1>Part two of it</h1><p>{LINE}</p>",
    ],
)
def test_what_belongs_to_a_page_is_not_cut(html: str) -> None:
    tree = document_fromstring(f"<html>{html}</html>")
    before = tree.text_content()
    assert cut_next_articles(tree) == 0
    assert tree.text_content() == before


@pytest.mark.parametrize(
    "line",
    [
        "var _gaq = _gaq || []; _gaq.push(['_setAccount', 'UA-1']);",
        "function show(id) { document.getElementById(id).style.display = 'block'; }",
        "(adsbygoogle = window.adsbygoogle || []).push({});",
        "$(document).ready(function(){ $('#x').hide(); });",
        ".entry-title { font-size: 14px; color: #333; }",
        "@media screen and (max-width: 600px) { .a { display: none; } }",
        "//<![CDATA[ window.x = 1; document.write('<b>'); //]]>",
    ],
)
def test_lines_of_scripts_and_styles_go_but_not_from_code(line: str) -> None:
    assert looks_like_script(line)
    assert without_scripts(f"{LINE}\n{line}\n{LINE}", "") == f"{LINE}\n{LINE}"
    assert without_scripts(f"{LINE}\n{line}", line) == f"{LINE}\n{line}"
    shown = text(
        f"<html><body><article><h1>On scripts</h1>{f'<p>{LINE}</p>' * 5}<p>{line.replace('<', '&lt;')}</p><p>{LINE}</p></article></body></html>"
    )
    assert LINE in shown
    assert line not in shown


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        HAN,
        "The function f(x) = x; it grows (slowly).",
        "Press {Ctrl} and (then) the window closes; the document is saved.",
        "See https://example.org/?a=1&b=2#window.location for the rest (in German).",
        "Let $x = \\frac{1}{2}$ and $y = \\sqrt{x}$; then (x, y) lies inside.",
        "Prices: $(12) to $(15); var. alba is dearer.",
    ],
)
def test_prose_is_no_script(line: str) -> None:
    assert not looks_like_script(line)


@pytest.mark.parametrize("tag", ["section", "span", "div", "p"])
def test_an_article_is_found_whatever_its_paragraphs_are(tag: str) -> None:
    lines = [f"第{n}段：{HAN}{HAN}" for n in range(12)]
    menu = "".join(f'<li><a href="/{n}">栏目{n}</a></li>' for n in range(20))
    paragraphs = "".join(f"<section><{tag}>{line}</{tag}></section>" for line in lines)
    found = text(
        f'<html><head><title>语料库</title></head><body><ul class="menu">{menu}</ul><div id="js_content" class="rich_media_content"><h2>语料库</h2>{paragraphs}</div><div class="footer">版权所有</div></body></html>'
    )
    assert [line for line in lines if line not in found] == []
    assert "栏目3" not in found


def test_what_is_found_is_the_same_each_time() -> None:
    html = f"<html><body><div class=menu><a href=/>Home</a></div><article><h1>On scripts</h1>{f'<p>{LINE}</p>' * 5}</article></body></html>"
    tree = trafilatura.load_html(html)
    assert tree is not None
    assert text(html) == text(html)
