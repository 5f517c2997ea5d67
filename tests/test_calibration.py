"""Calibration: tails against sorting, all rules against trying, samples against order; the command's table loads."""

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from corpus.reasons import Reason
from corpus.recipe.parsing import parse_recipe
from corpus.schema import COUNT_SIGNALS, RATIO_SIGNALS, SPAM_SIGNALS
from filters.language.identification import default_model_path
from filters.quality.calibration import Calibration, Method, Sample, calibrate, tail_limit, tail_of_all
from filters.quality.rules import Limit, judge, load_profiles
from pipelines.cli import main
from pipelines.commands.measure import measured_batches, recipe_of_files
from pipelines.commands.reading import Options, Reading, splits_of
from pipelines.stages.extraction import ExtractSettings
from pipelines.stages.measurement import measure_settings

LEAST = Limit("alphabetic_word_ratio", "min", 0.7, Reason.NON_ALPHABETIC_WORDS, "base")
MOST = Limit("duplicate_line_ratio", "max", 0.3, Reason.DUPLICATE_LINES, "base")
SCORE = Limit("language_score", "min", 0.65, Reason.LANGUAGE_UNCERTAIN, "base")
COUNT = Limit("words", "min", 50, Reason.TOO_FEW_WORDS, "base")

SIGNALS_ALWAYS = ("language_score", *COUNT_SIGNALS, *RATIO_SIGNALS, *SPAM_SIGNALS)
RECIPE = recipe_of_files("web", "web")
SETTINGS = ExtractSettings.of(RECIPE, splits="", model=default_model_path())
MEASURED = measure_settings(RECIPE, default_model_path(), {})

COLUMNS = st.lists(
    st.tuples(*(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]) | st.floats(0, 1, width=32) for _ in range(2))),
    min_size=1,
    max_size=60,
)


def columns_of(rows: list[tuple[float, float]]) -> dict[str, NDArray[Any]]:
    values = np.array(rows, dtype=np.float32)
    return {LEAST.signal: values[:, 0], MOST.signal: values[:, 1]}


def fails(limit: Limit, value: float, columns: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
    return dataclasses.replace(limit, value=value).fails(columns[limit.signal])


@settings(deadline=None)
@given(COLUMNS, st.integers(0, 60))
def test_a_tail_limit_is_the_tightest_that_drops_no_more(rows: list[tuple[float, float]], dropped: int) -> None:
    columns = columns_of(rows)
    for limit in (LEAST, MOST):
        values = columns[limit.signal]
        found = tail_limit(limit, values, dropped)
        assert fails(limit, found, columns).sum() <= dropped
        inwards = values[values > found] if limit.side == "min" else values[values < found]
        if len(inwards):  # the next tighter one drops more
            tighter = float(inwards.min() if limit.side == "min" else inwards.max())
            assert fails(limit, tighter, columns).sum() > min(dropped, len(values) - 1)


@settings(deadline=None)
@given(COLUMNS, st.floats(0, 0.5))
def test_the_tail_of_all_is_the_longest_that_keeps_the_share(rows: list[tuple[float, float]], share: float) -> None:
    columns, limits = columns_of(rows), (LEAST, MOST)

    def together(dropped: int) -> int:
        failing = [fails(limit, tail_limit(limit, columns[limit.signal], dropped), columns) for limit in limits]
        return int(np.logical_or.reduce(failing).sum())

    found = tail_of_all(limits, columns, share)
    allowed = int(share * len(rows))
    assert together(found) <= allowed
    assert found == len(rows) // 2 or together(found + 1) > allowed


def test_ten_per_cent_of_a_plain_column() -> None:
    values = np.arange(1000, dtype=np.float32) / 1000
    columns = {LEAST.signal: values, MOST.signal: values}
    result = calibrate((LEAST, MOST), columns, percentile=10)
    assert [each.value for each in result.limits] == [pytest.approx(0.1), pytest.approx(0.899)]
    assert [each.drops for each in result.limits] == [0.1, 0.1]
    assert (result.drops, result.tail, result.documents) == (0.2, 0.1, 1000)
    result = calibrate((LEAST, MOST), columns, together=10)
    assert (result.drops, result.tail) == (0.1, 0.05)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 400), st.integers(0, 2**32), st.floats(0.5, 30))
