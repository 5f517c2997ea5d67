"""Hints of a document's language: what they may decide, and what they never do."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.language.hint import UNSURE, with_hint
from filters.language.identification import UNDETERMINED, Identification

SURE, WEAK, NONE = Identification("en", 0.9, ""), Identification("en", 0.3, ""), Identification(UNDETERMINED, 0.0, "")


@pytest.mark.parametrize(
    ("found", "hint", "language", "score", "script"),
    [
        (SURE, "zh", "en", 0.9, ""),
        (WEAK, "zh", "zh", 0.3, ""),
        (WEAK, "eng", "en", 0.3, ""),
        (WEAK, "zh-TW", "zh", 0.3, "hant"),
        (WEAK, "cmn_Hans", "zh", 0.3, "hans"),
        (WEAK, "zh-Hans-CN", "zh", 0.3, "hans"),
        (WEAK, "pt_BR", "pt", 0.3, ""),
        (NONE, " DE ", "de", 0.0, ""),
        (NONE, "als", "sq", 0.0, ""),
        (Identification("zh", 0.4, "hant"), "zh", "zh", 0.4, "hant"),
        *(
            (WEAK, hint, "en", 0.3, "")
            for hint in (None, "", "und", "mul", "zxx", "English", "e", "zh--", "中文", "zh;q=1")
        ),
    ],
)
def test_a_hint_decides_only_where_the_model_does_not(
    found: Identification, hint: str | None, language: str, score: float, script: str
) -> None:
    assert with_hint(found, hint, trusted=False) == Identification(language, score, script)


def test_a_text_has_no_second_language_that_is_its_first() -> None:
    found = Identification("en", 0.3, "", "de", 0.4, True)
    assert with_hint(found, "de", trusted=False) == Identification("de", 0.3, "")
    assert with_hint(found, "fr", trusted=False) == dataclasses.replace(found, language="fr")


def test_a_trusted_hint_holds() -> None:
    assert with_hint(SURE, "zh-CN", trusted=True) == Identification("zh", 1.0, "hans")
    assert with_hint(SURE, "eng", trusted=True) == Identification("en", 1.0, "")
    assert with_hint(SURE, "nonsense", trusted=True) == SURE


@given(score=st.floats(UNSURE, 1), hint=st.text(max_size=70), language=st.sampled_from(["en", "zh", "th"]))
def test_no_untrusted_hint_overrules_a_sure_model(score: float, hint: str, language: str) -> None:
    found = Identification(language, score, "")
    assert with_hint(found, hint, trusted=False) == found
