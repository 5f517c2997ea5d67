"""Lists of blocked domains and URLs in the UT1 format, as two sorted arrays of 64-bit hashes.

`domains` files: a domain (or IP address) a line; its subdomains are blocked with it. `urls` files: a host with the beginning
of a path a line, without scheme; what begins with it at a `/`, `?` or the end is blocked, and `www.` in front of a host counts
for nothing. Case, ports, user names, fragments and a final dot or slash count for nothing either. Lines that are empty or
begin with `#` are passed over.

Invariant: depends on the set of entries only. Memory: 8 bytes an entry. A URL that is in no list is blocked by accident with
a probability of some 10 × entries / 2^64. Cost: some 15 µs a URL; nothing without lists.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from corpus.seeds import content_digest
from corpus.storage import ipc

VERSION = 1

#: Rows of a stored list: which of the two arrays, and a hash.
BLOCKED = pa.schema([pa.field("is_domain", pa.bool_(), nullable=False), pa.field("hash", pa.uint64(), nullable=False)])

UInt64s = npt.NDArray[np.uint64]


@dataclasses.dataclass(frozen=True, eq=False)
class BlockList:
    """Entries of any number of files."""

    domains: UInt64s  # sorted, distinct
    urls: UInt64s

    @staticmethod
    def of(domain_lines: Iterable[bytes], url_lines: Iterable[bytes]) -> "BlockList":
        domains = (_hash(host) for line in _entries(domain_lines) if (host := _host(line)))
        urls = (_hash("/".join(filter(None, _host_and_path(line)))) for line in _entries(url_lines))
        return BlockList(*(np.unique(np.fromiter(hashes, np.uint64)) for hashes in (domains, urls)))

    @property
    def digest(self) -> str:
        return content_digest(self.domains.tobytes() + b"|" + self.urls.tobytes()).hex()

    def blocks(self, url: str | None) -> str | None:
        """The entry that blocks a URL, or None."""
        if not url or not (len(self.domains) or len(self.urls)):
            return None
        try:
            host, path = _host_and_path(urlsplit(url)._replace(scheme="").geturl().removeprefix("//"))
        except ValueError:
            return None  # no URL at all, as a bad IPv6 address
        return _first_in(self.domains, _parents(_host(host, www=True))) or _first_in(self.urls, _prefixes(host, path))

    def write(self, url: str) -> None:
        """Stores the list where workers find it."""
        kinds = np.repeat([True, False], [len(self.domains), len(self.urls)])
        table = pa.table({"is_domain": kinds, "hash": np.concatenate([self.domains, self.urls])}, schema=BLOCKED)
        ipc.write_table(url, table, BLOCKED)


NOTHING_BLOCKED = BlockList(np.empty(0, np.uint64), np.empty(0, np.uint64))


@functools.lru_cache(maxsize=64)
def read_block_list(url: str) -> BlockList:
    """A stored list; once a process."""
    table = ipc.open_table(url, BLOCKED)
    domain, urls = (table.filter(mask)["hash"] for mask in (table["is_domain"], pa.compute.invert(table["is_domain"])))
    arrays = [np.array([value.as_py() for value in column], np.uint64) for column in (domain, urls)]
    return BlockList(*arrays)


def _entries(lines: Iterable[bytes]) -> Iterator[str]:
    for line in lines:
        entry = line.decode("utf-8", "replace").strip().lower()
        if entry and not entry.startswith("#"):
            yield entry.partition("://")[2] or entry


def _host(authority: str, *, www: bool = True) -> str:
    """The host of `user@host:port`, in ASCII letters."""
    host = authority.rpartition("@")[2].partition("/")[0]
    if not host.startswith("["):
        host = host.partition(":")[0]
    host = host.strip(".").lower()
    if not host.isascii():
        with contextlib.suppress(UnicodeError):
            host = host.encode("idna").decode()
    return host if www else host.removeprefix("www.")


def _host_and_path(url: str) -> tuple[str, str]:
    """(host, path with query) of a URL without scheme."""
    authority, slash, path = url.lower().partition("#")[0].partition("/")
    if not slash and "?" in authority:
        authority, _, path = authority.partition("?")
        path = "?" + path
    return _host(authority, www=False), path.strip("/")


def _parents(host: str) -> list[str]:
    """a.b.c, b.c, c; of an IP address itself alone."""
    labels = host.split(".")
    if labels[-1].isdigit() or host.startswith("["):
        return [host]
    return [".".join(labels[first:]) for first in range(len(labels))]


def _prefixes(host: str, path: str) -> list[str]:
    """The URL and all that ends before one of its `/` and `?`."""
    whole = f"{host}/{path}" if path else host
    ends = [place for place, character in enumerate(whole) if character in "/?"][:64]
    return [whole, *(whole[:end].rstrip("/") for end in reversed(ends))]


def _hash(entry: str) -> int:
    return xxhash.xxh3_64_intdigest(entry.encode("utf-8", "replace"))


def _first_in(hashes: UInt64s, candidates: list[str]) -> str | None:
    if not len(hashes):
        return None
    wanted = np.array([_hash(candidate) for candidate in candidates], np.uint64)
    places = np.minimum(np.searchsorted(hashes, wanted), len(hashes) - 1)
    found = np.flatnonzero(hashes[places] == wanted)
    return candidates[int(found[0])] if len(found) else None
