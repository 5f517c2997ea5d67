"""The feed against a naive reading of the same run: every token, boundary, document and key, at every step."""

import collections
import concurrent.futures
import contextlib
import itertools
import multiprocessing
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import corpus.feed
import mutants
from corpus.errors import CorpusError, DamageError, RunDirectoryError
from corpus.feed import Batch, Feed
from corpus.feed.order import PhaseOrder
from corpus.feed.phases import PhasePlan, plan_phases
from corpus.recipe import Phase
from corpus.schema import MANIFEST, tokens_schema
from corpus.seeds import identity_key
from corpus.storage.shards import write_shard

END_OF_DOCUMENT = 0

Run = dict[str, list[list[int]]]  # domain → tokens of each document of each shard

#: Lengths of the documents of each shard of each domain; "a.en" is shorter than a sequence and read many times.
LENGTHS: Run = {
    "a.en": [[3, 1], [2]],
    "b.en": [[40, 1, 7], [25, 60, 9], [90], [5, 5, 5, 2, 1]],
    "b.zh": [[33, 20], [100, 4, 11, 1]],
}
PHASES = [
    Phase(
        name="one",
        tokens=16 * 4 * 5,
        sequence_length=16,
        batch_size=4,
        weights={"a.en": 0.1, "b.en": 0.5, "b.zh": 0.4},
        max_epochs={"a.en": 20.0},
    ),
    Phase(
        name="two",
        tokens=10 * 8 * 6,
        sequence_length=10,
        batch_size=8,
        weights={"b.en": 0.3, "b.zh": 0.7},
        max_epochs={"b.en": 3.0, "b.zh": 3.5},
    ),
]


