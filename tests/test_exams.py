"""Loaders on tiny files in the shape in which each benchmark is published; what is not of the shape is an error that says where.

The texts are made up; shapes, names and nesting are the published ones.
"""

import gzip
import json
from pathlib import Path
from typing import Any, get_args

import pytest

from corpus.errors import InputError
from corpus.recipe import Exam, ExamFormat, ExamPart
from filters.exams.exam_files import read_exams
from filters.exams.exam_rows import options
from filters.exams.items import Item, Part
from filters.exams.published import LOADERS, load_file


def dump(*values: Any) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


#: format → file's text → what is in it: id → part → texts.
SHAPES: dict[str, list[tuple[str, dict[str, dict[str, tuple[str, ...]]]]]] = {}
# A cell with a comma has quotation marks, as in the published files.
SHAPES["mmlu"] = [
    (
        '"Find the degree of √2, given x.",0,4,2,6,B\r\n"Statement 1 | Yes,\nno.",True,False,"A, B",None,C\r\n',
        {
            "0": {"question": ("Find the degree of √2, given x.",), "options": ("0", "4", "2", "6")},
            "1": {"question": ("Statement 1 | Yes,\nno.",), "options": ("True", "False", "A, B", "None")},
        },
    )
]
SHAPES["cmmlu"] = [
    (
        "\ufeff,Question,A,B,C,D,Answer\n0,哪个部位肉质较好,胸,腹,大腿,小腿,C\n1,下列哪项正确,甲,乙,丙,丁,A\n",
        {
            "0": {"question": ("哪个部位肉质较好",), "options": ("胸", "腹", "大腿", "小腿")},
            "1": {"question": ("下列哪项正确",), "options": ("甲", "乙", "丙", "丁")},
        },
    )
]
SHAPES["ceval"] = [
    (
        "id,question,A,B,C,D,answer,explanation\n0,税率是____,一,二,三,四,B,按税法第二条\n",
        {"0": {"question": ("税率是____",), "options": ("一", "二", "三", "四"), "answer": ("按税法第二条",)}},
    ),
    (
        "id,question,A,B,C,D\n0,税率是____,一,二,三,四\n",
        {"0": {"question": ("税率是____",), "options": ("一", "二", "三", "四")}},
    ),
]
SHAPES["agieval"] = [
    (
        dump(
            {"passage": None, "question": "What is x?", "options": ["(A)270", "(B)300"], "label": "B", "answer": None, "other": {"solution": "x is 300"}},
            {"passage": "A text.", "question": "Why?", "options": None, "label": None, "answer": "2", "other": None},
        ),
        {
            "0": {"question": ("What is x?",), "options": ("270", "300"), "answer": ("x is 300",)},
            "1": {"question": ("Why?",), "passage": ("A text.",), "answer": ("2",)},
        },
    )
]  # fmt: skip
SHAPES["gaokao-bench"] = [
    (
        json.dumps({"keyword": "2010-2022_Physics_MCQs", "example": [
            {"year": "2010", "category": "I", "question": "1. 下列 A. 甲 B. 乙", "answer": ["A"], "analysis": "解析", "index": 0, "score": 6},
            {"year": "2011", "category": "II", "question": "2. 论述", "answer": "因为", "analysis": "", "index": 1, "score": 6},
        ]}, ensure_ascii=False, indent=4),
        {
            "0": {"question": ("1. 下列 A. 甲 B. 乙",), "answer": ("A", "解析")},
            "1": {"question": ("2. 论述",), "answer": ("因为",)},
        },
    )
]  # fmt: skip
SHAPES["triviaqa"] = [
    (
        json.dumps({"Data": [{"Answer": {"Aliases": ["Park Grove"], "Value": "Park Grove"}, "EntityPages": [], "Question": "Which one?", "QuestionId": "tc_3", "QuestionSource": "http://x/", "SearchResults": [{"Title": "t", "Url": "u"}]}], "Domain": "Web", "Split": "dev", "VerifiedEval": False, "Version": 1.0}),
        {"tc_3": {"question": ("Which one?",)}},
    )
]  # fmt: skip
SHAPES["naturalquestions"] = [
    (dump({"question": "when was it made", "answer": ["1999"]}), {"0": {"question": ("when was it made",)}}),
    (
        dump({"document_text": "Wikipedia <P> page", "long_answer_candidates": [], "question_text": "which is it", "annotations": [], "document_url": "u", "example_id": -123}),
        {"-123": {"question": ("which is it",)}},
    ),
]  # fmt: skip
RACE = {
    "answers": ["C", "A"],
    "options": [["one", "two", "three", "four"], ["a", "b", "c", "d"]],
    "questions": ["Who is _ ?", "What?"],
    "article": "A passage.",
    "id": "high19432.txt",
}
RACE_ITEMS: dict[str, dict[str, tuple[str, ...]]] = {
    "high19432.txt/0": {
        "question": ("Who is   ?",),
        "passage": ("A passage.",),
        "options": ("one", "two", "three", "four"),
    },
    "high19432.txt/1": {"question": ("What?",), "passage": ("A passage.",), "options": ("a", "b", "c", "d")},
}
SHAPES["race"] = [(json.dumps(RACE), RACE_ITEMS), (json.dumps(RACE, indent=2), RACE_ITEMS), (dump(RACE), RACE_ITEMS)]
SHAPES["gsm8k"] = [
    (
        dump({"question": "How many eggs?", "answer": "She has 2+1=<<2+1=3>>3 eggs.\nSo 3.\n#### 3"}),
        {"0": {"question": ("How many eggs?",), "answer": ("She has 2+1=3 eggs.\nSo 3.",)}},
    )
]
PROBLEM = {"problem": "Find $x$.", "level": "Level 5", "type": "Algebra", "solution": "It is $\\boxed{2}$."}
PROBLEM_TEXTS = {"question": ("Find $x$.",), "answer": ("It is $\\boxed{2}$.",)}
SHAPES["math"] = [
    (json.dumps(PROBLEM, indent=4), {"0": PROBLEM_TEXTS}),
    (dump(PROBLEM | {"unique_id": "test/algebra/1.json"}), {"test/algebra/1.json": PROBLEM_TEXTS}),
]
SHAPES["humaneval"] = [
    (
        dump({"task_id": "HumanEval/0", "prompt": 'def f(x):\n    """Twice."""\n', "entry_point": "f", "canonical_solution": "    return 2 * x\n", "test": "def check(f): ..."}),
        {"HumanEval/0": {"question": ('def f(x):\n    """Twice."""\n',), "answer": ("    return 2 * x\n",)}},
    )
]  # fmt: skip
SHAPES["huggingface"] = [
    (dump({"question": "Why?", "subject": "law", "choices": ["one", "two"], "answer": 1}), {"0": {"question": ("Why?",), "options": ("one", "two")}}),
    ('question,A,B,C,D\n"Why, so?",a1,b1,c1,d1\n', {"0": {"question": ("Why, so?",), "options": ("a1", "b1", "c1", "d1")}}),
]  # fmt: skip
SHAPES["mbpp"] = [
    (
        dump({"text": "Write a function.", "code": "def f(): pass", "task_id": 1, "test_setup_code": "", "test_list": ["assert f() is None"], "challenge_test_list": []}),
        {"1": {"question": ("Write a function.",), "answer": ("def f(): pass",)}},
    ),
    (
        json.dumps([{"source_file": "s", "task_id": 2, "prompt": "Write a function.", "code": "def f(): pass", "test_imports": [], "test_list": []}]),
        {"2": {"question": ("Write a function.",), "answer": ("def f(): pass",)}},
    ),
]  # fmt: skip
SHAPES["jsonl"] = [
    (
        dump(
            {"id": "a/1", "exam": "X", "question": "Why?", "options": ["(A)one", "B. two"], "answer": "B", "passage": None, "subject": "s"},
            {"id": 7, "question": "How?", "options": None, "answer": ["a", "b"], "passage": "A text."},
        ),
        {
            "a/1": {"question": ("Why?",), "options": ("one", "two"), "answer": ("B",)},
            "7": {"question": ("How?",), "answer": ("a", "b"), "passage": ("A text.",)},
        },
    )
]  # fmt: skip
SHAPES["clue"] = [
    (dump({"sentence1": "一", "sentence2": "二", "label": "0"}), {"0": {"question": ("一", "二")}}),  # AFQMC, CMNLI
    (
        dump({"level": "easy", "sentence1": "一", "sentence2": "二", "label": "neutral", "genre": "lit", "prem_id": "lit_1", "id": 5}),
        {"5": {"question": ("一", "二")}},
    ),  # OCNLI, BUSTM
    (
        dump({"label": "102", "label_desc": "news_entertainment", "sentence": "标题", "keywords": "甲,乙"}),
        {"0": {"question": ("标题",)}},
    ),  # TNEWS, IFLYTEK, EPRSTMT
    (dump({"content": "摘要", "label": "园艺学", "id": 1770}), {"1770": {"question": ("摘要",)}}),  # CSLDCP
    (
        dump({"target": {"span2_index": 3, "span1_index": 0, "span1_text": "床", "span2_text": "它"}, "idx": 2, "label": "false", "text": "床上的它"}),
        {"0": {"question": ("床上的它",)}},
    ),  # WSC
    (
        dump({"id": 1, "abst": "摘要", "keyword": ["甲", "乙"], "label": "1"}),
        {"1": {"passage": ("摘要",)}},
    ),  # CSL
    (
        dump({"content": ["打了一个#idiom000001#，加上", "再来#idiom000002#"], "candidates": ["甲", "乙"]}),
        {"0": {"question": ("打了一个", "，加上", "再来")}},
    ),  # CHID of CLUE
    (
        dump({"id": 1421, "candidates": ["甲"], "content": "打了一个#idiom#，加上", "answer": 0}),
        {"1421": {"question": ("打了一个", "，加上")}},
    ),  # CHID of FewCLUE
    (
        json.dumps([[["男：你好。", "女：再见。"], [{"question": "他们", "choice": ["甲", "乙"], "answer": "甲"}], "3-1"]]),
        {"3-1/0": {"question": ("他们",), "passage": ("男：你好。", "女：再见。"), "options": ("甲", "乙")}},
    ),  # C3
    (
        json.dumps({"version": "v1.0", "data": [{"paragraphs": [{"id": "T", "context": "文", "qas": [{"question": "问", "id": "T_0", "answers": [{"text": "文", "answer_start": 0}]}]}], "id": "T", "title": "题"}]}),
        {"T_0": {"question": ("问",), "passage": ("文",)}},
    ),  # CMRC 2018 in CLUE, DRCD
    (
        json.dumps([{"context_id": "T", "context_text": "文", "qas": [{"query_text": "问", "query_id": "T_Q", "answers": ["文"]}], "title": "题"}]),
        {"T_Q": {"question": ("问",), "passage": ("文",)}},
    ),  # CMRC 2018 as its authors have it
]  # fmt: skip

