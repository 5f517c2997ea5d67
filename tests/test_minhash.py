"""`filters.copies.minhash`: bit-identical to datasketch, shingles as defined, bands and similarity at their edges."""

import gzip
import hashlib
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.unicode import code_points as u
from corpus.unicode.segmentation import UInt32s
from filters.copies import minhash

DATA = Path(__file__).parents[2] / "shared" / "data"
REAL_TEXT = DATA / "text" / "open-00.jsonl.gz"
PAIRS, PAIRED_TEXT = DATA / "dedup" / "pairs.tsv.gz", DATA / "dedup" / "docs.jsonl.gz"
ABSENT = "needs shared/data, which is not part of the repository"

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    st.lists(
        st.sampled_from(["one ", "Two ", "the ", "中", "文", "ก็", "한국 ", "snake_case ", ", ", "\n", "é", "\u00ad"])
    ).map("".join),
)


def datasketch_signature(hashes: UInt32s, permutations: int) -> UInt32s:
    sketch = MinHash(num_perm=permutations, seed=1, scheme="affine32", hashfunc=lambda value: value)
    sketch.update_batch(hashes.tolist())
    return sketch.hashvalues


def tokens(text: str) -> list[str]:
    """The definition in the module's docstring, as a regular expression over class letters."""
    classes = u.load().classes
    kept = [c for c in text if not classes[ord(c)] & u.FORMAT]

    def role(character: str) -> str:
        flag = int(classes[ord(character)])
        if flag & (u.CJK | u.NO_SPACE):
            return "1"
        if flag & u.MARK:
            return "m"
        return "w" if flag & (u.LETTER | u.NUMBER | u.CONNECTOR) else " "

    lower = [chr(u.load().lower[ord(c)]) for c in kept]
    found: list[str] = []
    for match in re.finditer(r"1m*|[wm]+", "".join(map(role, kept))):
        token = lower[match.start() : match.end()]
        found.extend(token if match.group().startswith("1") else ["".join(token)])
    return found


def shingle_set(text: str, shingle: int) -> set[tuple[str, ...]]:
    words = tokens(text)
    width = min(shingle, len(words))
    return {tuple(words[i : i + width]) for i in range(len(words) - width + 1)} if words else set()


@pytest.mark.parametrize("permutations", [1, 7, 112, 128])
def test_permutations_are_datasketchs(permutations: int) -> None:
    expected = MinHash(num_perm=permutations, seed=1, scheme="affine32").permutations
    np.testing.assert_array_equal(np.array(minhash.permutation_parameters(permutations)), expected)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=50), st.sampled_from([1, 8, 112]))
def test_signature_of_any_hashes_is_datasketchs(hashes: list[int], permutations: int) -> None:
    values = np.array(hashes, dtype=np.uint32)
    signature = minhash.sign_hashes(values, permutations=permutations)
    np.testing.assert_array_equal(signature, datasketch_signature(values, permutations))


@settings(max_examples=200, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=6), st.integers(1, 6))
def test_signatures_of_made_texts_are_datasketchs(texts: list[str], shingle: int) -> None:
    signature, shingles = minhash.signatures(pa.array(texts, pa.string()), permutations=16, shingle=shingle)
    for row, text in enumerate(texts):
        hashes = minhash.shingle_hashes(text, shingle)
        assert shingles[row] == len(hashes)
        np.testing.assert_array_equal(signature[row], datasketch_signature(hashes, 16))


