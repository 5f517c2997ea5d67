"""What a model needs is kept: code, formulas, tables, lists, headings, ruby, through either extractor, in either form.

Each kind has an input of its own and variations as other engines write it; what must come out stands beside it.
"""

import json
from pathlib import Path

import pytest

from corpus.pages.marks import Form, plain, render
from corpus.pages.page_text import PageWork, clean_marked
from corpus.pages.resiliparse_text import main_content
from corpus.pages.trafilatura_text import main_text, main_text_with_links

ENGLISH = "The harbour was built when the town still lived on herring, and its walls have been mended every ten years. "
CHINESE = "这座港口建成的时候，镇上的人还靠捕鱼为生，港口的石墙每隔十年就要重新修补一次，费用由各家分担。"


def page(block: str, text: str = ENGLISH, count: int = 4) -> str:
    paragraphs = "".join(f"<p>Part {number}. {text}</p>" for number in range(count))
    return f"<html><head><title>Harbour</title></head><body><article><h1>The harbour</h1>{paragraphs}{block}<p>End. {text}</p></article></body></html>"


def texts_of(html: str, form: Form | None = None) -> list[str]:
    """What each extractor makes of a page."""
    work = PageWork(form=form or Form())
    found = [extract(html) for extract in (main_text, main_content)]
    return [clean_marked(each.text, work) if each is not None else "" for each in found]


def block_of(html: str, form: Form | None = None) -> list[str]:
    """What stands between the last two paragraphs, with each extractor."""
    found = []
    for text in texts_of(html, form):
        lines = text.split("\n")
        begin = max(n for n, line in enumerate(lines) if line.startswith("Part 3. "))
        end = next(n for n, line in enumerate(lines) if line.startswith("End. "))
        found.append("\n".join(lines[begin + 1 : end]).strip("\n"))
    return found


CODE = "def tide(hour):\n    if hour < 6:\n        return low\n\n\n    return high"
LINES = CODE.split("\n")


def escaped(line: str) -> str:
    return line.replace("<", "&lt;")


def nbsp(line: str) -> str:
    body = line.lstrip(" ")
    return "&nbsp;" * (len(line) - len(body)) + escaped(body)


