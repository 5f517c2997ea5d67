"""A changed threshold encodes what it changes: other tokens are taken over, and the run is that of a fresh build."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import sentencepiece

from command_line import corpus
from corpus import schema
from corpus.storage import ipc
from corpus.storage.digested_file import DigestedFile
from corpus.storage.run_directory import ItemRecord, RunDirectory, Stage
from corpus.text.edits import Edit
from pipelines.stages.earlier_tokens import older_stages
from pipelines.stages.kept_documents import DocumentStages, edits_digest, kept_documents
from pipelines.stages.tokenization import TokenizeSettings, documents_reused, tokenize_item
from test_build import digests, finished, inputs  # noqa: F401  # fixtures

CUT = [{"begin": 0, "end": 3, "replacement": ""}]
EDITS = pa.schema([schema.DECISIONS.field("cuts")]).field(0).type


def item(run: RunDirectory, of: str, kept: list[bool], cuts: dict[int, list[dict[str, object]]]) -> DocumentStages:
    """Work item 0: twelve documents in three batches, decided under the fingerprint `of`, in batches of other sizes."""
    stages = DocumentStages(run.stage("extract", "e"), run.stage("measure", "e"), run.stage("select", of))
    rows = range(len(kept))

    def table(columns: dict[str, list[object]], fields: pa.Schema) -> pa.Table:
        arrays = [
            pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(len(kept), field.type)
            for field in fields
        ]
        return pa.Table.from_arrays(arrays, schema=fields)

    ids = [(each // 5 << 32) + each for each in rows]
    documents = {
        "doc_id": ids,
        "key": [bytes([each]) * 16 for each in rows],
        "source": ["web"] * len(kept),
        "offset": list(rows),
        "text": [f"Text {each} with words enough. " * (1 + each % 4) + "é" for each in rows],
    }
    signals = pa.schema([schema.DOCUMENTS.field("doc_id"), pa.field("language", pa.string(), nullable=False)])
    decided = {
        "doc_id": ids,
        "kept": kept,
        "reason": [""] * len(kept),
        "cluster_size": [1] * len(kept),
        "tier": [0] * len(kept),
        "repeats": [1] * len(kept),
        "cuts": [cuts.get(each, []) for each in rows],
        "line_cuts": [[]] * len(kept),
        "replacements": [[]] * len(kept),
    }
    languages: dict[str, list[object]] = {"doc_id": ids, "language": ["en" if each % 3 else "de" for each in rows]}
    for url, columns, fields, size in (
        (stages.documents.output("documents", 0), documents, schema.DOCUMENTS, 5),
        (stages.signals.output("signals", 0), languages, signals, 5),
        (stages.decisions.output("decisions", 0), decided, schema.DECISIONS, 7),
    ):
        ipc.write_batches(url, fields, table(columns, fields).to_batches(max_chunksize=size))
    return stages


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DigestedFile:
    return trained(tmp_path_factory.mktemp("model"), 300)


def trained(folder: Path, vocabulary: int) -> DigestedFile:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([f"Text {each} with words enough." for each in range(50)]),
        model_prefix=str(folder / "of"),
        vocab_size=vocabulary,
        byte_fallback=True,
        minloglevel=2,
        hard_vocab_limit=False,
    )
    return DigestedFile.of(str(folder / "of.model"))


def tokenized(run: RunDirectory, of: str, settings: TokenizeSettings) -> tuple[ItemRecord, Stage]:
    stage = run.stage("tokenize", of)
    record = tokenize_item(stage, 0, settings)
    stage.finish(record)
    return record, stage


ALL = [True] * 12
FEWER = [each % 4 != 1 for each in range(12)]

CHANGES = {
    "the same again": (ALL, {0: CUT}, 12),
    "three dropped": (FEWER, {0: CUT}, 9),
    "no longer cut": (ALL, {}, 11),
    "cut in two": (ALL, {0: [CUT[0] | {"end": 1}, CUT[0] | {"begin": 1}]}, 11),
    "cut by another": (ALL, {0: CUT, 7: CUT}, 11),
    "nothing kept": ([False] * 12, {}, 0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_unchanged_documents_are_taken_over_and_the_bytes_are_those_without(
    tmp_path: Path, model: DigestedFile, change: str
) -> None:
    kept, cuts, same = CHANGES[change]
    run, fresh = RunDirectory(str(tmp_path / "run")), RunDirectory(str(tmp_path / "fresh"))
    tokenized(run, "old", TokenizeSettings(item(run, "a", ALL, {0: CUT}), model))
    stages = item(run, "b", kept, cuts)
    older = older_stages(run.stage("tokenize", "new"))
    assert [each.fingerprint for each in older] == ["old"]
    found, stage = tokenized(run, "new", TokenizeSettings(stages, model, older))
    assert documents_reused(stage) == same
    expected, _ = tokenized(fresh, "new", TokenizeSettings(item(fresh, "b", kept, cuts), model))
    assert found == expected
    assert files_of(tmp_path / "run", "tokens/new") == files_of(tmp_path / "fresh", "tokens/new")


def files_of(folder: Path, below: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / below).iterdir())}


def test_what_was_dropped_comes_back_from_an_older_run_still(tmp_path: Path, model: DigestedFile) -> None:
    """A document that was not kept has no tokens to take over: it is encoded, the others are not."""
    run = RunDirectory(str(tmp_path / "run"))
    tokenized(run, "old", TokenizeSettings(item(run, "a", FEWER, {}), model))
    _, stage = tokenized(
        run, "new", TokenizeSettings(item(run, "b", ALL, {}), model, older_stages(run.stage("tokenize", "new")))
    )
    assert documents_reused(stage) == 9


@pytest.mark.parametrize("what", ["damaged", "unfinished", "another model", "another extraction", "no file"])
def test_what_is_not_the_same_or_not_whole_is_not_taken_over(tmp_path: Path, model: DigestedFile, what: str) -> None:
    run, fresh = RunDirectory(str(tmp_path / "run")), RunDirectory(str(tmp_path / "fresh"))
    stages = item(run, "a", ALL, {})
    first = trained(tmp_path, 290) if what == "another model" else model
    other = DocumentStages(run.stage("extract", "f"), run.stage("measure", "f"), stages.decisions)
    if what == "another extraction":
        for kind in ("documents", "signals"):
            shutil.copytree(tmp_path / "run" / kind / "e", tmp_path / "run" / kind / "f")
    _, old = tokenized(run, "old", TokenizeSettings(other if what == "another extraction" else stages, first))
    file = Path(old.output("tokens", 0))
    if what == "damaged":
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif what == "unfinished":
        Path(old.file("00000.json")).unlink()
    elif what == "no file":
        file.unlink()
    found, stage = tokenized(run, "new", TokenizeSettings(item(run, "b", ALL, {}), model, (old,)))
    assert documents_reused(stage) == 0
    assert found == tokenized(fresh, "new", TokenizeSettings(item(fresh, "b", ALL, {}), model))[0]


def test_the_digest_of_edits_is_of_the_set() -> None:
    assert edits_digest([]) == edits_digest([Edit(4, 4, "")]) == 0
    assert edits_digest([Edit(0, 2), Edit(5, 9, "x")]) == edits_digest([Edit(5, 9, "x"), Edit(0, 2)])
    different = [[Edit(0, 2)], [Edit(0, 2, "x")], [Edit(0, 3)], [Edit(1, 2)], [Edit(0, 2), Edit(3, 4)]]
    assert len({edits_digest(each) for each in different}) == len(different)


def test_kept_documents_come_with_their_edits_however_the_files_are_divided(tmp_path: Path) -> None:
    run = RunDirectory(str(tmp_path))
    found = pa.concat_tables(kept_documents(item(run, "a", FEWER, {0: CUT}), 0))
    assert np.flatnonzero(FEWER).tolist() == [each.as_py() & 0xFF for each in found["doc_id"]]
    assert [each != 0 for each in found["edits"].to_pylist()] == [True] + [False] * 8


def test_a_build_with_another_threshold_reuses_tokens_and_is_a_fresh_build(
    finished: tuple[Path, Path],  # noqa: F811
    tmp_path: Path,
) -> None:
    recipe, trained_on = finished
    model = min((trained_on / "tokenizer").glob("*/tokenizer.model"))
    of = ["--workers", "1", "--set", f'tokenizer.model="{model}"']
    changed = [*of, "--set", 'source.0.profile="none"']
    run, fresh = tmp_path / "run", tmp_path / "fresh"
    corpus("build", recipe, "--run-dir", run, *of)
    before = kept_of(run)
    # Interrupted in between: what was tokenized first is found by the build that comes so far.
    corpus("build", recipe, "--run-dir", run, *changed, "--until", "select")
    done = corpus("build", recipe, "--run-dir", run, *changed)
    same = len(before & kept_of(run))
    assert before != kept_of(run)
    assert f"{same:,} documents had their tokens already" in done.stderr
    assert "had their tokens" not in corpus("build", recipe, "--run-dir", fresh, *changed).stderr
    assert digests(run) == digests(fresh)
    corpus("verify", run)
    assert json.loads(corpus("diff", run, fresh, "--json").stdout)["differs"] is False


def kept_of(run: Path) -> set[int]:
    tables = [pa.ipc.open_file(str(path)).read_all() for path in (run / "decisions").rglob("*.arrow")]
    decided = pa.concat_tables(tables)
    return set(decided.filter(decided["kept"])["doc_id"].to_pylist())
