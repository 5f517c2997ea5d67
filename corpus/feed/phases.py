"""The plan of all phases, in whole sequences: how much of each domain a phase reads, and where it begins.

Reads: the recipe's phases; the tokens of each domain (from the manifest). Writes: `phases/plan.json`, integers only.

A recipe's weight and cap of a name are those of all domains that it means (corpus.domains): the weight is divided as tokens
× repeats are, and a domain that is repeated N times may be read N times as often. Of two caps the more particular holds.

A domain is read as an endless stream, its tokens over and over: position x of the stream is token x mod T of the domain
in epoch x // T. A phase of N = steps × batch_size sequences of L tokens gives domain d a quota of n_d of them and reads
the stream in [begin, end), end = begin + n_d × L.

Invariants: the quotas are the weights' largest-remainder rounding and sum to N; a phase begins every domain where the
phase before it ended, so a changed mixture never repeats data before the epoch is over; end ≤ max_epochs × T, compared
as rational numbers. Equal recipe and counts give equal bytes.
Cost: O(phases × domains × log domains).
"""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from corpus.domains import name_among, names_of, repeats_of
from corpus.errors import RecipeError

if TYPE_CHECKING:  # the recipe needs pydantic, which a trainer's node never loads
    from corpus.recipe import Phase

#: Of plan.json and of the order it stands for (corpus.feed.order): a change that moves one sequence is a new format.
FORMAT = 1