NUMBERS = "".join(f"<span>{n}</span>\n" for n in range(1, 7))
CODE_FORMS = {
    "pre": f"<pre>{escaped(CODE)}</pre>",
    "pre and code": f'<pre><code class="language-python">{escaped(CODE)}\n</code></pre>',
    "Sphinx": f'<div class="highlight-default notranslate"><div class="highlight"><pre><span></span>{escaped(CODE)}\n</pre></div></div>',
    "spans": "<pre>" + "\n".join(f'<span class="k">{escaped(line)}</span>' for line in LINES) + "</pre>",
    "breaks in pre": "<pre>" + "<br>".join(map(escaped, LINES)) + "</pre>",
    "breaks and line ends in pre": "<pre>" + "<br />\n".join(map(escaped, LINES)) + "</pre>",
    "Hexo": '<figure class="highlight python"><table><tr><td class="gutter"><pre>'
    + "".join(f'<span class="line">{n}</span><br>' for n in range(1, 7))
    + '</pre></td><td class="code"><pre>'
    + "".join(f'<span class="line">{escaped(line)}</span><br>' for line in LINES)
    + "</pre></td></tr></table></figure>",
    "Rouge": f'<div class="highlight"><table class="rouge-table"><tbody><tr><td class="rouge-gutter gl"><pre class="lineno">1\n2\n3\n4\n5\n6\n</pre></td><td class="rouge-code"><pre>{escaped(CODE)}\n</pre></td></tr></tbody></table></div>',
    "Chroma": f'<div class="highlight"><table class="lntable"><tr><td class="lntd"><pre class="chroma"><code>{NUMBERS}</code></pre></td><td class="lntd"><pre class="chroma"><code class="language-python">{escaped(CODE)}</code></pre></td></tr></table></div>',
    "Pygments": f'<table class="highlighttable"><tr><td class="linenos"><div class="linenodiv"><pre>1\n2\n3\n4\n5\n6</pre></div></td><td class="code"><div class="highlight"><pre>{escaped(CODE)}</pre></div></td></tr></table>',
    "a row a line": '<table class="highlight js-file-line-container">'
    + "".join(
        f'<tr><td class="blob-num" data-line-number="{n}"></td><td class="blob-code">{escaped(line)}</td></tr>'
        for n, line in enumerate(LINES, 1)
    )
    + "</table>",
    "highlight.js numbers": '<pre><code class="hljs"><table class="hljs-ln"><tbody>'
    + "".join(
        f'<tr><td class="hljs-ln-numbers"><div class="hljs-ln-n" data-line-number="{n}"></div></td><td class="hljs-ln-code">{escaped(line)}</td></tr>'
        for n, line in enumerate(LINES, 1)
    )
    + "</tbody></table></code></pre>",
    "CSDN": '<pre class="prettyprint"><code class="has-numbering"><ol class="hljs-ln">'
    + "".join(
        f'<li><div class="hljs-ln-numbers"><div class="hljs-ln-line hljs-ln-n" data-line-number="{n}"></div></div><div class="hljs-ln-code"><div class="hljs-ln-line">{escaped(line)}</div></div></li>'
        for n, line in enumerate(LINES, 1)
    )
    + "</ol></code></pre>",
    "numbers after it": f'<pre><code>{escaped(CODE)}</code><ul class="pre-numbering">'
    + "".join(f"<li>{n}</li>" for n in range(1, 7))
    + "</ul></pre>",
    "coloured numbers": '<div class="cnblogs_code"><pre>'
    + "\n".join(f'<span style="color: #008080">{n}</span> {escaped(line)}' for n, line in enumerate(LINES, 1))
    + "</pre></div>",
    "SyntaxHighlighter": '<div class="syntaxhighlighter python"><table><tbody><tr><td class="gutter">'
    + "".join(f'<div class="line number{n}">{n}</div>' for n in range(1, 7))
    + '</td><td class="code"><div class="container">'
    + "".join(
        f'<div class="line number{n}"><code class="python plain">{nbsp(line) or "&nbsp;"}</code></div>'
        for n, line in enumerate(LINES, 1)
    )
    + "</div></td></tr></tbody></table></div>",
    "dp.SyntaxHighlighter": '<div class="dp-highlighter"><div class="bar"><div class="tools"><a>view plain</a></div></div><ol class="dp-py">'
    + "".join(f"<li><span>{nbsp(line)}</span></li>" for line in LINES)
    + "</ol></div>",
    "Discuz": '<div class="blockcode"><div><ol>'
    + "".join(f"<li>{nbsp(line)}<br></li>" for line in LINES)
    + '</ol></div><em onclick="copycode()">复制代码</em></div>',
    "forum box": '<div class="codebox"><div class="body"><code>' + "<br>".join(map(nbsp, LINES)) + "</code></div></div>",
    "monospaced": '<div style="font-family: Consolas, monospace">' + "<br>\n".join(map(nbsp, LINES)) + "</div>",
    "blocks": '<div style="font-family: Menlo, Monaco">'
    + "".join(f"<div>{nbsp(line) or '<br>'}</div>" for line in LINES)
    + "</div>",
    "CodeMirror": '<div class="CodeMirror-code">'
    + "".join(
        f'<div><div class="CodeMirror-gutter-wrapper"><div class="CodeMirror-linenumber">{n}</div></div><pre class="CodeMirror-line"><span>{escaped(line)}</span></pre></div>'
        for n, line in enumerate(LINES, 1)
    )
    + "</div>",
    "Monaco": '<div class="view-lines">'
    + "".join(f'<div class="view-line"><span>{nbsp(line)}</span></div>' for line in LINES)
    + "</div>",
    "WeChat": '<section class="code-snippet__fix"><ul class="code-snippet__line-index">'
    + "<li></li>" * 6
    + '</ul><pre class="code-snippet__js">'
    + "".join(f'<code><span class="code-snippet_outer">{escaped(line)}</span></code>' for line in LINES)
    + "</pre></section>",
    "Shiki without line ends": '<pre class="shiki"><code>'
    + "".join(f'<span class="line">{escaped(line)}</span>' for line in LINES)
    + "</code></pre>",
    "Shiki": '<pre class="shiki"><code>'
    + "\n".join(f'<span class="line">{escaped(line)}</span>' for line in LINES)
    + "</code></pre>",
    "Prism in React": '<pre class="prism-code"><code>'
    + "".join(f'<span class="token-line">{escaped(line)}<br></span>' for line in LINES)
    + "</code></pre>",
    "copy button": f'<div class="code-toolbar"><pre>{escaped(CODE)}<button>Copy</button></pre></div>',
    "one cell": f"<table><tr><td><pre>{escaped(CODE)}</pre></td></tr></table>",
    "textarea": f'<textarea class="python" name="code" rows="9">{escaped(CODE)}</textarea>',
    "script": f'<script type="syntaxhighlighter" class="brush: python"><![CDATA[{CODE}]]></script>',
    "doxygen": '<div class="fragment">'
    + "".join(f'<div class="line"><span class="lineno">    {n}</span> {escaped(line)}</div>' for n, line in enumerate(LINES, 1))
    + "</div>",
}  # fmt: skip


