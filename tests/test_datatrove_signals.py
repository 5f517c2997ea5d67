"""`filters.parity.datatrove_signals` and the profile `parity` against datatrove's own verdicts and a plain Python reference."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_datatrove as reference
import test_datatrove_words as words_of
from corpus.recipe.parsing import parse_recipe
from corpus.schema import DATATROVE_COUNTS, DATATROVE_RATIOS
from filters.parity import datatrove_signals
from filters.quality import signals
from filters.quality.rules import load_profiles

CASES = [case for case in words_of.CASES if "verdicts" in case]
FILTERS = ("GopherRepetitionFilter", "GopherQualityFilter", "C4QualityFilter", "FineWebQualityFilter")
#: datatrove's reason → ours.
REASONS = {
    "": "",
    "empty": "too_few_characters",
    "dup_para_frac": "duplicate_paragraphs",
    "dup_para_char_frac": "duplicate_paragraph_characters",
    "dup_line_frac": "duplicate_lines",
    "dup_line_char_frac": "duplicate_line_characters",
    **{f"top_{n}_gram": "top_ngram" for n in (2, 3, 4)},
    **{f"duplicated_{n}_n_grams": "duplicate_ngrams" for n in range(5, 11)},
    "gopher_short_doc": "too_few_words",
    "gopher_long_doc": "too_many_words",
    "gopher_below_avg_threshold": "word_length",
    "gopher_above_avg_threshold": "word_length",
    "gopher_too_many_hashes": "hash_marks",
    "gopher_too_many_ellipsis": "ellipses",
    "gopher_too_many_bullets": "bullet_lines",
    "gopher_too_many_end_ellipsis": "ellipsis_lines",
    "gopher_below_alpha_threshold": "non_alphabetic_words",
    "gopher_enough_stop_words": "few_stop_words",
    "lorem_ipsum": "lorem_ipsum",
    "curly_bracket": "curly_bracket",
    "too_few_sentences": "too_few_sentences",
    "line_punct_ratio": "line_end_punctuation",
    "short_line_ratio": "short_lines",
    "char_dup_ratio": "duplicate_line_characters",
    "list_ratio": "list_like",
}


def measure_one(text: str) -> dict[str, float]:
    return {name: column[0].item() for name, column in datatrove_signals.measure(pa.array([text], pa.string())).items()}


def reason_of(name: str, columns: dict[str, Any], row: int) -> str:
    """The first rule of `parity` that comes from a filter and that a document fails."""
    recipe = parse_recipe({"run": {"name": "x"}, "source": [{"name": "x", "inputs": ["-"], "profile": "parity"}]}, "x")
    for limit in load_profiles(recipe).for_domain("parity", "en").limits:
        if limit.source.endswith(name) and limit.fails(columns[limit.signal][row : row + 1])[0]:
            return str(limit.reason)
    return ""


@pytest.mark.parametrize("name", FILTERS)
def test_verdicts_are_datatroves(name: str) -> None:
    texts = pa.array([case["text"] for case in CASES], pa.large_string())
    columns = signals.measure(texts, ["en"] * len(texts)) | datatrove_signals.measure(texts)
    ours = [reason_of(name, columns, row) for row in range(len(texts))]
    theirs = [REASONS[case["verdicts"][name]] for case in CASES]
    assert len(set(theirs)) > 3
    assert ours == theirs


def test_most_reasons_of_datatrove_occur_in_the_cases() -> None:
    met = {reason for case in CASES for reason in case["verdicts"].values()}
    assert met <= set(REASONS)
    assert set(map(REASONS.get, met)) == set(REASONS.values()) - {"too_many_words", "too_few_characters"}


TEXTS = st.one_of(
    st.lists(st.sampled_from([*words_of.PIECES, " ", "\n", ". ", "[1]", "[edit]", "\r\n", "\x0b"]), max_size=60).map(
        "".join
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    st.lists(st.sampled_from(["ab ", "a ", "b. ", "\n", "cd! "]), max_size=200).map("".join),
)


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_made_text_is_measured_as_the_reference_does(text: str) -> None:
    measured, expected = measure_one(text), reference.measure(text, words_of.words)
    assert set(measured) == set(expected)
    wrong = {
        name: (measured[name], value)
        for name, value in expected.items()
        if abs(measured[name] - value) > 1e-6 * max(1.0, abs(value))
    }
    assert not wrong


def test_sentences_of_lines_are_those_that_datatrove_gave() -> None:
    for case in CASES:
        for line, count in zip(case["text"].splitlines(), case["sentences"], strict=True):
            assert reference.sentences(line, words_of.words) == count, line


def test_columns_are_the_schemas_in_order_and_type() -> None:
    columns = datatrove_signals.measure(pa.array(["a"]))
    assert tuple(columns) == DATATROVE_COUNTS + DATATROVE_RATIOS
    assert all(columns[name].dtype == np.uint32 for name in DATATROVE_COUNTS)
    assert all(columns[name].dtype == np.float32 for name in DATATROVE_RATIOS)


def test_a_documents_signals_do_not_depend_on_its_neighbours() -> None:
    texts = [case["text"] for case in CASES[:20]]
    together = datatrove_signals.measure(pa.array(["x", *texts, ""]).slice(1, 20))
    for name, column in together.items():
        assert [measure_one(text)[name] for text in texts] == column.tolist(), name


def test_bytes_that_are_no_text_are_measured() -> None:
    for raw in (b"\xff\xfe \xed\xa0\x80.", b"\x00" * 50, b""):
        array = pa.StringArray.from_buffers(1, pa.array([0, len(raw)], pa.int32()).buffers()[1], pa.py_buffer(raw))
        assert all(np.isfinite(column[0]) for column in datatrove_signals.measure(array).values())


def test_values_are_those_of_this_version() -> None:
    """Fails when a value changes: then raise `datatrove_signals.VERSION`, or old runs would be taken for new ones."""
    import hashlib

    columns = datatrove_signals.measure(pa.array([case["text"] for case in CASES]))
    digest = hashlib.sha256(b"".join(column.tobytes() for column in columns.values())).hexdigest()[:16]
    assert (datatrove_signals.VERSION, digest) == (1, "544f842252ebe894")


def test_a_run_measures_the_group_that_its_profile_asks_for(tmp_path: Path) -> None:
    """From the recipe through `measure` to `select`, without Beam."""
    from corpus.schema import DOCUMENTS, SIGNAL_GROUPS
    from filters.language.identification import default_model_path
    from filters.measuring import signal_batch
    from filters.quality.rules import judge
    from fingerprints import extract_inputs, mark, measure_inputs
    from pipelines.stages.extraction import EXTRACT
    from pipelines.stages.measurement import MEASURE, measure_settings

    def recipe_of(profile: str) -> Any:
        source = {"name": "x", "inputs": ["-"], "profile": profile}
        return parse_recipe({"run": {"name": "x", "languages": ["en"]}, "source": [source]}, "x")

    texts = [CASES[0]["text"], "one two three"]
    given = {"doc_id": [0, 1], "key": [b"0" * 16] * 2, "source": ["x", "x"], "offset": [0, 1], "text": texts}
    columns = [pa.array(given.get(field.name, [None, None]), field.type) for field in DOCUMENTS]
    documents = pa.RecordBatch.from_arrays(columns, schema=DOCUMENTS)
    for profile in ("web", "parity"):
        recipe = recipe_of(profile)
        batch = signal_batch(documents, measure_settings(recipe, default_model_path(), {}))
        measured = set(SIGNAL_GROUPS["datatrove"]) & set(batch.schema.names)
        assert measured == (set(SIGNAL_GROUPS["datatrove"]) if profile == "parity" else set())
        reasons = judge(batch, load_profiles(recipe), recipe.run.wants).to_pylist()
        assert reasons[0] == ""
        assert reasons[1]
    web, parity = (mark(MEASURE, recipe_of(p), measure_inputs(), documents="d") for p in ("web", "parity"))
    assert web != parity
    web, parity = (mark(EXTRACT, recipe_of(p), extract_inputs()) for p in ("web", "parity"))
    assert web == parity
