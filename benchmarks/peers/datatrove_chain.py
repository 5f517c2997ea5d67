"""datatrove's own chain from WARC files to filtered documents, one worker. Runs in datatrove's environment.

`python datatrove_chain.py FOLDER OUTPUT --model lid.176.ftz [--language en]`: WarcReader → Trafilatura → LanguageFilter →
GopherRepetitionFilter → GopherQualityFilter → C4QualityFilter → FineWebQualityFilter → JsonlWriter over the *.warc.gz of a
folder, as datatrove's own example of FineWeb has it (what each filter drops is written too, there and here), each step at its
defaults. Left out of that example: URLFilter, which has lists of its own, and its setting of C4QualityFilter, so that the
filters are what the profile `parity` reproduces. The language model is a file here (datatrove would download a larger one).
Without --language any language passes whose score is over .65.

OUTPUT/kept and OUTPUT/dropped/FILTER hold JSONL; OUTPUT/versions.json the versions. C4QualityFilter takes lines out of what it
keeps: what stood there before is `metadata.extracted`.
"""

import argparse
import importlib.metadata
import json
from collections.abc import Iterator
from pathlib import Path

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.readers import WarcReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils import lid


def remember_text(documents: Iterator[Document], rank: int = 0, world_size: int = 1) -> Iterator[Document]:
    for document in documents:
        document.metadata["extracted"] = document.text
        yield document


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--language", help="The one that is wanted; left out: all")
    arguments = parser.parse_args()
    lid.cached_asset_path_or_download = lambda *_, **__: str(arguments.model)

    def dropped(name: str) -> JsonlWriter:
        return JsonlWriter(str(arguments.output / "dropped" / name))

    steps = [
        WarcReader(str(arguments.folder), glob_pattern="*.warc.gz"),
        Trafilatura(),
        LanguageFilter(arguments.language, exclusion_writer=dropped("language")),
        GopherRepetitionFilter(exclusion_writer=dropped("gopher_repetition")),
        GopherQualityFilter(exclusion_writer=dropped("gopher_quality")),
        remember_text,
        C4QualityFilter(exclusion_writer=dropped("c4")),
        FineWebQualityFilter(exclusion_writer=dropped("fineweb")),
        JsonlWriter(str(arguments.output / "kept")),
    ]
    LocalPipelineExecutor(steps, tasks=1, workers=1, logging_dir=str(arguments.output / "log")).run()
    versions = {name: importlib.metadata.version(name) for name in ("datatrove", "trafilatura", "spacy")}
    (arguments.output / "versions.json").write_text(json.dumps(versions), encoding="utf-8")


if __name__ == "__main__":
    main()
