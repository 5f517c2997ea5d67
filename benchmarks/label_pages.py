"""Pages labelled by stated rules, against the default rules: python benchmarks/label_pages.py [--sentences FILE] [WARC …]

*Clean* is a page by what its HTML says of it, not by any signal:
  1. its prose is Chinese, Japanese or Thai: at least half of the prose's letters are Han and at most 2 % of Han and kana are
     kana, or at least half are Han and kana and a fifth of these kana, or at least half are Thai;
  2. it has at least 3 blocks of prose: paragraphs, list items, definitions or cells (p, li, dd, td without such a block
     inside) of at least 20 characters that end in a sentence's end mark, in Thai, which has none, of at least 40 characters;
     outside nav, header, footer, aside, form, pre and table of contents;
  3. its prose is at least 200 characters long, and half of what extraction makes of the page;
  4. no page before it has the same text.
With `--sentences` (rows {text, lang, kind} of JSONL) ten Thai sentences each make a further Thai text, since there is hardly a
Thai page at hand; what stands there as its menu and links are words and pairs of words.

Of each clean page the same page as bad extraction makes it:
  menu      its text between the entries of menus of its own site (links in nav, tables of contents and the like, and the
            keywords of its index; at most 12 characters, Thai 20), a line each, until they are as long as the text
  links     the same with links and titles of its own site's pages, of 7 to 40 characters
  repeated  its text with its own title, or its shortest line, after every line
  twice     its text twice, as pages bring it that have one copy for small screens
A site without enough entries gives no menu or links. The right reasons of each label are RIGHT_REASONS.

Prints for each language and label how many documents there are, how many are decided rightly, and every reason; then how
decisions change with the length of menu and links; then, of all pages of each language, clean or not, what every rule of the
profile drops.
"""

import argparse
import enum
import gzip
import itertools
import json
import re
import unicodedata
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import lxml.html  # type: ignore[import-untyped]
import numpy as np
import pyarrow as pa
from bench_extract import DEMO

from corpus.pages.charset import decode_page
from corpus.pages.page_text import clean_marked
from corpus.pages.screens import HTML_TYPES
from corpus.pages.trafilatura_text import main_text
from corpus.recipe import Recipe
from corpus.recipe.parsing import parse_recipe
from corpus.sources.read import read_split
from corpus.sources.records import Limits, Page, Split
from filters.language.identification import LanguageModel, default_model_path
from filters.quality.rules import Failure, all_reasons, load_profiles
from filters.quality.signals import measure
from filters.spam.spam_score import scores as spam_scores

PROFILE = "web"
LANGUAGES = ("zh", "ja", "th")
PROSE_BLOCKS, PROSE_CHARACTERS, PROSE_SHARE = 3, 200, 0.5
BLOCK_CHARACTERS = {"zh": 20, "ja": 20, "th": 40}
ENTRY_CHARACTERS = {"zh": 12, "ja": 12, "th": 20}
LINK_CHARACTERS = range(7, 41)
SENTENCES_A_TEXT = 10

_CHROME_TAGS = {"nav", "header", "footer", "aside", "form", "pre", "script", "style", "button", "select", "template"}
_CHROME_ROLES = {"navigation", "banner", "contentinfo", "search"}
_CHROME_NAME = re.compile(
    r"(?:^|.*-)(?:nav(?:header|footer|bar|igation)?|menu|toc|sidebar|breadcrumbs?|footer|related\w*)$"
)
_BLOCKS = ("p", "li", "dd", "td")
_END = re.compile(r"[。．！？…!?.][」』）)”’\"'\]]*$")


#: Half of a clean page's prose, at least, is of these.
HAN_KANA_THAI = re.compile("[\u3400-\u9fff\u3041-\u30fa\u0e01-\u0e4e]")


class Label(enum.StrEnum):
    CLEAN = "clean"
    MENU = "menu"
    LINKS = "links"
    REPEATED = "repeated"
    TWICE = "twice"


_LISTS = {"fragments", "line_end_punctuation", "mean_line_length"}
_COPIES = {"duplicate_lines", "duplicate_line_characters", "repeated_characters"}
#: Label → what may be the first reason that the document is dropped for.
RIGHT_REASONS: dict[Label, set[str]] = {
    Label.CLEAN: {""},
    Label.MENU: _LISTS,
    Label.LINKS: _LISTS,
    Label.REPEATED: _COPIES,
    Label.TWICE: _COPIES,
}


