"""Lists of domains, URLs and words in the UT1 format: two sorted arrays of 64-bit hashes, and corpus.urls.url_words.

`domains` files: a domain (or IP address) a line; its subdomains are blocked with it. `urls` files: a host with the beginning
of a path a line, without scheme; what begins with it at a `/`, `?` or the end is blocked, and `www.` in front of a host counts
for nothing. Case, ports, user names, fragments and a final dot or slash count for nothing either. Lines that are empty or
begin with `#` are passed over. Words are looked for where neither list has the URL.

Invariant: depends on the set of entries only. Memory: 8 bytes a domain or URL. A URL that is in no list is blocked by
accident with a probability of some 10 × entries / 2^64. Cost: some 15 µs a URL, 40 µs more with words; nothing without lists.
"""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from corpus.columns import booleans, numbers
from corpus.seeds import content_digest
from corpus.urls.url_words import MAX_HOST_CHARACTERS, MAX_URL_CHARACTERS, NO_WORDS, UrlWords

#: Of this module and of corpus.urls.url_words.
VERSION = 3

#: Rows of a stored list: a hash in one of the two arrays, or a word.
BLOCKED = pa.schema(
    [
        pa.field("is_domain", pa.bool_(), nullable=False),
        pa.field("hash", pa.uint64(), nullable=False),  # 0 beside a word
        pa.field("word", pa.string()),
    ]
)

UInt64s = npt.NDArray[np.uint64]


@dataclasses.dataclass(frozen=True, eq=False)
class BlockList:
    """Entries of any number of files."""

    domains: UInt64s  # sorted, distinct
    urls: UInt64s
    words: UrlWords = NO_WORDS

    @staticmethod
    def of(domain_lines: Iterable[bytes], url_lines: Iterable[bytes] = (), words: UrlWords = NO_WORDS) -> "BlockList":
        domains = (_hash(host) for line in _entries(domain_lines) if (host := _host(line)))
        urls = (_hash("/".join(filter(None, _host_and_path(line)))) for line in _entries(url_lines))
        return BlockList(np.unique(np.fromiter(domains, np.uint64)), np.unique(np.fromiter(urls, np.uint64)), words)

    @property
    def digest(self) -> str:
        words = "\n".join(sorted(self.words.entries)).encode()
        return content_digest(self.domains.tobytes() + b"|" + self.urls.tobytes() + b"|" + words).hex()

    def blocks(self, url: str | None) -> str | None:
        """The entry that blocks a URL, as `word WORD` where it is one; or None."""
        if not url:
            return None
        listed = self._listed(url) if len(self.domains) or len(self.urls) else None
        if listed is None and (word := self.words.found_in(url)) is not None:
            return f"word {word}"
        return listed

    def _listed(self, url: str) -> str | None:
        try:
            host, path = _host_and_path(
                urlsplit(url[:MAX_URL_CHARACTERS])._replace(scheme="").geturl().removeprefix("//")
            )
        except ValueError:
            return None  # no URL at all, as a bad IPv6 address
        return _first_in(self.domains, _parents(_host(host, www=True))) or _first_in(self.urls, _prefixes(host, path))

    def table(self) -> pa.Table:
        """The list as rows of BLOCKED."""
        words = sorted(self.words.entries)
        hashes = np.concatenate([self.domains, self.urls, np.zeros(len(words), np.uint64)])
        columns = {
            "is_domain": np.arange(len(hashes)) < len(self.domains),
            "hash": hashes,
            "word": pa.concat_arrays([pa.nulls(len(hashes) - len(words), pa.string()), pa.array(words, pa.string())]),
        }
        return pa.table(columns, schema=BLOCKED)

    @staticmethod
    def of_table(table: pa.Table) -> "BlockList":
        """The list of such rows."""
        words = frozenset(table["word"].drop_null().to_pylist())
        hashes, domains = numbers(table["hash"]), int(booleans(table["is_domain"]).sum())
        return BlockList(hashes[:domains], hashes[domains : len(hashes) - len(words)], UrlWords(words))


NOTHING_BLOCKED = BlockList(np.empty(0, np.uint64), np.empty(0, np.uint64))


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
    if not host.isascii() and len(host) <= MAX_HOST_CHARACTERS:  # Python's idna is quadratic
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
    if labels[-1].isdigit() or host.startswith("[") or len(host) > MAX_HOST_CHARACTERS:
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
