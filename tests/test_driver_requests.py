"""What a finished build asks of a store: requests a stage, not requests an item."""

from pathlib import Path

import numpy as np
from rich.console import Console

import stores
from corpus.recipe.parsing import load_recipe
from corpus.storage import files
from corpus.storage.item_records import ItemRecord
from corpus.storage.run_directory import RunDirectory
from pipelines.build import Build, Options

WORDS = [
    f"{first}{second}{third}"
    for first in "bdfgk"
    for second in ("a", "en", "ir", "ot")
    for third in ("la", "mu", "ne", "so", "ti")
]


def page(number: int) -> str:
    """Some 40 kB that no other page resembles: a work item of its own."""
    words = np.random.default_rng(number).choice(WORDS, (80, 100))
    return "<html><body>" + "".join(f"<p>The {' '.join(line)} of it.</p>" for line in words.tolist()) + "</body></html>"


RECIPE = """
[run]
name = "requests"
work_item_bytes = 65536

[[source]]
name = "docs"
format = "html"
inputs = ["pages/*.html"]
profile = "none"

[tokenizer]
vocab_size = 300
sample_bytes = 100_000
"""


def test_a_finished_build_asks_by_the_thousand(tmp_path: Path, bucket: str, proxied: stores.Proxy) -> None:
    (tmp_path / "pages").mkdir()
    for number in range(24):
        (tmp_path / "pages" / f"{number:03d}.html").write_text(page(number))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    run = RunDirectory(f"{bucket}/run")
    settings = load_recipe(recipe, {})

    def build() -> int:
        proxied.forget()
        Build(settings, recipe, run, Options(workers=1), Console(quiet=True)).build()
        return proxied.count

    build()
    items = run.stage_manifest("plan")["items"]
    assert items >= 20
    before = {name: run.current_stage(name).read_records() for name in ("extract", "select", "tokenize")}
    finished = build()
    # By the number of stages: manifests, a listing and records.arrow of each; never a record.
    assert not [
        path for _, path in proxied.paths if path.rpartition("/")[2].split(".")[0].isdigit() and ".json" in path
    ]
    assert finished <= 200
    assert all(list(run.current_stage(name).read_records()) == list(each) for name, each in before.items())
    # An item whose record a power cut left empty runs again, and nothing else does.
    stage = run.current_stage("extract")
    record = stage.record(3)
    files.write_bytes(stage.file("00003.json"), b"")
    stage.forget_compact()
    build()
    assert run.current_stage("extract").record(3) == record
    assert isinstance(record, ItemRecord)
    assert build() == finished
