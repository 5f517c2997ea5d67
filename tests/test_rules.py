"""Rules: every shipped rule fires beyond its limit and not at it; recipes lay theirs over; batches judge as rows do."""

import itertools
import math
import re
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import RecipeError
from corpus.reasons import Outcome, Reason
from corpus.recipe import Kind, Recipe
from corpus.recipe.parsing import parse_recipe
from corpus.schema import (
    COUNT_SIGNALS,
    PERSONAL_SIGNALS,
    RATIO_SIGNALS,
    SIGNAL_GROUPS,
    SPAM_SIGNALS,
    signal_type,
    signals_schema,
)
from filters.quality.profile_files import parse_profile, profile_files
from filters.quality.profiles import shipped_profiles
from filters.quality.rules import (
    RULE_REASONS,
    SIGNALS,
    Limit,
    Profiles,
    RuleSet,
    all_reasons,
    judge,
    load_profiles,
    shipped_rules,
)
from filters.quality.signals import measure
from filters.quality.stop_words import stop_words
from filters.spam.spam_score import scores

# Values that every rule of every shipped profile passes.
GOOD: dict[str, float] = {
    "language_score": 0.99,
    "second_language_share": 0.0,
    "characters": 20_000,
    "words": 4000,
    "lines": 100,
    "sentences": 20,
    "stop_words": 6,
    "mean_word_length": 4.5,
    "mean_line_length": 80.0,
    "alphabetic_word_ratio": 0.99,
    "lettered_word_ratio": 0.99,
    "line_end_punctuation_ratio": 0.8,
    "cjk_ratio": 0.5,
    "jieba_words": 600,
    "jieba_stop_words": 6,
    "jieba_mean_word_length": 1.7,
    "jieba_alphabetic_word_ratio": 0.9,
    "datatrove_words": 600,
    "datatrove_stop_words": 6,
    "datatrove_c4_sentences": 20,
    "datatrove_mean_word_length": 4.5,
    "datatrove_alphabetic_word_ratio": 0.9,
    "datatrove_line_end_punctuation_ratio": 0.8,
}


def recipe_of(
    profiles: dict[str, Any] | None = None, profile: str = "web", languages: list[str] | None = None
) -> Recipe:
    return parse_recipe(
        {
            "run": {"name": "test", "languages": languages or ["*"]},
            "source": [
                {"name": "crawl", "inputs": ["x"], "profile": profile},
                {"name": "books", "inputs": ["x"], "profile": "none"},
            ],
            "profiles": profiles or {},
        },
        "recipe.toml",
    )


def row_of(**values: Any) -> dict[str, Any]:
    empty = {"source": "crawl", "language": "en"} | dict.fromkeys(SIGNALS, 0)
    return empty | GOOD | values


def batch_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    schema = signals_schema(permutations=1, bands=1, groups=SIGNAL_GROUPS)
    names = ("source", "language", *SIGNALS)
    return pa.record_batch(
        [pa.array([row[name] for row in rows], schema.field(name).type) for name in names], names=list(names)
    )


def reasons(rows: list[dict[str, Any]], profiles: Profiles, recipe: Recipe) -> list[str]:
    found: list[str] = judge(batch_of(rows), profiles, recipe.run.wants).to_pylist()
    return found


def shipped_sets() -> list[RuleSet]:
    return [rules for by_language in shipped_rules().values() for rules in by_language.values()]


def shipped_limits() -> list[tuple[RuleSet, Limit]]:
    return [(rules, limit) for rules in shipped_sets() for limit in rules.limits]


def test_the_schemas_signals_are_those_that_rules_may_use() -> None:
    groups = itertools.chain.from_iterable(SIGNAL_GROUPS.values())
    assert (
        "language_score",
        "second_language_share",
        *COUNT_SIGNALS,
        *RATIO_SIGNALS,
        *SPAM_SIGNALS,
        *groups,
        *PERSONAL_SIGNALS,
    ) == SIGNALS
    assert list(SIGNALS) == [
        field.name
        for field in signals_schema(permutations=1, bands=1, groups=SIGNAL_GROUPS)
        if field.name in set(SIGNALS)
    ]
    assert all(reason.outcome is Outcome.DROPPED for reason in RULE_REASONS)


