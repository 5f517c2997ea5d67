"""What is found of evaluation items in documents: against a plain reading, where it stands, however it is written; and nothing
where there is nothing.

The small set below always runs; `test_recall_and_false_positives_on_real_pages` reads the real exams and pages, and is
skipped where they are not there. benchmarks/bench_decontamination.py measures the whole of both.
"""

import gzip
import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_letters as reference
from filters.exams.grams import GramSettings
from filters.exams.index import ExamIndex, build_index
from filters.exams.items import Item, Part
from filters.exams.search import BRIDGED_LETTERS, LEAST_COVERAGE, Match, find_items

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


RELAXED = settings(deadline=None, max_examples=150)
SMALL = GramSettings(words=3, characters=10, whole_words=2, whole_characters=8)


def find(text: str, index: ExamIndex) -> list[Match]:
    return find_items(pa.array([text], pa.large_string()), index).get(0, [])


def of_text(text: str, matches: list[Match]) -> list[str]:
    return [text.encode()[match.begin : match.end].decode() for match in matches]


# ------------------------------------------------------------------------------------------------ against a plain reading

PIECES = [
    "consider the following statement about electromagnetic waves",
    "下列关于光的折射率的说法正确的是",
    "Which of these is a unit of pressure?",
    "如果 x 大于 12，那么 f(x) 是多少",
    "a bookstore counts its volumes twice before midnight",
    "no such thing",
    "ﬁ½ＡＢＣ１２３ café ｶﾞ",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=4).map(" ".join)


