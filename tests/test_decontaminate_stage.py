"""Decontamination as a part of a build: the stage, what `select` makes of it, resume, verify, and what commands print.

One build for all tests: a part of the demo, whose own kept documents give the exams.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from command_line import corpus
from corpus import schema
from corpus.storage import ipc
from corpus.storage.run_directory import RunDirectory
from corpus.text.edits import Edit, apply_edits
from pipelines.report.verification import verify
from pipelines.stages.findings import Check

DEMO = Path(__file__).resolve().parents[1] / "examples" / "demo"

RECIPE = """
[run]
name = "exams"
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
EXAMS = """
[decontaminate]
exams = [
  { name = "pages", format = "jsonl", files = ["exam.jsonl"] },
  { name = "sums", format = "gsm8k", files = ["sums/*.jsonl"] },
]
"""


def build(recipe: Path, run: Path, *more: str, workers: int = 1) -> str:
    return corpus("build", recipe, "--run-dir", run, "--workers", str(workers), *more).stderr


def columns(run: Path, kind: str) -> list[dict[str, Any]]:
    """Rows of all work items of a kind of file."""
    return [
        row for path in sorted(run.glob(f"{kind}/*/*.arrow")) for row in pa.ipc.open_file(path).read_all().to_pylist()
    ]


def contents(run: Path) -> dict[str, bytes]:
    kinds = ("contamination", "exams", "decisions", "tokens", "shards")
    found = [path for kind in kinds for path in sorted((run / kind).rglob("*.arrow"))]
    found += sorted((run / "stages" / "decontaminate").glob("*/*.arrow"))
    return {str(path.relative_to(run)): path.read_bytes() for path in found if path.name != "pending.arrow"}