@pytest.mark.parametrize("text", [ENGLISH, CHINESE * 8], ids=["English", "long Chinese"])
@pytest.mark.parametrize("form", CODE_FORMS)
def test_code_keeps_its_lines(form: str, text: str) -> None:
    for found in block_of(page(CODE_FORMS[form], text)):
        lines = [line.rstrip() for line in found.split("\n")]
        if form == "doxygen":  # a space between number and line is the generator's
            lines = [line.removeprefix(" ") for line in lines]
        assert lines == LINES, found


@pytest.mark.parametrize("form", ["pre and code", "Hexo", "Chroma"])
def test_markdown_fences_name_the_language(form: str) -> None:
    for found in block_of(page(CODE_FORMS[form]), Form("markdown")):
        assert found == f"```python\n{CODE}\n```"


def test_a_fence_is_longer_than_any_in_the_code() -> None:
    assert block_of(page("<pre>a\n```\nb</pre>"), Form("markdown"))[0] == "````\na\n```\nb\n````"


@pytest.mark.parametrize(
    "box",
    [
        '<div class="highlight"><p>Boats leave at noon, and come back before the light on the pier is lit.</p><p>Tickets are sold aboard.</p></div>',
        '<div class="code">Line one of a poem that we like<br>and line two of the poem,<br>and a third without an end</div>',
        '<div style="font-family: Courier New">Dear reader, this is an old page in an old font.<br>It is still prose.<br>So it stays.</div>',
    ],
)
def test_prose_in_a_box_stays_prose(box: str) -> None:
    for piece in render(main_text(page(box)).text):  # type: ignore[union-attr]
        assert not piece.is_code


