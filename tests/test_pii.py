"""Personal data: labelled cases with precision and recall, checksums, places that do not depend on what stands before."""

import ipaddress
import re
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pii_cases
from corpus.recipe import PersonalAction, Privacy
from corpus.schema import EDITS, PERSONAL_SIGNALS
from corpus.text.edits import Edit, apply_edits
from corpus.unicode.segmentation import utf8_buffers
from filters.privacy import gate, pii
from filters.privacy.addresses import addresses_v4, top_level_domains
from filters.privacy.disguised import disguised_in
from filters.privacy.kinds import SIGNALS, TOKENS, Kind, kind_of, kinds_that_are
from filters.privacy.personal_numbers import COUNTRY_LENGTHS, is_card, is_resident_id

LEAST = 0.98


ALL = pii_cases.read_cases()
_HAN = re.compile(r"[\u4e00-\u9fff]")


def test_there_are_enough_cases_of_both_sides_and_languages() -> None:
    for positive in (True, False):
        cases = [case for case in ALL if bool(case.gold) == positive]
        assert len(cases) >= 200
        chinese = sum(bool(_HAN.search(case.text)) for case in cases)
        assert min(chinese, len(cases) - chinese) >= 80
    assert len({case.text for case in ALL}) == len(ALL)


def test_precision_and_recall() -> None:
    for name, (right, wrong, missed) in pii_cases.scores(ALL).items():
        assert right / (right + wrong) >= LEAST, name
        assert right / (right + missed) >= LEAST, name


FILLER = st.text(st.sampled_from("ab 文。\n，电é\U0001f600"), max_size=300)


@given(before=FILLER, case=st.sampled_from(ALL), after=FILLER)
def test_what_stands_in_other_paragraphs_changes_nothing(before: str, case: Any, after: str) -> None:
    """Also: no window ends before what decides, and bytes and characters are not confused."""
    shift = len(f"{before}.\n\n".encode())
    alone = [found._replace(begin=found.begin + shift, end=found.end + shift) for found in pii.find(case.text)]
    assert pii.find(f"{before}.\n\n{case.text}\n\n.{after}") == alone


PIECES = [
    "a",
    "@",
    ".",
    "-",
    "+",
    "(",
    ")",
    " ",
    "/",
    ":",
    "1",
    "23",
    "138",
    "4567",
    "电话",
    "邮",
    "\n",
    "１",
    "＠",
    "com",
    "qq",
]
PIECES += [
    "x@y.cn",
    "8.8.8.8",
    "2001:4860::8888:1",
    "+44 20 7946 0958",
    "13812345678",
    "Tel. ",
    "😀",
    "é",
    "\u00a0",
    "，",
]


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_edits_lie_in_order_on_characters_and_apply(text: str) -> None:
    measured = pii.measure(pa.array([text, "", text], pa.large_string()))
    assert measured.edits.type == EDITS
    first, empty, again = measured.edits.to_pylist()
    assert first == again
    assert empty == []
    edits = [Edit(**edit) for edit in first]
    ends = [0, *(edit.end for edit in edits)]
    assert all(end <= edit.begin < edit.end for end, edit in zip(ends, edits, strict=False))
    replaced = apply_edits(text, edits)  # raises where an edit cuts a character
    assert sum(replaced.count(token) for token in TOKENS.values()) == len(edits)
    for kind in Kind:
        number = sum(kind_of(edit) == kind for edit in edits)
        assert measured.counts[SIGNALS[kind]].tolist() == [number, 0, number]


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_no_text_raises(text: str) -> None:
    pii.measure(pa.array([text]))


@pytest.mark.parametrize(
    "unit", ["1", "13812345678 ", "a@a.cn ", "1.2.3.4 ", "2001:1:", "（１", "＠ａ", "+49 ", "电话1-"]
)
def test_a_place_is_small_whatever_the_text(unit: str) -> None:
    """The cost of a place grows with its length, and must not grow with the text's."""
    data, offsets = utf8_buffers(pa.array([unit * 20_000]))
    places = gate.find_places(data, offsets)
    assert ((places.end - places.begin) < 2 * gate.MOST_BYTES).all()
    assert len(places.kind) <= len(data)
    assert (np.diff(places.end) > 0).all()


def test_more_places_than_a_guess_has_room_for() -> None:
    found = pii.find("a@a.cn " * 5_000)
    assert len(found) == 5_000
    assert found[-1] == (Kind.EMAIL, 7 * 4_999, 7 * 5_000 - 1)


