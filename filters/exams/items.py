"""An item of a benchmark: the texts of one question that a page can contain."""

import dataclasses
import enum
from collections.abc import Mapping


class Part(enum.StrEnum):
    """What a text is to its item."""

    QUESTION = "question"
    PASSAGE = "passage"  # what the question is about; several items share one
    OPTIONS = "options"  # the choices, each a text
    ANSWER = "answer"  # a worked solution, or code; a letter or a number is too short to match


@dataclasses.dataclass(frozen=True)
class Item:
    """One question. A part's texts are matched one by one and counted together."""

    exam: str  # the recipe's name for the benchmark
    id: str  # unique in the exam: the file's name, and the item's own id or its row
    parts: Mapping[Part, tuple[str, ...]]
