"""The order of a phase as arithmetic: slot ↔ (domain, sequence), both ways, without an index.

Reads: a plan (corpus.feed.phases). Slot i of a phase is the i-th sequence that training sees; step s of batch size B is
the slots [sB, (s+1)B). Sequence k of a domain is the tokens [begin + kL, begin + (k+1)L) of its endless stream.

1. *Mixture.* Of a domain with quota n, the j-th sequence to be seen stands at (j + 1/2) / n of the phase. Sorted by
   that, ties by domain, all N sequences have a rank; block b of BLOCK_SLOTS slots holds the ranks
   [b × BLOCK_SLOTS, (b+1) × BLOCK_SLOTS). So after every block each
   domain is within (domains + 1) / 2 sequences of its exact share.
2. *Inside a block* a keyed permutation says which slot belongs to which domain; the j of a domain ascend with
   the slots.
3. *Inside a domain* the j-th to be seen is sequence π(j), π a keyed Feistel permutation. Each epoch is permuted by
   itself, and a sequence over an epoch's end stays at its place, so no token is seen again before every token of
   its domain was seen as often. That holds across phases, since each begins where the last ended.

Invariants: `locate` is a bijection of the slots onto the pairs, `slot_of` its inverse. All arithmetic is on integers,
and no random generator is used, so the order is the same on every machine and with every version of NumPy.
Cost: O(D log D) for a block's boundary and O(BLOCK_SLOTS) for its slots (some 3 ms), whatever N is; a block is kept
while it is in use. `slot_of` is O(D) and the making of a block.
"""

import functools
import heapq
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from corpus.feed.phases import PhasePlan
from corpus.seeds import derive_seed

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]

#: Part of the plan's format, as the number of rounds is.
BLOCK_SLOTS = 4096
FEISTEL_ROUNDS = 8

#: Blocks that are kept: a batch of 32,768 sequences, and what a second reader looks at.
KEPT_BLOCKS = 16