MATH = "<mrow><msup><mi>F</mi><mn>2</mn></msup><mo>=</mo><mfrac><mi>a</mi><mi>b</mi></mfrac></mrow>"
TEX = r"F^{2}=\frac{a}{b}"
ANNOTATED = f'<semantics>{MATH}<annotation encoding="application/x-tex">{TEX}</annotation></semantics>'
FORMULAS = {
    "MathML": f"<math>{MATH}</math>",
    "annotation": f"<math>{ANNOTATED}</math>",
    "prefix": f"<mml:math>{MATH}</mml:math>",
    "LaTeXML": f'<math alttext="{TEX}" class="ltx_Math" display="inline">{MATH}</math>',
    "MediaWiki": f'<span class="mwe-math-element"><span class="mwe-math-mathml-inline" style="display: none;"><math alttext="{{\\displaystyle {TEX}}}">{ANNOTATED}</math></span><img src="x.svg" class="mwe-math-fallback-image-inline" alt="{{\\displaystyle {TEX}}}"></span>',
    "MediaWiki's image": f'<img class="mwe-math-fallback-image-inline" src="x.svg" alt="{{\\displaystyle {TEX}}}">',
    "KaTeX": f'<span class="katex"><span class="katex-mathml"><math>{ANNOTATED}</math></span><span class="katex-html" aria-hidden="true"><span class="base">F2=ba</span></span></span>',
    "MathJax 2": f'<span class="MathJax_Preview">F2</span><span class="MathJax" id="E-1-Frame"><nobr>F2=ab</nobr></span><script type="math/tex" id="E-1">{TEX}</script>',
    "MathJax 2 before it ran": f'<script type="math/tex">{TEX}</script>',
    "MathJax 3": f'<mjx-container class="MathJax" jax="CHTML"><mjx-math aria-hidden="true"><mjx-mi><mjx-c class="mjx-c46"></mjx-c></mjx-mi></mjx-math><mjx-assistive-mml><math>{MATH}</math></mjx-assistive-mml></mjx-container>',
    "MathJax 3 in SVG": '<mjx-container jax="SVG"><svg><g data-mml-node="math"><g data-mml-node="msup"><g data-mml-node="mi"><use data-c="1D439"></use></g><g data-mml-node="mn"><use data-c="32"></use></g></g><g data-mml-node="mo"><use data-c="3D"></use></g><g data-mml-node="mfrac"><g data-mml-node="mi"><use data-c="1D44E"></use></g><g data-mml-node="mi"><use data-c="1D44F"></use></g></g></g></svg></mjx-container>',
    "Zhihu's image": f'<img src="https://site.example/equation?tex=F" alt="{TEX}" eeimg="1">',
    "data attribute": f'<span class="ztext-math" data-eeimg="1" data-tex="{TEX}"></span>',
    "drawn by a service": f'<img src="https://draw.example/gif.latex?F" title="{TEX}">',
    "in the address": '<img src="https://draw.example/latex.php?latex=F%5E%7B2%7D%3D%5Cfrac%7Ba%7D%7Bb%7D&amp;bg=ffffff" class="latex">',
    "WordPress": f'<img class="latex" src="x.png" alt="{TEX}" title="{TEX}">',
    "Sphinx": f'<img class="math" src="_images/math/1.png" alt="{TEX}">',
    "doxygen": f'<img class="formulaInl" alt="${TEX}$" src="form_0.png">',
    "pandoc": f'<span class="math inline">\\({TEX}\\)</span>',
    "Distill": f"<d-math>{TEX}</d-math>",
}  # fmt: skip


@pytest.mark.parametrize("text", [ENGLISH, CHINESE * 8], ids=["English", "long Chinese"])
@pytest.mark.parametrize("form", FORMULAS)
def test_a_formula_stands_in_its_sentence(form: str, text: str) -> None:
    for found in block_of(page(f"<p>So {FORMULAS[form]} holds at every tide.</p>", text)):
        assert found == f"So ${TEX}$ holds at every tide."


@pytest.mark.parametrize(
    "formula",
    [
        f'<script type="math/tex; mode=display">{TEX}</script>',
        f'<span class="katex-display"><span class="katex"><span class="katex-mathml"><math display="block">{ANNOTATED}</math></span></span></span>',
        f'<math display="block" alttext="{TEX}">{MATH}</math>',
        f'<mjx-container display="true"><mjx-math></mjx-math><mjx-assistive-mml><math>{MATH}</math></mjx-assistive-mml></mjx-container>',
        f'<span class="math display">\\[{TEX}\\]</span>',
        f'<img class="formulaDsp" alt="\\[ {TEX} \\]" src="form_1.png">',
    ],
)
def test_a_displayed_formula_has_a_line_of_its_own(formula: str) -> None:
    for found in block_of(page(f"<p>So we have {formula}, which holds at every tide.</p>")):
        assert [line.strip() for line in found.split("\n")] == [
            "So we have",
            f"$${TEX}$$,",
            "which holds at every tide.",
        ]


