"""The tasks of CLUE and FewCLUE, told apart by what a row has.

    AFQMC, CMNLI, OCNLI, BUSTM            sentence1, sentence2: both are the question
    TNEWS, IFLYTEK, EPRSTMT               sentence
    CSLDCP                                content, label
    WSC (CLUEWSC2020)                     text, target
    CSL                                   abst, keyword: an abstract, in several rows; the passage
    CHID                                  content (one text, or several), candidates; the text between its blanks is the question
    C3                                    [[lines of a document], [{question, choice, answer}], id]
    CMRC 2018, DRCD                       data: paragraphs: context, qas: question, id (as SQuAD); or context_text, qas: query_text

JSON lines for all tasks down to CHID; C3 and the last two are one JSON text.
"""

import re
from collections.abc import Iterator
from typing import Any

from corpus.errors import InputError
from filters.exams.exam_rows import Loaded, Row, json_rows, json_value, options, plain_id
from filters.exams.items import Part

_BLANK = re.compile(r"#idiom\d*#")


def load_task(text: str, where: str) -> Iterator[Loaded]:
    """The items of one file of one task."""
    if text.lstrip().startswith("["):
        values = json_value(text, where)
        if values and isinstance(values[0], list):
            yield from _c3(values, where)
            return
    for number, row in enumerate(json_rows(text, where)):
        if "data" in row.values:
            yield from _squad(row)
        elif "qas" in row.values:
            yield from _questions(row, row.text("context_text"), "query_text", "query_id")
        else:
            yield row.id("id", number), _classified(row)


def _classified(row: Row) -> dict[Part, tuple[str, ...]]:
    """The texts of a task of rows."""
    has = row.values.keys()
    if {"sentence1", "sentence2"} <= has:
        return {Part.QUESTION: (row.text("sentence1"), row.text("sentence2"))}
    if "sentence" in has:
        return {Part.QUESTION: (row.text("sentence"),)}
    if {"text", "target"} <= has:
        return {Part.QUESTION: (row.text("text"),)}
    if "abst" in has:
        return {Part.PASSAGE: (row.text("abst"),)}
    if "content" in has and ("candidates" in has or "label" in has):
        pieces = [piece for content in row.texts("content") for piece in _BLANK.split(content)]
        return {Part.QUESTION: tuple(pieces)}
    raise InputError(f"{row.where}: of no task of CLUE: its keys are {', '.join(sorted(has)[:10])}")


def _c3(values: list[Any], where: str) -> Iterator[Loaded]:
    for number, value in enumerate(values):
        at = f"{where}: entry {number}"
        if not isinstance(value, list) or len(value) != 3:
            raise InputError(f"{at}: not a list of a document, its questions and its id")
        document, questions, name = value
        lines = Row({"document": document}, at).texts("document")
        for place, row in enumerate(Row({"questions": questions}, at).rows("questions")):
            texts = {Part.QUESTION: (row.text("question"),), Part.PASSAGE: lines}
            yield f"{plain_id(str(name))}/{place}", texts | {Part.OPTIONS: options(row.texts("choice"))}


def _squad(row: Row) -> Iterator[Loaded]:
    for article in row.rows("data"):
        for paragraph in article.rows("paragraphs"):
            yield from _questions(paragraph, paragraph.text("context"), "question", "id")


def _questions(row: Row, passage: str, question: str, name: str) -> Iterator[Loaded]:
    for number, each in enumerate(row.rows("qas")):
        yield each.id(name, number), {Part.QUESTION: (each.text(question),), Part.PASSAGE: (passage,)}
