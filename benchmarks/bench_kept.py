"""What is kept of code, headings, formulas and rows of data: python benchmarks/bench_kept.py DATA [--markdown] [--every N] [--worst N]

DATA is a folder of pages with `manifest.jsonl.gz` (groups: `family`) or `gold.jsonl` (groups: `page_kind`); neither is part of this
repository. The page is read here by a rule of its own, not by corpus.pages: what stands in `pre`, `h1` to `h6`, the TeX of formulas, and
rows of tables without tables inside. An item counts where the page's main content is: where the paragraphs of 40
letters or more before and after it both are in the text. It is kept

    code        with all its lines, indentation and blank lines
    headings    with all its letters
    formulas    with its TeX, white space apart
    rows        with the letters of all its cells, in order, on one line

Goal: LEAST of each, in every group with ITEMS or more of it; the command ends with 1 below that.
"""

import argparse
import gzip
import io
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lxml.html
from fastwarc.warc import ArchiveIterator

from corpus.pages.charset import decode_page
from corpus.pages.marks import Form
from corpus.pages.page_text import PageWork, clean_marked
from corpus.pages.trafilatura_text import main_text

LEAST, ITEMS = 0.98, 20
KINDS = ("code", "headings", "formulas", "rows")
ANCHOR_LETTERS = 40
_HIDDEN = ("script", "style", "noscript", "template", "nav", "footer")


