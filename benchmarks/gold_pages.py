"""Pages with gold: read from `gold.jsonl` and `pages.warc.gz`, decoded as the product decodes them, and scored.

Score of pages with full text: shingles of 4 tokens (single characters in scripts without spaces). Of pages with segments:
those found, after white space is normalised. A page counts one: true, wrong and missed are divided by their sum.
"""

import dataclasses
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fastwarc.warc import ArchiveIterator

from corpus.pages.boilerplate import squeezed
from corpus.pages.charset import decode_page

NO_SPACES = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\u0e00-\u0e7f"
TOKEN = re.compile(rf"[{NO_SPACES}]|[^\W{NO_SPACES}]+")
Counts = tuple[float, float, float]  # found, wrong, missed; their sum is 1


@dataclasses.dataclass(frozen=True, slots=True)
class GoldPage:
    name: str
    source: str
    url: str
    language: str
    kind: str  # "" where the set does not tell
    html: str
    text: str | None  # else segments
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]


def read_gold(folder: Path, half: str = "") -> list[GoldPage]:
    """Pages of a folder that have gold; of one half (A, B by SHA-1 of the id) where asked. Raises SystemExit without data."""
    if not (folder / "gold.jsonl").exists():
        raise SystemExit(f"{folder}: no gold.jsonl; this needs pages that are not part of the repository")
    pages = []
    with (folder / "gold.jsonl").open(encoding="utf-8") as rows, (folder / "pages.warc.gz").open("rb") as archive:
        for row in map(json.loads, rows):
            if (half and in_half_b(row["id"]) != (half == "B")) or not (
                row["text"] is not None or row["with"] or row["without"]
            ):
                continue
            archive.seek(row["offset"])
            record = next(iter(ArchiveIterator(io.BytesIO(archive.read(row["length"])), parse_http=True)))
            html = decode_page(record.reader.read(), record.http_charset)[0]
            text = row["text"]
            if text is not None and row["source"] == "webmainbench":  # Markdown
                text = re.sub(r"[#*|`>\-]+", " ", text)
            of_page = (row["id"], row["source"], row["url"], row["lang"] or "", row.get("page_kind") or "", html)
            pages.append(GoldPage(*of_page, text, tuple(row["with"]), tuple(row["without"])))
    return pages


def in_half_b(identity: str) -> bool:
    return int(hashlib.sha1(identity.encode()).hexdigest(), 16) % 2 == 1


def shingles(text: str, size: int = 4) -> Counter[tuple[str, ...]]:
    tokens = TOKEN.findall(text)
    return Counter(tuple(tokens[i : i + size]) for i in range(max(1, len(tokens) - size + 1))) if tokens else Counter()


def score(page: GoldPage, text: str) -> Counts:
    if page.text is not None:
        gold, found = shingles(page.text), shingles(text)
        true = (gold & found).total()
        counts = (true, found.total() - true, gold.total() - true)
    else:
        plain = squeezed(text)
        true = sum(squeezed(segment) in plain for segment in page.wanted)
        counts = (true, sum(squeezed(segment) in plain for segment in page.unwanted), len(page.wanted) - true)
    total = sum(counts) or 1
    return (counts[0] / total, counts[1] / total, counts[2] / total)


def f1_of(counts: Sequence[Counts]) -> float:
    """F1 of pages pooled; 1 for a page that rightly has nothing."""
    found, wrong, missed = np.array(counts).sum(axis=0) if counts else (0, 0, 0)
    whole = 2 * found + wrong + missed
    return float(2 * found / whole) if whole else 1.0
