"""`corpus dedup`, as a user calls it, against the definitions in plain Python over all pairs of a small run."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from corpus.storage.run_directory import RunDirectory
from filters.copies.dedup_quality import overlap, shingle_set
from filters.copies.preference import content_of
from pipelines.cli import main
from pipelines.commands.dedup_explanation import CHANGED_LINES, changed_lines
from pipelines.report.run_documents import RunDocuments

THRESHOLD = 0.6
HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e[bold red]markup[/]"


def corpus(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    return result


def text_of(start: int, changed: int) -> str:
    """Lines of words; texts whose starts are near share most of their shingles, and so do those with few changes."""
    words = [f"word{start + number}" for number in range(60 - changed)] + [f"own{start}x{n}" for n in range(changed)]
    return "\n".join(" ".join(words[at : at + 10]) for at in range(0, 60, 10))


@pytest.fixture(scope="module")
def run(build_run: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clusters, a chain that leaves similar ones, exact copies (of a removed one too), texts of no shingles; until `select`."""
    folder = tmp_path_factory.mktemp("dedup")
    texts = [text_of(group * 1000 + 4 * step, step % 3 * 6) for group in range(6) for step in range(8)]
    texts += [text_of(9000, changed) for changed in (0, 0, 12, 12)]
    texts += [text_of(9000, 0) + f"\n{HOSTILE}", "!!!", "???", "", "a rule drops this {"]
    rows = [{"id": str(number), "url": f"http://e.x/{number}", "text": text} for number, text in enumerate(texts)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "recipe.toml").write_text(
        '[run]\nname = "dedup"\nlanguages = ["*"]\nwork_item_bytes = 65536\n'
        '[[source]]\nname = "rows"\nformat = "jsonl"\nprofile = "no_braces"\ninputs = ["*.jsonl"]\n'
        '[profiles.no_braces]\nrules = [{ signal = "curly_brackets", max = 0, reason = "curly_bracket" }]\n'
        f"[dedup]\nthreshold = {THRESHOLD}\n"
        "[normalise]\ncontrol_characters = false\ninvisible = false\n"
    )
    build_run(folder / "recipe.toml", folder / "run", "--until", "select")
    return folder / "run"


@pytest.fixture(scope="module")
def rows(run: Path) -> list[dict[str, Any]]:
    """Every document with its decision, text and place in the order of preference (all of one date)."""
    documents = RunDocuments(RunDirectory(str(run)))
    names = [
        "doc_id",
        "key",
        "url",
        "characters",
        "repeated_13_character_ratio",
        "kept",
        "reason",
        "representative",
        "similarity",
        "cluster_size",
        "text",
    ]
    found = [row for item in documents.items() for row in documents.columns(item, names).to_pylist()]
    for row in found:
        row["set"] = shingle_set(row["text"])
        row["content"] = content_of(*(np.array([row[name]]) for name in ("characters", "repeated_13_character_ratio")))[
            0
        ]
        row["order"] = (-row["content"], row["key"])
    return found


def test_a_report_on_all_documents_is_exact(run: Path, rows: list[dict[str, Any]]) -> None:
    found = json.loads(corpus("dedup", "report", run, "--json").stdout)
    by_id = {row["doc_id"]: row for row in rows}
    near = [row for row in rows if row["reason"] == "near_duplicate"]
    kept = [row for row in rows if row["kept"]]
    assert (found["documents"], found["kept"], found["removed_sampled"]) == (len(rows), len(kept), len(near))
    assert found["copies"] == {
        reason: sum(row["reason"] == reason for row in rows)
        for reason in ("url_duplicate", "exact_duplicate", "near_duplicate")
    }
    pairs = [overlap(row["set"], by_id[row["representative"]]["set"]) for row in near]
    still = {
        (one["doc_id"], other["doc_id"]): overlap(one["set"], other["set"]).jaccard
        for one, other in itertools.combinations(kept, 2)
    }
    assert [level["similarity"] for level in found["levels"]] == [0.5, 0.6, 0.7]
    for level in found["levels"]:
        right = sum(pair.jaccard >= level["similarity"] for pair in pairs)
        exact = right / len(near)
        assert level["precision"] == {"value": exact, "low": exact, "high": exact, "of": len(near)}
        if level["similarity"] < THRESHOLD:
            assert level["recall"] is None
            continue
        alike = [pair for pair, jaccard in still.items() if jaccard >= level["similarity"]]
        losers = {max(pair, key=lambda doc_id: by_id[doc_id]["order"]) for pair in alike}
        assert level["recall"]["value"] == pytest.approx(right / (right + len(losers)))
        assert level["kept_alike"]["value"] == len({doc_id for pair in alike for doc_id in pair}) / len(kept)
    assert any(level["kept_alike"]["value"] for level in found["levels"][1:])  # or nothing was tried
    shown = {frozenset((pair["doc_id"], pair["other"])): pair["jaccard"] for pair in found["still_alike"]}
    assert shown
    assert all(still[tuple(sorted(pair))] == jaccard for pair, jaccard in shown.items())  # type: ignore[index]
    assert max(shown.values()) == max(still.values())
    for least, number in found["contained"]:
        assert number == sum(pair.of_first >= least for pair in pairs)
    assert sum(number for _, number in found["errors"]) == len(near)
    sizes = [row["cluster_size"] for row in kept]
    assert found["sizes"] == [
        [least, most, number]
        for least, most in ((1, 1), (2, 2), (3, 4), (5, 8), (9, 16))
        if (number := sum(least <= size <= most for size in sizes))
    ]
    assert [each["documents"] for each in found["largest"]] == sorted((n for n in sizes if n > 1), reverse=True)[:10]