class PhaseOrder:
    """The order of one phase of a plan."""

    def __init__(self, plan: PhasePlan, phase: str) -> None:
        planned = plan.phase(phase)
        self.slots = planned.sequences
        self.quotas = [share.sequences for share in planned.shares]
        self._length = planned.sequence_length
        self._begins = np.array([share.begin for share in planned.shares], np.int64)  # (domains,)
        self._ends = np.array([share.end for share in planned.shares], np.int64)
        self._epoch_tokens = np.array([domain.tokens for domain in plan.domains], np.int64)
        self._domain_keys = np.array(
            [derive_seed(plan.seed, "sequences", phase, domain.name) for domain in plan.domains], np.uint64
        )
        self._block_key = functools.partial(derive_seed, plan.seed, "slots", phase)
        # Caches of the instance's own: a decorated method would keep every order alive.
        self._block = functools.lru_cache(maxsize=KEPT_BLOCKS)(self._make_block)
        self._boundary = functools.lru_cache(maxsize=2 * KEPT_BLOCKS)(self._make_boundary)

    def locate(self, slots: Integers | Sequence[int]) -> tuple[Integers, Integers]:
        """Domain (index in the plan) and sequence number of each slot: two arrays of the slots' length.

        Raises IndexError for a slot that the phase does not have.
        """
        asked = np.asarray(slots, np.int64)
        if asked.size and (asked.min() < 0 or asked.max() >= self.slots):
            raise IndexError(f"slots are 0 to {self.slots - 1}; asked for {asked.min()} to {asked.max()}")
        domains, sequences = np.empty_like(asked), np.empty_like(asked)
        blocks = asked // BLOCK_SLOTS
        for block in np.unique(blocks).tolist():
            here = blocks == block
            within = asked[here] - block * BLOCK_SLOTS
            block_domains, block_sequences = self._block(block)
            domains[here], sequences[here] = block_domains[within], block_sequences[within]
        return domains, sequences

    def slot_of(self, domain: int, sequence: int) -> int:
        """The slot at which a sequence of a domain is seen: the inverse of `locate`.

        Raises IndexError for a sequence that the phase does not have.
        """
        if not (0 <= domain < len(self.quotas) and 0 <= sequence < self.quotas[domain]):
            raise IndexError(f"the phase has no sequence {sequence} of domain {domain}; sequences are {self.quotas}")
        one = np.array([domain], np.int64), np.array([sequence], np.int64)
        turn = int(self._permute(*one, inverse=True)[0])  # j
        block = rank_of(self.quotas, domain, turn) // BLOCK_SLOTS
        earlier = self._boundary(block)[domain]
        slots = np.flatnonzero(self._block(block)[0] == domain)  # the domain's, ascending as its j do
        return block * BLOCK_SLOTS + int(slots[turn - earlier])

    def _make_boundary(self, block: int) -> list[int]:
        return counts_below(self.quotas, min(block * BLOCK_SLOTS, self.slots))

    def _make_block(self, block: int) -> tuple[Integers, Integers]:
        """Domain and sequence of each slot of a block: two arrays of (slots in the block,)."""
        earlier = np.array(self._boundary(block), np.int64)
        counts = np.array(self._boundary(block + 1), np.int64) - earlier
        by_domain = np.repeat(np.arange(len(counts)), counts)
        domains = by_domain[keyed_permutation(len(by_domain), key=self._block_key(block))]
        # The first slot of domain d gets the block's first j of d, the second the next: ranks among equal domains.
        turns = np.empty_like(domains)
        firsts = np.cumsum(counts) - counts
        turns[np.argsort(domains, kind="stable")] = np.arange(len(domains)) - np.repeat(firsts - earlier, counts)
        return domains, self._permute(domains, turns, inverse=False)

    def _permute(self, domains: Integers, turns: Integers, *, inverse: bool) -> Integers:
        """π (or its inverse) of each domain's j: (n,), (n,) → (n,).

        The sequences that lie whole within one epoch are permuted among themselves; one over its end is its own image.
        """
        length, begins, tokens = self._length, self._begins[domains], self._epoch_tokens[domains]
        starts = begins + turns * length
        epochs = starts // tokens
        over_the_end = (starts + length - 1) // tokens != epochs
        lows = np.maximum(0, -((begins - epochs * tokens) // length))  # first sequence that begins in the epoch
        stops = np.minimum(self._ends[domains], (epochs + 1) * tokens)
        highs = (stops - begins) // length  # first that does not end in it
        sizes = np.where(over_the_end, 1, highs - lows)
        lows = np.where(over_the_end, turns, lows)
        keys = mix(self._domain_keys[domains] + epochs.astype(np.uint64))
        permuted = feistel((turns - lows).astype(np.uint64), sizes=sizes.astype(np.uint64), keys=keys, inverse=inverse)
        return lows + permuted.astype(np.int64)


def counts_below(quotas: Sequence[int], rank: int) -> list[int]:
    """How many sequences of each domain have a rank below `rank`: they sum to it, and each grows with it.

    The counts below the *fraction* rank / N of the phase are right to half a sequence a domain; what the sum lacks or
    has too many are then the next or the last in the ranking.
    """
    total = sum(quotas)
    # #{j : (j + 1/2) / n < rank / total}
    counts = [(2 * quota * rank + total - 1) // (2 * total) if total else 0 for quota in quotas]
    missing = rank - sum(counts)
    step = 1 if missing > 0 else -1

    def candidate(domain: int) -> tuple[Fraction, int]:
        """The domain's next (or, negative, its last) place in the ranking: the least of all comes first."""
        return step * Fraction(2 * counts[domain] + step, 2 * quotas[domain]), step * domain

    heap = [candidate(domain) for domain, quota in enumerate(quotas) if quota] if missing else []
    heapq.heapify(heap)
    for _ in range(abs(missing)):
        domain = step * heap[0][1]
        counts[domain] += step
        heapq.heapreplace(heap, candidate(domain))
    return counts


def rank_of(quotas: Sequence[int], domain: int, turn: int) -> int:
    """The rank of a domain's j-th sequence: how many of all domains stand before (j + 1/2) / n, ties by domain."""
    quota, odd = quotas[domain], 2 * turn + 1
    return sum(
        # #{i : (2i + 1) / 2m < odd / 2n}, and in the domains before, those equal to it too
        (odd * other + quota - (0 if index < domain else 1)) // (2 * quota)
        for index, other in enumerate(quotas)
    )


def keyed_permutation(size: int, *, key: int) -> Integers:
    """A permutation of range(size): the order of the mixed numbers, which are distinct, as `mix` is a bijection."""
    return np.argsort(mix(np.arange(size, dtype=np.uint64) ^ np.uint64(key)), kind="stable")


def mix(words: Words) -> Words:
    """The finalizer of splitmix64 after one step of its counter: a bijection of 64-bit words that scatters them."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def feistel(numbers: Words, *, sizes: Words, keys: Words, inverse: bool) -> Words:
    """A keyed permutation of [0, size) at each number, or its inverse: (n,), (n,), (n,) → (n,).

    A Feistel network permutes the numbers of the fewest bits that hold size - 1; one that falls outside the range is
    permuted again until it falls inside (cycle walking, fewer than two rounds on average).
    """
    result = numbers.copy()
    outside = np.flatnonzero(sizes > np.uint64(1))  # of the others there is one permutation
    while outside.size:
        result[outside] = _feistel_bits(result[outside], sizes[outside], keys[outside], inverse=inverse)
        outside = outside[result[outside] >= sizes[outside]]
    return result


def _feistel_bits(numbers: Words, sizes: Words, keys: Words, *, inverse: bool) -> Words:
    """One pass through the network over [0, 2^bits): each half in turn takes up a mix of the other."""
    bits = _bit_length(sizes - np.uint64(1))
    low_bits = bits >> np.uint64(1)
    low_mask = (np.uint64(1) << low_bits) - np.uint64(1)
    high_mask = (np.uint64(1) << (bits - low_bits)) - np.uint64(1)
    low: Words = numbers & low_mask
    high: Words = numbers >> low_bits
    for number in range(FEISTEL_ROUNDS)[:: -1 if inverse else 1]:
        round_keys = mix(keys ^ np.uint64(number))
        if number % 2:
            low = low ^ (mix(high ^ round_keys) & low_mask)
        else:
            high = high ^ (mix(low ^ round_keys) & high_mask)
    return (high << low_bits) | low


def _bit_length(words: Words) -> Words:
    for shift in (1, 2, 4, 8, 16, 32):
        words = words | (words >> np.uint64(shift))
    lengths: Words = np.bitwise_count(words).astype(np.uint64)
    return lengths
