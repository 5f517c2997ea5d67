"""The reading commands, as a user calls them: on the demo's run, on damaged copies of it, on files."""

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import xxhash
from click.testing import CliRunner, Result

from corpus.sources.read import READERS
from corpus.storage.run_directory import RunDirectory
from pipelines.cli import COMMANDS, main
from pipelines.commands.reading import format_of
from pipelines.report.terminal_text import json_line, one_line, plain

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe [bold red]markup[/] \x00 :smile:"


def corpus(*arguments: str | Path, code: int = 0) -> Result:
    """Runs a command in this process and checks its exit code."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def lines_of(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def rows_of(run: Path, kind: str) -> list[dict[str, Any]]:
    """Every row of a kind of file, by plain pyarrow."""
    rows = []
    for path in sorted((run / kind).rglob("*.arrow")):
        with pa.memory_map(str(path)) as source:
            rows += pa.ipc.open_file(source).read_all().to_pylist()
    return rows


@pytest.fixture(scope="module")
def other_run(
    repository: Path, demo_run: Path, build_run: Callable[..., None], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The demo's run with another threshold: `extract` is taken over."""
    run = tmp_path_factory.mktemp("runs") / "other"
    shutil.copytree(demo_run, run)
    build_run(repository / "examples" / "demo" / "recipe.toml", run, "--set", "dedup.threshold=0.95")
    return run


