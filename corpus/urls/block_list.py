"""Lists of domains, URLs and words in the UT1 format: two sorted arrays of 64-bit hashes, and corpus.urls.url_words.

`domains` files: a domain (or IP address) a line; its subdomains are blocked with it. `urls` files: a host with the beginning
of a path a line, without scheme; what begins with it at a `/`, `?` or the end is blocked, and `www.` in front of a host counts
for nothing. Both are read as a browser reads URLs (corpus.urls.url_parsing), so no other spelling of a host or path escapes. Case,
ports, user names, fragments and a final dot or slash count for nothing either. Lines that are empty or begin with `#` are
passed over. Words are looked for where neither list has the URL.

Invariant: depends on the set of entries only. Memory: 8 bytes a domain or URL. A URL that is in no list is blocked by
accident with a probability of some 10 × entries / 2^64. Cost: some 25 µs a URL, 40 µs more with words; nothing without lists.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from corpus.columns import booleans, numbers
from corpus.seeds import content_digest
from corpus.urls.url_parsing import Parsed, parsed
from corpus.urls.url_words import MAX_HOST_CHARACTERS, MAX_URL_CHARACTERS, NO_WORDS, UrlWords

#: Of this module and of corpus.urls.url_words.
VERSION = 4

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
        domains = (_hash(parts.host) for line in _entries(domain_lines) if (parts := _parts(line)))
        urls = (_hash(_prefixes(parts)[0]) for line in _entries(url_lines) if (parts := _parts(line)))
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
        parts = _parts(url[:MAX_URL_CHARACTERS])
        if parts is None:
            return None  # no URL at all, as a bad IPv6 address
        return _first_in(self.domains, _parents(parts.host)) or _first_in(self.urls, _prefixes(parts))

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


def _parts(url: str) -> Parsed | None:
    """The parts of a URL, which may lack its scheme, as a browser reads them: nothing hides behind another spelling."""
    return parsed(url) or parsed(f"http://{url}")


def _parents(host: str) -> list[str]:
    """a.b.c, b.c, c; of an IP address itself alone."""
    labels = host.split(".")
    if labels[-1].isdigit() or host.startswith("[") or len(host) > MAX_HOST_CHARACTERS:
        return [host]
    return [".".join(labels[first:]) for first in range(len(labels))]


def _prefixes(parts: Parsed) -> list[str]:
    """The URL without scheme, port and fragment, and all that ends before one of its `/` and `?`."""
    query = "&".join(name if value is None else f"{name}={value}" for name, value in parts.query)
    whole = f"{parts.host.removeprefix('www.')}{parts.path}{'?' * bool(query)}{query}".lower().rstrip("/")
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