def test_profiles_are_shipped() -> None:
    assert {"none", "web", "encyclopedia", "books", "papers", "code", "fineweb2", "parity"} <= set(shipped_profiles())
    profiles = load_profiles(recipe_of())
    assert not profiles.for_domain("none", "en").limits
    languages = {"*", "en", "de", "fr", "ru", "ko", "zh", "yue", "wuu", "ja", "th", "lo", "km", "my", "bo", "dz"}
    assert set(profiles.rule_sets["web"]) - {*stop_words()} == languages - {*stop_words()}
    assert languages < set(profiles.rule_sets["web"])
    assert profiles.for_domain("web", "so") is profiles.for_domain("web", "*")
    assert all("*" in by_language for by_language in profiles.rule_sets.values())
    assert all(file.about for file in profile_files().values())


def test_every_kind_of_source_has_a_profile() -> None:
    assert {*get_args(Kind)} - {"other"} <= set(shipped_profiles())


def test_groups_of_signals_are_asked_for_by_the_profiles_of_sources() -> None:
    assert load_profiles(recipe_of()).groups == ()
    assert load_profiles(recipe_of(profile="parity")).groups == ("datatrove", "jieba")
    assert load_profiles(recipe_of(profile="parity", languages=["en", "ja"])).groups == ("datatrove",)
    own = {"own": {"rules": [{"signal": "datatrove_words", "max": 9.0, "reason": "too_many_words"}]}}
    assert load_profiles(recipe_of(own)).groups == ()
    assert load_profiles(recipe_of(own, "own")).groups == ("datatrove",)


def test_every_shipped_rule_names_its_source_and_the_language_score_comes_first() -> None:
    assert all(limit.source and not limit.source.startswith("profiles/") for _, limit in shipped_limits())
    assert all(limit.reason in RULE_REASONS for _, limit in shipped_limits())
    silent = {"none", "code"}  # the language of code is nobody's
    firsts = {rules.limits[0].signal for rules in shipped_sets() if rules.profile not in silent}
    assert firsts == {"language_score"}


def test_stop_words_are_asked_for_wherever_there_is_a_list_and_nowhere_else() -> None:
    asked = {
        (rules.profile, rules.language): limit.value
        for rules, limit in shipped_limits()
        if limit.signal == "stop_words"
    }
    assert set(asked.values()) == {1, 2}
    assert {language for _, language in asked} <= set(stop_words())
    assert {language for profile, language in asked if profile == "fineweb2"} == set(stop_words())
    of_web = {language for profile, language in asked if profile == "web"}
    spoken_by_most = (
        "en",
        "ja",
        "de",
        "fr",
        "ru",
        "es",
        "pt",
        "it",
        "nl",
        "pl",
        "tr",
        "uk",
        "vi",
        "id",
        "ar",
        "hi",
        "fa",
    )
    assert of_web.issuperset(spoken_by_most)
    # Clean texts fail these lists: filters/quality/profiles/web.toml.
    assert of_web.isdisjoint(("zh", "te", "ml", "ta", "kk", "ka", "mr", "bs", "lt"))


def test_languages_without_spaces_have_no_rule_on_words_of_a_dictionary() -> None:
    for rules in shipped_sets():
        if rules.language not in ("zh", "ja", "th", "km", "lo", "my", "bo"):
            continue
        # Two groups of signals have words of a dictionary, or English ones, by definition.
        signals = {limit.signal for limit in rules.limits if not limit.signal.startswith(("jieba_", "datatrove_"))}
        # fineweb2 lays limits on words on characters, where a segmenter was at hand to say how many.
        # web has limits of its own on runs of characters in Chinese and Japanese.
        own = {"fineweb2": (), "web": ("newline_word_ratio",)}.get(rules.profile, ("gram", "newline_word_ratio"))
        assert not [name for name in signals if any(part in name for part in ("mean_word_length", *own))], rules


@pytest.mark.parametrize(
    ("language", "score"), [("en", 0.65), ("zh", 0.5), ("ja", 0.5), ("ko", 0.5), ("de", 0.65), ("sw", 0.65)]
)
def test_language_scores(language: str, score: float) -> None:
    recipe = recipe_of()
    rows = [row_of(language=language, language_score=value) for value in (score, score - 0.001)]
    assert reasons(rows, load_profiles(recipe), recipe) == ["", "language_uncertain"]