DEFAULT_MAX_EPOCHS = Fraction(1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Domain:
    name: str
    tokens: int  # in one epoch

    @property
    def repeats(self) -> int:
        return repeats_of(self.name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """What one phase takes of one domain."""

    sequences: int
    begin: int  # tokens, position in the domain's endless stream
    end: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedPhase:
    name: str
    sequence_length: int  # tokens
    batch_size: int  # sequences of a global batch
    steps: int
    shares: tuple[Share, ...]  # of every domain of the plan, in its order; 0 sequences where the phase takes none

    @property
    def sequences(self) -> int:
        return self.steps * self.batch_size

    @property
    def tokens(self) -> int:
        return self.sequences * self.sequence_length


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShareReport:
    """A line of `corpus feed plan`: one domain in one phase."""

    phase: str
    domain: str
    sequences: int
    tokens: int
    weight: Fraction  # of the phase's tokens, after rounding to whole sequences
    epochs: Fraction  # passes over the domain up to the end of the phase


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhasePlan:
    """All phases of a run. Together with a step this is everything that decides what a trainer sees."""

    seed: int
    domains: tuple[Domain, ...]  # by name
    phases: tuple[PlannedPhase, ...]  # in the order of training

    def __post_init__(self) -> None:
        if [domain.name for domain in self.domains] != sorted({domain.name for domain in self.domains}):
            raise ValueError("domains are sorted by name, each once")
        if any(domain.tokens < 1 for domain in self.domains):
            raise ValueError("a domain has at least one token")
        cursors = [0] * len(self.domains)
        for phase in self.phases:
            if sum(share.sequences for share in phase.shares) != phase.sequences:
                raise ValueError(f"phase {phase.name!r}: the domains' sequences do not sum to {phase.sequences}")
            if [share.begin for share in phase.shares] != cursors:
                raise ValueError(f"phase {phase.name!r} does not begin where the phase before it ended")
            cursors = [share.begin + share.sequences * phase.sequence_length for share in phase.shares]
            if [share.end for share in phase.shares] != cursors:
                raise ValueError(f"phase {phase.name!r}: a domain's end is not begin + sequences × sequence_length")

    def phase(self, name: str) -> PlannedPhase:
        """Raises ValueError that names the phases there are."""
        for phase in self.phases:
            if phase.name == name:
                return phase
        known = ", ".join(phase.name for phase in self.phases) or "none"
        raise ValueError(f"no phase {name!r} in the plan; its phases: {known}")

    def report(self) -> list[ShareReport]:
        """One row per phase and domain it takes, in their order."""
        return [
            ShareReport(
                phase=phase.name,
                domain=domain.name,
                sequences=share.sequences,
                tokens=share.end - share.begin,
                weight=Fraction(share.sequences, phase.sequences),
                epochs=Fraction(share.end, domain.tokens),
            )
            for phase in self.phases
            for domain, share in zip(self.domains, phase.shares, strict=True)
            if share.sequences
        ]

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=1, sort_keys=True) + "\n"

    @staticmethod
    def from_json(text: str) -> "PhasePlan":
        """Raises ValueError for anything that `to_json` of this format does not write."""
        try:
            table = json.loads(text, parse_float=int)  # which refuses what is written as a float
            if (found := table["format"]) != FORMAT:
                raise ValueError(f"a plan of format {found}, where this version reads {FORMAT}")
            return PhasePlan(
                seed=table["seed"],
                domains=tuple(Domain(**domain) for domain in table["domains"]),
                phases=tuple(map(_phase_from_json, table["phases"])),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a plan of phases: {error!r}") from error


def plan_phases(recipe_phases: Sequence["Phase"], domain_tokens: Mapping[str, int], *, seed: int) -> PhasePlan:
    """The plan for the recipe's phases over what the manifest holds.

    Raises RecipeError, one line, for a domain without tokens, a phase shorter than a step and a cap that is exceeded.
    """
    domains = tuple(Domain(name=name, tokens=tokens) for name, tokens in sorted(domain_tokens.items()) if tokens > 0)
    cursors = [0] * len(domains)
    phases: list[PlannedPhase] = []
    for phase in recipe_phases:
        planned = _plan_phase(phase, domains, cursors)
        cursors = [share.end for share in planned.shares]
        phases.append(planned)
    return PhasePlan(seed=seed, domains=domains, phases=tuple(phases))


def apportion(total: int, weights: Sequence[Fraction]) -> list[int]:
    """`total` divided by largest remainder: each part is its exact share rounded down, or one more.

    The weights need not sum to 1, only to something above 0. Equal remainders: the first in the order given.
    """
    whole = sum(weights, start=Fraction(0))
    exact = [total * weight / whole for weight in weights]
    parts = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: parts[index] - exact[index])  # stable
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


def _plan_phase(phase: "Phase", domains: Sequence[Domain], cursors: Sequence[int]) -> PlannedPhase:
    steps = phase.tokens // (phase.sequence_length * phase.batch_size)
    if steps < 1:
        raise RecipeError(
            f"phase {phase.name!r}: tokens = {phase.tokens} is less than one step of "
            f"batch_size × sequence_length = {phase.batch_size * phase.sequence_length}"
        )
    weights = _weights(phase, domains)
    sequences = apportion(steps * phase.batch_size, weights)
    ends = [cursor + count * phase.sequence_length for cursor, count in zip(cursors, sequences, strict=True)]
    caps = _caps(phase, domains)
    for domain, count, end, cap in zip(domains, sequences, ends, caps, strict=True):
        if count and end > cap * domain.tokens:
            raise RecipeError(
                f"phase {phase.name!r}: {domain.name} would be read {_decimal(end, domain.tokens)} times by the end of "
                f"the phase, max_epochs allows {float(cap):g}; {_what_fits(phase, domains, cursors, weights, steps)}, "
                f"give {name_among(domain.name, phase.weights) or domain.name} less weight or raise its max_epochs"
            )
    return PlannedPhase(
        name=phase.name,
        sequence_length=phase.sequence_length,
        batch_size=phase.batch_size,
        steps=steps,
        shares=tuple(
            Share(sequences=count, begin=cursor, end=end)
            for count, cursor, end in zip(sequences, cursors, ends, strict=True)
        ),
    )


def _weights(phase: "Phase", domains: Sequence[Domain]) -> list[Fraction]:
    """The phase's weight of each domain; where the recipe gives none, the domain's tokens as often as they are repeated."""
    totals: dict[str, int] = {}  # by every name, tokens with repeats
    for domain in domains:
        for name in names_of(domain.name):
            totals[name] = totals.get(name, 0) + domain.tokens * domain.repeats
    for table in (phase.weights, phase.max_epochs):
        for name in sorted(table.keys() - totals):
            known = ", ".join(sorted(totals)) or "none"
            raise RecipeError(f"phase {phase.name!r}: domain {name!r} has no tokens in this run; domains: {known}")
    if not domains:
        raise RecipeError(f"phase {phase.name!r}: this run has no tokens to plan; see why its documents were dropped")
    if not phase.weights:
        return [Fraction(domain.tokens * domain.repeats) for domain in domains]
    weights = phase.exact_weights()
    if not any(weights.values()):
        raise RecipeError(f"phase {phase.name!r}: every weight is 0; they must sum to 1")
    named = [name_among(domain.name, weights) for domain in domains]
    return [
        Fraction(0) if name is None else weights[name] * domain.tokens * domain.repeats / totals[name]
        for domain, name in zip(domains, named, strict=True)
    ]


def _caps(phase: "Phase", domains: Sequence[Domain]) -> list[Fraction]:
    """Epochs up to the end of the phase, as the recipe writes them in decimal."""
    given = {name: Fraction(repr(epochs)) for name, epochs in phase.max_epochs.items()}
    named = [name_among(domain.name, given) for domain in domains]
    return [
        (DEFAULT_MAX_EPOCHS if name is None else given[name]) * domain.repeats
        for domain, name in zip(domains, named, strict=True)
    ]


def _what_fits(
    phase: "Phase", domains: Sequence[Domain], cursors: Sequence[int], weights: Sequence[Fraction], steps: int
) -> str:
    """The largest `tokens` for which the phase stays within every cap, said as advice; `steps` are too many.

    Found by bisection: one step more does not fit. (Rounding may let a slightly longer phase fit again; it is not
    looked for.)
    """
    length = phase.sequence_length
    rooms = [  # sequences up to the cap
        max(0, math.floor(cap * domain.tokens) - cursor) // length
        for domain, cap, cursor in zip(domains, _caps(phase, domains), cursors, strict=True)
    ]
    fitting, excessive = 0, steps
    while excessive - fitting > 1:
        middle = (fitting + excessive) // 2
        parts = apportion(middle * phase.batch_size, weights)
        if all(part <= room for part, room in zip(parts, rooms, strict=True)):
            fitting = middle
        else:
            excessive = middle
    if not fitting:
        return "not even one step fits"
    return f"tokens = {fitting * phase.batch_size * length} fits"


def _decimal(numerator: int, denominator: int) -> str:
    """Three decimals, rounded up: what exceeds a cap must not read as equal to it."""
    thousandths = -(-numerator * 1000 // denominator)
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"


def _phase_from_json(table: dict[str, Any]) -> PlannedPhase:
    return PlannedPhase(**{**table, "shares": tuple(Share(**share) for share in table["shares"])})