@pytest.mark.skipif(not REAL_TEXT.exists(), reason=ABSENT)
def test_signatures_of_real_texts_are_datasketchs() -> None:
    with gzip.open(REAL_TEXT, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for number, line in enumerate(lines) if number % 9 == 0]
    assert len(rows) >= 1000
    assert len({row["lang"] for row in rows}) >= 8
    signature, _ = minhash.signatures(pa.array([row["text"] for row in rows]))
    for row, found in zip(rows, signature, strict=True):
        np.testing.assert_array_equal(found, datasketch_signature(minhash.shingle_hashes(row["text"]), 112))


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(1, 6))
def test_shingles_are_runs_of_tokens(text: str, shingle: int) -> None:
    words = tokens(text)
    hashes = minhash.shingle_hashes(text, shingle).tolist()
    assert len(hashes) == (0 if not words else max(len(words) - shingle, 0) + 1)
    assert len(set(hashes)) == len(shingle_set(text, shingle))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The CAFÉ, the café!", ["the", "café", "the", "café"]),
        ("snake_case 3.14", ["snake_case", "3", "14"]),
        ("中文 abc한국", ["中", "文", "abc", "한", "국"]),
        ("नमस्ते", ["नमस्ते"]),
        ("co\u00adop \ufeffx", ["coop", "x"]),
        ("… !!", []),
    ],
)
def test_tokens_by_example(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected
    same = minhash.shingle_hashes(" ".join(expected), 1)
    np.testing.assert_array_equal(minhash.shingle_hashes(text, 1), same)


@pytest.mark.skipif(not PAIRS.exists(), reason=ABSENT)
def test_shingles_agree_with_exactly_known_jaccards() -> None:
    with gzip.open(PAIRED_TEXT, "rt", encoding="utf-8") as lines:
        texts = {row["id"]: row["text"] for row in map(json.loads, lines)}
    with gzip.open(PAIRS, "rt", encoding="utf-8") as lines:
        pairs = [line.split("\t") for number, line in enumerate(lines) if number % 4 == 1]
    different, errors, estimates = [], [], []
    for first, second, exact, _ in pairs:
        hashes = [minhash.shingle_hashes(texts[name]) for name in (first, second)]
        sets = [set(h.tolist()) for h in hashes]
        jaccard = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
        different.append(abs(jaccard - float(exact)) > 1e-3)
        errors.append(abs(jaccard - float(exact)))
        estimates.append(minhash.similarity(*map(minhash.sign_hashes, hashes)) - jaccard)
    # Those who made the pairs cut words at combining marks; we do not, which shows in Indic scripts only.
    assert np.mean(different) < 0.1
    assert np.mean(errors) < 0.002
    assert abs(np.mean(estimates)) < 0.005
    assert np.std(estimates) < 0.05  # 1 / (2 sqrt(112)) at most


def test_texts_without_tokens_are_never_candidates() -> None:
    signature, shingles = minhash.signatures(pa.array(["", "…!", "a", ""]))
    assert shingles.tolist() == [0, 0, 1, 0]
    assert (signature[[0, 1, 3]] == minhash.EMPTY_ENTRY).all()
    bands = minhash.bands(signature, bands=14, rows=8)
    assert (bands[[0, 1, 3]] == minhash.EMPTY_BAND).all()
    assert (bands[2] != minhash.EMPTY_BAND).all()
    assert minhash.similarity(signature[0], signature[1]) == 0.0
    assert minhash.similarity(signature[2], signature[2]) == 1.0


def test_bands_are_of_their_rows_and_number() -> None:
    signature = np.arange(24, dtype=np.uint32).reshape(2, 12)
    signature[1, :4] = signature[0, :4]
    bands = minhash.bands(signature, bands=3, rows=4)
    assert bands.shape == (2, 3)
    assert bands.dtype == np.uint64
    assert bands[0, 0] == bands[1, 0]
    assert (bands[0, 1:] != bands[1, 1:]).all()
    alike = minhash.bands(np.full((1, 12), 7, np.uint32), bands=3, rows=4)
    assert len(set(alike[0].tolist())) == 3  # the same rows in another band are another bucket
    np.testing.assert_array_equal(minhash.bands(signature, bands=2, rows=4), bands[:, :2])
    swapped = signature[:, [1, 0, *range(2, 12)]]
    assert minhash.bands(swapped, bands=3, rows=4)[0, 0] != bands[0, 0]


def test_similarity_broadcasts() -> None:
    signature = np.array([[1, 2, 3, 4], [1, 2, 0, 0], [9, 9, 9, 9]], dtype=np.uint32)
    similarity = minhash.similarity(signature[:, None, :], signature[None, :, :])
    assert similarity.tolist() == [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]


def test_slices_types_and_neighbours_do_not_matter() -> None:
    texts = ["one two three four five six", "", "中文字符测试文本", "a b"]
    whole, counts = minhash.signatures(pa.array(texts))
    for array, (begin, end) in itertools.product(
        (pa.array(texts), pa.array(texts, pa.large_string())), ((1, 4), (2, 3), (0, 0))
    ):
        part, part_counts = minhash.signatures(array.slice(begin, end - begin))
        np.testing.assert_array_equal(part, whole[begin:end])
        np.testing.assert_array_equal(part_counts, counts[begin:end])


def test_values_are_those_of_this_version() -> None:
    """Fails when a value changes: then raise `minhash.VERSION`, or signatures of two runs would be compared in vain."""
    signature, _ = minhash.signatures(
        pa.array(["The cat sat on the Mat, e\u0301 snake_case", "我们的年。ไทย한국"]), permutations=8
    )
    bands = minhash.bands(signature, bands=2, rows=4)
    digest = hashlib.sha256(signature.tobytes() + bands.tobytes()).hexdigest()[:16]
    assert (minhash.VERSION, digest) == (1, "ed9e79f708fa3388")


def test_wrong_arguments_are_named() -> None:
    texts = pa.array(["a"])
    with pytest.raises(ValueError, match="permutations must be at least 1"):
        minhash.signatures(texts, permutations=0)
    with pytest.raises(ValueError, match="shingle must be at least 1"):
        minhash.shingle_hashes("a", 0)
    with pytest.raises(TypeError, match="string"):
        minhash.signatures(pa.array([b"a"]))
    with pytest.raises(ValueError, match="bands \\* rows"):
        minhash.bands(np.zeros((1, 8), np.uint32), bands=3, rows=3)
    with pytest.raises(ValueError, match="entries"):
        minhash.similarity(np.zeros(8, np.uint32), np.zeros(9, np.uint32))
