"""A run directory: plain files, local or behind any fsspec URL, and the records by which a build resumes.

    RUN/recipe.{toml,json}  splits.arrow  manifest.arrow  phases/plan.json  tokenizer/FINGERPRINT/tokenizer.model
    RUN/{documents,signals,failed,contamination,scores,lines,decisions,tokens}/FINGERPRINT/00003.arrow    one file per work item
    RUN/shards/FINGERPRINT/DOMAIN/00000.arrow
    RUN/stages/STAGE.json                      the stage's manifest: fingerprint, settings, versions, number of items
    RUN/stages/STAGE/FINGERPRINT/00003.json    written last: this work item is done; counts and digests of its outputs

A work item whose record exists is skipped. Names are functions of the item and the stage's fingerprint alone, so two
workers that run the same item write the same files. Outputs of an older fingerprint go when the stage that replaces
them is complete: a run directory holds one consistent state.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from corpus.errors import DamageError, RunDirectoryError
from corpus.storage import files
from corpus.storage.ipc import Written

STAGES = (
    *("plan", "extract", "decontaminate", "exams", "score", "lines"),
    *("select", "train-tokenizer", "tokenize", "pack", "phases"),
)


@dataclasses.dataclass(frozen=True)
class ItemRecord:
    """What a finished work item wrote (kind of output → file), counted (name → number) and read (split → XXH3-128, in hex)."""

    item: int
    outputs: dict[str, Written]
    counts: dict[str, int]
    inputs: dict[str, str] = dataclasses.field(default_factory=dict)  # of `extract`

    def to_json(self) -> bytes:
        table = {name: value for name, value in dataclasses.asdict(self).items() if name != "inputs" or value}
        return (json.dumps(table, sort_keys=True, indent=1) + "\n").encode()

    @staticmethod
    def from_json(data: bytes, where: str) -> "ItemRecord":
        try:
            table = json.loads(data)
            outputs = {name: Written(**written) for name, written in table["outputs"].items()}
            inputs = {str(split): str(digest) for split, digest in table.get("inputs", {}).items()}
            return ItemRecord(item=table["item"], outputs=outputs, counts=table["counts"], inputs=inputs)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamageError(f"{where}: not a work item's record; delete it and build again") from error


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of one run under one fingerprint: where its work items put what they make."""

    run: "RunDirectory"
    name: str
    fingerprint: str

    def output(self, kind: str, item: int) -> str:
        return self.run.path(kind, self.fingerprint, f"{item:05d}.arrow")

    def file(self, name: str) -> str:
        """A file of the stage that belongs to no single item."""
        return self.run.path("stages", self.name, self.fingerprint, name)

    def finished(self) -> list[int]:
        """Numbers of the work items that are done, sorted: one listing."""
        names = files.names(self.run.path("stages", self.name, self.fingerprint))
        return sorted(int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit())

    def record(self, item: int) -> ItemRecord:
        url = self.file(f"{item:05d}.json")
        return ItemRecord.from_json(files.read_bytes(url), url)

    def records(self) -> Iterator[ItemRecord]:
        return map(self.record, self.finished())

    def finish(self, record: ItemRecord) -> None:
        """Marks an item as done: the last thing that it writes."""
        files.write_bytes(self.file(f"{record.item:05d}.json"), record.to_json())


@dataclasses.dataclass(frozen=True)
class RunDirectory:
    """A place by URL; holds no handle, so it travels to workers."""

    url: str

    def path(self, *parts: str) -> str:
        return files.join(self.url, *parts)

    def stage(self, name: str, fingerprint: str) -> Stage:
        return Stage(run=self, name=name, fingerprint=fingerprint)

    def current_stage(self, name: str) -> Stage:
        """The stage as its manifest names it. Raises RunDirectoryError where the run has not come that far."""
        return self.stage(name, self.stage_manifest(name)["fingerprint"])

    def stage_manifest(self, name: str) -> dict[str, Any]:
        url = self.path("stages", f"{name}.json")
        if not files.exists(url):
            raise RunDirectoryError(f"{self.url}: stage {name} is not finished here; run `corpus build` on it first")
        return self._read_json(url)

    def has_stage(self, name: str) -> bool:
        return files.exists(self.path("stages", f"{name}.json"))

    def write_stage_manifest(self, name: str, manifest: Mapping[str, Any]) -> None:
        self._write_json(self.path("stages", f"{name}.json"), manifest)

    def remove_stage_manifest(self, name: str) -> None:
        """The stage no longer counts as finished; its files stay until others replace them."""
        files.remove_tree(self.path("stages", f"{name}.json"))

    def read_json(self, *parts: str) -> dict[str, Any]:
        url = self.path(*parts)
        if not files.exists(url):
            raise RunDirectoryError(f"{self.url}: no {'/'.join(parts)} here; is this a run directory?")
        return self._read_json(url)

    def write_json(self, value: Mapping[str, Any], *parts: str) -> None:
        self._write_json(self.path(*parts), value)

    def remove_superseded(self, stage: Stage, kinds: tuple[str, ...]) -> None:
        """Deletes what older fingerprints of a finished stage left, and the unfinished files of killed workers."""
        for folder in (self.path("stages", stage.name), *(self.path(kind) for kind in kinds)):
            for name in files.folder_names(folder):
                if name != stage.fingerprint:
                    files.remove_tree(files.join(folder, name))
            files.remove_unfinished(folder)

    def _read_json(self, url: str) -> dict[str, Any]:
        try:
            value = json.loads(files.read_bytes(url))
        except ValueError as error:
            raise DamageError(f"{url}: not valid JSON; delete it and build again") from error
        if not isinstance(value, dict):
            raise DamageError(f"{url}: not a JSON object; delete it and build again")
        return value

    def _write_json(self, url: str, value: Mapping[str, Any]) -> None:
        files.write_bytes(url, (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode())
