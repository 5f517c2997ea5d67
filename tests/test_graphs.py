"""Every element type in every pipeline graph is concrete, and has a coder that is no pickle."""

import typing
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
from apache_beam import coders, typehints
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor

from corpus.recipe import Recipe
from corpus.recipe.parsing import parse_recipe
from corpus.storage.digested_file import DigestedFile
from corpus.storage.run_directory import RunDirectory
from filters.quality.rules import load_profiles
from pipelines.running.work_items import RunItems, write_pending
from pipelines.selection.decision_settings import ExchangeName, SelectSettings, SourceRanges
from pipelines.selection.steps import Select
from pipelines.stages.extraction import ExtractSettings, extract_item

RUN = RunDirectory("memory://graphs")


def recipe() -> Recipe:
    return parse_recipe({"run": {"name": "x"}, "source": [{"name": "web", "inputs": ["a"]}]}, "test")


def select(parts: int = 3, exchange: ExchangeName = "files") -> Select:
    settings = SelectSettings(
        recipe=recipe(),
        profiles=load_profiles(recipe()),
        signals=RUN.stage("extract", "f"),
        documents=1,
        parts=tuple(range(part, part + 1) for part in range(parts)),
        first_ids=np.arange(parts, dtype=np.uint64),
        sources=SourceRanges.of_splits(["web"]),
    )
    return Select(RUN.stage("select", "f"), settings, exchange)


def select_small() -> Select:
    return select(parts=1)


def select_by_engine() -> Select:
    return select(exchange="engine")


def run_items() -> RunItems:
    return RunItems(RUN.stage("extract", "f"), "pending", lambda stage, item, settings: None, None)


def test_a_graph_does_not_grow_with_the_number_of_inputs(tmp_path: Path) -> None:
    """Dataflow refuses graphs of 10 MB. Items are in a file whose name alone is in the graph."""

    def graph_bytes(items: int) -> int:
        stage = RunDirectory(str(tmp_path / f"{items:07d}")).stage("extract", "f")
        pending = write_pending(stage, list(range(items)))
        settings = ExtractSettings.of(recipe(), splits="splits.arrow", model=DigestedFile("language.model", "00" * 16))
        pipeline = beam.Pipeline()
        pipeline | RunItems(stage, pending, extract_item, settings)
        return len(pipeline.to_runner_api().SerializeToString())

    few, many = graph_bytes(10), graph_bytes(100_000)
    assert abs(many - few) < 64  # ids that Beam numbers
    assert many < 100_000


@pytest.mark.parametrize("exchange", ["files", "engine"])
def test_the_graph_of_select_does_not_grow_with_the_run(exchange: ExchangeName) -> None:
    """Parts, their first ids and stretches lie in a file whose name and digest are in the graph."""

    def graph_bytes(parts: int) -> int:
        pipeline = beam.Pipeline()
        pipeline | select(parts, exchange)
        return len(pipeline.to_runner_api().SerializeToString())

    few, many = graph_bytes(3), graph_bytes(5_000)
    assert abs(many - few) < 1_000
    assert many < 100_000


class _Types(PipelineVisitor):
    def __init__(self) -> None:
        self.found: dict[str, object] = {}

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        for tag, output in transform_node.outputs.items():
            self.found[f"{transform_node.full_label} {tag}"] = output.element_type


def mentions_any(hint: object) -> bool:
    if hint in (typing.Any, typehints.Any, None):
        return True
    inner = getattr(hint, "_inner_types", None)
    parts = list(inner()) if callable(inner) else list(typing.get_args(hint))
    return any(mentions_any(part) for part in parts)


@pytest.mark.parametrize("transform", [select, select_by_engine, select_small, run_items])
def test_every_element_type_is_concrete(transform: typing.Callable[[], beam.PTransform]) -> None:
    pipeline = beam.Pipeline()
    pipeline | transform()
    visitor = _Types()
    pipeline.visit(visitor)
    # Impulse and Reshuffle are Beam's own; Create's payload is decoded by its own next step.
    ours = {label: hint for label, hint in visitor.found.items() if not _is_beams_own(label)}
    assert ours
    assert {label: hint for label, hint in ours.items() if mentions_any(hint)} == {}
    for label, hint in ours.items():
        coder = coders.registry.get_coder(hint)
        assert not isinstance(coder, coders.PickleCoder | coders.FastPrimitivesCoder), label


def _is_beams_own(label: str) -> bool:
    return any(part in label for part in ("/NameList/", "/Spread", "/Seed/"))


def test_the_check_sees_any() -> None:
    """A lambda loses its type: the check above must be able to fail."""
    pipeline = beam.Pipeline()
    pipeline | beam.Create([1]) | "Lose" >> beam.Map(lambda x: x.real)
    visitor = _Types()
    pipeline.visit(visitor)
    assert any(mentions_any(hint) for label, hint in visitor.found.items() if label.startswith("Lose"))
