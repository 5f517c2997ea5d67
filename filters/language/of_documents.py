"""The language of each document of a batch: the model's, and where it is not sure, or its source is trusted, the document's own hint.

Apart from what else is measured: `extract` screens pages by it, and must not run again for another signal.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from corpus.recipe import LanguageIdentification
from corpus.storage.digested_file import DigestedFile

if TYPE_CHECKING:
    from filters.language.identification import Identification


@dataclasses.dataclass(frozen=True)
class LanguageSettings:
    """How the language of a document is told."""

    recipe: LanguageIdentification
    model: Path | DigestedFile  # of the fastText model; a file of the run where workers read it
    trusted_hints: frozenset[str] = frozenset()  # sources whose language hints hold

    @property
    def local_model(self) -> Path:
        """Where the model lies on this machine, checked. Raises DamageError."""
        return self.model.local() if isinstance(self.model, DigestedFile) else self.model


def identified(documents: pa.RecordBatch, settings: LanguageSettings) -> "list[Identification]":
    """The language of each document, hints considered."""
    from filters.language.hint import with_hint
    from filters.language.identification import LanguageModel

    model = LanguageModel(settings.local_model)
    found = model.identify(
        documents.column("text").to_pylist(),
        windows=settings.recipe.windows,
        window_characters=settings.recipe.window_characters,
    )
    hints = zip(
        found, documents.column("language_hint").to_pylist(), documents.column("source").to_pylist(), strict=True
    )
    return [with_hint(each, hint, trusted=source in settings.trusted_hints) for each, hint, source in hints]