@st.composite
def exams(draw: st.DrawFn) -> list[Item]:
    parts = st.dictionaries(st.sampled_from(Part), st.lists(TEXTS, min_size=1, max_size=2).map(tuple))
    return [Item("e", str(number), each) for number, each in enumerate(draw(st.lists(parts, max_size=12)))]


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Pieces of the exams, some cut, some in other clothes, with noise between them."""
    written: list[Callable[[str], str]] = [
        str.upper,
        str.lower,
        lambda t: t.replace(" ", "\n"),
        lambda t: t.replace("，", "; "),
    ]
    pieces = st.sampled_from(PIECES) | st.text("ab 光。", max_size=8)
    dressed = st.builds(
        lambda piece, dress, cut: dress(piece)[cut:], pieces, st.sampled_from(written), st.integers(0, 3)
    )
    return draw(st.sampled_from([" ", "", "\n\n", "。"])).join(draw(st.lists(dressed, max_size=10)))


@RELAXED
@given(exams(), st.lists(documents(), max_size=3))
def test_coverages_are_those_of_the_plain_reading(items: list[Item], texts: list[str]) -> None:
    index, expected_texts = build_index(items, SMALL), reference.texts_of(items, SMALL)
    found = find_items(pa.array(texts, pa.large_string()), index)
    for row, text in enumerate(texts):
        expected = {
            key: share for key, share in reference.coverages(text, expected_texts).items() if share >= LEAST_COVERAGE
        }
        assert {(m.exam, m.item, m.part): m.coverage for m in found.get(row, [])} == expected
        for match in found.get(row, []):
            assert 0 <= match.begin < match.end <= len(text.encode())
            text.encode()[match.begin : match.end].decode()  # cuts no character


@RELAXED
@given(exams(), st.lists(documents(), min_size=1, max_size=4), st.integers(0, 3))
def test_a_document_is_read_alone(items: list[Item], texts: list[str], first: int) -> None:
    """Neither the batch, its slices, nor the width of its offsets matter."""
    index = build_index(items, SMALL)
    together = find_items(pa.array(texts, pa.large_string()), index)
    assert together == {row: found for row, text in enumerate(texts) if (found := find(text, index))}
    rest = find_items(pa.array(texts, pa.string())[first:], index)
    assert rest == {row - first: found for row, found in together.items() if row >= first}


# ------------------------------------------------------------------------------------------------ places

ENGLISH = (
    "A bookstore counts the volumes on its forty shelves twice before midnight, and once more in the morning. How many "
    "volumes does the owner write down in the end, when every shelf but one holds thirty books?"
)
CHINESE = "书店在午夜之前把四十个书架上的书数了两遍，如果只有一个书架不是三十本书，那么店主记下了多少本书？"
TRADITIONAL = "書店在午夜之前把四十個書架上的書數了兩遍，如果隻有一個書架不是三十本書，那麼店主記下了多少本書？"
INDEX = build_index(
    [
        Item("own", "en", {Part.QUESTION: (ENGLISH,), Part.OPTIONS: ("1,170", "1,200")}),
        Item("own", "zh", {Part.QUESTION: (CHINESE,)}),
        Item("other", "zh", {Part.ANSWER: (CHINESE,)}),
    ],
    GramSettings(),
)


def test_a_match_names_its_items_and_the_passage_with_its_last_mark() -> None:
    text = f"Ａ page，with a quiz.  {ENGLISH} The answer is secret. {TRADITIONAL}答案是秘密。"
    matches = find(text, INDEX)
    assert [(m.exam, m.item, m.part, m.coverage) for m in matches] == [
        ("own", "en", "question", 1.0),
        ("other", "zh", "answer", 1.0),
        ("own", "zh", "question", 1.0),
    ]
    assert of_text(text, matches) == [ENGLISH, TRADITIONAL, TRADITIONAL]


def test_a_text_that_stands_twice_has_two_places_and_a_gap_in_it_is_bridged() -> None:
    far = "x y z. " * BRIDGED_LETTERS
    twice = f"{ENGLISH} {far} {ENGLISH}"
    assert of_text(twice, find(twice, INDEX)) == [ENGLISH, ENGLISH]
    changed = ENGLISH.replace("morning", "early evening")
    (match,) = find(changed, INDEX)
    assert of_text(changed, [match]) == [changed]
    assert 0.3 < match.coverage < 0.7


def test_what_is_quoted_in_part_is_found_in_part() -> None:
    words = ENGLISH.split()
    (match,) = find(" ".join(words[:20]), INDEX)
    runs = reference.runs_of(ENGLISH, GramSettings(), whole=True)
    assert match.coverage == pytest.approx(8 / len(runs))
    assert find(" ".join(words[:12]), INDEX) == []


@pytest.mark.parametrize("text", ["", " ", "。", "\x00", "a", "The owner of a bookstore went home before midnight."])
def test_nothing_is_found_where_nothing_is(text: str) -> None:
    assert find(text, INDEX) == []
    assert find_items(pa.array([], pa.large_string()), INDEX) == {}


def test_a_megabyte_of_one_formula_ends() -> None:
    """Every position passes the anchors: the work is linear all the same."""
    stem = "which of the following statements about the history of"
    items = [
        Item("e", str(n), {Part.QUESTION: (f"{stem} {'the ' * (n % 40)} number {n} is true?",)}) for n in range(400)
    ]
    index = build_index(items, GramSettings())
    text = f"{stem} the number 7 is true? " * 20_000
    found = find_items(pa.array([text], pa.large_string()), index)
    assert all(match.end <= len(text) for match in found.get(0, []))


@pytest.mark.parametrize(("texts", "error"), [(pa.array([1]), TypeError), (pa.array(["a", None]), ValueError)])
def test_what_is_no_text_is_refused(texts: pa.Array, error: type[Exception]) -> None:
    with pytest.raises(error):
        find_items(texts, INDEX)


# ------------------------------------------------------------------------------------------------ ways to write a question

_FULL = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
_HALF = {full: half for half, full in _FULL.items()}
_MARKS = str.maketrans(
    {",": ";", ".": "!", "?": ".", "'": "’", "(": "[", ")": "]", "-": "–", "，": "、", "。": "；", "？": "！"}
)
PAGE = (
    "It was a quiet afternoon in the library, and nobody had asked for anything since noon. The clock above the door was late.\n\n"
    "图书馆里一个安静的下午，从中午起就没有人来问过什么。门上的钟走得慢了，没有人注意到。\n\nThe end of the page."
)
WAYS: dict[str, Callable[[str], str]] = {
    "verbatim": lambda text: text,
    "wrapped": lambda text: "\n".join(
        textwrap.wrap(text, 40) if text.isascii() else [text[at : at + 20] for at in range(0, len(text), 20)]
    ),
    "embedded": lambda text: f"people say {text.strip('?？')} and then go on",
    "punctuation": lambda text: text.translate(_MARKS),
    "width": lambda text: text.translate(_FULL | _HALF),
    "upper case": str.upper,
    "decomposed": lambda text: text.replace("é", "e\u0301"),
}
#: Question → in traditional characters, where it is Chinese.
QUESTIONS = {
    "A farmer sells 24 eggs every morning and bakes the rest into muffins; how many eggs does she bake in a week?": "",
    "The café's owner writes down the well-known recipe for 3.5 litres of soup: how much salt is in one bowl of it?": "",
    "下列关于细胞膜结构和功能的叙述中，哪一项与实验结果是相符的？": "下列關於細胞膜結構和功能的敘述中，哪一項與實驗結果是相符的？",
    "已知函数f(x)=2x+1的图像经过点A，则该点的坐标发生了什么变化？": "已知函數f(x)=2x+1的圖像經過點A，則該點的坐標發生了什麼變化？",
}


@pytest.mark.parametrize("way", [*WAYS, "script"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_found_however_it_is_written(question: str, way: str) -> None:
    index = build_index([Item("own", "q", {Part.QUESTION: (question,)})], GramSettings())
    written = WAYS[way](question) if way in WAYS else QUESTIONS[question] or question
    for at in (0, 60, len(PAGE)):
        text = f"{PAGE[:at]} {written} {PAGE[at:]}"
        (match,) = find(text, index)
        assert match.coverage == 1.0
        begin = text.encode()[: match.begin].decode()
        assert len(begin) - 1 <= at + len("people say ")
    assert find(PAGE, index) == []


# ------------------------------------------------------------------------------------------------ real exams, real pages


def real_items() -> Iterator[Item]:
    from filters.exams.published import load_file

    for path in sorted((DATA / "exams").glob("*.jsonl.gz")):
        for number, parts in load_file(path.read_bytes(), "jsonl", str(path)):
            yield Item(path.name.partition(".")[0], number, parts)


@pytest.mark.skipif(not (DATA / "exams").is_dir(), reason="needs the exams beside the repository")
def test_recall_and_false_positives_on_real_pages() -> None:
    items = list(real_items())
    index = build_index(items, GramSettings())
    with gzip.open(DATA / "text" / "open-00.jsonl.gz", "rt", encoding="utf-8") as lines:
        pages = [json.loads(line)["text"] for _, line in zip(range(2_000), lines, strict=False)]
    assert find_items(pa.array(pages, pa.large_string()), index) == {}
    # Every seventh question that is long enough, planted; a formula of many items is none that can be found.
    grams = {(row["exam"], row["item"]): row["grams"] for row in index.items.to_pylist() if row["part"] == "question"}
    chosen = [item for item in items[::7] if grams.get((item.exam, item.id), 0) >= 1]
    planted = [
        f"{page[:at]} {item.parts[Part.QUESTION][0]} {page[at:]}"
        for number, item in enumerate(chosen)
        for page in [pages[number % len(pages)][:3_000]]
        for at in [number * 7919 % (len(page) + 1)]
    ]
    found = find_items(pa.array(planted, pa.large_string()), index)
    best = [
        max((m.coverage for m in found.get(row, []) if (m.exam, m.item) == (item.exam, item.id)), default=0.0)
        for row, item in enumerate(chosen)
    ]
    assert len(chosen) > 1_000
    assert np.mean(np.array(best) >= 0.99) >= 0.999