class Corpus:
    """A run directory, and the same tokens as Python lists."""

    def __init__(
        self, root: Path, lengths: Run, phases: list[Phase], *, vocabulary_size: int = 1 << 16, seed: int = 5
    ) -> None:
        self.root = root
        self.streams: dict[str, list[tuple[int, bool, int, int]]] = {}  # token, begins a document, manifest row, row
        self.keys: dict[tuple[int, int], bytes] = {}
        rows = []
        tokens = itertools.count(1)
        for domain, shards in sorted(lengths.items()):
            stream = self.streams.setdefault(domain, [])
            for number, documents in enumerate(shards):
                texts = [[next(tokens) % 60_000 for _ in range(length - 1)] + [END_OF_DOCUMENT] for length in documents]
                rows.append(self._write(domain, number, texts, len(rows), vocabulary_size))
                for row, text in enumerate(texts):
                    stream.extend((token, place == 0, len(rows) - 1, row) for place, token in enumerate(text))
        table = pa.Table.from_pylist(
            rows, schema=MANIFEST.with_metadata({"vocabulary_size": "60000", "end_of_document": "0"})
        )
        with pa.ipc.new_file(str(root / "manifest.arrow"), table.schema) as writer:
            writer.write_table(table)
        self.plan = plan_phases(phases, {domain: len(stream) for domain, stream in self.streams.items()}, seed=seed)
        (root / "phases").mkdir(exist_ok=True)
        (root / "phases" / "plan.json").write_text(self.plan.to_json())

    def _write(self, domain: str, number: int, texts: list[list[int]], row: int, vocabulary_size: int) -> dict:
        keys = [identity_key(domain, number, document) for document in range(len(texts))]
        self.keys.update({(row, document): key for document, key in enumerate(keys)})
        schema = tokens_schema(vocabulary_size)
        count = len(texts)
        columns = [
            texts,
            keys,
            range(count),
            ["s"] * count,
            ["en"] * count,
            [1] * count,
            [1.0] * count,
            [0] * count,
            [1] * count,
        ]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        path = Path("shards", domain, f"{number:05d}.arrow")
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        layout = write_shard(self.root / path, pa.RecordBatch.from_arrays(arrays, schema=schema), {"domain": domain})
        return {
            "domain": domain,
            "shard": number,
            "path": str(path),
            "documents": layout.documents,
            "tokens": layout.tokens,
            "bytes": count,
            "file_bytes": layout.file_bytes,
            "digest": layout.digest,
            "token_dtype": layout.token_dtype,
            "token_offset": layout.token_offset,
            "boundary_offset": layout.boundary_offset,
        }

    def sequence(self, phase: str, slot: int) -> list[tuple[int, bool, int, int]]:
        """A sequence by the definition: L tokens of the endless stream, one by one."""
        domains, numbers = PhaseOrder(self.plan, phase).locate([slot])
        planned, domain = self.plan.phase(phase), int(domains[0])
        stream = self.streams[self.plan.domains[domain].name]
        first = planned.shares[domain].begin + int(numbers[0]) * planned.sequence_length
        return [stream[position % len(stream)] for position in range(first, first + planned.sequence_length)]

    def places(self, domain: str, tokens: list[int]) -> list[int]:
        """Where in the epoch these consecutive tokens stand; the first run that fits (all but the last ids differ)."""
        stream = [token for token, *_ in self.streams[domain]]
        wanted = len(tokens)
        endless = stream * (1 + -(-wanted // len(stream)))
        first = next(at for at in range(len(stream)) if endless[at : at + wanted] == tokens)
        return [(first + at) % len(stream) for at in range(wanted)]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("run"), LENGTHS, PHASES)


def check(corpus_: Corpus, feed: Feed, batch: Batch, phase: str) -> None:
    """Every array of a batch against the naive reading."""
    keys = feed.keys(batch)
    assert len(batch.boundary_offsets) == len(batch.sequences) + 1
    assert batch.boundary_offsets[-1] == len(batch.boundaries) == len(batch.documents) == len(keys)
    for index, slot in enumerate(batch.sequences.tolist()):
        expected = corpus_.sequence(phase, slot)
        assert batch.tokens[index].tolist() == [token for token, *_ in expected]
        begins = [place for place, (_, begins, *_) in enumerate(expected) if begins or place == 0]
        pieces = slice(*batch.boundary_offsets[index : index + 2].tolist())
        assert batch.boundaries[pieces].tolist() == begins
        assert batch.documents[pieces].tolist() == [list(expected[place][2:]) for place in begins]
        assert keys[pieces] == [corpus_.keys[expected[place][2:]] for place in begins]


def same(one: Batch, other: Batch) -> bool:
    """Equal in all their arrays."""
    return all(np.array_equal(value, vars(other)[name]) for name, value in vars(one).items())


@pytest.mark.parametrize("phase", ["one", "two"])
@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_every_batch_of_every_rank_is_the_naive_reading(run: Corpus, phase: str, world_size: int) -> None:
    slots = []
    for rank in range(world_size):
        with corpus.feed.open(run.root, phase=phase, rank=rank, world_size=world_size) as feed:
            for batch in feed:
                check(run, feed, batch, phase)
                slots.extend(batch.sequences.tolist())
    assert sorted(slots) == list(range(run.plan.phase(phase).sequences))


@settings(deadline=None, max_examples=30)
@given(
    lengths=st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=8), min_size=1, max_size=4),
    length=st.integers(2, 50),
    steps=st.integers(1, 4),
)
def test_any_run_is_read_as_by_the_naive_reading(tmp_path_factory, lengths, length: int, steps: int) -> None:
    root = tmp_path_factory.mktemp("any")
    phase = Phase(
        name="p", tokens=steps * 2 * length, sequence_length=length, batch_size=2, max_epochs={"d.en": 1_000.0}
    )
    made = Corpus(root, {"d.en": lengths}, [phase])
    with corpus.feed.open(root, phase="p", max_open_shards=1) as feed:
        for batch in feed:
            check(made, feed, batch, "p")


@pytest.mark.parametrize("phase", ["one", "two"])
def test_the_ranks_one_after_another_are_the_global_batch(run: Corpus, phase: str) -> None:
    whole = corpus.feed.open(run.root, phase=phase)
    for world_size in (2, 4):
        ranks = [
            corpus.feed.open(run.root, phase=phase, rank=rank, world_size=world_size) for rank in range(world_size)
        ]
        for step in range(len(whole)):
            parts = [feed.batch(step) for feed in ranks]
            for name in ("tokens", "sequences", "domains", "boundaries", "documents"):
                joined = np.concatenate([vars(part)[name] for part in parts])
                assert np.array_equal(joined, vars(whole.batch(step))[name])


def test_a_resume_at_every_step_gives_the_same_tail(run: Corpus) -> None:
    whole = list(corpus.feed.open(run.root, phase="two"))
    assert [batch.step for batch in whole] == list(range(6))
    for step in range(len(whole) + 1):
        first = corpus.feed.open(run.root, phase="two")
        head = list(itertools.islice(first, step))
        state = first.state_dict()
        resumed = corpus.feed.open(run.root, phase="two")
        resumed.load_state_dict(state)
        assert all(same(one, other) for one, other in zip([*head, *resumed], whole, strict=True))
        assert len(list(first.iter_from(step))) == len(whole) - step
        # At another world size: the same sequences still.
        second = corpus.feed.open(run.root, phase="two", rank=1, world_size=2)
        second.load_state_dict(state)
        assert all(
            np.array_equal(part.tokens, all_.tokens[4:]) for part, all_ in zip(second, whole[step:], strict=True)
        )


