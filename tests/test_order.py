"""The order as arithmetic against the order as a sorted list, and both of its directions against each other."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.feed import order
from corpus.feed.order import PhaseOrder, counts_below, feistel, keyed_permutation, mix, rank_of
from corpus.feed.phases import Domain, PhasePlan, PlannedPhase, Share

quotas_strategy = st.lists(st.integers(0, 60), min_size=1, max_size=8).filter(any)


@st.composite
def plans(draw: st.DrawFn) -> PhasePlan:
    """One phase, over domains of which some are read several times and some are shorter than a sequence."""
    quotas = draw(quotas_strategy)
    length = draw(st.integers(1, 12))
    begins = [draw(st.integers(0, 100)) for _ in quotas]
    shares = tuple(
        Share(sequences=quota, begin=begin, end=begin + quota * length)
        for quota, begin in zip(quotas, begins, strict=True)
    )
    domains = tuple(Domain(name=f"d{index}", tokens=draw(st.integers(1, 300))) for index in range(len(quotas)))
    before = PlannedPhase(
        name="before",
        sequence_length=1,
        batch_size=1,
        steps=sum(begins),
        shares=tuple(Share(sequences=begin, begin=0, end=begin) for begin in begins),
    )
    phase = PlannedPhase(name="p", sequence_length=length, batch_size=1, steps=sum(quotas), shares=shares)
    return PhasePlan(seed=draw(st.integers(0, 2**63 - 1)), domains=domains, phases=(before, phase))


def ranking(quotas: list[int]) -> list[tuple[int, int]]:
    """Every (domain, j) by (j + 1/2) / n, ties by domain: the definition."""
    pairs = [(domain, turn) for domain, quota in enumerate(quotas) for turn in range(quota)]
    return sorted(pairs, key=lambda pair: (Fraction(2 * pair[1] + 1, 2 * quotas[pair[0]]), pair[0]))


@given(quotas=quotas_strategy)
def test_counts_and_ranks_are_those_of_the_sorted_list(quotas: list[int]) -> None:
    listed = ranking(quotas)
    counts = [0] * len(quotas)
    for rank, (domain, turn) in enumerate(listed):
        assert counts_below(quotas, rank) == counts
        assert rank_of(quotas, domain, turn) == rank
        counts[domain] += 1
    assert counts_below(quotas, len(listed)) == quotas


@given(quotas=st.lists(st.integers(0, 2**44), min_size=1, max_size=20).filter(any), data=st.data())
def test_counts_sum_to_the_rank_grow_with_it_and_stay_near_the_exact_share(quotas: list[int], data) -> None:
    total = sum(quotas)
    low, high = sorted(data.draw(st.integers(0, total)) for _ in range(2))
    before, after = counts_below(quotas, low), counts_below(quotas, high)
    assert (sum(before), sum(after)) == (low, high)
    assert all(0 <= first <= second <= quota for first, second, quota in zip(before, after, quotas, strict=True))
    for count, quota in zip(before, quotas, strict=True):
        assert abs(count - Fraction(quota * low, total)) <= Fraction(len(quotas) + 1, 2)


@given(sizes=st.lists(st.integers(1, 200), min_size=1, max_size=5), key=st.integers(0, 2**64 - 1))
def test_a_feistel_permutation_is_one_and_inverts(sizes: list[int], key: int) -> None:
    numbers = np.concatenate([np.arange(size, dtype=np.uint64) for size in sizes])
    each = {
        "sizes": np.repeat(np.array(sizes, np.uint64), sizes),
        "keys": np.repeat(np.array([key ^ index for index in range(len(sizes))], np.uint64), sizes),
    }
    images = feistel(numbers, **each, inverse=False)
    assert feistel(images, **each, inverse=True).tolist() == numbers.tolist()
    for size, part in zip(sizes, np.split(images, np.cumsum(sizes)[:-1]), strict=True):
        assert sorted(part.tolist()) == list(range(size))


@given(
    size=st.integers(1, 2**62),
    number=st.integers(0, 2**62),
    key=st.integers(0, 2**64 - 1),
)
def test_a_feistel_permutation_inverts_at_any_size(size: int, number: int, key: int) -> None:
    each = {"sizes": np.array([size], np.uint64), "keys": np.array([key], np.uint64)}
    image = feistel(np.array([number % size], np.uint64), **each, inverse=False)
    assert int(image[0]) < size
    assert int(feistel(image, **each, inverse=True)[0]) == number % size


def test_mix_is_the_published_splitmix64() -> None:
    # The first three numbers of the reference generator from seed 0.
    state = np.array([0, 0x9E3779B97F4A7C15, 2 * 0x9E3779B97F4A7C15 % 2**64], np.uint64)
    assert [hex(word) for word in mix(state).tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


@given(size=st.integers(0, 500), key=st.integers(0, 2**64 - 1))
def test_a_keyed_permutation_is_one(size: int, key: int) -> None:
    assert sorted(keyed_permutation(size, key=key).tolist()) == list(range(size))


@settings(deadline=None)
@given(plan=plans(), block_slots=st.sampled_from([1, 3, 16, 4096]))
def test_locate_is_a_bijection_and_slot_of_its_inverse(plan: PhasePlan, block_slots: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "BLOCK_SLOTS", block_slots)
        phase_order = PhaseOrder(plan, "p")
        domains, sequences = phase_order.locate(range(phase_order.slots))
        pairs = list(zip(domains.tolist(), sequences.tolist(), strict=True))
        everything = [(domain, k) for domain, quota in enumerate(phase_order.quotas) for k in range(quota)]
        assert sorted(pairs) == everything
        assert [phase_order.slot_of(*pair) for pair in pairs] == list(range(phase_order.slots))
        for begin in range(0, phase_order.slots, block_slots):
            found = np.bincount(domains[begin : begin + block_slots], minlength=len(phase_order.quotas)).tolist()
            ends = [counts_below(phase_order.quotas, min(at, phase_order.slots)) for at in (begin, begin + block_slots)]
            assert found == [after - before for before, after in zip(*ends, strict=True)]


@settings(deadline=None)
@given(plan=plans(), data=st.data())
def test_any_slots_in_any_order_are_located_as_one_by_one(plan: PhasePlan, data) -> None:
    phase_order = PhaseOrder(plan, "p")
    slots = data.draw(st.lists(st.integers(0, phase_order.slots - 1), max_size=20))
    whole = phase_order.locate(range(phase_order.slots))
    for found, expected in zip(phase_order.locate(slots), whole, strict=True):
        assert found.tolist() == expected[np.array(slots, int)].tolist()


@settings(deadline=None)
@given(plan=plans(), block_slots=st.sampled_from([3, 4096]))
def test_no_token_comes_again_before_the_epoch_is_over(plan: PhasePlan, block_slots: int) -> None:
    phase = plan.phase("p")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "BLOCK_SLOTS", block_slots)
        phase_order = PhaseOrder(plan, "p")
        seen = []  # times each token was seen
        for domain, share in zip(plan.domains, phase.shares, strict=True):
            times = np.zeros(domain.tokens, int)
            np.add.at(times, np.arange(share.begin) % domain.tokens, 1)
            seen.append(times)
        for domain, sequence in zip(*map(np.ndarray.tolist, phase_order.locate(range(phase_order.slots))), strict=True):
            first = phase.shares[domain].begin + sequence * phase.sequence_length
            for position in range(first, first + phase.sequence_length):
                token = position % plan.domains[domain].tokens
                assert seen[domain][token] == seen[domain].min()
                seen[domain][token] += 1


def planned(*, quotas: tuple[int, ...], seed: int = 0, name: str = "p") -> PhasePlan:
    return PhasePlan(
        seed=seed,
        domains=tuple(Domain(name=f"d{index}", tokens=2**50) for index in range(len(quotas))),
        phases=(
            PlannedPhase(
                name=name,
                sequence_length=4096,
                batch_size=1,
                steps=sum(quotas),
                shares=tuple(Share(sequences=quota, begin=0, end=quota * 4096) for quota in quotas),
            ),
        ),
    )


def test_a_step_far_away_costs_no_more_than_the_first() -> None:
    phase_order = PhaseOrder(planned(quotas=(7 * 10**8, 2 * 10**8, 10**8 - 1)), "p")
    for slot in (0, 10**9 - 2, 123_456_789):
        domains, sequences = phase_order.locate([slot])
        assert phase_order.slot_of(int(domains[0]), int(sequences[0])) == slot


def test_seed_and_phase_change_the_order_and_nothing_else_does() -> None:
    def sequence_of(plan: PhasePlan) -> list[list[int]]:
        return [found.tolist() for found in PhaseOrder(plan, plan.phases[0].name).locate(range(500))]

    plans = [planned(quotas=(600, 400), seed=seed, name=name) for seed, name in itertools.product((0, 1), "pq")]
    assert sequence_of(plans[0]) == sequence_of(plans[0])
    assert all(sequence_of(one) != sequence_of(other) for one, other in itertools.combinations(plans, 2))


def test_the_order_is_pinned() -> None:
    # A change of these numbers changes every run's data: it needs a new FORMAT in corpus.feed.phases.
    domains, sequences = PhaseOrder(planned(quotas=(6000, 4000), seed=7), "p").locate([0, 1, 2, 4095, 4096, 9999])
    assert domains.tolist() == [1, 1, 0, 1, 0, 0]
    assert sequences.tolist() == [3914, 2424, 2525, 3990, 4519, 3877]


def test_shuffling_scatters() -> None:
    _, sequences = PhaseOrder(planned(quotas=(1 << 16,)), "p").locate(range(1 << 16))
    steps = np.abs(np.diff(sequences))
    assert abs(steps.mean() / ((1 << 16) / 3) - 1) < 0.02  # of two random numbers below n: n / 3
    assert abs(np.corrcoef(sequences[:-1], sequences[1:])[0, 1]) < 0.02
    assert abs(np.corrcoef(np.arange(1 << 16), sequences)[0, 1]) < 0.02


def test_what_the_phase_does_not_have_is_an_index_error() -> None:
    phase_order = PhaseOrder(planned(quotas=(3, 0)), "p")
    for slots in ([3], [-1], [0, 5]):
        with pytest.raises(IndexError, match="slots are 0 to 2"):
            phase_order.locate(slots)
    for pair in ((0, 3), (0, -1), (1, 0), (2, 0), (-1, 0)):
        with pytest.raises(IndexError, match="no sequence"):
            phase_order.slot_of(*pair)