@dataclass(frozen=True)
class SitePage:
    """A page: its text as extraction has it, and what its HTML says of it."""

    url: str
    site: str
    title: str
    text: str
    blocks: tuple[str, ...]  # outside of what is not content
    menu: tuple[str, ...]  # entries of menus and tables of contents
    links: tuple[str, ...]  # texts of other links


@dataclass(frozen=True)
class Labelled:
    label: Label
    language: str
    url: str
    text: str


@dataclass(frozen=True)
class Verdict:
    document: Labelled
    language: str  # as identified
    failures: tuple[Failure, ...]

    @property
    def reason(self) -> str:
        return str(self.failures[0].reason) if self.failures else ""

    @property
    def right(self) -> bool:
        return self.reason in RIGHT_REASONS[self.document.label]


# ------------------------------------------------------------------------------------------------ reading


def read_pages(files: Iterable[Path], *, only: re.Pattern[str] | None = None) -> Iterator[SitePage]:
    """The HTML pages of WARC files that have main text, in their order; `only` those in whose HTML it is found so often as a
    clean page has characters."""
    for number, file in enumerate(files):
        size = file.stat().st_size
        for record in read_split(Split(number, "labels", "warc", str(file), 0, size, size), Limits(1 << 26, 1 << 26)):
            if not isinstance(record, Page) or record.content_type not in HTML_TYPES or not record.body.strip():
                continue
            html = decode_page(record.body, record.charset)[0]
            if only is not None and len(only.findall(html)) < PROSE_CHARACTERS // 2:
                continue
            found = main_text(html)
            text = clean_marked(found.text if found else "")
            if text:
                yield site_page(record.url or "", html, text)


def site_page(url: str, html: str, text: str) -> SitePage:
    tree = lxml.html.document_fromstring(html.encode(), parser=lxml.html.HTMLParser(encoding="utf-8"))
    chrome: set[lxml.html.HtmlElement] = set()
    blocks, menu, links = list[str](), list[str](), list[str]()
    for element in tree.iter():
        if not isinstance(element.tag, str):
            continue
        if element.getparent() in chrome or _is_chrome(element):
            chrome.add(element)
        line = " ".join(element.text_content().split()) if element.tag in (*_BLOCKS, "a") else ""
        if element.tag == "a" and element.get("href") and len(line) > 1:
            (menu if element in chrome else links).append(line)
        elif line and element not in chrome and not any(inside.tag in _BLOCKS for inside in element.iterdescendants()):
            blocks.append(line)
        elif element.tag == "meta" and element.get("itemprop") == "keywords":
            menu += [entry.strip() for entry in (element.get("content") or "").split(",") if entry.strip()]
    title = " ".join((tree.findtext(".//h1") or tree.findtext(".//title") or "").split())
    return SitePage(url, urllib.parse.urlsplit(url).netloc, title, text, tuple(blocks), tuple(menu), tuple(links))


def _is_chrome(element: lxml.html.HtmlElement) -> bool:
    names = f"{element.get('class') or ''} {element.get('id') or ''}".lower().split()
    return (
        element.tag in _CHROME_TAGS
        or element.get("role") in _CHROME_ROLES
        or any(_CHROME_NAME.fullmatch(name) for name in names)
    )