def replanned(folder: Path, phases: list[Phase], *, seed: int = 5, lengths: Run = LENGTHS) -> Feed:
    folder.mkdir()
    Corpus(folder, lengths, phases, seed=seed)
    return corpus.feed.open(folder, phase=phases[-1].name)


def test_a_state_of_other_data_is_refused_and_says_what_differs(tmp_path: Path) -> None:
    """Each of these was taken, and sequences that had been seen came again."""
    feed = replanned(tmp_path / "first", PHASES)
    next(iter(feed))
    state = feed.state_dict()
    assert (state["step"], state["sequences"], state["tokens"]) == (1, 8, 80)
    replanned(tmp_path / "again", PHASES).load_state_dict(state)  # the same data in another place
    one, two = PHASES
    others = {
        "batch size": [one, two.model_copy(update={"batch_size": 4})],
        "sequence length": [one, two.model_copy(update={"sequence_length": 5})],
        "steps of the phase": [one, two.model_copy(update={"tokens": 10 * 8 * 7})],
        "order of the sequences": [one, two.model_copy(update={"weights": {"b.en": 0.4, "b.zh": 0.6}})],
        "and the phases before": [one.model_copy(update={"tokens": 16 * 4 * 4}), two],
    }
    for number, (what, phases) in enumerate(others.items()):
        with pytest.raises(ValueError, match=what):
            replanned(tmp_path / str(number), phases).load_state_dict(state)
    with pytest.raises(ValueError, match="seed"):
        replanned(tmp_path / "seed", PHASES, seed=6).load_state_dict(state)
    with pytest.raises(ValueError, match="shards"):
        replanned(tmp_path / "more", PHASES, lengths={**LENGTHS, "b.en": [*LENGTHS["b.en"], [9]]}).load_state_dict(
            state
        )
    with pytest.raises(ValueError, match=r"does not say which data it is of.*iter_from\(3\)"):
        feed.load_state_dict({"step": 3, "phase": "two"})


