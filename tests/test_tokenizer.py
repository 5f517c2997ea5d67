"""The tokenizer gives back every text, is the same when trained again, and its sample follows budget and weights alone."""

import functools
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import sentencepiece
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corpus.errors import InputError, RecipeError
from corpus.recipe import Tokenizer
from tokenizer_training.encode import Encoder, load_encoder
from tokenizer_training.sample import (
    HASHES,
    STRETCH_CHARACTERS,
    aims,
    drawn_text,
    sampling_thresholds,
    starved,
    stretches,
)
from tokenizer_training.train import MAX_SENTENCE_BYTES, train_model, training_sentences

SETTINGS = {
    "unigram": Tokenizer(vocab_size=900, model_type="unigram"),
    "bpe": Tokenizer(vocab_size=900, model_type="bpe"),
}


@functools.cache
def texts() -> list[str]:
    """Made of 400 words of letters and 300 characters of Chinese, which allow for some 900 pieces."""
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abcdefghijklmnop"), random.integers(2, 9))) for _ in range(400)]
    words += [chr(0x4E00 + character) for character in random.choice(3000, 300, replace=False)]
    return [
        "\n".join(" ".join(random.choice(words, 12)) + "." for _ in range(4)) + f"\n\tindented {number}  twice"
        for number in range(250)
    ]


@functools.cache
def model(kind: str) -> bytes:
    return train_model(texts(), SETTINGS[kind])


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    file = tmp_path_factory.mktemp("model") / f"{request.param}.model"
    file.write_bytes(model(request.param))
    return load_encoder(str(file))


# Encoding

#: SentencePiece writes the space as U+2581 and ends a string at NUL; `clean` removes NUL, and U+2581 comes back as a space.
any_text = st.text(st.characters(codec="utf-8", exclude_characters="\0▁"), max_size=200)


@settings(deadline=None, max_examples=300)
@given(text=any_text)
@example(text=" ")
@example(text="  two  spaces  ")
@example(text="\n\n\nlines\r\n\r\nmore\n")
@example(text="\ttab\t\ttabs\t")
@example(text="👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 \u200b\u200d\ufeff")
@example(text="中文，没有空格。日本語も　全角空白")
@example(text="\u2028\u2029\x85\x0b\x0c\x1c\u3000\xa0")
@example(text="<s></s><unk><0x41>\u0001")
@example(text="ﬁ Å ①  ½ ｆｕｌｌ")
def test_decoding_gives_back_the_text(encoder: Encoder, text: str) -> None:
    tokens, offsets = encoder.encode([text])
    assert encoder.decode(tokens.tolist()) == text
    assert offsets.tolist() == [0, len(tokens)]


@settings(deadline=None)
@given(batch=st.lists(any_text, max_size=8))
def test_documents_are_joined_with_their_end(encoder: Encoder, batch: list[str]) -> None:
    """Offsets cut the stream; each piece ends with the end id, which stands nowhere else; a batch is no context."""
    tokens, offsets = encoder.encode(batch)
    assert len(offsets) == len(batch) + 1
    assert tokens.dtype == np.uint16
    assert (tokens < encoder.vocabulary_size).all()
    for text, begin, end in zip(batch, offsets[:-1], offsets[1:], strict=True):
        assert tokens[end - 1] == encoder.end_of_document
        assert encoder.end_of_document not in tokens[begin : end - 1]
        assert encoder.decode(tokens[begin:end].tolist()) == text
        assert tokens[begin:end].tolist() == encoder.encode([text])[0].tolist()


@settings(deadline=None)
@given(text=any_text)
def test_ids_are_those_of_sentencepiece(encoder: Encoder, text: str) -> None:
    tokens, _ = encoder.encode([text])
    assert tokens[:-1].tolist() == encoder.processor.encode_as_ids(text)


def test_nothing_is_unknown(encoder: Encoder) -> None:
    tokens, _ = encoder.encode(["𒀀 ꙮ ᚠ \U0010ffff", "plain"])
    assert encoder.processor.unk_id() not in tokens
    assert encoder.piece(encoder.end_of_document) == "</s>"


def test_a_newline_is_one_token_of_its_own(encoder: Encoder) -> None:
    (newline,) = encoder.encode(["\n"])[0][:-1].tolist()
    assert encoder.encode(["a\n\nb"])[0].tolist().count(newline) == 2


# Model files


@pytest.mark.parametrize("data", [b"", b"no model", b"\0" * 99, bytes(range(256)) * 9])
def test_a_file_that_is_no_model(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "bad.model"
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"bad\.model") as caught:
        load_encoder(str(file))
    assert "\n" not in str(caught.value)


