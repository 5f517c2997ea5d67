"""`filters.quality.stop_words`: the shipped lists are what FineWeb-2 publishes, and each word of them is found or known not to be."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import reference_signals as reference
from filters.quality import signals
from filters.quality.repetition import find_slot
from filters.quality.stop_words import SLOTS, stop_word_table, stop_words

FILE = Path(__file__).parents[1] / "filters" / "quality" / "stop_words.toml"
#: FineWeb-2's words that end in a mark, or that our words take apart: they stand in the lists and are never met.
NEVER_MET = {"г.", "s.", "l'", "d'", "香港", "可以"}


def count(text: str, language: str) -> int:
    return int(signals.measure(pa.array([text], pa.string()), [language])["stop_words"][0])


def test_every_list_names_its_source_and_has_each_word_once() -> None:
    for language, entry in tomllib.loads(FILE.read_text("utf-8")).items():
        assert re.fullmatch(r"[a-z]{2,3}", language)
        assert set(entry) == {"source", "words"}
        assert entry["source"] == "Gopher" or re.match(
            r"configs/[a-z]{3}_[A-Z][a-z]{3}\.yml at [0-9a-f]{7}", entry["source"]
        )
        words = entry["words"].split()
        assert len(words) == len(set(words)) >= 8
        assert len(words) < SLOTS / 2


@pytest.mark.parametrize("language", stop_words())
def test_a_text_of_all_stop_words_has_them_all(language: str) -> None:
    words = stop_words()[language]
    met = [word for word in words if reference.words(word) == [word]]
    assert {*words} - {*met} <= NEVER_MET
    assert count(" ".join(words), language) == len(met)
    assert count(" ".join(met * 2), language) == len(met)


def test_words_of_another_language_or_case_are_none() -> None:
    assert count("Der Hund und die Katze", "de") == 2
    assert count("DER UND DIE", "de") == 0
    assert count("ve bir olarak", "tr") == 3
    assert count("ve bir olarak", "en") == count("ve bir olarak", "th") == count("the of", "xx") == 0
    assert count("the and of", "tr") == 1  # FineWeb-2's Turkish list has an English word


def test_serbian_is_found_in_both_of_its_scripts() -> None:
    assert count("Он је био у граду и на селу", "sr") == count("On je bio u gradu i na selu", "sr") == 4


def test_the_table_is_empty_without_words() -> None:
    table = stop_word_table(())
    assert table.shape == (SLOTS,)
    assert not table.any()
    assert find_slot(table, SLOTS - 1, np.uint64(7)) == 7
