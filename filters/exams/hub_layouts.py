"""Benchmarks as they stand on Hugging Face's hub: a row's columns say which benchmark it is of, and so which are its texts.

The files are Parquet (read as JSON lines: filters.exams.parquet_lines), JSON lines, a JSON list, or CSV with a header. The first
layout whose `needs` are all among the columns of a row is taken. Columns are those of the data sets' cards: cais/mmlu,
TIGER-Lab/MMLU-Pro, ceval/ceval-exam, haonan-li/cmmlu, lukaemon/bbh, allenai/ai2_arc, Rowan/hellaswag, allenai/winogrande,
ybisk/piqa, google/boolq, Idavidrein/gpqa, google/IFEval, livecodebench/code_generation_lite, juletxara/mgsm, and of some others.

Raises InputError, naming the row and its columns, for a row of no layout.
"""

import dataclasses
from collections.abc import Iterator

from corpus.errors import InputError
from filters.exams.exam_rows import Loaded, Row, json_rows, options, text_rows, without_calculations
from filters.exams.items import Part


@dataclasses.dataclass(frozen=True)
class Layout:
    """Columns of one or several benchmarks by what they are to an item."""

    names: str  # of the benchmarks
    question: str
    options: tuple[str, ...] = ()  # one with a list, or with `text` and `label` in lists; or one for each choice
    passage: str | None = None
    answer: str | None = None  # may be missing or null
    id: str = "id"  # may be missing: the row's number
    others: tuple[str, ...] = ()  # columns that tell this layout from another
    has_gaps: bool = False  # `_` in the question is a gap, where a page has another sign or the word

    @property
    def needs(self) -> frozenset[str]:
        return frozenset((self.question, *self.options, *filter(None, (self.passage,)), *self.others))


LAYOUTS = (
    Layout("HellaSwag", "ctx", options=("endings",), id="ind"),
    Layout("WinoGrande", "sentence", options=("option1", "option2"), has_gaps=True),
    Layout("PIQA", "goal", options=("sol1", "sol2")),
    Layout("GPQA", "Question", options=("Correct Answer", *(f"Incorrect Answer {number}" for number in (1, 2, 3))),
           answer="Explanation", id="Record ID"),
    Layout("CMMLU", "Question", options=("A", "B", "C", "D")),
    Layout("C-Eval", "question", options=("A", "B", "C", "D"), answer="explanation"),
    Layout("RACE", "question", options=("options",), passage="article", id="example_id"),
    Layout("MMLU-Pro", "question", options=("options",), answer="cot_content", id="question_id"),
    Layout("MMLU, ARC, CommonsenseQA", "question", options=("choices",)),
    Layout("OpenBookQA", "question_stem", options=("choices",)),
    Layout("AGIEval", "query", options=("choices",)),
    Layout("BoolQ, DROP", "question", passage="passage"),
    Layout("SQuAD, CMRC 2018", "question", passage="context"),
    Layout("IFEval", "prompt", id="key", others=("instruction_id_list",)),
    Layout("LiveCodeBench", "question_content", id="question_id"),
    Layout("HumanEval", "prompt", answer="canonical_solution", id="task_id", others=("canonical_solution",)),
    Layout("MBPP", "text", answer="code", id="task_id", others=("code",)),
    Layout("MATH", "problem", answer="solution", id="unique_id", others=("solution",)),
    Layout("BBH", "input", others=("target",)),
    Layout("GSM8K, MGSM", "question", answer="answer", others=("answer",)),
)  # fmt: skip


def load_rows(text: str, where: str) -> Iterator[Loaded]:
    """The items of a file. Raises InputError for a row of no layout."""
    rows = json_rows(text, where) if text.lstrip()[:1] in ("{", "[") else text_rows(text, where)
    for number, row in enumerate(rows):
        layout = layout_of(row)
        yield row.id(layout.id, number), _texts(row, layout)


def layout_of(row: Row) -> Layout:
    for layout in LAYOUTS:
        if layout.needs <= row.values.keys():
            return layout
    columns = ", ".join(sorted(row.values)) or "none"
    raise InputError(
        f"{row.where}: columns of no known benchmark ({columns}); rename them to question, passage, options, answer and say "
        'format = "jsonl"'
    )


def _texts(row: Row, layout: Layout) -> dict[Part, tuple[str, ...]]:
    question = row.text(layout.question)
    return {
        Part.QUESTION: (question.replace("_", " ") if layout.has_gaps else question,),
        Part.PASSAGE: row.texts(layout.passage) if layout.passage else (),
        Part.OPTIONS: options([choice for name in layout.options for choice in _choices(row, name)]),
        Part.ANSWER: tuple(map(without_calculations, row.texts(layout.answer))) if layout.answer else (),
    }


def _choices(row: Row, name: str) -> tuple[str, ...]:
    """Of `["a", "b"]`, of `{"text": ["a", "b"], "label": ["A", "B"]}`, or of one string."""
    value = row.values[name]
    return Row(value, f"{row.where}: {name}").texts("text") if isinstance(value, dict) else row.texts(name)
