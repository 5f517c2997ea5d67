"""Clean Chinese, Japanese and Thai pages are kept; with menus, links or repeated lines they are dropped for that.

The labels follow from stated rules on the pages' HTML (benchmarks/label_pages.py). The demo's pages always; with
shared/data/pages and shared/data/lid beside the repository those too, and then docs/profiles.md is held to the table.
"""

import re
from pathlib import Path
from typing import Any

import label_pages as labels
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
DATA = Path(__file__).parents[2] / "shared" / "data"
ARCHIVES = [DATA / "pages" / name for name in ("sample-open.warc.gz", "bench-open-00.warc.gz")]
SENTENCES = DATA / "lid" / "lid.jsonl.gz"


Label = labels.Label


def shares(judged: list[Any]) -> dict[tuple[str, str], float]:
    """(language, label) → share that is decided rightly, of at least ten documents; one wrong of few is taken for none."""
    return {
        (language, label): right / documents if documents - right > 1 else 1.0
        for language, label, documents, right, _ in labels.label_rows(judged)
        if documents >= 10
    }


#: Share that must be decided rightly; what is measured stands in docs/profiles.md.
LEAST = {Label.CLEAN: 0.96, Label.MENU: 0.97, Label.LINKS: 0.87, Label.REPEATED: 0.96, Label.TWICE: 0.96}


def check(judged: list[Any], languages: set[str]) -> None:
    found = shares(judged)
    assert {language for language, _ in found} == languages
    assert {label for _, label in found} == set(Label)
    for (language, label), share in found.items():
        assert share >= LEAST[label], (language, label, labels.label_rows(judged))


def test_the_demos_pages_are_decided_rightly() -> None:
    pages = list(labels.read_pages(labels.DEMO, only=labels.HAN_KANA_THAI))
    judged = labels.verdicts(list(labels.labelled_documents(pages)))
    clean = sum(each.document.label is Label.CLEAN for each in judged)
    assert clean >= 60
    check(judged, {"zh", "ja"})


@pytest.fixture(scope="module")
def real() -> list[Any]:
    """Verdicts on what is made of the pages."""
    if not all(path.exists() for path in (*ARCHIVES, SENTENCES)):
        pytest.skip(f"no real pages: {DATA} is absent")
    pages = [*labels.read_pages(ARCHIVES, only=labels.HAN_KANA_THAI), *labels.thai_texts(SENTENCES)]
    judged: list[Any] = labels.verdicts(list(labels.labelled_documents(pages)))
    return judged


def test_real_pages_are_decided_rightly(real: list[Any]) -> None:
    of_pages = [each for each in real if not each.document.url.startswith("sentences:")]
    assert sum(each.document.label is Label.CLEAN for each in of_pages) >= 300
    check(real, {"zh", "ja", "th"})


def test_the_docs_have_the_table_that_is_measured(real: list[Any], repository: Path) -> None:
    text = (repository / "docs" / "profiles.md").read_text(encoding="utf-8")
    for language, label, documents, right, said in labels.label_rows(real):
        assert f"| {language} | {label} | {documents} | {right} | {said} |" in text


PAGE = """<html><head><title>页</title><meta itemprop="keywords" content="数字, 表格"></head><body>
<nav><a href="/">首页</a><a href="/b">返回上一级</a></nav>
<div class="content-menu"><ul><li><a href="/c">联系我们</a></li></ul></div>
<h1>标题</h1><p>正文<b>的</b>第一段在这里，有二十个以上的字，并且以句号结束。</p>
<ul><li><p>内层</p></li><li>第二<a href="/d">有一个链接的条目</a></li></ul><table><tr><td>单元格</td></tr></table>
<pre>代码</pre></body></html>"""


def test_a_page_is_taken_apart() -> None:
    page = labels.site_page("https://example.org/a", PAGE, "text")
    assert page.site == "example.org"
    assert page.title == "标题"
    assert page.menu == ("数字", "表格", "首页", "返回上一级", "联系我们")
    assert page.links == ("有一个链接的条目",)
    assert page.blocks == (
        "正文的第一段在这里，有二十个以上的字，并且以句号结束。",
        "内层",
        "第二有一个链接的条目",
        "单元格",
    )


def page_of(blocks: list[str], text: str | None = None) -> Any:
    return labels.SitePage("u", "s", "t", text or "\n".join(blocks), tuple(blocks), (), ())


ZH = "委员会星期二开会，讨论了两座城市之间的新铁路线，并听取了三位工程师的报告，他们说明了怎样在河面上建造桥梁，也回答了许多问题，会议持续到晚上才结束。"
JA = "委員会は火曜日に会議を開いて、二つの都市のあいだの新しい鉄道について話し合い、三人の技術者から報告を聞きました。会議は夜まで続いて、多くの質問がありました。"
TH = "คณะกรรมการประชุมกันในวันอังคารเพื่อหารือเกี่ยวกับเส้นทางรถไฟสายใหม่ระหว่างสองเมืองและรับฟังรายงานของวิศวกรสามคน"


@pytest.mark.parametrize(
    ("page", "language"),
    [
        (page_of([ZH] * 4), "zh"),
        (page_of([JA] * 4), "ja"),
        (page_of([TH] * 4), "th"),
        (page_of([ZH] * 2), None),  # too few blocks
        (page_of([ZH[:40] + "。"] * 4), None),  # too short
        (page_of([ZH.rstrip("。")] * 4), None),  # no sentences
        (page_of([ZH] * 4, ZH * 20), None),  # not half of the page
        (
            page_of(["The committee met on Tuesday to discuss the new railway line, and heard three engineers."] * 4),
            None,
        ),
    ],
)
def test_what_is_clean_is_decided_by_the_blocks(page: Any, language: str | None) -> None:
    assert labels.prose_language(page) == language


def test_entries_are_taken_once_and_until_they_are_long_enough() -> None:
    assert labels._take(["ab", "cd", "ef"], 0, 3) == ["ab", "cd"]
    assert labels._take(["ab", "cd", "ef"], 1, 6) == ["cd", "ef", "ab"]
    assert labels._take(["ab", "cd"], 0, 5) == []
    assert labels._take([], 0, 5) == []


def test_every_right_reason_is_a_rules(repository: Path) -> None:
    from corpus.reasons import Reason

    assert set().union(*labels.RIGHT_REASONS.values()) - {""} <= set(Reason)
    assert re.search(r"label_pages\.py", (repository / "docs" / "profiles.md").read_text(encoding="utf-8"))
