"""Perplexity as a part of a build: the stage, a rule on it, what commands show, verify; without the package one line.

One build for all tests: a part of the demo, with a model that is made of its own longer lines.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ngram_model import write_arpa

from command_line import corpus
from corpus.recipe.parsing import load_recipe
from corpus.storage import ipc
from corpus.storage.run_directory import RunDirectory
from filters.scorers.perplexity import Perplexity, lines_of, token_lines
from filters.scorers.score_counts import score_counts
from packages import needs_kenlm
from pipelines.report.scores import SHARES, perplexity_reports
from pipelines.report.verification import verify
from pipelines.stages.findings import Check

DEMO = Path(__file__).resolve().parents[1] / "examples" / "demo"

RECIPE = """
[run]
name = "perplexity"
languages = ["zh", "en", "ja"]
work_item_bytes = 200_000
[[source]]
name = "docs"
inputs = ["docs-0.warc.gz"]
"""
SCORERS = """
[[perplexity]]
name = "prose"
model = "models/prose.arpa"
tokenizer = "models/prose.model"
text = "ccnet-lines"
languages = ["en", "zh"]
[[perplexity]]
name = "words"
model = "models/words.arpa"
"""
RULES = """
[profiles.web]
rules = [{ signal = "perplexity_prose", max = MAX, reason = "low_quality" }]
"""


def build(recipe: Path, run: Path, *more: str) -> dict[str, str]:
    """What the build said of each stage."""
    said = corpus("build", recipe, "--run-dir", run, "--until", "select", *more).stderr
    return {line.split()[0]: line for line in said.splitlines() if line.strip()}


def columns(run: Path, kind: str) -> list[dict[str, Any]]:
    return [
        row for path in sorted(run.glob(f"{kind}/*/*.arrow")) for row in pa.ipc.open_file(path).read_all().to_pylist()
    ]


def scores(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted((run / "scores").rglob("*.arrow"))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """plain.toml and recipe.toml, models, and `scored`: the run of the second, made over a run of the first."""
    import sentencepiece

    folder = tmp_path_factory.mktemp("perplexity")
    shutil.copyfile(DEMO / "docs-0.warc.gz", folder / "docs-0.warc.gz")
    (folder / "plain.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE + SCORERS, encoding="utf-8")
    run = folder / "scored"
    build(folder / "plain.toml", run)
    texts = [line for row in columns(run, "documents") for line in row["text"].splitlines() if len(line) > 80]
    models = folder / "models"
    models.mkdir()
    (folder / "lines.txt").write_text("\n".join(line for text in texts for line in lines_of(text, "ccnet")))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "lines.txt"), model_prefix=str(models / "prose"), vocab_size=2000, num_threads=1,
        minloglevel=2, hard_vocab_limit=False,
    )  # fmt: skip
    for name, tokenizer in (("prose", models / "prose.model"), ("words", None)):
        lines = [line for text in texts for line in token_lines(text, tokenizer, "ccnet")]
        write_arpa(models / f"{name}.arpa", [line.decode().split(" ") for line in lines])
    said = build(folder / "recipe.toml", run)
    assert "were done before" in said["extract"]
    return folder


@needs_kenlm
def test_scores_are_those_of_the_models(folder: Path) -> None:
    rows, documents = columns(folder / "scored", "scores"), columns(folder / "scored", "documents")
    languages = {row["doc_id"]: row["language"] for row in columns(folder / "scored", "signals")}
    assert [row["doc_id"] for row in rows] == [row["doc_id"] for row in documents]
    assert {*languages.values()} > {"en", "zh", "ja"}
    texts, models = [row["text"] for row in documents], folder / "models"
    prose = Perplexity(models / "prose.arpa", models / "prose.model", "ccnet-lines").scores(texts).tolist()
    words = Perplexity(models / "words.arpa").scores(texts).tolist()
    for place, row in enumerate(rows):
        judged = languages[row["doc_id"]] in ("en", "zh")
        assert row["perplexity_prose"] == (prose[place] if judged else None)
        assert row["perplexity_words"] == words[place]


@needs_kenlm
def test_a_limit_that_stats_shows_keeps_what_it_says(folder: Path, tmp_path: Path) -> None:
    statistics = json.loads(corpus("stats", folder / "scored", "--json").stdout)
    assert statistics["broken"] == []
    prose, words = statistics["perplexity"]
    rows = columns(folder / "scored", "scores")
    judged = np.array([row["perplexity_prose"] for row in rows if row["perplexity_prose"] is not None])
    assert (prose["documents"], words["documents"]) == (len(judged), len(rows))
    assert sum(prose["steps"].values()) == len(judged)
    most = prose["at_most"]["60"]
    assert 0.6 <= (judged <= most).mean() < 0.75
    shown = corpus("stats", folder / "scored").stdout
    assert "60 % to" in shown
    assert f"{most:,}" in next(line for line in shown.splitlines() if line.startswith("perplexity_prose"))

    recipe = folder / "rules.toml"
    recipe.write_text(RECIPE + SCORERS + RULES.replace("MAX", str(most)), encoding="utf-8")
    run = tmp_path / "run"
    shutil.copytree(folder / "scored", run)
    said = build(recipe, run)
    assert "were done before" in said["score"]
    before = {row["doc_id"]: row["reason"] for row in columns(folder / "scored", "decisions")}
    after = {row["doc_id"]: row["reason"] for row in columns(run, "decisions")}
    dropped = 0
    for row in rows:
        over = row["perplexity_prose"] is not None and row["perplexity_prose"] > most
        if before[row["doc_id"]] in ("", "exact_duplicate", "near_duplicate"):
            assert (after[row["doc_id"]] == "low_quality") == over
            dropped += over
        else:
            assert after[row["doc_id"]] == before[row["doc_id"]]
    assert dropped > 5
    gone = next(doc_id for doc_id, reason in after.items() if reason == "low_quality")
    assert "perplexity_prose" in corpus("show", run, gone).stdout
    assert corpus("verify", run).stdout.endswith("sound\n")


@needs_kenlm
def test_measure_and_show_print_the_score(folder: Path) -> None:
    models = folder / "models"
    done = corpus("measure", folder / "docs-0.warc.gz", "--perplexity", models / "words.arpa",
                  "--perplexity", f"{models / 'prose.arpa'},{models / 'prose.model'}")  # fmt: skip
    ids = {row["id"]: row["doc_id"] for row in columns(folder / "scored", "documents")}
    found = {row["doc_id"]: row["perplexity_words"] for row in columns(folder / "scored", "scores")}
    compared = 0
    for line in map(json.loads, done.stdout.splitlines()):
        assert line["signals"]["perplexity_prose"] >= 1
        if line["id"] in ids:
            assert line["signals"]["perplexity_words"] == pytest.approx(found[ids[line["id"]]])
            compared += 1
    assert compared > 20
    fields = "doc_id,perplexity_words"
    shown = corpus("show", folder / "scored", "--all", "--json", "--fields", fields).stdout.splitlines()
    assert [json.loads(line)["perplexity_words"] for line in shown] == pytest.approx(list(found.values()))
    wrong = corpus("measure", folder / "docs-0.warc.gz", "--perplexity", folder / "plain.toml", expect=2)
    assert "plain.toml: no language model of KenLM" in wrong.stderr


def test_the_text_that_a_model_is_made_of_is_printed_without_the_package(tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "Über 12 Äpfel.\nUnd <s>"}, {"id": "b", "text": " "}, {"id": "c", "text": "困惑"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["perplexity-text", tmp_path / "rows.jsonl"]
    assert corpus(*command).stdout == "uber 00 apfel . und < s >\n困 惑\n"
    plain = corpus(*command, "--text", "plain", "--json").stdout.splitlines()
    assert [json.loads(line) for line in plain] == [
        {"id": "a", "lines": ["Über 12 Äpfel .", "Und < s >"]},
        {"id": "c", "lines": ["困 惑"]},
    ]


@needs_kenlm
def test_another_tokenizer_runs_the_stage_again_and_two_workers_give_the_same_bytes(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder / "scored", tmp_path / "run")
    shutil.copytree(folder, tmp_path / "other", ignore=shutil.ignore_patterns("scored"))
    (tmp_path / "other" / "recipe.toml").write_text(
        RECIPE + SCORERS.replace('tokenizer = "models/prose.model"\n', "").replace("prose.arpa", "words.arpa")
    )
    said = build(tmp_path / "other" / "recipe.toml", tmp_path / "run")
    assert "were done before" in said["extract"]
    assert "were done before" not in said["score"]
    assert scores(tmp_path / "run") != scores(folder / "scored")
    build(folder / "recipe.toml", tmp_path / "run", "--workers", "2")
    assert scores(tmp_path / "run") == scores(folder / "scored")


@needs_kenlm
def test_verify_finds_a_perplexity_that_is_none(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(folder / "scored", run)
    path = next(iter(sorted(run.glob("scores/*/*.arrow"))))
    table = pa.ipc.open_file(path).read_all()
    rows = table.to_pylist()
    rows[0]["perplexity_words"] = float("nan")
    written = ipc.write_table(str(path), pa.Table.from_pylist(rows, schema=table.schema), table.schema)
    (record,) = run.glob(f"stages/score/{path.parent.name}/{path.stem}.json")
    content = json.loads(record.read_text())
    content["outputs"]["scores"] = {"rows": written.rows, "bytes": written.bytes, "digest": written.digest}
    record.write_text(json.dumps(content))
    assert Check.SCORES in {finding.check for finding in verify(RunDirectory(str(run)))}


@needs_kenlm
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('model = "no.arpa"', "perplexity 'a': "),
        ('model = "plain.toml"', "no language model of KenLM, or cut short"),
        ('model = "models/words.arpa"\ntokenizer = "plain.toml"', "not a SentencePiece model"),
        ('model = "models/words.arpa"\ntext = "CCNet"', "perplexity.0.text"),
    ],
)
def test_a_recipe_with_a_model_that_is_none_is_one_line(folder: Path, tmp_path: Path, wrong: str, said: str) -> None:
    recipe = folder / "bad.toml"
    recipe.write_text(f'{RECIPE}\n[[perplexity]]\nname = "a"\n{wrong}\n', encoding="utf-8")
    done = corpus("build", recipe, "--run-dir", tmp_path / "run", expect=2)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert said in done.stderr
    assert not (tmp_path / "run").exists()


def test_without_the_package_a_build_ends_at_once_with_one_line(tmp_path: Path) -> None:
    shutil.copyfile(DEMO / "docs-0.warc.gz", tmp_path / "docs-0.warc.gz")
    (tmp_path / "recipe.toml").write_text(f'{RECIPE}\n[[perplexity]]\nname = "a"\nmodel = "a.arpa"\n', encoding="utf-8")
    # A package that another process does not find: its metadata are looked for behind a finder that hides them.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.metadata as m\nfound = m.version\n"
        "def version(name):\n"
        "    if name == 'ufal.kenlm':\n        raise m.PackageNotFoundError(name)\n"
        "    return found(name)\n"
        "m.version = version\n"
    )
    command = [sys.executable, "-m", "pipelines.cli", "build", "recipe.toml", "--run-dir", "run"]
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join([str(tmp_path), root])
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("corpus: recipe.toml: perplexity 'a': ")
    assert "pip install ufal.kenlm" in line
    assert load_recipe(tmp_path / "recipe.toml").scored_signals == ("perplexity_a",)


@given(st.lists(st.floats(1, 2.0**80, width=32), max_size=60), st.integers(0, 60))
def test_counts_of_parts_add_up_and_each_limit_keeps_its_share(values: list[float], cut: int) -> None:
    def counts(some: list[float]) -> dict[str, int]:
        return score_counts(pa.table({"perplexity_a": pa.array(some, pa.float32())}))

    parts = [counts(values[:cut]), counts(values[cut:])]
    total = {key: sum(part.get(key, 0) for part in parts) for key in parts[0] | parts[1]}
    assert total == counts(values)
    (report,) = perplexity_reports(total)
    assert report.documents == len(values)
    for share in SHARES:
        most = report.at_most[share]
        if most is None or most == max(report.steps):
            assert most is not None or not values
        else:
            assert sum(value <= most for value in values) * 100 >= share * len(values)