def decision(run: Path) -> dict[int, dict[str, Any]]:
    return {row["doc_id"]: row for row in columns(run, "decisions")}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(folder with recipes and exams, run without exams)."""
    folder = tmp_path_factory.mktemp("exams")
    shutil.copyfile(DEMO / "docs-0.warc.gz", folder / "docs-0.warc.gz")
    (folder / "plain.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE + EXAMS, encoding="utf-8")
    run = folder / "plain"
    build(folder / "plain.toml", run)
    kept = {doc_id for doc_id, row in decision(run).items() if row["kept"]}
    long = [row["text"] for row in columns(run, "documents") if row["doc_id"] in kept and len(row["text"]) > 1_500]
    assert len(long) > 10
    # A passage of the first three, most of the fourth, a third of a passage of the fifth; and one that no page has.
    items = [{"id": f"q{number}", "question": text[500:700]} for number, text in enumerate(long[:3])]
    items.append({"id": "q3", "question": "What is it about?", "passage": long[3][: len(long[3]) * 4 // 5]})
    items.append({"id": "q4", "question": long[4][500:600] + "，这是别处的话，谁也没有写过。" * 10})
    items.append({"id": "q5", "question": "图书馆里一个安静的下午，从中午起就没有人来问过什么，门上的钟走得慢了。"})
    (folder / "exam.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    (folder / "sums").mkdir()
    sums = {
        "question": "How many eggs does the farmer sell when he has four baskets of nineteen and eats two?",
        "answer": "74",
    }
    (folder / "sums" / "test.jsonl").write_text(json.dumps(sums), encoding="utf-8")
    return folder, run


@pytest.fixture(scope="module")
def dropped(plain: tuple[Path, Path]) -> Path:
    """The run with exams and the default action, made from a copy of the run without: extraction is taken over."""
    folder, run = plain
    shutil.copytree(run, folder / "dropped")
    said = build(folder / "recipe.toml", folder / "dropped")
    assert "were done before" in next(line for line in said.splitlines() if line.startswith("extract"))
    return folder / "dropped"


def test_documents_with_an_item_go_for_this_reason_and_others_stay(plain: tuple[Path, Path], dropped: Path) -> None:
    before, after = decision(plain[1]), decision(dropped)
    matches = {row["doc_id"]: row for row in columns(dropped, "contamination")}
    assert [*matches] == [*after]
    gone = {doc_id for doc_id, row in after.items() if row["reason"] == "contaminated"}
    assert gone == {doc_id for doc_id, row in matches.items() if row["coverage"] >= 0.5 and before[doc_id]["kept"]}
    # The pages in traditional characters have the passages of the simplified ones.
    found = {match["item"] for doc_id in gone for match in matches[doc_id]["matches"] if match["coverage"] >= 0.5}
    assert found == {"q0", "q1", "q2", "q3"}
    assert 4 <= len(gone) < 10
    partly = [row for row in matches.values() for match in row["matches"] if match["item"] == "q4"]
    assert partly
    assert all(0.1 <= row["coverage"] < 0.5 for row in partly)
    texts = {row["doc_id"]: row["text"].encode() for row in columns(dropped, "documents")}
    for doc_id, row in matches.items():
        for match in row["matches"]:
            texts[doc_id][match["begin"] : match["end"]].decode()


def test_another_action_runs_select_and_not_the_search(plain: tuple[Path, Path], dropped: Path, tmp_path: Path) -> None:
    folder, _ = plain
    run = tmp_path / "run"
    shutil.copytree(dropped, run)
    over = sum(row["coverage"] >= 0.5 for row in columns(run, "contamination"))
    searched = {path: path.stat().st_mtime_ns for path in run.glob("contamination/*/*.arrow")}
    gone = {doc_id for doc_id, row in decision(run).items() if row["reason"] == "contaminated"}
    for action in ("cut", "mark"):
        said = build(folder / "recipe.toml", run, "--set", f"decontaminate.action={action}")
        assert "were done before" in next(line for line in said.splitlines() if line.startswith("decontaminate"))
        assert {path: path.stat().st_mtime_ns for path in searched} == searched
        assert corpus("verify", run).stdout.endswith("sound\n")
        after = decision(run)
        statistics = json.loads(corpus("stats", run, "--json").stdout)
        assert statistics["broken"] == []
        (pages, _) = statistics["exams"]
        assert (pages["found"], pages["documents"]) == (4, over)
        if action == "mark":
            assert all(after[doc_id]["kept"] and not after[doc_id]["cuts"] for doc_id in gone)
            continue
        # Where most of a document would go, it is dropped whole.
        assert {after[doc_id]["reason"] for doc_id in gone} == {"", "contaminated"}
        check_cuts(run, {doc_id for doc_id in gone if after[doc_id]["kept"]})
    build(folder / "recipe.toml", run)
    assert contents(run) == contents(dropped)


def check_cuts(run: Path, cut: set[int]) -> None:
    """Tokens of documents that were cut are those of the text without the passages."""
    from tokenizer_training.encode import load_encoder

    (model,) = run.glob("tokenizer/*/tokenizer.model")
    encoder = load_encoder(str(model))
    texts = {row["doc_id"]: row["text"] for row in columns(run, "documents")}
    tokens = {row["doc_id"]: row for row in columns(run, "tokens")}
    for doc_id in cut:
        decided = decision(run)[doc_id]
        (cut_out,) = decided["cuts"]
        left = apply_edits(texts[doc_id], [Edit(**edit) for edit in (cut_out, *decided["replacements"])])
        expected, _ = encoder.encode([left])
        assert tokens[doc_id]["tokens"] == expected.tolist()
        assert tokens[doc_id]["bytes"] == len(left.encode())
        assert len(left) <= len(texts[doc_id]) - 100


def test_two_workers_and_another_folder_give_the_same_bytes(
    plain: tuple[Path, Path], dropped: Path, tmp_path: Path
) -> None:
    folder, _ = plain
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("docs-0.warc.gz", "recipe.toml", "exam.jsonl", "sums"):
        (shutil.copytree if (folder / name).is_dir() else shutil.copyfile)(folder / name, moved / name)
    build(moved / "recipe.toml", tmp_path / "run", workers=2)
    assert contents(tmp_path / "run") == contents(dropped)


def test_after_kill_9_a_second_call_gives_the_same_bytes(
    plain: tuple[Path, Path], dropped: Path, tmp_path: Path
) -> None:
    folder, before = plain
    run = tmp_path / "run"
    shutil.copytree(before, run)
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "build",
        folder / "recipe.toml",
        "--run-dir",
        run,
        "--workers",
        "1",
    ]
    victim = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while (
        not list(run.glob("stages/decontaminate/*/0*.json")) and victim.poll() is None and time.monotonic() < deadline
    ):
        time.sleep(0.005)
    assert victim.poll() is None, "the build ended before it could be killed"
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    assert not (run / "stages" / "decontaminate.json").exists()
    build(folder / "recipe.toml", run)
    assert contents(run) == contents(dropped)


def test_another_question_searches_again_and_none_leaves_nothing(
    plain: tuple[Path, Path], dropped: Path, tmp_path: Path
) -> None:
    folder, before = plain
    run = tmp_path / "run"
    shutil.copytree(dropped, run)
    shutil.copytree(folder / "sums", tmp_path / "sums")
    shutil.copyfile(folder / "docs-0.warc.gz", tmp_path / "docs-0.warc.gz")
    shutil.copyfile(folder / "recipe.toml", tmp_path / "recipe.toml")
    lines = (folder / "exam.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "exam.jsonl").write_text("".join(lines[1:]), encoding="utf-8")
    build(tmp_path / "recipe.toml", run, "--until", "select")
    reasons = [row["reason"] for row in decision(run).values()]
    assert (
        3 <= reasons.count("contaminated") < sum(row["reason"] == "contaminated" for row in decision(dropped).values())
    )
    assert len(list((run / "contamination").iterdir())) == 1
    build(folder / "plain.toml", run, "--until", "decontaminate")
    assert corpus("verify", run).stdout.endswith("sound\n")
    build(folder / "plain.toml", run)
    assert not (run / "contamination").exists()
    assert not (run / "stages" / "decontaminate").exists()
    for path in sorted((before / "decisions").glob("*/*.arrow")):
        assert (run / path.relative_to(before)).read_bytes() == path.read_bytes()
    assert corpus("verify", run).stdout.endswith("sound\n")
    assert "not finished" not in corpus("stats", run).stdout


def test_a_build_stops_after_the_search_where_it_is_told_to(plain: tuple[Path, Path], tmp_path: Path) -> None:
    folder, before = plain
    run = tmp_path / "run"
    shutil.copytree(before, run)
    build(folder / "recipe.toml", run, "--until", "exams")
    assert (run / "stages" / "exams.json").exists()
    statistics = json.loads(corpus("stats", run, "--json").stdout)
    assert [(exam["exam"], exam["items"], exam["found"]) for exam in statistics["exams"]] == [
        ("pages", 6, 4),
        ("sums", 1, 0),
    ]


def test_commands_show_what_was_found(plain: tuple[Path, Path], dropped: Path) -> None:
    gone = [doc_id for doc_id, row in decision(dropped).items() if row["reason"] == "contaminated"]
    shown = corpus("show", dropped, gone[0]).stdout
    assert "dropped: contaminated" in shown
    assert "pages q0 question: 1, bytes" in shown
    fields = "doc_id,reason,coverage,exam_items"
    rows = [
        json.loads(line) for line in corpus("show", dropped, "--all", "--json", "--fields", fields).stdout.splitlines()
    ]
    assert {row["doc_id"] for row in rows if row["coverage"] >= 0.5} >= {*gone}
    assert all(bool(row["exam_items"]) == (row["coverage"] > 0) for row in rows)
    listed = corpus("stats", dropped).stdout
    assert "evaluation items" in listed
    without = [
        json.loads(line) for line in corpus("show", plain[1], "--all", "--json", "--fields", fields).stdout.splitlines()
    ]
    assert all(row["coverage"] is None and row["exam_items"] is None for row in without)


def damages(run: Path) -> Iterator[tuple[str, Path, Any]]:
    """(what, file of a finished run, what becomes of its rows)."""
    (decisions,) = (path for path in run.glob("decisions/*/00000.arrow"))
    (contamination,) = run.glob("contamination/*/00000.arrow")
    exams = next(iter(run.glob("exams/*/*.arrow")))

    def keep(rows: list[dict[str, Any]]) -> None:
        row = next(row for row in rows if row["reason"] == "contaminated")
        row.update(kept=True, reason="", cluster_size=1)

    def cut(rows: list[dict[str, Any]]) -> None:
        next(row for row in rows if row["kept"])["cuts"] = [{"begin": 0, "end": 3, "replacement": ""}]

    def raise_coverage(rows: list[dict[str, Any]]) -> None:
        next(row for row in rows if row["coverage"] == 0)["coverage"] = 0.9

    def lower_best(rows: list[dict[str, Any]]) -> None:
        next(row for row in rows if row["coverage"] == 1)["coverage"] = 0.5

    yield "kept", decisions, keep
    yield "cut", decisions, cut
    yield "coverage", contamination, raise_coverage
    yield "exams", exams, lower_best


@pytest.mark.parametrize("what", ["kept", "cut", "coverage", "exams"])
def test_verify_finds_a_decision_that_threshold_and_action_do_not_give(
    dropped: Path, tmp_path: Path, what: str
) -> None:
    """The file is written anew with its record, so that digest and size are right and only its meaning is wrong."""
    run = tmp_path / "run"
    shutil.copytree(dropped, run)
    ((_, path, change),) = (damage for damage in damages(run) if damage[0] == what)
    of = {"decisions": schema.DECISIONS, "contamination": schema.CONTAMINATION, "exams": schema.EXAMS}
    kind = path.parent.parent.name
    rows = pa.ipc.open_file(path).read_all().to_pylist()
    change(rows)
    written = ipc.write_table(str(path), pa.Table.from_pylist(rows, schema=of[kind]), of[kind])
    (record,) = run.glob(f"stages/*/{path.parent.name}/{path.stem}.json")
    content = json.loads(record.read_text())
    content["outputs"][kind] = {"rows": written.rows, "bytes": written.bytes, "digest": written.digest}
    record.write_text(json.dumps(content))
    found = list(verify(RunDirectory(str(run))))
    assert Check.CONTAMINATION in {finding.check for finding in found}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('exams = [{ name = "a", format = "jsonl", files = ["no.jsonl"] }]', "exam 'a': 'no.jsonl' matches no file"),
        ('exams = [{ name = "a", format = "mmlu", files = ["exam.jsonl"] }]', "exam.jsonl: row 1:"),
        (
            'exams = [{ name = "a", format = "jsonl", files = ["empty.jsonl"] }]',
            "decontaminate.exams: their files have no item",
        ),
        ("exams = []", "decontaminate.exams = []"),
        ("coverage = 0.5", "decontaminate.exams: missing"),
        ('exams = [{ name = "a", format = "mmmlu", files = ["x"] }]', "decontaminate.exams.0.format = 'mmmlu'"),
    ],
)
def test_a_recipe_that_names_no_exam_is_one_line_with_exit_2_and_nothing_written(
    plain: tuple[Path, Path], tmp_path: Path, more: str, said: str
) -> None:
    folder, _ = plain
    (folder / "empty.jsonl").write_text("\n")
    recipe = folder / "bad.toml"
    recipe.write_text(f"{RECIPE}\n[decontaminate]\n{more}\n", encoding="utf-8")
    done = corpus("build", recipe, "--run-dir", tmp_path / "run", expect=2)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert said in done.stderr
    assert not (tmp_path / "run").exists()
