"""Normal form of text: what each step does, that it does it once, and that it is linear."""

import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corpus.text.normalisation import Normalisation, normalise

ALL = Normalisation(collapse_spaces=True, half_width="all")
OFF = Normalisation(nfc=False, control_characters=False, white_space=False, invisible=False)
FAMILY = "👩‍👩‍👧‍👦"

SETTINGS = st.builds(
    Normalisation,
    nfc=st.booleans(),
    control_characters=st.booleans(),
    white_space=st.just(True),
    collapse_spaces=st.booleans(),
    invisible=st.booleans(),
    half_width=st.sampled_from(["none", "alphanumerics", "all"]),
) | st.builds(
    Normalisation,
    nfc=st.booleans(),
    control_characters=st.booleans(),
    white_space=st.just(False),
    invisible=st.booleans(),
)
# What the steps look at, thick enough for neighbours to meet.
ODD = st.text(
    st.sampled_from(
        "a e\n\r\t\v\f\x00\x1c\x85\x9f\xa0\xad\u0301\u0323\u0600\u061c\u0645\u093c\u0915\u094d\u0e01\u1780\u1820\u180e"
        "\u1100\u1161\u2000\u2001\u2028\u200b\u200c\u200d\u200e\u202a\u202f\u2060\u2126\u212a\u3000\ufe0f\ufeff，ＡＺ９！👩❤🏽"
    ),
    max_size=25,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain text\nof two lines", "plain text\nof two lines"),
        ("cafe\u0301", "caf\u00e9"),
        ("\u1112\u1161\u11ab", "한"),
        ("a\u00a0b\u2003c\u3000d\u202fe", "a b c d e"),
        ("a\r\nb\rc\x85d\u2028e\x0cf", "a\nb\nc\nd\ne\nf"),
        ("a\0b\x07c\x7fd\x9fe\x1bf", "abcdef"),
        ("a\tb", "a\tb"),
        ("a \t\nb\u00a0\n\n \n\n\nc", "a\nb\n\nc"),
        ("  \n a  b \n ", "a  b"),
        ("x\n    indented  twice", "x\n    indented  twice"),
        ("soft\u00adhy\u00adphen", "softhyphen"),
        ("zero\u200bwidth\ufeff \u2060space\u200e", "zerowidth space"),
        ("Auf\u200clage \u200d a\u200d", "Auflage  a"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian
        ("क्\u200dष क्\u200cष", "क्\u200dष क्\u200cष"),  # Devanagari
        ("ක්\u200dර", "ක්\u200dර"),  # Sinhala
        ("می\u200c\u200c\u200dخ", "می\u200cخ"),
        (FAMILY, FAMILY),
        ("❤\ufe0f\u200d🔥 🏳\ufe0f\u200d🌈 👩🏽\u200d🚀", "❤\ufe0f\u200d🔥 🏳\ufe0f\u200d🌈 👩🏽\u200d🚀"),
        ("👩\u200d\u200d👧 👩\u200d", "👩👧 👩"),
        ("ភាសា\u200bខ្មែរ", "ភាសា\u200bខ្មែរ"),  # Khmer's words end in zero-width spaces
        ("ᠮᠣᠩᠭᠣᠯ\u202fᠤᠨ", "ᠮᠣᠩᠭᠣᠯ\u202fᠤᠨ"),  # Mongolian's suffixes stand after a narrow space
        ("\uff21\uff11，！", "\uff21\uff11，！"),
        ("繁體字", "繁體字"),
    ],
)
def test_the_default(text: str, expected: str) -> None:
    assert normalise(text, Normalisation()) == expected


@pytest.mark.parametrize(
    ("text", "chosen", "expected"),
    [
        ("Ａｂ９，！（）", Normalisation(half_width="alphanumerics"), "Ab9，！（）"),
        ("Ａｂ９，！（）～。", Normalisation(half_width="all"), "Ab9,!()~。"),
        ("Ｅ\u0301", Normalisation(half_width="all"), "É"),
        ("a  b\n    c   d\te", Normalisation(collapse_spaces=True), "a b\n    c d\te"),
        ("e\u0301", Normalisation(nfc=False), "e\u0301"),
        ("a\u00ad\u200b", Normalisation(invisible=False), "a\u00ad\u200b"),
        (" a\u00a0\n\n\n\n", Normalisation(white_space=False), " a\u00a0\n\n\n\n"),
        ("a\0\r\nb", Normalisation(control_characters=False), "a\0\r\nb"),
    ],
)
def test_the_options(text: str, chosen: Normalisation, expected: str) -> None:
    assert normalise(text, chosen) == expected


@settings(deadline=None, max_examples=400)
@given(text=ODD | st.text(max_size=40), chosen=SETTINGS)
@example(text="a\u200d\u200c\u0645\u200d", chosen=ALL)
@example(text="\u2000\u0301", chosen=ALL)
def test_what_is_normal_stays(text: str, chosen: Normalisation) -> None:
    once = normalise(text, chosen)
    assert normalise(once, chosen) == once


@given(text=ODD | st.text(max_size=40))
def test_normal_text_keeps_its_promises(text: str) -> None:
    normal = normalise(text, ALL)
    assert unicodedata.is_normalized("NFC", normal)
    assert "\n\n\n" not in normal
    assert normal == normal.strip(" \t\n")
    assert all(line == line.rstrip(" \t") for line in normal.split("\n"))
    controls = {character for character in normal if unicodedata.category(character) == "Cc"}
    assert controls <= {"\n", "\t"}
    spaces = {character for character in normal if unicodedata.category(character) in ("Zs", "Zl", "Zp")}
    assert spaces <= {" ", "\u202f"}


@given(text=st.text(max_size=40))
def test_all_off_changes_nothing(text: str) -> None:
    assert normalise(text, OFF) == text


def test_settings_are_validated() -> None:
    with pytest.raises(ValueError, match="half_width"):
        Normalisation(half_width="some")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="white_space"):
        Normalisation(white_space=False, collapse_spaces=True)


@pytest.mark.parametrize(
    "unit", [" ", "\t", "\n", "\u00a0", "\u200d", "a \n", "\u0645\u200c", " \u202f", "\u0301\u0323"]
)
def test_runs_cost_linear_time(unit: str) -> None:
    """A pattern that looks at a run from each of its places would take minutes here."""
    started = time.perf_counter()
    normalise("x" + unit * 200_000 + "x", ALL)
    assert time.perf_counter() - started < 30


def test_a_run_of_marks_ends_somewhere() -> None:
    once = normalise("q" + "\u0344\u0323" * 500, Normalisation())
    assert 1 < len(once) <= 1 + 128
    assert normalise(once, Normalisation()) == once
    assert normalise("o\u0302\u0323" * 500, Normalisation()) == "\u1ed9" * 500
