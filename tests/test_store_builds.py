"""A build whose run directory is on a store: what it fetches, and that a store that often fails gives the same files."""

from pathlib import Path

import pytest
from rich.console import Console

import stores
from corpus.recipe.parsing import load_recipe
from corpus.storage import files, retries
from corpus.storage.run_directory import RunDirectory
from pipelines.build import Build, Options
from test_driver_requests import RECIPE, page

PHASE = '\n[[phase]]\nname = "all"\ntokens = 1_000\nsequence_length = 64\nbatch_size = 2\n'


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Four pages, each a work item, some of them twice."""
    (tmp_path / "pages").mkdir()
    for number in range(4):
        (tmp_path / "pages" / f"{number:03d}.html").write_text(page(number % 3))
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE + PHASE)
    return path


def built(recipe: Path, url: str) -> dict[str, str]:
    """Path → XXH3-128 of every file of a run that is built there; what names its place or its moment aside."""
    Build(load_recipe(recipe, {}), recipe, RunDirectory(url), Options(workers=1), Console(quiet=True)).build()
    filesystem, root = files.store_of(url)
    names = [name.removeprefix(root).lstrip("/") for name in filesystem.find(root)]
    of_place = ("corpus-run.json", ".lock", ".lease")
    return {name: files.digest(files.join(url, name)) for name in names if files.base_name(name) not in of_place}


def test_bytes_fetched_are_about_those_of_the_run(recipe: Path, bucket: str, proxied: stores.Proxy) -> None:
    url = f"{bucket}/run"
    Build(load_recipe(recipe, {}), recipe, RunDirectory(url), Options(workers=1), Console(quiet=True)).build()
    fetched = proxied.sent_bytes
    filesystem, root = files.store_of(url)
    stored = sum(filesystem.size(name) for name in filesystem.find(root))
    assert fetched <= 3 * stored, f"{fetched:,} bytes fetched for a run of {stored:,}"


def test_a_store_that_often_fails_gives_the_same_files(
    recipe: Path, bucket: str, proxied: stores.Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.02)
    sound = built(recipe, str(tmp_path / "run"))
    proxied.share, proxied.faults = 0.05, ("503", "reset")
    failing = built(recipe, f"{bucket}/run")
    assert sum(proxied.spoilt.values()) > 10
    proxied.share = 0.0
    assert {name: digest for name, digest in failing.items() if sound.get(name) != digest} == {}
    assert sound.keys() == failing.keys()
