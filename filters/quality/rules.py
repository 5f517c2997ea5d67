"""Which documents a profile's rules drop, decided from the columns of `signals/` alone.

Reads a batch with `source`, `language`, `language_score` and the counts and ratios of corpus.schema; returns one reason
a row, "" where every rule passes. A *rule* is a limit on one side of one signal, with a reason and the paper or file that
its number comes from; a *profile* holds the rules of a kind of source, in variants by language (filters/quality/profiles/*.toml),
and a recipe lays its own over them. A value at its limit passes; a row's reason is the first in this order: language not
wanted by the run, then the profile's rules as they stand in it, of which the language score is the first.

Invariant: a row's reason depends on that row and the settings only.
Cost: one comparison of a column per rule and (source, language) in the batch; no Python per document. 30 rules over a
million rows in 40 languages: 0.5 s, one core.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus import recipe as settings
from corpus.columns import numbers
from corpus.errors import RecipeError
from corpus.reasons import DUPLICATES, SCREENS, UNWANTED, Outcome, Reason
from corpus.recipe.suggestions import unknown
from corpus.schema import COUNT_SIGNALS, PERSONAL_SIGNALS, RATIO_SIGNALS, SIGNAL_GROUPS, SPAM_SIGNALS, signal_type
from filters.privacy.kinds import SIGNALS as SIGNAL_OF_KIND
from filters.privacy.kinds import kinds_that_are
from filters.quality.profile_files import ProfileFile, profile_files

ANY_LANGUAGE = "*"
SIGNALS = (
    "language_score",
    "second_language_share",
    *COUNT_SIGNALS,
    *RATIO_SIGNALS,
    *SPAM_SIGNALS,
    *(name for group in SIGNAL_GROUPS.values() for name in group),
    *PERSONAL_SIGNALS,
)
#: Reasons that a rule may give.
RULE_REASONS = tuple(
    reason
    for reason in Reason
    if reason.outcome is Outcome.DROPPED
    and reason not in (*SCREENS, *UNWANTED, Reason.CONTAMINATED, *DUPLICATES, Reason.SHARED_LINES)
)


@dataclass(frozen=True)
class Limit:
    """One side of a rule: a document whose signal lies beyond `value` is dropped for `reason`."""

    signal: str
    side: Literal["min", "max"]
    value: float
    reason: Reason
    source: str

    def fails(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """(rows,) True beyond the limit, which is rounded as the column is: .3 is not beyond a limit of .3; NaN passes."""
        limit = np.float32(self.value) if values.dtype == np.float32 else np.float64(self.value)
        return values < limit if self.side == "min" else values > limit


@dataclass(frozen=True)
class RuleSet:
    """The rules of a profile for one language, in the order in which they give their reason."""

    profile: str
    language: str  # or "*": languages the profile does not name
    limits: tuple[Limit, ...]


@dataclass(frozen=True)
class Failure:
    """A rule that a document fails, with its value and the limit."""

    reason: Reason
    signal: str
    value: float | str
    side: Literal["min", "max", "wanted"]
    limit: float | None
    source: str


@dataclass(frozen=True)
class Profiles:
    """Every profile that a recipe can use, and which of them each source uses."""

    rule_sets: Mapping[str, Mapping[str, RuleSet]]  # profile → language, or "*" → rules
    of_source: Mapping[str, str]
    #: Groups of corpus.schema.SIGNAL_GROUPS that rules of the sources' profiles are about, for languages the run wants.
    groups: tuple[str, ...] = ()

    def for_domain(self, profile: str, language: str) -> RuleSet:
        """The rules of a profile for documents of a language. Raises RecipeError for a profile that is not known."""
        if profile not in self.rule_sets:
            raise RecipeError(_unknown("profile", profile, self.rule_sets))
        by_language = self.rule_sets[profile]
        return by_language[language if language in by_language else ANY_LANGUAGE]


def load_profiles(recipe: settings.Recipe) -> Profiles:
    """The shipped profiles with the recipe's [profiles.NAME] tables laid over them, and what [privacy] drops after all.

    Rules may be on the signals of the recipe's scorers as well; of a document whose language is none of
    theirs these are null, and null passes. A table starts from the shipped profile `base`, or from that of its own name, or from nothing. Its rules hold for its
    `languages`, then those of its variants for theirs, in order. A rule replaces the limit on the same side of the same
    signal, in that limit's place, or comes after all others; a rule with neither min nor max removes the signal's limits.
    Raises RecipeError for a signal, reason, base or source's profile that does not exist, naming those that do.
    """
    rule_sets = dict(_shipped())
    known = (*SIGNALS, *recipe.scored_signals)
    for name, profile in recipe.profiles.items():
        where = f"profiles.{name}"
        base = profile.base or name
        if profile.base is not None and base not in _shipped():
            raise RecipeError(f"{where}: {_unknown('base', base, _shipped())}")
        below = _shipped().get(base, {ANY_LANGUAGE: RuleSet(name, ANY_LANGUAGE, ())})
        variants = (settings.Variant(languages=profile.languages, rules=profile.rules), *profile.variant)
        languages = {*below, *(language for variant in variants for language in variant.languages)}
        rule_sets[name] = {
            language: RuleSet(name, language, _for_language(language, below, variants, where, known))
            for language in sorted(languages)
        }
    for source in recipe.source:
        if source.profile not in rule_sets:
            raise RecipeError(f"source {source.name!r}: {_unknown('profile', source.profile, rule_sets)}")
    if dropped := _personal_limits(recipe.privacy):
        rule_sets = {
            name: {
                language: dataclasses.replace(rules, limits=(*rules.limits, *dropped))
                for language, rules in by_language.items()
            }
            for name, by_language in rule_sets.items()
        }
    of_source = {source.name: source.profile for source in recipe.source}
    used = {
        limit.signal
        for profile in set(of_source.values())
        for language, rules in rule_sets[profile].items()
        if language == ANY_LANGUAGE or recipe.run.wants(language)
        for limit in rules.limits
    }
    groups = tuple(group for group, names in SIGNAL_GROUPS.items() if not used.isdisjoint(names))
    return Profiles(rule_sets, of_source, groups)


def _personal_limits(privacy: settings.Privacy) -> tuple[Limit, ...]:
    """No personal data of the kinds whose documents are dropped."""
    signals = (SIGNAL_OF_KIND[kind] for kind in kinds_that_are("drop", privacy))
    return tuple(Limit(signal, "max", 0.0, Reason.PERSONAL_DATA, "[privacy]") for signal in signals)


def shipped_rules() -> Mapping[str, Mapping[str, RuleSet]]:
    """profile → language, or "*" → rules, as they are shipped."""
    return _shipped()


def judge(signals: pa.RecordBatch | pa.Table, profiles: Profiles, wants: Callable[[str], bool]) -> pa.StringArray:
    """The reason of each row of a batch of `signals/`, "" where it passes: (rows,) string without nulls.

    `wants` says which languages the run keeps (`recipe.run.wants`).
    """
    sources, source_of = _encoded(signals, "source")
    languages, language_of = _encoded(signals, "language")
    group_of = source_of.astype(np.int64) * len(languages) + language_of  # (rows,)
    order = np.argsort(group_of, kind="stable")
    groups, first = np.unique(group_of[order], return_index=True)
    codes = np.zeros(len(group_of), dtype=np.int32)  # 0 passes, else 1 + position in _REASONS
    columns: dict[str, NDArray[Any]] = {}
    ends = np.append(first, len(order))[1:]
    for group, begin, end in zip(groups.tolist(), first, ends, strict=True):
        rows = order[begin:end]
        source, language = sources[group // len(languages)], languages[group % len(languages)]
        if not wants(language):
            codes[rows] = _CODES[Reason.LANGUAGE_NOT_WANTED]
            continue
        verdicts = np.zeros(len(rows), dtype=np.int32)
        for limit in profiles.for_domain(profiles.of_source[source], language).limits:
            if limit.signal not in columns:
                columns[limit.signal] = _values(signals, limit.signal)
            fails = limit.fails(columns[limit.signal][rows])
            verdicts[fails & (verdicts == 0)] = _CODES[limit.reason]
        codes[rows] = verdicts
    return pa.array(("", *_REASONS), pa.string()).take(pa.array(codes))


def all_reasons(row: Mapping[str, Any], rules: RuleSet, wants: Callable[[str], bool]) -> list[Failure]:
    """Every rule that one document fails, in order; the first is what `judge` answers. `row`: a row of `signals/`."""
    unwanted = [
        Failure(reason, column, row[column], "wanted", None, "the source's lists and `respect`")
        for column, reason in (("blocked_url", Reason.BLOCKED_URL), ("opt_out", Reason.OPT_OUT))
        if row.get(column) is not None
    ]
    if not wants(row["language"]):
        unwanted.append(
            Failure(Reason.LANGUAGE_NOT_WANTED, "language", row["language"], "wanted", None, "[run] languages")
        )
    return unwanted + [
        Failure(limit.reason, limit.signal, row[limit.signal], limit.side, limit.value, limit.source)
        for limit in rules.limits
        if row.get(limit.signal) is not None
        and limit.fails(np.array([row[limit.signal]], dtype=_dtype(limit.signal)))[0]
    ]


_REASONS = tuple(Reason)
_CODES = {reason: number for number, reason in enumerate(_REASONS, start=1)}


@functools.cache
def _shipped() -> Mapping[str, Mapping[str, RuleSet]]:
    """profile → language or "*" → rules, of the files in filters/quality/profiles."""
    return {name: _rule_sets(name, file) for name, file in profile_files().items()}


def _rule_sets(profile: str, file: ProfileFile) -> Mapping[str, RuleSet]:
    """The rule sets of a profile's file: variants by name, each laid over its `base`, for its `languages`."""
    variants: dict[str, tuple[Limit, ...]] = {}
    rule_sets: dict[str, RuleSet] = {}
    for variant in file.variant:
        below = variants[variant.base] if variant.base is not None else ()
        variants[variant.name] = limits = _overlaid(below, variant, f"profiles/{profile}.toml", SIGNALS)
        for language in variant.languages:
            rule_sets[language] = RuleSet(profile, language, limits)
    return rule_sets