def test_a_cut_model(tmp_path: Path) -> None:
    file = tmp_path / "cut.model"
    file.write_bytes(model("bpe")[:-100])
    with pytest.raises(InputError, match=r"cut\.model"):
        load_encoder(str(file))


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.model"):
        load_encoder(str(tmp_path / "none.model"))
    with pytest.raises(InputError):
        load_encoder(str(tmp_path))


def test_a_model_without_an_end_cannot_close_documents(tmp_path: Path) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts()[:50]),
        model_prefix=str(tmp_path / "endless"),
        vocab_size=600,
        eos_id=-1,
        minloglevel=2,
        hard_vocab_limit=False,
    )
    with pytest.raises(InputError, match="end-of-sentence"):
        load_encoder(str(tmp_path / "endless.model"))


# Training


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_training_again_gives_the_same_bytes(kind: str) -> None:
    assert train_model(texts(), SETTINGS[kind]) == model(kind)
    assert sentencepiece.SentencePieceProcessor(model_proto=model(kind)).vocab_size() == 900


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_more_pieces_than_the_text_has_is_the_recipe_s_error(kind: str) -> None:
    with pytest.raises(RecipeError, match=r"tokenizer\.vocab_size = 20000") as caught:
        train_model(texts()[:5], Tokenizer(vocab_size=20_000, model_type=SETTINGS[kind].model_type))
    assert "\n" not in str(caught.value)


@functools.cache
def chinese() -> list[str]:
    """Some 3,000 different characters, of which 2,000 are rare."""
    random = np.random.default_rng(3)
    return ["".join(chr(0x4E00 + each % 3500) for each in random.zipf(1.4, 120)) for _ in range(2000)]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("size", [300, 1500])
def test_fewer_pieces_than_the_text_has_characters_names_the_least_that_works(
    kind: Literal["unigram", "bpe"], size: int
) -> None:
    with pytest.raises(RecipeError) as caught:
        train_model(chinese(), Tokenizer(vocab_size=size, model_type=kind))
    said = str(caught.value)
    assert f"tokenizer.vocab_size = {size}: too small" in said
    assert "larger sample" not in said
    assert "\n" not in said
    least = int(said.rpartition("vocab_size = ")[2].split()[0])
    model = train_model(chinese(), Tokenizer(vocab_size=least, model_type=kind))
    assert sentencepiece.SentencePieceProcessor(model_proto=model).vocab_size() == least
    with pytest.raises(RecipeError, match="too small"):
        train_model(chinese(), Tokenizer(vocab_size=least - 1, model_type=kind))


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_more_pieces_than_the_text_allows_names_the_most_that_works(kind: Literal["unigram", "bpe"]) -> None:
    with pytest.raises(RecipeError, match=r"tokenizer\.vocab_size = 20000: too large") as caught:
        train_model(texts()[:5], Tokenizer(vocab_size=20_000, model_type=kind))
    most = int(str(caught.value).rpartition("vocab_size = ")[2].split()[0])
    model = train_model(texts()[:5], Tokenizer(vocab_size=most, model_type=kind))
    assert sentencepiece.SentencePieceProcessor(model_proto=model).vocab_size() == most


def test_a_text_that_allows_no_size_of_a_recipe_s_wants_a_larger_sample() -> None:
    with pytest.raises(RecipeError, match="too large") as caught:
        train_model(["a"], Tokenizer(vocab_size=300, model_type="bpe"))
    assert "or less" not in str(caught.value)
    assert "larger sample" in str(caught.value)


@pytest.mark.parametrize("nothing", [[], [""], ["\n \n"]])
def test_no_text_at_all_is_the_recipe_s_error(nothing: list[str]) -> None:
    with pytest.raises(RecipeError, match="no text to train on") as caught:
        train_model(nothing, SETTINGS["bpe"])
    assert "\n" not in str(caught.value)


@given(documents=st.lists(st.text(st.sampled_from("ab 文\n"), max_size=30), max_size=5), repeat=st.integers(1, 900))
def test_training_sentences_lose_no_text(documents: list[str], repeat: int) -> None:
    """SentencePiece drops longer ones silently; only lines of nothing but white space are left out."""
    longer = [document * repeat for document in documents]
    sentences = list(training_sentences(longer))
    assert all(len(sentence.encode()) <= MAX_SENTENCE_BYTES for sentence in sentences)
    assert all("\n" not in sentence and sentence.strip() for sentence in sentences)
    assert "".join(sentences).replace(" ", "") == "".join(longer).replace("\n", "").replace(" ", "")


# The sample

sizes = st.dictionaries(st.sampled_from(["zh", "en", "ja", "ru", "und"]), st.integers(0, 1 << 50), max_size=5)
weightings = st.dictionaries(st.sampled_from(["zh", "en", "ja", "*"]), st.floats(0.001, 1000), max_size=4)


