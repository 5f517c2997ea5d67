"""`filters.parity.jieba_words`: a small made dictionary against a plain Python reference, and the real one against jieba itself
where it is installed."""

import importlib.util
import itertools
import math
import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import InputError
from corpus.unicode import code_points
from corpus.unicode.segmentation import classify
from filters.parity import jieba_signals, jieba_words

INSTALLED = importlib.util.find_spec("jieba") is not None

WORDS = {
    "中国": 50,
    "中国人": 20,
    "国人": 5,
    "人民": 30,
    "人": 90,
    "的": 200,
    "民": 3,
    "T恤": 4,
    "C++": 6,
    "学习": 12,
    "大学": 9,
}
WORDS |= {"大": 40, "一二三四": 7, "二三": 8, "乙": 0}
START = {"B": -0.26, "E": -3.14e100, "M": -3.14e100, "S": -1.46}
STEPS = {
    "B": {"E": -0.51, "M": -0.91},
    "E": {"B": -0.58, "S": -0.80},
    "M": {"E": -0.33, "M": -1.26},
    "S": {"B": -0.72, "S": -0.66},
}
EMISSIONS: dict[str, dict[str, float]] = {
    state: {c: -2.0 - (ord(c) * (row + 3)) % 7 for c in "中国人民的学大一二三四习甲乙" if (ord(c) + row) % 5}
    for row, state in enumerate("BEMS")
}


def cut(text: str, tables: jieba_words.JiebaTables) -> list[str]:
    size = len(text)
    points = np.array([*map(ord, text), 0], dtype=np.uint32)
    flags = np.zeros(size + 1, np.uint16)
    classify(points, size, code_points.load().classes, flags)
    starts, ends, after = (np.zeros(size + 1, np.int32) for _ in range(3))
    best, back = np.zeros(size + 1), np.zeros(4 * size + 4, np.uint8)
    count = jieba_words.cut_chinese(
        points, flags, 0, size, tables.keys, tables.scores, tables.unknown, tables.start, tables.transitions,
        tables.emissions, best, after, back, starts, ends,
    )  # fmt: skip
    return [text[start:end] for start, end in zip(starts[:count], ends[:count], strict=True)]


def by_model(run: str) -> list[str]:
    """The most likely states of a run of han characters, over all paths' best, letter by letter."""
    before = {"B": "ES", "M": "MB", "S": "SE", "E": "BM"}
    scores = {state: START[state] + EMISSIONS[state].get(run[0], -3.14e100) for state in "BMES"}
    paths = {state: state for state in "BMES"}
    for c in run[1:]:
        ways = {
            state: max((scores[b] + STEPS[b][state] + EMISSIONS[state].get(c, -3.14e100), b) for b in before[state])
            for state in "BMES"
        }
        scores = {state: way[0] for state, way in ways.items()}
        paths = {state: paths[way[1]] + state for state, way in ways.items()}
    path = paths[max((scores[state], state) for state in "ES")[1]]
    found, begin, after = [], 0, 0
    for i, state in enumerate(path):
        if state == "B":
            begin = i
        elif state in "ES":
            found.append(run[begin if state == "E" else i : i + 1])
            after = i + 1
    return [*found, run[after:]] if after < len(run) else found


def expected(text: str, words: Mapping[str, int]) -> list[str]:
    total = math.log(sum(words.values()))
    beginnings = {word[:n] for word in words for n in range(1, len(word) + 1)}
    found: list[str] = []
    for block in re.findall(r"[一-鿕a-zA-Z0-9+#&._%\-]+|.", text, re.DOTALL):
        if not re.match(r"[一-鿕a-zA-Z0-9+#&._%\-]", block):
            found += [] if block.isspace() else [block]
            continue
        route: dict[int, tuple[float, int]] = {len(block): (0.0, 0)}
        for i in range(len(block) - 1, -1, -1):
            ends = []
            for j in range(i + 1, len(block) + 1):
                if block[i:j] not in beginnings:
                    break
                ends += [j] if words.get(block[i:j]) else []
            route[i] = max((math.log(words.get(block[i:j]) or 1) - total + route[j][0], j) for j in ends or [i + 1])
        pieces, i = [], 0
        while i < len(block):
            pieces.append(block[i : route[i][1]])
            i = route[i][1]
        for single, run in itertools.groupby(pieces, lambda piece: len(piece) == 1):
            group = list(run)
            joined = "".join(group)
            if not single or len(group) == 1 or words.get(joined):
                found += group
                continue
            for part in re.findall(r"[一-鿕]+|[^一-鿕]+", joined):
                if re.match("[一-鿕]", part):
                    found += by_model(part)
                else:
                    found += [piece for piece in re.split(r"([a-zA-Z0-9]+(?:\.\d+)?%?)", part) if piece]
    return found


TEXTS = st.one_of(
    st.text(st.sampled_from("中国人民的学习大一二三四甲乙丙T恤C+.1%a，。 \n"), max_size=40),
    st.lists(st.sampled_from([*WORDS, "甲", "乙", "丁", "3.14%", "a.b", " ", "，", "é"]), max_size=20).map("".join),
)


@settings(max_examples=800, deadline=None)
@given(TEXTS)
def test_words_are_those_of_the_reference(text: str) -> None:
    tables = jieba_words.make_tables(WORDS.items(), START, STEPS, EMISSIONS)
    assert cut(text, tables) == expected(text, WORDS)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_words_are_the_text_without_its_white_space(text: str) -> None:
    tables = jieba_words.make_tables(WORDS.items(), START, STEPS, EMISSIONS)
    assert "".join(cut(text, tables)) == "".join(text.split())


@pytest.mark.skipif(not INSTALLED, reason="needs the extra jieba")
def test_real_words_are_jiebas() -> None:
    import jieba

    text = (
        "我们在学习自然语言处理，小明硕士毕业于中国科学院计算所，后在日本京都大学深造。工信处女干事每月经过下属科室都要亲口交代"
        "24口交换机等技术性器件的安装工作。他来到了网易杭研大厦，买了一件T恤，花了3.5%的钱；C++和python都会。臺灣的繁體字也要斷詞。"
    )
    assert cut(text, jieba_words.load()) == [word for word in jieba.cut(text) if not word.isspace()]


@pytest.mark.skipif(not INSTALLED, reason="needs the extra jieba")
def test_signals_are_of_chinese_documents_alone() -> None:
    import jieba

    text = "我们在学习自然语言处理，我们在学习自然语言处理。\n今天的年月日。"
    words = [word for word in jieba.cut(text) if not word.isspace()]
    columns = jieba_signals.measure(pa.array([text, text, ""]), ["zh", "en", "zh"])
    assert columns["jieba_words"].tolist() == [len([word for word in words if word not in "，。"]), 0, 0]
    assert columns["jieba_stop_words"].tolist() == [len({*words} & {*"的年在月是和日了"}), 0, 0]
    assert columns["jieba_newline_word_ratio"][0] == np.float32(1 / len(words))
    assert columns["jieba_top_2_gram_character_ratio"][0] == np.float32(2 * len("我们 在") / len(text))


def test_a_missing_package_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install jieba==0\.42\.1"):
        jieba_words.package_folder()


def test_another_dictionary_is_refused(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "dict.txt").write_text("一 1 m\n")
    with pytest.raises(InputError, match="not the dictionary of jieba"):
        jieba_words._load(folder)