def read_pages(data: Path, every: int) -> Iterator[tuple[str, str, str]]:
    """(group, name, decoded page)."""
    manifest, gold = data / "manifest.jsonl.gz", data / "gold.jsonl"
    if manifest.exists():
        with gzip.open(manifest, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
    elif gold.exists():
        rows = [json.loads(line) for line in gold.open(encoding="utf-8")]
    else:
        raise SystemExit(
            f"{data}: no manifest.jsonl.gz or gold.jsonl; this benchmark needs pages that are not part of the repository"
        )
    for row in rows[::every]:
        with (data / row.get("file", "pages.warc.gz")).open("rb") as archive:
            archive.seek(row["offset"])
            record = next(iter(ArchiveIterator(io.BytesIO(archive.read(row["length"])), parse_http=True)))
            html = decode_page(record.reader.read(), record.http_charset)[0]
        yield (
            str(row.get("family") or row.get("page_kind") or row.get("source")),
            str(row.get("url") or row["id"]),
            html,
        )


def letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


def items_of(html: str) -> Iterator[tuple[str, str]]:
    """(kind or "anchor", what must be found) in the page's order."""
    try:
        body = lxml.html.document_fromstring(
            html.encode("utf-8", "replace"), parser=lxml.html.HTMLParser(encoding="utf-8")
        ).find("body")
    except (ValueError, lxml.etree.ParserError):
        return
    for element in body.iter() if body is not None else ():
        tag = element.tag
        if not isinstance(tag, str) or any(each.tag in _HIDDEN for each in element.iterancestors()):
            continue
        text = element.text_content()
        if tag == "p" and len(letters(text)) >= ANCHOR_LETTERS:
            yield "anchor", letters(text)
        elif re.fullmatch("h[1-6]", tag) and letters(text):
            yield "headings", letters(text)
        elif tag == "pre" and text.strip() and not list(element.iter("br", "table", "ol", "div")):
            if next(element.iterancestors("pre", "table"), None) is None:
                yield "code", code_of(text)
        elif tag.rpartition(":")[2] == "annotation" and "tex" in (element.get("encoding") or ""):
            yield "formulas", tex_of(text)
        elif tag == "math" and element.get("alttext") and element.find(".//annotation") is None:
            yield "formulas", tex_of(element.get("alttext"))
        elif tag == "script" and (element.get("type") or "").startswith("math/tex"):
            yield "formulas", tex_of(text)
        elif tag == "tr" and is_data(element):
            yield "rows", "\t".join(letters(cell.text_content()) for cell in element if cell.tag in ("td", "th"))


def is_data(row: Any) -> bool:
    table = next(row.iterancestors("table"), None)
    if table is None:
        return False
    cells = [cell for cell in row if cell.tag in ("td", "th")]
    return (
        len(cells) > 1
        and sum(bool(letters(cell.text_content())) for cell in cells) > 1
        and table.find(".//table") is None
        and next(table.iterancestors("table"), None) is None
        and table.find(".//pre") is None
        and len(table.findall(".//tr")) > 1
        and max(len(cell.text_content()) for cell in table.iter("td", "th")) < 400
    )


def code_of(text: str) -> str:
    lines = [line.rstrip() for line in text.replace("\xa0", " ").replace("\r\n", "\n").split("\n")]
    return "\n".join(lines).strip("\n")


def tex_of(text: str) -> str:
    return re.sub(r"^\{\\displaystyle(.*)\}$", r"\1", re.sub(r"\s+|\\displaystyle|\\textstyle", "", text))


class Text:
    """A text in the forms in which items are looked for."""

    def __init__(self, text: str) -> None:
        self.letters = letters(text)
        self.code = "\n" + "\n".join(line.rstrip() for line in text.split("\n")) + "\n"
        self.tex = re.sub(r"\s+", "", text)
        self.lines = [letters(line) for line in text.split("\n") if line.strip().startswith("|")]

    def holds(self, kind: str, item: str) -> bool:
        if kind == "code":
            return f"\n{item}\n" in self.code
        if kind == "formulas":
            return item in self.tex
        if kind == "rows":
            return any(item.replace("\t", "") in line for line in self.lines)
        return item in self.letters


def counted(html: str, text: str) -> list[tuple[str, str, bool]]:
    """(kind, item, whether it is kept) of what stands in the main content."""
    items, found = list(items_of(html)), Text(text)
    kept_anchor = [kind != "anchor" or item in found.letters for kind, item in items]
    answers = []
    for at, (kind, item) in enumerate(items):
        if kind == "anchor":
            continue
        before = next((n for n in range(at - 1, -1, -1) if items[n][0] == "anchor"), None)
        after = next((n for n in range(at + 1, len(items)) if items[n][0] == "anchor"), None)
        if before is not None and after is not None and kept_anchor[before] and kept_anchor[after]:
            answers.append((kind, item, found.holds(kind, item)))
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--markdown", action="store_true", help="in markdown instead of plain text")
    parser.add_argument("--every", type=int, default=1, help="every so manieth page")
    parser.add_argument("--worst", type=int, default=0, help="show so many items that were lost, of each kind")
    arguments = parser.parse_args()
    work = PageWork(form=Form("markdown" if arguments.markdown else "plain"))
    kept: dict[str, Counter[str]] = defaultdict(Counter)
    stand: dict[str, Counter[str]] = defaultdict(Counter)
    lost: dict[str, list[str]] = defaultdict(list)
    for group, name, html in read_pages(arguments.data, arguments.every):
        found = main_text(html)
        text = clean_marked(found.text, work) if found is not None else ""
        for kind, item, is_kept in counted(html, text):
            stand[group][kind] += 1
            kept[group][kind] += is_kept
            if not is_kept:
                lost[kind].append(f"{kind} of {name}: {item[:200]!r}")
    print("| pages | " + " | ".join(KINDS) + " |\n| --- |" + " --- |" * len(KINDS))
    short = []
    for group in sorted(stand):
        cells = []
        for kind in KINDS:
            number = stand[group][kind]
            share = kept[group][kind] / number if number else 1.0
            cells.append(f"{share:.3f} of {number:,}" if number else "")
            if number >= ITEMS and share < LEAST:
                short.append(f"{group}: {kind}")
        print(f"| {group} | " + " | ".join(cells) + " |")
    for kind in KINDS:
        step = max(1, len(lost[kind]) // max(1, arguments.worst))
        for line in lost[kind][::step][: arguments.worst]:
            print(line)
    if short:
        sys.exit(f"below {LEAST}: " + "; ".join(short))


if __name__ == "__main__":
    main()