def thai_texts(sentences: Path) -> Iterator[SitePage]:
    """Ten Thai sentences each as a page, of one site whose menus are words and whose links are pairs of words."""
    texts: dict[str, list[str]] = {"sentence": [], "word": [], "pair": []}
    with gzip.open(sentences, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["lang"] == "th" and row["kind"] in texts:
                texts[row["kind"]].append(row["text"].strip())
    for number, first in enumerate(range(0, len(texts["sentence"]), SENTENCES_A_TEXT)):
        ten = tuple(texts["sentence"][first : first + SENTENCES_A_TEXT])
        menu, links = (tuple(texts[kind]) for kind in ("word", "pair"))
        yield SitePage(f"sentences:{number}", "sentences", texts["pair"][number], "\n".join(ten), ten, menu, links)


# ------------------------------------------------------------------------------------------------ labelling


def prose_language(page: SitePage) -> str | None:
    """Rules 1 to 3: the language of a clean page, None of another."""
    for language in LANGUAGES:
        prose = [
            block
            for block in page.blocks
            if len(block) >= BLOCK_CHARACTERS[language] and (language == "th" or _END.search(block))
        ]
        characters = sum(map(len, prose))
        if len(prose) < PROSE_BLOCKS or characters < max(PROSE_CHARACTERS, PROSE_SHARE * len(page.text)):
            continue
        scripts = Counter(_script(character) for block in prose for character in block)
        letters = sum(scripts.values()) - scripts[""]
        han_kana = scripts["han"] + scripts["kana"]
        if {
            "zh": 2 * scripts["han"] >= letters and 50 * scripts["kana"] <= han_kana,
            "ja": 2 * han_kana >= letters and 5 * scripts["kana"] >= han_kana,
            "th": 2 * scripts["thai"] >= letters,
        }[language]:
            return language
    return None


def _script(character: str) -> str:
    if "\u3400" <= character <= "\u9fff":
        return "han"
    if "\u3041" <= character <= "\u30fa":
        return "kana"
    if "\u0e01" <= character <= "\u0e4e":
        return "thai"
    return "other" if unicodedata.category(character)[0] == "L" else ""


def clean_pages(pages: Iterable[SitePage]) -> Iterator[tuple[str, SitePage]]:
    """(language, page) of the clean pages among them."""
    seen: set[str] = set()
    for page in pages:
        language = prose_language(page)
        if language is not None and page.text not in seen:
            seen.add(page.text)
            yield language, page


def labelled_documents(pages: Sequence[SitePage], *, length: float = 1.0) -> Iterator[Labelled]:
    """Every clean page as it is, and as bad extraction makes it. `length`: of menu and links, in lengths of the text."""
    found = list(clean_pages(pages))
    menus, links = _entries_of_sites(pages, found)
    for number, (language, page) in enumerate(found):
        yield Labelled(Label.CLEAN, language, page.url, page.text)
        for label, entries in ((Label.MENU, menus), (Label.LINKS, links)):
            lines = _take(entries[page.site, language], number, round(length * len(page.text)))
            if lines:
                half = len(lines) // 2
                text = "\n".join((*lines[:half], page.text, *lines[half:]))
                yield Labelled(label, language, page.url, text)
        own_lines = page.text.split("\n")
        again = page.title if page.title and page.title != own_lines[0] else min(filter(str.strip, own_lines), key=len)
        yield Labelled(Label.REPEATED, language, page.url, "\n".join(f"{line}\n{again}" for line in own_lines))
        yield Labelled(Label.TWICE, language, page.url, f"{page.text}\n{page.text}")


def _entries_of_sites(
    pages: Iterable[SitePage], found: Iterable[tuple[str, SitePage]]
) -> tuple[dict[tuple[str, str], list[str]], dict[tuple[str, str], list[str]]]:
    """(site, language) → menu entries, and → links and titles; each once, in the order of the pages."""
    language_of = {page.url: language for language, page in found}
    menus: dict[tuple[str, str], dict[str, None]] = {}
    links: dict[tuple[str, str], dict[str, None]] = {}
    for page in pages:
        language = language_of.get(page.url)
        if language is None:
            continue
        key = (page.site, language)
        short = [entry for entry in page.menu if len(entry) <= ENTRY_CHARACTERS[language]]
        menus.setdefault(key, {}).update(dict.fromkeys(short))
        long = [entry for entry in (*page.links, page.title) if len(entry) in LINK_CHARACTERS]
        links.setdefault(key, {}).update(dict.fromkeys(long))
    return {key: list(entries) for key, entries in menus.items()}, {
        key: list(entries) for key, entries in links.items()
    }


def _take(entries: Sequence[str], first: int, characters: int) -> list[str]:
    """Entries from number `first` on, round and round but none twice, until so many characters; [] if there are not so
    many."""
    lines: list[str] = []
    if entries:
        start = first * 7 % len(entries)
        for entry in itertools.chain(entries[start:], entries[:start]):
            lines.append(entry)
            characters -= len(entry)
            if characters <= 0:
                return lines
    return []


# ------------------------------------------------------------------------------------------------ judging


def recipe_of(profile: str) -> Recipe:
    source = {"name": "pages", "inputs": ["-"], "profile": profile}
    return parse_recipe({"run": {"name": "labels"}, "source": [source]}, "labels")


def verdicts(documents: Sequence[Labelled], profile: str = PROFILE) -> list[Verdict]:
    """What the profile says of each document in the language that it is identified as, every rule that fails in order."""
    recipe = recipe_of(profile)
    profiles = load_profiles(recipe)
    found = LanguageModel(default_model_path()).identify([document.text for document in documents])
    languages = [each.language for each in found]
    signals = measure(pa.array([document.text for document in documents], pa.string()), languages)
    signals["spam_score"] = spam_scores(pa.array([document.text for document in documents], pa.string()))
    signals["language_score"] = np.array([each.score for each in found], np.float32)
    judged = []
    for row, document in enumerate(documents):
        values = {name: column[row] for name, column in signals.items()} | {"language": languages[row]}
        rules = profiles.for_domain(profile, languages[row])
        judged.append(Verdict(document, languages[row], tuple(all_reasons(values, rules, recipe.run.wants))))
    return judged


# ------------------------------------------------------------------------------------------------ printing


def label_rows(judged: Sequence[Verdict]) -> list[tuple[str, str, int, int, str]]:
    """(language, label, documents, rightly decided, first reasons with their numbers)."""
    rows = []
    for language in LANGUAGES:
        for label in Label:
            of_label = [each for each in judged if (each.document.language, each.document.label) == (language, label)]
            if of_label:
                right = sum(each.right for each in of_label)
                reasons = Counter(each.reason or "kept" for each in of_label)
                said = ", ".join(f"{reason} {number}" for reason, number in sorted(reasons.items(), key=_commonest))
                rows.append((language, str(label), len(of_label), right, said))
    return rows


def rule_rows(judged: Sequence[Verdict], *, at_least: int) -> list[tuple[str, int, float, str]]:
    """(language as identified, pages, share kept, share that every rule fails) where there are enough pages."""
    rows = []
    for language, pages in sorted(Counter(each.language for each in judged).items(), key=_commonest):
        if pages < at_least and language not in LANGUAGES:
            continue
        of_language = [each for each in judged if each.language == language]
        failing = Counter(
            reason for each in of_language for reason in {str(failure.reason) for failure in each.failures}
        )
        said = ", ".join(f"{reason} {number / pages:.1%}" for reason, number in sorted(failing.items(), key=_commonest))
        rows.append((language, pages, sum(not each.failures for each in of_language) / pages, said))
    return rows


def _commonest(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]


def print_table(head: str, rows: Iterable[Sequence[object]]) -> None:
    print(f"| {head} |\n{'| --- ' * (head.count('|') + 1)}|")
    for row in rows:
        print("| " + " | ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row) + " |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, default=DEMO, metavar="WARC")
    parser.add_argument("--sentences", type=Path, help="Gzipped JSONL of sentences with a language and a kind.")
    parser.add_argument("--profile", default=PROFILE)
    arguments = parser.parse_args()
    pages = list(read_pages(arguments.files))
    whole = list(pages)
    if arguments.sentences:
        whole += thai_texts(arguments.sentences)
    judge: Callable[[Sequence[Labelled]], list[Verdict]] = lambda found: verdicts(found, arguments.profile)  # noqa: E731
    judged = judge(list(labelled_documents(whole)))
    clean_ones = sum(each.document.label is Label.CLEAN for each in judged)
    print(
        f"{len(pages)} pages, {clean_ones} clean, {len(judged)} documents, {sum(each.right for each in judged)} right\n"
    )
    print_table("language | label | documents | right | first reason", label_rows(judged))
    lengths = (0.25, 0.5, 1.0, 2.0)
    right_of: dict[tuple[str, str], list[str]] = {}
    for length in lengths:
        for language, label, number, right, _ in label_rows(judge(list(labelled_documents(whole, length=length)))):
            if label in (Label.MENU, Label.LINKS):
                right_of.setdefault((language, label), []).append(f"{right / number:.3f} of {number}")
    print_table(
        "language | label | " + " | ".join(map(str, lengths)), [(*key, *cells) for key, cells in right_of.items()]
    )
    every = judge([Labelled(Label.CLEAN, "", page.url, page.text) for page in pages])
    print_table("language | pages | kept | dropped by", rule_rows(every, at_least=15))


if __name__ == "__main__":
    main()
