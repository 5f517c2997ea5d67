"""Benchmarks by the columns that they have on Hugging Face's hub, in Parquet and JSON lines."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.errors import InputError
from corpus.recipe import Exam
from filters.exams.exam_files import read_exams
from filters.exams.exam_rows import Row
from filters.exams.hub_layouts import LAYOUTS, layout_of
from filters.exams.items import Part
from filters.exams.published import load_file

#: A row of each data set, with all of its columns, and the item.
ROWS: dict[str, tuple[dict[str, Any], str, dict[str, tuple[str, ...]]]] = {
    "cais/mmlu": (
        {"question": "Which?", "subject": "law", "choices": ["a", "b", "c", "d"], "answer": 2},
        "0", {"question": ("Which?",), "options": ("a", "b", "c", "d")},
    ),
    "TIGER-Lab/MMLU-Pro": (
        {"question_id": 70, "question": "Which?", "options": ["a", "b"], "answer": "B", "answer_index": 1,
         "cot_content": "Let us think.", "category": "law", "src": "s"},
        "70", {"question": ("Which?",), "options": ("a", "b"), "answer": ("Let us think.",)},
    ),
    "ceval/ceval-exam": (
        {"id": 4, "question": "哪个？", "A": "甲", "B": "乙", "C": "丙", "D": "丁", "answer": "A", "explanation": "因为"},
        "4", {"question": ("哪个？",), "options": ("甲", "乙", "丙", "丁"), "answer": ("因为",)},
    ),
    "haonan-li/cmmlu": (
        {"Question": "哪个？", "A": "甲", "B": "乙", "C": "丙", "D": "丁", "Answer": "A"},
        "0", {"question": ("哪个？",), "options": ("甲", "乙", "丙", "丁")},
    ),
    "lukaemon/bbh": ({"input": "not ( True ) is", "target": "False"}, "0", {"question": ("not ( True ) is",)}),
    "allenai/ai2_arc": (
        {"id": "M_1", "question": "Which?", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "A"},
        "M_1", {"question": ("Which?",), "options": ("a", "b")},
    ),
    "Rowan/hellaswag": (
        {"ind": 24, "activity_label": "Roof", "ctx_a": "A man.", "ctx_b": "he", "ctx": "A man. he", "endings": ["x", "y"],
         "source_id": "s", "split": "val", "split_type": "in", "label": "3"},
        "24", {"question": ("A man. he",), "options": ("x", "y")},
    ),
    "allenai/winogrande": (
        {"sentence": "She met _ there.", "option1": "Ann", "option2": "Eve", "answer": "1"},
        "0", {"question": ("She met   there.",), "options": ("Ann", "Eve")},
    ),
    "ybisk/piqa": (
        {"goal": "Open a jar", "sol1": "Twist it.", "sol2": "Eat it.", "label": 0},
        "0", {"question": ("Open a jar",), "options": ("Twist it.", "Eat it.")},
    ),
    "google/boolq": (
        {"question": "is it", "answer": True, "passage": "It is."},
        "0", {"question": ("is it",), "passage": ("It is.",)},
    ),
    "Idavidrein/gpqa": (
        {"Pre-Revision Question": "Old?", "Question": "Which?", "Correct Answer": "a", "Incorrect Answer 1": "b",
         "Incorrect Answer 2": "c", "Incorrect Answer 3": "d", "Explanation": "Since.", "Record ID": "rec1"},
        "rec1", {"question": ("Which?",), "options": ("a", "b", "c", "d"), "answer": ("Since.",)},
    ),
    "google/IFEval": (
        {"key": 1000, "prompt": "Write 300 words.", "instruction_id_list": ["p:no_comma"], "kwargs": [{"n": 3}]},
        "1000", {"question": ("Write 300 words.",)},
    ),
    "livecodebench/code_generation_lite": (
        {"question_title": "A", "question_content": "Given n, print n.", "platform": "p", "question_id": "abc_a",
         "contest_id": "c", "starter_code": "", "public_test_cases": "[]", "metadata": "{}"},
        "abc_a", {"question": ("Given n, print n.",)},
    ),
    "juletxara/mgsm": (
        {"question": "有几个？", "answer": None, "answer_number": 18, "equation_solution": None},
        "0", {"question": ("有几个？",)},
    ),
    "openai/gsm8k": (
        {"question": "How many?", "answer": "1+1=<<1+1=2>>2.\n#### 2"},
        "0", {"question": ("How many?",), "answer": ("1+1=2.",)},
    ),
    "allenai/openbookqa": (
        {"id": "7-9", "question_stem": "The sun", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "A"},
        "7-9", {"question": ("The sun",), "options": ("a", "b")},
    ),
}  # fmt: skip


def parquet(*rows: dict[str, Any]) -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), written)
    return written.getvalue()


@pytest.mark.parametrize("name", ROWS)
def test_a_data_set_gives_its_items_in_every_form(name: str) -> None:
    row, number, expected = ROWS[name]
    line = json.dumps(row, ensure_ascii=False).encode()
    for data in (line + b"\n", b"[" + line + b"]", parquet(row)):
        found = [
            (own, {part.value: texts for part, texts in parts.items()})
            for own, parts in load_file(data, "huggingface", "f")
        ]
        assert found == [(number, expected)]


def test_each_layout_is_taken_by_its_own_columns() -> None:
    for layout in LAYOUTS:
        assert layout_of(Row(dict.fromkeys(layout.needs, ""), "f")) == layout


def test_a_format_of_json_lines_is_read_from_parquet_too() -> None:
    row = ROWS["openai/gsm8k"][0]
    assert list(load_file(parquet(row, row), "gsm8k", "f")) == [
        (number, {Part.QUESTION: ("How many?",), Part.ANSWER: ("1+1=2.",)}) for number in ("0", "1")
    ]


def test_a_damaged_parquet_file_is_one_line_that_names_it() -> None:
    data = parquet(*(ROWS["cais/mmlu"][0] for _ in range(5)))
    for damaged in (
        data[:-9],
        data[:40] + b"PAR1",
        data[:-8] + b"\xff" * 4 + b"PAR1",
        data[:4] + bytes(len(data) - 300) + data[-296:],
    ):
        with pytest.raises(InputError, match=r"^f: ") as caught:
            list(load_file(damaged, "huggingface", "f"))
        assert "\n" not in str(caught.value)


def test_a_recipe_reads_parquet_by_a_glob(tmp_path: Path) -> None:
    for split in ("test", "dev"):
        (tmp_path / f"{split}-00000-of-00001.parquet").write_bytes(parquet(ROWS["cais/mmlu"][0]))
    found = read_exams([Exam(name="mmlu", format="huggingface", files=["*.parquet"])], tmp_path, where="recipe")
    assert [item.id for item in found] == ["dev-00000-of-00001.parquet/0", "test-00000-of-00001.parquet/0"]
