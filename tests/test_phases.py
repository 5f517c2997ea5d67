"""The plan of phases: exact weights, cursors that go on, caps that are exact, and errors that say what would fit."""

import re
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from corpus.domains import domain_of, language_of, name_among, names_of, repeats_of
from corpus.errors import RecipeError
from corpus.feed.phases import PhasePlan, apportion, plan_phases
from corpus.recipe import Phase

TOKENS = {"web.en": 100_000, "web.zh": 50_000, "code.en": 30_000}


def phase(name: str = "p", **settings) -> Phase:
    return Phase(**{"name": name, "tokens": 8_000, "sequence_length": 10, "batch_size": 4, **settings})


def quotas(plan: PhasePlan, name: str = "p") -> dict[str, int]:
    shares = plan.phase(name).shares
    return {domain.name: share.sequences for domain, share in zip(plan.domains, shares, strict=True)}


def refusal(phases: list[Phase], domains: dict[str, int]) -> str | None:
    try:
        plan_phases(phases, domains, seed=1)
    except RecipeError as error:
        return str(error)
    return None


@given(total=st.integers(0, 10**12), weights=st.lists(st.fractions(0, 1), min_size=1, max_size=12))
def test_parts_sum_to_the_total_and_are_the_share_rounded_down_or_one_more(total, weights) -> None:
    assume(sum(weights) > 0)
    parts = apportion(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        exact = total * weight / sum(weights)
        assert 0 <= part - exact.__floor__() <= 1
        assert weight or not part


def test_the_largest_remainder_gets_the_rest_and_a_tie_goes_to_the_first() -> None:
    assert apportion(10, [Fraction(62, 100), Fraction(19, 100), Fraction(19, 100)]) == [6, 2, 2]
    assert apportion(1, [Fraction(1, 3)] * 3) == [1, 0, 0]
    assert apportion(2, [Fraction(1, 3)] * 3) == [1, 1, 0]


def test_weights_are_taken_as_written_in_decimal() -> None:
    plan = plan_phases([phase(weights={"web.en": 0.1, "web.zh": 0.2, "code.en": 0.7})], TOKENS, seed=1)
    assert quotas(plan) == {"code.en": 560, "web.en": 80, "web.zh": 160}
    assert [row.weight for row in plan.report()] == [Fraction(7, 10), Fraction(1, 10), Fraction(2, 10)]


def test_without_weights_the_mixture_is_the_tokens() -> None:
    plan = plan_phases([phase(tokens=7_200)], TOKENS, seed=1)
    assert quotas(plan) == {"code.en": 120, "web.en": 400, "web.zh": 200}


def test_a_budget_is_rounded_down_to_whole_steps() -> None:
    planned = plan_phases([phase(tokens=8_039)], TOKENS, seed=1).phase("p")
    assert (planned.steps, planned.sequences, planned.tokens) == (200, 800, 8_000)


def test_each_phase_goes_on_where_the_last_one_stopped() -> None:
    plan = plan_phases(
        [
            phase("one", weights={"web.en": 0.5, "web.zh": 0.5}),
            phase("two", weights={"web.en": 0.25, "code.en": 0.75}),
            phase("three", tokens=4_000),
        ],
        TOKENS,
        seed=1,
    )
    ends = dict.fromkeys(TOKENS, 0)
    for planned in plan.phases:
        for domain, share in zip(plan.domains, planned.shares, strict=True):
            assert share.begin == ends[domain.name]
            assert share.end - share.begin == share.sequences * planned.sequence_length
            ends[domain.name] = share.end
    assert sum(ends.values()) == sum(planned.tokens for planned in plan.phases)
    assert plan.report()[-2].epochs == Fraction(ends["web.en"], TOKENS["web.en"])


def test_a_cap_counts_from_the_first_phase_and_is_exact() -> None:
    whole = phase("one", tokens=50_000, weights={"web.zh": 1.0})
    assert plan_phases([whole], TOKENS, seed=1).report()[0].epochs == 1
    with pytest.raises(RecipeError, match=r"web.zh would be read 1\.001 times .* allows 1; not even one step fits"):
        plan_phases([whole, phase("two", tokens=40, weights={"web.zh": 1.0})], TOKENS, seed=1)
    # A phase that takes nothing of a domain does not ask how often it was read before.
    twice = phase("one", tokens=100_000, weights={"web.zh": 1.0}, max_epochs={"web.zh": 2.0})
    plan_phases([twice, phase("two", weights={"web.en": 1.0})], TOKENS, seed=1)


def test_a_cap_compares_decimals_and_not_floats() -> None:
    # 1.1 × 50,000 is 55,000.00000000001 in floats; the last sequence that is allowed ends at 55,000.
    allowed = {"weights": {"web.zh": 1.0}, "max_epochs": {"web.zh": 1.1}}
    plan_phases([phase(tokens=55_000, **allowed)], TOKENS, seed=1)
    with pytest.raises(RecipeError, match=r"allows 1\.1; tokens = 55000 fits"):
        plan_phases([phase(tokens=55_040, **allowed)], TOKENS, seed=1)


@given(
    tokens=st.integers(40, 10**6),
    weights=st.lists(st.integers(0, 20), min_size=3, max_size=3).filter(any),
    sizes=st.lists(st.integers(1, 10**4), min_size=3, max_size=3),
)
def test_the_advice_of_a_cap_error_fits_and_one_step_more_does_not(tokens, weights, sizes) -> None:
    domains = dict(zip(TOKENS, sizes, strict=True))
    settings = {"weights": {name: weight / sum(weights) for name, weight in zip(TOKENS, weights, strict=True)}}
    message = refusal([phase(tokens=tokens, **settings)], domains)
    if message is None:
        return
    advice = re.search(r"tokens = (\d+) fits", message)
    assert advice or "not even one step fits" in message
    fitting = int(advice[1]) if advice else 0
    assert not advice or refusal([phase(tokens=fitting, **settings)], domains) is None
    assert refusal([phase(tokens=fitting + 40, **settings)], domains) is not None


@pytest.mark.parametrize("settings", [{"weights": {"web.ja": 1.0}}, {"max_epochs": {"web.ja": 2.0}}])
def test_a_domain_without_tokens_is_an_error_that_names_those_with(settings) -> None:
    with pytest.raises(RecipeError, match=r"phase 'p': domain 'web.ja' has no tokens .*: code.en, web.en, web.zh"):
        plan_phases([phase(**settings)], {**TOKENS, "web.ja": 0}, seed=1)


def test_a_run_without_tokens_and_a_phase_below_one_step_are_errors() -> None:
    with pytest.raises(RecipeError, match="no tokens to plan"):
        plan_phases([phase()], {}, seed=1)
    with pytest.raises(RecipeError, match="less than one step"):
        plan_phases([phase(tokens=39)], TOKENS, seed=1)


def test_json_goes_there_and_back_and_depends_on_nothing_but_the_plan() -> None:
    plan = plan_phases([phase("one"), phase("two", weights={"web.zh": 1.0})], TOKENS, seed=2**63 - 1)
    again = plan_phases(
        [phase("one"), phase("two", weights={"web.zh": 1.0})], dict(reversed(TOKENS.items())), seed=2**63 - 1
    )
    assert plan.to_json() == again.to_json()
    assert PhasePlan.from_json(plan.to_json()) == plan
    assert "." not in re.sub(r'"[^"]*"', "", plan.to_json())  # no floats


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"format": 1', '"format": 99'),
        ('"begin": 0', '"begin": 1'),
        ('"begin": 0', '"begin": 0.0'),
        ('"steps": 200', '"steps": 201'),
        ('"name": "code.en"', '"name": "zzz"'),
        ('"seed"', '"sed"'),
        ('"sequences"', '"sequence"'),
        ("{", "["),
    ],
)
def test_a_plan_that_was_edited_into_nonsense_is_refused(old: str, new: str) -> None:
    text = plan_phases([phase()], TOKENS, seed=1).to_json()
    assert old in text
    with pytest.raises(ValueError):
        PhasePlan.from_json(text.replace(old, new, 1))


