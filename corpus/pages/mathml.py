"""MathML → TeX, also what MathJax 3 and KaTeX draw in place of it.

tex_of(element): the TeX of a `math` element that brings none along. Works on local names, so that `mml:math`, `mjx-math` and
SVG groups with `data-mml-node` are read by the same rules; characters that MathJax draws as `mjx-c1D438` or `data-c="1D438"`
become what they stand for. An element without a rule is its children one after the other, so nothing is lost but its place.

tex_of_katex(element): the TeX of KaTeX's HTML alone, whose superscripts, subscripts, fractions and roots are found by class.

Linear in the formula; deeper than MAX_DEPTH it is flat text.
"""

import re
import unicodedata

from lxml.html import HtmlElement  # type: ignore[import-untyped]

VERSION = 1

MAX_DEPTH = 100

_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho . sigma tau upsilon phi chi psi omega"
#: Characters → TeX. A command is followed by a space where a letter comes next.
SYMBOLS: dict[str, str] = {
    **{chr(0x3B1 + n): f"\\{name}" for n, name in enumerate(_GREEK.split()) if name not in (".", "omicron")},
    "ς": r"\varsigma", "ϑ": r"\vartheta", "ϕ": r"\phi", "φ": r"\varphi", "ϵ": r"\epsilon", "ε": r"\varepsilon", "ϖ": r"\varpi",
    "ϱ": r"\varrho", "Γ": r"\Gamma", "Δ": r"\Delta", "Θ": r"\Theta", "Λ": r"\Lambda", "Ξ": r"\Xi", "Π": r"\Pi", "Σ": r"\Sigma",
    "Υ": r"\Upsilon", "Φ": r"\Phi", "Ψ": r"\Psi", "Ω": r"\Omega", "∑": r"\sum", "∏": r"\prod", "∫": r"\int", "∬": r"\iint",
    "∭": r"\iiint", "∮": r"\oint", "∞": r"\infty", "∂": r"\partial", "∇": r"\nabla", "√": r"\surd", "±": r"\pm", "∓": r"\mp",
    "×": r"\times", "÷": r"\div", "·": r"\cdot", "⋅": r"\cdot", "∗": "*", "∘": r"\circ", "•": r"\bullet", "⊕": r"\oplus",
    "⊗": r"\otimes", "≤": r"\leq", "⩽": r"\leq", "≥": r"\geq", "⩾": r"\geq", "≠": r"\neq", "≈": r"\approx", "≡": r"\equiv",
    "∼": r"\sim", "≃": r"\simeq", "≅": r"\cong", "∝": r"\propto", "≪": r"\ll", "≫": r"\gg", "≺": r"\prec", "≻": r"\succ",
    "∈": r"\in", "∉": r"\notin", "∋": r"\ni", "⊂": r"\subset", "⊆": r"\subseteq", "⊃": r"\supset", "⊇": r"\supseteq",
    "∪": r"\cup", "∩": r"\cap", "∖": r"\setminus", "∅": r"\emptyset", "∀": r"\forall", "∃": r"\exists", "¬": r"\neg",
    "∧": r"\wedge", "∨": r"\vee", "⊥": r"\perp", "∥": r"\parallel", "∣": r"\mid", "∠": r"\angle", "→": r"\to", "←": r"\leftarrow",
    "↔": r"\leftrightarrow", "⇒": r"\Rightarrow", "⇐": r"\Leftarrow", "⇔": r"\Leftrightarrow", "↦": r"\mapsto", "↑": r"\uparrow",
    "↓": r"\downarrow", "⟶": r"\longrightarrow", "⟹": r"\implies", "⟺": r"\iff", "…": r"\ldots", "⋯": r"\cdots", "⋮": r"\vdots",
    "⋱": r"\ddots", "′": "'", "″": "''", "‴": "'''", "ℏ": r"\hbar", "ℓ": r"\ell", "ℜ": r"\Re", "ℑ": r"\Im", "ℵ": r"\aleph",
    "⟨": r"\langle", "⟩": r"\rangle", "⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil", "‖": r"\|", "−": "-",
    "ℕ": r"\mathbb{N}", "ℤ": r"\mathbb{Z}", "ℚ": r"\mathbb{Q}", "ℝ": r"\mathbb{R}", "ℂ": r"\mathbb{C}", "{": r"\{", "}": r"\}",
    "%": r"\%", "#": r"\#", "&": r"\&", "_": r"\_", "$": r"\$", "\u2061": "", "\u2062": "", "\u2063": "", "\u2064": "",
    "\u200b": "", "\u00a0": " ",
}  # fmt: skip
FUNCTIONS = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "sinh",
        "cosh",
        "tanh",
        "coth",
        "arcsin",
        "arccos",
        "arctan",
        "log",
        "ln",
        "lg",
        "exp",
        "lim",
        "limsup",
        "liminf",
        "max",
        "min",
        "sup",
        "inf",
        "det",
        "dim",
        "ker",
        "deg",
        "gcd",
        "hom",
        "arg",
        "Pr",
    ]
)
#: What stands over or under a base → the command for it.
_ACCENTS = {"^": "hat", "ˆ": "hat", "~": "tilde", "˜": "tilde", "¯": "bar", "‾": "overline", "_": "underline", "˙": "dot", "¨": "ddot", "→": "vec",
            "⃗": "vec", "⏞": "overbrace", "⏟": "underbrace", "ˇ": "check", "˘": "breve", "\\to": "vec", "\\sim": "tilde", "-": "bar", "\\_": "underline"}  # fmt: skip