@pytest.fixture(scope="module")
def hostile_run(build_run: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rows with ids of their own, as JSONL: one hostile, and one text twice. Stopped after `select`."""
    folder = tmp_path_factory.mktemp("hostile")
    copied = "The same sentence in two rows of one file. " * 20
    rows = [
        {"id": "evil", "url": f"http://evil.example/{HOSTILE}", "text": f"Harmless words.\n{HOSTILE}\n" * 3},
        {"id": "first", "text": copied + "And a few more words."},
        {"id": 3, "text": copied + "And a few more words."},
        {"text": "A row without an id of its own, and some words to be read by somebody, some day."},
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = (
        '[run]\nname = "hostile"\n[[source]]\nname = "rows"\nformat = "jsonl"\nprofile = "none"\ninputs = ["*.jsonl"]\n'
        "[normalise]\ncontrol_characters = false\ninvisible = false\n"  # or nothing hostile would be left
    )
    (folder / "recipe.toml").write_text(recipe)
    build_run(folder / "recipe.toml", folder / "run", "--until", "select")
    return folder / "run"


# ------------------------------------------------------------------------------------------------ the command itself


def test_help_is_fast_to_make_and_imports_nothing_heavy(repository: Path) -> None:
    code = (
        "import sys; from pipelines.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('apache_beam', 'pyarrow', 'numpy', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_examples(name: str) -> None:
    result = corpus(name, "-h")
    command = main.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert COMMANDS[name][1].partition(":")[0].rstrip(".") in " ".join(result.output.split())
    for sub in getattr(command, "commands", {"": None}):
        text = corpus(name, *([sub] if sub else []), "--help").output
        assert "Examples" in text
        assert f"corpus {name}" in text


@pytest.mark.parametrize("command", ["stats", "verify", "show", "dedup report", "feed plan"])
def test_what_is_no_run_is_one_line_and_2(command: str, tmp_path: Path) -> None:
    result = corpus(*command.split(), tmp_path, code=2)
    assert result.stdout == ""
    assert result.stderr.startswith(f"corpus: {tmp_path}")
    assert result.stderr.count("\n") == 1


def test_a_reader_that_has_seen_enough_ends_it_quietly(repository: Path, demo_run: Path) -> None:
    command = f"{sys.executable} -m pipelines.cli show {demo_run} --all --json; echo $? >&2"
    done = subprocess.run(
        ["bash", "-c", f"({command}) | head -1"], cwd=repository, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["doc_id"] == 0
    assert done.stderr == "0\n"


# ------------------------------------------------------------------------------------------------ stats


def test_stats_are_conserved_and_name_every_reason(demo_run: Path) -> None:
    found = json.loads(corpus("stats", demo_run, "--json").stdout)
    assert found["broken"] == []
    funnels = {funnel["stage"]: funnel for funnel in found["funnels"]}
    for funnel in funnels.values():
        assert funnel["entered"] == funnel["kept"] + sum(funnel["dropped"].values()) + sum(funnel["failed"].values())
    decisions = rows_of(demo_run, "decisions")
    assert funnels["select"]["entered"] == len(decisions)
    for reason, number in funnels["select"]["dropped"].items():
        assert number == sum(row["reason"] == reason for row in decisions)
    text = corpus("stats", demo_run).stdout
    for reason in funnels["select"]["dropped"]:
        assert f"  {reason} " in text
    assert "conservation holds" in text


def test_tokens_of_a_domain_are_what_another_reader_counts_in_its_shards(demo_run: Path) -> None:
    found = json.loads(corpus("stats", demo_run, "--json").stdout)
    counted: dict[str, list[int]] = {}
    for row in rows_of(demo_run, "shards"):
        sums = counted.setdefault(f"{row['source']}.{row['language']}", [0, 0, 0])
        for place, number in enumerate((1, row["bytes"], len(row["tokens"]))):
            sums[place] += number
    domains = {
        domain["name"]: [domain[name] for name in ("documents", "bytes", "tokens")] for domain in found["domains"]
    }
    assert domains == counted


def test_stats_of_a_count_that_was_lost_end_with_1(demo_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(demo_run, tmp_path / "run")
    table = RunDirectory(str(run)).stage_manifest("select")
    table["counts"]["kept"] -= 1
    RunDirectory(str(run)).write_stage_manifest("select", table)
    assert "NOT CONSERVED  select" in corpus("stats", run, code=1).stdout


# ------------------------------------------------------------------------------------------------ show


def test_a_document_is_found_by_every_name(demo_run: Path) -> None:
    (row,) = lines_of(corpus("show", demo_run, "--kept", "--limit", "1", "--json"))
    by_id = corpus("show", demo_run, row["id"], "--json")
    for name in (row["doc_id"], row["key"], row["key"].upper()):
        assert corpus("show", demo_run, str(name), "--json").stdout == by_id.stdout
    for digits in (9, 12):
        assert corpus("show", demo_run, row["key"][:digits].upper(), "--json").stdout == by_id.stdout
    by_url = lines_of(corpus("show", demo_run, row["url"], "--json"))
    assert row["key"] in {each["key"] for each in by_url}
    part = row["url"].partition("://")[2]
    assert {each["url"] for each in lines_of(corpus("show", demo_run, part, "--json"))} == {row["url"]}
    (document,) = lines_of(by_id)
    assert {rule["signal"] for rule in document["rules"]} > {"language_score", "lorem_ipsum"}
    assert document["failing"] == []
    assert document["tokens"][-1] == "</s>"
    assert "".join("".join(document["tokens"][:-1]).replace("▁", " ").split()) == "".join(document["text"].split())
    text = corpus("show", demo_run, row["id"]).stdout
    assert f"tokens ({len(document['tokens']):,})" in text
    assert "│" in text


def test_what_is_not_there_or_not_unique_is_one_line_and_2(demo_run: Path) -> None:
    for arguments in (["no such page"], ["https://"], ["--dropped", "bad_luck"], ["--fields", "id,colour"], ["1" * 19]):
        result = corpus("show", demo_run, *arguments, code=2)
        assert result.stderr.count("\n") == 1
        assert arguments[-1].partition(",")[2] in result.stderr


def test_a_dropped_document_fails_the_rule_that_it_was_dropped_for(demo_run: Path) -> None:
    for row in lines_of(corpus("show", demo_run, "--dropped", "top_ngram", "--json", "--fields", "doc_id,reason")):
        (document,) = lines_of(corpus("show", demo_run, str(row["doc_id"]), "--json"))
        assert document["failing"][0] == document["reason"] == row["reason"] == "top_ngram"
        assert document["tokens"] == []


def test_all_prints_every_document_with_the_id_of_its_representative(demo_run: Path, hostile_run: Path) -> None:
    rows = lines_of(corpus("show", demo_run, "--all", "--json", "--fields", "id,kept,reason,representative"))
    assert [list(row) for row in rows] == [["id", "kept", "reason", "representative"]] * len(rows)
    assert [row["reason"] for row in rows] == [row["reason"] for row in rows_of(demo_run, "decisions")]
    kept = {row["id"] for row in rows if row["kept"]}
    assert kept >= {row["representative"] for row in rows if row["representative"] is not None}
    rows = lines_of(corpus("show", hostile_run, "--all", "--json", "--fields", "id,kept,reason,representative"))
    assert [row["id"] for row in rows][:3] == ["evil", "first", "3"]
    assert len(rows[3]["id"]) == 32
    (dropped,) = [row for row in rows if not row["kept"]]
    assert dropped["reason"] == "exact_duplicate"
    assert {dropped["id"], dropped["representative"]} == {"first", "3"}


def test_lists_hold_what_was_asked_for(demo_run: Path) -> None:
    everything = lines_of(corpus("show", demo_run, "--all", "--json"))
    dropped = lines_of(corpus("show", demo_run, "--dropped", "--all", "--json"))
    kept = lines_of(corpus("show", demo_run, "--kept", "--all", "--json"))
    # A record that was screened while reading is dropped too, and never became a document with a key.
    documents = [row for row in dropped + kept if row.get("key") is not None]
    assert sorted(row["key"] for row in documents) == sorted(row["key"] for row in everything)
    lost = rows_of(demo_run, "failed")
    screened = [row["reason"] for row in lost if row["outcome"] == "dropped"]
    assert sorted(row["reason"] for row in dropped if row.get("key") is None) == sorted(screened) != []
    failed = lines_of(corpus("show", demo_run, "--failed", "--all", "--json"))
    assert [row["reason"] for row in failed] == [row["reason"] for row in lost if row["outcome"] == "failed"]
    listed = corpus("show", demo_run, "--limit", "3").stdout
    assert "the first 3" in listed
    words = lines_of(corpus("show", demo_run, "--fields", "words,text", "--json", "--limit", "1"))
    assert set(words[0]) == {"words", "text"}


def test_hostile_text_is_shown_and_not_obeyed(hostile_run: Path) -> None:
    for arguments in (["evil"], [], ["evil", "--json"], ["--all", "--json"], ["--fields", "text,url"]):
        output = corpus("show", hostile_run, *arguments).stdout
        assert not set(output) & set("\x1b\x07\x9b\u202e\x00\x7f")
    shown = corpus("show", hostile_run, "evil").stdout
    assert "\\x1b[2J\\x1b]0;owned\\x07\\x9b31m\\u202egnp.exe [bold red]markup[/]" in shown
    assert ":smile:" in shown
    (row,) = lines_of(corpus("show", hostile_run, "evil", "--json"))
    assert HOSTILE.replace("\x00", "") in row["text"]


def test_letters_of_every_script_stay_and_json_means_the_same() -> None:
    letters = "naïve 中文 日本語 한국어 हिन्दी क्‍ष فارسی‌ها 👩‍🔬 ไทย\n\tx"
    assert plain(letters) == letters
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x3000), *range(0xE000, 0x10FFFF, 7)]))
    assert json.loads(json_line({every: every})) == {every: every}
    assert not set(plain(every)) & set("\x1b\x9b\x7f\r\u2028\u202e\u2066")
    assert one_line("a\n\n b\x1b c", at_most=6) == "a b\\x…"


# ------------------------------------------------------------------------------------------------ verify


def first_file(run: Path, kind: str) -> Path:
    return min((run / kind).rglob("*.arrow"))


def flip_byte(run: Path) -> str:
    path = first_file(run, "shards")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return "digest"


def remove_file(run: Path) -> str:
    first_file(run, "signals").unlink()
    return "missing"


def truncate_documents(run: Path) -> str:
    path = first_file(run, "documents")
    path.write_bytes(path.read_bytes()[:-100])
    return "size"


def edit_decision(run: Path) -> str:
    rewrite_decisions(run, lambda rows: rows[[row["kept"] for row in rows].index(True)].update(cluster_size=7))
    return "size"  # Arrow writes it anew, without compression


@pytest.mark.parametrize("damage", [flip_byte, remove_file, truncate_documents, edit_decision])
def test_verify_finds_damage(damage: Callable[[Path], str], demo_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(demo_run, tmp_path / "run")
    check = damage(run)
    found = json.loads(corpus("verify", run, "--json", code=1).stdout)
    assert not found["sound"]
    assert check in {finding["check"] for finding in found["findings"]}
    assert check in corpus("verify", run, code=1).stdout


def test_verify_of_a_sound_run_finds_nothing(demo_run: Path, hostile_run: Path) -> None:
    for run in (demo_run, hostile_run):
        assert json.loads(corpus("verify", run, "--json").stdout) == {"sound": True, "findings": []}


def rewrite_decisions(run: Path, edit: Callable[[list[dict[str, Any]]], Any]) -> Path:
    path = max((run / "decisions").rglob("*.arrow"), key=lambda path: path.stat().st_size)
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    rows = table.to_pylist()
    edit(rows)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows, table.schema))
    return path


def drop_one(rows: list[dict[str, Any]]) -> None:
    row = next(row for row in rows if row["kept"])
    row.update(kept=False, reason="too_few_words", cluster_size=0)


def contradict(rows: list[dict[str, Any]]) -> None:
    next(row for row in rows if row["kept"]).update(reason="too_few_words")


def name_a_dropped_one(rows: list[dict[str, Any]]) -> None:
    bad = next(row["doc_id"] for row in rows if not row["kept"])
    row = next(row for row in rows if row["kept"])
    row.update(kept=False, reason="near_duplicate", representative=bad, similarity=0.9, cluster_size=0)


def be_less_similar(rows: list[dict[str, Any]]) -> None:
    representative = next(row["doc_id"] for row in rows if row["kept"])
    row = next(row for row in rows if not row["kept"])
    row.update(reason="near_duplicate", representative=representative, similarity=0.1)


def claim_a_cluster(rows: list[dict[str, Any]]) -> None:
    next(row for row in rows if row["kept"]).update(cluster_size=7)


def shift_ids(rows: list[dict[str, Any]]) -> None:
    rows[0]["doc_id"], rows[1]["doc_id"] = rows[1]["doc_id"], rows[0]["doc_id"]


@pytest.mark.parametrize(
    ("edit", "check"),
    [
        (drop_one, "counts"),
        (drop_one, "conservation"),
        (contradict, "conservation"),
        (name_a_dropped_one, "representative"),
        (be_less_similar, "representative"),
        (claim_a_cluster, "representative"),
        (shift_ids, "alignment"),
    ],
)
def test_verify_finds_an_edit_whose_record_was_edited_too(
    edit: Callable[[list[dict[str, Any]]], None], check: str, demo_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(demo_run, tmp_path / "run")
    path = rewrite_decisions(run, edit)
    record_path = run / "stages" / "select" / path.parent.name / f"{path.stem}.json"
    record = json.loads(record_path.read_text())
    digest = xxhash.xxh3_128_hexdigest(path.read_bytes())
    record["outputs"]["decisions"].update(bytes=path.stat().st_size, digest=digest)
    record_path.write_text(json.dumps(record))
    found = json.loads(corpus("verify", run, "--json", code=1).stdout)["findings"]
    assert check in {finding["check"] for finding in found}
    assert "digest" not in {finding["check"] for finding in found}


def test_verify_finds_another_manifest_and_another_plan(demo_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(demo_run, tmp_path / "run")
    with pa.memory_map(str(run / "manifest.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
    rows = table.to_pylist()
    rows[0]["token_offset"] += 32
    rows[-1]["tokens"] -= 1
    (run / "manifest.arrow").unlink()
    with pa.OSFile(str(run / "manifest.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows, table.schema))
    found = json.loads(corpus("verify", run, "--json", code=1).stdout)["findings"]
    assert {"manifest", "tokens", "conservation", "phases"} <= {finding["check"] for finding in found}
    assert any("multiple of 64" in finding["detail"] for finding in found)


# ------------------------------------------------------------------------------------------------ diff


def test_a_run_does_not_differ_from_itself(demo_run: Path) -> None:
    assert "nothing differs" in corpus("diff", demo_run, demo_run).stdout
    assert json.loads(corpus("diff", demo_run, demo_run, "--json").stdout)["differs"] is False


def test_another_threshold_differs_in_decisions_and_not_in_signals(demo_run: Path, other_run: Path) -> None:
    found = json.loads(corpus("diff", demo_run, other_run, "--json", code=1).stdout)
    assert found["settings"] == [["dedup.threshold", "0.65", "0.95"]]
    assert (found["only_a"], found["only_b"], found["signals"]) == (0, 0, {})
    before, after = (
        {row["doc_id"]: row["reason"] for row in rows_of(run, "decisions")} for run in (demo_run, other_run)
    )
    changed = sum(before[doc_id] != after[doc_id] for doc_id in before)
    assert changed > 0
    assert sum(row["documents"] for row in found["transitions"]) == changed
    assert found["decisions"]["reason"] == changed
    assert found["shards"]
    text = corpus("diff", demo_run, other_run, code=1).stdout
    assert "near_duplicate of " in text
    assert "the runs differ" in text


def test_documents_of_one_run_alone_are_named(demo_run: Path, hostile_run: Path) -> None:
    found = json.loads(corpus("diff", hostile_run, demo_run, "--json", "--examples", "2", code=1).stdout)
    assert (found["only_a"], found["only_b"]) == (4, len(rows_of(demo_run, "decisions")))
    assert len(found["examples_b"]) == 2


# ------------------------------------------------------------------------------------------------ measure, extract


@pytest.fixture(scope="module")
def archive(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first pages of the demo: whole members, under a name that says nothing."""
    data = (repository / "examples" / "demo" / "docs-0.warc.gz").read_bytes()
    end = data.index(b"\x1f\x8b\x08", 120_000)
    path = tmp_path_factory.mktemp("archive") / "pages.bin"
    path.write_bytes(data[:end])
    return path


def test_measure_agrees_with_the_run_that_measured_the_same_pages(archive: Path, demo_run: Path) -> None:
    measured = lines_of(corpus("measure", archive))
    assert len(measured) > 5
    for row in measured[:5]:
        assert list(row) == ["id", "url", "language", "language_score", "signals", "kept", "reasons"]
        (document,) = [
            each for each in lines_of(corpus("show", demo_run, row["id"], "--json")) if each["id"] == row["id"]
        ]
        assert row["signals"] == document["signals"]
        assert (row["language"], row["language_score"]) == (document["language"], document["language_score"])
        if document["reason"] != "language_not_wanted":
            assert row["reasons"] == document["failing"]
            assert row["kept"] == (not row["reasons"])
    assert all(row["kept"] for row in lines_of(corpus("measure", archive, "--profile", "none")))
    assert "known are" in corpus("measure", archive, "--profile", "nice", code=2).stderr


def test_extract_reads_around_damage_and_says_what_it_lost(archive: Path, tmp_path: Path) -> None:
    whole = corpus("extract", archive)
    documents = lines_of(whole)
    assert list(documents[0]) == ["id", "url", "date", "text"]
    assert documents[0]["date"].endswith("Z")
    assert f"{len(documents)} documents" in whole.stderr.splitlines()[-1]
    data = bytearray(archive.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 30] = b"\0" * 30
    damaged = tmp_path / "damaged.warc.gz"
    damaged.write_bytes(data[:-50])
    result = corpus("extract", damaged)
    survivors = lines_of(result)
    assert len(documents) - 3 <= len(survivors) < len(documents)
    assert {row["id"] for row in survivors} < {row["id"] for row in documents}
    *losses, summary = result.stderr.splitlines()
    assert len(losses) >= 2
    assert all(line.startswith(f"{damaged}: offset ") for line in losses)
    assert "2 lost ranges" in summary
    assert len(lines_of(corpus("measure", damaged))) == len(survivors)


def test_jsonl_plain_and_packed(tmp_path: Path) -> None:
    text = '{"id": 7, "text": "Seven."}\nno json\n{"text": "", "id": "e"}\n{"id": "8", "url": "u", "date": "2024-01-02", "text": "中文。"}\n'
    (tmp_path / "a").write_text(text)
    with gzip.open(tmp_path / "b", "wt") as packed:
        packed.write(text)
    expected = [
        {"id": "7", "url": None, "date": None, "text": "Seven."},
        {"id": "8", "url": "u", "date": "2024-01-02T00:00:00Z", "text": "中文。"},
    ]
    result = corpus("extract", tmp_path / "a", tmp_path / "b")
    assert lines_of(result) == expected * 2
    assert "malformed_record" in result.stderr
    assert "no_text" in result.stderr
    assert "read 2 files: 4 documents, 2 dropped, 0 failed, 2 lost ranges" in result.stderr.splitlines()[-1]
    assert [row["id"] for row in lines_of(corpus("measure", "--profile", "none", tmp_path / "a"))] == ["7", "8"]


def test_a_file_that_is_not_there_is_one_line_and_2_before_anything_is_read(archive: Path, tmp_path: Path) -> None:
    for command in ("measure", "extract"):
        for bad in (tmp_path / "none.warc.gz", tmp_path):
            result = corpus(command, archive, bad, code=2)
            assert (result.stdout, result.stderr.count("\n")) == ("", 1)
            assert str(bad) in result.stderr
    (tmp_path / "empty").touch()
    assert "0 documents" in corpus("extract", tmp_path / "empty").stderr


def test_formats_are_told_by_content_then_by_name() -> None:
    assert {"warc", "jsonl"} <= set(READERS)
    assert format_of(b"WARC/1.0\r\n", "x.jsonl") == "warc"
    assert format_of(gzip.compress(b"WARC/1.0\r\n"), "x") == "warc"
    assert format_of(gzip.compress(b'\n{"text": ""}'), "x.warc.gz") == "jsonl"
    assert format_of(b"\xef\xbb\xbf{", "x") == "jsonl"
    assert format_of(b"\x1f\x8b\x08damaged", "x.jsonl.gz") == "jsonl"
    assert format_of(b"\x1f\x8b\x08damaged", "x.gz") == "warc"


# ------------------------------------------------------------------------------------------------ feed


def test_peek_shows_the_documents_of_a_step(demo_run: Path) -> None:
    rows = lines_of(corpus("feed", "peek", demo_run, "--phase", "anneal", "--step", "1", "--sequences", "4", "--json"))
    halves = [
        lines_of(
            corpus(
                "feed",
                "peek",
                demo_run,
                "--phase",
                "anneal",
                "--step",
                "1",
                "--json",
                "--rank",
                rank,
                "--world-size",
                "2",
            )
        )
        for rank in ("0", "1")
    ]
    assert rows == halves[0] + halves[1]
    for row in rows:
        edges = [0, *(piece["end"] for piece in row["pieces"])]
        assert [piece["begin"] for piece in row["pieces"]] == edges[:-1]
        assert edges[-1] == row["length"]
        for piece in row["pieces"]:
            (document,) = lines_of(corpus("show", demo_run, piece["key"], "--json"))
            assert (document["url"], document["doc_id"]) == (piece["url"], piece["doc_id"])
            assert f"{document['source']}.{document['language']}" == row["domain"]
            if piece["begin"] > 0:
                assert (
                    document["text"].split()[0][:20] in piece["text"]
                )  # a text without blanks may be cut in its first line
    text = corpus("feed", "peek", demo_run, "--phase", "anneal").stdout
    assert "begins with" in text


def test_feed_plan_prints_what_stats_count(demo_run: Path) -> None:
    plan = json.loads(corpus("feed", "plan", demo_run, "--json").stdout)
    assert plan["phases"] == json.loads(corpus("stats", demo_run, "--json").stdout)["phases"]
    assert "anneal" in corpus("feed", "plan", demo_run).stdout


@pytest.mark.parametrize(
    "arguments",
    [["--phase", "none"], ["--step", "100000"], ["--world-size", "9999"], ["--rank", "2", "--world-size", "2"]],
)
def test_what_a_plan_does_not_have_is_one_line_and_2(arguments: list[str], demo_run: Path) -> None:
    result = corpus("feed", "peek", demo_run, *arguments, code=2)
    assert (result.stdout, result.stderr.count("\n")) == ("", 1)