@pytest.mark.parametrize(
    ("mathml", "tex"),
    [
        ("<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><msub><mi>x</mi><mi>i</mi></msub>", r"\sum_{i=1}^{n}x_{i}"),
        ("<msqrt><mi>α</mi><mo>+</mo><mn>1</mn></msqrt><mo>≤</mo><mroot><mi>x</mi><mn>3</mn></mroot>", r"\sqrt{\alpha+1}\leq\sqrt[3]{x}"),
        ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", r"\left(a,b\right)"),
        ("<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>0</mn></mtd></mtr><mtr><mtd><mn>0</mn></mtd><mtd><mn>1</mn></mtd></mtr></mtable>", r"\begin{matrix}1 & 0 \\ 0 & 1\end{matrix}"),
        ("<mover><mi>x</mi><mo>¯</mo></mover><mo>=</mo><mi>sin</mi><mi>θ</mi>", r"\bar{x}=\sin\theta"),
        ("<mtext>if </mtext><mi>x</mi><mo>∈</mo><mi>ℝ</mi>", r"\text{if }x\in\mathbb{R}"),
        ("<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup><msup><mi>f</mi><mo>′</mo></msup>", r"x_{i}^{2}f'"),
    ],
)  # fmt: skip
def test_mathml_without_tex_is_read(mathml: str, tex: str) -> None:
    assert block_of(page(f"<p>So <math>{mathml}</math> holds.</p>"))[0] == f"So ${tex}$ holds."


@pytest.mark.parametrize(
    "image",
    ['<img src="boat.jpg" alt="A boat = a house">', '<img class="photo" src="a.jpg" alt="C:\\Users\\left">', '<img src="x.png" class="equation" alt="image">'],
)  # fmt: skip
def test_a_picture_is_no_formula(image: str) -> None:
    assert "$" not in block_of(page(f"<p>So {image} it was.</p>"))[0]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("H<sub>2</sub>O and CO<sub>2</sub>", "H_2O and CO_2"),
        ("x<sup>2</sup> + 10<sup>-3</sup> m<sup>3</sup>", "x^2 + 10^-3 m^3"),
        ("<i>x</i><sup><i>n</i>+1</sup>, a<sub>ij</sub>", "x^{n+1}, a_{ij}"),
        ("<i>e</i><sup>x</sup>", "e^x"),
        ("the 1<sup>st</sup>, 2<sup>nd</sup>, XX<sup>e</sup>, M<sup>me</sup> Roy, n<sup>o</sup> 5", "the 1st, 2nd, XXe, Mme Roy, no 5"),
        ('as told<sup><a href="#n1">[1]</a></sup>, Gull<sup>®</sup> and Tern<sup>TM</sup>', "as told[1], Gull® and TernTM"),
    ],
)  # fmt: skip
def test_raised_and_lowered_text_is_told_from_its_line(markup: str, text: str) -> None:
    for found in block_of(page(f"<p>We write {markup} in this place.</p>")):
        assert found == f"We write {text} in this place."


@pytest.mark.parametrize(
    ("ruby", "base", "reading"),
    [
        ("<ruby>仇<rp>(</rp><rt>qiú</rt><rp>)</rp></ruby>", "仇", "仇(qiú)"),
        ("<ruby>大<rt>おお</rt>阪<rt>さか</rt></ruby>", "大阪", "大阪(おおさか)"),
        ("<ruby><rb>東京</rb><rt>とうきょう</rt></ruby>", "東京", "東京(とうきょう)"),
        (
            "<ruby>漢<rp>（</rp><rt>かん</rt><rp>）</rp>字<rp>（</rp><rt>じ</rt><rp>）</rp></ruby>",
            "漢字",
            "漢字(かんじ)",
        ),
    ],
)
def test_ruby_is_its_base_text(ruby: str, base: str, reading: str) -> None:
    html = page(f"<p>他住在{ruby}城里。</p>", CHINESE)
    assert block_of(html) == [f"他住在{base}城里。"] * 2
    assert block_of(html, Form(ruby=True)) == [f"他住在{reading}城里。"] * 2


ITEMS = ("Wash the pan first.", "Then add oil and salt.", "Fill it with water.")