@pytest.mark.parametrize("rules", shipped_sets(), ids=lambda rules: f"{rules.profile}-{rules.language}")
def test_a_rule_fires_beyond_its_limit_and_not_at_it(rules: RuleSet) -> None:
    """At each limit, and at the column's next value on either side of it."""
    recipe = recipe_of(profile=rules.profile)
    language = "xx" if rules.language == "*" else rules.language
    rows, expected = [], []
    for limit in rules.limits:
        outwards = -1 if limit.side == "min" else 1
        at = np.float32(limit.value)
        values: list[Any] = [limit.value, limit.value + outwards, limit.value - outwards]
        if signal_type(limit.signal) != pa.uint32():
            values = [at, *(np.nextafter(at, np.float32(side * np.inf)) for side in (outwards, -outwards))]
        values = [value for value in values if value >= 0]  # beyond a limit of 0 there is nothing
        rows += [row_of(language=language) | {limit.signal: value} for value in values]
        expected += [str(limit.reason) if (value < at if outwards < 0 else value > at) else "" for value in values]
        assert limit.side == "max" or limit.value > 0 or len(values) < 3
    assert reasons(rows, load_profiles(recipe), recipe) == expected
    assert [[str(failure.reason) for failure in all_reasons(row, rules, recipe.run.wants)] for row in rows] == [
        [reason] if reason else [] for reason in expected
    ]


def test_the_first_rule_in_order_gives_the_reason_and_all_are_told() -> None:
    recipe = recipe_of(languages=["en", "zh"])
    profiles = load_profiles(recipe)
    bad = {"language_score": 0.1, "words": 7, "lorem_ipsum": 2}
    rows = [row_of(**bad), row_of(language_score=0.9, words=7, lorem_ipsum=2), row_of(language="fr", **bad)]
    assert reasons(rows, profiles, recipe) == ["language_uncertain", "too_few_words", "language_not_wanted"]
    failures = all_reasons(rows[2], profiles.for_domain("web", "fr"), recipe.run.wants)
    assert [(failure.reason, failure.signal, failure.value, failure.limit) for failure in failures] == [
        (Reason.LANGUAGE_NOT_WANTED, "language", "fr", None),
        (Reason.LANGUAGE_UNCERTAIN, "language_score", 0.1, 0.65),
        (Reason.TOO_FEW_WORDS, "words", 7, 30),
        (Reason.LOREM_IPSUM, "lorem_ipsum", 2, 0),
    ]


def test_the_profile_none_keeps_all_of_the_wanted_languages() -> None:
    recipe = recipe_of(languages=["en"])
    rows = [row_of(source="books", words=0, language_score=0.0), row_of(source="books", language="fr")]
    assert reasons(rows, load_profiles(recipe), recipe) == ["", "language_not_wanted"]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 60), st.integers(0, 2**32), st.booleans(), st.integers(0, 5))
def test_a_batch_is_judged_row_by_row(count: int, seed: int, as_table: bool, skipped: int) -> None:
    """Rows of many domains in one batch, a slice of a bigger one, or a chunked table: the same reasons as one by one."""
    source = np.random.default_rng(seed)
    recipe = recipe_of(languages=["en", "zh", "ja", "th", "xx"])
    profiles = load_profiles(recipe)
    rows = []
    for _ in range(count):
        changed = source.choice(SIGNALS, 2)
        values = {
            name: int(source.integers(0, 300)) if signal_type(name) == pa.uint32() else float(source.random())
            for name in changed
        }
        domain = {
            "source": str(source.choice(["crawl", "books"])),
            "language": str(source.choice([*"ab", "en", "zh", "ja", "th", "xx"])),
        }
        rows.append(row_of(**domain, **values))
    batch = batch_of(rows).slice(skipped)
    signals = pa.Table.from_batches([batch.slice(0, 3), batch.slice(3)]) if as_table else batch
    expected = []
    for row in batch.to_pylist():
        rules = profiles.for_domain(profiles.of_source[row["source"]], row["language"])
        failures = all_reasons(row, rules, recipe.run.wants)
        expected.append(str(failures[0].reason) if failures else "")
    assert judge(signals, profiles, recipe.run.wants).to_pylist() == expected


def test_a_column_of_the_wrong_type_is_refused() -> None:
    recipe = recipe_of()
    batch = batch_of([row_of()])
    position = batch.schema.get_field_index("words")
    wrong = batch.set_column(position, "words", pa.array([600], pa.int64()))
    with pytest.raises(TypeError, match="'words' must be uint32, not int64"):
        judge(wrong, load_profiles(recipe), recipe.run.wants)