def test_calibrated_rules_drop_no_more_than_is_said(documents: int, seed: int, percent: float) -> None:
    source = np.random.default_rng(seed)
    columns = {
        LEAST.signal: source.beta(8, 2, documents).astype(np.float32),
        MOST.signal: (source.beta(1, 9, documents) * (source.random(documents) < 0.3)).astype(np.float32),
        SCORE.signal: np.round(source.beta(9, 1, documents), 3).astype(np.float32),
        COUNT.signal: source.integers(0, 500, documents).astype(np.uint32),
    }
    result = calibrate((SCORE, COUNT, LEAST, MOST), columns, together=percent)
    dropped = np.zeros(documents, np.bool_)
    for each in result.limits:
        if each.value is None:
            continue
        failing = fails(each.base, each.value, columns)
        assert failing.mean() == pytest.approx(each.drops)
        if each.base is COUNT:
            assert each.value == COUNT.value
        elif each.value != each.base.value:
            dropped |= failing
    assert dropped.mean() <= percent / 100
    assert result.drops >= dropped.mean()


def test_english_shares_and_distances() -> None:
    english = {LEAST.signal: np.linspace(0.5, 1, 1001, dtype=np.float32)}  # .7 drops 40 %
    columns = {LEAST.signal: np.linspace(0, 0.5, 2001, dtype=np.float32)}
    (quantile,) = calibrate((LEAST,), columns, method=Method.QUANTILE, english=english, english_base=(LEAST,)).limits
    assert quantile.value == pytest.approx(0.2, abs=0.0011)
    assert quantile.drops == pytest.approx(0.4, abs=0.003)
    (distance,) = calibrate((LEAST,), columns, method=Method.MEAN_STD, english=english, english_base=(LEAST,)).limits
    assert distance.value == pytest.approx(0.2, abs=0.0011)  # as far below .25 as .7 is below .75
    (kept,) = calibrate((MOST,), {MOST.signal: np.ones(3, np.float32)}, method=Method.QUANTILE, english=english).limits
    assert (kept.value, kept.remarks[0]) == (0.3, "English has no such limit: kept as it is")
    scores = {SCORE.signal: np.array([0.2, 0.8, 0.8, 0.9], np.float32)}
    (score,) = calibrate((SCORE,), scores, method=Method.QUANTILE, english={}, english_base=()).limits
    assert score.value == pytest.approx(0.8 - np.std([0.2, 0.8, 0.8, 0.9]), abs=0.001)


def remarks_of(result: Calibration) -> str:
    return "\n".join((*result.remarks, *(remark for each in result.limits for remark in each.remarks)))


def test_absurd_limits_are_left_out_or_remarked() -> None:
    nothing = {MOST.signal: np.zeros(2000, np.float32)}
    result = calibrate((MOST,), nothing, percentile=1)
    assert result.limits[0].value == 0.3
    assert "a most of 0 would drop the first one: kept 0.3" in remarks_of(result)
    everything = {MOST.signal: np.ones(2000, np.float32), LEAST.signal: np.zeros(2000, np.float32)}
    result = calibrate((MOST, LEAST), everything, percentile=1)
    assert [each.value for each in result.limits] == [None, None]
    assert "0.3 of the base drops 100% of these documents" in remarks_of(result)
    few = {LEAST.signal: np.linspace(0.9, 1, 20, dtype=np.float32), COUNT.signal: np.zeros(20, np.uint32)}
    said = remarks_of(calibrate((LEAST, COUNT), few, percentile=10))
    assert "only 20 documents" in said
    assert "rests on the 2 outermost documents" in said
    assert "the counts of the base drop 100%" in said
    far = {LEAST.signal: np.full(2000, 0.2, np.float32)}
    assert "0.29 times the 0.7 of the base" in remarks_of(calibrate((LEAST,), far, percentile=1))
    crossed = (LEAST, dataclasses.replace(MOST, signal=LEAST.signal, value=0.9))
    values = {LEAST.signal: np.array([0.1] * 1000 + [0.9] * 1000, np.float32)}
    assert "nothing passes" in remarks_of(calibrate(crossed, values, percentile=50))
    with pytest.raises(ValueError, match="no documents"):
        calibrate((LEAST,), {LEAST.signal: np.zeros(0, np.float32)})


# ------------------------------------------------------------------------------------------------ the sample


