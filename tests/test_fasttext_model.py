"""Our reading of fastText models against fastText: labels and probabilities of the shipped model, and of models made here."""

import gzip
import itertools
import json
import shutil
import struct
from pathlib import Path

import fasttext
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mutants
from corpus.errors import InputError
from filters.language.fasttext_model import FastTextModel, load_model, read_model
from filters.language.identification import LanguageModel, default_model_path

LID = Path(__file__).resolve().parents[2] / "shared" / "data" / "lid" / "lid.jsonl.gz"
CLOSE = 2e-6

WORDS = [
    "the",
    "committee",
    "met",
    "le",
    "comité",
    "委员会",
    "комитет",
    "__label__x",
    "</s>",
    "<a>",
    "",
    "12",
    "é" * 30,
]
LINES = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))


def compare(lines: list[str], ours: FastTextModel, theirs: fasttext.FastText, k: int) -> None:
    """Every label and probability; labels that are as likely as each other may change places."""
    lines = [line.replace("\n", " ").encode("utf-8", "replace").decode() for line in lines]
    numbers, probabilities = ours.predict(lines, k=k)
    for line, mine, shares in zip(lines, numbers.tolist(), probabilities.tolist(), strict=True):
        labels, expected = theirs.predict(line, k=k)
        found = [ours.labels[number] for number in mine if number >= 0]
        if found != list(labels):
            shares_of = dict(zip(found, shares, strict=False))
            for label, share in zip(labels, expected.tolist(), strict=True):
                # What is missing, or stands elsewhere, is no likelier than another, up to the floats' last digits.
                assert shares_of.get(label, shares[len(found) - 1]) == pytest.approx(share, abs=1e-5), line
        assert np.abs(np.array(shares[: len(expected)]) - expected).max(initial=0) < 1e-5, line
        if expected.size and expected[0] > 0.01:
            assert abs(shares[0] - expected[0]) < CLOSE, line


@pytest.fixture(scope="module")
def shipped() -> tuple[FastTextModel, fasttext.FastText]:
    ours = read_model(default_model_path())
    assert ours is not None
    return ours, fasttext.load_model(str(default_model_path()))


@settings(deadline=None, max_examples=300)
@given(st.lists(LINES, max_size=4), st.integers(1, 5))
def test_the_shipped_model_on_any_text(
    shipped: tuple[FastTextModel, fasttext.FastText], lines: list[str], k: int
) -> None:
    compare(lines, *shipped, k)


def test_the_shipped_model_on_real_sentences_to_a_thousandth(shipped: tuple[FastTextModel, fasttext.FastText]) -> None:
    if not LID.exists():
        pytest.skip(f"{LID} is not there: a data set that is no part of the repository")
    with gzip.open(LID, "rt", encoding="utf-8") as file:
        lines = [json.loads(line)["text"].replace("\n", " ") for line in file][::17]
    ours, theirs = shipped
    numbers, probabilities = ours.predict(lines, k=1)
    labels, expected = theirs.predict(lines, k=1)
    assert [ours.labels[number] for number in numbers[:, 0]] == [label for (label,) in labels]
    rounded = np.round(probabilities[:, 0].astype(float), 3) == np.round(np.array(expected).astype(float)[:, 0], 3)
    assert rounded.mean() > 0.9999


@pytest.fixture(scope="module")
def lines_of_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "train.txt"
    texts = {"en": "the committee met on tuesday", "fr": "le comité s'est réuni mardi", "zh": "委员会 星期二 开会"}
    rows = [
        f"__label__{label} {' '.join(text.split()[at:] + text.split()[:at])}"
        for label, text in texts.items()
        for at in range(4)
    ]
    path.write_text("\n".join(rows * 5), encoding="utf-8")
    return path