@pytest.mark.parametrize(
    ("start", "item", "numbers"),
    [
        ("<ol>", "<li>{}</li>", ("1.", "2.", "3.")),
        ('<ol start="4">', "<li>{}</li>", ("4.", "5.", "6.")),
        ("<ol reversed>", "<li>{}</li>", ("3.", "2.", "1.")),
        ('<ol type="a">', "<li><p>{}</p></li>", ("a.", "b.", "c.")),
        ('<ol type="I">', "<li><b>{}</b></li>", ("I.", "II.", "III.")),
        ("<ol>", '<li value="7">{}</li>', ("7.", "7.", "7.")),
        ("<ul>", "<li>{}</li>", ("-", "-", "-")),
    ],
)
def test_items_have_their_numbers(start: str, item: str, numbers: tuple[str, ...]) -> None:
    block = start + "".join(item.format(text) for text in ITEMS) + f"</{start[1:3]}>"
    # resiliparse takes any list without numbers for a menu.
    for found in block_of(page(block))[: 1 if start == "<ul>" else 2]:
        assert found.split("\n") == [f"{number} {text}" for number, text in zip(numbers, ITEMS, strict=True)]


def test_lists_in_lists_are_indented() -> None:
    block = "<ol><li>Boats<ul><li>Cutters</li><li>Smacks</li></ul></li><li>Nets<ol><li>Drift</li></ol></li></ol>"
    for found in block_of(page(block)):
        assert found == "1. Boats\n  - Cutters\n  - Smacks\n2. Nets\n  1. Drift"


@pytest.mark.parametrize(
    "block",
    [
        "<dl><dt>Ebb</dt><dd>The tide goes out.</dd><dt>Flood</dt><dd>The tide comes in.</dd></dl>",
        "<dl><dt><b>Ebb</b></dt><dd><p>The tide goes out.</p></dd><dt>Flood</dt><dd>The tide comes in.</dd></dl>",
        "<dl><div><dt>Ebb</dt><dd>The tide goes out.</dd></div><div><dt>Flood</dt><dd>The tide comes in.</dd></div></dl>",
    ],
)
def test_a_term_is_told_from_its_definition(block: str) -> None:
    for found in block_of(page(block)):
        assert found == "Ebb\n: The tide goes out.\nFlood\n: The tide comes in."


ROWS = "| Port | Boats |\n| Eyemouth | 31 |\n| St Abbs | 7 |"
TABLES = {
    "plain": "<table><tr><td>Port</td><td>Boats</td></tr><tr><td>Eyemouth</td><td>31</td></tr><tr><td>St Abbs</td><td>7</td></tr></table>",
    "head": "<table><thead><tr><th>Port</th><th>Boats</th></tr></thead><tbody><tr><td>Eyemouth</td><td>31</td></tr><tr><td>St Abbs</td><td>7</td></tr></tbody></table>",
    "paragraphs": "<table border=1><tr><th><p>Port</p></th><th><p>Boats</p></th></tr><tr><td><p>Eyemouth</p></td><td><p>31</p></td></tr><tr><td><p>St<br>Abbs</p></td><td><p>7</p></td></tr></table>",
    "inline code": "<table><tr><th>Port</th><th>Boats</th></tr><tr><td><code>Eyemouth</code></td><td><b>31</b></td></tr><tr><td>St Abbs</td><td>7</td></tr></table>",
}


@pytest.mark.parametrize("text", [ENGLISH, CHINESE * 8], ids=["English", "long Chinese"])
@pytest.mark.parametrize("form", TABLES)
def test_data_keeps_its_rows(form: str, text: str) -> None:
    assert block_of(page(TABLES[form], text)) == [ROWS] * 2


def test_spans_leave_cells_empty() -> None:
    table = '<table><tr><th>Port</th><th colspan="2">Boats</th></tr><tr><td rowspan="2">Eyemouth</td><td>old</td><td>31</td></tr><tr><td>new</td><td>7</td></tr></table>'
    assert block_of(page(table)) == ["| Port | Boats |  |\n| Eyemouth | old | 31 |\n|  | new | 7 |"] * 2