_LIMITS = frozenset(
    (
        "\\sum",
        "\\prod",
        "\\int",
        "\\lim",
        "\\max",
        "\\min",
        "\\sup",
        "\\inf",
        "\\limsup",
        "\\liminf",
        "\\bigcup",
        "\\bigcap",
    )
)
_NOTHING = frozenset(
    ("annotation", "annotation-xml", "mphantom", "assistive-mml", "nstrut", "dstrut", "pstrut", "script")
)
_MATHJAX_CHARACTER = re.compile(r"mjx-c([0-9A-F]{2,5})(?:\s|$)")


def tex_of(element: HtmlElement) -> str:
    """The TeX of a tree of MathML; "" where it holds no character."""
    return _squeezed(_tex(element, 0))


def _tex(element: HtmlElement, depth: int) -> str:
    if not isinstance(element.tag, str):
        return ""
    name = _name(element)
    if name in _NOTHING:
        return ""
    if depth > MAX_DEPTH:
        return _symbols("".join(element.itertext()))
    if name in ("mi", "mn", "mo", "ms", "mtext"):
        return _token(name, _characters(element))
    children = [(_name(child), child) for child in element if isinstance(child.tag, str)]
    parts = [_tex(child, depth + 1) for _, child in children]
    if (
        name in ("math", "mrow", "semantics")
        and len(children) > 1
        and children[1][0] in ("annotation", "annotation-xml")
    ):
        parts = parts[:1]
    script = _SCRIPTS.get(name)
    if script is not None and len(parts) >= script.count("{}"):
        return _scripted(name, parts)
    if name == "mfrac" and len(parts) >= 2:
        return f"\\frac{{{parts[0]}}}{{{parts[1]}}}"
    if name == "msqrt":
        return f"\\sqrt{{{''.join(parts)}}}"
    if name == "mroot" and len(parts) >= 2:
        return f"\\sqrt[{parts[1]}]{{{parts[0]}}}"
    if name == "mfenced":
        inside = element.get("separators", ",").strip()[:1].join(parts)
        opening, closing = (element.get(side, default) for side, default in (("open", "("), ("close", ")")))
        return f"\\left{_symbols(opening) or '.'}{inside}\\right{_symbols(closing) or '.'}"
    if name == "mtable":
        return "\\begin{matrix}" + " \\\\ ".join(filter(None, parts)) + "\\end{matrix}"
    if name in ("mtr", "mlabeledtr"):
        return " & ".join(parts)
    if name == "mspace":
        return " "
    own = _symbols(element.text) if element.text and not children else ""
    return own + "".join(parts)


_SCRIPTS = {"msup": "{}^{}", "msub": "{}_{}", "msubsup": "{}_{}^{}", "mover": "{}^{}", "munder": "{}_{}", "munderover": "{}_{}^{}"}  # fmt: skip


def _scripted(name: str, parts: list[str]) -> str:
    base, *scripts = (part.strip() for part in parts)
    if name in ("mover", "munder"):
        if scripts[0] in _ACCENTS:
            return f"\\{_ACCENTS[scripts[0]]}{{{base}}}"
        if base not in _LIMITS and not base.startswith(("\\overbrace", "\\underbrace")):
            return f"\\{'over' if name == 'mover' else 'under'}set{{{scripts[0]}}}{{{base}}}"
    if name in ("msup", "mover") and scripts[0] and set(scripts[0]) == {"'"}:
        return base + scripts[0]
    base = base if len(base) <= 1 or re.fullmatch(r"\\[A-Za-z]+|\d+|.*[)\]|}]", base) else f"{{{base}}}"
    signs = {"msub": "_", "munder": "_", "msup": "^", "mover": "^"}.get(name, "_^")
    return base + "".join(f"{sign}{{{script}}}" for sign, script in zip(signs, scripts, strict=False) if script)


