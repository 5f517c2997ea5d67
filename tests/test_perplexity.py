"""`filters.scorers.perplexity` against a plain reading of the same model, and its texts: forms, stretches, what is hostile."""

import base64
import importlib.metadata
import math
import re
import unicodedata
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ngram_model import ArpaModel, write_arpa

from corpus.errors import InputError
from corpus.text.ccnet_form import ccnet_form
from filters.scorers import perplexity
from filters.scorers.perplexity import Perplexity, check_files, lines_of, stretches_of, token_lines, try_model
from filters.scorers.score_counts import GREATEST_STEP, rounded_up
from packages import needs_kenlm

DOCS = Path(__file__).resolve().parents[1] / "docs"
CHINESE = "困惑度越低，文本越像模型见过的文本。\n模型由维基百科训练而成，句子按字切分。\n"

#: 24 lines of ARPA by hand, and what KenLM's build_binary made of them (`trie`), compressed.
TINY = """\\data\\
ngram 1=6
ngram 2=4
ngram 3=2

\\1-grams:
-1.5	<unk>
-99	<s>	-0.3
-0.9	</s>
-0.7	a	-0.4
-0.8	b	-0.2
-1.1	c	-0.1

\\2-grams:
-0.3	<s> a	-0.2
-0.4	a b	-0.15
-0.5	b c
-0.6	b </s>

\\3-grams:
-0.1	<s> a b
-0.2	a b c

\\end\\
"""
TINY_BINARY = zlib.decompress(
    base64.b85decode(
        "c-qU&O)OBz$yLZGDJihh*U!#KO-##7%}LQq&d=3P&QD2INXswEO)OC;OD!tS%+FIW<zhg9274f}pAks>2Lg}?BUFYNOdhajf{KAK8&r-3N"
        ";4su#0sSg>J;}{wv{pnW@lf%BreX*mGk{$ZSjNbtq+=ZN%U6SFxS$WRQsp<6+-8M{UC=R_{R>-nmKbHjAv|Yy#MT(GjM)dS{hhA%$;Y?^nm2"
        "|GQs&iK)%mDW(HKi!hjuIJaguYsj>0TAfQ3=K)wRdBR@cfF9O;$KP{~-AEuH6#>h%b`?PfC%$@AW=Gc_xW!o{>6x%T*GT7(?sbq#E1_0L9TF"
        "3"
    )
)
#: Behind this many bytes the binary has its words once more, as text, of which KenLM reads the first alone.
TINY_TABLES = TINY_BINARY.rindex(b"<unk>\0") + len("<unk>\0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """model.arpa of this repository's own pages, pieces.model of the same, pieces.arpa of its pieces."""
    folder = tmp_path_factory.mktemp("perplexity")
    texts = [path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))[:8]] + [CHINESE]
    lines = [line for text in texts for line in token_lines(text, None, "plain")]
    write_arpa(folder / "model.arpa", [line.decode().split(" ") for line in lines])
    (folder / "lines.txt").write_text("\n".join(line for text in texts for line in lines_of(text, "ccnet-lines")))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "lines.txt"), model_prefix=str(folder / "pieces"), vocab_size=1500, num_threads=1,
        minloglevel=2, hard_vocab_limit=False, user_defined_symbols=["<s>", "</s>"], bos_id=-1, eos_id=-1,
    )  # fmt: skip
    pieces = [line for text in texts for line in token_lines(text, folder / "pieces.model", "ccnet-lines")]
    write_arpa(folder / "pieces.arpa", [line.decode().split(" ") for line in pieces], order=4)
    return folder


def same(found: float, expected: float) -> bool:
    return math.isclose(found, expected, rel_tol=1e-4)


def plain_tokens(line: str) -> list[str]:
    """Words, marks, and single han characters: what units are, for the characters of these tests."""
    return re.findall(r"[一-鿿]|[A-Za-z0-9_]+|[^\sA-Za-z0-9_一-鿿]", line)


def own_form(text: str) -> str:
    """CCNet's form, step by step."""
    marks = dict(
        zip("，。、„”“«»」「《》´∶：？！（）；–．～’━〈〉【】％►", ',.,"""""""""\'::?!();-.~\'-<>[]%-', strict=True)
    )
    marks |= {"—": " - ", "…": "...", "．": ". "}
    text = unicodedata.normalize("NFD", text.strip().lower())
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    text = "".join(marks.get(c, c) for c in re.sub(r"\d", "0", text))
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "", text)


# ------------------------------------------------------------------------------------------------ the text


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("  Éa Ǆ 12٣４ ", "ea ǆ 0000"),
        ("Über\tuns\nHeute", "uberunsheute"),
        ("“Ja”—nein…", '"ja" - nein...'),
        ("中文，全角：１％！", "中文,全角:0%!"),
        ("한국", unicodedata.normalize("NFD", "한국")),
        ("\0\x85", ""),
    ],
)
def test_ccnets_form(text: str, form: str) -> None:
    assert ccnet_form(text) == form


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_ccnets_form_is_its_steps(text: str) -> None:
    assert ccnet_form(text) == own_form(text)


