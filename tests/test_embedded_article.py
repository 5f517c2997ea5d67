"""Articles in the data of a page whose body shows a placeholder."""

import json

import pytest

from corpus.pages.page_text import extract_page
from corpus.sources.records import Limits, Loss, Page

PARAGRAPHS = [
    f"Im Jahr {year} war der Fluss noch breit, und die Boote fuhren bis zum Markt hinauf." for year in range(1901, 1912)
]
HTML = "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS)


def text_of(body: str) -> str:
    page = f"<html><head><title>Fluss</title></head><body>{body}</body></html>".encode()
    found = extract_page(
        Page(0, len(page), None, "http://a.example/", None, 200, "text/html", None, page), Limits(1 << 20, 1 << 20)
    )
    return "" if isinstance(found, Loss) else found.text


FORMS = {
    "next": '<script id="__NEXT_DATA__" type="application/json">%s</script>',
    "nuxt": "<script>window.__NUXT__=%s</script>",
    "state": "<script>window.__INITIAL_STATE__ = %s;</script>",
    "json-ld": '<script type="application/ld+json">%s</script>',
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("article", [HTML, "\n".join(PARAGRAPHS)])
@pytest.mark.parametrize(
    "shown", ["<div id=app>Loading…</div>", f"<h1>Fluss</h1><p>{PARAGRAPHS[0]}</p><p>Weiterlesen</p>", ""]
)
def test_the_article_is_taken_where_the_body_has_none(form: str, article: str, shown: str) -> None:
    data = (
        {"@type": "Article", "articleBody": article}
        if form == "json-ld"
        else {"props": {"page": [{"title": "x", "content": article}]}}
    )
    text = text_of(shown + FORMS[form] % json.dumps(data).replace("</", "<\\/"))
    assert all(paragraph in text for paragraph in PARAGRAPHS)
    assert "<p>" not in text


def test_a_page_with_its_article_keeps_it() -> None:
    data = json.dumps({"content": "Andere Worte stehen hier. " * 12, "comments": [{"content": "Ein Kommentar. " * 12}]})
    text = text_of(f"<article>{HTML}</article>" + FORMS["next"] % data)
    assert PARAGRAPHS[5] in text
    assert "Andere Worte" not in text


@pytest.mark.parametrize(
    "data",
    ["{", "[]", '{"content": 3}', '{"content": "kurz"}', "[" * 5000, json.dumps({"content": "var a = 1; " * 99})],
)
def test_data_without_an_article_changes_nothing(data: str) -> None:
    shown = f"<p>{PARAGRAPHS[0]}</p><p>{PARAGRAPHS[1]}</p>"
    assert text_of(shown + FORMS["next"] % data) == text_of(shown)
