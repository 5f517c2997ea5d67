"""trafilatura with its expressions compiled gives the same texts, and is itself again afterwards."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import trafilatura

from corpus.pages.attribute_xpath import AttributeXPath
from corpus.pages.charset import decode_page
from corpus.pages.quick_trafilatura import quickened
from corpus.sources.read import read_split
from corpus.sources.records import Limits, Page, Split

DEMO = Path(__file__).resolve().parents[1] / "examples" / "demo"
EXTRACTION = Path(__file__).resolve().parents[2] / "shared" / "data" / "extraction"
SETTINGS: list[dict[str, Any]] = [
    {"fast": True, "include_comments": False},
    {},
    {"favor_precision": True, "include_comments": False},
    {"favor_recall": True},
]


def pages_of(file: Path, every: int) -> list[str]:
    size = file.stat().st_size
    records = read_split(Split(0, "docs", "warc", str(file), 0, size, size), Limits(1 << 26, 1 << 26))
    return [decode_page(page.body, page.charset)[0] for page in records if isinstance(page, Page)][::every]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_texts_are_the_same(setting: dict[str, Any]) -> None:
    pages = [page for file in sorted(DEMO.glob("docs-*.warc.gz")) for page in pages_of(file, 15)]
    if (EXTRACTION / "pages.warc.gz").exists():
        pages += pages_of(EXTRACTION / "pages.warc.gz", 12)
    assert len(pages) > 30
    for page in pages:
        theirs = trafilatura.extract(page, **setting)
        with quickened():
            assert trafilatura.extract(page, **setting) == theirs


def test_trafilatura_is_itself_again() -> None:
    core = importlib.import_module("trafilatura.core")
    before = dict(vars(core))

    def fail() -> None:
        with quickened():
            assert isinstance(core.REMOVE_COMMENTS_XPATH[0], AttributeXPath)
            raise ValueError("of the page")

    with pytest.raises(ValueError, match="of the page"):
        fail()
    assert vars(core) == before