def _token(name: str, text: str) -> str:
    text = " ".join(text.split()) if name != "mtext" else re.sub(r"\s+", " ", text)
    if name in ("mtext", "ms"):
        return f"\\text{{{text}}}" if text.strip() else text
    if name == "mi" and len(text) > 1 and text.isascii() and text.isalpha():
        return f"\\{text} " if text in FUNCTIONS else f"\\mathrm{{{text}}}"
    if name == "mo" and text in FUNCTIONS:
        return f"\\{text} "
    return _symbols(text)


def _symbols(text: str | None) -> str:
    """Characters as TeX; mathematical letters (𝐴) are letters."""
    parts = []
    for character in text or "":
        if 0x1D400 <= ord(character) <= 0x1D7FF:
            character = unicodedata.normalize("NFKC", character)
        symbol = SYMBOLS.get(character, character)
        parts.append(f"{symbol} " if symbol.startswith("\\") and symbol[-1].isalpha() else symbol)
    return "".join(parts)


def _squeezed(tex: str) -> str:
    """TeX with one space where there were several, and none where it separates nothing."""
    tex = " ".join(tex.split())
    return re.sub(r"(\\[A-Za-z]+) (?=[^A-Za-z ]|$)", r"\1", tex).strip()


def _name(element: HtmlElement) -> str:
    node = element.get("data-mml-node")
    name = (node or element.tag).lower()
    name = name.rpartition(":")[2]
    return name.removeprefix("mjx-")


def _characters(element: HtmlElement) -> str:
    """The characters of a token, also those that MathJax draws."""
    parts = [element.text or ""]
    for each in element.iterdescendants():
        if not isinstance(each.tag, str):
            continue
        drawn = _MATHJAX_CHARACTER.search(each.get("class") or "")
        code = drawn[1] if drawn else each.get("data-c")
        if code:
            try:
                parts.append(chr(int(code, 16)))
            except ValueError:
                continue
        parts += [each.text or "", each.tail or ""]
    return "".join(parts)


# ------------------------------------------------------------------------------------------------------- KaTeX


def tex_of_katex(element: HtmlElement) -> str:
    """The TeX of KaTeX's HTML (`katex-html`)."""
    return _squeezed(_katex(element, 0))


def _katex(element: HtmlElement, depth: int) -> str:
    if depth > MAX_DEPTH or not isinstance(element.tag, str):
        return ""
    classes = set((element.get("class") or "").split())
    if classes & {"strut", "pstrut", "vlist-s", "nulldelimiter", "frac-line", "hide-tail"}:
        return ""
    if "mfrac" in classes:
        stack = _stack(element, depth)
        if len(stack) >= 2:
            return f"\\frac{{{stack[0]}}}{{{stack[-1]}}}"
        if len(element) == 0 and len(element.text or "") == 2:  # what is below is written first
            return f"\\frac{{{_symbols(element.text[1])}}}{{{_symbols(element.text[0])}}}"
    if "msupsub" in classes:
        stack = _stack(element, depth)
        if len(stack) >= 2:
            return f"_{{{stack[-1]}}}^{{{stack[0]}}}"
        inside = stack[0] if stack else _children(element, depth)
        is_below = any("vlist-t2" in (each.get("class") or "") for each in element.iterdescendants())
        return f"{'_' if is_below else '^'}{{{inside.strip()}}}" if inside.strip() else ""
    if "sqrt" in classes:
        return f"\\sqrt{{{_children(element, depth).strip()}}}"
    text = _children(element, depth)
    return f"\\{text.strip()} " if "mop" in classes and text.strip() in FUNCTIONS else text


def _children(element: HtmlElement, depth: int) -> str:
    return _symbols(element.text) + "".join(_katex(child, depth + 1) + _symbols(child.tail) for child in element)


def _stack(element: HtmlElement, depth: int) -> list[str]:
    """What a `vlist` stacks, the highest first."""
    vlist = next((each for each in element.iterdescendants() if (each.get("class") or "") == "vlist"), None)
    if vlist is None:
        return []
    placed = []
    for child in vlist:
        top = re.search(r"top:\s*(-?[\d.]+)em", child.get("style") or "")
        text = _katex(child, depth + 1).strip()
        if text:
            placed.append((float(top[1]) if top else 0.0, text))
    return [text for _, text in sorted(placed, key=lambda each: each[0])]
