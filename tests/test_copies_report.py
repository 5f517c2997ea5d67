"""What copies take from each source: the counts of select as a table and warnings, and on the command line."""

import json
from pathlib import Path

from command_line import corpus
from corpus.storage.run_directory import RunDirectory
from pipelines.report.verification import verify
from pipelines.selection.source_losses import SourceCopies, loss_warnings, source_copies

COUNTS = {"documents": 99, "passed.web": 10, "copies.web.web": 6, "copies.web.wiki": 1, "passed.wiki": 4, "passed.x": 5,
          "copies.x.wiki": 3, "copies.x.web": 1}  # fmt: skip


def test_copies_are_counted_by_the_source_that_they_went_to() -> None:
    found = source_copies(COUNTS)
    assert found == (
        SourceCopies("web", 10, 7, {"web": 6, "wiki": 1}),
        SourceCopies("wiki", 4, 0, {}),
        SourceCopies("x", 5, 4, {"web": 1, "wiki": 3}),
    )
    assert [(each.share, each.most_to) for each in found] == [(0.7, "web"), (0.0, None), (0.8, "wiki")]
    assert loss_warnings(found, 0.7) == [
        "source 'x' loses 80.0% of 5 documents as copies, 3 of 4 as copies of wiki's; to keep them, put it before wiki in "
        "dedup.order"
    ]
    own, _ = loss_warnings(found, 0.5)
    assert own == "source 'web' loses 70.0% of 10 documents as copies, 6 of 7 as copies of its own documents"
    assert source_copies({}) == ()
    assert loss_warnings(found, 1.0) == []


def write_recipe(folder: Path) -> Path:
    """A small source, all of whose articles a larger one has with a few words more."""
    for name, more in (("wiki", ""), ("web", " shared by a reader")):
        texts = [f"{' '.join(f'w{number * 50 + word}' for word in range(60))}{more}" for number in range(4 + len(more))]
        rows = [json.dumps({"id": f"{name}-{number}", "text": text}) for number, text in enumerate(texts)]
        (folder / f"{name}.jsonl").write_text("\n".join(rows), encoding="utf-8")
    sources = "".join(
        f'[[source]]\nname = "{name}"\nformat = "jsonl"\nprofile = "none"\ninputs = ["{name}.jsonl"]\n'
        for name in ("web", "wiki")
    )
    (folder / "recipe.toml").write_text(f'[run]\nname = "two"\n{sources}', encoding="utf-8")
    return folder / "recipe.toml"


def test_a_source_that_disappears_is_a_warning_and_an_order_the_remedy(tmp_path: Path) -> None:
    recipe, run = write_recipe(tmp_path), tmp_path / "run"
    build = ("build", recipe, "--run-dir", run, "--workers", "1", "--until", "select")
    warning = "source 'wiki' loses 100.0% of 4 documents as copies, 4 of 4 as copies of web's; to keep them, put it before web"
    assert warning in corpus(*build).stderr
    shown = corpus("stats", run)
    assert f"WARNING  {warning}" in shown.stdout
    assert "passed the rules" in shown.stdout
    table = json.loads(corpus("stats", run, "--json").stdout)
    assert table["copies"] == [
        {"source": "web", "passed": 23, "copies": 0, "to": {}, "share": 0.0},
        {"source": "wiki", "passed": 4, "copies": 4, "to": {"web": 4}, "share": 1.0},
    ]
    assert len(table["warnings"]) == 1
    quiet = corpus(*build, "--set", "dedup.max_loss=1.0")
    assert "items were done before" in quiet.stderr
    assert "loses" not in quiet.stderr
    assert json.loads(corpus("stats", run, "--json").stdout)["warnings"] == []
    assert "loses" not in corpus(*build, "--set", 'dedup.order=["wiki"]').stderr
    assert json.loads(corpus("stats", run, "--json").stdout)["copies"][0]["to"] == {"wiki": 4}
    corpus(*build, "--set", "source.1.dedup.near=false")
    by_name = {each["source"]: each["copies"] for each in json.loads(corpus("stats", run, "--json").stdout)["copies"]}
    assert by_name == {"web": 4, "wiki": 0}
    assert list(verify(RunDirectory(str(run)))) == []