def _for_language(
    language: str,
    below: Mapping[str, RuleSet],
    variants: Iterable[settings.Variant],
    where: str,
    known: Sequence[str],
) -> tuple[Limit, ...]:
    """A language's limits in a recipe's profile: those below it, then every variant that is for the language or for all."""
    limits = below.get(language, below[ANY_LANGUAGE]).limits
    for variant in variants:
        if language in variant.languages or ANY_LANGUAGE in variant.languages:
            limits = _overlaid(limits, variant, where, known)
    return limits


def _overlaid(below: Iterable[Limit], variant: settings.Variant, where: str, known: Sequence[str]) -> tuple[Limit, ...]:
    """Limits with a variant laid over them: what is off goes, the same side of the same signal is replaced in place.

    `known` are the signals that there are.
    """
    limits = {(limit.signal, limit.side): limit for limit in below}
    for entry in variant.off:
        signal, _, side = entry.partition(".")
        _known("signal", signal, known, where)
        if side:
            _known("side", side, _SIDES, where)
        for of_side in _SIDES:
            if side in ("", of_side):
                limits.pop((signal, of_side), None)
    for rule in variant.rules:
        _known("signal", rule.signal, known, where)
        _known("reason", rule.reason, RULE_REASONS, where)
        if rule.min is None and rule.max is None:
            for of_side in _SIDES:
                limits.pop((rule.signal, of_side), None)
        source = rule.source or variant.source or where
        for of_side, value in (("min", rule.min), ("max", rule.max)):
            if value is not None:
                limits[rule.signal, of_side] = Limit(rule.signal, of_side, value, Reason(rule.reason), source)
    for of_side, numbers_of in (("min", variant.min), ("max", variant.max)):
        for signal, value in numbers_of.items():
            _known("signal", signal, known, where)
            if (signal, of_side) not in limits:
                raise RecipeError(
                    f"{where}: {of_side}.{signal}: no rule on this side of the signal to give another number; "
                    "write it in `rules`, with its reason"
                )
            limits[signal, of_side] = dataclasses.replace(
                limits[signal, of_side], value=value, source=variant.source or where
            )
    return tuple(limits.values())


def _known(what: str, name: str, known: Iterable[str], where: str) -> None:
    if name not in known:
        raise RecipeError(f"{where}: {_unknown(what, name, known)}")


_SIDES: tuple[Literal["min"], Literal["max"]] = ("min", "max")


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    return f"{what} {name!r} is unknown{unknown(name, known)}"


def _encoded(signals: pa.RecordBatch | pa.Table, name: str) -> tuple[list[str], NDArray[np.int32]]:
    """The distinct strings of a column, and each row's position among them."""
    column = signals.column(name)
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = array.dictionary_encode()
    return encoded.dictionary.to_pylist(), numbers(encoded.indices)


def _values(signals: pa.RecordBatch | pa.Table, name: str) -> NDArray[Any]:
    column = signals.column(name)
    if column.null_count:
        column = column.cast(pa.float32()).fill_null(float("nan"))  # counts of word lists too: NaN is beyond no limit
        return numbers(column)
    values = numbers(column)
    if values.dtype != _dtype(name):
        raise TypeError(f"signal {name!r} must be {_dtype(name)}, not {values.dtype}")
    return values


def _dtype(signal: str) -> np.dtype[Any]:
    return np.dtype(np.uint32 if signal_type(signal) == pa.uint32() else np.float32)