def test_real_text_passes_and_junk_does_not() -> None:
    english = "The committee met on Tuesday to discuss the new railway line that will run between the two cities. " * 2
    lines = [
        "The committee met on Tuesday to discuss the new railway line between the two cities.",
        "Its members have heard three engineers, who explained how bridges are built over a wide river.",
        "Nobody in the town hall expected that the cost would be half of last year's estimate.",
        "A decision is to be made in spring, and work could begin before the end of the summer.",
        "Until then buses carry the passengers, with more of them on weekdays than on holidays.",
        "Farmers along the river asked for a tunnel instead, because floods reach the fields there.",
    ]
    chinese = [
        "委员会星期二开会，讨论了两座城市之间的新铁路线，并听取了三位工程师的报告。",
        "他们说明了怎样在宽阔的河面上建造桥梁，也回答了居民提出的许多问题。",
        "市政厅里没有人料到，费用只有去年估计的一半，而工期反而更短。",
        "明年春天将作出决定，工程可能在夏天结束之前开始，由两家公司共同承担。",
        "在此之前，公共汽车继续运送乘客，工作日的班次比节假日更多。",
        "沿河的农民要求改建隧道，因为那里的田地常常被洪水淹没，人们为此担心。",
        "专家认为，隧道的造价太高，地质条件也不理想，很难在预算之内完成。",
    ]
    texts = ["\n".join(lines), english * 20, "\n".join(chinese), "首页 | 登录 | 注册\n" * 60]
    languages = ["en", "en", "zh", "zh"]
    columns = measure(pa.array(texts), languages) | {"language_score": np.full(4, 0.99, np.float32)}
    columns["spam_score"] = scores(pa.array(texts))
    batch = pa.record_batch(
        {"source": ["crawl"] * 4, "language": languages} | {k: pa.array(v) for k, v in columns.items()}
    )
    recipe = recipe_of()
    found = judge(batch, load_profiles(recipe), recipe.run.wants).to_pylist()
    assert [bool(reason) for reason in found] == [False, True, False, True], found


def limits_of(profiles: Profiles, profile: str, language: str) -> dict[tuple[str, str], float]:
    limits = profiles.for_domain(profile, language).limits
    return {(limit.signal, limit.side): limit.value for limit in limits}


def test_a_recipes_rules_replace_in_place_add_and_remove() -> None:
    rules = [
        {"signal": "words", "min": 20.0, "reason": "too_few_words"},
        {"signal": "digit_ratio", "max": 0.4, "reason": "script_share"},
        {"signal": "mean_word_length", "reason": "word_length"},
    ]
    plain, changed = load_profiles(recipe_of()), load_profiles(recipe_of({"web": {"rules": rules}}))
    for language in ("en", "zh", "xx"):
        before, after = limits_of(plain, "web", language), limits_of(changed, "web", language)
        expected = {key: value for key, value in before.items() if key[0] != "mean_word_length"}
        expected |= {("words", "min"): 20.0, ("digit_ratio", "max"): 0.4}
        assert after == expected
        common = [key for key in before if key in after]
        assert [key for key in after if key in before] == common  # in place: the order of reasons stays
    source = {limit.source for limit in changed.for_domain("web", "en").limits if limit.signal == "digit_ratio"}
    assert source == {"profiles.web"}


def test_a_recipes_profile_for_some_languages() -> None:
    table = {
        "languages": ["zh", "so"],
        "rules": [{"signal": "characters", "min": 20.0, "reason": "too_few_characters"}],
    }
    plain, changed = load_profiles(recipe_of()), load_profiles(recipe_of({"web": table}))
    assert limits_of(changed, "web", "zh")["characters", "min"] == 20
    assert limits_of(changed, "web", "so") == limits_of(plain, "web", "*") | {("characters", "min"): 20.0}
    for language in ("ja", "en", "xx"):
        assert limits_of(changed, "web", language) == limits_of(plain, "web", language)


