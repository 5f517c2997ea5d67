"""Graphs are translated to Dataflow's job description and its options are complete; nothing is sent, no account is needed.

Needs the extra `gcp`: `make dataflow` installs it into an environment of its own and runs this.
"""

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from corpus.recipe.parsing import parse_recipe
from corpus.storage.digested_file import DigestedFile
from corpus.storage.run_directory import RunDirectory
from pipelines.running.work_items import RunItems
from pipelines.stages.extraction import ExtractSettings, extract_item

OPTIONS = [
    "--runner=DataflowRunner",
    "--project=my-project",
    "--region=europe-west4",
    "--temp_location=gs://a-bucket/temp",
    "--staging_location=gs://a-bucket/staging",
    "--sdk_container_image=registry/corpus:1",
    "--sdk_location=container",
    "--experiments=use_runner_v2",
    "--dry_run=True",
    "--no_auth",
]


def pipeline(options: list[str]) -> beam.Pipeline:
    recipe = parse_recipe({"run": {"name": "x"}, "source": [{"name": "web", "inputs": ["a"]}]}, "test")
    model = DigestedFile("gs://a-bucket/run/language.model", "00" * 16)
    settings = ExtractSettings.of(recipe, splits="gs://a-bucket/run/splits.arrow", model=model)
    made = beam.Pipeline(options=PipelineOptions(options))
    stage = RunDirectory("gs://a-bucket/run").stage("extract", "f")
    made | RunItems(stage, "gs://a-bucket/run/pending.arrow", extract_item, settings)
    return made


def test_the_graph_is_translated() -> None:
    pytest.importorskip("google.cloud.storage", reason="the extra gcp is not installed: make dataflow")
    pipeline(OPTIONS).run()


def test_a_missing_option_is_noticed() -> None:
    pytest.importorskip("google.cloud.storage", reason="the extra gcp is not installed: make dataflow")
    with pytest.raises(ValueError, match="project"):
        pipeline([option for option in OPTIONS if not option.startswith("--project")])