def test_markdown_has_a_rule_below_the_head_and_no_bare_bar() -> None:
    table = "<table><tr><th>Port</th><th>Sign</th></tr><tr><td>Eyemouth</td><td>a|b</td></tr></table>"
    assert block_of(page(table), Form("markdown"))[0] == "| Port | Sign |\n| --- | --- |\n| Eyemouth | a\\|b |"


STORY = [f"第{n}段。{CHINESE}" for n in "一二三四五六七八"]


@pytest.mark.parametrize(
    "table",
    [
        f'<table width="760"><tr><td><a href="/">首页</a><br><a href="/b">新闻</a></td><td><font size="3">　　{"<br>　　".join(STORY)}</font></td></tr></table>',
        f'<table><tr><td width="160"><a href="/">首页</a></td><td>{"".join(f"<p>　　{line}</p>" for line in STORY)}</td></tr></table>',
        f'<table><tr><td><table><tr><td><a href="/">首页</a></td></tr></table></td><td><table><tr><td>{"<br><br>".join(STORY)}</td></tr></table></td></tr></table>',
        f'<table role="presentation"><tr><td>{"</td></tr><tr><td>".join(STORY)}</td></tr></table>',
    ],
)
def test_a_page_laid_out_by_a_table_is_its_lines(table: str) -> None:
    found = main_text(f"<html><head><title>页</title></head><body>{table}</body></html>")
    assert found is not None
    lines = [line.strip() for line in plain(found.text).split("\n") if line.strip()]
    assert [line for line in lines if line not in ("首页", "新闻")] == STORY
    assert "|" not in found.text


def test_nested_tables_keep_their_place() -> None:
    table = "<table><tr><td>前面的一格</td><td><table><tr><td>里一</td><td>里二</td></tr></table></td></tr><tr><td>后面一格</td><td>最后一格</td></tr></table>"
    assert block_of(page(table, CHINESE))[0] == "前面的一格\n| 里一 | 里二 |\n后面一格\n最后一格"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("船从码头\n出发。", "船从码头出发。"),
        ("船从码头\n    <b>出发</b>，\n不再回来。", "船从码头出发，不再回来。"),
        ("船从<b>码头\n</b>出发。", "船从码头出发。"),
        ("船在 <a href='/x'>三号\n码头</a>\n等候。", "船在 三号码头等候。"),
        ("船は港を\n出て、\nカモメが鳴く。", "船は港を出て、カモメが鳴く。"),
        ("他说：\n“ABC\nport 是港口。”", "他说：“ABC port 是港口。”"),
        ("배는 항구를\n떠났다.", "배는 항구를 떠났다."),
    ],
)
def test_line_ends_of_the_source_are_no_spaces_between_wide_characters(source: str, text: str) -> None:
    for found in block_of(page(f"<p>{source}</p>", CHINESE)):
        assert found == text


def test_a_short_page_keeps_its_lines() -> None:
    html = "<html><head><title>页</title></head><body><article><h1>标题</h1><p>他住在大阪城里。</p><p>每天坐船上班，晚上才回来。</p><ul><li>早上七点</li><li>晚上九点</li></ul></article></body></html>"
    found = main_text(html)
    assert found is not None
    assert plain(found.text).strip().split("\n") == [
        "标题",
        "他住在大阪城里。",
        "每天坐船上班，晚上才回来。",
        "- 早上七点",
        "- 晚上九点",
    ]


@pytest.mark.parametrize(
    "style", ["font-size:0px;color:#fff", "font-size: 0", "visibility:hidden", "color:#FFFFFF", "display:none"]
)
def test_hidden_text_is_left_out(style: str) -> None:
    for found in block_of(
        page(f'<p>船从码<span style="{style}">本文来自某网</span>头出发，去很远的地方。</p>', CHINESE)
    ):
        assert found == "船从码头出发，去很远的地方。"


@pytest.mark.parametrize(
    "block",
    [
        '<div style="font-size:0"><span style="font-size:16px">船从码头出发。</span></div>',
        '<p>船<b style="color:#fff;background:#c00">从码头</b>出发。</p>',
    ],
)
def test_what_shows_stays(block: str) -> None:
    assert block_of(page(block, CHINESE))[0] == "船从码头出发。"