def test_an_unknown_phase_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no phase 'x' in the plan; its phases: one, two"):
        plan_phases([phase("one"), phase("two")], TOKENS, seed=1).phase("x")


@given(
    st.dictionaries(
        st.sampled_from(["web.zh", "web.zh.x2", "web.zh.x7", "web.en", "web.en.x3"]),
        st.integers(10_000, 10**6),
        min_size=1,
    ),
)
def test_a_family_has_its_weight_and_its_documents_are_read_as_often_as_they_are_repeated(
    domains: dict[str, int],
) -> None:
    """Up to the rounding to whole sequences, and to the cap of the family."""
    families = sorted({names_of(name)[-1] for name in domains})
    seen = {
        family: sum(size * repeats_of(name) for name, size in domains.items() if names_of(name)[-1] == family)
        for family in families
    }
    weights = {family: round(1 / len(families), 9) for family in families}
    tokens = min(seen.values()) * len(families) * 9 // 10
    plan = plan_phases([phase(tokens=tokens, weights=weights)], domains, seed=1)
    found = quotas(plan)
    for family in families:
        mine = [name for name in found if names_of(name)[-1] == family]
        assert abs(sum(found[name] for name in mine) - sum(found.values()) / len(families)) <= len(domains)
        passes = {name: found[name] * 10 / domains[name] / repeats_of(name) for name in mine}
        assert max(passes.values()) - min(passes.values()) <= 10 * 2 / min(domains.values())
    everything = plan_phases([phase(tokens=sum(seen.values()) * 99 // 100)], domains, seed=1)  # without weights
    assert max(row.epochs / repeats_of(row.domain) for row in everything.report()) <= 1


def test_the_cap_of_a_family_names_it() -> None:
    domains = {"web.zh": 10_000, "web.zh.x3": 10_000}
    plan_phases([phase(tokens=40_000, weights={"web.zh": 1.0})], domains, seed=1)
    message = refusal([phase(tokens=41_000, weights={"web.zh": 1.0})], domains)
    assert message is not None
    assert "give web.zh less weight or raise its max_epochs" in message
    assert refusal([phase(weights={"web.zh.x3": 1.0})], domains) is not None  # no domain of a recipe


def test_a_tier_of_quality_has_its_own_weight_and_cap() -> None:
    domains = {"web.en": 50_000, "web.zh.q1": 40_000, "web.zh.q2": 20_000, "web.zh.q2.x3": 10_000}
    weights = {"web.en": 0.25, "web.zh.q1": 0.25, "web.zh.q2": 0.5}
    plan = plan_phases([phase(tokens=40_000, weights=weights)], domains, seed=1)
    assert quotas(plan) == {"web.en": 1000, "web.zh.q1": 1000, "web.zh.q2": 800, "web.zh.q2.x3": 1200}
    # A phase after it may name all of them: nothing is read again.
    later = [phase(tokens=40_000, weights=weights), phase(name="b", tokens=20_000, weights={"web.zh": 1.0})]
    assert all(row.epochs <= repeats_of(row.domain) for row in plan_phases(later, domains, seed=1).report())
    most = {"web.zh": 1.0, "web.zh.q2": 2.0}
    both = [phase(tokens=100_000, weights={"web.zh.q2": 1.0}, max_epochs=most)]
    assert max(row.epochs for row in plan_phases(both, domains, seed=1).report()) > 3
    message = refusal([phase(tokens=101_000, weights={"web.zh.q2": 1.0}, max_epochs=most)], domains)
    assert message is not None
    assert "give web.zh.q2 less weight" in message
    message = refusal([phase(weights={"web.zh.q3": 1.0})], domains)
    assert message is not None
    assert "domains: web.en, web.zh, web.zh.q1, web.zh.q2" in message


def test_names_of_domains() -> None:
    assert [domain_of("web", "zh_Hant", 0, repeats) for repeats in (1, 3)] == ["web.zh_Hant", "web.zh_Hant.x3"]
    assert [domain_of("web", "zh", 2, repeats) for repeats in (1, 3)] == ["web.zh.q2", "web.zh.q2.x3"]
    for name, names, language, repeats in (
        ("a-x3.en", ("a-x3.en",), "en", 1),
        ("a.x12.x12", ("a.x12",), "x12", 12),
        ("a.en.q2", ("a.en.q2", "a.en"), "en", 1),
        ("q1.en.q2.x4", ("q1.en.q2", "q1.en"), "en", 4),
    ):
        assert (names_of(name), language_of(name), repeats_of(name)) == (names, language, repeats)
    assert [name_among("a.en.q2.x4", names) for names in ((), ("a.en",), ("a.en", "a.en.q2"), ("a.en.q1",))] == [
        None, "a.en", "a.en.q2", None
    ]  # fmt: skip