def batch_of(hashes: list[int]) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "text_hash": pa.array([number.to_bytes(8, "big") + bytes(8) for number in hashes], pa.binary(16)),
            "digit_ratio": pa.array([number % 7 for number in hashes], pa.float32()),
            "words": pa.array([number % 1000 for number in hashes], pa.uint32()),
        }
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 200), max_size=120), st.integers(1, 50), st.integers(1, 30), st.randoms())
def test_a_sample_depends_on_the_texts_only(hashes: list[int], capacity: int, size: int, order: Any) -> None:
    """Whatever the order and the division, a text counts once and the smallest hashes stay."""
    digests = set()
    for _ in range(2):
        sample = Sample(("digit_ratio", "words"), capacity)
        for first in range(0, len(hashes), size):
            sample.add(batch_of(hashes[first : first + size]))
        expected = sorted(set(hashes))[:capacity]
        columns = sample.columns()
        assert columns["words"].tolist() == [number % 1000 for number in expected]
        assert columns["digit_ratio"].tolist() == [number % 7 for number in expected]
        assert sample.seen == len(hashes)
        digests.add(sample.digest())
        order.shuffle(hashes)
    assert len(digests) == 1


# ------------------------------------------------------------------------------------------------ the command


def run(*arguments: str, code: int = 0) -> click.testing.Result:
    result = CliRunner().invoke(main, ["calibrate", *arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def demo_pages(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The texts of the demo's pages as rows, so that nothing is extracted twice."""
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    archives = [str(file) for file in sorted((repository / "examples" / "demo").glob("docs-*.warc.gz"))]
    path.write_text(CliRunner().invoke(main, ["extract", *archives]).stdout, encoding="utf-8")
    return path


def test_the_printed_table_is_a_profile_that_drops_what_it_says(demo_pages: Path) -> None:
    result = run(str(demo_pages), "--language", "zh", "--together", "20", "--name", "mine")
    table = tomllib.loads(result.stdout)
    source = {"name": "measure", "inputs": ["-"], "profile": "mine"}
    recipe = parse_recipe({"run": {"name": "x"}, "source": [source], **table}, "printed")
    profiles = load_profiles(recipe)
    as_json = json.loads(run(str(demo_pages), "--language", "zh", "--together", "20", "--json").stdout)
    of_language = {(limit.signal, limit.side): limit for limit in profiles.for_domain("mine", "zh").limits}
    for row in as_json["limits"]:
        assert of_language.pop((row["signal"], row["side"])).value == pytest.approx(row["limit"])
        assert row["drops"] <= max(as_json["each_drops_at_most"], row["base_drops"])
    assert all(side in {(each["signal"], each["side"]) for each in as_json["limits"]} for side in of_language)
    assert as_json["drops"] <= 0.2
    assert "remark: only" in result.stderr
    # What the rules themselves make of the same documents, each text once.
    options = Options((str(demo_pages),))
    rows = {
        row["text_hash"]: row
        for batch in measured_batches(Reading(options.work), splits_of(options, options.work)[0], SETTINGS, MEASURED)
        for row in batch.to_pylist()
        if row["language"] == "zh"
    }
    schema = MEASURED.signals
    names = ["source", "language", *SIGNALS_ALWAYS]
    columns = [pa.array([row[name] for row in rows.values()], schema.field(name).type) for name in names]
    reasons = judge(pa.record_batch(columns, names=names), profiles, recipe.run.wants).to_pylist()
    counted = {"too_few_characters", "too_many_words", "few_stop_words", "lorem_ipsum"}
    assert as_json["documents"] == len(rows)
    assert sum(bool(reason) and reason not in counted for reason in reasons) / len(rows) <= as_json["drops"]
    assert sum(map(bool, reasons)) / len(rows) <= as_json["drops"] + as_json["counts_drop"]


def test_the_same_documents_in_another_order_give_the_same_bytes(demo_pages: Path, tmp_path: Path) -> None:
    lines = demo_pages.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "a.jsonl").write_text("".join(lines[::-2]), encoding="utf-8")
    (tmp_path / "b.jsonl").write_text("".join(lines[::-1]), encoding="utf-8")
    arguments = ("--language", "ja", "--profile", "fineweb2", "--percentile", "10")
    forwards = run(str(demo_pages), *arguments).stdout
    backwards = run(str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"), *arguments).stdout
    assert forwards == backwards


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--language", "sw"), "no document is identified as 'sw'; there are zh"),
        (("--language", "zh", "--profile", "wob"), "--profile wob: no such profile; profiles are books"),
        (("--language", "zh", "--method", "quantile"), "--english goes with --method quantile"),
        (("--language", "zh", "--percentile", "1", "--together", "2"), "one of them"),
    ],
)
def test_what_cannot_be_is_said(demo_pages: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in run(str(demo_pages), *arguments, code=2).stderr
