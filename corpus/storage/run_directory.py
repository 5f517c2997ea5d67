"""A run directory: plain files, local or behind any fsspec URL, and the records by which a build resumes.

    RUN/recipe.{toml,json}  splits.arrow  manifest.arrow  phases/plan.json  tokenizer/FINGERPRINT/tokenizer.model
    RUN/{documents,signals,failed,contamination,scores,lines,decisions,tokens}/FINGERPRINT/00003.arrow    one file per work item
    RUN/shards/FINGERPRINT/DOMAIN/00000.arrow
    RUN/stages/STAGE.json                      the stage's manifest: fingerprint, settings, versions, number of items
    RUN/stages/STAGE/FINGERPRINT/00003.json    written last: this work item is done; counts and digests of its outputs
    RUN/stages/STAGE/FINGERPRINT/records.arrow  all of those of a complete stage, for one read instead of one an item

A work item whose record exists is skipped. Names are functions of the item and the stage's fingerprint alone, so two
workers that run the same item write the same files. Outputs of an older fingerprint go when the stage that replaces
them is complete: a run directory holds one consistent state.
"""

import dataclasses
import json
import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from corpus.errors import DamageError, RunDirectoryError
from corpus.seeds import content_digest
from corpus.storage import deletion, files, paths
from corpus.storage.ipc import Written
from corpus.storage.item_records import ItemRecord, Records
from corpus.storage.pool import concurrently
from corpus.storage.run_names import BEGUN, COMPACT, EXCHANGE, FINGERPRINT, is_loose

__all__ = ["COMPACT", "ItemRecord", "Records", "RunDirectory", "Stage", "Work"]

#: Of a stage's manifest: the XXH3-128 of the rest.
DIGEST = "digest"

#: Of a stage's manifest: name in the run → bytes and XXH3-128 of each file that no item wrote. Versions before it wrote neither.
STORED = "stored"


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of one run under one fingerprint: where its work items put what they make."""

    run: "RunDirectory"
    name: str
    fingerprint: str

    def output(self, kind: str, item: int) -> str:
        return self.run.path(kind, self.fingerprint, f"{item:05d}.arrow")

    def begin(self) -> None:
        """Says that what lies under this fingerprint is of this run: the proof by which it may be deleted one day."""
        begun = _json({"stage": self.name, "fingerprint": self.fingerprint})
        try:
            if files.read_bytes(self.file(BEGUN)) == begun:
                return
        except FileNotFoundError:
            pass
        files.write_bytes(self.file(BEGUN), begun)

    def file(self, name: str) -> str:
        """A file of the stage that belongs to no single item."""
        return self.run.path(self.name_of(name))

    def name_of(self, name: str) -> str:
        """The same, relative to the run directory."""
        return posixpath.join("stages", self.name, self.fingerprint, name)

    def finished(self) -> list[int]:
        """Numbers of the work items that are done, sorted: one listing."""
        return _items(files.names(self._folder))

    def record(self, item: int) -> ItemRecord:
        """Raises FileNotFoundError where the item is not done, DamageError where its record says nothing."""
        url = self.file(f"{item:05d}.json")
        return ItemRecord.from_json(files.read_bytes(url), url)

    def read_records(self, *, compact: bool = True) -> Records:
        """The records of all items that are done: one listing, and one file where the stage was complete.

        Else, and without `compact`, a request for each item, some at a time. An item whose record cannot be read, as after a
        power cut, is not done.
        """
        there = files.names(self._folder)
        items = _items(there)
        known = self._compact(there) if compact else None
        if known is not None and known.items.tolist() == items:
            return known
        missing = items if known is None else [item for item in items if item not in known]
        found = dict(zip(missing, self.readable(missing), strict=True))
        done = set(items)
        kept = () if known is None else (record for record in known if record.item in done)
        records = [*kept, *(record for record in found.values() if record is not None)]
        return Records.of(records, [item for item, record in found.items() if record is None])

    def readable(self, items: Sequence[int]) -> Iterator[ItemRecord | None]:
        """The record of each of these items, or None where it is not there or says nothing; some at a time."""
        return map(self._readable, items) if files.is_local(self._folder) else concurrently(self._readable, items)

    def records(self) -> Iterator[ItemRecord]:
        """The record of each item that is done, in the order of items. Raises DamageError where one cannot be read."""
        found = self.read_records()
        for item in found.unreadable:
            self.record(item)  # raises, and says which
        return iter(found)

    def compact(self, records: Records) -> Written:
        """Writes the records of a complete stage as one file beside them, for whoever reads all of them."""
        return records.write(self.file(COMPACT))

    def loose(self) -> dict[str, files.Stat]:
        """The files of the stage's folder that belong to no item, by their names in the run directory: one listing."""
        there = files.listing(self._folder)
        return {self.name_of(name): stat for name, stat in there.items() if is_loose(name)}

    def forget_compact(self) -> None:
        """To be called before an item runs again, or its record is deleted: it would say what no longer holds."""
        if COMPACT in files.names(self._folder):
            deletion.remove(self.run.url, [self.name_of(COMPACT)])

    @property
    def _folder(self) -> str:
        return self.run.path("stages", self.name, self.fingerprint)

    def _readable(self, item: int) -> ItemRecord | None:
        try:
            found = self.record(item)
        except (DamageError, FileNotFoundError):
            return None
        return found if found.item == item else None

    def _compact(self, there: Collection[str]) -> Records | None:
        if COMPACT not in there:
            return None
        try:
            return Records.read(self.file(COMPACT))
        except DamageError:  # the records themselves are there
            return None

    def finish(self, record: ItemRecord) -> None:
        """Marks an item as done: the last thing that it writes."""
        files.write_bytes(self.file(f"{record.item:05d}.json"), record.to_json())


