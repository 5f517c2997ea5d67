"""Derived seeds and identity hashes: the only source of randomness in anything that reaches a file.

A seed is a keyed 64-bit hash of (run seed, purpose, parts …). Nothing here depends on the process, the clock, the
platform's byte order or Python's ``hash()``.
"""

import hashlib
import struct
from collections.abc import Callable

import xxhash

Part = int | str | bytes


def _frame(part: Part) -> bytes:
    # Length-prefixed and typed, so that ("ab", "c") and ("a", "bc"), or 1 and "1", never meet.
    if isinstance(part, int):
        return b"i" + part.to_bytes(16, "little", signed=True)
    raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
    return (b"s" if isinstance(part, str) else b"b") + struct.pack("<Q", len(raw)) + raw


def derive_seed(run_seed: int, purpose: str, *parts: Part) -> int:
    """A uint64 seed for one purpose; equal arguments give equal seeds on every machine."""
    return seeds_of(run_seed, purpose)(*parts)


def seeds_of(run_seed: int, purpose: str, *parts: Part) -> Callable[..., int]:
    """`derive_seed` for many seeds that begin alike: seeds_of(s, p, a)(b, c) is derive_seed(s, p, a, b, c)."""
    begun = hashlib.blake2b(b"".join(map(_frame, (run_seed, purpose, *parts))), digest_size=8, person=b"corpus-seed")

    def seed(*rest: Part) -> int:
        digest = begun.copy()
        digest.update(b"".join(map(_frame, rest)))
        return int.from_bytes(digest.digest(), "little")

    return seed


def identity_key(source: str, *parts: Part) -> bytes:
    """The 16-byte key of a document: stable across runs, splits and file locations (ARCHITECTURE.md, section 3)."""
    return hashlib.blake2b(b"".join(map(_frame, (source, *parts))), digest_size=16, person=b"corpus-key").digest()


def content_digest(data: bytes | bytearray | memoryview) -> bytes:
    """XXH3-128 of the bytes: a checksum against damage, not against malice."""
    return xxhash.xxh3_128_digest(data)


def keyed_hash(seed: int, key: bytes) -> int:
    """A uint64 that orders or samples documents by identity: XXH3-64 of the key under a derived seed."""
    return xxhash.xxh3_64_intdigest(key, seed=seed)