CASES = [(format, text, expected) for format, shapes in SHAPES.items() for text, expected in shapes]


@pytest.mark.parametrize(("format", "text", "expected"), CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)])
def test_a_published_file_gives_its_items(format: ExamFormat, text: str, expected: dict[str, Any]) -> None:
    for data in (text.encode(), gzip.compress(text.encode())):
        found = {
            number: {part.value: texts for part, texts in parts.items()}
            for number, parts in load_file(data, format, "f")
        }
        assert found == expected


def test_every_format_has_a_loader_and_a_shape() -> None:
    assert set(LOADERS) == set(get_args(ExamFormat)) == set(SHAPES)
    assert set(get_args(ExamPart)) == {part.value for part in Part}


@pytest.mark.parametrize("format", get_args(ExamFormat))
@pytest.mark.parametrize(
    "data", [b"\xff\xfe", b"\x1f\x8b\x08garbage", b'{"other": 1}\n', b"[1]", b'"text"', b"a,b\n1,2\n", b"[" * 100_000]
)
def test_what_is_not_of_the_format_is_an_error_that_names_the_file(format: ExamFormat, data: bytes) -> None:
    with pytest.raises(InputError, match=r"^dir/file\.x: ") as caught:
        list(load_file(data, format, "dir/file.x"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("format", "text", "said"),
    [
        ("mmlu", "q,a,b,c,d,A\nq,a,b\n", "row 2: 3 columns, not the 6 of MMLU"),
        ("cmmlu", ",Question,A,B,C,Answer\n", "has no 'd'"),
        ("ceval", "id,question,A,B,C,D\n0,q,a\n", "row 2: 3 columns, its header has 6"),
        ("gsm8k", '{"question": "q"}\n', "line 1: no 'answer', only question"),
        ("gsm8k", '\n{"question": 3, "answer": "a"}\n', "line 2: 'question' is int, not a string"),
        ("race", dump(RACE | {"options": []}), "2 questions, but not as many lists of options"),
        ("clue", '{"#idiom000001#": 3}\n', "of no task of CLUE: its keys are #idiom000001#"),
        ("huggingface", '{"title": "a", "body": "b"}\n', "line 1: columns of no known benchmark (body, title); rename"),
        (
            "huggingface",
            '{"question": "q", "choices": {"label": ["A"]}, "id": 3}\n{"question": "q", "choices": [1]}',
            "'choices' is neither",
        ),
        ("jsonl", '{"id": "a"}\n', "line 1: no 'question'"),
        ("agieval", '{"question": "q", "options": [1]}\n', "'options' is neither a string nor a list of strings"),
    ],
)
def test_errors_say_where_and_what(format: ExamFormat, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        list(load_file(text.encode(), format, "f"))
    assert said in str(caught.value)


def test_letters_of_choices_go_and_nothing_else() -> None:
    given = ["(A)270", "B. two", "（C）三", "D、四", "A cat", "e) five", "F: six", "270"]
    assert options(given) == ("270", "two", "三", "四", "A cat", "e) five", "six", "270")


# ------------------------------------------------------------------------------------------------ the recipe's files


def exam(**more: Any) -> Exam:
    return Exam(**({"name": "e", "format": "gsm8k", "files": ["*.jsonl"]} | more))


def rows(*questions: str) -> str:
    return dump(*({"question": question, "answer": "Because."} for question in questions))


def test_items_are_named_by_file_and_row_wherever_the_files_lie(tmp_path: Path) -> None:
    for place in ("here", "there/too"):
        for name, questions in (("dev/a.jsonl", ["one"]), ("test/a.jsonl", ["two", "three"])):
            (tmp_path / place / name).parent.mkdir(parents=True)
            (tmp_path / place / name).write_text(rows(*questions))
    found = [
        read_exams([exam(files=files)], tmp_path / place, where="recipe")
        for place in ("here", "there/too")
        for files in (["*/*.jsonl"], ["test/a.jsonl", "dev/*.jsonl", "test/*.jsonl"])
    ]
    assert found[0] == found[1] == found[2] == found[3]
    assert [(item.id, item.parts[Part.QUESTION][0]) for item in found[0]] == [
        ("dev/a.jsonl/0", "one"),
        ("test/a.jsonl/0", "two"),
        ("test/a.jsonl/1", "three"),
    ]


def test_parts_that_are_not_asked_for_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(rows("one"))
    found = read_exams([exam(parts=["question"])], tmp_path, where="recipe")
    assert found == [Item("e", "a.jsonl/0", {Part.QUESTION: ("one",)})]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"files": ["no-*.jsonl"]}, r"recipe: exam 'e': 'no-\*\.jsonl' matches no file"),
        ({"files": ["nosuch://a/b"]}, "recipe: exam 'e': cannot list 'nosuch://a/b'"),
        ({"format": "jsonl", "files": ["twice.jsonl"]}, "a second item 'x'"),
        ({"format": "mmlu"}, "recipe: exam 'e': .*columns, not the 6 of MMLU"),
    ],
)
def test_files_that_cannot_be_read_are_errors_of_one_line(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    (tmp_path / "a.jsonl").write_text(rows("one"))
    (tmp_path / "twice.jsonl").write_text(dump({"id": "x", "question": "a"}, {"id": "x", "question": "b"}))
    with pytest.raises(InputError, match=said):
        read_exams([exam(**more)], tmp_path, where="recipe")


def test_an_item_without_an_id_is_named_by_its_texts() -> None:
    one: dict[str, Any] = {"question": "一加一等于几?", "options": ["一", "二"]}
    other = {"question": "一加一等于几?", "options": ["一二"]}

    def ids(*rows: dict[str, Any]) -> list[str]:
        return [own for own, _ in load_file(dump(*rows).encode(), "jsonl", "f")]

    first, second = ids(one, other)
    assert first != second
    assert ids(other, {"id": "named"} | one, one | {"id": None}) == [second, "named", first]
    assert ids(one, one, other) == [first, second]  # the same texts are looked for once
    assert ids({"id": 0} | one) == ["0"]
