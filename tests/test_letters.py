"""The letters that matching looks at: the shipped table, and the kernels against a reading in plain Python."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_letters as reference
from corpus.unicode import code_points, letters
from corpus.unicode.code_points import CODE_POINTS, SPACE
from corpus.unicode.letters import SEVERAL, hash_run, next_point, place_letters, read_letters

FACTOR = 0xD1342543DE82EF95
SPACES = (code_points.load().classes & SPACE) != 0

#: Everything at once: scripts, widths, marks, several letters in one character, supplementary planes, format characters.
NO_DEADLINE = settings(deadline=None)  # the first example compiles

TEXTS = st.text(st.characters(codec="utf-8")) | st.text(
    "aB’'-_.,; \n\t\u00adÉé½ﬁß㎏Ⅳ①²1９ＡbＺ。、国國語后後髮が゛ｶﾞไทย हिन्दी각가مَرْ\U00020000𝐀\u200b\ufeff\ufdfa"
)


def read_compiled(data: bytes) -> tuple[np.ndarray, list[tuple[int, bool]], int]:
    table = letters.load()
    prefixes, units = np.empty(len(data) + 1, np.uint64), np.empty(len(data) + 1, np.uint32)
    array = np.frombuffer(data, np.uint8)
    total, count = read_letters(array, 0, len(data), table.folds, table.expansions, prefixes, units)
    return prefixes[: total + 1], [(unit >> 1, bool(unit & 1)) for unit in units[:count].tolist()], total


@NO_DEADLINE
@given(TEXTS)
def test_letters_and_units_are_those_of_the_plain_reading(text: str) -> None:
    expected, expected_units = reference.read(text)
    prefixes, units, total = read_compiled(text.encode())
    assert total == len(expected)
    assert units == expected_units
    value = 0
    for place, letter in enumerate(expected, start=1):
        value = (value * FACTOR + ord(letter)) % (1 << 64)
        assert int(prefixes[place]) == value


@NO_DEADLINE
@given(st.binary(max_size=60))
def test_any_bytes_are_read_and_never_beyond_their_end(data: bytes) -> None:
    prefixes, units, total = read_compiled(data)
    behind, units_behind, total_behind = read_compiled(data + b"\xf0\x9f\x98")
    assert (total_behind, units_behind) == (total, units)
    assert behind.tolist() == prefixes.tolist()


@NO_DEADLINE
@given(TEXTS)
def test_code_points_are_those_of_the_text(text: str) -> None:
    data = np.frombuffer(text.encode(), np.uint8)
    found, place = [], 0
    while place < len(data):
        point, place = next_point(data, place, len(data))
        found.append(chr(point))
    assert "".join(found) == text


@NO_DEADLINE
@given(TEXTS)
def test_places_are_characters_with_what_follows_at_once(text: str) -> None:
    table = letters.load()
    data = np.frombuffer(text.encode(), np.uint8)
    expected, _ = reference.read(text)
    begins, ends = np.empty(len(data), np.int32), np.empty(len(data), np.int32)
    total = place_letters(data, 0, len(data), table.folds, table.expansions, begins, ends, SPACES)
    assert total == len(expected)
    for number in range(total):
        covered = text.encode()[begins[number] : ends[number]].decode()
        assert expected[number] in [letter for letter, _ in reference.fold_of(covered[0]) or []]
        assert not any(character.isspace() or reference.fold_of(character) for character in covered[1:])
        rest = text.encode()[ends[number] :].decode()
        assert not rest or rest[0].isspace() or reference.fold_of(rest[0])


def test_a_run_is_the_same_however_its_words_are_divided_and_written() -> None:
    powers = letters.powers(100)

    def whole(text: str) -> int:
        prefixes, _, total = read_compiled(text.encode())
        return int(hash_run(prefixes, 0, total, powers))

    ways = [
        "The well-known café's ½ ﬁsh",
        "THE WELL KNOWN CAFES 1/2 FISH",
        "the\nwell\u00adknown “cafe’s” １２ f i s h",
    ]
    assert len(set(map(whole, ways))) == 1
    assert whole("下列說法正確的是（ ）") == whole("下列说法，正确的是:")
    assert whole("ﾊﾝｶｸ") == whole("ハンカク")
    assert whole("abc") != whole("acb")


def test_powers_are_those_of_the_factor() -> None:
    assert letters.powers(3).tolist() == [pow(FACTOR, n, 1 << 64) for n in range(4)]


@pytest.mark.parametrize(
    "variants",
    ["国國", "后後", "发發髮髪", "说說説", "台臺檯颱", "里裏裡", "面麵麺", "干乾幹", "么麼麽", "着著", "万萬"],
)
def test_variants_of_a_han_character_are_one_letter(variants: str) -> None:
    assert len({reference.read(variant)[0] for variant in variants}) == 1


def test_the_table_is_the_shipped_one() -> None:
    """A change of the table is a change of what matches: raise VERSION, then this digest."""
    table = letters.load()
    digest = hashlib.sha256(table.folds.astype("<u4").tobytes() + table.expansions.astype("<u4").tobytes()).hexdigest()
    assert (letters.VERSION, digest) == (1, "63269d69ba3c325206a738c3e6429537a2f49a49690d7183550f71d190f69389")
    assert len(table.folds) == CODE_POINTS
    # A text never has more letters than bytes: scratch arrays are as long as it.
    several = np.flatnonzero(table.folds & SEVERAL)
    assert all(len(reference.fold_of(chr(code)) or []) <= len(chr(code).encode()) for code in several.tolist())


def test_variant_tables_are_followed_through_others(tmp_path: Path) -> None:
    for name in letters.VARIANT_TABLES:
        (tmp_path / name).write_text("# a comment\n", encoding="utf-8")
    (tmp_path / "TSCharacters.txt").write_text("後\t后 後\n髮\t发\n長城\t长城\n", encoding="utf-8")
    (tmp_path / "STCharacters.txt").write_text("发\t發 髮\n", encoding="utf-8")
    found = letters.variant_classes(tmp_path)
    assert found == {"後": "后", "后": "后", "发": "发", "發": "发", "髮": "发"}