def test_a_sample_is_the_same_each_time_and_its_intervals_hold_what_is_so(run: Path) -> None:
    exact = json.loads(corpus("dedup", "report", run, "--json").stdout)["levels"][1]
    found = [
        corpus("dedup", "report", run, "--removed", "12", "--kept", "12", "--seed", seed, "--json").stdout
        for seed in ("1", "1", "2", "3", "4", "5")
    ]
    assert found[0] == found[1]
    assert len(set(found)) > 2
    for level in (json.loads(text)["levels"][1] for text in found):
        for name in ("precision", "recall", "kept_alike"):
            assert level[name]["low"] <= exact[name]["value"] <= level[name]["high"]


def test_without_kept_documents_there_is_no_recall(run: Path) -> None:
    found = json.loads(corpus("dedup", "report", run, "--kept", "0", "--removed", "0", "--json").stdout)
    assert [(level["precision"], level["recall"]) for level in found["levels"]] == [(None, None)] * 3
    assert "near-duplicates, from 0 removed" in corpus("dedup", "report", run, "--kept", "0", "--removed", "0").stdout


def explained(run: Path, row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(corpus("dedup", "explain", run, str(row["doc_id"]), "--json").stdout)
    return found


def test_a_removed_document_is_explained(run: Path, rows: list[dict[str, Any]]) -> None:
    by_id = {row["doc_id"]: row for row in rows}
    for row in (row for row in rows if row["representative"] is not None):
        found, other = explained(run, row), by_id[row["representative"]]
        pair = overlap(row["set"], other["set"])
        compared = found["representative"]
        assert (found["url"], compared["url"]) == (row["url"], other["url"])
        assert (found["kept"], found["reason"], compared["doc_id"]) == (False, row["reason"], other["doc_id"])
        assert (compared["jaccard"], compared["contained"], compared["contains"]) == (
            pair.jaccard,
            pair.of_first,
            pair.of_second,
        )
        assert compared["similarity"] == pytest.approx(row["similarity"])
        decisive = [each["name"] for each in found["preference"] if each["decides"]]
        if (
            row["reason"] == "exact_duplicate" and row["text"] != other["text"]
        ):  # taken over from its own representative
            assert decisive == []
        else:
            assert decisive == ["content" if row["content"] != other["content"] else "key, the smaller"]
        if row["reason"] == "near_duplicate":
            edges = {edge["doc_id"]: edge for edge in found["edges"] if edge["preferred"]}
            assert edges[other["doc_id"]]["similarity"] == compared["similarity"]
            assert compared["shared_bands"]
        assert bool(found["changes"]) == (row["text"] != other["text"])


def test_a_kept_document_names_those_it_stands_for(run: Path, rows: list[dict[str, Any]]) -> None:
    row = max((row for row in rows if row["kept"]), key=lambda row: row["cluster_size"])
    found = explained(run, row)
    members = {each["doc_id"] for each in found["members"]}
    assert members == {each["doc_id"] for each in rows if each["representative"] == row["doc_id"]}
    assert found["cluster_size"] == len(members) + 1
    assert {edge["preferred"] for edge in found["edges"]} == {False}
    assert f"stands for ({len(members)})" in corpus("dedup", "explain", run, str(row["doc_id"])).stdout


def test_what_was_compared_with_nothing_says_so(run: Path) -> None:
    assert "Rules come before copies" in corpus("dedup", "explain", run, "http://e.x/56").stdout
    assert "0: compared with nothing" in corpus("dedup", "explain", run, "http://e.x/53").stdout


def test_an_exact_copy_of_a_removed_document_says_so(run: Path, rows: list[dict[str, Any]]) -> None:
    row = next(row for row in rows if row["reason"] == "exact_duplicate" and row["similarity"] < 1)
    assert (
        "the text of a document that was removed for this one"
        in corpus("dedup", "explain", run, str(row["doc_id"])).stdout
    )


def test_hostile_text_is_shown_and_not_obeyed(run: Path) -> None:
    for arguments in (["explain", run, "http://e.x/48"], ["explain", run, "http://e.x/52"], ["report", run]):
        for flags in ([], ["--json"]):
            output = corpus("dedup", *arguments, *flags).stdout
            assert not set(output) & set("\x1b\x07\x9b\u202e\x7f")
    assert "[bold red]markup[/]" in corpus("dedup", "explain", run, "http://e.x/48").stdout


@pytest.mark.parametrize("command", ["report", "explain"])
def test_a_run_without_decisions_is_one_line_and_2(
    command: str, run: Path, build_run: Callable[..., None], tmp_path: Path
) -> None:
    build_run(run.parent / "recipe.toml", tmp_path / "run", "--until", "measure")
    result = corpus("dedup", command, tmp_path / "run", *(["1"] if command == "explain" else []), code=2)
    assert "stage select is not finished here" in result.stderr
    assert result.stderr.count("\n") == 1


def test_sources_that_are_preferred_or_keep_their_copies(build_run: Callable[..., None], tmp_path: Path) -> None:
    """What a source keeps is not missed, and what decided by the source says so."""
    for name, text in (("named", text_of(0, 0)), ("other", text_of(0, 0) + "\nlonger"), ("keeps", text_of(0, 2))):
        rows = [{"id": name, "text": text}, {"id": f"{name}2", "text": text + "\nand again"}]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = '[run]\nname = "x"\nlanguages = ["*"]\n[dedup]\norder = ["named"]\n'
    for name in ("named", "other", "keeps"):
        recipe += f'[[source]]\nname = "{name}"\nformat = "jsonl"\nprofile = "none"\ninputs = ["{name}.jsonl"]\n'
    (tmp_path / "recipe.toml").write_text(recipe + "[source.dedup]\nnear = false\n")
    build_run(tmp_path / "recipe.toml", tmp_path / "run", "--until", "select")
    found = json.loads(corpus("dedup", "explain", tmp_path / "run", "other", "--json").stdout)
    (decisive,) = [each for each in found["preference"] if each["decides"]]
    assert (decisive["name"], decisive["document"], decisive["representative"]) == ("may go", "yes", "no")
    found = json.loads(corpus("dedup", "explain", tmp_path / "run", "named", "--json").stdout)
    assert found["representative"]["id"].startswith("keeps")
    report = json.loads(corpus("dedup", "report", tmp_path / "run", "--json").stdout)
    assert report["kept"] == 2
    assert report["levels"][1]["kept_alike"]["value"] == 1
    assert report["levels"][1]["recall"]["value"] == 1


def build_with_addition(
    build_run: Callable[..., None], folder: Path, early: list[str], late: list[str], dedup: str
) -> Path:
    for name, texts in (("early", early), ("late", late)):
        rows = [{"id": f"{name}{number}", "text": text} for number, text in enumerate(texts)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = f'[run]\nname = "x"\nlanguages = ["*"]\n[dedup]\n{dedup}\n'
    recipe += '[[source]]\nname = "a"\nformat = "jsonl"\nprofile = "none"\ninputs = ["*.jsonl"]\n'
    recipe += '[[addition]]\nname = "second"\ninputs = { a = ["late.jsonl"] }\n'
    (folder / "recipe.toml").write_text(recipe)
    build_run(folder / "recipe.toml", folder / "run", "--until", "select")
    return folder / "run"


def test_what_was_kept_before_an_addition_decides(build_run: Callable[..., None], tmp_path: Path) -> None:
    run = build_with_addition(build_run, tmp_path, [text_of(0, 0)], [text_of(0, 0) + "\nand longer"], "threshold = 0.7")
    found = json.loads(corpus("dedup", "explain", run, "late0", "--json").stdout)
    (decisive,) = [each for each in found["preference"] if each["decides"]]
    assert decisive["name"] == "came with"
    assert (decisive["document"], decisive["representative"]) == ("second", "what the run began with")
    assert found["representative"]["id"] == "early0"


def test_what_was_kept_before_an_addition_is_not_missed(build_run: Callable[..., None], tmp_path: Path) -> None:
    """Two later ones, both longer and unlike each other, resemble an earlier one; one band of 32 rows meets none of the pairs.

    Alone removed is a text for which another has the same shingles.
    """
    words, other = text_of(0, 0).split(), text_of(500, 0)
    late = [[*words[:-9], *("longerword",) * 9], [*("anotherword",) * 9, *words[9:]]]
    early = [" ".join(words), other, f"{other}!"]
    dedup = "threshold = 0.7\nbands = 1\nrows = 32"
    run = build_with_addition(build_run, tmp_path, early, [" ".join(each) for each in late], dedup)
    report = json.loads(corpus("dedup", "report", run, "--json").stdout)
    assert (report["kept"], report["copies"]["near_duplicate"]) == (4, 1)
    assert report["levels"][1]["recall"]["value"] == pytest.approx(1 / (1 + 2))
    assert report["levels"][1]["kept_alike"]["value"] == 3 / 4


def test_changed_lines_are_cut_to_where_they_differ() -> None:
    assert list(changed_lines("a\nb\nc", "a\nX\nc\nd")) == ["- b", "+ X", "+ d"]
    assert list(changed_lines("same", "same")) == []
    before, after = "x" * 500 + "OLD" + "y" * 500, "x" * 500 + "NEW" + "y" * 500
    for line, marked in zip(changed_lines(before, after), ("OLD", "NEW"), strict=True):
        assert marked in line
        assert len(line) <= 2 + 160 + 2
    assert len(list(changed_lines("\n".join("ab" * 5000), ""))) > CHANGED_LINES
