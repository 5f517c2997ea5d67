"""Benchmarks as their authors publish them: a file's bytes → items, one loader a format.

    mmlu              CSV without a header: question, A, B, C, D, letter (hendrycks/test)
    cmmlu             CSV: (row), Question, A, B, C, D, Answer (haonan-li/CMMLU)
    ceval             CSV: id, question, A, B, C, D, answer, explanation; the test files end before answer (hkust-nlp/ceval)
    agieval           JSON lines: passage, question, options, label, answer, other.solution (microsoft/AGIEval v1)
    gaokao-bench      JSON: example: [question, answer, analysis] (OpenLMLab/GAOKAO-Bench)
    triviaqa          JSON: Data: [Question, QuestionId] (Joshi et al.); its evidence is other people's pages, and not looked for
    naturalquestions  JSON lines: question (NQ-Open), or question_text and example_id (the original); not the Wikipedia page
    race              JSON: article, questions, options, id; one passage a file, or a line (Lai et al.)
    clue              the tasks of CLUE and FewCLUE: filters.exams.clue_tasks
    gsm8k             JSON lines: question, answer with <<calculations>> (openai/grade-school-math)
    math              JSON, a problem a file or a line: problem, solution (hendrycks/math)
    humaneval         JSON lines: task_id, prompt, canonical_solution (openai/human-eval)
    mbpp              JSON lines, or one list: task_id, text or prompt, code (google-research/mbpp)
    huggingface       rows of the hub's data sets, whatever the benchmark: filters.exams.hub_layouts
    jsonl             JSON lines of one's own: question, id, passage, options, answer; all but the first may be missing or null

A format of JSON lines is read from Parquet too. Invariant: an id depends on the file's name and what is in it. Raises InputError, naming the file and the row, for a file
that is not of its format: a benchmark that is silently half read would be searched for in half.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping

from corpus.errors import InputError
from corpus.recipe import ExamFormat
from filters.exams.clue_tasks import load_task
from filters.exams.exam_rows import (
    Loaded,
    Row,
    csv_rows,
    json_lines,
    json_rows,
    json_value,
    named_rows,
    options,
    plain_id,
    without_calculations,
)
from filters.exams.hub_layouts import load_rows
from filters.exams.items import Part
from filters.exams.parquet_lines import MAGIC, json_lines_of

_CHOICES = "ABCD"


def load_file(data: bytes, format: ExamFormat, where: str) -> Iterator[Loaded]:
    """The items of a file, which may be gzip or Parquet; `where` names it in messages."""
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{where}: cannot be read as gzip: {error}") from error
    if data.startswith(MAGIC):
        data = json_lines_of(data, where)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: is no UTF-8 text: {error}") from error
    loader = LOADERS[format]
    for number, texts in loader(text, where):
        kept = {part: tuple(piece for piece in pieces if piece.strip()) for part, pieces in texts.items()}
        yield number, {part: pieces for part, pieces in kept.items() if pieces}


# ------------------------------------------------------------------------------------------------ loaders


def _mmlu(text: str, where: str) -> Iterator[Loaded]:
    for number, cells in csv_rows(text, where):
        if len(cells) != 6:
            raise InputError(
                f"{where}: row {number}: {len(cells)} columns, not the 6 of MMLU (question, A, B, C, D, answer)"
            )
        yield str(number - 1), {Part.QUESTION: (cells[0],), Part.OPTIONS: tuple(cells[1:5])}


def _cmmlu(text: str, where: str) -> Iterator[Loaded]:
    for number, row in named_rows(text, where, ("question", *_CHOICES.lower())):
        yield (
            str(number),
            {Part.QUESTION: (row["question"],), Part.OPTIONS: tuple(row[letter] for letter in _CHOICES.lower())},
        )


def _ceval(text: str, where: str) -> Iterator[Loaded]:
    for number, row in named_rows(text, where, ("id", "question", *_CHOICES.lower())):
        texts = {Part.QUESTION: (row["question"],), Part.OPTIONS: tuple(row[letter] for letter in _CHOICES.lower())}
        yield plain_id(row["id"]) or str(number), texts | {Part.ANSWER: (row.get("explanation", ""),)}


def _agieval(text: str, where: str) -> Iterator[Loaded]:
    for number, row in enumerate(json_lines(text, where)):
        other = row.values.get("other")
        solution = Row(other, row.where).texts("solution") if isinstance(other, dict) else ()
        yield (
            str(number),
            {
                Part.QUESTION: (row.text("question"),),
                Part.PASSAGE: row.texts("passage"),
                Part.OPTIONS: options(row.texts("options")),
                Part.ANSWER: solution or row.texts("answer"),
            },
        )


def _gaokao_bench(text: str, where: str) -> Iterator[Loaded]:
    for number, row in enumerate(Row(json_value(text, where), where).rows("example")):
        answers = row.texts("answer") + row.texts("analysis")
        yield str(number), {Part.QUESTION: (row.text("question"),), Part.ANSWER: answers}


def _triviaqa(text: str, where: str) -> Iterator[Loaded]:
    for number, row in enumerate(Row(json_value(text, where), where).rows("Data")):
        yield row.id("QuestionId", number), {Part.QUESTION: (row.text("Question"),)}


def _natural_questions(text: str, where: str) -> Iterator[Loaded]:
    for number, row in enumerate(json_lines(text, where)):
        yield row.id("example_id", number), {Part.QUESTION: (row.text("question", "question_text"),)}


def _race(text: str, where: str) -> Iterator[Loaded]:
    for row in json_rows(text, where):
        passage = (row.text("article"),)
        questions, choices = row.texts("questions"), row.values.get("options")
        if not isinstance(choices, list) or len(choices) != len(questions):
            raise InputError(f"{row.where}: {len(questions)} questions, but not as many lists of options")
        for number, question in enumerate(questions):
            texts = {Part.QUESTION: (question.replace("_", " "),), Part.PASSAGE: passage}
            given = Row({"options": choices[number]}, row.where).texts("options")
            yield f"{row.id('id', 0)}/{number}", texts | {Part.OPTIONS: options(given)}


def _gsm8k(text: str, where: str) -> Iterator[Loaded]:
    for number, row in enumerate(json_lines(text, where)):
        answer = without_calculations(row.text("answer"))
        yield str(number), {Part.QUESTION: (row.text("question"),), Part.ANSWER: (answer,)}


def _math(text: str, where: str) -> Iterator[Loaded]:
    for number, row in enumerate(json_rows(text, where)):
        yield (
            row.id("unique_id", number),
            {Part.QUESTION: (row.text("problem"),), Part.ANSWER: (row.text("solution"),)},
        )


def _humaneval(text: str, where: str) -> Iterator[Loaded]:
    for number, row in enumerate(json_lines(text, where)):
        texts = {Part.QUESTION: (row.text("prompt"),), Part.ANSWER: row.texts("canonical_solution")}
        yield row.id("task_id", number), texts


def _mbpp(text: str, where: str) -> Iterator[Loaded]:
    for number, row in enumerate(json_rows(text, where)):
        yield (
            row.id("task_id", number),
            {Part.QUESTION: (row.text("text", "prompt"),), Part.ANSWER: (row.text("code"),)},
        )


def _own(text: str, where: str) -> Iterator[Loaded]:
    nameless: set[str] = set()
    for number, row in enumerate(json_lines(text, where)):
        texts = {
            Part.QUESTION: (row.text("question"),),
            Part.PASSAGE: row.texts("passage"),
            Part.OPTIONS: options(row.texts("options")),
            Part.ANSWER: row.texts("answer"),
        }
        if row.values.get("id") is not None:
            yield row.id("id", number), texts
        elif (named := _content_id(texts)) not in nameless:
            nameless.add(named)
            yield named, texts


def _content_id(texts: Mapping[Part, tuple[str, ...]]) -> str:
    """16 hexadecimal digits that depend on an item's texts alone, not on its row or file."""
    framed = json.dumps([[part, *texts[part]] for part in texts])
    return hashlib.blake2b(framed.encode(), digest_size=8, person=b"corpus-exam-item").hexdigest()


LOADERS: Mapping[ExamFormat, Callable[[str, str], Iterator[Loaded]]] = {
    "mmlu": _mmlu,
    "cmmlu": _cmmlu,
    "ceval": _ceval,
    "agieval": _agieval,
    "gaokao-bench": _gaokao_bench,
    "triviaqa": _triviaqa,
    "naturalquestions": _natural_questions,
    "race": _race,
    "clue": load_task,
    "gsm8k": _gsm8k,
    "math": _math,
    "humaneval": _humaneval,
    "mbpp": _mbpp,
    "huggingface": load_rows,
    "jsonl": _own,
}
