"""Seeds and keys: no two meanings share one, and none changes unnoticed: every shard's order hangs on them."""

import hashlib
import itertools

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from corpus.seeds import content_digest, derive_seed, identity_key, keyed_hash, seeds_of

parts = st.lists(st.one_of(st.integers(-(1 << 100), 1 << 100), st.text(max_size=6), st.binary(max_size=6)), max_size=4)


@given(first=parts, second=parts)
def test_different_parts_never_meet(first: list[int | str | bytes], second: list[int | str | bytes]) -> None:
    """Not by concatenation, not by type: ("ab", "c") and ("a", "bc"), 1 and "1", "a" and b"a" are different things."""
    same = [(type(part), part) for part in first] == [(type(part), part) for part in second]
    assert (derive_seed(0, "purpose", *first) == derive_seed(0, "purpose", *second)) == same
    assert (identity_key("source", *first) == identity_key("source", *second)) == same


def test_framing_where_concatenation_would_collide() -> None:
    alike: list[tuple[int | str | bytes, ...]] = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc",),
        ("abc", ""),
        ("", "abc"),
        (b"abc",),
        ("1",),
        (1,),
        (b"1",),
        (),
        ("",),
        (b"",),
        (0,),
        ("s\x01\0\0\0\0\0\0\0a",),
    ]
    for make in (lambda p: derive_seed(7, "x", *p), lambda p: identity_key("x", *p)):
        assert len({make(each) for each in alike}) == len(alike)
    assert derive_seed(1, "2") != derive_seed(12, "")
    assert derive_seed(1, "a", "b") != derive_seed(1, "ab")


def test_pinned_values() -> None:
    """A change here changes every sample, order and key of every corpus: raise the schema's version and say so."""
    assert derive_seed(7, "shuffle", "web.zh", 3) == 2171812761960979033
    assert derive_seed(0, "") == 12567669245309463057
    assert (
        identity_key("web", "http://a.example/", "2024-01-01T00:00:00Z", "<urn:uuid:1>").hex()
        == "166269a452b18c75b0e84101cd9a5724"
    )
    assert keyed_hash(1, b"key") == xxhash.xxh3_64_intdigest(b"key", seed=1) == 880175808207980018
    assert content_digest(b"text").hex() == xxhash.xxh3_128_hexdigest(b"text") == "c5a64efff9224e392680525687aac7c5"


def test_the_frame_is_what_the_documentation_says() -> None:
    """Computed again from its definition: type letter, length (16 bytes for a number), bytes; BLAKE2b with a person."""
    frame = (
        b"i"
        + (7).to_bytes(16, "little")
        + b"s"
        + (1).to_bytes(8, "little")
        + b"p"
        + b"b"
        + (2).to_bytes(8, "little")
        + b"xy"
    )
    digest = hashlib.blake2b(frame, digest_size=8, person=b"corpus-seed").digest()
    assert derive_seed(7, "p", b"xy") == int.from_bytes(digest, "little")


def test_seeds_look_uniform_over_neighbouring_arguments() -> None:
    """Neighbouring run seeds and parts share nothing: each of 64 bits is set about half the time."""
    seeds = [derive_seed(run, "purpose", part) for run, part in itertools.product(range(64), range(64))]
    assert len(set(seeds)) == len(seeds)
    for bit in range(64):
        share = sum(seed >> bit & 1 for seed in seeds) / len(seeds)
        assert 0.45 < share < 0.55


def test_a_number_out_of_range_is_refused() -> None:
    with pytest.raises(OverflowError):
        derive_seed(0, "x", 1 << 127)


def test_keys_and_digests_are_sixteen_bytes() -> None:
    assert len(identity_key("a")) == len(content_digest(b"")) == 16
    assert content_digest(b"ab") == content_digest(bytearray(b"ab")) == content_digest(memoryview(b"ab"))


@given(first=parts, rest=parts)
def test_seeds_that_begin_alike_are_those_of_all_their_parts(
    first: list[int | str | bytes], rest: list[int | str | bytes]
) -> None:
    of = seeds_of(3, "purpose", *first)
    of(*first)  # an earlier seed leaves nothing behind
    assert of(*rest) == derive_seed(3, "purpose", *first, *rest)
