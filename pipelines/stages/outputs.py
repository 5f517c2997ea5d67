"""What stages write into a run directory, kind by kind: RUN/KIND/FINGERPRINT/ITEM.arrow, one file a work item.

A stage names the outputs that it reads and writes by these objects, never by the stage that writes them, so an output can move
to another stage without its readers.
"""

import dataclasses
from collections.abc import Callable, Mapping

import pyarrow as pa

from corpus import schema
from corpus.recipe import Recipe
from corpus.storage.run_directory import Stage


@dataclasses.dataclass(frozen=True)
class Output:
    """Files of one kind.

    `schema_of` gives their schema from the recipe in force and the metadata of the manifest ({} before there is one); None where
    it is not known, so that rows alone are checked.
    """

    kind: str
    schema_of: Callable[[Recipe, Mapping[str, str]], pa.Schema | None] | None
    path_of: Callable[[Stage, int], str] | None = None  # where it is no KIND/FINGERPRINT/ITEM.arrow
    has_rows: bool = True  # an Arrow file
    by_fingerprint: bool = True  # in a folder of the stage's fingerprint; else one file, written anew by each build
    part: str = ""  # some of the columns, which change less often than the others

    @property
    def mark(self) -> str:
        """What names it among the fingerprints that readers depend on."""
        return f"{self.kind}.{self.part}" if self.part else self.kind

    def url(self, stage: Stage, item: int) -> str:
        """Where a work item's file of this kind lies."""
        return stage.output(self.kind, item) if self.path_of is None else self.path_of(stage, item)


def _signals(recipe: Recipe, metadata: Mapping[str, str]) -> pa.Schema:
    from filters.quality.rules import load_profiles

    dedup = recipe.dedup
    groups = load_profiles(recipe).groups
    return schema.signals_schema(permutations=dedup.permutations, bands=dedup.bands, groups=groups)


def _tokens(recipe: Recipe, metadata: Mapping[str, str]) -> pa.Schema | None:
    size = metadata.get("vocabulary_size")
    return schema.token_blocks_schema(int(size)) if size is not None else None


def _model(stage: Stage, item: int) -> str:
    return stage.run.path("tokenizer", stage.fingerprint, "tokenizer.model")


DOCUMENTS = Output("documents", lambda recipe, metadata: schema.DOCUMENTS)
FAILED = Output("failed", lambda recipe, metadata: schema.FAILED)
SIGNALS = Output("signals", _signals)
#: Who only looks at the languages need not run again for another signature.
LANGUAGES = Output("signals", _signals, part="language")
CONTAMINATION = Output("contamination", lambda recipe, metadata: schema.CONTAMINATION)
EXAMS = Output("exams", lambda recipe, metadata: schema.EXAMS)
SCORES = Output("scores", lambda recipe, metadata: schema.scores_schema(recipe.scored_signals))
LINES = Output("lines", lambda recipe, metadata: schema.LINES)
DECISIONS = Output("decisions", lambda recipe, metadata: schema.DECISIONS)
EDGES = Output("edges", lambda recipe, metadata: schema.EDGES)
SAMPLE = Output("sample", None)
TOKENIZER = Output("tokenizer", None, path_of=_model, has_rows=False)
TOKENS = Output("tokens", _tokens)
#: A shard's kind is its path: shards/FINGERPRINT/DOMAIN/00000.arrow.
SHARDS = Output("shards", None)
PHASES = Output(
    "phases",
    None,
    path_of=lambda stage, item: stage.run.path("phases", "plan.json"),
    has_rows=False,
    by_fingerprint=False,
)