def test_lines_are_those_of_the_form() -> None:
    text = "Ein Über\n\n  Zwei 22\n"
    assert list(lines_of(text, "ccnet")) == ["ein uber  zwei 00"]
    assert list(lines_of(text, "ccnet-lines")) == ["ein uber", "zwei 00"]
    assert list(lines_of(text, "plain")) == ["Ein Über", "  Zwei 22"]
    assert list(lines_of("a\ud800\n \n", "plain")) == ["a?"]


@given(st.text("ab ", max_size=300), st.integers(1, 20))
def test_stretches_are_the_line_but_for_spaces_where_it_is_cut(line: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(perplexity, "STRETCH", size)
        parts = list(stretches_of(line))
    assert all(len(part) <= size for part in parts)
    assert "".join(parts).replace(" ", "") == line.replace(" ", "")
    if all(len(word) < size for word in line.split(" ")):
        assert [word for part in parts for word in part.split()] == line.split()


# ------------------------------------------------------------------------------------------------ the score


@pytest.fixture(scope="module")
def oracle(folder: Path) -> ArpaModel:
    return ArpaModel(folder / "model.arpa")


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Of words of the pages, of words of nobody, and of signs."""
    words = st.sampled_from(
        ["the", "run", "documents", "of", "a", "score", "困惑", "模型", "zyx", ".", ",", "<s>", "|", "Über"]
    )
    return "".join(
        draw(words) + draw(st.sampled_from([" ", "", "\n", "\n\n"])) for _ in range(draw(st.integers(0, 40)))
    )


@needs_kenlm
@given(text=texts())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_score_is_what_the_model_says(folder: Path, oracle: ArpaModel, text: str) -> None:
    model = folder / "model.arpa"
    lines = [plain_tokens(line.replace("Ü", "U")) for line in text.split("\n")]
    assert same(Perplexity(model, text="plain").perplexity(text.replace("Ü", "U")), oracle.perplexity(lines))
    whole = [plain_tokens(own_form(text))]
    assert same(Perplexity(model, text="ccnet").perplexity(text), oracle.perplexity(whole))
    each = [plain_tokens(own_form(line)) for line in text.split("\n")]
    assert same(Perplexity(model, text="ccnet-lines").perplexity(text), oracle.perplexity(each))


@needs_kenlm
@given(text=texts())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_pieces_are_scored_as_kenlm_scores_them(folder: Path, text: str) -> None:
    import kenlm

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "pieces.model"))
    tokens = " ".join(pieces.encode(own_form(text), out_type=str)).replace("<s>", "<unk>")
    model = kenlm.Model(str(folder / "pieces.arpa"))
    found = Perplexity(folder / "pieces.arpa", folder / "pieces.model").perplexity(text)
    assert same(found, 10 ** (-model.score(tokens) / (len(tokens.split()) + 1)))


@needs_kenlm
@pytest.mark.parametrize("tokenizer", [None, "pieces.model"])
def test_a_long_line_is_scored_in_stretches_as_if_it_were_none(folder: Path, tokenizer: str | None) -> None:
    path = folder / ("pieces.arpa" if tokenizer else "model.arpa")
    pieces = folder / tokenizer if tokenizer else None
    text = " ".join((DOCS / "dedup.md").read_text(encoding="utf-8").split()) * 4
    assert len(text) > 4 * perplexity.STRETCH
    (line,) = token_lines(text, pieces, "ccnet")
    expected = ArpaModel(path).perplexity([line.decode().split(" ")])
    assert same(Perplexity(path, pieces).perplexity(text), expected)


@needs_kenlm
@given(text=texts(), size=st.integers(1, 12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_where_a_line_is_cut_makes_no_difference(folder: Path, oracle: ArpaModel, text: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(perplexity, "STRETCH", size)
        lines = [line.decode().split(" ") for line in token_lines(text, None, "plain")]
        assert same(Perplexity(folder / "model.arpa", text="plain").perplexity(text), oracle.perplexity(lines))


@needs_kenlm
def test_marks_of_a_model_in_a_text_are_words_that_it_does_not_know(folder: Path) -> None:
    pieces = folder / "pieces.model"
    assert b" <unk> " in next(token_lines("the <s> run", pieces, "ccnet"))
    for mark in ("<s>", "</s>", "\0"):
        assert next(token_lines(f"the run {mark}", pieces, "plain")).endswith(b"<unk>")
    score = Perplexity(folder / "pieces.arpa", pieces).perplexity
    honest = "the documents of the run are read once more"
    assert score(f"{honest} " + "</s> " * 50) > 3 * score(honest)


@needs_kenlm
@pytest.mark.parametrize("tokenizer", [None, "pieces.model"])
@pytest.mark.parametrize(
    "text",
    ["", " ", "\n" * 100_000, "\0", "a\0b", "\ud800", "\udfff\ud800 the", "a" * 2_000_000, "the run " * 250_000,
     "困惑" * 300_000, "<s>", "</s>", "<unk>", "\u2028\u3000\xa0", "\U0010ffff" * 1000],
    ids=lambda text: f"{text[:3]!a} x {len(text)}",
)  # fmt: skip
def test_no_text_is_too_odd(folder: Path, tokenizer: str | None, text: str) -> None:
    scorer = [folder / "pieces.arpa", folder / tokenizer] if tokenizer else [folder / "model.arpa"]
    for form in ("ccnet", "ccnet-lines", "plain"):
        (score,) = Perplexity(*scorer, text=form).scores([text])  # type: ignore[arg-type]
        assert score.dtype == np.float32
        assert 1 <= score < np.inf


@needs_kenlm
def test_a_text_of_words_that_a_model_has_no_chance_for_has_the_greatest_perplexity(tmp_path: Path) -> None:
    path = tmp_path / "hard.arpa"
    path.write_text(TINY.replace("-1.5\t<unk>", "-99.9\t<unk>"))
    assert Perplexity(path, text="plain").scores(["x y z " * 9]).tolist() == [np.float32(1e38)]


# ------------------------------------------------------------------------------------------------ the files


@needs_kenlm
def test_a_binary_model_is_the_arpa_file_it_was_made_of(tmp_path: Path) -> None:
    (tmp_path / "tiny.arpa").write_text(TINY)
    (tmp_path / "tiny.bin").write_bytes(TINY_BINARY)
    texts = ["a b c", "a b", "c", "", "b a x", "a b c a b c\n\na"]
    (tmp_path / "tables.bin").write_bytes(TINY_BINARY[:TINY_TABLES])
    names = ("tiny.arpa", "tiny.bin", "tables.bin")
    both = [Perplexity(tmp_path / name, text="plain").scores(texts).tolist() for name in names]
    assert both[0] == both[1] == both[2]
    # By hand: p(a|<s>) p(b|<s> a) p(c|a b), and the end behind `b c`, which backs off to `c`, which backs off to nothing.
    assert same(both[0][0], 10 ** ((0.3 + 0.1 + 0.2 + 0.1 + 0.9) / 4))


def cut_short() -> Iterator[bytes]:
    yield from (TINY.encode()[:size] for size in range(len(TINY) - len("\\end\\\n")))
    yield from (TINY_BINARY[:size] for size in range(TINY_TABLES))


@needs_kenlm
def test_a_model_that_is_cut_short_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for content in cut_short():
        path.write_bytes(content)
        with pytest.raises(
            InputError, match=r"model: no language model of KenLM, or cut short .*; give an ARPA file"
        ) as found:
            try_model(str(path))  # in this process: a child for each would take minutes
        assert "\n" not in str(found.value)


@needs_kenlm
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe" * 99, "not UTF-8"),
        (b"\x7fELF\0\0", "cut short"),
        (b"\\data\\\nngram 1=9999999999999\nngram 2=99999999999999\n\n\\1-grams:\n-1\ta\n\\end\\\n", "allocate"),
        (b"", "cut short"),
    ],
)
def test_another_file_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(InputError, match=said):
        check_files(tmp_path / "model", None)


@needs_kenlm
def test_missing_files_and_a_tokenizer_that_is_none_are_one_line(folder: Path) -> None:
    with pytest.raises(InputError, match=r"no\.arpa: No such file"):
        check_files(folder / "no.arpa", None)
    with pytest.raises(InputError, match=r"no\.model: tokenizer model cannot be read"):
        check_files(folder / "model.arpa", folder / "no.model")
    with pytest.raises(InputError, match="not a SentencePiece model"):
        check_files(folder / "model.arpa", folder / "model.arpa")


def test_a_missing_package_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(perplexity, "version", version)
    with pytest.raises(InputError, match=r"pip install ufal\.kenlm"):
        check_files(tmp_path / "model.arpa", None)


# ------------------------------------------------------------------------------------------------ how scores lie


@given(st.lists(st.floats(0.5, 2.0**126, width=32), min_size=1))
def test_steps_are_the_next_numbers_of_two_digits(scores: list[float]) -> None:
    values = np.array(scores, np.float32)
    for value, step in zip(values.tolist(), rounded_up(values).tolist(), strict=True):
        if value > GREATEST_STEP:
            assert step == GREATEST_STEP
            continue
        unit = 10 ** max(len(str(step - 1)) - 2, 0) if step > 1 else 1
        assert step % unit == 0
        assert step - unit < value <= step
        assert len(str(step).rstrip("0")) <= 2


@needs_kenlm
def test_a_binary_model_with_a_changed_byte_is_a_model_or_one_line(tmp_path: Path) -> None:
    """KenLM ends by a signal on one change in twelve; what is tried in a child ends there."""
    path = tmp_path / "model.bin"
    outcomes = set()
    for place in range(88, TINY_TABLES, 40):
        path.write_bytes(TINY_BINARY[:place] + bytes([TINY_BINARY[place] ^ 0xFF]) + TINY_BINARY[place + 1 :])
        try:
            check_files(path, None)
        except InputError as error:
            outcomes.add("signal" in str(error))
            if "\n" in str(error) or str(path) not in str(error):
                raise
    assert outcomes
