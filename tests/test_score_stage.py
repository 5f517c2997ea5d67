"""Classifiers and word lists as a part of a build: the stage, rules on its signals, preference of copies, verify, commands.

One build for all tests: a part of the demo, with a classifier that is trained on its own lines.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from command_line import corpus
from corpus import schema
from corpus.domains import domain_of
from corpus.reasons import DUPLICATES
from corpus.storage import ipc
from corpus.storage.run_directory import RunDirectory
from filters.scorers.classifier import Classifier, Settings, train
from filters.scorers.word_lists import count_listed, entries_of
from pipelines.report.verification import verify
from pipelines.selection.decision_checks import _check_tiers
from pipelines.stages.findings import Check

DEMO = Path(__file__).resolve().parents[1] / "examples" / "demo"

RECIPE = """
[run]
name = "scores"
languages = ["zh", "en", "ja"]
work_item_bytes = 200_000
[[source]]
name = "docs"
inputs = ["docs-0.warc.gz"]
[tokenizer]
vocab_size = 2500
model_type = "bpe"
[[phase]]
name = "one"
tokens = 8_000
sequence_length = 128
"""
SCORERS = """
[[classifier]]
name = "prose"
model = "models/prose.bin"
languages = ["en", "zh"]
[[word_list]]
name = "flagged"
files = ["flagged.txt"]
allow = ["fine.txt"]
"""
BEST = """
[[classifier]]
name = "a"
model = "models/prose.bin"
[quality]
classifier = "a"
tiers = [0.5]
[[phase]]
name = "best"
tokens = 8_000
sequence_length = 128
"""
RULES = """
[profiles.web]
rules = [
  { signal = "classifier_prose", min = 0.5, reason = "low_quality" },
  { signal = "share_in_flagged", max = 0.01, reason = "flagged_words" },
]
"""


def build(recipe: Path, run: Path, *more: str, workers: int = 1) -> dict[str, str]:
    """What the build said of each stage."""
    said = corpus("build", recipe, "--run-dir", run, "--workers", str(workers), *more).stderr
    return {line.split()[0]: line for line in said.splitlines() if line.strip()}


def read(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pa.ipc.open_file(path).read_all().to_pylist()
    return rows


def columns(run: Path, kind: str) -> list[dict[str, Any]]:
    return [row for path in sorted(run.glob(f"{kind}/*/*.arrow")) for row in read(path)]


def contents(run: Path) -> dict[str, bytes]:
    kinds = ("scores", "decisions", "tokens", "shards")
    found = [path for kind in kinds for path in sorted((run / kind).rglob("*.arrow"))]
    return {str(path.relative_to(run)): path.read_bytes() for path in found}


def decision(run: Path) -> dict[int, dict[str, Any]]:
    return {row["doc_id"]: row for row in columns(run, "decisions")}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(folder with recipes, model and lists, run without scores)."""
    folder = tmp_path_factory.mktemp("scores")
    shutil.copyfile(DEMO / "docs-0.warc.gz", folder / "docs-0.warc.gz")
    (folder / "plain.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE + SCORERS, encoding="utf-8")
    (folder / "rules.toml").write_text(RECIPE + SCORERS + RULES, encoding="utf-8")
    run = folder / "plain"
    build(folder / "plain.toml", run)
    lines = [line for row in columns(run, "documents") for line in row["text"].splitlines()]
    short = [line for line in lines if 0 < len(line) < 30]
    menus = [" ".join(short[at : at + 5]) for at in range(0, len(short), 5)]
    found = train([line for line in lines if len(line) > 120], menus, folder / "models" / "prose.bin",
                  Settings(buckets=5000, dimensions=8))  # fmt: skip
    assert found.average_precision > 0.8
    (folder / "flagged.txt").write_text("# words of the manual\nthe\n页面\nconfiguration file\n", encoding="utf-8")
    (folder / "fine.txt").write_text("the server\n", encoding="utf-8")
    return folder, run


@pytest.fixture(scope="module")
def scored(plain: tuple[Path, Path]) -> Path:
    """The run with scores and no rule on them, made from a copy of the run without: extraction is taken over."""
    folder, run = plain
    shutil.copytree(run, folder / "scored")
    said = build(folder / "recipe.toml", folder / "scored")
    assert "were done before" in said["extract"]
    return folder / "scored"


def test_scores_are_those_of_the_model_and_the_list(plain: tuple[Path, Path], scored: Path) -> None:
    rows, documents = columns(scored, "scores"), columns(scored, "documents")
    languages = {row["doc_id"]: row["language"] for row in columns(scored, "signals")}
    assert [row["doc_id"] for row in rows] == [row["doc_id"] for row in documents]
    assert {*languages.values()} > {"en", "zh", "ja"}
    texts = [row["text"] for row in documents]
    scores = Classifier(plain[0] / "models" / "prose.bin").scores(texts).tolist()
    entries = entries_of([("the", ""), ("页面", ""), ("configuration file", "")], [("the server", "")])
    found, inside, units = count_listed(pa.array(texts, pa.large_string()), entries)
    for place, row in enumerate(rows):
        judged = languages[row["doc_id"]] in ("en", "zh")
        assert row["classifier_prose"] == (scores[place] if judged else None)
        assert row["words_in_flagged"] == found[place]
        assert row["share_in_flagged"] == pytest.approx(inside[place] / max(1, units[place]))
    assert sum(row["words_in_flagged"] for row in rows) > 100
    # Without a rule on them nothing is decided otherwise.
    assert decision(scored) == decision(plain[1])


def test_a_rule_on_a_score_runs_select_alone_and_gives_its_reason(
    plain: tuple[Path, Path], scored: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(scored, run)
    said = build(plain[0] / "rules.toml", run)
    assert "were done before" in said["extract"]
    assert "were done before" in said["score"]
    assert corpus("verify", run).stdout.endswith("sound\n")
    before, after = decision(scored), decision(run)
    scores = {row["doc_id"]: row for row in columns(run, "scores")}
    reasons = dict.fromkeys(("low_quality", "flagged_words"), 0)
    for doc_id, row in scores.items():
        reason = after[doc_id]["reason"]
        if before[doc_id]["reason"] not in ("", "exact_duplicate", "near_duplicate"):
            assert reason == before[doc_id]["reason"]
        elif row["classifier_prose"] is not None and row["classifier_prose"] < 0.5:
            assert reason == "low_quality"
        elif row["share_in_flagged"] > 0.01:
            assert reason == "flagged_words"
        else:
            assert reason in ("", "exact_duplicate", "near_duplicate")
        reasons[reason] = reasons.get(reason, 0) + 1
    assert reasons["low_quality"] > 0
    assert reasons["flagged_words"] > 0
    gone = next(doc_id for doc_id, row in after.items() if row["reason"] == "low_quality")
    shown = corpus("show", run, gone).stdout
    assert "dropped: low_quality" in shown
    assert "classifier_prose" in shown
    build(plain[0] / "recipe.toml", run)
    assert contents(run) == contents(scored)


def test_another_model_runs_the_stage_again_and_none_leaves_nothing(
    plain: tuple[Path, Path], scored: Path, tmp_path: Path
) -> None:
    folder, before = plain
    run, other = tmp_path / "run", tmp_path / "other"
    shutil.copytree(scored, run)
    shutil.copytree(folder, other, ignore=shutil.ignore_patterns("plain", "scored"))
    words = ["theorem", "proof", "lemma", "click", "buy", "cheap"]
    texts = [" ".join(words[(number * step) % 6] for step in range(1, 9)) + f" {number}" for number in range(200)]
    train(texts[:100], texts[100:], other / "models" / "prose.bin", Settings(buckets=100, dimensions=4))
    said = build(other / "recipe.toml", run)
    assert "were done before" in said["extract"]
    assert "were done before" not in said["score"]
    assert contents(run) != contents(scored)
    said = build(folder / "plain.toml", run)
    assert not (run / "scores").exists()
    assert not (run / "stages" / "score").exists()
    assert corpus("verify", run).stdout.endswith("sound\n")
    assert "not finished" not in corpus("stats", run).stdout
    assert decision(run) == decision(before)


def test_two_workers_give_the_same_bytes(plain: tuple[Path, Path], scored: Path, tmp_path: Path) -> None:
    build(plain[0] / "recipe.toml", tmp_path / "run", workers=2)
    assert contents(tmp_path / "run") == contents(scored)


def test_of_copies_the_one_with_the_better_score_stays(plain: tuple[Path, Path], scored: Path, tmp_path: Path) -> None:
    kept = {doc_id for doc_id, row in decision(scored).items() if row["kept"]}
    english = {row["doc_id"] for row in columns(scored, "signals") if row["language"] == "en"}
    texts = [
        row["text"]
        for row in columns(scored, "documents")
        if row["doc_id"] in kept & english and len(row["text"]) > 3_500
    ]
    assert len(texts) > 2
    # The longer copy has above it what the model was trained to know a menu by.
    short = [line for text in texts for line in text.splitlines() if 0 < len(line) < 30]
    menu = "".join(" ".join(short[at : at + 5]) + "\n" for at in range(0, 25, 5))
    rows = [
        {"id": f"{at} {kind}", "text": head + text}
        for at, text in enumerate(texts)
        for kind, head in (("a", ""), ("b", menu))
    ]
    (tmp_path / "copies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    recipe = RECIPE.replace(
        'inputs = ["docs-0.warc.gz"]', 'inputs = ["copies.jsonl"]\nformat = "jsonl"\nprofile = "none"'
    )
    (tmp_path / "recipe.toml").write_text(recipe + SCORERS, encoding="utf-8")
    shutil.copytree(plain[0] / "models", tmp_path / "models")
    for name in ("flagged.txt", "fine.txt"):
        shutil.copyfile(plain[0] / name, tmp_path / name)
    stays: dict[str, list[str]] = {}
    for quality, more in (("length", []), ("score", ["--set", "quality.classifier=prose"])):
        said = build(tmp_path / "recipe.toml", tmp_path / "run", "--until", "select", *more)
        names = {row["doc_id"]: row["id"] for row in columns(tmp_path / "run", "documents")}
        stays[quality] = sorted(names[doc_id] for doc_id, row in decision(tmp_path / "run").items() if row["kept"])
        scores = {names[row["doc_id"]]: row["classifier_prose"] for row in columns(tmp_path / "run", "scores")}
    assert "were done before" in said["score"]
    assert stays["length"] == sorted(f"{at} b" for at in range(len(texts)))
    better = [max((scores[f"{at} {kind}"], kind) for kind in "ab")[1] for at in range(len(texts))]
    assert stays["score"] == sorted(f"{at} {kind}" for at, kind in enumerate(better))
    assert "a" in better


def test_commands_show_scores(plain: tuple[Path, Path], scored: Path) -> None:
    statistics = json.loads(corpus("stats", scored, "--json").stdout)
    assert statistics["broken"] == []
    rows = columns(scored, "scores")
    (classifier,), (words,) = statistics["scores"], statistics["word_lists"]
    judged = [row["classifier_prose"] for row in rows if row["classifier_prose"] is not None]
    assert classifier["documents"] == len(judged) == sum(classifier["tenths"])
    assert classifier["mean"] == pytest.approx(sum(judged) / len(judged), abs=1e-6)
    assert classifier["tenths"][9] == sum(round(score, 3) >= 0.9 for score in judged)
    assert words["found"] == sum(row["words_in_flagged"] for row in rows)
    assert words["documents_with_any"] == sum(row["words_in_flagged"] > 0 for row in rows)
    table = corpus("stats", scored).stdout
    assert "classifier_prose" in table
    assert "word lists" in table
    fields = "doc_id,classifier_prose,words_in_flagged,share_in_flagged"
    listed = [
        json.loads(line) for line in corpus("show", scored, "--all", "--json", "--fields", fields).stdout.splitlines()
    ]
    assert [(row["doc_id"], row["words_in_flagged"]) for row in listed] == [
        (row["doc_id"], row["words_in_flagged"]) for row in rows
    ]
    one = json.loads(corpus("show", scored, "--json", str(rows[0]["doc_id"])).stdout)
    assert one["signals"]["words_in_flagged"] == rows[0]["words_in_flagged"]
    corpus("show", plain[1], "--fields", "classifier_prose", expect=2)
    different = json.loads(corpus("diff", plain[1], scored, "--json", expect=1).stdout)
    assert different["signals"]["words_in_flagged"] == len(rows)


def test_measure_prints_the_score(plain: tuple[Path, Path], scored: Path) -> None:
    folder, _ = plain
    done = corpus("measure", folder / "docs-0.warc.gz", "--classifier", folder / "models" / "prose.bin")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    by_id = {row["id"]: row["doc_id"] for row in columns(scored, "documents")}
    scores = {row["doc_id"]: row["classifier_prose"] for row in columns(scored, "scores")}
    compared = 0
    for line in lines:
        expected = scores.get(by_id.get(line["id"], -1))
        if expected is not None:
            assert line["signals"]["classifier_prose"] == pytest.approx(expected, abs=1e-6)
            compared += 1
    assert compared > 20
    none = corpus("measure", folder / "docs-0.warc.gz", "--classifier", folder / "flagged.txt", expect=2)
    assert "flagged.txt" in none.stderr


def test_measure_judges_as_a_build_of_the_recipe_does(plain: tuple[Path, Path], scored: Path, tmp_path: Path) -> None:
    folder, run = plain[0], tmp_path / "run"
    shutil.copytree(scored, run)
    build(folder / "rules.toml", run, "--until", "select")
    reasons = {row["doc_id"]: row["reason"] for row in decision(run).values()}
    expected = {doc_id: "" if reason in DUPLICATES else reason for doc_id, reason in reasons.items()}
    done = corpus("measure", folder / "docs-0.warc.gz", "--recipe", folder / "rules.toml")
    measured = [json.loads(line) for line in done.stdout.splitlines()]
    ids = [row["id"] for row in columns(run, "documents")]
    assert [row["id"] for row in measured] == ids
    judged = dict(zip(reasons, [(row["reasons"] or [""])[0] for row in measured], strict=True))
    assert judged == expected
    assert {"low_quality", "flagged_words", "language_uncertain"} <= set(judged.values())
    page = folder / "docs-0.warc.gz"
    for more, said in (
        (("--source", "docs"), "Give the --recipe too"),
        (
            ("--recipe", folder / "rules.toml", "--source", "web"),
            "no source is called 'web'; give --source, one of docs",
        ),
        (("--recipe", folder / "rules.toml", "--profile", "web"), "--profile: the recipe says that"),
    ):
        assert said in corpus("measure", page, *more, expect=2).stderr


@pytest.mark.parametrize("what", ["score", "row"])
def test_verify_finds_a_score_that_is_none(scored: Path, tmp_path: Path, what: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(scored, run)
    path = next(iter(sorted(run.glob("scores/*/*.arrow"))))
    table = pa.ipc.open_file(path).read_all()
    of = table.schema
    rows = table.to_pylist()
    if what == "score":
        next(row for row in rows if row["classifier_prose"] is not None)["classifier_prose"] = 0.00049
    else:
        rows[0]["doc_id"], rows[1]["doc_id"] = rows[1]["doc_id"], rows[0]["doc_id"]
    written = ipc.write_table(str(path), pa.Table.from_pylist(rows, schema=of), of)
    (record,) = run.glob(f"stages/score/{path.parent.name}/{path.stem}.json")
    content = json.loads(record.read_text())
    content["outputs"]["scores"] = {"rows": written.rows, "bytes": written.bytes, "digest": written.digest}
    record.write_text(json.dumps(content))
    found = {finding.check for finding in verify(RunDirectory(str(run)))}
    assert (Check.SCORES if what == "score" else Check.ALIGNMENT) in found


def test_tiers_of_quality_are_domains_with_weights_of_their_own(
    plain: tuple[Path, Path], scored: Path, tmp_path: Path
) -> None:
    run, recipe = tmp_path / "run", plain[0] / "tiers.toml"
    shutil.copytree(scored, run)
    quality = '[quality]\nclassifier = "prose"\ntiers = [0.4, 0.8]\n'
    recipe.write_text(RECIPE + SCORERS + quality, encoding="utf-8")
    assert "were done before" in build(recipe, run)["score"]
    corpus("verify", run)
    scores = {row["doc_id"]: row["classifier_prose"] for row in columns(run, "scores")}
    stages = RunDirectory(str(run))
    decided, packed = (stages.current_stage(name).fingerprint for name in ("select", "pack"))
    rows = [row for path in sorted(run.glob(f"decisions/{decided}/*.arrow")) for row in read(path)]
    assert [row["quality"] for row in rows] == [scores[row["doc_id"]] for row in rows]
    assert {row["tier"] for row in rows if row["kept"]} == {0, 1, 2, 3}  # 0: no language of the classifier
    for row in rows:
        judged = row["kept"] and row["quality"] is not None
        assert row["tier"] == (1 + sum(row["quality"] >= np.float32(least) for least in (0.4, 0.8)) if judged else 0)
    languages = {row["doc_id"]: row["language"] for row in columns(run, "signals")}
    expected = {row["doc_id"]: domain_of("docs", languages[row["doc_id"]], row["tier"]) for row in rows if row["kept"]}
    stored = {
        row["doc_id"]: (path.parent.name, None if np.isnan(row["quality"]) else row["quality"])
        for path in run.glob(f"shards/{packed}/*/*.arrow")
        for row in read(path)
    }
    assert stored == {doc_id: (domain, scores[doc_id]) for doc_id, domain in expected.items()}
    # The best tier alone is a mixture; nothing but the plan is made again.
    best = '[[phase]]\nname = "best"\ntokens = 1_024\nsequence_length = 128\nweights = { "docs.zh.q3" = 1.0 }\n'
    recipe.write_text(RECIPE + SCORERS + quality + best, encoding="utf-8")
    assert "were done before" in build(recipe, run)["pack"]
    (phase,) = json.loads(corpus("feed", "plan", run, "--json").stdout)["phases"][1:]
    assert [share["domain"] for share in phase["domains"] if share["sequences"]] == ["docs.zh.q3"]
    shown = corpus("show", run, "--kept", "--fields", "key,quality,tier").stdout
    assert "0.9" in shown


def test_a_tier_that_is_not_the_scores_is_found() -> None:
    of = [
        pa.field("doc_id", pa.uint64()),
        pa.field("kept", pa.bool_()),
        *map(schema.DECISIONS.field, ("quality", "tier")),
    ]
    rows = [
        (1, True, 0.4, 2),
        (2, True, 0.4, 1),
        (3, False, 0.9, 0),
        (4, False, 0.9, 2),
        (5, True, None, 1),
        (6, True, 0.9, 0),
    ]
    table = pa.Table.from_pylist(
        [dict(zip([field.name for field in of], row, strict=True)) for row in rows], pa.schema(of)
    )
    found = [finding.detail for finding in _check_tiers("x", table, [0.4])]
    assert [int(detail.split()[1].rstrip(":")) for detail in found] == [2, 4, 5, 6]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[[classifier]]\nname = "a"\nmodel = "no.bin"', "classifier 'a': "),
        ('[[classifier]]\nname = "a"\nmodel = "models/prose.bin"\nlabel = "hq"', "no classifier of 'hq'"),
        ('[[word_list]]\nname = "a"\nfiles = ["no.txt"]', "word_list 'a': 'no.txt' matches no file"),
        ('[quality]\nclassifier = "b"', "quality.classifier = 'b': no [[classifier]] has this name"),
        ("[quality]\ntiers = [0.5]", "tiers are of a classifier's scores"),
        ('[quality]\nclassifier = "prose"\ntiers = [0.5, 0.4]', "they must ascend"),
        (f'{BEST}max_epochs = {{ "docs.zh.q3" = 2 }}', "max_epochs names 'docs.zh.q3'; quality.tiers = [0.5] makes q1 to q2"),
        (f'{BEST}weights = {{ "docs.zh.q2" = 0.5, "docs.zh" = 0.5 }}', "weights names 'docs.zh.q2' and docs.zh, which has it in"),
        ('[profiles.web]\nrules = [{ signal = "classifier_b", min = 0.5, reason = "low_quality" }]', "signal 'classifier_b' is unknown"),
    ],
)  # fmt: skip
def test_a_recipe_that_names_no_model_or_list_is_one_line_with_exit_2(
    plain: tuple[Path, Path], tmp_path: Path, more: str, said: str
) -> None:
    recipe = plain[0] / "bad.toml"
    recipe.write_text(f"{RECIPE}\n{more}\n", encoding="utf-8")
    done = corpus("build", recipe, "--run-dir", tmp_path / "run", expect=2)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert said in done.stderr
    assert not (tmp_path / "run").exists()


def test_the_schema_is_that_of_the_recipe(scored: Path) -> None:
    (path, *_) = sorted(scored.glob("scores/*/*.arrow"))
    names = ["classifier_prose", "words_in_flagged", "share_in_flagged"]
    assert pa.ipc.open_file(path).schema.equals(schema.scores_schema(names))
