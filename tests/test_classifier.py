"""Quality classifiers: reproducible, judged on texts they have not seen, right in Chinese; and the command."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import InputError
from filters.language.identification import default_model_path
from filters.scorers.classifier import Classifier, Settings, report, train, words_of
from pipelines.cli import main

GOOD_WORDS = ["theorem", "proof", "lemma", "therefore", "证明", "定理", "因此", "我们", "得到"]
BAD_WORDS = ["click", "subscribe", "buy", "cheap", "casino", "点击", "购买", "优惠", "登录", "注册"]


def texts(words: list[str], count: int) -> list[str]:
    return [
        " ".join(words[(number * step) % len(words)] for step in range(1, 12)) + f" {number}."
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "quality.bin"
    found = train(texts(GOOD_WORDS, 120), texts(BAD_WORDS, 120), path, Settings(buckets=5000, dimensions=16))
    assert found.average_precision > 0.99
    assert sum(found.trained) + sum(found.held_out) == 240
    assert 20 < sum(found.held_out) < 80
    return path


def test_scores(trained: Path) -> None:
    classifier = Classifier(trained)
    good, bad, empty = classifier.scores(["The proof of the lemma, therefore.", "Click, buy cheap!", " \n"])
    assert good > 0.8 > 0.2 > bad
    assert empty == 0
    chinese = classifier.scores(["因此我们得到定理的证明。", "点击购买优惠，登录注册。"])
    assert chinese[0] > 0.8 > 0.2 > chinese[1]
    assert all(float(score) == pytest.approx(round(float(score), 3)) for score in (good, bad, *chinese))


def test_the_same_texts_in_any_order_give_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    small = Settings(buckets=5000, dimensions=16)
    train(reversed(texts(GOOD_WORDS, 120)), texts(BAD_WORDS, 120)[::-1], tmp_path / "again.bin", small)
    assert (tmp_path / "again.bin").read_bytes() == trained.read_bytes()


def test_copies_and_contradictions_count_for_nothing(tmp_path: Path) -> None:
    good, bad = texts(GOOD_WORDS, 60), texts(BAD_WORDS, 60)
    found = train([*good, *good[:7]], [*bad, *good[:3]], tmp_path / "model.bin", Settings(buckets=1000, dimensions=4))
    assert (found.duplicates, found.contradictions) == (7, 3)
    assert found.trained[0] + found.held_out[0] == 57


def test_too_few_texts_and_files_that_are_no_classifier(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too few texts"):
        train(texts(GOOD_WORDS, 5), texts(BAD_WORDS, 90), tmp_path / "none.bin")
    assert not (tmp_path / "none.bin").exists()
    with pytest.raises(InputError, match="no classifier of 'good': its labels are"):
        Classifier(default_model_path())
    with pytest.raises(InputError, match="cannot be read"):
        Classifier(tmp_path / "missing.bin")
    with pytest.raises(ValueError, match="held_out"):
        Settings(held_out=1)


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 10).map(lambda tenth: tenth / 10), st.booleans()), min_size=1, max_size=40)
)
def test_the_report_is_what_counting_gives(rows: list[tuple[float, bool]]) -> None:
    scores = np.array([score for score, _ in rows], np.float32)
    good = np.array([is_good for _, is_good in rows])
    found = report(scores, good, trained=(1, 1))
    for point in found.curve:
        kept = [is_good for score, is_good in rows if np.float32(score) >= np.float32(point.threshold)]
        assert point.kept == pytest.approx(len(kept) / len(rows))
        assert point.precision == pytest.approx(sum(kept) / len(kept) if kept else 1)
        assert point.recall == pytest.approx(sum(kept) / max(1, good.sum()))
    thresholds = sorted({float(score) for score in scores}, reverse=True)
    area, before = 0.0, 0.0
    for threshold in thresholds:
        kept = [is_good for score, is_good in zip(scores, good, strict=True) if score >= threshold]
        recall = sum(kept) / max(1, good.sum())
        area += (recall - before) * sum(kept) / len(kept)
        before = recall
    assert found.average_precision == pytest.approx(area)


@given(st.text(max_size=200))
def test_what_the_model_sees_is_one_line(text: str) -> None:
    line = words_of(text)
    assert len(line.splitlines()) <= 1
    assert line == " ".join(line.split())
    assert words_of(line) == line or len(line) > 2000


def test_the_command(tmp_path: Path) -> None:
    for name, words in (("good", GOOD_WORDS), ("bad", BAD_WORDS)):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts(words, 80))
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    arguments = [
        "train-classifier",
        "--positive",
        str(tmp_path / "good.jsonl"),
        "--negative",
        str(tmp_path / "bad.jsonl"),
    ]
    model = tmp_path / "models" / "q.bin"
    result = CliRunner().invoke(main, [*arguments, "--output", str(model), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["average_precision"] > 0.99
    assert "160 documents" in result.stderr
    assert model.exists()
    table = CliRunner().invoke(main, [*arguments, "--output", str(model)])
    assert "precision" in table.stdout
    assert "average precision" in table.stdout
    wrong = CliRunner().invoke(main, [*arguments, "--output", str(model), "--held-out", "2"])
    assert wrong.exit_code == 2
