"""Line rules: what each removes and leaves, that nothing else changes, and their place in a build."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.recipe import LineEdits
from corpus.recipe.parsing import parse_recipe
from corpus.storage.run_directory import RunDirectory
from corpus.text.line_rules import LineRule, LineRules, edit_lines
from fingerprints import extract_inputs
from fingerprints import mark as mark_of
from pipelines.report.verification import verify
from pipelines.stages.extraction import EXTRACT

BEFORE, AFTER = "The first line of an article, which says something.", "文章的最后一行说明了一切。"

REMOVED: dict[LineRule, list[str]] = {
    LineRule.JAVASCRIPT: ["Please enable JavaScript to view this page.", "javascript"],
    LineRule.POLICY: ["By using this site you agree to its Privacy Policy.", "This website USES COOKIES"],
    LineRule.BOILERPLATE: [
        *(
            "上一篇：春天来了",
            "下一篇",
            "责任编辑：周雁",
            "（责任编辑：周雁）",
            "版权所有 © 2020 某某网",
            "京ICP备12345678号-1",
        ),
        *(
            "点击查看更多",
            "阅读全文>>",
            "返回顶部",
            "分享到：",
            "微信扫一扫",
            "相关阅读",
            "登录",
            "评论(12)",
            "阅读：1234次",
        ),
        *("打开APP阅读全文", "免责声明：本文仅供参考。", "前の記事", "続きを読む", "무단전재 및 재배포 금지"),
        *(
            "Skip to main content",
            "Back to top",
            "© 2019 Example Media. All rights reserved.",
            "Share this on Facebook",
        ),
        *(
            "Read more »",
            "Previous post: A day",
            "Related articles",
            "Log in",
            "Leave a comment",
            "12 Comments",
            "Advertisement",
        ),
        *(
            "Alle Rechte vorbehalten",
            "Weiterlesen",
            "Tous droits réservés",
            "Lire la suite",
            "Leer más",
            "Читать далее",
        ),
    ],
    LineRule.MENU: ["Home | News | Sport | Weather | Contact", "首页 > 新闻 > 国内 > 正文", "A · B · C · D"],
    LineRule.LONG_WORDS: ["a" * 1001 + " and more words."],
    LineRule.FEW_WORDS: ["two words", "词"],
    LineRule.END_PUNCTUATION: ["A heading without an end mark", "An ellipsis ends it...", "没有句号的一行"],
}
LEFT: dict[LineRule, list[str]] = {
    LineRule.JAVASCRIPT: ["He writes Java, not scripts."],
    LineRule.POLICY: ["Their policy on privacy is strict.", "She bakes cookies."],
    LineRule.BOILERPLATE: [
        *(
            "上一篇文章我们讲了三个问题，今天接着讲第四个问题。",
            "编辑部的故事很长。",
            "登录服务器以后，输入命令。",
            "他把照片分享给了朋友，朋友很高兴。",
        ),
        *(
            "Read more books, and you will know more than others do about it.",
            "Share prices fell on Monday.",
            "He went back to the top of the hill.",
        ),
        *(
            "Log in as root and run the command that the manual names.",
            "Weiterlesen ist eine gute Gewohnheit.",
            "Home is where the heart is.",
        ),
    ],
    LineRule.MENU: [
        "a | b | c",
        "He said: this | that | the other | and one more thing that is rather long.",
        "1 > 0.",
    ],
    LineRule.REPEATED: ["Refrain!\nRefrain!", "}\n}\n}"],
    LineRule.LONG_WORDS: ["a" * 1000, "中" * 2000],
    LineRule.FEW_WORDS: ["three little words", "六个字的句子", "ไม่มีช่องว่าง"],
    LineRule.END_PUNCTUATION: ["It ends.", "“It ends.”", "说完了。”", "真的吗？", "यह अंत है।"],
    LineRule.CITATIONS: ["an array[i] and [see below]"],
}


def only(*rules: LineRule) -> LineRules:
    return LineRules(**{rule.value: True for rule in rules})


@pytest.mark.parametrize(("rule", "line"), [(rule, line) for rule, lines in REMOVED.items() for line in lines])
def test_a_line_goes_and_is_counted(rule: LineRule, line: str) -> None:
    text, removed = edit_lines(f"{BEFORE}\n\n  {line}\n\n{AFTER}", only(rule))
    assert text == f"{BEFORE}\n\n{AFTER}"
    assert removed == {rule: 1}


@pytest.mark.parametrize(("rule", "line"), [(rule, line) for rule, lines in LEFT.items() for line in lines])
def test_a_line_stays(rule: LineRule, line: str) -> None:
    text = f"{BEFORE}\n{line}\n\n\n{AFTER}"
    assert edit_lines(text, only(rule)) == (text, {})


def test_copies_of_a_long_line_go_and_the_first_stays() -> None:
    text, removed = edit_lines(f"{BEFORE}\nB\n{BEFORE}\nB\n{BEFORE} ", only(LineRule.REPEATED))
    assert text == f"{BEFORE}\nB\nB"
    assert removed == {LineRule.REPEATED: 2}


def test_citations_go_out_of_lines_that_stay() -> None:
    text, removed = edit_lines("History[edit]\nIt was so.[12][citation needed] Yes.\n[1]", only(LineRule.CITATIONS))
    assert text == "History\nIt was so. Yes."
    assert removed == {LineRule.CITATIONS: 4}


def test_the_first_rule_that_holds_counts() -> None:
    every = only(*LineRule)
    assert edit_lines("Read more about JavaScript", every).removed == {LineRule.JAVASCRIPT: 1}
    assert edit_lines("Log in", every).removed == {LineRule.BOILERPLATE: 1}


PIECES = [line for lines in (*REMOVED.values(), *LEFT.values()) for line in lines if len(line) < 100]
TEXTS = st.lists(st.sampled_from([*PIECES, "", "  ", BEFORE]), max_size=12).map("\n".join)
RULES = st.sets(st.sampled_from(list(LineRule))).map(lambda rules: only(*rules))


@given(TEXTS, RULES)
def test_rules_remove_lines_and_nothing_else_and_once(text: str, rules: LineRules) -> None:
    edited, removed = edit_lines(text, rules)
    assert edit_lines(edited, rules) == (edited, {})
    if not removed:
        assert edited == text
    if not rules.citations:
        lines = iter(text.split("\n"))
        assert all(line == "" or any(other.strip() == line.strip() for other in lines) for line in edited.split("\n"))
        kept = sum(bool(line.strip()) for line in edited.split("\n"))
        assert kept + removed.total() == sum(bool(line.strip()) for line in text.split("\n"))


@pytest.mark.parametrize("unit", ["> ", "上一篇", "版权", "[", "[1", "copyright ", "a", "\n", "| ", "…"])
def test_a_hostile_line_is_judged(unit: str) -> None:
    edit_lines(unit * (200_000 // len(unit)), only(*LineRule))


def test_the_recipe_has_a_key_for_every_rule() -> None:
    assert list(LineEdits.model_fields) == ["kinds", *LineRule]
    assert not LineRules(**LineEdits().model_dump(exclude={"kinds"})).any


# ------------------------------------------------------------------------------------------------ in a build


def test_rules_are_of_the_fingerprint_where_a_source_has_their_kind() -> None:
    def mark(**line_rules: object) -> str:
        table = {"run": {"name": "a"}, "source": [{"name": "s", "inputs": ["x"]}], "line_rules": line_rules}
        return mark_of(EXTRACT, parse_recipe(table, "test"), extract_inputs())

    assert mark() == mark(boilerplate=True, kinds=["books"]) != mark(boilerplate=True) != mark(menu=True)


def test_a_build_edits_the_lines_of_the_kinds_that_are_named(tmp_path: Path) -> None:
    text = f"{BEFORE}\nRead more »\n{AFTER}\n上一篇：春天\n"
    for name in ("web", "book"):
        rows = [{"id": f"{name}-0", "text": text}, {"id": f"{name}-1", "text": "Log in\n\nShare"}]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(
        '[run]\nname = "lines"\nmax_failed_fraction = 1\n[line_rules]\nboilerplate = true\n'
        + "".join(
            f'[[source]]\nname = "{name}"\nkind = "{kind}"\nformat = "jsonl"\nprofile = "none"\ninputs = ["{name}.jsonl"]\n'
            for name, kind in (("web", "web"), ("book", "books"))
        ),
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pipelines.cli"]
    build = [*command, "build", str(tmp_path / "recipe.toml"), "--run-dir", str(tmp_path / "run"), "--workers", "1"]
    subprocess.run([*build, "--until", "extract"], check=True, capture_output=True, text=True, timeout=300)
    run = tmp_path / "run"
    found = [row for path in run.glob("documents/*/*.arrow") for row in pa.ipc.open_file(path).read_all().to_pylist()]
    assert {row["id"]: row["text"] for row in found} == {
        "web-0": f"{BEFORE}\n{AFTER}",
        "book-0": text.strip(),
        "book-1": "Log in\n\nShare",
    }
    (lost,) = [row for path in run.glob("failed/*/*.arrow") for row in pa.ipc.open_file(path).read_all().to_pylist()]
    assert (lost["reason"], lost["detail"]) == ("no_text", "the line rules leave no line")
    shown = subprocess.run([*command, "stats", str(run), "--json"], check=True, capture_output=True, text=True)
    assert json.loads(shown.stdout)["removed_lines"] == {"boilerplate": 2}
    assert list(verify(RunDirectory(str(run)))) == []
