"""What a fingerprint knows of the code: every module and every distribution that can change a byte, and no other."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

from pipelines.stage_list import STAGES
from pipelines.stages import versions
from pipelines.stages.versions import INERT, UNFOLLOWED, WHERE_ASKED_FOR, distributions, import_closure, versions_of

#: Distributions that count, stage by stage. Another one is a decision: it runs the stage again wherever it is upgraded.
EVERYWHERE = {"pyarrow", "zstandard"}
SITES = {"courlan", "idna", "tld"}
COUNTED = {
    "extract": EVERYWHERE | {"courlan", "tld"} | {"trafilatura", "justext", "lxml", "htmldate", "dateparser", "pytz", "regex"}
    | {"resiliparse", "fastwarc", "brotli", "fasttext-community"},
    "measure": EVERYWHERE | SITES | {"fasttext-community"},
    "decontaminate": EVERYWHERE,
    "exams": EVERYWHERE,
    "score": EVERYWHERE | {"fasttext-community", "sentencepiece"},
    "lines": EVERYWHERE | SITES,
    "select": EVERYWHERE,
    "train-tokenizer": EVERYWHERE | {"sentencepiece"},
    "tokenize": EVERYWHERE | {"sentencepiece"},
    "pack": EVERYWHERE | {"sentencepiece"},
    "phases": EVERYWHERE,
}  # fmt: skip


def found_by_stage() -> dict[str, dict[str, str]]:
    return {spec.name: versions_of(*spec.code) for spec in STAGES}


def in_closures() -> set[str]:
    """Every installed distribution below some stage."""
    return set().union(*(distributions(import_closure(*spec.code)[1]) for spec in STAGES))


def test_every_distribution_counts_that_can_change_a_byte_and_no_other() -> None:
    counted = {name: {each for each in found if "." not in each} for name, found in found_by_stage().items()}
    assert counted == COUNTED


def test_every_import_of_a_stage_is_known() -> None:
    """What is neither in the standard library nor installed would be left out in silence."""
    names = set().union(*(import_closure(*spec.code)[1] for spec in STAGES))
    carriers = importlib.metadata.packages_distributions()
    optional = {"opencc", "kenlm"}  # of WHERE_ASKED_FOR
    assert names - {*carriers, *sys.stdlib_module_names} <= optional


def test_no_entry_is_dead_and_each_has_a_reason() -> None:
    assert set(INERT) <= in_closures()
    installed = {name for name in WHERE_ASKED_FOR if versions._is_installed(name)}
    assert installed <= in_closures()
    assert not set(INERT) & {*WHERE_ASKED_FOR}
    assert not set(INERT) & set().union(*COUNTED.values())
    assert all(versions._path_of(module) is not None for module in UNFOLLOWED)
    assert all({**INERT, **WHERE_ASKED_FOR, **UNFOLLOWED}.values())


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("corpus.pages.trafilatura_text", {"extract"}),
        ("corpus.pages.resiliparse_text", {"extract"}),
        ("corpus.pages.plain_text", {"extract"}),
        ("corpus.pages.screens", {"extract"}),
        ("corpus.pages.opt_out", {"extract", "measure"}),
        ("corpus.urls.block_list", {"measure"}),
        ("filters.quality.signals", {"measure"}),
        ("filters.privacy.pii", {"measure"}),
        ("filters.parity.jieba_signals", {"measure"}),
        ("filters.language.identification", {"extract", "measure"}),
        ("filters.copies.minhash", {"measure", "lines", "select"}),
        ("filters.exams.search", {"decontaminate", "exams"}),
        ("corpus.text.ccnet_form", {"score"}),
        ("pipelines.selection.decision_settings", {"select"}),
        ("pipelines.stages.tokenization", {"tokenize"}),
        ("pipelines.stages.packing", {"pack"}),
    ],
)
def test_a_raised_version_changes_the_stages_that_import_the_module(
    module: str, stages: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = found_by_stage()
    real = versions._version_of
    assert real(module) is not None
    monkeypatch.setattr(versions, "_version_of", lambda name: 10_000 if name == module else real(name))
    versions_of.cache_clear()
    try:
        after = found_by_stage()
    finally:
        versions_of.cache_clear()
    assert {name for name in before if before[name] != after[name]} == stages


def test_every_version_of_ours_counts_somewhere(repository: Path) -> None:
    """A VERSION that no stage reaches is raised in vain."""
    modules = [
        ".".join(path.relative_to(repository).with_suffix("").parts)
        for package in versions.PACKAGES
        for path in sorted((repository / package).rglob("*.py"))
        if path.name != "__init__.py"
    ]
    having = {module for module in modules if versions._version_of(module) is not None}
    counted = set().union(*(set(found) for found in found_by_stage().values()))
    assert having - counted == set()
    assert len(having) > 30