KINDS = {
    "words alone": {"loss": "softmax"},
    "softmax": {"loss": "softmax", "minn": 3, "maxn": 5},
    "tree": {"loss": "hs", "minn": 2, "maxn": 4},
    "runs of words": {"loss": "softmax", "wordNgrams": 3},
    "both": {"loss": "hs", "wordNgrams": 2, "minn": 1, "maxn": 3},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quantize", [False, True])
def test_models_made_here(lines_of_labels: Path, tmp_path: Path, kind: str, quantize: bool) -> None:
    model = fasttext.train_supervised(
        str(lines_of_labels), dim=10, epoch=20, lr=0.5, bucket=500, minCount=1, thread=1, verbose=0, **KINDS[kind]
    )
    if quantize and kind == "words alone":
        pytest.skip("fastText quantizes no model of so few rows")
    if quantize:
        model.quantize(str(lines_of_labels), qnorm=True, retrain=False, cutoff=0)
    path = tmp_path / "model.bin"
    model.save_model(str(path))
    ours = read_model(path)
    assert ours is not None
    compare(
        ["the committee", "le mardi 委员会", "", "unknown words here", "__label__en the", "a </s> b"], ours, model, 3
    )


def test_what_is_left_to_fasttext_is_still_answered(lines_of_labels: Path, tmp_path: Path) -> None:
    model = fasttext.train_supervised(
        str(lines_of_labels), dim=10, epoch=20, loss="ova", thread=1, verbose=0, minCount=1
    )
    model.save_model(str(tmp_path / "ova.bin"))
    assert read_model(tmp_path / "ova.bin") is None
    (answer,) = LanguageModel(tmp_path / "ova.bin").identify(["the committee met on tuesday"])
    assert answer.language == "en"


def test_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.bin"
    path.write_bytes(bytes(200))
    with pytest.raises(ValueError, match="magic number"):
        read_model(path)
    shutil.copyfile(default_model_path(), path)
    data = bytearray(path.read_bytes())
    data[36:40] = struct.pack("<i", 2)  # word vectors
    path.write_bytes(data)
    with pytest.raises(ValueError, match="word vectors"):
        read_model(path)


def small(lines_of_labels: Path, path: Path, *, quantize: bool = False, **settings: object) -> bytes:
    model = fasttext.train_supervised(
        str(lines_of_labels),
        dim=2,
        epoch=5,
        lr=0.5,
        bucket=300 if quantize else 9,
        minCount=1,
        thread=1,
        verbose=0,
        **settings,
    )
    if quantize:
        model.quantize(str(lines_of_labels), qnorm=True, retrain=False, cutoff=260)
    model.save_model(str(path))
    return path.read_bytes()


KINDS_OF_FILES = {
    "plain": {"loss": "softmax", "minn": 2, "maxn": 3, "wordNgrams": 2},
    "tree": {"loss": "hs", "minn": 2, "maxn": 3},
    "quantized": {"loss": "hs", "minn": 1, "maxn": 3, "quantize": True},
    "left to fastText": {"loss": "ova", "minn": 2, "maxn": 3},
}


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
def test_a_changed_model_is_a_model_or_refused_in_a_line(lines_of_labels: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.bin"
    data = small(lines_of_labels, path, **KINDS_OF_FILES[kind])
    load_model(path).predict(["the committee"], k=2)  # compiles the kernels, before the children

    def read(changed: bytes) -> None:
        path.write_bytes(changed)
        try:
            model = load_model(path)
        except InputError as error:
            if "\n" in str(error):
                raise
            return
        numbers, probabilities = model.predict(["the committee met", "le 委员会 x", ""], k=3)
        assert (numbers < len(model.labels)).all()
        assert np.isfinite(probabilities).all()

    # What numbers stand at its beginning decides; of the matrices every so many is enough.
    head = itertools.chain(mutants.flips(data[:400]), mutants.fields(data[:400]))
    every = itertools.chain(mutants.flips(data, (0xFF,)), mutants.fields(data), mutants.cuts(data))
    mutants.survive(read, (changed + data[400:] for changed in head))
    mutants.survive(read, itertools.islice(every, 0, None, 23))


def entry(name: bytes, kind: int) -> bytes:
    return name + b"\0" + struct.pack("<qb", 1, kind)


def model_of(words: list[bytes], *, dimensions: int = 1, rows: int | None = None) -> bytes:
    """A plain model of words and one label, whose rows are zeros."""
    settings = struct.pack("<ii12i", 793712314, 12, dimensions, 5, 5, 1, 5, 1, 3, 3, 0, 0, 0, 100) + bytes(8)
    counts = struct.pack("<3i2q", len(words) + 1, len(words), 1, len(words), -1)
    rows = len(words) if rows is None else rows
    matrix = b"\0" + struct.pack("<2q", rows, dimensions) + bytes(4 * rows * dimensions)
    output = b"\0" + struct.pack("<2q", 1, dimensions) + bytes(4 * dimensions)
    entries = b"".join(entry(word, 0) for word in words) + entry(b"__label__x", 1)
    return settings + counts + entries + matrix + output


def fnv(words: np.ndarray) -> np.ndarray:
    """(words,) hashes of words (words, bytes) of ASCII, as fastText computes them."""
    values = np.full(len(words), 2166136261, np.uint32)
    for column in words.T:
        values = (values ^ column) * np.uint32(16777619)
    return values


def test_a_dictionary_that_collides_or_repeats_is_refused_and_a_large_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    words = [f"word{number}".encode() for number in range(200_000)]
    path.write_bytes(model_of(words))
    assert isinstance(load_model(path), FastTextModel)
    path.write_bytes(model_of([b"the", b"the"]))
    with pytest.raises(InputError, match="stands twice"):
        load_model(path)
    # Of 1,200 words whose hashes end in the same 12 bits each is looked for behind all before it.
    every = np.frombuffer(b"".join(b"%07d" % number for number in range(5_500_000)), np.uint8).reshape(-1, 7)
    alike = every[fnv(every) & 0xFFF == 5][:1200]
    assert len(alike) == 1200
    path.write_bytes(model_of([word.tobytes() for word in alike]))
    with pytest.raises(InputError, match="fall on the same places"):
        load_model(path)


def test_a_model_that_has_fewer_rows_than_words_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(model_of([b"a", b"b", b"c"], rows=2))
    with pytest.raises(InputError, match=r"2 rows where 3 are due.*download it again"):
        load_model(path)