def test_ranks_that_do_not_divide_a_batch_share_it_all_the_same(run: Corpus) -> None:
    whole = corpus.feed.open(run.root, phase="two")
    for world_size in (3, 5, 7, 8):
        ranks = [
            corpus.feed.open(run.root, phase="two", rank=rank, world_size=world_size) for rank in range(world_size)
        ]
        for step in range(len(whole)):
            parts = [feed.batch(step) for feed in ranks]
            assert {len(part.tokens) for part in parts} <= {8 // world_size, 8 // world_size + 1}
            assert np.array_equal(np.concatenate([part.tokens for part in parts]), whole.batch(step).tokens)


def test_a_pickled_feed_goes_on_in_another_process(run: Corpus) -> None:
    feed = corpus.feed.open(run.root, phase="two", dtype="int64", rank=1, world_size=2)
    next(iter(feed))
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        steps, last = pool.submit(_rest_of, feed).result()
    rest = list(feed)
    assert steps == [batch.step for batch in rest]
    assert np.array_equal(last, rest[-1].tokens)


def _rest_of(feed: Feed) -> tuple[list[int], np.ndarray]:
    batches = list(feed)
    return [batch.step for batch in batches], batches[-1].tokens


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
def test_workers_of_a_loader_give_each_batch_once(run: Corpus, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch's DataLoader asks its workers in turn; torch itself is no dependency."""
    given = []
    for worker in range(workers):
        data = types.SimpleNamespace(
            get_worker_info=lambda worker=worker: types.SimpleNamespace(id=worker, num_workers=workers)
        )
        monkeypatch.setitem(sys.modules, "torch.utils.data", data)
        given.append([batch.step for batch in corpus.feed.open(run.root, phase="two").iter_from(1)])
    in_turn = [step for steps in itertools.zip_longest(*given) for step in steps if step is not None]
    assert in_turn == list(range(1, 6))


def test_a_batch_leaves_the_current_step_where_it_is(run: Corpus) -> None:
    feed = corpus.feed.open(run.root, phase="one")
    next(iter(feed))
    feed.batch(4)
    assert feed.state_dict()["step"] == 1
    assert next(iter(feed)).step == 1


def test_each_phase_takes_what_the_plan_says_and_no_token_twice_within_an_epoch(run: Corpus) -> None:
    seen = {domain: np.zeros(len(stream), int) for domain, stream in run.streams.items()}
    for planned in run.plan.phases:
        taken: collections.Counter[str] = collections.Counter()
        feed = corpus.feed.open(run.root, phase=planned.name)
        for batch in feed:
            for tokens, domain in zip(batch.tokens.tolist(), (feed.domains[at] for at in batch.domains), strict=True):
                for place in run.places(domain, tokens):
                    assert seen[domain][place] == seen[domain].min()
                    seen[domain][place] += 1
                taken[domain] += len(tokens)
        for domain, share in zip(feed.domains, planned.shares, strict=True):
            assert taken[domain] == share.end - share.begin
            assert seen[domain].sum() == share.end
    assert seen["a.en"].min() > 1  # the run does read over the end of epochs, in both phases' manners
    assert seen["b.zh"].min() >= 1


def test_tokens_come_as_stored_or_as_int64(tmp_path) -> None:
    for vocabulary_size, stored in ((1 << 16, "uint16"), (1 << 17, "uint32")):
        root = tmp_path / stored
        root.mkdir()
        Corpus(root, LENGTHS, PHASES, vocabulary_size=vocabulary_size)
        one = corpus.feed.open(root, phase="one").batch(2).tokens
        other = corpus.feed.open(root, phase="one", dtype="int64").batch(2).tokens
        assert (one.dtype, other.dtype) == (np.dtype(stored), np.dtype(np.int64))
        assert np.array_equal(one, other)
        assert one.flags.owndata
        assert one.flags.writeable


def test_metadata_of_the_manifest_is_at_hand(run: Corpus) -> None:
    feed = corpus.feed.open(run.root, phase="one")
    assert (feed.metadata["vocabulary_size"], feed.metadata["end_of_document"]) == ("60000", "0")
    assert feed.domains == ["a.en", "b.en", "b.zh"]
    assert len(feed) == 5


def test_only_so_many_files_are_mapped_and_closing_lets_go(run: Corpus) -> None:
    def mapped() -> int:
        # A mapping may stand in several lines, so files are counted.
        return len({line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/b.en/" in line})

    if not os.path.exists("/proc/self/maps"):
        pytest.skip("no /proc")
    feed = corpus.feed.open(run.root, phase="two", max_open_shards=2)
    batches = []
    for batch in feed:
        assert mapped() <= 2
        batches.append(batch)
    feed.close()
    assert mapped() == 0
    check(run, feed, batches[0], "two")


def test_a_feed_loads_neither_beam_nor_an_extractor_nor_the_recipe(run: Corpus) -> None:
    code = (
        "import sys, corpus.feed\n"
        f"feed = corpus.feed.open({str(run.root)!r}, phase='one')\n"
        "feed.keys(feed.batch(0))\n"
        "heavy = {'apache_beam', 'numba', 'pandas', 'pydantic', 'trafilatura', 'sentencepiece'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def refused(kind: type[CorpusError], **arguments) -> str:
    """The message of the error, which is one line."""
    with pytest.raises(kind) as caught:
        list(corpus.feed.open(**arguments))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"phase": "three"}, "no phase 'three' in the plan; its phases: one, two"),
        ({"phase": "one", "world_size": 5}, "world_size is 1 to 4, the sequences of a batch, not 5"),
        ({"phase": "one", "world_size": 0}, "world_size is 1 to 4"),
        ({"phase": "one", "world_size": 2, "rank": 2}, "rank is 0 to 1, not 2"),
        ({"phase": "one", "rank": -1}, "rank is 0 to 0, not -1"),
        ({"phase": "one", "dtype": "int32"}, "'stored' or 'int64'"),
        ({"phase": "one", "max_open_shards": 0}, "at least 1"),
    ],
)
def test_wrong_arguments_are_answered_with_what_is_allowed(run: Corpus, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        corpus.feed.open(run.root, **arguments)


def test_steps_and_states_that_do_not_exist_are_refused(run: Corpus) -> None:
    feed = corpus.feed.open(run.root, phase="one")
    for step in (-1, 5):
        with pytest.raises(IndexError, match="steps 0 to 4"):
            feed.batch(step)
    with pytest.raises(ValueError, match="has 5 steps"):
        feed.iter_from(6)
    with pytest.raises(ValueError, match="of phase 'two', this feed reads 'one'"):
        feed.load_state_dict({"step": 0, "phase": "two"})
    assert list(feed.iter_from(5)) == []


def test_a_run_that_is_not_there_or_not_whole_is_named(tmp_path) -> None:
    assert "plan.json: not found; run `corpus build`" in refused(RunDirectoryError, run=tmp_path / "no", phase="one")
    assert "copy the run" in refused(RunDirectoryError, run="gs://bucket/run", phase="one")
    made = Corpus(tmp_path, LENGTHS, PHASES)
    manifest = tmp_path / "manifest.arrow"
    whole = manifest.read_bytes()
    manifest.unlink()
    assert "manifest.arrow: not found" in refused(RunDirectoryError, run=tmp_path, phase="one")
    manifest.write_bytes(whole[:100])
    assert str(manifest) in refused(DamageError, run=tmp_path, phase="one")
    manifest.write_bytes(whole)
    plan = tmp_path / "phases" / "plan.json"
    plan.write_text(plan_phases(PHASES, {"a.en": 6, "b.en": 999, "b.zh": 999}, seed=5).to_json())
    assert "planned for other shards" in refused(RunDirectoryError, run=tmp_path, phase="one")
    plan.write_text("{}")
    assert str(plan) in refused(DamageError, run=tmp_path, phase="one")
    plan.write_text(made.plan.to_json())
    assert PhasePlan.from_json(plan.read_text()) == made.plan


def test_a_manifest_of_another_shape_is_damage(tmp_path) -> None:
    Corpus(tmp_path, LENGTHS, PHASES)
    path = tmp_path / "manifest.arrow"
    with pa.ipc.open_file(str(path)) as reader:
        table = reader.read_all()
    mixed = pa.array(["uint32", *["uint16"] * (len(table) - 1)])
    for other, message in (
        (table.drop_columns(["token_offset"]), "token_offset"),
        (table.take(pa.array(list(reversed(range(len(table)))))), "not sorted"),
        (table.set_column(8, MANIFEST.field("token_dtype"), mixed), "token_dtype"),
        *(
            (table.set_column(2, MANIFEST.field("path"), pa.array([name] * len(table))), "the path of a shard")
            for name in ("/etc/passwd", "shards/../../victim", "file:///etc/passwd", "a\0b", "%2e%2e/x", "", "..\\x")
        ),
    ):
        path.unlink()
        with pa.ipc.new_file(str(path), other.schema) as writer:
            writer.write_table(other)
        assert message in refused(DamageError, run=tmp_path, phase="one")


def test_a_damaged_shard_is_named_when_it_is_read(tmp_path) -> None:
    Corpus(tmp_path, LENGTHS, PHASES)
    path = tmp_path / "shards" / "b.en" / "00002.arrow"
    whole = path.read_bytes()
    corpus.feed.open(tmp_path, phase="one")
    path.write_bytes(whole[:-1])
    message = refused(DamageError, run=tmp_path, phase="one")
    assert f"{path}: the shard has {len(whole) - 1} bytes, the manifest says {len(whole)}" in message
    path.write_bytes(bytes(len(whole)))
    assert f"{path}: the documents do not cover" in refused(DamageError, run=tmp_path, phase="one")
    path.unlink()
    assert f"{path}: the shard cannot be read" in refused(DamageError, run=tmp_path, phase="one")


def test_boundaries_that_do_not_ascend_are_damage(tmp_path) -> None:
    run = Corpus(tmp_path, LENGTHS, PHASES)
    path = tmp_path / "shards" / "b.en" / "00001.arrow"
    data = path.read_bytes()
    boundaries = np.array([0, 25, 85, 94], "<i8").tobytes()
    assert data.count(boundaries) == 1
    path.write_bytes(data.replace(boundaries, np.array([0, 25, -10, 94], "<i8").tobytes()))
    assert f"{path}: the documents do not cover" in refused(DamageError, run=run.root, phase="one")


@pytest.mark.parametrize("name", ["manifest.arrow", "phases/plan.json", "shards/b.en/00002.arrow"])
def test_no_changed_byte_of_a_run_ends_the_process_or_is_another_error(tmp_path, name: str) -> None:
    Corpus(tmp_path, LENGTHS, PHASES)
    path = tmp_path / name

    def read(data: bytes) -> None:
        path.write_bytes(data)
        # ValueError: a phase, or a size of one, that is not the plan's any more.
        with contextlib.suppress(CorpusError, ValueError), corpus.feed.open(tmp_path, phase="one") as feed:
            for batch in feed:
                feed.keys(batch)

    data = path.read_bytes()
    changed = mutants.flips(data, (0x81,))
    others = [] if name.endswith("json") else mutants.fields(data)
    mutants.survive(read, itertools.islice(itertools.chain(changed, others), 0, None, 5))