@pytest.mark.parametrize("tag", ["aside", "nav", "footer"])
def test_a_margin_that_holds_the_page_is_its_content(tag: str) -> None:
    paragraphs = "".join(f"<p>{n}. {ENGLISH}</p>" for n in range(4))
    for text in texts_of(f"<html><body><div><{tag} class='area'>{paragraphs}</{tag}></div></body></html>"):
        assert text.count("herring") == 4


def test_headings_and_links_of_markdown() -> None:
    html = page(
        '<h2>Tides<a class="headerlink" href="#tides">¶</a></h2><p>See <a href="/table">the table</a> of <code>ebb</code> hours.</p>'
    )
    work = PageWork(form=Form("markdown", links=True))
    found = main_text_with_links(html)
    assert found is not None
    text = clean_marked(found.text, work)
    assert text.startswith("# The harbour\n\n")
    assert "\n\n## Tides\n\nSee [the table](/table) of `ebb` hours.\n\n" in text
    assert "See the table of ebb hours." in clean_marked(found.text, PageWork())


def test_a_span_stays_in_its_sentence_whatever_its_class() -> None:
    block = '<p>Open the <span class="menuitem">Sails</span> and the <span class="navbar">Anchors</span> pages.</p>'
    assert block_of(page(block))[0] == "Open the Sails and the Anchors pages."


def test_a_page_may_hold_the_symbols_that_are_marks() -> None:
    block = "<p>An old sign \U0001d000\U0001d00a and &#x1d001; &#118785; stands here, \U0001d003 or so.</p><pre>a\n  b\U0001d004</pre>"
    for found in block_of(page(block)):
        assert " ".join(found.split()) == "An old sign and stands here, or so. a b"


def test_text_without_marks_is_itself() -> None:
    assert plain("two\n\n\nlines | of - text") == "two\n\n\nlines | of - text"


CASES = Path(__file__).resolve().parents[2] / "shared" / "data" / "cases"


@pytest.mark.skipif(not CASES.is_dir(), reason="the folder of cases is not here")
@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("01-code-pre/code-blank-line.html", "def a():\n    pass\n\n\ndef b():\n    pass"),
        ("01-code-pre/code-in-li.html", "1. 先写函数\ndef a(x):\n    return x + 1\n2. 再调用"),
        (
            "03-code-gutter-table/code-gutter.html",
            "def area(r):\n    if r < 0:\n        return None\n    return 3 * r * r",
        ),
        ("03-code-gutter-table/code-csdn-ol.html", "for i in items:\n    if i:\n        print(i)"),
        ("03-code-gutter-table/code-github-blob.html", "def f(x):\n    y = x\n    if y:\n        return y"),
        ("05-zh-precision-code/prec-sphinx.html", "make pdfdocs\nmake htmldocs"),
        ("08-sup-sub/math-supsub.html", "水是 H_2O，面积是 x^2+10^-3 平方米。"),
        ("10-layout-table/table-nested.html", "外一\n| 内一 | 内二 |\n外二\n外三"),
        ("12-ol-dl/ol-numbers.html", "1. 先洗净锅子。\n2. 再放入油和盐。\n3. 最后加水煮开。"),
        ("65-ruby/ruby-norp.html", "\n他住在大阪城里。\n"),
        ("67-hidden-noise/hidden-font0.html", "村里的年轻人大多"),
    ],
)
def test_cases(case: str, expected: str) -> None:
    found = main_text((CASES / case).read_text())
    assert found is not None
    assert expected in plain(found.text), json.dumps(plain(found.text), ensure_ascii=False)


@pytest.mark.parametrize("run", ["\u3000", "\n", " ", "\U0001d000", "- ", "\U0001d00a1", "\U0001d0040"])
def test_rendering_is_linear(run: str) -> None:
    """A run of whatever stands around marks is read once: this would take minutes."""
    render(run * 200_000 + "x", Form("markdown", ruby=True, links=True))