def test_a_recipes_own_profile_starts_from_its_base_or_from_nothing() -> None:
    rules = [{"signal": "words", "max": 9.0, "reason": "too_many_words"}]
    profiles = load_profiles(recipe_of({"short": {"rules": rules}, "mild": {"base": "web", "rules": rules}}, "short"))
    assert limits_of(profiles, "short", "en") == {("words", "max"): 9.0}
    assert limits_of(profiles, "mild", "ja") == limits_of(profiles, "web", "ja") | {("words", "max"): 9.0}
    assert profiles.for_domain("mild", "ja").profile == "mild"
    only = load_profiles(recipe_of({"short": {"languages": ["zh"], "rules": rules}}, "short"))
    assert limits_of(only, "short", "en") == {}


@pytest.mark.parametrize(
    ("profiles", "profile", "message"),
    [
        ({}, "wbe", r"source 'crawl': profile 'wbe' is unknown \(did you mean 'web'\?\); known are books, code, "),
        (
            {"x": {"base": "wev"}},
            "web",
            r"profiles.x: base 'wev' is unknown \(did you mean 'web'\?\); known are books, code, ",
        ),
        (
            {"web": {"rules": [{"signal": "word", "min": 1.0, "reason": "too_few_words"}]}},
            "web",
            r"profiles.web: signal 'word' is unknown \(did you mean 'words'\?\); near it are words",
        ),
        (
            {"web": {"rules": [{"signal": "words", "min": 1.0, "reason": "to_few_words"}]}},
            "web",
            r"profiles.web: reason 'to_few_words' is unknown \(did you mean 'too_few_words'\?\); near it are too_few_words",
        ),
        (
            {"web": {"rules": [{"signal": "words", "min": 1.0, "reason": "near_duplicate"}]}},
            "web",
            r"profiles.web: reason 'near_duplicate' is unknown",
        ),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(profiles: dict[str, Any], profile: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        load_profiles(recipe_of(profiles, profile))
    assert "\n" not in str(caught.value)


def test_an_unknown_profile_asked_for_in_code_is_an_error() -> None:
    with pytest.raises(RecipeError, match=re.escape("profile 'wiki' is unknown")):
        load_profiles(recipe_of()).for_domain("wiki", "en")


def test_every_pair_of_side_and_signal_stands_once() -> None:
    for rules, group in itertools.groupby(shipped_limits(), key=lambda pair: pair[0]):
        keys = [(limit.signal, limit.side) for _, limit in group]
        assert len(keys) == len(set(keys)), rules


# ------------------------------------------------------------------------------------------------ variants


def test_variants_of_a_recipe_give_other_numbers_in_place_for_their_languages() -> None:
    table = {
        "base": "web",
        "variant": [
            {"languages": ["zh"], "min": {"characters": 20.0}, "source": "ours", "off": ["cjk_ratio"]},
            {"languages": ["ja", "zh"], "max": {"duplicate_line_ratio": 0.5}},
            {"languages": ["*"], "off": ["words.max"]},
        ],
    }
    plain, changed = load_profiles(recipe_of()), load_profiles(recipe_of({"mine": table}, "mine"))
    before, after = limits_of(plain, "web", "zh"), limits_of(changed, "mine", "zh")
    expected = before | {("characters", "min"): 20, ("duplicate_line_ratio", "max"): 0.5}
    del expected["cjk_ratio", "min"], expected["words", "max"]
    assert after == expected
    assert list(after) == [key for key in before if key in after]
    sources = {limit.signal: limit.source for limit in changed.for_domain("mine", "zh").limits}
    assert (sources["characters"], sources["duplicate_line_ratio"]) == ("ours", "profiles.mine")
    of_english = limits_of(plain, "web", "en")
    del of_english["words", "max"]
    assert limits_of(changed, "mine", "en") == of_english


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"min": {"digit_ratio": 0.1}}, r"profiles.web: min.digit_ratio: no rule on this side of the signal to give"),
        (
            {"max": {"word": 1.0}},
            r"profiles.web: signal 'word' is unknown \(did you mean 'words'\?\); near it are words",
        ),
        ({"off": ["word"]}, r"profiles.web: signal 'word' is unknown \(did you mean 'words'\?\); near it are words"),
        ({"off": ["words.mix"]}, r"profiles.web: side 'mix' is unknown \(did you mean 'min'\?\); known are max, min"),
    ],
)
def test_a_variant_that_gives_a_number_to_nothing_is_an_error(variant: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_profiles(recipe_of({"web": {"variant": [{"languages": ["zh"], **variant}]}}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[variant]]\nname = "a"\nlanguages = ["*"]\nrule = []', "Extra inputs are not permitted"),
        ('[[variant]]\nname = "a"\nbase = "b"\nlanguages = ["*"]', "base 'b' does not stand above it"),
        ("[[variant", "profiles/x.toml: "),
    ],
)
def test_a_profiles_file_of_another_form_is_an_error_of_one_line(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        parse_profile(text, "profiles/x.toml")
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------------ fineweb2


def test_fineweb2_has_the_published_numbers() -> None:
    """configs/rus_Cyrl.yml: where the unit is ours, as they are."""
    assert limits_of(load_profiles(recipe_of()), "fineweb2", "ru") == {
        ("language_score", "min"): 0.9,
        ("duplicate_line_ratio", "max"): 0.322,
        ("top_2_gram_character_ratio", "max"): 0.184,
        ("top_3_gram_character_ratio", "max"): 0.164,
        ("top_4_gram_character_ratio", "max"): 0.146,
        ("duplicate_5_gram_character_ratio", "max"): 0.168,
        ("duplicate_6_gram_character_ratio", "max"): 0.156,
        ("duplicate_7_gram_character_ratio", "max"): 0.145,
        ("duplicate_8_gram_character_ratio", "max"): 0.133,
        ("duplicate_9_gram_character_ratio", "max"): 0.121,
        ("duplicate_10_gram_character_ratio", "max"): 0.109,
        ("line_end_punctuation_ratio", "min"): 0.231,
        ("fineweb_duplicate_line_character_ratio", "max"): 0.1,
        ("newline_word_ratio", "max"): 0.139,
        ("words", "min"): 50,
        ("words", "max"): 100_000,
        ("mean_word_length", "min"): 3,
        ("mean_word_length", "max"): 11,
        ("hash_mark_ratio", "max"): 0.1,
        ("ellipsis_ratio", "max"): 0.1,
        ("bullet_line_ratio", "max"): 0.9,
        ("ellipsis_line_ratio", "max"): 0.3,
        ("alphabetic_word_ratio", "min"): 0.713,
        ("stop_words", "min"): 2,
    }


def test_fineweb2_has_a_variant_for_the_large_languages_of_the_web() -> None:
    large = (
        "en zh ja ko ru de fr es pt it vi th ar hi id tr pl nl fa uk cs sv el hu ro he da fi no bg lt hr sr sk sl ms"
    )
    assert {*large.split()} <= set(shipped_rules()["fineweb2"])


@pytest.mark.parametrize(("language", "ours_a_word"), [("zh", 1.7), ("ja", 1.7), ("th", 3.7), ("ko", 0.5), ("vi", 1.3)])
def test_fineweb2_converts_what_is_counted_in_other_words(language: str, ours_a_word: float) -> None:
    """Each converted number follows from the published one in its source by the formula that the file states."""
    checked = 0
    for limit in load_profiles(recipe_of()).for_domain("fineweb2", language).limits:
        rule = limit.source.partition(": ")[2]
        if number := re.fullmatch(r"([\d.]+) / r", rule):
            expected = float(number[1]) / ours_a_word
        elif number := re.fullmatch(r"(\d+) r", rule):
            expected = float(number[1]) * ours_a_word
        elif number := re.fullmatch(r"a = ([\d.]+), a r .*", rule):
            share = float(number[1])
            expected = share * ours_a_word / (share * ours_a_word + 1 - share)
        elif number := re.fullmatch(r"of (\d+) words, .* = ([\d.]+)", rule):
            assert float(number[2]) == pytest.approx(int(number[1]) * ours_a_word)
            assert f"_{math.ceil(float(number[2]) - 0.5)}_gram" in limit.signal
            expected = limit.value
        else:
            continue
        checked += 1
        assert limit.value == pytest.approx(expected, abs=6e-5), limit
    assert checked >= 6


def test_a_language_without_a_file_is_dropped_by_no_number_of_another() -> None:
    profiles = load_profiles(recipe_of())
    spaced = [variant for variant in profile_files()["fineweb2"].variant if variant.base in ("others", "listed")]
    assert len(spaced) >= 50
    for limit in profiles.for_domain("fineweb2", "*").limits:
        given = [
            of_variant[limit.signal]
            for variant in spaced
            if variant.languages != ["en"] and limit.signal in (of_variant := getattr(variant, limit.side))
        ]
        if given and limit.signal != "language_score":
            assert limit.value == (min if limit.side == "min" else max)(given), limit