def test_a_slice_of_an_array_is_that_slice() -> None:
    texts = pa.array(["one a@b.cn", "two", "three 8.8.8.8 ping 8.8.4.4", "four"])
    measured = pii.measure(texts.slice(1, 2))
    assert measured.counts["pii_ips"].tolist() == [0, 1]
    assert len(measured.edits) == 2
    with pytest.raises(ValueError, match="null"):
        pii.measure(pa.array(["x", None]))


# ------------------------------------------------------------------------------------------------ checksums and tables

IDS = [case.text.encode()[f.begin : f.end].decode() for case in ALL for f in case.gold if f.kind is Kind.RESIDENT_ID]
LONG_IDS = sorted({number.upper() for number in IDS if len(number) == 18 and number.isascii()})
CARDS = [case.text.encode()[f.begin : f.end].decode() for case in ALL for f in case.gold if f.kind is Kind.CARD]
PLAIN_CARDS = sorted({re.sub("[ -]", "", number) for number in CARDS if number.isascii()})


@given(number=st.sampled_from(LONG_IDS), place=st.integers(0, 17), character=st.sampled_from("0123456789X"))
def test_a_resident_id_with_one_wrong_character_is_none(number: str, place: int, character: str) -> None:
    """ISO 7064 mod 11-2 finds every single error."""
    assert is_resident_id(number)
    other = number[:place] + character + number[place + 1 :]
    if other != number and other[:17].isdigit():
        assert not is_resident_id(other)


@given(number=st.sampled_from(PLAIN_CARDS), place=st.integers(0, 18), digit=st.sampled_from("0123456789"))
def test_a_card_with_one_wrong_digit_is_none(number: str, place: int, digit: str) -> None:
    assert is_card(number)
    other = number[: place % len(number)] + digit + number[place % len(number) + 1 :]
    assert is_card(other) == (other == number)


def test_dates_that_there_are_not_and_regions_that_there_are_not_make_no_resident_id() -> None:
    """Of all numbers of a region and date exactly the right check characters pass."""
    for head, passes in (("11010519900228", True), ("11010519900230", False), ("99010519900228", False)):
        valid = [is_resident_id(f"{head}{order:03d}{check}") for order in range(60) for check in "0123456789X"]
        assert sum(valid) == (60 if passes else 0)


@given(st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address))
def test_public_addresses_are_global_ones(address: ipaddress.IPv4Address) -> None:
    """What `ipaddress` calls private or multicast is never taken; the reverse differs between Pythons."""
    text = f"host {address} answers"
    if addresses_v4(text, 0, len(text)):
        assert address.is_global
        assert not address.is_multicast


def test_top_level_domains_are_lower_case_words() -> None:
    assert {"com", "cn", "tw", "museum", "xyz"} <= top_level_domains()
    assert not {"png", "example", "localhost", "local"} & top_level_domains()
    assert all(re.fullmatch(r"[a-z]{2,18}", name) for name in top_level_domains() if not name.startswith("xn--"))


def test_country_codes_are_no_prefixes_of_each_other() -> None:
    codes = sorted(COUNTRY_LENGTHS)
    assert not [(a, b) for a in codes for b in codes if a != b and b.startswith(a)]


def test_the_recipe_has_a_key_for_every_kind() -> None:
    assert set(Privacy.model_fields) == set(Kind)
    assert len(PERSONAL_SIGNALS) == len(Kind) == len(set(TOKENS.values()))
    mixed = Privacy(email="drop", ip="keep", uscc="replace")
    assert kinds_that_are("drop", mixed) == (Kind.EMAIL,)
    assert kinds_that_are("keep", mixed) == (Kind.IP,)
    assert sum(len(kinds_that_are(action, mixed)) for action in get_args(PersonalAction)) == len(Kind)


@pytest.mark.parametrize("host", ["example.com", "mail.example.com", "example.edu", "corp.example", "EXAMPLE.org"])
def test_addresses_of_documentation_are_nobodys_however_written(host: str) -> None:
    for text in (f"jane [at] {host}", f"jane.doe [at] {host.replace('.', ' [dot] ')}"):
        assert disguised_in(text, 0, len(text)) is None, text
    other = f"jane [at] {host.lower()}".replace("example", "samples").replace(".samples", ".com")
    assert disguised_in(other, 0, len(other)) == (0, len(other))