#: Runs one work item, writes its files, and says what it wrote: a stage's pure twin.
Work = Callable[[Stage, int, Any], ItemRecord]


def _items(names: Iterable[str]) -> list[int]:
    return sorted(int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit())


@dataclasses.dataclass(frozen=True)
class RunDirectory:
    """A place by URL; holds no handle, so it travels to workers."""

    url: str

    def path(self, *parts: str) -> str:
        """The path or URL of something in the run. Raises DamageError for a name, out of a file of it, that leads elsewhere."""
        try:
            return paths.below(self.url, posixpath.join(*parts))
        except ValueError as error:
            raise DamageError(
                f"{self.url}: names a file of its own that {error}; verify it, and build again"
            ) from error

    def stage(self, name: str, fingerprint: str) -> Stage:
        return Stage(run=self, name=name, fingerprint=fingerprint)

    def current_stage(self, name: str) -> Stage:
        """The stage as its manifest names it. Raises RunDirectoryError where the run has not come that far."""
        return self.stage(name, self.stage_manifest(name)["fingerprint"])

    def stage_manifest(self, name: str) -> dict[str, Any]:
        """Raises RunDirectoryError where the stage is not finished: there is no manifest, or none that can be read."""
        manifest = self.manifest_of(name)
        if manifest is None:
            raise RunDirectoryError(f"{self.url}: stage {name} is not finished here; run `corpus build` on it first")
        return manifest

    def has_stage(self, name: str) -> bool:
        """Whether a stage is finished. A manifest that cannot be read, as after a power cut, says that it is not.

        So does one that is not what was written, by the digest that it has of itself.
        """
        return self.manifest_of(name) is not None

    def has_torn_manifest(self, name: str) -> bool:
        """Whether a stage has a manifest that cannot be read."""
        return not self.has_stage(name) and files.exists(self.path("stages", f"{name}.json"))

    def manifest_of(self, name: str) -> dict[str, Any] | None:
        """The manifest of a finished stage; None where the stage is not finished: one read, where `has_stage` first makes two."""
        manifest = self._stored_manifest(name)
        if manifest is None:
            return None
        mark, stated = manifest.get("fingerprint"), manifest.pop(DIGEST, None)
        is_sound = stated is None or stated == content_digest(_json(manifest)).hex()
        return manifest if is_sound and isinstance(mark, str) and FINGERPRINT.fullmatch(mark) else None

    def has_lost_digest(self, name: str) -> bool:
        """Whether a manifest has no digest of itself, though it names files with theirs: it was changed since it was written."""
        manifest = self._stored_manifest(name)
        return manifest is not None and DIGEST not in manifest and STORED in manifest

    def _stored_manifest(self, name: str) -> dict[str, Any] | None:
        """As it lies there; None where there is none, or it is no JSON."""
        try:
            return self._read_json(self.path("stages", f"{name}.json"))
        except (FileNotFoundError, DamageError):
            return None

    def write_stage_manifest(self, name: str, manifest: Mapping[str, Any]) -> None:
        """With a digest of itself, over the rest as it is written."""
        written = json.loads(_json(manifest))
        self._write_json(self.path("stages", f"{name}.json"), written | {DIGEST: content_digest(_json(written)).hex()})

    def remove(self, names: Iterable[str]) -> list[str]:
        """Deletes files by their paths below the run directory; returns those that are left (corpus.storage.deletion)."""
        return deletion.remove(self.url, names)

    def remove_stage_manifest(self, name: str) -> None:
        """The stage no longer counts as finished; its files stay until others replace them."""
        self.remove([f"stages/{name}.json"])

    def remove_stage(self, name: str, kinds: tuple[str, ...]) -> list[str]:
        """Deletes all that a stage left, whose outputs lie in `kinds`; returns what lies there and is not of it."""
        self.remove_stage_manifest(name)
        return deletion.remove_fingerprints(self.url, name, kinds, keep=None)

    def remove_exchange(self, stage: str, *parts: str) -> list[str]:
        """Deletes what steps of a stage sent each other: all of it, or (fingerprint, kind of rows)."""
        if not parts:
            return deletion.remove_exchange(self.url, stage)
        return deletion.remove_folder(self.url, posixpath.join(EXCHANGE, *parts))

    def read_json(self, *parts: str) -> dict[str, Any]:
        url = self.path(*parts)
        if not files.exists(url):
            raise RunDirectoryError(f"{self.url}: no {'/'.join(parts)} here; is this a run directory?")
        return self._read_json(url)

    def write_json(self, value: Mapping[str, Any], *parts: str) -> None:
        self._write_json(self.path(*parts), value)

    def remove_superseded(self, stage: Stage, kinds: tuple[str, ...]) -> list[str]:
        """Deletes what older fingerprints of a finished stage left, and the unfinished files of killed workers.

        Returns what lies in the stage's folders and is not of it.
        """
        return deletion.remove_fingerprints(self.url, stage.name, kinds, keep=stage.fingerprint)

    def _read_json(self, url: str) -> dict[str, Any]:
        try:
            value = json.loads(files.read_bytes(url))
        except (ValueError, RecursionError) as error:
            raise DamageError(f"{url}: not valid JSON; verify the run") from error
        if not isinstance(value, dict):
            raise DamageError(f"{url}: not a JSON object; verify the run")
        return value

    def _write_json(self, url: str, value: Mapping[str, Any]) -> None:
        files.write_bytes(url, _json(value))


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()
