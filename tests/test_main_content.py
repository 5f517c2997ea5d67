"""The other extractor: main text without boilerplate, and pages that could break its parser."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.pages.extractor_process import EXTRACTORS
from corpus.pages.main_text import MainText
from corpus.pages.resiliparse_text import main_content
from corpus.recipe import Extractor
from corpus.recipe.parsing import parse_recipe
from fingerprints import extract_inputs
from fingerprints import mark as mark_of
from pipelines.stages.extraction import EXTRACT, ExtractSettings

SENTENCE = "The corpus is read from archives, page by page, and every page is counted once. "
PAGE = (
    "<html><head><title>Title</title><meta name=author content='Ann Lee'></head><body><nav><a href=/>Home</a></nav>"
    f"<article><h1>Title</h1><p>{SENTENCE * 6}</p></article><div class='comments'><p>A remark.</p></div>"
    "<footer>Imprint and cookies</footer></body></html>"
)


def test_an_article_without_what_is_around_it() -> None:
    found = main_content(PAGE)
    assert found is not None
    assert SENTENCE.strip() in found.text
    assert not any(words in found.text for words in ("Home", "remark", "Imprint"))
    assert found == MainText(found.text, title="Title", author="Ann Lee")


@pytest.mark.parametrize("html", ["", " ", "<html></html>", "<nav>Home</nav>", "<p></p>"])
def test_what_is_no_page_has_no_text(html: str) -> None:
    assert main_content(html) is None


@settings(deadline=None, max_examples=100)
@given(
    html=st.text(max_size=300)
    | st.lists(st.sampled_from(["<p>", "<a rel=author>", "</p>", "<svg>", "<!--", "文", "\0", "<time>"])).map("".join)
)
def test_no_page_raises(html: str) -> None:
    assert isinstance(main_content(html), MainText | None)


def test_a_recipe_names_it() -> None:
    from typing import get_args

    def recipe(name: str) -> tuple[str, str]:
        table = {"run": {"name": "r"}, "source": [{"name": "a", "inputs": ["*"]}], "extract": {"extractor": name}}
        parsed = parse_recipe(table, "r")
        chosen = ExtractSettings.of(parsed, splits="", model=__file__, helper=False).works().extractor  # type: ignore[arg-type]
        found = chosen.main_text(PAGE)
        assert isinstance(found, MainText)
        return mark_of(EXTRACT, parsed, extract_inputs()), found.text

    assert set(EXTRACTORS) == set(get_args(Extractor))
    assert len({recipe(name)[0] for name in EXTRACTORS}) == len(EXTRACTORS)
    content = main_content(PAGE)
    assert content is not None
    assert recipe("resiliparse")[1] == content.text
