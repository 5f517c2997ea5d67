"""Personal data as a part of a build: what is written, replaced, dropped, shown, counted and checked; what runs again."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from command_line import corpus
from corpus.seeds import content_digest
from corpus.storage.run_directory import RunDirectory
from corpus.text.edits import Edit
from filters.privacy.kinds import Kind
from pipelines.report.verification import verify
from pipelines.stages.findings import Check
from pipelines.stages.kept_documents import edits_of
from tokenizer_training.encode import load_encoder

RECIPE = """
[run]
name = "privacy"
[[source]]
name = "rows"
format = "jsonl"
profile = "none"
inputs = ["rows.jsonl"]
[tokenizer]
vocab_size = 400
model_type = "bpe"
[dedup]
near = false
"""
FILLER = "The library opens at nine, and nobody asks for anything before noon. 图书馆九点开门，中午以前没有人来。\n"
ROWS = {
    "plain": FILLER * 3,
    "mail": f"{FILLER}邮箱zhangsan@yunmail.cn，另一个是lisi@yunmail.cn。{FILLER * 2}",
    "mixed": f"{FILLER}Call +44 20 7946 0958 or 电话13812345678, IP 61.135.169.121. {FILLER * 3}",
    "card": f"{FILLER}Card 4646 5816 9983 9586 and 身份证110105198512147073。{FILLER * 4}",
}
PLACED = {
    "zhangsan@yunmail.cn": "<EMAIL>",
    "lisi@yunmail.cn": "<EMAIL>",
    "+44 20 7946 0958": "<PHONE>",
    "13812345678": "<PHONE>",
    "61.135.169.121": "<IP>",
    "4646 5816 9983 9586": "<CARD>",
    "110105198512147073": "<ID>",
}


def edited(text: str) -> str:
    for found, token in PLACED.items():
        text = text.replace(found, token)
    return text


def rows_of(run: Path, kind: str) -> list[dict[str, Any]]:
    return [
        row for path in sorted(run.glob(f"{kind}/*/*.arrow")) for row in pa.ipc.open_file(path).read_all().to_pylist()
    ]


def texts_of_tokens(run: Path) -> dict[str, str]:
    """id → the text that the document's tokens spell."""
    (model,) = run.glob("tokenizer/*/tokenizer.model")
    encoder = load_encoder(str(model))
    ids = {row["key"]: row["id"] for row in rows_of(run, "documents")}
    return {ids[row["key"]]: encoder.decode(row["tokens"][:-1]) for row in rows_of(run, "tokens")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(recipe, run) with the defaults of [privacy]."""
    folder = tmp_path_factory.mktemp("privacy")
    lines = [json.dumps({"id": name, "text": text}) for name, text in ROWS.items()]
    (folder / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    corpus("build", folder / "recipe.toml", "--run-dir", folder / "run", "--workers", "1")
    return folder / "recipe.toml", folder / "run"


def test_documents_stay_and_tokens_have_the_replacements(finished: tuple[Path, Path]) -> None:
    _, run = finished
    assert {row["id"]: row["text"] for row in rows_of(run, "documents")} == {k: v.strip() for k, v in ROWS.items()}
    expected = {name: edited(text).strip() for name, text in ROWS.items()}
    assert texts_of_tokens(run) == expected
    assert sum(row["bytes"] for row in rows_of(run, "tokens")) == sum(len(text.encode()) for text in expected.values())
    assert {row["text"] for row in rows_of(run, "sample")} == {*expected.values()}


def test_counts_of_every_kind(finished: tuple[Path, Path]) -> None:
    _, run = finished
    found = json.loads(corpus("stats", run, "--json").stdout)
    assert found["broken"] == []
    kinds = {
        row["kind"]: (row["found"], row["documents"], row["action"], row["replaced"]) for row in found["personal_data"]
    }
    assert list(kinds) == list(Kind)
    assert {kind: counts for kind, counts in kinds.items() if counts[0]} == {
        "email": (2, 1, "replace", 2),
        "ip": (1, 1, "replace", 1),
        "resident_id": (1, 1, "replace", 1),
        "card": (1, 1, "replace", 1),
        "phone": (2, 1, "replace", 2),
    }
    assert "personal data" in corpus("stats", run).stdout
    assert list(verify(RunDirectory(str(run)))) == []


def test_another_action_runs_select_and_what_follows(finished: tuple[Path, Path], tmp_path: Path) -> None:
    recipe, whole = finished
    run = shutil.copytree(whole, tmp_path / "run")
    settings = ("--set", 'privacy.email="drop"', "--set", 'privacy.phone="keep"')
    said = corpus("build", recipe, "--run-dir", run, "--workers", "1", *settings).stderr
    for stage, taken_over in (("extract", True), ("select", False), ("tokenize", False)):
        line = next(line for line in said.splitlines() if line.startswith(stage))
        assert ("were done before" in line) == taken_over, line
    ids = {row["doc_id"]: row["id"] for row in rows_of(run, "documents")}
    decided = {ids[row["doc_id"]]: row["reason"] for row in rows_of(run, "decisions")}
    assert decided == {"plain": "", "mail": "personal_data", "mixed": "", "card": ""}
    mixed = texts_of_tokens(run)["mixed"]
    assert "13812345678" in mixed
    assert "<IP>" in mixed
    assert list(verify(RunDirectory(str(run)))) == []
    shown = json.loads(corpus("show", run, "mail", "--json").stdout)
    assert shown["failing"] == ["personal_data"]
    assert {(rule["signal"], rule["most"]) for rule in shown["rules"]} == {("pii_emails", 0.0)}


def test_show_lists_what_was_found_and_what_becomes_of_it(finished: tuple[Path, Path]) -> None:
    _, run = finished
    text = corpus("show", run, "mixed").stdout
    assert "phone 13812345678 at byte" in text
    assert "ip 61.135.169.121 at byte" in text
    assert "becomes <PHONE>" in text
    document = json.loads(corpus("show", run, "card", "--json").stdout)
    found = [(each["kind"], each["found"], each["action"], each["replacement"]) for each in document["personal_data"]]
    assert found == [
        ("card", "4646 5816 9983 9586", "replace", "<CARD>"),
        ("resident_id", "110105198512147073", "replace", "<ID>"),
    ]
    assert document["signals"]["pii_cards"] == 1


def test_measure_prints_the_counts(finished: tuple[Path, Path]) -> None:
    recipe, _ = finished
    lines = corpus("measure", recipe.with_name("rows.jsonl"), "--profile", "none").stdout.splitlines()
    found = {row["id"]: row["signals"] for row in map(json.loads, lines)}
    assert found["mixed"]["pii_phones"] == 2
    assert found["mixed"]["pii_emails"] == found["plain"]["pii_phones"] == 0


def test_verify_finds_a_replacement_that_is_not_made(finished: tuple[Path, Path], tmp_path: Path) -> None:
    """A file that is what its record says, and yet not what the recipe and the signals say."""
    _, whole = finished
    run = shutil.copytree(whole, tmp_path / "run")
    (path,) = (run / "decisions").glob("*/*.arrow")
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    rows = table.to_pylist()
    next(row for row in rows if len(row["replacements"]) == 2)["replacements"].pop()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows, table.schema))
    (record,) = (run / "stages" / "select").glob("*/[0-9]*.json")
    stored = json.loads(record.read_text())
    stored["outputs"]["decisions"] |= {"bytes": path.stat().st_size, "digest": content_digest(path.read_bytes()).hex()}
    record.write_text(json.dumps(stored))
    checks = {finding.check for finding in verify(RunDirectory(str(run)))}
    assert checks >= {Check.PERSONAL_DATA, Check.COUNTS}


def test_edits_of_every_column_are_edits_of_the_text() -> None:
    cut, replaced = {"begin": 0, "end": 4, "replacement": ""}, {"begin": 6, "end": 9, "replacement": "<IP>"}
    edits = {"cuts": [[cut], [], []], "line_cuts": [[], [cut], []], "replacements": [[replaced], [], [replaced]]}
    ip = Edit(6, 9, "<IP>")
    assert edits_of(pa.table(edits)) == {0: [Edit(0, 4), ip], 1: [Edit(0, 4)], 2: [ip]}


def test_an_action_that_there_is_not_is_one_line_and_2(finished: tuple[Path, Path], tmp_path: Path) -> None:
    for kind in Kind:
        done = corpus("build", finished[0], "--run-dir", tmp_path / "run", "--set", f'privacy.{kind}="erase"', expect=2)
        assert f"privacy.{kind}" in done.stderr
        assert "'replace', 'drop' or 'keep'" in done.stderr
