"""The labelled cases of pii_cases.toml, and how many of them `filters.privacy.pii` finds: for the tests and docs/privacy.md."""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from filters.privacy import pii
from filters.privacy.kinds import Kind

CASES = Path(__file__).with_name("pii_cases.toml")

_MARK = re.compile(r"⟦(?P<kind>[a-z_]+)\|(?P<span>.*?)⟧", re.DOTALL)


class Case(NamedTuple):
    """A text without its marks, and what they marked, in bytes."""

    group: str
    text: str
    gold: list[pii.Found]


def read_cases() -> list[Case]:
    table = tomllib.loads(CASES.read_text(encoding="utf-8"))
    return [case_of(group, text) for side in table.values() for group, texts in side.items() for text in texts]


def case_of(group: str, marked: str) -> Case:
    text, gold, position = "", [], 0
    for mark in _MARK.finditer(marked):
        text += marked[position : mark.start()]
        begin = len(text.encode())
        text += mark["span"]
        gold.append(pii.Found(Kind(mark["kind"]), begin, len(text.encode())))
        position = mark.end()
    return Case(group, text + marked[position:], gold)


def scores(cases: list[Case]) -> dict[str, tuple[int, int, int]]:
    """Kind, or `all` → (found as marked to the byte, found though not marked so, marked and not found so)."""
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for case in cases:
        found, gold = set(pii.find(case.text)), set(case.gold)
        for counter, each in ((right, found & gold), (wrong, found - gold), (missed, gold - found)):
            counter.update(entry.kind.value for entry in each)
            counter["all"] += len(each)
    return {name: (right[name], wrong[name], missed[name]) for name in (*map(str, Kind), "all")}