@given(sizes=sizes, weights=weightings, budget=st.integers(1, 1 << 45), more=st.integers(0, 1 << 45))
def test_a_larger_budget_s_sample_contains_a_smaller_one_s(
    sizes: dict[str, int], weights: dict[str, float], budget: int, more: int
) -> None:
    small = sampling_thresholds(sizes, budget_bytes=budget, weights=weights)
    large = sampling_thresholds(sizes, budget_bytes=budget + more, weights=weights)
    assert small.keys() == large.keys() == {language for language, size in sizes.items() if size}
    assert all(0 <= small[language] <= large[language] <= HASHES for language in small)


@given(sizes=sizes, weights=weightings, budget=st.integers(1, 1 << 45))
def test_the_expected_sample_keeps_to_budget_and_weights(
    sizes: dict[str, int], weights: dict[str, float], budget: int
) -> None:
    thresholds = sampling_thresholds(sizes, budget_bytes=budget, weights=weights)
    expected = {language: sizes[language] * share / HASHES for language, share in thresholds.items()}
    assert sum(expected.values()) <= budget * 1.000001
    wanted = {
        language: weights.get(language, weights.get("*", 0.0)) if weights else sizes[language] for language in expected
    }
    total = sum(wanted.values())
    for language, drawn in expected.items():
        share = budget * wanted[language] / total if total else 0
        assert drawn == pytest.approx(min(sizes[language], share), rel=1e-6, abs=1e-3)


@given(sizes=sizes, weights=weightings)
def test_thresholds_do_not_depend_on_order(sizes: dict[str, int], weights: dict[str, float]) -> None:
    turned = dict(reversed(sizes.items())), dict(reversed(weights.items()))
    assert sampling_thresholds(turned[0], budget_bytes=999, weights=turned[1]) == sampling_thresholds(
        sizes, budget_bytes=999, weights=weights
    )


def test_the_share_that_is_drawn_is_the_threshold_s() -> None:
    keys = [number.to_bytes(16, "little") for number in range(20_000)]
    drawn = [key for key in keys if drawn_text(key, "a", seed=3, threshold=HASHES // 4)]
    assert 0.24 < len(drawn) / len(keys) < 0.26
    assert not any(drawn_text(key, "a", seed=3, threshold=0) for key in keys[:100])
    assert all(drawn_text(key, "a", seed=3, threshold=HASHES) for key in keys[:100])
    assert [key for key in keys if drawn_text(key, "a", seed=4, threshold=HASHES // 4)] != drawn


@given(st.lists(st.text(alphabet="ab \n文", max_size=30), max_size=8), st.integers(1, 900))
def test_stretches_are_the_text_and_no_longer_than_stated(pieces: list[str], times: int) -> None:
    text = "".join(piece * times for piece in pieces)
    parts = list(stretches(text))
    assert "".join(parts) == text
    assert all(0 < len(part) <= STRETCH_CHARACTERS for part in parts)
    assert drawn_text(b"k", text, seed=1, threshold=HASHES) == text


@given(st.integers(0, 40_000), st.integers(0, HASHES), st.integers(0, HASHES))
def test_a_larger_share_of_a_document_holds_a_smaller_one(size: int, one: int, other: int) -> None:
    text = " ".join(map(str, range(size)))
    small, large = (drawn_text(b"k", text, seed=1, threshold=threshold).split() for threshold in sorted((one, other)))
    assert set(small) <= set(large) <= set(text.split())


@pytest.mark.parametrize("documents", [1, 3, 10, 3_000])
def test_a_language_in_few_documents_gets_its_share(documents: int) -> None:
    """Once it got nothing, or all, by the luck of three draws."""
    texts = {language: sign * 2_000_000 for language, sign in (("zh", "\u6587"), ("en", "word "))}
    sizes = {language: len(text.encode()) for language, text in texts.items()}
    budget, weights = 2_000_000, {"zh": 0.5, "en": 0.5}
    thresholds = sampling_thresholds(sizes, budget_bytes=budget, weights=weights)
    drawn = dict.fromkeys(texts, 0)
    for language, text in texts.items():
        length = -(-len(text) // documents)
        for number in range(documents):
            part = text[number * length : (number + 1) * length]
            found = drawn_text(number.to_bytes(16, "big"), part, seed=5, threshold=thresholds[language])
            drawn[language] += len(found.encode())
    assert all(0.8e6 < size < 1.2e6 for size in drawn.values())
    aimed = aims(sizes, budget_bytes=budget, weights=weights)
    assert aimed == {"zh": 1_000_000, "en": 1_000_000}
    assert starved(aimed, drawn) == []
    assert starved(aimed, {"en": 499_999}) == ["en", "zh"]
